"""Drawn figures: the coordinate convention, three representations of one shape, and the papers' diagrams.

What is drawn in space goes through `geometry.cameras.Camera`, so that a drawing cannot disagree with the renderers.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Polygon
from torch import Tensor

from inverse_graphics.geometry.cameras import Camera
from inverse_graphics.geometry.depth_maps import Surfels
from inverse_graphics.models.layers import Layer
from inverse_graphics.plots.drawing import (
    BLUE,
    GREEN,
    ORANGE,
    PINK,
    RED,
    SKY,
    angle_arcs,
    arrow,
    box,
    camera_sign,
    cube,
    link,
    screen,
    slab,
    space,
    tag,
)
from inverse_graphics.plots.shapes import LIGHT, bare, shade_voxels
from inverse_graphics.plots.styles import CLAY, GREY, INK, PALE, WIDTH, Figure, styled
from inverse_graphics.renderers.voxels import project_voxels

if TYPE_CHECKING:
    import trimesh


@styled
def coordinate_convention() -> Figure:
    """The world's axes and two cameras; the axes of a voxel grid; rows and columns of a picture."""
    figure = Figure(figsize=(WIDTH, 3.7))
    panels = [figure.add_axes(place) for place in ((0, 0, 0.42, 0.9), (0.42, 0, 0.34, 0.9), (0.76, 0, 0.24, 0.9))]
    for axes, title in zip(panels, ("world and cameras", "voxels (B, D, H, W)", "picture (B, C, H, W)"), strict=True):
        place = axes.get_position()
        figure.text((place.x0 + place.x1) / 2, 0.97, title, ha="center", va="top", fontsize=12)
    world, cells, picture = panels

    view = Camera(math.radians(-24), math.radians(24))
    space(world, (-1.6, 2.75), (-2.05, 1.75))
    cube(world, view)
    for name, colour, tip in zip("xyz", (RED, GREEN, BLUE), 1.5 * np.eye(3), strict=True):
        arrow(world, view, np.zeros(3), tip, colour, name)
    azimuth, elevation, distance = 38.0, 36.0, 2.3
    camera_sign(world, view, Camera(), distance, "θ = 0, φ = 0: looks down −z", (0, -14))
    raised = Camera(math.radians(azimuth), math.radians(elevation))
    camera_sign(world, view, raised, distance, f"θ = {azimuth:g}°, φ = {elevation:g}°", (-8, 13))
    angle_arcs(world, view, azimuth, elevation, distance)

    slanted = Camera(math.radians(-28), math.radians(22))
    space(cells, (-1.85, 1.85), (-2.05, 1.75))
    cube(cells, slanted)
    for k in range(5):  # slices: what one index of D holds
        z = 1 - 2 * (k + 0.5) / 5
        corners = [[-1, 1, z], [1, 1, z], [1, -1, z], [-1, -1, z]]
        cells.add_patch(Polygon(screen(slanted, corners), facecolor=SKY, edgecolor=BLUE, alpha=0.16, linewidth=0.8))
    start = np.array([-1.0, 1.0, 1.0])
    for step, colour, label in (((0, 0, -2.2), BLUE, "D, away"), ((0, -2.5, 0), GREEN, "H, down")):
        arrow(cells, slanted, start, start + np.array(step), colour, label)
    arrow(cells, slanted, start, start + np.array([2.35, 0, 0]), RED, "W,\nright")
    cells.plot(*screen(slanted, [start]).T, "o", color=INK, markersize=5)
    cells.annotate(
        "cell (0, 0, 0)", screen(slanted, [start])[0], xytext=(7, -15), textcoords="offset points", fontsize=9.5
    )

    space(picture, (-1.7, 1.2), (-1.75, 1.75))
    ell = np.zeros((6, 6))
    ell[1:5, 1] = ell[4, 1:4] = 1
    picture.imshow(ell, cmap="gray", vmin=0, vmax=1, extent=(-1, 1, -1, 1), interpolation="nearest")
    for at in np.linspace(-1, 1, 7):
        picture.plot([at, at], [-1, 1], [-1, 1], [at, at], color=GREY, linewidth=0.6)
    for start, tip, colour in (((-1, 1.16), (1, 1.16), RED), ((-1.16, 1), (-1.16, -1), GREEN)):
        look = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.8, "shrinkA": 0, "shrinkB": 0}
        picture.annotate("", tip, start, arrowprops=look)
    picture.text(0, 1.34, "column", color=RED, ha="center", va="center")
    picture.text(-1.38, 0, "row", color=GREEN, ha="center", va="center", rotation=90)
    picture.text(0, -1.2, "values in [0, 1]", ha="center", va="top", fontsize=9.5, color=GREY)
    return figure


