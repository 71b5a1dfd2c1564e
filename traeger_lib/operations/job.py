"""One provider's report: the job that a batch hands to its workers, plain values in and out, its folder whole or absent.

Not here: which reports are made, and where (`batch`, `cluster`); what a report says (`reporting`).
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial, reduce
from pathlib import Path
from typing import Any

import papermill

from traeger_lib.inputs.faults import Fehler, Fehlerliste, TraegerFehler, systemgrund
from traeger_lib.inputs.reading import load, load_frueher
from traeger_lib.inputs.schema import ID_MUSTER, Bestand
from traeger_lib.operations import folder
from traeger_lib.operations import manifest as m
from traeger_lib.operations.pdf import drucke
from traeger_lib.reporting import formats as f

FERTIG, UNVERAENDERT, FEHLGESCHLAGEN, OFFEN, VERSANDT = "fertig", "unverändert", "fehlgeschlagen", "offen", "versandt"
WORTE = {"daten": "Daten", "notebook": "Berichtsvorlage", "programm": "Programm", "parameter": "Einstellungen"}  # a report depends on
SPEICHER_MB = 4096  # what one report may take beyond the warm process
DATEN_ANDERS = "Die Daten haben sich während des Laufs geändert. Bitte den Lauf wiederholen."
SPEICHER_REICHT_NICHT = "Der Arbeitsspeicher reicht nicht; bitte mit größerem --memory wiederholen."
HAUPTZAHLEN = {  # whose change a correction names: label → path in kennzahlen.json, decimals, unit
    "belegte Plätze": ("fallzahlen.quartal.durchschnittlich_belegte_plaetze", 1, ""),
    "Abweichung seit Jahresbeginn": ("abweichung.kumuliert.abweichung_eur", 2, "\u00a0€"),
    "Jahresbudget": ("budget.gesamt_eur", 2, "\u00a0€"), "Puffer": ("budget.puffer_eur", 2, "\u00a0€")}


@dataclass(frozen=True, slots=True)
class Auftrag:
    """One provider's job: plain values, so that it can go to another process or machine."""

    traeger_id: str
    name: str
    quartal: str
    bestand: str
    notebook: str
    ziel: str
    fingerabdruck: dict[str, str]
    parameter: dict[str, Any] = field(default_factory=dict)  # of the notebook, beside FEST
    zeitlimit_s: int = 600
    speicher_mb: int = SPEICHER_MB
    frueher: str = ""  # an earlier reporting state to compare with
    pdf: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(ID_MUSTER, self.traeger_id):
            raise TraegerFehler(f"„{self.traeger_id}“ ist keine Kennung eines Trägers.")


@dataclass(frozen=True, slots=True)
class Ergebnis:
    """What became of one provider: state, why (the reason of a redo or of a failure), seconds."""

    traeger_id: str
    name: str
    stand: str
    grund: str = ""
    sekunden: float = 0.0


def bericht(a: Auftrag) -> Ergebnis:
    """Make one provider's folder: figures, notebook, page, tables, manifest; rename it into place when all is there."""
    beginn = time.perf_counter()
    os.umask(0o077)  # readable by their owner only
    ziel = Path(a.ziel)
    neu = ziel / f".neu-{a.traeger_id}.{secrets.token_hex(4)}"  # no two attempts share one
    try:
        neu.mkdir()
        _fuelle(a, neu)
        (ziel / "fehler" / f"{a.traeger_id}.ipynb").unlink(missing_ok=True)
        folder.setze_ein(neu, ziel / a.traeger_id)
        return Ergebnis(a.traeger_id, a.name, FERTIG, sekunden=time.perf_counter() - beginn)
    except Exception as e:  # the provider fails with its reason, the others go on
        grund = _grund(e)
        with suppress(OSError):  # a full or read-only disk is the reason already
            if neu.exists():  # otherwise taken for dead and cleared away: the report that is there is a successor's
                grund += folder.entferne(ziel / a.traeger_id, a.fingerabdruck["daten"])
                _fehlernotebook(neu, ziel, a.traeger_id)
        return Ergebnis(a.traeger_id, a.name, FEHLGESCHLAGEN, grund, time.perf_counter() - beginn)
    finally:
        shutil.rmtree(neu, ignore_errors=True)


