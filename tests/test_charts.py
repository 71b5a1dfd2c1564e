"""Every chart, for rich and poor providers and for data nobody would like to draw: bytes, counts, words, no formula."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from PIL import Image

from traeger_lib import analyse, load
from traeger_lib.analysis.facts import Facts, Gegliedert, Zweifach
from traeger_lib.analysis.scorecard import Massnahme, Scorecard
from traeger_lib.reporting import formats as f
from traeger_lib.reporting import style
from traeger_lib.reporting.charts import ABBILDUNGEN

BEISPIEL = Path(__file__).parent.parent / "data/beispiel"
BOESE = r"$x^{2}_{3}$ \frac{1}{2} €_^{ <b>&" + "\n\u202eRückwärts 漢字 😀 " + "überaus langes Wort " * 8 + "$"


@cache
def beispiel(traeger: str = "BSP-NORD", quartal: str = "2026Q1") -> Facts:
    return analyse(load(BEISPIEL), traeger, quartal)


def alle(facts: Facts) -> dict[str, Any]:
    return {k: a for k, fn in ABBILDUNGEN.items() if (a := fn(facts)) is not None}


# ── variants of an example provider ─────────────────────────────────────────────────────────────────────────────────

def ohne_budget(x: Facts) -> Facts:
    return replace(x, budget=None, verlauf=tuple(replace(m, plaetze_plan=None) for m in x.verlauf), abweichung=_leer(x.abweichung))


def _leer(a: Any) -> Any:
    def leer(v: Any) -> Any:
        return replace(v, soll_eur=None, abweichung_eur=None, mengeneffekt_eur=None, mixeffekt_eur=None, s_effekt_eur=None,
                       preiseffekt_eur=None)
    return Zweifach(*(Gegliedert(leer(g.gesamt), {k: leer(v) for k, v in g.je_angebot.items()}) for g in (a.quartal, a.kumuliert)))


def ohne_prognose(x: Facts) -> Facts:
    return replace(x, trend=Gegliedert(None, dict.fromkeys(x.trend.je_angebot)))


def kurz(x: Facts, monate: int) -> Facts:
    return replace(x, verlauf=x.verlauf[-monate:], quartalsverlauf=x.quartalsverlauf[-max(1, monate // 3):])


def mal(x: Facts, faktor: Fraction) -> Facts:
    """All places and VK times a factor."""
    def punkt(p: Any) -> Any:
        return replace(p, **{n: getattr(p, n) * float(faktor) for n in ("mittel", "unten80", "oben80", "unten95", "oben95")})

    def ausblick(a: Any) -> Any:
        return a and replace(a, prognose=tuple(punkt(p) for p in a.prognose), jahresmittel=tuple(punkt(p) for p in a.jahresmittel))

    def stand(s: Any) -> Any:
        p, mal_ = s.personal, (lambda w: None if w is None else w * faktor)
        anteilig = replace(p.vk_anteilig, **{n: mal_(getattr(p.vk_anteilig, n)) for n in ("tage", "personen", "euro")})
        return replace(s, personal=replace(p, vk=mal_(p.vk), vk_soll=mal_(p.vk_soll), vk_anteilig=anteilig))
    plan = Decimal(faktor.numerator) / faktor.denominator
    verlauf = tuple(replace(m, plaetze=m.plaetze * faktor, je_angebot={k: w * faktor for k, w in m.je_angebot.items()},
                            plaetze_plan=None if m.plaetze_plan is None else m.plaetze_plan * plan) for m in x.verlauf)
    budget = x.budget and replace(x.budget, herleitung=tuple(replace(h, plaetze_plan=h.plaetze_plan * plan) for h in x.budget.herleitung))
    return replace(x, verlauf=verlauf, budget=budget, quartalsverlauf=tuple(stand(s) for s in x.quartalsverlauf),
                   trend=Gegliedert(ausblick(x.trend.gesamt), {k: ausblick(v) for k, v in x.trend.je_angebot.items()}))


def viele_angebote(x: Facts, n: int, *, im_budget: bool = True) -> Facts:
    """The first offer, n times."""
    k0, namen = x.angebote[0].angebot_id, [f"A{i:02d}" for i in range(n)]

    def je(m: Any) -> Any:
        return dict.fromkeys(namen, m[k0])
    return replace(
        x, angebote=tuple(
            replace(x.angebote[0], angebot_id=k, bezeichnung=f"Angebot {i} {'sehr lang ' * i}", im_budget=im_budget or i % 2 == 0)
            for i, k in enumerate(namen)),
        verlauf=tuple(replace(m, je_angebot=je(m.je_angebot)) for m in x.verlauf),
        trend=Gegliedert(x.trend.gesamt, je(x.trend.je_angebot)),
        quartalsverlauf=tuple(replace(s, hbg=je(s.hbg)) for s in x.quartalsverlauf),
        hbg=Zweifach(*(Gegliedert(g.gesamt, je(g.je_angebot)) for g in (x.hbg.quartal, x.hbg.kumuliert))),
        klassische_abrechnung=Zweifach(*(Gegliedert(g.gesamt, je(g.je_angebot))
                                         for g in (x.klassische_abrechnung.quartal, x.klassische_abrechnung.kumuliert))),
        fallzahlen=Zweifach(*(replace(b, je_angebot=je(b.je_angebot)) for b in (x.fallzahlen.quartal, x.fallzahlen.kumuliert))),
        abweichung=Zweifach(*(Gegliedert(g.gesamt, je(g.je_angebot)) for g in (x.abweichung.quartal, x.abweichung.kumuliert))))


def zwoelf_gruppen(x: Facts) -> Facts:
    """Twelve need groups of very different size, half of each „+S“."""
    anteile = {str(i): Fraction(i, 78) for i in range(1, 13)}

    def mix(m: Any) -> Any:
        return replace(m, anteile=anteile, anteile_s={k: w / 2 for k, w in anteile.items()},
                       anteile_budget=dict.fromkeys(anteile, Fraction(1, 12)))
    je = {k: mix(v) for k, v in x.hbg.kumuliert.je_angebot.items()}
    return replace(x, hbg=replace(x.hbg, kumuliert=Gegliedert(x.hbg.kumuliert.gesamt, je)),
                   quartalsverlauf=tuple(replace(s, hbg={k: mix(v) for k, v in s.hbg.items()}) for s in x.quartalsverlauf))


def boese(x: Facts) -> Facts:
    trend = x.trend.gesamt and replace(x.trend.gesamt, bruch=tuple(replace(b, grund=BOESE) for b in x.trend.gesamt.bruch))
    return replace(x, name=BOESE, angebote=tuple(replace(a, bezeichnung=BOESE) for a in x.angebote),
                   trend=Gegliedert(trend, x.trend.je_angebot), massnahmen=viele_massnahmen(x, 14, BOESE).massnahmen)


def viele_massnahmen(x: Facts, n: int, text: str = "Maßnahme") -> Facts:
    status = ("laufend", "nicht_begonnen", "abgeschlossen", "zurueckgestellt", "ganz_anders_" + "lang" * 20, "verworfen", "$a$")
    tage = [None if i % 9 == 8 else date(2019, 3, 1) + timedelta(days=400 * i) for i in range(n)]
    liste = tuple(Massnahme(f"M{i}", "P", "Ziel", f"{text} {i}", None, None, None, status[i % 7], tage[i], None, i < 2) for i in range(n))
    je_status = {s: sum(m.status == s for m in liste) for s in status}
    return replace(x, massnahmen=Scorecard(je_status, sum(m.ueberfaellig for m in liste), liste))


def nichts(x: Facts) -> Facts:
    return replace(ohne_prognose(ohne_budget(x)), verlauf=(), quartalsverlauf=(), massnahmen=Scorecard({}, 0, ()))


EXTREM = {
    "ohne Budget": lambda: ohne_budget(beispiel()),
    "ohne Prognose": lambda: ohne_prognose(beispiel()),
    "ein Monat": lambda: kurz(beispiel(), 1),
    "14 Monate": lambda: kurz(beispiel(), 14),
    "3 Monate, kein Budget, keine Prognose": lambda: kurz(ohne_prognose(ohne_budget(beispiel("BSP-HAFEN"))), 3),
    "null": lambda: mal(beispiel(), Fraction(0)),
    "winzig": lambda: mal(beispiel(), Fraction(1, 50)),
    "riesig": lambda: mal(beispiel(), Fraction(60)),
    "10 Angebote": lambda: viele_angebote(beispiel(), 10),
    "15 Angebote, teils im Budget": lambda: viele_angebote(beispiel(), 15, im_budget=False),
    "12 Gruppen": lambda: zwoelf_gruppen(beispiel()),
    "12 Gruppen, ein Angebot": lambda: viele_angebote(zwoelf_gruppen(beispiel()), 1),
    "böse Namen": lambda: boese(beispiel()),
    "40 Maßnahmen": lambda: viele_massnahmen(beispiel(), 40),
    "nichts": lambda: nichts(beispiel()),
}


# ── tests ───────────────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("name", EXTREM)
def test_extreme_data(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    blaetter = gezeichnet(monkeypatch)
    bilder = alle(EXTREM[name]())
    assert bool(bilder) == (name != "nichts")
    for a, blatt in zip(bilder.values(), blaetter, strict=True):
        bild = Image.open(BytesIO(a.png))
        assert bild.size == (2 * a.breite, 2 * a.hoehe) and len(a.png) < 150_000 and a.breite == style.BREITE
        assert not re.search(r"\bnan\b|None", a.alt) and len(a.alt) > 40 and a.basis and a.titel.endswith("?")
        assert a.tabellen and all(len(z) == len(t.spalten) for t in a.tabellen for z in t.zeilen)
        assert all(t.html() for t in a.tabellen)
        assert _falsch_gesetzt(blatt, *bild.size) == [], a.schluessel


@pytest.mark.parametrize("quartal", ["2025Q2", "2025Q3", "2025Q4", "2026Q1"])
@pytest.mark.parametrize("traeger", ["BSP-NORD", "BSP-WEST", "BSP-FLUSS"])
def test_labels_of_every_quarter(traeger: str, quartal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No label overlaps another or the line „Prognose“, wherever the year's end lies in the picture."""
    blaetter = gezeichnet(monkeypatch)
    ABBILDUNGEN["fallzahlen"](beispiel(traeger, quartal))
    (blatt,) = blaetter
    assert _falsch_gesetzt(blatt, 2 * style.BREITE, 2 * blatt.hoehe) == []
    heute = next(k for t, k in _kaesten(blatt) if t == "Prognose")[0] - 12  # 6 CSS pixels
    zahlen = [k for t, k in _kaesten(blatt) if t.startswith((*f.MONATE, "Dez. ", "80 %:"))]
    assert len(zahlen) == 3 and not [k for k in zahlen if k[0] < heute < k[2]]


