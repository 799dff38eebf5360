"""How unchanged a shape is when it is turned about the vertical axis, or mirrored left to right.

Both are the soft intersection over union Σ min(V, V′) / Σ max(V, V′) of the voxels V and their changed copy V′: 1 for a
shape that does not change, 0 where the two have no cell in common, 0 by convention for an empty grid.
"""

import math

import torch
from torch import Tensor

from inverse_graphics.checks import require_range, require_tensor
from inverse_graphics.renderers.voxels import rotate_voxels

STEPS = 12  # turns of 30°


def rotational_symmetry(voxels: Tensor, steps: int = STEPS) -> Tensor:
    """Mean soft IoU between the shape and itself turned about the grid's vertical axis.

    Resampling blurs edges. So that this does not pass for a change of shape, both copies are resampled, each by half
    the angle, in opposite senses, after the edges are smoothed over a cell. A ball and a cylinder centred on the axis
    score above 0.95, a tube with a wall of two cells above 0.9; a thin plate through the axis about a quarter, not 0,
    since a half turn leaves it as it is.

    Args:
        voxels: (B, D, H, W) floating, in [0, 1]; square seen from above, D = W.
        steps: the circle is cut into; the steps − 1 turns between are averaged. Raising it resolves finer lobes.

    Returns:
        (B,) in [0, 1].

    Raises:
        ValueError: wrong shape, range or NaN in `voxels`, or `steps` below 2.
    """
    require_range("voxels", require_tensor("voxels", voxels, "B D H W"), 0, 1)
    if voxels.shape[1] != voxels.shape[3]:
        raise ValueError(f"voxels: expected as many cells in depth as in width, got {tuple(voxels.shape)}")
    if type(steps) is not int or steps < 2:
        raise ValueError(f"steps: expected a whole number, 2 or more; got {steps!r}")
    smooth = _smooth_in_plane(voxels)
    turns = []
    for step in range(1, steps):
        half = math.pi * step / steps
        turns.append(_soft_iou(rotate_voxels(smooth, half), rotate_voxels(smooth, -half)))
    return torch.stack(turns).mean(0)


def left_right_symmetry(voxels: Tensor) -> Tensor:
    """Soft IoU (B,) in [0, 1] of voxels (B, D, H, W) in [0, 1] and their mirror image along width."""
    require_range("voxels", require_tensor("voxels", voxels, "B D H W"), 0, 1)
    return _soft_iou(voxels, voxels.flip(3))


def _smooth_in_plane(voxels: Tensor) -> Tensor:
    """A binomial filter over 5 × 5 cells of each horizontal slice, standard deviation 1 cell."""
    batch, depth, height, width = voxels.shape
    tap = voxels.new_tensor([1, 4, 6, 4, 1]) / 16
    slices = voxels.transpose(1, 2).reshape(batch * height, 1, depth, width)
    blurred = torch.nn.functional.conv2d(slices, tap.outer(tap)[None, None], padding=2)
    return blurred.view(batch, height, depth, width).transpose(1, 2).clamp(0, 1)  # rounding may pass 1


def _soft_iou(one: Tensor, other: Tensor) -> Tensor:
    common = torch.minimum(one, other).sum((1, 2, 3))
    return common / torch.maximum(one, other).sum((1, 2, 3)).clamp_min(1e-12)  # prevents 0/0 for empty grids
