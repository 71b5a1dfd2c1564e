"""A papermill engine without kernel start: the notebook runs in a child forked from this (warm) process.

`papermill --engine traeger in.ipynb out.ipynb` works for any Python notebook. The standard engine runs what this one cannot: another
kernel than `python3`, or a system without fork (Windows, macOS). Outputs equal the standard engine's (tests/test_engine.py), except:
file names of cells in warnings and tracebacks, and code that needs the event loop of
a kernel (`asyncio.create_task` without await, interaction with widgets, what an Output widget catches); `tqdm.auto` shows text. This
module stays light, because papermill imports every registered engine at its start.
"""

from __future__ import annotations

import builtins
import codecs
import getpass
import io
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any, ClassVar

from papermill.engines import Engine, NBClientEngine

CAN_FORK = hasattr(os, "fork") and sys.platform != "darwin"


class ForkEngine(Engine):  # type: ignore[misc]
    """Runs the cells in a forked child and copies their outputs back cell by cell."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, log_output: bool = False, stdout_file: Any = None,
                                 stderr_file: Any = None, start_timeout: int = 60, execution_timeout: int | None = None,
                                 memory_mb: int | None = None, failed_path: str | None = None,
                                 on_success: Callable[[dict[str, Any]], Any] | None = None,
                                 answers: list[Any] | None = None, **kwargs: Any) -> None:
        """Execute. `execution_timeout` is seconds per cell, `memory_mb` the address space the notebook may take beyond what this process
        has. Raises CellTimeoutError or DeadKernelError like the standard engine; out of memory is a MemoryError in the cell.

        `failed_path` is where a notebook goes whose kernel died or ran out of time, for callers that have papermill write the finished one
        only (`request_save_on_cell_execute=False`). `on_success` is called in the child with the notebook's names when all cells ran; what
        it returns is appended to `answers`. (The standard engine knows neither of these two and leaves them alone.)"""
        streams = {"log_output": log_output, "stdout_file": stdout_file, "stderr_file": stderr_file}
        try:
            if CAN_FORK and kernel_name in (None, "", "python3"):
                answer = _run_forked(nb_man, execution_timeout, memory_mb, on_success, **streams)
                if answers is not None:
                    answers.append(answer)
            else:
                NBClientEngine.execute_managed_notebook(
                    nb_man, kernel_name, start_timeout=start_timeout, execution_timeout=execution_timeout, **streams, **kwargs)
        except Exception:
            nb_man.output_path = nb_man.output_path or failed_path
            raise


def _run_forked(nb_man: Any, limit_s: int | None, memory_mb: int | None, on_success: Callable[[dict[str, Any]], Any] | None, *,
                log_output: bool, stdout_file: Any, stderr_file: Any) -> Any:
    """Fork, follow, reap; returns the child's answer."""
    from papermill.log import logger

    def tell(output: Any) -> None:
        """What --log-output, --stdout-file and --stderr-file ask for, after each cell."""
        if output.output_type == "stream":
            file = stdout_file if output.name == "stdout" else stderr_file
            if file:
                print(output.text, end="", file=file, flush=True)
            if log_output:
                (logger.info if output.name == "stdout" else logger.warning)(output.text)
    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    cells = [(i, c.source, c.metadata.get("tags", [])) for i, c in enumerate(nb_man.nb.cells) if c.cell_type == "code"]
    child = context.Process(target=_run_child, args=(theirs, cells, memory_mb, on_success))
    sys.stdout.flush()
    sys.stderr.flush()
    child.start()
    theirs.close()
    try:
        return _follow(nb_man, ours, limit_s, tell)
    finally:
        _kill_group(child)
        child.kill()
        child.join()
        ours.close()


def _kill_group(child: Any) -> None:
    """End a notebook's child with all that the notebook has started, where anything is left."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def end_at_once(*_: Any) -> None:
    """A worker's answer to SIGTERM: the notebook at work ends too. No exception, which could come where Python swallows it."""
    for child in active_children():
        _kill_group(child)
    os._exit(1)


