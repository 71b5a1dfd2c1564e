"""The second implementation against the worked examples of rules 3.1 to 3.6, and against itself."""

import csv
import json
import random
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from zufallsbestand import SPALTEN, als_csv, quartale, vereinigt, zufallsbestand
from zweitrechnung import Rechnung, gleiche_raten, kennzahlen, vergleiche

BESTAND = {"datenstand": date(2028, 12, 31), "leistungstraeger": "X", "eigene_kostentraeger": ["EIGEN"]}


def D(text):
    return Decimal(text.replace(".", "").replace(",", "."))


def bestand_mit(**tabellen):
    """Tables of one provider T with the rows given; missing columns None, sensible required ones."""
    vorgaben = {
        "traeger": {"traeger_id": "T", "name": "T"},
        "angebote": {"traeger_id": "T", "bezeichnung": "x", "leistungstyp": "x", "im_budget": True},
        "faelle": {"angebot_id": "A", "kostentraeger": "EIGEN", "hbg": "1"},
        "abwesenheiten": {"angebot_id": "A"},
        "entgelte": {"angebot_id": "A", "hbg": "1", "grundpauschale": Decimal(0)}
        | {"massnahmepauschale": Decimal(0), "investitionsbetrag": Decimal(0)}
        | {"abwesenheit_faktor": D("0,75"), "gueltig_ab": date(2015, 1, 1)},
        "fallzahlen": {"angebot_id": "A", "kostentraeger": "EIGEN", "hbg": "1"},
        "schluessel": {"angebot_id": "A", "hbg": "1", "gueltig_ab": date(2015, 1, 1)},
        "personal": {"angebot_id": "A"},
        "budgets": {"traeger_id": "T", "version": 1, "art": "fallbezogen", "angebot_id": "A", "hbg": "1"},
        "verfahren": {"traeger_id": "T", "gueltig_ab": date(2015, 1, 1), "austrittstag_zaehlt": True},
        "anpassungen": {"traeger_id": "T", "grund": "x"},
        "massnahmen": {"traeger_id": "T"},
    }
    tabellen.setdefault("traeger", [{}])
    tabellen.setdefault("angebote", [{"angebot_id": "A"}])
    tabellen.setdefault("entgelte", [{"angebot_id": a["angebot_id"]} for a in tabellen["angebote"]])
    return {
        name: [dict.fromkeys(spalten) | vorgaben.get(name, {}) | z for z in tabellen.get(name, [])]
        for name, spalten in SPALTEN.items()
    }


def tage_im_monat(tabellen, monat, angebot="A"):
    """(Belegungstage, Abwesenheitstage) of the own cases of an offer in one month."""
    jahr, nummer = int(monat[:4]), int(monat[5:])
    alle = Rechnung(tabellen, BESTAND, "T", f"{jahr}Q{(nummer + 2) // 3}").tage
    tage = [t for t in alle if t.datum.month == nummer and t.angebot == angebot and t.eigen]
    return sum(t.anzahl for t in tage if t.voll), sum(t.anzahl for t in tage if not t.voll)


def fall(beginn, ende, person="p", **werte):
    return {"person_id": person, "beginn": beginn, "ende": ende, **werte}


def satz(summe, **werte):
    return {"angebot_id": "A", "massnahmepauschale": D(summe), **werte}


# ------------------------------------------------------------------------------- 3.1 days and persons


def test_days_of_a_stay():
    t = bestand_mit(faelle=[fall(date(2025, 1, 31), date(2025, 2, 1))])
    assert (tage_im_monat(t, "2025-01"), tage_im_monat(t, "2025-02")) == ((1, 0), (1, 0))
    t = bestand_mit(faelle=[fall(date(2025, 3, 15), date(2025, 3, 15))])
    assert tage_im_monat(t, "2025-03") == (1, 0)
    t = bestand_mit(faelle=[fall(date(2024, 2, 28), date(2024, 3, 1))])
    assert (tage_im_monat(t, "2024-02"), tage_im_monat(t, "2024-03")) == ((2, 0), (1, 0))


