"""Reading: a cell comes back exactly or is reported at its place, whatever the program that wrote the file."""

from __future__ import annotations

import codecs
import copy
import csv
import io
import random
import re
import resource
import signal
import zipfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from datetime import date, datetime
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from traeger_lib.inputs import convert, reading, sources
from traeger_lib.inputs.faults import Fehler, Fehlerliste, TraegerFehler, gruppiert
from traeger_lib.inputs.schema import TABELLEN

Tabellen = dict[str, list[dict[str, Any]]]

TOML = 'datenstand = 2026-03-31\nleistungstraeger = "Stadt Probe"\neigene_kostentraeger = ["Stadt"]\n'
_SATZ = {"gueltig_ab": "01.01.2025", "gueltig_bis": "", "grundpauschale": "2,69", "massnahmepauschale": "25,35",
         "investitionsbetrag": "0,82", "abwesenheit_faktor": "0,75", "gesamt": "28,86", "beschlossen_am": "01.12.2024"}
_FALL = {"kostentraeger": "Stadt", "hbg": "1", "s": "nein", "hbg_ausgang": "", "beginn": "01.01.2025", "ende": "", "kostenzusage": "ja"}
_FASSUNG = {"budgetjahr": "2025", "version": "1", "beschlossen_am": "01.12.2024", "basisjahr": "2023"}
_FALLBEZOGEN = {**_FASSUNG, "art": "fallbezogen", "plaetze_plan": "2,5", "bezeichnung": "", "betrag_eur": ""}
GUT: Tabellen = {
    "traeger": [{"traeger_id": "T01", "name": "Haus Eins", "budget_beginn": "01.01.2025"},
                {"traeger_id": "T02", "name": "Zwei", "budget_beginn": ""}],
    "angebote": [{"angebot_id": a, "traeger_id": t, "bezeichnung": "Wohnen", "leistungstyp": "bW", "plaetze": "40", "im_budget": b}
                 for a, t, b in (("A1", "T01", "ja"), ("A2", "T01", "nein"), ("B1", "T02", "ja"))],
    "entgelte": [{"angebot_id": a, "hbg": h, **_SATZ} for a, h in (("A1", "1"), ("A1", "2"), ("A2", "1"), ("B1", "2"), ("B1", "1"))],
    "faelle": [{"person_id": "geheim-1", "angebot_id": "A1", **_FALL},
               {"person_id": "geheim-2", "angebot_id": "A1", **_FALL, "ende": "30.06.2025"},
               {"person_id": "geheim-3", "angebot_id": "A2", **_FALL}, {"person_id": "geheim-4", "angebot_id": "A1", **_FALL, "hbg": "2"}],
    "abwesenheiten": [{"person_id": "geheim-1", "angebot_id": "A1", "beginn": "10.03.2025", "ende": "20.03.2025",
                       "grund": "geheimer Grund"}],
    "fallzahlen": [{"angebot_id": "B1", "kostentraeger": "Stadt", "hbg": "1", "s": "", "hbg_ausgang": "", "monat": "2025-05",
                    "belegungstage": "300", "abwesenheitstage": "3"}],
    "personal": [{"angebot_id": "A1", "monat": f"{m}", "qualifikation": "fachkraft", "vk": "2,5", "kosten_eur": "12345,67"}
                 for m in pd.period_range("2025-01", "2026-03", freq="M")],
    "schluessel": [{"angebot_id": "A1", "hbg": h, "gueltig_ab": "01.01.2025", "personen_je_vk": "10", "leitung_enthalten": "nein"}
                   for h in "12"],
    "budgets": [{"traeger_id": "T01", **_FALLBEZOGEN, "angebot_id": "A1", "hbg": "1"},
                {"traeger_id": "T01", **_FASSUNG, "art": "pauschal", "bezeichnung": "Projekt", "betrag_eur": "1234,50"},
                {"traeger_id": "T01", **_FALLBEZOGEN, "budgetjahr": "2026", "angebot_id": "A1", "hbg": "2"},
                {"traeger_id": "T02", **_FALLBEZOGEN, "angebot_id": "B1", "hbg": "1"}],
    "verfahren": [{"traeger_id": t, "gueltig_ab": "01.01.2024", "austrittstag_zaehlt": "ja", "abwesenheit_volle_tage": "3"}
                  for t in ("T01", "T02")],
    "brueche": [{"von": "01.01.2020", "bis": "31.12.2020", "art": "bruch", "grund": "BTHG", "traeger_id": ""}],
    "anpassungen": [{"traeger_id": "T01", "budgetjahr": "2025", "wirksam_ab": "01.07.2025", "betrag_eur": "-100,00", "grund": "Tarif"}],
    "massnahmen": [{"massnahme_id": "007", "traeger_id": "T01", "perspektive": "Klienten", "ziel": "Teilhabe", "massnahme": "Café",
                    "status": "laufend", "bemerkung": "geheime Bemerkung"}],
    "termine": [{"traeger_id": "T01", "quartal": "2026Q1", "termin": "20.04.2026"}],
    "verteiler": [{"traeger_id": "T01", "name": "geheime Person", "email": "geheim@example.org", "rolle": "leistungstraeger"}],
}


