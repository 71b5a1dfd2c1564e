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
    """Fewer than 5 persons (or places, where only months are known: of a provisional quarter those of the last one)."""
    g, monat = facts.fallzahlen.quartal.gesamt, facts.verlauf[-1:] if facts.vorlaeufig else ()
    plaetze = monat[0].plaetze if monat else g.durchschnittlich_belegte_plaetze
    return (plaetze if g.faelle_im_zeitraum is None else g.faelle_im_zeitraum) < 5


def _frueher(facts: Facts, wert: Callable[[Quartalsstand], Any], form: Callable[[Any], str]) -> str:
    """„Vorquartal 1,01, Vorjahresquartal 0,98“, as far as there are figures."""
    staende = ((muster()[wann], facts.stand(n)) for wann, n in (("vorquartal", 1), ("vorjahresquartal", 4)))
    return ", ".join(muster()["vergleich_teil"].format(wann=wann, wert=form(w)) for wann, s in staende if s and (w := wert(s)) is not None)


def vk_stellen(facts: Facts) -> int:
    """Decimals of VK in sentences: two below ten needed VK, where a tenth would be coarse."""
    soll = facts.personal.quartal.gesamt.vk_soll
    return 2 if soll is not None and soll < 10 else 1


def erfuellung(p: Personal, massstab: str, stellen: int) -> Decimal | None:
    """VK present (own share) − VK needed, as the report shows it: the difference of the rounded figures."""
    vk = getattr(p.vk_anteilig, massstab)
    return None if vk is None or p.vk_soll is None else f.runde(vk, stellen) - f.runde(p.vk_soll, stellen)


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
    if facts.vorlaeufig:
        texte = [m["vorlaeufig"].format(monat=f.monat(v.monat), plaetze=f.zahl(v.plaetze, 1)) for v in facts.verlauf[-1:]]
    elif plaetze and not facts.ganz(facts.quartal.zeitraum):
        texte.append(m["beginn"].format(beginn=f.tag(facts.gezaehlt_ab)))
    if not a.soll_tage or a.ist_tage is None:
        texte.append(_noch_nicht(facts) or m["kein_budget" if a.soll_tage is None else "kein_plan"])
    elif facts.vorlaeufig:
        texte.append(muster()["vorlaeufig_vergleich"])
    else:
        tage, ganz = facts.budgettage, facts.budgettage == facts.quartal.zeitraum.tage
        im_budget, plan, anteil = Fraction(a.ist_tage, tage), a.soll_tage / tage, a.ist_tage / a.soll_tage - 1
        vorsilbe = "seit_" if not ganz else "budget_" if f.runde(im_budget, 1) == f.runde(plaetze, 1) else "teil_"
        texte.append(_richtung(m, anteil, vorsilbe).format(beginn=seit(facts), plaetze=f.zahl(im_budget, 1), plan=f.zahl(plan, 1),
                                                           prozent=f.prozent(abs(anteil)), nicht=_nicht_gezaehlt(facts, m)))
    if facts.vergleich:
        texte.append(nachmeldungen(facts.vergleich))
    t = facts.trend.gesamt
    jahr = next((j for j in (t.jahresmittel if t else ()) if int(j.periode) >= facts.quartal.jahr), None)
    if t is None or jahr is None:
        return [*texte, m["kein_ausblick"]]
    stellen = 1 if jahr.mittel < 20 else 0
    werte = {"mittel": f.zahl(jahr.mittel, stellen), "unten": f.zahl(jahr.unten80, stellen), "oben": f.zahl(jahr.oben80, stellen),
             "jahr": jahr.periode, "monate": t.punkte, "jahre": f"{jahre} Jahre" if (jahre := round(t.punkte / 12)) > 1 else "12 Monate"}
    return [*texte, m["tendenz" if t.tendenz else "ausblick"].format(**werte)]


