"""Workbooks that go between analyst and provider: templates to fill in, and fault workbooks with the faulty cells marked.

The fault workbook lies beside the data and holds copies of them, so it is as confidential; its list and comments name no person.
Not here: finding faults (`inputs.reading`, `inputs.checks`), what a column means (`inputs.schema`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import xlsxwriter
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.utility import xl_rowcol_to_cell

from traeger_lib.inputs.convert import JAHR_BIS, JAHR_VON, Rohspalte, Unlesbar, ist_leer
from traeger_lib.inputs.faults import Fehler, TraegerFehler
from traeger_lib.inputs.reading import Kopie, kopien
from traeger_lib.inputs.schema import ARTEN, TABELLEN, Spalte
from traeger_lib.inputs.sources import Roh

TEXTARTEN = ("id", "text", "monat", "quartal", "auswahl", "janein")  # Excel must not turn 007 or 2025-01 into a number or a date
ZAHLENFORMAT = {"datum": "dd.mm.yyyy", "geld": "#,##0.00", "ganzzahl": "0", **dict.fromkeys(TEXTARTEN, "@")}
LETZTE = 1_048_575  # last row of a sheet, counted from 0
FEHLER_MAX = 1_000_000  # faults that fit into the list
VERWEISE_MAX = 60_000  # Excel allows 65,530 links in a sheet
GANZ_BIS = 20_000  # rows of a table up to which all are copied; beyond, the faulty ones
KOMMENTARE_MAX = 5_000  # comments of a sheet; beyond, cells are marked only (Excel opens many comments slowly)
ANLEITUNG = (
    "Je Tabelle ein Blatt, je Zeile ein Eintrag; die Überschriften nicht ändern. Was zu einer Spalte gehört, steht im Kommentar ihrer "
    "Überschrift.", "Spalten mit * sind Pflicht. Eine leere Zelle bedeutet, was unter „leer“ steht. Nicht benötigte Blätter bleiben leer.",
    "Keine Summenzeilen, keine verbundenen Zellen, keine Zwischenüberschriften.",
    "Personen nur mit Pseudonym, nie mit Namen; dieselbe Person hat in allen Blättern und Lieferungen dasselbe Pseudonym.")


@contextmanager
def _mappe(pfad: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A new workbook and its formats; text stays text, never a formula or link."""
    wb = xlsxwriter.Workbook(str(pfad), {"strings_to_formulas": False, "strings_to_urls": False})
    tag, marke = {"num_format": "dd.mm.yyyy"}, {"bg_color": "#FFE2B8", "border": 1, "border_color": "#A35200"}
    formate = {k: wb.add_format(v) for k, v in {
        "kopf": {"bold": True, "bottom": 1}, "datum": tag, "falsch": marke, "falschdatum": tag | marke,
        "text": {"text_wrap": True, "valign": "top"}, "verweis": {"font_color": "#0B5CAD", "underline": 1}}.items()}
    try:
        yield wb, formate
        wb.close()
    except FileCreateError as f:
        raise TraegerFehler(f"{pfad} lässt sich nicht schreiben. In anderen Programmen schließen, Schreibrecht prüfen.") from f


def _liste(ws: Any, formate: dict[str, Any], breiten: dict[str, int], zeilen: Sequence[Sequence[Any]], ab: int = 0) -> None:
    """A table with frozen header and filter."""
    for i, breite in enumerate(breiten.values()):
        ws.set_column(i, i, breite)
    ws.freeze_panes(ab + 1, 0)
    ws.add_table(ab, 0, ab + max(1, len(zeilen)), len(breiten) - 1, {"data": zeilen, "style": None, "columns": [
        {"header": titel, "header_format": formate["kopf"], "format": formate["text"]} for titel in breiten]})


# --- template --------------------------------------------------------------------------------------------------------

def _erklaerung(s: Spalte) -> list[str]:
    """Kind, meaning, unit and what an empty cell means."""
    return [", ".join(s.werte) or ARTEN[s.art], s.bedeutung, s.einheit, "Pflicht" if s.pflicht else s.standard or "keine Angabe"]


