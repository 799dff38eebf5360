"""Scenes of the surfel paper (Pix2Scene 2018, Sec. 4.1): objects in the corner of a room, one picture of each.

The room is the cube [−0.5, 0.5]³ of the world with the floor y = −0.5 and the two walls x = −0.5 and z = −0.5; the
other three sides are open. Objects lie on the floor near the corner. A camera in the positive octant looks at the
middle of where they lie, `TARGET`, from `DISTANCE`, with a vertical field of view of 26°. The published code's stands
0.8 from (0.05, 0, 0): as far from the objects, about 1.3, but it turns about a point in front of them, and so loses
them where it stands aside. Walls and floor fill the picture; for a camera that sees beyond their ends, they go on.

Pictures are ray cast, one ray through the centre of each pixel, and shaded by Eq. (1) with `renderers.shading`, the
same as surfels are: an exact depth map gives an exact picture. There are no cast shadows.

A scene is the same on any machine: kind, split, seed and its number draw its layout, its camera and its lights, each by
a generator of their own. Scenes come in blocks, which are kept in `data/cache/` (ignored by git) under a hash of what
they depend on.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from inverse_graphics import paths
from inverse_graphics.checks import require_choice
from inverse_graphics.datasets import objects, scene_objects
from inverse_graphics.datasets.block_cache import code_hash, load_block, save_block
from inverse_graphics.datasets.images import fingerprint, most_bytes
from inverse_graphics.datasets.scene_objects import FURNITURE, HOUSEHOLD, SHAPES, Family, Shape, family
from inverse_graphics.geometry import cameras
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.renderers import shading
from inverse_graphics.renderers.shading import Lights, shade

VERSION = 1  # raise it when the same code shall give other pictures, as after an update of embree
SPLITS = ("train", "test")
LIGHTS = ("fixed", "random")
CODE = (__file__, scene_objects.__file__, objects.__file__, cameras.__file__, shading.__file__)  # pictures depend on
BLOCK = 64  # scenes cached together. Raising it makes fewer files, and small sets slower
SIDES = (4, 512)  # pixels, smallest and largest `size`

PARTS = ("images", "depth", "normals", "labels")  # of a block in the cache
# Depths in the cache: 16 bits, exact to 2e-5. A float16 would be off by 5e-4, which turns a normal by degrees.
NEAR, FAR, LEVELS = 0.5, 2.5, 65535

WALL = -0.5  # where the walls and the floor are, along x, z and y
TARGET = (-0.21, -0.36, -0.21)
DISTANCE = 1.35
FIELD_OF_VIEW = math.radians(26)
AZIMUTHS, ELEVATIONS = (5.0, 85.0), (20.0, 60.0)  # degrees; the patch of the sphere where cameras stand
REGION = (WALL, 0.06)  # of the floor, along x and z: where objects lie
SIZE = 0.4  # diameter of an object's bounding sphere, about
STRETCH = {"box": ((0.65, 1),) * 3, "cone": ((1, 1), (0.8, 1.5), (1, 1)), "cylinder": ((1, 1), (0.6, 1.5), (1, 1))}
METRE = 0.15  # how long a metre is in a furnished room

ALBEDO = 0.5
LIGHT_COLOURS = ((0.8, 0.8, 0.8), (0.8, 0.1, 0.1), (0.2, 0.8, 0.2))  # of the published code: white, red, green
LIGHT_POSITIONS = ((0.2, 0.9, 0.8), (0.6, 0.8, 0.2), (0.8, 0.6, 0.8))  # the last two as published
LIGHT_RADIUS, LIGHT_ELEVATIONS = 1.2, (20.0, 75.0)  # of random lights, about the room's centre; degrees
AMBIENT = 0.1
QUADRATIC = 0.52  # k_q of Eq. (1). Raising it darkens the pictures; less clips them

MOST_OBJECTS = 4  # in a scene of several
SHARES = (0.95, 0.68, 0.58, 0.52)  # of `SIZE`, where there are one to four
TRIES = 40  # to find a free place


@dataclass(frozen=True, eq=False)
class SceneSet:
    """Pictures of scenes, and the truth about them.

    Fields:
        kind, split, seed: which scenes these are; see `load_scenes`.
        images: (B, 3, H, W) float32 in [0, 1], row 0 on top.
        depth: (B, 1, H, W) float32, along the unit ray through the pixel's centre, world units.
        normals: (B, 3, H, W) float32 unit, camera axes, towards the camera. Depth and normals are for measuring and
            for a supervised upper bound only: nothing else may train on them.
        camera: one for each scene.
        lights: world coordinates.
        albedo: of every surface.
        labels: (B,) int64 indices into `class_names`: what the first object is.
        class_names: a class whose real meshes are not on this machine bears "(made up)" in its name.
        source: where the shapes come from, in words fit to print under a figure.
        numbers: (B,) int64, which scene of its kind, split and seed each is.
        fingerprint: sixteen hex digits of a SHA-256 over images and labels.
    """

    kind: str
    split: str
    images: Tensor
    depth: Tensor
    normals: Tensor
    camera: Cameras
    lights: Lights
    albedo: float
    labels: Tensor
    class_names: tuple[str, ...]
    source: str
    fingerprint: str
    seed: int
    numbers: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def pick(self, scenes: Tensor) -> "SceneSet":
        """Some of the scenes, given by their indices (K,)."""
        images, labels = self.images[scenes], self.labels[scenes]
        return replace(
            self,
            images=images,
            depth=self.depth[scenes],
            normals=self.normals[scenes],
            camera=self.camera[scenes],
            lights=self.lights[scenes],
            labels=labels,
            fingerprint=fingerprint(images, labels),
            numbers=self.numbers[scenes],
        )

    def provenance(self) -> dict[str, object]:
        """What a result records of its data: no picture, only where it came from."""
        return {
            "name": f"scenes of kind {self.kind}",
            "split": self.split,
            "count": len(self),
            "shape": list(self.images.shape[1:]),
            "source": self.source,
            "seed": self.seed,
            "fingerprint": self.fingerprint,
        }


class Placed(NamedTuple):
    """A shape in the world: its point p is at `matrix` p + `offset`; it reaches from `low` to `high`."""

    shape: Shape
    matrix: np.ndarray  # (3, 3)
    offset: np.ndarray  # (3,)
    low: np.ndarray  # (3,)
    high: np.ndarray  # (3,)

    def moved(self, by: np.ndarray) -> "Placed":
        """The same further on by (3,)."""
        return Placed(self.shape, self.matrix, self.offset + by, self.low + by, self.high + by)

    def apart(self, other: "Placed") -> bool:
        """Whether the two do not overlap in plan, by their bounding boxes."""
        return bool(((self.high < other.low) | (other.high < self.low))[[0, 2]].any())


class Layout(NamedTuple):
    """What stands in a room, and the class of the first of it."""

    objects: list[Placed]
    label: int


def load_scenes(
    kind: str, split: str = "train", *, count: int = 1000, size: int = 64, seed: int = 0, lights: str = "fixed"
) -> SceneSet:
    """The first `count` scenes of a kind, rendered now or taken from the cache; shows a progress bar if rendered.

    Args:
        kind: one of `KINDS`.
            box_translation   an upright box at a random place
            box_rotation      a box at a random place in a random rotation
            shapes            a box, sphere, cone, cylinder, torus or teapot, placed and rotated at random
            multiple_shapes   one to four of them, which do not touch
            household         a bowl, bottle, mug, can, cap or bag, upright, turned about the vertical
            bunny             a bunny, upright, turned about the vertical
            furnished_room    a bedroom: bed, table, chair, shelf, wardrobe
        split: `train` or `test`; they share no scene, and no drawn shape.
        count: how many scenes. More of them begin with the same ones.
        size: of the square pictures in pixels, 4 to 512. The same scenes at any size.
        seed: other scenes for another seed.
        lights: `fixed` at `LIGHT_POSITIONS`, or `random` for each scene on a spherical patch over the positive
            octant; the scenes are the same.

    Raises:
        ValueError: an argument is out of its range.
        DatasetError: a mesh file of the user's cannot be read.
    """
    for name, value, least, most in (("count", count, 1, None), ("size", size, *SIDES), ("seed", seed, 0, None)):
        _require_whole(name, value, least, most)
    if (needed := 7 * 4 * size * size * count) > (room := most_bytes()):
        raise ValueError(
            f"count: {count:,} scenes of {size}×{size} pixels would take {needed / 2**30:.1f} GiB of at most "
            f"{room / 2**30:.1f} GiB; expected at most {room // (needed // count):,}"
        )
    maker = _Maker(kind, split, seed, lights)
    blocks = maker.blocks(range(-(-count // BLOCK)), size)
    parts = {name: torch.cat([block[name] for block in blocks])[:count] for name in blocks[0]}
    images = parts["images"].to(torch.float32).div_(255)
    return SceneSet(
        kind=kind,
        split=split,
        images=images,
        depth=parts["depth"].to(torch.float32).mul_((FAR - NEAR) / LEVELS).add_(NEAR),
        normals=F.normalize(parts["normals"].to(torch.float32)),  # rounded to 16 bits, they would lack up to 5e-4
        camera=maker.cameras(range(count)),
        lights=maker.lights(range(count)),
        albedo=ALBEDO,
        labels=parts["labels"],
        class_names=maker.class_names,
        source=maker.source,
        fingerprint=fingerprint(images, parts["labels"]),
        seed=seed,
        numbers=torch.arange(count),
    )


def view_from(scenes: SceneSet, camera: Cameras) -> SceneSet:
    """The same scenes under the same lights, seen by other cameras; not cached.

    Args:
        camera: one for each scene, inside the room or in front of its open sides, looking so that no ray misses it.

    Raises:
        ValueError: another number of cameras, one behind a wall, or one that sees past the room.
    """
    if len(camera) != len(scenes):
        raise ValueError(f"camera: expected one for each of {len(scenes)} scenes, got {len(camera)}")
    maker = _Maker(scenes.kind, scenes.split, scenes.seed, "fixed")
    size = scenes.images.shape[-1]
    layouts = [maker.layout(number) for number in scenes.numbers.tolist()]
    parts = [
        _render(layouts[i : i + BLOCK], camera[i : i + BLOCK], scenes.lights[i : i + BLOCK], size)
        for i in range(0, len(scenes), BLOCK)
    ]
    images, depth, normals = (torch.cat(part) for part in zip(*parts, strict=True))
    return replace(
        scenes,
        images=images,
        depth=depth,
        normals=normals,
        camera=camera,
        fingerprint=fingerprint(images, scenes.labels),
    )


def sweep(scenes: SceneSet, turns: Sequence[float] = (0, 5, 35, 55, 80)) -> list[Cameras]:
    """Cameras for turning about each scene, as in the paper's Table 2: at its own elevation, azimuth + each turn.

    All stay on the patch where the cameras of `load_scenes` stand: half of the scenes start at one end of it and turn
    towards the other, the other half the other way.

    Args:
        turns: degrees, from 0 to 80.
    """
    widest = AZIMUTHS[1] - AZIMUTHS[0]
    if not all(0 <= turn <= widest for turn in turns):
        raise ValueError(f"turns: expected degrees from 0 to {widest:g}, got {tuple(turns)}")
    offset = scenes.camera.position - scenes.camera.target
    elevation = torch.asin(offset[:, 1] / offset.norm(dim=1))
    forward = scenes.numbers % 2 == 0
    cameras = []
    for turn in turns:
        azimuth = torch.where(forward, AZIMUTHS[0] + turn, AZIMUTHS[1] - turn).deg2rad()
        cameras.append(_orbit(azimuth.to(elevation), elevation))
    return cameras


# Layouts


def _box_translation(rng: Generator, families: Sequence[Family]) -> Layout:
    shape, label = _pick(rng, families)
    return Layout([_drop(rng, pose(shape, _size(rng), np.eye(3), _stretch(rng, "box")))], label)


def _one_shape(rng: Generator, families: Sequence[Family]) -> Layout:
    posed, label = _tumbled(rng, families)
    return Layout([_drop(rng, posed)], label)


def _several_shapes(rng: Generator, families: Sequence[Family]) -> Layout:
    count = int(rng.integers(1, MOST_OBJECTS + 1))
    while True:  # with other objects, where some find no room
        placed: list[Placed] = []
        labels = []
        for _ in range(count):
            posed, label = _tumbled(rng, families, share=SHARES[count - 1])
            if (one := _drop_apart(rng, posed, placed)) is not None:
                placed.append(one)
                labels.append(label)
        if len(placed) == count:
            return Layout(placed, labels[0])


def _upright(rng: Generator, families: Sequence[Family]) -> Layout:
    shape, label = _pick(rng, families)
    turn = _turn(rng.uniform(0, 2 * np.pi))
    stretch = rng.uniform(0.9, 1.1, 3)  # so that no two scenes show the same mesh
    return Layout([_drop(rng, pose(shape, _size(rng), turn, stretch))], label)


def _bedroom(rng: Generator, families: Sequence[Family]) -> Layout:
    """A bed with its head against a wall, a shelf or a wardrobe against one, a table, a chair; what finds room."""
    names = [one.name for one in families]
    wanted = ["bed", str(rng.choice(("shelf", "wardrobe"))), "table", "chair", *["shelf"] * rng.integers(2)]
    placed: list[Placed] = []
    for name in wanted:
        kind = families[names.index(name)]
        wall = int(rng.integers(2))  # which one is behind it: z or x
        aside = rng.uniform(0, 2 * np.pi) if name == "chair" else 0
        posed = pose(
            kind.shape(int(rng.integers(kind.count))), None, METRE * _turn(wall * np.pi / 2 + aside), np.ones(3)
        )
        against = (2, 0)[wall] if name in ("bed", "shelf", "wardrobe") else None
        if (one := _drop_apart(rng, posed, placed, against)) is not None:
            placed.append(one)
    return Layout(placed, names.index("bed"))


KINDS: dict[str, tuple[tuple[str, ...], Callable[[Generator, Sequence[Family]], Layout]]] = {
    "box_translation": (("box",), _box_translation),
    "box_rotation": (("box",), _one_shape),
    "shapes": (SHAPES, _one_shape),
    "multiple_shapes": (SHAPES, _several_shapes),
    "household": (HOUSEHOLD, _upright),
    "bunny": (("bunny",), _upright),
    "furnished_room": (FURNITURE, _bedroom),
}


def _pick(rng: Generator, families: Sequence[Family]) -> tuple[Shape, int]:
    label = int(rng.integers(len(families)))
    return families[label].shape(int(rng.random() * families[label].count)), label


def _tumbled(rng: Generator, families: Sequence[Family], share: float = 1.0) -> tuple[Placed, int]:
    """Some shape in a random rotation."""
    shape, label = _pick(rng, families)
    rotation = Rotation.from_quat(rng.normal(size=4)).as_matrix()  # uniform over all rotations
    return pose(shape, share * _size(rng), rotation, _stretch(rng, families[label].name)), label


def pose(shape: Shape, size: float | None, rotation: np.ndarray, stretch: np.ndarray) -> Placed:
    """Stretch a shape along its own axes (3,), rotate it, and scale it.

    Args:
        size: diameter of the sphere about its middle that holds it; None leaves its size alone.
    """
    matrix = rotation * stretch
    outline = shape.outline @ matrix.T
    low, high = outline.min(0), outline.max(0)
    scale = 1.0 if size is None else size / 2 / np.linalg.norm(outline - (low + high) / 2, axis=1).max()
    return Placed(shape, matrix * scale, np.zeros(3), low * scale, high * scale)


def _drop(rng: Generator, posed: Placed, against: int | None = None) -> Placed:
    """Lay something on a random place of `REGION`; `against` 0 or 2 moves it to the wall across that axis."""
    start = REGION[0] - posed.low
    by = rng.uniform(start, np.maximum(start, REGION[1] - posed.high))
    for axis in (1, against):
        if axis is not None:
            by[axis] = start[axis]
    return posed.moved(by)


def _drop_apart(rng: Generator, posed: Placed, others: Sequence[Placed], against: int | None = None) -> Placed | None:
    """The same where it does not overlap others; None if no such place is found."""
    for _ in range(TRIES):
        one = _drop(rng, posed, against)
        if all(one.apart(other) for other in others):
            return one
    return None


def _size(rng: Generator) -> float:
    return SIZE * rng.uniform(0.85, 1.1)


def _stretch(rng: Generator, name: str) -> np.ndarray:
    """Random proportions (3,), 1 along the axes that a class does not vary along."""
    return np.array([rng.uniform(*bounds) for bounds in STRETCH.get(name, ((1, 1),) * 3)])


def _turn(angle: float) -> np.ndarray:
    return Rotation.from_rotvec((0, angle, 0)).as_matrix()


# Rendering


class _Maker:
    """All scenes of one kind, split and seed under one choice of lights."""

    def __init__(self, kind: str, split: str, seed: int, lights: str) -> None:
        require_choice("kind", kind, KINDS)
        require_choice("split", split, SPLITS)
        require_choice("lights", lights, LIGHTS)
        names, self._compose = KINDS[kind]
        self._families = [family(name, split) for name in names]
        self._seed = (2018, list(KINDS).index(kind), SPLITS.index(split), seed)
        self._random_lights = lights == "random"
        self._name = f"scenes-{kind}-{split}"
        self._key = (VERSION, *self._seed, lights, code_hash(*CODE), *(one.key for one in self._families))
        self.class_names = tuple(one.name for one in self._families)
        told = [one.source for one in self._families if one.source]
        self.source = "; ".join((f"scenes of kind {kind} composed by this project, {split} split", *told))

    def _rng(self, number: int, of: int) -> Generator:
        return np.random.default_rng([*self._seed, number, of])

    def layout(self, number: int) -> Layout:
        return self._compose(self._rng(number, 0), self._families)

    def cameras(self, numbers: Sequence[int]) -> Cameras:
        angles = [_on_patch(self._rng(number, 1), AZIMUTHS, ELEVATIONS) for number in numbers]
        azimuth, elevation = torch.tensor(angles, dtype=torch.float32).T
        return _orbit(azimuth, elevation)

    def lights(self, numbers: Sequence[int]) -> Lights:
        B, K = len(numbers), len(LIGHT_COLOURS)
        if self._random_lights:
            drawn = [self._random_positions(number) for number in numbers]
            positions = torch.tensor(np.stack(drawn), dtype=torch.float32)
        else:
            positions = torch.tensor(LIGHT_POSITIONS).expand(B, K, 3)
        return Lights(
            positions=positions,
            colours=torch.tensor(LIGHT_COLOURS).expand(B, K, 3),
            ambient=torch.full((B, 3), AMBIENT),
            quadratic=QUADRATIC,
        )

    def _random_positions(self, number: int) -> np.ndarray:
        rng = self._rng(number, 2)
        angles = np.array([_on_patch(rng, AZIMUTHS, LIGHT_ELEVATIONS) for _ in LIGHT_COLOURS]).T
        (sin_a, sin_e), (cos_a, cos_e) = np.sin(angles), np.cos(angles)
        return LIGHT_RADIUS * np.stack((sin_a * cos_e, sin_e, cos_a * cos_e), 1)

    def blocks(self, indices: Sequence[int], size: int) -> list[dict[str, Tensor]]:
        """Rendered blocks, in 8 and 16 bits; each is cached as soon as it is done, in one step."""
        files = {index: self._file(index, size) for index in indices}
        cached = {index: load_block(file, PARTS) for index, file in files.items()}
        missing = [index for index, block in cached.items() if block is None]
        with tqdm(total=len(missing) * BLOCK, desc="Scenes", unit="scene", disable=not missing) as bar:
            for index in missing:
                cached[index] = self._make(index, size)
                save_block(files[index], cached[index])
                bar.update(BLOCK)
        return [cached[index] for index in indices]

    def _make(self, index: int, size: int) -> dict[str, Tensor]:
        numbers = range(index * BLOCK, (index + 1) * BLOCK)
        layouts = [self.layout(number) for number in numbers]
        images, depth, normals = _render(layouts, self.cameras(numbers), self.lights(numbers), size)
        return {
            "images": images.mul(255).round_().to(torch.uint8),
            "depth": ((depth - NEAR) * (LEVELS / (FAR - NEAR))).round_().clamp_(0, LEVELS).to(torch.uint16),
            "normals": normals.to(torch.float16),
            "labels": torch.tensor([layout.label for layout in layouts]),
        }

    def _file(self, index: int, size: int) -> Path:
        key = hashlib.sha256(repr((self._key, BLOCK, index, size)).encode()).hexdigest()
        return paths.DATA / "cache" / f"{self._name}-{size}-{index:04d}-{key[:16]}.safetensors"


def _render(layouts: Sequence[Layout], camera: Cameras, lights: Lights, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Images, depth and normals as in `SceneSet`, float32."""
    exact = replace(camera, position=camera.position.double(), target=camera.target.double())
    if not (exact.position > WALL).all():
        raise ValueError(
            f"camera: expected positions above the floor and in front of the walls, beyond {WALL} on each axis"
        )
    rotation = exact.rotation()  # (B, 3, 3) world → camera
    rays = exact.rays(size, size).view(-1, 3).to(rotation)
    directions = (rays @ rotation).numpy()  # (B, H·W, 3) world
    cast = [
        cast_rays(layout.objects, position, toward)
        for layout, position, toward in zip(layouts, exact.position.numpy(), directions, strict=True)
    ]
    depth, normals = (torch.from_numpy(np.stack(part)) for part in zip(*cast, strict=True))  # (B, HW), (B, HW, 3)
    points = exact.position[:, None] + depth[..., None] * torch.from_numpy(directions)
    B = len(layouts)
    grid = (B, size, size, 3)
    images = shade(points.float().view(grid), normals.float().view(grid), lights, ALBEDO).clamp_(0, 1)
    seen = normals @ rotation.mT  # camera axes
    return (
        images.permute(0, 3, 1, 2).contiguous(),
        depth.float().view(B, 1, size, size),
        seen.float().view(grid).permute(0, 3, 1, 2).contiguous(),
    )


