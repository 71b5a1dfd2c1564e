"""Scenarios: hand-worked sums, the report's budget to the cent, properties of changes, one code for command, notebook and bench."""

import json
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal as D
from functools import cache
from html import unescape
from pathlib import Path

import numpy as np
import papermill
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traeger_lib import load
from traeger_lib.analysis.analyse import Analyse
from traeger_lib.analysis.chance import Plangruppe, streuung_eur
from traeger_lib.analysis.periods import Quartal, jahr_zeitraum
from traeger_lib.analysis.reassessment import neubewertung
from traeger_lib.analysis.scenario import ARTEN, BASEN, Aenderung, Szenario, szenario_aus
from traeger_lib.analysis.scenario_chance import simuliere
from traeger_lib.analysis.scenario_money import Rechnung
from traeger_lib.analysis.scenario_result import QUANTILE, _quantile, rechne
from traeger_lib.bench import Werkbank
from traeger_lib.inputs.faults import Fehlerliste, TraegerFehler
from traeger_lib.operations import szenario as ablage
from traeger_lib.reporting import szenario as bild
from traeger_lib.reporting.formats import zahl
from traeger_lib.reporting.szenario import beschreibe, satz

ROOT = Path(__file__).resolve().parents[1]
TRAEGER = load(ROOT / "data" / "beispiel").traeger_ids
BEISPIEL = ROOT / "parameterized_runs" / "szenarien" / "beispiel" / "zwei-plaetze-mehr.toml"


@cache
def analyse(traeger_id, ordner="beispiel", quartal="2026Q1"):
    return ablage.analyse_von(ROOT / "data" / ordner, traeger_id, quartal)


@cache
def rechnung(traeger_id, basis="basisjahr", horizont=2):
    return Rechnung(analyse(traeger_id), basis, horizont)


def aendere(art, **werte):
    return Aenderung(art, tuple(sorted(werte.items())))


def szenario(traeger_id, *aenderungen, basis="basisjahr", **mehr):
    return Szenario("Probe", traeger_id, "2026Q1", basis, aenderungen=aenderungen, **{"ziehungen": 200} | mehr)


def rechne_s(s):
    return rechne(rechnung(s.traeger_id, s.basis, s.horizont), s)


# ── hand-worked ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_places_from_july_2027_at_the_published_rate():
    """S3: 2 × 184 days × 29,64 = 10.907,52 €; the budget at full occupancy 270.465,00 €; key 1:10, half a year: 0,1 VK."""
    b = load(ROOT / "data" / "aufsuchende_hilfe")
    a = Analyse(b, b.traeger_ids[0], Quartal(2027, 1), 5)
    angebot = a.im_budget[0]
    s = Szenario("S3", a.traeger_id, "2027Q1", horizont=1, aenderungen=(
        aendere("plaetze", angebot_id=angebot, hbg="ohne", plaetze=D(2), ab=date(2027, 7, 1)),))
    j = rechne(Rechnung(a, "basisjahr", 1), s).jahre[0]
    assert (j.fallbezogen_eur, j.differenz_eur.wert) == (D("281372.52"), D("10907.52"))
    assert j.gegen.vereinbart_eur == D("270465.00") == a.budget(D(0)).gesamt_eur
    assert j.vk_noetig.wert - j.vk_noetig_ohne == pytest.approx(2 * 184 / 365 / 10)


def test_a_component_rises_from_a_day_and_is_rounded_per_component():
    """2027: Grundpauschale 2,75 + 10 % = 3,025 → 3,03; 0,28 € more a day for 25 places from July: 25 × 184 × 0,28 = 1.288,00 €."""
    b = load(ROOT / "data" / "aufsuchende_hilfe")
    a = Analyse(b, b.traeger_ids[0], Quartal(2027, 1), 5)
    w = aendere("entgelt", bestandteil="grundpauschale", prozent=D(10), ab=date(2027, 7, 1))
    j = rechne(Rechnung(a, "basisjahr", 1), Szenario("x", a.traeger_id, "2027Q1", horizont=1, aenderungen=(w,))).jahre[0]
    assert j.differenz_eur.wert == D("1288.00")


# ── the report's figures ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("traeger_id", TRAEGER)
def test_without_changes_it_is_the_reports_budget_to_the_cent(traeger_id):
    a = analyse(traeger_id)
    bericht = a.budget(a.abrechnung(a.quartal.kumuliert).gesamt.betrag_eur)
    j = rechne_s(szenario(traeger_id)).jahre[0]
    assert (j.budget_eur.wert, j.fallbezogen_eur, j.pauschal_eur, j.anpassungen_eur, j.raten, j.gegen.vereinbart_eur) == (
        bericht.gesamt_eur, bericht.fallbezogen_eur, bericht.pauschal_eur, bericht.anpassungen_eur, bericht.raten, bericht.gesamt_eur)
    assert j.differenz_eur.wert == 0 and (j.differenz_eur.p10, j.differenz_eur.p90) == (0, 0)


