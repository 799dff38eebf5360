"""ModelNet (Wu et al. 2015): the meshes of ModelNet40 in their official archive, and voxels of two of its categories.

The meshes are the data of Uçar 2019, Sec. 3.3. They are looked for as `ModelNet40.zip` or unpacked as `ModelNet40/`, in
the official layout `ModelNet40/<category>/<train|test>/<category>_0001.off`. An object that cannot be used (no face,
NaN, no extent, not an OFF file) is left out and counted; a damaged archive is refused.

The voxels, `modelnet10-voxels/<class>.npy.gz`, are a published copy of the chairs and monitors of ModelNet10 as hollow
32³ shells; their pictures are silhouettes.
"""

import gzip
import hashlib
import lzma
import re
import struct
import sys
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
import trimesh
from numpy.lib import format as npy
from scipy.ndimage import binary_fill_holes
from torch import Tensor
from tqdm import tqdm

from inverse_graphics import paths
from inverse_graphics.datasets.images import DatasetError, GroundTruth, one_line
from inverse_graphics.datasets.rendered import (
    CATEGORIES,
    SIDE,
    Block,
    Choose,
    Entry,
    read,
    render,
    restrict,
    round_robin,
)
from inverse_graphics.files import sha256
from inverse_graphics.renderers.mesh_views import REACH, normalise_mesh

BLOCK = 20  # meshes rendered and cached together
BROKEN = (  # what zipfile raises at an archive that is damaged, packed strangely, or wants a password (RuntimeError)
    *(OSError, EOFError, RuntimeError, zipfile.BadZipFile),
    *(zlib.error, lzma.LZMAError, struct.error),
)
MOST_BYTES = 256 << 20  # of an OFF file; a larger one is left out, because reading it takes several times that

VOXEL_CLASSES = ("chair", "monitor")
VOXEL_SIDE = 32
MOST_VOXELS = 5000  # grids in a file; a header that promises more is taken for damage, so it cannot fill the memory
SEED = 2019  # of the split of the voxels, whose file does not know the official one
TEST_SHARE = 12  # percent

# Source axes are x, y, z up. Chairs face −y and monitors −x: their viewers look along +y and +x.
TO_GRID = {
    "chair": lambda grid: grid.transpose(1, 2, 0)[:, ::-1],  # depth y, height −z, width x
    "monitor": lambda grid: grid.transpose(0, 2, 1)[:, ::-1, ::-1],  # depth x, height −z, width −y
}


def present_modelnet40(split: str, classes: Sequence[str] | None = None) -> bool:
    """Whether ModelNet40 is on this machine, with objects of each of these classes (None: of all six) in a split.

    A damaged archive counts as there: reading it says what is wrong, better than that it was not found.
    """
    place = _mesh_place()
    if place is None:
        return False
    try:
        listed = _list_meshes(place)
    except DatasetError:
        return True
    return all((name, split) in listed for name in restrict(classes, CATEGORIES))


def read_modelnet40(
    style: str, split: str, choose: Choose, classes: Sequence[str] | None = None
) -> tuple[Tensor, Tensor, str, GroundTruth]:
    """Pictures of ModelNet40's airplanes, cars, persons, cups, bowls and chairs, and their voxels.

    ModelNet40 is not aligned across categories: azimuth 0 is a chair's front, but some airplanes' side.

    Args:
        style: `shaded` or `silhouette`.
        choose: from the number of pictures there are to the indices wanted, in order. Pictures of objects that
            cannot be used are counted there, but left out of what is returned.
        classes: which of `CATEGORIES`; None takes all. Labels are indices into `CATEGORIES` in any case.

    Returns:
        Images (B, 1, 28, 28) float32 in [0, 1], labels (B,) int64, words for where they come from, and the truth.

    Raises:
        ValueError: unknown style or class.
        DatasetError: the archive is missing or damaged, or no object can be used; the message names it.
    """
    place = _mesh_place()
    if place is None:
        raise DatasetError("ModelNet40.zip is not on this machine")
    listed, wanted = _list_meshes(place), restrict(classes, CATEGORIES)
    if missing := [name for name in wanted if (name, split) not in listed]:
        raise DatasetError(f"{place}: holds no {split} objects of {', '.join(missing)}")
    groups = [_mesh_entries(place, name, split, listed[name, split]) for name in wanted]
    images, labels, truth, unusable = read(round_robin(groups), style, choose)
    source = f"ModelNet40 (Wu et al. 2015), official {split} split, {', '.join(wanted)}, 12 views each"
    if unusable:
        source += f"; {unusable} unusable objects left out"
    return images, labels, source, truth