def die_with_parent() -> None:
    """A child must not outlive its parent, or it would go on writing after the parent was killed (Linux; no effect elsewhere)."""
    if sys.platform == "linux":
        import ctypes
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def limit_memory(megabytes: int) -> None:
    """Let this process map so much more than it has."""
    import resource
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if sys.platform == "linux" else 0
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = mapped + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _follow(nb_man: Any, pipe: Any, limit_s: int | None, tell: Callable[[Any], None]) -> Any:
    """Read the child's messages and keep papermill's account of the notebook; every cell has `limit_s` seconds. Returns its answer."""
    import nbformat

    current, since = None, time.monotonic()
    try:
        while True:
            if limit_s and not pipe.poll(max(0.0, since + limit_s - time.monotonic())):
                from nbclient.exceptions import CellTimeoutError
                if current is not None:
                    nb_man.cell_exception(nb_man.nb.cells[current], current)
                raise CellTimeoutError.error_from_timeout_and_cell(  # type: ignore[no-untyped-call]
                    "Cell execution timed out", limit_s, nb_man.nb.cells[current or 0])
            kind, i, outputs, failed = pipe.recv()  # of the end: the answer
            if kind == "end":
                nb_man.nb.metadata.update(nbformat.from_dict(outputs))
                return failed
            cell = nb_man.nb.cells[i]
            if kind == "start":
                current, since = i, time.monotonic()
                cell.outputs, cell.execution_count = [], None
                nb_man.cell_start(cell, i)
                continue
            cell.execution_count = outputs.pop("count")
            for index, changed in outputs.items():
                nb_man.nb.cells[index].outputs = [nbformat.from_dict(o) for o in changed]
            for output in cell.outputs:
                tell(output)
            if failed:
                nb_man.cell_exception(cell, cell_index=i)
            nb_man.cell_complete(cell, cell_index=i)
    except EOFError:
        from nbclient.exceptions import DeadKernelError
        if current is not None:
            nb_man.cell_exception(nb_man.nb.cells[current], current)
        raise DeadKernelError("Kernel died") from None


def _run_child(pipe: Any, cells: list[tuple[int, str, list[str]]], memory_mb: int | None,
               on_success: Callable[[dict[str, Any]], Any] | None) -> None:
    """The child's whole life: one shell, all cells; ends without the parent's exit handlers."""
    code, answer = 0, None
    try:
        die_with_parent()
        os.setsid()  # a kernel's group is its own: it ends with all its processes, and Ctrl-C is the parent's business
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.register_at_fork(after_in_child=pipe.close)  # whoever holds it seems to be us
        recorder = Recorder()
        shell = _shell(recorder)
        if memory_mb:
            limit_memory(memory_mb)
        for i, source, tags in cells:
            pipe.send(("start", i, None, False))
            if not source.strip() or "skip-execution" in tags:
                empty: dict[Any, Any] = {"count": None, i: []}
                pipe.send(("done", i, empty, False))
                continue
            recorder.begin(i)
            result = shell.run_cell(source, store_history=True)
            sys.stdout.flush()
            broken = not result.success or any(o["output_type"] == "error" for o in recorder.outputs[i])
            failed = broken and "raises-exception" not in tags
            outputs: dict[Any, Any] = {"count": shell.execution_count - 1, **recorder.changed()}
            pipe.send(("done", i, outputs, failed))
            if failed:
                break
        else:
            answer = on_success(shell.user_ns) if on_success else None
        pipe.send(("end", 0, _metadata(), answer))
    except BrokenPipeError:
        code = 1  # the parent is gone or has given up on us
    except BaseException:
        code = 1  # no word to the parent: it sees a dead kernel
    finally:
        os._exit(code)


def _metadata() -> dict[str, Any]:
    """What a kernel adds to a notebook: its language, and the state of the widgets that were made."""
    found: dict[str, Any] = {"language_info": {
        "name": "python", "version": sys.version.split()[0], "mimetype": "text/x-python", "file_extension": ".py",
        "codemirror_mode": {"name": "ipython", "version": 3}, "pygments_lexer": "ipython3", "nbconvert_exporter": "python"}}
    widgets = sys.modules.get("ipywidgets")
    state = widgets.Widget.get_manager_state() if widgets else {}
    if state.get("state"):
        found["widgets"] = {"application/vnd.jupyter.widget-state+json": state}
    return found


class Recorder:
    """Collects notebook outputs per cell: streams, displays and their later updates, results, errors."""

    def __init__(self) -> None:
        self.outputs: dict[int, list[dict[str, Any]]] = {}
        self._touched: set[int] = set()
        self._by_id: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        self._clear = False
        self.cell = 0

    def begin(self, cell: int) -> None:
        self.outputs[cell] = []  # before it is the running one, to which another thread may write at any time
        self.cell, self._clear, self._touched = cell, False, {cell}

    def changed(self) -> dict[int, list[dict[str, Any]]]:
        """Outputs of every cell touched since `begin`."""
        return {i: self.outputs[i] for i in self._touched}

    def add(self, output: dict[str, Any], display_id: str | None = None) -> None:
        """Append an output to the running cell; a run of stream outputs holds each stream once."""
        if self._clear:
            self.outputs[self.cell], self._clear = [], False
        here = self.outputs[self.cell]
        for other in reversed(here if output["output_type"] == "stream" else []):
            if other["output_type"] != "stream":
                break
            if other["name"] == output["name"]:
                other["text"] += output["text"]
                return
        here.append(output)
        if display_id:
            self._by_id.setdefault(display_id, []).append((self.cell, output))

    def display(self, data: dict[str, Any], metadata: dict[str, Any] | None, transient: dict[str, Any] | None, update: bool) -> None:
        """display() or update_display(), and the same wherever that id was shown before."""
        display_id = (transient or {}).get("display_id")
        for cell, output in self._by_id.get(display_id or "", []):
            output["data"], output["metadata"] = data, metadata or {}
            self._touched.add(cell)
        if update:
            return
        self.add({"output_type": "display_data", "data": data, "metadata": metadata or {}}, display_id)

    def clear(self, wait: bool) -> None:
        """clear_output(): now, or at the next output."""
        self._clear = True
        if not wait:
            self.outputs[self.cell], self._clear = [], False


