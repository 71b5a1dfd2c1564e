"""`bericht.pdf`: the report page printed by Chromium where one is installed. Tagged, with language, title and headings.

The page asks for nothing outside, so the browser runs offline. The same page and the same Chromium give the same bytes: the two dates
in the file are set to the Datenstand.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from datetime import date
from functools import cache
from pathlib import Path

from traeger_lib.inputs.faults import TraegerFehler

NAMEN = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
SCHALTER = ("--headless", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--no-first-run", "--no-default-browser-check", "--disable-extensions", "--no-pdf-header-footer",
            "--generate-pdf-document-outline", "--host-resolver-rules=MAP * ~NOTFOUND")


@cache
def chromium() -> str:
    """The browser's path: TRAEGER_CHROMIUM, or the first found. TraegerFehler where there is none."""
    pfad = os.environ.get("TRAEGER_CHROMIUM") or next(filter(None, map(shutil.which, NAMEN)), None)
    if not pfad or not shutil.which(pfad):
        raise TraegerFehler("Für --pdf wird Chromium gebraucht; auf diesem Rechner ist keines zu finden. Bitte Chromium installieren oder "
                            "seinen Pfad in TRAEGER_CHROMIUM angeben; ohne --pdf entstehen die Berichte wie sonst.")
    return pfad


def _frei() -> None:
    """Lift the report's memory limit for the browser, which maps far more than it uses."""
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (resource.getrlimit(resource.RLIMIT_AS)[1],) * 2)


def drucke(seite: Path, ziel: Path, stand: date, *, zeitlimit_s: int = 120) -> None:
    """Print a page as PDF. TraegerFehler where the browser fails."""
    wurzel = ("--no-sandbox",) if getattr(os, "geteuid", lambda: 1)() == 0 else ()  # as root Chromium refuses its sandbox
    with tempfile.TemporaryDirectory(prefix="traeger-pdf-", ignore_cleanup_errors=True) as profil:
        befehl = [chromium(), *SCHALTER, *wurzel, f"--user-data-dir={profil}", f"--print-to-pdf={ziel}", seite.absolute().as_uri()]
        try:
            subprocess.run(befehl, capture_output=True, timeout=zeitlimit_s, check=True, preexec_fn=_frei if os.name == "posix" else None)
        except (OSError, subprocess.SubprocessError):
            raise TraegerFehler("Chromium konnte den Bericht nicht als PDF drucken. Bitte ohne --pdf wiederholen.") from None
    if not ziel.exists():
        raise TraegerFehler("Chromium hat kein PDF geschrieben. Bitte ohne --pdf wiederholen.")
    fest = f"{stand:%Y%m%d}000000+00'00'".encode()
    ziel.write_bytes(re.sub(rb"(/(?:Creation|Mod)Date \(D:)\d{14}\+00'00'", rb"\g<1>" + fest, ziel.read_bytes()))
