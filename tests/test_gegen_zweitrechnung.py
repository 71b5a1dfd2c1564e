"""The product against the second implementation: every key that one computes, on random Bestände; and against its own checks."""

import random

import pytest
from zufallsbestand import als_csv, quartale, zufallsbestand
from zweitrechnung import kennzahlen, vergleiche

from traeger_lib import analyse, load
from traeger_lib.inputs.faults import Fehlerliste
from traeger_lib.inputs.reading import lies


def unterschiede(seed: int, ordner) -> list[str]:
    tabellen, angaben = zufallsbestand(seed)
    als_csv(tabellen, angaben, ordner)
    bestand = load(ordner)
    return [f"Seed {seed}, {t['traeger_id']}, {q}: {u}" for q in quartale(angaben) for t in tabellen["traeger"]
            for u in vergleiche(kennzahlen(tabellen, angaben, t["traeger_id"], q), analyse(bestand, t["traeger_id"], q).kennzahlen())]


@pytest.mark.parametrize("block", range(4))
def test_agrees_with_the_second_implementation(block, tmp_path):
    for seed in range(10 * block, 10 * block + 10):
        assert unterschiede(seed, tmp_path / str(seed)) == []


@pytest.mark.soak
@pytest.mark.parametrize("block", range(40))
def test_agrees_on_2000_random_bestaende(block, tmp_path):
    for seed in range(50 * block, 50 * block + 50):
        assert unterschiede(seed, tmp_path / str(seed)) == []


def mit_luecken(seed: int) -> tuple[dict, dict]:
    """A random Bestand with rates missing: whole rows, their last months, later decisions, factors; sometimes without a budget."""
    wuerfel, (tabellen, angaben) = random.Random(seed), zufallsbestand(seed)
    neu = []
    for e in tabellen["entgelte"]:
        art = wuerfel.random()
        if art < 0.04:
            continue
        if art < 0.10 and e["gueltig_bis"] is None:
            e = e | {"gueltig_bis": max(e["gueltig_ab"], angaben["datenstand"].replace(month=wuerfel.randrange(1, 13), day=28))}
        neu.append(e | {"abwesenheit_faktor": None} if wuerfel.random() < 0.15 else e)
    tabellen = tabellen | {"entgelte": neu}
    if wuerfel.random() < 0.2:
        tabellen["budgets"] = []
    return tabellen, angaben


def verweigert(seed: int, ordner) -> tuple[int, list[str]]:
    """How many provider-quarters were computed, and what was refused though the check had found nothing."""
    tabellen, angaben = mit_luecken(seed)
    als_csv(tabellen, angaben, ordner)
    try:
        bestand, fehler = lies(ordner)
    except Fehlerliste:
        return 0, []
    gerechnet, klagen = 0, []
    for i in set(bestand.traeger_ids) - {f.traeger_id for f in fehler}:
        for q in quartale(angaben):
            try:
                analyse(bestand, i, q)
                gerechnet += 1
            except Fehlerliste as e:
                klagen.append(f"Seed {seed}, {i}, {q}: {e}")
    return gerechnet, klagen


def test_what_the_check_accepts_is_computed(tmp_path):
    """`traeger check` names every fault: no report may fail for a missing rate afterwards."""
    ergebnisse = [verweigert(seed, tmp_path / str(seed)) for seed in range(30)]
    assert [k for _, klagen in ergebnisse for k in klagen] == []
    assert sum(n for n, _ in ergebnisse) > 20


@pytest.mark.soak
def test_what_the_check_accepts_is_computed_on_2000(tmp_path):
    ergebnisse = [verweigert(seed, tmp_path / str(seed)) for seed in range(30, 2030)]
    assert [k for _, klagen in ergebnisse for k in klagen] == [] and sum(n for n, _ in ergebnisse) > 1000
