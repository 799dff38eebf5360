"""Voxels → picture: rotate the grid to the viewer's frame, then project it along depth (Uçar 2019, Sec. 3.2).

    rotate_voxels   (B, D, H, W), azimuth, elevation → (B, D, H, W) as the viewer sees it
    project_voxels  (B, D, H, W), azimuth, elevation → (B, 1, H, W), P = 1 − exp(−Σ_k V)   Eq. (2)
    project_around  (B, D, H, W), azimuths (K,)      → (B, K, H, W), the same from K sides at once
    shade_voxels    voxels and albedo, azimuth       → picture and cover; not the paper's: what is in front hides

All are pure, batched, differentiable, and work on any device and floating dtype. A rotation about the vertical axis
leaves rows alone, so it is a 2D resampling of the D×W plane with the rows as channels. If a sum along the rays follows,
rotation and sum together are one small matrix per sample, from D·W cells to W pixels: `project_voxels` multiplies by
that matrix and never makes the rotated grid.

Sampling. `"nearest"` is the paper's: "nearest neighbor sampling through the floor operator". With cell i filling
[i, i + 1), the cell that holds a rotated cell centre is the floor of its coordinate. Floor is flat, so no gradient
reaches the angles. `"trilinear"` (in the plane: bilinear) passes one, and is the default. Outside the grid is empty.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.checks import require_choice, require_count, require_finite, require_range, require_tensor
from inverse_graphics.geometry.cameras import CAMERA_TO_IMAGE, angles, view_rotation

SAMPLINGS = ("nearest", "trilinear")


def rotate_voxels(
    voxels: Tensor, azimuth: float | Tensor, elevation: float | Tensor | None = None, sampling: str = "trilinear"
) -> Tensor:
    """Resample voxels into the frame of a viewer at (azimuth, elevation), so that depth runs away from that viewer.

    Args:
        voxels: (B, D, H, W) floating, in [0, 1].
        azimuth: radians, one number or (B,).
        elevation: radians, one number or (B,); None means 0 and takes the cheap path in the D×W plane.
        sampling: `"nearest"` or `"trilinear"`; only the latter passes a gradient to the angles.

    Returns:
        (B, D, H, W), in [0, 1]; cells that come from outside the grid are 0.

    Raises:
        ValueError: wrong shape, dtype, range or NaN in an argument, or an unknown sampling.
    """
    batch, depth, height, width = _check(voxels, sampling)
    azimuth = angles("azimuth", azimuth, batch, voxels)
    if elevation is None:
        d, w = _plane_coordinates(azimuth, depth, width, sampling)  # (B, D, W) each
        grid = torch.stack((_normalise(w, width), _normalise(d, depth)), -1)
        rows = voxels.transpose(1, 2)  # (B, H, D, W): rows as channels
        return F.grid_sample(rows, grid, align_corners=False).transpose(1, 2)
    elevation = angles("elevation", elevation, batch, voxels)
    grid = _volume_grid(view_rotation(azimuth, elevation), (depth, height, width), sampling)
    return F.grid_sample(voxels[:, None], grid, align_corners=False)[:, 0]


def project_voxels(
    voxels: Tensor,
    azimuth: float | Tensor | None = None,
    elevation: float | Tensor | None = None,
    sampling: str = "trilinear",
) -> Tensor:
    """Project voxels to an image: P = 1 − exp(−Σ_k V(i, j, k)) along the rays of an orthographic viewer. Eq. (2).

    Args:
        voxels: (B, D, H, W) floating, in [0, 1].
        azimuth: radians, one number or (B,); None means 0 and costs no resampling.
        elevation: radians, one number or (B,); None means 0. Giving it takes the general 3D path, many times slower.
        sampling: `"nearest"` or `"trilinear"`, see the module's text.

    Returns:
        (B, 1, H, W) in [0, 1): 0 where a ray meets nothing, towards 1 the more occupied cells it meets.

    Raises:
        ValueError: wrong shape, dtype, range or NaN in an argument, or an unknown sampling.
    """
    batch, depth, height, width = _check(voxels, sampling)
    if elevation is not None:
        mass = rotate_voxels(voxels, 0.0 if azimuth is None else azimuth, elevation, sampling).sum(1)
    elif azimuth is not None:
        rays = ray_matrix(angles("azimuth", azimuth, batch, voxels), depth, width, sampling)  # (B, D·W, W)
        mass = torch.bmm(voxels.transpose(1, 2).reshape(batch, height, depth * width), rays)
    else:
        mass = voxels.sum(1)
    return -torch.expm1(-mass)[:, None]  # expm1 keeps digits where the mass is tiny


def project_around(voxels: Tensor, azimuths: Tensor) -> Tensor:
    """`project_voxels` of every grid from the same K azimuths: one matrix product, hardly dearer than a single view.

    Args:
        voxels: (B, D, H, W) floating, in [0, 1].
        azimuths: (K,) radians.

    Returns:
        (B, K, H, W) in [0, 1). Trilinear sampling.
    """
    batch, depth, height, width = _check(voxels, "trilinear")
    require_finite("azimuths", require_tensor("azimuths", azimuths, "K"))
    rays = ray_matrix(azimuths.to(voxels), depth, width)  # (K, D·W, W)
    rays = rays.transpose(0, 1).reshape(depth * width, -1)  # (D·W, K·W)
    mass = voxels.transpose(1, 2).reshape(batch, height, depth * width) @ rays
    return -torch.expm1(-mass).view(batch, height, len(azimuths), width).transpose(1, 2)


def ray_matrix(azimuth: Tensor, depth: int, width: int, sampling: str = "trilinear") -> Tensor:
    """The matrix that rotates a D×W plane about the vertical axis and sums it along the rays.

    Args:
        azimuth: (B,) radians.
        depth, width: size of the plane.

    Returns:
        (B, D·W, W): entry (d·W + w, j) is the weight of cell (d, w) on the ray of column j.

    Raises:
        ValueError: an angle that is NaN or infinite, a size below 1, or an unknown sampling.
    """
    require_finite("azimuth", require_tensor("azimuth", azimuth, "B"))
    require_count("depth", depth)
    require_count("width", width)
    require_choice("sampling", sampling, SAMPLINGS)
    d, w = _plane_coordinates(azimuth, depth, width, sampling)  # (B, D, W): depth step k, column j
    (d_cells, d_weights), (w_cells, w_weights) = _neighbours(d, depth), _neighbours(w, width)
    column = torch.arange(width, device=d.device)
    # Two cells along each axis, four around each sample: (B, 2, 2, D, W), flattened.
    index = (d_cells * width**2)[:, :, None] + (w_cells * width + column)[:, None]
    weight = d_weights[:, :, None] * w_weights[:, None]
    rays = weight.new_zeros(len(d), depth * width * width)  # added to in place: else 5 MB are written twice
    return rays.scatter_add_(1, index.flatten(1), weight.flatten(1)).view(-1, depth * width, width)


def _neighbours(coordinate: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The cells below and above a fractional index (B, ...), and their linear weights: two (B, 2, ...).

    A cell outside the grid has weight 0 and the index of the border.
    """
    low = coordinate.detach().floor()
    cells = torch.stack((low, low + 1), 1)
    kept = cells.clamp(0, count - 1)
    above = coordinate - low
    return kept.long(), torch.stack((1 - above, above), 1) * (kept == cells)


