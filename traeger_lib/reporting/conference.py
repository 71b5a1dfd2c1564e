"""The page and the workbook of the Sozialraumkonferenz: what `analysis.conference` shows, in words, tables and one picture.

Everything here is computed from the cells of `Konferenz`, so it says nothing they do not say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from html import escape
from typing import Any

from traeger_lib.analysis.conference import MIN_TRAEGER, Konferenz, Typ, Zahl, verdeckt
from traeger_lib.analysis.periods import Quartal
from traeger_lib.reporting import formats as f
from traeger_lib.reporting import style as st
from traeger_lib.reporting.sections import Html, abbildung, abschnitt
from traeger_lib.reporting.sentences import muster
from traeger_lib.reporting.tables import Abbildung, Tabelle, Wert, spalten


def titel(k: Konferenz) -> str:
    """„Sozialraumkonferenz 1. Quartal 2026“, or the funder's overview."""
    return f"Sozialraumkonferenz {k.quartal.lang}" if k.geschuetzt else f"Überblick für den Leistungsträger (ungeschützt) {k.quartal.lang}"


def summe(werte: Iterable[Zahl]) -> Zahl:
    """Sum, None where any part is missing or there is none."""
    liste = list(werte)
    return None if not liste or None in liste else sum(w for w in liste if w is not None)


def _durch(a: Zahl, b: Zahl, mal: int = 1) -> Any:
    return None if a is None or not b else Fraction(a) * mal / b


def marken(k: Konferenz) -> list[str]:
    """What stands above everything: unprotected, invented, provisional."""
    vorlaeufig = k.datenstand < k.quartal.zeitraum.bis
    zeit = muster()["vorlaeufig"].format(datenstand=f.tag(k.datenstand), ende=f.tag(k.quartal.zeitraum.bis)) if vorlaeufig else ""
    offen = "" if k.geschuetzt else muster()["konferenz"]["ungeschuetzt"]
    return [t for t in (offen, k.hinweis or muster()["erfunden"] * k.erfunden, zeit) if t]


def saetze(k: Konferenz) -> list[str]:
    """The picture in a few sentences; first what cannot be shown."""
    m, typen = muster()["konferenz"], k.typen
    texte = []
    if k.geschuetzt and k.anzahl_traeger < MIN_TRAEGER:
        texte.append(m["nichts"].format(anzahl="ist nur ein" if k.anzahl_traeger == 1 else "sind nur zwei"))
    elif not typen:
        texte.append(m["nichts_sicher"])
    if typen:
        s, alle, vk, soll = (summe(x) for x in zip(*((t.s, summe((t.s, t.ohne_s)), t.vk, t.vk_soll) for t in typen), strict=True))
        heute, jahr = summe(t.plaetze for t in typen), str(k.quartal.jahr + 1)
        texte.append(m["plaetze"].format(typen=f.anzahl(len(typen), "Leistungstyp", "Leistungstypen"), plaetze=f.zahl(heute),
                                         s=m["s"].format(anteil=f.prozent(_durch(s, alle), 0)) if alle else ""))
        mittel = summe(next((p.mittel for p in t.prognose if p.quartal.startswith(jahr)), None) for t in typen)
        texte += [m["trend"].format(jahr=jahr, mittel=f.zahl(mittel), heute=f.zahl(heute))] * (mittel is not None)
        texte += [m["personal"].format(vk=f.zahl(vk), soll=f.zahl(soll)), *[m["luecken"]] * k.geschuetzt] * (None not in (vk, soll))
    texte += [m["ziele" if len(k.ziele) > 1 else "ziel"].format(anzahl=len(k.ziele))] * bool(k.ziele and k.geschuetzt)
    texte += [m["zurueck"].format(typen=", ".join(k.zurueckgehalten))] * bool(typen and k.zurueckgehalten)
    texte += [m["neue"].format(typen=", ".join(k.unvollstaendig))] * bool(k.unvollstaendig)
    return [*texte, m["budgets"][min(k.anzahl_budget, MIN_TRAEGER)]]


