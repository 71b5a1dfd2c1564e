"""„Woher kommt diese Zahl?“: every published figure is explained, by true texts, and the rows behind it are the right ones."""

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest

from traeger_lib import analyse, load
from traeger_lib.analysis.deviation import abweichung, effekte
from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.inputs.schema import TABELLEN, Bestand, leere_tabelle
from traeger_lib.reporting import formats as f
from traeger_lib.reporting import origin
from traeger_lib.reporting.origin import EINTRAEGE, begriffe, woher, zeilen_hinter


@pytest.fixture(scope="module")
def daten(beispiel) -> Bestand:
    return load(beispiel)


@pytest.fixture(scope="module")
def blaetter(daten) -> dict[str, list[tuple[str, object]]]:
    """Paths and values of everything in kennzahlen.json of two example providers, one of them with monthly aggregates."""
    frueher = replace(daten, tabellen={**daten.tabellen, "faelle": daten["faelle"][5:]})
    return {t: list(_blaetter(analyse(daten, t, "2026Q1", frueher=frueher).kennzahlen())) for t in ("BSP-NORD", "BSP-SEE")}


def _blaetter(x, pfad=""):
    if isinstance(x, dict):
        for k, v in x.items():
            yield from _blaetter(v, f"{pfad}.{k}" if pfad else k)
    elif isinstance(x, list):
        for i, v in enumerate(x):
            yield from _blaetter(v, f"{pfad}[{v['angebot_id'] if pfad.endswith('je_angebot') else i}]")
    else:
        yield pfad, x


def _ohne_nummern(pfad):
    return re.sub(r"\[[^\]]*\]", "[0]", pfad)


def _gefunden(pfad):
    try:
        return woher(pfad).schluessel
    except TraegerFehler:
        return None


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("traeger", ["BSP-NORD", "BSP-SEE"])
def test_every_published_number_is_explained(blaetter, traeger):
    zahlen = {_ohne_nummern(p) for p, x in blaetter[traeger] if isinstance(x, int | float) and not isinstance(x, bool)}
    assert len(zahlen) > 100
    assert [p for p in sorted(zahlen) if _gefunden(p) is None] == []


def test_every_entry_explains_something_published(blaetter):
    benutzt = {_gefunden(p) for p in {_ohne_nummern(p) for alle in blaetter.values() for p, _ in alle}}
    assert [k for k, h in EINTRAEGE.items() if k not in benutzt and not h.im_bericht] == []


@pytest.mark.parametrize(("pfad", "eintrag"), [
    ("fallzahlen.quartal.je_angebot[NORD-BW].belegungstage", "fallzahlen.belegungstage"),
    ("fallzahlen.vorquartal.im_budget.wechsel", "fallzahlen.wechsel"),
    ("fallzahlen.belegungstage", "fallzahlen.belegungstage"),
    ("personal.kumuliert.gesamt.vk_anteilig.tage", "personal.vk_anteilig"),
    ("personal_jahre[2].personal.erfuellung.euro", "personal.erfuellung"),
    ("budget.raten[3].betrag_eur", "budget.raten.betrag_eur"),
    ("budget.fallbezogen_eur", "budget.fallbezogen_eur"),
    ("hbg.quartal.je_angebot[NORD-BW].anteile.2", "hbg.anteile"),
    ("hbg.quartal.gesamt.mixindex", "hbg.mixindex"),
    ("trend.gesamt.prognose[0].oben95", "trend.prognose"),
    ("verlauf[0].je_angebot.NORD-BW", "verlauf.je_angebot"),
])
def test_a_path_leads_to_its_entry(pfad, eintrag):
    assert woher(pfad).schluessel == eintrag


@pytest.mark.parametrize("pfad", ["fallzahlen.quartal.belegungstag", "fallzahlen", "", "personal.vk.stunden", "budget.raten[0]"])
def test_an_unknown_key_is_told_in_one_sentence_with_near_ones(pfad):
    with pytest.raises(TraegerFehler) as e:
        woher(pfad)
    text = str(e.value).replace(f"„{pfad}“", "")
    assert text.endswith(".") and ". " not in text and "\n" not in text
    assert any(k in text for k in EINTRAEGE)