@styled
def three_representations(picture: Tensor, surfels: Surfels, mesh: "trimesh.Trimesh", camera: Camera) -> Figure:
    """One shape as voxels, surfels and a mesh, all seen by one camera.

    Args:
        picture: (H, W) or (1, H, W) in [0, 1], the projection of the voxels at the camera's angles.
        surfels: what the camera sees of the surface, as points with normals.
        mesh: in world coordinates, convex (edges are hidden by which way faces turn).
        camera: orthographic.
    """
    figure = Figure(figsize=(WIDTH, 3.35))
    titles = ("voxels: how full each cell is", "surfels: points with normals", "mesh: vertices and triangles")
    panels = figure.subplots(1, 3)
    for axes, title in zip(panels, titles, strict=True):
        space(axes, (-1, 1), (-1, 1)).set_title(title, fontsize=11.5)
    figure.subplots_adjust(left=0, right=1, bottom=0, top=0.9, wspace=0.04)
    panels[0].imshow(
        picture.detach().reshape(picture.shape[-2:]).numpy(),
        cmap="gray",
        vmin=0,
        vmax=1,
        extent=(-1, 1, -1, 1),
        interpolation="nearest",
    )

    rotation = camera.rotation(surfels.points).numpy()
    turn = np.linspace(0, 2 * math.pi, 13)
    circle = 0.037 * np.stack((np.cos(turn), np.sin(turn)), -1)  # (13, 2): a disc in the surfel's own plane
    normals = surfels.normals.numpy()
    across = np.cross(normals, np.where(np.abs(normals[:, 1:2]) < 0.9, [[0, 1.0, 0]], [[1.0, 0, 0]]))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    along = np.cross(normals, across)
    discs = surfels.points.numpy()[:, None] + circle[:, :1] * across[:, None] + circle[:, 1:] * along[:, None]
    brightness = 0.35 + 0.65 * np.clip(normals @ rotation.T @ LIGHT.numpy(), 0, 1)
    colours = np.clip(brightness[:, None] * np.array(to_rgb(CLAY)) * 1.1, 0, 1)
    outlines = screen(camera, discs.reshape(-1, 3)).reshape(discs.shape[0], -1, 2)
    panels[1].add_collection(PolyCollection(outlines, facecolors=colours, edgecolors="white", linewidths=0.4))
    for point, normal in zip(surfels.points.numpy()[::13], normals[::13], strict=True):
        panels[1].plot(*screen(camera, [point, point + 0.12 * normal]).T, color=INK, linewidth=0.9)

    turned_to_us = mesh.face_normals @ rotation[2] > 1e-6
    corners = screen(camera, mesh.vertices)[mesh.faces]
    shade = 0.35 + 0.65 * np.clip(mesh.face_normals @ rotation.T @ LIGHT.numpy(), 0, 1)
    for seen, style in (
        (~turned_to_us, {"facecolors": "none", "edgecolors": "#c3cad3", "linestyles": ":"}),
        (
            turned_to_us,
            {
                "facecolors": np.clip(shade[turned_to_us, None] * np.array(to_rgb(CLAY)) * 1.1, 0, 1),
                "edgecolors": INK,
                "alpha": 0.9,
            },
        ),
    ):
        panels[2].add_collection(PolyCollection(corners[seen], linewidths=1.0, **style))
    visible = np.unique(mesh.faces[turned_to_us])
    panels[2].plot(*screen(camera, mesh.vertices[visible]).T, "o", color=BLUE, markersize=5)
    return figure


