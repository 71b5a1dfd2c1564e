"""The report for the Interessenvertretung: nothing about fewer than 5 persons, nothing from which it could be recomputed.

It is built up from a few figures, not cut out of the full report, so that a figure nobody thought of is absent and not published.
Persons and places are rounded to a multiple of 5, below 5 they read „unter 5“ (0 as well); Euro and VK to steps that 5 persons make,
not shown where a step is more than a tenth of them.
So a small cell keeps a range of at least 2,5 persons for who compares sums and parts (a total T means T ± 2,5, a part R at least
R − 2,5). No rates, no mean groups, no shares, no months, no special cases, no transitions. Not claimed: what a reader could combine with
earlier quarters' reports, or with rates and keys known from elsewhere (there Euro and VK leave less; tested on the examples only).
Not here: what the parties wrote themselves (goals, measures) is shown as they wrote it, without its figures and names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from decimal import Decimal
from fractions import Fraction
from html import escape
from typing import Any

from traeger_lib.analysis.facts import Facts, Fallzahlen, Hinweis
from traeger_lib.analysis.rates import gruppenrang
from traeger_lib.analysis.scorecard import Massnahme
from traeger_lib.reporting import charts, content, html, sections
from traeger_lib.reporting import formats as f
from traeger_lib.reporting.origin import begriffe
from traeger_lib.reporting.sentences import Satz, leitmassstab, muster, saetze, seit, seit_gespraech, titel, zu_wenige
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
    """The next of 1, 2, 3, 4, 5, 6, 8, 10, 20 … (or 0,1, 0,2 …) that is not smaller.

    >>> [str(schritt(Fraction(x))) for x in ("0.3", "1.2", "46900")]
    ['0.3', '2', '5E+4']
    """
    stufen = (Decimal(n).scaleb(e) for e in range(-1, 12) for n in (1, 2, 3, 4, 5, 6, 8))
    return next(s for s in stufen if Fraction(s) >= mindestens)


def antworten(facts: Facts) -> tuple[Satz, ...]:
    """The five answers in this report's rounding; also what its mail may say."""
    m, texte = muster()["interessenvertretung"], {"euro": _euro(facts), "fallzahlen": _fallzahlen(facts), "personal": _personal(facts)}
    texte |= {"hbg": m["hbg" if tabellen(facts)["hbg"][0].zeilen else "hbg_ohne"], "massnahmen": saetze(facts)[-1].text}
    wenige = {k: muster()["zu_wenige"] for k in ("euro", "fallzahlen", "personal", "hbg")} if zu_wenige(facts) else {}
    return tuple(replace(s, teile=((texte | wenige)[s.anker],)) for s in saetze(facts))


def _fallzahlen(facts: Facts) -> str:
    alle, m = muster(), muster()["interessenvertretung"]
    bloecke = (("vorquartal", facts.fallzahlen_vorquartal), ("vorjahresquartal", facts.fallzahlen_vorjahresquartal))
    frueher = [alle["vergleich_teil"].format(wann=alle[n], wert=auf5(b.gesamt.durchschnittlich_belegte_plaetze)) for n, b in bloecke if b]
    plaetze = auf5(facts.fallzahlen.quartal.gesamt.durchschnittlich_belegte_plaetze)
    texte = [m["fallzahlen" + "_vorlaeufig" * facts.vorlaeufig].format(
        quartal=facts.quartal.lang, plaetze=plaetze, vergleich=f" ({', '.join(frueher)})" if frueher else "")]
    jahr = next((j for j in (facts.trend.gesamt.jahresmittel if facts.trend.gesamt else ()) if int(j.periode) >= facts.quartal.jahr), None)
    if jahr:
        mittel, unten, oben = (auf5(x) for x in (jahr.mittel, jahr.unten80, jahr.oben80))
        art = "ausblick_eng" if unten == oben else "ausblick_klein" if jahr.unten80 < KLEIN else "ausblick"
        texte.append(m[art].format(jahr=jahr.periode, mittel=mittel, unten=unten, oben=oben))
    return " ".join(texte).replace("rund unter", "unter")