def ungezaehlt(facts: Facts) -> Fraction:
    """Places of the quarter in offers in the budget that do not count for it: without cost commitment, or single-case settings."""
    a = facts.abweichung.quartal.gesamt
    if a.ist_tage is None or facts.budgettage < facts.quartal.zeitraum.tage:
        return Fraction(0)
    return facts.fallzahlen.quartal.im_budget.durchschnittlich_belegte_plaetze - Fraction(a.ist_tage, facts.budgettage)


def _nicht_gezaehlt(facts: Facts, m: dict[str, str]) -> str:
    b = facts.fallzahlen.quartal
    draussen = b.gesamt.durchschnittlich_belegte_plaetze - b.im_budget.durchschnittlich_belegte_plaetze
    teile = [m[k].format(plaetze=f.zahl(x, 1)) for k, x in (("teil_draussen", draussen), ("teil_ohne", ungezaehlt(facts))) if f.runde(x, 1)]
    return m["teil_nicht"].format(teile=" und ".join(teile)) if teile else ""


def hochrechnung(facts: Facts) -> str:
    """The year-end projection in words; empty where there is none."""
    h, m = facts.hochrechnung, muster()["hochrechnung"]
    if h is None:
        return ""
    stellen = 1 if h.plaetze.mittel < 20 else 0
    mittel, unten, oben = (f.zahl(x, stellen) for x in (h.plaetze.mittel, h.plaetze.unten80, h.plaetze.oben80))
    mehr_plaetze, mehr_euro = h.plaetze.mittel > h.plaetze_plan, h.erwartet_eur > h.soll_eur
    bedarf = "" if mehr_plaetze == mehr_euro else m["bedarf_darunter" if mehr_plaetze else "bedarf_darueber"]
    return " ".join([
        m["plaetze"].format(jahr=h.jahr, mittel=mittel, unten=unten, oben=oben, plan=f.zahl(h.plaetze_plan, 1)),
        m["chance"].format(anteil=f.prozent(round(h.anteil_ueber_plan * 20) / 20, 0) if 0.05 < h.anteil_ueber_plan < 0.95 else
                           "über 95\u00a0%" if h.anteil_ueber_plan > 0.5 else "unter 5\u00a0%"),
        m["euro"].format(bedarf=bedarf, erwartet=f.euro_rund(h.erwartet_eur), unten=f.euro_rund(h.unten80_eur),
                         oben=f.euro_rund(h.oben80_eur), soll=f.euro_rund(h.soll_eur))])


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
    if facts.verfahren.ein_satz:
        mittlere = [m["mittlere_teil"].format(angebot=facts.angebot(k).bezeichnung, hbg=f.zahl(x.mittlere_hbg, 2),
                                              budget=f.zahl(x.mittlere_hbg_budget, 2))
                    for k, x in facts.hbg.quartal.je_angebot.items() if x.mittlere_hbg is not None and x.mittlere_hbg_budget is not None]
        texte += [m["ein_satz"], *[m["mittlere"].format(teile=", ".join(mittlere))] * bool(mittlere)]
    elif mix.mixindex is None:
        texte.append(m["kein_index"])
    else:
        d, frueher = Fraction(f.runde(mix.mixindex, 2)) - 1, _frueher(facts, lambda s: s.mix.mixindex, lambda x: f.zahl(x, 2))
        texte.append(_richtung(m, d).format(index=f.zahl(mix.mixindex, 2), vergleich=f"; {frueher}" if frueher else "",
                                            grad=m["grad_leicht"] if abs(d) < Fraction(3, 100) else ""))
    if not mix.anteil_s:
        return [*texte, m["s_keine"]]
    s_muster = m["s_anteil_ohne_index" if mix.mixindex_ausgang is None or facts.verfahren.ein_satz else
                 "s_anteil" if all(a.im_budget for a in facts.angebote) else "s_anteil_teil"]
    stellen = 0 if mix.anteil_s >= Fraction(1, 20) else 1
    return [*texte, s_muster.format(anteil=f.prozent(mix.anteil_s, stellen), index=f.zahl(mix.mixindex_ausgang, 2))]


