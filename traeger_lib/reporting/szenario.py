"""A scenario's result for people: one sentence, charts as SVG text (no picture library: a slider waits for them), tables.

Not here: widgets (`bench`), files (`operations.szenario`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from html import escape
from typing import Any

from matplotlib.ticker import MaxNLocator

from traeger_lib.analysis.reassessment import Neubewertung
from traeger_lib.analysis.scenario import ARTEN, BASEN, GESAMT, Aenderung, Szenario, heute
from traeger_lib.analysis.scenario_places import Ausgangslage
from traeger_lib.analysis.scenario_result import Band, Beitrag, Ergebnis, Jahresergebnis
from traeger_lib.reporting import formats as f
from traeger_lib.reporting.sentences import muster
from traeger_lib.reporting.style import AKZENT, GITTER, GRAU, TINTE, ZWEIT, kuerze, verteile
from traeger_lib.reporting.tables import Tabelle, spalten

BREITE, LINKS, RECHTS, OBEN = 640, 52, 158, 14
VON, BIS = "von (80\u00a0%)", "bis (80\u00a0%)"
Namen = Mapping[str, str]  # offer → its German name


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────


def kurz(x: Any) -> str:
    """A value of a field as a person reads it, without needless decimals."""
    if isinstance(x, Decimal):
        return f.zahl(x, min(3, max(0, -int(x.normalize().as_tuple().exponent)))) if x else "0"
    return ("ja" if x else "nein") if isinstance(x, bool) else f.tag(x) if isinstance(x, date) else str(x)


def _groesse(w: Aenderung) -> str:
    """The size of a change: „+2 Plätze“."""
    wert, feld = w[ARTEN[w.art].haupt], ARTEN[w.art].felder[ARTEN[w.art].haupt]
    einheit = "Platz" if feld.einheit == "Plätze" and abs(wert) == 1 else feld.einheit
    return f"{'+' if feld.unten < 0 < wert else ''}{kurz(wert)}\u00a0{einheit}"


def beschreibe(w: Aenderung, namen: Namen) -> str:
    """A change in one line: „Plätze: +2 Plätze, Wohnform Nord, HBG 3, ab 01.07.2026“."""
    art, teile = ARTEN[w.art], [_groesse(w)]
    for k, feld in art.felder.items():
        if feld.art == "janein":
            teile.append("nicht " * (not w[k]) + feld.name)
        elif k in ("angebot_id", "bezeichnung"):
            teile.append(namen.get(w[k], w[k]))
        elif k != art.haupt and w[k] not in ("", feld.standard):
            teile.append(f.gruppe(w[k]) if k == "hbg" else f"{feld.name} {kurz(w[k])}\u00a0{feld.einheit}".strip())
    return f"{art.name}: {', '.join(filter(None, teile))}"


def jetzt(r: Ausgangslage, w: Aenderung) -> str:
    """What a change meets: „heute 17,2 Plätze“, „heute 29,64 bis 182,30 € am Tag“."""
    einheit, werte = heute(r, w)
    enden = dict.fromkeys(f.zahl(x, 2) if "€" in einheit else kurz(f.runde(x, 1)) for x in sorted(werte)[::max(len(werte) - 1, 1)])
    return f"heute {' bis '.join(enden)}\u00a0{einheit}" if enden else "heute: nichts vereinbart oder angegeben" if einheit else ""


def leitjahr(s: Szenario) -> int:
    """The first year in which every dated change holds from January; the last of the horizon where there is none."""
    erstes = int(s.quartal[:4])
    ab = [w["ab"] for w in s.aenderungen if w.an and "ab" in ARTEN[w.art].felder]
    return int(min(max([erstes, *(d.year + (d > date(d.year, 1, 1)) for d in ab)]), erstes + s.horizont - 1))


def _spanne(b: Band) -> str:
    """A Euro band for a sentence."""
    lo, hi = sorted((abs(b.p10), abs(b.p90))) if b.p10 * b.p90 > 0 else (b.p10, b.p90)
    return f"{f.euro_rund(Decimal(round(lo)))} bis {f.euro_rund(Decimal(round(hi)))}"


def _budget(j: Jahresergebnis, endung: str = "es Budget") -> str:
    """What a year is compared with, by its ending: „vereinbartes Budget“; „fortgeschriebenes Budget 2026“ where none is decided yet."""
    jahr = j.gegen and j.gegen.budgetjahr
    return f"vereinbart{endung}" if jahr == j.jahr else f"fortgeschrieben{endung} {jahr}"


def _wort(e: Ergebnis, name: str) -> str:
    """The basis of a table or chart: whose places, how many draws, of which year the budget is."""
    budget = ", ".join(f"{j.jahr} {_budget(j)}" for j in e.jahre if j.gegen) or "keines beschlossen"
    return str(muster()["szenario"][name].format(basis=BASEN[e.szenario.basis], laeufe=f.zahl(e.szenario.ziehungen), budget=budget))


def satz(e: Ergebnis, j: Jahresergebnis, namen: Namen) -> str:
    """What follows, in two or three sentences like the report's."""
    m, an, d, g = muster()["szenario"], [w for w in e.szenario.aenderungen if w.an], j.differenz_eur, j.gegen
    werte = {"jahr": j.jahr, "budget": f.euro_rund(j.budget_eur.wert), "betrag": f.euro_rund(abs(d.wert)), "anzahl": len(an),
             "spanne": _spanne(d if an else j.budget_eur), "basis": BASEN[e.szenario.basis]}
    zahl, richtung = "eine" if len(an) == 1 else "mehrere", "mehr" if d.wert > 0 else "weniger"
    if not an:
        text = m["ohne"]
    elif d.wert == 0 and round(d.p10) == round(d.p90) == 0:
        text = m[f"nichts_{zahl}"]
    elif len(an) == 1 and an[0].art == "plaetze":
        w, wort = an[0], "platz" if abs(an[0]["plaetze"]) == 1 else "plaetze"
        wo = m["wo_ohne" if w["hbg"] == "ohne" else "wo_gruppe"].format(hbg=w["hbg"], angebot=namen.get(w["angebot_id"], w["angebot_id"]))
        werte |= {"plaetze": m[f"{wort}_{'mehr' if w['plaetze'] > 0 else 'weniger'}"].format(n=kurz(abs(w["plaetze"]))), "wo": wo,
                  "tag": f.tag(w["ab"])}
        text = m[f"{wort}_{'kosten' if d.wert > 0 else 'sparen'}"]
    else:
        text = m[f"{zahl}_{richtung}"]
    if j.vk_noetig and j.vk_noetig_ohne is not None and abs(mehr := j.vk_noetig.wert - j.vk_noetig_ohne) >= 0.05:
        text += m["vk_mehr" if mehr > 0 else "vk_weniger"]
        werte["vk"] = f.zahl(abs(mehr), 1)
    text += "."
    if j.vk_noetig and j.vk_vorhanden is not None and any(w.art in ("personal", "schluessel") for w in an):
        fehlt = f.runde(j.vk_noetig.wert, 1) - f.runde(j.vk_vorhanden, 1)  # of the figures as they are shown
        text += m["vk_fehlen" if fehlt > 0 else "vk_reichen"]
        werte |= {k: f.zahl(x, 1) for k, x in (("noetig", j.vk_noetig.wert), ("vorhanden", j.vk_vorhanden), ("unterschied", abs(fehlt)))}
    if g and g.ausserhalb is not None and g.ausserhalb_ohne is not None:
        vorzeichen = ("", "") if j.korridor[0] == j.korridor[1] else (f.MINUS, "+")
        enden = (f"{z}{kurz(abs(x))}\u00a0%" for z, x in zip(vorzeichen, j.korridor, strict=True) if x is not None)
        jetzt, davor = (f.prozent(x, 0) for x in (g.ausserhalb, g.ausserhalb_ohne))
        werte |= {"enden": " und ".join(dict.fromkeys(enden)), "jetzt": jetzt, "davor": davor}
        werte["um"] = "" if g.budgetjahr == j.jahr else f" um das {_budget(j, 'e Budget')}"
        text += m[f"korridor_{'gleich' if jetzt == davor else 'steigt' if g.ausserhalb > g.ausserhalb_ohne else 'sinkt'}"]
    elif g:
        text += m["korridor_keiner"]
        werte |= {"breite": f.zahl(g.korridorbreite[80], 1), "budget_genitiv": _budget(j, "en Budgets")}
    return str(text.format(**werte))


