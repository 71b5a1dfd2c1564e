"""Scenario files: reading and writing the description, and what `traeger scenario run` leaves: JSON, page, workbook."""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from traeger_lib.analysis.analyse import RUECKBLICK_JAHRE, Analyse
from traeger_lib.analysis.facts import als_json
from traeger_lib.analysis.periods import Quartal
from traeger_lib.analysis.reassessment import Neubewertung
from traeger_lib.analysis.scenario import BASEN, SCHEMA, Szenario, szenario_aus
from traeger_lib.analysis.scenario_money import Rechnung
from traeger_lib.analysis.scenario_result import Ergebnis, rechne
from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.inputs.reading import load
from traeger_lib.inputs.schema import TABELLEN, Bestand
from traeger_lib.operations.manifest import herkunft, schreibe_json, schreibe_text
from traeger_lib.reporting import excel, html
from traeger_lib.reporting import formats as f
from traeger_lib.reporting import szenario as bild
from traeger_lib.reporting.sections import fuss
from traeger_lib.reporting.tables import Tabelle, spalten

BUDGETSPALTEN = [s.name for s in TABELLEN["budgets"].spalten]


def lies(pfad: Path) -> Szenario:
    """A scenario file. Raises TraegerFehler or Fehlerliste, in German."""
    try:
        return lies_text(pfad.read_text(encoding="utf-8"), pfad.name)
    except UnicodeDecodeError:
        raise TraegerFehler(f"{pfad.name} ist nicht in UTF-8 gespeichert.") from None


def lies_text(text: str, name: str) -> Szenario:
    """A scenario from the text of its file; `name` stands in messages."""
    try:
        return szenario_aus(tomllib.loads(text, parse_float=Decimal))
    except (RecursionError, ValueError) as e:  # no TOML; nested or numbers beyond what is read
        stelle = re.search(r"line (\d+)", str(e))
        raise TraegerFehler(f"{name}{f', Zeile {stelle[1]}' if stelle else ''}: Das ist kein gültiges TOML. "
                            "Texte stehen in Anführungszeichen, Zahlen mit Punkt, Daten als JJJJ-MM-TT.") from None


def als_toml(s: Szenario) -> str:
    """The description as a file; `lies` gives the same scenario again."""
    def wert(x: Any) -> str:
        return json.dumps(x, ensure_ascii=False) if isinstance(x, str | bool) else x.isoformat() if isinstance(x, date) else str(x)
    zeilen = [f"schema = {SCHEMA}", *(f"{k} = {wert(getattr(s, k))}" for k in Szenario.__dataclass_fields__ if k != "aenderungen")]
    for w in s.aenderungen:
        zeilen += ["", "[[aenderung]]", f"art = {wert(w.art)}", f"an = {wert(w.an)}", *(f"{k} = {wert(x)}" for k, x in w.werte if x != "")]
    return "\n".join(zeilen) + "\n"


def dateiname(name: str) -> str:
    """A file name for a scenario's name."""
    name = name.lower().translate({ord(a): b for a, b in zip("äöüß", ("ae", "oe", "ue", "ss"), strict=True)})
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")[:60] or "szenario"


def speichere(s: Szenario, ordner: Path) -> Path:
    """Write a scenario under its name; the same name replaces the older file."""
    ordner.mkdir(parents=True, exist_ok=True)
    schreibe_text(pfad := ordner / f"{dateiname(s.name)}.toml", als_toml(s))
    return pfad


def analyse_von(bestand: Path | str, traeger_id: str, quartal: str) -> Analyse:
    """The figures a scenario starts from: one provider's own data."""
    return Analyse(load(bestand, traeger_id), traeger_id, Quartal.aus(quartal), RUECKBLICK_JAHRE)


def namen(a: Analyse) -> Mapping[str, str]:
    """Offers by their German names."""
    return {x.angebot_id: x.bezeichnung for x in a.angebote}


def fuehre_aus(pfad: Path, bestand: Path, ziel: Path | None) -> tuple[Szenario, list[str], list[Path]]:
    """`traeger scenario run`: compute a scenario file, write everything; a sentence a year and the files."""
    s = lies(pfad)
    a = analyse_von(bestand, s.traeger_id, s.quartal)
    e = rechne(Rechnung(a, s.basis, s.horizont), s)
    return s, [bild.satz(e, j, namen(a)) for j in e.jahre], schreibe(e, a, ziel or Path("parameterized_runs/szenarien") / dateiname(s.name))


