"""Rules inside and between tables: every way of breaking them is found at its place, named with the remedy, for its provider."""

from __future__ import annotations

import copy
import random
import re
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from test_reading import GUT, Tabellen, alle_fehler, schreibe, schreibe_mappe

from traeger_lib.inputs import checks, notices, reading, view
from traeger_lib.inputs.faults import Fehlerliste, TraegerFehler
from traeger_lib.inputs.schema import TABELLEN, leere_tabelle

# name: table, row index or None for a new row (copied from the last), changes, expected (table, row, column, kind, provider)
BRUECHE: dict[str, tuple[str, int | None, dict[str, str], tuple[str, int, str, str, str]]] = {
    "unknown offer": ("faelle", 1, {"angebot_id": "A9"}, ("faelle", 3, "angebot_id", "angebote_unbekannt", "")),
    "unknown offer in rates": ("entgelte", None, {"angebot_id": "A9"}, ("entgelte", 7, "angebot_id", "angebote_unbekannt", "")),
    "unknown provider": ("termine", 0, {"traeger_id": "T09"}, ("termine", 2, "traeger_id", "traeger_unbekannt", "")),
    "unknown provider of an offer": ("angebote", 2, {"traeger_id": "T09"}, ("angebote", 4, "traeger_id", "traeger_unbekannt", "")),
    "unknown provider of a break": ("brueche", 0, {"traeger_id": "T09"}, ("brueche", 2, "traeger_id", "traeger_unbekannt", "")),
    "doubled provider": ("traeger", None, {}, ("traeger", 4, "", "doppelt", "")),
    "doubled offer": ("angebote", None, {}, ("angebote", 5, "", "doppelt", "")),
    "doubled key": ("schluessel", None, {}, ("schluessel", 4, "", "doppelt", "T01")),
    "doubled measure": ("massnahmen", None, {}, ("massnahmen", 3, "", "doppelt", "T01")),
    "doubled monthly count, s empty and nein": ("fallzahlen", None, {"s": "nein"}, ("fallzahlen", 3, "", "doppelt", "T02")),
    "two decisions on one day": ("entgelte", None, {"grundpauschale": "3,00", "gesamt": ""},
                                ("entgelte", 7, "", "zwei_beschluesse", "T02")),
    "end before begin": ("faelle", 1, {"ende": "31.12.2024"}, ("faelle", 3, "ende", "reihenfolge", "T01")),
    "absence end before begin": ("abwesenheiten", 0, {"ende": "01.02.2025"}, ("abwesenheiten", 2, "ende", "reihenfolge", "T01")),
    "rate end before begin": ("entgelte", 4, {"gueltig_bis": "31.12.2023"}, ("entgelte", 6, "gueltig_bis", "reihenfolge", "T02")),
    "break end before begin": ("brueche", 0, {"bis": "31.12.2019"}, ("brueche", 2, "bis", "reihenfolge", "")),
    "overlapping stays": ("faelle", 1, {"person_id": "geheim-1"}, ("faelle", 3, "beginn", "ueberschneidung", "T01")),
    "stay begins on the last day": ("faelle", 2, {"person_id": "geheim-2", "angebot_id": "A1", "hbg": "1", "beginn": "30.06.2025"},
                                    ("faelle", 4, "beginn", "ueberschneidung", "T01")),
    "doubled row": ("faelle", None, {}, ("faelle", 6, "beginn", "ueberschneidung", "T01")),
    "absence outside": ("abwesenheiten", 0, {"person_id": "geheim-9"}, ("abwesenheiten", 2, "beginn", "abwesenheit_ausserhalb", "T01")),
    "absence beyond the end": ("abwesenheiten", 0, {"person_id": "geheim-2", "beginn": "28.06.2025", "ende": "01.07.2025"},
                               ("abwesenheiten", 2, "beginn", "abwesenheit_ausserhalb", "T01")),
    "overlapping absences": ("abwesenheiten", None, {"beginn": "11.03.2025"}, ("abwesenheiten", 3, "beginn", "ueberschneidung", "T01")),
    "rate sum": ("entgelte", 0, {"gesamt": "28,87"}, ("entgelte", 2, "gesamt", "entgeltsumme", "T01")),
    "s without group before": ("faelle", 0, {"s": "ja"}, ("faelle", 2, "hbg_ausgang", "s_ohne_ausgang", "T01")),
    "s without group before in counts": ("fallzahlen", 0, {"s": "ja"}, ("fallzahlen", 2, "hbg_ausgang", "s_ohne_ausgang", "T02")),
    "group and S in one cell": ("faelle", 0, {"hbg": "1 + S"}, ("faelle", 2, "hbg", "plus_s", "T01")),
    "group and S in one cell of counts": ("fallzahlen", 0, {"hbg": "2+s "}, ("fallzahlen", 2, "hbg", "plus_s", "T02")),
    "line without offer": ("budgets", 0, {"angebot_id": ""}, ("budgets", 2, "angebot_id", "budget_unvollstaendig", "T01")),
    "line without group": ("budgets", 0, {"hbg": ""}, ("budgets", 2, "hbg", "budget_unvollstaendig", "T01")),
    "line without places": ("budgets", 0, {"plaetze_plan": ""}, ("budgets", 2, "plaetze_plan", "budget_unvollstaendig", "T01")),
    "lump sum without amount": ("budgets", 1, {"betrag_eur": ""}, ("budgets", 3, "betrag_eur", "budget_unvollstaendig", "T01")),
    "lump sum without text": ("budgets", 1, {"bezeichnung": ""}, ("budgets", 3, "bezeichnung", "budget_unvollstaendig", "T01")),
    "line for an offer outside": ("budgets", 0, {"angebot_id": "A2"}, ("budgets", 2, "angebot_id", "budget_angebot", "T01")),
    "line for another's offer": ("budgets", 0, {"angebot_id": "B1"}, ("budgets", 2, "angebot_id", "budget_angebot", "T01")),
    "two decision days": ("budgets", 1, {"beschlossen_am": "02.12.2024"}, ("budgets", 3, "beschlossen_am", "budget_fassung", "T01")),
    "two base years": ("budgets", 1, {"basisjahr": "2022"}, ("budgets", 3, "basisjahr", "budget_fassung", "T01")),
    "doubled line": ("budgets", None, {"traeger_id": "T01", "angebot_id": "A1", "hbg": "1"},
                    ("budgets", 6, "hbg", "budget_doppelt", "T01")),
    "cases and counts": ("fallzahlen", None, {"angebot_id": "A1"}, ("fallzahlen", 3, "angebot_id", "faelle_und_fallzahlen", "T01")),
    "leitung": ("schluessel", None, {"gueltig_ab": "01.01.2026", "leitung_enthalten": "ja"},
                ("schluessel", 4, "leitung_enthalten", "leitung_uneinheitlich", "T01")),
    "adjustment in another year": ("anpassungen", 0, {"wirksam_ab": "01.01.2026"},
                                  ("anpassungen", 2, "wirksam_ab", "anpassung_jahr", "T01")),
    "budget year": ("budgets", 0, {"budgetjahr": "20255"}, ("budgets", 2, "budgetjahr", "jahr", "T01")),
    "zero persons per VK": ("schluessel", 0, {"personen_je_vk": "0"}, ("schluessel", 2, "personen_je_vk", "schluessel", "T01")),
    "factor in per cent": ("entgelte", 0, {"abwesenheit_faktor": "75"}, ("entgelte", 2, "abwesenheit_faktor", "faktor", "T01")),
    "no address": ("verteiler", 0, {"email": "irgendwo"}, ("verteiler", 2, "email", "email", "T01")),
    "no rate for a group": ("faelle", 0, {"hbg": "7"}, ("faelle", 2, "hbg", "ohne_entgelt", "T01")),
    "no rate for a year": ("entgelte", 0, {"gueltig_ab": "01.02.2025"}, ("faelle", 2, "hbg", "ohne_entgelt", "T01")),
    "rate decided too late": ("entgelte", 0, {"beschlossen_am": "01.04.2026"}, ("faelle", 2, "hbg", "ohne_entgelt", "T01")),
    "no rate for the group before S": ("faelle", 0, {"s": "ja", "hbg_ausgang": "7"}, ("faelle", 2, "hbg_ausgang", "ohne_entgelt", "T01")),
    "no plan rate": ("budgets", 0, {"hbg": "7"}, ("budgets", 2, "hbg", "ohne_entgelt", "T01")),
    "no rate for monthly counts": ("fallzahlen", 0, {"hbg": "3"}, ("fallzahlen", 2, "hbg", "ohne_entgelt", "T02")),
    "no factor": ("entgelte", 0, {"abwesenheit_faktor": ""}, ("entgelte", 2, "abwesenheit_faktor", "faktor_fehlt", "T01")),
    "no factor for monthly counts": ("entgelte", 4, {"abwesenheit_faktor": ""},
                                    ("entgelte", 6, "abwesenheit_faktor", "faktor_fehlt", "T02")),
}


