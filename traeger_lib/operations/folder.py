"""A run folder: one batch at a time, a provider's folder whole or absent, what was sent kept for good.

In it, beside the providers' folders: `.sperre` (who works here), `.neu-ID` (being made), `.alt-ID` (moved aside for its successor),
`.weg-ID` (being deleted), `ID.fassung-N` (sent, and corrected since).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.operations import manifest as m


@contextmanager
def sperre(ziel: Path) -> Iterator[None]:
    """One batch a folder. The system frees the lock of a dead process; who holds it stands in the file."""
    datei = ziel / ".sperre"
    wer = m.lies_json(datei) or {}
    schloss = FileLock(datei)
    try:
        schloss.acquire(timeout=0)
    except Timeout:
        prozess, rechner, seit = (wer.get(k, "unbekannt") for k in ("prozess", "rechner", "seit"))
        raise TraegerFehler(f"Im Ordner {ziel} läuft schon ein Lauf (Prozess {prozess} auf {rechner}, seit {seit}). "
                            "Bitte abwarten oder mit --out einen anderen Ordner wählen.") from None
    try:
        inhalt = {"prozess": os.getpid(), "rechner": socket.gethostname(), "seit": f"{datetime.now():%d.%m.%Y %H:%M:%S} Uhr"}
        datei.write_text(json.dumps(inhalt), encoding="utf-8")
        yield
    finally:
        schloss.release()


def raeume_auf(ziel: Path) -> None:
    """Leftovers of killed runs: a report that was moved aside and has no successor returns, everything else unfinished goes."""
    for alt in ziel.glob(".alt-*"):
        endgueltig = ziel / alt.name.removeprefix(".alt-")
        if not endgueltig.exists():
            alt.rename(endgueltig)
    for muster in (".neu-*", ".alt-*", ".weg-*"):
        for rest in ziel.glob(muster):
            shutil.rmtree(rest, ignore_errors=True)
    for datei in ziel.glob(".*.neu"):
        datei.unlink(missing_ok=True)


def entferne(ordner: Path) -> None:
    """Take a provider's folder away in one step; one that was sent is kept beside as its version."""
    if m.ist_versandt(ordner):
        ordner.rename(_archiviert(ordner))
    elif ordner.exists():
        weg = ordner.with_name(f".weg-{ordner.name}")
        shutil.rmtree(weg, ignore_errors=True)
        ordner.rename(weg)
        shutil.rmtree(weg, ignore_errors=True)


def _archiviert(ordner: Path) -> Path:
    """`<traeger_id>.fassung-N` for the version in a folder."""
    return ordner.with_name(f"{ordner.name}.fassung-{(m.lies_json(ordner / 'manifest.json') or {}).get('fassung', 1)}")


def vorgaenger(ordner: Path) -> Path | None:
    """The version that was sent last, which a new report corrects; None where nothing was sent."""
    if m.ist_versandt(ordner):
        return ordner
    return max(ordner.parent.glob(f"{ordner.name}.fassung-*"), key=lambda p: int(p.name.rpartition("-")[2]), default=None)


def setze_ein(neu: Path, endgueltig: Path) -> None:
    """Replace a folder by a complete new one: sync, move the old one aside (for good where it was sent), rename, sync, drop the old one.

    Killed between the renames, the next run brings the old one back (`raeume_auf`).
    """
    for pfad in neu.iterdir():
        m.sichere(pfad)
    m.sichere(neu)
    alt = endgueltig.with_name(f".alt-{endgueltig.name}")
    shutil.rmtree(alt, ignore_errors=True)
    if endgueltig.exists():
        endgueltig.rename(_archiviert(endgueltig) if m.ist_versandt(endgueltig) else alt)
    neu.rename(endgueltig)
    m.sichere(endgueltig.parent)
    shutil.rmtree(alt, ignore_errors=True)


def raeume_auf_nach(ziel: Path, traeger_id: str) -> None:
    """Nothing of a provider whose process died stays where it could be taken for a report."""
    entferne(ziel / traeger_id)
    for rest in (ziel / f".neu-{traeger_id}", ziel / f".alt-{traeger_id}"):
        if m.ist_versandt(rest):
            rest.rename(_archiviert(ziel / traeger_id))
        shutil.rmtree(rest, ignore_errors=True)
