"""The messages of a quarter: who gets what, the message as an `.eml` file, and the check that nothing goes to the wrong one.

Opens no connection; sending and its ledger are in `outbox`.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, cast

from traeger_lib.analysis.periods import Quartal
from traeger_lib.inputs.faults import zeile
from traeger_lib.inputs.schema import Bestand, zeilensummen
from traeger_lib.operations import bsc
from traeger_lib.operations import manifest as m
from traeger_lib.operations.calendar import termin
from traeger_lib.operations.folder import BERICHT, INTERESSENVERTRETUNG, PROTOKOLL
from traeger_lib.reporting import formats as f
from traeger_lib.reporting.html import mail as koerper
from traeger_lib.reporting.sentences import muster

RICHTLINIE = SMTP.clone(cte_type="7bit")  # no server has to offer 8BITMIME
PARTEIEN = ("leistungstraeger", "leistungserbringer")  # others may not see small cells, which the report holds
ROLLEN = {BERICHT: PARTEIEN, INTERESSENVERTRETUNG: ("interessenvertretung",), PROTOKOLL: PARTEIEN}
OFFICE = "application/vnd.openxmlformats-officedocument."
ART = {".html": "text/html", ".pdf": "application/pdf", ".xlsx": f"{OFFICE}spreadsheetml.sheet",
       ".docx": f"{OFFICE}wordprocessingml.document"}
DATEIEN = {  # kind of message → files of the report and what the reader is told of them; a PDF goes along where it was made
    BERICHT: {"bericht.pdf": "Der Bericht als PDF", "bericht.html": "Der Bericht (im Browser öffnen)",
              "tabellen.xlsx": "Alle Tabellen (Excel)"},
    INTERESSENVERTRETUNG: {"bericht_interessenvertretung.html": "Der Bericht, Angaben zu weniger als fünf Personen zurückgehalten"},
    PROTOKOLL: {}}
OHNE_FASSUNG = "Die Fassung ohne kleine Fallzahlen liegt nicht vor."
ADRESSE = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
KOPFZEILEN = {"Subject", "From", "To", "Message-ID", "Date", "X-Unsent", "X-Traegerbudget", "MIME-Version", "Content-Type"}
HERKUNFT = re.compile(r"traeger_id = ([A-Z0-9_-]+), quartal = (\d{4}Q\d)")  # what every page and workbook says of itself
BILD = re.compile(r'<figure><figcaption>(?P<titel>[^<]*)<span class="basis">(?P<basis>[^<]*)</span></figcaption><div[^>]*>'
                  r'<img src="data:image/png;base64,(?P<png>[^"]*)" alt="(?P<alt>[^"]*)"')  # the first chart on a report's page


@dataclass(frozen=True, slots=True)
class Post:
    """One message: the provider, its kind, its key (the same for the same content), to whom, the file; `grund` says why there is none."""

    traeger_id: str
    name: str
    art: str
    kennung: str
    fassung: int
    empfaenger: tuple[tuple[str, str, str], ...]  # name, address, role
    datei: Path
    grund: str = ""
    begruendung: str = ""  # why a report goes out that is not current for its data


def plane(q: Quartal, bestand: Bestand, ziel: Path, *, nur: Sequence[str] = (), danach: bool = False, begruendung: str = "",
          heute: date | None = None) -> list[Post]:
    """The messages of a quarter, one per provider and kind; `danach`: the minutes after the meeting instead of the report."""
    post = []
    for i in sorted(set(nur)) or bestand.traeger_ids:
        eigene, manifest = bestand.nur(i), m.lies_json(ziel / i / "manifest.json") or {}
        fassung, summen = int(manifest.get("fassung", 1)), manifest.get("dateien", {})
        for art in (PROTOKOLL,) if danach else (BERICHT, INTERESSENVERTRETUNG):
            verteiler = eigene["verteiler"][["name", "email", "rolle"]].itertuples(index=False, name=None)
            empfaenger = tuple(e for e in verteiler if e[2] in ROLLEN[art])
            if art == INTERESSENVERTRETUNG and not empfaenger:
                continue
            inhalt = ([zeilensummen(eigene["massnahmen"]).tobytes().hex()] if danach else [summen.get(d, "") for d in DATEIEN[art]])
            kennung = hashlib.sha256("|".join([bestand.leistungstraeger, str(q), i, art, str(fassung * (not danach)), *inhalt]).encode())
            aktuell = bool(begruendung) or manifest.get("fingerabdruck", {}).get("daten") == eigene.pruefsumme()
            grund = (_kein_protokoll(eigene, q, heute or date.today(), begruendung) if danach else
                     "Es liegt kein fertiger Bericht vor." if (manifest.get("traeger_id"), manifest.get("quartal")) != (i, str(q)) else
                     "Die Dateien des Berichts stimmen nicht mit dem Manifest überein." if not m.ist_vollstaendig(ziel / i, manifest) else
                     OHNE_FASSUNG if set(DATEIEN[art]) - {"bericht.pdf"} - set(summen) else
                     "" if aktuell else "Der Bericht passt nicht zum heutigen Stand der Daten.")
            unbrauchbar = [a for _, a, _ in empfaenger if not ADRESSE.fullmatch(a)]
            grund = grund or ("" if empfaenger else "Im Verteiler steht niemand.") or (
                f"Die Adresse {unbrauchbar[0]!r} lässt sich nicht verwenden (Umlaute, Leer- oder Sonderzeichen)." if unbrauchbar else "")
            name = i + ("" if art == BERICHT else f"_{art}") + (f".fassung-{fassung}" if fassung > 1 and not danach else "")
            post.append(Post(i, kopf(eigene["traeger"]["name"].iloc[0]), art, kennung.hexdigest()[:32], fassung, empfaenger,
                             ziel / "postausgang" / f"{name}.eml", grund, begruendung))
    return post


def _kein_protokoll(eigene: Bestand, q: Quartal, heute: date, begruendung: str) -> str:
    tag, _ = termin(eigene, q)
    return (f"Das Gespräch ist erst am {f.tag(tag)}." if tag and tag > heute else "" if begruendung or _fortgeschrieben(eigene, q) else
            f"Nach dem Gespräch am {f.tag(tag)} ist keine Scorecard eingelesen; zuerst „traeger bsc import“ (oder --force mit --reason, "
            "wenn sich nichts geändert hat).")


def _fortgeschrieben(eigene: Bestand, q: Quartal) -> bool:
    """True where the scorecard has a state of the meeting's day or later, or no day is known."""
    tag, _ = termin(eigene, q)
    return tag is None or bool((eigene["massnahmen"]["stand"] >= str(tag)).any())