def gezeichnet(monkeypatch: pytest.MonkeyPatch) -> list[style.Blatt]:
    """The sheets from here on, as they become pictures."""
    blaetter: list[style.Blatt] = []
    png = style.Blatt.png
    monkeypatch.setattr(style.Blatt, "png", lambda blatt: (blaetter.append(blatt), png(blatt))[1])
    return blaetter


def _kaesten(blatt: style.Blatt) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Texts and their boxes in device pixels, as high as the font's line."""
    alle = []
    for t in blatt.texte:
        x0, _, x1, _ = t["font"].getbbox(t["text"], anchor=t["anchor"])
        auf, ab = t["font"].getmetrics()
        x, y = t["xy"]
        alle += [(t["text"], (x + x0, y - auf, x + x1, y + ab))] * bool(t["text"])
    return alle


def _falsch_gesetzt(blatt: style.Blatt, breite: int, hoehe: int) -> list[tuple[str, ...]]:
    """Labels that leave the picture, and pairs that overlap by more than a sliver (device pixels)."""
    kaesten = _kaesten(blatt)
    draussen = [(t,) for t, k in kaesten if min(k[:2]) < -2 or k[2] > breite + 2 or k[3] > hoehe + 2]
    return draussen + [(t1, t2) for i, (t1, k1) in enumerate(kaesten) for t2, k2 in kaesten[:i]
                       if min(k1[2], k2[2]) - max(k1[0], k2[0]) > 4 and min(k1[3], k2[3]) - max(k1[1], k2[1]) > 8]


