"""Commands as a user meets them: exit codes, one German sentence for a mistake, never a traceback."""

import json

import pytest

from traeger_lib.cli import main


def mistake(result, *words):
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.output, result.output


def test_facts_prints_the_figures_of_one_provider(traeger, beispiel, tmp_path):
    result = traeger("facts", "BSP-FLUSS", "2026Q1", beispiel)
    assert result.exit_code == 0
    k = json.loads(result.output)
    assert k["traeger_id"] == "BSP-FLUSS" and k["quartal"] == "2026Q1"
    ziel = tmp_path / "k.json"
    assert traeger("facts", "BSP-FLUSS", "2026Q1", beispiel, "--out", ziel).exit_code == 0
    assert json.loads(ziel.read_text()) == k


@pytest.mark.parametrize("command", ["facts", "quarter"])
def test_an_unknown_provider_is_named_with_the_known_ones(traeger, beispiel, tmp_path, command):
    args = ("facts", "NIEMAND", "2026Q1", beispiel) if command == "facts" else (
        "quarter", "2026Q1", beispiel, "--only", "NIEMAND", "--out", tmp_path)
    mistake(traeger(*args), "NIEMAND", "BSP-NORD")


@pytest.mark.parametrize("quartal", ["2026Q5", "Q1", "2026", "1/2026"])
def test_an_unknown_quarter(traeger, beispiel, quartal):
    mistake(traeger("facts", "BSP-NORD", quartal, beispiel), "Quartal", "2026Q1")


def test_a_missing_bestand(traeger, tmp_path):
    mistake(traeger("check", tmp_path / "nichts"))


def test_a_missing_table(traeger, kopie):
    (kopie / "traeger.csv").unlink()
    mistake(traeger("check", kopie), "traeger")
    mistake(traeger("quarter", "2026Q1", kopie, "--out", kopie.parent / "lauf"), "traeger")
    assert not (kopie.parent / "lauf").exists()


def test_a_missing_column(traeger, kopie):
    pfad = kopie / "budgets.csv"
    pfad.write_text(pfad.read_text().replace("version", "fassung", 1))
    mistake(traeger("check", kopie), "version")


def test_check_of_the_examples_finds_nothing(traeger, beispiel):
    for ordner in (beispiel, beispiel.parent / "aufsuchende_hilfe"):
        result = traeger("check", ordner)
        assert result.exit_code == 0 and "Keine Fehler." in result.output


def test_check_json_holds_every_fault(traeger, kopie):
    pfad = kopie / "personal.csv"
    zeilen = pfad.read_text().splitlines()
    pfad.write_text("\n".join([zeilen[0], *(z.replace("fachkraft;", "fachkraft;x", 1) for z in zeilen[1:])]))
    result = traeger("check", kopie, "--json")
    assert result.exit_code == 2
    assert len(json.loads(result.output)["fehler"]) > 100


def test_demo_writes_what_check_accepts(traeger, tmp_path):
    for format_ in ("csv", "xlsx", "parquet"):
        ziel = tmp_path / format_
        assert traeger("demo", ziel, "--providers", 3, "--seed", 7, "--format", format_).exit_code == 0
        assert traeger("check", ziel).exit_code == 0
    mistake(traeger("demo", tmp_path / "x", "--format", "pdf"), "csv")


def test_mail_before_any_report_says_what_to_do(traeger, beispiel, tmp_path):
    mistake(traeger("mail", "2026Q1", beispiel, "--out", tmp_path), "traeger quarter")


@pytest.mark.parametrize("command", ["demo", "check", "template", "facts", "quarter", "mail", "calendar", "lab"])
def test_help_everywhere(traeger, command):
    assert traeger(command, "--help").exit_code == 0


@pytest.mark.parametrize("aufruf, satz", [
    (["quarter", "2026Q1"], "Es fehlt die Angabe BESTAND. Hilfe: traeger quarter --help"),
    (["purge", "."], "Es fehlt die Angabe --years. Hilfe: traeger purge --help"),
    (["facts"], "Es fehlt die Angabe ID. Hilfe: traeger facts --help"),
    (["quarter", "2026Q1", "x", "--jobs", "0"], "Der Wert für --jobs passt nicht. Hilfe: traeger quarter --help"),
    (["quarter", "2026Q1", "x", "--timeout", "3000000"], "Der Wert für --timeout passt nicht. Hilfe: traeger quarter --help"),
    (["quarter", "2026Q1", "x", "--farbe"], "Die Option --farbe gibt es nicht. Hilfe: traeger quarter --help"),
    (["quartal"], "Diesen Befehl oder diese Angabe gibt es nicht. Hilfe: traeger --help"),
])
def test_a_wrong_call_is_told_in_german(aufruf, satz, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["traeger", *aufruf])
    with pytest.raises(SystemExit) as ende:
        main()
    assert ende.value.code == 2 and capsys.readouterr().err.strip() == satz


def test_what_is_written_is_for_its_owner_only(traeger, beispiel, tmp_path):
    (tmp_path / "da.json").write_text("{}")
    (tmp_path / "da.json").chmod(0o640)
    for name in ("neu.json", "da.json"):
        assert traeger("facts", "BSP-SEE", "2026Q1", beispiel, "--out", tmp_path / name).exit_code == 0
    rechte = [(tmp_path / n).stat().st_mode & 0o777 for n in ("neu.json", "da.json")]
    assert rechte == [0o600, 0o640]  # a file that was there keeps its rights
