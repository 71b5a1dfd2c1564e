"""Personnel against volume: present, pro-rated to the funder's own cases, needed by the staffing key (rule 3.6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from traeger_lib.analysis.money import runde_cent, summe_brueche, summe_produkte
from traeger_lib.analysis.periods import Zeitraum, datum, tag, tage
from traeger_lib.analysis.rates import KEIN, Entgelte
from traeger_lib.analysis.volume import Volumen, laufend, zwischen
from traeger_lib.inputs.schema import Bestand, zeilen

Zahl = Fraction | None
MASSSTAEBE = ("tage", "personen", "euro")
QUALIFIKATIONEN = {"fachkraft": 0, "nicht_fachkraft": 1, "leitung": 2}  # their order in `Grundlage.vk`


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


class Tage(NamedTuple):
    """Days of a period behind an offer's staffing: own and all paid days, their cents at the full rate, days with a case without rate,
    own paid days without a key, and own paid days per key (in the order of `Grundlage.vk_je_person`)."""

    eigen: int
    alle: int
    cent_eigen: int
    cent_alle: int
    ohne_entgelt: int
    ohne_schluessel: int
    je_schluessel: Sequence[int]


@dataclass(frozen=True)
class Grundlage:
    """What one offer's staffing rests on.

    `vk` per month: Fachkräfte, Nicht-Fachkräfte, and Leitung where the key of the month's first day includes it. `summen`: running
    sums, (rows, n_days + 1), of what `Tage` holds; `vk_je_person`: 1 ÷ persons per VK of every key that is used.
    """

    angebot_id: str
    vk: Mapping[date, Sequence[Decimal]]
    kosten: Mapping[date, tuple[Decimal, Decimal]]  # month → € and the VK they were paid for
    summen: np.ndarray
    vk_je_person: Sequence[Fraction]

    def tage(self, s: slice) -> Tage:
        """The days of a slice of the volume's columns."""
        eigen, alle, cent_eigen, cent_alle, ohne_entgelt, ohne_schluessel, *je = zwischen(self.summen, s).tolist()
        return Tage(eigen, alle, cent_eigen, cent_alle, ohne_entgelt, ohne_schluessel, je)


def grundlagen(bestand: Bestand, vol: Volumen, entgelte: Entgelte, angebote: Iterable[str]) -> list[Grundlage]:
    """Collect the days, rates, keys and staff of each offer."""
    keys: dict[str, list[Any]] = {}
    for k in sorted(zeilen(bestand["schluessel"]), key=lambda k: k.gueltig_ab):
        keys.setdefault(k.angebot_id, []).append(k)
    staff: dict[str, list[tuple[int, str, Decimal, Decimal | None]]] = {}
    p = bestand["personal"]
    for angebot_id, *zeile in zip(p["angebot_id"].tolist(), tage(p["monat"]).tolist(), *(
            p[s].tolist() for s in ("qualifikation", "vk", "kosten_eur")), strict=True):
        staff.setdefault(angebot_id, []).append((*zeile,))
    return [Grundlage(a, *_staff(staff.get(a, ()), keys.get(a, ())), *_tage(vol, entgelte, a, keys.get(a, ()))) for a in angebote]


def _staff(zeilen_: Iterable[tuple[int, str, Decimal, Decimal | None]], keys: Sequence[Any]) -> tuple[
        dict[date, list[Decimal]], dict[date, tuple[Decimal, Decimal]]]:
    """VK per month and qualification, and what they cost."""
    vk: dict[int, list[Decimal]] = {}
    kosten: dict[int, tuple[Decimal, Decimal]] = {}
    leitung_ab = [(tag(k.gueltig_ab.date()), not pd.isna(k.leitung_enthalten) and bool(k.leitung_enthalten)) for k in keys]
    for t, qualifikation, menge, eur in zeilen_:
        monat = vk.setdefault(t, [Decimal(0)] * 3)
        if qualifikation != "leitung" or next((x for ab, x in reversed(leitung_ab) if ab <= t), False):
            monat[QUALIFIKATIONEN[qualifikation]] += menge
            if eur is not None:
                bisher = kosten.get(t, (Decimal(0), Decimal(0)))
                kosten[t] = (bisher[0] + eur, bisher[1] + menge)
    return {datum(t): x for t, x in vk.items()}, {datum(t): x for t, x in kosten.items()}


