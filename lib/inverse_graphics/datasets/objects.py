"""`objects`: made-up shapes of the six categories of Uçar 2019, Sec. 3.3, for a machine without ModelNet40.

Each object is a mesh put together from lofts, lathes and tubes by a drawer of its category, whose every dimension is
drawn at random. The object's number seeds it, so a subset costs only its own size. Every drawer works with y up and
the front towards +z, in whatever unit suits it; `normalise_mesh` fits the result into the view.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import trimesh
from numpy.random import Generator
from torch import Tensor

from inverse_graphics.checks import require_choice
from inverse_graphics.datasets.images import GroundTruth
from inverse_graphics.datasets.rendered import CATEGORIES, STYLES, Block, Choose, Entry, read, restrict, round_robin
from inverse_graphics.renderers.mesh_views import normalise_mesh

COUNTS = {"train": 300, "test": 40}  # objects of a category
BLOCK = 10  # objects rendered and cached together. Raising it makes fewer files, and small subsets slower
SEED = 2019
WALL = 0.17  # of a vessel, as a share of its half size: 2.3 of 28 cells, so that its inside survives voxelisation


def read_objects(
    style: str, split: str, choose: Choose, classes: Sequence[str] | None = None
) -> tuple[Tensor, Tensor, str, GroundTruth]:
    """Pictures of made-up airplanes, cars, persons, cups, bowls and chairs, and their voxels.

    Args:
        style: `shaded` or `silhouette`.
        choose: from the number of pictures there are to the indices wanted, in order.
        classes: which of `CATEGORIES`; None takes all. Labels are indices into `CATEGORIES` in any case.

    Returns:
        Images (B, 1, 28, 28) float32 in [0, 1], labels (B,) int64, words for where they come from, and the truth.

    Raises:
        ValueError: unknown style, split or class.
    """
    require_choice("style", style, STYLES)
    require_choice("split", split, COUNTS)
    groups = [_entries(split, name) for name in restrict(classes, CATEGORIES)]
    images, labels, truth, _ = read(round_robin(groups), style, choose)
    return images, labels, "shapes made up by this project, 12 views each; built in", truth


def make_object(category: str, split: str, number: int) -> trimesh.Trimesh:
    """Object `number` of a category's split, normalised: y up, front towards +z."""
    require_choice("category", category, DRAWERS)
    rng = np.random.default_rng([SEED, CATEGORIES.index(category), list(COUNTS).index(split), number])
    solid = Solid()
    DRAWERS[category](solid, rng)
    return normalise_mesh(solid.mesh())


def _entries(split: str, category: str) -> list[Entry]:
    key = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()  # whatever changes here may change the shapes
    entries = []
    for first in range(0, COUNTS[split], BLOCK):
        size = min(BLOCK, COUNTS[split] - first)
        shapes = partial(_shapes, category, split, range(first, first + size))
        block = Block(f"objects-{category}-{split}-{first:03d}", key, size, shapes)
        entries += [Entry(CATEGORIES.index(category), block, i) for i in range(size)]
    return entries


def _shapes(category: str, split: str, numbers: range) -> Iterator[trimesh.Trimesh]:
    return (make_object(category, split, number) for number in numbers)