# ── tables ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _bandtabelle(titel: str, basis: str, art: str, ohne: str, reihen: Sequence[tuple[str, Any]]) -> Tabelle:
    kopf = spalten("Größe", ("ohne Zufall", ohne), ("Mitte", art), (VON, art), (BIS, art))
    return Tabelle(titel, basis, kopf, tuple((n, b.wert, b.p50, b.p10, b.p90) if isinstance(b, Band) else (n, b, None, None, None)
                                             for n, b in reihen if b is not None))


def tabellen(e: Ergebnis, jahr: int, namen: Namen) -> dict[str, Tabelle]:
    """The tables of one year by the name of their sheet: Euro, volume and staff, what each change does, mix, thresholds."""
    j = next(x for x in e.jahre if x.jahr == jahr)
    g, v, da, des_budgets = j.gegen, j.vk_noetig, j.vk_vorhanden, f"Teil des {_budget(j, 'en Budgets')}"
    abweichung = f"Abweichung vom fallbezogenen {des_budgets}"
    mehr = Band(*(float(f.runde(da, 1) - f.runde(x, 1)) for x in (v.wert, v.p90, v.p50, v.p10))) if v and da is not None else None
    nr = {i: f"{i} {beschreibe(w, namen)}" for i, w in enumerate(e.szenario.aenderungen, 1)}
    euro = [("Budget auf dieser Menge", j.budget_eur), ("davon fallbezogen", j.fallbezogen_eur), ("davon Pauschalen", j.pauschal_eur),
            ("davon Anpassungen", j.anpassungen_eur), ("Unterschied zu „ohne Änderungen“", j.differenz_eur),
            (_budget(j), g and g.vereinbart_eur), (f"fallbezogener {des_budgets}", g and g.fallbezogen_eur),
            ("diese Menge zu den geltenden Entgelten", g.ist_eur if g and abs(g.ist_eur - j.fallbezogen_eur) >= 1 else None),
            ("klassische Abrechnung", j.klassisch_eur),
            ("Puffer zum Jahresende: fallbezogener Teil − klassische Abrechnung", g and g.puffer_eur),
            ("Wirkung von „+S“ auf das Budget", j.s_effekt_eur or None)]
    menge = [("Plätze im Mittel", j.plaetze), ("VK nach Schlüssel nötig", v), ("VK vorhanden (anteilig)", da),
             ("VK vorhanden − nötig (unter 0: so viele fehlen)", mehr), (f"{abweichung} in %", g and g.abweichung_prozent),
             ("Abstand zum unteren Ende des Korridors in %-Punkten", g and g.abstand_unten),
             ("Abstand zum oberen Ende des Korridors in %-Punkten", g and g.abstand_oben)]
    d, mitte = "euro_differenz", _wort(e, "tabelle_mitte")
    ergebnis = {
        "Euro": _bandtabelle(f"Euro {jahr}", mitte, "zahl", "euro", euro),
        "Menge": _bandtabelle(f"Plätze, Personal, Abweichung {jahr}", mitte, "zahl1", "zahl1", menge),
        "Änderungen": Tabelle(f"Was jede Änderung am Budget {jahr} bewirkt", _wort(e, "tabelle_aenderungen"), spalten(
                "Änderung", ("€", d), ("alle, diese kleiner €", d), ("alle, diese größer €", d)), (
                    *((nr[b.nummer], b.betrag_eur, b.unten_eur, b.oben_eur) for b in j.beitraege),
                    ("Zusammenwirken", j.zusammenwirken_eur, None, None), ("Summe", j.differenz_eur.wert, None, None)), True),
        "HBG-Mix": Tabelle(f"HBG-Mix {jahr}", _wort(e, "tabelle"), spalten(
            "Angebot", "HBG", ("Plätze ohne Zufall", "zahl2"), (VON, "zahl1"), (BIS, "zahl1"), ("Anteil", "prozent"),
            ("Anteil vor „+S“", "prozent")), tuple(
            (namen.get(x.angebot_id, x.angebot_id), x.hbg, x.plaetze.wert, x.plaetze.p10, x.plaetze.p90, x.anteil, x.anteil_vor_s)
            for x in j.gruppen)),
        "Grenzen": Tabelle(f"Wahrscheinlichkeit, eine Grenze {jahr} zu erreichen", f"{abweichung}, auf und ab; Anteil der Zufallsläufe",
                spalten("Grenze", ("€", "zahl"), ("mit Änderungen", "prozent"), ("ohne Änderungen", "prozent")),
                tuple((f"±\u00a0{kurz(Decimal(str(x.prozent)))}\u00a0%", x.betrag_eur, x.anteil, x.ohne) for x in (g.stufen if g else ())))}
    return {k: t for k, t in ergebnis.items() if t.zeilen and (j.beitraege or not t.summenzeile)}