def als_csv(zeilen: list[dict[str, Any]], trenner: str = ";", ende: str = "\n", spalten: list[str] | None = None) -> str:
    spalten = spalten or list({s: None for z in zeilen for s in z})
    puffer = io.StringIO()
    schreiber = csv.writer(puffer, delimiter=trenner, lineterminator=ende)
    schreiber.writerow(spalten)
    schreiber.writerows([[z.get(s, "") for s in spalten] for z in zeilen])
    return puffer.getvalue()


def schreibe(pfad: Path, tabellen: Tabellen) -> Path:
    """A Bestand as a folder of csv files in UTF-8."""
    pfad.mkdir(parents=True, exist_ok=True)
    (pfad / "bestand.toml").write_text(TOML)
    for name, zeilen in tabellen.items():
        (pfad / f"{name}.csv").write_text(als_csv(zeilen), newline="")
    return pfad


def schreibe_mappe(pfad: Path, tabellen: Tabellen) -> Path:
    """A Bestand as a workbook of text cells; returns the folder."""
    pfad.mkdir(parents=True, exist_ok=True)
    (pfad / "bestand.toml").write_text(TOML)
    mappe = openpyxl.Workbook()
    mappe.remove(mappe.active)
    for name, zeilen in tabellen.items():
        blatt = mappe.create_sheet(name)
        spalten = list({s: None for z in zeilen for s in z})
        for zeile in [spalten, *([z.get(s) or None for s in spalten] for z in zeilen)]:
            blatt.append(zeile)
    mappe.save(pfad / "bestand.xlsx")
    return pfad


def geaendert(pfad: Path, aendern: Any) -> Path:
    """The workbook of the folder after `aendern(workbook)`."""
    mappe = openpyxl.load_workbook(pfad / "bestand.xlsx")
    aendern(mappe)
    mappe.save(pfad / "bestand.xlsx")
    return pfad


def alle_fehler(pfad: Path) -> list[Fehler]:
    try:
        return reading.lies(pfad)[1]
    except Fehlerliste as liste:
        return list(liste.fehler)


def mit(tabelle: str, zeile: int, **werte: Any) -> Tabellen:
    t = copy.deepcopy(GUT)
    t[tabelle][zeile].update(werte)
    return t


# --- single values ---------------------------------------------------------------------------------------------------

def wandle(spalte: str, werte: list[Any]) -> list[Any]:
    """Converted values of table.column; a fault as its kind."""
    tabelle, name = spalte.split(".")
    roh = convert.rohspalte(werte)
    w = convert.wandle(TABELLEN[tabelle].spalte[name], roh)
    fehler = dict(w.fehler)
    return [f"!{fehler[c].art}" if c in fehler else v for c, v in zip(roh.codes, w.werte, strict=True)]


@pytest.mark.parametrize(("spalte", "roh", "erwartet"), [
    ("entgelte.grundpauschale", ["1.5"], [Decimal("1.5")]),
    ("entgelte.grundpauschale", ["1,5"], [Decimal("1.5")]),
    ("entgelte.grundpauschale", ["1.234"], ["!dezimalzeichen"]),
    ("personal.vk", ["1.234"], ["!dezimalzeichen"]),
    ("personal.vk", ["1,234"], ["!dezimalzeichen"]),
    ("personal.vk", ["1.234", "0.5"], [Decimal("1.234"), Decimal("0.5")]),
    ("personal.vk", ["1,234", "10,5"], [Decimal("1.234"), Decimal("10.5")]),
    ("personal.vk", ["0.125"], [Decimal("0.125")]),
    ("personal.kosten_eur", ["1.234,50", "1.234"], [Decimal("1234.50"), Decimal("1234")]),
    ("personal.kosten_eur", ["1,234.50", "1,234"], [Decimal("1234.50"), Decimal("1234")]),
    ("personal.kosten_eur", ["1.234", "1,5"], ["!dezimalzeichen", Decimal("1.5")]),
    ("personal.kosten_eur", ["1.5", "1,5"], ["!dezimalzeichen", "!dezimalzeichen"]),
    ("personal.kosten_eur", ["1.234.567"], [Decimal("1234567")]),
    ("personal.kosten_eur", ["1 234,50", "1\u00a0234", "1'234,50"], [Decimal("1234.50"), Decimal("1234"), Decimal("1234.50")]),
    ("personal.kosten_eur", ["12.34.567", "1.23,4", "1e3", "12 €", "--1", "1,", "٣", "1 2"], ["!zahl"] * 8),
    ("personal.kosten_eur", ["1,005", "1,50"], ["!geld", Decimal("1.50")]),
    ("personal.kosten_eur", [0.1 + 0.2, 28.860000000000003], [Decimal("0.3"), Decimal("28.86")]),
    ("personal.kosten_eur", [1.005, float("inf"), True, datetime(2024, 1, 2)], ["!geld", "!zahl", "!art", "!art"]),
    ("personal.vk", [1 / 3], [Decimal(repr(1 / 3))]),
    ("personal.vk", ["-1"], ["!minimum"]),
    ("personal.vk", ["#DIV/0!", "#NV", "#BEZUG!", "#####"], ["!fehlerwert"] * 4),
    ("budgets.version", ["1", "2,0", 3.0, "1,5", 1.5], [1, 2, 3, "!ganzzahl", "!ganzzahl"]),
    ("budgets.version", ["1.000"], ["!dezimalzeichen"]),
    ("faelle.beginn", ["01.02.2024", "1.2.2024", "2024-02-01", "2024-02-01 00:00:00", date(2024, 2, 1), 45323.0],
     [pd.Timestamp(2024, 2, 1)] * 6),
    ("faelle.beginn", ["01.02.24", "02/01/2024", "20240201", "31.02.2024", "31.12.9999", "2024", "1.5", "45323",
                       datetime(2024, 2, 1, 12), 1.5], ["!datum"] * 10),
    ("fallzahlen.monat", ["2024-02", date(2024, 2, 1)], [pd.Timestamp(2024, 2, 1)] * 2),
    ("fallzahlen.monat", ["2024-13", "02.2024", "Feb 24", date(2024, 2, 2)], ["!monat"] * 4),
    ("faelle.s", ["ja", "Nein", True, False], [True, False, True, False]),
    ("faelle.s", ["j", "x", "1", 1.0], ["!janein"] * 4),
    ("faelle.hbg", ["02", 2.0, 2, " 3 ", "IV", "ohne"], ["02", "2", "2", "3", "IV", "ohne"]),
    ("faelle.hbg", [True, date(2024, 2, 1), "#WERT!", "a\ufffd", "x" * 3000], ["!art", "!art", "!fehlerwert", "!zeichen", "!zeichen"]),
    ("faelle.angebot_id", ["A1", "007", "a1", "A", "-A", "A 1", "A" * 33, "Ä1"], ["A1", "007", *["!kennung"] * 6]),
    ("personal.qualifikation", ["fachkraft", "Fachkraft", "Fachkräfte"], ["fachkraft", "fachkraft", "!auswahl"]),
    ("termine.quartal", ["2026Q1", "2026Q5", "Q1 2026"], ["2026Q1", "!quartal", "!quartal"]),
])
def test_a_value_is_exact_or_a_fault(spalte, roh, erwartet):
    ergebnis = wandle(spalte, roh)
    ergebnis = [e.item() if hasattr(e, "item") and not isinstance(e, pd.Timestamp) else e for e in map(pd.Timestamp, ergebnis)] \
        if isinstance(erwartet[0], pd.Timestamp) else ergebnis
    assert [str(e) if isinstance(e, Decimal) else e for e in ergebnis] == [str(e) if isinstance(e, Decimal) else e for e in erwartet]