class Solid:
    """A mesh in the making: each method adds a closed part. Parts may overlap."""

    def __init__(self) -> None:
        self._vertices: list[np.ndarray] = []
        self._faces: list[np.ndarray] = []
        self._count = 0

    def mesh(self) -> trimesh.Trimesh:
        """All parts in one."""
        return trimesh.Trimesh(np.concatenate(self._vertices), np.concatenate(self._faces), process=False)

    def loft(self, rings: np.ndarray) -> None:
        """Skin over rings of as many points each, (R, n, 3), with both ends closed."""
        R, n, _ = rings.shape
        ends = rings[[0, -1]].mean(1)
        i = np.arange(n)
        after = (i + 1) % n
        quads = [np.stack([r * n + i, r * n + after, r * n + n + after, r * n + n + i], 1) for r in range(R - 1)]
        sides = np.concatenate(quads)
        low = np.stack([np.full(n, R * n), after, i], 1)
        high = np.stack([np.full(n, R * n + 1), (R - 1) * n + i, (R - 1) * n + after], 1)
        faces = np.concatenate([sides[:, :3], sides[:, [0, 2, 3]], low, high])
        self._vertices.append(np.concatenate([rings.reshape(-1, 3), ends]))
        self._faces.append(faces + self._count)
        self._count += R * n + 2

    def box(self, centre: Sequence[float], size: Sequence[float], *, top: float = 1, shift: float = 0) -> None:
        """A box; `top` scales its upper face and `shift` moves that along z."""
        x, y, z = centre
        corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) / 2 * np.array([size[0], size[2]])
        rings = np.empty((2, 4, 3))
        for ring, height, scale, move in zip(rings, (-0.5, 0.5), (1, top), (0, shift), strict=True):
            ring[:, [0, 2]] = corners * scale + (x, z + move)
            ring[:, 1] = y + height * size[1]
        self.loft(rings)

    def body(self, sections: Sequence[Sequence[float]], *, round: float = 1, sides: int = 14) -> None:
        """A body along z. Sections: z, middle y, half width, half height; `round` 1 is an ellipse, 0.2 nearly a box."""
        across, up = _oval(sides, round)
        self.loft(np.stack([np.stack([w * across, y + h * up, 0 * up + z], 1) for z, y, w, h in sections]))

    def stack(self, sections: Sequence[Sequence[float]], *, round: float = 1, sides: int = 14) -> None:
        """A body along y. Sections: y, middle z, half width, half depth."""
        across, along = _oval(sides, round)
        self.loft(np.stack([np.stack([w * across, 0 * across + y, z + d * along], 1) for y, z, w, d in sections]))

    def tube(self, path: Sequence[Sequence[float]], radius: float | Sequence[float], *, flat: float = 1) -> None:
        """A round bar along a path (P, 3), with one radius or one for each point; `flat` scales its thickness."""
        points = np.asarray(path, float)
        radii = np.broadcast_to(np.asarray(radius, float), len(points))
        tangents = np.gradient(points, axis=0)
        tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
        aside = np.eye(3)[np.abs(tangents).max(0).argmin()]  # the axis that the path keeps furthest from
        normals = np.cross(tangents, aside)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        across, up = _oval(10, 1)
        rings = across[:, None] * normals[:, None] + flat * up[:, None] * np.cross(normals, tangents)[:, None]
        self.loft(points[:, None] + radii[:, None, None] * rings)

    def wheel(self, centre: Sequence[float], radius: float, width: float) -> None:
        """A disc whose axle is along x."""
        x, y, z = centre
        self.tube([(x - width / 2, y, z), (x + width / 2, y, z)], radius)

    def ball(self, centre: Sequence[float], radii: Sequence[float]) -> None:
        """An ellipsoid."""
        x, y, z = centre
        turn = np.linspace(-0.98, 0.98, 9) * np.pi / 2
        across, along = _oval(12, 1)
        rings = [
            np.stack([x + radii[0] * c * across, 0 * across + y + radii[1] * s, z + radii[2] * c * along], 1)
            for c, s in zip(np.cos(turn), np.sin(turn), strict=True)
        ]
        self.loft(np.stack(rings))

    def lathe(self, profile: Sequence[tuple[float, float]], *, round: float = 1) -> None:
        """Turn a profile of (radius, y) about the y axis; start and end at radius near 0 to close it."""
        across, along = _oval(32, round)
        self.loft(np.stack([np.stack([r * across, 0 * across + y, r * along], 1) for r, y in profile]))

    def wing(self, root: Sequence[float], tip: Sequence[float], *, both: bool = True) -> None:
        """A wing from root to tip, each x, y, z, chord, thickness; `both` adds its mirror image."""
        forward, up = _oval(10, 1)
        for side in (1, -1) if both else (1,):
            rings = [
                np.stack([0 * up + side * x, y + t / 2 * up, z + c / 2 * forward], 1) for x, y, z, c, t in (root, tip)
            ]
            self.loft(np.stack(rings))

    def fin(self, root: Sequence[float], tip: Sequence[float]) -> None:
        """An upright wing from root to tip, each x, y, z, chord, thickness."""
        forward, aside = _oval(10, 1)
        rings = [np.stack([x + t / 2 * aside, 0 * aside + y, z + c / 2 * forward], 1) for x, y, z, c, t in (root, tip)]
        self.loft(np.stack(rings))


def _oval(count: int, round: float) -> tuple[np.ndarray, np.ndarray]:
    """Points of a superellipse of half size 1, of two coordinates (count,) each."""
    turn = (np.arange(count) + 0.5) * (2 * np.pi / count)
    return tuple(np.sign(wave) * np.abs(wave) ** round for wave in (np.cos(turn), np.sin(turn)))


