"""`zuordnung.toml`: a provider's own names of files, sheets, columns and values, mapped to those of the schema.

    [tabellen]               [spalten.faelle]              [werte.faelle.hbg]
    "Klienten" = "faelle"    "Pseudonym" = "person_id"     "HBG 2 + S" = {hbg = "2", s = "ja"}

Our own names keep their meaning; an entry that says otherwise is a fault. `vorschlag` proposes such a file, nothing here applies it.
Not here: reading the tables (`reading`), what a value means (`convert`).
"""

from __future__ import annotations

import json
import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from traeger_lib.inputs.convert import Rohspalte, Unlesbar, ist_leer, kurz, rohspalte, wandle
from traeger_lib.inputs.faults import Fehler
from traeger_lib.inputs.schema import TABELLEN, Spalte

DATEI = "zuordnung.toml"
ENTWEDER = "Nur eine der beiden Bedeutungen angeben."
DECKUNG = 0.6  # a file with so many of a table's required columns is proposed as that table
ANDERE = {  # usual other names, for the proposal only
    "faelle": "klienten klientinnen personen bewohner fälle fallliste belegung", "angebote": "einrichtungen leistungsangebote",
    "abwesenheiten": "fehlzeiten abwesenheit", "personal": "stellen mitarbeitende", "entgelte": "vergütung pflegesätze preise",
    "person_id": "pseudonym klient klientin klientid klientennummer fallnummer aktenzeichen bewohner person",
    "angebot_id": "angebot einrichtung einrichtungsnummer leistungsangebot", "traeger_id": "träger trägernummer leistungserbringer",
    "kostentraeger": "kostenträger leistungsträger zahler", "hbg": "hilfebedarfsgruppe bedarfsgruppe hilfebedarf",
    "beginn": "aufnahme aufnahmedatum einzug zugang von start", "ende": "auszug entlassung abgang austritt bis", "s": "sozialraum",
    "hbg_ausgang": "ausgangsgruppe", "vk": "vollkräfte vollzeitkräfte stellenumfang", "qualifikation": "beruf", "gueltig_ab": "ab"}

UMLAUTE = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


def name(text: Any) -> str:
    """A header, sheet or file name without case, blanks, punctuation and umlauts.

    >>> name(" Träger-ID* ")
    'traegerid'
    """
    text = unicodedata.normalize("NFC", str(text).strip().casefold()).translate(UMLAUTE)
    return re.sub(r"[\s_\-*\ufeff]+", "", text)


TABELLE: Mapping[str, str] = {name(t): t for t in TABELLEN}
SPALTE: Mapping[str, Mapping[str, str]] = {t.name: {name(s): s for s in t.spalte} for t in TABELLEN.values()}


def _wert(wert: Any) -> str:
    """A raw value as it is compared: case and blanks do not count; 2.0 is 2, a cell without a value is no value."""
    wert = ("nein", "ja")[wert] if isinstance(wert, bool) else "" if isinstance(wert, Unlesbar) else str(wert).removesuffix(".0")
    return " ".join(wert.split()).casefold()


def _setze(alt: Rohspalte | None, codes: np.ndarray, je_code: Mapping[int, Any], quelle: str = "") -> Rohspalte:
    """`alt` with the values `je_code` where `codes` say so; with a `quelle`, another value in such a row is a fault."""
    alt = alt or Rohspalte(np.full(len(codes), -1), [])
    paare, neue = np.unique((codes.astype(np.int64) + 1) * (len(alt.werte) + 1) + alt.codes + 1, return_inverse=True)
    werte = []
    for code, war in (divmod(paar, len(alt.werte) + 1) for paar in paare.tolist()):
        wert = alt.werte[war - 1] if war else None
        if code - 1 in je_code and not isinstance(wert, Unlesbar):
            neu = je_code[code - 1]
            passt = not quelle or ist_leer(wert) or _wert(wert) == _wert(neu)
            wert = neu if passt else Unlesbar(f"{DATEI} setzt hier nach {quelle} „{kurz(neu)}“; die Zelle enthält etwas anderes.",
                                              f"Die Zelle oder {DATEI} berichtigen.", "zuordnung")
        werte.append(wert)
    return Rohspalte(neue, werte)


