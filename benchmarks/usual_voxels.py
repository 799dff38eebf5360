"""The peer of the voxel benchmarks: how most public code turns and projects voxels, a 3D resampling and a sum."""

import torch
import torch.nn.functional as F
from torch import Tensor


def project(voxels: Tensor, azimuth: Tensor, sampling: str = "trilinear") -> Tensor:
    """`affine_grid`, 3D `grid_sample`, sum, Eq. (2): (B, D, H, W), (B,) → (B, 1, H, W).

    Takes the arguments of `project_voxels`, whose place it holds in a benchmark, but samples trilinearly only.
    """
    assert sampling == "trilinear"
    sin, cos = azimuth.sin(), azimuth.cos()
    zero, one = torch.zeros_like(sin), torch.ones_like(sin)
    rows = [cos, zero, -sin, zero, zero, one, zero, zero, sin, zero, cos, zero]
    grid = F.affine_grid(torch.stack(rows, 1).view(-1, 3, 4), [len(voxels), 1, *voxels.shape[1:]], align_corners=False)
    return 1 - torch.exp(-F.grid_sample(voxels[:, None], grid, align_corners=False).sum(2))
