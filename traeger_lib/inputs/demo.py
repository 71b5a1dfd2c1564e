"""Invented data that behave like the field: a seeded synthetic Bestand for trying out, tests and training.

A place is a renewal process (somebody stays, leaves, it is empty for a while, the next one comes); need groups, "+S",
absences, moves, staff, rates and budgets are laid over it by the day rules of CONTRACT.md §3. The same seed gives the
same bytes, and a provider's data do not depend on how many others are drawn.
Not here: any real provider, place or rate, and any claim about real developments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.inputs.schema import TABELLEN

Feld = NDArray[Any]
Zeilen = dict[str, list[tuple[str, ...]]]

MARKE = "# Erzeugt mit `traeger demo`; ein neuer Lauf überschreibt diesen Ordner."
HINWEIS = ("Erfundene Beispieldaten: Träger, Personen, Entgelte und Budgets sind ausgedacht (Startwert {seed}). "
           "Die Fälle beginnen frühestens am {von}; wer damals schon da war, hat diesen Tag als Beginn.")
KOSTENTRAEGER = ("Sozialamt Musterstadt", "Jugendamt Musterstadt", "Kreis Nebenan", "Stadt Nachbarort", "Kreis Umland")
STATUS = ("laufend", "abgeschlossen", "nicht_begonnen", "zurueckgestellt")
N_EIGENE = 2  # the first two are the funder's own
GRUENDE, GRUENDE_P = ("Krankenhaus", "Urlaub", "Familie", "Reha", "Kur"), (.34, .34, .2, .08, .04)
BESONDERHEIT = ("", "zusatzbetreuung", "einzelfallsetting", "stand_by", "klassische_assistenz")
OFFEN = 10**6  # day number of a stay that runs on
UPLIFTS_BP = (  # yearly uplift in basis points: Grund-, Maßnahmepauschale, Investition; the last from DOMAIN.md §3.2
    (231, 240, 262, 250, 228, 223), (255, 282, 300, 290, 265, 276), (220, 226, 235, 230, 221, 244))
HBG_AUF, HBG_AB, MIT_S, ZUSAGE, TRAEGERWECHSEL, LUECKE, LUECKE_ENDE, LEERT = range(8)  # events within a stay


@dataclass(frozen=True, slots=True)
class _Typ:
    """A kind of offer; money in cents a day at the first year's prices, `schluessel` = persons per VK."""

    leistungstyp: str
    sektor: str
    fest: bool  # a fixed number of places
    gruppen: tuple[str, ...]
    gewichte: tuple[float, ...]
    grund: int
    mass: tuple[int, ...]  # as all the tuples, one per need group
    invest: int
    schluessel: tuple[str, ...]
    abwesend_pro_jahr: float
    leerstand_tage: int
    besonderheiten: tuple[float, ...]  # probabilities, in the order of BESONDERHEIT
    leitung_enthalten: bool = False


_F = ("1", "2", "3", "4", "5")
_INT = _Typ("Intensiv betreutes Wohnen", "besondere Wohnform", True, ("4", "5"), (.55, .45), 2610, (21450, 28120), 1180,
            ("1,1", "0,8"), .8, 90, (.88, .05, .07, 0, 0), True)
TYPEN = {
    "BW": _Typ("Besondere Wohnform", "besondere Wohnform", True, _F, (.08, .24, .34, .23, .11), 2240,
               (4480, 6790, 9510, 12830, 16970), 985, ("6", "4", "2,8", "2", "1,4"), 1.1, 70, (.96, .03, .005, .005)),
    "ABW": _Typ("Ambulant betreutes Wohnen", "ambulant", False, _F, (.2, .36, .27, .13, .04), 268,
                (1815, 2920, 4340, 6010, 8240), 84, ("14", "10", "7", "5", "3,5"), .2, 140, (.95, .01, .01, .01, .02)),
    "TF": _Typ("Tagesförderung", "teilstationär", True, _F, (.06, .2, .34, .27, .13),
               645, (3790, 4820, 6080, 7540, 9620), 520, ("8", "6", "5", "4", "3"), .6, 130, (.98, .02, 0, 0, 0)),
    "INT": _INT,
    "IW": replace(_INT, gruppen=("ohne",), gewichte=(1.,), mass=(24380,), schluessel=("0,9",)),
}


@dataclass(frozen=True, slots=True)
class _Profil:
    """What makes a provider itself: `angebote` = (type, places today, growth per year, in the budget), the rest as
    fractions where not said otherwise."""

    kuerzel: str
    angebote: tuple[tuple[str, int, float, bool], ...]
    auswaertig: float
    s_anteil: float  # of the stays get "+S" from last year on
    auf: float  # share of the changes of need group that go up
    vakanz: float
    volle_tage: int | None = None
    max_tage: int | None = None
    austrittstag: str = "ja"
    korridor: str = ""
    anteil_nach: str = ""
    monate: int | None = None  # of history, where shorter than the others'
    halbjahr: bool = False  # budget from 1 July of last year on
    spaet: str = ""  # type of offer whose rates of this year were decided late
    leert: bool = False  # the highest need group empties
    nur_summen: bool = False  # monthly aggregates instead of case rows
    neubewertet: bool = False  # second version of this year's budget, decided in February
    kosten: bool = False  # staff costs given
    fehlmonat: bool = False  # one month of staff missing
    anpassung: tuple[int, int, str, str] | None = None  # years back, month, Euro, reason

    @property
    def name(self) -> str:
        return self.kuerzel.capitalize().replace("Sued", "Süd")


