"""Which tables a report holds: each a function of Facts. HTML sections and Excel sheets both read these, so they agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from traeger_lib.analysis.budget import Budget
from traeger_lib.analysis.facts import Facts, Fallzahlen
from traeger_lib.analysis.outlook import Ausblick
from traeger_lib.analysis.periods import Quartal
from traeger_lib.analysis.rates import gruppenrang
from traeger_lib.analysis.scorecard import Aenderung, Massnahme, horizont
from traeger_lib.inputs.schema import TABELLEN as SCHEMA
from traeger_lib.reporting import formats as f
from traeger_lib.reporting.sentences import MASSSTAB, leitmassstab, seit
from traeger_lib.reporting.tables import FORM, Tabelle, Wert, spalten

EIGENE = "Eigene Kostenträger"
BESONDERHEIT = {"zusatzbetreuung": "Zusatzbetreuung", "einzelfallsetting": "Einzelfallsetting", "stand_by": "Stand-by-Assistenz",
                "klassische_assistenz": "klassische Assistenz auf Wunsch"}
STATUS = {"nicht_begonnen": "noch nicht begonnen", "laufend": "laufend", "abgeschlossen": "abgeschlossen",
          "zurueckgestellt": "zurückgestellt", "entfallen": "entfallen"}
EBENE = {"person": "Wirkung bei der Person", "angebot": "Wirksamkeit des Angebots"}
WORTE = STATUS | EBENE


def _zeitraeume(facts: Facts) -> tuple[tuple[str, str], ...]:
    vorlaeufig = " (vorläufig)" * facts.vorlaeufig
    return (("quartal", facts.quartal.lang + vorlaeufig),
            ("kumuliert", f"Jahr {facts.quartal.jahr} bis {f.tag(facts.quartal.zeitraum.bis)}{vorlaeufig}"))


def fallzahlen(facts: Facts) -> list[Tabelle]:
    """Days, places and persons per offer, for the quarter and the year to date; the year before beside the quarter."""
    kopf = spalten("Angebot", ("Belegte Plätze", "zahl1"), ("Belegungs\u00adtage", "zahl"), ("Abwesen\u00adheitstage", "zahl"),
                   ("Stichtag", "zahl"), ("Fälle im Zeitraum", "zahl"), ("Zugänge", "zahl"), ("Abgänge", "zahl"), ("Wechsel", "zahl"),
                   ("Aus\u00adwärtige", "prozent"))

    def zeile(name: str, x: Fallzahlen, *, ganz: bool = True) -> tuple[Wert, ...]:
        return (name, x.durchschnittlich_belegte_plaetze, x.belegungstage, x.abwesenheitstage, x.stichtagszahl, x.faelle_im_zeitraum,
                x.zugaenge, x.abgaenge, x.wechsel if ganz else None, x.anteil_auswaertige)

    tabellen = []
    for schluessel, text in _zeitraeume(facts):
        b = getattr(facts.fallzahlen, schluessel)
        zeilen = [zeile(facts.angebot(a).bezeichnung, x, ganz=False) for a, x in b.je_angebot.items()]  # a move is one of the whole
        im_budget = [zeile("davon im Budget", b.im_budget)] * (not all(a.im_budget for a in facts.angebote))
        mehrfach = b.gesamt.faelle_im_zeitraum not in (None, sum(x.faelle_im_zeitraum or 0 for x in b.je_angebot.values()))
        basis = f"{EIGENE}; Auswärtige: Anteil an allen Entgelttagen" + "; wer in mehreren Angeboten ist, zählt im Ganzen einmal" * mehrfach
        tabellen.append(Tabelle(f"Fallzahlen, {text}", basis, kopf, (*zeilen, zeile("Träger gesamt", b.gesamt), *im_budget),
                                summenzeile=True, darunter=len(im_budget)))
    return tabellen


def nachmeldungen(facts: Facts) -> list[Tabelle]:
    """Days of past months that were reported or taken back since an earlier reporting state."""
    v = facts.vergleich
    if v is None or not v.nachmeldungen:
        return []
    namen = {a.angebot_id: a.bezeichnung for a in facts.angebote}  # an offer may be gone by now
    return [Tabelle(
        "Geänderte Monate", f"{EIGENE}, Entgelttage; Datenstand {f.tag(v.datenstand)} gegen "
        f"{f.tag(facts.datenstand)}; nur Monate, die damals abgeschlossen waren",
        spalten("Angebot", "Monat", ("früher", "zahl"), ("jetzt", "zahl"), ("Unterschied", "differenz0")),
        (*((namen.get(n.angebot_id, n.angebot_id), f.monat(n.monat), n.alt, n.neu, n.tage) for n in v.nachmeldungen),
         ("Summe", "", *(sum(getattr(n, k) for n in v.nachmeldungen) for k in ("alt", "neu", "tage")))), summenzeile=True)]


def frueherer_stand(facts: Facts) -> dict[str, str]:
    """The line of the provenance that says what was compared."""
    v = facts.vergleich
    return {"Früherer Stand": f"Datenstand {f.tag(v.datenstand)}, Daten (Prüfsumme) {v.pruefsumme[:12]}"} if v else {}


def _trendzeile(name: str, x: Ausblick | None, jahre: list[str]) -> tuple[Wert, ...]:
    if x is None:
        return (name, *[None] * (3 + 3 * len(jahre)))
    mittel = {j.periode: (j.mittel, j.unten80, j.oben80) for j in x.jahresmittel}
    return (name, x.veraenderung_pro_jahr, x.veraenderung_unten80, x.veraenderung_oben80,
            *(w for j in jahre for w in mittel.get(j, (None, None, None))))


def trend(facts: Facts) -> list[Tabelle]:
    """Year means ahead and the change per year, per offer and in total."""
    reihen = [(facts.angebot(a).bezeichnung, x) for a, x in facts.trend.je_angebot.items()] + [("Träger gesamt", facts.trend.gesamt)]
    jahre = sorted({j.periode for _, x in reihen if x for j in x.jahresmittel})
    kopf = [("Veränderung pro Jahr", "differenz1"), ("von", "differenz1"), ("bis", "differenz1")]
    for j in jahre:
        kopf += [(f"Plätze {j}", "zahl1"), (f"{j} von", "zahl1"), (f"{j} bis", "zahl1")]
    zeilen = [_trendzeile(name, x, jahre) for name, x in reihen]
    for a, je in facts.trend.je_hbg.items():
        zeilen[-1:-1] = [_trendzeile(f"{facts.angebot(a).bezeichnung}, {f.gruppe(h)}", x, jahre) for h, x in je.items() if len(je) > 1]
    bruch = [t for _, x in reihen if x for t in x.bruch]
    basis = f"{EIGENE}, Entgelttage; „von … bis“ mit 80 % Sicherheit" + ("; Brüche markiert" if bruch else "")
    tabellen = [Tabelle("Trend und Prognose", basis, spalten("Angebot", *kopf), tuple(zeilen), summenzeile=True)]
    if bruch:
        tabellen.append(Tabelle(
            "Veränderung pro Jahr mit und ohne markierten Zeitraum", f"{EIGENE}, Plätze je Jahr",
            spalten("Angebot", "von", "bis", "Grund", ("mit", "differenz1"), ("ohne", "differenz1")),
            tuple((name, f.tag(t.von), f.tag(t.bis), t.grund, x.veraenderung_pro_jahr, t.veraenderung_pro_jahr_ohne)
                  for name, x in reihen if x for t in x.bruch)))
        tabellen.append(Tabelle(
            "Jahresmittel mit und ohne markierten Zeitraum",
            f"{EIGENE}; nach einem Bruch zählt nur, was folgt; eine Untererfassung wird überbrückt",
            spalten("Angebot", ("Jahr", "jahr"), ("mit", "zahl1"), ("ohne", "zahl1"), ("ohne, von", "zahl1"), ("ohne, bis", "zahl1")),
            tuple((name, int(o.periode), m.mittel, o.mittel, o.unten80, o.oben80) for name, x in reihen if x
                  for m, o in zip(x.jahresmittel, x.jahresmittel_ohne_bruch, strict=False))))
    test = facts.trend.gesamt.ruecktest if facts.trend.gesamt else ()
    tabellen.append(Tabelle(
        "Wie gut hätte die Prognose getroffen? (mittlerer Fehler in Plätzen)",
        "Träger gesamt; je zwölf Monate, wie sie vorher prognostiziert worden wären; getroffen: Anteil der Monate in der 80-%-Spanne",
        spalten("Zwölf Monate bis", ("diese Prognose", "zahl1"), ("wie im Vorjahr", "zahl1"), ("gerade Linie", "zahl1"),
                ("getroffen", "prozent")),
        tuple((f.monat(r.bis), r.fehler_prognose, r.fehler_vorjahr, r.fehler_gerade, r.getroffen80) for r in test)))
    h = facts.hochrechnung
    if h:
        tabellen.append(Tabelle(
            f"Hochrechnung {h.jahr}", "Angebote im Budget, abgerechnete Fälle; „von … bis“ mit 80 % Sicherheit",
            spalten("Größe", ("erwartet", "zahl1"), ("von", "zahl1"), ("bis", "zahl1"), ("fallbezogenes Budget", "zahl1")),
            (("Plätze im Jahresmittel", h.plaetze.mittel, h.plaetze.unten80, h.plaetze.oben80, h.plaetze_plan),
             ("Wert der Leistung in Tausend Euro", h.erwartet_eur / 1000, h.unten80_eur / 1000, h.oben80_eur / 1000,
              h.soll_eur / 1000))))
    return tabellen


def sektoren(facts: Facts) -> list[Tabelle]:
    """One view over the sectors, and who moved between them; nothing where there is one sector only."""
    je: dict[str, list[str]] = {}
    for a in facts.angebote:
        je.setdefault(a.sektor or "ohne Angabe", []).append(a.angebot_id)
    if len(je) < 2:
        return []
    plaetze, personal = facts.fallzahlen.quartal, facts.personal.quartal

    def summe(werte: Iterable[Any]) -> Any:
        liste = list(werte)
        return None if None in liste else sum(liste, Fraction(0))

    ganz = facts.ganz(facts.quartal.zeitraum)  # with days missing too few VK seem needed
    zeilen = [(s, summe(plaetze.je_angebot[a].durchschnittlich_belegte_plaetze for a in ids), summe(personal.je_angebot[a].vk_anteilig.tage
               for a in ids), summe(personal.je_angebot[a].vk_soll if ganz else None for a in ids)) for s, ids in sorted(je.items())]
    gesamt = plaetze.gesamt.durchschnittlich_belegte_plaetze
    alle = ("Träger gesamt", gesamt, personal.gesamt.vk_anteilig.tage, personal.gesamt.vk_soll if ganz else None)
    return [
        Tabelle(f"Ein Blick über die Sektoren, {_zeitraeume(facts)[0][1]}", f"{EIGENE}, alle Angebote, Entgelttage",
                spalten("Sektor", ("Belegte Plätze", "zahl1"), ("Anteil", "prozent"), ("VK anteilig nach Tagen", "zahl2"),
                        ("nötig nach Schlüssel", "zahl2")),
                tuple((s, p, p / gesamt if gesamt else None, vk, soll) for s, p, vk, soll in (*zeilen, alle)), summenzeile=True),
        Tabelle("Wechsel zwischen Sektoren, letzte vier Quartale", f"{EIGENE}; in ein anderes Angebot am selben oder nächsten Tag; nur für "
                "die Vertragsparteien", spalten("von", "nach", ("Wechsel", "zahl")),
                tuple((w.von, w.nach, w.anzahl) for w in facts.sektorwechsel))]


def hbg(facts: Facts) -> list[Tabelle]:
    """Shares per need group, granted, „+S“ and budgeted; means and index, granted and before S side by side."""
    tabellen = []
    for schluessel, text in _zeitraeume(facts):
        zeilen, kennzahlen = [], []
        for a, x in getattr(facts.hbg, schluessel).je_angebot.items():
            name = facts.angebot(a).bezeichnung
            for h in sorted({*x.anteile, *x.anteile_budget}, key=gruppenrang):
                zeilen.append((name, h, x.anteile.get(h), x.anteile_s.get(h), x.anteile_budget.get(h)))
            kennzahlen.append((name, x.mittlere_hbg, x.mittlere_hbg_ausgang, x.mittlere_hbg_budget, x.anteil_s, x.mixindex,
                               x.mixindex_ausgang))
        g = getattr(facts.hbg, schluessel).gesamt
        kennzahlen.append(("Träger gesamt", None, None, None, g.anteil_s, g.mixindex, g.mixindex_ausgang))
        tabellen.append(Tabelle(
            f"Mittlere HBG und Mixindex, {text}", f"{EIGENE}, Entgelttage; Mixindex: Angebote im Budget, 1 = budgetierter Bedarf",
            spalten("Angebot", ("Mittlere HBG", "zahl3"), ("vor „+S“", "zahl3"), ("im Budget", "zahl3"), ("Anteil „+S“", "prozent"),
                    ("Mixindex", "zahl3"), ("Mixindex vor „+S“", "zahl3")), tuple(kennzahlen), summenzeile=True))
        tabellen.append(Tabelle(
            f"Anteile der Hilfebedarfsgruppen, {text}", f"{EIGENE}, Entgelttage, bewilligte Gruppe",
            spalten("Angebot", "HBG", ("Anteil", "prozent"), ("davon „+S“", "prozent"), ("im Budget", "prozent")), tuple(zeilen)))
    return tabellen


def abweichung(facts: Facts) -> list[Tabelle]:
    """Soll, Ist and the four effects per offer; classical billing beside it. Nothing before the budget begins."""
    tabellen = []
    for schluessel, text in _zeitraeume(facts) if facts.budgettage else ():
        b, k = getattr(facts.abweichung, schluessel), getattr(facts.klassische_abrechnung, schluessel)
        alle = [(facts.angebot(a).bezeichnung, x) for a, x in b.je_angebot.items()] + [("Summe", b.gesamt)]
        zeilen = [(name, x.soll_eur, x.ist_eur, x.abweichung_eur, x.mengeneffekt_eur, x.mixeffekt_eur, x.s_effekt_eur, x.preiseffekt_eur,
                   x.abweichung_s_neutral_eur) for name, x in alle]
        basis = f"{EIGENE}, Angebote im Budget, Entgelttage, ohne Einzelfallsettings und ohne Fälle ohne Kostenzusage"
        tabellen.append(Tabelle(
            f"Abweichung vom budgetierten Volumen in Euro, {text}", basis,
            spalten("Angebot", ("Soll", "euro"), ("Ist", "euro"), ("Abweichung", "euro_differenz"), ("Menge", "euro_differenz"),
                    ("Mix", "euro_differenz"), ("„+S“", "euro_differenz"), ("Preis", "euro_differenz"), ("S-neutral", "euro_differenz")),
            tuple(zeilen), summenzeile=True))
        tabellen.append(Tabelle(
            f"Klassische Abrechnung in Euro, {text}", f"{EIGENE}, Angebote im Budget; Einzelfallsettings getrennt",
            spalten("Angebot", ("Klassische Abrechnung", "euro"), ("Einzelfallsettings", "euro")),
            (*((facts.angebot(a).bezeichnung, x.betrag_eur, x.einzelfall_eur) for a, x in k.je_angebot.items()),
             ("Summe", k.gesamt.betrag_eur, k.gesamt.einzelfall_eur)), summenzeile=True))
    return tabellen


def budget(facts: Facts) -> list[Tabelle]:
    """The derivation line by line, from places to the sum, and the instalments."""
    b = facts.budget
    if b is None:
        return []
    zeilen: list[tuple[Wert, ...]] = [
        (facts.angebot(z.angebot_id).bezeichnung, z.hbg, f"{z.von:%d.%m.} bis {z.bis:%d.%m.%Y}", z.entgelttage_basisjahr,
         z.plaetze_basisjahr,
         Fraction(f.runde(z.plaetze_plan, 2) / basis - 1) if (basis := f.runde(z.plaetze_basisjahr or 0, 2)) else None, z.plaetze_plan,
         z.tage, z.entgelt_eur, z.betrag_eur) for z in b.herleitung]
    leer: tuple[Wert, ...] = (None,) * 8
    zeilen.append(("Fallbezogen", *leer, b.fallbezogen_eur))
    zeilen += [(f"Pauschale: {name}", *leer, betrag) for name, betrag in b.pauschalen]
    zeilen += [(f"Anpassung ab {f.monat(monat)}: {grund}", *leer, betrag) for monat, grund, betrag in b.anpassungen]
    zeilen.append((f"Budget {b.budgetjahr}", *leer, b.gesamt_eur))
    herkunft = f"Basisjahr {b.basisjahr}" if b.basisjahr else "verhandelt, nicht aus einem Basisjahr hergeleitet"
    summe = sum((r.betrag_eur for r in b.raten), Decimal(0))
    return [
        Tabelle(f"Herleitung des Budgets {b.budgetjahr}, Version {b.version}", f"{herkunft}; beschlossen am {f.tag(b.beschlossen_am)}; "
                "Betrag = Plätze × Tage × Entgelt, je Zeile auf den Cent gerundet",
                spalten("Zeile", "HBG", "Zeitraum", ("Entgelttage Basisjahr", "zahl"), ("Plätze Basisjahr", "zahl2"),
                        ("Plan gegen Basis", "prozent_differenz"), ("Plätze Plan", "zahl2"), ("Tage", "zahl"), ("Entgelt €/Tag", "euro"),
                        ("Betrag €", "euro")), tuple(zeilen), summenzeile=True),
        Tabelle(f"Raten {b.budgetjahr} in Euro", "gleiche Teile auf den Cent, die größeren zuerst; Anpassungen ab dem Monat ihrer Wirkung",
                spalten("Monat", ("Rate", "euro"), ("davon fallbezogen", "euro")),
                (*((f.monat(r.monat), r.betrag_eur, r.fallbezogen_eur) for r in b.raten),
                 ("Summe", summe, sum((r.fallbezogen_eur for r in b.raten), Decimal(0)))), summenzeile=True),
        *_zahlungen(facts, b)]


def _zahlungen(facts: Facts, b: Budget) -> list[Tabelle]:
    """What was paid, beside classical billing; nothing before the budget begins."""
    if not facts.budgettage:
        return []
    soll, vorlaeufig = facts.abweichung.kumuliert.gesamt.soll_eur, " (vorläufig)" * facts.vorlaeufig
    jetzt = [p for p in facts.puffer_jahre if p.budgetjahr == b.budgetjahr]
    jahre = [(p.budgetjahr, p.raten_fallbezogen_eur, p.klassische_abrechnung_eur, p.puffer_eur, p.ausgleich_geld_eur,
              p.ausgleich_massnahmen_eur, p.offen_eur) for p in facts.puffer_jahre]
    return [
        Tabelle("Zahlungen und klassische Abrechnung in Euro" + vorlaeufig,
                "Puffer = fallbezogene Raten seit Jahresbeginn − klassische Abrechnung seit Jahresbeginn",
                spalten("Größe", ("Betrag", "euro")),
                (("Gezahlt bis Quartalsende", b.gezahlt_bis_quartalsende_eur),
                 *(("davon fallbezogen", p.raten_fallbezogen_eur) for p in jetzt),
                 ("Klassische Abrechnung seit Jahresbeginn", facts.klassische_abrechnung.kumuliert.gesamt.betrag_eur),
                 ("Puffer", b.puffer_eur),
                 *(("davon, weil Raten je Monat gleich sind, das Budget aber nach Tagen berechnet ist", p.raten_fallbezogen_eur - soll)
                   for p in jetzt if soll is not None))),
        Tabelle("Puffer nach Jahren in Euro" + vorlaeufig,
                "fallbezogene Raten − klassische Abrechnung; offen: was davon weder in Geld noch durch Maßnahmen ausgeglichen ist",
                spalten(("Jahr", "jahr"), ("Raten", "euro"), ("Klassische Abrechnung", "euro"), ("Puffer", "euro_differenz"),
                        ("Ausgleich in Geld", "euro_differenz"), ("Ausgleich durch Maßnahmen", "euro"), ("offen", "euro_differenz")),
                (*jahre, *[("Summe", *(sum(x, Decimal(0)) for x in list(zip(*jahre, strict=True))[1:]))] * (len(jahre) > 1)),
                summenzeile=len(jahre) > 1),
    ]


def korridor(facts: Facts) -> list[Tabelle]:
    """What each possible threshold would mean: Euro, chance, and what would be settled beyond it, in money or by measures."""
    k, a = facts.korridor, facts.abweichung.kumuliert.gesamt
    if k is None or a.abweichung_eur is None:
        return []
    abstand = abs(a.abweichung_eur)
    return [Tabelle(
        f"Mögliche Grenzen, Jahr {facts.quartal.jahr} bis {f.tag(facts.quartal.zeitraum.bis)}",
        f"nach oben und unten gleich; Stand {f.prozent(k.abweichung_prozent / 100, vorzeichen=True)}; Zufall: Anteil der Zeiträume, "
        "in denen ein Träger dieser Größe die Grenze ohne jede Veränderung des Bedarfs überschreitet",
        spalten("Grenze", ("Euro", "euro"), ("allein durch Zufall", "prozent"),
                ("derzeit darüber hinaus (in Geld oder als Maßnahmen)", "euro")),
        tuple((f"± {f.zahl(s.prozent, 1 if s.prozent % 1 else 0)} %", s.betrag_eur, s.anteil_zufall,
               max(abstand - s.betrag_eur, Decimal(0)))
              for s in k.stufen))]


def bewegungen(facts: Facts) -> list[Tabelle]:
    """Moves between need groups, who comes in, free places, events per quarter, special cases."""
    jahre = f"{facts.quartal.jahr - facts.rueckblick_jahre} bis {f.tag(min(facts.quartal.zeitraum.bis, facts.datenstand))}"
    jetzt = _zeitraeume(facts)[0][1]
    return [
        Tabelle("Ereignisse je Quartal", f"{EIGENE}; Unterbrechungen: begonnene Abwesenheiten",
                spalten("Quartal", ("Zugänge", "zahl"), ("Abgänge", "zahl"), ("Unterbrechungen", "zahl"),
                        ("Änderungen der HBG", "zahl")),
                tuple((jetzt if e.quartal == str(facts.quartal) else Quartal.aus(e.quartal).lang, e.zugaenge, e.beendigungen,
                       e.unterbrechungen, e.hbg_aenderungen)
                      for e in facts.ereignisse)),
        Tabelle("Freie Plätze, letzte vier Quartale", "alle Kostenträger; freie Platztage ÷ Abgänge: so lange bleibt ein "
                "Platz im Mittel frei, wenn jeder wieder belegt wird",
                spalten("Angebot", ("Plätze", "zahl"), ("belegt", "zahl1"), ("frei", "zahl1"), ("Abgänge", "zahl"),
                        ("freie Platztage je Abgang", "zahl")),
                tuple((facts.angebot(x.angebot_id).bezeichnung, x.plaetze, x.belegt, x.freie_plaetze, x.abgaenge, x.wiederbelegung_tage)
                      for x in facts.belegung)),
        Tabelle(f"Wechsel zwischen Hilfebedarfsgruppen, {jahre}", f"{EIGENE}, Personen ohne Unterbrechung; nur für die Vertragsparteien",
                spalten("Angebot", "von HBG", "nach HBG", ("Wechsel", "zahl")),
                tuple((facts.angebot(u.angebot_id).bezeichnung, u.von, u.nach, u.anzahl) for u in facts.uebergaenge)),
        Tabelle(f"Wer kommt neu hinzu? {jahre}", f"{EIGENE}; Zugänge nach HBG neben dem Bestand (Entgelttage) desselben Zeitraums",
                spalten("Angebot", "HBG", ("Zugänge", "zahl"), ("Anteil der Zugänge", "prozent"), ("Anteil am Bestand", "prozent")),
                tuple((facts.angebot(p.angebot_id).bezeichnung, p.hbg, p.zugaenge, p.anteil_zugaenge,
                       p.anteil_bestand) for p in facts.zugangsprofil)),
        Tabelle(f"Besondere Fälle, {jetzt}",
                f"{EIGENE}; in den Fallzahlen enthalten, Einzelfallsettings nicht im Budgetvergleich",
                spalten("Art", ("Fälle", "zahl"), ("Entgelttage", "zahl")),
                tuple((BESONDERHEIT.get(x.art, x.art), x.faelle, x.entgelttage) for x in facts.besonderheiten)),
    ]


def entgelte(facts: Facts) -> list[Tabelle]:
    """The agreed rates of the year."""
    return [Tabelle(
        f"Entgelte {facts.quartal.jahr}, € je Person und Tag", f"beschlossen bis zum Datenstand {f.tag(facts.datenstand)}",
        spalten("Angebot", "HBG", ("gültig ab", "datum"), ("gültig bis", "datum"), ("Grundpauschale", "euro"),
                ("Maßnahmepauschale", "euro"), ("Investition", "euro"), ("Entgelt", "euro"), ("bei Abwesenheit", "euro")),
        tuple((facts.angebot(e.angebot_id).bezeichnung, e.hbg, e.gueltig_ab, e.gueltig_bis, e.grundpauschale_eur, e.massnahmepauschale_eur,
               e.investitionsbetrag_eur, e.gesamt_eur, e.abwesenheit_eur) for e in facts.entgelte))]


def personal(facts: Facts) -> list[Tabelle]:
    """Present, pro-rated three ways, needed, fulfilment; per offer and in total. With days missing too few VK would seem needed."""
    tabellen, mass = [], leitmassstab(facts)
    for (schluessel, text), z in zip(_zeitraeume(facts), (facts.quartal.zeitraum, facts.quartal.kumuliert), strict=True):
        b, ganz = getattr(facts.personal, schluessel), facts.ganz(z)
        alle = [(facts.angebot(a).bezeichnung, x) for a, x in b.je_angebot.items()] + [("Träger gesamt", b.gesamt)]
        tabellen.append(Tabelle(
            f"Personal in Vollkräften (VK), {text}",
            "alle Kostenträger (VK) und anteilig für die eigenen; Leitung nur, wo der Schlüssel sie enthält"
            + "; was nötig ist, nur für einen Zeitraum mit allen Tagen" * (not ganz),
            spalten("Angebot", ("VK", "zahl2"), ("anteilig nach Tagen", "zahl2"), ("nach Personen", "zahl2"), ("nach Euro", "zahl2"),
                    ("nötig nach Schlüssel", "zahl2"), ("Erfüllung nach Tagen", "prozent"), ("Personen je VK", "zahl2"),
                    ("VK je 100 Plätze", "zahl2"), ("Fachkraft\u00adquote", "prozent")),
            tuple((name, x.vk, x.vk_anteilig.tage, x.vk_anteilig.personen, x.vk_anteilig.euro, *((
                x.vk_soll, x.erfuellung.tage, x.personen_je_vk.tage, x.vk_je_100_plaetze.tage) if ganz else (None,) * 4), x.fachkraftquote)
                  for name, x in alle), summenzeile=True))
    laeuft = f" (bis {facts.quartal.zeitraum.bis:%d.%m.})" * (facts.quartal.nummer < 4)
    jahre = [(str(j.jahr) + laeuft * (j.jahr == facts.quartal.jahr), j.personal) for j in facts.personal_jahre[:None if ganz else -1]]
    tabellen.append(Tabelle(
        "Personal nach Jahren", f"Träger gesamt; eigener Anteil nach {MASSSTAB[mass]}; "
        "unbesetzte und überzählige VK in Euro, wo Personalkosten angegeben sind",
        spalten("Jahr", ("VK anteilig", "zahl2"), ("nötig", "zahl2"), ("Differenz", "differenz2"), ("Erfüllung", "prozent"),
                ("Fachkraft\u00adquote", "prozent"), ("unbesetzt, Euro", "zahl"), ("über\u00adzählig, Euro", "zahl")),
        tuple((j, vk := getattr(p.vk_anteilig, mass), p.vk_soll,
               None if vk is None or p.vk_soll is None else f.runde(vk, 2) - f.runde(p.vk_soll, 2),
               getattr(p.erfuellung, mass), p.fachkraftquote, p.unbesetzt_eur, p.ueberbesetzt_eur) for j, p in jahre)))
    return tabellen


def ist(m: Massnahme) -> str | None:
    """The actual value of a measure's KPI; a computed one says so and goes before the one reported."""
    return f"{FORM[m.berechnet[1]](m.berechnet[0])} (aus den Daten berechnet)" if m.berechnet else m.istwert


