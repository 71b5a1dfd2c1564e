"""The command line: `traeger …`. Parses, calls, prints; what it calls lives below.

Exit codes: 0 done, 1 something failed (the rest was done), 2 wrong use or faulty data.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from traeger_lib.inputs.faults import Fehlerliste, TraegerFehler, anzahl, gruppiert, systemgrund

app = typer.Typer(help="Werkbank für sozialraumorientierte Trägerbudgets.", no_args_is_help=True, add_completion=False,
                  pretty_exceptions_enable=False, rich_markup_mode=None)

bsc_app = typer.Typer(help="Scorecard der Steuerungsgespräche: ausgeben und bearbeitet zurücknehmen.", no_args_is_help=True)
app.add_typer(bsc_app, name="bsc")

Bestandspfad = Annotated[Path, typer.Argument(help="Ordner mit den Tabellen und bestand.toml", metavar="BESTAND")]
Quartalstext = Annotated[str, typer.Argument(help="Quartal, etwa 2026Q1", metavar="QUARTAL")]
Zielordner = Annotated[Path | None, typer.Option("--out", help="Zielordner (sonst parameterized_runs/QUARTAL)", metavar="DIR")]
NurTraeger = Annotated[list[str] | None, typer.Option("--only", help="nur dieser Träger (mehrfach möglich)", metavar="ID")]
FruehererBestand = Annotated[Path | None, typer.Option("--against", metavar="OLD",
                                                       help="früherer Stand des Bestands; gezeigt wird, was nachgemeldet wurde")]


@app.callback()
def _eigen() -> None:
    """Werkbank für sozialraumorientierte Trägerbudgets."""
    os.umask(0o077)  # what is written is readable by its owner only


def befehl(gruppe: typer.Typer, name: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A command of a group whose user's mistakes are told in German."""
    return lambda f: gruppe.command(name)(verstaendlich(f))


def verstaendlich(f: Callable[..., Any]) -> Callable[..., Any]:
    """A user's mistake is told in German and ends with exit code 2, never with a traceback."""
    @wraps(f)
    def innen(*args: Any, **kwargs: Any) -> Any:
        try:
            return f(*args, **kwargs)
        except Fehlerliste as e:
            for zeile in gruppiert(e.fehler):
                typer.echo(zeile, err=True)
        except TraegerFehler as e:
            typer.echo(str(e), err=True)
        except BrokenPipeError:  # who reads our lines has enough of them
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except OSError as e:
            typer.echo(f"{e.filename or 'Datei'} lässt sich nicht lesen oder schreiben: {systemgrund(e)}.", err=True)
        except (KeyboardInterrupt, typer.Abort):
            typer.echo("Abgebrochen.", err=True)
            raise typer.Exit(1) from None
        raise typer.Exit(2)
    return innen


def _lauf(quartal: str, out: Path | None) -> tuple[Any, Path]:
    """The quarter, and the folder of its run."""
    from traeger_lib.analysis.periods import Quartal
    q = Quartal.aus(quartal)
    return q, out or Path("parameterized_runs") / str(q)


def _ja(frage: str) -> bool:
    """True where a person typed „ja“; nobody there means no."""
    try:
        return str(typer.prompt(f"{frage} ja/nein", default="nein", show_default=False)).strip().lower() in ("j", "ja")
    except typer.Abort:
        return False


@befehl(app)
def demo(ziel: Annotated[Path, typer.Argument(metavar="ZIEL", help="Ordner, der geschrieben wird")],
         model: Annotated[str, typer.Option(help="Budgetmodell: bremen, bremerhaven, hamburg, nordfriesland, rheinland-pfalz, "
                                                 "braunschweig", metavar="NAME")] = "",
         providers: Annotated[int | None, typer.Option(min=1, max=5000, help="Anzahl der Träger (sonst 8, im Modell dessen Zahl)")] = None,
         years: Annotated[int, typer.Option(min=1, max=15, help="Jahre Vorgeschichte")] = 6,
         seed: Annotated[int, typer.Option(help="Startwert des Zufalls")] = 2026,
         format: Annotated[str, typer.Option(help="csv, xlsx oder parquet")] = "csv") -> None:
    """Schreibt einen erfundenen Bestand: plausibel, wiederholbar, als erfunden gekennzeichnet."""
    from traeger_lib.inputs.demo import schreibe_demo
    dateien = schreibe_demo(ziel, providers=providers, years=years, seed=seed, format=format, modell=model)
    typer.echo(f"{len(dateien)} Dateien nach {ziel} geschrieben (erfundene Daten).")


