"""The charts of a report: a question each, drawn from `Facts` alone, with alt text, basis and the same data as tables.

A chart is one function `(facts) -> Abbildung | None` (None: nothing to show) and one entry in ABBILDUNGEN.
Not here: how things look (`style`), the page around the picture, which sets its title.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from traeger_lib.analysis.facts import Facts, Massnahme, Monat
from traeger_lib.analysis.hbg import HbgMix
from traeger_lib.analysis.outlook import Ausblick, Prognosepunkt
from traeger_lib.analysis.periods import Quartal, monatsende
from traeger_lib.analysis.rates import gruppenrang
from traeger_lib.reporting import formats as f
from traeger_lib.reporting import style as st
from traeger_lib.reporting.sentences import MASSSTAB, leitmassstab
from traeger_lib.reporting.style import BREITE, KLEIN, NORMAL, Blatt, Feld, als_png, stil, teilung
from traeger_lib.reporting.tables import Abbildung, Tabelle, spalten

MONATE = 60  # five years
MAX_ANGEBOTE, MAX_MIX, MAX_MASSNAHMEN = 12, 6, 12  # panels or rows of one picture; the tables hold all
_ART = {"bruch": "Bruch", "untererfassung": "Untererfassung"}
_STATUS = {  # as written in the data: words, marker shape, hollow
    "nicht_begonnen": ("nicht begonnen", "o", True), "laufend": ("laufend", "D", False), "verworfen": ("verworfen", "X", True),
    "abgeschlossen": ("abgeschlossen", "s", False), "erledigt": ("erledigt", "s", False), "beendet": ("beendet", "s", False),
    "zurueckgestellt": ("zurückgestellt", "s", True)}


def _abbildung(schluessel: str, titel: str, basis: str, alt: Sequence[str], blatt: Blatt, tabellen: Sequence[Tabelle]) -> Abbildung:
    return Abbildung(schluessel, titel, basis, " ".join(alt), als_png(blatt.fig), BREITE, blatt.hoehe, tuple(tabellen))


def _p(wert: Any) -> str:
    return f.zahl(wert, 1)


def _bereich(werte: Sequence[float]) -> tuple[float, float]:
    """Axis limits: from 0, or higher where all values lie far above it; then the axis still spans a quarter of its top."""
    lo, hi = min(werte), max(max(werte), 1.0)
    return (0.0, hi) if lo < 0.5 * hi else (min(lo, 0.75 * hi), hi)


def _kasten(links: float, rechts: float, oben: float, unten: float) -> list[tuple[float, float]]:
    return [(links, oben), (rechts, oben), (rechts, unten), (links, unten)]


def _auswahl(n: int, alle: int) -> str:
    return f"; gezeigt sind die {n} größten von {alle} Angeboten" if n < alle else ""


# ── case numbers ────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class _Reihe:
    """A line of occupied places with its outlook; without `spanne` only the forecast's mean is known."""

    name: str
    werte: tuple[Fraction, ...]
    prognose: tuple[Prognosepunkt, ...]
    spanne: bool = True

    def jahresende(self, facts: Facts) -> Prognosepunkt | None:
        """The forecast for December of the report's year, or of the next where that is past."""
        return next((p for p in self.prognose if p.periode >= f"{facts.quartal.jahr}-12" and p.periode[5:] == "12"), None)

    def grenzen(self) -> list[float]:
        return [*map(float, self.werte), *(w for p in self.prognose for w in (p.unten95, p.oben95))]


def _prognose(a: Ausblick | None) -> tuple[Prognosepunkt, ...]:
    return a.prognose if a else ()


def _angebot(facts: Facts, angebot_id: str) -> _Reihe:
    return _Reihe(facts.angebot(angebot_id).bezeichnung, tuple(m.je_angebot[angebot_id] for m in facts.verlauf[-MONATE:]),
                  _prognose(facts.trend.je_angebot.get(angebot_id)))


def _reihen(facts: Facts) -> list[_Reihe]:
    """The lines to show: all offers; where a budget covers only some of them, first those, to compare like with like."""
    alle = _Reihe("alle Angebote", tuple(m.plaetze for m in facts.verlauf[-MONATE:]), _prognose(facts.trend.gesamt))
    drin = [_angebot(facts, a.angebot_id) for a in facts.angebote if a.im_budget]
    if not _plan(facts) or not drin or len(drin) == len(facts.angebote):
        return [alle]
    mittel = [(p[0].periode, sum(x.mittel for x in p)) for p in zip(*(r.prognose for r in drin), strict=False)]
    return [_Reihe("Angebote im Budget", tuple(sum(w, Fraction(0)) for w in zip(*(r.werte for r in drin), strict=True)),
                   drin[0].prognose if len(drin) == 1 else tuple(Prognosepunkt(t, m, m, m, m, m) for t, m in mittel),
                   len(drin) == 1), alle]


def _plan(facts: Facts, angebot_id: str | None = None) -> dict[str, Decimal]:
    """Budgeted places by month to the end of the budget year; of one offer for the report's year only."""
    monate, b = facts.verlauf[-MONATE:], facts.budget
    plan = {m.monat: m.plaetze_plan for m in monate if m.plaetze_plan is not None and angebot_id is None}
    zeilen = {(h.angebot_id, h.hbg): h.plaetze_plan for h in b.herleitung if angebot_id in (None, h.angebot_id)} if b else {}
    if b and zeilen and monate:
        namen = [f"{b.budgetjahr}-{n:02d}" for n in range(b.beginn.month, 13)]
        plan |= {m: sum(zeilen.values(), Decimal(0)) for m in namen if m >= monate[0].monat and m not in plan}
    return plan


