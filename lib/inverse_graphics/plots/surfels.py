"""Pictures of surfels: shaded picture, depth map and normal map side by side as in Pix2Scene's Fig. 4, and the surfels
themselves in space, as small facets that can be seen from any side.

Depth maps are dark where near. Normal maps have the paper's colours: red, green and blue for x, y and z, each as
(n + 1)/2, in camera axes: what faces right is red, up green, the viewer blue.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
import torch
from matplotlib.colors import to_hex, to_rgb
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from torch import Tensor

from inverse_graphics.checks import require_finite, require_tensor
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.plots.charts import picture_grid
from inverse_graphics.plots.shapes import plotly_camera
from inverse_graphics.plots.styles import GREY, INK, WIDTH, Figure, styled
from inverse_graphics.renderers.surfels import SurfelImage


class SurfelMaps(NamedTuple):
    """Pictures, depth and normal maps of the same N scenes, as `renderers.surfels` has them.

    `image` (N, 3, H, W) is drawn clamped to [0, 1]; `depth` (N, 1, H, W) in world units; `normals` (N, 3, H, W).
    """

    image: Tensor
    depth: Tensor
    normals: Tensor


PARTS = SurfelMaps._fields


def normal_picture(normals: Tensor) -> np.ndarray:
    """Unit normals (3, H, W) as colours (H, W, 3) in [0, 1]: red, green, blue for x, y, z."""
    require_finite("normals", require_tensor("normals", normals, "3 H W"))
    return ((normals.detach().cpu().permute(1, 2, 0).numpy() + 1) / 2).clip(0, 1)


def depth_picture(depth: Tensor, near: float, far: float) -> np.ndarray:
    """A depth map (1, H, W) as grey (H, W) in [0, 1]: black at `near` and before it, white at `far` and beyond."""
    require_finite("depth", require_tensor("depth", depth, "1 H W"))
    if not near < far:
        raise ValueError(f"near: expected a distance less than far, got {near} and {far}")
    return ((depth[0].detach().cpu().numpy() - near) / (far - near)).clip(0, 1)


def surfel_rows(scenes: Mapping[str, SurfelMaps], *, title: str = "") -> Figure:
    """A row for each scene: shaded picture, depth map, normal map. All depth maps share one scale, stated below.

    Args:
        scenes: label → maps of one scene (N = 1).
        title: above all.

    Raises:
        ValueError: no scene, or maps that do not fit each other.
    """
    _check_maps(scenes, 1)
    near, far = _depth_range(scenes)
    rows = {label: [_panel(maps, part, 0, near, far) for part in PARTS] for label, maps in scenes.items()}
    return _with_legend(picture_grid(rows, ("picture", "depth", "normals"), title=title), near, far)


def surfel_montage(sets: Mapping[str, SurfelMaps], *, title: str = "") -> Figure:
    """A column for each of N scenes, and rows for pictures, depth maps and normal maps, each of every set in turn.

    Args:
        sets: label, for example "true" and "reconstructed" → maps of the same N scenes. All depth maps share one scale.
        title: above all.

    Raises:
        ValueError: no set, another number of scenes than in the first, or maps that do not fit each other.
    """
    count = len(next(iter(sets.values())).image) if sets else 0
    _check_maps(sets, count)
    near, far = _depth_range(sets)
    names = dict(zip(PARTS, ("picture", "depth", "normals"), strict=True))
    rows = {
        f"{label}\n{names[part]}": [_panel(maps, part, at, near, far) for at in range(count)]
        for part in PARTS
        for label, maps in sets.items()
    }
    return _with_legend(picture_grid(rows, title=title), near, far)


@styled
def surfel_views(
    surfels: SurfelImage,
    camera: Cameras | None = None,
    *,
    views: Sequence[tuple[float, float]] = ((10, 25), (45, 25), (80, 25)),
    every: int = 2,
    normals_every: int = 8,
    title: str = "",
) -> Figure:
    """Surfels in space as facets in their picture's colours, with some of their normals, from several sides.

    What no pixel saw is missing: that is what the surfels know.

    Args:
        surfels: of one scene, (1, 3, H, W) each.
        camera: the one that saw it, to draw in the world; None draws in camera axes.
        views: azimuth and elevation of the onlooker, in degrees.
        every: one surfel is drawn for so many rows and columns. Raising it draws fewer and larger facets.
        normals_every: the same for normals.
        title: above all.

    Raises:
        ValueError: wrong shape, more than one scene, NaN, or a step that is not positive.
    """
    corners, colours = surfel_facets(surfels, camera, every)
    starts, ends = _needles(surfels, camera, normals_every)
    # as facets with no area, so that what is before a normal hides it
    drawn = np.concatenate((corners, np.stack((starts, starts, ends, ends), 1)))
    colours = np.concatenate((colours, np.broadcast_to(to_rgb(INK), starts.shape)))
    low, high = corners.min((0, 1)), corners.max((0, 1))
    middle, reach = (low + high) / 2, float((high - low).max()) / 2
    if not views:
        raise ValueError("views: expected at least one, got none")
    side = min(3.4, WIDTH / len(views))
    height = side + 0.25
    figure = Figure(figsize=(side * len(views), height + (0.35 if title else 0)))
    for at, (azimuth, elevation) in enumerate(views):
        axes = figure.add_axes(
            (at / len(views), 0, 1 / len(views), side / figure.get_figheight()), projection="3d", proj_type="ortho"
        )
        axes.add_collection3d(Poly3DCollection(_upright(drawn), facecolors=colours, edgecolors=colours, linewidths=0.5))
        x, y, z = _upright(middle)
        axes.set(xlim=(x - reach, x + reach), ylim=(y - reach, y + reach), zlim=(z - reach, z + reach))
        axes.set_box_aspect((1, 1, 1), zoom=1.45)
        axes.view_init(elev=elevation, azim=azimuth - 90)  # matplotlib counts from its x axis
        axes.set_axis_off()
        figure.text(
            (at + 0.5) / len(views), (height - 0.03) / figure.get_figheight(),
            f"azimuth {azimuth:g}°, elevation {elevation:g}°", ha="center", va="top", fontsize=10, color=GREY,
        )  # fmt: skip
    if title:
        figure.text(0.5, 1 - 0.04 / figure.get_figheight(), title, ha="center", va="top", fontsize=12.5)
    return figure


def surfel_figure(
    surfels: SurfelImage,
    camera: Cameras | None = None,
    *,
    azimuth: float = 30.0,
    elevation: float = 20.0,
    every: int = 1,
    normals_every: int | None = None,
) -> go.Figure:
    """A plotly figure of surfels that can be turned; its first view is from these angles, in degrees.

    Args:
        surfels, camera, every: as in `surfel_views`.
        normals_every: draws the normal of one surfel in so many rows and columns; None draws none.

    Raises:
        ValueError: as `surfel_views`.
    """
    corners, colours = surfel_facets(surfels, camera, every)
    count = len(corners)
    first = 4 * np.arange(count)
    faces = np.concatenate((first[:, None] + (0, 1, 2), first[:, None] + (0, 2, 3)))
    mesh = go.Mesh3d(
        **dict(zip("xyzijk", [*corners.reshape(-1, 3).T, *faces.T], strict=True)),
        facecolor=[to_hex(colour) for colour in colours] * 2,
        hoverinfo="skip",
        lighting={"ambient": 1, "diffuse": 0, "specular": 0, "fresnel": 0},  # the surfels are shaded already
    )
    figure = go.Figure(mesh)
    if normals_every is not None:
        starts, ends = _needles(surfels, camera, normals_every)
        path = np.stack((starts, ends, np.full_like(starts, np.nan)), 1).reshape(-1, 3)  # NaN lifts the pen
        lines = {"mode": "lines", "line": {"color": INK, "width": 2}, "hoverinfo": "skip", "showlegend": False}
        figure.add_trace(go.Scatter3d(**dict(zip("xyz", path.T, strict=True)), **lines))
    low, high = corners.min((0, 1)), corners.max((0, 1))
    reach = 0.55 * float((high - low).max())
    axes = {
        f"{name}axis": {"range": [middle - reach, middle + reach], "showbackground": True, "backgroundcolor": "#f3f5f8",
                        "gridcolor": "#dfe4ea", "showticklabels": False, "zeroline": False,
                        "title": {"text": name, "font": {"size": 12, "color": GREY}}}
        for name, middle in zip("xyz", ((low + high) / 2).tolist(), strict=True)
    }  # fmt: skip
    figure.update_layout(
        scene={**axes, "aspectmode": "cube", "camera": plotly_camera(azimuth, elevation)},
        margin={"l": 0, "r": 0, "t": 0, "b": 0}, width=440, height=430, font={"color": INK}, uirevision="keep",
    )  # fmt: skip
    return figure


def surfel_facets(surfels: SurfelImage, camera: Cameras | None = None, every: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Corners (N, 4, 3) of a facet for each surfel drawn, and its colour (N, 3) in [0, 1].

    A facet is the piece of the plane through the surfel, at right angles to its normal, that its pixels see. Those
    turned from the viewer by more than about 80° are cut short: seen edge-on, they would have no end.
    """
    _check_surfels(surfels, camera, every)
    positions, normals = (part[0].detach() for part in (surfels.positions, surfels.normals))
    rays = positions / -positions[2]  # (x, y, −1): evenly spaced, unlike unit rays
    right, down = (rays[:, 0, 1] - rays[:, 0, 0])[:, None, None], (rays[:, 1, 0] - rays[:, 0, 0])[:, None, None]
    most = 3 * every * right.norm()  # half a facet's depth over its distance; 3 is half the tangent of 80°
    rays, normals, depth = rays[:, ::every, ::every], normals[:, ::every, ::every], -positions[2, ::every, ::every]
    offset = (normals * rays).sum(0) * depth  # of the plane from the camera, negative: normals face it
    corners = []
    for i, j in ((-1, -1), (-1, 1), (1, 1), (1, -1)):
        corner = rays + every / 2 * (i * down + j * right)
        met = offset / (normals * corner).sum(0).clamp_max(-1e-6)  # beyond, the plane is never met
        corners.append(corner * met.clamp((1 - most) * depth, (1 + most) * depth))
    corners = torch.stack(corners, -1).permute(1, 2, 3, 0).reshape(1, -1, 3)  # (1, N · 4, 3)
    corners = corners if camera is None else camera.to_world(corners)
    colours = surfels.image[0, :, ::every, ::every].detach().flatten(1).T.clamp(0, 1)
    return corners.view(-1, 4, 3).cpu().numpy(), colours.cpu().numpy()


