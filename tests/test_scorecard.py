"""The scorecard: states and what changed (hand-worked), computed KPIs, projects, and the round trip through Excel into Word."""

import io
import random
import shutil
import zipfile
from dataclasses import replace
from datetime import date
from decimal import Decimal as D
from functools import reduce
from pathlib import Path

import docx
import openpyxl
import pandas as pd
import pytest
from docx.oxml.ns import qn
from kleinbestand import bestand, grund
from typer.testing import CliRunner

from traeger_lib import analyse, load
from traeger_lib.analysis.budget import ausgleiche, puffer_jahr
from traeger_lib.analysis.periods import Quartal
from traeger_lib.analysis.scorecard import INHALT, KENNZAHLEN, scorecard, staende, vergleiche
from traeger_lib.cli import app
from traeger_lib.inputs.demo import schreibe_demo
from traeger_lib.inputs.faults import Fehlerliste, TraegerFehler
from traeger_lib.operations import bsc
from traeger_lib.reporting import charts, content, sections
from traeger_lib.reporting.origin import woher, zeilen_hinter

FEBRUAR, MAI, AUGUST = date(2026, 2, 2), date(2026, 5, 4), date(2026, 8, 3)
Q1 = Quartal.aus("2026Q1")


def massnahme(nummer, status="laufend", **mehr):
    return {"massnahme_id": nummer, "traeger_id": "T1", "perspektive": "Sozialraum", "ziel": "Netz", "massnahme": f"Text {nummer}",
            "status": status} | mehr


def klein(*zeilen, datenstand=date(2026, 3, 31)):
    termine = [{"traeger_id": "T1", "quartal": q, "termin": t} for q, t in (("2025Q4", FEBRUAR), ("2026Q1", MAI), ("2026Q2", AUGUST))]
    return bestand(datenstand, **grund("A-1"), massnahmen=list(zeilen), termine=termine)


# ── states ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_latest_state_up_to_the_datenstand_counts():
    b = klein(massnahme("M1", faellig=date(2025, 12, 31)), massnahme("M1", "abgeschlossen", stand=date(2026, 3, 1)),
              massnahme("M2", "nicht_begonnen"), massnahme("M2", faellig=date(2026, 1, 31), stand=date(2026, 2, 10)),
              massnahme("M2", "abgeschlossen", stand=date(2026, 4, 1)))  # after the Datenstand
    k = scorecard(b, Q1, b.datenstand)
    assert (k.je_status, k.ueberfaellig) == ({"abgeschlossen": 1, "laufend": 1}, 1)
    assert [(m.massnahme_id, m.status, m.stand) for m in k.liste] == [
        ("M1", "abgeschlossen", date(2026, 3, 1)), ("M2", "laufend", date(2026, 2, 10))]
    assert scorecard(b, Q1, MAI).je_status == {"abgeschlossen": 2}


def test_changes_since_the_last_meeting_and_what_is_carried_over():
    b = klein(massnahme("M1"), massnahme("M1", sollwert="3", stand=date(2026, 3, 1)),  # changed
              massnahme("M2", vereinbart_am=date(2026, 3, 2)),  # new by its agreement
              massnahme("M3", stand=date(2026, 3, 3)),  # new by its first state
              massnahme("M4", vereinbart_am=FEBRUAR),  # agreed in the meeting: no change since
              massnahme("M5"), massnahme("M5", "entfallen", stand=date(2026, 3, 4)),
              massnahme("M6"), massnahme("M6", sollwert="9", stand=FEBRUAR),  # decided in the meeting itself
              massnahme("M7", "abgeschlossen"), massnahme("B1", art="beschluss", vereinbart_am=date(2026, 3, 5)))
    k = scorecard(b, Q1, b.datenstand)
    assert [(a.massnahme_id, a.was, a.felder) for a in k.aenderungen] == [
        ("B1", "neu", ()), ("M1", "geändert", (("sollwert", None, "3"),)), ("M2", "neu", ()), ("M3", "neu", ()), ("M5", "entfallen", ())]
    assert (k.letztes_gespraech, k.naechstes_gespraech, k.uebernommen) == (FEBRUAR, (AUGUST, None), 3)  # M1, M4, M6
    assert sum(k.je_status.values()) == 7 and [m.massnahme_id for m in k.weitere] == ["B1"]
    assert scorecard(b, Quartal.aus("2025Q4"), b.datenstand).aenderungen == ()  # no earlier meeting
    assert scorecard(b, Quartal.aus("2026Q2"), b.datenstand).aenderungen == ()  # the last meeting is still to come


