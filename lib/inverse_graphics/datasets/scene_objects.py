"""Things to put into a room, ready for rays: primitives, a teapot, household objects, an animal, furniture.

What has a name of the world outside (teapot, bunny, bowl, ...) is read from the user's meshes where they are there,
`meshes/` in a folder of `paths.data_folders()`; else this project draws it, and the name says "(made up)". Every drawer
works with y up, in whatever unit suits it: where a shape is placed, it is scaled anyway.
"""

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import trimesh
from numpy.random import Generator
from scipy.sparse import coo_array
from skimage.measure import marching_cubes
from trimesh.ray.ray_pyembree import RayMeshIntersector

from inverse_graphics import paths
from inverse_graphics.datasets.images import DatasetError
from inverse_graphics.datasets.objects import DRAWERS, Solid
from inverse_graphics.renderers.mesh_views import normalise_mesh

SEED = 2018
CREASE = 40  # degrees between faces up to which their edge is smooth. Raising it rounds a teapot's rim, then a box
PRIMITIVES = ("box", "sphere", "cone", "cylinder", "torus")
SHAPES = (*PRIMITIVES, "teapot")
HOUSEHOLD = ("bowl", "bottle", "mug", "can", "cap", "bag")
FURNITURE = ("bed", "table", "chair", "shelf", "wardrobe")
VARIANTS = {"train": 60, "test": 20}  # different shapes of a drawn class; those of the two splits differ

SYNSETS = {  # folders of ShapeNetCore (Chang et al. 2015)
    "bowl": "02880940",
    "bottle": "02876657",
    "mug": "03797390",
    "can": "02946921",
    "cap": "02954340",
    "bag": "02773838",
}
FILES = {  # in `meshes/`: single shapes, both splits get the same
    "teapot": ("test-models/teapot.obj",),
    "bunny": ("test-models/stanford-bunny.obj",),
    "bowl": ("household/bowl.stl",),
    "bottle": ("household/waterbottle.stl",),
    "mug": ("household/coffeemug.stl", "household/cup.stl"),
}

Y_UP = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])  # from z up, of trimesh's shapes and STL
# Radius and height of a cone's profile. Normals are off in the ring at the tip, where they converge: so it is small.
CONE = np.array([(0, 0), *((radius, 1 - 2 * radius) for radius in np.geomspace(0.5, 0.005, 16)), (0, 1)])


class Hits(NamedTuple):
    """Where rays meet a shape first.

    Fields:
        steps: (N,) float64, how many times its direction's length each ray goes; infinite where it meets nothing.
        normals: (N, 3) float64 unit, towards where the ray comes from; 0 where it meets nothing.
    """

    steps: np.ndarray
    normals: np.ndarray


class Shape:
    """A mesh that rays can be cast at, smooth where its faces meet at a small angle.

    `outline` (K, 3) are the corners of its convex hull: enough to tell how far it reaches in any pose.
    """

    def __init__(self, mesh: trimesh.Trimesh) -> None:
        # Corners that coincide become one, else no edge is smooth.
        mesh = trimesh.Trimesh(mesh.vertices, mesh.faces, process=True)
        mesh.update_faces(mesh.nondegenerate_faces())
        a, b, c = np.asarray(mesh.triangles).transpose(1, 0, 2)
        self.outline = np.asarray(mesh.convex_hull.vertices)
        self._corner, self._flat = a, _unit(np.cross(b - a, c - a))
        # Towards b and towards c in the face's plane, scaled so that a point's product with them is its share of each.
        duals = np.stack((np.cross(c - a, self._flat), np.cross(self._flat, b - a)), 1)
        self._duals = duals / (duals[:, :1] * (b - a)[:, None]).sum(2, keepdims=True)
        self._corner_normals = smooth_normals(np.asarray(mesh.faces), self._flat, mesh.face_angles)
        self._intersector = RayMeshIntersector(mesh, scale_to_box=False)

    def cast(self, origins: np.ndarray, directions: np.ndarray) -> Hits:
        """First hits of rays (N, 3), (N, 3), from either side of a face; directions need not have unit length."""
        steps, normals = np.full(len(origins), np.inf), np.zeros(origins.shape)
        face = self._intersector.intersects_first(origins, directions)
        met = np.flatnonzero(face >= 0)
        face, directions = face[met], directions[met]
        # Embree tells the face in single precision; where on it is worked out again, so that depths are exact.
        flat = self._flat[face]
        offset, sinking = self._corner[face] - origins[met], _dot(flat, directions)
        step = _dot(flat, offset) / sinking
        shares = np.einsum("ni,nki->nk", step[:, None] * directions - offset, self._duals[face])
        weights = np.concatenate((1 - shares.sum(1, keepdims=True), shares), 1)
        smooth = _unit(np.einsum("nk,nki->ni", weights, self._corner_normals[face]))
        facing = -np.sign(sinking)[:, None]
        # Near an outline the smooth normal may look away from the viewer, which no visible surface does.
        seen = _dot(smooth * facing, directions) < 0
        steps[met], normals[met] = step, np.where(seen[:, None], smooth, flat) * facing
        return Hits(steps, normals)


