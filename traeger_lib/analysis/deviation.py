"""Budgeted against delivered volume, in four effects that sum exactly; and what classical billing would have paid.

Rules 3.4, 3.5, 3.9 (docs/methodenhandbuch.md). Offers in the budget, own paying bodies, from budget_beginn on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

from traeger_lib.analysis.budget import Budgetversion, kein_entgelt
from traeger_lib.analysis.money import aus_cent
from traeger_lib.analysis.periods import Zeitraum, datum, tag
from traeger_lib.analysis.rates import KEIN, Entgelte
from traeger_lib.analysis.volume import Volumen
from traeger_lib.inputs.faults import Fehlerliste

Cent = Fraction
NULL = Cent(0)


@dataclass(frozen=True, slots=True)
class Abweichung:
    """abweichung = ist − soll = menge + mix + s + preis, all in Euro to the cent (rule 3.4).

    Without a budget only the actual side can be given, without rates not even that.
    `ist_tage` and `soll_tage` are the paid and planned days behind it.
    """

    ist_tage: int | None
    soll_tage: Fraction | None
    soll_eur: Decimal | None
    ist_eur: Decimal | None
    abweichung_eur: Decimal | None
    mengeneffekt_eur: Decimal | None
    mixeffekt_eur: Decimal | None
    s_effekt_eur: Decimal | None
    preiseffekt_eur: Decimal | None
    abweichung_s_neutral_eur: Decimal | None


@dataclass(frozen=True, slots=True)
class Effekte:
    """Exact, unrounded parts of one offer in one month, in cents; `a`, `p` are paid and planned days."""

    soll: Cent = NULL
    ist: Cent = NULL
    menge: Cent = NULL
    mix: Cent = NULL
    s: Cent = NULL
    preis: Cent = NULL
    a: int = 0
    p: Cent = NULL
    a_p0: Cent = NULL  # ΣA·p0, by granted group
    aa_p0: Cent = NULL  # ΣA*·p0, by group before S
    a_pquer: Cent = NULL  # ΣA·p̄

    def __add__(self, o: Effekte) -> Effekte:
        return Effekte(*(getattr(self, f) + getattr(o, f) for f in self.__slots__))


@dataclass(frozen=True, slots=True)
class Abrechnung:
    """Classical billing of a period in Euro, and apart from it the value of single-case settings."""

    betrag_eur: Decimal | None
    einzelfall_eur: Decimal | None


UNBEKANNT = Abweichung(*[None] * 10)
OHNE_ABRECHNUNG = Abrechnung(None, None)


def effekte(days: Mapping[str, int], days_before_s: Mapping[str, int], ist: Cent, plan_days: Mapping[str, Cent],
            p0: Mapping[str, Cent]) -> Effekte:
    """The four effects of one offer in one month, exact, in cents.

    `days` A and `days_before_s` A* per need group, `ist` = ΣA·p1, `plan_days` P, `p0` plan rate per group in cents.
    With p̄ = ΣP·p0 / ΣP: menge = (ΣA − ΣP)·p̄, mix = ΣA*·p0 − ΣA·p̄, S = ΣA·p0 − ΣA*·p0, preis = ΣA·p1 − ΣA·p0.
    Without plan days menge = ΣA*·p0 and mix = 0.
    """
    a, p = sum(days.values()), sum(plan_days.values(), Cent(0))
    soll = sum((plan_days[h] * p0[h] for h in plan_days), Cent(0))
    a_p0 = sum((n * p0[h] for h, n in days.items()), Cent(0))
    aa_p0 = sum((n * p0[h] for h, n in days_before_s.items()), Cent(0))
    a_pquer = a * soll / p if p else aa_p0
    return Effekte(soll, ist, a_pquer - soll, aa_p0 - a_pquer, a_p0 - aa_p0, ist - a_p0, a, p, a_p0, aa_p0, a_pquer)


def monatseffekte(vol: Volumen, entgelte: Entgelte, version: Budgetversion | None, angebote: Iterable[str],
                  zeitraum: Zeitraum) -> dict[str, dict[Zeitraum, Effekte]]:
    """Effects per offer and calendar month of the period; without a budget version only `ist` and `a` are filled.

    Raises Fehlerliste where days or plan places have no rate.
    """
    fehler = []
    ergebnis: dict[str, dict[Zeitraum, Effekte]] = {}
    abrechenbar = vol.wo(eigen=True, zusage=True) & ~vol.wo(besonderheit="einzelfallsetting")
    for angebot in sorted(angebote):
        plaetze = {p.hbg: Fraction(p.plaetze_plan) for p in (version.plan if version else ()) if p.angebot_id == angebot}
        maske = abrechenbar & vol.wo(angebot_id=angebot)
        bewilligt, ausgang = (_je_gruppe(vol, maske, spalte) for spalte in ("hbg", "hbg_ausgang"))
        gruppen = sorted({*plaetze, *bewilligt, *ausgang}) if version else []
        plan = {h: entgelte.plan(angebot, h, version.beschlossen_am).voll for h in gruppen} if version else {}
        ist = {h: entgelte.ist(angebot, h).voll for h in bewilligt}
        ergebnis[angebot] = {}
        for monat in zeitraum.monate():
            v, r = vol.scheibe(monat), slice((monat.von - entgelte.von).days, (monat.bis - entgelte.von).days + 1)
            days = {h: int(x[v].sum()) for h, x in bewilligt.items()}
            days_s = {h: int(x[v].sum()) for h, x in ausgang.items()}
            p0: dict[str, Cent] = {}
            for h in gruppen:
                saetze = plan[h][r]
                gebraucht = bool(days.get(h) or days_s.get(h) or plaetze.get(h))
                da = saetze[saetze != KEIN]
                if gebraucht and (not len(da) or (plaetze.get(h) and len(da) < len(saetze))):
                    fehler.append(kein_entgelt(angebot, h, monat.von))
                p0[h] = Cent(int(da.sum()), len(da)) if len(da) else Cent(0)
            betrag = 0
            for h, x in bewilligt.items():
                ohne = (ist[h][r] == KEIN) & (x[v] > 0)
                if ohne.any():
                    fehler.append(kein_entgelt(angebot, h, datum(tag(monat.von) + int(np.argmax(ohne)))))
                betrag += int((x[v] * ist[h][r]).sum())
            plan_days = {h: n * monat.tage for h, n in plaetze.items()}
            ergebnis[angebot][monat] = (effekte(days, days_s, Cent(betrag), plan_days, p0) if version else
                                        Effekte(ist=Cent(betrag), a=sum(days.values())))
    if fehler:
        raise Fehlerliste(list(dict.fromkeys(fehler)))
    return ergebnis


def abweichung(e: Effekte, *, mit_budget: bool) -> Abweichung:
    """Round one offer's effects to the cent; the cent left over goes to the volume effect."""
    if not mit_budget:
        return Abweichung(e.a, None, None, aus_cent(e.ist), *[None] * 6)
    return _abweichung(e.a, e.p, *(aus_cent(x) for x in (e.soll, e.ist, e.mix, e.s, e.preis)))


