"""Questions of 3D-IQTT, the mental-rotation test (Pix2Scene 2018, Sec. 4.4): made here, or read from files.

A question is four pictures: a reference, and three answers of which one shows the same polycube from elsewhere.

    make_questions       questions of this project's own, rendered when they are asked for
    OfficialQuestions    the official release (HDF5, Zenodo 2573265), read a slice at a time
    read_question_folder pictures of any size in a folder, `N-q.png`, `N-a0.png`, `N-a1.png`, `N-a2.png`

Modes. `paper`: the wrong answers are other random polycubes, which may have another number of cubes. `hard`: they have
the reference's number of cubes, and are its mirror image and an edit of one bend, of the reference or of its mirror
image as chance has it; so the answers alone do not tell which of the two the question is about. An achiral reference
has two edits. No wrong answer is the reference in another of the 24 rotations, nor the other wrong answer.

Splits. The official release drew wrong answers from all objects before it split them, so objects of its test questions
occur in its training questions. Here an object, with its mirror image, belongs to one split (`polycubes.stream`), and
all four pictures of a question show objects of its split.

Looks. What a picture looks like is a `Look`: the published scene as far as it is known, each of its knobs a number or a
range to draw from. Objects, cameras and each knob have random numbers of their own: a knob that is switched off leaves
everything else as it was.
"""

import dataclasses
import hashlib
import io
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from inverse_graphics import paths
from inverse_graphics.checks import require_choice
from inverse_graphics.datasets import polycubes as objects_of_questions
from inverse_graphics.datasets.block_cache import code_hash, load_block, save_block
from inverse_graphics.datasets.faces import FORMATS, MOST_PIXELS, UNUSABLE
from inverse_graphics.datasets.images import DatasetError, most_bytes, one_line
from inverse_graphics.datasets.polycubes import (
    SPLITS,
    is_chiral,
    keys,
    mirrored,
    one_bend_edits,
    split_numbers,
    stream,
)
from inverse_graphics.geometry.cameras import view_rotation
from inverse_graphics.renderers import polycubes, shading
from inverse_graphics.renderers.polycubes import BACKGROUND, Views, render_polycubes
from inverse_graphics.renderers.shading import Lights

CODE = (__file__, objects_of_questions.__file__, polycubes.__file__, shading.__file__)  # pictures depend on
MODES = ("paper", "hard")
ANSWERS = 3
BLOCK = 100  # questions drawn together; in `paper` mode, wrong answers come from other references of the block
EDITS = 12  # of a reference that are looked at. Raising it loses fewer references and costs time
MOST_OBJECTS = 100_000  # different references of a set; beyond, they occur again, in other pictures
SIDES = (8, 512)  # pixels, smallest and largest `size`
CACHED = 1000  # questions to a file of the cache
FEWEST = 8  # pixels along a side of a picture in a folder
MOST_OFFICIAL = (10_000_000, 1024)  # questions and pixels a side; a file that claims more cannot fill the memory

Range = tuple[float, float]


