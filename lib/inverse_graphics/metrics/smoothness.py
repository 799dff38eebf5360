"""How evenly voxels or pictures change along a walk through latent space."""

from typing import NamedTuple

import torch
from torch import Tensor

from inverse_graphics.checks import require_finite


class Smoothness(NamedTuple):
    """Each (B,), one number per walk.

    Fields:
        mean_step: root mean square change of an element from one step to the next, averaged over the steps.
        unevenness: largest step over mean step, 1 … K − 1: 1 for perfectly even steps, K − 1 for a single jump. 1 for a
            walk that changes nothing.
        detour: length of the path over the distance between its ends: 1 for a straight line; infinite for a walk that
            returns to its start, 1 for one that never leaves it.
    """

    mean_step: Tensor
    unevenness: Tensor
    detour: Tensor


def traversal_smoothness(walks: Tensor) -> Smoothness:
    """Measure walks in the space of voxels or pictures.

    Args:
        walks: (B, K, ...) floating: K ≥ 2 steps of B walks, each step of any shape.

    Raises:
        ValueError: wrong shape or dtype, NaN or infinity.
    """
    if not isinstance(walks, Tensor) or walks.dim() < 3 or walks.shape[1] < 2 or walks.numel() == 0:
        got = tuple(walks.shape) if isinstance(walks, Tensor) else type(walks).__name__
        raise ValueError(f"walks: expected a tensor (B, K, ...) of two steps or more, got {got}")
    if not walks.is_floating_point():
        raise ValueError(f"walks: expected a floating-point tensor, got dtype {walks.dtype}")
    points = require_finite("walks", walks).flatten(2)  # (B, K, elements)
    steps = _rms(points.diff(dim=1))  # (B, K − 1)
    path, straight = steps.sum(1), _rms(points[:, -1] - points[:, 0])
    still = torch.ones_like(path)
    return Smoothness(
        steps.mean(1),
        (steps.amax(1) / steps.mean(1)).where(path > 0, still),
        (path / straight).where(path > 0, still),
    )


def _rms(difference: Tensor) -> Tensor:
    return difference.square().mean(-1).sqrt()