ZWEI_ANGEBOTE = [{"angebot_id": "A"}, {"angebot_id": "B"}]
UMZUG = [fall(date(2025, 4, 1), date(2025, 5, 10)), fall(date(2025, 5, 10), None, angebot_id="B")]


@pytest.mark.parametrize("austrittstag_zaehlt", [True, False])
def test_move_on_one_day_counts_at_the_receiver_only(austrittstag_zaehlt):
    regel = [{"austrittstag_zaehlt": austrittstag_zaehlt}]
    t = bestand_mit(angebote=ZWEI_ANGEBOTE, faelle=UMZUG, verfahren=regel)
    assert tage_im_monat(t, "2025-05", "A") == (9, 0)
    assert tage_im_monat(t, "2025-05", "B") == (22, 0)
    block = kennzahlen(t, BESTAND, "T", "2025Q2")["fallzahlen"]["quartal"]
    namen = ("zugaenge", "abgaenge", "wechsel", "stichtagszahl", "faelle_im_zeitraum", "belegungstage")
    assert [block[n] for n in namen] == [1, 0, 1, 1, 1, 91]
    assert [[zeile[n] for n in namen] for zeile in block["je_angebot"]] == [
        [1, 1, 0, 0, 1, 39],
        [1, 0, 0, 1, 1, 52],
    ]


def test_move_on_the_next_day_loses_the_exit_day_where_it_does_not_count():
    zeilen = [fall(date(2025, 4, 1), date(2025, 5, 10)), fall(date(2025, 5, 11), None, angebot_id="B")]
    regel = [{"austrittstag_zaehlt": False}]
    t = bestand_mit(angebote=ZWEI_ANGEBOTE, faelle=zeilen, verfahren=regel)
    assert (tage_im_monat(t, "2025-05", "A"), tage_im_monat(t, "2025-05", "B")) == ((9, 0), (21, 0))
    assert kennzahlen(t, BESTAND, "T", "2025Q2")["fallzahlen"]["quartal"]["wechsel"] == 1


def test_absence_across_the_turn_of_the_year():
    zeilen = [fall(date(2025, 1, 1), None)]
    weg = [{"person_id": "p", "beginn": date(2025, 12, 28), "ende": date(2026, 1, 5)}]
    t = bestand_mit(faelle=zeilen, abwesenheiten=weg, verfahren=[{"abwesenheit_volle_tage": 3}])
    assert (tage_im_monat(t, "2025-12"), tage_im_monat(t, "2026-01")) == ((30, 1), (26, 5))
    geteilt = [weg[0] | {"ende": date(2025, 12, 30)}, weg[0] | {"beginn": date(2025, 12, 31)}]
    t = bestand_mit(faelle=zeilen, abwesenheiten=geteilt, verfahren=[{"abwesenheit_volle_tage": 3}])
    assert (tage_im_monat(t, "2025-12"), tage_im_monat(t, "2026-01")) == ((30, 1), (26, 5))
    regel = [{"abwesenheit_volle_tage": 3, "abwesenheit_max_tage_jahr": 4}]
    t = bestand_mit(faelle=zeilen, abwesenheiten=weg, verfahren=regel)
    assert (tage_im_monat(t, "2025-12"), tage_im_monat(t, "2026-01")) == ((30, 1), (26, 4))


def test_an_hbg_change_is_neither_exit_nor_admission():
    regel = [{"austrittstag_zaehlt": False}]
    zeilen = [fall(date(2025, 1, 1), date(2025, 5, 10)), fall(date(2025, 5, 11), None, hbg="2")]
    t = bestand_mit(faelle=zeilen, verfahren=regel, entgelte=[satz("1"), satz("2", hbg="2")])
    block = kennzahlen(t, BESTAND, "T", "2025Q2")["fallzahlen"]["quartal"]
    assert (block["belegungstage"], block["zugaenge"], block["abgaenge"]) == (91, 0, 0)


