"""Broken on purpose: every class is read as it was meant or reported at its place; nothing is changed silently, nothing crashes.

A class breaks a small valid Bestand at a place drawn by a seed and says what must come of it: the place of a fault, or the tables as
they were meant. Breaks between tables are those of `test_checks`, seen here from the other provider's side.
"""

from __future__ import annotations

import copy
import csv
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st
from test_checks import BRUECHE, broken
from test_reading import GELD, GUT, RAHMEN, TAGE, TEXTE, als_csv, geaendert, gleich, schreibe, schreibe_mappe

from traeger_lib.inputs import reading
from traeger_lib.inputs.faults import Fehler, Fehlerliste
from traeger_lib.inputs.schema import TABELLEN, Bestand
from traeger_lib.inputs.sources import DOS_MAC

Tabellen = dict[str, list[dict[str, Any]]]
Stelle = tuple[str, int | None, str]
Erwartung = Stelle | Tabellen  # where the fault must be, or what must be read
Klasse = Callable[[Path, random.Random], Erwartung]

# --- single cells: table.column (* = in every row), value, whether it is a fault --------------------------------------
ZELLEN: dict[str, tuple[str, str, bool]] = {
    "amount with unit": ("entgelte.massnahmepauschale", "25,35 €", True),
    "thousands or decimals": ("personal.kosten_eur*", "1.234", True),
    "point and comma in one column": ("entgelte.massnahmepauschale", "25.35", True),
    "three decimals of an amount": ("personal.kosten_eur", "12345,678", True),
    "misplaced thousands": ("personal.kosten_eur", "12.34.567", True),
    "negative number": ("personal.vk", "-2,5", True),
    "words for a number": ("personal.vk", "k. A.", True),
    "exponent": ("personal.kosten_eur", "1e4", True),
    "letter O for zero": ("schluessel.personen_je_vk", "1O", True),
    "per cent": ("entgelte.abwesenheit_faktor", "75%", True),
    "ratio": ("schluessel.personen_je_vk", "1:10", True),
    "spreadsheet error": ("entgelte.gesamt", "#DIV/0!", True),
    "too narrow column": ("personal.kosten_eur", "########", True),
    "part of a count": ("fallzahlen.belegungstage", "300,5", True),
    "two digits of a year": ("faelle.beginn", "01.01.25", True),
    "American date": ("faelle.beginn", "01/31/2025", True),
    "no such day": ("faelle.beginn", "31.02.2025", True),
    "date with time": ("faelle.beginn", "01.01.2025 08:30", True),
    "month for a date": ("faelle.beginn", "2025-01", True),
    "9999 for an open end": ("entgelte.gueltig_bis", "31.12.9999", True),
    "named month": ("personal.monat", "Mai 2025", True),
    "date for a month": ("fallzahlen.monat", "02.05.2025", True),
    "quarter in words": ("termine.quartal", "1. Quartal 2026", True),
    "cross for yes": ("faelle.kostenzusage", "x", True),
    "unknown kind": ("personal.qualifikation", "Pflegekraft", True),
    "small letters in an id": ("faelle.angebot_id", "a1", True),
    "blank in an id": ("faelle.angebot_id", "A 1", True),
    "required cell empty": ("faelle.hbg", "", True),
    "replacement character": ("massnahmen.massnahme", "Caf\ufffd", True),
    "endless text": ("massnahmen.massnahme", "x" * 5000, True),
    "blanks around": ("faelle.angebot_id", " \u00a0A1 ", False),
    "ISO date": ("faelle.beginn", "2025-01-01", False),
    "short German date": ("faelle.beginn", "1.1.2025", False),
    "serial day": ("faelle.beginn", "45658", True),
    "date with midnight": ("faelle.beginn", "2025-01-01 00:00:00", False),
    "unmistakable thousands": ("personal.kosten_eur", "12.345,67", False),
    "thousands by blanks": ("personal.kosten_eur", "12\u00a0345,67", False),
    "capital JA": ("faelle.kostenzusage", "JA", False),
    "capital kind": ("personal.qualifikation", "Fachkraft", False),
}