PROFILE = (
    _Profil("NORD", (("BW", 44, 0, True), ("ABW", 46, .05, True), ("TF", 22, 0, True)), .08, .14, .6, .07, 3,
            korridor="4", kosten=True, anpassung=(0, 2, "-4250,50", "Wegfall einer Umlage")),
    _Profil("SUED", (("BW", 170, 0, True), ("ABW", 270, .015, True), ("TF", 130, 0, True), ("INT", 30, 0, True)),
            .22, .2, .52, .03, 5, 60, neubewertet=True,
            anpassung=(1, 7, "18600,00", "Gesetzliche Änderung der Personalvorgaben")),
    _Profil("OST", (("ABW", 30, -.02, True), ("TF", 16, 0, True)), .33, .08, .55, .1, austrittstag="nein", leert=True),
    _Profil("WEST", (("BW", 60, 0, False), ("ABW", 58, .015, True), ("TF", 22, 0, False)), .15, .1, .54, .04,
            fehlmonat=True),
    _Profil("HAFEN", (("ABW", 18, .1, True), ("TF", 8, 0, True)), .05, .1, .5, .12, monate=14),
    _Profil("FLUSS", (("IW", 12, 0, True),), 0, 0, .5, .02, 3),
    _Profil("BERG", (("BW", 90, 0, True), ("ABW", 120, -.012, True), ("TF", 40, 0, True)), .12, .12, .5, .06, 3, 42,
            anteil_nach="tage", halbjahr=True, spaet="BW", kosten=True),
    _Profil("SEE", (("BW", 40, 0, True), ("TF", 35, 0, True)), .1, .12, .54, .05, 3, nur_summen=True),
)
# perspektive, ziel, massnahme, kennzahl, sollwert, handlungsfeld, prioritaet, vorhaben, mittel_eur
MASSNAHMEN = tuple(tuple(z.split("|")) for z in """\
Sozialraum|Begegnung im Quartier|Paketannahme für die Nachbarschaft|Pakete je Woche|30|Teilhabe|1|Offenes Haus|
Sozialraum|Angebote vor Ort|Kooperation mit der Theatergruppe im Stadtteil|Teilnehmende|8|Teilhabe|1||4800,00
Sozialraum|Netzwerk|Netzwerk mit Vereinen und Wohnungsgesellschaft|Partner|10|Vernetzung|2|Sozialraumprojekt|12500,00
Sozialraum|Begegnung im Quartier|Gassi-Runde mit der Nachbarschaft|Treffen|12|Bürgerschaftliches Engagement|1||
Leistungsberechtigte|Eigene Wohnung|Teilhabelots:innen|Personen|15|Wohnen|2|Teilhabelots:innen|38000,00
Leistungsberechtigte|Wille steht am Anfang|Workshops zum Fachkonzept|Workshops|4|Teilhabe|1||1600,00
Leistungsberechtigte|Wirkung zeigen|Fragebogen vor jedem Gesamtplangespräch|Anteil in %|80|Beratung/Information|1–3||
Mitarbeitende|Haltung|Fortbildung Fachkonzept Sozialraumorientierung|Geschulte|60|besondere Zielgruppen|1||9600,00
Mitarbeitende|Personal gewinnen|Quereinstieg mit Begleitung|besetzte Stellen|6|Betreuung und Pflege|1–3||15000,00
Prozesse|Kurze Wege|Gemeinsame Auswertung der Fallzahlen je Quartal|Auswertungen|4|Vernetzung|1||
Prozesse|„+S“ belegen|Verlagerung in jedem Gesamtplan beschreiben|Beschreibungen|20|Teilhabe|2||
Finanzen|Mittel teilen|Gemeinsamer Fahrdienst mit Nachbarträgern|Fahrten|120|Infrastruktur/Mobilität|2–3||22000,00
Finanzen|Mittel teilen|Tablets und Videoberatung für die Nachtbereitschaft|Geräte|16|Digitalisierung|2||7400,00
""".splitlines())
_MENSCHEN = ("Mara Muster", "Benno Beispiel", "Erika Erdacht", "Frieda Fiktiv", "Paul Probe", "Tilda Test", "Uwe Utopi")


@cache
def _kalender() -> tuple[Feld, Feld, Feld]:
    """For day numbers from 1970 on: German date text, first day of the month, year."""
    tage = np.arange(np.datetime64("1970-01-01"), np.datetime64("2060-01-01"))
    text = np.array([f"{d[8:]}.{d[5:7]}.{d[:4]}" for d in tage.astype(str).tolist()], dtype=object)
    return text, tage.astype("M8[M]").astype("M8[D]").astype(int), tage.astype("M8[Y]").astype(int) + 1970


def _tag(jahr: int, monat: int = 1, tag: int = 1) -> int:
    return date(jahr, monat, tag).toordinal() - date(1970, 1, 1).toordinal()


def _text(tage: Feld) -> list[str]:
    return np.where(tage >= OFFEN, "", _kalender()[0][np.where(tage >= OFFEN, 0, tage)]).tolist()  # type: ignore[no-any-return]


def _d(jahr: int, monat: int = 1, tag: int = 1) -> str:
    return f"{tag:02d}.{monat:02d}.{jahr}"


def _komma(cent: int) -> str:
    """Hundredths as a German decimal: 2885 → 28,85."""
    return f"{'-' if cent < 0 else ''}{abs(cent) // 100},{abs(cent) % 100:02d}"


def _folgemonat(tage: Feld) -> Feld:
    """The first of the month after the month of each day."""
    erster = _kalender()[1]
    return np.asarray(erster[erster[tage] + 31])


def _monatskanten(bis: int, monate: int) -> Feld:
    """First days of the `monate` months up to the one of day `bis`, and the day after `bis`."""
    m = np.datetime64(bis + 1, "D").astype("M8[M]") + np.arange(-monate, 1)
    kanten = m.astype("M8[D]").astype(int)
    return np.asarray(kanten if kanten[-1] == bis + 1 else np.r_[kanten, bis + 1])


def _ziehe(rng: np.random.Generator, off: Feld, gewichte: list[tuple[float, ...]]) -> Feld:
    """One draw per stay from the weights of its offer."""
    wurf = rng.random(len(off))
    je_angebot = [np.searchsorted(np.cumsum(g)[:-1], wurf, side="right") for g in gewichte]
    return np.select([off == i for i in range(len(gewichte))], je_angebot)


