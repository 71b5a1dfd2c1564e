"""The bench as a person uses it, in JupyterLab and in Voilà: choose, change, save, reload, export; the page says what the command says.

Needs Chromium and the extra `app`.
"""

import importlib.util
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import TimeoutError, expect, sync_playwright

from traeger_lib.reporting.formats import zahl

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
BEREIT = CHROMIUM and importlib.util.find_spec("voila")
if not BEREIT and os.environ.get("TRAEGER_BROWSER_REQUIRED"):
    pytest.fail("a browser and Voilà are required here and are not there", pytrace=False)
pytestmark = [pytest.mark.browser, pytest.mark.skipif(not BEREIT, reason="no Chromium or no Voilà: the bench was NOT opened in a browser")]
BILDER = os.environ.get("TRAEGER_BILDER")  # a folder for screenshots to look at


@pytest.fixture
def werkstatt(tmp_path):
    """The notebooks in a folder of their own, beside the example data: what is saved stays out of the repository."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns(".*"))
    (tmp_path / "data").symlink_to(ROOT / "data")
    return tmp_path


@contextmanager
def dienst(befehl, ordner, **mehr):
    """A server in its own session, ended with everything it started; `mehr` joins the environment."""
    umgebung = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | mehr
    with (ordner / "dienst.log").open("wb") as log:
        p = subprocess.Popen(befehl, cwd=ordner, env=umgebung, stdout=log, stderr=log, start_new_session=True)
    try:
        yield p
    finally:
        os.killpg(p.pid, signal.SIGTERM)
        try:
            p.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.wait(20)


def freier_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wartet(bedingung, sekunden=60):
    ende = time.monotonic() + sekunden
    while not (ergebnis := bedingung()):
        assert time.monotonic() < ende, "nothing came in time"
        time.sleep(0.2)
    return ergebnis


@contextmanager
def seite(adresse, breite=1500):
    with sync_playwright() as pw:
        browser = pw.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        page = browser.new_context(viewport={"width": breite, "height": 1700}, locale="de-DE").new_page()
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        anfragen = []
        page.on("request", lambda r: anfragen.append(r.url))
        page.goto(adresse)
        yield page, anfragen
        browser.close()


def bild(page, name):
    if BILDER:
        page.screenshot(path=Path(BILDER) / f"{name}.png")


def feld(page, name):
    return page.get_by_role("textbox", name=name, exact=True)


def klicke(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def satz(page):
    return page.locator(".tb-satz")


def bediene(page, art, werkstatt, traeger, laden):
    """Everything a person does; `laden` brings a fresh bench to the page."""
    page.get_by_label("Träger", exact=True).select_option(label="Träger Beispiel Süd")
    expect(satz(page)).to_contain_text("16,31")
    page.get_by_label("Basis", exact=True).select_option(label="Prognose")
    expect(page.locator("table caption").first).to_contain_text("Prognose")
    for was, name, wert in (("Plätze", "Veränderung (Plätze)", "2,5"), ("HBG-Verlagerung", "Anteil (% der Plätze)", "10"),
                            ("Entgelte", "Spanne ± (%-Punkte)", "0,5")):
        page.get_by_label("Änderung", exact=True).select_option(label=was)
        klicke(page, "Hinzufügen")
        expect(page.locator(".tb-zeile").last).to_contain_text(was)
        feld(page, name).fill(wert)
    expect(satz(page)).to_contain_text("Die 3 Änderungen")
    feld(page, "Veränderung (%)").fill("zwei")
    expect(page.locator(".tb-zeile .tb-fehler")).to_contain_text("Bitte eine Zahl mit Komma eingeben")
    feld(page, "Veränderung (%)").fill("2,8")
    expect(page.locator(".tb-fehler")).to_have_count(0)
    vorher = satz(page).inner_text()
    griff = page.locator(".noUi-handle").first
    expect(griff).to_have_attribute("aria-valuenow", "2.5")  # it follows the number
    griff.focus()
    griff.press("ArrowRight")  # by keyboard: half a place more
    expect(feld(page, "Veränderung (Plätze)")).to_have_value("3")
    expect(satz(page)).not_to_have_text(vorher)
    bild(page, f"{art}-drei-aenderungen")
    feld(page, "Name").fill(f"Probe {art}")
    feld(page, "Name").press("Tab")
    expect(page.get_by_label("Szenario", exact=True)).to_contain_text(f"Probe {art}")
    klicke(page, "Speichern")
    expect(page.locator(".tb-marke", has_text="Gespeichert")).to_contain_text(f"probe-{art}.toml")
    gesagt = satz(page).inner_text()
    laden()
    expect(satz(page)).to_contain_text("Ohne Änderungen")
    page.get_by_label("Datei", exact=True).select_option(label=f"probe-{art}.toml")
    klicke(page, "Laden")
    expect(satz(page)).to_have_text(gesagt)
    klicke(page, "Als Excel und HTML exportieren")
    expect(page.locator(".tb-marke", has_text="Geschrieben")).to_contain_text("szenario.xlsx")
    bild(page, f"{art}-geladen")

    ordner = werkstatt / "parameterized_runs" / "szenarien"
    aus = traeger("scenario", "run", ordner / f"probe-{art}.toml", werkstatt / "data" / "beispiel", "--out", werkstatt / "befehl")
    assert aus.exit_code == 0 and gesagt in aus.output
    heft, befehl = (json.loads((o / "szenario.json").read_text()) for o in (ordner / f"probe-{art}", werkstatt / "befehl"))
    assert heft == befehl
    jahr = next(j for j in befehl["jahre"] if str(j["jahr"]) == page.get_by_label("Jahr", exact=True).input_value())
    zeile = page.get_by_role("row", name=re.compile("Budget auf dieser Menge")).inner_text()
    zahlen = [zahl(jahr["budget_eur"]["wert"], 2), *(zahl(jahr["budget_eur"][p]) for p in ("p10", "p50", "p90"))]
    assert all(z in zeile for z in zahlen), (zahlen, zeile)


def test_voila(werkstatt, traeger):
    port = freier_port()
    with dienst([sys.executable, "-m", "traeger_lib.cli", "app", "--no-browser", "--port", str(port)], werkstatt) as p:
        log = werkstatt / "dienst.log"
        adresse = wartet(lambda: re.search(r"http://\S+token=\w+", log.read_text(errors="replace")))[0]
        wartet(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        assert "/login" in urlopen(f"http://127.0.0.1:{port}/", timeout=30).url  # closed without the token
        with seite(adresse) as (page, anfragen):
            def laden():
                page.goto(adresse)
                satz(page).wait_for()
            satz(page).wait_for()
            bediene(page, "voila", werkstatt, traeger, laden)
            assert page.locator("main").count() == 1 and page.locator("html").get_attribute("lang") == "de"
            assert all(g.get_attribute("aria-label") for g in page.locator(".noUi-handle").all())
            assert page.locator("svg[role=img]").count() and all(s.get_attribute("aria-label") for s in page.locator("svg[role=img]").all())
            schwer = [v for v in Axe().run(page).response["violations"] if v["impact"] in ("serious", "critical")]
            assert not schwer, [(v["id"], v["nodes"][0]["html"][:200]) for v in schwer]
            fremd = {u for u in anfragen if not u.startswith((f"http://127.0.0.1:{port}", "data:", "blob:"))}
            assert not fremd, fremd
            for kern in kerne(p.pid):
                os.kill(kern, signal.SIGKILL)
            expect(page.get_by_role("alert").filter(has_text="Verbindung zur Berechnung ist abgebrochen")).to_be_visible()
            bild(page, "voila-ohne-kern")


def kerne(wurzel):
    """Kernels below a process of ours."""
    kinder = subprocess.run(["pgrep", "-P", str(wurzel)], capture_output=True, text=True).stdout.split()
    return [int(k) for k in kinder if "ipykernel" in Path(f"/proc/{k}/cmdline").read_text()] + [x for k in kinder for x in kerne(k)]


def test_voila_shows_a_readable_page_where_a_cell_fails(werkstatt):
    heft = werkstatt / "notebooks" / "szenario.ipynb"
    heft.write_text(heft.read_text().replace("bank = Werkbank", "1 / 0  # "))
    port = freier_port()
    with dienst([sys.executable, "-m", "traeger_lib.cli", "app", "--no-browser", "--port", str(port)], werkstatt):
        log = werkstatt / "dienst.log"
        adresse = wartet(lambda: re.search(r"http://\S+token=\w+", log.read_text(errors="replace")))[0]
        wartet(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        with seite(adresse) as (page, _):
            expect(page.get_by_role("alert").filter(has_text="ein Fehler aufgetreten")).to_be_visible()
            bild(page, "voila-fehler")
            assert "ZeroDivisionError" not in page.locator("body").inner_text()


def test_jupyterlab(werkstatt, traeger):
    port, zugang = freier_port(), secrets.token_hex(16)
    eigene = werkstatt / "eigene"  # a user's own settings, which must keep working and stay as they are
    eigene.mkdir()
    (eigene / "jupyter_server_config.json").write_text('{"ServerApp": {"allow_root": true, "open_browser": false}}')
    with dienst([sys.executable, "-m", "traeger_lib.cli", "lab", "--port", str(port)], werkstatt, JUPYTER_TOKEN=zugang,
                JUPYTER_CONFIG_DIR=str(eigene)):
        wartet(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        with seite(f"http://127.0.0.1:{port}/lab/tree/szenario.ipynb?token={zugang}&reset") as (page, _):
            # on a busy machine JupyterLab may ask which kernel to take, and stands in the way until it is told
            page.add_locator_handler(page.locator("dialog.jp-Dialog"), lambda frage: frage.locator(".jp-mod-accept").first.click(),
                                     no_wait_after=True)  # and may ask again

            def laden(neu=True):
                if neu:
                    page.reload()
                for _ in range(10):  # a kernel that has just begun drops the first request now and then
                    try:
                        page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for(timeout=20_000)
                    except TimeoutError:  # or its question about the kernel comes back for ever
                        page.reload()
                        continue
                    page.get_by_role("menuitem", name="Run", exact=True).click()
                    page.locator(".lm-Menu-item:has-text('Run All Cells')").first.click()
                    page.wait_for_timeout(1500)
                    if "[ ]:" not in page.locator(".jp-InputPrompt").all_inner_texts():
                        break
                expect(satz(page)).to_contain_text("Ohne Änderungen")
            laden(neu=False)
            bediene(page, "lab", werkstatt, traeger, laden)
            assert not page.get_by_text("official Jupyter news").count()  # a question in English that would stay until it is answered
            assert not [p for p in eigene.rglob("*") if p.is_file() and "announcements" in p.read_text(errors="replace")]


def test_pictures_of_a_scenario_scroll_on_a_phone_instead_of_shrinking(werkstatt, traeger):
    datei = ROOT / "parameterized_runs" / "szenarien" / "beispiel" / "zwei-plaetze-mehr.toml"
    assert traeger("scenario", "run", datei, ROOT / "data" / "beispiel", "--out", werkstatt).exit_code == 0
    with seite((werkstatt / "szenario.html").as_uri(), 390) as (page, _):
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        hoehen = page.evaluate("[...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect().height)")
        assert len(hoehen) > 20 and min(hoehen) >= 11  # letters of about 10 px
        assert page.evaluate("[...document.querySelectorAll('.bild')].every(b => b.scrollWidth > b.clientWidth && b.clientWidth <= 350)")
        bild(page, "szenario-telefon")


def test_the_reassessment_reads_as_a_static_page(werkstatt):
    """Title and basis of a table stand below each other, words left, numbers right, also where our report's page is not around them."""
    befehl = [sys.executable, "-m", "jupyter", "nbconvert", "--execute", "--to", "html", "neubewertung.ipynb"]
    subprocess.run(befehl, cwd=werkstatt / "notebooks", check=True, capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    with seite((werkstatt / "notebooks" / "neubewertung.html").as_uri(), 1100) as (page, _):
        lagen = page.evaluate("""[...document.querySelectorAll('caption')].map(c => {
            const [t, b] = [...c.children].map(x => x.getBoundingClientRect()); return [t.left, t.bottom, b.left, b.top] })""")
        assert len(lagen) == 4 and all(links == links_b and oben >= unten for links, unten, links_b, oben in lagen), lagen
        art = "x => [getComputedStyle(x).textAlign, x.className]"
        assert page.locator("tbody th").first.evaluate(art) == ["left", ""]
        assert page.locator("tbody td.zahl").first.evaluate(art) == ["right", "zahl"]
        bild(page, "neubewertung")
