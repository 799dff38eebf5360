"""The probabilistic 3D autoencoder (Uçar 2019, Sec. 3 and Figure 2): image → shape latent → voxels → image.

    Encoder             (B, 1, 28, 28) → μ (B, Z), log σ² (B, Z), and an azimuth (B,) if asked for
    Decoder             (B, Z) → voxels (B, 28, 28, 28)
    HeadDecoder         (B, Z) → `Head`: voxels and albedo, both (B, 28, 28, 28); a named extra, not the paper's
    Texturizer          projection (B, 1, 28, 28) → shaded image (B, 1, 28, 28)
    LatentDiscriminator (B, Z) → logit (B,)

Widths and activations are the paper's where it gives them (3×3 and 3×3×3 kernels, stride 2, batch norm and leaky ReLU
in all layers but the last) and the authors' code's where it does not (four encoder layers of 128, decoder 7³×128 →
14³×64 → 28³, slope 0.2, latent norms clipped). The projection between decoder and texturizer is
`inverse_graphics.renderers.voxels.project_voxels`; an azimuth that is not the encoder's comes from `models.azimuths`.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from inverse_graphics.checks import require_range, require_tensor
from inverse_graphics.renderers.voxels import project_voxels, rotate_voxels, shade_voxels

SIDE = 28  # pixels and voxels along each axis: 7 → 14 → 28 is two doublings
MEAN_NORM = 6 * 20**0.5  # ‖μ‖ and ‖log σ²‖ are clipped to these, as in the authors' code: nothing in the μ-VAE
LOG_VARIANCE_NORM = 20**0.5  # objective holds a single sample back, only batch means

# The solid head: what is assumed of every head, in cells, since no picture shows it
HEAD_RADII = (12.0, 13.0, 10.0)  # of an ellipsoid along depth, height, width: a head is deeper than it is wide
HEAD_EDGE = 20.0  # logit of occupancy at its middle, 0 at its surface: raising it sharpens the surface
HEAD_RELIEF = 4.0  # the farthest that a learnt logit departs from that: about two cells at the surface
EYES = 8.0  # before the head's axis; aligned photographs keep them in the middle, so heads turn about them


@dataclass(frozen=True)
class VoxelAutoencoderSettings:
    """Sizes of the networks.

    Fields:
        latent: Z, size of the shape latent. Raising it sharpens reconstructions and loosens the prior's hold.
        encoder_channels: of each of the four encoder layers.
        decoder_channels: at 7³; half of it at 14³. Time per step grows with its square.
        texturizer: whether a texturizer follows the projection.
        texturizer_width: of its hidden layer.
        discriminator_width: of the two hidden layers of the AAE's discriminator.
        encodes_azimuth: whether the encoder says from where it sees the shape (Sec. 4.2).
        azimuth_range: radians, the farthest that an encoded azimuth turns to either side. The paper's is π.
        symmetric: whether shapes are made left-right symmetric. Not in the paper; it holds of most objects, and halves
            what a picture leaves open.
        initial_occupancy_logit: bias of the decoder's last layer at the start. Near 0 every voxel starts half full, 28
            of them make the projection 1 everywhere and no gradient flows; −4 starts it at about 0.4.
        solid_head: whether shapes are solid heads, a named extra that is not in the paper: near an ellipsoid, with a
            brightness of their own, and what is in front hides what is behind (`HeadDecoder`, `shade_voxels`).
    """

    latent: int = 19
    encoder_channels: int = 128
    decoder_channels: int = 128
    texturizer: bool = False
    texturizer_width: int = 1000
    discriminator_width: int = 1000
    encodes_azimuth: bool = False
    azimuth_range: float = math.pi
    symmetric: bool = False
    initial_occupancy_logit: float = -4.0
    solid_head: bool = False


class Posterior(NamedTuple):
    """q(z|x): `mean` (B, Z) and `log_variance` (B, Z) of a Gaussian with independent components; and `azimuth` (B,) in
    radians where the encoder gives one."""

    mean: Tensor
    log_variance: Tensor
    azimuth: Tensor | None = None

    def sample(self, noise: Tensor) -> Tensor:
        """z = μ + σ·noise for standard normal `noise` (B, Z)."""
        return self.mean + (0.5 * self.log_variance).exp() * noise


class Head(NamedTuple):
    """Voxels and albedo, (B, 28, 28, 28) in [0, 1], and the relief (B, 28, 28, 28) in (−1, 1): what was learnt of the
    voxels, as a part of `HEAD_RELIEF`."""

    voxels: Tensor
    albedo: Tensor
    relief: Tensor


class Reconstruction(NamedTuple):
    """What the autoencoder makes of a batch: posterior, latent (B, Z), voxels (B, 28, 28, 28) in [0, 1], projection
    (B, 1, 28, 28) in [0, 1], texture (B, 1, 28, 28) in [0, 1] or None without a texturizer, and for a solid head its
    cover (B, 1, 28, 28) in [0, 1)."""

    posterior: Posterior
    latent: Tensor
    voxels: Tensor
    projection: Tensor
    texture: Tensor | None
    cover: Tensor | None = None

    def share(self, images: Tensor) -> Tensor:
        """What of images (B, 1, 28, 28) the reconstruction answers for: all, or what a solid head covers, the rest
        black. No gradient passes: a head gets no better by covering less."""
        return images if self.cover is None else images * self.cover.detach()

    @property
    def picture(self) -> Tensor:
        """The final image: the texturizer's where there is one, else the projection."""
        return self.projection if self.texture is None else self.texture