def _zeit(monat: str) -> float:
    """Middle of a month on the time axis, in months."""
    return int(monat[:4]) * 12 + int(monat[5:]) - 0.5


def _kurz(monat: str) -> str:
    """Month with at most four letters: „März 2026“, „Dez. 2026“."""
    name, jahr = f.monat(monat).split()
    return f"{name if len(name) <= 4 else name[:3] + '.'} {jahr}"


def _zeichne_reihe(feld: Feld, monate: Sequence[Monat], r: _Reihe, farbe: str, dicke: float = 2.0) -> None:
    """Past as a line, outlook as a fan of 80 and 95 %."""
    feld.blatt.linie(feld.x([_zeit(m.monat) for m in monate]), feld.y(r.werte), farbe, dicke, ebene=3)
    xs, letzter = feld.x([_zeit(m) for m in (monate[-1].monat, *(p.periode for p in r.prognose))]), r.werte[-1]
    for unten, oben, alpha in (("unten95", "oben95", 0.10), ("unten80", "oben80", 0.20)):
        u, o = (feld.y([letzter, *(getattr(p, k) for p in r.prognose)]) for k in (unten, oben))
        if r.spanne and r.prognose:
            feld.blatt.flaechen([[*zip(xs, u, strict=True), *zip(xs[::-1], o[::-1], strict=True)]], farbe, alpha=alpha)
    feld.blatt.linie(xs, feld.y([letzter, *(p.mittel for p in r.prognose)]), farbe, 1.2, (0, (1, 1.5)), ebene=3)


