"""Which head is in a picture: the styles and the view with which a mesh generator comes closest to it.

The paper makes pictures and reads none. A trained generator can be asked all the same, as 2D ones are (Abdal et al.
2019, Image2StyleGAN): styles and view are moved by gradients, through the soft renderer, until its picture is the one
that was given. Styles are kept near those that the generator has seen, in units of their spread: far off everything can
be painted onto anything.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.checks import require_range, require_tensor
from inverse_graphics.models.meshes import MeshGenerator
from inverse_graphics.renderers.meshes import unit_ball_cameras
from inverse_graphics.training.loop import generator_for

STEPS = 120
RATE = 0.1  # of Adam, in spreads and tenths of a radian
NEAR = 0.003  # weight of the mean squared distance from the mean style, in spreads. Raising it keeps to usual heads
KNOWN = 512  # styles that mean and spread are taken of


class Styles(NamedTuple):
    """Mean and spread (W,) of a mapping network's styles."""

    mean: Tensor
    spread: Tensor


class Found(NamedTuple):
    """`styles` and `background_styles` (B, W); `azimuth` and `elevation` (B,) in radians; `error` (B,), the mean
    absolute difference of the pictures."""

    styles: Tensor
    background_styles: Tensor
    azimuth: Tensor
    elevation: Tensor
    error: Tensor


@torch.no_grad()
def known_styles(generator: MeshGenerator) -> tuple[Styles, Styles]:
    """Those of objects and of backgrounds; always the same for a generator."""
    drawn = generator_for(0, 0)
    found = []
    for mapping in (generator.object_mapping, generator.background_mapping):
        styles = mapping(torch.randn(KNOWN, generator.settings.latent, generator=drawn))
        found.append(Styles(styles.mean(0), styles.std(0)))
    return found[0], found[1]


def invert(generator: MeshGenerator, pictures: Tensor, reach: tuple[float, float], steps: int = STEPS) -> Found:
    """Styles and views of pictures.

    Args:
        generator: in evaluation mode; its weights are left as they are.
        pictures: (B, 3, N, N) in [0, 1], of the generator's size.
        reach: the farthest azimuth and elevation, radians.
        steps: of Adam; one takes about 30 ms for a picture of 32 × 32 on a core.

    Raises:
        ValueError: pictures of another shape or range.
    """
    size, batch = generator.settings.size, len(require_tensor("pictures", pictures, "B 3 N N"))
    require_range("pictures", require_tensor("pictures", pictures, f"B 3 {size} {size}"), 0, 1)
    known = known_styles(generator)
    limits = pictures.new_tensor(reach)
    offsets = [pictures.new_zeros(batch, len(each.mean), requires_grad=True) for each in known]
    view = pictures.new_zeros(batch, 2, requires_grad=True)
    optimizer = torch.optim.Adam([*offsets, view], RATE)

    def draw() -> tuple[list[Tensor], Tensor, Tensor]:
        styles = [each.mean + each.spread * offset for each, offset in zip(known, offsets, strict=True)]
        angles = limits * view.tanh()
        seen = generator.scenes(*styles).render(unit_ball_cameras(*angles.unbind(1)), None, generator.settings.band)
        return styles, angles, seen.image

    for _ in range(steps):
        image = draw()[2]
        far = sum(offset.square().mean(1) for offset in offsets)
        loss = (_difference(image, pictures) + NEAR * far).sum()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.no_grad():
        styles, angles, image = draw()
        error = (image.clamp(0, 1) - pictures).abs().mean((1, 2, 3))
    return Found(*styles, *angles.unbind(1), error)


def _difference(images: Tensor, pictures: Tensor) -> Tensor:
    """(B,): mean absolute difference, and that of pictures a quarter as large, which an outline feels from farther."""
    coarse = (F.avg_pool2d(images, 4) - F.avg_pool2d(pictures, 4)).abs().mean((1, 2, 3))
    return (images - pictures).abs().mean((1, 2, 3)) + coarse