def _needles(surfels: SurfelImage, camera: Cameras | None, every: int) -> tuple[np.ndarray, np.ndarray]:
    """Where drawn normals start and end, (M, 3) each."""
    _check_surfels(surfels, camera, every)
    points, normals = (
        part[..., ::every, ::every].detach().flatten(2).mT for part in (surfels.positions, surfels.normals)
    )
    ends = points + 0.04 * (points.amax(1) - points.amin(1)).amax() * normals
    if camera is not None:
        points, ends = camera.to_world(points), camera.to_world(ends)
    return points[0].cpu().numpy(), ends[0].cpu().numpy()


def _check_surfels(surfels: SurfelImage, camera: Cameras | None, every: int) -> None:
    height, width = require_tensor("image", surfels.image, "1 3 H W").shape[2:]
    for name, value in surfels._asdict().items():
        require_finite(name, require_tensor(name, value, f"1 3 {height} {width}"))
    if every < 1:
        raise ValueError(f"every: expected a step of 1 or more, got {every}")
    if camera is not None and len(camera) != 1:
        raise ValueError(f"camera: expected one, got {len(camera)}")


def _upright(points: np.ndarray) -> np.ndarray:
    """(..., 3) with y up → matplotlib's axes, where z is up."""
    return np.stack((points[..., 0], -points[..., 2], points[..., 1]), -1)


