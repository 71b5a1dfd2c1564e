"""Sending: each SMTP step fails once, senders are killed and doubled, certificates are wrong; nothing is lost, doubled or leaked."""

import datetime
import os
import re
import shutil
import signal
import smtplib
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import trustme
from poststelle import MUSTER, Poststelle, Zertifikate, buch, lauf, mit_vertretung, nicht_erfunden, stimmt, umgebung, warte
from test_whole_or_absent import small_notebook

from traeger_lib.analysis.periods import Quartal
from traeger_lib.inputs.faults import TraegerFehler
from traeger_lib.inputs.reading import lies
from traeger_lib.operations import batch, folder, mail, outbox
from traeger_lib.operations import manifest as m

ROOT = Path(__file__).parents[1]
Q = Quartal.aus("2026Q1")


@pytest.fixture(scope="module")
def zertifikate(tmp_path_factory):
    return Zertifikate(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def vorlage(tmp_path_factory, traeger):
    ordner = tmp_path_factory.mktemp("post")
    small_notebook(ordner / "klein.ipynb")
    lauf(ordner, traeger, ordner / "klein.ipynb")
    with (ordner / "bestand" / "verteiler.csv").open("a", encoding="utf-8") as f:  # a third recipient for the first provider
        f.write(f"{lies(ordner / 'bestand')[0].traeger_ids[0]};Dora Drei;drei@example.org;leistungserbringer\n")
    return ordner


@pytest.fixture
def post(vorlage, tmp_path, monkeypatch, zertifikate, traeger):
    """A copy of the run, a server with STARTTLS, and `post.sende(…)` = `traeger mail … --send --yes`."""
    for name in ("bestand", "aus"):
        shutil.copytree(vorlage / name, tmp_path / name)
    server = Poststelle(kontext=zertifikate.kontext())
    server.start()

    class Post:
        bestand, aus, ids = tmp_path / "bestand", tmp_path / "aus", lies(tmp_path / "bestand")[0].traeger_ids

        def sende(self, *mehr, **env):
            for k in [k for k in os.environ if k.startswith("TRAEGER_")]:
                monkeypatch.delenv(k)
            for k, w in (umgebung(self.server, zertifikate.datei) | env).items():
                monkeypatch.setenv(k, w)
            return traeger("mail", "2026Q1", self.bestand, "--out", self.aus, "--send", "--yes", *mehr)
    p = Post()
    p.server = server
    yield p
    p.server.stop()


def alle(post):
    """Everyone who must get something: three providers' contract parties, one more, and the Interessenvertretungen."""
    return Counter(a for a in lies(post.bestand)[0]["verteiler"]["email"])


def test_everyone_gets_exactly_their_own_once_and_a_second_run_sends_nothing(post):
    ergebnis = post.sende()
    assert ergebnis.exit_code == 0, ergebnis.output
    assert Counter(a for a, _ in post.server.post) == alle(post) and len(post.server.post) == 10
    for an, nachricht in post.server.post:
        i, quartal, _ = nachricht["X-Traegerbudget"].split()
        verteiler = lies(post.bestand)[0]["verteiler"]
        zeilen = verteiler[verteiler["email"] == an]
        assert list(zeilen["traeger_id"]) == [i] and quartal == "2026Q1"
        anhaenge = {a.get_filename().removeprefix(f"{i}_2026Q1_") for a in nachricht.iter_attachments()}
        parteien = {"bericht.html", "tabellen.xlsx", "bsc.docx"}
        assert anhaenge == ({"bericht_interessenvertretung.html"} if zeilen["rolle"].iloc[0] == "interessenvertretung" else parteien)
        assert not nachricht["X-Unsent"] and nachricht["Date"] and nachricht["From"] == "teilhabe@amt.example.org"
        assert nachricht["Message-ID"].endswith("@amt.example.org>") and not nachricht["Bcc"]
    assert stimmt(post.aus, post.server) == {"sent": 10}
    assert all(m.ist_versandt(post.aus / i) for i in post.ids)
    assert post.sende().exit_code == 0 and len(post.server.post) == 10


def test_asked_twice_for_a_provider_it_is_sent_once_and_a_person_may_say_no(post):
    assert post.sende("--only", post.ids[0], "--only", post.ids[0]).exit_code == 0 and len(post.server.post) == 4
    assert stimmt(post.aus, post.server) == {"sent": 4}
    from typer.testing import CliRunner

    from traeger_lib.cli import app
    befehl = ["mail", "2026Q1", str(post.bestand), "--out", str(post.aus), "--send"]
    assert CliRunner().invoke(app, befehl, input="").exit_code == 1  # nobody there
    nein = CliRunner().invoke(app, befehl, input="n\n")
    assert "4 Nachrichten an 6 Empfangende versenden?" in nein.output and len(post.server.post) == 4
    ja = CliRunner().invoke(app, befehl, input="ja\n")
    assert ja.exit_code == 0 and len(post.server.post) == 10


def test_drafts_have_the_same_bytes_and_a_repeated_message_its_id(post, traeger):
    def entwuerfe():
        assert traeger("mail", "2026Q1", post.bestand, "--out", post.aus).exit_code == 0
        return {p.name: p.read_bytes() for p in (post.aus / "postausgang").glob("*.eml")}
    erste = entwuerfe()
    assert len(erste) == 6 and erste == entwuerfe() and all(b"X-Unsent: 1" in e for e in erste.values())

    def kennungen():
        return {p.name: re.search(rb"Message-ID: <(\w+)@", p.read_bytes())[1] for p in (post.aus / "postausgang").glob("*.eml")}
    entwurf = kennungen()
    post.server.stoerung = {"RCPT": {"drei@example.org": "451 later"}}
    post.sende()
    assert kennungen() == entwurf
    post.server.stoerung = {}
    post.sende()
    assert kennungen() == entwurf
    drei = {str(n["Message-ID"]) for a, n in post.server.post if a == "drei@example.org"}
    assert len(drei) == 1 and drei <= {str(n["Message-ID"]) for a, n in post.server.post if a != "drei@example.org"}


STOERUNGEN = {  # what goes wrong once → states of the three recipients of the first provider after it
    "sender refused": ({"MAIL": "550 not you"}, {"failed": 3}),
    "sender later": ({"MAIL": "451 later"}, {"failed": 3}),
    "one of three refused": ({"RCPT": {"drei@example.org": "550 unknown"}}, {"sent": 2, "refused": 1}),
    "one of three later": ({"RCPT": {"drei@example.org": "451 greylisted"}}, {"sent": 2, "failed": 1}),
    "data refused": ({"DATA": "554 no"}, {"refused": 3}),
    "data later": ({"DATA": "451 later"}, {"failed": 3}),
    "content refused": ({"final": "554 no"}, {"refused": 3}),
    "content later": ({"final": "452 full"}, {"failed": 3}),
    "drop at greeting": ({"EHLO": "drop"}, {"failed": 3}),
    "drop at sender": ({"MAIL": "drop"}, {"failed": 3}),
    "drop at recipient": ({"RCPT": {"drei@example.org": "drop"}}, {"failed": 3}),
    "drop at data": ({"DATA": "drop"}, {"failed": 3}),
    "drop during content": ({"content": "drop"}, None),  # failed or unknown, as far as the bytes got
    "drop before the final reply, not kept": ({"final": "drop"}, {"unknown": 3}),
    "drop before the final reply, kept": ({"final": "kept drop"}, {"unknown": 3}),
    "drop after the final reply": ({"QUIT": "drop"}, {"sent": 3}),
    "silence at greeting": ({"EHLO": "sleep"}, {"failed": 3}),
    "silence at sender": ({"MAIL": "sleep"}, {"failed": 3}),
    "silence at data": ({"DATA": "sleep"}, {"failed": 3}),
    "silence after the content, not kept": ({"final": "sleep"}, {"unknown": 3}),
    "silence after the content, kept": ({"final": "kept sleep"}, {"unknown": 3}),
    "nonsense as final reply": ({"final": "kept hm"}, {"unknown": 3}),
}


AUSFUEHRLICH = {  # much like others; in `make soak`
    "sender later", "data later", "content refused", "drop at recipient", "drop at data", "silence at greeting", "silence at sender",
    "silence after the content, not kept", "nonsense as final reply"}


@pytest.mark.parametrize("was", [pytest.param(w, marks=[pytest.mark.soak] * (w in AUSFUEHRLICH)) for w in STOERUNGEN])
def test_each_step_fails_once(post, was):
    stoerung, erwartet = STOERUNGEN[was]
    i = post.ids[0]
    parteien = [a for a, rolle in lies(post.bestand)[0].nur(i)["verteiler"][["email", "rolle"]].itertuples(index=False)
                if rolle != "interessenvertretung"]
    shutil.rmtree(post.aus / post.ids[1])
    post.server.stoerung = stoerung
    with pytest.MonkeyPatch.context() as kurz:  # only the silent step may run out of time, however slow the machine
        if "silence" in was:
            kurz.setattr(outbox, "SCHLUSS_S" if "after" in was else "ZEITLIMIT_S", 1)
        ergebnis = post.sende("--only", i)
    stand = Counter(s for a, _, s, _ in buch(post.aus) if a in parteien)
    if erwartet:
        assert stand == erwartet, ergebnis.output
        assert ergebnis.exit_code == int(set(erwartet) != {"sent"})
    stimmt(post.aus, post.server)
    moeglich = {"sent", "unknown"} & set(stand)
    assert m.ist_versandt(post.aus / i) == bool(moeglich | {s for _, _, s, _ in buch(post.aus)} & {"sent", "unknown"})
    # the fault is gone: what was open goes out, what is unclear or refused waits
    post.server.stoerung = {}
    post.sende("--only", i)
    danach = stimmt(post.aus, post.server)
    assert set(danach) <= {"sent", "unknown", "refused"}
    nachher = Counter(s for a, _, s, _ in buch(post.aus) if a in parteien)
    assert nachher["unknown"] == stand["unknown"] and nachher["refused"] == stand["refused"]
    assert sum(nachher.values()) == 3


def test_a_person_decides_what_is_unclear(post):
    i = post.ids[0]
    post.server.stoerung = {"final": "drop"}
    ergebnis = post.sende("--only", i)
    assert "Nr. 1:" in ergebnis.output and "--resolve 1=versandt" in ergebnis.output and "unklar" in ergebnis.output
    post.server.stoerung = {}
    assert post.sende("--only", i, "--resolve", "1=versandt", "--resolve", "2=offen").exit_code == 1  # others are still unclear
    erster, zweiter = (z for nr, z in sorted(zip(_nummern(post.aus), _adressen(post.aus), strict=True))[:2])
    assert Counter(a for a, _ in post.server.post)[zweiter] == 1 and not Counter(a for a, _ in post.server.post)[erster]
    for falsch in ("99=offen", "1=offen", "2=weg", "x"):
        ergebnis = post.sende("--resolve", falsch)
        assert ergebnis.exit_code == 2 and "--resolve" in ergebnis.output


def _spalte(aus, name):
    db = sqlite3.connect(aus / "postausgang" / "versand.sqlite")
    werte = [w for w, in db.execute(f"SELECT {name} FROM versand ORDER BY nr")]
    db.close()
    return werte


def _nummern(aus):
    return _spalte(aus, "nr")


def _adressen(aus):
    return _spalte(aus, "adresse")


# ── TLS or nothing ──────────────────────────────────────────────────────────────────────────────────────────────


def test_implicit_tls_and_login(post, zertifikate):
    sicher = Poststelle(kontext=zertifikate.kontext(), sofort_tls=True)
    sicher.start()
    try:
        ergebnis = post.sende(TRAEGER_SMTP_PORT=str(sicher.port), TRAEGER_SMTP_TLS="tls")
        assert ergebnis.exit_code == 0 and len(sicher.post) == 10
        stimmt(post.aus, sicher)
    finally:
        sicher.stop()


def test_login_over_starttls_and_the_password_is_nowhere(post, zertifikate):
    server = Poststelle(kontext=zertifikate.kontext(), anmeldung=("amt", "GEHEIM-4711"))
    server.start()
    try:
        env = {"TRAEGER_SMTP_PORT": str(server.port), "TRAEGER_SMTP_USER": "amt"}
        falsch = post.sende(**env, TRAEGER_SMTP_PASSWORD="GEHEIM-falsch")
        assert falsch.exit_code == 1 and "Die Anmeldung wurde abgelehnt." in falsch.output and not server.post
        gut = post.sende(**env, TRAEGER_SMTP_PASSWORD="GEHEIM-4711")
        assert gut.exit_code == 0 and len(server.post) == 10
    finally:
        server.stop()
    umlaut = post.sende(**env, TRAEGER_SMTP_PASSWORD="GEHEIM-äöü")
    assert umlaut.exit_code == 2 and "TRAEGER_SMTP_PASSWORD" in umlaut.output
    assert all("GEHEIM" not in e.output and "GEHEIM" not in str(e.exception) for e in (falsch, gut, umlaut))
    assert not [p for p in post.aus.rglob("*") if p.is_file() and b"GEHEIM" in p.read_bytes()]
    daten = lies(post.bestand)[0]
    zugang = outbox.Zugang.aus(umgebung(server, zertifikate.datei) | env | {"TRAEGER_SMTP_PASSWORD": "GEHEIM-4711"}, daten)
    assert "GEHEIM" not in repr(zugang)
    with pytest.raises(outbox.NichtVerbunden) as e:
        zugang.verbinde()  # the server is gone
    assert "GEHEIM" not in str(e.value) and e.value.__cause__ is None and e.value.__context__ is None


def _vergangen():
    return datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)


