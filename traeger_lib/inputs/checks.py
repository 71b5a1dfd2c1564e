"""Rules inside and between the converted tables of a Bestand: what cannot be true together.

What a row shows by itself is in ZEILENREGELN; any other rule is a generator of findings in REGELN. No rule loops over stays, none names a
person. Not here: single values (`convert`), what is only worth a look (`notices`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from traeger_lib.inputs.convert import JAHR_BIS, kurz
from traeger_lib.inputs.faults import Fehler, anzahl
from traeger_lib.inputs.notices import HINWEISE, Hinweis
from traeger_lib.inputs.schema import TABELLEN
from traeger_lib.inputs.view import ACHSE, OFFEN, TAG_NULL, Abdeckung, Lage, anzeige, erste_gleiche, schluessel, tage

AEHNLICHE_MAX = 50  # so many unknown ids of a column get a similar one shown: each is compared with all
Befund = tuple[str, Any, str, str, str | list[str], str]  # table, row numbers, kind, column, what is wrong, what to do


# kind, what is wrong, what to do, which rows are wrong, where: table and columns, of which the fault names the last
ZEILENREGELN: tuple[tuple[str, str, str, Callable[..., Any], tuple[tuple[str, ...], ...]], ...] = (
    ("reihenfolge", "Der Tag in {1} liegt vor dem in {0} ({2}).", "Einen der beiden Tage berichtigen.", lambda von, bis: bis < von, (
      *((t, "beginn", "ende") for t in ("abwesenheiten", "faelle")), ("entgelte", "gueltig_ab", "gueltig_bis"), ("brueche", "von", "bis"))),
    ("s_ohne_ausgang", "Bei s = ja fehlt die Hilfebedarfsgruppe vor der Verlagerung.", "hbg_ausgang ergänzen.",
     lambda s, ausgang: s.fillna(False) & ausgang.isna(), (("faelle", "s", "hbg_ausgang"), ("fallzahlen", "s", "hbg_ausgang"))),
    ("budget_unvollstaendig", "In der fallbezogenen Zeile fehlt {1}.", "Die Angabe ergänzen.",
     lambda art, w: (art == "fallbezogen") & w.isna(),
     (("budgets", "art", "angebot_id"), ("budgets", "art", "hbg"), ("budgets", "art", "plaetze_plan"))),
    ("budget_unvollstaendig", "In der Zeile einer Pauschale fehlt {1}.", "Die Angabe ergänzen.",
     lambda art, w: (art == "pauschal") & w.isna(), (("budgets", "art", "bezeichnung"), ("budgets", "art", "betrag_eur"))),
    ("jahr", "Das ist kein Kalenderjahr.", "Ein Jahr mit vier Ziffern angeben.", lambda jahr: jahr.fillna(0) > JAHR_BIS,
     (("budgets", "budgetjahr"), ("budgets", "basisjahr"), ("anpassungen", "budgetjahr"))),
    ("anpassung_jahr", "Der Tag liegt nicht im Budgetjahr der Anpassung.", "wirksam_ab oder budgetjahr berichtigen.",
     lambda jahr, tag: (tag.dt.year != jahr) & (jahr <= JAHR_BIS), (("anpassungen", "budgetjahr", "wirksam_ab"),)),
    ("schluessel", "Null Personen je Vollkraft sind nicht möglich.", "Personen je Vollkraft angeben (1:10 → 10).",
     lambda personen: personen.map(lambda w: w <= 0), (("schluessel", "personen_je_vk"),)),
    ("faktor", "Der Anteil ist größer als 1.", "Als Anteil angeben, 75 % als 0,75.",
     lambda anteil: anteil.map(lambda w: w is not None and w > 1), (("entgelte", "abwesenheit_faktor"),)),
    ("plus_s", "Gruppe und Verlagerung stehen in einer Zelle.",
     "In hbg nur die Gruppe, in s ja und in hbg_ausgang die Gruppe davor angeben, oder zuordnung.toml nutzen.",
     lambda hbg: hbg.isin([h for h in hbg.dropna().unique() if re.search(r"\+\s*[sS]\s*$", h)]),
     (("faelle", "hbg"), ("fallzahlen", "hbg"))),
    ("email", "Das ist keine E-Mail-Adresse.", "Eine Adresse der Form name@beispiel.de eintragen.",
     lambda email: ~email.str.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+"), (("verteiler", "email"),)))


def zeilenweise(lage: Lage) -> Iterator[Befund]:
    """ZEILENREGELN on every table; what is wrong may name the columns and, after them, the first one's value."""
    for art, grund, abhilfe, falsch, stellen in ZEILENREGELN:
        for tabelle, *spalten in stellen:
            faul = np.asarray(falsch(*(lage[tabelle][s] for s in spalten)), dtype=bool)
            gruende = [grund.format(*spalten, anzeige(w)) for w in lage[tabelle][spalten[0]][faul]]
            yield tabelle, lage[tabelle].index[faul], art, spalten[-1], gruende, abhilfe