def regel(s: Spalte) -> dict[str, Any] | None:
    """The data validation of a column."""
    bedingung: dict[str, Any] | None = None
    laenge = {"id": (2, 32), "monat": (7, 7), "quartal": (6, 6)}.get(s.art)
    if len(",".join(s.werte)) > 255:
        return None  # Excel holds no longer list; the intake checks the value all the same
    if s.werte or s.art == "janein":
        bedingung = {"validate": "list", "source": list(s.werte or ("ja", "nein"))}
    elif s.art == "datum":
        bedingung = {"validate": "date", "criteria": "between", "minimum": date(JAHR_VON, 1, 1), "maximum": date(JAHR_BIS, 12, 31)}
    elif s.art in ("ganzzahl", "dezimal", "geld"):
        art = "integer" if s.art == "ganzzahl" else "decimal"
        bedingung = {"validate": art, "criteria": ">=", "value": -1e12 if s.minimum is None else s.minimum}
    elif laenge:
        bedingung = {"validate": "length", "criteria": "between", "minimum": laenge[0], "maximum": laenge[1]}
    return bedingung and bedingung | {"error_title": s.name, "error_message": f"Erwartet: {', '.join(s.werte) or ARTEN[s.art]}."[:255]}


def schreibe_vorlage(ziel: Path) -> list[Path]:
    """An empty commented workbook with a sheet per table, and bestand.toml beside it. Raises TraegerFehler where there is one."""
    pfade = [ziel / "bestand.xlsx", ziel / "bestand.toml"]
    if schon := [p for p in pfade if p.exists()]:
        raise TraegerFehler(f"{schon[0]} gibt es schon und bleibt unverändert. Bitte einen anderen Ordner angeben.")
    ziel.mkdir(parents=True, exist_ok=True)
    with _mappe(pfade[0]) as (wb, formate):
        zahlen = {art: wb.add_format({"num_format": fmt}) for art, fmt in ZAHLENFORMAT.items()}
        ws = wb.add_worksheet("Erläuterungen")
        for i, satz in enumerate(ANLEITUNG):
            ws.write_string(i, 0, satz)
        zeilen = [(t.name, t.zweck, s.name + "*" * s.pflicht, *_erklaerung(s)) for t in TABELLEN.values() for s in t.spalten]
        breiten = {"Blatt": 16, "Inhalt": 40, "Spalte": 26, "Art": 40, "Bedeutung": 60, "Einheit": 22, "leer": 28}
        _liste(ws, formate, breiten, zeilen, len(ANLEITUNG) + 1)
        for t in TABELLEN.values():
            ws = wb.add_worksheet(t.name)
            ws.freeze_panes(1, 0)
            ws.ignore_errors({"number_stored_as_text": f"A2:Z{LETZTE + 1}"})
            for i, s in enumerate(t.spalten):
                art, bedeutung, einheit, leer = _erklaerung(s)
                ws.set_column(i, i, max(12, len(s.name) + 3), zahlen.get(s.art))
                ws.write_string(0, i, s.name + "*" * s.pflicht, formate["kopf"])
                zusatz = [f"Einheit: {einheit}"] if einheit else []
                ws.write_comment(0, i, "\n".join([bedeutung, *zusatz, f"Art: {art}", f"leer: {leer}"]), {"x_scale": 2, "y_scale": 1.2})
                if bedingung := regel(s):
                    ws.data_validation(1, i, LETZTE, i, bedingung)
    pfade[1].write_bytes(files("traeger_lib.inputs").joinpath("vorlage.toml").read_bytes())
    return pfade


# --- faults ----------------------------------------------------------------------------------------------------------

