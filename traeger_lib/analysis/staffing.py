"""Personnel against volume: present, pro-rated to the funder's own cases, needed by the staffing key (DOMAIN.md §3.6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd

from traeger_lib.analysis.money import runde_cent
from traeger_lib.analysis.periods import Zeitraum, tag
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
    n, paid = vol.voll.shape[1], vol.entgelttage
    null = np.zeros(n, np.int64)
    eigen, alle, euro_eigen, euro_alle, ohne_entgelt = null, null, null, null, null.astype(bool)
    je_gruppe: dict[str, np.ndarray] = {}
    for g in np.flatnonzero(vol.wo(angebot_id=angebot_id)):
        gruppe = vol.gruppen[g]
        tage, satz = paid[g], entgelte.ist(angebot_id, gruppe.hbg).voll[:n]
        ohne_entgelt = ohne_entgelt | ((satz == KEIN) & (tage > 0))
        alle, euro_alle = alle + tage, euro_alle + tage * satz
        if gruppe.eigen:
            eigen, euro_eigen = eigen + tage, euro_eigen + tage * satz
            je_gruppe[gruppe.hbg] = je_gruppe.get(gruppe.hbg, null) + tage
    s = bestand["schluessel"]
    keys = list(zeilen(s[s["angebot_id"] == angebot_id].sort_values("gueltig_ab")))
    bedarf, ohne = [], null
    for hbg, tage in je_gruppe.items():
        rest = tage
        for k in reversed([k for k in keys if k.hbg == hbg]):
            ab = max(tag(k.gueltig_ab.date()) - tag(vol.beginn), 0)
            bedarf.append((np.where(np.arange(n) >= ab, rest, 0), Fraction(k.personen_je_vk)))
            rest = np.where(np.arange(n) >= ab, 0, rest)
        ohne = ohne + rest
    p = bestand["personal"]
    vk: dict[date, list[Decimal]] = {}
    kosten: dict[date, tuple[Decimal, Decimal]] = {}
    for r in zeilen(p[p["angebot_id"] == angebot_id]):
        monat = vk.setdefault(r.monat.date(), [Decimal(0)] * 3)
        geltend = [k for k in keys if k.gueltig_ab <= r.monat]
        leitung = bool(geltend) and not pd.isna(geltend[-1].leitung_enthalten) and bool(geltend[-1].leitung_enthalten)
        if r.qualifikation != "leitung" or leitung:
            monat[("fachkraft", "nicht_fachkraft", "leitung").index(r.qualifikation)] += r.vk
            if r.kosten_eur is not None:
                bisher = kosten.get(r.monat.date(), (Decimal(0), Decimal(0)))
                kosten[r.monat.date()] = (bisher[0] + r.kosten_eur, bisher[1] + r.vk)
    return Grundlage(angebot_id, vk, kosten, eigen, alle, euro_eigen, euro_alle, ohne_entgelt, bedarf, ohne)


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
    monate = z.monate()
    gegeben = [g.vk[m.von.replace(day=1)] for m in monate if m.von.replace(day=1) in g.vk]
    vk = Fraction(sum((w for m in gegeben for w in m), Decimal(0))) / len(gegeben) if gegeben else None
    fach, nicht = (Fraction(sum((m[i] for m in gegeben), Decimal(0))) for i in (0, 1))
    anteil = eigener_anteil([g], s, personen)
    soll = None if g.ohne_schluessel[s].any() else sum((int(t[s].sum()) / k for t, k in g.bedarf), Fraction(0)) / z.tage
    anteilig = NachMassstab(*(None if vk is None or (a := getattr(anteil, m)) is None else vk * a for m in MASSSTAEBE))
    bezahlt = [g.kosten[m.von.replace(day=1)] for m in monate if m.von.replace(day=1) in g.kosten]
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
    monatlich = [[g.vk[m.von.replace(day=1)] for m in z.monate() if m.von.replace(day=1) in g.vk] for _, g in aktiv]
    fach, nicht = (sum((Fraction(sum((m[i] for m in ms), Decimal(0))) / len(ms) for ms in monatlich if ms), Fraction(0)) for i in (0, 1))
    quote = None if vk is None else _durch(fach, fach + nicht)
    plaetze = Fraction(sum(int(g.eigen[s].sum()) for g in grundlagen), z.tage)
    gesamt = _verhaeltnisse(None, vk, soll, quote, eigener_anteil(grundlagen, s, personen), anteilig, plaetze, None,
                            min((t.monate_mit_angaben for t, _ in aktiv), default=0), len(z.monate()))
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
