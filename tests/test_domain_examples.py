"""The worked examples of the field's rules (rules 3), each with its source: days, rates, budget, deviation, staffing, trend."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from kleinbestand import bestand, fall, grund

from traeger_lib import analyse, load
from traeger_lib.analysis.deviation import abweichung, effekte
from traeger_lib.analysis.hbg import mittlere_gruppe
from traeger_lib.analysis.money import gleiche_teile
from traeger_lib.analysis.outlook import steigung_pro_jahr
from traeger_lib.analysis.periods import Quartal, Zeitraum
from traeger_lib.analysis.rates import abwesenheitssatz
from traeger_lib.analysis.volume import volumen

ROOT = Path(__file__).resolve().parents[1]


def tage(b, angebot, von, bis, feld="voll"):
    v = volumen(b, date(bis.year, 12, 31), von=date(von.year, 1, 1))
    return int(v.summe(feld, Zeitraum(von, bis))[v.wo(angebot_id=angebot)].sum())


@pytest.mark.parametrize(("beginn", "ende", "monat", "erwartet"), [
    (date(2025, 1, 31), date(2025, 2, 1), (date(2025, 1, 1), date(2025, 1, 31)), 1),
    (date(2025, 1, 31), date(2025, 2, 1), (date(2025, 2, 1), date(2025, 2, 28)), 1),
    (date(2025, 3, 15), date(2025, 3, 15), (date(2025, 3, 1), date(2025, 3, 31)), 1),
    (date(2024, 2, 28), date(2024, 3, 1), (date(2024, 2, 1), date(2024, 2, 29)), 2),
    (date(2024, 2, 28), date(2024, 3, 1), (date(2024, 3, 1), date(2024, 3, 31)), 1),
])
def test_days_first_and_last_day_count(beginn, ende, monat, erwartet):
    """DOMAIN §3.1, worked examples."""
    assert tage(bestand(**grund("A-1"), faelle=[fall("P1", "A-1", beginn, ende)]), "A-1", *monat) == erwartet


def test_a_move_on_one_day_counts_at_the_receiving_offer():
    """DOMAIN §3.1: offer A until 10.05., offer B from 10.05. → May: A 9, B from the 10th."""
    b = bestand(**grund("A-1", "B-1"), faelle=[
        fall("P1", "A-1", date(2025, 4, 1), date(2025, 5, 10)), fall("P1", "B-1", date(2025, 5, 10), None)])
    assert tage(b, "A-1", date(2025, 5, 1), date(2025, 5, 31)) == 9
    assert tage(b, "B-1", date(2025, 5, 1), date(2025, 5, 31)) == 22


def test_an_absence_over_the_year_end():
    """DOMAIN §3.1: absence 28.12.2025–05.01.2026, first 3 days full → full 28.–30.12.; reduced 31.12. (1) and 01.–05.01. (5)."""
    b = bestand(**grund("A-1"), faelle=[fall("P1", "A-1", date(2025, 1, 1), None)],
                abwesenheiten=[{"person_id": "P1", "angebot_id": "A-1", "beginn": date(2025, 12, 28), "ende": date(2026, 1, 5)}],
                verfahren=[{"traeger_id": "T1", "gueltig_ab": date(2020, 1, 1), "austrittstag_zaehlt": True, "abwesenheit_volle_tage": 3}])
    assert tage(b, "A-1", date(2025, 12, 28), date(2025, 12, 31)) == 3
    assert tage(b, "A-1", date(2025, 12, 1), date(2025, 12, 31), "vermindert") == 1
    assert tage(b, "A-1", date(2026, 1, 1), date(2026, 1, 31), "vermindert") == 5
    assert tage(b, "A-1", date(2026, 1, 1), date(2026, 1, 31)) == 26


def test_an_hbg_change_is_no_exit_even_where_the_exit_day_is_not_counted():
    b = bestand(**grund("A-1"), faelle=[
        fall("P1", "A-1", date(2025, 1, 1), date(2025, 1, 10)), fall("P1", "A-1", date(2025, 1, 11), date(2025, 1, 20), "2")],
                verfahren=[{"traeger_id": "T1", "gueltig_ab": date(2020, 1, 1), "austrittstag_zaehlt": False}])
    assert tage(b, "A-1", date(2025, 1, 1), date(2025, 1, 31)) == 19


@pytest.mark.parametrize(("g", "m", "i", "gesamt", "weg"), [
    ("2.69", "25.35", "0.82", "28.86", "21.85"), ("2.75", "26.05", "0.84", "29.64", "22.44")])
def test_published_rates(g, m, i, gesamt, weg):
    """S3: agreement on Aufsuchende Hilfe, 2026 and 2027; DOMAIN §3.2."""
    teile = [Decimal(x) for x in (g, m, i)]
    assert sum(teile) == Decimal(gesamt)
    assert abwesenheitssatz(*teile, Decimal("0.75")) == Decimal(weg)


@pytest.mark.parametrize(("quartal", "gesamt", "raten"), [
    ("2027Q1", "270465.00", ["22538.75"] * 12), ("2026Q4", "154401.00", ["22057.29"] * 4 + ["22057.28"] * 3)])
def test_published_agreement_as_a_budget(quartal, gesamt, raten):
    """S3 at full occupancy, DOMAIN §3.3: 25 × 365 × 29,64 and 25 × 214 × 28,86; instalments to the cent."""
    f = analyse(load(ROOT / "data" / "aufsuchende_hilfe"), "AUFSUCHENDE-HILFE", quartal)
    assert f.budget is not None and f.budget.gesamt_eur == Decimal(gesamt)
    assert [r.betrag_eur for r in f.budget.raten] == [Decimal(r) for r in raten]
    assert {e.abwesenheit_eur for e in f.entgelte} <= {Decimal("21.85"), Decimal("22.44")}
    assert f.personal.quartal.gesamt.vk_soll == Fraction(5, 2)  # 25 ÷ 10, DOMAIN §3.6


def test_instalments_of_a_negative_amount_keep_the_larger_first():
    assert [str(x) for x in gleiche_teile(Decimal("-100.00"), 3)] == ["-33.33", "-33.33", "-33.34"]


def test_deviation_in_four_effects():
    """DOMAIN §3.4: Berlin 2024 ladder, 365 days of group I are „I + S“ coming from II."""
    p0 = dict(zip("1234", (Fraction(x) for x in (8140, 9294, 10588, 13193)), strict=True))
    p1 = dict(zip("1234", (8303, 9480, 10800, 13457), strict=True))
    plan = dict(zip("1234", map(Fraction, (3650, 7300, 3650, 0)), strict=True))
    a = dict(zip("1234", (4015, 6935, 3650, 365), strict=True))
    a_s = dict(zip("1234", (3650, 7300, 3650, 365), strict=True))
    ist = Fraction(sum(a[h] * p1[h] for h in a))
    x = abweichung(effekte(a, a_s, ist, plan, p0), mit_budget=True)
    assert (x.soll_eur, x.ist_eur, x.abweichung_eur) == (Decimal("1362034.00"), Decimal("1434121.50"), Decimal("72087.50"))
    assert (x.mengeneffekt_eur, x.mixeffekt_eur, x.s_effekt_eur, x.preiseffekt_eur) == tuple(
        map(Decimal, ("34050.85", "14103.60", "-4212.10", "28145.15")))
    means = [round(float(mittlere_gruppe(w)), 3) for w in (plan, a, a_s)]
    assert means == [2.0, 2.024, 2.049]


def test_a_straight_line_through_the_national_counts_depends_on_the_broken_year():
    """DOMAIN §3.7: Destatis counts 2014–2019 in persons; 2019 under-recorded."""
    counts = np.array([710665, 733449, 739087, 761262, 776293, 765079.0])
    per_year = [round(steigung_pro_jahr(part)[0] / 12) for part in (counts[:5], counts[1:], counts[1:5])]  # it takes monthly points
    assert per_year == [15907, 10047, 15071]


def test_quarter_names():
    assert Quartal.aus("2026q1").zeitraum == Zeitraum(date(2026, 1, 1), date(2026, 3, 31))