def test_counts() -> None:
    assert list(alle(beispiel())) == list(ABBILDUNGEN)  # three offers, budget, staff, measures
    fehlt = set(ABBILDUNGEN) - set(alle(beispiel("BSP-FLUSS")))  # one offer without need groups
    assert fehlt == {"fallzahlen_je_angebot", "hbg_mix"}
    assert set(ABBILDUNGEN) - set(alle(replace(ohne_budget(beispiel()), korridor=None))) == {"abweichung", "korridor"}
    leer = [replace(s.personal, vk_anteilig=replace(s.personal.vk_anteilig, tage=None)) for s in beispiel().quartalsverlauf]
    staende = tuple(replace(s, personal=p) for s, p in zip(beispiel().quartalsverlauf, leer, strict=True))
    assert ABBILDUNGEN["personal"](replace(beispiel(), quartalsverlauf=staende)) is None


@pytest.mark.parametrize("key", ABBILDUNGEN)
def test_same_bytes_and_no_metadata(key: str) -> None:
    a = ABBILDUNGEN[key](beispiel())
    with mpl.rc_context({"font.size": 30, "text.usetex": True, "lines.antialiased": False, "savefig.dpi": 30,
                         "axes.autolimit_mode": "round_numbers", "hatch.linewidth": 5, "patch.linewidth": 9}):  # a user's settings
        b = ABBILDUNGEN[key](beispiel())
    assert a is not None and a == b
    bild = Image.open(BytesIO(a.png))
    assert bild.mode == "P" and not bild.info.keys() & {"Software", "Creation Time", "date", "dpi"}
    assert bild.convert("RGB").getpixel((0, 2 * a.hoehe - 1)) == (255, 255, 255)


