"""THE coordinate convention, and the cameras that follow it.

World: right-handed, y up. A camera at azimuth θ and elevation φ stands in direction

    (sin θ cos φ,  sin φ,  cos θ cos φ)

from the origin and looks at the origin; at θ = φ = 0 it stands on +z and looks down −z. Raising θ walks the camera
counter-clockwise seen from above, towards +x; raising φ lifts it. Camera axes: x right, y up, z back (towards the
viewer). Image axes: column right, row DOWN, depth away from the viewer. Between the two lies the only flip of y in
this project, `CAMERA_TO_IMAGE`.

Images are (B, C, H, W) in [0, 1] with row 0 on top. The view volume of an orthographic camera, and the cube that a
voxel grid fills, is [−1, 1]³. Angles are radians.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from inverse_graphics.checks import require_finite, require_tensor

CAMERA_TO_IMAGE = (1.0, -1.0, -1.0)  # camera (x right, y up, z back) → image (column right, row down, depth away)


def view_rotation(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """Rotation from world to camera axes; its rows are the camera's right, up and back in the world.

    Args:
        azimuth: (B,) radians about +y.
        elevation: (B,) radians above the horizon.

    Returns:
        (B, 3, 3), differentiable in both angles.
    """
    azimuth, elevation = torch.broadcast_tensors(azimuth, elevation)
    sin_a, cos_a, sin_e, cos_e = azimuth.sin(), azimuth.cos(), elevation.sin(), elevation.cos()
    zero = torch.zeros_like(sin_a)
    right = torch.stack((cos_a, zero, -sin_a), -1)
    up = torch.stack((-sin_a * sin_e, cos_e, -cos_a * sin_e), -1)
    back = torch.stack((sin_a * cos_e, sin_e, cos_a * cos_e), -1)
    return torch.stack((right, up, back), -2)  # (B, 3, 3)


def angles(name: str, value: float | Tensor, batch: int, like: Tensor) -> Tensor:
    """Bring an angle given as a number or a tensor of one or `batch` elements to (B,), in the dtype of `like`.

    Raises:
        ValueError: it has another size, or is NaN or infinite.
    """
    tensor = torch.as_tensor(value, dtype=like.dtype, device=like.device)
    if tensor.numel() not in (1, batch) or tensor.dim() > 1:
        raise ValueError(f"{name}: expected one angle or one for each of {batch} items, got {tuple(tensor.shape)}")
    return require_finite(name, tensor).reshape(-1).expand(batch)


@dataclass(frozen=True)
class Camera:
    """A camera that orbits the origin.

    Fields:
        azimuth, elevation: radians. Raising them walks the camera towards +x and lifts it.
        distance: from the origin, in world units. Raising it makes the object smaller in a perspective view.
        field_of_view: vertical, radians, for a perspective view; None for an orthographic view of [−1, 1]².
    """

    azimuth: float = 0.0
    elevation: float = 0.0
    distance: float = 3.0
    field_of_view: float | None = None

    def __post_init__(self) -> None:
        if not self.distance > 0:
            raise ValueError(f"distance: expected a positive number, got {self.distance}")
        if self.field_of_view is not None and not 0 < self.field_of_view < math.pi:
            raise ValueError(f"field_of_view: expected radians in (0, π) or None, got {self.field_of_view}")

    def rotation(self, like: Tensor) -> Tensor:
        """(3, 3) rotation from world to camera axes in the dtype and device of `like`."""
        return view_rotation(like.new_tensor([self.azimuth]), like.new_tensor([self.elevation]))[0]

    def rays(self, height: int, width: int, like: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Rays through the pixel centres, in world coordinates.

        Returns:
            origins (H, W, 3) and directions (H, W, 3) of unit length. Square pixels: the width covers
            `width / height` times the vertical extent.
        """
        like = torch.zeros(()) if like is None else like
        rows, columns = torch.meshgrid(
            pixel_centres(height, like), pixel_centres(width, like) * (width / height), indexing="ij"
        )
        flip_x, flip_y, flip_z = CAMERA_TO_IMAGE
        if self.field_of_view is None:
            plane = torch.stack((columns * flip_x, rows * flip_y, torch.full_like(rows, self.distance)), -1)
            toward = like.new_tensor([0.0, 0.0, flip_z]).expand_as(plane)
        else:
            scale = math.tan(self.field_of_view / 2)
            plane = like.new_tensor([0.0, 0.0, self.distance]).expand(height, width, 3)
            toward = torch.stack((columns * flip_x * scale, rows * flip_y * scale, torch.full_like(rows, flip_z)), -1)
        rotation = self.rotation(like)  # rows are camera axes, so a row vector times it goes from camera to world
        return plane @ rotation, torch.nn.functional.normalize(toward @ rotation, dim=-1)

    def project(self, points: Tensor) -> Tensor:
        """World points (N, 3) → (N, 3): column and row in [−1, 1] (row down), and distance along the viewing axis.

        Raises:
            ValueError: `points` is not (N, 3) and finite, or a point is not in front of a perspective camera.
        """
        require_finite("points", require_tensor("points", points, "N 3"))
        camera = points @ self.rotation(points).T
        column, row = camera[:, 0] * CAMERA_TO_IMAGE[0], camera[:, 1] * CAMERA_TO_IMAGE[1]
        depth = self.distance + camera[:, 2] * CAMERA_TO_IMAGE[2]
        if self.field_of_view is not None:
            if not (depth > 0).all():
                raise ValueError(f"points: expected all in front of the camera, got depth {depth.min().item():g}")
            scale = depth * math.tan(self.field_of_view / 2)
            column, row = column / scale, row / scale
        return torch.stack((column, row, depth), -1)


def pixel_centres(count: int, like: Tensor) -> Tensor:
    """(count,) centres of `count` equal cells that tile [−1, 1], in increasing order."""
    return (torch.arange(count, dtype=like.dtype, device=like.device) + 0.5) * (2 / count) - 1