def _check(voxels: Tensor, sampling: str) -> torch.Size:
    require_range("voxels", require_tensor("voxels", voxels, "B D H W"), 0, 1)
    require_choice("sampling", sampling, SAMPLINGS)
    return voxels.shape


def _centred(count: int, like: Tensor) -> Tensor:
    return torch.arange(count, dtype=like.dtype, device=like.device) - (count - 1) / 2


def _plane_coordinates(azimuth: Tensor, depth: int, width: int, sampling: str) -> tuple[Tensor, Tensor]:
    """Where in the grid each cell of the viewer's D×W plane lies: two (B, D, W) of cell indices, fractional."""
    flip = CAMERA_TO_IMAGE[0] * CAMERA_TO_IMAGE[2]  # depth runs against camera z: the turn changes its sense
    sin, cos = azimuth.sin()[:, None, None], azimuth.cos()[:, None, None]
    d, w = _centred(depth, azimuth)[:, None], _centred(width, azimuth)
    source_d = -flip * sin * w + cos * d + (depth - 1) / 2
    source_w = cos * w + flip * sin * d + (width - 1) / 2
    return _snap(source_d, sampling), _snap(source_w, sampling)


def _volume_grid(rotation: Tensor, shape: tuple[int, int, int], sampling: str) -> Tensor:
    """The same for a general rotation (B, 3, 3): normalised (B, D, H, W, 3) for `grid_sample`, last axis (w, h, d)."""
    axes = [_centred(count, rotation) for count in shape]
    d, h, w = torch.meshgrid(*axes, indexing="ij")
    flip = rotation.new_tensor(CAMERA_TO_IMAGE)
    image = torch.stack((w, h, d), -1)  # (D, H, W, 3) in image axes
    turn = rotation.transpose(1, 2) * flip[:, None] * flip  # image axes of the viewer → image axes of the grid
    source = torch.einsum("dhwj,bij->bdhwi", image, turn)
    sizes = (shape[2], shape[1], shape[0])
    parts = [_snap(source[..., i] + (n - 1) / 2, sampling) for i, n in enumerate(sizes)]
    return torch.stack([_normalise(part, n) for part, n in zip(parts, sizes, strict=True)], -1)


