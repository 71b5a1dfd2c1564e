"""The report as a reader meets it: sentences for every case, what the Interessenvertretung may see, valid pages, Excel, hostile text."""

import csv
import re
import shutil
import zipfile
from collections import Counter
from dataclasses import fields, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import html5lib
import numpy as np
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kleinbestand import bestand, fall, grund
from scipy.optimize import linprog
from test_charts import BEISPIEL, beispiel, kurz, nichts, ohne_budget, ohne_prognose
from zufallsbestand import als_csv, quartale, zufallsbestand

from traeger_lib import analyse, load
from traeger_lib.analysis.scorecard import Aenderung, Scorecard
from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.inputs.schema import TABELLEN
from traeger_lib.reporting import charts, coarse, content, excel, sections
from traeger_lib.reporting import formats as f
from traeger_lib.reporting.sentences import muster, saetze

ALLE = ("BSP-BERG", "BSP-FLUSS", "BSP-HAFEN", "BSP-NORD", "BSP-OST", "BSP-SEE", "BSP-SUED", "BSP-WEST")
NIE = re.compile(r"None|nan|[{}!]|  |\b1,0 Plätze|teuer|schlecht|Einsparung|-\d| ,|\.\.|−0(?![,\d])|−0,0+(?!\d)")


def pruefe(antworten) -> None:
    """What every answer must be, whatever the figures."""
    assert [s.nummer for s in antworten] == [1, 2, 3, 4, 5]
    for s in antworten:
        treffer = NIE.search(s.text)
        assert not treffer, (s.text, treffer)
        assert s.text and (s.text[0].isupper() or s.text[0].isdigit()) and s.text.endswith((".", ")")), s.text
        for anzahl, wort in re.findall(r"\b(\d+) (Maßnahmen?)\b", s.text.replace("\u00a0", " ")):
            assert wort == ("Maßnahme" if anzahl == "1" else "Maßnahmen"), s.text


def mit_plaetzen(x, plaetze, faelle, vorher=None):
    """The example with other average places and persons in the quarter, and other places in the two quarters to compare with."""
    block = x.fallzahlen.quartal
    neu = replace(block, gesamt=replace(block.gesamt, durchschnittlich_belegte_plaetze=plaetze, faelle_im_zeitraum=faelle))
    alt = None if vorher is None else replace(block, gesamt=replace(block.gesamt, durchschnittlich_belegte_plaetze=vorher))
    return replace(x, fallzahlen=replace(x.fallzahlen, quartal=neu), fallzahlen_vorquartal=alt, fallzahlen_vorjahresquartal=alt)


def test_sentences_by_hand():
    x = mit_plaetzen(beispiel(), Fraction(1124, 10), 120, Fraction(1093, 10))
    assert saetze(x)[0].text.startswith("Im 1. Quartal 2026 waren im Mittel 112,4 Plätze belegt, 3,1 mehr als im Vorjahresquartal und "
                                        "3,1 mehr als im Vorquartal.")
    assert saetze(mit_plaetzen(x, Fraction(1), 6, Fraction(1)))[0].text.startswith(
        "Im 1. Quartal 2026 war im Mittel 1,0 Platz belegt, so viele wie im Vorjahresquartal und so viele wie im Vorquartal.")
    assert saetze(mit_plaetzen(x, Fraction(0), 0))[0].text.startswith("Im 1. Quartal 2026 war kein Platz belegt.")
    for plaetze, faelle in ((Fraction(39, 10), 4), (Fraction(49, 10), None), (Fraction(5), 4)):
        assert [s.text for s in saetze(mit_plaetzen(x, plaetze, faelle))][:2] == [muster()["zu_wenige"]] * 2
    assert "Plätze belegt" in saetze(mit_plaetzen(x, Fraction(4), 5))[0].text
    hafen = saetze(beispiel("BSP-HAFEN"))
    assert hafen[0].teile[-1].startswith("Erst 14 Monate Daten: Als Tendenz")
    ohne = saetze(nichts(beispiel()))
    assert ohne[4].text == muster()["massnahmen"]["keine"] and ohne[0].teile[-1] == "Für eine Prognose liegen zu wenige Monate vor."
    assert saetze(ohne_budget(beispiel()))[3].text.endswith("Ein beschlossenes Budget zum Vergleich liegt nicht vor.")


@pytest.mark.parametrize(("was", "ende"), [
    ((), "ist nichts geändert."), (("neu",), "1\u00a0Eintrag neu."),
    (("neu", "neu", "entfallen"), "2\u00a0Einträge neu, 1\u00a0Eintrag entfallen.")])
def test_measures_changed_since_the_last_review(was, ende):
    x = beispiel()
    karte = replace(x.massnahmen, aenderungen=tuple(Aenderung("M1", "Text", w) for w in was))
    assert saetze(replace(x, massnahmen=karte))[4].text.endswith(ende)


def test_measures_in_singular_plural_and_overdue():
    def text(*faellig: date, termin=date(2026, 5, 4)):
        eine = replace(beispiel().massnahmen.liste[0], massnahme="Lotsen", status="laufend")
        liste = tuple(replace(eine, faellig=d, ueberfaellig=d < date(2026, 3, 31)) for d in faellig)
        karte = Scorecard({"laufend": len(liste)}, sum(m.ueberfaellig for m in liste), liste)
        return saetze(replace(beispiel(), massnahmen=karte, termin=termin))[4].text.replace("\u00a0", " ")
    assert text(date(2026, 3, 1)) == "Vereinbart ist 1 Maßnahme: 1 laufend. Überfällig ist eine: Lotsen (seit 01.03.2026)."
    assert text(date(2026, 3, 1), date(2025, 12, 31), date(2026, 4, 30)) == (
        "Vereinbart sind 3 Maßnahmen: 3 laufend. Überfällig sind 2, am längsten: Lotsen (seit 31.12.2025). "
        "Bis zum Gespräch am 04.05.2026 wird eine weitere fällig.")
    assert text(date(2026, 5, 4), date(2026, 4, 1), date(2026, 5, 5)).endswith(
        "Überfällig ist keine. Bis zum Gespräch am 04.05.2026 werden 2 weitere fällig.")
    assert text(date(2026, 4, 1), termin=None).endswith("Überfällig ist keine.")


