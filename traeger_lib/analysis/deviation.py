"""Budgeted against delivered volume, in four effects that sum exactly; and what classical billing would have paid.

Rules 3.4, 3.5, 3.9 (docs/methodenhandbuch.md). Offers in the budget, own paying bodies, from budget_beginn on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np

from traeger_lib.analysis.budget import Budgetversion, kein_entgelt
from traeger_lib.analysis.money import aus_cent, summe_brueche, summe_produkte
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
    """Exact, unrounded parts of one offer in a period, in cents; `a`, `p` are paid and planned days.

    Each part adds up over months, and so do the effects: menge = ΣA·p̄ − Soll, mix = ΣA*·p0 − ΣA·p̄, s = ΣA·p0 − ΣA*·p0,
    preis = Ist − ΣA·p0.
    """

    soll: Cent = NULL
    ist: Cent = NULL
    a: int = 0
    p: Cent = NULL
    a_p0: Cent = NULL  # ΣA·p0, by granted group
    aa_p0: Cent = NULL  # ΣA*·p0, by group before S
    a_pquer: Cent = NULL  # ΣA·p̄

    @property
    def menge(self) -> Cent:
        return self.a_pquer - self.soll

    @property
    def mix(self) -> Cent:
        return self.aa_p0 - self.a_pquer

    @property
    def s(self) -> Cent:
        return self.a_p0 - self.aa_p0

    @property
    def preis(self) -> Cent:
        return self.ist - self.a_p0

    @classmethod
    def summe(cls, teile: Sequence[Effekte]) -> Effekte:
        """The parts of several months, added exactly."""
        soll, ist, p, a_p0, aa_p0, a_pquer = (summe_brueche(getattr(e, f) for e in teile) for f in (
            "soll", "ist", "p", "a_p0", "aa_p0", "a_pquer"))
        return cls(soll, ist, sum(e.a for e in teile), p, a_p0, aa_p0, a_pquer)


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
    a, p = sum(days.values()), summe_brueche(plan_days.values())
    soll, a_p0, aa_p0 = (summe_produkte((n, p0[h]) for h, n in je.items() if n) for je in (plan_days, days, days_before_s))
    return Effekte(soll, ist, a, p, a_p0, aa_p0, a * soll / p if p else aa_p0)


def monatseffekte(vol: Volumen, entgelte: Entgelte, version: Budgetversion | None, angebote: Iterable[str],
                  zeitraum: Zeitraum) -> dict[str, dict[Zeitraum, Effekte]]:
    """Effects per offer and calendar month of the period; without a budget version only `ist` and `a` are filled.

    Raises Fehlerliste where days or plan places have no rate.
    """
    fehler: list[tuple[str, str, date]] = []
    ergebnis: dict[str, dict[Zeitraum, Effekte]] = {}
    monate, v = zeitraum.monate(), vol.scheibe(zeitraum)
    r = slice((zeitraum.von - entgelte.von).days, (zeitraum.bis - entgelte.von).days + 1)
    erste = np.cumsum([0, *(m.tage for m in monate)])[:-1]

    def je_monat(taeglich: np.ndarray) -> list[int]:
        return np.add.reduceat(taeglich, erste, dtype=np.int64).tolist() if len(erste) else []

    for angebot in sorted(angebote):
        plaetze = {p.hbg: Fraction(p.plaetze_plan) for p in (version.plan if version else ()) if p.angebot_id == angebot}
        maske = vol.abrechenbar & vol.wo(angebot_id=angebot)
        bewilligt, ausgang = (_je_gruppe(vol, maske, spalte) for spalte in ("hbg", "hbg_ausgang"))
        gruppen = sorted({*plaetze, *bewilligt, *ausgang}) if version else []
        plan = {h: entgelte.plan(angebot, h, version.beschlossen_am).voll[r] for h in gruppen} if version else {}
        ist = {h: entgelte.ist(angebot, h).voll[r] for h in bewilligt}
        tage_je, tage_vor_s = ({h: je_monat(x[v]) for h, x in je.items()} for je in (bewilligt, ausgang))
        da = {h: je_monat(x != KEIN) for h, x in plan.items()}
        satzsumme = {h: je_monat(np.where(x != KEIN, x, 0)) for h, x in plan.items()}
        betrag = {h: je_monat(x[v] * ist[h]) for h, x in bewilligt.items()}
        ohne = {h: fehlt for h, x in bewilligt.items() if (fehlt := (ist[h] == KEIN) & (x[v] > 0)).any()}
        ergebnis[angebot] = {}
        for i, monat in enumerate(monate):
            days, days_s = ({h: n[i] for h, n in je.items()} for je in (tage_je, tage_vor_s))
            for h in gruppen:
                gebraucht = bool(days.get(h) or days_s.get(h) or plaetze.get(h))
                if gebraucht and (not da[h][i] or (plaetze.get(h) and da[h][i] < monat.tage)):
                    ohne_plansatz = plan[h][erste[i]: erste[i] + monat.tage] == KEIN
                    fehler.append((angebot, h, datum(tag(monat.von) + int(np.argmax(ohne_plansatz)))))
            for h, fehlt in ohne.items():
                hier = fehlt[erste[i]: erste[i] + monat.tage]
                if hier.any():
                    fehler.append((angebot, h, datum(tag(monat.von) + int(np.argmax(hier)))))
            summe = Cent(sum(n[i] for n in betrag.values()))
            plan_days = {h: n * monat.tage for h, n in plaetze.items()}
            p0 = {h: Cent(satzsumme[h][i], da[h][i] or 1) for h in gruppen}
            ergebnis[angebot][monat] = (effekte(days, days_s, summe, plan_days, p0) if version else
                                        Effekte(ist=summe, a=sum(days.values())))
    if fehler:  # once for each group, at its first day
        raise Fehlerliste([kein_entgelt(*k, min(t for *g, t in fehler if (*g,) == k)) for k in dict.fromkeys((a, h) for a, h, _ in fehler)])
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
    gruppen = np.flatnonzero(vol.wo(eigen=True, zusage=True, angebot_id=angebot))
    if not len(gruppen) or not zeitraum.tage:
        return Abrechnung(aus_cent(0), aus_cent(0))
    ab = (zeitraum.von - entgelte.von).days
    saetze = [entgelte.ist(angebot, vol.gruppen[g].hbg) for g in gruppen]
    tage_ = np.stack([m[gruppen, vol.scheibe(zeitraum)] for m in (vol.voll, vol.vermindert)])  # (2, n_groups, n_days)
    cent = np.stack([[getattr(s, art)[ab: ab + zeitraum.tage] for s in saetze] for art in ("voll", "vermindert")])
    ohne = (cent == KEIN) & (tage_ > 0)
    if ohne.any():
        tage_ohne = [(vol.gruppen[g].hbg, x, art > 0) for i, g in enumerate(gruppen) for art, x in enumerate(ohne[:, i]) if x.any()]
        raise Fehlerliste(list(dict.fromkeys(
            kein_entgelt(angebot, h, datum(tag(zeitraum.von) + int(np.argmax(x))), vermindert=v) for h, x, v in tage_ohne)))
    betrag, einzelfall = (tage_ * cent).sum(axis=(0, 2)), vol.wo(besonderheit="einzelfallsetting")[gruppen]
    return Abrechnung(aus_cent(int(betrag[~einzelfall].sum())), aus_cent(int(betrag[einzelfall].sum())))


def _je_gruppe(vol: Volumen, maske: np.ndarray, spalte: str) -> dict[str, np.ndarray]:
    """Paid days per day and need group, (n_days,) each, by granted group (`hbg`) or by the group before S."""
    gruppen = vol.spalte(spalte)
    paid = vol.entgelttage
    return {str(h): paid[maske & (gruppen == h)].sum(axis=0) for h in sorted(set(gruppen[maske]))}
