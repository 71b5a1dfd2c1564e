"""A figure that cannot be given is null, and its reason stands in `hinweise`; what the check accepts is computed (found by an audit)."""

from datetime import date
from decimal import Decimal

import pytest
from kleinbestand import bestand, fall, grund

from traeger_lib import analyse
from traeger_lib.analysis.analyse import Analyse
from traeger_lib.analysis.periods import Quartal
from traeger_lib.analysis.scenario_places import Ausgangslage
from traeger_lib.inputs import checks, view
from traeger_lib.inputs.faults import Fehlerliste
from traeger_lib.reporting import charts, coarse, content, sections
from traeger_lib.reporting.sentences import hochrechnung, saetze

JAN1 = date(2026, 1, 1)


def satz(hbg, ab=date(2024, 1, 1), bis=None, faktor="0.75", am=None):
    return {"angebot_id": "A", "hbg": hbg, "gueltig_ab": ab, "gueltig_bis": bis, "grundpauschale": Decimal(10), "massnahmepauschale":
            Decimal(20), "investitionsbetrag": Decimal(5), "abwesenheit_faktor": faktor and Decimal(faktor), "beschlossen_am": am}


def zeile(hbg, plaetze, am=date(2025, 11, 1)):
    return {"traeger_id": "T1", "budgetjahr": 2026, "version": 1, "beschlossen_am": am, "art": "fallbezogen", "angebot_id": "A", "hbg": hbg,
            "plaetze_plan": Decimal(plaetze)}


def regel(ab, voll=None, **mehr):
    return {"traeger_id": "T1", "gueltig_ab": ab, "austrittstag_zaehlt": True, "abwesenheit_volle_tage": voll, **mehr}


def schluessel(x):
    return {h.schluessel for h in x.hinweise}


def fehler(b):
    """What the rules find, by kind and column."""
    lage = view.Lage(dict(b.tabellen), {}, b.datenstand, b.eigene_kostentraeger)
    return [(f.art, f.spalte) for f in checks.pruefe(lage)[0]]


EIN_FALL = [fall("P1", "A", JAN1, None)]


def test_rates_not_yet_decided_for_the_rest_of_the_year_leave_the_quarter_whole():
    """Rates end on 30.06.: the first quarter is priced in full, the budget of the year cannot be derived yet."""
    b = bestand(**grund("A"), entgelte=[satz("1", bis=date(2026, 6, 30))], budgets=[zeile("1", 2)], faelle=EIN_FALL)
    assert fehler(b) == []
    x = analyse(b, "T1", "2026Q1")
    assert x.abweichung.quartal.gesamt.soll_eur == 2 * 90 * 35 and x.klassische_abrechnung.quartal.gesamt.betrag_eur == 90 * 35
    k = x.kennzahlen()
    assert x.budget is None and k["budget"]["gesamt_eur"] is None and k["budget"]["puffer_eur"] is None
    (text,) = [h.text for h in x.hinweise if h.schluessel == "budget_offen"]
    assert text == ("Für Angebot A, HBG 1 fehlt am 01.07.2026 ein Entgelt. "
                    "Das Budget 2026 lässt sich daher noch nicht berechnen, ebenso Raten und Puffer.")
    assert "Budget noch nicht berechenbar" in sections.kopf(x).text and "unter dem budgetierten Wert" in saetze(x)[3].text
    with pytest.raises(Fehlerliste, match=r"HBG 1 fehlt am 01\.07\.2026 ein Entgelt"):
        analyse(bestand(date(2026, 9, 30), **grund("A"), entgelte=[satz("1", bis=date(2026, 6, 30))], budgets=[zeile("1", 2)],
                        faelle=EIN_FALL), "T1", "2026Q3")


@pytest.mark.parametrize(("tabellen", "spalte"), [
    ({"budgets": [zeile("1", 2), zeile("2", 1)]}, "hbg"),
    ({"budgets": [zeile("1", 2)], "faelle": [fall("P1", "A", JAN1, None, s=True, hbg_ausgang="2")]}, "hbg_ausgang"),
    ({"budgets": [zeile("1", 2)], "entgelte": [satz("1", bis=date(2026, 2, 28))], "faelle": [fall("P1", "A", JAN1, date(2026, 3, 20))]},
     "hbg"),
])
def test_the_check_names_what_the_report_would_refuse(tabellen, spalte):
    """A planned group, a group before S, a stay that is known to go on after the Datenstand: without a rate no report."""
    b = bestand(date(2026, 2, 15), **grund("A"), **({"entgelte": [satz("1")], "faelle": EIN_FALL} | tabellen))
    assert ("ohne_entgelt", spalte) in fehler(b)
    with pytest.raises(Fehlerliste):
        analyse(b, "T1", "2026Q1")


