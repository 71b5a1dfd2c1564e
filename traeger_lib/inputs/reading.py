"""Reading a Bestand: which file or sheet is which table, raw columns into checked tables, every fault at once.

Not here: file formats (`sources`), what a value means (`convert`), rules inside and between tables (`checks`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from traeger_lib.inputs import checks, convert, mapping, sources, view
from traeger_lib.inputs.convert import Unlesbar, kurz
from traeger_lib.inputs.faults import Fehler, Fehlerliste, TraegerFehler, anzahl
from traeger_lib.inputs.mapping import name as _name
from traeger_lib.inputs.schema import PANDAS_TYP, TABELLEN, Bestand, Tabelle, leere_tabelle

Lesen = Callable[[sources.Bekannt], sources.Roh]
Mangel = tuple[str, str, Unlesbar]  # column, value to show, what is wrong with it
Besitzer = Mapping[str, Mapping[str, str]]  # traeger_id, angebot_id: the ids known so far, to their provider
FREMD = (".xls", ".xlsm", ".xlsb", ".ods", ".tsv", ".txt", ".json")  # formats a table may come in, but not to us
SUMME = re.compile(r"((zwischen|gesamt|end)?summen?|gesamt|insgesamt|total|(gesamt)?ergebnis)\b[^;]{0,30}", re.IGNORECASE)
BEIBLAETTER = ("erlaeuterungen", "listen")  # sheets of our own template that hold no table
GESPERRT = Unlesbar("Die Datei ist gesperrt.", "In anderen Programmen schließen, Leserecht prüfen.")
BESCHAEDIGT = Unlesbar("Die Datei ist beschädigt oder von anderer Art, als die Endung sagt.", "In der Ursprungsanwendung neu speichern.")
FEHLT = Unlesbar("Die Pflichtangabe fehlt.", "Einen Wert eintragen.", "leer")
KOPF = Unlesbar("Die Zeile wiederholt die Überschriften.", "Die Zeile löschen.", "kopf_wiederholt")
SUMMENZEILE = Unlesbar("Die Zeile sieht nach einer Summenzeile aus.", "Die Zeile löschen, gerechnet wird hier.", "summenzeile")
NICHT_DA = "Diese Angabe fehlt oder beginnt mit #."
ANGABEN: dict[str, tuple[Callable[[Any], bool], str]] = {  # keys of bestand.toml beside datenstand: what is right, what to do
    "leistungstraeger": (lambda w: isinstance(w, str) and bool(w.strip()), 'Ergänzen: leistungstraeger = "Name".'),
    "eigene_kostentraeger": (lambda w: isinstance(w, list) and len(w) > 0 and all(isinstance(e, str) and e.strip() for e in w),
                             'Ergänzen: eigene_kostentraeger = ["Name"].'),
    "hinweis": (lambda w: isinstance(w, str), 'Als Text angeben: hinweis = "Text".'),
    "erfunden": (lambda w: isinstance(w, bool), "true oder false angeben.")}


@dataclass
class _Eingang:
    """What has been gathered so far. `unlesbar` are the tables that are not there as a whole, `fremde` files and sheets of no table."""
    fehler: list[Fehler] = field(default_factory=list)
    hinweise: list[str] = field(default_factory=list)
    gelesen: list[str] = field(default_factory=list)
    unlesbar: set[str] = field(default_factory=set)
    zuordnung: mapping.Zuordnung = field(default_factory=mapping.Zuordnung)
    fremde: list[tuple[str, Lesen]] = field(default_factory=list)

    @classmethod
    def bei(cls, pfad: Path) -> _Eingang:
        """Nothing gathered yet but the mapping beside the tables, and its faults."""
        zuordnung, fehler = mapping.lies(_daneben(pfad, mapping.DATEI))
        return cls(fehler, zuordnung=zuordnung)

    def melde(self, ort: str, grund: str, abhilfe: str, art: str, spalte: str = "", zeile: int | None = None) -> None:
        self.fehler.append(Fehler(ort, grund, abhilfe, zeile, spalte, art=art))

    @contextmanager
    def versuch(self, ort: str, namen: Collection[str]) -> Iterator[None]:
        """Whatever a parser raises on a damaged file becomes one fault that names the file; `namen` are the tables lost."""
        try:
            yield
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as fehler:  # a panic of the Excel parser (Rust) is no Exception
            art = fehler if isinstance(fehler, Unlesbar) else GESPERRT if isinstance(fehler, PermissionError) else BESCHAEDIGT
            self.melde(ort, art.grund, art.abhilfe, "datei")
            self.unlesbar.update(namen)

    def lies(self, tabelle: Tabelle, ort: str, lesen: Lesen, besitzer: Besitzer) -> pd.DataFrame:
        """The converted table; empty where it cannot be read."""
        geladen = None
        with self.versuch(ort, [tabelle.name]):
            roh = lesen(partial(self.zuordnung.bekannt, tabelle.name))
            geladen = roh, self.spalten(tabelle, ort, roh)
        return _wandle(tabelle, ort, *geladen, besitzer, self) if geladen else leere_tabelle(tabelle.name)

    def spalten(self, tabelle: Tabelle, ort: str, roh: sources.Roh) -> dict[str, convert.Rohspalte]:
        """The raw columns of a table by their names in the schema, with the faults and remarks of the file as such."""
        spalten, vorher, name = {}, len(self.fehler), tabelle.name
        for spalte, i in self.zuordnen(tabelle, ort, roh.kopf).items():
            try:
                spalten[spalte] = roh.spalte(i)
            except Unlesbar as u:
                self.melde(ort, u.grund, u.abhilfe, "spalte_fehlt", spalte)
        if len(self.fehler) > vorher:
            self.unlesbar.add(name)
        spalten, zugeordnet = self.zuordnung.uebersetze(name, spalten)
        self.hinweise += [f"{ort}, Spalte {s}: {anzahl(n, 'Wert', 'Werte')} nach {mapping.DATEI} gelesen." for s, n in zugeordnet.items()]
        for zeile, hat in roh.felder.items():
            self.melde(ort, f"Die Zeile hat {hat} statt {len(roh.kopf)} Felder.",
                       "Text mit Trennzeichen, Zeilenumbruch oder Anführungszeichen in Anführungszeichen setzen.", "felder", zeile=zeile)
        for i, text in enumerate(roh.kopf):
            if not str(text).strip() and not all(map(convert.ist_leer, roh.spalte(i).werte)):
                self.hinweise.append(f"{ort}: Spalte Nr. {i + 1} enthält Werte, hat aber keine Überschrift und bleibt außen vor.")
        if roh.versteckt:
            self.hinweise.append(f"{ort}: {anzahl(roh.versteckt, 'Zeile ist', 'Zeilen sind')} ausgeblendet und mitgelesen.")
        self.gelesen.append(f"{ort}: {roh.gelesen}")
        return spalten

    def zuordnen(self, tabelle: Tabelle, ort: str, kopf: Sequence[Any]) -> dict[str, int]:
        """Which column of the file is which of the table; faults for missing and doubled ones, remarks for unknown ones."""
        orte: dict[str, int] = {}
        fremd = []
        for i, text in enumerate(kopf):
            name = self.zuordnung.spalten[tabelle.name].get(_name(text))
            if name is None or name not in tabelle.spalte:
                zeigen = not re.search(r"\d", str(text))  # with digits it may be a pseudonym: a first row of data in place of headings
                fremd += [kurz(text) if zeigen else f"Nr. {i + 1}"] if str(text).strip() else []
            elif name in orte:
                self.melde(ort, f"Zwei Überschriften meinen diese Spalte: „{kurz(kopf[orte[name]])}“ und „{kurz(text)}“.",
                           "Eine der beiden Spalten löschen oder umbenennen.", "spalte_doppelt", name)
            else:
                orte[name] = i
        if not orte:
            self.melde(ort, f"Keine Überschrift der Tabelle {tabelle.name} wurde gefunden.",
                       f"Über die Daten diese Überschriften setzen: {', '.join(tabelle.pflichtspalten)}.", "spalte_fehlt")
        rest = f"; nicht erkannt: {', '.join(fremd[:8])}" if fremd else ""
        for name in (n for n in tabelle.pflichtspalten if orte and n not in orte):
            self.melde(ort, "Die Pflichtspalte fehlt.", f"Die Spalte mit der Überschrift „{name}“ ergänzen oder so nennen{rest}.",
                       "spalte_fehlt", name)
        self.hinweise += [f"{ort}: Spalte „{f}“ gehört nicht zur Tabelle {tabelle.name} und bleibt außen vor." for f in fremd]
        return orte


def _daneben(pfad: Path, name: str) -> Path:
    """The file `name` of a Bestand that is a folder or a workbook."""
    return (pfad if pfad.is_dir() else pfad.parent) / name


def _lies_toml(pfad: Path, eingang: _Eingang) -> dict[str, Any]:
    """The values of bestand.toml by key; a key with a fault is missing."""
    werte: dict[str, Any] = {}
    melde = partial(eingang.melde, pfad.name, art="bestand_toml")
    if not pfad.is_file():
        melde("Die Datei fehlt.", "Mit datenstand, leistungstraeger und eigene_kostentraeger anlegen.")
        return werte
    try:
        roh = {"hinweis": "", "erfunden": False, **mapping.toml(pfad)}
    except Unlesbar as u:
        melde(u.grund, u.abhilfe)
        return werte
    stand = roh.pop("datenstand", "")
    try:
        werte["datenstand"] = convert.als_datum(stand if isinstance(stand, (str, date)) else "")
    except Unlesbar as u:
        melde(u.grund if stand else NICHT_DA, "Den Tag des Datenabzugs angeben: datenstand = 2026-03-31.", spalte="datenstand")
    for schluessel, (richtig, abhilfe) in ANGABEN.items():
        wert = roh.pop(schluessel, None)
        if richtig(wert):
            werte[schluessel] = tuple(map(str.strip, wert)) if isinstance(wert, list) else wert.strip() if isinstance(wert, str) else wert
        else:
            melde(NICHT_DA if wert is None else "Diese Angabe ist von falscher Art.", abhilfe, spalte=schluessel)
    for schluessel in roh:
        melde("Diese Angabe ist unbekannt.", "Schreibweise prüfen oder löschen.", spalte=kurz(schluessel))
    return werte


def _vorhanden(pfad: Path, eingang: _Eingang) -> list[tuple[str, str, Lesen]]:
    """Place, title and reader of each file or sheet that may hold a table; files named `fehler…` are our own lists of faults and
    left out. Raises TraegerFehler where there is nothing to read."""
    if not pfad.exists():
        raise TraegerFehler(f"Den Bestand {pfad} gibt es nicht.")
    if not pfad.is_dir() and pfad.suffix.lower() != ".xlsx":
        raise TraegerFehler(f"{pfad} ist kein Bestand; erwartet wird ein Ordner mit bestand.toml und Tabellen oder eine .xlsx-Datei.")
    dateien = sorted(d for d in pfad.iterdir() if d.is_file() and not d.name.startswith(("~$", ".", "fehler"))) if pfad.is_dir() else [pfad]
    mappen = [d for d in dateien if d.suffix.lower() == ".xlsx"]
    einzeln = [d for d in dateien if d.suffix.lower() in (".csv", ".parquet")]
    tabelle = eingang.zuordnung.tabellen
    for d in dateien:
        if d.suffix.lower() in FREMD and (_name(d.stem) in tabelle or not mappen + einzeln):
            eingang.melde(d.name, "Dieses Format wird nicht gelesen.", "Als .csv oder .xlsx speichern.", "datei")
            eingang.unlesbar.update([tabelle[_name(d.stem)]] if _name(d.stem) in tabelle else TABELLEN)
    if not mappen and not einzeln and not eingang.unlesbar:
        raise TraegerFehler(f"Im Ordner {pfad} liegt keine Tabelle (.csv, .parquet oder .xlsx).")
    if len(mappen) > 1 or (mappen and einzeln):
        eingang.melde(", ".join(d.name for d in (mappen + einzeln)[:4]), "Im Ordner liegen mehrere Quellen nebeneinander.",
                      "Entweder eine einzige .xlsx-Datei oder eine Datei je Tabelle liefern.", "tabelle_doppelt")
        eingang.unlesbar.update(TABELLEN)
        return []
    leser = {".csv": sources.lies_csv, ".parquet": sources.lies_parquet}
    gefunden: list[tuple[str, str, Lesen]] = [(d.name, d.stem, partial(leser[d.suffix.lower()], d)) for d in einzeln]
    for mappe in mappen:
        with eingang.versuch(mappe.name, TABELLEN):
            for blatt, offen, lesen in sources.blaetter(mappe):
                ort, titel = f"{mappe.name}, Blatt {kurz(blatt)}", _name(blatt)
                gefunden += [(ort, blatt, lesen)] if titel in tabelle or (offen and titel not in BEIBLAETTER) else []
                eingang.hinweise += [f"{ort}: Das Blatt ist ausgeblendet und wird mitgelesen."] if titel in tabelle and not offen else []
    return gefunden


def _quellen(pfad: Path, eingang: _Eingang) -> dict[str, tuple[str, Lesen]]:
    """Place and reader of each table of the folder or workbook. Raises TraegerFehler where there is nothing to read."""
    quellen: dict[str, tuple[str, Lesen]] = {}
    for ort, titel, lesen in _vorhanden(pfad, eingang):
        name = eingang.zuordnung.tabellen.get(_name(titel))
        if name is None:
            eingang.hinweise.append(f"{ort}: Gehört zu keiner Tabelle und bleibt außen vor.")
            eingang.fremde.append((titel, lesen))
        elif name in quellen:
            eingang.melde(ort, f"Die Tabelle {name} kommt zweimal vor, auch als {quellen[name][0]}.", "Eine davon entfernen.",
                          "tabelle_doppelt")
        else:
            quellen[name] = ort, lesen
    return quellen


def _maengel(schema: Tabelle, spalten: Mapping[str, convert.Rohspalte], gewandelt: Mapping[str, convert.Wandlung],
             voll: np.ndarray) -> dict[int, list[Mangel]]:
    """What is wrong in the rows that are not empty: cells that could not be converted, required cells without a value."""
    maengel: dict[int, list[Mangel]] = {}
    for name, w in gewandelt.items():
        spalte, roh, je_code = schema.spalte[name], spalten[name], dict(w.fehler)
        for i in np.flatnonzero(np.isin(roh.codes, list(je_code)) & voll).tolist() if je_code else ():
            wert = roh.werte[roh.codes[i]]
            zeigen = not spalte.vertraulich and not isinstance(wert, Unlesbar)
            maengel.setdefault(i, []).append((name, kurz(wert) if zeigen else "", je_code[roh.codes[i]]))
        for i in np.flatnonzero(w.leer & voll).tolist() if spalte.pflicht else ():
            maengel.setdefault(i, []).append((name, "", FEHLT))
    return maengel


def _kein_eintrag(schema: Tabelle, texte: Sequence[str], gefuellt: int, maengel: Sequence[Mangel], zuordnung: mapping.Zuordnung
                  ) -> list[Mangel]:
    """What is wrong with a row that is no entry: headings again, a total, a remark; [] for any other row."""
    if sum(_name(x) in zuordnung.spalten[schema.name] for x in texte) > max(1, len(texte) // 2):
        return [("", "", KOPF)]
    if any(SUMME.fullmatch(x.strip()) for x in texte):
        return [("", "", SUMMENZEILE)]
    verbunden = sum(u is sources.VERBUNDEN for *_, u in maengel) > 1  # across the row: a subtitle
    nichts = (FEHLT, sources.VERBUNDEN) if verbunden else (FEHLT,)
    offen = [name for name, _, u in maengel if u in nichts and schema.spalte[name].pflicht]
    if len(maengel) == 1 or 2 * len(offen) < len(schema.pflichtspalten):
        return []
    grund = f"In der Zeile {'fehlt' if len(offen) == 1 else 'fehlen'} {', '.join(offen)}."
    rest = [(name, wert, u) for name, wert, u in maengel if u not in nichts and not (wert and gefuellt == 1)]
    return [("", "", Unlesbar(grund, "Ist sie kein Eintrag (Summe, Bemerkung, Überschrift), sie löschen; sonst ergänzen.", "kein_eintrag")),
            *rest]


def _wandle(schema: Tabelle, ort: str, roh: sources.Roh, spalten: Mapping[str, convert.Rohspalte],
            besitzer: Besitzer, eingang: _Eingang) -> pd.DataFrame:
    """The converted table with row numbers as index, without the rows that have a fault (all, where a required column is missing);
    `besitzer` is empty where a fault blocks the whole Bestand."""
    n = len(roh.zeilen)
    gewandelt = {name: convert.wandle(schema.spalte[name], spalte, null=roh.null) for name, spalte in spalten.items()}
    rahmen = pd.DataFrame({s.name: gewandelt[s.name].werte if s.name in gewandelt else
                           pd.array([None], dtype=PANDAS_TYP.get(s.art, "str")).take(np.zeros(n, dtype=np.intp))
                           for s in schema.spalten}, copy=False)
    voll = ~np.logical_and.reduce([np.ones(n, dtype=bool), *(w.leer for w in gewandelt.values())])
    maengel = _maengel(schema, spalten, gewandelt, voll)
    for i, liste in sorted(maengel.items()):
        texte = [str(s.werte[s.codes[i]]) for s in spalten.values() if s.codes[i] >= 0]
        gefuellt = sum(not w.leer[i] for w in gewandelt.values())
        wer = besitzer[schema.gehoert].get(str(rahmen[schema.gehoert].iat[i]), "") if schema.gehoert in besitzer else ""
        eingang.fehler += [Fehler(ort, u.grund, u.abhilfe, int(roh.zeilen[i]), name, wert, wer, u.art)
                           for name, wert, u in _kein_eintrag(schema, texte, gefuellt, liste, eingang.zuordnung) or liste]
    eingang.hinweise += [f"{ort}, Spalte {name}: {w.hinweis}" for name, w in gewandelt.items() if w.hinweis]
    if not set(schema.pflichtspalten) <= set(spalten):  # no rule can look at such rows
        return rahmen[:0]
    rahmen.index = pd.Index(roh.zeilen, name="zeile")
    voll[list(maengel)] = False
    return rahmen if voll.all() else rahmen[voll]


def _lies(pfad: Path) -> tuple[Bestand | None, list[Fehler]]:
    """The Bestand, None where a fault concerns the whole of it, and all faults."""
    eingang = _Eingang.bei(pfad)
    angaben = _lies_toml(_daneben(pfad, "bestand.toml"), eingang)
    quellen = _quellen(pfad, eingang)
    rahmen: dict[str, pd.DataFrame] = {}
    besitzer: Besitzer = {}
    for name, tabelle in TABELLEN.items():
        rahmen[name] = eingang.lies(tabelle, *quellen[name], besitzer) if name in quellen else leere_tabelle(name)
        if name == "angebote":  # from here on a fault belongs to a provider
            bekannte = set(rahmen["traeger"]["traeger_id"])
            paare = zip(rahmen[name]["angebot_id"], rahmen[name]["traeger_id"], strict=True)
            besitzer = {"traeger_id": {t: t for t in bekannte}, "angebot_id": {a: t for a, t in paare if t in bekannte}}
    fehlend = [n for n in TABELLEN if n not in quellen and n not in eingang.unlesbar]
    if not {"datenstand", "eigene_kostentraeger"} <= set(angaben):
        eingang.unlesbar.add(checks.ANGABEN)
    orte = {name: ort for name, (ort, _) in quellen.items()}
    mappen = [mappe for mappe, blatt, _ in (ort.partition(", Blatt ") for ort in orte.values()) if blatt]
    lage = view.Lage(rahmen, orte, angaben.get("datenstand", date(convert.JAHR_BIS, 12, 31)), angaben.get("eigene_kostentraeger", ()),
                       (mappen or [pfad.name])[0], [titel for titel, _ in eingang.fremde])
    neu, weitere = checks.pruefe(lage, unvollstaendig=eingang.unlesbar, bisher=eingang.fehler)
    fehler = sorted(eingang.fehler + neu, key=lambda f: f.zeile is not None)  # what concerns a file as a whole comes first
    hinweise = [("", text) for text in eingang.hinweise] + weitere
    if any(not f.traeger_id for f in fehler):
        return None, fehler
    return Bestand(tabellen={n: r.reset_index(drop=True) for n, r in rahmen.items()}, hinweise=tuple(hinweise),
                   gelesen=(*sorted(eingang.gelesen), *([f"als leer, weil nicht dabei: {', '.join(fehlend)}"] if fehlend else [])),
                   **angaben), fehler


def _aktuell(pfad: Path) -> tuple[Bestand | None, list[Fehler]]:
    """`_lies`, but the last two Bestände read are kept as long as none of their files changes; forked reports share them."""
    dateien = sorted(pfad.iterdir()) if pfad.is_dir() else [pfad, *(_daneben(pfad, n) for n in ("bestand.toml", mapping.DATEI))]
    stand = tuple((d.name, d.stat().st_size, d.stat().st_mtime_ns) for d in dateien if d.is_file())
    return _zuletzt(pfad.resolve(), stand)


def vorschlag(pfad: Path) -> str:
    """Lines for a zuordnung.toml: files, sheets and headings that look like ours; "" where none does. Nothing is applied."""
    eingang, koepfe = _Eingang.bei(pfad), []
    bekannte = [(ort, name, lesen) for name, (ort, lesen) in _quellen(pfad, eingang).items()]
    for titel, name, lesen in [*bekannte, *((titel, None, lesen) for titel, lesen in eingang.fremde)]:
        with eingang.versuch(titel, ()):
            koepfe.append((titel, name, lesen(partial(mapping.aehnlich, name)).kopf))
    return mapping.vorschlag(koepfe, eingang.zuordnung)


@dataclass(frozen=True, slots=True)
class Kopie:
    """A table as it stands in its file: headings, row numbers, raw columns, and where our columns are in it."""
    tabelle: str
    roh: sources.Roh
    orte: Mapping[str, int]


def kopien(pfad: Path, orte: Collection[str]) -> dict[str, Kopie]:
    """The tables at the places `orte` of faults, unconverted and with every column; unreadable ones are left out."""
    eingang, ergebnis = _Eingang.bei(pfad), {}

    def mit_allen(name: str, zeile: Sequence[Any]) -> int:  # a single heading: is this column wanted?
        return max(eingang.zuordnung.bekannt(name, zeile), int(len(zeile) == 1))

    for name, (ort, lesen) in _quellen(pfad, eingang).items():
        with eingang.versuch(ort, ()):
            if ort in orte:
                roh = lesen(partial(mit_allen, name))
                ergebnis[ort] = Kopie(name, roh, eingang.zuordnen(TABELLEN[name], ort, roh.kopf))
    return ergebnis


def ablage(pfad: Path, tabelle: str) -> tuple[Path, str]:
    """The file that holds a table, and its sheet ("" in a file of its own); where it would go if the Bestand does not have it."""
    quellen = _quellen(pfad, _Eingang.bei(pfad))
    datei, _, blatt = quellen[tabelle if tabelle in quellen else "traeger"][0].partition(", Blatt ")
    ziel = pfad / datei if pfad.is_dir() else pfad
    return (ziel, blatt) if tabelle in quellen else (ziel, "") if blatt else (ziel.with_name(tabelle + ziel.suffix), "")


def lies_mappe(pfad: Path, tabellen: Sequence[Tabelle], zuordnung: mapping.Zuordnung) -> dict[str, tuple[str, pd.DataFrame]]:
    """Place and frame of tables of a workbook that is no Bestand, read by their own schemas as exactly as one; rows carry their
    numbers. Raises Fehlerliste with all faults."""
    eingang, rahmen = _Eingang(zuordnung=zuordnung), dict[str, tuple[str, pd.DataFrame]]()
    quellen = _quellen(pfad, eingang)
    for t in tabellen:
        if t.name in quellen:
            rahmen[t.name] = quellen[t.name][0], eingang.lies(t, *quellen[t.name], {})
        else:
            eingang.melde(pfad.name, f"Das Blatt {t.name} fehlt.", "Die ausgegebene Mappe verwenden.", "tabelle_fehlt")
    if eingang.fehler:
        raise Fehlerliste(eingang.fehler)
    return rahmen


@lru_cache(maxsize=2)  # a Bestand and the earlier one it is compared with
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


def load_frueher(pfad: str | Path, traeger_id: str) -> Bestand | None:
    """An earlier state of the provider's data; None where `pfad` is empty or that state does not know the provider. Raises as `load`."""
    bestand, _ = _aktuell(Path(pfad)) if pfad else (None, [])
    return load(pfad, traeger_id) if pfad and (bestand is None or traeger_id in bestand.traeger_ids) else None
