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
    elif a.vorlaeufig:
        h.append(("vorlaeufig", "Vorläufig: Für das Quartal fehlen noch Monatswerte. Gezählt ist, was gemeldet ist; das Budget steht in "
                  "den Tabellen für den ganzen Zeitraum."))
    if a.version is None:
        h.append(("kein_budget",
                  f"Für {q.jahr} liegt bis zum Quartalsende kein beschlossenes Budget vor; Abweichung und Puffer entfallen."))
        if a.ohne_entgelt:
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
    if a.beginn and a.beginn.year > q.jahr:
        h.append(("budget_vor_beginn", f"Für {q.jahr} ist ein Budget beschlossen, die Budgetfinanzierung beginnt aber erst am "
                  f"{a.beginn:%d.%m.%Y}; Raten fallen nicht an."))
    for f in a.budget_luecke:
        h.append(("budget_offen", f"{f.grund} Das Budget {q.jahr} lässt sich daher noch nicht berechnen, ebenso Raten und Puffer."))
    ohne = [x.bezeichnung for x in a.angebote if not x.im_budget or not any(p.angebot_id == x.angebot_id and p.plaetze_plan
                                                                           for p in a.version.plan)]
    if ohne:
        h.append(("kein_mixindex", f"Einen Mixindex gibt es nur, wo Plätze budgetiert sind; nicht für {', '.join(ohne)}."))
    gerechnet = {p.budgetjahr for p in a.puffer_jahre}
    offen = [str(j) for j in a.versionen if j <= q.jahr and j not in gerechnet and not (j == q.jahr and a.budget_luecke)]
    if offen:
        h.append(("puffer_offen", f"Der Puffer {', '.join(offen)} lässt sich nicht berechnen, weil Entgelte oder Fälle dazu fehlen."))
    return h


def _vereinbart(a: Analyse) -> list[tuple[str, str]]:
    h, v, regeln = [], a.verfahren, a.bestand["verfahren"]["gueltig_ab"]
    if regeln.empty or regeln.min() > pd.Timestamp(a.quartal.kumuliert.von):
        h.append(("zaehlregel_offen", "Für einen Teil des Jahres oder ganz ist keine Zählregel vereinbart; dort wird wie üblich gezählt: "
                  "erster und letzter Tag zählen, Abwesenheiten zum vollen Entgelt."))
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
        if p.vk is not None and p.eigener_anteil.tage is None:
            h.append(("personal_ohne_tage", f"{name}: Personal ist angegeben, aber kein Tag gezählt; anteilige VK lassen sich dort und für "
                      "den ganzen Träger nicht angeben."))
    anteile = [(x.bezeichnung, je[x.angebot_id].eigener_anteil) for x in a.angebote]
    if ohne := [name for name, anteil in anteile if anteil.tage is not None and anteil.euro is None]:
        h.append(("anteil_euro_offen", "Nicht für alle Tage liegt ein Entgelt vor; ein eigener Anteil nach Euro entfällt für den Träger "
                  f"und für {', '.join(ohne)}."))
    return h


def _reihen(a: Analyse) -> list[tuple[str, str]]:
    if a.bestand["faelle"].empty and a.bestand["fallzahlen"].empty:
        return [("keine_faelle", "Zu keinem Angebot liegen Fälle oder Monatswerte vor; alle Fallzahlen stehen daher auf null.")]
    h, z = [], a.quartal.kumuliert
    f = a.bestand["fallzahlen"]
    for angebot in a.angebote:
        if angebot.angebot_id not in a.aggregiert:
            continue
        mehrere = " für den ganzen Träger auch Stichtagszahl, Zugänge und Abgänge nicht" * (len(a.angebote) > 1)
        h.append(("monatswerte", f"{angebot.bezeichnung}: Es liegen nur Monatswerte vor; Fälle im Zeitraum und Wechsel lassen sich nicht "
                  f"angeben{',' * bool(mehrere)}{mehrere}."))
        if fehlen := a.fehlende_monate(angebot.angebot_id, z):
            h.append(("monat_fehlt",
                      f"{angebot.bezeichnung}: Für {fehlen} von {len(z.monate())} Monaten seit Jahresbeginn fehlen Monatswerte; "
                      "dort sind keine Tage gezählt, und Zugänge und Abgänge lassen sich nicht angeben."))
        leer = [s for s in ("stichtagszahl", "zugaenge", "abgaenge") if f.loc[f["angebot_id"] == angebot.angebot_id, s].isna().any()]
        if leer:
            fehlt, offen = ("fehlt", "die Zahl bleibt") if len(leer) == 1 else ("fehlen", "die Zahlen bleiben")
            h.append(("monatswert_leer", f"{angebot.bezeichnung}: In den Monatswerten {fehlt} {', '.join(leer)}; {offen} offen."))
    mix = a.hbg(a.quartal.zeitraum).je_angebot
    if keine := [x.bezeichnung for x in a.angebote if mix[x.angebot_id].anteile and mix[x.angebot_id].mittlere_hbg is None]:
        h.append(("gruppen_ohne_zahl", f"Eine mittlere HBG gibt es nur, wo alle Gruppen Zahlen sind; nicht für {', '.join(keine)}."))
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
