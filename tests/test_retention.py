"""`traeger purge`: what is past retention is listed, asked about and removed; nothing else is."""

import json
import os
from datetime import date

import pytest
from typer.testing import CliRunner

from traeger_lib.cli import app
from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.operations import folder
from traeger_lib.operations import manifest as m


@pytest.fixture
def archiv(tmp_path):
    """Two quarters: one with a report that was sent, its correction, a failed one's notebook and a file of somebody's."""
    for quartal in ("2015Q4", "2099Q1"):
        ordner = tmp_path / quartal
        for name in ("A1", "A1.fassung-1", "B2"):
            (ordner / name).mkdir(parents=True)
            (ordner / name / "bericht.html").write_text(name)
            m.schreibe_json(ordner / name / "manifest.json", {"dateien": m.dateihashes(ordner / name, ["bericht.html"])})
        (ordner / "A1.fassung-1" / m.VERSANDT).write_text("{}")
        for name in ("fehler/C3.ipynb", "postausgang/A1.eml", "notiz.txt", ".weg-D4/x", "index.html"):
            (ordner / name).parent.mkdir(exist_ok=True)
            (ordner / name).write_text("x")
        m.schreibe_json(ordner / "lauf.json", {"quartal": quartal, "traeger": []})
    return tmp_path


def files(ordner):
    return sorted(p.relative_to(ordner).as_posix() for p in ordner.rglob("*") if p.is_file())


def test_retention_ends_the_day_after_its_last_day(archiv):
    def quartale(heute):
        return [str(v.quartal) for v in folder.verfallen(archiv, 10, heute)]
    assert quartale(date(2025, 12, 31)) == [] and quartale(date(2026, 1, 1)) == ["2015Q4"]
    assert quartale(date(2109, 4, 1)) == ["2015Q4", "2099Q1"]


def test_purge_lists_asks_and_removes_what_is_ours_only(archiv, traeger):
    davor = files(archiv)
    nein = CliRunner().invoke(app, ["purge", str(archiv), "--years", "5"], input="\n")
    for zeile in ("4. Quartal 2015, 3 Berichte, davon 1 versandt", "  A1.fassung-1", "  fehler", "  postausgang", "notiz.txt gehört nicht",
                  "Nichts gelöscht."):
        assert zeile in nein.output
    assert nein.exit_code == 1 and files(archiv) == davor
    stumm = CliRunner().invoke(app, ["purge", str(archiv), "--years", "5"], input="")  # nobody to ask
    assert stumm.exit_code == 1 and "Nichts gelöscht." in stumm.output and files(archiv) == davor
    result = traeger("purge", archiv, "--years", 5, "--yes")
    assert result.exit_code == 0 and "1 Lauf gelöscht." in result.output
    assert files(archiv) == ["2015Q4/notiz.txt", *(f for f in davor if f.startswith("2099Q1"))]
    assert "Kein Lauf" in traeger("purge", archiv, "--years", 5).output and traeger("purge", archiv).exit_code == 2


def test_a_killed_purge_is_finished_by_the_next(archiv, monkeypatch):
    faellig, echt, schritte = folder.verfallen(archiv, 5, date(2199, 1, 1)), folder.shutil.rmtree, []

    def stirb(pfad, **kwargs):
        schritte.append(pfad)
        if len(schritte) == 4:
            raise KeyboardInterrupt
        echt(pfad, **kwargs)
    monkeypatch.setattr(folder.shutil, "rmtree", stirb)
    with pytest.raises(KeyboardInterrupt):
        folder.loesche(faellig)
    monkeypatch.undo()
    folder.loesche(folder.verfallen(archiv, 5, date(2199, 1, 1)))
    assert files(archiv) == ["2015Q4/notiz.txt", "2099Q1/notiz.txt"]


def test_nothing_is_purged_while_a_batch_works_there(archiv):
    with folder.sperre(archiv / "2015Q4"), pytest.raises(TraegerFehler, match=f"Prozess {os.getpid()} "):
        folder.loesche(folder.verfallen(archiv, 10, date(2026, 1, 1)))
    assert json.loads((archiv / "2015Q4" / "lauf.json").read_text())["quartal"] == "2015Q4"


def test_purge_names_the_folder_that_is_not_there(tmp_path, traeger):
    assert "gibt es nicht" in traeger("purge", tmp_path / "nichts", "--years", 2).output