def test_a_settlement_counts_once_and_not_when_dropped():
    geld = {"mittel_eur": D("100.00"), "ausgleich_jahr": 2025}
    b = klein(massnahme("M1", **geld), massnahme("M1", stand=date(2026, 3, 1), **geld | {"mittel_eur": D("70.00")}),
              massnahme("M2", **geld), massnahme("M2", "entfallen", stand=date(2026, 3, 1), **geld))
    assert puffer_jahr(2025, D(1000), D(900), ausgleiche(b)).ausgleich_massnahmen_eur == D("70.00")
    assert zeilen_hinter(b, "T1", "2026Q1", "massnahmen.status")["massnahmen"]["massnahme_id"].tolist() == ["M1", "M2"]


def test_comparison_names_exactly_what_was_changed(beispiel):
    alle = load(beispiel)["massnahmen"]
    for seed in range(40):
        zufall = random.Random(seed)
        alt = staende(alle[alle["traeger_id"] == zufall.choice(sorted(set(alle["traeger_id"])))], date(2026, 3, 31))
        neu, erwartet = alt.astype(object).sample(frac=1, random_state=seed), set()
        for i in zufall.sample(list(neu.index), 3):
            spalte = zufall.choice([s for s in INHALT if s not in ("massnahme", "status")])
            if pd.isna(neu.at[i, spalte]) or zufall.random() < .5:
                neu.at[i, spalte] = {"faellig": pd.Timestamp(2031, 1, 1)}.get(spalte, f"neu {seed}")
                erwartet.add((neu.at[i, "massnahme_id"], spalte))
        assert {(a.massnahme_id, s) for a in vergleiche(alt, neu) for s, _, _ in a.felder} == erwartet
        assert all(a.was == "geändert" for a in vergleiche(alt, neu))
        ohne = alt.iloc[1:]
        assert [(a.massnahme_id, a.was) for a in vergleiche(ohne, alt)] == [(alt["massnahme_id"][0], "neu")]


# ── computed KPIs, projects ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", KENNZAHLEN)
def test_every_computed_kpi_is_a_published_and_explained_figure(name, beispiel):
    pfad, _ = KENNZAHLEN[name]
    facts = analyse(load(beispiel), "BSP-NORD", "2026Q1")
    assert reduce(getattr, pfad.split("."), facts) is not None and woher(pfad).formel


def test_a_computed_value_says_so_and_goes_before_the_one_reported(beispiel):
    b = load(beispiel)
    m = b["massnahmen"]
    kennzahl = m["kennzahl"].where(m.index != 0, "Durchschnittlich belegte Plätze")
    mit = replace(b, tabellen={**b.tabellen, "massnahmen": m.assign(kennzahl=kennzahl)})
    facts = analyse(mit, "BSP-NORD", "2026Q1")
    erste, zweite = facts.massnahmen.liste[:2]
    assert erste.berechnet[0] == facts.fallzahlen.quartal.gesamt.durchschnittlich_belegte_plaetze
    assert content.ist(erste).endswith(" (aus den Daten berechnet)") and content.ist(zweite) == zweite.istwert
    assert analyse(mit, "BSP-NORD", "2026Q1").kennzahlen()["massnahmen"]["liste"][0]["berechnet"][1] == "zahl1"


