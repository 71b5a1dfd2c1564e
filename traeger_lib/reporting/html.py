"""From an executed notebook to a self-contained page, and the overview page of a batch. No script, no outside address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import nbformat

from traeger_lib.reporting.formats import sauber


@cache
def css() -> str:
    """The one stylesheet of all pages."""
    return vorlage("bericht.css")


def vorlage(name: str) -> str:
    """The text of a template file."""
    return _vorlagen().joinpath(name).read_text(encoding="utf-8")


def _vorlagen() -> Path:
    return Path(str(files("traeger_lib.reporting").joinpath("templates")))


@cache
def _exporter() -> Any:
    """nbconvert with our template. Not its HTMLExporter, which parses the whole page once more to give pictures an English alt text."""
    from nbconvert.exporters.templateexporter import TemplateExporter  # slow to import, and only the report needs it

    return TemplateExporter(template_name="bericht", file_extension=".html", default_preprocessors=[],
                            extra_template_basedirs=[str(_vorlagen())])  # type: ignore[no-untyped-call]


def exportiere(notebook: nbformat.NotebookNode, titel: str, korrektur: str = "", fassung: int = 1) -> str:
    """The report page of an executed notebook; injected-parameter cells are dropped, so the same figures give the same bytes.

    Cells tagged „kopf“ and „fuss“ make the banner and the footer. `korrektur` says what a new version changed.
    """
    nb = nbformat.from_dict(notebook)  # type: ignore[no-untyped-call]
    nb["cells"] = [c for c in nb["cells"] if "injected-parameters" not in c["metadata"].get("tags", [])]
    seite, _ = _exporter().from_notebook_node(nb, resources={"titel": titel, "css": css(), "marken": [korrektur] if korrektur else [],
                                                             "fassung": fassung})
    return sauber(str(seite))


def seite(kopf: str, mitte: Sequence[str], fuss: str, titel: str, korrektur: str = "", fassung: int = 1) -> str:
    """The same page from pieces of HTML, without a notebook."""
    v = nbformat.v4
    zellen = [v.new_code_cell(outputs=[v.new_output("display_data", {"text/html": text})], metadata={"tags": [tag]})  # type: ignore[no-untyped-call]
              for tag, text in (("kopf", kopf), *(("mitte", t) for t in mitte), ("fuss", fuss))]
    return exportiere(v.new_notebook(cells=zellen), titel, korrektur, fassung)  # type: ignore[no-untyped-call]


@cache
def _umgebung() -> Any:
    import jinja2

    return jinja2.Environment(loader=jinja2.FileSystemLoader(_vorlagen()), autoescape=lambda name: ".html" in (name or ""),
                              trim_blocks=True, lstrip_blocks=True)


def uebersicht(quartal: str, zeilen: Sequence[dict[str, Any]], *, titel: str, hinweis: str, bilanz: str) -> str:
    """The operator's overview of a batch: one line a provider with state, strongest sentence, links, what to do."""
    vorlage = _umgebung().get_template("uebersicht.html.j2")
    return sauber(str(vorlage.render(quartal=quartal, zeilen=zeilen, titel=titel, hinweis=hinweis, bilanz=bilanz, css=css())))


def mail(inhalt: Mapping[str, Any]) -> tuple[str, str]:
    """The body of a message as plain text and as HTML with inline styles, from the same content."""
    text, seite = (_umgebung().get_template(f"mail.{art}.j2").render(inhalt) for art in ("txt", "html"))
    return text, seite
