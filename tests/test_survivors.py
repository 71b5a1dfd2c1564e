"""Hand-worked tests for what mutation of the exact arithmetic had left alive: faults at their day, rates at their limits, sums."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from kleinbestand import bestand, fall, grund

from traeger_lib import analyse
from traeger_lib.analysis.budget import ausgleiche, budget, gueltige_versionen, mengengeruest, plaetze_im_jahr, puffer_jahr
from traeger_lib.analysis.deviation import (
    UNBEKANNT,
    Effekte,
    abweichung,
    effekte,
    klassische_abrechnung,
    monatseffekte,
    summe_abweichung,
)
from traeger_lib.analysis.money import aus_cent, runde_cent
from traeger_lib.analysis.periods import Zeitraum
from traeger_lib.analysis.persons import Personenzaehlung
from traeger_lib.analysis.rates import KEIN, Entgelte, entgeltzeilen, fortgeschrieben
from traeger_lib.analysis.staffing import grundlagen
from traeger_lib.analysis.stays import aufenthalte
from traeger_lib.analysis.volume import volumen
from traeger_lib.inputs.faults import Fehlerliste

D, F = Decimal, Fraction
FEBRUAR = Zeitraum(date(2026, 2, 1), date(2026, 2, 28))
Q1 = Zeitraum(date(2026, 1, 1), date(2026, 3, 31))


def entgelt(hbg, betrag, ab=date(2020, 1, 1), angebot="A-1", **mehr):
    return {"angebot_id": angebot, "hbg": hbg, "gueltig_ab": ab, "grundpauschale": D("0.00"), "massnahmepauschale": D(betrag),
            "investitionsbetrag": D("0.00"), **mehr}


def plan(hbg, plaetze, angebot="A-1", jahr=2026, **mehr):
    return {"traeger_id": "T1", "budgetjahr": jahr, "version": 1, "beschlossen_am": date(2025, 11, 1), "art": "fallbezogen",
            "angebot_id": angebot, "hbg": hbg, "plaetze_plan": D(plaetze), **mehr}


def ort(modell, *angebote):
    g = grund(*angebote)
    g["traeger"][0]["modell"] = modell
    return g


def gerechnet(b, zeitraum=FEBRUAR, angebote=("A-1",)):
    """Effects of a period by the version of 2026; days and rates are held from 1 January 2026."""
    v, e = volumen(b, date(2026, 3, 31), von=date(2026, 1, 1)), Entgelte(b, date(2026, 1, 1), date(2026, 12, 31))
    return monatseffekte(v, e, gueltige_versionen(b, date(2026, 3, 31)).get(2026), angebote, zeitraum)


def klassisch(b, zeitraum=FEBRUAR):
    v, e = volumen(b, date(2026, 3, 31), von=date(2026, 1, 1)), Entgelte(b, date(2026, 1, 1), date(2026, 12, 31))
    return klassische_abrechnung(v, e, "A-1", zeitraum)


# ── money ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_there_is_no_minus_zero():
    assert [str(runde_cent(x)) for x in (D("-0.004"), F(-1, 300), D("0.004"))] == ["0.00"] * 3 and str(aus_cent(F(-1, 3))) == "0.00"


# ── days without a rate ─────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("rechne", [klassisch, gerechnet])
def test_the_first_paid_day_without_a_rate_is_named_once_per_group(rechne):
    """Eight groups, one person each from 05.02., in two rows of days (S or not); rates only from 11.02. on."""
    gruppen = [str(i) for i in range(1, 9)]
    b = bestand(**grund("A-1"), entgelte=[entgelt(h, "10.00", date(2026, 2, 11)) for h in gruppen],
                faelle=[fall(f"P{h}{s}", "A-1", date(2026, 2, 5), None, h, s=s, hbg_ausgang="1" if s else None)
                        for h in gruppen for s in (False, True)])
    with pytest.raises(Fehlerliste) as e:
        rechne(b)
    assert [f.grund for f in e.value.fehler] == [f"Für Angebot A-1, HBG {h} fehlt am 05.02.2026 ein Entgelt." for h in gruppen]
    assert {f.art for f in e.value.fehler} == {"entgelt_fehlt"}


def test_days_with_nobody_there_need_no_rate():
    """The same rate and a person from its first day on: 18 days × 10,00 = 180,00."""
    b = bestand(**grund("A-1"), entgelte=[entgelt("1", "10.00", date(2026, 2, 11))], faelle=[fall("P1", "A-1", date(2026, 2, 11), None)])
    assert klassisch(b).betrag_eur == D("180.00")
    (e,) = gerechnet(b)["A-1"].values()
    assert (e.a, e.ist) == (18, 18_000)


def test_an_absence_without_a_factor_is_a_fault_on_its_first_reduced_day():
    """Absent 02.–12.02., three full days: the reduced rate is missing from 05.02. on."""
    b = bestand(**grund("A-1"), entgelte=[entgelt("1", "10.00")], faelle=[fall("P1", "A-1", date(2026, 1, 1), None)],
                abwesenheiten=[{"person_id": "P1", "angebot_id": "A-1", "beginn": date(2026, 2, 2), "ende": date(2026, 2, 12)}],
                verfahren=[{"traeger_id": "T1", "gueltig_ab": date(2020, 1, 1), "austrittstag_zaehlt": True, "abwesenheit_volle_tage": 3}])
    with pytest.raises(Fehlerliste, match=r"05\.02\.2026"):
        klassisch(b)


@pytest.mark.parametrize(("plaetze", "faelle", "fehlt"), [
    (1, [], True),  # planned for the whole month, a rate for 18 of 28 days
    (0, [fall("P1", "A-1", date(2026, 2, 11), None)], False),
    (0, [], False)])
def test_a_planned_place_needs_a_rate_every_day_an_unplanned_group_on_its_days(plaetze, faelle, fehlt):
    b = bestand(**grund("A-1"), entgelte=[entgelt("1", "10.00", date(2026, 2, 11))], budgets=[plan("1", plaetze)], faelle=faelle)
    if fehlt:
        with pytest.raises(Fehlerliste, match=r"01\.02\.2026"):
            gerechnet(b)
    else:
        (e,) = gerechnet(b)["A-1"].values()
        assert (e.soll, e.ist, e.a_p0, e.menge, e.preis) == (0, e.a * 1000, e.a * 1000, e.a * 1000, 0)


def test_planned_groups_without_any_rate_are_named_in_order_unless_nothing_is_planned():
    gruppen = [str(i) for i in range(1, 9)]
    with pytest.raises(Fehlerliste) as e:
        gerechnet(bestand(**grund("A-1"), budgets=[plan(h, 1) for h in gruppen]))
    assert [f.grund for f in e.value.fehler] == [f"Für Angebot A-1, HBG {h} fehlt am 01.02.2026 ein Entgelt." for h in gruppen]
    (e,) = gerechnet(bestand(**grund("A-1"), budgets=[plan(h, 0) for h in gruppen]))["A-1"].values()
    assert (e.soll, e.p, e.a) == (0, 0, 0)


def test_the_group_before_s_needs_a_plan_rate_too():
    """Everybody is granted 2, one came from 1: without a rate for 1 the S effect cannot be told."""
    faelle = [fall("P1", "A-1", date(2026, 2, 1), None, "2", s=True, hbg_ausgang="1")]
    with pytest.raises(Fehlerliste, match="HBG 1"):
        gerechnet(bestand(**grund("A-1"), entgelte=[entgelt("2", "20.00")], budgets=[plan("2", 1)], faelle=faelle))
    b = bestand(**grund("A-1"), entgelte=[entgelt("2", "20.00"), entgelt("1", "15.00")], budgets=[plan("2", 1)], faelle=faelle)
    (e,) = gerechnet(b)["A-1"].values()
    assert (e.menge, e.mix, e.s, e.preis) == (0, -28 * 500, 28 * 500, 0)


def test_a_rate_of_nothing_or_of_one_cent_is_a_rate():
    for betrag, erwartet in (("0.00", "0.00"), ("0.01", "0.28")):
        b = bestand(**grund("A-1"), entgelte=[entgelt("1", betrag)], faelle=[fall("P1", "A-1", date(2026, 2, 1), None)])
        assert klassisch(b).betrag_eur == D(erwartet)


# ── which rate holds ────────────────────────────────────────────────────────────────────────────────────────────────────

def cent(b, hbg="1", beschlossen_am=None, von=date(2026, 1, 1), bis=date(2026, 1, 10)):
    e = Entgelte(b, von, bis)
    return (e.ist("A-1", hbg) if beschlossen_am is None else e.plan("A-1", hbg, beschlossen_am)).voll.tolist()


def test_a_rate_holds_from_its_first_to_its_last_day_and_not_outside():
    b = bestand(**grund("A-1"), entgelte=[
        entgelt("1", "1.00", date(2026, 1, 3), gueltig_bis=date(2026, 1, 4)), entgelt("1", "2.00", date(2026, 1, 9), gueltig_bis=None),
        entgelt("2", "3.00", date(2025, 1, 1), gueltig_bis=date(2025, 12, 28)), entgelt("3", "4.00", date(2026, 1, 11))])
    assert cent(b) == [KEIN, KEIN, 100, 100, KEIN, KEIN, KEIN, KEIN, 200, 200]
    assert cent(b, "2") == cent(b, "3") == cent(b, "unbekannt") == [KEIN] * 10


def test_a_rate_decided_on_the_day_of_the_budget_is_its_plan_rate():
    b = bestand(**grund("A-1"), entgelte=[entgelt("1", "10.00", beschlossen_am=date(2025, 1, 1)),
                                          entgelt("1", "11.00", date(2026, 1, 6), beschlossen_am=date(2025, 11, 1))])
    assert cent(b, beschlossen_am=date(2025, 11, 1)) == [1000] * 5 + [1100] * 5
    assert cent(b, beschlossen_am=date(2025, 10, 31)) == [1000] * 10


def test_a_rate_may_hold_for_one_day_or_begin_on_the_last():
    b = bestand(**grund("A-1"), entgelte=[entgelt("1", "1.00", date(2026, 1, 2), gueltig_bis=date(2026, 1, 2)),
                                          entgelt("1", "2.00", date(2026, 1, 4))])
    assert cent(b, bis=date(2026, 1, 4)) == [KEIN, 100, KEIN, 200]


def test_before_a_group_has_any_rate_its_plan_rate_is_the_first_decided_later():
    b = bestand(**grund("A-1"), entgelte=[entgelt("1", "12.00", date(2026, 1, 8), beschlossen_am=date(2026, 2, 1)),
                                          entgelt("1", "11.00", date(2026, 1, 5), beschlossen_am=date(2026, 1, 1))])
    assert cent(b, beschlossen_am=date(2025, 11, 1)) == [1100] * 10 and cent(b) == [KEIN] * 4 + [1100] * 3 + [1200] * 3


def test_a_plan_rate_is_a_later_one_where_none_known_in_time_holds():
    """Group 1 was decided after the budget, 2 before it; of 4 the known rate ends in June; of 5 it begins on 02.01."""
    frueh, spaet = {"beschlossen_am": date(2025, 11, 1)}, {"beschlossen_am": date(2026, 1, 1)}
    b = bestand(**grund("A-1"), entgelte=[
        entgelt("1", "10.00", **spaet), entgelt("2", "10.00", **frueh), entgelt("2", "11.00", **spaet),
        entgelt("4", "10.00", gueltig_bis=date(2026, 6, 30), **frueh), entgelt("4", "11.00", date(2026, 7, 1), **spaet),
        entgelt("5", "10.00", gueltig_bis=date(2026, 1, 1), **spaet), entgelt("5", "11.00", date(2026, 1, 2), **frueh)])
    e = Entgelte(b, date(2025, 1, 1), date(2026, 12, 31))
    assert [e.spaeter_beschlossen("A-1", h, date(2025, 11, 1), date(2026, 1, 1)) for h in "12345"] == [True, False, False, True, True]
    assert [e.spaeter_beschlossen("A-1", h, date(2025, 11, 1), date(2026, 1, 2)) for h in "12345"] == [True, False, False, True, False]


def test_published_rates_are_those_that_touch_the_period_in_the_order_of_the_groups():
    """Period 01.02.–28.02.2026, Datenstand 31.03.2026; limits of both ends belong to it."""
    f = date(2026, 2, 1)
    teile = {"grundpauschale": D("2.69"), "massnahmepauschale": D("25.35"), "investitionsbetrag": D("0.82")}
    reihe = ["1", "2", "10", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "Sonder", "teil", "ohne"]
    b = bestand(**grund("A-1", "B-1"), entgelte=[
        *({**entgelt(h, "0", **teile), "abwesenheit_faktor": D("0.75"), "beschlossen_am": date(2026, 3, 31)} for h in reversed(reihe)),
        entgelt("3", "6.00", date(2026, 2, 28), "B-1", beschlossen_am=date(2026, 1, 1)),
        entgelt("1", "7.00", angebot="B-1", gueltig_bis=f), entgelt("2", "7.00", angebot="B-1", gueltig_bis=f - timedelta(days=1)),
        entgelt("3", "7.00", date(2026, 2, 28), "B-1"), entgelt("4", "7.00", date(2026, 3, 1), "B-1"),
        entgelt("5", "7.00", angebot="B-1", beschlossen_am=date(2026, 4, 1)),
        entgelt("3", "5.00", angebot="B-1")])
    z = entgeltzeilen(b, f, date(2026, 2, 28))
    assert [x.hbg for x in z if x.angebot_id == "A-1"] == reihe
    assert {(x.gesamt_eur, x.abwesenheit_eur) for x in z if x.angebot_id == "A-1"} == {(D("28.86"), D("21.85"))}
    assert [(x.hbg, x.gesamt_eur, x.abwesenheit_eur) for x in z[len(reihe):]] == [
        ("1", D("7.00"), None), ("3", D("5.00"), None), ("3", D("7.00"), None), ("3", D("6.00"), None)]


# ── one mean rate for all groups ────────────────────────────────────────────────────────────────────────────────────────

def test_a_mean_rate_changes_on_the_day_one_of_its_rates_does():
    """(3 × 50,00 + 80,05) ÷ 4 = 57,51 until 30.06. (181 days), (3 × 50,00 + 90,05) ÷ 4 = 60,01 after (184 days). A group with a rate
    but without places, and another offer, weigh nothing."""
    b = bestand(**ort("Nordfriesland", "A-1", "B-1"), entgelte=[
        entgelt("1", "50.00"), entgelt("2", "80.05", gueltig_bis=date(2026, 6, 30)), entgelt("2", "90.05", date(2026, 7, 1)),
        entgelt("3", "500.00"), entgelt("1", "10.00", angebot="B-1"), entgelt("4", "99.00", angebot="B-1")],
        budgets=[plan("1", 3), plan("2", 1), plan("1", 1, "B-1")], faelle=[fall("P1", "A-1", date(2026, 1, 1), None, "2")])
    f = analyse(b, "T1", "2026Q1")
    assert [(z.angebot_id, z.hbg, z.tage, z.entgelt_eur, z.betrag_eur) for z in f.budget.herleitung] == [
        ("A-1", "1", 181, D("57.51"), D("31227.93")), ("A-1", "1", 184, D("60.01"), D("33125.52")),
        ("A-1", "2", 181, D("57.51"), D("10409.31")), ("A-1", "2", 184, D("60.01"), D("11041.84")),
        ("B-1", "1", 365, D("10.00"), D("3650.00"))]
    assert f.abweichung.quartal.gesamt.ist_eur == D("5175.90")  # 90 × 57,51


def test_a_mean_rate_is_over_the_groups_that_have_a_rate_that_day():
    """Until 15.01. only group 1 has a rate (50,00), after that both, without planned places alike: (50 + 80) ÷ 2 = 65,00."""
    b = bestand(**ort("Nordfriesland", "A-1"), entgelte=[entgelt("1", "50.00"), entgelt("2", "80.00", date(2026, 1, 16))],
                faelle=[fall("P1", "A-1", date(2026, 1, 1), None, "1")])
    assert analyse(b, "T1", "2026Q1").abweichung.quartal.gesamt.ist_eur == D("5625.00")  # 15 × 50 + 75 × 65
    assert Entgelte(b, date(2026, 1, 1), date(2026, 12, 31), modell="mittelwert").ist("A-1", "1").voll[[0, 14, 15, 364]].tolist() == [
        5000, 5000, 6500, 6500]
    e = Entgelte(b, date(2019, 12, 30), date(2020, 1, 2), modell="mittelwert")
    assert e.ist("A-1", "1").voll.tolist() == [KEIN, KEIN, 5000, 5000] and e.ist("A-1", "1").zeile.tolist()[:2] == [-1, -1]


def test_a_mean_rate_is_rounded_half_up():
    """(50,00 + 50,01) ÷ 2 = 50,005 → 50,01."""
    b = bestand(**grund("A-1"), entgelte=[entgelt("1", "50.00"), entgelt("2", "50.01")])
    assert set(Entgelte(b, Q1.von, Q1.bis, modell="mittelwert").ist("A-1", "1").voll.tolist()) == {5001}


def test_a_mean_rate_may_change_on_the_last_day_and_needs_a_group_with_places():
    b = bestand(**grund("A-1"), entgelte=[entgelt("1", "50.00", gueltig_bis=date(2026, 3, 30)), entgelt("1", "60.00", date(2026, 3, 31)),
                                          entgelt("2", "70.00")])
    def mittel(**gewichte):
        e = Entgelte(b, date(2026, 3, 30), Q1.bis, modell="mittelwert", gewichte={("A-1", h[1]): D(w) for h, w in gewichte.items()})
        return e.ist("A-1", "2").voll.tolist()
    assert mittel() == [6000, 6500] and mittel(h1=1) == [5000, 6000]
    frueh = Entgelte(b, date(2019, 12, 31), date(2020, 1, 1), modell="mittelwert", gewichte={("A-1", "1"): D(1)})
    assert frueh.ist("A-1", "2").voll.tolist() == [KEIN, 5000]
    b = bestand(**grund("A-1"), entgelte=[entgelt("1", "50.00", date(2026, 3, 31)), entgelt("2", "70.00")])
    assert mittel(h1=1) == [KEIN, 5000]  # on the 30th only a group without places has a rate


def test_a_projection_carries_the_last_known_rate_on():
    assert fortgeschrieben(np.array([KEIN, 500, KEIN, 700, KEIN])).tolist() == [0, 500, 500, 700, 700]
    assert fortgeschrieben(np.array([500, KEIN])).tolist() == [500, 500]


def test_a_mean_of_no_rates_is_no_rate():
    b = bestand(**ort("Nordfriesland", "A-1"), faelle=[fall("P1", "A-1", date(2026, 1, 1), None)])
    assert analyse(b, "T1", "2026Q1").klassische_abrechnung.quartal.gesamt.betrag_eur is None


# ── deviation ───────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_volume_effect_is_days_too_many_at_the_mean_plan_rate():
    """Plan 10 days at 1,00 and 10 at 3,00 (mean 2,00), actual 15 + 15: menge (30 − 20) × 2,00 = 20,00 and nothing else."""
    e = effekte({"1": 15, "2": 15}, {"1": 15, "2": 15}, F(6000), {"1": F(10), "2": F(10)}, {"1": F(100), "2": F(300)})
    assert (e.soll, e.ist, e.menge, e.mix, e.s, e.preis) == (4000, 6000, 2000, 0, 0, 0)


def test_planned_and_paid_days_of_a_provider_are_the_sums_over_its_offers():
    """A-1: 1 place, one person; B-1: 2,5 places, nobody; C-1: not planned, two persons. 90 days."""
    b = bestand(**grund("A-1", "B-1", "C-1"), entgelte=[entgelt("1", "10.00", angebot=a) for a in ("A-1", "B-1", "C-1")],
                budgets=[plan("1", 1), plan("1", "2.5", "B-1")],
                faelle=[fall("P1", "A-1", date(2025, 1, 1), None), *(fall(f"Q{i}", "C-1", date(2025, 1, 1), None) for i in (1, 2))])
    a = analyse(b, "T1", "2026Q1").abweichung.quartal
    assert {k: (x.ist_tage, x.soll_tage) for k, x in a.je_angebot.items()} == {"A-1": (90, 90), "B-1": (0, 225), "C-1": (180, 0)}
    assert (a.gesamt.ist_tage, a.gesamt.soll_tage, a.gesamt.soll_eur, a.gesamt.ist_eur) == (270, 315, D("3150.00"), D("2700.00"))
    ohne = summe_abweichung([abweichung(Effekte(ist=F(i), a=i), mit_budget=False) for i in (0, 7)], mit_budget=False)
    assert (ohne.ist_tage, ohne.ist_eur, ohne.soll_tage) == (7, D("0.07"), None)


def test_a_sum_with_an_unknown_part_is_unknown():
    bekannt = abweichung(Effekte(ist=F(100), a=1), mit_budget=True)
    assert summe_abweichung([bekannt, UNBEKANNT], mit_budget=True) is UNBEKANNT
    assert summe_abweichung([bekannt, UNBEKANNT], mit_budget=False) is UNBEKANNT


# ── budget ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

def verhandelt(b, beginn=None, bezahlt_bis=date(2026, 3, 31), seit=date(2024, 1, 1), stichtag=date(2026, 3, 31)):
    v, e = volumen(b, date(2026, 3, 31), von=seit), Entgelte(b, seit, date(2026, 12, 31))
    return budget(b, gueltige_versionen(b, stichtag).get(2026), v, e, beginn=beginn, bezahlt_bis=bezahlt_bis)


def test_a_derivation_line_carries_its_days_and_the_days_of_the_base_year():
    """Base year 2024 (366 days): own P1 all year, P2 from 01.07. (184 days), and P3 without commitment, P4 a single-case setting, P5
    external stay out: 550 days. 2026 from 01.03. on: 121 days until 29.06. at 10,00, 185 days at 11,00."""
    b = bestand(**grund("A-1"), entgelte=[entgelt("1", "10.00", gueltig_bis=date(2026, 6, 29)), entgelt("1", "11.00", date(2026, 6, 30))],
                budgets=[plan("1", "1.5", basisjahr=2024)], faelle=[
        fall("P1", "A-1", date(2023, 1, 1), None), fall("P2", "A-1", date(2024, 7, 1), None),
        fall("P3", "A-1", date(2023, 1, 1), None, kostenzusage=False), fall("P4", "A-1", date(2023, 1, 1), None,
                                                                           besonderheit="einzelfallsetting"),
        {**fall("P5", "A-1", date(2023, 1, 1), None), "kostentraeger": "anderswo"}])
    h = verhandelt(b, beginn=date(2026, 3, 1)).herleitung
    assert [(z.von, z.bis, z.tage, z.entgelt_eur, z.betrag_eur) for z in h] == [
        (date(2026, 3, 1), date(2026, 6, 29), 121, D("10.00"), D("1815.00")),
        (date(2026, 6, 30), date(2026, 12, 31), 185, D("11.00"), D("3052.50"))]
    assert {(z.entgelttage_basisjahr, z.plaetze_basisjahr, z.plaetze_plan) for z in h} == {(550, F(550, 366), D("1.5"))}
    (z, _) = verhandelt(b, beginn=date(2026, 3, 1), seit=date(2024, 1, 2)).herleitung  # the base year is not all in the data
    assert (z.entgelttage_basisjahr, z.plaetze_basisjahr) == (None, None)
    v = volumen(b, date(2026, 3, 31), von=date(2024, 1, 1))
    assert [plaetze_im_jahr(v, j, "A-1", "1") for j in (None, 2023, 2025)] == [None, None, 2]


def test_a_planned_group_without_a_rate_is_a_fault_unless_no_place_is_planned():
    rates = [entgelt("1", "10.00"), entgelt("2", "10.00", gueltig_bis=date(2026, 9, 30))]
    with pytest.raises(Fehlerliste, match=r"HBG 2 fehlt am 01\.10\.2026") as e:
        verhandelt(bestand(**grund("A-1"), entgelte=rates, budgets=[plan("1", 1), plan("2", 1), plan("3", 1)]), beginn=date(2026, 2, 1))
    assert [f.grund for f in e.value.fehler] == [f"Für Angebot A-1, HBG {h} fehlt am {am}.2026 ein Entgelt."
                                                 for h, am in (("2", "01.10"), ("3", "01.02"))]
    b = verhandelt(bestand(**grund("A-1"), entgelte=rates, budgets=[plan("1", 1), plan("2", 0), plan("3", 0)]))
    assert [(z.hbg, z.tage) for z in b.herleitung] == [("1", 365), ("2", 273)] and b.gesamt_eur == D("3650.00")


def test_a_budget_and_its_instalments_by_hand():
    """1 place × 365 × 10,00 = 3.650,00 and 100,00 + 20,01 for projects = 3.770,01, twelve instalments: nine of 314,17 and three of
    314,16. −10,00 from November on: −5,00 twice; +1,00 with effect in the year before: twelve parts, four of 0,09 and eight of 0,08.
    Case-based alone: 3.650,00 = 12 × 304,16 + 0,08, so eight of 304,17."""
    b = bestand(**grund("A-1"), entgelte=[entgelt("1", "10.00")], budgets=[
        plan("1", 1), *({**plan(None, "0"), "art": "pauschal", "angebot_id": None, "plaetze_plan": None, "bezeichnung": n,
                         "betrag_eur": D(x)} for n, x in (("Z", "100.00"), ("B", "20.01")))],
        anpassungen=[{"traeger_id": "T1", "budgetjahr": j, "wirksam_ab": ab, "betrag_eur": D(x), "grund": g} for j, ab, x, g in (
            (2026, date(2026, 11, 15), "-10.00", "Tarif"), (2026, date(2025, 11, 1), "1.00", "Rest"),
            (2025, date(2026, 1, 1), "500.00", "alt"))])
    x = verhandelt(b)
    assert (x.fallbezogen_eur, x.pauschal_eur, x.anpassungen_eur, x.gesamt_eur) == (
        D("3650.00"), D("120.01"), D("-9.00"), D("3761.01"))
    assert x.pauschalen == (("B", D("20.01")), ("Z", D("100.00")))
    assert x.anpassungen == (("2025-11", "Rest", D("1.00")), ("2026-11", "Tarif", D("-10.00")))
    raten = [D("314.17")] * 9 + [D("314.16")] * 3
    raten = [r + (D("0.09") if i < 4 else D("0.08")) + (D("-5.00") if i >= 10 else 0) for i, r in enumerate(raten)]
    assert [r.monat for r in x.raten] == [f"2026-{m:02d}" for m in range(1, 13)] and [r.betrag_eur for r in x.raten] == raten
    assert [r.fallbezogen_eur for r in x.raten] == [D("304.17")] * 8 + [D("304.16")] * 4
    assert x.gezahlt_bis_quartalsende_eur == 3 * D("314.26")


def test_an_adjustment_from_the_last_month_on_is_paid_with_the_last_instalment():
    def mit(wirksam, beginn):
        b = bestand(**grund("A-1"), entgelte=[entgelt("1", "10.00")], budgets=[plan("1", 0)], anpassungen=[
            {"traeger_id": "T1", "budgetjahr": 2026, "wirksam_ab": wirksam, "betrag_eur": D("9.00"), "grund": "Tarif"}])
        return [str(r.betrag_eur) for r in verhandelt(b, beginn=beginn).raten]

    assert mit(date(2026, 12, 1), date(2026, 10, 15)) == ["0.00", "0.00", "9.00"]
    assert mit(date(2026, 11, 30), date(2026, 10, 15)) == ["0.00", "4.50", "4.50"]
    assert mit(date(2026, 1, 1), date(2026, 10, 15)) == ["3.00"] * 3
    assert mit(date(2027, 2, 1), None) == ["0.00"] * 11 + ["9.00"]


def test_the_version_that_holds_is_the_highest_decided_by_the_day():
    b = bestand(**grund("A-1"), budgets=[
        plan("10", 1, basisjahr=2024), plan("2", 1, basisjahr=2024),
        plan("1", 2, version=2, beschlossen_am=date(2026, 3, 31), basisjahr=2024),
        plan("2", 2, version=2, beschlossen_am=date(2026, 3, 31), basisjahr=2025),
        plan("1", 9, version=9, jahr=2025)])
    eins, zwei = (gueltige_versionen(b, t).get(2026) for t in (date(2026, 3, 30), date(2026, 3, 31)))
    assert (eins.version, eins.beschlossen_am, eins.basisjahr, [p.hbg for p in eins.plan]) == (1, date(2025, 11, 1), 2024, ["2", "10"])
    assert (zwei.version, zwei.beschlossen_am, zwei.basisjahr) == (2, date(2026, 3, 31), None)
    assert gueltige_versionen(b, date(2025, 10, 31)).get(2026) is None


def test_a_past_year_needs_no_rate_on_the_next_new_year():
    b = bestand(**grund("A-1"), entgelte=[entgelt("1", "10.00", gueltig_bis=date(2025, 12, 31))],
                budgets=[plan("1", 1, jahr=2025, beschlossen_am=date(2024, 11, 1))])
    v, e = volumen(b, date(2026, 3, 31), von=date(2025, 1, 1)), Entgelte(b, date(2025, 1, 1), date(2026, 12, 31))
    x = budget(b, gueltige_versionen(b, date(2026, 3, 31)).get(2025), v, e, beginn=None, bezahlt_bis=date(2025, 12, 31))
    assert (x.gesamt_eur, x.gezahlt_bis_quartalsende_eur) == (3650, 3650)


def test_projects_of_a_year_before_the_first_day_of_funding_have_no_instalment():
    b = bestand(**grund("A-1"), budgets=[{**plan(None, "0"), "art": "pauschal", "angebot_id": None, "plaetze_plan": None,
                                          "bezeichnung": "P", "betrag_eur": D("100.00")}])
    x = verhandelt(b, beginn=date(2027, 1, 1))
    assert (x.raten, x.gezahlt_bis_quartalsende_eur, x.gesamt_eur) == ((), 0, 100)


@pytest.mark.parametrize(("jahr", "beginn"), [(2025, date(2026, 1, 1)), (2026, date(2027, 1, 1))])
def test_a_budget_of_a_year_before_the_providers_first_is_nothing_and_no_crash(jahr, beginn):
    g = grund("A-1")
    g["traeger"][0]["budget_beginn"] = beginn
    b = bestand(**g, entgelte=[entgelt("1", "10.00")], budgets=[plan("1", 1, jahr=jahr, beschlossen_am=date(2024, 11, 1))],
                faelle=[fall("P1", "A-1", date(2024, 1, 1), None)])
    (p,) = analyse(b, "T1", "2026Q1").puffer_jahre
    assert (p.budgetjahr, p.raten_fallbezogen_eur, p.klassische_abrechnung_eur) == (jahr, 0, 0)


@pytest.mark.parametrize(("raten", "klassisch_eur", "offen"), [
    ("500.00", "200.00", "185.00"), ("200.00", "500.00", "-285.00"), ("0.50", "0.00", "-114.50"), ("0.00", "0.50", "14.50")])
def test_measures_bring_a_buffer_nearer_to_nothing_from_either_side(raten, klassisch_eur, offen):
    """300 − 15 (money) − 100 (measures) = 185; −300 − 15 + 30 = −285; so with ±0,50. Rows of another year or without one do not settle."""
    massnahme = {"traeger_id": "T1", "perspektive": "p", "ziel": "z", "massnahme": "m", "status": "laufend"}
    mittel = "100.00" if raten in ("500.00", "0.50") else "30.00"
    b = bestand(**grund("A-1"), massnahmen=[
        {**massnahme, "massnahme_id": "M1", "mittel_eur": D(mittel), "ausgleich_jahr": 2025},
        {**massnahme, "massnahme_id": "M2", "mittel_eur": D("7.00"), "ausgleich_jahr": 2024},
        {**massnahme, "massnahme_id": "M3", "ausgleich_jahr": 2025}, {**massnahme, "massnahme_id": "M4", "mittel_eur": D("9.00")}],
        anpassungen=[{"traeger_id": "T1", "budgetjahr": 2026, "wirksam_ab": date(2026, 4, 1), "betrag_eur": D("-15.00"), "grund": "x",
                      "ausgleich_jahr": 2025},
                     {"traeger_id": "T1", "budgetjahr": 2026, "wirksam_ab": date(2026, 4, 1), "betrag_eur": D("-1.00"), "grund": "y"}])
    p = puffer_jahr(2025, D(raten), D(klassisch_eur), ausgleiche(b))
    assert (p.ausgleich_geld_eur, p.ausgleich_massnahmen_eur, p.offen_eur) == (D("-15.00"), D(mittel), D(offen))


def test_a_schedule_is_ordered_rounded_and_without_empty_groups():
    """2025: group 10 has 101 days, one with S (0,28), group 2 two (0,0055 → 0,01), group 3 one (0,0027 → 0, left out), 4 is not own."""
    tag1 = date(2025, 3, 1)
    b = bestand(**grund("A-1", "B-1", "C-1"), faelle=[
        fall("P1", "A-1", tag1, tag1 + timedelta(days=99), "10"), fall("P2", "A-1", tag1, tag1 + timedelta(days=1), "2"),
        fall("P7", "A-1", tag1, tag1, "10", s=True, hbg_ausgang="2"), fall("P3", "A-1", tag1, tag1, "3"),
        {**fall("P4", "A-1", tag1, None, "4"), "kostentraeger": "anderswo"},
        fall("P5", "B-1", date(2025, 1, 1), None), fall("P6", "C-1", date(2025, 1, 1), None)])
    v = volumen(b, date(2026, 3, 31), von=date(2025, 1, 1))
    def zeilen(**mehr):
        return [(p.angebot_id, p.hbg, str(p.plaetze_plan)) for p in mengengeruest(v, 2025, ["B-1", "A-1"], **mehr)]
    assert zeilen() == [("A-1", "2", "0.01"), ("A-1", "10", "0.28"), ("B-1", "1", "1.00")]
    assert zeilen(stellen=4, wachstum={"B-1": F(1, 3)}) == [
        ("A-1", "2", "0.0055"), ("A-1", "3", "0.0027"), ("A-1", "10", "0.2767"), ("B-1", "1", "1.3333")]
    assert mengengeruest(v, 2024, ["B-1", "A-1"]) == ()  # not in the data


# ── days ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

def je_tag(b, feld="voll", von=date(2026, 1, 1), bis=date(2026, 1, 31), **wo):
    """Days per day of a period, all groups of a condition together."""
    v = volumen(b, bis, von=von)
    return getattr(v, feld)[v.wo(**wo)].sum(axis=0).tolist()


def weg(person, beginn, ende, angebot="A-1"):
    return {"person_id": person, "angebot_id": angebot, "beginn": beginn, "ende": ende}


def regel(ab=date(2020, 1, 1), volle=0, hoechstens=None, austritt=True, traeger="T1"):
    return {"traeger_id": traeger, "gueltig_ab": ab, "austrittstag_zaehlt": austritt, "abwesenheit_volle_tage": volle,
            "abwesenheit_max_tage_jahr": hoechstens}


def monatswert(monat, tage, angebot="A-1", **mehr):
    return {"angebot_id": angebot, "kostentraeger": "Musterstadt", "hbg": "1", "monat": monat, "belegungstage": tage, **mehr}


def test_without_a_first_day_the_volume_begins_with_the_data():
    mitte, bis = date(2026, 1, 10), date(2026, 1, 31)
    assert volumen(bestand(**grund("A-1")), bis).beginn == bis
    assert volumen(bestand(**grund("A-1"), faelle=[fall("P1", "A-1", mitte, None)]), bis).beginn == mitte
    spaet = fall("P2", "B-1", date(2026, 1, 31), None)
    assert volumen(bestand(**grund("A-1", "B-1"), faelle=[fall("P1", "B-1", mitte, date(2026, 1, 30)), spaet]), bis).beginn == mitte
    v = volumen(bestand(**grund("A-1", "B-1"), faelle=[fall("P1", "B-1", mitte, date(2026, 1, 30)), spaet],
                        fallzahlen=[monatswert(date(2026, 2, 1), 28), monatswert(date(2026, 1, 1), 31)]), bis)
    assert v.beginn == date(2026, 1, 1) and v.voll.sum(axis=0).tolist() == [1] * 9 + [2] * 22


def test_what_lies_outside_the_days_held_is_in_no_day():
    """Aggregates of December and February, and stays that end before or begin after; only January is held."""
    b = bestand(**grund("A-1", "B-1"), fallzahlen=[monatswert(date(2025, 12, 1), 310), monatswert(date(2026, 2, 1), 280),
                                                   monatswert(date(2026, 1, 1), 62, abwesenheitstage=31)],
                faelle=[fall("P1", "B-1", date(2025, 1, 1), date(2025, 12, 31)), fall("P2", "B-1", date(2026, 2, 1), None)])
    assert je_tag(b) == [2] * 31 and je_tag(b, "vermindert") == [1] * 31
    v = volumen(b, date(2026, 1, 31), von=date(2026, 1, 1))
    assert [int(v.summe("voll", Zeitraum(a, e)).sum()) for a, e in (
        (date(2025, 12, 1), date(2025, 12, 30)), (date(2025, 12, 1), date(2025, 12, 31)), (date(2025, 12, 30), date(2026, 1, 2)),
        (date(2026, 1, 1), date(2026, 1, 1)), (date(2026, 1, 31), date(2026, 2, 5)), (date(2026, 2, 1), date(2026, 2, 5)))] == [
        0, 0, 4, 2, 2, 0]


def test_a_group_before_s_counts_only_with_s():
    """For cases and aggregates: without S the granted group is its own origin, with S and no origin given likewise."""
    arten = [{"s": True, "hbg_ausgang": "3"}, {"s": False, "hbg_ausgang": "3"}, {"hbg_ausgang": "3"}, {"s": True}]
    for b in (bestand(**grund("A-1"), faelle=[fall(f"P{i}", "A-1", date(2026, 1, 1), None, str(i), **m) for i, m in enumerate(arten)]),
              bestand(**grund("A-1"), fallzahlen=[monatswert(date(2026, 1, 1), 31, **{**m, "hbg": str(i)}) for i, m in enumerate(arten)])):
        v = volumen(b, date(2026, 1, 31))
        assert [(g.hbg, g.hbg_ausgang, g.s) for g in v.gruppen] == [
            ("0", "3", True), ("1", "1", False), ("2", "2", False), ("3", "3", True)]


def test_a_move_to_another_provider_counts_in_both():
    g = grund("A-1", "B-1")
    g["traeger"].append({"traeger_id": "T2", "name": "Anderer"})
    g["angebote"][1]["traeger_id"] = "T2"
    b = bestand(**g, faelle=[fall("P1", "A-1", date(2026, 1, 1), date(2026, 1, 10)), fall("P1", "B-1", date(2026, 1, 10), None)])
    assert je_tag(b) == [1] * 9 + [2] + [1] * 21


def test_an_absence_counts_only_inside_the_stay_of_that_person_in_that_offer():
    """Two persons from 10.01. to 20.01.; the absences reach over both ends, or belong to nobody here."""
    b = bestand(**grund("A-1", "B-1"), verfahren=[regel()], faelle=[
        fall("P0", "B-1", date(2025, 1, 1), None), fall("P1", "A-1", date(2026, 1, 10), date(2026, 1, 20)),
        fall("P2", "A-1", date(2025, 1, 1), None), fall("P3", "B-1", date(2026, 1, 10), date(2026, 1, 20)),
        fall("P4", "B-1", date(2025, 1, 1), None)],
        abwesenheiten=[weg("P1", date(2026, 1, 5), date(2026, 1, 12)), weg("P3", date(2026, 1, 18), date(2026, 1, 25), "B-1"),
                       weg("P0", date(2026, 1, 1), date(2026, 1, 31), "C-1"), weg("P9", date(2026, 1, 1), date(2026, 1, 31)),
                       weg("P1", date(2026, 1, 1), date(2026, 1, 31), "C-1"), weg("P4", date(2026, 1, 2), date(2026, 1, 3))])
    assert je_tag(b, "vermindert", angebot_id="A-1") == [0] * 9 + [1] * 3 + [0] * 19
    assert je_tag(b, "vermindert", angebot_id="B-1") == [0] * 17 + [1] * 3 + [0] * 11
    assert sum(je_tag(b)) == 3 * 31 + 11 - 3 + 11 - 3


def test_an_absence_before_the_first_row_of_all_takes_no_day_from_the_last():
    for namen in (("P1", "P2"), ("P2", "P1")):
        b = bestand(**grund("A-1"), verfahren=[regel()], abwesenheiten=[weg(namen[0], date(2026, 1, 5), date(2026, 1, 12))],
                    faelle=[fall(namen[0], "A-1", date(2026, 1, 10), None), fall(namen[1], "A-1", date(2025, 1, 1), None)])
        assert je_tag(b, "vermindert") == [0] * 9 + [1] * 3 + [0] * 19 and je_tag(b) == [1] * 9 + [1] * 3 + [2] * 19


def test_the_yearly_cap_runs_on_under_a_new_rule():
    """Cap 4 until 14.01., then 6: absent 02.–04. (3 paid), 10.–12. (1 paid, 2 in no figure), 14. (in none), 20.–24. (2 paid, 3 not); in
    the new year again from the start. Another person's cap is its own."""
    b = bestand(**grund("A-1"), verfahren=[regel(hoechstens=4), regel(date(2026, 1, 15), hoechstens=6)],
                faelle=[fall(p, "A-1", date(2025, 1, 1), None) for p in ("P1", "P2")],
                abwesenheiten=[weg("P1", date(2026, 1, a), date(2026, 1, e)) for a, e in ((20, 24), (2, 4), (14, 14), (10, 12))]
                + [weg("P2", date(2025, 12, 28), date(2026, 1, 3))])
    p1 = [0] + [1] * 3 + [0] * 5 + [1] + [0] * 9 + [1] * 2 + [0] * 10
    p2 = [1] * 3 + [0] * 28
    assert je_tag(b, "vermindert") == [x + y for x, y in zip(p1, p2, strict=True)]
    assert je_tag(b, "vermindert", von=date(2025, 12, 20), bis=date(2025, 12, 31)) == [0] * 8 + [1] * 4
    weg_p1 = {2, 3, 4, 10, 11, 12, 14, *range(20, 25)}
    assert je_tag(b) == [2 - (t in weg_p1) - (t <= 3) for t in range(1, 32)]


