"""Exact conversion of raw cell values, column by column: a value, or the reason why there is none.

Each distinct value of a column is converted once and the result taken by code, so that a million rows cost as
much as their distinct values. Nothing is guessed: `1.234` alone in a column is a fault, `01.02.2024` is 1 February.
Not here: reading files (`sources`), tables (`reading`), rules inside and between tables (`checks`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from traeger_lib.inputs.faults import zeile
from traeger_lib.inputs.schema import ID_MUSTER, PANDAS_TYP, Spalte

EXCEL_NULL = date(1899, 12, 30)  # day 0 of Excel's 1900 date system for days after 28 February 1900
EXCEL_NULL_1904 = date(1904, 1, 1)  # day 0 of the 1904 system (workbooks from old Macs)
EXCEL_VON, EXCEL_BIS = 20_000, 80_000  # serial numbers taken for dates: 1954-10-03 to 2119-01-11
JAHR_VON, JAHR_BIS = 1900, 2199  # years taken for a date of this field; 9999 is an open end in other programs
ZEICHEN_MAX, ZAHL_MAX = 2000, Decimal(10) ** 12  # longest text of a cell; larger numbers are slips of the keyboard in this field
OHNE_ANGABE = ("datum", "monat", "quartal", "janein", "auswahl", "zahl", "kennung")  # faults behind which „-“ or „offen“ may stand

_ZAHLEN = (int, float, Decimal)
_FALSCHE_ART = ("Die Zelle enthält ein Datum, eine Uhrzeit oder einen Wahrheitswert.",
                "Die Zelle als Text oder Zahl formatieren und den Wert neu eingeben.", "art")
_GRUPPE = "[ \u00a0\u202f'’]"
_FEHLERWERT = re.compile(r"#(DIV/0!|NV|N/A|WERT!|VALUE!|BEZUG!|REF!|NAME\?|ZAHL!|NUM!|NULL!|ÜBERLAUF!|SPILL!|CALC!|#+)")
_TAG = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T]00:00(?::00(?:\.0+)?)?)?")
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[ T]00:00(?::00(?:\.0+)?)?)?")
_SAUBER = r"^[!-\"$-~](?:[ -~¡-ſ]*[!-~¡-ſ])?$"  # texts that are values as they stand; all others are looked at one by one
_GANZ = re.compile(r"[+-]?[0-9]+")
_EINFACH = re.compile(r"[+-]?[0-9]*[.,][0-9]+")  # one mark, no grouping
_MEHRDEUTIG = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")  # decimal mark or thousands separator
_TAUSEND_PUNKT = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:(?:\.[0-9]{3})+,[0-9]+|(?:\.[0-9]{3}){2,})")
_TAUSEND_KOMMA = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+\.[0-9]+|(?:,[0-9]{3}){2,})")
_TAUSEND_BLANK = re.compile(rf"[+-]?[1-9][0-9]{{0,2}}(?:{_GRUPPE}[0-9]{{3}})+(?:[.,][0-9]+)?")


class Unlesbar(ValueError):
    """A value that cannot be converted exactly: reason, remedy and kind of the fault, in German; raw cells may hold one."""

    def __init__(self, grund: str, abhilfe: str, art: str = "wert") -> None:
        super().__init__(grund)
        self.grund, self.abhilfe, self.art = grund, abhilfe, art


@dataclass(frozen=True)
class Rohspalte:
    """A column as read: `codes` point into its values (-1: none), each there once where they repeat much: a list, or an Arrow array."""
    codes: np.ndarray
    feld: list[Any] | pa.Array

    @cached_property
    def werte(self) -> list[Any]:
        """The values the codes point into."""
        return self.feld if isinstance(self.feld, list) else self.feld.to_pylist()  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Wandlung:
    """A converted column: `werte` by row (missing where empty or faulty), `leer` marks empty cells by row,
    `fehler` holds (code, fault) of the distinct values that could not be converted, `hinweis` a remark or ""."""
    werte: Any
    leer: np.ndarray
    fehler: list[tuple[int, Unlesbar]]
    hinweis: str = ""


def rohspalte(werte: Iterable[Any]) -> Rohspalte:
    """Distinct values and codes of a sequence; 1, 1.0 and True stay apart."""
    nummer: dict[tuple[type, Hashable], int] = {}
    codes = [nummer.setdefault((type(w), w), len(nummer)) for w in werte]
    return Rohspalte(np.array(codes, dtype=np.int64), [wert for _, wert in nummer])


def kurz(wert: Any, laenge: int = 40) -> str:
    """A value for a message as a German program shows it: one line, shortened."""
    if isinstance(wert, bool):
        wert = "WAHR" if wert else "FALSCH"
    elif isinstance(wert, date):
        wert = f"{wert:%d.%m.%Y}" + (f" {wert:%H:%M}" if isinstance(wert, datetime) and wert.time() != time(0) else "")
    elif isinstance(wert, float | Decimal) and math.isfinite(wert):
        wert = f"{Decimal(str(wert)):f}".removesuffix(".0").replace(".", ",")
    text = zeile(str(wert))
    return text if len(text) <= laenge else text[:laenge - 1] + "…"


def ist_leer(wert: Any) -> bool:
    """Whether a cell counts as empty: nothing, blanks, NaN."""
    return wert is None or (not wert.strip() if isinstance(wert, str) else isinstance(wert, (float, Decimal)) and math.isnan(wert))


def _text(wert: Any) -> str:
    if isinstance(wert, str):
        text = wert.strip()
        if text.startswith("#") and _FEHLERWERT.fullmatch(text):
            raise Unlesbar("Das ist ein Fehlerwert der Tabellenkalkulation.", "Die Formel berichtigen oder die Zelle leeren.", "fehlerwert")
        if "\ufffd" in text or "\x00" in text:
            raise Unlesbar("Die Zelle enthält unlesbare Zeichen.", "Die Datei mit der Kodierung UTF-8 neu speichern.", "zeichen")
        if len(text) > ZEICHEN_MAX:
            raise Unlesbar(f"Der Text ist länger als {ZEICHEN_MAX} Zeichen.", "Kürzen, Anführungszeichen prüfen.", "zeichen")
        return text
    if isinstance(wert, _ZAHLEN) and not isinstance(wert, bool):
        zahl = _aus_zahl(wert)
        return str(int(zahl)) if zahl == zahl.to_integral_value() else format(zahl, "f").replace(".", ",")
    raise Unlesbar(*_FALSCHE_ART)


def als_datum(wert: Any, null: date = EXCEL_NULL) -> date:
    """The date of a cell; `null` is day 0 of serial numbers. Raises Unlesbar."""
    if isinstance(wert, datetime) and (wert.time() != time(0) or wert.tzinfo is not None):
        raise Unlesbar("Das Datum enthält eine Uhrzeit.", "Nur das Datum angeben, etwa 01.02.2024.", "datum")
    if isinstance(wert, date):
        tag = date(wert.year, wert.month, wert.day)
    elif isinstance(wert, _ZAHLEN) and not isinstance(wert, bool) and EXCEL_VON <= wert <= EXCEL_BIS and wert == int(wert):
        tag = null + timedelta(days=int(wert))
    else:
        text = _text(wert)
        treffer = _TAG.fullmatch(text) or _ISO.fullmatch(text)
        if not treffer:
            raise Unlesbar("Das ist kein eindeutiges Datum.", "Als TT.MM.JJJJ oder JJJJ-MM-TT angeben, das Jahr mit vier Ziffern.", "datum")
        try:
            tag = date(*map(int, treffer.groups()[::-1 if treffer.re is _TAG else 1]))
        except ValueError:
            raise Unlesbar("Diesen Tag gibt es im Kalender nicht.", "Das Datum berichtigen.", "datum") from None
    if not JAHR_VON <= tag.year <= JAHR_BIS:
        raise Unlesbar(f"Das Jahr liegt nicht zwischen {JAHR_VON} und {JAHR_BIS}.", "Berichtigen; ein offenes Ende bleibt leer.", "datum")
    return tag


def _monat(wert: Any) -> date:
    if isinstance(wert, date) and wert.day == 1:
        return als_datum(wert)
    treffer = None if isinstance(wert, date) else re.fullmatch("([0-9]{4})-(0[1-9]|1[0-2])", _text(wert))
    if not treffer or not JAHR_VON <= int(treffer[1]) <= JAHR_BIS:
        raise Unlesbar("Das ist kein Monat.", "Den Monat als JJJJ-MM angeben, etwa 2025-01.", "monat")
    return date(int(treffer[1]), int(treffer[2]), 1)


def _muster(muster: str, grund: str, abhilfe: str, art: str, wert: Any) -> str:
    text = _text(wert)
    if not re.fullmatch(muster, text):
        raise Unlesbar(grund, abhilfe, art)
    return text


def _auswahl(werte: tuple[str, ...], art: str, wert: Any) -> str:
    text = _text(wert).casefold()
    if text not in werte:
        raise Unlesbar("Dieser Wert ist hier nicht vorgesehen.", f"Einen dieser Werte eintragen: {', '.join(werte)}.", art)
    return text


def _janein(wert: Any) -> bool:
    return wert if isinstance(wert, bool) else _auswahl(("ja", "nein"), "janein", wert) == "ja"


def _aus_zahl(wert: float | Decimal) -> Decimal:
    """The exact decimal of a stored number: the shortest decimal form of a binary float. Raises Unlesbar."""
    zahl = Decimal(repr(wert)) if isinstance(wert, float) else Decimal(wert)
    if not zahl.is_finite() or abs(zahl) > ZAHL_MAX:
        raise Unlesbar("Die Zahl ist zu groß.", "Den Wert berichtigen.", "zahl")
    return zahl


def _zahlzeichen(texte: Iterable[str]) -> tuple[str, bool]:
    """The decimal mark a column proves ("," or "."; "" = none, "x" = both) and whether it proves a thousands separator."""
    komma = punkt = gruppen = False
    for t in texte:
        if _TAUSEND_PUNKT.fullmatch(t):
            komma = gruppen = True
        elif _TAUSEND_KOMMA.fullmatch(t):
            punkt = gruppen = True
        elif _TAUSEND_BLANK.fullmatch(t) or (_EINFACH.fullmatch(t) and not _MEHRDEUTIG.fullmatch(t)):
            komma, punkt = komma or "," in t, punkt or "." in t
    return ("x" if komma and punkt else "," if komma else "." if punkt else ""), gruppen


def _zahl_aus_text(text: str, zeichen: str, gruppen: bool) -> Decimal:
    """The number of a text, with the decimal mark its column proves. Raises Unlesbar."""
    blank = _TAUSEND_BLANK.fullmatch(text)
    text = re.sub(_GRUPPE, "", text) if blank else text
    if _GANZ.fullmatch(text):
        return Decimal(text)
    if not any(muster.fullmatch(text) for muster in (_EINFACH, _TAUSEND_PUNKT, _TAUSEND_KOMMA)):
        raise Unlesbar("Das ist keine Zahl.", "Nur Ziffern und ein Dezimalkomma angeben, ohne Einheit.", "zahl")
    if zeichen == "x":
        raise Unlesbar("In dieser Spalte stehen Komma und Punkt als Dezimalzeichen.", "Überall dasselbe verwenden.", "dezimalzeichen")
    if _MEHRDEUTIG.fullmatch(text) and not blank and (not zeichen or (zeichen not in text and not gruppen)):
        raise Unlesbar(f"Ob {'der Punkt' if '.' in text else 'das Komma'} Dezimal- oder Tausendertrennzeichen ist, lässt die Spalte offen.",
                       "Ohne Tausendertrennzeichen und mit Dezimalkomma angeben, etwa 1234 oder 1,2340.", "dezimalzeichen")
    return Decimal(text.replace("." if zeichen == "," else ",", "").replace(",", "."))


def _zahl(spalte: Spalte, zeichen: str, gruppen: bool, wert: Any) -> Decimal | int:
    if isinstance(wert, (bool, date, time, timedelta)):
        raise Unlesbar(*_FALSCHE_ART)
    zahl = _aus_zahl(wert if isinstance(wert, _ZAHLEN) else _zahl_aus_text(_text(wert), zeichen, gruppen))
    if spalte.art == "geld" and isinstance(wert, float):  # 28.860000000000003 is binary noise around 28.86, not digits
        zahl = Decimal(f"{wert:.15g}")
    if spalte.art == "geld" and zahl != round(zahl, 2):
        raise Unlesbar("Ein Betrag hat höchstens zwei Nachkommastellen.", "Auf ganze Cent angeben.", "geld")
    if spalte.art == "ganzzahl" and zahl != zahl.to_integral_value():
        raise Unlesbar("Das ist keine ganze Zahl.", "Eine ganze Zahl angeben.", "ganzzahl")
    if spalte.minimum is not None and zahl < spalte.minimum:
        raise Unlesbar(f"Der Wert ist kleiner als {spalte.minimum}.", f"Einen Wert ab {spalte.minimum} angeben.", "minimum")
    return int(zahl) if spalte.art == "ganzzahl" else zahl


def wandle(spalte: Spalte, roh: Rohspalte, *, null: date = EXCEL_NULL) -> Wandlung:
    """Convert a column by its kind; `null` is day 0 of Excel's serial dates. Raises nothing: faults are in the result."""
    werter: dict[str, Callable[[Any], Any]] = {
        "text": _text, "monat": _monat, "janein": _janein, "datum": partial(als_datum, null=null),
        "auswahl": partial(_auswahl, spalte.werte, "auswahl"),
        "id": partial(_muster, ID_MUSTER, "Das ist keine gültige Kennung.",
                      "2 bis 32 Großbuchstaben A–Z, Ziffern, „-“, „_“ angeben, ohne Leerzeichen, vorn keinen Strich.", "kennung"),
        "quartal": partial(_muster, "[12][0-9]{3}Q[1-4]", "Das ist kein Quartal.", "Als JJJJQn angeben, etwa 2026Q1.", "quartal")}
    n, offen, hinweis, fehler = len(roh.feld), None, "", list[tuple[int, Unlesbar]]()
    feld: Any = roh.feld
    if spalte.art == "text" and isinstance(feld, pa.Array) and (pa.types.is_string(feld.type) or pa.types.is_large_string(feld.type)):
        offen = pc.or_(pc.invert(pc.match_substring_regex(feld, _SAUBER)), pc.greater(pc.binary_length(feld), ZEICHEN_MAX))
    stellen, werte = (np.arange(n), roh.werte) if offen is None else (np.flatnonzero(offen), feld.filter(offen).to_pylist())
    wandle_wert = werter.get(spalte.art) or partial(_zahl, spalte, *_zahlzeichen(w.strip() for w in werte if isinstance(w, str)))
    ergebnis: Any = [None] * len(werte)
    leer = np.append(np.zeros(n, dtype=bool), True)
    for i, (code, wert) in enumerate(zip(stellen.tolist(), werte, strict=True)):
        if ist_leer(wert):
            leer[code] = True
            continue
        try:
            if isinstance(wert, Unlesbar):  # a cell the file itself could not give
                raise wert
            ergebnis[i] = wandle_wert(wert)
        except Unlesbar as u:
            if not spalte.pflicht and u.art in OHNE_ANGABE and not re.search(r"\d", str(wert)):
                u = Unlesbar(u.grund, f"{u.abhilfe[:-1]}; leer bedeutet: {spalte.standard or 'keine Angabe'}.", u.art)
            fehler.append((code, u))
            continue
        if spalte.art == "datum" and not hinweis and (isinstance(wert, float) or str(wert).strip().isdigit()):
            hinweis = f"Tageszahlen der Tabellenkalkulation wurden als Datum gelesen, etwa {int(wert)} als {ergebnis[i]:%d.%m.%Y}."
    ergebnis = [*ergebnis, None] if offen is None else pa.concat_arrays(
        [pc.replace_with_mask(feld, offen, pa.array(ergebnis, feld.type)), pa.nulls(1, feld.type)])
    codes = np.where(roh.codes < 0, n, roh.codes)
    return Wandlung(pd.array(ergebnis, dtype=PANDAS_TYP.get(spalte.art, "str")).take(codes), leer[codes], fehler, hinweis)