def cast_rays(placed: Sequence[Placed], origin: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First hits of unit rays from a point, of the room or what stands in it: depth (N,), world normals (N, 3)."""
    with np.errstate(divide="ignore"):
        planes = np.where(directions < 0, (WALL - origin) / directions, np.inf)  # a ray meets only what it goes towards
    wall = planes.argmin(1)
    depth, normals = planes[np.arange(len(wall)), wall], np.eye(3)[wall]
    if not np.isfinite(depth).all():
        raise ValueError(
            "camera: expected views that the room fills, got one with rays that meet neither wall nor floor"
        )
    for one in placed:
        inverse = np.linalg.inv(one.matrix)
        near = _near(directions, one.low - origin, one.high - origin)
        # In the shape's own frame, where a stretched direction keeps the number of steps.
        start = np.broadcast_to(inverse @ (origin - one.offset), (len(near), 3))
        hits = one.shape.cast(start, directions[near] @ inverse.T)
        first = (hits.steps > 0) & (hits.steps < depth[near])
        depth[near[first]] = hits.steps[first]
        turned = hits.normals[first] @ inverse
        normals[near[first]] = turned / np.linalg.norm(turned, axis=1, keepdims=True)
    return depth, normals


def _near(directions: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Indices of the unit rays (N, 3) from the origin that may meet a box: those through the sphere about it."""
    centre, radius = (low + high) / 2, np.linalg.norm(high - low) / 2
    return np.flatnonzero((directions @ centre) ** 2 >= centre @ centre - radius**2)


def _orbit(azimuth: Tensor, elevation: Tensor) -> Cameras:
    return Cameras.orbit(azimuth, elevation, DISTANCE, FIELD_OF_VIEW, target=azimuth.new_tensor(TARGET))


def _on_patch(rng: Generator, azimuths: tuple[float, float], elevations: tuple[float, float]) -> tuple[float, float]:
    """Azimuth and elevation in radians of a uniform point on a patch of the sphere, given in degrees."""
    azimuth = rng.uniform(*np.radians(azimuths))
    return azimuth, np.arcsin(rng.uniform(*np.sin(np.radians(elevations))))


def _require_whole(name: str, value: object, least: int, most: int | None) -> None:
    if type(value) is not int or value < least or (most is not None and value > most):
        span = f"{least} or more" if most is None else f"{least} to {most}"
        raise ValueError(f"{name}: expected a whole number, {span}; got {value!r}")