@dataclass(frozen=True, slots=True)
class _Verlauf:
    """The hidden truth of one provider: case rows (sorted by stay and begin) and days counted by its `verfahren`.

    z: columns of the rows (auf = stay, off, beg, end, h, s, aus, zusage, kt, person, bes, hzp, ein, raus).
    entgelttage, vermindert: (rows, months) paid days, and of them those at the reduced rate.
    kanten: first days of the months, and the day after the last. fehlt: absences as (stay, first, last day, reason).
    """

    z: Mapping[str, Feld]
    kanten: Feld
    entgelttage: Feld
    vermindert: Feld
    fehlt: tuple[Feld, ...]


def _aufenthalte(p: _Profil, rng: np.random.Generator, von: int, bis: int) -> tuple[Feld, ...]:
    """Stays (offer, first day, last day): each place in turn occupied and empty, about 10 % discharges a year."""
    plaetze, wachstum = np.array([a[1] for a in p.angebote]), np.array([a[2] for a in p.angebote])
    zusatz = np.round(np.abs(wachstum) * plaetze * (bis - von) / 365.25).astype(int)
    n = plaetze + np.where(wachstum < 0, zusatz, 0)
    o = np.repeat(np.arange(len(n)), n)
    beweglich = np.arange(len(o)) - np.repeat(np.cumsum(n) - n, n) < zusatz[o]  # places that come or go
    wann = rng.integers(von, bis, len(o))
    frei, zu = np.where(beweglich & (wachstum[o] > 0), wann, von), np.where(beweglich & (wachstum[o] < 0), wann, OFFEN)
    leer = np.array([TYPEN[a[0]].leerstand_tage for a in p.angebote])[o]
    frei = frei + np.where(rng.random(len(o)) < (.3 if p.monate else .03), rng.exponential(leer), 0).astype(int)
    teile = []
    for k in range(9):
        kurz = rng.random(len(o)) < (.22 if k else .04)  # those already there are mostly long-stayers
        ende = np.minimum(frei + 31 + rng.exponential(np.where(kurz, 450, 4900)).astype(int), bis + 1)
        ende = np.minimum(np.where(rng.random(len(o)) < .6, _folgemonat(ende) - 1, ende), zu)
        gilt = (frei < bis) & (ende > frei + 30)
        teile.append((o[gilt], frei[gilt], np.where(ende >= bis, OFFEN, ende)[gilt]))
        frei = np.minimum(np.minimum(ende, bis) + 1 + rng.exponential(leer).astype(int), bis + 1)
        frei = np.where(rng.random(len(o)) < .5, _folgemonat(frei), frei)
    return tuple(np.concatenate(t) for t in zip(*teile, strict=True))


def _personen(p: _Profil, rng: np.random.Generator, off: Feld, beg: Feld, end: Feld,
              von: int) -> tuple[Feld, Feld, Feld]:
    """Who stays where: moves between offers (same or next day) and people in two offers at once (Wohnen + TF).

    Returns the person of each stay, the first days (later where somebody moves in) and whether a stay ends in a move
    on the same day."""
    person, beg, gleichtag = np.arange(len(off)), beg.copy(), np.zeros(len(off), bool)
    tf = np.array([a[0] == "TF" for a in p.angebote])[off]
    frei = ~tf & (end < OFFEN)
    for e in sorted(np.flatnonzero(~tf & (beg > von)).tolist(), key=beg.tolist().__getitem__):
        passend = np.flatnonzero(frei & (off != off[e]) & (end >= beg[e]) & (end <= beg[e] + 20))
        if rng.random() < .4 and len(passend) and end[e] > end[passend[0]] + 31:
            k, versatz = passend[0], int(rng.random() < .5)
            beg[e], person[e], gleichtag[k], frei[k] = end[k] + versatz, person[k], versatz == 0, False
    vergeben = tf.copy()
    for t in np.flatnonzero(tf & (rng.random(len(off)) < .7)).tolist():
        passend = np.flatnonzero(~vergeben & ((beg < beg[t]) | (beg == beg[t]) & (beg == von))
                                 & ((end > end[t]) | (end == end[t]) & (end == OFFEN)))
        if len(passend):
            person[t] = person[passend[rng.integers(len(passend))]]
            vergeben |= person == person[t]
    return person, beg, gleichtag