def entgeltsumme(lage: Lage) -> Iterator[Befund]:
    """The three components of a rate make its total, where one is given."""
    e = lage["entgelte"]
    summe = e["grundpauschale"] + e["massnahmepauschale"] + e["investitionsbetrag"]
    falsch = (e["gesamt"].notna() & (summe != e["gesamt"])).to_numpy(dtype=bool)
    gruende = [f"Die drei Bestandteile ergeben {anzeige(s)}." for s in summe[falsch]]
    yield "entgelte", e.index[falsch], "entgeltsumme", "gesamt", gruende, "Die Bestandteile oder gesamt berichtigen."


def unbekannte(ziel: str, lage: Lage) -> Iterator[Befund]:
    """References to rows that are not in the table `ziel`."""
    (spalte,) = TABELLEN[ziel].schluessel
    for name in (n for n, t in TABELLEN.items() if spalte in t.spalte and n != ziel):
        werte, bekannte = lage[name][spalte], lage[ziel][spalte]
        fremd = werte[werte.notna() & ~werte.isin(bekannte)]
        nah = {w: get_close_matches(w, bekannte, 1, 0.8) for w in fremd.unique()[:AEHNLICHE_MAX]}
        gruende = [f"Diese Kennung steht nicht in der Tabelle {ziel}{f'; ähnlich ist {nah[w][0]}' if nah.get(w) else ''}." for w in fremd]
        yield name, fremd.index, f"{ziel}_unbekannt", spalte, gruende, f"Die Kennung berichtigen oder in {ziel} ergänzen."


def doppelte(lage: Lage) -> Iterator[Befund]:
    """Rows that the key of their table does not tell apart, without a key rows that are equal in everything (stays and absences:
    see `ueberschneidungen`, case-based lines of budgets: see `budgetfassungen`)."""
    for name, t in TABELLEN.items():
        teil = lage[name] if name != "budgets" else lage[name][lage[name]["art"] != "fallbezogen"]
        if name in ("faelle", "abwesenheiten") or teil.empty:
            continue
        erste = erste_gleiche(t.schluessel or tuple(t.spalte), teil.assign(s=teil["s"].fillna(False)) if "s" in teil else teil)
        doppelt = erste != teil.index
        art, grund = (
            "zwei_beschluesse", "Für dasselbe Entgelt gibt es zwei Beschlüsse vom selben Tag, den anderen in") if name == "entgelte" else (
            "doppelt", f"Die Zeile ist doppelt: {', '.join(t.schluessel) or 'alles'} wie in")
        yield name, teil.index[doppelt], art, "", [f"{grund} Zeile {z}." for z in erste[doppelt]], "Eine Zeile löschen oder berichtigen."


