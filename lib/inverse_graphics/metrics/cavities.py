"""How deep the hollow of a cup or bowl is, in voxels: a number for "the model has learned that cups are hollow".

Cells over the threshold are solid. In each horizontal slice a hole is a connected patch of empty cells that the solid
ones close off from the slice's outside (patches connect across edges, so a wall may run diagonally). The hole belongs
to a cavity if from one of its cells or more one sees the sky straight up. So

    a cup, a vase wider than its neck      count down to the floor
    a solid body with a dent               counts the dent
    the loop of a handle                   does not: it is open to both sides, no horizontal slice closes it
    a sealed hollow                        does not: it sees no sky
    a tube open at both ends               counts in full height, and `floor` tells it from a cup
"""

from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from inverse_graphics.checks import require_range, require_tensor

LEAST_CELLS = 4

# Neighbours within a horizontal slice of (B, D, H, W): one step along D or along W.
IN_SLICE = np.zeros((3, 3, 3, 3), dtype=bool)
IN_SLICE[1, :, 1, 1] = IN_SLICE[1, 1, 1, :] = True


class Cavity(NamedTuple):
    """The hollow of each shape; all (B,), all 0 for a shape without one.

    Fields:
        depth: slices that the cavity passes through, in voxels.
        depth_fraction: `depth` over the height of the shape, in [0, 1].
        volume_fraction: cells of the cavity over those of cavity and shape together, in [0, 1).
        floor: share of the cavity's columns with something solid below, in [0, 1]: 1 for a cup, 0 for a tube.
    """

    depth: Tensor
    depth_fraction: Tensor
    volume_fraction: Tensor
    floor: Tensor


def measure_cavity(voxels: Tensor, threshold: float, least_cells: int = LEAST_CELLS) -> Cavity:
    """Depth, volume and floor of the cavity of each shape at a threshold.

    Args:
        voxels: (B, D, H, W) floating, in [0, 1].
        threshold: in [0, 1). Raising it thins walls until they leak: report a range of it.
        least_cells: of the smallest hole that counts in a slice. Raising it ignores more of the pits of a noisy
            surface, and the tips of pointed hollows.

    Raises:
        ValueError: wrong shape, range or NaN in `voxels`, or another argument out of its range.
    """
    solid = _solid(voxels, threshold)
    cavity = _cavity_cells(solid, least_cells)
    slices = solid.any(axis=(1, 3))  # (B, H)
    height = np.where(slices.any(1), solid.shape[2] - slices[:, ::-1].argmax(1) - slices.argmax(1), 1)
    depth = cavity.any(axis=(1, 3)).sum(1)
    columns = cavity.any(axis=2)  # (B, D, W)
    lowest = cavity.shape[2] - 1 - cavity[:, :, ::-1].argmax(2)  # of each column's cavity cells
    solid_below = np.take_along_axis(_below(solid), lowest[:, :, None], 2)[:, :, 0]
    volume = cavity.sum((1, 2, 3))
    numbers = (
        depth,
        depth / height,
        volume / np.maximum(volume + solid.sum((1, 2, 3)), 1),  # the maxima prevent 0/0
        (columns & solid_below).sum((1, 2)) / np.maximum(columns.sum((1, 2)), 1),
    )
    return Cavity(*(torch.as_tensor(number, dtype=voxels.dtype, device=voxels.device) for number in numbers))


def cavity_cells(voxels: Tensor, threshold: float, least_cells: int = LEAST_CELLS) -> Tensor:
    """The empty cells that make up the cavity, (B, D, H, W) bool, to be shown. Arguments as for `measure_cavity`."""
    return torch.as_tensor(_cavity_cells(_solid(voxels, threshold), least_cells), device=voxels.device)


def _solid(voxels: Tensor, threshold: float) -> np.ndarray:
    require_range("voxels", require_tensor("voxels", voxels, "B D H W"), 0, 1)
    if not 0 <= threshold < 1:
        raise ValueError(f"threshold: expected a number in [0, 1), got {threshold!r}")
    return (voxels > threshold).cpu().numpy()


def _cavity_cells(solid: np.ndarray, least_cells: int) -> np.ndarray:
    if type(least_cells) is not int or least_cells < 1:
        raise ValueError(f"least_cells: expected a whole number, 1 or more; got {least_cells!r}")
    empty = np.pad(~solid, ((0, 0), (1, 1), (0, 0), (1, 1)), constant_values=True)  # a rim of outside round each slice
    patches, count = ndimage.label(empty, IN_SLICE)
    sees_sky = np.logical_and.accumulate(empty, axis=2)
    large = np.bincount(patches.ravel(), minlength=count + 1) >= least_cells
    open_upward = np.zeros(count + 1, dtype=bool)
    open_upward[patches[sees_sky]] = True
    kept = large & open_upward
    kept[0] = False  # 0 marks solid cells
    kept[patches[:, 0, :, 0].ravel()] = False  # the patch of the rim is the outside
    return kept[patches][:, 1:-1, :, 1:-1]


def _below(solid: np.ndarray) -> np.ndarray:
    """Whether anything solid lies at or below each cell."""
    return np.logical_or.accumulate(solid[:, :, ::-1], axis=2)[:, :, ::-1]
