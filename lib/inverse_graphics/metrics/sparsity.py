"""How dense, how thick and how layered a voxel shape is: numbers for the words of Uçar 2019, Sec. 4.1.

Each takes voxels (B, D, H, W) in [0, 1] and gives one number per shape, (B,), so that a spread can be reported.
"""

from torch import Tensor

from inverse_graphics.checks import require_range, require_tensor
from inverse_graphics.renderers.voxels import project_voxels

FOREGROUND = 0.5  # a pixel whose projection exceeds this belongs to the object


def occupied_fraction(voxels: Tensor, threshold: float) -> Tensor:
    """Share of the grid's cells whose occupancy exceeds `threshold`, in [0, 1]."""
    return (_check(voxels) > threshold).float().mean((1, 2, 3))


def mean_occupancy(voxels: Tensor) -> Tensor:
    """Mean occupancy of the grid's cells, in [0, 1]: density without a threshold."""
    return _check(voxels).mean((1, 2, 3))


def depth_thickness(voxels: Tensor, threshold: float) -> Tensor:
    """Mean number of cells over `threshold` along the rays of foreground pixels, in voxels; 0 without a foreground."""
    foreground = project_voxels(_check(voxels))[:, 0] > FOREGROUND
    along = (voxels > threshold).sum(1) * foreground
    return along.sum((1, 2)) / foreground.sum((1, 2)).clamp_min(1)


def depth_roughness(voxels: Tensor) -> Tensor:
    """Total variation along depth over that along width: 1 for a shape as smooth in depth as across, above 1 for one
    made of layers that differ from each other, below 1 for a picture extruded along depth.

    0 for a shape that does not vary along width.
    """
    along_depth = _check(voxels).diff(dim=1).abs().sum((1, 2, 3))
    along_width = voxels.diff(dim=3).abs().sum((1, 2, 3))
    return along_depth / along_width.clamp_min(1e-12) * (along_width > 0)  # the clamp prevents 0/0


def _check(voxels: Tensor) -> Tensor:
    return require_range("voxels", require_tensor("voxels", voxels, "B D H W"), 0, 1)
