"""Forecast 1,000 monthly, quarterly and yearly series beside statsforecast's Theta and AutoETS with intervals, one run, one thread each.

    python benchmarks/bench_forecast.py [folder for the other environment]

statsforecast needs an older pandas, so it gets an environment of its own (built once, default `build/bench-forecast`). Prints CPU
milliseconds per series and ratios, the first call after import, and 100,000 monthly series with their peak memory.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SHAPES = {12: (60, 24), 4: (20, 8), 1: (5, 3)}  # season → points, horizon
N, N_ETS = 1000, 100  # AutoETS is timed on fewer series: it takes tens of milliseconds each

PEER = """
import json, sys, time
import numpy as np
from statsforecast.models import AutoETS, Theta
y, season, h, n_ets = np.load(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
out = {}
for name, model, n in (("Theta", Theta(season_length=season), len(y)), ("AutoETS", AutoETS(season_length=season), n_ets)):
    def run(x):
        try:
            model.forecast(y=x, h=h, level=[80, 95])
            return 0
        except Exception:  # five points are too few for some of its models: counted and shown
            return 1
    [run(x) for x in y[:3]]  # compile first
    t = time.process_time()
    failed = sum(run(x) for x in y[:n])
    out[name] = [1e3 * (time.process_time() - t) / n, failed]
print(json.dumps(out))
"""


def series(season: int, n: int, seed: int = 3) -> np.ndarray:
    """Counts with level, growth and season, as caseloads have them."""
    rng = np.random.default_rng(seed)
    points = SHAPES[season][0]
    t = np.arange(points) / season
    level = np.exp(rng.normal(4, 1, (n, 1)))
    season_ = 1 + 0.1 * np.sin(2 * np.pi * (t + rng.random((n, 1))))
    return rng.poisson(level * (1 + rng.normal(0.02, 0.05, (n, 1)) * t) * season_).astype(float)


def main() -> None:
    started = time.perf_counter()
    from traeger_lib.analysis.trend import forecast
    imported = time.perf_counter()
    forecast(series(12, 1), 24, 12)
    print(f"import {imported - started:.3f} s (with numpy loaded), first call {time.perf_counter() - imported:.3f} s")
    other = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "bench-forecast"
    python = other / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(other)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "statsforecast"], check=True)
    for season, (_, h) in SHAPES.items():
        y = series(season, N)
        best = np.inf
        for _ in range(5):
            t = time.process_time()
            forecast(y, h, season)
            best = min(best, 1e3 * (time.process_time() - t) / N)
        path = other / f"series_{season}.npy"
        np.save(path, y)
        peer = json.loads(subprocess.run([str(python), "-c", PEER, str(path), str(season), str(h), str(N_ETS)],
                                         check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        rest = "; ".join(f"{name} {ms:.2f} ms = {ms / best:,.0f} ×" + (f" ({failed} failed)" if failed else "")
                         for name, (ms, failed) in peer.items())
        print(f"season {season:2}: {best:.4f} ms per series; {rest}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    y = np.tile(series(12, N), (100, 1))
    t = time.perf_counter()
    result = forecast(y, 24, 12)
    mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"100,000 monthly series: {time.perf_counter() - t:.1f} s, memory +{mib:.0f} MiB, of which input and output "
          f"{(y.nbytes + 5 * result.mean.nbytes) / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
