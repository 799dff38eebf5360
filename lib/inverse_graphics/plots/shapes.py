"""Pictures of voxels: shaded views of the surface, slices along depth, and a view that can be turned.

The shaded views come from a small renderer of our own for looking, not for learning (that is `renderers.voxels`): the
occupancy is resampled along the camera's rays, the first crossing of the threshold is the surface, its normal is the
gradient of the blurred occupancy, and light comes from the upper left, behind the viewer.
"""

import math
import os
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from matplotlib.colors import to_hex, to_rgb
from torch import Tensor

from inverse_graphics.checks import require_range, require_tensor
from inverse_graphics.geometry.cameras import Camera
from inverse_graphics.geometry.voxel_grids import voxel_centres, voxels_to_mesh, world_to_grid
from inverse_graphics.plots.styles import CLAY, GREY, INK, WIDTH, Figure, styled
from inverse_graphics.renderers.voxels import project_voxels

# Shows offline, in Lab and in exported HTML alike. By plotly's own variable, read when a figure is first shown: setting
# `plotly.io.renderers.default` here would import nbformat's validator, five seconds for every notebook.
os.environ.setdefault("PLOTLY_RENDERER", "plotly_mimetype+notebook")

LIGHT = F.normalize(torch.tensor([-0.55, 0.75, 0.65]), dim=0)  # towards the light, camera axes
TOP, BOTTOM = "#f7f8fa", "#e3e7ec"  # of the background
HALF = math.sqrt(3)  # half a diagonal of [−1, 1]³: what a view must reach to hold any shape from any side


