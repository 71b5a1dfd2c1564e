"""The budget of a year: which version holds, how it is derived line by line, how it is paid out (rule 3.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from traeger_lib.analysis.money import aus_cent, gleiche_teile, round_half_up
from traeger_lib.analysis.periods import Zeitraum, jahr_zeitraum, monatsname
from traeger_lib.analysis.rates import KEIN, Entgelte, gruppenrang
from traeger_lib.analysis.scorecard import ENTFALLEN, staende
from traeger_lib.analysis.volume import Volumen
from traeger_lib.inputs.faults import Fehler, Fehlerliste
from traeger_lib.inputs.schema import Bestand, zeilen

Anpassung = tuple[str, str, Decimal]  # month of effect, reason, €


@dataclass(frozen=True, slots=True)
class Planzeile:
    """One line of the volume schedule: average occupied places behind the budget, per offer and need group."""

    angebot_id: str
    hbg: str
    plaetze_plan: Decimal


@dataclass(frozen=True, slots=True)
class Budgetversion:
    """The version of a budget year that holds at a day."""

    budgetjahr: int
    version: int
    beschlossen_am: date
    basisjahr: int | None
    plan: tuple[Planzeile, ...]
    pauschalen: tuple[tuple[str, Decimal], ...]  # what for, € a year


@dataclass(frozen=True, slots=True)
class Herleitung:
    """One line of the derivation: betrag_eur = plaetze_plan × tage × entgelt_eur, rounded to the cent.

    `plaetze_basisjahr` = entgelttage_basisjahr ÷ days of that year, recomputed from its own cases (None where that year is not in
    the data); plaetze_plan rules, the difference is what the parties agreed or expected.
    """

    angebot_id: str
    hbg: str
    von: date
    bis: date
    plaetze_plan: Decimal
    entgelttage_basisjahr: int | None
    plaetze_basisjahr: Fraction | None
    tage: int
    entgelt_eur: Decimal
    betrag_eur: Decimal


@dataclass(frozen=True, slots=True)
class Rate:
    """One monthly instalment; `fallbezogen_eur` is its case-based part."""

    monat: str
    betrag_eur: Decimal
    fallbezogen_eur: Decimal


@dataclass(frozen=True, slots=True)
class Budget:
    """Sum of a budget year: gesamt = fallbezogen + pauschal + anpassungen, and its instalments (they sum to gesamt)."""

    budgetjahr: int
    version: int
    basisjahr: int | None
    beschlossen_am: date
    beginn: date
    fallbezogen_eur: Decimal
    pauschal_eur: Decimal
    anpassungen_eur: Decimal
    gesamt_eur: Decimal
    raten: tuple[Rate, ...]
    gezahlt_bis_quartalsende_eur: Decimal
    puffer_eur: Decimal | None
    herleitung: tuple[Herleitung, ...]
    pauschalen: tuple[tuple[str, Decimal], ...]
    anpassungen: tuple[Anpassung, ...]


@dataclass(frozen=True, slots=True)
class PufferJahr:
    """Puffer of a budget year and what was agreed to settle it, in money (Anpassung with ausgleich_jahr) or by measures of the
    scorecard (mittel_eur with ausgleich_jahr, as they stand on the Datenstand, without those dropped): offen = puffer + Geld − Maßnahmen
    (for a negative puffer: + Maßnahmen)."""

    budgetjahr: int
    raten_fallbezogen_eur: Decimal
    klassische_abrechnung_eur: Decimal
    puffer_eur: Decimal
    ausgleich_geld_eur: Decimal
    ausgleich_massnahmen_eur: Decimal
    offen_eur: Decimal


def puffer_jahr(jahr: int, raten_fallbezogen: Decimal, klassisch: Decimal, je_jahr: Sequence[Mapping[int, Decimal]]) -> PufferJahr:
    """One year's Puffer with the settlements agreed for it, out of those of all years (see `ausgleiche`)."""
    puffer, (geld, massnahmen) = raten_fallbezogen - klassisch, (je.get(jahr, Decimal("0.00")) for je in je_jahr)
    offen = puffer + geld - (-massnahmen if puffer < 0 else massnahmen)
    return PufferJahr(jahr, raten_fallbezogen, klassisch, puffer, geld, massnahmen, offen)


