"""Sending what `mail` prepared: once, over verified TLS or not at all, with a ledger of what became of every recipient.

A recipient is `unknown` from just before the first byte of the content until the server's final reply, so that a lost connection or a
killed sender leaves a question for a person and never a second copy; every other interruption leaves the recipient open.
"""

from __future__ import annotations

import re
import smtplib
import sqlite3
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from traeger_lib.analysis.periods import Quartal
from traeger_lib.inputs.faults import TraegerFehler, zeile
from traeger_lib.inputs.reading import lies
from traeger_lib.inputs.schema import Bestand
from traeger_lib.operations import folder, mail
from traeger_lib.operations import manifest as m
from traeger_lib.operations.mail import Post

QUEUED, SENT, REFUSED, FAILED, UNKNOWN = "queued", "sent", "refused", "failed", "unknown"
WORT = {QUEUED: "wartet", SENT: "versandt", REFUSED: "abgelehnt", FAILED: "fehlgeschlagen", UNKNOWN: "unklar"}
ART = {folder.BERICHT: "Bericht", folder.INTERESSENVERTRETUNG: "Bericht für die Interessenvertretung", folder.PROTOKOLL: "Protokoll"}
ROLLE = {"leistungstraeger": "Leistungsträger", "leistungserbringer": "Leistungserbringer", "interessenvertretung": "Interessenvertretung"}
OFFEN = (QUEUED, FAILED)  # what a re-run sends; refused and unknown wait for a person (`--resolve`)
ZEITLIMIT_S, SCHLUSS_S = 60, 600  # for a step; for the final reply (RFC 5321, 4.5.3.2.6)
GROESSE_MB = 20
ZERTIFIKAT = {10: "Es ist abgelaufen.", 62: "Es gilt für einen anderen Rechner.", 18: "Es ist selbst ausgestellt.",
              19: "Der Aussteller ist unbekannt.", 20: "Der Aussteller ist unbekannt."}  # OpenSSL's X509_V_ERR_…


class NichtVerbunden(Exception):
    """Why there is no safe connection to the mail server, in German and without credentials."""