def test_a_misspelt_key_names_the_right_one():
    with pytest.raises(TraegerFehler, match=r"budget\.puffer_eur"):
        woher("budget.pufer_eur")


# ── texts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("schluessel", EINTRAEGE)
def test_every_entry_is_complete(schluessel):
    h = EINTRAEGE[schluessel]
    assert h.name and h.regel and h.einheit and h.formel.endswith(".")
    assert h.quellen and set(h.quellen) <= set(TABELLEN) and len(set(h.quellen)) == len(h.quellen)
    assert all(not t or t.endswith(".") for t in (h.beispiel, h.grenzen))
    assert not any(zeichen in repr(h) for zeichen in "{}\t")


def test_no_person_and_no_provider_is_named(daten):
    namen = {*daten["faelle"]["person_id"], *daten.traeger_ids, *daten["traeger"]["name"], *daten["angebote"]["angebot_id"]}
    texte = " ".join(map(repr, EINTRAEGE.values()))
    assert [n for n in namen if n in texte] == []


def test_the_report_gets_a_handful_of_terms():
    liste = begriffe()
    namen = [n for n, _ in liste]
    assert len(set(namen)) == len(namen) <= 20
    assert {"Entgelttage", "Durchschnittlich belegte Plätze", "Fälle im Zeitraum", "Budget", "Abweichung", "Mixindex", "Nötige VK",
            "Puffer", "Prognose", "Zufall"} <= set(namen)
    assert all(t.endswith(".") for _, t in liste)


def test_the_worked_example_of_the_deviation_is_computed_not_copied():
    """DOMAIN §3.4: the numbers in the texts are those the code gives."""
    gruppen = ("I", "II", "III", "IV")
    p, a = (dict(zip(gruppen, x, strict=True)) for x in ((3650, 7300, 3650, 0), (4015, 6935, 3650, 365)))
    vor_s = a | {"I": a["I"] - 365, "II": a["II"] + 365}
    p0 = {h: Fraction(c) for h, c in zip(gruppen, (8140, 9294, 10588, 13193), strict=True)}
    p1 = dict(zip(gruppen, (8303, 9480, 10800, 13457), strict=True))
    e = effekte(a, vor_s, Fraction(sum(a[h] * p1[h] for h in gruppen)), {h: Fraction(n) for h, n in p.items()}, p0)
    x = abweichung(e, mit_budget=True)
    for feld in ("soll_eur", "ist_eur", "mengeneffekt_eur", "mixeffekt_eur", "s_effekt_eur", "preiseffekt_eur", "abweichung_s_neutral_eur"):
        assert f.zahl(getattr(x, feld), 2) in EINTRAEGE[f"abweichung.{feld}"].beispiel, feld
    for feld in ("mengeneffekt_eur", "mixeffekt_eur", "s_effekt_eur", "preiseffekt_eur", "abweichung_eur"):
        assert f.zahl(getattr(x, feld), 2) in EINTRAEGE["abweichung.abweichung_eur"].beispiel, feld
    assert f.zahl(e.a_p0 / e.a_pquer, 3) in EINTRAEGE["hbg.mixindex"].beispiel
    assert f.zahl(e.aa_p0 / e.a_pquer, 3) in EINTRAEGE["hbg.mixindex_ausgang"].beispiel


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _bestand(**tabellen) -> Bestand:
    frames = {}
    for name, schema in TABELLEN.items():
        leer = leere_tabelle(name)
        zeilen = [{s.name: r.get(s.name) for s in schema.spalten} for r in tabellen.get(name, [])]
        frames[name] = pd.DataFrame(zeilen, columns=list(leer.columns)).astype(leer.dtypes.to_dict()) if zeilen else leer
    return Bestand(frames, date(2026, 4, 15), "Musterstadt", ("Musterstadt",))


def _fall(person, beginn, ende=None, angebot="A-1", kostentraeger="Musterstadt", **mehr):
    return {"person_id": person, "angebot_id": angebot, "kostentraeger": kostentraeger, "hbg": "1", "beginn": beginn, "ende": ende, **mehr}


