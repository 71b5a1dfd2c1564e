"""Computing between a slider change and new figures on the bench, for the largest provider of the example data.

Measured as CPU time of this process (other work on the machine then counts less); best and median of repeated changes of one number,
after the first computation has drawn the random numbers. Aims: below 100 ms a change with the bench's 1,000 draws, below 500 ms with
10,000. Run: python benchmarks/bench_scenario.py
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))

import sys
import tempfile
import time
from dataclasses import replace
from datetime import date
from decimal import Decimal as D
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from traeger_lib import load
from traeger_lib.analysis.scenario import Aenderung, Szenario
from traeger_lib.analysis.scenario_money import Rechnung
from traeger_lib.analysis.scenario_result import rechne
from traeger_lib.bench import Werkbank
from traeger_lib.operations.szenario import analyse_von

BESTAND, WIEDERHOLT = ROOT / "data" / "beispiel", 15


def cpu_ms(tun, *womit):
    t = time.process_time()
    tun(*womit)
    return (time.process_time() - t) * 1000


def aenderungen(a, plaetze):
    x = max(a.im_budget, key=lambda x: sum(p.plaetze_plan for p in a.version.plan if p.angebot_id == x))
    jahr, hbg = a.quartal.jahr, [p.hbg for p in a.version.plan if p.angebot_id == x]
    def w(art, **werte):
        return Aenderung(art, tuple(sorted(werte.items())))
    return (w("plaetze", angebot_id=x, hbg=hbg[0], plaetze=plaetze, ab=date(jahr, 7, 1)),
            w("verlagerung", angebot_id=x, von_hbg=hbg[1], nach_hbg=hbg[0], anteil_prozent=D(10), s=True, ab=date(jahr, 7, 1)),
            w("entgelt", prozent=D("2.8"), spanne_prozent=D("0.5"), ab=date(jahr + 1, 1, 1)),
            w("wachstum", prozent_pro_jahr=D("1.5"), ab=date(jahr, 7, 1)), w("personal", vk=D(-5), ab=date(jahr, 7, 1)))


def main():
    b = load(BESTAND)
    groesster = b["faelle"]["angebot_id"].map(b["angebote"].set_index("angebot_id")["traeger_id"]).value_counts().idxmax()
    print(f"{groesster}, basis prognose, five changes; ms of CPU, one thread")
    for ziehungen, horizont in ((1000, 2), (1000, 5), (10_000, 2), (10_000, 5)):
        a = analyse_von(BESTAND, groesster, "2026Q1")
        r = Rechnung(a, "prognose", horizont)
        s = Szenario("Bank", groesster, "2026Q1", "prognose", horizont, 1, ziehungen, aenderungen(a, D(2)))
        erstes, *zeiten = (cpu_ms(rechne, r, replace(s, aenderungen=aenderungen(a, D(n) / 2))) for n in range(4, 5 + WIEDERHOLT))
        print(f"  {ziehungen:6} draws, {horizont} years: first {erstes:4.0f}   a change: best {min(zeiten):4.0f}, "
              f"median {median(zeiten):4.0f}")
    with tempfile.TemporaryDirectory() as ordner:
        bank = Werkbank(str(BESTAND), ordner=ordner)
        bank.felder["traeger_id"].value, bank.felder["basis"].value = groesster, "prognose"
        bank.szenarien[0] = replace(bank.s, aenderungen=aenderungen(bank.analyse, D(2)))
        bank._zeige(0)
        regler = bank._zeilen[0][1]["plaetze"].regler
        zeiten = [cpu_ms(setattr, regler, "value", 3 + n / 2) for n in range(WIEDERHOLT)]
        print(f"  the whole bench, slider to sentence, charts and tables as text: best {min(zeiten):5.0f}, median {median(zeiten):5.0f}")


if __name__ == "__main__":
    main()