UNSICHER = {
    "no TLS": (lambda z: {"starttls": False}, "Der Server bietet kein TLS an."),
    "unknown CA": (lambda z: {"kontext": z.kontext(ca=trustme.CA())}, "Der Aussteller ist unbekannt."),
    "expired": (lambda z: {"kontext": z.kontext("127.0.0.1", not_before=_vergangen() - datetime.timedelta(9), not_after=_vergangen())},
                "Es ist abgelaufen."),
    "wrong host": (lambda z: {"kontext": z.kontext("anders.example.org")}, "Zertifikat"),
}


@pytest.mark.parametrize("sofort", [False, True], ids=["starttls", "implicit"])
@pytest.mark.parametrize("was", UNSICHER)
def test_an_unsafe_server_gets_no_byte_of_a_report_and_no_password(post, zertifikate, was, sofort):
    wie, wort = UNSICHER[was]
    server = Poststelle(**wie(zertifikate), sofort_tls=sofort and was != "no TLS")
    server.start()
    try:
        ergebnis = post.sende(TRAEGER_SMTP_PORT=str(server.port), TRAEGER_SMTP_TLS="tls" if sofort else "starttls",
                              TRAEGER_SMTP_USER="amt", TRAEGER_SMTP_PASSWORD="GEHEIM-4711")
        assert ergebnis.exit_code == 1 and "Es wurde nichts übertragen." in ergebnis.output
        if not (sofort and was == "no TLS"):
            assert wort in ergebnis.output
        assert not server.post and b"MAIL" not in server.gesehen.upper() and b"AUTH" not in server.gesehen and MUSTER not in server.gesehen
    finally:
        server.stop()
    assert {s for _, _, s, _ in buch(post.aus)} <= {"queued", "failed"} and not m.ist_versandt(post.aus / post.ids[0])
    assert post.sende().exit_code == 0  # a safe server gets what stayed open
    assert stimmt(post.aus, post.server) == {"sent": 10}