def ausgleiche(bestand: Bestand) -> tuple[dict[int, Decimal], dict[int, Decimal]]:
    """What was agreed to settle a budget year, in money and by measures as they stand on the Datenstand: year → €."""
    m, geld, massnahmen = bestand["massnahmen"], dict[int, Decimal](), dict[int, Decimal]()
    gilt = (r for r in zeilen(staende(m, bestand.datenstand)) if r.status != ENTFALLEN) if m["ausgleich_jahr"].notna().any() else ()
    for summe, spalte, reihen in ((geld, "betrag_eur", zeilen(bestand["anpassungen"])), (massnahmen, "mittel_eur", gilt)):
        for r in reihen:
            if not pd.isna(r.ausgleich_jahr) and (betrag := getattr(r, spalte)) is not None:
                summe[r.ausgleich_jahr] = summe.get(r.ausgleich_jahr, Decimal("0.00")) + betrag
    return geld, massnahmen


def gueltige_versionen(bestand: Bestand, stichtag: date) -> dict[int, Budgetversion]:
    """Per budget year the highest version decided by `stichtag`, years in order; a version is decided with its last line."""
    je: dict[tuple[int, int], list[Any]] = {}
    for r in zeilen(bestand["budgets"]):
        je.setdefault((int(r.budgetjahr), int(r.version)), []).append(r)
    gilt = {}
    for (jahr, version), liste in sorted(je.items()):
        beschlossen = max(r.beschlossen_am for r in liste).date()
        if beschlossen <= stichtag:
            fall = [r for r in liste if r.art == "fallbezogen"]
            plan = (Planzeile(r.angebot_id, r.hbg, r.plaetze_plan) for r in fall)
            gilt[jahr] = Budgetversion(
                jahr, version, beschlossen, _einzig({None if pd.isna(r.basisjahr) else int(r.basisjahr) for r in fall}),
                tuple(sorted(plan, key=lambda p: (p.angebot_id, gruppenrang(p.hbg)))),
                tuple(sorted((r.bezeichnung, r.betrag_eur) for r in liste if r.art == "pauschal")))
    return gilt


def _einzig(jahre: set[int | None]) -> int | None:
    """The one base year; None where they differ or none is given."""
    return jahre.pop() if len(jahre) == 1 else None


def budget(bestand: Bestand, version: Budgetversion, vol: Volumen, entgelte: Entgelte, *, beginn: date | None,
           bezahlt_bis: date) -> Budget:
    """Derive the budget of a version; `beginn` is the provider's budget_beginn, `bezahlt_bis` the quarter's end.

    `entgelte` must cover the whole budget year. `puffer_eur` is left open (None) here: it needs the classical billing.
    Raises Fehlerliste where a planned group has no rate on a day of the budget year.
    """
    jahr = jahr_zeitraum(version.budgetjahr)
    zeitraum = jahr.ab(beginn)
    linien = herleitung(version, vol, entgelte, zeitraum)
    fall = sum((z.betrag_eur for z in linien), Decimal("0.00"))
    pauschal = sum((betrag for _, betrag in version.pauschalen), Decimal("0.00"))
    monate = [monatsname(m.von) for m in zeitraum.monate()]
    mehr = anpassungen(bestand, version.budgetjahr)
    teile = raten(fall, pauschal, mehr, monate)
    gesamt = fall + pauschal + sum((x[2] for x in mehr), Decimal("0.00"))
    bis = monatsname(bezahlt_bis)
    gezahlt = sum((r.betrag_eur for r in teile if r.monat <= bis), Decimal("0.00"))
    return Budget(version.budgetjahr, version.version, version.basisjahr, version.beschlossen_am, zeitraum.von, fall, pauschal,
                  gesamt - fall - pauschal, gesamt, teile, gezahlt, None, linien, version.pauschalen, mehr)


def anpassungen(bestand: Bestand, jahr: int) -> tuple[Anpassung, ...]:
    """The adjustments of a budget year, in order of effect."""
    liste = sorted((r for r in zeilen(bestand["anpassungen"]) if r.budgetjahr == jahr), key=lambda r: (r.wirksam_ab, r.grund))
    return tuple((monatsname(r.wirksam_ab.date()), r.grund, r.betrag_eur) for r in liste)


def raten(fall: Decimal, pauschal: Decimal, anpassungen: tuple[Anpassung, ...], monate: list[str]) -> tuple[Rate, ...]:
    """Monthly instalments: the sum in equal parts, each adjustment by itself over the months from its effect on."""
    if not monate:
        return ()
    betraege = gleiche_teile(fall + pauschal, len(monate))
    for wirksam, _, betrag in anpassungen:
        erster = next((i for i, m in enumerate(monate) if m >= wirksam), len(monate) - 1)
        for i, teil in enumerate(gleiche_teile(betrag, len(monate) - erster)):
            betraege[erster + i] += teil
    return tuple(Rate(m, b, f) for m, b, f in zip(monate, betraege, gleiche_teile(fall, len(monate)), strict=True))