# Drawers


def _airplane(solid: Solid, rng: Generator) -> None:
    rng.choice((_liner, _propeller, _fighter), p=(0.5, 0.3, 0.2))(solid, rng)


def _fuselage(solid: Solid, width: float, height: float, nose: float, tail: float) -> None:
    """From z = 1 back to −1; the nose and the tail taper over these lengths."""
    turn = np.linspace(0.05, 1, 5) * np.pi / 2
    front = [
        (1 - nose + nose * np.cos(t), -0.2 * height * np.cos(t), width * np.sin(t), height * np.sin(t)) for t in turn
    ]
    rear = [(-1 + tail, 0, width, height), (-1 + tail / 2, 0.2 * height, 0.7 * width, 0.75 * height)]
    solid.body([*front, *rear, (-1, 0.55 * height, 0.2 * width, 0.3 * height)])


def _liner(solid: Solid, rng: Generator) -> None:
    girth = rng.uniform(0.11, 0.16)
    _fuselage(solid, girth, girth * rng.uniform(1, 1.2), rng.uniform(0.25, 0.4), rng.uniform(0.5, 0.8))
    high = rng.random() < 0.25
    span, sweep, dihedral = rng.uniform(0.75, 1), rng.uniform(0.15, 0.55), rng.uniform(0.02, 0.15)
    y, z, chord = (0.8 if high else -0.6) * girth, rng.uniform(0, 0.25), rng.uniform(0.35, 0.5)
    tip_y = y + (-0.3 if high else 1) * dihedral
    solid.wing((0, y, z, chord, 0.11), (span, tip_y, z - sweep, chord * rng.uniform(0.3, 0.5), 0.06))
    tail_y = rng.uniform(0.3, 0.45)
    solid.fin((0, girth * 0.5, -0.8, 0.36, 0.09), (0, girth + tail_y, -0.98, 0.2, 0.06))
    level = girth + tail_y if rng.random() < 0.25 else girth * 0.6
    solid.wing((0, level, -0.86, 0.26, 0.08), (rng.uniform(0.3, 0.42), level + 0.04, -1.0, 0.13, 0.05))
    if rng.random() < 0.2:  # engines at the tail instead of under the wings
        places = [(girth + 0.08, girth * 0.4, -0.55)]
    else:
        shares = (0.35,) if rng.random() < 0.6 else (0.3, 0.62)
        places = [(s * span, y + s * (tip_y - y) - 0.09, z - s * sweep + 0.14) for s in shares]
    size = rng.uniform(0.06, 0.09)
    for x, height, front in places:
        for side in (1, -1):
            ends = [(side * x, height, front - 0.14), (side * x, height, front + 0.14)]
            solid.tube(ends, (size * 0.8, size))


def _propeller(solid: Solid, rng: Generator) -> None:
    girth = rng.uniform(0.13, 0.18)
    _fuselage(solid, girth, girth * rng.uniform(1, 1.25), rng.uniform(0.1, 0.25), rng.uniform(0.8, 1.1))
    solid.ball((0, girth * 0.9, 0.25), (girth * 0.75, girth * 0.8, 0.25))  # the cockpit
    span, chord, z = rng.uniform(0.85, 1.1), rng.uniform(0.32, 0.45), rng.uniform(0.25, 0.4)
    levels = ((1.5, -0.7), (1.2,), (-0.7,))[rng.choice(3, p=(0.3, 0.35, 0.35))]  # two for a biplane
    for level in levels:
        y = level * girth
        solid.wing((0, y, z, chord, 0.1), (span, y + rng.uniform(0, 0.08), z, chord * rng.uniform(0.6, 1), 0.07))
    if len(levels) == 2:
        for side in (1, -1):
            solid.tube([(side * 0.6 * span, -0.7 * girth, z), (side * 0.6 * span, 1.5 * girth, z)], 0.035)
    solid.fin((0, girth * 0.4, -0.85, 0.3, 0.08), (0, girth + rng.uniform(0.2, 0.32), -0.93, 0.18, 0.06))
    solid.wing((0, girth * 0.5, -0.86, 0.25, 0.08), (rng.uniform(0.32, 0.42), girth * 0.5, -0.9, 0.17, 0.06))
    blade = rng.uniform(0.25, 0.35)
    turn = rng.uniform(0, np.pi)
    step = blade * np.array([np.cos(turn), np.sin(turn), 0])
    hub = np.array([0, -0.2 * girth, 1.03])
    solid.tube([hub - step, hub, hub + step], 0.04)
    for side in (1, -1):  # landing gear
        foot = (side * rng.uniform(0.14, 0.24), -girth - rng.uniform(0.14, 0.22), 0.45)
        solid.tube([(side * 0.05, -0.5 * girth, 0.4), foot], 0.035)
        solid.wheel(foot, 0.08, 0.07)


