"""How places differ: which rates a provider is paid by and whether expected growth is in its budget. Data, not forks in the code.

A new model is one entry; a new kind of rate is one function in `rates` and one entry in ENTGELTMODELLE there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Modell:
    """`entgelt`: key of rates.ENTGELTMODELLE; `wachstum`: expected growth is part of the derivation; `gespraeche_im_jahr`: how often
    the parties meet, 4 or 2."""

    entgelt: str = "je_hbg"
    wachstum: bool = False
    gespraeche_im_jahr: int = 4


MODELLE: dict[str, Modell] = {
    "Bremen": Modell(), "Bremerhaven": Modell(), "Braunschweig": Modell(), "Rheinland-Pfalz": Modell(),
    "Hamburg": Modell(wachstum=True, gespraeche_im_jahr=2),  # Menge × Preis + Projekte, five-year frame, growth included (S2)
    "Nordfriesland": Modell(entgelt="mittelwert"),  # „Mittelwert der Leistungskosten als Maßnahmepauschale“ (S1)
}
STANDARD = "Bremen"


def modell(name: str | None) -> Modell:
    """The model of a provider; an empty or unknown name counts as Bremen (an unknown one is told in the Hinweise)."""
    return MODELLE.get(name or STANDARD, MODELLE[STANDARD])
