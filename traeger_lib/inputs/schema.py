"""The tables of a Bestand: every column with type, unit and meaning, in one place.

The reader converts by it, the checks enforce it, and `data/README.md` (the data dictionary) is generated from it (`docs/bauen.py`).
Not here: reading files (`reading`), rules between tables (`checks`).
"""

from __future__ import annotations

import hashlib
from collections import namedtuple
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd

# How a column's values are held in memory. Decimals stay exact (decimal.Decimal objects), dates are datetime64[s],
# a month is its first day, ja/nein is the nullable boolean, whole numbers are nullable Int64, the rest is text.
ARTEN = {
    "id": "Kennung aus Großbuchstaben, Ziffern, „-“ und „_“ (2 bis 32 Zeichen)",
    "text": "Text",
    "datum": "Datum TT.MM.JJJJ oder JJJJ-MM-TT",
    "monat": "Monat JJJJ-MM",
    "quartal": "Quartal, etwa 2026Q1",
    "janein": "ja oder nein",
    "ganzzahl": "ganze Zahl",
    "dezimal": "Zahl mit Komma oder Punkt",
    "geld": "Betrag in Euro, höchstens zwei Nachkommastellen",
    "auswahl": "einer der genannten Werte",
}
ID_MUSTER = r"[A-Z0-9][A-Z0-9_-]{1,31}"


@dataclass(frozen=True, slots=True)
class Spalte:
    """One column: name in the data, kind (key of ARTEN), meaning in German; `minimum` bounds numbers from below."""

    name: str
    art: str
    bedeutung: str
    pflicht: bool = False
    werte: tuple[str, ...] = ()
    einheit: str = ""
    standard: str = ""  # what an empty cell means
    minimum: int | None = None
    vertraulich: bool = False  # the value never appears in a message (person ids, free text)


@dataclass(frozen=True, slots=True)
class Tabelle:
    """One table: `schluessel` are the columns that identify a row; `gehoert` says through which column a row
    belongs to a provider (traeger_id, angebot_id) or that the table is shared (empty)."""

    name: str
    zweck: str
    spalten: tuple[Spalte, ...]
    schluessel: tuple[str, ...] = ()
    gehoert: str = "angebot_id"
    pflicht: bool = False
    spalte: Mapping[str, Spalte] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "spalte", {s.name: s for s in self.spalten})

    @property
    def pflichtspalten(self) -> tuple[str, ...]:
        return tuple(s.name for s in self.spalten if s.pflicht)


def _s(name: str, art: str, bedeutung: str, **mehr: Any) -> Spalte:
    """A column; a trailing `*` in the name marks it as required."""
    return Spalte(name.rstrip("*"), art, bedeutung, pflicht=name.endswith("*"), **mehr)


_TRAEGER = _s("traeger_id*", "id", "Kennung des Leistungserbringers")
_ANGEBOT = _s("angebot_id*", "id", "Kennung des Leistungsangebots")
_PERSON = _s("person_id*", "text", "Pseudonym der leistungsberechtigten Person", vertraulich=True)
_HBG = _s("hbg*", "text", "Hilfebedarfsgruppe, wie bewilligt; „ohne“, wo ein Angebot keine Gruppen kennt")
_S = _s("s", "janein", "Hilfe teilweise in den Sozialraum verlagert („+ S“)", standard="nein")
_AUSGANG = _s("hbg_ausgang", "text", "Hilfebedarfsgruppe vor der Verlagerung; Pflicht, wo s = ja")
_KOSTENTRAEGER = _s("kostentraeger*", "text", "zahlende Stelle; die eigenen stehen in bestand.toml")
_GUELTIG_AB = _s("gueltig_ab*", "datum", "gilt von diesem Tag an")
_AUSGLEICH = _s("ausgleich_jahr", "ganzzahl", "Budgetjahr, dessen Puffer damit ausgeglichen wird", minimum=2000)