def _verlauf(p: _Profil, rng: np.random.Generator, kanten: Feld, jahr: int) -> _Verlauf:
    """Simulate one provider over the months of `kanten`; `jahr` is the year of the Datenstand."""
    von, bis, typen = int(kanten[0]), int(kanten[-1]) - 1, [TYPEN[a[0]] for a in p.angebote]
    off, beg, end = _aufenthalte(p, rng, von, bis)
    person, beg, gleichtag = _personen(p, rng, off, beg, end, von)
    reihe = np.lexsort((beg, person, off))
    off, beg, end, gleichtag = off[reihe], beg[reihe], end[reihe], gleichtag[reihe]
    person = np.unique(person[reihe], return_inverse=True)[1]
    n, letzter, spitze = len(off), np.minimum(end, bis), np.array([len(t.gruppen) - 1 for t in typen])[off]
    dauer, tf = letzter - beg, np.array([a[0] == "TF" for a in p.angebote])[off]

    # what happens within a stay: (stay, day, kind)
    idx = np.repeat(np.arange(n), np.where(spitze > 0, rng.poisson(.11 * dauer / 365.25), 0))
    tag = beg[idx] + 1 + (rng.random(len(idx)) * dauer[idx]).astype(int)
    tag = np.where(rng.random(len(idx)) < .7, _folgemonat(tag), tag)
    ereignisse = [(np.arange(n), beg, np.full(n, -1)),
                  (idx, tag, np.where(rng.random(len(idx)) < p.auf, HBG_AUF, HBG_AB))]

    def einmal(wer: Feld, wann: Feld, art: int) -> None:
        ereignisse.append((np.flatnonzero(wer), wann[wer], np.full(int(wer.sum()), art)))

    einmal((rng.random(n) < p.s_anteil) & (spitze > 0),
           np.maximum(_tag(jahr - 1), beg + 60) + (rng.random(n) * 420).astype(int), MIT_S)
    offen = (beg > von) & (rng.random(n) < np.where(beg > bis - 75, .2, .04)) & (not p.nur_summen)
    einmal(offen, beg + rng.integers(30, 91, n), ZUSAGE)
    wechselt = (rng.random(n) < .004 * dauer / 365.25) & (np.bincount(person)[person] == 1)
    einmal(wechselt & (not p.nur_summen and p.auswaertig > 0),
           beg + 1 + (rng.random(n) * dauer).astype(int), TRAEGERWECHSEL)
    l_von, l_bis = _tag(jahr - 5), _tag(jahr - 5, 9, 30)
    luecke = tf & (von < l_von) & (rng.random(n) < .28)  # not recorded in these months
    einmal(luecke, np.full(n, l_von), LUECKE)
    einmal(luecke, np.full(n, l_bis + 1), LUECKE_ENDE)
    leer_tag = _tag(jahr - 3, 7) + rng.integers(0, 540, n) if p.leert else np.full(n, OFFEN)
    einmal(np.full(n, p.leert), leer_tag, LEERT)
    idx, tag, art = (np.concatenate(t) for t in zip(*ereignisse, strict=True))
    gut = (art < 0) | (tag > beg[idx]) & (tag <= letzter[idx])
    reihe = np.lexsort((-art[gut], tag[gut], idx[gut]))
    idx, tag, art = idx[gut][reihe], tag[gut][reihe], art[gut][reihe]
    einzig = np.r_[True, (idx[1:] != idx[:-1]) | (tag[1:] != tag[:-1])]
    idx, tag, art = idx[einzig], tag[einzig], art[einzig]

    start = np.searchsorted(idx, np.arange(n))
    rang = np.arange(len(idx)) - start[idx]
    deckel = spitze[idx] - (tag >= leer_tag[idx])
    h = np.minimum(_ziehe(rng, off, [t.gewichte for t in typen])[idx], deckel)
    aussen, jung = rng.random(n) < p.auswaertig, rng.random(n) < .02
    kt = np.where(aussen, rng.integers(N_EIGENE, len(KOSTENTRAEGER), n), jung)[person][idx]
    zusage, s, aus = ~offen[idx], np.zeros(len(idx), bool), np.full(len(idx), -1)
    weg = (luecke & (beg >= l_von) & (beg <= l_bis))[idx]
    for r in range(1, int(rang.max()) + 1):  # the r-th change of every stay at once
        z = np.flatnonzero(rang == r)
        v, k = z - 1, art[z]
        neu_s = (k == MIT_S) & ~s[v] & (h[v] > 0)
        stufe = np.where(s[v], 0, (k == HBG_AUF).astype(int) - (k == HBG_AB))
        h[z] = np.clip(h[v] + stufe, 0, deckel[z]) - neu_s
        s[z], aus[z], zusage[z] = s[v] | neu_s, np.where(neu_s, h[v], aus[v]), zusage[v] | (k == ZUSAGE)
        kt[z] = np.where(k == TRAEGERWECHSEL, np.where(kt[v] < N_EIGENE, N_EIGENE, 0), kt[v])
        weg[z] = (weg[v] | (k == LUECKE)) & (k != LUECKE_ENDE)
    zustand = np.stack([h, s, zusage, kt, weg])
    neu = (rang == 0) | np.r_[True, (zustand[:, 1:] != zustand[:, :-1]).any(axis=0)]
    idx, tag, da = idx[neu], tag[neu], ~weg[neu]
    zeilenende = np.where(np.r_[idx[1:] == idx[:-1], False], np.r_[tag[1:] - 1, 0], end[idx])
    besonders = _ziehe(rng, off, [t.besonderheiten for t in typen]) * (not p.nur_summen)
    pflege = (rng.random(n) < .05)[person] & ~tf
    z_alle = {"auf": idx, "off": off[idx], "beg": tag, "end": zeilenende, "person": person[idx], "bes": besonders[idx],
              "hzp": pflege[idx], "h": h[neu], "s": s[neu], "aus": aus[neu], "zusage": zusage[neu], "kt": kt[neu]}
    zz = {k: w[da] for k, w in z_alle.items()}
    weiter = (zz["auf"][1:] == zz["auf"][:-1]) & (zz["beg"][1:] == zz["end"][:-1] + 1)
    zz["ein"], zz["raus"] = np.r_[True, ~weiter], np.r_[~weiter, True] & (zz["end"] < OFFEN)

    umzug = gleichtag[zz["auf"]] & (zz["end"] == end[zz["auf"]])  # the day counts at the receiving offer
    laenge = np.minimum(zz["end"], bis) + 1 - zz["beg"] - (zz["raus"] & (umzug | (p.austrittstag == "nein")))
    tage = np.diff(np.clip(kanten - zz["beg"][:, None], 0, laenge[:, None]), axis=1)
    fehlt = _abwesenheiten(rng, np.array([t.abwesend_pro_jahr for t in typen])[off], beg, letzter,
                           np.where(luecke, l_von - 1, OFFEN), l_bis + 1)
    vermindert, unbezahlt = np.zeros_like(tage), np.zeros_like(tage)
    if p.volle_tage is not None:
        lang = np.maximum(fehlt[2] - fehlt[1] + 1 - p.volle_tage, 0)  # reduced days of each absence, one entry a day
        f_auf = np.repeat(fehlt[0], lang)
        f_tag = np.repeat(fehlt[1] + p.volle_tage - np.cumsum(lang) + lang, lang) + np.arange(lang.sum())
        reihe = np.argsort(f_tag, kind="stable")
        f_auf, f_tag = f_auf[reihe], f_tag[reihe]
        konto = pd.Series((person[f_auf] * 10 + off[f_auf]) * 3000 + _kalender()[2][f_tag])
        ueber = konto.groupby(konto).cumcount().to_numpy() >= (366 if p.max_tage is None else p.max_tage)
        zeile = np.searchsorted(zz["auf"] * OFFEN + zz["beg"], f_auf * OFFEN + f_tag, side="right") - 1
        monat = np.searchsorted(kanten, f_tag, side="right") - 1
        np.add.at(vermindert, (zeile[~ueber], monat[~ueber]), 1)
        np.add.at(unbezahlt, (zeile[ueber], monat[ueber]), 1)
    return _Verlauf(zz, kanten, tage - unbezahlt, vermindert, fehlt)


