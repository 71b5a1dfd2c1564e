"""The report's sections: each a function of Facts that returns HTML to show in a notebook cell or export as it is.

A new section is one function, one entry in ABSCHNITTE and one cell in `notebooks/quartalsbericht.ipynb`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from traeger_lib.analysis.facts import Facts
from traeger_lib.analysis.revisions import satz
from traeger_lib.reporting import charts, content
from traeger_lib.reporting import formats as f
from traeger_lib.reporting.origin import begriffe
from traeger_lib.reporting.sentences import hochrechnung, leitmassstab, muster, saetze, titel
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


def _abschnitt(anker: str, ueberschrift: str, *teile: str) -> Html:
    kopf = f'<h2 id="{anker}-titel">{escape(ueberschrift)}</h2>'
    return Html(f'<section id="{anker}" aria-labelledby="{anker}-titel">{kopf}{"".join(teile)}</section>')


def abbildung(a: Abbildung | None) -> str:
    """A chart as figure: question as caption, picture with alt text, basis, and its data folded below."""
    if a is None:
        return ""
    bild = base64.b64encode(a.png).decode()
    tabellen = _falte("Tabelle zur Abbildung", a.tabellen)
    return (f'<figure><figcaption>{escape(a.titel)}<span class="basis">{escape(a.basis)}</span></figcaption>'
            f'<img src="data:image/png;base64,{bild}" alt="{escape(a.alt, quote=True)}" width="{a.breite}" height="{a.hoehe}">'
            f"</figure>{tabellen}")


def _falte(text: str, tabellen: Sequence[Tabelle]) -> str:
    inhalt = "".join(t.html() for t in tabellen if t.zeilen)
    return f"<details><summary>{escape(text)}</summary>{inhalt}</details>" if inhalt else ""


def _tabellen(tabellen: Sequence[Tabelle]) -> str:
    return "".join(t.html() for t in tabellen if t.zeilen)


def _bild(facts: Facts, schluessel: str) -> str:
    zeichnen = charts.ABBILDUNGEN.get(schluessel)
    return abbildung(zeichnen(facts)) if zeichnen else ""


def kopf(facts: Facts) -> Html:
    """The first screen: who, when, the five answers and the row of key figures."""
    b = facts.budget
    rahmen = [f"Datenstand {f.tag(facts.datenstand)}" + (" (vorläufig)" if facts.vorlaeufig else ""),
              f"Gespräch am {f.tag(facts.termin)}" if facts.termin else "Gesprächstermin offen",
              f"Budget {b.budgetjahr}, Version {b.version}" if b else "kein Budget beschlossen"]
    zeilen = "".join(f'<div class="antwort"><dt><span aria-hidden="true">{s.nummer}</span> <a href="#{s.anker}">{escape(s.titel)}</a></dt>'
                     f"<dd>{escape(s.text)}</dd></div>" for s in saetze(facts))
    marken = [facts.bestandshinweis or (muster()["erfunden"] if facts.erfunden else "")]
    if facts.vorlaeufig:
        marken.append(muster()["vorlaeufig"].format(datenstand=f.tag(facts.datenstand), ende=f.tag(facts.quartal.zeitraum.bis)))
    hinweise = "".join(f'<p class="marke">{escape(t)}</p>' for t in marken if t)
    return Html(
        f'<header class="kopf"><p class="traeger">{escape(", ".join(t for t in (facts.name, facts.ort) if t))}</p>'
        f'<h1>{escape(titel(facts))}</h1><p class="rahmen">{escape(" · ".join(rahmen))}</p>{hinweise}</header>'
        f'<section aria-labelledby="leitfrage"><h2 id="leitfrage" class="leitfrage">{escape(muster()["leitfrage"])}</h2>'
        f'<dl class="antworten">{zeilen}</dl>{_kacheln(facts)}</section>')


def _kacheln(facts: Facts) -> str:
    """The row of key figures, each linking to its section."""
    a, p = facts.abweichung.kumuliert.gesamt, facts.personal.quartal.gesamt
    vk = getattr(p.vk_anteilig, leitmassstab(facts))
    m = facts.massnahmen
    fertig = sum(n for s, n in m.je_status.items() if s in ("laufend", "abgeschlossen"))
    werte = [
        ("fallzahlen", "belegte Plätze", f.zahl(facts.fallzahlen.quartal.gesamt.durchschnittlich_belegte_plaetze, 1)),
        ("hbg", "Mixindex", f.zahl(facts.hbg.quartal.gesamt.mixindex, 2)),
        ("personal", "VK anteilig von nötig", f"{f.zahl(vk, 1)} von {f.zahl(p.vk_soll, 1)}"),
        ("euro", "Abweichung seit Jahresbeginn", f.euro_rund(a.abweichung_eur, vorzeichen=True)),
        ("massnahmen", "Maßnahmen laufend oder fertig", f"{fertig} von {len(m.liste)}" if m.liste else f.FEHLT),
    ]
    kacheln = "".join(f'<li><a href="#{anker}"><strong>{escape(wert)}</strong><span>{escape(name)}</span></a></li>'
                      for anker, name, wert in werte)
    return f'<ul class="kacheln" aria-label="Kennzahlen">{kacheln}</ul>'


def fallzahlen(facts: Facts) -> Html:
    """Case numbers and trend."""
    return _abschnitt("fallzahlen", "Fallzahlen und Trend", _bild(facts, "fallzahlen"), _bild(facts, "fallzahlen_je_angebot"),
                      _tabellen(content.fallzahlen(facts)[:1]), _falte("Seit Jahresbeginn", content.fallzahlen(facts)[1:]),
                      _nachmeldungen(facts),
                      f"<p>{escape(hochrechnung(facts))}</p>" if facts.hochrechnung else "", _tabellen(content.trend(facts)[-1:]),
                      _falte("Trend, Brüche und Rückblick auf frühere Prognosen", content.trend(facts)[:-1]))


def _nachmeldungen(facts: Facts) -> str:
    """What was reported late since the earlier state: a sentence, and a table that is folded where it is long."""
    v = facts.vergleich
    if v is None:
        return ""
    text = satz(v.nachmeldungen) or muster()["keine_nachmeldungen"].format(datenstand=f.tag(v.datenstand))
    tabellen = content.nachmeldungen(facts)
    lang = len(v.nachmeldungen) > NACHMELDUNGEN_OFFEN
    return f"<p>{escape(text)}</p>" + (_falte("Geänderte Monate je Angebot", tabellen) if lang else _tabellen(tabellen))


def hbg(facts: Facts) -> Html:
    """Need groups and „+S“, granted and S-neutral side by side."""
    t = content.hbg(facts)
    return _abschnitt("hbg", "HBG-Mix und „+S“", _bild(facts, "hbg_mix"), _tabellen(t[:1]),
                      _falte("Anteile der Gruppen; seit Jahresbeginn", t[1:]))


def euro(facts: Facts) -> Html:
    """Volume and budget: deviation, derivation, instalments, Puffer, rates."""
    a, b = content.abweichung(facts), content.budget(facts)
    return _abschnitt("euro", "Leistungsvolumen und Budget", _bild(facts, "abweichung"), _tabellen(a[3:4]),
                      _falte(f"Nur {facts.quartal.lang}", a[:2]), _bild(facts, "korridor"), _tabellen(b[-2:]),
                      _falte("Herleitung des Budgets und Raten", b[:-2]), _falte("Entgelte", content.entgelte(facts)))


def personal(facts: Facts) -> Html:
    """Staffing: needed, present, shortfall and surplus."""
    t = content.personal(facts)
    if not any(p.vk is not None or p.vk_soll for p in facts.personal.quartal.je_angebot.values()):
        return _abschnitt("personal", "Personal", f"<p>{escape(muster()['personal']['keine_angaben'])}</p>")
    return _abschnitt("personal", "Personal", _bild(facts, "personal"), _tabellen(t[:1]), _falte("Seit Jahresbeginn", t[1:2]),
                      _tabellen(t[2:]))


def bewegungen(facts: Facts) -> Html:
    """Events, free places, transitions, admissions, special cases."""
    t = content.bewegungen(facts)
    inhalt = _tabellen(t[:2]) + _falte("Wechsel zwischen Gruppen, Zugänge, besondere Fälle", t[2:])
    return _abschnitt("bewegungen", "Zugänge, Abgänge, freie Plätze", inhalt or "<p>Dazu liegen keine Fallzeilen vor.</p>")


def massnahmen(facts: Facts) -> Html:
    """The scorecard's measures."""
    return _abschnitt("massnahmen", "Maßnahmen", _bild(facts, "massnahmen") or f"<p>{escape(muster()['massnahmen']['keine'])}</p>")


