"""Pictures rendered from shapes: twelve views of each object, made once and kept in `data/cache/` (ignored by git).

Uçar 2019, Sec. 3.3: "12 evenly spaced viewpoints" about the vertical axis, 28×28 pixels, orthographic. Pictures are in
the order of their objects: object i seen from azimuth k · 30° is picture 12 i + k, and k = 0 is the front.

Objects come in blocks, which are rendered and cached together, so that a subset costs only the blocks it touches. A
cache file bears a hash of what its pictures depend on in its name, and a hash of its contents inside: one that is
stale is not found, and one that is damaged is made again.
"""

import functools
import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import trimesh
from torch import Tensor
from tqdm import tqdm

from inverse_graphics import paths
from inverse_graphics.checks import require_choice
from inverse_graphics.datasets.block_cache import load_block, save_block
from inverse_graphics.datasets.images import DatasetError, GroundTruth
from inverse_graphics.renderers import mesh_views

VERSION = 1  # raise it when the same shapes shall give other pictures: every cache file is then made again
CATEGORIES = ("airplane", "car", "person", "cup", "bowl", "chair")  # of ModelNet40, those of the paper
VIEWS = 12
SIDE = 28  # pixels of a picture and cells of a grid
STYLES = ("shaded", "silhouette")
AZIMUTHS = (torch.arange(VIEWS) * (2 * math.pi / VIEWS) + math.pi).remainder(2 * math.pi) - math.pi  # in [−π, π)
RAYS = 8  # per column of a voxel silhouette. Raising it refines the grey levels along vertical edges

Choose = Callable[[int], Tensor]


@dataclass(frozen=True)
class Block:
    """Objects that are rendered and cached together.

    Fields:
        name: start of the cache file's name; letters, digits and hyphens.
        key: names all that the shapes depend on, such as a hash of their file.
        size: number of objects, those included that turn out to be unusable.
        shapes: makes them, in order: a mesh with y up and its front towards +z, or an occupancy grid
            (28, 28, 28) bool; None where an object cannot be used.
    """

    name: str
    key: str
    size: int
    shapes: Callable[[], Iterable[trimesh.Trimesh | np.ndarray | None]]


class Views(NamedTuple):
    """A rendered block of N objects.

    Fields:
        usable: (N,) bool; where false, the rest is 0.
        shaded: (N, 12, 28, 28) uint8; silhouettes again where the shapes were grids, which have no normals.
        silhouette: (N, 12, 28, 28) uint8.
        cells: (N, 2744) uint8, the grids' 28³ bits packed.
    """

    usable: Tensor
    shaded: Tensor
    silhouette: Tensor
    cells: Tensor


class Entry(NamedTuple):
    """One object of a set: its label, and which object of which block it is."""

    label: int
    block: Block
    index: int


def cache_folder() -> Path:
    """Where rendered blocks are kept; deleting it costs only time."""
    return paths.DATA / "cache"


def cache_file(block: Block) -> Path:
    """Where a block is kept."""
    key = hashlib.sha256(f"{VERSION} {mesh_views.VERSION} {block.name} {block.size} {block.key}".encode()).hexdigest()
    return cache_folder() / f"{block.name}-{key[:16]}.safetensors"


def render(blocks: Sequence[Block]) -> list[Views]:
    """Render blocks, or load them from the cache; shows a progress bar if any has to be rendered.

    A block is cached as soon as it is done, in one step, so an interrupted run is taken up at the block it was in.
    """
    found = [load_block(cache_file(block), Views._fields) for block in blocks]
    cached = [None if tensors is None else Views(**tensors) for tensors in found]
    work = sum(block.size for block, views in zip(blocks, cached, strict=True) if views is None)
    with tqdm(total=work, desc="Rendering", unit="object", disable=not work) as bar:
        return [views or _make(block, bar) for block, views in zip(blocks, cached, strict=True)]


