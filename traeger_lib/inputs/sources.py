"""File formats to raw columns: encodings and separators of csv, parquet, and what Excel workbooks hide.

A cell is handed on exactly as stored, or as the Unlesbar that says why it is no value; a file or sheet that cannot be
read at all raises one. `bekannt` counts the headings in a row. Not here: which tables and columns there are (`reading`).
"""

from __future__ import annotations

import codecs
import csv
import io
import posixpath
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from python_calamine import CalamineWorkbook, SheetVisibleEnum
from xlsxwriter.utility import xl_cell_to_rowcol

from traeger_lib.inputs.convert import EXCEL_NULL, EXCEL_NULL_1904, Rohspalte, Unlesbar, ist_leer, kurz, rohspalte
from traeger_lib.inputs.faults import anzahl

PROBE = 1000  # so many first rows tell whether the values of a column repeat
KOPF_SUCHE = 20  # the header is looked for in so many first rows
ZELLEN_MAX = 12_600_000  # cells of a sheet, about 12 columns of all rows Excel has; guards the memory
BYTES_MAX = 1 << 30  # uncompressed bytes of a workbook or parquet file; guards the memory
DOS_MAC = re.compile("[A-Za-z][„”ŠŸ][a-z]")  # ä, ö, ü of a DOS or Mac file read as Windows-1252
UNBERECHNET = Unlesbar("Die Formel hat keinen berechneten Wert.", "Die Mappe in Excel öffnen und neu speichern.", "formel")
VERBUNDEN = Unlesbar("Die Zelle ist mit anderen verbunden.", "Den Verbund lösen und jede Zelle einzeln ausfüllen.", "verbunden")
_C = rb"<(?:\w+:)?c\s([^>]*[^>/])>\s*"  # a cell of a sheet's XML, its formula, and where it stands
_F = rb"<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)\s*"
_FORMEL, _OHNE_WERT = re.compile(_C + _F), re.compile(_C + _F + rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</")
_FEHLERZELLE = re.compile(rb"<(?:\w+:)?c\s([^>]*\bt=[\"']e[\"'][^>]*)>\s*(?:" + _F + rb")?(?:<(?:\w+:)?v>([^<]*))?")
_BEZUG = re.compile(rb"\br=[\"']([A-Z]{1,3}[0-9]{1,7})[\"']")
_BEZUEGE = re.compile(rb"<(?:\w+:)?c\s[^>]*?\br=[\"']([A-Z]{1,3})([0-9]{1,7})[\"'](?:[^>]*[^>/])?>")
_VERSTECKT = re.compile(rb"<(?:\w+:)?row\s[^>]*?\bhidden=[\"'](?:1|true)")
Bekannt = Callable[[Sequence[Any]], int]


@dataclass
class Roh:
    """A table as read: `zeilen` are row numbers as the user's program counts them, `spalte` gives column i of the header
    `kopf`, `felder` holds rows with a wrong number of fields, `gelesen` says how the file was read."""
    kopf: Sequence[Any]
    zeilen: np.ndarray
    spalte: Callable[[int], Rohspalte]
    gelesen: str
    felder: Mapping[int, int] = field(default_factory=dict)
    versteckt: int = 0  # hidden rows
    null: date = EXCEL_NULL


def _entschluesselt(daten: bytes) -> tuple[str, str]:
    """Text and name of the encoding: a byte order mark decides, then UTF-8, then Windows-1252."""
    kodierungen = {"utf-8-sig": "UTF-8", "cp1252": "Windows-1252"}
    if b"\0" in daten[:2] or daten.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        kodierungen = {"utf-16" if daten[0] and daten[1] else "utf-16-le" if daten[0] else "utf-16-be": "UTF-16"}
    for kodierung, anzeige in kodierungen.items():
        with suppress(UnicodeDecodeError):
            text = daten.decode(kodierung)
            if kodierung != "cp1252" or not DOS_MAC.search(text) or re.search("[äöü]", text):
                return text, anzeige
    raise Unlesbar("Die Zeichenkodierung ist weder UTF-8 noch UTF-16 noch Windows-1252.", "Als „CSV UTF-8“ neu speichern.")


def _csv_kopf(text: str, trenner: str, bekannt: Bekannt) -> tuple[int, int, str, list[str], int]:
    """Headings known, index (negative), separator, fields and last line of the header, if `trenner` is the separator."""
    leser = csv.reader(io.StringIO(text[:1 << 18], newline=""), delimiter=trenner)
    bester = (0, 0, trenner, [""], 1)
    with suppress(csv.Error):  # an endless field: an unpaired quotation mark, if this is the separator
        for i, zeile in enumerate(islice(leser, KOPF_SUCHE)):
            bester = max(bester, (bekannt(zeile), -i, trenner, zeile, leser.line_num), key=lambda b: b[:2])
    return bester


def _gebraucht(ueberschrift: str, bekannt: Bekannt) -> bool:
    """Whether a column is read: a known one, or one without a heading (whose values would be lost unseen)."""
    return bool(bekannt([ueberschrift])) or not ueberschrift.strip()


def lies_csv(pfad: Path, bekannt: Bekannt) -> Roh:
    """A csv file; its encoding and separator are the ones that read it best."""
    text, kodierung = _entschluesselt(pfad.read_bytes())
    if not text.strip():
        raise Unlesbar("Die Datei ist leer.", "Die Datei mit Überschriften liefern oder entfernen.")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    treffer, k, trenner, kopf, ende = max([_csv_kopf(text, t, bekannt) for t in ";,\t"], key=lambda b: b[:2])
    daten = "".join(text.split("\n", ende)[ende:]).encode() if treffer else b""  # below the header
    del text
    namen, felder = [str(i) for i in range(len(kopf))], dict[int, int]()

    def melde(zeile: Any) -> str:
        felder[zeile.number - k + 1] = zeile.actual_columns
        return "skip"

    tafel = pa.table({i: pa.array([], pa.string()) for i in namen})
    if daten.strip():
        lesen = pa.csv.ReadOptions(column_names=namen, use_threads=False, block_size=1 << 22)
        trennen = pa.csv.ParseOptions(delimiter=trenner, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=melde)
        wandeln = pa.csv.ConvertOptions(column_types={i: pa.dictionary(pa.int32(), pa.string()) for i in namen}, strings_can_be_null=False,
                                        include_columns=[i for i in namen if _gebraucht(kopf[int(i)], bekannt)])
        try:
            tafel = pa.csv.read_csv(io.BytesIO(daten), lesen, trennen, wandeln)
        except pa.ArrowInvalid:
            raise Unlesbar("Die Zeilen lassen sich nicht trennen.", "Prüfen, ob ein Anführungszeichen fehlt.") from None
    nummern = np.setdiff1d(np.arange(2 - k, tafel.num_rows + len(felder) + 2 - k), list(felder))
    zeichen = "Tabulator" if trenner == "\t" else f"„{trenner}“"
    gelesen = f"{anzahl(len(nummern), 'Zeile', 'Zeilen')}, {kodierung}, Trennzeichen {zeichen}"
    return Roh(kopf, nummern, lambda i: _aus_arrow(tafel.column(str(i))), gelesen, felder)


def _aus_arrow(spalte: pa.ChunkedArray) -> Rohspalte:
    """The column by its distinct values; texts that hardly repeat, such as pseudonyms, as they stand."""
    probe = spalte[:PROBE]
    if pa.types.is_string(spalte.type) and not spalte.null_count and pc.count_distinct(probe).as_py() * 3 > len(probe):
        return Rohspalte(np.arange(len(spalte)), spalte.combine_chunks())
    try:
        kodiert = spalte if pa.types.is_dictionary(spalte.type) else spalte.dictionary_encode()
        feld = pa.concat_arrays(kodiert.unify_dictionaries().chunks) if len(spalte) else pa.array([], pa.string()).dictionary_encode()
    except pa.ArrowNotImplementedError:
        raise Unlesbar(f"Der Spaltentyp {kurz(spalte.type)} wird nicht gelesen.", "Als Text, Zahl, Datum oder ja/nein liefern.") from None
    return Rohspalte(feld.indices.fill_null(-1).to_numpy(zero_copy_only=False), feld.dictionary)


def lies_parquet(pfad: Path, bekannt: Bekannt) -> Roh:
    """A parquet file; a column of a nested type raises Unlesbar when it is asked for."""
    datei = pq.ParquetFile(pfad)
    if sum(datei.metadata.row_group(i).total_byte_size for i in range(datei.num_row_groups)) > BYTES_MAX:
        raise Unlesbar("Die Datei ist zu groß.", "Auf den Zeitraum der Auswertung beschränken.")
    kopf, n = datei.schema_arrow.names, datei.metadata.num_rows
    tafel = datei.read(columns=list(dict.fromkeys(text for text in kopf if _gebraucht(text, bekannt))), use_threads=False)
    tafel.validate(full=True)  # texts that are no UTF-8

    def spalte(i: int) -> Rohspalte:  # two of one name stand in the order of the file
        gleichnamige = [s for name, s in zip(tafel.column_names, tafel.columns, strict=True) if name == kopf[i]]
        return _aus_arrow(gleichnamige[kopf[:i].count(kopf[i])])
    return Roh(kopf, np.arange(2, n + 2), spalte, f"{anzahl(n, 'Zeile', 'Zeilen')}, Parquet")


def blattdateien(archiv: zipfile.ZipFile) -> tuple[ElementTree.Element, dict[str, str]]:
    """The XML of a workbook, and the part of the file that holds each sheet."""
    buch, verweise = (ElementTree.fromstring(archiv.read(f"xl/{n}")) for n in ("workbook.xml", "_rels/workbook.xml.rels"))
    ziele = {v.get("Id"): posixpath.normpath(posixpath.join("/xl", v.get("Target", ""))).lstrip("/") for v in verweise}
    teil = {b.get("name", ""): next((w for k, w in b.items() if k.endswith("}id")), "") for b in buch.iterfind(".//{*}sheet")}
    return buch, {name: ziele.get(id_, "") for name, id_ in teil.items()}


def blaetter(pfad: Path) -> list[tuple[str, bool, Callable[[Bekannt], Roh]]]:
    """Name and visibility of each sheet of a workbook, and the function that reads it."""
    daten = pfad.read_bytes()
    if daten.startswith(b"\xd0\xcf\x11\xe0"):
        geschuetzt = "EncryptedPackage".encode("utf-16-le") in daten
        raise Unlesbar(f"Die Mappe ist {'mit einem Kennwort geschützt' if geschuetzt else 'eine alte .xls-Mappe mit der Endung .xlsx'}.",
                       "In Excel ohne Kennwort als .xlsx neu speichern.")
    archiv = zipfile.ZipFile(io.BytesIO(daten))
    if sum(e.file_size for e in archiv.infolist()) > BYTES_MAX:
        raise Unlesbar("Die Mappe ist zu groß.", "Als .csv oder .parquet liefern, eine Datei je Tabelle.")
    buch, xml = blattdateien(archiv)
    null = EXCEL_NULL_1904 if any(b.get("date1904") in ("1", "true") for b in buch.iterfind("{*}workbookPr")) else EXCEL_NULL
    rechnen = any(b.get("fullCalcOnLoad") in ("1", "true") for b in buch.iterfind("{*}calcPr"))
    mappe = CalamineWorkbook.from_filelike(io.BytesIO(daten))

    def lies_blatt(name: str, bekannt: Bekannt) -> Roh:
        return replace(_lies_blatt(mappe, name, archiv.read(xml[name]), bekannt, _FORMEL if rechnen else _OHNE_WERT), null=null)

    return [(b.name, b.visible == SheetVisibleEnum.Visible, partial(lies_blatt, b.name)) for b in mappe.sheets_metadata]


def _lies_blatt(mappe: CalamineWorkbook, name: str, xml: bytes, bekannt: Bekannt, unberechnet: re.Pattern[bytes]) -> Roh:
    """One sheet. calamine leaves error cells and formulas without a value blank: they are found in the XML. `unberechnet`
    finds formulas without a value, or all of them where the writing program left the calculation to Excel."""
    bezuege = _BEZUEGE.findall(xml)
    hoch = max((int(z) for _, z in bezuege), default=0)
    breit = max((xl_cell_to_rowcol(f"{s.decode()}1")[1] + 1 for s in {s for s, _ in bezuege}), default=0)
    if hoch * breit > ZELLEN_MAX:
        raise Unlesbar(f"Das Blatt reicht bis Zeile {hoch} und Spalte {breit}.", "Zellen neben und unter der Tabelle löschen.")
    blatt = mappe.get_sheet_by_name(name)
    zeilen: list[list[Any]] = blatt.to_python(skip_empty_area=False)
    marken: dict[bytes, Any] = {z[1]: UNBERECHNET for z in unberechnet.finditer(xml) if unberechnet is _FORMEL or b't="str"' not in z[1]}
    marken |= {zelle[1]: (zelle[2] or b"#").decode() for zelle in _FEHLERZELLE.finditer(xml)}
    stellen = {xl_cell_to_rowcol(b[1].decode()): m for attribute, m in marken.items() if (b := _BEZUG.search(attribute))}
    k = max(range(len(zeilen[:KOPF_SUCHE])), key=lambda i: bekannt(zeilen[i]), default=0)
    for (r0, c0), (r1, c1) in blatt.merged_cell_ranges or ():
        if r1 > k and any(c0 < len(z) and not ist_leer(z[c0]) for z in zeilen[r0:r0 + 1]):
            reihen = range(max(r0, k + 1), min(r1, len(zeilen)) + 1)
            stellen |= {(r, c): VERBUNDEN for r in reihen for c in range(c0, min(c1, breit) + 1)}
    hoch, breit = (max((stelle[achse] + 1 for stelle in stellen), default=0) for achse in (0, 1))
    zeilen += [[] for _ in range(hoch - len(zeilen))]
    for zeile in zeilen:
        zeile += [""] * (max(breit, len(zeilen[k])) - len(zeile))
    for (r, c), marke in stellen.items():
        zeilen[r][c] = marke
    rumpf, nummern = zeilen[k + 1:], np.arange(k + 2, max(k + 1, len(zeilen)) + 1)
    return Roh(zeilen[k] if zeilen else [], nummern, lambda i: rohspalte(zeile[i] for zeile in rumpf),
               f"{anzahl(len(rumpf), 'Zeile', 'Zeilen')}, Excel", versteckt=len(_VERSTECKT.findall(xml)))
