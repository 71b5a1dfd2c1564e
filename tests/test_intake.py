"""Templates and fault workbooks: what a provider fills in reads without a fault; every fault is marked where it stands."""

from __future__ import annotations

import copy
from datetime import date
from decimal import Decimal

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_reading import GUT, TOML, alle_fehler, gleich, mit, schreibe, schreibe_mappe

from traeger_lib.inputs import mapping, reading
from traeger_lib.inputs.schema import TABELLEN
from traeger_lib.operations import intake


def fuelle(pfad, tabellen):
    """Types into the template as a provider would: dates and numbers as Excel keeps them, everything else as text."""
    wb = openpyxl.load_workbook(pfad)
    for name, zeilen in tabellen.items():
        spalten = [c.value.rstrip("*") for c in wb[name][1]]
        for r, z in enumerate(zeilen, 2):
            for c, s in enumerate(spalten, 1):
                wert, art = z.get(s, ""), TABELLEN[name].spalte[s].art
                if wert and art == "datum":
                    tag, monat, jahr = map(int, wert.split("."))
                    wb[name].cell(r, c, date(jahr, monat, tag))
                elif wert and art in ("ganzzahl", "dezimal", "geld"):
                    wb[name].cell(r, c, float(wert.replace(",", ".")))
                elif wert:
                    wb[name].cell(r, c, wert)
    wb.save(pfad)


def test_a_filled_template_reads_without_a_fault(tmp_path, traeger):
    ziel = tmp_path / "vorlage"
    assert traeger("template", ziel).exit_code == 0
    assert {f.art for f in alle_fehler(ziel)} == {"bestand_toml", "tabelle_fehlt"}  # nothing is filled in yet, and no date is made up
    fuelle(ziel / "bestand.xlsx", GUT)
    text = (ziel / "bestand.toml").read_text(encoding="utf-8")
    (ziel / "bestand.toml").write_text("\n".join(TOML.splitlines() + text.splitlines()[-2:]), encoding="utf-8")
    bestand = reading.load(ziel)
    gleich(bestand, reading.load(schreibe(tmp_path / "gut", GUT)))
    assert not any("außen vor" in text for _, text in bestand.hinweise)


def test_the_toml_of_the_template_needs_only_its_marks_removed(tmp_path):
    intake.schreibe_vorlage(tmp_path)
    schreibe_mappe(tmp_path / "b", GUT)
    text = (tmp_path / "bestand.toml").read_text(encoding="utf-8")
    text = "\n".join(z.removeprefix("# ") if " = " in z else z for z in text.splitlines()).replace("Stadt Beispiel", "Stadt")
    (tmp_path / "b" / "bestand.toml").write_text(text, encoding="utf-8")
    assert not alle_fehler(tmp_path / "b")


def test_the_template_explains_and_guides(tmp_path):
    intake.schreibe_vorlage(tmp_path)
    wb = openpyxl.load_workbook(tmp_path / "bestand.xlsx")
    assert wb.sheetnames == ["Erläuterungen", *TABELLEN]
    for t in TABELLEN.values():
        ws = wb[t.name]
        assert ws.freeze_panes == "A2" and [c.value for c in ws[1]] == [s.name + "*" * s.pflicht for s in t.spalten]
        regeln = {str(v.sqref)[0]: v for v in ws.data_validations.dataValidation}
        for zelle, s in zip(ws[1], t.spalten, strict=True):
            kommentar = zelle.comment.text
            assert s.bedeutung in kommentar and s.einheit in kommentar and s.standard in kommentar and all(w in kommentar for w in s.werte)
            if s.werte or s.art == "janein":
                assert regeln[zelle.column_letter].formula1 == f'"{",".join(s.werte or ("ja", "nein"))}"'
            (fmt,) = [d for d in ws.column_dimensions.values() if d.min <= zelle.column <= d.max]
            assert fmt.number_format == intake.ZAHLENFORMAT.get(s.art, "General")
    erlaeutert = {(z[0], z[2]) for z in wb["Erläuterungen"].iter_rows(min_row=6, values_only=True)}
    assert {(t.name, s.name + "*" * s.pflicht) for t in TABELLEN.values() for s in t.spalten} <= erlaeutert