def test_a_planned_group_may_take_a_rate_decided_later():
    spaeter = satz("2", date(2026, 3, 1), am=date(2026, 2, 1))
    b = bestand(**grund("A"), entgelte=[satz("1"), spaeter], budgets=[zeile("1", 2), zeile("2", 1)], faelle=EIN_FALL)
    assert fehler(b) == [] and analyse(b, "T1", "2026Q1").budget.gesamt_eur == 3 * 365 * 35


@pytest.mark.parametrize(("regeln", "von", "bis", "faul"), [
    ([regel(date(2024, 1, 1)), regel(JAN1, 3)], date(2025, 12, 20), date(2026, 1, 20), True),
    ([regel(date(2024, 1, 1), 3), regel(JAN1)], date(2025, 12, 30), date(2026, 1, 20), False),
    ([regel(date(2024, 1, 1), 3, abwesenheit_max_tage_jahr=0)], date(2026, 1, 2), date(2026, 1, 20), False),
])
def test_reduced_days_follow_the_rule_of_each_day_in_check_and_report_alike(regeln, von, bis, faul):
    b = bestand(**grund("A"), entgelte=[satz("1", faktor=None)], budgets=[zeile("1", 1)], verfahren=regeln,
                faelle=[fall("P1", "A", date(2025, 6, 1), None)],
                abwesenheiten=[{"person_id": "P1", "angebot_id": "A", "beginn": von, "ende": bis}])
    assert (("faktor_fehlt", "abwesenheit_faktor") in fehler(b)) == faul
    if faul:
        with pytest.raises(Fehlerliste, match=r"fehlt am 01\.01\.2026 der Anteil für Abwesenheit"):
            analyse(b, "T1", "2026Q1")
    else:
        analyse(b, "T1", "2026Q1")


@pytest.mark.parametrize("tabellen", [
    {"faelle": [*EIN_FALL, fall("P2", "A", JAN1, None, "2", besonderheit="einzelfallsetting")]},
    {"entgelte": [satz("1", faktor=None)], "verfahren": [regel(date(2020, 1, 1), 3)],
     "abwesenheiten": [{"person_id": "P1", "angebot_id": "A", "beginn": JAN1, "ende": date(2026, 1, 5)}]}])
def test_without_a_budget_a_missing_rate_leaves_the_amount_open(tabellen):
    b = bestand(**grund("A"), **({"entgelte": [satz("1")], "faelle": EIN_FALL} | tabellen))
    x = analyse(b, "T1", "2026Q1")
    assert fehler(b) == [] and x.klassische_abrechnung.quartal.gesamt.betrag_eur is None and "entgelt_fehlt" in schluessel(x)


def monat(m, zugaenge=1, **mehr):
    return {"angebot_id": "A", "kostentraeger": "Musterstadt", "hbg": "1", "monat": date(2026, m, 1), "belegungstage": 28,
            "stichtagszahl": 1, "zugaenge": zugaenge, "abgaenge": 0, **mehr}


def test_movements_of_a_quarter_with_a_month_missing_are_open():
    x = analyse(bestand(**grund("A"), fallzahlen=[monat(1), monat(3)]), "T1", "2026Q1")
    a = x.fallzahlen.quartal.je_angebot["A"]
    assert (a.zugaenge, a.abgaenge, a.stichtagszahl) == (None, None, 1) and "monat_fehlt" in schluessel(x)
    x = analyse(bestand(**grund("A"), fallzahlen=[monat(2), monat(3)]), "T1", "2026Q1")  # the offer begins in February
    assert x.fallzahlen.quartal.je_angebot["A"].zugaenge == 2 and "monat_fehlt" not in schluessel(x)
    x = analyse(bestand(**grund("A"), fallzahlen=[monat(m, zugaenge=None) for m in (1, 2, 3)]), "T1", "2026Q1")
    assert [h.text for h in x.hinweise if h.schluessel == "monatswert_leer"] == [
        "A: In den Monatswerten fehlt zugaenge; die Zahl bleibt offen."]
    x = analyse(bestand(**grund("A"), fallzahlen=[monat(m, zugaenge=None, abgaenge=None) for m in (1, 2, 3)]), "T1", "2026Q1")
    assert "A: In den Monatswerten fehlen zugaenge, abgaenge; die Zahlen bleiben offen." in [h.text for h in x.hinweise]


