"""Reading a Bestand: files and sheets into raw columns, raw columns into checked tables, every fault at once.

A cell is read exactly or reported with its place. Not here: what a value means (`convert`), rules inside and
between tables (`checks`), a provider's own names (zuordnung.toml).
"""

from __future__ import annotations

import codecs
import csv
import io
import posixpath
import re
import tomllib
import zipfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from python_calamine import CalamineWorkbook, SheetVisibleEnum

from traeger_lib.inputs import checks, convert
from traeger_lib.inputs.faults import Fehler, Fehlerliste, TraegerFehler
from traeger_lib.inputs.schema import PANDAS_TYP, TABELLEN, Bestand, Tabelle, leere_tabelle

KOPF_SUCHE = 20  # the header is looked for in so many first rows
ZELLEN_MAX = 12_600_000  # cells of a sheet, about 12 columns of all rows Excel has; guards the memory
BYTES_MAX = 1 << 30  # uncompressed bytes of a workbook or parquet file; guards the memory
FREMD = (".xls", ".xlsm", ".xlsb", ".ods", ".tsv", ".txt", ".json")  # formats a table may come in, but not to us
SUMME = re.compile(r"((zwischen|gesamt|end)?summen?|gesamt|insgesamt|total|(gesamt)?ergebnis)\b[^;]{0,30}", re.IGNORECASE)
DOS_MAC = re.compile("[A-Za-z][„”ŠŸ][a-z]")  # ä, ö, ü of a DOS or Mac file read as Windows-1252
BEIBLAETTER = ("erlaeuterungen", "listen")  # sheets of our own template that hold no table
FEHLT = convert.Unlesbar("Die Pflichtangabe fehlt.", "Einen Wert eintragen.", "leer")
KOPF = convert.Unlesbar("Die Zeile wiederholt die Überschriften.", "Die Zeile löschen.", "kopf_wiederholt")
SUMMENZEILE = convert.Unlesbar("Die Zeile sieht nach einer Summenzeile aus.", "Die Zeile löschen, gerechnet wird hier.", "summenzeile")
UNBERECHNET = convert.Unlesbar("Die Formel hat keinen berechneten Wert.", "Die Mappe in Excel öffnen und neu speichern.", "formel")
VERBUNDEN = convert.Unlesbar("Die Zelle ist mit anderen verbunden.", "Den Verbund lösen und jede Zelle einzeln ausfüllen.", "verbunden")
_C = rb"<(?:\w+:)?c\s([^>]*[^>/])>\s*"  # a cell of a sheet's XML, its formula, and where it stands
_F = rb"<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)\s*"
_FORMEL, _OHNE_WERT = re.compile(_C + _F), re.compile(_C + _F + rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</")
_FEHLERZELLE = re.compile(rb"<(?:\w+:)?c\s([^>]*\bt=[\"']e[\"'][^>]*)>\s*(?:" + _F + rb")?(?:<(?:\w+:)?v>([^<]*))?")
_BEZUG = re.compile(rb"\br=[\"']([A-Z]{1,3})([0-9]{1,7})[\"']")
_BEZUEGE = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br=[\"']([A-Z]{1,3})([0-9]{1,7})[\"'](?:[^>]*[^>/])?>")
_VERSTECKT = re.compile(rb"<(?:\w+:)?row\s[^>]*?\bhidden=[\"'](?:1|true)")


class _Abbruch(Exception):
    """A file or sheet that cannot be read at all; carries its fault."""

    def __init__(self, ort: str, grund: str, abhilfe: str) -> None:
        super().__init__(grund)
        self.fehler = Fehler(ort, grund, abhilfe, art="datei")


@dataclass
class _Roh:
    """A table as read: row numbers as the user's program counts them, raw columns, faults and remarks."""

    tabelle: Tabelle
    ort: str
    zeilen: np.ndarray
    spalten: dict[str, convert.Rohspalte]
    fehler: list[Fehler]
    hinweise: list[str]
    gelesen: str
    null: date = convert.EXCEL_NULL


@dataclass
class _Eingang:
    """What has been gathered so far: raw tables, faults, remarks, and the tables that are not there as a whole."""

    roh: dict[str, _Roh] = field(default_factory=dict)
    fehler: list[Fehler] = field(default_factory=list)
    hinweise: list[str] = field(default_factory=list)
    unlesbar: set[str] = field(default_factory=set)

    def versuche(self, ort: str, namen: Collection[str], lesen: Callable[[], None]) -> None:
        """Run `lesen`; whatever a parser raises on a damaged file becomes one fault that names the file."""
        try:
            return lesen()
        except _Abbruch as abbruch:
            self.fehler.append(abbruch.fehler)
        except PermissionError:
            self.fehler.append(Fehler(ort, "Die Datei ist gesperrt.", "In anderen Programmen schließen, Leserecht prüfen.", art="datei"))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # a panic of the Excel parser (Rust) is no Exception
            self.fehler.append(Fehler(ort, "Die Datei ist beschädigt oder von anderer Art, als die Endung sagt.",
                                      "In der Ursprungsanwendung öffnen und neu speichern.", art="datei"))
        self.unlesbar.update(namen)


def _name(text: Any) -> str:
    """A header, sheet or file name without case, blanks, punctuation and umlauts.

    >>> _name(" Träger-ID* ")
    'traegerid'
    """
    text = str(text).strip().casefold()
    for von, nach in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("a\u0308", "ae"), ("o\u0308", "oe"), ("u\u0308", "ue")):
        text = text.replace(von, nach)
    return re.sub(r"[\s_\-*\ufeff]+", "", text)