def broken(name: str) -> tuple[Tabellen, tuple[str, int, str, str, str]]:
    tabelle, zeile, aenderung, erwartet = BRUECHE[name]
    t = copy.deepcopy(GUT)
    if zeile is None:
        t[tabelle].append({**t[tabelle][-1], **aenderung})
    else:
        t[tabelle][zeile].update(aenderung)
    return t, erwartet


def test_the_good_one_has_no_fault(tmp_path):
    bestand, fehler = reading.lies(schreibe(tmp_path, GUT))
    assert fehler == []
    assert bestand.traeger_ids == ["T01", "T02"]


@pytest.mark.parametrize("name", BRUECHE)
def test_each_break_is_found_at_its_place(tmp_path, name):
    tabellen, (tabelle, zeile, spalte, art, traeger) = broken(name)
    fehler = alle_fehler(schreibe(tmp_path, tabellen))
    stellen = {(f.ort, f.zeile, f.spalte, f.art, f.traeger_id) for f in fehler}
    assert (f"{tabelle}.csv", zeile, spalte, art, traeger) in stellen, "\n".join(map(str, fehler))
    assert {f.art for f in fehler} == {art}, "\n".join(map(str, fehler))
    for f in fehler:
        assert f.grund.endswith(".") and f.abhilfe.endswith(".")
        assert "geheim" not in str(f)