def present_voxels(split: str, classes: Sequence[str] | None = None) -> bool:
    """Whether the voxel files of these classes (None: of both) are on this machine; they hold both splits."""
    return all(_voxel_file(name) for name in restrict(classes, VOXEL_CLASSES))


def read_voxels(
    split: str, choose: Choose, classes: Sequence[str] | None = None
) -> tuple[Tensor, Tensor, str, GroundTruth]:
    """Silhouettes of the voxels of ModelNet10's chairs and monitors, and the voxels.

    The split is ours: 12 % of the distinct objects of a class, drawn with `SEED`, are the test split.

    Args:
        choose: from the number of pictures there are to the indices wanted, in order.
        classes: which of `VOXEL_CLASSES`; None takes both. Labels are indices into `VOXEL_CLASSES` in any case.

    Returns:
        Images (B, 1, 28, 28) float32 in [0, 1], labels (B,) int64, words for where they come from, and the truth.

    Raises:
        ValueError: unknown class.
        DatasetError: a file is missing or damaged; the message names it.
    """
    groups, counts = [], []
    for name in restrict(classes, VOXEL_CLASSES):
        block = _voxel_block(name)
        distinct = render([block])[0].usable.nonzero().flatten().numpy()
        order = np.random.default_rng(SEED).permutation(distinct)
        first = len(order) * TEST_SHARE // 100
        part = order[:first] if split == "test" else order[first:]
        groups.append([Entry(VOXEL_CLASSES.index(name), block, index) for index in part.tolist()])
        counts.append(f"{len(part)} {name}s")
    images, labels, truth, _ = read(round_robin(groups), "silhouette", choose)
    source = (
        f"ModelNet10 (Wu et al. 2015) as 32³ voxels, {' and '.join(counts)} of this project's {split} split, "
        "12 silhouettes each"
    )
    return images, labels, source, truth


# Meshes


class _Member(NamedTuple):
    name: str  # in the archive, or under the folder
    key: str  # changes when its contents do
    size: int  # bytes


def _mesh_place() -> Path | None:
    """The archive or the folder; the first there is."""
    for folder in paths.data_folders():
        if (archive := folder / "ModelNet40.zip").is_file():
            return archive
        for name in ("ModelNet40", "modelnet40"):
            if (folder / name).is_dir():
                return folder / name
    return None


def _list_meshes(place: Path) -> dict[tuple[str, str], list[_Member]]:
    """Members of the six categories by (category, split), sorted by name."""
    official = re.compile(rf"(?:.*/)?({'|'.join(CATEGORIES)})/(train|test)/\1_\d+\.off")
    if place.is_dir():
        files = [file for name in CATEGORIES for file in place.glob(f"{name}/*/*.off")]
        states = [(file, file.stat()) for file in files]
        # Size and time instead of a hash: the hash would read gigabytes each time to learn that nothing changed.
        members = [
            _Member(file.relative_to(place).as_posix(), f"{state.st_size} {state.st_mtime_ns}", state.st_size)
            for file, state in states
        ]
    else:
        with _opened(place) as archive:
            members = [_Member(info.filename, f"{info.CRC:08x}", info.file_size) for info in archive.infolist()]
    listed = {}
    for member in sorted(members):
        if match := official.fullmatch(member.name):
            listed.setdefault(match.groups(), []).append(member)
    return listed


@contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(archive) as opened:
            yield opened
    except BROKEN as error:
        raise _unreadable(archive, error) from error


def _mesh_entries(place: Path, category: str, split: str, members: list[_Member]) -> list[Entry]:
    entries = []
    for first in range(0, len(members), BLOCK):
        part = members[first : first + BLOCK]
        key = hashlib.sha256(repr(part).encode()).hexdigest()
        block = Block(f"modelnet40-{category}-{split}-{first:03d}", key, len(part), partial(_meshes, place, part))
        entries += [Entry(CATEGORIES.index(category), block, i) for i in range(len(part))]
    return entries


