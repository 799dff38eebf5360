"""Polycubes → pictures the way 3D-IQTT shows them (Pix2Scene 2018, Sec. 4.4 and App. B): ray cast, shaded by Eq. (1).

    as_boxes          cubes (B, N, 3) → few boxes that cover them, corners (B, M, 3)
    cast              boxes, views → Hits: where the ray of each pixel meets the object or the sphere behind it
    render_polycubes  cubes, views, lights → pictures (B, 3, S, S)

The world is the object's own frame: its bounding box is centred at the origin and its longest side is 1. The camera
orbits it upright, as `geometry.cameras.Camera` does, and looks at its centre; all stands inside a sphere about the
origin, which the pictures show as their background. There are no cast shadows.

A straight run of cubes is one box, so a snake of 15 cubes is 4 to 7 boxes, and the nearest hit among boxes that overlap
is the nearest hit of their union. Slabs are tested in float32, a few pictures at a time: as many as fit the cache.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.checks import real_tensor, require_count, require_finite, require_range, require_tensor
from inverse_graphics.geometry.cameras import CAMERA_TO_IMAGE, pixel_centres, view_rotation
from inverse_graphics.renderers.shading import Lights, shade

BACKGROUND = 1.85  # radius of the sphere, published
CACHE = 1 << 18  # floats of one temporary (pictures × boxes × pixels). Raising it leaves the cache; less costs calls
WIDEST = 16  # cells; a snake of 15 cubes fits
TINY = 1e-12  # of a ray's direction, in place of 0: prevents 0 · ∞ where a ray runs along a face


@dataclass(frozen=True, eq=False)
class Views:
    """B upright cameras that orbit the origin.

    Fields:
        azimuth, elevation: (B,) radians, as for `geometry.cameras.Camera`.
        distance: (B,) from the origin. Raising it shrinks the object and flattens the perspective.
        field_of_view: (B,) vertical, radians. Raising it shrinks the object and leaves the perspective alone.
        shift: (B, 2) how far the picture is moved right and down over what is seen, in halves of its side.
    """

    azimuth: Tensor
    elevation: Tensor
    distance: Tensor
    field_of_view: Tensor
    shift: Tensor

    def __post_init__(self) -> None:
        batch = str(len(require_tensor("azimuth", self.azimuth, "B")))
        for name in ("azimuth", "elevation", "distance", "field_of_view"):
            require_finite(name, require_tensor(name, getattr(self, name), batch))
        require_finite("shift", require_tensor("shift", self.shift, f"{batch} 2"))
        if not (self.distance > 0).all():
            raise ValueError(f"distance: expected positive numbers, got {self.distance.min().item():g}")
        if not ((self.field_of_view > 0) & (self.field_of_view < math.pi)).all():
            raise ValueError("field_of_view: expected radians in (0, π)")

    def __len__(self) -> int:
        return len(self.azimuth)

    def __getitem__(self, index: slice | Tensor) -> "Views":
        return Views(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    def rotation(self) -> Tensor:
        """(B, 3, 3) from world to camera axes."""
        return view_rotation(self.azimuth, self.elevation)

    def position(self) -> Tensor:
        """(B, 3) of the cameras in the world."""
        return self.rotation()[:, 2] * self.distance[:, None]

    def to_world(self, points: Tensor) -> Tensor:
        """Points (B, K, 3) in camera axes, the camera at their origin → (B, K, 3) in the world."""
        return points @ self.rotation() + self.position()[:, None]

    def rays(self, size: int) -> Tensor:
        """(B, 3, S, S) directions in the world through the pixel centres, 1 long along the viewing axis."""
        scale = (self.field_of_view / 2).tan()[:, None]
        flip_x, flip_y, flip_z = CAMERA_TO_IMAGE
        centres = pixel_centres(size, self.azimuth)
        columns = (centres + self.shift[:, :1]) * scale * flip_x  # (B, S)
        rows = (centres + self.shift[:, 1:]) * scale * flip_y
        right, up, back = self.rotation()[..., None, None].unbind(1)  # (B, 3, 1, 1)
        return rows[:, None, :, None] * up + (columns[:, None, None, :] * right + flip_z * back)


class Hits(NamedTuple):
    """Where rays end.

    Fields:
        steps: (B, S, S) how many times the ray's direction away: depth along the viewing axis.
        points: (B, 3, S, S) in the world.
        normals: (B, 3, S, S) unit, towards the camera: of a cube's face, or of the sphere's inside.
        seen: (B, S, S) bool: the object, not the background.
    """

    steps: Tensor
    points: Tensor
    normals: Tensor
    seen: Tensor


def render_polycubes(
    cells: Tensor,
    views: Views,
    lights: Lights,
    *,
    size: int = 128,
    albedo: float | Tensor = 0.5,
    background: float | Tensor = 0.05,
    radius: float | Tensor = BACKGROUND,
    samples: int = 1,
) -> Tensor:
    """Pictures of polycubes, in [0, 1].

    Args:
        cells: (B, N, 3) whole coordinates of their cubes, at most 16 cells wide; a cube may be repeated.
        views: B of them, outside the object.
        lights: B sets, in the world.
        size: of the square pictures, in pixels.
        albedo, background: reflectance of the object and of the sphere in [0, 1]: a number, (B,) or (B, 3).
        radius: of the sphere: a number or (B,). Raising it darkens the background and weakens its vignette.
        samples: rays along a pixel's side. Raising it smooths edges and takes its square in time; published pictures
            have 1.

    Returns:
        (B, 3, S, S) float32, clamped to [0, 1].

    Raises:
        ValueError: naming the argument: sizes that disagree, a camera inside the object or outside the sphere, numbers
            out of range.
    """
    batch = len(require_tensor("cells", cells, "B N 3", floating=False))
    for name, value in (("views", views), ("lights", lights)):
        if len(value) != batch:
            raise ValueError(f"{name}: expected one for each of {batch} polycubes, got {len(value)}")
    for name, value in (("size", size), ("samples", samples)):
        require_count(name, value)
    albedo, background = (
        _colours(name, value, batch).to(cells.device)
        for name, value in (("albedo", albedo), ("background", background))
    )
    low, high = as_boxes(cells)
    radius = require_finite("radius", real_tensor("radius", radius, low))
    if tuple(radius.shape) not in ((), (batch,)):
        raise ValueError(f"radius: expected a number or ({batch},), got {tuple(radius.shape)}")
    radius = radius.expand(batch)
    rays = size * samples
    step = max(1, CACHE // (low.shape[1] * rays * rays))
    pictures = torch.empty(batch, 3, size, size, device=cells.device)
    for start in range(0, batch, step):
        part = slice(start, start + step)
        hits = cast(low[part], high[part], views[part], rays, radius[part])
        reflectance = torch.where(
            hits.seen[:, None], albedo[part, :, None, None], background[part, :, None, None]
        )  # (b, 3, S, S)
        shaded = shade(*(t.permute(0, 2, 3, 1) for t in (hits.points, hits.normals)), lights[part], albedo=1.0)
        shaded = shaded.permute(0, 3, 1, 2).mul_(reflectance).clamp_(0, 1)
        pictures[part] = shaded if samples == 1 else F.avg_pool2d(shaded, samples)
    return pictures


def as_boxes(cells: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes that cover polycubes: of the straight runs through each cube, the longest.

    Args:
        cells: (B, N, 3) whole coordinates.

    Returns:
        Lower and upper corners (B, M, 3) float32 in the world: centred, the longest side of all together 1. Where there
        are fewer than M, one is repeated.

    Raises:
        ValueError: they are not whole numbers, or more than 16 cells wide.
    """
    require_tensor("cells", cells, "B N 3", floating=False)
    if cells.is_floating_point() or cells.is_complex():
        raise ValueError(f"cells: expected whole numbers, got dtype {cells.dtype}")
    cells = cells.to(torch.int64)
    cells = cells - cells.amin(1, keepdim=True)
    size = cells.amax(1, keepdim=True) + 1  # (B, 1, 3)
    side = int(size.amax())
    if side > WIDEST:
        raise ValueError(f"cells: expected polycubes at most {WIDEST} cells wide, got {side}")
    batch = len(cells)
    place = torch.arange(max(side, batch, 6), device=cells.device)
    at = (place[:batch, None], *cells.unbind(-1))
    filled = torch.zeros(batch, side, side, side, dtype=torch.bool, device=cells.device)
    filled[at] = True
    first, last = [], []  # of the run along each axis, through each cube: (B, N)
    for axis in range(3):
        index = place[:side].view([-1 if axis == a else 1 for a in range(3)])
        gaps = torch.where(filled, -1, index)
        first.append(gaps.cummax(axis + 1).values[at] + 1)
        gaps = torch.where(filled, side, index).flip(axis + 1)
        last.append(gaps.cummin(axis + 1).values.flip(axis + 1)[at])
    first, last = torch.stack(first, -1), torch.stack(last, -1)  # (B, N, 3)
    longest = F.one_hot((last - first).argmax(-1), 3).bool()
    low, high = torch.where(longest, first, cells), torch.where(longest, last, cells + 1)

    digits = torch.cat((low, high), -1)  # six of them name a box
    name = (digits << 5 * place[:6]).sum(-1).sort(1).values
    again = F.pad(name[:, 1:] == name[:, :-1], (1, 0))
    most = int((~again).sum(1).amax())
    beyond = 1 << 30
    name = name.masked_fill(again, beyond).sort(1).values[:, :most]
    name = torch.where(name == beyond, name[:, :1], name)  # (B, M)
    corners = (name[..., None] >> 5 * place[:6] & 31).to(torch.float32)
    scale = size.amax(-1, keepdim=True)
    low, high = ((corner - size / 2) / scale for corner in corners.split(3, -1))
    return low, high