def shade_voxels(
    voxels: Tensor,
    azimuth: float = 0.0,
    elevation: float = 0.0,
    threshold: float = 0.5,
    *,
    size: int = 240,
    extent: float | None = None,
    colour: str = CLAY,
) -> np.ndarray | None:
    """Shaded orthographic picture of the surface where the occupancy crosses `threshold`.

    Args:
        voxels: (D, H, W) floating, in [0, 1].
        azimuth, elevation: of the camera, radians, as in `geometry.cameras`.
        threshold: in (0, 1). Raising it thins the shape.
        size: pixels along each side; time grows with its square (240: about 0.1 s).
        extent: half the side of the view in world units; None takes the least that holds the shape from any side.
            Raising it makes the shape smaller.
        colour: of the shape.

    Returns:
        (size, size, 3) float32 in [0, 1], row 0 on top, or None if no cell exceeds the threshold.

    Raises:
        ValueError: wrong shape, range or NaN in `voxels`, or a threshold outside (0, 1).
    """
    volume = _checked(voxels, threshold)
    reach = shape_extent(volume, threshold)
    if reach is None:
        return None
    camera = Camera(azimuth, elevation)
    rotation = camera.rotation(volume)
    extent = reach if extent is None else extent
    pixels = torch.linspace(-1, 1, 2 * size + 1)[1::2] * extent  # centres of the columns, and of the rows downward
    picture = torch.tensor(_background(size), dtype=torch.float32)

    seen = camera.project(_occupied(volume, threshold))  # march only where there is something
    margin = 2 * HALF / volume.shape[1]  # a cell's diagonal: beyond it interpolation reaches nothing
    low, high = seen.amin(0) - margin, seen.amax(0) + margin
    columns, rows = (torch.nonzero((pixels >= low[i]) & (pixels <= high[i]))[:, 0] for i in (0, 1))
    if not len(columns) or not len(rows):
        return picture.numpy()
    per_cell = 3.5 * min(4.0, max(1.0, size / 480))  # samples along a ray: too few, and slanted outlines get teeth
    depth = torch.linspace(low[2], high[2], max(8, math.ceil(float(high[2] - low[2]) * volume.shape[1] / 2 * per_cell)))

    def at(column: Tensor, row: Tensor, far: Tensor) -> Tensor:  # viewer's coordinates → world
        return torch.stack((column, -row, camera.distance - far), -1) @ rotation

    # Occupancy is smooth between cells, so every second ray is sampled and those between are interpolated.
    coarse_c, coarse_r = (
        torch.linspace(float(pixels[i[0]]), float(pixels[i[-1]]), max(2, len(i) // 2)) for i in (columns, rows)
    )
    far, row, column = torch.meshgrid(depth, coarse_r, coarse_c, indexing="ij")
    ray = _sample(volume[None], at(column, row, far))  # (1, K, H', W')
    ray = F.interpolate(ray, (len(rows), len(columns)), mode="bilinear", align_corners=True)[0]
    inside = ray > threshold
    first = inside.to(torch.uint8).argmax(0)  # (H, W): the first True
    hit = inside.any(0)
    after = ray.gather(0, first[None])[0]
    before = ray.gather(0, (first - 1).clamp_min(0)[None])[0]
    back_by = ((after - threshold) / (after - before).clamp_min(1e-6)).clamp(0, 1)  # 1e-6: beside a hit both may be 0
    far = depth[first] - back_by * (depth[1] - depth[0])
    row, column = torch.meshgrid(pixels[rows], pixels[columns], indexing="ij")
    points = at(column[hit], row[hit], far[hit])  # (N, 3)

    shade = _shade(volume, points, rotation)
    window = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    window[hit] = (shade[:, :1] * torch.tensor(to_rgb(colour)) + shade[:, 1:]).clamp(0, 1)
    return picture.numpy()


def shape_extent(voxels: Tensor, threshold: float = 0.5, cameras: Sequence[Camera] = ()) -> float | None:
    """Half the side of the least view, in world units, that holds the shape with a margin; None if it is empty.

    Args:
        cameras: from which it must hold it; none means from any side.
    """
    centres = _occupied(_checked(voxels, threshold), threshold)
    if not len(centres):
        return None
    reach = [camera.project(centres)[:, :2].abs().amax() for camera in cameras] or [centres.norm(dim=-1).amax()]
    return float(max(reach)) + 3 / voxels.shape[1]


@styled
def shape_views(
    shapes: Mapping[str, Tensor],
    *,
    azimuths: Sequence[float] = (0, 45, 90, 135),
    elevations: Sequence[float] = (0, 30),
    threshold: float = 0.5,
    pictures: Mapping[str, Sequence[Tensor | None]] | None = None,
    title: str = "",
    colour: str = CLAY,
) -> Figure:
    """Shaded views of shapes: a row for each shape, a column for each camera, all at one scale.

    Args:
        shapes: label → voxels (D, H, W) in [0, 1]. A shape with no cell above the threshold gets a panel that says so.
        azimuths, elevations: degrees; every azimuth at the first elevation, then at the next.
        threshold: in (0, 1). Raising it thins the shapes.
        pictures: columns to the left of the views: heading → one picture (H, W) or (1, H, W) in [0, 1] for each shape,
            or None where it may not or cannot be shown.
        title: above all.
        colour: of the shapes.

    Raises:
        ValueError: no shape, a bad one, or a column of another length than there are shapes.
    """
    pictures = pictures or {}
    if not shapes:
        raise ValueError("shapes: expected at least one, got none")
    for heading, column in pictures.items():
        if len(column) != len(shapes):
            raise ValueError(f"pictures[{heading!r}]: expected one for each of {len(shapes)} shapes, got {len(column)}")
    views = [(azimuth, elevation) for elevation in elevations for azimuth in azimuths]
    if not views:
        raise ValueError("azimuths, elevations: expected at least one of each, got none")
    cameras = [Camera(math.radians(azimuth), math.radians(elevation)) for azimuth, elevation in views]
    extent = max(shape_extent(voxels, threshold, cameras) or 0 for voxels in shapes.values()) or 1.0
    count = len(pictures) + len(views)
    side = min(1.6, (WIDTH - 0.9) / count)
    top = (0.35 if title else 0.0) + 0.55
    figure = Figure(figsize=(side * count + 0.9, side * len(shapes) + top))
    grid = figure.add_gridspec(
        len(shapes), count, left=0.9 / figure.get_figwidth(), right=1, bottom=0, top=1 - top / figure.get_figheight(),
        wspace=0.04, hspace=0.04,
    )  # fmt: skip
    for row, (label, voxels) in enumerate(shapes.items()):
        for column in range(count):
            axes = bare(figure.add_subplot(grid[row, column]))
            if column < len(pictures):
                heading, entries = list(pictures.items())[column]
                show_picture(axes, entries[row])
            else:
                azimuth, elevation = views[column - len(pictures)]
                heading = f"{azimuth:g}°"
                shaded = shade_voxels(
                    voxels, math.radians(azimuth), math.radians(elevation), threshold, extent=extent, colour=colour
                )
                axes.imshow(_background(240) if shaded is None else shaded)
                if shaded is None:
                    note(axes, "empty at\nthis threshold")
            if row == 0:
                axes.set_title(heading, fontsize=10, pad=4)
            if column == 0:
                axes.text(-0.08, 0.5, label, transform=axes.transAxes, ha="right", va="center", fontsize=11)
    for group, elevation in enumerate(elevations):
        first = len(pictures) + group * len(azimuths)
        boxes = [figure.axes[at].get_position() for at in (first, first + len(azimuths) - 1)]
        y = 1 - (top - 0.18) / figure.get_figheight()
        text = f"elevation {elevation:g}°, azimuth" if len(azimuths) > 1 else f"elevation {elevation:g}°"
        figure.text((boxes[0].x0 + boxes[1].x1) / 2, y + 0.2 / figure.get_figheight(), text, ha="center", va="center",
                    fontsize=10, color=GREY)  # fmt: skip
    if title:
        figure.text(0.5, 1 - 0.05 / figure.get_figheight(), title, ha="center", va="top", fontsize=12.5)
    return figure


def slice_mosaic(voxels: Tensor, *, columns: int = 7, slices: int | None = None, scale: int = 1) -> np.ndarray:
    """The slices of one shape along depth, tiled: front first, left to right, then the next row.

    Args:
        voxels: (D, H, W) in [0, 1].
        columns: tiles in a row.
        slices: how many, evenly spaced from the first to the last; None takes all.
        scale: pixels to a cell.

    Returns:
        (H', W') float32 in [0, 1]; cells that separate tiles are ½.
    """
    chosen = slice_indices(voxels, slices)
    tiles = voxels.detach().float().cpu()[chosen]
    tiles = F.pad(tiles.repeat_interleave(scale, 1).repeat_interleave(scale, 2), (0, 1, 0, 1), value=0.5)
    rows = math.ceil(len(tiles) / columns)
    tiles = F.pad(tiles, (0, 0, 0, 0, 0, rows * columns - len(tiles)), value=0.5)
    height, width = tiles.shape[1:]
    mosaic = tiles.view(rows, columns, height, width).transpose(1, 2).reshape(rows * height, columns * width)
    return F.pad(mosaic, (1, 0, 1, 0), value=0.5).numpy()


def slice_indices(voxels: Tensor, slices: int | None) -> list[int]:
    depth = len(voxels)
    return list(range(depth)) if slices is None else np.linspace(0, depth - 1, slices).round().astype(int).tolist()


@styled
def slice_montage(
    shapes: Mapping[str, Tensor],
    *,
    columns: int = 14,
    slices: int | None = None,
    white: float = 1.0,
    title: str = "",
) -> Figure:
    """Slices of shapes along depth, front to back: black is empty, each with its depth index.

    Args:
        shapes: label → voxels (D, H, W) in [0, 1].
        columns: slices in a row of the montage.
        slices: how many of each shape, evenly spaced from the first to the last; None takes all.
        white: the occupancy that is drawn white, in (0, 1], the same for all. Lowering it shows faint slices.
        title: above all.

    Raises:
        ValueError: no shape, a bad one, or `white` outside (0, 1].
    """
    if not shapes:
        raise ValueError("shapes: expected at least one, got none")
    if not 0 < white <= 1:
        raise ValueError(f"white: expected an occupancy in (0, 1], got {white}")
    for voxels in shapes.values():
        _checked(voxels, 0.5)
    shown = {label: (voxels / white).clamp(max=1) for label, voxels in shapes.items()}
    mosaics = {label: slice_mosaic(voxels, columns=columns, slices=slices, scale=4) for label, voxels in shown.items()}
    left, width = 0.9, WIDTH - 0.9
    heights = [width * mosaic.shape[0] / mosaic.shape[1] for mosaic in mosaics.values()]
    top = 0.75 if title else 0.4
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.12 * len(heights) + top))
    grid = figure.add_gridspec(
        len(heights), 1, height_ratios=heights, left=left / WIDTH, right=1, bottom=0,
        top=1 - top / figure.get_figheight(), hspace=0.12 * len(heights) / sum(heights),
    )  # fmt: skip
    for row, (label, mosaic) in enumerate(mosaics.items()):
        axes = bare(figure.add_subplot(grid[row]))
        axes.imshow(mosaic, cmap="gray", vmin=0, vmax=1)
        axes.text(-0.01, 0.5, label, transform=axes.transAxes, ha="right", va="center")
        indices = slice_indices(shapes[label], slices)
        tile_height, tile_width = (4 * n + 1 for n in shapes[label].shape[1:])
        for at, index in enumerate(indices):
            x, y = at % columns * tile_width + 5, at // columns * tile_height + 5
            axes.text(x, y, str(index), fontsize=7.5, color="#ffd27f", va="top", ha="left")
    y = 1 - (top - 0.12) / figure.get_figheight()
    legend = f"slices along depth, front (0) to back; black 0, white {white:g}"
    figure.text(left / WIDTH, y, legend, fontsize=10, color=GREY, va="bottom")
    if title:
        figure.text(0.5, 1 - 0.05 / figure.get_figheight(), title, ha="center", va="top", fontsize=12.5)
    return figure


