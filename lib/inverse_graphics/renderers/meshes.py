"""Textured mesh → picture, with gradients to the vertices at every edge (Szabó & Favaro 2019, Sec. 5).

A pixel of an ordinary renderer shows one triangle or none, and a vertex that moves a little changes nothing, until an
edge passes the pixel's centre: no gradient tells an outline where to go. Here triangles reach `band` pixels beyond
their edges, fading, over whatever is behind them: another part of the mesh, or the background.

    crisp layer  Eq. (6) to (8)   what an ordinary renderer shows, its depth and cover
    soft layer   Eq. (9) to (11)  the mean of all triangles that reach over a pixel from aside and lie before it
    picture      Eq. (12)         one over the other over the background

Nothing is looped over: all (triangle, pixel) pairs in which a pixel lies in a triangle's bounding box are looked at
side by side (`_fragments`). Which of them show is decided without gradients; what they show is computed with.

Where the equations cannot be meant as printed: αs is 1 − d/B, not (1 − d)/B, which leaves [0, 1] for any B but 1
(Eq. 11); and the background shows through what the soft layer leaves, (1 − αs)(1 − αc), since the weights of Eq. (12)
as printed add up to more than 1 outside an outline. Two choices: barycentric coordinates are those of the surface, not
of its picture, so that a textured plane is right in perspective; and colours are looked up for each triangle of the
soft layer and then averaged, where the paper averages texture coordinates, which may lie in two places at once.
"""

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.checks import require_finite, require_range, require_tensor
from inverse_graphics.geometry.cameras import Camera, Cameras

TINY = 1e-12  # square pixels: a triangle seen edge-on has no inside


@dataclass(frozen=True)
class MeshSettings:
    """How a mesh is drawn.

    Fields:
        size: of the square picture in pixels.
        band: pixels that triangles reach beyond their edges, B. Raising it lets outlines feel what is farther away and
            blurs them; 0 is an ordinary renderer.
        slope: world units of depth that a pixel of distance from a triangle counts for, λ. Raising it keeps neighbours
            on one surface from reaching over each other, and hides the nearer of two surfaces that are close together.
    """

    size: int = 128
    band: float = 1.0
    slope: float = 0.02

    def __post_init__(self) -> None:
        if type(self.size) is not int or self.size < 1:
            raise ValueError(f"size: expected a whole number, 1 or more; got {self.size!r}")
        for name in ("band", "slope"):
            if not (0 <= getattr(self, name) < math.inf):
                raise ValueError(f"{name}: expected a finite number, 0 or more; got {getattr(self, name)!r}")


DEFAULTS = MeshSettings()


class MeshPicture(NamedTuple):
    """`image` (B, C, S, S); `alpha` (B, 1, S, S) in [0, 1], how much of the background is hidden; `depth` (B, 1, S, S),
    distance along each pixel's ray, ∞ where there is no surface; the layers `crisp` and `soft` (B, C, S, S), 0 where
    they are empty, with their covers `crisp_alpha` and `soft_alpha` (B, 1, S, S)."""

    image: Tensor
    alpha: Tensor
    depth: Tensor
    crisp: Tensor
    soft: Tensor
    crisp_alpha: Tensor
    soft_alpha: Tensor


def unit_ball_cameras(azimuth: Tensor, elevation: Tensor, distance: float = 4.0) -> Cameras:
    """Cameras that see the unit ball fit tightly into the picture (Sec. 6). Raising the distance flattens perspective.

    The paper turns the object before a camera that stands still; an orbiting camera sees the same.
    """
    if not 1 < distance < math.inf:
        raise ValueError(f"distance: expected more than 1, outside the unit ball, and finite; got {distance}")
    return Cameras.orbit(azimuth, elevation, distance, 2 * math.asin(1 / distance))