_TABELLE = {_name(t): t for t in TABELLEN}
_SPALTE = {t.name: {_name(s): s for s in t.spalte} for t in TABELLEN.values()}


def _kopfzeile(zeilen: Sequence[Sequence[Any]], tabelle: Tabelle) -> tuple[int, int]:
    """Index of the header row, the one of the first rows that knows most columns of the table, and how many it knows."""
    treffer = [len({_name(z) for z in zeile} & set(_SPALTE[tabelle.name])) for zeile in zeilen[:KOPF_SUCHE]]
    bester = max(range(len(treffer)), key=lambda i: (treffer[i], -i), default=0)
    return bester, treffer[bester] if treffer else 0


def _zuordnen(tabelle: Tabelle, ort: str, kopf: Sequence[Any]) -> tuple[dict[str, int], list[Fehler], list[str]]:
    """Which column of the file is which of the table; faults for missing and doubled ones, remarks for unknown ones."""
    orte: dict[str, int] = {}
    fehler, fremd = [], []
    for i, text in enumerate(kopf):
        name = _SPALTE[tabelle.name].get(_name(text))
        if name is None:
            fremd += [convert.kurz(text)] if _name(text) else []
        elif name in orte:
            grund = f"Zwei Überschriften meinen diese Spalte: „{convert.kurz(kopf[orte[name]])}“ und „{convert.kurz(text)}“."
            fehler.append(Fehler(ort, grund, "Eine der beiden Spalten löschen oder umbenennen.", spalte=name, art="spalte_doppelt"))
        else:
            orte[name] = i
    if not orte:
        fehler = [Fehler(ort, f"Keine Überschrift der Tabelle {tabelle.name} wurde gefunden.",
                         f"Über die Daten diese Überschriften setzen: {', '.join(tabelle.pflichtspalten)}.", art="spalte_fehlt")]
    for name in tabelle.pflichtspalten if orte else ():
        if name not in orte:
            abhilfe = f"Die Überschrift „{name}“ ergänzen." + (f" Nicht zugeordnet sind: {', '.join(fremd[:8])}." if fremd else "")
            fehler.append(Fehler(ort, "Die Pflichtspalte fehlt.", abhilfe, spalte=name, art="spalte_fehlt"))
    return orte, fehler, [f"{ort}: Spalte „{f}“ gehört nicht zur Tabelle {tabelle.name} und bleibt außen vor." for f in fremd]


