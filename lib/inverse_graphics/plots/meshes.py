"""Figures of the mesh paper: Figure 2 (the set-up) and 3 (the renderer).

layer_panels       crisp layer, soft layer, opacity, picture and depth, whole and enlarged
slope_panels       what derivatives say about a position, pixel by pixel and added up in a loss
opacity_curves     Eq. (11) and (12) as printed and as used
shape_picture      a shape image in colours
mesh_gan_diagram   generators, renderer and discriminator, with what runs through them
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.patches import Polygon, Rectangle
from torch import Tensor

from inverse_graphics.plots.drawing import BLUE, GREEN, ORANGE, PINK, RED, SKY, box, link, slab, space
from inverse_graphics.plots.shapes import bare
from inverse_graphics.plots.styles import COLOURS, GREY, INK, WIDTH, Figure, styled
from inverse_graphics.renderers.meshes import MeshPicture


@styled
def layer_panels(
    seen: MeshPicture, outlines: Sequence[np.ndarray], window: tuple[int, int, int], *, title: str = ""
) -> Figure:
    """The layers of the first picture of a batch, whole above, a window of it enlarged below.

    Args:
        seen: of colours in [0, 1], three channels. Layers are white where they are empty.
        outlines: polygons (K, 2), right and down in pixels, drawn over the enlarged panels.
        window: left, top and side in pixels.
    """
    depth = np.ma.masked_invalid(_array(seen.depth)[..., 0])
    opacity = {"cmap": "gray_r", "vmin": 0, "vmax": 1}
    panels = {
        "crisp layer": (_over_white(seen.crisp, seen.crisp_alpha), {}),
        "soft layer": (_over_white(seen.soft, seen.soft_alpha > 0), {}),
        "its opacity αs": (_array(seen.soft_alpha)[..., 0], opacity),
        "picture, Eq. (12)": (_array(seen.image).clip(0, 1), {}),
        "depth (crisp)": (depth, {"cmap": "viridis_r", "vmin": 0.9 * depth.min(), "vmax": 1.05 * depth.max()}),
    }
    left, top, side = window
    figure = Figure(figsize=(WIDTH, 4.1 + (0.3 if title else 0)))
    grid = figure.add_gridspec(
        2, len(panels), left=0, right=1, bottom=0.07, top=0.86 if title else 0.93, wspace=0.06, hspace=0.06
    )
    for column, (heading, (picture, look)) in enumerate(panels.items()):
        for row in range(2):
            axes = bare(figure.add_subplot(grid[row, column]))
            height, width = picture.shape[:2]
            shown = axes.imshow(picture, extent=(0, width, height, 0), interpolation="nearest", **look)
            for spine in axes.spines.values():
                spine.set(visible=True, color=GREY, linewidth=0.6)
            if row == 0:
                axes.set_title(heading, fontsize=11, pad=5)
                axes.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor=INK, linewidth=1.3))
                continue
            for outline in outlines:
                axes.add_patch(Polygon(outline, fill=False, edgecolor=INK, linewidth=1.4))
            axes.set(xlim=(left, left + side), ylim=(top + side, top))
            if look:
                bar = figure.colorbar(shown, cax=axes.inset_axes((0, -0.09, 1, 0.05)), orientation="horizontal")
                bar.ax.tick_params(labelsize=8.5, length=2, pad=1.5)
                bar.outline.set_visible(False)
    if title:
        figure.suptitle(title, fontsize=12.5, y=0.985)
    return figure


def _array(picture: Tensor) -> np.ndarray:
    """(1, C, H, W) → (H, W, C)."""
    return picture[0].detach().permute(1, 2, 0).numpy()


def _over_white(layer: Tensor, cover: Tensor) -> np.ndarray:
    return (_array(layer) + 1 - _array(cover.to(layer))).clip(0, 1)


@styled
def slope_panels(
    pixels: Mapping[str, Tensor],
    outline: np.ndarray,
    curves: Mapping[str, tuple[Tensor, Tensor, Tensor, Tensor]],
    goal: str = "position, pixels right of the goal",
) -> Figure:
    """Above, how each pixel changes when a shape moves; below, a loss over the position and its derivatives.

    Args:
        pixels: title → (H, W) changes per pixel of the way; all in one scale of colours.
        outline: (K, 2) of the shape, right and down in pixels, drawn over the panels.
        curves: label → positions, losses, derivatives (lines) and differences (dots), each (N,). Differences beyond the
            chart are triangles at its rim.
        goal: what the horizontal axis of the charts says.
    """
    figure = Figure(figsize=(WIDTH, 6.2))
    reach = max(float(values.abs().max()) for values in pixels.values()) or 1.0
    grid = figure.add_gridspec(1, len(pixels), left=0.0, right=0.93, bottom=0.56, top=0.93, wspace=0.06)
    for column, (heading, values) in enumerate(pixels.items()):
        axes = bare(figure.add_subplot(grid[0, column]))
        height, width = values.shape
        shown = axes.imshow(
            values.numpy(), extent=(0, width, height, 0), cmap="PuOr", vmin=-reach, vmax=reach, interpolation="nearest"
        )
        axes.add_patch(Polygon(outline, fill=False, edgecolor=INK, linewidth=1))
        for spine in axes.spines.values():
            spine.set(visible=True, color=GREY, linewidth=0.6)
        axes.set_title(heading, fontsize=10.5, pad=5)
    bar = figure.colorbar(shown, cax=axes.inset_axes((1.05, 0, 0.06, 1)))
    bar.ax.tick_params(labelsize=9)
    bar.outline.set_visible(False)

    grid = figure.add_gridspec(1, 2, left=0.075, right=1, bottom=0.16, top=0.47, wspace=0.2)
    losses, slopes = (figure.add_subplot(cell) for cell in grid)
    high = 1.6 * max(float(derivative.abs().max()) for _, _, derivative, _ in curves.values())
    for at, (label, (position, loss, derivative, difference)) in enumerate(curves.items()):
        losses.plot(position, loss, color=COLOURS[at], label=label)
        slopes.plot(position, derivative, color=COLOURS[at], linewidth=1.5)
        look = {"markersize": 4, "markeredgecolor": COLOURS[at], "color": "white", "clip_on": False}
        beyond = difference.abs() > high
        slopes.plot(position[~beyond], difference[~beyond], "o", **look)
        for mark, where in (("^", beyond & (difference > 0)), ("v", beyond & (difference < 0))):
            slopes.plot(position[where], difference[where].clamp(-high, high), mark, **look | {"markersize": 7})
    slopes.set_ylim(-high, high)
    for axes, heading in ((losses, "squared error"), (slopes, "its derivative: given (lines), measured (marks)")):
        axes.set_xlabel(goal)
        axes.set_title(heading, fontsize=11)
        axes.axvline(0, color=INK, linewidth=1, linestyle="--", zorder=1)
        axes.margins(x=0.01)
    figure.legend(*losses.get_legend_handles_labels(), loc="lower center", ncols=len(curves))
    return figure


@styled
def opacity_curves(panels: Mapping[str, Mapping[str, tuple[Tensor, Tensor]]], limits: tuple[float, float]) -> Figure:
    """Curves over the distance from an outline, a panel for each formula; what an opacity may be is shaded.

    Args:
        panels: title → label → distances and values (N,). A label has the same colour in every panel.
        limits: of the vertical axes.
    """
    figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
    names = list(dict.fromkeys(label for lines in panels.values() for label in lines))
    drawn = {}
    for axes, (heading, lines) in zip(figure.subplots(1, len(panels), sharey=True), panels.items(), strict=True):
        axes.axhspan(0, 1, color=GREEN, alpha=0.1, linewidth=0)
        for label, (distance, values) in lines.items():
            drawn[label] = axes.plot(distance, values, color=COLOURS[names.index(label)])[0]
        axes.set(ylim=limits, xlabel="distance d, pixels")
        axes.set_title(heading, fontsize=11)
        axes.margins(x=0.02)
    figure.legend(drawn.values(), drawn, loc="outside lower center", ncols=len(drawn))
    return figure


@styled
def mesh_gan_diagram(
    networks: Mapping[str, tuple[Sequence[Sequence[int]], int]],
    shapes: Mapping[str, Sequence[int]],
    images: Mapping[str, np.ndarray],
    views: Mapping[str, np.ndarray],
    crop: tuple[float, float, float],
) -> Figure:
    """The set-up (Fig. 2), with what runs through it.

    Args:
        networks: `object`, `background` and `discriminator` → shapes (C, S, S) of what comes out of its blocks, in
            order, and number of parameters.
        shapes: of `z`, `shape`, `texture`, `background`, `crop` and `fake`, without the batch.
        images: `shape`, `texture`, `background` and `real`, (H, W, 3) in [0, 1].
        views: what the camera's angles are → picture; three of one object.
        crop: left, top and side of the part of the background behind the first view, in fractions of it.
    """
    height = 67.0
    figure = Figure(figsize=(WIDTH, WIDTH * height / 100))
    axes = space(figure.add_axes((0, 0, 1, 1)), (0, 100), (0, height))

    def picture(image: np.ndarray, x: float, y: float, label: str, size: float = 10.5) -> None:
        extent = (x - size / 2, x + size / 2, y - size / 2, y + size / 2)
        axes.imshow(image, extent=extent, zorder=3, interpolation="nearest")
        axes.text(x, y - size / 2 - 0.7, label, ha="center", va="top", fontsize=9, linespacing=1.3, zorder=4)

    def network(name: str, x: float, y: float, label: str, colour: str, shrinking: bool = False) -> None:
        blocks, weights = networks[name]
        for i in range(len(blocks)):
            tall = 3.2 + 1.5 * (len(blocks) - 1 - i if shrinking else i)
            slab(axes, x + 2.6 * (i - (len(blocks) - 1) / 2), y, tall, 1.2, 0.9, colour)
        first, last = blocks[0], blocks[-1]
        text = f"{label}\n{_times(first)} → {_times(last)}\n{weights:,} weights"
        axes.text(x, y - 6.3, text, ha="center", va="top", fontsize=9, linespacing=1.4)

    upper, lower, judged = 50.0, 25.0, 8.5
    box(axes, 7.5, upper, 13, 6.4, f"$z_o$ ~ N(0, I)\n{_times(shapes['z'])}", ORANGE, 10)
    box(axes, 7.5, lower, 13, 6.4, f"$z_b$ ~ N(0, I)\n{_times(shapes['z'])}", ORANGE, 10)
    network("object", 27.5, upper, "object generator $G_o$", BLUE)
    network("background", 27.5, lower, "background generator $G_b$", BLUE)
    picture(images["shape"], 49.5, 60, f"shape image s\n{_times(shapes['shape'])}")
    picture(images["texture"], 49.5, 42.5, f"texture t\n{_times(shapes['texture'])}")
    picture(
        images["background"],
        49.5,
        lower,
        f"background b, {_times(shapes['background'])}\ncrop {_times(shapes['crop'])}",
    )
    left, top, side = (10.5 * part for part in crop)
    place = (49.5 - 5.25 + left, lower + 5.25 - top - side)
    axes.add_patch(Rectangle(place, side, side, fill=False, edgecolor=INK, linewidth=1.5, zorder=5))
    box(axes, 69.5, 60.5, 16, 7, "random viewpoint\nv ~ $p_v$", GREY, 9)
    box(axes, 69.5, 42.5, 12, 9, "renderer R\nEq. (6)–(12)\nno weights", PINK, 9.5)
    for y, (label, image) in zip((60.5, 45.5, 30.5), views.items(), strict=True):
        picture(image, 90, y, label)
    axes.text(90, 22.2, f"fakes $x_f$, {_times(shapes['fake'])}", ha="center", va="top", fontsize=9)
    picture(images["real"], 90, judged, "real $x_r$", 9)
    network("discriminator", 68, judged + 1.5, "discriminator D", RED, shrinking=True)
    box(axes, 43, judged - 1.5, 15, 6, "score: real or\nmade by G?", SKY, 9.5)
    for start, end in (
        ((14, upper), (20.5, upper)),
        ((14, lower), (20.5, lower)),
        ((35, upper + 2), (43.8, 58.5)),
        ((35, upper - 2), (43.8, 44)),
        ((35, lower), (43.8, lower)),
        ((55.2, 59), (63.4, 46.5)),
        ((55.2, 42.5), (63.4, 42.5)),
        ((55.2, lower + 2), (65, 37.9)),
        ((69.5, 57), (69.5, 47.1)),
        ((75.6, 44.5), (84.3, 57)),
        ((75.6, 43), (84.3, 45)),
        ((75.6, 41), (84.3, 33)),
        ((83.5, 19.8), (76.5, 13.2)),
        ((85, judged), (76.5, judged)),
        ((59.5, judged - 1), (50.6, judged - 1)),
    ):
        link(axes, start, end)
    return figure


def _times(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def shape_picture(shape: Tensor) -> np.ndarray:
    """A shape image (3, N, N) as a picture (N, N, 3): x, y, z from −1 to 1 are red, green, blue from 0 to 1."""
    return ((shape.detach() + 1) / 2).clamp(0, 1).permute(1, 2, 0).numpy()
