"""Where the case numbers go: look-back, forecast and change per year of average occupied places (rule 3.7).

`trend` forecasts numbers; this module chooses which numbers, makes parts and total agree, holds fixed places as an upper limit,
sets breaks and a back-test beside the forecast, and says how sure it all is. Nothing is corrected silently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from math import erfc, sqrt
from typing import Any

import numpy as np

from traeger_lib.analysis.money import runde_cent
from traeger_lib.analysis.periods import Zeitraum, jahr_zeitraum, monatsende, monatsname
from traeger_lib.analysis.trend import forecast

MIN_PUNKTE = 4  # fewer months carry no forecast at all
TENDENZ_UNTER = 24  # months; below, the report calls the statement a tendency
RUECKBLICK_MIN, RUECKBLICK_MAX = 3, 10  # years
Z80 = 1.2815515655446004  # normal 90 % quantile
SPRUNG = 6.0  # a step of the level is asked about when it is this many usual month-to-month changes high
FELDER = ("mean", "lo80", "hi80", "lo95", "hi95")
Schluessel = tuple[str, str]  # (offer, need group); ("", "") is the total, (offer, "") the offer


@dataclass(frozen=True, slots=True)
class Prognosepunkt:
    """Forecast of one month (or year): average occupied places, with 80 % and 95 % intervals."""

    periode: str
    mittel: float
    unten80: float
    oben80: float
    unten95: float
    oben95: float


@dataclass(frozen=True, slots=True)
class Bruch:
    """A flagged span; `veraenderung_pro_jahr_ohne` is the change per year fitted without it."""

    von: date
    bis: date
    art: str
    grund: str
    veraenderung_pro_jahr_ohne: float | None


@dataclass(frozen=True, slots=True)
class Sprung:
    """A step of the level that nobody flagged: a question, not a correction."""

    monat: str
    vorher: float
    nachher: float


@dataclass(frozen=True, slots=True)
class Ruecktest:
    """How twelve months would have been forecast at an earlier time: mean absolute error in places of this forecast, of „same as
    last year“ and of a straight line; `getroffen80` is the share of months inside the 80 % interval."""

    bis: str
    fehler_prognose: float
    fehler_vorjahr: float
    fehler_gerade: float
    getroffen80: float


@dataclass(frozen=True, slots=True)
class Ausblick:
    """Outlook of one series. veraenderung_pro_jahr: slope of a straight line through the look-back, places per year, with an
    80 % interval that allows for persistence from month to month; it describes the past, `prognose` the future.
    `jahresmittel` joins months already seen with forecast ones; its interval is the mean of the monthly ones (cautious).
    `jahresmittel_ohne_bruch`: the same without the flagged spans. `obergrenze`: fixed places that cap the forecast."""

    haeufigkeit: str
    rueckblick_jahre: int
    punkte: int
    tendenz: bool
    prognose: tuple[Prognosepunkt, ...]
    jahresmittel: tuple[Prognosepunkt, ...]
    jahresmittel_ohne_bruch: tuple[Prognosepunkt, ...]
    veraenderung_pro_jahr: float
    veraenderung_unten80: float
    veraenderung_oben80: float
    obergrenze: float | None
    bruch: tuple[Bruch, ...]
    sprung: Sprung | None
    ruecktest: tuple[Ruecktest, ...]


def monate_mit_daten(beginn: date, bis: date) -> list[Zeitraum]:
    """Complete calendar months from `beginn` to `bis`."""
    return [m for m in Zeitraum(beginn, bis).monate() if m.von.day == 1 and m.bis == monatsende(m.von)]


@dataclass(frozen=True, slots=True)
class Prognose:
    """Forecast months of one series, and the means of calendar years that join them to months already seen."""

    punkte: tuple[Prognosepunkt, ...]
    jahresmittel: tuple[Prognosepunkt, ...]


def prognosen(reihen: Mapping[Schluessel, Sequence[float]], monate: Sequence[Zeitraum], *, grenzen: Mapping[str, float],
              rueckblick_jahre: int, bis_jahr: int) -> dict[Schluessel, Prognose]:
    """Forecast of the monthly series of one provider: total, offers, need groups of offers; parts and total agree.

    Every series ends with the last of `monate` and may begin later. Forecasts run to December of `bis_jahr`. `grenzen` are fixed
    places per offer. A series below MIN_PUNKTE months is left out.
    """
    lang = {k: np.array(list(y)[-12 * rueckblick_jahre:], float) for k, y in reihen.items()}
    return _benannt(_verlaeufe(lang, monate, bis_jahr), lang, monate, _obergrenzen(lang, grenzen))


def ausblick(reihen: Mapping[Schluessel, Sequence[float]], monate: Sequence[Zeitraum], *, grenzen: Mapping[str, float],
             brueche: Mapping[Schluessel, Sequence[Any]], rueckblick_jahre: int, bis_jahr: int) -> dict[Schluessel, Ausblick | None]:
    """The forecast (see `prognosen`) with what is known about the past of each series: change per year, breaks, back-test.

    `brueche` are the rows of that table that concern a series. A series below MIN_PUNKTE months gets None.
    """
    lang = {k: np.array(list(y)[-12 * rueckblick_jahre:], float) for k, y in reihen.items()}
    obergrenze = _obergrenzen(lang, grenzen)
    verlaeufe = _verlaeufe(lang, monate, bis_jahr)
    f = _benannt(verlaeufe, lang, monate, obergrenze)
    ohne = {k: z for k in f if (z := _ohne_bruch(lang[k], monate[-len(lang[k]):], brueche.get(k, ()))) is not None}
    anders = _stimmig(verlaeufe | _verlaeufe(ohne, monate, bis_jahr), obergrenze) if ohne else {}
    ergebnis: dict[Schluessel, Ausblick | None] = dict.fromkeys(lang)
    for k in f:
        y, m, b = lang[k], monate[-len(lang[k]):], brueche.get(k, ())
        steigung, s80 = steigung_pro_jahr(y)
        ergebnis[k] = Ausblick(
            "monat", rueckblick_jahre, len(y), len(y) < TENDENZ_UNTER, f[k].punkte, f[k].jahresmittel,
            _jahresmittel(y, anders[k], monate[-1].bis) if k in ohne else (), steigung, steigung - s80, steigung + s80,
            obergrenze.get(k), _brueche(b, y, m), _sprung(y, m, b), _ruecktest(y, m) if not k[0] else ())
    return ergebnis


def _verlaeufe(reihen: Mapping[Schluessel, np.ndarray], monate: Sequence[Zeitraum], bis_jahr: int) -> dict[Schluessel, np.ndarray]:
    """Forecast of every series that is long enough, (len(FELDER), h) to December of `bis_jahr`; series of equal length in one call,
    and no series' forecast depends on the others."""
    h = (bis_jahr - monate[-1].bis.year) * 12 + 12 - monate[-1].bis.month if monate else 0
    f: dict[Schluessel, np.ndarray] = {}
    for n in sorted({len(y) for y in reihen.values() if len(y) >= MIN_PUNKTE and h > 0}):
        namen = [k for k, y in reihen.items() if len(y) == n]
        je = forecast(np.stack([reihen[k] for k in namen]), h, 12)
        f |= dict(zip(namen, np.stack([getattr(je, x) for x in FELDER], axis=1), strict=True))
    return {k: f[k] for k in reihen if k in f}


