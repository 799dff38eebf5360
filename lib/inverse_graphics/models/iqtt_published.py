"""The published networks that answer 3D-IQTT questions (Pix2Scene 2018, Sec. 4.4, Appendix D and Figure 13).

    FourTowers        four ResNets with shared weights, then dense layers → scores; learns from labels alone
    SiameseTower      one of these ResNets; the answer whose features are nearest to the reference's
    SplitLatentModel  Pix2Scene without a known camera: z = (scene, view), and the scenes are compared

Where the paper leaves something open, this is what was chosen. Figure 13's "2048, 512, 256" are the four towers' 512
features side by side and two hidden layers, as in the authors' code; its text has 2048 features a tower. The camera of
Pix2Scene stands in the direction of the first three view numbers, so that under the prior N(0, I) it stands anywhere on
the sphere alike, as the cameras of the questions do; the decoder gets all of z, and that direction. All lights of a
question go with its camera: so the picture of a depth map does not depend on where the camera stands, and the camera
matters by what it tells the decoder. The encoder is told of no camera.
"""

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inverse_graphics.checks import require_tensor
from inverse_graphics.datasets.iqtt import AHEAD, GREEN, PUBLISHED, RADIUS, RED, WHITE
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.models.mutual_information import StatisticsNetwork
from inverse_graphics.models.surfels import Decoder, Encoder, Posterior, SurfelSettings
from inverse_graphics.renderers.shading import Lights
from inverse_graphics.renderers.surfels import render_surfels

EXPANSION = 4  # of a bottleneck: channels it gives out for each one inside (He et al. 2016)
VIEW_NUMBERS = 3  # of the view part that say where the camera stands
EDGE = 2.3  # depth beyond which a surfel is background: objects end at 2.07, the sphere begins at 2.6
SOFTNESS = 0.2  # of that edge. Lowering it takes the gradient from surfels that once became background


# Towers


@dataclass(frozen=True)
class TowerSettings:
    """Sizes of a ResNet; the defaults are ResNet-50's.

    Fields:
        widths: channels inside the bottlenecks of each stage, which gives out four times as many; each stage but the
            first halves the side.
        blocks: bottlenecks of each stage.
        stem: side of the first convolution's kernel.
        pooled: whether a pooling that halves the side follows it. Without, small pictures keep more of where things
            are.
        hidden: features of a tower.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    stem: int = 7
    pooled: bool = True
    hidden: int = 512

    def __post_init__(self) -> None:
        if len(self.blocks) != len(self.widths):
            raise ValueError(f"blocks: expected one number per stage, {len(self.widths)}; got {len(self.blocks)}")


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions beside a shortcut (He et al. 2016). The 3×3 one has the stride."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        after = EXPANSION * width
        self.reduce = nn.Conv2d(before, width, 1, bias=False)
        self.reduce_norm = nn.BatchNorm2d(width)
        self.middle = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.middle_norm = nn.BatchNorm2d(width)
        self.expand = nn.Conv2d(width, after, 1, bias=False)
        self.expand_norm = nn.BatchNorm2d(after)
        # Pooled before a 1×1 convolution, not strided: oneDNN's gradient of that writes past its memory for few
        # channels (torch 2.13, channels last)
        self.pool = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
        self.shortcut = nn.Identity()
        if before != after:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after))

    def forward(self, features: Tensor) -> Tensor:
        inner = F.relu(self.reduce_norm(self.reduce(features)))
        inner = F.relu(self.middle_norm(self.middle(inner)))
        return F.relu(self.shortcut(self.pool(features)) + self.expand_norm(self.expand(inner)))


class ResNet(nn.Module):
    """Pictures (B, 3, H, W) in [0, 1] of any size → features (B, hidden)."""

    def __init__(self, settings: TowerSettings) -> None:
        super().__init__()
        width, stages = settings.widths[0], []
        self.stem = nn.Conv2d(3, width, settings.stem, 2, padding=settings.stem // 2, bias=False)
        self.stem_norm = nn.BatchNorm2d(width)
        self.pool = nn.MaxPool2d(3, 2, padding=1) if settings.pooled else nn.Identity()
        for number, (inside, blocks) in enumerate(zip(settings.widths, settings.blocks, strict=True)):
            for block in range(blocks):
                stages.append(Bottleneck(width, inside, 2 if number and not block else 1))
                width = EXPANSION * inside
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(width, settings.hidden)

    def forward(self, pictures: Tensor) -> Tensor:
        pictures = (2 * pictures - 1).contiguous(memory_format=torch.channels_last)
        features = self.pool(F.relu(self.stem_norm(self.stem(pictures))))
        return self.head(self.stages(features).mean((2, 3)))


class FourTowers(nn.Module):
    """The CNN: features of all four pictures side by side, then dense layers."""

    def __init__(self, settings: TowerSettings) -> None:
        super().__init__()
        hidden = settings.hidden
        self.tower = ResNet(settings)
        self.dense = nn.Sequential(
            nn.Linear(4 * hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden // 2),
            nn.ReLU(),
            nn.Linear(hidden // 2, 3),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Scores (N, 3), logits, of the answers of questions (N, 4, 3, H, W) in [0, 1], the reference first."""
        _check(pictures)
        return self.dense(F.relu(self.tower(pictures.flatten(0, 1))).unflatten(0, (-1, 4)).flatten(1))

    @torch.no_grad()
    def scores(self, pictures: Tensor) -> Tensor:
        """The same without gradients."""
        return self(pictures)