@dataclass(frozen=True)
class Look:
    """How questions look: the published scene by default. A range (low, high) is drawn from evenly for each picture.

    Camera, field of view, cones and radius of the background are published (3D-IQTT's public code); strength and
    fall-off of the lights and the background's reflectance were fitted to the one official question on hand, where the
    fall-off came out as 1/d, not 1/d².

    Fields:
        field_of_view: vertical, degrees.
        distance: of the camera from the object's centre; the object's longest side is 1.
        shift: how far at most the picture is off the object's centre, in halves of its side. Crops.
        tint: how far the three lights' colours are mixed with random ones: 0 not, 1 wholly.
        red_cone, green_cone: half the opening in degrees of the cone about the camera's axis that a light is in.
        brightness: factor of the coloured lights.
        quadratic: share of Eq. (1)'s fall-off that is 1/d²: 0 is 1/d alone. Drawn from the range's ends and middle.
        ambient: of the light that reaches every surface alike.
        albedo: grey reflectance of the object.
        background: grey reflectance of the sphere behind it. 0 is black.
        vignette: radius of that sphere. Raising it darkens the background and evens it out.
        resolution: share of the side that is rendered, then enlarged: 1 is sharp. Drawn like `quadratic`.
        antialiasing: share of the pictures with smooth edges (2 × 2 rays to a pixel).
        compression: share of the pictures that went through JPEG, at a quality in `QUALITY`.
    """

    field_of_view: Range = (60.0, 60.0)
    distance: Range = (1.2, 1.2)
    shift: float = 0.0
    tint: float = 0.0
    red_cone: Range = (35.0, 35.0)
    green_cone: Range = (50.0, 50.0)
    brightness: Range = (1.0, 1.0)
    quadratic: Range = (0.0, 0.0)
    ambient: Range = (0.01, 0.01)
    albedo: Range = (0.5, 0.5)
    background: Range = (0.07, 0.07)
    vignette: Range = (BACKGROUND, BACKGROUND)
    resolution: Range = (1.0, 1.0)
    antialiasing: float = 0.0
    compression: float = 0.0

    def without(self, *knobs: str) -> "Look":
        """The same with some knobs as published: for finding out what each is good for."""
        published = Look()
        for knob in knobs:
            require_choice("knobs", knob, KNOBS)
        return replace(self, **{knob: getattr(published, knob) for knob in knobs})


KNOBS = tuple(field.name for field in dataclasses.fields(Look))
PUBLISHED = Look()
RANDOMISED = Look(
    field_of_view=(45.0, 70.0),
    distance=(1.1, 1.5),
    shift=0.2,
    tint=0.5,
    red_cone=(10.0, 70.0),
    green_cone=(10.0, 70.0),
    brightness=(0.3, 2.0),
    quadratic=(0.0, 1.0),
    ambient=(0.0, 0.15),
    albedo=(0.3, 0.7),
    background=(0.0, 0.15),
    vignette=(1.7, 2.5),
    resolution=(0.5, 1.0),
    antialiasing=0.5,
    compression=0.5,
)
QUALITY = (40, 90)  # of JPEG

WHITE, RED, GREEN = (0.7, 0.7, 0.7), (0.42, 0.05, 0.05), (0.1, 0.42, 0.1)  # hues of red and green as published
AHEAD = 0.05  # of the camera, towards the object: where the white light is
RADIUS = 1.1  # of the other two's distance from the object's centre


class Truth(NamedTuple):
    """What questions were made of. For measuring only: nothing may train on it, but what says that cameras are told.

    Fields:
        objects: (N, 4, 15, 3) int8, the cubes of the reference and of its answers.
        azimuth, elevation: (N, 4) radians, where the cameras stood.
    """

    objects: Tensor
    azimuth: Tensor
    elevation: Tensor