def leitung(lage: Lage) -> Iterator[Befund]:
    """leitung_enthalten is the same for all need groups of an offer on every day."""
    s, je_tag = lage["schluessel"].sort_values("gueltig_ab", kind="stable"), ["angebot_id", "gueltig_ab"]
    s = s.assign(zeile=s.index, enthalten=s["leitung_enthalten"].fillna(False))
    stand = s.pivot_table("enthalten", je_tag, "hbg", aggfunc="last").groupby("angebot_id").ffill()
    uneinheitlich = s.groupby(je_tag)["zeile"].last()[stand.nunique(axis=1) > 1]
    grund, abhilfe = "Ab diesem Tag ist die Angabe im Angebot uneinheitlich.", "Für alle Hilfebedarfsgruppen dasselbe angeben."
    yield "schluessel", uneinheitlich, "leitung_uneinheitlich", "leitung_enthalten", grund, abhilfe


def budgetangebote(lage: Lage) -> Iterator[Befund]:
    """Case-based lines are for offers of the provider in the budget."""
    b = lage["budgets"]
    zeilen = b[(b["art"] == "fallbezogen") & b["angebot_id"].isin(lage.angebote.index)]
    angebot = lage.angebote.reindex(zeilen["angebot_id"]).set_index(zeilen.index)
    fremd, draussen = angebot["traeger_id"] != zeilen["traeger_id"], ~angebot["im_budget"].fillna(True)
    for faul, grund in ((fremd, "gehört zu einem anderen Träger"), (draussen & ~fremd, "gehört nach im_budget nicht zum Budget")):
        yield ("budgets", zeilen.index[faul], "budget_angebot", "angebot_id", f"Das Angebot {grund}.",
               "Die Zeile oder das Angebot in angebote berichtigen.")


def budgetfassungen(lage: Lage) -> Iterator[Befund]:
    """Case-based lines once in a version; versions uniform."""
    b, fassung = lage["budgets"], ["traeger_id", "budgetjahr", "version"]
    fall = b["art"] == "fallbezogen"
    zeilen = b[fall & b["angebot_id"].notna() & b["hbg"].notna()]
    erste = erste_gleiche([*fassung, "angebot_id", "hbg"], zeilen)
    gruende = [f"Die Gruppe steht für das Angebot in dieser Fassung schon in Zeile {z}." for z in erste[erste != zeilen.index]]
    yield "budgets", zeilen.index[erste != zeilen.index], "budget_doppelt", "hbg", gruende, "Die Zeilen zusammenfassen."
    for spalte, teil in (("beschlossen_am", b), ("basisjahr", b[fall | b["basisjahr"].notna()])):
        (werte,) = schluessel([spalte], teil)
        erster = pd.Series(werte, index=teil.index).groupby([teil[f] for f in fassung]).transform("first")
        yield ("budgets", teil.index[werte != erster], "budget_fassung", spalte, f"{spalte} ist in der Fassung des Budgets uneinheitlich.",
               "In allen Zeilen der Fassung dasselbe angeben oder eine neue Nummer in version vergeben.")


def ueberschneidungen(lage: Lage) -> Iterator[Befund]:
    """Stays, and absences, of one person in one offer that share a day."""
    for tabelle, was in (("faelle", "Der Aufenthalt"), ("abwesenheiten", "Die Abwesenheit")):
        f = lage.spannen[tabelle]
        von, bis = ((f["po"] * ACHSE + f[s]).to_numpy() for s in ("von", "bis"))
        ordnung = np.argsort(von, kind="stable")
        von, bis, zeilen = von[ordnung], bis[ordnung], f.index.to_numpy()[ordnung]
        weit = np.maximum.accumulate(bis)
        partner = np.maximum.accumulate(np.where(bis == weit, np.arange(len(bis)), 0))
        i = np.flatnonzero(von[1:] <= weit[:-1]) + 1
        gruende = [f"{was} überschneidet sich mit Zeile {z} (dieselbe Person im selben Angebot)." for z in zeilen[partner[i - 1]]]
        yield (tabelle, zeilen[i], "ueberschneidung", "beginn", gruende,
               "Ist die Zeile doppelt, sie löschen; sonst beginn oder ende berichtigen, der letzte Tag zählt mit.")


