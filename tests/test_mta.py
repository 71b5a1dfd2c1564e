"""One real mail server: postfix on loopback with its own folders (nothing of the system's is touched), STARTTLS and implicit TLS."""

import os
import shutil
import socket
import subprocess
from collections import Counter
from email import message_from_bytes, policy

import pytest
from poststelle import Zertifikate, buch, lauf, warte
from test_whole_or_absent import small_notebook

from traeger_lib.inputs.reading import lies

POSTFIX = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = [pytest.mark.soak, pytest.mark.mta, pytest.mark.skipif(
    not POSTFIX or os.geteuid() != 0, reason="postfix is not installed or this is not root: NOTHING WAS SENT THROUGH A REAL MAIL SERVER")]

MAIN = """compatibility_level = 3.6
queue_directory = {d}/queue
data_directory = {d}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {d}/log/postfix.log
maillog_file_prefixes = {d}
meta_directory = /etc/postfix
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example.org
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
virtual_mailbox_domains = example.org
virtual_mailbox_base = {d}/mail
virtual_mailbox_maps = inline:{{ {fach} }}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = {d}/server.pem
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access inline:{{ {antworten} }}
message_size_limit = 20000000
smtpd_peername_lookup = no
"""
MASTER = """127.0.0.1:{start} inet n - n - - smtpd
127.0.0.1:{tls} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


def freier_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Postfix:
    def __init__(self, d, zertifikate, adressen):
        import pwd
        self.d, self.start, self.tls = d, freier_port(), freier_port()
        wer = pwd.getpwnam("postfix")
        for name in ("", "conf", "queue", "data", "log", "mail"):
            (d / name).mkdir(exist_ok=True)
            (d / name).chmod(0o755)
        for name in ("data", "mail"):
            os.chown(d / name, wer.pw_uid, wer.pw_gid)
        for oben in d.parents:  # the mail owner must reach its folders
            oben.chmod(oben.stat().st_mode | 0o111)
        zert = zertifikate.ca.issue_cert("127.0.0.1", "localhost")
        (d / "server.pem").write_bytes(zert.private_key_pem.bytes() + b"".join(c.bytes() for c in zert.cert_chain_pems))
        self.adressen = adressen
        self.schreibe({})
        (d / "conf" / "master.cf").write_text(MASTER.format(start=self.start, tls=self.tls))
        self.befehl("start")
        warte(lambda: all(self.lauscht(p) for p in (self.start, self.tls)))

    def schreibe(self, antworten):
        import pwd
        wer = pwd.getpwnam("postfix")
        fach = ", ".join(f"{{ {a} = {a}/ }}" for a in self.adressen)
        text = ", ".join(f"{{ {a} = {w} }}" for a, w in antworten.items()) or "{ niemand@example.org = OK }"
        (self.d / "conf" / "main.cf").write_text(MAIN.format(d=self.d, uid=wer.pw_uid, gid=wer.pw_gid, fach=fach, antworten=text))

    def befehl(self, was):
        return subprocess.run([POSTFIX, "-c", str(self.d / "conf"), was], capture_output=True, text=True, timeout=60)

    @staticmethod
    def lauscht(port):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    def bekommen(self):
        """(address, message id) → how often, from the maildirs."""
        return Counter((p.parents[1].name, str(message_from_bytes(p.read_bytes(), policy=policy.default)["Message-ID"]))
                       for p in (self.d / "mail").glob("*/new/*"))


def test_a_real_mail_server_gets_every_message_once(tmp_path, traeger, monkeypatch):
    small_notebook(tmp_path / "klein.ipynb")
    lauf(tmp_path, traeger, tmp_path / "klein.ipynb")
    verteiler = lies(tmp_path / "bestand")[0]["verteiler"]
    adressen = sorted(set(verteiler["email"]))
    zertifikate = Zertifikate(tmp_path)
    server = Postfix(tmp_path / "postfix", zertifikate, adressen)
    try:
        def sende(port, art, *mehr):
            for k, w in {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port), "SMTP_TLS": art, "SMTP_CA": str(zertifikate.datei),
                         "MAIL_FROM": "teilhabe@amt.example.org"}.items():
                monkeypatch.setenv(f"TRAEGER_{k}", w)
            return traeger("mail", "2026Q1", tmp_path / "bestand", "--out", tmp_path / "aus", "--send", "--yes", *mehr)
        weg, spaeter = adressen[0], adressen[1]
        server.schreibe({weg: "550 5.1.1 unbekannt", spaeter: "451 4.7.1 spaeter"})
        server.befehl("reload")
        ergebnis = sende(server.start, "starttls")
        stand = {a: s for a, _, s, _ in buch(tmp_path / "aus")}
        assert ergebnis.exit_code == 1 and (stand.pop(weg), stand.pop(spaeter)) == ("refused", "failed"), ergebnis.output
        assert set(stand.values()) == {"sent"}
        server.schreibe({})
        server.befehl("reload")
        sende(server.tls, "tls")  # what was put off goes out now, over implicit TLS
        nr = next(z.split(":")[0] for z in sende(server.tls, "tls").output.splitlines() if z.startswith("Nr. ")).removeprefix("Nr. ")
        assert sende(server.tls, "tls", "--resolve", f"{nr}=offen").exit_code == 0
        warte(lambda: sum(server.bekommen().values()) >= len(verteiler))
        assert set(server.bekommen().values()) == {1} and {a for a, _ in server.bekommen()} == set(adressen)
        assert sende(server.start, "starttls").exit_code == 0 and sum(server.bekommen().values()) == len(verteiler)
        fremd = Zertifikate(tmp_path / "postfix")
        monkeypatch.setattr(zertifikate, "datei", fremd.datei)
        shutil.rmtree(tmp_path / "aus" / "postausgang")
        for marke in (tmp_path / "aus").glob("*/versandt.json"):
            marke.unlink()
        for port, art in ((server.start, "starttls"), (server.tls, "tls")):
            assert "Zertifikat wird nicht anerkannt" in sende(port, art).output
        assert sum(server.bekommen().values()) == len(verteiler)
    finally:
        server.befehl("stop")