def _meshes(place: Path, members: list[_Member]) -> Iterator[trimesh.Trimesh | None]:
    """Normalised meshes with y up; None for one that cannot be used, and a line that says why."""
    if place.is_dir():
        yield from (_mesh(member, lambda name: (place / name).read_bytes()) for member in members)
    else:
        with _opened(place) as archive:  # members are read, never unpacked: no name in it can reach out of a folder
            yield from (_mesh(member, archive.read) for member in members)


def _mesh(member: _Member, read_bytes: Callable[[str], bytes]) -> trimesh.Trimesh | None:
    try:
        if member.size > MOST_BYTES:
            raise ValueError(f"{member.size >> 20} MiB, more than {MOST_BYTES >> 20}")
        mesh = parse_off(read_bytes(member.name))
        mesh.vertices = mesh.vertices[:, [0, 2, 1]] * (1, 1, -1)  # z up, front −y → y up, front +z
        return normalise_mesh(mesh)
    except ValueError as error:
        tqdm.write(f"{member.name}: left out ({error})", file=sys.stderr)
        return None


def parse_off(data: bytes) -> trimesh.Trimesh:
    """A mesh from the text of an OFF file; polygons become fans of triangles.

    Takes the headers of ModelNet40 that miss the line break after OFF (`OFF490 518 0`). Trimesh reads these too, but
    takes several times as long, and takes a file that was cut short for a whole one.

    Raises:
        ValueError: it is not an OFF file, or holds less than its header says.
    """
    text = re.sub(rb"#[^\n]*", b"", data) if b"#" in data else data
    text = text.lstrip()
    if not text.startswith(b"OFF"):
        raise ValueError(f"expected an OFF file, it starts with {data[:12]!r}")
    try:
        numbers = np.fromstring(text[3:], sep=" ")
    except (ValueError, DeprecationWarning) as error:
        raise ValueError("expected numbers after OFF, got something else") from error
    if len(numbers) < 3 or not (np.isfinite(numbers[:3]).all() and (numbers[:3] >= 0).all()):
        raise ValueError(f"expected the numbers of vertices and faces, got {numbers[:3]}")
    V, F = (int(number) for number in numbers[:2])  # the third, of edges, is often wrong
    vertices, polygons = numbers[3 : 3 + 3 * V], numbers[3 + 3 * V :]
    if len(vertices) < 3 * V or len(polygons) < 4 * F:
        raise ValueError(f"cut short: {V} vertices and {F} faces promised, {len(numbers) - 3} numbers found")
    return trimesh.Trimesh(vertices.reshape(V, 3), _triangles(polygons, F), process=False)


def _triangles(polygons: np.ndarray, count: int) -> np.ndarray:
    """(F, 3) of a list n, i₁ … i_n, n, i₁ …"""
    if not (np.abs(polygons) < 1 << 53).all():  # NaN compares false
        raise ValueError("a face holds NaN, infinity or a number too large")
    indices = polygons.astype(np.int64)
    plain = indices[: 4 * count].reshape(count, 4)
    if (plain[:, 0] == 3).all():
        return plain[:, 1:]
    triangles, start = [], 0
    for _ in range(count):
        if start >= len(indices) or not 0 < (n := int(indices[start])) < len(indices) - start:
            raise ValueError("the list of faces is cut short")
        corners = indices[start + 1 : start + 1 + n]
        triangles += [(corners[0], corners[i], corners[i + 1]) for i in range(1, n - 1)]
        start += 1 + n
    return np.array(triangles, np.int64).reshape(-1, 3)


# Voxels


def _voxel_file(name: str) -> Path | None:
    files = (folder / "modelnet10-voxels" / f"{name}.npy.gz" for folder in paths.data_folders())
    return next((file for file in files if file.is_file()), None)


def _voxel_block(name: str) -> Block:
    file = _voxel_file(name)
    if file is None:
        raise DatasetError(f"modelnet10-voxels/{name}.npy.gz is not on this machine")
    try:
        with gzip.open(file) as stream:
            count = _voxel_header(stream, file)[0]
        key = sha256(file)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise _unreadable(file, error) from error
    return Block(f"modelnet10-{name}", key, count, lambda: _voxel_shapes(name, file))


def _unreadable(file: Path, error: Exception) -> DatasetError:
    return DatasetError(f"{file}: cannot be read, so it is not used ({one_line(error)})")


