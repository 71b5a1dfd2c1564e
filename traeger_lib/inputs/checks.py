"""Rules inside and between the converted tables of a Bestand: what cannot be true together, and remarks.

A rule is a function `Lage -> list[Fehler]` in REGELN, a remark is one `Lage -> list[(traeger_id, text)]` in HINWEISE;
frames carry the row number of the user's program as index. No rule loops over stays, none names a person.
Not here: single values (`convert`), files and columns (`reading`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from traeger_lib.inputs.convert import JAHR_BIS
from traeger_lib.inputs.faults import Fehler
from traeger_lib.inputs.schema import TABELLEN

ACHSE = 1 << 20  # days per key on the common axis: position = key * ACHSE + day; 2**20 days are more than 2800 years
TAG_NULL = -36_525  # day 0 of the axis, about the year 1870, so that no day is negative
OFFEN = 150_000 - TAG_NULL  # an open end, after every date a cell may hold
Zahlen = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Lage:
    """What a rule may look at. `tabellen`: converted frames by row number, `orte`: file or sheet of each table."""

    tabellen: Mapping[str, pd.DataFrame]
    orte: Mapping[str, str]
    datenstand: date
    eigene: Sequence[str]  # paying bodies of the funder

    def __getitem__(self, tabelle: str) -> pd.DataFrame:
        return self.tabellen[tabelle]

    @cached_property
    def angebote(self) -> pd.DataFrame:
        """Offers by id, each once."""
        return self["angebote"].drop_duplicates("angebot_id").set_index("angebot_id")

    @cached_property
    def fenster(self) -> tuple[pd.Index, Zahlen, Zahlen]:
        """Provider ids; first and last day, (providers, years), of each budget year from budget_beginn to the Datenstand;
        where a provider has no budget, the last day lies before the first."""
        ids = pd.Index(self["traeger"]["traeger_id"].drop_duplicates())
        jahre = sorted(j for j in self["budgets"]["budgetjahr"].dropna().unique() if j <= JAHR_BIS)
        von, bis = np.full((len(ids), len(jahre)), OFFEN), np.full((len(ids), len(jahre)), -1)
        beginn = tage(self["traeger"].drop_duplicates("traeger_id")["budget_beginn"], leer=0)
        for j, jahr in enumerate(jahre):
            hat = ids.get_indexer(self["budgets"].loc[self["budgets"]["budgetjahr"] == jahr, "traeger_id"].unique())
            hat = hat[hat >= 0]
            erster, letzter = (int(np.datetime64(f"{jahr}-{t}", "D").astype(int)) - TAG_NULL for t in ("01-01", "12-31"))
            von[hat, j] = np.maximum(erster, beginn[hat])
            bis[hat, j] = min(letzter, (self.datenstand - date(1970, 1, 1)).days - TAG_NULL)
        return ids, von, bis

    @cached_property
    def traeger_nummer(self) -> Zahlen:
        """Position of each offer's provider in `fenster[0]`, -1 where unknown."""
        return self.fenster[0].get_indexer(pd.Index(self.angebote["traeger_id"]))

    def nummer(self, frame: pd.DataFrame) -> Zahlen:
        """Position of each row's offer in `angebote`, -1 where unknown."""
        return self.angebote.index.get_indexer(pd.Index(frame["angebot_id"]))

    @cached_property
    def saetze(self) -> tuple[pd.DataFrame, Zahlen, Zahlen, Zahlen]:
        """Rates known at the Datenstand, the latest decision last; one key of offer and need group for the rows of
        these rates, of faelle and of the own fallzahlen (keys compare within this property only)."""
        e = self["entgelte"]
        e = e[~(e["beschlossen_am"] > pd.Timestamp(self.datenstand)) & ~(e["gueltig_bis"] < e["gueltig_ab"])]
        e = e.sort_values(["beschlossen_am", "gueltig_ab"], na_position="first", kind="stable")
        e_oh, f_oh, z_oh = schluessel(("angebot_id", "hbg"), e, self["faelle"], self.eigene_fallzahlen)
        return e, e_oh, f_oh, z_oh

    @cached_property
    def eigene_fallzahlen(self) -> pd.DataFrame:
        """Rows of fallzahlen of the funder's own paying bodies."""
        return self["fallzahlen"][self["fallzahlen"]["kostentraeger"].isin(self.eigene)]

    @cached_property
    def aufenthalte(self) -> pd.DataFrame:
        """Stays with codes and days: `nr` of the offer (-1 unknown), `po` key of person and offer, `von`, `bis`, `eigen`."""
        f, a = self["faelle"], self["abwesenheiten"]
        po, _ = schluessel(("person_id", "angebot_id"), f, a)
        return pd.DataFrame({"nr": self.nummer(f), "po": po, "von": tage(f["beginn"]),
                             "bis": tage(f["ende"]), "eigen": f["kostentraeger"].isin(self.eigene).to_numpy()}, index=f.index)

    @cached_property
    def fehlzeiten(self) -> pd.DataFrame:
        """Absences, as `aufenthalte`."""
        f, a = self["faelle"], self["abwesenheiten"]
        _, po = schluessel(("person_id", "angebot_id"), f, a)
        return pd.DataFrame({"nr": self.nummer(a), "po": po,
                             "von": tage(a["beginn"]), "bis": tage(a["ende"])}, index=a.index)

    def fehler(self, tabelle: str, zeilen: Iterable[Any], art: str, grund: str | Sequence[str], abhilfe: str, *,
               spalte: str = "") -> list[Fehler]:
        """One fault per row number; the provider comes from the row, confidential values are left out."""
        zeilen = list(zeilen)
        if not zeilen:
            return []
        frame = self[tabelle].loc[zeilen]
        werte = [""] * len(zeilen)
        if spalte and not TABELLEN[tabelle].spalte[spalte].vertraulich:
            werte = [anzeige(w) for w in frame[spalte]]
        ids = [""] * len(zeilen)  # traeger, angebote and shared tables block the whole Bestand
        if tabelle in ("traeger", "angebote") or not TABELLEN[tabelle].gehoert:
            pass
        elif TABELLEN[tabelle].gehoert == "traeger_id":
            bekannt = set(self["traeger"]["traeger_id"])
            ids = [t if t in bekannt else "" for t in frame["traeger_id"]]
        else:
            ids = [t if isinstance(t, str) else "" for t in frame["angebot_id"].map(self.angebote["traeger_id"])]
        gruende = [grund] * len(zeilen) if isinstance(grund, str) else grund
        ort = self.orte.get(tabelle, tabelle)
        return [Fehler(ort, g, abhilfe, int(z), spalte, w, t, art) for z, w, t, g in zip(zeilen, werte, ids, gruende, strict=True)]