@dataclass(frozen=True, slots=True)
class Zugang:
    """The mail server, from the environment only; the password is in no representation of it."""

    rechner: str
    port: int
    absender: str
    sofort_tls: bool  # TLS from the first byte, otherwise STARTTLS
    groesse: int  # bytes
    benutzer: str = ""
    passwort: str = field(default="", repr=False)
    ca: str = ""

    @classmethod
    def aus(cls, umgebung: Mapping[str, str], bestand: Bestand) -> Zugang:
        """From TRAEGER_SMTP_HOST, _PORT, _TLS, _USER, _PASSWORD, _CA, TRAEGER_MAIL_FROM and TRAEGER_MAIL_MAX_MB; none for invented data."""
        if bestand.erfunden or "erfund" in bestand.hinweis.lower():
            raise TraegerFehler("Die Daten sind als erfunden gekennzeichnet und werden nie versandt. Ohne --send entstehen nur Dateien.")
        w = {k: umgebung.get(f"TRAEGER_{k}", "") for k in (
            "SMTP_HOST", "SMTP_PORT", "SMTP_TLS", "SMTP_USER", "SMTP_PASSWORD", "SMTP_CA", "MAIL_FROM", "MAIL_MAX_MB")}
        if fehlt := [f"TRAEGER_{k}" for k in ("SMTP_HOST", "MAIL_FROM") if not w[k]]:
            raise TraegerFehler(f"Zum Versenden fehlt in der Umgebung: {', '.join(fehlt)}. Siehe docs/versand.md.")
        tls, port, groesse = w["SMTP_TLS"] or ("tls" if w["SMTP_PORT"] == "465" else "starttls"), w["SMTP_PORT"] or "587", w["MAIL_MAX_MB"]
        for name, gut, was in (("SMTP_PORT", port.isdecimal() and int(port) < 65536, "eine Portnummer"),
                               ("SMTP_TLS", tls in ("tls", "starttls"), "tls oder starttls"),
                               ("SMTP_CA", not w["SMTP_CA"] or Path(w["SMTP_CA"]).is_file(), "der Pfad einer Zertifikatsdatei"),
                               ("SMTP_PASSWORD", (w["SMTP_USER"] + w["SMTP_PASSWORD"]).isascii(), "ohne Umlaute (auch TRAEGER_SMTP_USER)"),
                               ("MAIL_FROM", mail.ADRESSE.fullmatch(w["MAIL_FROM"]), "eine E-Mail-Adresse ohne Umlaute"),
                               ("MAIL_MAX_MB", not groesse or groesse.isdecimal(), "eine ganze Zahl")):
            if not gut:
                raise TraegerFehler(f"TRAEGER_{name} in der Umgebung ist nicht brauchbar; erwartet: {was}.")
        return cls(w["SMTP_HOST"], int(port), w["MAIL_FROM"], tls == "tls", int(groesse or GROESSE_MB) * 1_000_000,
                   w["SMTP_USER"], w["SMTP_PASSWORD"], w["SMTP_CA"])

    def verbinde(self) -> smtplib.SMTP:
        """An encrypted, verified, logged-in connection, or NichtVerbunden; before that nothing of a message is sent."""
        smtp: smtplib.SMTP | None = None
        try:
            kontext = ssl.create_default_context(cafile=self.ca or None)
            kontext.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.sofort_tls:
                smtp = smtplib.SMTP_SSL(self.rechner, self.port, timeout=ZEITLIMIT_S, context=kontext)
            else:
                smtp = smtplib.SMTP(self.rechner, self.port, timeout=ZEITLIMIT_S)
                smtp.starttls(context=kontext)
            smtp.ehlo_or_helo_if_needed()
            if self.benutzer:
                smtp.login(self.benutzer, self.passwort)
            return smtp
        except (OSError, ValueError) as e:  # smtplib's errors are OSErrors; a host name can be malformed
            verschluesselt = smtp is not None and isinstance(smtp.sock, ssl.SSLSocket)
            if smtp:
                smtp.close()
            grund = next(text for art, text in (
                (ssl.SSLCertVerificationError, "Das Zertifikat wird nicht anerkannt. " + ZERTIFIKAT.get(getattr(e, "verify_code", 0), "")),
                (smtplib.SMTPAuthenticationError, "Die Anmeldung wurde abgelehnt."),
                (smtplib.SMTPNotSupportedError, f"Der Server bietet {'keine Anmeldung' if verschluesselt else 'kein TLS'} an."),
                (smtplib.SMTPResponseException, f"Der Server lehnt ab (Antwort {getattr(e, 'smtp_code', 0)})."),
                (ssl.SSLError, "Die Verschlüsselung (TLS) kam nicht zustande."),
                (TimeoutError, "Der Server antwortet nicht rechtzeitig."),
                (Exception, "Der Server ist nicht erreichbar oder brach die Verbindung ab.")) if isinstance(e, art))
        raise NichtVerbunden(f"{self.rechner}:{self.port}: {grund.strip()} Es wurde nichts übertragen.")