def test_no_server_no_variables_and_odd_ones_are_told(post, monkeypatch, traeger, zertifikate):
    assert "TRAEGER_SMTP_HOST, TRAEGER_MAIL_FROM" in traeger("mail", "2026Q1", post.bestand, "--out", post.aus, "--send", "--yes").output
    ergebnis = post.sende(TRAEGER_SMTP_PORT="1")
    assert ergebnis.exit_code == 1 and "nicht erreichbar" in ergebnis.output
    for name, wert in (("SMTP_PORT", "x"), ("SMTP_PORT", "70000"), ("SMTP_TLS", "ohne"), ("SMTP_CA", "/gibt/es/nicht"),
                       ("MAIL_MAX_MB", "viel"), ("MAIL_FROM", "amt@example.org\r\nBcc: x@example.org"),
                       ("MAIL_FROM", "Amt <amt@example.org>")):
        with pytest.raises(TraegerFehler, match=f"TRAEGER_{name}"):
            outbox.Zugang.aus(umgebung(post.server, zertifikate.datei) | {f"TRAEGER_{name}": wert}, lies(post.bestand)[0])


def test_a_message_that_is_too_large_is_refused_clearly_here_and_by_the_server(post, zertifikate):
    anhang = post.aus / post.ids[0] / "bericht.html"
    anhang.write_bytes(anhang.read_bytes() + b"<!--" + os.urandom(1_200_000).hex().encode() + b"-->")
    manifest = m.lies_json(post.aus / post.ids[0] / "manifest.json")
    manifest["dateien"]["bericht.html"] = m.sha256(anhang)
    m.schreibe_json(post.aus / post.ids[0] / "manifest.json", manifest)
    ergebnis = post.sende(TRAEGER_MAIL_MAX_MB="2")
    assert ergebnis.exit_code == 1 and "MB, erlaubt sind 2,0 MB." in ergebnis.output
    assert stimmt(post.aus, post.server) == {"failed": 3, "sent": 7}
    post.server.stop()
    post.server = Poststelle(kontext=zertifikate.kontext(), groesse=3_000_000)
    post.server.start()
    assert "erlaubt sind 3,0 MB" in post.sende(TRAEGER_MAIL_MAX_MB="50").output and not post.server.post


