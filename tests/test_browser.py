"""Reports and overview in a real browser: nothing asks for the network, accessible by axe-core, readable on a phone and in print."""

import os
import re
import shutil
import subprocess
from email import message_from_bytes, policy

import pytest
from test_report import BOESE, feindlich, ordne  # noqa: F401  # the fixture is used by name

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
SEITEN = ("bericht.html", "bericht_interessenvertretung.html")
if not CHROMIUM and os.environ.get("TRAEGER_BROWSER_REQUIRED"):
    pytest.fail("a browser is required here and there is none", pytrace=False)
pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine: no report was opened in it")]


@pytest.fixture(scope="module")
def berichte(tmp_path_factory, beispiel, traeger, request):
    """Example reports of both Bestände (in the soak run all of them), one batch with a provider that fails, and all their pages."""
    alle = request.config.getoption("markexpr") == "soak"
    welche = () if alle else [x for i in ("BSP-NORD", "BSP-HAFEN", "BSP-FLUSS", "BSP-SUED") for x in ("--only", i)]
    ordner, kaputt = tmp_path_factory.mktemp("berichte"), tmp_path_factory.mktemp("kaputt") / "bestand"
    assert traeger("quarter", "2026Q1", beispiel, "--out", ordner / "1", *welche).exit_code == 0
    assert traeger("quarter", "2027Q1", beispiel.parent / "aufsuchende_hilfe", "--out", ordner / "2").exit_code == 0
    shutil.copytree(beispiel, kaputt)
    personal = kaputt / "personal.csv"
    personal.write_text(personal.read_text().replace("SEE-BW;2026-02;fachkraft;", "SEE-BW;2026-02;fachkraft;x", 1))
    assert traeger("quarter", "2025Q3", kaputt, "--out", ordner / "3", "--only", "BSP-SEE", "--only", "BSP-BERG", "--parameter",
                   "abschnitte=kurz").exit_code == 1
    return sorted(p for p in ordner.rglob("*.html"))


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield b
        b.close()