@pytest.mark.parametrize("name", ["overlapping stays", "rate sum", "no rate for monthly counts"])
def test_a_providers_fault_blocks_that_provider_only(tmp_path, name):
    tabellen, (*_, traeger) = broken(name)
    pfad = schreibe(tmp_path, tabellen)
    anderer = {"T01": "T02", "T02": "T01"}[traeger]
    assert set(reading.load(pfad, anderer)["angebote"]["traeger_id"]) == {anderer}
    for wer in (traeger, None):
        with pytest.raises(Fehlerliste):
            reading.load(pfad, wer)


def test_all_faults_come_at_once(tmp_path):
    t = copy.deepcopy(GUT)
    t["faelle"][0]["s"] = "ja"
    t["entgelte"][0]["gesamt"] = "1"
    t["budgets"][1]["betrag_eur"] = "1.234"
    with pytest.raises(Fehlerliste) as e:
        reading.load(schreibe(tmp_path, t))
    assert {f.art for f in e.value.fehler} == {"s_ohne_ausgang", "entgeltsumme", "dezimalzeichen"}


@pytest.mark.parametrize(("name", "text"), [
    ("rate sum", "„28,87“: Die drei Bestandteile ergeben 28,86."),
    ("end before begin", "„31.12.2024“: Der Tag in ende liegt vor dem in beginn (01.01.2025)."),
    ("doubled row", "überschneidet sich mit Zeile 5 (dieselbe Person im selben Angebot). Ist die Zeile doppelt, sie löschen;"),
    ("unknown offer", "„A9“: Diese Kennung steht nicht in der Tabelle angebote. Die"),
])
def test_a_message_says_what_is_needed_to_mend_it(tmp_path, name, text):
    (fehler,) = alle_fehler(schreibe(tmp_path, broken(name)[0]))
    assert text in str(fehler)


