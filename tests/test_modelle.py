"""Six places in one tool: the special rule of each by hand, and its invented Bestand through the commands."""

import json
import re
from datetime import date
from decimal import Decimal
from fractions import Fraction

import openpyxl
import pytest
from kleinbestand import bestand, fall, grund
from test_budget_and_events import entgelt, plan

from traeger_lib import analyse, load
from traeger_lib.analysis.budget import mengengeruest
from traeger_lib.analysis.volume import volumen
from traeger_lib.inputs.demo import MODELLE, erzeuge
from traeger_lib.reporting import content, sections
from traeger_lib.reporting.sentences import saetze

D = Decimal
SEIT = date(2020, 1, 1)


def mit_modell(name, *angebote, **traeger):
    g = grund(*angebote)
    g["traeger"][0] |= {"modell": name, **traeger}
    return g


def projekt(betrag, jahr=2026):
    return {"traeger_id": "T1", "budgetjahr": jahr, "version": 1, "beschlossen_am": date(jahr - 1, 11, 1), "art": "pauschal",
            "bezeichnung": "Anteil am gemeinsamen Projekt", "betrag_eur": D(betrag)}


def test_bremen_takes_the_base_year_two_back_and_is_assessed_anew_after_a_year():
    """2024 one person, from 2025 on two. Budget 2026 from 2024: 1 × 365 × 50,00 = 18.250,00. Version 2, decided on 18.02.2026 from
    2025: 2 × 365 × 50,00 = 36.500,00, for the whole year: 8 × 3.041,67 + 4 × 3.041,66. End of 2025 version 1 still held."""
    faelle = [fall("P1", "A-1", date(2024, 1, 1), None), fall("P2", "A-1", date(2025, 1, 1), None)]
    vol = volumen(bestand(**grund("A-1"), faelle=faelle), date(2026, 3, 31), von=date(2024, 1, 1))
    plaetze = [mengengeruest(vol, jahr, ["A-1"])[0].plaetze_plan for jahr in (2024, 2025)]
    assert plaetze == [D("1.00"), D("2.00")]
    zeilen = [plan("A-1", "1", plaetze[0], basisjahr=2024), plan("A-1", "1", plaetze[1], basisjahr=2025) | {
        "version": 2, "beschlossen_am": date(2026, 2, 18)}]
    b = bestand(**mit_modell("Bremen", "A-1"), entgelte=[entgelt("A-1", "1", "50.00")], budgets=zeilen, faelle=faelle)
    budget = analyse(b, "T1", "2026Q1").budget
    assert (budget.version, budget.basisjahr, budget.gesamt_eur) == (2, 2025, D("36500.00"))
    assert [r.betrag_eur for r in budget.raten] == [D("3041.67")] * 8 + [D("3041.66")] * 4
    vorher = bestand(**mit_modell("Bremen", "A-1"), entgelte=[entgelt("A-1", "1", "50.00")], budgets=zeilen[:1], faelle=faelle)
    assert analyse(vorher, "T1", "2026Q1").budget.gesamt_eur == D("18250.00")