def smooth_normals(faces: np.ndarray, normals: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Normals at the corners of faces: the mean of the faces there that lie within `CREASE`, weighted by their angles.

    Args:
        faces: (F, 3) int, indices of vertices.
        normals: (F, 3) unit.
        angles: (F, 3) radians at the corners.

    Returns:
        (F, 3, 3) unit, corner by corner. A neighbour that is wound the other way counts with its normal turned.
    """
    corner_of, count = faces.reshape(-1), faces.max() + 1
    normals, angles = np.repeat(normals, 3, 0), angles.reshape(-1)
    at = coo_array((np.ones(len(corner_of)), (np.arange(len(corner_of)), corner_of)), (len(corner_of), count)).tocsr()
    own, other = (at @ at.T).nonzero()  # pairs of corners that share a vertex
    alike = _dot(normals[own], normals[other])
    close = np.abs(alike) > np.cos(np.radians(CREASE))
    own, other, alike = own[close], other[close], alike[close]
    weights = coo_array((np.sign(alike) * angles[other], (own, other)), (len(normals),) * 2).tocsr()
    return _unit(weights @ normals).reshape(-1, 3, 3)


@dataclass(frozen=True)
class Family:
    """Shapes of one class.

    Fields:
        name: of the class; "(made up)" where this project drew what the real meshes of are not there.
        count: how many different shapes there are.
        shape: the one of this number, from 0; kept once it is made.
        key: names all that the shapes depend on, besides this project's code.
        source: where they come from, in words.
    """

    name: str
    count: int
    shape: Callable[[int], Shape]
    key: str
    source: str


def family(name: str, split: str) -> Family:
    """The shapes of a class: the user's meshes if there are any, else drawn ones.

    Raises:
        DatasetError: a mesh file cannot be read.
    """
    if name in PRIMITIVES:
        return Family(name, 1, partial(_primitive, name), name, "")
    files, told = mesh_files(name, split)
    if files:
        stamps = [_stamp(file) for file in files]
        key = hashlib.sha256(repr(stamps).encode()).hexdigest()
        return Family(name, len(files), lambda i: _from_file(files[i], stamps[i]), key, f"{name}: {told}")
    title = f"{name} (made up)" if name in FILES or name in SYNSETS else name
    return Family(title, VARIANTS[split], partial(_drawn, name, split), name, f"{name}: made up by this project")


def mesh_files(name: str, split: str) -> tuple[list[Path], str]:
    """The user's meshes of a class, and words for where they are from; none if there are none.

    ShapeNet's come first, in its own layout: `02880940/<model>/models/model_normalized.obj` (version 2) or
    `02880940/<model>/model.obj` (version 1). About one model in ten, by the hash of its name, is of the test split;
    of so few that a split would get none, both get all. Single files are the same in both splits.
    """
    for folder in paths.data_folders():
        roots = (folder, folder / "meshes", folder / "ShapeNetCore.v2", folder / "ShapeNetCore.v1")
        for root in roots if name in SYNSETS else ():
            models = {
                model.name: file
                for model in sorted((root / SYNSETS[name]).glob("*/"))
                for file in (model / "models" / "model_normalized.obj", model / "model.obj")
                if file.is_file()
            }
            test = {model for model in models if hashlib.sha256(model.encode()).digest()[0] < 26}  # of 256
            shared = len(test) in (0, len(models))
            files = [file for model, file in models.items() if shared or (model in test) == (split == "test")]
            if files:
                return files, f"{len(files)} of ShapeNet (Chang et al. 2015){', the same in both splits' * shared}"
        if files := [file for place in FILES.get(name, ()) if (file := folder / "meshes" / place).is_file()]:
            return files, " and ".join(f"{file.parent.name}/{file.name}" for file in files)
    return [], ""


def _stamp(file: Path) -> tuple[str, int, int]:
    """Changes when the file does. A hash of hundreds of ShapeNet's files would take half a minute."""
    stat = file.stat()
    return str(file), stat.st_size, stat.st_mtime_ns


@functools.lru_cache(maxsize=256)
def _from_file(file: Path, stamp: tuple[str, int, int]) -> Shape:
    try:
        mesh = trimesh.load_mesh(file, skip_materials=True)
        if not isinstance(mesh, trimesh.Trimesh):
            raise ValueError("it holds no triangles")
        if file.suffix == ".stl":
            mesh.apply_transform(Y_UP)
        return Shape(normalise_mesh(mesh))  # it refuses what has no face, no extent or NaN
    except Exception as error:  # trimesh's readers raise whatever the damage happens to trip over
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise DatasetError(f"{file}: cannot be used as a mesh ({first}); replace it or move it away") from error


@functools.cache
def _primitive(name: str, number: int) -> Shape:
    return Shape(
        {
            "box": lambda: trimesh.creation.box((1, 1, 1)),
            "sphere": lambda: trimesh.creation.icosphere(subdivisions=4),
            "cone": lambda: trimesh.creation.revolve(CONE, sections=96, transform=Y_UP),
            "cylinder": lambda: trimesh.creation.cylinder(0.5, 1, sections=96, transform=Y_UP),
            "torus": lambda: trimesh.creation.torus(0.36, 0.14, 96, 48, transform=Y_UP),
        }[name]()
    )


@functools.lru_cache(maxsize=1024)
def _drawn(name: str, split: str, number: int) -> Shape:
    rng = np.random.default_rng([SEED, list(DRAWN).index(name), list(VARIANTS).index(split), number])
    return Shape(DRAWN[name](rng))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-30)  # a sliver's may be 0


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("ni,ni->n", a, b)


