"""The stated chance model against a simulation of it, and the table of thresholds."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from traeger_lib.analysis.chance import Plangruppe, abgangsrate, korridor, streuung_eur, varianz_plaetze
from traeger_lib.analysis.periods import Zeitraum

Q1 = Zeitraum(date(2026, 1, 1), date(2026, 3, 31))


def simulate(n, mu, beginn, dauer, capacity=None, draws=4000, steps=400, seed=7):
    """Mean occupancy over the window, places simulated one by one in small time steps."""
    rng = np.random.default_rng(seed)
    dt, window = (beginn + dauer) / steps, []
    occupied = np.full(draws, n)
    p = n / capacity if capacity else 0.0
    arrival = mu * n if capacity is None else mu / (1 - p) * p  # per year; per free place where places are fixed
    for k in range(steps):
        leave = rng.binomial(occupied, 1 - np.exp(-mu * dt))
        come = rng.poisson(arrival * dt, draws) if capacity is None else rng.binomial(capacity - occupied, 1 - np.exp(-arrival * dt))
        occupied = occupied - leave + come
        if (k + 1) * dt > beginn:
            window.append(occupied.copy())
    return np.mean(window, axis=0)


@pytest.mark.parametrize(("n", "mu", "capacity"), [(30, 0.12, None), (100, 0.25, None), (45, 0.15, 50), (18, 0.1, 24)])
def test_the_formula_is_what_a_simulation_gives(n, mu, capacity):
    x = simulate(n, mu, 1.5, 0.25, capacity)
    formula = varianz_plaetze(n, mu, 1.5, 0.25, n / capacity if capacity else 0.0)
    assert x.mean() == pytest.approx(n, rel=0.01)
    assert formula == pytest.approx(x.var(), rel=0.12)  # the sampling error of 4,000 draws is about 2 %, the time step the rest


def test_the_share_beyond_a_threshold_is_what_a_simulation_gives():
    n, mu = 60, 0.12
    plan = [Plangruppe("A", n, 100.0, 0.0)]
    k = korridor(plan, Q1, soll_eur=Decimal(n * 100 * 90), abweichung_eur=Decimal(0), basisjahr=2024, mu=mu, unten_prozent=None,
                 oben_prozent=None)
    x = simulate(n, mu, (Q1.von - date(2024, 7, 1)).days / 365.25, 90 / 365.25, draws=8000)
    for stufe in k.stufen:
        assert stufe.anteil_zufall == pytest.approx(np.mean(np.abs(x / n - 1) > stufe.prozent / 100), abs=0.03)


def test_chance_grows_with_the_root_of_the_size():
    klein, gross = (streuung_eur([Plangruppe("A", n, 100.0, 0.0)], 0.1, 1.5, Q1) for n in (25, 100))
    assert gross == pytest.approx(2 * klein)


def test_euro_per_step_and_the_position():
    k = korridor([Plangruppe("A", 25, 29.64, 0.0)], Q1, soll_eur=Decimal("66690.00"), abweichung_eur=Decimal("-2000.70"), basisjahr=None,
                 mu=0.1,
                 unten_prozent=Decimal(3), oben_prozent=Decimal(3))
    assert k.stufen[0].betrag_eur == Decimal("666.90")
    assert k.abweichung_prozent == pytest.approx(-3.0) and k.innerhalb is True
    assert [s.anteil_zufall for s in k.stufen] == sorted((s.anteil_zufall for s in k.stufen), reverse=True)


def test_small_providers_are_not_taken_at_their_word():
    assert abgangsrate(0, 0) == 0.1 and abgangsrate(0, 60) == pytest.approx(0.025) and abgangsrate(100, 1000) == pytest.approx(0.1)