def test_an_existing_file_is_never_overwritten_by_a_template(tmp_path, traeger):
    (tmp_path / "bestand.toml").write_text("x")
    ergebnis = traeger("template", tmp_path)
    assert ergebnis.exit_code == 2 and "gibt es schon" in ergebnis.output and not (tmp_path / "bestand.xlsx").exists()


# --- faults ----------------------------------------------------------------------------------------------------------

def kaputt():
    t = mit("entgelte", 1, grundpauschale="zwei", gesamt="1.234")
    t["faelle"][1].update(ende="31.02.2025")
    t["faelle"][3]["person_id"] = "geheim-1"
    t["faelle"][2]["s"] = "ja"
    t["personal"].append({**t["personal"][0], "angebot_id": "Summe"})
    return t


@pytest.mark.parametrize("schreiben", [schreibe, schreibe_mappe])
def test_every_fault_is_listed_and_marked_at_its_cell(tmp_path, traeger, schreiben):
    schreiben(tmp_path, kaputt())
    fehler = alle_fehler(tmp_path)
    ergebnis = traeger("check", tmp_path, "--workbook")
    assert ergebnis.exit_code == 2 and "fehler.xlsx" in ergebnis.output
    wb = openpyxl.load_workbook(tmp_path / "fehler.xlsx")
    liste = [[c.value for c in z] for z in wb["Fehler"].iter_rows(min_row=2)]
    assert [(z[1], z[2], z[5]) for z in liste] == [(f.ort, f.zeile, f.grund) for f in fehler] and len(fehler) >= 6
    marken = set()
    for f in fehler:
        tabelle = f.ort.removesuffix(".csv").split("Blatt ")[-1]
        ws = wb[tabelle]
        kopf = [c.value for c in ws[1]]
        zelle = ws.cell(f.zeile, kopf.index(f.spalte) + 1 if f.spalte in kopf else 1)
        assert f.grund in zelle.comment.text and zelle.fill.fgColor.rgb == "FFFFE2B8"
        marken.add((tabelle, zelle.coordinate))
    zellen = [(ws.title, c) for ws in wb.worksheets[1:] for z in ws.iter_rows() for c in z]
    assert {(blatt, c.coordinate) for blatt, c in zellen if c.fill.fgColor.rgb == "FFFFE2B8"} == marken
    texte = [str(w) for z in liste for w in z] + [c.comment.text for ws in wb for z in ws.iter_rows() for c in z if c.comment]
    assert not any("geheim" in text for text in texte)
    assert [c.value for c in wb["faelle"][3]] == [w or None for w in kaputt()["faelle"][1].values()]  # the copy is the row as it was
    assert alle_fehler(tmp_path) == fehler  # our own workbook is no source


def test_foreign_names_and_title_rows_keep_their_places(tmp_path):
    t = mit("termine", 0, termin="morgen")
    (z,) = t.pop("termine")
    schreibe(tmp_path, t)
    (tmp_path / mapping.DATEI).write_text('[tabellen]\n"Gespräche" = "termine"\n[spalten.termine]\n"Wann" = "termin"\n', encoding="utf-8")
    (tmp_path / "Gespräche.csv").write_text(f"Liste;;;\n\nTräger-ID;Quartal;Raum;Wann\n{z['traeger_id']};{z['quartal']};12;morgen\n")
    fehler = alle_fehler(tmp_path)
    assert [(f.ort, f.zeile) for f in fehler] == [("Gespräche.csv", 4)]
    wb = openpyxl.load_workbook(intake.schreibe_fehlermappe(tmp_path, fehler))
    assert [c.value for c in wb["termine"][3]] == ["Träger-ID", "Quartal", "Raum", "Wann"] and wb["termine"]["D4"].comment
    assert wb["termine"]["C4"].value == "12" and wb["Fehler"]["A2"].hyperlink.location == "'termine'!D4"


