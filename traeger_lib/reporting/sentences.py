"""The five sentences of the first screen, one per question, written from Facts with the patterns of `templates/saetze.toml`."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any

from traeger_lib.analysis.deviation import Abweichung
from traeger_lib.analysis.facts import Facts, Quartalsstand
from traeger_lib.analysis.revisions import satz as nachmeldungen
from traeger_lib.analysis.staffing import Personal
from traeger_lib.reporting import formats as f

GLEICH_PROZENT = Fraction(1, 200)  # within half a per cent the report says „entspricht“
MASSSTAB = {"tage": "Tagen", "personen": "Personen", "euro": "Euro"}


@dataclass(frozen=True, slots=True)
class Satz:
    """One answer: number of the question, its title, the sentences, and the section that holds the detail."""

    nummer: int
    titel: str
    teile: tuple[str, ...]
    anker: str

    @property
    def text(self) -> str:
        return " ".join(self.teile)


@cache
def muster() -> dict[str, Any]:
    """The sentence patterns."""
    return tomllib.loads(files("traeger_lib.reporting").joinpath("templates/saetze.toml").read_text(encoding="utf-8"))


def saetze(facts: Facts) -> tuple[Satz, ...]:
    """The five sentences; of an action plan without cases the last alone."""
    funktionen: tuple[tuple[str, Any], ...] = (
        ("fallzahlen", _fallzahlen), ("hbg", _hbg), ("personal", _personal), ("euro", _euro), ("massnahmen", _massnahmen))
    if not facts.angebote:
        funktionen = funktionen[-1:]
    return tuple(Satz(i, muster()[k]["titel"], tuple(t for t in fn(facts, muster()[k]) if t), k)
                 for i, (k, fn) in enumerate(funktionen, 1))


def titel(facts: Facts) -> str:
    """„Steuerungsbericht 1. Quartal 2026“."""
    return f"Steuerungsbericht {facts.quartal.lang}"


def leitfrage(antworten: Sequence[Satz]) -> str:
    """The question that the answers belong to."""
    return str(muster()["leitfrage" if len(antworten) > 1 else "leitfrage_plan"])


def leitmassstab(facts: Facts) -> str:
    """The measure of the own share that leads: the agreed one, otherwise paid days."""
    return facts.verfahren.personalanteil_nach or "tage"


def _richtung(m: dict[str, str], anteil: Fraction, vorsilbe: str = "") -> str:
    art = "gleich" if abs(anteil) < GLEICH_PROZENT else "darueber" if anteil > 0 else "darunter"
    return m[vorsilbe + art]


def zu_wenige(facts: Facts) -> bool:
    """Fewer than 5 persons (or places, where only months are known): too few for a statement."""
    g = facts.fallzahlen.quartal.gesamt
    return (g.durchschnittlich_belegte_plaetze if g.faelle_im_zeitraum is None else g.faelle_im_zeitraum) < 5


def _frueher(facts: Facts, wert: Callable[[Quartalsstand], Any], form: Callable[[Any], str]) -> str:
    """„Vorquartal 1,01, Vorjahresquartal 0,98“, as far as there are figures."""
    staende = ((muster()[wann], facts.stand(n)) for wann, n in (("vorquartal", 1), ("vorjahresquartal", 4)))
    return ", ".join(muster()["vergleich_teil"].format(wann=wann, wert=form(w)) for wann, s in staende if s and (w := wert(s)) is not None)


def erfuellung(p: Personal, massstab: str) -> Decimal | None:
    """VK present (own share) − VK needed, as the report shows it: the difference of the rounded figures."""
    vk = getattr(p.vk_anteilig, massstab)
    return None if vk is None or p.vk_soll is None else f.runde(vk, 1) - f.runde(p.vk_soll, 1)


def abweichung_anteil(a: Abweichung) -> Fraction | None:
    """Deviation ÷ budgeted value."""
    return Fraction(a.abweichung_eur) / Fraction(a.soll_eur) if a.soll_eur and a.abweichung_eur is not None else None


def gerundet(a: Abweichung) -> tuple[Decimal, ...]:
    """Deviation and its four effects as the first screen shows them; the parts add up."""
    teile = (a.mengeneffekt_eur, a.mixeffekt_eur, a.s_effekt_eur, a.preiseffekt_eur)
    return f.runde_gemeinsam(a.abweichung_eur or Decimal(0), [t or Decimal(0) for t in teile])


def _fallzahlen(facts: Facts, m: dict[str, str]) -> list[str]:
    plaetze, teile = facts.fallzahlen.quartal.gesamt.durchschnittlich_belegte_plaetze, []
    if plaetze and zu_wenige(facts):
        return [muster()["zu_wenige"]]
    for wann, block in (("vorjahresquartal", facts.fallzahlen_vorjahresquartal), ("vorquartal", facts.fallzahlen_vorquartal)):
        if block and plaetze:
            d = f.runde(plaetze, 1) - f.runde(block.gesamt.durchschnittlich_belegte_plaetze, 1)
            teile.append(m["gleich" if not d else "mehr" if d > 0 else "weniger"].format(differenz=f.zahl(abs(d), 1), wann=muster()[wann]))
    stand = m["leer" if not plaetze else "stand_einer" if f.runde(plaetze, 1) == 1 else "stand"]
    texte = [stand.format(quartal=facts.quartal.lang, plaetze=f.zahl(plaetze, 1), vergleich="".join(f", {t}" for t in teile[:1])
                          + "".join(f" und {t}" for t in teile[1:]))]
    a = facts.abweichung.quartal.gesamt
    if a.soll_tage and a.ist_tage is not None:
        im_budget, plan = Fraction(a.ist_tage, facts.quartal.zeitraum.tage), a.soll_tage / facts.quartal.zeitraum.tage
        anteil = a.ist_tage / a.soll_tage - 1
        vorsilbe = "budget_" if f.runde(im_budget, 1) == f.runde(plaetze, 1) else "teil_"
        texte.append(_richtung(m, anteil, vorsilbe).format(
            plaetze=f.zahl(im_budget, 1), prozent=f.prozent(abs(anteil)), plan=f.zahl(plan, 1)))
    else:
        texte.append(m["kein_budget"])
    if facts.vergleich:
        texte.append(nachmeldungen(facts.vergleich.nachmeldungen))
    t = facts.trend.gesamt
    jahr = next((j for j in (t.jahresmittel if t else ()) if int(j.periode) >= facts.quartal.jahr), None)
    if t is None or jahr is None:
        return [*texte, m["kein_ausblick"]]
    stellen = 1 if jahr.mittel < 20 else 0
    werte = {"mittel": f.zahl(jahr.mittel, stellen), "unten": f.zahl(jahr.unten80, stellen), "oben": f.zahl(jahr.oben80, stellen),
             "jahr": jahr.periode, "monate": t.punkte, "jahre": f"{jahre} Jahre" if (jahre := round(t.punkte / 12)) > 1 else "12 Monate"}
    return [*texte, m["tendenz" if t.tendenz else "ausblick"].format(**werte)]


def hochrechnung(facts: Facts) -> str:
    """The year-end projection in words; empty where there is none."""
    h, m = facts.hochrechnung, muster()["hochrechnung"]
    if h is None:
        return ""
    stellen = 1 if h.plaetze.mittel < 20 else 0
    mittel, unten, oben = (f.zahl(x, stellen) for x in (h.plaetze.mittel, h.plaetze.unten80, h.plaetze.oben80))
    return " ".join([
        m["plaetze"].format(jahr=h.jahr, mittel=mittel, unten=unten, oben=oben, plan=f.zahl(h.plaetze_plan, 1)),
        m["chance"].format(anteil=f.prozent(round(h.anteil_ueber_plan * 20) / 20, 0) if 0.05 < h.anteil_ueber_plan < 0.95 else
                           "über 95\u00a0%" if h.anteil_ueber_plan > 0.5 else "unter 5\u00a0%"),
        m["euro"].format(**{k: f.euro_rund(x) for k, x in (("erwartet", h.erwartet_eur), ("unten", h.unten80_eur), ("oben", h.oben80_eur),
                                                          ("soll", h.soll_eur))})])


def mit_gruppen(facts: Facts) -> bool:
    """Days in a need group: without any there is no mix to speak of."""
    return any(h != "ohne" for x in facts.hbg.quartal.je_angebot.values() for h in x.anteile)


def _hbg(facts: Facts, m: dict[str, str]) -> list[str]:
    mix = facts.hbg.quartal.gesamt
    if not mit_gruppen(facts):
        return [m["ohne_gruppen" if facts.fallzahlen.quartal.gesamt.durchschnittlich_belegte_plaetze else "ohne_tage"]]
    texte = []
    if zu_wenige(facts):
        return [muster()["zu_wenige"]]
    if mix.mixindex is None:
        texte.append(m["kein_index"])
    else:
        d, frueher = mix.mixindex - 1, _frueher(facts, lambda s: s.mix.mixindex, lambda x: f.zahl(x, 2))
        texte.append(_richtung(m, d).format(index=f.zahl(mix.mixindex, 2), vergleich=f"; {frueher}" if frueher else "",
                                            grad=m["grad_leicht"] if abs(d) < Fraction(3, 100) else ""))
    if not mix.anteil_s:
        return [*texte, m["s_keine"]]
    s_muster = m["s_anteil" if mix.mixindex_ausgang is not None else "s_anteil_ohne_index"]
    stellen = 0 if mix.anteil_s >= Fraction(1, 20) else 1
    return [*texte, s_muster.format(anteil=f.prozent(mix.anteil_s, stellen), index=f.zahl(mix.mixindex_ausgang, 2))]


def _personal(facts: Facts, m: dict[str, str]) -> list[str]:
    p = facts.personal.quartal.gesamt
    vk, soll = getattr(p.vk_anteilig, leitmassstab(facts)), p.vk_soll
    if vk is None and soll is not None and not any(x.vk for x in facts.personal.quartal.je_angebot.values()):
        return [m["keine_angaben"], m["nur_bedarf"].format(soll=f.zahl(soll, 1))]
    if vk is None:
        return [m["unvollstaendig"]]
    texte = []
    if soll is None:
        texte.append(m["kein_soll"].format(vk=f.zahl(vk, 1)))
    else:
        d = f.runde(vk, 1) - f.runde(soll, 1)
        texte.append(m["gleich" if not d else "mehr" if d > 0 else "fehlt"].format(
            vk=f.zahl(vk, 1), soll=f.zahl(soll, 1), differenz=f.zahl(abs(d), 1)))
        if frueher := _frueher(facts, lambda s: erfuellung(s.personal, leitmassstab(facts)),
                               lambda x: f"{f.zahl(x, 1, vorzeichen=True)} VK"):
            texte.append(m["vergleich"].format(teile=frueher))
    if p.fachkraftquote is not None:
        texte.append(m["quote"].format(quote=f.prozent(p.fachkraftquote, 0)))
    return texte


def _euro(facts: Facts, m: dict[str, str]) -> list[str]:
    a = facts.abweichung.kumuliert.gesamt
    if facts.budget is None or a.soll_eur is None or a.abweichung_eur is None:
        return [m["ohne_alles"] if a.ist_eur is None else m["kein_budget"].format(ist=f.euro_rund(a.ist_eur))]
    if not a.soll_eur:
        spaeter = facts.budget.beginn > facts.quartal.zeitraum.bis
        return [m["noch_nicht"].format(beginn=f.tag(facts.budget.beginn)) if spaeter else m["ohne_soll"].format(ist=f.euro_rund(a.ist_eur))]
    anteil = abweichung_anteil(a) or Fraction(0)
    gesamt, *effekte = gerundet(a)
    teile = m["teile"].format(**{k: f.euro(w, 0, vorzeichen=True) for k, w in zip(("menge", "mix", "s", "preis"), effekte, strict=True)})
    beginn = "Jahresbeginn" if facts.budget.beginn.year < facts.quartal.jahr or facts.budget.beginn.timetuple().tm_yday == 1 \
        else f"Beginn des Budgets ({f.tag(facts.budget.beginn)})"
    betrag, prozent = f.euro(abs(gesamt), 0), f.prozent(abs(anteil))
    texte = [_richtung(m, anteil).format(beginn=beginn, betrag=betrag, prozent=prozent, teile=teile)]
    frueher = _frueher(facts, lambda s: abweichung_anteil(s.abweichung), lambda x: f.prozent(x, vorzeichen=True))
    if frueher:
        jetzt = f.prozent(abweichung_anteil(facts.abweichung.quartal.gesamt), vorzeichen=True)
        texte.append(m["vergleich"].format(teile=f"{facts.quartal.lang} {jetzt}, {frueher}" if facts.quartal.nummer > 1 else frueher))
    if facts.korridor and gesamt:
        p = facts.korridor.anteil_zufall
        wie_oft = ("haeufigkeit_meist" if p > 0.62 else "haeufigkeit_halb" if p > 0.42 else "haeufigkeit_n" if p >= 0.02 else
                   "haeufigkeit_selten")
        texte.append(m["zufall"].format(haeufigkeit=m[wie_oft].format(n=f.zahl(1 / max(p, 0.01)))))
    unten, oben = facts.verfahren.korridor_unten_prozent, facts.verfahren.korridor_oben_prozent
    if unten is None and oben is None:
        return [*texte, m["korridor_keiner"]]
    innen = (unten is None or anteil * 100 >= -abs(Fraction(unten))) and (oben is None or anteil * 100 <= abs(Fraction(oben)))
    grenzen = {"unten": f.FEHLT if unten is None else f.prozent(-abs(Fraction(unten)) / 100),
               "oben": f.FEHLT if oben is None else f.prozent(Fraction(oben) / 100, vorzeichen=True)}
    return [*texte, m["korridor_in" if innen else "korridor_aus"].format(**grenzen)]


def _massnahmen(facts: Facts, m: dict[str, Any]) -> list[str]:
    b = facts.massnahmen
    if not b.liste:
        return [m["keine"]]
    bekannt = list(m["status"])
    reihenfolge = sorted(b.je_status, key=lambda s: (bekannt.index(s) if s in bekannt else len(bekannt), s))
    teile = ", ".join(m["status"].get(s, m["status"]["anderer"]).format(n=b.je_status[s], status=s) for s in reihenfolge)
    ueber = m["ueberfaellig_keine"] if not b.ueberfaellig else m["ueberfaellig_eine" if b.ueberfaellig == 1 else "ueberfaellig"]
    return [m["alle"].format(anzahl=f.anzahl(len(b.liste), "Maßnahme", "Maßnahmen"), teile=teile), ueber.format(anzahl=b.ueberfaellig),
            *([seit_gespraech(facts)] if b.letztes_gespraech else [])]


def seit_gespraech(facts: Facts) -> str:
    """What became of the scorecard's entries since the last meeting, in one sentence."""
    b, m = facts.massnahmen, muster()["massnahmen"]
    if not b.letztes_gespraech:
        return str(m["kein_gespraech"])
    was = Counter(a.was for a in b.aenderungen)
    return str(m["seit" if was else "seit_nichts"].format(
        tag=f.tag(b.letztes_gespraech), teile=", ".join(f"{was[w]} {w}" for w in ("neu", "geändert", "entfallen") if was[w])))