def summe_abweichung(teile: Iterable[Abweichung], *, mit_budget: bool) -> Abweichung:
    """The provider's figures: sums over its offers of the published (rounded) figures."""
    t = list(teile)
    null = Decimal("0.00")
    if any(x is UNBEKANNT for x in t):
        return UNBEKANNT
    ist_tage, tage_soll = sum(x.ist_tage or 0 for x in t), sum((x.soll_tage or Fraction(0) for x in t), Fraction(0))
    if not mit_budget:
        return Abweichung(ist_tage, None, None, sum((x.ist_eur or null for x in t), null), *[None] * 6)
    return _abweichung(ist_tage, tage_soll, *(sum((getattr(x, f) for x in t), null) for f in
                         ("soll_eur", "ist_eur", "mixeffekt_eur", "s_effekt_eur", "preiseffekt_eur")))


def _abweichung(ist_tage: int, soll_tage: Fraction, soll: Decimal, ist: Decimal, mix: Decimal, s: Decimal, preis: Decimal) -> Abweichung:
    return Abweichung(ist_tage, soll_tage, soll, ist, ist - soll, ist - soll - mix - s - preis, mix, s, preis, ist - soll - s)


def klassische_abrechnung(vol: Volumen, entgelte: Entgelte, angebot: str, zeitraum: Zeitraum) -> Abrechnung:
    """Belegungstage × full rate + Abwesenheitstage × reduced rate, each day's rate already rounded to the cent.

    Cases without cost commitment are not billed. Raises Fehlerliste where a day has no rate.
    """
    maske = vol.wo(eigen=True, zusage=True, angebot_id=angebot)
    einzelfall = vol.wo(besonderheit="einzelfallsetting")
    v = vol.scheibe(zeitraum)
    r = slice((zeitraum.von - entgelte.von).days, (zeitraum.von - entgelte.von).days + zeitraum.tage)
    betrag, fehler = {False: 0, True: 0}, []
    for g in np.flatnonzero(maske):
        hbg = vol.gruppen[g].hbg
        satz = entgelte.ist(angebot, hbg)
        for tage_, cent in ((vol.voll[g, v], satz.voll[r]), (vol.vermindert[g, v], satz.vermindert[r])):
            ohne = (cent == KEIN) & (tage_ > 0)
            if ohne.any():
                fehler.append(kein_entgelt(angebot, hbg, datum(tag(zeitraum.von) + int(np.argmax(ohne)))))
            betrag[bool(einzelfall[g])] += int((tage_ * cent).sum())
    if fehler:
        raise Fehlerliste(list(dict.fromkeys(fehler)))
    return Abrechnung(aus_cent(betrag[False]), aus_cent(betrag[True]))


def _je_gruppe(vol: Volumen, maske: np.ndarray, spalte: str) -> dict[str, np.ndarray]:
    """Paid days per day and need group, (n_days,) each, by granted group (`hbg`) or by the group before S."""
    gruppen = vol.spalte(spalte)
    paid = vol.entgelttage
    return {str(h): paid[maske & (gruppen == h)].sum(axis=0) for h in sorted(set(gruppen[maske]))}