def test_a_provisional_quarter_compares_nothing_that_missing_days_distort():
    alt = load(BEISPIEL)
    for i in ("BSP-NORD", "BSP-SEE"):
        x = analyse(replace(alt, datenstand=date(2026, 3, 15)), i, "2026Q1")
        eins, _, drei, vier, _ = (s.text.replace("\u00a0", " ") for s in saetze(x))
        assert re.match(r"Im Februar 2026, dem letzten vollständigen Monat, waren im Mittel \d+,\d Plätze belegt\. Ein Vergleich", eins)
        assert "fehlen" not in drei and "mehr als nötig" not in drei and drei.count("vollständig gemeldet") == 1
        assert re.match(r"Seit Jahresbeginn sind Leistungen im Wert von [\d.,]+ (Mio\. )?€ gemeldet\. Ein Vergleich mit dem Budget", vier)
        assert x.korridor is None and charts.abweichung(x) is None and charts.korridor(x) is None
        assert "4. Quartal 2025" in charts.personal(x).alt and "1. Quartal 2026" not in charts.personal(x).alt
        seite = "".join(fn(x).text for fn in sections.ABSCHNITTE.values())
        assert "1. Quartal 2026 (vorläufig)" in seite and "Vorläufige Abweichung" in seite
        kacheln = sections.antworten(x, ()).text
        assert "belegte Plätze, Februar 2026" in kacheln and "<strong>–</strong> <span>Abweichung seit Jahresbeginn</span>" in kacheln
    assert "vollständig" not in " ".join(s.text for s in saetze(beispiel()))


def test_no_table_of_a_provisional_quarter_shows_staff_that_missing_days_set_free():
    """BSP-NORD on 10 February: 22,0 VK beside 11,3 needed for the days reported so far would be a surplus; it lacks two."""
    x = analyse(replace(load(BEISPIEL), datenstand=date(2026, 2, 10)), "BSP-NORD", "2026Q1")
    assert [z[0] for z in content.personal(x)[-1].zeilen] == ["2022", "2023", "2024", "2025"]
    assert {w for z in content.personal(x)[0].zeilen for w in z[5:9]} == {z[-1] for z in content.sektoren(x)[0].zeilen} == {None}
    assert content.sektoren(x)[0].titel == "Ein Blick über die Sektoren, 1. Quartal 2026 (vorläufig)"
    minuten, = content.vereinbart(x)
    assert minuten.titel == "Vereinbart und tatsächlich, 1. Quartal 2026 (vorläufig)"
    assert [z[-1] == "–" for z in minuten.zeilen] == [True, True, True, False]
    assert content.personal(beispiel())[-1].zeilen[-1][0] == "2026 (bis 31.03.)"
    assert all(z[-1] != "–" for z in content.vereinbart(beispiel())[0].zeilen)


def test_a_first_quarter_with_days_before_the_first_case_calls_no_staff_too_much():
    """BSP-HAFEN begins on 01.02.2025: 2,67 VK in February and March, and 1,94 needed over three months would seem a surplus of 0,73;
    over the two months it is 2,96, a shortage. In the second quarter the same holds since January, and no quarter before is whole."""
    b = load(BEISPIEL)
    x = analyse(b, "BSP-HAFEN", "2025Q1")
    eins, _, drei, *_ = (s.text.replace("\u00a0", " ") for s in saetze(x))
    assert "11,8 Plätze belegt. Die Fälle beginnen erst am 01.02.2025; im Mittel zählen die Tage davor mit 0. Seit Beginn" in eins
    assert drei == ("Eingesetzt sind anteilig 2,67 VK; die Fälle beginnen erst am 01.02.2025, ein Vergleich mit dem Betreuungsschlüssel "
                    "folgt für das erste ganze Quartal. Fachkraftquote 70 %.")
    assert coarse.antworten(x)[2].text == "Ein Vergleich folgt für das erste ganze Quartal."
    assert "<strong>2,67</strong> <span>VK eingesetzt</span>" in sections.antworten(x, ()).text
    assert {w for z in content.personal(x)[0].zeilen for w in z[5:9]} == {None} and not content.personal(x)[-1].zeilen
    y = analyse(b, "BSP-HAFEN", "2025Q2")
    assert "Es fehlen 0,50 VK. Fachkraftquote" in saetze(y)[2].text.replace("\u00a0", " ") and "Vorquartal" not in saetze(y)[0].text
    quartal, seit_januar, jahre = content.personal(y)
    assert quartal.zeilen[-1][5] and seit_januar.zeilen[-1][5] is None and not jahre.zeilen
    tag_zwei = [fall(f"P{i}", "A", date(2026, 1, 2), None) for i in range(9)]
    assert "beginnen erst am 02.01.2026" in saetze(analyse(bestand(**grund("A"), faelle=tag_zwei), "T1", "2026Q1"))[0].text


def test_what_is_not_yet_reported_is_neither_free_nor_zero():
    """Datenstand 20 May. BSP-NORD: 44 places, 42,8 occupied in the four quarters to March. BSP-SEE delivers months, April not yet."""
    b = replace(load(BEISPIEL), datenstand=date(2026, 5, 20))
    x = analyse(b, "BSP-NORD", "2026Q2")
    assert 42 < x.belegung[0].belegt < 44 and 0 < x.belegung[0].freie_plaetze < 2
    ereignisse, _, wechsel, neu, *_ = content.bewegungen(x)
    assert ereignisse.zeilen[-1][0] == "2. Quartal 2026 (vorläufig)" and ereignisse.zeilen[-2][0] == "1. Quartal 2026"
    assert wechsel.titel.endswith("2021 bis 20.05.2026") and neu.titel.endswith("2021 bis 20.05.2026")
    assert content.bewegungen(x)[-1].titel == "Besondere Fälle, 2. Quartal 2026 (vorläufig)"
    y = analyse(b, "BSP-SEE", "2026Q2")
    assert saetze(y)[0].text.startswith("Im März 2026, dem letzten vollständigen Monat, waren im Mittel 63,0 Plätze belegt.")
    assert 59 < y.trend.gesamt.jahresmittel[0].mittel < 67 and 0 < y.belegung[0].freie_plaetze < 2
    assert "<strong>63,0</strong> <span>belegte Plätze, März 2026</span>" in sections.antworten(y, ()).text
    assert "unter 5" not in coarse.antworten(y)[0].text


