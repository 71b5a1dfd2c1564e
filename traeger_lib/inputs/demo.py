"""Invented data that behave like the field: a seeded synthetic Bestand for trying out, tests and training.

A place is a renewal process (somebody stays, leaves, it is empty for a while, the next one comes); need groups, "+S", absences,
moves, staff, rates and budgets are laid over it by the counting rules of the field. The same seed gives the same bytes, and a
provider's data do not depend on how many others are drawn. Kinds of offers, providers, rates and texts are in `demo.toml`.
Not here: any real provider, place or rate, and any claim about real developments.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from traeger_lib.inputs import convert
from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.inputs.schema import TABELLEN

Feld = np.ndarray[Any, Any]
Zeilen = dict[str, list[tuple[str, ...]]]

DATEN = tomllib.loads(files("traeger_lib.inputs").joinpath("demo.toml").read_text(encoding="utf-8"))
TYPEN: dict[str, dict[str, Any]] = DATEN["typen"]
KOSTENTRAEGER = DATEN["eigene_kostentraeger"] + DATEN["fremde_kostentraeger"]
N_EIGENE = len(DATEN["eigene_kostentraeger"])
JAHR = DATEN["datenstand"].year
OFFEN = 10**6  # day number (from 1970 on) of a stay that runs on
FORMATE = ("csv", "xlsx", "parquet")


def _profil(**angaben: Any) -> SimpleNamespace:
    """A provider: what it gives of itself over the defaults, each offer with the particulars of its kind."""
    angebote = [SimpleNamespace(art=art, id=f"{angaben['kuerzel']}-{art}", plaetze=plaetze, wachstum=wachstum, im_budget=im_budget, **TYPEN[art])
                for art, plaetze, wachstum, im_budget in angaben["angebote"]]
    return SimpleNamespace(**DATEN["standard"] | angaben | {"angebote": angebote})


PROFILE = tuple(_profil(**angaben) for angaben in DATEN["profile"])


def _gezogen(nummer: int, rng: np.random.Generator) -> SimpleNamespace:
    """A further provider, drawn from the distributions the eight characters stand for."""
    groesse = int(np.clip(rng.lognormal(4.2, .85), 12, 600))
    arten = [a for a, t in TYPEN.items() if "ziehung" in t and rng.random() < t["ziehung"][0]] or ["ABW"]
    arten = arten[:max(1, groesse // 8)]
    anteile = rng.dirichlet([TYPEN[a]["ziehung"][1] for a in arten]).tolist()
    nur = arten[int(rng.integers(len(arten)))] if rng.random() < .1 else ""
    return _profil(
        kuerzel=f"{nummer:03d}",
        angebote=[(a, max(4, round(groesse * anteil)), round(rng.uniform(-.02, .035), 3) if a == "ABW" else 0, nur in ("", a))
                  for a, anteil in zip(arten, anteile, strict=True)],
        auswaertig=round(rng.uniform(0, .35), 2), s_anteil=round(rng.uniform(.04, .2), 2), auf=round(rng.uniform(.48, .6), 2),
        vakanz=round(rng.uniform(0, .12), 2), volle_tage=(0, 3, 5)[rng.integers(3)], max_tage=(0, 42, 60)[rng.integers(3)],
        austrittstag="nein" if rng.random() < .15 else "ja", korridor="5" if rng.random() < .1 else "",
        anteil_nach=("", "", "tage", "personen", "euro")[rng.integers(5)], monate=14 if rng.random() < .05 else 0,
        halbjahr=rng.random() < .15, spaet=arten[0] if rng.random() < .1 else "", leert=rng.random() < .05,
        nur_summen=rng.random() < .08, neubewertet=rng.random() < .08, kosten=rng.random() < .3, fehlmonat=rng.random() < .1)


def _tag(jahr: int, monat: int = 1, tag: int = 1) -> int:
    return (date(jahr, monat, tag) - date(1970, 1, 1)).days


def _d(jahr: int, monat: int = 1, tag: int = 1) -> str:
    return f"{tag:02d}.{monat:02d}.{jahr}"


def _text(tage: Iterable[int]) -> list[str]:
    """Day numbers as German dates, an open end as empty text."""
    return ["" if t >= OFFEN else f"{date.fromordinal(t + 719163):%d.%m.%Y}" for t in tage]


def _komma(hundertstel: int) -> str:
    """Hundredths as a German decimal: 2885 → 28,85."""
    return f"{hundertstel // 100},{hundertstel % 100:02d}"


def _folgemonat(tage: Feld) -> Feld:
    """The first of the month after the month of each day."""
    return np.asarray((tage.astype("M8[D]").astype("M8[M]") + 1).astype("M8[D]").astype(int))


def _monatskanten(monate: int) -> Feld:
    """First days of the last `monate` months up to the Datenstand, and the day after it."""
    ende = np.datetime64(DATEN["datenstand"], "M") + 1
    return np.asarray(np.arange(ende - monate, ende + 1).astype("M8[D]").astype(int))


def _ziehe(rng: np.random.Generator, off: Feld, gewichte: list[list[float]]) -> Feld:
    """One draw per stay from the weights of its offer."""
    wurf = rng.random(len(off))
    return np.select([off == i for i in range(len(gewichte))],
                     [np.searchsorted(np.cumsum(g)[:-1], wurf, side="right") for g in gewichte])


def _aufenthalte(p: SimpleNamespace, rng: np.random.Generator, von: int, bis: int) -> tuple[Feld, ...]:
    """Stays (offer, first day, last day): each place in turn occupied and empty, about 10 % discharges a year."""
    plaetze, wachstum, leer = (np.array([getattr(a, k) for a in p.angebote]) for k in ("plaetze", "wachstum", "leerstand"))
    zusatz = np.round(np.abs(wachstum) * plaetze * (bis - von) / 365.25).astype(int)
    n = plaetze + np.where(wachstum < 0, zusatz, 0)
    o = np.repeat(np.arange(len(n)), n)
    beweglich = np.arange(len(o)) - np.repeat(np.cumsum(n) - n, n) < zusatz[o]  # places that come or go
    wann = rng.integers(von, bis, len(o))
    frei, zu = np.where(beweglich & (wachstum[o] > 0), wann, von), np.where(beweglich & (wachstum[o] < 0), wann, OFFEN)
    frei = frei + np.where(rng.random(len(o)) < (.3 if p.monate else .03), rng.exponential(leer[o]), 0).astype(int)
    teile = []
    for k in range(9):
        kurz = rng.random(len(o)) < (.22 if k else .04)  # those already there are mostly long-stayers
        ende = np.minimum(frei + 31 + rng.exponential(np.where(kurz, 450, 4900)).astype(int), bis + 1)
        ende = np.minimum(np.where(rng.random(len(o)) < .6, _folgemonat(ende) - 1, ende), zu)
        gilt = (frei < bis) & (ende > frei + 30)
        teile.append((o[gilt], frei[gilt], np.where(ende >= bis, OFFEN, ende)[gilt]))
        frei = np.minimum(np.minimum(ende, bis) + 1 + rng.exponential(leer[o]).astype(int), bis + 1)
        frei = np.where(rng.random(len(o)) < .5, _folgemonat(frei), frei)
    return tuple(np.concatenate(t) for t in zip(*teile, strict=True))


def _personen(rng: np.random.Generator, off: Feld, beg: Feld, end: Feld, tf: Feld, von: int) -> tuple[Feld, Feld]:
    """Who stays where: moves between offers (same or next day) and people in two offers at once (Wohnen + TF).

    Returns the person of each stay and whether it ends in a move on the same day; `beg` is set later where somebody moves in."""
    person, gleichtag, frei = np.arange(len(off)), np.zeros(len(off), bool), ~tf & (end < OFFEN)
    for e in sorted(np.flatnonzero(~tf & (beg > von)).tolist(), key=beg.tolist().__getitem__):
        passend = np.flatnonzero(frei & (off != off[e]) & (end >= beg[e]) & (end <= beg[e] + 20))
        if rng.random() < .4 and len(passend) and end[e] > end[passend[0]] + 31:
            k, versatz = passend[0], int(rng.random() < .5)
            beg[e], person[e], gleichtag[k], frei[k] = end[k] + versatz, person[k], versatz == 0, False
    vergeben = tf.copy()
    for t in np.flatnonzero(tf & (rng.random(len(off)) < .7)).tolist():
        umfasst = ((beg < beg[t]) | (beg == beg[t]) & (beg == von)) & ((end > end[t]) | (end == end[t]) & (end == OFFEN))
        passend = np.flatnonzero(~vergeben & umfasst)
        if len(passend):
            person[t] = person[passend[rng.integers(len(passend))]]
            vergeben |= person == person[t]
    return person, gleichtag


def _abwesenheiten(rng: np.random.Generator, je_jahr: Feld, beg: Feld, letzter: Feld, luecke_von: Feld, luecke_bis: int) -> tuple[Feld, ...]:
    """Absences (stay, first, last day, reason) inside the stays, mostly short, at least two days apart, none across the gap."""
    idx = np.repeat(np.arange(len(beg)), rng.poisson(je_jahr * (letzter - beg) / 365.25))
    ab = beg[idx] + 1 + (rng.random(len(idx)) * (letzter - beg)[idx]).astype(int)
    kurz = np.minimum(rng.geometric(1 / 7, len(idx)), 28)
    dauer = np.where(rng.random(len(idx)) < .03, rng.integers(30, 120, len(idx)), kurz)
    bis = np.minimum(ab - 1 + dauer, letzter[idx] - 1)
    reihe = np.lexsort((ab, idx))
    idx, ab, bis = idx[reihe], ab[reihe], bis[reihe]
    bisher = np.maximum.accumulate(np.r_[-1, idx * OFFEN + bis])[:-1]
    gut = (bis >= ab) & (idx * OFFEN + ab > bisher + 2) & ((bis < luecke_von[idx]) | (ab > luecke_bis))
    gruende, p = DATEN["gruende"]
    return idx[gut], ab[gut], bis[gut], rng.choice(gruende, int(gut.sum()), p=p)


def _verlauf(p: SimpleNamespace, rng: np.random.Generator, kanten: Feld) -> SimpleNamespace:
    """Simulate one provider over the months of `kanten`.

    Returns the columns of its case rows (auf = stay, off, beg, end, h, s, aus, zusage, kt, person, bes, hzp, ein, raus), sorted by
    stay and begin; `entgelttage` and of them `vermindert` by row and month; `fehlt`, the absences; `kanten`."""
    von, bis = int(kanten[0]), int(kanten[-1]) - 1
    off, beg, end = _aufenthalte(p, rng, von, bis)
    tf = np.array([a.art == "TF" for a in p.angebote])[off]
    person, gleichtag = _personen(rng, off, beg, end, tf, von)
    reihe = np.lexsort((beg, person, off))
    off, beg, end, tf, gleichtag = off[reihe], beg[reihe], end[reihe], tf[reihe], gleichtag[reihe]
    person = np.unique(person[reihe], return_inverse=True)[1]
    n, letzter, spitze = len(off), np.minimum(end, bis), np.array([len(a.gruppen) - 1 for a in p.angebote])[off]
    alle, dauer = np.arange(n), letzter - beg

    ereignisse = dict.fromkeys(zip(alle.tolist(), beg.tolist(), strict=True), "beginn")  # (stay, day): the last one entered counts

    def trage_ein(art: str, wer: Feld, wann: Feld) -> None:
        gut = (wann > beg[wer]) & (wann <= letzter[wer])
        ereignisse.update(dict.fromkeys(zip(wer[gut].tolist(), wann[gut].tolist(), strict=True), art))

    wer = np.repeat(alle, np.where(spitze > 0, rng.poisson(.11 * dauer / 365.25), 0))
    wann = beg[wer] + 1 + (rng.random(len(wer)) * dauer[wer]).astype(int)
    wann = np.where(rng.random(len(wer)) < .7, _folgemonat(wann), wann)
    hoch = rng.random(len(wer)) < p.auf
    trage_ein("auf", wer[hoch], wann[hoch])
    trage_ein("ab", wer[~hoch], wann[~hoch])
    mit_s = (rng.random(n) < p.s_anteil) & (spitze > 0)
    trage_ein("s", alle[mit_s], (np.maximum(_tag(JAHR - 1), beg + 60) + (rng.random(n) * 420).astype(int))[mit_s])
    offen = (beg > von) & (rng.random(n) < np.where(beg > bis - 75, .2, .04)) & (not p.nur_summen)
    trage_ein("zusage", alle[offen], (beg + rng.integers(30, 91, n))[offen])
    wechselt = (rng.random(n) < .004 * dauer / 365.25) & (np.bincount(person)[person] == 1) & (not p.nur_summen and p.auswaertig > 0)
    trage_ein("kostentraeger", alle[wechselt], (beg + 1 + (rng.random(n) * dauer).astype(int))[wechselt])
    l_von, l_bis = _tag(JAHR - 5), _tag(JAHR - 5, 9, 30)
    luecke = tf & (von < l_von) & (rng.random(n) < .28)  # not recorded in these months
    trage_ein("luecke", alle[luecke], np.full(luecke.sum(), l_von))
    trage_ein("erfasst", alle[luecke], np.full(luecke.sum(), l_bis + 1))
    leer_ab = _tag(JAHR - 3, 7) + rng.integers(0, 540, n) if p.leert else np.full(n, OFFEN)
    trage_ein("leert", alle, leer_ab)

    h_beginn = _ziehe(rng, off, [a.gewichte for a in p.angebote])
    aussen, jung = rng.random(n) < p.auswaertig, rng.random(n) < .02
    kt_beginn = np.where(aussen, rng.integers(N_EIGENE, len(KOSTENTRAEGER), n), jung)[person]
    zeilen: list[list[Any]] = []
    zuvor: tuple[Any, ...] = ()
    for (i, tag), art in sorted(ereignisse.items()):
        if art == "beginn":
            h, s, aus, zusage, kt = int(h_beginn[i]), False, -1, not offen[i], int(kt_beginn[i])
            fort = bool(luecke[i] and l_von <= tag <= l_bis)
        elif art in ("auf", "ab") and not s:
            h += 1 if art == "auf" else -1
        elif art == "s" and not s and h > 0:
            h, s, aus = h - 1, True, h
        elif art == "kostentraeger":
            kt = 0 if kt >= N_EIGENE else N_EIGENE
        elif art in ("luecke", "erfasst"):
            fort = art == "luecke"
        zusage, h = zusage or art == "zusage", int(np.clip(h, 0, spitze[i] - (tag >= leer_ab[i])))
        if (i, h, s, zusage, kt, fort) != zuvor:
            if art != "beginn":
                zeilen[-1][1] = tag - 1
            zuvor = (i, h, s, zusage, kt, fort)
            zeilen.append([tag, int(end[i]), aus, *zuvor])
    frame = pd.DataFrame(zeilen, columns=["beg", "end", "aus", "auf", "h", "s", "zusage", "kt", "fort"])
    v = SimpleNamespace(kanten=kanten, **{k: s.to_numpy() for k, s in frame[~frame["fort"]].items()})
    v.off, v.person = off[v.auf], person[v.auf]
    v.bes = _ziehe(rng, off, [a.besonderheiten for a in p.angebote])[v.auf] * (not p.nur_summen)
    v.hzp = ((rng.random(n) < .05)[person] & ~tf)[v.auf]
    weiter = (v.auf[1:] == v.auf[:-1]) & (v.beg[1:] == v.end[:-1] + 1)
    v.ein, v.raus = np.r_[True, ~weiter], np.r_[~weiter, True] & (v.end < OFFEN)

    umzug = gleichtag[v.auf] & (v.end == end[v.auf])  # the day counts at the receiving offer
    laenge = np.minimum(v.end, bis) + 1 - v.beg - (v.raus & (umzug | (p.austrittstag == "nein")))
    v.entgelttage = np.diff(np.clip(kanten - v.beg[:, None], 0, laenge[:, None]), axis=1)
    v.vermindert = np.zeros_like(v.entgelttage)
    abwesend = np.array([a.abwesend for a in p.angebote])[off]
    v.fehlt = _abwesenheiten(rng, abwesend, beg, letzter, np.where(luecke, l_von - 1, OFFEN), l_bis + 1)
    konto: Counter[tuple[int, int, int]] = Counter()  # reduced days by person, offer and year
    for i, ab, ende in sorted(zip(*(x.tolist() for x in v.fehlt[:3]), strict=True), key=lambda x: x[1]) if p.volle_tage else ():
        for tag in range(ab + p.volle_tage, ende + 1):
            zelle = np.searchsorted(v.auf * OFFEN + v.beg, i * OFFEN + tag, side="right") - 1, np.searchsorted(kanten, tag, side="right") - 1
            schluessel = person[i], off[i], date.fromordinal(tag + 719163).year
            konto[schluessel] += 1
            if konto[schluessel] <= (p.max_tage or 366):
                v.vermindert[zelle] += 1
            else:
                v.entgelttage[zelle] -= 1
    return v


def _monatsnamen(v: SimpleNamespace) -> list[str]:
    return v.kanten[:-1].astype("M8[D]").astype("M8[M]").astype(str).tolist()  # type: ignore[no-any-return]


def _schreibe_faelle(zeilen: Zeilen, p: SimpleNamespace, v: SimpleNamespace, versatz: int) -> None:
    """Case rows and absences, or for a provider with aggregates only the monthly figures behind them."""
    gruppen = [[*a.gruppen, ""] for a in p.angebote]  # index -1 is the empty text
    hbg, aus = ([gruppen[o][h] for o, h in zip(v.off, x, strict=True)] for x in (v.h, v.aus))
    fall = [[p.angebote[o].id for o in v.off], [KOSTENTRAEGER[k] for k in v.kt], hbg, np.where(v.s, "ja", "").tolist(), aus]
    if not p.nur_summen:
        person = [f"P{k + versatz + 1:04d}" for k in v.person]
        zeilen["faelle"] += zip(person, *fall, _text(v.beg), _text(v.end), np.where(v.zusage, "", "nein").tolist(),
                                np.where(v.hzp, "ja", "").tolist(), [DATEN["besonderheiten"][b] for b in v.bes], strict=True)
        auf, ab, ende, gruende = v.fehlt
        erste = np.searchsorted(v.auf, auf)
        zeilen["abwesenheiten"] += zip([person[i] for i in erste], [fall[0][i] for i in erste], _text(ab), _text(ende), gruende, strict=True)
        return
    schluessel, monate, kanten = list(zip(*fall, strict=True)), _monatsnamen(v), v.kanten
    for k in sorted(set(schluessel)):
        m = np.array([x == k for x in schluessel])
        bleibt = (v.beg[m][:, None] < kanten[1:]) & ((v.end + ~v.raus)[m][:, None] >= kanten[1:])
        werte = np.stack([(v.entgelttage - v.vermindert)[m].sum(axis=0), v.vermindert[m].sum(axis=0), bleibt.sum(axis=0),
                          np.histogram(v.beg[m & v.ein], kanten)[0], np.histogram(v.end[m & v.raus], kanten)[0]])
        belegt = np.flatnonzero(werte.any(axis=0))
        for j in range(belegt[0], belegt[-1] + 1):  # a month without anybody in between is a row of zeros
            zeilen["fallzahlen"].append((*k, monate[j], *map(str, werte[:, j])))


def _schreibe_personal(zeilen: Zeilen, p: SimpleNamespace, v: SimpleNamespace, rng: np.random.Generator) -> None:
    """Staff follows the volume with a lag, less the vacancies; a few months of short supply come and go."""
    monate, n = _monatsnamen(v), len(v.kanten) - 1
    for i, a in enumerate(p.angebote):
        m = v.off == i
        je_vk = np.array([float(x.replace(",", ".")) for x in a.schluessel])[v.h[m]]
        bedarf = (v.entgelttage[m] / je_vk[:, None]).sum(axis=0) / np.diff(v.kanten)
        bedarf = np.convolve(np.r_[np.full(5, bedarf[0]), bedarf], np.full(6, 1 / 6), "valid")
        stoerung = np.convolve(rng.normal(0, .018, n + 12), .8 ** np.arange(13), "valid")  # fades by a fifth a month
        vk = np.maximum(bedarf * (1 - p.vakanz + stoerung), .5)
        leitung = np.maximum(np.round(vk / 12 * 4) / 4, .25)  # quarters of a post, about one in twelve
        betreuung = np.maximum(vk - leitung, .25) if a.leitung_enthalten else vk
        quote = np.clip(.7 + .3 * stoerung + rng.normal(0, .01, n), .5, .9)
        for q, wert in (("fachkraft", betreuung * quote), ("leitung", leitung), ("nicht_fachkraft", betreuung * (1 - quote))):
            for j, hundertstel in enumerate((np.round(wert * 20) * 5).astype(int).tolist()):
                if not (p.fehlmonat and i == 0 and j == n - 2):
                    kosten = _komma(hundertstel * (DATEN["lohn"][q] + 13 * j)) if p.kosten else ""
                    zeilen["personal"].append((a.id, monate[j], q, _komma(hundertstel), kosten))


def _schreibe_entgelte(zeilen: Zeilen, p: SimpleNamespace, von: int, teuer: int) -> None:
    """Offers with their keys and rates from the year `von` on; `teuer` are thousandths of the usual price."""
    name = p.kuerzel.capitalize().replace("Sued", "Süd")
    for a in p.angebote:
        zeilen["angebote"].append((a.id, f"BSP-{p.kuerzel}", f"{a.leistungstyp} {name}", a.leistungstyp, a.sektor,
                                   str(a.plaetze) if a.fest else "", "ja" if a.im_budget else "nein"))
        for g, mass, schluessel in zip(a.gruppen, a.mass, a.schluessel, strict=True):
            zeilen["schluessel"].append((a.id, g, _d(von), schluessel, "ja" if a.leitung_enthalten else "nein"))
            cent = [c * teuer // 1000 for c in (a.grund, mass, a.invest)]
            for j in range(von, JAHR + 1):
                if j > von:
                    cent = [(c * (10000 + u[j % 6]) + 5000) // 10000 for c, u in zip(cent, DATEN["steigerung_bp"], strict=True)]
                spaet, offen = p.spaet == a.art and j == JAHR, j >= JAHR - (p.spaet == a.art)
                beschluss = "" if j == von else _d(JAHR, 3, 10) if spaet else _d(j - 1, 11, 20 + j % 7)
                zeilen["entgelte"].append((a.id, g, _d(j), "" if offen else _d(j, 12, 31), *map(_komma, cent), "0,75",
                                           _komma(sum(cent)), beschluss))


def _schreibe_massnahmen(zeilen: Zeilen, tid: str, rng: np.random.Generator, monat: int) -> None:
    """Five to ten measures, agreed in `monat` of last year."""
    for k, i in enumerate(sorted(rng.choice(len(DATEN["massnahmen"]), int(rng.integers(5, 11)), replace=False)), 1):
        perspektive, ziel, massnahme, kennzahl, soll, feld, prio, vorhaben, mittel = DATEN["massnahmen"][i]
        status = str(rng.choice(DATEN["status"][0], p=DATEN["status"][1]))
        quartal = int(rng.integers(0 if status == "nicht_begonnen" else -2, 1 if status == "abgeschlossen" else 6))
        faellig = _monatskanten(0) + 90 * quartal  # a day in the last month of the quarter, or the first of the next
        anteil = {"abgeschlossen": 1., "laufend": rng.uniform(.2, .8)}.get(status)
        zeilen["massnahmen"].append((
            f"M{k:02d}", tid, perspektive, ziel, massnahme, kennzahl, soll, "" if anteil is None else str(round(int(soll) * anteil)), status,
            "31.12.2030" if prio == "1–3" and status != "abgeschlossen" else _text(_folgemonat(faellig - 15) - 1)[0],
            str(rng.choice(DATEN["verantwortlich"][0], p=DATEN["verantwortlich"][1])), _d(JAHR - 1, min(monat + 1, 8), 9 + k), feld, prio,
            vorhaben, mittel, _komma(int(mittel.replace(",", "")) // 5) if mittel and rng.random() < .5 else "",
            DATEN["zurueckgestellt"] if status == "zurueckgestellt" else ""))


def _schreibe_vertraege(zeilen: Zeilen, p: SimpleNamespace, v: SimpleNamespace, rng: np.random.Generator, nummer: int) -> None:
    """Everything agreed: provider, offers, rates, keys, budgets, rules, measures, dates, addresses."""
    tid, von = f"BSP-{p.kuerzel}", date.fromordinal(int(v.kanten[0]) + 719163)
    name = f"Träger Beispiel {p.kuerzel.capitalize().replace('Sued', 'Süd')}"
    beginn = von if p.monate else date(JAHR - 1, 7 if p.halbjahr else 1, 1)
    zeilen["traeger"].append((tid, name, "Musterstadt", "Bremen", f"{beginn:%d.%m.%Y}"))
    _schreibe_entgelte(zeilen, p, von.year, int(rng.integers(960, 1050)))  # not every provider has the same rates
    _schreibe_budgets(zeilen, p, v, beginn, nummer)
    tage = [str(x) if p.volle_tage and x else "" for x in (p.volle_tage, p.max_tage)]
    zeilen["verfahren"].append((tid, _d(von.year), p.austrittstag, *tage, "", "", p.anteil_nach))
    if p.korridor and beginn.year > von.year:
        zeilen["verfahren"].append((tid, _d(beginn.year), p.austrittstag, *tage, p.korridor, p.korridor, p.anteil_nach))
    zeilen["anpassungen"] += [(tid, str(jahr), _d(jahr, monat), betrag, grund) for jahr, monat, betrag, grund in p.anpassungen]
    _schreibe_massnahmen(zeilen, tid, rng, beginn.month)
    for quartal, erster in DATEN["termine"]:
        tag = np.busday_offset(np.busday_offset(erster, 0, roll="forward", weekmask="Mon"), nummer % 5)
        zeilen["termine"].append((tid, quartal, _text([tag.astype(int)])[0], f"{name}, Musterstadt"))
    for k, (rolle, stelle) in enumerate(DATEN["rollen"], nummer * 3):
        zeilen["verteiler"].append((tid, DATEN["menschen"][k % len(DATEN["menschen"])], f"{stelle}.{p.kuerzel.lower()}@example.org", rolle))


def _schreibe_budgets(zeilen: Zeilen, p: SimpleNamespace, v: SimpleNamespace, beginn: date, nummer: int) -> None:
    """Budgets of last year and this one: average places of the base year two years before (own paying bodies, the cases of the
    deviation), or negotiated in halves from the first twelve months where that year is not there."""
    jahre, dim = [int(m[:4]) for m in _monatsnamen(v)], np.diff(v.kanten)
    eigene = (v.kt < N_EIGENE) & v.zusage & (v.bes != DATEN["besonderheiten"].index("einzelfallsetting"))
    plaetze = sum(a.plaetze for a in p.angebote if a.im_budget)
    for budgetjahr, version, basis in ((JAHR - 1, 1, JAHR - 3), (JAHR, 1, JAHR - 2), (JAHR, 2, JAHR - 1))[:2 + p.neubewertet]:
        beschluss = _d(budgetjahr - 1, 12, 1 + nummer % 15) if version == 1 else _d(budgetjahr, 2, 18)
        if budgetjahr == beginn.year and beginn.month > 1:
            beschluss = _d(budgetjahr, beginn.month - 1, 12)
        spalten, n = np.array(jahre) == basis, 365 + (basis % 4 == 0)
        hergeleitet = dim[spalten].sum() == n
        if not hergeleitet:
            spalten = np.arange(len(dim)) < 12
        kopf = (f"BSP-{p.kuerzel}", str(budgetjahr), str(version), beschluss, str(basis) if hergeleitet else "")
        for i, a in enumerate(p.angebote):
            for h, g in enumerate(a.gruppen if a.im_budget else ()):
                tage = int(v.entgelttage[(v.off == i) & (v.h == h) & eigene][:, spalten].sum())
                hundertstel = (tage * 200 + n) // (2 * n) if hergeleitet else round(tage / int(dim[spalten].sum()) * 2) * 50
                if hundertstel:
                    zeilen["budgets"].append((*kopf, "fallbezogen", a.id, g, _komma(hundertstel), "", ""))
        pauschalen = {"Projektsteuerung (0,5 VK)": 4260000 - (JAHR - budgetjahr) * 110000,
                      "Sozialraumprojekt": 1800000 + plaetze * 10000 if plaetze > 40 else 0}
        zeilen["budgets"] += [(*kopf, "pauschal", "", "", "", text, _komma(c)) for text, c in pauschalen.items() if c]


def erzeuge(providers: int, years: int, seed: int) -> dict[str, pd.DataFrame]:
    """All tables as German text, ready to write. Raises TraegerFehler if `providers` is not in 1–9999 or `years` not in 1–15."""
    if not 1 <= providers <= 9999 or not 1 <= years <= 15:
        raise TraegerFehler(f"{providers} Träger, {years} Jahre: möglich sind 1 bis 9999 Träger und 1 bis 15 Jahre.")
    zeilen: Zeilen = {name: [] for name in TABELLEN}
    personen = 0
    for i in range(providers):
        rng = np.random.default_rng([seed, i])
        p = PROFILE[i] if i < len(PROFILE) else _gezogen(i + 1, rng)
        v = _verlauf(p, rng, _monatskanten(min(12 * years, p.monate or 999)))
        _schreibe_faelle(zeilen, p, v, personen)
        personen += int(v.person.max()) + 1
        _schreibe_personal(zeilen, p, v, rng)
        _schreibe_vertraege(zeilen, p, v, rng, i)
    if _monatskanten(12 * years)[0] < _tag(JAHR - 5):
        bruch = DATEN["untererfassung"]
        zeilen["brueche"].append((_d(JAHR - 5), _d(JAHR - 5, 9, 30), "untererfassung", bruch["grund"], bruch["leistungstyp"], ""))
    return {name: pd.DataFrame(zeilen[name], columns=[s.name for s in t.spalten], dtype="str") for name, t in TABELLEN.items()}


def _getippt(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The table with dates, numbers and booleans instead of text, as the reader has it."""
    return pd.DataFrame({s.name: convert.wandle(s, convert.rohspalte(frame[s.name])).werte for s in TABELLEN[name].spalten})


