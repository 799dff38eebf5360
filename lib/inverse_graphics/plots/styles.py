"""One look for every figure: fonts that read at a width of 900 pixels, colours that colour-blind readers tell apart."""

import functools
import io
from collections.abc import Callable

import matplotlib
from matplotlib.figure import Figure as MatplotlibFigure

WIDTH = 9.0  # inches: 990 pixels in the gallery
INK, GREY, PALE = "#22272e", "#6b7480", "#e6e9ee"
CLAY = "#d9a178"  # the colour of a shaded shape

# Okabe & Ito (2008), without the yellow that vanishes on white.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4d4d4d")

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.labelsize": 11,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 0.8,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "image.interpolation": "antialiased",
}


def style():
    """Context in which figures get this project's look: `with style(): …`. Settings are as before when it ends."""
    return matplotlib.rc_context(STYLE)


def styled(builder: Callable) -> Callable:
    """Make a function that builds a figure do so within `style()`."""

    @functools.wraps(builder)
    def in_style(*args, **kwargs):
        with style():
            return builder(*args, **kwargs)

    return in_style


class Figure(MatplotlibFigure):
    """A matplotlib Figure that notebooks show as a PNG. It is not pyplot's, so nothing keeps or shows it twice."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=100, bbox_inches="tight", metadata={"Software": None})
        return file.getvalue()