def test_the_scorecard_has_one_state_in_picture_and_table():
    """Data of 10 April for the quarter to 31 March: the states are those of April, overdue is what was open at the quarter's end."""
    x = analyse(replace(load(BEISPIEL), datenstand=date(2026, 4, 10)), "BSP-NORD", "2026Q1")
    stand = "Stand 10.04.2026; überfällig am 31.03.2026"
    assert content.massnahmen(x)[0].basis == stand
    assert charts.massnahmen(x).basis == f"Maßnahmen der Balanced Scorecard, {stand}"
    assert charts.vorhaben(x).basis == f"Vorhaben der Balanced Scorecard, {stand}"


def test_the_view_without_s_stands_beside_the_granted_one():
    """BSP-NORD: −8.140 € with „+S“ −19.590 €, so +11.450 € without (rule 3.5: always both)."""
    assert "Ohne die Verlagerung in den Sozialraum („+S“) wären es +11.450 €." in saetze(beispiel())[3].text.replace("\u00a0", " ")
    for i in ALLE:
        a, text = beispiel(i).abweichung.kumuliert.gesamt, saetze(beispiel(i))[3].text
        assert ("Ohne die Verlagerung" in text) == bool(a.s_effekt_eur)


def test_too_few_here_does_not_vanish_behind_more_there():
    x = beispiel()
    je = dict(x.personal.quartal.je_angebot)
    eins, zwei, drei = je
    for k, d in ((eins, 3), (zwei, -1), (drei, 0)):
        je[k] = replace(je[k], vk_soll=Fraction(10), vk_anteilig=replace(je[k].vk_anteilig, tage=Fraction(10 + d)))
    g = x.personal.quartal.gesamt
    g = replace(g, vk_soll=Fraction(30), vk_anteilig=replace(g.vk_anteilig, tage=Fraction(32)))
    y = replace(x, personal=replace(x.personal, quartal=replace(x.personal.quartal, gesamt=g, je_angebot=je)))
    text = saetze(y)[2].text.replace("\u00a0", " ")
    assert "32,0 VK, nach Schlüssel nötig wären 30,0 VK: 2,0 VK mehr als nötig. Je Angebot betrachtet fehlen zusammen 1,0 VK; " in text
    assert "in anderen sind 3,0 VK mehr als nötig." in text and "Je Angebot" not in saetze(x)[2].text


def test_what_does_not_count_for_the_budget_is_named():
    """BSP-NORD: 94,4 places, all offers in the budget, 92,5 count: 1,9 without cost commitment or as single-case settings."""
    assert "3,0 % weniger als geplant (95,4); nicht dazu gehören 1,9 ohne Kostenzusage oder in Einzelfallsettings." in saetze(
        beispiel())[0].text.replace("\u00a0", " ")
    west = saetze(beispiel("BSP-WEST"))[0].text
    assert "in Angeboten außerhalb des Budgets" in west
    assert "der Tage in allen Angeboten sind „+S“; im Budget läge" in saetze(beispiel("BSP-WEST"))[1].text


def test_one_rate_for_all_groups_says_mean_groups_instead_of_an_index():
    x = replace(beispiel(), verfahren=replace(beispiel().verfahren, ein_satz=True))
    text = saetze(x)[1].text
    assert "Mixindex kann den Bedarf daher nicht zeigen. Mittlere HBG: Ambulant betreutes Wohnen Nord 2,49 (budgetiert 2,32), " in text
    assert "der Index" not in text and "<strong>–</strong> <span>Mixindex" in sections.antworten(x, ()).text


def test_a_corridor_with_one_end_and_the_agreed_measure_of_staff():
    """BSP-NORD: −0,9 %; by persons 22,04 VK of 24,66, by days 21,97."""
    def vereinbart(**v):
        return replace(beispiel(), verfahren=replace(beispiel().verfahren, **v))
    for ohne, wie in (("unten", "nicht über +4,0 %"), ("oben", "nicht unter −4,0 %")):
        text = saetze(vereinbart(**{f"korridor_{ohne}_prozent": None}))[3].text.replace("\u00a0", " ")
        assert f"im vereinbarten Korridor ({wie})." in text
    jahre = content.personal(vereinbart(personalanteil_nach="personen"))[-1]
    assert "eigener Anteil nach Personen" in jahre.basis and [f.zahl(jahre.zeilen[-1][n], 2) for n in (1, 3)] == ["22,04", "−2,62"]
    assert f.zahl(content.personal(beispiel())[-1].zeilen[-1][1], 2) == "21,97"


def test_the_agreed_corridor_is_marked_and_small_chances_are_not_zero():
    alt = charts.korridor(beispiel()).alt.replace("\u00a0", " ")
    assert "Vereinbart ± 4 %." in alt and "Stand −0,9 %." in alt
    ungleich = replace(beispiel().verfahren, korridor_unten_prozent=Decimal(-3), korridor_oben_prozent=Decimal("5.5"))
    alt = charts.korridor(replace(beispiel(), verfahren=ungleich)).alt.replace("\u00a0", " ")
    assert "Vereinbart − 3 %." in alt and "Vereinbart + 5,5 %." in alt
    assert "vereinbart" not in charts.korridor(beispiel("BSP-SUED")).alt.lower()


def test_a_sparkline_of_a_tiny_change_stays_flat():
    def hoehen(spanne):
        return {float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", sections.linie([1.0, 1.001, 1.0], "x", str, spanne))}
    assert max(hoehen(0.0)) - min(hoehen(0.0)) == 18 and max(hoehen(0.04)) - min(hoehen(0.04)) < 1


def test_parts_of_the_deviation_add_up_in_the_sentence():
    for i in ALLE:
        text = saetze(beispiel(i))[3].teile[0].replace("\u00a0", " ").replace("−", "-").replace(".", "")
        betrag = int(re.search(r"(\d+) €", text)[1]) * (-1 if " unter " in text else 1)
        teile = [int(t) for t in re.findall(r"(?:Menge|Mix|„\+S“|Preis) ([+-]?\d+) €", text)]
        assert len(teile) == 4 and abs(sum(teile)) == abs(betrag), text


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ALLE), st.fractions(0, 3000, max_denominator=400), st.one_of(st.none(), st.integers(0, 4000)),
       st.one_of(st.none(), st.fractions(0, 3000, max_denominator=400)), st.integers(-10**9, 10**9), st.integers(0, 10**9),
       st.sampled_from([lambda x: x, ohne_prognose, ohne_budget, nichts, lambda x: kurz(x, 3), lambda x: kurz(x, 16)]))