@dataclass(frozen=True, eq=False)
class Questions:
    """Questions of one mode, split and seed; their pictures are rendered when they are asked for.

    Fields:
        mode, split, seed, size, look: as given to `make_questions`.
        answers: (N,) int64, which of the three shows the reference's object.
        truth: what they were made of.
        draws: (N, 4, D) random numbers in [0, 1) that the looks are made of.
    """

    mode: str
    split: str
    seed: int
    size: int
    look: Look
    answers: Tensor
    truth: Truth
    draws: Tensor

    def __len__(self) -> int:
        return len(self.answers)

    def first(self, count: int) -> "Questions":
        """The first `count` of them."""
        truth = Truth(*(part[:count] for part in self.truth))
        return replace(self, answers=self.answers[:count], truth=truth, draws=self.draws[:count])

    def pictures(self, questions: slice | Tensor | None = None) -> Tensor:
        """Rendered pictures (K, 4, 3, S, S) float32 in [0, 1] of some questions, the reference first; None is all."""
        questions = slice(None) if questions is None else questions
        objects, draws = self.truth.objects[questions], self.draws[questions]
        azimuth, elevation = self.truth.azimuth[questions], self.truth.elevation[questions]
        images = _render(
            objects.flatten(0, 1).long(),
            azimuth.flatten(),
            elevation.flatten(),
            draws.flatten(0, 1),
            self.look,
            self.size,
        )
        return images.unflatten(0, (-1, 1 + ANSWERS))

    def cameras(self) -> Tensor:
        """(N, 4, 3, 3) rotations from the axes of each picture's object to those of its camera. The right answer's
        object has the axes of the reference's."""
        angles = (each.flatten() for each in (self.truth.azimuth, self.truth.elevation))
        return view_rotation(*angles).unflatten(0, (-1, 1 + ANSWERS))

    def batches(self, count: int = 100) -> Iterator[Tensor]:
        """All pictures, `count` questions at a time."""
        for start in range(0, len(self), count):
            yield self.pictures(slice(start, start + count))

    def all_pictures(self) -> Tensor:
        """All pictures in 8 bits, (N, 4, 3, S, S) uint8, kept in `data/cache/`; shows a progress bar if rendered.

        Raises:
            ValueError: they would not fit into memory.
        """
        if (needed := len(self) * (1 + ANSWERS) * 3 * self.size**2) > (room := most_bytes()):
            raise ValueError(
                f"size: {len(self):,} questions of {self.size}×{self.size} pixels take {needed / 2**30:.1f} GiB of at "
                f"most {room / 2**30:.1f} GiB; use `batches`, or a smaller size"
            )
        starts = range(0, len(self), CACHED)
        files = [self._file(start) for start in starts]
        blocks = [load_block(file, ("pictures",)) for file in files]
        missing = [number for number, block in enumerate(blocks) if block is None]
        work = sum(min(CACHED, len(self) - starts[number]) for number in missing)
        with tqdm(total=work, desc="Questions", unit="question", disable=not missing) as bar:
            for number in missing:
                made = []
                for first in range(starts[number], min(starts[number] + CACHED, len(self)), 100):
                    part = self.pictures(slice(first, min(first + 100, starts[number] + CACHED)))
                    made.append(part.mul_(255).round_().to(torch.uint8))
                    bar.update(len(part))
                blocks[number] = {"pictures": torch.cat(made)}
                save_block(files[number], blocks[number])
        return torch.cat([block["pictures"] for block in blocks])

    def _file(self, start: int) -> Path:
        made_of = (self.mode, self.split, self.seed, self.size, self.look, start, min(CACHED, len(self) - start))
        key = hashlib.sha256(repr((code_hash(*CODE), made_of)).encode()).hexdigest()
        return paths.DATA / "cache" / f"iqtt-{self.mode}-{self.split}-{self.size}-{start:06d}-{key[:16]}.safetensors"

    def provenance(self) -> dict[str, object]:
        """What a result records of its data."""
        return {
            "name": f"3D-IQTT questions made by this project, {self.mode} mode",
            "split": self.split,
            "count": len(self),
            "shape": [1 + ANSWERS, 3, self.size, self.size],
            "seed": self.seed,
            "look": dataclasses.asdict(self.look),
        }


