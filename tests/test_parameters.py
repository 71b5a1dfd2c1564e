"""Parameters are data: names and types of the notebook's parameters cell, ids by pattern; hashes that see every changed cell."""

import json
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from test_whole_or_absent import small_notebook

from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.inputs.reading import lies
from traeger_lib.inputs.schema import TABELLEN, zeilensummen
from traeger_lib.operations import batch, job

ROOT = Path(__file__).parents[1]
GANZ = lies(ROOT / "data" / "beispiel")[0]
# forty rows a table are enough to tell hashes apart; every provider keeps some
BEISPIEL = replace(GANZ, tabellen={n: f.iloc[:: max(1, len(f) // 40)].reset_index(drop=True) if TABELLEN[n].gehoert and n not in
                                   ("traeger", "angebote") else f for n, f in GANZ.tabellen.items()})
SUMMEN = BEISPIEL.pruefsummen()


@pytest.mark.parametrize(("parameter", "says"), [
    ("rueckblick_jare=3", "Den Parameter „rueckblick_jare“ gibt es nicht. Möglich sind: abschnitte, rueckblick_jahre."),
    ("x=1;import os", "„x“ gibt es nicht"), ("import os;x=1", "gibt es nicht"), ("traeger_id=BSP-NORD", "„traeger_id“ gibt es nicht"),
    ("bestand=/etc", "„bestand“ gibt es nicht"), ("rueckblick_jahre=drei", "muss eine ganze Zahl sein, nicht „drei“"),
    ("rueckblick_jahre=__import__('os')", "muss eine ganze Zahl sein"), ("rueckblick_jahre", "muss eine ganze Zahl sein, nicht „“")])
def test_a_wrong_parameter_is_told_before_anything_starts(traeger, tmp_path, beispiel, parameter, says):
    result = traeger("quarter", "2026Q1", beispiel, "--out", tmp_path / "aus", "-p", parameter)
    assert result.exit_code == 2 and says in result.output and not (tmp_path / "aus").exists()


def test_values_have_the_types_of_the_parameters_cell(tmp_path):
    cell = ("bestand = 'b'\ntraeger_id = 't'\nquartal = 'q'\nfrueherer_bestand = ''\ntext = 'x'\nzahl = 1.5\nganz = 2\nschalter = True\n"
            "abgeleitet = ganz + 1\nliste = [1]")
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell, metadata={"tags": ["parameters"]})],
                                  metadata={"kernelspec": {"name": "python3", "display_name": "P", "language": "python"}})
    nbformat.write(nb, tmp_path / "n.ipynb")
    werte = batch._parameter(tmp_path / "n.ipynb", {"text": "a'); 1", "zahl": "2.5", "ganz": "3", "schalter": "nein"})
    assert werte == {"text": "a'); 1", "zahl": 2.5, "ganz": 3, "schalter": False} and type(werte["schalter"]) is bool
    for name, text in (("abgeleitet", "1"), ("liste", "2"), ("zahl", "1,5"), ("schalter", "True")):
        with pytest.raises(TraegerFehler, match=name):
            batch._parameter(tmp_path / "n.ipynb", {name: text})
    nb.cells[0].source = "bestand = 'b'"
    nbformat.write(nb, tmp_path / "n.ipynb")
    with pytest.raises(TraegerFehler, match="fehlt: frueherer_bestand, quartal, traeger_id"):
        batch._parameter(tmp_path / "n.ipynb", {})


@pytest.mark.parametrize("kennung", ["", "..", "../X", "a/b", "/etc", "kLEIN", "A1\n", "A" * 33])
def test_a_job_has_an_id_by_pattern_so_its_paths_stay_inside_the_target(kennung):
    with pytest.raises(TraegerFehler, match="keine Kennung"):
        job.Auftrag(kennung, "n", "2026Q1", "b", "n.ipynb", "ziel", {})


