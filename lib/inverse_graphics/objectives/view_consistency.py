"""Two depth maps of one scene must not contradict each other. Not in the paper.

A camera that sees a surface point at some pixel sees nothing nearer there. So a point of one map that lies in front of
the other map's surface, seen from the other camera, is a contradiction: one of the maps is wrong. A point behind it is
merely hidden. Asked both ways, this ties together what both cameras see, and leaves the rest open.

It needs no picture of the second view, and so it can hold a scene latent to a scene with one picture of each.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.checks import require_tensor
from inverse_graphics.geometry.cameras import CAMERA_TO_IMAGE, Cameras
from inverse_graphics.renderers.surfels import back_project


def contradiction(depth: Tensor, camera: Cameras, other_depth: Tensor, other_camera: Cameras) -> Tensor:
    """Mean length by which points of either map stand in front of the other's surface, world units; 0 if they agree.

    Args:
        depth, other_depth: (B, 1, H, W) of the same B scenes, along each pixel's ray; positive and finite.
        camera, other_camera: what sees them.
    """
    require_tensor("depth", depth, "B 1 H W")
    if other_depth.shape != depth.shape:
        raise ValueError(
            f"other_depth: expected the shape of depth {tuple(depth.shape)}, got {tuple(other_depth.shape)}"
        )
    return _in_front(depth, camera, other_depth, other_camera) + _in_front(other_depth, other_camera, depth, camera)


def _in_front(depth: Tensor, camera: Cameras, other_depth: Tensor, other_camera: Cameras) -> Tensor:
    """How far the points of `depth` stand in front of `other_depth`, seen by `other_camera`, mean over pixels."""
    turn = other_camera.rotation() @ camera.rotation().mT  # from the axes of one camera to those of the other
    shift = other_camera.rotation() @ (camera.position - other_camera.position)[..., None]
    seen = torch.baddbmm(shift, turn, back_project(depth, camera).flatten(2))  # (B, 3, H·W)
    across, down, away = (seen[:, axis] * CAMERA_TO_IMAGE[axis] for axis in range(3))
    reach = math.tan(other_camera.field_of_view / 2) * away.clamp_min(1e-3)  # a point at the camera has no pixel
    height, width = other_depth.shape[2:]
    grid = torch.stack((across / reach * (height / width), down / reach), -1)  # (B, H·W, 2) in [−1, 1] inside the image
    inside = (grid.detach().abs() < 1).all(-1) & (away > 1e-3)
    surface = F.grid_sample(other_depth, grid[:, None], padding_mode="border", align_corners=False)[:, 0, 0]
    distance = seen.square().sum(1).sqrt()  # a norm along this axis takes several times as long
    return ((surface - distance).clamp_min(0) * inside).mean()
