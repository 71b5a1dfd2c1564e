"""What follows from a scenario: the years and months with their bands, each against the agreed budget, and what every change does.

Exact figures come from `scenario_money`, bands from the draws of `scenario_chance`; words, charts and tables are in `reporting.szenario`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import inf
from typing import Any

import numpy as np

from traeger_lib.analysis.budget import Rate, anpassungen, raten
from traeger_lib.analysis.chance import STUFEN_PROZENT
from traeger_lib.analysis.money import aus_cent, gleiche_teile, runde_cent
from traeger_lib.analysis.outlook import TENDENZ_UNTER
from traeger_lib.analysis.scenario import ARTEN, GESAMT, MIO, Aenderung, Lage, Szenario
from traeger_lib.analysis.scenario_chance import Simulation, angebote, simuliere, wer_zu_wem
from traeger_lib.analysis.scenario_money import Rechnung
from traeger_lib.analysis.scenario_places import gleiches_angebot

QUANTILE = (0.1, 0.5, 0.9)
SICHERHEITEN = (80, 90, 95)


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
    """A year against the agreed budget, or against the last one (`budgetjahr`) carried on; fallbezogen is its case-based part. puffer =
    fallbezogen − classical billing; abweichung_prozent = (ist − fallbezogen) ÷ fallbezogen, where ist = the volume at actual full rates;
    abstand = distance of that to the corridor's ends (negative: crossed); ausserhalb: share of draws outside the corridor;
    `korridorbreite`: ± per cent that so many of 100 draws keep."""

    budgetjahr: int
    vereinbart_eur: Decimal
    fallbezogen_eur: Decimal
    ist_eur: Decimal
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
    """One month; places by offer and in total (GESAMT), `ohne` without changes, `vereinbart` as agreed; rate_eur: instalment of a budget
    on this volume; puffer_eur = Σ rate_vereinbart_eur (case-based part as agreed) − Σ klassisch_eur, both since January."""

    monat: str
    plaetze: Mapping[str, Band]
    ohne: Mapping[str, float]
    vereinbart: float | None
    klassisch_eur: Band
    rate_eur: Decimal
    rate_vereinbart_eur: Decimal | None
    puffer_eur: Band | None


@dataclass(frozen=True, slots=True)
class Ergebnis:
    """What follows from a scenario."""

    szenario: Szenario
    jahre: tuple[Jahresergebnis, ...]
    monate: tuple[Monatsergebnis, ...]
    hinweise: tuple[str, ...]


# ── how it is read off the exact path and the draws ──────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Pfad:
    """A state in figures, exact and drawn; there are two of them, with and without the changes."""

    x: Lage
    sim: Simulation
    plaetze: np.ndarray  # by granted group, (n_years, n_groups)
    vor_s: np.ndarray  # by the group before S
    vk: np.ndarray  # VK needed, NaN where a key is missing, (n_years,)
    fall: np.ndarray  # case-based part, cents (n_years,)
    klassisch: np.ndarray  # classical billing since January, millionths of a cent (n_years, 12)
    klassisch_gezogen: np.ndarray  # the same in Euro for every draw, (n_years, 12, draws)


def _pfad(r: Rechnung, x: Lage, s: Szenario) -> _Pfad:
    sim = simuliere(r, x, s.seed, s.ziehungen)
    plaetze, vor_s = (r.jahresmittel(r.plaetze_im_monat(y)) for y in (x.plaetze, x.ausgang))
    return _Pfad(x, sim, plaetze, vor_s, r.jahresmittel(r.vk_noetig(x)), r.fallbezogen(x), r.klassisch(x).reshape(-1, 12).cumsum(axis=1),
                 np.cumsum(sim.klassisch.reshape(-1, 12, s.ziehungen), axis=1, dtype=float))


@lru_cache(maxsize=2)
def _pfad_ohne(r: Rechnung, s: Szenario) -> _Pfad:
    """The path without changes, kept."""
    return _pfad(r, r.anfang, s)


def rechne(r: Rechnung, s: Szenario) -> Ergebnis:
    """Everything that follows from a scenario. Raises Fehlerliste where a change is impossible or a day lacks a rate."""
    x, ohne = r.lage(s.aenderungen), _pfad_ohne(r, replace(s, name="", aenderungen=()))
    mit = ohne if x is r.anfang else _pfad(r, x, s)
    beitraege = _beitraege(r, s.aenderungen)
    jahre = tuple(_jahr(r, n, mit, ohne, beitraege) for n in range(r.horizont))
    return Ergebnis(s, jahre, _monate(r, mit, jahre), _hinweise(r, x))


def _jahr(r: Rechnung, n: int, mit: _Pfad, ohne: _Pfad, beitraege: Mapping[int, np.ndarray]) -> Jahresergebnis:
    """Year number n."""
    jahr, x, sim, fall = r.jahre[n], mit.x, mit.sim, _eur(mit.fall[n])
    pauschal, liste = x.pauschal(jahr), anpassungen(r.a.bestand, jahr)
    anpassung = sum((b for _, _, b in liste), Decimal("0.00"))
    mehr_pauschal = pauschal - ohne.x.pauschal(jahr)
    differenz = _eur(mit.fall[n] - ohne.fall[n]) + mehr_pauschal
    je_aenderung = tuple(Beitrag(nr, *(_eur(c) for c in cent[:, n])) for nr, cent in beitraege.items())
    im_angebot, im_angebot_vor_s = (y[n] @ gleiches_angebot(x.gruppen) for y in (mit.plaetze, mit.vor_s))
    gruppen = tuple(Gruppenanteil(*k, _band(float(p), sim.gruppen[n, i]), _anteil(p, im_angebot[i]), _anteil(v, im_angebot_vor_s[i]))
                    for i, (k, p, v) in enumerate(zip(x.gruppen, mit.plaetze[n], mit.vor_s[n], strict=True)) if p or v)
    return Jahresergebnis(
        jahr=jahr, plaetze=_band(float(mit.plaetze[n].sum()), sim.gruppen[n].sum(axis=0)), gruppen=gruppen,
        budget_eur=_band(fall + pauschal + anpassung, sim.plan[n] + float(pauschal + anpassung)),
        fallbezogen_eur=fall, pauschal_eur=pauschal, anpassungen_eur=anpassung,
        raten=raten(fall, pauschal, liste, [r.monatsnamen[m] for m in r.monate_im_budget(n)]),
        klassisch_eur=_band(_mio_cent(mit.klassisch[n, -1]), mit.klassisch_gezogen[n, -1]),
        s_effekt_eur=_eur(mit.fall[n] - r.fallbezogen(x, x.ausgang)[n]),
        vk_noetig=None if np.isnan(mit.vk[n]) else _band(float(mit.vk[n]), sim.vk[n]),
        vk_noetig_ohne=None if np.isnan(ohne.vk[n]) else float(ohne.vk[n]),
        vk_vorhanden=None if x.vk is None else float(r.jahresmittel(r.plaetze_im_monat(x.vk[None]))[n, 0]),
        korridor=x.korridor, gegen=_gegen(r, n, mit, ohne),
        differenz_eur=_band(differenz, sim.plan[n] - ohne.sim.plan[n] + float(mehr_pauschal)),
        beitraege=je_aenderung, zusammenwirken_eur=differenz - sum((b.betrag_eur for b in je_aenderung), Decimal(0)))


def _gegen(r: Rechnung, n: int, mit: _Pfad, ohne: _Pfad) -> GegenVereinbart | None:
    """Year number n against its agreed budget."""
    if r.soll is None or not r.soll[n]:
        return None
    soll, ist, jahr = _eur(r.soll[n]), _eur(r.ist(mit.x)[n]), r.jahre[n]
    fest = (*r.version[jahr].pauschalen, *(x[1:] for x in anpassungen(r.a.bestand, jahr)))
    wert = float((Fraction(ist) / Fraction(soll) - 1) * 100)
    abw, abw_ohne = ((y.sim.ist[n] / float(soll) - 1) * 100 for y in (mit, ohne))
    (unten, oben), bisher = (tuple(inf if k is None else abs(float(k)) for k in y.x.korridor) for y in (mit, ohne))
    return GegenVereinbart(
        r.version[jahr].budgetjahr, vereinbart_eur=soll + sum((b for _, b in fest), Decimal(0)), fallbezogen_eur=soll, ist_eur=ist,
        puffer_eur=_band(soll - _mio_cent(mit.klassisch[n, -1]), float(soll) - mit.klassisch_gezogen[n, -1]),
        abweichung_prozent=_band(wert, abw), abstand_unten=None if unten == inf else _band(wert + unten, abw + unten),
        abstand_oben=None if oben == inf else _band(oben - wert, oben - abw), ausserhalb=_ausserhalb(abw, unten, oben),
        ausserhalb_ohne=_ausserhalb(abw_ohne, *((unten, oben) if bisher == (inf, inf) else bisher)),
        stufen=tuple(Ueberschreitung(k, runde_cent(soll * Decimal(str(k)) / 100), *(float((abs(y) >= k).mean()) for y in (abw, abw_ohne)))
                     for k in STUFEN_PROZENT), korridorbreite={k: float(np.quantile(abs(abw), k / 100)) for k in SICHERHEITEN})


def _beitraege(r: Rechnung, aenderungen: Sequence[Aenderung]) -> dict[int, np.ndarray]:
    """What each change that is on does, by its number: alone, all with it smaller, all with it larger, each against no changes, in cents,
    (3, n_years)."""
    ohne, ergebnis = r.budget(r.anfang), {}
    for i, w in enumerate(aenderungen):
        if w.an:
            groesse = w[ARTEN[w.art].haupt]
            weite = w["spanne_prozent"] if w.art == "entgelt" and w["spanne_prozent"] else abs(groesse) / 10
            anders = (w.mit(**{ARTEN[w.art].haupt: y}) for y in (groesse - weite, groesse + weite))
            listen = ([w], *([*aenderungen[:i], y, *aenderungen[i + 1:]] for y in anders))
            ergebnis[i + 1] = np.array([r.budget(r.wirkung(liste)[0]) - ohne for liste in listen])
    return ergebnis


def _monate(r: Rechnung, mit: _Pfad, jahre: Sequence[Jahresergebnis]) -> tuple[Monatsergebnis, ...]:
    namen, wem = [GESAMT, *angebote(mit.x)], wer_zu_wem(mit.x)
    plaetze, ohne = (r.plaetze_im_monat(y) @ wem[:, :len(y)].T for y in (mit.x.plaetze, r.anfang.plaetze))
    plan = None if r.vereinbart is None else r.plaetze_im_monat(r.vereinbart).sum(axis=1)
    zuege, zuege_eur = _quantile(mit.sim.angebote).tolist(), _quantile(mit.sim.klassisch).tolist()
    ergebnis = []
    for n, j in enumerate(jahre):
        monate, gezahlt, puffer = r.monate_im_budget(n), Decimal(0), None
        teile = gleiche_teile(_eur(r.soll[n]), len(monate)) if r.soll is not None and monate else [None] * len(monate)
        im_monat = np.diff(mit.klassisch[n], prepend=0)
        for m, rate, teil in zip(monate, j.raten, teile, strict=True):
            if teil is not None:
                gezahlt += teil
                puffer = _band(gezahlt - _mio_cent(mit.klassisch[n, m % 12]), float(gezahlt) - mit.klassisch_gezogen[n, m % 12])
            ergebnis.append(Monatsergebnis(
                r.monatsnamen[m], {a: Band(float(plaetze[m, k]), *zuege[m][k]) for k, a in enumerate(namen)},
                {a: float(ohne[m, k]) for k, a in enumerate(namen)}, None if plan is None else float(plan[m]),
                Band(_mio_cent(im_monat[m % 12]), *zuege_eur[m]), rate.betrag_eur, teil, puffer))
    return tuple(ergebnis)


def _hinweise(r: Rechnung, x: Lage) -> tuple[str, ...]:
    a, texte = r.a, []
    if a.bestand.datenstand < a.quartal.zeitraum.bis:
        texte.append(f"Vorläufig: Datenstand {a.bestand.datenstand:%d.%m.%Y}.")
    if not r.version:
        texte.append("Ein Budget ist nicht beschlossen: Puffer und Abweichung lassen sich nicht angeben.")
    elif ohne := [str(j) for j in r.jahre if j not in a.versionen]:
        texte.append(f"Für {', '.join(ohne)} ist noch kein Budget beschlossen; das letzte beschlossene ist fortgeschrieben.")
    texte.append("Wo noch kein Entgelt beschlossen ist, gilt das letzte weiter.")
    if r.basis in ("prognose", "fortschreibung") and len(a.monate) < TENDENZ_UNTER:
        texte.append(f"Erst {len(a.monate)} Monate Daten: Die Aussage ist eine Tendenz.")
    if np.isnan(r.vk_noetig(x)).any():
        texte.append("Nicht für alle belegten Gruppen gibt es einen Betreuungsschlüssel; das nötige Personal bleibt offen.")
    return tuple(texte)


def _eur(cent: Any) -> Decimal:
    return aus_cent(int(cent))


def _mio_cent(millionstel: Any) -> Decimal:
    """Euro from millionths of a cent."""
    return aus_cent(Fraction(int(millionstel), MIO))


def _anteil(a: float, b: float) -> float | None:
    return float(a / b) if b else None


def _quantile(zuege: np.ndarray) -> np.ndarray:
    """What 10, 50 and 90 % of the draws stay below, (…, draws) → (…, 3): `np.quantile`, but sorting is several times faster."""
    sortiert, stelle = np.sort(zuege, axis=-1), np.array(QUANTILE) * (zuege.shape[-1] - 1)
    unten = sortiert[..., stelle.astype(int)]
    return np.asarray(unten + (sortiert[..., np.ceil(stelle).astype(int)] - unten) * (stelle % 1))


def _band(wert: Any, zuege: np.ndarray) -> Band:
    return Band(wert, *_quantile(zuege).tolist())


def _ausserhalb(abweichung: np.ndarray, unten: float, oben: float) -> float | None:
    """Share of draws below −unten or above +oben per cent; None where no end is agreed (both infinite)."""
    return None if unten == oben == inf else float(((abweichung < -unten) | (abweichung > oben)).mean())
