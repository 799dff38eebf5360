"""What diagrams are drawn with: points of the world on paper, arrows, cameras, boxes and links.

Space is drawn through `geometry.cameras.Camera`, so that a drawing cannot disagree with the renderers.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon

from inverse_graphics.geometry.cameras import Camera
from inverse_graphics.plots.shapes import bare
from inverse_graphics.plots.styles import COLOURS, GREY, INK, PALE

BLUE, RED, GREEN, PINK, ORANGE, SKY, _ = COLOURS
CUBE_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)


def screen(camera: Camera, points: Sequence) -> np.ndarray:
    """World points (N, 3) → (N, 2) for axes with y up."""
    seen = camera.project(torch.as_tensor(np.asarray(points, dtype=np.float64)))[:, :2].numpy()
    return seen * [1, -1]


def space(axes, x: tuple[float, float], y: tuple[float, float]):
    bare(axes).set(xlim=x, ylim=y, aspect="equal")
    axes.patch.set_visible(False)  # a label may reach over into the next panel
    return axes


def cube(axes, view: Camera) -> None:
    for a in range(8):
        for b in range(a + 1, 8):
            if np.abs(CUBE_CORNERS[a] - CUBE_CORNERS[b]).sum() == 2:
                axes.plot(*screen(view, CUBE_CORNERS[[a, b]]).T, color="#aab3be", linewidth=0.9, zorder=1)


def arrow(axes, view: Camera, start: np.ndarray, end: np.ndarray, colour: str, label: str) -> None:
    (x0, y0), (x1, y1) = screen(view, [start, end])
    patch = FancyArrowPatch(
        (x0, y0),
        (x1, y1),
        arrowstyle="-|>",
        mutation_scale=13,
        color=colour,
        linewidth=2,
        shrinkA=0,
        shrinkB=0,
        zorder=4,
    )
    axes.add_patch(patch)
    length = math.hypot(x1 - x0, y1 - y0) or 1.0
    axes.annotate(
        label,
        (x1, y1),
        xytext=(11 * (x1 - x0) / length, 11 * (y1 - y0) / length),
        textcoords="offset points",
        ha="center" if abs(x1 - x0) < 0.6 * length else ("left" if x1 > x0 else "right"),
        va="center" if abs(y1 - y0) < 0.6 * length else ("bottom" if y1 > y0 else "top"),
        color=colour,
        fontsize=11,
    )


def camera_sign(axes, view: Camera, camera: Camera, distance: float, label: str, offset: tuple[float, float]) -> None:
    right, up, back = camera.rotation(torch.zeros((), dtype=torch.float64)).numpy()
    eye = distance * back
    base = [eye - 0.42 * back + i * 0.26 * right + j * 0.2 * up for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    corners, apex = screen(view, base), screen(view, [eye])[0]
    for a in range(4):
        side = [apex, corners[a], corners[(a + 1) % 4]]
        axes.add_patch(Polygon(side, facecolor=PALE, edgecolor=INK, linewidth=1, alpha=0.9, zorder=5))
    axes.add_patch(Polygon(corners, facecolor="white", edgecolor=INK, linewidth=1.2, alpha=0.8, zorder=6))
    axes.plot(*screen(view, [eye - 0.42 * back, 0.1 * back]).T, color=GREY, linewidth=1, linestyle="--", zorder=2)
    axes.annotate(label, apex, xytext=offset, textcoords="offset points", ha="center", va="center", fontsize=9.5)


def angle_arcs(axes, view: Camera, azimuth: float, elevation: float, distance: float, size: float = 12) -> None:
    """θ in the ground plane from +z, and φ from there up to the viewer's direction."""
    theta, phi = math.radians(azimuth), math.radians(elevation)
    level = np.array([math.sin(theta), 0, math.cos(theta)])

    def arc(points: list, colour: str, text: str, at: int) -> None:
        line = screen(view, 1.35 * np.array(points))
        axes.plot(*line.T, color=colour, linewidth=2.2, zorder=6)
        away = line[at] - screen(view, [np.zeros(3)])[0]
        place = line[at] + 0.17 * away / np.linalg.norm(away)
        axes.text(*place, text, color=colour, fontsize=size, ha="center", va="center", weight="bold", zorder=9)

    arc([[math.sin(t), 0, math.cos(t)] for t in np.linspace(0, theta, 30)], PINK, "θ", 15)
    arc([level * math.cos(t) + np.array([0, math.sin(t), 0]) for t in np.linspace(0, phi, 20)], ORANGE, "φ", 14)
    axes.plot(*screen(view, [np.zeros(3), distance * level]).T, color=GREY, linewidth=0.9, linestyle=":", zorder=2)
    axes.plot(
        *screen(view, [np.zeros(3), distance * (level * math.cos(phi) + np.array([0, math.sin(phi), 0]))]).T,
        color=GREY,
        linewidth=0.9,
        linestyle="--",
        zorder=2,
    )


def box(axes, x: float, y: float, width: float, height: float, text: str, colour: str, size: float = 10.5) -> None:
    pad = 0.5
    patch = FancyBboxPatch(
        (x - width / 2 + pad, y - height / 2 + pad),
        width - 2 * pad,
        height - 2 * pad,
        boxstyle=f"round,pad={pad}",
        facecolor=tint(colour),
        edgecolor=colour,
        linewidth=1.4,
        zorder=3,
    )
    axes.add_patch(patch)
    axes.text(x, y, text, ha="center", va="center", fontsize=size, zorder=4)


def slab(axes, x: float, y: float, tall: float, wide: float, deep: float, colour: str) -> None:
    """A box seen from the front, the right and above."""
    x0, x1, y0, y1, dx, dy = x - wide / 2, x + wide / 2, y - tall / 2, y + tall / 2, 0.6 * deep, 0.6 * deep
    faces = {
        0.35: [(x0, y0), (x1, y0), (x1, y1), (x0, y1)],
        0.2: [(x0, y1), (x1, y1), (x1 + dx, y1 + dy), (x0 + dx, y1 + dy)],
        0.6: [(x1, y0), (x1 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1, y1)],
    }
    for strength, corners in faces.items():
        axes.add_patch(Polygon(corners, facecolor=tint(colour, strength), edgecolor=colour, linewidth=1, zorder=3))


def link(axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=10, color=GREY, linewidth=1.2, shrinkA=0, shrinkB=0, zorder=2
        )
    )


def tag(axes, x: float, y: float, text: str, truth: bool) -> None:
    colour = RED if truth else GREEN
    axes.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        fontsize=10,
        color=colour,
        bbox={"boxstyle": "round,pad=0.45", "facecolor": tint(colour, 0.1), "edgecolor": colour},
    )


def tint(colour: str, strength: float = 0.16) -> tuple[float, ...]:
    return tuple(1 - strength * (1 - channel) for channel in to_rgb(colour))
