"""„Woher kommt diese Zahl?“: name, formula, rule, unit, sources and limits of every published figure, from `templates/methode.toml`."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files

import pandas as pd

from traeger_lib.analysis.budget import gueltige_versionen
from traeger_lib.analysis.periods import Quartal, Zeitraum, jahr_zeitraum
from traeger_lib.analysis.scorecard import staende
from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.inputs.schema import Bestand

GLIEDERUNG = {"quartal", "kumuliert", "vorquartal", "vorjahresquartal", "gesamt", "je_angebot", "je_hbg", "im_budget"}


@dataclass(frozen=True, slots=True)
class Herkunft:
    """Where a figure comes from. `schluessel` is its entry („block.feld“), `quellen` are tables; methode.toml explains every field."""

    schluessel: str
    name: str
    formel: str
    regel: str
    einheit: str
    quellen: tuple[str, ...]
    beispiel: str = ""
    grenzen: str = ""
    teile: tuple[str, ...] = ()
    zeitraum: str = "quartal"
    umfang: str = "eigene"
    im_bericht: bool = False


_TEXTE = tomllib.loads(files("traeger_lib.reporting").joinpath("templates/methode.toml").read_text(encoding="utf-8"))
EINTRAEGE = {k: Herkunft(k, **(e | {"quellen": tuple(e["quellen"]), "teile": tuple(e.get("teile", ()))})) for k, e in _TEXTE.items()}


def begriffe() -> list[tuple[str, str]]:
    """Heading and text of every entry of the report's method section."""
    return [(h.name, f"{h.formel} {h.grenzen}".strip()) for h in EINTRAEGE.values() if h.im_bericht]


def woher(schluessel: str) -> Herkunft:
    """The entry behind a path of kennzahlen.json (period, offer and index may be left out). TraegerFehler where there is none."""
    pfad = re.sub(r"\[[^\]]*\]", "", schluessel.strip()).replace("personal_jahre.personal.", "personal.").split(".")
    kurz = [pfad[0], *(t for t in pfad[1:] if t not in GLIEDERUNG)]
    for teile in (pfad, kurz):
        for n in range(len(teile), 1, -1):
            h, rest = EINTRAEGE.get(".".join(teile[:n])), teile[n:]
            if h and (not rest or "*" in h.teile or (len(rest) == 1 and rest[0] in h.teile)):
                return h
    nah = difflib.get_close_matches(".".join(kurz), EINTRAEGE, 3, 0)
    raise TraegerFehler(f"„{schluessel[:80]}“ ist keine Kennzahl aus kennzahlen.json; am nächsten liegen {', '.join(nah)}.")


def zeilen_hinter(bestand: Bestand, traeger_id: str, quartal: str | Quartal, schluessel: str) -> dict[str, pd.DataFrame]:
    """Rows behind a figure by source table: one provider's, of the offer the path names (`je_angebot[NORD-BW]`), touching its period
    (of a list of years or months: all of it). For analysts in the data folder only: case rows are personal data, so no report may
    use this. KeyError for an unknown provider, TraegerFehler for an unknown key or an offer that has no part in the figure.
    """
    h, q, b = woher(schluessel), Quartal.aus(str(quartal)), bestand.nur(traeger_id)
    angebote, beginn = b["angebote"], b["traeger"]["budget_beginn"].iloc[0]
    if h.umfang in ("budget", "abrechenbar", "einzelfall") or ".im_budget." in schluessel:
        angebote = angebote[angebote["im_budget"]]
    if genannt := re.search(r"\[(?!\d+\])([\w-]+)\]|je_angebot[.\[]([\w-]+)", schluessel):
        angebote = angebote[angebote["angebot_id"] == (genannt[1] or genannt[2])]
        if angebote.empty:
            raise TraegerFehler(f"„{schluessel[:80]}“ nennt kein Angebot dieses Trägers, auf dem die Zahl beruht.")
    bis = q.zeitraum.bis
    version = gueltige_versionen(b, bis).get(q.jahr)
    spannen = {"quartal": q.zeitraum, "kumuliert": q.kumuliert, "vorquartal": q.vor(1).zeitraum, "vorjahresquartal": q.vor(4).zeitraum,
               "budgetjahr": jahr_zeitraum(q.jahr), "basisjahr": jahr_zeitraum((version and version.basisjahr) or 1),  # 1: no rows
               **{f"{n} Quartale": Zeitraum(q.vor(n - 1).zeitraum.von, bis) for n in (4, 8, 20)},
               **{f"{n} Jahre": Zeitraum(jahr_zeitraum(q.jahr - n + 1).von, bis) for n in (5, 6, 12)}}
    art = "5 Jahre" if "personal_jahre" in schluessel else next((t for t in schluessel.split(".")[1:2] if t in spannen), h.zeitraum)
    ab_beginn = h.umfang in ("abrechenbar", "einzelfall") and not art.endswith(("basisjahr", "Quartale")) and not pd.isna(beginn)
    z = spannen[art].ab(beginn.date() if ab_beginn else None)
    return {name: _zeilen(b, name, h, z, q, angebote["angebot_id"]) for name in h.quellen}


def _zeilen(b: Bestand, name: str, h: Herkunft, z: Zeitraum, q: Quartal, angebote: pd.Series) -> pd.DataFrame:
    """The rows of one table that a figure rests on: by offer, period, decision, paying body and kind of case."""
    t = b[name] if z.tage else b[name].iloc[:0]
    t = staende(t, b.datenstand) if name == "massnahmen" else t
    if "angebot_id" in t:
        t = t[t["angebot_id"].isin(angebote) | t["angebot_id"].isna()]  # lump sums of a budget have no offer
    if beginn := next((s for s in ("beginn", "gueltig_ab", "von", "monat") if s in t), None):
        t = t[t[beginn] <= pd.Timestamp(z.bis)]
    if ende := next((s for s in ("ende", "gueltig_bis", "bis", "monat") if s in t), None):
        t = t[~(t[ende] < pd.Timestamp(z.von.replace(day=1) if ende == "monat" else z.von))]
    jahr = "ausgleich_jahr" if h.schluessel.startswith("puffer_jahre") else "budgetjahr"
    jahre = range(z.von.year, z.bis.year + 1) if h.zeitraum.endswith("Jahre") else [q.jahr]
    if name == "budgets":
        versionen = [(j, v.version) for j, v in gueltige_versionen(b, q.zeitraum.bis).items() if j in jahre]
        t = t[[x in versionen for x in zip(t["budgetjahr"], t["version"], strict=True)]]
    elif jahr in t:
        t = t[t[jahr].isin(jahre)]
    elif name == "entgelte":
        t = t[~(t["beschlossen_am"] > pd.Timestamp(b.datenstand))]
    elif name == "abwesenheiten":
        t = t.merge(_zeilen(b, "faelle", h, z, q, angebote)[["person_id", "angebot_id"]].drop_duplicates())
    elif "kostentraeger" in t and h.umfang != "alle":
        t = t[t["kostentraeger"].isin(b.eigene_kostentraeger)]
        if name == "faelle" and h.umfang in ("abrechenbar", "einzelfall"):
            einzelfall = t["besonderheit"] == "einzelfallsetting"
            t = t[t["kostenzusage"].fillna(True).astype(bool) & (einzelfall == (h.umfang == "einzelfall"))]
    return t
