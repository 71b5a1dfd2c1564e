"""The report's sections: each a function of Facts that returns HTML to show in a notebook cell or export as it is.

A new section is one function, one entry in ABSCHNITTE and one cell in `notebooks/quartalsbericht.ipynb`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from typing import Any

from traeger_lib.analysis.facts import Facts
from traeger_lib.analysis.revisions import satz
from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.reporting import charts, content
from traeger_lib.reporting import formats as f
from traeger_lib.reporting.origin import begriffe
from traeger_lib.reporting.sentences import (
    Satz,
    abweichung_anteil,
    erfuellung,
    gerundet,
    hochrechnung,
    leitfrage,
    leitmassstab,
    mit_gruppen,
    muster,
    saetze,
    seit,
    seit_gespraech,
    titel,
    vk_stellen,
    zu_wenige,
)
from traeger_lib.reporting.tables import Abbildung, Tabelle

NACHMELDUNGEN_OFFEN = 12  # rows of the table of late reports that are shown unfolded


@dataclass(frozen=True, slots=True)
class Html:
    """A piece of the report; Jupyter shows it, the exporter takes it as it is."""

    text: str

    def _repr_html_(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Abschnitt, {len(self.text)} Zeichen>"


def abschnitt(anker: str, ueberschrift: str, *teile: str) -> Html:
    """A section with its heading, a named region of the page."""
    kopf = f'<h2 id="{anker}-titel">{escape(ueberschrift)}</h2>'
    return Html(f'<section id="{anker}" aria-labelledby="{anker}-titel">{kopf}{"".join(teile)}</section>')


def abbildung(a: Abbildung | None) -> str:
    """A chart as figure: question as caption, picture with alt text, basis, and its data folded below."""
    if a is None:
        return ""
    bild = base64.b64encode(a.png).decode()
    tabellen = _falte("Tabelle zur Abbildung", a.tabellen)
    return (f'<figure><figcaption>{escape(a.titel)}<span class="basis">{escape(a.basis)}</span></figcaption>'
            f'<div class="bild {a.schluessel}" tabindex="0" role="group" aria-label="Bild: {escape(a.titel, quote=True)}">'
            f'<img src="data:image/png;base64,{bild}" alt="{escape(a.alt, quote=True)}" width="{a.breite}" height="{a.hoehe}"></div>'
            f"</figure>{tabellen}")


def _falte(text: str, tabellen: Sequence[Tabelle], schon: Sequence[Tabelle] = ()) -> str:
    """Folded tables, without those that repeat one already shown (in a first quarter the year to date is the quarter)."""
    inhalt = _tabellen(content.einmalig([*schon, *tabellen])[len(content.einmalig(schon)):])
    return f"<details><summary>{escape(text)}</summary>{inhalt}</details>" if inhalt else ""


def _tabellen(tabellen: Sequence[Tabelle]) -> str:
    return "".join(t.html() for t in tabellen if t.zeilen)


def tabellen_html(tabellen: Sequence[Tabelle]) -> Html:
    """Tables alone, for a notebook cell."""
    return Html(_tabellen(tabellen))


def _bild(facts: Facts, schluessel: str) -> str:
    zeichnen = charts.ABBILDUNGEN.get(schluessel)
    return abbildung(zeichnen(facts)) if zeichnen else ""


def kopf(facts: Facts, zusatz: str = "") -> Html:
    """Who, when, from which data; what is invented or provisional. The page sets it as its banner. A version of the report (`zusatz`) for
    others than the parties names no amount."""
    b = facts.budget
    rahmen = [f"Datenstand {f.tag(facts.datenstand)}" + (" (vorläufig)" if facts.vorlaeufig else ""),
              f"Gespräch am {f.tag(facts.termin)}" if facts.termin else "Gesprächstermin offen",
              f"Budget {b.budgetjahr}, Version {b.version}" + f": {f.euro(b.gesamt_eur, 0)}" * (not zusatz) if b else
              muster()["budget_offen" if facts.abweichung.kumuliert.gesamt.soll_eur is not None else "kein_budget"] if facts.angebote else
              "Maßnahmenplan ohne fallbezogenes Budget"]
    marken = [facts.bestandshinweis or (muster()["erfunden"] if facts.erfunden else "")]
    if facts.vorlaeufig:
        ende = facts.quartal.zeitraum.bis
        marken.append(muster()["vorlaeufig" if facts.datenstand < ende else "vorlaeufig_monate"].format(
            datenstand=f.tag(facts.datenstand), ende=f.tag(ende)))
    hinweise = "".join(f'<p class="marke">{escape(t)}</p>' for t in marken if t)
    return Html(f'<p class="traeger">{escape(", ".join(t for t in (facts.name, facts.ort) if t))}</p>'
                f"<h1>{escape(titel(facts) + (f', {zusatz}' if zusatz else ''))}</h1>"
                f'<p class="rahmen">{escape(" · ".join(rahmen))}</p>{hinweise}')


def antworten(facts: Facts, ziele: Collection[str]) -> Html:
    """The five answers and the row of key figures, each linked to its section where the report has it (`ziele`)."""
    return antwortblock(saetze(facts), ziele, _kacheln(facts, ziele))


def antwortblock(antworten: Sequence[Satz], ziele: Collection[str], kacheln: str = "") -> Html:
    """The leading question, an answer a line."""
    zeilen = "".join(f'<div class="antwort"><dt><span aria-hidden="true">{s.nummer}</span> {_verweis(s.anker, escape(s.titel), ziele)}'
                     f"</dt><dd>{escape(f.gebunden(s.text))}</dd></div>" for s in antworten)
    return Html(f'<section aria-labelledby="leitfrage"><h2 id="leitfrage" class="leitfrage">{escape(leitfrage(antworten))}</h2>'
                f'<dl class="antworten">{zeilen}</dl>{kacheln}</section>')


def _verweis(anker: str, html: str, ziele: Collection[str]) -> str:
    return f'<a href="#{anker}">{html}</a>' if anker in ziele else f"<span>{html}</span>"


def _kacheln(facts: Facts, ziele: Collection[str]) -> str:
    """The row of key figures with their course; a provisional quarter shows none that missing days would distort."""
    a, p, mass, n = facts.abweichung.kumuliert.gesamt, facts.personal.quartal.gesamt, leitmassstab(facts), vk_stellen(facts)
    m, monate, q, vk, soll = facts.massnahmen, facts.verlauf[-24:], facts.quartalsverlauf, getattr(p.vk_anteilig, mass), p.vk_soll
    fertig, mit_index = sum(k for s, k in m.je_status.items() if s in ("laufend", "abgeschlossen")), mit_gruppen(facts)
    mit_index = mit_index and not facts.verfahren.ein_satz
    plaetze: Fraction | None = facts.fallzahlen.quartal.gesamt.durchschnittlich_belegte_plaetze
    betrag, name = None if a.abweichung_eur is None or not facts.budgettage else gerundet(a)[0], "belegte Plätze"
    if facts.vorlaeufig:
        plaetze, name = monate[-1].plaetze if monate else None, f"belegte Plätze, {f.monat(monate[-1].monat)}" if monate else name
        betrag, q = None, q[:-1]
    soll = soll if facts.ganz(facts.quartal.zeitraum) else None
    personal = (("VK eingesetzt", f.zahl(vk, n)) if soll is None else ("VK nötig, eingesetzte nicht bekannt", f.zahl(soll, n))
                if vk is None else ("VK eingesetzt von nötig", f"{f.zahl(vk, n)} von {f.zahl(soll, n)}"))
    wann = "seit Jahresbeginn" if seit(facts) == "Jahresbeginn" else f"seit {f.tag(facts.budget_beginn)}"
    wann = wann if facts.budgettage else f"(Budget ab {f.tag(facts.budget_beginn)})"
    werte: list[tuple[str, str, str, str]] = [
        ("fallzahlen", name, "unter 5" if zu_wenige(facts) and plaetze else f.zahl(plaetze, 1),
         linie([x.plaetze for x in monate], f"{len(monate)} Monate", lambda x: f.zahl(x, 1), 0.05 * float(plaetze or 0))),
        ("hbg", "Mixindex (Budget = 1)", f.zahl(facts.hbg.quartal.gesamt.mixindex if mit_index and not zu_wenige(facts) else None, 2),
         linie([s.mix.mixindex for s in q if mit_index], "Quartale", lambda x: f.zahl(x, 2), 0.04)),
        ("personal", *personal, linie([erfuellung(s.personal, mass, n) for s in q], "Differenz je Quartal",
                                      lambda x: f"{f.zahl(x, n, vorzeichen=True)} VK", 0.04 * float(soll or 0))),
        ("euro", f"Abweichung {wann}", f.euro(betrag, 0, vorzeichen=True), linie(
            [abweichung_anteil(s.abweichung) for s in q], "Abweichung je Quartal", lambda x: f.prozent(x, vorzeichen=True), 0.04)),
        ("massnahmen", "Maßnahmen laufend oder fertig", f"{fertig} von {len(m.liste)}" if m.liste else f.FEHLT, ""),
    ][0 if facts.angebote else -1:]
    kacheln = "".join(f"<li>{_verweis(k, f'<strong>{escape(wert)}</strong> <span>{escape(text)}</span> {bild}', ziele)}</li>"
                      for k, text, wert, bild in werte)
    worte = f'<p class="worte">{escape(muster()["worte"])}</p>' if facts.angebote else ""
    return f'<ul class="kacheln" aria-label="Kennzahlen">{kacheln}</ul>{worte}'


def linie(werte: Sequence[Any], was: str, form: Callable[[Any], str], spanne: float = 0.0) -> str:
    """A sparkline as inline SVG, its text alternative says from what to what; nothing for fewer than three figures. A gap stays a gap.
    Its height stands for `spanne` at least, so that a change too small to show stays flat."""
    da = [w for w in werte if w is not None]
    if len(da) < 3:
        return ""
    lo, hi = min(da), max(da)
    mitte, hoehe = float(lo + hi) / 2, max(float(hi - lo), spanne) or 1.0
    erster = next(i for i, w in enumerate(werte) if w is not None)
    weite = 94 / max(len(werte) - erster - 1, 1)
    stellen = [(i, round(3 + weite * (i - erster), 1), round(15 - 18 * (float(w) - mitte) / hoehe, 1))
               for i, w in enumerate(werte) if w is not None]
    pfad = "".join(f"{'M' if i == erster or werte[i - 1] is None else 'L'}{x} {y}" for i, x, y in stellen)
    text = f"Verlauf, {was}: von {form(da[0])} auf {form(da[-1])}, dazwischen {form(lo)} bis {form(hi)}"
    return (f'<svg role="img" aria-label="{escape(text, quote=True)}" viewBox="0 0 100 30" preserveAspectRatio="xMinYMid" '
            f'class="linie"><path d="{pfad}"/>'
            f'<circle cx="{stellen[-1][1]}" cy="{stellen[-1][2]}" r="2.5"/></svg>')


def fallzahlen(facts: Facts) -> Html:
    """Case numbers and trend."""
    t = content.fallzahlen(facts)
    return abschnitt("fallzahlen", "Fallzahlen und Trend", _bild(facts, "fallzahlen"), _bild(facts, "fallzahlen_je_angebot"),
                      _tabellen(t[:1]), _falte("Seit Jahresbeginn", t[1:], t[:1]),
                      _tabellen(content.sektoren(facts)), _nachmeldungen(facts),
                      f"<p>{escape(f.gebunden(hochrechnung(facts)))}</p>" if facts.hochrechnung else "",
                      _tabellen(content.trend(facts)[-1:]),
                      _falte("Trend, Brüche und Rückblick auf frühere Prognosen", content.trend(facts)[:-1]))


def _nachmeldungen(facts: Facts) -> str:
    """What was reported late since the earlier state: a sentence, and a table that is folded where it is long."""
    v = facts.vergleich
    if v is None:
        return ""
    text = satz(v) or muster()["keine_nachmeldungen"].format(datenstand=f.tag(v.datenstand))
    tabellen = content.nachmeldungen(facts)
    lang = len(v.nachmeldungen) > NACHMELDUNGEN_OFFEN
    return f"<p>{escape(text)}</p>" + (_falte("Geänderte Monate je Angebot", tabellen) if lang else _tabellen(tabellen))


def hbg(facts: Facts) -> Html:
    """Need groups and „+S“, granted and S-neutral side by side."""
    t = content.hbg(facts)
    if not mit_gruppen(facts):
        return abschnitt("hbg", "HBG-Mix und „+S“", f"<p>{escape(saetze(facts)[1].text)}</p>")
    return abschnitt("hbg", "HBG-Mix und „+S“", _bild(facts, "hbg_mix"), _tabellen(t[:1]),
                      _falte("Anteile der Gruppen" + "; seit Jahresbeginn" * (facts.quartal.nummer > 1), t[1:], t[:1]))


def euro(facts: Facts) -> Html:
    """Volume and budget: deviation, derivation, instalments, Puffer, rates."""
    a, b = content.abweichung(facts), content.budget(facts)
    bild = _bild(facts, "abweichung") or _falte("Vorläufige Abweichung" if facts.vorlaeufig else "Tabelle zur Abweichung", a[2:3])
    noch_nicht = "" if facts.budgettage else f"<p>{escape(saetze(facts)[3].text)}</p>"
    return abschnitt("euro", "Leistungsvolumen und Budget", noch_nicht, bild, _tabellen(a[3:4]),
                      _falte(f"Nur {facts.quartal.lang}", a[:2], a[2:]), _bild(facts, "korridor"), _tabellen(b[2:]),
                      _falte("Herleitung des Budgets und Raten", b[:2]), _falte("Entgelte", content.entgelte(facts)))


def personal(facts: Facts) -> Html:
    """Staffing: needed, present, shortfall and surplus."""
    t = content.personal(facts)
    if not any(p.vk is not None for p in facts.personal.quartal.je_angebot.values()):
        return abschnitt("personal", "Personal", f"<p>{escape(saetze(facts)[2].text)}</p>")
    return abschnitt("personal", "Personal", _bild(facts, "personal"), _tabellen(t[:1]), _falte("Seit Jahresbeginn", t[1:2], t[:1]),
                      _tabellen(t[2:]))


def bewegungen(facts: Facts) -> Html:
    """Events, free places, transitions, admissions, special cases."""
    t = content.bewegungen(facts)
    inhalt = _tabellen(t[:2]) + _falte("Wechsel zwischen Gruppen, Zugänge, besondere Fälle", t[2:])
    return abschnitt("bewegungen", "Zugänge, Abgänge, freie Plätze", inhalt or "<p>Dazu liegen keine Fallzeilen vor.</p>")


def massnahmen(facts: Facts) -> Html:
    """The scorecard: what changed since the last meeting, what is carried over and overdue, all measures, projects."""
    k, m = facts.massnahmen, muster()["massnahmen"]
    if not k.liste and not k.weitere:
        return abschnitt("massnahmen", "Maßnahmen", f"<p>{escape(m['keine'])}</p>")
    satz = " ".join([seit_gespraech(facts), m["uebernommen"].format(anzahl=f.anzahl(k.uebernommen, "Maßnahme", "Maßnahmen"))])
    return abschnitt("massnahmen", "Maßnahmen", f"<p>{escape(satz)}</p>", _tabellen(content.fortschreibung(facts)),
                      _bild(facts, "massnahmen"), _bild(facts, "vorhaben"))


def hinweise(facts: Facts) -> Html:
    """Remarks on the data."""
    punkte = "".join(f"<li>{escape(h.text)}</li>" for h in facts.hinweise)
    return abschnitt("hinweise", "Hinweise aus den Daten", f"<ul>{punkte}</ul>" if punkte else "<p>Keine.</p>")


def methode(_: Facts) -> Html:
    """Method and terms: how every figure is computed."""
    eintraege = "".join(f"<dt>{escape(b)}</dt><dd>{escape(t)}</dd>" for b, t in begriffe())
    return abschnitt("methode", "Methode und Begriffe", f'<dl class="begriffe">{eintraege}</dl>')


def herkunft(facts: Facts, angaben: Mapping[str, str]) -> Html:
    """Provenance: from which data, code and parameters every figure came. The page sets it as its footer, in every report."""
    return fuss({**angaben, **content.frueherer_stand(facts)})


def fuss(angaben: Mapping[str, str]) -> Html:
    """The footer of a page, from what it was made of."""
    zeilen = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in angaben.items())
    return Html(f"<h2>Herkunft</h2><dl>{zeilen}</dl><p>Gesprächsgrundlage für das Steuerungsgespräch.</p>")


ABSCHNITTE: dict[str, Callable[[Facts], Html]] = {
    "fallzahlen": fallzahlen, "hbg": hbg, "euro": euro, "personal": personal, "bewegungen": bewegungen,
    "massnahmen": massnahmen, "hinweise": hinweise, "methode": methode,
}
UMFANG = {"lang": tuple(ABSCHNITTE), "kurz": ("fallzahlen", "euro", "massnahmen", "hinweise")}


def auswahl(abschnitte: str) -> tuple[str, ...]:
    """Names of the sections to show, from „lang“, „kurz“ or names with commas between. TraegerFehler for an unknown one."""
    namen = UMFANG.get(abschnitte) or tuple(n for n in abschnitte.replace(" ", "").split(",") if n)
    if unbekannt := [n for n in namen if n not in ABSCHNITTE]:
        raise TraegerFehler(f"Unbekannter Abschnitt: {', '.join(unbekannt)}. Möglich sind {', '.join((*UMFANG, *ABSCHNITTE))}.")
    return namen


def zeige(facts: Facts, abschnitte: str = "lang") -> Callable[[str], Html | None]:
    """What a notebook cell calls: a section by its name, nothing where it was left out."""
    namen = auswahl(abschnitte)
    if not facts.angebote:  # an action plan has no cases to speak of
        namen = tuple(n for n in namen if n in ("massnahmen", "hinweise"))
    return lambda name: antworten(facts, namen) if name == "antworten" else ABSCHNITTE[name](facts) if name in namen else None