@befehl(app)
def check(bestand: Bestandspfad, as_json: Annotated[bool, typer.Option("--json", help="alle Fehler als JSON")] = False,
          workbook: Annotated[bool, typer.Option("--workbook", help="fehler.xlsx mit markierten Zellen zu den Daten")] = False) -> None:
    """Prüft einen Bestand und nennt jeden Fehler; schlägt für fremde Namen eine zuordnung.toml vor."""
    from traeger_lib.inputs.reading import lies, vorschlag
    from traeger_lib.operations.intake import schreibe_fehlermappe
    hinweise: tuple[tuple[str, str], ...] = ()
    gelesen: tuple[str, ...] = ()
    try:
        b, fehler = lies(bestand)
        hinweise, gelesen = b.hinweise, b.gelesen
    except Fehlerliste as e:
        fehler = list(e.fehler)
    fremd = vorschlag(bestand) if fehler or any("außen vor" in text for _, text in hinweise) else ""
    mappe = schreibe_fehlermappe(bestand, fehler) if workbook and fehler else None
    if as_json:
        typer.echo(json.dumps({"fehler": [asdict(f) | {"text": str(f)} for f in fehler], "vorschlag": fremd, "gelesen": gelesen,
                               "hinweise": [{"traeger_id": i, "text": t} for i, t in hinweise]}, ensure_ascii=False, indent=1))
    else:
        for zeile in (*(f"Gelesen: {g}" for g in gelesen), *gruppiert(fehler)):
            typer.echo(zeile)
        for traeger_id, text in hinweise:
            typer.echo(f"Hinweis{f' ({traeger_id})' if traeger_id else ''}: {text}")
        if fremd:
            typer.echo(f"Vorschlag (nicht angewandt; prüfen und als zuordnung.toml neben den Tabellen speichern):\n\n{fremd}\n")
        typer.echo("Keine Fehler." if not fehler else f"{len(fehler)} Fehler.")
        if mappe:
            typer.echo(f"Alle Fehler mit markierten Zellen (enthält Falldaten, nicht weitergeben): {mappe}")
    raise typer.Exit(2 if fehler else 0)


@befehl(app)
def template(ziel: Annotated[Path, typer.Argument(metavar="ZIEL", help="Ordner, der geschrieben wird")]) -> None:
    """Schreibt eine leere, erläuterte Excel-Mappe für Leistungserbringer und eine bestand.toml dazu."""
    from traeger_lib.operations.intake import schreibe_vorlage
    typer.echo("Geschrieben: " + ", ".join(map(str, schreibe_vorlage(ziel))))


@befehl(app)
def facts(traeger_id: Annotated[str, typer.Argument(metavar="ID", help="Kennung des Trägers")],
          quartal: Quartalstext, bestand: Bestandspfad, against: FruehererBestand = None,
          out: Annotated[Path | None, typer.Option("--out", help="Datei statt Ausgabe", metavar="FILE")] = None) -> None:
    """Gibt die Kennzahlen eines Trägers als JSON aus, ohne Notebook."""
    from traeger_lib import analyse, load
    from traeger_lib.inputs.reading import load_frueher
    from traeger_lib.operations.manifest import schreibe_json
    kennzahlen = analyse(load(bestand, traeger_id), traeger_id, quartal, frueher=load_frueher(against or "", traeger_id)).kennzahlen()
    if out:
        schreibe_json(out, kennzahlen)
    else:
        typer.echo(json.dumps(kennzahlen, ensure_ascii=False, indent=1))