def test_project_money_planned_spent_left_and_by_year():
    v = {"vorhaben": "Haus"}
    b = klein(massnahme("M1", projektbeginn=date(2025, 3, 1), faellig=date(2026, 6, 30), mittel_eur=D("1000.00"),
                        eigenanteil_eur=D("200.00"), ausgegeben_eur=D("400.00"), foerderjahr=2027, risiko="Lieferung", **v),
              massnahme("P1", art="meilenstein", faellig=date(2027, 12, 31), **v),
              massnahme("F1", art="finanzierung", mittel_eur=D("500.00"), eigenanteil_eur=D("250.00"), ausgegeben_eur=D("0.00"),
                        foerderjahr=2028, **v),
              massnahme("M2", mittel_eur=D("30.00")), massnahme("M3", mittel_eur=D("99.00"), vorhaben="Zweites"))
    k = scorecard(b, Q1, b.datenstand)
    haus, zweites = k.vorhaben
    assert (haus.beginn, haus.ende, haus.mittel_eur, haus.eigenanteil_eur, haus.ausgegeben_eur, haus.uebrig_eur) == (
        date(2025, 3, 1), date(2027, 12, 31), D("1500.00"), D("450.00"), D("400.00"), D("1100.00"))
    assert (zweites.mittel_eur, zweites.eigenanteil_eur, zweites.ausgegeben_eur, zweites.uebrig_eur) == (D("99.00"), 0, None, None)
    assert [(m.jahr, m.mittel_eur, m.foerderung_eur, m.eigenanteil_eur) for m in k.mittel] == [
        (2027, 1000, 800, 200), (2028, 500, 250, 250), (2029, 0, 0, 0), (2030, 0, 0, 0), (None, 129, 129, 0)]


def test_report_section_and_chart_show_changes_overdue_and_projects(beispiel):
    facts = analyse(load(beispiel), "BSP-SEE", "2026Q1")
    html = sections.massnahmen(facts).text
    assert "Seit dem Gespräch am 04.02.2026: 1\u00a0Eintrag neu, 1\u00a0Eintrag geändert." in html and "(aus den Daten berechnet)" in html
    assert "Änderungen seit dem Gespräch am 04.02.2026" in html and "Wie weit sind die Vorhaben?" in html and ">2030<" in html
    bild = charts.vorhaben(facts)
    assert "Sozialraumprojekt" in bild.alt and bild.png == charts.vorhaben(facts).png
    assert "Versicherungsfragen" not in html + str(facts.kennzahlen())  # confidential text stays in the minutes


# ── round trip ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=["csv", "xlsx", "parquet"])
def daten(request, tmp_path) -> Path:
    schreibe_demo(tmp_path / "bestand", providers=3, years=2, format=request.param)
    return tmp_path / "bestand"


def blatt(pfad):
    """The sheet of the entries as a person sees it: workbook, sheet, and where the headings are."""
    mappe = openpyxl.load_workbook(pfad)
    ws = mappe["Maßnahmen"]
    kopf = next(z for z in range(1, 20) if ws.cell(z, 1).value == "Kennung")
    return mappe, ws, kopf, {zelle.value: zelle.column for zelle in ws[kopf] if zelle.value}


def reihen(ws, kopf):
    return {ws.cell(z, 1).value: z for z in range(kopf + 1, ws.max_row + 1) if ws.cell(z, 1).value}


