"""Analytical workbench for social budgets (sozialraumorientierte Trägerbudgets) in Eingliederungshilfe.

`load` reads a Bestand, `analyse` gives every figure of one provider and quarter as frozen `Facts`.
"""

from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "analyse", "load"]


def __getattr__(name: str) -> Any:
    """Import on first use, so that light parts (the papermill engine, the version) stay light."""
    if name == "load":
        from traeger_lib.inputs.reading import load
        return load
    if name == "analyse":
        from traeger_lib.analysis.analyse import analyse
        return analyse
    raise AttributeError(name)