def test_ten_thousand_persons_have_each_their_own_cap():
    """Person 0 is absent in 2026, person 10.000 in 2025: each has its one paid day of its year."""
    b = bestand(**grund("A-1"), verfahren=[regel(hoechstens=1)],
                faelle=[fall(f"P{i}", "A-1", date(2025, 12, 1), None if i in (0, 10_000) else date(2025, 12, 1)) for i in range(10_001)],
                abwesenheiten=[weg("P0", date(2026, 1, 5), date(2026, 1, 6)), weg("P10000", date(2025, 12, 28), date(2025, 12, 29))])
    tage = je_tag(b, "vermindert", von=date(2025, 12, 28), bis=date(2026, 1, 6))
    assert tage == [1] + [0] * 7 + [1, 0]


@pytest.mark.parametrize("zuerst", [True, False, None])
def test_the_rule_of_the_exit_day_is_the_one_that_holds_that_day(zuerst):
    """Six persons leave on 13., 14., 15., 16., 17.01. and never; the rule changes on 15.01. (missing: the exit day counts)."""
    b = bestand(**grund("A-1"), verfahren=[regel(austritt=zuerst), regel(date(2026, 1, 15), austritt=zuerst is False)],
                faelle=[fall(f"P{t}", "A-1", date(2025, 1, 1), date(2026, 1, t) if t else None) for t in (13, 14, 15, 16, 17, 0)])
    erste = [13, 14] if zuerst is not False else [12, 13]
    letzter_tag = erste + ([15, 16, 17] if zuerst is False else [14, 15, 16]) + [31]
    assert je_tag(b) == [sum(t <= x for x in letzter_tag) for t in range(1, 32)]