# --- helpers ---------------------------------------------------------------------------------------------------------

def anzeige(wert: Any) -> str:
    """A value as the user writes it: dates TT.MM.JJJJ, ja/nein, decimal comma."""
    if wert is None or wert is pd.NA or wert is pd.NaT or wert != wert:
        return ""
    if isinstance(wert, pd.Timestamp):
        return f"{wert:%d.%m.%Y}"
    if isinstance(wert, (bool, np.bool_)):
        return "ja" if wert else "nein"
    text = str(wert) if isinstance(wert, (str, int, np.integer)) else format(wert, "f").replace(".", ",")
    return text if len(text) <= 40 else text[:39] + "…"


def tag_text(tag: int) -> str:
    return f"{pd.Timestamp(int(tag) + TAG_NULL, unit='D'):%d.%m.%Y}"


def tage(spalte: pd.Series, leer: int = OFFEN) -> Zahlen:
    """Days of a date column on the axis (int64, never negative); `leer` where empty."""
    werte = spalte.to_numpy().astype("datetime64[D]")
    return np.where(np.isnat(werte), leer, werte.astype(np.int64) - TAG_NULL)


def schluessel(spalten: Sequence[str], *frames: pd.DataFrame) -> list[Zahlen]:
    """One int64 key per row and frame, equal where all `spalten` are equal (empty equals empty)."""
    laengen = np.cumsum([len(f) for f in frames])[:-1]
    key = np.zeros(sum(map(len, frames)), dtype=np.int64)
    for spalte in spalten:
        codes, werte = pd.factorize(pd.concat([f[spalte] for f in frames], ignore_index=True))
        key = key * (len(werte) + 1) + codes + 1
    return np.split(key, laengen)


class Abdeckung:
    """The union of intervals [von, bis] per key, on one axis; counts covered days in O(log n) per question."""

    def __init__(self, key: Zahlen, von: Zahlen, bis: Zahlen) -> None:
        von, bis = key * ACHSE + von, key * ACHSE + bis
        ordnung = np.argsort(von, kind="stable")
        von, weit = von[ordnung], np.maximum.accumulate(bis[ordnung])
        neu = np.flatnonzero(np.r_[True, von[1:] > weit[:-1] + 1]) if len(von) else np.array([], dtype=np.int64)
        self.von, self.bis = von[neu], weit[np.r_[neu[1:] - 1, len(von) - 1]] if len(von) else von
        self._summe = np.r_[0, np.cumsum(self.bis - self.von + 1)]

    def _bis_zu(self, x: Zahlen) -> Zahlen:
        i = np.searchsorted(self.von, x, side="right")
        ueber = np.maximum(self.bis[i - 1] - x, 0) if len(self.bis) else np.zeros_like(x)
        tage_davor: Zahlen = self._summe[i] - np.where(i > 0, ueber, 0)
        return tage_davor

    def tage(self, key: Zahlen, von: Zahlen, bis: Zahlen) -> Zahlen:
        """Covered days within each [von, bis]."""
        return self._bis_zu(key * ACHSE + bis) - self._bis_zu(key * ACHSE + von - 1)

    def erster_freier(self, key: Zahlen, von: Zahlen) -> Zahlen:
        """First day from `von` on that is not covered."""
        if not len(self.von):
            return von
        x = key * ACHSE + von
        i = np.searchsorted(self.von, x, side="right") - 1
        return np.where((i >= 0) & (self.bis[i] >= x), self.bis[i] + 1 - key * ACHSE, von)


def treffer(von: Zahlen, bis: Zahlen, a: Zahlen, b: Zahlen) -> tuple[Zahlen, Zahlen]:
    """All pairs (i, j) where [a_i, b_i] meets [von_j, bis_j]; the latter disjoint and ascending on the axis."""
    unten, oben = np.searchsorted(bis, a), np.searchsorted(von, b, side="right")
    zahl = np.maximum(oben - unten, 0)
    i = np.repeat(np.arange(len(a)), zahl)
    return i, np.arange(len(i)) - np.repeat(np.cumsum(zahl) - zahl, zahl) + unten[i]


# --- rules on one table ----------------------------------------------------------------------------------------------