class _Stream(io.TextIOBase):
    """stdout or stderr of the child, as notebook output; with what others write to its file descriptor (C code, subprocesses, forks)."""

    encoding, errors = "UTF-8", "strict"  # type: ignore[assignment]
    _all: ClassVar[list[_Stream]] = []
    _lock = threading.RLock()

    def __init__(self, name: str, fd: int, add: Callable[[dict[str, Any]], None]) -> None:
        self.name, self._add = name, lambda text: add({"output_type": "stream", "name": name, "text": text})
        self._pid, self._fd, self._before, (self._pipe, write) = os.getpid(), fd, os.dup(fd), os.pipe()
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        os.set_blocking(self._pipe, False)
        os.dup2(write, fd)
        os.close(write)
        self._all.append(self)

    def fileno(self) -> int:
        """Where the stream went before, as a kernel's does."""
        return self._before

    def flush(self) -> None:
        """Take what others have written until now; nothing in a fork of the notebook's, which may have inherited the lock held."""
        if self._pid == os.getpid():
            with self._lock, suppress(BlockingIOError):
                while there := os.read(self._pipe, 2**16):
                    self._add(self._decode(there))

    @classmethod
    def watch(cls) -> None:
        """Thread: no writer must wait for a full pipe."""
        while True:
            select.select([s._pipe for s in cls._all], [], [])
            for stream in cls._all:
                stream.flush()

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text)}")
        if self._pid != os.getpid():  # a fork of the notebook's
            os.write(self._fd, text.encode(self.encoding, "replace"))
            return len(text)
        with self._lock:
            self.flush()
            if text:
                self._add(text)
        return len(text)

    def writable(self) -> bool:
        return True


def _shell(recorder: Recorder) -> Any:
    """An IPython shell whose every output goes to `recorder`; without history, without a terminal."""
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    os.environ.update(TERM="xterm-color", CLICOLOR="1", FORCE_COLOR="1", PAGER="cat", GIT_PAGER="cat")
    import logging

    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.error import StdinNotImplementedError
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Hook(DisplayHook):
        def __call__(self, result: Any = None) -> None:
            if result is None or self.quiet():
                return
            data, metadata = self.compute_format_data(result)
            self.update_user_ns(result)
            if data:
                recorder.add({"output_type": "execute_result", "data": data, "metadata": metadata, "execution_count": self.prompt_count})

    class Publisher(DisplayPublisher):
        def publish(self, data: dict[str, Any], metadata: dict[str, Any] | None = None, *args: Any, transient: dict[str, Any] | None = None,
                    update: bool = False, **kwargs: Any) -> None:
            recorder.display(deepcopy(data), deepcopy(metadata), transient, update)

        def clear_output(self, wait: bool = False) -> None:
            recorder.clear(wait)

    class ZMQInteractiveShell(InteractiveShell):
        """Named, configured and with a `kernel` (none) as what pandas and others take for a notebook."""

        displayhook_class, display_pub_class, kernel = Hook, Publisher, None
        system = InteractiveShell.system_piped

        def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
            sys.stdout.flush()
            recorder.add({"output_type": "error", "ename": str(etype.__name__), "evalue": str(evalue), "traceback": list(stb)})

        def enable_gui(self, gui: Any = None) -> None:
            """There is none."""

        def ask_exit(self) -> None:
            """`exit` in a notebook ends the cell, as it does under a kernel that is being waited for."""

    def no_input(was: str) -> Callable[..., str]:
        def refuse(prompt: object = "", stream: object = None) -> str:
            raise StdinNotImplementedError(f"{was} was called, but this frontend does not support input requests.")
        return refuse

    builtins.input, getpass.getpass = no_input("raw_input"), no_input("getpass")
    sys.breakpointhook = lambda *args, **kwargs: None  # nobody is there to debug
    if "pandas" in sys.modules:  # imported by the parent, outside a notebook
        sys.modules["pandas"].set_option("display.max_columns", 20)
    for cls in (ZMQInteractiveShell, InteractiveShell):
        cls.clear_instance()
    logging.getLogger().handlers.clear()  # the parent's handlers write to the parent's streams
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - lives as long as the child
    config = Config({"HistoryManager": {"enabled": False}, "IPKernelApp": {}})
    shell = ZMQInteractiveShell.instance(config=config)
    shell.set_hook("show_in_pager", lambda *args, **kwargs: None, 99)
    InteractiveShell._instance = shell  # type: ignore[assignment]
    sys.stdout, sys.stderr = _Stream("stdout", 1, recorder.add), _Stream("stderr", 2, recorder.add)  # type: ignore[assignment]
    threading.Thread(target=_Stream.watch, daemon=True).start()
    return shell
