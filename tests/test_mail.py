"""Messages as files: who gets what, bodies that read without pictures, headers safe from injection, a resolver that never mixes up."""

import base64
import io
import random
import re
import shutil
import socket
import tempfile
import zipfile
from collections import Counter
from dataclasses import replace
from datetime import date
from email import message_from_bytes, policy
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kleinbestand import bestand as klein
from poststelle import lauf
from test_whole_or_absent import small_notebook

from traeger_lib.analysis.periods import Quartal
from traeger_lib.inputs.reading import lies
from traeger_lib.inputs.schema import leere_tabelle
from traeger_lib.operations import bsc, mail
from traeger_lib.operations import manifest as m

Q = Quartal.aus("2026Q1")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def ordner(tmp_path_factory, traeger):
    """A run of three providers with drafts written while no socket could be opened."""
    hier = tmp_path_factory.mktemp("mail")
    small_notebook(hier / "klein.ipynb", 'zeige("fallzahlen")')
    lauf(hier, traeger, hier / "klein.ipynb")

    def verboten(*a, **k):
        raise AssertionError("a dry run opened a socket")
    with pytest.MonkeyPatch.context() as p:
        for name in ("socket", "create_connection", "getaddrinfo"):
            p.setattr(socket, name, verboten)
        ergebnis = traeger("mail", "2026Q1", hier / "bestand", "--out", hier / "aus")
    assert ergebnis.exit_code == 0 and "(nichts versandt)" in ergebnis.output
    hier.joinpath("ausgabe.txt").write_text(ergebnis.output)
    return hier


def lese(pfad):
    return message_from_bytes(pfad.read_bytes(), policy=policy.default)


class Text(HTMLParser):
    def __init__(self):
        super().__init__()
        self.text, self.bilder, self.adressen = "", [], []

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.adressen += [a[k] for k in ("src", "href", "background") if k in a]
        if tag == "img":
            self.bilder.append(a)

    def handle_data(self, data):
        self.text += data


def worte(text):
    return text.replace("\u00a0", " ").split()


def test_one_message_for_the_contract_parties_and_one_without_figures_for_the_others(ordner):
    daten = lies(ordner / "bestand")[0]
    ausgabe = (ordner / "ausgabe.txt").read_text()
    for i in daten.traeger_ids:
        rollen = dict(daten.nur(i)["verteiler"][["email", "rolle"]].itertuples(index=False))
        partei, vertretung = (lese(ordner / "aus" / "postausgang" / f"{i}{x}.eml") for x in ("", "_interessenvertretung"))
        assert {a.addr_spec for a in partei["To"].addresses} == {a for a, r in rollen.items() if r != "interessenvertretung"}
        assert {a.addr_spec for a in vertretung["To"].addresses} == {a for a, r in rollen.items() if r == "interessenvertretung"}
        name = daten.nur(i)["traeger"]["name"].iloc[0]
        assert partei["Subject"] == f"Steuerungsbericht 1. Quartal 2026 – {name}"
        assert vertretung["Subject"] == f"{partei['Subject']} – Fassung für die Interessenvertretung"
        assert all(f"<{a}>" in ausgabe for a in rollen)
        assert not re.search(r"\d,\d", vertretung.get_body(("plain",)).get_content())  # no figure that could be of few persons
        anhang = next(a for a in partei.iter_attachments() if a.get_filename().endswith("bericht.html"))
        assert anhang.get_payload(decode=True) == (ordner / "aus" / i / "bericht.html").read_bytes()


