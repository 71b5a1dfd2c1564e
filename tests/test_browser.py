"""The report in a real browser: it opens, everything is in the page, nothing asks for the network. Needs Chromium."""

import os
import re
import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--no-first-run")
if not CHROMIUM and os.environ.get("TRAEGER_BROWSER_REQUIRED"):
    pytest.fail("a browser is required here and there is none", pytrace=False)


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine: the report was NOT opened in a browser")
def test_a_report_opens_and_asks_for_nothing(traeger, beispiel, tmp_path):
    assert traeger("quarter", "2026Q1", beispiel, "--out", tmp_path / "aus", "--only", "BSP-FLUSS").exit_code == 0
    seite, log = tmp_path / "aus" / "BSP-FLUSS" / "bericht.html", tmp_path / "netz.json"
    result = subprocess.run([str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path / 'profil'}", f"--log-net-log={log}", "--dump-dom",
                             seite.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    dom = result.stdout
    assert dom.count("<section") >= 8 and dom.count("<img") >= 4 and "Wird eine angemessene Leistungsmenge" in dom
    assert "Refused to" not in result.stderr  # the content policy blocked nothing the page needs
    hosts = set(re.findall(r'"url":"https?://([^"/:]+)', log.read_text(errors="replace")))
    eigene = {h for h in hosts if h.endswith((".google.com", ".googleapis.com", ".gvt1.com"))}  # the browser's own, asked on any page
    assert hosts <= eigene, hosts - eigene