@dataclass(frozen=True)
class Zuordnung:
    """Names as `name` writes them to ours: tables, columns by table; `werte` by table and column: raw value to values by column."""
    tabellen: Mapping[str, str] = field(default_factory=lambda: TABELLE)
    spalten: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: SPALTE)
    werte: Mapping[tuple[str, str], Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)

    def bekannt(self, tabelle: str, zeile: Sequence[Any]) -> int:
        """How many headings of the table are in a row."""
        return len({name(text) for text in zeile} & set(self.spalten[tabelle]))

    def uebersetze(self, tabelle: str, roh: Mapping[str, Rohspalte]) -> tuple[dict[str, Rohspalte], dict[str, int]]:
        """The raw columns with our values, and how many rows of a column were mapped."""
        neu, zahl = dict(roh), {}
        treffer = {s: {c: werte[_wert(w)] for c, w in enumerate(roh[s].werte) if _wert(w) in werte}
                   for (t, s), werte in self.werte.items() if t == tabelle and s in roh}
        for s, je_code in treffer.items():  # every column its own values first, so that contradictions are judged in our words
            neu[s] = _setze(neu[s], roh[s].codes, {c: e[s] for c, e in je_code.items()})
            zahl[s] = int(np.isin(roh[s].codes, list(je_code)).sum())
        for s, je_code in treffer.items():
            for ziel in {z: None for e in je_code.values() for z in e if z != s}:
                neu[ziel] = _setze(neu.get(ziel), roh[s].codes, {c: e[ziel] for c, e in je_code.items() if ziel in e}, s)
        return neu, {s: n for s, n in zahl.items() if n}


def toml(pfad: Path) -> dict[str, Any]:
    """The content of a TOML file. Raises Unlesbar, with the line."""
    try:
        return tomllib.loads(pfad.read_bytes().decode("utf-8-sig"))
    except (RecursionError, ValueError) as f:  # no TOML, no UTF-8
        zeile = re.search(r"line (\d+)", str(f))
        was = "Ein Eintrag kommt zweimal vor" if re.search("overwrite|twice", str(f)) else "Das ist kein TOML in UTF-8"
        raise Unlesbar(f"{was}{f' (Zeile {zeile[1]})' if zeile else ''}.", 'Schreiben wie 2026-03-31, "Text" oder ["Liste"].') from None


def _ziel(spalte: Spalte, wert: Any) -> Any:
    """The raw value to put in: empty, exact numbers, or as written. Raises Unlesbar where the column cannot hold it."""
    if not isinstance(wert, (str, int, float, date)):
        raise Unlesbar("Das Ziel ist kein einzelner Wert.", 'Schreiben wie "ja" oder {hbg = "2", s = "ja"}.')
    gewandelt = wandle(spalte, rohspalte([wert]))
    for _, fehler in gewandelt.fehler:
        raise Unlesbar(f"Ziel {spalte.name}: {fehler.grund}", fehler.abhilfe)
    return None if ist_leer(wert) else Decimal(str(gewandelt.werte[0])) if spalte.art in ("ganzzahl", "dezimal", "geld") else wert


