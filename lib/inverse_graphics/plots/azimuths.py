"""Azimuths and what depends on them: their distribution, found against true ones, methods ranked by several measures.

Azimuths are shown in degrees and as seen from above: 0° is the front, at the bottom, and they grow counter-clockwise,
as `geometry.cameras` has them.
"""

import math
from collections.abc import Collection, Mapping

import numpy as np
from torch import Tensor

from inverse_graphics.checks import require_finite, require_range, require_tensor
from inverse_graphics.plots.styles import COLOURS, GREY, INK, WIDTH, Figure, styled

SECTORS = 12  # of a rose: 30° each, as far apart as the views of rendered sets


@styled
def azimuth_roses(samples: Mapping[str, Tensor], *, title: str = "") -> Figure:
    """How often each azimuth comes, a circle of `SECTORS` wedges for each sample; equal areas are equal shares.

    The dashed circle is the uniform distribution, whose wedges all end there.

    Args:
        samples: heading → azimuths (N,) in radians, of any turn.

    Raises:
        ValueError: no sample, or one that is empty or not finite.
    """
    if not samples:
        raise ValueError("samples: expected at least one, got none")
    width = min(WIDTH, 3.0 * len(samples))
    figure = Figure(figsize=(width, width / len(samples) + (0.75 if title else 0.45)), layout="constrained")
    panels = figure.subplots(1, len(samples), squeeze=False, subplot_kw={"projection": "polar"})[0]
    step = 2 * math.pi / SECTORS
    for at, (axes, (heading, azimuths)) in enumerate(zip(panels, samples.items(), strict=True)):
        require_finite(heading, require_tensor(heading, azimuths, "N"))
        turned = azimuths.detach().cpu().double().numpy() + step / 2  # wedges are centred on multiples of 30°
        share = np.bincount((turned // step).astype(int) % SECTORS, minlength=SECTORS) / len(azimuths)
        axes.bar(np.arange(SECTORS) * step, np.sqrt(share * SECTORS), width=step, color=COLOURS[at % len(COLOURS)],
                 edgecolor="white", linewidth=0.6)  # fmt: skip
        axes.plot(np.linspace(0, 2 * math.pi, 181), np.ones(181), color=INK, linewidth=1, linestyle="--")
        axes.set_theta_zero_location("S")
        axes.set_thetagrids((0, 90, 180, 270))
        axes.set_rgrids((), ())
        axes.set_title(heading, fontsize=11)
    if title:
        figure.suptitle(title, fontsize=12.5)
    return figure


@styled
def pose_heatmaps(counts: Mapping[str, Tensor], *, title: str = "") -> Figure:
    """Found against true azimuths: a square for each pair, the darker the more of the pictures from the true azimuth.

    A blue line goes along θ, an orange one along π − θ, whence a left-right symmetric shape has the same silhouette.

    Args:
        counts: heading → (K, K) counts, true azimuth × found azimuth, in K equal steps from 0.

    Raises:
        ValueError: no table, or one that is not square or has a negative count.
    """
    if not counts:
        raise ValueError("counts: expected at least one table, got none")
    width = min(WIDTH, 4.4 * len(counts))
    figure = Figure(figsize=(width, width / len(counts) + (1.0 if title else 0.7)), layout="constrained")
    panels = figure.subplots(1, len(counts), squeeze=False)[0]
    for axes, (heading, table) in zip(panels, counts.items(), strict=True):
        require_range(heading, require_tensor(heading, table.double(), "K K"), 0, math.inf)
        size = len(table)
        shares = table.double() / table.sum(1, keepdim=True).clamp_min(1)
        axes.imshow(shares.numpy(), cmap="Greys", vmin=0, vmax=1, origin="lower", interpolation="nearest")
        half, ends = size / 2, np.array([-0.5, size - 0.5])
        axes.plot(ends, ends, color=COLOURS[0], linewidth=1.5, label="θ")
        for shift, label in ((half, "π − θ"), (half + size, None)):
            axes.plot(ends, shift - ends, color=COLOURS[1], linewidth=1.5, linestyle="--", label=label)
        ticks = np.arange(0, size, max(1, size // 4))
        names = [f"{360 * tick / size:g}°" for tick in ticks]
        axes.set(xticks=ticks, yticks=ticks, xticklabels=names, yticklabels=names, xlim=ends, ylim=ends)
        axes.set(xlabel="found azimuth", ylabel="true azimuth θ" if axes is panels[0] else "")
        axes.set_title(heading, fontsize=11)
        axes.grid(False)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    if title:
        figure.suptitle(title, fontsize=12.5)
    return figure


@styled
def ranking(
    panels: Mapping[str, Mapping[str, tuple[float, float]]], *, grey: Collection[str] = (), digits: int = 3
) -> Figure:
    """Methods by several measures: a row for each method, a panel for each measure, a dot and its spread.

    Args:
        panels: what is measured → method → (mean, spread); a method may lack a measure. Rows come in the order in which
            methods are first named, from the top.
        grey: methods drawn in grey, such as baselines and floors.
        digits: significant digits of the number beside a dot.

    Raises:
        ValueError: no panel, a panel with no method, or a negative spread.
    """
    if not panels or not all(panels.values()):
        raise ValueError("panels: expected at least one, each with at least one method, got an empty one")
    methods = list(dict.fromkeys(method for values in panels.values() for method in values))
    figure = Figure(figsize=(WIDTH, 0.36 * len(methods) + 0.7), layout="constrained")
    places = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for place, (heading, values) in zip(places, panels.items(), strict=True):
        for method, (mean, spread) in values.items():
            if spread < 0:
                raise ValueError(f"panels[{heading!r}][{method!r}]: expected a spread of 0 or more, got {spread}")
            row, colour = methods.index(method), GREY if method in grey else COLOURS[0]
            place.errorbar(mean, row, xerr=spread or None, fmt="o", color=colour, capsize=3, elinewidth=1.2)
            place.annotate(f"{mean:.{digits}g}", (mean, row), xytext=(0, 4), textcoords="offset points", ha="center",
                           va="bottom", fontsize=8.5)  # fmt: skip
        place.set_title(heading, fontsize=11)
        place.grid(axis="y", visible=False)
        place.margins(x=0.12)
        place.set_xlim(left=0)
    places[0].set_yticks(range(len(methods)), methods)
    places[0].set_ylim(len(methods) - 0.5, -0.7)
    return figure


def at_half(voxels: Tensor, threshold: float) -> Tensor:
    """Occupancies with `threshold` moved to ½, 0 and 1 staying: for shapes with thresholds of their own in one figure.

    Args:
        voxels: floating, of any shape, in [0, 1].
        threshold: in (0, 1).
    """
    if not 0 < threshold < 1:
        raise ValueError(f"threshold: expected a number in (0, 1), got {threshold!r}")
    above = (voxels - threshold) / (1 - threshold)
    return (voxels / threshold).where(voxels < threshold, 1 + above) / 2