def test_settings_are_left_alone() -> None:
    vorher = dict(mpl.rcParams)
    alle(beispiel())
    assert dict(mpl.rcParams) == vorher


def test_names_are_drawn_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """„$…$“ in names is no formula, a line break and a reversed direction are not drawn."""
    blaetter = gezeichnet(monkeypatch)
    alle(boese(beispiel()))
    texte = [t["text"] for blatt in blaetter for t in blatt.texte]
    assert any("$" in t for t in texte) and not any("\n" in t or "\u202e" in t for t in texte)


def test_alt_texts_carry_the_figures() -> None:
    x = beispiel()
    bilder = alle(x)
    letzter, e, p = x.verlauf[-1], x.abweichung.kumuliert.gesamt, x.quartalsverlauf[-1].personal
    assert f.zahl(letzter.plaetze, 1) in bilder["fallzahlen"].alt and f.zahl(letzter.plaetze_plan, 1) in bilder["fallzahlen"].alt
    dezember = next(q for q in x.trend.gesamt.prognose if q.periode == "2026-12")
    assert f"Prognose für Dezember 2026: {f.zahl(dezember.mittel, 1)}" in bilder["fallzahlen"].alt
    for angebot in x.angebote:
        assert angebot.bezeichnung in bilder["fallzahlen_je_angebot"].alt
        for gruppe, anteil in x.quartalsverlauf[-1].hbg[angebot.angebot_id].anteile.items():
            assert f"HBG {gruppe} {f.prozent(anteil, 0)}" in bilder["hbg_mix"].alt
    for euro in (e.soll_eur, e.ist_eur):
        assert f.euro(euro, 0) in bilder["abweichung"].alt
    assert f.euro(e.s_effekt_eur, 0, vorzeichen=True) in bilder["abweichung"].alt
    assert f"VK nötig {f.zahl(p.vk_soll, 1)}" in bilder["personal"].alt and f.prozent(p.fachkraftquote, 0) in bilder["personal"].alt
    assert f"{len(x.massnahmen.liste)}\u00a0Maßnahmen" in bilder["massnahmen"].alt