def _personal(facts: Facts) -> str:
    """Staff present and needed, where both and places are known."""
    p = facts.personal.quartal.gesamt
    vk, soll = getattr(p.vk_anteilig, leitmassstab(facts)), p.vk_soll
    plaetze = facts.fallzahlen.quartal.gesamt.durchschnittlich_belegte_plaetze
    if vk is None or soll is None or not plaetze:
        teils = any(x.vk is not None for x in facts.personal.quartal.je_angebot.values())
        return str(muster()["personal"]["unvollstaendig" if teils else "keine_angaben"])
    if not facts.ganz(facts.quartal.zeitraum):
        return str(muster()["interessenvertretung"]["vorlaeufig" if facts.vorlaeufig else "beginn"])
    return _vergleich("personal", vk, soll, plaetze)


def _euro(facts: Facts) -> str:
    """Value delivered and budgeted since the begin of the year."""
    a, m = facts.abweichung.kumuliert.gesamt, muster()["interessenvertretung"]
    plaetze = Fraction(a.ist_tage or 0, facts.quartal.kumuliert.ab(facts.budget_beginn).tage or 1)  # of the days that ist_eur holds
    if facts.vorlaeufig and a.soll_eur:
        return str(m["vorlaeufig"])
    if a.ist_eur is None or not a.soll_eur or plaetze < KLEIN:
        return str(m["euro_ohne"])
    return _vergleich("euro", Fraction(a.ist_eur), Fraction(a.soll_eur), plaetze).replace("Jahresbeginn", seit(facts))


def _vergleich(art: str, ist: Fraction, soll: Fraction, plaetze: Fraction) -> str:
    """What is there beside what was agreed, both in steps of what 5 places make of the larger, so that they tell no more than the places
    and compare with each other; figures only where a step is at most a tenth of them."""
    m, stufe = muster()["interessenvertretung"], schritt(max(ist, soll) * KLEIN / plaetze)
    a, b = (f.runde(x / Fraction(stufe)) * stufe for x in (ist, soll))
    werte = {k: f.zahl(x, int(stufe < 1)) for k, x in (("ist", a), ("soll", b), ("schritt", stufe))}
    lage = "gleich" if a == b else "mehr" if a > b else "weniger"
    return f"{m[art + '_klein' * (stufe * 10 > max(a, b))].format(**werte)} {m[f'{art}_{lage}']}"


def tabellen(facts: Facts) -> dict[str, list[Tabelle]]:
    """Case numbers per offer and places per need group of the quarter, every cell rounded."""
    b, zeit = facts.fallzahlen.quartal, facts.quartal.lang + " (vorläufig)" * facts.vorlaeufig
    basis = f"Eigene Kostenträger, {zeit}; auf 5 gerundet, Summen können daher abweichen"

    def zeile(name: str, x: Fallzahlen) -> tuple[str, ...]:
        return (name, *map(auf5, (x.durchschnittlich_belegte_plaetze, x.stichtagszahl, x.faelle_im_zeitraum, x.zugaenge, x.abgaenge)))

    kopf = spalten("Angebot", *((k, "gerundet") for k in ("Belegte Plätze", "Stichtag", "Fälle im Zeitraum", "Zugänge", "Abgänge")))
    faelle = Tabelle("Fallzahlen", basis + "; wer in mehreren Angeboten ist, zählt im Ganzen einmal" * (len(b.je_angebot) > 1), kopf, (
        *(zeile(facts.angebot(k).bezeichnung, x) for k, x in b.je_angebot.items()), zeile("Träger gesamt", b.gesamt)), summenzeile=True)
    gruppen = []
    for k, x in facts.hbg.quartal.je_angebot.items():
        plaetze, name = b.je_angebot[k].durchschnittlich_belegte_plaetze, facts.angebot(k).bezeichnung
        if set(x.anteile) - {"ohne"} and plaetze >= KLEIN:
            gruppen += [(name, f.gruppe(h), auf5(x.anteile[h] * plaetze)) for h in sorted(x.anteile, key=gruppenrang)]
            gruppen.append((name, "davon „+S“", auf5((x.anteil_s or 0) * plaetze)))
    hbg = Tabelle("Belegte Plätze nach Hilfebedarfsgruppe", basis, spalten("Angebot", "Gruppe", ("Belegte Plätze", "gerundet")),
                  tuple(gruppen))
    return {"fallzahlen": [faelle], "hbg": [hbg]}


