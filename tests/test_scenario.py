"""The first scenario question, by hand: two places more from 1 July at a known rate."""

import json
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from traeger_lib import load
from traeger_lib.analysis.scenario import mehrbedarf
from traeger_lib.bench import platzfrage
from traeger_lib.inputs.faults import Fehlerliste

ROOT = Path(__file__).resolve().parents[1]


def test_two_places_from_july_2027_at_the_published_rate():
    """S3: 2 × 184 days × 29,64 = 10.907,52 €; key 1:10 → 0,2 VK."""
    b = load(ROOT / "data" / "aufsuchende_hilfe")
    m = mehrbedarf(b, b["angebote"]["angebot_id"].iloc[0], "ohne", Decimal(2), date(2027, 7, 1))
    assert (m.tage, m.betrag_eur, m.vk) == (184, Decimal("10907.52"), Fraction(1, 5))


def test_days_without_a_rate_are_a_fault():
    b = load(ROOT / "data" / "aufsuchende_hilfe")
    with pytest.raises(Fehlerliste, match="kein Entgelt"):
        mehrbedarf(b, b["angebote"]["angebot_id"].iloc[0], "ohne", Decimal(2), date(2026, 1, 1))


def test_the_bench_answers_at_once(beispiel):
    box = platzfrage(str(beispiel))
    felder, antwort = box.children
    plaetze = felder.children[3]
    vorher = antwort.value
    plaetze.value = 4
    assert "kosten bis 31.12.2026" in antwort.value and antwort.value != vorher


def test_the_notebook_opens_on_the_example():
    nb = json.loads((ROOT / "notebooks" / "szenario.ipynb").read_text())
    assert any("platzfrage(bestand)" in "".join(c["source"]) for c in nb["cells"])
