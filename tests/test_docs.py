"""The handbook: its generated page is current, every link leads somewhere, its commands run, and the site can be built."""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import html5lib
import pytest

ROOT = Path(__file__).resolve().parents[1]
BAUEN = runpy.run_path(str(ROOT / "docs" / "bauen.py"))
TEXTE = [ROOT / "README.md", *(p for p in sorted((ROOT / "docs").glob("*.md")) if p.name != "methodenhandbuch.md")]


def befehle(pfad: Path) -> list[str]:
    """Commands of the fenced `console` blocks, which stand behind a dollar sign."""
    bloecke = re.findall(r"^ *```console\n(.*?)^ *```", pfad.read_text(encoding="utf-8"), re.S | re.M)
    return [z.strip()[2:] for b in bloecke for z in b.splitlines() if z.strip().startswith("$ ")]


def test_the_handbook_of_methods_is_current():
    assert (ROOT / "docs" / "methodenhandbuch.md").read_text(encoding="utf-8") == BAUEN["methodenhandbuch"](), "make dictionary"


def test_every_page_is_listed_and_valid(tmp_path):
    namen = {p.stem for p in (ROOT / "docs").glob("*.md")}
    assert namen | {"datenwoerterbuch"} == set(BAUEN["SEITEN"])
    for name in BAUEN["SEITEN"]:
        text = BAUEN["seite"](name)
        html5lib.HTMLParser(strict=True).parse(text)
        (tmp_path / f"{name}.html").write_text(text, encoding="utf-8")
        for ziel in re.findall(r'href="([^"#]+)', text):
            assert ziel.startswith("https://") or ziel.removesuffix(".html") in BAUEN["SEITEN"], f"{name}: {ziel}"


@pytest.mark.parametrize("pfad", [*TEXTE, ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md"], ids=lambda p: p.name)
def test_links_lead_somewhere(pfad):
    for ziel in re.findall(r"\]\(([^)#\s]+)\)", pfad.read_text(encoding="utf-8")):
        assert ziel.startswith("https://") or (pfad.parent / ziel).exists(), f"{pfad.name}: {ziel}"


@pytest.mark.parametrize("pfad", TEXTE, ids=lambda p: p.name)
def test_the_commands_run(pfad, tmp_path):
    """As printed, one after the other, in a folder like the one a newcomer stands in."""
    liste = befehle(pfad)
    for ordner in ("data/beispiel", "notebooks", "parameterized_runs/szenarien/beispiel"):
        shutil.copytree(ROOT / ordner, tmp_path / ordner)
    for befehl in liste:
        teile = shlex.split(befehl)
        assert teile[0] == "traeger", f"{pfad.name}: {befehl} kann hier nicht laufen; bitte als sh-Block zeigen"
        code = "from traeger_lib.cli import main; main()"
        r = subprocess.run([sys.executable, "-c", code, *teile[1:]], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert r.returncode == 0, f"{befehl}\n{r.stdout}\n{r.stderr}"
