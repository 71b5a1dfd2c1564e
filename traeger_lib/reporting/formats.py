"""German numbers, dates and amounts as a person reads them; true minus, commercial rounding, no „−0“."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import partial

from traeger_lib.inputs import faults

MINUS = "\u2212"
FEHLT = "–"  # what stands where a figure cannot be given
Zahl = int | float | Decimal | Fraction

_DEUTSCH = str.maketrans(",.", ".,")

# control characters, which no page may hold, and those that turn the direction of the text around them
_STEUERUNG = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_TRENNBAR = re.compile(r"(?<=\d)(?<!\d{4}) (?=[^\W\d_]|[%€])")
_RICHTUNG = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def sauber(text: str) -> str:
    r"""Text without control characters and without characters that reverse what stands beside them.

    >>> sauber("a\x1bb\u202ec")
    'a bc'
    """
    return _RICHTUNG.sub("", _STEUERUNG.sub(" ", text))


def gebunden(text: str) -> str:
    """Text in which no line ends between a number and its unit or noun; a year ends a line as any word.

    >>> gebunden("2026 fehlen 2,7 VK")
    '2026 fehlen 2,7\xa0VK'
    """
    return _TRENNBAR.sub("\u00a0", text)


def runde(x: Zahl, stellen: int = 0) -> Decimal:
    """Round half up (away from zero) to a number of decimals; never a negative zero."""
    exakt = Decimal(x.numerator) / Decimal(x.denominator) if isinstance(x, Fraction) else Decimal(str(x))
    return exakt.quantize(Decimal(1).scaleb(-stellen), ROUND_HALF_UP) + 0


def zahl(x: Zahl | None, stellen: int = 0, *, vorzeichen: bool = False) -> str:
    """German number, a dash where there is none.

    >>> zahl(Decimal("-1234.565"), 2), zahl(0.04, 1, vorzeichen=True), zahl(None)
    ('−1.234,57', '0,0', '–')
    """
    if x is None:
        return FEHLT
    r = runde(x, stellen)
    return (MINUS if r < 0 else "+" if vorzeichen and r > 0 else "") + f"{abs(r):,f}".translate(_DEUTSCH)


def euro(x: Zahl | None, stellen: int = 2, *, vorzeichen: bool = False) -> str:
    """Amount in Euro to the cent (or whole Euro with stellen=0).

    >>> euro(Decimal("270465"))
    '270.465,00\xa0€'
    """
    return FEHLT if x is None else f"{zahl(x, stellen, vorzeichen=vorzeichen)}\u00a0€"


def euro_rund(x: Zahl | None, *, vorzeichen: bool = False) -> str:
    """Amount for a sentence: about three leading digits, from one million on in Mio. €.

    >>> euro_rund(Decimal("21437.12"), vorzeichen=True), euro_rund(Decimal("-1248000"))
    ('+21.400\\xa0€', '−1,25\\xa0Mio.\\xa0€')
    """
    if x is None:
        return FEHLT
    betrag = abs(Decimal(str(x)))
    if betrag >= 999_500:
        return f"{zahl(Decimal(str(x)) / 1_000_000, 2, vorzeichen=vorzeichen)}\u00a0Mio.\u00a0€"
    schritt = Decimal(10) ** max(0, betrag.adjusted() - 2) if betrag else Decimal(1)
    return euro(runde(Decimal(str(x)) / schritt) * schritt, 0, vorzeichen=vorzeichen)


def runde_gemeinsam(summe: Decimal, teile: Sequence[Decimal]) -> tuple[Decimal, ...]:
    """A sum and its parts to about four digits of the largest, whole Euro at least; what rounding leaves over goes to the largest part.

    >>> runde_gemeinsam(Decimal("-8141.77"), [Decimal("-16771.40"), Decimal("28229.63"), Decimal("-19600.00")])
    (Decimal('-8140'), Decimal('-16770'), Decimal('28230'), Decimal('-19600'))
    """
    schritt = Decimal(10) ** max(0, max(map(abs, (summe, *teile))).adjusted() - 3)
    gesamt, *rund = (runde(x / schritt) * schritt for x in (summe, *teile))
    groesster = max(range(len(rund)), key=lambda i: abs(rund[i]))
    rund[groesster] += gesamt - sum(rund)
    return gesamt, *rund


def prozent(x: Zahl | None, stellen: int = 1, *, vorzeichen: bool = False) -> str:
    """A share as per cent.

    >>> prozent(Fraction(1, 8))
    '12,5\\xa0%'
    """
    return FEHLT if x is None else f"{zahl(Fraction(x) * 100, stellen, vorzeichen=vorzeichen)}\u00a0%"


def tag(d: date | None) -> str:
    """TT.MM.JJJJ."""
    return FEHLT if d is None else f"{d:%d.%m.%Y}"


MONATE = ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember")


def monat(name: str) -> str:
    """„März 2026“ from „2026-03“."""
    return f"{MONATE[int(name[5:]) - 1]} {name[:4]}"


def gruppe(hbg: str) -> str:
    """A need group by its name: „HBG 2“, of who has none „ohne HBG“."""
    return "ohne HBG" if hbg == "ohne" else f"HBG {hbg}"


def klartext(name: str) -> str:
    """The name of a column or value of the data as a person writes it.

    >>> klartext("eigenanteil_eur"), klartext("zurueckgestellt"), klartext("massnahme_id")
    ('Eigenanteil in Euro', 'Zurückgestellt', 'Kennung')
    """
    for von, nach in (("massnahme_id", "kennung"), ("_id", "-ID"), ("massnahme", "maßnahme"), ("ae", "ä"), ("oe", "ö"), ("ueck", "ück"),
                      ("ich_j", "ichsj"), ("_eur", " in Euro"), ("_", " ")):
        name = name.replace(von, nach)
    return name[:1].upper() + name[1:]


anzahl = partial(faults.anzahl, blank="\u00a0")  # on a page no line ends between a number and its noun