def _abwesenheiten(rng: np.random.Generator, je_jahr: Feld, beg: Feld, letzter: Feld, luecke_von: Feld,
                   luecke_bis: int) -> tuple[Feld, ...]:
    """Absences inside the stays (never on the first or last day), mostly short, at least two days apart."""
    idx = np.repeat(np.arange(len(beg)), rng.poisson(je_jahr * (letzter - beg) / 365.25))
    ab = beg[idx] + 1 + (rng.random(len(idx)) * (letzter - beg)[idx]).astype(int)
    kurz = np.minimum(rng.geometric(1 / 7, len(idx)), 28)
    bis = ab - 1 + np.where(rng.random(len(idx)) < .03, rng.integers(30, 120, len(idx)), kurz)
    bis = np.minimum(bis, letzter[idx] - 1)
    reihe = np.lexsort((ab, idx))
    idx, ab, bis = idx[reihe], ab[reihe], bis[reihe]
    bisher = np.maximum.accumulate(np.r_[-1, idx * OFFEN + bis])[:-1]
    gut = (bis >= ab) & (idx * OFFEN + ab > bisher + 2) & ((bis < luecke_von[idx]) | (ab > luecke_bis))
    return idx[gut], ab[gut], bis[gut], rng.choice(len(GRUENDE), int(gut.sum()), p=GRUENDE_P)


