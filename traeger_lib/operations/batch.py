"""One evening, all providers: run the quarter's notebook per provider, export, and put each folder in place whole or not at all.

Not here: what a report says (`reporting`), how commands look (`cli`).
"""

from __future__ import annotations

import gc
import os
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import papermill  # before our engine: papermill imports every registered engine itself

from traeger_lib.analysis.periods import Quartal
from traeger_lib.inputs.faults import Fehler, Fehlerliste, TraegerFehler
from traeger_lib.inputs.reading import lies
from traeger_lib.inputs.schema import Bestand
from traeger_lib.operations import engine
from traeger_lib.operations import manifest as m

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "quartalsbericht.ipynb"
FERTIG, UNVERAENDERT, FEHLGESCHLAGEN = "fertig", "unverändert", "fehlgeschlagen"
ZEICHEN = {FERTIG: "●", UNVERAENDERT: "○", FEHLGESCHLAGEN: "✕"}


@dataclass(frozen=True, slots=True)
class Auftrag:
    """One provider's job: plain values, so that it can go to another process or machine."""

    traeger_id: str
    quartal: str
    bestand: str
    notebook: str
    ziel: str
    zeitlimit_s: int
    fingerabdruck: dict[str, str]


@dataclass(frozen=True, slots=True)
class Ergebnis:
    """What became of one provider: state, the strongest sentence, why (the reason of a redo or of a failure), seconds."""

    traeger_id: str
    name: str
    stand: str
    satz: str = ""
    grund: str = ""
    sekunden: float = 0.0


def quartal(q: Quartal, bestand_pfad: Path, ziel: Path, *, nur: Sequence[str] = (), jobs: int | None = None, erzwingen: bool = False,
            nur_fehlgeschlagene: bool = False, zeitlimit_s: int = 600,
            melde: Callable[[Ergebnis, int, int], None] = lambda e, i, n: None) -> list[Ergebnis]:
    """Run the reports of a quarter into `ziel`; returns one result a provider, in order of their ids.

    `melde` is called after each provider with (result, done, total). Raises TraegerFehler or Fehlerliste where nothing
    can run at all: unknown provider, faulty structure, a folder that belongs to another Bestand.
    """
    beginn = time.perf_counter()
    bestand, fehler = lies(bestand_pfad)
    ids = _auswahl(bestand, nur)
    _gehoert_dazu(ziel, bestand, bestand_pfad, q)
    ziel.mkdir(parents=True, exist_ok=True)
    for rest in ziel.glob(".neu-*"):
        shutil.rmtree(rest, ignore_errors=True)
    alt = {e["traeger_id"]: e for e in (m.lies_json(ziel / "lauf.json") or {}).get("traeger", [])}
    if nur_fehlgeschlagene:
        ids = [i for i in ids if alt.get(i, {}).get("stand") == FEHLGESCHLAGEN]
    namen = dict(zip(bestand["traeger"]["traeger_id"], bestand["traeger"]["name"], strict=True))
    ergebnisse: dict[str, Ergebnis] = {}
    auftraege: list[tuple[int, Auftrag, str]] = []
    for i in ids:
        gesperrt = [f for f in fehler if f.traeger_id == i]
        if gesperrt:
            ergebnisse[i] = Ergebnis(i, namen[i], FEHLGESCHLAGEN, grund=_erster(gesperrt))
            shutil.rmtree(ziel / i, ignore_errors=True)
            continue
        eigene = bestand.nur(i)
        abdruck = m.fingerabdruck(eigene.pruefsumme(), NOTEBOOK, {"quartal": str(q)})
        grund = "erzwungen" if erzwingen else _warum_neu(ziel / i, abdruck)
        if grund:
            auftrag = Auftrag(i, str(q), str(bestand_pfad), str(NOTEBOOK), str(ziel), zeitlimit_s, abdruck)
            auftraege.append((len(eigene["faelle"]), auftrag, grund))
        else:
            alte = m.lies_json(ziel / i / "manifest.json") or {}
            ergebnisse[i] = Ergebnis(i, namen[i], UNVERAENDERT, satz=alte.get("satz", ""))
    fertig, gesamt = 0, len(ids)
    for e in ergebnisse.values():
        fertig += 1
        melde(e, fertig, gesamt)
    auftraege.sort(key=lambda a: (-a[0], a[1].traeger_id))  # the largest first, so that none is late at the end
    gruende = {a.traeger_id: g for _, a, g in auftraege}
    for e in _fuehre_aus([a for _, a, _ in auftraege], namen, jobs or os.cpu_count() or 1):
        ergebnisse[e.traeger_id] = e if e.grund else Ergebnis(**{**asdict(e), "grund": gruende[e.traeger_id]})
        fertig += 1
        melde(ergebnisse[e.traeger_id], fertig, gesamt)
    geordnet = [ergebnisse[i] for i in sorted(ergebnisse)]
    _schreibe_lauf(ziel, q, bestand, bestand_pfad, geordnet, alt, time.perf_counter() - beginn)
    return geordnet