def _personal(facts: Facts, m: dict[str, str]) -> list[str]:
    p, ganz = facts.personal.quartal.gesamt, facts.ganz(facts.quartal.zeitraum)
    vk, soll = getattr(p.vk_anteilig, leitmassstab(facts)), p.vk_soll
    if vk is None and not any(x.vk for x in facts.personal.quartal.je_angebot.values()):
        return [m["keine_angaben"], *[m["nur_bedarf"].format(soll=f.zahl(soll, vk_stellen(facts)))] * (ganz and soll is not None)]
    if vk is None:
        return [m["unvollstaendig"]]
    texte, mass, n = list[str](), leitmassstab(facts), vk_stellen(facts)
    if not ganz or soll is None:
        wie = "vorlaeufig" if facts.vorlaeufig else "kein_soll" if soll is None else "beginn"
        texte.append(m[wie].format(vk=f.zahl(vk, n), beginn=f.tag(facts.gezaehlt_ab)))
    else:
        d = f.runde(vk, n) - f.runde(soll, n)
        texte.append(m["gleich" if not d else "mehr" if d > 0 else "fehlt"].format(
            vk=f.zahl(vk, n), soll=f.zahl(soll, n), differenz=f.zahl(abs(d), n)))
        je = [x for p in facts.personal.quartal.je_angebot.values() if (x := erfuellung(p, mass, n))]
        fehlt, mehr = -sum(x for x in je if x < 0), sum(x for x in je if x > 0)
        if mehr and fehlt and fehlt >= min(Fraction(1, 2), soll / 50):  # too few here must not vanish behind more there
            texte.append(m["beides"].format(fehlt=f.zahl(fehlt, n), mehr=f.zahl(mehr, n)))
        if frueher := _frueher(facts, lambda s: erfuellung(s.personal, mass, n), lambda x: f"{f.zahl(x, n, vorzeichen=True)}\u00a0VK"):
            texte.append(m["vergleich"].format(teile=frueher))
    if p.fachkraftquote is not None:
        texte.append(m["quote"].format(quote=f.prozent(p.fachkraftquote, 0)))
    return texte


def _euro(facts: Facts, m: dict[str, str]) -> list[str]:
    a = facts.abweichung.kumuliert.gesamt
    if spaeter := _noch_nicht(facts):
        return [spaeter]
    if a.soll_eur is None or a.abweichung_eur is None or not a.soll_eur:
        wie = "ohne_alles" if a.ist_eur is None else "kein_budget" if a.soll_eur is None else "ohne_soll"
        return [m[wie].format(beginn=seit(facts), ist=f.euro_rund(a.ist_eur))]
    if facts.vorlaeufig:
        return [m["vorlaeufig"].format(beginn=seit(facts), ist=f.euro_rund(a.ist_eur)), muster()["vorlaeufig_vergleich"]]
    anteil = abweichung_anteil(a) or Fraction(0)
    gesamt, *effekte = gerundet(a)
    teile = m["teile"].format(**{k: f.euro(w, 0, vorzeichen=True) for k, w in zip(("menge", "mix", "s", "preis"), effekte, strict=True)})
    entspricht = abs(anteil) < GLEICH_PROZENT
    betrag = f.euro(gesamt if entspricht else abs(gesamt), 0, vorzeichen=entspricht)
    texte = [_richtung(m, anteil).format(beginn=seit(facts), betrag=betrag, prozent=f.prozent(abs(anteil)), teile=teile)]
    texte += [m["s_neutral"].format(betrag=f.euro(gesamt - effekte[2], 0, vorzeichen=True))] * bool(effekte[2])
    frueher = _frueher(facts, lambda s: abweichung_anteil(s.abweichung), lambda x: f.prozent(x, vorzeichen=True))
    if frueher:
        jetzt = f.prozent(abweichung_anteil(facts.abweichung.quartal.gesamt), vorzeichen=True)
        texte.append(m["vergleich"].format(teile=f"{facts.quartal.lang} {jetzt}, {frueher}" if facts.quartal.nummer > 1 else frueher))
    if facts.korridor and gesamt and not zu_wenige(facts):
        p = facts.korridor.anteil_zufall
        wie_oft = next(k for k, ab in (("immer", 0.87), ("meist", 0.62), ("halb", 0.42), ("n", 0.02), ("selten", 0)) if p >= ab)
        texte.append(m["zufall"].format(haeufigkeit=m[f"haeufigkeit_{wie_oft}"].format(n=f.zahl(1 / max(p, 0.01)))))
    unten, oben = facts.verfahren.korridor_unten_prozent, facts.verfahren.korridor_oben_prozent
    if unten is None and oben is None:
        return [*texte, m["korridor_keiner"]]
    innen = (unten is None or anteil * 100 >= -abs(Fraction(unten))) and (oben is None or anteil * 100 <= abs(Fraction(oben)))
    enden = "korridor_oben" if unten is None else "korridor_unten" if oben is None else "korridor_beide"
    grenzen = m[enden].format(unten=f.prozent(-abs(Fraction(unten or 0)) / 100), oben=f.prozent(Fraction(oben or 0) / 100, vorzeichen=True))
    return [*texte, m["korridor_in" if innen else "korridor_aus"].format(grenzen=grenzen)]