@pytest.mark.parametrize("basis", ["quartal", "prognose", "fortschreibung"])
@pytest.mark.parametrize("traeger_id", TRAEGER)
def test_observed_months_give_the_reports_puffer(traeger_id, basis):
    """Where the basis looks at the present, the Puffer at the quarter's end is the report's, and nothing seen is uncertain."""
    a = analyse(traeger_id)
    e = rechne_s(szenario(traeger_id, basis=basis))
    maerz = next(m for m in e.monate if m.monat == "2026-03")
    assert maerz.puffer_eur.wert == a.budget(a.abrechnung(a.quartal.kumuliert).gesamt.betrag_eur).puffer_eur
    assert (p := maerz.plaetze["gesamt"]).p10 == pytest.approx(p.p90) == pytest.approx(p.wert, rel=1e-5)
    assert all(b.p10 <= b.p50 <= b.p90 for m in e.monate for b in m.plaetze.values())


def test_chance_agrees_with_the_reports_model():
    """Without changes of need group the spread of a year's Euro is that of `chance.streuung_eur`; with them it is a little wider."""
    a, r = analyse("BSP-SUED"), Rechnung(analyse("BSP-SUED"), "basisjahr", 1)
    mit = simuliere(r, r.anfang, 1, 4000).plan.sum(axis=0, dtype=float).std()
    r.__dict__["wechselraten"] = 0 * r.wechselraten
    fest = {x.angebot_id: x.plaetze for x in a.angebote}
    ohne = simuliere(r, r.anfang, 1, 4000).plan.sum(axis=0, dtype=float).std()
    plan = r.saetze(r.anfang).plan
    varianz = 0.0
    for x in a.im_budget:  # each offer at its own leaving rate
        alle = r.anteil_eigene(x)[1]
        gruppen = [Plangruppe(x, float(p.plaetze_plan), plan[r.gruppen.index((x, p.hbg))][:365].mean() / 100,
                              alle / a.quartal.zeitraum.tage / fest[x] if fest[x] else 0.0) for p in a.version.plan if p.angebot_id == x]
        beginn = (date(2026, 1, 1) - date(a.version.basisjahr, 7, 1)).days / 365.25
        varianz += streuung_eur(gruppen, r.abgangsraten[x], beginn, jahr_zeitraum(2026)) ** 2
    assert ohne == pytest.approx(varianz**0.5, rel=0.05) and ohne < mit < 1.3 * ohne


# ── properties ───────────────────────────────────────────────────────────────────────────────────────────────────

NORD = list(rechnung("BSP-NORD").gruppen)
tage = st.dates(date(2026, 1, 1), date(2027, 12, 31))
gruppe = st.sampled_from(NORD)


def plus_minus(art, feld, werte):
    return werte.map(lambda w: (aendere(art, **w), aendere(art, **w | {feld: -w[feld]})))


undo = st.one_of(
    plus_minus("plaetze", "plaetze", st.builds(lambda k, n, t: {"angebot_id": k[0], "hbg": k[1], "plaetze": D(n) / 4, "ab": t},
                                               gruppe, st.integers(1, 80), tage)),
    plus_minus("personal", "vk", st.builds(lambda n, t: {"vk": D(n) / 2, "ab": t}, st.integers(1, 40), tage)),
    plus_minus("pauschale", "betrag_eur", st.builds(lambda n, t: {"bezeichnung": "Projekt", "betrag_eur": D(n) / 100, "ab": t},
                                                    st.integers(1, 10**7), tage)))


@settings(max_examples=25, deadline=None)
@given(st.lists(undo, min_size=1, max_size=3))
def test_changes_that_undo_each_other_leave_nothing(paare):
    hin, her = zip(*paare, strict=True)
    ohne, e = rechne_s(szenario("BSP-NORD")), rechne_s(szenario("BSP-NORD", *hin, *her))
    for j, k in zip(e.jahre, ohne.jahre, strict=True):
        # figures are those without changes, draws included; what each change does alone is still told
        assert replace(j, beitraege=(), zusammenwirken_eur=D(0)) == replace(k, zusammenwirken_eur=D(0))
        assert sum(b.betrag_eur for b in j.beitraege) + j.zusammenwirken_eur == 0
    assert e.monate == ohne.monate