@styled
def voxel_summary(
    voxels: Tensor, *, azimuth: float = 0.0, elevation: float = 0.0, threshold: float = 0.5, title: str = ""
) -> Figure:
    """One shape at a glance: its projection (Eq. 2), its shaded surface from the same angles, its slices along depth.

    Args:
        voxels: (D, H, W) in [0, 1].
        azimuth, elevation: degrees.
        threshold: in (0, 1), of the surface. Raising it thins the shape.
        title: above all.
    """
    angles = math.radians(azimuth), math.radians(elevation)
    figure = Figure(figsize=(WIDTH, 3.5 if title else 3.2), layout="constrained")
    panels = figure.subplots(1, 3, width_ratios=(1, 1, 1.45))
    headings = (
        f"projection, θ = {azimuth:g}°, φ = {elevation:g}°",
        f"surface at {threshold:g}",
        "slices, front to back",
    )
    for axes, heading in zip(panels, headings, strict=True):
        bare(axes).set_title(heading, fontsize=11)
    show_picture(panels[0], project_voxels(_checked(voxels, threshold)[None], *angles)[0])
    shaded = shade_voxels(voxels, *angles, threshold, size=480, extent=shape_extent(voxels, threshold))
    panels[1].imshow(_background(480) if shaded is None else shaded)
    if shaded is None:
        note(panels[1], "empty at this threshold")
    panels[2].imshow(slice_mosaic(voxels), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    if title:
        figure.suptitle(title, fontsize=12.5)
    return figure


def voxel_figure(
    voxels: Tensor, threshold: float = 0.5, *, azimuth: float = 30.0, elevation: float = 20.0, colour: str = CLAY
) -> go.Figure:
    """A plotly figure of the surface that can be turned; its first view is the camera's at these angles, in degrees.

    The axes are pinned to [−1, 1]³ with y up, so that the view does not jump when the mesh changes.

    Raises:
        ValueError: wrong shape, range or NaN in `voxels`, or a threshold outside (0, 1).
    """
    # Shading is ours, as `intensity`: plotly's own light leaves most sides of a mesh black.
    mesh = go.Mesh3d(
        **mesh_data(voxels, threshold),
        colorscale=shading_scale(colour),
        cmin=0,
        cmax=1,
        showscale=False,
        hoverinfo="skip",
        lighting={"ambient": 1, "diffuse": 0, "specular": 0, "fresnel": 0},
    )
    figure = go.Figure(mesh)
    figure.update_layout(
        scene=scene_layout(azimuth, elevation), margin={"l": 0, "r": 0, "t": 0, "b": 0}, width=440, height=430,
        font={"color": INK}, uirevision="keep",
    )  # fmt: skip
    return figure


def scene_layout(azimuth: float, elevation: float, reach: float = 1.02) -> dict:
    """plotly's layout of a scene, y up, seen from these angles, in degrees; its axes go from −`reach` to `reach`."""
    plain = {"showbackground": True, "backgroundcolor": "#f3f5f8", "gridcolor": "#dfe4ea", "showticklabels": False,
             "range": [-reach, reach], "zeroline": False, "title": {"font": {"size": 12, "color": GREY}}}  # fmt: skip
    return {
        **{f"{name}axis": {**plain, "title": {**plain["title"], "text": name}} for name in "xyz"},
        "aspectmode": "cube",
        "camera": plotly_camera(azimuth, elevation),
    }


def mesh_data(voxels: Tensor, threshold: float) -> dict[str, np.ndarray]:
    """x, y, z, i, j, k of plotly's Mesh3d for the surface, and how light each vertex is; all empty if there is none."""
    mesh = voxels_to_mesh(voxels, threshold)
    vertices, faces = np.asarray(mesh.vertices, np.float32).reshape(-1, 3), np.asarray(mesh.faces, np.int32)
    data = dict(zip("xyzijk", [*vertices.T, *faces.reshape(-1, 3).T], strict=True))
    normals = np.asarray(mesh.vertex_normals, np.float32).reshape(-1, 3)
    return {**data, "intensity": 0.5 + 0.5 * normals @ LIGHT.numpy()}


def plotly_camera(azimuth: float, elevation: float) -> dict:
    """plotly's camera at these angles, in degrees, under the convention of `geometry.cameras`."""
    back = Camera(math.radians(azimuth), math.radians(elevation)).rotation(torch.zeros((), dtype=torch.float64))[2]
    eye = dict(zip("xyz", (1.35 * back).tolist(), strict=True))  # in an orthographic view the distance sets the scale
    return {"eye": eye, "up": {"x": 0, "y": 1, "z": 0}, "projection": {"type": "orthographic"}}


def bare(axes):
    """Take ticks, frame and grid off axes that hold a picture; returns them."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.grid(False)
    return axes


def note(axes, text: str) -> None:
    """Write a remark in the middle of a panel."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=8.5, color=GREY)


def show_picture(axes, picture: Tensor | np.ndarray | None) -> None:
    """Draw a grey picture (H, W) or (1, H, W) or a colour one (H, W, 3), in [0, 1]; None leaves a panel saying so."""
    if picture is None:
        axes.imshow(np.full((8, 8, 3), to_rgb(BOTTOM)))
        note(axes, "input picture\nnot on this\nmachine")
        return
    array = np.asarray(picture.detach().cpu() if isinstance(picture, Tensor) else picture)
    axes.imshow(array[0] if array.ndim == 3 and len(array) == 1 else array, cmap="gray", vmin=0, vmax=1,
                interpolation="nearest")  # fmt: skip


def shading_scale(colour: str = CLAY) -> list:
    """plotly's colour scale for how light a point of a shape is, 0 to 1."""
    return [[0, _mixed(colour, 0.35)], [0.65, colour], [1, _mixed(colour, 1.15)]]


def _mixed(colour: str, strength: float) -> str:
    return to_hex(np.clip(strength * np.array(to_rgb(colour)), 0, 1))


def _checked(voxels: Tensor, threshold: float) -> Tensor:
    require_range("voxels", require_tensor("voxels", voxels, "D H W"), 0, 1)
    if not 0 < threshold < 1:
        raise ValueError(f"threshold: expected a number in (0, 1), got {threshold!r}")
    return voxels.detach().to("cpu", torch.float32)


def _occupied(voxels: Tensor, threshold: float) -> Tensor:
    return voxel_centres(*voxels.shape)[voxels.detach().cpu() > threshold]  # (N, 3)


def _sample(channels: Tensor, points: Tensor) -> Tensor:
    """Interpolate (C, D, H, W) at world points (K, H, W, 3) → (C, K, H, W)."""
    grid = world_to_grid(points, tuple(channels.shape[1:]))
    return F.grid_sample(channels[None], grid[None], align_corners=False)[0]


def _blur(volume: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (D, H, W), `sigma` in cells, empty outside."""
    radius = math.ceil(2.5 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    kernel = kernel / kernel.sum()
    blurred = volume[None, None]
    for shape in ((-1, 1, 1), (1, -1, 1), (1, 1, -1)):
        weight = kernel.view(1, 1, *shape)
        blurred = F.conv3d(blurred, weight, padding=[n // 2 for n in weight.shape[2:]])
    return blurred[0, 0]


def _shade(volume: Tensor, points: Tensor, rotation: Tensor) -> Tensor:
    """(N, 2): how bright the surface's own colour is at world points (N, 3) on it, and how much white shines on it."""
    cell = 2 / volume.shape[1]
    padded = F.pad(volume, (2,) * 6)
    soft = _blur(padded, 0.9)
    slope = torch.stack(torch.gradient(soft)[::-1])  # (3, D, H, W): along width, height, depth
    scale = volume.shape[1] / padded.shape[1]  # the padded grid fills more of the world
    normals = -_sample(slope, points[None, None] * scale)[:, 0, 0].T * points.new_tensor([1.0, -1.0, -1.0])
    normals = F.normalize(normals, dim=-1)
    # What is filled just above the surface keeps the sky's light from it.
    wide = _blur(padded, 2.0)
    above = (points + 2.5 * cell * normals)[None, None] * scale
    open_sky = 1 - 0.75 * _sample(wide[None], above)[0, 0, 0].clamp(0, 1)
    seen = normals @ rotation.T  # camera axes: right, up, back
    lambert = (seen @ LIGHT).clamp_min(0)
    shine = F.normalize(LIGHT + LIGHT.new_tensor([0.0, 0.0, 1.0]), dim=0)
    white = 0.16 * (seen @ shine).clamp_min(0) ** 24
    sky = 0.42 + 0.14 * seen[:, 1]  # a little brighter from above
    return torch.stack((open_sky * (sky + 0.82 * lambert), white * open_sky), -1)


def _background(size: int) -> np.ndarray:
    top, bottom = np.array(to_rgb(TOP)), np.array(to_rgb(BOTTOM))
    mix = np.linspace(0, 1, size)[:, None, None]
    return np.broadcast_to((1 - mix) * top + mix * bottom, (size, size, 3)).astype(np.float32)