# ── never the wrong one, never invented, never twice ────────────────────────────────────────────────────────────


def test_invented_data_are_never_sent(post, beispiel):
    shutil.copy(beispiel / "bestand.toml", post.bestand / "bestand.toml")
    ergebnis = post.sende()
    assert ergebnis.exit_code == 2
    toml = (post.bestand / "bestand.toml").read_text()
    (post.bestand / "bestand.toml").write_text(toml.replace("erfunden = true", ""))  # the remark alone says it too
    shutil.rmtree(post.aus / "postausgang", ignore_errors=True)
    ergebnis = post.sende("--force", "--reason", "muss")
    assert ergebnis.exit_code == 2 and "nie versandt" in ergebnis.output and not post.server.gesehen
    nicht_erfunden(post.bestand)
    for i in post.ids:  # the reports were made from invented data
        manifest = m.lies_json(post.aus / i / "manifest.json") | {"erfunden": True}
        m.schreibe_json(post.aus / i / "manifest.json", manifest)
    assert "Die Daten sind erfunden." in post.sende("--force", "--reason", "muss").output and not post.server.gesehen


def test_a_stale_report_goes_out_only_with_a_reason_and_with_its_own_sentences(post):
    pfad = post.bestand / "termine.csv"
    pfad.write_text(pfad.read_text().replace("Musterstadt", "Musterdorf"))
    ergebnis = post.sende()
    assert ergebnis.exit_code == 1 and "passt nicht zum heutigen Stand der Daten" in ergebnis.output and not post.server.post
    assert post.sende("--force").exit_code == 2 and post.sende("--reason", "weil").exit_code == 2
    assert post.sende("--force", "--reason", "Frist läuft ab").exit_code == 0
    assert set(_spalte(post.aus, "begruendung")) == {"Frist läuft ab"}
    for _, n in post.server.post:
        i, _, art = n["X-Traegerbudget"].split()
        text, eigene = n.get_body(("plain",)).get_content(), m.lies_json(post.aus / i / "manifest.json")["saetze"]
        assert all((s["text"].replace("\u00a0", " ") in text.replace("\u00a0", " ")) == (art == "bericht") for s in eigene)


