"""Invented data that behave like the field: a seeded synthetic Bestand for trying out, tests and training.

A place is a renewal process (a stay, a gap, the next stay); need groups, "+S", absences, moves, staff, rates and budgets are laid
over it. The same seed gives the same bytes, however many others are drawn. Characters, rates and texts are in `demo.toml`.
Not here: any real provider, place or rate, and any claim about real developments.
"""

import tomllib
from collections import Counter
from datetime import date, datetime, timedelta
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
DATEN, MODELLE = (tomllib.loads(files("traeger_lib.inputs").joinpath(name).read_text(encoding="utf-8"))
                  for name in ("demo.toml", "modelle.toml"))
BESTAND = tomllib.loads(DATEN["bestand"])
KOSTENTRAEGER, N_EIGENE = BESTAND["eigene_kostentraeger"] + DATEN["fremde_kostentraeger"], len(BESTAND["eigene_kostentraeger"])
JAHR = BESTAND["datenstand"].year
NULL = date(1970, 1, 1).toordinal()  # days are numbers from here on
S_AB, LEER_AB, LUECKE_VON, LUECKE_BIS = (t.toordinal() - NULL for t in (DATEN["s_ab"], DATEN["leer_ab"], *DATEN["luecke"]))
OFFEN = 10**6  # day number of a stay that runs on


def _text(*tage: int) -> list[str]:
    """Day numbers as German dates, an open end as empty text."""
    return ["" if t >= OFFEN else f"{date.fromordinal(t + NULL):%d.%m.%Y}" for t in tage]


def _komma(hundertstel: int) -> str:
    return f"{hundertstel // 100},{hundertstel % 100:02d}"


def _folgemonat(tage: Feld) -> Feld:
    """The first of the month after the month of each day."""
    return np.asarray((tage.astype("M8[D]").astype("M8[M]") + 1).astype("M8[D]").astype(int))


def _ziehe(rng: np.random.Generator, off: Feld, gewichte: list[list[float]]) -> Feld:
    """One draw per stay from the weights of its offer."""
    wurf = rng.random(len(off))
    return np.array([np.searchsorted(np.cumsum(g)[:-1], wurf, side="right") for g in gewichte])[off, np.arange(len(off))]


def profil(nummer: int, seed: int, years: int, daten: dict[str, Any] = DATEN) -> SimpleNamespace:
    """A provider with its offers, months and random numbers: the characters of `daten`, then each again in other sizes."""
    rng, profile = np.random.default_rng([seed, nummer]), daten["profile"]
    p = SimpleNamespace(**daten["standard"] | profile[nummer % len(profile)], rng=rng, nummer=nummer, daten=daten)
    groesse = 1.
    if nummer >= len(profile):
        p.kuerzel, groesse, p.auswaertig = f"{nummer + 1:03d}", rng.lognormal(-.2, .6), rng.uniform(0, .35)
        p.s_anteil, p.vakanz = rng.uniform(.04, .2), rng.uniform(0, .12)
    p.id, p.name = f"BSP-{p.kuerzel}", p.kuerzel.capitalize().replace("ue", "ü").replace("ae", "ä")
    p.angebote = [SimpleNamespace(art=art, id=f"{p.kuerzel}-{art}", plaetze=max(4, round(plaetze * groesse)), wachstum=wachstum,
                                  im_budget=im_budget, **DATEN["typen"][art]) for art, plaetze, wachstum, im_budget in p.angebote]
    monate = np.datetime64(BESTAND["datenstand"], "M") + np.arange(1 - min(12 * years, p.monate or 999), 2)
    p.monatsnamen, p.kanten = monate[:-1].astype(str).tolist(), monate.astype("M8[D]").astype(int)  # and the day after the last
    p.von = date.fromordinal(int(p.kanten[0]) + NULL)
    p.beginn = p.start or (p.von if p.monate else date(JAHR - 1, 7 if p.halbjahr else 1, 1))
    return p