def _zeichne_rahmen(feld: Feld, plan: Mapping[str, Decimal], platzzahl: int | None) -> list[tuple[Any, str, str]]:
    """Years below, the budget dashed (a level per year), the fixed capacity; returns their labels for the side."""
    seite: list[tuple[Any, str, str]] = []
    b, breit = feld.blatt, feld.x(12) - feld.x(0) > 36
    for jahr in range(int(feld.x_von // 12), int(feld.x_bis // 12) + 1):
        von, bis = feld.x(np.clip([jahr * 12, jahr * 12 + 12], feld.x_von, feld.x_bis))
        if von > feld.links:
            b.linie([von, von], [feld.unten, feld.unten + 5], st.GRAU)
        if bis - von > (32 if breit else 16):
            b.text((von + bis) / 2, feld.unten + 13, str(jahr) if breit else f"{jahr % 100:02d}", st.GRAU, ha="center")
        if stufe := {m: w for m, w in plan.items() if int(m[:4]) == jahr}:
            hoehe = feld.y(stufe[max(stufe)])
            b.linie(feld.x([_zeit(min(stufe)) - 0.5, _zeit(max(stufe)) + 0.5]), [hoehe] * 2, st.GRAU, 1.6, st.GESTRICHELT, ebene=3)
    if plan:
        seite.append((plan[max(plan)], f"Budget {_p(plan[max(plan)])}", st.GRAU))
    if platzzahl:
        b.linie([feld.links, feld.rechts], [feld.y(platzzahl)] * 2, st.TINTE, 0.9, ebene=2)
        seite.append((platzzahl, f"Platzzahl {f.zahl(platzzahl)}", st.TINTE))
    return seite


def fallzahlen(facts: Facts) -> Abbildung | None:
    """Occupied places per month, outlook, budget, breaks and capacity."""
    if not (monate := facts.verlauf[-MONATE:]):
        return None
    reihen, plan, ausblick, heute = _reihen(facts), _plan(facts), facts.trend.gesamt, monate[-1].monat
    haupt, rechts = reihen[0], BREITE - 150
    gemeint = [a.plaetze for a in facts.angebote if len(reihen) == 1 or a.im_budget]
    platzzahl = sum(p or 0 for p in gemeint) if None not in gemeint else 0
    brueche = [b for b in ausblick.bruch if f"{b.bis:%Y-%m}" >= monate[0].monat][:3] if ausblick else []
    grenzen = [w for r in reihen for w in r.grenzen()] + [float(w) for w in plan.values()]
    lo, hi = _bereich([*grenzen, *[float(platzzahl)] * bool(platzzahl)])
    ende = max([heute, *plan, *(p.periode for p in haupt.prognose)])
    p = haupt.jahresende(facts)
    with stil():
        b = Blatt(330)
        feld = Feld(b, (52, 30, rechts, 302), (_zeit(monate[0].monat) - 0.5, _zeit(ende) + 0.5),
                    teilung(lo, hi + (0.1 + 0.05 * len(brueche)) * (hi - lo), 6), titel="belegte Plätze")
        for n, bruch in enumerate(brueche):
            von, bis = feld.x([max(feld.x_von, d.year * 12 + d.month - 1 + d.day / 31) for d in (bruch.von, bruch.bis)])
            b.flaechen([_kasten(von, bis, 30, feld.unten)], st.FLAECHE, ebene=0)
            text = f"{_ART.get(bruch.art, bruch.art)}: {bruch.grund}"
            b.text(min(von, rechts - 200) + 4, 40 + 14 * n, text, st.GRAU, breite=rechts - min(von, rechts - 200), hof=True)
        seite = _zeichne_rahmen(feld, plan, platzzahl)
        for r, farbe in zip(reihen[::-1], (st.AKZENT, st.GRAU)[:len(reihen)][::-1], strict=True):
            _zeichne_reihe(feld, monate, r, farbe, 2.2 if r is haupt else 1.2)
        if len(reihen) > 1:
            seite.append((reihen[1].prognose[-1].mittel if reihen[1].prognose else reihen[1].werte[-1],
                          f"alle Angebote {_p(reihen[1].werte[-1])}", st.GRAU))
        nah, x = [*map(float, haupt.werte[-14:]), *map(float, list(plan.values())[-21:])], float(feld.x(_zeit(heute)))
        b.punkt(x, feld.y(haupt.werte[-1]), st.AKZENT)
        b.text(max(x + 4, 170), feld.y(max(nah)) - 12, f"{_kurz(heute)}: {_p(haupt.werte[-1])}", st.AKZENT, groesse=NORMAL,
               fett=True, ha="right", hof=True)
        if haupt.prognose:
            b.text(max(x + 6, 280), 12, "Prognose", st.GRAU)
            b.linie([x, x], [20, feld.unten], st.GRAU, 0.8, (0, (2, 2)))
            letzte = haupt.prognose[-1]
            seite += [(w, f"{n} % Sicherheit", st.AKZENT) for n, w in ((95, letzte.oben95), (80, letzte.oben80)) if haupt.spanne]
        if p:
            dez, y = feld.x(_zeit(p.periode)), feld.y(max(p.oben95, nah[-1])) - 24
            spanne = f"80 %: {_p(p.unten80)} bis {_p(p.oben80)}"
            links = min(max(dez - 50, x + 8), rechts - st.textbreite(spanne, KLEIN))
            b.punkt(dez, feld.y(p.mittel), st.AKZENT, hohl=True)
            b.linie([dez, dez], [y + 16, feld.y(p.mittel) - 4], st.AKZENT, 0.7)
            b.text(links, y - 5, f"{_kurz(p.periode)}: {_p(p.mittel)}", st.AKZENT, groesse=NORMAL, fett=True, hof=x > links)
            b.text(links, y + 9, spanne * haupt.spanne, st.AKZENT, hof=x > links)
        feld.seite(seite, BREITE - rechts)
    basis = f"Eigene Kostenträger, {haupt.name}, Entgelttage je Kalendertag"
    if not haupt.spanne:
        basis += "; die Prognose der Angebote im Budget ist die Summe der Angebote und trägt keine Spanne"
    if plan and facts.klassische_abrechnung.kumuliert.gesamt.einzelfall_eur:
        basis += "; die Belegung enthält auch Einzelfallsettings, das Budget nicht"
    alt = [f"Linie der belegten Plätze je Monat ({haupt.name}), {f.monat(monate[0].monat)} bis {f.monat(heute)}: zuerst "
           f"{_p(haupt.werte[0])}, zuletzt {_p(haupt.werte[-1])}, dazwischen {_p(min(haupt.werte))} bis {_p(max(haupt.werte))}."]
    if len(monate) > 12:
        alt.append(f"Das sind zuletzt {_mehr(haupt.werte[-1], haupt.werte[-13])} ein Jahr zuvor ({_p(haupt.werte[-13])}).")
    if heute in plan:
        alt.append(f"Das sind zuletzt {_mehr(haupt.werte[-1], plan[heute])} budgetiert ({_p(plan[heute])}).")
    alt += [f"Alle Angebote, auch die außerhalb des Budgets: zuletzt {_p(r.werte[-1])}." for r in reihen[1:]]
    if p:
        spanne = f", mit 80 % Sicherheit zwischen {_p(p.unten80)} und {_p(p.oben80)}" if haupt.spanne else ""
        alt.append(f"Prognose für {f.monat(p.periode)}: {_p(p.mittel)}{spanne}.")
    alt += [f"Feste Platzzahl: {f.zahl(platzzahl)}."] * bool(platzzahl)
    alt += [f"Markiert vom {f.tag(x.von)} bis {f.tag(x.bis)}: {_ART.get(x.art, x.art)}, {x.grund}." for x in brueche]
    return _abbildung("fallzahlen", "Wie viele Plätze sind belegt, und wohin geht es?", basis, alt, b,
                      _tabellen_fallzahlen(facts, reihen, basis))


def _mehr(a: Any, b: Any) -> str:
    """„3,1 mehr als“, „0,4 weniger als“, „ebenso viele wie“, from the figures as shown."""
    d = f.runde(a, 1) - f.runde(b, 1)
    return "ebenso viele wie" if not d else f"{_p(abs(d))} {'mehr' if d > 0 else 'weniger'} als"


def _tabellen_fallzahlen(facts: Facts, reihen: Sequence[_Reihe], basis: str) -> list[Tabelle]:
    """History by quarter (means weighted by days), outlook by year and month."""
    monate = facts.verlauf[-MONATE:]
    tage = [monatsende(date(int(m.monat[:4]), int(m.monat[5:]), 1)).day for m in monate]
    je_quartal: dict[str, list[int]] = {}
    for i, m in enumerate(monate):
        je_quartal.setdefault(Quartal(int(m.monat[:4]), (int(m.monat[5:]) + 2) // 3).lang, []).append(i)

    def mittel(werte: Sequence[Any], teile: Sequence[int]) -> Fraction | None:
        summe = [Fraction(werte[i]) * tage[i] for i in teile if werte[i] is not None]
        return sum(summe, Fraction(0)) / sum(tage[i] for i in teile) if len(summe) == len(teile) else None

    reihe = [*(r.werte for r in reihen), [m.plaetze_plan for m in monate]]
    tabellen = [Tabelle("Belegte Plätze je Quartal", basis, spalten(
        "Quartal", *((f"Plätze, {r.name}", "zahl1") for r in reihen), ("Plätze laut Budget", "zahl1")), tuple(
        (q + ("" if len(t) == 3 else f" ({f.anzahl(len(t), 'Monat', 'Monate')})"), *(mittel(w, t) for w in reihe))
        for q, t in je_quartal.items()))]
    if (a := facts.trend.gesamt) and a.prognose:
        punkte = [*((f"Jahresmittel {p.periode}", p) for p in a.jahresmittel), *((f.monat(p.periode), p) for p in a.prognose)]
        tabellen.append(Tabelle(
            "Prognose der belegten Plätze", f"Eigene Kostenträger, alle Angebote, {f.anzahl(a.punkte, 'Monat', 'Monate')} Rückblick",
            spalten("Zeitraum", ("Plätze", "zahl1"), *((f"{n} % {w}", "zahl1") for n in (80, 95) for w in ("von", "bis"))),
            tuple((n, p.mittel, p.unten80, p.oben80, p.unten95, p.oben95) for n, p in punkte)))
    return tabellen


def fallzahlen_je_angebot(facts: Facts) -> Abbildung | None:
    """A small panel per offer with its outlook; only where there are several."""
    monate = facts.verlauf[-MONATE:]
    if not monate or len(facts.angebote) < 2:
        return None
    alle = [(a, _angebot(facts, a.angebot_id), _plan(facts, a.angebot_id)) for a in facts.angebote]
    groesste = sorted(alle, key=lambda x: -max(x[1].werte))[:MAX_ANGEBOTE]
    gezeigt = [x for x in alle if x in groesste]
    n_spalten = 2 if len(gezeigt) in (2, 4) else 3
    breite = BREITE / n_spalten
    ende = max(monate[-1].monat, *(m for _, r, plan in gezeigt for m in (monate[-1].monat, *plan, *(p.periode for p in r.prognose))))
    alt, zeilen = [], []
    with stil():
        b = Blatt(-(-len(gezeigt) // n_spalten) * 166 + 20)
        b.text(0, 12, "belegte Plätze je Monat; jede Achse beginnt bei 0, die Maßstäbe unterscheiden sich", st.GRAU)
        for i, (a, r, plan) in enumerate(gezeigt):
            links, oben = (i % n_spalten) * breite, 20 + (i // n_spalten) * 166
            stufen = teilung(0, max(1.0, a.plaetze or 0, *r.grenzen(), *map(float, plan.values())), 3)
            feld = Feld(b, (links + 48, oben + 44, links + breite - 88, oben + 144),
                        (_zeit(monate[0].monat) - 0.5, _zeit(ende) + 0.5), stufen)
            seite = [(r.werte[-1], _p(r.werte[-1]), st.AKZENT), *_zeichne_rahmen(feld, plan, a.plaetze)]
            _zeichne_reihe(feld, monate, r, st.AKZENT)
            b.punkt(feld.x(_zeit(monate[-1].monat)), feld.y(r.werte[-1]), st.AKZENT, groesse=5)
            feld.seite(seite, 88, 8)
            b.text(links + 8, oben + 16, r.name, fett=True, breite=breite - 16)
            b.text(links + 8, oben + 31, "" if a.im_budget else "nicht im Budget", st.GRAU)
    for a, r, plan in alle:
        p, soll = r.jahresende(facts), plan.get(monate[-1].monat)
        zeilen.append((r.name, r.werte[-13] if len(monate) > 12 else None, r.werte[-1], soll, a.plaetze,
                       *((p.mittel, p.unten80, p.oben80) if p else (None,) * 3)))
        alt.append(f"{r.name}: zuerst {_p(r.werte[0])}, zuletzt {_p(r.werte[-1])} belegte Plätze"
                   + (f", budgetiert {_p(soll)}" if soll is not None else "")
                   + (f", Prognose für {f.monat(p.periode)} {_p(p.mittel)}" if p else "") + ".")
    basis = "Eigene Kostenträger, Entgelttage je Kalendertag, je Angebot" + _auswahl(len(gezeigt), len(alle))
    tabelle = Tabelle("Belegte Plätze je Angebot", basis, spalten(
        "Angebot", ("ein Jahr zuvor", "zahl1"), (_kurz(monate[-1].monat), "zahl1"), ("laut Budget", "zahl1"),
        ("Platzzahl", "zahl"), ("Prognose Jahresende", "zahl1"), ("80 % von", "zahl1"), ("80 % bis", "zahl1")), tuple(zeilen))
    alt.insert(0, f"Ein Liniendiagramm je Angebot, {f.monat(monate[0].monat)} bis {f.monat(monate[-1].monat)}, mit Prognose.")
    return _abbildung("fallzahlen_je_angebot", "Wie entwickeln sich die einzelnen Angebote?", basis, alt, b, [tabelle])


# ── need, money, staff, measures ────────────────────────────────────────────────────────────────────────────────────

def _quartalsachse(feld: Feld, quartale: Sequence[str]) -> None:
    """Quarter numbers, and the year under the first of each year."""
    for i, q in enumerate(quartale):
        feld.blatt.text(feld.x(i), feld.unten + 12, q[-1] + ".", st.GRAU, ha="center")
        if i == 0 or q[:4] != quartale[i - 1][:4]:
            feld.blatt.text(feld.x(i), feld.unten + 27, q[:4], st.GRAU, ha="center")


def _stapel(feld: Feld, x: float, anteile: Mapping[str, Fraction], mit_s: Mapping[str, Fraction], farben: Mapping[str, str],
            flaechen: dict[tuple[str, bool], list[Any]], beschriftet: bool) -> None:
    """One stacked bar, lowest group at the bottom, „+S“ hatched at the top of its granted group; areas are collected."""
    unten, (links, rechts) = Fraction(0), feld.x([x - 0.42, x + 0.42])
    for gruppe in sorted(anteile, key=gruppenrang):
        oben, s, auf = unten + anteile[gruppe], mit_s.get(gruppe, 0), st.schrift_auf(farben[gruppe])
        flaechen.setdefault((farben[gruppe], False), []).append(_kasten(links, rechts, feld.y(oben), feld.y(unten)))
        if s:
            flaechen.setdefault((auf, True), []).append(_kasten(links, rechts, feld.y(oben), feld.y(oben - s)))
        frei = oben - s if feld.y(unten) - feld.y(oben - s) >= 12 else oben
        if beschriftet and feld.y(unten) - feld.y(frei) >= 12:
            text = f"{gruppe}: {f.prozent(anteile[gruppe], 0)}" if rechts - links > 62 else gruppe
            feld.blatt.text((links + rechts) / 2, feld.y((unten + frei) / 2), text, auf, fett=True, ha="center",
                            breite=rechts - links)
        unten = oben


def hbg_mix(facts: Facts) -> Abbildung | None:
    """Shares of the need groups per quarter and offer, the budgeted mix set apart."""
    jetzt = facts.hbg.kumuliert.je_angebot
    je: dict[str, list[tuple[str, HbgMix]]] = {
        a.angebot_id: [(s.quartal, s.hbg[a.angebot_id]) for s in facts.quartalsverlauf] for a in facts.angebote}
    gruppen = {k: sorted({g for _, m in v for g in m.anteile} | set(jetzt[k].anteile_budget), key=gruppenrang)
               for k, v in je.items() if any(m.anteile for _, m in v)}
    gruppen = {k: g for k, g in gruppen.items() if set(g) - {"ohne"}}
    if not gruppen:
        return None
    plaetze = {k: b.durchschnittlich_belegte_plaetze for k, b in facts.fallzahlen.kumuliert.je_angebot.items()}
    gezeigt = sorted(sorted(gruppen, key=lambda k: -plaetze[k])[:MAX_MIX])
    n_spalten = {1: 1, 2: 2, 4: 2}.get(len(gezeigt), 3)
    basis, breite, tabellen = "Eigene Kostenträger, Anteile an den Entgelttagen nach bewilligter HBG", BREITE / n_spalten, []
    skala = sorted({g for k in gezeigt for g in gruppen[k]} - {"ohne"}, key=gruppenrang)
    farben = {"ohne": st.GITTER} | dict(zip(skala, st.rampe(len(skala)), strict=True))
    quartale = [s.quartal for s in facts.quartalsverlauf]
    n, flaechen = len(quartale), dict[tuple[str, bool], list[Any]]()
    with stil():
        b = Blatt(-(-len(gezeigt) // n_spalten) * 264 + 14)
        b.text(0, 12, "Anteil an den Entgelttagen je Quartal; im Balken: die HBG; schraffiert: davon „+S“", st.GRAU)
        for i, k in enumerate(gezeigt):
            links, oben, plan = (i % n_spalten) * breite, 20 + (i // n_spalten) * 264, jetzt[k].anteile_budget
            feld = Feld(b, (links + 50, oben + 46, links + breite - 8, oben + 222), (-0.6, n - 0.4 + 1.4 * bool(plan)),
                        (0, 0.5, 1), einheit=" %")
            b.text(links + 8, oben + 16, facts.angebot(k).bezeichnung, groesse=NORMAL, fett=True, breite=breite - 16)
            for x, (_, m) in enumerate(je[k]):
                _stapel(feld, x, m.anteile, m.anteile_s, farben, flaechen, x == n - 1 or n_spalten == 1)
            _quartalsachse(feld, quartale)
            if plan:
                _stapel(feld, n + 0.4, plan, {}, farben, flaechen, True)
                b.text(feld.rechts, feld.oben - 9, "Budget", fett=True, ha="right")
        for (farbe, mit_s), kaesten in flaechen.items():
            b.flaechen(kaesten, "none" if mit_s else farbe, 2 + mit_s, edgecolors=farbe if mit_s else st.WEISS,
                       linewidths=0 if mit_s else 0.8, hatch="////" if mit_s else None)
    alt = [f"Gestapelte Balken je Quartal, {Quartal.aus(quartale[0]).lang} bis {Quartal.aus(quartale[-1]).lang}."]
    for k, namen in gruppen.items():
        plan, (q, letzte) = jetzt[k].anteile_budget, next((q, m) for q, m in je[k][::-1] if m.anteile)
        zeilen = [(Quartal.aus(q).lang, *(m.anteile.get(g, 0) for g in namen), m.anteil_s) for q, m in je[k] if m.anteile]
        zeilen += [("Budget", *(plan.get(g, 0) for g in namen), None)] * bool(plan)
        kopf = [(f"HBG {g}" if g != "ohne" else "ohne HBG", "prozent") for g in namen]
        tabellen.append(Tabelle(f"HBG-Mix: {facts.angebot(k).bezeichnung}", basis,
                                spalten("Quartal", *kopf, ("davon „+S“", "prozent")), tuple(zeilen), bool(plan)))
        teile = [f"{name} {f.prozent(letzte.anteile.get(g, 0), 0)}"
                 + (f" (budgetiert {f.prozent(plan.get(g, 0), 0)})" if plan else "") for g, (name, _) in zip(namen, kopf, strict=True)]
        alt.append(f"{facts.angebot(k).bezeichnung}, {Quartal.aus(q).lang}: {', '.join(teile)}; "
                   f"davon „+S“ {f.prozent(letzte.anteil_s, 0)}.")
    return _abbildung("hbg_mix", "Wie setzt sich der Bedarf zusammen?", basis + _auswahl(len(gezeigt), len(gruppen)), alt, b,
                      tabellen)


def abweichung(facts: Facts) -> Abbildung | None:
    """From the budgeted to the delivered value: four effects, drawn around the budgeted value as zero."""
    a = facts.abweichung.kumuliert.gesamt if facts.abweichung else None
    if a is None or a.soll_eur is None or a.abweichung_eur is None or not (a.soll_eur or a.ist_eur):
        return None
    namen, felder = ("Menge", "Mix", "„+S“", "Preis"), ("mengeneffekt_eur", "mixeffekt_eur", "s_effekt_eur", "preiseffekt_eur")
    teile = [getattr(a, x) for x in felder]
    staende = [sum(teile[:n], Decimal(0)) for n in range(5)]
    hoechste, tiefste = float(max(staende)), float(min(staende))
    with stil():
        b = Blatt(310)
        rand = 0.08 * (hoechste - tiefste)
        feld = Feld(b, (104, 34, BREITE - 8, 252), (-0.6, 5.6), teilung(tiefste - rand, max(hoechste + rand, tiefste + 1)),
                    einheit=" €", titel="Euro über oder unter dem budgetierten Wert; 0 = budgetierter Wert")
        b.linie(feld.x([-0.36, 1.36]), [feld.y(0)] * 2, st.TINTE, 2, ebene=3)
        for x, von, w in [*zip(range(1, 5), staende, teile, strict=False), (5, Decimal(0), a.abweichung_eur)]:
            farbe, hell = (st.GRAU, st.WEISS) if x == 5 or not w else (st.AKZENT, st.AKZENT) if w > 0 else (st.ZWEIT, st.ZWEIT_HELL)
            (links, rechts), y0, y1 = feld.x([x - 0.36, x + 0.36]), feld.y(von), feld.y(von + w)
            b.flaechen([_kasten(links, rechts, y0, y1)], hell, edgecolors=farbe, linewidths=1.5)
            b.text((links + rechts) / 2, min(y0, y1) - 11, f.euro(w, 0, vorzeichen=True), farbe if w else st.TINTE,
                   groesse=NORMAL, fett=True, ha="center", hof=True)
            if x < 5:
                b.linie([links, feld.x(x + 1.36)], [y1, y1], st.GRAU, 0.7, (0, (2, 2)))
        for x, text in enumerate(("budgetiert", *namen, "erbracht")):
            b.text(feld.x(x), 272, text, groesse=NORMAL, fett=x in (0, 5), ha="center")
        for x, wert in ((0, a.soll_eur), (5, a.ist_eur)):
            b.text(feld.x(x), 290, f.euro(wert, 0), groesse=NORMAL, ha="center")
    beginn = max(facts.quartal.kumuliert.von, facts.budget.beginn) if facts.budget else facts.quartal.kumuliert.von
    basis = f"Eigene Kostenträger, Angebote im Budget, {f.tag(beginn)} bis {f.tag(facts.quartal.zeitraum.bis)}"
    je = [(facts.angebot(k).bezeichnung, v) for k, v in facts.abweichung.kumuliert.je_angebot.items()]
    tabelle = Tabelle("Abweichung seit Jahresbeginn", basis, spalten(
        "Angebot", ("budgetiert €", "euro"), *((f"{n} €", "euro_differenz") for n in namen), ("erbracht €", "euro"),
        ("Abweichung €", "euro_differenz")), tuple(
        (n, v.soll_eur, *(getattr(v, x) for x in felder), v.ist_eur, v.abweichung_eur) for n, v in [*je, ("gesamt", a)]), True)
    alt = [f"Stufen vom budgetierten Wert {f.euro(a.soll_eur, 0)} zum erbrachten Wert {f.euro(a.ist_eur, 0)}: "
           + ", ".join(f"{n} {f.euro(w, 0, vorzeichen=True)}" for n, w in zip(namen, teile, strict=True))
           + f"; zusammen {f.euro(a.abweichung_eur, 0, vorzeichen=True)}."]
    return _abbildung("abweichung", "Woher kommt die Abweichung?", basis, alt, b, [tabelle])


def _luecke(ist: Fraction, soll: Fraction) -> str:
    """„es fehlen 2,5 VK“, „2,1 VK mehr als nötig“, from the figures as shown."""
    d = f.runde(ist, 1) - f.runde(soll, 1)
    return "so viele wie nötig" if not d else f"es fehlen {_p(-d)} VK" if d < 0 else f"{_p(d)} VK mehr als nötig"


def personal(facts: Facts) -> Abbildung | None:
    """VK present (own share) and needed per quarter, the gap shaded, the share of qualified staff as numbers."""
    mass = leitmassstab(facts)
    reihe = [(q.quartal, getattr(q.personal.vk_anteilig, mass), q.personal.vk_soll, q.personal) for q in facts.quartalsverlauf]
    if all(vk is None for _, vk, _, _ in reihe):
        return None
    ist, soll = (np.array([np.nan if w is None else float(w) for w in werte]) for werte in ([z[1] for z in reihe], [z[2] for z in reihe]))
    lo, hi = _bereich([w for w in (*ist, *soll) if not np.isnan(w)])
    _, vk, noetig, _ = reihe[-1]
    with stil():
        b = Blatt(320)
        feld = Feld(b, (52, 30, BREITE - 194, 236), (-0.4, len(reihe) - 0.6), teilung(lo, hi + 0.05 * (hi - lo)),
                    titel="Vollkräfte (VK)")
        fein = np.linspace(0, len(reihe) - 1, (len(reihe) - 1) * 48 + 1)
        fi, fs = np.interp(fein, range(len(ist)), ist), np.interp(fein, range(len(soll)), soll)
        for hell, farbe, wo, muster in ((st.ZWEIT_HELL, st.ZWEIT, fs >= fi, "////"), (st.AKZENT_HELL, st.AKZENT, fi >= fs, None)):
            b.ax.fill_between(feld.x(fein), feld.y(fi), feld.y(fs), where=wo.tolist(), facecolor=hell, edgecolor=farbe, linewidth=0,
                              hatch=muster, zorder=2)
        b.linie(feld.x(range(len(soll))), feld.y(soll), st.TINTE, 1.6, st.GESTRICHELT, 3, marker="o", markersize=4)
        b.linie(feld.x(range(len(ist))), feld.y(ist), st.AKZENT, 2.2, "-", 3, marker="o", markersize=5)
        _quartalsachse(feld, [q for q, *_ in reihe])
        b.text(0, 288, "Fachkraftquote", fett=True)
        for i, (*_, p) in enumerate(reihe):
            b.text(feld.x(i), 306, f.prozent(p.fachkraftquote, 0), ha="center")
        seite = [(w, f"{n}: {_p(w)} VK", c) for n, w, c in (("eingesetzt", vk, st.AKZENT), ("nötig", noetig, st.TINTE)) if w is not None]
        if vk is not None and noetig is not None:
            seite.append(((vk + noetig) / 2, _luecke(vk, noetig), st.ZWEIT if vk < noetig else st.AKZENT))
        feld.seite(seite, 188, NORMAL, fett=True)
    basis = f"Alle Angebote; eigener Anteil am Personal nach {MASSSTAB[mass]}"
    basis += "" if facts.verfahren.personalanteil_nach else " (ein Maßstab ist nicht vereinbart)"
    tabelle = Tabelle("Personal je Quartal", basis, spalten(
        "Quartal", ("VK eingesetzt, anteilig", "zahl2"), ("VK nötig", "zahl2"), ("Differenz VK", "differenz1"),
        ("VK aller Kostenträger", "zahl2"), ("Fachkraftquote", "prozent")), tuple(
        (Quartal.aus(q).lang, v, s, None if v is None or s is None else v - s, p.vk, p.fachkraftquote) for q, v, s, p in reihe))
    alt = ["Linien der eingesetzten und der nötigen Vollkräfte (VK) je Quartal."]
    for q, v, s, p in [reihe[0], reihe[-1]][-len(reihe):]:
        alt.append(f"{Quartal.aus(q).lang}: {_p(v)} VK eingesetzt, {_p(s)} VK nötig"
                   + (f", {_luecke(v, s)}" if v is not None and s is not None else "")
                   + f"; Fachkraftquote {f.prozent(p.fachkraftquote, 0)}.")
    return _abbildung("personal", "Reicht das Personal für die Menge?", basis, alt, b, [tabelle])


def _status(m: Massnahme | str) -> str:
    """The status in words, overdue said with it."""
    wort = m if isinstance(m, str) else m.status
    wort = _STATUS[wort][0] if wort in _STATUS else wort.replace("_", " ")
    return wort + ", überfällig" * (not isinstance(m, str) and m.ueberfaellig)


def massnahmen(facts: Facts) -> Abbildung | None:
    """Measures by due date: status by shape and word, overdue in words."""
    alle = sorted(facts.massnahmen.liste, key=lambda m: (m.faellig or date.max, m.massnahme_id))
    if not alle:
        return None
    stand = min(facts.quartal.zeitraum.bis, facts.datenstand)
    wichtig = sorted(alle, key=lambda m: (not m.ueberfaellig, m.faellig is None or m.faellig < stand, m.faellig or date.max))
    gezeigt = [m for m in alle if m in wichtig[:MAX_MASSNAHMEN]]
    jahre = [m.faellig.year for m in gezeigt if m.faellig] + [stand.year]
    von, bis = max(min(jahre), stand.year - 2), min(max(jahre), stand.year + 4) + 1
    with stil():
        b = Blatt(56 + 26 * len(gezeigt) + 20 * (len(alle) > len(gezeigt)))
        feld = Feld(b, (380, 30, BREITE - 12, 30 + 26 * len(gezeigt)), (von, bis), (0, 1), einheit=None)

        def lage(d: date) -> float:
            return float(feld.x(min(max(d.year + (d.timetuple().tm_yday - 1) / 366, von), bis)))
        for jahr in range(von, bis + 1):
            b.linie([feld.x(jahr)] * 2, [30, feld.unten], st.GITTER, ebene=0)
            b.text(feld.x(jahr + 0.5), feld.unten + 13, str(jahr) * (jahr < bis), st.GRAU, ha="center")
        b.linie([lage(stand)] * 2, [22, feld.unten], st.GRAU, 1.2, st.GESTRICHELT)
        b.text(min(lage(stand), BREITE - 56), 12, f"Stand {f.tag(stand)}", st.GRAU, ha="center")
        b.text(0, 12, "Maßnahme, nach Fälligkeit", st.GRAU)
        for n, m in enumerate(gezeigt):
            y, farbe, (_, form, hohl) = 43 + 26 * n, st.ZWEIT if m.ueberfaellig else st.AKZENT, _STATUS.get(m.status, ("", "^", False))
            x = lage(m.faellig) if m.faellig else feld.links + 8
            text = f"{f.tag(m.faellig) if m.faellig else 'ohne Termin'} · {_status(m)}"
            rechts = x + 12 + st.textbreite(text, KLEIN, m.ueberfaellig) < BREITE or x < (feld.links + BREITE) / 2
            b.linie([0, BREITE], [y + 13] * 2, st.GITTER, 0.6, ebene=0)
            b.text(0, y, m.massnahme, breite=370)
            b.punkt(x, y, farbe, form, 8, hohl)
            b.text(x + (12 if rechts else -12), y, text, farbe if m.ueberfaellig else st.TINTE, fett=m.ueberfaellig,
                   ha="left" if rechts else "right", breite=BREITE - x - 12 if rechts else x - 392, hof=True)
        if rest := len(alle) - len(gezeigt):
            b.text(0, b.hoehe - 10, f"Weitere {f.anzahl(rest, 'Maßnahme steht', 'Maßnahmen stehen')} in der Tabelle.", st.GRAU)
    basis = f"Maßnahmen der Balanced Scorecard, Stand {f.tag(stand)}"
    tabelle = Tabelle("Maßnahmen nach Fälligkeit", basis, spalten("Maßnahme", "Ziel", ("fällig am", "datum"), "Status", "verantwortlich"),
                      tuple((m.massnahme, m.ziel, m.faellig, _status(m), m.verantwortlich) for m in alle))
    alt = [f"Zeitleiste von {f.anzahl(len(alle), 'Maßnahme', 'Maßnahmen')} nach Fälligkeit: "
           + ", ".join(f"{n} {_status(s)}" for s, n in facts.massnahmen.je_status.items())
           + f"; davon {facts.massnahmen.ueberfaellig} überfällig."]
    alt += [f"Überfällig seit {f.tag(m.faellig)}: {m.massnahme}." for m in alle if m.ueberfaellig][:3]
    alt += [f"Als Nächstes fällig am {f.tag(m.faellig)}: {m.massnahme}." for m in alle if m.faellig and m.faellig >= stand][:1]
    return _abbildung("massnahmen", "Was wurde aus den Maßnahmen?", basis, alt, b, [tabelle])


ABBILDUNGEN: dict[str, Callable[[Facts], Abbildung | None]] = {
    "fallzahlen": fallzahlen, "fallzahlen_je_angebot": fallzahlen_je_angebot, "hbg_mix": hbg_mix, "abweichung": abweichung,
    "personal": personal, "massnahmen": massnahmen}


def sparkline(werte: Sequence[Any], plan: Any = None) -> str:
    """A small line as inline SVG beside a figure in words (so hidden from screen readers); None leaves a gap."""
    zahlen = [float(w) for w in (*werte, plan) if w is not None]
    if not zahlen:
        return ""
    lo, weite, schritt = min(zahlen), max(zahlen) - min(zahlen) or 1.0, 92 / max(len(werte) - 1, 1)
    orte = [None if w is None else f"{4 + i * schritt:.1f} {20 - 16 * (float(w) - lo) / weite:.1f}" for i, w in enumerate(werte)]
    pfad = "".join(f"{'L' if i and orte[i - 1] else 'M'}{o}" for i, o in enumerate(orte) if o)
    ende = next((o.split() for o in orte[::-1] if o), None)
    hoehe = None if plan is None else f"{20 - 16 * (float(plan) - lo) / weite:.1f}"
    return ('<svg class="sparkline" width="100" height="24" viewBox="0 0 100 24" fill="none" aria-hidden="true" focusable="false">'
            + (f'<path d="M4 {hoehe}H96" stroke="{st.GRAU}" stroke-dasharray="4 3"/>' if hoehe else "")
            + f'<path d="{pfad}" stroke="{st.AKZENT}" stroke-width="1.5"/>'
            + (f'<circle cx="{ende[0]}" cy="{ende[1]}" r="2.5" fill="{st.AKZENT}"/>' if ende else "") + "</svg>")
