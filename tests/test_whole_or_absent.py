"""Killed, interrupted, locked out, without room: a provider's folder is whole or absent, and nobody is told otherwise."""

import errno
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from decimal import Decimal
from functools import partial
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from traeger_lib.analysis.periods import Quartal
from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.inputs.reading import lies
from traeger_lib.operations import batch, folder, job
from traeger_lib.operations import manifest as m

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="fork")
ROOT = Path(__file__).parents[1]
IDS = ("BSP-FLUSS", "BSP-SEE")


def small_notebook(path, *more):
    """The quarter's notebook with its first and last section only, and more cells."""
    nb = nbformat.read(ROOT / "notebooks" / "quartalsbericht.ipynb", 4)
    keep = [c for c in nb.cells if c["id"] in ("parameter", "rechnen", "kopf", "herkunft")]
    nb.cells = [*keep[:2], *(new_code_cell(s) for s in more), *keep[2:]]
    nbformat.write(nb, path)


@pytest.fixture
def klein(monkeypatch, tmp_path):
    """Runs of a small notebook on a Bestand of two providers; `klein(cell, …)` puts more cells into it."""
    bestand = tmp_path / "bestand"
    shutil.copytree(ROOT / "data" / "beispiel", bestand)
    monkeypatch.setattr(batch, "NOTEBOOK", tmp_path / "klein.ipynb")
    small_notebook(tmp_path / "klein.ipynb")

    def mit(*zellen):
        small_notebook(tmp_path / "klein.ipynb", *zellen)
    mit.bestand = bestand
    mit.befehl = ["quarter", "2026Q1", bestand, "--out", tmp_path / "aus", *(x for i in IDS for x in ("--only", i))]
    mit.aus = tmp_path / "aus"
    return mit


@pytest.fixture(scope="module")
def toeten(tmp_path_factory, traeger):
    """killing.py on a finished run whose data have changed since; one of its reports was sent."""
    ordner = tmp_path_factory.mktemp("toeten")
    traeger("demo", ordner / "bestand", "--providers", 2, "--years", 2)
    small_notebook(ordner / "klein.ipynb")
    with pytest.MonkeyPatch.context() as p:
        p.setattr(batch, "NOTEBOOK", ordner / "klein.ipynb")
        assert traeger("quarter", "2026Q1", ordner / "bestand", "--out", ordner / "basis").exit_code == 0
    erster = sorted(p for p in (ordner / "basis").iterdir() if p.is_dir())[0]
    (erster / m.VERSANDT).write_text('{"am": "2026-04-20"}')
    toml = ordner / "bestand" / "bestand.toml"
    toml.write_text(toml.read_text().replace("hinweis = ", "hinweis = 'Geändert.' # ") if "hinweis = " in toml.read_text()
                    else toml.read_text() + "\nhinweis = 'Geändert.'\n")

    def starte(*argumente, frist=900):
        r = subprocess.run([sys.executable, str(ROOT / "tests" / "killing.py"), str(ordner), *argumente], capture_output=True, text=True,
                           timeout=frist, env={**os.environ, "PYTHONPATH": str(ROOT)})
        assert r.returncode == 0, r.stderr[-3000:]
        return json.loads(r.stdout.splitlines()[-1])
    return starte


def sound(found):
    return [f for f in found if f["partial"] or f["rest"] or not f["again"] or not f["same"] or "offen" in f["open"]]


def test_killed_at_a_sample_of_steps_nothing_is_partial_and_a_rerun_ends_in_the_same_bytes(toeten):
    spur = toeten("trace")
    assert spur["whole"] and len(spur["files"]) == 9  # two reports, and the sent one kept beside
    schritte = spur["steps"]
    umbenannt = [n for n, s in enumerate(schritte, 1) if s.startswith("rename") and s.count("/") == 0 and not s.endswith(".neu")]
    assert len(umbenannt) == 4  # of two providers the old folder and the new one
    wahl = sorted({*umbenannt, *(n + 1 for n in umbenannt[:2]), 1, len(schritte), *random.Random(7).sample(range(1, len(schritte)), 2)})
    found = toeten("at", json.dumps(wahl))
    assert sound(found) == [] and not any(f["ended"] for f in found)


@pytest.mark.soak
def test_killed_at_every_step(toeten):
    schritte = toeten("trace")["steps"]
    found = toeten("at", json.dumps(list(range(1, len(schritte) + 1))), frist=3600)
    assert sound(found) == [] and not any(f["ended"] for f in found)