def test_the_body_is_short_reads_without_pictures_and_says_the_same_as_plain_text(ordner):
    for pfad in (ordner / "aus" / "postausgang").glob("*.eml"):
        n = lese(pfad)
        html, text = n.get_body(("html",)).get_content(), n.get_body(("plain",)).get_content()
        assert len(html.encode()) < 90_000 / 8 and "<style" not in html and "<script" not in html and "class=" not in html
        seite = Text()
        seite.feed(html)
        cids = {p["Content-ID"].strip("<>") for p in n.walk() if p["Content-ID"]}
        assert {a.removeprefix("cid:") for a in seite.adressen} == cids  # no outside address, every picture used
        if not pfad.stem.endswith("vertretung"):
            assert len(cids) == 1 and all(len(b["alt"]) > 60 for b in seite.bilder)
            assert all(s in text and s in html for s in ("1. Fallzahlen:", "2. HBG-Mix:", "3. Personal:", "4. Euro:", "5. Maßnahmen:"))
        nur_html = {"–", *(worte(re.search(r'13px">(.*?)</span>', html)[1]) if seite.bilder else ())}  # title, the chart's basis
        gesagt, gezeigt = (Counter(w.strip("„“:") for w in x) for x in (worte(text), worte(
            seite.text.split("</title>")[-1] + " ".join(b["alt"] for b in seite.bilder))))
        assert set(gesagt) ^ set(gezeigt) <= nur_html | {"Abbildung", "-", ""}, set(gesagt) ^ set(gezeigt)
        zeilen = pfad.read_bytes().split(b"\r\n")
        assert all(len(z) <= 998 and z.isascii() and b"\n" not in z for z in zeilen)


def test_places_and_dates_stand_in_the_message(ordner):
    n = lese(next((ordner / "aus" / "postausgang").glob("*-NORD.eml")))
    text = n.get_body(("plain",)).get_content()
    assert "Das Steuerungsgespräch ist am 04.05.2026, Ort: Träger Beispiel Nord, Musterstadt." in text
    assert text.rstrip().endswith("Fragen bitte an: Stadt Musterstadt") and "Guten Tag," in text
    assert not any(name in text for name in lies(ordner / "bestand")[0]["verteiler"]["name"])  # greeting without names


def test_sentences_and_picture_are_the_reports_and_no_line_ends_before_a_unit(ordner):
    for i in lies(ordner / "bestand")[0].traeger_ids:
        n, manifest = lese(ordner / "aus" / "postausgang" / f"{i}.eml"), m.lies_json(ordner / "aus" / i / "manifest.json")
        text = n.get_body(("plain",)).get_content()
        assert [s["nummer"] for s in manifest["saetze"]] == [1, 2, 3, 4, 5] and manifest["leitfrage"] in text
        assert all(" ".join(worte(s["text"])) in " ".join(worte(text)) for s in manifest["saetze"])
        zeilen = [z for z in text.splitlines() if re.match(r"\d\. ", z)]
        assert len(zeilen) == 5 and not re.search(r"\d (VK|Plätze|%|€|Maßnahmen?|Tage)", "".join(zeilen)) and "\u00a0VK" in zeilen[2]
        assert re.search(r"20\d\d [a-zäöü]", "".join(zeilen))  # a year is no number with a unit
        bild, = (t.get_payload(decode=True) for t in n.walk() if t["Content-ID"])
        assert base64.b64encode(bild).decode() in (ordner / "aus" / i / "bericht.html").read_text()


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine: the message was NOT checked for accessibility")
def test_axe_finds_nothing_in_the_body_at_600_pixels(ordner, tmp_path):
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for pfad in sorted((ordner / "aus" / "postausgang").glob("*.eml")):
            n, html = lese(pfad), lese(pfad).get_body(("html",)).get_content()
            for teil in n.walk():
                if teil["Content-ID"]:
                    (tmp_path / "bild.png").write_bytes(teil.get_payload(decode=True))
                    html = html.replace(f"cid:{teil['Content-ID'].strip('<>')}", "bild.png")
            (tmp_path / "mail.html").write_text(html)
            for breite in (600, 320):
                seite = browser.new_page(viewport={"width": breite, "height": 900})
                seite.goto((tmp_path / "mail.html").as_uri())
                ergebnis = Axe().run(seite)
                assert ergebnis.violations_count == 0, ergebnis.generate_report()
                assert len(ergebnis.response["passes"]) > 10  # the rules did run
                assert seite.evaluate("document.documentElement.scrollWidth") <= breite
        browser.close()


def test_of_the_list_the_data_hash_holds_the_roles_only():
    def summe(*rollen, name="N"):
        b = klein(traeger=[{"traeger_id": "T1", "name": "Träger"}],
                  verteiler=[{"traeger_id": "T1", "name": name, "email": f"{k}@example.org", "rolle": r} for k, r in enumerate(rollen)])
        assert b.pruefsummen() == {"T1": replace(b.nur("T1")).pruefsumme()}
        return b.pruefsumme()
    partei, erbringer, vertretung = ROLLEN
    assert summe(partei, erbringer) == summe(erbringer, partei, partei) == summe(erbringer, partei, name="M")
    assert len({summe(), summe(partei), summe(partei, erbringer), summe(partei, erbringer, vertretung)}) == 4


