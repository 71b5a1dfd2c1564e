"""What happens to places and persons: moves between need groups, who comes in, free places, events per quarter, special cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from traeger_lib.analysis.hbg import tage_je_gruppe
from traeger_lib.analysis.periods import Quartal, Zeitraum, tag
from traeger_lib.analysis.persons import Personenzaehlung, wechselpaare
from traeger_lib.analysis.rates import gruppenrang
from traeger_lib.analysis.stays import Aufenthalte
from traeger_lib.analysis.volume import Volumen
from traeger_lib.inputs.schema import Bestand


@dataclass(frozen=True, slots=True)
class Uebergang:
    """Changes of need group without a break, own cases: persons going from one group to another; „2 + S“ is a group of its own."""

    angebot_id: str
    von: str
    nach: str
    anzahl: int


@dataclass(frozen=True, slots=True)
class Sektorwechsel:
    """Moves of own cases from an offer of one sector into one of another, on the same or the next day."""

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


def sektorwechsel(stays: Aufenthalte, sektor: Mapping[str, str], z: Zeitraum) -> tuple[Sektorwechsel, ...]:
    """Moves between the sectors of one provider whose first day in the new offer lies in the period; `sektor` by offer."""
    p = stays.nur(stays.eigen).praesenzen()
    paare = ((sektor[p.angebote[p.angebot[k]]], sektor[p.angebote[p.angebot[q]]]) for k, q in zip(*wechselpaare(p), strict=True)
             if tag(z.von) <= p.beginn[q] <= tag(z.bis))
    return tuple(Sektorwechsel(*k, n) for k, n in sorted(Counter(paar for paar in paare if paar[0] != paar[1]).items()))


Wechsel = Sequence[tuple[int, tuple[str, str, str]]]  # day number, (offer, from, to)


def gruppenwechsel(bestand: Bestand, stays: Aufenthalte) -> Wechsel:
    """Rows of own cases that continue another row of the same person and offer in another group: day, (offer, from, to)."""
    f = bestand["faelle"]
    hbg, s = f["hbg"].to_numpy(dtype=object)[stays.zeile], f["s"].fillna(False).to_numpy(dtype=bool)[stays.zeile]
    gleich = (stays.person[1:] == stays.person[:-1]) & (stays.angebot[1:] == stays.angebot[:-1])
    eigen = stays.eigen[1:] & stays.eigen[:-1]
    fort = np.flatnonzero(gleich & eigen & (stays.beginn[1:] == stays.ende[:-1] + 1) & ((hbg[1:] != hbg[:-1]) | (s[1:] != s[:-1]))) + 1
    gruppe = {i: hbg[i] + (" + S" if s[i] else "") for j in fort.tolist() for i in (j - 1, j)}
    return [(t, (stays.angebote[a], gruppe[i - 1], gruppe[i])) for t, a, i in zip(
        stays.beginn[fort].tolist(), stays.angebot[fort].tolist(), fort.tolist(), strict=True)]


def uebergaenge(wechsel: Wechsel, z: Zeitraum) -> tuple[Uebergang, ...]:
    """Transitions between need groups in a span, with counts."""
    von, bis = tag(z.von), tag(z.bis)
    zahl = Counter(w for t, w in wechsel if von <= t <= bis)
    return tuple(Uebergang(*k, n) for k, n in sorted(zahl.items(), key=lambda x: (x[0][0], _rang(x[0][1]), _rang(x[0][2]))))


def zugangsprofile(bestand: Bestand, vol: Volumen, z: Zeitraum, zaehlungen: Mapping[str, Personenzaehlung]) -> tuple[Zugangsprofil, ...]:
    """Need groups of those admitted to each offer in a span, beside the stock of the same span; `zaehlungen` of the own cases."""
    hbg = bestand["faelle"]["hbg"].to_numpy()
    ergebnis = []
    for a, zaehlung in zaehlungen.items():
        p = zaehlung.praesenzen
        neu = (p.beginn >= tag(z.von)) & (p.beginn <= tag(z.bis))
        zahl = Counter(hbg[p.zeile[neu]])
        bestandstage = tage_je_gruppe(vol, z, angebot_id=a)
        for h in sorted({*zahl, *bestandstage}, key=gruppenrang) if zahl else ():
            ergebnis.append(Zugangsprofil(a, h, zahl[h], Fraction(zahl[h], sum(zahl.values())),
                                          Fraction(bestandstage.get(h, 0), sum(bestandstage.values()) or 1)))
    return tuple(ergebnis)


def belegung(vol: Volumen, z: Zeitraum, plaetze: Mapping[str, int], zaehlungen: Mapping[str, Personenzaehlung]) -> tuple[Belegung, ...]:
    """Free places per offer with fixed places over a span, and how long a freed place stays empty; `zaehlungen` of all cases."""
    ergebnis = []
    for a, n in plaetze.items():
        belegt = int(vol.bezahlt(z)[vol.wo(angebot_id=a)].sum())
        frei = n * z.tage - belegt
        ab = zaehlungen[a].zaehle(z).abgaenge if a in zaehlungen else None
        ergebnis.append(Belegung(a, n, Fraction(belegt, z.tage), Fraction(frei, z.tage), ab, Fraction(max(frei, 0), ab) if ab else None))
    return tuple(ergebnis)


def ereignisse(stays: Aufenthalte, fehlzeiten: Aufenthalte, gruppenwechsel: Wechsel, quartale: Sequence[Quartal],
               zaehlung: Personenzaehlung) -> tuple[Ereignisse, ...]:
    """Events per quarter over all offers with case rows; `zaehlung` of their own cases, `fehlzeiten` the joined absences.

    An absence counts in the offers where the person is an own case.
    """
    wechsel, n, ergebnis = np.array([t for t, _ in gruppenwechsel], np.int64), len(stays.angebote), []
    eigene = np.isin(fehlzeiten.person * n + fehlzeiten.angebot, (stays.person * n + stays.angebot)[stays.eigen])
    begonnen = fehlzeiten.beginn[eigene]
    for q in quartale:
        a, e = tag(q.zeitraum.von), tag(q.zeitraum.bis)
        p = zaehlung.zaehle(q.zeitraum)
        ergebnis.append(Ereignisse(str(q), p.zugaenge or 0, p.abgaenge or 0, int(((begonnen >= a) & (begonnen <= e)).sum()),
                                   int(((wechsel >= a) & (wechsel <= e)).sum())))
    return tuple(ergebnis)


def besonderheiten(bestand: Bestand, stays: Aufenthalte, vol: Volumen, z: Zeitraum) -> tuple[Besonderheit, ...]:
    """Special cases of a period, apart from the regular ones."""
    arten, summe = bestand["faelle"]["besonderheit"].to_numpy(dtype=object)[stays.zeile], vol.bezahlt(z)
    dabei = stays.eigen & (stays.beginn <= tag(z.bis)) & (stays.ende >= tag(z.von))
    personen: dict[str, set[int]] = {}
    for art, person in zip(arten[dabei], stays.person[dabei].tolist(), strict=True):
        if isinstance(art, str) and art != "regelfall":
            personen.setdefault(art, set()).add(person)
    return tuple(Besonderheit(a, len(p), int(summe[vol.wo(eigen=True, besonderheit=a)].sum())) for a, p in sorted(personen.items()))


def _rang(gruppe: str) -> tuple[tuple[int, int, str], bool]:
    return gruppenrang(gruppe.removesuffix(" + S")), gruppe.endswith(" + S")