def test_simultaneous_one_day_stays_count_once():
    tag = date(2025, 5, 10)
    zeilen = [fall(tag, tag), fall(tag, tag, angebot_id="B")]
    t = bestand_mit(angebote=ZWEI_ANGEBOTE, faelle=zeilen)
    assert (tage_im_monat(t, "2025-05", "A"), tage_im_monat(t, "2025-05", "B")) == ((0, 0), (1, 0))
    assert kennzahlen(t, BESTAND, "T", "2025Q2")["fallzahlen"]["quartal"]["wechsel"] == 1


def test_open_stays_end_at_an_early_datenstand_for_days_only():
    t = bestand_mit(faelle=[fall(date(2026, 1, 1), None), fall(date(2026, 1, 1), date(2026, 3, 20), "q")])
    frueh = BESTAND | {"datenstand": date(2026, 3, 15)}
    block = kennzahlen(t, frueh, "T", "2026Q1")["fallzahlen"]["quartal"]
    assert (block["belegungstage"], block["stichtagszahl"]) == (74 + 79, 1)


def test_aggregates_are_spread_evenly_over_the_month():
    zeile = {"monat": "2025-06", "belegungstage": 100, "abwesenheitstage": 7, "stichtagszahl": 4}
    t = bestand_mit(fallzahlen=[zeile])
    je_tag = [tag for tag in Rechnung(t, BESTAND, "T", "2025Q2").tage if tag.voll]
    assert [tag.anzahl for tag in je_tag[:6]] == [3, 3, 4, 3, 3, 4]
    assert tage_im_monat(t, "2025-06") == (100, 7)
    block = kennzahlen(t, BESTAND, "T", "2025Q2")["fallzahlen"]["quartal"]
    assert (block["stichtagszahl"], block["zugaenge"], block["faelle_im_zeitraum"]) == (4, None, None)


# ---------------------------------------------------------------------------- 3.2 rates, 3.3 the budget

GISBU = [
    {"grundpauschale": D(g), "massnahmepauschale": D(m), "investitionsbetrag": D(i), "gueltig_ab": ab}
    for g, m, i, ab in (
        ("2,69", "25,35", "0,82", date(2026, 6, 1)),
        ("2,75", "26,05", "0,84", date(2027, 1, 1)),
    )
]
GISBU = [
    z | {"angebot_id": "A", "gueltig_bis": bis}
    for z, bis in zip(GISBU, (date(2026, 12, 31), None), strict=True)
]


@pytest.mark.parametrize(
    ("tag", "voll", "reduziert"),
    [(date(2026, 12, 31), "28,86", "21,85"), (date(2027, 1, 1), "29,64", "22,44")],
)
def test_gisbu_rates(tag, voll, reduziert):
    weg = [{"person_id": "q", "beginn": tag, "ende": tag}]
    t = bestand_mit(
        faelle=[fall(tag, tag), fall(tag, tag, "q")],
        entgelte=GISBU,
        abwesenheiten=weg,
        verfahren=[{"abwesenheit_volle_tage": 0}],
    )
    k = kennzahlen(t, BESTAND, "T", f"{tag.year}Q{(tag.month + 2) // 3}")
    assert k["klassische_abrechnung"]["quartal"]["betrag_eur"] == D(voll) + D(reduziert)
    assert k["abweichung"]["quartal"]["ist_eur"] is not None


def gisbu_budget(jahr, quartal, beginn):
    zeile = {"budgetjahr": jahr, "beschlossen_am": date(2026, 5, 1), "plaetze_plan": Decimal(25)}
    t = bestand_mit(entgelte=GISBU, budgets=[zeile], traeger=[{"budget_beginn": beginn}])
    return kennzahlen(t, BESTAND, "T", quartal)["budget"]


def test_gisbu_budget_2027():
    budget = gisbu_budget(2027, "2027Q1", date(2026, 6, 1))
    assert budget["fallbezogen_eur"] == budget["gesamt_eur"] == D("270.465,00")
    assert [z["betrag_eur"] for z in budget["raten"]] == [D("22.538,75")] * 12
    assert budget["gezahlt_bis_quartalsende_eur"] == budget["puffer_eur"] == 3 * D("22.538,75")