def test_a_mended_address_makes_no_report_stale_and_only_the_new_one_gets_it(post):
    pfad = post.bestand / "verteiler.csv"
    post.server.stoerung = {"RCPT": {"drei@example.org": "550 unknown"}}
    post.sende()
    pfad.write_text(pfad.read_text().replace("drei@", "vier@"))
    davor = len(post.server.post)
    assert post.sende().exit_code == 0
    assert [a for a, _ in post.server.post[davor:]] == ["vier@example.org"]


def test_files_that_were_exchanged_are_not_sent(post):
    a, b = (post.aus / i for i in post.ids[:2])
    for name in ("bericht.html", "tabellen.xlsx"):
        davor = (a / name).read_bytes()
        (a / name).write_bytes((b / name).read_bytes())
        assert "stimmen nicht mit dem Manifest überein" in post.sende("--only", a.name).output
        manifest = m.lies_json(a / "manifest.json")
        m.schreibe_json(a / "manifest.json", manifest | {"dateien": manifest["dateien"] | {name: m.sha256(a / name)}})
        ergebnis = post.sende("--only", a.name)  # even where the manifest was made to fit
        assert ergebnis.exit_code == 1 and "nennt einen anderen Träger" in ergebnis.output
        (a / name).write_bytes(davor)
        m.schreibe_json(a / "manifest.json", manifest)
    assert not [n for _, n in post.server.post if n["X-Traegerbudget"].endswith("bericht")]


