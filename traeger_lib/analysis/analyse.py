"""`analyse`: all figures of one provider and quarter, put together from the blocks. No file, no clock, no plot."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache, cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from traeger_lib.analysis import history
from traeger_lib.analysis.budget import Budget, Budgetversion, PufferJahr, ausgleiche, budget, gueltige_versionen, puffer_jahr
from traeger_lib.analysis.chance import Korridor, Plangruppe, abgangsrate, korridor
from traeger_lib.analysis.deviation import (
    OHNE_ABRECHNUNG,
    UNBEKANNT,
    Abrechnung,
    Abweichung,
    Effekte,
    abweichung,
    klassische_abrechnung,
    monatseffekte,
    summe_abweichung,
)
from traeger_lib.analysis.events import belegung, besonderheiten, ereignisse, gruppenwechsel, sektorwechsel, uebergaenge, zugangsprofile
from traeger_lib.analysis.facts import (
    Angebot,
    Facts,
    Fallzahlen,
    FallzahlenBlock,
    Gegliedert,
    Personaljahr,
    Trend,
    Verfahren,
    Zweifach,
)
from traeger_lib.analysis.hbg import gesamtindex, hbg_mix
from traeger_lib.analysis.models import Modell, modell
from traeger_lib.analysis.outlook import (
    RUECKBLICK_MAX,
    RUECKBLICK_MIN,
    Schluessel,
    monate_mit_daten,
)
from traeger_lib.analysis.periods import Quartal, Zeitraum, datum, jahr_zeitraum, monatsende, monatsname, tag, tage
from traeger_lib.analysis.persons import Personen, Personenzaehlung
from traeger_lib.analysis.rates import Entgelte, entgeltzeilen, gruppenrang
from traeger_lib.analysis.remarks import hinweise
from traeger_lib.analysis.revisions import vergleiche
from traeger_lib.analysis.scorecard import mit_kennzahlen, scorecard
from traeger_lib.analysis.staffing import Grundlage, Personal, grundlagen, personal_angebot, personal_gesamt
from traeger_lib.analysis.stays import Aufenthalte, abwesenheiten, aufenthalte
from traeger_lib.analysis.volume import Volumen, volumen
from traeger_lib.inputs.faults import Fehler, Fehlerliste, TraegerFehler
from traeger_lib.inputs.schema import Bestand, zeilen

T = TypeVar("T")
RUECKBLICK_JAHRE = 5
QUARTALSVERLAUF = 8  # quarters of staffing and mix shown


def analyse(bestand: Bestand, traeger_id: str, quartal: str | Quartal, *, rueckblick_jahre: int = RUECKBLICK_JAHRE,
            frueher: Bestand | None = None) -> Facts:
    """All figures of a provider for a quarter, from its own data only; `frueher` is an earlier reporting state to compare with.

    Raises KeyError for an unknown provider, TraegerFehler for a bad quarter or earlier state, Fehlerliste (with the provider's id) where
    days that must be paid have no agreed rate.
    """
    q = quartal if isinstance(quartal, Quartal) else Quartal.aus(quartal)
    if not RUECKBLICK_MIN <= rueckblick_jahre <= RUECKBLICK_MAX:
        raise TraegerFehler(f"Der Rückblick muss zwischen {RUECKBLICK_MIN} und {RUECKBLICK_MAX} Jahren liegen, nicht {rueckblick_jahre}.")
    try:
        return Analyse(bestand.nur(traeger_id), traeger_id, q, rueckblick_jahre, frueher).facts()
    except Fehlerliste as e:
        raise Fehlerliste([replace(f, traeger_id=traeger_id) for f in e.fehler]) from None


@dataclass(frozen=True)
class Analyse:
    """The steps in order; each is computed once and kept."""

    bestand: Bestand
    traeger_id: str
    quartal: Quartal
    rueckblick_jahre: int
    frueher: Bestand | None = None

    # ── what the figures rest on (what is asked for again and again is kept by `cache`, for this object only) ──────────

    @cached_property
    def traeger(self) -> pd.Series:
        return self.bestand["traeger"].iloc[0]

    @cached_property
    def beginn(self) -> date | None:
        """First day of budget funding."""
        return None if pd.isna(self.traeger["budget_beginn"]) else self.traeger["budget_beginn"].date()

    @cached_property
    def modellname(self) -> str | None:
        return None if pd.isna(self.traeger["modell"]) else str(self.traeger["modell"])

    @cached_property
    def modell(self) -> Modell:
        return modell(self.modellname)

    @cached_property
    def versionen(self) -> dict[int, Budgetversion]:
        """The version that holds at the quarter's end, for every budget year that has one."""
        return gueltige_versionen(self.bestand, self.quartal.zeitraum.bis)

    @property
    def version(self) -> Budgetversion | None:
        return self.versionen.get(self.quartal.jahr)

    @cached_property
    def angebote(self) -> tuple[Angebot, ...]:
        return tuple(sorted((Angebot(
            r.angebot_id, r.bezeichnung, r.leistungstyp, None if pd.isna(r.sektor) else r.sektor,
            None if pd.isna(r.plaetze) else int(r.plaetze), bool(r.im_budget)) for r in zeilen(self.bestand["angebote"])),
            key=lambda a: a.angebot_id))

    @cached_property
    def im_budget(self) -> list[str]:
        return [a.angebot_id for a in self.angebote if a.im_budget]

    @cached_property
    def aggregiert(self) -> set[str]:
        """Offers that deliver monthly aggregates."""
        return set(self.bestand["fallzahlen"]["angebot_id"])

    @cached_property
    def vol(self) -> Volumen:
        erste = [int(x.min()) for x in (tage(self.bestand["faelle"]["beginn"]), tage(self.bestand["fallzahlen"]["monat"])) if len(x)]
        jahr = min([datum(t).year for t in erste] + [self.quartal.jahr - 1])
        jahr = max(jahr, self.quartal.jahr - 11)
        return volumen(self.bestand, self.quartal.zeitraum.bis, von=date(jahr, 1, 1), stays=self.stays, fehlzeiten=self.fehlzeiten)

    @cached_property
    def datenbeginn(self) -> date:
        """First day on which anybody is counted."""
        belegt = np.flatnonzero(self.vol.entgelttage.sum(axis=0))
        return datum(tag(self.vol.beginn) + int(belegt[0])) if len(belegt) else self.quartal.zeitraum.bis

    @cached_property
    def gezaehlt_ab(self) -> date:
        """From when on every day of a period counts: the first on which anybody is counted, or of its month where months are delivered."""
        return self.datenbeginn.replace(day=1) if self.aggregiert else self.datenbeginn

    @cached_property
    def liefernde(self) -> dict[str, date]:
        """Offers that deliver months and still did before the quarter, with the end of their last one; not those that nobody is left in."""
        f = self.bestand["fallzahlen"]
        letzte = f[f["monat"] == f.groupby("angebot_id")["monat"].transform("max")]
        return {str(a): ende for a, t in letzte.groupby("angebot_id") if (ende := monatsende(t["monat"].iloc[0].date()))
                >= self.quartal.vor(1).zeitraum.bis and _summe(t["stichtagszahl"]) != 0}

    @cached_property
    def gemeldet_bis(self) -> date:
        """Last reported day: the quarter's end, an earlier Datenstand, or the end of the last month there is of all that deliver months."""
        return min([self.quartal.zeitraum.bis, self.bestand.datenstand, *self.liefernde.values()])

    @cached_property
    def vorlaeufig(self) -> bool:
        """Days of the quarter are missing."""
        z = self.quartal.zeitraum
        return self.gemeldet_bis < z.bis or any(self.fehlende_monate(a, z) for a in self.liefernde)

    @cached_property
    def rueckblick(self) -> Zeitraum:
        """The look-back for movements. Its first day is one after the data begin: who was there on that day did not come in then."""
        erster = date(self.quartal.jahr - self.rueckblick_jahre, 1, 1)
        return Zeitraum(max(erster, self.datenbeginn + timedelta(days=1)), self.quartal.zeitraum.bis)

    @cached_property
    def stays(self) -> Aufenthalte:
        return aufenthalte(self.bestand)

    @cached_property
    def fehlzeiten(self) -> Aufenthalte:
        return abwesenheiten(self.bestand, self.stays)

    @cached_property
    def entgelte(self) -> Entgelte:
        return self._entgelte(self.version)

    @cached_property
    def _ungewichtet(self) -> Entgelte:
        return Entgelte(self.bestand, self.vol.beginn, date(self.quartal.jahr, 12, 31), modell=self.modell.entgelt)

    def _entgelte(self, version: Budgetversion | None) -> Entgelte:
        """The rates by the provider's model; a mean rate is weighted with the places of a budget version."""
        return self._ungewichtet.gewichtet({(p.angebot_id, p.hbg): p.plaetze_plan for p in version.plan} if version else {})

    @cached_property
    def effekte(self) -> dict[str, dict[Zeitraum, Effekte]] | None:
        """Effects per offer and month; None where there is neither a budget nor a rate for every day."""
        try:
            return monatseffekte(self.vol, self.entgelte, self.version, self.im_budget, self.quartal.kumuliert.ab(self.beginn))
        except Fehlerliste:
            if self.version is not None:
                raise
            return None

    @cached_property
    def fruehere_effekte(self) -> dict[int, dict[str, dict[Zeitraum, Effekte]]]:
        """The same of earlier budget years against the last version of each; a year without all rates is left out."""
        ergebnis = {}
        for jahr, version in self.versionen.items():
            if version is not None and jahr < self.quartal.jahr and date(jahr, 1, 1) >= self.vol.beginn:
                with suppress(Fehlerliste):
                    z = jahr_zeitraum(jahr).ab(self.beginn)
                    ergebnis[jahr] = monatseffekte(self.vol, self._entgelte(version), version, self.im_budget, z)
        return ergebnis

    # ── the blocks ──────────────────────────────────────────────────────────────────────────────────────────────

    def facts(self) -> Facts:
        b, q = self.bestand, self.quartal
        abrechnung = self._zweifach(self.abrechnung)
        facts = Facts(
            traeger_id=self.traeger_id, name=self.traeger["name"], ort=None if pd.isna(self.traeger["ort"]) else self.traeger["ort"],
            leistungstraeger=b.leistungstraeger, quartal=q, rueckblick_jahre=self.rueckblick_jahre, datenstand=b.datenstand,
            vorlaeufig=self.vorlaeufig,
            erfunden=b.erfunden, bestandshinweis=b.hinweis, angebote=self.angebote, termin=self.termin(), verfahren=self.verfahren,
            budget_beginn=self.beginn, gezaehlt_ab=self.gezaehlt_ab,
            fallzahlen=self._zweifach(self.fallzahlen), fallzahlen_vorquartal=self.vergleich(q.vor(1)),
            fallzahlen_vorjahresquartal=self.vergleich(q.vor(4)), hbg=self._zweifach(self.hbg),
            abweichung=self._zweifach(self.abweichung),
            klassische_abrechnung=abrechnung, personal=self._zweifach(self.personal),
            personal_jahre=self.personal_jahre(), budget=self.budget(abrechnung.kumuliert.gesamt.betrag_eur),
            puffer_jahre=self.puffer_jahre, korridor=self.korridor(), **self.geschehen, trend=self.trend,
            hochrechnung=history.bis_jahresende(self), massnahmen=scorecard(b, q, b.datenstand),
            entgelte=entgeltzeilen(b, q.kumuliert.von, jahr_zeitraum(q.jahr).bis), verlauf=history.monatsverlauf(self),
            quartalsverlauf=history.quartalsverlauf(self),
            vergleich=vergleiche(self.frueher, b, self.traeger_id), hinweise=tuple(hinweise(self)))
        return replace(facts, massnahmen=mit_kennzahlen(facts.massnahmen, facts))

    def _zweifach(self, f: Callable[[Zeitraum], T]) -> Zweifach[T]:
        quartal = f(self.quartal.zeitraum)
        return Zweifach(quartal, quartal if self.quartal.nummer == 1 else f(self.quartal.kumuliert))

    def fallzahlen(self, z: Zeitraum) -> FallzahlenBlock:
        alle = [a.angebot_id for a in self.angebote]
        return FallzahlenBlock(self._fallzahlen(z, alle), {a: self._fallzahlen(z, [a]) for a in alle}, self._fallzahlen(z, self.im_budget))

    def vergleich(self, q: Quartal) -> FallzahlenBlock | None:
        return self.fallzahlen(q.zeitraum) if q.zeitraum.von >= self.gezaehlt_ab else None

    def _fallzahlen(self, z: Zeitraum, angebote: list[str]) -> Fallzahlen:
        dabei = self.gruppen_in(tuple(angebote))
        eigen = dabei & self.vol.wo(eigen=True)
        bezahlt = self.vol.bezahlt(z)
        abwesend, alle = int(self.vol.summe("vermindert", z)[eigen].sum()), int(bezahlt[dabei].sum())
        belegt = int(bezahlt[eigen].sum()) - abwesend
        p = self._personen(z, angebote)
        return Fallzahlen(
            belegt, abwesend, Fraction(belegt + abwesend, z.tage), p.stichtagszahl, p.faelle_im_zeitraum, p.zugaenge, p.abgaenge,
            p.wechsel, Fraction(alle - belegt - abwesend, alle) if alle else None)

    @cached_property
    def gruppen_in(self) -> Callable[[tuple[str, ...]], np.ndarray]:
        """Which groups of the volume are in some offers, bool (n_groups,)."""
        return cache(lambda angebote: np.isin(self.vol.spalte("angebot_id"), angebote))

    def _personen(self, z: Zeitraum, angebote: list[str], *, luecken: bool = False) -> Personen:
        if not self.aggregiert & set(angebote):
            return self._zaehlung(tuple(angebote), True).zaehle(z)
        if len(angebote) > 1:  # persons may be in two offers: a sum over offers would count them twice
            return Personen(None, None, None, None, None)
        f = self.bestand["fallzahlen"]
        f = f[f["kostentraeger"].isin(self.bestand.eigene_kostentraeger) & (f["angebot_id"] == angebote[0])]
        drin = f[(f["monat"] >= pd.Timestamp(z.von.replace(day=1))) & (f["monat"] <= pd.Timestamp(z.bis))]
        letzter = drin[drin["monat"] == pd.Timestamp(z.bis.replace(day=1))]
        zu, ab = (None if self.fehlende_monate(angebote[0], z) and not luecken else _summe(drin[s]) for s in ("zugaenge", "abgaenge"))
        return Personen(_summe(letzter["stichtagszahl"]), None, zu, ab, 0)

    def abgaenge(self, z: Zeitraum, angebot: str) -> int | None:
        """Exits from an offer for a rate: of monthly counts those given, as their days are; None where one of them is empty."""
        return self._personen(z, [angebot], luecken=True).abgaenge

    def fehlende_monate(self, angebot: str, z: Zeitraum) -> int:
        """Months of a period without any row of an offer that delivers monthly aggregates, from its first one on."""
        f = self.bestand["fallzahlen"]
        da = set(f.loc[f["angebot_id"] == angebot, "monat"])
        return sum(m.von >= min(da).date().replace(day=1) and pd.Timestamp(m.von.replace(day=1)) not in da for m in z.monate())

    @cached_property
    def _zaehlung(self) -> Callable[[tuple[str, ...], bool], Personenzaehlung]:
        return cache(self._zaehle_in)

    def _zaehle_in(self, angebote: tuple[str, ...], nur_eigene: bool) -> Personenzaehlung:
        return Personenzaehlung.aus(self.stays, angebote, nur_eigene=nur_eigene)

    def effekte_im(self, z: Zeitraum) -> dict[str, Effekte]:
        je = self.effekte if z.bis.year == self.quartal.jahr else self.fruehere_effekte.get(z.bis.year)
        return {a: Effekte.summe([e for m, e in monate.items() if z.von <= m.bis and m.von <= z.bis])
                for a, monate in (je or {}).items()}

    def hbg(self, z: Zeitraum) -> Gegliedert[Any]:
        effekte = self.effekte_im(z)
        plan = self.version.plan if self.version else ()
        return Gegliedert(gesamtindex(self.vol, z, effekte.values()),
                          {a.angebot_id: hbg_mix(self.vol, z, a.angebot_id, plan, effekte.get(a.angebot_id)) for a in self.angebote})

    def abweichung(self, z: Zeitraum) -> Gegliedert[Abweichung]:
        mit_budget = self.version is not None
        if self.effekte is None:
            return Gegliedert(UNBEKANNT, dict.fromkeys(self.im_budget, UNBEKANNT))
        je = {a: abweichung(e, mit_budget=mit_budget) for a, e in self.effekte_im(z).items()}
        return Gegliedert(summe_abweichung(je.values(), mit_budget=mit_budget), je)

    def abrechnung(self, z: Zeitraum) -> Gegliedert[Abrechnung]:
        if self.ohne_entgelt:
            return Gegliedert(OHNE_ABRECHNUNG, dict.fromkeys(self.im_budget, OHNE_ABRECHNUNG))
        return self._abrechnung(z, self.entgelte)

    @cached_property
    def ohne_entgelt(self) -> bool:
        """True where no budget asks for rates and some billed day since January has none, at the full or the reduced rate."""
        if self.version is None and self.effekte is not None:
            try:
                self._abrechnung(self.quartal.kumuliert, self.entgelte)
            except Fehlerliste:
                return True
        return self.effekte is None

    def _abrechnung(self, z: Zeitraum, entgelte: Entgelte) -> Gegliedert[Abrechnung]:
        je = {a: klassische_abrechnung(self.vol, entgelte, a, z.ab(self.beginn)) for a in self.im_budget}
        summen = [sum((getattr(x, feld) for x in je.values()), Decimal("0.00")) for feld in ("betrag_eur", "einzelfall_eur")]
        return Gegliedert(Abrechnung(*summen), je)

    @cached_property
    def budget_luecke(self) -> tuple[Fehler, ...]:
        """Planned groups without a rate in the rest of the year: the budget cannot be derived yet."""
        try:
            if self.version is not None:
                self._budget(self.version, self.quartal.zeitraum.bis)
        except Fehlerliste as e:
            return e.fehler
        return ()

    def budget(self, abgerechnet: Decimal | None) -> Budget | None:
        """The budget with its Puffer: case-based instalments of the year so far − classical billing of the year so far."""
        if self.version is None or abgerechnet is None or self.budget_luecke:
            return None
        bis = self.quartal.zeitraum.bis
        b = self._budget(self.version, bis)
        fall = sum((r.fallbezogen_eur for r in b.raten if r.monat <= monatsname(bis)), Decimal("0.00"))
        return replace(b, puffer_eur=fall - abgerechnet)

    @cached_property
    def _budget(self) -> Callable[[Budgetversion, date], Budget]:
        return cache(self._leite_budget_her)

    def _leite_budget_her(self, version: Budgetversion, bezahlt_bis: date) -> Budget:
        return budget(self.bestand, version, self.vol, self._entgelte(version), beginn=self.beginn, bezahlt_bis=bezahlt_bis)

    @cached_property
    def grundlagen(self) -> list[Grundlage]:
        return grundlagen(self.bestand, self.vol, self.entgelte, [a.angebot_id for a in self.angebote])

    @cached_property
    def personal(self) -> Callable[[Zeitraum], Gegliedert[Personal]]:
        return cache(self._personal)

    def _personal(self, z: Zeitraum) -> Gegliedert[Personal]:
        s, alle = self.vol.scheibe(z), tuple(a.angebot_id for a in self.angebote)
        mass = self.verfahren.personalanteil_nach or "tage"
        je = {g.angebot_id: personal_angebot(g, z, s, self._eigene_und_alle(z, (g.angebot_id,)), mass) for g in self.grundlagen}
        return Gegliedert(personal_gesamt(list(je.values()), self.grundlagen, z, s, self._eigene_und_alle(z, alle)), je)

    def _eigene_und_alle(self, z: Zeitraum, angebote: tuple[str, ...]) -> tuple[Fraction | None, Fraction | None]:
        """Persons of the own paying bodies and of all, None where the offers deliver aggregates."""
        if self.aggregiert & set(angebote):
            return None, None
        eigene, alle = (self._zaehlung(angebote, eigen).zaehle(z).faelle_im_zeitraum for eigen in (True, False))
        return Fraction(eigene or 0), Fraction(alle or 0)

    def personal_jahre(self) -> tuple[Personaljahr, ...]:
        """Staffing over one to five years, oldest first; full years, the current one to the quarter's end."""
        erstes = self.datenbeginn.year + (self.datenbeginn > date(self.datenbeginn.year, 1, 1))
        jahre = range(max(erstes, self.quartal.jahr - 4), self.quartal.jahr)
        return (*(Personaljahr(j, self.personal(jahr_zeitraum(j)).gesamt) for j in jahre),
                Personaljahr(self.quartal.jahr, self.personal(self.quartal.kumuliert).gesamt))

    @cached_property
    def puffer_jahre(self) -> tuple[PufferJahr, ...]:
        """Puffer of every budget year in the data, the current one to the quarter's end; a past year without rates is left out."""
        ergebnis, bis, ausgleich, null = [], self.quartal.zeitraum.bis, ausgleiche(self.bestand), Decimal("0.00")
        for jahr, version in self.versionen.items():
            if jahr > self.quartal.jahr or date(jahr, 1, 1) < self.vol.beginn:
                continue
            ende = min(bis, date(jahr, 12, 31))
            entgelte = self._entgelte(version)
            try:
                b = self._budget(version, ende)
                klassisch = self._abrechnung(Zeitraum(date(jahr, 1, 1), ende), entgelte).gesamt.betrag_eur or null
            except Fehlerliste:
                continue
            raten = sum((r.fallbezogen_eur for r in b.raten if r.monat <= monatsname(ende)), null)
            ergebnis.append(puffer_jahr(jahr, raten, klassisch, ausgleich))
        return tuple(ergebnis)

    def korridor(self) -> Korridor | None:
        """Possible thresholds for the deviation since January, and how far chance alone would go."""
        a, z = self.abweichung(self.quartal.kumuliert).gesamt, self.quartal.kumuliert.ab(self.beginn)
        if self.version is None or a.soll_eur is None or a.abweichung_eur is None or not z.tage or self.vorlaeufig:
            return None  # with days missing there is no distance to compare with chance
        rueckblick = Zeitraum(max(self.datenbeginn, date(z.bis.year - self.rueckblick_jahre, 1, 1)), z.bis)
        abgaenge = {x: n for x in self.im_budget if (n := self.abgaenge(rueckblick, x)) is not None}
        eigene = self.vol.wo(eigen=True) & self.gruppen_in(tuple(abgaenge))
        personenjahre = float(self.vol.bezahlt(rueckblick)[eigene].sum()) / 365.25
        s = slice((z.von - self.entgelte.von).days, (z.bis - self.entgelte.von).days + 1)
        fest = {a.angebot_id: a.plaetze for a in self.angebote}
        alle = {a: float(self.vol.bezahlt(z)[self.vol.wo(angebot_id=a)].sum()) / z.tage for a in fest}
        plan = [Plangruppe(p.angebot_id, float(p.plaetze_plan),
                           float(self.entgelte.plan(p.angebot_id, p.hbg, self.version.beschlossen_am).voll[s].mean()) / 100,
                           alle[p.angebot_id] / n if (n := fest[p.angebot_id]) else 0.0) for p in self.version.plan]
        v = self.verfahren
        return korridor(plan, z, soll_eur=a.soll_eur, abweichung_eur=a.abweichung_eur, basisjahr=self.version.basisjahr,
                        mu=abgangsrate(sum(abgaenge.values()), personenjahre), unten_prozent=v.korridor_unten_prozent,
                        oben_prozent=v.korridor_oben_prozent)

    @cached_property
    def geschehen(self) -> dict[str, Any]:
        """Transitions, admissions against stock, free places, events, special cases."""
        q, b, stays = self.quartal, self.bestand, self.stays
        bis = self.gemeldet_bis  # days not yet reported are no free places
        jahr = Zeitraum(min(max(q.vor(3).zeitraum.von, self.datenbeginn), bis), bis)
        mit_faellen = [a.angebot_id for a in self.angebote if a.angebot_id not in self.aggregiert]
        wechsel = gruppenwechsel(b, stays)
        return {
            "uebergaenge": uebergaenge(wechsel, self.rueckblick),
            "sektorwechsel": sektorwechsel(stays, {a.angebot_id: a.sektor or "ohne Angabe" for a in self.angebote}, jahr),
            "zugangsprofil": zugangsprofile(b, self.vol, self.rueckblick, {a: self._zaehlung((a,), True) for a in mit_faellen}),
            "belegung": belegung(self.vol, jahr, {a.angebot_id: a.plaetze for a in self.angebote if a.plaetze},
                                 {a: self._zaehlung((a,), False) for a in mit_faellen}),
            "ereignisse": ereignisse(stays, self.fehlzeiten, wechsel, self.quartale, self._zaehlung(tuple(mit_faellen), True))
            if mit_faellen else (),
            "besonderheiten": besonderheiten(b, stays, self.vol, q.zeitraum)}

    # ── history and outlook ─────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def monate(self) -> list[Zeitraum]:
        """Complete months with data, as far as they are reported."""
        return monate_mit_daten(self.datenbeginn, self.gemeldet_bis)

    @cached_property
    def quartale(self) -> list[Quartal]:
        """The last quarters with data, oldest first."""
        letzte = [self.quartal.vor(n) for n in range(QUARTALSVERLAUF - 1, -1, -1)]
        return [q for q in letzte if q.zeitraum.von >= self.gezaehlt_ab]

    @cached_property
    def plaetze(self) -> dict[str, list[Fraction]]:
        """Average occupied places per month, own paying bodies, per offer and in total (key '')."""
        eigen = self.vol.wo(eigen=True)
        masken = {"": eigen} | {a.angebot_id: eigen & self.vol.wo(angebot_id=a.angebot_id) for a in self.angebote}
        return {k: [Fraction(n, m.tage) for n, m in zip(self._monatstage[maske].sum(axis=0).tolist(), self.monate, strict=True)]
                for k, maske in masken.items()}

    @cached_property
    def _monatstage(self) -> np.ndarray:
        """Paid days per group and complete month, int64 (n_groups, n_months)."""
        return np.stack([self.vol.bezahlt(m) for m in self.monate], axis=1) if self.monate else np.zeros(
            (len(self.vol.gruppen), 0), np.int64)

    def reihen(self, maske: np.ndarray, angebote: list[str], *, gruppen: bool = True) -> dict[Schluessel, list[float]]:
        """Average occupied places per month of total, offers and (`gruppen`) need groups over the masked groups of the volume."""
        belegt = {("", ""): maske}
        for a in angebote:
            im_angebot = maske & self.vol.wo(angebot_id=a)
            belegt[a, ""] = im_angebot
            belegt |= {(a, h): im_angebot & self.vol.wo(hbg=h) for h in sorted(set(self.vol.spalte("hbg")[im_angebot]),
                                                                               key=gruppenrang) if gruppen}
        kalendertage = np.array([m.tage for m in self.monate])
        mittel = {k: self._monatstage[wo].sum(axis=0) / kalendertage for k, wo in belegt.items()}
        reihen = {k: y[int(np.argmax(y > 0)) if y.any() else len(y):].tolist() for k, y in mittel.items()}  # from its first case on
        return {k: y for k, y in reihen.items() if y or k == ("", "")}

    @cached_property
    def grenzen(self) -> dict[str, float]:
        return {a.angebot_id: float(a.plaetze) for a in self.angebote if a.plaetze}

    @cached_property
    def trend(self) -> Trend:
        return history.trend(self)

    # ── what the parties agreed, and what is missing ────────────────────────────────────────────────────────────

    def termin(self) -> date | None:
        """The meeting about this quarter; where the parties meet twice a year, the one about the half-year it belongs to."""
        bis = self.quartal.vor(-(-self.quartal.nummer % (4 // self.modell.gespraeche_im_jahr)))
        je = sorted((Quartal.aus(t.quartal), t.termin.date()) for t in zeilen(self.bestand["termine"]))
        return next((termin for q, termin in je if self.quartal <= q <= bis), None)

    @cached_property
    def verfahren(self) -> Verfahren:
        gilt = [r for r in zeilen(self.bestand["verfahren"]) if r.gueltig_ab.date() <= self.quartal.zeitraum.bis]
        ein_satz = self.modell.entgelt == "mittelwert"
        if not gilt:
            return Verfahren(None, None, None, ein_satz)
        r = max(gilt, key=lambda r: r.gueltig_ab)
        unten, oben, nach = (None if pd.isna(w) else w for w in (r.korridor_unten_prozent, r.korridor_oben_prozent, r.personalanteil_nach))
        return Verfahren(unten, oben, nach, ein_satz)


def _summe(spalte: pd.Series) -> int | None:
    """Sum of whole numbers, None where there is none or any is missing."""
    return None if spalte.empty or spalte.isna().any() else int(spalte.sum())