# Drawers


def _solid(draw: Callable[[Solid, Generator], None]) -> Callable[[Generator], trimesh.Trimesh]:
    def drawn(rng: Generator) -> trimesh.Trimesh:
        solid = Solid()
        draw(solid, rng)
        return solid.mesh()

    return drawn


def _curve(points: Sequence[tuple[float, float]], steps: int = 40) -> np.ndarray:
    """A smooth curve (steps, 2) through points, by Catmull and Rom's spline."""
    points = np.asarray(points, float)
    padded = np.concatenate((2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]))
    at = np.linspace(0, len(points) - 1 - 1e-9, steps)
    i, t = at.astype(int), (at % 1)[:, None]
    p, q, r, s = (padded[i + k] for k in range(4))
    return 0.5 * (2 * q + (r - p) * t + (2 * p - 5 * q + 4 * r - s) * t**2 + (3 * q - p - 3 * r + s) * t**3)


def _vessel(solid: Solid, outline: np.ndarray, wall: float) -> None:
    """An open vessel: its outer outline (P, 2) of (radius, y) from the bottom up, and an inner one `wall` inside."""
    inner = np.stack((np.maximum(outline[::-1, 0] - wall, 1e-3), np.maximum(outline[::-1, 1], outline[0, 1] + wall)), 1)
    low = outline[0, 1]
    solid.lathe([(1e-3, low), *outline, *inner, (1e-3, low + wall)])


def _arc(low: Sequence[float], high: Sequence[float], reach: float, power: float = 1) -> np.ndarray:
    """A handle's path (17, 3) in the plane z = 0 from one point (x, y) to another, bulging by `reach` along x."""
    turn = np.linspace(-np.pi / 2, np.pi / 2, 17)
    share = (np.sin(turn) + 1) / 2
    x = low[0] + share * (high[0] - low[0]) + reach * np.cos(turn) ** power
    return np.stack((x, low[1] + share * (high[1] - low[1]), 0 * x), 1)


