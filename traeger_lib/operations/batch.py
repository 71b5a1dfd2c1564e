"""One evening, all providers: which reports must be made, by how many workers, and the overview of what became of them.

Not here: how one report is made (`job`), what it says (`reporting`), how commands look (`cli`).
"""

from __future__ import annotations

import ast
import ctypes
import gc
import os
import shlex
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from functools import cache
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

import pandas as pd
import papermill  # before our engine: papermill imports every registered engine itself

from traeger_lib.analysis.periods import Quartal
from traeger_lib.analysis.revisions import pruefe_vergleich
from traeger_lib.inputs.faults import Fehler, TraegerFehler
from traeger_lib.inputs.reading import lies
from traeger_lib.inputs.schema import Bestand
from traeger_lib.operations import engine, folder, job
from traeger_lib.operations import manifest as m
from traeger_lib.operations.calendar import VORLAUF_TAGE
from traeger_lib.operations.pdf import chromium
from traeger_lib.reporting import formats as f

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "quartalsbericht.ipynb"
ZEICHEN = {job.FEHLGESCHLAGEN: "✕", job.OFFEN: "…", job.FERTIG: "●", job.UNVERAENDERT: "○", job.VERSANDT: "➤"}
DATEIEN = {"bericht.html": "Bericht", "bericht.pdf": "PDF", m.INTERESSENVERTRETUNG: "Interessen\u00advertretung",
           "tabellen.xlsx": "Tabellen", "kennzahlen.json": "Kennzahlen"}
ENTWURF = {folder.INTERESSENVERTRETUNG: "Nachricht, Interessen\u00advertretung", folder.PROTOKOLL: "Protokoll"}
FEST = ("bestand", "traeger_id", "quartal", "frueherer_bestand")  # the parameters that a batch sets itself
PROZESS_BEENDET = "Der Rechenprozess wurde beendet (Speicher?); bitte mit --retry-failed wiederholen."
VORHER_BEENDET = "Der Lauf wurde vorher beendet; bitte wiederholen."


