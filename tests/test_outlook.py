"""Outlook: parts and total agree, fixed places cap, breaks and steps, look-back, back-test; all on hand-made series."""

from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kleinbestand import bestand, fall, grund

from traeger_lib import analyse, load
from traeger_lib.analysis.outlook import ausblick, monate_mit_daten, ueber
from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.reporting.content import bewegungen

MONATE = monate_mit_daten(date(2021, 1, 1), date(2025, 12, 31))
TOTAL = ("", "")


def brueche(von, bis, art):
    return [SimpleNamespace(von=pd.Timestamp(von), bis=pd.Timestamp(bis), art=art, grund="Test")]


def lauf(reihen, grenzen=None, bruch=None, jahre=5):
    return ausblick(reihen, MONATE, grenzen=grenzen or {}, brueche=bruch or {}, rueckblick_jahre=jahre, bis_jahr=2027)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 200), min_size=2, max_size=5), st.integers(0, 10**6))
def test_total_offers_and_groups_add_up(niveaus, seed):
    rng = np.random.default_rng(seed)
    reihen = {(f"A{i}", ""): rng.poisson(n, 60).astype(float) for i, n in enumerate(niveaus)}
    for i in range(len(niveaus)):
        teil = rng.random(60)
        reihen |= {(f"A{i}", "1"): reihen[f"A{i}", ""] * teil, (f"A{i}", "2"): reihen[f"A{i}", ""] * (1 - teil)}
    reihen[TOTAL] = np.sum([reihen[f"A{i}", ""] for i in range(len(niveaus))], axis=0)
    x = lauf(reihen)
    for h, punkt in enumerate(x[TOTAL].prognose):
        offers = [x[f"A{i}", ""].prognose[h].mittel for i in range(len(niveaus))]
        assert punkt.mittel == pytest.approx(sum(offers))
        for i, offer in enumerate(offers):
            assert x[f"A{i}", "1"].prognose[h].mittel + x[f"A{i}", "2"].prognose[h].mittel == pytest.approx(offer, abs=1e-9)
        assert punkt.unten95 <= punkt.unten80 <= punkt.mittel <= punkt.oben80 <= punkt.oben95


def test_fixed_places_are_an_upper_limit_of_offer_and_total():
    steigend = np.linspace(20, 24, 60)
    x = lauf({TOTAL: steigend, ("A", ""): steigend}, grenzen={"A": 24.0})
    assert x["A", ""].obergrenze == x[TOTAL].obergrenze == 24
    assert max(p.oben95 for p in x["A", ""].prognose) == 24 == max(p.oben95 for p in x[TOTAL].prognose)
    offen = lauf({TOTAL: 2 * steigend, ("A", ""): steigend, ("B", ""): steigend}, grenzen={"A": 24.0})
    assert offen[TOTAL].obergrenze is None and max(p.oben95 for p in offen[TOTAL].prognose) > 48


def test_an_under_recorded_span_is_shown_with_and_without():
    y = np.full(60, 50.0) + np.sin(np.arange(60))
    y[6:18] *= 0.6
    x = lauf({TOTAL: y, ("A", ""): y}, bruch={TOTAL: brueche("2021-07-01", "2022-06-30", "untererfassung")})
    (b,) = x[TOTAL].bruch
    assert x[TOTAL].veraenderung_pro_jahr > 2 and abs(b.veraenderung_pro_jahr_ohne) < 2 < x[TOTAL].veraenderung_pro_jahr
    assert x[TOTAL].jahresmittel_ohne_bruch and x["A", ""].jahresmittel_ohne_bruch == ()


def test_after_a_break_only_what_follows_counts():
    y = np.r_[np.full(30, 20.0), np.full(30, 40.0)]
    x = lauf({TOTAL: y, ("A", ""): y}, bruch={TOTAL: brueche("2023-06-01", "2023-06-30", "bruch")})[TOTAL]
    assert x.jahresmittel_ohne_bruch[0].mittel == pytest.approx(40, abs=1.5)
    assert x.sprung is None  # flagged, so nothing to ask