def kopf(text: str) -> str:
    """Text for a header: one line, and nothing in it that looks encoded (email would decode it)."""
    return zeile(text).replace("=?", "= ?")


def schreibe(p: Post, bestand: Bestand, q: Quartal, *, absender: str = "", jetzt: datetime | None = None) -> None:
    """Write the message's file; without `jetzt` as a draft, which mail programs open for editing."""
    p.datei.parent.mkdir(exist_ok=True, mode=0o700)
    e = nachricht(p, bestand.nur(p.traeger_id), q, p.datei.parents[1] / p.traeger_id, absender)
    e["Date" if jetzt else "X-Unsent"] = jetzt or "1"
    m.schreibe_bytes(p.datei, e.as_bytes())


def nachricht(p: Post, eigene: Bestand, q: Quartal, ordner: Path, absender: str = "") -> EmailMessage:
    """The message, the same bytes for the same content: five sentences and a chart (contract parties only), what is attached, the date.

    Sentences and chart are the report's own, whatever the data are today.
    """
    manifest, protokoll = m.lies_json(ordner / "manifest.json") or {}, p.art == PROTOKOLL
    antworten = [s | {"text": f.gebunden(s["text"])} for s in manifest.get("saetze", ()) if p.art == BERICHT]
    gefunden = BILD.search((ordner / "bericht.html").read_text(encoding="utf-8", errors="replace")) if p.art == BERICHT else None
    bild = {k: f.gebunden(html.unescape(w)) for k, w in gefunden.groupdict().items()} if gefunden else None
    anhaenge = [(d, was, (ordner / d).read_bytes()) for d, was in DATEIEN[p.art].items() if d in manifest.get("dateien", {})]
    if p.art != INTERESSENVERTRETUNG and len(eigene["massnahmen"]):
        anhaenge.append(("bsc.docx", "Die Balanced Scorecard (Word)", bsc.als_word(eigene, p.traeger_id, str(q))))
    if protokoll:
        anhaenge.append(("bsc.xlsx", "Die Balanced Scorecard (Excel)", bsc.als_excel(eigene, p.traeger_id, str(q))))
    anhaenge = [(f"{p.traeger_id}_{q}_{d}", was, inhalt) for d, was, inhalt in anhaenge]
    was = "korrektur_ohne_zahlen" if p.art == INTERESSENVERTRETUNG else "korrektur"
    korrektur = str(manifest.get(was, "")) if p.fassung > 1 and not protokoll else ""
    datenstand = eigene.datenstand if protokoll else date.fromisoformat(manifest["datenstand"])
    marken = (korrektur, eigene.hinweis or (muster()["erfunden"] if eigene.erfunden else ""), muster()["vorlaeufig"].format(
        datenstand=f.tag(datenstand), ende=f.tag(q.zeitraum.bis)) if antworten and datenstand < q.zeitraum.bis else "")
    (tag, ort), gespraech = (termin(eigene, q.vor(-1)), "nächste Gespräch") if protokoll else (termin(eigene, q), "Steuerungsgespräch")
    am = f" am {f.tag(termin(eigene, q)[0])}" if termin(eigene, q)[0] else ""
    wie = f", wie sie im Gespräch{am} fortgeschrieben wurde" if _fortgeschrieben(eigene, q) else f"; im Gespräch{am} blieb sie unverändert"
    anlass = (f"die Balanced Scorecard{wie}. Sie dient als Protokoll." if protokoll else
              f"der korrigierte Steuerungsbericht (Fassung {p.fassung}) für das Gespräch{am}; bitte Fassung {p.fassung - 1} nicht mehr "
              "verwenden." if korrektur else f"der Steuerungsbericht für das Gespräch{am}.")
    inhalt = {
        "titel": "Korrektur: " * bool(korrektur) + f"{'Protokoll zum Steuerungsgespräch' if protokoll else 'Steuerungsbericht'} {q.lang}",
        "name": p.name, "rahmen": f"Datenstand {f.tag(datenstand)}", "marken": [t for t in marken if t],
        "anlass": f"anbei {anlass}", "leitfrage": manifest.get("leitfrage"), "saetze": antworten, "bild": bild,
        "cid": f"bild@{p.kennung}", "anhaenge": [(d, was) for d, was, _ in anhaenge],
        "termin": f"Das {gespraech} ist am {f.tag(tag)}{f', Ort: {ort}' if ort else ''}." if tag else
        f"Für das {gespraech} steht noch kein Termin fest.",
        "fragen": f"Fragen bitte an: {zeile(eigene.leistungstraeger)}{f', {absender}' if absender else ''}"}
    e = EmailMessage(policy=RICHTLINIE)
    e["Subject"] = (f"{inhalt['titel']} – {p.name}" + " – Fassung für die Interessenvertretung" * (p.art == INTERESSENVERTRETUNG)
                    + " (erfundene Beispieldaten)" * eigene.erfunden)
    if absender:
        e["From"] = absender
    e["To"] = [Address(display_name=kopf(n), addr_spec=a) for n, a, _ in p.empfaenger]
    e["Message-ID"] = f"<{p.kennung}@{absender.rpartition('@')[2] or 'traegerbudget.invalid'}>"
    e["X-Traegerbudget"] = f"{p.traeger_id} {q} {p.art}"
    text, seite = koerper(inhalt)
    e.set_content(text)
    e.add_alternative(seite, subtype="html")
    if bild:
        teil = cast(list[EmailMessage], e.get_payload())[1]
        teil.add_related(base64.b64decode(bild["png"]), "image", "png", cid=f"<{inhalt['cid']}>", disposition="inline", filename="bild.png")
    for datei, _, daten in anhaenge:
        haupt, unter = ART[Path(datei).suffix].split("/")
        e.add_attachment(daten, haupt, unter, filename=datei)
    for nr, teil in enumerate(e.walk()):
        if teil.is_multipart():
            teil.set_boundary(f"=_{p.kennung}_{nr}")  # “=_” occurs in no encoded text
    return e