def seit(facts: Facts) -> str:
    """From when on the budget of the year counts, for „seit …“."""
    b = facts.budget_beginn
    return f"Beginn des Budgets ({f.tag(b)})" if b and b > facts.quartal.kumuliert.von else "Jahresbeginn"


def _noch_nicht(facts: Facts) -> str:
    """That budget funding begins after the quarter; empty where it does not."""
    b = facts.budget_beginn
    return muster()["euro"]["noch_nicht"].format(beginn=f.tag(b)) if b and b > facts.quartal.zeitraum.bis else ""


def _massnahmen(facts: Facts, m: dict[str, Any]) -> list[str]:
    b = facts.massnahmen
    if not b.liste:
        return [m["keine"]]
    bekannt = list(m["status"])
    reihenfolge = sorted(b.je_status, key=lambda s: (bekannt.index(s) if s in bekannt else len(bekannt), s))
    teile = ", ".join(m["status"].get(s, m["status"]["anderer"]).format(n=b.je_status[s], status=s) for s in reihenfolge)
    alte = sorted((x.faellig, x.massnahme) for x in b.liste if x.ueberfaellig and x.faellig)
    ueber = m["ueberfaellig_keine" if not alte else "ueberfaellig_eine" if len(alte) == 1 else "ueberfaellig"]
    verb, anzahl = "ist" if len(b.liste) == 1 else "sind", f.anzahl(len(b.liste), "Maßnahme", "Maßnahmen")
    texte = [m["alle"].format(verb=verb, anzahl=anzahl, teile=teile),
             ueber.format(anzahl=len(alte), massnahme=alte[0][1] if alte else "", tag=f.tag(alte[0][0] if alte else None))]
    bald = sum(x.offen and not x.ueberfaellig and bool(x.faellig and facts.termin and x.faellig <= facts.termin) for x in b.liste)
    texte += [m["bald_eine" if bald == 1 else "bald"].format(tag=f.tag(facts.termin), anzahl=bald)] * bool(bald)
    return [*texte, *([seit_gespraech(facts)] if b.letztes_gespraech else [])]


def seit_gespraech(facts: Facts) -> str:
    """What became of the scorecard's entries since the last meeting, in one sentence."""
    b, m = facts.massnahmen, muster()["massnahmen"]
    if not b.letztes_gespraech:
        return str(m["kein_gespraech"])
    was = Counter(a.was for a in b.aenderungen)
    return str(m["seit" if was else "seit_nichts"].format(
        tag=f.tag(b.letztes_gespraech), teile=", ".join(
            f"{f.anzahl(was[w], 'Eintrag', 'Einträge')} {w}" for w in ("neu", "geändert", "entfallen") if was[w])))