# ── headers ─────────────────────────────────────────────────────────────────────────────────────────────────────

FEIND = ["Haus\r\nBcc: fremd@example.org", "Haus\nX: y", "Haus\rSubject: z", "a\x00b\x0bc\u2028Bcc: d",
         '"; fremd@example.org, "', "<fremd@example.org>", "=?utf-8?b?SGF1cw0KQmNjOiB4QGV4YW1wbGUub3Jn?=",
         "=?utf-8?q?=0ABcc:_x?=", "Ä" * 400, "a, b; c", "\r\n\r\n<script>alert(1)</script>"]


BASIS = klein(traeger=[{"traeger_id": "T1", "name": "Träger"}],
              termine=[{"traeger_id": "T1", "quartal": "2026Q1", "termin": date(2026, 5, 4), "ort": "hier"}])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(st.sampled_from(FEIND), st.text(min_size=1, max_size=60)), min_size=3, max_size=3))
def test_no_name_can_add_a_header_a_recipient_or_a_tag(texte):
    traeger, mensch, ort = texte
    daten = replace(BASIS, tabellen={**BASIS.tabellen, "termine": BASIS["termine"].assign(ort=ort)})
    empfaenger = (mensch, "wer@example.org", "interessenvertretung")
    p = mail.Post("T1", mail.kopf(traeger), mail.INTERESSENVERTRETUNG, "0" * 32, 1, (empfaenger,), Path("x"))
    with tempfile.TemporaryDirectory() as leer:
        (Path(leer) / "manifest.json").write_text('{"datenstand": "2026-03-31"}')
        n = mail.nachricht(p, replace(daten, leistungstraeger=ort), Q, Path(leer), "amt@example.org")
    roh = n.as_bytes()
    zurueck = message_from_bytes(roh, policy=policy.default)
    assert sorted(zurueck.keys()) == sorted(["Subject", "From", "To", "Message-ID", "X-Traegerbudget", "MIME-Version", "Content-Type"])
    assert [a.addr_spec for a in zurueck["To"].addresses] == ["wer@example.org"] and not zurueck.defects
    html = zurueck.get_body(("html",)).get_content()
    erwartet = Text()
    erwartet.feed(html)
    assert erwartet.adressen == [] and "<script" not in html
    kopf = roh.split(b"\r\n\r\n")[0]
    assert kopf.isascii() and b"\r" not in kopf.replace(b"\r\n", b"") and b"\n" not in kopf.replace(b"\r\n", b"")


@pytest.mark.parametrize("adresse", [
    "wer@example.org\r\nRCPT TO:<x@example.org>", "wer@example.org>", "a b@example.org", "müller@example.org", "wer@exämple.org",
    "wer@example.org,x@example.org", '"x"@example.org', "wer@[127.0.0.1]", "wer"])
def test_an_unusable_address_stops_its_message_and_is_named(adresse, tmp_path):
    zeile = {"traeger_id": "T1", "name": "A", "email": adresse, "rolle": "leistungstraeger"}
    daten = klein(traeger=[{"traeger_id": "T1", "name": "Träger"}], verteiler=[zeile])
    p, = mail.plane(Q, daten, tmp_path, danach=True)
    assert "lässt sich nicht verwenden" in p.grund and "\n" not in p.grund and "\r" not in p.grund


# ── never the wrong one ─────────────────────────────────────────────────────────────────────────────────────────

ROLLEN = ("leistungstraeger", "leistungserbringer", "interessenvertretung")


def seite(i, quartal="2026Q1"):
    return f"<p>EIGEN-{i}</p><dd>traeger_id = {i}, quartal = {quartal}</dd>".encode()


def mappe(i, quartal="2026Q1"):
    datei = io.BytesIO()
    with zipfile.ZipFile(datei, "w") as z:
        z.writestr("xl/sharedStrings.xml", f"EIGEN-{i} traeger_id = {i}, quartal = {quartal}")
    return datei.getvalue()