def test_out_to_excel_edited_by_hand_and_back_into_the_minutes(daten, tmp_path, traeger):
    i, q = "BSP-NORD", "2026Q2"
    aus = tmp_path / "aus"
    assert traeger("bsc", "export", q, daten, "--only", i, "--out", aus).exit_code == 0
    datei, = aus.glob("*.xlsx")
    vorher = load(daten)["massnahmen"]
    mappe, ws, kopf, spalte = blatt(datei)
    z = reihen(ws, kopf)
    neu = kopf + len(z) + 1
    for name, wert in {"Perspektive": "Sozialraum", "Ziel": "Nachbarschaft", "Maßnahme": "Sommerfest", "Status": "Laufend",
                       "Fällig": date(2026, 9, 1), "Mittel in Euro": 1200.5}.items():
        ws.cell(neu, spalte[name], wert)  # a row added below the others
    ws.cell(z["M01"], spalte["Status"], "laufent")  # misspelt
    ws.cell(z["M02"], spalte["Fällig"], "30.11.2026")  # typed as text
    ws.cell(z["M03"], spalte["Hemmnisse"], "vertraulicher Satz")
    werte = {k: [c.value for c in ws[r]] for k, r in z.items()} | {"": [c.value for c in ws[neu]]}
    ordnung = ["", "M03", *[k for k in reversed(z) if k not in ("M03", "M04")]]  # sorted anew, M04 deleted
    for r in range(kopf + 1, neu + 1):
        for c in range(1, ws.max_column + 1):
            ws.cell(r, c).value = None
    for r, k in enumerate(ordnung, kopf + 1):
        for c, wert in enumerate(werte[k], 1):
            ws.cell(r, c).value = wert
    mappe.save(datei)

    dateien = {p: p.read_bytes() for p in daten.iterdir() if p.is_file()}
    e = traeger("bsc", "import", datei, daten, "--yes")
    zeilen = e.output.strip().splitlines()
    assert e.exit_code == 2 and len(zeilen) == 1 and not (daten / "verlauf").exists()
    nummer = kopf + 1 + ordnung.index("M01")
    assert f"Blatt Maßnahmen, Zeile {nummer}, Spalte status: „laufent“" in zeilen[0] and "noch nicht begonnen, laufend" in zeilen[0]
    assert all(p.read_bytes() == b for p, b in dateien.items())

    mappe, ws, kopf, spalte = blatt(datei)
    ws.cell(nummer, spalte["Status"], "zurückgestellt")
    mappe.save(datei)
    alt = staende(vorher[vorher["traeger_id"] == i], AUGUST).set_index("massnahme_id")
    text = {k: alt.at[k, "massnahme"] for k in ("M01", "M02", "M03", "M04")}
    erwartet = [f"M01 „{text['M01']}“: Status: {content.STATUS[alt.at['M01', 'status']]} → zurückgestellt",
                f"M02 „{text['M02']}“: Fällig: {alt.at['M02', 'faellig']:%d.%m.%Y} → 30.11.2026",
                f"M03 „{text['M03']}“: Hemmnisse: … → geändert", f"M04 „{text['M04']}“: entfallen"]
    e = CliRunner().invoke(app, ["bsc", "import", str(datei), str(daten)], input="nein\n")
    liste = e.output.splitlines()
    neue, = [x for x in liste if x.endswith("„Sommerfest“: neu")]
    assert sorted(x for x in liste if "“: " in x) == sorted([*erwartet, neue])
    assert e.exit_code == 1 and "Nichts geschrieben" in e.output and all(p.read_bytes() == b for p, b in dateien.items())

    assert CliRunner().invoke(app, ["bsc", "import", str(datei), str(daten)], input="ja\n").exit_code == 0
    nachher = load(daten)
    pd.testing.assert_frame_equal(nachher["massnahmen"].iloc[:len(vorher)], vorher)  # every earlier row is still there
    dazu = nachher["massnahmen"].iloc[len(vorher):]
    assert set(dazu["massnahme_id"]) == {"M01", "M02", "M03", "M04", neue.split()[0]} and set(dazu["traeger_id"]) == {i}
    assert set(dazu["stand"].dt.date) == {date(2026, 8, 3)}
    kopie, = (daten / "verlauf").iterdir()
    assert kopie.read_bytes() == dateien[daten / kopie.name.replace(f"-vor-2026-08-03-{i}", "")]
    if kopie.suffix == ".xlsx":
        with zipfile.ZipFile(kopie) as a, zipfile.ZipFile(daten / "bestand.xlsx") as b:
            assert sum(a.read(n) != b.read(n) for n in a.namelist()) == 1 and a.namelist() == b.namelist()
    assert analyse(nachher, i, "2026Q1").massnahmen == analyse(replace(nachher, tabellen={**nachher.tabellen, "massnahmen": vorher}), i,
                                                              "2026Q1").massnahmen  # a report on its Datenstand stays as it was

    protokoll = docx.Document(io.BytesIO(bsc.als_word(nachher, i, q)))
    aenderungen = next(t for t in protokoll.tables if t.cell(0, 2).text == "Was")
    gelesen = [[c.text for c in r.cells] for r in aenderungen.rows[1:]]
    hemmnis = "–" if pd.isna(alt.at["M03", "hemmnisse"]) else alt.at["M03", "hemmnisse"]
    erwartet[2] = erwartet[2].replace("… → geändert", f"{hemmnis} → vertraulicher Satz")  # the minutes are for the contract parties
    assert sorted(f"{k} „{m}“: {was}" + f": {x} → {y}" * bool(y) for k, m, was, x, y in gelesen) == sorted([*erwartet, neue])
    assert traeger("bsc", "export", q, daten, "--only", i, "--out", aus).exit_code == 0 and len(list(aus.iterdir())) == 4
    zweite, = aus.glob("*Stand-2026-08-03.xlsx")
    assert "M04" not in reihen(*blatt(zweite)[1:3]) and neue.split()[0] in reihen(*blatt(zweite)[1:3])
    assert "keine Änderungen" in traeger("bsc", "import", zweite, daten, "--yes").output
    e = traeger("bsc", "import", datei, daten, "--yes")  # the first one again
    assert e.exit_code == 0 or "schon einen Stand" in e.output