def _teapot(solid: Solid, rng: Generator) -> None:
    belly, height, rim = rng.uniform(0.85, 1.1), rng.uniform(1.0, 1.5), rng.uniform(0.45, 0.6)
    widest = rng.uniform(0.3, 0.5) * height
    body = _curve([(0.6 * belly, 0), (belly, widest), (0.85 * belly, 0.72 * height), (rim, height)])
    solid.lathe([(1e-3, 0), *body, (1e-3, height)])
    knob = height + rng.uniform(0.18, 0.28)
    solid.lathe(
        [(1e-3, height - 0.02), (rim * 1.05, height - 0.02), *_curve([(rim, height + 0.02), (0.1, knob - 0.05)])]
    )
    solid.ball((0, knob, 0), (0.13, 0.11, 0.13))
    tip, low = rng.uniform(1.55, 1.8), 0.3 * height
    spout = _curve([(0.6 * belly, low), (1.05 * belly, low + 0.1), (0.85 * tip, 0.7 * height), (tip, height)], 16)
    solid.tube(np.c_[spout, 0 * spout[:, 0]], np.linspace(0.26, 0.1, 16))
    inside = -0.8 * belly
    path = _arc((inside, 0.3 * height), (inside, 0.8 * height), -rng.uniform(0.7, 1.0), rng.uniform(0.6, 1))
    solid.tube(path, rng.uniform(0.07, 0.1))


def _bowl(solid: Solid, rng: Generator) -> None:
    height, foot, bend = rng.uniform(0.45, 0.95), rng.uniform(0.3, 0.5), rng.uniform(0.5, 1)
    turn = np.linspace(0, np.pi / 2, 24)
    flare = rng.choice((0, rng.uniform(0.05, 0.15)))
    radius = foot + (1 - foot) * np.sin(turn) ** bend + flare * (turn / turn[-1]) ** 5
    _vessel(solid, np.stack((radius, height * (1 - np.cos(turn))), 1), rng.uniform(0.05, 0.09))
    solid.lathe([(1e-3, -0.12), (foot * 0.9, -0.12), (foot * 0.8, 0.04), (1e-3, 0.05)])


def _bottle(solid: Solid, rng: Generator) -> None:
    wide, neck, waist = rng.uniform(0.28, 0.42), rng.uniform(0.1, 0.16), rng.uniform(0.85, 1)
    shoulder, base = rng.uniform(0.9, 1.35), rng.uniform(1.4, 1.65)
    body = _curve([(wide, 0.05), (wide * waist, shoulder / 2), (wide, shoulder), (neck, base), (neck, 1.8)])
    solid.lathe([(1e-3, 0), (wide * 0.92, 0), *body, (1e-3, 1.8)])
    cap = neck * rng.uniform(1.1, 1.4)
    solid.lathe([(1e-3, 1.75), (cap, 1.75), (cap, 2.0), (1e-3, 2.0)])


def _mug(solid: Solid, rng: Generator) -> None:
    top, foot, belly = rng.uniform(0.6, 0.85), rng.uniform(0.75, 1), rng.uniform(-0.05, 0.12)
    along = np.linspace(0, 1, 16)
    radius = top * (foot * (1 - along) + along) + belly * np.sin(np.pi * along)
    wall, height = rng.uniform(0.05, 0.09), rng.uniform(1.3, 1.8)
    _vessel(solid, np.stack((radius, height * along), 1), wall)
    low, high = rng.uniform(0.15, 0.3), rng.uniform(0.72, 0.88)
    ends = [(np.interp(share, along, radius) - wall / 2, share * height) for share in (low, high)]
    solid.tube(_arc(*ends, rng.uniform(0.35, 0.55), rng.uniform(0.5, 1)), rng.uniform(0.07, 0.1))


def _can(solid: Solid, rng: Generator) -> None:
    height, inset = rng.uniform(1.1, 2.6), rng.uniform(0.04, 0.14)
    rim = 0.5 - inset
    profile = [(rim, 0), (0.5, inset), (0.5, height - inset), (rim, height), (rim - 0.04, height)]
    solid.lathe([(1e-3, 0), *profile, (rim - 0.04, height - 0.06), (1e-3, height - 0.06)])
    if rng.random() < 0.6:
        solid.box((rim * 0.45, height - 0.045, 0), (rim * 0.7, 0.03, rim * 0.45))  # the tab