def test_sentences_over_generated_facts(traeger_id, plaetze, faelle, vorher, abweichung, soll, art):
    x = mit_plaetzen(art(beispiel(traeger_id)), plaetze, faelle, vorher)
    g = x.abweichung.kumuliert.gesamt
    if g.soll_eur is not None:
        d, s = Decimal(abweichung) / 100, Decimal(soll) / 100
        g = replace(g, soll_eur=s, ist_eur=s + d, abweichung_eur=d, mengeneffekt_eur=d - 3, mixeffekt_eur=Decimal(1),
                    s_effekt_eur=Decimal(0), preiseffekt_eur=Decimal(2))
        x = replace(x, abweichung=replace(x.abweichung, kumuliert=replace(x.abweichung.kumuliert, gesamt=g)))
    pruefe(saetze(x))
    pruefe(coarse.antworten(x))
    sections.antworten(x, sections.UMFANG["lang"])


@pytest.mark.parametrize("seed", range(12))
def test_report_of_random_bestaende(seed, tmp_path):
    tabellen, angaben = zufallsbestand(seed)
    als_csv(tabellen, angaben, tmp_path)
    for q in quartale(angaben)[:2]:
        for t in tabellen["traeger"]:
            x = analyse(load(tmp_path), t["traeger_id"], q)
            for s in (*saetze(x), *coarse.antworten(x)):
                assert not re.search(r"None|nan|\{|\}|!", s.text), s.text
            ordne(coarse.seite(x, {"Datenstand": "–"}))
            excel.schreibe(x, tmp_path.parent / f"{seed}.xlsx", {})


# ── sections by parameter ───────────────────────────────────────────────────────────────────────────────────────────

def test_sections_can_be_left_out():
    assert sections.auswahl("lang") == tuple(sections.ABSCHNITTE) and set(sections.auswahl("kurz")) < set(sections.ABSCHNITTE)
    zeige = sections.zeige(beispiel(), "hbg, massnahmen")
    assert zeige("personal") is None and zeige("euro") is None and 'id="hbg"' in zeige("hbg").text
    erster = zeige("antworten").text
    assert 'href="#hbg"' in erster and "#personal" not in erster and erster.count('class="antwort"') == 5
    with pytest.raises(TraegerFehler, match=r"Unbekannter Abschnitt: kruz\. Möglich sind lang, kurz, fallzahlen"):
        sections.auswahl("kruz")


def test_a_first_quarter_shows_no_table_twice():
    for i, q in (("BSP-NORD", "2026Q1"), ("BSP-NORD", "2025Q3")):
        seite = "".join(fn(beispiel(i, q)).text for fn in sections.ABSCHNITTE.values())
        koerper = Counter(re.findall(r"<thead>.*?</tbody>", seite))
        assert max(koerper.values()) == 1 and ("Jahr 2025 bis 30.09.2025" in seite) == (q == "2025Q3")


def test_tables_add_up_for_a_reader():
    """What a reader subtracts stands in the table; where offers do not add up to the whole, the table says why."""
    for i in ALLE:
        x = beispiel(i)
        zeilen = dict(next(t for t in content.budget(x) if t.titel.startswith("Zahlungen")).zeilen)
        assert zeilen["davon fallbezogen"] - zeilen["Klassische Abrechnung seit Jahresbeginn"] == zeilen["Puffer"], i
        assert zeilen["davon fallbezogen"] <= zeilen["Gezahlt bis Quartalsende"]
        for t, b in zip(content.fallzahlen(x), (x.fallzahlen.quartal, x.fallzahlen.kumuliert), strict=True):
            einzeln = [a.faelle_im_zeitraum for a in b.je_angebot.values()]
            gleich = None in einzeln or sum(einzeln) == b.gesamt.faelle_im_zeitraum
            assert ("zählt im Ganzen einmal" in t.basis) != gleich, (i, t.titel)
    assert "zählt im Ganzen einmal" in content.fallzahlen(beispiel("BSP-NORD"))[0].basis


def test_a_provider_without_any_case_says_so():
    x = analyse(bestand(**grund("A")), "T1", "2026Q1")
    assert [h.text for h in x.hinweise if h.schluessel == "keine_faelle"] == [
        "Zu keinem Angebot liegen Fälle oder Monatswerte vor; alle Fallzahlen stehen daher auf null."]
    mit = analyse(bestand(**grund("A"), faelle=[fall("P1", "A", date(2026, 1, 1), None)]), "T1", "2026Q1")
    assert "keine_faelle" not in [h.schluessel for h in mit.hinweise]


# ── the Interessenvertretung ────────────────────────────────────────────────────────────────────────────────────────

class Text(HTMLParser):
    """Visible words, alt texts and labels of a page, without its provenance."""

    def __init__(self, seite):
        super().__init__()
        self.worte = []
        self.feed(re.sub(r"<style>.*?</style>|<footer.*?</footer>", "", seite, flags=re.S))

    def handle_data(self, data):
        self.worte.append(data)

    def handle_starttag(self, tag, attrs):
        self.worte += [w for k, w in attrs if k in ("alt", "aria-label")]


