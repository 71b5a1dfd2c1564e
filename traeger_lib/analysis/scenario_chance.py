"""How far chance, the error of the forecast and a given range of the rates move a scenario: seeded draws around the exact path.

Per offer the places spread as in `chance` (or by the forecast's interval), per need group by exits and changes of group. Not here:
the exact path (`scenario_places`, `scenario_money`), what is read off the draws (`scenario_result`).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from functools import lru_cache
from math import exp, sqrt

import numpy as np

from traeger_lib.analysis.chance import AUSLASTUNG_MAX, jahre_seit_mitte
from traeger_lib.analysis.outlook import Z80
from traeger_lib.analysis.rates import KEIN
from traeger_lib.analysis.scenario import GESAMT, Lage
from traeger_lib.analysis.scenario_money import Rechnung
from traeger_lib.analysis.scenario_places import TAGE_JE_JAHR, gleiches_angebot

Zufall = tuple[str, float]  # an independent source of chance: its name, the rate a year at which it forgets


@dataclass(frozen=True)
class Simulation:
    """Draws of places per month, in total and by offer (n_months, 1 + n_offers, draws), and in the year's mean by group (n_years,
    n_groups, draws); of Euro at plan rates and at actual full rates and of VK needed (NaN without a key) (n_years, draws); of classical
    billing (n_months, draws)."""

    angebote: np.ndarray
    gruppen: np.ndarray
    plan: np.ndarray
    ist: np.ndarray
    vk: np.ndarray
    klassisch: np.ndarray


def simuliere(r: Rechnung, x: Lage, seed: int, ziehungen: int) -> Simulation:
    """Draws of places and Euro around a state; the same seed moves the same offers and groups the same way in every scenario.

    places = mean + share in the offer × the offer's spread × its chance + √mean × own chance − share × Σ √mean × own chance over the
    offer's groups, never below 0: an offer's chance falls on its groups by their shares, a group's own comes from the other groups.
    """
    mittel, im_angebot = r.plaetze_im_monat(x.plaetze), gleiches_angebot(x.gruppen)
    wem = wer_zu_wem(x)[1:]
    anteil = mittel / np.maximum(mittel @ im_angebot, 1e-12)
    wurzel = np.sqrt(np.maximum(mittel, 0))[:, None, :]
    wirkung = np.concatenate([wem.T * (anteil * _streuung(r, x, mittel))[:, :, None],
                              wurzel * (np.eye(len(x.gruppen)) - im_angebot * anteil[:, :, None])], axis=2).astype(np.float32)
    zufall = _ziehungen(seed, ziehungen, len(mittel), _beginn(r), _quellen(r, x), len(wem))
    gewicht, summen = _gewichte(r, x).astype(np.float32), wer_zu_wem(x).astype(np.float32)
    mittel_je_monat = mittel[:, :, None].astype(np.float32)
    angebote, euro = (np.empty((len(mittel), n, ziehungen), np.float32) for n in (len(summen), gewicht.shape[1]))
    gruppen = np.zeros((len(r.jahre), len(x.gruppen), ziehungen))
    for m in range(len(mittel)):  # month by month: what is in work stays in the processor's cache
        plaetze = wirkung[m] @ zufall[m]
        plaetze += mittel_je_monat[m]
        np.maximum(plaetze, 0, out=plaetze)
        np.matmul(summen, plaetze, out=angebote[m])
        np.matmul(gewicht[m], plaetze, out=euro[m])
        gruppen[m // 12] += plaetze * r.monatsgewicht[m // 12, m % 12]
    for i, n in enumerate(_mit_spanne(x)):
        euro[:, :3] += (euro[:, 4 + i] * np.random.default_rng([seed, zlib.crc32(b"entgelt"), n]).uniform(-1, 1, ziehungen))[:, None]
    return Simulation(angebote, gruppen, r.jahressumme(euro[:, 0]), r.jahressumme(euro[:, 1]), r.jahresmittel(euro[:, 3]), euro[:, 2])


def angebote(x: Lage) -> list[str]:
    """The offers of a state, in the order of its groups."""
    return list(dict.fromkeys(a for a, _ in x.gruppen))


def wer_zu_wem(x: Lage) -> np.ndarray:
    """Which groups make the total (first row) and each offer, (1 + n_offers, n_groups) 0/1."""
    return np.array([[n in (GESAMT, a) for a, _ in x.gruppen] for n in (GESAMT, *angebote(x))], float)


def _mit_spanne(x: Lage) -> list[int]:
    """The changes of the rates that have a range."""
    return [i for i, w in enumerate(x.entgelt) if w.art == "entgelt" and w["spanne_prozent"]]


def _gewichte(r: Rechnung, x: Lage) -> np.ndarray:
    """What a place of a group is worth in a month, (n_months, figures, n_groups): Euro at plan rates, at actual full rates, as classically
    billed, VK needed, and for each range of a rate the Euro at its upper end more."""
    s = r.saetze(x)
    vermindert = np.zeros(s.ist.shape)
    vermindert[:len(r.gruppen)] = r.vermindert_anteil[0] / r.vermindert_anteil[1]
    klassisch = s.ist - vermindert * (s.ist - np.where(s.vermindert == KEIN, s.ist, s.vermindert))
    vk = np.where(np.isnan(x.je_vk) & (x.plaetze == 0), 0, 1 / x.je_vk)
    gewichte = [*(r.monatssumme(y) / 100 for y in (s.plan, s.ist, klassisch)), r.monatsmittel(vk)]
    for i in _mit_spanne(x):
        w = x.entgelt[i]
        oben = replace(x, entgelt=(*x.entgelt[:i], w.mit(prozent=w["prozent"] + w["spanne_prozent"]), *x.entgelt[i + 1:]))
        gewichte.append(r.monatssumme(r.saetze(oben).ist - s.ist) / 100)
    return np.stack(gewichte, axis=1)


# ── how far, and how long it is remembered ───────────────────────────────────────────────────────────────────────


def _beginn(r: Rechnung) -> float:
    """Years from the figures a basis rests on to the horizon's first day."""
    if r.basis == "basisjahr":
        return jahre_seit_mitte(r.a.version.basisjahr if r.a.version else None, r.z.von)
    return jahre_seit_mitte(r.z.von.year - 1, r.z.von) if r.basis == "vorjahr" else -r.gesehen.tage / TAGE_JE_JAHR