def test_a_similar_id_is_named(tmp_path):
    t = copy.deepcopy(GUT)
    for tabelle in t.values():
        for z in tabelle:
            if z.get("angebot_id"):
                z["angebot_id"] = f"HAUS-{z['angebot_id']}"
    t["faelle"][1]["angebot_id"] = "HAUS-AA1"
    (fehler,) = alle_fehler(schreibe(tmp_path, t))
    assert "ähnlich ist HAUS-A1." in fehler.grund


@pytest.mark.parametrize("kennung", ["A9", "a1"])  # unknown, and unreadable
def test_absences_of_a_person_in_an_unknown_offer_are_no_fault_of_their_own(tmp_path, kennung):
    t = copy.deepcopy(GUT)
    t["faelle"][0]["angebot_id"] = kennung
    assert {f.ort for f in alle_fehler(schreibe(tmp_path, t))} == {"faelle.csv"}


def test_consequences_of_a_fault_are_not_reported(tmp_path):
    """An unreadable rate is one fault, not one more for every day without a rate."""
    t = copy.deepcopy(GUT)
    t["entgelte"][0]["grundpauschale"] = "x"
    fehler = alle_fehler(schreibe(tmp_path, t))
    assert [(f.ort, f.zeile, f.spalte) for f in fehler] == [("entgelte.csv", 2, "grundpauschale")]


@pytest.mark.parametrize("aenderung", [
    {"kostentraeger": "Land"},  # not an own case
    {"angebot_id": "A2"},  # not in the budget
    {"beginn": "01.04.2026"},  # after the Datenstand
    {"beginn": "01.01.2024", "ende": "31.12.2024"},  # before budget_beginn
])
def test_a_rate_is_needed_only_where_it_is_used(tmp_path, aenderung):
    t = copy.deepcopy(GUT)
    t["faelle"][3].update({"hbg": "7", "ende": "", **aenderung})
    assert alle_fehler(schreibe(tmp_path, t)) == []


def test_a_short_absence_needs_no_factor_and_adjacent_ones_are_one(tmp_path):
    t = copy.deepcopy(GUT)
    t["entgelte"][0]["abwesenheit_faktor"] = ""
    t["abwesenheiten"] = [{"person_id": "geheim-1", "angebot_id": "A1", "beginn": "10.03.2025", "ende": "12.03.2025", "grund": "x"}]
    assert alle_fehler(schreibe(tmp_path / "kurz", t)) == []
    t["abwesenheiten"].append({**t["abwesenheiten"][0], "beginn": "13.03.2025", "ende": "13.03.2025"})
    assert [f.art for f in alle_fehler(schreibe(tmp_path / "lang", t))] == ["faktor_fehlt"]


def test_a_later_decision_with_a_factor_heals_the_earlier_one(tmp_path):
    t = copy.deepcopy(GUT)
    t["entgelte"][0]["abwesenheit_faktor"] = ""
    t["entgelte"].append({**t["entgelte"][0], "abwesenheit_faktor": "0,75", "beschlossen_am": "01.05.2025"})
    assert alle_fehler(schreibe(tmp_path, t)) == []


def test_hinweise_do_not_block_and_name_nobody(tmp_path):
    t = copy.deepcopy(GUT)
    t["faelle"][0]["kostenzusage"] = "nein"
    t["schluessel"] = t["schluessel"][:1]
    t["angebote"][0]["plaetze"] = "1"
    t["personal"] = [z for z in t["personal"] if z["monat"] != "2025-12"]
    bestand, fehler = reading.lies(schreibe(tmp_path, t))
    assert fehler == []
    texte = [text for traeger, text in bestand.hinweise if traeger == "T01"]
    for wort in ("Kostenzusage", "Betreuungsschlüssel", "Platzzahl", "Wohnen (A1): keine Personaldaten für 12/2025."):
        assert any(wort in text for text in texte), (wort, texte)
    assert not re.search("geheim", repr(bestand.hinweise))
    assert not [h for h in bestand.nur("T02").hinweise if h[0] == "T01"]