def test_bremerhaven_starts_in_mid_year_with_single_offers_external_payers_and_s():
    """From 01.07.2026 one offer of two. Budget: 3 places of group 2 at 80,00 for 184 days = 44.160,00 in 6 × 7.360,00.
    3rd quarter, 92 days: two persons in group 2, one in „1 + S“ (50,00) coming from 2, one of another paying body:
    Soll 3 × 92 × 80 = 22.080,00, S effect 92 × (50 − 80) = −2.760,00, S-neutral 0. 2 VK × 3 own of 4 = 1,5 VK."""
    b = bestand(
        datenstand=date(2026, 9, 30), **mit_modell("Bremerhaven", "A-1", "B-1", budget_beginn=date(2026, 7, 1)),
        entgelte=[entgelt("A-1", "1", "50.00"), entgelt("A-1", "2", "80.00"), entgelt("B-1", "1", "99.00")],
        budgets=[plan("A-1", "2", 3)],
        faelle=[fall("P1", "A-1", SEIT, None, "2"), fall("P2", "A-1", SEIT, None, "2"),
                fall("P3", "A-1", SEIT, None, "1", s=True, hbg_ausgang="2"),
                fall("P4", "A-1", SEIT, None, "2") | {"kostentraeger": "Kreis Nebenan"}, fall("P5", "B-1", SEIT, None)],
        personal=[{"angebot_id": "A-1", "monat": date(2026, m, 1), "qualifikation": "fachkraft", "vk": D(2)} for m in (7, 8, 9)])
    b["angebote"]["im_budget"] = b["angebote"]["angebot_id"] == "A-1"
    f = analyse(b, "T1", "2026Q3")
    assert f.budget.gesamt_eur == D("44160.00") and [r.betrag_eur for r in f.budget.raten] == [D("7360.00")] * 6
    a = f.abweichung.kumuliert.gesamt
    assert (a.soll_eur, a.s_effekt_eur, a.abweichung_s_neutral_eur) == (D("22080.00"), D("-2760.00"), D("0.00"))
    assert f.personal.quartal.je_angebot["A-1"].vk_anteilig.tage == Fraction(3, 2)
    assert f.fallzahlen.quartal.je_angebot["A-1"].anteil_auswaertige == Fraction(1, 4)
    assert f.fallzahlen.quartal.im_budget.durchschnittlich_belegte_plaetze == 3


def test_hamburg_pays_volume_times_price_and_projects_growth_included():
    """2022 two places, + 2 % a year for four years: 2,16 × 365 × 50,00 = 39.420,00; a quarter of a project of 120.000,00 that
    several share: 30.000,00; together 69.420,00. The parties meet each half-year: 2026Q1 and 2026Q2 on the same day."""
    faelle = [fall(f"P{i}", "A-1", date(2022, 1, 1), None) for i in (1, 2)]
    vol = volumen(bestand(**grund("A-1"), faelle=faelle), date(2026, 3, 31), von=date(2022, 1, 1))
    zeile, = mengengeruest(vol, 2022, ["A-1"], wachstum={"A-1": Fraction(2, 100) * 4})
    assert zeile.plaetze_plan == D("2.16")
    b = bestand(**mit_modell("Hamburg", "A-1"), entgelte=[entgelt("A-1", "1", "50.00")], faelle=faelle,
                budgets=[plan("A-1", "1", zeile.plaetze_plan, basisjahr=2022), projekt("30000.00")],
                termine=[{"traeger_id": "T1", "quartal": q, "termin": t} for q, t in (
                    ("2025Q4", date(2026, 2, 2)), ("2026Q2", date(2026, 8, 3)))])
    f = analyse(b, "T1", "2026Q1")
    assert (f.budget.fallbezogen_eur, f.budget.gesamt_eur) == (D("39420.00"), D("69420.00"))
    assert f.termin == date(2026, 8, 3) == analyse(b, "T1", "2026Q2").termin
    assert analyse(b, "T1", "2025Q4").termin == date(2026, 2, 2) and analyse(b, "T1", "2025Q2").termin is None
    b["traeger"]["modell"] = "Bremen"
    assert analyse(b, "T1", "2026Q1").termin is None  # a meeting each quarter: that of 2026Q2 is another one


def test_rheinland_pfalz_is_one_budget_and_one_view_over_the_sectors():
    """P1 moves from the Wohnform into assistance on 10.02.2026 (that day counts there): 40 and 50 of 90 days; P2 is in day care all
    the time. No admission, no exit, one move. One budget: (1 × 100 + 0,5 × 40 + 1 × 30) × 365 = 54.750,00 in twelve instalments."""
    g = mit_modell("Rheinland-Pfalz", "A-1", "B-1", "C-1")
    for a, sektor in zip(g["angebote"], ("besondere Wohnform", "ambulant", "teilstationär"), strict=True):
        a["sektor"] = sektor
    b = bestand(**g, entgelte=[entgelt(a, "1", x) for a, x in (("A-1", "100.00"), ("B-1", "40.00"), ("C-1", "30.00"))],
                budgets=[plan("A-1", "1", 1), plan("B-1", "1", "0.5"), plan("C-1", "1", 1)],
                faelle=[
                    fall("P1", "A-1", SEIT, date(2026, 2, 10)), fall("P1", "B-1", date(2026, 2, 10), None), fall("P2", "C-1", SEIT, None)])
    f = analyse(b, "T1", "2026Q1")
    assert f.budget.gesamt_eur == D("54750.00") == sum(r.betrag_eur for r in f.budget.raten)
    sektoren, wechsel = content.sektoren(f)
    assert [z[:3] for z in sektoren.zeilen] == [("ambulant", Fraction(50, 90), Fraction(5, 18)), (
        "besondere Wohnform", Fraction(40, 90), Fraction(4, 18)), ("teilstationär", 1, Fraction(1, 2)), ("Träger gesamt", 2, 1)]
    assert wechsel.zeilen == (("besondere Wohnform", "ambulant", 1),)
    gesamt = f.fallzahlen.quartal.gesamt
    assert (gesamt.zugaenge, gesamt.abgaenge, gesamt.wechsel) == (0, 0, 1)