def test_two_senders_at_once_one_works_the_other_says_so(post, zertifikate):
    post.server.stoerung = {"final": "kept sleep"}
    befehl = [sys.executable, "-m", "traeger_lib.cli", "mail", "2026Q1", str(post.bestand), "--out", str(post.aus), "--send", "--yes",
              "--only", post.ids[0]]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **umgebung(post.server, zertifikate.datei)}
    erster = subprocess.Popen(befehl, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        warte(lambda: post.server.post)
        zweiter = post.sende()
        assert zweiter.exit_code == 2 and f"läuft schon ein Lauf (Prozess {erster.pid} auf " in zweiter.output
        with pytest.raises(TraegerFehler, match="läuft schon"), folder.sperre(post.aus):
            pass  # a batch is locked out too
    finally:
        post.server.stoerung = {}
        erster.communicate(timeout=60)
    assert stimmt(post.aus, post.server)["unknown"] == 3


def test_a_lost_or_broken_ledger_sends_nothing_again(post):
    post.sende()
    davor = len(post.server.post)
    (post.aus / "postausgang" / "versand.sqlite").unlink()
    ergebnis = post.sende()
    assert ergebnis.exit_code == 1 and "das Versandbuch weiß davon nichts" in ergebnis.output and len(post.server.post) == davor
    (post.aus / "postausgang" / "versand.sqlite").write_bytes(b"kein Buch" * 500)
    ergebnis = post.sende()
    assert ergebnis.exit_code == 2 and "Versandbuch" in ergebnis.output and len(post.server.post) == davor


def test_a_corrected_report_goes_out_as_correction_and_says_what_changed(post, traeger, monkeypatch, vorlage):
    monkeypatch.setattr(batch, "NOTEBOOK", vorlage / "klein.ipynb")
    assert post.sende().exit_code == 0
    toml = post.bestand / "bestand.toml"
    toml.write_text(toml.read_text().replace('datenstand = ', 'hinweis = "Nachgemeldet."\ndatenstand = '))
    assert traeger("quarter", "2026Q1", post.bestand, "--out", post.aus).exit_code == 0
    for i in post.ids:
        mit_vertretung(post.aus / i)
        manifest = m.lies_json(post.aus / i / "manifest.json")
        manifest["korrektur"] += " Puffer 5,00 statt 4,00."
        m.schreibe_json(post.aus / i / "manifest.json", manifest)
    davor = len(post.server.post)
    ergebnis = post.sende()
    neue = [n for _, n in post.server.post[davor:] if n["X-Traegerbudget"].endswith("bericht")]
    assert len(neue) == 7, ergebnis.output
    for n in neue:
        assert n["Subject"].startswith("Korrektur: Steuerungsbericht 1. Quartal 2026 – ")
        text = n.get_body(("plain",)).get_content()
        assert "Korrigierte Fassung 2; sie ersetzt Fassung 1. Geändert: Daten." in text and "5,00 statt 4,00" in text
        assert "anbei der korrigierte Steuerungsbericht (Fassung 2)" in text and "; bitte Fassung 1 nicht mehr verwenden." in text
    andere = [n.get_body(("plain",)).get_content() for _, n in post.server.post[davor:] if n["X-Traegerbudget"].endswith("vertretung")]
    assert len(andere) == 3 and all("Geändert: Daten." in t and "5,00" not in t for t in andere)
    assert all((post.aus / "postausgang" / f"{post.ids[0]}{x}.eml").exists() for x in ("", ".fassung-2"))


def test_after_the_meeting_the_scorecard_goes_out_once_as_minutes(post, monkeypatch):
    class Heute(datetime.date):
        @classmethod
        def today(cls):
            return tag
    monkeypatch.setattr(mail, "date", Heute)
    tag = datetime.date(2026, 4, 1)
    assert "Das Gespräch ist erst am" in post.sende("--after").output and not post.server.post
    tag = datetime.date(2026, 6, 1)
    ergebnis = post.sende("--after")
    assert ergebnis.exit_code == 1 and not post.server.post
    assert re.search(r"Nach dem Gespräch am 0\d\.05\.2026 ist keine Scorecard eingelesen; zuerst „traeger bsc import“ \(oder --force mit "
                     r"--reason, wenn sich nichts geändert hat\)\.", ergebnis.output)
    assert post.sende("--after", "--only", post.ids[0], "--force", "--reason", "alles wie zuvor").exit_code == 0
    assert len(post.server.post) == 3
    assert "blieb sie unverändert. Sie dient als Protokoll." in post.server.post[0][1].get_body(("plain",)).get_content()
    neuer_stand(post, "2026-05-03")  # the day before the first meeting
    assert post.sende("--after", "--only", post.ids[0]).exit_code == 1
    neuer_stand(post, "2026-05-20")
    post.server.post.clear()
    assert post.sende("--after").exit_code == 0
    assert len(post.server.post) == 7  # contract parties only
    for _, n in post.server.post:
        assert n["Subject"].startswith("Protokoll zum Steuerungsgespräch 1. Quartal 2026 – ")
        assert {Path(a.get_filename()).suffix for a in n.iter_attachments()} == {".docx", ".xlsx"}
        assert "fortgeschrieben wurde. Sie dient als Protokoll." in n.get_body(("plain",)).get_content()
    assert post.sende("--after").exit_code == 0 and len(post.server.post) == 7
    pfad = post.bestand / "massnahmen.csv"  # carried on: the minutes differ and go out again
    pfad.write_text(pfad.read_text().replace(";laufend;", ";abgeschlossen;"))
    post.sende("--after")
    assert len(post.server.post) > 7
    assert not any(m.ist_versandt(post.aus / i) for i in post.ids)


def neuer_stand(post, tag):
    """Each provider's scorecard gets a state of this day, as `traeger bsc import` writes it."""
    pfad = post.bestand / "massnahmen.csv"
    frame = pd.read_csv(pfad, sep=";", dtype=str)
    neu = frame[frame["stand"].isna()].drop_duplicates("traeger_id").assign(stand=tag)
    pd.concat([frame, neu]).to_csv(pfad, sep=";", index=False)


def entwurf(pfad, traeger_id, art="bericht", *, gesendet=False):
    pfad.parent.mkdir(exist_ok=True)
    zeile = "Date: Mon, 20 Apr 2026 10:00:00 +0200" if gesendet else "X-Unsent: 1"
    pfad.write_bytes(f"Subject: x\r\nX-Traegerbudget: {traeger_id} 2026Q1 {art}\r\n{zeile}\r\n\r\nX-Unsent: 1\r\n".encode())


def test_no_draft_outlives_its_report_and_copies_of_what_was_sent_stay(post, traeger, monkeypatch, vorlage):
    monkeypatch.setattr(batch, "NOTEBOOK", vorlage / "klein.ipynb")
    a, b, c = post.ids
    aus, mail_, quarter = post.aus / "postausgang", ("mail", "2026Q1", post.bestand, "--out", post.aus), (
        "quarter", "2026Q1", post.bestand, "--out", post.aus)

    def da():
        return {p.name for p in aus.glob("*.eml")}
    alle_neu = {f"{i}{x}.eml" for i in post.ids for x in ("", "_interessenvertretung")}
    for name, wer, art in ((f"{a}.fassung-7.eml", a, "bericht"), (f"{a}_X.eml", f"{a}_X", "bericht"), ("WEG.eml", "WEG", "bericht"),
                           (f"{a}_protokoll.eml", a, "protokoll")):
        entwurf(aus / name, wer, art)
    entwurf(aus / f"{a}.fassung-8.eml", a, gesendet=True)
    (aus / "fremd.eml").write_text("Subject: von Hand abgelegt\n\nX")
    bleibt = {f"{a}_protokoll.eml", f"{a}.fassung-8.eml", "fremd.eml"}
    assert traeger(*mail_, "--only", a).exit_code == 0  # of one provider: the others' wait
    assert da() == bleibt | {f"{a}.eml", f"{a}_interessenvertretung.eml", f"{a}_X.eml", "WEG.eml"}
    assert traeger(*mail_).exit_code == 0 and da() == alle_neu | bleibt
    # a report that is replaced, one whose data are broken, one that fails
    pfad = post.bestand / "personal.csv"
    gut, angebot = pfad.read_text(), lies(post.bestand)[0].nur(b)["angebote"]["angebot_id"].iloc[0]
    zeile = next(z for z in gut.splitlines() if z.startswith(f"{angebot};"))
    pfad.write_text(gut.replace(zeile, ";".join([*zeile.split(";")[:3], "x", *zeile.split(";")[4:]]), 1))
    small_notebook(post.aus.parent / "kaputt.ipynb", f"assert traeger_id != '{c}'")
    monkeypatch.setattr(batch, "NOTEBOOK", post.aus.parent / "kaputt.ipynb")
    ergebnis = traeger(*quarter)
    assert ergebnis.exit_code == 1 and da() == bleibt, ergebnis.output
    for i in (b, c):
        war = "passt nicht mehr zu den Daten und " * (i == b)  # those of the other are as they were
        assert re.search(rf"{i}: fehlgeschlagen \(.* Der bisherige Bericht {war}wurde entfernt\.\)", ergebnis.output)
    assert "bisherige" not in traeger(*quarter, "--retry-failed").output  # there was none
    # the overview shows the drafts that are there, and the command for those that are not
    assert traeger(*mail_).exit_code == 1 and da() == bleibt | {f"{a}.eml", f"{a}_interessenvertretung.eml"}
    seite = (post.aus / "index.html").read_text()
    assert f'href="postausgang/{a}.eml"' in seite and f'href="postausgang/{a}_protokoll.eml"' in seite and f"postausgang/{b}" not in seite
    befehl = f"traeger quarter 2026Q1 {post.bestand} --out {post.aus} --retry-failed"
    assert seite.count(befehl) == 2 and "Grund beheben, dann:" in seite
    for x in ("", "_interessenvertretung", "_protokoll"):
        (aus / f"{a}{x}.eml").unlink()
    traeger(*quarter)
    assert f"ansehen, dann Nachrichten schreiben: <code>traeger mail 2026Q1 {post.bestand} --out {post.aus}</code>" in (
        post.aus / "index.html").read_text()


def test_a_correction_that_waits_is_called_one_everywhere(post, traeger, monkeypatch, vorlage):
    monkeypatch.setattr(batch, "NOTEBOOK", vorlage / "klein.ipynb")
    assert post.sende().exit_code == 0
    seite = post.aus / "index.html"
    heute = datetime.date.today()
    ging = f"Fassung 1 ging am {heute:%d.%m.%Y} hinaus"
    assert seite.read_text().count("versandt<") == 3 and seite.read_text().count(ging) == 3  # written anew after sending
    assert not list(post.aus.glob("*.fassung-*"))
    assert traeger("quarter", "2026Q1", post.bestand, "--out", post.aus).output.count(f"unverändert ({ging})") == 3
    toml = post.bestand / "bestand.toml"
    toml.write_text(re.sub(r"datenstand = \S+", "datenstand = 2026-04-20", toml.read_text()))
    ergebnis = traeger("quarter", "2026Q1", post.bestand, "--out", post.aus)
    satz = f"Fassung 2, Korrektur; {ging}"
    assert ergebnis.output.count(f"fertig (neuer Datenstand 20.04.2026; {satz})") == 3
    assert traeger("quarter", "2026Q1", post.bestand, "--out", post.aus).output.count(f"unverändert ({satz})") == 3
    assert seite.read_text().count(satz) == 3
    for i in post.ids:
        manifest = m.lies_json(post.aus / i / "manifest.json")
        warum = "Korrigierte Fassung 2; sie ersetzt Fassung 1. Neuer Datenstand 20.04.2026."
        assert manifest["korrektur"].startswith(f"{warum} ") and manifest["korrektur_ohne_zahlen"] == warum
    tag = heute.isoformat()
    assert f"versandt am {heute:%d.%m.%Y}" in traeger("calendar", "2026Q1", post.bestand, "--out", post.aus, "--today", tag).output


# ── killed at every step ────────────────────────────────────────────────────────────────────────────────────────


def _sende_in_kind(post, zertifikate, toedlich):
    """One sender in a forked child that is killed at its nth step (0: none); returns the number of steps where it ended by itself."""
    lesen, schreiben = os.pipe()
    pid = os.fork()
    if pid:
        os.close(schreiben)
        with os.fdopen(lesen) as f:
            text = f.read()
        os.waitpid(pid, 0)
        return int(text) if text else None
    try:
        schritte = [0]

        def schritt():
            schritte[0] += 1
            if schritte[0] == toedlich:
                os.kill(os.getpid(), signal.SIGKILL)

        def umrahmt(f):
            def neu(*a, **k):
                schritt()
                ergebnis = f(*a, **k)
                schritt()
                return ergebnis
            return neu
        for wo, name in ((outbox.Buch, "setze"), (outbox.Buch, "reihe_ein"), (outbox.Buch, "markiere"), (mail, "schreibe"),
                         (smtplib.SMTP, "send"), (smtplib.SMTP, "getreply")):
            setattr(wo, name, umrahmt(getattr(wo, name)))
        bestand = lies(post.bestand)[0]
        zugang = outbox.Zugang.aus(umgebung(post.server, zertifikate.datei), bestand)
        with outbox.geoeffnet(Q, post.bestand, post.aus) as (bestand, b):
            liste = outbox.plane(Q, bestand, post.aus, b, nur=post.ids[:1], danach=False, begruendung="")
            outbox.versende(liste, bestand, Q, post.aus, b, zugang)
        os.write(schreiben, str(schritte[0]).encode())
    finally:
        os._exit(0)


def _toete(post, zertifikate, wahl, vorlage):
    for n in wahl:
        shutil.rmtree(post.aus)
        shutil.copytree(vorlage / "aus", post.aus)
        post.server.post.clear()
        assert _sende_in_kind(post, zertifikate, n) is None, n
        vorher = {(a, art): s for a, art, s, _ in buch(post.aus)} if (post.aus / "postausgang" / "versand.sqlite").exists() else {}
        assert _sende_in_kind(post, zertifikate, 0)
        stand = stimmt(post.aus, post.server)
        nachher = {(a, art): s for a, art, s, _ in buch(post.aus)}
        assert len(nachher) == 4 and set(stand) <= {"sent", "unknown"}, (n, stand)
        assert all(nachher[k] == "unknown" for k, s in vorher.items() if s == "unknown")
        assert m.ist_versandt(post.aus / post.ids[0])


linux = pytest.mark.skipif(sys.platform != "linux", reason="fork")


@linux
def test_killed_at_a_sample_of_steps_no_message_is_lost_or_doubled(post, zertifikate, vorlage):
    schritte = _sende_in_kind(post, zertifikate, 0)
    assert schritte > 60
    _toete(post, zertifikate, range(5, schritte, 17), vorlage)


@linux
@pytest.mark.soak
def test_killed_at_every_step_no_message_is_lost_or_doubled(post, zertifikate, vorlage):
    _toete(post, zertifikate, range(1, _sende_in_kind(post, zertifikate, 0) + 1), vorlage)
