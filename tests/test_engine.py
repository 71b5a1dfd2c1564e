"""The forked engine against papermill's standard engine on nasty notebooks; limits, dead children, the command line."""

import json
import multiprocessing
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import papermill
import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook

from traeger_lib.operations import engine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="fork")
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}

# every cell runs in one notebook and its outputs are compared one by one; a name for each, so that a failure says what differs
CELLS = {
    "result": "1 + 1",
    "none": "None",
    "quiet": "3;",
    "empty": "",
    "blank": "  \n",
    "comment": "# nothing",
    "print": "print('a'); print('b', end='')",
    "interleaved": "import sys\nfor i in range(3):\n    print('o', i); print('e', i, file=sys.stderr)",
    "print_display": "print('vor'); display('x'); print('nach'); 'ergebnis'",
    "warning": "import warnings\nwarnings.warn('achtung')",
    "logging": "import logging\nlogging.warning('eins'); logging.getLogger('x').error('zwei')",
    "basic_config": "logging.basicConfig(level='INFO', force=True, format='%(message)s'); logging.info('drei')",
    "display_id": "h = display('alt', display_id=True)",
    "display_text": "display('fest', display_id='f1'); display('fest2', display_id='f1')",
    "update_other_cell": "h.update('neu'); print('danach')",
    "update_twice": "from IPython.display import update_display\nupdate_display('f-neu', display_id='f1')",
    "update_unknown": "try:\n    update_display('x', display_id='nie')\nexcept Exception as e:\n    print(type(e))",
    "mutated_after": "d = {'text/plain': 'eins'}\ndisplay(d, raw=True)\nd['text/plain'] = 'zwei'",
    "clear": "from IPython.display import clear_output\nprint('weg'); clear_output(); print('da')",
    "clear_wait": "print('weg'); clear_output(wait=True); print('da')",
    "clear_wait_last": "print('bleibt'); clear_output(wait=True)",
    "clear_other_cell": "print('x'); clear_output(wait=True); h.update('neuer'); display('y')",
    "html": "from IPython.display import HTML, Markdown, Image\ndisplay(HTML('<b>1</b>')); Markdown('# 2')",
    "pandas": "import pandas as pd\npd.DataFrame({'a': [1, 2]})",
    "large": "print('0123456789' * 300_000)",
    "many_lines": "for i in range(20_000): print(i)",
    "surrogate": "print('ä€😀')",
    "shell": "!echo hallo; echo fehler >&2",
    "shell_capture": "x = !printf 'a\\nb'\nx",
    "bash": "%%bash\necho eins\necho zwei >&2",
    "capture": "%%capture c\nprint('still'); display(1)",
    "capture_show": "c.stdout",
    "redirect": "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as s:\n    print('drin')\ns.getvalue()",
    "figure": "%matplotlib inline\nimport matplotlib.pyplot as plt\nfig, ax = plt.subplots(); ax.plot([1, 2]);",
    "two_figures": "for i in range(2):\n    plt.figure(); plt.plot([i, 1])\n    plt.show()",
    "closed_figure": "plt.plot([1]); plt.close('all')",
    "history": "_, Out[max(Out)], len(In) > 3",
    "magic": "x = %pwd\nget_ipython().run_line_magic('config', 'InlineBackend.figure_formats');",
    "thread": "import threading\nt = threading.Thread(target=lambda: print('faden')); t.start(); t.join()",
    "await": "import asyncio\nawait asyncio.sleep(0.01); 'gewartet'",
    "getpass": "try:\n    input('?')\nexcept Exception as e:\n    print(type(e).__name__, e, 'keine Eingabe')",
    "name": "__name__, __doc__ is None, 'get_ipython' in globals()",
    "fork": "from multiprocessing import get_context\np = get_context('fork').Process(target=int); p.start(); p.join(); p.exitcode",
    "subprocess": "import os, subprocess, time\nsubprocess.run(['sh', '-c', 'echo c-ebene'], check=True); time.sleep(0.3)",
    "os_write": "os.write(1, b'roh\\n'); os.write(2, b'roh-fehler\\n'); time.sleep(0.3)",
    "flood": "subprocess.run(['sh', '-c', 'seq 30000; echo ä'], check=True); time.sleep(0.5)",
    "fork_prints": "p = get_context('fork').Process(target=print, args=('Kind',)); p.start(); p.join(); time.sleep(0.3)",
    "fileno": "import faulthandler\nfaulthandler.enable()\nsubprocess.run(['true'], stdout=sys.stdout, stderr=sys.stderr).returncode",
    "no_password": "import getpass\ntry:\n    getpass.getpass('?')\nexcept Exception as e:\n    print(type(e).__name__, e)",
    "breakpoint": "breakpoint()",
    "pager": "len?",
    "shown_again": "h = display('eins', display_id=True); h.display('zwei')",
    "in_a_notebook": "import pandas as pd\npd.DataFrame([range(30)]), type(get_ipython()).__name__, pd.get_option('display.max_columns')",
    "wide": "pd.DataFrame([range(30)])",
    "environment": "[os.environ.get(n) for n in ('TERM', 'CLICOLOR', 'FORCE_COLOR', 'PAGER', 'GIT_PAGER', 'MPLBACKEND')]",
    "signals": "import signal\nsignal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.getsignal(signal.SIGTERM)",
    "skipped": "print('nie')",
    "isatty": "sys.stdout.isatty(), sys.stdout.encoding, sys.stdout.writable(), sys.stdin is None",
    "expected": "1 / 0",
    "after": "print('weiter')",
    "future": "from __future__ import annotations\nglobals()['annotations'].optional is not None",
    "exit_in_function": "try:\n    sys.exit(3)\nexcept SystemExit as e:\n    print('gefangen', e.code)",
}
WIDGETS = ["import ipywidgets as w\nw.IntSlider(5)", "w.VBox([w.Text('a')])"]
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
# a notebook each, because they end it
ENDS = {
    "exception": ["x = 1", "raise ValueError('falsch')", "print('nie')"],
    "repr_html_error": ["class K:\n    def _repr_html_(self): raise ValueError('repr')\n    def __repr__(self): return 'K'\nK()", "1"],
    "syntax": ["x = = 1"],
    "keyboard": ["raise KeyboardInterrupt"],
    "base_exception": ["class B(BaseException): pass\nraise B('b')"],
    "sys_exit": ["import sys\nprint('a'); sys.exit(1)", "print('nie')"],
    "sys_exit_text": ["import sys\nsys.exit('Abbruch')", "print('nie')"],
    "sys_exit_0": ["import sys\nsys.exit(0)", "print('nie')"],
    "system_exit": ["raise SystemExit", "print('nie')"],
    "exit": ["print('a'); exit()\nprint('b')", "print('c')"],
    "exit_last": ["print('a')\nexit()"],
    "usage_error": ["%nichtda\n1", "1"],
    "config_first": ["%config InlineBackend.figure_formats = ['svg']", "1"],
    "kill": ["print('a')", "import os\nos.kill(os.getpid(), 9)"],
    "os_exit": ["import os\nos._exit(0)", "print('nie')"],
}


