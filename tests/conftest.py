"""Shared fixtures: the example Bestände, copies to break, and a finished batch."""

import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from traeger_lib.cli import app

ROOT = Path(__file__).resolve().parents[1]
collect_ignore = ["killing.py"]  # a program the tests start and kill, no test module
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def beispiel() -> Path:
    return ROOT / "data" / "beispiel"


@pytest.fixture
def kopie(tmp_path, beispiel) -> Path:
    """A copy of the example to change or break."""
    return Path(shutil.copytree(beispiel, tmp_path / "bestand"))


@pytest.fixture(scope="session")
def traeger():
    """Run a command as a user would; returns the result with exit code and output."""
    def run(*args):
        return CliRunner().invoke(app, [str(a) for a in args])
    return run