class Buch:
    """The ledger `versand.sqlite`: one row for each message and recipient."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        db.execute(
            "CREATE TABLE IF NOT EXISTS versand (nr INTEGER PRIMARY KEY, kennung TEXT, traeger_id TEXT, art TEXT, fassung INTEGER, "
            "adresse TEXT, rolle TEXT, stand TEXT, grund TEXT, begruendung TEXT, zeit TEXT, UNIQUE (kennung, adresse))")

    def stand(self, p: Post) -> dict[str, tuple[int, str, str]]:
        """Address → number, state, reason; today's list first, without a state where never queued."""
        zeilen = self.db.execute("SELECT adresse, nr, stand, grund FROM versand WHERE kennung = ?", (p.kennung,))
        return {a.lower(): (0, "", "") for _, a, _ in p.empfaenger} | {a: (nr, stand, grund) for a, nr, stand, grund in zeilen}

    def reihe_ein(self, p: Post) -> None:
        """Note every recipient that is new."""
        with self.db:
            self.db.executemany("INSERT OR IGNORE INTO versand VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, '', ?, ?)", [
                (p.kennung, p.traeger_id, p.art, p.fassung, a.lower(), rolle, QUEUED, p.begruendung, _jetzt())
                for _, a, rolle in p.empfaenger if not p.grund])

    def offen(self, p: Post) -> list[str]:
        """Addresses of today's list that have not got this message and may."""
        if p.grund:
            return []
        stand = self.stand(p)
        return [a for a in dict.fromkeys(a.lower() for _, a, _ in p.empfaenger) if stand[a][1] in ("", *OFFEN)]

    def setze(self, p: Post, adressen: Iterable[str], stand: str, grund: str = "") -> None:
        """The new state of some recipients, all or none; on disk when this returns."""
        with self.db:
            self.db.executemany("UPDATE versand SET stand = ?, grund = ?, zeit = ?, begruendung = ? WHERE kennung = ? AND adresse = ?",
                                [(stand, grund, _jetzt(), p.begruendung, p.kennung, a) for a in adressen])

    def wartende(self) -> dict[int, str]:
        """What waits for a person, also of earlier versions: number → a line that says what to do."""
        return {nr: f"Nr. {nr}: {traeger_id}, {ART[art]} an {adresse}: {WORT[stand]}. {grund} Nach Klärung: --resolve {nr}=versandt "
                    f"(nicht noch einmal) oder --resolve {nr}=offen (noch einmal)."
                for nr, traeger_id, art, adresse, stand, grund in self.db.execute(
                    "SELECT nr, traeger_id, art, adresse, stand, grund FROM versand WHERE stand IN (?, ?) ORDER BY nr", (UNKNOWN, REFUSED))}

    def loese(self, text: str) -> None:
        """A person's word on an unclear or refused recipient: „17=versandt“ or „17=offen“."""
        nr, _, wort = text.partition("=")
        stand = {"versandt": SENT, "offen": QUEUED}.get(wort)
        if stand is None or not nr.isdecimal() or int(nr) not in self.wartende():
            raise TraegerFehler(f"--resolve {text}: Erwartet wird die Nummer einer unklaren oder abgelehnten Zeile, dann =versandt oder "
                                "=offen, etwa 17=versandt.")
        with self.db:
            self.db.execute("UPDATE versand SET stand = ?, grund = 'von Hand entschieden', zeit = ? WHERE nr = ?",
                            (stand, _jetzt(), int(nr)))

    def gesendet_am(self, traeger_id: str, fassung: int) -> str | None:
        """When a version of a report first went out, or may have; None where it did not, empty where the ledger knows nothing of it."""
        alle, am = self.db.execute("SELECT count(*), min(CASE WHEN stand IN (?, ?) THEN zeit END) FROM versand WHERE traeger_id = ? AND "
                                   "fassung = ? AND art != ?", (SENT, UNKNOWN, traeger_id, fassung, folder.PROTOKOLL)).fetchone()
        return str(am) if am else None if alle else ""

    def markiere(self, ordner: Path, fassung: int) -> None:
        """Have `versandt.json` stand beside a report where this version went out, or may have, to anyone; a mark of ours goes where not."""
        am, marke = self.gesendet_am(ordner.name, fassung), m.lies_json(ordner / m.VERSANDT)
        if am and marke is None:
            m.schreibe_json(ordner / m.VERSANDT, {"am": am[:10], "fassung": fassung, "buch": True})
        elif am is None and marke and marke.get("buch"):
            (ordner / m.VERSANDT).unlink()


def _jetzt() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