@pytest.fixture
def seite(browser):
    """A page that records what it asks for and what it says: `(page, requests, messages)`."""
    kontext = browser.new_context(viewport={"width": 1280, "height": 900})
    page, gefragt, gesagt = kontext.new_page(), [], []
    kontext.on("request", lambda r: gefragt.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
    page.on("dialog", lambda d: (gesagt.append(d.message), d.dismiss()))
    page.on("console", lambda m: gesagt.append(m.text))
    page.on("pageerror", lambda e: gesagt.append(str(e)))
    yield page, gefragt, gesagt
    kontext.close()


def axe(berichte, seite):
    """No violation of WCAG 2.0 and 2.1, A and AA, with every fold open; our own rules; nothing asked for, nothing said."""
    from axe_playwright_python.sync_playwright import Axe
    page, gefragt, gesagt = seite
    for pfad in berichte:
        ordne(pfad.read_text(encoding="utf-8"))
        page.goto(pfad.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        verstoesse = Axe().run(page, options=AXE).response["violations"]
        assert not verstoesse, (pfad, [(v["id"], v["nodes"][0]["html"][:200]) for v in verstoesse])
    assert not gefragt and not gesagt


def test_pages_pass_axe_and_our_own_rules(berichte, seite):
    assert len([p for p in berichte if p.name == "bericht.html"]) == 6 and len([p for p in berichte if p.name == "index.html"]) == 3
    axe([p for p in berichte if p.name == "index.html" or p.parent.name in ("BSP-HAFEN", "BSP-FLUSS")], seite)


def test_no_table_is_wider_than_a_printed_page(berichte, seite):
    page, *_ = seite
    page.set_viewport_size({"width": 688, "height": 1000})  # A4 less its margins, 182 mm at 96 pixels per inch
    page.emulate_media(media="print")
    for pfad in (p for p in berichte if p.name == "bericht.html"):
        page.goto(pfad.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        breite = "[...document.querySelectorAll('table')].map(t => [t.caption.innerText, t.scrollWidth]).filter(x => x[1] > 690)"
        assert page.evaluate(breite) == [], pfad


@pytest.mark.soak
def test_every_page_passes_axe_and_our_own_rules(berichte, seite):
    assert len([p for p in berichte if p.name == "bericht.html"]) == 10
    axe(berichte, seite)


def test_pages_fit_a_phone_and_200_per_cent(berichte, seite):
    page, *_ = seite
    for pfad in berichte:
        for breite in (320, 640):  # 640: what is left of 1280 at 200 %
            page.set_viewport_size({"width": breite, "height": 800})
            page.goto(pfad.as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert page.evaluate("document.documentElement.scrollWidth") <= breite, (pfad, breite)


def test_keyboard_reaches_the_content_first(berichte, seite):
    page, *_ = seite
    page.goto(next(p for p in berichte if p.name == "bericht.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Zum Inhalt"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left >= 0")
    landmarken = page.evaluate("[...document.querySelectorAll('body > header, main, body > footer')].map(e => e.tagName)")
    assert landmarken == ["HEADER", "MAIN", "FOOTER"]


def test_a_page_is_small_and_says_what_it_blocks_to_nobody(berichte):
    assert max(p.stat().st_size for p in berichte) < 600_000


def test_hostile_text_runs_nothing_and_asks_for_nothing(feindlich, seite, traeger):  # noqa: F811
    bestand, aus, ids = feindlich
    traeger("mail", "2026Q1", bestand, "--out", aus)
    page, gefragt, gesagt = seite
    posten = list((aus / "postausgang").glob("*.eml"))
    for post in posten:
        mail = message_from_bytes(post.read_bytes(), policy=policy.default)
        # its own picture, which only a mail program finds
        text = mail.get_body(("html",)).get_content().replace('src="cid:', 'data-src="cid:')
        post.with_suffix(".html").write_text(text, encoding="utf-8")
    assert posten
    for pfad in (aus / "index.html", *(aus / i / n for i in ids for n in SEITEN), *(p.with_suffix(".html") for p in posten)):
        page.set_viewport_size({"width": 320, "height": 800})
        page.goto(pfad.as_uri())
        page.wait_for_timeout(100)
        assert page.evaluate("document.scripts.length") == 0 and page.locator("[onerror], [onclick]").count() == 0
        assert "<script>alert(1)</script>" in page.locator("body").inner_text()
        if pfad.suffix == ".html" and pfad.parent.name != "postausgang":
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, pfad
    assert not gefragt and not gesagt and len(BOESE) > 200


def test_pdf_is_tagged_complete_and_the_same_each_time(beispiel, traeger, tmp_path, monkeypatch):
    for ordner in ("a", "b"):
        assert traeger("quarter", "2026Q1", beispiel, "--out", tmp_path / ordner, "--only", "BSP-FLUSS", "--pdf").exit_code == 0
    pdf = (tmp_path / "a/BSP-FLUSS/bericht.pdf").read_bytes()
    assert pdf == (tmp_path / "b/BSP-FLUSS/bericht.pdf").read_bytes()
    assert b"/MarkInfo" in pdf and b"/StructTreeRoot" in pdf and b"/Lang (de)" in pdf and b"D:20260331000000" in pdf
    assert b"/Outlines" in pdf and pdf.count(b"/S /Table") > 10 and pdf.count(b"/S /TH") > 50
    if shutil.which("pdftotext"):
        befehl = ["pdftotext", "-layout", tmp_path / "a/BSP-FLUSS/bericht.pdf", "-"]
        text = subprocess.run(befehl, capture_output=True, text=True, check=True)
        assert "Herleitung des Budgets 2026" in text.stdout and "Belegte Plätze je Quartal" in text.stdout  # folded tables are open
    assert "unverändert" in traeger("quarter", "2026Q1", beispiel, "--out", tmp_path / "a", "--only", "BSP-FLUSS").output
    (tmp_path / "a/BSP-FLUSS/bericht.pdf").unlink()
    ergebnis = traeger("quarter", "2026Q1", beispiel, "--out", tmp_path / "a", "--only", "BSP-FLUSS", "--pdf")
    assert ergebnis.exit_code == 0 and "Dateien fehlen" in ergebnis.output


def test_table_pages_are_not_cut_in_print(berichte, seite):
    page, *_ = seite
    page.goto(next(p for p in berichte if p.parent.name == "BSP-NORD").as_uri())
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 688, "height": 1000})  # A4 without margins, in CSS pixels
    breit = page.evaluate("[...document.querySelectorAll('.tabelle')].filter(t => t.scrollWidth > t.clientWidth + 1 && t.offsetParent)"
                          ".map(t => t.getAttribute('aria-label'))")
    assert not breit and not re.search("beforeprint", page.content())


def test_no_line_ends_between_an_amount_and_its_unit_in_a_tile(berichte, seite):
    page, *_ = seite
    page.goto(next(p for p in berichte if p.parent.name == "BSP-SUED" and p.name == "bericht.html").as_uri())
    zeilen = "[...document.querySelectorAll('.kacheln strong')].filter(x => x.innerText.includes('€')).map(x => x.offsetHeight / " \
             "parseFloat(getComputedStyle(x).lineHeight))"
    for breite, medium in ((390, "screen"), (500, "screen"), (760, "screen"), (1280, "screen"), (688, "print")):
        page.set_viewport_size({"width": breite, "height": 1000})
        page.emulate_media(media=medium)
        assert [round(n) for n in page.evaluate(zeilen)] == [1], (breite, medium)
