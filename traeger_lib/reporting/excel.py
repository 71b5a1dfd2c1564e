"""`tabellen.xlsx`: the report's tables as real numbers with formats; text stays text, never a formula."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import xlsxwriter

from traeger_lib.analysis.facts import Facts
from traeger_lib.reporting import formats as f
from traeger_lib.reporting.content import TABELLEN, frueherer_stand
from traeger_lib.reporting.origin import begriffe
from traeger_lib.reporting.sentences import muster, saetze, titel
from traeger_lib.reporting.tables import Tabelle, Wert

ZAHLENFORMAT = {"zahl": "#,##0", "zahl1": "#,##0.0", "zahl2": "#,##0.00", "zahl3": "#,##0.000",
                "differenz0": "+#,##0;-#,##0;0", "differenz1": "+#,##0.0;-#,##0.0;0.0", "differenz2": "+#,##0.00;-#,##0.00;0.00",
                "euro": "#,##0.00", "euro_differenz": "+#,##0.00;-#,##0.00;0.00", "prozent": "0.0%", "datum": "dd.mm.yyyy"}
BREITE_ERSTE, BREITE = 34, 14


def schreibe(facts: Facts, pfad: Path, herkunft: dict[str, str]) -> None:
    """Write the workbook: cover, one sheet per subject, method. The same Facts give the same cells."""
    with xlsxwriter.Workbook(str(pfad), {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}) as wb:
        wb.set_properties({"title": f"{titel(facts)} – {facts.name}", "created": datetime.combine(facts.datenstand, time()), "author": ""})
        formate = {k: wb.add_format({"num_format": v}) for k, v in ZAHLENFORMAT.items()}
        formate |= {f"{k}_summe": wb.add_format({"num_format": v, "bold": True, "top": 1}) for k, v in ZAHLENFORMAT.items()}
        formate |= {"text": wb.add_format({"text_wrap": True, "valign": "top"}), "text_summe": wb.add_format({"bold": True, "top": 1}),
                    "kopf": wb.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom"}),
                    "titel": wb.add_format({"bold": True, "font_size": 12}), "gross": wb.add_format({"bold": True, "font_size": 16}),
                    "basis": wb.add_format({"font_color": "#57606A"})}
        _deckblatt(wb, formate, facts)
        for name, tabellen in TABELLEN.items():
            inhalt = [t for t in tabellen(facts) if t.zeilen]
            if inhalt:
                _blatt(wb, formate, name, inhalt)
        _methode(wb, formate, {**herkunft, **frueherer_stand(facts)})


def _deckblatt(wb: Any, formate: dict[str, Any], facts: Facts) -> None:
    ws = wb.add_worksheet("Übersicht")
    ws.set_column(0, 0, 24)
    ws.set_column(1, 1, 110)
    ws.write_string(0, 0, f"{titel(facts)} – {facts.name}", formate["gross"])
    zeilen = [("Datenstand", f.tag(facts.datenstand) + (" (vorläufig)" if facts.vorlaeufig else ""))]
    zeilen += [("Achtung", facts.bestandshinweis or muster()["erfunden"])] if facts.erfunden else []
    zeilen += [(f"{s.nummer} {s.titel}", s.text) for s in saetze(facts)]
    for i, (a, b) in enumerate(zeilen, 2):
        ws.write_string(i, 0, a, formate["titel"])
        ws.write_string(i, 1, b, formate["text"])
    i = len(zeilen) + 3
    ws.write_string(i, 0, "Blätter", formate["titel"])
    for n, name in enumerate(k for k, t in TABELLEN.items() if any(x.zeilen for x in t(facts))):
        ws.write_url(i + 1 + n, 0, f"internal:'{name}'!A1", string=name)


def _blatt(wb: Any, formate: dict[str, Any], name: str, tabellen: list[Tabelle]) -> None:
    ws = wb.add_worksheet(name)
    ws.set_column(0, 0, BREITE_ERSTE)
    ws.set_column(1, 20, BREITE)
    ws.hide_gridlines(2)
    zeile = 0
    for t in tabellen:
        ws.write_string(zeile, 0, t.titel, formate["titel"])
        ws.write_string(zeile + 1, 0, t.basis, formate["basis"])
        for s, spalte in enumerate(t.spalten):
            ws.write_string(zeile + 2, s, spalte.name.replace("\u00ad", ""), formate["kopf"])
        if len(tabellen) == 1:
            ws.freeze_panes(3, 1)
        for r, werte in enumerate(t.zeilen, zeile + 3):
            summe = "_summe" if t.summenzeile and r == zeile + 2 + len(t.zeilen) else ""
            for s, (spalte, wert) in enumerate(zip(t.spalten, werte, strict=True)):
                _zelle(ws, r, s, wert, formate[f"{spalte.art if spalte.art in ZAHLENFORMAT else 'text'}{summe}"])
        zeile += len(t.zeilen) + 5


def _zelle(ws: Any, zeile: int, spalte: int, wert: Wert, fmt: Any) -> None:
    if wert is None:
        ws.write_blank(zeile, spalte, None, fmt)
    elif isinstance(wert, date):
        ws.write_datetime(zeile, spalte, datetime.combine(wert, time()), fmt)
    elif isinstance(wert, str):
        ws.write_string(zeile, spalte, wert, fmt)
    else:
        ws.write_number(zeile, spalte, float(wert) if isinstance(wert, Decimal | Fraction | float) else wert, fmt)


def _methode(wb: Any, formate: dict[str, Any], herkunft: dict[str, str]) -> None:
    ws = wb.add_worksheet("Methode")
    ws.set_column(0, 0, 32)
    ws.set_column(1, 1, 110)
    for i, (a, b) in enumerate([*begriffe(), *herkunft.items()]):
        ws.write_string(i, 0, a, formate["titel"])
        ws.write_string(i, 1, b, formate["text"])