@befehl(app)
def quarter(quartal: Quartalstext, bestand: Bestandspfad, out: Zielordner = None, only: NurTraeger = None,
            jobs: Annotated[int | None, typer.Option(min=1, help="gleichzeitige Berichte (sonst: Prozessorkerne)")] = None,
            force: Annotated[bool, typer.Option("--force", help="alle neu rechnen")] = False,
            retry_failed: Annotated[bool, typer.Option("--retry-failed", help="nur die zuletzt fehlgeschlagenen")] = False,
            parameter: Annotated[list[str] | None, typer.Option("--parameter", "-p", metavar="NAME=WERT",
                                                                help="Parameter des Notebooks (mehrfach möglich)")] = None,
            cluster: Annotated[str, typer.Option(metavar="ADDRESS", help="auf einem dask-Cluster rechnen, etwa tcp://rechner:8786")] = "",
            timeout: Annotated[int, typer.Option(min=1, max=1_000_000, help="Zeitlimit je Zelle in Sekunden")] = 600,
            against: FruehererBestand = None,
            memory: Annotated[int, typer.Option(min=256, max=100_000_000, help="Arbeitsspeicher je Bericht in MB")] = 4096,
            pdf: Annotated[bool, typer.Option("--pdf", help="auch bericht.pdf schreiben (braucht Chromium)")] = False) -> None:
    """Erstellt die Berichte aller Träger eines Quartals; ein zweiter Lauf rechnet nur, was fehlt oder sich geändert hat."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.table import Table

    from traeger_lib.operations import batch, job
    q, ziel = _lauf(quartal, out)
    konsole = Console()
    spalten = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn(), TextColumn("noch etwa"), TimeRemainingColumn())
    with Progress(*spalten, console=konsole, disable=not konsole.is_terminal) as balken:
        aufgabe = balken.add_task(f"Berichte {q}", total=None)

        def melde(e: job.Ergebnis, fertig: int, gesamt: int) -> None:
            balken.update(aufgabe, completed=fertig, total=gesamt)
            if not konsole.is_terminal:
                typer.echo(f"[{fertig}/{gesamt}] {e.traeger_id}: {e.stand}{f' ({e.grund})' if e.grund else ''}")
        ergebnisse = batch.quartal(q, bestand, ziel, nur=only or (), jobs=jobs, erzwingen=force, nur_fehlgeschlagene=retry_failed,
                                   gewuenscht=dict(p.partition("=")[::2] for p in parameter or ()), cluster=cluster,
                                   zeitlimit_s=timeout, speicher_mb=memory, gegen=against, pdf=pdf, melde=melde)
    tabelle = Table("Träger", "Stand", "Warum", "Sekunden", title=f"Steuerungsberichte {q.lang}", title_justify="left")
    for e in ergebnisse:
        dauer = f"{e.sekunden:.1f}".replace(".", ",") if e.sekunden else ""
        tabelle.add_row(e.traeger_id, f"{batch.ZEICHEN[e.stand]} {e.stand}", e.grund, dauer)
    konsole.print(tabelle if ergebnisse else "Nichts ist fehlgeschlagen oder offen; es gibt nichts zu wiederholen.")
    konsole.print(f"Übersicht: {ziel / 'index.html'}", markup=False, soft_wrap=True)
    if offen := sum(e.stand == job.OFFEN for e in ergebnisse):
        wieviele = anzahl(offen, "Bericht ist", "Berichte sind")
        typer.echo(f"Abgebrochen: {wieviele} offen, die fertigen bleiben. Derselbe Befehl macht weiter.", err=True)
    raise typer.Exit(1 if any(e.stand in (job.FEHLGESCHLAGEN, job.OFFEN) for e in ergebnisse) else 0)


@befehl(app)
def verify(ordner: Annotated[Path, typer.Argument(metavar="DIR", help="Ordner mit Berichten, auch mehrere Quartale")]) -> None:
    """Vergleicht alle Berichte unter einem Ordner mit ihren Manifesten und nennt jede Abweichung."""
    from traeger_lib.operations.manifest import pruefe_archiv
    berichte, fehler = pruefe_archiv(ordner)
    if not berichte and not fehler:
        raise TraegerFehler(f"Unter {ordner} liegen keine Berichte.")
    for zeile in fehler:
        typer.echo(zeile)
    was = f"{anzahl(len(fehler), 'Abweichung', 'Abweichungen')}." if fehler else "alle unverändert."
    typer.echo(f"{anzahl(berichte, 'Bericht', 'Berichte')} geprüft, {was}")
    raise typer.Exit(1 if fehler else 0)


@befehl(app)
def purge(ordner: Annotated[Path, typer.Argument(metavar="DIR", help="Ordner mit Berichten, auch mehrere Quartale")],
          years: Annotated[int, typer.Option(min=1, help="Aufbewahrung in Jahren nach Ende des Quartals; es gibt keine Vorgabe")],
          yes: Annotated[bool, typer.Option("--yes", help="ohne Rückfrage löschen")] = False) -> None:
    """Nennt die Läufe, deren Aufbewahrung abgelaufen ist, und löscht sie nach Rückfrage, auch versandte Berichte."""
    from traeger_lib.operations import folder
    from traeger_lib.operations import manifest as m
    if not ordner.is_dir():
        raise TraegerFehler(f"Den Ordner {ordner} gibt es nicht.")
    faellig = folder.verfallen(ordner, years, date.today())
    for v in faellig:
        versandt = sum(map(m.ist_versandt, v.berichte))
        typer.echo(f"{v.ordner}: {v.quartal.lang}, {anzahl(len(v.berichte), 'Bericht', 'Berichte')}, davon {versandt} versandt")
        for pfad in (*v.berichte, *v.beiwerk):
            typer.echo(f"  {pfad.name}")
        for pfad in v.fremd:
            typer.echo(f"  {pfad.name} gehört nicht zu den Berichten und bleibt.")
    if not faellig:
        typer.echo(f"Kein Lauf unter {ordner} ist älter als {years} Jahre.")
    elif yes or _ja("Endgültig löschen?"):
        folder.loesche(faellig)
        typer.echo(f"{anzahl(len(faellig), 'Lauf', 'Läufe')} gelöscht.")
    else:
        typer.echo("Nichts gelöscht.")
        raise typer.Exit(1)


@befehl(app)
def mail(quartal: Quartalstext, bestand: Bestandspfad, out: Zielordner = None, only: NurTraeger = None,
         after: Annotated[bool, typer.Option("--after", help="nach dem Gespräch: die fortgeschriebene BSC als Protokoll")] = False,
         send: Annotated[bool, typer.Option("--send", help="versenden, nach Rückfrage; Zugang siehe docs/versand.md")] = False,
         yes: Annotated[bool, typer.Option("--yes", help="ohne Rückfrage")] = False,
         force: Annotated[bool, typer.Option("--force", help="auch Berichte zu früheren Daten, mit --after eine unveränderte BSC")] = False,
         reason: Annotated[str, typer.Option("--reason", help="Begründung zu --force, wird festgehalten", metavar="TEXT")] = "",
         resolve: Annotated[list[str] | None, typer.Option(
             "--resolve", help="unklare oder abgelehnte Zeile entscheiden", metavar="NR=versandt|offen")] = None) -> None:
    """Schreibt je Träger eine Nachricht als .eml-Datei und die Liste der Empfangenden; ohne --send wird nichts versandt."""
    from traeger_lib.operations import batch, outbox
    if force != bool(reason.strip()):
        raise TraegerFehler("--force und --reason gehören zusammen: Was nicht zu den Daten passt, geht nur mit Begründung hinaus.")
    q, ziel = _lauf(quartal, out)
    with outbox.geoeffnet(q, bestand, ziel) as (daten, b):
        zugang = outbox.Zugang.aus(os.environ, daten) if send else None
        for text in resolve or ():
            b.loese(text)
        post = outbox.plane(q, daten, ziel, b, nur=only or (), danach=after, begruendung=reason.strip())
        outbox.entwuerfe(post, daten, q, ziel, b, nur=only or (), danach=after,
                         absender=None if zugang else os.environ.get("TRAEGER_MAIL_FROM", ""))
        typer.echo("\n".join(outbox.liste(post, b)))
        offen = [b.offen(p) for p in post]
        frage = f"{anzahl(sum(map(bool, offen)), 'Nachricht', 'Nachrichten')} an {sum(map(len, offen))} Empfangende versenden?"
        if zugang and any(offen) and (yes or _ja(frage)):
            if abbruch := outbox.versende(post, daten, q, ziel, b, zugang):
                typer.echo(abbruch, err=True)
            typer.echo("\nNach dem Versand:\n" + "\n".join(outbox.liste(post, b)))
        for zeile in b.wartende().values():
            typer.echo(zeile, err=True)
        batch.schreibe_uebersicht(ziel, daten)
        typer.echo(f"Nachrichten: {ziel / 'postausgang'}" + ("" if zugang else " (nichts versandt)"))
        raise typer.Exit(int(outbox.unfertig(post, b, versandt=send)))


@befehl(app)
def calendar(quartal: Quartalstext, bestand: Bestandspfad, out: Zielordner = None,
             today: Annotated[str, typer.Option("--today", help="Stichtag JJJJ-MM-TT statt heute", metavar="TAG")] = "") -> None:
    """Zeigt, was bis wann versandt sein muss und was überfällig ist, und schreibt die Termine als .ics-Datei."""
    from traeger_lib.inputs.reading import lies
    from traeger_lib.operations.calendar import als_ics, fristen, zeilen
    from traeger_lib.operations.folder import gehoert_dazu
    from traeger_lib.operations.manifest import schreibe_bytes
    try:
        heute = date.fromisoformat(today) if today else date.today()
    except ValueError:
        raise TraegerFehler(f"„{today[:20]}“ ist kein Tag. Bitte als JJJJ-MM-TT angeben, etwa 2026-04-24.") from None
    (q, ziel), daten = _lauf(quartal, out), lies(bestand)[0]
    alle = fristen(daten, q, ziel, heute)
    typer.echo("\n".join(zeilen(alle)))
    gehoert_dazu(ziel, daten, bestand, q)
    ziel.mkdir(parents=True, exist_ok=True)
    schreibe_bytes(ziel / "termine.ics", als_ics(alle, q, daten.datenstand))
    typer.echo(f"Kalenderdatei: {ziel / 'termine.ics'}")


@befehl(bsc_app, "export")
def bsc_export(quartal: Quartalstext, bestand: Bestandspfad, only: NurTraeger = None,
               out: Annotated[Path | None, typer.Option("--out", help="Zielordner (sonst parameterized_runs/QUARTAL/bsc)",
                                                        metavar="DIR")] = None) -> None:
    """Schreibt je Träger die Scorecard als Excel zum Bearbeiten und als Word-Protokoll."""
    from traeger_lib import load
    from traeger_lib.inputs.reading import lies
    from traeger_lib.operations.bsc import exportiere
    from traeger_lib.operations.folder import auswahl
    (q, ziel), fehler = _lauf(quartal, None), 0
    for i in auswahl(lies(bestand)[0], only or ()):
        try:
            typer.echo("\n".join(map(str, exportiere(load(bestand, i), i, q, out or ziel / "bsc"))))
        except TraegerFehler as e:
            fehler += 1
            typer.echo(f"{i}: {e}", err=True)
    raise typer.Exit(1 if fehler else 0)


@befehl(bsc_app, "import")
def bsc_import(datei: Annotated[Path, typer.Argument(metavar="DATEI", help="die bearbeitete Excel-Mappe")], bestand: Bestandspfad,
               stand: Annotated[str | None, typer.Option("--stand", help="Tag, von dem an der neue Stand gilt (sonst der des Gesprächs)",
                                                         metavar="TT.MM.JJJJ")] = None,
               yes: Annotated[bool, typer.Option("--yes", help="ohne Rückfrage übernehmen")] = False) -> None:
    """Zeigt, was eine bearbeitete Scorecard ändert, und übernimmt es auf Bestätigung; frühere Stände bleiben erhalten."""
    from traeger_lib.inputs.reading import lies
    from traeger_lib.operations.bsc import lies_zurueck, uebernimm
    b, _ = lies(bestand)
    r = lies_zurueck(datei, b, stand)
    for zeile in r.liste():
        typer.echo(zeile)
    if not r.aenderungen:
        typer.echo(f"{r.traeger_id}: keine Änderungen.")
        return
    for text in (t for _, t in b.hinweise if "Tabelle massnahmen" in t):
        typer.echo(f"{text} Sie steht danach nur noch in der Kopie.")
    typer.echo(f"{r.traeger_id}: geänderte Einträge {len(r.aenderungen)}, Stand {r.stand:%d.%m.%Y}.")
    if not yes and not _ja("So übernehmen?"):
        typer.echo("Nichts geschrieben.")
        raise typer.Exit(1)
    typer.echo(f"Übernommen. Die Datei, wie sie war: {uebernimm(bestand, b, r)}")


@befehl(app)
def conference(quartal: Quartalstext, bestand: Bestandspfad, out: Zielordner = None,
               unprotected: Annotated[bool, typer.Option("--unprotected", help="nur für den Leistungsträger, ungeschützt")] = False,
               ) -> None:
    """Schreibt die gemeinsame Seite aller Träger für die Sozialraumkonferenz, mit geschützten Zahlen."""
    from traeger_lib.operations.conference import schreibe
    q, ziel = _lauf(quartal, out)
    seite = schreibe(q, bestand, ziel, geschuetzt=not unprotected)
    typer.echo(f"Geschrieben: {seite}" + (" (ungeschützt: nicht weitergeben)" if unprotected else ""))


@befehl(app)
def lab(port: Annotated[int, typer.Option(help="Port")] = 8888) -> None:
    """Startet JupyterLab auf den Notebooks (nur auf diesem Rechner, mit Zugangswort)."""
    from traeger_lib.operations.szenario import umgebung
    raise typer.Exit(subprocess.call([sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", f"--port={port}", "notebooks"],
                                     env=umgebung("JUPYTER_CONFIG_PATH")))


@befehl(app, "app")
def bench_app(port: Annotated[int, typer.Option(help="Port")] = 8866,
              notebook: Annotated[Path, typer.Option(help="Notebook, das gezeigt wird", metavar="FILE")] = Path("notebooks/szenario.ipynb"),
              browser: Annotated[bool, typer.Option(help="Seite gleich öffnen")] = True) -> None:
    """Zeigt die Werkbank ohne Jupyter im Browser (nur auf diesem Rechner, mit Zugangswort)."""
    from traeger_lib.operations.szenario import app_befehl
    befehl, env, adresse = app_befehl(notebook, port, browser)
    typer.echo(f"Die Werkbank: {adresse}\nBeenden mit Strg-C.")
    raise typer.Exit(subprocess.call(befehl, env=env))


szenarien = typer.Typer(help="Szenarien rechnen.", no_args_is_help=True)
app.add_typer(szenarien, name="scenario")


@befehl(szenarien, "run")
def scenario_run(datei: Annotated[Path, typer.Argument(metavar="FILE", help="Beschreibung des Szenarios (TOML)")], bestand: Bestandspfad,
                 out: Annotated[Path | None, typer.Option("--out", help="Zielordner (sonst parameterized_runs/szenarien/NAME)",
                                                          metavar="DIR")] = None) -> None:
    """Rechnet ein Szenario wie das Notebook und schreibt szenario.json, szenario.html und szenario.xlsx."""
    from traeger_lib.operations import szenario
    s, saetze, pfade = szenario.fuehre_aus(datei, bestand, out)
    typer.echo("\n".join([f"{s.name}:", *saetze, "Geschrieben: " + ", ".join(map(str, pfade))]))


def main() -> None:
    """Entry point of the `traeger` command; a wrong call is told in German as well."""
    try:
        code = app(standalone_mode=False, prog_name="traeger")
    except Exception as e:
        if not hasattr(e, "format_message"):  # typer's own errors know how to be shown
            raise
        if type(e).__name__ == "NoArgsIsHelpError":
            e.show()  # type: ignore[attr-defined]
        else:
            typer.echo(_falscher_aufruf(e), err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


def _falscher_aufruf(e: Any) -> str:
    art, wort = type(e).__name__, str(getattr(getattr(e, "param", None), "metavar", None) or "")
    option = next((o for o in getattr(getattr(e, "param", None), "opts", ()) if o.startswith("--")), wort)
    grund = {"MissingParameter": f"Es fehlt die Angabe {option}.", "BadParameter": f"Der Wert für {option} passt nicht.",
             "NoSuchOption": f"Die Option {getattr(e, 'option_name', '')} gibt es nicht.",
             "BadOptionUsage": f"Zur Option {getattr(e, 'option_name', '')} fehlt der Wert, oder sie nimmt keinen.",
             }.get(art, "Diesen Befehl oder diese Angabe gibt es nicht.")
    pfad = e.ctx.command_path if getattr(e, "ctx", None) else "traeger"
    return f"{grund} Hilfe: {pfad} --help"


if __name__ == "__main__":
    main()
