"""Hand-worked: rate models, base-year derivation, Puffer and settlements, free places, transitions, vacancies in Euro, identities."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kleinbestand import bestand, fall, grund

from traeger_lib import analyse
from traeger_lib.analysis.budget import mengengeruest
from traeger_lib.analysis.deviation import Effekte, abweichung, effekte
from traeger_lib.analysis.money import gleiche_teile, runde_cent
from traeger_lib.analysis.periods import Quartal, Zeitraum
from traeger_lib.analysis.persons import Personenzaehlung
from traeger_lib.analysis.stays import aufenthalte
from traeger_lib.analysis.volume import volumen

D = Decimal
Q1 = Zeitraum(date(2026, 1, 1), date(2026, 3, 31))


def entgelt(angebot, hbg, betrag, ab=date(2020, 1, 1), **mehr):
    return {"angebot_id": angebot, "hbg": hbg, "gueltig_ab": ab, "grundpauschale": D("0.00"), "massnahmepauschale": D(betrag),
            "investitionsbetrag": D("0.00"), **mehr}


def plan(angebot, hbg, plaetze, jahr=2026, **mehr):
    return {"traeger_id": "T1", "budgetjahr": jahr, "version": 1, "beschlossen_am": date(jahr - 1, 11, 1), "art": "fallbezogen",
            "angebot_id": angebot, "hbg": hbg, "plaetze_plan": D(plaetze), **mehr}


def nordfriesland(modell):
    g = grund("A-1")
    g["traeger"][0]["modell"] = modell
    return bestand(**g, entgelte=[entgelt("A-1", "1", "50.00"), entgelt("A-1", "2", "80.05")],
                   budgets=[plan("A-1", "1", 3), plan("A-1", "2", 1)],
                   faelle=[fall(f"P{i}", "A-1", date(2025, 1, 1), None, hbg) for i, hbg in enumerate("1122")])


def test_nordfriesland_pays_one_mean_rate_for_all_groups():
    """(3 × 50,00 + 1 × 80,05) ÷ 4 = 57,5125 → 57,51 a day for everybody; a shift between groups then moves no Euro."""
    f = analyse(nordfriesland("Nordfriesland"), "T1", "2026Q1")
    a = f.abweichung.quartal.gesamt
    assert (a.soll_eur, a.ist_eur, a.mixeffekt_eur) == (D("20703.60"), D("20703.60"), D("0.00"))  # 4 × 90 × 57,51
    assert {h.entgelt_eur for h in f.budget.herleitung} == {D("57.51")}
    assert f.budget.gesamt_eur == D("57.51") * 4 * 365


def test_bremen_pays_each_group_its_own_rate_and_an_unknown_model_is_told():
    """Plan 3 × 50 + 1 × 80,05, actual 2 + 2: mix = 90 × (130,05·2 − 230,05) = 2.704,50."""
    f = analyse(nordfriesland("Bremen"), "T1", "2026Q1")
    assert f.abweichung.quartal.gesamt.mixeffekt_eur == D("2704.50")
    g = analyse(nordfriesland("Atlantis"), "T1", "2026Q1")
    assert g.abweichung == f.abweichung and any("Atlantis" in h.text for h in g.hinweise)


def test_a_schedule_from_the_base_year_leaves_out_what_does_not_belong():
    """2024: P1 own, all year = 1 place; P2 own, half (183 of 366 days) = 0,5; external and single-case setting stay out."""
    b = bestand(**grund("A-1"), faelle=[
        fall("P1", "A-1", date(2024, 1, 1), None), fall("P2", "A-1", date(2024, 1, 1), date(2024, 7, 1)),
        {**fall("P3", "A-1", date(2024, 1, 1), None), "kostentraeger": "anderswo"},
        fall("P4", "A-1", date(2024, 1, 1), None, besonderheit="einzelfallsetting")])
    v = volumen(b, date(2026, 3, 31), von=date(2024, 1, 1))
    assert mengengeruest(v, 2024, ["A-1"])[0].plaetze_plan == D("1.50")
    mit = mengengeruest(v, 2024, ["A-1"], wachstum={"A-1": Fraction(4, 100)})  # Hamburg: expected growth is in it
    assert mit[0].plaetze_plan == D("1.56")


def test_a_buffer_is_settled_in_money_or_by_measures():
    """2025: 12 × instalments for 2 places at 10,00 = 7.300,00; one person all year = 3.650,00 → Puffer 3.650,00."""
    b = bestand(**grund("A-1"), entgelte=[entgelt("A-1", "1", "10.00")], budgets=[plan("A-1", "1", 2, 2025), plan("A-1", "1", 1, 2026)],
                faelle=[fall("P1", "A-1", date(2025, 1, 1), None)],
                anpassungen=[{"traeger_id": "T1", "budgetjahr": 2026, "wirksam_ab": date(2026, 4, 1), "betrag_eur": D("-1000.00"),
                              "grund": "Ausgleich 2025", "ausgleich_jahr": 2025}],
                massnahmen=[{"massnahme_id": "M1", "traeger_id": "T1", "perspektive": "p", "ziel": "z", "massnahme": "m",
                             "status": "laufend",
                             "mittel_eur": D("650.00"), "ausgleich_jahr": 2025}])
    p = {x.budgetjahr: x for x in analyse(b, "T1", "2026Q1").puffer_jahre}
    assert (p[2025].puffer_eur, p[2025].ausgleich_geld_eur, p[2025].ausgleich_massnahmen_eur, p[2025].offen_eur) == (
        D("3650.00"), D("-1000.00"), D("650.00"), D("2000.00"))
    # 2026 so far: 3 of 12 instalments of 3.650,00 (304,17 each, the larger ones first) − 90 days × 10,00
    assert p[2026].puffer_eur == D("12.51")


def test_free_places_transitions_and_events():
    """Two places, one free from 11.01. to 31.01. (21 days) after one exit; HBG 1 → 2 + S on 01.03."""
    g = grund("A-1")
    g["angebote"][0]["plaetze"] = 2
    b = bestand(**g, faelle=[  # no budget, no rates: the counts are there all the same
        fall("P1", "A-1", date(2025, 1, 1), date(2026, 1, 10)), fall("P2", "A-1", date(2026, 2, 1), None),
        fall("P3", "A-1", date(2025, 1, 1), date(2026, 2, 28)), fall("P3", "A-1", date(2026, 3, 1), None, "2", s=True, hbg_ausgang="3")],
        abwesenheiten=[{"person_id": "P3", "angebot_id": "A-1", "beginn": date(2026, 1, 5), "ende": date(2026, 1, 7)},
                       {"person_id": "P3", "angebot_id": "A-1", "beginn": date(2026, 1, 8), "ende": date(2026, 1, 9)}])
    f = analyse(b, "T1", "2026Q1")
    assert f.abweichung.quartal.gesamt.ist_eur is None and any(h.schluessel == "entgelt_fehlt" for h in f.hinweise)
    (frei,) = f.belegung
    assert (frei.abgaenge, frei.wiederbelegung_tage) == (1, 21)
    assert [(u.von, u.nach, u.anzahl) for u in f.uebergaenge] == [("1", "2 + S", 1)]
    e = f.ereignisse[-1]
    assert (e.zugaenge, e.beendigungen, e.unterbrechungen, e.hbg_aenderungen) == (1, 1, 1, 1)


def test_vacant_posts_in_euro():
    """10 persons, key 1:5 → 2 VK needed, 1,5 there at 6.000 € a month (4.000 € per VK): 0,5 × 3 × 4.000 = 6.000 €."""
    b = bestand(**grund("A-1"), faelle=[fall(f"P{i}", "A-1", date(2025, 1, 1), None) for i in range(10)],
                schluessel=[{"angebot_id": "A-1", "hbg": "1", "gueltig_ab": date(2020, 1, 1), "personen_je_vk": D(5)}],
                personal=[{"angebot_id": "A-1", "monat": date(2026, m, 1), "qualifikation": "fachkraft", "vk": D("1.5"),
                           "kosten_eur": D(6000)}
                          for m in (1, 2, 3)])
    p = analyse(b, "T1", "2026Q1").personal.quartal.gesamt
    assert (p.vk_soll, p.erfuellung.tage, p.unbesetzt_eur) == (2, Fraction(3, 4), 6000)


# ── identities ──────────────────────────────────────────────────────────────────────────────────────────────────────────

tag = st.integers(0, 900).map(lambda n: date(2024, 1, 1) + timedelta(days=n))
aufenthalt = st.tuples(st.integers(0, 6), st.sampled_from(["A-1", "B-1"]), tag, st.integers(0, 400), st.sampled_from("12"), st.booleans())


@st.composite
def faelle(draw):
    """Stays without overlap of one person in one offer."""
    belegt, zeilen = {}, []
    for person, angebot, beginn, dauer, hbg, offen in draw(st.lists(aufenthalt, max_size=25)):
        ende = beginn + timedelta(days=dauer)
        bisher = belegt.setdefault((person, angebot), [])
        if any(b <= (date.max if offen else ende) and beginn <= e for b, e in bisher):
            continue
        bisher.append((beginn, date.max if offen else ende))
        zeilen.append(fall(f"P{person}", angebot, beginn, None if offen else ende, hbg))
    return zeilen


@settings(max_examples=60, deadline=None, derandomize=True)
@given(faelle(), st.booleans(), st.randoms(use_true_random=False))
def test_counting_keeps_its_balance(zeilen, austritt, zufall):
    """Census + admissions − discharges = census; row order is irrelevant; doubled persons double the days."""
    regel = [{"traeger_id": "T1", "gueltig_ab": date(2020, 1, 1), "austrittstag_zaehlt": austritt}]
    b = bestand(**grund("A-1", "B-1"), faelle=zeilen, verfahren=regel)
    v, jahr = volumen(b, date(2026, 3, 31), von=date(2024, 1, 1)), Zeitraum(date(2024, 1, 1), date(2026, 3, 31))
    gemischt = list(zeilen)
    zufall.shuffle(gemischt)
    w = volumen(replace(b, tabellen=bestand(**grund("A-1", "B-1"), faelle=gemischt, verfahren=regel).tabellen), date(2026, 3, 31),
                von=date(2024, 1, 1))
    assert v.gruppen == w.gruppen and np.array_equal(v.voll, w.voll)
    doppelt = bestand(**grund("A-1", "B-1"), faelle=zeilen + [{**z, "person_id": "X" + z["person_id"]} for z in zeilen], verfahren=regel)
    assert volumen(doppelt, date(2026, 3, 31), von=date(2024, 1, 1)).summe("voll", jahr).sum() == 2 * v.summe("voll", jahr).sum()
    for angebote in (["A-1"], ["B-1"], ["A-1", "B-1"]):
        zaehlung = Personenzaehlung.aus(aufenthalte(b), angebote)
        quartal = Quartal(2024, 2)
        for _ in range(8):
            vorher, jetzt = zaehlung.zaehle(quartal.vor().zeitraum), zaehlung.zaehle(quartal.zeitraum)
            assert vorher.stichtagszahl + jetzt.zugaenge - jetzt.abgaenge == jetzt.stichtagszahl
            quartal = quartal.vor(-1)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.decimals(-10**7, 10**7, places=2), st.integers(1, 12))
def test_instalments_sum_to_the_budget_and_differ_by_a_cent(betrag, n):
    teile = gleiche_teile(betrag, n)
    assert sum(teile) == betrag and max(teile) - min(teile) <= D("0.01") and teile == sorted(teile, reverse=True)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900), st.integers(0, 400), st.integers(1, 30000), st.integers(1, 30000)),
                min_size=1, max_size=5))
def test_the_four_effects_sum_to_the_deviation_to_the_cent(gruppen):
    namen = [str(i) for i in range(len(gruppen))]
    a = {h: g[0] for h, g in zip(namen, gruppen, strict=True)}
    a_s = dict(zip(namen, [*list(a.values())[1:], a[namen[0]]], strict=True))
    p = {h: Fraction(g[2], 7) for h, g in zip(namen, gruppen, strict=True)}
    p0 = {h: Fraction(g[3], 31) for h, g in zip(namen, gruppen, strict=True)}
    e = effekte(a, a_s, Fraction(sum(g[0] * g[4] for g in gruppen)), p, p0)
    assert e.menge + e.mix + e.s + e.preis == e.ist - e.soll
    x = abweichung(e, mit_budget=True)
    assert x.mengeneffekt_eur + x.mixeffekt_eur + x.s_effekt_eur + x.preiseffekt_eur == x.abweichung_eur == x.ist_eur - x.soll_eur
    assert x.abweichung_s_neutral_eur == x.abweichung_eur - x.s_effekt_eur


def test_adding_effects_adds_every_part():
    assert Effekte.summe([Effekte(soll=Fraction(1), a=2), Effekte(soll=Fraction(3), a=4)]) == Effekte(soll=Fraction(4), a=6)


@pytest.mark.parametrize(("x", "cent"), [("0.005", "0.01"), ("-0.005", "-0.01"), ("2.675", "2.68"), ("0.0049999", "0.00")])
def test_rounding_is_commercial(x, cent):
    assert runde_cent(D(x)) == runde_cent(Fraction(x)) == D(cent)
