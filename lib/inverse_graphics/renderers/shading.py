"""Surface points and normals → colours: Lambert's law with an ambient light and K point lights (Pix2Scene, Eq. 1).

    I_i = ρ_i (L_a + Σ_j L_j max(0, N_iᵀ d_ij / |d_ij|) / (k_l |d_ij| + k_q |d_ij|²)),    d_ij = L_j^pos − P_i

Primitives come from elsewhere: nothing here knows of pixels, cameras or shadows.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from inverse_graphics.checks import real_tensor, require_finite, require_range, require_tensor

INSIDE = 1e-6  # world units: a light nearer to a point than this is inside the surface, and Eq. (1) has no value there


@dataclass(frozen=True, eq=False)
class Lights:
    """K point lights and an ambient light for each of B scenes. Every tensor may need gradients.

    Fields:
        positions: (B, K, 3) floating, in the world.
        colours: (B, K, 3) RGB, 0 or more. Raising one brightens what that light reaches.
        ambient: (B, 3) RGB, 0 or more: reaches every surface alike.
        linear, quadratic: k_l and k_q of Eq. (1), per world unit and its square, 0 or more and not both 0. Raising them
            dims the lights; with `linear` alone, far surfaces lose less than near ones.
    """

    positions: Tensor
    colours: Tensor
    ambient: Tensor
    linear: float = 0.0
    quadratic: float = 1.0

    def __post_init__(self) -> None:
        batch, count, _ = require_finite("positions", require_tensor("positions", self.positions, "B K 3")).shape
        require_tensor("colours", self.colours, f"{batch} {count} 3")
        require_tensor("ambient", self.ambient, f"{batch} 3")
        for name, value in (("colours", self.colours), ("ambient", self.ambient)):
            require_finite(name, require_range(name, value, 0, torch.inf))
        if not (0 <= self.linear < torch.inf and 0 <= self.quadratic < torch.inf and self.linear + self.quadratic > 0):
            raise ValueError(
                "linear, quadratic: expected finite numbers of 0 or more and not both 0, "
                f"got {self.linear} and {self.quadratic}"
            )

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: slice | Tensor) -> "Lights":
        return Lights(self.positions[index], self.colours[index], self.ambient[index], self.linear, self.quadratic)


def shade(positions: Tensor, normals: Tensor, lights: Lights, albedo: float | Tensor = 0.5) -> Tensor:
    """Colour of each surface point by Eq. (1).

    The sum is left as it is: never negative, above 1 where a light is near. Clamp it for a picture in [0, 1]; where it
    exceeds 1, no gradient passes then.

    Args:
        positions: (B, H, W, 3) floating, in the frame of the lights.
        normals: (B, H, W, 3) of unit length, in the same frame.
        lights: B sets of them.
        albedo: reflectance in [0, 1]: one number, (3,) RGB, (B, 3) or (B, H, W, 3).

    Returns:
        (B, H, W, 3), 0 or more; differentiable in points, normals, lights and albedo.

    Raises:
        ValueError: sizes or types that disagree, NaN, infinity, normals that cannot be of unit length, or a light at a
            point.
    """
    batch, height, width, _ = require_tensor("positions", positions, "B H W 3").shape
    require_tensor("normals", normals, f"{batch} {height} {width} 3")
    if normals.dtype != positions.dtype:
        raise ValueError(f"normals: expected {positions.dtype} as the positions are, got {normals.dtype}")
    require_range("normals", normals, -1.001, 1.001)  # what a unit vector may hold, with room for rounding
    if len(lights) != batch:
        raise ValueError(f"lights: expected one set for each of {batch} scenes, got {len(lights)}")
    albedo = _spread(albedo, positions)

    # One coordinate after the other, (B, K, H, W): fewer large tensors live at once than with a last axis of 3.
    sources = lights.positions.to(positions)[..., None, None].unbind(2)
    squared = facing = 0  # |d|² and Nᵀd
    for source, point, normal in zip(sources, positions.unbind(-1), normals.unbind(-1), strict=True):
        towards = source - point[:, None]
        squared = squared + towards.square()
        facing = facing + towards * normal[:, None]
    nearest, farthest = torch.aminmax(squared.detach())
    if not (nearest > INSIDE**2 and farthest < torch.inf):
        raise ValueError(
            "lights: expected finite points and no light inside a surface, "
            f"got distances from {nearest.item() ** 0.5:g} to {farthest.item() ** 0.5:g}"
        )
    # d/|d| and the attenuation together: 1 / (|d| (k_l |d| + k_q |d|²))
    received = facing.clamp_min(0) / (squared * (lights.linear + lights.quadratic * squared.sqrt()))
    radiance = torch.baddbmm(
        lights.ambient.to(positions)[:, :, None], lights.colours.to(positions).mT, received.flatten(2)
    )  # (B, 3, H·W)
    return radiance.view(batch, 3, height, width).permute(0, 2, 3, 1) * albedo


def _spread(albedo: float | Tensor, positions: Tensor) -> Tensor:
    """Albedo as a tensor that broadcasts with (B, H, W, 3)."""
    batch = len(positions)
    albedo = real_tensor("albedo", albedo, positions)
    if tuple(albedo.shape) not in ((), (3,), (batch, 3), tuple(positions.shape)):
        raise ValueError(
            f"albedo: expected a number, (3,), ({batch}, 3) or one colour for each surfel, got {tuple(albedo.shape)}"
        )
    require_range("albedo", albedo, 0, 1)
    return albedo[:, None, None] if albedo.dim() == 2 else albedo