def test_braunschweig_reports_measures_alone():
    """Two measures, one overdue on 31.03.2026; no offer, no case, no budget: one sentence, no empty sections."""
    m = {"traeger_id": "T1", "perspektive": "Sozialraum", "ziel": "Wege", "massnahme": "Bänke", "status": "laufend", "handlungsfeld":
         "Infrastruktur/Mobilität", "prioritaet": "1–3", "mittel_eur": D("18000.00"), "eigenanteil_eur": D("3600.00")}
    b = bestand(traeger=mit_modell("Braunschweig")["traeger"], massnahmen=[
        m | {"massnahme_id": "M1", "faellig": date(2030, 12, 31)}, m | {"massnahme_id": "M2", "faellig": date(2026, 3, 30)}])
    f = analyse(b, "T1", "2026Q1")
    assert [(s.titel, s.text) for s in saetze(f)] == [
        ("Maßnahmen", "Vereinbart sind 2\u00a0Maßnahmen: 2 laufend. Überfällig ist eine: Bänke (seit 30.03.2026).")]
    zeige = sections.zeige(f)
    assert [name for name in sections.ABSCHNITTE if zeige(name)] == ["massnahmen", "hinweise"]
    assert "Mixindex" not in zeige("antworten").text and "Maßnahmenplan ohne" in sections.kopf(f).text
    assert [h.schluessel for h in f.hinweise] == ["nur_massnahmen"]


# ── the invented Bestände ───────────────────────────────────────────────────────────────────────────────────────

def test_what_the_models_promise():
    t = {m: erzeuge(None, 6, 2026, m) for m in MODELLE}
    assert {m: len(x["traeger"]) for m, x in t.items()} == {
        "bremen": 1, "bremerhaven": 6, "hamburg": 8, "nordfriesland": 2, "rheinland-pfalz": 1, "braunschweig": 1}
    assert all(set(x["traeger"]["modell"]) == {MODELLE[m]["modell"]} for m, x in t.items())
    assert all(x["traeger"]["name"].str.startswith("Träger Beispiel").all() for x in t.values())
    b = t["bremen"]["budgets"]
    assert {tuple(r) for r in b.loc[b["art"] == "fallbezogen", ["budgetjahr", "version", "basisjahr"]].to_numpy()} == {
        ("2025", "1", "2023"), ("2026", "1", "2024"), ("2026", "2", "2025")}
    assert sorted(t["bremerhaven"]["traeger"]["budget_beginn"], key=lambda d: d[::-1]) == [
        f"01.{m}.{j}" for j, m in ((2024, "07"), (2025, "01"), (2025, "07"), (2026, "01"), (2026, "07"), (2027, "01"))]
    assert set(t["bremerhaven"]["angebote"]["im_budget"]) == {"ja", "nein"} and t["bremerhaven"]["faelle"]["kostentraeger"].nunique() > 2
    h = t["hamburg"]["budgets"]
    projekt = h[h["bezeichnung"].str.contains("Trägerübergreifend", na=False)]
    assert {j: sum(int(x.replace(",", "")) for x in g["betrag_eur"]) for j, g in projekt.groupby("budgetjahr")} == dict.fromkeys(
        ("2024", "2025", "2026", "2027", "2028"), 120_000_00)  # the shares of all eight add up to the project, every year
    assert set(h.loc[h["art"] == "fallbezogen", "basisjahr"]) == {"2022"}
    assert set(t["hamburg"]["termine"]["quartal"]) == {"2025Q2", "2025Q4", "2026Q2"}
    plan_ = t["braunschweig"]
    assert all(plan_[n].empty for n in ("angebote", "faelle", "budgets", "personal", "entgelte"))
    assert "31.12.2030" in set(plan_["massnahmen"]["faellig"]) and plan_["massnahmen"]["eigenanteil_eur"].str.len().max() > 0


