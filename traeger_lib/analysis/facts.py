"""`Facts`: every figure of one provider and quarter, once. Notebook, charts, HTML, Excel, mail and JSON only read it.

Computed in `analyse`; this module holds the types and their machine-readable form (`kennzahlen.json`, CONTRACT §3).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Generic, TypeVar

import numpy as np

from traeger_lib.analysis.budget import Budget, PufferJahr
from traeger_lib.analysis.chance import Korridor
from traeger_lib.analysis.deviation import Abrechnung, Abweichung
from traeger_lib.analysis.events import Belegung, Besonderheit, Ereignisse, Sektorwechsel, Uebergang, Zugangsprofil
from traeger_lib.analysis.hbg import HbgMix, Mixindex
from traeger_lib.analysis.outlook import Ausblick, Hochrechnung
from traeger_lib.analysis.periods import Quartal, Zeitraum
from traeger_lib.analysis.rates import Entgeltzeile
from traeger_lib.analysis.revisions import Vergleich
from traeger_lib.analysis.scorecard import Scorecard
from traeger_lib.analysis.staffing import Personal
from traeger_lib.inputs.schema import TABELLEN

SCHEMA_VERSION = "1.0"
VERTRAULICH = {s.name for s in TABELLEN["massnahmen"].spalten if s.vertraulich}  # free text that stays in the minutes
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Zweifach(Generic[T]):
    """The quarter and the year to date (1 January to the quarter's end)."""

    quartal: T
    kumuliert: T


@dataclass(frozen=True, slots=True)
class Gegliedert(Generic[T]):
    """A figure of the provider as a whole and of each offer (by angebot_id)."""

    gesamt: T
    je_angebot: Mapping[str, T]


@dataclass(frozen=True, slots=True)
class Fallzahlen:
    """Days and persons of a period, own paying bodies. durchschnittlich_belegte_plaetze = Entgelttage ÷ calendar days;
    anteil_auswaertige = external Entgelttage ÷ all Entgelttage."""

    belegungstage: int
    abwesenheitstage: int
    durchschnittlich_belegte_plaetze: Fraction
    stichtagszahl: int | None
    faelle_im_zeitraum: int | None
    zugaenge: int | None
    abgaenge: int | None
    wechsel: int | None
    anteil_auswaertige: Fraction | None


@dataclass(frozen=True, slots=True)
class FallzahlenBlock:
    """All offers, each offer, and the offers in the budget as if they were the whole provider."""

    gesamt: Fallzahlen
    je_angebot: Mapping[str, Fallzahlen]
    im_budget: Fallzahlen


@dataclass(frozen=True, slots=True)
class Angebot:
    """Master data of an offer."""

    angebot_id: str
    bezeichnung: str
    leistungstyp: str
    sektor: str | None
    plaetze: int | None
    im_budget: bool


@dataclass(frozen=True, slots=True)
class Trend:
    """Outlook of all offers, of each offer, and of each need group of an offer; parts add up to the total."""

    gesamt: Ausblick | None
    je_angebot: Mapping[str, Ausblick | None]
    je_hbg: Mapping[str, Mapping[str, Ausblick | None]]


@dataclass(frozen=True, slots=True)
class Monat:
    """One month of history: average occupied places, own paying bodies, of all offers, by offer, and as budgeted."""

    monat: str
    plaetze: Fraction
    je_angebot: Mapping[str, Fraction]
    plaetze_plan: Decimal | None


@dataclass(frozen=True, slots=True)
class Quartalsstand:
    """One quarter of history: staffing of all offers, the shares of need groups per offer, index and deviation of the whole
    against the budget version of that year (None in their fields where there was none)."""

    quartal: str
    personal: Personal
    hbg: Mapping[str, HbgMix]
    mix: Mixindex
    abweichung: Abweichung


@dataclass(frozen=True, slots=True)
class Personaljahr:
    """Staffing of all offers in a calendar year (the current one: to the quarter's end)."""

    jahr: int
    personal: Personal


@dataclass(frozen=True, slots=True)
class Hinweis:
    """What is missing, provisional or not agreed."""

    schluessel: str
    text: str


@dataclass(frozen=True, slots=True)
class Verfahren:
    """Agreed rules that lead a sentence; None = none agreed. `ein_satz`: one mean rate for all need groups of an offer, so that the
    mix index is 1 whatever the need."""

    korridor_unten_prozent: Decimal | None
    korridor_oben_prozent: Decimal | None
    personalanteil_nach: str | None
    ein_satz: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything published about one provider in one quarter."""

    traeger_id: str
    name: str
    ort: str | None
    leistungstraeger: str
    quartal: Quartal
    rueckblick_jahre: int
    datenstand: date
    vorlaeufig: bool  # days of the quarter are missing
    erfunden: bool
    bestandshinweis: str
    angebote: tuple[Angebot, ...]
    termin: date | None
    verfahren: Verfahren
    budget_beginn: date | None  # first day of budget funding, where one is set, also of a later year
    gezaehlt_ab: date  # from when on every day counts; in means over a period the days before are 0
    fallzahlen: Zweifach[FallzahlenBlock]
    fallzahlen_vorquartal: FallzahlenBlock | None
    fallzahlen_vorjahresquartal: FallzahlenBlock | None
    hbg: Zweifach[Gegliedert[Any]]  # gesamt: Mixindex, je_angebot: HbgMix
    abweichung: Zweifach[Gegliedert[Abweichung]]
    klassische_abrechnung: Zweifach[Gegliedert[Abrechnung]]
    personal: Zweifach[Gegliedert[Personal]]
    personal_jahre: tuple[Personaljahr, ...]
    budget: Budget | None
    puffer_jahre: tuple[PufferJahr, ...]
    korridor: Korridor | None
    uebergaenge: tuple[Uebergang, ...]
    sektorwechsel: tuple[Sektorwechsel, ...]
    zugangsprofil: tuple[Zugangsprofil, ...]
    belegung: tuple[Belegung, ...]
    ereignisse: tuple[Ereignisse, ...]
    besonderheiten: tuple[Besonderheit, ...]
    trend: Trend
    hochrechnung: Hochrechnung | None
    massnahmen: Scorecard
    entgelte: tuple[Entgeltzeile, ...]
    verlauf: tuple[Monat, ...]
    quartalsverlauf: tuple[Quartalsstand, ...]
    vergleich: Vergleich | None  # with an earlier reporting state, where one was given
    hinweise: tuple[Hinweis, ...]

    def stand(self, quartale_zurueck: int) -> Quartalsstand | None:
        """History of an earlier quarter (1: the one before, 4: the same a year ago); None where the data do not reach back."""
        return next((s for s in self.quartalsverlauf if s.quartal == str(self.quartal.vor(quartale_zurueck))), None)

    @property
    def budgettage(self) -> int:
        """Days of the quarter from the first day of budget funding on."""
        return self.quartal.zeitraum.ab(self.budget_beginn).tage

    def ganz(self, z: Zeitraum) -> bool:
        """Every day of a period up to the quarter's end is counted; otherwise too few places are, and too few staff seem needed."""
        return self.gezaehlt_ab <= z.von and not self.vorlaeufig

    def angebot(self, angebot_id: str) -> Angebot:
        return next(a for a in self.angebote if a.angebot_id == angebot_id)

    def kennzahlen(self) -> dict[str, Any]:
        """The content of `kennzahlen.json`: Euro to the cent, other figures to 6 decimals, what cannot be given null."""
        def zweifach(block: Zweifach[Any], form: Any) -> dict[str, Any]:
            return {"quartal": form(block.quartal), "kumuliert": form(block.kumuliert)}

        def fallzahlen(b: FallzahlenBlock) -> dict[str, Any]:
            return {**_json(b.gesamt), "je_angebot": _liste(b.je_angebot), "im_budget": _json(b.im_budget)}

        def flach(b: Gegliedert[Any]) -> dict[str, Any]:
            return {**_json(b.gesamt), "je_angebot": _liste(b.je_angebot)}

        def tief(b: Gegliedert[Any] | Trend) -> dict[str, Any]:
            return {"gesamt": _json(b.gesamt), "je_angebot": _liste(b.je_angebot)}

        ohne_budget = dict.fromkeys(f.name for f in dataclasses.fields(Budget)) | {
            "budgetjahr": self.quartal.jahr, "raten": [], "herleitung": []}
        budget = {**(_json(self.budget) if self.budget else ohne_budget)}
        if self.budget:
            budget["pauschalen"] = [{"bezeichnung": b, "betrag_eur": _json(e)} for b, e in self.budget.pauschalen]
            budget["anpassungen"] = [
                {"wirksam_ab": m, "grund": g, "betrag_eur": _json(e)} for m, g, e in self.budget.anpassungen]
        return {
            "schema_version": SCHEMA_VERSION, "traeger_id": self.traeger_id, "name": self.name, "quartal": str(self.quartal),
            "datenstand": _json(self.datenstand), "vorlaeufig": self.vorlaeufig, "erfunden": self.erfunden,
            "fallzahlen": zweifach(self.fallzahlen, fallzahlen) | {
                k: fallzahlen(b) if b else None for k, b in
                (("vorquartal", self.fallzahlen_vorquartal), ("vorjahresquartal", self.fallzahlen_vorjahresquartal))},
            "hbg": zweifach(self.hbg, tief),
            "abweichung": zweifach(self.abweichung, flach),
            "klassische_abrechnung": zweifach(self.klassische_abrechnung, flach),
            "personal": zweifach(self.personal, tief),
            "budget": budget,
            "trend": tief(self.trend) | {"je_hbg": [
                {"angebot_id": a, "hbg": h, **(_json(x) or {})} for a, je in self.trend.je_hbg.items() for h, x in je.items()]},
            "hochrechnung": _json(self.hochrechnung),
            "massnahmen": {"status": dict(self.massnahmen.je_status), **{n: _json(getattr(self.massnahmen, n)) for n in (
                "ueberfaellig", "uebernommen", "vorhaben", "mittel")}, "liste": [
                    {k: v for k, v in _json(m).items() if k not in VERTRAULICH} for m in self.massnahmen.liste]},
            **{name: _json(getattr(self, name)) for name in (
                "personal_jahre", "puffer_jahre", "korridor", "uebergaenge", "sektorwechsel", "zugangsprofil", "belegung", "ereignisse",
                "besonderheiten")},
            "entgelte": _json(self.entgelte),
            "verlauf": _json(self.verlauf),
            "vergleich": _json(self.vergleich),
            "hinweise": _json(self.hinweise),
        }


def _liste(je_angebot: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"angebot_id": k, **{n: v for n, v in (_json(w) or {}).items() if n != "angebot_id"}} for k, w in je_angebot.items()]


def _json(x: Any) -> Any:
    """Plain JSON values: Decimal and Fraction as numbers, dates as ISO text, dataclasses as objects."""
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        if isinstance(x, Quartal):
            return str(x)
        return {f.name: _json(getattr(x, f.name)) for f in dataclasses.fields(x)}
    if isinstance(x, Mapping):
        return {str(k): _json(v) for k, v in x.items()}
    if isinstance(x, tuple | list):
        return [_json(v) for v in x]
    if isinstance(x, Decimal):
        return float(x)
    if isinstance(x, Fraction | float | np.floating):
        return round(float(x), 6) + 0.0  # never −0.0
    if isinstance(x, date):
        return x.isoformat()
    if isinstance(x, np.integer):
        return int(x)
    return x


als_json = _json
__all__ = ["SCHEMA_VERSION", "Angebot", "Facts", "Fallzahlen", "FallzahlenBlock", "Gegliedert", "Hinweis", "Mixindex", "Monat",
           "Personaljahr", "Quartalsstand", "Trend", "Verfahren", "Zeitraum", "Zweifach",
           "als_json"]
