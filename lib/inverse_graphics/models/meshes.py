"""The generator of textured meshes before backgrounds (Szabó & Favaro 2019, Sec. 6 and 7).

    MeshGenerator   z_object, z_background → Scene: shape image, texture, background
    Scene.render    → pictures, seen from anywhere

One StyleGAN makes the shape image and the texture, another the background, both at 2 N × 2 N pixels where the picture
has N × N; the shape image is reduced to N × N, multiplied by 0.002, and added to a sphere or a sheet.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inverse_graphics.checks import require_choice, require_tensor
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.geometry.shape_images import (
    SHAPES,
    disc_mesh,
    initial_shape,
    limit_size,
    shape_pyramid,
    vertices_of,
)
from inverse_graphics.models.stylegan import FIRST, MappingNetwork, Noise, SynthesisNetwork
from inverse_graphics.renderers.meshes import MeshPicture, MeshSettings, render_mesh

SHAPE_GAIN = 0.002  # the paper's, over 156,250 steps: slows the learning of shapes down


@dataclass(frozen=True)
class MeshGANSettings:
    """Sizes and options of a `MeshGenerator`; the defaults are the paper's FULL.

    Fields:
        size: N, of the largest pictures.
        latent: numbers of z, of either network.
        style: numbers of w.
        widths: features of a generator's blocks at 4×4, 8×8, … 2 N × 2 N.
        mapping_layers: of the mapping networks.
        start: `sphere` or `sheet`.
        levels: K of the shape pyramid; 1 is none. Raising it smooths what is learnt first.
        limited: whether no vertex may be farther than 1.3 from the origin.
        band: of the renderer; 0 is CRISP.
        skip: see `SynthesisNetwork`.
        gain: of the shape image. Raising it lets shapes learn faster, and be rough before they know better.
    """

    size: int = 128
    latent: int = 512
    style: int = 512
    widths: tuple[int, ...] = (512, 512, 512, 512, 256, 128, 64)
    mapping_layers: int = 8
    start: str = "sphere"
    levels: int = 4
    limited: bool = True
    band: float = 1.0
    gain: float = SHAPE_GAIN
    skip: bool = False

    def __post_init__(self) -> None:
        require_choice("start", self.start, SHAPES)
        if FIRST << (len(self.widths) - 1) != 2 * self.size:
            raise ValueError(
                f"widths: expected one for each side from {FIRST} to {2 * self.size}, "
                f"{(2 * self.size // FIRST).bit_length()}; got {len(self.widths)}"
            )
        if self.levels < 1:
            raise ValueError(f"levels: expected 1 or more, got {self.levels}")


class Scene(NamedTuple):
    """`shape` (B, 3, N, N), world coordinates; `texture` and `background` (B, 3, 2 N, 2 N) in [0, 1]."""

    shape: Tensor
    texture: Tensor
    background: Tensor

    def render(self, camera: Cameras, corner: Tensor | None = None, band: float = 1.0) -> MeshPicture:
        """Pictures of N × N, seen by cameras (see `renderers.meshes.unit_ball_cameras`).

        Args:
            corner: (B, 2) in [0, 1]: which N × N crop of the background is behind the object, left to right and top to
                bottom; None takes the middle.
            band: see `MeshSettings`.
        """
        size = self.shape.shape[-1]
        mesh = disc_mesh(size)
        faces, uv = mesh.faces.to(self.shape.device), mesh.uv.to(self.shape)
        behind = crop(self.background, size, corner)
        vertices = vertices_of(self.shape, mesh)
        return render_mesh(vertices, faces, self.texture, uv, behind, camera, MeshSettings(size, band))


def crop(pictures: Tensor, size: int, corner: Tensor | None = None) -> Tensor:
    """A square (B, C, size, size) out of each picture (B, C, H, W); `corner` (B, 2) in [0, 1] says where, None is the
    middle."""
    B, _, H, W = require_tensor("pictures", pictures, "B C H W").shape
    corner = pictures.new_full((B, 2), 0.5) if corner is None else require_tensor("corner", corner, f"{B} 2")
    left, top = ((corner[:, i] * (most - size + 1)).long().clamp_max(most - size) for i, most in ((0, W), (1, H)))
    rows = top[:, None] + torch.arange(size, device=pictures.device)
    columns = left[:, None] + torch.arange(size, device=pictures.device)
    index = (rows[:, :, None] * W + columns[:, None]).flatten(1)[:, None].expand(-1, pictures.shape[1], -1)
    return pictures.flatten(2).gather(2, index).unflatten(2, (size, size))


class MeshGenerator(nn.Module):
    """Latents → scenes."""

    def __init__(self, settings: MeshGANSettings) -> None:
        super().__init__()
        self.settings = settings
        sizes = (settings.latent, settings.style, settings.mapping_layers)
        self.object_mapping, self.background_mapping = MappingNetwork(*sizes), MappingNetwork(*sizes)
        self.object = SynthesisNetwork(3 * settings.levels + 3, settings.widths, settings.style, settings.skip)
        self.background = SynthesisNetwork(3, settings.widths, settings.style, settings.skip)

    def forward(
        self,
        latents: Tensor,
        background_latents: Tensor,
        size: int | None = None,
        fade: float = 1.0,
        noise: Noise | None = None,
    ) -> Scene:
        """Scenes for pictures of a size.

        Args:
            latents, background_latents: (B, Z), each normal; or (B, L, Z), one for each layer, to mix styles.
            size: N, a power of 2 of 8 or more; None is the largest.
            fade, noise: see `SynthesisNetwork`.
        """
        styles = self.styles(self.object_mapping, latents), self.styles(self.background_mapping, background_latents)
        return self.scenes(*styles, size, fade, noise)

    def scenes(
        self,
        styles: Tensor,
        background_styles: Tensor,
        size: int | None = None,
        fade: float = 1.0,
        noise: Noise | None = None,
    ) -> Scene:
        """Scenes of styles (B, W) or (B, L, W); the other arguments as above."""
        size = self.settings.size if size is None else size
        made = self.object(styles, 2 * size, fade, noise)
        levels = F.avg_pool2d(made[:, :-3], 2).unflatten(1, (-1, 3))
        shape = initial_shape(self.settings.start, size).to(made) + self.settings.gain * shape_pyramid(levels)
        shape = limit_size(shape) if self.settings.limited else shape
        behind = self.background(background_styles, 2 * size, fade, noise)
        return Scene(shape, _colours(made[:, -3:]), _colours(behind))

    @staticmethod
    def styles(mapping: MappingNetwork, latents: Tensor) -> Tensor:
        """w of latents: (B, W) of (B, Z), (B, L, W) of (B, L, Z)."""
        return mapping(latents.flatten(0, -2)).unflatten(0, latents.shape[:-1])


def _colours(values: Tensor) -> Tensor:
    """Whatever a network gives out → [0, 1]."""
    return values.mul(2).sigmoid()  # the slope of ½ + ½ tanh