def _gezogen(nummer: int, rng: np.random.Generator) -> _Profil:
    """A further provider, drawn from the distributions the eight characters stand for."""
    groesse = int(np.clip(rng.lognormal(4.2, .85), 12, 600))
    typen = [t for t, wahr in (("BW", .7), ("ABW", .85), ("TF", .5), ("INT", .15)) if rng.random() < wahr] or ["ABW"]
    typen = typen[:max(1, groesse // 8)]
    anteile = rng.dirichlet([{"BW": 5, "ABW": 6, "TF": 3, "INT": 1.5}[t] for t in typen]).tolist()
    nur = typen[int(rng.integers(len(typen)))] if rng.random() < .1 else ""
    return _Profil(
        f"{nummer:03d}",
        tuple((t, max(4, round(groesse * a)), round(rng.uniform(-.02, .035), 3) if t == "ABW" else 0., nur in ("", t))
              for t, a in zip(typen, anteile, strict=True)),
        auswaertig=round(rng.uniform(0, .35), 2), s_anteil=round(rng.uniform(.04, .2), 2),
        auf=round(rng.uniform(.48, .6), 2), vakanz=round(rng.uniform(0, .12), 2),
        volle_tage=(None, 3, 5)[int(rng.integers(3))], max_tage=(None, 42, 60)[int(rng.integers(3))],
        austrittstag="nein" if rng.random() < .15 else "ja", korridor="5" if rng.random() < .1 else "",
        anteil_nach=("", "", "tage", "personen", "euro")[int(rng.integers(5))],
        monate=14 if rng.random() < .05 else None, halbjahr=rng.random() < .15,
        spaet=typen[0] if rng.random() < .1 else "", leert=rng.random() < .05,
        nur_summen=rng.random() < .08, neubewertet=rng.random() < .08, kosten=rng.random() < .3,
        fehlmonat=rng.random() < .1)


def erzeuge(providers: int, years: int, seed: int,
            datenstand: date = date(2026, 3, 31)) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """All tables as German text, ready to write, and the contents of bestand.toml.

    Raises TraegerFehler if `providers` is not in 1–9999 or `years` not in 1–15.
    """
    if not 1 <= providers <= 9999 or not 1 <= years <= 15:
        raise TraegerFehler(f"{providers} Träger, {years} Jahre: möglich sind 1 bis 9999 Träger und 1 bis 15 Jahre.")
    zeilen: Zeilen = {name: [] for name in TABELLEN}
    jahr, bis, personen = datenstand.year, _tag(datenstand.year, datenstand.month, datenstand.day), 0
    erster = int(_monatskanten(bis, 12 * years)[0])
    for i in range(providers):
        rng = np.random.default_rng([seed, i])
        p = PROFILE[i] if i < len(PROFILE) else _gezogen(i + 1, rng)
        v = _verlauf(p, rng, _monatskanten(bis, min(12 * years, p.monate or 999)), jahr)
        _schreibe_faelle(zeilen, p, v, personen)
        personen += int(v.z["person"].max()) + 1
        _schreibe_personal(zeilen, p, v, rng)
        _schreibe_vertraege(zeilen, p, v, rng, datenstand, i)
    if erster < _tag(jahr - 5):
        zeilen["brueche"].append((_d(jahr - 5), _d(jahr - 5, 9, 30), "untererfassung",
                                  "Umstellung der Erfassung, Meldungen unvollständig", TYPEN["TF"].leistungstyp, ""))
    frames = {name: pd.DataFrame(zeilen[name], columns=[s.name for s in t.spalten], dtype="str")
              for name, t in TABELLEN.items()}
    return frames, {"datenstand": datenstand, "leistungstraeger": "Stadt Musterstadt",
                    "eigene_kostentraeger": list(KOSTENTRAEGER[:N_EIGENE]),
                    "hinweis": HINWEIS.format(seed=seed, von=_text(np.array([erster]))[0]), "erfunden": True}


def _monatsnamen(v: _Verlauf) -> list[str]:
    return [f"{t[6:]}-{t[3:5]}" for t in _text(v.kanten[:-1])]


def _schreibe_faelle(zeilen: Zeilen, p: _Profil, v: _Verlauf, versatz: int) -> None:
    """Case rows and absences, or for a provider with aggregates only the monthly figures behind them."""
    z, kanten, monate, off = v.z, v.kanten, _monatsnamen(v), v.z["off"].tolist()
    angebot = [f"{p.kuerzel}-{p.angebote[o][0]}" for o in off]
    gruppen = [(*TYPEN[a[0]].gruppen, "") for a in p.angebote]  # index -1 is the empty text
    hbg, aus = ([gruppen[o][h] for o, h in zip(off, z[k].tolist(), strict=True)] for k in ("h", "aus"))
    kt, s = [KOSTENTRAEGER[k] for k in z["kt"].tolist()], np.where(z["s"], "ja", "").tolist()
    if not p.nur_summen:
        person = [f"P{k + versatz + 1:04d}" for k in z["person"].tolist()]
        zeilen["faelle"] += zip(
            person, angebot, kt, hbg, s, aus, _text(z["beg"]), _text(z["end"]),
            np.where(z["zusage"], "", "nein").tolist(), np.where(z["hzp"], "ja", "").tolist(),
            [BESONDERHEIT[b] for b in z["bes"].tolist()], strict=True)
        erste = np.searchsorted(z["auf"], v.fehlt[0]).tolist()
        zeilen["abwesenheiten"] += zip([person[i] for i in erste], [angebot[i] for i in erste], _text(v.fehlt[1]),
                                       _text(v.fehlt[2]), [GRUENDE[g] for g in v.fehlt[3].tolist()], strict=True)
        return
    schluessel = list(zip(angebot, kt, hbg, s, aus, strict=True))
    for k in sorted(set(schluessel)):
        m = np.array([x == k for x in schluessel])
        bleibt = (z["beg"][m][:, None] < kanten[1:]) & ((z["end"] + ~z["raus"])[m][:, None] >= kanten[1:])
        werte = np.stack([
            (v.entgelttage - v.vermindert)[m].sum(axis=0), v.vermindert[m].sum(axis=0), bleibt.sum(axis=0),
            np.histogram(z["beg"][m & z["ein"]], kanten)[0], np.histogram(z["end"][m & z["raus"]], kanten)[0]])
        belegt = np.flatnonzero(werte.any(axis=0))
        for j in range(belegt[0], belegt[-1] + 1):  # a month without anybody in between is a row of zeros
            zeilen["fallzahlen"].append((*k, monate[j], *map(str, werte[:, j].tolist())))


def _schreibe_personal(zeilen: Zeilen, p: _Profil, v: _Verlauf, rng: np.random.Generator) -> None:
    """Staff follows the volume with a lag, less the vacancies; a few months of short supply come and go."""
    monate, n = _monatsnamen(v), len(v.kanten) - 1
    for i, (art, *_) in enumerate(p.angebote):
        typ, m = TYPEN[art], v.z["off"] == i
        je_vk = np.array([float(x.replace(",", ".")) for x in typ.schluessel])[v.z["h"][m]]
        bedarf = (v.entgelttage[m] / je_vk[:, None]).sum(axis=0) / np.diff(v.kanten)
        bedarf = np.convolve(np.r_[np.full(5, bedarf[0]), bedarf], np.full(6, 1 / 6), "valid")
        stoerung = np.convolve(rng.normal(0, .018, n + 12), .8 ** np.arange(13), "valid")  # fades by a fifth a month
        vk = np.maximum(bedarf * (1 - p.vakanz + stoerung), .5)
        leitung = np.maximum(np.round(vk / 12 * 4) / 4, .25)  # quarters of a post, about one in twelve
        betreuung = np.maximum(vk - leitung, .25) if typ.leitung_enthalten else vk
        quote = np.clip(.7 + .3 * stoerung + rng.normal(0, .01, n), .5, .9)
        for q, wert, euro in (("fachkraft", betreuung * quote, 5350), ("leitung", leitung, 6650),
                              ("nicht_fachkraft", betreuung * (1 - quote), 4120)):
            for j, hundertstel in enumerate((np.round(wert * 20) * 5).astype(int).tolist()):
                if not (p.fehlmonat and i == 0 and j == n - 2):
                    kosten = _komma(hundertstel * (euro + 13 * j)) if p.kosten else ""
                    zeilen["personal"].append((f"{p.kuerzel}-{art}", monate[j], q, _komma(hundertstel), kosten))


def _schreibe_vertraege(zeilen: Zeilen, p: _Profil, v: _Verlauf, rng: np.random.Generator, datenstand: date,
                        nummer: int) -> None:
    """Everything agreed: provider, offers, rates, keys, budgets, rules, measures, dates, addresses."""
    jahr, von = datenstand.year, date.fromordinal(int(v.kanten[0]) + date(1970, 1, 1).toordinal())
    tid, name = f"BSP-{p.kuerzel}", f"Träger Beispiel {p.name}"
    beginn = von if p.monate else date(jahr - 1, 7 if p.halbjahr else 1, 1)
    zeilen["traeger"].append((tid, name, "Musterstadt", "Bremen", _d(beginn.year, beginn.month, beginn.day)))
    teuer = int(rng.integers(960, 1050))  # thousandths: not every provider has the same rates
    for art, plaetze, _, im_budget in p.angebote:
        t, aid = TYPEN[art], f"{p.kuerzel}-{art}"
        zeilen["angebote"].append((aid, tid, f"{t.leistungstyp} {p.name}", t.leistungstyp, t.sektor,
                                   str(plaetze) if t.fest else "", "ja" if im_budget else "nein"))
        for g, mass, schluessel in zip(t.gruppen, t.mass, t.schluessel, strict=True):
            zeilen["schluessel"].append((aid, g, _d(von.year), schluessel, "ja" if t.leitung_enthalten else "nein"))
            cent = [c * teuer // 1000 for c in (t.grund, mass, t.invest)]
            for j in range(von.year, jahr + 1):
                if j > von.year:
                    cent = [(c * (10000 + u[j % 6]) + 5000) // 10000 for c, u in zip(cent, UPLIFTS_BP, strict=True)]
                spaet, offen = p.spaet == art and j == jahr, j >= jahr - (p.spaet == art)
                beschluss = "" if j == von.year else _d(jahr, 3, 10) if spaet else _d(j - 1, 11, 20 + j % 7)
                zeilen["entgelte"].append((aid, g, _d(j), "" if offen else _d(j, 12, 31), *map(_komma, cent), "0,75",
                                           _komma(sum(cent)), beschluss))
    _schreibe_budgets(zeilen, p, v, jahr, beginn, nummer)
    tage = tuple("" if None in (p.volle_tage, x) else str(x) for x in (p.volle_tage, p.max_tage))
    zeilen["verfahren"].append((tid, _d(von.year), p.austrittstag, *tage, "", "", p.anteil_nach))
    if p.korridor and beginn.year > von.year:
        zeilen["verfahren"].append((tid, _d(beginn.year), p.austrittstag, *tage, p.korridor, p.korridor, p.anteil_nach))
    if p.anpassung:
        zurueck, monat, betrag, grund = p.anpassung
        zeilen["anpassungen"].append((tid, str(jahr - zurueck), _d(jahr - zurueck, monat), betrag, grund))
    for k, i in enumerate(sorted(rng.choice(len(MASSNAHMEN), int(rng.integers(5, 11)), replace=False).tolist())):
        perspektive, ziel, massnahme, kennzahl, soll, feld, prio, vorhaben, mittel = MASSNAHMEN[i]
        status = str(rng.choice(STATUS, p=(.5, .22, .2, .08)))
        quartal = int(rng.integers(0 if status == "nicht_begonnen" else -2, 1 if status == "abgeschlossen" else 6))
        faellig = (np.datetime64(datenstand).astype("M8[M]") + 1 + 3 * quartal).astype("M8[D]").astype(int) - 1
        anteil = {"abgeschlossen": 1., "laufend": rng.uniform(.2, .8)}.get(status)
        zeilen["massnahmen"].append((
            f"M{k + 1:02d}", tid, perspektive, ziel, massnahme, kennzahl, soll,
            "" if anteil is None else str(round(int(soll) * anteil)), status,
            "31.12.2030" if prio == "1–3" and status != "abgeschlossen" else _text(np.array([faellig]))[0],
            ("Leistungserbringer", "gemeinsam", "Leistungsträger")[int(rng.choice(3, p=(.6, .3, .1)))],
            _d(jahr - 1, min(beginn.month + 1, 8), 10 + k), feld, prio, vorhaben, mittel,
            _komma(int(mittel.replace(",", "")) // 5) if mittel and rng.random() < .5 else "",
            "Wartet auf die Zusage der Wohnungsgesellschaft." if status == "zurueckgestellt" else ""))
    for quartal_name, erster in ((f"{jahr - 1}Q3", f"{jahr - 1}-11-01"), (f"{jahr - 1}Q4", f"{jahr}-02-01"),
                                 (f"{jahr}Q1", f"{jahr}-05-01"), (f"{jahr}Q2", f"{jahr}-08-01")):
        tag = np.busday_offset(np.busday_offset(erster, 0, roll="forward", weekmask="Mon"), nummer % 5)
        zeilen["termine"].append((tid, quartal_name, _text(np.array([tag.astype(int)]))[0], f"{name}, Musterstadt"))
    for k, (rolle, stelle) in enumerate((("leistungstraeger", "teilhabe"), ("leistungserbringer", "leitung"),
                                         ("interessenvertretung", "vertretung"))):
        zeilen["verteiler"].append((tid, _MENSCHEN[(nummer * 3 + k) % len(_MENSCHEN)],
                                    f"{stelle}.{p.kuerzel.lower()}@example.org", rolle))


def _schreibe_budgets(zeilen: Zeilen, p: _Profil, v: _Verlauf, jahr: int, beginn: date, nummer: int) -> None:
    """Budgets of last year and this one: average places of the base year two years before (own paying bodies, the cases
    of the deviation), or negotiated in halves from the first twelve months where that year is not there."""
    z, monatsjahr, dim = v.z, _kalender()[2][v.kanten[:-1]], np.diff(v.kanten)
    eigene = (z["kt"] < N_EIGENE) & z["zusage"] & (z["bes"] != BESONDERHEIT.index("einzelfallsetting"))
    plaetze = sum(a[1] for a in p.angebote if a[3])
    fassungen = ((jahr - 1, 1, jahr - 3), (jahr, 1, jahr - 2), (jahr, 2, jahr - 1))
    for budgetjahr, version, basis in fassungen[:2 + p.neubewertet]:
        beschluss = _d(budgetjahr - 1, 12, 1 + nummer % 15) if version == 1 else _d(budgetjahr, 2, 18)
        if budgetjahr == beginn.year and beginn.month > 1:
            beschluss = _d(budgetjahr, beginn.month - 1, 12)
        spalten, n = monatsjahr == basis, 365 + (basis % 4 == 0)
        hergeleitet = dim[spalten].sum() == n
        if not hergeleitet:
            spalten = np.arange(len(dim)) < 12
        kopf = (f"BSP-{p.kuerzel}", str(budgetjahr), str(version), beschluss, str(basis) if hergeleitet else "")
        for i, (art, _, _, im_budget) in enumerate(p.angebote):
            for h, g in enumerate(TYPEN[art].gruppen if im_budget else ()):
                tage = int(v.entgelttage[(z["off"] == i) & (z["h"] == h) & eigene][:, spalten].sum())
                halbe = round(tage / int(dim[spalten].sum()) * 2)
                hundertstel = (tage * 200 + n) // (2 * n) if hergeleitet else halbe * 50
                if hundertstel:
                    plan = (f"{p.kuerzel}-{art}", g, _komma(hundertstel))
                    zeilen["budgets"].append((*kopf, "fallbezogen", *plan, "", ""))
        pauschalen = {"Projektsteuerung (0,5 VK)": 4260000 - (jahr - budgetjahr) * 110000,
                      "Sozialraumprojekt": 1800000 + plaetze * 10000 if plaetze > 40 else 0}
        zeilen["budgets"] += [(*kopf, "pauschal", "", "", "", text, _komma(c)) for text, c in pauschalen.items() if c]


def _getippt(frame: pd.DataFrame, tabelle: str, janein: bool) -> pd.DataFrame:
    """The frame with dates, whole numbers, exact decimals and, if wanted, booleans instead of text; empty = None."""
    def zahl(x: str) -> Decimal:
        return Decimal(x.replace(",", "."))

    wandler: dict[str, Any] = {"datum": lambda x: datetime.strptime(x, "%d.%m.%Y").date(), "ganzzahl": int,
                               "dezimal": zahl, "geld": zahl}
    if janein:
        wandler["janein"] = "ja".__eq__
    neu = {}
    for s in TABELLEN[tabelle].spalten:
        f = wandler.get(s.art, str)
        werte = {x: f(x) if x else None for x in frame[s.name].unique().tolist()}
        neu[s.name] = pd.Series([werte[x] for x in frame[s.name].tolist()], dtype=object)
    return pd.DataFrame(neu)


def _schreibe_xlsx(frames: Mapping[str, pd.DataFrame], ziel: Path) -> list[Path]:
    """One workbook, a sheet per table: real dates and numbers, everything else as text."""
    optionen = {"options": {"strings_to_formulas": False, "strings_to_urls": False}}
    with pd.ExcelWriter(ziel / "bestand.xlsx", engine="xlsxwriter", date_format="DD.MM.YYYY",
                        engine_kwargs=optionen) as w:
        w.book.set_properties({"title": "Erfundene Beispieldaten", "created": datetime(2026, 1, 1)})
        for name, frame in frames.items():
            _getippt(frame, name, janein=False).to_excel(w, sheet_name=name, index=False, freeze_panes=(1, 0))
            w.sheets[name].set_column(0, len(frame.columns) - 1, 16)
    return [ziel / "bestand.xlsx"]


def _schreibe_parquet(frames: Mapping[str, pd.DataFrame], ziel: Path) -> list[Path]:
    """A typed file per table; money and decimals stay exact."""
    import pyarrow as pa  # type: ignore[import-untyped]

    arten = {"datum": pa.date32(), "ganzzahl": pa.int64(), "janein": pa.bool_(),
             "dezimal": pa.decimal128(14, 4), "geld": pa.decimal128(14, 2)}
    for name, frame in frames.items():
        schema = pa.schema([(s.name, arten.get(s.art, pa.string())) for s in TABELLEN[name].spalten])
        typisiert = _getippt(frame, name, janein=True)
        typisiert.to_parquet(ziel / f"{name}.parquet", engine="pyarrow", index=False, schema=schema)
    return [ziel / f"{name}.parquet" for name in frames]


def _schreibe_csv(frames: Mapping[str, pd.DataFrame], ziel: Path) -> list[Path]:
    for name, frame in frames.items():
        frame.to_csv(ziel / f"{name}.csv", sep=";", index=False, encoding="utf-8", lineterminator="\n")
    return [ziel / f"{name}.csv" for name in frames]


FORMATE = {"csv": _schreibe_csv, "xlsx": _schreibe_xlsx, "parquet": _schreibe_parquet}


def schreibe_demo(ziel: Path, *, providers: int = 8, years: int = 6, seed: int = 2026,
                  format: str = "csv") -> list[Path]:
    """Write a synthetic Bestand into the folder `ziel` and return the files written.

    Raises TraegerFehler for an unknown format, and where the folder holds anything that this function did not write.
    """
    if format not in FORMATE:
        raise TraegerFehler(f"Format „{format}“ gibt es nicht; möglich sind {', '.join(FORMATE)}.")
    angaben = ziel / "bestand.toml"
    eigener = angaben.is_file() and angaben.read_text(encoding="utf-8").startswith(MARKE)
    if ziel.exists() and not eigener and (not ziel.is_dir() or any(ziel.iterdir())):
        raise TraegerFehler(f"{ziel} enthält schon anderes; bitte einen neuen oder leeren Ordner angeben.")
    frames, meta = erzeuge(providers, years, seed)
    ziel.mkdir(parents=True, exist_ok=True)
    for alt in [ziel / "bestand.xlsx", *(ziel / f"{name}{e}" for name in TABELLEN for e in (".csv", ".parquet"))]:
        alt.unlink(missing_ok=True)
    liste = ", ".join(f'"{k}"' for k in meta["eigene_kostentraeger"])
    angaben.write_text(
        f'{MARKE}\ndatenstand = {meta["datenstand"].isoformat()}\nleistungstraeger = "{meta["leistungstraeger"]}"\n'
        f'eigene_kostentraeger = [{liste}]\nhinweis = "{meta["hinweis"]}"\nerfunden = true\n',
        encoding="utf-8", newline="\n")
    return [angaben, *FORMATE[format](frames, ziel)]
