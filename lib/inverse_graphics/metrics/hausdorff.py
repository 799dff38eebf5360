"""How far reconstructed surfels are from the true ones (Pix2Scene 2018, Sec. 4.1 and App. C, Tables 1 and 2).

Numbers come one per picture, (B,), so that a spread can be reported. Lengths are in world units, in which the scenes of
`datasets.scenes` have an extent of 1 along each axis: a distance of 0.1 is a tenth of the room. The paper normalises
its scenes to unit extent too, and says no more of units; nor does it say which set it calls A. Here A, from which the
forward distance runs, is the reconstruction.
"""

from typing import NamedTuple

import torch
from scipy.spatial import cKDTree
from torch import Tensor

from inverse_graphics.checks import require_finite, require_tensor


class Hausdorff(NamedTuple):
    """Distances between two sets of surfels A (reconstruction) and B (truth), each (B,), in world units.

    `forward` is max over a ∈ A of the distance to the nearest b ∈ B, App. C: large if something is made up. `reverse`
    is the same from B to A: large if something is missed. One stray surfel sets either. The Hausdorff distance is the
    larger of the two.

    `mean_forward` and `mean_reverse` have the mean in place of the max (the modified Hausdorff distance of Dubuisson &
    Jain 1994), which all surfels share in.
    """

    forward: Tensor
    reverse: Tensor
    mean_forward: Tensor
    mean_reverse: Tensor


def hausdorff(reconstruction: Tensor, truth: Tensor) -> Hausdorff:
    """Hausdorff distances between the surfels of pictures, picture by picture.

    Args:
        reconstruction: (B, 3, H, W) positions of surfels, in world units.
        truth: (B, 3, H', W') positions in the same axes; another number of surfels will do.

    Raises:
        ValueError: wrong shape, another number of pictures, NaN or infinity.
    """
    require_finite("reconstruction", require_tensor("reconstruction", reconstruction, "B 3 H W"))
    require_finite("truth", require_tensor("truth", truth, f"{len(reconstruction)} 3 H W"))
    rows = []
    for ours, true in zip(_points(reconstruction), _points(truth), strict=True):
        there, back = cKDTree(true).query(ours)[0], cKDTree(ours).query(true)[0]
        rows.append((there.max(), back.max(), there.mean(), back.mean()))
    return Hausdorff(*reconstruction.new_tensor(rows).T)


def depth_errors(depth: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error of depth maps (B, 1, H, W) over the pixels of each: (B,), in world units squared.

    Raises:
        ValueError: wrong shape, sizes that disagree, NaN or infinity.
    """
    require_finite("depth", require_tensor("depth", depth, "B 1 H W"))
    _same_shape("truth", truth, depth)
    return (depth - require_finite("truth", truth)).square().mean((1, 2, 3))


def normal_angles(normals: Tensor, truth: Tensor) -> Tensor:
    """Mean angle between unit normals (B, 3, H, W) and the true ones over the pixels of each: (B,), degrees, 0 to 180.

    Raises:
        ValueError: wrong shape, sizes or types that disagree, or normals that are not of length 1.
    """
    require_tensor("normals", normals, "B 3 H W")
    _same_shape("truth", truth, normals)
    if truth.dtype != normals.dtype:
        raise ValueError(f"truth: expected {normals.dtype} as the normals are, got {truth.dtype}")
    for name, vectors in (("normals", normals), ("truth", truth)):
        least, most = torch.aminmax(vectors.norm(dim=1))
        if not (least > 0.99 and most < 1.01):  # NaN compares false
            raise ValueError(f"{name}: expected vectors of length 1, got lengths {least.item():g} to {most.item():g}")
    # the arc cosine of the product alone loses all digits of small angles
    across = torch.linalg.cross(normals, truth, dim=1).norm(dim=1)
    return torch.rad2deg(torch.atan2(across, (normals * truth).sum(1))).mean((1, 2))


def _points(positions: Tensor):
    return positions.detach().flatten(2).mT.cpu().double().numpy()  # (B, N, 3)


def _same_shape(name: str, value: Tensor, other: Tensor) -> None:
    require_tensor(name, value, " ".join(map(str, other.shape)))
