"""One table type for HTML and Excel: rows of plain values with the kind of each column; formatting happens at the edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from html import escape
from typing import Any

from traeger_lib.reporting import formats as f

# kind → how a person reads it; the same kinds choose the number format in Excel
FORM: dict[str, Callable[[Any], str]] = {
    "text": lambda x: f.FEHLT if x is None else str(x),
    "text_rechts": lambda x: f.FEHLT if x is None else str(x),  # numbers of several kinds in one column
    "zahl": lambda x: f.zahl(x),
    "zahl1": lambda x: f.zahl(x, 1),
    "zahl2": lambda x: f.zahl(x, 2),
    "zahl3": lambda x: f.zahl(x, 3),
    "differenz0": lambda x: f.zahl(x, vorzeichen=True),
    "differenz1": lambda x: f.zahl(x, 1, vorzeichen=True),
    "differenz2": lambda x: f.zahl(x, 2, vorzeichen=True),
    "euro": lambda x: f.zahl(x, 2),
    "euro_differenz": lambda x: f.zahl(x, 2, vorzeichen=True),
    "prozent": lambda x: f.prozent(x),
    "prozent_differenz": lambda x: f.prozent(x, vorzeichen=True),
    "datum": lambda x: f.tag(x),
    "jahr": lambda x: f.FEHLT if x is None else str(x),
    "gerundet": lambda x: str(x),  # a number already in words („unter 5“)
}
UMBRUCH, VIELE = 24, 8  # rows; in print longer tables may break over pages. Columns; in print more of them are set smaller
Wert = str | int | float | Decimal | Fraction | date | None


@dataclass(frozen=True, slots=True)
class Spalte:
    """Header text (with the unit where there is one) and kind of the values."""

    name: str
    art: str = "zahl"


@dataclass(frozen=True, slots=True)
class Tabelle:
    """A table with its title and its basis („Eigene Kostenträger, Angebote im Budget, Entgelttage“). The first column heads
    the row; `summenzeile` sets the last row off, or the one above `darunter` further ones. Values are plain; None is shown as a dash."""

    titel: str
    basis: str
    spalten: tuple[Spalte, ...]
    zeilen: tuple[tuple[Wert, ...], ...]
    summenzeile: bool = False
    darunter: int = 0

    @property
    def summe(self) -> int:
        """Number of the row that is set off, counted from 1; 0 for none."""
        return (len(self.zeilen) - self.darunter) * self.summenzeile

    def html(self) -> str:
        """Semantic HTML: caption, header scopes, row headers; numbers right-aligned by class."""
        kopf = "".join(f'<th scope="col"{_klasse(s)}>{escape(s.name)}</th>' for s in self.spalten)
        zeilen = []
        for nr, zeile in enumerate(self.zeilen, 1):
            summe = ' class="summe"' if nr == self.summe else ""
            zellen = [f'<th scope="row">{escape(FORM[self.spalten[0].art](zeile[0]))}</th>']
            zellen += [f"<td{_klasse(s)}>{escape(FORM[s.art](w))}</td>" for s, w in zip(self.spalten[1:], zeile[1:], strict=True)]
            zeilen.append(f"<tr{summe}>{''.join(zellen)}</tr>")
        art = "tabelle" + " lang" * (len(self.zeilen) > UMBRUCH) + " weit" * (len(self.spalten) > VIELE)
        region = f'<div class="{art}" tabindex="0" role="region" aria-label="{escape(self.titel, quote=True)}">'
        return (f"{region}<table><caption><span>{escape(self.titel)}</span>"
                f'<span class="basis">{escape(self.basis)}</span></caption><thead><tr>{kopf}</tr></thead>'
                f"<tbody>{''.join(zeilen)}</tbody></table></div>")


def _klasse(s: Spalte) -> str:
    return "" if s.art in ("text", "datum", "jahr") else ' class="zahl"'


def spalten(*namen: str | tuple[str, str]) -> tuple[Spalte, ...]:
    """Columns from names (text) or (name, kind)."""
    return tuple(Spalte(n, "text") if isinstance(n, str) else Spalte(*n) for n in namen)


@dataclass(frozen=True, slots=True)
class Abbildung:
    """A chart: its question as title, the picture, what it shows in words (alt text), its basis, and the same data as tables."""

    schluessel: str
    titel: str
    basis: str
    alt: str
    png: bytes
    breite: int  # pixels at which the picture is meant to be seen
    hoehe: int
    tabellen: Sequence[Tabelle] = ()
