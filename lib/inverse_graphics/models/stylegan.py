"""StyleGAN (Karras et al. 2019), small enough to read: what the mesh paper makes shapes, textures and backgrounds with.

    MappingNetwork     z → w, eight dense layers
    SynthesisNetwork   w → pictures, grown block by block from 4×4; style by AdaIN, noise after every convolution
    Discriminator      pictures → scores, the same blocks the other way

Both grow: a network of size 64 can run at 16 as if it ended there, and fade its next block in (Karras et al. 2018).
Weights are drawn from N(0, 1) and scaled when they are used: all learn at one speed ("equalised learning rate").
"""

import itertools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2  # of leaky ReLUs
GAIN = math.sqrt(2)  # He et al. 2015: keeps the variance through a leaky ReLU, nearly
FIRST = 4  # side of the smallest pictures
GROUP = 4  # pictures whose spread the discriminator is told

Noise = Callable[[int], Tensor]


class EqualisedLinear(nn.Module):
    """A dense layer whose weights are scaled when used; `speed` slows its learning down."""

    def __init__(self, inputs: int, outputs: int, gain: float = GAIN, speed: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / speed)
        self.bias = nn.Parameter(torch.full((outputs,), bias / speed))
        self.scale, self.speed = gain * speed / math.sqrt(inputs), speed

    def forward(self, values: Tensor) -> Tensor:
        return F.linear(values, self.weight * self.scale, self.bias * self.speed)