def tabellen(k: Konferenz) -> dict[str, list[Tabelle]]:
    """Sheet or section → tables; rows in alphabetical order, the last row sums up what is shown."""
    if not k.typen:
        return {"Gemeinsame Ziele": [_ziele(k)]} if k.ziele else {}
    typen, jahr = k.typen, k.quartal.jahr + 1
    z, d, r = ("zahl", "text_rechts", "text_rechts") if k.geschuetzt else ("zahl1", "differenz1", "zahl1")
    schutz = "auf Vielfache von 5 gerundet" if k.geschuetzt else "ungeschützt, nur für den Leistungsträger"
    bis = f" bis {f.tag(k.datenstand)}" * (k.datenstand < k.quartal.zeitraum.bis)
    basis = f"Summe der Leistungserbringer, eigene Kostenträger, {k.quartal.lang}{bis}; {schutz}"
    summen = basis + ", Summen können daher abweichen" * k.geschuetzt

    def tabelle(ueberschrift: str, kopf: list[tuple[str, str]], zeile: Any) -> Tabelle:
        alle: list[tuple[Wert, ...]] = [*((t.leistungstyp, *zeile([t])) for t in typen), ("Gezeigte zusammen", *zeile(typen))]
        unter = muster()["konferenz"]["unter"] * any(art == "text_rechts" for _, art in kopf)
        return Tabelle(ueberschrift, summen + unter, spalten("Leistungstyp", *kopf), tuple(alle), summenzeile=True)

    def feld(ts: Iterable[Typ], name: str) -> Zahl:
        return summe(getattr(t, name) for t in ts)

    def minus(a: Zahl, b: Zahl, zellen: int, vorzeichen: bool = False) -> Wert:
        """a − b; protected in words: where rounding may hide all of it, what it stays below."""
        x = None if a is None or b is None else a - b
        return x if x is None or not k.geschuetzt else f"unter {g}" if (g := verdeckt(x, zellen)) else f.zahl(x, vorzeichen=vorzeichen)

    def plaetze(ts: Any) -> tuple[Wert, ...]:
        s, ohne, hbg = feld(ts, "s"), feld(ts, "ohne_s"), ts[0].mittlere_hbg if len(ts) == 1 else None
        return feld(ts, "plaetze"), feld(ts, "auswaertig"), s, _durch(s, summe((s, ohne)), 100), hbg

    def personal(ts: Any) -> tuple[Wert, ...]:
        vk, soll, p = feld(ts, "vk"), feld(ts, "vk_soll"), feld(ts, "plaetze")
        return vk, soll, minus(vk, soll, 2 * len(ts), True), _durch(p, vk), _durch(vk, p, 100)

    def luecken(ts: Any) -> tuple[Wert, ...]:
        belegt, zahl, n = summe((feld(ts, "plaetze"), feld(ts, "auswaertig"))), feld(ts, "platzzahl"), len(ts)
        ende = summe(t.prognose[-1].mittel if t.prognose else None for t in ts)
        return (zahl, belegt, minus(zahl, belegt, 3 * n), ende, minus(ende, feld(ts, "plaetze"), 2 * n, True),
                minus(feld(ts, "vk_soll"), feld(ts, "vk"), 2 * n))

    hbg = tuple((t.leistungstyp, h, n, _durch(n, summe(t.hbg.values()), 100)) for t in typen for h, n in t.hbg.items())
    return {
        "Plätze": [tabelle("Belegte Plätze, Auswärtige und „+S“", [
            ("Belegte Plätze", z), ("Auswärtige", z), ("Plätze mit „+S“", z), ("Anteil „+S“ %", z),
            ("Mittlere HBG", "zahl1")], plaetze)],
        "HBG-Mix": [Tabelle("Hilfebedarfsgruppen", summen + "; bewilligte Gruppe", spalten(
            "Leistungstyp", "HBG", ("Belegte Plätze", z), ("Anteil %", z)), hbg)],
        "Personal": [tabelle("Personal in Vollkräften (VK), eigener Anteil nach Tagen", [
            ("VK", z), ("nötig nach Schlüssel", z), ("Differenz", d), ("Plätze je VK", "zahl1"),
            ("VK je 100 Plätze", z)], personal)],
        "Trend": [_verlauf(k, z, basis), _prognose(k, z, basis)],
        "Lücken im Angebot": [tabelle("Plätze und Personal, die fehlen oder frei sind", [
            ("Platzzahl", z), ("belegt, alle Kostenträger", z), ("frei", r), (f"Plätze Ende {jahr} (Trend)", z),
            ("Veränderung bis dahin", d), ("fehlende VK", r)], luecken)],
        "Gemeinsame Ziele": [_ziele(k)]}