def _fighter(solid: Solid, rng: Generator) -> None:
    girth = rng.uniform(0.11, 0.15)
    _fuselage(solid, girth * rng.uniform(1.1, 1.5), girth, rng.uniform(0.7, 0.95), rng.uniform(0.15, 0.3))
    solid.ball((0, girth * 0.8, 0.35), (girth * 0.6, girth * 0.75, 0.28))
    span, chord, z = rng.uniform(0.5, 0.75), rng.uniform(0.75, 1.05), rng.uniform(-0.35, -0.2)
    tip_z = z - chord / 2 + rng.uniform(0.1, 0.25)
    solid.wing((0, 0, z, chord, 0.11), (span, rng.uniform(-0.06, 0.06), tip_z, 0.2, 0.06))
    solid.wing((0, 0, -0.88, 0.3, 0.08), (span * rng.uniform(0.5, 0.7), 0, -1.0, 0.15, 0.06))
    high, lean = rng.uniform(0.3, 0.42), rng.uniform(0.05, 0.15)
    for x in (0,) if rng.random() < 0.5 else (-girth, girth):
        tip = x + np.sign(x) * lean
        solid.fin((x, girth * 0.4, -0.75, 0.4, 0.09), (tip, girth + high, -0.95, 0.17, 0.06))
    if rng.random() < 0.6:  # missiles at the tips
        for side in (1, -1):
            solid.tube([(side * span, 0, tip_z - 0.25), (side * span, 0, tip_z + 0.3)], 0.045)


def _car(solid: Solid, rng: Generator) -> None:
    """Half length 1. A hull with bonnet and boot, a cabin on it, four wheels."""
    half, wheel = rng.uniform(0.38, 0.46), rng.uniform(0.17, 0.22)
    sill, belt = wheel * rng.uniform(0.7, 1), rng.uniform(0.42, 0.52)  # heights of the hull's lower and upper edge
    kind = rng.choice(("saloon", "hatchback", "van", "pickup", "sports"), p=(0.3, 0.25, 0.15, 0.15, 0.15))
    roof = {"saloon": 0.32, "hatchback": 0.34, "van": 0.5, "pickup": 0.36, "sports": 0.22}[kind] * rng.uniform(0.9, 1.1)
    # Where the cabin starts and ends at the belt and at the roof, front to back.
    front, roof_front, roof_rear, rear = {
        "saloon": (0.4, 0.12, -0.38, -0.7),
        "hatchback": (0.42, 0.15, -0.72, -0.95),
        "van": (0.75, 0.5, -0.93, -0.98),
        "pickup": (0.45, 0.2, -0.12, -0.2),
        "sports": (0.3, -0.02, -0.3, -0.75),
    }[kind]
    shift = rng.uniform(-0.05, 0.05)
    front, roof_front = front + shift, roof_front + shift + rng.uniform(-0.06, 0.06)
    roof_rear = roof_rear + rng.uniform(-0.05, 0.05)
    bonnet = belt - rng.uniform(0.02, 0.1)
    sections = [
        (1.0, sill + 0.02, bonnet - 0.12),
        (0.96, sill, bonnet - 0.05),
        (front, sill, belt),
        (rear, sill, belt),
        (-0.96, sill, belt - rng.uniform(0, 0.06)),
        (-1.0, sill + 0.03, belt - 0.12),
    ]
    solid.body([(z, (low + high) / 2, half, (high - low) / 2) for z, low, high in sections], round=0.25)
    inset = half * rng.uniform(0.72, 0.85)
    cabin = [
        (belt - 0.03, (front + rear) / 2, half * 0.95, (front - rear) / 2),
        (belt + roof * 0.9, (roof_front + roof_rear) / 2, inset, (roof_front - roof_rear) / 2),
        (belt + roof, (roof_front + roof_rear) / 2, inset * 0.9, (roof_front - roof_rear) / 2 - 0.04),
    ]
    solid.stack(cabin, round=0.25)
    if kind == "pickup":
        wall = 0.08
        for side in (1, -1):
            solid.box((side * (half - wall / 2), belt + 0.06, -0.6), (wall, 0.14, 0.8))
        solid.box((0, belt + 0.06, -0.97), (2 * half, 0.14, wall))
    if kind == "sports" and rng.random() < 0.6:
        solid.box((0, belt + 0.16, -0.9), (1.7 * half, 0.06, 0.18))
        for side in (1, -1):
            solid.box((side * half * 0.6, belt + 0.06, -0.9), (0.06, 0.2, 0.1))
    for z in (rng.uniform(0.58, 0.68), -rng.uniform(0.55, 0.66)):
        for side in (1, -1):
            solid.wheel((side * (half - 0.06), wheel, z), wheel, 0.17)


