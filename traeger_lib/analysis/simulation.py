"""What follows from a scenario (`scenario`), computed with the arithmetic and the data of the report.

The *exact* part holds places per offer, need group and day in whole millionths and rates in whole cents, and rounds each line of
the derivation to the cent, as `budget` does: without changes on the basis „basisjahr“ it is the budget of the report. The *simulated*
part lets those places move by chance and by the error of the forecast (see `_ziehungen`), and the rates within their given range.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache
from math import exp, sqrt
from typing import Any

import numpy as np
import pandas as pd

from traeger_lib.analysis.analyse import Analyse
from traeger_lib.analysis.budget import Budgetversion, Rate, kein_entgelt, raten
from traeger_lib.analysis.chance import AUSLASTUNG_MAX, OHNE_BASISJAHR, STUFEN_PROZENT, abgangsrate
from traeger_lib.analysis.events import gruppenwechsel, uebergaenge, zugangsprofile
from traeger_lib.analysis.money import aus_cent, gleiche_teile, in_cent, round_half_up, runde_cent
from traeger_lib.analysis.outlook import TENDENZ_UNTER, Z80, Prognosepunkt, prognosen
from traeger_lib.analysis.periods import Zeitraum, jahr_zeitraum, monatsname
from traeger_lib.analysis.rates import KEIN, Entgelte, fortgeschrieben, gruppenrang
from traeger_lib.analysis.scenario import ARTEN, BESTANDTEILE, MIO, Aenderung, Lage, Schluessel, Szenario, Unmoeglich, falsch
from traeger_lib.inputs.faults import Fehlerliste, TraegerFehler
from traeger_lib.inputs.schema import zeilen

QUANTILE = (0.1, 0.5, 0.9)
SICHERHEITEN = (80, 90, 95)
GESAMT = "gesamt"

# ── what a scenario rests on ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Rechnung:
    """One provider, basis and horizon: everything that does not depend on the changes, computed once and kept."""

    a: Analyse
    basis: str
    horizont: int

    @cached_property
    def z(self) -> Zeitraum:
        return Zeitraum(date(self.a.quartal.jahr, 1, 1), date(self.a.quartal.jahr + self.horizont - 1, 12, 31))

    @cached_property
    def jahre(self) -> range:
        return range(self.z.von.year, self.z.bis.year + 1)

    @cached_property
    def _monatsbeginn(self) -> np.ndarray:
        return np.array([(m.von - self.z.von).days for m in self.z.monate()])

    @cached_property
    def _jahresbeginn(self) -> np.ndarray:
        return self._monatsbeginn[::12]

    @cached_property
    def _jahresscheiben(self) -> dict[int, slice]:
        return {j: slice((date(j, 1, 1) - self.z.von).days, (date(j, 12, 31) - self.z.von).days + 1) for j in self.jahre}

    @cached_property
    def _gilt(self) -> np.ndarray:
        """Days from budget_beginn on, 0/1."""
        return np.arange(self.z.tage) >= ((self.a.beginn or self.z.von) - self.z.von).days

    @cached_property
    def _laenge(self) -> np.ndarray:
        """Days of each month that count for the budget."""
        return np.add.reduceat(self._gilt.astype(np.int64), self._monatsbeginn)

    def monatlich(self, m: np.ndarray, *, mittel: bool = False) -> np.ndarray:
        """Sums (or means) of daily values over the counted days of each month, (n_rows, n_days) → (n_months, n_rows)."""
        summe = np.add.reduceat(m * self._gilt, self._monatsbeginn, axis=1)
        return np.asarray(summe / np.maximum(self._laenge, 1) if mittel else summe).T

    @cached_property
    def gesehen(self) -> int:
        """Days from the horizon's first day that are observed; only bases that look at the present use them."""
        bis = min(self.a.quartal.zeitraum.bis, self.a.bestand.datenstand)
        return max((bis - self.z.von).days + 1, 0) if self.basis in ("quartal", "prognose", "fortschreibung") else 0

    @cached_property
    def alle_angebote(self) -> set[str]:
        return {x.angebot_id for x in self.a.angebote}

    def tage(self, w: Aenderung) -> np.ndarray:
        """The days from `ab` to `bis` of a change as 0/1. Unmoeglich outside the horizon."""
        d: np.ndarray = np.arange(self.z.tage)
        bis: Any = w["bis"] if "bis" in ARTEN[w.art].felder else ""
        if not self.z.von <= w["ab"] <= self.z.bis:
            raise Unmoeglich("ab", f"{w['ab']:%d.%m.%Y}", f"Der Horizont reicht vom {self.z.von:%d.%m.%Y} bis zum {self.z.bis:%d.%m.%Y}.")
        if bis and bis < w["ab"]:
            raise Unmoeglich("bis", f"{bis:%d.%m.%Y}", "Das liegt vor dem Beginn.")
        return np.asarray((d >= (w["ab"] - self.z.von).days) & (d <= ((bis or self.z.bis) - self.z.von).days))

    def jahre_seit(self, ab: date) -> np.ndarray:
        return np.maximum(np.arange(self.z.tage) - (ab - self.z.von).days, 0) / 365.25

    @cached_property
    def version(self) -> dict[int, Budgetversion]:
        """The budget version of each year, the last known one carried on; empty without a budget."""
        ergebnis: dict[int, Budgetversion] = {}
        for j in self.jahre:
            if v := self.a.versionen.get(j, ergebnis.get(j - 1)):
                ergebnis[j] = v
        return ergebnis if self.a.version else {}

    @cached_property
    def _maske(self) -> np.ndarray:
        """The groups of the volume that are billed: own, with cost commitment, no single-case settings, in the budget."""
        v = self.a.vol
        gezahlt = v.wo(eigen=True, zusage=True) & ~v.wo(besonderheit="einzelfallsetting")
        return np.asarray(gezahlt & np.isin(v.spalte("angebot_id"), self.a.im_budget))

    @cached_property
    def gruppen(self) -> tuple[Schluessel, ...]:
        """Planned, agreed by rate, or occupied since the year before the quarter's."""
        seit = Zeitraum(date(self.a.quartal.jahr - 1, 1, 1), self.a.quartal.zeitraum.bis)
        da = np.flatnonzero(self._maske & (self.a.vol.bezahlt(seit) > 0))
        alle = {(p.angebot_id, p.hbg) for v in self.version.values() for p in v.plan} | {
            (self.a.vol.gruppen[i].angebot_id, self.a.vol.gruppen[i].hbg) for i in da} | {
            (x, h) for x in self.a.im_budget for h in self.a.entgelte.gruppen(x)}
        return tuple(sorted(alle, key=lambda k: (k[0], gruppenrang(k[1]))))

    def _je_gruppe(self, matrix: np.ndarray, spalte: str = "hbg") -> np.ndarray:
        """Rows of the volume (n_volume_groups, …) summed to (n_groups, …)."""
        nr, v = {k: i for i, k in enumerate(self.gruppen)}, self.a.vol
        ziel = np.zeros((len(self.gruppen), *matrix.shape[1:]), matrix.dtype)
        for i in np.flatnonzero(self._maske):
            if (j := nr.get((v.gruppen[i].angebot_id, getattr(v.gruppen[i], spalte)))) is not None:
                ziel[j] += matrix[i]
        return ziel

    @cached_property
    def _rueckblick(self) -> Zeitraum:
        """The look-back for movements: whole days with data, the first one left out (nobody came in then)."""
        a = self.a
        return Zeitraum(max(date(a.quartal.jahr - a.rueckblick_jahre, 1, 1), a.datenbeginn + timedelta(days=1)), a.quartal.zeitraum.bis)

    @cached_property
    def weg_anteil(self) -> tuple[np.ndarray, np.ndarray]:
        """Reduced-rate days and all paid days per group and day: observed days as they were, later ones as in the last twelve months."""
        z = Zeitraum(max(self.a.quartal.vor(3).zeitraum.von, self.a.vol.beginn), self.a.quartal.zeitraum.bis)
        weg, alle = (self._je_gruppe(x[:, self.a.vol.scheibe(z)].sum(axis=1)) for x in (self.a.vol.vermindert, self.a.vol.entgelttage))
        paar = [np.repeat(x[:, None], self.z.tage, axis=1) for x in (weg, np.maximum(alle, 1))]
        s = self.a.vol.scheibe(Zeitraum(self.z.von, self.z.von + timedelta(days=self.gesehen - 1)))
        paar[0][:, :self.gesehen] = self._je_gruppe(self.a.vol.vermindert[:, s])
        paar[1][:, :self.gesehen] = np.maximum(self._je_gruppe(self.a.vol.entgelttage[:, s]), 1)
        return paar[0], paar[1]

    def anteil_eigene(self, angebot: str) -> tuple[int, int]:
        """Own and all paid days of an offer in the quarter."""
        n, hier = self.a.vol.bezahlt(self.a.quartal.zeitraum), self.a.vol.wo(angebot_id=angebot)
        return int(n[hier & self.a.vol.wo(eigen=True)].sum()), int(n[hier].sum())

    @cached_property
    def vk_je(self) -> dict[str, Fraction]:
        """VK present for the funder's own cases per offer, by the leading measure (days where none is agreed)."""
        mass, je = self.a.verfahren.personalanteil_nach or "tage", self.a.personal(self.a.quartal.zeitraum).je_angebot
        return {x: v for x in self.a.im_budget if (v := getattr(je[x].vk_anteilig, mass)) is not None}

    # ── where the places come from ──────────────────────────────────────────────────────────────────────────────

    @cached_property
    def anfang(self) -> Lage:
        """The state without changes."""
        k, n = self.gruppen, len(self.gruppen)
        je_vk = np.full((n, self.z.tage), np.nan)
        for s in sorted(zeilen(self.a.bestand["schluessel"]), key=lambda s: s.gueltig_ab):
            if (s.angebot_id, s.hbg) in k:
                je_vk[k.index((s.angebot_id, s.hbg)), max((s.gueltig_ab.date() - self.z.von).days, 0):] = float(s.personen_je_vk)
        alle = set(self.vk_je) == set(self.a.im_budget)
        vk = np.full(self.z.tage, round_half_up(sum(self.vk_je.values(), Fraction(0)) * MIO)) if alle else None
        pauschalen = tuple((text, j, j, betrag) for j, v in self.version.items() for text, betrag in v.pauschalen)
        plaetze, vor_s = self._pfad(self.basis)
        v = self.a.verfahren
        return Lage(k, plaetze, plaetze + vor_s, je_vk, vk, (), pauschalen, (v.korridor_unten_prozent, v.korridor_oben_prozent))

    @cached_property
    def vereinbart(self) -> np.ndarray | None:
        """The agreed volume schedule, (n_groups, n_days) in millionths; None without a budget."""
        if not self.version:
            return None
        ziel = np.zeros((len(self.gruppen), self.z.tage), np.int64)
        for j, tage in self._jahresscheiben.items():
            for p in self.version[j].plan:
                ziel[self.gruppen.index((p.angebot_id, p.hbg)), tage] = round_half_up(Fraction(p.plaetze_plan) * MIO)
        return ziel

    def _pfad(self, basis: str) -> tuple[np.ndarray, np.ndarray]:
        """Places of a basis, and how many more are in the group before S, (n_groups, n_days) in millionths."""
        jahr, q, vol = self.a.quartal.jahr, self.a.quartal.zeitraum, self.a.vol
        if basis == "basisjahr":
            if self.vereinbart is None:
                raise TraegerFehler(f"Für {jahr} ist kein Budget beschlossen. Bitte eine andere Basis wählen.")
            return self.vereinbart, np.zeros_like(self.vereinbart)
        z = jahr_zeitraum(jahr - 1) if basis == "vorjahr" else q
        if self.a.datenbeginn > z.von + timedelta(days=31):
            raise TraegerFehler(f"Daten liegen erst ab dem {self.a.datenbeginn:%d.%m.%Y} vor. Bitte eine andere Basis wählen.")
        bewilligt, vorher = (self._je_gruppe(vol.bezahlt(z) * MIO, s) // z.tage for s in ("hbg", "hbg_ausgang"))
        s_je_platz = (vorher - bewilligt) / np.maximum(self._je_angebot @ bewilligt, 1)
        if basis in ("vorjahr", "quartal"):
            monate = np.repeat(bewilligt[:, None], len(self._monatsbeginn), axis=1)
        else:
            monate = np.rint((self._prognose[0] if basis == "prognose" else self._fortschreibung) * MIO).astype(np.int64)
        pfad = np.repeat(monate, np.diff([*self._monatsbeginn, self.z.tage]), axis=1)
        if self.gesehen:
            s = vol.scheibe(Zeitraum(self.z.von, self.z.von + timedelta(days=self.gesehen - 1)))
            pfad[:, :self.gesehen] = self._je_gruppe(vol.entgelttage[:, s]) * MIO
        return pfad, np.rint(s_je_platz[:, None] * (self._je_angebot @ pfad)).astype(np.int64)

    @cached_property
    def _je_angebot(self) -> np.ndarray:
        """(n_groups, n_groups) 0/1: same offer."""
        return _gleich(self.gruppen)

    @cached_property
    def _reihen(self) -> dict[Schluessel, Any]:
        return self.a._reihen(self._maske, self.a.im_budget)

    @cached_property
    def _prognose(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Forecast per group and month, (n_groups, n_months); standard deviation per offer and month from its 80 % interval."""
        a = self.a
        je = prognosen(self._reihen, a.monate, grenzen=a._grenzen, rueckblick_jahre=a.rueckblick_jahre, bis_jahr=self.z.bis.year)
        namen = [monatsname(m.von) for m in self.z.monate()]

        def reihe(k: Schluessel, wert: Callable[[Prognosepunkt], float], sonst: float) -> np.ndarray:
            punkte = {p.periode: wert(p) for p in je[k].punkte} if k in je else {}
            return np.array([punkte.get(n, sonst) for n in namen])
        letzte = {k: float(np.mean(y[-3:])) if len(y) else 0.0 for k, y in self._reihen.items()}
        mittel = np.stack([reihe(k, lambda p: p.mittel, letzte.get(k, 0.0)) for k in self.gruppen])
        return mittel, {x: reihe((x, ""), lambda p: (p.oben80 - p.unten80) / 2 / Z80, 0.0) for x in self.a.im_budget}

    @cached_property
    def raten(self) -> dict[str, tuple[float, np.ndarray]]:
        """Per offer the observed leaving rate a year, and changes of need group a person and year, (n_offer_groups, n_offer_groups)."""
        z, a = self._rueckblick, self.a
        jahre = self._je_gruppe(a.vol.bezahlt(z)) / 365.25
        wechsel: dict[tuple[str, str, str], int] = {}
        for u in uebergaenge(gruppenwechsel(a.bestand, a.stays), z):
            k = (u.angebot_id, u.von.removesuffix(" + S"), u.nach.removesuffix(" + S"))
            wechsel[k] = wechsel.get(k, 0) + u.anzahl * (k[1] != k[2])
        ergebnis = {}
        for x in a.im_budget:
            hbg = [h for y, h in self.gruppen if y == x]
            dort = np.array([y == x for y, _ in self.gruppen])
            ab = a._fallzahlen(z, [x]).abgaenge
            q = np.array([[wechsel.get((x, v, n), 0) for n in hbg] for v in hbg], float) / np.maximum(jahre[dort], 1)[:, None]
            ergebnis[x] = (abgangsrate(0, 0.0) if ab is None else abgangsrate(ab, float(jahre[dort].sum())), q)
        return ergebnis

    @cached_property
    def _fortschreibung(self) -> np.ndarray:
        """The stock of the last days carried on: n(t + 1 month) = n(t) − exits + moves between groups + admissions, (n_groups, n_months).

        Exits and moves at the observed rates, admissions as many a month as in the look-back; fixed places are the upper limit.
        """
        z, a = self._rueckblick, self.a
        zaehlung = {x: a._zaehlung((x,), True) for x in a.im_budget if x not in a.aggregiert}
        zu = {(p.angebot_id, p.hbg): p.zugaenge for p in zugangsprofile(a.bestand, a.vol, z, zaehlung)}
        f = a.bestand["fallzahlen"]
        for r in zeilen(f[f["kostentraeger"].isin(a.bestand.eigene_kostentraeger) & (f["monat"] >= pd.Timestamp(z.von))]):
            zu[r.angebot_id, r.hbg] = zu.get((r.angebot_id, r.hbg), 0) + (0 if pd.isna(r.zugaenge) else int(r.zugaenge))
        eigene = {x: float(a.vol.bezahlt(z)[a.vol.wo(eigen=True, angebot_id=x)].sum()) for x in a.im_budget}
        n = self._je_gruppe(a.vol.entgelttage[:, a.vol.scheibe(a.quartal.zeitraum)][:, -30:].mean(axis=1))
        ergebnis, monate = np.zeros((len(self.gruppen), len(self._monatsbeginn))), z.tage / 30.4375
        bezahlt = self._je_gruppe(a.vol.bezahlt(z)).astype(float)
        for x in a.im_budget:
            dort = np.array([y == x for y, _ in self.gruppen])
            mu, q = self.raten[x]
            billig = bezahlt[dort].sum() / eigene[x] if eigene[x] else 0.0  # admissions are of all own cases, places of billed ones
            neu = np.array([zu.get(k, 0) for k in self.gruppen])[dort] / monate * billig
            stand, grenze = n[dort], a._grenzen.get(x, np.inf)
            for i, ab in enumerate(self._monatsbeginn):
                if ab >= self.gesehen:
                    stand = stand * (1 - (mu + q.sum(axis=1)) / 12) + stand @ q / 12 + neu
                    stand = stand * min(1.0, grenze / max(stand.sum(), 1e-9))
                ergebnis[dort, i] = stand
        return ergebnis

    # ── exact money ─────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def saetze(self) -> Callable[[tuple[Schluessel, ...], tuple[Aenderung, ...]], tuple[np.ndarray, np.ndarray]]:
        return lru_cache(maxsize=64)(self._saetze)

    def _saetze(self, gruppen: tuple[Schluessel, ...], aenderungen: tuple[Aenderung, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Rates per group and day with the changes made: (3, n_groups, n_days) cents: plan, actual full, actual reduced (KEIN where no
        rate was ever agreed; later gaps take the last one), and the flat positions where a line of the derivation begins."""
        b = self.a.bestand
        for w in aenderungen:
            b = replace(b, tabellen={**b.tabellen, "entgelte": _neue_entgelte(b["entgelte"], w)})
        gewichte = {(p.angebot_id, p.hbg): p.plaetze_plan for p in self.a.version.plan} if self.a.version else {}
        e = Entgelte(b, self.z.von, self.z.bis, modell=self.a.modell.entgelt, gewichte=gewichte)
        ist = [e.ist(*k) for k in gruppen]
        jahre = [(slice(x.start, x.stop), self.version[j].beschlossen_am) for j, x in self._jahresscheiben.items() if self.version]

        def plan(i: int, k: Schluessel, was: str) -> np.ndarray:  # each year by the decision of its version
            return np.concatenate([getattr(e.plan(*k, am), was)[x] for x, am in jahre]) if jahre else getattr(ist[i], was)
        voll, welche = (np.stack([plan(i, k, was) for i, k in enumerate(gruppen)]) for was in ("voll", "zeile"))
        drei = np.stack([[_gefuellt(x) for x in y] for y in (voll, [t.voll for t in ist], [t.vermindert for t in ist])])
        grenze = np.c_[np.ones(len(gruppen), bool), welche[:, 1:] != welche[:, :-1]]
        grenze[:, self._jahresbeginn] = True
        return drei, np.flatnonzero(grenze)

    def cent(self, x: Lage, plaetze: np.ndarray | None = None) -> np.ndarray:
        """Case-based part of each year in whole cents: every line places × days × plan rate, rounded half up, then summed."""
        (plan, _, _), anfaenge = self.saetze(x.gruppen, x.entgelt)
        je_tag = (x.plaetze if plaetze is None else plaetze) * plan * self._gilt
        linien = np.add.reduceat(je_tag.ravel(), anfaenge)
        linien = np.sign(linien) * ((2 * abs(linien) + MIO) // (2 * MIO))
        jahr = np.searchsorted(self._jahresbeginn, anfaenge % self.z.tage, "right") - 1
        summe = np.zeros(len(self.jahre), np.int64)
        np.add.at(summe, jahr, linien)
        return summe

    def gesamt_cent(self, x: Lage) -> np.ndarray:
        """Case-based part and lump sums of each year, whole cents (adjustments by statute are the same in every scenario)."""
        return self.cent(x) + [in_cent(x.pauschal(j)) for j in self.jahre]

    @cached_property
    def soll(self) -> np.ndarray | None:
        """Case-based part of the agreed budget of each year, whole cents."""
        return None if self.vereinbart is None else self.cent(self.anfang, self.vereinbart)

    def ist(self, x: Lage) -> np.ndarray:
        """The volume at actual full rates, each year in cents (rounded down)."""
        return np.add.reduceat((x.plaetze * self.saetze(x.gruppen, x.entgelt)[0][1] * self._gilt).sum(axis=0), self._jahresbeginn) // MIO

    def klassisch(self, x: Lage) -> np.ndarray:
        """Classical billing per month, exact, in millionths of a cent."""
        (_, ist, weg), _ = self.saetze(x.gruppen, x.entgelt)
        n = self._weg(x)
        return np.add.reduceat((((x.plaetze - n) * ist + n * weg) * self._gilt).sum(axis=0), self._monatsbeginn)

    @cached_property
    def anpassungen(self) -> dict[int, tuple[tuple[str, str, Decimal], ...]]:
        r = sorted(zeilen(self.a.bestand["anpassungen"]), key=lambda r: (r.wirksam_ab, r.grund))
        return {j: tuple((monatsname(x.wirksam_ab.date()), x.grund, x.betrag_eur) for x in r if x.budgetjahr == j) for j in self.jahre}

    def lage(self, aenderungen: Sequence[Aenderung], *, genau: bool = True) -> Lage:
        """The state after all changes that are on. With `genau` an impossible change raises Fehlerliste; without, it is left out."""
        x, negativ, fehler = self.anfang, None, []
        for nr, w in enumerate(aenderungen, 1):
            try:
                neu = ARTEN[w.art].wirke(self, x, w) if w.an else x
                if negativ is None and (neu.plaetze < 0).any():
                    negativ = falsch(nr, ARTEN[w.art].haupt, w[ARTEN[w.art].haupt], "So viele Plätze sind in der Gruppe nicht belegt.")
                x = neu
            except Unmoeglich as e:
                fehler.append(falsch(nr, *e.args))
        if genau and not fehler and negativ and (x.plaetze < 0).any():
            fehler.append(negativ)
        if genau and fehler:
            raise Fehlerliste(fehler)
        if genau:
            self._mit_entgelt(x)
        return x

    def _mit_entgelt(self, x: Lage) -> None:
        """Every place needs a rate on its day."""
        (plan, ist, weg), _ = self.saetze(x.gruppen, x.entgelt)
        ohne = (((plan == KEIN) | (ist == KEIN)) & (x.plaetze > 0) | ((weg == KEIN) & (self._weg(x) > 0))) & self._gilt
        if ohne.any():
            raise Fehlerliste([kein_entgelt(*k, self.z.von + timedelta(days=int(np.argmax(tage))))
                               for k, tage in zip(x.gruppen, ohne, strict=True) if tage.any()])

    def _weg(self, x: Lage) -> np.ndarray:
        """Places at the reduced rate, millionths; new groups have none."""
        weg, alle = self.weg_anteil
        n = len(weg)
        return np.concatenate([x.plaetze[:n] * weg // alle, np.zeros_like(x.plaetze[n:])])

    # ── simulation ──────────────────────────────────────────────────────────────────────────────────────────────

    def streuung(self, x: Lage, mittel: np.ndarray) -> tuple[np.ndarray, tuple[tuple[str, float, float], ...]]:
        """Standard deviation of the places of each group's offer per month, (n_months, n_groups), and the columns of chance: name, rate
        of forgetting a year, variance factor's start in years. Offers first, then groups."""
        offen = {a: i for i, a in enumerate(dict.fromkeys(a for a, _ in x.gruppen))}
        summe = mittel @ _gleich(x.gruppen)
        v = self.a.version
        if self.basis == "basisjahr":
            beginn = OHNE_BASISJAHR if not v or not v.basisjahr else (self.z.von - date(v.basisjahr, 7, 1)).days / 365.25
        else:
            beginn = (self.z.von - date(self.z.von.year - 1, 7, 1)).days / 365.25 if self.basis == "vorjahr" else -self.gesehen / 365.25
        sd, spalten = np.zeros_like(mittel), []
        zeit = beginn + (np.arange(len(mittel)) + 0.5) / 12
        for name in offen:
            dort = np.array([a == name for a, _ in x.gruppen])
            mu = self.raten[name][0] if name in self.raten else abgangsrate(0, 0.0)
            alle = self.anteil_eigene(name)[1]
            frei = 1 - min(alle / self.a.quartal.zeitraum.tage / fest, AUSLASTUNG_MAX) if (fest := self.a._grenzen.get(name)) else 1.0
            wieviel = np.sqrt(np.maximum(summe[:, dort][:, 0] * frei, 0) * (1 - np.exp(-2 * mu / frei * np.maximum(zeit, 0))))
            if self.basis == "prognose" and name in self._prognose[1]:
                wieviel = np.where(zeit > 0, self._prognose[1][name], 0.0)
            sd[:, dort] = wieviel[:, None]
            spalten.append((name, mu / frei, beginn))
        for a, h in x.gruppen:
            q = self.raten[a][1][[k for k in self.gruppen if k[0] == a].index((a, h))].sum() if (a, h) in self.gruppen else 0.0
            spalten.append((f"{a} {h}", (self.raten[a][0] if a in self.raten else 0.1) + float(q), beginn))
        return sd, tuple(spalten)

    def simuliere(self, x: Lage, seed: int, ziehungen: int) -> Simulation:
        """Draws of places and Euro around a state; the same seed moves the same offers and groups the same way in every scenario."""
        mittel, gleich = self.monatlich(x.plaetze, mittel=True) / MIO, _gleich(x.gruppen)
        sd, spalten = self.streuung(x, mittel)
        namen = list(dict.fromkeys(a for a, _ in x.gruppen))
        wem = np.array([[a == n for n in namen] for a, _ in x.gruppen], float)
        anteil = mittel / np.maximum(mittel @ gleich, 1e-12)
        wurzel = np.sqrt(np.maximum(mittel, 0))[:, None, :]
        # an offer's chance by today's shares; a group's own chance is taken from the offer's other groups
        c = np.concatenate([wem * (anteil * sd)[:, :, None], wurzel * (np.eye(len(x.gruppen)) - gleich * anteil[:, :, None])], axis=2)
        p = c.astype(np.float32) @ _ziehungen(seed, ziehungen, len(mittel), spalten, len(namen))  # (n_months, n_groups, draws)
        p += mittel[:, :, None].astype(np.float32)
        np.maximum(p, 0, out=p)
        (plan, ist, weg), _ = self.saetze(x.gruppen, x.entgelt)
        fehlt = np.zeros(plan.shape)
        fehlt[:len(self.gruppen)] = self.weg_anteil[0] / self.weg_anteil[1]
        klassisch = ist - fehlt * (ist - np.where(weg == KEIN, ist, weg))
        je_vk = np.where(np.isnan(x.je_vk) & (x.plaetze == 0), 0, 1 / x.je_vk)
        gewicht = [*(self.monatlich(y) / 100 for y in (plan, ist, klassisch)), self.monatlich(je_vk, mittel=True)]
        spannen = [i for i, w in enumerate(x.entgelt) if w.art == "entgelt" and w["spanne_prozent"]]
        for i in spannen:
            mehr = tuple(v.mit(prozent=v["prozent"] + v["spanne_prozent"]) if j == i else v for j, v in enumerate(x.entgelt))
            gewicht.append(self.monatlich(self.saetze(x.gruppen, mehr)[0][1] - ist) / 100)
        e = np.stack(gewicht, axis=1).astype(np.float32) @ p  # (n_months, figures, draws)
        for n, i in enumerate(spannen):
            e[:, :3] += (e[:, 4 + n] * np.random.default_rng([seed, zlib.crc32(b"entgelt"), i]).uniform(-1, 1, ziehungen))[:, None]
        return Simulation(p, *(e[:, i] for i in range(4)))

    @cached_property
    def ohne(self) -> Callable[[int, int], Simulation]:
        """The simulation without changes, kept."""
        return lru_cache(maxsize=2)(lambda seed, n: self.simuliere(self.anfang, seed, n))


@dataclass(frozen=True)
class Simulation:
    """Draws per month: places (n_months, n_groups, draws); Euro at plan rates, at actual full rates, as classically billed, and VK
    needed (NaN without a key), each (n_months, draws)."""

    plaetze: np.ndarray
    plan: np.ndarray
    ist: np.ndarray
    klassisch: np.ndarray
    vk: np.ndarray


@lru_cache(maxsize=3)
def _ziehungen(seed: int, n: int, monate: int, spalten: tuple[tuple[str, float, float], ...], angebote: int) -> np.ndarray:
    """Standardised chance per month, column and draw, float32 (n_months, n_columns, n).

    Each column forgets at its own rate λ, z(t + 1 month) = φ z + √(1 − φ²) ε with φ = e^(−λ/12), from nothing at its start, so that
    its variance is 1 − e^(−2λt) as in `chance`. The offers' columns (the first ones) are scaled to variance 1: `streuung` says how far
    they go. A column's numbers depend on seed and name only, whatever other columns there are.
    """
    z = np.zeros((monate, len(spalten), n), np.float32)
    for k, (name, rate, beginn) in enumerate(spalten):
        rng, vorher, var = np.random.default_rng([seed, zlib.crc32(name.encode())]), np.zeros(n, np.float32), 0.0
        for m in range(monate):
            e = rng.standard_normal(n, np.float32)
            t = beginn + (m + 0.5) / 12
            if t > 0:
                davor, var = var, 1 - exp(-2 * rate * t)
                phi = exp(-rate / 12) if davor else 0.0
                vorher = vorher * phi + e * sqrt(var - phi**2 * davor)
                z[m, k] = vorher / sqrt(var) if k < angebote else vorher
    z.setflags(write=False)
    return z


def _gleich(gruppen: Sequence[Schluessel]) -> np.ndarray:
    a = np.array([k[0] for k in gruppen])
    return np.asarray((a[:, None] == a[None]).astype(np.int64))


def _gefuellt(cent: np.ndarray) -> np.ndarray:
    return np.where(np.maximum.accumulate(cent != KEIN), fortgeschrieben(cent), KEIN)


def _neue_entgelte(e: pd.DataFrame, w: Aenderung) -> pd.DataFrame:
    """The table of rates with a change made: rows valid from `ab` on are repeated from that day with the new amounts."""
    ab = pd.Timestamp(w["ab"])
    if w.art == "angebot":
        neu = {s: [w[s]] for s in (*BESTANDTEILE[1:], "angebot_id", "hbg")} | {"gueltig_ab": [ab]}
        return pd.concat([e, pd.DataFrame(neu).reindex(columns=e.columns).astype(e.dtypes)], ignore_index=True)
    betroffen = e["gueltig_bis"].isna() | (e["gueltig_bis"] >= ab)
    for feld in ("angebot_id", "hbg"):
        if w[feld]:
            betroffen &= e[feld] == w[feld]
    neu_ab = e[betroffen].copy()
    for s in BESTANDTEILE[1:] if w["bestandteil"] == "gesamt" else (w["bestandteil"],):
        neu_ab[s] = neu_ab[s].map(lambda x: runde_cent(x * (100 + w["prozent"]) / 100))
    neu_ab["gueltig_ab"] = neu_ab["gueltig_ab"].where(neu_ab["gueltig_ab"] > ab, ab)
    return pd.concat([e[~betroffen | (e["gueltig_ab"] < ab)], neu_ab], ignore_index=True)


# ── the result ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Band:
    """A figure without uncertainty, and what 10, 50 and 90 % of the draws stay below."""

    wert: Any
    p10: float
    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class Gruppenanteil:
    """Places of a need group in the year's mean, its share of the offer's days as granted and before S."""

    angebot_id: str
    hbg: str
    plaetze: Band
    anteil: float | None
    anteil_vor_s: float | None


@dataclass(frozen=True, slots=True)
class Beitrag:
    """What change `nummer` alone does to the budget of the year; `unten`, `oben`: the year's difference to the budget without changes
    where its size is a tenth smaller or larger (rates with a range: at its ends), all else as described."""

    nummer: int
    betrag_eur: Decimal
    unten_eur: Decimal
    oben_eur: Decimal


@dataclass(frozen=True, slots=True)
class Ueberschreitung:
    """Share of draws in which the year ends at least `prozent` above or below the agreed budget; `ohne`: without the changes."""

    prozent: float
    betrag_eur: Decimal
    anteil: float
    ohne: float


@dataclass(frozen=True, slots=True)
class GegenVereinbart:
    """A year against the agreed budget. puffer = its case-based instalments − classical billing; abweichung_prozent = (volume at actual
    full rates − agreed case-based budget) ÷ the latter; abstand = distance of that to the corridor's ends (negative: crossed);
    ausserhalb: share of draws outside the corridor; `korridorbreite`: ± per cent that so many of 100 draws keep."""

    vereinbart_eur: Decimal
    puffer_eur: Band
    abweichung_prozent: Band
    abstand_unten: Band | None
    abstand_oben: Band | None
    ausserhalb: float | None
    ausserhalb_ohne: float | None
    stufen: tuple[Ueberschreitung, ...]
    korridorbreite: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Jahresergebnis:
    """One calendar year. budget = what a budget on this volume comes to (case-based + lump sums + adjustments), `raten` its
    instalments; klassisch = classical billing of this volume; vk_vorhanden: for the funder's own cases; differenz = budget − budget
    of the basis without changes = Σ beitraege + zusammenwirken. `gegen` is None without an agreed budget."""

    jahr: int
    plaetze: Band
    gruppen: tuple[Gruppenanteil, ...]
    budget_eur: Band
    fallbezogen_eur: Decimal
    pauschal_eur: Decimal
    anpassungen_eur: Decimal
    raten: tuple[Rate, ...]
    klassisch_eur: Band
    s_effekt_eur: Decimal
    vk_noetig: Band | None
    vk_noetig_ohne: float | None
    vk_vorhanden: float | None
    korridor: tuple[Decimal | None, Decimal | None]
    gegen: GegenVereinbart | None
    differenz_eur: Band
    beitraege: tuple[Beitrag, ...]
    zusammenwirken_eur: Decimal


@dataclass(frozen=True, slots=True)
class Monatsergebnis:
    """One month; places by offer and in total (GESAMT), `ohne` without changes, `vereinbart` as agreed; puffer_eur since January."""

    monat: str
    plaetze: Mapping[str, Band]
    ohne: Mapping[str, float]
    vereinbart: float | None
    klassisch_eur: Band
    rate_eur: Decimal
    puffer_eur: Band | None


@dataclass(frozen=True, slots=True)
class Ergebnis:
    """What follows from a scenario."""

    szenario: Szenario
    jahre: tuple[Jahresergebnis, ...]
    monate: tuple[Monatsergebnis, ...]
    hinweise: tuple[str, ...]


def rechne(r: Rechnung, s: Szenario) -> Ergebnis:
    """Everything that follows from a scenario. Raises Fehlerliste where a change is impossible or a day lacks a rate."""
    ohne, x = r.anfang, r.lage(s.aenderungen)
    sim0 = r.ohne(s.seed, s.ziehungen)
    sim = sim0 if x is ohne else r.simuliere(x, s.seed, s.ziehungen)
    beitraege, rest = _beitraege(r, s.aenderungen, x)
    fall, fall0, vor_s_cent, vk0 = r.cent(x), r.cent(ohne), r.cent(x, x.ausgang), _vk(r, ohne)
    klassisch, tage, namen = r.klassisch(x), r._laenge, [monatsname(z.von) for z in r.z.monate()]
    jahre = []
    for n, jahr in enumerate(r.jahre):
        m, t = slice(12 * n, 12 * n + 12), tage[12 * n: 12 * n + 12]
        pauschal, pauschal0 = (y.pauschal(jahr) for y in (x, ohne))
        anpassung = r.anpassungen[jahr]
        mehr = sum((b for _, _, b in anpassung), Decimal("0.00"))
        plan, plan0, bezahlt = (y[m].sum(axis=0, dtype=float) for y in (sim.plan, sim0.plan, sim.klassisch))
        plaetze, p, vor_s = (_im_mittel(y[m], t) for y in (sim.plaetze, _monatsmittel(r, x.plaetze), _monatsmittel(r, x.ausgang)))
        summe, summe_vor_s = p @ _gleich(x.gruppen), vor_s @ _gleich(x.gruppen)
        klassisch_eur = _band(aus_cent(Fraction(int(klassisch[m].sum()), MIO)), bezahlt)
        vk = _im_mittel(_vk(r, x)[m], t)
        jahre.append(Jahresergebnis(
            jahr=jahr, plaetze=_band(float(p.sum()), plaetze.sum(axis=0)), gruppen=tuple(
                Gruppenanteil(*k, _band(float(p[i]), plaetze[i]), _anteil(p[i], summe[i]), _anteil(vor_s[i], summe_vor_s[i]))
                for i, k in enumerate(x.gruppen) if p[i] or vor_s[i]),
            budget_eur=_band(_eur(fall[n]) + pauschal + mehr, plan + float(pauschal + mehr)), fallbezogen_eur=_eur(fall[n]),
            pauschal_eur=pauschal, anpassungen_eur=mehr,
            raten=raten(_eur(fall[n]), pauschal, anpassung, [k for k, d in zip(namen[m], t, strict=True) if d]),
            klassisch_eur=klassisch_eur, s_effekt_eur=_eur(fall[n] - vor_s_cent[n]),
            vk_noetig=None if np.isnan(vk) else _band(float(vk), _im_mittel(sim.vk[m], t)), vk_noetig_ohne=_zahl(_im_mittel(vk0[m], t)),
            vk_vorhanden=None if x.vk is None else _zahl(_im_mittel(_monatsmittel(r, x.vk[None])[m], t)[0]), korridor=x.korridor,
            gegen=_gegen(r, x, n, sim, sim0, klassisch_eur.wert),
            differenz_eur=_band(_eur(fall[n] - fall0[n]) + pauschal - pauschal0, plan - plan0 + float(pauschal - pauschal0)),
            beitraege=tuple(Beitrag(nr, *(_eur(c[n]) for c in drei)) for nr, drei in beitraege), zusammenwirken_eur=_eur(rest[n])))
    return Ergebnis(s, tuple(jahre), _monate(r, x, sim, klassisch, jahre), _hinweise(r, x))


def _gegen(r: Rechnung, x: Lage, n: int, sim: Simulation, sim0: Simulation, klassisch: Decimal) -> GegenVereinbart | None:
    if r.soll is None or not r.soll[n]:
        return None
    m, jahr, soll = slice(12 * n, 12 * n + 12), r.jahre[n], _eur(r.soll[n])
    wert = float((Fraction(int(r.ist(x)[n]), int(r.soll[n])) - 1) * 100)
    abw, abw0 = ((y.ist[m].sum(axis=0, dtype=float) / float(soll) - 1) * 100 for y in (sim, sim0))
    korridor = [None if k is None else abs(float(k)) for k in x.korridor]
    vorher = [None if k is None else abs(float(k)) for k in r.anfang.korridor]
    unten, oben = korridor
    return GegenVereinbart(
        vereinbart_eur=soll + sum((b for _, b in r.version[jahr].pauschalen), sum((b for _, _, b in r.anpassungen[jahr]), Decimal(0))),
        puffer_eur=_band(soll - klassisch, float(soll) - sim.klassisch[m].sum(axis=0, dtype=float)), abweichung_prozent=_band(wert, abw),
        abstand_unten=None if unten is None else _band(wert + unten, abw + unten),
        abstand_oben=None if oben is None else _band(oben - wert, oben - abw), ausserhalb=_ausserhalb(abw, *korridor),
        ausserhalb_ohne=_ausserhalb(abw0, *(korridor if vorher == [None, None] else vorher)),
        stufen=tuple(Ueberschreitung(k, runde_cent(soll * Decimal(str(k)) / 100), *(float((abs(y) >= k).mean()) for y in (abw, abw0)))
                     for k in STUFEN_PROZENT), korridorbreite={k: float(np.quantile(abs(abw), k / 100)) for k in SICHERHEITEN})


def _beitraege(r: Rechnung, aenderungen: Sequence[Aenderung], x: Lage) -> tuple[list[tuple[int, tuple[np.ndarray, ...]]], np.ndarray]:
    """Per change (number; alone, all with it smaller, all with it larger, each against no changes), and what is left for their
    working together, in cents per year."""
    ohne, alle = r.gesamt_cent(r.anfang), r.gesamt_cent(x)
    ergebnis, rest = [], alle - ohne
    for i, w in enumerate(aenderungen):
        if not w.an:
            continue
        allein = r.gesamt_cent(r.lage([w], genau=False)) - ohne
        haupt, rest = ARTEN[w.art].haupt, rest - allein
        weite = w["spanne_prozent"] if w.art == "entgelt" and w["spanne_prozent"] else abs(w[haupt]) / 10
        anders = ([*aenderungen[:i], w.mit(**{haupt: w[haupt] + d}), *aenderungen[i + 1:]] for d in (-weite, weite))
        ergebnis.append((i + 1, (allein, *(r.gesamt_cent(r.lage(y, genau=False)) - ohne for y in anders))))
    return ergebnis, rest


def _monate(r: Rechnung, x: Lage, sim: Simulation, klassisch: np.ndarray, jahre: Sequence[Jahresergebnis]) -> tuple[Monatsergebnis, ...]:
    namen = [GESAMT, *dict.fromkeys(a for a, _ in x.gruppen)]
    dort = np.array([[n in (GESAMT, a) for a, _ in x.gruppen] for n in namen], float)
    p, p0 = _monatsmittel(r, x.plaetze) @ dort.T, _monatsmittel(r, r.anfang.plaetze) @ dort[:, :len(r.gruppen)].T
    plan = None if r.vereinbart is None else _monatsmittel(r, r.vereinbart).sum(axis=1)
    zuege = np.concatenate([dort.astype(np.float32) @ sim.plaetze, sim.klassisch[:, None]], axis=1)
    q = np.quantile(zuege, QUANTILE, axis=2).transpose(1, 2, 0).tolist()  # (n_months, figures, 3)
    ergebnis = []
    for i, z in enumerate(r.z.monate()):
        if not r._laenge[i]:
            continue
        j, m, puffer, n = jahre[i // 12], slice(i // 12 * 12, i + 1), None, int((r._laenge[i // 12 * 12: i + 1] > 0).sum())
        if r.soll is not None:
            gezahlt = sum(gleiche_teile(_eur(r.soll[i // 12]), len(j.raten))[:n], Decimal(0))
            bezahlt = aus_cent(Fraction(int(klassisch[m].sum()), MIO))
            puffer = _band(gezahlt - bezahlt, float(gezahlt) - sim.klassisch[m].sum(axis=0, dtype=float))
        ergebnis.append(Monatsergebnis(
            monatsname(z.von), {a: Band(float(p[i, k]), *q[i][k]) for k, a in enumerate(namen)},
            {a: float(p0[i, k]) for k, a in enumerate(namen)}, None if plan is None else float(plan[i]),
            Band(aus_cent(Fraction(int(klassisch[i]), MIO)), *q[i][-1]), j.raten[n - 1].betrag_eur, puffer))
    return tuple(ergebnis)


def _hinweise(r: Rechnung, x: Lage) -> tuple[str, ...]:
    a, texte = r.a, []
    if a.bestand.datenstand < a.quartal.zeitraum.bis:
        texte.append(f"Vorläufig: Datenstand {a.bestand.datenstand:%d.%m.%Y}.")
    if not r.version:
        texte.append("Ein Budget ist nicht beschlossen: Puffer und Abweichung lassen sich nicht angeben.")
    elif ohne := [j for j in r.jahre if j not in a.versionen]:
        jahre = ", ".join(map(str, ohne))
        texte.append(f"Für {jahre} ist noch kein Budget beschlossen; als vereinbart gilt das letzte Mengengerüst weiter.")
    texte.append("Wo noch kein Entgelt beschlossen ist, gilt das letzte weiter.")
    if r.basis in ("prognose", "fortschreibung") and len(a.monate) < TENDENZ_UNTER:
        texte.append(f"Erst {len(a.monate)} Monate Daten: Die Aussage ist eine Tendenz.")
    if np.isnan(_vk(r, x)).any():
        texte.append("Nicht für alle belegten Gruppen gibt es einen Betreuungsschlüssel; das nötige Personal bleibt offen.")
    return tuple(texte)


def _monatsmittel(r: Rechnung, m: np.ndarray) -> np.ndarray:
    """Average places per month and group from millionths a day, (n_months, n_groups)."""
    return r.monatlich(m, mittel=True) / MIO


def jahresmittel_je_angebot(r: Rechnung) -> list[dict[str, float]]:
    """Average places per offer of each year, without changes."""
    p = _monatsmittel(r, r.anfang.plaetze)
    je = [_im_mittel(p[12 * n: 12 * n + 12], r._laenge[12 * n: 12 * n + 12]) for n in range(len(r.jahre))]
    return [{a: float(sum(x for x, k in zip(y, r.gruppen, strict=True) if k[0] == a)) for a, _ in r.gruppen} for y in je]


def _im_mittel(m: np.ndarray, tage: np.ndarray) -> np.ndarray:
    """Mean over months, weighted by days; the first axis goes."""
    return np.tensordot(tage / max(tage.sum(), 1), m, 1)


def _vk(r: Rechnung, x: Lage) -> np.ndarray:
    """VK needed per month: Σ places ÷ persons per VK, (n_months,); NaN where occupied places have no key."""
    return r.monatlich(np.where(x.plaetze > 0, x.plaetze / x.je_vk, 0).sum(axis=0)[None], mittel=True)[:, 0] / MIO


def _eur(cent: Any) -> Decimal:
    return aus_cent(int(cent))


def _zahl(x: Any) -> float | None:
    return None if np.isnan(x) else float(x)


def _anteil(a: float, b: float) -> float | None:
    return float(a / b) if b else None


def _band(wert: Any, zuege: np.ndarray) -> Band:
    return Band(wert, *np.quantile(zuege, QUANTILE).tolist())


def _ausserhalb(abw: np.ndarray, unten: float | None, oben: float | None) -> float | None:
    if unten is None and oben is None:
        return None
    return float(((abw < -(unten if unten is not None else np.inf)) | (abw > (oben if oben is not None else np.inf))).mean())
