"""What a report was made from, and whether it is still what it was: hashes of data, code and files.

A manifest is written last; a folder without one is not a report.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from traeger_lib import __version__
from traeger_lib.inputs.schema import Bestand

PAKETE = ("pandas", "numpy", "matplotlib", "papermill", "nbconvert", "XlsxWriter")
VERSANDT = "versandt.json"
RAHMEN = frozenset({"manifest.json", VERSANDT, ".DS_Store", "Thumbs.db"})  # beside the files of a manifest
INTERESSENVERTRETUNG = "bericht_interessenvertretung.html"  # where the Verteiler names that role
BERICHT_DATEIEN = ("bericht.ipynb", "bericht.html", "tabellen.xlsx", "kennzahlen.json", "parameter.yaml")


def sha256(pfad: Path) -> str:
    """Hash of a file."""
    with pfad.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


@cache
def code_pruefsumme() -> str:
    """Hash over the library's own files: any change of code or template makes reports stale."""
    wurzel = Path(__file__).resolve().parents[1]
    h = hashlib.sha256()
    for pfad in sorted(p for p in wurzel.rglob("*") if p.suffix in {".py", ".j2", ".json", ".css", ".toml"}):
        h.update(pfad.relative_to(wurzel).as_posix().encode() + b"\0" + pfad.read_bytes())
    return h.hexdigest()


def code_version() -> str:
    """„0.1.0 (Code 0123456789ab)“."""
    return f"{__version__} (Code {code_pruefsumme()[:12]})"


@cache
def paketversionen() -> dict[str, str]:
    """Versions of the packages that shape figures and files."""
    return {name: version(name) for name in PAKETE}


def fingerabdruck(daten: str, notebook: Path, parameter: Mapping[str, Any]) -> dict[str, str]:
    """What a report depends on, each as a hash; a re-run compares these and says which one changed."""
    return {"daten": daten, "notebook": sha256(notebook), "programm": code_pruefsumme(),
            "parameter": hashlib.sha256(json.dumps(parameter, sort_keys=True).encode()).hexdigest()}


def herkunft(bestand: Bestand, **parameter: str | int) -> dict[str, str]:
    """The provenance footer: Datenstand, data hash, code version, parameters. `bestand` holds one provider's data."""
    return {
        "Datenstand": f"{bestand.datenstand:%d.%m.%Y}", "Daten (Prüfsumme)": bestand.pruefsumme()[:12], "Programm": code_version(),
        "Parameter": ", ".join(f"{k} = {v}" for k, v in parameter.items()),
        **({"Achtung": "erfundene Beispieldaten"} if bestand.erfunden else {}),
    }


def sichere(pfad: Path) -> None:
    """Have the disk hold a file or a folder's entries before anything relies on them."""
    if pfad.is_dir() and os.name == "nt":
        return  # Windows syncs no folders
    fd = os.open(pfad, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def schreibe_bytes(pfad: Path, inhalt: bytes) -> None:
    """Write a file so that it is whole or absent: temporary file, fsync, rename."""
    neu = pfad.with_name(f".{pfad.name}.neu")
    try:
        neu.write_bytes(inhalt)
        if pfad.exists():
            shutil.copymode(pfad, neu)  # who may read it stays as it was
        sichere(neu)
        neu.replace(pfad)
    finally:
        neu.unlink(missing_ok=True)
    sichere(pfad.parent)


def schreibe_text(pfad: Path, inhalt: str) -> None:
    """Write text, whole or absent."""
    schreibe_bytes(pfad, inhalt.encode())


def ist_versandt(ordner: Path) -> bool:
    """True where this report was sent: `versandt.json` stands beside it. Such a folder is kept for good."""
    return (ordner / VERSANDT).exists()


def schreibe_json(pfad: Path, inhalt: Any) -> None:
    """Write JSON, whole or absent."""
    schreibe_text(pfad, json.dumps(inhalt, ensure_ascii=False, indent=1) + "\n")


def lies_json(pfad: Path) -> dict[str, Any] | None:
    """A JSON file's content, None where there is none or it is broken."""
    try:
        inhalt = json.loads(pfad.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return inhalt if isinstance(inhalt, dict) else None


def ist_vollstaendig(ordner: Path, manifest: Mapping[str, Any]) -> bool:
    """True where every file of the manifest is there with its hash."""
    dateien = manifest.get("dateien", {})
    return bool(dateien) and all((ordner / n).is_file() and sha256(ordner / n) == h for n, h in dateien.items())


def dateihashes(ordner: Path, namen: Iterable[str]) -> dict[str, str]:
    """File name → hash."""
    return {n: sha256(ordner / n) for n in namen}


def pruefe_archiv(wurzel: Path) -> tuple[int, list[str]]:
    """Every report below a folder against its manifest: how many there are, and one German line a difference."""
    ordner, fehler = [], []
    for pfad in sorted(wurzel.rglob("manifest.json")):
        hier = pfad.parent
        if hier.name.startswith((".neu-", ".alt-", ".weg-")):
            continue
        ordner.append(hier)
        name, manifest = hier.relative_to(wurzel).as_posix(), lies_json(pfad)
        dateien, fassung = (manifest or {}).get("dateien"), (manifest or {}).get("fassung", 1)
        if not isinstance(dateien, dict) or not dateien or not isinstance(fassung, int):
            fehler.append(f"{name}/manifest.json ist nicht lesbar oder unvollständig.")
            continue
        for datei, summe in sorted(dateien.items()):
            if not (hier / datei).is_file():
                fehler.append(f"{name}/{datei} fehlt.")
            elif sha256(hier / datei) != summe:
                fehler.append(f"{name}/{datei} wurde verändert.")
        fremd = {p.relative_to(hier).as_posix() for p in hier.rglob("*") if p.is_file()} - set(dateien) - RAHMEN
        fehler += [f"{name}/{datei} gehört nicht zum Bericht." for datei in sorted(fremd)]
        vorige = f"{hier.resolve().name.partition('.fassung-')[0]}.fassung-{fassung - 1}"
        if not vorige.endswith("-0") and not (hier.resolve().with_name(vorige) / "manifest.json").exists():
            fehler.append(f"{name}: Die versandte Fassung davor ({vorige}) fehlt.")
    ohne = [p.parent for p in sorted(wurzel.rglob(VERSANDT)) if not (p.parent / "manifest.json").exists()]
    fehler += [f"{o.relative_to(wurzel).as_posix()}/manifest.json fehlt." for o in ohne]
    for pfad in sorted(wurzel.rglob("lauf.json")):
        if (lauf := lies_json(pfad)) is None:
            fehler.append(f"{pfad.relative_to(wurzel).as_posix()} ist nicht lesbar.")
        for e in (lauf or {}).get("traeger", []):
            if e.get("stand") in ("fertig", "unverändert") and pfad.parent / e["traeger_id"] not in ordner:
                fehlt = (pfad.parent / e["traeger_id"]).relative_to(wurzel).as_posix()
                fehler.append(f"{fehlt}: Der Bericht fehlt, laut lauf.json ist er da.")
    return len(ordner), fehler
