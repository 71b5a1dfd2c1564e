"""Many providers at once: the broken ones explained and the others right; a thousand of them in flat memory, and none of them twice."""

import json
import random
import resource
import shutil
import sys
from pathlib import Path

import pytest
from test_whole_or_absent import small_notebook

from traeger_lib import analyse
from traeger_lib.analysis.periods import Quartal
from traeger_lib.inputs.reading import lies
from traeger_lib.operations import batch, job
from traeger_lib.operations import manifest as m

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="fork")
Q1 = Quartal.aus("2026Q1")
# ways to break one provider in its data: table, what makes a broken line of one of its lines, what the reason says
IN_DATA = {
    "no number": ("personal", lambda z: {**z, "vk": "viel"}, "„viel“"),
    "no such day": ("faelle", lambda z: {**z, "beginn": "30.02.2024"}, "30.02.2024"),
    "ends before it begins": ("faelle", lambda z: {**z, "beginn": "02.01.2025", "ende": "01.01.2025"}, "liegt vor dem in beginn"),
    "needed and empty": ("entgelte", lambda z: {**z, "grundpauschale": ""}, "Pflichtangabe"),
    "unknown word": ("verfahren", lambda z: {**z, "austrittstag_zaehlt": "vielleicht"}, "vielleicht"),
}
# and in its notebook: code, what the reason says
IN_NOTEBOOK = {
    "exception": ("1 / 0", "ZeroDivisionError"),
    "exit": ("import sys\nsys.exit(0)", "vorzeitig beendet"),
    "killed": ("import os\nos.kill(os.getpid(), 9)", "Rechenkern wurde beendet"),
    "no memory": ("x = bytearray(10**11)", "Arbeitsspeicher"),
    "no end": ("while True: pass", "Zeitlimit"),
    "other data": ("daten.pruefsumme()\ndaten.tabellen['personal'].loc[0, 'vk'] = None", "Daten haben sich"),
    "no facts": ("del facts", "„facts“"),
}


def break_data(bestand, traeger_id, offers, way):
    table, change, _ = IN_DATA[way]
    path = bestand / f"{table}.csv"
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    names = head.split(";")
    rows = [dict(zip(names, line.split(";"), strict=True)) for line in lines]
    n = next(i for i, r in enumerate(rows) if r.get("angebot_id") in offers or r.get("traeger_id") == traeger_id)
    lines[n] = ";".join(change(rows[n]).values())
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")


def check_broken(ordner, traeger, monkeypatch, providers, ways):
    assert traeger("demo", ordner / "bestand", "--providers", providers, "--years", 2).exit_code == 0
    heil, _ = lies(ordner / "bestand")
    offers = heil["angebote"].groupby("traeger_id")["angebot_id"].agg(set)
    mit_faellen = [i for i in heil.traeger_ids if offers[i] & set(heil["faelle"]["angebot_id"])]
    opfer = dict(zip(random.Random(5).sample(mit_faellen, len(ways)), ways, strict=True))
    zellen = []
    for i, way in opfer.items():
        if way in IN_DATA:
            break_data(ordner / "bestand", i, offers[i], way)
        else:
            zellen.append(f"if traeger_id == '{i}':\n    " + IN_NOTEBOOK[way][0].replace("\n", "\n    "))
    small_notebook(ordner / "klein.ipynb", *zellen)
    monkeypatch.setattr(batch, "NOTEBOOK", ordner / "klein.ipynb")
    result = traeger("quarter", "2026Q1", ordner / "bestand", "--out", ordner / "aus", "--timeout", 5)
    assert result.exit_code == 1
    lauf = {e["traeger_id"]: e for e in json.loads((ordner / "aus" / "lauf.json").read_text())["traeger"]}
    seite = (ordner / "aus" / "index.html").read_text()
    for i, e in lauf.items():
        if i not in opfer:  # right: the figures are those of the data as they were before anybody broke others
            assert e["stand"] == job.FERTIG, e
            kennzahlen = json.loads((ordner / "aus" / i / "kennzahlen.json").read_text())
            assert kennzahlen == json.loads(json.dumps(analyse(heil, i, Q1).kennzahlen()))
        else:
            grund = IN_DATA[opfer[i]][2] if opfer[i] in IN_DATA else IN_NOTEBOOK[opfer[i]][1]
            assert e["stand"] == job.FEHLGESCHLAGEN and grund in e["grund"], (opfer[i], e)
            assert not (ordner / "aus" / i).exists() and i in seite
    assert len(lauf) == providers and traeger("verify", ordner / "aus").exit_code == 0


def test_the_broken_are_explained_and_the_others_right(tmp_path, traeger, monkeypatch):
    check_broken(tmp_path, traeger, monkeypatch, 6, ["no number", "unknown word", "exception", "other data"])


@pytest.mark.soak
def test_fifty_providers_of_which_ten_are_broken_in_different_ways(tmp_path, traeger, monkeypatch):
    check_broken(tmp_path, traeger, monkeypatch, 50, [*list(IN_DATA)[:4], *list(IN_NOTEBOOK)[:6]])


def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


@pytest.mark.soak
def test_a_thousand_providers_in_flat_memory_and_nothing_to_do_the_second_time(tmp_path, traeger):
    assert traeger("demo", tmp_path / "bestand", "--providers", 1000, "--format", "parquet").exit_code == 0
    memory = []
    ergebnisse = batch.quartal(Q1, tmp_path / "bestand", tmp_path / "aus", melde=lambda *_: memory.append(resident_mb()))
    assert [e.stand for e in ergebnisse] == [job.FERTIG] * 1000
    assert max(memory[50:]) < 1.05 * memory[50], (memory[50], max(memory))
    assert len([p for p in (tmp_path / "aus").iterdir() if m.ist_vollstaendig(p, m.lies_json(p / "manifest.json") or {})]) == 1000
    davor = {p: p.stat().st_mtime_ns for p in (tmp_path / "aus").glob("*/*")}
    assert {e.stand for e in batch.quartal(Q1, tmp_path / "bestand", tmp_path / "aus")} == {job.UNVERAENDERT}
    assert davor == {p: p.stat().st_mtime_ns for p in (tmp_path / "aus").glob("*/*")}
    shutil.rmtree(tmp_path / "aus")  # 1.3 GB