def test_types_of_parquet_and_dates_survive_in_the_copy(tmp_path):
    schreibe(tmp_path, GUT)
    (tmp_path / "termine.csv").unlink()
    pq.write_table(pa.table({"traeger_id": ["T01", "T01"], "quartal": ["2026Q1", "2026Q5"], "termin": [date(2026, 4, 20), None],
                             "zahl": [Decimal("1.5"), None], "liste": [[1], None], "flag": [True, None]}), tmp_path / "termine.parquet")
    ws = openpyxl.load_workbook(intake.schreibe_fehlermappe(tmp_path, alle_fehler(tmp_path)))["termine"]
    assert [c.value for c in ws[2]][:2] == ["T01", "2026Q1"] and ws["D2"].value == 1.5 and ws["F2"].value is True
    assert ws["C2"].value.date() == date(2026, 4, 20) and ws["B3"].comment and ws["C3"].comment


def test_of_long_tables_only_the_faulty_rows_are_copied(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "GANZ_BIS", 5)
    t = copy.deepcopy(GUT)
    t["personal"][7]["vk"] = "x"
    schreibe(tmp_path, t)
    wb = openpyxl.load_workbook(intake.schreibe_fehlermappe(tmp_path, alle_fehler(tmp_path)))
    assert [z for z in range(2, 17) if wb["personal"].cell(z, 1).value] == [9]


def test_damaged_files_are_listed_and_a_good_bestand_gets_no_workbook(tmp_path, traeger):
    schreibe(tmp_path, GUT)
    assert traeger("check", tmp_path, "--workbook").exit_code == 0 and not (tmp_path / "fehler.xlsx").exists()
    (tmp_path / "faelle.csv").write_bytes(b"")
    (tmp_path / "bestand.toml").unlink()
    assert traeger("check", tmp_path, "--workbook").exit_code == 2
    wb = openpyxl.load_workbook(tmp_path / "fehler.xlsx")
    assert wb.sheetnames == ["Fehler"] and wb["Fehler"].max_row == 3


# --- mended from the messages alone ----------------------------------------------------------------------------------

def spalte(ws, name):
    return [c.value.rstrip("*") for c in ws[1]].index(name) + 1


def office(breaking):
    """A filled template after what a person does to it in Excel, and what `check` says of it: faults and remarks, workbook left out."""
    def lines(pfad):
        intake.schreibe_vorlage(pfad)
        (pfad / "bestand.toml").write_text(TOML, encoding="utf-8")
        fuelle(pfad / "bestand.xlsx", GUT)
        wb = openpyxl.load_workbook(pfad / "bestand.xlsx")
        breaking(wb)
        wb.save(pfad / "bestand.xlsx")
        fehler = [str(f) for f in alle_fehler(pfad)]
        return [t.removeprefix("bestand.xlsx, Blatt ") for t in fehler or (t for _, t in reading.lies(pfad)[0].hinweise)]
    return lines


def cells(blatt, name, *werte):
    """Sets the cells of a column from row 2 on."""
    def breaking(wb):
        for z, wert in enumerate(werte, 2):
            wb[blatt].cell(z, spalte(wb[blatt], name)).value = wert
    return breaking


def below(blatt, abstand, **werte):
    """Writes into a row below the table, or right after it."""
    def breaking(wb):
        z = wb[blatt].max_row + abstand
        for name, wert in werte.items():
            wb[blatt].cell(z, spalte(wb[blatt], name)).value = wert
    return breaking


def title_rows(wb):
    wb["faelle"].insert_rows(1, 3)
    wb["faelle"]["A1"], wb["faelle"]["A2"] = "Fallliste 2025", "Stand: 31.03.2026"
    wb["faelle"].merge_cells("A1:K1")
    wb["faelle"].cell(5, 7).value = "31.02.2025"


def column_moved(wb):
    ws = wb["entgelte"]
    ws.move_range("D2:I6", cols=1)  # the values, not the headings


def subtitle(wb):
    wb["faelle"].insert_rows(4)
    wb["faelle"]["A4"] = "Haus Nord"
    wb["faelle"].merge_cells("A4:K4")