def test_every_open_figure_has_its_reason():
    personal = [{"angebot_id": a, "monat": date(2026, m, 1), "qualifikation": "fachkraft", "vk": Decimal(2)}
                for a in "AB" for m in (1, 2, 3)]
    b = bestand(**grund("A", "B"), entgelte=[satz("1")], budgets=[zeile("1", 1)], personal=personal,
                faelle=[*EIN_FALL, fall("P2", "A", JAN1, None, "IV", kostentraeger="Landkreis")])
    x = analyse(b, "T1", "2026Q1")
    texte = {h.schluessel: h.text for h in x.hinweise}
    assert x.personal.quartal.je_angebot["A"].eigener_anteil.euro is None
    assert texte["anteil_euro_offen"].endswith("entfällt für den Träger und für A.")
    assert x.personal.quartal.gesamt.vk_anteilig.tage is None and texte["personal_ohne_tage"].startswith("B: Personal ist angegeben, aber")
    assert texte["kein_mixindex"] == "Einen Mixindex gibt es nur, wo Plätze budgetiert sind; nicht für B."
    assert texte["zaehlregel_offen"].startswith("Für einen Teil des Jahres oder ganz ist keine Zählregel vereinbart")
    b = bestand(**grund("A"), faelle=[fall("P1", "A", JAN1, None, "IV")], verfahren=[regel(date(2020, 1, 1))])
    roemisch = analyse(b, "T1", "2026Q1")
    assert roemisch.hbg.quartal.je_angebot["A"].mittlere_hbg is None
    assert {"gruppen_ohne_zahl"} <= schluessel(roemisch) and "zaehlregel_offen" not in schluessel(roemisch)


def test_values_that_no_figure_uses_are_told():
    b = bestand(**grund("A"), entgelte=[satz("1")], budgets=[zeile("1", 1) | {"betrag_eur": Decimal(5)}],
                faelle=[fall("P1", "A", JAN1, None, hbg_ausgang="2", s=False)])
    lage = view.Lage(dict(b.tabellen), {}, b.datenstand, b.eigene_kostentraeger)
    assert [t for _, t in checks.pruefe(lage)[1] if "unbeachtet" in t] == [
        "Tabelle budgets: In 1 Zeile mit art = fallbezogen bleibt unbeachtet, was in betrag_eur steht.",
        "Tabelle faelle: In 1 Zeile mit s = nein bleibt unbeachtet, was in hbg_ausgang steht."]


def test_a_budget_before_its_first_day_is_told():
    g = grund("A")
    g["traeger"][0]["budget_beginn"] = date(2027, 1, 1)
    x = analyse(bestand(**g, entgelte=[satz("1")], budgets=[zeile("1", 1)], faelle=EIN_FALL), "T1", "2026Q1")
    assert x.budget.raten == () and "budget_vor_beginn" in schluessel(x)


def mit_beginn(tag, **tabellen):
    """Six persons since 2024, a rate, ten planned places, budget funding from `tag` on."""
    g = grund("A")
    g["traeger"][0]["budget_beginn"] = tag
    return g | {"entgelte": [satz("1")], "budgets": [zeile("1", 10)],
                "faelle": [fall(f"P{i}", "A", date(2024, 1, 1), None) for i in range(6)]} | tabellen


def texte(b, q="2026Q1"):
    x = analyse(b, "T1", q)
    return x, [s.text.replace("\u00a0", " ") for s in saetze(x)]


@pytest.mark.parametrize("budgets", [[zeile("1", 10)], []])
def test_before_the_first_day_of_funding_no_value_of_nothing_is_told(budgets):
    """Six places are occupied; „Leistungen im Wert von 0 €“ would be wrong, and so would „kein Budget“ where one begins in May."""
    x, (eins, zwei, _, vier, _) = texte(bestand(**mit_beginn(date(2026, 5, 1), budgets=budgets)))
    assert "<strong>–</strong> <span>Abweichung (Budget ab 01.05.2026)</span>" in sections.antworten(x, ()).text
    noch_nicht = "Das Budget beginnt erst am 01.05.2026; für diesen Zeitraum gibt es noch keinen Vergleich."
    euro = sections.euro(x).text
    assert noch_nicht in euro and "Klassische Abrechnung" not in euro and "Puffer" not in euro and ("Herleitung" in euro) == bool(budgets)
    assert noch_nicht in eins and vier == noch_nicht and "liegt nicht vor" not in eins and "weil kein Budget" not in zwei