def test_unedited_every_provider_comes_back_without_a_change(beispiel, tmp_path):
    b = load(beispiel)
    for i in b.traeger_ids:
        datei = tmp_path / f"{i}.xlsx"
        datei.write_bytes(bsc.als_excel(b, i, "2026Q1"))
        r = bsc.lies_zurueck(datei, b)
        assert (r.traeger_id, r.aenderungen, len(r.neu)) == (i, (), 0)


def aendere(b, tmp_path, tue, quartal="2026Q1", **mehr):
    datei = tmp_path / "bsc.xlsx"
    datei.write_bytes(bsc.als_excel(b, "T1", quartal))
    mappe, ws, kopf, spalte = blatt(datei)
    tue(ws, reihen(ws, kopf), spalte)
    mappe.save(datei)
    return bsc.lies_zurueck(datei, b, **mehr)


def test_unusual_words_come_back_as_they_were(tmp_path):
    b = klein(massnahme("M1", ziel="=1+1", sollwert="007", istwert="1,50", bemerkung="Zeile 1\nZeile 2", prioritaet="1 bzw. 1–3",
                        handlungsfeld='A; "B" <x>&', kennzahl="#Hashtag", mittel_eur=D("0.10"), ebene="person", art="meilenstein"),
              massnahme("M2", "Laufend"), massnahme("M3", "nicht_begonnen"), massnahme("M-ä", "In Klärung", verantwortlich="http://x.y",
                                                                                      vereinbart_am=date(2025, 1, 31), gemeinsam=True))
    assert aendere(b, tmp_path, lambda ws, z, s: None).liste() == []
    r = aendere(b, tmp_path, lambda ws, z, s: ws.cell(z["M3"], s["Status"], "Laufend"))
    assert r.neu["status"].tolist() == ["laufend"]


def test_ids_are_not_made_up_and_not_doubled(tmp_path):
    def tue(ws, z, spalte):
        ws.cell(z["M1"], 1, "M9")
        ws.cell(z["M2"], 1, "M3")
    with pytest.raises(Fehlerliste) as e:
        aendere(klein(massnahme("M1"), massnahme("M2"), massnahme("M3")), tmp_path, tue)
    assert [(f.art, f.wert, f.spalte) for f in e.value.fehler] == [("kennung", "M9", "massnahme_id"), ("doppelt", "M3", "massnahme_id")]