@pytest.mark.soak
def test_killed_at_random_times(toeten):
    zufall = random.Random(2026)
    assert sound(toeten("after", json.dumps([zufall.uniform(0, 2.5) for _ in range(60)]), frist=3600)) == []


def start(klein, *mehr, **kwargs):
    """The command in a process of its own, with the small notebook."""
    code = (f"from pathlib import Path; from traeger_lib.operations import batch; batch.NOTEBOOK = Path({str(batch.NOTEBOOK)!r}); "
            "from traeger_lib.cli import main; main()")
    return subprocess.Popen([sys.executable, "-c", code, *map(str, [*klein.befehl, *mehr])], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, **kwargs)


def wait_for(condition, seconds=60):
    ende = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ende, "did not happen"
        time.sleep(0.02)


def test_ctrl_c_keeps_what_is_finished_and_says_so(klein, traeger):
    klein("import time\nif traeger_id == 'BSP-SEE':\n    time.sleep(600)")
    # a shell's background job ignores Ctrl-C and hands that on
    lauf = start(klein, "--jobs", 2, start_new_session=True, preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL))
    wait_for(lambda: (klein.aus / "BSP-FLUSS").exists() and list(klein.aus.glob(".neu-BSP-SEE.*")))
    os.killpg(lauf.pid, signal.SIGINT)
    text = lauf.communicate(timeout=120)[0]
    assert lauf.returncode == 1 and "Abgebrochen: 1 Bericht ist offen, die fertigen bleiben" in text and "Traceback" not in text
    stand = {e["traeger_id"]: e["stand"] for e in json.loads((klein.aus / "lauf.json").read_text())["traeger"]}
    assert stand == {"BSP-FLUSS": "fertig", "BSP-SEE": "offen"} and not list(klein.aus.glob(".neu-*"))
    befehl = f"traeger quarter 2026Q1 {klein.bestand} --out {klein.aus} --retry-failed"
    assert f"weiter mit: <code>{befehl}</code>" in (klein.aus / "index.html").read_text()
    klein()
    result = traeger(*klein.befehl, "--retry-failed")
    assert result.exit_code == 0 and "[1/1] BSP-SEE: fertig" in result.output


def test_ctrl_c_twice_leaves_nobody_at_work(klein):
    klein("import os, subprocess, time\nwith open(f'{bestand}/' + traeger_id, 'w') as f:\n    print(os.getppid(), os.getpid(), "
          "subprocess.Popen(['sleep', '300']).pid, file=f)\ntime.sleep(300)")
    lauf = start(klein, "--jobs", 2, start_new_session=True, preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL))
    notizen = [klein.bestand / i for i in IDS]
    wait_for(lambda: all(p.exists() and p.read_text().endswith("\n") for p in notizen))
    (arbeiter, kind, enkel), andere = ([int(n) for n in p.read_text().split()] for p in notizen)
    os.kill(arbeiter, signal.SIGSTOP)  # one that takes its time to end
    os.kill(lauf.pid, signal.SIGINT)
    wait_for(lambda: not any(map(_lebt, andere)))
    os.kill(lauf.pid, signal.SIGINT)
    text = lauf.communicate(timeout=60)[0]
    os.kill(enkel, signal.SIGKILL)  # nobody was there to end it
    assert lauf.returncode == 1 and "Abgebrochen: 2 Berichte sind offen" in text and not list(klein.aus.glob(".neu-*"))
    assert not _lebt(arbeiter)
    wait_for(lambda: not _lebt(kind), 10)


def test_ctrl_c_in_the_moment_of_a_fork_is_not_lost(klein):
    scharf = [True]
    os.register_at_fork(after_in_parent=lambda: scharf and (scharf.clear(), os.kill(os.getpid(), signal.SIGINT)))
    ergebnisse = batch.quartal(Quartal.aus("2026Q1"), klein.bestand, klein.aus, nur=IDS, jobs=1)
    assert not scharf and {e.stand for e in ergebnisse} == {job.OFFEN} and multiprocessing.active_children() == []


