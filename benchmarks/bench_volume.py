"""Monthly volume of 1,000,000 stays over 72 months against duckdb SQL, one thread each, same run; and `analyse()`.

    python benchmarks/bench_volume.py [stays]

Both sides get the same stays in memory (the usual counting rule: first and last day count, no absences) and return days per offer,
need group and month. Prints the ratio of the best of three, checks that the figures agree, and the peak memory of this process.
"""

import os
import resource
import sys
import time
from datetime import date
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import duckdb
import numpy as np
import pandas as pd

from traeger_lib import analyse, load
from traeger_lib.analysis.periods import Zeitraum
from traeger_lib.analysis.volume import volumen
from traeger_lib.inputs.schema import TABELLEN, Bestand, leere_tabelle

ROOT = Path(__file__).resolve().parents[1]
SPAN = Zeitraum(date(2020, 1, 1), date(2025, 12, 31))
SQL = """
with monat as (select unnest(generate_series(date '2020-01-01', date '2025-12-01', interval 1 month))::date as von),
grenzen as (select von, (von + interval 1 month - interval 1 day)::date as bis from monat),
stays as (select angebot_id, hbg, beginn::date as beginn, coalesce(ende::date, date '2025-12-31') as ende from faelle)
select angebot_id, hbg, von, sum(date_diff('day', greatest(beginn, von), least(ende, bis)) + 1) as tage
from stays join grenzen on beginn <= bis and ende >= von group by all
"""


def make(n: int, seed: int = 1) -> Bestand:
    """n stays of 4 years' mean length over 30 offers and 5 need groups; one stay per person."""
    rng = np.random.default_rng(seed)
    beginn = np.datetime64("2018-01-01") + rng.integers(0, 8 * 365, n)
    ende = (beginn + rng.exponential(4 * 365, n).astype(int)).astype("datetime64[s]")
    ende[rng.random(n) < 0.3] = np.datetime64("NaT")
    frames = {name: leere_tabelle(name) for name in TABELLEN}
    offers = [f"A-{i:02d}" for i in range(30)]
    frames["traeger"] = frames["traeger"].reindex([0]).assign(traeger_id="T1", name="T1")
    frames["angebote"] = pd.DataFrame({"angebot_id": offers, "traeger_id": "T1", "bezeichnung": "x", "leistungstyp": "x",
                                       "im_budget": True})
    f = pd.DataFrame({"person_id": [f"P{i}" for i in range(n)], "angebot_id": rng.choice(offers, n), "kostentraeger": "M",
                      "hbg": rng.choice(list("12345"), n), "beginn": beginn.astype("datetime64[s]"), "ende": ende})
    leer = frames["faelle"]
    frames["faelle"] = f.assign(**{c: pd.Series([None] * n, dtype=leer[c].dtype) for c in leer.columns if c not in f})[list(leer.columns)]
    return Bestand(frames, SPAN.bis, "M", ("M",))


def ours(b: Bestand) -> tuple[tuple, np.ndarray]:
    v = volumen(b, SPAN.bis, von=SPAN.von)
    return v.gruppen, np.stack([v.bezahlt(m) for m in SPAN.monate()], axis=1)


def best(f, *args, times: int = 3):
    seconds, result = [], None
    for _ in range(times):
        t = time.perf_counter()
        result = f(*args)
        seconds.append(time.perf_counter() - t)
    return min(seconds), result


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    b = make(n)
    con = duckdb.connect(config={"threads": 1})
    con.register("eingang", b["faelle"][["angebot_id", "hbg", "beginn", "ende"]])
    con.execute("create table faelle as select * from eingang")  # duckdb's own format: nothing is converted inside the timing
    t_duck, sql = best(lambda: con.execute(SQL).fetchall())
    t_ours, (gruppen, tage) = best(ours, b)
    months = {m.von: i for i, m in enumerate(SPAN.monate())}
    index = {(g.angebot_id, g.hbg): i for i, g in enumerate(gruppen)}
    assert sum(int(r[3]) for r in sql) == int(tage.sum()) and all(tage[index[r[0], r[1]], months[r[2]]] == r[3] for r in sql)
    print(f"monthly volume, {n:,} stays: {t_ours:.2f} s; duckdb {t_duck:.2f} s; ratio {t_ours / t_duck:.2f} (1 = as fast as duckdb)")
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")
    beispiel = load(ROOT / "data" / "beispiel")
    largest = max(beispiel.traeger_ids, key=lambda i: len(beispiel.nur(i)["faelle"]))
    t, _ = best(analyse, beispiel, largest, "2026Q1", times=7)
    print(f"analyse() of the largest example provider ({largest}): {1000 * t:.0f} ms")


if __name__ == "__main__":
    main()
