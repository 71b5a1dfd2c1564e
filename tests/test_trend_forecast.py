"""Properties of traeger_lib.analysis.trend.forecast that hold for every input, and a few hand-made cases.

Accuracy is measured elsewhere, on series that are not part of this project (benchmarks/learn_trend.py).
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from traeger_lib.analysis import trend
from traeger_lib.analysis.trend import Forecast, forecast

SEASONS = (1, 4, 12)
PARTS = ("mean", "lo80", "hi80", "lo95", "hi95")
calm = settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@st.composite
def histories(draw: st.DrawFn, *, low: float = 0.0, shortest: int = 4, n_series: int = 3) -> np.ndarray:
    """Counts of any level, some with a season, a trend, zeros or no variation at all; (n_series, n_obs)."""
    n_obs = draw(st.integers(shortest, 200))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    level = draw(st.floats(low, 1e5))
    time = np.arange(n_obs)
    shape = 1 + draw(st.floats(0, 0.9)) * np.sin(2 * np.pi * time / draw(st.sampled_from((4, 12))))
    path = np.maximum(level * shape * np.exp(draw(st.floats(-0.02, 0.02)) * time), low)
    y = rng.poisson(path, (n_series, n_obs)).astype(float)
    if draw(st.booleans()):
        y[0] = draw(st.sampled_from((0.0, 1.0, 24.0))) if low == 0 else level
    return y


def parts(f: Forecast) -> list[np.ndarray]:
    return [getattr(f, name) for name in PARTS]


@calm
@given(y=histories(), h=st.integers(1, 30), season=st.sampled_from(SEASONS), grouped=st.booleans())
def test_finite_non_negative_nested(y: np.ndarray, h: int, season: int, grouped: bool) -> None:
    f = forecast(y, h, season, groups=["a", "b", "a"] if grouped else None)
    assert all(p.shape == (3, h) and np.isfinite(p).all() for p in parts(f))
    assert (f.lo95 >= 0).all()
    for below, above in ((f.lo95, f.lo80), (f.lo80, f.mean), (f.mean, f.hi80), (f.hi80, f.hi95)):
        assert (below <= above).all()
    assert (f.hi95 > f.lo95).all()  # nobody knows the future exactly
    assert (f.mean <= 20 * (y.max(axis=1, keepdims=True) + 1)).all()


@pytest.mark.parametrize("season", SEASONS)
@pytest.mark.parametrize("level", [0.2, 3, 400])
def test_every_length_from_4_to_200(season: int, level: float) -> None:
    y = np.random.default_rng(season).poisson(level, (2, 200)).astype(float)
    for n_obs in range(4, 201):
        f = forecast(y[:, :n_obs], 3, season)
        assert all(np.isfinite(p).all() for p in parts(f)), n_obs
        assert (f.lo95 <= f.mean).all() and (f.mean <= f.hi95).all(), n_obs


@calm
@given(y=histories(n_series=7), season=st.sampled_from(SEASONS), chunk=st.integers(1, 5))
def test_a_series_does_not_depend_on_its_batch(y: np.ndarray, season: int, chunk: int) -> None:
    together = parts(forecast(y, 5, season))
    singles = [parts(forecast(row[None], 5, season)) for row in y]
    alone = [np.concatenate(p) for p in zip(*singles, strict=True)]
    order = np.random.default_rng(0).permutation(len(y))
    shuffled = parts(forecast(y[order], 5, season))
    whole, trend.CHUNK = trend.CHUNK, chunk
    try:
        chunked = parts(forecast(y, 5, season))
    finally:
        trend.CHUNK = whole
    for t, a, s, c in zip(together, alone, shuffled, chunked, strict=True):
        assert (t == a).all() and (t[order] == s).all() and (t == c).all()


@calm
@given(y=histories(), season=st.sampled_from(SEASONS))
def test_deterministic_and_input_untouched(y: np.ndarray, season: int) -> None:
    before = y.copy()
    first, second = forecast(y, 4, season), forecast(y.tolist(), 4, season)
    assert (y == before).all()
    assert all((a == b).all() for a, b in zip(parts(first), parts(second), strict=True))


@calm
@given(y=histories(low=2000.0), season=st.sampled_from(SEASONS), factor=st.sampled_from((0.5, 2.0, 10.0)))
def test_scale_of_large_series_carries_over(y: np.ndarray, season: int, factor: float) -> None:
    """Ten times the persons, about ten times the forecast; not exactly: in large numbers noise matters less."""
    y = y[1:]  # the first may be constant: there the little that is not proportional decides
    plain, scaled = forecast(y, 3, season), forecast(factor * y, 3, season)
    assert scaled.mean == pytest.approx(factor * plain.mean, rel=0.15)
    narrow, wide = sorted((plain, scaled), key=lambda f: f.mean.sum())
    relative = [(f.hi80 - f.lo80) / f.mean for f in (narrow, wide)]
    assert (relative[1] <= relative[0] * 1.2).all()  # relatively, the larger one is about as certain or more


@calm
@given(y=histories(shortest=5), season=st.sampled_from(SEASONS))
def test_a_later_step_is_not_more_certain(y: np.ndarray, season: int) -> None:
    """A year on, in the same season, the interval of sqrt(y) is not narrower (lower end aside: it may rest at zero)."""
    f = forecast(y, 2 * season, season)
    root = [np.sqrt(x + trend.SHIFT) for x in (f.hi95, f.mean)]
    width = root[0] - root[1]
    assert (width[:, season:] >= 0.9 * width[:, :season]).all()


@pytest.mark.parametrize("season", SEASONS)
def test_zeros_stay_zero_and_constants_stay(season: int) -> None:
    f = forecast([[0.0] * 24, [24.0] * 24, [1e9] * 24], 6, season)
    assert (f.mean[0] < 0.1).all() and (f.hi95[0] < 5).all()
    assert f.mean[1:] == pytest.approx(np.array([[24.0] * 6, [1e9] * 6]), rel=0.12)


def test_growth_and_decline_continue_but_slow_down() -> None:
    up = [100.0, 110, 120, 130, 140, 150, 160, 170]
    f = forecast([up, up[::-1]], 3, 1)
    assert (np.diff(f.mean[0]) > 0).all() and 170 < f.mean[0, -1] < 205
    assert 60 < f.mean[1, -1] < 100


@pytest.mark.parametrize(("season", "n_obs"), [(1, 10), (4, 20), (12, 60)])
def test_what_has_ended_stays_ended_and_what_has_shrunk_does_not_vanish(season: int, n_obs: int) -> None:
    """A service that was closed half the time ago, and one that was cut to a tenth."""
    half = n_obs // 2
    f = forecast([[250.0] * half + [0.0] * half, [2500.0] * half + [250.0] * half], n_obs // 3, season)
    assert (f.mean[0] < 0.5).all()
    assert (f.mean[1] > 150).all() and (f.mean[1] < 300).all()


def test_a_clear_season_is_found_and_repeated() -> None:
    year = np.array([80, 90, 100, 130.0])
    f = forecast([np.tile(year, 5)], 4, 4)
    assert f.mean[0] / f.mean[0].mean() == pytest.approx(year / year.mean(), rel=0.03)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[1, 2, np.nan, 4]], "fehlende"),
        ([[1, 2, np.inf, 4]], "unendliche"),
        ([[1, 2, 3, 4], [1, 2, -3, 4]], "Reihe 1, Zeitpunkt 2"),
        ([1.0, 2, 3, 4], "zwei Dimensionen"),
        ([[[1.0, 2, 3, 4]]], "zwei Dimensionen"),
        ([[1.0, 2, 3]], "mindestens 4"),
        ([["a", "b", "c", "d"]], "Tabelle aus Zahlen"),
        ([[1.0, 2, 3, 4], [1.0]], "Tabelle aus Zahlen"),
    ],
)
def test_bad_histories_are_refused_in_german(y: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        forecast(y, 3, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("h", "season", "message"),
    [
        (0, 1, "h muss"),
        (-1, 1, "h muss"),
        (1.5, 1, "h muss"),
        (True, 1, "h muss"),
        (3, 7, "season"),
        (3, 0, "season"),
        (3, True, "season"),
        (3, "12", "season"),
        (3, [4], "season"),
    ],
)
def test_bad_steps_and_seasons_are_refused(h: int, season: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        forecast(np.ones((1, 8)), h, season)


@pytest.mark.parametrize("groups", [["a"], ["a", "b", "c"], [["a"], ["b"]], ["a", None], ["a", ""], [1, np.nan], "ab"])
def test_groups_need_one_label_per_series(groups: object) -> None:
    with pytest.raises(ValueError, match="groups"):
        forecast(np.ones((2, 8)), 3, 1, groups=groups)  # type: ignore[arg-type]


def test_groups_share_growth_only_within_the_group() -> None:
    rng = np.random.default_rng(5)
    growing = rng.poisson(40 * 1.08 ** np.arange(6), (30, 6)).astype(float)
    steady = rng.poisson(40, (30, 6)).astype(float)
    labels = ["growing"] * 30 + ["steady"] * 30
    both = forecast(np.vstack([growing, steady]), 3, 1, groups=labels)
    alone = forecast(growing, 3, 1, groups=labels[:30])
    assert (both.mean[:30] == alone.mean).all()
    assert both.mean[:30].sum(axis=0)[-1] / growing[:, -1].sum() > 1.1
    assert both.mean[30:].sum(axis=0)[-1] / steady[:, -1].sum() < 1.1


def test_group_labels_are_only_names() -> None:
    y = np.random.default_rng(6).poisson(30, (4, 12)).astype(float)
    numbers, words = forecast(y, 3, 4, groups=[1, 2, 1, 2]), forecast(y, 3, 4, groups=np.array(["x", "a", "x", "a"]))
    assert all((a == b).all() for a, b in zip(parts(numbers), parts(words), strict=True))


def test_intervals_cover_what_they_promise_on_simulated_counts() -> None:
    """2,000 caseloads that drift a little: the 80 % interval holds 70-95 %, the 95 % interval at least 88 % of them."""
    rng = np.random.default_rng(7)
    for season, n_obs, h in ((1, 5, 3), (4, 20, 8), (12, 60, 24)):
        drift = rng.normal(0, 0.04 / np.sqrt(season), (2000, n_obs + h)).cumsum(axis=1)
        y = rng.poisson(np.exp(rng.normal(4, 1, (2000, 1)) + drift)).astype(float)
        f = forecast(y[:, :n_obs], h, season)
        future = y[:, n_obs:]
        assert 0.7 < ((future >= f.lo80) & (future <= f.hi80)).mean() < 0.95
        assert ((future >= f.lo95) & (future <= f.hi95)).mean() > 0.88


def test_no_series_and_results_are_frozen() -> None:
    f = forecast(np.empty((0, 12)), 3, 12)
    assert all(p.shape == (0, 3) for p in parts(f))
    assert forecast(np.empty((0, 12)), 3, 12, groups=[]).mean.shape == (0, 3)
    with pytest.raises(AttributeError):
        f.mean = np.ones((1, 1))  # type: ignore[misc]
