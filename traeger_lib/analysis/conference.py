"""The common picture of all providers for the Sozialraumkonferenz: protected sums by service type, or the same unprotected.

Protection, in this order: (1) one *panel* of providers per service type, which changes only by groups that are themselves safe, so that
two pages never differ by one provider; (2) a cell is a sum over the panel and is shown only where `sicher` holds, now and in the quarter
before; (3) parts are shown all or none, by need group on nested levels (1, 2, 4 … groups together), so that nothing is left over to
subtract; what is withheld is in no sum; (4) rounding to multiples of 5, and everything else (totals, shares, means, trend) is computed
from the rounded cells; (5) `pruefe` goes over all shown cells again by other code; if it finds anything there is no result.
Not here: pages and files, and knowledge of what was published before except the panels handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction

import numpy as np
import pandas as pd

from traeger_lib.analysis.analyse import Analyse
from traeger_lib.analysis.money import round_half_up
from traeger_lib.analysis.periods import Quartal, Zeitraum
from traeger_lib.analysis.rates import gruppenrang
from traeger_lib.analysis.staffing import Personal
from traeger_lib.analysis.trend import forecast
from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.inputs.schema import Bestand, zeilen

STUFE = 5  # counts are multiples of it, and nothing is shown on less (official-statistics practice)
MIN_TRAEGER = 3
DOMINANZ = Fraction(85, 100)  # no provider has more of a sum
VORWISSEN = Fraction(10, 100)  # the second largest, who knows its own share, must not come closer to the largest than this (p % rule)
STABIL, VERLAUF, MIN_VERLAUF = 12, 20, 8  # quarters: of history behind a new panel; shown; needed for a forecast
Beitraege = Mapping[str, Fraction | None]  # provider → its part of a sum; None: not known
Zahl = int | Fraction | None  # None: withheld
NULL = Fraction(0)
SCHUTZ_VERSAGT = ("Die innere Prüfung hat eine Zahl gefunden, die nicht gezeigt werden darf; es wurde nichts geschrieben. Bitte den Fehler "
                  "melden, ohne Daten mitzuschicken.")


@dataclass(frozen=True, slots=True)
class Prognose:
    """Outlook for the last quarter of a year: average occupied places with 80 % interval."""

    quartal: str
    mittel: Zahl
    unten80: Zahl
    oben80: Zahl


@dataclass(frozen=True, slots=True)
class Typ:
    """One service type, sums over its panel. Places are average occupied places of the quarter, own paying bodies (`auswaertig`: of
    others); `hbg` and `s` split `plaetze`; None: withheld or not known."""

    leistungstyp: str
    plaetze: Zahl
    hbg: Mapping[str, Zahl]
    s: Zahl
    ohne_s: Zahl
    auswaertig: Zahl
    platzzahl: Zahl
    vk: Zahl
    vk_soll: Zahl
    verlauf: Mapping[str, Zahl]
    prognose: tuple[Prognose, ...] = ()

    @property
    def mittlere_hbg(self) -> Fraction | None:
        """Σ places × group ÷ Σ places, from the shown cells; None unless every need group stands alone and is a number."""
        if not self.hbg or not all(h.isdecimal() for h in self.hbg) or None in self.hbg.values():
            return None
        return Fraction(sum(int(h) * n for h, n in self.hbg.items() if n), 1) / (sum(n for n in self.hbg.values() if n) or 1)


@dataclass(frozen=True, slots=True)
class Bruch:
    """A flagged span that concerns all providers; the outlook begins after it."""

    von: date
    bis: date
    grund: str
    leistungstyp: str | None


@dataclass(frozen=True, slots=True)
class Ziel:
    """A goal that at least three providers have agreed; how many and with how many measures is for the funder only."""

    perspektive: str
    ziel: str
    traeger: int | None
    massnahmen: int | None


@dataclass(frozen=True, slots=True)
class Konferenz:
    """What the page shows. `gruppen`: the panel of every shown type, for the next quarter's page; it is not shown."""

    quartal: Quartal
    datenstand: date
    leistungstraeger: str
    hinweis: str
    erfunden: bool
    geschuetzt: bool
    anzahl_traeger: int
    anzahl_budget: int
    typen: tuple[Typ, ...]
    brueche: tuple[Bruch, ...]
    zurueckgehalten: tuple[str, ...]
    unvollstaendig: tuple[str, ...]  # types whose panel does not yet hold all providers
    ziele: tuple[Ziel, ...]
    gruppen: Mapping[str, Sequence[str]] = field(repr=False)


def runde(x: Fraction) -> int:
    """To the next multiple of 5, half up.

    >>> runde(Fraction(12)), runde(Fraction(25, 2))
    (10, 15)
    """
    return STUFE * round_half_up(x / STUFE)