@contextmanager
def geoeffnet(q: Quartal, bestand_pfad: Path, ziel: Path) -> Iterator[tuple[Bestand, Buch]]:
    """The data and the ledger of a run folder, locked against batches and other senders; marks of a killed sender are put right."""
    bestand, _ = lies(bestand_pfad)
    if not (ziel / "lauf.json").exists():
        raise TraegerFehler(f"In {ziel} fehlen Berichte. Bitte zuerst „traeger quarter {q} {bestand_pfad} --out {ziel}“ ausführen.")
    folder.gehoert_dazu(ziel, bestand, bestand_pfad, q)
    with folder.sperre(ziel):
        (ziel / "postausgang").mkdir(exist_ok=True, mode=0o700)
        try:
            with closing(sqlite3.connect(ziel / "postausgang" / "versand.sqlite")) as db:
                b = Buch(db)
                for i in bestand.traeger_ids:
                    if manifest := m.lies_json(ziel / i / "manifest.json"):
                        b.markiere(ziel / i, int(manifest.get("fassung", 1)))
                yield bestand, b
        except sqlite3.Error as e:
            raise TraegerFehler(f"Das Versandbuch in {ziel / 'postausgang'} lässt sich nicht lesen oder schreiben ({e}). "
                                "Es hält fest, wer was schon bekam; bitte nicht löschen, sondern aus der Sicherung holen.") from None


def plane(q: Quartal, bestand: Bestand, ziel: Path, b: Buch, *, nur: Sequence[str], danach: bool, begruendung: str) -> list[Post]:
    """The messages of a quarter; none of a report that is marked as sent and unknown to the ledger (a lost ledger must double nothing)."""
    post = mail.plane(q, bestand, ziel, nur=folder.auswahl(bestand, nur), danach=danach, begruendung=begruendung)
    return [replace(p, grund="Laut versandt.json ging der Bericht schon hinaus, das Versandbuch weiß davon nichts.")
            if not danach and m.ist_versandt(ziel / p.traeger_id) and b.gesendet_am(p.traeger_id, p.fassung) == "" else p for p in post]


def entwuerfe(post: Sequence[Post], bestand: Bestand, q: Quartal, ziel: Path, b: Buch, *, nur: Sequence[str], danach: bool,
              absender: str | None) -> None:
    """Write every message as a draft (`absender` None: none), but for those that went to anyone already; of these providers and kinds
    drafts that are no message of today go: opened by hand, they would still go out."""
    gelten = {p.datei for p in post if not p.grund}
    for datei, traeger_id, art in folder.entwuerfe(ziel):
        if datei not in gelten and (art == folder.PROTOKOLL) == danach and (not nur or traeger_id in nur):
            datei.unlink()
    for p in post if absender is not None else ():
        if not p.grund and all(stand not in (SENT, UNKNOWN) for _, stand, _ in b.stand(p).values()):
            mail.schreibe(p, bestand, q, absender=absender or "")


def liste(post: Sequence[Post], b: Buch) -> list[str]:
    """The recipient table as lines: each message with its file or why there is none, under it every recipient with role and state."""
    zeilen = []
    for p in post:
        zeilen.append(f"{p.traeger_id} ({p.name}), {ART[p.art]}: {p.grund or p.datei.name}")
        for name, adresse, rolle in p.empfaenger:
            _, stand, grund = b.stand(p)[adresse.lower()]
            wort = WORT.get(stand, "" if p.grund else "nicht versandt")
            zeilen.append(f"    {zeile(name)} <{adresse}>, {ROLLE[rolle]}" + f": {wort}" * bool(wort) + f" ({grund})" * bool(grund))
    return zeilen


def unfertig(post: Sequence[Post], b: Buch, *, versandt: bool) -> bool:
    """True where a message could not be made, or, after sending, where anyone did not get it for certain.

    A missing version for the Interessenvertretung stands in the table and fails nothing.
    """
    return any(p.grund or (versandt and {b.stand(p)[a.lower()][1] for _, a, _ in p.empfaenger} != {SENT})
               for p in post if p.grund != mail.OHNE_FASSUNG)


