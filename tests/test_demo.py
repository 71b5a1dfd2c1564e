"""The synthetic Bestand is reproducible, valid by the contract and holds the characters that were promised.

The day counts are done again here, day by day and without numpy, so that they check the generator's own counting.
"""

from __future__ import annotations

import tomllib
from collections import Counter, defaultdict
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from traeger_lib.inputs.demo import DATEN, KOSTENTRAEGER, N_EIGENE, erzeuge, profil, schreibe_demo, simuliere
from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.inputs.reading import load
from traeger_lib.inputs.schema import TABELLEN

BEISPIEL = Path(__file__).parents[1] / "data" / "beispiel"
EIGENE = set(KOSTENTRAEGER[:N_EIGENE])
ENDE_OFFEN = date(9999, 1, 1).toordinal()
DATENSTAND = date(2026, 3, 31).toordinal()
Tabellen = dict[str, list[dict[str, str]]]


def tag(text: str) -> int:
    """Day number of TT.MM.JJJJ; an empty cell is open."""
    return datetime.strptime(text, "%d.%m.%Y").toordinal() if text else ENDE_OFFEN


def cent(text: str) -> int:
    return int(text.replace(",", ""))


def aus(providers: int, years: int, seed: int) -> Tabellen:
    return {name: frame.to_dict("records") for name, frame in erzeuge(providers, years, seed).items()}


@pytest.fixture(scope="module")
def acht() -> Tabellen:
    return aus(8, 6, 2026)


def praesenzen(t: Tabellen) -> dict[tuple[str, str], list[list[int]]]:
    """Presences of each person in each offer: rows that follow on the next day joined. Fails where rows overlap."""
    zeilen = defaultdict(list)
    for f in t["faelle"]:
        zeilen[f["person_id"], f["angebot_id"]].append((tag(f["beginn"]), tag(f["ende"])))
    ergebnis: dict[tuple[str, str], list[list[int]]] = {}
    for schluessel, paare in zeilen.items():
        liste = ergebnis.setdefault(schluessel, [])
        for von, bis in sorted(paare):
            assert von <= bis and von <= DATENSTAND and (bis <= DATENSTAND or bis == ENDE_OFFEN)
            assert not liste or von > liste[-1][1], "overlapping stays in one offer"
            if liste and liste[-1][1] + 1 == von:
                liste[-1][1] = bis
            else:
                liste.append([von, bis])
    return ergebnis


def plan_tage(t: Tabellen) -> Counter[tuple[int, str, str]]:
    """Paid days by year, offer and need group, of the cases of the deviation, counted one by one (the contract)."""
    anwesend, traeger = praesenzen(t), {a["angebot_id"]: a["traeger_id"] for a in t["angebote"]}
    regel = {v["traeger_id"]: v for v in t["verfahren"]}
    beginnt = defaultdict(set)
    for (person, angebot), liste in anwesend.items():
        for von, _ in liste:
            beginnt[person, von].add(angebot)
    zaehlt_nicht: set[tuple[str, str, int]] = set()
    for (person, angebot), liste in anwesend.items():
        for von, bis in liste:
            umzug = bool(beginnt[person, bis] - {angebot})
            if umzug or (regel[traeger[angebot]]["austrittstag_zaehlt"] == "nein" and bis > von):
                zaehlt_nicht.add((person, angebot, bis))
    konto: Counter[tuple[str, str, int]] = Counter()
    for a in sorted(t["abwesenheiten"], key=lambda a: tag(a["beginn"])):
        v = regel[traeger[a["angebot_id"]]]
        if v["abwesenheit_volle_tage"]:
            for d in range(tag(a["beginn"]) + int(v["abwesenheit_volle_tage"]), tag(a["ende"]) + 1):
                konto[a["person_id"], a["angebot_id"], date.fromordinal(d).year] += 1
                bisher = konto[a["person_id"], a["angebot_id"], date.fromordinal(d).year]
                if bisher > int(v["abwesenheit_max_tage_jahr"] or 366):
                    zaehlt_nicht.add((a["person_id"], a["angebot_id"], d))
    tage: Counter[tuple[int, str, str]] = Counter()
    for f in t["faelle"]:
        if f["kostentraeger"] in EIGENE and f["kostenzusage"] != "nein" and f["besonderheit"] != "einzelfallsetting":
            for d in range(tag(f["beginn"]), min(tag(f["ende"]), DATENSTAND) + 1):
                if (f["person_id"], f["angebot_id"], d) not in zaehlt_nicht:
                    tage[date.fromordinal(d).year, f["angebot_id"], f["hbg"]] += 1
    return tage


