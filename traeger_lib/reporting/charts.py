"""The charts of a report: a question each, drawn from `Facts` alone, with alt text, basis and the same data as tables.

A chart is one function `(facts) -> Abbildung | None` (None: nothing to show) and one entry in ABBILDUNGEN.
Not here: how things look (`style`), the page around the picture, which sets its title.
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from matplotlib.collections import FillBetweenPolyCollection

from traeger_lib.analysis.facts import Angebot, Facts
from traeger_lib.analysis.outlook import Prognosepunkt
from traeger_lib.analysis.periods import Quartal
from traeger_lib.analysis.rates import gruppenrang
from traeger_lib.analysis.scorecard import Massnahme
from traeger_lib.reporting import content
from traeger_lib.reporting import formats as f
from traeger_lib.reporting import style as st
from traeger_lib.reporting.sentences import MASSSTAB, leitmassstab, ungezaehlt, vk_stellen
from traeger_lib.reporting.style import BREITE, NORMAL, Blatt, Feld
from traeger_lib.reporting.tables import FORM, Abbildung, Tabelle, spalten

_p = partial(f.zahl, stellen=1)
MONATE, MAX_FELDER = 60, 12  # five years; panels of one picture, the tables hold all offers
_WORT: dict[str, Callable[[Any], str]] = FORM | {  # coarser than in the tables
    "prozent": lambda x: f.prozent(x, 0), "euro": lambda x: f.euro(x, 0), "euro_differenz": lambda x: f.euro(x, 0, vorzeichen=True)}
_FORM = {"nicht_begonnen": ("o", True), "laufend": ("D", False), "abgeschlossen": ("s", False), "zurueckgestellt": ("s", True)}


def _abbildung(schluessel: str, titel: str, basis: str, alt: Iterable[str], blatt: Blatt, tabellen: Iterable[Tabelle]) -> Abbildung:
    return Abbildung(schluessel, titel, basis, " ".join(alt), blatt.png(), BREITE, blatt.hoehe, tuple(tabellen))


def _worte(t: Tabelle, zeile: Sequence[Any]) -> str:
    """A row in words: „Summe: Soll 890.235 €, Ist 882.093 €.“"""
    werte = zip(t.spalten[1:], zeile[1:], strict=True)
    return f"{zeile[0]}: {', '.join(f'{s.name} {_WORT[s.art](w)}' for s, w in werte if w is not None)}."


def _bereich(werte: Sequence[float]) -> tuple[float, float]:
    """Axis limits: from 0, or higher where all values lie far above it; then the axis still spans a quarter of its top."""
    lo, hi = min(werte), max(max(werte), 1.0)
    return (0.0, hi) if lo < 0.5 * hi else (min(lo, 0.75 * hi), hi)


def _kasten(links: float, rechts: float, oben: float, unten: float) -> list[tuple[float, float]]:
    return [(links, oben), (rechts, oben), (rechts, unten), (links, unten)]


def _raster(facts: Facts, alle: Sequence[str], hoehe: int, legende: str) -> tuple[Blatt, float, list[tuple[str, float, float]]]:
    """Small multiples of the largest offers, at most three in a row: the sheet, a panel's width, each one's top left corner."""
    groesste = sorted(alle, key=lambda k: -facts.fallzahlen.kumuliert.je_angebot[k].durchschnittlich_belegte_plaetze)[:MAX_FELDER]
    je_zeile = {1: 1, 2: 2, 4: 2}.get(len(groesste), 3)
    breite, b = BREITE / je_zeile, Blatt(-(-len(groesste) // je_zeile) * hoehe + 20)
    ecken = [(k, i % je_zeile * breite, 20.0 + i // je_zeile * hoehe) for i, k in enumerate(k for k in alle if k in groesste)]
    b.text(0, 12, legende + f"; die {MAX_FELDER} größten von {len(alle)} Angeboten" * (len(alle) > MAX_FELDER), st.GRAU)
    for k, links, oben in ecken:
        b.text(links + 8, oben + 16, facts.angebot(k).bezeichnung, fett=True, breite=breite - 16)
    return b, breite, ecken


@dataclass(frozen=True, slots=True)
class _Reihe:
    """Occupied places by month, their outlook, the budgeted places by month and the fixed capacity (0: none)."""

    name: str
    werte: Sequence[Fraction]
    prognose: Sequence[Prognosepunkt]
    plan: Mapping[str, Decimal]
    platzzahl: int
    dezember: Prognosepunkt | None  # the forecast for the end of the report's year, or of the next where that is past

    def grenzen(self) -> list[float]:
        fest: list[Any] = [*self.werte, *self.plan.values(), *[self.platzzahl] * bool(self.platzzahl)]
        return [*map(float, fest), *(w for p in self.prognose for w in (p.unten95, p.oben95))]


def _reihe(facts: Facts, name: str, angebote: Sequence[Angebot]) -> _Reihe:
    """The line of some offers; a forecast summed over several has no range (its bounds are its mean)."""
    ids, monate, b = [a.angebot_id for a in angebote], facts.verlauf[-MONATE:], facts.budget
    werte, ausblicke = [sum((m.je_angebot[k] for k in ids), Fraction(0)) for m in monate], [facts.trend.je_angebot.get(k) for k in ids]
    if len(ids) == len(facts.angebote):
        werte, ausblicke = [m.plaetze for m in monate], [facts.trend.gesamt]
    prognose = [p[0] if len(p) == 1 else Prognosepunkt(p[0].periode, *[sum(x.mittel for x in p)] * 5)
                for p in zip(*(a.prognose if a else () for a in ausblicke), strict=False)]
    genau = all(a.im_budget == (a in angebote) for a in facts.angebote)
    plan = {m.monat: m.plaetze_plan for m in monate if m.plaetze_plan is not None and genau}
    if b and all(a.im_budget for a in angebote):  # to the end of the budget year
        stufe = {(h.angebot_id, h.hbg): h.plaetze_plan for h in b.herleitung if h.angebot_id in ids}
        for monat in range(b.beginn.month, 13) if stufe else ():
            plan.setdefault(f"{b.budgetjahr}-{monat:02d}", sum(stufe.values(), Decimal(0)))
    platzzahl = sum(a.plaetze or 0 for a in angebote) if all(a.plaetze for a in angebote) else 0
    dezember = next((p for p in prognose if p.periode >= f"{facts.quartal.jahr}-12" and p.periode.endswith("12")), None)
    return _Reihe(name, werte, prognose, plan, platzzahl, dezember)


def _zeit(monat: str) -> float:
    """Middle of a month on the time axis, in months."""
    return int(monat[:4]) * 12 + int(monat[5:]) - 0.5


def _verlauf(b: Blatt, kasten: Sequence[float], facts: Facts, reihen: Sequence[_Reihe], y: tuple[float, float], n: int,
             titel: str = "") -> tuple[Feld, list[tuple[Any, str, str]]]:
    """Lines with their outlook as a fan, the first in colour with budget (a level per year) and capacity; labels for the side."""
    monate, r, seite = [m.monat for m in facts.verlauf[-MONATE:]], reihen[0], list[tuple[Any, str, str]]()
    enden = [p.periode for a in (facts.trend.gesamt, *facts.trend.je_angebot.values()) if a for p in a.prognose[-1:]]
    von, bis = _zeit(monate[0]) - 0.5, _zeit(max([monate[-1], *r.plan, *enden])) + 0.5
    feld = Feld(b, kasten, (von, bis), y, n, titel)
    eng = feld.rechts - feld.links < 3 * (bis - von)
    for jahr in range(int(von // 12), int(bis // 12) + 1):
        if jahr * 12 > von:
            b.linie([feld.x(jahr * 12)] * 2, [feld.unten, feld.unten + 5], st.GRAU)
        if von < jahr * 12 + 6 < bis:
            b.text(feld.x(jahr * 12 + 6), feld.unten + 13, str(jahr)[2 * eng:], st.GRAU, ha="center")
        if stufe := [m for m in r.plan if m[:4] == str(jahr)]:
            xs = feld.x([_zeit(min(stufe)) - 0.5, _zeit(max(stufe)) + 0.5])
            b.linie(xs, [feld.y(r.plan[max(stufe)])] * 2, st.GRAU, 1.6, st.GESTRICHELT, 3)
    if r.plan:
        seite.append((r.plan[max(r.plan)], f"Budget {_p(r.plan[max(r.plan)])}", st.GRAU))
    if r.platzzahl:
        b.linie([feld.links, feld.rechts], [feld.y(r.platzzahl)] * 2, st.TINTE, 0.9, ebene=2)
        seite.append((r.platzzahl, f"Platzzahl {f.zahl(r.platzzahl)}", st.TINTE))
    for linie in reihen[::-1]:
        farbe, dicke = (st.AKZENT, 2.2) if linie is r else (st.GRAU, 1.2)
        xs, letzter = feld.x([_zeit(m) for m in (monate[-1], *(p.periode for p in linie.prognose))]), linie.werte[-1]
        b.linie(feld.x([_zeit(m) for m in monate]), feld.y(linie.werte), farbe, dicke, ebene=3)
        b.linie(xs, feld.y([letzter, *(p.mittel for p in linie.prognose)]), farbe, 1.2, (0, (1, 1.5)), 3)
        for grad, alpha in ((95, 0.10), (80, 0.20)):
            u, o = (feld.y([letzter, *(getattr(p, f"{k}{grad}") for p in linie.prognose)]) for k in ("unten", "oben"))
            b.flaechen([[*zip(xs, u, strict=True), *zip(xs[::-1], o[::-1], strict=True)]], farbe, alpha=alpha)
    b.punkt(feld.x(_zeit(monate[-1])), feld.y(r.werte[-1]), st.AKZENT)
    return feld, seite


def fallzahlen(facts: Facts) -> Abbildung | None:
    """Occupied places per month, outlook, budget, breaks and capacity; where a budget covers only some offers, first those."""
    if not (monate := [m.monat for m in facts.verlauf[-MONATE:]]):
        return None
    r, ausblick, rechts = _reihe(facts, "alle Angebote", facts.angebote), facts.trend.gesamt, BREITE - 150
    reihen, drin = [r], [a for a in facts.angebote if a.im_budget]
    if 0 < len(drin) < len(facts.angebote) and (teil := _reihe(facts, "Angebote im Budget", drin)).plan:
        r, reihen = teil, [teil, r]  # like with like
    budget, werte, p, spanne = list(r.plan.values()), r.werte, r.dezember, any(p.unten95 < p.oben95 for p in r.prognose)
    brueche = [b for b in ausblick.bruch if f"{b.bis:%Y-%m}" >= monate[0]][:3] if ausblick else []
    lo, hi = _bereich([w for x in reihen for w in x.grenzen()])
    b = Blatt(330)
    feld, seite = _verlauf(b, (52, 30, rechts, 302), facts, reihen, (lo, hi + (0.1 + 0.05 * len(brueche)) * (hi - lo)), 6, "belegte Plätze")
    for n, bruch in enumerate(brueche):
        von, bis = feld.x([d.year * 12 + d.month - 1 + d.day / 31 for d in (bruch.von, bruch.bis)])
        links = min(von, rechts - 200) + 4
        b.flaechen([_kasten(von, bis, 30, feld.unten)], st.FLAECHE, ebene=0)
        b.text(links, 40 + 14 * n, f"{bruch.art.capitalize()}: {bruch.grund}", st.GRAU, breite=rechts - links, hof=True)
    seite += [(x.prognose[-1].mittel if x.prognose else x.werte[-1], "alle Angebote", st.GRAU) for x in reihen[1:]]
    x, y = float(feld.x(_zeit(monate[-1]))), min(feld.y([*werte[-18:], *budget[-21:]])) - 12
    b.text(max(x - 6, 200), y, f"{f.monat(monate[-1])}: {_p(werte[-1])}", st.AKZENT, groesse=NORMAL, fett=True, ha="right", hof=True)
    if r.prognose:
        b.text(max(x + 6, 280), 12, "Prognose", st.GRAU)
        b.linie([x, x], [20, feld.unten], st.GRAU, 0.8, (0, (2, 2)))
    seite += [(getattr(r.prognose[-1], f"oben{n}"), f"{n} % Sicherheit", st.AKZENT) for n in (95, 80) if spanne]
    if p:  # above the fan, right of the line „Prognose“, if need be into the margin
        dez, y, bereich = feld.x(_zeit(p.periode)), min(feld.y([p.oben95, *budget[-1:]])) - 24, f"{_p(p.unten80)} bis {_p(p.oben80)}"
        links = max(min(dez - 50, rechts - st.textbreite(f"80 %: {bereich}", st.KLEIN)), x + 8)
        b.punkt(dez, feld.y(p.mittel), st.AKZENT, hohl=True)
        b.linie([dez, dez], [y + 16, feld.y(p.mittel) - 4], st.AKZENT, 0.7)
        b.text(links, y - 5, f"Dez. {p.periode[:4]}: {_p(p.mittel)}", st.AKZENT, groesse=NORMAL, fett=True, hof=True)
        b.text(links, y + 9, f"80 %: {bereich}" * spanne, st.AKZENT, hof=True)
    feld.seite(seite, BREITE - rechts)
    basis = f"Eigene Kostenträger, {r.name}, Entgelttage je Kalendertag"
    basis += "; die Prognose ist die Summe der Angebote und trägt keine Spanne" * bool(reihen[1:] and r.prognose and not spanne)
    if budget and f.runde(ungezaehlt(facts), 1):
        basis += "; auch Fälle ohne Kostenzusage und Einzelfallsettings, die im Budget nicht zählen"
    alt = [f"Linie der belegten Plätze je Monat ({r.name}), {f.monat(monate[0])} bis {f.monat(monate[-1])}: zuerst {_p(werte[0])}, "
           f"zuletzt {_p(werte[-1])}, dazwischen {_p(min(werte))} bis {_p(max(werte))}."]
    alt += [f"Ein Jahr zuvor: {_p(w)}." for w in werte[-13:-12]]
    alt += [f"Zuletzt budgetiert: {_p(r.plan[m])}." for m in monate[-1:] if m in r.plan]
    alt += [f"Alle Angebote, auch die außerhalb des Budgets: zuletzt {_p(x.werte[-1])}." for x in reihen[1:]]
    if p:
        alt.append(f"Prognose für {f.monat(p.periode)}: {_p(p.mittel)}" + f", mit 80 % Sicherheit {bereich}" * spanne + ".")
    alt += [f"Feste Platzzahl: {f.zahl(r.platzzahl)}."] * bool(r.platzzahl)
    alt += [f"Markiert vom {f.tag(x.von)} bis {f.tag(x.bis)}: {x.art.capitalize()}, {x.grund}." for x in brueche]
    return _abbildung("fallzahlen", "Wie viele Plätze sind belegt, und wohin geht es?", basis, alt, b, _tabellen(facts, reihen, basis))


def _tabellen(facts: Facts, reihen: Sequence[_Reihe], basis: str) -> list[Tabelle]:
    """History by quarter (means weighted by days), outlook by month; the outlook by year is in the report's own table."""
    je: dict[str, list[tuple[Any, ...]]] = defaultdict(list)  # days, places by line, budgeted places
    for m, *werte in zip(facts.verlauf[-MONATE:], *(r.werte for r in reihen), strict=True):
        jahr, monat = int(m.monat[:4]), int(m.monat[5:])
        je[Quartal(jahr, (monat + 2) // 3).lang].append((monthrange(jahr, monat)[1], *werte, m.plaetze_plan))
    zeilen = []
    for quartal, teile in je.items():
        tage, *reihe = zip(*teile, strict=True)
        zeilen.append((quartal + f" ({f.anzahl(len(teile), 'Monat', 'Monate')})" * (len(teile) < 3), *(
            None if None in w else sum(Fraction(x) * t for x, t in zip(w, tage, strict=True)) / sum(tage) for w in reihe)))
    kopf = spalten("Quartal", *((f"Plätze, {r.name}", "zahl1") for r in reihen), ("Plätze laut Budget", "zahl1"))
    tabellen = [Tabelle("Belegte Plätze je Quartal", basis, kopf, tuple(zeilen))]
    if a := facts.trend.gesamt:
        kopf = spalten("Monat", *((n, "zahl1") for n in ("Plätze", "80 % von", "80 % bis", "95 % von", "95 % bis")))
        tabellen.append(Tabelle("Prognose der belegten Plätze", "Eigene Kostenträger, alle Angebote", kopf, tuple(
            (f.monat(p.periode), p.mittel, p.unten80, p.oben80, p.unten95, p.oben95) for p in a.prognose)))
    return tabellen


def fallzahlen_je_angebot(facts: Facts) -> Abbildung | None:
    """A small panel per offer with its outlook; only where there are several."""
    if not facts.verlauf or len(facts.angebote) < 2:
        return None
    je, heute = {a.angebot_id: _reihe(facts, a.bezeichnung, [a]) for a in facts.angebote}, facts.verlauf[-1].monat
    b, breite, ecken = _raster(facts, list(je), 166, "belegte Plätze je Monat; jede Achse beginnt bei 0, die Maßstäbe unterscheiden sich")
    for k, links, oben in ecken:
        kasten, y = (links + 48, oben + 44, links + breite - 88, oben + 144), (0.0, max(1.0, *je[k].grenzen()))
        feld, seite = _verlauf(b, kasten, facts, [je[k]], y, 3)
        feld.seite([(je[k].werte[-1], _p(je[k].werte[-1]), st.AKZENT), *seite], 88, 8)
        b.text(links + 8, oben + 31, "" if facts.angebot(k).im_budget else "nicht im Budget", st.GRAU)
    ende = f"Prognose Dezember {int(heute[:4]) + heute.endswith('12')}"
    kopf = [(n, "zahl1") for n in (f.monat(facts.verlauf[-MONATE:][0].monat), f.monat(heute), "laut Budget", ende, "80 % von", "80 % bis")]
    basis = "Eigene Kostenträger, Entgelttage je Kalendertag, je Angebot"
    zeilen = [(r.name, r.werte[0], r.werte[-1], r.plan.get(heute),
               *(getattr(r.dezember, n, None) for n in ("mittel", "unten80", "oben80")), r.platzzahl or None) for r in je.values()]
    t = Tabelle("Belegte Plätze je Angebot", basis, spalten("Angebot", *kopf, ("Platzzahl", "zahl")), tuple(zeilen))
    alt = ["Ein Liniendiagramm der belegten Plätze je Angebot, mit Prognose.", *(_worte(t, z) for z in zeilen)]
    return _abbildung("fallzahlen_je_angebot", "Wie entwickeln sich die einzelnen Angebote?", basis, alt, b, [t])


def _quartalsachse(feld: Feld, quartale: Sequence[str]) -> None:
    """Quarter numbers, and the year under the first of each year (not under a lone 4th one, where two would touch)."""
    for i, q in enumerate(quartale):
        feld.blatt.text(feld.x(i), feld.unten + 12, q[-1] + ".", st.GRAU, ha="center")
        if q[-1] == "1" or (i == 0 and (q[-1] < "4" or len(quartale) == 1)):
            feld.blatt.text(feld.x(i), feld.unten + 27, q[:4], st.GRAU, ha="center")


def hbg_mix(facts: Facts) -> Abbildung | None:
    """Shares of the need groups per quarter and offer, „+S“ hatched at the top of its granted group, the budgeted mix set apart."""
    quartale, budget = [s.quartal for s in facts.quartalsverlauf], facts.hbg.kumuliert.je_angebot
    je = {k: {s.quartal: s.hbg[k] for s in facts.quartalsverlauf if s.hbg[k].anteile} for k in budget}
    gruppen = {k: sorted({*budget[k].anteile_budget, *(g for m in v.values() for g in m.anteile)}, key=gruppenrang)
               for k, v in je.items() if any(set(m.anteile) - {"ohne"} for m in v.values())}
    if not gruppen:
        return None
    skala = sorted({g for v in gruppen.values() for g in v} - {"ohne"}, key=gruppenrang)
    farben = {"ohne": st.GITTER} | dict(zip(skala, st.rampe(len(skala)), strict=True))
    flaechen: dict[tuple[str, bool], list[Any]] = defaultdict(list)
    b, breite, ecken = _raster(facts, list(gruppen), 264,
                               "Anteil an den Entgelttagen je Quartal; im Balken: die HBG; schraffiert: davon „+S“")
    for k, links, oben in ecken:
        n, plan = len(quartale), budget[k].anteile_budget
        kasten, x_bis = (links + 50, oben + 46, links + breite - 8, oben + 222), n - 0.4 + 1.4 * bool(plan)
        feld = Feld(b, kasten, (-0.6, x_bis), (0, 100), 2, einheit=" %")
        _quartalsachse(feld, quartale)
        b.text(feld.rechts, feld.oben - 9, "Budget" * bool(plan), fett=True, ha="right")
        balken = [(quartale.index(q), m.anteile, m.anteile_s) for q, m in je[k].items()]
        for x, anteile, anteile_s in [*balken, (n + 0.4, plan, {})]:
            von, bis = feld.x([x - 0.42, x + 0.42])
            beschriftet, y0 = x >= n - 1 or len(ecken) == 1, 0.0
            for g in sorted(anteile, key=gruppenrang):
                y1, auf = y0 + 100 * float(anteile[g]), st.schrift_auf(farben[g])
                ohne_s = y1 - 100 * float(anteile_s.get(g, 0))
                flaechen[farben[g], False].append(_kasten(von, bis, feld.y(y1), feld.y(y0)))
                if ohne_s < y1:
                    flaechen[auf, True].append(_kasten(von, bis, feld.y(y1), feld.y(ohne_s)))
                frei = ohne_s if ohne_s - y0 > 7 else y1  # a line of text takes 7 %
                if beschriftet and frei - y0 > 7:
                    text = f"{g}: {f.prozent(anteile[g], 0)}" if bis - von > 62 else g
                    b.text((von + bis) / 2, feld.y((y0 + frei) / 2), text, auf, fett=True, ha="center", breite=bis - von)
                y0 = y1
    for (farbe, mit_s), kaesten in flaechen.items():
        b.flaechen(kaesten, "none" if mit_s else farbe, 2 + mit_s, rand=farbe if mit_s else st.WEISS,
                   linewidth=0 if mit_s else 0.8, hatch="////" if mit_s else None)
    basis, tabellen = "Eigene Kostenträger, Anteile an den Entgelttagen nach bewilligter HBG", []
    alt = [f"Gestapelte Balken je Quartal, {Quartal.aus(quartale[0]).lang} bis {Quartal.aus(quartale[-1]).lang}."]
    for k, namen in gruppen.items():
        name, plan = facts.angebot(k).bezeichnung, budget[k].anteile_budget
        zeilen = [(Quartal.aus(q).lang, *(m.anteile.get(g, 0) for g in namen), m.anteil_s) for q, m in je[k].items()]
        zeilen += [("Budget", *(plan.get(g, 0) for g in namen), None)] * bool(plan)
        kopf = [*map(f.gruppe, namen), "davon „+S“"]
        tabellen.append(Tabelle(f"HBG-Mix: {name}", basis, spalten("Quartal", *((h, "prozent") for h in kopf)), tuple(zeilen), bool(plan)))
        alt += [f"{name}, {_worte(tabellen[-1], z)}" for z in zeilen[-1 - bool(plan):]]
    return _abbildung("hbg_mix", "Wie setzt sich der Bedarf zusammen?", basis, alt, b, tabellen)


def abweichung(facts: Facts) -> Abbildung | None:
    """From the budgeted to the delivered value: four effects, drawn around the budgeted value as zero; nothing where days are missing."""
    a, beginn = facts.abweichung.kumuliert.gesamt, facts.quartal.kumuliert.von
    teile: list[Any] = [a.mengeneffekt_eur, a.mixeffekt_eur, a.s_effekt_eur, a.preiseffekt_eur]
    if facts.vorlaeufig or a.abweichung_eur is None or not any(teile):
        return None
    staende = [float(sum(teile[:n])) for n in range(5)]
    lo, hi = min(staende), max(staende)
    b, rand = Blatt(310), 0.08 * (hi - lo)
    feld = Feld(b, (104, 34, BREITE - 8, 252), (-0.6, 5.6), (lo - rand, max(hi + rand, lo + 1)), einheit=" €",
                titel="Euro über oder unter dem budgetierten Wert; 0 = budgetierter Wert")
    b.linie(feld.x([-0.36, 1.36]), [feld.y(0)] * 2, st.TINTE, 2, ebene=3)
    for x, (von, w) in enumerate(zip([*staende[:4], 0], [*map(float, teile), float(a.abweichung_eur)], strict=True), 1):
        farbe, hell = (st.GRAU, st.WEISS) if x == 5 or not w else (st.AKZENT, st.AKZENT) if w > 0 else (st.ZWEIT, st.ZWEIT_HELL)
        (links, rechts), y0, y1 = feld.x([x - 0.36, x + 0.36]), feld.y(von), feld.y(von + w)
        b.flaechen([_kasten(links, rechts, y0, y1)], hell, rand=farbe, linewidth=1.5)
        y = min(y0, y1) - 11 if abs(min(y0, y1) - 11 - feld.y(0)) > 8 else max(y0, y1) + 11  # not across the zero line
        b.text(feld.x(x), y, f.euro(w, 0, vorzeichen=True), farbe if w else st.TINTE, groesse=NORMAL, fett=True, ha="center", hof=True)
        if x < 5:
            b.linie([links, feld.x(x + 1.36)], [y1, y1], st.GRAU, 0.7, (0, (2, 2)))
    for x, text in enumerate(("budgetiert", "Menge", "Mix", "„+S“", "Preis", "erbracht")):
        b.text(feld.x(x), 272, text, groesse=NORMAL, fett=x in (0, 5), ha="center")
        b.text(feld.x(x), 290, {0: f.euro(a.soll_eur, 0), 5: f.euro(a.ist_eur, 0)}.get(x, ""), groesse=NORMAL, ha="center")
    beginn = max(beginn, facts.budget_beginn or beginn)
    t = content.abweichung(facts)[2]
    alt = f"Stufen vom budgetierten Wert (Soll) über Menge, Mix, „+S“ und Preis zum erbrachten Wert (Ist). {_worte(t, t.zeilen[-1])}"
    return _abbildung("abweichung", "Woher kommt die Abweichung?",
                      f"Eigene Kostenträger, Angebote im Budget, {f.tag(beginn)} bis {f.tag(facts.quartal.zeitraum.bis)}", [alt], b, [t])


def korridor(facts: Facts) -> Abbildung | None:
    """How often chance alone crosses each possible threshold, its Euro, where the provider stands and what is agreed."""
    k, tabellen = facts.korridor, content.korridor(facts)
    if k is None or not tabellen:
        return None
    stand, v = f"Stand {f.prozent(k.abweichung_prozent / 100, vorzeichen=True)}", facts.verfahren
    enden = {abs(float(x)): f"{zeichen} {f.zahl(abs(x), 1 if x % 1 else 0)} %"
             for zeichen, x in (("−", v.korridor_unten_prozent), ("+", v.korridor_oben_prozent)) if x is not None}
    beide = v.korridor_unten_prozent is not None and v.korridor_oben_prozent is not None and len(enden) == 1
    marken = [(p, f"vereinbart {text.replace('+', '±') if beide else text}", st.TINTE) for p, text in enden.items()]
    marken.append((abs(k.abweichung_prozent), stand, st.ZWEIT))
    grenzen, oben = [0.0, *(s.prozent for s in k.stufen)], 24 + 16 * len(marken)
    b = Blatt(oben + 216)  # the steps stand evenly, so that their labels have room
    feld = Feld(b, (52, oben, BREITE - 40, oben + 162), (0, len(k.stufen) + 0.6), (0, 100), 4, einheit=" %",
                titel="Anteil der Zeiträume, in denen allein Zufall die Grenze überschreitet")
    for n, s in enumerate(k.stufen, 1):
        (links, rechts), y, x = feld.x([n - 0.28, n + 0.28]), feld.y(100 * s.anteil_zufall), feld.x(n)
        b.flaechen([_kasten(links, rechts, y, feld.unten)], st.AKZENT_HELL, rand=st.AKZENT, linewidth=1)
        anteil = "unter 1 %" if s.anteil_zufall < 0.005 else f.prozent(s.anteil_zufall, 0)
        b.text(x, y - 9, anteil, st.AKZENT, fett=True, ha="center", hof=True)
        b.text(x, feld.unten + 16, f"± {f.zahl(s.prozent, 1 if s.prozent % 1 else 0)} %", groesse=NORMAL, ha="center")
        b.text(x, feld.unten + 34, f.euro_rund(s.betrag_eur), st.GRAU, ha="center")
    for n, (p, text, farbe) in enumerate(marken):
        weit, y = p > grenzen[-1], 28 + 16 * n
        x, links = float(feld.x(np.interp(p, grenzen, range(len(grenzen))) + 0.5 * weit)), p > 7
        am_balken = next((feld.y(100 * s.anteil_zufall) - 18 for s in k.stufen if s.prozent == p), feld.unten)  # not through its label
        b.linie([x, x], [y - 5, am_balken], farbe, 1.6, st.GESTRICHELT, 4)
        ort = (x - 6, "right") if links else (x + 6, "left")
        b.text(ort[0], y, text + " →" * weit, farbe, groesse=NORMAL, fett=True, ha=ort[1], hof=True)
    t, vereinbart = tabellen[0], [text[0].upper() + text[1:] + "." for _, text, _ in marken]
    return _abbildung("korridor", "Ab welcher Grenze würde angepasst?", t.basis, [
        f"Balken: je weiter die Grenze, desto seltener überschreitet sie der Zufall. {_worte(t, t.zeilen[0])} {_worte(t, t.zeilen[4])}",
        *vereinbart], b, [t])


def personal(facts: Facts) -> Abbildung | None:
    """VK present (own share) and needed per quarter, the gap shaded, the share of qualified staff as numbers."""
    mass, stellen, zeilen = leitmassstab(facts), vk_stellen(facts), []
    verlauf = facts.quartalsverlauf[:-1] if facts.vorlaeufig else facts.quartalsverlauf  # with days missing too few VK seem needed
    for q in verlauf:
        v, s = getattr(q.personal.vk_anteilig, mass), q.personal.vk_soll
        d = None if v is None or s is None else f.runde(v, stellen) - f.runde(s, stellen)  # of the figures as shown
        zeilen.append((Quartal.aus(q.quartal).lang, v, s, d, q.personal.vk, q.personal.fachkraftquote))
    if all(z[1] is None for z in zeilen):
        return None
    ist, soll = np.array([z[1:3] for z in zeilen], float).T  # None becomes nan, a gap
    lo, hi = _bereich([w for w in (*ist, *soll) if not np.isnan(w)])
    b, xs = Blatt(320), np.arange(len(zeilen))
    feld = Feld(b, (52, 30, BREITE - 194, 236), (-0.4, len(zeilen) - 0.6), (lo, hi + 0.05 * (hi - lo)), titel="Vollkräfte (VK)")
    for hell, farbe, wo, muster in ((st.ZWEIT_HELL, st.ZWEIT, soll >= ist, "////"), (st.AKZENT_HELL, st.AKZENT, ist >= soll, None)):
        zwischen = FillBetweenPolyCollection("x", feld.x(xs), feld.y(ist), feld.y(soll), where=wo.tolist(), interpolate=True)
        b.flaechen([p.vertices for p in zwischen.get_paths()], hell, rand=farbe, linewidth=0, hatch=muster)
    b.linie(feld.x(xs), feld.y(soll), st.TINTE, 1.6, st.GESTRICHELT, 3, marker="o", markersize=4)
    b.linie(feld.x(xs), feld.y(ist), st.AKZENT, 2.2, "-", 3, marker="o", markersize=5)
    _quartalsachse(feld, [q.quartal for q in verlauf])
    b.text(0, 288, "Fachkraftquote", fett=True)
    for x, z in enumerate(zeilen):
        b.text(feld.x(x), 306, f.prozent(z[-1], 0), ha="center")
    _, v, s, d, *_ = zeilen[-1]
    vk = partial(f.zahl, stellen=stellen)
    seite = [(w, f"{n}: {vk(w)} VK", c) for n, w, c in (("eingesetzt", v, st.AKZENT), ("nötig", s, st.TINTE)) if w is not None]
    if d is not None:
        luecke = f"es fehlen {vk(-d)} VK" if d < 0 else f"{vk(d)} VK mehr als nötig" if d else "so viele wie nötig"
        seite.append(((v + s) / 2, luecke, st.ZWEIT if d < 0 else st.AKZENT))
    feld.seite(seite, 188, NORMAL, fett=True)
    basis = f"Alle Angebote; eigener Anteil am Personal nach {MASSSTAB[mass]}"
    basis += "" if facts.verfahren.personalanteil_nach else " (ein Maßstab ist nicht vereinbart)"
    t = Tabelle("Personal je Quartal", basis, spalten(
        "Quartal", ("VK eingesetzt, anteilig", f"zahl{stellen}"), ("VK nötig", f"zahl{stellen}"), ("Differenz VK", f"differenz{stellen}"),
        ("VK aller Kostenträger", f"zahl{stellen}"), ("Fachkraftquote", "prozent")), tuple(zeilen))
    alt = ["Linien der eingesetzten und der nötigen Vollkräfte (VK) je Quartal.",
           *(_worte(t, z) for z in dict.fromkeys((zeilen[0], zeilen[-1])))]
    return _abbildung("personal", "Reicht das Personal für die Menge?", basis, alt, b, [t])


def _zeitleiste(b: Blatt, unten: float, stand: date, tage: Sequence[date], titel: str) -> Callable[[date], float]:
    """The right part of a sheet as a time axis over `tage`, at most from two years back to five ahead; where a day lies."""
    jahre = [*(d.year for d in tage), stand.year]
    von, bis = max(min(jahre), stand.year - 2), min(max(jahre), stand.year + 5) + 1

    def lage(d: date) -> float:
        return float(np.interp(d.year + (d.timetuple().tm_yday - 1) / 366, (von, bis), (600, BREITE - 12)))
    for jahr in range(von, bis + 1):
        b.linie([lage(date(jahr, 1, 1))] * 2, [30, unten], st.GITTER, ebene=0)
        b.text(lage(date(jahr, 7, 2)), unten + 13, str(jahr) * (jahr < bis), st.GRAU, ha="center")
    b.linie([lage(stand)] * 2, [22, unten], st.GRAU, 1.2, st.GESTRICHELT)
    b.text(min(lage(stand), BREITE - 62), 12, f"Stichtag {f.tag(stand)}", st.GRAU, ha="center")
    b.text(0, 12, titel, st.GRAU)
    return lage


def _eintrag(b: Blatt, y: float, m: Massnahme, lage: Callable[[date], float], links: int = 0) -> None:
    """One entry of the scorecard: its name, due date and status in words, its marker on the time axis."""
    farbe, (form, hohl) = st.ZWEIT if m.ueberfaellig else st.AKZENT, _FORM.get(m.status, ("^", False))
    text = f"{f.tag(m.faellig) if m.faellig else 'ohne Termin'} · {content.status(m)}"
    b.linie([0, BREITE], [y + 13] * 2, st.GITTER, 0.6, ebene=0)
    b.text(links, y, m.massnahme, breite=340 - links)
    b.text(350, y, text, farbe if m.ueberfaellig else st.TINTE, fett=m.ueberfaellig, breite=235)
    if m.faellig:
        b.punkt(lage(m.faellig), y, farbe, form, 8, hohl)


def vorhaben(facts: Facts) -> Abbildung | None:
    """Projects as bars from begin to end with money planned and spent; below each its measures and milestones by due date."""
    if not (alle := facts.massnahmen.vorhaben):
        return None
    karte = facts.massnahmen
    teile = [(v, [m for m in karte.des_vorhabens(v.name) if m.art in ("massnahme", "meilenstein")]) for v in alle]
    stand, zeilen = min(facts.quartal.zeitraum.bis, facts.datenstand), sum(1 + len(m) for _, m in teile)
    b, unten, y = Blatt(56 + 26 * zeilen), 30 + 26 * zeilen, 43
    lage = _zeitleiste(b, unten, stand, [d for v in alle for d in (v.beginn, v.ende) if d], "Vorhaben mit Maßnahmen und Meilensteinen")
    for v, eintraege in teile:
        geld = f"ausgegeben {f.zahl(v.ausgegeben_eur)} von {f.euro(v.mittel_eur, 0)}" if v.mittel_eur else "Mittel nicht angegeben"
        b.linie([0, BREITE], [y + 13] * 2, st.GITTER, 0.6, ebene=0)
        b.text(0, y, v.name, fett=True, breite=340)
        b.text(350, y, geld, breite=235)
        if v.beginn and v.ende:
            b.flaechen([_kasten(lage(v.beginn), lage(v.ende), y - 5, y + 5)], st.AKZENT_HELL, ebene=0)
        for m in eintraege:
            y += 26
            _eintrag(b, y, m, lage, 16)
        y += 26
    tabellen = content.vorhaben(facts)
    alt = [f"Zeitleiste von {f.zahl(len(alle))} Vorhaben mit Maßnahmen und Meilensteinen.",
           *(_worte(tabellen[0], z) for z in tabellen[0].zeilen[:5])]
    basis = f"Vorhaben der Balanced Scorecard, {content.massnahmen_stand(facts)}"
    return _abbildung("vorhaben", "Wie weit sind die Vorhaben?", basis, alt, b, tabellen)


def massnahmen(facts: Facts) -> Abbildung | None:
    """Measures by due date: status by shape and word, overdue in words."""
    if not (alle := sorted(facts.massnahmen.liste, key=lambda m: (m.faellig or date.max, m.massnahme_id))):
        return None
    stand, worte = min(facts.quartal.zeitraum.bis, facts.datenstand), content.STATUS
    b, unten = Blatt(56 + 26 * len(alle)), 30 + 26 * len(alle)
    lage = _zeitleiste(b, unten, stand, [m.faellig for m in alle if m.faellig], "Maßnahme, nach Fälligkeit")
    for y, m in zip(range(43, unten, 26), alle, strict=True):
        _eintrag(b, y, m, lage)
    alt = [f"Zeitleiste von {f.anzahl(len(alle), 'Maßnahme', 'Maßnahmen')} nach Fälligkeit: "
           + ", ".join(f"{n} {worte.get(s, s)}" for s, n in facts.massnahmen.je_status.items())
           + f"; davon {facts.massnahmen.ueberfaellig} überfällig."]
    alt += [f"Überfällig seit {f.tag(m.faellig)}: {m.massnahme}." for m in alle if m.ueberfaellig][:3]
    alt += [f"Als Nächstes fällig am {f.tag(m.faellig)}: {m.massnahme}." for m in alle if m.offen and m.faellig and m.faellig >= stand][:1]
    basis = f"Maßnahmen der Balanced Scorecard, {content.massnahmen_stand(facts)}"
    return _abbildung("massnahmen", "Was wurde aus den Maßnahmen?", basis, alt, b, content.massnahmen(facts))


ABBILDUNGEN: dict[str, Callable[[Facts], Abbildung | None]] = {
    "fallzahlen": fallzahlen, "fallzahlen_je_angebot": fallzahlen_je_angebot, "hbg_mix": hbg_mix, "abweichung": abweichung,
    "korridor": korridor,
    "personal": personal, "massnahmen": massnahmen, "vorhaben": vorhaben}
