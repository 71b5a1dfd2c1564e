"""`tabellen.xlsx`: the report's tables as real numbers with formats; text stays text, never a formula."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from textwrap import wrap
from typing import Any

import xlsxwriter

from traeger_lib.analysis.facts import Facts
from traeger_lib.reporting import formats as f
from traeger_lib.reporting.content import TABELLEN, einmalig, frueherer_stand
from traeger_lib.reporting.origin import begriffe
from traeger_lib.reporting.sentences import muster, saetze, titel
from traeger_lib.reporting.tables import Tabelle, Wert

ZAHLENFORMAT = {"zahl": "#,##0", "zahl1": "#,##0.0", "zahl2": "#,##0.00", "zahl3": "#,##0.000",
                "differenz0": "+#,##0;-#,##0;0", "differenz1": "+#,##0.0;-#,##0.0;0.0", "differenz2": "+#,##0.00;-#,##0.00;0.00",
                "euro": "#,##0.00", "euro_differenz": "+#,##0.00;-#,##0.00;0.00", "prozent": "0.0%",
                "prozent_differenz": "+0.0%;-0.0%;0.0%", "jahr": "0", "datum": "dd.mm.yyyy"}
BREITE, KOPFZEILE = 13, 2
BLATT = {  # how a table's title begins → the name of its sheet
    "Fallzahlen": "Fallzahlen", "Trend": "Trend", "Veränderung": "Trend ohne Brüche", "Jahresmittel": "Jahresmittel ohne Brüche",
    "Wie gut": "Prüfung der Prognose", "Hochrechnung": "Hochrechnung", "Mittlere HBG": "HBG-Mix", "Anteile der": "HBG-Anteile",
    "Abweichung": "Abweichung", "Klassische": "Klassische Abrechnung", "Herleitung": "Budget", "Raten": "Raten", "Zahlungen": "Puffer",
    "Puffer": "Puffer nach Jahren", "Mögliche": "Korridor", "Entgelte": "Entgelte", "Personal in": "Personal",
    "Personal nach": "Personal nach Jahren", "Ereignisse": "Ereignisse", "Freie": "Freie Plätze",
    "Ein Blick": "Sektoren", "Wechsel zwischen Sektoren": "Sektorwechsel", "Wechsel": "HBG-Wechsel",
    "Wer kommt": "Zugänge", "Geänderte": "Nachmeldungen", "Besondere": "Besondere Fälle", "Hinweise": "Hinweise",
    "Maßnahmen und": "Vorhaben im Einzelnen", "Maßnahmen": "Maßnahmen", "Rahmen": "Rahmen der Maßnahmen", "Änderungen": "Änderungen",
    "Vorhaben": "Vorhaben", "Förderung": "Förderung nach Jahren"}


def schreibe(facts: Facts, pfad: Path, herkunft: dict[str, str]) -> None:
    """Write a provider's workbook; of an action plan without cases only the measures."""
    zeilen = [("Datenstand", f.tag(facts.datenstand) + (" (vorläufig)" if facts.vorlaeufig else ""))]
    zeilen += [("Achtung", facts.bestandshinweis or muster()["erfunden"])] if facts.erfunden else []
    zeilen += [(f"{s.nummer} {s.titel}", s.text) for s in saetze(facts)]
    inhalt = blaetter(TABELLEN[n](facts) for n in (TABELLEN if facts.angebote else ("Maßnahmen", "Vorhaben", "Hinweise")))
    methode = {**dict(begriffe()), **herkunft, **frueherer_stand(facts)}
    schreibe_mappe(pfad, f"{titel(facts)} – {facts.name}", facts.datenstand, zeilen, inhalt, methode)


def schreibe_mappe(pfad: Path, ueberschrift: str, datenstand: date, zeilen: Sequence[tuple[str, str]],
                   inhalt: Mapping[str, Tabelle], methode: Mapping[str, str]) -> None:
    """Write a workbook: cover with `zeilen`, one sheet a table, method. The same content gives the same cells."""
    with xlsxwriter.Workbook(str(pfad), {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}) as wb:
        wb.set_properties({"title": f.sauber(ueberschrift), "author": "", "created": datetime.combine(datenstand, time())})
        formate = {k: wb.add_format({"num_format": v, "valign": "top"}) for k, v in ZAHLENFORMAT.items()}
        formate |= {f"{k}_summe": wb.add_format({"num_format": v, "bold": True, "top": 1}) for k, v in ZAHLENFORMAT.items()}
        formate |= {"text": wb.add_format({"text_wrap": True, "valign": "top"}), "text_summe": wb.add_format({"bold": True, "top": 1}),
                    "kopf": wb.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom"}),
                    "kopf_zahl": wb.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom", "align": "right"}),
                    "titel": wb.add_format({"bold": True, "font_size": 12, "valign": "top"}),
                    "gross": wb.add_format({"bold": True, "font_size": 16}),
                    "basis": wb.add_format({"font_color": "#57606A"})}
        _deckblatt(wb, formate, ueberschrift, zeilen, inhalt)
        for name, tabelle in inhalt.items():
            _blatt(wb, formate, name, tabelle)
        _methode(wb, formate, methode)