class Encoder(nn.Module):
    """Images (B, 1, 28, 28) in [0, 1] → `Posterior`. With an `azimuth_range` it gives an azimuth, too: tanh × range."""

    def __init__(self, latent: int, channels: int, azimuth_range: float | None = None) -> None:
        super().__init__()
        self.azimuth_range = azimuth_range
        layers: list[nn.Module] = []
        for index in range(4):  # 28 → 14 → 7 → 4 → 2
            layers += [
                nn.Conv2d(1 if index == 0 else channels, channels, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(channels),
                nn.LeakyReLU(0.2),
            ]
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.mean = nn.Linear(channels * 4, latent)
        self.log_variance = nn.Linear(channels * 4, latent)
        self.azimuth = None if azimuth_range is None else nn.Linear(channels * 4, 1)

    def forward(self, images: Tensor) -> Posterior:
        features = self.features(images)
        mean = _clip_norm(self.mean(features).float(), MEAN_NORM)
        log_variance = _clip_norm(self.log_variance(features).float(), LOG_VARIANCE_NORM)
        if self.azimuth is None:
            return Posterior(mean, log_variance)
        return Posterior(mean, log_variance, self.azimuth(features).float().squeeze(1).tanh() * self.azimuth_range)


class Decoder(nn.Module):
    """Latents (B, Z) → voxels (B, 28, 28, 28) in [0, 1], axes depth, height (downward), width."""

    outputs = 1  # channels at 28³

    def __init__(self, latent: int, channels: int, initial_occupancy_logit: float, symmetric: bool = False) -> None:
        super().__init__()
        self.channels, self.symmetric = channels, symmetric
        up = {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}
        self.dense = nn.Linear(latent, channels * 7**3, bias=False)
        self.layers = nn.Sequential(
            nn.BatchNorm3d(channels),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose3d(channels, channels // 2, bias=False, **up),  # 7³ → 14³
            nn.BatchNorm3d(channels // 2),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose3d(channels // 2, self.outputs, **up),  # 14³ → 28³
        ).to(memory_format=torch.channels_last_3d)  # a third faster on a CPU than channels first
        nn.init.constant_(self.layers[-1].bias, initial_occupancy_logit)

    def forward(self, latent: Tensor) -> Tensor:
        voxels = self._logits(latent).sigmoid()[:, 0]
        return (voxels + voxels.flip(3)) / 2 if self.symmetric else voxels

    def _logits(self, latent: Tensor) -> Tensor:
        grid = self.dense(latent).view(-1, self.channels, 7, 7, 7)
        return self.layers(grid.contiguous(memory_format=torch.channels_last_3d)).float().contiguous()


class HeadDecoder(Decoder):
    """Latents (B, Z) → `Head`: an ellipsoid whose surface each head moves a little, and a brightness for every cell."""

    outputs = 2

    def __init__(self, latent: int, channels: int, symmetric: bool = False) -> None:
        super().__init__(latent, channels, initial_occupancy_logit=0.0, symmetric=symmetric)
        places = torch.stack(torch.meshgrid([torch.arange(SIDE) - (SIDE - 1) / 2] * 3, indexing="ij"))
        radius = (places / torch.tensor(HEAD_RADII).view(3, 1, 1, 1)).norm(dim=0)
        self.register_buffer("ellipsoid", HEAD_EDGE * (1 - radius), persistent=False)

    def forward(self, latent: Tensor) -> Head:
        logits = self._logits(latent)  # (B, 2, D, H, W)
        if self.symmetric:
            logits = (logits + logits.flip(4)) / 2
        relief = logits[:, 0].tanh()
        return Head((self.ellipsoid + HEAD_RELIEF * relief).sigmoid(), logits[:, 1].sigmoid(), relief)


class Texturizer(nn.Module):
    """Projection (B, 1, 28, 28) → image (B, 1, 28, 28) in [0, 1]: two dense layers that add shade and texture."""

    def __init__(self, width: int) -> None:
        super().__init__()
        pixels = SIDE**2
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, width), nn.LeakyReLU(0.2), nn.Linear(width, pixels), nn.Sigmoid()
        )

    def forward(self, projection: Tensor) -> Tensor:
        return self.layers(projection).float().view(-1, 1, SIDE, SIDE)


class LatentDiscriminator(nn.Module):
    """Latents (B, Z) → logits (B,): is this a draw from the prior? (Makhzani et al. 2015, the AAE.)"""

    def __init__(self, latent: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(latent, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, 1)
        )

    def forward(self, latent: Tensor) -> Tensor:
        return self.layers(latent).float().squeeze(1)


class VoxelAutoencoder(nn.Module):
    """Encoder, decoder and, if the settings ask for one, texturizer.

    Attributes:
        front: radians; shapes are turned so that what is seen from there is at azimuth 0. Not 0 after a training whose
            azimuth latent has settled elsewhere, see `models.azimuths.front_azimuth`.
    """

    def __init__(self, settings: VoxelAutoencoderSettings) -> None:
        super().__init__()
        self.settings, self.front = settings, 0.0
        azimuth_range = settings.azimuth_range if settings.encodes_azimuth else None
        self.encoder = Encoder(settings.latent, settings.encoder_channels, azimuth_range)
        sizes = settings.latent, settings.decoder_channels
        if settings.solid_head:
            self.decoder = HeadDecoder(*sizes, settings.symmetric)
        else:
            self.decoder = Decoder(*sizes, settings.initial_occupancy_logit, settings.symmetric)
        self.texturizer = Texturizer(settings.texturizer_width) if settings.texturizer else None

    def forward(
        self, images: Tensor, noise: Tensor | None = None, azimuth: float | Tensor | None = None
    ) -> Reconstruction:
        """Encode, sample, decode, project, texturize.

        Args:
            images: (B, 1, 28, 28) float in [0, 1].
            noise: (B, Z) standard normal for the sample of the latent; None takes the posterior mean.
            azimuth: radians, one number or (B,), of the viewer at the projection; None takes the encoder's where it
                gives one, else 0, the paper's "constant".

        Raises:
            ValueError: an argument has the wrong shape or range.
        """
        require_range("images", require_tensor("images", images, f"B 1 {SIDE} {SIDE}"), 0, 1)
        posterior = self.encoder(images)
        latent = posterior.mean if noise is None else posterior.sample(noise)
        azimuth = posterior.azimuth if azimuth is None else azimuth
        view = self._view(latent, azimuth)
        texture = self.texturizer(view.picture) if self.texturizer is not None else None
        return Reconstruction(posterior, latent, view.voxels, view.picture, texture, view.cover)

    def decode(self, latent: Tensor, azimuth: float | Tensor | None = None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Latents (B, Z) → voxels (B, 28, 28, 28), projection (B, 1, 28, 28), texture (the same shape) or None."""
        require_tensor("latent", latent, f"B {self.settings.latent}")
        view = self._view(latent, azimuth)
        return view.voxels, view.picture, self.texturizer(view.picture) if self.texturizer is not None else None

    def _view(self, latent: Tensor, azimuth: float | Tensor | None) -> "View":
        shape = self.decoder(latent)
        if self.front and isinstance(shape, Tensor):
            shape = rotate_voxels(shape, self.front).clamp(0, 1)  # weights can add up to an ulp over 1
        return view(shape, azimuth)


class View(NamedTuple):
    """Voxels (B, 28, 28, 28), their `picture` (B, 1, 28, 28) in [0, 1], and for a solid head its `cover`."""

    voxels: Tensor
    picture: Tensor
    cover: Tensor | None = None


def view(
    shape: Tensor | Head, azimuth: float | Tensor | None = None, sampling: str = "trilinear", pivot: float = EYES
) -> View:
    """What a viewer at an azimuth in radians, one number or (B,), sees of what a decoder made: Eq. (2) of voxels
    (B, 28, 28, 28), or the solid `Head`, which turns about a point `pivot` cells before its middle."""
    if isinstance(shape, Head):
        picture, cover = shade_voxels(shape.voxels, shape.albedo, 0.0 if azimuth is None else azimuth, pivot)
        return View(shape.voxels, picture, cover)
    return View(shape, project_voxels(shape, azimuth, sampling=sampling))


def _clip_norm(vectors: Tensor, limit: float) -> Tensor:
    """Scale rows of (B, Z) whose Euclidean norm exceeds `limit` down to it."""
    norm = vectors.norm(dim=1, keepdim=True)
    return vectors * (limit / norm.clamp_min(limit))  # 1 below the limit; the clamp also prevents 0/0