def zelle(stelle: str, wert: str, falsch: bool, pfad: Path, zufall: random.Random) -> Erwartung:
    tabelle, spalte = stelle.rstrip("*").split(".")
    t = copy.deepcopy(GUT)
    i = zufall.choice([i for i, z in enumerate(t[tabelle]) if tabelle != "faelle" or z["angebot_id"] == "A1"])
    for z in t[tabelle] if stelle.endswith("*") else [t[tabelle][i]]:
        z[spalte] = wert
    schreibe(pfad, t)
    return (f"{tabelle}.csv", i + 2, spalte) if falsch else GUT


# --- csv: headers, rows, encodings, separators; breaks act on the lines of faelle.csv, i is a data row ----------------

def text(aendern: Callable[[list[str], int], Any], ort: Callable[[int], Stelle] | None, pfad: Path, zufall: random.Random) -> Erwartung:
    schreibe(pfad, GUT)
    zeilen = (pfad / FAELLE).read_text().splitlines()
    i = zufall.randrange(1, len(zeilen))
    neu = aendern(zeilen, i)
    (pfad / FAELLE).write_bytes(neu if isinstance(neu, bytes) else "\n".join([*neu, ""]).encode())
    return ort(i) if ort else GUT


def andere_ordnung(zeilen: list[str], i: int) -> list[str]:
    return [";".join([z[-1], *z[:-1]]) for z in csv.reader(zeilen, delimiter=";")]


def kodiert(kodierung: str) -> Callable[[list[str], int], bytes]:
    return lambda z, i: "\r\n".join([*z, ""]).replace("Stadt", "Städt").encode(kodierung)


def datei(spalte: str = "") -> Callable[[int], Stelle]:
    return lambda i: (FAELLE, None, spalte)


def da(i: int) -> Stelle:
    return FAELLE, i + 1, ""


FAELLE = "faelle.csv"
CSV: dict[str, tuple[Callable[[list[str], int], Any], Callable[[int], Stelle] | None]] = {
    "required column missing": (lambda z, i: [";".join(x.split(";")[1:]) for x in z], datei("person_id")),
    "misspelt header": (lambda z, i: [z[0].replace("kostentraeger", "kostenträgr"), *z[1:]], datei("kostentraeger")),
    "doubled header": (lambda z, i: [z[0] + ";Beginn", *(x + ";01.01.2020" for x in z[1:])], datei("beginn")),
    "no header": (lambda z, i: z[1:], datei()),
    "header again": (lambda z, i: [*z[:i], z[0], *z[i:]], da),
    "total row": (lambda z, i: [*z, "Summe;;;4;;;;;"], lambda i: (FAELLE, 6, "")),
    "too few fields": (lambda z, i: [*z[:i], z[i].rsplit(";", 2)[0], *z[i + 1:]], da),
    "too many fields": (lambda z, i: [*z[:i], z[i] + ";x", *z[i + 1:]], da),
    "unknown separator": (lambda z, i: [x.replace(";", "|") for x in z], datei()),
    "unpaired quotation mark": (lambda z, i: [*z[:i], '"' + z[i], *z[i + 1:]], da),
    "DOS encoding": (kodiert("cp850"), datei()),
    "Mac encoding": (kodiert("mac-roman"), datei()),
    "empty file": (lambda z, i: b"", datei()),
    "only blanks": (lambda z, i: b" \r\n \r\n", datei()),
    "binary": (lambda z, i: b"\x00\x01\x02" * 400, datei()),
    "a workbook named csv": (lambda z, i: b"PK\x03\x04" + bytes(range(256)) * 8, datei()),
    "half of UTF-16": (lambda z, i: "\n".join(z).encode("utf-16")[:-1], datei()),
    "title rows": (lambda z, i: ["Fallliste;;;;", "Stand 2026;;;;", "", *z], None),
    "empty rows": (lambda z, i: [*z[:i], "", ";" * z[0].count(";"), *z[i:]], None),
    "empty columns at the right": (lambda z, i: [x + ";;" for x in z], None),
    "extra column": (lambda z, i: [z[0] + ";Zimmer", *(x + ";12" for x in z[1:])], None),
    "columns in another order": (andere_ordnung, None),
    "headers in other letters": (lambda z, i: [z[0].upper().replace("_", "-").replace("TRAEGER", "Träger "), *z[1:]], None),
    "every field quoted": (lambda z, i: ['"' + x.replace(";", '";"') + '"' for x in z], None),
    "byte order mark": (lambda z, i: "\n".join(z).encode("utf-8-sig"), None),
    "UTF-16": (lambda z, i: "\r\n".join(z).encode("utf-16"), None),
    "old Mac line ends": (lambda z, i: "\r".join(z).encode(), None),
    "mixed line ends": (lambda z, i: ("\r\n".join(z[:i]) + "\n" + "\n".join(z[i:])).encode(), None),
    "tabulators": (lambda z, i: [x.replace(";", "\t") for x in z], None),
    "commas": (lambda z, i: [x.replace(";", ",") for x in z], None),
}


