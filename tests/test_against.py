"""`traeger quarter --against OLD`: what was reported late since an earlier state is in the report, and an earlier state is an input."""

from __future__ import annotations

import json
import re
import shutil
from email import message_from_bytes, policy
from pathlib import Path

import openpyxl
import pytest

from traeger_lib import load
from traeger_lib.operations import job

IDS = ("BSP-FLUSS", "BSP-SEE")


def frueher(beispiel: Path, ziel: Path, ohne: int = 0) -> Path:
    """The example as it stood at the end of 2025, without the last `ohne` stays of BSP-FLUSS that began before December."""
    shutil.copytree(beispiel, ziel)
    toml = ziel / "bestand.toml"
    toml.write_text(re.sub(r"datenstand = \S+", "datenstand = 2025-12-31", toml.read_text()))
    kopf, *zeilen = (ziel / "faelle.csv").read_text().splitlines()
    spalte = kopf.split(";").index("beginn")
    jahre = [i for i, z in enumerate(zeilen) if ";FLUSS-" in z and z.split(";")[spalte][6:] == "2025" and z.split(";")[spalte][3:5] < "12"]
    weg = set(jahre[-ohne:]) if ohne else set()
    (ziel / "faelle.csv").write_text("\n".join([kopf, *(z for i, z in enumerate(zeilen) if i not in weg)]) + "\n")
    weg_ids = {zeilen[i].split(";")[0] for i in weg}
    kopf, *zeilen = (ziel / "abwesenheiten.csv").read_text().splitlines()
    (ziel / "abwesenheiten.csv").write_text("\n".join([kopf, *(z for z in zeilen if z.split(";")[0] not in weg_ids)]) + "\n")
    return ziel


def test_late_reports_are_in_the_report_and_the_earlier_state_is_an_input(beispiel, traeger, tmp_path):
    alt, aus = frueher(beispiel, tmp_path / "alt", ohne=1), tmp_path / "aus"
    befehl = ("quarter", "2026Q1", beispiel, "--out", aus, *(x for i in IDS for x in ("--only", i)))
    ergebnis = traeger(*befehl, "--against", alt)
    assert ergebnis.exit_code == 0, ergebnis.output
    vergleich = json.loads((aus / IDS[0] / "kennzahlen.json").read_text())["vergleich"]
    tage = sum(n["neu"] - n["alt"] for n in vergleich["nachmeldungen"])
    assert tage > 0 and vergleich["datenstand"] == "2025-12-31"
    satz = f"Seit dem Datenstand 31.12.2025 wurden für 2025 insgesamt {tage} Tage nachgemeldet."
    seiten = {i: (aus / i / "bericht.html").read_text() for i in IDS}
    assert satz in seiten[IDS[0]] and "Geänderte Monate" in seiten[IDS[0]] and "Früherer Stand" in seiten[IDS[0]]
    assert "Seit dem Datenstand 31.12.2025 wurden für vergangene Monate keine Tage nachgemeldet" in seiten[IDS[1]]
    for i in IDS:
        summe = load(alt).nur(i).pruefsumme()
        assert json.loads((aus / i / "manifest.json").read_text())["fingerabdruck"]["frueher"] == summe and summe[:12] in seiten[i]
    blatt = openpyxl.load_workbook(aus / IDS[0] / "tabellen.xlsx")["Nachmeldungen"]
    assert blatt.cell(blatt.max_row, 5).value == tage
    assert json.loads(traeger("facts", IDS[0], "2026Q1", beispiel, "--against", alt).output)["vergleich"] == vergleich

    assert traeger(*befehl, "--against", alt).output.count(": unverändert") == 2
    traeger("mail", "2026Q1", beispiel, "--out", aus)  # the message says what the report says
    nachricht = message_from_bytes((aus / "postausgang" / f"{IDS[0]}.eml").read_bytes(), policy=policy.default)
    assert satz in nachricht.get_body(("plain",)).get_content().replace("\u00a0", " ")
    shutil.rmtree(alt)
    frueher(beispiel, alt)
    ausgabe = traeger(*befehl, "--against", alt).output
    assert "BSP-FLUSS: fertig (anderer Vergleichsstand)" in ausgabe and "BSP-SEE: unverändert" in ausgabe
    assert satz not in (aus / IDS[0] / "bericht.html").read_text()
    assert traeger(*befehl).output.count("fertig (ohne Vergleichsstand)") == 2
    assert "Früherer Stand" not in (aus / IDS[0] / "bericht.html").read_text()