def _aufenthalte(p: SimpleNamespace, von: int, bis: int) -> list[Feld]:
    """Stays (offer, first day, last day): each place in turn occupied and empty, about 10 % discharges a year."""
    rng, teile = p.rng, []
    plaetze, wachstum, leer = (np.array([getattr(a, k) for a in p.angebote]) for k in ("plaetze", "wachstum", "leerstand"))
    zusatz = np.round(np.abs(wachstum) * plaetze * (bis - von) / 365.25).astype(int)
    je_angebot = plaetze + np.where(wachstum < 0, zusatz, 0)
    off = np.repeat(np.arange(len(plaetze)), je_angebot)
    n, wachstum, leer = len(off), wachstum[off], leer[off]
    beweglich = np.concatenate([np.arange(k) for k in je_angebot]) < zusatz[off]  # places that come or go
    wann = rng.integers(von, bis, n)
    frei, zu = np.where(beweglich & (wachstum > 0), wann, von), np.where(beweglich & (wachstum < 0), wann, OFFEN)
    frei = frei + np.where(rng.random(n) < (.3 if p.monate else .03), rng.exponential(leer), 0).astype(int)
    for k in range(9):
        kurz = rng.random(n) < (.22 if k else .04)  # those already there are mostly long-stayers
        ende = np.minimum(frei + 31 + rng.exponential(np.where(kurz, 450, 4900)).astype(int), bis + 1)
        ende = np.minimum(np.where(rng.random(n) < .6, _folgemonat(ende) - 1, ende), zu)
        gilt = (frei < bis) & (ende > frei + 30)
        teile.append((off[gilt], frei[gilt], np.where(ende >= bis, OFFEN, ende)[gilt]))
        frei = np.minimum(np.minimum(ende, bis) + 1 + rng.exponential(leer).astype(int), bis + 1)
        frei = np.where(rng.random(n) < .5, _folgemonat(frei), frei)
    return [np.concatenate(t) for t in zip(*teile, strict=True)]


def _personen(rng: np.random.Generator, off: Feld, beg: Feld, end: Feld, tf: Feld, von: int) -> tuple[Feld, Feld]:
    """The person of each stay and whether it ends in a move on the same day; sets `beg` to the day where somebody moves in."""
    person, gleichtag, frei, vergeben = np.arange(len(off)), np.zeros(len(off), bool), ~tf & (end < OFFEN), tf.copy()
    for e in sorted(np.flatnonzero(~tf & (beg > von)).tolist(), key=beg.tolist().__getitem__):  # somebody moves in
        passend = np.flatnonzero(frei & (off != off[e]) & (end >= beg[e]) & (end <= beg[e] + 20))
        if rng.random() < .4 and len(passend) and end[e] > end[passend[0]] + 31:
            k, versatz = passend[0], int(rng.random() < .5)
            beg[e], person[e], gleichtag[k], frei[k] = end[k] + versatz, person[k], versatz == 0, False
    for t in np.flatnonzero(tf & (rng.random(len(off)) < .7)).tolist():  # people are in two at once (Wohnen and Tagesförderung)
        umfasst = ((beg < beg[t]) | (beg == beg[t]) & (beg == von)) & ((end > end[t]) | (end == end[t]) & (end == OFFEN))
        passend = np.flatnonzero(~vergeben & umfasst)
        if len(passend):
            person[t] = person[rng.choice(passend)]
            vergeben |= person == person[t]
    return person, gleichtag


def _abwesenheiten(rng: np.random.Generator, je_jahr: Feld, beg: Feld, letzter: Feld, luecke: Feld) -> tuple[Feld, ...]:
    """Absences (stay, first, last day, reason) inside the stays, mostly short, at least two days apart, none in a gap."""
    auf = np.repeat(np.arange(len(beg)), rng.poisson(je_jahr * (letzter - beg) / 365.25))
    ab = beg[auf] + 1 + (rng.random(len(auf)) * (letzter - beg)[auf]).astype(int)
    kurz = np.minimum(rng.geometric(1 / 7, len(auf)), 28)
    dauer = np.where(rng.random(len(auf)) < .03, rng.integers(30, 120, len(auf)), kurz)
    auf, ab, bis = np.stack([auf, ab, np.minimum(ab - 1 + dauer, letzter[auf] - 1)])[:, np.lexsort((ab, auf))]
    bisher = np.maximum.accumulate(np.r_[-1, auf * OFFEN + bis])[:-1]
    gut = (bis >= ab) & (auf * OFFEN + ab > bisher + 2) & ~(luecke[auf] & (bis >= LUECKE_VON - 1) & (ab <= LUECKE_BIS + 1))
    return auf[gut], ab[gut], bis[gut], rng.choice(DATEN["gruende"][0], int(gut.sum()), p=DATEN["gruende"][1])


