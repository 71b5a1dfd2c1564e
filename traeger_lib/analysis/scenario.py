"""What if: a described change of places, groups, rates or staff.

A scenario is a basis (where the places come from), a horizon in calendar years and a list of changes, each of which turns one state
(`Lage`) into another. Not here: the state it begins with (`scenario_places`), what follows in Euro (`scenario_money`), by chance
(`scenario_chance`) and in a year (`scenario_result`); files (`operations.szenario`), words and charts (`reporting.szenario`). A new kind
of change is one function and one entry in ARTEN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from traeger_lib.analysis.money import runde_cent
from traeger_lib.analysis.periods import Quartal
from traeger_lib.inputs.faults import Fehler, Fehlerliste

if TYPE_CHECKING:
    from traeger_lib.analysis.scenario_places import Ausgangslage

SCHEMA, HORIZONT_MAX, ZIEHUNGEN_MAX, AENDERUNGEN_MAX = 1, 5, 100_000, 40
MIO = 10**6  # places are held in whole millionths
BASEN = {"basisjahr": "Mengengerüst des Budgets", "vorjahr": "Belegung des Vorjahres", "quartal": "Belegung des Quartals",
         "prognose": "Prognose", "fortschreibung": "heutiger Bestand mit beobachteten Zugängen, Abgängen und Wechseln"}
BESTANDTEILE = ("gesamt", "grundpauschale", "massnahmepauschale", "investitionsbetrag")
Schluessel = tuple[str, str]  # offer, need group
GESAMT = "gesamt"  # in the place of an offer: all of them


# ── the description ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Feld:
    """A field of a kind of change: what it holds (art), German label, unit, bounds; `standard` None = required, "" = may be empty."""

    art: str  # zahl, ganzzahl, datum, janein, text, auswahl, angebot, hbg
    name: str
    einheit: str = ""
    unten: float = 0.0
    oben: float = 0.0
    schritt: float = 1.0
    standard: Any = None
    werte: tuple[str, ...] = ()


@dataclass(frozen=True)
class Aenderung:
    """One change as described: kind, switched on or off, its fields by name."""

    art: str
    werte: tuple[tuple[str, Any], ...]
    an: bool = True

    def __getitem__(self, feld: str) -> Any:
        return dict(self.werte).get(feld, ARTEN[self.art].felder[feld].standard)

    def mit(self, **werte: Any) -> Aenderung:
        return replace(self, werte=tuple(sorted((dict(self.werte) | werte).items())))


@dataclass(frozen=True)
class Szenario:
    """A scenario as described; `horizont` in calendar years from the quarter's on, `ziehungen` draws from `seed`."""

    name: str
    traeger_id: str
    quartal: str
    basis: str = "basisjahr"
    horizont: int = 2
    seed: int = 1
    ziehungen: int = 1000
    aenderungen: tuple[Aenderung, ...] = ()


def szenario_aus(daten: Mapping[str, Any]) -> Szenario:
    """Check a description (parsed TOML) and freeze it. Raises Fehlerliste with every fault: change number, field, value, remedy."""
    fehler: list[Fehler] = []
    if daten.get("schema") != SCHEMA:
        raise Fehlerliste([falsch(None, "schema", daten.get("schema", ""), f"Diese Fassung ist unbekannt, erwartet wird {SCHEMA}.")])
    werte = _lies_felder(None, _KOPF, {k: w for k, w in daten.items() if k not in ("schema", "aenderung")}, fehler)
    aenderungen, liste = [], daten.get("aenderung", [])
    if not isinstance(liste, list) or len(liste) > AENDERUNGEN_MAX or not all(isinstance(r, Mapping) for r in liste):
        raise Fehlerliste([falsch(None, "aenderung", "", f"Jede Änderung ist ein Abschnitt [[aenderung]], höchstens {AENDERUNGEN_MAX}.")])
    for nr, roh in enumerate(liste, 1):
        art, an = roh.get("art"), roh.get("an", True)
        if not isinstance(art, str) or art not in ARTEN:
            fehler.append(falsch(nr, "art", art or "", f"Diese Art gibt es nicht. Möglich sind {', '.join(ARTEN)}."))
            continue
        if not isinstance(an, bool):
            fehler.append(falsch(nr, "an", an, "Möglich sind true und false."))
        w = _lies_felder(nr, ARTEN[art].felder, {k: x for k, x in roh.items() if k not in ("art", "an")}, fehler)
        aenderungen.append(Aenderung(art, tuple(sorted(w.items())), an is True))
    if fehler:
        raise Fehlerliste(fehler)
    Quartal.aus(werte["quartal"])
    return Szenario(**werte, aenderungen=tuple(aenderungen))