def test_empty_cells_are_missing_and_never_a_value():
    for spalte in ("entgelte.gesamt", "faelle.s", "faelle.ende", "faelle.hbg_ausgang", "angebote.plaetze"):
        assert all(w is None or pd.isna(w) for w in wandle(spalte, [None, "", "  ", float("nan")]))


def test_a_million_values_cost_as_much_as_the_distinct_ones():
    import numpy as np

    roh = convert.Rohspalte(np.zeros(1_000_000, dtype=np.int32), ["1,5"])
    assert convert.wandle(TABELLEN["personal"].spalte["vk"], roh).werte[-1] == Decimal("1.5")


# --- csv -------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def gut(tmp_path_factory):
    return reading.load(schreibe(tmp_path_factory.mktemp("gut"), GUT))


def gleich(a: Any, b: Any) -> None:
    for name in TABELLEN:
        pd.testing.assert_frame_equal(a[name], b[name])


@pytest.mark.parametrize("kodierung", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(("trenner", "ende"), [(";", "\r\n"), (",", "\n"), ("\t", "\r")])
def test_encodings_separators_and_line_ends(tmp_path, gut, kodierung, trenner, ende):
    b = schreibe(tmp_path, {})
    for name, zeilen in GUT.items():
        (b / f"{name}.csv").write_bytes(als_csv(zeilen, trenner, ende).encode(kodierung))
    bestand = reading.load(b)
    gleich(bestand, gut)
    assert bestand["massnahmen"]["massnahme"][0] == "Café"
    zeile = next(g for g in bestand.gelesen if g.startswith("massnahmen.csv"))
    assert {";": "„;“", ",": "„,“", "\t": "Tabulator"}[trenner] in zeile
    assert {"cp": "Windows-1252", "ut": "UTF-"}[kodierung[:2]] in zeile


def test_rows_are_counted_as_excel_does(tmp_path):
    """A quoted line break is one row, an empty line is a row, title rows above the header count."""
    schreibe(tmp_path, GUT)
    (tmp_path / "angebote.csv").write_text(
        'Liste;;;;\n"Stand\n2026";;;;\nangebot_id;traeger_id;bezeichnung;leistungstyp;im_budget\n'
        'A1;T01;"Haus\nam See";bW;ja\n\n;;;;\nA2;T01;x;bW;vielleicht\nB1;T02;y;bW;ja\n')
    (f,) = [f for f in alle_fehler(tmp_path) if f.art == "janein"]
    assert (f.ort, f.zeile, f.spalte, f.wert, f.traeger_id) == ("angebote.csv", 7, "im_budget", "vielleicht", "")


@pytest.mark.parametrize("kopf", ["", " ", "-"])
@pytest.mark.parametrize("als", ["csv", "parquet"])
def test_values_without_a_heading_are_not_lost_unseen(tmp_path, kopf, als):
    zeilen = [{**z, "leer": "", "hin": "x"} for z in GUT["faelle"]]
    pfad = schreibe(tmp_path, {**GUT, "faelle": []})
    (pfad / "faelle.csv").unlink()
    tafel = pd.DataFrame(zeilen).rename(columns={"hin": kopf, "leer": "\u00a0"})
    tafel.to_csv(pfad / "faelle.csv", sep=";", index=False) if als == "csv" else pq.write_table(
        pa.Table.from_pandas(tafel), pfad / "faelle.parquet")
    texte = [t for _, t in reading.load(pfad).hinweise if "außen vor" in t]
    nr = len(zeilen[0])
    assert texte == [f"faelle.{als}: Spalte „-“ gehört nicht zur Tabelle faelle und bleibt außen vor." if kopf == "-" else
                     f"faelle.{als}: Spalte Nr. {nr} enthält Werte, hat aber keine Überschrift und bleibt außen vor."]


def test_header_names_are_tolerant_never_in_meaning(tmp_path):
    t = copy.deepcopy(GUT)
    (z,) = t["termine"]
    t["termine"] = [{"Träger-ID": z["traeger_id"], " QUARTAL ": z["quartal"], "Termin*": z["termin"], "Raum": "1"}]
    bestand = reading.load(schreibe(tmp_path, t))
    assert bestand["termine"]["traeger_id"].tolist() == ["T01"]
    assert any("Raum" in text for _, text in bestand.hinweise)
    t["termine"][0]["traeger_id"] = "T01"
    (f,) = alle_fehler(schreibe(tmp_path, t))
    assert (f.art, f.spalte) == ("spalte_doppelt", "traeger_id")


@pytest.mark.parametrize(("inhalt", "art", "zeile"), [
    (b"", "datei", None),
    (b"\n\n", "datei", None),
    (b"traeger_id;quartal\nT01;2026Q1\n", "spalte_fehlt", None),
    (b"a;b;c\n1;2;3\n", "spalte_fehlt", None),
    (b"traeger_id;quartal;termin\nT01;2026Q1\n", "felder", 2),
    (b"traeger_id;quartal;termin\nT01;2026Q1;20.04.2026;x\n", "felder", 2),
    (b"traeger_id;quartal;termin\nT01;2026Q1;20.04.2026\nSumme;;1\n", "summenzeile", 3),
    (b"traeger_id;quartal;termin\nT01;2026Q1;20.04.2026\ntraeger_id;quartal;termin\n", "kopf_wiederholt", 3),
    (b"traeger_id;quartal;termin;ort\nT01;2026Q1;20.04.2026;K\x81ln\n", "datei", None),
    (b"traeger_id;quartal;termin;ort\nT01;2026Q1;20.04.2026;K\x94ln\n", "datei", None),
    (b"traeger_id;quartal;termin\nT01;2026Q1;\n", "leer", 2),
    (b"PK\x03\x04" + bytes(200), "spalte_fehlt", None),
])
def test_broken_csv_files(tmp_path, inhalt, art, zeile):
    schreibe(tmp_path, GUT)
    (tmp_path / "termine.csv").write_bytes(inhalt)
    fehler = alle_fehler(tmp_path)
    assert {(f.ort, f.art, f.zeile) for f in fehler} == {("termine.csv", art, zeile)}, "\n".join(map(str, fehler))


def test_an_unpaired_quotation_mark_is_reported(tmp_path):
    schreibe(tmp_path, GUT)
    text = (tmp_path / "personal.csv").read_text().replace("A1;2025-03", '"A1;2025-03')
    (tmp_path / "personal.csv").write_text(text)
    fehler = alle_fehler(tmp_path)
    assert fehler and all(f.ort == "personal.csv" for f in fehler)


# --- the folder ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("text", "schluessel"), [
    (TOML.replace("2026-03-31", '"31.03.2026"'), None),
    (TOML.replace("2026-03-31", '"03/31/2026"'), "datenstand"),
    (TOML.replace("2026-03-31", "20260331"), "datenstand"),
    (TOML.replace("datenstand", "datenstnd"), "datenstand"),
    (TOML.replace('"Stadt Probe"', "1"), "leistungstraeger"),
    (TOML.replace('["Stadt"]', '"Stadt"'), "eigene_kostentraeger"),
    (TOML + "erfunden = 1\n", "erfunden"),
    (TOML + "erfunden = true\n", None),
    ("datenstand = ", ""),
    ("\ufeff" + TOML, None),
])
def test_bestand_toml(tmp_path, text, schluessel):
    schreibe(tmp_path, GUT)
    (tmp_path / "bestand.toml").write_text(text, encoding="utf-8")
    fehler = alle_fehler(tmp_path)
    assert (schluessel in {f.spalte for f in fehler}) if schluessel is not None else not fehler
    assert all(f.ort == "bestand.toml" and not f.traeger_id for f in fehler)


