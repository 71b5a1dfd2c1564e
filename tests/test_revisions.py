"""Days reported late between two reporting states, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from kleinbestand import bestand, fall, grund

from traeger_lib import load
from traeger_lib.analysis.revisions import Nachmeldung, Vergleich, satz, unterschiede

STAND, SPAETER = date(2026, 3, 31), date(2026, 6, 30)


def faelle(stand, *zeilen, **mehr):
    return bestand(stand, **grund("A1", "A2"), faelle=[fall(f"P{i}", *z) for i, z in enumerate(zeilen)], **mehr)


def test_a_late_stay_an_earlier_end_and_a_removed_row():
    alt = faelle(STAND, ("A1", date(2025, 1, 1), None), ("A1", date(2025, 3, 1), None), ("A2", date(2025, 2, 1), date(2025, 2, 28)))
    neu = faelle(SPAETER, ("A1", date(2025, 1, 1), None), ("A1", date(2025, 3, 1), date(2026, 3, 10)),
                 ("A1", date(2025, 12, 30), date(2026, 4, 5)))
    assert unterschiede(alt, neu, "T1") == (
        Nachmeldung("A1", "2025-12", 62, 64), Nachmeldung("A1", "2026-01", 62, 93), Nachmeldung("A1", "2026-02", 56, 84),
        Nachmeldung("A1", "2026-03", 62, 72), Nachmeldung("A2", "2025-02", 28, 0))


def test_time_going_on_is_no_late_report():
    alt, neu = (faelle(s, ("A1", date(2025, 1, 1), None)) for s in (STAND, SPAETER))
    assert unterschiede(alt, neu, "T1") == () == unterschiede(alt, alt, "T1")


def test_a_month_that_was_running_is_left_out():
    alt, neu = (faelle(s, ("A1", date(2026, 1, 1), e)) for s, e in ((date(2026, 3, 15), None), (SPAETER, date(2026, 2, 27))))
    assert unterschiede(alt, neu, "T1") == (Nachmeldung("A1", "2026-02", 28, 27),)


def test_days_before_all_days_known_so_far():
    alt, neu = (faelle(s, ("A1", b, date(2025, 12, 31))) for s, b in ((STAND, date(2025, 12, 1)), (SPAETER, date(2025, 11, 29))))
    assert unterschiede(alt, neu, "T1") == (Nachmeldung("A1", "2025-11", 0, 2),)


def test_only_own_cases_and_monthly_counts():
    zahl = {"angebot_id": "A2", "kostentraeger": "Musterstadt", "hbg": "1", "monat": date(2025, 5, 1)}
    alt = faelle(STAND, fallzahlen=[{**zahl, "belegungstage": 300, "abwesenheitstage": 3}])
    neu = faelle(SPAETER, fallzahlen=[{**zahl, "belegungstage": 310, "abwesenheitstage": 5},
                                      {**zahl, "kostentraeger": "anderswo", "belegungstage": 99}])
    assert unterschiede(alt, neu, "T1") == (Nachmeldung("A2", "2025-05", 303, 315),)


def test_a_new_provider_and_an_empty_one():
    b = faelle(STAND)
    assert unterschiede(b, faelle(SPAETER), "T1") == ()
    ohne = replace(b, tabellen={**b.tabellen, "traeger": b["traeger"].assign(traeger_id="T2")})
    assert unterschiede(ohne, b, "T1") == ()


def test_both_ways_on_the_example_and_inputs_stay_as_they_are(beispiel):
    neu = load(beispiel)
    f = neu["faelle"]
    alt = replace(neu, tabellen={**neu.tabellen, "faelle": f.drop(f.index[::50]).reset_index(drop=True)})
    summen = alt.pruefsumme(), neu.pruefsumme()
    for t in ("BSP-NORD", "BSP-SUED"):
        hin, her = unterschiede(alt, neu, t), unterschiede(neu, alt, t)
        assert [(n.angebot_id, n.monat, n.neu, n.alt) for n in hin] == [(n.angebot_id, n.monat, n.alt, n.neu) for n in her]
        assert hin and all(n.tage > 0 and n.monat <= "2026-03" for n in hin)
    assert summen == (alt.pruefsumme(), neu.pruefsumme())


@pytest.mark.parametrize(("tage", "text"), [
    ({}, ""),
    ({"2025-03": 41}, "wurden für 2025 insgesamt 41 Tage nachgemeldet."),
    ({"2025-03": -12}, "wurden für 2025 insgesamt 12 Tage zurückgenommen."),
    ({"2025-03": 1}, "wurde für 2025 insgesamt 1 Tag nachgemeldet."),
    ({"2025-03": 5, "2025-04": -5}, "wurden für 2025 insgesamt 5 Tage nachgemeldet und 5 Tage zurückgenommen."),
    ({"2026-01": 1200, "2025-04": -1}, "wurden für 2025 insgesamt 1 Tag zurückgenommen, für 2026 insgesamt 1.200 Tage nachgemeldet."),
    ({"2024-01": 2, "2025-04": 3, "2026-01": 4}, "wurden für 2024 insgesamt 2 Tage nachgemeldet, für 2025 insgesamt 3 Tage nachgemeldet, "
                                                 "für 2026 insgesamt 4 Tage nachgemeldet."),
])
def test_the_sentence(tage, text):
    v = Vergleich(date(2026, 3, 31), "", tuple(Nachmeldung("A1", monat, 100, 100 + t) for monat, t in tage.items()))
    assert satz(v) == (text and f"Seit dem Datenstand 31.03.2026 {text}")
