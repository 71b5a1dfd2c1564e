"""The report for the Interessenvertretung: nothing about fewer than 5 persons, nothing from which it could be recomputed.

It is built up from a few figures, not cut out of the full report, so that a figure nobody thought of is absent and not published.
Persons and places are rounded to a multiple of 5, below 5 they read „unter 5“ (0 as well); Euro and VK to steps that 5 persons make.
So a small cell keeps a range of at least 2,5 persons for who compares sums and parts (a total T means T ± 2,5, a part R at least
R − 2,5). No rates, no mean groups, no shares, no months, no special cases, no transitions. Not claimed: what a reader could combine with
earlier quarters' reports, or with rates and keys known from elsewhere (there Euro and VK leave less; tested on the examples only).
Not here: what the parties wrote themselves (goals, measures) is shown as they wrote it, without its figures and names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from traeger_lib.analysis.facts import Facts, Fallzahlen
from traeger_lib.analysis.rates import gruppenrang
from traeger_lib.analysis.scorecard import Massnahme
from traeger_lib.reporting import formats as f
from traeger_lib.reporting import html, sections
from traeger_lib.reporting.sentences import Satz, leitmassstab, muster, saetze, titel, zu_wenige
from traeger_lib.reporting.tables import Tabelle, spalten

KLEIN = 5  # persons; official statistics' usual threshold and rounding base
WORTE = {"massnahme_id", "perspektive", "ziel", "massnahme", "status", "faellig", "ueberfaellig", "art", "stand", "rhythmus", "ebene",
         "gemeinsam", "vereinbart_am", "handlungsfeld", "prioritaet"}  # what this report shows of a measure
HINWEISE = {"vorlaeufig", "kein_budget", "kein_korridor", "kein_personal", "kein_trend"}  # those whose texts hold no count


def auf5(x: Fraction | float | None) -> str:
    """Persons or places as this report shows them.

    >>> [auf5(x) for x in (0, 4.9, 5, 7.5, 94.4, None)]
    ['unter 5', 'unter 5', '5', '10', '95', '–']
    """
    return f.FEHLT if x is None else "unter 5" if x < KLEIN else f.zahl(f.runde(Fraction(x) / KLEIN) * KLEIN)


def schritt(mindestens: Fraction) -> Decimal:
    """The next of 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150 … (or 0,10, 0,15 …) that is not smaller.

    >>> [str(schritt(Fraction(x))) for x in ("0.3", "1.2", "46900")]
    ['0.30', '1.5', '5.0E+4']
    """
    stufen = (Decimal(n).scaleb(e) for e in range(-2, 12) for n in (10, 15, 20, 25, 30, 40, 50, 60, 80))
    return next(s for s in stufen if Fraction(s) >= mindestens)


def _rund(x: Decimal | Fraction, stufe: Decimal) -> Decimal:
    return f.runde(Fraction(x) / Fraction(stufe)) * stufe


def antworten(facts: Facts) -> tuple[Satz, ...]:
    """The five answers in this report's rounding; also what its mail may say."""
    m, texte = muster()["interessenvertretung"], {"euro": _euro(facts), "fallzahlen": _fallzahlen(facts), "personal": _personal(facts)}
    texte |= {"hbg": m["hbg" if tabellen(facts)["hbg"][0].zeilen else "hbg_ohne"], "massnahmen": saetze(facts)[-1].text}
    wenige = {k: muster()["zu_wenige"] for k in ("euro", "fallzahlen", "personal", "hbg")} if zu_wenige(facts) else {}
    return tuple(replace(s, teile=((texte | wenige)[s.anker],)) for s in saetze(facts))


def _fallzahlen(facts: Facts) -> str:
    m, frueher = muster()["interessenvertretung"], []
    for wann, block in (("vorquartal", facts.fallzahlen_vorquartal), ("vorjahresquartal", facts.fallzahlen_vorjahresquartal)):
        if block:
            frueher.append(muster()["vergleich_teil"].format(wann=muster()[wann], wert=auf5(block.gesamt.durchschnittlich_belegte_plaetze)))
    plaetze = auf5(facts.fallzahlen.quartal.gesamt.durchschnittlich_belegte_plaetze)
    texte = [m["fallzahlen"].format(quartal=facts.quartal.lang, plaetze=plaetze, vergleich=f" ({', '.join(frueher)})" if frueher else "")]
    jahr = next((j for j in (facts.trend.gesamt.jahresmittel if facts.trend.gesamt else ()) if int(j.periode) >= facts.quartal.jahr), None)
    if jahr:
        mittel, unten, oben = (auf5(x) for x in (jahr.mittel, jahr.unten80, jahr.oben80))
        art = "ausblick_eng" if unten == oben else "ausblick_klein" if jahr.unten80 < KLEIN else "ausblick"
        texte.append(m[art].format(jahr=jahr.periode, mittel=mittel, unten=unten, oben=oben))
    return " ".join(texte)


