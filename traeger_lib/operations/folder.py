"""A run folder: one batch at a time, a provider's folder whole or absent, what was sent kept for good.

In it, beside the providers' folders: `.sperre` (who works here), `.neu-ID.…` (being made, one for each attempt), `.alt-ID` (moved aside
for its successor), `.weg-ID` (being deleted), `ID.fassung-N` (sent, and corrected since), `postausgang` (messages as files).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from email import message_from_bytes
from pathlib import Path

from filelock import FileLock, Timeout

from traeger_lib.analysis.periods import Quartal
from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.inputs.schema import Bestand
from traeger_lib.operations import manifest as m

BERICHT, INTERESSENVERTRETUNG, PROTOKOLL = "bericht", "interessenvertretung", "protokoll"  # kinds of message
BEIWERK = ("fehler", "postausgang", "index.html", "versand.sqlite", "termine.ics", "lauf.json")  # beside the reports; lauf.json is last


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
                            "Bitte abwarten.") from None
    try:
        inhalt = {"prozess": os.getpid(), "rechner": socket.gethostname(), "seit": f"{datetime.now():%d.%m.%Y %H:%M:%S} Uhr"}
        datei.write_text(json.dumps(inhalt), encoding="utf-8")
        yield
    finally:
        schloss.release()


def kennung(bestand: Bestand, pfad: Path) -> str:
    """What identifies a Bestand over its reporting states: folder name, funder, and whether it is invented."""
    return f"{pfad.resolve().name} · {bestand.leistungstraeger}" + (" · erfunden" if bestand.erfunden else "")


def auswahl(bestand: Bestand, nur: Sequence[str]) -> list[str]:
    """The providers asked for, all where none is named; TraegerFehler where one is not known."""
    if fremd := sorted(set(nur) - set(bestand.traeger_ids)):
        raise TraegerFehler(f"Unbekannter Träger: {', '.join(fremd)}. Bekannt sind: {', '.join(bestand.traeger_ids)}.")
    return [i for i in bestand.traeger_ids if not nur or i in nur]


def gehoert_dazu(ziel: Path, bestand: Bestand, pfad: Path, q: Quartal) -> None:
    """Refuse a run folder that holds another Bestand or another quarter."""
    lauf = m.lies_json(ziel / "lauf.json")
    if lauf and (lauf.get("bestand") != kennung(bestand, pfad) or lauf.get("quartal") != str(q)):
        raise TraegerFehler(f"Der Ordner {ziel} gehört zu einem anderen Bestand oder Quartal ({lauf.get('bestand')}, "
                            f"{lauf.get('quartal')}). Mit --out einen anderen wählen; Ordner neuer Datenstände heißen wie der alte.")


def _weg(ordner: Path) -> None:
    """Remove a folder, or the link that stands for one."""
    if ordner.is_symlink():
        ordner.unlink()
    else:
        shutil.rmtree(ordner, ignore_errors=True)


def raeume_auf(ziel: Path) -> None:
    """Leftovers of killed runs: a report that was moved aside and has no successor returns, everything else unfinished goes."""
    for alt in ziel.glob(".alt-*"):
        endgueltig = ziel / alt.name.removeprefix(".alt-")
        if not endgueltig.exists():
            alt.rename(endgueltig)
    for muster in (".neu-*", ".alt-*", ".weg-*"):
        for rest in ziel.glob(muster):
            _weg(rest)
    for datei in ziel.glob(".*.neu"):
        datei.unlink(missing_ok=True)


def entferne(ordner: Path, daten: str = "") -> str:
    """Take a provider's folder away in one step, one that was sent to its place beside; returns what a reason then adds (`daten`: hash
    of today's)."""
    manifest = m.lies_json(ordner / "manifest.json") or {}
    if m.ist_versandt(ordner):
        ordner.rename(_archiviert(ordner))
        return " Die versandte Fassung bleibt erhalten."
    if not ordner.exists():
        return ""
    weg = ordner.with_name(f".weg-{ordner.name}")
    _weg(weg)
    ordner.rename(weg)
    _weg(weg)
    passt = manifest.get("fingerabdruck", {}).get("daten") == daten
    return f" Der bisherige Bericht {'' if passt else 'passt nicht mehr zu den Daten und '}wurde entfernt."


def fassung(ordner: Path) -> int:
    """Number of the version in a folder, also of a sent one whose manifest is lost."""
    return int((m.lies_json(ordner / "manifest.json") or m.lies_json(ordner / m.VERSANDT) or {}).get("fassung", 1))


def _archiviert(ordner: Path) -> Path:
    """`<traeger_id>.fassung-N` for the version in a folder."""
    return ordner.with_name(f"{ordner.name}.fassung-{fassung(ordner)}")