def test_each_day_of_an_absence_follows_the_rule_that_holds_that_day():
    """Absent 10.–20.01.: two full days until 14.01., seven from 15.01. on: reduced 12.–14. and 17.–20.01."""
    b = bestand(**grund("A-1"), verfahren=[regel(volle=2), regel(date(2026, 1, 15), volle=7)],
                faelle=[fall("P1", "A-1", date(2025, 1, 1), None)], abwesenheiten=[weg("P1", date(2026, 1, 10), date(2026, 1, 20))])
    assert je_tag(b, "vermindert") == [0] * 11 + [1] * 3 + [0] * 2 + [1] * 4 + [0] * 11


def test_a_rule_is_its_providers_own():
    """T1 counts the exit day, T2 does not and pays absences less; a presence still open or of one day loses nothing."""
    g = grund("A-1", "B-1")
    g["traeger"].append({"traeger_id": "T2", "name": "Anderer"})
    g["angebote"][1]["traeger_id"] = "T2"
    b = bestand(**g, verfahren=[regel(volle=None), regel(austritt=False, traeger="T2")], faelle=[
        fall(p + a, a, x, y) for a in ("A-1", "B-1") for p, x, y in (
            ("P", date(2025, 1, 1), date(2026, 1, 10)), ("Q", date(2025, 1, 1), None), ("R", date(2026, 1, 20), date(2026, 1, 20)))],
        abwesenheiten=[weg("Q" + a, date(2026, 1, 3), date(2026, 1, 4), a) for a in ("A-1", "B-1")])
    assert je_tag(b, angebot_id="A-1") == [2] * 10 + [1] * 9 + [2] + [1] * 11
    assert je_tag(b, angebot_id="B-1") == [2] * 2 + [1] * 2 + [2] * 5 + [1] * 10 + [2] + [1] * 11
    assert je_tag(b, "vermindert") == [0, 0, 1, 1] + [0] * 27