def _personal(facts: Facts) -> str:
    """VK in steps of what 5 places need, so that the needed VK tell no more than the places."""
    p, m = facts.personal.quartal.gesamt, muster()["interessenvertretung"]
    vk, soll = getattr(p.vk_anteilig, leitmassstab(facts)), p.vk_soll
    plaetze = facts.fallzahlen.quartal.gesamt.durchschnittlich_belegte_plaetze
    if vk is None or soll is None or not plaetze:
        return str(muster()["personal"]["keine_angaben" if vk is None else "unvollstaendig"])
    stufe = schritt(max(vk, soll) * KLEIN / plaetze)
    da, noetig = _rund(vk, stufe), _rund(soll, stufe)
    lage = "gleich" if da == noetig else "mehr" if da > noetig else "weniger"
    stellen = 0 if stufe == stufe.to_integral_value() else 1 if stufe * 10 == (stufe * 10).to_integral_value() else 2
    return f"{m['personal'].format(**{k: f.zahl(w, stellen) for k, w in (('vk', da), ('soll', noetig), ('schritt', stufe))})} " \
           f"{m['personal_' + lage]}"


def _euro(facts: Facts) -> str:
    """Value delivered in steps of what 5 places are worth; the budgeted value is agreed and exact."""
    a, m = facts.abweichung.kumuliert.gesamt, muster()["interessenvertretung"]
    plaetze = Fraction(a.ist_tage or 0, facts.quartal.kumuliert.tage)
    if a.ist_eur is None or not a.soll_eur or plaetze < KLEIN:
        return str(m["euro_ohne"])
    stufe = schritt(Fraction(a.ist_eur) * KLEIN / plaetze)
    ist = _rund(a.ist_eur, stufe)
    lage = "gleich" if abs(ist - a.soll_eur) <= stufe / 2 else "darueber" if ist > a.soll_eur else "darunter"
    return f"{m['euro'].format(ist=f.euro(ist, 0), schritt=f.euro(stufe, 0), soll=f.euro(a.soll_eur, 0))} {m['euro_' + lage]}"


def tabellen(facts: Facts) -> dict[str, list[Tabelle]]:
    """Case numbers per offer and places per need group of the quarter, every cell rounded."""
    b, basis = facts.fallzahlen.quartal, f"Eigene Kostenträger, {facts.quartal.lang}; auf 5 gerundet, Summen können daher abweichen"

    def zeile(name: str, x: Fallzahlen) -> tuple[str, ...]:
        return (name, *map(auf5, (x.durchschnittlich_belegte_plaetze, x.stichtagszahl, x.faelle_im_zeitraum, x.zugaenge, x.abgaenge)))

    kopf = ("Belegte Plätze", "Stichtag", "Fälle im Zeitraum", "Zugänge", "Abgänge")
    faelle = Tabelle("Fallzahlen", basis, spalten("Angebot", *((k, "gerundet") for k in kopf)), (
        *(zeile(facts.angebot(k).bezeichnung, x) for k, x in b.je_angebot.items()), zeile("Träger gesamt", b.gesamt)), summenzeile=True)
    gruppen = []
    for k, x in facts.hbg.quartal.je_angebot.items():
        plaetze, name = b.je_angebot[k].durchschnittlich_belegte_plaetze, facts.angebot(k).bezeichnung
        if set(x.anteile) - {"ohne"} and plaetze >= KLEIN:
            gruppen += [(name, f"HBG {h}", auf5(x.anteile[h] * plaetze)) for h in sorted(x.anteile, key=gruppenrang)]
            gruppen.append((name, "davon „+S“", auf5((x.anteil_s or 0) * plaetze)))
    hbg = Tabelle("Belegte Plätze nach Hilfebedarfsgruppe", basis, spalten("Angebot", "Gruppe", ("Belegte Plätze", "gerundet")),
                  tuple(gruppen))
    return {"fallzahlen": [faelle], "hbg": [hbg]}


def _eintrag(x: Massnahme) -> Massnahme:
    """An entry with its words only; a column nobody thought of is absent."""
    weg: dict[str, Any] = {feld.name: None for feld in fields(x) if feld.name not in WORTE}
    return replace(x, **weg)


def seite(facts: Facts, herkunft: Mapping[str, str], korrektur: str = "", fassung: int = 1) -> str:
    """The whole page."""
    m, t = muster()["interessenvertretung"], tabellen(facts)
    k = facts.massnahmen
    karte = replace(k, liste=tuple(map(_eintrag, k.liste)), weitere=(), vorhaben=(), mittel=(),
                    aenderungen=tuple(replace(a, felder=()) for a in k.aenderungen))
    offen = replace(facts, massnahmen=karte,
                    hinweise=tuple(h for h in facts.hinweise if h.schluessel in HINWEISE))
    gruppen = "".join(x.html() for x in t["hbg"] if x.zeilen) or f"<p>{m['hbg_ohne']}</p>"
    faelle = [f'<p class="marke">{m["rundung"]}</p>',
              sections.abschnitt("fallzahlen", "Fallzahlen", *(x.html() for x in t["fallzahlen"])).text,
              sections.abschnitt("hbg", "HBG-Mix und „+S“", gruppen).text] if facts.angebote else []
    teile = [sections.antwortblock(antworten(facts), ("fallzahlen", "hbg", "massnahmen")).text, *faelle,
             sections.massnahmen(offen).text, sections.hinweise(offen).text]
    name = f"{titel(facts)} – {facts.name} – {m['titel']}"
    return html.seite(sections.kopf(facts, m["titel"]).text, teile, sections.herkunft(facts, herkunft).text, name, korrektur, fassung)
