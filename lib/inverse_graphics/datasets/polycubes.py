"""Polycube "snakes" of 3D-IQTT (Pix2Scene 2018, Sec. 4.4): growth, rotations, mirror images, edits, splits.

A polycube is (N, 3) whole coordinates of its unit cubes in the order they grew, so that neighbours in the list touch. A
batch is (B, N, 3) int64; a shorter snake in it repeats its last cube, which changes nothing about the object.

Two are the same object if one of the 24 rotations of the cube, and a shift, takes one to the other. `keys` decides that
exactly. A mirror image is another object, unless the polycube is achiral.

The growth rule is the published generator's. The published pools tested 9 of the 23 rotations for duplicates and drew
distractors before they split; here all are tested, and an object belongs to one split, whatever the seed: a hash of its
shape says which. Its mirror image belongs to the same.
"""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from inverse_graphics.checks import require_choice, require_tensor

SIZES = ((11, 5), (13, 5), (14, 6), (15, 8))  # cubes of a snake, and cells along a side of the grid it grows in
MOST_CUBES = max(length for length, _ in SIZES)
SPLITS = {"train": (0, 1), "validation": (2,), "test": (3,)}  # remainders of an object's hash by 4

STRAIGHT = 6  # a run that has got k cubes stops before the next with probability (k − 1) / 6
BLOCK = 2048  # snakes grown together

WORDS, DIGITS, BASE = 3, 5, 16  # a key is 3 words of 5 cubes of 3 digits to base 16: at most 15 cubes, 16 cells wide
NOTHING = BASE**3 - 1  # in a key, in place of a cube that is not there; as a cube, it would make a diagonal of 16


def _symmetries() -> tuple[Tensor, Tensor]:
    """(24, 3, 3) rotations of the cube, the identity first, and as many reflections."""
    matrices = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            matrices.append(np.diag(signs)[:, order])
    signs = np.rint(np.linalg.det(matrices))
    return tuple(torch.tensor(np.array(matrices)[signs == sign]) for sign in (1, -1))


ROTATIONS, REFLECTIONS = _symmetries()
MIRROR = torch.tensor([-1, 1, 1])


# Growth


def grow(rng: Generator, length: int, side: int, count: int) -> Tensor:
    """Random snakes in a cubic grid, one cube at a time, all of them side by side.

    From a random cell, a run goes straight on: two cubes for sure, then it stops with probability 1/6, 2/6, …. It
    also stops before the grid's wall and before a cube that is there. The next run leaves in one of the free
    directions, straight on among them. A snake that has nowhere to go is dropped, and another one grown.

    Args:
        rng: draws the same snakes on any machine.
        length: cubes of each, 2 or more.
        side: of the grid, in cells.
        count: how many. Duplicates are not removed.

    Returns:
        (count, length, 3) int64, inside [0, side).
    """
    if not (2 <= length <= side**3 and count > 0):
        raise ValueError(
            f"length, side, count: expected 2 to side³ cubes and one snake or more, got {length}, {side}, {count}"
        )
    kept: list[np.ndarray] = []
    while (missing := count - sum(map(len, kept))) > 0:
        kept.append(_grow_once(rng, length, side, missing))
    return torch.from_numpy(np.concatenate(kept))


def _grow_once(rng: Generator, length: int, side: int, count: int) -> np.ndarray:
    """(K, length, 3): those of `count` attempts that did not get stuck."""
    ways = np.concatenate((np.eye(3, dtype=np.int64), -np.eye(3, dtype=np.int64)))  # way w is opposite to w ± 3
    rows = np.arange(count)
    cells = np.zeros((count, length, 3), np.int64)
    cells[:, 0] = rng.integers(side, size=(count, 3))
    free = np.zeros((count, *(side + 2,) * 3), bool)  # with a wall about the grid
    free[:, 1:-1, 1:-1, 1:-1] = True
    free[(rows, *(cells[:, 0] + 1).T)] = False
    way = np.zeros(count, np.int64)
    run = np.full(count, STRAIGHT + 1)  # no run yet: stop for sure
    alive = np.ones(count, bool)
    for step in range(1, length):
        ahead = cells[:, step - 1, None] + ways  # (B, 6, 3)
        open_ = free[(rows[:, None], *np.moveaxis(ahead + 1, -1, 0))]  # (B, 6)
        onward = (rng.random(count) >= (run - 1) / STRAIGHT) & open_[rows, way]
        turn = np.where(open_, rng.random((count, 6)), -1.0).argmax(1)
        alive &= open_.any(1)
        run = np.where(onward, run + 1, 1)
        way = np.where(onward, way, turn)
        cells[:, step] = ahead[rows, way]
        cells[~alive, step] = cells[~alive, step - 1]
        free[(rows, *(cells[:, step] + 1).T)] = False
    return cells[alive]