TABELLEN: dict[str, Tabelle] = {t.name: t for t in (
    Tabelle("traeger", "Leistungserbringer", (
        _TRAEGER,
        _s("name*", "text", "Name, wie er im Bericht steht"),
        _s("ort", "text", "Ort"),
        _s("modell", "text", "Budgetmodell, etwa „Bremen“ oder „Nordfriesland“"),
        _s("budget_beginn", "datum", "erster Tag der Budgetfinanzierung", standard="Beginn des Budgetjahres"),
    ), ("traeger_id",), "traeger_id", pflicht=True),
    Tabelle("angebote", "Leistungsangebote eines Trägers", (
        _ANGEBOT, _TRAEGER,
        _s("bezeichnung*", "text", "Name des Angebots"),
        _s("leistungstyp*", "text", "Leistungstyp; Mittelwerte der HBG sind nur in einem Typ vergleichbar"),
        _s("sektor", "text", "etwa besondere Wohnform, ambulant, teilstationär"),
        _s("plaetze", "ganzzahl", "feste Platzzahl, wo es eine gibt", einheit="Plätze", minimum=0),
        _s("im_budget*", "janein", "gehört zum Trägerbudget"),
    ), ("angebot_id",), "traeger_id", pflicht=True),
    Tabelle("entgelte", "vereinbarte Entgelte; wo Zeiträume sich überschneiden, gilt der spätere Beschluss", (
        _ANGEBOT, _HBG, _GUELTIG_AB,
        _s("gueltig_bis", "datum", "gilt bis zu diesem Tag einschließlich", standard="unbefristet"),
        _s("grundpauschale*", "geld", "Grundpauschale", einheit="€ je Person und Tag", minimum=0),
        _s("massnahmepauschale*", "geld", "Maßnahmepauschale", einheit="€ je Person und Tag", minimum=0),
        _s("investitionsbetrag*", "geld", "Investitionsbetrag", einheit="€ je Person und Tag", minimum=0),
        _s("abwesenheit_faktor", "dezimal", "Anteil von Grund- und Maßnahmepauschale an Abwesenheitstagen", minimum=0),
        _s("gesamt", "geld", "Summe der drei Bestandteile, zur Kontrolle", einheit="€ je Person und Tag", minimum=0),
        _s("beschlossen_am", "datum", "Tag des Beschlusses", standard="von Anfang an bekannt"),
    ), ("angebot_id", "hbg", "gueltig_ab", "beschlossen_am")),
    Tabelle("faelle", "Fälle: eine Zeile je Aufenthalt in einer Hilfebedarfsgruppe, erster und letzter Tag eingeschlossen", (
        _PERSON, _ANGEBOT, _KOSTENTRAEGER, _HBG, _S, _AUSGANG,
        _s("beginn*", "datum", "erster Tag"),
        _s("ende", "datum", "letzter Tag", standard="läuft weiter"),
        _s("kostenzusage", "janein", "Kostenübernahme zugesagt; „nein“ wird gezählt, aber nicht abgerechnet", standard="ja"),
        _s("hilfe_zur_pflege", "janein", "erhält zugleich Hilfe zur Pflege (§ 132 Abs. 3 SGB IX)", standard="nein"),
        _s("besonderheit", "auswahl", "Besonderheit des Falls", standard="regelfall",
           werte=("regelfall", "zusatzbetreuung", "einzelfallsetting", "stand_by", "klassische_assistenz")),
    ), ("person_id", "angebot_id", "beginn")),
    Tabelle("abwesenheiten", "Abwesenheiten, erster und letzter Tag eingeschlossen", (
        _PERSON, _ANGEBOT,
        _s("beginn*", "datum", "erster Tag der Abwesenheit"),
        _s("ende*", "datum", "letzter Tag der Abwesenheit"),
        _s("grund", "text", "Grund", vertraulich=True),
    ), ("person_id", "angebot_id", "beginn")),
    Tabelle("fallzahlen", "Monatswerte für Angebote, die keine Fallzeilen liefern", (
        _ANGEBOT, _KOSTENTRAEGER, _HBG, _S, _AUSGANG,
        _s("monat*", "monat", "Monat"),
        _s("belegungstage*", "ganzzahl", "Tage zum vollen Entgelt", einheit="Tage", minimum=0),
        _s("abwesenheitstage", "ganzzahl", "Tage zum verminderten Entgelt", einheit="Tage", minimum=0),
        _s("stichtagszahl", "ganzzahl", "Personen, die über den letzten Tag des Monats hinaus bleiben", einheit="Personen", minimum=0),
        _s("zugaenge", "ganzzahl", "Zugänge im Monat", einheit="Personen", minimum=0),
        _s("abgaenge", "ganzzahl", "Abgänge im Monat", einheit="Personen", minimum=0),
    ), ("angebot_id", "kostentraeger", "hbg", "s", "hbg_ausgang", "monat")),
    Tabelle("personal", "eingesetztes Personal", (
        _ANGEBOT,
        _s("monat*", "monat", "Monat"),
        _s("qualifikation*", "auswahl", "Qualifikation", werte=("fachkraft", "nicht_fachkraft", "leitung")),
        _s("vk*", "dezimal", "Vollkräfte im Monatsmittel", einheit="VK", minimum=0),
        _s("kosten_eur", "geld", "Personalkosten des Monats", einheit="€"),
    ), ("angebot_id", "monat", "qualifikation")),
    Tabelle("schluessel", "Betreuungsschlüssel", (
        _ANGEBOT, _HBG, _GUELTIG_AB,
        _s("personen_je_vk*", "dezimal", "Personen je Vollkraft (1:10 → 10)", einheit="Personen je VK", minimum=0),
        _s("leitung_enthalten", "janein", "Schlüssel schließt Leitungsanteile ein", standard="nein"),
    ), ("angebot_id", "hbg", "gueltig_ab")),
    Tabelle("budgets", "Budgets mit Versionen: Mengengerüst (fallbezogen) und Pauschalen", (
        _TRAEGER,
        _s("budgetjahr*", "ganzzahl", "Kalenderjahr des Budgets", minimum=2000),
        _s("version*", "ganzzahl", "Nummer der Fassung; die höchste bis Quartalsende beschlossene gilt", minimum=1),
        _s("beschlossen_am*", "datum", "Tag des Beschlusses"),
        _s("basisjahr", "ganzzahl", "Jahr der Fallzahlen dahinter", standard="verhandelt, nicht hergeleitet", minimum=2000),
        _s("art*", "auswahl", "Art der Zeile", werte=("fallbezogen", "pauschal")),
        Spalte("angebot_id", "id", "Angebot; Pflicht, wo fallbezogen"),
        Spalte("hbg", "text", "Hilfebedarfsgruppe; Pflicht, wo fallbezogen"),
        _s("plaetze_plan", "dezimal", "durchschnittlich belegte Plätze; Pflicht, wo fallbezogen", einheit="Plätze", minimum=0),
        _s("bezeichnung", "text", "wofür eine Pauschale gezahlt wird; Pflicht, wo pauschal"),
        _s("betrag_eur", "geld", "Betrag der Pauschale im Jahr; Pflicht, wo pauschal", einheit="€"),
    ), (), "traeger_id"),
    Tabelle("verfahren", "vereinbarte Zähl- und Verfahrensregeln", (
        _TRAEGER, _GUELTIG_AB,
        _s("austrittstag_zaehlt*", "janein", "der letzte Tag wird gezählt"),
        _s("abwesenheit_volle_tage", "ganzzahl", "so viele erste Tage einer Abwesenheit zum vollen Entgelt",
           standard="alle zum vollen Entgelt", einheit="Tage", minimum=0),
        _s("abwesenheit_max_tage_jahr", "ganzzahl", "Höchstzahl verminderter Tage je Person, Angebot und Kalenderjahr",
           standard="keine Grenze", einheit="Tage", minimum=0),
        _s("korridor_unten_prozent", "dezimal", "vereinbarter Korridor nach unten", standard="nicht vereinbart", einheit="%"),
        _s("korridor_oben_prozent", "dezimal", "vereinbarter Korridor nach oben", standard="nicht vereinbart", einheit="%"),
        _s("personalanteil_nach", "auswahl", "Maßstab für den eigenen Anteil am Personal", standard="nicht vereinbart",
           werte=("tage", "personen", "euro")),
    ), ("traeger_id", "gueltig_ab"), "traeger_id"),
    Tabelle("brueche", "Brüche in den Zeitreihen, für den Trend", (
        _s("von*", "datum", "erster betroffener Tag"),
        _s("bis*", "datum", "letzter betroffener Tag"),
        _s("art*", "auswahl", "Art des Bruchs", werte=("bruch", "untererfassung")),
        _s("grund*", "text", "Grund"),
        _s("leistungstyp", "text", "nur dieser Leistungstyp", standard="alle"),
        _s("traeger_id", "id", "nur dieser Träger", standard="alle"),
    ), (), ""),
    Tabelle("anpassungen", "gesetzliche oder besondere Anpassungen des Budgets", (
        _TRAEGER,
        _s("budgetjahr*", "ganzzahl", "Kalenderjahr des Budgets", minimum=2000),
        _s("wirksam_ab*", "datum", "wirkt von diesem Monat an"),
        _s("betrag_eur*", "geld", "Betrag, auf die restlichen Monate verteilt", einheit="€"),
        _s("grund*", "text", "Grund"),
        _AUSGLEICH,
    ), (), "traeger_id"),
    Tabelle("massnahmen", "Einträge der Balanced Scorecard (BSC); zu einer Kennung beliebig viele Stände, der jüngste gilt", (
        _s("massnahme_id*", "text", "Kennung der Maßnahme"),
        _TRAEGER,
        _s("perspektive*", "text", "Perspektive der BSC"),
        _s("ziel*", "text", "Ziel"),
        _s("massnahme*", "text", "Maßnahme"),
        _s("kennzahl", "text", "woran der Erfolg gemessen wird"),
        _s("sollwert", "text", "Zielwert der Kennzahl"),
        _s("istwert", "text", "erreichter Wert"),
        _s("status*", "text", "etwa nicht_begonnen, laufend, abgeschlossen, zurueckgestellt, entfallen"),
        _s("faellig", "datum", "fällig am"),
        _s("verantwortlich", "text", "verantwortliche Stelle"),
        _s("vereinbart_am", "datum", "vereinbart am"),
        _s("handlungsfeld", "text", "Handlungsfeld"),
        _s("prioritaet", "text", "1 kurz-, 2 mittel-, 3 langfristig, 1–3 Dauerthema"),
        _s("vorhaben", "text", "Vorhaben oder Projekt, zu dem die Maßnahme gehört"),
        _s("mittel_eur", "geld", "Mittel im Ganzen", einheit="€"),
        _s("eigenanteil_eur", "geld", "davon Eigenanteil", einheit="€", standard="keiner"),
        _s("bemerkung", "text", "Bemerkung", vertraulich=True),
        _AUSGLEICH,
        _s("stand", "datum", "Tag, von dem an dieser Stand gilt, etwa der des Gesprächs", standard="von Anfang an"),
        _s("art", "auswahl", "Art des Eintrags; nur Maßnahmen werden nach Stand gezählt", standard="massnahme",
           werte=("massnahme", "meilenstein", "beschluss", "finanzierung")),
        _s("rhythmus", "text", "wie oft das Ziel überprüft wird"),
        _s("ebene", "auswahl", "Wirkung bei der Person oder Wirksamkeit des Angebots", werte=("person", "angebot")),
        _s("gemeinsam", "janein", "gemeinsam mit anderen Trägern; bei jedem eine Zeile mit derselben Kennung", standard="nein"),
        _s("projektbeginn", "datum", "erster Tag der Maßnahme oder des Vorhabens"),
        _s("foerderjahr", "ganzzahl", "Jahr, für das die Mittel bestimmt sind", minimum=2000),
        _s("ausgegeben_eur", "geld", "von den Mitteln ausgegeben", einheit="€"),
        _s("hemmnisse", "text", "was hindert", vertraulich=True),
        _s("foerderfaktoren", "text", "was hilft", vertraulich=True),
        _s("risiko", "text", "Risiko des Vorhabens"),
    ), ("traeger_id", "massnahme_id", "stand"), "traeger_id"),
    Tabelle("termine", "Steuerungsgespräche", (
        _TRAEGER,
        _s("quartal*", "quartal", "Quartal, über das gesprochen wird"),
        _s("termin*", "datum", "Tag des Gesprächs"),
        _s("ort", "text", "Ort"),
    ), ("traeger_id", "quartal"), "traeger_id"),
    Tabelle("verteiler", "wer welchen Bericht bekommt", (
        _TRAEGER,
        _s("name*", "text", "Name der empfangenden Person", vertraulich=True),
        _s("email*", "text", "E-Mail-Adresse", vertraulich=True),
        _s("rolle*", "auswahl", "Rolle", werte=("leistungstraeger", "leistungserbringer", "interessenvertretung")),
    ), ("traeger_id", "email"), "traeger_id"),
)}