class SiameseTower(nn.Module):
    """The Siamese network: minus the Euclidean distance of features from the reference's."""

    def __init__(self, settings: TowerSettings) -> None:
        super().__init__()
        self.tower = ResNet(settings)

    def forward(self, pictures: Tensor) -> Tensor:
        """Scores (N, 3), 0 or less, of the answers of questions (N, 4, 3, H, W) in [0, 1], the reference first."""
        _check(pictures)
        return nearness(self.tower(pictures.flatten(0, 1)).unflatten(0, (-1, 4)))

    @torch.no_grad()
    def scores(self, pictures: Tensor) -> Tensor:
        """The same without gradients."""
        return self(pictures)


def nearness(latents: Tensor) -> Tensor:
    """(N, 3) minus the L2 distance of each answer's latent from the reference's, for latents (N, 4, L)."""
    return -(latents[:, 1:] - latents[:, :1]).norm(dim=-1)


# Pix2Scene


class SplitLatentModel(nn.Module):
    """Encoder and decoder of Pix2Scene for unknown cameras, and the statistics network of MINE (Table 7).

    Args:
        settings: of the networks; `latent` is scene and view together. The decoder is conditioned as `conditioning`
            says, the encoder not at all.
        view: how many of the latent's numbers are about the view, the last ones; at least three.
        statistics: widths of the statistics network.
    """

    def __init__(self, settings: SurfelSettings, view: int = 10, statistics: tuple[int, int] = (256, 512)) -> None:
        super().__init__()
        if not VIEW_NUMBERS <= view < settings.latent:
            raise ValueError(f"view: expected {VIEW_NUMBERS} to {settings.latent - 1} numbers, got {view}")
        self.settings, self.view = settings, view
        blind = replace(settings, conditioning="concatenate")  # which does not tell the encoder of the camera
        self.encoder = Encoder(blind).to(memory_format=torch.channels_last)
        self.decoder = Decoder(settings).to(memory_format=torch.channels_last)
        self.statistics = StatisticsNetwork(settings.latent - view, view, statistics)

    def fitted(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) at the networks' size S, (B, 3, S, S)."""
        size = self.settings.size
        if pictures.shape[2:] == (size, size):
            return pictures
        return F.interpolate(pictures, (size, size), mode="bilinear", align_corners=False, antialias=True)

    def split(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Latents (..., Z) → scene (..., Z − view) and view (..., view)."""
        return latents[..., : -self.view], latents[..., -self.view :]

    def camera(self, latents: Tensor) -> Cameras:
        """The cameras that latents (B, Z) tell of."""
        position = _direction(self.split(latents)[1]) * PUBLISHED.distance[0]
        return Cameras(position, torch.zeros_like(position), _field_of_view())

    def code(self, latents: Tensor) -> Tensor:
        """What the decoder is told of the camera, (B, 3): its direction, spread to ±2."""
        return 2 * _direction(self.split(latents)[1])

    @torch.no_grad()
    def posterior(self, pictures: Tensor) -> Posterior:
        """q(z|x) for pictures (B, 3, H, W) in [0, 1], resampled to the networks' size."""
        require_tensor("pictures", pictures, "B 3 H W")
        return Posterior(*self.encoder(self.fitted(pictures), pictures.new_zeros(len(pictures), 3)))

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Depth (B, 1, S, S) along each pixel's ray that latents (B, Z) tell of, seen by their cameras."""
        require_tensor("latents", latents, f"B {self.settings.latent}")
        return with_background(self.decoder(latents, self.code(latents))[-1])[0]

    def scores(self, pictures: Tensor) -> Tensor:
        """Scores (N, 3) of the answers of questions (N, 4, 3, H, W) in [0, 1]: nearness of the means of the scenes."""
        _check(pictures)
        means = self.posterior(pictures.flatten(0, 1)).mean.unflatten(0, (-1, 4))
        return nearness(self.split(means)[0])

    def scores_as_published(self, pictures: Tensor, noise: Tensor) -> Tensor:
        """The same by the authors' code's rule: nearness of samples of the whole latent, view included.

        Args:
            noise: (4 N, Z) standard normal.
        """
        _check(pictures)
        return nearness(self.posterior(pictures.flatten(0, 1)).sample(noise).unflatten(0, (-1, 4)))


def with_background(depth: Tensor) -> tuple[Tensor, Tensor]:
    """Depth (B, 1, S, S) with the sphere behind the object where a decoder left it, and how much of each surfel is that
    sphere, (B, 1, S, S) in [0, 1]."""
    middle, radius = PUBLISHED.distance[0], PUBLISHED.vignette[0]
    cosine = -_headlight_camera(depth[:1]).rays(*depth.shape[2:])[..., 2].to(depth)  # of the angle to the axis
    sphere = middle * cosine + ((middle * cosine).square() - middle**2 + radius**2).sqrt()
    share = ((depth - EDGE) / SOFTNESS).sigmoid()
    return torch.lerp(depth, sphere.expand_as(depth), share), share


def picture(depth: Tensor) -> Tensor:
    """Picture (B, 3, S, S) of depth (B, 1, S, S) under the lights of a question; not clamped.

    Training may not know where a question's two coloured lights stood in their cones. Here they stand on the cones'
    axis, which is the camera's.
    """
    depth, share = with_background(depth)
    camera, batch = _headlight_camera(depth), len(depth)
    places = torch.tensor([AHEAD, *(PUBLISHED.distance[0] - RADIUS,) * 2])  # in front of the camera
    positions = torch.stack((*torch.zeros(2, 3), PUBLISHED.distance[0] - places), -1).to(depth)
    colours = torch.tensor([WHITE, RED, GREEN]).to(depth)
    ambient = depth.new_full((batch, 3), PUBLISHED.ambient[0])
    square = PUBLISHED.quadratic[0]
    lights = Lights(positions.expand(batch, 3, 3), colours.expand(batch, 3, 3), ambient, 1 - square, square)
    albedo = PUBLISHED.albedo[0] + share * (PUBLISHED.background[0] - PUBLISHED.albedo[0])
    return render_surfels(depth, camera, lights, albedo.expand(-1, 3, -1, -1)).image


def _headlight_camera(depth: Tensor) -> Cameras:
    """A camera for each depth map, all on +z: lights go with the camera, so that where it stands is all the same."""
    position = depth.new_tensor([0.0, 0.0, PUBLISHED.distance[0]]).expand(len(depth), 3)
    return Cameras(position, torch.zeros_like(position), _field_of_view())


def _field_of_view() -> float:
    return math.radians(PUBLISHED.field_of_view[0])


def _direction(view: Tensor) -> Tensor:
    return F.normalize(view[:, :VIEW_NUMBERS], dim=1)


def _check(pictures: Tensor) -> None:
    if not isinstance(pictures, Tensor) or pictures.dim() != 5 or tuple(pictures.shape[1:3]) != (4, 3):
        got = tuple(pictures.shape) if isinstance(pictures, Tensor) else type(pictures).__name__
        raise ValueError(f"pictures: expected shape (N, 4, 3, H, W), got {got}")