@pytest.mark.parametrize("traeger_id", ALLE)
def test_every_figure_of_persons_is_coarse(traeger_id):
    x = beispiel(traeger_id)
    for t in (t for tabellen in coarse.tabellen(x).values() for t in tabellen):
        for zeile in t.zeilen:
            for s, w in zip(t.spalten, zeile, strict=True):
                if s.art == "gerundet":
                    assert w in ("unter 5", "–") or (int(w.replace(".", "")) % 5 == 0 and int(w.replace(".", "")) >= 5)
    text = " ".join(Text(coarse.seite(x, {})).worte).replace("\u00a0", " ")
    a, g = x.abweichung.kumuliert.gesamt, x.fallzahlen.quartal.gesamt
    for genau in (f.zahl(g.durchschnittlich_belegte_plaetze, 1), f.euro(a.ist_eur), f.euro(a.s_effekt_eur),
                  f.zahl(x.hbg.quartal.gesamt.mixindex, 2)):
        assert genau in ("–", "0,00 €") or not re.search(rf"(?<![\d,.]){re.escape(genau)}(?![\d,])", text), genau
    assert "%" not in text.replace("80 %", "") and "Mixindex" not in text and "Kostenzusage" not in text
    assert not any(w in text for m in x.massnahmen.liste for w in (m.verantwortlich,) if w and w != "gemeinsam")  # also a plain word


def test_what_the_interessenvertretung_gets_depends_on_nothing_small():
    """Whatever changes among transitions, special cases, monthly figures, derivation and rates leaves the page as it is."""
    x = beispiel()
    y = replace(x, uebergaenge=(), zugangsprofil=(), belegung=(), ereignisse=(), besonderheiten=(), verlauf=(), quartalsverlauf=(),
                entgelte=(), puffer_jahre=(), personal_jahre=(), korridor=None, hochrechnung=None, vergleich=None,
                hinweise=tuple(h for h in x.hinweise if h.schluessel in coarse.HINWEISE),
                trend=replace(x.trend, je_angebot={}, je_hbg={}), klassische_abrechnung=nichts(x).klassische_abrechnung)
    assert coarse.seite(x, {}) == coarse.seite(y, {}) and len(fields(x)) > 30


def _tabellen(seite):
    """Every table of a page as (caption, header, rows), in words."""
    baum = html5lib.HTMLParser(namespaceHTMLElements=False).parse(seite)
    return [("".join(t.find("caption").itertext()), ["".join(z.itertext()) for z in t.findall("thead/tr/th")],
             [["".join(z.itertext()) for z in r] for r in t.findall("tbody/tr")]) for t in baum.iter("table")]


@pytest.mark.parametrize("traeger_id", ALLE)
def test_no_withheld_column_reads_as_nobody_and_no_remark_as_none(traeger_id):
    seite = coarse.seite(beispiel(traeger_id), {})
    for titel, kopf, zeilen in _tabellen(seite):
        assert not titel.startswith(("Maß", "Rahmen", "Änd", "Über")) or all(set(s) - {"", "–"} for s in zip(*zeilen, strict=True)), titel
        assert not {"verantwortlich", "Soll", "Ist", "Kennzahl", "Mittel €", "bisher", "jetzt"} & set(kopf) and "Eigenanteil" not in titel
    assert {"Maßnahme", "Ziel", "Stand", "fällig"} <= set(next(kopf for t, kopf, _ in _tabellen(seite) if t.startswith("Maßnahmen der")))
    assert "<p>Keine.</p>" not in seite and "<li>Weitere Hinweise, soweit es sie gibt, liegen den Vertragsparteien vor.</li>" in seite
    assert "Verantwortliche der Maßnahmen, liegen den Vertragsparteien vor" in seite


def test_a_column_with_a_gap_stays():
    x = beispiel()
    erste = replace(x.massnahmen.liste[0], faellig=None)
    seite = coarse.seite(replace(x, massnahmen=replace(x.massnahmen, liste=(erste, *x.massnahmen.liste[1:]))), {})
    kopf, zeilen = next((kopf, zeilen) for t, kopf, zeilen in _tabellen(seite) if t.startswith("Maßnahmen der"))
    assert [z[kopf.index("fällig")] == "–" for z in zeilen] == [True] + [False] * (len(zeilen) - 1)


@pytest.mark.parametrize("traeger_id", ALLE)
def test_euro_and_staff_are_comparable_or_not_given(traeger_id):
    """Both amounts in the same step, the step at most a tenth of the larger, the words after them true of the exact ones too."""
    x = beispiel(traeger_id)
    p, a = x.personal.quartal.gesamt, x.abweichung.kumuliert.gesamt
    texte = {s.anker: s.text.replace("\u00a0", " ").replace(".", "") for s in coarse.antworten(x)}
    for anker, einheit, ist, soll, mehr, weniger in (
            ("personal", "VK", p.vk_anteilig.tage, p.vk_soll, "ist mehr Personal", "ist weniger Personal"),
            ("euro", "€", Fraction(a.ist_eur), Fraction(a.soll_eur), "über der budgetierten", "unter der budgetierten")):
        zahlen = [Fraction(w.replace(",", ".")) for w in re.findall(rf"([\d,]+) {einheit}", texte[anker])]
        if not zahlen:
            assert re.match("(Beträge|Vollkräfte) sind wegen der kleinen Zahl nicht angegeben", texte[anker])
        else:
            g_ist, g_soll, schritt = zahlen
            assert g_ist % schritt == g_soll % schritt == 0 and schritt * 10 <= max(g_ist, g_soll) and ",0" not in texte[anker]
            assert abs(g_ist - ist) <= schritt / 2 and abs(g_soll - soll) <= schritt / 2
            assert (g_ist == g_soll) == ("nicht zu erkennen" in texte[anker])
        assert ist > soll or mehr not in texte[anker]
        assert ist < soll or weniger not in texte[anker]


def test_the_smallest_provider_gets_no_amount_and_the_step_goes_up_to_a_tenth():
    fluss = coarse.antworten(beispiel("BSP-FLUSS"))
    assert fluss[3].text == ("Beträge sind wegen der kleinen Zahl nicht angegeben. "
                             "Eine Abweichung vom Budget ist bei so grober Rundung nicht zu erkennen.")
    assert fluss[2].text.startswith("Vollkräfte sind wegen der kleinen Zahl nicht angegeben.")
    assert coarse._vergleich("personal", Fraction(18), Fraction(20), Fraction(50)).startswith("Eingesetzt sind anteilig rund 18\u00a0VK")
    assert coarse._vergleich("personal", Fraction(18), Fraction("18.4"), Fraction(50)).startswith("Vollkräfte sind wegen")