def _person(solid: Solid, rng: Generator) -> None:
    """Height about 1.75. Limbs are bars between joints, set by a posture."""
    stout, leg, shoulder = rng.uniform(0.85, 1.3), rng.uniform(0.78, 0.88), rng.uniform(0.19, 0.23)
    hip, waist, neck = leg, leg + rng.uniform(0.15, 0.22), leg + rng.uniform(0.5, 0.58)
    chest = rng.uniform(0.13, 0.16) * stout
    torso = [
        (hip - 0.06, 0, 0.13 * stout, 0.1 * stout),
        (hip + 0.04, 0, 0.16 * stout, 0.115 * stout),
        (waist, 0, 0.135 * stout, 0.1 * stout),
        (neck - 0.14, 0, shoulder, chest * 0.85),
        (neck - 0.03, 0, shoulder * 0.85, chest * 0.6),
        (neck, 0, 0.06, 0.06),
    ]
    solid.stack(torso, round=0.8)
    head = rng.uniform(0.1, 0.125)
    solid.tube([(0, neck - 0.04, 0), (0, neck + 0.1, 0.01)], 0.06)
    solid.ball((0, neck + 0.07 + head, 0.02), (head * 0.85, head * 1.15, head))
    if rng.random() < 0.3:  # a hat or long hair
        if rng.random() < 0.5:
            solid.tube([(0, neck + 0.1 + 1.5 * head, 0.02), (0, neck + 0.14 + 2.2 * head, 0.02)], head * 1.05)
        else:
            solid.ball((0, neck + 0.04 + head, -0.04), (head * 1.1, head * 1.5, head * 0.9))
    _legs(solid, rng, hip, leg, stout)
    _arms(solid, rng, shoulder, neck, stout)


def _legs(solid: Solid, rng: Generator, hip: float, leg: float, stout: float) -> None:
    posture = rng.choice(("stand", "astride", "walk"), p=(0.35, 0.3, 0.35))
    stride = rng.uniform(0.25, 0.55) * rng.choice((-1, 1)) if posture == "walk" else rng.uniform(-0.06, 0.06)
    spread = rng.uniform(0.18, 0.35) if posture == "astride" else rng.uniform(0.02, 0.08)
    thick = 0.085 * stout
    for side in (1, -1):
        swing = side * stride
        bend = 0.25 * max(0, -swing) + 0.03  # the trailing knee bends
        top = np.array([side * 0.09 * stout, hip - 0.02, 0])
        knee = top + leg / 2 * _aim(side * spread, swing + bend)
        ankle = knee + (leg / 2 - 0.05) * _aim(side * spread, swing - 2 * bend)
        solid.tube([top, knee, ankle], (thick, thick * 0.8, thick * 0.6))
        solid.ball(ankle + np.array([0, -0.01, 0.06]), (0.055, 0.045, 0.13))
    if rng.random() < 0.2 and posture != "walk":  # a skirt
        low = hip - leg * rng.uniform(0.4, 0.8)
        solid.stack([(low, 0, rng.uniform(0.22, 0.32), 0.2), (hip + 0.1, 0, 0.14 * stout, 0.11 * stout)])


