"""The one set that voxels, surfels and meshes are compared on: made-up chairs, airplanes and cups, one picture of each.

An object stands in the ball of radius 0.95 about the origin, upright, its front towards +z. A camera from far away, so
that perspective hardly matters to voxels that are projected in parallel, sees it from any azimuth and from elevations
of 0 to 30°. It is grey before black. Three lights of the colours of `datasets.scenes` stand about the camera and are
known: they light all that it sees, and stay where they are when the same object is seen from further sides.

Pictures are ray cast, one ray through the centre of each pixel, and shaded by Eq. (1) of Pix2Scene 2018. So are the
shapes that are judged against them (`see`, `lit`): the same code makes the truth and shows the answers.

Object i is of category i mod 3. Its number seeds it, its camera and its points. Objects come in blocks, which are kept
in `data/cache/` (ignored by git) under a hash of the code that they depend on.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
import trimesh
from scipy import ndimage
from torch import Tensor
from tqdm import tqdm

from inverse_graphics import paths
from inverse_graphics.checks import require_choice
from inverse_graphics.datasets import objects, scene_objects
from inverse_graphics.datasets.block_cache import code_hash, load_block, save_block
from inverse_graphics.datasets.images import fingerprint
from inverse_graphics.datasets.objects import make_object
from inverse_graphics.datasets.rendered import unpack
from inverse_graphics.datasets.scene_objects import Shape
from inverse_graphics.datasets.scenes import LIGHT_COLOURS
from inverse_graphics.geometry import cameras, voxel_grids
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.renderers import mesh_views, shading
from inverse_graphics.renderers.mesh_views import voxelise
from inverse_graphics.renderers.meshes import unit_ball_cameras
from inverse_graphics.renderers.shading import Lights, shade

VERSION = 1  # raise it when the same code shall give other pictures, as after an update of embree
CATEGORIES = ("chair", "airplane", "cup")
SPLITS = ("train", "test")
SEED = 2080
CODE = (__file__, objects.__file__, scene_objects.__file__, mesh_views.__file__, cameras.__file__, shading.__file__,
        voxel_grids.__file__)  # fmt: skip
BLOCK = 64  # objects made and cached together. Raising it makes fewer files, and small sets slower
SIZES = (8, 256)  # pixels, smallest and largest picture

REACH = 0.95  # radius of the ball about the origin that an object fits into
DISTANCE = 12.0  # of the camera. Raising it flattens perspective: here 8 % between the near and the far side
ELEVATIONS = (0.0, 30.0)  # degrees
TURNS = (45.0, -45.0, 90.0, 180.0)  # degrees of azimuth from the picture's view to the further ones
FURTHER_ELEVATION = 15.0  # degrees
CELLS = 28
POINTS = 4000  # on a surface. Raising it lowers the distance that two samples of one surface have, about 0.02

ALBEDO = 0.5
LIGHT_DISTANCE = 3.0  # from the origin. Lowering it makes brightness tell more of depth, and clips sooner
LIGHT_TILT = math.radians(30)  # from the line of sight. Raising it tells slopes better, and darkens more
AMBIENT = 0.25  # no face of an object is black, so that a picture is black only where nothing is
QUADRATIC = 0.185  # k_q of Eq. (1): bright faces stay below white


class Seen(NamedTuple):
    """`depth` (B, 1, S, S) along each pixel's ray, ∞ where there is nothing; `normals` (B, 3, S, S) of length 1 in
    camera axes, 0 where there is nothing."""

    depth: Tensor
    normals: Tensor


class Truth(NamedTuple):
    """What objects are, for measuring only.

    Fields:
        cells: (B, 28, 28, 28) bool, voxels in the objects' axes.
        seen: depth and normals in the pictures' own views.
        points: (B, P, 3) on the surfaces, none on faces that other parts of an object bury.
        further, further_images: depth and normals (B, 4, ...), and pictures (B, 4, 3, S, S), from `TURNS`.
    """

    cells: Tensor
    seen: Seen
    points: Tensor
    further: Seen
    further_images: Tensor


@dataclass(frozen=True, eq=False)
class ComparedSet:
    """Pictures of objects and where they were seen from.

    Fields:
        split: `train` or `test`.
        images: (B, 3, S, S) float32 in [0, 1], black where nothing is and nowhere else.
        azimuth, elevation: (B,) radians.
        truth: where it was asked for.
        numbers: (B,) int64, which object of the split each is.
    """

    split: str
    images: Tensor
    azimuth: Tensor
    elevation: Tensor
    truth: Truth | None
    numbers: Tensor

    def __len__(self) -> int:
        return len(self.images)

    @property
    def masks(self) -> Tensor:
        """(B, 1, S, S) float32: 1 where an object is, which is where the picture is not black."""
        return (self.images.amax(1, keepdim=True) > 0).to(self.images)

    @property
    def camera(self) -> Cameras:
        return cameras_at(self.azimuth, self.elevation)

    @property
    def lights(self) -> Lights:
        return lights_about(self.camera)

    @property
    def labels(self) -> Tensor:
        return self.numbers % len(CATEGORIES)

    def further(self, view: int) -> Cameras:
        """From where each object is seen a further time, `view` from 0 to 3."""
        elevation = torch.full_like(self.elevation, math.radians(FURTHER_ELEVATION))
        return cameras_at(self.azimuth + math.radians(TURNS[view]), elevation)

    def provenance(self) -> dict[str, object]:
        """What a result records of its data: no picture, only where it came from."""
        return {
            "name": "compared objects",
            "split": self.split,
            "count": len(self),
            "shape": list(self.images.shape[1:]),
            "source": f"{', '.join(CATEGORIES[:-1])} and {CATEGORIES[-1]} shapes made up and rendered by this project",
            "seed": SEED,
            "fingerprint": fingerprint(self.images, self.labels),
        }


def cameras_at(azimuth: Tensor, elevation: Tensor) -> Cameras:
    """The set's cameras: `DISTANCE` away, the unit ball fitting tightly into the picture."""
    return unit_ball_cameras(azimuth, elevation, DISTANCE)