def test_the_frame_holds_the_growth(tmp_path, traeger):
    """ABW of the first provider grows by 2 % a year: plan 2026 = places of 2022 × 1,08 in each need group, to the hundredth."""
    assert traeger("demo", tmp_path / "hh", "--model", "hamburg", "--providers", "1").exit_code == 0
    budget = analyse(load(tmp_path / "hh", "BSP-BIRKE"), "BSP-BIRKE", "2026Q1").budget
    zeilen = [z for z in budget.herleitung if z.angebot_id == "BIRKE-ABW"]
    assert len(zeilen) >= 3
    assert all(abs(Fraction(z.plaetze_plan) - z.plaetze_basisjahr * Fraction(108, 100)) <= Fraction(1, 200) for z in zeilen)


@pytest.mark.parametrize(("name", "anzahl"), [("bremen", 1), ("bremerhaven", 6), ("hamburg", 8)])
def test_three_models_run_through_the_whole_quarter(name, anzahl, tmp_path, traeger):
    assert traeger("demo", tmp_path / name, "--model", name).exit_code == 0
    lauf = traeger("quarter", "2026Q1", tmp_path / name, "--out", tmp_path / "aus", "--jobs", 2)
    assert lauf.exit_code == 0, lauf.output
    staende = [e["stand"] for e in json.loads((tmp_path / "aus" / "lauf.json").read_text())["traeger"]]
    assert staende == ["fertig"] * anzahl


@pytest.mark.parametrize(("name", "kennung"), [
    ("nordfriesland", "BSP-DUENE"), ("rheinland-pfalz", "BSP-REBE"), ("braunschweig", "BSP-QUARTIER")])
def test_the_others_give_facts_and_a_report(name, kennung, tmp_path, traeger):
    assert traeger("demo", tmp_path / name, "--model", name).exit_code == 0
    k = json.loads(traeger("facts", kennung, "2026Q1", tmp_path / name).output)
    lauf = traeger("quarter", "2026Q1", tmp_path / name, "--out", tmp_path / "aus", "--only", kennung)
    assert lauf.exit_code == 0, lauf.output
    seite = (tmp_path / "aus" / kennung / "bericht.html").read_text()
    assert "erfundene" in seite.lower()
    if name == "nordfriesland":  # one rate an offer and period, whatever the need group
        je = {(z["angebot_id"], z["von"]): set() for z in k["budget"]["herleitung"]}
        for z in k["budget"]["herleitung"]:
            je[z["angebot_id"], z["von"]].add(z["entgelt_eur"])
        assert len(je) == 2 and all(len(x) == 1 for x in je.values())
    elif name == "rheinland-pfalz":
        assert "Ein Blick über die Sektoren" in seite and "Wechsel zwischen Sektoren" in seite
    else:
        blaetter = openpyxl.load_workbook(tmp_path / "aus" / kennung / "tabellen.xlsx").sheetnames
        assert {"Maßnahmen", "Förderung nach Jahren"} < set(blaetter) and not {"Fallzahlen", "HBG-Mix", "Budget"} & set(blaetter)
        assert k["budget"]["gesamt_eur"] is None and k["fallzahlen"]["quartal"]["belegungstage"] == 0
        assert "Was wurde aus den vereinbarten Maßnahmen?" in seite and not re.search("Fallzahlen und Trend|HBG-Mix|Mixindex,", seite)


def test_an_unknown_model_is_told(tmp_path, traeger):
    ergebnis = traeger("demo", tmp_path / "x", "--model", "atlantis")
    assert ergebnis.exit_code == 2 and "rheinland-pfalz" in ergebnis.output and not (tmp_path / "x").exists()
