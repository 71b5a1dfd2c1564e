"""Where the case numbers go: look-back, forecast and change per year of average occupied places (DOMAIN.md §3.7).

`trend` forecasts numbers; this module chooses which numbers, says how sure they are and sets breaks beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from traeger_lib.analysis.periods import Zeitraum, jahr_zeitraum, monatsende, monatsname
from traeger_lib.analysis.trend import Forecast, forecast
from traeger_lib.inputs.schema import zeilen

MIN_PUNKTE = 4  # fewer months carry no forecast at all
TENDENZ_UNTER = 24  # months; below, the report calls the statement a tendency
Z80 = 1.2815515655446004  # normal 90 % quantile


@dataclass(frozen=True, slots=True)
class Prognosepunkt:
    """Forecast of one month: average occupied places, with 80 % and 95 % intervals."""

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
class Ausblick:
    """Outlook of one series. veraenderung_pro_jahr: slope of a straight line through the look-back, places per year, with an
    80 % interval that allows for persistence from month to month; it describes the past, `prognose` the future.
    `jahresmittel` joins months already seen with forecast ones; its interval is the mean of the monthly ones (cautious)."""

    haeufigkeit: str
    rueckblick_jahre: int
    punkte: int
    tendenz: bool
    prognose: tuple[Prognosepunkt, ...]
    jahresmittel: tuple[Prognosepunkt, ...]
    veraenderung_pro_jahr: float
    veraenderung_unten80: float
    veraenderung_oben80: float
    bruch: tuple[Bruch, ...]


def monate_mit_daten(beginn: date, bis: date) -> list[Zeitraum]:
    """Complete calendar months from `beginn` to `bis`."""
    return [m for m in Zeitraum(beginn, bis).monate() if m.von.day == 1 and m.bis == monatsende(m.von)]


def ausblick(reihen: Mapping[str, Sequence[float]], monate: Sequence[Zeitraum], brueche: Mapping[str, pd.DataFrame], *,
             rueckblick_jahre: int, bis_jahr: int) -> dict[str, Ausblick | None]:
    """Outlook of several monthly series of one provider, one of them named `""` (the total).

    Every series ends with the last of `monate` and may begin later (leading months missing: shorter). Forecasts run to
    December of `bis_jahr`. Parts are scaled so that they add up to the total. A series below MIN_PUNKTE months gets None.
    """
    letzter = monate[-1].bis if monate else None
    h = 0 if letzter is None else (bis_jahr - letzter.year) * 12 + 12 - letzter.month
    laenge = {k: min(len(y), 12 * rueckblick_jahre) for k, y in reihen.items()}
    prognosen: dict[str, Forecast] = {}
    for n in sorted({n for n in laenge.values() if n >= MIN_PUNKTE and h > 0}):
        namen = [k for k in reihen if laenge[k] == n]
        f = forecast(np.array([list(reihen[k])[-n:] for k in namen], float), h, 12)
        for i, k in enumerate(namen):
            prognosen[k] = Forecast(*(getattr(f, x)[i] for x in ("mean", "lo80", "hi80", "lo95", "hi95")))
    if "" in prognosen and len(teile := [k for k in prognosen if k]) == len(reihen) - 1:
        summe = np.sum([prognosen[k].mean for k in teile], axis=0)
        faktor = np.divide(prognosen[""].mean, summe, out=np.ones_like(summe), where=summe > 0)
        for k in teile:
            prognosen[k] = replace(prognosen[k], **{x: getattr(prognosen[k], x) * faktor for x in ("mean", "lo80", "hi80", "lo95", "hi95")})
    ergebnis: dict[str, Ausblick | None] = {}
    for k, y in reihen.items():
        n = laenge[k]
        if k not in prognosen:
            ergebnis[k] = None
            continue
        werte = np.array(list(y)[-n:], float)
        punkte = _punkte(prognosen[k], letzter)
        steigung, s80 = steigung_pro_jahr(werte)
        ergebnis[k] = Ausblick(
            "monat", rueckblick_jahre, n, n < TENDENZ_UNTER, punkte, _jahresmittel(werte, monate[-n:], punkte),
            steigung, steigung - s80, steigung + s80, _brueche(brueche.get(k), werte, monate[-n:]))
    return ergebnis


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


def _punkte(f: Forecast, letzter: date | None) -> tuple[Prognosepunkt, ...]:
    punkte, tag = [], letzter or date.min
    for i in range(len(f.mean)):
        tag = monatsende(tag + timedelta(days=1))
        punkte.append(Prognosepunkt(monatsname(tag), *(float(getattr(f, x)[i]) for x in ("mean", "lo80", "hi80", "lo95", "hi95"))))
    return tuple(punkte)


def _jahresmittel(werte: np.ndarray, monate: Sequence[Zeitraum], punkte: Sequence[Prognosepunkt]) -> tuple[Prognosepunkt, ...]:
    """Mean of each calendar year that has a forecast month, weighted by the days of its months; full years only."""
    bekannt = {monatsname(m.von): float(w) for m, w in zip(monate, werte, strict=True)}
    ergebnis = []
    for jahr in sorted({int(p.periode[:4]) for p in punkte}):
        summen = np.zeros(5)
        for m in jahr_zeitraum(jahr).monate():
            p = next((p for p in punkte if p.periode == monatsname(m.von)), None)
            if p is None and monatsname(m.von) not in bekannt:
                break
            summen += m.tage * np.array([bekannt[monatsname(m.von)]] * 5 if p is None else
                                        [p.mittel, p.unten80, p.oben80, p.unten95, p.oben95])
        else:
            ergebnis.append(Prognosepunkt(str(jahr), *(float(x) for x in summen / jahr_zeitraum(jahr).tage)))
    return tuple(ergebnis)


def _brueche(tabelle: pd.DataFrame | None, werte: np.ndarray, monate: Sequence[Zeitraum]) -> tuple[Bruch, ...]:
    ergebnis = []
    for r in (() if tabelle is None else zeilen(tabelle)):
        von, bis = r.von.date(), r.bis.date()
        gilt = np.array([m.bis < von or m.von > bis for m in monate])
        if not gilt.all():
            ohne = steigung_pro_jahr(werte, gilt)[0]
            ergebnis.append(Bruch(von, bis, r.art, r.grund, None if np.isnan(ohne) else ohne))
    return tuple(ergebnis)