def _frei(r: Rechnung, angebot: str) -> float:
    """Share of an offer's fixed places that was free in the quarter, 1 where places are not fixed."""
    fest = r.a.grenzen.get(angebot)
    return 1 - min(r.anteil_eigene(angebot)[1] / r.a.quartal.zeitraum.tage / fest, AUSLASTUNG_MAX) if fest else 1.0


def _streuung(r: Rechnung, x: Lage, mittel: np.ndarray) -> np.ndarray:
    """Standard deviation of the places of each group's offer per month, (n_months, n_groups): √(n(1 − p)(1 − e^(−2λt))) as in
    `chance`; on the basis „prognose“ from the forecast's 80 % interval."""
    im_angebot, zeit = mittel @ gleiches_angebot(x.gruppen), np.maximum(_beginn(r) + (np.arange(len(mittel)) + 0.5) / 12, 0)
    sd = np.zeros_like(mittel)
    for i, (a, _) in enumerate(x.gruppen):
        if r.basis == "prognose" and a in r.a.im_budget:
            punkte = r.prognose.get((a, ""), {})
            halb = [(punkte[m].oben80 - punkte[m].unten80) / 2 if m in punkte else 0.0 for m in r.monatsnamen]
            sd[:, i] = np.where(zeit > 0, halb, 0.0) / Z80
        else:
            frei = _frei(r, a)
            sd[:, i] = np.sqrt(np.maximum(im_angebot[:, i] * frei, 0) * (1 - np.exp(-2 * r.abgangsraten[a] / frei * zeit)))
    return sd


def _quellen(r: Rechnung, x: Lage) -> tuple[Zufall, ...]:
    """The sources of chance: first the offers, then the groups, which also forget by changes to other groups."""
    wechsel = dict(zip(r.gruppen, r.wechselraten.sum(axis=1).tolist(), strict=True))
    return (*((a, r.abgangsraten[a] / _frei(r, a)) for a in angebote(x)),
            *((f"{a} {h}", r.abgangsraten[a] + wechsel.get((a, h), 0.0)) for a, h in x.gruppen))


@lru_cache(maxsize=3)
def _ziehungen(seed: int, n: int, monate: int, beginn: float, quellen: tuple[Zufall, ...], angebote: int) -> np.ndarray:
    """Standardised chance per month, source and draw, float32 (n_months, n_sources, n), `beginn` years after its start.

    Each source forgets at its own rate λ, z(t + 1 month) = φ z + √(1 − φ²) ε with φ = e^(−λ/12), from nothing at its start, so that
    its variance is 1 − e^(−2λt) as in `chance`. The offers' (the first ones) are scaled to variance 1: `_streuung` says how far
    they go. A source's numbers depend on seed and name only, whatever other sources there are.
    """
    z = np.zeros((monate, len(quellen), n), np.float32)
    for k, (name, rate) in enumerate(quellen):
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
