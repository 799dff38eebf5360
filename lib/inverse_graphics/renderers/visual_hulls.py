"""Pictures → voxels, the way back along the rays: what silhouettes alone say about a shape.

    back_project  (B, H, W), azimuth      → (B, W, H, W), every cell gets the value of the pixel that sees it
    visual_hull   (B, K, H, W), azimuths  → (B, W, H, W), the least over the K views (Laurentini 1994)

With soft pictures the hull is soft: if a pixel is the probability that its ray meets the shape, a cell's value bounds
the probability that it belongs to it.
"""

import torch
from torch import Tensor

from inverse_graphics.checks import require_range, require_tensor
from inverse_graphics.renderers.voxels import rotate_voxels


def back_project(pictures: Tensor, azimuth: float | Tensor) -> Tensor:
    """Push pictures through the grid along the rays of their orthographic viewers.

    Args:
        pictures: (B, H, W) floating, in [0, 1].
        azimuth: radians, one number or (B,), of the viewer.

    Returns:
        (B, W, H, W) in [0, 1], as deep as wide, in the frame of azimuth 0.
    """
    require_range("pictures", require_tensor("pictures", pictures, "B H W"), 0, 1)
    batch, height, width = pictures.shape
    extruded = pictures[:, None].expand(batch, width, height, width)
    return rotate_voxels(extruded, -torch.as_tensor(azimuth)).clamp(0, 1)  # weights can add up to an ulp over 1


def visual_hull(pictures: Tensor, azimuths: Tensor) -> Tensor:
    """The largest shape that all K pictures of each item allow.

    Args:
        pictures: (B, K, H, W) floating, in [0, 1].
        azimuths: (K,) radians.

    Returns:
        (B, W, H, W) in [0, 1].
    """
    require_tensor("pictures", pictures, "B K H W")
    require_tensor("azimuths", azimuths, str(pictures.shape[1]))
    hull = back_project(pictures[:, 0], azimuths[0])
    for view in range(1, len(azimuths)):  # K is a dozen; all at once would hold K grids an item
        hull = torch.minimum(hull, back_project(pictures[:, view], azimuths[view]))
    return hull