def simuliere(p: SimpleNamespace) -> SimpleNamespace:
    """The hidden truth of one provider: its case rows by column (auf = stay), their paid and of them reduced days by month, absences."""
    rng, von, bis = p.rng, int(p.kanten[0]), int(p.kanten[-1]) - 1
    off, beg, end = _aufenthalte(p, von, bis)
    person, gleichtag = _personen(rng, off, beg, end, np.array([a.art == "TF" for a in p.angebote])[off], von)
    off, beg, end, person, gleichtag = np.stack([off, beg, end, person, gleichtag])[:, np.lexsort((beg, person, off))]
    person, tf = np.unique(person, return_inverse=True)[1], np.array([a.art == "TF" for a in p.angebote])[off]
    n, letzter, spitze = len(off), np.minimum(end, bis), np.array([len(a.gruppen) - 1 for a in p.angebote])[off]
    alle, dauer = np.arange(n), letzter - beg
    ereignisse = dict.fromkeys(zip(alle.tolist(), beg.tolist(), strict=True), "beginn")  # by stay and day; the last entered counts

    def trage_ein(art: str, gilt: Feld, wann: Feld, wer: Feld = alle) -> None:
        gut = gilt & (wann > beg[wer]) & (wann <= letzter[wer])
        ereignisse.update(dict.fromkeys(zip(wer[gut].tolist(), wann[gut].tolist(), strict=True), art))

    wer = np.repeat(alle, np.where(spitze > 0, rng.poisson(.11 * dauer / 365.25), 0))
    wann = beg[wer] + 1 + (rng.random(len(wer)) * dauer[wer]).astype(int)
    wann = np.where(rng.random(len(wer)) < .7, _folgemonat(wann), wann)
    hoch = rng.random(len(wer)) < p.auf
    trage_ein("auf", hoch, wann, wer)
    trage_ein("ab", ~hoch, wann, wer)
    trage_ein("s", (rng.random(n) < p.s_anteil) & (spitze > 0), np.maximum(S_AB, beg + 60) + (rng.random(n) * 420).astype(int))
    offen = (beg > von) & (rng.random(n) < np.where(beg > bis - 75, .2, .04)) & (not p.nur_summen)
    trage_ein("zusage", offen, beg + rng.integers(30, 91, n))
    wechselt = (rng.random(n) < .004 * dauer / 365.25) & (np.bincount(person)[person] == 1) & (not p.nur_summen and p.auswaertig > 0)
    trage_ein("kostentraeger", wechselt, beg + 1 + (rng.random(n) * dauer).astype(int))
    luecke = tf & (von < LUECKE_VON) & (rng.random(n) < .28)
    trage_ein("luecke", luecke, np.full(n, LUECKE_VON))
    trage_ein("luecke", luecke, np.full(n, LUECKE_BIS + 1))
    leer_ab = LEER_AB + rng.integers(0, 540, n) if p.leert else np.full(n, OFFEN)
    trage_ein("leert", leer_ab < OFFEN, leer_ab)
    h_beginn = _ziehe(rng, off, [a.gewichte for a in p.angebote]).tolist()
    aussen, jung = rng.random(n) < p.auswaertig, rng.random(n) < .02
    kt_beginn = np.where(aussen, rng.integers(N_EIGENE, len(KOSTENTRAEGER), n), jung)[person].tolist()
    zeilen = []
    for (i, tag), art in sorted(ereignisse.items()):
        if art == "beginn":
            h, s, kt, zusage = h_beginn[i], False, kt_beginn[i], not offen[i]
        elif art in ("auf", "ab") and not s:
            h += 1 if art == "auf" else -1
        elif art == "s" and not s and h > 0:
            h, s = h - 1, True
        elif art == "kostentraeger":
            kt = 0 if kt >= N_EIGENE else N_EIGENE
        h = max(0, min(h, int(spitze[i]) - int(tag >= leer_ab[i])))
        zusage, fehlend = zusage or art == "zusage", bool(luecke[i]) and LUECKE_VON <= tag <= LUECKE_BIS
        zeilen.append((tag, i, h, s, kt, zusage, fehlend))
    f = pd.DataFrame(zeilen, columns=["beg", "auf", "h", "s", "kt", "zusage", "fehlend"])
    f = f[(f.iloc[:, 1:] != f.iloc[:, 1:].shift()).any(axis=1)]
    f["end"] = np.where(f["auf"] == f["auf"].shift(-1), f["beg"].shift(-1) - 1, end[f["auf"]]).astype(int)
    v = SimpleNamespace(**{str(k): s.to_numpy() for k, s in f[~f["fehlend"]].items()})
    v.off, v.person = off[v.auf], person[v.auf]
    v.bes = _ziehe(rng, off, [a.besonderheiten for a in p.angebote])[v.auf] * (not p.nur_summen)
    v.hzp = ((rng.random(n) < .05)[person] & ~tf)[v.auf]
    weiter = (v.auf[1:] == v.auf[:-1]) & (v.beg[1:] == v.end[:-1] + 1)
    v.ein, v.raus = np.r_[True, ~weiter], np.r_[~weiter, True] & (v.end < OFFEN)
    umzug = (gleichtag[v.auf] > 0) & (v.end == end[v.auf])  # the day counts at the receiving offer
    laenge = np.minimum(v.end, bis) + 1 - v.beg - (v.raus & (umzug | (p.austrittstag == "nein")))
    v.entgelttage = np.diff(np.clip(p.kanten - v.beg[:, None], 0, laenge[:, None]), axis=1)
    v.vermindert = np.zeros_like(v.entgelttage)
    v.fehlt = _abwesenheiten(rng, np.array([a.abwesend for a in p.angebote])[off], beg, letzter, luecke)
    konto: Counter[tuple[int, int, int]] = Counter()  # reduced days by person, offer and year
    for ab, ende, i in sorted(zip(*(v.fehlt[k].tolist() for k in (1, 2, 0)), strict=True)) if p.volle_tage else ():
        for tag in range(ab + p.volle_tage, ende + 1):
            zeile, monat = np.searchsorted(v.auf * OFFEN + v.beg, i * OFFEN + tag, "right"), np.searchsorted(p.kanten, tag, "right")
            konto[k := (person[i], off[i], date.fromordinal(tag + NULL).year)] += 1
            tage, schritt = (v.vermindert, 1) if konto[k] <= (p.max_tage or 366) else (v.entgelttage, -1)  # or not paid at all
            tage[zeile - 1, monat - 1] += schritt
    return v