def test_gisbu_budget_june_to_december_2026():
    budget = gisbu_budget(2026, "2026Q4", date(2026, 6, 1))
    assert budget["gesamt_eur"] == budget["gezahlt_bis_quartalsende_eur"] == D("154.401,00")
    assert [z["betrag_eur"] for z in budget["raten"]] == [D("22.057,29")] * 4 + [D("22.057,28")] * 3
    assert budget["raten"][0]["monat"] == "2026-06"


def test_negative_instalments_are_equal_to_a_cent_and_larger_first():
    assert list(gleiche_raten(D("-1,00"), "abc").values()) == [D("-0,33"), D("-0,33"), D("-0,34")]


def test_each_rate_period_is_rounded_by_itself():
    """1,5 places x 31 days x 0,35 = 16,275 -> 16,28 and 1,5 x 334 x 0,45 = 225,45."""
    saetze = [satz("0,35", gueltig_bis=date(2025, 1, 31)), satz("0,45", gueltig_ab=date(2025, 2, 1))]
    zeile = {"budgetjahr": 2025, "beschlossen_am": date(2025, 1, 1), "plaetze_plan": D("1,5")}
    t = bestand_mit(entgelte=saetze, budgets=[zeile])
    assert kennzahlen(t, BESTAND, "T", "2025Q1")["budget"]["fallbezogen_eur"] == D("241,73")


def test_a_retroactive_decision_moves_the_actual_rate_but_not_the_plan_rate():
    saetze = [
        satz("10,00", beschlossen_am=date(2024, 12, 1)),
        satz("11,00", gueltig_ab=date(2025, 1, 1), beschlossen_am=date(2025, 3, 1)),
        satz("99,00", gueltig_ab=date(2025, 1, 1), beschlossen_am=date(2029, 3, 1)),
    ]
    zeile = {"budgetjahr": 2025, "beschlossen_am": date(2025, 1, 15), "plaetze_plan": Decimal(1)}
    t = bestand_mit(entgelte=saetze, budgets=[zeile], faelle=[fall(date(2025, 1, 1), None)])
    block = kennzahlen(t, BESTAND, "T", "2025Q1")["abweichung"]["quartal"]
    assert (block["soll_eur"], block["ist_eur"], block["preiseffekt_eur"]) == (900, 990, 90)


# -------------------------------------------------------------------------- 3.4 deviation, 3.6 staffing


def test_deviation_example():
    leiter = dict(zip("1234", ("81,40", "92,94", "105,88", "131,93"), strict=True))
    neu = dict(zip("1234", ("83,03", "94,80", "108,00", "134,57"), strict=True))
    ab = {"gueltig_ab": date(2025, 1, 1), "beschlossen_am": date(2025, 2, 1)}
    saetze = [satz(betrag, hbg=g) for g, betrag in leiter.items()]
    saetze += [satz(betrag, hbg=g, **ab) for g, betrag in neu.items()]
    plan = {"budgetjahr": 2025, "beschlossen_am": date(2025, 1, 1)}
    zeilen = [
        plan | {"hbg": g, "plaetze_plan": Decimal(n)} for g, n in zip("1234", (10, 20, 10, 0), strict=True)
    ]
    personen = [("1", None)] * 10 + [("1", "2")] + [("2", None)] * 19 + [("3", None)] * 10 + [("4", None)]
    faelle = [
        fall(date(2025, 1, 1), None, f"p{i}", hbg=g, s=vorher is not None, hbg_ausgang=vorher)
        for i, (g, vorher) in enumerate(personen)
    ]
    t = bestand_mit(entgelte=saetze, budgets=zeilen, faelle=faelle)
    k = kennzahlen(t, BESTAND, "T", "2025Q4")
    erwartet = {
        "soll_eur": "1.362.034,00",
        "ist_eur": "1.434.121,50",
        "abweichung_eur": "72.087,50",
        "mengeneffekt_eur": "34.050,85",
        "mixeffekt_eur": "14.103,60",
        "s_effekt_eur": "-4.212,10",
        "preiseffekt_eur": "28.145,15",
        "abweichung_s_neutral_eur": "76.299,60",
    }
    for zeile in (k["abweichung"]["kumuliert"], k["abweichung"]["kumuliert"]["je_angebot"][0]):
        assert {name: zeile[name] for name in erwartet} == {n: D(text) for n, text in erwartet.items()}
    (hbg,) = k["hbg"]["kumuliert"]["je_angebot"]
    assert hbg["mittlere_hbg_budget"] == 2
    assert round(hbg["mittlere_hbg"], 3) == Fraction("2.024")
    assert round(hbg["mittlere_hbg_ausgang"], 3) == Fraction("2.049")
    assert hbg["anteile"] == {g: Fraction(n, 41) for g, n in zip("1234", (11, 19, 10, 1), strict=True)}
    assert hbg["anteil_s"] == Fraction(1, 41)
    assert hbg["mixindex"] < hbg["mixindex_ausgang"]