def schreibe_fehlermappe(bestand: Path, fehler: Sequence[Fehler]) -> Path:
    """`fehler.xlsx` beside the data: every fault, and each faulty table with its cells marked, rows where they are in the file."""
    pfad = (bestand if bestand.is_dir() else bestand.parent) / "fehler.xlsx"
    je_ort = {ort: [f for f in fehler if f.ort == ort and f.zeile is not None] for ort in {f.ort for f in fehler if f.zeile is not None}}
    vorhanden = kopien(bestand, je_ort)
    with _mappe(pfad) as (wb, formate):
        ws = wb.add_worksheet("Fehler")
        breiten = {"Zelle": 10, "Ort": 28, "Zeile": 8, "Spalte": 20, "Wert": 24, "Was ist falsch": 60, "Was ist zu tun": 60, "Träger": 14}
        zeilen = [("", f.ort, f.zeile, f.spalte, f.wert, f.grund, f.abhilfe, f.traeger_id) for f in fehler[:FEHLER_MAX]]
        _liste(ws, formate, breiten, zeilen)
        for ort, kopie in vorhanden.items():
            _kopiere(wb.add_worksheet(kopie.tabelle), formate, kopie, je_ort[ort])
        for z, f in enumerate(fehler[:VERWEISE_MAX], 1):
            if f.zeile is not None and f.ort in vorhanden:
                kopie = vorhanden[f.ort]
                zelle = xl_rowcol_to_cell(f.zeile - 1, kopie.orte.get(f.spalte, 0))
                ws.write_url(z, 0, f"internal:'{kopie.tabelle}'!{zelle}", formate["verweis"], "zeigen")
    return pfad


def _kopiere(ws: Any, formate: dict[str, Any], kopie: Kopie, fehler: Sequence[Fehler]) -> None:
    """A table as its file holds it, faulty cells marked and commented (a fault of no one column: the first cell)."""
    stellen: dict[tuple[int, int], list[str]] = {}
    for f in fehler:
        vorn = f"Spalte {f.spalte}: " if f.spalte and f.spalte not in kopie.orte else ""
        stellen.setdefault((f.zeile or 0, kopie.orte.get(f.spalte, 0)), []).append(f"{vorn}{f.grund} {f.abhilfe}")
    faul, roh = {z for z, _ in stellen}, kopie.roh
    reihen = [(i, z) for i, z in enumerate(roh.zeilen.tolist()) if z in faul or len(roh.zeilen) <= GANZ_BIS]
    kopf = max(0, min(roh.zeilen.tolist(), default=2) - 2)
    if len(reihen) < len(roh.zeilen):
        ws.set_default_row(hide_unused_rows=True)
    for j, titel in enumerate(roh.kopf):
        ws.write_string(kopf, j, str(titel), formate["kopf"])
        ws.set_column(j, j, max(12, min(40, len(str(titel)) + 3)))
        spalte = _spalte(roh, j)
        for i, z in reihen:
            marke = "falsch" if (z, j) in stellen else ""
            _zelle(ws, z - 1, j, spalte.werte[spalte.codes[i]] if spalte.codes[i] >= 0 else None, formate, marke)
    for (z, j), texte in [*stellen.items()][:KOMMENTARE_MAX]:
        ws.write_comment(z - 1, j, "\n".join(texte)[:30_000], {"x_scale": 2})
    ws.freeze_panes(kopf + 1, 0)


def _spalte(roh: Roh, nummer: int) -> Rohspalte:
    try:
        return roh.spalte(nummer)
    except Unlesbar:  # a nested type
        return Rohspalte(np.full(len(roh.zeilen), -1), [])


def _zelle(ws: Any, zeile: int, spalte: int, wert: Any, formate: dict[str, Any], marke: str) -> None:
    """A raw value as Excel holds it; what it cannot hold exactly as text."""
    tag = isinstance(wert, date) and wert.year > 1900 and getattr(wert, "tzinfo", None) is None
    zahl = isinstance(wert, int | float | Decimal) and -10**15 < wert < 10**15
    leer = ist_leer(wert) or isinstance(wert, Unlesbar)
    ws.write(zeile, spalte, None if leer else wert if tag or zahl else str(wert)[:32_767], formate.get(f"{marke}datum" if tag else marke))