def _cap(solid: Solid, rng: Generator) -> None:
    height, brim, droop = rng.uniform(0.65, 0.95), rng.uniform(0.55, 0.85), rng.uniform(0.05, 0.2)
    turn = np.linspace(0, np.pi / 2 - 1e-3, 20)
    dome = np.stack((np.cos(turn), height * np.sin(turn) ** rng.uniform(0.8, 1.1)), 1)
    solid.lathe([*dome, *(dome[::-1] * 0.94)])
    solid.ball((0, height, 0), (0.08, 0.05, 0.08))
    across = np.linspace(-1, 1, 25)  # the brim: a crescent in front, drooping at its sides, as a loft along x
    rings = []
    for x in 0.99 * across:
        back, front = 0.9 * np.sqrt(1 - 0.9 * x * x), 0.95 * np.sqrt(1 - x * x) + brim * (1 - x**4)
        y = 0.03 - droop * x * x
        rings.append(
            [
                (x, y - 0.03, back),
                (x, y + 0.03, back),
                (x, y + 0.03 - droop / 2, front),
                (x, y - 0.03 - droop / 2, front),
            ]
        )
    solid.loft(np.array(rings))


def _bag(solid: Solid, rng: Generator) -> None:
    wide, deep, height = rng.uniform(0.7, 1.1), rng.uniform(0.22, 0.42), rng.uniform(0.8, 1.3)
    taper, round = rng.uniform(0.7, 1.05), rng.uniform(0.25, 0.6)
    shares = np.linspace(0, 1, 14)
    swell = rng.uniform(0, 0.2) * np.sin(np.pi * shares)
    sections = [
        (height * s, 0, wide * (1 + (taper - 1) * s + bulge / 2), deep * (1 - 0.7 * s + bulge))
        for s, bulge in zip(shares, swell, strict=True)
    ]
    solid.stack(sections, round=round, sides=48)
    half, reach = wide * taper * rng.uniform(0.45, 0.75), rng.uniform(0.45, 0.9)
    turn = np.linspace(0, np.pi, 21)
    for z in ((0.0,), (-0.1, 0.1))[rng.integers(2)]:
        path = np.stack((half * np.cos(turn), height - 0.05 + reach * np.sin(turn) ** 0.7, 0 * turn + z), 1)
        solid.tube(path, 0.055)


def _animal(rng: Generator) -> trimesh.Trimesh:
    """A sitting animal with long ears: where a sum of soft balls crosses 1 (Blinn 1982), by marching cubes."""
    stout, head = rng.uniform(0.36, 0.46), rng.uniform(0.2, 0.27)
    top, front = rng.uniform(0.72, 0.9), rng.uniform(0.2, 0.38)
    balls = [((0, 0.4, -0.1), stout), ((0, 0.3, -0.2), stout * 0.9), ((0, 0.6, 0.08), 0.26), ((0, top, front), head)]
    balls += [((0, top - 0.06, front + 0.16), head * 0.6), ((0, 0.25, -0.62), rng.uniform(0.1, 0.15))]
    ear, lean, spread = rng.uniform(0.3, 0.5), rng.uniform(-0.35, 0.1), rng.uniform(0.05, 0.16)
    for side in (-1, 1):
        balls += [((side * 0.22, 0.12, 0.2), 0.15), ((side * 0.3, 0.14, -0.3), 0.2), ((side * 0.18, 0.08, 0.36), 0.11)]
        for share in np.linspace(0.1, 1, 7):
            place = (side * (0.09 + spread * share), top + 0.12 + ear * share, front - 0.05 + lean * share)
            balls.append((place, 0.085 * (1 - 0.35 * share)))
    axes = [np.linspace(low, high, 64) for low, high in ((-0.8, 0.8), (-0.2, 1.6), (-0.9, 0.9))]
    centres, radii = np.array([place for place, _ in balls]), np.array([radius for _, radius in balls])[:, None]
    # exp(3 − 3 |p − c|² / r²) is 1 at a ball's surface, and a product of one factor for each axis.
    x, y, z = (
        np.exp(1 - 3 * ((axis - centre[:, None]) / radii) ** 2) for axis, centre in zip(axes, centres.T, strict=True)
    )
    field = np.einsum("bx,by,bz->xyz", x, y, z, optimize=True)
    vertices, faces, _, _ = marching_cubes(field, 1, spacing=tuple(axis[1] - axis[0] for axis in axes))
    return trimesh.Trimesh(vertices, faces)


