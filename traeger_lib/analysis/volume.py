"""Days: from stays and absences to daily counts per group, in one vectorised pass over all stays; nothing here knows money.

Rule 3.1, definition „Days“ of the contract. Everything later reads the daily matrix: a month, a quarter or a rate period is a slice of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from traeger_lib.analysis.periods import Zeitraum, datum, tag, tage
from traeger_lib.analysis.stays import OFFEN, PERSON, Aufenthalte, abwesenheiten, aufenthalte, paare, wiederhole
from traeger_lib.inputs.schema import Bestand, zeilen


class Gruppe(NamedTuple):
    """What is counted together. `hbg_ausgang` is the group before „+S“ (the granted one where s is false)."""

    angebot_id: str
    eigen: bool
    hbg: str
    hbg_ausgang: str
    s: bool
    zusage: bool
    besonderheit: str


@dataclass(frozen=True)
class Volumen:
    """Daily counts of persons: `voll` at the full rate (Belegungstage), `vermindert` at the reduced one (Abwesenheitstage).

    Both are int64 arrays (n_groups, n_days), their rows in the order of `gruppen`; day 0 is `beginn`.
    """

    gruppen: tuple[Gruppe, ...]
    voll: np.ndarray
    vermindert: np.ndarray
    beginn: date

    @cached_property
    def entgelttage(self) -> np.ndarray:
        """Paid days: days at the full plus days at the reduced rate, (n_groups, n_days)."""
        return np.asarray(self.voll + self.vermindert)

    @cached_property
    def _spalten(self) -> dict[str, np.ndarray]:
        return {f: np.array([getattr(g, f) for g in self.gruppen], dtype=object) for f in Gruppe._fields}

    def spalte(self, name: str) -> np.ndarray:
        """One field of all groups, (n_groups,)."""
        return self._spalten[name]

    @cached_property
    def abrechenbar(self) -> np.ndarray:
        """Mask over the groups that are billed: own, with cost commitment, no single-case settings (they stay out until decided)."""
        return np.asarray(self.wo(eigen=True, zusage=True) & ~self.wo(besonderheit="einzelfallsetting"))

    def scheibe(self, z: Zeitraum) -> slice:
        """The columns of a period, cut to what is held."""
        a = tag(z.von) - tag(self.beginn)
        return slice(max(0, a), max(0, a + z.tage))

    @cached_property
    def _laufend(self) -> dict[str, np.ndarray]:
        return {}

    def summe(self, was: str, z: Zeitraum) -> np.ndarray:
        """Days per group in a period, int64 (n_groups,): of `voll`, `vermindert` or `entgelttage`."""
        if was not in self._laufend:
            self._laufend[was] = laufend(getattr(self, was))
        return zwischen(self._laufend[was], self.scheibe(z))

    def bezahlt(self, z: Zeitraum) -> np.ndarray:
        """Paid days per group in a period, int64 (n_groups,)."""
        return self.summe("entgelttage", z)

    @cached_property
    def _masken(self) -> dict[tuple[tuple[str, object], ...], np.ndarray]:
        return {}

    def wo(self, **bedingung: object) -> np.ndarray:
        """Boolean mask over the groups, e.g. `wo(eigen=True, angebot_id="A")`; kept, read-only."""
        schluessel = tuple(bedingung.items())
        if schluessel not in self._masken:
            gilt = [self._spalten[spalte] == wert for spalte, wert in schluessel]
            self._masken[schluessel] = np.logical_and.reduce(gilt) if gilt else np.ones(len(self.gruppen), bool)
            self._masken[schluessel].setflags(write=False)
        return self._masken[schluessel]


def laufend(matrix: np.ndarray) -> np.ndarray:
    """Running sums of daily values (n, n_days), from 0 before the first day: (n, n_days + 1)."""
    summe = np.zeros((len(matrix), matrix.shape[1] + 1), np.int64)
    np.cumsum(matrix, axis=1, out=summe[:, 1:])
    return summe


def zwischen(summen: np.ndarray, s: slice) -> np.ndarray:
    """Sums over the days of a slice from running sums, (n,): a period costs the same however long it is."""
    ende = summen.shape[1] - 1
    return np.asarray(summen[:, min(s.stop, ende)] - summen[:, min(s.start, ende)])


def volumen(bestand: Bestand, bis: date, *, von: date | None = None, stays: Aufenthalte | None = None,
            fehlzeiten: Aufenthalte | None = None) -> Volumen:
    """Daily counts of every group until `bis` (inclusive), from the first day in the data or `von`.

    Open stays run to `bis` or to an earlier Datenstand. Monthly aggregates are spread as evenly over the days of their
    month as whole days allow, so that they add up exactly and a rate changing inside a month splits them by calendar days.
    `stays` and `fehlzeiten` (see `abwesenheiten`) are built here where the caller does not have them.
    """
    stays = stays or aufenthalte(bestand)
    monate = tage(bestand["fallzahlen"]["monat"])
    erste = [int(stays.beginn.min())] if len(stays.beginn) else []
    erste += [int(monate.min())] if len(monate) else []
    t0 = tag(von) if von else min([*erste, tag(bis)])
    t1 = tag(bis)
    tabellen = [t for t in (bestand["faelle"], bestand["fallzahlen"]) if len(t)]
    codes, gruppen = _kodiere(bestand, tabellen or [bestand["faelle"]])
    n, n_tage = len(gruppen), t1 - t0 + 1
    anwesend, vermindert = (np.zeros((n, n_tage + 1), np.int64) for _ in range(2))  # first the changes from day to day
    if len(stays.beginn):
        regeln = _regeln(bestand, stays.angebote)
        beginn, ende = stays.beginn, _gezaehltes_ende(bestand, stays, regeln)
        offen_bis = min(t1, tag(bestand.datenstand))
        ende = np.where(stays.ende == OFFEN, offen_bis, ende)
        code = codes[stays.zeile]
        _zaehle_mit(anwesend, code, beginn, ende, t0)
        abwesend = _verminderte_tage(bestand, stays, fehlzeiten, beginn, ende, regeln)
        if abwesend is not None:
            zeile, a, e, bezahlt_bis = abwesend
            _zaehle_mit(anwesend, code[zeile], a, e, t0, -1)
            _zaehle_mit(vermindert, code[zeile], a, bezahlt_bis, t0)
    anwesend, vermindert = (m[:, :-1].cumsum(axis=1) for m in (anwesend, vermindert))
    if len(monate):
        f, code = bestand["fallzahlen"], codes[len(stays.beginn):]
        anwesend += _verteilt(code, monate, f["belegungstage"], n, t0, t1)
        vermindert += _verteilt(code, monate, f["abwesenheitstage"], n, t0, t1)
    return Volumen(gruppen, anwesend, vermindert, datum(t0))


def _kodiere(bestand: Bestand, tabellen: Sequence[pd.DataFrame]) -> tuple[np.ndarray, tuple[Gruppe, ...]]:
    """Group number per row of `faelle` and `fallzahlen`, and the distinct groups in sorted order (so that row order is irrelevant).
    Aggregates are regular cases with cost commitment."""
    def ja(name: str, sonst: bool) -> np.ndarray:
        return np.concatenate([t[name].to_numpy(dtype=bool, na_value=sonst) if name in t else np.full(len(t), sonst) for t in tabellen])

    eigen = np.concatenate([t["kostentraeger"].isin(bestand.eigene_kostentraeger).to_numpy(dtype=bool) for t in tabellen])
    s, zusage, nichts = ja("s", False), ja("kostenzusage", True), pd.Series(["regelfall"], dtype="str")
    (angebot,), angebote = _codes([[t["angebot_id"] for t in tabellen]])
    (hbg, ausgang), gruppen = _codes([[t[spalte] for t in tabellen] for spalte in ("hbg", "hbg_ausgang")])
    (art, _), arten = _codes([[t.get("besonderheit", pd.Series([None] * len(t), dtype="str")) for t in tabellen], [nichts]])
    ausgang, art = np.where(s & (ausgang >= 0), ausgang, hbg), np.where(art >= 0, art, arten.index("regelfall"))
    nein_ja = [False, True]
    felder = [(angebot, angebote), (eigen, nein_ja), (hbg, gruppen), (ausgang, gruppen), (s, nein_ja), (zusage, nein_ja), (art, arten)]
    kombiniert = np.zeros(len(s), np.int64)
    for c, w in felder:
        kombiniert = kombiniert * max(len(w), 1) + c
    einzeln, codes = np.unique(kombiniert, return_inverse=True)
    spalten: list[list[Any]] = []
    for _, w in reversed(felder):
        spalten.insert(0, [w[i] for i in einzeln % len(w)] if w else [])
        einzeln = einzeln // max(len(w), 1)
    return codes, tuple(Gruppe(*werte) for werte in zip(*spalten, strict=True))


def _codes(spalten: Sequence[Sequence[pd.Series]]) -> tuple[list[np.ndarray], list[Any]]:
    """Codes of text columns (each in parts) in one common sorted list of values; −1 where empty."""
    einzeln = [[pd.factorize(teil) for teil in spalte] for spalte in spalten]
    werte = sorted({w for spalte in einzeln for _, teil in spalte for w in teil})
    stelle = {w: i for i, w in enumerate(werte)}
    return [np.concatenate([np.array([*(stelle[w] for w in teil), -1], np.int64)[c] for c, teil in spalte]) for spalte in einzeln], werte


def _zaehle_mit(aenderung: np.ndarray, code: np.ndarray, a: np.ndarray, e: np.ndarray, t0: int, anzahl: int = 1) -> None:
    """Count persons of group `code` on the days [a, e]: + at the begin, − after the end, in the changes (n_groups, n_days + 1)."""
    breite = aenderung.shape[1]
    a, e = np.maximum(a - t0, 0), np.minimum(e - t0, breite - 2)
    gilt = a <= e
    zeile, flach = code[gilt] * breite, aenderung.reshape(-1)
    np.add.at(flach, zeile + a[gilt], anzahl)
    np.add.at(flach, zeile + e[gilt] + 1, -anzahl)


def _verteilt(code: np.ndarray, monate: np.ndarray, werte: pd.Series, n: int, t0: int, t1: int) -> np.ndarray:
    """Monthly totals spread over days: of N days on D calendar days, day i gets ⌊(i+1)·N/D⌋ − ⌊i·N/D⌋."""
    matrix = np.zeros((n, t1 - t0 + 1), np.int64)
    anzahl = werte.fillna(0).to_numpy(np.int64)
    beginn = monate.astype("datetime64[D]").astype("datetime64[M]")
    laenge = ((beginn + 1).astype("datetime64[D]") - beginn.astype("datetime64[D]")).astype(np.int64)
    for i in range(31):
        je_tag = np.where(i < laenge, (i + 1) * anzahl // laenge - i * anzahl // laenge, 0)
        tag_nr = monate + i
        gilt = (je_tag > 0) & (tag_nr >= t0) & (tag_nr <= t1)
        np.add.at(matrix, (code[gilt], tag_nr[gilt] - t0), je_tag[gilt])
    return matrix


class Regel(NamedTuple):
    """An agreed counting rule of one offer from day `ab` to day `bis`; None = nothing agreed."""

    angebot: int
    ab: int
    bis: int
    austrittstag_zaehlt: bool
    volle_tage: int | None
    max_tage_jahr: int | None


def _regeln(bestand: Bestand, angebote: Sequence[str]) -> list[Regel]:
    """`verfahren` per offer and rule period, in order of time.

    Before the first agreed rule the usual one holds: the exit day counts, every absence day is paid in full.
    """
    regeln, traeger = [], dict(zip(bestand["angebote"]["angebot_id"], bestand["angebote"]["traeger_id"], strict=True))
    zeiten = sorted(zeilen(bestand["verfahren"]), key=lambda r: r.gueltig_ab)
    for nr, angebot in enumerate(angebote):
        eigene = [r for r in zeiten if r.traeger_id == traeger[angebot]]
        for i, r in enumerate(eigene):
            bis = tag(eigene[i + 1].gueltig_ab.date()) if i + 1 < len(eigene) else OFFEN
            zahlen = (None if pd.isna(x) else int(x) for x in (r.abwesenheit_volle_tage, r.abwesenheit_max_tage_jahr))
            zaehlt = bool(pd.isna(r.austrittstag_zaehlt) or r.austrittstag_zaehlt)
            regeln.append(Regel(nr, tag(r.gueltig_ab.date()), bis - 1, zaehlt, *zahlen))
    return sorted(regeln, key=lambda r: r.ab)


def _gezaehltes_ende(bestand: Bestand, stays: Aufenthalte, regeln: Sequence[Regel]) -> np.ndarray:
    """Last counted day per row: the exit day is dropped on a move to an offer of the same provider that begins that day,
    or where the agreed rule drops it (a presence of one day then still counts 1)."""
    ende = stays.ende.copy()
    p = stays.praesenzen()
    # rows are sorted by person, offer, begin: a presence's last row is the one whose end is the presence's end
    schluessel = stays.person * len(stays.angebote) + stays.angebot
    letzte = np.r_[(schluessel[1:] != schluessel[:-1]) | (stays.beginn[1:] != stays.ende[:-1] + 1), True]
    nr = np.cumsum(np.r_[True, letzte[:-1]]) - 1
    zeile = np.flatnonzero(letzte)
    # ordering of `p` equals the ordering of the rows, so presence k ends in row zeile[k]
    assert len(zeile) == len(p.person) == nr[-1] + 1
    aus = (p.ende < OFFEN)
    wechselt = np.zeros(len(zeile), bool)
    schluessel_ende, schluessel_beginn = p.person * PERSON + p.ende, p.person * PERSON + p.beginn
    mehrfach = np.bincount(p.person)[p.person] > 1  # only who has several presences can move
    kandidat = np.flatnonzero(aus & mehrfach)
    kandidat = kandidat[np.isin(schluessel_ende[kandidat], schluessel_beginn[mehrfach])]
    if len(kandidat):
        traeger = dict(zip(bestand["angebote"]["angebot_id"], bestand["angebote"]["traeger_id"], strict=True))
        traeger_code = np.unique([traeger[a] for a in stays.angebote], return_inverse=True)[1]
        i, j = paare(schluessel_ende[kandidat], schluessel_beginn[mehrfach])
        k, q = kandidat[i], np.flatnonzero(mehrfach)[j]
        anderes = (p.angebot[k] != p.angebot[q]) & (traeger_code[p.angebot[k]] == traeger_code[p.angebot[q]])
        # two presences of the same single day: the greater offer id receives the day
        gegenseitig = (p.beginn[k] == p.ende[k]) & (p.ende[q] == p.beginn[q])
        wechselt[k[anderes & ~(gegenseitig & (p.angebot[k] > p.angebot[q]))]] = True
    entfaellt = wechselt.copy()
    for r in regeln:
        if not r.austrittstag_zaehlt:
            entfaellt |= aus & (p.angebot == r.angebot) & (p.ende >= r.ab) & (p.ende <= r.bis) & (p.beginn < p.ende)
    ende[zeile[entfaellt]] -= 1
    return ende


def _verminderte_tage(
    bestand: Bestand, stays: Aufenthalte, fehlzeiten: Aufenthalte | None, beginn: np.ndarray, ende: np.ndarray, regeln: Sequence[Regel],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """Segments of reduced-rate days: (row, first day, last day, last *paid* day); days beyond the yearly cap are unpaid."""
    ab = bestand["abwesenheiten"]
    regeln = [r for r in regeln if r.volle_tage is not None]
    if ab.empty or not regeln:
        return None
    fort, n = fehlzeiten or abwesenheiten(bestand, stays), len(stays.angebote)
    schluessel_stay = stays.person * n + stays.angebot
    teile = []
    for rang, r in enumerate(regeln):
        m = fort.angebot == r.angebot
        a = np.maximum(fort.beginn[m] + (r.volle_tage or 0), r.ab)
        e = np.minimum(fort.ende[m], r.bis)
        k = fort.person[m] * n + fort.angebot[m]
        lang = a <= e
        hoechstens = OFFEN if r.max_tage_jahr is None else r.max_tage_jahr
        teile.append((k[lang], a[lang], e[lang], np.full(lang.sum(), hoechstens), np.full(lang.sum(), rang)))
    k, a, e, grenze, nr = (np.concatenate(t) for t in zip(*teile, strict=True))
    # cut by the rows of the stay (an HBG change may fall into an absence), then by calendar years
    ordnung = schluessel_stay * PERSON + beginn
    erste = np.searchsorted(ordnung, k * PERSON + a, "right") - 1
    letzte = np.searchsorted(ordnung, k * PERSON + e, "right") - 1
    erste = np.where((erste >= 0) & (schluessel_stay[np.maximum(erste, 0)] == k), erste, erste + 1)
    wieder = wiederhole(np.maximum(letzte - erste + 1, 0))
    zeile = erste[wieder[0]] + wieder[1]
    k, a, e, grenze, nr = (x[wieder[0]] for x in (k, a, e, grenze, nr))
    a, e = np.maximum(a, beginn[zeile]), np.minimum(e, ende[zeile])
    lang = a <= e
    zeile, k, a, e, grenze, nr = (x[lang] for x in (zeile, k, a, e, grenze, nr))
    jahr_a, jahr_e = _jahr(a), _jahr(e)
    wieder = wiederhole(jahr_e - jahr_a + 1)
    jahr = jahr_a[wieder[0]] + wieder[1]
    zeile, k, a, e, grenze, nr = (x[wieder[0]] for x in (zeile, k, a, e, grenze, nr))
    a, e = np.maximum(a, _neujahr(jahr)), np.minimum(e, _neujahr(jahr + 1) - 1)
    return zeile, a, e, _bezahlt_bis(k * 10_000 + jahr, a, e, grenze, nr)


def _bezahlt_bis(konto: np.ndarray, a: np.ndarray, e: np.ndarray, grenze: np.ndarray, nr: np.ndarray) -> np.ndarray:
    """Last paid day of each segment: per account (person, offer, year) at most `grenze` reduced days, first come first."""
    kontonr, konten = pd.factorize(konto)
    bezahlt = np.zeros(len(konten), np.int64)
    ergebnis = a - 1
    for regel in np.unique(nr):  # rule periods in time order; usually one
        i = np.flatnonzero(nr == regel)
        i = i[np.lexsort((a[i], kontonr[i]))]
        laenge = e[i] - a[i] + 1
        neu = np.r_[True, kontonr[i][1:] != kontonr[i][:-1]]
        summe = np.cumsum(laenge)
        davor = summe - laenge - np.maximum.accumulate(np.where(neu, summe - laenge, 0))
        frei = np.maximum(grenze[i] - bezahlt[kontonr[i]] - davor, 0)
        zahlbar = np.minimum(laenge, frei)
        ergebnis[i] = a[i] + zahlbar - 1
        np.add.at(bezahlt, kontonr[i], zahlbar)
    return ergebnis


def _jahr(t: np.ndarray) -> np.ndarray:
    return t.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970


def _neujahr(jahr: np.ndarray) -> np.ndarray:
    return (jahr - 1970).astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
