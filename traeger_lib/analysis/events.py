"""What happens to places and persons: moves between need groups, who comes in, free places, events per quarter, special cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd

from traeger_lib.analysis.hbg import tage_je_gruppe
from traeger_lib.analysis.periods import FEHLT, Quartal, Zeitraum, tag, tage
from traeger_lib.analysis.rates import gruppenrang
from traeger_lib.analysis.volume import OFFEN, Aufenthalte, Personenzaehlung, Volumen
from traeger_lib.inputs.schema import Bestand


@dataclass(frozen=True, slots=True)
class Uebergang:
    """Changes of need group without a break, own cases: persons going from one group to another; „2 + S“ is a group of its own."""

    angebot_id: str
    von: str
    nach: str
    anzahl: int


@dataclass(frozen=True, slots=True)
class Zugangsprofil:
    """Is the mix of those who come in that of those who are there? Shares of admissions and of paid days in one span."""

    angebot_id: str
    hbg: str
    zugaenge: int
    anteil_zugaenge: Fraction
    anteil_bestand: Fraction


@dataclass(frozen=True, slots=True)
class Belegung:
    """Occupancy of an offer with fixed places, all paying bodies, over a span. freie_plaetze = plaetze − average occupied places;
    wiederbelegung_tage = free place-days ÷ exits: how long a freed place stays empty on average (None without exits)."""

    angebot_id: str
    plaetze: int
    belegt: Fraction
    freie_plaetze: Fraction
    abgaenge: int | None
    wiederbelegung_tage: Fraction | None


@dataclass(frozen=True, slots=True)
class Ereignisse:
    """Events of a quarter, own cases: admissions, endings, interruptions (absences begun; adjacent ones are one), group changes."""

    quartal: str
    zugaenge: int
    beendigungen: int
    unterbrechungen: int
    hbg_aenderungen: int


@dataclass(frozen=True, slots=True)
class Besonderheit:
    """Cases that are counted apart (stand-by, classical assistance …): persons and paid days of a quarter, own paying bodies."""

    art: str
    faelle: int
    entgelttage: int


def _wechselzeilen(bestand: Bestand, stays: Aufenthalte) -> pd.DataFrame:
    """Rows of own cases that continue another row of the same person and offer in another group: day, offer, from, to."""
    f = bestand["faelle"]
    s = f["s"].fillna(False).astype(bool)
    gruppe = (f["hbg"] + np.where(s, " + S", "")).to_numpy()[stays.zeile]
    gleich = (stays.person[1:] == stays.person[:-1]) & (stays.angebot[1:] == stays.angebot[:-1])
    eigen = stays.eigen[1:] & stays.eigen[:-1]
    fort = np.flatnonzero(gleich & eigen & (stays.beginn[1:] == stays.ende[:-1] + 1) & (gruppe[1:] != gruppe[:-1])) + 1
    return pd.DataFrame({"tag": stays.beginn[fort], "angebot_id": [stays.angebote[a] for a in stays.angebot[fort]],
                         "von": gruppe[fort - 1], "nach": gruppe[fort]})


def uebergaenge(bestand: Bestand, stays: Aufenthalte, z: Zeitraum) -> tuple[Uebergang, ...]:
    """Transitions between need groups in a span, with counts."""
    w = _wechselzeilen(bestand, stays)
    w = w[(w["tag"] >= tag(z.von)) & (w["tag"] <= tag(z.bis))]
    zahl = Counter(zip(w["angebot_id"], w["von"], w["nach"], strict=True))
    return tuple(Uebergang(*k, n) for k, n in sorted(zahl.items(), key=lambda x: (x[0][0], _rang(x[0][1]), _rang(x[0][2]))))


def zugangsprofile(bestand: Bestand, stays: Aufenthalte, vol: Volumen, z: Zeitraum, angebote: Sequence[str]) -> tuple[Zugangsprofil, ...]:
    """Need groups of those admitted to each offer in a span, beside the stock of the same span."""
    hbg = bestand["faelle"]["hbg"].to_numpy()
    ergebnis = []
    for a in angebote:
        p = Personenzaehlung.aus(stays, [a]).praesenzen
        neu = (p.beginn >= tag(z.von)) & (p.beginn <= tag(z.bis))
        zahl = Counter(hbg[p.zeile[neu]])
        bestandstage = tage_je_gruppe(vol, z, angebot_id=a)
        for h in sorted({*zahl, *bestandstage}, key=gruppenrang) if zahl else ():
            ergebnis.append(Zugangsprofil(a, h, zahl[h], Fraction(zahl[h], sum(zahl.values())),
                                          Fraction(bestandstage.get(h, 0), sum(bestandstage.values()) or 1)))
    return tuple(ergebnis)


def belegung(stays: Aufenthalte, vol: Volumen, z: Zeitraum, plaetze: dict[str, int], aggregiert: set[str]) -> tuple[Belegung, ...]:
    """Free places per offer with fixed places over a span, and how long a freed place stays empty."""
    ergebnis = []
    for a, n in plaetze.items():
        belegt = int(vol.bezahlt(z)[vol.wo(angebot_id=a)].sum())
        frei = n * z.tage - belegt
        ab = None if a in aggregiert else Personenzaehlung.aus(stays, [a], nur_eigene=False).zaehle(z).abgaenge
        ergebnis.append(Belegung(a, n, Fraction(belegt, z.tage), Fraction(frei, z.tage), ab, Fraction(max(frei, 0), ab) if ab else None))
    return tuple(ergebnis)


def ereignisse(bestand: Bestand, stays: Aufenthalte, quartale: Sequence[Quartal], angebote: Sequence[str]) -> tuple[Ereignisse, ...]:
    """Events per quarter over all offers with case rows."""
    zaehlung = Personenzaehlung.aus(stays, angebote)
    wechsel = _wechselzeilen(bestand, stays)["tag"].to_numpy()
    begonnen = _unterbrechungen(bestand)
    ergebnis = []
    for q in quartale:
        a, e = tag(q.zeitraum.von), tag(q.zeitraum.bis)
        p = zaehlung.zaehle(q.zeitraum)
        ergebnis.append(Ereignisse(str(q), p.zugaenge or 0, p.abgaenge or 0, int(((begonnen >= a) & (begonnen <= e)).sum()),
                                   int(((wechsel >= a) & (wechsel <= e)).sum())))
    return tuple(ergebnis)


def _unterbrechungen(bestand: Bestand) -> np.ndarray:
    """First days of absences in offers where the person is an own case; adjacent absences in one offer are one."""
    ab, f = bestand["abwesenheiten"], bestand["faelle"]
    eigene = f[f["kostentraeger"].isin(bestand.eigene_kostentraeger)]
    ab = ab.merge(eigene[["person_id", "angebot_id"]].drop_duplicates(), on=["person_id", "angebot_id"])
    ab = ab.sort_values(["person_id", "angebot_id", "beginn"])
    beginn, ende = tage(ab["beginn"]), tage(ab["ende"])
    person, angebot = ab["person_id"].to_numpy(), ab["angebot_id"].to_numpy()
    gleich = (person[1:] == person[:-1]) & (angebot[1:] == angebot[:-1])
    return beginn[np.r_[True, ~(gleich & (beginn[1:] <= ende[:-1] + 1))]] if len(beginn) else beginn


def besonderheiten(bestand: Bestand, vol: Volumen, z: Zeitraum) -> tuple[Besonderheit, ...]:
    """Special cases of a period, apart from the regular ones."""
    f = bestand["faelle"]
    ende = tage(f["ende"])
    dabei = (tage(f["beginn"]) <= tag(z.bis)) & (np.where(ende == FEHLT, OFFEN, ende) >= tag(z.von))
    eigene = f["kostentraeger"].isin(bestand.eigene_kostentraeger).to_numpy() & dabei
    summe = vol.bezahlt(z)
    return tuple(Besonderheit(art, f.loc[eigene & (f["besonderheit"] == art).to_numpy(), "person_id"].nunique(),
                              int(summe[vol.wo(eigen=True, besonderheit=art)].sum()))
                 for art in sorted(set(f.loc[eigene, "besonderheit"].dropna()) - {"regelfall"}))


def _rang(gruppe: str) -> tuple[tuple[int, int, str], bool]:
    return gruppenrang(gruppe.removesuffix(" + S")), gruppe.endswith(" + S")
