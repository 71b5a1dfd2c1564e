"""Build the handbook as a small static site: docs/*.md → docs/_site/*.html in the look of the reports.

    python docs/bauen.py [TARGET]

`--texte` writes methodenhandbuch.md from the same texts as „Woher kommt diese Zahl?“ and data/README.md, the data dictionary, from
the schema (tests keep both true).
"""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

import mistune

from traeger_lib.inputs.schema import ARTEN, TABELLEN
from traeger_lib.reporting.html import css
from traeger_lib.reporting.origin import EINTRAEGE

HIER = Path(__file__).resolve().parent
SEITEN = ("index", "erste-schritte", "daten-liefern", "datenwoerterbuch", "quartalslauf", "versand", "scorecard", "szenarien",
          "methodenhandbuch", "betrieb", "datenschutz", "glossar")
BLOECKE = {"hbg": "HBG-Mix", "massnahmen": "Maßnahmen", "uebergaenge": "Übergänge", "puffer_jahre": "Puffer je Jahr",
           "klassische_abrechnung": "Klassische Abrechnung", "personal_jahre": "Personal je Jahr"}
REGELN = """## Regeln und Quellen

| Regel | worum es geht |
|---|---|
| 3.1 | Tage und Personen zählen: erster und letzter Tag, Wechsel, Abwesenheiten |
| 3.2 | Entgelte: Bestandteile, Geltungszeiträume, vermindertes Entgelt, Rundung auf den Cent |
| 3.3 | Budget: Plätze des Basisjahres × Tage × Entgelt des Budgetjahres, Pauschalen, Anpassungen, Raten, Fassungen |
| 3.4 | Abweichung in vier Effekten: Menge, Mix, „+S“, Preis. Beispiel: 14.600 geplante, 14.965 erbrachte Tage |
| 3.5 | Arbeit im Sozialraum („+S“) benachteiligt den Träger nicht: immer beide Sichten |
| 3.6 | Personal und Leistungsmenge: eigener Anteil, Betreuungsschlüssel, Fachkraftquote |
| 3.7 | Rückblick und Prognose, immer mit Spanne, mit und ohne Brüche |
| 3.8 | Grenzen (Korridor, Puffer, Rückzahlung) sind nicht vereinbart; gezeigt wird, was jede bedeuten würde |
| 3.9 | Die klassische Abrechnung läuft als Schattenrechnung mit |

| Quelle | |
|---|---|
| S0 | Bremerhaven, Sachstand zur Einführung sozialraumorientierter Trägerbudgets |
| S1 | Protokolle der neun Sitzungen der Sozialraumkonferenz Bremerhaven, 2025 |
| S2 | Broschüre der Hamburger Sozialbehörde zu den Trägerbudgets 2024 bis 2028 |
| S3 | Vereinbarung über die „Aufsuchende Hilfe“ (GISBU mbH, Bremerhaven) mit Entgelten 2026 und 2027 |
| S4 | Braunschweig, Stellungnahme der Verwaltung zur quartiersorientierten Betreuung und Pflege |
"""
ZUSATZ = """main{max-width:72ch;margin:0 auto;padding:1rem}
nav ul{list-style:none;padding:0 1rem;display:flex;flex-wrap:wrap;gap:.25rem 1rem}
nav [aria-current]{font-weight:bold} pre{overflow-x:auto;padding:.75rem;background:#f6f8fa} table{display:block;overflow-x:auto}
td,th{vertical-align:top}"""


def methodenhandbuch() -> str:
    """Every figure with formula, rule, unit, sources, example and limits, as Markdown."""
    zeilen = ["# Methodenhandbuch", "",
              "Jede veröffentlichte Zahl mit Formel, Regel, Quelle, Beispiel und Grenzen. Erzeugt aus denselben Texten wie",
              "„Woher kommt diese Zahl?“ (`traeger_lib/reporting/templates/methode.toml`) mit `make dictionary`; nicht von",
              "Hand ändern.", "", *REGELN.splitlines(), ""]
    block = ""
    for schluessel, h in EINTRAEGE.items():
        if (neu := schluessel.split(".")[0]) != block:
            block = neu
            zeilen += [f"## {BLOECKE.get(block, block.replace('_', ' ').capitalize())}", ""]
        zeilen += [f"### {h.name}", "", f"`{schluessel}`" + (f" · {h.einheit}" if h.einheit else ""), "", h.formel, ""]
        punkte = (("Regel", h.regel), ("Tabellen", ", ".join(h.quellen)), ("Beispiel", h.beispiel), ("Grenzen", h.grenzen),
                  ("Teile", ", ".join("die Namen, die in den Daten stehen" if t == "*" else t for t in h.teile)))
        zeilen += [f"- *{wort}:* {text}" for wort, text in punkte if text]
        zeilen.append("")
    return "\n".join(zeilen).rstrip() + "\n"