# --- Excel: breaks act on the sheet faelle; i is a data row, columns A person, B offer, C payer, D hbg, E s, G beginn ---

def mappe(aendern: Callable[[Any, int], Any], ort: Callable[[int], Stelle] | None, pfad: Path, zufall: random.Random) -> Erwartung:
    i = zufall.randrange(2, 6)
    geaendert(schreibe_mappe(pfad, GUT), lambda m: aendern(m, i))
    return ort(i) if ort else GUT


def blatt(spalte: str, versatz: int = 0) -> Callable[[int], Stelle]:
    return lambda i: ("bestand.xlsx, Blatt faelle", i + versatz, spalte)


def setze(spalte: str, wert: Any, fmt: str = "") -> Callable[[Any, int], None]:
    def aendern(m: Any, i: int) -> None:
        c = m["faelle"][f"{spalte}{i}"]
        c.value = wert
        c.number_format = fmt or c.number_format
    return aendern


def zweites_blatt(m: Any, i: int) -> None:
    m.create_sheet("Fälle ")["A1"] = "person_id"


def ausgeblendet(m: Any, i: int) -> None:
    m["faelle"].row_dimensions[i].hidden = True
    m["faelle"].column_dimensions["B"].hidden = True
    m["termine"].sheet_state = "veryHidden"


def als_typen(m: Any, i: int) -> None:
    for spalte, wert in (("D", int(GUT["faelle"][i - 2]["hbg"])), ("E", False), ("G", date(2025, 1, 1))):
        setze(spalte, wert)(m, i)


def titelzeilen(m: Any, i: int) -> None:
    m["faelle"].insert_rows(1, 2)
    m["faelle"]["A1"] = "Liste"


EXCEL: dict[str, tuple[Callable[[Any, int], Any], Callable[[int], Stelle] | None]] = {
    "formula without value": (setze("D", "=1+1"), blatt("hbg")),
    "error cell": (setze("G", "#REF!"), blatt("beginn")),
    "merged cells": (lambda m, i: m["faelle"].merge_cells(f"C{i}:C{i + 1}"), blatt("kostentraeger", 1)),
    "need group turned into a date": (setze("D", date(2025, 2, 1)), blatt("hbg")),
    "time of day": (setze("G", datetime(2025, 1, 1, 7, 30)), blatt("beginn")),
    "only a time": (setze("G", time(7, 30)), blatt("beginn")),
    "number that is no day": (setze("G", 2025), blatt("beginn")),
    "part of a day": (setze("G", 45658.5, "0.0"), blatt("beginn")),
    "truth value": (setze("D", True), blatt("hbg")),
    "number for an id": (setze("B", 1), blatt("angebot_id")),
    "total row": (lambda m, i: m["faelle"].append(["Gesamt:", None, None, 4]), lambda i: ("bestand.xlsx, Blatt faelle", 6, "")),
    "two sheets of one table": (zweites_blatt, lambda i: ("bestand.xlsx, Blatt Fälle", None, "")),
    "sheet missing": (lambda m, i: m.remove(m["traeger"]), lambda i: ("bestand.xlsx", None, "")),
    "typed cells": (als_typen, None),
    "day shown as a number": (setze("G", 45658, "General"), None),
    "hidden row, column and sheet": (ausgeblendet, None),
    "rows formatted below": (lambda m, i: setze("G", None, "dd.mm.yyyy")(m, 40), None),
    "title rows": (titelzeilen, None),
}


# --- files as a whole ------------------------------------------------------------------------------------------------