def test_the_value_since_the_first_day_of_funding_says_so():
    """Rates end in June, so that the budget cannot be derived yet; or there is none: delivered is counted from February on either way."""
    x, (*_, vier, _) = texte(bestand(**mit_beginn(date(2026, 2, 1), entgelte=[satz("1", bis=date(2026, 6, 30))])))
    assert x.budget is None and vier.startswith("Seit Beginn des Budgets (01.02.2026) liegt die erbrachte Leistungsmenge")
    assert "Abweichung seit 01.02.2026" in sections.antworten(x, ()).text
    assert "01.02.2026 bis 31.03.2026" in charts.abweichung(x).basis
    viele = [fall(f"P{i}", "A", date(2024, 1, 1), None) for i in range(99)]
    assert coarse.antworten(analyse(bestand(**mit_beginn(date(2026, 2, 1), faelle=viele)), "T1", "2026Q1"))[3].text.startswith(
        "Seit Beginn des Budgets (01.02.2026) wurden Leistungen im Wert von rund")
    x, (*_, vier, _) = texte(bestand(**mit_beginn(date(2026, 2, 1), budgets=[])))
    assert x.abweichung.kumuliert.gesamt.ist_eur == 6 * 59 * 35 and "wurden seit Beginn des Budgets (01.02.2026) Leistungen" in vier


def test_a_budget_without_places_is_no_missing_budget():
    pauschal = {"traeger_id": "T1", "budgetjahr": 2026, "version": 1, "beschlossen_am": date(2025, 11, 1), "art": "pauschal",
                "bezeichnung": "Steuerung", "betrag_eur": Decimal(1000)}
    b = bestand(**mit_beginn(None, budgets=[pauschal]))
    b["angebote"].loc[0, "im_budget"] = False
    x, (eins, zwei, _, vier, _) = texte(b)
    assert x.budget.gesamt_eur == 1000 and "Plätze sind für diesen Zeitraum nicht budgetiert." in eins
    assert "weil kein Budget" not in zwei and "in den Angeboten im Budget Leistungen im Wert von 0 € erbracht" in vier


def test_a_provisional_quarter_without_a_budget_promises_no_comparison_with_one():
    stand = date(2026, 2, 10)
    _, (eins, *_) = texte(bestand(stand, **mit_beginn(None, budgets=[])))
    assert "Im Januar 2026" in eins and "folgt" not in eins and "Ein beschlossenes Budget zum Vergleich liegt nicht vor." in eins
    _, (eins, *_) = texte(bestand(stand, **mit_beginn(None)))
    assert "Ein Vergleich mit dem Budget folgt, wenn das Quartal vollständig gemeldet ist." in eins


def test_more_euro_on_fewer_places_is_not_called_need_where_rates_made_it():
    """One group only, a rate decided later is a third higher: 9 places cost more than 10 planned ones."""
    hoch = satz("1", JAN1, am=date(2026, 1, 10)) | {"massnahmepauschale": Decimal(32)}
    faelle = [fall(f"P{i}", "A", date(2024, 1, 1), None) for i in range(9)]
    x = analyse(bestand(**mit_beginn(None, entgelte=[satz("1"), hoch], faelle=faelle)), "T1", "2026Q1")
    text = hochrechnung(x)
    assert x.hochrechnung.plaetze.mittel < 10 and x.hochrechnung.erwartet_eur > x.hochrechnung.soll_eur
    assert text.endswith("; der Wert je Platz (Bedarf und Entgelte) liegt über dem budgetierten.")


def test_a_month_missing_years_ago_does_not_wipe_out_the_leaving_rate():
    """26 of 27 months are there, an exit in each: 26 exits in 26 × 300 days; the exits of the look-back stay open, the rate does not."""
    monate = [monat(m, monat=date(j, m, 1), belegungstage=300, abgaenge=1) for j in (2024, 2025, 2026) for m in range(1, 13)
              if (j, m) <= (2026, 3) and (j, m) != (2025, 5)]
    x = analyse(b := bestand(**mit_beginn(None, faelle=[], fallzahlen=monate)), "T1", "2026Q1")
    assert x.korridor.abgangsrate_pro_jahr == pytest.approx((26 + 2) / (26 * 300 / 365.25 + 20))
    a = Analyse(b, "T1", Quartal(2026, 1), 5)
    assert Ausgangslage(a, "basisjahr", 1).abgangsraten["A"] > 0.5 and a._fallzahlen(a.rueckblick, ["A"]).abgaenge is None