def _benannt(verlaeufe: Mapping[Schluessel, np.ndarray], gesehen: Mapping[Schluessel, np.ndarray], monate: Sequence[Zeitraum],
             obergrenze: Mapping[Schluessel, float]) -> dict[Schluessel, Prognose]:
    """Forecasts in which parts and total agree, with their months, and the years in which months already seen come first."""
    f = _stimmig(verlaeufe, obergrenze)
    if not f:
        return {}
    letzter, h = monate[-1].bis, next(iter(f.values())).shape[1]
    perioden = [f"{letzter.year + i // 12:04d}-{i % 12 + 1:02d}" for i in range(letzter.month, letzter.month + h)]
    return {k: Prognose(_punkte(perioden, werte), _jahresmittel(gesehen[k], werte, letzter)) for k, werte in f.items()}


def _obergrenzen(reihen: Mapping[Schluessel, np.ndarray], grenzen: Mapping[str, float]) -> dict[Schluessel, float]:
    """Fixed places as upper limits (or what was lately occupied, where that is more); of the total only if every offer has one."""
    angebote = [k for k in reihen if k[0] and not k[1]]
    ergebnis = {k: max(grenzen[k[0]], float(reihen[k][-3:].max(initial=0))) for k in angebote if k[0] in grenzen}
    if angebote and len(ergebnis) == len(angebote):
        ergebnis["", ""] = sum(ergebnis.values())
    return ergebnis