def quartal(q: Quartal, bestand_pfad: Path, ziel: Path, *, nur: Sequence[str] = (), jobs: int | None = None, erzwingen: bool = False,
            nur_fehlgeschlagene: bool = False, gewuenscht: Mapping[str, str] | None = None, cluster: str = "", pdf: bool = False,
            zeitlimit_s: int = 600, speicher_mb: int = job.SPEICHER_MB, gegen: Path | None = None,
            melde: Callable[[job.Ergebnis, int, int], None] = lambda e, i, n: None) -> list[job.Ergebnis]:
    """Run the reports of a quarter into `ziel`; returns one result a provider, in order of their ids.

    `gegen` is an earlier state of the Bestand, to compare with; `melde` is called after each provider with (result, done, total).
    Raises TraegerFehler or Fehlerliste where nothing can run at all: unknown parameter or provider, faulty structure, a folder that belongs
    to another Bestand.
    """
    beginn = time.perf_counter()
    parameter = _parameter(NOTEBOOK, gewuenscht or {})
    mehr = [*([f"--against={gegen}"] if gegen else []), *["--pdf"] * pdf, *(f"--parameter={n}={w}" for n, w in (gewuenscht or {}).items())]
    if "abschnitte" in parameter:  # a wrong option is better told before the first report than in each
        from traeger_lib.reporting.sections import auswahl
        auswahl(str(parameter["abschnitte"]))
    if pdf:
        chromium()
    if nur_fehlgeschlagene and m.lies_json(ziel / "lauf.json") is None:
        raise TraegerFehler(f"In {ziel} ist kein Lauf vermerkt, den --retry-failed wiederholen könnte. Bitte ohne diese Option.")
    bestand, fehler = lies(bestand_pfad)
    frueher, maengel = _frueher(gegen, bestand)
    ids = folder.auswahl(bestand, nur)
    folder.gehoert_dazu(ziel, bestand, bestand_pfad, q)
    hat_daten(bestand, q)
    ziel.mkdir(parents=True, exist_ok=True)
    with folder.sperre(ziel):
        folder.raeume_auf(ziel)
        alt = {e["traeger_id"]: e for e in (m.lies_json(ziel / "lauf.json") or {}).get("traeger", [])}
        if nur_fehlgeschlagene:
            ids = [i for i in ids if alt.get(i, {}).get("stand") in (job.FEHLGESCHLAGEN, job.OFFEN)]
        angebote, summen = bestand["angebote"], bestand.pruefsummen()
        namen = dict(zip(bestand["traeger"]["traeger_id"], bestand["traeger"]["name"], strict=True))
        groesse = bestand["faelle"]["angebot_id"].map(dict(zip(angebote["angebot_id"], angebote["traeger_id"], strict=True))).value_counts()
        ergebnisse: dict[str, job.Ergebnis] = {}
        auftraege: list[tuple[job.Auftrag, str]] = []
        for i in ids:
            abdruck = m.fingerabdruck(summen[i], NOTEBOOK, {"quartal": str(q), **parameter}) | {"frueher": frueher.get(i, "")}
            gesperrt = [x for x in (*fehler, *maengel) if x.traeger_id == i]
            if gesperrt:
                ergebnisse[i] = job.Ergebnis(i, namen[i], job.FEHLGESCHLAGEN, job.erster(gesperrt) + folder.entferne(ziel / i))
            elif grund := "erzwungen" if erzwingen else _warum_neu(ziel / i, abdruck, bestand.datenstand, pdf):
                auftraege.append((job.Auftrag(i, namen[i], str(q), str(bestand_pfad), str(NOTEBOOK), str(ziel), abdruck, parameter,
                                          zeitlimit_s, speicher_mb, str(gegen) if i in frueher else "", pdf), grund))
            else:
                ergebnisse[i] = job.Ergebnis(i, namen[i], job.UNVERAENDERT, folder.vorgeschichte(ziel / i))
        auftraege.sort(key=lambda a: (-int(groesse.get(a[0].traeger_id, 0)), a[0].traeger_id))  # the largest first: none late at the end
        gruende = {a.traeger_id: g for a, g in auftraege}
        gelten = set(namen) - set(gruende) - {i for i, e in ergebnisse.items() if e.stand == job.FEHLGESCHLAGEN}
        for datei, i, art in folder.entwuerfe(ziel):  # opened by hand, they would still go out
            if art != folder.PROTOKOLL and i not in gelten:
                datei.unlink()

        def fertig(e: job.Ergebnis) -> job.Ergebnis:
            return replace(e, grund="; ".join(filter(None, [gruende[e.traeger_id], folder.vorgeschichte(ziel / e.traeger_id)])))

        def schreibe() -> list[job.Ergebnis]:
            """Overview and batch manifest, the manifest last; providers left out this time keep their line."""
            geordnet = {i: ergebnisse.get(i) or job.Ergebnis(i, namen[i], job.OFFEN, VORHER_BEENDET) for i in sorted(ids)}
            lauf = {"quartal": str(q), "bestand": folder.kennung(bestand, bestand_pfad), "datenstand": bestand.datenstand.isoformat(),
                    "erfunden": bestand.erfunden, "programm": m.code_version(), "befehle": _befehle(q, bestand_pfad, ziel, *mehr),
                    "beendet": datetime.now().astimezone().isoformat("T", "seconds"), "sekunden": round(time.perf_counter() - beginn, 1),
                    "traeger": [asdict(geordnet[i]) if i in geordnet else alt[i] for i in sorted({*alt, *geordnet}) if i in namen]}
            schreibe_uebersicht(ziel, bestand, lauf)
            m.schreibe_json(ziel / "lauf.json", lauf)
            return [*geordnet.values()]
        if auftraege:
            schreibe()  # a killed run leaves no word that a report is done which it was about to redo
        for n, e in enumerate(ergebnisse.values(), 1):
            melde(e, n, len(ids))
        laeufe = _fuehre_aus([a for a, _ in auftraege], jobs or os.cpu_count() or 1, cluster)
        try:
            for e in laeufe:
                ergebnisse[e.traeger_id] = e if e.grund else fertig(e)
                melde(ergebnisse[e.traeger_id], len(ergebnisse), len(ids))
        except KeyboardInterrupt:  # what is finished stays, also where its word had not arrived; the rest is open
            laeufe.close()
            folder.raeume_auf(ziel)
            for a, _ in auftraege:
                if a.traeger_id not in ergebnisse and not _warum_neu(ziel / a.traeger_id, a.fingerabdruck, bestand.datenstand, pdf):
                    ergebnisse[a.traeger_id] = fertig(job.Ergebnis(a.traeger_id, a.name, job.FERTIG))
        finally:
            laeufe.close()
        return schreibe()


