"""What a shape looks like from all sides: numbers for the claim that a fixed azimuth learns slices, a learned one
shapes (Uçar 2019, Sec. 4.2 and 4.4).

Pictures are (B, A, H, W) in [0, 1]: A views of each of B shapes, as `views_around` renders them. Numbers come one per
shape, (B,), so that a spread can be reported.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from inverse_graphics.checks import require_finite, require_range, require_tensor
from inverse_graphics.metrics.sparsity import FOREGROUND
from inverse_graphics.renderers.voxels import project_voxels


def views_around(voxels: Tensor, azimuths: Tensor) -> Tensor:
    """Projections of voxels (B, D, H, W) in [0, 1] from azimuths (A,) in radians: (B, A, H, W)."""
    require_tensor("voxels", voxels, "B D H W")
    require_finite("azimuths", require_tensor("azimuths", azimuths, "A"))
    return torch.cat([project_voxels(voxels, azimuth) for azimuth in azimuths], 1)


# How much views differ from each other


def view_agreement(pictures: Tensor) -> Tensor:
    """How closely each view matches the first: soft intersection over union Σ min / Σ max.

    Returns:
        (B, A) in [0, 1], 1 in column 0; 1 where both pictures are empty.

    Raises:
        ValueError: wrong shape, range or NaN.
    """
    front = _pictures("pictures", pictures)[:, :1].expand_as(pictures)
    common = torch.minimum(pictures, front).sum((2, 3))
    either = torch.maximum(pictures, front).sum((2, 3))
    return (common / either.clamp_min(1e-12)).where(either > 0, torch.ones_like(either))  # prevents 0/0


def view_variation(pictures: Tensor) -> Tensor:
    """Root mean square difference of the views from their mean picture: (B,), 0 for what looks alike all round."""
    spread = _pictures("pictures", pictures) - pictures.mean(1, keepdim=True)
    return spread.square().mean((1, 2, 3)).sqrt()


class FrontBackSide(NamedTuple):
    """Mean absolute difference of the front picture from others; each (B,) in [0, 1].

    `mirrored_back` is 0 for every bare projection, which sees through the shape: the back is the front mirrored. Only a
    texturizer can make them differ.
    """

    back: Tensor
    mirrored_back: Tensor
    side: Tensor


def front_back_side(front: Tensor, back: Tensor, side: Tensor) -> FrontBackSide:
    """Compare pictures (B, 1, H, W) in [0, 1] from azimuths 0, π and ±π/2."""
    named = {"front": front, "back": back, "side": side}
    for name, picture in named.items():
        require_range(name, require_tensor(name, picture, "B 1 H W"), 0, 1)
        _same_shape(name, picture, front, "front")
    differences = (back - front, back.flip(3) - front, side - front)
    return FrontBackSide(*(difference.abs().mean((1, 2, 3)) for difference in differences))


# Views that were not given


def novel_view_error(voxels: Tensor, truth_pictures: Tensor, azimuths: Tensor) -> Tensor:
    """Mean square error of the projections against true pictures, over all views and pixels.

    Args:
        voxels: (B, D, H, W) in [0, 1], in the true frame (`voxel_overlap.align` brings them there).
        truth_pictures: (B, A, H, W) in [0, 1].
        azimuths: (A,) radians.

    Returns:
        (B,) in [0, 1]; to be read beside `novel_view_floors`.
    """
    truth = _pictures("truth_pictures", truth_pictures)
    require_tensor("azimuths", azimuths, "A")
    expected = (len(require_tensor("voxels", voxels, "B D H W")), len(azimuths), voxels.shape[2], voxels.shape[3])
    if tuple(truth.shape) != expected:
        raise ValueError(f"truth_pictures: expected shape {expected}, got {tuple(truth.shape)}")
    return (views_around(voxels, azimuths) - truth).square().mean((1, 2, 3))


class NovelViewFloors(NamedTuple):
    """The error, (B,), of showing an `empty` picture, the `mean` training picture of each azimuth, or the first view
    again (`copied`): what is reached without any shape."""

    empty: Tensor
    mean: Tensor
    copied: Tensor


def novel_view_floors(truth_pictures: Tensor, mean_pictures: Tensor) -> NovelViewFloors:
    """Floors of `novel_view_error` for true pictures (B, A, H, W) and the mean training pictures (A, H, W)."""
    truth = _pictures("truth_pictures", truth_pictures)
    require_range("mean_pictures", require_tensor("mean_pictures", mean_pictures, "A H W"), 0, 1)
    if mean_pictures.shape != truth.shape[1:]:
        expected = tuple(truth.shape[1:])
        raise ValueError(f"mean_pictures: expected shape {expected}, got {tuple(mean_pictures.shape)}")
    guesses = (torch.zeros_like(truth), mean_pictures, truth[:, :1])
    return NovelViewFloors(*((guess - truth).square().mean((1, 2, 3)) for guess in guesses))


# Slices or solids


def depth_to_width(voxels: Tensor, threshold: float) -> Tensor:
    """Extent along depth over extent along width of the cells over `threshold`: (B,), about 1 for round things, small
    for a flat relief, large for a picture extruded; 0 for an empty grid.

    Extents are first to last occupied cell, so layers with gaps between them count as deep: `depth_roughness` of
    `metrics.sparsity` tells those from solids.
    """
    _voxels(voxels)
    if not 0 <= threshold < 1:
        raise ValueError(f"threshold: expected a number in [0, 1), got {threshold!r}")
    occupied = voxels > threshold
    depth, width = _extent(occupied.any(3).any(2)), _extent(occupied.any(2).any(1))
    return depth / width.clamp_min(1)  # prevents 0/0 for an empty grid


def side_front_overlap(voxels: Tensor) -> Tensor:
    """Intersection over union of the silhouettes from the side (π/2) and from the front: (B,) in [0, 1].

    High for lathe shapes, low where depth was not learned. A silhouette is the pixels whose projection exceeds ½, as in
    `metrics.sparsity`; 0 where neither side has one.
    """
    _voxels(voxels)
    if voxels.shape[1] != voxels.shape[3]:
        raise ValueError(f"voxels: expected as many cells in depth as in width, got {tuple(voxels.shape)}")
    front, side = (project_voxels(voxels, azimuth) > FOREGROUND for azimuth in (0.0, math.pi / 2))
    return (front & side).sum((1, 2, 3)) / (front | side).sum((1, 2, 3)).clamp_min(1)


def _extent(occupied: Tensor) -> Tensor:
    """First to last True of (B, N), both included: (B,)."""
    count = occupied.shape[1]
    place = torch.arange(1, count + 1, device=occupied.device)
    last = (place * occupied).amax(1)
    first = count + 1 - ((count + 1 - place) * occupied).amax(1)
    return (last - first + 1).clamp_min(0)


def _voxels(voxels: Tensor) -> Tensor:
    return require_range("voxels", require_tensor("voxels", voxels, "B D H W"), 0, 1)


def _pictures(name: str, pictures: Tensor) -> Tensor:
    return require_range(name, require_tensor(name, pictures, "B A H W"), 0, 1)


def _same_shape(name: str, value: Tensor, other: Tensor, other_name: str) -> None:
    if value.shape != other.shape:
        raise ValueError(f"{name}: expected the shape of {other_name} {tuple(other.shape)}, got {tuple(value.shape)}")