def schreibe(e: Ergebnis, a: Analyse, ziel: Path) -> list[Path]:
    """szenario.toml, szenario.json, szenario.html, szenario.xlsx in a folder."""
    ziel.mkdir(parents=True, exist_ok=True)
    s, name, wer, titel = e.szenario, str(a.traeger["name"]), namen(a), f"Szenario „{e.szenario.name}“"
    pfade = [ziel / f"szenario.{x}" for x in ("toml", "json", "html", "xlsx")]
    quelle = herkunft(a.bestand, **{k: getattr(s, k) for k in ("traeger_id", "quartal", "basis", "horizont", "seed", "ziehungen")})
    schreibe_text(pfade[0], als_toml(s))
    schreibe_json(pfade[1], kennzahlen(e, a.bestand))
    j = next(x for x in e.jahre if x.jahr == bild.leitjahr(s))
    saetze, monate = {x.jahr: bild.satz(e, x, wer) for x in e.jahre}, bild.monatstabelle(e)
    tabellen = {x.jahr: bild.tabellen(e, x.jahr, wer) for x in e.jahre}
    annahmen = [f"{'' if w.an else '(abgeschaltet) '}{bild.beschreibe(w, wer)}" for w in s.aenderungen] or ["keine Änderungen"]
    teile = [f'<p class="marke">{escape(a.bestand.hinweis or "Erfundene Beispieldaten.")}</p>' if a.bestand.erfunden else "",
             f"<p><strong>{escape(saetze[j.jahr])}</strong></p>", "<h2>Annahmen</h2>", _liste("ol", annahmen), "<h2>Verlauf</h2>",
             bild.verlauf(e, wer), bild.wasserfall(e, j), bild.tornado(e, j)]
    for jahr, satz in saetze.items():
        teile += [f"<h2>{jahr}</h2><p>{escape(satz)}</p>", *(t.html() for t in tabellen[jahr].values())]
    teile += ["<h2>Monate</h2>", monate.html(), "<h2>Hinweise</h2>", _liste("ul", e.hinweise)]
    rahmen = f"Datenstand {f.tag(a.bestand.datenstand)} · {Quartal.aus(s.quartal).lang} · Basis: {BASEN[s.basis]}"
    kopf = f'<p class="traeger">{escape(name)}</p><h1>{escape(titel)}</h1><p class="rahmen">{escape(rahmen)}</p>'
    schreibe_text(pfade[2], html.seite(kopf, teile, fuss(quelle).text, titel))
    blaetter = {f"{k} {jahr}": t for jahr, je in tabellen.items() for k, t in je.items()} | {"Monate": monate}
    zeilen = [("Träger", name), ("Datenstand", f.tag(a.bestand.datenstand)), ("Basis", BASEN[s.basis]),
              *((f"Annahme {i}", t) for i, t in enumerate(annahmen, 1)),
              *((str(jahr), t) for jahr, t in saetze.items()), *(("Hinweis", t) for t in e.hinweise)]
    excel.schreibe_mappe(pfade[3], f"{titel} – {name}", a.bestand.datenstand, zeilen, blaetter, quelle)
    return pfade


def kennzahlen(e: Ergebnis, bestand: Bestand) -> dict[str, Any]:
    """The content of `szenario.json`: Euro to the cent, other figures to 6 decimals."""
    aenderungen = [{"art": w.art, "an": w.an, **als_json(dict(w.werte))} for w in e.szenario.aenderungen]
    return {"schema_version": SCHEMA, "datenstand": bestand.datenstand.isoformat(), "erfunden": bestand.erfunden, **als_json(e),
            "szenario": als_json(e.szenario) | {"aenderungen": aenderungen}}


def _liste(art: str, texte: Iterable[str]) -> str:
    return f"<{art}>{''.join(f'<li>{escape(t)}</li>' for t in texte)}</{art}>"


def umgebung(suchpfad: str) -> dict[str, str]:
    """The environment with our Jupyter folder first in one of Jupyter's search paths; the user's own settings stay untouched."""
    pfade = [str(Path(html.__file__).with_name("templates") / "jupyter"), *filter(None, [os.environ.get(suchpfad)])]
    return os.environ | {suchpfad: os.pathsep.join(pfade)}


def app_befehl(notebook: Path, port: int, browser: bool) -> tuple[list[str], dict[str, str], str]:
    """Voilà on a notebook, loopback only: command, environment, address with the token.

    Standalone Voilà is open without `--token` and takes it from nowhere else.
    """
    if not notebook.is_file():
        raise TraegerFehler(f"Das Notebook {notebook} gibt es hier nicht. Bitte im Ordner der Werkbank starten oder --notebook angeben.")
    if find_spec("voila") is None:
        raise TraegerFehler('Dafür fehlt Voilà. Bitte im Ordner der Werkbank pip install -e ".[app]" ausführen.')
    zugang = secrets.token_hex(24)
    adresse = f"http://127.0.0.1:{port}/?token={zugang}"
    befehl = [sys.executable, "-m", "voila", str(notebook), f"--token={zugang}", "--Voila.ip=127.0.0.1", f"--port={port}",
              "--template=traeger", f"--Voila.custom_display_url={adresse}", "--Voila.log_level=WARN", *["--no-browser"] * (not browser)]
    return befehl, umgebung("JUPYTER_PATH"), adresse


def budgettabelle(n: Neubewertung, beschlossen_am: date) -> Tabelle:
    """The rows of a new version to look at."""
    zeilen = tuple(tuple(z.get(k) for k in BUDGETSPALTEN) for z in n.budgetzeilen(beschlossen_am))
    return Tabelle(f"Budget {n.budgetjahr}, Version {n.version}", f"Mengengerüst {n.gewaehlt.name}", spalten(*BUDGETSPALTEN), zeilen)


def schreibe_budgetversion(n: Neubewertung, beschlossen_am: date, pfad: Path) -> Path:
    """A new version as rows for the table `budgets`, in a file of its own. Raises TraegerFehler rather than overwrite one."""
    if pfad.exists():
        raise TraegerFehler(f"{pfad} gibt es schon; eine Budgetversion wird nie überschrieben. Bitte einen anderen Namen wählen.")
    pfad.parent.mkdir(parents=True, exist_ok=True)
    zeilen = pd.DataFrame(n.budgetzeilen(beschlossen_am), columns=BUDGETSPALTEN)
    schreibe_text(pfad, zeilen.to_csv(sep=";", index=False, lineterminator="\n"))
    return pfad