def _entgelt(ab, bis=None, beschlossen=None, angebot="A-1"):
    return {"angebot_id": angebot, "hbg": "1", "gueltig_ab": ab, "gueltig_bis": bis, "grundpauschale": Decimal("2.69"),
            "massnahmepauschale": Decimal("25.35"), "investitionsbetrag": Decimal("0.82"), "beschlossen_am": beschlossen}


@pytest.fixture(scope="module")
def klein() -> Bestand:
    """Two providers by hand; the first has an offer in the budget (from 1 February 2026) and one outside it."""
    neujahr, alt = date(2026, 1, 1), date(2025, 1, 1)
    return _bestand(
        traeger=[{"traeger_id": "T1", "name": "Eins", "budget_beginn": date(2026, 2, 1)}, {"traeger_id": "T2", "name": "Zwei"}],
        angebote=[{"angebot_id": a, "traeger_id": t, "bezeichnung": a, "leistungstyp": "Wohnen", "im_budget": a != "A-2"}
                  for a, t in (("A-1", "T1"), ("A-2", "T1"), ("B-1", "T2"))],
        faelle=[_fall("bis-neujahr", alt, neujahr), _fall("vorbei", alt, date(2025, 12, 31)), _fall("letzter-tag", date(2026, 3, 31)),
                _fall("spaeter", date(2026, 4, 1)), _fall("auswaertig", alt, kostentraeger="Anderswo"),
                _fall("nebenan", alt, angebot="A-2"), _fall("ohne-zusage", alt, kostenzusage=False),
                _fall("einzelfall", alt, besonderheit="einzelfallsetting"), _fall("fremd", alt, angebot="B-1")],
        abwesenheiten=[{"person_id": p, "angebot_id": a, "beginn": b, "ende": e} for p, a, b, e in (
            ("bis-neujahr", "A-1", date(2025, 12, 30), neujahr), ("einzelfall", "A-1", date(2025, 12, 1), date(2025, 12, 31)),
            ("auswaertig", "A-1", neujahr, neujahr), ("fremd", "B-1", neujahr, neujahr))],
        entgelte=[_entgelt(alt, date(2025, 12, 31)), _entgelt(neujahr, None, alt), _entgelt(neujahr, None, date(2026, 5, 1)),
                  _entgelt(date(2026, 7, 1)), _entgelt(alt, None, None, "A-2"), _entgelt(alt, None, None, "B-1")],
        budgets=[{"traeger_id": "T1", "budgetjahr": j, "version": v, "beschlossen_am": d, "basisjahr": 2025, "art": "fallbezogen",
                  "angebot_id": "A-1", "hbg": "1", "plaetze_plan": Decimal(v)}
                 for j, v, d in ((2025, 1, alt), (2026, 1, alt), (2026, 2, date(2026, 3, 1)), (2026, 3, date(2026, 4, 1)))],
        personal=[{"angebot_id": "A-1", "monat": m, "qualifikation": "fachkraft", "vk": Decimal(1)}
                  for m in (date(2025, 12, 1), neujahr, date(2026, 3, 1), date(2026, 4, 1))])


@pytest.mark.parametrize(("schluessel", "personen"), [
    ("fallzahlen.quartal.je_angebot[A-1].belegungstage", {"bis-neujahr", "letzter-tag", "ohne-zusage", "einzelfall"}),
    ("fallzahlen.quartal.je_angebot[A-1].anteil_auswaertige", {"bis-neujahr", "letzter-tag", "ohne-zusage", "einzelfall", "auswaertig"}),
    ("fallzahlen.quartal.im_budget.belegungstage", {"bis-neujahr", "letzter-tag", "ohne-zusage", "einzelfall"}),
    ("fallzahlen.quartal.faelle_im_zeitraum", {"bis-neujahr", "letzter-tag", "ohne-zusage", "einzelfall", "nebenan"}),
    ("fallzahlen.vorquartal.je_angebot[A-1].belegungstage", {"bis-neujahr", "vorbei", "ohne-zusage", "einzelfall"}),
    ("abweichung.kumuliert.ist_eur", {"letzter-tag"}),
    ("klassische_abrechnung.kumuliert.einzelfall_eur", {"einzelfall"}),
    ("budget.herleitung[A-1].plaetze_basisjahr", {"bis-neujahr", "vorbei"}),
    ("verlauf[3].je_angebot.A-2", {"nebenan"}),
])
def test_the_right_stays_stand_behind_a_figure(klein, schluessel, personen):
    assert set(zeilen_hinter(klein, "T1", "2026Q1", schluessel)["faelle"]["person_id"]) == personen


