"""Drawn figures of the surfel paper: Figure 1 (implicit and explicit), 2 (the renderer) and 3 (the model).

surfel_patches           points, normals, size → the squares that stand for surfels
implicit_and_explicit    one object as voxels, a mesh, and surfels from far and from near
surfel_renderer_diagram  where a surfel lies, and what its colour depends on
pix2scene_diagram        encoder, decoder, normals, renderer and critic, with the sizes of the running networks
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Arc

from inverse_graphics.geometry.cameras import Camera
from inverse_graphics.geometry.depth_maps import Surfels
from inverse_graphics.plots.drawing import BLUE, GREEN, ORANGE, PINK, RED, SKY, box, link, screen, slab, space
from inverse_graphics.plots.shapes import LIGHT
from inverse_graphics.plots.styles import CLAY, GREY, INK, WIDTH, Figure, styled

if TYPE_CHECKING:
    import trimesh


class Primitives(NamedTuple):
    """Flat pieces of a surface: `corners` (N, K, 3) and unit `normals` (N, 3), in the world."""

    corners: np.ndarray
    normals: np.ndarray


def surfel_patches(surfels: Surfels, sizes: torch.Tensor) -> Primitives:
    """Squares of side `sizes` (N,), world units, in the planes of the surfels."""
    points, normals = surfels.points.double().numpy(), surfels.normals.double().numpy()
    across = np.cross(normals, np.where(np.abs(normals[:, 1:2]) < 0.9, [[0, 1.0, 0]], [[1.0, 0, 0]]))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    along = np.cross(normals, across)
    half = sizes.double().numpy()[:, None, None] / 2
    turn = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], dtype=float)
    corners = points[:, None] + half * (turn[:, :1] * across[:, None] + turn[:, 1:] * along[:, None])
    return Primitives(corners, normals)


def voxel_faces(centres: torch.Tensor, side: float) -> Primitives:
    """The six faces of each of N cubes, given their centres (N, 3)."""
    centres, parts = centres.double().numpy(), []
    for axis in range(3):
        u, v = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
        square = np.stack([-u - v, u - v, u + v, -u + v]) * side / 2
        for sign in (-1, 1):
            normal = sign * np.eye(3)[axis]
            parts.append((centres[:, None] + square + normal * side / 2, np.broadcast_to(normal, centres.shape)))
    return Primitives(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def mesh_faces(mesh: "trimesh.Trimesh") -> Primitives:
    """The triangles of a mesh."""
    return Primitives(np.asarray(mesh.triangles), np.asarray(mesh.face_normals))


@styled
def implicit_and_explicit(panels: dict[str, tuple[Primitives, Camera, float]]) -> Figure:
    """One object in several representations (Fig. 1).

    Args:
        panels: title → what to draw, the viewer (orthographic or perspective), and half the side of what is shown, in
            the viewer's picture coordinates. Pieces are painted from the farthest to the nearest.
    """
    figure = Figure(figsize=(WIDTH, 2.75))
    for axes, (title, (pieces, viewer, reach)) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        space(axes, (-reach, reach), (-reach, reach)).set_title(title, fontsize=10.5)
        axes.patch.set_visible(True)
        _paint(axes, pieces, viewer)
    figure.subplots_adjust(left=0.005, right=0.995, bottom=0.01, top=0.82, wspace=0.03)
    return figure


def _paint(axes, pieces: Primitives, viewer: Camera) -> None:
    corners = torch.from_numpy(pieces.corners.copy())
    seen = viewer.project(corners.reshape(-1, 3)).numpy().reshape(*corners.shape)
    order = np.argsort(-seen[..., 2].mean(1))
    rotation = viewer.rotation(corners).numpy()
    facing = pieces.normals @ rotation[2] >= 0
    normals = np.where(facing[:, None], pieces.normals, -pieces.normals) @ rotation.T
    shade = 0.35 + 0.65 * np.clip(normals @ LIGHT.numpy(), 0, 1)
    colours = np.clip(shade[:, None] * np.array(to_rgb(CLAY)) * 1.1, 0, 1)
    outlines = (seen[..., :2] * [1, -1])[order]
    axes.add_collection(PolyCollection(outlines, facecolors=colours[order], edgecolors="#5b4636", linewidths=0.25))


@styled
def surfel_renderer_diagram() -> Figure:
    """How a surfel gets its place, and its colour (Fig. 2): along a pixel's ray; and by Eq. (1)."""
    figure = Figure(figsize=(WIDTH, 3.6))
    place, colour = (figure.add_axes(at) for at in ((0, 0, 0.54, 0.92), (0.54, 0, 0.46, 0.92)))
    figure.text(0.27, 0.98, "(a) projection: one surfel for each pixel", ha="center", va="top", fontsize=12)
    figure.text(0.77, 0.98, "(b) shading: Eq. (1)", ha="center", va="top", fontsize=12)
    _draw_projection(space(place, (-2.3, 2.2), (-1.45, 1.3)))
    _draw_shading(space(colour, (-1.6, 1.75), (-0.75, 1.75)))
    return figure