def test_a_provider_with_a_fault_gets_no_remarks_that_may_only_follow_from_it(tmp_path):
    t = copy.deepcopy(GUT)
    t["personal"][3]["vk"] = "viel"  # that month would be missing
    bestand, fehler = reading.lies(schreibe(tmp_path, t))
    assert [f.traeger_id for f in fehler] == ["T01"] and {wer for wer, _ in bestand.hinweise} == {"T02"}


def test_a_paying_body_in_other_letters_is_a_hinweis(tmp_path):
    t = copy.deepcopy(GUT)
    t["faelle"][1]["kostentraeger"] = "STADT"
    bestand, fehler = reading.lies(schreibe(tmp_path, t))
    assert fehler == []
    assert any("„STADT“ gilt als auswärtig" in text for traeger, text in bestand.hinweise if traeger == "T01")


def test_a_mistyped_paying_body_and_a_day_to_come_are_told(tmp_path):
    t = copy.deepcopy(GUT)
    t["faelle"][1]["beginn"], t["faelle"][1]["ende"] = "01.12.2126", ""
    toml = (schreibe(tmp_path, t) / "bestand.toml")
    alle = " ".join(text for _, text in reading.load(tmp_path).hinweise)
    assert re.search(r"1 Fallzeile beginnt nach dem Datenstand \S+, zuerst Zeile 3 am 01\.12\.2126", alle), alle
    toml.write_text(re.sub(r"(eigene_kostentraeger = \[).*", r'\1"Stdat"]', toml.read_text()))
    traeger, text = next(h for h in reading.load(tmp_path).hinweise if "Kein Fall hat" in h[1])
    assert traeger == "" and "„Stdat“" in text and "„Stadt“" in text and "gelten als auswärtig" in text


def test_a_name_that_is_nearly_an_own_one(tmp_path):
    t = copy.deepcopy(GUT)
    t["faelle"][1]["kostentraeger"] = "Landkreis Musterhausen"
    pfad = schreibe(tmp_path, t) / "bestand.toml"
    pfad.write_text(re.sub(r"(eigene_kostentraeger = \[)", r'\1"Landkreis Mustehausen", ', pfad.read_text()))
    assert any("„Landkreis Musterhausen“ gilt als auswärtig; fast gleich" in text for _, text in reading.load(tmp_path).hinweise)


def test_a_jump_far_outside_the_usual_is_a_hinweis(tmp_path):
    t = copy.deepcopy(GUT)
    t["faelle"] += [{**t["faelle"][0], "person_id": f"geheim-{i}", "hbg": "1", "beginn": "15.03.2026"} for i in range(100, 120)]
    bestand, fehler = reading.lies(schreibe(tmp_path, t))
    assert fehler == []
    assert any("um +20 Personen" in text for traeger, text in bestand.hinweise if traeger == "T01"), bestand.hinweise
    for f in t["faelle"][-20:]:
        f |= {"beginn": "01.01.2024", "ende": "14.03.2026"}
    assert any("um −20 Personen" in text for _, text in reading.lies(schreibe(tmp_path, t))[0].hinweise), "a true minus, as everywhere"


def test_every_rule_is_silent_on_empty_tables():
    lage = view.Lage({name: leere_tabelle(name) for name in TABELLEN}, {}, date(2026, 3, 31), ("Stadt",))
    assert not [f for regel in checks.REGELN for f in regel.pruefe(lage)] + [h for hinweise in notices.HINWEISE for h in hinweise(lage)]
    assert [str(f).split(".")[0] for f in checks.pruefe(lage)[0]] == [": Die Tabelle traeger fehlt", ": Die Tabelle angebote fehlt"]