class EqualisedConv2d(nn.Module):
    """A convolution whose weights are scaled when used; keeps the side."""

    def __init__(self, inputs: int, outputs: int, kernel: int, gain: float = GAIN, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.scale, self.padding = gain / math.sqrt(inputs * kernel * kernel), kernel // 2

    def forward(self, features: Tensor) -> Tensor:
        return F.conv2d(features, self.weight * self.scale, self.bias, padding=self.padding)


class MappingNetwork(nn.Module):
    """Latents (B, Z), normalised to length √Z, → styles w (B, W)."""

    def __init__(self, latent: int, width: int, layers: int = 8, speed: float = 0.01) -> None:
        super().__init__()
        sizes = [latent, *[width] * layers]
        self.layers = nn.ModuleList(
            EqualisedLinear(before, after, speed=speed) for before, after in itertools.pairwise(sizes)
        )

    def forward(self, latents: Tensor) -> Tensor:
        values = latents * latents.square().mean(1, keepdim=True).add(1e-8).rsqrt()
        for layer in self.layers:
            values = F.leaky_relu(layer(values), SLOPE)
        return values


class StyledLayer(nn.Module):
    """Noise, bias, leaky ReLU, then AdaIN: each channel normalised, scaled and shifted as the style says."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.noise = nn.Parameter(torch.zeros(channels))  # how strong, for each channel
        self.bias = nn.Parameter(torch.zeros(channels))
        self.style = EqualisedLinear(width, 2 * channels, gain=1.0)

    def forward(self, features: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        features = F.leaky_relu(features + self.noise[:, None, None] * noise + self.bias[:, None, None], SLOPE)
        variance, mean = torch.var_mean(features, (2, 3), correction=0, keepdim=True)
        scale, shift = self.style(style)[..., None, None].chunk(2, 1)
        # Not `instance_norm`: what that returns is channels first again, and copies were a seventh of a training step
        return torch.addcmul(shift, features - mean, (1 + scale) * (variance + 1e-8).rsqrt())


class SynthesisBlock(nn.Module):
    """Twice the side, two convolutions; the first block starts from a learned constant instead."""

    def __init__(self, before: int, after: int, width: int, first: bool = False) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.ones(1, after, FIRST, FIRST)) if first else None
        self.up = None if first else EqualisedConv2d(before, after, 3, bias=False)
        self.first = StyledLayer(after, width)
        self.convolution = EqualisedConv2d(after, after, 3, bias=False)
        self.second = StyledLayer(after, width)

    def forward(self, features: Tensor | None, styles: tuple[Tensor, Tensor], noises: tuple[Tensor, Tensor]) -> Tensor:
        if self.constant is not None:
            features = self.constant.expand(len(styles[0]), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        else:
            features = self.up(_enlarged(features))
        features = self.first(features, styles[0], noises[0])
        return self.second(self.convolution(features), styles[1], noises[1])


class SynthesisNetwork(nn.Module):
    """Styles → pictures of any channels.

    Args:
        channels: of the pictures.
        widths: features of each block, the first at 4×4, each next at twice the side.
        style: numbers of w.
        skip: whether pictures are the sum of what all blocks say, enlarged (StyleGAN2, Karras et al. 2020, Sec. 4.1),
            and not what the last one says alone: a network that grows then keeps what it has learnt.
    """

    def __init__(self, channels: int, widths: tuple[int, ...], style: int, skip: bool = False) -> None:
        super().__init__()
        self.skip = skip
        self.blocks = nn.ModuleList(
            SynthesisBlock(widths[max(0, i - 1)], width, style, first=i == 0) for i, width in enumerate(widths)
        )
        gain = 1 / math.sqrt(len(widths)) if skip else 1.0  # a sum of all is not to be louder than one
        self.out = nn.ModuleList(EqualisedConv2d(width, channels, 1, gain) for width in widths)

    @property
    def layers(self) -> int:
        """How many styles there are, two for each block."""
        return 2 * len(self.blocks)

    def forward(self, styles: Tensor, size: int, fade: float = 1.0, noise: Noise | None = None) -> Tensor:
        """Pictures (B, C, size, size).

        Args:
            styles: (B, L, W), one for each layer, or (B, W), the same for all.
            size: 4 times a power of 2, at most the largest.
            fade: share of the last block in [0, 1]; the rest is the block before, enlarged.
            noise: draws (B, 1, side, side) of standard normal numbers for a layer; None leaves it out.
        """
        if styles.dim() == 2:
            styles = styles[:, None].expand(-1, self.layers, -1)
        last = blocks_for(size, len(self.blocks)) - 1
        features = before = pictures = None
        for i, block in enumerate(self.blocks[: last + 1]):
            side = FIRST << i
            noises = tuple(noise(side) if noise else styles.new_zeros(1, 1, 1, 1) for _ in range(2))
            before, features = features, block(features, (styles[:, 2 * i], styles[:, 2 * i + 1]), noises)
            if self.skip:
                part = self.out[i](features)
                pictures = part if pictures is None else _enlarged(pictures) + (fade if i == last else 1.0) * part
        if self.skip:
            return pictures
        pictures = self.out[last](features)
        if last and fade < 1:
            pictures = torch.lerp(_enlarged(self.out[last - 1](before)), pictures, fade)
        return pictures


class DiscriminatorBlock(nn.Module):
    """Two convolutions, then half the side."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = EqualisedConv2d(before, before, 3)
        self.second = EqualisedConv2d(before, after, 3)

    def forward(self, features: Tensor) -> Tensor:
        features = F.leaky_relu(self.first(features), SLOPE)
        return F.leaky_relu(F.avg_pool2d(self.second(features), 2), SLOPE)


class Discriminator(nn.Module):
    """Pictures → scores, high for real ones.

    Args:
        widths: features at each side, the first at 4×4, as of a `SynthesisNetwork`.
    """

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.inlet = nn.ModuleList(EqualisedConv2d(channels, width, 1) for width in widths)
        self.blocks = nn.ModuleList(DiscriminatorBlock(width, smaller) for smaller, width in itertools.pairwise(widths))
        self.last = EqualisedConv2d(widths[0] + 1, widths[0], 3)
        self.dense = EqualisedLinear(widths[0] * FIRST**2, widths[0])
        self.score = EqualisedLinear(widths[0], 1, gain=1.0)

    def forward(self, pictures: Tensor, fade: float = 1.0) -> Tensor:
        """Scores (B,) of pictures (B, C, S, S); `fade` as in the generator."""
        last = blocks_for(pictures.shape[-1], len(self.inlet)) - 1
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        features = F.leaky_relu(self.inlet[last](pictures), SLOPE)
        for i in range(last, 0, -1):
            features = self.blocks[i - 1](features)
            if i == last and fade < 1:
                smaller = F.leaky_relu(self.inlet[i - 1](F.avg_pool2d(pictures, 2)), SLOPE)
                features = torch.lerp(smaller, features, fade)
        features = F.leaky_relu(self.last(torch.cat((features, _spread(features)), 1)), SLOPE)
        return self.score(F.leaky_relu(self.dense(features.flatten(1)), SLOPE))[:, 0]


def blocks_for(size: int, most: int) -> int:
    """How many blocks make pictures of a size.

    Raises:
        ValueError: a network of `most` blocks cannot make them.
    """
    sizes = [FIRST << i for i in range(most)]
    if size not in sizes:
        raise ValueError(f"size: expected one of {', '.join(map(str, sizes))}; got {size}")
    return sizes.index(size) + 1


def _enlarged(pictures: Tensor) -> Tensor:
    return F.interpolate(pictures, scale_factor=2, mode="bilinear", align_corners=False)


def _spread(features: Tensor) -> Tensor:
    """(B, 1, H, W): the mean standard deviation over groups of pictures, which tells too uniform batches apart."""
    B, C, H, W = features.shape
    group = math.gcd(B, GROUP)
    parts = features.view(group, B // group, C, H, W)
    spread = (parts.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))  # (B / group,)
    return spread.repeat(group)[:, None, None, None].expand(B, 1, H, W)