def test_missing_things(tmp_path):
    with pytest.raises(TraegerFehler, match="gibt es nicht"):
        reading.load(tmp_path / "nirgends")
    with pytest.raises(TraegerFehler, match="keine Tabelle"):
        reading.load(tmp_path)
    (tmp_path / "x.pdf").write_text("x")
    with pytest.raises(TraegerFehler, match="kein Bestand"):
        reading.load(tmp_path / "x.pdf")
    schreibe(tmp_path / "b", GUT)
    (tmp_path / "b" / "angebote.csv").unlink()
    (tmp_path / "b" / "bestand.toml").unlink()
    assert {(f.ort, f.art) for f in alle_fehler(tmp_path / "b")} == {("b", "tabelle_fehlt"), ("bestand.toml", "bestand_toml")}


def test_sources_side_by_side_are_refused(tmp_path):
    schreibe_mappe(schreibe(tmp_path, GUT), GUT)
    assert "tabelle_doppelt" in {f.art for f in alle_fehler(tmp_path)}


def test_foreign_formats_are_named(tmp_path):
    schreibe(tmp_path, GUT)
    (tmp_path / "termine.csv").rename(tmp_path / "termine.ods")
    (f,) = alle_fehler(tmp_path)
    assert (f.ort, f.art) == ("termine.ods", "datei")


