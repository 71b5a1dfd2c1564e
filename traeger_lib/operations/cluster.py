"""The batch beyond one machine: the same job function on an existing dask.distributed cluster (extra `cluster`).

dask's workers run threads, and forking inside threads is unsafe: beside each worker thread stands one warm job process, spoken to by
lines of JSON, that forks a report as `traeger quarter` does on one machine. All machines see Bestand and target folder under the same path.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.inputs.reading import lies
from traeger_lib.operations import batch, folder, job
from traeger_lib.operations import manifest as m

WARTEN_S = 30  # for the scheduler, and for the first worker
VERSUCHE = 2  # at one report: a job process or a worker may die once
_hier = threading.local()
_alle: set[subprocess.Popen[str]] = set()  # this worker's job processes


def fuehre_aus(auftraege: list[job.Auftrag], adresse: str) -> Generator[job.Ergebnis]:
    """The results as they come; closed early, it stops every job process first. Raises TraegerFehler where no cluster answers."""
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise TraegerFehler('Für --cluster fehlt ein Paket. Im Ordner der Werkbank pip install -e ".[cluster]" ausführen.') from None
    try:
        client = Client(adresse, timeout=WARTEN_S)
        client.wait_for_workers(1, timeout=WARTEN_S)
    except (OSError, ValueError, TimeoutError):
        raise TraegerFehler(f"Unter {adresse} antwortet kein Cluster mit Rechenprozessen. Adresse prüfen (tcp://rechner:8786).") from None
    futures: dict[Any, job.Auftrag] = {}
    try:
        futures |= {client.submit(_auf_worker, str(Path.cwd()), asdict(a), pure=False, retries=VERSUCHE - 1): a for a in auftraege}
        for future in as_completed(futures):
            a = futures[future]
            if future.status == "finished":
                folder.raeume_versuche(Path(a.ziel), a.traeger_id)  # a worker cut off but alive may still be at it
                yield job.Ergebnis(**future.result())
            else:
                yield batch.prozess_beendet(a)
    finally:
        with suppress(OSError, ValueError):  # the scheduler is gone, or every worker
            client.cancel(list(futures))
            client.run(_beende)
        with suppress(OSError, RuntimeError):  # then the client may be closing itself at the same time
            client.close()


def _auf_worker(ordner: str, auftrag: dict[str, Any]) -> dict[str, Any]:
    """Runs in a thread of a dask worker: hand the job to this thread's job process, started when first needed or when the last one died."""
    prozess: subprocess.Popen[str] | None = getattr(_hier, "prozess", None)
    if prozess is None or prozess.poll() is not None:
        befehl = [sys.executable, "-m", "traeger_lib.operations.cluster"]
        prozess = _hier.prozess = subprocess.Popen(befehl, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        _alle.add(prozess)
    assert prozess.stdin and prozess.stdout
    print(json.dumps([ordner, auftrag]), file=prozess.stdin, flush=True)
    antwort = prozess.stdout.readline()
    if not antwort:
        prozess.wait()
        _alle.discard(prozess)
        raise ChildProcessError  # dask tries again
    return dict(json.loads(antwort))


def _beende() -> None:
    """Runs on every worker when the batch ends: nothing may write into a folder whose lock is free."""
    for prozess in list(_alle):
        prozess.kill()
        prozess.wait()


def _auftraege() -> Iterator[job.Auftrag]:
    """The jobs from standard input; when it ends, the worker is gone, and this process goes with all its children, at once.

    The thread that waits for lines has a file of its own: forked children close `sys.stdin`, and would wait for its lock for ever.
    """
    zeilen: SimpleQueue[str] = SimpleQueue()

    def lies_mit() -> None:
        with os.fdopen(os.dup(0), encoding="utf-8") as ein:
            for zeile in ein:
                zeilen.put(zeile)
        os._exit(0)
    threading.Thread(target=lies_mit, daemon=True).start()
    while True:
        ordner, auftrag = json.loads(zeilen.get())
        os.chdir(ordner)  # paths are as the user gave them
        yield job.Auftrag(**auftrag)


def main() -> None:
    """A job process: one line in, one report, one line out."""
    aus = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what anybody prints is no answer
    for a in _auftraege():
        if a.fingerabdruck["programm"] != m.code_pruefsumme():
            grund = f"Auf dem Rechner {socket.gethostname()} ist eine andere Fassung des Programms installiert."
            ergebnis = job.Ergebnis(a.traeger_id, a.name, job.FEHLGESCHLAGEN, grund)
        else:
            lies(a.bestand)  # kept until its files change; the forked reports share it
            batch.waerme()
            ergebnis = job.bericht(a)
        print(json.dumps(asdict(ergebnis)), file=aus, flush=True)


if __name__ == "__main__":
    main()