def schreibe_demo(ziel: Path, *, providers: int = 8, years: int = 6, seed: int = 2026, format: str = "csv") -> list[Path]:
    """Write a synthetic Bestand into the folder `ziel` and return the files written.

    Raises TraegerFehler for an unknown format, and where the folder holds anything that this function did not write.
    """
    if format not in FORMATE:
        raise TraegerFehler(f"Format „{format}“ gibt es nicht; möglich sind {', '.join(FORMATE)}.")
    angaben, muster = ziel / "bestand.toml", DATEN["bestand"]
    eigener = angaben.is_file() and angaben.read_text(encoding="utf-8").startswith(muster.splitlines()[0])
    if ziel.exists() and not eigener and (not ziel.is_dir() or any(ziel.iterdir())):
        raise TraegerFehler(f"{ziel} enthält schon anderes; bitte einen neuen oder leeren Ordner angeben.")
    frames = erzeuge(providers, years, seed)
    ziel.mkdir(parents=True, exist_ok=True)
    for alt in [ziel / "bestand.xlsx", *(ziel / f"{name}{e}" for name in TABELLEN for e in (".csv", ".parquet"))]:
        alt.unlink(missing_ok=True)
    angaben.write_text(muster.format(
        datenstand=DATEN["datenstand"], eigene=json.dumps(DATEN["eigene_kostentraeger"], ensure_ascii=False), seed=seed,
        von=_text(_monatskanten(12 * years))[0]), encoding="utf-8", newline="\n")
    if format == "xlsx":
        with pd.ExcelWriter(ziel / "bestand.xlsx", engine="xlsxwriter", datetime_format="DD.MM.YYYY") as mappe:
            mappe.book.set_properties({"title": "Erfundene Beispieldaten", "created": datetime(2026, 1, 1)})
            for name, frame in frames.items():
                _getippt(name, frame).to_excel(mappe, sheet_name=name, index=False, freeze_panes=(1, 0))
        return [angaben, ziel / "bestand.xlsx"]
    for name, frame in frames.items():
        if format == "csv":
            frame.to_csv(ziel / f"{name}.csv", sep=";", index=False, encoding="utf-8", lineterminator="\n")
        else:
            _getippt(name, frame).to_parquet(ziel / f"{name}.parquet", index=False)
    return [angaben, *(ziel / f"{name}.{format}" for name in frames)]