# table that is missing: the tables that rest on it
FEHLT = {"traeger": "angebote, budgets, verfahren, anpassungen, massnahmen, termine, verteiler",
         "angebote": "entgelte, faelle, abwesenheiten, fallzahlen, personal, schluessel, budgets",
         "entgelte": "faelle, fallzahlen, budgets", "faelle": "abwesenheiten"}
# breaks that are faults whatever table is missing: in the table named and no other one
UNABHAENGIG = {name: broken for name, broken in BRUECHE.items() if name in (
    "doubled measure", "end before begin", "overlapping stays", "rate sum", "s without group before", "line without offer",
    "two decision days", "doubled line", "cases and counts", "leitung", "no address", "break end before begin")}


@pytest.mark.parametrize("schreiben", [schreibe, schreibe_mappe])
@pytest.mark.parametrize("tabelle", TABELLEN)
def test_a_missing_table_is_the_one_fault_where_others_rest_on_it_and_a_remark_elsewhere(tmp_path, tabelle, schreiben):
    pfad = schreiben(tmp_path / "b", {n: z for n, z in GUT.items() if n != tabelle})
    if tabelle not in FEHLT:
        assert f"als leer, weil nicht dabei: {tabelle}" in reading.load(pfad).gelesen
        return
    (fehler,) = alle_fehler(pfad)
    ort, als = ("bestand.xlsx", f"Blatt {tabelle}") if schreiben is schreibe_mappe else ("b", f"{tabelle}.csv oder {tabelle}.parquet")
    assert str(fehler) == (f"{ort}: Die Tabelle {tabelle} fehlt, wird aber für {FEHLT[tabelle]} gebraucht. Als {als} mit Zeilen liefern.")


@pytest.mark.parametrize("tabelle", FEHLT)
def test_a_misspelt_or_empty_table_is_named_first(tmp_path, tabelle):
    pfad = schreibe(tmp_path / "b", {**GUT, "personal": [*GUT["personal"], {**GUT["personal"][0], "vk": "viel"}]})
    (pfad / f"{tabelle}.csv").rename(pfad / f"{tabelle}_2026.csv")
    erster, zweiter = alle_fehler(pfad)
    assert str(erster).endswith(f"mit Zeilen liefern; nicht erkannt: {tabelle}_2026.") and zweiter.ort == "personal.csv"
    (pfad / f"{tabelle}_2026.csv").rename(pfad / f"{tabelle}.csv")
    text = (pfad / f"{tabelle}.csv").read_text()
    (pfad / f"{tabelle}.csv").write_text(text.splitlines()[0] + "\n")  # headings only
    erster, zweiter = alle_fehler(pfad)
    assert str(erster) == f"{tabelle}.csv: Die Tabelle {tabelle} ist leer, wird aber für {FEHLT[tabelle]} gebraucht. Die Zeilen eintragen."
    assert zweiter.ort == "personal.csv"


@pytest.mark.parametrize("name", UNABHAENGIG)
@pytest.mark.parametrize("fehlt", [*FEHLT, "bestand.toml"])
def test_faults_independent_of_what_is_missing_are_still_listed(tmp_path, fehlt, name):
    tabellen, (tabelle, zeile, spalte, art, _) = broken(name)
    pfad = schreibe(tmp_path, {n: z for n, z in tabellen.items() if n != fehlt})
    (pfad / "bestand.toml").unlink() if fehlt == "bestand.toml" else None
    gemeldet = [(f.ort, f.zeile, f.spalte, f.art) for f in alle_fehler(pfad)]
    assert gemeldet[0][1:] == (None, "", "bestand_toml" if fehlt == "bestand.toml" else "tabelle_fehlt")
    erwartet = [] if tabelle == fehlt or (name, fehlt) == ("cases and counts", "faelle") else [(f"{tabelle}.csv", zeile, spalte, art)]
    assert gemeldet[1:] == erwartet