def versandte(ordner: Path) -> list[Path]:
    """The versions of a provider's report that were sent, the last one last: that is what a new report corrects."""
    erste = (m.lies_json(ordner / "manifest.json") or {}).get("fassung") == 1  # before it there was none
    aeltere = () if erste else ordner.parent.glob(f"{ordner.name}.fassung-*")
    return [*sorted(aeltere, key=lambda p: int(p.name.rpartition("-")[2])), *([ordner] if m.ist_versandt(ordner) else [])]


def versandt_am(ordner: Path) -> date | None:
    """Day on which a version was sent; None where it was not, or nobody noted it."""
    am = (m.lies_json(ordner / m.VERSANDT) or {}).get("am")
    return date.fromisoformat(am) if am else None


def vorgeschichte(ordner: Path) -> str:
    """„Fassung 2, Korrektur; Fassung 1 ging am 20.04.2026 hinaus“; empty where nothing was sent."""
    if not (gingen := versandte(ordner)):
        return ""
    ging = f"Fassung {fassung(gingen[-1])} ging{f' am {am:%d.%m.%Y}' if (am := versandt_am(gingen[-1])) else ''} hinaus"
    return ging if gingen[-1] == ordner or not ordner.exists() else f"Fassung {fassung(ordner)}, Korrektur; {ging}"


def entwuerfe(ziel: Path) -> Iterator[tuple[Path, str, str]]:
    """The drafts in the outbox: file, provider and kind, as their own headers say; copies of what was sent are none."""
    for datei in sorted((ziel / "postausgang").glob("*.eml")):
        with datei.open("rb") as eml:
            kopf = message_from_bytes(eml.read(2**16).partition(b"\r\n\r\n")[0])
        worte = str(kopf["X-Traegerbudget"]).split()
        if kopf["X-Unsent"] and len(worte) == 3:
            yield datei, worte[0], worte[2]


def setze_ein(neu: Path, endgueltig: Path) -> None:
    """Replace a folder by a complete new one: sync, move the old one aside (for good where it was sent), rename, sync, drop the old one.

    Killed between the renames, the next run brings the old one back (`raeume_auf`).
    """
    for pfad in neu.iterdir():
        m.sichere(pfad)
    m.sichere(neu)
    alt = endgueltig.with_name(f".alt-{endgueltig.name}")
    _weg(alt)
    if endgueltig.exists():
        endgueltig.rename(_archiviert(endgueltig) if m.ist_versandt(endgueltig) else alt)
    neu.rename(endgueltig)
    m.sichere(endgueltig.parent)
    _weg(alt)


def raeume_auf_nach(ziel: Path, traeger_id: str, daten: str) -> str:
    """Nothing of a provider whose process died stays where it could be taken for a report; returns what a reason then adds."""
    raeume_versuche(ziel, traeger_id)
    return max([entferne(ziel / n, daten) for n in (traeger_id, f".alt-{traeger_id}")], key=len)


def raeume_versuche(ziel: Path, traeger_id: str) -> None:
    """Whoever still works at this provider's report finds nothing to put into place (no id holds a full stop)."""
    for rest in ziel.glob(f".neu-{traeger_id}.*"):
        _weg(rest)


@dataclass(frozen=True, slots=True)
class Verfallen:
    """A run folder past retention: what goes (reports, sent or not, and what the commands wrote beside them), and what is not ours."""

    ordner: Path
    quartal: Quartal
    berichte: tuple[Path, ...]
    beiwerk: tuple[Path, ...]
    fremd: tuple[Path, ...]


def verfallen(wurzel: Path, jahre: int, heute: date) -> list[Verfallen]:
    """The run folders below `wurzel` whose quarter ended more than `jahre` years before `heute`."""
    gefunden = []
    for lauf in sorted(wurzel.rglob("lauf.json")):
        ordner, q = lauf.parent, Quartal.aus(str((m.lies_json(lauf) or {}).get("quartal", "")))
        bis = q.zeitraum.bis  # never 29 February
        if bis.replace(year=bis.year + jahre) < heute:
            berichte = sorted(p.parent for p in ordner.glob("[!.]*/manifest.json"))
            beiwerk = [ordner / n for n in BEIWERK if (ordner / n).exists()]
            fremd = sorted(p for p in ordner.iterdir() if p not in (*berichte, *beiwerk) and p.name[0] != ".")
            gefunden.append(Verfallen(ordner, q, tuple(berichte), tuple(beiwerk), tuple(fremd)))
    return gefunden


def loesche(faellig: Sequence[Verfallen]) -> None:
    """Remove what `verfallen` listed and nothing else. Killed in between, the next call finds the rest: lauf.json goes last."""
    for v in faellig:
        with sperre(v.ordner):
            raeume_auf(v.ordner)
            for pfad in (*v.berichte, *v.beiwerk):
                if pfad.is_dir():
                    weg = pfad.with_name(f".weg-{pfad.name}")
                    pfad.rename(weg)
                    shutil.rmtree(weg)
                else:
                    pfad.unlink()
        (v.ordner / ".sperre").unlink(missing_ok=True)
        if not any(v.ordner.iterdir()):
            v.ordner.rmdir()