def inhalt(roh):
    """Whose figures really are in an attachment."""
    if roh.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(roh)) as z:
            roh = b"".join(z.read(n) for n in z.namelist())
    return set(re.findall(rb"EIGEN-(\w+)", roh))


def resolved(zufall, daten, wurzel):
    """One shuffled world of lists and reports through planning, writing and the check: (messages passed, messages held, cross-sends)."""
    ids = daten.traeger_ids
    adressen = [f"p{k}@example.org" for k in range(6)]
    zeilen = {(i, zufall.choice(adressen)): zufall.choice(ROLLEN) for i in ids for _ in range(zufall.randint(0, 4))}
    liste = [{"traeger_id": i, "name": f"N {a}", "email": a, "rolle": r} for (i, a), r in zeilen.items()]
    zufall.shuffle(liste)
    leer = leere_tabelle("verteiler")
    verteiler = type(leer)(liste, columns=list(leer.columns)).astype(leer.dtypes.to_dict())
    daten = replace(daten, tabellen={**daten.tabellen, "verteiler": verteiler})
    namen = ("bericht.html", "tabellen.xlsx", "bericht_interessenvertretung.html")
    dateien = {i: {"bericht.html": seite(i), "tabellen.xlsx": mappe(i), "bericht_interessenvertretung.html": seite(i)} for i in ids}
    kennung = {i: i for i in ids}
    ruhig = zufall.random() < 0.3
    for _ in range(0 if ruhig else zufall.randint(1, 4)):  # a file, a whole folder or a manifest's id ends up with another provider
        a, b, was = zufall.choice(ids), zufall.choice(ids), zufall.choice(("datei", "ordner", "kennung", "quartal"))
        if was == "datei":
            n = zufall.choice(namen)
            dateien[a][n], dateien[b][n] = dateien[b][n], dateien[a][n]
        elif was == "ordner":
            dateien[a], dateien[b], kennung[a], kennung[b] = dateien[b], dateien[a], kennung[b], kennung[a]
        elif was == "kennung":
            kennung[a], kennung[b] = kennung[b], kennung[a]
        else:
            dateien[a] = {**dateien[a], "bericht.html": seite(a, "2025Q4")}
    for i in ids:
        hier = wurzel / i
        hier.mkdir(exist_ok=True)
        for n, roh in dateien[i].items():
            (hier / n).write_bytes(roh)
        hashes = m.dateihashes(hier, namen)  # made to fit, the worst case
        if not ruhig and zufall.random() < 0.2:
            hashes["bericht.html"] = "0" * 64
        (hier / "manifest.json").write_text(f'{{"traeger_id": "{kennung[i]}", "quartal": "2026Q1", "datenstand": "2026-03-31", "dateien": '
                                            f'{str(hashes).replace(chr(39), chr(34))}}}')
    post = [p for p in mail.plane(Q, daten, wurzel, begruendung="geprüft wird nur die Zuordnung") if not p.grund]
    for p in post:
        mail.schreibe(p, daten, Q)
    rohe = [p.datei.read_bytes() for p in post]
    if not ruhig and post and zufall.random() < 0.4:
        zufall.shuffle(rohe)  # the files in the outbox change places
    geprueft = gehalten = 0
    wahr = [(i, a, r) for (i, a), r in zeilen.items()]
    for p, roh in zip(post, rohe, strict=True):
        if mail.pruefe(p, roh, Q, m.lies_json(wurzel / p.traeger_id / "manifest.json"), wahr):
            gehalten += 1
            continue
        geprueft += 1
        n = message_from_bytes(roh, policy=policy.default)
        an = {a.addr_spec for a in n["To"].addresses} | {a for _, a, _ in p.empfaenger}
        for teil in n.iter_attachments():
            for traeger in inhalt(teil.get_payload(decode=True)):
                for a in an:
                    rolle = zeilen.get((traeger.decode(), a))
                    assert rolle, f"{a} got figures of {traeger}"
                    assert (rolle == "interessenvertretung") == teil.get_filename().endswith("interessenvertretung.html")
    if ruhig:
        assert not gehalten and geprueft == len(post)
    return geprueft, gehalten