def test_own_words_stay_and_the_state_must_be_a_later_one(tmp_path):
    b = klein(massnahme("M1", "Idee"), massnahme("M2", stand=MAI))
    r = aendere(b, tmp_path, lambda ws, z, s: ws.cell(z["M2"], s["Status"], "idee"), stand="03.08.2026")
    assert [(a.massnahme_id, a.felder) for a in r.aenderungen] == [("M2", (("status", "laufend", "Idee"),))]
    with pytest.raises(TraegerFehler, match=r"M2 gibt es schon einen Stand vom 04\.05\.2026"):
        aendere(b, tmp_path, lambda ws, z, s: ws.cell(z["M2"], s["Status"], "Idee"))
    with pytest.raises(TraegerFehler, match="--stand „32"):
        aendere(b, tmp_path, lambda ws, z, s: ws.cell(z["M2"], s["Status"], "Idee"), stand="32.01.2026")
    with pytest.raises(TraegerFehler, match="--stand"):
        aendere(b, tmp_path, lambda ws, z, s: ws.cell(z["M2"], s["Status"], "Idee"), quartal="2026Q3")


def test_what_is_no_scorecard_is_told(tmp_path, beispiel):
    b = load(beispiel)
    (tmp_path / "x.csv").write_text("a")
    with pytest.raises(TraegerFehler, match="keine Excel-Mappe"):
        bsc.lies_zurueck(tmp_path / "x.csv", b)
    openpyxl.Workbook().save(tmp_path / "leer.xlsx")
    with pytest.raises(Fehlerliste, match="Das Blatt massnahmen fehlt"):
        bsc.lies_zurueck(tmp_path / "leer.xlsx", b)
    (tmp_path / "fremd.xlsx").write_bytes(bsc.als_excel(b, "BSP-NORD", "2026Q1"))
    with pytest.raises(TraegerFehler, match="nennt keinen Träger dieses Bestands"):
        bsc.lies_zurueck(tmp_path / "fremd.xlsx", klein())


def test_nothing_is_written_over(kopie, tmp_path):
    b = load(kopie)
    datei = tmp_path / "bsc.xlsx"
    datei.write_bytes(bsc.als_excel(b, "BSP-NORD", "2026Q1"))
    mappe, ws, kopf, spalte = blatt(datei)
    ws.cell(reihen(ws, kopf)["M01"], spalte["Sollwert"], "11")
    mappe.save(datei)
    r = bsc.lies_zurueck(datei, b)
    tabelle = kopie / "massnahmen.csv"
    tabelle.write_text(tabelle.read_text().replace("M02;BSP-NORD;Sozialraum", "M02;BSP-NORD;Raum"))
    with pytest.raises(TraegerFehler, match="inzwischen geändert"):
        bsc.uebernimm(kopie, b, r)
    bsc.exportiere(b, "BSP-NORD", "2026Q1", tmp_path / "aus")
    bearbeitet, = (tmp_path / "aus").glob("*.xlsx")
    shutil.copy(datei, bearbeitet)
    with pytest.raises(TraegerFehler, match="bleibt unverändert"):
        bsc.exportiere(b, "BSP-NORD", "2026Q1", tmp_path / "aus")
    assert bearbeitet.read_bytes() == datei.read_bytes()


