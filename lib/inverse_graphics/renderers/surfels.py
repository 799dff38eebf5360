"""Depth → picture, with one surfel for each pixel (Pix2Scene, Rajeswar et al. 2018, Sec. 3.2 and 3.3.2).

    back_project        depth (B, 1, H, W), cameras → (B, 3, H, W) positions P along the rays
    normals_from_depth  depth (B, 1, H, W), cameras → (B, 3, H, W) normals N: ‖Nᵀ∇P‖ = 0, |N| = 1, facing   Eq. (3)
    render_surfels      depth, cameras, lights, albedo → picture, positions, normals                          Eq. (1)

Depth is the distance along the unit ray through a pixel's centre, in world units, as in `geometry.depth_maps`.
Positions and normals are in camera axes: x right, y up, z back, with the origin at the camera. All three functions are
pure, batched and differentiable, and work on any device in float32 and float64.
"""

from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.checks import require_tensor
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.renderers.shading import Lights, shade


class SurfelImage(NamedTuple):
    """What `render_surfels` made; each (B, 3, H, W).

    `image` is RGB radiance, 0 or more: clamp it for a picture in [0, 1]. `positions` (world units) and unit `normals`
    are in camera axes.
    """

    image: Tensor
    positions: Tensor
    normals: Tensor


def render_surfels(depth: Tensor, camera: Cameras, lights: Lights, albedo: float | Tensor = 0.5) -> SurfelImage:
    """Render a depth map: back-project it, take its normals, shade each surfel by Eq. (1). No shadows.

    Args:
        depth: (B, 1, H, W) floating, positive and finite.
        camera: B of them.
        lights: B sets of them, in the world.
        albedo: reflectance in [0, 1]: one number, (3,) RGB, (B, 3) or (B, 3, H, W).

    Returns:
        `SurfelImage`, differentiable in depth, lights, albedo and the cameras' positions and targets. The picture is
        not clamped: Eq. (1) has no upper end, and a clamp would hide from the gradient that a surfel is too bright.

    Raises:
        ValueError: naming the argument: a depth that is zero, negative (behind the camera), infinite or NaN; a light
            inside a surfel; a singular camera; sizes that disagree; an albedo out of range.
    """
    rays = _rays(depth, camera)
    if len(lights) != len(depth):
        raise ValueError(f"lights: expected one set for each of {len(depth)} depth maps, got {len(lights)}")
    # K lights are fewer than H·W surfels: they go to camera axes, not the surfels to the world.
    lights = replace(lights, positions=camera.to_camera(lights.positions.to(camera.position)))
    positions, normals = depth * rays, _fit_planes(depth, rays)
    if isinstance(albedo, Tensor) and albedo.dim() == 4:
        require_tensor("albedo", albedo, f"{len(depth)} 3 {depth.shape[2]} {depth.shape[3]}")
        albedo = albedo.permute(0, 2, 3, 1)
    image = shade(positions.permute(0, 2, 3, 1), normals.permute(0, 2, 3, 1), lights, albedo)
    return SurfelImage(image.permute(0, 3, 1, 2), positions, normals)


def back_project(depth: Tensor, camera: Cameras) -> Tensor:
    """Positions (B, 3, H, W) of the surfels in camera axes: depth (B, 1, H, W) along the ray of each pixel.

    Raises:
        ValueError: a depth that is not positive and finite, or another number of cameras than of depth maps.
    """
    return depth * _rays(depth, camera)


def normals_from_depth(depth: Tensor, camera: Cameras) -> Tensor:
    """Unit normals by the constrained plane fit of Eq. (3) over the 8 neighbours of each surfel, in closed form.

    The plane. Surfels P = d r on a plane m·P = 1 fulfil m·r = 1/d, linear in m whatever the tilt. With r ∝ (x, y, −1),
    inverse depth along the axis, u = √(x² + y² + 1)/d, is affine in the image: u = m_x x + m_y y − m_z. Two slopes of
    u give m_x and m_y by least squares; m_z follows as the plane holds P; N = −m/|m|. So N·(−r) = 1/(d |m|) > 0:
    every normal faces the camera without a choice of sign, and as |m| ≥ 1/d, nothing divides by zero.

    The gradient ∇P. Opposite neighbours lie on one image line through P, which cuts the surface in a curve; the circle
    through the three points has the tangent (P₊ − P)/|P₊ − P|² + (P − P₋)/|P − P₋|² at P. Each of the four lines
    through the 3×3 pixels gives the slope of u along that tangent. With equal weights in place of the inverse squares,
    it would be the plain least-squares fit over the 8 neighbours.

    Why so. Planes of any tilt are exact, and so are spheres up to the silhouette, where a fit with equal weights is off
    by degrees. At a jump of depth the near side outweighs the far one, so that outlines stay sharp. All is rational in
    the depths with positive denominators, and so are the gradients; those of the smallest eigenvector of the 3×3
    scatter matrix, the literal solution of Eq. (3), are unbounded where two eigenvalues meet, and it costs many times
    more. A fit of z over x and y (N_z = 1) is singular for surfaces seen edge-on.

    A pixel at the border of the image has the slopes of the one beside it, which keeps planes exact.

    Args:
        depth: (B, 1, H, W) floating, positive and finite; at least 3 × 3 pixels.
        camera: B of them.

    Returns:
        (B, 3, H, W) of length 1 in camera axes, N·(−ray) > 0.

    Raises:
        ValueError: a depth that is not positive and finite, or another number of cameras than of depth maps.
    """
    return _fit_planes(depth, _rays(depth, camera))