# --- Excel -----------------------------------------------------------------------------------------------------------

def test_a_workbook_gives_the_same_tables_by_folder_and_by_file(tmp_path, gut):
    gleich(gut, reading.load(schreibe_mappe(tmp_path, GUT)))
    gleich(gut, reading.load(tmp_path / "bestand.xlsx"))


def test_typed_cells(tmp_path):
    def aendern(mappe):
        e, f = mappe["entgelte"], mappe["faelle"]
        e["B2"], e["C2"], e["E2"] = 1, date(2025, 1, 1), 2.69
        f["G2"], f["E2"] = 45658, False
        f["G2"].number_format = "General"
    a, b = reading.load(schreibe(tmp_path / "a", GUT)), reading.load(geaendert(schreibe_mappe(tmp_path / "b", GUT), aendern))
    gleich(a, b)
    assert any("45658 als 01.01.2025" in text for _, text in b.hinweise)


def test_the_1904_date_system(tmp_path):
    def aendern(mappe):
        mappe.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
        mappe["faelle"]["G2"] = date(2025, 1, 1)
        mappe["faelle"]["G3"] = 45658 - 1462
        mappe["faelle"]["G3"].number_format = "General"
    bestand = reading.load(geaendert(schreibe_mappe(tmp_path, GUT), aendern))
    assert set(bestand["faelle"]["beginn"]) == {pd.Timestamp(2025, 1, 1)}


def _titel(m):
    m["faelle"].insert_rows(1, 2)
    m["faelle"]["A1"] = "Fälle der Stadt"
    m["faelle"].merge_cells("A1:F1")
    m["faelle"]["G4"] = "x"


EXCEL = {
    "formula without value": (lambda m: m["entgelte"].__setitem__("E2", "=1+1"), (2, "grundpauschale", "formel")),
    "formula beyond the last row": (lambda m: m["faelle"].__setitem__("A9", "=A1"), (9, "person_id", "formel")),
    "error cell": (lambda m: m["entgelte"].__setitem__("E3", "#DIV/0!"), (3, "grundpauschale", "fehlerwert")),
    "merged cells": (lambda m: m["entgelte"].merge_cells("C3:C4"), (4, "gueltig_ab", "verbunden")),
    "total row": (lambda m: m["personal"].append(["Gesamt", None, None, 12.5]), (17, "", "summenzeile")),
    "repeated header": (lambda m: m["personal"].append([c.value for c in m["personal"][1]]), (17, "", "kopf_wiederholt")),
    "doubled header": (lambda m: m["termine"].__setitem__("D1", "Termin"), (None, "termin", "spalte_doppelt")),
    "missing column": (lambda m: m["termine"].delete_cols(3), (None, "termin", "spalte_fehlt")),
    "title rows": (_titel, (4, "beginn", "datum")),
    "date for text": (lambda m: m["faelle"].__setitem__("D2", date(2024, 2, 1)), (2, "hbg", "art")),
    "time": (lambda m: m["faelle"].__setitem__("G2", datetime(2025, 1, 1, 8)), (2, "beginn", "datum")),
    "stray cell": (lambda m: m["faelle"].__setitem__("XFD1048576", "x"), (None, "", "datei")),
}


@pytest.mark.parametrize("name", EXCEL)
def test_excel_is_read_right_or_refused(tmp_path, name):
    aendern, (zeile, spalte, art) = EXCEL[name]
    fehler = alle_fehler(geaendert(schreibe_mappe(tmp_path, GUT), aendern))
    assert (zeile, spalte, art) in {(f.zeile, f.spalte, f.art) for f in fehler}, "\n".join(map(str, fehler))
    assert all(f.ort.startswith("bestand.xlsx, Blatt ") for f in fehler)
    assert "geheim" not in "".join(map(str, fehler))


def test_title_and_hidden_rows_and_sheets_are_read(tmp_path):
    def aendern(m):
        m["faelle"].insert_rows(1, 2)
        m["faelle"]["A1"] = "Fälle der Stadt"
        m["faelle"].merge_cells("A1:F1")
        m["faelle"].row_dimensions[5].hidden = True
        m["termine"].sheet_state = "hidden"
        m.create_sheet("Notizen")["A1"] = "x"
        m.create_sheet("Erläuterungen")["A1"] = "x"
    bestand = reading.load(geaendert(schreibe_mappe(tmp_path / "b", GUT), aendern))
    gleich(bestand, reading.load(schreibe(tmp_path / "a", GUT)))
    texte = " ".join(text for _, text in bestand.hinweise)
    assert "1 Zeile ist ausgeblendet" in texte and "Blatt termine: Das Blatt ist ausgeblendet" in texte and "Notizen" in texte
    assert "Erläuterungen" not in texte