def test_staffing_key_of_25_places():
    faelle = [fall(date(2027, 1, 1), None, f"p{i}") for i in range(25)]
    faelle += [fall(date(2027, 1, 1), None, f"x{i}", kostentraeger="FREMD") for i in range(5)]
    vk = [("fachkraft", "2"), ("nicht_fachkraft", "0,5"), ("leitung", "0,5")]
    personal = [{"monat": "2027-01", "qualifikation": q, "vk": D(n)} for q, n in vk]
    schluessel = [{"personen_je_vk": Decimal(10), "leitung_enthalten": True}]
    t = bestand_mit(entgelte=GISBU, faelle=faelle, personal=personal, schluessel=schluessel)
    block = kennzahlen(t, BESTAND, "T", "2027Q1")["personal"]["quartal"]
    for zeile in (block["gesamt"], block["je_angebot"][0]):
        assert (zeile["vk"], zeile["vk_soll"], zeile["fachkraftquote"]) == (3, 2.5, Fraction(4, 5))
        gleich = dict.fromkeys(("tage", "personen", "euro"), Fraction(1))
        assert zeile["eigener_anteil"] == {art: Fraction(5, 6) for art in gleich}
        assert zeile["vk_anteilig"] == {art: Fraction(5, 2) for art in gleich}
        assert zeile["erfuellung"] == gleich
        assert zeile["personen_je_vk"] == zeile["vk_je_100_plaetze"] == dict.fromkeys(gleich, 10)


def test_overdue_measures():
    faellig = date(2025, 3, 30)
    zeilen = [{"status": s, "faellig": faellig} for s in ("offen", "offen", "erledigt")]
    t = bestand_mit(massnahmen=[*zeilen, {"status": "offen", "faellig": date(2025, 3, 31)}])
    erwartet = {"status": {"offen": 3, "erledigt": 1}, "ueberfaellig": 2}
    assert kennzahlen(t, BESTAND, "T", "2025Q1")["massnahmen"] == erwartet


# ---------------------------------------------------------------------------------- random Bestaende

SAAT = range(12)


def alle_rechnungen(seed):
    tabellen, bestand = zufallsbestand(seed)
    for traeger in tabellen["traeger"]:
        for quartal in quartale(bestand):
            yield tabellen, bestand, traeger["traeger_id"], quartal


def vorquartal(quartal):
    jahr, nummer = int(quartal[:4]), int(quartal[5])
    return f"{jahr}Q{nummer - 1}" if nummer > 1 else f"{jahr - 1}Q4"


