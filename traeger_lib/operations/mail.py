"""The message of a report, as a file: one `.eml` per provider with its recipients from `verteiler`. Opens no connection.

Sending is not here yet; a file can be opened in any mail program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from html import escape
from pathlib import Path
from typing import Any

from traeger_lib.analysis.analyse import analyse
from traeger_lib.analysis.periods import Quartal
from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.inputs.reading import lies
from traeger_lib.inputs.schema import Bestand
from traeger_lib.operations import manifest as m
from traeger_lib.reporting import formats as f
from traeger_lib.reporting.sentences import muster, saetze, titel

VERTRAGSPARTEIEN = ("leistungstraeger", "leistungserbringer")  # others may not see small cells, which the report holds
ANHAENGE = {"bericht.html": ("text", "html"), "tabellen.xlsx": ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")}


@dataclass(frozen=True, slots=True)
class Post:
    """One message as prepared: the provider, to whom, the file; `grund` says why there is none."""

    traeger_id: str
    name: str
    empfaenger: tuple[tuple[str, str, str], ...]  # name, address, role
    ausgelassen: tuple[tuple[str, str, str], ...]  # roles that may not get this version
    datei: Path | None
    grund: str = ""


def schreibe_post(q: Quartal, bestand_pfad: Path, ziel: Path) -> list[Post]:
    """Write `postausgang/<traeger_id>.eml` for every provider whose report is there, whole and made from these data."""
    bestand, _ = lies(bestand_pfad)
    if not (ziel / "lauf.json").exists():
        raise TraegerFehler(f"In {ziel} liegen keine Berichte. Bitte zuerst „traeger quarter {q} {bestand_pfad}“ ausführen.")
    ausgang = ziel / "postausgang"
    ausgang.mkdir(exist_ok=True, mode=0o700)
    post = []
    for i in bestand.traeger_ids:
        eigene = bestand.nur(i)
        name = str(eigene["traeger"]["name"].iloc[0])
        alle = tuple(eigene["verteiler"][["name", "email", "rolle"]].itertuples(index=False, name=None))
        empfaenger = tuple(e for e in alle if e[2] in VERTRAGSPARTEIEN)
        grund = _hindernis(ziel / i, i, eigene, empfaenger)
        datei = None if grund else ausgang / f"{i}.eml"
        (ausgang / f"{i}.eml").unlink(missing_ok=True)
        if datei:
            datei.write_bytes(nachricht(eigene, i, q, ziel / i, empfaenger).as_bytes(policy=SMTP))
        post.append(Post(i, name, empfaenger, tuple(e for e in alle if e not in empfaenger), datei, grund))
    return post


def _hindernis(ordner: Path, traeger_id: str, bestand: Bestand, empfaenger: Sequence[Any]) -> str:
    """Why nothing can go out for a provider; empty where all is well."""
    manifest = m.lies_json(ordner / "manifest.json")
    if manifest is None or manifest.get("traeger_id") != traeger_id:
        return "Es liegt kein fertiger Bericht vor."
    if not m.ist_vollstaendig(ordner, manifest):
        return "Die Dateien des Berichts stimmen nicht mit dem Manifest überein."
    if manifest["fingerabdruck"]["daten"] != bestand.pruefsumme():
        return "Der Bericht passt nicht zum heutigen Stand der Daten."
    return "" if empfaenger else "Im Verteiler steht niemand."


def nachricht(bestand: Bestand, traeger_id: str, q: Quartal, ordner: Path, empfaenger: Sequence[tuple[str, str, str]]) -> EmailMessage:
    """The message: subject with quarter and provider, the five sentences as text and HTML, report and tables attached."""
    facts = analyse(bestand, traeger_id, q)
    e = EmailMessage(policy=SMTP)
    e["Subject"] = f.sauber(f"Steuerungsbericht {q.lang} – {facts.name}") + (" (erfundene Beispieldaten)" if facts.erfunden else "")
    e["To"] = [Address(display_name=f.sauber(n), addr_spec=a) for n, a, _ in empfaenger]
    e["X-Unsent"] = "1"  # mail programs open it as a draft
    termin = (f"Das Steuerungsgespräch ist am {f.tag(facts.termin)}." if facts.termin else
              "Der Termin des Steuerungsgesprächs steht noch nicht fest.")
    anhang = "Im Anhang: der Bericht (HTML) und die Tabellen (Excel)."
    marke = facts.bestandshinweis or (muster()["erfunden"] if facts.erfunden else "")
    antworten = saetze(facts)
    e.set_content("\n\n".join([t for t in (
        "Guten Tag,", f"anbei der {titel(facts)} für {facts.name}, Datenstand {f.tag(facts.datenstand)}.", marke, muster()["leitfrage"],
        *(f"{s.nummer} {s.titel}: {s.text}" for s in antworten), anhang, termin) if t]) + "\n")
    zeilen = "".join(f"<p><strong>{s.nummer} {escape(s.titel)}</strong><br>{escape(s.text)}</p>" for s in antworten)
    e.add_alternative(
        f'<!DOCTYPE html><html lang="de"><head><meta charset="utf-8"><title>{escape(str(e["Subject"]))}</title></head>'
        '<body style="font-family:Arial,sans-serif;font-size:15px;color:#1B1F24;max-width:600px">'
        f'<h1 style="font-size:19px">{escape(titel(facts))}<br>{escape(facts.name)}</h1>'
        f"<p>Datenstand {f.tag(facts.datenstand)}. {escape(marke)}</p>"
        f'<h2 style="font-size:16px">{escape(muster()["leitfrage"])}</h2>'
        f"{zeilen}<p>{escape(anhang)} {escape(termin)}</p></body></html>", subtype="html")
    for datei, (art, unterart) in ANHAENGE.items():
        name = f"{traeger_id}_{q}_{datei}"
        e.add_attachment((ordner / datei).read_bytes(), maintype=art, subtype=unterart, filename=name)
    return e
