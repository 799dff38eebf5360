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

from inverse_graphics.checks import real_tensor, require_count, require_finite, require_range, require_tensor

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
        ValueError: it has another size, or is complex, NaN or infinite.
    """
    tensor = real_tensor(name, value, like)
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
        for name in ("azimuth", "elevation"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name}: expected finite radians, got {getattr(self, name)}")
        if not 0 < self.distance < math.inf:
            raise ValueError(f"distance: expected a positive, finite number, got {self.distance}")
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

        Raises:
            ValueError: a size is not a positive whole number.
        """
        require_count("height", height)
        require_count("width", width)
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


@dataclass(frozen=True, eq=False)
class Cameras:
    """A batch of perspective cameras that look at a point of the world, upright (no roll).

    Camera axes have their origin at the camera. A camera that looks straight up or down has no upright: `rotation`
    refuses it.

    Fields:
        position: (B, 3) floating, where each stands in the world.
        target: (B, 3), the point that each looks at: the middle of its picture.
        field_of_view: vertical, radians, the same for all. Raising it shows more of the world, smaller.
    """

    position: Tensor
    target: Tensor
    field_of_view: float

    def __post_init__(self) -> None:
        require_tensor("position", self.position, "B 3")
        require_tensor("target", self.target, f"{len(self.position)} 3")
        if self.target.dtype != self.position.dtype:
            raise ValueError(f"target: expected {self.position.dtype} as the positions are, got {self.target.dtype}")
        if not 0 < self.field_of_view < math.pi:
            raise ValueError(f"field_of_view: expected radians in (0, π), got {self.field_of_view}")

    @classmethod
    def orbit(
        cls,
        azimuth: Tensor,
        elevation: Tensor,
        distance: float | Tensor,
        field_of_view: float,
        target: Tensor | None = None,
    ) -> "Cameras":
        """Cameras around a target, placed like `Camera`: raising the angles walks them towards +x and lifts them.

        Args:
            azimuth: (B,) radians about +y.
            elevation: (B,) radians above the horizon, in [−π/2, π/2].
            distance: from the target, in world units: one number or (B,). Raising it makes things smaller.
            field_of_view: vertical, radians.
            target: (3,) or (B, 3) in the world; None means the origin.

        Raises:
            ValueError: sizes that disagree, NaN or infinity, an elevation beyond the pole, or a distance that is not
                positive.
        """
        require_finite("azimuth", require_tensor("azimuth", azimuth, "B"))
        require_tensor("elevation", elevation, str(len(azimuth)))
        require_range("elevation", elevation, -1.5708, 1.5708)  # π/2, rounded up
        distance = real_tensor("distance", distance, azimuth)
        if tuple(distance.shape) not in ((), (len(azimuth),)):
            raise ValueError(f"distance: expected a number or shape ({len(azimuth)},), got {tuple(distance.shape)}")
        if not ((distance > 0) & (distance < torch.inf)).all():
            raise ValueError(f"distance: expected positive, finite numbers, got {distance.min().item():g}")
        back = view_rotation(azimuth, elevation)[:, 2]
        target = real_tensor("target", (0.0, 0.0, 0.0) if target is None else target, back)
        if tuple(target.shape) not in ((3,), (len(azimuth), 3)):
            raise ValueError(f"target: expected shape (3,) or ({len(azimuth)}, 3), got {tuple(target.shape)}")
        require_finite("target", target)
        return cls(target + back * distance.reshape(-1, 1), target.expand_as(back), field_of_view)

    def __len__(self) -> int:
        return len(self.position)

    def __getitem__(self, index: slice | Tensor) -> "Cameras":
        return Cameras(self.position[index], self.target[index], self.field_of_view)

    def rotation(self) -> Tensor:
        """(B, 3, 3) rotations from world to camera axes; their rows are right, up and back in the world.

        Raises:
            ValueError: a camera that is not finite, stands at its target, or looks straight up or down.
        """
        if not (torch.isfinite(self.position).all() and torch.isfinite(self.target).all()):
            raise ValueError("camera: expected a finite position and target, got NaN or infinity")
        back = self.position - self.target
        distance = back.norm(dim=-1)
        sideways = torch.hypot(back[:, 0], back[:, 2])
        singular = sideways <= 1e-6 * distance  # what rounding in float32 leaves of the cosine of 90°
        if singular.any():
            at = int(singular.nonzero()[0])
            raise ValueError(
                "camera: expected one that does not stand at its target or look straight up or down, got camera "
                f"{at} at {self.position[at].tolist()} looking at {self.target[at].tolist()}"
            )
        zero = torch.zeros_like(sideways)
        right = torch.stack((back[:, 2], zero, -back[:, 0]), -1) / sideways[:, None]  # y × back
        back = back / distance[:, None]
        return torch.stack((right, torch.linalg.cross(back, right), back), -2)

    def rays(self, height: int, width: int) -> Tensor:
        """(H, W, 3) unit directions in camera axes through the pixel centres, the same for all; square pixels."""
        return Camera(field_of_view=self.field_of_view).rays(height, width, like=self.position)[1]

    def to_camera(self, points: Tensor) -> Tensor:
        """World points (B, N, 3) → (B, N, 3) in camera axes."""
        self._check_points(points)
        return (points - self.position[:, None]) @ self.rotation().mT

    def to_world(self, points: Tensor) -> Tensor:
        """Points (B, N, 3) in camera axes → (B, N, 3) in the world."""
        self._check_points(points)
        return points @ self.rotation() + self.position[:, None]

    def _check_points(self, points: Tensor) -> None:
        require_finite("points", require_tensor("points", points, f"{len(self)} N 3"))
        if points.dtype != self.position.dtype:
            raise ValueError(f"points: expected {self.position.dtype} as the cameras are, got {points.dtype}")


def pixel_centres(count: int, like: Tensor) -> Tensor:
    """(count,) centres of `count` equal cells that tile [−1, 1], in increasing order."""
    return (torch.arange(count, dtype=like.dtype, device=like.device) + 0.5) * (2 / count) - 1