def test_an_absence_that_ends_on_the_day_of_a_change_of_group_is_reduced_in_both_rows():
    """Absent 08.–10.01., group 2 from 10.01. on."""
    b = bestand(**grund("A-1"), verfahren=[regel()], abwesenheiten=[weg("P1", date(2026, 1, 8), date(2026, 1, 10))],
                faelle=[fall("P1", "A-1", date(2025, 1, 1), date(2026, 1, 9)), fall("P1", "A-1", date(2026, 1, 10), None, "2")])
    assert je_tag(b, "vermindert", hbg="1") == [0] * 7 + [1] * 2 + [0] * 22
    assert je_tag(b, "vermindert", hbg="2") == [0] * 9 + [1] + [0] * 21
    assert je_tag(b, hbg="1") == [1] * 7 + [0] * 24 and je_tag(b, hbg="2") == [0] * 10 + [1] * 21


def test_persons_are_those_of_the_own_paying_bodies_unless_said():
    b = bestand(**grund("A-1"), faelle=[fall("P1", "A-1", date(2025, 1, 1), None),
                                        {**fall("P2", "A-1", date(2026, 1, 2), None), "kostentraeger": "anderswo"}])
    zaehlung = [Personenzaehlung.aus(aufenthalte(b), ["A-1"], **x).zaehle(Q1) for x in ({}, {"nur_eigene": False})]
    assert [(p.stichtagszahl, p.faelle_im_zeitraum, p.zugaenge) for p in zaehlung] == [(1, 1, 0), (2, 2, 1)]