def monatstabelle(e: Ergebnis) -> Tabelle:
    """Month by month: places with their band, instalments on this volume and as agreed, classical billing, Puffer."""
    return Tabelle("Monate", _wort(e, "tabelle_monate"), spalten(
        "Monat", ("Plätze", "zahl2"), (VON, "zahl1"), (BIS, "zahl1"), ("ohne Ände\u00adrungen", "zahl2"), ("laut Budget", "zahl2"),
        ("Rate bei dieser Menge €", "euro"), ("Rate laut Budget, fallbezogen €", "euro"), ("klassische Abrechnung €", "euro"),
        ("Puffer seit Januar €", "euro_differenz")),
        tuple((f.monat(m.monat), (p := m.plaetze[GESAMT]).wert, p.p10, p.p90, m.ohne[GESAMT], m.vereinbart, m.rate_eur,
               m.rate_vereinbart_eur, m.klassisch_eur.wert, m.puffer_eur.wert if m.puffer_eur else None) for m in e.monate))


def vergleich(ergebnisse: Sequence[Ergebnis], jahr: int) -> Tabelle:
    """Scenarios side by side, one a row."""
    zeilen = []
    for e in ergebnisse:
        j = next((x for x in e.jahre if x.jahr == jahr), e.jahre[-1])
        zeilen.append((e.szenario.name, j.jahr, j.plaetze.wert, (b := j.budget_eur).wert, b.p10, b.p90, j.differenz_eur.wert,
                       j.klassisch_eur.wert, j.gegen.puffer_eur.wert if j.gegen else None, j.vk_noetig.wert if j.vk_noetig else None,
                       next((x.anteil for x in j.gegen.stufen if x.prozent == 5), None) if j.gegen else None))
    return Tabelle("Szenarien nebeneinander", muster()["szenario"]["tabelle_vergleich"], spalten(
        "Szenario", ("Jahr", "jahr"), ("Plätze", "zahl1"), ("Budget €", "euro"), (VON, "zahl"), (BIS, "zahl"),
        ("gegen „ohne Änderungen“ €", "euro_differenz"), ("klassische Abrechnung €", "euro"), ("Puffer €", "euro_differenz"),
        ("VK nötig", "zahl1"), ("Abweichung ±\u00a05\u00a0% erreicht", "prozent")), tuple(zeilen))