def _gefuellt(tabellen: Iterable[Tabelle]) -> list[Tabelle]:
    """Tables without the columns that are withheld here: empty ones would read as „nobody responsible“."""
    da = [(t, [i for i in range(len(t.spalten)) if any(z[i] not in (None, "") for z in t.zeilen)]) for t in tabellen]
    return [replace(t, basis=t.basis.removeprefix("Eigenanteil: Teil der Mittel; "), spalten=tuple(t.spalten[i] for i in voll),
                    zeilen=tuple(tuple(z[i] for i in voll) for z in t.zeilen)) for t, voll in da]


def _massnahmen(facts: Facts) -> str:
    """The measures in words only (a field nobody thought of is absent), in the section of the full report."""
    k, m = facts.massnahmen, muster()["massnahmen"]
    weg: dict[str, Any] = dict.fromkeys({x.name for x in fields(Massnahme)} - WORTE)
    offen = replace(facts, massnahmen=replace(
        k, liste=tuple(replace(x, **weg) for x in k.liste), weitere=(), vorhaben=(), mittel=(),
        aenderungen=tuple(replace(a, felder=()) for a in k.aenderungen)))
    if not (bild := charts.massnahmen(offen)):
        return sections.massnahmen(offen).text
    satz = f"{seit_gespraech(offen)} {m['uebernommen'].format(anzahl=f.anzahl(k.uebernommen, 'Maßnahme', 'Maßnahmen'))}"
    tabellen = sections.tabellen_html(_gefuellt(content.fortschreibung(offen))).text
    return sections.abschnitt("massnahmen", "Maßnahmen", f"<p>{escape(satz)}</p>", tabellen,
                              sections.abbildung(replace(bild, tabellen=_gefuellt(bild.tabellen)))).text


def seite(facts: Facts, herkunft: Mapping[str, str], korrektur: str = "", fassung: int = 1) -> str:
    """The whole page."""
    m, t, methode = muster()["interessenvertretung"], tabellen(facts), dict(begriffe())
    hinweise = (*(h for h in facts.hinweise if h.schluessel in HINWEISE), Hinweis("weitere", m["hinweise"]))  # not said: whether there are
    worte = "".join(f"<dt>{escape(k)}</dt><dd>{escape(w)}</dd>" for k, w in ({n: methode[n] for n in m["methode"]} | m["begriffe"]).items())
    gruppen = "".join(x.html() for x in t["hbg"] if x.zeilen) or f"<p>{m['hbg_ohne']}</p>"
    faelle = [f'<p class="marke">{m["rundung"]}</p>',
              sections.abschnitt("fallzahlen", "Fallzahlen", *(x.html() for x in t["fallzahlen"])).text,
              sections.abschnitt("hbg", "HBG-Mix und „+S“", gruppen).text] if facts.angebote else []
    teile = [sections.antwortblock(antworten(facts), ("fallzahlen", "hbg", "massnahmen")).text, *faelle,
             _massnahmen(facts), sections.hinweise(replace(facts, hinweise=hinweise)).text,
             *[sections.abschnitt("begriffe", "Begriffe", f'<dl class="begriffe">{worte}</dl>').text] * bool(facts.angebote)]
    name = f"{titel(facts)} – {facts.name} – {m['titel']}"
    return html.seite(sections.kopf(facts, m["titel"]).text, teile, sections.herkunft(facts, herkunft).text, name, korrektur, fassung)
