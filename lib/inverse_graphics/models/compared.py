"""Three autoencoders that are to be compared: one encoder, and a decoder for each representation.

    picture (B, 3, S, S), camera → latent (B, Z) → voxels           (B, 28, 28, 28)                Uçar 2019
                                                 → depth, cover     (B, 1, S, S) each              Pix2Scene 2018
                                                 → shape, texture   (B, 3, S/2, S/2) each          Szabó & Favaro 2019

The encoder is Pix2Scene's, which knows the camera; so a latent can hold an object in the object's own axes. The voxel
decoder is Uçar's. Surfels and meshes share the mesh paper's network (StyleGAN, with skips): Pix2Scene's own leaves a
grid of its transposed convolutions in the depth, and minutes of training do not smooth it. It also says at each pixel
whether a surfel is there, which that paper leaves to a wall behind. All are told where a picture was seen from, and
none is ever told a shape.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inverse_graphics.checks import require_choice
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.geometry.depth_jumps import sharpen_jumps
from inverse_graphics.geometry.shape_images import initial_shape, limit_size, shape_pyramid
from inverse_graphics.models import surfels, voxels
from inverse_graphics.models.stylegan import FIRST, SLOPE, SynthesisNetwork

REPRESENTATIONS = ("voxels", "surfels", "meshes")
JUMP = 0.3  # of depth, beyond which finished maps are sharpened
EMPTY_LOGIT = -4.0  # occupancy that untrained voxels start from


@dataclass(frozen=True)
class ComparedSettings:
    """Sizes of the networks.

    Fields:
        representation: one of `REPRESENTATIONS`.
        size: S, of pictures: 4 · 2^n for the n layers of the encoder.
        latent: Z.
        encoder_channels: of its layers, from S/2 down to 4×4.
        channels: of the decoder. Voxels: one number, at 7³. Surfels: from 4×4 up to S. Meshes: from 4×4 up to S/2.
        style: of surfels and meshes: how many numbers each layer's style is made of.
        levels, gain: of meshes: levels of the shape pyramid, and what its output is multiplied with. Raising the gain
            makes shapes move sooner, and fold sooner.
    """

    representation: str
    size: int
    latent: int
    encoder_channels: tuple[int, ...]
    channels: tuple[int, ...]
    style: int = 64
    levels: int = 4
    gain: float = 0.05

    def __post_init__(self) -> None:
        require_choice("representation", self.representation, REPRESENTATIONS)


class SurfelDecoder(nn.Module):
    """Latents (B, Z) and `camera_code` (B, 3) → how much nearer than the origin surfels are, and cover's logits,
    (B, 1, S, S) each."""

    def __init__(self, settings: ComparedSettings) -> None:
        super().__init__()
        self.side = settings.size
        _require_channels(settings, self.side)
        self.mapping = nn.Sequential(nn.Linear(settings.latent + 3, settings.style), nn.LeakyReLU(SLOPE))
        self.synthesis = SynthesisNetwork(2, settings.channels, settings.style, skip=True)

    def forward(self, latent: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        style = self.mapping(torch.cat((latent, code), 1))
        nearer, cover = self.synthesis(style, self.side).float().split(1, 1)
        return nearer, cover


class MeshDecoder(nn.Module):
    """Latents (B, Z) → shape images (B, 3, S/2, S/2), a sphere plus what is learnt, and textures of the same
    size. The paper's network makes both at twice the side, at four times the cost."""

    def __init__(self, settings: ComparedSettings) -> None:
        super().__init__()
        side = settings.size // 2
        _require_channels(settings, side)
        self.settings, self.side = settings, side
        self.mapping = nn.Sequential(nn.Linear(settings.latent, settings.style), nn.LeakyReLU(SLOPE))
        self.synthesis = SynthesisNetwork(3 * settings.levels + 3, settings.channels, settings.style, skip=True)

    def forward(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        made = self.synthesis(self.mapping(latent), self.side).float()
        levels = made[:, :-3].unflatten(1, (-1, 3))
        shape = initial_shape("sphere", self.side).to(made) + self.settings.gain * shape_pyramid(levels)
        return limit_size(shape), made[:, -3:].sigmoid()


class ShapeAutoencoder(nn.Module):
    """Encoder and decoder; what a trained result is loaded into."""

    def __init__(self, settings: ComparedSettings) -> None:
        super().__init__()
        self.settings = settings
        unused = settings.encoder_channels
        known = surfels.SurfelSettings(
            settings.size, settings.latent, settings.encoder_channels, unused, unused, normalised=False
        )
        self.encoder = surfels.Encoder(known).to(memory_format=torch.channels_last)
        if settings.representation == "voxels":
            self.decoder: nn.Module = voxels.Decoder(settings.latent, *settings.channels, EMPTY_LOGIT)
        else:
            kind = SurfelDecoder if settings.representation == "surfels" else MeshDecoder
            self.decoder = kind(settings).to(memory_format=torch.channels_last)

    def encode(self, images: Tensor, camera: Cameras) -> Tensor:
        """Latents (B, Z) of pictures (B, 3, S, S) in [0, 1]."""
        return self.encoder(images, camera_code(camera)).mean

    def decode_depth(self, latent: Tensor, camera: Cameras) -> Tensor:
        """Depth (B, 1, S, S) along the rays of cameras, ∞ where there are no surfels; of surfels alone."""
        nearer, cover = self.decoder(latent, camera_code(camera))
        return sharpen_jumps(depth_along_rays(nearer, camera), JUMP).where(cover > 0, torch.inf)


def camera_code(camera: Cameras) -> Tensor:
    """What networks are told of a camera that looks at the origin: its direction (B, 3), of length 2."""
    return 2 * F.normalize(camera.position)


def depth_along_rays(nearer: Tensor, camera: Cameras) -> Tensor:
    """Depth (B, 1, S, S) of surfels that are so much nearer than the origin, which cameras look at."""
    return camera.position.norm(dim=1)[:, None, None, None] - nearer


def _require_channels(settings: ComparedSettings, side: int) -> None:
    if FIRST << (len(settings.channels) - 1) != side:
        raise ValueError(
            f"channels: expected one for each side from {FIRST} to {side}, got {len(settings.channels)} "
            f"for {settings.representation}"
        )