@pytest.mark.parametrize("traeger_id", ALLE)
def test_the_exact_budget_is_for_the_parties(traeger_id):
    """It is planned places times agreed rates; of the smallest the page withholds amounts altogether."""
    x = beispiel(traeger_id)
    genau, seite = f.euro(x.budget.gesamt_eur, 0), coarse.seite(x, {})
    assert genau in sections.kopf(x).text and genau not in seite and f"Budget 2026, Version {x.budget.version}" in seite


def test_a_provisional_quarter_compares_nothing_for_the_interessenvertretung_either():
    """With days missing until 10 February BSP-NORD would seem to have more staff than needed; it has less."""
    alt = load(BEISPIEL)
    for i in ALLE:
        x = analyse(replace(alt, datenstand=date(2026, 2, 10)), i, "2026Q1")
        eins, _, drei, vier, _ = (s.text.replace("\u00a0", " ") for s in coarse.antworten(x))
        assert eins.startswith("Wie viele Plätze im 1. Quartal 2026 belegt waren, steht fest, wenn das Quartal vollständig gemeldet ist.")
        assert "Vorquartal" not in eins and {drei, vier} == {"Ein Vergleich folgt, wenn das Quartal vollständig gemeldet ist."}
        assert "1. Quartal 2026 (vorläufig); auf 5 gerundet" in coarse.seite(x, {})


def test_staff_that_is_partly_known_is_not_called_unknown():
    x = beispiel()
    je = dict(x.personal.quartal.je_angebot)
    erste = next(iter(je))
    je[erste] = replace(je[erste], vk=None)
    g = x.personal.quartal.gesamt
    g = replace(g, vk=None, vk_anteilig=replace(g.vk_anteilig, tage=None, personen=None, euro=None))
    y = replace(x, personal=replace(x.personal, quartal=replace(x.personal.quartal, gesamt=g, je_angebot=je)))
    assert coarse.antworten(y)[2].text == saetze(y)[2].text == muster()["personal"]["unvollstaendig"]
    assert "Personal nicht angegeben" not in sections.antworten(y, ()).text and "VK nötig, eingesetzte nicht bekannt" in sections.antworten(
        y, ()).text


def test_without_any_staff_none_is_known_also_where_there_is_no_key():
    ohne = [fall(f"P{i}", "A", date(2025, 1, 1), None) for i in range(9)]
    x = analyse(bestand(**grund("A"), faelle=ohne), "T1", "2026Q1")
    assert saetze(x)[2].text == coarse.antworten(x)[2].text == muster()["personal"]["keine_angaben"]


def test_who_has_no_need_group_is_not_in_a_group_called_ohne():
    faelle = [fall(f"P{i}", "A", date(2025, 1, 1), None, "ohne" if i < 8 else "1") for i in range(20)]
    x = analyse(bestand(**grund("A"), faelle=faelle), "T1", "2026Q1")
    assert [z[1:] for z in coarse.tabellen(x)["hbg"][0].zeilen] == [("HBG 1", "10"), ("ohne HBG", "10"), ("davon „+S“", "unter 5")]
    assert {"A, HBG 1", "A, ohne HBG"} <= {z[0] for z in content.trend(x)[0].zeilen}


def test_under_five_is_not_about_under_five():
    x = mit_plaetzen(beispiel(), Fraction(4), 6)
    jahre = tuple(replace(j, mittel=4.0, unten80=3.0, oben80=6.0) for j in x.trend.gesamt.jahresmittel)
    text = coarse.antworten(replace(x, trend=replace(x.trend, gesamt=replace(x.trend.gesamt, jahresmittel=jahre))))[0].text
    assert "im Mittel unter 5 Plätze" in text and "sind unter 5 belegte Plätze" in text and "rund unter" not in text


def test_the_words_of_the_page_are_explained_and_the_same_for_everybody():
    begriffe = {re.search('<section id="begriffe".*?</section>', coarse.seite(beispiel(i), {}), re.S)[0] for i in ALLE}
    text, = begriffe
    for wort in ("Durchschnittlich belegte Plätze", "Stichtagszahl", "Fälle im Zeitraum", "Hilfebedarfsgruppe (HBG)", "Vollkraft (VK)"):
        assert f"<dt>{wort}</dt>" in text
    plan = coarse.seite(analyse(bestand(traeger=grund()["traeger"]), "T1", "2026Q1"), {})
    assert 'id="begriffe"' not in plan, "an action plan has none of these words"


def test_small_provider_says_nothing_about_cases():
    seite = coarse.seite(mit_plaetzen(beispiel("BSP-HAFEN"), Fraction(3), 4), {})
    antworten = coarse.antworten(mit_plaetzen(beispiel("BSP-HAFEN"), Fraction(3), 4))
    assert [s.text for s in antworten[:4]] == [muster()["zu_wenige"]] * 4 and "unter 5" in seite


def spanne(gezeigt: str) -> tuple[float, float]:
    """What a reader knows of a rounded figure."""
    if gezeigt == "unter 5":
        return 0.0, 5.0
    n = int(gezeigt.replace(".", ""))
    return max(5.0, n - 2.5), n + 2.5


def reichweite(zellen, zeilen, ziel):
    """Least and greatest value of one cell that fits all published intervals `zeilen` (weights, from, to): the attacker's view."""
    a = np.array([w for w, _, _ in zeilen] + [[-x for x in w] for w, _, _ in zeilen], float)
    b = np.array([hi for _, _, hi in zeilen] + [-lo for _, lo, _ in zeilen], float)
    c = np.eye(len(zellen))[ziel]
    unten, oben = (linprog(v * c, A_ub=a, b_ub=b, bounds=(0, None), method="highs") for v in (1, -1))
    assert unten.status == oben.status == 0
    return unten.fun, -oben.fun


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_sums_and_parts_leave_a_small_cell_its_range(data):
    """Offers × groups with random places; known: every rounded cell, each offer's and the whole's rounded sum."""
    n_angebote, n_gruppen = data.draw(st.integers(1, 4)), data.draw(st.integers(2, 5))
    zelle = st.one_of(st.sampled_from([0.0, 1.0, 4.0, 5.0, 7.5]), st.integers(0, 4000).map(lambda x: x / 100))
    plaetze = np.array(data.draw(st.lists(zelle, min_size=n_angebote * n_gruppen, max_size=n_angebote * n_gruppen)))
    zeilen = (*np.eye(len(plaetze)), *np.repeat(np.eye(n_angebote), n_gruppen, axis=1), np.ones(len(plaetze)))
    bekannt = [(w, *spanne(coarse.auf5(float(w @ plaetze)))) for w in zeilen]
    for i in np.flatnonzero(plaetze < 5):
        unten, oben = reichweite(plaetze, bekannt, i)
        assert oben - unten >= 2.5 - 1e-6, (plaetze, i, unten, oben)


