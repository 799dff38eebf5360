"""How well predicted voxels fill the true ones: intersection over union and Chamfer distance, after alignment.

A model that never sees a shape is free to choose what it calls occupied and which way is front. Both are settled once,
on a validation split, by the same rule for every method, and then held:

    threshold            `best_threshold`
    global rotation      `align_azimuth`: ONE rotation for all shapes (and, if asked, one mirroring), then `align`

`oracle_iou` turns each shape on its own instead, with its truth at hand: an upper number, not a result.

Where the picture is the projection of the shape, mirroring along depth is a true ambiguity: a shape and its mirror
image, seen from θ and from −θ, give the same pictures.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from scipy.spatial import cKDTree
from torch import Tensor

from inverse_graphics.checks import require_finite, require_range, require_tensor
from inverse_graphics.geometry.voxel_grids import voxel_centres
from inverse_graphics.renderers.voxels import rotate_voxels

THRESHOLDS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # low ones too: Eq. (2) adds up
AZIMUTHS = tuple(2 * math.pi * k / 24 for k in range(24))  # 15° apart


def voxel_iou(predicted: Tensor, truth: Tensor, threshold: float) -> Tensor:
    """Intersection over union of the cells over `threshold` and the true ones.

    Args:
        predicted: (B, D, H, W) floating, in [0, 1].
        truth: (B, D, H, W) bool, no grid empty.
        threshold: in [0, 1). Raising it thins the prediction.

    Returns:
        (B,) in [0, 1]; 0 for an empty prediction.

    Raises:
        ValueError: wrong shape, dtype, range or NaN in an argument, or an empty true grid.
    """
    _check(predicted, truth)
    return _ious(predicted, truth, (_threshold(threshold),))[0]


def best_threshold(predicted: Tensor, truth: Tensor, thresholds: Sequence[float] = THRESHOLDS) -> float:
    """The threshold of highest mean `voxel_iou`, the first of equals. To be chosen on a validation split."""
    _check(predicted, truth)
    return thresholds[int(_ious(predicted, truth, _thresholds(thresholds)).mean(1).argmax())]


class Alignment(NamedTuple):
    """What brings a model's shapes into the true frame: `mirrored` along depth or not, then the view from `azimuth`
    (radians); and the `threshold` and mean `iou` in [0, 1] at which that was found best.

    What the true shape shows from θ, the model's shows from θ + `azimuth`, or mirrored from −(θ + `azimuth`).
    """

    azimuth: float
    mirrored: bool
    threshold: float
    iou: float


def align_azimuth(
    predicted: Tensor,
    truth: Tensor,
    azimuths: Sequence[float] = AZIMUTHS,
    thresholds: Sequence[float] = THRESHOLDS,
    mirror: bool = False,
) -> Alignment:
    """The ONE rotation about the vertical axis, for all shapes, that gives the highest mean IoU.

    The best threshold depends on the rotation, so the two are searched together; one threshold fixes it. To be chosen
    on a validation split. About 6 seconds for 200 grids of 28³ with the defaults on one core, twice with `mirror`.

    Args:
        predicted, truth: as for `voxel_iou`.
        azimuths: candidates, radians. A finer grid costs time and gains little: cells are wide.
        thresholds: candidates, each in [0, 1).
        mirror: also try every rotation of the shapes mirrored along depth.
    """
    _check(predicted, truth)
    _thresholds(thresholds)
    best = None
    for mirrored in (False, True)[: 1 + mirror]:
        for azimuth in _candidates(azimuths):
            ious = _ious(_turn(predicted, azimuth, mirrored), truth, thresholds).mean(1)  # (K,)
            if best is None or ious.max() > best.iou:
                best = Alignment(azimuth, mirrored, thresholds[int(ious.argmax())], ious.max().item())
    return best


def align(predicted: Tensor, alignment: Alignment) -> Tensor:
    """Bring predicted voxels (B, D, H, W) into the true frame by an alignment found on other shapes."""
    require_range("predicted", require_tensor("predicted", predicted, "B D H W"), 0, 1)
    if not math.isfinite(alignment.azimuth):
        raise ValueError(f"alignment: expected a finite azimuth, got {alignment.azimuth}")
    return _turn(predicted, alignment.azimuth, alignment.mirrored)


class OracleOverlap(NamedTuple):
    """`iou` (B,) in [0, 1], and the `azimuth` (B,) in radians and `mirrored` (B,) bool at which each was reached."""

    iou: Tensor
    azimuth: Tensor
    mirrored: Tensor


def oracle_iou(
    predicted: Tensor, truth: Tensor, threshold: float, azimuths: Sequence[float] = AZIMUTHS, mirror: bool = False
) -> OracleOverlap:
    """`voxel_iou` with each shape at its own best rotation, chosen by its own truth: an upper number, and a biased one,
    since the best of many tries gains by luck too.

    Arguments and errors as for `voxel_iou` and `align_azimuth`.
    """
    _check(predicted, truth)
    _threshold(threshold)
    poses = [(a, m) for m in (False, True)[: 1 + mirror] for a in _candidates(azimuths)]
    tries = torch.cat([_ious(_turn(predicted, *pose), truth, (threshold,)) for pose in poses])  # (poses, B)
    iou, winner = tries.max(0)
    azimuth, mirrored = torch.tensor([a for a, _ in poses]), torch.tensor([m for _, m in poses])
    return OracleOverlap(iou, azimuth[winner.cpu()].to(iou), mirrored[winner.cpu()].to(iou.device))


def surface_points(voxels: Tensor, threshold: float) -> Tensor:
    """Centres of the cells over `threshold` that have an empty cell, or the grid's end, on one of their six sides.

    Args:
        voxels: (D, H, W) floating, in [0, 1].
        threshold: in [0, 1).

    Returns:
        (N, 3) float32 world positions, N = 0 where no cell exceeds the threshold.
    """
    require_range("voxels", require_tensor("voxels", voxels, "D H W"), 0, 1)
    return _surface(voxels > _threshold(threshold))


def chamfer_distance(points_a: Tensor, points_b: Tensor) -> float:
    """Mean distance from a point of one set to the nearest of the other, averaged over both directions; in world units,
    the grid's cube being 2 wide.

    An empty set counts as one point at the origin, the grid's centre. So every shape has a finite distance, and no
    method gains by shapes that it leaves empty and that drop out of a mean.

    Args:
        points_a, points_b: (N, 3) and (M, 3) floating; N or M may be 0.

    Raises:
        ValueError: wrong shape, NaN or infinity.
    """
    sets = [_points("points_a", points_a), _points("points_b", points_b)]
    trees = [cKDTree(points) for points in sets]
    return sum(trees[1 - i].query(sets[i])[0].mean() for i in (0, 1)).item() / 2


def voxel_chamfer(predicted: Tensor, truth: Tensor, threshold: float) -> Tensor:
    """`chamfer_distance` between the `surface_points` of each prediction and its truth: (B,) in world units.

    Arguments and errors as for `voxel_iou`.
    """
    _check(predicted, truth)
    occupied = predicted > _threshold(threshold)
    pairs = zip(occupied, truth, strict=True)
    return predicted.new_tensor([chamfer_distance(_surface(one), _surface(other)) for one, other in pairs])


def require_truth(name: str, value: object) -> Tensor:
    """Check that `value` is (B, D, H, W) bool and that no grid in it is empty."""
    require_tensor(name, value, "B D H W", floating=False)
    if value.dtype != torch.bool:
        raise ValueError(f"{name}: expected a bool tensor, got dtype {value.dtype}")
    empty = int((~value.flatten(1).any(1)).sum())
    if empty:
        raise ValueError(f"{name}: expected an occupied cell in every grid, got {empty} of {len(value)} that are empty")
    return value


def _check(predicted: Tensor, truth: Tensor) -> None:
    require_range("predicted", require_tensor("predicted", predicted, "B D H W"), 0, 1)
    if require_truth("truth", truth).shape != predicted.shape:
        raise ValueError(f"truth: expected the shape of predicted {tuple(predicted.shape)}, got {tuple(truth.shape)}")


def _threshold(value: float, name: str = "threshold") -> float:
    if not 0 <= value < 1:
        raise ValueError(f"{name}: expected a number in [0, 1), got {value!r}")
    return value


def _thresholds(values: Sequence[float]) -> list[float]:
    if not len(values):
        raise ValueError("thresholds: expected one or more, got none")
    return [_threshold(value, "thresholds") for value in values]


def _candidates(azimuths: Sequence[float]) -> Sequence[float]:
    if not len(azimuths) or not all(math.isfinite(azimuth) for azimuth in azimuths):
        raise ValueError(f"azimuths: expected one or more finite numbers, got {azimuths!r}")
    return azimuths


def _ious(predicted: Tensor, truth: Tensor, thresholds: Sequence[float]) -> Tensor:
    """(K, B): a row for each of K thresholds. Counts in float32 are exact below 2²⁴ cells, and faster than in bool."""
    cells, true_cells = predicted.flatten(1), truth.flatten(1).float()
    true_count = true_cells.sum(1)
    rows = []
    for threshold in thresholds:
        occupied = (cells > threshold).float()
        both = torch.linalg.vecdot(occupied, true_cells)
        rows.append(both / (occupied.sum(1) + true_count - both))
    return torch.stack(rows)


def _turn(voxels: Tensor, azimuth: float, mirrored: bool) -> Tensor:
    return rotate_voxels(voxels.flip(1) if mirrored else voxels, azimuth)


def _surface(occupied: Tensor) -> Tensor:
    depth, height, width = occupied.shape
    padded = torch.nn.functional.pad(occupied, (1,) * 6)
    inner = occupied.clone()
    for axis in range(3):
        for first in (0, 2):
            side = padded
            for other, size in enumerate((depth, height, width)):
                side = side.narrow(other, first if other == axis else 1, size)
            inner &= side
    return voxel_centres(depth, height, width)[(occupied & ~inner).cpu()]


def _points(name: str, points: Tensor) -> Tensor:
    if isinstance(points, Tensor) and tuple(points.shape) == (0, 3):
        return torch.zeros(1, 3)
    return require_finite(name, require_tensor(name, points, "N 3")).detach().cpu()