def _fuehre_aus(auftraege: list[job.Auftrag], jobs: int, cluster: str) -> Generator[job.Ergebnis]:
    """Run the jobs in up to `jobs` worker processes, or on a cluster, and yield results as they come.

    Where the system can fork, the workers inherit this warm process, and every notebook runs in a child of its worker's (`engine`). A
    worker that dies fails its own provider only; another one takes its place.
    """
    if cluster and auftraege:
        from traeger_lib.operations.cluster import fuehre_aus
        return (yield from fuehre_aus(auftraege, cluster))
    if engine.CAN_FORK and auftraege:
        waerme()
    kontext = get_context("fork" if engine.CAN_FORK else "spawn")
    warten = deque(auftraege)
    laufend: dict[Connection, tuple[job.Auftrag, BaseProcess]] = {}

    def beginne(rohr: Connection | None = None, arbeiter: BaseProcess | None = None) -> None:
        """Give the next job to a worker, a new one unless one is named."""
        a = warten.popleft()
        if rohr is None or arbeiter is None:
            rohr, ende = kontext.Pipe()
            arbeiter = kontext.Process(target=_arbeite, args=(ende,))  # type: ignore[attr-defined]
            with _ohne_strg_c():  # while it forks, Python would swallow it
                arbeiter.start()
                laufend[rohr] = (a, arbeiter)
            ende.close()
        laufend[rohr] = (a, arbeiter)
        with suppress(BrokenPipeError):  # died at once: told when its answer is read
            rohr.send(a)
    try:
        while warten or laufend:
            while warten and len(laufend) < jobs:
                beginne()
            for rohr in cast(list[Connection], wait(list(laufend))):
                a, arbeiter = laufend[rohr]
                try:
                    ergebnis = rohr.recv()
                except (EOFError, ConnectionResetError):
                    arbeiter.join()  # until then is_alive may say yes
                    ergebnis = prozess_beendet(a)
                del laufend[rohr]
                if warten and arbeiter.is_alive():
                    beginne(rohr, arbeiter)
                else:
                    arbeiter.kill()  # idle: its answer is here, its report in place
                    arbeiter.join()
                yield ergebnis
    finally:
        with suppress(KeyboardInterrupt), _ohne_strg_c():  # interrupted; a second Ctrl-C must not stop the stopping
            for _, arbeiter in laufend.values():
                arbeiter.terminate()  # with what its notebook has started
            for _, arbeiter in laufend.values():
                arbeiter.join(5)
                arbeiter.kill()
                arbeiter.join()


