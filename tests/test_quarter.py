"""The main job end to end: a few providers through papermill and nbconvert, as `traeger quarter` runs them."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes, policy
from html import escape
from pathlib import Path

import pytest
import yaml

from traeger_lib import analyse, load
from traeger_lib.operations.manifest import BERICHT_DATEIEN, INTERESSENVERTRETUNG, sha256

PERSON = "GEHEIM"  # marks person ids in the copy, so that a leak is found by a text search
IDS = ("BSP-FLUSS", "BSP-SEE")


@pytest.fixture(scope="module")
def lauf(tmp_path_factory, beispiel, traeger):
    """A batch of two providers on a copy whose person ids are marked."""
    ordner = tmp_path_factory.mktemp("lauf")
    bestand = Path(shutil.copytree(beispiel, ordner / "bestand"))
    for tabelle in ("faelle", "abwesenheiten"):
        pfad = bestand / f"{tabelle}.csv"
        kopf, *zeilen = pfad.read_text(encoding="utf-8").splitlines()
        assert kopf.startswith("person_id;")
        pfad.write_text("\n".join([kopf, *(PERSON + z for z in zeilen)]) + "\n", encoding="utf-8")
    result = traeger("quarter", "2026Q1", bestand, "--out", ordner / "aus", *(x for i in IDS for x in ("--only", i)))
    assert result.exit_code == 0, result.output
    return bestand, ordner / "aus", result.output


def test_every_file_of_the_contract_is_there_and_hashed(lauf):
    _, aus, output = lauf
    assert (aus / "index.html").exists() and json.loads((aus / "lauf.json").read_text())["quartal"] == "2026Q1"
    for i in IDS:
        assert {p.name for p in (aus / i).iterdir()} == {*BERICHT_DATEIEN, INTERESSENVERTRETUNG, "manifest.json"}
        manifest = json.loads((aus / i / "manifest.json").read_text())
        assert manifest["dateien"] == {n: sha256(aus / i / n) for n in (*BERICHT_DATEIEN, INTERESSENVERTRETUNG)}
        assert f"{i}: fertig" in output
    assert not list(aus.glob(".neu*"))


def test_figures_file_is_what_the_library_computes(lauf):
    bestand, aus, _ = lauf
    erwartet = analyse(load(bestand, IDS[0]), IDS[0], "2026Q1").kennzahlen()
    assert json.loads((aus / IDS[0] / "kennzahlen.json").read_text()) == json.loads(json.dumps(erwartet))


def test_the_page_is_self_contained_german_and_accessible_in_the_basics(lauf):
    _, aus, _ = lauf
    for i in IDS:
        html = (aus / i / "bericht.html").read_text()
        assert '<html lang="de">' in html and "<script" not in html.lower()
        assert not re.search(r'(?:src|href)="(?!#|data:image/png)', html), "an outside address"
        bilder = re.findall(r"<img [^>]*>", html)
        assert len(bilder) >= 3 and all(len(re.search(r'alt="([^"]*)"', b)[1]) > 60 for b in bilder)
        assert html.count("<table>") == html.count("<caption>") and 'scope="col"' in html
        assert html.count("<h1>") == 1
        for frage in ("Fallzahlen", "HBG-Mix", "Personal", "Euro", "Maßnahmen", "Herkunft", "erfundene Beispieldaten"):
            assert frage in html


def test_no_person_leaves_the_data_folder(lauf, traeger):
    bestand, aus, output = lauf
    assert PERSON not in output
    assert traeger("mail", "2026Q1", bestand, "--out", aus).exit_code == 1  # the others have no report yet
    for pfad in (p for p in aus.rglob("*") if p.is_file()):
        if pfad.suffix == ".xlsx":
            with zipfile.ZipFile(pfad) as z:
                assert all(PERSON.encode() not in z.read(n) for n in z.namelist())
        elif pfad.suffix == ".eml":
            for teil in message_from_bytes(pfad.read_bytes(), policy=policy.default).walk():
                assert PERSON.encode() not in (teil.get_payload(decode=True) or b"")
        else:
            assert PERSON.encode() not in pfad.read_bytes(), pfad.name


def test_nothing_of_another_provider_is_in_a_report(lauf):
    _, aus, _ = lauf
    andere = ("Nord", "Süd", "BSP-NORD", "BSP-SUED", "BSP-BERG")
    for i in IDS:
        text = (aus / i / "bericht.html").read_text() + (aus / i / "kennzahlen.json").read_text()
        assert not any(f"Beispiel {a}" in text or (a.startswith("BSP") and a in text) for a in andere)


def test_the_message_goes_to_the_contract_parties_of_this_provider_only(lauf, traeger):
    bestand, aus, _ = lauf
    traeger("mail", "2026Q1", bestand, "--out", aus)
    for i in IDS:
        m = message_from_bytes((aus / "postausgang" / f"{i}.eml").read_bytes(), policy=policy.default)
        kurz = i.removeprefix("BSP-").lower()
        adressen = [a.addr_spec for a in m["To"].addresses]
        assert len(adressen) == 2 and all(a.endswith("@example.org") and kurz in a and "vertretung" not in a for a in adressen)
        assert "Steuerungsbericht 1. Quartal 2026" in m["Subject"]
        dateien = {f"{i}_2026Q1_{d}" for d in ("bericht.html", "tabellen.xlsx", "bsc.docx")}
        assert {p.get_filename() for p in m.iter_attachments()} == dateien
        assert "Wird eine angemessene Leistungsmenge" in m.get_body(("plain",)).get_content()


def test_the_overview_says_when_a_report_is_due_and_what_is_next(lauf, traeger):
    bestand, aus, _ = lauf
    shutil.rmtree(aus / "postausgang", ignore_errors=True)
    traeger("quarter", "2026Q1", bestand, "--out", aus, *(x for i in IDS for x in ("--only", i)))
    seite = (aus / "index.html").read_text()
    assert "Gespräch 06.05.2026" in seite and "Versand bis 26.04.2026" in seite  # BSP-SEE, ten days
    assert seite.count(f"Nachrichten schreiben: <code>traeger mail 2026Q1 {bestand} --out {aus}</code>") == 2
    traeger("mail", "2026Q1", bestand, "--out", aus)
    seite = (aus / "index.html").read_text()
    for i in IDS:
        saetze = json.loads((aus / i / "manifest.json").read_text())["saetze"]
        assert all(f"{s['titel']}: {escape(s['text'])}" in seite for s in saetze)
        assert f'href="postausgang/{i}.eml"' in seite and (aus / "postausgang" / f"{i}.eml").exists()
    assert seite.count("ansehen, dann versenden:") == 2 and "<code>" not in seite


def test_a_second_run_does_nothing_and_a_changed_number_redoes_one_provider(lauf, traeger):
    bestand, aus, _ = lauf
    nur = [x for i in IDS for x in ("--only", i)]
    davor = {i: (aus / i / "bericht.ipynb").stat().st_mtime_ns for i in IDS}
    result = traeger("quarter", "2026Q1", bestand, "--out", aus, *nur)
    assert result.exit_code == 0 and result.output.count(": unverändert") == 2
    assert davor == {i: (aus / i / "bericht.ipynb").stat().st_mtime_ns for i in IDS}
    pfad = bestand / "personal.csv"
    text = pfad.read_text()
    zeile = next(z for z in text.splitlines() if z.startswith("FLUSS") and ";2026-02;fachkraft" in z)
    teile = zeile.split(";")
    pfad.write_text(text.replace(zeile, ";".join([*teile[:3], "9,99", *teile[4:]])))
    result = traeger("quarter", "2026Q1", bestand, "--out", aus, *nur)
    assert "BSP-SEE: unverändert" in result.output and "BSP-FLUSS: fertig (geändert: Daten)" in result.output
    pfad.write_text(text)


def test_one_faulty_provider_does_not_stop_the_others(kopie, traeger, tmp_path):
    pfad = kopie / "personal.csv"
    pfad.write_text(pfad.read_text().replace("SEE-BW;2026-02;fachkraft;", "SEE-BW;2026-02;fachkraft;x", 1))
    result = traeger("quarter", "2026Q1", kopie, "--out", tmp_path / "aus", "--only", "BSP-SEE", "--only", "BSP-FLUSS")
    assert result.exit_code == 1 and "BSP-SEE: fehlgeschlagen" in result.output and "BSP-FLUSS: fertig" in result.output
    assert not (tmp_path / "aus" / "BSP-SEE").exists()
    seite = (tmp_path / "aus" / "index.html").read_text()
    assert "fehlgeschlagen" in seite and "personal" in seite
    # mended and repeated with --retry-failed, only the failed one runs
    shutil.copy(kopie / "personal.csv", tmp_path / "kaputt.csv")
    pfad.write_text((tmp_path / "kaputt.csv").read_text().replace("fachkraft;x", "fachkraft;", 1))
    result = traeger("quarter", "2026Q1", kopie, "--out", tmp_path / "aus", "--retry-failed")
    assert result.exit_code == 0 and "[1/1] BSP-SEE: fertig" in result.output
    result = traeger("quarter", "2026Q1", kopie, "--out", tmp_path / "aus", "--retry-failed")
    assert result.exit_code == 0 and "nichts zu wiederholen" in " ".join(result.output.split())


def test_a_run_folder_belongs_to_one_bestand(lauf, traeger, beispiel):
    _, aus, _ = lauf
    result = traeger("quarter", "2026Q1", beispiel.parent / "aufsuchende_hilfe", "--out", aus)
    assert result.exit_code == 2 and "gehört zu einem anderen Bestand" in result.output
    result = traeger("quarter", "2025Q4", beispiel, "--out", aus)
    assert result.exit_code == 2


@pytest.mark.parametrize(("quartal", "satz"), [
    ("2026Q2", "Vom 2. Quartal 2026 liegt noch kein Tag vor: Der Datenstand ist der 31.03.2026."),
    ("2019Q1", "Vom 1. Quartal 2019 liegen keine Fälle vor: Die Daten beginnen am ")])
def test_a_quarter_of_which_there_is_no_day_is_refused(traeger, beispiel, tmp_path, quartal, satz):
    for befehl in ("quarter", "conference"):
        result = traeger(befehl, quartal, beispiel, "--out", tmp_path / "aus")
        assert result.exit_code == 2 and satz in result.output and not (tmp_path / "aus").exists()


def test_the_calendar_of_another_bestand_stays_out_of_a_run_folder(lauf, traeger, beispiel):
    _, aus, _ = lauf
    result = traeger("calendar", "2026Q1", beispiel.parent / "aufsuchende_hilfe", "--out", aus)
    assert result.exit_code == 2 and "gehört zu einem anderen Bestand" in result.output


def test_the_same_data_give_the_same_bytes(lauf, traeger, tmp_path):
    bestand, _, _ = lauf
    for ordner in ("eins", "zwei"):
        assert traeger("quarter", "2026Q1", bestand, "--out", tmp_path / ordner, "--only", IDS[0]).exit_code == 0
    for name in ("bericht.html", INTERESSENVERTRETUNG, "kennzahlen.json", "tabellen.xlsx", "parameter.yaml"):
        assert (tmp_path / "eins" / IDS[0] / name).read_bytes() == (tmp_path / "zwei" / IDS[0] / name).read_bytes(), name


def test_plain_papermill_repeats_a_run_from_its_parameter_file(lauf, tmp_path):
    _, aus, _ = lauf
    notebook = Path(__file__).parents[1] / "notebooks" / "quartalsbericht.ipynb"
    parameter = aus / IDS[0] / "parameter.yaml"
    assert yaml.safe_load(parameter.read_text())["traeger_id"] == IDS[0]
    subprocess.run([sys.executable, "-m", "papermill", str(notebook), str(tmp_path / "x.ipynb"), "-f", str(parameter), "--no-progress-bar"],
                   check=True, capture_output=True, timeout=120)
    bilder = [sum("<img" in "".join(o.get("data", {}).get("text/html", "")) for c in json.loads(p.read_text())["cells"]
                  for o in c.get("outputs", [])) for p in (tmp_path / "x.ipynb", aus / IDS[0] / "bericht.ipynb")]
    assert bilder[0] == bilder[1] > 0