def _bed(solid: Solid, rng: Generator) -> None:
    """Its head towards −z, metres."""
    wide, long, low = rng.uniform(0.95, 1.7), rng.uniform(1.95, 2.15), rng.uniform(0.25, 0.4)
    solid.box((0, low / 2 + 0.05, 0), (wide, low - 0.1, long))
    solid.box((0, low + 0.1, 0.03), (wide * 0.97, 0.2, long * 0.97), top=0.96)
    head = rng.uniform(0.75, 1.1)
    solid.box((0, head / 2, -long / 2 - 0.04), (wide, head, 0.08))
    if rng.random() < 0.5:
        solid.box((0, 0.3, long / 2 + 0.04), (wide, 0.6, 0.08))
    pillows = (0,) if wide < 1.3 else (-wide / 4, wide / 4)
    for x in pillows:
        solid.box((x, low + 0.27, -long / 2 + 0.28), (0.62, 0.16, 0.4), top=0.75)


def _table(solid: Solid, rng: Generator) -> None:
    wide, deep, high = rng.uniform(0.8, 1.4), rng.uniform(0.6, 0.9), rng.uniform(0.65, 0.78)
    solid.box((0, high - 0.035, 0), (wide, 0.07, deep))
    bar = rng.uniform(0.06, 0.1)
    for x in (-1, 1):
        for z in (-1, 1):
            solid.box((x * (wide - bar) / 2, high / 2 - 0.03, z * (deep - bar) / 2), (bar, high - 0.06, bar))
    if rng.random() < 0.4:
        solid.box((wide / 2 - 0.22, high - 0.25, 0), (0.36, 0.4, deep * 0.9))  # drawers


def _shelf(solid: Solid, rng: Generator) -> None:
    """Its back towards −z."""
    wide, high, deep, board = rng.uniform(0.7, 1.3), rng.uniform(1.1, 1.9), rng.uniform(0.3, 0.4), 0.05
    for x in (-1, 1):
        solid.box((x * (wide - board) / 2, high / 2, 0), (board, high, deep))
    solid.box((0, high / 2, -deep / 2 + 0.015), (wide, high, 0.03))
    levels = np.linspace(0.04, high - board / 2, rng.integers(4, 6))
    for y, above in zip(levels, [*levels[1:], high], strict=True):
        solid.box((0, y, 0), (wide, board, deep))
        if above < high and rng.random() < 0.6:  # books
            share, tall = rng.uniform(0.3, 0.8), rng.uniform(0.5, 0.8) * (above - y)
            solid.box((-wide * (1 - share) / 2 * 0.85, y + tall / 2, 0), (wide * share * 0.85, tall, deep * 0.7))


def _wardrobe(solid: Solid, rng: Generator) -> None:
    """Its back towards −z."""
    wide, high, deep = rng.uniform(0.8, 1.3), rng.uniform(1.4, 1.9), rng.uniform(0.45, 0.6)
    solid.box((0, high / 2, 0), (wide, high, deep))
    for x in (-1, 1):
        solid.box((x * wide / 4, high / 2, deep / 2 + 0.01), (wide / 2 - 0.05, high - 0.1, 0.04))


DRAWN: dict[str, Callable[[Generator], trimesh.Trimesh]] = {
    "teapot": _solid(_teapot),
    "bunny": _animal,
    "bowl": _solid(_bowl),
    "bottle": _solid(_bottle),
    "mug": _solid(_mug),
    "can": _solid(_can),
    "cap": _solid(_cap),
    "bag": _solid(_bag),
    "bed": _solid(_bed),
    "table": _solid(_table),
    "chair": _solid(DRAWERS["chair"]),
    "shelf": _solid(_shelf),
    "wardrobe": _solid(_wardrobe),
}
