"""Kills batches at chosen steps, for test_whole_or_absent: one warm process, a forked process group for each run.

`python killing.py FOLDER MODE [ARGUMENT]` prints one JSON line: MODE `trace` the steps of an undisturbed run; `at` with a list of step
numbers, or `after` with a list of seconds, what was found after each kill and after the run that follows.
"""

import json
import os
import shutil
import signal
import sys
import time
from multiprocessing import Value
from pathlib import Path

from traeger_lib.analysis.periods import Quartal
from traeger_lib.operations import batch, job
from traeger_lib.operations import manifest as m

SAME = ("bericht.html", "kennzahlen.json", "tabellen.xlsx")
FOLDER = Path(sys.argv[1])
BESTAND, ZIEL, BASIS = FOLDER / "bestand", FOLDER / "aus", FOLDER / "basis"
batch.NOTEBOOK = FOLDER / "klein.ipynb"


def watch(counter, deadly):
    """Count every step that changes something below the target; kill the whole process group just before step `deadly`."""
    gruppe = os.getpgid(0)  # a notebook's child leaves it, and dies with its worker

    def step(was, path):
        if not str(path).startswith(str(ZIEL)):
            return
        with counter.get_lock():
            counter.value += 1
            if counter.value == deadly:
                os.killpg(gruppe, signal.SIGKILL)
                time.sleep(60)
        with (FOLDER / "schritte.txt").open("a") as f:
            f.write(f"{was} {os.path.relpath(path, ZIEL)}\n")

    def hook(event, args):
        if event == "open" and isinstance(args[0], str) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            step("open", args[0])
        elif event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir") and str(args[0]).startswith("/"):
            step(event[3:], args[0])
    fsync = os.fsync

    def counted(fd):
        step("fsync", Path(f"/proc/self/fd/{fd}").readlink())
        fsync(fd)
    sys.addaudithook(hook)
    os.fsync = counted


def run(deadly=0, seconds=None):
    """One batch in a process group of its own; True where it ended by itself and well."""
    counter, pid = Value("i", 0), os.fork()
    if not pid:
        try:
            os.setsid()
            watch(counter, deadly)
            results = batch.quartal(Quartal.aus("2026Q1"), BESTAND, ZIEL, jobs=1)
            os._exit(int(any(e.stand == job.FEHLGESCHLAGEN for e in results)))
        finally:
            os._exit(7)
    if seconds is not None:
        time.sleep(seconds)
        os.killpg(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1] == 0


def partial():
    """Provider folders that are there and not whole, and words of success without a report."""
    found = [p.name for p in ZIEL.iterdir() if p.is_dir() and p.name[0] not in ".f" and not m.ist_vollstaendig(
        p, m.lies_json(p / "manifest.json") or {})]
    if (ZIEL / "lauf.json").exists():
        for e in json.loads((ZIEL / "lauf.json").read_text())["traeger"]:
            if e["stand"] in ("fertig", "unverändert") and not (ZIEL / e["traeger_id"] / "manifest.json").exists():
                found.append(f"{e['traeger_id']}: {e['stand']}")
    return found


def fresh():
    shutil.rmtree(ZIEL, ignore_errors=True)
    shutil.copytree(BASIS, ZIEL)
    (FOLDER / "schritte.txt").write_text("")


def contents():
    return {f"{p.name}/{n}": m.sha256(p / n) for p in ZIEL.iterdir() if p.is_dir() and p.name[0] != "." for n in SAME if (p / n).exists()}


def main():
    batch.lies(BESTAND)
    fresh()
    whole = run()
    steps, wanted = (FOLDER / "schritte.txt").read_text().splitlines(), contents()
    if sys.argv[2] == "trace":
        print(json.dumps({"whole": whole, "steps": steps, "files": sorted(wanted)}))
        return
    found = []
    for x in json.loads(sys.argv[3]):
        fresh()
        ended = run(deadly=x) if sys.argv[2] == "at" else run(seconds=x)
        after = partial()
        again = run()
        clean = [p.name for p in ZIEL.iterdir() if p.name.startswith((".neu-", ".alt-", ".weg-")) or p.name.endswith(".neu")]
        found.append({"at": x, "ended": ended, "partial": after, "again": again, "same": contents() == wanted, "rest": clean + partial(),
                      "open": [e["stand"] for e in json.loads((ZIEL / "lauf.json").read_text())["traeger"]]})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