def pruefe(p: Post, roh: bytes, q: Quartal, manifest: Mapping[str, Any], verteiler: Iterable[tuple[str, str, str]]) -> list[str]:
    """What speaks against sending these bytes, looked at independently of how they were made; empty where all agree.

    The provider's id must be the same in the message, in its file names, in what every attached page and workbook says of itself,
    in the manifest, and, for every recipient, in the list (`verteiler`: traeger_id, email, rolle of all providers). Attached files of
    the report must have the hashes of the manifest.
    """
    e = message_from_bytes(roh, policy=RICHTLINIE)
    erlaubt = {a.lower() for i, a, rolle in verteiler if i == p.traeger_id and rolle in ROLLEN[p.art]}
    an = {a.addr_spec.lower() for a in e["To"].addresses} if e["To"] else set()
    fehler = ["Die Nachricht gehört zu einem anderen Träger."] * (e["X-Traegerbudget"] != f"{p.traeger_id} {q} {p.art}")
    fehler += ["Die Nachricht hat unerwartete Kopfzeilen."] * (len(set(e.keys())) < len(e.keys()) or not set(e.keys()) <= KOPFZEILEN)
    fehler += ["Die Empfangenden stehen nicht im Verteiler dieses Trägers."] * (
        not an or not an <= erlaubt or an != {a.lower() for _, a, _ in p.empfaenger})
    if p.art != PROTOKOLL:
        fehler += ["Das Manifest gehört zu einem anderen Träger oder Quartal."] * (
            (manifest.get("traeger_id"), manifest.get("quartal")) != (p.traeger_id, str(q)))
        fehler += ["Die Daten sind erfunden."] * bool(manifest.get("erfunden"))
    vorn, gefunden = f"{p.traeger_id}_{q}_", set()
    for teil in e.iter_attachments():
        name, daten = teil.get_filename() or "", cast(bytes, teil.get_payload(decode=True) or b"")
        datei = name.removeprefix(vorn)
        gefunden.add(datei)
        if not name.startswith(vorn):
            fehler.append(f"Der Anhang {name} gehört zu einem anderen Träger oder Quartal.")
        elif datei in DATEIEN[p.art]:
            if hashlib.sha256(daten).hexdigest() != manifest.get("dateien", {}).get(datei):
                fehler.append(f"Der Anhang {name} stimmt nicht mit dem Manifest überein.")
            if datei.endswith((".html", ".xlsx")) and set(HERKUNFT.findall(_text(datei, daten))) != {(p.traeger_id, str(q))}:
                fehler.append(f"Der Anhang {name} nennt einen anderen Träger oder ein anderes Quartal.")
        elif datei not in ("bsc.docx", "bsc.xlsx") or p.art == INTERESSENVERTRETUNG:
            fehler.append(f"Der Anhang {name} gehört nicht in diese Nachricht.")
    fehlt = (set(DATEIEN[p.art]) - {"bericht.pdf"} or {"bsc.xlsx"}) - gefunden
    return fehler + [f"Der Anhang {d} fehlt." for d in sorted(fehlt)]


def _text(datei: str, daten: bytes) -> str:
    """A page's text, or all strings of a workbook; empty where it is broken."""
    try:
        if datei.endswith(".xlsx"):
            with zipfile.ZipFile(io.BytesIO(daten)) as z:
                daten = z.read("xl/sharedStrings.xml")
        return daten.decode()
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError):
        return ""