def hinweise(facts: Facts) -> Html:
    """Remarks on the data."""
    punkte = "".join(f"<li>{escape(h.text)}</li>" for h in facts.hinweise)
    return _abschnitt("hinweise", "Hinweise aus den Daten", f"<ul>{punkte}</ul>" if punkte else "<p>Keine.</p>")


def methode(facts: Facts, herkunft: Mapping[str, str]) -> Html:
    """Method, terms and provenance: from which data, code and parameters every figure came."""
    eintraege = "".join(f"<dt>{escape(b)}</dt><dd>{escape(t)}</dd>" for b, t in begriffe())
    zeilen = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in {**herkunft, **content.frueherer_stand(facts)}.items())
    return Html(_abschnitt("methode", "Methode und Begriffe", f'<dl class="begriffe">{eintraege}</dl>').text
                + f'<footer class="herkunft"><h2>Herkunft</h2><dl>{zeilen}</dl>'
                "<p>Gesprächsgrundlage für das Steuerungsgespräch.</p></footer>")


ABSCHNITTE: dict[str, Callable[[Facts], Html]] = {
    "kopf": kopf, "fallzahlen": fallzahlen, "hbg": hbg, "euro": euro, "personal": personal, "bewegungen": bewegungen,
    "massnahmen": massnahmen, "hinweise": hinweise,
}