def notebook(sources, tags=None):
    cells = [new_code_cell(s, id=f"c{i}", metadata={"tags": (tags or {}).get(i, [])}) for i, s in enumerate(sources)]
    return new_notebook(cells=cells, metadata=KERNEL)


RUNNER = """
import json, sys, papermill
for engine, inn, out in json.loads(sys.argv[1]):
    try:
        papermill.execute_notebook(inn, out, engine_name=engine, progress_bar=False, execution_timeout=60)
        print("RESULT", json.dumps(["", ""]))
    except Exception as e:
        print("RESULT", json.dumps([type(e).__name__, getattr(e, "ename", "")]))
"""


def run(path, sources, tags=None, **kwargs):
    """The notebook run by our engine in this process: the notebook, and the exception (None where there is none)."""
    nbformat.write(notebook(sources, tags), path)
    out, error = path.with_name("out.ipynb"), None
    try:
        papermill.execute_notebook(str(path), str(out), engine_name="traeger", progress_bar=False, **{"execution_timeout": 60, **kwargs})
    except Exception as e:
        error = e
    return nbformat.read(out, 4), error


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Every notebook of the corpus by both engines, each engine in one fresh process: name → [(notebook, (exception, its ename))] * 2."""
    folder = tmp_path_factory.mktemp("engine")
    tags = {list(CELLS).index("expected"): ["raises-exception"], list(CELLS).index("skipped"): ["skip-execution"]}
    env = {k: w for k, w in os.environ.items() if k != "PYTEST_CURRENT_TEST"}  # which keeps a kernel from watching file descriptors
    sources = {"corpus": list(CELLS.values()), **ENDS, "widgets": WIDGETS}
    for name, cells in sources.items():
        nbformat.write(notebook(cells, tags if name == "corpus" else None), folder / f"{name}.ipynb")
    sides = []
    for side in ("traeger", "nbclient"):
        jobs = [(side, str(folder / f"{n}.ipynb"), str(folder / f"{n}-{side}.ipynb")) for n in sources]
        sides.append(subprocess.Popen([sys.executable, "-c", RUNNER, json.dumps(jobs)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                      text=True, env=env))
    ends = [[tuple(json.loads(z[7:])) for z in p.communicate(timeout=240)[0].splitlines() if z.startswith("RESULT")] for p in sides]
    return {n: [(nbformat.read(folder / f"{n}-{e}.ipynb", 4), end[k]) for e, end in zip(("traeger", "nbclient"), ends, strict=True)]
            for k, n in enumerate(sources)}


def plain(cell):
    """A cell's outputs without what differs by nature: file names of cells, addresses, frames of a traceback, how a stream is cut."""
    found = []
    for o in cell.get("outputs", []):
        if found and o.output_type == "stream" and found[-1].get("name") == o.name:
            found[-1]["text"] += o.text
        else:
            found.append({k: v for k, v in o.items() if k != "traceback"})
    strip = r"0x[0-9a-f]+|(/tmp/ipykernel_\d+/\d+\.py|<ipython-input-[^>]*>)(?=:\d)|(?<=\()[^(]*(?=, line \d+\))|at \d+ms"
    return [re.sub(strip, "…", repr(o)) for o in found]