def _entschluesselt(daten: bytes, ort: str) -> tuple[str, str]:
    """Text and name of the encoding: a byte order mark decides, then UTF-8, then Windows-1252."""
    kodierungen = [("utf-8-sig", "UTF-8"), ("cp1252", "Windows-1252")]
    if daten.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        kodierungen = [("utf-16", "UTF-16")]
    elif b"\0" in daten[:2]:
        kodierungen = [("utf-16-be" if daten[:1] == b"\0" else "utf-16-le", "UTF-16")]
    for kodierung, anzeige in kodierungen:
        try:
            text = daten.decode(kodierung)
        except UnicodeDecodeError:
            continue
        if kodierung != "cp1252" or not DOS_MAC.search(text) or re.search("[äöü]", text):
            return text, anzeige
    raise _Abbruch(ort, "Die Zeichenkodierung ist weder UTF-8 noch UTF-16 noch Windows-1252.", "Als „CSV UTF-8“ neu speichern.")


def _lies_csv(pfad: Path, tabelle: Tabelle) -> _Roh:
    ort = pfad.name
    text, kodierung = _entschluesselt(pfad.read_bytes(), ort)
    if not text.strip():
        raise _Abbruch(ort, "Die Datei ist leer.", "Die Datei mit Überschriften liefern oder entfernen.")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    beste: tuple[int, int, str, list[str], int] = (-1, 0, ";", [], 1)
    for trenner in ";,\t":
        leser = csv.reader(io.StringIO(text[:1 << 18], newline=""), delimiter=trenner)
        zeilen, ende = [], []
        try:
            for zeile in leser:
                zeilen.append(zeile)
                ende.append(leser.line_num)
                if len(zeilen) == KOPF_SUCHE:
                    break
        except csv.Error:  # an endless field: an unpaired quotation mark, if this is the separator
            ende.append(leser.line_num)
        k, bekannt = _kopfzeile(zeilen, tabelle)
        beste = max(beste, (bekannt, -k, trenner, zeilen[k] if zeilen else [], ende[k]), key=lambda b: b[:2])
    _, k, trenner, kopf, kopf_ende = beste
    k = -k
    orte, fehler, hinweise = _zuordnen(tabelle, ort, kopf)
    stelle = 0
    for _ in range(kopf_ende):
        stelle = text.find("\n", stelle) + 1 or len(text)
    rumpf = text[stelle:].encode()
    del text
    schlecht: dict[int, int] = {}

    def melde(zeile: Any) -> str:
        schlecht[zeile.number] = zeile.actual_columns
        return "skip"

    spalten, n = {name: convert.rohspalte([]) for name in orte}, 0
    namen = [str(i) for i in range(len(kopf))]
    if rumpf.strip() and orte:
        lesen = pa.csv.ReadOptions(column_names=namen, use_threads=False, block_size=1 << 22)
        trennen = pa.csv.ParseOptions(delimiter=trenner, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=melde)
        wandeln = pa.csv.ConvertOptions(column_types={i: pa.dictionary(pa.int32(), pa.string()) for i in namen}, strings_can_be_null=False,
                                        include_columns=[str(i) for i in orte.values()])
        try:
            tafel = pa.csv.read_csv(io.BytesIO(rumpf), lesen, trennen, wandeln)
        except pa.ArrowInvalid:
            raise _Abbruch(ort, "Die Zeilen lassen sich nicht trennen.", "Prüfen, ob ein Anführungszeichen fehlt.") from None
        spalten, n = {name: _aus_arrow(tafel.column(str(i))) for name, i in orte.items()}, tafel.num_rows
    nummern = np.setdiff1d(np.arange(1, n + len(schlecht) + 1), list(schlecht))
    fehler += [Fehler(ort, f"Die Zeile hat {hat} statt {len(kopf)} Felder.",
                      "Text mit Trennzeichen oder Zeilenumbruch in Anführungszeichen"
                      " setzen, einzelne Anführungszeichen verdoppeln.", zeile=nr + k + 1, art="felder") for nr, hat in schlecht.items()]
    zeichen = "Tabulator" if trenner == "\t" else f"„{trenner}“"
    return _Roh(tabelle, ort, nummern + k + 1, spalten, fehler, hinweise, f"{ort}: {n} Zeilen, {kodierung}, Trennzeichen {zeichen}")