def neubewertung(n: Neubewertung, namen: Namen) -> list[Tabelle]:
    """Old and new base year side by side: lines, variants, what the year's deviation was made of."""
    p0, p1, e0, e1 = (sum((getattr(z, k) for z in n.zeilen), Decimal(0)) for k in ("plaetze_alt", "plaetze_neu", "alt_eur", "neu_eur"))
    d = "euro_differenz"
    return [
        Tabelle(f"Herleitung {n.budgetjahr}: Basisjahr {n.basisjahr_alt or 'verhandelt'} und {n.basisjahr_neu}",
                "Plätze × Tage × Entgelt je Zeile", spalten(
                    "Angebot", "HBG", ("Plätze bisher", "zahl2"), ("Plätze neu", "zahl2"), ("Unterschied", "differenz2"),
                    ("€ bisher", "euro"), ("€ neu", "euro"), ("Unterschied €", d)), (
                    *((namen.get(z.angebot_id, z.angebot_id), z.hbg, z.plaetze_alt, z.plaetze_neu, z.plaetze_neu - z.plaetze_alt,
                       z.alt_eur, z.neu_eur, z.neu_eur - z.alt_eur) for z in n.zeilen),
                    ("Summe", "", p0, p1, p1 - p0, e0, e1, e1 - e0)), True),
        Tabelle("Was die Wahl bewirkt", "fallbezogener Teil des Budgets; „vor S“: jede Person in ihrer Gruppe vor der Verlagerung",
                spalten("Mengengerüst", ("Plätze", "zahl2"), ("fallbezogen €", "euro"), ("gegen bisher €", d)),
                tuple((v.name, v.plaetze, v.betrag_eur, v.betrag_eur - n.varianten[0].betrag_eur) for v in n.varianten)),
        Tabelle(f"Woraus die Abweichung {n.basisjahr_neu} bestand", "erbrachte Menge gegen das Budget dieses Jahres",
                spalten("Wirkung", ("€", d)), n.abweichung, True)]