PANDAS_TYP: dict[str, Any] = {"datum": "datetime64[s]", "monat": "datetime64[s]", "janein": "boolean", "ganzzahl": "Int64",
              "dezimal": object, "geld": object}


@lru_cache(maxsize=64)
def _zeile(spalten: tuple[str, ...]) -> Any:
    return namedtuple("Zeile", spalten)


def zeilen(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows of a frame as named tuples, their fields of any type (as `itertuples`, whose class is built anew each time)."""
    return map(_zeile(tuple(frame.columns.to_numpy()))._make, frame.to_numpy(dtype=object).tolist() if len(frame) else ())


def leere_tabelle(name: str) -> pd.DataFrame:
    """An empty frame with the columns and types of table `name`."""
    return pd.DataFrame({s.name: pd.Series(dtype=PANDAS_TYP.get(s.art, "str")) for s in TABELLEN[name].spalten})


@dataclass(frozen=True)
class Bestand:
    """All tables of one reporting state (Datenstand), converted and checked.

    `tabellen` maps every name of TABELLEN to a frame with every column of the schema; treat the frames as
    read-only. `hinweise` are (traeger_id or "", text) remarks that do not block; `gelesen` says how each file
    was read (rows, encoding, separator).
    """

    tabellen: Mapping[str, pd.DataFrame]
    datenstand: date
    leistungstraeger: str
    eigene_kostentraeger: tuple[str, ...]
    hinweis: str = ""
    erfunden: bool = False
    hinweise: tuple[tuple[str, str], ...] = ()
    gelesen: tuple[str, ...] = ()
    _nur: str | None = field(default=None, init=False, repr=False, compare=False)  # the provider that `nur` left

    def __getitem__(self, tabelle: str) -> pd.DataFrame:
        return self.tabellen[tabelle]

    @property
    def traeger_ids(self) -> list[str]:
        return sorted(self["traeger"]["traeger_id"])

    def pruefsumme(self) -> str:
        """SHA-256 over every value of every table and the Bestand's own settings; row order counts.

        Of `verteiler` only which roles there are: names and addresses are in no report, and a mended one makes none stale.
        """
        return self._pruefsumme

    @cached_property
    def _pruefsumme(self) -> str:
        return self._summe(self._zeilensummen())

    def pruefsummen(self) -> dict[str, str]:
        """`nur(i).pruefsumme()` of every provider, each table hashed once."""
        return self._pruefsummen

    @cached_property
    def _pruefsummen(self) -> dict[str, str]:
        summen = self._zeilensummen()
        return {i: self._summe({name: summen[name][z] for name, z in je.items()}) for i, je in self._zeilen_je_traeger.items()}

    def _zeilensummen(self) -> dict[str, np.ndarray[Any, Any]]:
        return {name: zeilensummen(frame[["rolle"]] if name == "verteiler" else frame) for name, frame in self.tabellen.items()}

    def _summe(self, zeilen: Mapping[str, np.ndarray[Any, Any]]) -> str:
        h = hashlib.sha256()
        kopf = (self.datenstand.isoformat(), self.leistungstraeger, *self.eigene_kostentraeger, self.hinweis, str(self.erfunden))
        h.update("\x1f".join(kopf).encode())
        for name in sorted(zeilen):
            summen = np.unique(zeilen[name]) if name == "verteiler" else zeilen[name]
            h.update(f"\x1e{name}\x1f{len(summen)}\n".encode())
            h.update(summen.astype("<u8").tobytes())
        return h.hexdigest()

    @cached_property
    def _zeilen_je_traeger(self) -> dict[str, dict[str, np.ndarray[Any, Any]]]:
        """Provider → table → the numbers of its rows in their order; of a shared table those that concern it."""
        angebote = self["angebote"]
        traeger_von = dict(zip(angebote["angebot_id"], angebote["traeger_id"], strict=True))
        typen = angebote.groupby("traeger_id")["leistungstyp"].agg(set)
        je: dict[str, dict[str, np.ndarray[Any, Any]]] = {i: {} for i in self.traeger_ids}
        for name, frame in self.tabellen.items():
            wem = frame["angebot_id"].map(traeger_von) if TABELLEN[name].gehoert == "angebot_id" else frame["traeger_id"]
            zeilen_ = wem.groupby(wem).indices
            for i in je:
                je[i][name] = np.asarray(zeilen_.get(i, np.empty(0, dtype=np.int64))) if TABELLEN[name].gehoert else np.flatnonzero(
                    (wem.isna() | (wem == i)) & (frame["leistungstyp"].isna() | frame["leistungstyp"].isin(typen.get(i, set()))))
        return je

    def nur(self, traeger_id: str) -> Bestand:
        """The same Bestand with the rows of one provider only (shared tables: those that concern it); KeyError for an unknown one."""
        if self._nur == traeger_id:
            return self
        if traeger_id not in self._zeilen_je_traeger:
            raise KeyError(f"Den Träger {traeger_id} gibt es im Bestand nicht; bekannt sind {', '.join(self.traeger_ids)}.")
        teil = {}
        for name, zeilen_ in self._zeilen_je_traeger[traeger_id].items():
            frame = self[name]
            if len(zeilen_) < len(frame):
                frame = frame.take(zeilen_)
                frame.index = pd.RangeIndex(len(frame))
            teil[name] = frame
        ergebnis = replace(self, tabellen=teil, hinweise=tuple(h for h in self.hinweise if h[0] in ("", traeger_id)))
        bekannt = {"_pruefsumme": self._pruefsummen[traeger_id]} if "_pruefsummen" in vars(self) else {}
        vars(ergebnis).update(bekannt, _nur=traeger_id)
        return ergebnis


def zeilensummen(frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    """A 64-bit hash of every row's values, the same whatever rows stand beside it; empty differs from every value."""
    summen = np.zeros(len(frame), dtype=np.uint64)
    for name in frame:
        spalte = frame[name]
        if spalte.dtype == object:  # Decimal: 1.0 and 1.00 are different entries, and are shown differently
            spalte = spalte.map(lambda w: "" if w is None else str(w)).astype("str")
        werte = pd.util.hash_pandas_object(spalte, index=False).to_numpy(dtype=np.uint64)
        werte = np.where(spalte.isna().to_numpy(dtype=bool), np.uint64(0x9E3779B97F4A7C15), werte)
        summen = (summen ^ werte) * np.uint64(0x100000001B3) + (werte >> np.uint64(29))
    return summen