def stream(seed: int, split: str) -> Iterator[Tensor]:
    """All snakes of a seed that belong to a split, without end and without duplicates, in blocks (K, 15, 3) int64.

    Lengths are equally likely. The same blocks on any machine. No object of one split occurs in another, not even as a
    mirror image, and not for another seed either.
    """
    wanted = SPLITS[require_choice("split", split, SPLITS)]
    if type(seed) is not int or seed < 0:
        raise ValueError(f"seed: expected a whole number, 0 or more; got {seed!r}")
    known: set[int] = set()  # paths
    seen: set[tuple[int, ...]] = set()  # objects
    for block in itertools.count():
        rng = np.random.default_rng([2018, 44, seed, block])
        kind = rng.integers(len(SIZES), size=BLOCK)
        cells = torch.zeros(BLOCK, MOST_CUBES, 3, dtype=torch.int64)
        for number, (length, side) in enumerate(SIZES):
            rows = torch.from_numpy(np.flatnonzero(kind == number))
            cells[rows] = pad(grow(rng, length, side, len(rows)))
        cells = cells[_first(_path_names(cells).tolist(), known)]  # most snakes have grown before: spares their keys
        names = keys(cells)
        ours = torch.isin(split_numbers(names), torch.tensor(wanted))
        cells, names = cells[ours], names[ours]
        yield cells[_first(map(tuple, names.tolist()), seen)]


def draw_polycubes(count: int, *, seed: int = 0, split: str = "train") -> Tensor:
    """The first `count` different snakes of a seed and split, (count, 15, 3) int64; see `stream`."""
    if type(count) is not int or count < 1:
        raise ValueError(f"count: expected a whole number, 1 or more; got {count!r}")
    found: list[Tensor] = []
    blocks = stream(seed, split)
    while sum(map(len, found)) < count:
        found.append(next(blocks))
    return torch.cat(found)[:count]


def _path_names(cells: Tensor) -> Tensor:
    """(B,) a number for each path (B, 15, 3): the same under rotations and from its other end. Cheaper than `keys`, but
    the same cubes may be the way of several paths."""
    names = []
    steps = cells.diff(dim=1)
    count = (steps != 0).any(2).sum(1, keepdim=True)  # the rest is padding
    places = torch.arange(steps.shape[1])
    backward = -steps.gather(1, (count - 1 - places).remainder(steps.shape[1])[..., None].expand_as(steps))
    for way in (steps, torch.where((places < count)[..., None], backward, 0)):
        first = way[:, :1]
        other = (way != 0).any(2) & ((way * first).sum(2) == 0)
        second = way.gather(1, other.to(torch.int8).argmax(1)[:, None, None].expand(-1, 1, 3))
        third = torch.linalg.cross(first, second)
        frame = ((way * first).sum(2), (way * second).sum(2), (way * third).sum(2))  # one of them ±1, or all 0
        digits = torch.stack(frame, -1) @ torch.tensor([1, 2, 3]) + 3
        names.append((digits * 7**places).sum(1))
    return torch.minimum(*names)


def _first(names: Iterable, seen: set) -> list[int]:
    """Where names stand that have not been seen; they have, then."""
    rows = []
    for row, name in enumerate(names):
        if name not in seen:
            rows.append(row)
            seen.add(name)
    return rows


# Which objects are the same