@styled
def autoencoder_combinations(voxels: Tensor) -> Figure:
    """Encoders and decoders of two and three dimensions combined four ways, and the way taken here (Uçar 2019, Fig. 1).

    Args:
        voxels: (D, H, W) in [0, 1], the example shown as shape and as picture.
    """
    figure = Figure(figsize=(WIDTH, 6.0))
    axes = bare(figure.add_axes((0, 0, 1, 1)))
    axes.set(xlim=(0, 90), ylim=(0, 60))
    shape = shade_voxels(voxels, math.radians(35), math.radians(22), 0.5, size=200)
    picture = project_voxels(voxels[None], math.radians(35))[0, 0].numpy()

    def icon(x: float, y: float, three: bool) -> None:
        side = 7.6
        image, settings = (shape, {}) if three else (picture, {"cmap": "gray", "vmin": 0, "vmax": 1})
        axes.imshow(
            image, extent=(x - side / 2, x + side / 2, y - side / 2, y + side / 2), aspect="auto", zorder=3, **settings
        )
        axes.add_patch(
            Polygon(
                [(x + i * side / 2, y + j * side / 2) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))],
                fill=False,
                edgecolor=GREY,
                linewidth=0.8,
                zorder=4,
            )
        )

    for x, text in (
        (21, "input"),
        (31.5, "encoder"),
        (41, "latent"),
        (50.5, "decoder"),
        (62, "output"),
        (80, "learns from"),
    ):
        axes.text(x, 57.3, text, ha="center", va="center", fontsize=11, color=GREY)
    rows = (
        (51, "3D → 3D", "voxel auto-encoding", True, True, "3D truth"),
        (41, "2D → 3D", "inverse rendering", False, True, "pictures with 3D truth"),
        (31, "3D → 2D", "rendering", True, False, "3D truth with pictures"),
        (21, "2D → 2D", "picture auto-encoding", False, False, "pictures alone"),
    )
    for y, name, words, from_three, to_three, supervision in rows:
        axes.text(1, y + 1.1, name, fontsize=13, weight="bold", va="center")
        axes.text(1, y - 1.6, words, fontsize=9.5, color=GREY, va="center")
        icon(21, y, from_three)
        box(axes, 31.5, y, 8.4, 5, "3D CNN" if from_three else "2D CNN", GREEN if from_three else BLUE)
        box(axes, 41, y, 4.2, 4.2, "z", ORANGE)
        box(axes, 50.5, y, 8.4, 5, "3D DeCNN" if to_three else "2D DeCNN", GREEN if to_three else BLUE, size=9.5)
        icon(62, y, to_three)
        for left, right in ((25, 27.1), (35.9, 38.7), (43.3, 46.1), (54.9, 58)):
            link(axes, (left, y), (right, y))
        tag(axes, 80, y, supervision, from_three or to_three)
    axes.plot([1, 89], [14.9, 14.9], color=PALE, linewidth=1.5)
    y = 7.3
    axes.text(1, y + 1.6, "2D → 3D → 2D", fontsize=12, weight="bold", va="center")
    axes.text(1, y - 1.6, "the paper, and here", fontsize=9.5, color=GREY, va="center")
    icon(21, y, False)
    box(axes, 31.5, y, 8.4, 5, "2D CNN", BLUE)
    box(axes, 40.5, y, 4.2, 4.2, "z", ORANGE)
    box(axes, 48.4, y, 8.2, 5, "3D DeCNN", GREEN, size=9.5)
    icon(57.6, y, True)
    box(axes, 66.4, y, 5.4, 5, "P", PINK, size=12)
    axes.text(66.4, y - 4.1, "projection", ha="center", fontsize=9, color=GREY)
    axes.text(57.6, y - 5.8, "no truth for it", ha="center", fontsize=9, color=GREY)
    icon(75.2, y, False)
    tag(axes, 84.7, y, "pictures\nalone", False)
    for left, right in ((25, 27.1), (35.9, 38.2), (42.7, 44.2), (52.6, 53.7), (61.6, 63.5), (69.3, 71.2)):
        link(axes, (left, y), (right, y))
    return figure