def hidden(wb):
    wb["faelle"].auto_filter.ref = "A1:K5"
    wb["faelle"].row_dimensions[3].hidden = True
    cells("faelle", "beginn", "1.1.25")(wb)


def doubled(blatt):
    def breaking(wb):
        wb[blatt].append([c.value for c in wb[blatt][wb[blatt].max_row]])
    return breaking


def empty_rows(wb):
    wb["faelle"].insert_rows(3, 2)
    wb["faelle"].cell(6, spalte(wb["faelle"], "beginn")).value = "32.01.2025"


def heading(blatt, name, neu):
    def breaking(wb):
        wb[blatt].cell(1, spalte(wb[blatt], name)).value = neu
    return breaking


def extra_sheet(wb):
    wb.create_sheet("Tabelle1")["A1"] = "Bitte bis Freitag"


DATUM = "Das ist kein eindeutiges Datum. Als TT.MM.JJJJ oder JJJJ-MM-TT angeben, das Jahr mit vier Ziffern"
KEIN_EINTRAG = "Ist sie kein Eintrag (Summe, Bemerkung, Überschrift), sie löschen; sonst ergänzen."
KENNUNG = ("Das ist keine gültige Kennung. 2 bis 32 Großbuchstaben A–Z, Ziffern, „-“, „_“ angeben, ohne Leerzeichen, "
           "vorn keinen Strich.")