def test_one_faulty_provider_does_not_stop_the_others(kopie, tmp_path, traeger):
    tabelle = kopie / "massnahmen.csv"
    tabelle.write_text(tabelle.read_text().replace("M02;BSP-NORD;Sozialraum", "M02;BSP-NORD;"))
    e = traeger("bsc", "export", "2026Q1", kopie, "--only", "BSP-NORD", "--only", "BSP-SEE", "--out", tmp_path / "aus")
    assert e.exit_code == 1 and "BSP-NORD: massnahmen.csv, Zeile 3, Spalte perspektive" in e.output
    assert {p.name[:7] for p in (tmp_path / "aus").iterdir()} == {"BSP-SEE"}
    assert traeger("bsc", "export", "2026Q1", kopie, "--only", "BSP-X").exit_code == 2
    datei, = (tmp_path / "aus").glob("*.xlsx")
    mappe, ws, kopf, spalte = blatt(datei)
    ws.cell(reihen(ws, kopf)["M01"], spalte["Sollwert"], "11")
    mappe.save(datei)
    e = traeger("bsc", "import", datei, kopie, "--yes")  # writing the table would lose the faulty row
    assert e.exit_code == 2 and "Zeile 3, Spalte perspektive" in e.output and not (kopie / "verlauf").exists()


def test_a_scorecard_can_begin_with_nothing(tmp_path):
    b = klein()
    assert len(docx.Document(io.BytesIO(bsc.als_word(b, "T1", "2026Q1"))).tables) == 1

    def tue(ws, z, spalte):
        for name in ("Perspektive", "Ziel", "Maßnahme"):
            ws.cell(5, spalte[name], "Anfang")
        ws.cell(5, spalte["Status"], "noch nicht begonnen")
    r = aendere(b, tmp_path, tue)
    assert r.liste() == ["M01 „Anfang“: neu"] and r.neu["status"].tolist() == ["nicht_begonnen"]


def test_a_workbook_with_own_names_and_comments_takes_the_new_state(tmp_path, traeger):
    ordner = tmp_path / "bestand"
    assert traeger("template", ordner).exit_code == 0
    (ordner / "bestand.toml").write_text('datenstand = 2026-03-31\nleistungstraeger = "Stadt"\neigene_kostentraeger = ["Stadt"]\n')
    (ordner / "zuordnung.toml").write_text('[tabellen]\n"BSC Liste" = "massnahmen"\n[spalten.massnahmen]\n"Nr" = "massnahme_id"\n')
    mappe = openpyxl.load_workbook(ordner / "bestand.xlsx")
    for name, zeile in {"traeger": {"traeger_id": "T1", "name": "Träger Muster"}, "massnahmen": massnahme("M1") | {"mittel_eur": 1.5},
                        "angebote": {"angebot_id": "A-1", "traeger_id": "T1", "bezeichnung": "A", "leistungstyp": "W", "im_budget": "ja"},
                        "termine": {"traeger_id": "T1", "quartal": "2026Q1", "termin": MAI}}.items():
        mappe[name].append([zeile.get(c.value.rstrip("*")) for c in mappe[name][1]])
    mappe["massnahmen"]["A1"] = "Nr"
    mappe["massnahmen"].title = "BSC Liste"
    mappe.save(ordner / "bestand.xlsx")
    b = load(ordner)
    bsc.uebernimm(ordner, b, aendere(b, tmp_path, lambda ws, z, s: ws.cell(z["M1"], s["Sollwert"], 7)))
    m = load(ordner)["massnahmen"]
    assert m[["massnahme_id", "sollwert", "mittel_eur"]].fillna("").values.tolist() == [["M1", "", D("1.5")], ["M1", "7", D("1.5")]]
    assert openpyxl.load_workbook(ordner / "bestand.xlsx")["traeger"]["A1"].comment  # the other sheets are as they were