def _lies_felder(nr: int | None, felder: Mapping[str, Feld], roh: Mapping[str, Any], fehler: list[Fehler]) -> dict[str, Any]:
    for k in roh.keys() - felder.keys():
        fehler.append(falsch(nr, k, "", f"Dieses Feld gibt es hier nicht. Möglich sind {', '.join(felder)}."))
    werte = {}
    for k, feld in felder.items():
        try:
            werte[k] = _lies_feld(feld, roh.get(k, "" if feld.standard is None else feld.standard))
        except ValueError as e:
            fehler.append(falsch(nr, k, roh.get(k, ""), str(e)))
    return werte


def _lies_feld(f: Feld, x: Any) -> Any:
    """One value, exact; a ValueError says in German what is wrong with it."""
    if x == "" and f.standard is None:
        raise ValueError("Diese Angabe fehlt.")
    if x == "" and f.standard == "":
        return ""
    if f.art in ("zahl", "ganzzahl"):
        if isinstance(x, bool) or not isinstance(x, int | float | Decimal) or not Decimal(str(x)).is_finite():
            raise ValueError("Das ist keine Zahl.")
        if not f.unten <= x <= f.oben:
            raise ValueError(f"Möglich sind Werte von {f.unten:g} bis {f.oben:g}{f' {f.einheit}' if f.einheit else ''}.")
        if f.art == "ganzzahl" and x != int(x):
            raise ValueError("Das ist keine ganze Zahl.")
        return Decimal(str(x)) if f.art == "zahl" else int(x)
    if f.art == "datum" and type(x) is not date:
        raise ValueError("Das ist kein Datum (JJJJ-MM-TT, ohne Anführungszeichen).")
    if f.art == "janein" and not isinstance(x, bool):
        raise ValueError("Möglich sind true und false.")
    if f.art in ("text", "angebot", "hbg", "auswahl") and (not isinstance(x, str) or len(x) > 200 or not x.isprintable()):
        raise ValueError("Das ist kein Text von höchstens 200 Zeichen in einer Zeile.")
    if f.art == "auswahl" and x not in f.werte:
        raise ValueError(f"Möglich sind {', '.join(f.werte)}.")
    return x


def falsch(nr: int | None, feld: str, wert: Any, grund: str) -> Fehler:
    """A fault in a description; its `art` „number.field“ lets the bench show it where it belongs."""
    ort, abhilfe = (f"Szenario, Änderung {nr}", "Bitte ändern oder die Änderung abschalten.") if nr else ("Szenario", "")
    return Fehler(ort, grund, abhilfe, spalte=feld, wert=str(wert)[:40], art=f"{nr or 0}.{feld}")


class Unmoeglich(Exception):
    """A change that cannot be made: field, value, reason."""


# ── the state a list of changes turns into another ───────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Lage:
    """Own billed places per offer and need group, (n_groups, n_days) in millionths, by granted group and by the group before S;
    persons per VK per day (NaN without a key); VK present per day in millionths; changes of the rates; lump sums; corridor in %."""

    gruppen: tuple[Schluessel, ...]
    plaetze: np.ndarray
    ausgang: np.ndarray
    je_vk: np.ndarray
    vk: np.ndarray | None
    entgelt: tuple[Aenderung, ...] = ()
    pauschalen: tuple[tuple[str, int, int, Decimal], ...] = ()  # what for, first year, last year, € a year
    korridor: tuple[Decimal | None, Decimal | None] = (None, None)

    def welche(self, w: Aenderung, *felder: str) -> np.ndarray:
        """Mask over the groups: the offer and group a change names (empty = all). Unmoeglich where there is none."""
        maske = np.ones(len(self.gruppen), bool)
        for feld in felder:
            if wert := w[feld]:
                maske = maske & np.array([k[feld != "angebot_id"] == wert for k in self.gruppen], bool)
                if not maske.any():
                    raise Unmoeglich(feld, wert, "Das gibt es bei den Angeboten im Budget nicht.")
        return maske

    def pauschal(self, jahr: int) -> Decimal:
        """Sum of the lump sums of a year."""
        return sum((b for _, von, bis, b in self.pauschalen if von <= jahr <= bis), Decimal("0.00"))

    def um(self, mehr: np.ndarray, ausgang: np.ndarray | None = None) -> Lage:
        """With more (or fewer) places by granted group, and by the group before S where that differs."""
        return replace(self, plaetze=self.plaetze + mehr, ausgang=self.ausgang + (mehr if ausgang is None else ausgang))