def lights_about(camera: Cameras) -> Lights:
    """Three lights about each camera's line of sight, `LIGHT_DISTANCE` from the origin, in the world."""
    about = torch.tensor([90.0, 210.0, 330.0]).deg2rad()
    aside, ahead = math.sin(LIGHT_TILT), math.cos(LIGHT_TILT)
    places = torch.stack((aside * about.cos(), aside * about.sin(), torch.full_like(about, ahead)), 1) * LIGHT_DISTANCE
    places = places - torch.tensor([0.0, 0.0, DISTANCE])  # camera axes, whose origin is the camera
    B, K = len(camera), len(LIGHT_COLOURS)
    return Lights(
        positions=camera.to_world(places.to(camera.position).expand(B, K, 3)),
        colours=torch.tensor(LIGHT_COLOURS).expand(B, K, 3),
        ambient=torch.full((B, 3), AMBIENT),
        quadratic=QUADRATIC,
    )


def object_mesh(split: str, number: int) -> trimesh.Trimesh:
    """Object `number` of a split, in the ball of radius `REACH`."""
    require_choice("split", split, SPLITS)
    mesh = make_object(CATEGORIES[number % len(CATEGORIES)], split, number // len(CATEGORIES))
    return trimesh.Trimesh(mesh.vertices * (REACH / np.linalg.norm(mesh.vertices, axis=1).max()), mesh.faces)


def see(mesh: trimesh.Trimesh, camera: Cameras, size: int) -> Seen:
    """What cameras see of a mesh, by ray casting; from either side of a face, smooth as `scene_objects.Shape` is.

    A mesh without faces is not seen.
    """
    B = len(camera)
    depth, normals = torch.full((B, size * size), torch.inf), torch.zeros(B, size * size, 3)
    if len(mesh.faces):
        shape, rotation = Shape(mesh), camera.rotation().double()
        rays = camera.rays(size, size).view(-1, 3).double()
        for i in range(B):
            directions = (rays @ rotation[i]).numpy()
            origins = np.broadcast_to(camera.position[i].double().numpy(), directions.shape)
            hits = shape.cast(origins, directions)
            depth[i] = torch.from_numpy(hits.steps)
            normals[i] = torch.from_numpy(hits.normals) @ rotation[i].mT
    return Seen(depth.view(B, 1, size, size), normals.view(B, size, size, 3).permute(0, 3, 1, 2).contiguous())


def lit(seen: Seen, camera: Cameras, lights: Lights) -> Tensor:
    """Pictures (B, 3, S, S) in [0, 1] of grey surfaces by Eq. (1), black where there is nothing."""
    there = seen.depth.isfinite()
    size = seen.depth.shape[-1]
    points = camera.rays(size, size).permute(2, 0, 1) * seen.depth.where(there, torch.full_like(seen.depth, DISTANCE))
    lights = replace(lights, positions=camera.to_camera(lights.positions))
    image = shade(points.permute(0, 2, 3, 1), seen.normals.permute(0, 2, 3, 1), lights, ALBEDO)
    return image.permute(0, 3, 1, 2).clamp(0, 1) * there


def surface_points(mesh: trimesh.Trimesh, cells: np.ndarray, seed: int = 0) -> Tensor:
    """`POINTS` points (P, 3) spread evenly over a surface, but for faces that are buried deeper than a cell in `cells`
    (28, 28, 28) bool, where parts of a mesh overlap; the same for the same seed. A mesh without faces has none."""
    if not len(mesh.faces):
        return torch.zeros(0, 3)
    points = trimesh.sample.sample_surface(mesh, 3 * POINTS, seed=seed)[0]
    buried = torch.from_numpy(ndimage.binary_erosion(cells, np.ones((3, 3, 3))))
    at = voxel_grids.world_to_grid(torch.from_numpy(points), cells.shape)  # width, height, depth in [−1, 1]
    w, h, d = ((at + 1) * (CELLS / 2)).floor().long().clamp(0, CELLS - 1).unbind(1)
    kept = points[~buried[d, h, w].numpy()]
    return torch.from_numpy(np.resize(kept, (POINTS, 3))).float() if len(kept) else torch.zeros(0, 3)


def load_compared(split: str, *, count: int, size: int = 64, truth: bool = False) -> ComparedSet:
    """The first `count` objects of a split, rendered now or taken from the cache; shows a bar if rendered.

    Args:
        split: `train` or `test`; they share no object.
        count: how many. More of them begin with the same ones.
        size: of the square pictures in pixels, 8 to 256.
        truth: whether to make `ComparedSet.truth`, too, which takes five times as long.

    Raises:
        ValueError: an argument is out of its range.
    """
    require_choice("split", split, SPLITS)
    if type(count) is not int or count < 1:
        raise ValueError(f"count: expected a whole number, 1 or more; got {count!r}")
    if type(size) is not int or not SIZES[0] <= size <= SIZES[1]:
        raise ValueError(f"size: expected a whole number from {SIZES[0]} to {SIZES[1]}, got {size!r}")
    blocks = _blocks(split, -(-count // BLOCK), size, truth)
    parts = {name: torch.cat([block[name] for block in blocks])[:count] for name in blocks[0]}
    azimuth, elevation = parts["views"].unbind(1)
    more = None
    if truth:
        depth, normals = parts["depth"], F.normalize(parts["normals"].float(), dim=2)  # (B, 5, ...)
        seen, further = Seen(depth[:, 0], normals[:, 0]), Seen(depth[:, 1:], normals[:, 1:])
        further_images = parts["further_images"].float() / 255
        more = Truth(unpack(parts["cells"]), seen, parts["points"], further, further_images)
    return ComparedSet(split, parts["images"].float() / 255, azimuth, elevation, more, torch.arange(count))


PICTURES = ("images", "views")  # parts of a block in the cache
MEASURED = ("cells", "depth", "normals", "points", "further_images")


def _blocks(split: str, count: int, size: int, truth: bool) -> list[dict[str, Tensor]]:
    """Rendered blocks; each is cached as soon as it is done, in one step."""
    names = PICTURES + MEASURED if truth else PICTURES
    files = [_file(split, index, size, truth) for index in range(count)]
    found = [load_block(file, names) for file in files]
    missing = [index for index, block in enumerate(found) if block is None]
    with tqdm(total=len(missing) * BLOCK, desc="Objects", unit="object", disable=not missing) as bar:
        for index in missing:
            made = []
            for number in range(index * BLOCK, (index + 1) * BLOCK):
                made.append(_object(split, number, size, truth))
                bar.update()
            found[index] = {name: torch.stack([one[name] for one in made]) for name in names}
            save_block(files[index], found[index])
    return found


def _object(split: str, number: int, size: int, truth: bool) -> dict[str, Tensor]:
    mesh = object_mesh(split, number)
    rng = np.random.default_rng([SEED, SPLITS.index(split), number])
    views = torch.tensor([rng.uniform(-math.pi, math.pi), math.radians(rng.uniform(*ELEVATIONS))], dtype=torch.float32)
    azimuth, elevation = views[:1], views[1:]
    if truth:
        azimuth = torch.cat((azimuth, azimuth + torch.tensor(TURNS).deg2rad()))
        elevation = torch.cat((elevation, torch.full((len(TURNS),), math.radians(FURTHER_ELEVATION))))
    camera = cameras_at(azimuth, elevation)
    seen, lights = see(mesh, camera, size), lights_about(camera[:1])
    everywhere = Lights(*(part.expand(len(camera), -1, -1) for part in (lights.positions, lights.colours)),
                        lights.ambient.expand(len(camera), -1), quadratic=QUADRATIC)  # fmt: skip
    images = lit(seen, camera, everywhere).mul(255).round().to(torch.uint8)
    made = {"images": images[0], "views": views}
    if not truth:
        return made
    cells = voxelise(mesh, CELLS)
    return made | {
        "cells": torch.from_numpy(np.packbits(cells.reshape(-1))),
        "depth": seen.depth,
        "normals": seen.normals.to(torch.float16),
        "points": surface_points(mesh, cells, seed=number),
        "further_images": images[1:],
    }


def _file(split: str, index: int, size: int, truth: bool) -> Path:
    told = "truth" if truth else "pictures"
    key = f"{code_hash(*CODE)[:12]}{VERSION}"
    return paths.DATA / "cache" / f"compared-{split}-{told}-{size}-{index:04d}-{key}.safetensors"