def test_formulas_left_to_excel_are_no_values(tmp_path):
    """XlsxWriter writes 0 as the value of every formula and asks Excel to calculate on loading."""
    schreibe_mappe(tmp_path, GUT)
    with xlsxwriter.Workbook(tmp_path / "bestand.xlsx") as mappe:
        for name, zeilen in GUT.items():
            blatt = mappe.add_worksheet(name)
            for i, zeile in enumerate([list(zeilen[0]), *(list(z.values()) for z in zeilen)]):
                blatt.write_row(i, 0, zeile)
        mappe.get_worksheet_by_name("entgelte").write_formula("E3", "=1+1")
    assert [(f.zeile, f.spalte, f.art) for f in alle_fehler(tmp_path) if f.art == "formel"] == [(3, "grundpauschale", "formel")]


@pytest.mark.parametrize(("inhalt", "wort"), [
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "alte .xls"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"), "Kennwort"),
    (b"", "beschädigt"),
    (b"<html><table></table></html>", "beschädigt"),
])
def test_what_is_no_workbook_is_refused_with_the_reason(tmp_path, inhalt, wort):
    schreibe_mappe(tmp_path, GUT)
    (tmp_path / "bestand.xlsx").write_bytes(inhalt)
    (f,) = alle_fehler(tmp_path)
    assert f.ort == "bestand.xlsx" and wort in f.grund


# --- parquet ---------------------------------------------------------------------------------------------------------

def test_parquet_types(tmp_path):
    schreibe(tmp_path / "a", GUT)
    b = schreibe(tmp_path / "b", GUT)
    (b / "entgelte.csv").unlink()
    n = len(GUT["entgelte"])
    tag = [datetime(2025, 1, 1)] * n
    pq.write_table(pa.table({
        "angebot_id": pa.array([z["angebot_id"] for z in GUT["entgelte"]]).dictionary_encode(),
        "hbg": pa.array([int(z["hbg"]) for z in GUT["entgelte"]], pa.int8()),
        "gueltig_ab": pa.array(tag, pa.timestamp("ns")), "gueltig_bis": pa.array([None] * n, pa.date32()),
        "grundpauschale": pa.array([2.69] * n, pa.float64()), "massnahmepauschale": pa.array([Decimal("25.35")] * n, pa.decimal128(10, 4)),
        "investitionsbetrag": pa.array(["0,82"] * n, pa.large_string()), "abwesenheit_faktor": pa.array([0.75] * n),
        "gesamt": pa.array([28.86] * n), "beschlossen_am": pa.array([date(2024, 12, 1)] * n, pa.date32())}), b / "entgelte.parquet")
    x, y = reading.load(tmp_path / "a")["entgelte"], reading.load(b)["entgelte"]
    pd.testing.assert_frame_equal(x, y)


def test_parquet_whose_texts_are_no_utf8_is_refused(tmp_path):
    """Found by the soak: a damaged byte in a text."""
    b = schreibe(tmp_path, GUT)
    (b / "faelle.csv").unlink()
    pq.write_table(pa.Table.from_pylist(GUT["faelle"]), b / "faelle.parquet", compression="none")
    daten = (b / "faelle.parquet").read_bytes()
    geheim = GUT["faelle"][0]["person_id"].encode()
    (b / "faelle.parquet").write_bytes(daten.replace(geheim, b"\xe6" + geheim[1:]))
    (fehler,) = (f for f in alle_fehler(b) if f.ort == "faelle.parquet")
    assert "beschädigt" in str(fehler) and geheim[1:].decode() not in str(fehler)


def test_parquet_columns_without_or_of_one_heading(tmp_path):
    schreibe(tmp_path, GUT)
    spalten = {"": ["x"], "traeger_id": ["T01"], "quartal": ["2026Q1"], "termin": [date(2026, 4, 20)], "ort": ["A"]}
    (tmp_path / "termine.csv").unlink(missing_ok=True)
    pq.write_table(pa.table([*spalten.values(), [None], ["y"]], names=[*spalten, "", ""]), tmp_path / "termine.parquet")
    bestand, fehler = reading.lies(tmp_path)
    assert not fehler and bestand["termine"]["ort"].tolist() == ["A"]
    assert [h for _, h in bestand.hinweise if "keine Überschrift" in h] == [
        f"termine.parquet: Spalte Nr. {i} enthält Werte, hat aber keine Überschrift und bleibt außen vor." for i in (1, 7)]
    pq.write_table(pa.table([*spalten.values(), ["B"]], names=[*spalten, "ort"]), tmp_path / "termine.parquet")
    assert {(f.ort, f.art) for f in alle_fehler(tmp_path)} == {("termine.parquet", "spalte_doppelt")}


def test_parquet_with_a_nested_column_is_refused(tmp_path):
    schreibe(tmp_path, GUT)
    (tmp_path / "termine.csv").unlink()
    pq.write_table(pa.table({"traeger_id": [["T01"]], "quartal": ["2026Q1"], "termin": [date(2026, 4, 20)]}), tmp_path / "termine.parquet")
    assert {(f.ort, f.spalte) for f in alle_fehler(tmp_path)} == {("termine.parquet", "traeger_id")}