def versende(post: Sequence[Post], bestand: Bestand, q: Quartal, ziel: Path, b: Buch, zugang: Zugang) -> str:
    """Send what is open, each message over a connection of its own; returns why it stopped early. The caller holds the folder's lock."""
    verteiler = [(str(i), str(a), str(r)) for i, a, r in bestand["verteiler"][["traeger_id", "email", "rolle"]].itertuples(index=False)]
    for p in post:
        b.reihe_ein(p)
    for p in post:
        ordner, offen = ziel / p.traeger_id, b.offen(p)
        if not offen:
            continue
        mail.schreibe(p, bestand, q, absender=zugang.absender, jetzt=datetime.now().astimezone())
        roh = p.datei.read_bytes()
        if fehler := mail.pruefe(p, roh, q, m.lies_json(ordner / "manifest.json") or {}, verteiler):
            b.setze(p, offen, FAILED, " ".join(fehler))
            continue
        try:
            smtp = zugang.verbinde()
        except NichtVerbunden as e:
            b.setze(p, offen, FAILED, str(e))
            return str(e)
        with closing(smtp), suppress(smtplib.SMTPException):  # what a lost connection means stands in the ledger
            _uebergib(smtp, p, roh, offen, b, ordner, zugang)
            smtp.quit()
    return ""


def _uebergib(smtp: smtplib.SMTP, p: Post, roh: bytes, offen: Sequence[str], b: Buch, ordner: Path, zugang: Zugang) -> None:
    """One SMTP transaction; the ledger is on disk before and after every step that can hand over the message."""
    def vermerke(adressen: Sequence[str], code: int, text: bytes, dauerhaft: str = REFUSED) -> None:
        b.setze(p, adressen, dauerhaft if code >= 500 else FAILED, f"{code} {zeile(text.decode('ascii', 'replace'))[:200]}")

    grenze = min(zugang.groesse, int(smtp.esmtp_features.get("size") or 0) or zugang.groesse)
    if len(roh) > grenze:
        b.setze(p, offen, FAILED, f"Die Nachricht hat {mb(len(roh))} MB, erlaubt sind {mb(grenze)} MB.")
        return
    angenommen = list[str]()
    try:
        b.setze(p, offen, FAILED, "Die Verbindung ging vor der Übergabe verloren.")
        code, text = smtp.mail(zugang.absender, [f"size={len(roh)}"] if smtp.has_extn("size") else [])
        if code != 250:
            vermerke(offen, code, b"Absender abgelehnt: " + text, FAILED)
            return
        for a in offen:
            code, text = smtp.rcpt(a)
            if code in (250, 251):
                angenommen.append(a)
            else:
                vermerke([a], code, text)
        if not angenommen:
            return
        code, text = smtp.docmd("DATA")
        if code != 354:
            vermerke(angenommen, code, text)
            return
        b.setze(p, angenommen, UNKNOWN, "Die Verbindung ging nach der Übergabe verloren; ob die Nachricht ankam, weiß nur der Server.")
        b.markiere(ordner, p.fassung)
        try:
            smtp.send(re.sub(rb"(?m)^\.", b"..", roh) + b".\r\n")  # the message ends with CRLF
        except smtplib.SMTPException:  # the final dot did not go out, so no server may keep the message
            b.setze(p, angenommen, FAILED, "Die Verbindung ging während der Übergabe verloren.")
            raise
        if smtp.sock:
            smtp.sock.settimeout(SCHLUSS_S)
        code, text = smtp.getreply()
        if code // 100 == 2:
            b.setze(p, angenommen, SENT)
        elif code >= 400:  # anything else is no answer
            vermerke(angenommen, code, text)
    finally:
        b.markiere(ordner, p.fassung)


def mb(n: int) -> str:
    """Megabytes with one decimal, rounded up, as a German reads them."""
    return f"{-(-n // 100_000) / 10:.1f}".replace(".", ",")