def _schreibe_faelle(zeilen: Zeilen, p: SimpleNamespace, v: SimpleNamespace) -> None:
    """Case rows and absences, or for a provider with aggregates only the monthly figures behind them."""
    angebote = [p.angebote[o] for o in v.off]
    hbg = [a.gruppen[h] for a, h in zip(angebote, v.h, strict=True)]
    ausgang = [a.gruppen[h + 1] if s else "" for a, h, s in zip(angebote, v.h, v.s, strict=True)]
    fall = [[a.id for a in angebote], [KOSTENTRAEGER[k] for k in v.kt], hbg, np.where(v.s, "ja", "").tolist(), ausgang]
    if not p.nur_summen:
        person, (auf, ab, ende, gruende) = [f"P{k + 1:04d}" for k in v.person], v.fehlt
        zeilen["faelle"] += zip(person, *fall, _text(*v.beg), _text(*v.end), np.where(v.zusage, "", "nein").tolist(),
                                np.where(v.hzp, "ja", "").tolist(), [DATEN["besonderheiten"][b] for b in v.bes], strict=True)
        zeilen["abwesenheiten"] += [(person[i], fall[0][i], *was) for i, *was in zip(
            np.searchsorted(v.auf, auf), _text(*ab), _text(*ende), gruende.tolist(), strict=True)]
        return
    schluessel = list(zip(*fall, strict=True))
    for k in sorted(set(schluessel)):
        m = np.array([x == k for x in schluessel])
        bleibt = (v.beg[m][:, None] < p.kanten[1:]) & ((v.end + ~v.raus)[m][:, None] >= p.kanten[1:])
        werte = np.stack([(v.entgelttage - v.vermindert)[m].sum(axis=0), v.vermindert[m].sum(axis=0), bleibt.sum(axis=0),
                          np.histogram(v.beg[m & v.ein], p.kanten)[0], np.histogram(v.end[m & v.raus], p.kanten)[0]])
        belegt = np.flatnonzero(werte.any(axis=0))  # a month without anybody in between is a row of zeros
        zeilen["fallzahlen"] += [(*k, p.monatsnamen[j], *map(str, werte[:, j])) for j in range(belegt[0], belegt[-1] + 1)]