def status(m: Massnahme) -> str:
    return STATUS.get(m.status, m.status) + ", überfällig" * m.ueberfaellig


def massnahmen_stand(facts: Facts) -> str:
    """As of when the scorecard stands, and on which day what is open counts as overdue."""
    stichtag = min(facts.datenstand, facts.quartal.zeitraum.bis)
    return f"Stand {f.tag(facts.massnahmen.stand or facts.datenstand)}; überfällig am {f.tag(stichtag)}"


def massnahmen(facts: Facts) -> list[Tabelle]:
    """Every measure with goal, status, due date and responsible; beside it what frames it."""
    k = facts.massnahmen
    if not k.liste:
        return []
    return [
        Tabelle("Maßnahmen der Balanced Scorecard", massnahmen_stand(facts),
                spalten("Maßnahme", "Ziel", "Perspektive", "Kennzahl", "Soll", "Ist", "Stand", ("fällig", "datum"), "verantwortlich"),
                tuple((m.massnahme, m.ziel, m.perspektive, m.kennzahl, m.sollwert, ist(m), status(m), m.faellig, m.verantwortlich)
                      for m in k.liste)),
        Tabelle("Rahmen der Maßnahmen", "Eigenanteil: Teil der Mittel; gemeinsam: mit anderen Trägern",
                spalten("Maßnahme", "Ebene", "Handlungsfeld", "Zeithorizont", "Rhythmus", ("vereinbart", "datum"), ("Mittel €", "euro"),
                        ("davon Eigenanteil €", "euro"), "Träger"),
                tuple((m.massnahme, EBENE.get(m.ebene or ""), m.handlungsfeld, horizont(m.prioritaet), m.rhythmus, m.vereinbart_am,
                       m.mittel_eur, m.eigenanteil_eur, "gemeinsam" if m.gemeinsam else "eigene") for m in k.liste))]