# ── charts ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _text(x: float, y: float, text: str, farbe: str = TINTE, anker: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{farbe}" text-anchor="{anker}" >{escape(text)}</text>'


def _bild(titel: str, alt: str, hoehe: float, teile: Sequence[str], breite: int = BREITE, basis: str = "") -> str:
    """A figure: question as caption, basis, the picture with its words; on a narrow screen it scrolls rather than shrinks."""
    return (f'<figure style="margin:0 0 .75rem;min-width:0"><figcaption style="font-weight:600">{escape(titel)}'
            f'<span class="basis">{escape(basis)}</span></figcaption>'
            f'<div class="bild" style="overflow-x:auto" tabindex="0" role="group" aria-label="Bild: {escape(titel, quote=True)}">'
            f'<svg role="img" aria-label="{escape(alt, quote=True)}" viewBox="0 0 {breite} {hoehe:.0f}" width="{breite}" '
            f'style="max-width:100%;min-width:min({breite}px,34rem);height:auto;font:12px DejaVu Sans,sans-serif">{"".join(teile)}</svg>'
            "</div></figure>")


def _achse(lo: float, hi: float) -> list[float]:
    """Round grid lines around a range, from three quarters of its upper end at most."""
    lo = min(lo, 0.75 * hi) if hi > 0 else lo
    return [float(x) for x in MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(lo, hi if hi > lo else lo + 1)]


def grenzen(e: Ergebnis, angebot: str = GESAMT) -> tuple[float, float]:
    """Smallest and largest number of places a chart of this result shows."""
    da = [m for m in e.monate if angebot in m.plaetze]
    werte = [x for m in da for x in (m.plaetze[angebot].p10, m.plaetze[angebot].p90, float(m.plaetze[angebot].wert), m.ohne[angebot])]
    werte += [m.vereinbart for m in da if m.vereinbart is not None and angebot == GESAMT]
    return (min(werte), max(werte)) if werte else (0.0, 1.0)