def _tage(vol: Volumen, entgelte: Entgelte, angebot_id: str, keys: Sequence[Any]) -> tuple[np.ndarray, list[Fraction]]:
    """`summen` and `vk_je_person` of a Grundlage."""
    wo, n = vol.wo(angebot_id=angebot_id), vol.voll.shape[1]
    paid, eigen, hbg = vol.entgelttage[wo], vol.spalte("eigen")[wo].astype(bool), vol.spalte("hbg")[wo]
    saetze = np.stack([entgelte.ist(angebot_id, h).voll[:n] for h in hbg]) if len(hbg) else np.zeros_like(paid)
    cent, ohne_entgelt = paid * saetze, ((saetze == KEIN) & (paid > 0)).any(axis=0)
    bedarf, vk_je_person, ohne = [], [], np.zeros(n, np.int64)
    for h in dict.fromkeys(hbg[eigen]):
        rest = paid[eigen & (hbg == h)].sum(axis=0)
        for k in reversed([k for k in keys if k.hbg == h]):
            ab = max(tag(k.gueltig_ab.date()) - tag(vol.beginn), 0)
            bedarf.append(np.r_[np.zeros_like(rest[:ab]), rest[ab:]])
            vk_je_person.append(1 / Fraction(k.personen_je_vk))
            rest = np.r_[rest[:ab], np.zeros_like(rest[ab:])]
        ohne += rest
    return laufend(np.stack([paid[eigen].sum(axis=0), paid.sum(axis=0), cent[eigen].sum(axis=0), cent.sum(axis=0), ohne_entgelt, ohne,
                             *bedarf])), vk_je_person


def eigener_anteil(tage_: Sequence[Tage], personen: tuple[Zahl, Zahl]) -> NachMassstab:
    """Own share by Entgelttage, by persons (own, all: counted by the caller) and by Euro at the full rate."""
    eigen, alle, cent_eigen, cent_alle, fehlt = map(sum, zip([0] * 5, *(t[:5] for t in tage_), strict=True))
    return NachMassstab(Fraction(eigen, alle) if alle else None, _durch(*personen),
                        Fraction(cent_eigen, cent_alle) if cent_alle and not fehlt else None)


def personal_angebot(g: Grundlage, z: Zeitraum, s: slice, personen: tuple[Zahl, Zahl], massstab: str = "tage") -> Personal:
    """Staffing of one offer in a period; `s` are the days of `z`, `massstab` leads the Euro of vacancies."""
    monate = [m.von.replace(day=1) for m in z.monate()]
    gegeben = [g.vk[m] for m in monate if m in g.vk]
    vk = Fraction(sum((w for m in gegeben for w in m), Decimal(0))) / len(gegeben) if gegeben else None
    fach, nicht = (Fraction(sum((m[i] for m in gegeben), Decimal(0))) for i in (0, 1))
    t = g.tage(s)
    anteil = eigener_anteil([t], personen)
    soll = None if t.ohne_schluessel else summe_produkte(zip(t.je_schluessel, g.vk_je_person, strict=True)) / z.tage
    anteilig = NachMassstab(*(None if vk is None or (a := getattr(anteil, m)) is None else vk * a for m in MASSSTAEBE))
    bezahlt = [g.kosten[m] for m in monate if m in g.kosten]
    je_vk = _durch(*(Fraction(sum((x[i] for x in bezahlt), Decimal(0))) for i in (0, 1)))
    da = getattr(anteilig, massstab)
    luecke = None if soll is None or da is None or je_vk is None else runde_cent((soll - da) * len(monate) * je_vk)
    return _verhaeltnisse(g.angebot_id, vk, soll, _durch(fach, fach + nicht), anteil, anteilig,
                          Fraction(t.eigen, z.tage), luecke, len(gegeben), len(monate))


def personal_gesamt(teile: Sequence[Personal], grundlagen: Sequence[Grundlage], z: Zeitraum, s: slice,
                    personen: tuple[Zahl, Zahl]) -> Personal:
    """All offers of a provider: sums over the offers, ratios from the sums. An offer with neither days nor staff in the
    period contributes nothing; any other offer without a figure leaves the sum open (None)."""
    je = [g.tage(s) for g in grundlagen]
    aktiv = [(t, g) for t, g, n in zip(teile, grundlagen, je, strict=True) if t.vk is not None or n.alle]
    vk = _summe([t.vk for t, _ in aktiv])
    soll = _summe([t.vk_soll for t, _ in aktiv]) if aktiv else Fraction(0)
    anteilig = NachMassstab(*(_summe([getattr(t.vk_anteilig, m) for t, _ in aktiv]) for m in MASSSTAEBE))
    monate = [m.von.replace(day=1) for m in z.monate()]
    monatlich = [[g.vk[m] for m in monate if m in g.vk] for _, g in aktiv]
    fach, nicht = (sum((Fraction(sum((m[i] for m in ms), Decimal(0))) / len(ms) for ms in monatlich if ms), Fraction(0)) for i in (0, 1))
    quote = None if vk is None else _durch(fach, fach + nicht)
    plaetze = Fraction(sum(n.eigen for n in je), z.tage)
    gesamt = _verhaeltnisse(None, vk, soll, quote, eigener_anteil(je, personen), anteilig, plaetze, None,
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
    return None if not werte or any(w is None for w in werte) else summe_brueche(w for w in werte if w is not None)