def _verlauf(k: Konferenz, z: str, basis: str) -> Tabelle:
    quartale = sorted({v for t in k.typen for v in t.verlauf})
    return Tabelle("Belegte Plätze je Quartal", basis, spalten("Quartal", *((t.leistungstyp, z) for t in k.typen)),
                   tuple((Quartal.aus(v).lang, *(t.verlauf.get(v) for t in k.typen)) for v in quartale))


def _prognose(k: Konferenz, z: str, basis: str) -> Tabelle:
    zeilen = tuple((t.leistungstyp, Quartal.aus(p.quartal).lang, p.mittel, p.unten80, p.oben80) for t in k.typen for p in t.prognose)
    gemeinsam = "gemeinsames Wachstum aller gezeigten Leistungstypen; „von … bis“ mit 80\u00a0% Sicherheit"
    return Tabelle("Prognose der belegten Plätze", f"{basis}; {gemeinsam}", spalten(
        "Leistungstyp", "Quartal", ("Plätze", z), ("von", z), ("bis", z)), zeilen)


def _ziele(k: Konferenz) -> Tabelle:
    mehr = () if k.geschuetzt else (("Leistungserbringer", "zahl"), ("Maßnahmen", "zahl"))
    basis = "alle Ziele der Balanced Scorecard" if mehr else "Ziele im selben Wortlaut bei mindestens drei Leistungserbringern"
    return Tabelle("Gemeinsame Ziele", basis, spalten("Ziel", "Perspektive", *mehr),
                   tuple((x.ziel, x.perspektive, *((x.traeger, x.massnahmen) if mehr else ())) for x in k.ziele))