@pytest.mark.parametrize("seed", SAAT)
def test_identities(seed):
    for tabellen, bestand, traeger_id, quartal in alle_rechnungen(seed):
        k = kennzahlen(tabellen, bestand, traeger_id, quartal)
        vorher = kennzahlen(tabellen, bestand, traeger_id, vorquartal(quartal))
        budget = k["budget"]
        if budget["version"] is not None and budget["raten"]:
            assert sum(z["betrag_eur"] for z in budget["raten"]) == budget["gesamt_eur"]
        for name in ("quartal", "kumuliert"):
            block = k["abweichung"][name]
            for zeile in (block, *block["je_angebot"]):
                if zeile["soll_eur"] is None:
                    continue
                effekte = ("mengeneffekt_eur", "mixeffekt_eur", "s_effekt_eur", "preiseffekt_eur")
                assert sum(zeile[e] for e in effekte) == zeile["ist_eur"] - zeile["soll_eur"]
                assert zeile["abweichung_eur"] == zeile["ist_eur"] - zeile["soll_eur"]
            zahlen = k["fallzahlen"][name]
            for tage in ("belegungstage", "abwesenheitstage"):
                assert zahlen[tage] == sum(z[tage] for z in zahlen["je_angebot"])
            for zeile in k["hbg"][name]["je_angebot"]:
                assert sum(zeile["anteile"].values()) in (0, 1)
        zahlen, davor = k["fallzahlen"]["quartal"], vorher["fallzahlen"]["quartal"]
        ohne_aggregate = {z["angebot_id"] for z in tabellen["fallzahlen"]}
        paare = [(zahlen, davor), (zahlen["im_budget"], davor["im_budget"])]
        paare += [
            (a, b)
            for a, b in zip(zahlen["je_angebot"], davor["je_angebot"], strict=True)
            if a["angebot_id"] not in ohne_aggregate
        ]
        for jetzt, zuvor in paare:
            if jetzt["faelle_im_zeitraum"] is not None:
                bewegung = jetzt["zugaenge"] - jetzt["abgaenge"]
                assert zuvor["stichtagszahl"] + bewegung == jetzt["stichtagszahl"]


@pytest.mark.parametrize("seed", SAAT[::4])
def test_row_order_is_irrelevant_and_doubled_persons_double_the_days(seed):
    for tabellen, bestand, traeger_id, quartal in alle_rechnungen(seed):
        k = kennzahlen(tabellen, bestand, traeger_id, quartal)
        gemischt = {n: random.Random(seed).sample(z, len(z)) for n, z in tabellen.items()}
        assert kennzahlen(gemischt, bestand, traeger_id, quartal) == k
        doppelt = dict(tabellen)
        for name in ("faelle", "abwesenheiten"):
            zwilling = [z | {"person_id": "zwilling " + z["person_id"]} for z in tabellen[name]]
            doppelt[name] = tabellen[name] + zwilling
        k2 = kennzahlen(doppelt, bestand, traeger_id, quartal)
        aggregate = {z["angebot_id"] for z in tabellen["fallzahlen"]}
        for name in ("quartal", "kumuliert"):
            zeilen = (k["fallzahlen"][name]["je_angebot"], k2["fallzahlen"][name]["je_angebot"])
            for eins, zwei in zip(*zeilen, strict=True):
                faktor = 1 if eins["angebot_id"] in aggregate else 2
                assert zwei["belegungstage"] == faktor * eins["belegungstage"]
                assert zwei["abwesenheitstage"] == faktor * eins["abwesenheitstage"]