def test_a_parameter_reaches_every_file_and_its_change_redoes_the_report(traeger, tmp_path, beispiel, monkeypatch):
    small_notebook(tmp_path / "klein.ipynb")
    monkeypatch.setattr(batch, "NOTEBOOK", tmp_path / "klein.ipynb")
    befehl = ("quarter", "2026Q1", beispiel, "--out", tmp_path / "aus", "--only", "BSP-SEE")
    assert traeger(*befehl).exit_code == 0
    result = traeger(*befehl, "-p", "rueckblick_jahre=3")
    assert result.exit_code == 0 and "BSP-SEE: fertig (geändert: Einstellungen)" in result.output
    ordner = tmp_path / "aus" / "BSP-SEE"
    werte = yaml.safe_load((ordner / "parameter.yaml").read_text())
    assert werte == {"bestand": str(beispiel), "traeger_id": "BSP-SEE", "quartal": "2026Q1", "frueherer_bestand": "",
                     "rueckblick_jahre": 3}
    assert json.loads((ordner / "kennzahlen.json").read_text())["trend"]["gesamt"]["rueckblick_jahre"] == 3
    assert "rueckblick_jahre = 3" in (ordner / "bericht.html").read_text()
    assert ": unverändert" in traeger(*befehl, "-p", "rueckblick_jahre=3").output
    # plain papermill makes the same cells from the file
    subprocess.run([sys.executable, "-m", "papermill", str(tmp_path / "klein.ipynb"), str(tmp_path / "x.ipynb"), "-f",
                    str(ordner / "parameter.yaml"), "--no-progress-bar"], check=True, capture_output=True, timeout=120)
    seiten = [[o["data"]["text/html"] for c in json.loads(p.read_text())["cells"] for o in c.get("outputs", []) if "data" in o]
              for p in (tmp_path / "x.ipynb", ordner / "bericht.ipynb")]
    assert seiten[0] == seiten[1] and len(seiten[0]) >= 2


def test_one_pass_over_the_tables_gives_every_providers_own_hash():
    assert {i: replace(BEISPIEL.nur(i)).pruefsumme() for i in SUMMEN} == SUMMEN and len(set(SUMMEN.values())) == len(SUMMEN)


def test_no_provider_is_not_all_of_them():
    for name in ("", "BSP"):
        with pytest.raises(KeyError):
            BEISPIEL.nur(name)
    assert BEISPIEL.nur("BSP-SEE").nur("BSP-SEE").traeger_ids == ["BSP-SEE"]


def with_table(name, frame):
    return replace(BEISPIEL, tabellen={**BEISPIEL.tabellen, name: frame})


TABLES = [n for n, f in BEISPIEL.tabellen.items() if len(f)]


@given(st.sampled_from(TABLES), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_a_rows_hash_is_its_own_whatever_stands_around_it(name, seed):
    frame, zufall = BEISPIEL[name], np.random.default_rng(seed)
    wahl = zufall.permutation(len(frame))[: zufall.integers(1, len(frame) + 1)]
    assert (zeilensummen(frame.iloc[wahl].reset_index(drop=True)) == zeilensummen(frame)[wahl]).all()


OWN = [n for n in TABLES if TABELLEN[n].gehoert and n not in ("traeger", "angebote")]  # rows that are one provider's


def owner(name, frame):
    a = BEISPIEL["angebote"]
    return frame["traeger_id"] if TABELLEN[name].gehoert == "traeger_id" else frame["angebot_id"].map(
        dict(zip(a["angebot_id"], a["traeger_id"], strict=True)))


@given(st.sampled_from(OWN), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_rows_of_others_in_between_change_no_hash(name, seed):
    frame = BEISPIEL[name]
    wem = owner(name, frame).to_numpy()
    schluessel = np.random.default_rng(seed).random(len(frame))
    for i in set(wem):  # a random order of all rows that keeps each provider's own order
        schluessel[wem == i] = np.sort(schluessel[wem == i])
    assert with_table(name, frame.iloc[np.argsort(schluessel)].reset_index(drop=True)).pruefsummen() == SUMMEN


OTHER = {"datetime64[s]": pd.Timestamp(1999, 12, 31), "boolean": True, "Int64": 77, "object": Decimal("7.770"), "str": "neu\x1f"}


@given(st.sampled_from(OWN), st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=25, deadline=None)
def test_a_changed_cell_changes_the_hash_of_its_provider_and_of_no_other(name, seed, leer):
    frame, zufall = BEISPIEL[name].copy(), np.random.default_rng(seed)
    spalten = ["rolle"] if name == "verteiler" else [c for c in frame if c != TABELLEN[name].gehoert]  # others not hashed
    zeile, spalte = int(zufall.integers(len(frame))), str(zufall.choice(spalten))
    alt, neu = frame.at[zeile, spalte], None if leer else OTHER[str(frame[spalte].dtype)]
    if (pd.isna(alt) and leer) or (not pd.isna(alt) and alt == neu):
        neu = OTHER[str(frame[spalte].dtype)] if leer else None
    wer = owner(name, frame)[zeile]
    frame.at[zeile, spalte] = neu
    summen = with_table(name, frame).pruefsummen()
    assert {i for i in SUMMEN if summen[i] != SUMMEN[i]} == {wer}, (name, spalte, alt, neu)


def test_decimals_that_are_shown_differently_are_different():
    frame = pd.DataFrame({"a": pd.Series([Decimal("1.0"), Decimal("1.00"), None], dtype=object)})
    assert len(set(zeilensummen(frame))) == 3