def text_bleibt_text(pfad: Path, zufall: random.Random) -> Erwartung:
    """What looks like a formula, number, date or nothing, in text columns of a workbook."""
    t = copy.deepcopy(GUT)
    werte = ["=1+1", "NA", "null", "007", "1.5", "01.02.2024", "a;b,c", 'sagt "ja"', "zwei\nZeilen", "@x", "-", "ja", "1e5"]
    t["massnahmen"] = [{**t["massnahmen"][0], "massnahme_id": f"{i:03d}", "massnahme": w, "ziel": zufall.choice(werte)}
                       for i, w in enumerate(werte)]
    del t["budgets"]  # its rows differ in their columns
    schreibe(pfad, {})
    schreibe_xlsx(pfad, t)
    return t


def ganze_mappe(machen: Callable[[bytes], bytes], pfad: Path, zufall: random.Random) -> Erwartung:
    ziel = schreibe_mappe(pfad, GUT) / "bestand.xlsx"
    ziel.write_bytes(machen(ziel.read_bytes()))
    return "bestand.xlsx", None, ""


def parquet(machen: Callable[[Path, pa.Table], Any], ort: Stelle | None, pfad: Path, zufall: random.Random) -> Erwartung:
    schreibe(pfad, GUT)
    (pfad / FAELLE).unlink()
    machen(pfad / "faelle.parquet", pa.Table.from_pylist(GUT["faelle"]))
    return ort or GUT


def abgeschnitten(pfad: Path, tafel: pa.Table) -> None:
    pq.write_table(tafel, pfad)
    pfad.write_bytes(pfad.read_bytes()[:-20])


def verschachtelt(pfad: Path, tafel: pa.Table) -> None:
    pq.write_table(tafel.set_column(3, "hbg", pa.array([[z["hbg"]] for z in GUT["faelle"]])), pfad)


def daneben(name: str, inhalt: bytes, ort: Stelle, pfad: Path, zufall: random.Random) -> Erwartung:
    schreibe(pfad, GUT)
    (pfad / name).write_bytes(inhalt)
    return ort