def _arms(solid: Solid, rng: Generator, shoulder: float, neck: float, stout: float) -> None:
    posture = rng.choice(
        ("down", "away", "wide", "up", "wave", "hips", "swing"), p=(0.2, 0.2, 0.15, 0.1, 0.1, 0.1, 0.15)
    )
    length, thick = rng.uniform(0.27, 0.31), 0.058 * stout
    lift, elbow, swing = {  # radians from hanging: sideways of the upper arm, then of the lower, and forward
        "down": (0.15, 0.1, 0.0),
        "away": (0.55, 0.5, 0.0),
        "wide": (1.5, 1.5, 0.0),
        "up": (2.4, 2.7, 0.0),
        "wave": (0.2, 0.15, 0.0),
        "hips": (0.8, -0.7, -0.1),
        "swing": (0.15, 0.1, 0.6),
    }[posture]
    waving = rng.choice((-1, 1))
    vary = rng.uniform(-0.12, 0.12, 3)
    for side in (1, -1):
        raised = posture == "wave" and side == waving
        up, low = (1.9, 2.9) if raised else (lift, elbow)
        forward = side * swing + vary[2]
        start = np.array([side * (shoulder - 0.02), neck - 0.1, 0])
        middle = start + length * _aim(side * (up + vary[0]), forward)
        end = middle + length * _aim(side * (low + vary[1]), forward + (0.35 if posture == "swing" else 0.05))
        solid.tube([start, middle, end], (thick * 1.15, thick, thick * 0.8))
        solid.ball(end, (0.055, 0.065, 0.055))


def _aim(sideways: float, forward: float) -> np.ndarray:
    """Direction of a limb that hangs down at (0, 0), in radians."""
    return np.array([np.sin(sideways) * np.cos(forward), -np.cos(sideways) * np.cos(forward), np.sin(forward)])


def _vessel(solid: Solid, outline: np.ndarray, wall: float, floor: float, round: float = 1) -> None:
    """An open vessel with a real wall. Its outer outline is (P, 2) of (radius, y), from the bottom up."""
    radius, y = outline.T
    depth = np.linspace(y[0] + floor, y[-1], len(outline))
    inner = np.maximum(np.interp(depth, y, radius) - wall, 0.02)
    inside = np.stack([inner, depth], 1)[::-1]
    profile = [(1e-3, y[0]), *outline, *inside, (1e-3, y[0] + floor)]
    solid.lathe(profile, round=round)


def _cup(solid: Solid, rng: Generator) -> None:
    """Half height 1: a mug, a beaker, a teacup, or a goblet on a foot."""
    kind = rng.choice(("mug", "beaker", "teacup", "goblet"), p=(0.45, 0.2, 0.2, 0.15))
    along = np.linspace(0, 1, 12)
    top = {"mug": rng.uniform(0.7, 0.95), "beaker": rng.uniform(0.6, 0.85)}.get(kind, rng.uniform(0.8, 1.0))
    base = -1.0
    if kind == "mug":
        belly = rng.uniform(-0.08, 0.12)
        radius = top * (rng.uniform(0.85, 1) * (1 - along) + along) + belly * np.sin(np.pi * along)
    elif kind == "beaker":
        radius = top * (rng.uniform(0.6, 0.8) * (1 - along) + along)
    else:
        start = rng.uniform(0.3, 0.45)
        radius = top * (start + (1 - start) * np.sin(np.pi / 2 * along) ** rng.uniform(0.6, 0.9))
        base = rng.uniform(-0.75, -0.6) if kind == "teacup" else rng.uniform(-0.2, 0)
    has_handle = {"mug": 0.85, "beaker": 0.1, "teacup": 0.9, "goblet": 0.05}[kind] > rng.random()
    reach = rng.uniform(0.4, 0.6) if has_handle else 0
    outline = np.stack([radius, base + (1 - base) * along], 1)
    corners = 0.45 if kind in ("mug", "beaker") and rng.random() < 0.15 else 1  # 0.45: nearly square
    wall = WALL * max(1, (top if corners == 1 else 1.2 * top) + reach / 2)
    _vessel(solid, outline, wall, wall * 1.1, corners)
    if kind == "teacup":
        solid.lathe([(1e-3, base - 0.15), (radius[0] * 1.1, base - 0.15), (radius[0] * 0.9, base + 0.05), (1e-3, base)])
        if rng.random() < 0.4:  # a saucer
            solid.lathe(
                [(1e-3, base - 0.22), (0.6, base - 0.22), (1.15, base - 0.05), (0.6, base - 0.1), (1e-3, base - 0.1)]
            )
    if kind == "goblet":
        foot, stem = rng.uniform(0.55, 0.75), rng.uniform(0.1, 0.16)
        turned = [(1e-3, -1), (foot, -1), (foot, -0.92), (stem, -0.75), (stem, base), (1e-3, base + 0.05)]
        solid.lathe(turned)
    if has_handle:
        low, high = base + (1 - base) * rng.uniform(0.15, 0.3), base + (1 - base) * rng.uniform(0.72, 0.88)
        turn = np.linspace(-np.pi / 2, np.pi / 2, 13)
        edge = np.interp([low, high], outline[:, 1], radius) - wall / 2
        x = np.interp(turn, [-np.pi / 2, np.pi / 2], edge) + (reach + wall / 2) * np.cos(turn) ** rng.uniform(0.6, 1)
        y = (low + high) / 2 + (high - low) / 2 * np.sin(turn)
        solid.tube(np.stack([x, y, 0 * x], 1), rng.uniform(0.08, 0.12))