OFFICE = {  # what is done in Excel: the lines of `check`, all of them for faults, one of them for remarks (marked by *)
    "text for dates": (cells("faelle", "ende", "bis heute", "-", "2025"), [
        f"faelle, Zeile 2, Spalte ende: „bis heute“: {DATUM}; leer bedeutet: läuft weiter.",
        f"faelle, Zeile 3, Spalte ende: „-“: {DATUM}; leer bedeutet: läuft weiter.",
        f"faelle, Zeile 4, Spalte ende: „2025“: {DATUM}."]),
    "merged title rows": (title_rows, [
        "faelle, Zeile 5, Spalte beginn: „31.02.2025“: Diesen Tag gibt es im Kalender nicht. Das Datum berichtigen."]),
    "total with a word": (below("personal", 2, angebot_id="Summe", vk="=SUM(D2:D16)"), [
        "personal, Zeile 18: Die Zeile sieht nach einer Summenzeile aus. Die Zeile löschen, gerechnet wird hier."]),
    "total without a word": (below("personal", 1, vk=37.5, kosten_eur=185185.05), [
        f"personal, Zeile 17: In der Zeile fehlen angebot_id, monat, qualifikation. {KEIN_EINTRAG}"]),
    "remark below": (below("traeger", 3, traeger_id="* Angaben vorläufig"), [
        f"traeger, Zeile 6: In der Zeile fehlt name. {KEIN_EINTRAG}"]),
    "merged subtitle": (subtitle, [
        f"faelle, Zeile 4: In der Zeile fehlen person_id, angebot_id, kostentraeger, hbg, beginn. {KEIN_EINTRAG}"]),
    "values a column too far right": (column_moved, [
        *(f"entgelte, Zeile {z}, Spalte grundpauschale: Die Pflichtangabe fehlt. Einen Wert eintragen." for z in range(2, 7)),
        *(f"entgelte, Zeile {z}, Spalte beschlossen_am: „28,86“: {DATUM}." for z in range(2, 7))]),
    "extra sheet": (extra_sheet, ["*Tabelle1: Gehört zu keiner Tabelle und bleibt außen vor."]),
    "remark beside": (lambda wb: wb["faelle"].cell(3, 14, "prüfen"), [
        "*faelle: Spalte Nr. 14 enthält Werte, hat aber keine Überschrift und bleibt außen vor."]),
    "heading deleted": (heading("faelle", "ende", None), [
        "*faelle: Spalte Nr. 8 enthält Werte, hat aber keine Überschrift und bleibt außen vor."]),
    "umlauts in headings": (heading("entgelte", "massnahmepauschale", "Maßnahme-Entgelt"), [
        "entgelte, Spalte massnahmepauschale: Die Pflichtspalte fehlt. Die Spalte mit der Überschrift „massnahmepauschale“ ergänzen oder "
        "so nennen; nicht erkannt: Maßnahme-Entgelt."]),
    "comma and point": (cells("personal", "kosten_eur", "12.345,67", "12,345.67"), [
        f"personal, Zeile {z}, Spalte kosten_eur: „{w}“: In dieser Spalte stehen Komma und Punkt als Dezimalzeichen. Überall dasselbe "
        "verwenden." for z, w in ((2, "12.345,67"), (3, "12,345.67"))]),
    "blanks in ids": (cells("faelle", "angebot_id", " A1 ", "A 1", "a1"), [
        f"faelle, Zeile 3, Spalte angebot_id: „A 1“: {KENNUNG}", f"faelle, Zeile 4, Spalte angebot_id: „a1“: {KENNUNG}"]),
    "marks for yes": (cells("faelle", "kostenzusage", "ja ", "x", "1"), [
        "faelle, Zeile 3, Spalte kostenzusage: „x“: Dieser Wert ist hier nicht vorgesehen. Einen dieser Werte eintragen: ja, nein; leer "
        "bedeutet: ja.",
        "faelle, Zeile 4, Spalte kostenzusage: „1“: Dieser Wert ist hier nicht vorgesehen. Einen dieser Werte eintragen: ja, nein."]),
    "two digits of a year in a filtered row": (hidden, [f"faelle, Zeile 2, Spalte beginn: „1.1.25“: {DATUM}."]),
    "doubled row": (doubled("personal"), [
        "personal, Zeile 17: Die Zeile ist doppelt: angebot_id, monat, qualifikation wie in Zeile 16. Eine Zeile löschen oder "
        "berichtigen."]),
    "doubled row of money": (doubled("anpassungen"), [
        "anpassungen, Zeile 3: Die Zeile ist doppelt: alles wie in Zeile 2. Eine Zeile löschen oder berichtigen."]),
    "doubled line of a budget": (doubled("budgets"), [
        "budgets, Zeile 6, Spalte hbg: „1“: Die Gruppe steht für das Angebot in dieser Fassung schon in Zeile 5. Die Zeilen "
        "zusammenfassen."]),
    "formula without a value": (cells("entgelte", "gesamt", "=E2+F2+G2"), [
        "entgelte, Zeile 2, Spalte gesamt: Die Formel hat keinen berechneten Wert. Die Mappe in Excel öffnen und neu speichern."]),
    "wrong provider": (cells("angebote", "traeger_id", "T1"), [
        "angebote, Zeile 2, Spalte traeger_id: „T1“: Diese Kennung steht nicht in der Tabelle traeger; ähnlich ist T01. Die Kennung "
        "berichtigen oder in traeger ergänzen."]),
    "another's provider": (cells("budgets", "traeger_id", "T02"), [
        "budgets, Zeile 2, Spalte angebot_id: „A1“: Das Angebot gehört zu einem anderen Träger. Die Zeile oder das Angebot in angebote "
        "berichtigen."]),
    "empty rows in the middle": (empty_rows, [
        "faelle, Zeile 6, Spalte beginn: „32.01.2025“: Diesen Tag gibt es im Kalender nicht. Das Datum berichtigen."]),
    "another word for a group": (cells("faelle", "hbg", "HBG 1"), [
        "faelle, Zeile 2, Spalte hbg: „HBG 1“: Für Angebot A1 und diese Gruppe gilt an Tagen mit eigenen Fällen kein Entgelt, zuerst am "
        "01.01.2025 (1 Zeile); in entgelte stehen die Gruppen 1, 2. In entgelte die Zeit ergänzen oder hbg berichtigen."]),
    "a sheet renamed": (lambda wb: setattr(wb["entgelte"], "title", "Entgelte neu"), [
        "bestand.xlsx: Die Tabelle entgelte fehlt, wird aber für faelle, fallzahlen, budgets gebraucht. Als Blatt entgelte mit Zeilen "
        "liefern; nicht erkannt: Entgelte neu."]),
}