def _linie(xs: Sequence[float], ys: Sequence[float]) -> str:
    """Points as the path of an SVG."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(xs, ys, strict=True))


def verlauf(e: Ergebnis, namen: Namen, angebot: str = GESAMT, rahmen: tuple[float, float] | None = None, breite: int = BREITE,
            titel: str = "") -> str:
    """Places by month with band, beside the same basis without changes and the agreed volume."""
    monate = [m for m in e.monate if angebot in m.plaetze]
    wer = "alle Angebote im Budget" if angebot == GESAMT else namen.get(angebot, angebot)
    if not monate:
        return ""
    baender, ohne = [m.plaetze[angebot] for m in monate], [m.ohne[angebot] for m in monate]
    werte = [float(b.wert) for b in baender]
    geaendert = any(abs(o - w) > 1e-9 for o, w in zip(ohne, werte, strict=True))
    stufen, hoehe, rechts, oben = _achse(*rahmen or grenzen(e, angebot)), 250, breite - (RECHTS if breite == BREITE else 14), OBEN
    unten, lo, hi = hoehe - 24, stufen[0], stufen[-1]
    stellen = 0 if all(s == int(s) for s in stufen) else 1
    beginn, mitte = ([LINKS + (rechts - LINKS) * (i + d) / len(monate) for i in range(len(monate))] for d in (0, 0.5))

    def py(ys: Sequence[float]) -> list[float]:
        return [unten - (unten - oben) * (y - lo) / (hi - lo) for y in ys]
    t = [f'<path d="M{LINKS} {y:.1f}H{rechts}" stroke="{GITTER}"/>' + _text(LINKS - 6, y + 4, f.zahl(s, stellen), GRAU, "end")
         for s, y in zip(stufen, py(stufen), strict=True)]
    flaeche = _linie(mitte + mitte[::-1], py([b.p10 for b in baender] + [b.p90 for b in reversed(baender)])) + "Z"
    t.append(f'<path d="{flaeche}" fill="{AKZENT}" fill-opacity="0.2"/>')
    linien = [("Szenario", werte, AKZENT, 'stroke-width="2.4"')]
    if geaendert:
        linien.insert(0, ("ohne Änderungen", ohne, ZWEIT, 'stroke-width="1.6" stroke-dasharray="1 3" stroke-linecap="round"'))
    if angebot == GESAMT and monate[0].vereinbart is not None:
        linien.insert(0, ("laut Budget", [m.vereinbart or 0.0 for m in monate], GRAU, 'stroke-width="1.6" stroke-dasharray="5 3"'))
    t += [f'<path d="{_linie(mitte, py(ys))}" fill="none" stroke="{farbe}" {strich}/>' for _, ys, farbe, strich in linien]
    for i, m in enumerate(monate):
        if m.monat.endswith("-01") or not i:
            t += [f'<path d="M{beginn[i]:.1f} {oben}V{unten}" stroke="{GITTER}"/>', _text(beginn[i] + 3, unten + 16, m.monat[:4], GRAU)]
    von, bis = (f.zahl(x, 1) for x in (baender[-1].p10, baender[-1].p90))
    if breite == BREITE:
        enden = [(f"{n} {f.zahl(ys[-1], 1)}", ys[-1], farbe) for n, ys, farbe, _ in linien]
        enden += [(f"{n} (80\u00a0%)", y, AKZENT) for n, y in ((f"von {von}", baender[-1].p10), (f"bis {bis}", baender[-1].p90))]
        hoehen = verteile(py([y for _, y, _ in enden]), 15, unten)
        t += [_text(rechts + 6, y + 4, text, farbe) for (text, _, farbe), y in zip(enden, hoehen, strict=True)]
    alt = (f"{wer}: Plätze von {f.monat(monate[0].monat)} bis {f.monat(monate[-1].monat)}, zuletzt {f.zahl(werte[-1], 1)}, in 8 von 10 "
           f"Zufallsläufen zwischen {von} und {bis}" + (f"; ohne Änderungen {f.zahl(ohne[-1], 1)}." if geaendert else "."))
    titel = (titel or f"Wie viele Plätze sind belegt? ({wer})") + (f" – Achse beginnt bei {f.zahl(lo, stellen)}" if lo > 0 else "")
    return _bild(titel, alt, hoehe, t, breite, _wort(e, "bild" if angebot == GESAMT else "bild_angebot") * (breite == BREITE))


def _balken(titel: str, was: str, zeilen: Sequence[tuple[str, float, float, str, str]]) -> str:
    """Horizontal bars from a to b around zero: label, a, b, colour, text; `was` they show."""
    links, rechts, h = 272, BREITE - 150, 26
    enden = [0.0, *(x for z in zeilen for x in z[1:3])]
    lo, hi = min(enden), max(enden)
    if hi == lo:
        hi = lo + 1

    def px(x: float) -> float:
        return links + (rechts - links) * (x - lo) / (hi - lo)
    t = [f'<path d="M{px(0):.1f} 4V{len(zeilen) * h + 4}" stroke="{GRAU}"/>']
    for i, (name, a, b, farbe, text) in enumerate(zeilen):
        y, x0, x1 = i * h + 8, px(min(a, b)), px(max(a, b))
        t.append(f'<rect x="{x0:.1f}" y="{y}" width="{max(x1 - x0, 1.5):.1f}" height="{h - 8}" fill="{farbe}"/>')
        t.append(_text(links - 8, y + 14, kuerze(name, links - 12, 9), anker="end") + _text(x1 + 5, y + 14, text, GRAU))
    return _bild(titel, f"{was}: " + "; ".join(f"{z[0]} {z[4]}" for z in zeilen) + ".", len(zeilen) * h + 8, t)


def _knapp(e: Ergebnis, b: Beitrag) -> str:
    """A change as a bar's label: number, kind, size."""
    w = e.szenario.aenderungen[b.nummer - 1]
    return f"{b.nummer} {ARTEN[w.art].name}: {_groesse(w)}"


