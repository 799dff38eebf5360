"""Shapes to beat: what a voxel IoU is worth that is reached without learning any shape.

    mean_shape            the mean of the training shapes, upright and all facing front: needs to know the pose
    mean_lathe_shape      the same mean when the azimuth is unknown, a shape turned on a lathe
    extruded_silhouette   the picture itself, pushed through the grid along the line of sight

All give soft voxels in [0, 1]: choose their threshold as for any other method (`voxel_overlap.best_threshold`).
"""

import math

import torch
from torch import Tensor

from inverse_graphics.checks import require_finite, require_range, require_tensor
from inverse_graphics.metrics.voxel_overlap import require_truth
from inverse_graphics.renderers.voxels import rotate_voxels


def mean_shape(truth: Tensor) -> Tensor:
    """Share of the training shapes that occupy each cell.

    Args:
        truth: (N, D, H, W) bool, no grid empty, in the true frame.

    Returns:
        (D, H, W) float32 in [0, 1].
    """
    return require_truth("truth", truth).float().mean(0)


def mean_lathe_shape(truth: Tensor, count: int = 72) -> Tensor:
    """`mean_shape` averaged over `count` evenly spread azimuths; the same (D, H, W) from every side.

    Raising `count` removes spokes towards the rim.
    """
    if type(count) is not int or count < 1:
        raise ValueError(f"count: expected a whole number, 1 or more; got {count!r}")
    azimuths = torch.arange(count) * (2 * math.pi / count)
    copies = mean_shape(truth).expand(count, -1, -1, -1)  # a rotation is linear: it may follow the mean
    return rotate_voxels(copies, azimuths).mean(0)


def extruded_silhouette(pictures: Tensor, azimuths: Tensor | None = None, cells: int | None = None) -> Tensor:
    """The picture repeated along depth.

    Args:
        pictures: (B, 1, H, W) in [0, 1]; a pixel's value becomes the occupancy of its cells.
        azimuths: (B,) radians the pictures were taken from; then the extrusion is turned back into the true frame.
            None leaves it as seen.
        cells: how many to fill along depth, in the middle; None fills all. Objects are seldom as deep as their grid, so
            a number chosen on validation makes the fairer, stronger baseline.

    Returns:
        (B, W, H, W) in [0, 1], as deep as wide.

    Raises:
        ValueError: wrong shape, range or NaN, or `cells` not in 1 … W.
    """
    require_range("pictures", require_tensor("pictures", pictures, "B 1 H W"), 0, 1)
    batch, _, height, width = pictures.shape
    cells = width if cells is None else cells
    if type(cells) is not int or not 1 <= cells <= width:
        raise ValueError(f"cells: expected a whole number from 1 to {width}, got {cells!r}")
    first = (width - cells) // 2
    voxels = pictures.new_zeros(batch, width, height, width)
    voxels[:, first : first + cells] = pictures
    if azimuths is None:
        return voxels
    if len(require_finite("azimuths", require_tensor("azimuths", azimuths, "B"))) != batch:
        raise ValueError(f"azimuths: expected one per picture ({batch}), got {len(azimuths)}")
    return rotate_voxels(voxels, -azimuths)  # seen from θ, so a turn by −θ leads back