def _check_maps(sets: Mapping[str, SurfelMaps], count: int) -> None:
    if not sets:
        raise ValueError("scenes: expected at least one, got none")
    for label, maps in sets.items():
        _, _, height, width = require_tensor(f"{label}.image", maps.image, f"{count} 3 H W").shape
        require_finite(f"{label}.image", maps.image)
        require_finite(f"{label}.depth", require_tensor(f"{label}.depth", maps.depth, f"{count} 1 {height} {width}"))
        require_finite(
            f"{label}.normals", require_tensor(f"{label}.normals", maps.normals, f"{count} 3 {height} {width}")
        )


def _depth_range(sets: Mapping[str, SurfelMaps]) -> tuple[float, float]:
    near = min(maps.depth.min().item() for maps in sets.values())
    far = max(maps.depth.max().item() for maps in sets.values())
    return near, max(far, near + 1e-6)  # a flat map has no range, and is black


def _panel(maps: SurfelMaps, part: str, at: int, near: float, far: float) -> np.ndarray:
    if part == "depth":
        return depth_picture(maps.depth[at], near, far)
    if part == "normals":
        return normal_picture(maps.normals[at])
    return maps.image[at].detach().clamp(0, 1).cpu().permute(1, 2, 0).numpy()


def _with_legend(figure: Figure, near: float, far: float) -> Figure:
    text = f"depth: black {near:.2f}, white {far:.2f} world units; normals: red right, green up, blue to the viewer"
    figure.text(0.5, -0.06 / figure.get_figheight(), text, ha="center", va="top", fontsize=9, color=GREY)
    return figure
