"""Agreed rates per day: which rate holds on which day, at full occupancy and at absence (rule 3.2).

Not here: how many days (`volume`), what they add up to (`budget`, `deviation`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd

from traeger_lib.analysis.money import in_cent, runde_cent
from traeger_lib.analysis.periods import FEHLT, tag, tage
from traeger_lib.inputs.schema import Bestand, zeilen

KEIN = -1  # cents where no rate holds
_IMMER = -(2**40)


def abwesenheitssatz(grund: Decimal, massnahme: Decimal, investition: Decimal, faktor: Decimal) -> Decimal:
    """Reduced rate in € per person and day: faktor × (Grundpauschale + Maßnahmepauschale) + Investitionsbetrag, to the cent.

    >>> abwesenheitssatz(Decimal("2.69"), Decimal("25.35"), Decimal("0.82"), Decimal("0.75"))
    Decimal('21.85')
    """
    return runde_cent(faktor * (grund + massnahme) + investition)


@dataclass(frozen=True)
class Tagessatz:
    """Rates of one offer and need group per day, int64 cents (n_days,), KEIN where none; `zeile` is the row of `entgelte`."""

    voll: np.ndarray
    vermindert: np.ndarray
    zeile: np.ndarray


class Entgelte:
    """The rates of a Bestand, day by day from `von` to `bis`, by a rate model (key of ENTGELTMODELLE).

    `gewichte` are the planned places per (offer, need group), which the mean rate is weighted with. A later
    decision holds from its gueltig_ab, also retroactively; where two decided on one day overlap, the later gueltig_ab holds. Decisions
    after the Datenstand are ignored; an empty beschlossen_am was known from the start.
    """

    def __init__(self, bestand: Bestand, von: date, bis: date, *, modell: str = "je_hbg",
                 gewichte: Mapping[tuple[str, str], Decimal] | None = None) -> None:
        e = bestand["entgelte"]
        self.von, self.bis = von, bis
        self._modell, self._gewichte = ENTGELTMODELLE[modell], gewichte or {}
        ab, ende, beschluss = tage(e["gueltig_ab"]), tage(e["gueltig_bis"]), tage(e["beschlossen_am"])
        bekannt = (beschluss == FEHLT) | (beschluss <= tag(bestand.datenstand))
        self._ab, self._beschluss = ab, np.where(beschluss == FEHLT, _IMMER, beschluss)
        self._bis = np.where(ende == FEHLT, 2**40, ende)
        teile = list(zip(*(e[s].tolist() for s in ("grundpauschale", "massnahmepauschale", "investitionsbetrag", "abwesenheit_faktor")),
                         strict=True))
        self._voll = np.array([in_cent(g + m + i) for g, m, i, _ in teile], dtype=np.int64)
        self._vermindert = np.array([KEIN if pd.isna(f) else in_cent(abwesenheitssatz(g, m, i, f)) for g, m, i, f in teile], dtype=np.int64)
        je_gruppe: dict[tuple[str, str], list[int]] = {}
        schluessel = list(zip(e["angebot_id"].tolist(), e["hbg"].tolist(), strict=True))
        for i in np.lexsort((ab, self._beschluss)).tolist():
            if bekannt[i]:
                je_gruppe.setdefault(schluessel[i], []).append(i)
        self._zeilen = {k: np.array(z, np.int64) for k, z in je_gruppe.items()}
        self._gemerkt: dict[tuple[str, str, date | None], Tagessatz] = {}

    def gewichtet(self, gewichte: Mapping[tuple[str, str], Decimal]) -> Entgelte:
        """The same rates with other weights for the mean rate; what was looked up is shared."""
        anders = copy(self)
        anders._gewichte = gewichte
        return anders

    def ist(self, angebot_id: str, hbg: str) -> Tagessatz:
        """Actual rates: the latest decision known at the Datenstand."""
        return self._modell(self, angebot_id, hbg, None)

    def plan(self, angebot_id: str, hbg: str, beschlossen_am: date) -> Tagessatz:
        """Plan rates: the latest among those decided on or before the budget version; where none of them is valid that day,
        the first decided later that is, and failing that the group's first later rate."""
        return self._modell(self, angebot_id, hbg, beschlossen_am)

    def spaeter_beschlossen(self, angebot_id: str, hbg: str, beschlossen_am: date, von: date) -> bool:
        """True where from `von` on a plan rate had to be taken from a decision later than the budget's."""
        welche = self.je_hbg(angebot_id, hbg, beschlossen_am).zeile[(von - self.von).days:]
        return bool((self._beschluss[welche[welche >= 0]] > tag(beschlossen_am)).any())

    def gruppen(self, angebot_id: str) -> dict[str, Decimal]:
        """The need groups of an offer that have a rate, with their planned places (all equal where none are planned)."""
        gewichte = {h: self._gewichte.get((a, h), Decimal(0)) for a, h in self._zeilen if a == angebot_id}
        return gewichte if any(gewichte.values()) else dict.fromkeys(gewichte, Decimal(1))

    def je_hbg(self, angebot_id: str, hbg: str, plan_am: date | None) -> Tagessatz:
        """Each need group at its own rate (Bremen)."""
        k = (angebot_id, hbg, plan_am)
        if k not in self._gemerkt:
            zeilen = self._zeilen.get((angebot_id, hbg), np.array([], np.int64))
            if plan_am is not None:
                spaeter = self._beschluss[zeilen] > tag(plan_am)
                # written last wins: later decisions first, the earliest of them last, then those known in time
                erste = zeilen[spaeter][:1]
                zeilen = np.r_[_spaeteste_zuerst(zeilen[spaeter], self._beschluss), zeilen[~spaeter]]
            else:
                erste = zeilen[:0]
            n = tag(self.bis) - tag(self.von) + 1
            welche = np.full(n, erste[0] if len(erste) else -1, np.int64)
            for i in zeilen:
                a, e = max(self._ab[i] - tag(self.von), 0), min(self._bis[i] - tag(self.von), n - 1)
                if a <= e:
                    welche[a: e + 1] = i
            gilt = welche >= 0
            nichts = np.full(n, KEIN, np.int64)
            self._gemerkt[k] = Tagessatz(
                np.where(gilt, self._voll[welche], nichts) if len(self._voll) else nichts,
                np.where(gilt, self._vermindert[welche], nichts) if len(self._voll) else nichts, welche)
        return self._gemerkt[k]