def test_of_two_missing_references_the_one_that_is_there_is_still_checked(tmp_path):
    t = {n: copy.deepcopy(z) for n, z in GUT.items() if n != "angebote"}
    t["termine"][0]["traeger_id"] = "T09"
    t["abwesenheiten"][0]["person_id"] = "geheim-9"
    arten = [f.art for f in alle_fehler(schreibe(tmp_path, t))]
    assert arten == ["tabelle_fehlt", "traeger_unbekannt", "abwesenheit_ausserhalb"]


def test_coverage_finds_the_first_free_day():
    """[1, 10] and [5, 20] and [22, 30] of one key leave the days 21 and 31 free."""
    k = np.array([4, 4, 4])
    a = view.Abdeckung(k, np.array([5, 1, 22]), np.array([20, 10, 30]))
    eins = np.array([4])
    for von, frei in ((1, 21), (3, 21), (21, 21), (22, 31), (31, 31)):
        assert a.erster_freier(eins, np.array([von])) == [frei]
    spannen = pd.DataFrame({"key": [4, 4, 4, 3], "von": [1, 22, 20, 5], "bis": [20, 30, 21, 6]})
    assert a.luecken(spannen, "key")["tag"].to_dict() == {2: 21, 3: 5}


def test_inputs_are_not_mutated(tmp_path):
    bestand = reading.load(schreibe(tmp_path, GUT))
    vorher = {n: f.copy() for n, f in bestand.tabellen.items()}
    checks.pruefe(view.Lage(bestand.tabellen, {}, bestand.datenstand, bestand.eigene_kostentraeger))
    for n, f in bestand.tabellen.items():
        pd.testing.assert_frame_equal(f, vorher[n])


def test_unknown_provider_is_named_with_the_known_ones(tmp_path):
    with pytest.raises(TraegerFehler, match="T99 gibt es im Bestand nicht; bekannt sind T01, T02"):
        reading.load(schreibe(tmp_path, GUT), "T99")


def _zufaellige_lage(zufall: random.Random) -> view.Lage:
    """A small Bestand on 60 days of 2025 and the last days of 2024, built without files; row numbers from 2 on."""
    def tag(n: int | None) -> pd.Timestamp:
        return pd.NaT if n is None else pd.Timestamp(2024, 12, 20) + pd.Timedelta(days=n)

    def spanne(laenge: int) -> tuple[pd.Timestamp, pd.Timestamp]:
        von = zufall.randrange(60)
        return tag(von), tag(von + zufall.randrange(laenge))

    saetze = [("A1", h, *spanne(60), zufall.choice([None, Decimal("0.75")]), zufall.choice([pd.NaT, tag(1), tag(30), tag(90)]))
              for h in "12" for _ in range(4)]
    zeilen: dict[str, list[dict[str, Any]]] = {
        "traeger": [{"traeger_id": "T1", "budget_beginn": zufall.choice([pd.NaT, tag(20)])}],
        "angebote": [{"angebot_id": "A1", "traeger_id": "T1", "im_budget": True, "leistungstyp": "x"}],
        "budgets": [{"traeger_id": "T1", "budgetjahr": 2025, "version": 1, "beschlossen_am": tag(0), "art": "pauschal"}],
        "verfahren": [{"traeger_id": "T1", "gueltig_ab": tag(0), "abwesenheit_volle_tage": 2}, {"traeger_id": "T1", "gueltig_ab": tag(30)}],
        "entgelte": [dict(zip(("angebot_id", "hbg", "gueltig_ab", "gueltig_bis", "abwesenheit_faktor", "beschlossen_am"), s, strict=True))
                     for s in saetze],
        "faelle": [], "abwesenheiten": []}
    ueberschneidend = zufall.random() < 0.3
    for p in "abc":
        ende = 0
        for _ in range(3):
            beginn = zufall.randrange(60) if ueberschneidend else ende + zufall.choice([1, 1, 4])
            ende = beginn + zufall.randrange(25)
            zeilen["faelle"].append({"person_id": p, "angebot_id": "A1", "kostentraeger": zufall.choice(["Stadt", "Stadt", "Land"]),
                                     "hbg": zufall.choice("12"), "beginn": tag(beginn), "ende": tag(ende)})
            von, bis = spanne(8)
            zeilen["abwesenheiten"].append({"person_id": p, "angebot_id": "A1", "beginn": von, "ende": bis})
        zeilen["faelle"][-1]["ende"] = zufall.choice([tag(ende), pd.NaT])
    frames = {}
    for name in TABELLEN:
        leer = leere_tabelle(name)
        frames[name] = pd.DataFrame(zeilen.get(name, []), columns=leer.columns).astype(leer.dtypes.to_dict())
        frames[name].index += 2
    return view.Lage(frames, {}, date(2025, 2, 15), ("Stadt",))