@contextmanager
def _ohne_strg_c() -> Iterator[None]:
    """Ctrl-C waits until this is over (only the main thread hears of it)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    gedrueckt: list[int] = []
    davor = signal.signal(signal.SIGINT, lambda nummer, _: gedrueckt.append(nummer))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, davor)
    if gedrueckt:
        raise KeyboardInterrupt


def prozess_beendet(a: job.Auftrag) -> job.Ergebnis:
    """What became of a report whose process is gone."""
    grund = PROZESS_BEENDET + folder.raeume_auf_nach(Path(a.ziel), a.traeger_id, a.fingerabdruck["daten"])
    return job.Ergebnis(a.traeger_id, a.name, job.FEHLGESCHLAGEN, grund)


@cache
def waerme() -> None:
    """Import and load what every report needs once, before forking (fonts, page template); numeric libraries keep to one thread."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    gc.disable()  # imports leave little to collect; what is there afterwards stays
    import nbformat.v4
    import pyarrow
    from IPython.core import application, completerlib, logger, magics, oinspect  # noqa: F401

    import traeger_lib.analysis.analyse
    import traeger_lib.reporting.coarse
    import traeger_lib.reporting.excel  # noqa: F401
    from traeger_lib.reporting import html, style
    style.waerme()
    m.paketversionen()
    html.exportiere(nbformat.v4.new_notebook(), "")  # type: ignore[no-untyped-call]
    pyarrow.set_cpu_count(1)
    if engine.CAN_FORK and hasattr(libc := ctypes.CDLL(None), "mallopt"):  # glibc: keep the room of one picture for the next
        libc.mallopt(-3, 2**29)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, 2**29)  # M_TRIM_THRESHOLD
    gc.freeze()
    gc.enable()


def _arbeite(rohr: Connection) -> None:
    """A worker's whole life: one report after the other until nobody asks. Ctrl-C is the parent's business; a killed parent takes its
    workers along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, engine.end_at_once)
    engine.die_with_parent()
    with suppress(EOFError):
        while True:
            rohr.send(job.bericht(rohr.recv()))


def hat_daten(bestand: Bestand, q: Quartal) -> None:
    """Refuse a quarter of which the data hold no day: a report would compare a plan with nothing."""
    erste = min((d for t, s in (("faelle", "beginn"), ("fallzahlen", "monat")) if not pd.isna(d := bestand[t][s].min())), default=None)
    if erste is not None and q.zeitraum.von > bestand.datenstand:
        raise TraegerFehler(f"Vom {q.lang} liegt noch kein Tag vor: Der Datenstand ist der {bestand.datenstand:%d.%m.%Y}.")
    if erste is not None and q.zeitraum.bis < erste.date():
        raise TraegerFehler(f"Vom {q.lang} liegen keine Fälle vor: Die Daten beginnen am {erste:%d.%m.%Y}.")


def _warum_neu(ordner: Path, abdruck: dict[str, str], datenstand: date, pdf: bool) -> str:
    """Why a report must be made (again); empty where it is there, whole and current."""
    alt = m.lies_json(ordner / "manifest.json")
    if alt is None:
        return "noch nicht vorhanden"
    if anders := job.anders(alt, abdruck, datenstand.isoformat()):
        return anders
    if pdf and "bericht.pdf" not in alt.get("dateien", {}):
        return "PDF fehlt"
    return "" if m.ist_vollstaendig(ordner, alt) else "Dateien fehlen oder wurden verändert"


def _parameter(notebook: Path, gewuenscht: Mapping[str, str]) -> dict[str, str | int | float | bool]:
    """Values for the notebook's parameters, of the type its parameters cell gives them. Raises TraegerFehler for any name that cell
    does not have: papermill would only warn, and a name can carry code."""
    bekannt: dict[str, Any] = {}
    for name, p in papermill.inspect_notebook(str(notebook)).items():
        with suppress(ValueError, SyntaxError):  # an expression is no plain value, and cannot be set
            bekannt[name] = ast.literal_eval(p["default"])
    if fehlt := set(FEST) - set(bekannt):
        raise TraegerFehler(f"Der Parameterzelle von {notebook.name} fehlt: {', '.join(sorted(fehlt))}.")
    frei = {n: w for n, w in bekannt.items() if n not in FEST and isinstance(w, str | int | float)}
    werte: dict[str, str | int | float | bool] = {}
    for name, text in gewuenscht.items():
        if name not in frei:
            raise TraegerFehler(f"Den Parameter „{name}“ gibt es nicht. Möglich sind: {', '.join(sorted(frei)) or 'keine'}.")
        art = type(frei[name])
        try:
            werte[name] = {"ja": True, "nein": False}[text] if art is bool else art(text)
        except (KeyError, ValueError):
            wort = {bool: "ja oder nein", int: "eine ganze Zahl", float: "eine Zahl mit Punkt"}[art]
            raise TraegerFehler(f"Der Parameter „{name}“ muss {wort} sein, nicht „{text}“.") from None
    return {n: w for n, w in werte.items() if w != frei[n]}  # what the cell says anyway needs no saying


def _frueher(pfad: Path | None, bestand: Bestand) -> tuple[dict[str, str], list[Fehler]]:
    """Hash of each provider's data in the earlier state, and the faults in it that block single providers."""
    if pfad is None:
        return {}, []
    alt, fehler = lies(pfad)
    pruefe_vergleich(alt, bestand)
    return alt.pruefsummen(), [replace(f, ort=f"früherer Bestand {pfad.name}, {f.ort}") for f in fehler]


