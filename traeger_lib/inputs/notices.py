"""Remarks on a Bestand: nothing wrong, but somebody should look. Each is a generator in HINWEISE; none names a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from traeger_lib.inputs.convert import kurz
from traeger_lib.inputs.faults import anzahl
from traeger_lib.inputs.view import ACHSE, Lage, Zahlen, anzeige, schluessel, tage

Hinweis = tuple[Any, str]  # number of the offer or id of the provider, text


def belegt(lage: Lage, am: Zahlen) -> Zahlen:
    """Persons who stay beyond each day of `am`, offers by days."""
    auf = lage.spannen["faelle"]  # those of unknown offers (-1) lie left of every question
    frage = np.arange(len(lage.angebote))[:, None] * ACHSE + am
    da, fort = (np.searchsorted(np.sort((auf["nr"] * ACHSE + auf[s]).to_numpy()), frage, side="right") for s in ("von", "bis"))
    return da - fort


def kostenzusage(lage: Lage) -> Iterator[Hinweis]:
    """How many own case rows have no cost commitment."""
    f, traeger = lage["faelle"], lage.angebote["traeger_id"]
    eigen = f["kostentraeger"].isin(lage.eigene)
    offen = f.loc[f["kostenzusage"].eq(False).fillna(False) & eigen, "angebot_id"].map(traeger).value_counts()
    yield from ((str(t), f"Fallzeilen ohne Kostenzusage: {n}; gezählt, nicht abgerechnet.") for t, n in offen.sort_index().items())


def kostentraeger(lage: Lage) -> Iterator[Hinweis]:
    """Own paying bodies without any case; others whose name is nearly that of an own one."""
    alle = pd.concat([lage[t][["angebot_id", "kostentraeger"]] for t in ("faelle", "fallzahlen")]).drop_duplicates()
    if len(alle) and not alle["kostentraeger"].isin(lage.eigene).any():
        eigene, dort = (", ".join(f"„{kurz(k)}“" for k in sorted(set(je))[:8]) for je in (lage.eigene, alle["kostentraeger"]))
        yield "", (f"Kein Fall hat einen der eigenen Kostenträger {eigene} (eigene_kostentraeger in bestand.toml); in den Daten stehen "
                   f"{dort}. Alle Fälle gelten als auswärtig.")
    namen = {e.casefold(): e for e in lage.eigene}
    for angebot, k in alle[~alle["kostentraeger"].isin(lage.eigene)].itertuples(index=False):
        if nah := get_close_matches(k.casefold(), namen, 1, 0.9):
            yield (str(lage.angebote["traeger_id"].get(angebot, "")),
                   f"Der Kostenträger „{kurz(k)}“ gilt als auswärtig; fast gleich heißt der eigene „{namen[nah[0]]}“.")


def kuenftige(lage: Lage) -> Iterator[Hinweis]:
    """Case rows that begin after the Datenstand."""
    spaeter = lage["faelle"].loc[lambda f: f["beginn"] > pd.Timestamp(lage.datenstand)]
    for nr, teil in spaeter.groupby(lage.nummer(spaeter)):
        yield nr, (f"{anzahl(len(teil), 'Fallzeile beginnt', 'Fallzeilen beginnen')} nach dem Datenstand {lage.datenstand:%d.%m.%Y}, "
                   f"zuerst Zeile {teil.index[0]} am {teil['beginn'].iloc[0]:%d.%m.%Y}. Stimmt der Tag?")


def ohne_schluessel(lage: Lage) -> Iterator[Hinweis]:
    """Need groups of the last twelve months without a staffing key."""
    seit = pd.Timestamp(lage.datenstand) - pd.DateOffset(years=1)
    jetzt = pd.concat([t.loc[t["kostentraeger"].isin(lage.eigene) & ~(t[bis] < seit), ["angebot_id", "hbg"]]
                       for t, bis in ((lage["faelle"], "ende"), (lage["fallzahlen"], "monat"))]).drop_duplicates()
    gefragt, da = schluessel(("angebot_id", "hbg"), jetzt, lage["schluessel"])
    offen = jetzt[~np.isin(gefragt, da)]
    for nr, hbg in offen["hbg"].groupby(lage.nummer(offen)):
        yield nr, f"kein Betreuungsschlüssel für HBG {', '.join(sorted(hbg))}. Der Personalbedarf bleibt dort offen."


def unbeachtet(lage: Lage) -> Iterator[Hinweis]:
    """Values that no figure uses: amounts beside planned places, places beside a lump sum, a group before S without S."""
    for tabelle, wo, spalten in (("budgets", ("art", "fallbezogen"), ("betrag_eur",)),
                                 ("budgets", ("art", "pauschal"), ("angebot_id", "hbg", "plaetze_plan")),
                                 ("faelle", ("s", False), ("hbg_ausgang",)), ("fallzahlen", ("s", False), ("hbg_ausgang",))):
        t = lage[tabelle]
        da = t[(t[wo[0]].fillna(False) == wo[1]) & t[list(spalten)].notna().any(axis=1)]
        wer = da["traeger_id"] if "traeger_id" in da else da["angebot_id"].map(lage.angebote["traeger_id"])
        for i, n in wer.value_counts().sort_index().items():
            yield str(i), (f"Tabelle {tabelle}: In {anzahl(n, 'Zeile', 'Zeilen')} mit {wo[0]} = {anzeige(wo[1])} bleibt unbeachtet, was in "
                           f"{' oder '.join(spalten)} steht.")


def ueberbelegung(lage: Lage) -> Iterator[Hinweis]:
    """More persons over night than places on days of the last twelve months, or more days than places give in a month."""
    plaetze = lage.angebote["plaetze"].fillna(1 << 30).to_numpy(dtype=np.int64)
    nacht = belegt(lage, np.arange(lage.stand - 364, lage.stand + 1))
    for nr in np.flatnonzero(nacht.max(axis=1, initial=0) > plaetze).tolist():
        zahl = (nacht[nr] > plaetze[nr]).sum()
        yield nr, (f"an {anzahl(zahl, 'Tag', 'Tagen')} der letzten zwölf Monate über der Platzzahl {plaetze[nr]}, "
                   f"höchstens {anzahl(nacht[nr].max(), 'Person', 'Personen')}.")
    z = lage["fallzahlen"]
    summen = (z["belegungstage"] + z["abwesenheitstage"].fillna(0)).groupby([lage.nummer(z), z["monat"]]).sum()
    for nr, monat, summe in summen.reset_index().itertuples(index=False):
        if nr >= 0 and summe > plaetze[nr] * monat.days_in_month:
            yield nr, f"im Monat {monat:%m/%Y} mehr Tage, als die Platzzahl {plaetze[nr]} zulässt."


def monatsluecken(lage: Lage) -> Iterator[Hinweis]:
    """Months without staff or counts, from the first month given to the last full month before the Datenstand."""
    voll = pd.Period(lage.datenstand + timedelta(days=1), "M") - 1
    for tabelle, was in (("personal", "keine Personaldaten"), ("fallzahlen", "keine Monatswerte")):
        monate = lage[tabelle]["monat"].dt.to_period("M")
        for nr, da in monate.groupby(lage.nummer(lage[tabelle])):
            fehlt = pd.period_range(da.min(), max(voll, monate.max()), freq="M").difference(pd.PeriodIndex(da))
            if len(fehlt):
                mehr = f" und {anzahl(len(fehlt) - 6, 'weiterem Monat', 'weiteren Monaten')}" if len(fehlt) > 6 else ""
                yield nr, f"{was} für {', '.join(f'{m:%m/%Y}' for m in fehlt[:6])}{mehr}."


def spruenge(lage: Lage) -> Iterator[Hinweis]:
    """A change of the census from month end to month end in the last quarter, far outside the 21 before (a first look, not a
    test): more than 5 persons, 30 % of the mean census and 6 times the median change."""
    enden = pd.date_range(end=pd.Timestamp(lage.datenstand) + pd.offsets.MonthEnd(0), periods=25, freq="ME")
    belegung = belegt(lage, np.minimum(tage(enden.to_series()), lage.stand))
    schritte, mittel = np.diff(belegung, axis=1), belegung[:, :-3].mean(axis=1)
    grenze = np.maximum.reduce([np.full(len(mittel), 5.0), 0.3 * mittel, 6 * np.median(np.abs(schritte[:, :-3]), axis=1)])
    weit = (np.abs(schritte[:, -3:]) > grenze[:, None]) & (mittel > 0)[:, None]
    for i, j in np.argwhere(weit).tolist():
        sprung = f"{schritte[i, j - 3]:+d}".replace("-", "−")
        yield i, f"ein Sprung der Belegung um {sprung} Personen im Monat {enden[j - 3]:%m/%Y}, weit außerhalb des Üblichen."


HINWEISE: tuple[Callable[[Lage], Iterator[Hinweis]], ...] = (
    kostenzusage, kostentraeger, kuenftige, unbeachtet, ohne_schluessel, ueberbelegung, monatsluecken, spruenge)
