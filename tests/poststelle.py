"""A mail server in this process that keeps what it gets and fails at chosen steps, and a finished run of invented people to mail from."""

import asyncio
import re
import shutil
import socket
import sqlite3
import ssl
import time
from collections import Counter
from email import message_from_bytes, policy
from pathlib import Path

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from traeger_lib.operations import batch
from traeger_lib.operations import manifest as m

MUSTER = b"Wird eine angemessene Leistungsmenge"  # stands in every report


class Server(SMTP):
    """Fails by `stoerung`: {"MAIL": "550 …"}, {"RCPT": {address: "451 …"}}, {"DATA": "554 …"}, {"content": …} or {"final": …};
    an answer „drop“ closes the connection, „sleep“ never answers, „kept drop“ and „kept sleep“ only after the message was kept."""

    gesehen = b""

    async def _gestoert(self, schritt, adresse=""):
        antwort = self.event_handler.stoerung.get(schritt)
        antwort = antwort.get(adresse) if isinstance(antwort, dict) else antwort
        if antwort and antwort.endswith(("sleep", "drop")):
            ende = time.monotonic() + self.event_handler.schlaf_s * antwort.endswith("sleep")
            while time.monotonic() < ende and self.event_handler.stoerung:
                await asyncio.sleep(0.05)
            self.transport.abort()
        elif antwort:
            await self.push(antwort)
        return bool(antwort)

    def data_received(self, data):
        self.event_handler.gesehen += data
        super().data_received(data)

    async def smtp_EHLO(self, hostname):
        if not await self._gestoert("EHLO"):
            await super().smtp_EHLO(hostname)

    async def smtp_MAIL(self, arg):
        if not await self._gestoert("MAIL"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg):
        if not await self._gestoert("RCPT", re.search(r"<(.*?)>", arg)[1]):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg):
        if await self._gestoert("DATA"):
            return
        if "content" in self.event_handler.stoerung:
            await self.push("354 go")
            await self._reader.readline()
            await self._gestoert("content")
        await super().smtp_DATA(arg)

    async def smtp_QUIT(self, arg):
        if not await self._gestoert("QUIT"):
            await super().smtp_QUIT(arg)


class Poststelle(Controller):
    """The server on a loopback port; `post` holds (recipient, message)."""

    def __init__(self, *, kontext=None, sofort_tls=False, starttls=True, anmeldung=None, groesse=None):
        self.post, self.stoerung, self.gesehen, self.schlaf_s = [], {}, b"", 60  # until `stoerung` is empty again
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        mehr = {"ssl_context": kontext} if sofort_tls else {"tls_context": kontext, "require_starttls": True} if starttls else {}
        if anmeldung:
            from aiosmtpd.smtp import AuthResult
            mehr |= {"auth_required": True, "auth_require_tls": not sofort_tls,
                     "authenticator": lambda server, sitzung, umschlag, art, daten: AuthResult(
                         handled=False, success=(daten.login.decode(), daten.password.decode()) == anmeldung)}
        super().__init__(self, hostname="127.0.0.1", port=port, data_size_limit=groesse or 2**25, **mehr)

    def factory(self):
        return Server(self.handler, **self.SMTP_kwargs)

    async def handle_DATA(self, server, session, envelope):
        antwort = self.stoerung.get("final", "")
        if not antwort or antwort.startswith("kept"):
            self.post += [(a, message_from_bytes(envelope.original_content, policy=policy.default)) for a in envelope.rcpt_tos]
        if antwort.endswith(("drop", "sleep")):
            await server._gestoert("final")
        return antwort or "250 ok"

    async def handle_exception(self, error):
        return "451 internal"

    @property
    def bekommen(self):
        """(recipient, Message-ID) → how often."""
        return Counter((a, str(n["Message-ID"])) for a, n in self.post)


class Zertifikate:
    """A test CA and server contexts."""

    def __init__(self, ordner: Path):
        self.ca = trustme.CA()
        self.datei = ordner / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.datei))

    def kontext(self, *namen, ca=None, **mehr):
        k = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (ca or self.ca).issue_cert(*(namen or ("127.0.0.1", "localhost")), **mehr).configure_cert(k)
        return k


def nicht_erfunden(bestand: Path) -> None:
    """Take the mark of invented data off a test's own copy: people and addresses are fictitious, at example.org."""
    toml = bestand / "bestand.toml"
    text = re.sub(r"(?m)^(hinweis|erfunden) = .*$", "", toml.read_text(encoding="utf-8"))
    toml.write_text(text, encoding="utf-8")


def lauf(ordner: Path, traeger, notebook: Path, anzahl=3) -> None:
    """A finished batch of a small notebook on a Bestand that is not marked as invented; with a version for the Interessenvertretung."""
    assert traeger("demo", ordner / "bestand", "--providers", anzahl, "--years", 2).exit_code == 0
    nicht_erfunden(ordner / "bestand")
    alt, batch.NOTEBOOK = batch.NOTEBOOK, notebook
    try:
        ergebnis = traeger("quarter", "2026Q1", ordner / "bestand", "--out", ordner / "aus")
    finally:
        batch.NOTEBOOK = alt
    assert ergebnis.exit_code == 0, ergebnis.output
    for hier in (p.parent for p in (ordner / "aus").glob("*/manifest.json")):
        mit_vertretung(hier)


def mit_vertretung(hier: Path) -> None:
    manifest = m.lies_json(hier / "manifest.json")
    if "bericht_interessenvertretung.html" not in manifest["dateien"]:
        shutil.copy(hier / "bericht.html", hier / "bericht_interessenvertretung.html")
        manifest["dateien"]["bericht_interessenvertretung.html"] = m.sha256(hier / "bericht_interessenvertretung.html")
        m.schreibe_json(hier / "manifest.json", manifest)


def umgebung(server: Poststelle, ca: Path, **mehr) -> dict[str, str]:
    return {"TRAEGER_SMTP_HOST": "127.0.0.1", "TRAEGER_SMTP_PORT": str(server.port), "TRAEGER_SMTP_CA": str(ca),
            "TRAEGER_MAIL_FROM": "teilhabe@amt.example.org", **mehr}


def buch(aus: Path) -> list[tuple[str, str, str, str]]:
    """The ledger: address, kind, state, reason."""
    db = sqlite3.connect(aus / "postausgang" / "versand.sqlite")
    try:
        return sorted(db.execute("SELECT adresse, art, stand, grund FROM versand"))
    finally:
        db.close()


def stimmt(aus: Path, server: Poststelle) -> Counter:
    """Ledger and server agree: sent = delivered once, unknown = at most once, every other state = not delivered. Returns the states."""
    db = sqlite3.connect(aus / "postausgang" / "versand.sqlite")
    zeilen = list(db.execute("SELECT adresse, kennung, stand FROM versand"))
    db.close()
    bekommen = Counter((a.lower(), kopf.strip("<>").partition("@")[0]) for a, kopf in server.bekommen.elements())
    erlaubt = {"sent": {1}, "unknown": {0, 1}, "queued": {0}, "failed": {0}, "refused": {0}}
    for adresse, kennung, stand in zeilen:
        assert bekommen[adresse, kennung] in erlaubt[stand], (adresse, stand, bekommen[adresse, kennung])
    assert set(bekommen) <= {(a, k) for a, k, _ in zeilen}
    return Counter(stand for *_, stand in zeilen)


def warte(bedingung, sekunden=30):
    ende = time.monotonic() + sekunden
    while not bedingung():
        assert time.monotonic() < ende, "did not happen"
        time.sleep(0.02)
