"""The dates of a quarter: what must go out by when, what is late, meetings, 31 March, where agreed rates end; as lines and as `.ics`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import pandas as pd

from traeger_lib.analysis.periods import Quartal
from traeger_lib.inputs.faults import zeile
from traeger_lib.inputs.schema import Bestand
from traeger_lib.operations import folder
from traeger_lib.reporting import formats as f

VORLAUF_TAGE = 10  # report and BSC go out ten days before the meeting (minutes of the Sozialraumkonferenz)
KUENDIGUNG = timedelta(weeks=6)  # notice of a rate agreement where the agreement itself says so (GISBU, 5.2)


@dataclass(frozen=True, slots=True, order=True)
class Frist:
    """One date: day (None: not entered), provider's id and name, what, where; `stand` says what became of it."""

    tag: date | None
    traeger_id: str
    name: str
    was: str
    ort: str = ""
    stand: str = ""


def termin(eigene: Bestand, q: Quartal) -> tuple[date | None, str]:
    """Day and place of a quarter's meeting with one provider; None and nothing where none is entered."""
    t = eigene["termine"]
    for r in t[t["quartal"] == str(q)].itertuples():
        return cast(Any, r.termin).date(), zeile(str(r.ort)) if isinstance(r.ort, str) else ""
    return None, ""


def fristen(bestand: Bestand, q: Quartal, ziel: Path, heute: date) -> list[Frist]:
    """All dates of a quarter in order, for each provider: dispatch and meeting, 31 March and contract dates within a year."""
    von, alle = q.zeitraum.von, list[Frist]()
    bis, maerz = date(von.year + 1, von.month, 1), date(von.year + (von.month > 3), 3, 31)
    unterlagen = f"Berichtsunterlagen für {maerz.year - 1} einreichen (wo vereinbart)"
    alle.append(Frist(maerz, "", "alle Träger", unterlagen, "", _in(maerz, heute)))
    for i in bestand.traeger_ids:
        eigene = bestand.nur(i)
        name, (tag, ort) = zeile(str(eigene["traeger"]["name"].iloc[0])), termin(eigene, q)
        if tag:
            versand, gingen = tag - timedelta(VORLAUF_TAGE), filter(None, map(folder.versandt_am, folder.versandte(ziel / i)))
            alle += [Frist(versand, i, name, "Bericht und BSC versenden", "", _stand(versand, min(gingen, default=None), heute)),
                     Frist(tag, i, name, f"Steuerungsgespräch {q.lang}", ort, "Termin vorbei" if tag < heute else _in(tag, heute))]
        else:
            alle.append(Frist(None, i, name, f"Steuerungsgespräch {q.lang}", "", "kein Termin eingetragen"))
        enden = eigene["entgelte"].groupby("angebot_id")["gueltig_bis"].agg(lambda x: x.max(skipna=False))
        for angebot, ende in enden.dropna().items():
            wo = zeile(str(eigene["angebote"].set_index("angebot_id").at[angebot, "bezeichnung"]))
            for wann, was in ((pd.Timestamp(ende).date() - KUENDIGUNG, "Kündigungsfrist der Entgelte, sechs Wochen (wo vereinbart)"),
                              (pd.Timestamp(ende).date(), "Vereinbarte Entgelte enden")):
                alle += [Frist(wann, i, name, f"{was}: {wo}", "", _in(wann, heute))] * (von <= wann < bis)
        beginn = eigene["traeger"]["budget_beginn"].iloc[0]
        if pd.notna(beginn) and von <= beginn.date() < bis:
            alle.append(Frist(beginn.date(), i, name, "Das Budget beginnt", "", _in(beginn.date(), heute)))
    return sorted(alle, key=lambda x: (x.tag or date.max, x.traeger_id, x.was))


def _in(tag: date, heute: date) -> str:
    tage = (tag - heute).days
    return "heute" if not tage else f"in {f.anzahl(tage, 'Tag', 'Tagen')}" if tage > 0 else f"seit {f.anzahl(-tage, 'Tag', 'Tagen')} vorbei"


def _stand(frist: date, ging: date | None, heute: date) -> str:
    if ging:
        zu_spaet = (ging - frist).days
        return f"versandt am {f.tag(ging)}" + (f", {f.anzahl(zu_spaet, 'Tag', 'Tage')} zu spät" if zu_spaet > 0 else "")
    return f"überfällig seit {f.anzahl((heute - frist).days, 'Tag', 'Tagen')}" if heute > frist else f"offen, {_in(frist, heute)}"


def als_ics(alle: Iterable[Frist], q: Quartal, datenstand: date) -> bytes:
    """The dates as an iCalendar file (RFC 5545): whole days, the same bytes for the same dates; who imports twice gets no doubles."""
    zeilen = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//traeger_lib//Steuerungsgespraeche//DE", "CALSCALE:GREGORIAN"]
    for x in alle:
        if x.tag:
            kennung = hashlib.sha256(f"{x.traeger_id}|{q}|{x.was}".encode()).hexdigest()[:32]
            zeilen += ["BEGIN:VEVENT", f"UID:{kennung}@traegerbudget.invalid", f"DTSTAMP:{datenstand:%Y%m%d}T000000Z",
                       f"DTSTART;VALUE=DATE:{x.tag:%Y%m%d}", f"DTEND;VALUE=DATE:{x.tag + timedelta(1):%Y%m%d}",
                       f"SUMMARY:{_text(f'{x.was} – {x.name}')}", *([f"LOCATION:{_text(x.ort)}"] if x.ort else []),
                       "TRANSP:TRANSPARENT", "END:VEVENT"]
    return b"".join(_falte(z) + b"\r\n" for z in [*zeilen, "END:VCALENDAR"])


def _text(wert: str) -> str:
    return re.sub(r"([\\;,])", r"\\\1", wert)


def _falte(text: str) -> bytes:
    """Fold a line so that none has more than 75 bytes, never within a character."""
    return b"\r\n ".join(re.findall(rb"(?s).{1,74}(?![\x80-\xbf])", text.encode()))


def zeilen(alle: Sequence[Frist]) -> list[str]:
    """The dates as a person reads them, what is late first said."""
    spaet = sum(x.stand.startswith("überfällig") for x in alle)
    kopf = f"{f.anzahl(spaet, 'Bericht ist', 'Berichte sind')} überfällig." if spaet else "Nichts ist überfällig."
    return [kopf, *(f"{f.tag(x.tag):10}  {x.traeger_id or x.name}  {x.was}: {x.stand}" for x in alle)]