def blatt(perspektive: str, liste: Iterable[Massnahme]) -> Tabelle:
    """The measures of a perspective as they stand in the minutes, goal by goal."""
    return Tabelle(perspektive, "", spalten("Ziel", "Maßnahme", "Kennung", "Kennzahl", "Soll", "Ist", "Stand", ("fällig", "datum"),
                                            "verantwortlich"),
                   tuple((m.ziel, m.massnahme, m.massnahme_id, m.kennzahl, m.sollwert, ist(m), status(m), m.faellig, m.verantwortlich)
                         for m in liste))


def feldwert(spalte: str, wert: Any) -> str:
    """A cell of `massnahmen` in words."""
    if wert is None or isinstance(wert, bool):
        return f.FEHLT if wert is None else ("nein", "ja")[wert]
    return f.tag(wert) if isinstance(wert, date) else f.zahl(wert, 2) if spalte.endswith("_eur") else WORTE.get(wert, str(wert))


def aenderungen(liste: Iterable[Aenderung], *, ganz: bool = False) -> tuple[tuple[str, str, str, str, str], ...]:
    """Changes as rows: id, entry, what, before, now; of confidential text only that it changed, unless `ganz`."""
    vertraulich = set() if ganz else {s.name for s in SCHEMA["massnahmen"].spalten if s.vertraulich}
    return tuple(zeile for a in liste for zeile in (
        [(a.massnahme_id, a.massnahme, f.klartext(s), *(("…", "geändert") if s in vertraulich else (feldwert(s, x), feldwert(s, y))))
         for s, x, y in a.felder] or [(a.massnahme_id, a.massnahme, a.was, "", "")]))