def make_questions(
    mode: str, count: int, *, seed: int = 0, split: str = "train", size: int = 128, look: Look = PUBLISHED
) -> Questions:
    """Questions that are the same on any machine; more of them begin with the same ones.

    Args:
        mode: `paper` or `hard`.
        count: how many. The first `MOST_OBJECTS` of them have each a reference of its own.
        seed: other questions for another seed, about objects of the same split.
        split: `train`, `validation` or `test`; no object is in two of them, whatever the seed.
        size: of the square pictures in pixels, 8 to 512. The same questions at any size.
        look: the same questions in any look.

    Raises:
        ValueError: an argument is out of its range.
    """
    require_choice("mode", mode, MODES)
    require_choice("split", split, SPLITS)
    for name, value, least, most in (("count", count, 1, None), ("size", size, *SIDES), ("seed", seed, 0, None)):
        if type(value) is not int or value < least or (most is not None and value > most):
            span = f"{least} or more" if most is None else f"{least} to {most}"
            raise ValueError(f"{name}: expected a whole number, {span}; got {value!r}")
    if not isinstance(look, Look):
        raise ValueError(f"look: expected a Look, got {type(look).__name__}")
    pool = _paper_objects(seed, split) if mode == "paper" else _hard_objects(seed, split)
    known: list[Tensor] = []  # blocks
    parts = []
    for block in range(-(-count // BLOCK)):
        if block * BLOCK < MOST_OBJECTS:
            known.append(next(pool))
        rng = np.random.default_rng([2018, 10, MODES.index(mode), list(SPLITS).index(split), seed, block])
        objects = known[block % len(known)]  # (BLOCK, 4, 15, 3), the reference and the right answer first
        if mode == "paper":
            one, other = rng.choice(np.arange(1, BLOCK), 2, replace=False)
            objects = torch.stack((objects, objects, objects.roll(int(one), 0), objects.roll(int(other), 0)), 1)
        order = torch.from_numpy(rng.permuted(np.tile(np.arange(1, 1 + ANSWERS), (BLOCK, 1)), axis=1))
        order = torch.cat((torch.zeros(BLOCK, 1, dtype=torch.int64), order), 1)
        objects = objects.take_along_dim(order[:, :, None, None], 1).to(torch.int8)
        answers = (order[:, 1:] == 1).long().argmax(1)
        azimuth = rng.uniform(0, 2 * math.pi, order.shape)
        elevation = np.arcsin(rng.uniform(-1, 1, order.shape))  # evenly over the sphere
        draws = rng.random((*order.shape, DRAWS), dtype=np.float32)
        parts.append((answers, objects, *(torch.from_numpy(a).float() for a in (azimuth, elevation, draws))))
    answers, objects, azimuth, elevation, draws = (torch.cat(part)[:count] for part in zip(*parts, strict=True))
    return Questions(mode, split, seed, size, look, answers, Truth(objects, azimuth, elevation), draws)


def _paper_objects(seed: int, split: str) -> Iterator[Tensor]:
    """Blocks (BLOCK, 15, 3) of different objects."""
    left = torch.empty(0, 15, 3, dtype=torch.int64)
    for more in stream(seed, split):
        left = torch.cat((left, more))
        while len(left) >= BLOCK:
            yield left[:BLOCK]
            left = left[BLOCK:]


def _hard_objects(seed: int, split: str) -> Iterator[Tensor]:
    """Blocks (BLOCK, 4, 15, 3) of a reference, itself, and two wrong answers, without the references that lack them."""
    left = torch.empty(0, 4, 15, 3, dtype=torch.int64)
    for block, objects in enumerate(_paper_objects(seed, split)):
        rng = np.random.default_rng([2018, 11, list(SPLITS).index(split), seed, block])
        left = torch.cat((left, _with_near_misses(objects, split, rng)))
        while len(left) >= BLOCK:
            yield left[:BLOCK]
            left = left[BLOCK:]


def _with_near_misses(objects: Tensor, split: str, rng: np.random.Generator) -> Tensor:
    """(K, 4, 15, 3) of those objects (B, 15, 3) for which there are two wrong answers in the split."""
    B = len(objects)
    mirror, chiral = mirrored(objects), is_chiral(objects)
    edits, valid = one_bend_edits(objects)  # (B, E, 15, 3)
    chance = torch.from_numpy(rng.random(valid.shape)).where(valid, 2.0)  # valid ones first, in random order
    order = chance.argsort(1)[:, :EDITS]
    edits, valid = (part.take_along_dim(order.view(B, -1, *(1,) * (part.dim() - 2)), 1) for part in (edits, valid))
    flip = torch.from_numpy(rng.random(order.shape) < 0.5)
    edits = torch.where(flip[..., None, None], mirrored(edits), edits)

    names = keys(edits.flatten(0, 1))
    in_split = torch.isin(split_numbers(names), torch.tensor(SPLITS[split])).view(valid.shape)
    names = names.view(*valid.shape, 3)
    other = torch.stack([(names != keys(one)[:, None]).any(-1) for one in (objects, mirror)]).all(0)
    usable = valid & in_split & other
    first = usable.long().argmax(1)
    # A second one, for the achiral: not the first again, in another of the 24 rotations.
    again = (names == names.take_along_dim(first.view(B, 1, 1), 1)).all(-1)
    rest = usable & ~again
    second = rest.long().argmax(1)
    one, two = (edits.take_along_dim(index.view(B, 1, 1, 1), 1)[:, 0] for index in (first, second))
    wrong = torch.where(chiral[:, None, None], mirror, two)
    kept = torch.where(chiral, usable.any(1), rest.any(1))
    return torch.stack((objects, objects, wrong, one), 1)[kept]


# Looks

DRAWS = 32  # random numbers for each picture, each with a purpose of its own in `_render`


def _render(cells: Tensor, azimuth: Tensor, elevation: Tensor, draws: Tensor, look: Look, size: int) -> Tensor:
    """(B, 3, S, S) in [0, 1]. Column k of the draws (B, 32) always serves the same purpose."""
    B = len(cells)

    def between(column: int, bounds: Range) -> Tensor:
        return bounds[0] + draws[:, column] * (bounds[1] - bounds[0])

    def one_of_three(column: int, bounds: Range) -> Tensor:
        """The lowest, middle or highest, for what a batch must have in common to be rendered together."""
        return bounds[0] + (draws[:, column] * 3).floor() / 2 * (bounds[1] - bounds[0])

    def in_cone(column: int, bounds: Range) -> Tensor:
        """(B, 3) in camera axes: evenly over a cap of the sphere about the object, around the camera's axis."""
        widest = between(column, bounds).deg2rad().cos()
        cosine = 1 - draws[:, column + 1] * (1 - widest)
        around = draws[:, column + 2] * (2 * math.pi)
        across = RADIUS * (1 - cosine.square()).clamp_min(0).sqrt()
        return torch.stack((across * around.cos(), across * around.sin(), RADIUS * cosine - distance), -1)

    distance = between(0, look.distance)
    shift = (draws[:, 1:3] * 2 - 1) * look.shift
    views = Views(azimuth, elevation, distance, between(3, look.field_of_view).deg2rad(), shift)
    white = torch.tensor([0.0, 0.0, -AHEAD]).expand(B, 3)
    sources = torch.stack((white, in_cone(4, look.red_cone), in_cone(7, look.green_cone)), 1)
    plain = torch.tensor([WHITE, RED, GREEN]).expand(B, 3, 3)
    random = draws[:, 10:19].view(B, 3, 3) * 2 * plain.mean(-1, keepdim=True)
    brightness = torch.stack((torch.ones(B), between(19, look.brightness), between(20, look.brightness)), 1)
    colours = torch.lerp(plain, random, look.tint) * brightness[..., None]
    ambient = between(21, look.ambient)[:, None].expand(B, 3)
    quadratic = one_of_three(22, look.quadratic)
    reflectance = between(23, look.albedo), between(24, look.background)
    radius = torch.maximum(between(25, look.vignette), distance + 0.3)  # the camera stays inside
    side = one_of_three(26, look.resolution).mul(size).round().clamp(min(size, FEWEST), size).long()
    samples = 1 + (draws[:, 27] < look.antialiasing).long()

    images = torch.empty(B, 3, size, size)
    groups = torch.stack((side, samples, quadratic), 1)
    for group in groups.unique(dim=0):
        rows = (groups == group).all(1).nonzero()[:, 0]
        small, rays, square = int(group[0]), int(group[1]), float(group[2])
        lights = Lights(views[rows].to_world(sources[rows]), colours[rows], ambient[rows], 1 - square, square)
        albedo, background = (part[rows] for part in reflectance)
        made = render_polycubes(
            cells[rows],
            views[rows],
            lights,
            size=small,
            albedo=albedo,
            background=background,
            radius=radius[rows],
            samples=rays,
        )
        if small != size:
            made = F.interpolate(made, size=size, mode="bilinear", align_corners=False)
        images[rows] = made
    for row in (draws[:, 28] < look.compression).nonzero()[:, 0].tolist():
        images[row] = _compress(images[row], round(QUALITY[0] + float(draws[row, 29]) * (QUALITY[1] - QUALITY[0])))
    return images


def _compress(image: Tensor, quality: int) -> Tensor:
    """A picture (3, S, S) in [0, 1] after JPEG."""
    pixels = image.permute(1, 2, 0).mul(255).round_().to(torch.uint8).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return _to_tensor(np.asarray(Image.open(file)))


# The official release

UNREADABLE = (OSError, RuntimeError, ValueError, KeyError, TypeError)  # what h5py raises at damaged files


class OfficialQuestions:
    """The official HDF5 release, in which a question is (4, 128, 128, 3) float32 in [0, 1], the reference first.

    Nothing is read but what is asked for: a file holds up to 79 GB.
    """

    GROUPS = ("labeled", "unlabeled", "")  # "" is the file itself, as in the validation and test files

    def __init__(self, file: Path | str, group: str = "") -> None:
        """Open a group of a file.

        Args:
            file: `3diqtt-v2-train.h5` with the groups `labeled` and `unlabeled`, or `…-val.h5` or `…-test.h5` with
                none.
            group: one of `GROUPS`.

        Raises:
            DatasetError: no such file, not HDF5, damaged, or without `questions` of the right shape; one line that says
                so.
        """
        require_choice("group", group, self.GROUPS)
        self.name = f"{Path(file).name}{f', {group}' if group else ''}"
        try:
            self._file = h5py.File(file, "r")
        except OSError as error:
            what = (
                "no such file" if not Path(file).is_file() else "not an HDF5 file, or cut short (.xz is to be unpacked)"
            )
            raise DatasetError(f"{Path(file).name}: {what}") from error
        try:
            problem = self._find(f"{group}/" if group else "")
        except UNREADABLE as error:
            problem = f"damaged ({one_line(error)})"
        if problem:
            self._file.close()
            raise DatasetError(f"{self.name}: {problem}")

    def _find(self, prefix: str) -> str | None:
        """Find questions and read answers; what is wrong with them, if anything is."""
        self._questions, answers = self._file.get(f"{prefix}questions"), self._file.get(f"{prefix}answers")
        if not isinstance(self._questions, h5py.Dataset):
            there: list[str] = []
            self._file.visit(there.append)
            found = ", ".join(there[:6]) or "nothing"
            return f"expected a dataset `{prefix}questions`, found {found}"
        shape, dtype = self._questions.shape or (), self._questions.dtype
        if len(shape) != 5 or shape[1] != 1 + ANSWERS or shape[4] != 3 or dtype.kind != "f":
            return f"expected floating `questions` of shape (N, 4, H, W, 3), got {dtype} {shape}"
        most, side = MOST_OFFICIAL
        if not (0 < shape[0] <= most and 0 < shape[2] <= side and 0 < shape[3] <= side):
            return f"expected up to {most:,} questions of up to {side} pixels a side, got {shape}"
        self.answers = None
        if answers is None:
            return None
        if not isinstance(answers, h5py.Dataset) or answers.dtype.kind not in "biuf" or answers.size != shape[0]:
            got = f"{answers.dtype} {answers.shape}" if isinstance(answers, h5py.Dataset) else "no dataset"
            return f"expected an answer to each of {shape[0]} questions, got {got}"
        labels = np.asarray(answers).reshape(-1)
        if not (good := np.isin(labels, range(ANSWERS))).all():
            wrong = int(np.flatnonzero(~good)[0])
            return f"question {wrong}: expected an answer of 0, 1 or 2, got {labels[wrong]}"
        self.answers = torch.from_numpy(labels.astype(np.int64))
        return None

    def __len__(self) -> int:
        return len(self._questions)

    def pictures(self, start: int, stop: int) -> Tensor:
        """Pictures (K, 4, 3, H, W) float32 in [0, 1] of questions `start` to `stop` (not included).

        Raises:
            DatasetError: a value is NaN or not in [0, 1], which names the question; or the file is damaged there.
        """
        try:
            read = self._questions[start:stop]
        except UNREADABLE as error:
            raise DatasetError(f"{self.name}: questions {start} to {stop}: damaged ({one_line(error)})") from error
        with np.errstate(over="ignore"):  # infinity is told below
            values = torch.from_numpy(read.astype(np.float32)).permute(0, 1, 4, 2, 3)
        good = ((values >= -1e-6) & (values <= 1 + 1e-6)).flatten(1).all(1)
        if not good.all():
            bad = range(len(self))[start:stop][int((~good).nonzero()[0])]
            raise DatasetError(f"{self.name}: question {bad}: expected values in [0, 1], got others, or NaN")
        return values.clamp(0, 1).contiguous()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "OfficialQuestions":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# Folders of pictures


class FolderQuestion(NamedTuple):
    """One question of a folder: what its files' names begin with, and its pictures (4, 3, H, W) float32 in [0, 1]."""

    name: str
    pictures: Tensor


class FolderQuestions(NamedTuple):
    """What a folder holds: good questions in the order of their numbers, and a line about each bad one."""

    questions: list[FolderQuestion]
    problems: list[str]


def read_question_folder(folder: Path | str) -> FolderQuestions:
    """Questions from files `N-q.png`, `N-a0.png`, `N-a1.png`, `N-a2.png`, where N is any name, of any size.

    Grey pictures get three channels; what is transparent lies on black. A question that cannot be used gets a line and
    the others are still returned. Files with other names are left alone.

    Raises:
        DatasetError: no such folder, or not a single file in it that is named like a question's.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder")
    files: dict[str, dict[str, Path]] = {}
    for file in sorted(folder.iterdir()):
        if match := re.fullmatch(r"(.+)-(q|a\d+)\.png", file.name, re.IGNORECASE):
            files.setdefault(match[1], {})[match[2].lower()] = file
    if not files:
        raise DatasetError(f"{folder}: no picture of a question in it; expected N-q.png, N-a0.png, N-a1.png, N-a2.png")
    found = FolderQuestions([], [])
    for name in sorted(files, key=_in_number_order):
        try:
            found.questions.append(FolderQuestion(name, _read_question(name, files[name])))
        except DatasetError as error:
            found.problems.append(f"question {name}: {error}")
    return found


def _read_question(name: str, files: dict[str, Path]) -> Tensor:
    parts = ("q", *(f"a{k}" for k in range(ANSWERS)))
    if missing := [f"{name}-{part}.png" for part in parts if part not in files]:
        raise DatasetError(f"{' and '.join(missing)} missing")
    if extra := sorted(set(files) - set(parts)):
        raise DatasetError(f"expected a reference and three answers, found {files[extra[0]].name} besides")
    pictures = {files[part].name: _read_picture(files[part]) for part in parts}
    (first, reference), *others = pictures.items()
    for other, picture in others:
        if picture.shape != reference.shape:
            (height, width), (rows, columns) = picture.shape[1:], reference.shape[1:]
            raise DatasetError(f"{other} is {width}×{height}, but {first} is {columns}×{rows}")
    return torch.stack(list(pictures.values()))


def _read_picture(file: Path) -> Tensor:
    """(3, H, W) float32 in [0, 1]."""
    try:
        quiet = warnings.catch_warnings(action="ignore", category=UserWarning)  # of odd tags, which are not used
        with quiet, Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS or min(image.size) < FEWEST:
                raise DatasetError(f"{file.name} has {image.width}×{image.height} pixels")
            if image.mode.startswith(("I", "F")):  # 16 bits, which Pillow would clip to 8
                values = np.asarray(image, np.float64)
                if not ((values >= 0) & (values <= 65535)).all():  # a TIFF by another name may hold anything
                    raise DatasetError(f"{file.name} has values beyond 16 bits")
                return _to_tensor(values / 65535 * 255)
            image = image.convert("RGBA")
            black = Image.new("RGBA", image.size, (0, 0, 0, 255))
            return _to_tensor(np.asarray(Image.alpha_composite(black, image).convert("RGB")))
    except UNUSABLE as error:
        raise DatasetError(f"{file.name} is not a picture that can be read ({type(error).__name__})") from error


def _to_tensor(pixels: np.ndarray) -> Tensor:
    """(H, W, 3) or (H, W) of 0 … 255 → (3, H, W) float32 in [0, 1]."""
    tensor = torch.from_numpy(np.array(pixels, np.float32) / 255)
    return tensor.expand(3, *tensor.shape).clone() if tensor.dim() == 2 else tensor.permute(2, 0, 1).contiguous()


def _in_number_order(name: str) -> list[tuple[bool, int, str]]:
    """2 before 10, and numbers before words."""
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", name) if part]
