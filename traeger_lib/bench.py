"""The analyst's bench: widgets around the scenario's description and result. Nothing is computed or worded here.

Left what is assumed, right what follows. Every input has a label with its unit, a reset beside it and a place for its fault below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from html import escape
from math import inf
from pathlib import Path
from typing import Any

import ipywidgets as w

from traeger_lib.analysis.analyse import Analyse
from traeger_lib.analysis.rates import gruppenrang
from traeger_lib.analysis.scenario import ARTEN, BASEN, GESAMT, HORIZONT_MAX, ZIEHUNGEN_MAX, Aenderung, Feld, Szenario
from traeger_lib.analysis.scenario_money import Rechnung
from traeger_lib.analysis.scenario_result import Ergebnis, rechne
from traeger_lib.inputs.faults import Fehlerliste, TraegerFehler, systemgrund
from traeger_lib.inputs.reading import lies as lies_bestand
from traeger_lib.operations import szenario as ablage
from traeger_lib.reporting import szenario as bild
from traeger_lib.reporting.html import vorlage

SZENARIEN_MAX = 5
KOPF = ("traeger_id", "quartal", "basis", "horizont", "ziehungen", "seed")
REGLER_SCHRITTE = 50  # a slider spans at most so many steps to either side; typing goes further
OHNE_RAHMEN = (inf, -inf)
_BREIT, _FEST = w.Layout(width="98%"), w.Layout(flex="0 0 auto", width="auto")


def _kasten(text: str) -> str:
    return f'<div class="tb-fehler" role="alert">{escape(text)}</div>' if text else ""


def _knopf(text: str, tun: Callable[[], None], erklaerung: str = "") -> w.Button:
    knopf = w.Button(description=text, tooltip=erklaerung or text, layout=_FEST)
    knopf.on_click(lambda _: tun())
    return knopf


class Eingabe:
    """One input: widget, slider beside a number, reset, and below it what is today and its fault."""

    def __init__(self, feld: Feld, wert: Any, optionen: Mapping[str, Any], melde: Callable[[], None]) -> None:
        self.feld, self.start, self._melde, self._still = feld, wert, melde, False
        name = f"{feld.name} ({feld.einheit})" if feld.einheit else feld.name
        mit_regler = feld.art == "zahl" and feld.standard != ""
        mehr = {"description": name, "style": {"description_width": "9.5rem" if feld.art == "zahl" else "6rem"},
                "layout": w.Layout(width="15.5rem") if mit_regler else w.Layout(flex="1 1 auto", width="0")}
        self.regler: w.FloatSlider | None = None
        if feld.art == "janein":
            self.eingabe: Any = w.Checkbox(value=wert, **mehr)
        elif feld.art in ("auswahl", "angebot", "hbg"):
            da = {**({"alle": ""} if feld.standard == "" else {}), **optionen}
            self.eingabe = w.Dropdown(options=da | ({} if wert in da.values() else {str(wert): wert}), value=wert, **mehr)
            w.dlink((self.eingabe, "label"), (self.eingabe, "tooltip"))  # what does not fit can still be read
        else:
            self.eingabe = w.Text(value=bild.kurz(wert), placeholder="TT.MM.JJJJ" if feld.art == "datum" else "", **mehr)
        if mit_regler:
            weite = REGLER_SCHRITTE * 2 * feld.schritt if feld.unten >= 0 else REGLER_SCHRITTE * feld.schritt
            von, bis = max(feld.unten, min(-weite, float(wert))), min(feld.oben, max(weite, float(wert)))
            self.regler = w.FloatSlider(value=float(wert), min=von, max=bis, step=feld.schritt, readout=False, tooltip=name,
                                        layout=w.Layout(flex="1 1 auto", width="0"))
            self.regler.observe(self._vom_regler, "value")
        self.fehler, self.heute = w.HTML(), w.HTML()
        zurueck = _knopf("zurücksetzen", lambda: self.setze(self.start), f"{name} zurücksetzen")
        zeile = [self.eingabe, *([self.regler] if self.regler else []), zurueck]
        self.kasten = w.VBox([w.HBox(zeile, layout=w.Layout(justify_content="space-between")), *[self.heute] * mit_regler, self.fehler])
        self.eingabe.observe(self._vom_feld, "value")

    @property
    def wert(self) -> Any:
        """The value; a ValueError says in German what is wrong with it."""
        x = self.eingabe.value.strip() if isinstance(self.eingabe, w.Text) else self.eingabe.value
        if x == "" == self.feld.standard:
            return x
        if self.feld.art == "datum":
            try:
                return datetime.strptime(x, "%d.%m.%Y").date()
            except ValueError:
                raise ValueError("Bitte ein Datum eingeben, etwa 01.07.2026.") from None
        if self.feld.art == "zahl":
            text = x.replace("−", "-").replace("+", "")
            if not re.fullmatch(r"-?\d+(,\d+)?", text):
                raise ValueError("Bitte eine Zahl mit Komma eingeben, etwa 2,5 (ohne Tausenderpunkt).")
            return Decimal(text.replace(",", "."))
        return x

    def setze(self, wert: Any) -> None:
        self.eingabe.value = bild.kurz(wert) if isinstance(self.eingabe, w.Text) else wert

    def _vom_regler(self, aenderung: Any) -> None:
        if not self._still:
            self.setze(Decimal(str(round(aenderung.new, 6))))

    def _vom_feld(self, _: Any) -> None:
        if self.regler:
            with suppress(ValueError):  # shown at the field by whoever asks for the value
                x, self._still = float(self.wert), True
                self.regler.min, self.regler.max = min(self.regler.min, x), max(self.regler.max, x)
                self.regler.value = x
            self._still = False
        self._melde()


class Werkbank:
    """The bench over one Bestand; `anzeige` is what a notebook shows, `ergebnis` what the page says."""

    def __init__(self, bestand: str, szenario: str = "", ordner: str = "../parameterized_runs/szenarien") -> None:
        self.ordner, self._still = Path(ordner), True
        self.szenarien: list[Szenario] = []
        self.nr, self._rahmen, self._anfang = 0, OHNE_RAHMEN, szenario
        self.ergebnis: Ergebnis | None = None
        self._zeilen: list[tuple[w.Checkbox, dict[str, Eingabe]]] = []
        self._baue()
        self.felder["bestand"].value = bestand
        self._still = False
        self._versuche(self._oeffne)

    # ── widgets ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _baue(self) -> None:
        stil = {"style": {"description_width": "6rem"}, "layout": _BREIT}
        self.felder: dict[str, Any] = {
            "bestand": w.Text(description="Bestand", continuous_update=False, **stil),
            "traeger_id": w.Dropdown(description="Träger", **stil), "angebot": w.Dropdown(description="Angebot", **stil),
            "quartal": w.Text(description="Quartal", continuous_update=False, **stil),
            "basis": w.Dropdown(description="Basis", options={t: k for k, t in BASEN.items()}, **stil),
            "horizont": w.BoundedIntText(description="Jahre", min=1, max=HORIZONT_MAX, **stil),
            "ziehungen": w.BoundedIntText(description="Zufallsläufe", min=100, max=ZIEHUNGEN_MAX, step=100, **stil),
            "seed": w.BoundedIntText(description="Startwert", min=0, max=2**31, **stil)}
        self.wahl, self.name = w.Dropdown(description="Szenario", **stil), w.Text(description="Name", continuous_update=False, **stil)
        self.jahr = w.Dropdown(description="Jahr", layout=w.Layout(width="12rem"), style={"description_width": "3rem"})
        self.neu = w.Dropdown(options={a.name: k for k, a in ARTEN.items()}, description="Änderung", **stil)
        self.dateien = w.Dropdown(description="Datei", **stil)
        self.zeilen, self.meldung, self.fehler = w.VBox(layout=_BREIT), w.HTML(), w.HTML()
        self.satz, self.bilder, self.tabellen, self.vergleich = (w.HTML(layout=_BREIT) for _ in range(4))
        for name, x in (self.felder | {"nr": self.wahl, "name": self.name}).items():
            x.observe(lambda a, name=name: None if self._still else self._versuche(lambda: self._kopf(name, a.new)), "value")
        self.jahr.observe(lambda a: None if self._still else self._male(), "value")

        def knopf(text: str, tun: Callable[[], None]) -> w.Button:
            return _knopf(text, lambda: self._versuche(tun))

        def feld(k: str) -> w.HBox:
            x = self.felder[k]
            x.layout = w.Layout(flex="1 1 auto", width="0")
            zurueck = _knopf("zurücksetzen", lambda: setattr(x, "value", self._start[k]), f"{x.description} zurücksetzen")
            return w.HBox([x, zurueck], layout=_BREIT)

        def gruppe(titel: str, *inhalt: Any) -> w.VBox:
            return w.VBox([w.HTML(f'<h2 class="tb-titel">{titel}</h2>'), *inhalt], layout=_BREIT)
        links = w.VBox([
            gruppe("Worum geht es?", *map(feld, ("bestand", "traeger_id", "angebot", "quartal", "basis", "horizont"))),
            gruppe("Was wird angenommen?", w.HBox([self.neu, knopf("Hinzufügen", self._hinzu)]), self.zeilen),
            gruppe("Szenarien", self.wahl, self.name,
                   w.HBox([knopf("Neu", lambda: self._dazu(f"Szenario {len(self.szenarien) + 1}")),
                           knopf("Duplizieren", lambda: self._dazu(f"{self.s.name} (Kopie)", *self.s.aenderungen)),
                           knopf("Schließen", self._schliesse)]),
                   w.HBox([knopf("Speichern", self._speichere), knopf("Als Excel und HTML exportieren", self.exportiere)]),
                   w.HBox([self.dateien, knopf("Laden", self._lade)]), feld("ziehungen"), feld("seed"), self.meldung)])
        rechts = w.VBox([self.fehler, self.satz, self.jahr, self.bilder, self.tabellen, self.vergleich])
        links.add_class("tb-links")
        rechts.add_class("tb-rechts")
        self.anzeige = w.VBox([w.HTML(f"<style>{vorlage('werkbank.css')}</style>"), w.HBox([links, rechts])])
        self.anzeige.add_class("tb-werkbank")

    def _versuche(self, tun: Callable[[], None]) -> None:
        """Run a step; a user's mistake becomes a German box, never a traceback."""
        try:
            if not self.szenarien and tun != self._oeffne:
                raise TraegerFehler("Es ist kein Bestand geöffnet. Bitte oben den Ordner der Daten angeben.")
            tun()
        except TraegerFehler as e:
            self.fehler.value = _kasten(str(e))
        except OSError as e:
            self.fehler.value = _kasten(f"{e.filename or 'Die Datei'} lässt sich nicht lesen oder schreiben: {systemgrund(e)}.")

    # ── data and scenarios ──────────────────────────────────────────────────────────────────────────────────────

    def _oeffne(self) -> None:
        """Read the Bestand that the field names and begin with one scenario."""
        pfad = self.felder["bestand"].value
        s = ablage.lies(Path(self._anfang)) if self._anfang else None
        self.bestand, _ = lies_bestand(pfad)
        stand, ids = self.bestand.datenstand, self.bestand.traeger_ids
        n = stand.year * 4 + (stand.month - 1) // 3 - ((stand.month % 3 != 0) or stand.day < 28)  # the last quarter that is over
        self.szenarien, self._anfang = [s or Szenario("Szenario 1", ids[0], f"{n // 4}Q{n % 4 + 1}")], ""
        self._start = {"bestand": pfad, "angebot": GESAMT, **{k: getattr(self.s, k) for k in KOPF}}
        self._still = True
        self.felder["traeger_id"].options = sorted(zip(self.bestand["traeger"]["name"], self.bestand["traeger"]["traeger_id"], strict=True))
        self._still = False
        self._analyse = lru_cache(maxsize=3)(lambda t, q: ablage.analyse_von(pfad, t, q))
        self._rechnung = lru_cache(maxsize=6)(lambda t, q, b, h: Rechnung(self._analyse(t, q), b, h))
        self._ergebnis = lru_cache(maxsize=32)(lambda s: rechne(self._rechnung(s.traeger_id, s.quartal, s.basis, s.horizont), s))
        self._liste()
        self._zeige(0)

    @property
    def s(self) -> Szenario:
        return self.szenarien[self.nr]

    def _ersetze(self, s: Szenario) -> None:
        """Put a scenario in the place of the current one and show it."""
        self.szenarien[self.nr] = s
        self._zeige(self.nr)

    @property
    def rechnung(self) -> Rechnung:
        return self._rechnung(self.s.traeger_id, self.s.quartal, self.s.basis, self.s.horizont)

    @property
    def analyse(self) -> Analyse:
        return self._analyse(self.s.traeger_id, self.s.quartal)

    @property
    def namen(self) -> Mapping[str, str]:
        return ablage.namen(self.analyse)

    def _kopf(self, feld: str, wert: Any) -> None:
        """An input of the head, the choice of a scenario or its name has changed."""
        self.meldung.value = ""
        if feld == "bestand":
            self._oeffne()
        elif feld == "nr":
            self._zeige(wert)
        elif feld == "angebot":
            self._rahmen = OHNE_RAHMEN
            self._male()
        else:
            if feld == "traeger_id":  # changes that name an offer of the other provider make no sense here
                bleibt = tuple(x for x in self.s.aenderungen if "angebot_id" not in ARTEN[x.art].felder)
                self.szenarien[self.nr] = replace(self.s, aenderungen=bleibt)
            neu: dict[str, Any] = {feld: wert.strip() or "Szenario" if feld == "name" else wert}
            self._ersetze(replace(self.s, **neu))

    def _zeige(self, nr: int) -> None:
        """Show a scenario: fill every input from it, build its rows, compute."""
        self.nr, self._rahmen, s = nr, OHNE_RAHMEN, self.szenarien[nr]
        a, self._still = self.analyse, True
        self.wahl.options = [(f"{i} {x.name}", i - 1) for i, x in enumerate(self.szenarien, 1)]
        self.wahl.value = nr
        for k in KOPF:
            self.felder[k].value = getattr(s, k)
        vorher = self.felder["angebot"].value
        self.felder["angebot"].options = [("alle Angebote im Budget", GESAMT), *((self.namen[x], x) for x in a.im_budget)]
        self.felder["angebot"].value = vorher if vorher in a.im_budget else GESAMT
        self.name.value = s.name
        self.jahr.options = list(range(a.quartal.jahr, a.quartal.jahr + s.horizont))
        self.jahr.value = bild.leitjahr(s)
        self._still = False
        self._baue_zeilen()
        self._male()

    def _baue_zeilen(self) -> None:
        neue = {x["angebot_id"]: x["angebot_id"] for x in self.s.aenderungen if x.art == "angebot"}
        optionen = {"angebot": {self.namen[x]: x for x in self.analyse.im_budget} | neue,
                    "hbg": {h: h for h in sorted({h for _, h in self.rechnung.gruppen}, key=gruppenrang)}}
        self._zeilen, kaesten = [], []
        for i, x in enumerate(self.s.aenderungen):
            art = ARTEN[x.art]
            an = w.Checkbox(value=x.an, description=f"{i + 1} {art.name}", indent=False, layout=w.Layout(flex="1 1 auto", width="0"))
            weg = _knopf("entfernen", partial(self._versuche, partial(self._entferne, i)), f"Änderung {i + 1} entfernen")
            an.observe(lambda _: self._aus_zeilen(), "value")
            felder = {k: Eingabe(f, x[k], optionen.get(f.art, {y: y for y in f.werte}), self._aus_zeilen) for k, f in art.felder.items()}
            self._zeilen.append((an, felder))
            kaesten.append(w.VBox([w.HBox([an, weg]), *(f.kasten for f in felder.values())]))
            kaesten[-1].add_class("tb-zeile")
        self.zeilen.children = kaesten

    def _aus_zeilen(self) -> None:
        """Read every row; faults stay at their fields, and what was shown stays until they are mended."""
        if self._still:
            return
        neu, gut = [], True
        for x, (an, felder) in zip(self.s.aenderungen, self._zeilen, strict=True):
            werte = {}
            for k, feld in felder.items():
                feld.fehler.value = ""
                try:
                    werte[k] = feld.wert
                except ValueError as e:
                    feld.fehler.value, gut = _kasten(str(e)), False
            neu.append(replace(x.mit(**werte), an=an.value))
        if not gut:
            self.fehler.value = _kasten("Bitte die markierten Felder berichtigen. Bis dahin steht hier der letzte gültige Stand.")
        else:
            self.szenarien[self.nr] = replace(self.s, aenderungen=tuple(neu))
            self._male()

    # ── what follows ────────────────────────────────────────────────────────────────────────────────────────────

    def _rechne(self, s: Szenario) -> Ergebnis | None:
        """The result; None where the scenario is impossible: the faults of the one that is shown then stand at their fields."""
        try:
            return self._ergebnis(self._gepruefte(s))
        except Fehlerliste as fehler:
            if s is not self.s:
                return None
            for f in fehler.fehler:
                nr, _, feld = f.art.partition(".")
                ort = self._zeilen[int(nr) - 1][1].get(feld) if nr.isdigit() and int(nr) else None
                if ort:
                    ort.fehler.value = _kasten(f"{f.grund} {f.abhilfe}".strip())
                else:
                    self.fehler.value += _kasten(str(f))
        except TraegerFehler as fehler:
            self.fehler.value = _kasten(str(fehler))
        return None

    def _male(self) -> None:
        self.fehler.value = ""
        if (e := self._rechne(self.s)) is None:
            return
        self.ergebnis, angebot = e, self.felder["angebot"].value
        for wandel, (_, felder) in zip(self.s.aenderungen, self._zeilen, strict=True):
            felder[ARTEN[wandel.art].haupt].heute.value = f'<div class="tb-heute">{escape(bild.jetzt(self.rechnung, wandel))}</div>'
        j = next((x for x in e.jahre if x.jahr == self.jahr.value), e.jahre[-1])
        (lo, hi), (unten, oben) = self._rahmen, bild.grenzen(e, angebot)
        self._rahmen = min(lo, unten), max(hi, oben)  # the axis grows, and never jumps back while dragging
        hinweise = "".join(f"<li>{escape(t)}</li>" for t in e.hinweise)
        marke = '<p class="tb-marke">Erfundene Beispieldaten.</p>' if self.bestand.erfunden else ""
        self.satz.value = f'{marke}<p class="tb-satz" role="status">{escape(bild.satz(e, j, self.namen))}</p>'
        self.bilder.value = bild.verlauf(e, self.namen, angebot, self._rahmen) + bild.wasserfall(e, j) + bild.tornado(e, j)
        t = list(bild.tabellen(e, j.jahr, self.namen).values())
        self.tabellen.value = "".join(x.html() for x in t[:2]) + (
            f'<details><summary>Beiträge, HBG-Mix, Grenzen</summary>{"".join(x.html() for x in t[2:])}</details>'
            f'<details><summary>Monate und Raten</summary>{bild.monatstabelle(e).html()}</details>'
            f"<details><summary>Hinweise</summary><ul>{hinweise}</ul></details>")
        alle = [x for s in self.szenarien if s.traeger_id == self.s.traeger_id and (x := self._rechne(s))]
        self.vergleich.value = "" if len(alle) < 2 else (
            '<h2 class="tb-titel">Szenarien nebeneinander</h2>' + bild.nebeneinander(alle, self.namen, angebot)
            + bild.vergleich(alle, j.jahr).html())

    def _gepruefte(self, s: Szenario) -> Szenario:
        """The scenario as its file would give it: the same checks as for `traeger scenario run`."""
        return ablage.lies_text(ablage.als_toml(s), s.name)

    # ── buttons ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _hinzu(self) -> None:
        """Add a change of the chosen kind, with values to begin with where a field must have one."""
        art, gewaehlt = self.neu.value, self.felder["angebot"].value
        angebot = next(iter(self.analyse.im_budget), "") if gewaehlt == GESAMT else gewaehlt
        hbg = [h for x, h in self.rechnung.gruppen if x == angebot] or [""]
        mitte = len(hbg) // 2
        anfang: dict[str, Any] = {"angebot": angebot, "hbg": hbg[mitte], "datum": date(self.analyse.quartal.jahr, 7, 1), "text": "Projekt"}
        werte = {k: anfang.get(f.art, max(Decimal(str(f.unten)), Decimal(0))) for k, f in ARTEN[art].felder.items() if f.standard is None}
        fest: dict[str, dict[str, Any]] = {
            "verlagerung": {"nach_hbg": hbg[mitte - 1]}, "korridor": {"unten_prozent": Decimal(5), "oben_prozent": Decimal(5)},
            "schluessel": {"personen_je_vk": Decimal(10)}, "angebot": {"angebot_id": "NEU-1"}}
        neu = Aenderung(art, tuple(sorted((werte | fest.get(art, {})).items())))
        self._ersetze(replace(self.s, aenderungen=(*self.s.aenderungen, neu)))

    def _entferne(self, i: int) -> None:
        self._ersetze(replace(self.s, aenderungen=self.s.aenderungen[:i] + self.s.aenderungen[i + 1:]))

    def _dazu(self, name: str, *aenderungen: Aenderung) -> None:
        """One more scenario, on the basis of the current one."""
        if len(self.szenarien) >= SZENARIEN_MAX:
            raise TraegerFehler(f"Es sind schon {SZENARIEN_MAX} Szenarien offen. Bitte zuerst eines schließen.")
        self.szenarien.append(replace(self.s, name=name, aenderungen=aenderungen))
        self._zeige(len(self.szenarien) - 1)

    def _schliesse(self) -> None:
        if len(self.szenarien) > 1:
            del self.szenarien[self.nr]
            self._zeige(max(self.nr - 1, 0))

    def _liste(self) -> None:
        dateien = sorted(self.ordner.glob("*.toml")) + sorted(self.ordner.glob("*/*.toml"))
        self.dateien.options = [(p.relative_to(self.ordner).as_posix(), p) for p in dateien]

    def _speichere(self) -> None:
        pfad = ablage.speichere(self._gepruefte(self.s), self.ordner)
        self._liste()
        self.dateien.value = pfad
        self._sage(f"Gespeichert: {pfad}")

    def _lade(self) -> None:
        if self.dateien.value is None:
            raise TraegerFehler(f"In {self.ordner} liegt noch kein Szenario.")
        s = ablage.lies(self.dateien.value)
        if s.traeger_id not in self.bestand.traeger_ids:
            raise TraegerFehler(f"Den Träger {s.traeger_id} gibt es in diesem Bestand nicht.")
        self._ersetze(s)
        self._sage(f"Geladen: {self.dateien.value}")

    def exportiere(self, ordner: str = "") -> None:
        """Write what the page says: description, JSON, page, workbook; without `ordner` beside the scenarios, under its name."""
        if self.ergebnis is None:
            raise TraegerFehler("Es gibt noch kein Ergebnis.")
        pfade = ablage.schreibe(self.ergebnis, self.analyse, Path(ordner) if ordner else self.ordner / ablage.dateiname(self.s.name))
        self._sage("Geschrieben: " + ", ".join(map(str, pfade)))

    def _sage(self, text: str) -> None:
        self.meldung.value = f'<p class="tb-marke" role="status">{escape(text)}</p>'