# ── staffing ────────────────────────────────────────────────────────────────────────────────────────────────────────────

def stelle(monat, qualifikation, vk, kosten=None, angebot="A-1"):
    return {"angebot_id": angebot, "monat": date(2026, monat, 1), "qualifikation": qualifikation, "vk": D(vk),
            "kosten_eur": None if kosten is None else D(kosten)}


STELLEN = [stelle(1, "fachkraft", "1.00", 5000), stelle(1, "nicht_fachkraft", "1.00", 3000), stelle(1, "leitung", "0.50", 4000),
           stelle(2, "fachkraft", "1.50"), stelle(2, "nicht_fachkraft", "0.50", 1500)]


def personal(leitung=None, stellen=STELLEN, angebote=("A-1",), faelle=(), schluessel=()):
    eigene = [fall(f"P{i}", "A-1", date(2025, 1, 1), None) for i in range(4)]
    b = bestand(**grund(*angebote), entgelte=[entgelt("1", "10.00")], personal=stellen,
                faelle=[*eigene, {**fall("X", "A-1", date(2025, 1, 1), None), "kostentraeger": "anderswo"}, *faelle],
                schluessel=[{"angebot_id": "A-1", "hbg": "1", "gueltig_ab": date(2020, 1, 1), "personen_je_vk": D(2),
                             "leitung_enthalten": leitung}, *schluessel])
    return analyse(b, "T1", "2026Q1").personal.quartal


