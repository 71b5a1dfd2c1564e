"""The Balanced Scorecard of one provider: its entries as they stand on a day, what changed since the last meeting, projects.

Every state of an entry is a row of `massnahmen` with its day (`stand`, empty: from the beginning); the latest one up to a day holds.
Sources: minutes of Bremerhaven (the scorecard is carried on in the meeting and serves as its minutes), Hamburg's uniform template
(agreements carried over, projects with goals, milestones, dates, money, risks; effect on the person, effectiveness of an offer),
Braunschweig's care planning (action field, time horizon, own share up to 2030). Not here: files (`operations.bsc`), words and tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import Any

import pandas as pd

from traeger_lib.analysis.periods import Quartal
from traeger_lib.inputs.schema import TABELLEN, Bestand, zeilen

ENTFALLEN = "entfallen"
ABGESCHLOSSEN = {"abgeschlossen", "erledigt", "beendet", "umgesetzt", "zurueckgestellt", "zurückgestellt", "verworfen", ENTFALLEN}
HORIZONT = {"1": "kurzfristig", "2": "mittelfristig", "3": "langfristig", "1–2": "kurz- bis mittelfristig",
            "2–3": "mittel- bis langfristig", "1–3": "Dauerthema"}
FINANZHORIZONT = 2030  # the implementation plan of Braunschweig reaches at least to this year
INHALT = [s.name for s in TABELLEN["massnahmen"].spalten if s.name not in ("massnahme_id", "traeger_id", "stand")]

# Kennzahl as the parties write it (case does not count) → where Facts hold it, kind of the value (reporting.tables.FORM)
KENNZAHLEN: dict[str, tuple[str, str]] = {
    "durchschnittlich belegte plätze": ("fallzahlen.quartal.gesamt.durchschnittlich_belegte_plaetze", "zahl1"),
    "stichtagszahl": ("fallzahlen.quartal.gesamt.stichtagszahl", "zahl"),
    "zugänge": ("fallzahlen.quartal.gesamt.zugaenge", "zahl"),
    "abgänge": ("fallzahlen.quartal.gesamt.abgaenge", "zahl"),
    "anteil auswärtige": ("fallzahlen.quartal.gesamt.anteil_auswaertige", "prozent"),
    "mixindex": ("hbg.quartal.gesamt.mixindex", "zahl2"),
    "anteil „+s“": ("hbg.quartal.gesamt.anteil_s", "prozent"),
    "fachkraftquote": ("personal.quartal.gesamt.fachkraftquote", "prozent"),
    "erfüllung des personalschlüssels": ("personal.quartal.gesamt.erfuellung.tage", "prozent"),
    "abweichung vom budget": ("abweichung.kumuliert.gesamt.abweichung_eur", "euro_differenz"),
    "puffer": ("budget.puffer_eur", "euro_differenz"),
}


@dataclass(frozen=True, slots=True)
class Massnahme:
    """One entry of the scorecard as agreed, in the words of the parties; amounts in €, `eigenanteil_eur` is part of `mittel_eur`.
    `berechnet`: the KPI's actual value taken from Facts, and its kind (reporting.tables.FORM)."""

    massnahme_id: str
    perspektive: str
    ziel: str
    massnahme: str
    kennzahl: str | None
    sollwert: str | None
    istwert: str | None
    status: str
    faellig: date | None
    verantwortlich: str | None
    ueberfaellig: bool
    berechnet: tuple[int | Decimal | Fraction, str] | None = None
    art: str = "massnahme"
    stand: date | None = None
    rhythmus: str | None = None
    ebene: str | None = None
    gemeinsam: bool = False
    vereinbart_am: date | None = None
    handlungsfeld: str | None = None
    prioritaet: str | None = None
    vorhaben: str | None = None
    projektbeginn: date | None = None
    foerderjahr: int | None = None
    mittel_eur: Decimal | None = None
    eigenanteil_eur: Decimal | None = None
    ausgegeben_eur: Decimal | None = None
    hemmnisse: str | None = None
    foerderfaktoren: str | None = None
    risiko: str | None = None
    bemerkung: str | None = None

    @property
    def offen(self) -> bool:
        """Neither finished nor put aside."""
        return _offen(self.status)


FELDER = [f.name for f in fields(Massnahme) if f.name in TABELLEN["massnahmen"].spalte]