def render_mesh(
    vertices: Tensor,
    faces: Tensor,
    texture: Tensor,
    uv: Tensor | None,
    background: Tensor,
    camera: Cameras,
    settings: MeshSettings = DEFAULTS,
) -> MeshPicture:
    """Draw a batch of meshes that share their faces.

    Args:
        vertices: (B, V, 3) floating, world.
        faces: (F, 3) int64, each of three different vertices. Both sides of a face are seen.
        texture: (B, C, H, W) with `uv`, or without it a colour for each vertex, (B, V, C).
        uv: (V, 2) in [0, 1]: where in the texture each vertex is, right and down from its top left corner; or None.
        background: (B, C, S, S).
        camera: B of them.
        settings: size of the picture and softness of edges.

    Returns:
        Pictures; differentiable in vertices, texture and background.

    Raises:
        ValueError: sizes or types that disagree, NaN, a face that is degenerate or names no vertex, uv outside [0, 1],
            a vertex that is not before the camera.
    """
    _check(vertices, faces, texture, uv, background, camera, settings)
    corners, depths = _project(vertices, faces, camera, settings.size)
    with torch.no_grad():
        crisp, soft, z_buffer = _visible(corners, depths, len(vertices), settings)
    colours = _Colours(texture, uv, faces, len(vertices))
    size, pixels = settings.size, len(vertices) * settings.size**2

    weights = _barycentric(_relative(corners, crisp, size))
    weights, depth = _in_space(weights, depths.index_select(1, crisp.triangle))
    crisp_colour = _spread(colours(crisp.triangle, weights), crisp.pixel, pixels)
    crisp_alpha = z_buffer.isfinite().to(vertices.dtype)[:, None]
    depth = torch.full_like(z_buffer, torch.inf).index_put((crisp.pixel,), depth)[:, None]

    if settings.band and len(soft.pixel):
        weights, distance = _nearest_point(_relative(corners, soft, size))
        weights, _ = _in_space(weights, depths.index_select(1, soft.triangle))
        total = _spread(colours(soft.triangle, weights), soft.pixel, pixels)
        count = _spread(torch.ones_like(distance)[:, None], soft.pixel, pixels)
        soft_colour = total / count.clamp_min(1)
        cover = (1 - distance / settings.band).clamp_min(0)
        soft_alpha = torch.zeros_like(z_buffer).scatter_reduce(0, soft.pixel, cover, "amax")[:, None]
    else:
        soft_colour, soft_alpha = torch.zeros_like(crisp_colour), torch.zeros_like(crisp_alpha)

    def as_pictures(rows: Tensor) -> Tensor:
        return rows.view(len(vertices), size, size, -1).permute(0, 3, 1, 2)

    layers = (crisp_colour, soft_colour, crisp_alpha, soft_alpha)
    crisp_colour, soft_colour, crisp_alpha, soft_alpha = map(as_pictures, layers)
    behind = crisp_colour + (1 - crisp_alpha) * background
    return MeshPicture(
        image=soft_alpha * soft_colour + (1 - soft_alpha) * behind,
        alpha=soft_alpha + (1 - soft_alpha) * crisp_alpha,
        depth=as_pictures(depth) / _ray_depths(size, camera.field_of_view, depth.dtype, depth.device),
        crisp=crisp_colour,
        soft=soft_colour,
        crisp_alpha=crisp_alpha,
        soft_alpha=soft_alpha,
    )