def _fuehre_aus(auftraege: list[Auftrag], namen: dict[str, str], jobs: int) -> Iterator[Ergebnis]:
    """Run each job in a process of its own, `jobs` at once, and yield results as they come.

    Where the system can fork, the children inherit this warm process; a child that dies fails its own provider only.
    """
    if engine.CAN_FORK:
        _waerme()
    kontext = get_context("fork" if engine.CAN_FORK else "spawn")
    warten = list(auftraege)
    laufend: dict[Any, tuple[Auftrag, Any]] = {}
    while warten or laufend:
        while warten and len(laufend) < jobs:
            a = warten.pop(0)
            lesen, schreiben = kontext.Pipe(duplex=False)
            kind = kontext.Process(target=_kind, args=(a, schreiben))  # type: ignore[attr-defined]
            kind.start()
            schreiben.close()
            laufend[lesen] = (a, kind)
        fertig: list[Any] = wait(list(laufend))
        for rohr in fertig:
            a, kind = laufend.pop(rohr)
            try:
                yield rohr.recv()
            except EOFError:
                grund = "Der Rechenprozess wurde beendet (Speicher?); bitte mit --retry-failed wiederholen."
                yield Ergebnis(a.traeger_id, namen[a.traeger_id], FEHLGESCHLAGEN, grund=grund)
            kind.join()


def _waerme() -> None:
    """Import what every report needs once, before forking; numeric libraries keep to one thread."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    import pyarrow

    import traeger_lib.analysis.analyse
    import traeger_lib.reporting.excel
    import traeger_lib.reporting.sections  # noqa: F401
    pyarrow.set_cpu_count(1)
    gc.collect()
    gc.freeze()


def _kind(a: Auftrag, rohr: Any) -> None:
    """A child's whole life: one report, one answer."""
    rohr.send(bericht(a))
    rohr.close()


def bericht(a: Auftrag) -> Ergebnis:
    """Make one provider's folder: figures, notebook, page, tables, manifest; rename it into place when all is there."""
    beginn = time.perf_counter()
    os.umask(0o077)  # readable by their owner only
    name, ziel = a.traeger_id, Path(a.ziel)
    neu = ziel / f".neu-{a.traeger_id}"
    try:
        bestand = lies(Path(a.bestand))[0].nur(a.traeger_id)
        name = str(bestand["traeger"]["name"].iloc[0])
        shutil.rmtree(neu, ignore_errors=True)
        neu.mkdir(parents=True)
        satz = _fuelle(a, bestand, neu)
        setze_ein(neu, ziel / a.traeger_id)
        return Ergebnis(a.traeger_id, name, FERTIG, satz=satz, sekunden=time.perf_counter() - beginn)
    except Exception as e:  # the provider fails with its reason, the others go on
        shutil.rmtree(ziel / a.traeger_id, ignore_errors=True)
        _fehlernotebook(neu, ziel, a.traeger_id)
        return Ergebnis(a.traeger_id, name, FEHLGESCHLAGEN, grund=_grund(e), sekunden=time.perf_counter() - beginn)
    finally:
        shutil.rmtree(neu, ignore_errors=True)


