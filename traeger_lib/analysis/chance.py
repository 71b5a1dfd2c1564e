"""How far chance alone moves a provider of this size away from its budget, and what each possible threshold would mean.

Model, stated so that anybody can repeat it: the planned places are filled at the middle of the base year; every person leaves
at the observed yearly rate μ, new persons come at random, so many that need does not change, and draw their need group from the
planned mix. Without fixed places the number t years later has mean n and variance n(1 − e^(−2μt)); with fixed places used to the
share p, every place is filled or free by itself: n(1 − p)(1 − e^(−2λt)), λ = μ/(1 − p). The groups of those who came add
n·Var(rate)·(1 − e^(−2μt)) in Euro. Persons changing their group are left out, so real chance is a little wider. No threshold is
agreed anywhere; the table is a basis for talk (rule 3.8).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import erfc, sqrt

import numpy as np

from traeger_lib.analysis.money import runde_cent
from traeger_lib.analysis.periods import Zeitraum

STUFEN_PROZENT = (1, 2, 3, 4, 5, 7.5, 10, 15)
ABGAENGE_VORAB, PERSONENJAHRE_VORAB = 2, 20  # one in ten leaves a year, worth 20 person-years: small providers have few exits
OHNE_BASISJAHR = 1.5  # years between figures and budget year where no base year is given
AUSLASTUNG_MAX = 0.98  # a full house still has a place free now and then


@dataclass(frozen=True, slots=True)
class Stufe:
    """One possible threshold of ± prozent: its Euro in the period, and how often chance alone would cross it (either side)."""

    prozent: float
    betrag_eur: Decimal
    anteil_zufall: float


@dataclass(frozen=True, slots=True)
class Korridor:
    """Thresholds of a period, and where the provider stands. `anteil_zufall` is the share of periods in which chance alone
    would deviate at least as far; `innerhalb` is None where no corridor is agreed."""

    streuung_eur: Decimal
    abgangsrate_pro_jahr: float
    stufen: tuple[Stufe, ...]
    abweichung_prozent: float
    anteil_zufall: float
    innerhalb: bool | None

    def zufall(self, betrag_eur: float) -> float:
        """Share of periods in which chance alone deviates at least this far, up or down (two-sided normal tail)."""
        return erfc(abs(betrag_eur) / float(self.streuung_eur) / sqrt(2))


@dataclass(frozen=True, slots=True)
class Plangruppe:
    """Planned places of an offer and need group at a mean plan rate in € a day; `auslastung` is the used share of the offer's
    fixed places (0 where places are not fixed)."""

    angebot_id: str
    plaetze: float
    satz_eur: float
    auslastung: float


def varianz_plaetze(n: float, mu: float, beginn: float, dauer: float, auslastung: float = 0.0) -> float:
    """Variance of the mean number of persons over [beginn, beginn + dauer] (years), n at time 0, leaving rate mu a year.

    Cov(N_s, N_t) = n (1 − p)(1 − e^(−2λs)) e^(−λ(t − s)) for s ≤ t, λ = mu/(1 − p); the mean over a grid of 48 midpoints.
    """
    frei = 1 - min(max(auslastung, 0.0), AUSLASTUNG_MAX)
    n, mu = n * frei, mu / frei
    t = beginn + dauer * (np.arange(48) + 0.5) / 48
    frueher, abstand = np.minimum.outer(t, t), np.abs(np.subtract.outer(t, t))
    return float(n * ((1 - np.exp(-2 * mu * frueher)) * np.exp(-mu * abstand)).mean())


def jahre_seit_mitte(basisjahr: int | None, von: date) -> float:
    """Years from the middle of the base year to a first day."""
    return (von - date(basisjahr, 7, 1)).days / 365.25 if basisjahr else OHNE_BASISJAHR


def abgangsrate(abgaenge: int, personenjahre: float) -> float:
    """Leaving rate a year, shrunk towards one in ten: (exits + 2) ÷ (person-years + 20)."""
    return (abgaenge + ABGAENGE_VORAB) / (personenjahre + PERSONENJAHRE_VORAB)


def streuung_eur(plan: Sequence[Plangruppe], mu: float, beginn: float, z: Zeitraum) -> float:
    """Standard deviation by chance alone of a period's Euro; offers vary independently of each other."""
    varianz, dauer = 0.0, z.tage / 365.25
    for angebot in sorted({g.angebot_id for g in plan}):
        gruppen = [g for g in plan if g.angebot_id == angebot]
        n = sum(g.plaetze for g in gruppen)
        mittel = sum(g.plaetze * g.satz_eur for g in gruppen) / n
        saetze = sum(g.plaetze * (g.satz_eur - mittel) ** 2 for g in gruppen) / n
        varianz += mittel**2 * varianz_plaetze(n, mu, beginn, dauer, gruppen[0].auslastung) + saetze * varianz_plaetze(n, mu, beginn, dauer)
    return z.tage * sqrt(varianz)


def korridor(plan: Iterable[Plangruppe], z: Zeitraum, *, soll_eur: Decimal, abweichung_eur: Decimal, basisjahr: int | None,
             mu: float, unten_prozent: Decimal | None, oben_prozent: Decimal | None) -> Korridor | None:
    """Thresholds for a period; None where nothing is planned."""
    zeilen = [g for g in plan if g.plaetze]
    if not zeilen or not soll_eur or not z.tage:
        return None
    streuung = streuung_eur(zeilen, mu, max(jahre_seit_mitte(basisjahr, z.von), 0.0), z)
    if streuung < 0.005:
        return None

    anteil = Fraction(abweichung_eur) / Fraction(soll_eur) * 100
    innerhalb = None
    if unten_prozent is not None or oben_prozent is not None:
        innerhalb = (unten_prozent is None or anteil >= -abs(Fraction(unten_prozent))) and (
            oben_prozent is None or anteil <= abs(Fraction(oben_prozent)))
    k = Korridor(runde_cent(Decimal(repr(streuung))), mu, (), float(anteil), 0.0, innerhalb)
    stufen = tuple(Stufe(p, b := runde_cent(soll_eur * Decimal(str(p)) / 100), k.zufall(float(b))) for p in STUFEN_PROZENT)
    return replace(k, stufen=stufen, anteil_zufall=k.zufall(float(abweichung_eur)))