def bild(k: Konferenz) -> Abbildung | None:
    """A small panel for each type: places by quarter and the outlook with its 80 % range; the same data are in the tables of the trend."""
    typen = [t for t in k.typen if len(t.verlauf) > 1]
    if not typen:
        return None
    je_zeile = min(len(typen), 3)
    breite, b, alt = st.BREITE / je_zeile, st.Blatt(-(-len(typen) // je_zeile) * 170 + 20), []
    b.text(0, 12, "belegte Plätze je Quartal, fett heute, gestrichelt die Prognose; jede Achse beginnt bei 0, im eigenen Maßstab", st.GRAU)
    for n, t in enumerate(typen):
        links, oben = n % je_zeile * breite, 20.0 + n // je_zeile * 170
        zeit = [q.jahr * 4 + q.nummer - 1 for q in map(Quartal.aus, t.verlauf)]
        werte = [float(w or 0) for w in t.verlauf.values()]
        spaeter = [zeit[-1], *(q.jahr * 4 + q.nummer - 1 for q in (Quartal.aus(p.quartal) for p in t.prognose))]
        mittel, unten, hoch = ([werte[-1], *(float(getattr(p, name)) for p in t.prognose)] for name in ("mittel", "unten80", "oben80"))
        feld = st.Feld(b, (links + 44, oben + 32, links + breite - 62, oben + 138), (zeit[0], spaeter[-1]), (0.0, max([*werte, *hoch])), 3)
        b.text(links + 8, oben + 16, t.leistungstyp, fett=True, breite=breite - 16)
        xs, kante, heute = feld.x(spaeter), [feld.y(unten), feld.y(hoch)], (feld.x(zeit[-1]), feld.y(werte[-1]))
        b.flaechen([[*zip(xs, kante[0], strict=True), *zip(xs[::-1], kante[1][::-1], strict=True)]], st.AKZENT, alpha=0.2)
        b.linie(xs, feld.y(mittel), st.AKZENT, 1.2, st.GESTRICHELT, 3)
        b.linie(feld.x(zeit), feld.y(werte), st.AKZENT, 2.2, ebene=3)
        b.punkt(*heute, st.AKZENT)
        b.text(heute[0], heute[1] + 14, f.zahl(werte[-1]), st.AKZENT, fett=True, ha="center", hof=True)
        feld.seite([(mittel[-1], f.zahl(mittel[-1]), st.AKZENT)] * bool(t.prognose), 62)
        for x in range(-(-zeit[0] // 4) * 4, spaeter[-1] + 1, 8):
            b.text(feld.x(x), feld.unten + 13, str(x // 4), st.GRAU, ha="center")
        ab = "".join(f", Prognose Ende {p.quartal[:4]} {f.zahl(p.mittel)} ({f.zahl(p.unten80)} bis {f.zahl(p.oben80)})" for p in t.prognose)
        alt.append(f"{t.leistungstyp}: {Quartal.aus(min(t.verlauf)).lang} {f.zahl(werte[0])}, {k.quartal.lang} {f.zahl(werte[-1])}{ab}.")
    daten = tabellen(k)["Trend"]
    return Abbildung("konferenz", "Wie viele Plätze sind belegt, und wohin geht es?", daten[0].basis,
                     " ".join(["Ein Liniendiagramm je Leistungstyp.", *alt]), b.png(), st.BREITE, b.hoehe, daten[:1])


def kopf(k: Konferenz) -> Html:
    """Whose picture, from when; what is invented, provisional or unprotected. The page sets it as its banner."""
    zeilen = "".join(f'<p class="marke">{escape(t)}</p>' for t in marken(k))
    return Html(f'<p class="traeger">{escape(k.leistungstraeger)}</p><h1>{escape(titel(k))}</h1>'
                f'<p class="rahmen">Datenstand {f.tag(k.datenstand)}</p>{zeilen}')


def abschnitte(k: Konferenz) -> Html:
    """The sentences, all sections with something to show (the picture with the trend), and how the figures are protected."""
    texte = "".join(f"<p>{escape(t)}</p>" for t in saetze(k))
    teile = [f'<section aria-labelledby="leitfrage"><h2 id="leitfrage" class="leitfrage">{escape(muster()["konferenz"]["frage"])}</h2>'
             f"{texte}</section>"]
    for name, liste in tabellen(k).items():
        inhalt = "".join(t.html() for t in liste if t.zeilen)
        if name == "Trend" and (a := bild(k)):
            brueche = "".join(f"<p>{escape(x)}</p>" for x in hinweise(k))
            inhalt = abbildung(a) + liste[1].html() + brueche
        teile += [abschnitt(f"teil-{len(teile)}", name, inhalt).text] * bool(inhalt)
    punkte = "".join(f"<li>{escape(t)}</li>" for t in regeln(k))
    return Html("".join(teile) + abschnitt("schutz", "Wie die Zahlen geschützt sind", f"<ul>{punkte}</ul>").text)


def hinweise(k: Konferenz) -> list[str]:
    """Flagged breaks, in words."""
    return [muster()["konferenz"]["bruch"].format(typ=b.leistungstyp or "Alle Leistungstypen", von=f.tag(b.von), bis=f.tag(b.bis),
                                                  grund=b.grund) for b in k.brueche]


def regeln(k: Konferenz) -> list[str]:
    """How the figures are protected."""
    return list(muster()["konferenz"]["schutz"]) if k.geschuetzt else [muster()["konferenz"]["ungeschuetzt"]]


def herkunft(angaben: Mapping[str, str]) -> Html:
    """Where the figures come from. The page sets it as its footer."""
    zeilen = "".join(f"<dt>{escape(a)}</dt><dd>{escape(b)}</dd>" for a, b in angaben.items())
    return Html(f"<h2>Herkunft</h2><dl>{zeilen}</dl><p>Gesprächsgrundlage für die Sozialraumkonferenz.</p>")
