"""Stays as sorted arrays, joined to presences: what days (`volume`) and persons (`persons`) are counted from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from traeger_lib.analysis.periods import FEHLT, tage
from traeger_lib.inputs.schema import Bestand

OFFEN = 2**22  # day number of „no end“, beyond the year 9999
PERSON = 2**24  # room for day numbers in a combined key person · PERSON + day


@dataclass(frozen=True)
class Aufenthalte:
    """Stays as arrays, sorted by person, offer and begin; the raw material of days and persons.

    `person` int codes, `angebot` int codes into `angebote`, `beginn`/`ende` day numbers (OFFEN where running on).
    """

    angebote: tuple[str, ...]
    person: np.ndarray
    angebot: np.ndarray
    beginn: np.ndarray
    ende: np.ndarray
    eigen: np.ndarray
    zeile: np.ndarray

    def praesenzen(self, *, vereinigt: bool = False) -> Aufenthalte:
        """Rows joined to presences: in one offer, or over all offers (`vereinigt`), where rows touch or follow the next day."""
        if not len(self.person):
            return self
        schluessel = self.person if vereinigt else self.person * len(self.angebote) + self.angebot
        ordnung = np.lexsort((self.beginn, schluessel))
        k, b, e = schluessel[ordnung], self.beginn[ordnung], self.ende[ordnung]
        neu = np.r_[True, k[1:] != k[:-1]]
        # the furthest end so far within the person: offset by key keeps a plain running maximum inside each key
        rang = np.cumsum(neu)
        weit = np.maximum.accumulate(e + rang * (OFFEN * 4)) - rang * (OFFEN * 4)
        start = neu | np.r_[True, b[1:] > weit[:-1] + 1]
        erste = np.flatnonzero(start)
        letzte = np.r_[erste[1:] - 1, len(b) - 1]
        o = ordnung[erste]
        return Aufenthalte(self.angebote, self.person[o], self.angebot[o], b[erste], weit[letzte], self.eigen[o], self.zeile[o])

    def nur(self, maske: np.ndarray) -> Aufenthalte:
        """The rows of a boolean mask."""
        return Aufenthalte(self.angebote, *(a[maske] for a in (
            self.person, self.angebot, self.beginn, self.ende, self.eigen, self.zeile)))


def aufenthalte(bestand: Bestand) -> Aufenthalte:
    """The rows of `faelle` as sorted arrays."""
    f = bestand["faelle"]
    angebote = tuple(sorted(bestand["angebote"]["angebot_id"]))
    person = pd.factorize(f["person_id"])[0].astype(np.int64)
    angebot = pd.Index(angebote).get_indexer(f["angebot_id"]).astype(np.int64)
    beginn, ende = tage(f["beginn"]), tage(f["ende"])
    ende = np.where(ende == FEHLT, OFFEN, ende)
    eigen = f["kostentraeger"].isin(bestand.eigene_kostentraeger).to_numpy(dtype=bool)
    o = np.lexsort((beginn, person * len(angebote) + angebot))
    return Aufenthalte(angebote, person[o], angebot[o], beginn[o], ende[o], eigen[o], np.arange(len(f))[o])


def abwesenheiten(bestand: Bestand, stays: Aufenthalte) -> Aufenthalte:
    """The rows of `abwesenheiten` in the codes of `stays`, adjacent ones joined; `eigen` is not known of them (false)."""
    ab = bestand["abwesenheiten"]
    person = pd.Index(pd.unique(bestand["faelle"]["person_id"])).get_indexer(pd.Index(ab["person_id"])).astype(np.int64)
    angebot = pd.Index(stays.angebote).get_indexer(pd.Index(ab["angebot_id"])).astype(np.int64)
    gilt = (person >= 0) & (angebot >= 0)
    leer = np.zeros(int(gilt.sum()), np.int64)
    return Aufenthalte(stays.angebote, person[gilt], angebot[gilt], tage(ab["beginn"])[gilt], tage(ab["ende"])[gilt],
                       leer.astype(bool), leer).praesenzen()


def paare(links: np.ndarray, rechts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All index pairs (i, j) with links[i] == rechts[j]."""
    ordnung = np.argsort(rechts, kind="stable")
    sortiert = rechts[ordnung]
    a = np.searchsorted(sortiert, links, "left")
    i, nr = wiederhole(np.searchsorted(sortiert, links, "right") - a)
    return i, ordnung[a[i] + nr]


def wiederhole(anzahl: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each index repeated `anzahl` times: the index, and its running number from 0."""
    index = np.repeat(np.arange(len(anzahl)), anzahl)
    return index, np.arange(len(index)) - np.repeat(np.cumsum(anzahl) - anzahl, anzahl)