@pytest.fixture(scope="module")
def both(pairs):
    for nb, _ in pairs["corpus"]:  # papermill's own remarks on the error
        nb.cells = [c for c in nb.cells if "papermill-error-cell-tag" not in c.metadata.get("tags", [])]
    return [nb for nb, _ in pairs["corpus"]]


@pytest.mark.parametrize("name", CELLS)
def test_a_cells_outputs_equal_the_standard_engines(both, name):
    i = list(CELLS).index(name)
    ours, standard = (nb.cells[i] for nb in both)
    sides = [plain(c) for c in (ours, standard)]
    if name in ("shell", "bash", "subprocess", "os_write", "interleaved"):  # order between the streams is the system's
        sides = [sorted(s) for s in sides]
    assert sides[0] == sides[1]
    assert ours.execution_count == standard.execution_count


def test_the_notebooks_own_metadata_are_equal(both, pairs):
    # the tag lets the cells after it run; papermill tells of the error all the same
    assert [end for _, end in pairs["corpus"]] == [("PapermillExecutionError", "ZeroDivisionError")] * 2
    ours, standard = ({k: v for k, v in nb.metadata.items() if k not in ("papermill", "widgets")} for nb in both)
    assert ours == standard
    for a, b in zip(both[0].cells, both[1].cells, strict=True):
        a, b = a.metadata.papermill, b.metadata.papermill
        assert (a.status, a.exception) == (b.status, b.exception)


@pytest.mark.parametrize("name", ENDS)
def test_an_ending_is_the_standard_engines_ending(pairs, name):
    (ours, end1), (standard, end2) = pairs[name]
    # after exit() the standard engine sees the kernel die, or not, as the machine has time
    assert end1 == end2 or (name == "exit" and end2[0] == "DeadKernelError")
    assert [plain(c) for c in ours.cells] == [plain(c) for c in standard.cells]


def test_widgets_keep_their_state(pairs):
    (ours, _), (standard, _) = pairs["widgets"]
    states = [sorted((m["model_name"], str(m["state"].get("value"))) for m in nb.metadata.widgets[WIDGET_STATE]["state"].values())
              for nb in (ours, standard)]
    assert states[0] == states[1] and ("IntSliderModel", "5") in states[0]
    shown = [[list(o.get("data", {})) for c in nb.cells for o in c.outputs] for nb in (ours, standard)]
    assert shown[0] == shown[1]


def test_the_time_limit_is_an_error_and_ends_the_child(tmp_path):
    beginn = time.monotonic()
    nb, error = run(tmp_path / "nb.ipynb", ["print('a')", "import time\ntime.sleep(60)", "print('nie')"], execution_timeout=1)
    assert isinstance(error, CellTimeoutError) and time.monotonic() - beginn < 20
    assert nb.cells[0].outputs and not nb.cells[2].outputs


