"""Forecast many short, non-negative series at once: places, cases or days per month, quarter or year.

A careful average of 20 simple forecasts per series, in numpy only and without a loop over series. It knows no causes,
capacities or budgets, does not search for breaks, and sees no other series unless `groups` says which belong together.
Meant for counts and the like (persons, places, days): far below one unit everything drowns in the noise of counts.

Steps (the constants are learnt by benchmarks/learn_trend.py on public series, about 950 per frequency):

1. Divide by the usual growth of public caseloads, or with `groups` by the category's own history and forecast: what is
   shrunk below is then shrunk towards growing like the others, not towards a standstill.
2. Season: mean of two estimates, log ratio to the centred moving average and least squares with a trend that may bend
   every year, shrunk by its share of noise (James & Stein 1961). Level: on z = sqrt(y + 3/8) the noise of counts is
   even (Anscombe 1948), and intervals come out asymmetric and non-negative.
3. A fixed grid of damped-trend smoothers (Gardner & McKenzie 1985) runs over z; weights: prior x SSE^(-kappa n / 2).
   A jump moves the level, hardly the slope, and a slope learnt at a higher level is reduced with the level.
4. A little "same as last year" is mixed in. The interval takes the one-step variance, pulled towards what is usual at
   that level, its growth with the horizon, and the disagreement of the smoothers.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Forecast:
    """In the units of `y`, each (n_series, h): 0 <= lo95 <= lo80 <= mean <= hi80 <= hi95; 80 % and 95 % intervals."""

    mean: Array
    lo80: Array
    hi80: Array
    lo95: Array
    hi95: Array


class Constants(NamedTuple):
    """What was learnt for one frequency."""

    tilt: float  # prior log weight of a smoother per log(alpha): positive trusts the last points
    curve: float  # ... and per (1 + log(alpha))^2: negative prefers a middling alpha
    slope: float  # prior log weight of each of the 15 smoothers with a slope, against the 5 without, at z = 1
    calm: float  # ... less this times log(best one-step variance + 0.05): in a calm series a trend is more often real
    kappa: float  # say of the past fit: SSE^(-kappa n / 2); 1 would be the likelihood
    jump: float  # an error beyond this many usual standard deviations moves the slope no further
    naive: float  # share of "same as last year" in the level
    convex: float  # part of the one-step variance at the level reached that is added: the mean of a skewed quantity
    noise: float  # the one-step variance is multiplied by this: a fit looks better than the next point
    drift: float  # ... and what it grows by with the horizon, and the disagreement of the smoothers, by this
    tail: float  # half-width of the 95 % interval over that of the 80 % one; the normal value is 1.53


LEARNT = {
    1: Constants(2.84, 0.39, -5.15, 0.30, 0.30, np.inf, 0.00, 1.64, 1.45, 1.42, 1.91),
    4: Constants(0.97, -0.97, -5.10, 0.00, 0.54, 2.50, 0.08, 0.96, 0.98, 0.61, 1.74),
    12: Constants(-3.21, -1.38, -3.86, 0.00, 0.16, 1.08, 0.09, 0.72, 1.00, 0.49, 1.70),
}
GROWTH = 0.016  # usual growth per year of the series learnt from, one value for all frequencies
SEASON_NOISE = 1.3  # the noise share of the season is multiplied by this before shrinking; 1 is plain James-Stein
SEASON_POINTS = 3.0  # weight of the usual noise against the series' own in that share, in observations
START, RIDGE = 8, 0.3  # smoothers start on a line through at most 8 points, its slope shrunk by 0.3 (steps squared)
FLOOR = 0.01  # added to every SSE, in units of z^2: below that a better fit is rounding
USUAL = (0.4, 0.0015)  # usual one-step variance of z: first + second * level; the Poisson value is 0.25
USUAL_POINTS = 3.0  # weight of that against the series' own variance, in observations
CALM = 0.05  # added to the variance in `calm`, in units of z^2; counting noise alone is 0.25
SKEW = 4.0  # the variance in `convex` is at most this many times the usual one: a break is not noise
LARGE = 0.7  # added to `slope` per log(mean of z): the trend of a large series is less often counting noise
SHARED_TILT = -0.7  # with groups a series keeps only its level, and its last point says less: added to `tilt`
SHARED_FIT = 8.0  # ... and the past fit of the whole group, its mean log SSE, has this times the say that kappa = 1 has
SHARED_SERIES = 10.0  # ... in a large group; half as much in a group of so many series
SHARED_DRIFT = 1.5  # ... which leaves less disagreement than there is: `drift` is multiplied by this
PHI = 0.98  # what is left of a slope after one step
ALPHA = np.repeat([0.05, 0.12, 0.3, 0.6, 1.0], 4)[:, None]  # grid: weight of the newest error in the level
BETA = np.tile([0.0, 0.03, 0.1, 0.3], 5)[:, None]  # grid: ... times this in the slope
SLOPED = np.tile([0.0, 1.0, 1.0, 1.0], 5)[:, None]  # grid: every fourth smoother has no slope
SHIFT = 0.375  # Anscombe 1948
Z80 = 1.2816  # 90 % quantile of the normal distribution
CHUNK = 1024  # series per pass: bounded memory, fits the cache; does not change a bit of the result


def forecast(y: ArrayLike, h: int, season: int, groups: ArrayLike | None = None) -> Forecast:
    """Forecast every row of `y` for `h` steps.

    y: (n_series, n_obs >= 4), finite, >= 0, oldest first. season: steps per year, 1, 4 or 12; a pattern is used from
    two full years on. groups: one label per series; series with the same label then grow, and swing over the year,
    like their sum. Without it no series' result depends on the others. Anything else: ValueError, in German.

    >>> forecast([[20, 22, 21, 23, 24]], h=2, season=1).mean.round(1).tolist()
    [[24.4, 24.8]]
    """
    data, labels = _checked(y, h, season, groups)
    n_obs = data.shape[1]
    constants = LEARNT[season]
    past = (1 + GROWTH) ** (np.arange(1.0 - n_obs, 1.0)[:, None] / season)
    ahead = (1 + GROWTH) ** (np.arange(1.0, h + 1)[:, None] / season)
    doubt, shared = np.zeros((h, 1)), np.zeros((1, 1))
    if labels is not None:
        total = np.zeros((labels.max(initial=-1) + 1, n_obs))
        np.add.at(total, labels, data)
        mean, low, high, _, _ = (part.T for part in _by_chunk(total, h, season, constants, past, ahead, doubt, shared))
        level = total.mean(axis=1) + 0.5
        past, ahead = (total.T + 0.5) / level, (mean + 0.5) / level
        doubt = (np.sqrt(high + SHIFT) - np.sqrt(low + SHIFT)) / (2 * np.sqrt(mean + SHIFT))
        constants = constants._replace(tilt=constants.tilt + SHARED_TILT, slope=-np.inf, drift=SHARED_DRIFT * constants.drift)
        shared = _shared(data, season, constants, past, labels)
    return Forecast(*_by_chunk(data, h, season, constants, past, ahead, doubt, shared, labels))


def _checked(y: ArrayLike, h: int, season: int, groups: ArrayLike | None) -> tuple[Array, NDArray[np.intp] | None]:
    try:
        data = np.asarray(y, dtype=float)
    except (TypeError, ValueError):
        raise ValueError("y muss eine Tabelle aus Zahlen sein: eine Zeile je Reihe, alle gleich lang.") from None
    if data.ndim != 2:
        raise ValueError(f"y muss zwei Dimensionen haben (Reihen, Zeitpunkte), hat aber {data.ndim}.")
    if data.shape[1] < 4:
        raise ValueError(f"Für eine Prognose braucht es mindestens 4 Zeitpunkte, es sind {data.shape[1]}.")
    wrong = np.argwhere(~(np.isfinite(data) & (data >= 0)))
    if len(wrong):
        row, column = wrong[0]
        raise ValueError(
            f"y enthält {len(wrong)} fehlende, unendliche oder negative Werte, zuerst {data[row, column]} "
            f"in Reihe {row}, Zeitpunkt {column} (ab 0 gezählt). Bitte vorher ergänzen oder die Reihe kürzen."
        )
    if isinstance(season, bool) or not isinstance(season, (int, np.integer)) or season not in LEARNT:
        raise ValueError(f"season muss 1 (Jahr), 4 (Quartal) oder 12 (Monat) sein, nicht {season!r}.")
    if isinstance(h, bool) or not isinstance(h, (int, np.integer)) or h < 1:
        raise ValueError(f"h muss eine ganze Zahl ab 1 sein (Schritte in die Zukunft), nicht {h!r}.")
    if groups is None:
        return data, None
    labels = np.asarray(groups)
    if labels.shape != (len(data),):
        raise ValueError(f"groups braucht genau ein Merkmal je Reihe: {len(data)} Reihen, Form {labels.shape}.")
    if any(label is None or label == "" or label != label for label in labels.tolist()):
        raise ValueError("groups enthält leere Merkmale; jede Reihe braucht eines.")
    return data, np.unique(labels.astype(str), return_inverse=True)[1]


def _by_chunk(
    data: Array,
    h: int,
    season: int,
    c: Constants,
    past: Array,
    ahead: Array,
    doubt: Array,
    shared: Array,
    labels: NDArray[np.intp] | None = None,
) -> list[Array]:
    out = [np.empty((len(data), h)) for _ in range(5)]
    for i in range(0, len(data), CHUNK):
        at = slice(i, i + CHUNK)
        own = (x if labels is None else x[:, labels[at]] for x in (past, ahead, doubt, shared))
        for whole, part in zip(out, _chunk(data[at], h, season, c, *own), strict=True):
            whole[at] = part.T
    return out


def _shared(data: Array, m: int, c: Constants, past: Array, labels: NDArray[np.intp]) -> Array:
    """What the series of a group say together about each smoother: log weights (20, n_groups)."""
    fit, count = np.zeros((past.shape[1], len(ALPHA))), np.bincount(labels, minlength=past.shape[1])
    for i in range(0, len(data), CHUNK):
        at = slice(i, i + CHUNK)
        np.add.at(fit, labels[at], np.log(_fit(data[at], m, c, past[:, labels[at]])[2] + FLOOR).T)
    return np.asarray(-SHARED_FIT * data.shape[1] / 2 * fit / (count[:, None] + SHARED_SERIES)).T


def _fit(data: Array, m: int, c: Constants, past: Array) -> tuple[Array, ...]:
    """z and season of `data` / `past`; SSE, level, slope of the smoothers; mean and usual variance of z."""
    y = np.ascontiguousarray(data.T) / past
    factor = _season(y, m)
    z = np.sqrt(y / factor[np.arange(len(y)) % m] + SHIFT)
    typical = _mean(z)
    usual = USUAL[0] + USUAL[1] * typical**2
    sse, level, slope = _smooth(z, c.jump * np.sqrt(usual))
    return z, factor, sse, level, slope, typical, usual


def _chunk(data: Array, h: int, m: int, c: Constants, past: Array, ahead: Array, doubt: Array, shared: Array) -> tuple[Array, ...]:
    """The arrays of `Forecast`, transposed, for `data` (n_series, n_obs). Inside, the first axis is time or smoother.

    past, ahead: what `data` is divided and the forecast multiplied by, (n_obs | h, n_series or 1).
    doubt: relative half-width of the 80 % interval of sqrt(ahead).
    shared: log weights of the smoothers from the group, (20, n_series), or 0.
    """
    n_obs = data.shape[1]
    z, factor, sse, level, slope, typical, usual = _fit(data, m, c, past)
    prior = shared + c.tilt * np.log(ALPHA) + c.curve * (1 + np.log(ALPHA)) ** 2
    trust = c.slope + LARGE * np.log(typical) - c.calm * np.log(sse.min(axis=0) / n_obs + CALM)
    log_w = prior + np.where(SLOPED > 0, trust, 0.0) - c.kappa * n_obs / 2 * np.log(sse + FLOOR)
    w = np.exp(log_w - log_w.max(axis=0))
    w /= _dot(np.ones(len(w)), w)
    step = np.arange(1.0, h + 1)[:, None]
    reach = np.cumsum(PHI**step, axis=0)  # what a slope of 1 adds by each step
    mid = _dot(w, level)
    slope *= np.clip(mid / typical, 0.0, 1.0)
    tilt = _dot(w, slope)
    path = mid + tilt * reach
    if n_obs >= m > 1:
        path += c.naive * (z[n_obs - m + np.arange(h) % m] - path)
    path = np.maximum(path, np.sqrt(SHIFT))

    own = _dot(w, sse) / n_obs
    one_step = (n_obs * own + USUAL_POINTS * usual) / (n_obs + USUAL_POINTS)
    before = np.cumsum(reach, axis=0) - reach, np.cumsum(reach**2, axis=0) - reach**2  # sums over the earlier steps
    gain = ALPHA * BETA  # an error moves a later step by alpha + gain * reach
    drift = _dot(w, ALPHA**2) * (step - 1) + 2 * _dot(w, ALPHA * gain) * before[0] + _dot(w, gain**2) * before[1]
    d_level, d_slope = level - mid, slope - tilt
    apart = _dot(w, d_level**2) + 2 * reach * _dot(w, d_level * d_slope) + reach**2 * _dot(w, d_slope**2)
    variance = c.noise * one_step + c.drift * np.maximum(one_step * drift + apart, 0.0)
    half80 = np.hypot(Z80 * np.sqrt(variance), path * doubt)

    scale = factor[(n_obs + np.arange(h)) % m] * ahead
    low80, low95 = (scale * np.maximum(np.maximum(path - q, 0.0) ** 2 - SHIFT, 0.0) for q in (half80, c.tail * half80))
    high80, high95 = (scale * np.maximum((path + q) ** 2 - SHIFT, 0.0) for q in (half80, c.tail * half80))
    skew = c.convex * np.minimum(own, SKEW * usual) * np.minimum(path / typical, 1.0) ** 2
    mean = np.minimum(scale * np.maximum(path**2 + skew - SHIFT, 0.0), high80)
    return mean, low80, high80, low95, high95


def _season(y: Array, m: int) -> Array:
    """Seasonal factors (m, n_series) of `y` (n_obs, n_series), geometric mean 1; row 0 is the first observation's."""
    n_obs, half = len(y), m // 2
    if m == 1 or n_obs < 2 * m:
        return np.ones((m, y.shape[1]))
    log_y = np.log(y + 0.5)
    total = np.cumsum(np.concatenate([np.zeros_like(log_y[:1]), log_y]), axis=0)
    window = total[m:] - total[:-m]
    ratio = log_y[half : n_obs - half] - (window[1:] + window[:-1]) / (2 * m)
    time = np.arange(half, n_obs - half)
    index, rest, share = np.empty((m, y.shape[1])), np.zeros(y.shape[1]), 0.0
    for phase in range(m):
        same = ratio[time % m == phase]
        index[phase] = _mean(same)
        rest += len(same) * _mean((same - index[phase]) ** 2)
        share += 1 / len(same)
    index = (index - _mean(index)) / 2
    for phase, weights in enumerate(_least_squares(n_obs, m)):
        index[phase] += _dot(weights, log_y) / 2
    usual = 4 * (USUAL[0] / (_mean(y) + 0.5) + USUAL[1])  # variance of log y, by the delta method
    noise = (rest + SEASON_POINTS * usual) / (len(time) - m + SEASON_POINTS) * share * (1 - 1 / m)
    signal = _dot(np.ones(m), index**2)
    return np.exp(index * np.clip(1 - SEASON_NOISE * noise / np.maximum(signal, 1e-12), 0.0, 1.0))