@pytest.mark.parametrize("traeger_id", ALLE)
def test_agreed_rates_and_keys_do_not_open_a_small_cell_either(traeger_id):
    """The examples: who also knows every rate and staffing key still cannot tell a small cell to one person."""
    x, b = beispiel(traeger_id), load(BEISPIEL)["schluessel"]
    entgelt = {(e.angebot_id, e.hbg): float(e.gesamt_eur) for e in x.entgelte if e.gueltig_ab <= x.datenstand}
    je_vk = {(r.angebot_id, r.hbg): float(r.personen_je_vk) for r in b.itertuples()}
    zellen = [(k, h, float(w * x.fallzahlen.quartal.je_angebot[k].durchschnittlich_belegte_plaetze))
              for k, m in x.hbg.quartal.je_angebot.items() for h, w in m.anteile.items()]
    plaetze = np.array([z[2] for z in zellen])
    summen = [np.array([float(z[0] == a.angebot_id) for z in zellen]) for a in x.angebote]
    bekannt = [(w, *spanne(coarse.auf5(float(w @ plaetze)))) for w in (*np.eye(len(plaetze)), *summen, np.ones(len(plaetze)))]
    for gewicht in ([entgelt[k, h] for k, h, _ in zellen], [1 / je_vk[k, h] for k, h, _ in zellen]):
        wert = float(np.array(gewicht) @ plaetze)
        stufe = float(coarse.schritt(Fraction(wert) * coarse.KLEIN / Fraction(float(plaetze.sum()))))
        bekannt.append((np.array(gewicht), round(wert / stufe) * stufe - stufe / 2 - 1e-9, round(wert / stufe) * stufe + stufe / 2 + 1e-9))
    for i in np.flatnonzero(plaetze < 5):
        unten, oben = reichweite(plaetze, bekannt, i)
        assert oben - unten >= 1.0, (zellen[i], unten, oben)


# ── pages and workbook ──────────────────────────────────────────────────────────────────────────────────────────────

def ordne(seite: str) -> None:
    """Valid HTML as far as a strict parser and these rules see it: no parse error, unique ids, every reference has its target, headings
    in order, tables with caption, scopes and rows of equal length, lists and definition lists with the right children, pictures
    with real alternatives, no script, no handler, no outside address, a content policy, the language."""
    baum = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(seite)
    assert baum.get("lang") == "de" and baum.find(".//title").text.strip()
    assert "default-src 'none'" in baum.find(".//meta[@http-equiv='Content-Security-Policy']").get("content")
    alle = list(baum.iter())
    kennungen = [e.get("id") for e in alle if e.get("id")]
    assert len(kennungen) == len(set(kennungen))
    for e in alle:
        assert e.tag not in ("script", "iframe", "object", "embed", "link", "base", "form"), e.tag
        assert not [k for k in e.attrib if k.startswith("on") or k == "style"]
        for k in ("href", "aria-labelledby"):
            if (e.get(k) or "").startswith("#") or (k == "aria-labelledby" and e.get(k)):
                assert e.get(k).lstrip("#") in kennungen, e.get(k)
        assert re.match(r"data:image/png;base64,|$", e.get("src") or "")
        assert e.get("href") is None or re.match(r"#|[A-Z0-9][\w-]+/[a-z_]+\.(html|xlsx|json|pdf)$", e.get("href")), e.get("href")
        kinder = {k.tag for k in e}
        if e.tag in ("ul", "ol"):
            assert kinder <= {"li"}
        if e.tag == "dl":
            assert kinder <= {"dt", "dd", "div"} and all({x.tag for x in k} == {"dt", "dd"} for k in e if k.tag == "div")
        if e.tag in ("p", "h1", "h2", "h3", "dt", "summary", "caption", "figcaption", "a", "span"):
            assert kinder <= {"a", "span", "strong", "{http://www.w3.org/2000/svg}svg", "br"}, (e.tag, kinder)
        if e.tag == "img":
            assert len(e.get("alt")) > 60 and e.get("width") and e.get("height") and e.get("alt")[0].isupper()
        if e.tag == "{http://www.w3.org/2000/svg}svg":
            assert e.get("role") == "img" and len(e.get("aria-label")) > 20
        if e.tag == "table":
            kopf, zeilen = e.findall("./thead/tr/th"), e.findall("./tbody/tr")
            assert e[0].tag == "caption" and "".join(e[0].itertext()).strip() and kopf and zeilen
            assert all(t.get("scope") == "col" for t in kopf)
            for z in zeilen:
                assert len(z) == len(kopf) and z[0].tag == "th" and z[0].get("scope") == "row" and {x.tag for x in z[1:]} == {"td"}
    ebenen = [int(e.tag[1]) for e in alle if re.fullmatch("h[1-6]", e.tag)]
    assert ebenen[0] == 1 and ebenen.count(1) == 1 and all(b <= a + 1 for a, b in zip(ebenen, ebenen[1:], strict=False))
    assert [e.tag for e in baum.find("body")] == ["a", "header", "main", "footer"][:len(baum.find("body"))]


BOESE = ("=cmd|' /C calc'!A0 <script>alert(1)</script><img src=x onerror=alert(2)> \"'>&amp;&#x3c; {{7*7}} ${x} "
         "%s \u202eRTL\u2066 \x07\x1b\x85</style></table><!-- " + "W" * 120)