def _stimmig(f: Mapping[Schluessel, np.ndarray], obergrenze: Mapping[Schluessel, float]) -> dict[Schluessel, np.ndarray]:
    """Cap the offers, then scale need groups to their offer and the total to the sum of the offers, so that parts add up; arrays
    (len(FELDER), h)."""
    g = {k: _begrenzt(v, obergrenze.get(k)) for k, v in f.items()}
    angebote = [k for k in g if k[0] and not k[1]]
    for a in angebote:
        gruppen = [k for k in g if k[0] == a[0] and k[1]]
        summe = sum((g[k][0] for k in gruppen), np.zeros_like(g[a][0]))
        for k in gruppen:
            g[k] = g[k] * np.divide(g[a][0], summe, out=np.ones_like(summe), where=summe > 0)
    if ("", "") in g and angebote:
        eigene, summe = g["", ""], np.sum([g[k][0] for k in angebote], axis=0)
        faktor = np.divide(summe, eigene[0], out=np.ones_like(summe), where=eigene[0] > 0)
        g["", ""] = _begrenzt(eigene * faktor, obergrenze.get(("", "")))
    return g


def _begrenzt(f: np.ndarray, grenze: float | None) -> np.ndarray:
    return f if grenze is None else np.minimum(f, grenze)


def steigung_pro_jahr(monatswerte: np.ndarray, gilt: np.ndarray | None = None) -> tuple[float, float]:
    """Least-squares slope in units per year, and the half-width of its 80 % interval.

    The interval uses the effective number of points n(1 − r)/(1 + r) with r the lag-1 correlation of the residuals.

    >>> steigung_pro_jahr(np.arange(12.0))
    (12.0, 0.0)
    """
    t = np.arange(len(monatswerte)) / 12
    if gilt is not None:
        t, monatswerte = t[gilt], monatswerte[gilt]
    n = len(t)
    if n < 3:
        return float("nan"), float("nan")
    tz = t - t.mean()
    steigung = float(tz @ monatswerte / (tz @ tz))
    rest = monatswerte - monatswerte.mean() - steigung * tz
    sse = float(rest @ rest)
    if sse < 1e-12 * max(1.0, float(monatswerte @ monatswerte)):
        return round(steigung, 9), 0.0
    r = float(np.clip(rest[1:] @ rest[:-1] / sse, 0, 0.95))
    wirksam = max(n * (1 - r) / (1 + r), 3.0)
    return steigung, Z80 * float(np.sqrt(sse / (wirksam - 2) / (tz @ tz)))


def ueber(mittel: float, oben80: float, grenze: float) -> float:
    """Chance that a quantity with this mean and upper 80 % limit ends above a limit (normal).

    >>> ueber(100.0, 110.0, 100.0)
    0.5
    """
    streuung = (oben80 - mittel) / Z80
    return float(mittel > grenze) if streuung <= 0 else 0.5 * erfc((grenze - mittel) / streuung / sqrt(2))