@pytest.mark.parametrize(("leitung", "vk", "je_vk"), [(None, F(2), F(3800)), (False, F(2), F(3800)), (True, F(9, 4), F(4500))])
def test_vacant_posts_are_priced_by_the_posts_whose_cost_is_known(leitung, vk, je_vk):
    """4 own of 5 persons, key 1:2 → 2 VK needed. January 1,0 + 1,0 (+ 0,5 Leitung), February 1,5 + 0,5, March not given: mean 2,0 (2,25).
    Known costs 5.000 + 3.000 + 1.500 for 2,5 VK = 3.800 (with Leitung 13.500 for 3,0 = 4.500); (2 − 0,8 × VK) × 3 months × cost."""
    p = personal(leitung).gesamt
    assert (p.vk, p.vk_soll, p.fachkraftquote, p.monate_mit_angaben, p.monate) == (vk, 2, F(5, 8), 2, 3)
    assert {p.eigener_anteil.tage, p.eigener_anteil.personen, p.eigener_anteil.euro} == {F(4, 5)}
    assert p.unbesetzt_eur == (2 - F(4, 5) * vk) * 3 * je_vk
    assert (p.erfuellung.tage, p.personen_je_vk.tage, p.vk_je_100_plaetze.tage) == (F(2, 5) * vk, 5 / vk, 20 * vk)