@styled
def model_diagram(layers: Sequence[Layer], discriminator: Sequence[Layer] = ()) -> Figure:
    """The probabilistic 3D autoencoder (Uçar 2019, Fig. 2), drawn from the layers of the real model.

    Args:
        layers: of a `VoxelAutoencoder`, from `trace_layers`.
        discriminator: of the AAE's `LatentDiscriminator`; none leaves it out.

    Raises:
        ValueError: `layers` lack an encoder, its means or a decoder.
    """
    parts = {
        part: [layer for layer in layers if layer.name.split(".")[0] == part]
        for part in ("encoder", "decoder", "texturizer")
    }
    weighted = {
        part: [layer for layer in found if layer.kind.startswith(("Conv", "Linear"))] for part, found in parts.items()
    }
    features = [layer for layer in weighted["encoder"] if "mean" not in layer.name and "variance" not in layer.name]
    means = [layer for layer in weighted["encoder"] if layer.name.endswith("mean")]
    if not (features and means and weighted["decoder"]):
        raise ValueError("layers: expected those of a VoxelAutoencoder, with encoder, encoder.mean and decoder")
    latent = means[0].shape[0]
    figure = Figure(figsize=(WIDTH, 5.2))
    axes = bare(figure.add_axes((0, 0, 1, 1)))
    axes.set(xlim=(0, 100), ylim=(0, 57.8))
    y = 37.0

    def label(x: float, top: str, bottom: str = "", low: float = y - 9.2) -> None:
        axes.text(x, low, top, ha="center", va="top", fontsize=9.5, linespacing=1.35)
        if bottom:
            axes.text(x, low - 3.0 * (1 + top.count("\n")), bottom, ha="center", va="top", fontsize=8.5, color=GREY)

    def heading(x: float, text: str, part: str = "") -> None:
        count = sum(layer.parameters for layer in parts[part]) if part else 0
        axes.text(x, 53.5, text, ha="center", va="center", fontsize=11.5, weight="bold")
        if count:
            axes.text(x, 50.4, f"{count:,} parameters", ha="center", va="center", fontsize=9, color=GREY)

    side = 28
    slab(axes, 4, y, 9.5, 0.5, 1, SKY)
    label(4, "picture", f"1 × {side} × {side}")
    heading(18, "2D encoder", "encoder")
    x, previous = 11.5, 6.0
    for layer in features:
        channels, rows = layer.shape[0], layer.shape[1]
        thick, tall = 0.6 + channels / 70, 2.2 + 7.8 * rows / side
        link(axes, (previous, y), (x - thick / 2 - 0.4, y))
        slab(axes, x, y, tall, thick, 1, BLUE)
        axes.text(x + 0.4, y - 9.2, f"{rows}²", ha="center", va="top", fontsize=9.5)
        previous = x + thick / 2 + 1.4
        x += 5.2
    axes.text(
        19,
        y - 12.4,
        f"{len(features)} × conv 3×3, stride 2,\n{features[0].shape[0]} channels",
        ha="center",
        va="top",
        fontsize=9,
        color=GREY,
        linespacing=1.35,
    )
    heading(37, "latent $z_S$")
    box(axes, 34, y + 4.2, 5.0, 4.6, "μ", ORANGE, size=12)
    box(axes, 34, y - 4.2, 5.0, 4.6, "log σ²", ORANGE, size=9)
    link(axes, (previous, y + 0.5), (31.2, y + 3.6))
    link(axes, (previous, y - 0.5), (31.2, y - 3.6))
    box(axes, 41, y, 4.4, 4.8, "$z_S$", ORANGE, size=12)
    link(axes, (36.7, y + 3.6), (38.7, y + 0.9))
    link(axes, (36.7, y - 3.6), (38.7, y - 0.9))
    label(37.5, f"{latent} numbers", "μ + σ · noise")
    heading(55, "3D decoder", "decoder")
    x, previous = 49.0, 43.4
    grids = [
        (7, weighted["decoder"][0].shape[0] // 7**3),
        *((layer.shape[1], layer.shape[0]) for layer in weighted["decoder"][1:]),
    ]
    for (cells, channels), tall in zip(grids, (4.2, 6.0, 9.2), strict=False):
        link(axes, (previous, y), (x - tall / 2 - 0.4, y))
        slab(axes, x, y, tall, tall, tall * 0.33, GREEN if cells < side else CLAY)
        axes.text(
            x, y - 9.2, f"{cells}³" + (f" × {channels}" if channels > 1 else ""), ha="center", va="top", fontsize=9.5
        )
        previous = x + tall / 2 + tall * 0.33 * 0.6 + 0.4
        x += 9.4 if cells < 14 else 11.6
    axes.text(58.5, y - 12.4, "transposed conv 3×3×3, stride 2", ha="center", va="top", fontsize=9, color=GREY)
    axes.text(70, y + 7.9, "voxels V", ha="center", fontsize=9.5)
    link(axes, (previous, y), (79.3, y))
    heading(81, "projection")
    box(axes, 82.2, y, 5.6, 8.5, "P", PINK, size=14)
    label(81.6, "$1-e^{-\\Sigma_k V}$", "Eq. 2, no weights", low=y - 6.0)
    box(axes, 82.2, y + 9.0, 12, 3.6, "azimuth θ", PINK, size=9.5)
    link(axes, (82.2, y + 7.1), (82.2, y + 4.5))
    link(axes, (85.2, y), (91.6, y))
    slab(axes, 93.5, y, 9.5, 0.5, 1, SKY)
    label(94, "projection", f"1 × {side} × {side}")

    hidden = [layer.shape[0] for layer in weighted["texturizer"]]
    low = 11.0
    if hidden:
        count = sum(layer.parameters for layer in parts["texturizer"])
        axes.plot([94, 94], [y - 15.6, low + 1.3], color=GREY, linewidth=1.2)
        box(axes, 84, low + 1.2, 13.5, 6.0, "texturizer", BLUE, size=10.5)
        link(axes, (94, low + 1.3), (91.2, low + 1.3))
        link(axes, (76.9, low + 1.3), (72.2, low + 1.3))
        slab(axes, 69, low + 1.3, 7.5, 0.5, 1, SKY)
        axes.text(69, low - 3.6, "shaded picture", ha="center", va="top", fontsize=9.5)
        axes.text(
            84,
            low - 2.6,
            f"dense {hidden[0]:,}, then {side}²\n{count:,} parameters\n(optional)",
            ha="center",
            va="top",
            fontsize=9,
            color=GREY,
        )
    if discriminator:
        count = sum(layer.parameters for layer in discriminator)
        wide = [layer.shape for layer in discriminator if layer.kind == "Linear"][:-1]
        box(axes, 41, low + 1.2, 14.5, 6.0, "discriminator", RED, size=10.5)
        axes.text(
            41,
            low - 2.6,
            " → ".join(f"{shape[0]:,}" for shape in wide) + f" → 1\n{count:,} parameters\n(AAE only)",
            ha="center",
            va="top",
            fontsize=9,
            color=GREY,
        )
        axes.plot([41, 41], [y - 2.6, y - 8.4], color=GREY, linewidth=1.2)
        link(axes, (41, y - 15.6), (41, low + 4.6))
        box(axes, 24, low + 1.2, 10.5, 6.0, "N(0, I)", GREY, size=10.5)
        axes.text(24, low - 2.6, "prior", ha="center", va="top", fontsize=9, color=GREY)
        link(axes, (29.5, low + 1.2), (33.4, low + 1.2))
    return figure


@styled
def projection_geometry(voxels: Tensor, azimuth: float = 48.0, elevation: float = 20.0) -> Figure:
    """The projection's parameters (Uçar 2019, Fig. 3): azimuth θ, elevation φ, rays, and the picture they form.

    Args:
        voxels: (D, H, W) in [0, 1].
        azimuth, elevation: of the drawn viewer, degrees.
    """
    figure = Figure(figsize=(WIDTH, 5.4))
    axes = bare(figure.add_axes((0, 0, 1, 1)))
    axes.set(xlim=(-2.45, 3.35), ylim=(-1.7, 1.95), aspect="equal")
    view = Camera(math.radians(-18), math.radians(24))
    viewer = Camera(math.radians(azimuth), math.radians(elevation))
    right, up, back = viewer.rotation(torch.zeros((), dtype=torch.float64)).numpy()
    distance = 2.55

    shaded = shade_voxels(voxels, view.azimuth, view.elevation, 0.5, size=1400, extent=3.4)
    if shaded is not None:
        axes.imshow(shaded, extent=(-3.4, 3.4, -3.4, 3.4), aspect="equal", zorder=0)
        axes.set(xlim=(-2.45, 3.35), ylim=(-1.7, 1.95))
    cube(axes, view)
    ground = [[math.sin(t) * distance, 0, math.cos(t) * distance] for t in np.linspace(-1.1, 2.2, 60)]
    axes.plot(*screen(view, ground).T, color="#b9c2cc", linewidth=0.9, linestyle=":")
    for axis, (name, colour, reach) in enumerate(zip("xyz", (RED, GREEN, BLUE), (1.45, 1.45, 2.2), strict=True)):
        tip = np.zeros(3)
        tip[axis] = reach
        arrow(axes, view, np.zeros(3), tip, colour, name)
    angle_arcs(axes, view, azimuth, elevation, distance, size=14)

    projected = project_voxels(voxels[None], viewer.azimuth, viewer.elevation)[0, 0]
    rows, columns = projected.shape
    u, v = np.linspace(-1, 1, columns + 1), np.linspace(1, -1, rows + 1)
    plane = distance * back + u[None, :, None] * right + v[:, None, None] * up  # (H + 1, W + 1, 3) corners of pixels
    corners = screen(view, plane.reshape(-1, 3)).reshape(rows + 1, columns + 1, 2)
    axes.pcolormesh(corners[..., 0], corners[..., 1], projected.numpy(), cmap="gray", vmin=0, vmax=1, zorder=5)
    outline = corners[[0, 0, -1, -1, 0], [0, -1, -1, 0, 0]]
    axes.plot(*outline.T, color=INK, linewidth=1.2, zorder=6)
    axes.annotate(
        "image plane  P(i, j)", corners[0, -1], xytext=(0, 7), textcoords="offset points", ha="center", fontsize=11.5
    )

    for row in torch.linspace(0, rows - 1, 7).round().int().tolist()[1:-1]:
        brightest = projected[row]
        if brightest.max() < 0.3:
            continue
        column = int(torch.nonzero(brightest >= 0.8 * brightest.max()).float().mean().round())
        start = distance * back + (2 * (column + 0.5) / columns - 1) * right - (2 * (row + 0.5) / rows - 1) * up
        ends = screen(view, [start, start - (distance + 0.95) * back])
        axes.plot(*ends.T, color=ORANGE, linewidth=1.4, zorder=7)
        steps = screen(view, [start - (distance + t) * back for t in np.linspace(-0.9, 0.9, 10)])
        axes.plot(*steps.T, "o", color=ORANGE, markersize=2.8, zorder=7)
        axes.plot(*ends[:1].T, "o", color=RED, markersize=4, zorder=8)
    axes.text(-2.35, 1.85, "P(i, j) = 1 − exp( − Σ$_k$ V$_{θ,φ}$(i, j, k) )", fontsize=14, va="top")
    axes.text(-2.35, 1.58, "along each ray (orange) the cells k add up", fontsize=11, va="top", color=GREY)
    axes.annotate(
        "voxels V",
        screen(view, [[-1, -1, 1]])[0],
        xytext=(-6, -4),
        textcoords="offset points",
        ha="right",
        fontsize=11.5,
    )
    return figure