Zeilenregel = tuple[str, str, Callable[[pd.DataFrame], Any], str, str]  # kind, column, faulty rows, what is wrong, what to do

_AUSGANG: Zeilenregel = ("s_ohne_ausgang", "hbg_ausgang", lambda f: f["s"].fillna(False) & f["hbg_ausgang"].isna(),
            "Bei s = ja fehlt die Hilfebedarfsgruppe vor der Verlagerung.", "hbg_ausgang ergänzen.")


def _ende(von: str, bis: str) -> Zeilenregel:
    return "reihenfolge", bis, lambda f: f[bis] < f[von], f"{bis} liegt vor {von}.", "Eines der beiden Daten berichtigen."


def _leer(art: str, spalte: str) -> Zeilenregel:
    return ("budget_unvollstaendig", spalte, lambda f: (f["art"] == art) & f[spalte].isna(),
            f"In einer Zeile der Art {art} fehlt {spalte}.", "Den Wert ergänzen.")


def _jahr(spalte: str) -> Zeilenregel:
    return ("jahr", spalte, lambda f: f[spalte].fillna(0) > JAHR_BIS, "Das ist kein Kalenderjahr.", "Ein Jahr mit vier Ziffern angeben.")


# what one row of a table shows by itself
ZEILENREGELN: tuple[tuple[str, Zeilenregel], ...] = (
    ("faelle", _ende("beginn", "ende")), ("abwesenheiten", _ende("beginn", "ende")), ("entgelte", _ende("gueltig_ab", "gueltig_bis")),
    ("brueche", _ende("von", "bis")), ("faelle", _AUSGANG), ("fallzahlen", _AUSGANG),
    *(("budgets", _leer("fallbezogen", s)) for s in ("angebot_id", "hbg", "plaetze_plan")),
    *(("budgets", _leer("pauschal", s)) for s in ("bezeichnung", "betrag_eur")),
    ("schluessel", ("schluessel", "personen_je_vk", lambda f: [w <= 0 for w in f["personen_je_vk"]],
                    "Null Personen je Vollkraft sind nicht möglich.", "Personen je Vollkraft angeben (1:10 → 10).")),
    ("entgelte", ("faktor", "abwesenheit_faktor", lambda f: [w is not None and w > 1 for w in f["abwesenheit_faktor"]],
                  "Der Anteil ist größer als 1.", "Als Anteil angeben, 75 % als 0,75.")),
    ("verteiler", ("email", "email", lambda f: ~f["email"].str.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+"),
                   "Das ist keine E-Mail-Adresse.", "Eine Adresse der Form name@beispiel.de eintragen.")),
    ("budgets", _jahr("budgetjahr")), ("budgets", _jahr("basisjahr")), ("anpassungen", _jahr("budgetjahr")),
    ("anpassungen", ("anpassung_jahr", "wirksam_ab", lambda f: (f["wirksam_ab"].dt.year != f["budgetjahr"]) & (f["budgetjahr"] <= JAHR_BIS),
                     "Der Tag liegt nicht im Budgetjahr der Anpassung.", "wirksam_ab oder budgetjahr berichtigen.")),
)


def zeilenweise(lage: Lage) -> list[Fehler]:
    """ZEILENREGELN on every table."""
    fehler = []
    for tabelle, (art, spalte, maske, grund, abhilfe) in ZEILENREGELN:
        if lage[tabelle].empty:
            continue
        faul = lage[tabelle].index[np.asarray(maske(lage[tabelle]), dtype=bool)]
        fehler += lage.fehler(tabelle, faul, art, grund, abhilfe, spalte=spalte)
    return fehler


def doppelte(lage: Lage) -> list[Fehler]:
    """Rows that the key of their table does not tell apart (stays and absences: see `ueberschneidungen`)."""
    fehler = []
    for t in TABELLEN.values():
        if not t.schluessel or t.name in ("faelle", "abwesenheiten") or not len(lage[t.name]):
            continue
        teil = lage[t.name][list(t.schluessel)]
        if "s" in teil:
            teil = teil.assign(s=teil["s"].fillna(False))
        doppelt = teil.duplicated(keep="first").to_numpy()
        if not doppelt.any():
            continue
        (key,) = schluessel(t.schluessel, teil)
        erste = dict(zip(key[~doppelt], teil.index[~doppelt], strict=True))
        worin = ", ".join(t.schluessel)
        if t.name == "entgelte":
            gruende = [f"Zwei Beschlüsse vom selben Tag für dasselbe Entgelt, auch in Zeile {erste[k]}." for k in key[doppelt]]
            fehler += lage.fehler(t.name, teil.index[doppelt], "zwei_beschluesse", gruende, "Eine Zeile löschen oder den Tag berichtigen.")
        else:
            gruende = [f"Die Zeile ist doppelt: {worin} wie in Zeile {erste[k]}." for k in key[doppelt]]
            fehler += lage.fehler(t.name, teil.index[doppelt], "doppelt", gruende, "Eine der Zeilen löschen oder berichtigen.")
    return fehler


def unbekannte(lage: Lage) -> list[Fehler]:
    """References to offers and providers that are not in their tables."""
    fehler = []
    for t in TABELLEN.values():
        for spalte, ziel, name in (("traeger_id", "traeger", "Träger"), ("angebot_id", "angebote", "Angebot")):
            if spalte not in t.spalte or t.name == ziel:
                continue
            werte = lage[t.name][spalte]
            fremd = werte.index[werte.notna() & ~werte.isin(lage[ziel][spalte])]
            fehler += lage.fehler(t.name, fremd, f"{ziel}_unbekannt", f"Dieses {name} steht nicht in der Tabelle {ziel}."
                                  if ziel == "angebote" else f"Dieser {name} steht nicht in der Tabelle {ziel}.",
                                  f"Die Kennung berichtigen oder in {ziel} ergänzen.", spalte=spalte)
    return fehler