def sicher(b: Beitraege) -> bool:
    """True where a sum gives nobody away: every part known, at least 5 in all and 3 providers, none with more than 85 %, what is
    left beside the two largest is at least 10 % of the largest, and what is left beside the largest, who can take off its own part, at
    least 5.

    >>> sicher({"A": Fraction(40), "B": Fraction(30), "C": Fraction(30)}), sicher({"A": Fraction(90), "B": Fraction(7), "C": Fraction(3)})
    (True, False)
    """
    if any(x is None or x < 0 for x in b.values()):
        return False
    teile = sorted((x for x in b.values() if x), reverse=True)
    summe = sum(teile, NULL)
    return (len(teile) >= MIN_TRAEGER and summe >= STUFE and teile[0] <= DOMINANZ * summe
            and summe - sum(teile[:2], NULL) >= VORWISSEN * teile[0] and summe - teile[0] >= STUFE)


def verdeckt(unterschied: int | Fraction, zellen: int) -> int:
    """What a difference of `zellen` rounded cells stays below, where their rounding may hide all of it; otherwise 0.

    >>> verdeckt(0, 2), verdeckt(-5, 2), verdeckt(5, 6)
    (5, 0, 20)
    """
    betrag, spiel = abs(Fraction(unterschied)), Fraction(STUFE * zellen, 2)
    return STUFE * -(-(betrag + spiel) // STUFE) if betrag < spiel else 0


def konferenz(bestand: Bestand, quartal: str | Quartal, *, bisher: Mapping[str, Sequence[str]] | None = None,
              geschuetzt: bool = True) -> Konferenz:
    """The common picture of a quarter. `bisher`: the panels of the pages published before (None: none is known, and what the last
    quarter's page would have been stands in for it). Raises TraegerFehler where the protection does not hold."""
    q = quartal if isinstance(quartal, Quartal) else Quartal.aus(quartal)
    alle, schutz = {i: Analyse(bestand.nur(i), i, q, 5) for i in bestand.traeger_ids}, _Schutz(geschuetzt)
    namen = sorted(set(bestand["angebote"]["leistungstyp"]))
    bilder = {t: _Typbild(t, alle, q, None if bisher is None else bisher.get(t), bisher is None, schutz) for t in namen}
    typen = [x for b in bilder.values() if (x := b.typ())]
    if geschuetzt:
        pruefe(schutz.gezeigt, schutz.zerlegt)
    da = [t.leistungstyp for t in typen]
    gemeinsam = [r for r in zeilen(bestand["brueche"]) if pd.isna(r.traeger_id) and r.bis.date() < q.zeitraum.von]
    brueche = tuple(Bruch(r.von.date(), r.bis.date(), r.grund, None if pd.isna(r.leistungstyp) else r.leistungstyp) for r in gemeinsam
                    if pd.isna(r.leistungstyp) or r.leistungstyp in da)
    return Konferenz(
        q, bestand.datenstand, bestand.leistungstraeger, bestand.hinweis, bestand.erfunden, geschuetzt, len(alle),
        sum(a.version is not None for a in alle.values()), _mit_prognose(typen, q, geschuetzt, brueche), brueche,
        tuple(t for t in namen if t not in da),
        tuple(t for t in da if any(x[-1] for i, x in bilder[t].reihen.items() if i not in bilder[t].gruppe)),
        _ziele(bestand, geschuetzt), {t: sorted(bilder[t].gruppe) for t in da})


class _Schutz:
    """Turns sums into what may be shown, and keeps what was shown for the check."""

    def __init__(self, an: bool) -> None:
        self.an = an
        self.gezeigt: list[tuple[int, Beitraege]] = []
        self.zerlegt: list[tuple[Beitraege, Sequence[Beitraege]]] = []  # a whole and the parts shown of it

    def zelle(self, jetzt: Beitraege, *auch: Beitraege) -> Zahl:
        """The sum of `jetzt`, rounded; None where it, or one of `auch` (the same sum in the quarter before), is not safe."""
        if None in jetzt.values() or (self.an and not all(sicher(b) for b in (jetzt, *auch))):
            return None
        summe = sum((x for x in jetzt.values() if x), NULL)
        if not self.an:
            return summe
        self.gezeigt.append((runde(summe), jetzt))
        return runde(summe)

    def zerlege(self, ganzes: Beitraege, teile: Sequence[tuple[Beitraege, Beitraege]]) -> list[Zahl]:
        """All parts of a whole, or none: each given now and in the quarter before."""
        if self.an and not all(sicher(b) for teil in teile for b in teil):
            return [None] * len(teile)
        self.zerlegt.append((ganzes, [jetzt for jetzt, _ in teile]))
        return [self.zelle(*teil) for teil in teile]


class _Typbild:
    """One service type: its providers, its panel, its sums."""

    def __init__(self, name: str, alle: Mapping[str, Analyse], q: Quartal, bisher: Sequence[str] | None, ersatz: bool,
                 schutz: _Schutz) -> None:
        self.name, self.q, self.schutz = name, q, schutz
        self.angebote = {i: x for i, a in alle.items() if (x := [b for b in a.angebote if b.leistungstyp == name])}
        self.alle = {i: alle[i] for i in self.angebote}
        self._dabei = {i: np.isin(a.vol.spalte("angebot_id"), [x.angebot_id for x in self.angebote[i]]) for i, a in self.alle.items()}
        erste = min((a.datenbeginn for a in self.alle.values()), default=q.zeitraum.bis).replace(day=1)
        self.quartale = [v for n in range(VERLAUF, -1, -1) if (v := q.vor(n)).zeitraum.von >= erste] or [q]
        self.zuvor = self.quartale[-2:][0]
        self.reihen = {i: [self.plaetze(i, v) for v in self.quartale] for i in self.alle}
        if ersatz and len(self.quartale) > 1:
            frueher = panel({i: x[:-1] for i, x in self.reihen.items()}, None)
            bisher = sorted(frueher) if sicher({i: self.reihen[i][-2] for i in frueher}) else None
        self.gruppe = panel(self.reihen, bisher) if schutz.an else {i for i, x in self.reihen.items() if x[-1]}

    def plaetze(self, i: str, v: Quartal, **bedingung: object) -> Fraction:
        """Average occupied places of a provider in this type, own paying bodies unless said."""
        vol, z = self.alle[i].vol, self.zeit(i, v)
        return Fraction(int(vol.bezahlt(z)[self._dabei[i] & vol.wo(**{"eigen": True, **bedingung})].sum()), z.tage)

    def zeit(self, i: str, v: Quartal) -> Zeitraum:
        """A quarter up to the Datenstand: what is not yet reported is no free place."""
        z = v.zeitraum
        return Zeitraum(z.von, max(z.von, min(z.bis, self.alle[i].bestand.datenstand)))

    def beide(self, *bedingungen: Mapping[str, object]) -> tuple[Beitraege, Beitraege]:
        """The panel's places under any of the conditions, now and in the quarter before."""
        jetzt, vor = ({i: sum((self.plaetze(i, v, **b) for b in bedingungen), NULL) for i in self.gruppe} for v in (self.q, self.zuvor))
        return jetzt, vor

    def typ(self) -> Typ | None:
        """What may be shown; None where the type is withheld as a whole."""
        ganzes = self.beide({})[0]
        plaetze = self.schutz.zelle(ganzes) if ganzes and all(ganzes.values()) else None
        if plaetze is None:
            return None
        s, ohne_s = self.schutz.zerlege(ganzes, [self.beide({"s": True}), self.beide({"s": False})])
        fest = {i: None if any(a.plaetze is None for a in self.angebote[i]) else Fraction(sum(a.plaetze or 0 for a in self.angebote[i]))
                for i in self.gruppe}
        aussen, platzzahl = self.schutz.zelle(*self.beide({"eigen": False})), self.schutz.zelle(fest)
        return Typ(self.name, plaetze, self.hbg(ganzes), s, ohne_s, aussen, platzzahl,
                   self.personal(lambda p: p.vk_anteilig.tage), self.personal(lambda p: p.vk_soll), self.verlauf())

    def personal(self, feld: Callable[[Personal], Fraction | None]) -> Zahl:
        """A staffing figure; not known where it is not known for each offer."""
        def je(v: Quartal) -> Beitraege:
            teile = {i: self.alle[i].personal(self.zeit(i, v)).je_angebot for i in self.gruppe}
            werte = {i: [feld(je[a.angebot_id]) for a in self.angebote[i]] for i, je in teile.items()}
            return {i: None if None in w else sum((x for x in w if x), NULL) for i, w in werte.items()}
        return self.schutz.zelle(je(self.q), je(self.zuvor))

    def hbg(self, ganzes: Beitraege) -> dict[str, Zahl]:
        """Places by need group on the finest of the nested levels (1, 2, 4, 8 neighbouring groups together) that is safe as a whole."""
        namen = sorted({str(h) for i in self.gruppe for h in self.alle[i].vol.spalte("hbg")[self._dabei[i]]}, key=gruppenrang)
        for stufe in range(4 if self.schutz.an else 1):
            bloecke: dict[tuple[int, int, str], list[str]] = {}
            for h in namen:
                art, nummer, text = gruppenrang(h)
                bloecke.setdefault((art, (nummer - 1) >> stufe, text if art > 1 else ""), []).append(h)
            teile = {f"{b[0]}–{b[-1]}" if len(b) > 1 else b[0]: self.beide(*({"hbg": h} for h in b)) for b in bloecke.values()}
            teile = {k: t for k, t in teile.items() if any(x for b in t for x in b.values())}
            werte = self.schutz.zerlege(ganzes, list(teile.values())) if len(teile) > 1 else [None]
            if None not in werte:
                return dict(zip(teile, werte, strict=True))
        return {}

    def verlauf(self) -> dict[str, Zahl]:
        """Places of the panel by quarter, back to the first that cannot be shown."""
        verlauf: dict[str, Zahl] = {}
        for n, v in reversed(list(enumerate(self.quartale))):
            teile = {i: self.reihen[i][n] for i in self.gruppe}
            wert = self.schutz.zelle(teile) if all(teile.values()) or not self.schutz.an else None
            if wert is None:
                break
            verlauf[str(v)] = wert
        return dict(reversed(verlauf.items()))


def panel(reihen: Mapping[str, Sequence[Fraction]], bisher: Sequence[str] | None) -> set[str]:
    """The providers of a type's sums, from their places by quarter. Before any page: who was there in each of the last 12 quarters.
    Then the panel of the last page, which newcomers join only together, as a group that is safe by itself in every quarter shown;
    nobody where one of the panel is gone."""
    if bisher is None:
        return {i for i, x in reihen.items() if all(x[-STABIL:])}
    if not set(bisher) <= set(reihen):
        return set()
    neu = {i: x for i, x in reihen.items() if i not in bisher and x[-1]}
    zusammen = all(sicher(dict(zip(neu, werte, strict=True))) for werte in zip(*neu.values(), strict=True))
    return {*bisher, *(neu if zusammen else ())}


def pruefe(gezeigt: Iterable[tuple[int, Beitraege]], zerlegt: Iterable[tuple[Beitraege, Sequence[Beitraege]]]) -> None:
    """Go over everything shown once more, by code of its own: TraegerFehler, and so no page, where any cell breaks a rule."""
    for wert, beitraege in gezeigt:
        teile = [x or NULL for x in beitraege.values()]
        summe = sum(teile, NULL)
        gut = wert % STUFE == 0 and abs(2 * (summe - wert)) <= STUFE <= summe and sum(x > 0 for x in teile) >= MIN_TRAEGER
        for n, x in enumerate(teile):  # what everybody else could work out about x
            andere = teile[:n] + teile[n + 1:]
            gut &= x * 100 <= 85 * summe and (sum(andere, NULL) - max(andere, default=NULL)) * 10 >= x and sum(andere, NULL) >= STUFE
        if not gut:
            raise TraegerFehler(SCHUTZ_VERSAGT)
    for ganzes, stuecke in zerlegt:
        if any(sum((t[i] or NULL for t in stuecke), NULL) != x for i, x in ganzes.items()):
            raise TraegerFehler(SCHUTZ_VERSAGT)


def _mit_prognose(typen: Sequence[Typ], q: Quartal, geschuetzt: bool, brueche: Iterable[Bruch]) -> tuple[Typ, ...]:
    """Outlook to the end of this and of next year from the shown quarters after the last break, growth shared by all types."""
    ab = max((b.bis for b in brueche), default=date.min)
    reihen = {t.leistungstyp: [float(x or 0) for v, x in t.verlauf.items() if Quartal.aus(v).zeitraum.von > ab] for t in typen}
    lang = [k for k, y in reihen.items() if len(y) >= MIN_VERLAUF]
    if not lang:
        return tuple(typen)
    n, h = min(len(reihen[k]) for k in lang), 8 - q.nummer
    y = [reihen[k][-n:] for k in lang]
    f = forecast(y, h, 4, groups=["alle"] * len(lang))
    ziele = [z for z in (Quartal(q.jahr, 4), Quartal(q.jahr + 1, 4)) if z > q]
    form = (lambda x: runde(Fraction(x))) if geschuetzt else Fraction
    je = {name: tuple(Prognose(str(z), *(form(float(w[k, h - 1 - 4 * (q.jahr + 1 - z.jahr)])) for w in (f.mean, f.lo80, f.hi80)))
                      for z in ziele) for k, name in enumerate(lang)}
    return tuple(replace(t, prognose=je.get(t.leistungstyp, ())) for t in typen)


def _ziele(bestand: Bestand, geschuetzt: bool) -> tuple[Ziel, ...]:
    """Goals in the same words at three providers or more (all of them for the funder), in alphabetical order."""
    je: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for r in zeilen(bestand["massnahmen"]):
        je.setdefault((r.perspektive, r.ziel), set()).add((r.traeger_id, r.massnahme_id))  # a measure has a row for every state
    zahlen = {k: (len({i for i, _ in wer}), len(wer)) for k, wer in sorted(je.items())}
    return tuple(Ziel(*k, *((None, None) if geschuetzt else n)) for k, n in zahlen.items() if not geschuetzt or n[0] >= MIN_TRAEGER)
