"""The dates of a quarter: hand-worked days, what is late, and an .ics file as RFC 5545 wants it."""

import re
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kleinbestand import bestand, grund

from traeger_lib.analysis.periods import Quartal
from traeger_lib.operations import folder
from traeger_lib.operations import manifest as m
from traeger_lib.operations.calendar import Frist, als_ics, fristen, zeilen

Q = Quartal.aus("2026Q1")


def termine():
    termin = {"traeger_id": "T1", "quartal": "2026Q1", "termin": date(2026, 5, 4), "ort": "Haus, Hof; 1"}
    return bestand(**grund("A1"), termine=[termin])


def entgelt(bis):
    return {"angebot_id": "A1", "hbg": "1", "gueltig_ab": date(2026, 1, 1), "gueltig_bis": bis, "grundpauschale": Decimal(1),
            "massnahmepauschale": Decimal(1), "investitionsbetrag": Decimal(0)}


@pytest.mark.parametrize(("heute", "ging", "erwartet"), [
    (date(2026, 4, 20), None, "offen, in 4\u00a0Tagen"), (date(2026, 4, 24), None, "offen, heute"),
    (date(2026, 4, 25), None, "überfällig seit 1\u00a0Tag"), (date(2026, 5, 10), "2026-04-24", "versandt am 24.04.2026"),
    (date(2026, 5, 10), "2026-04-27", "versandt am 27.04.2026, 3\u00a0Tage zu spät")])
def test_report_and_scorecard_go_out_ten_days_before_the_meeting(tmp_path, heute, ging, erwartet):
    (tmp_path / "T1").mkdir()
    if ging:
        m.schreibe_json(tmp_path / "T1" / m.VERSANDT, {"am": ging})
    alle = fristen(termine(), Q, tmp_path, heute)
    assert [(x.tag, x.was) for x in alle] == [
        (date(2026, 3, 31), "Berichtsunterlagen für 2025 einreichen (wo vereinbart)"), (date(2026, 4, 24), "Bericht und BSC versenden"),
        (date(2026, 5, 4), "Steuerungsgespräch 1. Quartal 2026")]
    assert alle[1].stand == erwartet and alle[2].ort == "Haus, Hof; 1"
    assert zeilen(alle)[0] == ("1\u00a0Bericht ist überfällig." if "überfällig" in erwartet else "Nichts ist überfällig.")


def test_a_correction_that_waits_makes_nothing_late(tmp_path):
    for name, am, fassung in (("T1.fassung-1", "2026-04-20", 1), ("T1.fassung-2", "2026-04-28", 2), ("T1", "", 3)):
        (tmp_path / name).mkdir()
        m.schreibe_json(tmp_path / name / "manifest.json", {"fassung": fassung})
        if am:
            m.schreibe_json(tmp_path / name / m.VERSANDT, {"am": am})
    frist, gespraech = (x.stand for x in fristen(termine(), Q, tmp_path, date(2026, 5, 5))[1:])
    assert (frist, gespraech) == ("versandt am 20.04.2026", "Termin vorbei")  # the first version kept the date
    assert folder.vorgeschichte(tmp_path / "T1") == "Fassung 3, Korrektur; Fassung 2 ging am 28.04.2026 hinaus"


def test_contract_dates_where_given_and_a_missing_meeting_is_said(tmp_path):
    traeger = [{"traeger_id": "T1", "name": "Träger Muster", "budget_beginn": date(2026, 6, 1)}]
    entgelte = [entgelt(date(2026, 6, 30)), entgelt(date(2026, 12, 31)) | {"hbg": "2"}]
    b = bestand(**grund("A1") | {"traeger": traeger}, entgelte=entgelte)
    assert [(str(x.tag), x.was, x.stand) for x in fristen(b, Q, tmp_path, date(2026, 12, 1))] == [
        ("2026-03-31", "Berichtsunterlagen für 2025 einreichen (wo vereinbart)", "seit 245\u00a0Tagen vorbei"),
        ("2026-06-01", "Das Budget beginnt", "seit 183\u00a0Tagen vorbei"),
        ("2026-11-19", "Kündigungsfrist der Entgelte, sechs Wochen (wo vereinbart): A1", "seit 12\u00a0Tagen vorbei"),
        ("2026-12-31", "Vereinbarte Entgelte enden: A1", "in 30\u00a0Tagen"),
        ("None", "Steuerungsgespräch 1. Quartal 2026", "kein Termin eingetragen")]
    offen = bestand(**grund("A1"), entgelte=[entgelt(date(2026, 6, 30)), entgelt(None) | {"hbg": "2"}])
    assert not any("Entgelte" in x.was for x in fristen(offen, Q, tmp_path, date(2026, 12, 1)))  # they run on


def lies_ics(roh: bytes):
    """Events of an iCalendar file: unfold, split, unescape (RFC 5545, 3.1 and 3.3.11)."""
    assert roh.endswith(b"\r\n") and b"\n" not in roh.replace(b"\r\n", b"")
    assert all(len(z) <= 75 for z in roh.split(b"\r\n"))
    for z in roh.split(b"\r\n"):
        z.decode()  # no character is cut in two
    text = roh.decode().replace("\r\n ", "")
    assert text.startswith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:") and text.endswith("END:VCALENDAR\r\n")
    return [{k: re.sub(r"\\(.)", r"\1", w) for k, w in (z.split(":", 1) for z in e.split("\r\n") if ":" in z)}
            for e in re.findall(r"BEGIN:VEVENT\r\n(.*?)END:VEVENT", text, re.S)]


@given(st.lists(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=90), min_size=2, max_size=2))
def test_any_text_survives_the_calendar_file(texte):
    name, ort = texte
    alle = [Frist(date(2026, 12, 31), "T1", name, "Gespräch", ort), Frist(None, "T1", name, "ohne Tag")]
    e, = lies_ics(als_ics(alle, Q, date(2026, 3, 31)))
    assert e["SUMMARY"] == f"Gespräch – {name}" and e["LOCATION"] == ort
    assert (e["DTSTART;VALUE=DATE"], e["DTEND;VALUE=DATE"], e["DTSTAMP"]) == ("20261231", "20270101", "20260331T000000Z")


def test_the_command_prints_and_writes_the_same_file_twice(traeger, beispiel, tmp_path):
    def lauf(*mehr):
        return traeger("calendar", "2026Q1", beispiel, "--out", tmp_path, *mehr)
    ergebnis = lauf("--today", "2026-04-27")
    assert ergebnis.exit_code == 0 and "6\u00a0Berichte sind überfällig." in ergebnis.output
    assert "24.04.2026  BSP-NORD  Bericht und BSC versenden: überfällig seit 3\u00a0Tagen" in ergebnis.output
    erste = (tmp_path / "termine.ics").read_bytes()
    lauf("--today", "2026-01-01")
    assert (tmp_path / "termine.ics").read_bytes() == erste  # import it again: the same events, no doubles
    ereignisse = lies_ics(erste)
    assert len(ereignisse) == len({e["UID"] for e in ereignisse}) == 17
    assert lauf("--today", "gestern").exit_code == 2 and lauf().exit_code == 0