def test_an_unflagged_step_is_a_question_and_a_few_persons_are_not():
    y = np.r_[np.full(30, 60.0), np.full(30, 90.0)] + np.tile([0.0, 1.0, -1.0], 20)
    s = lauf({TOTAL: y, ("A", ""): y})[TOTAL].sprung
    assert s.monat == "2023-07" and s.vorher == pytest.approx(60, abs=1) and s.nachher == pytest.approx(90, abs=1)
    klein = np.r_[np.full(30, 17.0), np.full(30, 19.0)]
    assert lauf({TOTAL: klein, ("A", ""): klein})[TOTAL].sprung is None


@pytest.mark.parametrize(("n", "punkte"), [(3, None), (4, 4), (60, 36)])
def test_short_series_and_the_look_back(n, punkte):
    y = np.full(n, 10.0)
    x = lauf({TOTAL: y, ("A", ""): y}, jahre=3)[TOTAL]
    assert (x and x.punkte) == punkte and (x is None or x.tendenz == (n < 24))


def test_the_look_back_is_three_to_ten_years(beispiel):
    b = load(beispiel)
    f = analyse(b, "BSP-NORD", "2026Q1", rueckblick_jahre=3)
    assert f.trend.gesamt.punkte == 36 and any("2023 bis 31.03.2026" in t.titel for t in bewegungen(f))
    with pytest.raises(TraegerFehler, match="zwischen 3 und 10"):
        analyse(b, "BSP-FLUSS", "2026Q1", rueckblick_jahre=2)


def test_the_back_test_compares_with_the_usual_ways():
    y = 50 + np.arange(60) * 0.1 + 5 * np.sin(np.arange(60) * 2 * np.pi / 12)
    tests = lauf({TOTAL: y, ("A", ""): y})[TOTAL].ruecktest
    assert [t.bis for t in tests] == ["2023-12", "2024-12", "2025-12"]
    assert all(t.fehler_prognose < t.fehler_gerade and 0 <= t.getroffen80 <= 1 for t in tests)
    assert tests[-1].fehler_vorjahr == pytest.approx(1.2)


def test_the_chance_of_ending_above():
    assert ueber(100, 110, 100) == 0.5 and ueber(100, 110, 110) == pytest.approx(0.1) and ueber(100, 100, 99) == 1.0


def test_year_end_projection_of_the_example(beispiel):
    f = analyse(load(beispiel), "BSP-NORD", "2026Q1")
    h = f.hochrechnung
    assert h.unten80_eur < h.erwartet_eur < h.oben80_eur and h.ist_eur == f.abweichung.kumuliert.gesamt.ist_eur
    assert h.plaetze.unten80 < h.plaetze.mittel < h.plaetze.oben80 and 0 < h.anteil_ueber_plan < 1


@pytest.mark.parametrize(("datenstand", "bis"), [
    (date(2026, 3, 31), None), (date(2026, 3, 30), None), (date(2026, 3, 31), date(2026, 6, 30))])
def test_a_projection_of_constant_places_is_the_budget(datenstand, bis):
    """10 places all along at 52,00 €: expected about 10 × 365 × 52 = 189.800 €, also where the Datenstand lies inside the quarter (no month
    counted twice) and where the agreed rate ends in June (the last one is carried on)."""
    b = bestand(datenstand, **grund("A-1"), faelle=[fall(f"P{i}", "A-1", date(2023, 1, 1), None) for i in range(10)],
                entgelte=[{"angebot_id": "A-1", "hbg": "1", "gueltig_ab": date(2020, 1, 1), "gueltig_bis": bis,
                           "grundpauschale": Decimal(0),
                           "massnahmepauschale": Decimal(52), "investitionsbetrag": Decimal(0)}],
                budgets=[{"traeger_id": "T1", "budgetjahr": 2026, "version": 1, "beschlossen_am": date(2025, 11, 1), "art": "fallbezogen",
                          "angebot_id": "A-1", "hbg": "1", "plaetze_plan": Decimal(0 if bis else 10)}])
    h = analyse(b, "T1", "2026Q1").hochrechnung
    assert float(h.erwartet_eur) == pytest.approx(189_800, rel=0.02)
