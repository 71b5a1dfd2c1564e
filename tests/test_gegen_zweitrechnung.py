"""The product against the second implementation: every key that one computes, on random Bestände."""

import pytest
from zufallsbestand import als_csv, quartale, zufallsbestand
from zweitrechnung import kennzahlen, vergleiche

from traeger_lib import analyse, load


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
