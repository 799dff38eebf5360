"""What reflectance a depth map implies: Eq. (1) of Pix2Scene (2018) solved for the normal, pixel by pixel. Not in the
paper; for three lights of different colours that are known, as they are in nearly all its experiments.

Where lights j reach a surface point P, Eq. (1) is linear in the irradiances a_j, one equation for each colour c,

    I_c = ρ (L_a + Σ_j L_jc a_j),   a_j = d_j · N / s_j, d_j = L_j^pos − P, s_j = |d_j| (k_l |d_j| + k_q |d_j|²)

so the picture alone gives a, and a gives N once P is known: three linear equations d_j · N = a_j s_j. Where P is too
near or too far, their solution is no unit vector: ρ|N| is the reflectance that P would need to look as it does. So
log |N| says how wrong the depth of a single pixel is, whatever its neighbours are; in the scenes of this project it
grows almost evenly with depth, by about 1.4 for each world unit.

This reads nothing but the picture that a reconstruction is compared with, in another way. Compared as pictures
(Eq. 4), depth acts by its slopes, from one pixel to the next: gradient descent then needs very many steps to move a
whole object, and stops at reliefs that are shaded right and stand in the wrong place.
"""

import torch
from torch import Tensor

from inverse_graphics.checks import require_tensor
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.renderers.shading import Lights
from inverse_graphics.renderers.surfels import back_project

BRIGHTEST = 0.99  # of a channel: above, the picture may have been clipped
DARKEST = 1e-4  # a light's irradiance, below which it does not reach the surface: rounding, of either sign, is left
FARTHEST = 1.5  # most that a pixel counts: pixels that mix two surfaces can imply anything


def implied_normals(
    images: Tensor, depth: Tensor, camera: Cameras, lights: Lights, albedo: float | Tensor = 0.5
) -> tuple[Tensor, Tensor]:
    """Solve Eq. (1) for the normal at every pixel.

    Args:
        images: (B, 3, H, W) in [0, 1].
        depth: (B, 1, H, W) along each pixel's ray, world units; positive and finite.
        camera: B of them.
        lights: B sets of three, in the world: not in one line, and none a mixture of the other two's colours.
        albedo: a number or (B, 1, 1, 1).

    Returns:
        normals: (B, 3, H, W) in camera axes, of length 1 only where `depth` is right.
        valid: (B, 1, H, W) bool, where the solution holds: every light reaches the surface, and no channel is clipped.

    Raises:
        ValueError: sizes that disagree, another number of lights, or lights of too few colours.
    """
    batch, _, height, width = require_tensor("images", images, "B 3 H W").shape
    require_tensor("depth", depth, f"{batch} 1 {height} {width}")
    if lights.positions.shape[1] != 3:
        raise ValueError(f"lights: expected three in each scene, got {lights.positions.shape[1]}")
    if not (torch.linalg.det(lights.colours).abs() > 1e-6).all():
        raise ValueError("lights: expected three different colours in each scene, none a mixture of the others")
    light = images / albedo - lights.ambient[..., None, None]
    irradiance = (torch.linalg.inv(lights.colours.mT) @ light.flatten(2)).view_as(images)  # a, (B, 3 lights, H, W)
    valid = ((irradiance > DARKEST) & (images < BRIGHTEST)).all(1, keepdim=True)

    positions = back_project(depth, camera)
    places = camera.to_camera(lights.positions)  # (B, 3 lights, 3)
    towards = places[..., None, None] - positions[:, None]  # d, (B, 3 lights, 3, H, W)
    squared = towards.square().sum(2)
    scale = squared * (lights.linear + lights.quadratic * squared.sqrt())  # s
    sides = irradiance * scale
    # Differences of the d_j do not depend on P: N = α f₁ + β f₂ + γ e₁ × e₂ with f₁, f₂ dual to the lights' two edges
    edges = places[:, 1:] - places[:, :1]  # (B, 2, 3)
    across = torch.linalg.cross(edges[:, 0], edges[:, 1])[:, :, None]  # (B, 3, 1)
    inside = torch.linalg.pinv(edges) @ (sides[:, 1:] - sides[:, :1]).flatten(2)  # the part of N in the lights' plane
    first = towards[:, 0].flatten(2)
    rest = sides[:, :1].flatten(2) - (first * inside).sum(1, keepdim=True)
    normals = inside + across * (rest / (first * across).sum(1, keepdim=True))
    return normals.view_as(images), valid


def reflectance_errors(
    images: Tensor, depth: Tensor, camera: Cameras, lights: Lights, albedo: float | Tensor = 0.5
) -> Tensor:
    """|log |N|| of each pixel, (B, 1, H, W), N the implied normal: 0 where the depth implies the reflectance known.

    At most `FARTHEST`, and 0 where the solution does not hold. Arguments as for `implied_normals`.
    """
    normals, valid = implied_normals(images, depth, camera, lights, albedo)
    squared = normals.square().sum(1, keepdim=True).clamp_min(1e-8)  # log of 0
    error = (0.5 * squared.log()).abs().clamp_max(FARTHEST)
    return torch.where(valid, error, torch.zeros_like(error))


def reflectance_error(
    images: Tensor, depth: Tensor, camera: Cameras, lights: Lights, albedo: float | Tensor = 0.5
) -> Tensor:
    """Mean of `reflectance_errors` over pixels, a scalar."""
    return reflectance_errors(images, depth, camera, lights, albedo).mean()
