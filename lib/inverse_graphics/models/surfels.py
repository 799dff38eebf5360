"""The networks of Pix2Scene (2018, Sec. 3.3 and Tables 4 to 6): image → scene latent → depth seen from a camera.

    Encoder   image (B, 3, S, S), camera → μ (B, Z), log σ² (B, Z)
    Decoder   z (B, Z), camera → depth (B, 1, S, S), distance along each pixel's ray
    Critic    image, z, camera → score (B,)

The camera is its position, three numbers. Depth becomes a picture in `renderers.surfels`; nothing else here knows of
light.

Where the paper leaves something open, this is what was chosen. Tables 4 and 5 normalise, so encoder and decoder get the
camera as the scale and shift of their normalisations (in alternate layers of the decoder, as Appendix A says).
Table 6 does not, since a gradient penalty forbids batch norm: so the critic gets the camera as three constant planes,
which is what makes its input "128 × 128 × 6", and the latent next to its 4×4 features. Table 4 ends in one number;
it must be μ and log σ² of the latent. Table 5 prints 627 channels, surely for 672; they are kept as printed.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inverse_graphics.checks import require_choice, require_range, require_tensor
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.geometry.depth_jumps import sharpen_jumps, snap_jumps

CONDITIONINGS = ("normalisation", "concatenate")
LATENT_LIMIT = 4.0  # z is clamped to ±4, as in the authors' code; the critic would let an encoder run away
LOG_VARIANCE_LIMIT = 8.0  # keeps σ between 0.02 and 55: beyond, exp overflows or a sample is its mean
NEAR, FAR = 0.1, 3.1  # the band of depth of the authors' code, world units
SLOPE = 0.2  # of the leaky ReLUs


@dataclass(frozen=True)
class SurfelSettings:
    """Sizes of the networks; the defaults are those of Tables 4 to 6.

    Fields:
        size: of images, pixels: 4 · 2^n for the n layers of each network.
        latent: Z.
        encoder_channels, critic_channels: of the n layers from S/2 down to 4×4.
        decoder_channels: of the n layers from 4×4 up to S/2. Time per step grows with the square of all of them.
        classes: how many; if it is not 0, decoder and critic are told the class (Mirza & Osindero 2014).
        conditioning: how the camera gets in: `"normalisation"`, the paper's; or `"concatenate"`, the published code's:
            not into the encoder, and as further channels of the decoder's first two layers.
        normalised: whether encoder and decoder normalise over the batch, as the tables say. Without, the camera scales
            and shifts features all the same, and depth does not depend on who else is in the batch.
        pyramid: whether each layer of the decoder from 8×8 on adds its part to the depth, coarse to fine, instead of
            the last one alone. Not in the paper.
        initial_depth: what an untrained decoder says everywhere. The camera's distance from the middle of the scene is
            best: from there nearer and farther are both a short way.
        jump: of depth, beyond which finished maps are sharpened, see `sharpen_jumps`; None leaves them as they are.
    """

    size: int = 128
    latent: int = 128
    encoder_channels: tuple[int, ...] = (85, 170, 340, 680, 1360)
    decoder_channels: tuple[int, ...] = (1344, 627, 336, 168, 84)
    critic_channels: tuple[int, ...] = (85, 170, 340, 680, 1360)
    classes: int = 0
    conditioning: str = "normalisation"
    normalised: bool = True
    pyramid: bool = False
    initial_depth: float = 0.8
    jump: float | None = None

    def __post_init__(self) -> None:
        require_choice("conditioning", self.conditioning, CONDITIONINGS)
        for name in ("encoder_channels", "decoder_channels", "critic_channels"):
            layers = len(getattr(self, name))
            if self.size != 4 * 2**layers:
                raise ValueError(f"size: expected {4 * 2**layers} for the {layers} {name}, got {self.size}")
        if not NEAR < self.initial_depth < FAR:
            raise ValueError(f"initial_depth: expected a depth in ({NEAR}, {FAR}), got {self.initial_depth}")


class Posterior(NamedTuple):
    """q(z|x): `mean` and `log_variance`, both (B, Z), of a Gaussian with independent components."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """z = μ + σ·noise for standard normal `noise` (B, Z), clamped to ±4."""
        return (self.mean + (0.5 * self.log_variance).exp() * noise).clamp(-LATENT_LIMIT, LATENT_LIMIT)


class CameraNorm(nn.Module):
    """Batch normalisation whose scale and shift are functions of the camera (Dumoulin et al. 2016, Perez et al. 2017).

    Args:
        channels: of the features.
        normalised: False leaves the normalisation out and the scale and shift in.
        conditioned: False makes it plain batch normalisation with a learnt scale and shift.
    """

    WIDTH = 32  # of the hidden layer between camera and scale

    def __init__(self, channels: int, normalised: bool = True, conditioned: bool = True) -> None:
        super().__init__()
        plain = normalised and not conditioned
        self.norm = nn.BatchNorm2d(channels, affine=plain) if normalised else nn.Identity()
        self.affine = None
        if conditioned:
            self.affine = nn.Sequential(
                nn.Linear(3, self.WIDTH), nn.LeakyReLU(SLOPE), nn.Linear(self.WIDTH, 2 * channels)
            )

    def forward(self, features: Tensor, camera: Tensor) -> Tensor:
        """Features (B, C, H, W) and camera code (B, 3) → (B, C, H, W)."""
        features = self.norm(features)
        if self.affine is None:
            return features
        scale, shift = self.affine(camera)[:, :, None, None].chunk(2, 1)
        return features * (1 + scale) + shift


class Encoder(nn.Module):
    """Images (B, 3, S, S) in [0, 1] and camera codes (B, 3) → `Posterior` (Table 4)."""

    def __init__(self, settings: SurfelSettings) -> None:
        super().__init__()
        widths = (3, *settings.encoder_channels)
        self.convolutions = nn.ModuleList(nn.Conv2d(*pair, 4, 2, 1) for pair in pairwise(widths))
        # Table 4 does not normalise the layer at 4×4
        conditioned = settings.conditioning == "normalisation"
        self.norms = nn.ModuleList(
            CameraNorm(width, settings.normalised, conditioned) for width in settings.encoder_channels[:-1]
        )
        self.head = nn.Conv2d(widths[-1], 2 * settings.latent, 4)

    def forward(self, images: Tensor, camera: Tensor) -> Posterior:
        features = 2 * images - 1
        for convolution, norm in zip_longest(self.convolutions, self.norms):
            features = convolution(features)
            features = F.leaky_relu(features if norm is None else norm(features, camera), SLOPE)
        mean, log_variance = self.head(features).float().flatten(1).chunk(2, 1)
        return Posterior(mean, log_variance.clamp(-LOG_VARIANCE_LIMIT, LOG_VARIANCE_LIMIT))


class Decoder(nn.Module):
    """Latents (B, Z) and camera codes (B, 3) → depth, each (B, 1, ·, ·) and at least `NEAR` (Table 5).

    Table 5 ends in a number per pixel; softplus(number) + `NEAR` makes it a distance. Depth beyond `FAR` is left to the
    hinge of `objectives.ali.outside_band`. A pyramid gives one depth map for each resolution from 8×8 to S×S, each a
    correction of the one before, enlarged; without, there is the last alone.
    """

    def __init__(self, settings: SurfelSettings) -> None:
        super().__init__()
        self.settings = settings
        concatenate = settings.conditioning == "concatenate"
        widths = settings.decoder_channels
        self.first = nn.ConvTranspose2d(settings.latent + settings.classes + 3, widths[0], 4)
        extra = [3 if concatenate and index == 0 else 0 for index in range(len(widths))]
        self.convolutions = nn.ModuleList(
            nn.ConvTranspose2d(before + more, after, 4, 2, 1)
            for (before, after), more in zip(pairwise(widths), extra, strict=False)
        )
        # Appendix A: "conditional normalization in the alternate layers of the decoder"; without normalisation in all,
        # since nothing would be left of the others
        self.norms = nn.ModuleList(
            CameraNorm(width, settings.normalised, not concatenate and (index % 2 == 0 or not settings.normalised))
            for index, width in enumerate(widths)
        )
        coarse = widths[1:] if settings.pyramid else ()
        self.coarse = nn.ModuleList(nn.Conv2d(width, 1, 3, padding=1) for width in coarse)
        self.last = nn.ConvTranspose2d(widths[-1], 1, 4, 2, 1)
        # Table 5 normalises the last layer, too
        self.last_norm = CameraNorm(1, conditioned=not concatenate) if settings.normalised else None
        for head in (*self.coarse, self.last):
            nn.init.normal_(head.weight, std=0.02)  # small, as in DCGAN: the first depth is flat
            nn.init.zeros_(head.bias)

    def forward(
        self, latent: Tensor, camera: Tensor, classes: Tensor | None = None, levels: int | None = None
    ) -> list[Tensor]:
        """Depth maps, coarse to fine.

        Args:
            classes: (B, classes) one-hot, for a class-conditional decoder.
            levels: how many maps of a pyramid to make; None means all.
        """
        known = (latent, camera) if classes is None else (latent, classes, camera)
        features = self.first(torch.cat(known, 1)[:, :, None, None])
        features = F.leaky_relu(self.norms[0](features, camera), SLOPE)
        total, maps = None, []
        for index, convolution in enumerate(self.convolutions):
            if levels is not None and len(maps) >= levels:
                break
            if self.settings.conditioning == "concatenate" and index == 0:
                planes = camera[:, :, None, None].expand(-1, -1, *features.shape[2:])
                features = torch.cat((features, planes), 1)
            features = F.leaky_relu(self.norms[index + 1](convolution(features), camera), SLOPE)
            if self.settings.pyramid:
                total = _enlarged(total, self.coarse[index](features))
                maps.append(self._depth(total))
        if levels is None or len(maps) < levels:
            last = self.last(features)
            last = last if self.last_norm is None else self.last_norm(last, camera)
            maps.append(self._depth(_enlarged(total, last)))
        return maps

    def _depth(self, numbers: Tensor) -> Tensor:
        middle = math.log(math.expm1(self.settings.initial_depth - NEAR))  # softplus(middle) + NEAR = initial depth
        return F.softplus(numbers.float() + middle) + NEAR


class Critic(nn.Module):
    """Images (B, 3, S, S), latents (B, Z) and camera codes (B, 3) → scores (B,) of any size (Table 6)."""

    def __init__(self, settings: SurfelSettings) -> None:
        super().__init__()
        widths = (6, *settings.critic_channels)  # three of them the camera's
        self.convolutions = nn.ModuleList(nn.Conv2d(*pair, 4, 2, 1) for pair in pairwise(widths))
        self.last = nn.Conv2d(widths[-1] + settings.latent + settings.classes, 1, 4)

    def forward(self, images: Tensor, latent: Tensor, camera: Tensor, classes: Tensor | None = None) -> Tensor:
        planes = camera[:, :, None, None].expand(-1, -1, *images.shape[2:])
        features = torch.cat((2 * images - 1, planes), 1)
        for convolution in self.convolutions:
            features = F.leaky_relu(convolution(features), SLOPE)
        known = latent if classes is None else torch.cat((latent, classes), 1)
        known = known[:, :, None, None].expand(-1, -1, *features.shape[2:])
        return self.last(torch.cat((features, known), 1)).float().flatten()


class LightEstimator(nn.Module):
    """Where the lights stand and how much the surfaces reflect, from a picture: an extra, the paper's future work.

    Images (B, 3, S, S) and camera codes (B, 3) → light positions (B, K, 3) in the world, in the positive octant between
    `LIGHT_RADII` from the origin, and albedo (B,) in (0, 1). Colours and strengths of the lights must be known: a
    picture cannot tell a strong light from a bright surface.
    """

    LIGHT_RADII = (0.9, 1.5)
    FIRST_ALBEDO = 0.3

    def __init__(self, settings: SurfelSettings, count: int) -> None:
        super().__init__()
        widths = (3, *settings.encoder_channels)
        self.convolutions = nn.ModuleList(nn.Conv2d(*pair, 4, 2, 1) for pair in pairwise(widths))
        self.head = nn.Sequential(nn.Linear(widths[-1] * 16 + 3, 64), nn.LeakyReLU(SLOPE), nn.Linear(64, 4 * count + 1))
        # lights that stand in one place leave normals open: each starts towards an axis of its own
        start = torch.cat((2 * torch.eye(3)[torch.arange(count) % 3], torch.zeros(count, 1)), 1)
        logit = math.log(self.FIRST_ALBEDO / (1 - self.FIRST_ALBEDO))
        self.head[-1].bias.data = torch.cat((start.flatten(), torch.tensor([logit])))

    def forward(self, images: Tensor, camera: Tensor) -> tuple[Tensor, Tensor]:
        features = 2 * images - 1
        for convolution in self.convolutions:
            features = F.leaky_relu(convolution(features), SLOPE)
        numbers = self.head(torch.cat((features.flatten(1), camera), 1)).float()
        places = numbers[:, :-1].view(len(numbers), -1, 4)
        near, far = self.LIGHT_RADII
        radius = near + (far - near) * places[..., 3:].sigmoid()
        return F.normalize(F.softplus(places[..., :3]), dim=-1) * radius, numbers[:, -1].sigmoid()


class SurfelModel(nn.Module):
    """Encoder and decoder, and the light estimator where there is one; what a trained result is loaded into."""

    def __init__(self, settings: SurfelSettings, lights: LightEstimator | None = None) -> None:
        super().__init__()
        self.settings = settings
        # Channels last: transposed convolutions of few channels are a third faster on a CPU
        self.encoder = Encoder(settings).to(memory_format=torch.channels_last)
        self.decoder = Decoder(settings).to(memory_format=torch.channels_last)
        self.lights = lights

    def encode(self, images: Tensor, camera: Cameras) -> Tensor:
        """Images (B, 3, S, S) in [0, 1], and what saw them → the posterior's mean (B, Z), clamped to ±4.

        Raises:
            ValueError: an argument has the wrong shape or range.
        """
        size = self.settings.size
        require_range("images", require_tensor("images", images, f"B 3 {size} {size}"), 0, 1)
        if len(camera) != len(images):
            raise ValueError(f"camera: expected one for each of {len(images)} images, got {len(camera)}")
        mean = self.encoder(images, camera_code(camera, self.settings.initial_depth)).mean
        return mean.clamp(-LATENT_LIMIT, LATENT_LIMIT)

    def decode(
        self,
        latent: Tensor,
        camera: Cameras,
        labels: Tensor | None = None,
        error: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Latents (B, Z), and cameras to see the scenes from → depth (B, 1, S, S) along each pixel's ray.

        Jumps of depth are sharpened, see `geometry.depth_jumps`; where there is a picture to go by, they are set to it.

        Args:
            labels: (B,) int64 classes, for a class-conditional model and only there.
            error: what is wrong with each pixel of a depth map, see `snap_jumps`; None where there is no picture.
        """
        require_tensor("latent", latent, f"B {self.settings.latent}")
        if len(camera) != len(latent):
            raise ValueError(f"camera: expected one for each of {len(latent)} latents, got {len(camera)}")
        code, classes = camera_code(camera, self.settings.initial_depth), one_hot(labels, self.settings)
        depth = self.decoder(latent, code, classes)[-1]
        if self.settings.jump is None:
            return depth
        return sharpen_jumps(depth, self.settings.jump) if error is None else snap_jumps(depth, error)


def camera_code(camera: Cameras, distance: float) -> Tensor:
    """What networks are told of a camera: its position seen from its target, (B, 3), spread to about ±2 over the
    positive octant at `distance`."""
    return 4 * (camera.position - camera.target) / distance - 2


def one_hot(labels: Tensor | None, settings: SurfelSettings) -> Tensor | None:
    """Labels (B,) → (B, classes) float for a class-conditional network; None for one that is not.

    Raises:
        ValueError: labels are missing where they are needed, or beyond the classes there are.
    """
    if not settings.classes:
        return None
    if labels is None or not (0 <= labels.min() and labels.max() < settings.classes):
        raise ValueError(f"labels: expected classes from 0 to {settings.classes - 1}, got {labels}")
    return F.one_hot(labels, settings.classes).float()


def _enlarged(coarse: Tensor | None, correction: Tensor) -> Tensor:
    """A correction plus the map before it, enlarged twice."""
    if coarse is None:
        return correction
    return F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False) + correction