def _befehle(q: Quartal, bestand: Path, ziel: Path, *mehr: str) -> dict[str, str]:
    """What a person types to redo what failed (`mehr`: the run's options) and to write the messages."""
    wo = (str(q), str(bestand), *(() if ziel == Path("parameterized_runs") / str(q) else ("--out", str(ziel))))
    return {"quarter": shlex.join(["traeger", "quarter", *wo, *mehr, "--retry-failed"]), "mail": shlex.join(["traeger", "mail", *wo])}


def schreibe_uebersicht(ziel: Path, bestand: Bestand, lauf: Mapping[str, Any] | None = None) -> None:
    """index.html from lauf.json; drafts, what was sent, and meetings as they are now, so that it can be written again when they change."""
    from traeger_lib.reporting.html import uebersicht

    if not (lauf := lauf or m.lies_json(ziel / "lauf.json")):
        return
    q, t, befehl, zeilen = Quartal.aus(lauf["quartal"]), bestand["termine"], lauf.get("befehle", {}), []
    tage = {i: (f.tag(tag), f.tag(tag - timedelta(VORLAUF_TAGE)))
            for i, tag in t.loc[t["quartal"] == str(q), ["traeger_id", "termin"]].dropna().itertuples(index=False)}
    entwuerfe = [*folder.entwuerfe(ziel)]
    for e in lauf["traeger"]:
        ordner = ziel / e["traeger_id"]
        stand = job.VERSANDT if e["stand"] in (job.FERTIG, job.UNVERAENDERT) and m.ist_versandt(ordner) else e["stand"]
        post = [(f"postausgang/{datei.name}", ENTWURF.get(art, "Nachricht")) for datei, i, art in entwuerfe
                if i == ordner.name and (stand != job.VERSANDT or art == folder.PROTOKOLL)]
        bericht = {} if (fehlt := stand in (job.FEHLGESCHLAGEN, job.OFFEN)) else m.lies_json(ordner / "manifest.json") or {}
        was, womit = (("weiter mit:" if stand == job.OFFEN else "Grund beheben, dann:", "quarter") if fehlt else
                      ("ansehen, dann versenden:", "") if post else ("nichts", "") if stand == job.VERSANDT else
                      ("ansehen, dann Nachrichten schreiben:", "mail"))
        zeilen.append({**e, "stand": stand, "zeichen": ZEICHEN.get(stand, ""), "fassung": folder.vorgeschichte(ordner),
                       "satz": bericht.get("satz", e["grund"]), "saetze": bericht.get("saetze", ()), "termin": tage.get(ordner.name),
                       "dateien": [(f"{ordner.name}/{d}", wort) for d, wort in DATEIEN.items() if (ordner / d).exists()],
                       "tun": was, "befehl": befehl.get(womit), "post": post})
    zahl, erfunden = Counter(z["stand"] for z in zeilen), " · erfundene Beispieldaten" * lauf["erfunden"]
    m.schreibe_text(ziel / "index.html", uebersicht(
        str(q), zeilen, titel=f"Steuerungsberichte {q.lang}",
        hinweis=f"{bestand.leistungstraeger} · Datenstand {f.tag(date.fromisoformat(lauf['datenstand']))}{erfunden}",
        bilanz=f"{f.anzahl(len(zeilen), 'Bericht', 'Berichte')}: {', '.join(f'{zahl[s]} {s}' for s in ZEICHEN if zahl[s])}"))