def entgeltsumme(lage: Lage) -> list[Fehler]:
    """gesamt = grundpauschale + massnahmepauschale + investitionsbetrag, exactly."""
    e = lage["entgelte"]
    e = e[e["gesamt"].notna()]
    if e.empty:
        return []
    summe = e["grundpauschale"] + e["massnahmepauschale"] + e["investitionsbetrag"]
    anders = (summe != e["gesamt"]).to_numpy(dtype=bool)
    return lage.fehler("entgelte", e.index[anders], "entgeltsumme",
                       [f"Die drei Bestandteile ergeben zusammen {anzeige(w)}." for w in summe[anders]],
                       "Die Bestandteile oder gesamt berichtigen.", spalte="gesamt")


def leitung(lage: Lage) -> list[Fehler]:
    """leitung_enthalten is the same for all need groups of an offer on every day."""
    s = lage["schluessel"].assign(leitung_enthalten=lambda f: f["leitung_enthalten"].fillna(False)).sort_values("gueltig_ab", kind="stable")
    gemischt = s.groupby("angebot_id")["leitung_enthalten"].transform("nunique") > 1
    zeilen = []
    for _, angebot in s[gemischt].groupby("angebot_id"):
        stand: dict[str, bool] = {}
        for _, am_tag in angebot.groupby("gueltig_ab"):
            stand |= dict(zip(am_tag["hbg"], am_tag["leitung_enthalten"], strict=True))
            if len(set(stand.values())) > 1:
                zeilen.append(am_tag.index[-1])
    return lage.fehler("schluessel", zeilen, "leitung_uneinheitlich", "leitung_enthalten ist im Angebot an diesem Tag nicht einheitlich.",
                       "Für alle Hilfebedarfsgruppen des Angebots dasselbe angeben.", spalte="leitung_enthalten")


# --- budgets ---------------------------------------------------------------------------------------------------------

def budgetzeilen(lage: Lage) -> list[Fehler]:
    """Case-based lines for offers of the provider in the budget, each once in a version; versions uniform."""
    b = lage["budgets"]
    fall = (b["art"] == "fallbezogen").to_numpy(dtype=bool)
    zeilen = b[fall & b["angebot_id"].isin(lage.angebote.index).to_numpy()]
    angebot = lage.angebote.reindex(zeilen["angebot_id"])
    fremd = (angebot["traeger_id"].to_numpy() != zeilen["traeger_id"].to_numpy()).astype(bool)
    draussen = ~fremd & ~angebot["im_budget"].to_numpy(dtype=bool, na_value=True)
    fehler = lage.fehler("budgets", zeilen.index[fremd], "budget_angebot", "Das Angebot gehört einem anderen Träger.",
                          "angebot_id oder traeger_id berichtigen.", spalte="angebot_id")
    fehler += lage.fehler("budgets", zeilen.index[draussen], "budget_angebot", "Das Angebot gehört nicht zum Budget (im_budget = nein).",
                          "Die Zeile löschen oder in angebote im_budget auf ja setzen.", spalte="angebot_id")
    fassung = ["traeger_id", "budgetjahr", "version"]
    doppelt = zeilen.duplicated([*fassung, "angebot_id", "hbg"])
    fehler += lage.fehler("budgets", zeilen.index[doppelt & zeilen["hbg"].notna()], "budget_doppelt",
                          "Angebot und Hilfebedarfsgruppe stehen in dieser Fassung schon.", "Die Zeilen zusammenfassen.", spalte="hbg")
    for spalte, teil in (("beschlossen_am", b), ("basisjahr", b[fall | b["basisjahr"].notna().to_numpy()])):
        if teil.empty:
            continue
        werte = tage(teil[spalte]) if spalte == "beschlossen_am" else teil[spalte].fillna(0).to_numpy(dtype=np.int64)
        erster = pd.Series(werte, index=teil.index).groupby([teil[f] for f in fassung]).transform("first")
        fehler += lage.fehler("budgets", teil.index[werte != erster.to_numpy()], "budget_fassung",
                              f"{spalte} ist in einer Fassung des Budgets nicht einheitlich.",
                              "In allen Zeilen der Fassung dasselbe angeben oder eine neue Nummer in version vergeben.", spalte=spalte)
    return fehler


# --- stays and absences ----------------------------------------------------------------------------------------------

def ueberschneidungen(lage: Lage) -> list[Fehler]:
    """Stays, and absences, of one person in one offer that share a day."""
    fehler = []
    for tabelle, f, was in (("faelle", lage.aufenthalte, "Aufenthalt"), ("abwesenheiten", lage.fehlzeiten, "Abwesenheit")):
        f = f[f["bis"] >= f["von"]]
        von, bis = (f["po"] * ACHSE + f["von"]).to_numpy(), (f["po"] * ACHSE + f["bis"]).to_numpy()
        ordnung = np.argsort(von, kind="stable")
        von, bis = von[ordnung], bis[ordnung]
        weit = np.maximum.accumulate(bis)
        partner = np.maximum.accumulate(np.where(bis == weit, np.arange(len(bis)), 0))
        i = np.flatnonzero(von[1:] <= weit[:-1]) + 1
        zeilen = f.index.to_numpy()[ordnung]
        gruende = [f"{was} derselben Person im selben Angebot überschneidet sich mit Zeile {p}." for p in zeilen[partner[i - 1]]]
        fehler += lage.fehler(tabelle, zeilen[i], "ueberschneidung", gruende,
                              "beginn oder ende in einer der Zeilen berichtigen; der letzte Tag zählt mit.", spalte="beginn")
    return fehler


