"""The scorecard as files: an Excel to work in during the meeting, a Word document that serves as its minutes, and the way back.

Written for one provider and quarter, the same data give the same bytes. What comes back is read as exactly as a Bestand, compared with
the state in force, and added as new rows with their day; no earlier row is changed. Not here: what the entries mean
(`analysis.scorecard`), the words of the tables (`reporting.content`).
"""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter
from docx import Document
from docx.enum.section import WD_ORIENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor

from traeger_lib.analysis.analyse import analyse
from traeger_lib.analysis.facts import Facts
from traeger_lib.analysis.periods import Quartal
from traeger_lib.analysis.scorecard import ENTFALLEN, Aenderung, mit_kennzahlen, plain, scorecard, staende, vergleiche
from traeger_lib.inputs import mapping, reading, sources
from traeger_lib.inputs.convert import Unlesbar, als_datum, kurz
from traeger_lib.inputs.faults import Fehler, Fehlerliste, TraegerFehler
from traeger_lib.inputs.schema import TABELLEN, Bestand, Spalte, Tabelle
from traeger_lib.operations import manifest as m
from traeger_lib.operations.folder import sperre
from traeger_lib.operations.intake import ZAHLENFORMAT, regel
from traeger_lib.reporting import charts, content, tables
from traeger_lib.reporting import formats as f
from traeger_lib.reporting.sentences import muster, seit_gespraech
from traeger_lib.reporting.style import FLAECHE, TINTE

SCHEMA = TABELLEN["massnahmen"]
BEGINN, FREI = 3, 40  # header row of the entries, counted from 0; prepared rows below them
SPERRE = {"validate": "custom", "value": "=FALSE", "error_title": "Geschützt", "error_message": "Diese Spalte füllt das Programm."}
VORN = ("massnahme_id", "perspektive", "ziel", "massnahme", "status", "kennzahl", "sollwert", "istwert", "", "faellig", "verantwortlich",
        "bemerkung")  # the columns worked in most, in their order; "": what the workbench computes
BREITE = {"massnahme_id": 10, "massnahme": 38, "perspektive": 22, "status": 20,
          **dict.fromkeys(("ziel", "bemerkung", "hemmnisse", "foerderfaktoren", "risiko"), 28)}
ANLEITUNG = ("Zeilen dürfen geändert, ergänzt, gelöscht und umgestellt werden. Bei neuen Einträgen die Kennung leer lassen.",
             "Graue Spalten werden nicht zurückgelesen. Gelöschte Zeilen werden als entfallen geführt; frühere Stände bleiben erhalten.")
TABELLENSTIL, ZUSAMMEN, ZEICHEN = "Light Shading", 12, 134  # style of the template; rows kept on one page; characters across a page
Lage = tuple[Bestand, pd.DataFrame, Facts]  # one provider's data, its meeting (a row of termine or none), its Facts


def als_excel(bestand: Bestand, traeger_id: str, quartal: str | Quartal) -> bytes:
    """The scorecard of a provider as a workbook to work in: choices to select from, ids protected, computed values beside."""
    return _excel(_lage(bestand, traeger_id, quartal))


def als_word(bestand: Bestand, traeger_id: str, quartal: str | Quartal) -> bytes:
    """The scorecard of a provider as minutes in the uniform template: agreed against actual, changes, decisions, measures by
    perspective and goal, projects, next date."""
    return _word(_lage(bestand, traeger_id, quartal))


