"""The page of the Sozialraumkonferenz as files: whole or not at all, beside the quarter's reports; the unprotected overview apart from it.

Not here: sending. No mail holds either of them (`mail` attaches a provider's own report only).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import papermill  # before our engine: papermill imports every registered engine itself

from traeger_lib.analysis.conference import konferenz
from traeger_lib.analysis.periods import Quartal
from traeger_lib.inputs.reading import load
from traeger_lib.operations import batch, folder
from traeger_lib.operations import manifest as m
from traeger_lib.reporting import conference, excel, html

NOTEBOOK = batch.NOTEBOOK.with_name("sozialraumkonferenz.ipynb")
GESCHUETZT, UNGESCHUETZT = ("sozialraumkonferenz", "konferenz"), ("nur_leistungstraeger", "ungeschuetzter_ueberblick")  # folder, files
MERKT = 4  # quarters for which a published panel binds the next page


def bisherige_gruppen(archiv: str | Path, quartal: str) -> dict[str, list[str]] | None:
    """The panel of each service type as last published in the four quarters before, None where no page is there."""
    seiten = [m.lies_json(Path(archiv) / str(Quartal.aus(quartal).vor(n)) / GESCHUETZT[0] / "manifest.json") for n in range(MERKT, 0, -1)]
    gruppen = [s["gruppen"] for s in seiten if s]
    return {t: g for je in gruppen for t, g in je.items()} if gruppen else None


def schreibe(q: Quartal, bestand_pfad: Path, ziel: Path, *, geschuetzt: bool = True) -> Path:
    """Write page, notebook and workbook of a quarter and return the page. Raises Fehlerliste where any provider's data are faulty
    (a sum without it would be wrong), TraegerFehler where the protection does not hold."""
    bestand = load(bestand_pfad)
    batch.hat_daten(bestand, q)
    folder.gehoert_dazu(ziel, bestand, bestand_pfad, q)
    ordner, name = GESCHUETZT if geschuetzt else UNGESCHUETZT
    k = konferenz(bestand, q, bisher=bisherige_gruppen(ziel.parent, str(q)), geschuetzt=geschuetzt)
    os.umask(0o077)
    ziel.mkdir(parents=True, exist_ok=True)
    with folder.sperre(ziel):
        neu = ziel / f".neu-{ordner}"
        shutil.rmtree(neu, ignore_errors=True)
        neu.mkdir()
        try:
            parameter = {"bestand": str(bestand_pfad), "quartal": str(q), "geschuetzt": geschuetzt, "archiv": str(ziel.parent)}
            nb = papermill.execute_notebook(str(NOTEBOOK), str(neu / f"{name}.ipynb"), parameters=parameter, progress_bar=False,
                                            log_output=False, engine_name="traeger", execution_timeout=600)
            m.schreibe_text(neu / f"{name}.html", html.exportiere(nb, conference.titel(k)))
            zeilen = [("Achtung", t) for t in conference.marken(k)] + [("", t) for t in conference.saetze(k) + conference.hinweise(k)]
            methode = {f"Schutz {n}": t for n, t in enumerate(conference.regeln(k), 1)} | m.herkunft(bestand, quartal=str(q))
            inhalt = excel.blaetter(conference.tabellen(k).values())
            excel.schreibe_mappe(neu / f"{name}.xlsx", conference.titel(k), k.datenstand, zeilen, inhalt, methode)
            m.schreibe_json(neu / "manifest.json", {
                "quartal": str(q), "geschuetzt": geschuetzt, "erfunden": k.erfunden, "programm": m.code_version(), "gruppen": k.gruppen,
                "dateien": m.dateihashes(neu, [f"{name}.{x}" for x in ("ipynb", "html", "xlsx")])})
            folder.setze_ein(neu, ziel / ordner)
        finally:
            shutil.rmtree(neu, ignore_errors=True)
    return ziel / ordner / f"{name}.html"