def ausserhalb(lage: Lage) -> list[Fehler]:
    """Every day of an absence lies in a stay of the person in the offer."""
    f, a = lage.aufenthalte, lage.fehlzeiten
    f, a = f[f["bis"] >= f["von"]], a[a["bis"] >= a["von"]]
    da = Abdeckung(f["po"].to_numpy(), f["von"].to_numpy(), f["bis"].to_numpy())
    po, von, bis = (a[s].to_numpy() for s in ("po", "von", "bis"))
    fehlt = da.tage(po, von, bis) < bis - von + 1
    return lage.fehler("abwesenheiten", a.index[fehlt], "abwesenheit_ausserhalb",
                       "Die Abwesenheit liegt ganz oder teilweise außerhalb eines Aufenthalts.",
                       "Die Abwesenheit kürzen oder den Aufenthalt in faelle berichtigen.", spalte="beginn")


def doppelt_gezaehlt(lage: Lage) -> list[Fehler]:
    """An offer reports either case rows or monthly counts."""
    z = lage["fallzahlen"].drop_duplicates("angebot_id")
    z = z[z["angebot_id"].isin(lage["faelle"]["angebot_id"].unique())]
    return lage.fehler("fallzahlen", z.index, "faelle_und_fallzahlen", "Für das Angebot gibt es Fallzeilen und Monatswerte.",
                       "Nur eine der beiden Tabellen liefern, sonst wird doppelt gezählt.", spalte="angebot_id")


def stuecke(lage: Lage, nr: Zahlen, von: Zahlen, bis: Zahlen) -> tuple[Zahlen, Zahlen, Zahlen]:
    """(row, first day, last day) of the parts of [von, bis] within the budget windows of the offer's provider; `nr` = offer."""
    _, w_von, w_bis = lage.fenster
    traeger = np.r_[lage.traeger_nummer, -1][nr]
    im_budget = np.r_[lage.angebote["im_budget"].to_numpy(dtype=bool, na_value=False), False][nr]
    zeile, a, b = [np.array([], dtype=np.int64)], [np.array([], dtype=np.int64)], [np.array([], dtype=np.int64)]
    for j in range(w_von.shape[1]):
        va, vb = np.maximum(von, w_von[traeger, j]), np.minimum(bis, w_bis[traeger, j])
        i = np.flatnonzero((vb >= va) & im_budget & (traeger >= 0))
        for liste, neu in ((zeile, i), (a, va[i]), (b, vb[i])):
            liste.append(neu)
    return np.concatenate(zeile), np.concatenate(a), np.concatenate(b)


def monate(z: pd.DataFrame) -> tuple[Zahlen, Zahlen]:
    """First and last day of the month of each row."""
    erster = z["monat"].to_numpy().astype("datetime64[M]")
    return erster.astype("datetime64[D]").astype(np.int64) - TAG_NULL, (erster + 1).astype("datetime64[D]").astype(np.int64) - 1 - TAG_NULL


def ohne_entgelt(lage: Lage) -> list[Fehler]:
    """Days with own cases in a budget offer need a rate; one fault per offer and need group, at its first row."""
    f, z = lage["faelle"], lage.eigene_fallzahlen
    e, e_oh, f_oh, z_oh = lage.saetze
    satz = Abdeckung(e_oh, tage(e["gueltig_ab"]), tage(e["gueltig_bis"]))
    auf = lage.aufenthalte
    eigen = np.flatnonzero(auf["eigen"].to_numpy())
    z_von, z_bis = monate(z)
    fehler = []
    for tabelle, frame, oh, nr, von, bis in (
            ("faelle", f, f_oh[eigen], auf["nr"].to_numpy()[eigen], auf["von"].to_numpy()[eigen], auf["bis"].to_numpy()[eigen]),
            ("fallzahlen", z, z_oh, lage.nummer(z), z_von, z_bis)):
        zeile, a, b = stuecke(lage, nr, von, bis)
        fehlt = satz.tage(oh[zeile], a, b) < b - a + 1
        zeile, a = zeile[fehlt], a[fehlt]
        if not len(zeile):
            continue
        nummern = frame.index.to_numpy()[eigen[zeile] if tabelle == "faelle" else zeile]
        arten = pd.DataFrame({"oh": oh[zeile], "nr": nummern, "tag": satz.erster_freier(oh[zeile], a)}).groupby("oh", sort=False).agg(
            nr=("nr", "min"), tag=("tag", "min"), zahl=("nr", "nunique"))
        gruende = [f"Für Angebot {frame['angebot_id'].at[n]} und diese Hilfebedarfsgruppe gilt an Tagen mit eigenen Fällen kein Entgelt, "
                   f"zuerst am {tag_text(t)} (Zeilen insgesamt: {anz})." for n, t, anz in arten.itertuples(index=False)]
        fehler += lage.fehler(tabelle, arten["nr"], "ohne_entgelt", gruende,
                              "In entgelte die Zeit ergänzen oder die Hilfebedarfsgruppe berichtigen.", spalte="hbg")
    return fehler