@lru_cache(maxsize=64)
def _least_squares(n_obs: int, m: int) -> Array:
    """(m, n_obs): times log y gives the season, when fitted with a line that may bend at knots one year apart."""
    time = np.arange(n_obs)
    knots = np.linspace(0, n_obs - 1, round((n_obs - 1) / m) + 1)
    trend = np.maximum(1 - np.abs(time[:, None] - knots) / knots[1], 0)
    season = np.linalg.pinv(np.hstack([np.eye(m)[time % m] - 1 / m, trend]))[:m]
    return np.asarray(season - season.mean(axis=0))


def _smooth(z: Array, limit: Array) -> tuple[Array, Array, Array]:
    """Run the grid over `z` (n_obs, n_series): SSE of one-step forecasts, last level, last slope: (20, n_series).

    limit: the largest error or step that a slope follows, (n_series,).
    """
    first = z[:START]
    time = np.arange(1.0, len(first) + 1)
    centred = time - time.mean()
    steps = np.clip(np.diff(first, axis=0, prepend=first[:1]), -limit, limit)
    slope0 = _dot(centred / (centred @ centred + RIDGE), np.cumsum(steps, axis=0))
    level = np.repeat((_mean(first) - slope0 * time.mean())[None], len(ALPHA), axis=0)
    slope = slope0 * SLOPED
    sse, error, gain, damp = np.zeros_like(level), np.empty_like(level), ALPHA * BETA, PHI * SLOPED
    for now in z:
        slope *= damp
        level += slope
        np.subtract(now, level, out=error)
        level += ALPHA * error
        sse += error * error
        slope += gain * np.clip(error, -limit, limit, out=error)
    return sse, level, slope


def _dot(weights: Array, rows: Array) -> Array:
    """Sum of weights * rows over the first axis, row by row: the same bits for one series as for a thousand."""
    product = weights.reshape(len(weights), -1) * rows
    if product.shape[1] == 1:  # a single column would be summed in pairs
        return np.asarray(np.add.accumulate(product, axis=0)[-1])
    return np.asarray(np.add.reduce(product, axis=0))


def _mean(rows: Array) -> Array:
    return _dot(np.full(len(rows), 1 / len(rows)), rows)
