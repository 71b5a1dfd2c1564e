"""Quarters, months and days: the calendar all figures share. Days are held as whole numbers since 1970-01-01."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import pandas as pd

from traeger_lib.inputs.faults import TraegerFehler

EPOCHE = date(1970, 1, 1)


def tag(d: date) -> int:
    """Day number of a date: whole days since 1970-01-01.

    >>> tag(date(1970, 1, 2))
    1
    """
    return (d - EPOCHE).days


def datum(t: int) -> date:
    """Date of a day number; the inverse of `tag`."""
    return EPOCHE + timedelta(days=int(t))


def tage(spalte: pd.Series) -> np.ndarray:
    """Day numbers (int64) of a datetime column; a missing date becomes the smallest int64 (see `fehlt`)."""
    return spalte.to_numpy(dtype="datetime64[D]").astype(np.int64)


FEHLT = np.iinfo(np.int64).min  # the day number of a missing date


@dataclass(frozen=True, slots=True, order=True)
class Zeitraum:
    """A span of days, both included."""

    von: date
    bis: date

    @property
    def tage(self) -> int:
        """Calendar days in the span (0 where it is empty)."""
        return max(0, (self.bis - self.von).days + 1)

    def ab(self, beginn: date | None) -> Zeitraum:
        """The part from `beginn` on; None leaves the span as it is."""
        return self if beginn is None else Zeitraum(max(self.von, beginn), self.bis)

    @lru_cache(maxsize=512)  # noqa: B019  (a span is a small value, and the same few are asked for again and again)
    def monate(self) -> tuple[Zeitraum, ...]:
        """The calendar months touched, each cut to the span.

        >>> [(str(m.von), m.tage) for m in Zeitraum(date(2024, 1, 30), date(2024, 3, 1)).monate()]
        [('2024-01-30', 2), ('2024-02-01', 29), ('2024-03-01', 1)]
        """
        ergebnis, von = [], self.von
        while von <= self.bis:
            ende = monatsende(von)
            ergebnis.append(Zeitraum(von, min(ende, self.bis)))
            von = ende + timedelta(days=1)
        return tuple(ergebnis)


def monatsende(d: date) -> date:
    """Last day of the month of `d`."""
    naechster = date(d.year + d.month // 12, d.month % 12 + 1, 1)
    return naechster - timedelta(days=1)


def monatsname(d: date) -> str:
    """'JJJJ-MM', as in the data."""
    return f"{d.year:04d}-{d.month:02d}"


@dataclass(frozen=True, slots=True, order=True)
class Quartal:
    """A calendar quarter, written 2026Q1."""

    jahr: int
    nummer: int

    @classmethod
    def aus(cls, text: str) -> Quartal:
        """Parse '2026Q1'. Raises TraegerFehler (German) for anything else."""
        treffer = re.fullmatch(r"((?:19|20)\d\d)[Qq]([1-4])", str(text).strip())
        if not treffer:
            raise TraegerFehler(f"„{str(text)[:20]}“ ist kein Quartal. Bitte als JJJJQn angeben, etwa 2026Q1.")
        return cls(int(treffer[1]), int(treffer[2]))

    def __str__(self) -> str:
        return f"{self.jahr}Q{self.nummer}"

    @property
    def lang(self) -> str:
        return f"{self.nummer}. Quartal {self.jahr}"

    @property
    def zeitraum(self) -> Zeitraum:
        von = date(self.jahr, 3 * self.nummer - 2, 1)
        return Zeitraum(von, monatsende(date(self.jahr, 3 * self.nummer, 1)))

    @property
    def kumuliert(self) -> Zeitraum:
        """Year to date: 1 January to the quarter's end."""
        return Zeitraum(date(self.jahr, 1, 1), self.zeitraum.bis)

    def vor(self, n: int = 1) -> Quartal:
        """The quarter n earlier.

        >>> str(Quartal(2026, 1).vor(5))
        '2024Q4'
        """
        k = self.jahr * 4 + self.nummer - 1 - n
        return Quartal(k // 4, k % 4 + 1)


def jahr_zeitraum(jahr: int) -> Zeitraum:
    """1 January to 31 December."""
    return Zeitraum(date(jahr, 1, 1), date(jahr, 12, 31))