def _aus_arrow(spalte: pa.ChunkedArray) -> convert.Rohspalte:
    if not pa.types.is_dictionary(spalte.type):
        spalte = spalte.dictionary_encode()
    feld = pa.concat_arrays(spalte.unify_dictionaries().chunks) if spalte.num_chunks else pa.array([], spalte.type)
    return convert.Rohspalte(feld.indices.fill_null(-1).to_numpy(zero_copy_only=False), feld.dictionary.to_pylist())


def _lies_parquet(pfad: Path, tabelle: Tabelle) -> _Roh:
    ort = pfad.name
    datei = pq.ParquetFile(pfad)
    if sum(datei.metadata.row_group(i).total_byte_size for i in range(datei.num_row_groups)) > BYTES_MAX:
        raise _Abbruch(ort, "Die Datei ist zu groß.", "Auf den Zeitraum der Auswertung beschränken.")
    kopf = datei.schema_arrow.names
    orte, fehler, hinweise = _zuordnen(tabelle, ort, kopf)
    tafel = datei.read(columns=[kopf[i] for i in orte.values()], use_threads=False)
    spalten = {}
    for name, i in orte.items():
        try:
            spalten[name] = _aus_arrow(tafel.column(kopf[i]))
        except pa.ArrowNotImplementedError:
            fehler.append(Fehler(ort, f"Der Spaltentyp {convert.kurz(tafel.column(kopf[i]).type)} wird nicht gelesen.",
                                 "Als Text, Zahl, Datum oder Wahrheitswert liefern.", spalte=name, art="spalte_fehlt"))
    return _Roh(tabelle, ort, np.arange(2, tafel.num_rows + 2), spalten, fehler, hinweise, f"{ort}: {tafel.num_rows} Zeilen, Parquet")


def _lies_mappe(pfad: Path, eingang: _Eingang) -> None:
    """All sheets of a workbook into `eingang`. Raises _Abbruch where it is no .xlsx or not readable by design."""
    daten = pfad.read_bytes()
    if daten.startswith(b"\xd0\xcf\x11\xe0"):
        if "EncryptedPackage".encode("utf-16-le") in daten:
            raise _Abbruch(pfad.name, "Die Mappe ist mit einem Kennwort geschützt.", "Ohne Kennwort neu speichern.")
        raise _Abbruch(pfad.name, "Das ist eine alte .xls-Mappe mit der Endung .xlsx.", "In Excel als .xlsx neu speichern.")
    with zipfile.ZipFile(io.BytesIO(daten)) as archiv:
        if sum(e.file_size for e in archiv.infolist()) > BYTES_MAX:
            raise _Abbruch(pfad.name, "Die Mappe ist zu groß.", "Als .csv oder .parquet liefern, eine Datei je Tabelle.")
        buch, verweise = (ElementTree.fromstring(archiv.read(f"xl/{n}")) for n in ("workbook.xml", "_rels/workbook.xml.rels"))
        ziele = {v.get("Id"): posixpath.normpath(posixpath.join("/xl", v.get("Target", ""))).lstrip("/") for v in verweise}
        xml = {b.get("name", ""): ziele.get(next((w for k, w in b.items() if k.endswith("}id")), "")) for b in buch.iterfind(".//{*}sheet")}
        alt = any(b.get("date1904") in ("1", "true") for b in buch.iterfind("{*}workbookPr"))
        rechnen = any(b.get("fullCalcOnLoad") in ("1", "true") for b in buch.iterfind("{*}calcPr"))
        mappe = CalamineWorkbook.from_filelike(io.BytesIO(daten))
        for blatt in mappe.sheets_metadata:
            name, offen, tabelle = blatt.name, blatt.visible == SheetVisibleEnum.Visible, _TABELLE.get(_name(blatt.name))
            ort = f"{pfad.name}, Blatt {convert.kurz(name)}"
            if tabelle is None:
                if offen and _name(name) not in BEIBLAETTER:
                    eingang.hinweise.append(f"{ort}: Das Blatt gehört zu keiner Tabelle und bleibt außen vor.")
            elif tabelle in eingang.roh:
                eingang.fehler.append(Fehler(ort, "Zwei Blätter meinen diese Tabelle.", "Eines davon löschen.", art="tabelle_doppelt"))
            else:
                def lesen(name: str = name, tabelle: str = tabelle, ort: str = ort, offen: bool = offen) -> None:
                    roh = _lies_blatt(mappe, name, archiv.read(xml[name] or ""), TABELLEN[tabelle], ort, rechnen=rechnen)
                    roh.null = convert.EXCEL_NULL_1904 if alt else convert.EXCEL_NULL
                    roh.hinweise += [] if offen else [f"{ort}: Das Blatt ist ausgeblendet und wird mitgelesen."]
                    eingang.roh[tabelle] = roh

                eingang.versuche(ort, [tabelle], lesen)


