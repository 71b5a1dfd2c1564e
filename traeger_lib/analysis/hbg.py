"""The mix of need groups (HBG): shares, means where they make sense, and the rate-weighted index (rules 3.4, 3.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from traeger_lib.analysis.budget import Planzeile
from traeger_lib.analysis.deviation import Effekte
from traeger_lib.analysis.periods import Zeitraum
from traeger_lib.analysis.rates import gruppenrang
from traeger_lib.analysis.volume import Volumen


@dataclass(frozen=True, slots=True)
class HbgMix:
    """Mix of one offer by own Entgelttage. `anteile` by granted group ("2" and "2 + S" together); `anteile_s` the part of
    all days that is „+S“, by granted group; means only where all groups are numeric; the index compares with the budget."""

    angebot_id: str
    anteile: Mapping[str, Fraction]
    anteile_s: Mapping[str, Fraction]
    anteile_budget: Mapping[str, Fraction]
    mittlere_hbg: Fraction | None
    mittlere_hbg_ausgang: Fraction | None
    mittlere_hbg_budget: Fraction | None
    anteil_s: Fraction | None
    mixindex: Fraction | None
    mixindex_ausgang: Fraction | None


@dataclass(frozen=True, slots=True)
class Mixindex:
    """Need against budget over several offers: Σ ΣA·p0 ÷ Σ ΣA·p̄, where p̄ = ΣP·p0 ÷ ΣP is each offer's budgeted mean rate of the
    period; with one offer it is that offer's index.

    Shifts between offers stay out of it; 1 means the budgeted need. `_ausgang` with the groups before S.
    """

    anteil_s: Fraction | None
    mixindex: Fraction | None
    mixindex_ausgang: Fraction | None


def mittlere_gruppe(gewichte: Mapping[str, Fraction | int]) -> Fraction | None:
    """Mean need group weighted by days (or places): Σ weight × group ÷ Σ weight; None where a group is no number.

    >>> mittlere_gruppe({"1": 1, "3": 1}), mittlere_gruppe({"IV": 5})
    (Fraction(2, 1), None)
    """
    belegt = {h: w for h, w in gewichte.items() if w}
    if not belegt or not all(h.isdecimal() for h in belegt):
        return None
    return Fraction(sum(w * int(h) for h, w in belegt.items())) / sum(belegt.values())


def anteile(gewichte: Mapping[str, Fraction | int]) -> dict[str, Fraction]:
    """Shares that sum to 1, in the order of the groups; empty where there is nothing to share."""
    summe = sum(gewichte.values())
    return {h: Fraction(gewichte[h]) / summe for h in sorted(gewichte, key=gruppenrang) if gewichte[h]} if summe else {}


def tage_je_gruppe(vol: Volumen, z: Zeitraum, spalte: str = "hbg", **bedingung: object) -> dict[str, int]:
    """Own paid days (Entgelttage) per need group in a period, granted (`hbg`) or before S (`hbg_ausgang`)."""
    stellen = np.flatnonzero(vol.wo(eigen=True, **bedingung))
    ergebnis: dict[str, int] = {}
    for g, n in zip(stellen.tolist(), vol.bezahlt(z)[stellen].tolist(), strict=True):
        if n:
            h = getattr(vol.gruppen[g], spalte)
            ergebnis[h] = ergebnis.get(h, 0) + n
    return ergebnis


def hbg_mix(vol: Volumen, z: Zeitraum, angebot_id: str, plan: Iterable[Planzeile], e: Effekte | None) -> HbgMix:
    """The mix of one offer in a period; `e` are its summed effects (None outside the budget)."""
    bewilligt = tage_je_gruppe(vol, z, angebot_id=angebot_id)
    plaetze = {p.hbg: Fraction(p.plaetze_plan) for p in plan if p.angebot_id == angebot_id}
    gesamt = sum(bewilligt.values())
    s_tage = tage_je_gruppe(vol, z, angebot_id=angebot_id, s=True)
    index, index_ausgang = _index(e)
    return HbgMix(
        angebot_id, anteile(bewilligt), {h: Fraction(s_tage[h], gesamt) for h in sorted(s_tage, key=gruppenrang)},
        anteile(plaetze), mittlere_gruppe(bewilligt), mittlere_gruppe(tage_je_gruppe(vol, z, "hbg_ausgang", angebot_id=angebot_id)),
        mittlere_gruppe(plaetze), Fraction(sum(s_tage.values()), gesamt) if gesamt else None, index, index_ausgang)


def gesamtindex(vol: Volumen, z: Zeitraum, effekte: Iterable[Effekte]) -> Mixindex:
    """The index over all offers in the budget, and the S share of all own paid days."""
    gesamt = sum(tage_je_gruppe(vol, z).values())
    s_tage = sum(tage_je_gruppe(vol, z, s=True).values())
    geplant = [e for e in effekte if e.p and e.a]
    a_pquer = sum((e.a * e.soll / e.p for e in geplant), Fraction(0))
    index, ausgang = (sum((getattr(e, feld) for e in geplant), Fraction(0)) / a_pquer if a_pquer else None for feld in ("a_p0", "aa_p0"))
    return Mixindex(Fraction(s_tage, gesamt) if gesamt else None, index, ausgang)


def _index(e: Effekte | None) -> tuple[Fraction | None, Fraction | None]:
    """mixindex = (ΣA·p0 / ΣA) ÷ (ΣP·p0 / ΣP), granted and before S."""
    if e is None or not e.a or not e.p or not e.soll:
        return None, None
    p_quer = e.soll / e.p
    return e.a_p0 / e.a / p_quer, e.aa_p0 / e.a / p_quer