def exportiere(bestand: Bestand, traeger_id: str, quartal: str | Quartal, ziel: Path) -> list[Path]:
    """Excel and Word of a provider; the name carries the day of the state. A file that is there with other content stays:
    TraegerFehler."""
    lage = _lage(bestand, traeger_id, quartal)
    ziel.mkdir(parents=True, exist_ok=True)
    name = f"{traeger_id}_BSC_{lage[-1].quartal}_Stand-{lage[-1].massnahmen.stand}"
    inhalte = {ziel / f"{name}.xlsx": _excel(lage), ziel / f"{name}.docx": _word(lage)}
    for datei, inhalt in inhalte.items():
        if datei.exists() and datei.read_bytes() != inhalt:
            raise TraegerFehler(f"{datei} gibt es schon mit anderem Inhalt und bleibt unverändert. Verschieben oder --out angeben.")
    for datei, inhalt in inhalte.items():
        m.schreibe_bytes(datei, inhalt)
    return list(inhalte)


def _lage(bestand: Bestand, traeger_id: str, quartal: str | Quartal) -> Lage:
    """What both files are made from: the scorecard as it stands on the day of the meeting (or the Datenstand, where later), its
    latest state where no day is set."""
    eigene, q = bestand.nur(traeger_id), Quartal.aus(str(quartal))
    termin, facts = eigene["termine"][eigene["termine"]["quartal"] == str(q)], analyse(eigene, traeger_id, q)
    bis = max([bestand.datenstand, *(termin["termin"] if len(termin) else eigene["massnahmen"]["stand"].dropna()).dt.date])
    return eigene, termin, replace(facts, massnahmen=mit_kennzahlen(scorecard(eigene, q, bis), facts))


# --- Excel -------------------------------------------------------------------------------------------------------------

def _schema(massnahmen: pd.DataFrame) -> tuple[Tabelle, dict[str, dict[str, str]]]:
    """`massnahmen` as the Excel holds it: without provider and day, ids not required, choices in words; and the words of each choice
    → the values in the data (a provider's own words for the status stay)."""
    spalten, worte = [], dict[str, dict[str, str]]()
    for s in SCHEMA.spalten:
        if s.werte or s.name == "status":
            werte = dict.fromkeys((*(content.STATUS if s.name == "status" else s.werte), *massnahmen[s.name].dropna()))
            worte[s.name] = {_wort(w): w for w in werte}
            s = replace(s, art="auswahl", werte=tuple(w.casefold() for w in worte[s.name]))
        if s.name not in ("traeger_id", "stand"):
            spalten.append(replace(s, pflicht=s.pflicht and s.name != "massnahme_id"))
    return replace(SCHEMA, spalten=tuple(spalten)), worte


def _wort(code: str) -> str:
    return content.WORTE.get(code, f.klartext(code))


