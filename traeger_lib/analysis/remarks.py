"""Hinweise: what is missing, provisional or not agreed, in plain German. They stand in the report and beside every null."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from traeger_lib.analysis.facts import Hinweis
from traeger_lib.analysis.models import MODELLE, STANDARD

if TYPE_CHECKING:
    from traeger_lib.analysis.analyse import Analyse


def hinweise(a: Analyse) -> list[Hinweis]:
    """Everything a reader must know about the data before trusting a figure."""
    if not a.angebote:
        return [Hinweis("nur_massnahmen", "Im Bestand stehen für diesen Träger keine Angebote und keine Fälle; der Bericht zeigt nur "
                        "Maßnahmen und Mittel."), *(Hinweis("daten", text) for _, text in a.bestand.hinweise)]
    return [Hinweis(k, text) for k, text in (*_budget(a), *_vereinbart(a), *_personal(a), *_reihen(a))] + [
        Hinweis("daten", text) for _, text in a.bestand.hinweise]


def _budget(a: Analyse) -> list[tuple[str, str]]:
    h, q, datenstand = [], a.quartal, a.bestand.datenstand
    if datenstand < q.zeitraum.bis:
        h.append(("vorlaeufig",
                  f"Vorläufig: Datenstand {datenstand:%d.%m.%Y}, das Quartal endet am {q.zeitraum.bis:%d.%m.%Y}. Gezählt ist, "
                  "was bis zum Datenstand gemeldet ist; das Budget steht in den Tabellen für den ganzen Zeitraum."))
    if a.version is None:
        h.append(("kein_budget",
                  f"Für {q.jahr} liegt bis zum Quartalsende kein beschlossenes Budget vor; Abweichung und Puffer entfallen."))
        if a.effekte is None:
            h.append(("entgelt_fehlt",
                      "Nicht für alle Tage liegt ein Entgelt vor; ohne Budget bleiben Ist und klassische Abrechnung offen."))
        return h
    if a.version.basisjahr is None:
        h.append(("kein_basisjahr",
                  "Das Budget nennt kein einheitliches Basisjahr; Plätze des Basisjahrs stehen daher nicht daneben, und die "
                  "Zufallsrechnung nimmt anderthalb Jahre zwischen Zahlen und Budget an."))
    beginn = max(a.quartal.kumuliert.von, a.beginn or a.quartal.kumuliert.von)
    for p in a.version.plan:
        if p.plaetze_plan and a.entgelte.spaeter_beschlossen(p.angebot_id, p.hbg, a.version.beschlossen_am, beginn):
            h.append(("plansatz_spaeter", f"Angebot {p.angebot_id}, HBG {p.hbg}: Für einen Teil des Jahres wurde das Entgelt erst nach dem "
                      "Budget beschlossen; als Plansatz gilt das erste spätere."))
    gerechnet = {p.budgetjahr for p in a.puffer_jahre}
    offen = [str(j) for j in a.versionen if j <= q.jahr and j not in gerechnet]
    if offen:
        h.append(("puffer_offen", f"Der Puffer {', '.join(offen)} lässt sich nicht berechnen, weil Entgelte oder Fälle dazu fehlen."))
    return h


def _vereinbart(a: Analyse) -> list[tuple[str, str]]:
    h, v = [], a.verfahren
    if a.modellname and a.modellname not in MODELLE:
        h.append(("modell_unbekannt", f"Das Budgetmodell „{a.modellname}“ ist nicht bekannt; gerechnet wird wie {STANDARD} (bekannt: "
                  f"{', '.join(sorted(MODELLE))})."))
    if v.korridor_unten_prozent is None and v.korridor_oben_prozent is None:
        h.append(("kein_korridor", "Ein Korridor für Abweichungen ist nicht vereinbart."))
    if v.personalanteil_nach is None and not a.bestand["personal"].empty:
        h.append(("personalanteil_offen",
                  "Wonach der eigene Anteil am Personal bemessen wird, ist nicht vereinbart; die Anteile nach Tagen, "
                  "Personen und Euro stehen nebeneinander."))
    return h


def _personal(a: Analyse) -> list[tuple[str, str]]:
    if a.bestand["personal"].empty:
        return [("kein_personal", "Zum Personal liegen keine Angaben vor; ob das Budget mit ausreichend Personal erbracht wird, lässt sich "
                 "daher nicht sagen.")]
    h, je = [], a.personal(a.quartal.zeitraum).je_angebot
    for angebot in a.angebote:
        p, name = je[angebot.angebot_id], angebot.bezeichnung
        if p.vk is None and p.eigener_anteil.tage is not None:
            h.append(("personal_fehlt",
                      f"{name}: Zum Personal liegen keine Angaben vor; Summen für den ganzen Träger bleiben daher offen."))
        elif p.vk is not None and p.monate_mit_angaben < p.monate:
            h.append(("personal_luecke",
                      f"{name}: Personal ist nur für {p.monate_mit_angaben} von {p.monate} Monaten angegeben; gerechnet wird "
                      "mit dem Mittel der angegebenen."))
        if p.vk_soll is None and p.eigener_anteil.tage is not None:
            h.append(("kein_schluessel", f"{name}: Ein Betreuungsschlüssel fehlt; das nötige Personal lässt sich nicht berechnen."))
    return h


def _reihen(a: Analyse) -> list[tuple[str, str]]:
    if a.bestand["faelle"].empty and a.bestand["fallzahlen"].empty:
        return [("keine_faelle", "Zu keinem Angebot liegen Fälle oder Monatswerte vor; alle Fallzahlen stehen daher auf null.")]
    h, z = [], a.quartal.kumuliert
    f = a.bestand["fallzahlen"]
    for angebot in a.angebote:
        if angebot.angebot_id not in a.aggregiert:
            continue
        h.append(("monatswerte", f"{angebot.bezeichnung}: Es liegen nur Monatswerte vor; Fälle im Zeitraum und Wechsel lassen sich nicht "
                  "angeben."))
        da = f.loc[(f["angebot_id"] == angebot.angebot_id) & (f["monat"] >= pd.Timestamp(z.von)) & (f["monat"] <= pd.Timestamp(z.bis)),
                   "monat"]
        fehlen = len(z.monate()) - da.nunique()
        if fehlen:
            h.append(("monat_fehlt",
                      f"{angebot.bezeichnung}: Für {fehlen} von {len(z.monate())} Monaten seit Jahresbeginn fehlen Monatswerte; "
                      "dort sind keine Tage gezählt."))
    je_angebot = [(x.bezeichnung, a.trend.je_angebot[x.angebot_id]) for x in a.angebote]
    for name, reihe in [("Träger gesamt", a.trend.gesamt), *je_angebot]:
        if reihe is not None and reihe.sprung is not None:
            vorher, nachher = (f"{w:.1f}".replace(".", ",") for w in (reihe.sprung.vorher, reihe.sprung.nachher))
            jahr, monat = reihe.sprung.monat.split("-")
            h.append(("niveausprung", f"{name}: Im Monat {monat}/{jahr} ändert sich die Belegung sprunghaft von etwa {vorher} auf "
                      f"{nachher} Plätze. Gab es dafür einen Grund, etwa eine geänderte Erfassung?"))
    t = a.trend.gesamt
    if t is None:
        h.append(("kein_trend", "Für eine Prognose liegen zu wenige Monate vor."))
    elif t.tendenz:
        h.append(("tendenz", f"Erst {t.punkte} Monate Daten: Die Aussage ist eine Tendenz."))
    return h