def fortschreibung(facts: Facts, *, ganz: bool = False) -> list[Tabelle]:
    """What changed since the last meeting; what is overdue."""
    k = facts.massnahmen
    return [
        Tabelle(f"Änderungen seit dem Gespräch am {f.tag(k.letztes_gespraech)}", f"Stand {f.tag(k.stand)}",
                spalten("Kennung", "Eintrag", "Was", "bisher", "jetzt"), aenderungen(k.aenderungen, ganz=ganz)),
        Tabelle("Überfällig", f"am {f.tag(min(facts.datenstand, facts.quartal.zeitraum.bis))}, weder beendet noch zurückgestellt",
                spalten("Maßnahme", ("fällig", "datum"), "Stand", "verantwortlich"),
                tuple((m.massnahme, m.faellig, STATUS.get(m.status, m.status), m.verantwortlich) for m in k.liste if m.ueberfaellig))]


def vorhaben(facts: Facts) -> list[Tabelle]:
    """Projects with money; their measures and milestones with indicator and risk; subsidy and own share by year."""
    k, summe = facts.massnahmen, Decimal(0)
    return [
        Tabelle("Vorhaben und Projekte in Euro", "Eigenanteil: Teil der Mittel; übrig = Mittel − ausgegeben",
                spalten("Vorhaben", "Ziele", ("Beginn", "datum"), ("Ende", "datum"), ("Mittel", "euro"), ("davon Eigenanteil", "euro"),
                        ("ausgegeben", "euro"), ("übrig", "euro")),
                tuple((v.name, "; ".join(dict.fromkeys(m.ziel for m in k.des_vorhabens(v.name))), v.beginn, v.ende, v.mittel_eur,
                       v.eigenanteil_eur, v.ausgegeben_eur, v.uebrig_eur) for v in k.vorhaben)),
        Tabelle("Maßnahmen und Meilensteine der Vorhaben", f"Stand {f.tag(k.stand)}",
                spalten("Eintrag", "Vorhaben", "Art", "Kennzahl", "Soll", "Ist", ("fällig", "datum"), "Stand", "Risiko"),
                tuple((m.massnahme, v.name, f.klartext(m.art), m.kennzahl, m.sollwert, ist(m), m.faellig, status(m), m.risiko)
                      for v in k.vorhaben for m in k.des_vorhabens(v.name) if m.art in ("massnahme", "meilenstein"))),
        Tabelle("Förderung und Eigenanteil nach Jahren in Euro",
                "alle Einträge mit Mitteln, Mittel eines Vorhabens einmal; Förderung = Mittel − Eigenanteil",
                spalten(("Jahr", "jahr"), ("Mittel", "euro"), ("Förderung", "euro"), ("Eigenanteil", "euro")),
                (*((m.jahr or "ohne Jahr", m.mittel_eur, m.foerderung_eur, m.eigenanteil_eur) for m in k.mittel),
                 ("Summe", *(sum((getattr(m, s) for m in k.mittel), summe) for s in ("mittel_eur", "foerderung_eur", "eigenanteil_eur"))),
                 ) if k.mittel else (), summenzeile=True)]