def _fuelle(a: Auftrag, neu: Path) -> None:
    """All files of a report into an empty folder."""
    import yaml

    from traeger_lib.reporting import html

    parameter = {"bestand": a.bestand, "traeger_id": a.traeger_id, "quartal": a.quartal, "frueherer_bestand": a.frueher, **a.parameter}
    (neu / "parameter.yaml").write_text(yaml.safe_dump(parameter, allow_unicode=True, sort_keys=True), encoding="utf-8")
    antworten: list[dict[str, Any]] = []
    nb = papermill.execute_notebook(a.notebook, str(neu / "bericht.ipynb"), parameters=parameter, progress_bar=False, log_output=False,
                                    engine_name="traeger", execution_timeout=a.zeitlimit_s, memory_mb=a.speicher_mb,
                                    request_save_on_cell_execute=False, failed_path=str(neu / "bericht.ipynb"),
                                    on_success=partial(_zahlen, a, neu), answers=antworten)
    if any(c.source.strip() and c.execution_count is None for c in nb.cells if c.cell_type == "code"):
        raise TraegerFehler("Das Notebook hat sich vorzeitig beendet (exit).")
    if not antworten:  # a kernel of its own: we cannot ask it for its facts
        from traeger_lib.analysis.analyse import RUECKBLICK_JAHRE, analyse
        daten = load(a.bestand, a.traeger_id)
        facts = analyse(daten, a.traeger_id, a.quartal, frueher=load_frueher(a.frueher, a.traeger_id),
                        rueckblick_jahre=int(a.parameter.get("rueckblick_jahre", RUECKBLICK_JAHRE)))
        antworten.append(_zahlen(a, neu, {"daten": daten, "facts": facts}))
    if grund := antworten[0].get("grund"):
        raise TraegerFehler(grund)
    angaben = antworten[0]
    seite = html.exportiere(nb, f"{angaben.pop('titel')} – {a.name}", angaben["korrektur"], angaben["fassung"])
    if a.fingerabdruck["frueher"][:12] not in seite:
        raise TraegerFehler(DATEN_ANDERS)
    (neu / "bericht.html").write_text(seite, encoding="utf-8")
    if a.pdf:
        drucke(neu / "bericht.html", neu / "bericht.pdf", date.fromisoformat(angaben["datenstand"]))
    m.schreibe_json(neu / "manifest.json", {
        "traeger_id": a.traeger_id, "quartal": a.quartal, **angaben,
        "fingerabdruck": a.fingerabdruck, "programm": m.code_version(), "pakete": m.paketversionen(), "parameter": parameter,
        "dateien": m.dateihashes(neu, sorted({*m.BERICHT_DATEIEN, *(p.name for p in neu.iterdir())}))})


def _zahlen(a: Auftrag, neu: Path, namen: dict[str, Any]) -> dict[str, Any]:
    """The files made from the very facts the notebook showed, written in its own process (kennzahlen.json, tabellen.xlsx, the page for
    the Interessenvertretung); what the manifest needs of them, or `grund`. The notebook's data must be those the batch started with."""
    from traeger_lib.analysis.facts import Facts
    from traeger_lib.reporting import coarse, excel
    from traeger_lib.reporting.sentences import leitfrage, saetze, titel
    try:
        daten, facts = namen.get("daten"), namen.get("facts")
        if not (isinstance(daten, Bestand) and isinstance(facts, Facts)
                and (facts.traeger_id, str(facts.quartal)) == (a.traeger_id, a.quartal)):
            raise TraegerFehler("Das Notebook hat die Zahlen dieses Trägers und Quartals nicht als „daten“ und „facts“.")
        daten = replace(daten)  # without the hash it may have kept: a cell can have written into its tables since
        herkunft = m.herkunft(daten, traeger_id=a.traeger_id, quartal=a.quartal, rueckblick_jahre=facts.rueckblick_jahre)
        if herkunft["Daten (Prüfsumme)"] != a.fingerabdruck["daten"][:12]:
            raise TraegerFehler(DATEN_ANDERS)
        m.schreibe_json(neu / "kennzahlen.json", facts.kennzahlen())
        excel.schreibe(facts, neu / "tabellen.xlsx", herkunft)
        gingen, datenstand, antworten = folder.versandte(Path(a.ziel) / a.traeger_id), facts.datenstand.isoformat(), saetze(facts)
        fassung, warum, zahlen = _korrektur(gingen[-1], a, neu, datenstand) if gingen else (1, "", "")
        if "interessenvertretung" in set(daten["verteiler"]["rolle"]):  # without headline figures, which are not rounded
            (neu / m.INTERESSENVERTRETUNG).write_text(coarse.seite(facts, herkunft, warum, fassung), encoding="utf-8")
        return {"titel": titel(facts), "fassung": fassung, "korrektur": f"{warum} {zahlen}".strip(), "korrektur_ohne_zahlen": warum,
                "datenstand": datenstand, "erfunden": facts.erfunden, "leitfrage": leitfrage(antworten),
                "saetze": [{"nummer": s.nummer, "titel": s.titel, "text": s.text} for s in antworten],
                "satz": antworten[-2:][0].teile[0]}  # of an action plan that about its measures
    except Exception as e:
        return {"grund": _grund(e)}