def _bowl(solid: Solid, rng: Generator) -> None:
    """Radius 1, open at the top."""
    height, power = rng.uniform(0.5, 0.95), rng.uniform(0.45, 1)
    start = rng.uniform(0.25, 0.5)
    along = np.linspace(0, 1, 14)
    radius = start + (1 - start) * np.sin(np.pi / 2 * along) ** power
    if rng.random() < 0.3:  # the rim turns out
        radius = radius + rng.uniform(0.05, 0.15) * along**6
    radius /= radius.max()
    outline = np.stack([radius, height * along], 1)
    has_ears, corners = rng.random() < 0.2, 0.5 if rng.random() < 0.12 else 1
    wall = WALL * (1.2 if has_ears or corners < 1 else 1)  # both reach further than the rim does
    _vessel(solid, outline, wall, wall, corners)
    if rng.random() < 0.7:  # the foot
        foot, low = start * rng.uniform(0.8, 1.3), rng.uniform(0.06, 0.2)
        solid.lathe([(1e-3, -low), (foot * rng.uniform(1, 1.25), -low), (foot, 0.05), (1e-3, 0.06)])
    if has_ears:
        for side in (1, -1):
            solid.box((side * 1.05, height * 0.9, 0), (0.35, 0.1, 0.4))


def _chair(solid: Solid, rng: Generator) -> None:
    """Seat at height 0.45, in metres."""
    width, depth = rng.uniform(0.42, 0.56), rng.uniform(0.4, 0.52)
    seat, thick = rng.uniform(0.38, 0.5), rng.uniform(0.05, 0.09)
    back, lean = rng.uniform(0.35, 0.6), rng.uniform(0, 0.16)
    kind = rng.choice(("legs", "sled", "swivel", "armchair"), p=(0.5, 0.12, 0.23, 0.15))
    bar = rng.uniform(0.022, 0.032)
    if kind == "armchair":
        thick, seat = seat - 0.02, rng.uniform(0.36, 0.44)
        width, depth = width * 1.25, depth * 1.2
        solid.box((0, seat / 2 + 0.03, 0), (width, seat - 0.06, depth))
        _panel(solid, width, seat - 0.1, back * 0.8 + 0.1, depth, lean, 0.13)
        for side in (1, -1):
            solid.box((side * (width / 2 + 0.05), seat * 0.75, 0), (0.11, seat * 1.4, depth))
            for z in (depth / 2 - 0.06, -depth / 2 + 0.06):
                solid.box((side * (width / 2), 0, z), (0.07, 0.1, 0.07))
        return
    if rng.random() < 0.3:
        solid.stack(
            [(seat - thick / 2, 0, width / 2, depth / 2), (seat + thick / 2, 0, width / 2, depth / 2)], sides=20
        )
    else:
        solid.box((0, seat, 0), (width, thick, depth))
    {"legs": _four_legs, "sled": _sled, "swivel": _swivel}[kind](solid, rng, width, depth, seat, bar)
    _backrest(solid, rng, width * rng.uniform(0.85, 1), seat, back, depth, lean, bar)
    if rng.random() < (0.6 if kind == "swivel" else 0.4):
        level, front = seat + rng.uniform(0.17, 0.23), depth / 2 - rng.uniform(0.02, 0.12)
        for side in (1, -1):
            x = side * (width / 2 + 0.01)
            solid.box((x, level, (front - depth / 2) / 2), (0.055, 0.045, front + depth / 2))
            solid.tube([(x, seat, front - 0.04), (x, level, front - 0.04)], bar)


def _panel(solid: Solid, width: float, low: float, high: float, depth: float, lean: float, thick: float) -> None:
    """A backrest from height `low` up by `high`, leaning back."""
    solid.box((0, low + high / 2, -depth / 2 + thick / 2), (width, high, thick), shift=-lean)