def _stelle(spalte: bytes, zeile: bytes) -> tuple[int, int]:
    """Row and column of a cell reference, from 0: C4 → (3, 2)."""
    nummer = 0
    for zeichen in spalte:
        nummer = nummer * 26 + zeichen - 64
    return int(zeile) - 1, nummer - 1


def _lies_blatt(mappe: CalamineWorkbook, name: str, xml: bytes, tabelle: Tabelle, ort: str, *, rechnen: bool) -> _Roh:
    """One sheet. calamine leaves error cells and formulas without a value blank: they are found in the XML.

    `rechnen`: the writing program left the calculation to Excel, so no value of a formula is one.
    """
    bezuege = _BEZUEGE.findall(xml)
    hoch, breit = max((int(z) for _, z in bezuege), default=0), max((_stelle(s, b"1")[1] + 1 for s in {s for s, _ in bezuege}), default=0)
    if hoch * breit > ZELLEN_MAX:
        raise _Abbruch(ort, f"Das Blatt reicht bis Zeile {hoch} und Spalte {breit}.", "Zellen neben und unter der Tabelle löschen.")
    blatt = mappe.get_sheet_by_name(name)
    zeilen: list[list[Any]] = blatt.to_python(skip_empty_area=False)
    marken: dict[bytes, Any] = {}
    for zelle in (_FORMEL if rechnen else _OHNE_WERT).finditer(xml):
        if rechnen or b't="str"' not in zelle[1]:
            marken[zelle[1]] = UNBERECHNET
    for zelle in _FEHLERZELLE.finditer(xml):
        marken[zelle[1]] = (zelle[2] or b"#").decode()
    stellen = {_stelle(*b.groups()): m for attribute, m in marken.items() if (b := _BEZUG.search(attribute))}
    k, _ = _kopfzeile(zeilen, tabelle)
    for (r0, c0), (r1, c1) in blatt.merged_cell_ranges or ():
        if r1 > k and any(c0 < len(z) and not convert.ist_leer(z[c0]) for z in zeilen[r0:r0 + 1]):
            reihen = range(max(r0, k + 1), min(r1, len(zeilen)) + 1)
            stellen |= {(r, c): VERBUNDEN for r in reihen for c in range(c0, min(c1, breit) + 1)}
    hoch, breit = max((r + 1 for r, _ in stellen), default=0), max((c + 1 for _, c in stellen), default=0)
    zeilen += [[] for _ in range(hoch - len(zeilen))]
    for zeile in zeilen:
        zeile += [""] * (max(breit, len(zeilen[k])) - len(zeile))
    for (r, c), marke in stellen.items():
        zeilen[r][c] = marke
    orte, fehler, hinweise = _zuordnen(tabelle, ort, zeilen[k] if zeilen else [])
    rumpf = zeilen[k + 1:]
    versteckt = len(_VERSTECKT.findall(xml))
    if versteckt:
        hinweise.append(f"{ort}: {versteckt} Zeilen sind ausgeblendet und werden mitgelesen.")
    spalten = {s: convert.rohspalte([zeile[i] for zeile in rumpf]) for s, i in orte.items()}
    return _Roh(tabelle, ort, np.arange(k + 2, k + 2 + len(rumpf)), spalten, fehler, hinweise, f"{ort}: {len(rumpf)} Zeilen, Excel")