def ohne_faktor(lage: Lage) -> pd.DataFrame:
    """Spans (`oh`, `von`, `bis`, `zeile`) where the rate in force, by the latest decision, has no abwesenheit_faktor."""
    e, oh, *_ = lage.saetze
    reihen: dict[int, list[tuple[int, int, int, bool]]] = {}
    for k, *satz in zip(oh, tage(e["gueltig_ab"]), tage(e["gueltig_bis"]), e.index, e["abwesenheit_faktor"].isna(), strict=True):
        reihen.setdefault(k, []).append(tuple(satz))
    spannen = []
    for k, reihe in reihen.items():
        if any(fehlt for *_, fehlt in reihe):
            grenzen = sorted({t for von, bis, *_ in reihe for t in (von, bis + 1)})
            for p, q in pairwise(grenzen):
                gilt = [satz for satz in reihe if satz[0] <= p <= satz[1]]
                if gilt and gilt[-1][3]:
                    spannen.append((k, p, q - 1, gilt[-1][2]))
    return pd.DataFrame(sorted(spannen), columns=["oh", "von", "bis", "zeile"], dtype=np.int64)


def faktor_fehlt(lage: Lage) -> list[Fehler]:
    """Days at the reduced rate that the agreed procedure allows need abwesenheit_faktor in the rate of that day.

    Reduced days of an absence (adjacent ones joined): from day abwesenheit_volle_tage + 1 on, by the procedure in
    force on its first day; only own cases, only within the budget windows.
    """
    spannen = ohne_faktor(lage)
    if spannen.empty:
        return []
    z, auf, weg = lage.eigene_fallzahlen, lage.aufenthalte, lage.fehlzeiten
    *_, f_oh, z_oh = lage.saetze
    weg = weg[(weg["bis"] >= weg["von"]) & (weg["nr"] >= 0)]
    weg_am_stueck = Abdeckung(weg["po"].to_numpy(), weg["von"].to_numpy(), weg["bis"].to_numpy())
    po, von, bis = weg_am_stueck.von // ACHSE, weg_am_stueck.von % ACHSE, weg_am_stueck.bis % ACHSE
    nr_von_po = weg.drop_duplicates("po").set_index("po")["nr"]
    nr = nr_von_po.reindex(po).to_numpy(dtype=np.int64)
    von = von + volle_tage(lage, nr, von)
    lang = np.flatnonzero(von <= bis)
    zeile, a, b = stuecke(lage, nr[lang], von[lang], bis[lang])
    eigen = np.flatnonzero((auf["eigen"] & (auf["bis"] >= auf["von"])).to_numpy())
    s_von, s_bis = ((auf["po"] * ACHSE + auf[g]).to_numpy()[eigen] for g in ("von", "bis"))
    ordnung = np.argsort(s_von, kind="stable")
    s_von, s_bis, eigen = s_von[ordnung], np.maximum.accumulate(s_bis[ordnung]), eigen[ordnung]
    basis = po[lang][zeile] * ACHSE
    i, j = treffer(s_von, s_bis, basis + a, basis + b)
    oh = f_oh[eigen[j]]
    a, b = np.maximum(basis[i] + a[i], s_von[j]) % ACHSE, np.minimum(basis[i] + b[i], s_bis[j]) % ACHSE
    z_zeile, z_a, z_b = stuecke(lage, lage.nummer(z), *monate(z))
    vermindert = (z["abwesenheitstage"].fillna(0) > 0).to_numpy(dtype=bool)[z_zeile]
    oh = np.r_[oh, z_oh[z_zeile[vermindert]]] * ACHSE
    a, b = oh + np.r_[a, z_a[vermindert]], oh + np.r_[b, z_b[vermindert]]
    basis = spannen["oh"].to_numpy() * ACHSE
    _, welche = treffer(basis + spannen["von"].to_numpy(), basis + spannen["bis"].to_numpy(), a, b)
    return lage.fehler("entgelte", sorted(set(spannen["zeile"].to_numpy()[welche])), "faktor_fehlt",
                       "Für Tage zum verminderten Entgelt fehlt der Anteil.", "Ihn ergänzen, etwa 0,75.", spalte="abwesenheit_faktor")