def _snap(coordinate: Tensor, sampling: str) -> Tensor:
    # Cell indices are centres, so cell i fills [i − ½, i + ½): floor(x + ½) is the cell that holds x.
    return (coordinate + 0.5).floor() if sampling == "nearest" else coordinate


def _normalise(index: Tensor, count: int) -> Tensor:
    return (2 * index + 1) / count - 1  # cell index → grid_sample's [−1, 1] with align_corners=False


class Shaded(NamedTuple):
    """`picture` (B, 1, H, W) in [0, 1), black where nothing is, and `cover` (B, 1, H, W) in [0, 1): how much of each
    pixel's light the voxels keep from the viewer."""

    picture: Tensor
    cover: Tensor


def shade_voxels(voxels: Tensor, albedo: Tensor, azimuth: float | Tensor, pivot: float = 0.0) -> Shaded:
    """Voxels that have a brightness of their own and hide what lies behind them. Not in the paper.

        C = Σ_k (T_k − T_{k+1}) A_k,   T_k = exp(−Σ_{j<k} V_j),   k and j from the viewer on

    T_k is the light that reaches the k-th cell of a ray, T_k − T_{k+1} what that cell keeps of it. Where A is 1
    everywhere the sum telescopes to 1 − exp(−Σ V), Eq. (2): the paper's projection is this one of white matter, and the
    only one whose back is the front mirrored.

    Args:
        voxels: (B, D, H, W) floating, in [0, 1].
        albedo: (B, D, H, W) in [0, 1], the brightness of what is in each cell.
        azimuth: radians, one number or (B,).
        pivot: cells. The point that far in front of the grid's middle, towards azimuth 0, stays in the middle of the
            picture, as eyes do in photographs that are aligned by them; 0 keeps the grid's middle there.

    Returns:
        The picture, and the cover, which is Eq. (2). Trilinear sampling.

    Raises:
        ValueError: wrong shape, dtype, range or NaN in an argument.
    """
    batch, depth, _, width = _check(voxels, "trilinear")
    require_range("albedo", require_tensor("albedo", albedo, "B D H W"), 0, 1)
    if albedo.shape != voxels.shape:
        raise ValueError(f"albedo: expected the shape of voxels {tuple(voxels.shape)}, got {tuple(albedo.shape)}")
    if albedo.dtype != voxels.dtype:
        raise ValueError(f"albedo: expected {voxels.dtype} as the voxels are, got {albedo.dtype}")
    if not math.isfinite(pivot):
        raise ValueError(f"pivot: expected a finite number of cells, got {pivot}")
    azimuth = angles("azimuth", azimuth, batch, voxels)
    d, w = _plane_coordinates(azimuth, depth, width, "trilinear")  # (B, D, W) each
    flip = CAMERA_TO_IMAGE[0] * CAMERA_TO_IMAGE[2]
    sin, cos = azimuth.sin()[:, None, None], azimuth.cos()[:, None, None]
    aside = flip * pivot * sin  # columns that the turn moves the pivot's point by: look that much aside
    d, w = d - flip * sin * aside, w + cos * aside
    grid = torch.stack((_normalise(w, width), _normalise(d, depth)), -1)
    rows = torch.cat((voxels, albedo), 2).transpose(1, 2)  # (B, 2H, D, W): rows as channels
    voxels, albedo = F.grid_sample(rows, grid, align_corners=False).transpose(1, 2).chunk(2, 2)
    reached = torch.exp(-voxels.cumsum(1))  # (B, D, H, W): T_{k+1}
    kept = torch.cat((torch.ones_like(reached[:, :1]), reached[:, :-1]), 1) - reached
    picture = (kept * albedo).sum(1, keepdim=True).clamp(max=1)  # rounding may pass 1
    return Shaded(picture, 1 - reached[:, -1:])
