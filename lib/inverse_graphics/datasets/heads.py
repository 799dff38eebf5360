"""Made-up heads and cars in colour whose true shape is known: what the mesh paper's sets are replaced by without them.

A head is a sphere's shape image (`geometry.shape_images`) pushed out and in: a skull that is longer than wide, nose,
brows, eye sockets, lips, chin, ears, hair. Its texture is painted on the same grid. A car is a rounded block with a
cabin, wheels and windows. Each stands before a background of its own and is seen from somewhere about its front;
proportions, colours, view, light and background come from a seed. Depth and view are kept for measuring only.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from inverse_graphics import paths
from inverse_graphics.checks import require_choice
from inverse_graphics.datasets.block_cache import code_hash, load_block, save_block
from inverse_graphics.datasets.images import Choose, Classes, Pictures
from inverse_graphics.geometry import shape_images
from inverse_graphics.geometry.shape_images import disc_mesh, initial_shape, vertices_of
from inverse_graphics.renderers import meshes
from inverse_graphics.renderers.meshes import MeshSettings, render_mesh, unit_ball_cameras

GRID = 48  # side of a shape image
TEXTURE = 128
AZIMUTH, ELEVATION = 45.0, 15.0  # degrees, the farthest to either side
CODE = (__file__, shape_images.__file__, meshes.__file__)
COUNTS = {"train": 8192, "test": 1024}  # pictures of a set; `render_made_up` makes more
SIDE, MOST_SIDE = 32, 128  # pixels: where none is asked for, and at most
BLOCK = 64  # pictures rendered and cached together
FINER = 2  # times as many pixels along a side are rendered, then averaged
FAR = 6.0  # depth that stands for the background


class Rendered(NamedTuple):
    """Pictures (N, 3, S, S) in [0, 1], depth (N, 1, S, S) along the pixels' rays with ∞ for background, and views
    (N, 2): azimuth and elevation in radians."""

    images: Tensor
    depth: Tensor
    views: Tensor


@dataclass(frozen=True)
class Dice:
    """Random numbers of one thing: each call of `of` is one more."""

    generator: torch.Generator

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=self.generator).item()

    def colour(self, around: tuple[float, float, float], spread: float) -> Tensor:
        drawn = torch.tensor(around) + spread * (2 * torch.rand(3, generator=self.generator) - 1)
        return drawn.clamp(0.02, 0.98)


def _bump(direction: Tensor, at: tuple[float, float], wide: float, tall: float) -> Tensor:
    """(N, N): 1 in direction (right, up) of the front, a Gaussian of that width and height around it; 0 behind."""
    right, up, front = direction
    reach = ((right - at[0]) / wide).square() + ((up - at[1]) / tall).square()
    return torch.exp(-0.5 * reach) * (front > 0)


def _head(dice: Dice) -> tuple[Tensor, Tensor]:
    """Shape image (3, N, N) and texture (3, T, T) of a head."""
    skin = dice.colour((0.86, 0.66, 0.54), 0.04) * dice.between(0.45, 1.1)
    hair = dice.colour((0.3, 0.22, 0.15), 0.05) * dice.between(0.3, 2.2)
    iris = dice.colour((0.25, 0.35, 0.4), 0.2)
    wide, long, deep = dice.between(0.54, 0.63), dice.between(0.74, 0.84), dice.between(0.62, 0.7)
    eyes, apart, mouth = dice.between(0.08, 0.18), dice.between(0.3, 0.38), dice.between(-0.48, -0.38)
    nose, hairline, smile = dice.between(0.16, 0.26), dice.between(0.5, 0.68), dice.between(-0.08, 0.1)
    long_hair = dice.between(-0.9, 0.4)  # how far down hair goes at the sides

    direction = initial_shape("sphere", GRID, 1.0)
    radius = 1 + nose * _bump(direction, (0, -0.1), 0.1, 0.17) + 0.06 * _bump(direction, (0, mouth), 0.2, 0.07)
    radius = radius + 0.08 * _bump(direction, (0, -0.75), 0.3, 0.15)  # chin
    for side in (-1, 1):
        radius = radius - 0.09 * _bump(direction, (side * apart, eyes), 0.14, 0.09)
        radius = radius + 0.05 * _bump(direction, (side * 0.3, eyes + 0.18), 0.2, 0.06)  # brows
    right, up, front = direction
    is_hair = (up > hairline - 0.25 * right.square()) | ((front < 0.1) & (up > long_hair))
    radius = radius + 0.06 * is_hair
    jaw = 1 - 0.25 * (-up).clamp_min(0) * (1 - front.clamp_min(0) * 0.3)
    shape = direction * radius * torch.tensor([wide, long, deep]).view(3, 1, 1)
    shape = torch.cat((shape[:1] * jaw, shape[1:]))

    direction = initial_shape("sphere", TEXTURE, 1.0)
    right, up, front = direction
    paint = skin.view(3, 1, 1).expand(3, TEXTURE, TEXTURE).clone()
    paint = paint * (1 - 0.12 * (_bump(direction, (0, -0.28), 0.12, 0.05)))  # under the nose
    blush = sum(_bump(direction, (side * 0.45, -0.2), 0.16, 0.12) for side in (-1, 1))
    paint = paint + 0.06 * blush * torch.tensor([1.0, -0.3, -0.2]).view(3, 1, 1)

    def cover(mask: Tensor, colour: Tensor) -> None:
        nonlocal paint
        paint = torch.lerp(paint, colour.view(3, 1, 1).expand_as(paint), mask.clamp(0, 1))

    for side in (-1, 1):
        white = _bump(direction, (side * apart, eyes), 0.085, 0.045)
        cover(_sharp(white), torch.tensor([0.93, 0.93, 0.92]))
        cover(_sharp(_bump(direction, (side * apart, eyes), 0.04, 0.04)), iris)
        cover(_sharp(_bump(direction, (side * apart, eyes), 0.018, 0.018)), torch.tensor([0.03, 0.03, 0.03]))
        cover(_sharp(_bump(direction, (side * apart, eyes + 0.17), 0.11, 0.025)), hair * 0.8)
    curved = torch.stack((right, up - smile * right.square() * 4, front))
    cover(_sharp(_bump(curved, (0, mouth), 0.13, 0.035)), skin * torch.tensor([0.85, 0.5, 0.5]))
    edge = hairline - 0.25 * right.square()
    cover(((up - edge) * 30).sigmoid(), hair)
    cover(((0.1 - front) * 20).sigmoid() * ((up - long_hair) * 20).sigmoid(), hair)
    return shape, paint.clamp(0, 1)


def _car(dice: Dice) -> tuple[Tensor, Tensor]:
    """Shape image (3, N, N) and texture (3, T, T) of a car that shows its side."""
    body, glass = dice.colour((0.5, 0.4, 0.4), 0.45), torch.tensor([0.12, 0.15, 0.18])
    long, tall, deep = dice.between(0.78, 0.9), dice.between(0.2, 0.26), dice.between(0.3, 0.36)
    cabin, back = dice.between(0.14, 0.24), dice.between(-0.15, 0.15)
    direction = initial_shape("sphere", GRID, 1.0)
    # A rounded block: a superellipsoid in the direction of each vertex
    block = torch.tensor([long, tall, deep]).view(3, 1, 1)
    radius = (direction / block).abs().clamp_min(1e-6).pow(5).sum(0).pow(-1 / 5)
    shape = direction * radius
    x = shape[0] / long
    roof = ((x - back + 0.5) * 9).sigmoid() * ((back + 0.45 - x) * 9).sigmoid()
    rise = (direction[1] > 0.05) * roof * cabin
    shape = torch.stack((shape[0], shape[1] + rise - 0.05, shape[2] * (1 - 0.18 * (rise > 0.05))))

    fine = F.interpolate(shape[None], TEXTURE, mode="bilinear", align_corners=True)[0]
    x, y, side = fine[0] / long, fine[1] + 0.05, (fine[2].abs() > 0.5 * deep).float()
    paint = body.view(3, 1, 1).expand(3, TEXTURE, TEXTURE).clone()

    def cover(mask: Tensor, colour: Tensor) -> None:
        nonlocal paint
        paint = torch.lerp(paint, colour.view(3, 1, 1).expand_as(paint), mask.clamp(0, 1))

    window = (
        ((x - back + 0.36) * 30).sigmoid() * ((back + 0.33 - x) * 30).sigmoid() * ((y - tall + 0.02) * 60).sigmoid()
    )
    cover(window * ((tall + cabin * 0.8 - y) * 60).sigmoid(), glass)
    for at in (-0.58, 0.58):
        wheel = torch.hypot((x - at) * long, y + tall * 0.75)
        cover(_sharp(torch.exp(-0.5 * (wheel / 0.085) ** 2)) * side, torch.tensor([0.05, 0.05, 0.05]))
        cover(_sharp(torch.exp(-0.5 * (wheel / 0.04) ** 2)) * side, torch.tensor([0.6, 0.6, 0.62]))
    for at, lamp in ((-0.95, (0.9, 0.85, 0.6)), (0.95, (0.7, 0.1, 0.1))):
        cover(_sharp(torch.exp(-0.5 * (((x - at) / 0.06) ** 2 + (y / 0.04) ** 2))), torch.tensor(lamp))
    return shape, paint.clamp(0, 1)


def _sharp(bump: Tensor) -> Tensor:
    """A bump with an edge where it is 0.5."""
    return ((bump - 0.5) * 14).sigmoid()


def _background(dice: Dice, side: int) -> Tensor:
    """(3, S, S): soft blobs of colour."""
    coarse = torch.rand(3, 5, 5, generator=dice.generator) * 0.8 + 0.1
    mean = coarse.mean(0, keepdim=True)
    coarse = mean + (coarse - mean) * dice.between(0.1, 0.7)
    return F.interpolate(coarse[None], side, mode="bicubic", align_corners=True)[0].clamp(0, 1)


def read(kind: str, split: str, choose: Choose, size: int | None = None, classes: Classes = None) -> Pictures:
    """The chosen pictures of a made-up set, for the catalogue.

    Args:
        choose: from the number of pictures there are, `COUNTS`, to the indices wanted, in order.
        size: side that is wanted, in pixels; None is 32.
        classes: there is only one, so this changes nothing.
    """
    chosen = choose(COUNTS[split])
    made = render_made_up(kind, split, int(chosen.max()) + 1, min(size or SIDE, MOST_SIDE))
    source = f"{kind.replace('_', ' ')} made and rendered by this project"
    return Pictures(made.images[chosen], torch.zeros(len(chosen), dtype=torch.int64), source)


MAKERS: dict[str, Callable[[Dice], tuple[Tensor, Tensor]]] = {"heads": _head, "toy_cars": _car}


def render_made_up(kind: str, split: str, count: int, size: int, *, seed: int = 0) -> Rendered:
    """The first pictures of a made-up set; those of the splits differ, and more begin with the same ones.

    Args:
        kind: `heads` or `toy_cars`.
        split: `train` or `test`.
        count: how many.
        size: pixels along a side.
    """
    require_choice("kind", kind, MAKERS)
    require_choice("split", split, ("train", "test"))
    parts = []
    starts = range(0, count, BLOCK)
    with tqdm(total=len(starts) * BLOCK, desc=kind, unit="picture") as bar:
        for start in starts:
            name = f"{kind}-{split}-{size}-{seed}-{start:06d}-{code_hash(*CODE)[:16]}"
            file = paths.DATA / "cache" / f"{name}.safetensors"
            block = load_block(file, Rendered._fields)
            if block is None:
                block = _render_block(kind, split, start, size, seed)._asdict()
                block["images"] = block["images"].mul(255).round().to(torch.uint8)
                save_block(file, block)
            parts.append(Rendered(**block | {"images": block["images"].float() / 255}))
            bar.update(BLOCK)
    return Rendered(*(torch.cat(values)[:count] for values in zip(*parts, strict=True)))


@torch.no_grad()
def _render_block(kind: str, split: str, start: int, size: int, seed: int) -> Rendered:
    shapes, textures, behind, views, light = [], [], [], [], []
    for number in range(start, start + BLOCK):
        drawn = hashlib.sha256(repr((kind, split, seed, number)).encode()).digest()
        dice = Dice(torch.Generator().manual_seed(int.from_bytes(drawn[:8], "little") >> 1))
        shape, texture = MAKERS[kind](dice)
        shapes.append(shape)
        textures.append(texture)
        behind.append(_background(dice, size * FINER))
        views.append([math.radians(dice.between(-AZIMUTH, AZIMUTH)), math.radians(dice.between(-ELEVATION, ELEVATION))])
        light.append([dice.between(-0.5, 0.5), dice.between(0.2, 0.8), 1.0])
    mesh, shapes, views = disc_mesh(GRID), torch.stack(shapes), torch.tensor(views)
    vertices = vertices_of(shapes, mesh)
    shade = _shading(vertices, mesh.faces, F.normalize(torch.tensor(light), dim=1))
    textures = torch.stack(textures) * _on_texture(shade, mesh)
    camera = unit_ball_cameras(*views.unbind(1))
    settings = MeshSettings(size * FINER, band=0.0)
    seen = render_mesh(vertices, mesh.faces, textures, mesh.uv, torch.stack(behind), camera, settings)
    depth = -F.max_pool2d(-seen.depth.nan_to_num(posinf=FAR), FINER)
    return Rendered(F.avg_pool2d(seen.image, FINER).clamp(0, 1), torch.where(depth < FAR, depth, torch.inf), views)


def _shading(vertices: Tensor, faces: Tensor, light: Tensor) -> Tensor:
    """(B, V) in [0.55, 1]: how bright the light (B, 3), fixed to the object, makes each vertex. It is part of the
    texture, as for the paper's generator, whose renderer has no light."""
    a, b, c = (vertices[:, faces[:, i]] for i in range(3))
    normals = torch.linalg.cross(b - a, c - a)
    summed = torch.zeros_like(vertices)
    for i in range(3):
        summed = summed.index_add(1, faces[:, i], normals)
    lit = (F.normalize(summed, dim=2) * light[:, None]).sum(2)
    return 0.55 + 0.45 * lit.clamp_min(0)


def _on_texture(values: Tensor, mesh: shape_images.DiscMesh) -> Tensor:
    """Values of vertices (B, V) on the texture's grid: (B, 1, T, T), smooth."""
    grid = values.new_ones(len(values), GRID * GRID)
    grid[:, mesh.vertices] = values
    return F.interpolate(grid.view(-1, 1, GRID, GRID), TEXTURE, mode="bilinear", align_corners=False)