def _punkte(perioden: Sequence[str], werte: np.ndarray) -> tuple[Prognosepunkt, ...]:
    return tuple(Prognosepunkt(p, *w) for p, w in zip(perioden, werte.T.tolist(), strict=True))


def _jahresmittel(gesehen: np.ndarray, werte: np.ndarray, letzter: date) -> tuple[Prognosepunkt, ...]:
    """Mean of each calendar year that has a forecast month, weighted by the days of its months; full years only."""
    alle = np.concatenate([np.repeat(gesehen[:, None], len(FELDER), axis=1), werte.T])  # (months, fields)
    erster = letzter.year * 12 + letzter.month - len(gesehen)  # months since year 0 of the first row
    jahre = [j for j in range((erster + len(gesehen)) // 12, (erster + len(alle)) // 12) if j * 12 >= erster]
    mittel = [(_monatslaengen(j) * alle[j * 12 - erster: j * 12 - erster + 12]).sum(axis=0) / jahr_zeitraum(j).tage for j in jahre]
    return _punkte([str(j) for j in jahre], np.array(mittel).reshape(-1, len(FELDER)).T)


@lru_cache(maxsize=64)
def _monatslaengen(jahr: int) -> np.ndarray:
    return np.array([[m.tage] for m in jahr_zeitraum(jahr).monate()])


def _betroffen(monate: Sequence[Zeitraum], von: date, bis: date) -> np.ndarray:
    """Which of consecutive months are touched by a span, (n_months,)."""
    a, e = ((d.year - monate[0].von.year) * 12 + d.month - monate[0].von.month for d in (von, bis))
    return (np.arange(len(monate)) >= a) & (np.arange(len(monate)) <= e)


def _brueche(tabelle: Sequence[Any], werte: np.ndarray, monate: Sequence[Zeitraum]) -> tuple[Bruch, ...]:
    ergebnis = []
    for r in tabelle:
        gilt = ~_betroffen(monate, r.von.date(), r.bis.date())
        if not gilt.all():
            ohne = steigung_pro_jahr(werte, gilt)[0]
            ergebnis.append(Bruch(r.von.date(), r.bis.date(), r.art, r.grund, None if np.isnan(ohne) else ohne))
    return tuple(ergebnis)


def _ohne_bruch(werte: np.ndarray, monate: Sequence[Zeitraum], tabelle: Sequence[Any]) -> np.ndarray | None:
    """The series without its flagged spans: after a `bruch` only what follows counts; an `untererfassung` is bridged in a straight
    line from the three months before to the three after. None where nothing is flagged or too little is left."""
    neu, ab, betroffen = werte.copy(), 0, False
    for r in tabelle:
        wo = np.flatnonzero(_betroffen(monate, r.von.date(), r.bis.date()))
        if not len(wo):
            continue
        betroffen, a, e = True, int(wo[0]), int(wo[-1]) + 1
        if r.art == "bruch" or a == 0:
            ab = max(ab, e)
        elif e < len(werte):
            neu[a:e] = np.interp(np.arange(a, e), [a - 1, e], [werte[max(a - 3, 0): a].mean(), werte[e: e + 3].mean()])
    return neu[ab:] if betroffen and len(neu) - ab >= MIN_PUNKTE else None


def _sprung(werte: np.ndarray, monate: Sequence[Zeitraum], tabelle: Sequence[Any]) -> Sprung | None:
    """The largest unflagged step: a month-to-month change beyond SPRUNG usual ones that the three months after keep."""
    if len(werte) < 13:
        return None
    d, mindestens = np.diff(werte), 0.15 * sqrt(float(werte.mean()))  # a few persons are no step
    if float(np.abs(d).max()) <= SPRUNG * mindestens:
        return None
    ueblich = max(1.4826 * float(np.median(np.abs(d - np.median(d)))), mindestens)
    for i in np.argsort(-np.abs(d)):
        vorher, nachher = werte[max(i - 2, 0): i + 1].mean(), werte[i + 1: i + 4].mean()
        if abs(d[i]) <= SPRUNG * ueblich:
            return None
        markiert = any(_betroffen(monate[i: i + 2], r.von.date() - timedelta(days=31), r.bis.date() + timedelta(days=31)).any()
                       for r in tabelle)
        if not markiert and abs(nachher - vorher) > 0.7 * abs(d[i]) and 2 <= i < len(d) - 2:
            return Sprung(monatsname(monate[i + 1].von), float(vorher), float(nachher))
    return None


def _ruecktest(werte: np.ndarray, monate: Sequence[Zeitraum], jahre: int = 4) -> tuple[Ruecktest, ...]:
    """Forecasts of the last years as they would have been made, each with at least two years before it."""
    ergebnis = []
    for k in range(jahre, 0, -1):
        n = len(werte) - 12 * k
        if n < 24:
            continue
        davor, wahr = werte[:n], werte[n: n + 12]
        f = forecast(davor[None], 12, 12)
        steigung = steigung_pro_jahr(davor)[0] / 12
        gerade = davor.mean() + steigung * (np.arange(n, n + 12) - (n - 1) / 2)
        unsere, vorjahr, linie = (float(np.abs(x - wahr).mean()) for x in (f.mean[0], davor[-12:], gerade))
        drin = float(((wahr >= f.lo80[0]) & (wahr <= f.hi80[0])).mean())
        ergebnis.append(Ruecktest(monatsname(monate[n + 11].von), unsere, vorjahr, linie, drin))
    return tuple(ergebnis)


@dataclass(frozen=True, slots=True)
class Hochrechnung:
    """Year-end projection for the offers in the budget, cases that are billed: places in the year's mean with 80 % interval, the
    chance of ending above the plan, and Euro: delivered in complete months + forecast places × days × today's mix at the agreed
    rates (where none is agreed yet, the last one)."""

    jahr: int
    plaetze: Prognosepunkt
    plaetze_plan: float
    anteil_ueber_plan: float
    soll_eur: Decimal
    ist_eur: Decimal
    erwartet_eur: Decimal
    unten80_eur: Decimal
    oben80_eur: Decimal


def hochrechnung(jahr: int, je_angebot: Mapping[str, Sequence[Prognosepunkt]], ist_eur: Decimal, saetze: Mapping[str, Mapping[str, float]],
                 *, soll_eur: Decimal, plaetze: Prognosepunkt, plaetze_plan: float) -> Hochrechnung:
    """Project a year. `saetze`: offer → month → mean rate in € a day of today's mix; `plaetze`: the year mean of all offers."""
    tage = {monatsname(m.von): m.tage for m in jahr_zeitraum(jahr).monate()}
    rest = sum(p.mittel * tage[p.periode] * saetze[a][p.periode] for a, x in je_angebot.items() for p in x if p.periode in tage)
    platztage = sum(p.mittel * tage[p.periode] for x in je_angebot.values() for p in x if p.periode in tage)
    je_platz = rest / platztage if platztage else 0.0
    gesamt = jahr_zeitraum(jahr).tage * je_platz  # Euro of one more place in the year's mean
    erwartet, unten, oben = (ist_eur + runde_cent(Decimal(repr(x))) for x in (
        rest, rest - gesamt * (plaetze.mittel - plaetze.unten80), rest + gesamt * (plaetze.oben80 - plaetze.mittel)))
    chance = ueber(plaetze.mittel, plaetze.oben80, plaetze_plan)
    return Hochrechnung(jahr, plaetze, plaetze_plan, chance, soll_eur, ist_eur, erwartet, unten, oben)