def _schreibe_personal(zeilen: Zeilen, p: SimpleNamespace, v: SimpleNamespace) -> None:
    """Staff follows the volume with a lag, less the vacancies; a few months of short supply come and go."""
    for i, a in enumerate(p.angebote):
        je_vk = np.array([float(x.replace(",", ".")) for x in a.schluessel])[v.h[v.off == i]]
        bedarf = (v.entgelttage[v.off == i] / je_vk[:, None]).sum(axis=0) / np.diff(p.kanten)
        bedarf = np.convolve(np.r_[np.full(5, bedarf[0]), bedarf], np.full(6, 1 / 6), "valid")
        stoerung = np.convolve(p.rng.normal(0, .018, len(bedarf) + 12), .8 ** np.arange(13), "valid")  # fades by a fifth a month
        vk = np.maximum(bedarf * (1 - p.vakanz + stoerung), .5)
        leitung = np.maximum(np.round(vk / 12 * 4) / 4, .25)  # quarters of a post, about one in twelve
        betreuung = np.maximum(vk - leitung, .25) if a.leitung_enthalten else vk
        quote = np.clip(.7 + .3 * stoerung + p.rng.normal(0, .01, len(bedarf)), .5, .9)
        for q, wert in (("fachkraft", betreuung * quote), ("leitung", leitung), ("nicht_fachkraft", betreuung * (1 - quote))):
            hundertstel = enumerate((np.round(wert * 20) * 5).astype(int).tolist())
            zeilen["personal"] += [(a.id, p.monatsnamen[j], q, _komma(x), _komma(x * (DATEN["lohn"][q] + 13 * j)) if p.kosten else "")
                                   for j, x in hundertstel if not (p.fehlmonat and i == 0 and j == len(bedarf) - 2)]


def _schreibe_budgets(zeilen: Zeilen, p: SimpleNamespace, v: SimpleNamespace) -> None:
    """Budgets since the beginning, or of a frame of years: average places of the base year, in a frame with the growth expected
    since then, or negotiated in halves where there is no such year; none before they are decided."""
    eigene = (v.kt < N_EIGENE) & v.zusage & (v.bes != DATEN["besonderheiten"].index("einzelfallsetting"))
    von, bis, basisjahr = p.daten.get("rahmen", (p.beginn.year, JAHR, 0))
    fassungen = [(j, 1, basisjahr or j - 2) for j in range(von, bis + 1) if p.beginn <= BESTAND["datenstand"]]
    for jahr, version, basis in fassungen + [(JAHR, 2, JAHR - 1)] * p.neubewertet:
        ueblich = f"{1 + p.nummer % 15:02d}.12.{min(jahr, JAHR) - 1}" if version == 1 else f"18.02.{jahr}"
        beschluss = f"12.{p.beginn.month - 1:02d}.{jahr}" if jahr == p.beginn.year and p.beginn.month > 1 else ueblich
        monate = np.array([m.startswith(str(basis)) for m in p.monatsnamen])
        hergeleitet = monate.sum() == 12
        monate = monate if hergeleitet else np.arange(len(monate)) < 12
        kopf, n = (p.id, str(jahr), str(version), beschluss, str(basis) if hergeleitet else ""), int(np.diff(p.kanten)[monate].sum())
        for i, a in enumerate(p.angebote):
            for h, g in enumerate(a.gruppen if a.im_budget else ()):
                tage = int(v.entgelttage[(v.off == i) & (v.h == h) & eigene][:, monate].sum())
                menge = tage * (1000 + round(1000 * a.wachstum) * (jahr - basis) * bool(basisjahr))  # in thousandths
                hundertstel = (menge * 200 + 1000 * n) // (2000 * n) if hergeleitet else round(tage / n * 2) * 50
                if hundertstel:
                    zeilen["budgets"].append((*kopf, "fallbezogen", a.id, g, _komma(hundertstel), "", ""))
        steuerung = DATEN["projektsteuerung"][str(min(jahr, JAHR))]
        pauschalen = ("Projektsteuerung (0,5 VK)", steuerung), ("Sozialraumprojekt", p.sozialraumprojekt), *p.pauschalen
        zeilen["budgets"] += [(*kopf, "pauschal", "", "", "", text, betrag) for text, betrag in pauschalen if betrag]