def _excel(lage: Lage) -> bytes:
    eigene, termin, facts = lage
    (schema, worte), karte, ziel = _schema(eigene["massnahmen"]), facts.massnahmen, io.BytesIO()
    titel, stand = f"Balanced Scorecard {facts.quartal.lang} – {facts.name}", karte.stand or facts.datenstand
    jetzt = staende(eigene["massnahmen"], stand)
    jetzt = jetzt[jetzt["status"] != ENTFALLEN]
    spalten: list[Spalte | None] = [*map(schema.spalte.get, VORN), *(s for s in schema.spalten if s.name not in VORN)]
    text = {s: {wert: wort for wort, wert in w.items()} for s, w in worte.items()} | {"gemeinsam": {True: "ja", False: "nein"}}
    berechnet = {x.massnahme_id: content.ist(x) for x in (*karte.liste, *karte.weitere) if x.berechnet}
    reihen = [[berechnet.get(r["massnahme_id"]) if s is None else text.get(s.name, {}).get(w := plain(r[s.name]), w) for s in spalten]
              for r in jetzt.to_dict("records")]
    with xlsxwriter.Workbook(ziel, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as wb:
        wb.set_properties({"title": titel, "author": "", "created": datetime.combine(stand, time())})
        umbruch, kopf = {"text_wrap": True, "valign": "top"}, wb.add_format({"bold": True, "text_wrap": True})
        formate = {art: wb.add_format(umbruch | {"num_format": ZAHLENFORMAT[art], "align": "left" if art == "datum" else ""})
                   for art in ("text", "datum", "geld", "ganzzahl")}
        ws, fest, ende = wb.add_worksheet("Maßnahmen"), wb.add_format(umbruch | {"bg_color": FLAECHE}), BEGINN + len(reihen) + FREI
        ws.write_string(0, 0, f"{titel}, Stand {f.tag(stand)}", wb.add_format({"bold": True, "font_size": 14}))
        ws.write_column(1, 0, ANLEITUNG)
        koepfe = []
        for i, s in enumerate(spalten):
            frei = s if s and s.name != "massnahme_id" else None
            koepfe.append({"header": f.klartext(s.name) if s else "Ist, aus den Daten berechnet", "header_format": kopf,
                           "format": formate.get(frei.art, formate["text"]) if frei else fest})
            ws.set_column(i, i, BREITE.get(s.name if s else "", 17))
            if bedingung := regel(replace(frei, werte=tuple(worte.get(frei.name, ())))) if frei else SPERRE:
                ws.data_validation(BEGINN + 1, i, ende, i, bedingung)
        ws.add_table(BEGINN, 0, ende, len(spalten) - 1, {"name": "Massnahmen", "style": "Table Style Light 1", "columns": koepfe,
                                                         "data": reihen + [[None] * len(spalten)] * FREI})
        for z, reihe in enumerate(reihen, BEGINN + 1):  # not every program fits the height by itself
            ws.set_row(z, 15 * max(-(-len(w) // (BREITE.get(s.name if s else "", 17) - 3))
                                   for w, s in zip(reihe, spalten, strict=True) if isinstance(w, str)))
        ws.ignore_errors({"number_stored_as_text": f"A{BEGINN + 2}:AZ{ende + 1}"})
        ws.freeze_panes(BEGINN + 1, 1)
        ws.set_landscape()
        ws.set_paper(9)
        ws.fit_to_pages(3, 0)
        ws.repeat_rows(BEGINN)
        ws = wb.add_worksheet("Termine")  # tells the import whose scorecard this is, and of which meeting
        ws.protect()
        ws.set_column(0, 3, 24)
        ws.write_row(0, 0, ["Träger-ID", "Quartal", "Termin"], kopf)
        ws.write_row(1, 0, [facts.traeger_id, str(facts.quartal), *map(f.tag, termin["termin"])])
    return ziel.getvalue()


# --- Word --------------------------------------------------------------------------------------------------------------

def _word(lage: Lage) -> bytes:
    eigene, termin, facts = lage
    k, titel = facts.massnahmen, f"Steuerungsgespräch {facts.quartal.lang}"
    doc = _dokument(f"{titel} – {facts.name}", k.stand or facts.datenstand)

    def abschnitt(stufe: int, ueberschrift: str, *texte: str, tabellen: Sequence[tables.Tabelle] = (), punkte: Sequence[str] = ()) -> None:
        doc.add_heading(f.sauber(ueberschrift), stufe)
        for text in filter(None, texte):
            doc.add_paragraph(f.sauber(text))
        for t in tabellen:
            _tabelle(doc, t)
        for punkt in punkte:
            doc.add_paragraph(f.sauber(punkt), "List Bullet")

    abschnitt(0, titel, " · ".join((facts.name, *(f"Gespräch am {f.tag(t)}" for t in termin["termin"]),
                                   f"Datenstand {f.tag(facts.datenstand)}", f"Maßnahmen Stand {f.tag(k.stand)}")),
              "Balanced Scorecard und Protokoll. " + (facts.bestandshinweis or (muster()["erfunden"] if facts.erfunden else "")),
              "Teilnehmende:")
    abschnitt(1, "Vereinbart und tatsächlich", tabellen=content.vereinbart(facts))
    aenderungen, ueberfaellig = content.fortschreibung(facts, ganz=True)
    abschnitt(1, "Änderungen seit dem letzten Gespräch", f"{seit_gespraech(facts)} " + muster()["massnahmen"]["uebernommen"].format(
        anzahl=f.anzahl(k.uebernommen, "Maßnahme", "Maßnahmen")), tabellen=[aenderungen])
    abschnitt(1, "Überfällig", "" if k.ueberfaellig else "Keine Maßnahme ist überfällig.", tabellen=[ueberfaellig])
    beschluesse = [b.massnahme + f" ({f.tag(b.vereinbart_am)})" * bool(b.vereinbart_am) for b in k.weitere if b.art == "beschluss"]
    abschnitt(1, "Beschlüsse", "" if beschluesse else "Keine verzeichnet.", punkte=beschluesse)
    abschnitt(1, "Maßnahmen nach Perspektive und Ziel")
    geltend = tuple(x for x in k.liste if x.status != ENTFALLEN)
    for perspektive in dict.fromkeys(x.perspektive for x in geltend):
        hier = sorted((x for x in geltend if x.perspektive == perspektive), key=lambda x: (x.ziel, x.massnahme_id))
        abschnitt(2, perspektive, tabellen=[content.blatt(perspektive, hier)], punkte=[
            f"{name} ({x.massnahme_id}): {wert}" for x in hier for name, wert in (
                ("Hemmnisse", x.hemmnisse), ("Förderfaktoren", x.foerderfaktoren), ("Bemerkung", x.bemerkung)) if wert])
    for t in content.massnahmen(replace(facts, massnahmen=replace(k, liste=geltend)))[1:]:
        abschnitt(2, t.titel, tabellen=[t])
    if bild := charts.vorhaben(facts):
        abschnitt(1, "Vorhaben und Projekte")
        doc.add_picture(io.BytesIO(bild.png), width=Cm(24))
        doc.inline_shapes[-1]._inline.docPr.set("descr", f.sauber(bild.alt))
        for t in (t for t in content.vorhaben(facts) if t.zeilen):
            abschnitt(2, t.titel, tabellen=[t])
    wann, wo = k.naechstes_gespraech or (None, None)
    abschnitt(1, "Nächstes Gespräch", ", ".join(x for x in (f.tag(wann), wo) if x) if wann else "Der Termin steht noch nicht fest.")
    herkunft = m.herkunft(eigene, traeger_id=facts.traeger_id, quartal=str(facts.quartal))
    doc.add_paragraph(f.sauber(" · ".join(f"{a}: {b}" for a, b in herkunft.items())), "Caption")
    roh, ziel = io.BytesIO(), io.BytesIO()
    doc.save(roh)
    with zipfile.ZipFile(roh) as alt, zipfile.ZipFile(ziel, "w") as neu:  # one fixed date on every part: the same content, the same file
        for name in alt.namelist():
            neu.writestr(zipfile.ZipInfo(name), alt.read(name), zipfile.ZIP_DEFLATED)
    return ziel.getvalue()


def _dokument(titel: str, stand: date) -> Any:
    """An empty German document, A4 across, with title, language and calm styles; every page says whose and which it is."""
    doc = Document()
    seite, kern, fuss = doc.sections[0], doc.core_properties, doc.sections[0].footer.paragraphs[0]
    for text, was in ((f"{titel} · Seite\u00a0", "PAGE"), (" von\u00a0", "NUMPAGES")):
        fuss.add_run(f.sauber(text))
        feld = OxmlElement("w:fldSimple", {qn("w:instr"): was})
        feld.append(fuss.add_run("1")._r)
        fuss._p.append(feld)
    seite.orientation, seite.page_width, seite.page_height = WD_ORIENT.LANDSCAPE, Cm(29.7), Cm(21)
    seite.left_margin = seite.right_margin = seite.top_margin = seite.bottom_margin = Cm(2)
    kern.title, kern.language, kern.author, kern.comments = f.sauber(titel)[:255], "de-DE", "", ""
    kern.created = kern.modified = datetime.combine(stand, time())
    for sprache in (*doc.styles.element.iter(qn("w:lang")), *doc.settings.element.iter(qn("w:themeFontLang"))):
        sprache.set(qn("w:val"), "de-DE")
    for name, groesse in (("Normal", 10), ("Title", 20), ("Heading 1", 14), ("Heading 2", 12), ("Caption", 9)):
        stil = doc.styles[name]
        stil.font.name, stil.font.size, stil.font.color.rgb = "Calibri", Pt(groesse), RGBColor.from_string(TINTE[1:])
        for art in [a for a in stil.element.rPr.rFonts.attrib if a.endswith("Theme")]:  # the template's theme fonts go before named ones
            del stil.element.rPr.rFonts.attrib[art]
    doc.styles["Caption"].font.bold, doc.styles["Caption"].paragraph_format.keep_with_next = False, True
    for band in doc.styles[TABELLENSTIL].element.iter(qn("w:shd")):
        band.set(qn("w:fill"), FLAECHE[1:])
    return doc


def _tabelle(doc: Any, t: tables.Tabelle) -> None:
    """A table of the report, if it has rows: marked header row, repeated on every page; the first column heads the row."""
    if not t.zeilen:
        return
    doc.add_paragraph(f.sauber(t.basis), "Caption") if t.basis else None
    tabelle = doc.add_table(1 + len(t.zeilen), len(t.spalten), TABELLENSTIL)
    beschreibung = OxmlElement("w:tblCaption")
    beschreibung.set(qn("w:val"), f.sauber(t.titel))
    tabelle._tbl.tblPr.append(beschreibung)
    werte = [[s.name.replace("\u00ad", "") for s in t.spalten],
             *([f.sauber(tables.FORM[s.art](w)) for s, w in zip(t.spalten, z, strict=True)] for z in t.zeilen)]
    wort = [max(len(w) for x in spalte for w in [*x.split(), ""]) + 3 for spalte in zip(*werte, strict=True)]  # longest word, with padding
    ganz = [max(w, min(35, max(map(len, spalte)) + 3)) for w, spalte in zip(wort, zip(*werte, strict=True), strict=True)]
    luft = min(1.0, max(0, ZEICHEN - sum(wort)) / max(1, sum(ganz) - sum(wort)))
    for nr, (reihe, texte) in enumerate(zip(tabelle.rows, werte, strict=True)):
        reihe._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit" if nr else "w:tblHeader"))
        for i, (zelle, spalte, text) in enumerate(zip(reihe.cells, t.spalten, texte, strict=True)):
            zelle.text = text
            tabelle.columns[i].width = zelle.width = Cm(25.7 * (wort[i] + luft * (ganz[i] - wort[i])) / max(ZEICHEN, sum(wort)))
            zelle.paragraphs[0].paragraph_format.keep_with_next = nr < min(len(t.zeilen), ZUSAMMEN)
            zelle.paragraphs[0].alignment = 0 if spalte.art in ("text", "datum", "jahr") else 2  # left, right


# --- back into the Bestand ---------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Rueckgabe:
    """What an edited Excel would change: the provider, the day, the changes, and the rows to add."""

    traeger_id: str
    stand: date
    aenderungen: tuple[Aenderung, ...]
    neu: pd.DataFrame

    def liste(self) -> list[str]:
        """One German line a change; confidential text is not shown."""
        return [f"{i} „{name}“: {was if not jetzt else f'{was}: {bisher} → {jetzt}'}" for i, name, was, bisher, jetzt in
                content.aenderungen(self.aenderungen)]


def lies_zurueck(datei: Path, bestand: Bestand, stand: str | None = None) -> Rueckgabe:
    """Compare an edited Excel with the state in force; the new one holds from `stand`, otherwise from the day of the meeting.

    Raises Fehlerliste with every fault of the file, TraegerFehler where provider or day are not known or a later state is there.
    """
    if datei.suffix.lower() != ".xlsx" or not datei.is_file():
        raise TraegerFehler(f"{datei} {'ist keine Excel-Mappe (.xlsx)' if datei.exists() else 'gibt es nicht'}.")
    alle = bestand["massnahmen"]
    (schema, worte), termine = _schema(alle), TABELLEN["termine"]
    termine = replace(termine, spalten=tuple(replace(s, pflicht=s.name == "traeger_id") for s in termine.spalten))
    namen = {mapping.name(f.klartext(s.name)): s.name for s in (*schema.spalten, *termine.spalten)}
    gelesen = reading.lies_mappe(datei, (schema, termine), mapping.Zuordnung(
        spalten={t: {**spalten, **namen} for t, spalten in mapping.SPALTE.items()},
        werte={("massnahmen", s): {code.casefold(): {s: wort} for wort, code in w.items()} for s, w in worte.items()}))
    (ort, neu), (_, kopf) = gelesen["massnahmen"], gelesen["termine"]
    if len(kopf) != 1 or kopf["traeger_id"].iloc[0] not in bestand.traeger_ids:
        raise TraegerFehler(f"{datei.name}: Das Blatt Termine nennt keinen Träger dieses Bestands. Die ausgegebene Mappe verwenden.")
    traeger_id, termin = str(kopf["traeger_id"].iloc[0]), plain(kopf["termin"].iloc[0])
    try:
        tag = als_datum(stand) if stand else termin
    except Unlesbar as u:
        raise TraegerFehler(f"--stand „{stand}“: {u.grund} {u.abhilfe}") from None
    if tag is None:
        raise TraegerFehler("Der Tag des Gesprächs steht nicht fest. Mit --stand angeben, von wann an der neue Stand gilt.")
    eigene = alle[alle["traeger_id"] == traeger_id]
    jetzt = staende(eigene, max(tag, bestand.datenstand))
    for s, w in worte.items():
        codes, bisher = {x.casefold(): code for x, code in reversed(w.items())}, dict(zip(jetzt["massnahme_id"], jetzt[s], strict=True))
        neu[s] = [alt if isinstance(alt := bisher.get(k), str) and _wort(alt).casefold() == x else codes.get(x)
                  for k, x in zip(neu["massnahme_id"], neu[s], strict=True)]  # „Laufend“ in the data stays what it is
    kennung = neu["massnahme_id"].dropna()
    fremd, doppelt = ~kennung.isin(jetzt["massnahme_id"]), kennung.duplicated()
    if fehler := [Fehler(ort, grund, "Bei einem neuen Eintrag die Kennung leer lassen.", int(z), "massnahme_id", wert, art=art)
                  for wo, art, grund in ((fremd, "kennung", "Diese Kennung gibt es in der Scorecard nicht."),
                                         (doppelt & ~fremd, "doppelt", "Diese Kennung steht zweimal da."))
                  for z, wert in zip(kennung.index[wo].tolist(), kennung[wo], strict=True)]:
        raise Fehlerliste(fehler)
    frei = (k for n in range(1, 10_000) if (k := f"M{n:02d}") not in set(eigene["massnahme_id"]))
    neu["massnahme_id"] = [next(frei) if pd.isna(k) else k for k in neu["massnahme_id"]]
    weg = jetzt[~jetzt["massnahme_id"].isin(neu["massnahme_id"]) & (jetzt["status"] != ENTFALLEN)]
    neu = pd.concat([neu.reindex(columns=alle.columns), weg.assign(status=ENTFALLEN)], ignore_index=True)
    aenderungen = vergleiche(jetzt, neu)
    neu = neu[neu["massnahme_id"].isin([a.massnahme_id for a in aenderungen])].assign(traeger_id=traeger_id, stand=pd.Timestamp(tag))
    spaeter = eigene[(eigene["stand"] >= pd.Timestamp(tag)) & eigene["massnahme_id"].isin(neu["massnahme_id"])]
    if len(spaeter):
        raise TraegerFehler(f"Zu {', '.join(sorted(set(spaeter['massnahme_id'])))} gibt es schon einen Stand vom {f.tag(tag)} oder später. "
                            "Mit --stand einen späteren Tag angeben.")
    return Rueckgabe(traeger_id, tag, aenderungen, neu.astype(alle.dtypes.to_dict()))


def uebernimm(pfad: Path, bestand: Bestand, rueckgabe: Rueckgabe) -> Path:
    """Add the rows to the table `massnahmen` of a Bestand; returns the copy of the file as it was, in the folder `verlauf`.

    The file is replaced whole; its earlier rows stay, in the words of the schema; formats, comments and columns of no table are left
    to the copy. A workbook keeps its other sheets byte for byte.
    """
    ziel, blatt = reading.ablage(pfad, "massnahmen")
    if ziel.suffix == ".xlsx" and not blatt:
        raise TraegerFehler(f"{ziel.name} hat kein Blatt massnahmen. Bitte eines mit den Überschriften anlegen.")
    with sperre(ziel.parent):
        aktuell, fehler = reading.lies(pfad)
        if hier := [x for x in fehler if x.ort == ziel.name + f", Blatt {blatt}" * bool(blatt)]:
            raise Fehlerliste(hier)
        if not aktuell["massnahmen"].equals(bestand["massnahmen"]):
            raise TraegerFehler("Die Maßnahmen des Bestands sind inzwischen geändert. Bitte den Befehl wiederholen.")
        alle = pd.concat([bestand["massnahmen"], rueckgabe.neu], ignore_index=True).astype(bestand["massnahmen"].dtypes.to_dict())
        kopie = ziel.parent / "verlauf" / f"{ziel.stem}-vor-{rueckgabe.stand}-{rueckgabe.traeger_id}{ziel.suffix}"
        while kopie.exists():
            kopie = kopie.with_stem(kopie.stem + "-")
        kopie.parent.mkdir(exist_ok=True)
        if ziel.exists():
            shutil.copy2(ziel, kopie)
        m.schreibe_bytes(ziel, _als_datei(alle, ziel, blatt))
    return kopie


def _als_datei(frame: pd.DataFrame, ziel: Path, blatt: str) -> bytes:
    """The table in the format of its file; dates as TT.MM.JJJJ, amounts with a comma, in Excel as numbers."""
    if ziel.suffix == ".parquet":
        return bytes(frame.to_parquet(index=False))
    werte = frame.astype(object).map(lambda w: "" if (x := plain(w)) is None else {True: "ja", False: "nein"}[x] if isinstance(x, bool) else
                                     f.tag(x) if isinstance(x, date) else x)
    if ziel.suffix == ".csv":
        text = werte.map(lambda w: str(w).replace(".", ",") if isinstance(w, Decimal) else w)
        return text.to_csv(sep=";", index=False, lineterminator="\n").encode("utf-8-sig")  # so that Excel knows the encoding
    mappe, ergebnis = io.BytesIO(), io.BytesIO()  # of the first only the sheet is taken: with strings in its cells it stands alone
    with xlsxwriter.Workbook(mappe, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as wb:
        ws = wb.add_worksheet()
        for z, reihe in enumerate([list(werte), *werte.itertuples(index=False)]):
            ws.write_row(z, 0, reihe)
    neu = zipfile.ZipFile(mappe).read("xl/worksheets/sheet1.xml")
    with zipfile.ZipFile(ziel) as alt, zipfile.ZipFile(ergebnis, "w", zipfile.ZIP_DEFLATED) as archiv:
        teil = next(datei for name, datei in sources.blattdateien(alt)[1].items() if kurz(name) == blatt)
        for e in alt.infolist():
            if e.filename != teil.replace("worksheets/", "worksheets/_rels/") + ".rels":  # its comments and drawings lie in the copy
                archiv.writestr(e, neu if e.filename == teil else alt.read(e.filename))
    return ergebnis.getvalue()