def _deckblatt(wb: Any, formate: dict[str, Any], ueberschrift: str, zeilen: Sequence[tuple[str, str]],
               inhalt: Mapping[str, Tabelle]) -> None:
    ws = wb.add_worksheet("Übersicht")
    ws.set_column(0, 0, 24)
    ws.set_column(1, 1, 110)
    ws.hide_gridlines(2)
    ws.set_landscape()
    ws.set_paper(9)
    ws.fit_to_pages(1, 0)
    ws.write_string(0, 0, f.sauber(ueberschrift), formate["gross"])
    for i, (a, b) in enumerate(zeilen, 2):
        _hoehe(ws, i, (a, b), (24, 105))
        ws.write_string(i, 0, a, formate["titel"])
        ws.write_string(i, 1, f.sauber(b), formate["text"])
    i = len(zeilen) + 3
    ws.write_string(i, 0, "Blätter", formate["titel"])
    for n, (blatt, was) in enumerate([*((k, t.titel) for k, t in inhalt.items()), ("Methode", "Begriffe, Rechenwege, Herkunft")]):
        ws.write_url(i + 1 + n, 0, f"internal:'{blatt}'!A1", string=blatt)
        ws.write_string(i + 1 + n, 1, was, formate["text"])


def blaetter(tabellen: Iterable[Sequence[Tabelle]]) -> dict[str, Tabelle]:
    """Sheet name → table, one table a sheet; a year to date that repeats the quarter is left out."""
    namen: dict[str, Tabelle] = {}
    for gruppe in tabellen:
        for t in einmalig(gruppe):
            fremd = re.sub(r"[\[\]:*?/\\']", " ", t.titel)[:26].strip()
            name = next((n for anfang, n in BLATT.items() if t.titel.startswith(anfang)), fremd)
            namen[name if name not in namen else f"{name} Jahr" if f"{name} Jahr" not in namen else f"{name} {len(namen)}"] = t
    return namen


def _blatt(wb: Any, formate: dict[str, Any], name: str, t: Tabelle) -> None:
    ws = wb.add_worksheet(name)
    ws.hide_gridlines(2)
    ws.set_landscape()
    ws.set_paper(9)  # A4
    ws.fit_to_pages(1, 0)
    ws.repeat_rows(KOPFZEILE)
    ws.freeze_panes(KOPFZEILE + 1, 1)
    ws.write_string(0, 0, f.sauber(t.titel), formate["titel"])
    ws.write_string(1, 0, f.sauber(t.basis), formate["basis"])
    breiten = []
    for s, spalte in enumerate(t.spalten):
        worte = [len(w) + 1 for w in spalte.name.replace("\u00ad", "").split()]
        texte = [len(str(z[s])) for z in t.zeilen if spalte.art == "text" and z[s] is not None]
        breiten.append(min(max(BREITE, *worte, *texte), 60 if len(t.spalten) < 6 else 30))
    _hoehe(ws, KOPFZEILE, [x.name for x in t.spalten], breiten)
    for s, spalte in enumerate(t.spalten):
        ws.set_column(s, s, breiten[s] + 1)
        kopf = formate["kopf" if spalte.art in ("text", "datum", "jahr") else "kopf_zahl"]
        ws.write_string(KOPFZEILE, s, spalte.name.replace("\u00ad", ""), kopf)
    for r, werte in enumerate(t.zeilen, KOPFZEILE + 1):
        summe = "_summe" if t.summe and r == KOPFZEILE + t.summe else ""
        _hoehe(ws, r, werte, breiten)
        for s, (spalte, wert) in enumerate(zip(t.spalten, werte, strict=True)):
            _zelle(ws, r, s, wert, formate[f"{spalte.art if spalte.art in ZAHLENFORMAT else 'text'}{summe}"])


def _hoehe(ws: Any, zeile: int, texte: Iterable[Any], breiten: Iterable[float]) -> None:
    """Row height for wrapped text: not every program works it out by itself."""
    zeilen = max(len(wrap(x, int(b))) if isinstance(x, str) and len(x) > b else 1 for x, b in zip(texte, breiten, strict=True))
    if zeilen > 1:
        ws.set_row(zeile, min(15 * zeilen, 400))


def _zelle(ws: Any, zeile: int, spalte: int, wert: Wert, fmt: Any) -> None:
    if wert is None:
        ws.write_blank(zeile, spalte, None, fmt)
    elif isinstance(wert, date):
        ws.write_datetime(zeile, spalte, datetime.combine(wert, time()), fmt)
    elif isinstance(wert, str):
        ws.write_string(zeile, spalte, f.sauber(wert)[:32_000], fmt)  # a cell holds 32,767 characters
    else:
        ws.write_number(zeile, spalte, float(wert) if isinstance(wert, Decimal | Fraction | float) else wert, fmt)


def _methode(wb: Any, formate: dict[str, Any], methode: Mapping[str, str]) -> None:
    ws = wb.add_worksheet("Methode")
    ws.set_landscape()
    ws.set_paper(9)
    ws.fit_to_pages(1, 0)
    ws.freeze_panes(1, 1)
    ws.set_column(0, 0, 32)
    ws.set_column(1, 1, 110)
    leer = "Dazu gibt es keine Zahl: Sie ist hier nicht sinnvoll, oder es fehlen Daten (Blatt „Hinweise“)."
    zeilen = [("Begriff", "Erläuterung"), ("Leere Zelle", leer)]
    for i, (a, b) in enumerate([*zeilen, *methode.items()]):
        _hoehe(ws, i, (a, b), (32, 105))
        ws.write_string(i, 0, a, formate["titel"])
        ws.write_string(i, 1, b, formate["text"])
