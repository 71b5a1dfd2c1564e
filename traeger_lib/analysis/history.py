"""What was and what comes, put together for one provider: trend, year-end projection, months and quarters so far.

Functions of `Analyse`, which holds the series; how a series is forecast is in `outlook`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import pandas as pd

from traeger_lib.analysis.deviation import UNBEKANNT, abweichung, summe_abweichung
from traeger_lib.analysis.facts import Monat, Quartalsstand, Trend
from traeger_lib.analysis.hbg import gesamtindex, hbg_mix, tage_je_gruppe
from traeger_lib.analysis.money import aus_cent
from traeger_lib.analysis.outlook import Hochrechnung, ausblick, hochrechnung, prognosen
from traeger_lib.analysis.periods import Quartal, jahr_zeitraum, monatsname
from traeger_lib.analysis.rates import fortgeschrieben
from traeger_lib.inputs.schema import zeilen

if TYPE_CHECKING:
    from traeger_lib.analysis.analyse import Analyse


def trend(a: Analyse) -> Trend:
    """Outlook of all own cases: in total, by offer, by need group of an offer."""
    alle = [x.angebot_id for x in a.angebote]
    reihen = a.reihen(a.vol.wo(eigen=True), alle)
    typ, b = {x.angebot_id: x.leistungstyp for x in a.angebote}, list(zeilen(a.bestand["brueche"]))
    brueche = {k: [r for r in b if not k[0] or pd.isna(r.leistungstyp) or r.leistungstyp == typ[k[0]]] for k in reihen}
    je = ausblick(reihen, a.monate, grenzen=a.grenzen, brueche=brueche, rueckblick_jahre=a.rueckblick_jahre, bis_jahr=a.quartal.jahr + 1)
    je_hbg = {x: {h: ausblick_ for (y, h), ausblick_ in je.items() if y == x and h} for x in alle}
    return Trend(je.get(("", "")), {x: je.get((x, "")) for x in alle}, je_hbg)


def bis_jahresende(a: Analyse) -> Hochrechnung | None:
    """Year-end projection of what is billed in the offers in the budget, beside the plan; None where the budget does not hold all year."""
    jahr, beginnt_spaeter = a.quartal.jahr, a.beginn is not None and a.beginn > date(a.quartal.jahr, 1, 1)
    budget = None if beginnt_spaeter else a.budget(Decimal(0))
    if a.version is None or budget is None or a.abweichung(a.quartal.kumuliert).gesamt.ist_eur is None or not a.version.plan:
        return None
    reihen = a.reihen(a.vol.abrechenbar & a.gruppen_in(tuple(a.im_budget)), a.im_budget, gruppen=False)
    je = prognosen(reihen, a.monate, grenzen=a.grenzen, rueckblick_jahre=a.rueckblick_jahre, bis_jahr=jahr + 1)
    gesamt = je.get(("", ""))
    mittel = next((p for p in (gesamt.jahresmittel if gesamt else ()) if p.periode == str(jahr)), None)
    if mittel is None:
        return None
    saetze: dict[str, dict[str, float]] = {}
    for angebot in a.im_budget:
        mix = {h: n for h, n in tage_je_gruppe(a.vol, a.quartal.zeitraum, angebot_id=angebot, zusage=True).items() if n}
        voll = {h: fortgeschrieben(a.entgelte.ist(angebot, h).voll) for h in mix}
        saetze[angebot] = {monatsname(m.von): sum(n * float(voll[h][(m.von - a.entgelte.von).days]) for h, n in mix.items())
                           / 100 / (sum(mix.values()) or 1) for m in jahr_zeitraum(jahr).monate()}
    soll = sum((z.betrag_eur for z in budget.herleitung), Decimal(0))
    plan = float(sum((p.plaetze_plan for p in a.version.plan), Decimal(0)))
    # delivered so far in complete months only: the forecast begins with the first month that is not complete
    ist = aus_cent(sum((e.ist for je_monat in (a.effekte or {}).values() for m, e in je_monat.items()
                        if a.monate and m.bis <= a.monate[-1].bis), Fraction(0)))
    return hochrechnung(jahr, {k: x.punkte for (k, _), x in je.items() if k}, ist, saetze, soll_eur=soll, plaetze=mittel,
                        plaetze_plan=plan)


def monatsverlauf(a: Analyse) -> tuple[Monat, ...]:
    """Complete months so far, with the places planned since the budget began."""
    plan = {j: sum((p.plaetze_plan for p in v.plan), Decimal(0)) for j, v in a.versionen.items()}
    return tuple(Monat(
        monatsname(m.von), a.plaetze[""][i], {x.angebot_id: a.plaetze[x.angebot_id][i] for x in a.angebote},
        plan.get(m.von.year) if not a.beginn or m.bis >= a.beginn else None) for i, m in enumerate(a.monate))


def quartalsverlauf(a: Analyse) -> tuple[Quartalsstand, ...]:
    """The last quarters with data: staffing, need groups, index, deviation."""
    return tuple(_stand(a, q) for q in a.quartale)


def _stand(a: Analyse, q: Quartal) -> Quartalsstand:
    je = a.effekte_im(q.zeitraum)
    mit_budget = bool(a.versionen.get(q.jahr)) and any(e.p for e in je.values())
    return Quartalsstand(
        str(q), a.personal(q.zeitraum).gesamt,
        {x.angebot_id: hbg_mix(a.vol, q.zeitraum, x.angebot_id, (), None) for x in a.angebote}, gesamtindex(a.vol, q.zeitraum, je.values()),
        summe_abweichung((abweichung(e, mit_budget=True) for e in je.values()), mit_budget=True) if mit_budget else UNBEKANNT)