def _wann(r: Ausgangslage, w: Aenderung) -> np.ndarray:
    """The days from `ab` to `bis` of a change as 0/1. Unmoeglich outside the horizon."""
    ab: date = w["ab"]
    bis: date = ("bis" in ARTEN[w.art].felder and w["bis"]) or r.z.bis
    if not r.z.von <= ab <= r.z.bis:
        raise Unmoeglich("ab", f"{ab:%d.%m.%Y}", f"Der Horizont reicht vom {r.z.von:%d.%m.%Y} bis zum {r.z.bis:%d.%m.%Y}.")
    if bis < ab:
        raise Unmoeglich("bis", f"{bis:%d.%m.%Y}", "Das liegt vor dem Beginn.")
    tage: np.ndarray = np.arange(r.z.tage)
    return np.asarray((tage >= r.nr(ab)) & (tage <= r.nr(bis)))


def _plaetze(r: Ausgangslage, x: Lage, w: Aenderung) -> Lage:
    """Places more or fewer in one group, from `ab` to `bis`."""
    return x.um(np.outer(x.welche(w, "angebot_id", "hbg"), _wann(r, w)) * int(w["plaetze"] * MIO))


def _wachstum(r: Ausgangslage, x: Lage, w: Aenderung) -> Lage:
    """Places × (1 + rate)^(years since `ab`)."""
    faktor = (1 + float(w["prozent_pro_jahr"]) / 100) ** r.jahre_seit(w["ab"]) - 1
    maske = x.welche(w, "angebot_id")[:, None]
    return x.um(*(np.where(maske, np.rint(p * faktor), 0).astype(np.int64) for p in (x.plaetze, x.ausgang)))