@pytest.mark.parametrize("saat", range(25))
def test_the_vectorised_rules_agree_with_counting_day_by_day(saat):
    lage = _zufaellige_lage(random.Random(saat))
    offen = pd.Timestamp(2025, 12, 31)
    tage = {t: [(r.Index, r.person_id, set(pd.date_range(r.beginn, offen if pd.isna(r.ende) else r.ende)), r)
                for r in lage[t].itertuples()] for t in ("faelle", "abwesenheiten")}
    gemeldet = {(f.art, f.ort, f.zeile) for regel in checks.REGELN for f in regel.pruefe(lage)}

    def doppelt(t: str) -> bool:
        return any(i != j and p == q and a & b for i, p, a, _ in tage[t] for j, q, b, _ in tage[t])

    assert any(g[:2] == ("ueberschneidung", "faelle") for g in gemeldet) == doppelt("faelle")
    assert any(g[:2] == ("ueberschneidung", "abwesenheiten") for g in gemeldet) == doppelt("abwesenheiten")
    da = {p: set().union(*(t for _, q, t, _ in tage["faelle"] if q == p)) for p in "abc"}
    assert {z for art, _, z in gemeldet if art == "abwesenheit_ausserhalb"} == {i for i, p, t, _ in tage["abwesenheiten"] if t - da[p]}

    beginn = lage["traeger"]["budget_beginn"].iloc[0]
    von = pd.Timestamp(2025, 1, 1) if pd.isna(beginn) else max(beginn, pd.Timestamp(2025, 1, 1))
    fenster = set(pd.date_range(von, lage.datenstand))

    def satz(hbg: str, tag: pd.Timestamp) -> Any:
        gueltig = [r for r in lage["entgelte"].itertuples() if r.hbg == hbg and r.gueltig_ab <= tag <= r.gueltig_bis
                   and (pd.isna(r.beschlossen_am) or r.beschlossen_am <= pd.Timestamp(lage.datenstand))]
        return max(gueltig, key=lambda r: (pd.Timestamp(0 if pd.isna(r.beschlossen_am) else r.beschlossen_am), r.gueltig_ab, r.Index),
                   default=None)

    eigene = [(p, t & fenster, r.hbg) for _, p, t, r in tage["faelle"] if r.kostentraeger == "Stadt"]
    ohne = {h for _, t, h in eigene for d in t if satz(h, d) is None}
    assert {lage["faelle"]["hbg"][z] for art, _, z in gemeldet if art == "ohne_entgelt"} == ohne
    if doppelt("faelle"):
        return
    vermindert = set()
    for p in "abc":
        weg = set().union(*(t for _, q, t, _ in tage["abwesenheiten"] if q == p))
        for d in weg:
            erster = d
            while erster - pd.Timedelta(days=1) in weg:
                erster -= pd.Timedelta(days=1)
            voll = 2 if d < pd.Timestamp(2024, 12, 20) + pd.Timedelta(days=30) else 10**6  # the rule of each day
            vermindert |= {(p, d)} if (d - erster).days >= voll else set()
    saetze = [satz(h, d) for p, t, h in eigene for d in t if (p, d) in vermindert]
    zeilen = {s.Index for s in saetze if s is not None and s.abwesenheit_faktor is None}
    assert {z for art, _, z in gemeldet if art == "faktor_fehlt"} == zeilen
