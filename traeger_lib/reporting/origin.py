"""„Woher kommt diese Zahl?“: from the key of a published figure to its name, formula, rule, unit, sources and limits.

The texts are `templates/methode.toml`, one entry per figure, for report, Excel and notebook alike. Nothing is computed here.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from itertools import dropwhile

import pandas as pd

from traeger_lib.analysis.budget import gueltige_version
from traeger_lib.analysis.periods import Quartal, Zeitraum, jahr_zeitraum
from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.inputs.schema import Bestand

GLIEDERUNG = {"quartal", "kumuliert", "vorquartal", "vorjahresquartal", "gesamt", "je_angebot", "im_budget"}  # words of a path, no figures
DAUER = {"faelle": ("beginn", "ende"), "abwesenheiten": ("beginn", "ende"), "entgelte": ("gueltig_ab", "gueltig_bis"),
         "brueche": ("von", "bis"), "fallzahlen": ("monat", "monat"), "personal": ("monat", "monat")}


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
    zeitraum: str = ""
    umfang: str = "eigene"
    im_bericht: bool = False


@cache
def eintraege() -> Mapping[str, Herkunft]:
    """All entries by key, in the order of methode.toml."""
    texte = tomllib.loads(files("traeger_lib.reporting").joinpath("templates/methode.toml").read_text(encoding="utf-8"))
    return {k: Herkunft(k, **{f: tuple(w) if isinstance(w, list) else w for f, w in e.items()}) for k, e in texte.items()}


def begriffe() -> list[tuple[str, str]]:
    """Heading and text of every entry of the report's method section."""
    return [(h.name, f"{h.formel} {h.grenzen}".strip()) for h in eintraege().values() if h.im_bericht]


def woher(schluessel: str) -> Herkunft:
    """The entry behind a path of kennzahlen.json (period, offer and index may be left out). TraegerFehler where there is none.

    >>> woher("personal.kumuliert.gesamt.vk_anteilig.tage").schluessel, woher("budget.raten[3].betrag_eur").name
    ('personal.vk_anteilig', 'Rate')
    """
    pfad = re.sub(r"\[[^\]]*\]", "", schluessel.strip()).replace("personal_jahre.personal.", "personal.").split(".")
    kurz = [pfad[0], *dropwhile(GLIEDERUNG.__contains__, pfad[1:])]
    for teile in (pfad, kurz):
        for n in range(len(teile), 1, -1):
            h, rest = eintraege().get(".".join(teile[:n])), teile[n:]
            if h and (not rest or "*" in h.teile or (len(rest) == 1 and rest[0] in h.teile)):
                return h
    nah = difflib.get_close_matches(".".join(kurz), eintraege(), 3) or ["fallzahlen.belegungstage", "budget.puffer_eur"]
    raise TraegerFehler(f"„{schluessel[:80]}“ ist keine Kennzahl aus kennzahlen.json; nahe liegen {', '.join(nah)}.")


def zeilen_hinter(bestand: Bestand, traeger_id: str, quartal: str | Quartal, schluessel: str) -> dict[str, pd.DataFrame]:
    """Rows of the source tables behind a figure: one provider's, of the offer or year in brackets (`je_angebot[NORD-BW]`,
    `puffer_jahre[2025]`), touching its period. What an earlier absence used up of a yearly cap is not among them.

    For analysts in the data folder only: case rows are personal data and never leave it, so no report may call this.
    KeyError for an unknown provider, TraegerFehler for an unknown key or offer.
    """
    h, q, b = woher(schluessel), Quartal.aus(str(quartal)), bestand.nur(traeger_id)
    z, a = _zeitraum(b, q, h, schluessel), b["angebote"]
    if genannt := re.search(r"\[([A-Z][\w-]+)\]|je_angebot\[?\.?([\w-]+)", schluessel):
        a = a[a["angebot_id"] == (genannt[1] or genannt[2])]
        if a.empty:
            raise TraegerFehler(f"Ein Angebot {genannt[1] or genannt[2]} hat dieser Träger nicht; gemeint ist seine angebot_id.")
    if h.umfang in ("budget", "abrechenbar", "einzelfall") or ".im_budget." in schluessel:
        a = a[a["im_budget"]]
    t = {name: _zeilen(b, name, h, z, q, set(a["angebot_id"])) for name in h.quellen}
    if {"faelle", "abwesenheiten"} <= set(t):
        faelle, weg = (pd.MultiIndex.from_frame(t[x][["person_id", "angebot_id"]]) for x in ("faelle", "abwesenheiten"))
        t["abwesenheiten"] = t["abwesenheiten"][weg.isin(faelle)]
    return t


def _zeitraum(b: Bestand, q: Quartal, h: Herkunft, schluessel: str) -> Zeitraum:
    """The days a figure rests on."""
    bis, beginn, version = q.zeitraum.bis, b["traeger"]["budget_beginn"].iloc[0], gueltige_version(b, q.jahr, q.zeitraum.bis)
    spannen = {"quartal": q.zeitraum, "kumuliert": q.kumuliert, "vorquartal": q.vor(1).zeitraum,
               "vorjahresquartal": q.vor(4).zeitraum, "budgetjahr": jahr_zeitraum(q.jahr)}
    if h.zeitraum == "basisjahr":
        if version is None or version.basisjahr is None:
            raise TraegerFehler(f"Für das Budget {q.jahr} ist kein gemeinsames Basisjahr angegeben.")
        return jahr_zeitraum(version.basisjahr)
    art = "5 Jahre" if "personal_jahre" in schluessel else h.zeitraum or next((t for t in schluessel.split(".") if t in spannen), "quartal")
    if art not in spannen:
        n, einheit = int(art.split()[0]), art.split()[1]
        spannen[art] = Zeitraum(q.vor(n - 1).zeitraum.von if einheit == "Quartale" else date(q.jahr - n + 1, 1, 1), bis)
    z = spannen[art]
    if jahr := re.search(r"_jahre\[(\d{4})\]", schluessel):
        z = Zeitraum(date(int(jahr[1]), 1, 1), min(bis, date(int(jahr[1]), 12, 31)))
    return z.ab(beginn.date()) if h.umfang in ("abrechenbar", "einzelfall") and not pd.isna(beginn) else z


def _zeilen(b: Bestand, name: str, h: Herkunft, z: Zeitraum, q: Quartal, angebote: set[str]) -> pd.DataFrame:
    """The rows of one table that belong to a figure."""
    t, eigene = b[name], b.eigene_kostentraeger
    von, bis = pd.Timestamp(z.von.replace(day=1) if "monat" in t else z.von), pd.Timestamp(z.bis)
    jahre = range(z.von.year, z.bis.year + 1) if h.zeitraum.endswith("Jahre") else [q.jahr]
    ...