def read(entries: Sequence[Entry], style: str, choose: Choose) -> tuple[Tensor, Tensor, GroundTruth, int]:
    """The chosen pictures of a set; renders only the blocks they need.

    Args:
        entries: the objects of the set, in order.
        style: `shaded` or `silhouette`.
        choose: from the number of pictures there are to the indices wanted, in order.

    Returns:
        Images (B, 1, 28, 28) float32 in [0, 1], labels (B,) int64, their truth with one grid per object shown, and
        how many of the objects wanted were left out because they cannot be used.

    Raises:
        ValueError: unknown style.
        DatasetError: none of the objects wanted can be used.
    """
    require_choice("style", style, STYLES)
    indices = torch.as_tensor(choose(len(entries) * VIEWS), dtype=torch.int64)
    numbers, objects = torch.unique(indices // VIEWS, return_inverse=True)
    shown = [entries[number] for number in numbers.tolist()]
    blocks = list({id(entry.block): entry.block for entry in shown}.values())
    views = dict(zip(map(id, blocks), render(blocks), strict=True))

    def gather(field: str) -> Tensor:
        return torch.stack([getattr(views[id(entry.block)], field)[entry.index] for entry in shown])

    usable = gather("usable")
    if not usable.any():
        raise DatasetError(f"none of the {len(shown)} objects can be used; the first is in {shown[0].block.name}")
    kept = usable[objects]
    objects, view = objects[kept], (indices % VIEWS)[kept]
    images = gather(style)[objects, view].unsqueeze(1).to(torch.float32).div_(255)  # (B, 1, H, W)
    labels = torch.tensor([entry.label for entry in shown])[objects]
    renumbered = usable.cumsum(0) - 1
    truth = GroundTruth(unpack(gather("cells")[usable]), renumbered[objects], AZIMUTHS[view])
    return images, labels, truth, int((~usable).sum())


def round_robin(groups: Sequence[Sequence[Entry]]) -> list[Entry]:
    """One of each group in turn until all are used up, so that the first few are of all groups."""
    longest = max(map(len, groups), default=0)
    return [group[i] for i in range(longest) for group in groups if i < len(group)]


def restrict(classes: Sequence[str] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """The classes wanted, in the order of `known`."""
    if classes is None:
        return known
    if isinstance(classes, str) or not classes:
        raise ValueError(f"classes: expected a sequence of class names or None, got {classes!r}")
    for name in classes:
        require_choice("classes", name, known)
    return tuple(name for name in known if name in classes)


def grid_silhouettes(voxels: np.ndarray) -> np.ndarray:
    """Silhouettes of solid cells: each of a picture's rays is 1 if it passes through an occupied cell, else 0.

    Unlike P = 1 − exp(−Σ V), Eq. (2), a single cell is as white as a hundred. Rotation about the vertical axis leaves
    rows alone, so a picture row is the image of one plane of cells. Its rays are the rows of a 0/1 matrix that says
    which cells each passes through, exactly; `RAYS` of them are averaged to a pixel.

    Args:
        voxels: (N, S, S, S) bool.

    Returns:
        (N, 12, S, S) uint8.
    """
    N, S = voxels.shape[:2]
    planes = voxels.transpose(0, 2, 1, 3).reshape(N * S, S * S).astype(np.float32)  # one row of the picture each
    views = []
    for azimuth in AZIMUTHS.tolist():
        met = planes @ _cells_on_rays(azimuth, S) > 0  # (N·H, W·RAYS)
        views.append(met.reshape(N, S, S, RAYS).mean(-1))
    return np.rint(255 * np.stack(views, 1)).astype(np.uint8)


def unpack(cells: Tensor) -> Tensor:
    """(N, 2744) packed bits → (N, 28, 28, 28) bool."""
    bits = np.unpackbits(cells.numpy(), axis=1, count=SIDE**3)
    return torch.from_numpy(bits.reshape(-1, SIDE, SIDE, SIDE).astype(bool))


@functools.cache
def _cells_on_rays(azimuth: float, side: int) -> np.ndarray:
    """(side², side · RAYS) float32, 1 where the cell (d, w) is on the ray; in units of cells about the axis."""
    centres = np.arange(side) - (side - 1) / 2
    d, w = (axis.reshape(-1, 1) for axis in np.meshgrid(centres, centres, indexing="ij"))
    across = (np.arange(side * RAYS) + 0.5) / RAYS - side / 2
    # World x = w and z = −d, so the column at which the viewer (geometry.cameras) sees a cell is w cos θ + d sin θ.
    offset = np.abs(w * math.cos(azimuth) + d * math.sin(azimuth) - across)
    # A ray at distance p from a unit square's centre meets it if p is less than half the square's width seen from
    # there. Touching a corner is not enough: it would make walls that lie along the rays one ray wider.
    return (offset < (abs(math.cos(azimuth)) + abs(math.sin(azimuth))) / 2 - 1e-6).astype(np.float32)


def _make(block: Block, bar: tqdm) -> Views:
    blank = np.zeros((VIEWS, SIDE, SIDE), np.uint8)
    nothing = (False, blank, blank, np.zeros((SIDE,) * 3, bool))
    made = []
    for shape in block.shapes():
        if shape is None:
            made.append(nothing)
        elif isinstance(shape, np.ndarray):
            silhouette = grid_silhouettes(shape[None])[0]
            made.append((True, silhouette, silhouette, shape))
        else:
            made.append((True, *mesh_views.render_views(shape, AZIMUTHS.tolist(), SIDE), mesh_views.voxelise(shape)))
        bar.update()
    usable, shaded, silhouette, grids = (np.stack(parts) for parts in zip(*made, strict=True))
    if len(usable) != block.size:
        raise DatasetError(f"{block.name}: expected {block.size} objects, got {len(usable)}")
    cells = np.packbits(grids.reshape(block.size, -1), axis=1)
    views = Views(*map(torch.from_numpy, (usable, shaded, silhouette, cells)))
    save_block(cache_file(block), views._asdict())
    return views
