"""Checking 1,000,000 stays from parquet against duckdb: the same file, the same rules as SQL, one thread each, same run.

    python benchmarks/bench_check.py [stays]

Rules: unknown offers, begin after end, overlapping stays, absences outside stays, s = ja without hbg_ausgang. Ours is the whole of
`traeger check` (exact conversion of every cell and all other rules besides), duckdb answers the five questions only. Both must find
the same planted faults. Then the same stays as csv: seconds and peak memory of a process of its own.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from traeger_lib.inputs import reading
from traeger_lib.inputs.faults import Fehlerliste

PLANTED = 40  # faults of each kind
TOML = 'datenstand = 2026-03-31\nleistungstraeger = "Bench"\neigene_kostentraeger = ["M"]\n'
BEFORE = """select *, max(bis) over (partition by person_id, angebot_id order by beginn rows between unbounded preceding and 1 preceding)
    as bisher from (select *, coalesce(ende, date '9999-12-31') as bis from f) where bis >= beginn"""
SQL = {
    "angebote_unbekannt": "select zeile from f anti join angebote using (angebot_id)",
    "reihenfolge": "select zeile from f where ende < beginn",
    "ueberschneidung": f"select zeile from ({BEFORE}) where beginn <= bisher",
    "abwesenheit_ausserhalb": f"""with inseln as (select *, sum(case when beginn <= bisher + 1 then 0 else 1 end)
            over (partition by person_id, angebot_id order by beginn rows unbounded preceding) as insel from ({BEFORE})),
        u as (select person_id, angebot_id, min(beginn) as von, max(bis) as bis from inseln group by person_id, angebot_id, insel)
        select zeile from a where not exists (select 1 from u where u.person_id = a.person_id and u.angebot_id = a.angebot_id
            and u.von <= a.beginn and u.bis >= a.ende)""",
    "s_ohne_ausgang": "select zeile from f where s and hbg_ausgang is null"}


def tables(n: int, rng: np.random.Generator) -> dict[str, pa.Table]:
    """n stays of n/2 persons (the second right after the first), n/5 absences, 300 offers of 30 providers, faults planted."""
    offers = np.array([f"A-{i:03d}" for i in range(300)], dtype=object)
    providers = [f"T-{i:02d}" for i in range(30)]
    p = n // 2
    offer, begin = rng.integers(0, 300, p), rng.integers(13_000, 19_000, p)  # days since 1970: from 2005 to 2022
    length, second = rng.integers(10, 1500, p), rng.integers(10, 1500, p)
    von = np.stack([begin, begin + length], 1).ravel()
    bis = np.stack([begin + length - 1, begin + length + second], 1).ravel()
    stay_offer, s = offers[np.repeat(offer, 2)], rng.random(2 * p) < 0.1
    before = np.where(s, "4", None)
    away = np.sort(rng.choice(p, n // 5, replace=False))  # absences lie in the first stay of a person
    a_von = begin[away] + rng.integers(0, 5, len(away))
    a_bis = a_von + rng.integers(0, 5, len(away))
    first = offer < 150  # a provider with unreadable stays is not asked about absences: those are planted with the others
    bad = 2 * rng.choice(np.setdiff1d(np.flatnonzero(first), away), 4 * PLANTED, replace=False).reshape(4, -1)
    stay_offer[bad[0]] = "FREMD"
    bis[bad[1]] = von[bad[1]] - 1
    von[bad[2] + 1] -= 1
    s[bad[3]], before[bad[3]] = True, None
    outside = np.flatnonzero(~first[away])[:PLANTED]
    a_von[outside] -= 400
    a_bis[outside] -= 400
    person = np.array([f"P{k:07d}" for k in range(p)], dtype=object)
    beginn, ende, a_beginn, a_ende = (pa.array(d, pa.int32()).cast(pa.date32()) for d in (von, bis, a_von, a_bis))
    return {
        "faelle": pa.table({"person_id": np.repeat(person, 2), "angebot_id": stay_offer, "kostentraeger": ["M"] * (2 * p),
                            "hbg": rng.choice(list("12345"), 2 * p), "s": s, "hbg_ausgang": pa.array(before, pa.string()),
                            "beginn": beginn, "ende": ende}),
        "abwesenheiten": pa.table({"person_id": person[away], "angebot_id": offers[offer[away]], "beginn": a_beginn, "ende": a_ende}),
        "angebote": pa.table({"angebot_id": offers, "traeger_id": np.repeat(providers, 10), "bezeichnung": offers,
                              "leistungstyp": ["x"] * 300, "im_budget": [True] * 300}),
        "traeger": pa.table({"traeger_id": providers, "name": providers}),
        "entgelte": pa.table({"angebot_id": np.repeat(offers, 5), "hbg": list("12345") * 300, "gueltig_ab": ["01.01.2000"] * 1500,
                              "abwesenheit_faktor": ["0,75"] * 1500} | {
                                  k: ["1,00"] * 1500 for k in ("grundpauschale", "massnahmepauschale", "investitionsbetrag")}),
        "budgets": pa.table({"traeger_id": providers, "budgetjahr": [2021] * 30, "version": [1] * 30, "betrag_eur": ["1,00"] * 30,
                             "beschlossen_am": ["01.12.2020"] * 30, "art": ["pauschal"] * 30, "bezeichnung": ["x"] * 30})}


def ours(folder: Path) -> Counter[str]:
    reading._zuletzt.cache_clear()
    try:
        _, faults = reading.lies(folder)
    except Fehlerliste as e:
        faults = list(e.fehler)
    return Counter(f.art for f in faults)


def duck(folder: Path) -> Counter[str]:
    con = duckdb.connect(config={"threads": 1})
    for view, table in (("f", "faelle"), ("a", "abwesenheiten")):
        con.execute(f"create view {view} as select *, file_row_number + 2 as zeile "
                    f"from read_parquet('{folder}/{table}.parquet', file_row_number = true)")
    con.execute(f"create view angebote as select * from '{folder}/angebote.parquet'")
    return Counter({kind: len(con.execute(sql).fetchall()) for kind, sql in SQL.items()})


def best(f, folder: Path, times: int = 3):
    seconds, result = [], None
    for _ in range(times):
        t = time.perf_counter()
        result = f(folder)
        seconds.append(time.perf_counter() - t)
    return min(seconds), result


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory() as tmp:
        parquet, csv = Path(tmp, "parquet"), Path(tmp, "csv")
        for folder in (parquet, csv):
            folder.mkdir()
            (folder / "bestand.toml").write_text(TOML)
        for name, table in tables(n, np.random.default_rng(4)).items():
            pq.write_table(table, parquet / f"{name}.parquet")
            for i, column in enumerate(table.schema):
                if pa.types.is_boolean(column.type):
                    table = table.set_column(i, column.name, pa.array(np.where(table[i].to_numpy(), "ja", "nein")))
            pa.csv.write_csv(table, csv / f"{name}.csv", pa.csv.WriteOptions(delimiter=";"))
        t_duck, sql = best(duck, parquet)
        t_ours, found = best(ours, parquet)
        print(f"checking {n:,} stays, parquet: {t_ours:.2f} s; duckdb {t_duck:.2f} s; ratio {t_ours / t_duck:.2f} (1 = as fast as duckdb)")
        print(f"faults found: ours {dict(found)}; duckdb {dict(sql)}")
        print(subprocess.run([sys.executable, __file__, "--csv", csv], capture_output=True, text=True, check=True).stdout.strip())
        assert all(found[kind] == count for kind, count in sql.items()), "not the same faults"


def from_csv(folder: Path) -> None:
    t = time.perf_counter()
    found = ours(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"the same from csv: {time.perf_counter() - t:.2f} s, {sum(found.values())} faults, peak memory of the process {peak:.2f} GiB")


if __name__ == "__main__":
    from_csv(Path(sys.argv[2])) if sys.argv[1:2] == ["--csv"] else main()