def welten(monkeypatch, wurzel, anzahl, samen):
    monkeypatch.setattr(bsc, "als_word", lambda b, i, q: " ".join(f"EIGEN-{x}" for x in {i, *b["massnahmen"]["traeger_id"]}).encode())
    ids = ("T1", "T2", "T3", "T4")
    daten = klein(traeger=[{"traeger_id": i, "name": f"Träger {i}"} for i in ids],
                  massnahmen=[{"massnahme_id": f"M{i}", "traeger_id": i} for i in ids])
    noetig = ("traeger", "angebote", "verteiler", "termine", "massnahmen")
    daten = replace(daten, tabellen={t: daten[t] for t in noetig})
    zufall, geprueft, gehalten = random.Random(samen), 0, 0
    while geprueft + gehalten < anzahl:
        g, h = resolved(zufall, daten, wurzel)
        geprueft, gehalten = geprueft + g, gehalten + h
    assert geprueft > anzahl / 5 and gehalten > anzahl / 20  # both happened
    return geprueft, gehalten


def test_shuffled_lists_and_reports_never_cross(monkeypatch, tmp_path):
    monkeypatch.setattr(m, "sichere", lambda pfad: None)  # no need to wait for the disk here
    welten(monkeypatch, tmp_path, 150, 9)


@pytest.mark.soak
def test_a_hundred_thousand_shuffled_lists_and_reports_never_cross(monkeypatch, tmp_path):
    monkeypatch.setattr(m, "sichere", lambda pfad: None)  # no need to wait for the disk here
    welten(monkeypatch, tmp_path, 100_000, 2026)


def test_the_check_sees_each_single_mix_up(monkeypatch, tmp_path):
    """Every comparison of the check alone holds a message back."""
    verteiler = [("T1", "a@example.org", "leistungstraeger"), ("T2", "b@example.org", "leistungstraeger"),
                 ("T1", "iv@example.org", "interessenvertretung")]
    manifest = {"traeger_id": "T1", "quartal": "2026Q1", "datenstand": "2026-03-31"}
    monkeypatch.setattr(bsc, "als_word", lambda b, i, q: b"")

    gut, mappe1 = seite("T1"), mappe("T1")

    def fehler(*, adresse="a@example.org", html=gut, xlsx=mappe1, andere=None, kopf=None, name=None, bcc=None, mehr=None):
        (tmp_path / "bericht.html").write_bytes(html)
        (tmp_path / "tabellen.xlsx").write_bytes(xlsx)
        voll = manifest | {"dateien": m.dateihashes(tmp_path, ("bericht.html", "tabellen.xlsx"))}
        m.schreibe_json(tmp_path / "manifest.json", voll)
        p = mail.Post("T1", "Träger", mail.BERICHT, "0" * 32, 1, (("A", adresse, "leistungstraeger"),), Path("x"), "", "weil")
        n = mail.nachricht(p, klein(traeger=[{"traeger_id": "T1", "name": "Träger"}]), Q, tmp_path)
        if kopf:
            n.replace_header("X-Traegerbudget", kopf)
        if bcc:
            n["Bcc"] = bcc
        if mehr:
            n.add_attachment(b"x", "text", "plain", filename=mehr)
        roh = n.as_bytes().replace(b"T1_2026Q1_", name) if name else n.as_bytes()
        return mail.pruefe(p, roh, Q, voll | (andere or {}), verteiler)
    assert fehler() == []
    for falsch in ({"adresse": "b@example.org"}, {"adresse": "iv@example.org"}, {"bcc": "b@example.org"}, {"kopf": "T2 2026Q1 bericht"},
                   {"kopf": "T1 2026Q1 protokoll"}, {"name": b"T2_2026Q1_"}, {"mehr": "liste.csv"}, {"mehr": "T1_2026Q1_faelle.csv"},
                   {"html": seite("T2")}, {"html": gut + seite("T2")}, {"html": seite("T1", "2025Q4")}, {"html": b"\xff"},
                   {"xlsx": mappe("T2")}, {"xlsx": b"PK kaputt"}):
        assert fehler(**falsch), falsch
    for andere in ({"traeger_id": "T2"}, {"quartal": "2025Q4"}, {"dateien": {}}, {"erfunden": True}):
        assert fehler(andere=andere)