def _lebt(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().split()[2] != "Z"


def test_the_second_batch_on_a_folder_is_told_who_holds_it_and_a_dead_holder_holds_nothing(klein, traeger):
    klein("import time\ntime.sleep(60)")
    lauf = start(klein)
    wait_for(lambda: list(klein.aus.glob(".neu-BSP-*")))
    result = traeger(*klein.befehl)
    assert result.exit_code == 2 and f"läuft schon ein Lauf (Prozess {lauf.pid} auf " in result.output and "seit " in result.output
    os.kill(lauf.pid, signal.SIGKILL)  # the parent only: its children must go with it
    lauf.communicate()
    klein()
    assert traeger(*klein.befehl).exit_code == 0


def test_an_interrupted_swap_brings_the_old_report_back(tmp_path):
    for name, inhalt in ((".alt-A", "alt"), (".neu-A.1f", "halb"), ("B", "neu"), (".alt-B", "alt"), (".weg-C", "weg")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(inhalt)
    folder.raeume_auf(tmp_path)
    assert {p.name: (p / "x").read_text() for p in tmp_path.iterdir()} == {"A": "alt", "B": "neu"}


def test_an_attempt_taken_for_dead_does_no_harm_to_its_successor(klein, traeger):
    """As on a cluster, where a worker can be cut off and go on: its folder is its own, and without it there is nothing it may touch."""
    assert traeger(*klein.befehl).exit_code == 0
    davor = {p.relative_to(klein.aus): p.read_bytes() for p in klein.aus.glob("BSP-*/*")}
    for n in ("BSP-SEE.aa", "BSP-SEE.bb", "BSP-SEE-X.cc"):
        (klein.aus / f".neu-{n}").mkdir()
    bestand = lies(klein.bestand)[0]
    abdruck = {"daten": bestand.pruefsummen()["BSP-SEE"], "notebook": "", "programm": m.code_pruefsumme(), "parameter": "", "frueher": ""}

    def versuch(zelle):
        klein(zelle)
        return job.bericht(job.Auftrag("BSP-SEE", "See", "2026Q1", str(klein.bestand), str(batch.NOTEBOOK), str(klein.aus), abdruck))
    weg = f"from traeger_lib.operations import folder\nfolder.raeume_versuche(__import__('pathlib').Path({str(klein.aus)!r}), 'BSP-SEE')"
    ergebnis = versuch(weg)
    assert ergebnis.stand == job.FEHLGESCHLAGEN and "bisherige" not in ergebnis.grund
    assert {p.relative_to(klein.aus): p.read_bytes() for p in klein.aus.glob("BSP-*/*")} == davor
    assert [p.name for p in klein.aus.glob(".neu-*")] == [".neu-BSP-SEE-X.cc"]
    namen = versuch(f"import os\nraise ValueError([n for n in os.listdir({str(klein.aus)!r}) if n.startswith('.neu-BSP-SEE.')])")
    assert namen.stand == job.FEHLGESCHLAGEN and not (klein.aus / "BSP-SEE").exists()  # one that has its folder takes the old report away
    assert [p.name for p in klein.aus.glob(".neu-*")] == [".neu-BSP-SEE-X.cc"]
    folder.raeume_auf(klein.aus)
    assert not list(klein.aus.glob(".neu-*"))


@pytest.mark.parametrize(("zelle", "grund"), [
    ("import os\nos.kill(os.getpid(), 9)", "Der Rechenkern wurde beendet."),
    ("import os\nos._exit(0)", "Der Rechenkern wurde beendet."),
    ("import sys\nsys.exit(0)", "Das Notebook hat sich vorzeitig beendet (exit)."),
    ("x = bytearray(10**10)", "Der Arbeitsspeicher reicht nicht"),
    ("import time\ntime.sleep(60)", "Das Zeitlimit wurde überschritten."),
    ("raise ValueError('Frau Geheim')", "Unerwarteter Fehler (ValueError"),
    ("analyse(daten, traeger_id, quartal, rueckblick_jahre=0)", "Der Rückblick"),
    ("import os\nos.kill(os.getppid(), 9)\nimport time\ntime.sleep(9)", "Der Rechenprozess wurde beendet"),
])
def test_a_broken_report_fails_alone_with_its_reason(klein, traeger, zelle, grund):
    assert traeger(*klein.befehl).exit_code == 0
    klein("if traeger_id == 'BSP-SEE':\n    " + zelle.replace("\n", "\n    "))
    result = traeger(*klein.befehl, "--timeout", 20 if "sleep(60)" not in zelle else 2)
    assert result.exit_code == 1 and f"BSP-SEE: fehlgeschlagen ({grund}" in result.output and "BSP-FLUSS: fertig" in result.output
    assert "Der bisherige Bericht wurde entfernt.)" in result.output
    assert not (klein.aus / "BSP-SEE").exists() and not list(klein.aus.glob(".neu-*"))
    assert "Geheim" not in (klein.aus / "index.html").read_text() + (klein.aus / "lauf.json").read_text() + result.output
    assert traeger("verify", klein.aus).exit_code == 0


def test_a_full_disk_is_explained(klein, traeger, monkeypatch):
    def voll(_):
        raise OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(os, "fsync", voll)
    result = traeger(*klein.befehl)
    assert result.exit_code == 2 and "kein Platz mehr" in result.output
    assert not [p for p in klein.aus.iterdir() if p.name != ".sperre"]


def test_a_small_disk_is_explained(klein, traeger, tmp_path):
    klein.aus.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60k", "tmpfs", str(klein.aus)], capture_output=True).returncode:
        pytest.skip("cannot mount")
    try:
        result = traeger(*klein.befehl, "--jobs", 1)
        assert result.exit_code in (1, 2) and "kein Platz mehr" in result.output and "Traceback" not in result.output
        for p in klein.aus.iterdir():
            assert not p.is_dir() or m.ist_vollstaendig(p, m.lies_json(p / "manifest.json") or {}) or p.name == "fehler", p.name
        subprocess.run(["mount", "-o", "remount,ro", str(klein.aus)], check=True)
        result = traeger(*klein.befehl)
        assert result.exit_code == 2 and "schreibgeschützt" in result.output
        subprocess.run(["mount", "-o", "remount,rw,size=20m", str(klein.aus)], check=True)
        assert traeger(*klein.befehl).exit_code == 0
    finally:
        subprocess.run(["umount", str(klein.aus)], check=True)


def test_a_sent_report_is_kept_and_its_successor_is_a_marked_correction(klein, traeger):
    assert traeger(*klein.befehl).exit_code == 0
    versandt = klein.aus / "BSP-FLUSS"
    (versandt / m.VERSANDT).write_text('{"am": "2026-04-20"}')
    alt = (versandt / "bericht.html").read_bytes()
    pfad = klein.bestand / "budgets.csv"
    kopf, *zeilen = pfad.read_text().splitlines()
    spalte = kopf.split(";").index("betrag_eur")
    pfad.write_text("\n".join([kopf, *(_mehr(z, spalte) if z.startswith("BSP-FLUSS;2026;") else z for z in zeilen)]) + "\n")
    satz = "Fassung 2, Korrektur; Fassung 1 ging am 20.04.2026 hinaus"
    assert f"BSP-FLUSS: fertig (geändert: Daten; {satz})" in traeger(*klein.befehl).output
    assert satz in (klein.aus / "index.html").read_text()
    assert (klein.aus / "BSP-FLUSS.fassung-1" / "bericht.html").read_bytes() == alt
    manifest = json.loads((versandt / "manifest.json").read_text())
    assert manifest["fassung"] == 2 and manifest["korrektur"].startswith("Korrigierte Fassung 2; sie ersetzt Fassung 1. Geändert: Daten.")
    jahresbudget = re.search(r"Jahresbudget ([\d.]+,\d\d)\xa0€ statt ([\d.]+,\d\d)\xa0€ \((−[\d.]+,\d\d)\xa0€\)", manifest["korrektur"])
    neu, frueher, um = (Decimal(z.replace(".", "").replace(",", ".").replace("−", "-")) for z in jahresbudget.groups())
    assert neu - frueher == um
    assert manifest["korrektur"] in (versandt / "bericht.html").read_text()[:40_000]
    assert traeger("verify", klein.aus).exit_code == traeger("verify", versandt).exit_code == 0
    (klein.aus / "BSP-FLUSS.fassung-1").rename(klein.aus.parent / "weg")
    result = traeger("verify", klein.aus)
    assert result.exit_code == 1 and "BSP-FLUSS: Die versandte Fassung davor (BSP-FLUSS.fassung-1) fehlt.\n" in result.output
    (klein.aus.parent / "weg").rename(klein.aus / "BSP-FLUSS.fassung-1")
    # a version that was not sent is replaced, and stays version 2
    assert traeger(*klein.befehl, "--force").exit_code == 0
    assert json.loads((versandt / "manifest.json").read_text())["korrektur"] == manifest["korrektur"]
    assert sorted(p.name for p in klein.aus.glob("BSP-FLUSS*")) == ["BSP-FLUSS", "BSP-FLUSS.fassung-1"]
    # a failing redo takes the unsent version away and leaves the sent one
    klein("1 / 0")
    ergebnis = traeger(*klein.befehl)
    assert ergebnis.exit_code == 1 and "Fassung 1 ging am 20.04.2026 hinaus" in (klein.aus / "index.html").read_text()
    assert [p.name for p in klein.aus.glob("BSP-FLUSS*")] == ["BSP-FLUSS.fassung-1"] and traeger("verify", klein.aus).exit_code == 0


def _mehr(zeile, spalte):
    teile = zeile.split(";")
    return ";".join("123,45" if n == spalte and t else t for n, t in enumerate(teile))


def test_verify_names_what_is_missing_extra_and_changed(klein, traeger):
    assert traeger(*klein.befehl).exit_code == 0
    result = traeger("verify", klein.aus.parent)
    assert result.exit_code == 0 and "2 Berichte geprüft, alle unverändert." in result.output
    (klein.aus / "BSP-SEE" / "tabellen.xlsx").unlink()
    (klein.aus / "BSP-SEE" / "notiz.txt").write_text("x")
    with (klein.aus / "BSP-FLUSS" / "bericht.html").open("a") as f:
        f.write(" ")
    result = traeger("verify", klein.aus)
    assert result.exit_code == 1 and "3 Abweichungen" in result.output
    for zeile in ("BSP-SEE/tabellen.xlsx fehlt.", "BSP-SEE/notiz.txt gehört nicht zum Bericht.", "BSP-FLUSS/bericht.html wurde verändert."):
        assert zeile in result.output
    shutil.rmtree(klein.aus / "BSP-SEE")
    assert "BSP-SEE: Der Bericht fehlt" in traeger("verify", klein.aus).output
    for kaputt in ('{"dateien": {"bericht.html": "1"}, "fassung": "zwei"}', "[1]", '{"dateien": {}}'):
        (klein.aus / "BSP-FLUSS" / "manifest.json").write_text(kaputt)
        result = traeger("verify", klein.aus)
        assert result.exit_code == 1 and "BSP-FLUSS/manifest.json ist nicht lesbar oder unvollständig." in result.output
    (klein.aus / "lauf.json").write_text("{")
    assert "lauf.json ist nicht lesbar." in traeger("verify", klein.aus).output
    assert traeger("verify", klein.bestand).exit_code == 2


def test_the_number_of_a_sent_version_outlives_its_manifest(klein, traeger):
    ordner = klein.aus / "BSP-SEE"
    for n in (1, 2):
        assert traeger(*klein.befehl, "--force").exit_code == 0
        (ordner / m.VERSANDT).write_text(f'{{"am": "2026-0{n}-20", "fassung": {n}}}')
    (ordner / "manifest.json").unlink()
    assert "BSP-SEE/manifest.json fehlt." in traeger("verify", klein.aus).output
    assert "Fassung 3, Korrektur; Fassung 2 ging am 20.02.2026 hinaus" in traeger(*klein.befehl).output
    assert sorted(p.name for p in klein.aus.glob("BSP-SEE*")) == ["BSP-SEE", "BSP-SEE.fassung-1", "BSP-SEE.fassung-2"]
    assert json.loads((ordner / "manifest.json").read_text())["korrektur"].startswith("Korrigierte Fassung 3; sie ersetzt Fassung 2.")


def test_a_linked_report_is_replaced_like_any_other(klein, traeger):
    assert traeger(*klein.befehl).exit_code == 0
    (klein.aus / "BSP-SEE").rename(klein.aus.parent / "anderswo")
    (klein.aus / "BSP-SEE").symlink_to(klein.aus.parent / "anderswo")
    for _ in range(2):
        assert traeger(*klein.befehl, "--force").exit_code == 0
        assert not list(klein.aus.glob(".*-BSP-*")) and not (klein.aus / "BSP-SEE").is_symlink()


def test_without_a_run_there_is_nothing_to_retry(klein, traeger):
    result = traeger(*klein.befehl, "--retry-failed")
    assert result.exit_code == 2 and "ist kein Lauf vermerkt" in result.output and not klein.aus.exists()


def test_the_lock_is_free_after_an_error(tmp_path):
    with pytest.raises(ValueError), folder.sperre(tmp_path):
        raise ValueError
    with folder.sperre(tmp_path), pytest.raises(TraegerFehler, match="läuft schon"), folder.sperre(tmp_path):
        pass
