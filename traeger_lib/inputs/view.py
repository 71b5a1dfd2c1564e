"""What the rules of `checks` and the remarks of `notices` look at: the converted tables, days as numbers, what spans cover.

Frames carry the user's row numbers as index. Days of many keys lie on one axis, so that no question loops over stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from traeger_lib.inputs.convert import JAHR_BIS, kurz
from traeger_lib.inputs.faults import Fehler
from traeger_lib.inputs.schema import TABELLEN

ACHSE = 1 << 20  # days per key on the common axis: position = key * ACHSE + day; 2**20 days are more than 2800 years
TAG_NULL = -36_525  # day 0 of the axis, about the year 1870, so that no day is negative
OFFEN = 150_000 - TAG_NULL  # an open end, after every date a cell may hold
LINKS = -1 << 60  # left of every position of the axis
Zahlen = np.ndarray[Any, Any]


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