def _backrest(
    solid: Solid, rng: Generator, width: float, seat: float, back: float, depth: float, lean: float, bar: float
) -> None:
    kind = rng.choice(("panel", "upper", "slats", "ladder", "round"), p=(0.3, 0.2, 0.2, 0.2, 0.1))
    z = -depth / 2 + bar

    def at(x: float, share: float) -> tuple[float, float, float]:
        return (x, seat + share * back, z - share * lean)

    if kind == "panel":
        return _panel(solid, width, seat, back, depth, lean, 0.05)
    if kind == "round":
        solid.tube([at(0, 0.0), at(0, 0.45)], bar * 1.3)
        x, y, middle = at(0, 0.62)
        return solid.ball((x, y, middle), (width / 2, back * 0.42, 0.035))
    for side in (1, -1):
        solid.tube([at(side * (width / 2 - bar), -0.05), at(side * (width / 2 - bar), 1)], bar)
    if kind == "upper":
        share = rng.uniform(0.35, 0.6)
        x, y, middle = at(0, 1 - share / 2)
        solid.box((x, y, middle + share * lean / 2), (width, share * back, 0.045), shift=-share * lean)
        return None
    solid.tube([at(-width / 2 + bar, 0.97), at(width / 2 - bar, 0.97)], bar * 1.25)
    if kind == "slats":
        for x in np.linspace(-0.5, 0.5, rng.integers(4, 6))[1:-1] * width:
            solid.tube([at(x, 0), at(x, 0.97)], bar * 0.9)
    else:
        for share in np.linspace(0.3, 0.97, rng.integers(3, 5))[:-1]:
            solid.tube([at(-width / 2 + bar, share), at(width / 2 - bar, share)], bar, flat=0.8)


def _four_legs(solid: Solid, rng: Generator, width: float, depth: float, seat: float, bar: float) -> None:
    splay, stretcher = rng.choice((0, rng.uniform(0.03, 0.09))), rng.random() < 0.4
    feet = {}
    for side in (1, -1):
        for end in (1, -1):
            top = np.array([side * (width / 2 - bar - 0.01), seat, end * (depth / 2 - bar - 0.01)])
            feet[side, end] = foot = np.array([top[0] + side * splay, 0, top[2] + end * splay])
            solid.tube([foot, top], (bar * 0.85, bar * 1.1))
    if stretcher:
        level = seat * rng.uniform(0.25, 0.5)
        for side in (1, -1):
            solid.tube([feet[side, 1] + (0, level, 0), feet[side, -1] + (0, level, 0)], bar * 0.8)
        solid.tube([feet[1, 1] + (0, level, 0), feet[-1, 1] + (0, level, 0)], bar * 0.8)


def _sled(solid: Solid, rng: Generator, width: float, depth: float, seat: float, bar: float) -> None:
    """Runners on the ground; half of them carry the seat in front only, a cantilever."""
    cantilever = rng.random() < 0.5
    for side in (1, -1):
        x = side * (width / 2 - bar)
        path = [(x, seat, depth / 2 - bar), (x, bar, depth / 2), (x, bar, -depth / 2), (x, seat, -depth / 2 + bar)]
        for start, end in pairwise(path[:3] if cantilever else path):
            solid.tube([start, end], bar)
    solid.tube([(-width / 2 + bar, bar, -depth / 2), (width / 2 - bar, bar, -depth / 2)], bar)


def _swivel(solid: Solid, rng: Generator, width: float, depth: float, seat: float, bar: float) -> None:
    solid.tube([(0, 0.06, 0), (0, seat, 0)], bar * 1.4)
    reach = rng.uniform(0.25, 0.32)
    if rng.random() < 0.25:  # a round plate
        solid.lathe([(1e-3, 0), (reach, 0), (reach, 0.04), (0.05, 0.09), (1e-3, 0.09)])
        return
    arms = rng.integers(4, 6)
    for turn in np.arange(arms) * (2 * np.pi / arms) + np.pi / 2:
        end = np.array([reach * np.cos(turn), 0.06, reach * np.sin(turn)])
        solid.tube([(0, 0.1, 0), end], (bar * 1.2, bar))
        solid.ball(end - (0, 0.025, 0), (0.04, 0.04, 0.04))


DRAWERS: dict[str, Callable[[Solid, Generator], None]] = dict(
    zip(CATEGORIES, (_airplane, _car, _person, _cup, _bowl, _chair), strict=True)
)
