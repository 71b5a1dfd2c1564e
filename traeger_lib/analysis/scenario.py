"""What a change would cost: first step, more or fewer places of one offer and need group from a day to the year's end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from traeger_lib.analysis.budget import kein_entgelt
from traeger_lib.analysis.money import aus_cent
from traeger_lib.analysis.rates import KEIN, Entgelte
from traeger_lib.inputs.faults import Fehlerliste
from traeger_lib.inputs.schema import Bestand, zeilen


@dataclass(frozen=True, slots=True)
class Mehrbedarf:
    """betrag_eur = Σ days (places × rate of the day), to the cent; vk = places ÷ persons per VK (None without a key)."""

    plaetze: Decimal
    ab: date
    bis: date
    tage: int
    betrag_eur: Decimal
    vk: Fraction | None


def mehrbedarf(bestand: Bestand, angebot_id: str, hbg: str, plaetze: Decimal, ab: date) -> Mehrbedarf:
    """Cost of `plaetze` more (or fewer) average places from `ab` to the end of that year, at the rates known today.

    Raises Fehlerliste where a day has no agreed rate.
    """
    bis = date(ab.year, 12, 31)
    satz = Entgelte(bestand, ab, bis).ist(angebot_id, hbg).voll
    if (satz == KEIN).any():
        raise Fehlerliste([kein_entgelt(angebot_id, hbg, ab)])
    s = bestand["schluessel"]
    s = s[(s["angebot_id"] == angebot_id) & (s["hbg"] == hbg)].sort_values("gueltig_ab")
    keys = [k for k in zeilen(s) if k.gueltig_ab.date() <= bis]
    vk = Fraction(plaetze) / Fraction(keys[-1].personen_je_vk) if keys else None
    return Mehrbedarf(plaetze, ab, bis, len(satz), aus_cent(Fraction(plaetze) * int(satz.sum())), vk)
