"""What the places of a scenario cost, exactly: rates in whole cents, lines of the derivation rounded to the cent as in `budget`.

Without changes on the basis „basisjahr“ it is the budget of the report. Not here: how many places (`scenario_places`), the kinds of
change (`scenario`), spread (`scenario_chance`), the year's figures (`scenario_result`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from traeger_lib.analysis.budget import kein_entgelt
from traeger_lib.analysis.money import in_cent, runde_cent
from traeger_lib.analysis.rates import KEIN, Entgelte, fortgeschrieben
from traeger_lib.analysis.scenario import ARTEN, BESTANDTEILE, MIO, Aenderung, Lage, Schluessel, Unmoeglich, falsch
from traeger_lib.analysis.scenario_places import Ausgangslage
from traeger_lib.inputs.faults import Fehler, Fehlerliste


class Saetze(NamedTuple):
    """Where, all groups' days in a row, a line of the derivation begins; and rates per group and day, (n_groups, n_days) cents, KEIN where
    none was ever agreed (later gaps take the last one): plan rate, actual full rate, actual reduced rate."""

    zeilenanfang: np.ndarray
    plan: np.ndarray
    ist: np.ndarray
    vermindert: np.ndarray


class Rechnung(Ausgangslage):
    """Turns changes into a state and a state into money; keeps the rates it has looked up."""

    def lage(self, aenderungen: Sequence[Aenderung]) -> Lage:
        """The state after all changes that are on. Raises Fehlerliste where one is impossible or a place lacks a rate on its day."""
        x, fehler = self.wirkung(aenderungen)
        if fehler:
            raise Fehlerliste(fehler)
        s = self.saetze(x)
        ohne = (((s.plan == KEIN) | (s.ist == KEIN)) & (x.plaetze > 0) | ((s.vermindert == KEIN) & (self._vermindert(x) > 0))) & self.gilt
        if ohne.any():
            raise Fehlerliste([kein_entgelt(*k, self.z.von + timedelta(days=int(np.argmax(tage))))
                               for k, tage in zip(x.gruppen, ohne, strict=True) if tage.any()])
        return x

    def wirkung(self, aenderungen: Sequence[Aenderung]) -> tuple[Lage, list[Fehler]]:
        """The state after all changes that are on and possible, and what is wrong with the others."""
        fehler: list[Fehler] = []
        x, zu_viel = self.anfang, list[Fehler]()
        for nr, w in enumerate(aenderungen, 1):
            try:
                x = ARTEN[w.art].wirke(self, x, w) if w.an else x
            except Unmoeglich as e:
                fehler.append(falsch(nr, *e.args))
            if not zu_viel and (x.plaetze < 0).any():
                zu_viel = [falsch(nr, ARTEN[w.art].haupt, w[ARTEN[w.art].haupt], "So viele Plätze sind in der Gruppe nicht belegt.")]
        return x, fehler or (zu_viel if (x.plaetze < 0).any() else [])

    # ── rates ───────────────────────────────────────────────────────────────────────────────────────────────────

    def saetze(self, x: Lage) -> Saetze:
        """The rates of a state."""
        return self._saetze(x.gruppen, x.entgelt)

    @cached_property
    def _saetze(self) -> Callable[[tuple[Schluessel, ...], tuple[Aenderung, ...]], Saetze]:
        return lru_cache(maxsize=64)(self._schlage_nach)

    def _schlage_nach(self, gruppen: tuple[Schluessel, ...], aenderungen: tuple[Aenderung, ...]) -> Saetze:
        """Rates after changes of the table; the plan rate of each year by the decision of its version."""
        tabelle = self.a.bestand["entgelte"]
        for w in aenderungen:
            tabelle = _mit_neuem_entgelt(tabelle, w)
        bestand = replace(self.a.bestand, tabellen={**self.a.bestand.tabellen, "entgelte": tabelle})
        gewichte = {(p.angebot_id, p.hbg): p.plaetze_plan for p in self.a.version.plan} if self.a.version else {}
        e = Entgelte(bestand, self.z.von, self.z.bis, modell=self.a.modell.entgelt, gewichte=gewichte)

        plan = [[e.plan(*k, self.version[j].beschlossen_am) if self.version else e.ist(*k) for j in self.jahre] for k in gruppen]
        ist, jahr, tag = [e.ist(*k) for k in gruppen], self.monat // 12, np.arange(self.z.tage)
        voll, zeile = (np.array([[getattr(t, was) for t in je] for je in plan])[:, jahr, tag] for was in ("voll", "zeile"))
        beginnt = (np.diff(zeile, prepend=-2) != 0) | (np.diff(jahr, prepend=-1) > 0)
        drei = (voll, [t.voll for t in ist], [t.vermindert for t in ist])
        return Saetze(np.flatnonzero(beginnt), *(np.array([fortgeschrieben(satz, KEIN) for satz in je]) for je in drei))

    # ── Euro ────────────────────────────────────────────────────────────────────────────────────────────────────

    def fallbezogen(self, x: Lage, plaetze: np.ndarray | None = None) -> np.ndarray:
        """Case-based part of each year in whole cents: every line places × days × plan rate, rounded half up, then summed.
        `plaetze` stand in for those of the state."""
        s = self.saetze(x)
        linien = np.add.reduceat(((x.plaetze if plaetze is None else plaetze) * s.plan * self.gilt).ravel(), s.zeilenanfang)
        linien = np.sign(linien) * ((2 * abs(linien) + MIO) // (2 * MIO))
        cent = np.zeros(len(self.jahre), np.int64)
        np.add.at(cent, self.monat[s.zeilenanfang % self.z.tage] // 12, linien)
        return cent

    def budget(self, x: Lage) -> np.ndarray:
        """Case-based part and lump sums of each year, whole cents (adjustments by statute are the same in every scenario)."""
        return self.fallbezogen(x) + [in_cent(x.pauschal(j)) for j in self.jahre]

    @cached_property
    def soll(self) -> np.ndarray | None:
        """Case-based part of the agreed budget of each year, whole cents."""
        return None if self.vereinbart is None else self.fallbezogen(self.anfang, self.vereinbart)

    def ist(self, x: Lage) -> np.ndarray:
        """The volume at actual full rates, each year in cents (rounded down)."""
        return self.jahressumme(self.monatssumme(x.plaetze * self.saetze(x).ist).sum(axis=1)) // MIO

    def klassisch(self, x: Lage) -> np.ndarray:
        """Classical billing per month, exact, in millionths of a cent: full rate, at absence the reduced one."""
        s, n = self.saetze(x), self._vermindert(x)
        return np.asarray(self.monatssumme((x.plaetze - n) * s.ist + n * s.vermindert).sum(axis=1))

    def _vermindert(self, x: Lage) -> np.ndarray:
        """Places at the reduced rate, millionths; new groups have none."""
        vermindert, alle = self.vermindert_anteil
        n = len(self.gruppen)
        return np.concatenate([x.plaetze[:n] * vermindert // alle, np.zeros_like(x.plaetze[n:])])

    def vk_noetig(self, x: Lage) -> np.ndarray:
        """VK needed per month: Σ places ÷ persons per VK, (n_months,); NaN where occupied places have no key."""
        return self.plaetze_im_monat(np.where(x.plaetze > 0, x.plaetze / x.je_vk, 0).sum(axis=0)[None])[:, 0]


def _mit_neuem_entgelt(e: pd.DataFrame, w: Aenderung) -> pd.DataFrame:
    """The table of rates with a change made: rows valid from `ab` on are repeated from that day with the new amounts."""
    ab = pd.Timestamp(w["ab"])
    if w.art == "angebot":
        neu = {s: [w[s]] for s in (*BESTANDTEILE[1:], "angebot_id", "hbg")} | {"gueltig_ab": [ab]}
        return pd.concat([e, pd.DataFrame(neu).reindex(columns=e.columns).astype(e.dtypes)], ignore_index=True)
    betroffen = e["gueltig_bis"].isna() | (e["gueltig_bis"] >= ab)
    for feld in ("angebot_id", "hbg"):
        if w[feld]:
            betroffen &= e[feld] == w[feld]
    danach = e[betroffen].copy()
    for s in BESTANDTEILE[1:] if w["bestandteil"] == "gesamt" else (w["bestandteil"],):
        danach[s] = danach[s].map(lambda x: runde_cent(x * (100 + w["prozent"]) / 100))
    danach["gueltig_ab"] = danach["gueltig_ab"].where(danach["gueltig_ab"] > ab, ab)
    return pd.concat([e[~betroffen | (e["gueltig_ab"] < ab)], danach], ignore_index=True)