def _fuelle(a: Auftrag, bestand: Bestand, neu: Path) -> str:
    """All files of a report into an empty folder; returns the strongest sentence."""
    import yaml

    from traeger_lib.analysis.analyse import analyse
    from traeger_lib.reporting import excel, html
    from traeger_lib.reporting.sentences import saetze, titel

    facts = analyse(bestand, a.traeger_id, a.quartal)
    parameter = {"bestand": a.bestand, "traeger_id": a.traeger_id, "quartal": a.quartal}
    (neu / "parameter.yaml").write_text(yaml.safe_dump(parameter, allow_unicode=True, sort_keys=True), encoding="utf-8")
    nb = papermill.execute_notebook(a.notebook, str(neu / "bericht.ipynb"), parameters=parameter, progress_bar=False, log_output=False,
                                    engine_name="traeger", execution_timeout=a.zeitlimit_s)
    seite = html.exportiere(nb, f"{titel(facts)} – {facts.name}")
    (neu / "bericht.html").write_text(seite, encoding="utf-8")
    m.schreibe_json(neu / "kennzahlen.json", facts.kennzahlen())
    excel.schreibe(facts, neu / "tabellen.xlsx", m.herkunft(bestand, traeger_id=a.traeger_id, quartal=a.quartal))
    # the notebook computed for itself: the page must carry the hash of the very data whose figures stand beside it
    if a.fingerabdruck["daten"][:12] not in seite or bestand.pruefsumme() != a.fingerabdruck["daten"]:
        raise TraegerFehler("Die Daten haben sich während des Laufs geändert. Bitte den Lauf wiederholen.")
    satz = saetze(facts)[3].text
    m.schreibe_json(neu / "manifest.json", {
        "traeger_id": a.traeger_id, "quartal": a.quartal, "fassung": 1, "datenstand": facts.datenstand.isoformat(),
        "erfunden": facts.erfunden, "satz": satz, "fingerabdruck": a.fingerabdruck,
        "programm": m.code_version(), "pakete": m.paketversionen(), "parameter": parameter,
        "dateien": m.dateihashes(neu, m.BERICHT_DATEIEN)})
    return satz


