"""Personnel against volume: present, pro-rated to the funder's own cases, needed by the staffing key (rule 3.6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd

from traeger_lib.analysis.money import runde_cent
from traeger_lib.analysis.periods import Zeitraum, datum, tag, tage
from traeger_lib.analysis.rates import KEIN, Entgelte
from traeger_lib.analysis.volume import Volumen
from traeger_lib.inputs.schema import Bestand, zeilen

Zahl = Fraction | None
MASSSTAEBE = ("tage", "personen", "euro")


@dataclass(frozen=True, slots=True)
class NachMassstab:
    """One figure by the three measures of the own share: by paid days, by persons, by Euro at the full rate."""

    tage: Zahl
    personen: Zahl
    euro: Zahl


@dataclass(frozen=True, slots=True)
class Personal:
    """Staffing of an offer (or of all offers, `angebot_id` None) in a period.

    vk: mean VK of the months given · vk_soll = own average places ÷ persons per VK · fachkraftquote = VK Fachkräfte ÷ VK
    Fachkräfte and Nicht-Fachkräfte · vk_anteilig = vk × eigener_anteil · erfuellung = vk_anteilig ÷ vk_soll ·
    personen_je_vk = own places ÷ vk_anteilig · vk_je_100_plaetze = 100 × vk_anteilig ÷ own places ·
    unbesetzt_eur = (vk_soll − vk_anteilig by the leading measure) × months × mean cost of a VK and month, where costs are given;
    ueberbesetzt_eur the same for a surplus. Of all offers each is a sum, so that one does not hide the other.
    """

    angebot_id: str | None
    vk: Zahl
    vk_soll: Zahl
    fachkraftquote: Zahl
    eigener_anteil: NachMassstab
    vk_anteilig: NachMassstab
    erfuellung: NachMassstab
    personen_je_vk: NachMassstab
    vk_je_100_plaetze: NachMassstab
    unbesetzt_eur: Decimal | None
    ueberbesetzt_eur: Decimal | None
    monate_mit_angaben: int
    monate: int


@dataclass(frozen=True)
class Grundlage:
    """What one offer's staffing rests on, day by day; arrays (n_days,) from the volume's first day.

    `vk` per month: Fachkräfte, Nicht-Fachkräfte, and Leitung where the key of the month's first day includes it.
    `bedarf`: own paid days with the persons per VK that hold for them; `ohne_schluessel`: own paid days without a key.
    """

    angebot_id: str
    vk: Mapping[date, Sequence[Decimal]]
    kosten: Mapping[date, tuple[Decimal, Decimal]]  # month → € and the VK they were paid for
    eigen: np.ndarray
    alle: np.ndarray
    euro_eigen: np.ndarray
    euro_alle: np.ndarray
    ohne_entgelt: np.ndarray
    bedarf: Sequence[tuple[np.ndarray, Fraction]]
    ohne_schluessel: np.ndarray


def grundlage(bestand: Bestand, vol: Volumen, entgelte: Entgelte, angebot_id: str) -> Grundlage:
    """Collect the days, rates, keys and staff of one offer."""
    n, wo = vol.voll.shape[1], vol.wo(angebot_id=angebot_id)
    paid, eigen, hbg = vol.entgelttage[wo], vol.spalte("eigen")[wo].astype(bool), vol.spalte("hbg")[wo]
    saetze = np.stack([entgelte.ist(angebot_id, h).voll[:n] for h in hbg]) if len(hbg) else np.zeros_like(paid)
    euro, ohne_entgelt = paid * saetze, ((saetze == KEIN) & (paid > 0)).any(axis=0)
    s = bestand["schluessel"]
    keys = sorted(zeilen(s[s["angebot_id"] == angebot_id]), key=lambda k: k.gueltig_ab)
    bedarf, ohne = [], np.zeros(n, np.int64)
    for h in dict.fromkeys(hbg[eigen]):
        rest = paid[eigen & (hbg == h)].sum(axis=0)
        for k in reversed([k for k in keys if k.hbg == h]):
            ab = max(tag(k.gueltig_ab.date()) - tag(vol.beginn), 0)
            bedarf.append((np.r_[np.zeros_like(rest[:ab]), rest[ab:]], Fraction(k.personen_je_vk)))
            rest = np.r_[rest[:ab], np.zeros_like(rest[ab:])]
        ohne = ohne + rest
    p = bestand["personal"]
    p = p[p["angebot_id"] == angebot_id]
    vk: dict[date, list[Decimal]] = {}
    kosten: dict[date, tuple[Decimal, Decimal]] = {}
    leitung_ab = [(tag(k.gueltig_ab.date()), not pd.isna(k.leitung_enthalten) and bool(k.leitung_enthalten)) for k in keys]
    for t, qualifikation, menge, eur in zip(tage(p["monat"]).tolist(), *(p[s].tolist() for s in ("qualifikation", "vk", "kosten_eur")),
                                          strict=True):
        monat = vk.setdefault(datum(t), [Decimal(0)] * 3)
        if qualifikation != "leitung" or next((x for ab, x in reversed(leitung_ab) if ab <= t), False):
            monat[("fachkraft", "nicht_fachkraft", "leitung").index(qualifikation)] += menge
            if eur is not None:
                bisher = kosten.get(datum(t), (Decimal(0), Decimal(0)))
                kosten[datum(t)] = (bisher[0] + eur, bisher[1] + menge)
    return Grundlage(angebot_id, vk, kosten, paid[eigen].sum(axis=0), paid.sum(axis=0), euro[eigen].sum(axis=0), euro.sum(axis=0),
                     ohne_entgelt, bedarf, ohne)


def eigener_anteil(grundlagen: Iterable[Grundlage], s: slice, personen: tuple[Zahl, Zahl]) -> NachMassstab:
    """Own share by Entgelttage, by persons (own, all: counted by the caller) and by Euro at the full rate."""
    eigen = alle = euro_eigen = euro_alle = 0
    fehlt = False
    for g in grundlagen:
        eigen, alle = eigen + int(g.eigen[s].sum()), alle + int(g.alle[s].sum())
        euro_eigen, euro_alle = euro_eigen + int(g.euro_eigen[s].sum()), euro_alle + int(g.euro_alle[s].sum())
        fehlt |= bool(g.ohne_entgelt[s].any())
    return NachMassstab(Fraction(eigen, alle) if alle else None, _durch(*personen),
                        Fraction(euro_eigen, euro_alle) if euro_alle and not fehlt else None)


def personal_angebot(g: Grundlage, z: Zeitraum, s: slice, personen: tuple[Zahl, Zahl], massstab: str = "tage") -> Personal:
    """Staffing of one offer in a period; `s` are the days of `z`, `massstab` leads the Euro of vacancies."""
    monate = [m.von.replace(day=1) for m in z.monate()]
    gegeben = [g.vk[m] for m in monate if m in g.vk]
    vk = Fraction(sum((w for m in gegeben for w in m), Decimal(0))) / len(gegeben) if gegeben else None
    fach, nicht = (Fraction(sum((m[i] for m in gegeben), Decimal(0))) for i in (0, 1))
    anteil = eigener_anteil([g], s, personen)
    soll = None if g.ohne_schluessel[s].any() else sum((int(t[s].sum()) / k for t, k in g.bedarf), Fraction(0)) / z.tage
    anteilig = NachMassstab(*(None if vk is None or (a := getattr(anteil, m)) is None else vk * a for m in MASSSTAEBE))
    bezahlt = [g.kosten[m] for m in monate if m in g.kosten]
    je_vk = _durch(*(Fraction(sum((x[i] for x in bezahlt), Decimal(0))) for i in (0, 1)))
    da = getattr(anteilig, massstab)
    luecke = None if soll is None or da is None or je_vk is None else runde_cent((soll - da) * len(monate) * je_vk)
    return _verhaeltnisse(g.angebot_id, vk, soll, _durch(fach, fach + nicht), anteil, anteilig,
                          Fraction(int(g.eigen[s].sum()), z.tage), luecke, len(gegeben), len(monate))


def personal_gesamt(teile: Sequence[Personal], grundlagen: Sequence[Grundlage], z: Zeitraum, s: slice,
                    personen: tuple[Zahl, Zahl]) -> Personal:
    """All offers of a provider: sums over the offers, ratios from the sums. An offer with neither days nor staff in the
    period contributes nothing; any other offer without a figure leaves the sum open (None)."""
    aktiv = [(t, g) for t, g in zip(teile, grundlagen, strict=True) if t.vk is not None or g.alle[s].any()]
    vk = _summe([t.vk for t, _ in aktiv])
    soll = _summe([t.vk_soll for t, _ in aktiv]) if aktiv else Fraction(0)
    anteilig = NachMassstab(*(_summe([getattr(t.vk_anteilig, m) for t, _ in aktiv]) for m in MASSSTAEBE))
    monate = [m.von.replace(day=1) for m in z.monate()]
    monatlich = [[g.vk[m] for m in monate if m in g.vk] for _, g in aktiv]
    fach, nicht = (sum((Fraction(sum((m[i] for m in ms), Decimal(0))) / len(ms) for ms in monatlich if ms), Fraction(0)) for i in (0, 1))
    quote = None if vk is None else _durch(fach, fach + nicht)
    plaetze = Fraction(sum(int(g.eigen[s].sum()) for g in grundlagen), z.tage)
    gesamt = _verhaeltnisse(None, vk, soll, quote, eigener_anteil(grundlagen, s, personen), anteilig, plaetze, None,
                            min((t.monate_mit_angaben for t, _ in aktiv), default=0), len(monate))
    if any(t.unbesetzt_eur is None for t, _ in aktiv) or not aktiv:
        return gesamt
    fehlt, mehr = (sum((getattr(t, x) for t, _ in aktiv), Decimal("0.00")) for x in ("unbesetzt_eur", "ueberbesetzt_eur"))
    return replace(gesamt, unbesetzt_eur=fehlt, ueberbesetzt_eur=mehr)


def _verhaeltnisse(angebot_id: str | None, vk: Zahl, soll: Zahl, quote: Zahl, anteil: NachMassstab, anteilig: NachMassstab,
                   plaetze: Fraction, luecke: Decimal | None, monate_mit: int, monate: int) -> Personal:
    je = [getattr(anteilig, m) for m in MASSSTAEBE]
    return Personal(
        angebot_id, vk, soll, quote, anteil, anteilig, NachMassstab(*(_durch(a, soll) for a in je)),
        NachMassstab(*(_durch(plaetze, a) for a in je)), NachMassstab(*(_durch(None if a is None else 100 * a, plaetze) for a in je)),
        None if luecke is None else max(luecke, Decimal("0.00")), None if luecke is None else max(-luecke, Decimal("0.00")),
        monate_mit, monate)


def _durch(a: Zahl, b: Zahl) -> Zahl:
    """a ÷ b, None where either is missing or b is 0."""
    return None if a is None or b is None or not b else a / b


def _summe(werte: Sequence[Zahl]) -> Zahl:
    """Sum, open (None) where any part is open or there is none."""
    return None if not werte or any(w is None for w in werte) else sum((w for w in werte if w is not None), Fraction(0))