def pruefe(t: Tabellen) -> None:
    """Rules of the contract that need no other code of the package."""
    anwesend, angebote = praesenzen(t), {a["angebot_id"]: a for a in t["angebote"]}
    for tabelle in TABELLEN.values():
        for zeile in t[tabelle.name]:
            assert all(zeile[s] for s in tabelle.pflichtspalten), (tabelle.name, zeile)
        if tabelle.schluessel:
            assert len({tuple(z[k] for k in tabelle.schluessel) for z in t[tabelle.name]}) == len(t[tabelle.name])
    letzte: dict[tuple[str, str], int] = {}
    for a in sorted(t["abwesenheiten"], key=lambda a: tag(a["beginn"])):
        schluessel, von, bis = (a["person_id"], a["angebot_id"]), tag(a["beginn"]), tag(a["ende"])
        assert any(p <= von <= bis <= q for p, q in anwesend[schluessel])
        assert von > letzte.get(schluessel, 0)
        letzte[schluessel] = bis
    tarife = defaultdict(list)
    for e in t["entgelte"]:
        teile = ("grundpauschale", "massnahmepauschale", "investitionsbetrag")
        assert cent(e["gesamt"]) == sum(cent(e[k]) for k in teile)
        tarife[e["angebot_id"], e["hbg"]].append((tag(e["gueltig_ab"]), tag(e["gueltig_bis"])))
    for f in t["faelle"]:
        perioden = sorted(tarife[f["angebot_id"], f["hbg"]])
        assert perioden[0][0] <= tag(f["beginn"]) and perioden[-1][1] == ENDE_OFFEN
        assert all(b >= a2 - 1 for (_, b), (a2, _) in pairwise(perioden))
        assert (f["s"] == "ja") == bool(f["hbg_ausgang"])
        assert f["s"] != "ja" or int(f["hbg_ausgang"]) == int(f["hbg"]) + 1
    for b in t["budgets"]:
        assert b["art"] == "pauschal" or angebote[b["angebot_id"]]["im_budget"] == "ja"
    je_traeger = defaultdict(set)
    for person, angebot in anwesend:
        je_traeger[person].add(angebote[angebot]["traeger_id"])
    assert all(len(x) == 1 for x in je_traeger.values())
    belegung: Counter[tuple[str, int]] = Counter()
    for (_, angebot), liste in anwesend.items():
        for von, bis in liste:
            for monatserster in (date(j, 7, 2).toordinal() for j in range(2018, 2026)):
                belegung[angebot, monatserster] += von <= monatserster <= bis
    assert all(not angebote[a]["plaetze"] or n <= int(angebote[a]["plaetze"]) for (a, _), n in belegung.items())


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    erste = schreibe_demo(tmp_path / "a", seed=7)
    zweite = schreibe_demo(tmp_path / "b", seed=7)
    assert [p.read_bytes() for p in erste] == [p.read_bytes() for p in zweite]
    assert aus(3, 6, 7) != aus(3, 6, 8)


def test_provider_does_not_depend_on_the_number_of_others() -> None:
    wenige, viele = aus(2, 6, 2026), aus(9, 6, 2026)
    assert viele["faelle"][:len(wenige["faelle"])] == wenige["faelle"]


def test_tracked_example_is_what_the_generator_writes(tmp_path: Path) -> None:
    for pfad in schreibe_demo(tmp_path / "neu"):
        assert (BEISPIEL / pfad.name).read_bytes() == pfad.read_bytes(), "run `traeger demo data/beispiel`"
    assert sum(p.stat().st_size for p in BEISPIEL.iterdir()) < 1_000_000


@pytest.mark.parametrize(("providers", "years", "seed"), [(8, 6, 2026), (30, 6, 1), (12, 3, 99), (8, 1, 5), (9, 9, 4)])
def test_valid_by_the_contract(providers: int, years: int, seed: int) -> None:
    t = aus(providers, years, seed)
    pruefe(t)
    assert len(t["traeger"]) == providers


@pytest.mark.parametrize(("providers", "seed"), [(8, 2026), (25, 3)])
def test_budget_places_are_the_average_places_of_the_base_year(providers: int, seed: int) -> None:
    t = aus(providers, 6, seed)
    tage, mit_faellen = plan_tage(t), {f["angebot_id"] for f in t["faelle"]}
    geprueft = 0
    for b in t["budgets"]:
        if b["art"] == "fallbezogen" and b["basisjahr"] and b["angebot_id"] in mit_faellen:
            jahr = int(b["basisjahr"])
            n = 366 if jahr % 4 == 0 else 365
            assert cent(b["plaetze_plan"]) == (tage[jahr, b["angebot_id"], b["hbg"]] * 200 + n) // (2 * n)
            geprueft += 1
    assert geprueft > 100