def pad(cells: Tensor) -> Tensor:
    """(B, N, 3) → (B, 15, 3), the last cube repeated."""
    missing = MOST_CUBES - cells.shape[1]
    return torch.cat((cells, cells[:, -1:].expand(-1, missing, -1)), 1)


def cube_counts(cells: Tensor) -> Tensor:
    """How many different cubes each has: (B, N, 3) → (B,)."""
    codes = _codes(_check(cells)).sort(-1).values
    return 1 + (codes.diff(dim=-1) != 0).sum(-1)


def keys(cells: Tensor) -> Tensor:
    """A name for each object: two of them agree just if the objects are the same under one of the 24 rotations.

    Of the sorted lists of cubes of all 24, shifted so that each coordinate starts at 0, the first in the alphabet.

    Args:
        cells: (B, N, 3) whole numbers, 1 to 15 different cubes, at most 16 cells wide.

    Returns:
        (B, 3) int64; `decode` gives the cubes back.
    """
    cells = _check(cells)
    words = _words(_rotated_codes(cells))  # (B, 24, 3)
    best = []
    possible = torch.ones(words.shape[:2], dtype=torch.bool)
    for word in words.unbind(-1):
        word = word.masked_fill(~possible, torch.iinfo(torch.int64).max)
        best.append(word.amin(1))
        possible &= word == best[-1][:, None]
    return torch.stack(best, 1)