@pytest.mark.parametrize("name", OFFICE)
def test_what_people_do_in_excel_is_told_to_them_in_one_clear_line_each(tmp_path, name):
    breaking, erwartet = OFFICE[name]
    lines = office(breaking)(tmp_path / "b")
    if erwartet[0].startswith("*"):
        assert erwartet[0][1:] in lines
    else:
        assert sorted(lines) == sorted(erwartet)


# what a person does to a cell (sheet, row, column, value), what the message says, and the value it tells to put there
ZEHN = [
    ("entgelte", 2, "massnahmepauschale", "25,35 €", "„25,35 €“: Das ist keine Zahl. Nur Ziffern", 25.35),
    ("entgelte", 3, "gesamt", 99.99, "„99,99“: Die drei Bestandteile ergeben 28,86.", 28.86),
    ("faelle", 2, "beginn", "31.02.2025", "„31.02.2025“: Diesen Tag gibt es im Kalender nicht. Das Datum berichtigen.", date(2025, 1, 1)),
    ("faelle", 3, "ende", date(2024, 6, 30), "„30.06.2024“: Der Tag in ende liegt vor dem in beginn (01.01.2025).", date(2025, 6, 30)),
    ("faelle", 4, "angebot_id", "A2-", "„A2-“: Diese Kennung steht nicht in der Tabelle angebote; ähnlich ist A2.", "A2"),
    ("faelle", 5, "hbg", "2 + S", "„2 + S“: Gruppe und Verlagerung stehen in einer Zelle. In hbg nur die Gruppe", "2"),
    ("personal", 3, "qualifikation", "Fachkräfte", "„Fachkräfte“: Dieser Wert ist hier nicht vorgesehen. Einen dieser Werte", "fachkraft"),
    ("personal", 4, "monat", "März 2025", "„März 2025“: Das ist kein Monat. Den Monat als JJJJ-MM angeben", "2025-03"),
    ("termine", 2, "quartal", "1/26", "„1/26“: Das ist kein Quartal. Als JJJJQn angeben, etwa 2026Q1.", "2026Q1"),
]


def test_a_workbook_broken_in_ten_places_is_mended_from_the_messages_alone(tmp_path):
    intake.schreibe_vorlage(tmp_path)
    (tmp_path / "bestand.toml").write_text(TOML, encoding="utf-8")
    pfad = tmp_path / "bestand.xlsx"
    fuelle(pfad, GUT)
    assert alle_fehler(tmp_path) == []
    wb = openpyxl.load_workbook(pfad)
    for blatt, zeile, name, wert, *_ in ZEHN:
        wb[blatt].cell(zeile, spalte(wb[blatt], name)).value = wert
    ws = wb["personal"]
    summe = ws.max_row + 1
    ws.cell(summe, spalte(ws, "angebot_id")).value, ws.cell(summe, spalte(ws, "vk")).value = "Summe", 12.5
    wb.save(pfad)

    fehler = alle_fehler(tmp_path)
    texte = [str(f) for f in fehler]
    for blatt, zeile, name, _, text, _ in ZEHN:
        assert any(t.startswith(f"bestand.xlsx, Blatt {blatt}, Zeile {zeile}, Spalte {name}: {text}") for t in texte), "\n".join(texte)
    assert f"bestand.xlsx, Blatt personal, Zeile {summe}: Die Zeile sieht nach einer Summenzeile aus. Die Zeile löschen" in "\n".join(texte)
    assert len(fehler) == 10, "\n".join(texte)

    wb = openpyxl.load_workbook(pfad)
    for f in fehler:  # as each message tells, at the place it names
        ws = wb[f.ort.split("Blatt ")[1]]
        if f.spalte:
            (neu,) = [z[-1] for z in ZEHN if (z[0], z[1], z[2]) == (ws.title, f.zeile, f.spalte)]
            ws.cell(f.zeile, spalte(ws, f.spalte)).value = neu
        else:
            ws.delete_rows(f.zeile)
        if f.art == "plus_s":
            ws.cell(f.zeile, spalte(ws, "s")).value, ws.cell(f.zeile, spalte(ws, "hbg_ausgang")).value = "ja", "1"
    wb.save(pfad)
    assert alle_fehler(tmp_path) == []