def test_vacant_posts_without_any_cost_have_no_price():
    p = personal(stellen=[stelle(1, "fachkraft", "1.00")]).gesamt
    assert (p.vk, p.unbesetzt_eur) == (1, None)
    assert personal(stellen=[stelle(1, "fachkraft", "0.00", 100)]).gesamt.unbesetzt_eur is None


def test_a_provider_sums_its_offers_and_stays_open_where_one_is_unknown():
    """B-1: 3 persons, key 1:3 → 1 VK, 2 Fachkräfte for 9.000 in all three months: 1 too many, 1 × 3 × 4.500 = 13.500; C-1 is empty."""
    b1 = {"angebote": ("A-1", "B-1", "C-1"), "faelle": [fall(f"Q{i}", "B-1", date(2025, 1, 1), None) for i in range(3)],
          "stellen": STELLEN + [stelle(m, "fachkraft", "2.00", 9000, "B-1") for m in (1, 2, 3)]}
    key = [{"angebot_id": "B-1", "hbg": "1", "gueltig_ab": date(2020, 1, 1), "personen_je_vk": D(3)}]
    p = personal(**b1, schluessel=key)
    assert {a: (x.unbesetzt_eur, x.ueberbesetzt_eur) for a, x in p.je_angebot.items()} == {
        "A-1": (4560, 0), "B-1": (0, 13_500), "C-1": (None, None)}
    assert (p.gesamt.unbesetzt_eur, p.gesamt.ueberbesetzt_eur, p.gesamt.vk, p.gesamt.vk_soll) == (4560, 13_500, 4, 3)
    # means of the months each offer gives: A-1 1,25 of 2,0, B-1 2,0 of 2,0
    assert (p.gesamt.fachkraftquote, p.gesamt.monate_mit_angaben, p.gesamt.monate) == (F(13, 16), 2, 3)
    ohne = personal(**b1).gesamt  # B-1 without a key
    assert (ohne.vk, ohne.vk_soll, ohne.unbesetzt_eur, ohne.ueberbesetzt_eur) == (4, None, None, None)
    leer = personal(**{**b1, "stellen": []}, schluessel=key).gesamt
    assert (leer.vk, leer.fachkraftquote, leer.vk_soll, leer.unbesetzt_eur, leer.monate_mit_angaben) == (None, None, 3, None, 0)