@pytest.mark.parametrize("seed", SAAT)
def test_random_bestaende_are_valid_and_repeatable(seed):
    tabellen, bestand = zufallsbestand(seed)
    assert (tabellen, bestand) == zufallsbestand(seed)
    im_budget = {z["angebot_id"] for z in tabellen["angebote"] if z["im_budget"]}
    mit_fallzahlen = {z["angebot_id"] for z in tabellen["fallzahlen"]}
    assert not mit_fallzahlen & {z["angebot_id"] for z in tabellen["faelle"]}
    aufenthalte, abwesend = {}, {}
    for zeile in tabellen["faelle"]:
        assert zeile["ende"] is None or zeile["ende"] >= zeile["beginn"]
        assert bool(zeile["s"]) == (zeile["hbg_ausgang"] is not None)
        schluessel = (zeile["person_id"], zeile["angebot_id"])
        aufenthalte.setdefault(schluessel, []).append((zeile["beginn"], zeile["ende"] or date.max))
    for zeile in tabellen["abwesenheiten"]:
        schluessel = (zeile["person_id"], zeile["angebot_id"])
        abwesend.setdefault(schluessel, []).append((zeile["beginn"], zeile["ende"]))
    for liste in (*aufenthalte.values(), *abwesend.values()):
        liste.sort()
        assert all(bis < von for (_, bis), (von, _) in zip(liste, liste[1:], strict=False))
    for schluessel, liste in abwesend.items():
        anwesend = vereinigt(aufenthalte[schluessel])
        for von, bis in liste:
            assert von <= bis and any(a <= von and bis <= b for a, b in anwesend)
    entgelte = [
        tuple(z[s] for s in ("angebot_id", "hbg", "gueltig_ab", "beschlossen_am"))
        for z in tabellen["entgelte"]
    ]
    assert len(entgelte) == len(set(entgelte))
    for zeile in tabellen["entgelte"]:
        bestandteile = ("grundpauschale", "massnahmepauschale", "investitionsbetrag")
        assert zeile["gesamt"] in (None, sum(zeile[b] for b in bestandteile))
        assert zeile["gueltig_bis"] is None or zeile["gueltig_bis"] >= zeile["gueltig_ab"]
    for zeile in tabellen["budgets"]:
        assert zeile["art"] == "pauschal" or zeile["angebot_id"] in im_budget
    leitung = {}
    for zeile in tabellen["schluessel"]:
        schluessel = (zeile["angebot_id"], zeile["gueltig_ab"])
        assert leitung.setdefault(schluessel, zeile["leitung_enthalten"]) == zeile["leitung_enthalten"]
    for rechnung in alle_rechnungen(seed):  # raises where an own case in the budget has no rate
        kennzahlen(*rechnung)


def test_als_csv(tmp_path):
    tabellen, bestand = zufallsbestand(3)
    ordner = als_csv(tabellen, bestand, tmp_path / "b")
    for name, zeilen in tabellen.items():
        if zeilen:
            gelesen = list(csv.reader((ordner / f"{name}.csv").open(encoding="utf-8"), delimiter=";"))
            assert gelesen[0] == SPALTEN[name]
            assert len(gelesen) == len(zeilen) + 1
    erste = (ordner / "entgelte.csv").read_text(encoding="utf-8").splitlines()[1].split(";")
    assert erste[2][2] == erste[2][5] == "." and "," in erste[4]
    assert f"datenstand = {bestand['datenstand']}" in (ordner / "bestand.toml").read_text("utf-8")


# ---------------------------------------------------------------------------------------- the comparer


def als_json(wert):
    if isinstance(wert, dict):
        return {name: als_json(teil) for name, teil in wert.items()}
    if isinstance(wert, list):
        return [als_json(teil) for teil in wert]
    if isinstance(wert, Fraction):
        return round(float(wert), 6)
    if isinstance(wert, Decimal):
        return float(wert)
    return wert.isoformat() if isinstance(wert, date) else wert


def test_vergleiche():
    tabellen, bestand = zufallsbestand(7)
    k = kennzahlen(tabellen, bestand, tabellen["traeger"][0]["traeger_id"], quartale(bestand)[0])
    gerechnet = json.loads(json.dumps(als_json(k)))
    gerechnet["trend"] = {"mehr": 1}
    assert vergleiche(k, gerechnet) == []
    gerechnet["fallzahlen"]["quartal"]["belegungstage"] += 1
    gerechnet["klassische_abrechnung"]["kumuliert"]["betrag_eur"] += 0.01
    gerechnet["personal"]["quartal"]["gesamt"]["vk"] = "viel"
    gerechnet["abweichung"]["quartal"]["je_angebot"].append({"angebot_id": "ZZZ"})
    del gerechnet["massnahmen"]["ueberfaellig"]
    unterschiede = vergleiche(k, gerechnet)
    assert sorted(u.split(":")[0] for u in unterschiede) == [
        "abweichung.quartal.je_angebot",
        "fallzahlen.quartal.belegungstage",
        "klassische_abrechnung.kumuliert.betrag_eur",
        "massnahmen.ueberfaellig",
        "personal.quartal.gesamt.vk",
    ]
