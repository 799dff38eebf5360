"""Depth maps: how far along each of a camera's rays the first surface lies, and the surfels read off them.

A depth map is (H, W): distance along the ray through a pixel's centre, in world units, infinite where a ray meets
nothing. A surfel is a point and the unit normal of the surface there. `depth_surface` joins neighbours to triangles.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from inverse_graphics.checks import require_range, require_tensor
from inverse_graphics.geometry.cameras import Camera, Cameras
from inverse_graphics.geometry.meshes import Mesh

JUMP = 0.08  # world units, where a room has side 1 and a pixel 0.01: what differs by more is two surfaces


class Surfels(NamedTuple):
    """`points` (N, 3) and unit `normals` (N, 3) in the world, in the order of the pixels that saw them."""

    points: Tensor
    normals: Tensor


def depth_of_box(camera: Camera, height: int, width: int, half_size: float = 0.5) -> Tensor:
    """Depth map of the cube [−half_size, half_size]³ by the slab method (Kay & Kajiya 1986).

    Returns:
        (H, W), infinite beside the cube.

    Raises:
        ValueError: `half_size` is not positive and finite, or a size is not a positive whole number.
    """
    if not 0 < half_size < torch.inf:
        raise ValueError(f"half_size: expected a positive, finite number, got {half_size}")
    origins, directions = camera.rays(height, width)
    steps = torch.stack([(side * half_size - origins) / directions for side in (-1, 1)])  # (2, H, W, 3)
    # 0/0, a ray that runs inside a face's plane, restricts nothing
    enter = steps.amin(0).nan_to_num(nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf).amax(-1)
    leave = steps.amax(0).nan_to_num(nan=torch.inf, posinf=torch.inf, neginf=-torch.inf).amin(-1)
    return enter.where((enter <= leave) & (enter > 0), enter.new_tensor(torch.inf))


def depth_to_surfels(depth: Tensor, camera: Camera) -> Surfels:
    """One surfel for each pixel of a depth map that sees a surface.

    The normal is the cross product of the steps to a neighbour along the row and along the column. Of the neighbours
    on either side the one counts behind which the surface runs on straight, so that normals stay sharp at an edge.

    Args:
        depth: (H, W) floating, infinite where there is nothing.
        camera: the one that saw it.

    Raises:
        ValueError: wrong shape, NaN, or a depth that is not positive.
    """
    height, width = require_tensor("depth", depth, "H W").shape
    if not (depth > 0).all():
        raise ValueError("depth: expected positive distances or infinity, got NaN, zero or less")
    origins, directions = camera.rays(height, width, like=depth)
    seen = depth.isfinite()
    points = origins + directions * depth.where(seen, depth.new_tensor(torch.nan))[..., None]  # (H, W, 3)
    down, right = _straighter_step(points, 0), _straighter_step(points, 1)
    normals = torch.nn.functional.normalize(torch.linalg.cross(down, right), dim=-1)
    seen = seen & normals.isfinite().all(-1)  # a lone pixel has no neighbour to take a normal from
    return Surfels(points[seen], normals[seen])


def depth_surface(depth: Tensor, camera: Cameras, colours: Tensor | None = None, jump: float = JUMP) -> Mesh:
    """What a camera sees, as an open surface: neighbouring pixels joined to triangles, none across a jump of depth.

    Args:
        depth: (H, W) floating, infinite where there is nothing.
        camera: the one that saw it.
        colours: (3, H, W) in [0, 1] of the pixels, which the vertices get; None leaves them without.
        jump: world units. Triangles whose corners differ more in depth are left out; raising it closes gaps between
            objects and what is behind them.

    Returns:
        A mesh in world coordinates whose faces look at the camera; without a face where no three neighbours are seen.

    Raises:
        ValueError: wrong shapes, NaN, a depth or a jump that is not positive, or more than one camera.
    """
    height, width = require_tensor("depth", depth, "H W").shape
    if not (depth > 0).all():
        raise ValueError("depth: expected positive distances or infinity, got NaN, zero or less")
    if not jump > 0:
        raise ValueError(f"jump: expected a positive number, got {jump}")
    if len(camera) != 1:
        raise ValueError(f"camera: expected one, got {len(camera)}")
    if colours is not None:
        colours = require_range("colours", require_tensor("colours", colours, f"3 {height} {width}"), 0, 1)
        colours = colours.flatten(1).mT
    number = torch.arange(height * width).view(height, width)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    faces = torch.cat([torch.stack(corners, -1).view(-1, 3) for corners in ((a, c, b), (b, c, d))])
    corners = depth.flatten()[faces]
    faces = faces[corners.amax(1) - corners.amin(1) <= jump]  # false for ∞ − ∞, too
    used, faces = faces.unique(return_inverse=True)
    rays = camera.rays(height, width).view(-1, 3)[used]
    along = depth.flatten()[used, None].to(rays)
    points = camera.to_world((rays * along)[None])[0] if len(used) else rays.new_zeros(0, 3)
    return Mesh(points, faces, None if colours is None else colours[used])


def _straighter_step(points: Tensor, axis: int) -> Tensor:
    """Step to the next pixel along `axis`, from whichever side runs on more straight; NaN where neither is seen."""
    points = points.movedim(axis, 0)
    missing = torch.full_like(points[:1], torch.nan)
    ahead = torch.cat((points.diff(dim=0), missing))  # from pixel i to i + 1
    behind = torch.cat((missing, ahead[:-1]))  # from i − 1 to i
    further_ahead = torch.cat((ahead[1:], missing))
    further_behind = torch.cat((missing, behind[:-1]))
    bend_ahead, bend_behind = _bend(ahead, further_ahead), _bend(behind, further_behind)
    return ahead.where((bend_ahead <= bend_behind)[..., None], behind).movedim(0, axis)


def _bend(step: Tensor, further: Tensor) -> Tensor:
    unknown = 1e3 + step.norm(dim=-1)  # no second step to compare with: only taken if the other side has none either
    bend = (further - step).norm(dim=-1)
    return bend.where(bend.isfinite(), unknown).nan_to_num(nan=torch.inf)