def _lies_toml(pfad: Path) -> tuple[dict[str, Any], list[Fehler]]:
    """The values of bestand.toml by key; a key with a fault is missing."""
    fehler: list[Fehler] = []
    werte: dict[str, Any] = {"hinweis": "", "erfunden": False}

    def melde(grund: str, abhilfe: str, schluessel: str = "") -> None:
        fehler.append(Fehler(pfad.name, grund, abhilfe, spalte=schluessel, art="bestand_toml"))

    if not pfad.is_file():
        melde("Die Datei fehlt.", "Mit datenstand, leistungstraeger und eigene_kostentraeger anlegen.")
        return werte, fehler
    try:
        roh = tomllib.loads(pfad.read_bytes().decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as f:
        zeile = re.search(r"line (\d+)", str(f))
        melde(f"Das ist kein TOML in UTF-8{f' (Zeile {zeile[1]})' if zeile else ''}.", 'Schreiben wie 2026-03-31, "Text" oder ["Liste"].')
        return werte, fehler
    try:
        werte["datenstand"] = convert.als_datum(roh.get("datenstand"))
    except convert.Unlesbar as u:
        melde(u.grund, "Den Tag des Datenabzugs angeben: datenstand = 2026-03-31.", "datenstand")
    name, eigene = roh.get("leistungstraeger"), roh.get("eigene_kostentraeger")
    if isinstance(name, str) and name.strip():
        werte["leistungstraeger"] = name.strip()
    else:
        melde("Der Name des Leistungsträgers fehlt.", 'Ergänzen: leistungstraeger = "Name".', "leistungstraeger")
    if isinstance(eigene, list) and eigene and all(isinstance(e, str) and e.strip() for e in eigene):
        werte["eigene_kostentraeger"] = tuple(e.strip() for e in eigene)
    else:
        melde("Die Liste der eigenen Kostenträger fehlt.", 'Ergänzen: eigene_kostentraeger = ["Name"].', "eigene_kostentraeger")
    for schluessel, typ in (("hinweis", str), ("erfunden", bool)):
        werte[schluessel] = roh.get(schluessel, werte[schluessel])
        if not isinstance(werte[schluessel], typ):
            melde("Diese Angabe ist von falscher Art.", 'hinweis = "Text", erfunden = true oder false.', schluessel)
    for schluessel in roh.keys() - {"datenstand", "leistungstraeger", "eigene_kostentraeger", *werte}:
        melde("Diese Angabe ist unbekannt.", "Schreibweise prüfen oder löschen.", convert.kurz(schluessel))
    return werte, fehler


def _einlesen(pfad: Path) -> tuple[Path, _Eingang]:
    """The folder and what its files hold; files named `fehler…` are our own lists of faults and left out.
    Raises TraegerFehler where there is nothing to read."""
    eingang = _Eingang()
    if pfad.is_dir():
        dateien = sorted(d for d in pfad.iterdir() if d.is_file() and not d.name.startswith(("~$", ".", "fehler")))
    elif pfad.suffix.lower() == ".xlsx" and pfad.exists():
        dateien = [pfad]
    else:
        raise TraegerFehler(f"{pfad} ist kein Bestand; erwartet wird ein Ordner mit bestand.toml und Tabellen oder eine .xlsx-Datei."
                            if pfad.exists() else f"Den Bestand {pfad} gibt es nicht.")
    mappen = [d for d in dateien if d.suffix.lower() == ".xlsx"]
    einzeln = [d for d in dateien if d.suffix.lower() in (".csv", ".parquet")]
    for d in dateien:
        if d.suffix.lower() in FREMD and (_name(d.stem) in _TABELLE or not mappen + einzeln):
            eingang.fehler.append(Fehler(d.name, "Dieses Format wird nicht gelesen.", "Als .csv oder .xlsx speichern.", art="datei"))
            eingang.unlesbar.update([_TABELLE[_name(d.stem)]] if _name(d.stem) in _TABELLE else TABELLEN)
    if not mappen and not einzeln and not eingang.fehler:
        raise TraegerFehler(f"Im Ordner {pfad} liegt keine Tabelle (.csv, .parquet oder .xlsx).")
    if len(mappen) > 1 or (mappen and einzeln):
        eingang.fehler.append(Fehler(", ".join(d.name for d in (mappen + einzeln)[:4]), "Im Ordner liegen mehrere Quellen nebeneinander.",
                                     "Entweder eine einzige .xlsx-Datei oder eine Datei je Tabelle liefern.", art="tabelle_doppelt"))
        eingang.unlesbar.update(TABELLEN)
        return pfad, eingang
    if mappen:
        eingang.versuche(mappen[0].name, TABELLEN, lambda: _lies_mappe(mappen[0], eingang))
    for d in einzeln:
        name = _TABELLE.get(_name(d.stem))
        if name is None:
            eingang.hinweise.append(f"{d.name}: Die Datei gehört zu keiner Tabelle und bleibt außen vor.")
        elif name in eingang.roh:
            grund = f"Die Tabelle {name} kommt zweimal vor, auch als {eingang.roh[name].ort}."
            eingang.fehler.append(Fehler(d.name, grund, "Eine der Dateien entfernen.", art="tabelle_doppelt"))
        else:
            def lesen(d: Path = d, name: str = name) -> None:
                eingang.roh[name] = (_lies_csv if d.suffix.lower() == ".csv" else _lies_parquet)(d, TABELLEN[name])

            eingang.versuche(d.name, [name], lesen)
    return pfad if pfad.is_dir() else pfad.parent, eingang


def _wandle(roh: _Roh, traeger_von: Mapping[str, str], bekannt: Collection[str]) -> tuple[pd.DataFrame, list[Fehler], list[str]]:
    """The converted table with row numbers as index, without the rows that have a fault; faults; remarks."""
    t, n = roh.tabelle, len(roh.zeilen)
    gewandelt = {name: convert.wandle(t.spalte[name], spalte, null=roh.null) for name, spalte in roh.spalten.items()}
    rahmen = pd.DataFrame({s.name: gewandelt[s.name].werte if s.name in gewandelt else
                           pd.Series([None] * n, dtype=PANDAS_TYP.get(s.art, "str")) for s in t.spalten}, copy=False)
    voll = ~np.logical_and.reduce([np.ones(n, dtype=bool), *(w.leer for w in gewandelt.values())])
    besitzer = pd.Series([None] * n, dtype="str")
    if t.gehoert and t.name not in ("traeger", "angebote"):
        besitzer = rahmen["traeger_id"] if t.gehoert == "traeger_id" else rahmen["angebot_id"].map(traeger_von)
    maengel: dict[int, list[tuple[str, str, convert.Unlesbar]]] = {}
    for name, w in gewandelt.items():
        spalte, codes = t.spalte[name], roh.spalten[name].codes
        if w.fehler:
            je_code = dict(w.fehler)
            for i in np.flatnonzero(np.isin(codes, list(je_code)) & voll).tolist():
                wert = roh.spalten[name].werte[codes[i]]
                zeigen = not spalte.vertraulich and not isinstance(wert, convert.Unlesbar)
                maengel.setdefault(i, []).append((name, convert.kurz(wert) if zeigen else "", je_code[codes[i]]))
        for i in np.flatnonzero(w.leer & voll).tolist() if spalte.pflicht else ():
            maengel.setdefault(i, []).append((name, "", FEHLT))
    fehler = []
    for i, liste in sorted(maengel.items()):
        texte = [str(roh.spalten[s].werte[c]) for s in roh.spalten if (c := roh.spalten[s].codes[i]) >= 0]
        if sum(_SPALTE[t.name].get(_name(x)) is not None for x in texte) > max(1, len(texte) // 2):
            liste = [("", "", KOPF)]
        elif any(SUMME.fullmatch(x.strip()) for x in texte):
            liste = [("", "", SUMMENZEILE)]
        wer = str(besitzer.iat[i]) if besitzer.iat[i] in bekannt else ""
        fehler += [Fehler(roh.ort, u.grund, u.abhilfe, int(roh.zeilen[i]), name, wert, wer, u.art) for name, wert, u in liste]
    rahmen.index = pd.Index(roh.zeilen, name="zeile")
    voll[list(maengel)] = False
    hinweise = [f"{roh.ort}, Spalte {name}: {w.hinweis}" for name, w in gewandelt.items() if w.hinweis]
    return (rahmen if voll.all() else rahmen[voll]), fehler, hinweise


def _lies(pfad: Path) -> tuple[Bestand | None, list[Fehler]]:
    """The Bestand, None where a fault concerns the whole of it, and all faults."""
    ordner, eingang = _einlesen(pfad)
    angaben, toml_fehler = _lies_toml(ordner / "bestand.toml")
    fehler, texte = toml_fehler + eingang.fehler, eingang.hinweise
    rahmen: dict[str, pd.DataFrame] = {}
    traeger_von: dict[str, str] = {}
    bekannt: set[str] = set()
    for name, tabelle in TABELLEN.items():
        roh = eingang.roh.get(name)
        if not roh:
            rahmen[name] = leere_tabelle(name)
        else:
            rahmen[name], neu, bemerkt = _wandle(roh, traeger_von, bekannt)
            fehler, texte = fehler + roh.fehler + neu, texte + roh.hinweise + bemerkt
            if any(f.art.startswith("spalte") for f in roh.fehler):
                eingang.unlesbar.add(name)
        if tabelle.pflicht and name not in eingang.unlesbar and not (roh and (len(rahmen[name]) or neu)):
            fehler.append(Fehler(roh.ort if roh else pfad.name, f"Die Tabelle {name} {'ist leer' if roh else 'fehlt'}.",
                                 f"{name}.csv, {name}.parquet oder ein Blatt {name} mit Zeilen liefern.", art="tabelle_fehlt"))
            eingang.unlesbar.add(name)
        if name == "traeger":
            bekannt = set(rahmen[name]["traeger_id"])
        if name == "angebote":
            traeger_von = dict(zip(rahmen[name]["angebot_id"], rahmen[name]["traeger_id"], strict=True))
    hinweise = [("", text) for text in texte]
    if {"datenstand", "eigene_kostentraeger"} <= set(angaben):
        lage = checks.Lage(rahmen, {name: r.ort for name, r in eingang.roh.items()}, angaben["datenstand"], angaben["eigene_kostentraeger"])
        neu, weitere = checks.pruefe(lage, unvollstaendig=eingang.unlesbar, bisher=fehler)
        fehler, hinweise = fehler + neu, hinweise + weitere
    if any(not f.traeger_id for f in fehler):
        return None, fehler
    return Bestand(tabellen={n: r.reset_index(drop=True) for n, r in rahmen.items()}, hinweise=tuple(hinweise),
                   gelesen=tuple(r.gelesen for r in eingang.roh.values()), **angaben), fehler


def _aktuell(pfad: Path) -> tuple[Bestand | None, list[Fehler]]:
    """`_lies`, but the last Bestand read is kept as long as none of its files changes; forked reports share it."""
    dateien = sorted(pfad.iterdir()) if pfad.is_dir() else [pfad, pfad.parent / "bestand.toml"]
    stand = tuple((d.name, d.stat().st_size, d.stat().st_mtime_ns) for d in dateien if d.is_file())
    return _zuletzt(pfad.resolve(), stand)


@lru_cache(maxsize=1)
def _zuletzt(pfad: Path, stand: tuple[tuple[str, int, int], ...]) -> tuple[Bestand | None, list[Fehler]]:
    return _lies(pfad)


def lies(pfad: str | Path) -> tuple[Bestand, list[Fehler]]:
    """The whole Bestand and the faults that belong to single providers.

    Rows with a faulty value are left out of the frames; their provider has a fault in the list. Raises Fehlerliste
    (all faults) where one concerns the whole Bestand, TraegerFehler where there is nothing to read.
    """
    bestand, fehler = _aktuell(Path(pfad))
    if bestand is None:
        raise Fehlerliste(fehler)
    return bestand, list(fehler)


def load(pfad: str | Path, traeger_id: str | None = None) -> Bestand:
    """The Bestand, or the part of one provider. Raises Fehlerliste with every fault that concerns it, TraegerFehler
    where there is nothing to read or no such provider."""
    bestand, fehler = _aktuell(Path(pfad))
    if bestand and traeger_id is not None and traeger_id not in bestand.traeger_ids:
        raise TraegerFehler(f"Den Träger {traeger_id} gibt es im Bestand nicht; bekannt sind {', '.join(bestand.traeger_ids)}.")
    fehler = [f for f in fehler if traeger_id is None or f.traeger_id in ("", traeger_id)]
    if fehler or bestand is None:
        raise Fehlerliste(fehler)
    return bestand if traeger_id is None else bestand.nur(traeger_id)