# ── the files themselves ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_data_give_the_same_bytes(beispiel):
    b = load(beispiel)
    assert bsc.als_word(b, "BSP-SEE", "2026Q1") == bsc.als_word(b.nur("BSP-SEE"), "BSP-SEE", "2026Q1")
    assert bsc.als_excel(b, "BSP-SEE", "2026Q1") == bsc.als_excel(b.nur("BSP-SEE"), "BSP-SEE", "2026Q1")
    with zipfile.ZipFile(io.BytesIO(bsc.als_word(b, "BSP-SEE", "2026Q1"))) as z:
        assert {e.date_time for e in z.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize("traeger_id", ["BSP-SEE", "BSP-FLUSS"])
def test_word_is_set_up_for_screen_readers(traeger_id, beispiel):
    b = load(beispiel)
    doc = docx.Document(io.BytesIO(bsc.als_word(b, traeger_id, "2026Q1")))
    assert doc.core_properties.language == "de-DE" and "Steuerungsgespräch 1. Quartal 2026" in doc.core_properties.title
    assert {e.get(qn("w:val")) for e in doc.styles.element.iter(qn("w:lang"))} == {"de-DE"}
    stile = [p.style.name for p in doc.paragraphs if p.style.name.startswith(("Title", "Heading"))]
    stufen = [0 if s == "Title" else int(s[-1]) for s in stile]
    assert stufen[0] == 0 and stufen.count(0) == 1 and all(n <= v + 1 for v, n in zip(stufen, stufen[1:], strict=False))
    ueberschriften = [p.text for p in doc.paragraphs if p.style.name == "Heading 1"]
    assert ueberschriften == ["Vereinbart und tatsächlich", "Änderungen seit dem letzten Gespräch", "Überfällig", "Beschlüsse",
                              "Maßnahmen nach Perspektive und Ziel", "Vorhaben und Projekte", "Nächstes Gespräch"]
    for t in doc.tables:
        assert t.rows[0]._tr.trPr.find(qn("w:tblHeader")) is not None and all(c.text for c in t.rows[0].cells)
        assert all(r._tr.trPr.find(qn("w:tblHeader")) is None for r in t.rows[1:])
        assert t._tbl.tblPr.find(qn("w:tblCaption")) is not None
    assert len(doc.tables) >= 8 and all(f._inline.docPr.get("descr") for f in doc.inline_shapes) and len(doc.inline_shapes) == 1
    text = "\n".join(p.text for p in doc.paragraphs) + "".join(c.text for t in doc.tables for r in t.rows for c in r.cells)
    andere = set(b["traeger"]["name"]) - set(b.nur(traeger_id)["traeger"]["name"])
    assert not [n for n in andere if n in text] and "!" not in text


def test_every_page_of_the_minutes_says_whose_they_are_and_who_was_there_is_asked(beispiel):
    doc = docx.Document(io.BytesIO(bsc.als_word(load(beispiel, "BSP-SEE"), "BSP-SEE", "2026Q1")))
    fuss = doc.sections[0].footer.paragraphs[0]._p
    text = "".join(t.text for t in fuss.iter(qn("w:t")))
    assert text == "Steuerungsgespräch 1. Quartal 2026 – Träger Beispiel See · Seite\u00a01 von\u00a01"
    assert [x.get(qn("w:instr")) for x in fuss.iter(qn("w:fldSimple"))] == ["PAGE", "NUMPAGES"]
    assert "Teilnehmende:" in [p.text for p in doc.paragraphs]


def test_excel_offers_choices_and_keeps_ids(beispiel):
    mappe = openpyxl.load_workbook(io.BytesIO(bsc.als_excel(load(beispiel), "BSP-NORD", "2026Q1")))
    ws = mappe["Maßnahmen"]
    assert mappe.properties.title == "Balanced Scorecard 1. Quartal 2026 – Träger Beispiel Nord" and ws.freeze_panes == "B5"
    (tabelle,) = ws.tables.values()
    assert tabelle.headerRowCount == 1 and tabelle.tableColumns[0].name == "Kennung"
    regeln = {ws.cell(4, openpyxl.utils.cell.range_boundaries(str(r.sqref))[0]).value: r for r in ws.data_validations.dataValidation}
    assert regeln["Status"].formula1 == '"noch nicht begonnen,laufend,abgeschlossen,zurückgestellt,entfallen"'
    assert (regeln["Kennung"].type, regeln["Kennung"].formula1, regeln["Fällig"].type) == ("custom", "FALSE", "date")
    assert mappe["Termine"].protection.sheet and mappe["Termine"]["A2"].value == "BSP-NORD"