def test_a_killed_child_is_an_error(tmp_path):
    _, error = run(tmp_path / "nb.ipynb", ["import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "1"])
    assert isinstance(error, DeadKernelError)
    fork = "from multiprocessing import get_context\nget_context('fork').Process(target=time.sleep, args=(50,)).start()"
    _, error = run(tmp_path / "nb.ipynb", [f"import os, time\n{fork}\nos.kill(os.getpid(), 9)", "1"], execution_timeout=40)
    assert isinstance(error, DeadKernelError)  # although one of its own lives on and holds what it held


@pytest.mark.parametrize("limit", [1, 60])
def test_what_a_notebook_has_started_ends_with_it(tmp_path, limit):
    cells = ["import subprocess, time\np = subprocess.Popen(['sleep', '500'])\nprint(p.pid)", "time.sleep(70)" if limit == 1 else "1"]
    nb, error = run(tmp_path / "nb.ipynb", cells, execution_timeout=limit)
    assert (error is None) == (limit > 1)
    ende = time.monotonic() + 10
    while (stat := Path(f"/proc/{int(nb.cells[0].outputs[0].text)}/stat")).exists() and stat.read_text().split()[2] != "Z":
        assert time.monotonic() < ende
        time.sleep(0.05)


def test_a_fork_of_the_notebook_does_not_wait_for_a_lock_that_was_held(tmp_path):
    cell = """import os, sys, threading, time
def hold():
    with sys.stdout._lock:
        time.sleep(1)
threading.Thread(target=hold).start(); time.sleep(0.2)
if not (pid := os.fork()):
    sys.stdout.flush()
    os._exit(0)
os.waitpid(pid, 0)"""
    assert run(tmp_path / "nb.ipynb", [cell], execution_timeout=20)[1] is None


def test_the_memory_limit_is_an_error_and_a_generous_one_is_none(tmp_path):
    _, error = run(tmp_path / "nb.ipynb", ["x = bytearray(600 * 2**20)", "print('nie')"], memory_mb=400)
    assert isinstance(error, papermill.PapermillExecutionError) and error.ename == "MemoryError"
    _, error = run(tmp_path / "nb.ipynb", ["import numpy as np\nx = np.ones(600 * 2**17)", "print('nie')"], memory_mb=400)
    assert isinstance(error, papermill.PapermillExecutionError) and "MemoryError" in error.ename
    assert run(tmp_path / "nb.ipynb", ["x = bytearray(300 * 2**20); len(x)"], memory_mb=1000)[1] is None


def test_nothing_of_a_notebook_stays_in_the_parent(tmp_path):
    run(tmp_path / "nb.ipynb", ["import sys, os, logging\nsys.spur = 1; os.environ['SPUR'] = '1'; logging.basicConfig(level=1)"])
    nb, error = run(tmp_path / "nb.ipynb", ["import sys, os\nhasattr(sys, 'spur'), 'SPUR' in os.environ"])
    assert error is None and nb.cells[0].outputs[0].data["text/plain"] == "(False, False)"
    assert not hasattr(sys, "spur") and multiprocessing.active_children() == []


def test_other_kernels_go_to_the_standard_engine(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(engine.NBClientEngine, "execute_managed_notebook", lambda nb_man, kernel_name, **k: calls.append(kernel_name))
    run(tmp_path / "nb.ipynb", ["1"], kernel_name="julia", language="python")
    monkeypatch.setattr(engine, "CAN_FORK", False)
    run(tmp_path / "nb.ipynb", ["1"])
    assert calls == ["julia", "python3"]


def test_papermills_own_command_line(tmp_path):
    cells = ["a = 1", "import sys\nprint('wert', a); print('fehler', file=sys.stderr)"]
    nbformat.write(notebook(cells, {0: ["parameters"]}), tmp_path / "n.ipynb")
    command = [sys.executable, "-m", "papermill", "--engine", "traeger", "--no-progress-bar", "--log-output", "--stdout-file", "o.txt",
               "--stderr-file", "e.txt", "-p", "a", "7"]
    r = subprocess.run([*command, "n.ipynb", "x.ipynb"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert r.returncode == 0 and "wert 7" in r.stderr
    assert ((tmp_path / "o.txt").read_text(), (tmp_path / "e.txt").read_text()) == ("wert 7\n", "fehler\n")
    nbformat.write(notebook(["import os\nos._exit(0)"]), tmp_path / "n.ipynb")
    r = subprocess.run([*command[:6], "n.ipynb", "x.ipynb"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert r.returncode != 0 and "DeadKernelError" in r.stderr