einzeln = st.one_of(
    undo.map(lambda p: p[0]),
    st.builds(lambda x, p, t: aendere("wachstum", angebot_id=x, prozent_pro_jahr=D(p) / 10, ab=t),
              st.sampled_from(["", "NORD-BW"]), st.integers(-50, 50), tage),
    st.builds(lambda p, t: aendere("entgelt", prozent=D(p) / 10, ab=t), st.integers(-30, 60), tage),
    st.builds(lambda p, s, t: aendere("verlagerung", angebot_id="NORD-BW", von_hbg="3", nach_hbg="2", anteil_prozent=D(p), s=s, ab=t),
              st.integers(0, 100), st.booleans(), tage))


@settings(max_examples=30, deadline=None)
@given(st.lists(einzeln, min_size=1, max_size=4))
def test_contributions_and_interaction_sum_to_the_difference(aenderungen):
    for j in rechne_s(szenario("BSP-NORD", *aenderungen)).jahre:
        assert sum((b.betrag_eur for b in j.beitraege), D(0)) + j.zusammenwirken_eur == j.differenz_eur.wert
        assert sum((r.betrag_eur for r in j.raten), D(0)) == j.budget_eur.wert


@settings(max_examples=15, deadline=None)
@given(st.lists(einzeln, min_size=1, max_size=3))
def test_switched_off_is_as_if_absent(aenderungen):
    ab, ohne = rechne_s(szenario("BSP-NORD", *(replace(w, an=False) for w in aenderungen))), rechne_s(szenario("BSP-NORD"))
    assert (ab.jahre, ab.monate) == (ohne.jahre, ohne.monate)


def test_same_seed_same_numbers_and_another_seed_others():
    w = aendere("plaetze", angebot_id="NORD-BW", hbg="3", plaetze=D(2), ab=date(2026, 7, 1))
    a = analyse("BSP-NORD")
    eins, zwei, drei = (rechne(Rechnung(a, "prognose", 2), szenario("BSP-NORD", w, basis="prognose", seed=x)) for x in (7, 7, 8))
    assert eins == zwei
    assert eins.jahre[0].budget_eur.wert == drei.jahre[0].budget_eur.wert and eins.jahre[0].budget_eur != drei.jahre[0].budget_eur


@given(st.lists(st.floats(-1e9, 1e9, width=32), min_size=1, max_size=300))
def test_bands_are_numpys_quantiles(werte):
    assert np.allclose(_quantile(np.array([werte, werte[::-1]])), np.quantile(werte, QUANTILE), rtol=1e-9, atol=1e-9)


def test_fewer_places_in_a_sentence():
    w = aendere("plaetze", angebot_id="NORD-BW", hbg="3", plaetze=D(-2), ab=date(2026, 7, 1))
    e = rechne_s(szenario("BSP-NORD", w))
    gesagt = satz(e, e.jahre[0], {"NORD-BW": "Wohnen"})
    assert gesagt.startswith("2\u00a0Plätze weniger in HBG\u00a03 (Wohnen) ab 01.07.2026 verringern das Budget 2026 um rund ")


def test_one_place_where_there_are_no_need_groups_in_a_sentence():
    w = aendere("plaetze", angebot_id="FLUSS-IW", hbg="ohne", plaetze=D(1), ab=date(2026, 7, 1))
    namen, e = {"FLUSS-IW": "Wohnen"}, rechne_s(szenario("BSP-FLUSS", w))
    assert satz(e, e.jahre[0], namen).startswith("1\u00a0Platz mehr im Angebot Wohnen ab 01.07.2026 kostet 2026 rund ")
    assert beschreibe(w, namen) == "Plätze: +1\u00a0Platz, Wohnen, ohne HBG, ab 01.07.2026"


def test_more_draws_settle_on_the_exact_figure():
    """The median of many draws lies within a third of a per cent of the figure without uncertainty."""
    j = rechne_s(szenario("BSP-SUED", basis="quartal", ziehungen=5000)).jahre[1]
    assert j.budget_eur.p50 == pytest.approx(float(j.budget_eur.wert), rel=0.003)
    assert j.budget_eur.p10 < float(j.budget_eur.wert) < j.budget_eur.p90


# ── what a person reads ──────────────────────────────────────────────────────────────────────────────────────────