def vereinbart(facts: Facts) -> list[Tabelle]:
    """Agreed against actual, up front in the minutes: places, staff, Euro, projects."""
    a, p = facts.abweichung.quartal.gesamt, facts.personal.quartal.gesamt
    tage, e, vk = facts.budgettage or 1, facts.abweichung.kumuliert.gesamt, getattr(p.vk_anteilig, leitmassstab(facts))
    reihen: list[tuple[str, str, Any, Any]] = [
        ("Belegte Plätze, Angebote im Budget", "zahl1", a.soll_tage / tage if a.soll_tage is not None else None,
         Fraction(a.ist_tage, tage) if a.ist_tage is not None else None),
        ("Vollkräfte (VK), nötig und eingesetzt", "zahl1", p.vk_soll if facts.ganz(facts.quartal.zeitraum) else None, vk),
        (f"Leistungsvolumen seit {seit(facts)} in Euro", "euro", e.soll_eur, e.ist_eur),
        *((f"Mittel „{v.name}“ in Euro, ausgegeben", "euro", v.mittel_eur, v.ausgegeben_eur) for v in facts.massnahmen.vorhaben
          if v.mittel_eur)]
    differenz = {"zahl1": "differenz1", "euro": "euro_differenz"}
    return [Tabelle(f"Vereinbart und tatsächlich, {_zeitraeume(facts)[0][1]}",
        f"{EIGENE}; Mittel eines Vorhabens für seine ganze Dauer, bisher ausgegeben",
        spalten("Größe", ("vereinbart", "text_rechts"), ("tatsächlich", "text_rechts"), ("Differenz", "text_rechts")),
        tuple((name, FORM[art](x), FORM[art](y), f.FEHLT if x is None or y is None or (facts.vorlaeufig and i < 3) else FORM[
            differenz[art]](f.runde(y, 2 if art == "euro" else 1) - f.runde(x, 2 if art == "euro" else 1)))
              for i, (name, art, x, y) in enumerate(reihen)))]