def test_monthly_aggregates_agree_with_budget_and_balance(acht: Tabellen) -> None:
    see = [f for f in acht["fallzahlen"] if f["kostentraeger"] in EIGENE]
    for b in acht["budgets"]:
        if b["traeger_id"] == "BSP-SEE" and b["art"] == "fallbezogen":
            tage = sum(int(f["belegungstage"]) + int(f["abwesenheitstage"]) for f in see
                       if (f["angebot_id"], f["hbg"], f["monat"][:4]) == (b["angebot_id"], b["hbg"], b["basisjahr"]))
            n = 366 if int(b["basisjahr"]) % 4 == 0 else 365
            assert cent(b["plaetze_plan"]) == (tage * 200 + n) // (2 * n)
    frame = pd.DataFrame(acht["fallzahlen"])
    zahlen = frame[["stichtagszahl", "zugaenge", "abgaenge"]].astype(int)
    je_monat = zahlen.groupby([frame["angebot_id"], frame["kostentraeger"], frame["monat"]]).sum().reset_index()
    for _, g in je_monat.groupby(["angebot_id", "kostentraeger"]):
        netto = (g["zugaenge"] - g["abgaenge"]).to_numpy()
        assert (np.cumsum(netto) == g["stichtagszahl"].to_numpy()).all()
    assert (frame["belegungstage"] == "0").any(), "a few rows of zeros were promised"


def test_the_promised_characters_exist(acht: Tabellen) -> None:
    t, tage = acht, plan_tage(acht)
    angebote = defaultdict(list)
    for a in t["angebote"]:
        angebote[a["traeger_id"]].append(a)
    assert [x["traeger_id"] for x in t["traeger"]] == [f"BSP-{p['kuerzel']}" for p in DATEN["profile"]]
    assert {len(x) for x in angebote.values()} >= {1, 2, 3, 4}
    assert [a["im_budget"] for a in angebote["BSP-WEST"]].count("ja") == 1 < len(angebote["BSP-WEST"])
    assert {e["hbg"] for e in t["entgelte"] if e["angebot_id"].startswith("FLUSS")} == {"ohne"}
    hafen = [tag(f["beginn"]) for f in t["faelle"] if f["angebot_id"].startswith("HAFEN")]
    assert min(hafen) == date(2025, 2, 1).toordinal()
    assert {b["basisjahr"] for b in t["budgets"] if b["traeger_id"] == "BSP-HAFEN"} == {""}
    assert {(b["budgetjahr"], b["basisjahr"]) for b in t["budgets"] if b["traeger_id"] == "BSP-NORD"} == {
        ("2025", "2023"), ("2026", "2024")}
    assert [sum(tage[jahr, a, "5"] for a in ("OST-ABW", "OST-TF")) > 0 for jahr in (2022, 2025)] == [True, False]
    assert not any(f["angebot_id"].startswith("SEE") for f in t["faelle"])
    assert {f["angebot_id"] for f in t["fallzahlen"]} == {"SEE-BW", "SEE-TF"}
    fassungen = {(b["traeger_id"], b["beschlossen_am"][3:]) for b in t["budgets"] if b["version"] == "2"}
    assert fassungen == {("BSP-SUED", "02.2026")}
    assert {x["budget_beginn"] for x in t["traeger"]} == {"01.01.2025", "01.02.2025", "01.07.2025"}
    spaet = [e for e in t["entgelte"] if e["beschlossen_am"] and tag(e["beschlossen_am"]) > tag(e["gueltig_ab"])]
    assert spaet and {e["angebot_id"] for e in spaet} == {"BERG-BW"}
    assert {v["traeger_id"] for v in t["verfahren"] if v["korridor_oben_prozent"]} == {"BSP-NORD"}
    assert {v["traeger_id"] for v in t["verfahren"] if v["personalanteil_nach"]} == {"BSP-BERG"}
    assert {f["besonderheit"] for f in t["faelle"]} == {
        "", "zusatzbetreuung", "einzelfallsetting", "stand_by", "klassische_assistenz"}
    assert {f["kostenzusage"] for f in t["faelle"]} == {"", "nein"} == {f["hilfe_zur_pflege"].replace("ja", "nein")
                                                                         for f in t["faelle"]}
    assert {m["status"] for m in t["massnahmen"]} == {"laufend", "abgeschlossen", "nicht_begonnen", "zurueckgestellt"}
    assert any(m["status"] == "laufend" and tag(m["faellig"]) < DATENSTAND for m in t["massnahmen"])
    assert {x["quartal"] for x in t["termine"]} == {"2025Q3", "2025Q4", "2026Q1", "2026Q2"}
    mai = [x["termin"] for x in t["termine"] if x["quartal"] == "2026Q1"]
    assert all("04.05.2026" <= x <= "08.05.2026" for x in mai)
    assert all(x["email"].endswith("@example.org") for x in t["verteiler"])
    assert all(f["s"] != "ja" or tag(f["beginn"]) >= date(2025, 1, 1).toordinal() for f in t["faelle"])
    je_person = defaultdict(set)
    for f in t["faelle"]:
        je_person[f["person_id"]].add(f["angebot_id"])
    assert sum(len(x) > 1 for x in je_person.values()) > 50
    lang = [a for a in t["abwesenheiten"] if tag(a["ende"]) - tag(a["beginn"]) > 28]
    assert any(a["beginn"][6:] != a["ende"][6:] for a in lang) and len(lang) < len(t["abwesenheiten"]) / 10