def _werte(tabelle: str, spalte: Spalte, fremd: str, ziel: Any, bisher: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The values by column that the raw value `fremd` stands for. Raises Unlesbar."""
    ziele = ziel if isinstance(ziel, dict) else {spalte.name: ziel}
    schema, eigene = TABELLEN[tabelle].spalte, spalte.werte or (("ja", "nein") if spalte.art == "janein" else ())
    for z in ziele:
        if z not in schema or schema[z].vertraulich:
            raise Unlesbar(f"Die Spalte „{kurz(z)}“ gibt es nicht oder sie ist vertraulich.", "Eine andere Spalte angeben.")
    if spalte.name not in ziele or not _wert(fremd):
        raise Unlesbar("Der Wert oder sein Ziel fehlt.", f'Schreiben wie "Wert" = {{{spalte.name} = "…"}}; leer ist "".')
    neu = {z: _ziel(schema[z], w) for z, w in ziele.items()}
    if bisher.get(_wert(fremd), neu) != neu or (_wert(fremd) in eigene and _wert(neu[spalte.name]) != _wert(fremd)):
        raise Unlesbar("Der Wert hat schon eine andere Bedeutung.", ENTWEDER)
    return neu


def lies(pfad: Path) -> tuple[Zuordnung, list[Fehler]]:
    """The mapping of a zuordnung.toml (ours alone, where there is none) and every fault in it."""
    fehler: list[Fehler] = []

    def melde(abschnitt: str, wert: Any, grund: str, abhilfe: str) -> None:
        ort = f"{DATEI}, Abschnitt [{kurz(abschnitt)}]" if abschnitt else DATEI
        fehler.append(Fehler(ort, grund, abhilfe, wert=kurz(wert), art="zuordnung"))

    def teile(inhalt: Any, abschnitt: str, moeglich: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
        """The parts of a section by our names."""
        for teil, eintraege in inhalt.items():
            if name(teil) in moeglich and isinstance(eintraege, dict):
                yield moeglich[name(teil)], eintraege
            else:
                melde(abschnitt, teil, "Diesen Abschnitt gibt es nicht.", f"Möglich sind: {', '.join(moeglich.values())}.")

    def namen(abschnitt: str, eintraege: Mapping[str, Any], eigene: Mapping[str, str]) -> dict[str, str]:
        neu = dict(eigene)
        for fremd, ziel in eintraege.items():
            ganz, meint = name(re.sub(r"\.(csv|parquet)$", "", fremd)), eigene.get(name(ziel))
            if not meint or not ganz:
                melde(abschnitt, fremd, f"Das Ziel „{kurz(ziel)}“ gibt es nicht.", f"Eines davon angeben: {', '.join(eigene.values())}.")
            elif neu.setdefault(ganz, meint) != meint:
                melde(abschnitt, fremd, f"Der Name bedeutet schon „{neu[ganz]}“.", ENTWEDER)
        return neu

    try:
        inhalt = toml(pfad) if pfad.is_file() else {}
    except Unlesbar as u:
        melde("", "", u.grund, u.abhilfe)
        inhalt = {}
    abschnitte = dict(teile(inhalt, "", {a: a for a in ("tabellen", "spalten", "werte")}))
    tabellen = namen("tabellen", abschnitte.get("tabellen", {}), TABELLE)
    spalten = {t: namen(f"spalten.{t}", e, SPALTE[t]) for t, e in teile(abschnitte.get("spalten", {}), "spalten", TABELLE)}
    werte: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for t, je_spalte in teile(abschnitte.get("werte", {}), "werte", TABELLE):
        offen = {name(s.name): s.name for s in TABELLEN[t].spalten if not s.vertraulich}
        for s, eintraege in teile(je_spalte, f"werte.{t}", offen):
            je_wert = werte.setdefault((t, s), {})
            for fremd, ziel in eintraege.items():
                try:
                    je_wert[_wert(fremd)] = _werte(t, TABELLEN[t].spalte[s], fremd, ziel, je_wert)
                except Unlesbar as u:
                    melde(f"werte.{t}.{s}", fremd, u.grund, u.abhilfe)
    return Zuordnung(tabellen, {**SPALTE, **spalten}, werte), fehler


def finde(text: Any, ziele: Collection[str]) -> str | None:
    """Which of our names a foreign one looks like, by spelling or as a usual other name."""
    formen = {name(form): ziel for ziel in reversed([*ziele]) for form in (ziel, *ANDERE.get(ziel, "").split())}
    for form in (name(text), *map(name, re.split(r"[\W_]+", str(text)))):
        for treffer in get_close_matches(form, formen, n=1, cutoff=0.8) if form else ():
            return formen[treffer]
    return None


def aehnlich(tabelle: str | None, zeile: Sequence[Any]) -> int:
    """How many texts of a row look like headings of the table, or of any."""
    return sum(any(finde(text, t.spalte) for t in TABELLEN.values() if t.name == tabelle or not tabelle) for text in zeile)


def vorschlag(koepfe: Sequence[tuple[str, str | None, Sequence[Any]]], zuordnung: Zuordnung) -> str:
    """Lines for zuordnung.toml, "" where nothing looks alike; `koepfe`: file or sheet name, our table if known, headings."""
    frei = [t for t in TABELLEN if t not in {tabelle for _, tabelle, _ in koepfe}]
    abschnitte: dict[str, dict[str, str]] = {}
    for titel, tabelle, kopf in koepfe:
        if tabelle is None:
            deckung = {t: len({finde(text, TABELLEN[t].pflichtspalten) for text in kopf} - {None}) / len(TABELLEN[t].pflichtspalten)
                       for t in frei}
            tabelle = finde(titel, frei) or max((t for t in frei if deckung[t] >= DECKUNG), key=lambda t: deckung[t], default=None)
            if tabelle is None:
                continue
            frei.remove(tabelle)
            abschnitte.setdefault("tabellen", {})[titel] = tabelle
        bekannt = zuordnung.spalten[tabelle]
        offen = [s for s in TABELLEN[tabelle].spalte if s not in {bekannt.get(name(text)) for text in kopf}]
        for text in kopf:
            ziel = finde(text, offen) if name(text) and name(text) not in bekannt else None
            if ziel:
                offen.remove(ziel)
                abschnitte.setdefault(f"spalten.{tabelle}", {})[str(text).strip()] = ziel
    return "\n".join(zeile for abschnitt, paare in abschnitte.items() for zeile in (
        f"[{abschnitt}]", *(f"{json.dumps(a, ensure_ascii=False)} = {json.dumps(b)}" for a, b in paare.items())))