def ausserhalb(lage: Lage) -> Iterator[Befund]:
    """Every day of an absence lies in a stay of the person in the offer."""
    faelle, weg = lage.spannen["faelle"], lage.spannen["abwesenheiten"]
    fehlt = Abdeckung.aus(faelle, "po").luecken(weg, "po")
    unbekannt = faelle.index[(faelle["nr"] < 0) & bool(len(lage.angebote))]
    anderswo = lage["faelle"].loc[unbekannt, "person_id"]  # who stays in an unknown offer: a mere consequence
    fehlt = fehlt[~lage["abwesenheiten"].loc[fehlt.index, "person_id"].isin(anderswo)]
    yield ("abwesenheiten", fehlt.index, "abwesenheit_ausserhalb", "beginn",
           "Die Abwesenheit liegt nicht ganz in einem Aufenthalt der Person im Angebot.",
           "Die Abwesenheit kürzen oder den Aufenthalt in faelle berichtigen.")


def doppelt_gezaehlt(lage: Lage) -> Iterator[Befund]:
    """An offer reports either case rows or monthly counts."""
    z = lage["fallzahlen"].drop_duplicates("angebot_id")
    yield ("fallzahlen", z.index[z["angebot_id"].isin(lage["faelle"]["angebot_id"].unique())], "faelle_und_fallzahlen", "angebot_id",
           "Für das Angebot gibt es Fallzeilen und Monatswerte.", "Nur eine der beiden Tabellen liefern, sonst wird doppelt gezählt.")


def ohne_entgelt(lage: Lage) -> Iterator[Befund]:
    """Days with own cases in a budget offer need a rate, of the granted group and of the one before S; planned groups one that may serve as
    plan rate: valid that day, or decided later than the budget. One fault per offer and need group, at its first row."""
    e, z, b = lage.spannen["entgelte"], lage.spannen["fallzahlen"], lage["budgets"]
    b = b[(b["art"] == "fallbezogen") & b["plaetze_plan"].map(bool) & b["hbg"].notna() & b["angebot_id"].isin(lage.angebote.index)]
    saetze, plan = Abdeckung.aus(e, "oh"), lage.budgettage(b)
    plan["oh"], e_oh = schluessel(("angebot_id", "hbg"), plan, e)
    spaeter = e.groupby(e_oh)["beschlossen_am"].max().reindex(plan["oh"]).to_numpy() > plan["beschlossen_am"].to_numpy()
    gruppen = lage["entgelte"].groupby("angebot_id")["hbg"].agg(lambda hbg: sorted(set(hbg))).to_dict()

    def andere(angebot: str, hbg: str) -> str:
        return f"; in entgelte stehen die Gruppen {', '.join(gruppen[angebot])}" if hbg not in gruppen.get(angebot, [hbg]) else ""

    im_budget = [lage.fenster.schnitt(t, "traeger") for t in (lage.abgerechnet, z)]
    vor_s = [t[t["oh_vor_s"] >= 0].assign(oh=lambda x: x["oh_vor_s"]) for t in im_budget]
    for tabelle, spalte, spannen, wann in (
            *((t, "hbg", spannen, saetze) for t, spannen in zip(("faelle", "fallzahlen"), im_budget, strict=True)),
            *((t, "hbg_ausgang", spannen, saetze) for t, spannen in zip(("faelle", "fallzahlen"), vor_s, strict=True)),
            ("budgets", "hbg", plan[~spaeter], Abdeckung.aus(e.assign(oh=e_oh), "oh"))):
        fehlt, tage_mit = wann.luecken(spannen, "oh"), "geplanten Plätzen" if tabelle == "budgets" else "eigenen Fällen"
        arten = fehlt.assign(zeile=fehlt.index).groupby("oh", sort=False).agg({"zeile": ["min", "nunique"], "tag": "min"})
        gruende = [f"Für Angebot {angebot} und diese Gruppe gilt an Tagen mit {tage_mit} kein Entgelt, zuerst am "
                   f"{pd.Timestamp(tag + TAG_NULL, unit='D'):%d.%m.%Y} ({anzahl(zahl, 'Zeile', 'Zeilen')}){andere(angebot, hbg)}."
                   for (_, zahl, tag), angebot, hbg in zip(arten.itertuples(index=False), *(
                       lage[tabelle].loc[arten["zeile", "min"], s] for s in ("angebot_id", spalte)), strict=True)]
        yield tabelle, arten["zeile", "min"], "ohne_entgelt", spalte, gruende, f"In entgelte die Zeit ergänzen oder {spalte} berichtigen."