def _schreibe_vertraege(zeilen: Zeilen, p: SimpleNamespace) -> None:
    """What is agreed besides the budgets: offers with keys and rates, rules, adjustments, measures, dates, addresses."""
    von, teuer = p.von.year, int(p.rng.integers(960, 1050))  # thousandths: not every provider has the same rates
    for a in p.angebote:
        plaetze, im_budget = str(a.plaetze) if a.fest else "", "ja" if a.im_budget else "nein"
        zeilen["angebote"].append((a.id, p.id, f"{a.leistungstyp} {p.name}", a.leistungstyp, a.sektor, plaetze, im_budget))
        for g, mass, schluessel in zip(a.gruppen, a.mass, a.schluessel, strict=True):
            zeilen["schluessel"].append((a.id, g, f"01.01.{von}", schluessel, "ja" if a.leitung_enthalten else "nein"))
            cent = [c * teuer // 1000 for c in (a.grund, mass, a.invest)]
            for j in range(von, JAHR + 1):
                if j > von:
                    cent = [(c * (10000 + u[j % 6]) + 5000) // 10000 for c, u in zip(cent, DATEN["steigerung_bp"], strict=True)]
                beschluss = "" if j == von else f"10.03.{j}" if p.spaet == a.art and j == JAHR else f"{20 + j % 7}.11.{j - 1}"
                zeilen["entgelte"].append((a.id, g, f"01.01.{j}", "" if j >= JAHR - (p.spaet == a.art) else f"31.12.{j}",
                                           *map(_komma, cent), "0,75", _komma(sum(cent)), beschluss))
    zeilen["traeger"].append((p.id, f"Träger Beispiel {p.name}", "Musterstadt", p.daten["modell"], f"{p.beginn:%d.%m.%Y}"))
    tage = [str(x) if p.volle_tage and x else "" for x in (p.volle_tage, p.max_tage)]
    zeilen["verfahren"].append((p.id, f"01.01.{von}", p.austrittstag, *tage, "", "", p.anteil_nach))
    if p.korridor and p.beginn.year > von:
        zeilen["verfahren"].append((p.id, f"01.01.{p.beginn.year}", p.austrittstag, *tage, p.korridor, p.korridor, p.anteil_nach))
    zeilen["anpassungen"] += [(p.id, *anpassung) for anpassung in p.anpassungen]
    zeilen["termine"] += [(p.id, quartal, f"{montag + timedelta(p.nummer % 5):%d.%m.%Y}", f"Träger Beispiel {p.name}, Musterstadt")
                          for quartal, montag in p.daten["termine"]]
    zeilen["verteiler"] += [(p.id, DATEN["menschen"][k % len(DATEN["menschen"])], f"{stelle}.{p.kuerzel.lower()}@example.org", rolle)
                            for k, (rolle, stelle) in enumerate(DATEN["rollen"], p.nummer * 3)]


def _schreibe_massnahmen(zeilen: Zeilen, p: SimpleNamespace) -> None:
    """The scorecard: measures, for one of them an earlier state and the decision behind it, the plan of one project."""
    spalte, bsc, laeuft, projekt = TABELLEN["massnahmen"].spalte, list[dict[str, str]](), dict[str, str](), dict[str, str]()
    moegliche = p.daten["massnahmen"]
    for k, i in enumerate(sorted(p.rng.choice(len(moegliche), int(p.rng.integers(5, 11)), replace=False)), 1):
        *was, soll, feld, prio, vorhaben, mittel = moegliche[i]
        status = str(p.rng.choice(DATEN["status"][0], p=DATEN["status"][1]))
        quartal = int(p.rng.integers(0 if status == "nicht_begonnen" else -2, 1 if status == "abgeschlossen" else 6))
        ist = {"abgeschlossen": soll, "laufend": str(round(int(soll) * p.rng.uniform(.2, .8)))}.get(status, "")
        dauerhaft, letzter = prio == "1–3" and status != "abgeschlossen", _folgemonat(p.kanten[-2:-1] + 10 + 91 * quartal) - 1
        faellig = "31.12.2030" if dauerhaft else _text(*letzter)[0]
        wer = str(p.rng.choice(DATEN["verantwortlich"][0], p=DATEN["verantwortlich"][1]))
        eigenanteil = _komma(int(mittel.replace(",", "")) // 5) if mittel and p.rng.random() < .5 else ""
        vereinbart, geld = f"{9 + k:02d}.{min(p.beginn.month + 1, 8):02d}.{JAHR - 1}", int(mittel.replace(",", "") or 0)
        z = dict(zip(spalte, (f"M{k:02d}", p.id, *was, soll, "" if was[3] in DATEN["berechnet"] else ist, status, faellig, wer, vereinbart,
                              feld, prio, vorhaben, mittel, eigenanteil, DATEN["zurueckgestellt"] * (status == "zurueckgestellt")),
                     strict=False)) | DATEN["umstaende"].get(feld, {})
        z |= {"rhythmus": "jährlich" if dauerhaft else "vierteljährlich", "ebene": DATEN["ebene"].get(was[0], "angebot"),
              "projektbeginn": vereinbart if vorhaben else "", "foerderjahr": str(JAHR) if geld else "",
              "ausgegeben_eur": _komma(geld * DATEN["ausgegeben"][status] // 100) if geld else ""}
        laeuft = laeuft or z if status == "laufend" else laeuft
        projekt = projekt or z if vorhaben and geld else projekt
        bsc.append(z)
    if laeuft:  # an earlier state of the same measure, and a decision
        bsc += [laeuft | {"stand": DATEN["gespraech"]}, {s: laeuft[s] for s in list(spalte)[1:4]} | DATEN["beschluss"] | {
            "massnahme_id": "B01", "vereinbart_am": DATEN["gespraech"]}]
        laeuft |= {"status": "nicht_begonnen", "istwert": ""}
    for n, (art, schritt, faellig, status, anteil, eigen) in enumerate(DATEN["projektplan"] if projekt else (), 1):
        geld = int(projekt["mittel_eur"].replace(",", "")) * anteil // 100
        z = {s: projekt[s] for s in ("traeger_id", "perspektive", "ziel", "vorhaben")} | {
            "massnahme_id": f"P{n:02d}", "art": art, "massnahme": schritt, "status": status, "faellig": faellig}
        bsc.append(z | {"mittel_eur": _komma(geld), "eigenanteil_eur": _komma(geld * eigen // 100), "foerderjahr": faellig[-4:],
                        "ausgegeben_eur": "0,00"} if anteil else z)
    zeilen["massnahmen"] += [tuple(z.get(s, "") for s in spalte) for z in bsc]


def erzeuge(providers: int | None, years: int, seed: int, modell: str = "") -> dict[str, pd.DataFrame]:
    """All tables as German text, ready to write; without `providers` each character once. Raises TraegerFehler for an unknown model
    and if `providers` is not in 1–9999 or `years` not in 1–15."""
    if modell and modell not in MODELLE:
        raise TraegerFehler(f"Das Modell „{modell}“ gibt es nicht; möglich sind {', '.join(MODELLE)}.")
    daten: dict[str, Any] = {**DATEN, **MODELLE.get(modell, {})}
    providers = len(daten["profile"]) if providers is None else providers
    if not 1 <= providers <= 9999 or not 1 <= years <= 15:
        raise TraegerFehler(f"{providers} Träger, {years} Jahre: möglich sind 1 bis 9999 Träger und 1 bis 15 Jahre.")
    zeilen: Zeilen = {name: [] for name in TABELLEN}
    zeilen["brueche"] += [tuple(DATEN["bruch"])] if JAHR - years < DATEN["luecke"][0].year else []
    personen = 0
    for nummer in range(providers):
        p = profil(nummer, seed, years, daten)
        if p.angebote:  # none: an action plan without cases
            v = simuliere(p)
            v.person += personen
            personen = int(v.person.max()) + 1
            for schreibe in (_schreibe_faelle, _schreibe_personal, _schreibe_budgets):
                schreibe(zeilen, p, v)
        _schreibe_vertraege(zeilen, p)
        _schreibe_massnahmen(zeilen, p)
    leer = (None,) * max(len(t.spalten) for t in TABELLEN.values())  # columns the example leaves empty stand last
    return {name: pd.DataFrame([(*z, *leer)[:len(t.spalten)] for z in zeilen[name]], columns=list(t.spalte), dtype="str")
            for name, t in TABELLEN.items()}


def schreibe_demo(ziel: Path, *, providers: int | None = None, years: int = 6, seed: int = 2026, format: str = "csv",
                  modell: str = "") -> list[Path]:
    """Write a synthetic Bestand into the folder `ziel` and return the files written. Raises TraegerFehler for an unknown format, and
    where the folder holds anything that this function did not write."""
    if format not in ("csv", "xlsx", "parquet"):
        raise TraegerFehler(f"Format „{format}“ gibt es nicht; möglich sind csv, xlsx, parquet.")
    angaben = ziel / "bestand.toml"
    eigener = angaben.is_file() and angaben.read_text(encoding="utf-8").startswith(DATEN["bestand"].splitlines()[0])
    if ziel.exists() and not eigener and (not ziel.is_dir() or any(ziel.iterdir())):
        raise TraegerFehler(f"{ziel} enthält schon anderes; bitte einen neuen oder leeren Ordner angeben.")
    frames = erzeuge(providers, years, seed, modell)
    ziel.mkdir(parents=True, exist_ok=True)
    for alt in (f"{name}.{endung}" for name in ("bestand", *TABELLEN) for endung in ("csv", "xlsx", "parquet")):
        (ziel / alt).unlink(missing_ok=True)
    von = f"01.{BESTAND['datenstand'].month % 12 + 1:02d}.{JAHR - years}"
    nach = f"Beispieldaten nach dem Modell {MODELLE[modell]['modell']}:" if modell else "Beispieldaten:"
    angaben.write_text(DATEN["bestand"].format(seed=seed, von=von).replace("Beispieldaten:", nach), encoding="utf-8", newline="\n")
    if format != "csv":
        frames = {name: pd.DataFrame({s.name: convert.wandle(s, convert.rohspalte(frames[name][s.name])).werte for s in t.spalten})
                  for name, t in TABELLEN.items()}
    if format == "xlsx":
        with pd.ExcelWriter(ziel / "bestand.xlsx", engine="xlsxwriter", datetime_format="DD.MM.YYYY") as mappe:
            mappe.book.set_properties({"title": "Erfundene Beispieldaten", "created": datetime(2026, 1, 1)})
            for name, frame in frames.items():
                frame.to_excel(mappe, sheet_name=name, index=False, freeze_panes=(1, 0))
        return [angaben, ziel / "bestand.xlsx"]
    for name, frame in frames.items():
        if format == "csv":
            frame.to_csv(ziel / f"{name}.csv", sep=";", index=False, encoding="utf-8", lineterminator="\n")
        else:
            frame.to_parquet(ziel / f"{name}.parquet", index=False)
    return [angaben, *(ziel / f"{name}.{format}" for name in frames)]