@functools.lru_cache(maxsize=4)  # a viewer that turns asks for the same again and again, at a fifth of a picture's time
@torch.inference_mode(False)  # else a training could not use what was kept
def _ray_depths(size: int, field_of_view: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(S, S) in (0, 1]: the depth that a ray has gained after a world unit."""
    like = torch.zeros((), dtype=dtype, device=device)
    return -Camera(field_of_view=field_of_view).rays(size, size, like)[1][..., 2]


class _Fragments(NamedTuple):
    """Pairs of a triangle of the batch, 0 to B·F, and a pixel of the batch, 0 to B·S·S."""

    triangle: Tensor
    pixel: Tensor

    def only(self, chosen: Tensor) -> "_Fragments":
        return _Fragments(self.triangle[chosen], self.pixel[chosen])


# Below, what belongs to a triangle's corners is kept in rows (3, N), and places in six: right and down of each. Such
# rows lie side by side in memory, which makes arithmetic on a million fragments several times as fast as (N, 3, 2).


def _project(vertices: Tensor, faces: Tensor, camera: Cameras, size: int) -> tuple[Tensor, Tensor]:
    """Corners of all triangles in pixels (6, B·F), and their depths (3, B·F)."""
    seen = camera.to_camera(vertices)
    depth = -seen[..., 2]
    if not (depth > 0).all():
        image, vertex = (depth <= 0).nonzero()[0].tolist()
        raise ValueError(
            f"vertices: expected all before the camera, got vertex {vertex} of mesh {image} "
            f"{-depth[image, vertex].item():g} behind it"
        )
    scale = size / 2 / math.tan(camera.field_of_view / 2)
    right, down = (scale * sign * seen[..., axis] / depth + size / 2 for axis, sign in ((0, 1), (1, -1)))
    corners = faces.T.flatten()
    right, down, depth = (part.index_select(1, corners).view(len(seen), 3, -1) for part in (right, down, depth))
    places = torch.stack((right, down), 2).flatten(1, 2)  # (B, 6, F)
    return places.transpose(0, 1).flatten(1), depth.transpose(0, 1).flatten(1)


def _visible(
    corners: Tensor, depths: Tensor, batch: int, settings: MeshSettings
) -> tuple[_Fragments, _Fragments, Tensor]:
    """Fragments of the crisp layer, at most one for a pixel; of the soft layer; and depth (B·S·S,), ∞ where empty."""
    fragments = _fragments(corners, batch, settings)
    weights = _barycentric(_relative(corners, fragments, settings.size))
    inside = weights.amin(0) >= 0

    filled = fragments.only(inside)
    near = _in_space(weights[:, inside], depths[:, filled.triangle])[1]
    z_buffer = near.new_full((batch * settings.size**2,), torch.inf).scatter_reduce(0, filled.pixel, near, "amin")
    crisp = filled.only(near == z_buffer[filled.pixel])
    number = torch.arange(len(crisp.pixel), device=near.device)
    winner = number.new_full(z_buffer.shape, len(number)).scatter_reduce(0, crisp.pixel, number, "amin")
    crisp = crisp.only(winner[crisp.pixel] == number)  # of several at one depth the first

    if not settings.band:
        return crisp, fragments.only(number[:0]), z_buffer
    # What lies behind the surface as a whole need not be looked at any closer
    beside = ~inside & (depths.amin(0)[fragments.triangle] < z_buffer[fragments.pixel])
    around = fragments.only(beside)
    weights, distance = _nearest_point(_relative(corners, around, settings.size))
    around, weights, distance = _among(distance < settings.band, around, weights, distance)
    depth = _in_space(weights, depths[:, around.triangle])[1]
    shows = depth + settings.slope * distance < z_buffer[around.pixel]
    return crisp, around.only(shows), z_buffer


def _among(chosen: Tensor, fragments: _Fragments, weights: Tensor, distance: Tensor):
    return fragments.only(chosen), weights[:, chosen], distance[chosen]


def _fragments(corners: Tensor, batch: int, settings: MeshSettings) -> _Fragments:
    """All pixels whose centre is in the bounding box of a triangle, `band` added on every side."""
    size = settings.size
    right, down = corners[::2], corners[1::2]  # (3, N)
    left, top = ((part.amin(0) - settings.band - 0.5).ceil().clamp(0, size).long() for part in (right, down))
    width, height = (
        ((part.amax(0) + settings.band - 0.5).floor().clamp(-1, size - 1).long() - first + 1).clamp_min(0)
        for part, first in ((right, left), (down, top))
    )
    area = (right[1] - right[0]) * (down[2] - down[0]) - (right[2] - right[0]) * (down[1] - down[0])
    count = torch.where(area.abs() > TINY, width * height, 0)
    triangle = torch.repeat_interleave(count)
    place = torch.arange(len(triangle), device=count.device) - (count.cumsum(0) - count)[triangle]
    across = width[triangle]
    row = torch.div(place, across, rounding_mode="floor")
    column = place - row * across
    image = torch.div(torch.arange(len(count), device=count.device), len(count) // batch, rounding_mode="floor")
    start = (image * size + top) * size + left
    return _Fragments(triangle, start[triangle] + row * size + column)


def _relative(corners: Tensor, fragments: _Fragments, size: int) -> Tensor:
    """Corners (6, N) of the fragments' triangles, as seen from the centres of their pixels."""
    row = torch.div(fragments.pixel, size, rounding_mode="floor")
    right, down = fragments.pixel - row * size + 0.5, row % size + 0.5
    return corners.index_select(1, fragments.triangle) - torch.stack((right, down) * 3).to(corners.dtype)


def _barycentric(relative: Tensor) -> Tensor:
    """Barycentric coordinates in the picture (3, N) of the origin in triangles (6, N), negative outside."""
    ax, ay, bx, by, cx, cy = relative
    parts = torch.stack((bx * cy - cx * by, cx * ay - ax * cy, ax * by - bx * ay))
    return parts / parts.sum(0)


def _nearest_point(relative: Tensor) -> tuple[Tensor, Tensor]:
    """For triangles (6, N) that do not hold the origin: the barycentric coordinates (3, N), in the picture, of their
    nearest point, and its distance in pixels (N,)."""
    x, y = relative[::2], relative[1::2]  # (3, N); edge i runs from corner i to the next
    along_x, along_y = x.roll(-1, 0) - x, y.roll(-1, 0) - y
    share = -(x * along_x + y * along_y) / (along_x.square() + along_y.square()).clamp_min(TINY)
    share = share.clamp(0, 1)
    squared, edge = ((x + share * along_x).square() + (y + share * along_y).square()).min(0)
    share = share.gather(0, edge[None])
    corner = torch.arange(3, device=edge.device)[:, None]
    weights = torch.where(corner == edge, 1 - share, torch.where(corner == (edge + 1) % 3, share, 0))
    return weights, squared.clamp_min(TINY).sqrt()


def _in_space(weights: Tensor, depths: Tensor) -> tuple[Tensor, Tensor]:
    """Barycentric coordinates in the picture (3, N) of triangles of depths (3, N) → those of the surface (3, N), and
    the depth there (N,). Inverse depth is linear in the picture."""
    inverse = weights / depths
    depth = 1 / inverse.sum(0)
    return inverse * depth, depth


class _Colours:
    """Colours (N, C) of points of triangles: vertex colours, or a texture looked up bilinearly."""

    def __init__(self, texture: Tensor, uv: Tensor | None, faces: Tensor, batch: int) -> None:
        self.uv, self.faces, self.batch = uv, faces, batch
        if uv is None:
            self.table, self.vertices = texture.flatten(0, 1), texture.shape[1]
        else:
            self.shape = texture.shape[2:]
            self.table = texture.permute(0, 2, 3, 1).flatten(0, 2)  # (B·H·W, C)

    def __call__(self, triangle: Tensor, weights: Tensor) -> Tensor:
        image = torch.div(triangle, len(self.faces), rounding_mode="floor")
        corners = self.faces.T[:, triangle - image * len(self.faces)]  # (3, N)
        if self.uv is None:
            return (_rows(self.table, corners + image * self.vertices) * weights[..., None]).sum(0)
        height, width = self.shape
        u, v = ((self.uv[:, axis][corners] * weights).sum(0) for axis in (0, 1))
        u, v = (u * width - 0.5).clamp(0, width - 1), (v * height - 0.5).clamp(0, height - 1)
        left, top = u.detach().floor(), v.detach().floor()
        right, down = u - left, v - top
        left, top = left.long(), top.long()
        columns = torch.stack((left, (left + 1).clamp_max(width - 1)))
        rows = torch.stack((top, (top + 1).clamp_max(height - 1))) + image * height
        index = rows[:, None] * width + columns  # (2, 2, N)
        share = torch.stack((1 - down, down))[:, None] * torch.stack((1 - right, right))
        return (_rows(self.table, index) * share[..., None]).sum((0, 1))


def _rows(table: Tensor, index: Tensor) -> Tensor:
    """Rows (..., C) of a table (N, C). Not by indexing: an embedding's gradient sums rows many times as fast."""
    return F.embedding(index, table)


def _spread(values: Tensor, pixel: Tensor, pixels: int) -> Tensor:
    """Sum values (N, C) into the pixels they belong to: (pixels, C)."""
    return values.new_zeros(pixels, values.shape[1]).index_add(0, pixel, values)


def _check(vertices, faces, texture, uv, background, camera, settings) -> None:
    B = len(require_finite("vertices", require_tensor("vertices", vertices, "B V 3")))
    V = vertices.shape[1]
    require_tensor("faces", faces, "F 3", floating=False)
    if faces.dtype != torch.int64:
        raise ValueError(f"faces: expected int64, got {faces.dtype}")
    if faces.min() < 0 or faces.max() >= V:
        raise ValueError(f"faces: expected vertices 0 to {V - 1}, got {faces.min().item()} to {faces.max().item()}")
    twice = (faces == faces.roll(1, 1)).any(1)
    if twice.any():
        at = int(twice.nonzero()[0])
        raise ValueError(f"faces: expected three different vertices, got face {at} of {faces[at].tolist()}")
    if len(camera) != B:
        raise ValueError(f"camera: expected one for each of {B} meshes, got {len(camera)}")
    if uv is None:
        channels = require_tensor("texture", texture, f"{B} {V} C").shape[2]
    else:
        channels = require_tensor("texture", texture, f"{B} C H W").shape[1]
        require_range("uv", require_tensor("uv", uv, f"{V} 2"), 0, 1)
    require_finite("texture", texture)
    require_finite("background", require_tensor("background", background, f"{B} {channels} S S"))
    for name, value in (("texture", texture), ("uv", uv), ("background", background), ("camera", camera.position)):
        if value is not None and value.dtype != vertices.dtype:
            raise ValueError(f"{name}: expected {vertices.dtype} as the vertices are, got {value.dtype}")
    if background.shape[2] != settings.size:
        raise ValueError(f"background: expected {settings.size} × {settings.size} pixels, got {background.shape[2]}")