def test_the_other_tables_are_cut_to_offer_period_and_decision(klein):
    def rows(schluessel, tabelle):
        return zeilen_hinter(klein, "T1", "2026Q1", schluessel)[tabelle]

    assert list(rows("fallzahlen.quartal.belegungstage", "abwesenheiten")["person_id"]) == ["bis-neujahr"]
    entgelte = rows("entgelte[0].gesamt_eur", "entgelte")
    assert list(zip(entgelte["angebot_id"], entgelte["gueltig_ab"].dt.month, strict=True)) == [("A-1", 1), ("A-1", 7), ("A-2", 1)]
    assert list(rows("abweichung.quartal.soll_eur", "entgelte")["beschlossen_am"]) == [pd.Timestamp(2025, 1, 1)]
    assert list(rows("budget.gesamt_eur", "budgets")["version"]) == [2]
    assert list(rows("puffer_jahre[0].raten_fallbezogen_eur", "budgets")["budgetjahr"]) == [2025, 2026]
    assert list(rows("personal.quartal.gesamt.vk", "personal")["monat"].dt.month) == [1, 3]
    assert len(rows("personal_jahre[0].personal.vk", "personal")) == 3


def test_before_the_budget_begins_nothing_stands_behind_its_figures(klein):
    assert zeilen_hinter(klein, "T1", "2025Q4", "abweichung.quartal.ist_eur")["faelle"].empty


@pytest.mark.parametrize("schluessel", ["abweichung.quartal.je_angebot[A-2].ist_eur", "fallzahlen.quartal.je_angebot[B-1].belegungstage"])
def test_an_offer_without_part_in_the_figure_is_refused(klein, schluessel):
    with pytest.raises(TraegerFehler, match="kein Angebot dieses Trägers"):
        zeilen_hinter(klein, "T1", "2026Q1", schluessel)


def test_rows_belong_to_the_provider_for_every_figure(daten):
    eigene = set(daten["angebote"].loc[daten["angebote"]["traeger_id"] == "BSP-SEE", "angebot_id"])
    verschieden = {(h.quellen, h.zeitraum, h.umfang): k for k, h in EINTRAEGE.items()}  # one figure of each kind
    for schluessel in verschieden.values():
        h = EINTRAEGE[schluessel]
        tabellen = zeilen_hinter(daten, "BSP-SEE", "2026Q1", schluessel)
        assert tuple(tabellen) == h.quellen
        for name, t in tabellen.items():
            assert set(t.get("traeger_id", pd.Series(dtype=str)).dropna()) <= {"BSP-SEE"}, (schluessel, name)
            assert set(t.get("angebot_id", pd.Series(dtype=str)).dropna()) <= eigene, (schluessel, name)


def test_persons_in_the_rows_are_the_published_count(daten, blaetter):
    faelle = [(p, x) for p, x in blaetter["BSP-NORD"] if p.endswith("faelle_im_zeitraum")]
    assert len(faelle) > 10
    for pfad, anzahl in faelle:
        assert zeilen_hinter(daten, "BSP-NORD", "2026Q1", pfad)["faelle"]["person_id"].nunique() == anzahl, pfad


def test_the_bestand_is_left_alone(klein):
    vorher = klein.pruefsumme()
    zeilen_hinter(klein, "T1", "2026Q1", "korridor.streuung_eur")
    assert klein.pruefsumme() == vorher


def test_no_report_shows_rows():
    """Case rows are personal data: nothing that writes a report, a mail or a manifest may ask for them."""
    lib = Path(origin.__file__).parents[1]
    dateien = [*(lib / "reporting").rglob("*"), *(lib / "operations").rglob("*.py"), lib.parent / "notebooks" / "quartalsbericht.ipynb"]
    texte = {d.name: d.read_text(encoding="utf-8") for d in dateien if d.is_file() and d.suffix not in {".pyc", ".png"}}
    assert [n for n, t in texte.items() if "zeilen_hinter" in t and n != "origin.py"] == []
