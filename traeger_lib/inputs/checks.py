"""Rules inside and between the converted tables of a Bestand: what cannot be true together, and remarks.

What a row shows by itself is in ZEILENREGELN; any other rule is a generator of findings in REGELN, a remark one in HINWEISE.
Frames carry the user's row numbers as index; no rule loops over stays, none names a person. Not here: single values (`convert`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from traeger_lib.inputs.convert import JAHR_BIS, kurz
from traeger_lib.inputs.faults import Fehler, anzahl
from traeger_lib.inputs.schema import TABELLEN

ACHSE = 1 << 20  # days per key on the common axis: position = key * ACHSE + day; 2**20 days are more than 2800 years
TAG_NULL = -36_525  # day 0 of the axis, about the year 1870, so that no day is negative
OFFEN = 150_000 - TAG_NULL  # an open end, after every date a cell may hold
LINKS = -1 << 60  # left of every position of the axis
AEHNLICHE_MAX = 50  # so many unknown ids of a column get a similar one shown: each is compared with all
Zahlen = np.ndarray[Any, Any]
Befund = tuple[str, Any, str, str, str | list[str], str]  # table, row numbers, kind, column, what is wrong, what to do
Hinweis = tuple[Any, str]  # number of the offer or id of the provider, text


@dataclass(frozen=True)
class Lage:
    """What a rule may look at. `tabellen`: converted frames by row number, `orte`: file or sheet of each table, `bestand`: the folder
    or workbook, `fremde`: its files or sheets of no table."""
    tabellen: Mapping[str, pd.DataFrame]
    orte: Mapping[str, str]
    datenstand: date
    eigene: Sequence[str]  # paying bodies of the funder
    bestand: str = ""
    fremde: Sequence[str] = ()

    def __getitem__(self, tabelle: str) -> pd.DataFrame:
        return self.tabellen[tabelle]

    @cached_property
    def angebote(self) -> pd.DataFrame:
        """Offers by id, each once."""
        return self["angebote"].drop_duplicates("angebot_id").set_index("angebot_id")

    @cached_property
    def traeger(self) -> pd.DataFrame:
        """Providers by id, each once."""
        return self["traeger"].drop_duplicates("traeger_id").set_index("traeger_id")

    @cached_property
    def stand(self) -> int:
        """The Datenstand as a day of the axis."""
        return (self.datenstand - date(1970, 1, 1)).days - TAG_NULL

    @cached_property
    def spannen(self) -> dict[str, pd.DataFrame]:
        """Stays, absences, own monthly counts, and rates known at the Datenstand (the latest decision last): first and last day
        `von`, `bis`, offer `nr`, provider `traeger` (-1: not in a budget), keys `po` of person and offer, `oh` of offer and need group
        (`oh_vor_s`: of offer and group before S, -1 where there is none)."""
        f, a, z, e = (self[t] for t in ("faelle", "abwesenheiten", "fallzahlen", "entgelte"))
        z = z[z["kostentraeger"].isin(self.eigene)]
        e = e[~(e["beschlossen_am"] > pd.Timestamp(self.datenstand))]
        e = e.sort_values(["beschlossen_am", "gueltig_ab"], na_position="first", kind="stable")
        f_po, a_po = schluessel(("person_id", "angebot_id"), f, a)
        vor_s = [t.loc[t["s"].fillna(False) & t["hbg_ausgang"].notna(), ["angebot_id", "hbg_ausgang"]] for t in (f, z)]
        f_oh, z_oh, e_oh, *vor_s_oh = schluessel(("angebot_id", "hbg"), f, z, e, *(t.rename(columns={"hbg_ausgang": "hbg"}) for t in vor_s))
        f_vor_s, z_vor_s = (pd.Series(k, t.index).reindex(alle.index, fill_value=-1)
                            for k, t, alle in zip(vor_s_oh, vor_s, (f, z), strict=True))
        monat = z["monat"].to_numpy().astype("M8[M]")

        nummer = self.traeger.index.get_indexer(pd.Index(self.angebote["traeger_id"]))
        traeger = np.array([*np.where(self.angebote["im_budget"].fillna(False), nummer, -1), -1])  # the last for offers unknown

        def rahmen(t: pd.DataFrame, von: Any, bis: Any, **mehr: Any) -> pd.DataFrame:
            nr = self.nummer(t)
            r = pd.DataFrame({"nr": nr, "traeger": traeger[nr], **mehr, "von": tage(von), "bis": tage(bis)}, index=t.index, copy=False)
            return r[r["bis"] >= r["von"]]

        return {"faelle": rahmen(f, f["beginn"], f["ende"], po=f_po, oh=f_oh, oh_vor_s=f_vor_s, eigen=f["kostentraeger"].isin(self.eigene)),
                "abwesenheiten": rahmen(a, a["beginn"], a["ende"], po=a_po),
                "fallzahlen": rahmen(z, monat, (monat + 1).astype("M8[D]") - 1, oh=z_oh, oh_vor_s=z_vor_s,
                                     vermindert=z["abwesenheitstage"].fillna(0) > 0),
                "entgelte": rahmen(e, e["gueltig_ab"], e["gueltig_bis"], oh=e_oh, rang=range(len(e)), ohne=e["abwesenheit_faktor"].isna(),
                                   beschlossen_am=e["beschlossen_am"], angebot_id=e["angebot_id"], hbg=e["hbg"])}

    def budgettage(self, b: pd.DataFrame) -> pd.DataFrame:
        """Rows of `budgets` with the days of their year, `von` to `bis`, from budget_beginn to the end of the Datenstand's quarter, and
        the number of their `traeger`; rows without such a day are left out."""
        b = b[b["traeger_id"].isin(self.traeger.index) & (b["budgetjahr"] <= JAHR_BIS).fillna(False)]
        nr, jahr = self.traeger.index.get_indexer(pd.Index(b["traeger_id"])), b["budgetjahr"].to_numpy(dtype=np.int64) - 1970
        von = np.maximum(tage(jahr.astype("M8[Y]")), tage(self.traeger["budget_beginn"], leer=0)[nr])
        quartalsende = tage(np.array([pd.Timestamp(self.datenstand) + pd.offsets.QuarterEnd(0)], "M8[ns]"))
        bis = np.minimum(tage((jahr + 1).astype("M8[Y]")) - 1, quartalsende)
        mit_tagen: pd.DataFrame = b.assign(traeger=nr, von=von, bis=bis)[von <= bis]
        return mit_tagen

    @cached_property
    def fenster(self) -> Abdeckung:
        """Days of each provider's budget years, see `budgettage`."""
        return Abdeckung.aus(self.budgettage(self["budgets"].drop_duplicates(["traeger_id", "budgetjahr"])), "traeger")

    @cached_property
    def abgerechnet(self) -> pd.DataFrame:
        """Own stays with cost commitment; open ones end with the Datenstand."""
        f = self.spannen["faelle"]
        f = f[f["eigen"] & ~self["faelle"].loc[f.index, "kostenzusage"].eq(False).fillna(False)]
        f["bis"] = f["bis"].mask(f["bis"] == OFFEN, self.stand)
        begonnen: pd.DataFrame = f[f["von"] <= f["bis"]]
        return begonnen

    def nummer(self, frame: pd.DataFrame) -> Zahlen:
        """Position of each row's offer in `angebote`, -1 where unknown."""
        ids, ziele = (pa.array(x, type=pa.large_string()) for x in (frame["angebot_id"], self.angebote.index))
        return np.asarray(pc.index_in(ids, value_set=ziele).fill_null(-1), dtype=np.intp)

    def fehler(self, tabelle: str, zeilen: Any, art: str, spalte: str, grund: str | list[str], abhilfe: str) -> list[Fehler]:
        """One fault per row number; the provider comes from the row, confidential values are left out."""
        frame, schema = self[tabelle].loc[list(zeilen)], TABELLEN[tabelle]
        zeigen = bool(spalte) and not schema.spalte[spalte].vertraulich
        werte = [anzeige(w) for w in frame[spalte]] if zeigen else [""] * len(frame)
        ids = [""] * len(frame)  # traeger, angebote and shared tables block the whole Bestand
        if tabelle not in ("traeger", "angebote") and schema.gehoert:
            wer = frame["traeger_id"] if schema.gehoert == "traeger_id" else frame["angebot_id"].map(self.angebote["traeger_id"])
            ids = [w if bekannt else "" for w, bekannt in zip(wer, wer.isin(self.traeger.index), strict=True)]
        gruende = [grund] * len(frame) if isinstance(grund, str) else grund
        ort = self.orte.get(tabelle, tabelle)
        return [Fehler(ort, g, abhilfe, int(z), spalte, w, t, art) for z, w, t, g in zip(frame.index, werte, ids, gruende, strict=True)]

    def fehlt(self, tabelle: str, wofuer: Sequence[str]) -> Fehler:
        """The one fault of a table without rows that is required or that the tables `wofuer` rest on."""
        wozu = f", wird aber für {', '.join(wofuer)} gebraucht" if wofuer else ""
        neu = f"Blatt {tabelle}" if self.bestand.endswith(".xlsx") else f"{tabelle}.csv oder {tabelle}.parquet"
        was = "Die Zeilen eintragen" if tabelle in self.orte else f"Als {neu} mit Zeilen liefern"
        rest = f"; nicht erkannt: {', '.join(map(kurz, self.fremde[:8]))}" if self.fremde else ""
        grund = f"Die Tabelle {tabelle} {'ist leer' if tabelle in self.orte else 'fehlt'}{wozu}."
        return Fehler(self.orte.get(tabelle, self.bestand), grund, f"{was}{rest}.", art="tabelle_fehlt")