def test_need_follows_the_key_day_by_day():
    """Four persons: key 1:2 until 31.01. (31 days), 1:4 from 01.02. on (59 days): (31 × 2 + 59 × 1) ÷ 90; a group without a key on its
    days leaves the need open."""
    neu = {"angebot_id": "A-1", "hbg": "1", "gueltig_ab": date(2026, 2, 1), "personen_je_vk": D(4)}
    assert personal(schluessel=[neu]).gesamt.vk_soll == F(121, 90)
    assert personal(schluessel=[neu], faelle=[fall("Z", "A-1", date(2026, 1, 1), date(2026, 1, 1), "2")]).gesamt.vk_soll is None
    spaet = {"angebot_id": "A-1", "hbg": "2", "gueltig_ab": date(2026, 2, 1), "personen_je_vk": D(1)}
    for beginn, erwartet in ((date(2026, 2, 1), F(121 + 59, 90)), (date(2026, 1, 31), None)):
        assert personal(schluessel=[neu, spaet], faelle=[fall("Z", "A-1", beginn, None, "2")]).gesamt.vk_soll == erwartet


def test_a_key_from_before_the_first_day_held_covers_that_day_too():
    b = bestand(**grund("A-1"), faelle=[fall("P1", "A-1", date(2025, 1, 1), None)],
                schluessel=[{"angebot_id": "A-1", "hbg": "1", "gueltig_ab": date(2020, 1, 1), "personen_je_vk": D(2)}])
    v = volumen(b, date(2026, 3, 31), von=date(2025, 1, 1))
    g, = grundlagen(b, v, Entgelte(b, date(2025, 1, 1), date(2026, 12, 31)), ["A-1"])
    t = g.tage(slice(0, 455))
    assert not t.ohne_schluessel and (t.je_schluessel, g.vk_je_person) == ([455], [F(1, 2)])


def test_a_provider_with_neither_days_nor_staff_needs_nobody():
    p = analyse(bestand(**grund("A-1", "B-1")), "T1", "2026Q1").personal.quartal.gesamt
    assert (p.vk, p.vk_soll, p.vk_anteilig.tage, p.unbesetzt_eur, p.monate_mit_angaben, p.monate) == (None, 0, None, None, 0, 3)
