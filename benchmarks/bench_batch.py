"""The batch of a quarter against a shell loop of papermill and nbconvert, and against a plain script as the floor.

    python benchmarks/bench_batch.py [providers]

Four ways to the reports of the same invented providers (24 unless said), one after the other on this machine:
shell loop   `papermill` then `jupyter nbconvert --to html`, a process each: run for 3 providers and scaled to all
best naive   the same under `xargs -P CORES` in a slim environment, for 4 providers and scaled: what makes an environment with JupyterLab
             slow to start is the IRI check that it installs for jsonschema; here it cannot be imported, as where it is not installed
batch        `traeger quarter`, a new process, as the user starts it; then once more with nothing changed
floor        same Facts, same sections with their charts, same page from a notebook put together by hand, tables and JSON, in forked
             warm processes: no papermill, no cells, no manifest, no fsync
Wall and CPU seconds (children included) as ratios. Load from elsewhere falls on all of them alike, not at the same time.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import nbformat.v4 as nbf

from traeger_lib.analysis.analyse import analyse
from traeger_lib.inputs.demo import schreibe_demo
from traeger_lib.inputs.reading import lies
from traeger_lib.operations import batch
from traeger_lib.operations import manifest as m
from traeger_lib.reporting import coarse, excel, html, sections

ROOT = Path(__file__).resolve().parents[1]
QUARTER, CORES, SAMPLE, NAIVE = "2026Q1", os.cpu_count() or 1, 3, 4
ENV = {**os.environ, "PYTHONPATH": str(ROOT)}


def measured(f, *args):
    """Wall and CPU seconds of a call, its children included."""
    def cpu():
        return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
    c, t = cpu(), time.perf_counter()
    f(*args)
    return time.perf_counter() - t, cpu() - c


def command(*args):
    subprocess.run([sys.executable, *map(str, args)], check=True, env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def shell_loop(ids, bestand, out):
    out.mkdir()
    for i in ids:
        command("-m", "papermill", batch.NOTEBOOK, out / f"{i}.ipynb", "-p", "bestand", bestand, "-p", "traeger_id", i,
                "-p", "quartal", QUARTER, "--no-progress-bar", "--start-timeout", "600")
        command("-m", "nbconvert", "--to", "html", "--no-input", out / f"{i}.ipynb")


def naive(ids, bestand, out):
    (out / "slim").mkdir(parents=True)
    (out / "slim" / "sitecustomize.py").write_text("import sys\nsys.modules['rfc3987_syntax'] = None\n")
    one = (f"{sys.executable} -m papermill {batch.NOTEBOOK} {out}/$0.ipynb -p bestand {bestand} -p traeger_id $0 -p quartal {QUARTER} "
           f"--no-progress-bar --start-timeout 600 && {sys.executable} -m nbconvert --to html --no-input {out}/$0.ipynb")
    subprocess.run(["xargs", "-n", "1", "-P", str(CORES), "sh", "-c", one], input="\n".join(ids), text=True, check=True,
                   capture_output=True, env={**ENV, "PYTHONPATH": f"{out / 'slim'}{os.pathsep}{ROOT}"})


def plain(args):
    i, bestand, out = args
    facts, mine = analyse(bestand, i, QUARTER), bestand.nur(i)
    origin = m.herkunft(mine, traeger_id=i, quartal=QUARTER, rueckblick_jahre=facts.rueckblick_jahre)
    show = sections.zeige(facts)
    parts = [sections.kopf(facts), *map(show, ("antworten", *sections.ABSCHNITTE)), sections.herkunft(facts, origin)]
    texts = [p.text for p in parts if p]
    cells = [nbf.new_code_cell("", outputs=[nbf.new_output("execute_result", {"text/html": t})]) for t in texts]
    (out / f"{i}.html").write_text(html.exportiere(nbf.new_notebook(cells=cells), i))
    m.schreibe_json(out / f"{i}.json", facts.kennzahlen())
    excel.schreibe(facts, out / f"{i}.xlsx", origin)
    if "interessenvertretung" in set(mine["verteiler"]["rolle"]):
        (out / f"{i}.coarse.html").write_text(coarse.seite(facts, origin))


def floor(ids, pfad, out):
    out.mkdir()
    bestand, _ = lies(pfad)
    batch.waerme()
    with get_context("fork").Pool(CORES, maxtasksperchild=None) as pool:
        pool.map(plain, [(i, bestand, out) for i in ids], chunksize=1)


def main(n):
    with tempfile.TemporaryDirectory() as d:
        ordner = Path(d)
        schreibe_demo(ordner / "bestand", providers=n, years=6, seed=2026, format="csv")
        bestand = ordner / "bestand"
        ids = lies(bestand)[0].traeger_ids
        sample, few = (ids[:: max(1, n // k)][:k] for k in (SAMPLE, NAIVE))
        quarter = ("-m", "traeger_lib.cli", "quarter", QUARTER, bestand, "--out", ordner / "aus")
        loop = [x * n / len(sample) for x in measured(shell_loop, sample, bestand, ordner / "schleife")]
        best = [x * n / len(few) for x in measured(naive, few, bestand, ordner / "naiv")]
        ours = measured(command, *quarter)
        again = measured(command, *quarter)
        low = measured(floor, ids, bestand, ordner / "boden")
    print(f"{n} providers, {CORES} cores, load {os.getloadavg()[0]:.1f}; the shell loop ran for {len(sample)}, the best naive way for "
          f"{len(few)}, and are scaled")
    print(f"{'':28}{'wall s':>9}{'CPU s':>9}{'CPU s a report':>17}")
    for name, (wall, cpu) in {"shell loop (scaled)": loop, "best naive (scaled)": best, "batch": ours, "batch, nothing changed": again,
                              "floor": low}.items():
        print(f"{name:28}{wall:9.1f}{cpu:9.1f}{cpu / n:17.2f}")
    print(f"shell loop / batch, wall: {loop[0] / ours[0]:.1f} (aim 10)    best naive / batch, wall: {best[0] / ours[0]:.1f} (aim 3.5)\n"
          f"batch / floor, CPU: {ours[1] / low[1]:.2f} (aim 1.4)    batch / floor, wall: {ours[0] / low[0]:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 24)