def decode(keys: Tensor) -> Tensor:
    """The canonical cubes (B, 15, 3) int64 of keys (B, 3), sorted, the last one repeated; no longer a path."""
    codes = torch.stack([keys >> (12 * place) & NOTHING for place in reversed(range(DIGITS))], -1).flatten(1)
    last = (codes != NOTHING).sum(1, keepdim=True) - 1
    codes = torch.where(codes == NOTHING, codes.gather(1, last), codes)
    return torch.stack((codes // BASE**2, codes // BASE % BASE, codes % BASE), -1)


def mirrored(cells: Tensor) -> Tensor:
    """Mirror images (B, N, 3), in the grid's corner."""
    flipped = cells * MIRROR
    return flipped - flipped.amin(-2, keepdim=True)


def is_chiral(cells: Tensor) -> Tensor:
    """(B,) bool: whether the mirror image is another object."""
    return (keys(cells) != keys(mirrored(cells))).any(1)


def split_numbers(keys_: Tensor) -> Tensor:
    """(B,) int64 in 0 … 3 of objects given by their keys (B, 3): a hash, the same for the mirror image. `SPLITS` says
    which split it means."""
    pair = torch.stack((keys_, keys(mirrored(decode(keys_)))), 1).numpy().astype(np.uint64)
    hashes = np.full(pair.shape[:2], 0x9E3779B97F4A7C15, np.uint64)
    for word in np.moveaxis(pair, -1, 0):
        hashes = (hashes ^ word) * np.uint64(0xBF58476D1CE4E5B9)
        hashes ^= hashes >> np.uint64(29)
    return torch.from_numpy((hashes.sum(1) >> np.uint64(40)).astype(np.int64) % 4)


# Edits


def one_bend_edits(cells: Tensor) -> tuple[Tensor, Tensor]:
    """All snakes that differ from a given one in one bend.

    At a bend, either all that follows turns by 90°, 180° or 270° about the run before it, or the bend moves by one
    cube, so that one of its two runs gets longer and the other shorter. The number of cubes and of runs stays.

    Args:
        cells: (B, N, 3) int64, paths.

    Returns:
        (B, E, N, 3) with E = 5 (N − 2), in the grid's corner, and which of them are edits, (B, E) bool: the others have
        no bend there, run into themselves, or are wider than the grid of snakes of their length. An edit may still be
        the same object as the original, as where the first run is turned about: `keys` tells.
    """
    steps = _check(cells).diff(dim=1)  # (B, N − 1, 3), one coordinate ±1; 0 where the last cube is repeated
    made, valid = [], []
    for i in range(steps.shape[1] - 1):
        before, after = steps[:, i, None], steps[:, i + 1 :]  # (B, 1, 3), (B, ., 3)
        bend = (before != after[:, :1]).any((1, 2)) & (after[:, 0] != 0).any(1)
        along = before * (before * after).sum(-1, keepdim=True)
        across = torch.linalg.cross(before.expand_as(after), after)
        for turned in (along + across, 2 * along - after, along - across):
            made.append(torch.cat((steps[:, : i + 1], turned), 1))
            valid.append(bend)
        for changed, spared, by in ((i + 1, i + 2, i), (i, i - 1, i + 1)):  # longer before, longer after
            edit = steps.clone()
            edit[:, changed] = steps[:, by]
            made.append(edit)
            inside = 0 <= spared < steps.shape[1]
            valid.append(bend & (steps[:, spared] == steps[:, changed]).all(1) if inside else bend & False)
    edits = torch.stack(made, 1).cumsum(2)
    edits = torch.cat((torch.zeros_like(edits[:, :, :1]), edits), 2)  # (B, E, N, 3)
    edits = edits - edits.amin(2, keepdim=True)
    counts = cube_counts(cells)
    sides = torch.zeros(MOST_CUBES + 1, dtype=torch.int64).index_put_(
        (torch.tensor([length for length, _ in SIZES]),), torch.tensor([side for _, side in SIZES])
    )
    fits = edits.amax((2, 3)) < torch.where(sides[counts] > 0, sides[counts], MOST_CUBES)[:, None]
    whole = cube_counts(edits.flatten(0, 1)).view(edits.shape[:2]) == counts[:, None]
    return edits, torch.stack(valid, 1) & fits & whole


def _check(cells: Tensor) -> Tensor:
    require_tensor("cells", cells, "B N 3", floating=False)
    if cells.is_floating_point() or cells.is_complex() or cells.shape[1] > MOST_CUBES:
        raise ValueError(
            f"cells: expected whole coordinates of at most {MOST_CUBES} cubes, got {cells.shape[1]} of {cells.dtype}"
        )
    return cells.to(torch.int64)


def _codes(cells: Tensor) -> Tensor:
    """One number for each cube, (…, N), of objects (…, N, 3) moved into the corner."""
    cells = cells - cells.amin(-2, keepdim=True)
    if cells.amax() >= BASE:
        raise ValueError(f"cells: expected objects at most {BASE} cells wide, got {int(cells.amax()) + 1}")
    x, y, z = cells.unbind(-1)
    return (x * BASE + y) * BASE + z


def _rotated_codes(cells: Tensor) -> Tensor:
    """(B, 24, N) `_codes` of all rotations of (B, N, 3). Each is a choice among x, y, z counted from either end."""
    cells = cells - cells.amin(1, keepdim=True)
    widest = cells.amax(1, keepdim=True)
    if widest.amax() >= BASE:
        raise ValueError(f"cells: expected objects at most {BASE} cells wide, got {int(widest.amax()) + 1}")
    narrow = {1: cells.to(torch.int16), -1: (widest - cells).to(torch.int16)}  # several times faster than int64
    codes = []
    for rotation in ROTATIONS:
        x, y, z = (narrow[int(row.sum())][..., int(row.abs().argmax())] for row in rotation)
        codes.append((x * BASE + y) * BASE + z)
    return torch.stack(codes, 1)


def _words(codes: Tensor) -> Tensor:
    """Cubes as three numbers (…, 3): sorted, each once, five to a number."""
    codes = np.sort(codes.numpy().astype(np.int16), -1)  # int16 sorts several times faster than int64
    again = codes[..., 1:] == codes[..., :-1]
    if again.any():
        np.copyto(codes[..., 1:], NOTHING, where=again)
        codes.sort(-1)
    digits = np.full((*codes.shape[:-1], WORDS * DIGITS), NOTHING, np.int16)
    digits[..., : codes.shape[-1]] = codes
    words = np.zeros((*codes.shape[:-1], WORDS), np.int64)
    for place in range(DIGITS):
        words = words * BASE**3 + digits[..., place::DIGITS]
    return torch.from_numpy(words)