def test_moves_on_the_same_and_on_the_next_day(acht: Tabellen) -> None:
    ende, beginn = defaultdict(set), defaultdict(set)
    for (person, angebot), liste in praesenzen(acht).items():
        for von, bis in liste:
            beginn[person, von].add(angebot)
            ende[person, bis].add(angebot)
    for versatz in (0, 1):
        assert sum(bool(beginn[p, d + versatz] - a) for (p, d), a in ende.copy().items()) >= 10


def test_the_break_of_2021_shows_in_one_service_type_only(acht: Tabellen) -> None:
    assert [(b["art"], b["leistungstyp"]) for b in acht["brueche"]] == [("untererfassung", "Tagesförderung")]
    typ = {a["angebot_id"]: a["leistungstyp"] for a in acht["angebote"]}
    zahl: Counter[tuple[str, int]] = Counter()
    for f in acht["faelle"]:
        for jahr in (2021, 2022):
            d = date(jahr, 5, 15).toordinal()
            zahl[typ[f["angebot_id"]], jahr] += tag(f["beginn"]) <= d <= tag(f["ende"])
    verhaeltnis = {x: zahl[x, 2021] / zahl[x, 2022] for x in set(typ.values())}
    assert verhaeltnis.pop("Tagesförderung") < 0.85
    assert all(0.9 < x < 1.1 for x in verhaeltnis.values())


def test_occupancy_is_plausible() -> None:
    """Besondere Wohnform near its capacity, about one in ten leaves in a year (largest provider)."""
    p = profil(1, 2026, 6)
    v = simuliere(p)
    plaetze = v.entgelttage[v.off == 0].sum() / np.diff(p.kanten).sum()
    assert 0.93 < plaetze / p.angebote[0].plaetze <= 1
    assert 0.05 < v.raus[v.off == 0].sum() / plaetze / 6 < 0.14


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet"])
def test_reader_takes_every_format_alike(tmp_path: Path, form: str) -> None:
    schreibe_demo(tmp_path / form, providers=9, format=form)
    gelesen = load(tmp_path / form)
    schreibe_demo(tmp_path / "vergleich", providers=9)
    vergleich = load(tmp_path / "vergleich")
    assert gelesen.erfunden and gelesen.hinweis.startswith("Erfunden") and gelesen.datenstand == date(2026, 3, 31)
    for name in TABELLEN:
        pd.testing.assert_frame_equal(gelesen[name], vergleich[name])


def test_refuses_what_it_did_not_write(tmp_path: Path) -> None:
    (tmp_path / "eigene.csv").write_text("x")
    with pytest.raises(TraegerFehler, match="enthält schon anderes"):
        schreibe_demo(tmp_path)
    with pytest.raises(TraegerFehler, match="csv, xlsx, parquet"):
        schreibe_demo(tmp_path / "neu", format="ods")
    with pytest.raises(TraegerFehler, match="1 bis 9999"):
        erzeuge(0, 6, 1)
    assert not (tmp_path / "neu").exists()


def test_published_agreement_as_written_down() -> None:
    """Vereinbarung Aufsuchende Hilfe 2026/27: the figures of rule 3.2, by hand, not from the generator."""
    ordner = BEISPIEL.parent / "aufsuchende_hilfe"
    angaben = tomllib.loads((ordner / "bestand.toml").read_text(encoding="utf-8"))
    assert angaben["erfunden"] is True and "Angenommen ist die Vollbelegung" in angaben["hinweis"]
    b = load(ordner)
    assert [str(x) for x in b["entgelte"]["gesamt"]] == ["28.86", "29.64"]
    assert len(b["faelle"]) == 25 and set(b["faelle"]["hbg"]) == {"ohne"} and b["faelle"]["ende"].isna().all()
    assert b["personal"].empty and b["verteiler"].empty and b["budgets"]["basisjahr"].isna().all()