def wasserfall(e: Ergebnis, j: Jahresergebnis) -> str:
    """Contribution of each change in the listed order, their working together as its own bar, and the sum."""
    schritte = [(_knapp(e, b), b.betrag_eur, AKZENT if b.betrag_eur >= 0 else ZWEIT) for b in j.beitraege]
    schritte += [("Zusammenwirken", j.zusammenwirken_eur, GRAU)] * (len(schritte) > 1)
    zeilen, stand = [], 0.0
    for name, eur, farbe in schritte:
        zeilen.append((name, stand, stand + float(eur), farbe, f.euro_rund(eur, vorzeichen=True)))
        stand += float(eur)
    zeilen.append(("Summe", 0.0, float(j.differenz_eur.wert), TINTE, f.euro_rund(j.differenz_eur.wert, vorzeichen=True)))
    was = f"Unterschied zu „ohne Änderungen“ {j.jahr}"
    return _balken(f"Was bewirkt jede Änderung am Budget {j.jahr}?", was, zeilen) if j.beitraege else ""


def tornado(e: Ergebnis, j: Jahresergebnis) -> str:
    """How far the difference moves where one assumption at a time is smaller or larger; the widest first."""
    d = j.differenz_eur
    paare = [(_knapp(e, b), b.unten_eur - d.wert, b.oben_eur - d.wert) for b in j.beitraege]
    paare.append(("Zufall, Prognose, Entgeltspannen", *(Decimal(round(x)) - d.wert for x in (d.p10, d.p90))))
    zeilen = [(n, float(a), float(b), AKZENT, " / ".join(f.euro_rund(x, vorzeichen=True) for x in sorted((a, b))))
              for n, a, b in sorted(paare, key=lambda x: -abs(x[2] - x[1])) if round(a) or round(b)]
    frage = "Welche Annahme zählt am meisten? (je ein Zehntel kleiner und größer)"
    return _balken(frage, f"Abstand vom genannten Unterschied {j.jahr}", zeilen) if zeilen and j.beitraege else ""


def nebeneinander(ergebnisse: Sequence[Ergebnis], namen: Namen, angebot: str = GESAMT) -> str:
    """Scenarios side by side on the same axes."""
    unten, oben = zip(*(grenzen(e, angebot) for e in ergebnisse), strict=True)
    zeichen = f'<p class="basis">{muster()["szenario"]["bild_zeichen"]}</p>'
    return zeichen + '<div style="display:flex;flex-wrap:wrap;gap:0 1rem">' + "".join(
        verlauf(e, namen, angebot, (min(unten), max(oben)), 350, e.szenario.name) for e in ergebnisse) + "</div>"
