"""Where a scenario begins: its days, its need groups, and the places of each basis, in whole millionths per day.

The bases are those of `scenario.BASEN`; what was observed stands where a basis looks at the present. Not here: what the changes do to
the places (`scenario`), what they cost (`scenario_money`), how far chance moves them (`scenario_chance`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import cached_property

import numpy as np
import pandas as pd

from traeger_lib.analysis.analyse import Analyse
from traeger_lib.analysis.budget import Budgetversion
from traeger_lib.analysis.chance import abgangsrate
from traeger_lib.analysis.money import round_half_up
from traeger_lib.analysis.outlook import Prognosepunkt, prognosen
from traeger_lib.analysis.periods import Zeitraum, jahr_zeitraum, monatsname
from traeger_lib.analysis.rates import gruppenrang
from traeger_lib.analysis.scenario import MIO, Lage, Schluessel
from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.inputs.schema import zeilen

TAGE_JE_JAHR, TAGE_JE_MONAT = 365.25, 30.4375


@dataclass(frozen=True, eq=False)
class Ausgangslage:
    """One provider, basis and horizon in calendar years: all that does not depend on the changes, computed once and kept."""

    a: Analyse
    basis: str
    horizont: int

    # ── days ────────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def z(self) -> Zeitraum:
        return Zeitraum(date(self.a.quartal.jahr, 1, 1), date(self.a.quartal.jahr + self.horizont - 1, 12, 31))

    @cached_property
    def jahre(self) -> range:
        return range(self.z.von.year, self.z.bis.year + 1)

    @cached_property
    def monatsnamen(self) -> list[str]:
        return [monatsname(m.von) for m in self.z.monate()]

    @cached_property
    def monat(self) -> np.ndarray:
        """Each day's month, numbered from 0; its year is `monat // 12`."""
        return np.repeat(np.arange(12 * self.horizont), [m.tage for m in self.z.monate()])

    def nr(self, d: date) -> int:
        """Days from the horizon's first day to a date."""
        return (d - self.z.von).days

    def jahre_seit(self, ab: date) -> np.ndarray:
        """Years since a date per day, 0 before it."""
        return np.maximum(np.arange(self.z.tage) - self.nr(ab), 0) / TAGE_JE_JAHR

    @cached_property
    def gilt(self) -> np.ndarray:
        """Days from budget_beginn on, 0/1."""
        return np.arange(self.z.tage) >= self.nr(self.a.beginn or self.z.von)

    @cached_property
    def laenge(self) -> np.ndarray:
        """Days of each month that count for the budget."""
        return np.bincount(self.monat, self.gilt).astype(np.int64)

    def monatssumme(self, m: np.ndarray) -> np.ndarray:
        """Sums of daily values over the counted days of each month, (n_rows, n_days) → (n_months, n_rows)."""
        return np.asarray(np.add.reduceat(m * self.gilt, np.searchsorted(self.monat, range(12 * self.horizont)), axis=1)).T

    def monatsmittel(self, m: np.ndarray) -> np.ndarray:
        """Means of daily values over the counted days of each month, (n_rows, n_days) → (n_months, n_rows)."""
        return np.asarray(self.monatssumme(m) / np.maximum(self.laenge, 1)[:, None])

    def plaetze_im_monat(self, m: np.ndarray) -> np.ndarray:
        """Average places per month from millionths a day, (n_rows, n_days) → (n_months, n_rows)."""
        return self.monatsmittel(m) / MIO

    def jahressumme(self, m: np.ndarray) -> np.ndarray:
        """Monthly values added up, (n_months, …) → (n_years, …)."""
        return np.add.reduceat(m, range(0, len(m), 12), axis=0, dtype=None if m.dtype.kind == "i" else float)

    def jahresmittel(self, m: np.ndarray) -> np.ndarray:
        """Means of monthly values weighted by counted days, (n_months, …) → (n_years, …)."""
        je_jahr = m.reshape(-1, 12, *m.shape[1:])
        return np.array([np.tensordot(w, x, 1) for w, x in zip(self.monatsgewicht, je_jahr, strict=True)])

    def monate_im_budget(self, n: int) -> list[int]:
        """The months of year n that count for the budget."""
        return [m for m in range(12 * n, 12 * n + 12) if self.laenge[m]]

    @cached_property
    def monatsgewicht(self) -> np.ndarray:
        """What share of its year's counted days a month has, (n_years, 12)."""
        tage = self.laenge.reshape(-1, 12)
        return np.asarray(tage / np.maximum(tage.sum(axis=1, keepdims=True), 1))

    @cached_property
    def gesehen(self) -> Zeitraum:
        """The horizon's first days, as far as they are observed; empty for a basis that does not look at the present."""
        sieht = self.basis in ("quartal", "prognose", "fortschreibung")
        return Zeitraum(self.z.von, self.heute.bis if sieht else self.z.von - timedelta(days=1))

    @cached_property
    def heute(self) -> Zeitraum:
        """The quarter as far as it is observed; its last day is today."""
        return Zeitraum(self.a.quartal.zeitraum.von, min(self.a.quartal.zeitraum.bis, self.a.bestand.datenstand))

    # ── need groups and what is agreed for them ─────────────────────────────────────────────────────────────────

    @cached_property
    def version(self) -> dict[int, Budgetversion]:
        """The budget version of each year, the last known one carried on; empty without a budget."""
        ergebnis: dict[int, Budgetversion] = {}
        for j in self.jahre:
            if v := self.a.versionen.get(j, ergebnis.get(j - 1)):
                ergebnis[j] = v
        return ergebnis if self.a.version else {}

    @cached_property
    def _bezahlt(self) -> np.ndarray:
        """Mask over the groups of the volume: billed, in an offer in the budget."""
        return np.asarray(self.a.vol.abrechenbar & np.isin(self.a.vol.spalte("angebot_id"), self.a.im_budget))

    @cached_property
    def gruppen(self) -> tuple[Schluessel, ...]:
        """Planned, agreed by rate, or occupied since the year before the quarter's."""
        seit, vol = Zeitraum(date(self.a.quartal.jahr - 1, 1, 1), self.a.quartal.zeitraum.bis), self.a.vol
        geplant = {(p.angebot_id, p.hbg) for v in self.version.values() for p in v.plan}
        vereinbart = {(x, h) for x in self.a.im_budget for h in self.a.entgelte.gruppen(x)}
        belegt = {(g.angebot_id, g.hbg) for g, tage in zip(vol.gruppen, vol.bezahlt(seit) * self._bezahlt, strict=True) if tage > 0}
        return tuple(sorted(geplant | vereinbart | belegt, key=lambda k: (k[0], gruppenrang(k[1]))))

    @cached_property
    def _zeile(self) -> dict[Schluessel, int]:
        """The row of each group."""
        return {k: i for i, k in enumerate(self.gruppen)}

    def _je_gruppe(self, matrix: np.ndarray, spalte: str = "hbg") -> np.ndarray:
        """Billed rows of the volume (n_volume_groups, …) summed to (n_groups, …); `spalte` is the need group that counts."""
        summe = np.zeros((len(self.gruppen), *matrix.shape[1:]), matrix.dtype)
        for i in np.flatnonzero(self._bezahlt):
            g = self.a.vol.gruppen[i]
            if (k := (g.angebot_id, getattr(g, spalte))) in self._zeile:
                summe[self._zeile[k]] += matrix[i]
        return summe

    @cached_property
    def vereinbart(self) -> np.ndarray | None:
        """The agreed volume schedule, (n_groups, n_days) in millionths; None without a budget."""
        if not self.version:
            return None
        je_jahr = np.zeros((len(self.gruppen), self.horizont), np.int64)
        for n, j in enumerate(self.jahre):
            for p in self.version[j].plan:
                je_jahr[self._zeile[p.angebot_id, p.hbg], n] = round_half_up(Fraction(p.plaetze_plan) * MIO)
        return je_jahr[:, self.monat // 12]

    def anteil_eigene(self, angebot: str) -> tuple[int, int]:
        """Own and all paid days of an offer in the quarter."""
        n, vol = self.a.vol.bezahlt(self.a.quartal.zeitraum), self.a.vol
        return int(n[vol.wo(angebot_id=angebot, eigen=True)].sum()), int(n[vol.wo(angebot_id=angebot)].sum())

    @cached_property
    def vk_je(self) -> dict[str, Fraction]:
        """VK present for the funder's own cases per offer, by the leading measure (days where none is agreed)."""
        mass, je = self.a.verfahren.personalanteil_nach or "tage", self.a.personal(self.a.quartal.zeitraum).je_angebot
        return {x: v for x in self.a.im_budget if (v := getattr(je[x].vk_anteilig, mass)) is not None}

    # ── places ──────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def anfang(self) -> Lage:
        """The state without changes."""
        je_vk, v = np.full((len(self.gruppen), self.z.tage), np.nan), self.a.verfahren
        for s in sorted(zeilen(self.a.bestand["schluessel"]), key=lambda s: s.gueltig_ab):
            if (k := (s.angebot_id, s.hbg)) in self._zeile:
                je_vk[self._zeile[k], max(self.nr(s.gueltig_ab.date()), 0):] = float(s.personen_je_vk)
        bekannt = set(self.vk_je) == set(self.a.im_budget)
        vk = np.full(self.z.tage, round_half_up(sum(self.vk_je.values(), Fraction(0)) * MIO)) if bekannt else None
        pauschalen = tuple((text, j, j, betrag) for j, v in self.version.items() for text, betrag in v.pauschalen)
        return Lage(self.gruppen, *self._plaetze(), je_vk, vk, (), pauschalen, (v.korridor_unten_prozent, v.korridor_oben_prozent))

    def plaetze_je_angebot(self, n: int) -> dict[str, float]:
        """Average places per offer in year n, without changes."""
        je_gruppe = self.jahresmittel(self.plaetze_im_monat(self.anfang.plaetze))[n]
        return {a: float(sum(p for p, k in zip(je_gruppe, self.gruppen, strict=True) if k[0] == a)) for a, _ in self.gruppen}

    def _plaetze(self) -> tuple[np.ndarray, np.ndarray]:
        """Places of the basis by granted group and by the group before S, (n_groups, n_days) in millionths."""
        jahr, vol = self.a.quartal.jahr, self.a.vol
        if self.basis == "basisjahr":
            if self.vereinbart is None:
                raise TraegerFehler(f"Für {jahr} ist kein Budget beschlossen. Bitte eine andere Basis wählen.")
            return self.vereinbart, self.vereinbart
        z = jahr_zeitraum(jahr - 1) if self.basis == "vorjahr" else self.a.quartal.zeitraum
        if self.a.datenbeginn > z.von + timedelta(days=31):
            raise TraegerFehler(f"Daten liegen erst ab dem {self.a.datenbeginn:%d.%m.%Y} vor. Bitte eine andere Basis wählen.")
        bewilligt, vor_s = (self._je_gruppe(vol.bezahlt(z) * MIO, s) // z.tage for s in ("hbg", "hbg_ausgang"))
        plaetze = np.repeat(bewilligt[:, None], self.z.tage, axis=1)
        if self.basis in ("prognose", "fortschreibung"):
            je_monat = self._prognostiziert if self.basis == "prognose" else self._fortgeschrieben
            plaetze = np.rint(je_monat * MIO).astype(np.int64)[:, self.monat]
        plaetze[:, :self.gesehen.tage] = self._je_gruppe(vol.entgelttage[:, vol.scheibe(self.gesehen)]) * MIO
        im_angebot = gleiches_angebot(self.gruppen)
        s_anteil = (vor_s - bewilligt) / np.maximum(im_angebot @ bewilligt, 1)  # of the offer's places
        return plaetze, plaetze + np.rint(s_anteil[:, None] * (im_angebot @ plaetze)).astype(np.int64)

    @cached_property
    def vermindert_anteil(self) -> tuple[np.ndarray, np.ndarray]:
        """Reduced-rate days and all paid days per group and day: observed days as they were, later ones as in the last twelve months."""
        vol, q = self.a.vol, self.a.quartal
        z = Zeitraum(max(q.vor(3).zeitraum.von, vol.beginn), q.zeitraum.bis)

        def tage(was: str) -> np.ndarray:
            je_tag = np.repeat(self._je_gruppe(vol.summe(was, z))[:, None], self.z.tage, axis=1)
            je_tag[:, :self.gesehen.tage] = self._je_gruppe(getattr(vol, was)[:, vol.scheibe(self.gesehen)])
            return je_tag
        return tage("vermindert"), np.maximum(tage("entgelttage"), 1)

    @cached_property
    def prognose(self) -> dict[Schluessel, dict[str, Prognosepunkt]]:
        """The forecast of billed places by offer, (offer, "") or (offer, group), and month; short series have none."""
        a, reihen = self.a, self.a.reihen(self._bezahlt, self.a.im_budget)
        je = prognosen(reihen, a.monate, grenzen=a.grenzen, rueckblick_jahre=a.rueckblick_jahre, bis_jahr=self.z.bis.year)
        return {k: {p.periode: p for p in x.punkte} for k, x in je.items()}

    @cached_property
    def _prognostiziert(self) -> np.ndarray:
        """Forecast places, (n_groups, n_months); where there is no forecast, the mean of the last three months."""
        reihen = self.a.reihen(self._bezahlt, self.a.im_budget)
        letzte = [float(np.mean(reihen.get(k, [])[-3:] or 0)) for k in self.gruppen]
        je = [self.prognose.get(k, {}) for k in self.gruppen]
        return np.array([[p[m].mittel if m in p else sonst for m in self.monatsnamen] for p, sonst in zip(je, letzte, strict=True)])

    # ── movements ───────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def _platzjahre(self) -> np.ndarray:
        """Billed places × years of the look-back, (n_groups,)."""
        return self._je_gruppe(self.a.vol.bezahlt(self.a.rueckblick)) / TAGE_JE_JAHR

    @cached_property
    def abgangsraten(self) -> Mapping[str, float]:
        """Observed leaving rate a year per offer; what is assumed beforehand where exits are not known, or the offer is new."""
        raten = defaultdict[str, float](lambda: abgangsrate(0, 0.0))
        for x in self.a.im_budget:
            if self.a.rueckblick.tage and (n := self.a.abgaenge(self.a.rueckblick, x)) is not None:
                raten[x] = abgangsrate(n, float(self._platzjahre[[k[0] == x for k in self.gruppen]].sum()))
        return raten

    @cached_property
    def wechselraten(self) -> np.ndarray:
        """Observed changes from group to group inside an offer, per person and year, (n_groups, n_groups)."""
        anzahl = np.zeros((len(self.gruppen),) * 2)
        for u in self.a.geschehen["uebergaenge"]:
            von, nach = (self._zeile.get((u.angebot_id, h.removesuffix(" + S"))) for h in (u.von, u.nach))
            if von is not None and nach is not None and von != nach:
                anzahl[von, nach] += u.anzahl
        return np.asarray(anzahl / np.maximum(self._platzjahre, 1)[:, None])

    @cached_property
    def _zugaenge(self) -> np.ndarray:
        """Admissions of billed cases a month, mean of the look-back, (n_groups,). Admissions are known of all own cases, so they are
        taken times billed ÷ own days of the offer."""
        a, z = self.a, self.a.rueckblick
        zugaenge = {(p.angebot_id, p.hbg): p.zugaenge for p in self.a.geschehen["zugangsprofil"]}
        f = a.bestand["fallzahlen"]
        f = f[f["kostentraeger"].isin(a.bestand.eigene_kostentraeger) & (f["monat"] >= pd.Timestamp(z.von))]
        zugaenge |= dict(f.groupby(["angebot_id", "hbg"])["zugaenge"].sum())  # offers that deliver months only
        eigene = {x: float(a.vol.bezahlt(z)[a.vol.wo(eigen=True, angebot_id=x)].sum()) for x, _ in self.gruppen}
        je_eigenem = [1 / eigene[x] if eigene.get(x) else 0.0 for x, _ in self.gruppen]
        bezahlt = gleiches_angebot(self.gruppen) @ self._je_gruppe(a.vol.bezahlt(z)) * je_eigenem
        return np.asarray(np.array([zugaenge.get(k, 0) for k in self.gruppen]) / (z.tage / TAGE_JE_MONAT) * bezahlt)

    @cached_property
    def _fortgeschrieben(self) -> np.ndarray:
        """The stock of the last days carried on: n(t + 1 month) = n(t) − exits + moves between groups + admissions, (n_groups, n_months).

        Exits and moves at the observed rates, admissions as many a month as in the look-back; fixed places are the upper limit.
        """
        vol, q = self.a.vol, self.wechselraten
        stand = self._je_gruppe(vol.entgelttage[:, vol.scheibe(self.a.quartal.zeitraum)][:, -30:].mean(axis=1))
        bleibt = 1 - (np.array([self.abgangsraten[x] for x, _ in self.gruppen]) + q.sum(axis=1)) / 12
        grenze = np.array([self.a.grenzen.get(x, np.inf) for x, _ in self.gruppen])
        im_angebot, monate = gleiches_angebot(self.gruppen), []
        for m in self.z.monate():
            if m.von > self.gesehen.bis:
                stand = stand * bleibt + stand @ q / 12 + self._zugaenge
                stand = stand * np.minimum(1, grenze / np.maximum(im_angebot @ stand, 1e-9))
            monate.append(stand)
        return np.array(monate).T


def gleiches_angebot(gruppen: tuple[Schluessel, ...]) -> np.ndarray:
    """Which groups belong to the same offer, (n_groups, n_groups) 0/1: multiplied with it, places are summed over their offer."""
    a = np.array([x for x, _ in gruppen])
    return np.asarray((a[:, None] == a).astype(np.int64))
