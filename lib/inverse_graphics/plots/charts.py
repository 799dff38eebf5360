"""Numbers and pictures: curves, bars with their spread, rows and grids of pictures."""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from inverse_graphics.plots.shapes import bare, show_picture
from inverse_graphics.plots.styles import COLOURS, INK, WIDTH, Figure, styled


def picture_row(pictures: Mapping[str, Tensor | None], *, title: str = "") -> Figure:
    """Pictures side by side under their titles.

    Args:
        pictures: title → (H, W) or (1, H, W) in [0, 1], or None for a panel that says it is not on this machine.
    """
    return picture_grid({"": list(pictures.values())}, list(pictures), title=title)


@styled
def picture_grid(
    rows: Mapping[str, Sequence[Tensor | None]], headings: Sequence[str] = (), *, title: str = ""
) -> Figure:
    """A grid of pictures, a label before each row and a heading over each column.

    Args:
        rows: label → pictures (H, W) or (1, H, W) in [0, 1]; None gives a panel that says it is not on this machine.
        headings: one for each column, or none.

    Raises:
        ValueError: no picture, or headings of another number than there are columns.
    """
    count = max((len(pictures) for pictures in rows.values()), default=0)
    if not count:
        raise ValueError("rows: expected at least one picture, got none")
    if headings and len(headings) != count:
        raise ValueError(f"headings: expected one for each of {count} columns, got {len(headings)}")
    left = 0.9 if any(rows) else 0.05
    top = (0.35 if title else 0.05) + (0.3 if headings else 0)
    side = min(1.7, (WIDTH - left) / count)
    figure = Figure(figsize=(side * count + left, side * len(rows) + top))
    width, height = figure.get_size_inches()
    grid = figure.add_gridspec(
        len(rows), count, left=left / width, right=1, bottom=0, top=1 - top / height, wspace=0.05, hspace=0.05
    )
    for row, (label, pictures) in enumerate(rows.items()):
        for column, picture in enumerate(pictures):
            axes = bare(figure.add_subplot(grid[row, column]))
            show_picture(axes, picture)
            if row == 0 and headings:
                axes.set_title(headings[column], fontsize=10, pad=4)
            if column == 0:
                axes.text(-0.06, 0.5, label, transform=axes.transAxes, ha="right", va="center")
    if title:
        figure.text(0.5, 1 - 0.04 / height, title, ha="center", va="top", fontsize=12.5)
    return figure


@styled
def curves(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    log: bool = False,
    marks: Mapping[str, float] | None = None,
) -> Figure:
    """Curves over a common axis, for example losses while training.

    Args:
        series: label → (x, y), in the order of the colours. A single curve may have the label "".
        log: whether y is drawn on a logarithmic scale.
        marks: label → x of a dashed vertical line.

    Raises:
        ValueError: no curve, or x and y of different length.
    """
    if not series:
        raise ValueError("series: expected at least one curve, got none")
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for at, (label, (x, y)) in enumerate(series.items()):
        if len(x) != len(y):
            raise ValueError(f"series[{label!r}]: expected x and y of one length, got {len(x)} and {len(y)}")
        axes.plot(np.asarray(x), np.asarray(y), color=COLOURS[at % len(COLOURS)], label=label)
    for label, x in (marks or {}).items():
        axes.axvline(x, color=INK, linewidth=1, linestyle="--", zorder=1)
        axes.annotate(label, (x, 1), xycoords=("data", "axes fraction"), xytext=(5, -3), textcoords="offset points",
                      va="top", fontsize=10)  # fmt: skip
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title, yscale="log" if log else "linear")
    axes.margins(x=0.01)
    if len(series) > 1 or "" not in series:
        figure.legend(loc="outside lower center", ncols=min(4, len(series)))
    return figure


@styled
def bar_with_spread(
    panels: Mapping[str, Mapping[str, tuple[float, float]]], *, title: str = "", digits: int = 3
) -> Figure:
    """Numbers of several methods, a panel for each quantity, with error bars.

    Args:
        panels: what is measured, with its unit → method → (mean, spread); say in the caption what the spread is.
            A method has the same colour in every panel.
        digits: significant digits of the number written over a bar.

    Raises:
        ValueError: no panel, a panel with no method, or a negative spread.
    """
    if not panels or not all(panels.values()):
        raise ValueError("panels: expected at least one, each with at least one method, got an empty one")
    methods = list(dict.fromkeys(method for values in panels.values() for method in values))
    figure = Figure(figsize=(WIDTH, 3.4 + (0.3 if title else 0)), layout="constrained")
    for place, (heading, values) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        for at, (method, (mean, spread)) in enumerate(values.items()):
            if spread < 0:
                raise ValueError(f"panels[{heading!r}][{method!r}]: expected a spread of 0 or more, got {spread}")
            place.bar(at, mean, 0.68, yerr=spread or None, capsize=4, color=COLOURS[methods.index(method) % 7],
                      error_kw={"ecolor": INK, "elinewidth": 1.3})  # fmt: skip
            place.annotate(f"{mean:.{digits}g}", (at, mean + max(spread, 0)), xytext=(0, 4),
                           textcoords="offset points", ha="center", fontsize=9.5)  # fmt: skip
        place.set_xticks(range(len(values)), list(values))
        place.set_title(heading, fontsize=11)
        place.grid(axis="x", visible=False)
        place.margins(y=0.16)
        place.set_ylim(bottom=min(0, place.get_ylim()[0]) if any(mean < 0 for mean, _ in values.values()) else 0)
    if title:
        figure.suptitle(title, fontsize=12.5)
    return figure
