"""Depth maps of networks are blurred where depth jumps: surfels float between an object and the wall behind it.

    sharpen_jumps   moves each onto the nearer of the two surfaces
    snap_jumps      moves each onto the one that explains its pixel, where there is a picture to go by

Not in the papers.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.checks import require_tensor

PASSES = 2  # for a blur of a few pixels
WINDOWS = (3, 5, 7)  # pixels: where `snap_jumps` looks for surfaces. Raising the last bridges broader blurs
SNAP_JUMP = 0.12  # world units of depth within the largest window, below which `snap_jumps` leaves a pixel alone
SNAP_MARGIN = 0.02  # of error, by which another depth must be better. Raising it leaves more pixels alone


def sharpen_jumps(depth: Tensor, jump: float) -> Tensor:
    """Move each surfel that hangs between two surfaces onto the nearer of the two.

    Where depth changes by more than `jump` within 3×3 pixels, it becomes the smallest or the largest of the nine,
    whichever is closer; this is done `PASSES` times. A depth map without floating surfels stays as it is but for
    outlines one pixel wide.

    Args:
        depth: (B, 1, H, W) floating. NaN spreads to its neighbours.
        jump: world units. Raising it leaves more as it is.

    Raises:
        ValueError: wrong shape or type, or a jump that is NaN or negative.
    """
    require_tensor("depth", depth, "B 1 H W")
    if not jump >= 0:
        raise ValueError(f"jump: expected 0 or more, got {jump}")
    for _ in range(PASSES):
        farthest, nearest = _largest(depth, 3), -_largest(-depth, 3)
        closer = torch.where(depth - nearest < farthest - depth, nearest, farthest)
        depth = torch.where(farthest - nearest > jump, closer, depth)
    return depth


def snap_jumps(depth: Tensor, error: Callable[[Tensor], Tensor]) -> Tensor:
    """Move each surfel at a jump of depth onto that of the surfaces beside it which explains its pixel best.

    Where an outline runs is blurred in the depth map and sharp in the picture. Where depth changes by more than
    `SNAP_JUMP` around a pixel, the nearest and the farthest surfels of each of `WINDOWS` are tried beside its own; then
    a median of 3×3 takes out single surfels there. This is done `PASSES` times.

    Args:
        depth: (B, 1, H, W) floating. NaN spreads to its neighbours.
        error: what is wrong with each pixel of a depth map, (B, 1, H, W) → (B, 1, H, W), as
            `objectives.implied_reflectance.reflectance_errors` tells from the picture.

    Raises:
        ValueError: wrong shape or type.
    """
    require_tensor("depth", depth, "B 1 H W")
    for _ in range(PASSES):
        guesses = [depth, *(sign * _largest(sign * depth, side) for side in WINDOWS for sign in (1, -1))]
        errors = torch.stack([error(guess) for guess in guesses])
        errors[0] -= SNAP_MARGIN
        best = torch.stack(guesses).gather(0, errors.argmin(0, keepdim=True))[0]
        jumps = guesses[-2] - guesses[-1] > SNAP_JUMP
        depth = torch.where(jumps, best, depth)
        around = F.unfold(F.pad(depth, (1, 1, 1, 1), mode="replicate"), 3)  # (B, 9, H·W)
        depth = torch.where(jumps, around.median(1).values.view_as(depth), depth)
    return depth


def _largest(values: Tensor, side: int) -> Tensor:
    """The largest of the values (B, 1, H, W) around each, in a square window."""
    return F.max_pool2d(F.pad(values, (side // 2,) * 4, mode="replicate"), side, 1)
