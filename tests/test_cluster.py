"""The batch on a dask.distributed cluster on loopback: the same bytes as on this machine, also when workers and job processes die."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from test_whole_or_absent import small_notebook

from traeger_lib import load
from traeger_lib.analysis.periods import Quartal
from traeger_lib.operations import batch, cluster, job
from traeger_lib.operations import manifest as m

distributed = pytest.importorskip("distributed", reason="the cluster is NOT tested: pip install 'traeger-lib[cluster]'")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="fork")
ROOT = Path(__file__).parents[1]
Q1 = Quartal.aus("2026Q1")
SAME = [n for n in m.BERICHT_DATEIEN if n != "bericht.ipynb"]  # papermill's times are in the notebook


def dask(*args, **env):
    return subprocess.Popen([sys.executable, "-m", "dask", *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            start_new_session=True, env={**os.environ, "PYTHONPATH": str(ROOT), **env})


def workers(address):
    """Name → process id of the scheduler's workers."""
    with distributed.Client(address, set_as_default=False) as client:
        return {w["name"]: client.run(os.getpid, workers=[a])[a] for a, w in client.scheduler_info()["workers"].items()}


def children(pid):
    """Process ids below a process, the job processes of a worker."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(c) for p in found for c in p.read_text().split()]


@contextmanager
def cluster_of(*names):
    """The address of a scheduler with these workers with nannies, as `make cluster-demo` starts them, and the scheduler's process."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        here = f"tcp://127.0.0.1:{s.getsockname()[1]}"
    with ExitStack() as stack:
        processes = []
        for args in (("scheduler", "--host", here, "--no-dashboard"),
                     *(("worker", here, "--nthreads", "1", "--no-dashboard", "--name", n) for n in names)):
            processes.append(stack.enter_context(dask(*args)))
            stack.callback(os.killpg, processes[-1].pid, signal.SIGKILL)
        with distributed.Client(here, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(len(names), timeout=60)
        yield here, processes[0]


@pytest.fixture(scope="module")
def address():
    with cluster_of("eins", "zwei") as (here, _):
        yield here


@pytest.fixture(scope="module")
def bestand(tmp_path_factory, traeger):
    """Four providers, and a notebook of few sections for all runs."""
    ordner = tmp_path_factory.mktemp("cluster") / "bestand"
    assert traeger("demo", ordner, "--providers", 4, "--years", 2).exit_code == 0
    small_notebook(ordner.parent / "klein.ipynb")
    with pytest.MonkeyPatch.context() as p:
        p.setattr(batch, "NOTEBOOK", ordner.parent / "klein.ipynb")
        yield ordner


@pytest.fixture(scope="module")
def lokal(bestand):
    """The same reports made on this machine."""
    assert {e.stand for e in batch.quartal(Q1, bestand, bestand.parent / "lokal")} == {job.FERTIG}
    return contents(bestand.parent / "lokal")


def contents(aus):
    return {f"{p.name}/{n}": m.sha256(p / n) for p in aus.iterdir() if (p / "manifest.json").exists() for n in SAME}


def test_the_command_gives_the_same_bytes_as_on_one_machine(address, bestand, lokal, traeger, tmp_path):
    result = traeger("quarter", "2026Q1", bestand, "--out", tmp_path / "aus", "--cluster", address)
    assert result.exit_code == 0 and result.output.count(": fertig") == 4, result.output
    assert contents(tmp_path / "aus") == lokal and len(lokal) == 16
    assert "4 Berichte geprüft, alle unverändert." in traeger("verify", tmp_path / "aus").output
    assert traeger("quarter", "2026Q1", bestand, "--out", tmp_path / "aus", "--cluster", address).output.count(": unverändert") == 4


@pytest.mark.parametrize("victim", ["worker", "job process"])
def test_a_killed_one_is_replaced_and_nothing_is_lost(address, bestand, lokal, tmp_path, victim):
    killed = []

    def kill_once(ergebnis, fertig, gesamt):
        if not killed:  # both workers are at work now
            pids = [*workers(address).values()] if victim == "worker" else [c for w in workers(address).values() for c in children(w)]
            killed.append(pids[0])
            os.kill(pids[0], signal.SIGKILL)
    ergebnisse = batch.quartal(Q1, bestand, tmp_path / "aus", cluster=address, melde=kill_once)
    assert killed and [e.stand for e in ergebnisse] == [job.FERTIG] * 4
    assert contents(tmp_path / "aus") == lokal
    with distributed.Client(address, set_as_default=False) as client:  # the worker's nanny has started another
        client.wait_for_workers(2, timeout=60)


def test_a_report_that_kills_its_job_process_fails_alone(address, bestand, tmp_path, monkeypatch):
    opfer = load(bestand).traeger_ids[0]
    small_notebook(tmp_path / "böse.ipynb", f"import os\nif traeger_id == '{opfer}':\n"
                   "    os.kill(int(open(f'/proc/{os.getppid()}/stat').read().split()[3]), 9)\n    while True: pass")
    monkeypatch.setattr(batch, "NOTEBOOK", tmp_path / "böse.ipynb")
    ergebnisse = batch.quartal(Q1, bestand, tmp_path / "a", cluster=address)
    assert [e.stand for e in ergebnisse] == [job.FEHLGESCHLAGEN] + [job.FERTIG] * 3 and ergebnisse[0].grund == batch.PROZESS_BEENDET
    assert not (tmp_path / "a" / opfer).exists()


def test_an_interrupted_batch_leaves_nobody_at_work(address, bestand, tmp_path):
    def stop(*_):
        raise KeyboardInterrupt
    ergebnisse = batch.quartal(Q1, bestand, tmp_path / "aus", cluster=address, melde=stop)
    assert {e.stand for e in ergebnisse} == {job.FERTIG, job.OFFEN}
    assert not any(children(w) for w in workers(address).values()) and not list((tmp_path / "aus").glob(".neu-*"))
    there = sorted(p.name for p in (tmp_path / "aus").iterdir())
    time.sleep(1)  # nothing appears any more
    assert sorted(p.name for p in (tmp_path / "aus").iterdir()) == there


def test_a_scheduler_that_dies_fails_the_rest_and_the_overview_says_so(bestand, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "WARTEN_S", 5)
    with cluster_of("eins") as (here, scheduler):
        def kill(*_):
            os.kill(scheduler.pid, signal.SIGKILL)  # nobody waits for it yet, so that its number stays its own
        ergebnisse = batch.quartal(Q1, bestand, tmp_path / "aus", cluster=here, melde=kill)
    stand = {e["traeger_id"]: e["stand"] for e in json.loads((tmp_path / "aus" / "lauf.json").read_text())["traeger"]}
    assert stand == {e.traeger_id: e.stand for e in ergebnisse} and set(stand.values()) == {job.FERTIG, job.FEHLGESCHLAGEN}
    assert {i for i, s in stand.items() if s == job.FERTIG} == {p.parent.name for p in (tmp_path / "aus").glob("*/manifest.json")}


def test_no_cluster_is_said_in_german(bestand, traeger, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "WARTEN_S", 1)
    for wo in ("tcp://127.0.0.1:9", "unsinn://x"):
        result = traeger("quarter", "2026Q1", bestand, "--out", tmp_path / "aus", "--cluster", wo)
        assert result.exit_code == 2 and f"Unter {wo} antwortet kein Cluster" in result.output