def _voxel_header(stream: BinaryIO, file: Path) -> tuple[int, np.dtype]:
    version = npy.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"npy version {version}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of headers that Python 2 wrote
        try:
            shape, column_major, dtype = npy.read_array_header_1_0(stream)
        except (tokenize.TokenError, SyntaxError, MemoryError, RecursionError) as error:  # numpy parses it as Python
            raise ValueError("its header cannot be parsed") from error
    if len(shape) != 5 or shape[1:] != (1, *(VOXEL_SIDE,) * 3) or not 0 < shape[0] <= MOST_VOXELS:
        raise DatasetError(f"{file}: expected shape (1..{MOST_VOXELS}, 1, 32, 32, 32), got {shape}; it is not used")
    if column_major or dtype.kind not in "fbiu":
        raise DatasetError(f"{file}: expected numbers in C order, got {dtype}; it is not used")
    return shape[0], dtype


def hollow_shells(voxels: Tensor) -> Tensor:
    """The hollow shells that grids (N, 28, 28, 28) bool of `read_voxels` were before their insides were filled.

    Raises:
        ValueError: a grid is not of `read_voxels`.
        DatasetError: a file is damaged; the message names it.
    """
    shells: dict[bytes, np.ndarray] = {}
    for name in VOXEL_CLASSES:
        for shell in _shells(name, file) if (file := _voxel_file(name)) else ():
            if shell is not None:
                shells.setdefault(to_our_grid(shell).tobytes(), to_our_grid(shell, fill=False))
    keys = [grid.tobytes() for grid in voxels.numpy()]
    if strangers := sum(key not in shells for key in keys):
        raise ValueError(f"voxels: expected grids of modelnet10_voxels, got {strangers} of {len(keys)} that are not")
    return torch.from_numpy(np.stack([shells[key] for key in keys]))


def _voxel_shapes(name: str, file: Path) -> Iterator[np.ndarray | None]:
    """Each grid of a file in our convention; None for an empty one and for one equal, in our grid, to one before."""
    seen = set()
    for shell in _shells(name, file):
        grid = None if shell is None else to_our_grid(shell)
        yield None if grid is None or grid.tobytes() in seen else grid
        seen.add(None if grid is None else grid.tobytes())


def _shells(name: str, file: Path) -> Iterator[np.ndarray | None]:
    """Each shell of a file, its axes as ours; None for an empty one.

    Reads one at a time, so the file never takes more memory than that, however much it unpacks to.
    """
    try:
        with gzip.open(file) as stream:
            count, dtype = _voxel_header(stream, file)
            for _ in range(count):
                data = stream.read(dtype.itemsize * VOXEL_SIDE**3)
                values = np.frombuffer(data, dtype)
                if values.size != VOXEL_SIDE**3 or not np.isin(values, (0, 1)).all():
                    raise ValueError("a grid is cut short" if values.size != VOXEL_SIDE**3 else "values beside 0 and 1")
                occupied = values.reshape((VOXEL_SIDE,) * 3).astype(bool)
                yield TO_GRID[name](occupied) if occupied.any() else None
            if stream.read(1):
                raise ValueError("more bytes than its header says")
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise _unreadable(file, error) from error


def to_our_grid(shell: np.ndarray, *, fill: bool = True) -> np.ndarray:
    """Bring a shape to a 28³ grid: centred, shrunk until it stays inside when turned, if asked, its inside filled.

    Each occupied cell marks the cell that its centre falls into. As the scale is at most 1, cells that touched still
    touch: shells stay closed and thin legs whole, which sampling the target's centres would not promise, and no wall
    gets thicker, as it would by marking every cell touched.

    Args:
        shell: (D, H, W) bool, any size, not empty.

    Returns:
        (28, 28, 28) bool.
    """
    cells = np.argwhere(shell).astype(float)
    cells -= (cells.min(0) + cells.max(0)) / 2
    depth, height, width = np.abs(cells).T
    reach = REACH * SIDE / 2 - 0.5  # half a cell beyond the outermost centre is still occupied
    scale = min(1.0, reach / max(np.hypot(depth, width).max(), height.max(), 1e-9))  # 1e-9: a single cell has no extent
    grid = np.zeros((SIDE,) * 3, bool)
    grid[tuple(np.floor(cells * scale + SIDE / 2).astype(int).T)] = True
    return binary_fill_holes(grid) if fill else grid