@dataclass(frozen=True, slots=True)
class Aenderung:
    """What became of one entry between two states: „neu“, „geändert“ (column, before, now) or „entfallen“."""

    massnahme_id: str
    massnahme: str
    was: str
    felder: tuple[tuple[str, Any, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Vorhaben:
    """A project and its money. uebrig = mittel − ausgegeben; a sum with an unknown part is None."""

    name: str
    beginn: date | None
    ende: date | None
    mittel_eur: Decimal | None
    eigenanteil_eur: Decimal | None
    ausgegeben_eur: Decimal | None
    uebrig_eur: Decimal | None


@dataclass(frozen=True, slots=True)
class Mittel:
    """Funds for a year (None: no year given) in €: foerderung = mittel − eigenanteil."""

    jahr: int | None
    mittel_eur: Decimal
    foerderung_eur: Decimal
    eigenanteil_eur: Decimal


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The scorecard on a day. `liste` are the measures, counted by status (as written in the data); overdue = due before the
    reporting day and not finished; `weitere` are milestones, decisions and funds by year; `uebernommen` counts the measures that
    were open at the last meeting and still are."""

    je_status: Mapping[str, int]
    ueberfaellig: int
    liste: tuple[Massnahme, ...]
    weitere: tuple[Massnahme, ...] = ()
    stand: date | None = None
    letztes_gespraech: date | None = None
    naechstes_gespraech: tuple[date, str | None] | None = None
    aenderungen: tuple[Aenderung, ...] = ()
    uebernommen: int = 0
    vorhaben: tuple[Vorhaben, ...] = ()
    mittel: tuple[Mittel, ...] = ()

    def des_vorhabens(self, name: str) -> list[Massnahme]:
        """The entries of a project by due date, without those dropped."""
        alle = (m for m in (*self.liste, *self.weitere) if m.vorhaben == name and m.status != ENTFALLEN)
        return sorted(alle, key=lambda m: (m.faellig or date.max, m.massnahme_id))


def horizont(prioritaet: str | None) -> str | None:
    """The time horizon behind a priority, in words; another text stays as it is.

    >>> horizont("1 bzw. 1 - 3"), horizont("2–3"), horizont("hoch")
    ('kurzfristig bzw. Dauerthema', 'mittel- bis langfristig', 'hoch')
    """
    teile = [] if prioritaet is None else [t.replace(" ", "").replace("-", "–") for t in prioritaet.split("bzw.")]
    return " bzw. ".join(HORIZONT[t] for t in teile) if teile and all(t in HORIZONT for t in teile) else prioritaet


def staende(massnahmen: pd.DataFrame, bis: date) -> pd.DataFrame:
    """The state of every entry on a day: its latest row up to then."""
    nummern = [r["zeile"] for r in _neueste(_zeilen(massnahmen.assign(zeile=range(len(massnahmen)))), bis)]
    return massnahmen.iloc[nummern].reset_index(drop=True)


def _zeilen(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame with plain values."""
    spalten = [str(s) for s in frame.columns]
    return [dict(zip(spalten, map(plain, werte), strict=True)) for werte in frame.to_numpy(dtype=object).tolist()]


def _neueste(zeilen: Iterable[dict[str, Any]], bis: date) -> list[dict[str, Any]]:
    gilt = sorted((r for r in zeilen if r["stand"] is None or r["stand"] <= bis), key=lambda r: r["stand"] or date.min)
    je = {(r["traeger_id"], r["massnahme_id"]): r for r in gilt}
    return [je[k] for k in sorted(je)]


def vergleiche(alt: Iterable[dict[str, Any]] | pd.DataFrame, neu: Iterable[dict[str, Any]] | pd.DataFrame) -> tuple[Aenderung, ...]:
    """What distinguishes two states of one provider's scorecard (frames, or their rows); the order of rows does not count."""
    alt, neu = (_zeilen(x) if isinstance(x, pd.DataFrame) else x for x in (alt, neu))
    vorher = {r["massnahme_id"]: r for r in alt}
    ergebnis = []
    for r in neu:
        a = vorher.get(r["massnahme_id"])
        felder = tuple((s, a[s], r[s]) for s in INHALT if a[s] != r[s]) if a else ()
        if not a or felder:
            was = "neu" if not a else ENTFALLEN if r["status"] == ENTFALLEN != a["status"] else "geändert"
            ergebnis.append(Aenderung(r["massnahme_id"], r["massnahme"], was, felder if was == "geändert" else ()))
    return tuple(ergebnis)


def scorecard(bestand: Bestand, quartal: Quartal, bis: date) -> Scorecard:
    """The scorecard of the one provider in `bestand` as it stands on `bis`, for the meeting on a quarter.

    Overdue is counted on the quarter's last day or an earlier Datenstand. Since the last meeting: since the latest date of
    an earlier quarter; a row without `stand` was there then unless it was agreed (`vereinbart_am`) later.
    """
    alle, stichtag = _zeilen(bestand["massnahmen"]), min(quartal.zeitraum.bis, bestand.datenstand)
    termine = sorted((t.quartal, t.termin.date(), plain(t.ort)) for t in zeilen(bestand["termine"]))
    letztes = max((t for q, t, _ in termine if q < str(quartal)), default=None)
    jetzt = _neueste(alle, bis)
    damals = _neueste([r | {"stand": r["stand"] or r["vereinbart_am"]} for r in alle], min(letztes, bis)) if letztes else []
    eintraege = [_eintrag(r, stichtag) for r in jetzt]
    liste = tuple(m for m in eintraege if m.art == "massnahme")
    vorher = {r["massnahme_id"] for r in damals if _offen(r["status"])}
    karte = Scorecard(
        dict(sorted(Counter(m.status for m in liste).items())), sum(m.ueberfaellig for m in liste), liste,
        tuple(m for m in eintraege if m.art != "massnahme"), max([bestand.datenstand, *(m.stand for m in eintraege if m.stand)]), letztes,
        next(((t, ort) for q, t, ort in termine if q > str(quartal)), None), vergleiche(damals, jetzt) if letztes else (),
        sum(m.offen and m.massnahme_id in vorher for m in liste), mittel=_mittel(eintraege))
    return replace(karte, vorhaben=tuple(_vorhaben(name, m) for name in sorted({m.vorhaben for m in eintraege if m.vorhaben})
                                         if (m := karte.des_vorhabens(name))))


def mit_kennzahlen(karte: Scorecard, facts: Any) -> Scorecard:
    """The scorecard with the actual values that Facts hold (KENNZAHLEN); where Facts have none, the one in the data stays."""
    def gefuellt(m: Massnahme) -> Massnahme:
        pfad, art = KENNZAHLEN.get((m.kennzahl or "").strip().casefold(), ("", ""))
        wert = reduce(lambda x, name: getattr(x, name, None), pfad.split("."), facts) if pfad else None
        return m if wert is None else replace(m, berechnet=(wert, art))
    return replace(karte, liste=tuple(map(gefuellt, karte.liste)), weitere=tuple(map(gefuellt, karte.weitere)))


def plain(x: Any) -> Any:
    """A cell of a frame as a plain value: None where empty, dates as date."""
    return None if x is None or x is pd.NA or x != x else x.date() if isinstance(x, pd.Timestamp) else x  # NaN, NaT: not themselves


def _offen(status: str) -> bool:
    return status.strip().lower() not in ABGESCHLOSSEN


def _eintrag(r: dict[str, Any], stichtag: date) -> Massnahme:
    werte = {s: r[s] for s in FELDER} | {"art": r["art"] or "massnahme", "gemeinsam": bool(r["gemeinsam"])}
    return Massnahme(**werte, ueberfaellig=r["faellig"] is not None and r["faellig"] < stichtag and _offen(r["status"]))


def _summe(werte: Iterable[Decimal | None]) -> Decimal:
    return sum((w for w in werte if w is not None), Decimal("0.00"))


def _vorhaben(name: str, m: list[Massnahme]) -> Vorhaben:
    beginn, ende = [d for x in m if (d := x.projektbeginn or x.vereinbart_am)], [x.faellig for x in m if x.faellig]
    geld = [x for x in m if x.mittel_eur or x.ausgegeben_eur]
    mittel = _summe(x.mittel_eur for x in geld) if any(x.mittel_eur for x in geld) else None
    eigen = None if mittel is None else _summe(x.eigenanteil_eur for x in geld)
    aus = _summe(x.ausgegeben_eur for x in geld) if geld and all(x.ausgegeben_eur is not None for x in geld) else None
    return Vorhaben(name, min(beginn, default=None), max(ende, default=None), mittel, eigen, aus,
                    None if mittel is None or aus is None else mittel - aus)


def _mittel(eintraege: Iterable[Massnahme]) -> tuple[Mittel, ...]:
    """Funds by year from the first one named to 2030 at least, then those without a year; nothing where no year is named."""
    mit = [m for m in eintraege if m.mittel_eur and m.status != ENTFALLEN]
    genannt = [m.foerderjahr for m in mit if m.foerderjahr]
    if not genannt:
        return ()
    jahre: list[int | None] = [*range(min(genannt), max(*genannt, FINANZHORIZONT) + 1), None]
    je_jahr = [(j, [m for m in mit if m.foerderjahr == j]) for j in jahre]
    return tuple(Mittel(j, s := _summe(x.mittel_eur for x in m), s - (e := _summe(x.eigenanteil_eur for x in m)), e)
                 for j, m in je_jahr if j or m)