def test_alt_texts_say_once_what_is_and_next_what_is_open() -> None:
    """Of BSP-NORD three measures due on 31.03.2026 are finished; due next is an open one, in September."""
    x = beispiel()
    assert ABBILDUNGEN["massnahmen"](x).alt.endswith("Als Nächstes fällig am 30.09.2026: Gemeinsame Auswertung der Fallzahlen je Quartal.")
    assert "Als Nächstes" not in ABBILDUNGEN["massnahmen"](replace(x, massnahmen=replace(x.massnahmen, liste=tuple(
        replace(m, status="abgeschlossen") for m in x.massnahmen.liste)))).alt
    assert ABBILDUNGEN["korridor"](x).alt.count("Stand −0,9\u00a0%") == 1
    assert ABBILDUNGEN["personal"](kurz(x, 1)).alt.count("1. Quartal 2026") == 1


def test_like_with_like() -> None:
    """Where a budget covers only some offers, their line stands against the plan, and the basis says so."""
    x = beispiel("BSP-WEST")
    a = ABBILDUNGEN["fallzahlen"](x)
    im_budget = sum(x.verlauf[-1].je_angebot[b.angebot_id] for b in x.angebote if b.im_budget)
    assert a is not None and "Angebote im Budget" in a.basis and f"zuletzt {f.zahl(im_budget, 1)}" in a.alt
    mehrere = ABBILDUNGEN["fallzahlen"](viele_angebote(beispiel(), 5, im_budget=False))
    assert mehrere is not None and "keine Spanne" in mehrere.basis


def test_quarter_means_are_weighted_by_days() -> None:
    x = beispiel()
    zeile = ABBILDUNGEN["fallzahlen"](x).tabellen[0].zeilen[-1]  # type: ignore[union-attr]
    jan, feb, maerz = (m.plaetze for m in x.verlauf[-3:])
    assert zeile[:2] == ("1. Quartal 2026", (31 * jan + 28 * feb + 31 * maerz) / 90)
    assert zeile[1] == x.fallzahlen.quartal.gesamt.durchschnittlich_belegte_plaetze


def test_staff_difference_is_that_of_the_figures_shown() -> None:
    for traeger in ("BSP-NORD", "BSP-SUED", "BSP-FLUSS"):
        for _, vk, soll, differenz, *_ in ABBILDUNGEN["personal"](beispiel(traeger)).tabellen[0].zeilen:  # type: ignore[union-attr]
            assert differenz == f.runde(vk, 1) - f.runde(soll, 1)  # type: ignore[arg-type]


def test_neighbours_differ_in_lightness() -> None:
    for n in range(1, 13):
        grau = [sum(int(c[i:i + 2], 16) * g for i, g in ((1, .2126), (3, .7152), (5, .0722))) for c in style.rampe(n)]
        assert all(a - b > 8 for a, b in pairwise(grau)), n


def test_text_is_cut_to_its_width() -> None:
    assert style.kuerze("Ambulant betreutes Wohnen", 100).endswith("…") and style.textbreite(style.kuerze("W" * 400, 100)) <= 100
    assert style.kuerze("kurz") == "kurz" and style.kuerze("a\n\tb\u202ec 漢") == "a b c ?"
    assert style.kuerze("Mu\u0308nster") == "Münster"  # as some systems write it: a letter and its dots apart


def test_labels_move_apart() -> None:
    assert style.verteile([10, 11, 50], 15, 100) == [10, 25, 50]
    assert style.verteile([99, 98], 15, 100) == [100, 85]
