"""Persons in a period: census, period count, admissions, discharges, moves (rule 3.1, „Persons“ of the contract)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from traeger_lib.analysis.periods import Zeitraum, tag
from traeger_lib.analysis.stays import OFFEN, PERSON, Aufenthalte, paare


@dataclass(frozen=True, slots=True)
class Personen:
    """Persons in a period: census, period count, admissions, discharges, moves between offers (rule 3.1).

    stichtagszahl before + zugaenge − abgaenge = stichtagszahl after.
    """

    stichtagszahl: int | None
    faelle_im_zeitraum: int | None
    zugaenge: int | None
    abgaenge: int | None
    wechsel: int | None


@dataclass(frozen=True)
class Personenzaehlung:
    """Counts persons of one set of offers in any period, from the rows given (own paying bodies, say)."""

    praesenzen: Aufenthalte
    beginne: np.ndarray  # first and last days of the presences, each sorted
    enden: np.ndarray
    luecken: tuple[np.ndarray, np.ndarray]  # last day before and first day after every gap between two presences of a person
    wechseltage: np.ndarray  # sorted

    @classmethod
    def aus(cls, stays: Aufenthalte, angebote: Iterable[str], *, nur_eigene: bool = True) -> Personenzaehlung:
        """Take the rows in `angebote` (own paying bodies only unless said) and join them to presences once."""
        codes = [i for i, a in enumerate(stays.angebote) if a in set(angebote)]
        zeilen = stays.nur(np.isin(stays.angebot, codes) & (stays.eigen | (not nur_eigene)))
        p = zeilen.praesenzen(vereinigt=True)
        wieder = np.flatnonzero(p.person[1:] == p.person[:-1])
        wechsel = _wechseltage(zeilen.praesenzen()) if len(codes) > 1 else np.array([], np.int64)
        return cls(p, np.sort(p.beginn), np.sort(p.ende), (p.ende[wieder], p.beginn[wieder + 1]), wechsel)

    def zaehle(self, z: Zeitraum) -> Personen:
        """The counts of a period. A person's presences do not touch each other, so persons are presences, less one for every gap
        that lies between two of them inside the period."""
        e = tag(z.bis)
        a = min(tag(z.von), e + 1)
        (davor, begonnen), (beendet, bis), (vorher, nachher) = (
            x.searchsorted((a, e + 1)).tolist() for x in (self.beginne, self.enden, self.wechseltage))
        luecken = int(np.count_nonzero((self.luecken[0] >= a) & (self.luecken[1] <= e)))
        return Personen(stichtagszahl=begonnen - bis, faelle_im_zeitraum=begonnen - beendet - luecken, zugaenge=begonnen - davor,
                        abgaenge=bis - beendet, wechsel=nachher - vorher)


def _wechseltage(p: Aufenthalte) -> np.ndarray:
    """Days of entry of every move (see `wechselpaare`), sorted."""
    return np.sort(p.beginn[wechselpaare(p)[1]])


def wechselpaare(p: Aufenthalte) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of presences (leave one offer, enter another on the same or the next day): indices of the left and of the entered;
    each pair once, also where both presences are of the same single day."""
    aus = p.ende < OFFEN
    if len(np.unique(p.angebot)) < 2:
        return np.array([], np.int64), np.array([], np.int64)
    teile: list[np.ndarray] = []
    gehend = np.flatnonzero(aus)
    for abstand in (0, 1):
        i, q = paare((p.person * PERSON + p.ende + abstand)[gehend], p.person * PERSON + p.beginn)
        k = gehend[i]
        doppelt = (p.beginn[k] == p.ende[q]) & (p.ende[k] == p.beginn[q]) & (k > q) & (abstand == 0)
        teile.append(np.stack([k, q])[:, (p.angebot[k] != p.angebot[q]) & ~doppelt])
    links, rechts = np.concatenate(teile, axis=1)
    return links, rechts
