"""Re-assessing a budget: what the volume schedule of another base year would change, line by line (S0, rule 3.3).

A basis for the talk, never a decision: the new version is given as rows, nothing is overwritten.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from traeger_lib.analysis.analyse import Analyse
from traeger_lib.analysis.budget import Planzeile, herleitung, mengengeruest
from traeger_lib.analysis.periods import Quartal, jahr_zeitraum
from traeger_lib.analysis.rates import gruppenrang
from traeger_lib.analysis.scenario_places import Ausgangslage
from traeger_lib.inputs.faults import TraegerFehler

NULL = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Neuzeile:
    """One offer and need group: places and Euro of the year, as in the valid version and on the new base year."""

    angebot_id: str
    hbg: str
    plaetze_alt: Decimal
    plaetze_neu: Decimal
    alt_eur: Decimal
    neu_eur: Decimal


@dataclass(frozen=True, slots=True)
class Variante:
    """A volume schedule by name with its places and the case-based part it leads to."""

    name: str
    plan: tuple[Planzeile, ...]
    plaetze: Decimal
    betrag_eur: Decimal


@dataclass(frozen=True, slots=True)
class Neubewertung:
    """Old and new base year of a budget year; `varianten`: bisher, then the new base year without and with trend, each by granted
    group and by the group before S; `gewaehlt` is the one that `zeilen` show; `abweichung`: effects and sum of the new base year."""

    traeger_id: str
    budgetjahr: int
    version: int
    basisjahr_alt: int | None
    basisjahr_neu: int
    zeilen: tuple[Neuzeile, ...]
    varianten: tuple[Variante, ...]
    gewaehlt: Variante
    pauschalen: tuple[tuple[str, Decimal], ...]
    abweichung: tuple[tuple[str, Decimal | None], ...]

    def budgetzeilen(self, beschlossen_am: date) -> list[dict[str, str]]:
        """The rows of a new version for the table `budgets`, as text in German notation."""
        fest = {"traeger_id": self.traeger_id, "budgetjahr": str(self.budgetjahr), "version": str(self.version),
                "beschlossen_am": f"{beschlossen_am:%d.%m.%Y}", "basisjahr": str(self.basisjahr_neu)}
        zeilen = [{"art": "fallbezogen", "angebot_id": p.angebot_id, "hbg": p.hbg, "plaetze_plan": _komma(p.plaetze_plan)}
                  for p in self.gewaehlt.plan]
        zeilen += [{"art": "pauschal", "bezeichnung": b, "betrag_eur": _komma(e)} for b, e in self.pauschalen]
        return [fest | z for z in zeilen]


def neubewertung(a: Analyse, basisjahr: int, *, mit_trend: bool = False, vor_s: bool = False) -> Neubewertung:
    """Compare the valid budget of the quarter's year with one on another base year.

    Places of the base year as in the derivation; with trend × (forecast of the budget year ÷ places of the base year) per offer; the
    rates of the new version are those decided by the Datenstand. Raises TraegerFehler without a budget or without that year's data.
    """
    jahr, version, vol = a.quartal.jahr, a.version, a.vol
    if version is None:
        raise TraegerFehler(f"Für {jahr} ist kein Budget beschlossen, das neu bewertet werden könnte.")
    if date(basisjahr, 1, 1) < max(a.vol.beginn, a.datenbeginn.replace(day=1)) or date(basisjahr, 12, 31) > min(
            a.quartal.zeitraum.bis, a.bestand.datenstand):
        raise TraegerFehler(f"Das Jahr {basisjahr} liegt nicht vollständig in den Daten und kann kein Basisjahr sein.")
    vorher = replace(vol, gruppen=tuple(g._replace(hbg=g.hbg_ausgang) for g in vol.gruppen))
    kuenftig = Ausgangslage(a, "prognose", 1).plaetze_je_angebot(0)
    basis = {x: sum((Fraction(p.plaetze_plan) for p in mengengeruest(vol, basisjahr, [x])), Fraction(0)) for x in a.im_budget}
    wachstum = {x: Fraction(kuenftig[x]).limit_denominator(10**6) / n - 1 for x, n in basis.items() if n and x in kuenftig}
    plaene = {"bisher": version.plan} | {
        f"{basisjahr}, {trend}{gruppe}": mengengeruest(v, basisjahr, a.im_budget, wachstum=w)
        for trend, w in (("ohne Trend", None), ("mit Trend", wachstum)) for gruppe, v in (("", vol), (", vor S", vorher))}
    beschluss, zeitraum = max(a.bestand.datenstand, version.beschlossen_am), jahr_zeitraum(jahr).ab(a.beginn)
    betraege = {name: defaultdict[tuple[str, str], Decimal](lambda: NULL) for name in plaene}
    for name, plan in plaene.items():
        am = version.beschlossen_am if name == "bisher" else beschluss
        for z in herleitung(replace(version, plan=plan, beschlossen_am=am), vol, a.entgelte, zeitraum):
            betraege[name][z.angebot_id, z.hbg] += z.betrag_eur
    varianten = tuple(Variante(n, p, sum((z.plaetze_plan for z in p), Decimal(0)), sum(betraege[n].values(), NULL))
                      for n, p in plaene.items())
    neu = varianten[1 + 2 * mit_trend + vor_s]
    alt_p, neu_p = ({(z.angebot_id, z.hbg): z.plaetze_plan for z in p} for p in (version.plan, neu.plan))
    vier = (alt_p, neu_p, betraege["bisher"], betraege[neu.name])
    zeilen = tuple(Neuzeile(*k, *(x.get(k, NULL) for x in vier)) for k in sorted({*alt_p, *neu_p}, key=lambda k: (k[0], gruppenrang(k[1]))))
    q = Quartal(basisjahr, 4)
    d = Analyse(a.bestand, a.traeger_id, q, a.rueckblick_jahre).abweichung(q.kumuliert).gesamt
    namen = (("Menge", d.mengeneffekt_eur), ("Mix", d.mixeffekt_eur), ("„+S“", d.s_effekt_eur), ("Preis", d.preiseffekt_eur))
    hoechste = int(a.bestand["budgets"].loc[a.bestand["budgets"]["budgetjahr"] == jahr, "version"].max())
    return Neubewertung(a.traeger_id, jahr, hoechste + 1, version.basisjahr, basisjahr, zeilen, varianten, neu, version.pauschalen,
                        (*namen, ("Abweichung", d.abweichung_eur)) if d.abweichung_eur is not None else ())


def _komma(x: Decimal) -> str:
    return str(x).replace(".", ",")