def anders(alt: Mapping[str, Any], abdruck: Mapping[str, str], datenstand: str) -> str:
    """What a report depends on and is not as in an earlier manifest: „neuer Datenstand 20.04.2026; ohne Vergleichsstand“; empty where
    all is the same."""
    davor = {"frueher": ""} | alt.get("fingerabdruck", {})
    stand = f"neuer Datenstand {f.tag(date.fromisoformat(datenstand))}" if alt.get("datenstand") != datenstand else ""
    worte = ", ".join(w for k, w in WORTE.items() if davor.get(k) != abdruck[k] and not (k == "daten" and stand))
    vergleich = f"{'ohne' if not abdruck['frueher'] else 'anderer' if davor['frueher'] else 'mit'} Vergleichsstand"
    return "; ".join(filter(None, [stand, worte and f"geändert: {worte}", vergleich * (davor["frueher"] != abdruck["frueher"])]))


def _korrektur(vorher: Path, a: Auftrag, neu: Path, datenstand: str) -> tuple[int, str, str]:
    """Number and German note of a version that follows a sent one: what changed, and which headline figures moved."""
    alt = m.lies_json(vorher / "manifest.json") or {}
    fassung, warum = folder.fassung(vorher) + 1, anders(alt, a.fingerabdruck, datenstand) or "geändert: nichts"
    zahlen, bewegt = [m.lies_json(p / "kennzahlen.json") for p in (vorher, neu)], []
    for name, (pfad, stellen, einheit) in HAUPTZAHLEN.items():
        werte: list[Any] = [reduce(lambda w, k: (w or {}).get(k), pfad.split("."), z) for z in zahlen]
        frueher, jetzt = (None if w is None else f.runde(w, stellen) for w in werte)
        if frueher != jetzt:
            texte = ["ohne Angabe" if w is None else f.zahl(w, stellen) + einheit for w in (jetzt, frueher)]
            um = "" if frueher is None or jetzt is None else f" ({f.zahl(jetzt - frueher, stellen, vorzeichen=True)}{einheit})"
            bewegt.append(f"{name} {' statt '.join(texte)}{um}")
    return (fassung, f"Korrigierte Fassung {fassung}; sie ersetzt Fassung {fassung - 1}. {warum[0].upper()}{warum[1:]}.",
            f"Neu: {'; '.join(bewegt)}." if bewegt else "Die Hauptzahlen sind unverändert.")


def _fehlernotebook(neu: Path, ziel: Path, traeger_id: str) -> None:
    """Keep the notebook of a failed run apart, where nothing of it can be mailed."""
    if (neu / "bericht.ipynb").exists():
        (ziel / "fehler").mkdir(exist_ok=True)
        (neu / "bericht.ipynb").replace(ziel / "fehler" / f"{traeger_id}.ipynb")


def _grund(e: Exception) -> str:
    """Why a provider failed, in German, without data: our own messages in full, others by their kind only."""
    if isinstance(e, Fehlerliste):
        return erster(e.fehler)
    if isinstance(e, TraegerFehler):
        return str(e)
    kette = [e, e.__cause__, e.__context__, *e.args]
    if system := next((f for f in kette if isinstance(f, OSError) and f.errno), None):
        return f"{systemgrund(system)}."
    art = getattr(e, "ename", "") or type(e).__name__
    if art in (TraegerFehler.__name__, Fehlerliste.__name__):  # raised in the notebook
        return str(getattr(e, "evalue", "")).partition("\n")[0]
    stelle = traceback.extract_tb(e.__traceback__)[-1]
    return {"CellTimeoutError": "Das Zeitlimit wurde überschritten.", "DeadKernelError": "Der Rechenkern wurde beendet.",
            "MemoryError": SPEICHER_REICHT_NICHT, "_ArrayMemoryError": SPEICHER_REICHT_NICHT,
            }.get(art, f"Unerwarteter Fehler ({art}, {Path(stelle.filename).name}:{stelle.lineno}); wo vorhanden, zeigt das Notebook im "
                  "Ordner „fehler“ die Stelle.")


def erster(fehler: Sequence[Fehler]) -> str:
    """The first fault, and how many more there are."""
    mehr = f" (und {len(fehler) - 1} weitere; alle mit „traeger check“)" if len(fehler) > 1 else ""
    return f"{fehler[0]}{mehr}"