def test_a_budget_that_begins_within_the_quarter_is_compared_over_its_own_days():
    """Six places and ten planned from 15 February on: not 3 and 5, which the other half of the quarter would make of them."""
    x, (eins, *_) = texte(bestand(**mit_beginn(date(2026, 2, 15))))
    assert "Seit Beginn des Budgets (15.02.2026) zählen im Mittel 6,0 für das Budget, 40,0 % weniger als geplant (10,0)." in eins
    assert content.vereinbart(x)[0].zeilen[0][1:] == ("10,0", "6,0", "−4,0")
    assert content.vereinbart(x)[0].zeilen[2][0] == "Leistungsvolumen seit Beginn des Budgets (15.02.2026) in Euro"
    spaeter = analyse(bestand(**mit_beginn(date(2026, 5, 1))), "T1", "2026Q1")
    assert content.vereinbart(spaeter)[0].zeilen[0][1:] == ("0,0", "0,0", "0,0")


def test_what_counts_since_the_budget_began_is_no_part_of_a_mean_over_more_days():
    """Twelve come on 15 February with the budget: 6,0 over 90 days, 12,0 over the 45 of the budget, which no „davon“ can join."""
    faelle = [fall(f"P{i}", "A", date(2026, 2, 15), None) for i in range(12)]
    _, (eins, *_) = texte(bestand(**mit_beginn(date(2026, 2, 15), faelle=faelle)))
    assert "im Mittel 6,0 Plätze belegt" in eins and "Davon" not in eins
    assert "Seit Beginn des Budgets (15.02.2026) zählen im Mittel 12,0 für das Budget, 20,0 % mehr als geplant (10,0)." in eins


def test_the_coarse_page_rounds_a_budget_of_some_days_by_the_places_of_these_days():
    """99 places in the 17 days since 15 March: 58.905 € delivered, a step is what 5 of 99 make of it. Over all 90 days there would
    seem to be 19, too few to say anything; and of 20, which are fewer than 4 over 90 days, that no comparison was possible."""
    viele = [fall(f"P{i}", "A", date(2024, 1, 1), None) for i in range(99)]
    x = analyse(bestand(**mit_beginn(date(2026, 3, 15), faelle=viele, budgets=[zeile("1", 50)])), "T1", "2026Q1")
    assert coarse.antworten(x)[3].text.replace("\u00a0", " ").endswith(
        "im Wert von rund 60.000 € erbracht, budgetiert sind rund 30.000 € (gerundet auf 3.000 €). Die erbrachte Leistungsmenge liegt "
        "über der budgetierten.")
    x = analyse(bestand(**mit_beginn(date(2026, 3, 15), faelle=viele[:20], budgets=[zeile("1", 50)])), "T1", "2026Q1")
    assert coarse.antworten(x)[3].text.endswith("Die erbrachte Leistungsmenge liegt unter der budgetierten.")


@pytest.mark.parametrize("fehlt", [2, 3])
def test_a_quarter_with_a_month_of_counts_missing_is_provisional(fehlt):
    """Ten of ten planned places each month; with one of three months not delivered the quarter would have lost a third of them."""
    def monate(*weg, letzter=(2026, 3), **mehr):
        return [monat(m, monat=date(j, m, 1), belegungstage=10 * (28 + (m != 2) * 2 + (m in (1, 3, 5, 7, 8, 10, 12))), **mehr)
                for j in (2024, 2025, 2026) for m in range(1, 13) if (j, m) <= letzter and (j, m) not in weg]
    x, (eins, _, _, vier, _) = texte(b := bestand(**mit_beginn(None, faelle=[], fallzahlen=monate((2026, fehlt)))))
    assert x.vorlaeufig and "waren im Mittel 10,0 Plätze belegt. Ein Vergleich mit dem Budget folgt" in eins and "%" not in vier
    assert "Vorläufig: Für das Quartal fehlen noch Monatswerte." in sections.kopf(x).text and x.korridor is None
    assert {"vorlaeufig", "monat_fehlt"} <= set(schluessel(x))
    assert fehlt == 2 or x.trend.gesamt.jahresmittel[0].mittel == pytest.approx(10, abs=0.5)
    assert not analyse(b, "T1", "2025Q4").vorlaeufig and not analyse(bestand(**mit_beginn(None, faelle=[], fallzahlen=monate())), "T1",
                                                                    "2026Q1").vorlaeufig
    zu = monate(letzter=(2025, 12), stichtagszahl=0)  # nobody was left at the end of the year: nothing more is to come
    assert not analyse(bestand(**mit_beginn(None, faelle=[], fallzahlen=zu)), "T1", "2026Q1").vorlaeufig