def setze_ein(neu: Path, endgueltig: Path) -> None:
    """Replace a folder by a complete new one: sync its files, move the old one aside, rename, drop the old one."""
    for pfad in neu.iterdir():
        fd = os.open(pfad, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    alt = endgueltig.with_name(f".neu-alt-{endgueltig.name}")
    shutil.rmtree(alt, ignore_errors=True)
    if endgueltig.exists():
        endgueltig.rename(alt)
    neu.rename(endgueltig)
    shutil.rmtree(alt, ignore_errors=True)


def _fehlernotebook(neu: Path, ziel: Path, traeger_id: str) -> None:
    """Keep the notebook of a failed run apart, where nothing of it can be mailed."""
    if (neu / "bericht.ipynb").exists():
        (ziel / "fehler").mkdir(exist_ok=True)
        (neu / "bericht.ipynb").replace(ziel / "fehler" / f"{traeger_id}.ipynb")


def _grund(e: Exception) -> str:
    """Why a provider failed, in German, without data: our own messages in full, others by their kind only."""
    if isinstance(e, Fehlerliste):
        return _erster(e.fehler)
    if isinstance(e, TraegerFehler):
        return str(e)
    art = getattr(e, "ename", "") or type(e).__name__
    stelle = traceback.extract_tb(e.__traceback__)[-1]
    return {"CellTimeoutError": "Das Zeitlimit wurde überschritten.", "DeadKernelError": "Der Rechenkern wurde beendet.",
            "NoSpaceLeftError": "Kein Platz auf dem Datenträger.", "PermissionError": "Der Zielordner ist nicht beschreibbar.",
            }.get(art, f"Unerwarteter Fehler ({art}, {Path(stelle.filename).name}:{stelle.lineno}); wo vorhanden, zeigt das Notebook im "
                  "Ordner „fehler“ die Stelle.")


def _erster(fehler: Sequence[Fehler]) -> str:
    """The first fault, and how many more there are."""
    mehr = f" (und {len(fehler) - 1} weitere; alle mit „traeger check“)" if len(fehler) > 1 else ""
    return f"{fehler[0]}{mehr}"


def _warum_neu(ordner: Path, abdruck: dict[str, str]) -> str:
    """Why a report must be made (again); empty where it is there, whole and current."""
    alt = m.lies_json(ordner / "manifest.json")
    if alt is None:
        return "noch nicht vorhanden"
    worte = {"daten": "Daten", "notebook": "Notebook", "programm": "Programm", "parameter": "Parameter"}
    anders = [w for k, w in worte.items() if alt.get("fingerabdruck", {}).get(k) != abdruck[k]]
    if anders:
        return f"geändert: {', '.join(anders)}"
    return "" if m.ist_vollstaendig(ordner, alt) else "Dateien fehlen oder wurden verändert"


def _auswahl(bestand: Bestand, nur: Sequence[str]) -> list[str]:
    unbekannt = sorted(set(nur) - set(bestand.traeger_ids))
    if unbekannt:
        raise TraegerFehler(f"Unbekannter Träger: {', '.join(unbekannt)}. Bekannt sind: {', '.join(bestand.traeger_ids)}.")
    return [i for i in bestand.traeger_ids if not nur or i in nur]


def _gehoert_dazu(ziel: Path, bestand: Bestand, pfad: Path, q: Quartal) -> None:
    """Refuse a run folder that holds another Bestand or another quarter."""
    lauf = m.lies_json(ziel / "lauf.json")
    if lauf and (lauf.get("bestand") != _kennung(bestand, pfad) or lauf.get("quartal") != str(q)):
        raise TraegerFehler(f"Der Ordner {ziel} gehört zu einem anderen Bestand oder Quartal ({lauf.get('bestand')}, "
                            f"{lauf.get('quartal')}). "
                            "Bitte mit --out einen anderen Ordner wählen.")


def _kennung(bestand: Bestand, pfad: Path) -> str:
    """What identifies a Bestand over its reporting states: folder name, funder, and whether it is invented."""
    return f"{pfad.resolve().name} · {bestand.leistungstraeger}" + (" · erfunden" if bestand.erfunden else "")


def _schreibe_lauf(ziel: Path, q: Quartal, bestand: Bestand, pfad: Path, ergebnisse: Sequence[Ergebnis], alt: dict[str, Any],
                   sekunden: float) -> None:
    """Overview and batch manifest, the manifest last; providers left out this time keep their line."""
    from traeger_lib.reporting.html import uebersicht

    neu = {e.traeger_id: asdict(e) for e in ergebnisse}
    alle = {i: neu.get(i) or alt[i] for i in sorted({*alt, *neu}) if i in bestand.traeger_ids}
    zeilen = [{**e, "zeichen": ZEICHEN.get(e["stand"], ""), "satz": e["satz"] or e["grund"],
               "dateien": [d for d in ("bericht.html", "tabellen.xlsx", "kennzahlen.json") if (ziel / i / d).exists()],
               "tun": "Daten berichtigen, dann erneut starten" if e["stand"] == FEHLGESCHLAGEN else "ansehen und freigeben"}
              for i, e in alle.items()]
    erfunden = " · erfundene Beispieldaten" if bestand.erfunden else ""
    seite = uebersicht(str(q), zeilen, titel=f"Steuerungsberichte {q.lang}",
                       hinweis=f"{bestand.leistungstraeger} · Datenstand {bestand.datenstand:%d.%m.%Y}{erfunden}")
    entwurf = ziel / ".index.neu"
    entwurf.write_text(seite, encoding="utf-8")
    entwurf.replace(ziel / "index.html")
    m.schreibe_json(ziel / "lauf.json", {
        "quartal": str(q), "bestand": _kennung(bestand, pfad), "datenstand": bestand.datenstand.isoformat(), "erfunden": bestand.erfunden,
        "programm": m.code_version(), "beendet": datetime.now().astimezone().isoformat(timespec="seconds"), "sekunden": round(sekunden, 1),
        "traeger": list(alle.values())})