ALTE_MAPPE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
DATEIEN: dict[str, Klasse] = {
    "text that looks like something else": text_bleibt_text,
    "old xls named xlsx": partial(ganze_mappe, lambda d: ALTE_MAPPE),
    "password": partial(ganze_mappe, lambda d: ALTE_MAPPE + "EncryptedPackage".encode("utf-16-le")),
    "half a workbook": partial(ganze_mappe, lambda d: d[: len(d) // 2]),
    "web page named xlsx": partial(ganze_mappe, lambda d: b"<html><table><tr><td>x</td></tr></table></html>"),
    "empty workbook file": partial(ganze_mappe, lambda d: b""),
    "half a parquet file": partial(parquet, abgeschnitten, ("faelle.parquet", None, "")),
    "nested parquet column": partial(parquet, verschachtelt, ("faelle.parquet", None, "hbg")),
    "parquet of text": partial(parquet, lambda p, t: pq.write_table(t, p), None),
    "two files of one table": partial(daneben, "Fa_elle.csv", als_csv(GUT["faelle"]).encode(), (FAELLE, None, "")),
    "table in a foreign format": partial(daneben, "verteiler.ods", b"PK", ("verteiler.ods", None, "")),
    "settings without a date": partial(daneben, "bestand.toml", b'leistungstraeger = "S"\neigene_kostentraeger = ["Stadt"]\n',
                                       ("bestand.toml", None, "datenstand")),
    "settings that are no TOML": partial(daneben, "bestand.toml", b"datenstand: 31.03.2026\n", ("bestand.toml", None, "")),
}
KLASSEN: dict[str, Klasse] = {
    **{f"cell: {n}": partial(zelle, *k) for n, k in ZELLEN.items()}, **{f"csv: {n}": partial(text, *k) for n, k in CSV.items()},
    **{f"excel: {n}": partial(mappe, *k) for n, k in EXCEL.items()}, **{f"file: {n}": k for n, k in DATEIEN.items()}}


def lies(pfad: Path) -> tuple[Bestand | None, list[Fehler]]:
    try:
        return reading.lies(pfad)
    except Fehlerliste as liste:
        return None, list(liste.fehler)


@pytest.fixture(scope="module")
def gut(tmp_path_factory) -> Bestand:
    return reading.load(schreibe(tmp_path_factory.mktemp("gut"), GUT))


@pytest.mark.parametrize("saat", range(2))
@pytest.mark.parametrize("name", KLASSEN)
def test_broken_is_read_as_meant_or_reported_at_its_place(tmp_path, gut, name, saat):
    erwartet = KLASSEN[name](tmp_path / "kaputt", random.Random(f"{name}{saat}"))
    bestand, fehler = lies(tmp_path / "kaputt")
    zeilen = "\n".join(map(str, fehler))
    assert "geheim" not in zeilen and all(f.grund.endswith(".") and f.abhilfe.endswith(".") for f in fehler), zeilen
    if isinstance(erwartet, dict):
        assert not fehler, zeilen
        gleich(bestand, gut if erwartet is GUT else reading.load(schreibe(tmp_path / "gemeint", erwartet)))
        return
    assert erwartet in {(f.ort, f.zeile, f.spalte) for f in fehler}, zeilen
    assert {f.ort for f in fehler} == {erwartet[0]}, zeilen
    if bestand is not None and "T02" not in {f.traeger_id for f in fehler}:
        gleich(bestand.nur("T02"), gut.nur("T02"))


@pytest.mark.parametrize("name", BRUECHE)
def test_a_break_between_tables_changes_nothing_for_the_other(tmp_path, gut, name):
    tabellen, (*_, wer) = broken(name)
    bestand, fehler = lies(schreibe(tmp_path, tabellen))
    assert fehler and (bestand is None) == any(not f.traeger_id for f in fehler)
    if wer:
        anderer = {"T01": "T02", "T02": "T01"}[wer]
        gleich(bestand.nur(anderer), gut.nur(anderer))


@pytest.mark.parametrize(("tabelle", "spalte"), [(t, s.name) for t in GUT for s in TABELLEN[t].spalten])
def test_a_missing_column_is_one_fault_or_none(tmp_path, tabelle, spalte):
    """Whatever column is missing: nothing crashes, and only a required one is a fault of the table; what rests on it may be too."""
    t = {**GUT, tabelle: [{k: w for k, w in z.items() if k != spalte} for z in GUT[tabelle]]}
    _, fehler = lies(schreibe(tmp_path, t))
    fehlt = [(f.ort, f.spalte) for f in fehler if f.art == "spalte_fehlt"]
    assert fehlt == ([(f"{tabelle}.csv", spalte)] if TABELLEN[tabelle].spalte[spalte].pflicht else []), "\n".join(map(str, fehler))


# --- round trips: what a program writes is what we read --------------------------------------------------------------

ARTEN = {"text": TEXTE, "datum": TAGE, "geld": GELD, "dezimal": st.integers(0, 10**7).map(lambda n: Decimal(n) / 10_000),
         "monat": TAGE.map(lambda d: d.replace(day=1)), "janein": st.booleans(), "ganzzahl": st.integers(0, 400)}
FEST = {"traeger_id": st.sampled_from(["T01", "T02"]), "angebot_id": st.sampled_from(["A1", "A2", "B1"]),
        **dict.fromkeys(("ausgleich_jahr", "foerderjahr"), st.integers(2000, 2100))}


def zeilen(tabelle: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows of a table by the kinds of its columns, with empty cells where they are allowed."""
    je_spalte = {s.name: st.sampled_from(s.werte) if s.werte else FEST[s.name] if s.name in FEST else ARTEN[s.art]
                 for s in TABELLEN[tabelle].spalten}
    je_spalte = {n: w if TABELLEN[tabelle].spalte[n].pflicht else st.none() | w for n, w in je_spalte.items()}
    return st.lists(st.fixed_dictionaries(je_spalte), min_size=1, max_size=5,
                    unique_by=lambda z: tuple(z[k] for k in TABELLEN[tabelle].schluessel))


INHALT = st.fixed_dictionaries({t: zeilen(t) for t in ("massnahmen", "personal", "verfahren")})
SCHREIBWEISE = st.fixed_dictionaries({
    "kodierung": st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]), "trenner": st.sampled_from(";,\t"),
    "ende": st.sampled_from(["\n", "\r\n"]), "komma": st.booleans(), "iso": st.booleans()})


def als_text(wert: Any, art: str, komma: bool, iso: bool) -> str:
    """A value as a German program writes it; decimals with two or four places, since three could be thousands."""
    if wert is None or isinstance(wert, bool):
        return {None: "", True: "ja", False: "nein"}[wert]
    if isinstance(wert, date):
        return f"{wert:%Y-%m}" if art == "monat" else wert.isoformat() if iso else f"{wert:%d.%m.%Y}"
    if isinstance(wert, Decimal):
        return f"{wert:.{2 if art == 'geld' else 4}f}".replace(".", "," if komma else ".")
    return str(wert)


def schreibe_csv(pfad: Path, inhalt: Tabellen, *, kodierung: str, trenner: str, ende: str, komma: bool, iso: bool) -> None:
    for name, reihen in inhalt.items():
        worte = [{s: als_text(w, TABELLEN[name].spalte[s].art, komma, iso) for s, w in z.items()} for z in reihen]
        (pfad / f"{name}.csv").write_bytes(als_csv(worte, trenner, ende).encode(kodierung))


def schreibe_xlsx(pfad: Path, inhalt: Tabellen) -> None:
    """Typed cells, text as text."""
    with xlsxwriter.Workbook(pfad / "bestand.xlsx", {"strings_to_formulas": False, "strings_to_urls": False}) as wb:
        datum = wb.add_format({"num_format": "dd.mm.yyyy"})
        for name, reihen in {**RAHMEN, **inhalt}.items():
            ws = wb.add_worksheet(name)
            spalten = list({s: None for z in reihen for s in z})
            ws.write_row(0, 0, spalten)
            for i, j, wert in ((i, j, z.get(s)) for i, z in enumerate(reihen, 1) for j, s in enumerate(spalten)):
                if isinstance(wert, bool):
                    ws.write_boolean(i, j, wert)
                elif isinstance(wert, date):
                    ws.write_datetime(i, j, datetime(wert.year, wert.month, wert.day), datum)
                elif isinstance(wert, Decimal | int):
                    ws.write_number(i, j, float(wert))
                elif wert:
                    ws.write_string(i, j, wert)


def eindeutig(daten: bytes) -> bool:
    """Windows-1252 can be valid UTF-8 as well (and is read as that), or look like DOS or Mac umlauts (and is refused): nobody can tell."""
    with suppress(UnicodeDecodeError):
        return daten.decode().isascii()
    return not DOS_MAC.search(daten.decode("cp1252"))


def pruefe(bestand: Bestand, inhalt: Tabellen) -> None:
    for name, reihen in inhalt.items():
        for gelesen, z in zip(bestand[name].to_dict("records"), reihen, strict=True):
            for spalte, wert in z.items():
                ist = gelesen[spalte]
                ist = ist.date() if isinstance(ist, pd.Timestamp) else ist
                assert (pd.isna(ist) if wert is None else ist == wert), (name, spalte, wert, ist)


def rundreisen(anzahl: int, form: str, pfad: Path, saat: int = 0) -> None:
    """So many round trips, the same in every run."""
    @seed(saat)
    @settings(max_examples=anzahl, deadline=None, database=None, suppress_health_check=list(HealthCheck),
              phases=[Phase.explicit, Phase.generate, Phase.shrink])
    @given(inhalt=INHALT, weise=SCHREIBWEISE)
    def reise(inhalt: Tabellen, weise: dict[str, Any]) -> None:
        if form == "xlsx":
            schreibe(pfad, {})
            schreibe_xlsx(pfad, inhalt)
        else:
            schreibe_csv(schreibe(pfad, RAHMEN), inhalt, **weise)
            assume(weise["kodierung"] != "cp1252" or all(eindeutig(d.read_bytes()) for d in pfad.glob("*.csv")))
        pruefe(reading.load(pfad), inhalt)
    reise()


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_round_trip_of_tables_by_schema(tmp_path, form):
    rundreisen(25, form, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("saat", range(1, 5))
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_ten_thousand_round_trips(tmp_path, form, saat):
    rundreisen(1_250, form, tmp_path, saat)