@pytest.mark.parametrize(("davor", "jetzt", "satz"), [
    ({}, {}, ""), ({"frueher": "a"}, {"frueher": "b"}, "anderer Vergleichsstand"), ({"frueher": "a"}, {}, "ohne Vergleichsstand"),
    ({}, {"frueher": "b", "programm": "2"}, "geändert: Programm; mit Vergleichsstand"),
    ({"daten": "2", "notebook": "2", "parameter": "2"}, {}, "geändert: Daten, Berichtsvorlage, Einstellungen"),
    ({"daten": "2", "datenstand": "2025-12-31"}, {}, "neuer Datenstand 31.03.2026")])
def test_why_a_report_is_made_anew_in_words_for_its_readers(davor, jetzt, satz):
    gleich = dict.fromkeys((*job.WORTE, "frueher"), "1") | {"frueher": ""}
    alt = {"datenstand": davor.pop("datenstand", "2026-03-31"), "fingerabdruck": gleich | davor}
    assert job.anders(alt, gleich | jetzt, "2026-03-31") == satz


def test_a_provider_the_earlier_state_does_not_know_has_nothing_to_compare(beispiel, traeger, tmp_path):
    alt = frueher(beispiel, tmp_path / "alt")
    for datei in alt.glob("*.csv"):
        kopf, *zeilen = datei.read_text().splitlines()
        datei.write_text("\n".join([kopf, *(z for z in zeilen if "SEE" not in z)]) + "\n")
    ergebnis = traeger("facts", "BSP-SEE", "2026Q1", beispiel, "--against", alt)
    assert ergebnis.exit_code == 0 and json.loads(ergebnis.output)["vergleich"] is None


@pytest.mark.parametrize(("alt", "neu", "wort"), [
    ("datenstand = 2025-12-31", "datenstand = 2026-06-30", "früherem Datenstand"),
    ("leistungstraeger = ", 'leistungstraeger = "Andere Stadt" # ', "gehört zu „Andere Stadt“"),
])
def test_what_is_no_earlier_state_is_refused(beispiel, traeger, tmp_path, alt, neu, wort):
    toml = frueher(beispiel, tmp_path / "alt") / "bestand.toml"
    toml.write_text(toml.read_text().replace(alt, neu))
    for befehl in (("quarter", "2026Q1", beispiel, "--out", tmp_path / "aus"), ("facts", IDS[0], "2026Q1", beispiel)):
        ergebnis = traeger(*befehl, "--against", tmp_path / "alt")
        assert ergebnis.exit_code == 2 and wort in ergebnis.output and "Traceback" not in ergebnis.output
    assert not (tmp_path / "aus").exists()


def test_a_fault_in_the_earlier_state_blocks_its_provider_and_says_where_it_is(beispiel, traeger, tmp_path):
    pfad = frueher(beispiel, tmp_path / "alt") / "personal.csv"
    pfad.write_text(pfad.read_text().replace("SEE-BW;2025-02;fachkraft;", "SEE-BW;2025-02;fachkraft;x", 1))
    ergebnis = traeger("quarter", "2026Q1", beispiel, "--out", tmp_path / "aus", "--only", "BSP-SEE", "--against", tmp_path / "alt")
    assert ergebnis.exit_code == 1 and "früherer Bestand alt, personal.csv, Zeile" in ergebnis.output