def volle_tage(lage: Lage, nr: Zahlen, tag: Zahlen) -> Zahlen:
    """Days at the full rate at the begin of an absence that begins on `tag` in offer `nr`; OFFEN where none is agreed."""
    ids = lage.fenster[0]
    traeger = lage.traeger_nummer[nr]
    v = lage["verfahren"]
    v = v[v["traeger_id"].isin(ids)]
    if v.empty:
        return np.full(len(tag), OFFEN)
    key = ids.get_indexer(pd.Index(v["traeger_id"])).astype(np.int64) * ACHSE
    ab = key + tage(v["gueltig_ab"])
    ordnung = np.argsort(ab)
    ab, voll = ab[ordnung], v["abwesenheit_volle_tage"].fillna(OFFEN).to_numpy(dtype=np.int64)[ordnung]
    i = np.searchsorted(ab, traeger * ACHSE + tag, side="right") - 1
    return np.where((i >= 0) & (ab[i] // ACHSE == traeger), voll[i], OFFEN)


# --- remarks ---------------------------------------------------------------------------------------------------------

def belegt(lage: Lage, am: Zahlen) -> Zahlen:
    """Persons who stay beyond each day of `am`, offers by days."""
    auf = lage.aufenthalte[lage.aufenthalte["nr"] >= 0]
    von, bis = (np.sort((auf["nr"] * ACHSE + auf[s]).to_numpy()) for s in ("von", "bis"))
    frage = np.arange(len(lage.angebote))[:, None] * ACHSE + am
    return np.searchsorted(von, frage, side="right") - np.searchsorted(bis, frage, side="right")


def je_angebot(lage: Lage, texte: Mapping[int, str]) -> list[tuple[str, str]]:
    """Remarks by number of the offer, with the provider they belong to."""
    return [(str(lage.angebote["traeger_id"].iat[nr]), f"Angebot {lage.angebote.index[nr]}: {text}") for nr, text in texte.items()]


def kostenzusage(lage: Lage) -> list[tuple[str, str]]:
    """How many own case rows have no cost commitment; paying bodies that differ from an own one in case only."""
    f = lage["faelle"]
    offen = f[(f["kostenzusage"].eq(False).fillna(False) & f["kostentraeger"].isin(lage.eigene)).to_numpy(dtype=bool)]
    zahl = offen["angebot_id"].map(lage.angebote["traeger_id"]).value_counts()
    hinweise = [(str(t), f"Fallzeilen ohne Kostenzusage: {n}; gezählt, nicht abgerechnet.") for t, n in zahl.sort_index().items()]
    genannt = f.loc[~f["kostentraeger"].isin(lage.eigene), ["angebot_id", "kostentraeger"]].drop_duplicates()
    eigene = {e.casefold(): e for e in lage.eigene}
    return hinweise + [(str(lage.angebote["traeger_id"].get(a, "")),
                        f"Der Kostenträger „{k}“ gilt als auswärtig, in bestand.toml steht „{eigene[k.casefold()]}“.")
                       for a, k in genannt.itertuples(index=False) if k.casefold() in eigene]


def ohne_zuordnung(lage: Lage) -> list[tuple[str, str]]:
    """Need groups of the last twelve months without a staffing key; groups of budget lines without any rate."""
    f, z, b = lage["faelle"], lage["fallzahlen"], lage["budgets"]
    seit = pd.Timestamp(lage.datenstand) - pd.DateOffset(years=1)
    jetzt = pd.concat([t.loc[t["kostentraeger"].isin(lage.eigene) & ~(t[bis] < seit), ["angebot_id", "hbg"]]
                       for t, bis in ((f, "ende"), (z, "monat"))])
    hinweise = []
    for frage, antwort, text in (
            (jetzt, "schluessel", "ohne Betreuungsschlüssel sind die Hilfebedarfsgruppen {}. Der Personalbedarf bleibt dort offen."),
            (b[["angebot_id", "hbg"]], "entgelte", "im Budget, aber ohne Entgelt sind die Hilfebedarfsgruppen {}.")):
        frage = frage.dropna().drop_duplicates().reset_index(drop=True)
        gefragt, da = schluessel(("angebot_id", "hbg"), frage, lage[antwort])
        offen = frage[~np.isin(gefragt, da)].groupby("angebot_id")["hbg"].agg(lambda g: ", ".join(sorted(g)))
        nr = lage.angebote.index.get_indexer(offen.index)
        hinweise += je_angebot(lage, {int(i): text.format(g) for i, g in zip(nr, offen, strict=True)})
    return hinweise


def ueberbelegung(lage: Lage) -> list[tuple[str, str]]:
    """More persons over night than places on days of the last twelve months, or more days than places give in a month."""
    plaetze = lage.angebote["plaetze"].fillna(1 << 30).to_numpy(dtype=np.int64)
    stand = (lage.datenstand - date(1970, 1, 1)).days - TAG_NULL
    nacht = belegt(lage, np.arange(stand - 364, stand + 1))
    texte = {int(nr): f"an {(nacht[nr] > plaetze[nr]).sum()} Tagen der letzten zwölf Monate über der Platzzahl {plaetze[nr]}, "
                      f"höchstens {nacht[nr].max()} Personen." for nr in np.flatnonzero(nacht.max(axis=1, initial=0) > plaetze)}
    z = lage["fallzahlen"]
    tage_je_monat = (z["belegungstage"] + z["abwesenheitstage"].fillna(0)).groupby([z["angebot_id"], z["monat"]]).sum()
    monat = pd.DatetimeIndex(tage_je_monat.index.get_level_values(1))
    nr = lage.angebote.index.get_indexer(tage_je_monat.index.get_level_values(0))
    mehr = np.flatnonzero((nr >= 0) & (tage_je_monat.to_numpy() > plaetze[nr] * monat.days_in_month)) if len(nr) and len(plaetze) else ()
    return je_angebot(lage, texte | {int(nr[i]): f"im Monat {monat[int(i)]:%Y-%m} mehr Tage, als die Platzzahl {plaetze[nr[i]]} zulässt."
                                     for i in mehr})


def monatsluecken(lage: Lage) -> list[tuple[str, str]]:
    """Months without staff or counts, from the first month given to the last full month before the Datenstand."""
    hinweise = []
    letzter = pd.Timestamp(lage.datenstand) + pd.Timedelta(days=1)
    for tabelle, was in (("personal", "keine Personaldaten"), ("fallzahlen", "keine Monatswerte")):
        t = lage[tabelle]
        nr = lage.nummer(t)
        monat = (t["monat"].dt.year * 12 + t["monat"].dt.month - 1).to_numpy(dtype=np.int64)
        if not (nr >= 0).any():
            continue
        da = np.zeros((len(lage.angebote), max(letzter.year * 12 + letzter.month - 1, monat.max() + 1) - monat.min()), dtype=bool)
        da[nr[nr >= 0], monat[nr >= 0] - monat.min()] = True
        fehlt = np.logical_or.accumulate(da, axis=1) & ~da
        texte = {}
        for i in np.flatnonzero(fehlt.any(axis=1)):
            liste = [f"{m // 12}-{m % 12 + 1:02d}" for m in np.flatnonzero(fehlt[i]) + monat.min()]
            texte[int(i)] = f"{was} in {', '.join(liste[:6])}{f' und {len(liste) - 6} weiteren Monaten' if len(liste) > 6 else ''}."
        hinweise += je_angebot(lage, texte)
    return hinweise


def spruenge(lage: Lage) -> list[tuple[str, str]]:
    """A change of the census from month end to month end, in the last quarter of a year, far outside the 21 before.

    Far: more than 5 persons, 30 % of the mean census and 6 times the median change; a first look, not a test.
    """
    enden = pd.date_range(end=pd.Timestamp(lage.datenstand) + pd.offsets.MonthEnd(0), periods=25, freq="ME")
    am = np.minimum(tage(enden.to_series()), (lage.datenstand - date(1970, 1, 1)).days - TAG_NULL)
    stand = belegt(lage, am)
    schritte = np.diff(stand, axis=1)
    mittel = stand[:, :-3].mean(axis=1)
    grenze = np.maximum.reduce([np.full(len(stand), 5.0), 0.3 * mittel, 6 * np.median(np.abs(schritte[:, :-3]), axis=1)])
    weit = (np.abs(schritte[:, -3:]) > grenze[:, None]) & (mittel > 0)[:, None]
    return je_angebot(lage, {int(i): f"ein Sprung der Belegung um {schritte[i, j - 3]:+d} Personen im Monat {enden[int(j) - 3]:%Y-%m}, "
                                     "weit außerhalb des Üblichen."
                             for i, j in zip(*np.nonzero(weit), strict=True)})


def korridor(lage: Lage) -> list[tuple[str, str]]:
    """A corridor below one per cent may be a share: 5 % typed into Excel arrives as 0,05."""
    v = lage["verfahren"]
    return [(str(t), f"Der Korridor beträgt {anzeige(w)} %. Gemeint sind Prozent, 5 % also als 5.")
            for s in ("korridor_unten_prozent", "korridor_oben_prozent")
            for t, w in zip(v["traeger_id"], v[s], strict=True) if w is not None and 0 < abs(w) < 1]


# --- the registry ----------------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class Regel:
    """A rule; `stuetzt_auf` are the tables it looks things up in. Where rows of a provider are missing there because
    of a fault, the rule would only report consequences for that provider, and is silent."""

    pruefe: Callable[[Lage], list[Fehler]]
    stuetzt_auf: tuple[str, ...] = ()


REGELN: dict[str, Regel] = {
    "unbekannte": Regel(unbekannte, ("traeger", "angebote")),
    "zeilenweise": Regel(zeilenweise),
    "doppelte": Regel(doppelte),
    "entgeltsumme": Regel(entgeltsumme),
    "leitung": Regel(leitung),
    "budgetzeilen": Regel(budgetzeilen, ("traeger", "angebote")),
    "ueberschneidungen": Regel(ueberschneidungen),
    "ausserhalb": Regel(ausserhalb, ("faelle",)),
    "doppelt_gezaehlt": Regel(doppelt_gezaehlt),
    "ohne_entgelt": Regel(ohne_entgelt, ("traeger", "angebote", "entgelte", "budgets")),
    "faktor_fehlt": Regel(faktor_fehlt, ("traeger", "angebote", "verfahren", "budgets")),
}
HINWEISE: dict[str, Callable[[Lage], list[tuple[str, str]]]] = {
    "kostenzusage": kostenzusage, "ohne_zuordnung": ohne_zuordnung, "ueberbelegung": ueberbelegung,
    "monatsluecken": monatsluecken, "spruenge": spruenge, "korridor": korridor,
}
LUECKE = ("reihenfolge", "angebote_unbekannt", "traeger_unbekannt")  # faults of rules that count as a row missing


def pruefe(lage: Lage, *, unvollstaendig: Collection[str] = (),
           bisher: Sequence[Fehler] = ()) -> tuple[list[Fehler], list[tuple[str, str]]]:
    """All faults and remarks of the rules. `unvollstaendig` are tables that could not be read as a whole, `bisher` the
    faults found while reading; rules that rest on what is missing there are left out for whom it concerns."""
    tabelle_von = {ort: name for name, ort in lage.orte.items()}
    fehler: list[Fehler] = []
    for regel in REGELN.values():
        luecken = {(tabelle_von.get(f.ort), f.traeger_id) for f in (*bisher, *(f for f in fehler if f.art in LUECKE))}
        if {(t, "") for t in ("traeger", "angebote") if t in regel.stuetzt_auf} & luecken or set(regel.stuetzt_auf) & set(unvollstaendig):
            continue
        stumm = {wer for t, wer in luecken if wer and t in regel.stuetzt_auf}
        fehler += [f for f in regel.pruefe(lage) if f.traeger_id not in stumm]
    if any(not f.traeger_id for f in (*bisher, *fehler)):
        return fehler, []
    return fehler, [h for hinweis in HINWEISE.values() for h in hinweis(lage)]