def hinweise(facts: Facts) -> list[Tabelle]:
    """What is missing, provisional or not agreed."""
    return [Tabelle("Hinweise aus den Daten", "was fehlt, vorläufig oder nicht vereinbart ist", spalten("Nr.", "Hinweis"),
                    tuple((str(i), h.text) for i, h in enumerate(facts.hinweise, 1)))] if facts.hinweise else []


def einmalig(tabellen: Sequence[Tabelle]) -> list[Tabelle]:
    """Tables that hold rows, each once: in a first quarter the year to date repeats the quarter."""
    inhalt = [(t.spalten, t.zeilen) for t in tabellen]
    return [t for i, t in enumerate(tabellen) if t.zeilen and inhalt[i] not in inhalt[:i]]


# sheet name → tables; the order is the order of the workbook
TABELLEN: dict[str, Callable[[Facts], list[Tabelle]]] = {
    "Fallzahlen": fallzahlen, "Sektoren": sektoren, "Nachmeldungen": nachmeldungen, "Trend": trend, "HBG-Mix": hbg,
    "Abweichung": abweichung,
    "Budget": budget, "Korridor": korridor, "Entgelte": entgelte, "Personal": personal, "Bewegungen": bewegungen,
    "Maßnahmen": lambda facts: massnahmen(facts) + fortschreibung(facts), "Vorhaben": vorhaben, "Hinweise": hinweise,
}