def cast(low: Tensor, high: Tensor, views: Views, size: int, radius: Tensor) -> Hits:
    """First hits of the rays of `size` × `size` pixels with boxes, or with the sphere about them.

    Args:
        low, high: corners (B, M, 3) float32.
        views: B cameras outside the boxes and inside the sphere.
        radius: (B,) of the sphere.
    """
    eye = views.position()[:, :, None, None]  # (B, 3, 1, 1)
    if not (views.distance < radius).all():
        raise ValueError(
            f"views: expected cameras inside the sphere, got a distance of {views.distance.max().item():g} and a "
            f"radius of {radius.min().item():g}"
        )
    inside = ((low <= eye[:, None, :, 0, 0]) & (eye[:, None, :, 0, 0] <= high)).all(-1)
    if inside.any():
        raise ValueError(
            f"views: expected cameras outside the objects, got camera {int(inside.nonzero()[0, 0])} in one"
        )
    rays = views.rays(size).flatten(2)  # (B, 3, P)
    inverse = torch.where(rays.abs() < TINY, TINY, rays).reciprocal_()
    eye = eye[:, :, 0]  # (B, 3, 1)

    near = far = None  # (B, M, P): where each ray enters and leaves each box
    for axis in range(3):
        one = (low[:, :, axis] - eye[:, axis])[..., None] * inverse[:, axis, None]
        other = (high[:, :, axis] - eye[:, axis])[..., None] * inverse[:, axis, None]
        enters = torch.minimum(one, other)
        leaves = torch.maximum(one, other, out=other)
        near = enters if near is None else torch.maximum(near, enters, out=near)
        far = leaves if far is None else torch.minimum(far, leaves, out=far)
    missed = (near >= far).logical_or_(near <= 0)
    steps, box = near.masked_fill_(missed, torch.inf).min(1)  # (B, P)
    seen = steps < torch.inf

    # The face: the axis along which the box was entered last. The same arithmetic as above, so that it is equal.
    index = box[:, None].expand(-1, 3, -1)
    one = (low.mT.gather(2, index) - eye) * inverse  # (B, 3, P)
    other = (high.mT.gather(2, index) - eye) * inverse
    entered = torch.minimum(one, other) == steps[:, None]
    entered[:, 1:] &= ~entered[:, :1]  # one face at an edge
    entered[:, 2] &= ~entered[:, 1]

    # |eye + t ray| = radius, the farther t
    squared = (rays * rays).sum(1)
    along = (rays * eye).sum(1)
    beyond = (radius.square() - views.distance.square())[:, None]
    wall = (along.square() + squared * beyond).sqrt_().sub_(along).div_(squared)
    steps = torch.where(seen, steps, wall)
    points = torch.addcmul(eye, rays, steps[:, None])
    normals = torch.where(seen[:, None], -rays.sign() * entered, points * (-1 / radius)[:, None, None])
    grid = (size, size)
    return Hits(
        steps.unflatten(1, grid), points.unflatten(2, grid), normals.unflatten(2, grid), seen.unflatten(1, grid)
    )


def _colours(name: str, value: float | Tensor, batch: int) -> Tensor:
    """Reflectances as (B, 3)."""
    value = real_tensor(name, value, torch.empty(0))
    if tuple(value.shape) not in ((), (batch,), (batch, 3)):
        raise ValueError(f"{name}: expected a number, ({batch},) or ({batch}, 3), got {tuple(value.shape)}")
    require_range(name, value, 0, 1)
    return (value[:, None] if value.dim() == 1 else value).expand(batch, 3)