def faktor_fehlt(lage: Lage) -> Iterator[Befund]:
    """Days at the reduced rate that the agreed procedure allows need abwesenheit_faktor in the rate of that day, by the
    latest decision; only own cases, only within the budget years."""
    saetze, z = lage.spannen["entgelte"], lage.spannen["fallzahlen"]
    if not saetze["ohne"].any():
        return
    f = verminderte_tage(lage).schnitt(lage.abgerechnet, "po")
    z = lage.fenster.schnitt(z[z["vermindert"]], "traeger")
    gebraucht = Abdeckung.aus(pd.concat([f[["oh", "von", "bis"]], z[["oh", "von", "bis"]]]), "oh")
    zeilen = []
    for rang, teile in gebraucht.schnitt(saetze[saetze["ohne"]], "oh").groupby("rang"):
        spaetere = saetze[(saetze["oh"] == teile["oh"].iat[0]) & (saetze["rang"] > rang)]
        zeilen += list(Abdeckung.aus(spaetere, "oh").luecken(teile, "oh").index[:1])
    yield "entgelte", sorted(zeilen), "faktor_fehlt", "abwesenheit_faktor", "Für verminderte Tage fehlt der Anteil.", "Etwa 0,75 ergänzen."


def verminderte_tage(lage: Lage) -> Abdeckung:
    """Days at the reduced rate by `po`: of each absence (adjacent ones joined), within the budget years, from day
    abwesenheit_volle_tage + 1 on, by the procedure in force on each day; none where at most 0 a year are paid."""
    weg, v = lage.spannen["abwesenheiten"], lage["verfahren"]
    am_stueck = Abdeckung.aus(weg, "po")
    lang = pd.DataFrame({"po": am_stueck.von // ACHSE, "von": am_stueck.von % ACHSE, "bis": am_stueck.bis % ACHSE}).iloc[1:]
    lang = lang.merge(weg.drop_duplicates("po")[["po", "traeger"]], on="po")
    voll = v["abwesenheit_volle_tage"].mask(v["abwesenheit_max_tage_jahr"].eq(0).fillna(False)).fillna(OFFEN)
    regeln = pd.DataFrame({"traeger": lage.traeger.index.get_indexer(pd.Index(v["traeger_id"])), "ab": tage(v["gueltig_ab"]),
                           "voll": voll.to_numpy(dtype=np.int64)}).sort_values("ab")
    regeln["naechste"] = regeln.groupby("traeger")["ab"].shift(-1, fill_value=OFFEN)
    lang = lang.merge(regeln, on="traeger")
    lang["von"] = np.maximum(lang["von"] + lang["voll"], lang["ab"])
    lang["bis"] = np.minimum(lang["bis"], lang["naechste"] - 1)
    return Abdeckung.aus(lage.fenster.schnitt(lang[lang["von"] <= lang["bis"]], "traeger"), "po")


@dataclass(frozen=True, slots=True)
class Regel:
    """A rule. It is silent for a provider of whom a fault has taken rows from a table in `stuetzt_auf`: mere consequences.
    Where the table it searches, `sucht_in`, has no rows at all, one fault says so in place of all that follow from it."""
    befunde: Callable[[Lage], Iterator[Befund]]
    stuetzt_auf: tuple[str, ...] = ()
    sucht_in: str = ""

    def pruefe(self, lage: Lage) -> list[Fehler]:
        """The faults the rule finds."""
        return [f for befund in self.befunde(lage) if len(befund[1]) for f in lage.fehler(*befund)]


ANGABEN = "bestand.toml"  # what rests on the Datenstand or the own paying bodies
REGELN = (
    *(Regel(partial(unbekannte, ziel), (ziel,), ziel) for ziel in ("traeger", "angebote")), Regel(zeilenweise), Regel(entgeltsumme),
    Regel(doppelte), Regel(leitung), Regel(budgetangebote, ("traeger", "angebote")), Regel(budgetfassungen), Regel(ueberschneidungen),
    Regel(ausserhalb, ("faelle",), "faelle"), Regel(doppelt_gezaehlt),
    Regel(ohne_entgelt, ("traeger", "angebote", "entgelte", "budgets", ANGABEN), "entgelte"),
    Regel(faktor_fehlt, ("traeger", "angebote", "verfahren", "budgets", ANGABEN)))
LUECKE = ("reihenfolge", "angebote_unbekannt", "traeger_unbekannt")  # faults of rules that count as a row missing


def pruefe(lage: Lage, *, unvollstaendig: Collection[str] = (), bisher: Sequence[Fehler] = ()) -> tuple[list[Fehler], list[Hinweis]]:
    """All faults and remarks of the rules. `unvollstaendig` are tables that could not be read as a whole, `bisher` the
    faults found while reading; rules that rest on what is missing there are left out for whom it concerns."""
    tabelle_von = {ort: name for name, ort in lage.orte.items()}
    luecken, fehler = {(tabelle_von.get(f.ort, ""), f.traeger_id) for f in bisher}, list[Fehler]()  # rows missing: of which table, whose
    leer = [n for n in TABELLEN if lage[n].empty and n not in {*unvollstaendig, *(t for t, _ in luecken)}]
    fehlt: dict[str, list[str]] = {n: [] for n in leer if (TABELLEN[n].pflicht and n not in lage.orte) or n == "traeger"}
    for regel in REGELN:
        stumm = {wer for t, wer in luecken if t in regel.stuetzt_auf}
        if "" in stumm or set(regel.stuetzt_auf) & set(unvollstaendig):
            continue
        schon = {(f.ort, f.zeile, f.spalte) for f in fehler}  # a cell has one fault at a time
        neu = [f for f in regel.pruefe(lage) if f.traeger_id not in stumm and (f.ort, f.zeile, f.spalte) not in schon]
        orte = [tabelle_von.get(f.ort, f.ort) for f in neu]
        if neu and regel.sucht_in in leer:
            fehlt.setdefault(regel.sucht_in, []).extend(dict.fromkeys(orte))
            continue
        fehler += neu
        luecken |= {(t, f.traeger_id) for t, f in zip(orte, neu, strict=True)
                    if f.art in LUECKE and (f.traeger_id or t in ("traeger", "angebote"))}
    fehler = [*(lage.fehlt(t, wofuer) for t, wofuer in fehlt.items()), *fehler]
    gesperrt = {f.traeger_id for f in (*bisher, *fehler)}
    if "" in gesperrt:
        return fehler, []
    namen = [(str(a.traeger_id), f"{kurz(a.bezeichnung)} ({a.Index})") for a in lage.angebote.itertuples()]
    hinweise = [(wer, text) if isinstance(wer, str) else (namen[wer][0], f"{namen[wer][1]}: {text}")
                for finde in HINWEISE for wer, text in finde(lage) if wer != -1]
    return fehler, [h for h in hinweise if h[0] not in gesperrt]