@pytest.fixture(scope="module")
def feindlich(tmp_path_factory, beispiel, traeger):
    """The example with hostile text in every text field of every table and of bestand.toml, and its batch of two providers."""
    ordner = tmp_path_factory.mktemp("feindlich")
    bestand = Path(shutil.copytree(beispiel, ordner / "bestand"))
    unberuehrt = {"email", "hbg", "hbg_ausgang", "status"}  # the rest of the groups' names must stay the same in all tables
    for name, tabelle in TABELLEN.items():
        pfad = bestand / f"{name}.csv"
        if not pfad.exists():
            continue
        with pfad.open(encoding="utf-8", newline="") as datei:
            kopf, *zeilen = csv.reader(datei, delimiter=";")
        for spalte in (s.name for s in tabelle.spalten if s.art == "text" and s.name in kopf and not s.werte):
            i = kopf.index(spalte)
            for nr, z in enumerate(zeilen):
                if z[i] and spalte in ("person_id", "kostentraeger", "leistungstyp", "hbg", "hbg_ausgang", "massnahme_id"):
                    z[i] = ("<b onclick=alert(3)>" if spalte.startswith("hbg") else BOESE) + z[i]
                elif spalte not in unberuehrt or (spalte == "status" and nr % 2):
                    z[i] = f"{BOESE} {nr}"
        with pfad.open("w", encoding="utf-8", newline="") as datei:
            csv.writer(datei, delimiter=";", lineterminator="\n").writerows([kopf, *zeilen])
    toml = (bestand / "bestand.toml").read_text(encoding="utf-8")
    zeichen = "".join(c if c.isprintable() and c not in '"\\' else f"\\u{ord(c):04x}" for c in BOESE)
    toml = re.sub(r'"([^"]*)"', lambda t: f'"{zeichen}{t[1]}"', toml)
    (bestand / "bestand.toml").write_text(toml, encoding="utf-8")
    ids = ("BSP-NORD", "BSP-FLUSS")
    ergebnis = traeger("quarter", "2026Q1", bestand, "--out", ordner / "aus", *(x for i in ids for x in ("--only", i)))
    assert ergebnis.exit_code == 0, ergebnis.output
    return bestand, ordner / "aus", ids


def test_hostile_text_in_the_scorecards_files(feindlich, traeger, tmp_path):
    bestand, _, ids = feindlich
    ergebnis = traeger("bsc", "export", "2026Q1", bestand, "--out", tmp_path, "--only", ids[0])
    assert ergebnis.exit_code == 0, ergebnis.output
    word, mappe = next(tmp_path.rglob("*.docx")), openpyxl.load_workbook(next(tmp_path.rglob("*.xlsx")))
    with zipfile.ZipFile(word) as z:
        text = z.read("word/document.xml").decode()
    assert "&lt;script&gt;alert(1)" in text and not set("\x07\x1b\u202e") & set(text)
    assert not [c.coordinate for ws in mappe for zeile in ws.iter_rows() for c in zeile if c.data_type == "f"]


def test_hostile_text_is_only_text(feindlich):
    _, aus, ids = feindlich
    for pfad in (aus / "index.html", *(aus / i / n for i in ids for n in ("bericht.html", "bericht_interessenvertretung.html"))):
        seite = pfad.read_text(encoding="utf-8")
        ordne(seite)
        assert "&lt;script&gt;alert(1)" in seite and "<script" not in seite.lower() and "{{7*7}}" in seite
        assert not set("\x07\x1b\x85\u202e\u2066") & set(seite)
    for i in ids:
        with zipfile.ZipFile(aus / i / "tabellen.xlsx") as z:
            assert not [n for n in z.namelist() if "external" in n.lower() or "vba" in n.lower()]
            assert not any(b"<f>" in z.read(n) or b"<f " in z.read(n) for n in z.namelist() if n.startswith("xl/worksheets/"))
        mappe = openpyxl.load_workbook(aus / i / "tabellen.xlsx")
        werte = [c for ws in mappe for zeile in ws.iter_rows() for c in zeile if c.value is not None]
        assert all(c.data_type in "snd" for c in werte) and any(str(c.value).startswith("=cmd") for c in werte)
        assert all(c.hyperlink is None or c.hyperlink.location for c in werte)


def test_workbook_one_table_a_sheet_with_real_numbers(tmp_path):
    for i, q in (("BSP-NORD", "2026Q1"), ("BSP-BERG", "2025Q3"), ("BSP-FLUSS", "2026Q1")):
        x = beispiel(i, q)
        excel.schreibe(x, tmp_path / "a.xlsx", {"Programm": "p"})
        mappe = openpyxl.load_workbook(tmp_path / "a.xlsx")
        assert mappe.sheetnames[0] == "Übersicht" and mappe.sheetnames[-1] == "Methode"
        assert {"Fallzahlen", "Budget", "Personal"} <= set(mappe.sheetnames)
        liste = [c.value for c in mappe["Übersicht"]["A"]]
        assert liste[liste.index("Blätter") + 1:] == mappe.sheetnames[1:]
        for ws in mappe.worksheets[1:-1]:
            kopf = [c.value for c in ws[3]]
            assert ws.freeze_panes == "B4" and all(kopf) and ws["A1"].value and ws["A2"].value
            assert all(any(c.value is not None for c in z) for z in ws.iter_rows(min_row=4)), ws.title  # one table, no gap, no second one
        zeile = next(z for z in mappe["Fallzahlen"].iter_rows(min_row=4) if z[0].value == "Träger gesamt")
        assert zeile[1].value == pytest.approx(float(x.fallzahlen.quartal.gesamt.durchschnittlich_belegte_plaetze), abs=1e-12)
        assert zeile[1].number_format == "#,##0.0" and zeile[2].value == x.fallzahlen.quartal.gesamt.belegungstage


def test_alternatives_in_words():
    assert sections.linie([Fraction(1), Fraction(2)], "x", str) == ""
    svg = sections.linie([Fraction(1), None, Fraction(3), Fraction(2)], "Quartale", lambda w: f.zahl(w, 1))
    assert 'aria-label="Verlauf, Quartale: von 1,0 auf 2,0, dazwischen 1,0 bis 3,0"' in svg
    assert re.search(r' d="([^"]*)"', svg)[1].count("M") == 2  # the gap stays a gap