def _rays(depth: Tensor, camera: Cameras) -> Tensor:
    """Unit rays (3, H, W) in camera axes, once depth and cameras are found to fit."""
    batch, _, height, width = require_tensor("depth", depth, "B 1 H W").shape
    if depth.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"depth: expected float32 or float64, as neighbours differ by little, got {depth.dtype}")
    if height < 3 or width < 3:
        raise ValueError(f"depth: expected at least 3 × 3 pixels, got {height} × {width}")
    nearest, farthest = torch.aminmax(depth.detach())
    if not (nearest > 0 and farthest < torch.inf):  # NaN compares false
        raise ValueError(
            "depth: expected positive finite distances in front of the camera, "
            f"got values from {nearest.item():g} to {farthest.item():g}"
        )
    if len(camera) != batch:
        raise ValueError(f"camera: expected one for each of {batch} depth maps, got {len(camera)}")
    return camera.rays(height, width).to(depth).permute(2, 0, 1).contiguous()


def _fit_planes(depth: Tensor, rays: Tensor) -> Tensor:
    x, y, stretch = -rays[0] / rays[2], -rays[1] / rays[2], -1 / rays[2]  # (H, W) each: r = (x, y, −1) / stretch
    inverse = stretch / depth  # u, (B, 1, H, W)
    across, down, falling, rising = (_slope(inverse, depth, rays, *step) for step in ((0, 1), (1, 0), (1, 1), (1, -1)))
    # Least squares for two slopes from four, as falling = down + across and rising = down − across. Rows run down and
    # y up, so that this is (−m_x, −m_y), three pixels' widths of it.
    tilt = torch.cat((rising - falling - across, down + falling + rising), 1)  # (B, 2, H − 2, W − 2)
    tilt = F.pad(tilt / (3 * (x[0, 1] - x[0, 0])), (1, 1, 1, 1), mode="replicate")  # pixels are square
    plane = torch.cat((tilt, inverse + x * tilt[:, :1] + y * tilt[:, 1:]), 1)  # −m
    return plane * plane.square().sum(1, keepdim=True).rsqrt()


def _slope(inverse: Tensor, depth: Tensor, rays: Tensor, down: int, right: int) -> Tensor:
    """Change of u from a pixel to the one `down` and `right` of it, (B, 1, H − 2, W − 2), as the circle through the
    surfel and its two neighbours in that direction has it."""
    height, width = depth.shape[2:]
    rows, columns = slice(1 - down, height - 1), slice(1 - max(right, 0), width - 1 + max(-right, 0))
    start = (..., rows, columns)
    end = (..., slice(rows.start + down, rows.stop + down), slice(columns.start + right, columns.stop + right))
    near, far, near_inverse, far_inverse = depth[start], depth[end], inverse[start], inverse[end]
    step = far_inverse - near_inverse
    # |P' − P|², free of the cancellation that a difference of squares would have
    squared = (far - near).square() + far * near * (rays[end] - rays[start]).square().sum(0)
    ahead = (..., slice(down, None), slice(max(right, 0), width - 2 + max(right, 0)))
    behind = (..., slice(height - 2), slice(max(-right, 0), width - 2 + max(-right, 0)))
    # The longer a step, the less it counts; u is there because pixels, not lengths, are the unit of the slope.
    against_ahead, against_behind = (squared * far_inverse)[ahead], (squared * near_inverse)[behind]
    return torch.lerp(step[ahead], step[behind], against_ahead / (against_ahead + against_behind))