class Abdeckung:
    """The union of intervals [von, bis] per key, disjoint and ascending on one axis; every question costs O(log n)."""
    def __init__(self, key: Zahlen, von: Zahlen, bis: Zahlen) -> None:
        von, bis = np.r_[LINKS, key * ACHSE + von], np.r_[LINKS, key * ACHSE + bis]  # never empty, so that no question needs a guard
        ordnung = np.argsort(von, kind="stable")
        von, weit = von[ordnung], np.maximum.accumulate(bis[ordnung])
        neu = np.flatnonzero(np.r_[True, von[1:] > weit[:-1] + 1])
        self.von, self.bis = von[neu], weit[np.r_[neu[1:], len(von)] - 1]

    @classmethod
    def aus(cls, spannen: pd.DataFrame, key: str) -> Abdeckung:
        """The union of `spannen` per value of their column `key`."""
        return cls(*(spannen[s].to_numpy(dtype=np.int64) for s in (key, "von", "bis")))

    def erster_freier(self, key: Zahlen, von: Zahlen) -> Zahlen:
        """First day from `von` on that is not covered."""
        x = key * ACHSE + von
        ende = self.bis[np.searchsorted(self.von, x, side="right") - 1]
        return np.where(ende >= x, ende + 1 - key * ACHSE, von)

    def luecken(self, spannen: pd.DataFrame, key: str) -> pd.DataFrame:
        """The rows of `spannen` with a day that is not covered, their first such day as `tag`."""
        tag = self.erster_freier(spannen[key].to_numpy(), spannen["von"].to_numpy())
        offen = np.flatnonzero(tag <= spannen["bis"].to_numpy())
        return spannen.take(offen).assign(tag=tag[offen])

    def schnitt(self, spannen: pd.DataFrame, key: str) -> pd.DataFrame:
        """The covered parts of `spannen`: each row as often as it has parts, with `von` and `bis` of the part."""
        a, b = ((spannen[key] * ACHSE + spannen[s]).to_numpy(dtype=np.int64) for s in ("von", "bis"))
        erstes = np.searchsorted(self.bis, a)
        zahl = np.maximum(np.searchsorted(self.von, b, side="right") - erstes, 0)
        i = np.repeat(np.arange(len(a)), zahl)
        j = np.arange(len(i)) - np.repeat(np.cumsum(zahl) - zahl, zahl) + erstes[i]
        return spannen.take(i).assign(von=np.maximum(a[i], self.von[j]) % ACHSE, bis=np.minimum(b[i], self.bis[j]) % ACHSE)