def datenwoerterbuch() -> str:
    """The data dictionary (data/README.md) as Markdown, in German."""
    zeilen = [
        "# Datenwörterbuch", "",
        "Erzeugt aus `traeger_lib/inputs/schema.py` mit `make dictionary`; nicht von Hand ändern.", "",
        "Ein *Bestand* ist ein Ordner mit einer Datei je Tabelle (`.csv` oder `.parquet`) oder eine `.xlsx`-Datei mit einem",
        "Blatt je Tabelle im Ordner, dazu `bestand.toml` mit `datenstand` (Datum), `leistungstraeger` (Name), `eigene_kostentraeger`",
        "(Liste) und, wo gewünscht, `hinweis` (Text) und `erfunden` (true für erfundene Daten; sie werden nie versandt).", "",
        "Spalten mit * sind Pflicht. Leere Zellen bedeuten, was unter „leer“ steht. Fehlende Tabellen ohne * gelten als leer.", "",
        "| Ordner | Inhalt |", "|---|---|",
        "| `beispiel/` | acht erfundene Träger, sechs Jahre (`traeger demo`) |",
        "| `aufsuchende_hilfe/` | eine veröffentlichte Entgeltvereinbarung, Vollbelegung angenommen |",
        "| alles andere | eigene Daten; git übergeht sie |", "",
    ]
    for t in TABELLEN.values():
        zeilen += [f"## `{t.name}`{' *' if t.pflicht else ''}", "", f"{t.zweck[0].upper()}{t.zweck[1:]}.", "",
                   "| Spalte | Art | Bedeutung | Einheit | leer |", "|---|---|---|---|---|"]
        for s in t.spalten:
            art = ", ".join(f"`{w}`" for w in s.werte) if s.werte else ARTEN[s.art]
            zeilen.append(f"| `{s.name}`{' *' if s.pflicht else ''} | {art} | {s.bedeutung} | {s.einheit} | {s.standard} |")
        if t.schluessel:
            zeilen += ["", "Eine Zeile ist bestimmt durch " + ", ".join(f"`{k}`" for k in t.schluessel) + "."]
        zeilen.append("")
    return "\n".join(zeilen).rstrip() + "\n"


def text(name: str) -> str:
    """The Markdown of a page; the data dictionary lives beside the data."""
    datei = HIER.parent / "data" / "README.md" if name == "datenwoerterbuch" else HIER / f"{name}.md"
    return datei.read_text(encoding="utf-8").replace("../data/README.md", "datenwoerterbuch.md")


def titel(name: str) -> str:
    """The first heading of a page."""
    return text(name).splitlines()[0].lstrip("# ")


def seite(name: str) -> str:
    """One page as HTML; links to other pages of the handbook become links to their HTML."""
    inhalt = str(mistune.create_markdown(plugins=["table"])(text(name)))
    inhalt = re.sub(r'href="(?!https?:|\.\.)([\w-]+)\.md', r'href="\1.html', inhalt).replace("<th>", '<th scope="col">')
    hier = {name: ' aria-current="page"'}
    punkte = "".join(f'<li><a href="{n}.html"{hier.get(n, "")}>{html.escape(titel(n))}</a></li>' for n in SEITEN)
    return (f'<!doctype html>\n<html lang="de"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{html.escape(titel(name))}</title><style>{css()}{ZUSATZ}</style></head><body>"
            f'<nav aria-label="Handbuch"><ul>{punkte}</ul></nav><main>{inhalt}</main></body></html>\n')


def main() -> None:
    """Write the texts or the site."""
    if sys.argv[1:] == ["--texte"]:
        (HIER / "methodenhandbuch.md").write_text(methodenhandbuch(), encoding="utf-8")
        (HIER.parent / "data" / "README.md").write_text(datenwoerterbuch(), encoding="utf-8")
        return
    ziel = Path(sys.argv[1]) if sys.argv[1:] else HIER / "_site"
    ziel.mkdir(parents=True, exist_ok=True)
    for name in SEITEN:
        (ziel / f"{name}.html").write_text(seite(name), encoding="utf-8")
    print(f"{len(SEITEN)} Seiten nach {ziel} geschrieben.")


if __name__ == "__main__":
    main()
