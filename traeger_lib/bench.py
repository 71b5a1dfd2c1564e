"""The analyst's bench: widgets around the same functions the report uses. Nothing is computed here."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from html import escape
from typing import Any

import ipywidgets as w

from traeger_lib.analysis.rates import gruppenrang
from traeger_lib.analysis.scenario import mehrbedarf
from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.inputs.reading import lies
from traeger_lib.reporting import formats as f


def platzfrage(bestand_pfad: str) -> w.Widget:
    """„Was kosten zwei Plätze mehr?“: provider, offer, need group, places and begin on the left, the answer on the right."""
    bestand, _ = lies(bestand_pfad)
    namen = dict(zip(bestand["traeger"]["name"], bestand["traeger"]["traeger_id"], strict=True))
    traeger = w.Dropdown(options=namen, description="Träger")
    angebot = w.Dropdown(description="Angebot")
    hbg = w.Dropdown(description="HBG")
    plaetze = w.BoundedFloatText(value=2, min=-100, max=100, step=0.5, description="Plätze")
    ab = w.DatePicker(value=date(bestand.datenstand.year, 7, 1), description="ab")
    antwort = w.HTML()

    def zeige_angebote(_: Any = None) -> None:
        a = bestand["angebote"]
        eigene = a[a["traeger_id"] == traeger.value]
        angebot.options = dict(zip(eigene["bezeichnung"], eigene["angebot_id"], strict=True))
        angebot.index = 0 if len(eigene) else None

    def zeige_gruppen(_: Any = None) -> None:
        e = bestand["entgelte"]
        hbg.options = sorted(set(e.loc[e["angebot_id"] == angebot.value, "hbg"]), key=gruppenrang)
        hbg.index = 0 if hbg.options else None

    def rechne(_: Any = None) -> None:
        if hbg.value is None or ab.value is None:
            return
        try:
            m = mehrbedarf(bestand, angebot.value, hbg.value, Decimal(str(plaetze.value)), ab.value)
        except TraegerFehler as e:
            antwort.value = f'<p role="alert"><strong>So geht es nicht:</strong> {escape(str(e))}</p>'
            return
        vk = f", nötig sind dafür {f.zahl(m.vk, 2)} VK" if m.vk is not None else ""
        antwort.value = (f"<p>{f.zahl(m.plaetze, 1, vorzeichen=True)} Plätze in HBG {escape(hbg.value)} ab {f.tag(m.ab)} kosten bis "
                         f"{f.tag(m.bis)} "
                         f"<strong>{f.euro(m.betrag_eur)}</strong> ({m.tage} Tage zum heute beschlossenen Entgelt){vk}.</p>")

    traeger.observe(zeige_angebote, "value")
    angebot.observe(zeige_gruppen, "value")
    for feld in (hbg, plaetze, ab):
        feld.observe(rechne, "value")
    zeige_angebote()
    zeige_gruppen()
    rechne()
    return w.HBox([w.VBox([traeger, angebot, hbg, plaetze, ab]), antwort])