def _draw_projection(axes) -> None:
    view = Camera(math.radians(58), math.radians(20))
    eye, focal, pixels, extent = np.array([0, 0, 1.9]), 0.9, 6, 0.55
    edges = np.linspace(-extent, extent, pixels + 1)
    plane = eye[2] - focal
    for at in edges:
        for line in ([[at, -extent, plane], [at, extent, plane]], [[-extent, at, plane], [extent, at, plane]]):
            axes.plot(*screen(view, line).T, color=GREY, linewidth=0.7, zorder=5)
    ball, centre = 1.2, np.array([0, 0, -1.4])
    for row, column in ((1, 2), (2, 3), (3, 1), (3, 4), (4, 2)):
        pixel = np.array([(edges[column] + edges[column + 1]) / 2, (edges[row] + edges[row + 1]) / 2, plane])
        ray = (pixel - eye) / np.linalg.norm(pixel - eye)
        offset = eye - centre
        half = ray @ offset
        depth = -half - math.sqrt(half**2 - offset @ offset + ball**2)
        point = eye + depth * ray
        normal = (point - centre) / ball
        chosen = (row, column) == (3, 4)
        line = {"color": ORANGE if chosen else "#d5b98a", "linewidth": 1.7 if chosen else 0.9, "zorder": 6}
        axes.plot(*screen(view, [eye, point]).T, **line)
        square = [[edges[column + i], edges[row + j], plane] for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
        axes.fill(*screen(view, square).T, color=ORANGE if chosen else "#f3e3c4", alpha=0.8, zorder=4)
        one = Surfels(torch.tensor(point[None]), torch.tensor(normal[None]))
        patch = surfel_patches(one, torch.tensor([0.3])).corners[0]
        axes.fill(*screen(view, patch).T, facecolor=CLAY, edgecolor=INK, linewidth=0.8, zorder=7)
        if chosen:
            tip, foot = screen(view, [point + 0.6 * normal, point])
            look = {"arrowstyle": "-|>", "color": BLUE, "linewidth": 2, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", tip, foot, arrowprops=look, zorder=9)
            axes.annotate("N", tip, xytext=(-4, -14), textcoords="offset points", color=BLUE, fontsize=12)
            where = screen(view, [(eye + 2 * point) / 3])[0]
            axes.annotate("$p_z$", where, xytext=(4, 9), textcoords="offset points", color=ORANGE, fontsize=12)
            axes.annotate("P", screen(view, [point])[0], xytext=(10, -22), textcoords="offset points", fontsize=12)
    axes.plot(*screen(view, [eye]).T, "o", color=INK, markersize=7)
    notes = (
        ("camera", eye, (0, -16)),
        ("picture", [0, -extent, plane], (0, -26)),
        ("surfels", [0, 0.9, -0.6], (0, 6)),
    )
    for text, at, offset in notes:
        axes.annotate(
            text,
            screen(view, [at])[0],
            xytext=offset,
            textcoords="offset points",
            ha="center",
            fontsize=10.5,
            color=GREY,
        )


def _draw_shading(axes) -> None:
    surface = np.linspace(-1.5, 1.5, 60)
    axes.plot(surface, -0.1 * surface**2, color=CLAY, linewidth=3)
    normal = np.array([0.0, 1.15])
    lights = {"$L_1$": ((-1.1, 1.25), RED), "$L_2$": ((1.25, 0.95), GREEN)}
    look = {"arrowstyle": "-|>", "linewidth": 1.8, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", normal, (0, 0), arrowprops=look | {"color": BLUE})
    axes.text(0.05, 1.17, "N", color=BLUE, fontsize=12)
    for name, ((x, y), colour) in lights.items():
        axes.annotate("", (0.94 * x, 0.94 * y), (0, 0), arrowprops=look | {"color": colour})
        axes.plot([x], [y], "o", color=colour, markersize=11)
        axes.text(x, y + 0.15, name, ha="center", fontsize=12, color=colour)
        axes.text(0.62 * x, 0.62 * y - 0.17, f"$d_{name[3]}$", ha="center", fontsize=11, color=colour)
        angle = math.degrees(math.atan2(y, x))
        reach = 0.75 if x < 0 else 0.95
        axes.add_patch(Arc((0, 0), reach, reach, theta1=min(90, angle), theta2=max(90, angle), color=PINK, linewidth=2))
        middle = math.radians((90 + angle) / 2)
        label = (0.5 * reach + 0.13) * np.array([math.cos(middle), math.sin(middle)])
        axes.text(*label, f"$θ_{name[3]}$", ha="center", va="center", fontsize=11, color=PINK)
    axes.plot([0], [0], "o", color=INK, markersize=6)
    axes.text(0.02, -0.18, "P, reflectance ρ", ha="center", va="top", fontsize=11)
    equation = r"$I = \rho \, ( L_a + \sum_j \, L_j \, \max(0, \cos θ_j) \, / \, (k_l |d_j| + k_q |d_j|^2) )$"
    axes.text(0.08, -0.6, equation, ha="center", va="center", fontsize=11.5)


@styled
def pix2scene_diagram(
    sizes: dict[str, Sequence[int]], weights: dict[str, int], images: dict[str, np.ndarray]
) -> Figure:
    """The model (Fig. 3), with what runs through it.

    Args:
        sizes: `encoder`, `decoder` and `critic` → channels of their layers, in order.
        weights: the same names → number of parameters.
        images: `input`, `depth`, `normals` and `image`, (H, W, 3) or (H, W) in [0, 1], to show where they arise.
    """
    figure = Figure(figsize=(WIDTH, 4.3))
    axes = space(figure.add_axes((0, 0, 1, 1)), (0, 100), (0, 47.8))

    def picture(name: str, x: float, y: float, label: str, size: float = 10) -> None:
        extent = (x - size / 2, x + size / 2, y - size / 2, y + size / 2)
        look = {"cmap": "gray", "vmin": 0, "vmax": 1} if images[name].ndim == 2 else {}
        axes.imshow(images[name], extent=extent, zorder=3, interpolation="nearest", **look)
        axes.text(x, y - size / 2 - 1.6, label, ha="center", va="center", fontsize=10)

    def network(name: str, x: float, y: float, label: str, colour: str, shrinking: bool) -> None:
        channels = sizes[name]
        for i, _ in enumerate(channels):
            tall = 10 - 1.5 * (i if shrinking else len(channels) - 1 - i)
            slab(axes, x + 2.5 * (i - (len(channels) - 1) / 2), y, tall, 1.2, 0.9, colour)
        text = f"{label}\n{'–'.join(map(str, channels))}\n{weights[name] / 1e6:.1f} M weights"
        axes.text(x, y - 7, text, ha="center", va="top", fontsize=9, linespacing=1.4)

    top, bottom = 36, 14
    picture("input", 7, top, "picture x")
    network("encoder", 24, top, "encoder", BLUE, True)
    box(axes, 41, top, 10, 6, "z ~ N(μ, σ²)", ORANGE)
    network("decoder", 59, top, "decoder", GREEN, False)
    picture("depth", 76, top, "depth $p_z$")
    picture("normals", 93, top, "normals N, Eq. (3)")
    box(axes, 41, top + 9, 27, 4.4, "camera: scale and shift of each norm", GREY, 8.5)
    box(axes, 76, bottom, 12, 6, "renderer\nEq. (1)", PINK)
    box(axes, 93, bottom, 9, 5, "lights,\nalbedo", GREY, 9)
    picture("image", 56, bottom, "rend(G(z))")
    network("critic", 32, bottom, "critic on pairs (picture, z)", RED, True)
    box(axes, 8, bottom, 13, 5.5, "(x, E(x)) or\n(rend(G(z)), z)?", SKY, 9)
    rows = [
        ((12.3, top), (16.2, top)),
        ((31.8, top), (35.8, top)),
        ((46.2, top), (51.2, top)),
        ((66.8, top), (70.7, top)),
        ((81.3, top), (87.7, top)),
        ((91, top - 8.5), (80, bottom + 3.5)),
        ((75.5, top - 8.5), (75.5, bottom + 3.5)),
        ((88.3, bottom), (82.4, bottom)),
        ((69.8, bottom), (61.5, bottom)),
        ((50.7, bottom), (40, bottom)),
        ((24, bottom), (14.8, bottom)),
        ((34, top + 6.7), (28, top + 5.8)),
        ((48, top + 6.7), (55, top + 5.8)),
    ]
    for start, end in rows:
        link(axes, start, end)
    return figure