def _verlagerung(r: Ausgangslage, x: Lage, w: Aenderung) -> Lage:
    """A share of one group moves to another; as „+S“ the group before S stays the old one."""
    von, nach = (x.welche(w, "angebot_id", f) for f in ("von_hbg", "nach_hbg"))
    if w["von_hbg"] == w["nach_hbg"]:
        raise Unmoeglich("nach_hbg", w["nach_hbg"], "Das ist dieselbe Gruppe.")
    mehr = np.outer(nach.astype(int) - von, x.plaetze[von][0] * _wann(r, w) * int(w["anteil_prozent"] * 1000) // 100_000)
    return x.um(mehr, mehr * (not w["s"]))


def _entgelt(r: Ausgangslage, x: Lage, w: Aenderung) -> Lage:
    """A component of the rates (or all of them) changes by per cent from `ab`."""
    x.welche(w, "angebot_id", "hbg")
    return replace(x, entgelt=(*x.entgelt, w))


def _personal(r: Ausgangslage, x: Lage, w: Aenderung) -> Lage:
    """Posts filled or vacant from `ab` on."""
    if x.vk is None:
        raise Unmoeglich("vk", w["vk"], "Zum Personal liegen keine Angaben vor.")
    return replace(x, vk=x.vk + _wann(r, w) * int(w["vk"] * MIO))


def _schluessel(r: Ausgangslage, x: Lage, w: Aenderung) -> Lage:
    """Another staffing key from `ab` on."""
    return replace(x, je_vk=np.where(np.outer(x.welche(w, "angebot_id", "hbg"), _wann(r, w)), float(w["personen_je_vk"]), x.je_vk))


def _auswaertige(r: Ausgangslage, x: Lage, w: Aenderung) -> Lage:
    """Another share of external payers: own places × (1 − new share) ÷ (1 − share of the quarter); VK for the funder likewise."""
    maske, (eigen, alle) = x.welche(w, "angebot_id"), r.anteil_eigene(w["angebot_id"])
    if not eigen:
        raise Unmoeglich("angebot_id", w["angebot_id"], "Im Quartal ist dort niemand eigener Kostenträger belegt.")
    faktor = Fraction(100 - w["anteil_prozent"]) / 100 * Fraction(alle, eigen)
    mehr = [np.where(maske[:, None] & _wann(r, w), p * faktor.numerator // faktor.denominator - p, 0) for p in (x.plaetze, x.ausgang)]
    vk = x.vk if x.vk is None else x.vk + _wann(r, w) * int(r.vk_je.get(w["angebot_id"], 0) * MIO * (faktor - 1))
    return replace(x.um(*mehr), vk=vk)


def _pauschale(r: Ausgangslage, x: Lage, w: Aenderung) -> Lage:
    """A lump sum a year, from the year of `ab` to that of `bis`, not pro-rated."""
    neu = (w["bezeichnung"], w["ab"].year, w["bis"].year if w["bis"] else 9999, runde_cent(w["betrag_eur"]))
    return replace(x, pauschalen=(*x.pauschalen, neu))


def _korridor(r: Ausgangslage, x: Lage, w: Aenderung) -> Lage:
    """Another corridor around the agreed budget."""
    return replace(x, korridor=(w["unten_prozent"], w["oben_prozent"]))


def _angebot(r: Ausgangslage, x: Lage, w: Aenderung) -> Lage:
    """A new offer (or another need group of it): places filled evenly over the start-up months, at its own rate."""
    k = (w["angebot_id"], w["hbg"])
    if k in x.gruppen or k[0] in {a.angebot_id for a in r.a.angebote}:
        raise Unmoeglich("angebot_id", k[0], "Dieses Angebot (mit dieser Gruppe) gibt es schon.")
    anlauf = np.clip((r.jahre_seit(w["ab"]) * 12 + 1e-9) / max(float(w["anlauf_monate"]), 1e-9), 0, 1)
    neu = (np.rint(anlauf * float(w["plaetze"]) * MIO).astype(np.int64) * _wann(r, w))[None]
    je_vk = np.full_like(neu, float(w["personen_je_vk"] or "nan"), float)
    return replace(x, gruppen=(*x.gruppen, k), plaetze=np.concatenate([x.plaetze, neu]), ausgang=np.concatenate([x.ausgang, neu]),
                   je_vk=np.concatenate([x.je_vk, je_vk]), entgelt=(*x.entgelt, w))


def _belegt(r: Ausgangslage, w: Aenderung, wo: np.ndarray) -> list[float]:
    return [r._je_gruppe(r.a.vol.bezahlt(r.heute))[wo].sum() / r.heute.tage] if r.heute.tage else []


def _saetze(r: Ausgangslage, w: Aenderung, wo: np.ndarray) -> list[Decimal]:
    """Agreed rates of the groups, or a component of them."""
    zeilen = [r.a.entgelte.je_hbg(*r.gruppen[i], None).zeile[(r.heute.bis - r.a.entgelte.von).days] for i in np.flatnonzero(wo)]
    teile = BESTANDTEILE[1:] if w["bestandteil"] == "gesamt" else (w["bestandteil"],)
    return [sum((r.a.bestand["entgelte"][s].iloc[z] for s in teile), Decimal(0)) for z in zeilen if z >= 0]


def heute(r: Ausgangslage, w: Aenderung) -> tuple[str, list[Any]]:
    """What a change meets today, whatever the basis: unit, and the values of its groups; places and shares are the quarter's means.
    No unit where there is nothing yet of what it names."""
    art = ARTEN[w.art]
    with suppress(Unmoeglich):
        return art.einheit, list(art.heute(r, w, r.anfang.welche(w, *({"angebot_id", "hbg", "von_hbg"} & art.felder.keys()))))
    return "", []


@dataclass(frozen=True)
class Art:
    """A kind of change: German label, its fields, the field that carries its size, what it does; what it meets today, in which unit."""

    name: str
    felder: Mapping[str, Feld]
    haupt: str
    wirke: Callable[[Ausgangslage, Lage, Aenderung], Lage]
    einheit: str = ""
    heute: Callable[[Ausgangslage, Aenderung, np.ndarray], Iterable[Any]] = lambda r, w, wo: ()


_KOPF = {
    "name": Feld("text", "Name"), "traeger_id": Feld("text", "Träger"), "quartal": Feld("text", "Quartal"),
    "basis": Feld("auswahl", "Basis", standard="basisjahr", werte=tuple(BASEN)),
    "horizont": Feld("ganzzahl", "Horizont", "Jahre", 1, HORIZONT_MAX, standard=2),
    "seed": Feld("ganzzahl", "Startwert", "", 0, 2**31, standard=1),
    "ziehungen": Feld("ganzzahl", "Zufallsläufe", "", 100, ZIEHUNGEN_MAX, standard=1000)}
_ANG, _ANG_ALLE = Feld("angebot", "Angebot"), Feld("angebot", "Angebot", standard="")
_HBG, _HBG_ALLE = Feld("hbg", "HBG"), Feld("hbg", "HBG", standard="")
_ZEIT = {"ab": Feld("datum", "ab"), "bis": Feld("datum", "bis", standard="")}
_AB = {"ab": _ZEIT["ab"]}


def _z(name: str, einheit: str, unten: float, oben: float, schritt: float = 1, standard: Any = None) -> Feld:
    return Feld("zahl", name, einheit, unten, oben, schritt, standard)


ARTEN: dict[str, Art] = {
    "plaetze": Art("Plätze", {"angebot_id": _ANG, "hbg": _HBG, "plaetze": _z("Veränderung", "Plätze", -200, 200, 0.5), **_ZEIT},
                   "plaetze", _plaetze, "Plätze", _belegt),
    "wachstum": Art("Wachstum", {"angebot_id": _ANG_ALLE, "prozent_pro_jahr": _z("Wachstum", "% im Jahr", -50, 50, 0.1), **_AB},
                    "prozent_pro_jahr", _wachstum, "Plätze", _belegt),
    "verlagerung": Art("HBG-Verlagerung", {
        "angebot_id": _ANG, "von_hbg": Feld("hbg", "von HBG"), "nach_hbg": Feld("hbg", "nach HBG"),
        "anteil_prozent": _z("Anteil", "% der Plätze", 0, 100), "s": Feld("janein", "als „+S“", standard=True), **_ZEIT},
        "anteil_prozent", _verlagerung, "Plätze", _belegt),
    "entgelt": Art("Entgelte", {
        "angebot_id": _ANG_ALLE, "hbg": _HBG_ALLE, "bestandteil": Feld("auswahl", "Bestandteil", standard="gesamt", werte=BESTANDTEILE),
        "prozent": _z("Veränderung", "%", -50, 50, 0.1), "spanne_prozent": _z("Spanne ±", "%-Punkte", 0, 20, 0.1, Decimal(0)), **_AB},
        "prozent", _entgelt, "€ am Tag", _saetze),
    "personal": Art("Personal", {"vk": _z("Veränderung", "VK", -200, 200, 0.5), **_ZEIT}, "vk", _personal,
                    "VK", lambda r, w, wo: [] if r.anfang.vk is None else [r.anfang.vk[0] / MIO]),
    "schluessel": Art("Betreuungsschlüssel", {"angebot_id": _ANG, "hbg": _HBG_ALLE, "personen_je_vk": _z(
        "Schlüssel", "Personen je VK", 0.1, 100, 0.1), **_ZEIT}, "personen_je_vk", _schluessel,
        "Personen je VK", lambda r, w, wo: [x for x in r.anfang.je_vk[wo, max(r.nr(r.heute.bis), 0)] if x == x]),
    "auswaertige": Art("Auswärtige Kostenträger", {"angebot_id": _ANG, "anteil_prozent": _z("Anteil", "% der Tage", 0, 100), **_ZEIT},
                       "anteil_prozent", _auswaertige, "% der Tage", lambda r, w, wo: [
                           100 - 100 * eigen / alle for eigen, alle in [r.anteil_eigene(w["angebot_id"])] if alle]),
    "pauschale": Art("Pauschale oder Projekt", {"bezeichnung": Feld("text", "wofür"), "betrag_eur": _z(
        "Betrag", "€ im Jahr", -1e7, 1e7, 1000), **_ZEIT}, "betrag_eur", _pauschale,
        "€ im Jahr", lambda r, w, wo: [r.anfang.pauschal(r.z.von.year)]),
    "korridor": Art("Korridor", {"unten_prozent": _z("unten", "%", 0, 50, 0.5), "oben_prozent": _z("oben", "%", 0, 50, 0.5)},
                    "oben_prozent", _korridor, "%", lambda r, w, wo: [
                        z * abs(x) for z, x in zip((-1, 1), r.anfang.korridor, strict=True) if x is not None]),
    "angebot": Art("Neues Angebot", {
        "angebot_id": Feld("text", "Kennung"), "hbg": Feld("text", "HBG", standard="ohne"), "plaetze": _z("Plätze", "Plätze", 0, 500, 0.5),
        "grundpauschale": _z("Grundpauschale", "€ am Tag", 0, 1000, 5, Decimal(0)),
        "massnahmepauschale": _z("Maßnahmepauschale", "€ am Tag", 0, 1000, 5),
        "investitionsbetrag": _z("Investitionsbetrag", "€ am Tag", 0, 1000, 5, Decimal(0)),
        "personen_je_vk": _z("Schlüssel", "Personen je VK", 0.1, 100, 0.1, ""),
        "anlauf_monate": _z("Anlauf", "Monate", 0, 36, 1, Decimal(0)), **_AB}, "plaetze", _angebot),
}