def text(html):
    """What a page or table says, without its marks."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)).replace("\u00a0", " "))


@cache
def drei_aenderungen():
    return rechne_s(replace(ablage.lies(BEISPIEL), ziehungen=200))


def spalte(t, name):
    return [z[[s.name for s in t.spalten].index(name)] for z in t.zeilen]


def test_the_months_show_what_the_puffer_is_made_of():
    """Puffer = Σ agreed case-based instalments − Σ classical billing since January, from the columns of the table itself."""
    t = bild.monatstabelle(drei_aenderungen())
    erwartet, offen = [], D(0)
    for monat, rate, klassisch in zip(spalte(t, "Monat"), spalte(t, "Rate laut Budget, fallbezogen €"),
                                      spalte(t, "klassische Abrechnung €"), strict=True):
        offen = (D(0) if monat.startswith("Januar") else offen) + rate - klassisch
        erwartet.append(offen)
    assert [float(x) for x in spalte(t, "Puffer seit Januar €")] == pytest.approx([float(x) for x in erwartet], abs=0.06)  # cents round
    a = analyse("BSP-NORD").budget(D(0))
    assert spalte(t, "Rate laut Budget, fallbezogen €")[:12] == [r.fallbezogen_eur for r in a.raten]
    assert spalte(t, "Rate bei dieser Menge €")[0] == drei_aenderungen().jahre[0].raten[0].betrag_eur != a.raten[0].betrag_eur


@pytest.mark.parametrize("traeger_id", ["BSP-NORD", "BSP-BERG"])
def test_deviation_and_puffer_can_be_recomputed_from_the_year(traeger_id):
    """Of the case-based part; BSP-BERG is billed at other rates than planned, so its volume at those stands in the table too."""
    e = rechne_s(szenario(traeger_id, aendere("entgelt", prozent=D(2), ab=date(2027, 1, 1))))
    for j in e.jahre:
        t = bild.tabellen(e, j.jahr, {})
        euro, g = dict(zip(spalte(t["Euro"], "Größe"), spalte(t["Euro"], "ohne Zufall"), strict=True)), j.gegen
        budget = "vereinbarten Budgets" if j.jahr == 2026 else "fortgeschriebenen Budgets 2026"
        fall = euro[f"fallbezogener Teil des {budget}"]
        ist = euro.get("diese Menge zu den geltenden Entgelten", euro["davon fallbezogen"])
        assert ("diese Menge zu den geltenden Entgelten" in euro) == (traeger_id == "BSP-BERG")
        assert float((ist / fall - 1) * 100) == pytest.approx(g.abweichung_prozent.wert, abs=1e-5)
        assert fall - euro["klassische Abrechnung"] == euro["Puffer zum Jahresende: fallbezogener Teil − klassische Abrechnung"]
        assert f"Abweichung vom fallbezogenen Teil des {budget} in %" in spalte(t["Menge"], "Größe")
        assert budget in t["Grenzen"].basis
    assert e.jahre[0].gegen.fallbezogen_eur == analyse(traeger_id).budget(D(0)).fallbezogen_eur


def test_a_year_without_a_decided_budget_is_never_called_agreed():
    e = drei_aenderungen()
    seite = {j.jahr: text(satz(e, j, {}) + "".join(t.html() for t in bild.tabellen(e, j.jahr, {}).values())) for j in e.jahre}
    assert "fortgeschrieben" not in seite[2026] and "vereinbartes Budget" in seite[2026] and "Korridor von 4 % zu verlassen" in seite[2026]
    assert "vereinbart" not in seite[2027] and "fortgeschriebenes Budget 2026" in seite[2027]
    assert "den Korridor von 4 % um das fortgeschriebene Budget 2026 zu verlassen" in seite[2027]
    laut = "Laut Budget: 2026 vereinbartes Budget, 2027 fortgeschriebenes Budget 2026"
    assert laut in bild.verlauf(e, {}) and laut in bild.monatstabelle(e).basis
    assert any("das letzte beschlossene ist fortgeschrieben" in h for h in e.hinweise)
    ohne = rechne_s(szenario("BSP-SUED"))  # no corridor agreed
    assert "die Abweichung vom fallbezogenen Teil des fortgeschriebenen Budgets 2026" in satz(ohne, ohne.jahre[1], {})


def test_the_page_says_it_in_words_that_cannot_be_misread(tmp_path):
    e = drei_aenderungen()
    ablage.schreibe(e, analyse("BSP-NORD"), tmp_path)
    seite = (tmp_path / "szenario.html").read_text(encoding="utf-8")
    gelesen = text(seite.split("</style>")[1])
    assert not re.findall(r"Genau|Ziehung|darunter|darüber|\+ S|die fehlen", gelesen)
    assert "von HBG 3, nach HBG 2, als „+S“, ab 01.10.2026" in gelesen and "1.000 Zufallsläufe" not in gelesen
    assert "200 Zufallsläufe: 8 von 10 liegen zwischen „von“ und „bis“" in gelesen
    w = e.szenario.aenderungen[1]
    assert "nicht als „+S“" in beschreibe(w.mit(s=False), {})
    dezember = e.monate[-1].plaetze["gesamt"]
    assert f"von {zahl(dezember.p10, 1)} (80 %)" in gelesen and f"bis {zahl(dezember.p90, 1)} (80 %)" in gelesen  # at the band's ends
    assert seite.count('<div class="bild" style="overflow-x:auto" tabindex="0"') == seite.count("<svg") == 3
    for t in re.findall(r"<table>.*?</table>", seite, re.S):  # a heading stands over its column
        kopf = re.findall(r'<th scope="col"( class="zahl")?>', t)
        for zeile in re.findall(r"<tr.*?</tr>", t.split("<tbody>")[1], re.S):
            assert re.findall(r'<t[hd](?: scope="row")?( class="zahl")?>', zeile) == kopf


def test_staff_missing_or_to_spare_is_the_difference_of_the_figures_above():
    for vk in (D(-3), D(9)):
        e = rechne_s(szenario("BSP-NORD", aendere("personal", vk=vk, ab=date(2026, 1, 1))))
        z = {n: [zahl(x, 1) for x in rest if x is not None] for n, *rest in bild.tabellen(e, 2026, {})["Menge"].zeilen}
        mitte, noetig = (z[n] for n in ("VK vorhanden (anteilig)", "VK nach Schlüssel nötig"))
        da, *mehr = (D(x.replace(",", ".").replace("−", "-")) for x in (mitte[0], *z["VK vorhanden − nötig (unter 0: so viele fehlen)"]))
        assert f"{'es fehlen' if vk < 0 else 'es sind'} {zahl(abs(mehr[0]), 1)}\u00a0VK" in satz(e, e.jahre[0], {})
        assert mehr[0] == da - D(noetig[0].replace(",", ".")) and (mehr[0] < 0) == (vk < 0) and mehr[2] <= mehr[1] <= mehr[3]


def test_what_is_today_stands_beside_a_change():
    """S3: 25 places, 2,75 + 26,05 + 0,84 = 29,64 €, key 1:10, nobody from outside, no corridor; in the example the mean of the quarter."""
    b = load(ROOT / "data" / "aufsuchende_hilfe")
    r = Rechnung(Analyse(b, b.traeger_ids[0], Quartal(2027, 1), 5), "basisjahr", 1)
    wo = {"angebot_id": r.a.im_budget[0], "hbg": "ohne"}
    assert [bild.jetzt(r, aendere(art, **w)).replace("\u00a0", " ") for art, w in (
        ("plaetze", wo), ("entgelt", wo), ("entgelt", {"bestandteil": "grundpauschale"}), ("schluessel", wo), ("auswaertige", wo))] == [
            "heute 25 Plätze", "heute 29,64 € am Tag", "heute 2,75 € am Tag", "heute 10 Personen je VK", "heute 0 % der Tage"]
    assert bild.jetzt(r, aendere("korridor")) == "heute: nichts vereinbart oder angegeben"
    assert bild.jetzt(r, aendere("plaetze", angebot_id="NEU-1", hbg="ohne")) == ""  # what is not there yet has no today
    quartal = rechne_s(szenario("BSP-NORD", basis="quartal")).monate[:3]
    mittel = sum(m.plaetze["gesamt"].wert * tage for m, tage in zip(quartal, (31, 28, 31), strict=True)) / 90
    for basis in BASEN:  # today is today, whatever the basis
        r = rechnung("BSP-NORD", basis)
        assert bild.jetzt(r, aendere("wachstum")) == f"heute {zahl(mittel, 1)}\u00a0Plätze"
        assert bild.jetzt(r, aendere("korridor")) == "heute −4 bis 4\u00a0%"
        assert bild.jetzt(r, aendere("pauschale")) == "heute 71.800,00\u00a0€ im Jahr"


# ── kinds of change ──────────────────────────────────────────────────────────────────────────────────────────────


def test_shift_with_s_keeps_the_group_before_s():
    w = aendere("verlagerung", angebot_id="NORD-ABW", von_hbg="3", nach_hbg="2", anteil_prozent=D(50), s=True, ab=date(2026, 1, 1))
    mit, ohne, davor = (rechne_s(x).jahre[0] for x in (szenario("BSP-NORD", w), szenario("BSP-NORD", w.mit(s=False)), szenario("BSP-NORD")))
    assert mit.budget_eur.wert == ohne.budget_eur.wert < davor.budget_eur.wert  # payment follows the granted group
    assert mit.s_effekt_eur == mit.differenz_eur.wert and ohne.s_effekt_eur == 0
    assert mit.plaetze.wert == pytest.approx(davor.plaetze.wert)


def test_staff_corridor_share_and_new_offer():
    r = szenario("BSP-NORD", aendere("personal", vk=D(-5), ab=date(2027, 1, 1)), aendere("korridor", unten_prozent=D(2), oben_prozent=D(3)))
    davor, j = rechne_s(szenario("BSP-NORD")).jahre[1], rechne_s(r).jahre[1]
    assert j.vk_vorhanden == pytest.approx(davor.vk_vorhanden - 5)
    assert j.korridor == (2, 3) and j.gegen.ausserhalb > j.gegen.ausserhalb_ohne == davor.gegen.ausserhalb
    assert j.gegen.abstand_oben.wert == pytest.approx(3 - j.gegen.abweichung_prozent.wert)
    neu = aendere("angebot", angebot_id="NEU-1", hbg="ohne", plaetze=D(10), massnahmepauschale=D(50), ab=date(2027, 1, 1),
                  personen_je_vk=D(5))
    dazu = rechne_s(szenario("BSP-NORD", neu)).jahre[1]
    assert dazu.differenz_eur.wert == D("182500.00") and dazu.vk_noetig.wert - davor.vk_noetig.wert == pytest.approx(2)
    eigen, alle = rechnung("BSP-NORD").anteil_eigene("NORD-BW")
    gleich = rechne_s(szenario("BSP-NORD", aendere("auswaertige", angebot_id="NORD-BW", anteil_prozent=D(0), ab=date(2026, 1, 1)))).jahre[0]
    bw = sum(g.plaetze.wert for g in gleich.gruppen if g.angebot_id == "NORD-BW")
    plan = float(sum(p.plaetze_plan for p in analyse("BSP-NORD").version.plan if p.angebot_id == "NORD-BW"))
    assert bw == pytest.approx(plan * alle / eigen)


def test_every_kind_is_described_and_survives_its_file():
    for art, was in ARTEN.items():
        beispiele = {"zahl": D(1), "datum": date(2026, 7, 1), "angebot": "NORD-BW", "hbg": "3", "text": "Ein „Wort“ mit \"Zeichen\""}
        werte = {k: beispiele[f.art] for k, f in was.felder.items() if f.standard is None}
        s = szenario("BSP-NORD", aendere(art, **werte), replace(aendere(art, **werte), an=False))
        wieder = ablage.lies_text(ablage.als_toml(s), "x")
        assert ablage.als_toml(wieder) == ablage.als_toml(ablage.lies_text(ablage.als_toml(wieder), "x"))
        assert all(wieder.aenderungen[0][k] == w for k, w in werte.items()) and not wieder.aenderungen[1].an
        assert beschreibe(wieder.aenderungen[0], {}).startswith(was.name)


# ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────────

KOPF = {"schema": 1, "name": "x", "traeger_id": "BSP-NORD", "quartal": "2026Q1"}
GUT = {"art": "plaetze", "angebot_id": "NORD-BW", "hbg": "3", "plaetze": D(1), "ab": date(2026, 7, 1)}


@pytest.mark.parametrize(("falsch", "erwartet"), [
    ({"art": "unfug"}, "Änderung 2, Spalte art: „unfug“: Diese Art gibt es nicht"),
    ({"art": ["plaetze"]}, "Änderung 2, Spalte art: „['plaetze']“: Diese Art gibt es nicht"),
    ({**GUT, "plaetze": "zwei"}, "Änderung 2, Spalte plaetze: „zwei“: Das ist keine Zahl"),
    ({**GUT, "plaetze": D(5000)}, "Möglich sind Werte von -200 bis 200 Plätze"),
    ({**GUT, "ab": "bald"}, "Änderung 2, Spalte ab: „bald“: Das ist kein Datum"),
    ({k: w for k, w in GUT.items() if k != "hbg"}, "Änderung 2, Spalte hbg: Diese Angabe fehlt"),
    ({**GUT, "farbe": "blau"}, "Spalte farbe: Dieses Feld gibt es hier nicht"),
    ({**GUT, "an": "vielleicht"}, "Möglich sind true und false"),
])
def test_a_fault_in_the_description_names_change_and_field(falsch, erwartet):
    with pytest.raises(Fehlerliste) as e:
        szenario_aus(KOPF | {"aenderung": [GUT, falsch]})
    assert erwartet in str(e.value) and len(e.value.fehler) == 1


@pytest.mark.parametrize("kopf", [{"schema": 2}, {"basis": "gefühl"}, {"horizont": D(9)}, {"ziehungen": D("1000.5")}, {"quartal": "2026"}])
def test_a_faulty_head_is_told(kopf):
    with pytest.raises(TraegerFehler):
        szenario_aus(KOPF | kopf)


@pytest.mark.parametrize(("w", "erwartet"), [
    (aendere("plaetze", angebot_id="NORD-XX", hbg="3", plaetze=D(1), ab=date(2026, 7, 1)), "Spalte angebot_id: „NORD-XX“: Das gibt es"),
    (aendere("plaetze", angebot_id="NORD-BW", hbg="3", plaetze=D(-90), ab=date(2026, 7, 1)), "So viele Plätze sind in der Gruppe nicht"),
    (aendere("plaetze", angebot_id="NORD-BW", hbg="3", plaetze=D(1), ab=date(2031, 7, 1)), "Der Horizont reicht vom 01.01.2026 bis"),
    (aendere("verlagerung", angebot_id="NORD-BW", von_hbg="3", nach_hbg="3", anteil_prozent=D(1), ab=date(2026, 7, 1)), "dieselbe Gruppe"),
    (aendere("angebot", angebot_id="NORD-BW", hbg="3", plaetze=D(1), massnahmepauschale=D(1), ab=date(2026, 7, 1)), "gibt es schon"),
])
def test_an_impossible_change_is_told(w, erwartet):
    with pytest.raises(Fehlerliste, match="Szenario, Änderung 1") as e:
        rechne_s(szenario("BSP-NORD", w))
    assert erwartet in str(e.value)


def test_command_says_what_is_wrong_with_a_file(traeger, tmp_path, beispiel):
    datei = tmp_path / "s.toml"
    datei.write_text("schema = 1\nname = unfug\n")
    aus = traeger("scenario", "run", datei, beispiel, "--out", tmp_path / "aus")
    assert aus.exit_code == 2 and "s.toml, Zeile 2: Das ist kein gültiges TOML" in aus.output and not (tmp_path / "aus").exists()
    for text in (f"schema = {'9' * 5000}", f"schema = {'[' * 5000}"):
        with pytest.raises(TraegerFehler, match=r"^s\.toml: Das ist kein gültiges TOML"):
            ablage.lies_text(text, "s.toml")


# ── one code for everybody ───────────────────────────────────────────────────────────────────────────────────────


def test_command_notebook_and_bench_give_the_same_figures(traeger, beispiel, tmp_path):
    aus = traeger("scenario", "run", BEISPIEL, beispiel, "--out", tmp_path / "befehl")
    assert aus.exit_code == 0 and "kommt" not in aus.output and "Die 3 Änderungen erhöhen" in aus.output
    papermill.execute_notebook(ROOT / "notebooks" / "szenario.ipynb", tmp_path / "aus.ipynb", {
        "bestand": str(beispiel), "szenario": str(BEISPIEL), "ausgabe": str(tmp_path / "heft"), "ordner": str(tmp_path)},
        progress_bar=False)
    befehl, heft = (json.loads((tmp_path / x / "szenario.json").read_text()) for x in ("befehl", "heft"))
    assert befehl == heft and befehl["jahre"][0]["budget_eur"]["wert"] > 3e6
    bank = Werkbank(str(beispiel), str(BEISPIEL), str(tmp_path))
    assert json.loads(json.dumps(ablage.kennzahlen(bank.ergebnis, bank.analyse.bestand))) == befehl
    assert satz(bank.ergebnis, bank.ergebnis.jahre[1], bank.namen).split(" (")[0] in bank.satz.value
    seite = (tmp_path / "befehl" / "szenario.html").read_text()
    assert "<svg role=\"img\" aria-label=" in seite and "http" not in seite.replace("http-equiv", "")


def test_the_bench_answers_saves_and_never_breaks(beispiel, tmp_path):
    bank = Werkbank(str(beispiel), ordner=str(tmp_path))
    bank.felder["traeger_id"].value = "BSP-NORD"
    vorher = bank.satz.value
    bank.neu.value = "plaetze"
    bank._hinzu()
    plaetze = bank._zeilen[0][1]["plaetze"]
    plaetze.eingabe.value = "2,5"
    assert plaetze.regler.value == 2.5 and "2,5\u00a0Plätze mehr" in bank.satz.value != vorher
    plaetze.regler.value = 4
    assert plaetze.eingabe.value == "4" and "4\u00a0Plätze mehr" in bank.satz.value
    gut = bank.satz.value
    plaetze.eingabe.value = "1.000"  # never guessed
    assert "role=\"alert\"" in plaetze.fehler.value and bank.satz.value == gut
    plaetze.eingabe.value = "-190"
    assert "nicht belegt" in plaetze.fehler.value and bank.satz.value == gut
    plaetze.kasten.children[0].children[-1].click()  # reset
    assert plaetze.eingabe.value == "0" and not plaetze.fehler.value and bank.satz.value != gut
    assert plaetze.kasten.children[0].children[-1].description == "zurücksetzen"
    angebot, hbg, heute = (bank._zeilen[0][1][k] for k in ("angebot_id", "hbg", "plaetze"))
    assert angebot.eingabe.tooltip == angebot.eingabe.label == "Ambulant betreutes Wohnen Nord"
    assert heute.heute.value == f'<div class="tb-heute">{bild.jetzt(bank.rechnung, bank.s.aenderungen[0])}</div>' != ""
    vorher = heute.heute.value
    hbg.eingabe.value = "2"
    assert "heute 12,5\u00a0Plätze" in heute.heute.value != vorher
    plaetze.eingabe.value = "3"
    bank.name.value = "Drei mehr"
    bank._speichere()
    assert ablage.lies(tmp_path / "drei-mehr.toml").aenderungen == bank.szenarien[0].aenderungen
    for _ in range(6):
        bank._versuche(lambda: bank._dazu("Kopie"))
    bank.felder["quartal"].value = "2026"
    assert "kein Quartal" in bank.fehler.value
    bank.felder["quartal"].value = "2026Q1"
    bank._versuche(lambda: bank._dazu("Noch eine"))
    assert len(bank.szenarien) == 5 and "schon 5 Szenarien" in bank.fehler.value
    bank.felder["bestand"].value = str(tmp_path / "nichts")
    assert "role=\"alert\"" in bank.fehler.value


def test_a_bench_without_data_says_so(tmp_path):
    bank = Werkbank(str(tmp_path), ordner=str(tmp_path))
    bank._versuche(bank._speichere)
    assert "kein Bestand geöffnet" in bank.fehler.value


# ── re-assessment ────────────────────────────────────────────────────────────────────────────────────────────────


def test_reassessment_shows_each_line_and_never_overwrites(tmp_path):
    a = analyse("BSP-NORD")
    n = neubewertung(a, 2025)
    assert n.varianten[0].betrag_eur == a.budget(D(0)).fallbezogen_eur and (n.basisjahr_alt, n.basisjahr_neu, n.version) == (2024, 2025, 2)
    assert sum(z.neu_eur - z.alt_eur for z in n.zeilen) == n.gewaehlt.betrag_eur - n.varianten[0].betrag_eur
    assert dict(n.abweichung)["Abweichung"] == sum(w for k, w in n.abweichung if k != "Abweichung")
    trend = neubewertung(a, 2025, mit_trend=True, vor_s=True)
    assert trend.gewaehlt.name == "2025, mit Trend, vor S" and trend.varianten == n.varianten
    assert np.isclose(float(n.varianten[1].plaetze), float(n.varianten[2].plaetze), atol=0.1)  # before S: other groups, the same persons
    pfad = ablage.schreibe_budgetversion(n, date(2026, 6, 30), tmp_path / "neu" / "budgets-neu.csv")
    with pytest.raises(TraegerFehler, match="nie überschrieben"):
        ablage.schreibe_budgetversion(n, date(2026, 6, 30), pfad)


def test_a_reassessed_version_is_the_next_budget(tmp_path, kopie):
    """Saved rows put into the data folder give the budget the re-assessment promised."""
    n = neubewertung(analyse("BSP-NORD"), 2025)
    zeilen = ablage.schreibe_budgetversion(n, date(2026, 3, 1), tmp_path / "neu.csv").read_text(encoding="utf-8").splitlines()[1:]
    alt = kopie / "budgets.csv"
    alt.write_text(alt.read_text(encoding="utf-8").rstrip("\n") + "\n" + "\n".join(zeilen) + "\n", encoding="utf-8")
    b = Analyse(load(kopie, "BSP-NORD"), "BSP-NORD", Quartal(2026, 1), 5).budget(D(0))
    assert (b.version, b.fallbezogen_eur, b.pauschal_eur) == (2, n.gewaehlt.betrag_eur, D("71800.00"))


def test_reassessment_needs_a_complete_base_year():
    with pytest.raises(TraegerFehler, match="kann kein Basisjahr sein"):
        neubewertung(analyse("BSP-NORD"), 2026)


def test_all_bases_have_a_name_and_give_a_result():
    for basis in BASEN:
        assert rechne_s(szenario("BSP-FLUSS", basis=basis, horizont=5)).jahre[-1].jahr == 2030


def test_a_budget_without_any_case_yet_has_a_scenario():
    a = analyse("BSP-NORD")
    leer = replace(a.bestand, tabellen=a.bestand.tabellen | {n: a.bestand[n].iloc[:0] for n in ("faelle", "abwesenheiten", "fallzahlen")})
    j = rechne(Rechnung(replace(a, bestand=leer), "basisjahr", 2), szenario("BSP-NORD")).jahre[0]
    assert j.fallbezogen_eur == rechne_s(szenario("BSP-NORD")).jahre[0].fallbezogen_eur
    assert j.gegen.abweichung_prozent.p10 < 0 < j.gegen.abweichung_prozent.p90