def herleitung(version: Budgetversion, vol: Volumen, entgelte: Entgelte, zeitraum: Zeitraum) -> tuple[Herleitung, ...]:
    """The case-based part line by line: offer, need group, rate period (a run of days under one agreed rate)."""
    if not zeitraum.tage:
        return ()  # a year before the first day of funding
    linien: list[Herleitung] = []
    fehler: list[Fehler] = []
    versatz = (zeitraum.von - entgelte.von).days
    for p in version.plan:
        satz = entgelte.plan(p.angebot_id, p.hbg, version.beschlossen_am)
        voll, welche = satz.voll[versatz: versatz + zeitraum.tage], satz.zeile[versatz: versatz + zeitraum.tage]
        if len(voll) and (voll == KEIN).any() and p.plaetze_plan:
            fehler.append(kein_entgelt(p.angebot_id, p.hbg, zeitraum.von + timedelta(days=int(np.argmax(voll == KEIN)))))
            continue
        basis = plaetze_im_jahr(vol, version.basisjahr, p.angebot_id, p.hbg)
        basis_tage = None if basis is None or version.basisjahr is None else int(basis * jahr_zeitraum(version.basisjahr).tage)
        grenzen = [0, *(np.flatnonzero(welche[1:] != welche[:-1]) + 1).tolist(), len(welche)]
        for a, e in pairwise(grenzen):
            if voll[a] == KEIN:
                continue  # no places planned, no rate agreed: nothing to derive
            von, n = zeitraum.von + timedelta(days=a), e - a
            linien.append(Herleitung(
                p.angebot_id, p.hbg, von, von + timedelta(days=n - 1), p.plaetze_plan, basis_tage, basis, n, aus_cent(int(voll[a])),
                aus_cent(Fraction(p.plaetze_plan) * n * int(voll[a]))))
    if fehler:
        raise Fehlerliste(fehler)
    return tuple(linien)


def plaetze_im_jahr(vol: Volumen, jahr: int | None, angebot_id: str, hbg: str) -> Fraction | None:
    """Average occupied places of a calendar year behind a budget: own paid days ÷ 365 or 366, without single-case settings
    (they stay out until decided) and without cases lacking cost commitment (not billed); None where the year is not in the data."""
    if jahr is None or date(jahr, 1, 1) < vol.beginn:
        return None
    z = jahr_zeitraum(jahr)
    return Fraction(int(vol.bezahlt(z)[vol.abrechenbar & vol.wo(angebot_id=angebot_id, hbg=hbg)].sum()), z.tage)


def mengengeruest(vol: Volumen, basisjahr: int, angebote: Iterable[str], *, wachstum: Mapping[str, Fraction] | None = None,
                  stellen: int = 2) -> tuple[Planzeile, ...]:
    """The volume schedule of a base year: average places per offer and need group, rounded half up to `stellen` decimals.

    plaetze_plan = places of the base year × (1 + growth of the offer); without `wachstum` (Bremen) no growth is in it, with it
    (Hamburg) the expected growth from base year to budget year. Groups without places are left out.
    """
    zeilen = []
    for a in sorted(angebote):
        for h in sorted(set(vol.spalte("hbg")[vol.wo(angebot_id=a, eigen=True)]), key=gruppenrang):
            plaetze = plaetze_im_jahr(vol, basisjahr, a, h)
            if plaetze:
                plaetze *= 1 + (wachstum or {}).get(a, Fraction(0))
                zeilen.append(Planzeile(a, h, Decimal(round_half_up(plaetze * 10**stellen)).scaleb(-stellen)))
    return tuple(z for z in zeilen if z.plaetze_plan)


def kein_entgelt(angebot_id: str, hbg: str, tag: date, *, vermindert: bool = False) -> Fehler:
    """The fault „days, but no rate“, of reduced days „… but no factor“."""
    was, spalte = ("der Anteil für Abwesenheit", "abwesenheit_faktor") if vermindert else ("ein Entgelt", "gueltig_ab")
    return Fehler("Tabelle entgelte", f"Für Angebot {angebot_id}, HBG {hbg} fehlt am {tag:%d.%m.%Y} {was}.",
                  "Bitte wie vereinbart ergänzen.", spalte=spalte, art="entgelt_fehlt")