def anzeige(wert: Any) -> str:
    """A value as the user writes it: dates TT.MM.JJJJ, ja/nein, decimal comma."""
    if isinstance(wert, (bool, np.bool_)):
        return "ja" if wert else "nein"
    return "" if pd.isna(wert) else kurz(wert)


def tage(spalte: pd.Series | Zahlen, leer: int = OFFEN) -> Zahlen:
    """Days of dates on the axis (int64, never negative); `leer` where empty."""
    werte = np.asarray(spalte).astype("datetime64[D]")
    return np.where(np.isnat(werte), leer, werte.astype(np.int64) - TAG_NULL)


def schluessel(spalten: Sequence[str], *frames: pd.DataFrame) -> list[Zahlen]:
    """One int64 key per row and frame, equal where all `spalten` are equal (empty equals empty)."""
    key = np.zeros(sum(map(len, frames)), dtype=np.int64)
    for spalte in spalten:
        codes, werte = pd.factorize(pd.concat([f[spalte] for f in frames], ignore_index=True))
        key = key * (len(werte) + 1) + codes + 1
    return np.split(key, np.cumsum([len(f) for f in frames])[:-1])


def erste_gleiche(spalten: Sequence[str], frame: pd.DataFrame) -> Zahlen:
    """For each row the number of the first one that is equal in all `spalten`."""
    return np.asarray(pd.Series(frame.index).groupby(schluessel(spalten, frame)[0]).transform("first"))


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
     lambda hbg: hbg.str.contains(r"\+\s*[sS]\s*$"), (("faelle", "hbg"), ("fallzahlen", "hbg"))),
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
        yield i, f"ein Sprung der Belegung um {schritte[i, j - 3]:+d} Personen im Monat {enden[j - 3]:%m/%Y}, weit außerhalb des Üblichen."


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
HINWEISE: tuple[Callable[[Lage], Iterator[Hinweis]], ...] = (
    kostenzusage, kostentraeger, kuenftige, unbeachtet, ohne_schluessel, ueberbelegung, monatsluecken, spruenge)
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
