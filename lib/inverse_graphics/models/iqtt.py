"""Networks that answer 3D-IQTT questions: one picture network for all, and two ways to compare what it says.

`embedding`: a vector for a picture, compared by the cosine. Seen from elsewhere, an object must get the same vector.
`points`: points in space, compared under the best rotation of one set (`geometry.alignment`). Seen from elsewhere, an
object may get the same points rotated: the network need not undo the view, and mirror images differ by construction.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inverse_graphics.checks import require_choice, require_tensor
from inverse_graphics.geometry.alignment import best_rotation_similarity

LATENTS = ("embedding", "points")


@dataclass(frozen=True)
class AnswererSettings:
    """Sizes of an `Answerer`.

    Fields:
        size: side of its pictures in pixels; others are resampled to it.
        channels: after the stem and of each stage; each stage but the first halves the side.
        blocks: residual blocks of each stage.
        latent: `embedding` or `points`.
        numbers: of the latent. Points are a third as many.
    """

    size: int = 40
    channels: tuple[int, ...] = (24, 48, 96)
    blocks: tuple[int, ...] = (1, 2, 2)
    latent: str = "points"
    numbers: int = 192

    def __post_init__(self) -> None:
        require_choice("latent", self.latent, LATENTS)
        if len(self.blocks) != len(self.channels):
            raise ValueError(f"blocks: expected one number per stage, {len(self.channels)}; got {len(self.blocks)}")
        if self.latent == "points" and self.numbers % 3:
            raise ValueError(f"numbers: expected a multiple of 3, got {self.numbers}")


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut (He et al. 2016), with the pooled shortcut of He et al. 2019."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(after)
        # Pooled before a 1×1 convolution, not strided: that would leave out three pixels of four, and oneDNN's gradient
        # of it writes past its memory for few channels (torch 2.13, channels last)
        self.pool = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
        self.shortcut = nn.Conv2d(before, after, 1, bias=False) if before != after else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        inner = self.second_norm(self.second(F.relu(self.first_norm(self.first(features)))))
        return F.relu(self.shortcut(self.pool(features)) + inner)


class Answerer(nn.Module):
    """Pictures → latents, and latents → how alike what they show is."""

    def __init__(self, settings: AnswererSettings) -> None:
        super().__init__()
        self.settings = settings
        width, stages = settings.channels[0], []
        self.stem = nn.Conv2d(3, width, 5, 2, padding=2, bias=False)
        self.stem_norm = nn.BatchNorm2d(width)
        for number, (channels, blocks) in enumerate(zip(settings.channels, settings.blocks, strict=True)):
            for block in range(blocks):
                stages.append(ResidualBlock(width, channels, 2 if number and not block else 1))
                width = channels
        self.stages = nn.Sequential(*stages)
        side = -(-settings.size // 2 ** len(settings.channels))
        self.head = nn.Linear(width * side * side, settings.numbers)  # where a feature is tells of the shape: no mean

    def forward(self, pictures: Tensor) -> Tensor:
        """Latents (B, L) of pictures (B, 3, H, W) in [0, 1]."""
        require_tensor("pictures", pictures, "B 3 H W")
        size = self.settings.size
        if pictures.shape[2:] != (size, size):
            pictures = F.interpolate(pictures, (size, size), mode="bilinear", align_corners=False, antialias=True)
        pictures = (2 * pictures - 1).contiguous(memory_format=torch.channels_last)
        return self.head(self.stages(F.relu(self.stem_norm(self.stem(pictures)))).flatten(1))

    def likeness(self, latents: Tensor, others: Tensor) -> Tensor:
        """(..., B, C): how alike what latents (..., B, L) and others (..., C, L) show is, at most 1."""
        if self.settings.latent == "points":
            return best_rotation_similarity(latents.unflatten(-1, (-1, 3)), others.unflatten(-1, (-1, 3)))
        return F.normalize(latents, dim=-1) @ F.normalize(others, dim=-1).mT

    def mirrored(self, latents: Tensor) -> Tensor:
        """Latents (..., L) of the mirror images of objects whose latents (..., L) are given.

        Points are mirrored left to right, as pictures are. An embedding says in its second half in what an object
        differs from its mirror image: these numbers change their sign.
        """
        if self.settings.latent == "points":
            return (latents.unflatten(-1, (-1, 3)) * latents.new_tensor([-1.0, 1.0, 1.0])).flatten(-2)
        even, odd = latents.chunk(2, -1)
        return torch.cat((even, -odd), -1)

    @torch.no_grad()
    def scores(self, pictures: Tensor) -> Tensor:
        """Scores (N, 3) of the answers of questions (N, 4, 3, H, W) in [0, 1], the reference first.

        A question is seen twice, as it is and in a mirror: the mean of two likenesses. (The mean of two latents would
        not do: two sets of points for one object may be turned apart.)
        """
        flat = pictures.flatten(0, 1)
        seen = [self(part).unflatten(0, (-1, 4)) for part in (flat, flat.flip(3))]
        return sum(self.likeness(latents[:, :1], latents[:, 1:])[:, 0] for latents in seen) / 2