def mittelwert(entgelte: Entgelte, angebot_id: str, hbg: str, plan_am: date | None) -> Tagessatz:
    """One rate for all need groups of an offer (Nordfriesland): Σ planned places × rate ÷ Σ planned places, to the cent, over
    the groups that have a rate that day; the group asked for does not matter."""
    gruppen = sorted(entgelte.gruppen(angebot_id).items())
    saetze = [entgelte.je_hbg(angebot_id, h, plan_am) for h, _ in gruppen]
    if not saetze:
        return entgelte.je_hbg(angebot_id, hbg, plan_am)
    zeilen = np.stack([s.zeile for s in saetze])
    wechsel = np.r_[0, np.cumsum((zeilen[:, 1:] != zeilen[:, :-1]).any(axis=0))]

    def mittel(feld: str) -> np.ndarray:
        werte = np.stack([getattr(s, feld) for s in saetze])
        ergebnis = np.full(werte.shape[1], KEIN, np.int64)
        for abschnitt in range(wechsel[-1] + 1):  # runs of unchanged rates: a few a year
            tag_nr = int(np.argmax(wechsel == abschnitt))
            da = [(w, int(c)) for (_, w), c in zip(gruppen, werte[:, tag_nr], strict=True) if c != KEIN and w]
            if da:
                summe = sum((w for w, _ in da), Decimal(0))
                ergebnis[wechsel == abschnitt] = in_cent(runde_cent(sum((w * c for w, c in da), Decimal(0)) / summe / 100))
        return ergebnis

    voll = mittel("voll")
    return Tagessatz(voll, mittel("vermindert"), np.where(voll == KEIN, -1, wechsel))


ENTGELTMODELLE: dict[str, Callable[[Entgelte, str, str, date | None], Tagessatz]] = {"je_hbg": Entgelte.je_hbg, "mittelwert": mittelwert}


def fortgeschrieben(cent: np.ndarray, davor: int = 0) -> np.ndarray:
    """Rates per day with gaps filled by the last known rate (`davor` before the first): what a projection has to assume."""
    letzte = np.maximum.accumulate(np.where(cent != KEIN, np.arange(len(cent)), -1))
    return np.where(letzte >= 0, cent[np.maximum(letzte, 0)], davor)


def _spaeteste_zuerst(zeilen: np.ndarray, beschluss: np.ndarray) -> np.ndarray:
    """Rows ordered by decision day from late to early; within one day the later gueltig_ab stays last."""
    return zeilen[np.argsort(-beschluss[zeilen], kind="stable")]


@dataclass(frozen=True, slots=True)
class Entgeltzeile:
    """One agreed rate as published: € per person and day."""

    angebot_id: str
    hbg: str
    gueltig_ab: date
    gueltig_bis: date | None
    grundpauschale_eur: Decimal
    massnahmepauschale_eur: Decimal
    investitionsbetrag_eur: Decimal
    gesamt_eur: Decimal
    abwesenheit_eur: Decimal | None
    beschlossen_am: date | None


def entgeltzeilen(bestand: Bestand, von: date, bis: date) -> tuple[Entgeltzeile, ...]:
    """The rates whose validity touches a period and which were decided by the Datenstand, in order of offer, group, begin."""
    saetze = []
    for r in zeilen(bestand["entgelte"]):
        ab, ende = r.gueltig_ab.date(), None if pd.isna(r.gueltig_bis) else r.gueltig_bis.date()
        am = None if pd.isna(r.beschlossen_am) else r.beschlossen_am.date()
        if ab > bis or (ende and ende < von) or (am and am > bestand.datenstand):
            continue
        teile = (r.grundpauschale, r.massnahmepauschale, r.investitionsbetrag)
        weg = None if pd.isna(r.abwesenheit_faktor) else abwesenheitssatz(*teile, r.abwesenheit_faktor)
        saetze.append(Entgeltzeile(r.angebot_id, r.hbg, ab, ende, *teile, sum(teile, Decimal(0)), weg, am))
    return tuple(sorted(saetze, key=lambda z: (z.angebot_id, gruppenrang(z.hbg), z.gueltig_ab, z.beschlossen_am or date.min)))


def gruppenrang(hbg: str) -> tuple[int, int, str]:
    """Sort key of need groups: 1, 2, … 10, then I, II, III, IV …, then other names, `ohne` last.

    >>> sorted(["10", "2", "ohne", "IV", "II"], key=gruppenrang)
    ['2', '10', 'II', 'IV', 'ohne']
    """
    roemisch = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7, "VIII": 8}
    if hbg.isdecimal():
        return 0, int(hbg), hbg
    if hbg in roemisch:
        return 1, roemisch[hbg], hbg
    return (3 if hbg == "ohne" else 2), 0, hbg
