"""One visual language for all pictures: colours, sizes, a sheet in CSS pixels, a panel with its scale, PNG bytes.

A picture is matplotlib's lines and patches, drawn by Agg without figure and axes, because every shape's place is known; Pillow sets the
text above them at a tenth of the cost. A user's rcParams change nothing. Not here: what a chart shows.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from functools import cache, partial
from io import BytesIO
from operator import itemgetter
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
import matplotlib.path as mpath
import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.font_manager import get_font
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D
from PIL import Image, ImageDraw, ImageFont

from traeger_lib.reporting.formats import zahl

BREITE, PX_JE_ZOLL, SCHAERFE = 860, 100, 2  # width in CSS pixels; of them per inch; device pixels for each of them
TINTE, GRAU, GITTER, FLAECHE, WEISS = "#1B1F24", "#57606A", "#D0D7DE", "#EEF1F4", "#FFFFFF"
AKZENT, ZWEIT, AKZENT_HELL, ZWEIT_HELL = "#0B5CAD", "#A35200", "#B9D2EC", "#EBCFB0"
NORMAL, KLEIN, GESTRICHELT = 10.0, 9.0, (0, (5, 3))  # points; dashes
_RAMPE = LinearSegmentedColormap.from_list("hbg", ["#DDEAF7", "#6FA8DC", AKZENT, "#062A52"])
_SCHRIFT = [Path(mpl.get_data_path(), "fonts/ttf", name) for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")]  # not an installed one


@cache
def schrift(groesse: float, fett: bool) -> ImageFont.FreeTypeFont:
    """The font at a size in points, for device pixels."""
    return ImageFont.truetype(_SCHRIFT[fett], groesse * PX_JE_ZOLL * SCHAERFE / 72, layout_engine=ImageFont.Layout.BASIC)


@cache
def _breite(zeichen: str, fett: bool) -> float:
    """Advance width of a character in em; 0 for one the font lacks."""
    font = get_font(_SCHRIFT[fett])
    font.set_size(64, 72)
    return font.load_char(ord(zeichen)).linearHoriAdvance / 65536 / 64 if font.get_char_index(ord(zeichen)) else 0.0


def textbreite(text: str, groesse: float = NORMAL, fett: bool = False) -> float:
    """Width of a line of text in CSS pixels."""
    return sum(_breite(c, fett) for c in text) * groesse * PX_JE_ZOLL / 72


def kuerze(text: str, breite: float = BREITE, groesse: float = NORMAL, fett: bool = False) -> str:
    """One line: no control characters, „?“ for what the font lacks, an ellipsis where it is wider than `breite`."""
    text = "".join(" " if unicodedata.category(c)[0] in "ZC" and c != "\u00a0" else c for c in unicodedata.normalize("NFC", text[:300]))
    text = ganz = "".join(c if _breite(c, fett) else "?" for c in " ".join(w for w in text.split(" ") if w))
    while text and textbreite(text + "…" * (text != ganz), groesse, fett) > breite:
        text = text[:-1].rstrip(" ,;.(–-")
    return text + "…" * (text != ganz)


def rampe(n: int) -> list[str]:
    """n blues from light to dark, for ordered groups."""
    return [to_hex(_RAMPE(x)) for x in (np.linspace(0, 1, n) if n > 1 else [1 / 3])]


def schrift_auf(farbe: str) -> str:
    """Black or white text, whichever stands out more on a colour (WCAG relative luminance)."""
    r, g, b = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in to_rgb(farbe))
    return "#000000" if 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 else WEISS  # (L + .05)² = .05 · 1.05: 4,6 at least


def verteile(stellen: Sequence[float], abstand: float, bis: float) -> list[float]:
    """Move label positions apart to at least `abstand`, keeping their order, none beyond `bis` (pixels run down)."""
    rang, stufen = np.argsort(stellen, kind="stable"), np.arange(len(stellen)) * abstand
    frei = np.maximum.accumulate(np.asarray(stellen, float)[rang] - stufen)  # without the steps between them
    return list((np.minimum(frei, bis - stufen[-1:]) + stufen)[np.argsort(rang)])


class Blatt:
    """A sheet in CSS pixels from the top left corner."""

    def __init__(self, hoehe: int) -> None:
        self.hoehe, self.lage = hoehe, Affine2D().translate(0, -hoehe).scale(SCHAERFE, -SCHAERFE)
        self.formen, self.texte = list[tuple[int, Callable[[], Artist]]](), list[dict[str, Any]]()

    @mpl.style.context({"hatch.linewidth": 0.8}, after_reset=True)  # matplotlib's defaults, then the caller's settings again
    def png(self) -> bytes:
        """The picture, drawn once, with a palette of 64 from every other pixel and no metadata: the same sheet gives the same bytes."""
        groesse, aus = (BREITE * SCHAERFE, self.hoehe * SCHAERFE), BytesIO()
        agg = cast(Any, RendererAgg)(*groesse, PX_JE_ZOLL * SCHAERFE)  # its methods are untyped
        np.asarray(agg.buffer_rgba())[:] = 255  # white paper
        for _, form in sorted(self.formen, key=itemgetter(0)):
            form().draw(agg)
        bild = Image.frombuffer("RGBA", groesse, agg.buffer_rgba(), "raw", "RGBA", 0, 1).convert("RGB")
        stift = ImageDraw.Draw(bild)
        for text in self.texte:
            stift.text(**text)
        palette = bild.resize((BREITE, self.hoehe), Image.Resampling.NEAREST).quantize(64, method=Image.Quantize.FASTOCTREE)
        palette.putpalette([255 if wert > 252 else wert for wert in palette.getpalette() or ()])  # paper stays white
        bild.quantize(palette=palette, dither=Image.Dither.NONE).save(aus, "png")
        return aus.getvalue()

    def text(self, x: float, y: float, text: str, farbe: str = TINTE, *, groesse: float = KLEIN, fett: bool = False,
             ha: str = "left", breite: float = BREITE, hof: bool = False) -> None:
        """One line of text, cut to `breite`, its capitals centred on y; `hof` sets a white rim around it."""
        self.texte.append({"xy": (SCHAERFE * float(x), SCHAERFE * float(y + 0.5 * groesse)), "text": kuerze(text, breite, groesse, fett),
                           "fill": farbe, "font": schrift(groesse, fett), "anchor": {"left": "ls", "center": "ms", "right": "rs"}[ha],
                           "stroke_width": 4 * hof, "stroke_fill": WEISS})

    def linie(self, xs: Any, ys: Any, farbe: str, dicke: float = 0.8, strich: Any = "-", ebene: int = 1, **mehr: Any) -> None:
        self.formen.append((ebene, partial(Line2D, xs, ys, color=farbe, linewidth=dicke, linestyle=strich, transform=self.lage, **mehr)))

    def punkt(self, x: float, y: float, farbe: str, form: str = "o", groesse: float = 6, hohl: bool = False) -> None:
        self.linie([x], [y], farbe, ebene=4, marker=form, markersize=groesse, mew=1.5, mfc=WEISS if hohl else farbe)

    def flaechen(self, polygone: Sequence[Any], farbe: str, ebene: int = 2, rand: str = "none", **mehr: Any) -> None:
        pfad = mpath.Path.make_compound_path(*(mpath.Path([*p, p[0]], closed=True) for p in polygone))  # one path: a hatch costs by paths
        self.formen.append((ebene, partial(PathPatch, pfad, fc=farbe, ec=rand, joinstyle="round", transform=self.lage, **mehr)))


class Feld:
    """A panel: its rectangle on the sheet (links, oben, rechts, unten), the range of x, about n round grid lines around y."""

    @mpl.rc_context({"axes.autolimit_mode": "data"})
    def __init__(self, blatt: Blatt, kasten: Sequence[float], x: tuple[float, float], y: tuple[float, float], n: int = 5,
                 titel: str = "", einheit: str = "") -> None:
        self.blatt, self.bereich, (self.links, self.oben, self.rechts, self.unten) = blatt, x, kasten
        stufen = self.stufen = [round(float(s), 9) for s in MaxNLocator(n, steps=[1, 2, 2.5, 5, 10]).tick_values(*y)]
        stellen = next(n for n in range(4) if n == 3 or all(abs(round(s, n) - s) < 1e-9 for s in stufen))
        for s in stufen:
            blatt.linie([self.links, self.rechts], [self.y(s)] * 2, GRAU if s == 0 else GITTER)
            blatt.text(self.links - 6, self.y(s), zahl(s, stellen) + einheit, GRAU, ha="right")
        if titel:
            blatt.text(0, 12, titel + f" (Achse beginnt bei {zahl(stufen[0], stellen)})" * (stufen[0] > 0), GRAU)

    def x(self, werte: Any) -> Any:
        return np.interp(np.asarray(werte, float), self.bereich, (self.links, self.rechts))

    def y(self, werte: Any) -> Any:
        return np.interp(np.asarray(werte, float), (self.stufen[0], self.stufen[-1]), (self.unten, self.oben))

    def seite(self, eintraege: Sequence[tuple[Any, str, str]], platz: float, groesse: float = KLEIN, fett: bool = False) -> None:
        """Labels right of the panel at their values (value, text, colour), moved apart."""
        hoehen = verteile([float(self.y(e[0])) for e in eintraege], groesse * 1.65, self.unten)
        for (_, text, farbe), y in zip(eintraege, hoehen, strict=True):
            self.blatt.text(self.rechts + 6, y, text, farbe, groesse=groesse, breite=platz - 6, fett=fett)


def waerme() -> None:
    """Load fonts, widths and glyphs of the usual characters, once for all pictures of processes forked from this one."""
    blatt = Blatt(100)
    for fett in (False, True):
        blatt.text(0, 50, "".join(map(chr, range(32, 127))) + "äöüÄÖÜß–„“…−€·§×\u00a0", fett=fett, breite=10**6)
    blatt.png()