@settings(max_examples=300, derandomize=True, deadline=None)
@given(texte=st.lists(st.none() | st.text(max_size=6) | st.sampled_from(["#NV", "P1", " P1", "P1 ", "é", "x" * 2001, "a\x1fb", "a\x1f"])))
def test_clean_texts_are_taken_as_the_slow_way_takes_them(texte):
    """Arrow columns give their clean texts unlooked at; a list of the same values is looked at one by one."""
    spalte, feld = TABELLEN["faelle"].spalte["hbg"], pa.chunked_array([pa.array(texte, pa.string())])
    schnell, langsam = (convert.wandle(spalte, roh) for roh in (sources._aus_arrow(feld), convert.rohspalte(texte)))
    assert schnell.werte.equals(langsam.werte) and schnell.leer.tolist() == langsam.leer.tolist()
    assert {u.grund for _, u in schnell.fehler} == {u.grund for _, u in langsam.fehler}


# --- generated -------------------------------------------------------------------------------------------------------

TEXTE = st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), min_size=1, max_size=12).map(str.strip).filter(
    lambda t: t and not t.startswith("#") and not reading.SUMME.fullmatch(t)) | st.sampled_from(
        ["007", "1.5", "=1+1", 'a"b', "a;b", "x\ny", "01.02.2024", "NA"])
TAGE = st.dates(date(1990, 1, 1), date(2100, 1, 1))
GELD = st.integers(-10**9, 10**9).map(lambda c: Decimal(c) / 100)
ZEILEN = st.lists(st.fixed_dictionaries({
    "massnahme_id": TEXTE, "traeger_id": st.sampled_from(["T01", "T02"]), "perspektive": TEXTE, "ziel": TEXTE, "massnahme": TEXTE,
    "status": TEXTE, "faellig": st.none() | TAGE, "mittel_eur": st.none() | GELD, "bemerkung": st.none() | TEXTE}),
    min_size=1, max_size=6, unique_by=lambda z: (z["massnahme_id"], z["traeger_id"]))
RAHMEN = {"traeger": GUT["traeger"], "angebote": GUT["angebote"]}


def _als_text(wert: Any, komma: bool, iso: bool) -> str:
    if isinstance(wert, date):
        return wert.isoformat() if iso else f"{wert:%d.%m.%Y}"
    if isinstance(wert, Decimal):
        return f"{wert:.2f}".replace(".", "," if komma else ".")
    return wert or ""


def _pruefe(bestand: Any, zeilen: list[dict[str, Any]]) -> None:
    for gelesen, z in zip(bestand["massnahmen"].to_dict("records"), zeilen, strict=True):
        for spalte, wert in z.items():
            if wert is None:
                assert pd.isna(gelesen[spalte])
            elif isinstance(wert, date):
                assert gelesen[spalte].date() == wert
            else:
                assert gelesen[spalte] == wert, (spalte, wert, gelesen[spalte])


GEN = settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture],
               phases=[Phase.explicit, Phase.reuse, Phase.generate])


@GEN
@given(zeilen=ZEILEN, kodierung=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]), trenner=st.sampled_from(";,\t"),
       ende=st.sampled_from(["\n", "\r\n"]), komma=st.booleans(), iso=st.booleans())
def test_csv_round_trip(tmp_path, zeilen, kodierung, trenner, ende, komma, iso):
    schreibe(tmp_path, RAHMEN)
    text = als_csv([{s: _als_text(w, komma, iso) for s, w in z.items()} for z in zeilen], trenner, ende)
    (tmp_path / "massnahmen.csv").write_bytes(text.encode(kodierung))
    _pruefe(reading.load(tmp_path), zeilen)


@GEN
@given(zeilen=ZEILEN)
def test_xlsx_round_trip(tmp_path, zeilen):
    schreibe_mappe(tmp_path, RAHMEN)
    with xlsxwriter.Workbook(tmp_path / "bestand.xlsx", {"strings_to_formulas": False, "strings_to_urls": False}) as mappe:
        datum = mappe.add_format({"num_format": "dd.mm.yyyy"})
        for name, reihen in {**RAHMEN, "massnahmen": zeilen}.items():
            blatt = mappe.add_worksheet(name)
            blatt.write_row(0, 0, list(reihen[0]))
            for i, z in enumerate(reihen, 1):
                for j, wert in enumerate(z[s] for s in reihen[0]):
                    if isinstance(wert, date):
                        blatt.write_datetime(i, j, datetime(wert.year, wert.month, wert.day), datum)
                    elif isinstance(wert, Decimal):
                        blatt.write_number(i, j, float(wert))
                    elif wert:
                        blatt.write_string(i, j, wert)
    _pruefe(reading.load(tmp_path), zeilen)


@GEN
@given(zeilen=ZEILEN, gleitkomma=st.booleans())
def test_parquet_round_trip(tmp_path, zeilen, gleitkomma):
    schreibe(tmp_path, RAHMEN)
    spalten = {s: [z[s] for z in zeilen] for s in zeilen[0]}
    if gleitkomma:
        spalten["mittel_eur"] = [None if w is None else float(w) for w in spalten["mittel_eur"]]
    pq.write_table(pa.table(spalten), tmp_path / "massnahmen.parquet")
    _pruefe(reading.load(tmp_path), zeilen)


