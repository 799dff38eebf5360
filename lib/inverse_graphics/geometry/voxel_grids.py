"""Where the cells of a voxel grid lie in the world, and the surface they enclose.

Voxels are (D, H, W): depth away from the azimuth-0 camera (towards −z), height downward (−y), width right (+x). Cells
are cubes of side 2 / H centred on the origin, the size of a pixel of an orthographic `Camera` picture with H rows, so
that a cubic grid fills [−1, 1]³. These are the positions at which `renderers.voxels` rotates and projects them.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from inverse_graphics.checks import require_count, require_range, require_tensor
from inverse_graphics.geometry.cameras import CAMERA_TO_IMAGE
from inverse_graphics.geometry.meshes import Mesh

if TYPE_CHECKING:
    import trimesh


def voxel_centres(depth: int, height: int, width: int) -> Tensor:
    """World positions of the cells' centres.

    Returns:
        (D, H, W, 3) float32: x, y, z; for a cubic grid inside [−1, 1]³.

    Raises:
        ValueError: a size is not a positive whole number.
    """
    for name, value in (("depth", depth), ("height", height), ("width", width)):
        require_count(name, value)
    d, h, w = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in (depth, height, width)), indexing="ij")
    return _to_world(torch.stack((d, h, w), -1), (depth, height, width))


def world_to_grid(points: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """World points (..., 3) → coordinates of `grid_sample(align_corners=False)` in a grid of `shape` (D, H, W).

    Returns:
        (..., 3), last axis (width, height, depth); [−1, 1] is inside the grid.

    Raises:
        ValueError: points that are not floating or of three coordinates, or a size that is no positive whole number.
    """
    depth, height, width = (require_count("shape", size) for size in shape)
    if not points.is_floating_point() or points.shape[-1:] != (3,):
        raise ValueError(f"points: expected floating (..., 3), got {points.dtype} {tuple(points.shape)}")
    return points * points.new_tensor(CAMERA_TO_IMAGE) * points.new_tensor([height / width, 1.0, height / depth])


def voxel_surface(voxels: Tensor, threshold: float = 0.5) -> Mesh:
    """The surface at which the interpolated occupancy crosses `threshold` (marching cubes, Lewiner et al. 2003).

    Args:
        voxels: (D, H, W) floating, in [0, 1].
        threshold: in (0, 1). Raising it thins the shape.

    Returns:
        A mesh in world coordinates: closed, also where the shape touches the border of the grid, faces outward. Where
        no cell exceeds the threshold it has no faces, which is not an error: a slider gets there.

    Raises:
        ValueError: wrong shape, range or NaN in `voxels`, or a threshold outside (0, 1).
    """
    require_range("voxels", require_tensor("voxels", voxels, "D H W"), 0, 1)
    if not 0 < threshold < 1:
        raise ValueError(f"threshold: expected a number in (0, 1), got {threshold!r}")
    from skimage.measure import marching_cubes  # here: figures without a mesh need not wait for it

    grid = voxels.detach().to("cpu", torch.float32)
    if not (grid > threshold).any():
        return Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64))
    padded = torch.nn.functional.pad(grid, (1,) * 6)  # else the surface is open where the shape touches the border
    # Depth-height-width to x-y-z is a reflection, which turns every face round: so "descent" here, not "ascent".
    vertices, faces, _, _ = marching_cubes(padded.numpy(), threshold, gradient_direction="descent")
    world = _to_world(torch.as_tensor(vertices.copy()) - 1, tuple(grid.shape))
    return Mesh(world, torch.as_tensor(faces.copy()).long())


def voxels_to_mesh(voxels: Tensor, threshold: float = 0.5) -> "trimesh.Trimesh":
    """`voxel_surface` as a watertight mesh of trimesh's; empty (`mesh.is_empty`) where no cell exceeds the threshold.

    Raises:
        ValueError: as `voxel_surface`.
    """
    surface = voxel_surface(voxels, threshold)
    import trimesh  # here: half a second that a picture or a GLB need not wait for

    if not len(surface.faces):
        return trimesh.Trimesh()
    return trimesh.Trimesh(surface.vertices.numpy(), surface.faces.numpy(), process=True)


def _to_world(indices: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """(..., 3) of fractional indices (d, h, w) → (..., 3) of x, y, z."""
    sizes = indices.new_tensor(shape)
    centred = (indices - (sizes - 1) / 2) * (2 / shape[1])
    return centred.flip(-1) * indices.new_tensor(CAMERA_TO_IMAGE)  # (w, h, d) is image order; its flip is its inverse