def mutanten(art: str, pfad: Path, anzahl: int, saat: int) -> int:
    """Reads so many damaged copies of a valid file (art „teile“: the zip is intact, its parts are not); the peak memory of the
    process in KiB. A copy that takes a minute ends the process."""
    zufall, alarm = random.Random(saat), getattr(signal, "alarm", lambda s: None)
    if art in ("xlsx", "teile"):
        ziel = schreibe_mappe(pfad, GUT) / "bestand.xlsx"
    else:
        ziel = schreibe(pfad, GUT) / {"csv": "faelle.csv", "parquet": "faelle.parquet", "toml": "bestand.toml"}[art]
    if art == "parquet":
        (pfad / "faelle.csv").unlink()
        pq.write_table(pa.Table.from_pylist(GUT["faelle"]), ziel)
    daten = ziel.read_bytes()
    with zipfile.ZipFile(io.BytesIO(daten)) if art == "teile" else nullcontext() as archiv:
        teile = {n: archiv.read(n) for n in archiv.namelist()} if archiv else {"": daten}
    teile = {name: inhalt for name, inhalt in teile.items() if inhalt}
    for _ in range(anzahl):
        neu = {name: bytearray(inhalt) for name, inhalt in teile.items()}
        for inhalt in neu.values():
            for _ in range(zufall.randint(0, 2) if archiv else zufall.randint(1, 4)):
                stelle = zufall.randrange(len(inhalt) or 1)
                inhalt[stelle:stelle + zufall.choice([1, 1, 1, 50])] = zufall.randbytes(zufall.choice([0, 1, 1, 3]))
        if archiv:
            with zipfile.ZipFile(ziel, "w") as gepackt:
                for name, inhalt in neu.items():
                    gepackt.writestr(name, bytes(inhalt))
        else:
            ziel.write_bytes(bytes(neu[""]))
        alarm(60)
        fehler = alle_fehler(pfad)
        alarm(0)
        assert all(str(f) and f.ort for f in fehler) and (archiv or "geheim" not in str(fehler))  # sheets may lose their columns' order
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


ARTEN = ["csv", "xlsx", "teile", "parquet", "toml"]


@pytest.mark.parametrize("art", ARTEN)
def test_mutated_files_never_crash(tmp_path, art):
    assert mutanten(art, tmp_path, 20, saat=4)


@pytest.mark.soak
@pytest.mark.parametrize("art", ARTEN)
def test_thousands_of_mutated_files_never_crash_hang_or_fill_the_memory(tmp_path, art):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as prozess:  # a crash breaks it
        assert prozess.submit(mutanten, art, tmp_path, 2_500, saat=5).result() < 1 << 20  # 1 GiB


# --- faults ----------------------------------------------------------------------------------------------------------

def test_confidential_values_stay_out_of_messages(tmp_path):
    t = mit("verteiler", 0, name="geheim\ufffd")
    t["massnahmen"][0]["bemerkung"] = "geheim\ufffd"
    t["faelle"][0]["person_id"] = "geheim\ufffd"
    fehler = alle_fehler(schreibe(tmp_path, t))
    assert {(f.ort, f.spalte) for f in fehler} >= {("verteiler.csv", "name"), ("massnahmen.csv", "bemerkung"), ("faelle.csv", "person_id")}
    assert not re.search("geheim", "".join(map(str, fehler)))


def test_a_row_of_data_in_the_headings_stays_out_of_messages(tmp_path):
    pfad = schreibe(tmp_path, GUT) / "faelle.csv"
    pfad.write_bytes(pfad.read_bytes().replace(b"beginn", b"Anfang", 1).replace(b"\n", b";", 1))
    texte = "\n".join(map(str, alle_fehler(tmp_path)))
    assert "geheim" not in texte and "nicht erkannt: Anfang, Nr. 10" in texte, texte


def test_thousands_of_faults_are_kept_and_grouped(tmp_path):
    t = copy.deepcopy(GUT)
    t["personal"] = [{**t["personal"][0], "vk": "x"}] * 5000 + [{**t["personal"][0], "monat": "y"}]
    fehler = alle_fehler(schreibe(tmp_path, t))
    assert len(fehler) == 5001
    zeilen = gruppiert(fehler)
    assert len(zeilen) == 22 and "… und 4.980 weitere dieser Art" in zeilen
    assert zeilen[0].startswith("personal.csv, Zeile 2, Spalte vk: „x“: ")


@pytest.mark.parametrize(("wert", "text"), [
    (1.0, "1"), (2.5, "2,5"), (1e20, "100000000000000000000"), (Decimal("2.50"), "2,50"), (True, "WAHR"), (float("nan"), "nan"),
    (date(2025, 2, 1), "01.02.2025"), (datetime(2025, 2, 1), "01.02.2025"), (datetime(2025, 2, 1, 7, 30), "01.02.2025 07:30"),
    (" a\n b ", "a b"), ("\x1b[2Ja\u202eb", "[2Ja b")])
def test_values_are_shown_as_a_german_program_shows_them(wert, text):
    assert convert.kurz(wert) == text


def test_a_whole_number_from_excel_is_shown_without_decimals(tmp_path):
    schreibe_mappe(tmp_path, GUT)
    geaendert(tmp_path, lambda m: m["angebote"].__setitem__("A2", 1))
    assert "„1“" in str(alle_fehler(tmp_path)[0])


def test_values_are_shortened(tmp_path):
    (f,) = alle_fehler(schreibe(tmp_path, mit("termine", 0, termin="9" * 500)))
    assert len(f.wert) == 40 and f.wert.endswith("…")


def test_bom_is_not_part_of_the_first_header(tmp_path):
    schreibe(tmp_path, GUT)
    pfad = tmp_path / "traeger.csv"
    pfad.write_bytes(codecs.BOM_UTF8 + pfad.read_bytes())
    assert reading.load(tmp_path).traeger_ids == ["T01", "T02"]
