"""Built-in sets that work offline and never bear the name of a real one: `digits`, `garments` and `faces`.

All end in 8-bit pixels, as MNIST does, and garments are drawn on whole coordinates, so that the rounding of a machine's
floats does not show: the same pictures, with the same fingerprint, everywhere.
"""

import functools

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from inverse_graphics.datasets.digits import DIGITS, GARMENTS, SIDE
from inverse_graphics.datasets.images import Choose, Classes, Pictures, choose_among

BOX = 20  # pixels; MNIST fits its digits into a 20×20 box inside the 28×28 image
DIGITS_TRAIN = 1397  # of the 1,797 digits; the other 400 are the test split
GARMENT_COUNTS = {"train": 6000, "test": 1000}
FACES, FACES_TRAIN = 100, 80  # patches that are faces, the first ones; the first 80 of those are the train split
SEED = 2019  # of the digits' shuffle and of every garment
FINE = 4  # garments are drawn this many times larger, then averaged down: antialiasing


def read_digits(split: str, choose: Choose, classes: Classes = None) -> Pictures:
    """scikit-learn's 8×8 handwritten digits, enlarged to MNIST's format.

    Returns:
        Images (B, 1, 28, 28) float32 in [0, 1], labels (B,) int64 in 0..9, and words for where they come from.
    """
    pixels, labels = _all_digits()
    order = np.random.default_rng(SEED).permutation(len(pixels))
    part = order[:DIGITS_TRAIN] if split == "train" else order[DIGITS_TRAIN:]
    chosen = part[choose_among(torch.from_numpy(labels[part]), DIGITS, classes, choose).numpy()]
    source = "1,797 handwritten digits of scikit-learn (UCI, Alpaydin & Kaynak 1998), enlarged from 8×8; built in"
    return Pictures(_images(pixels[chosen]), torch.from_numpy(labels[chosen]), source)


def read_garments(split: str, choose: Choose, classes: Classes = None) -> Pictures:
    """Drawn silhouettes of Fashion-MNIST's ten classes, varied in proportions, texture and brightness.

    Returns:
        Images (B, 1, 28, 28) float32 in [0, 1], labels (B,) int64 in 0..9 in turn, and words for where they come from.
    """
    labels = torch.arange(GARMENT_COUNTS[split]) % len(GARMENTS)
    chosen = choose_among(labels, GARMENTS, classes, choose)
    pixels = np.stack([_garment(split, index) for index in chosen.tolist()])
    return Pictures(_images(pixels), labels[chosen], "garments drawn by this project (not photographs); built in")


def read_faces(split: str, choose: Choose, classes: Classes = None) -> Pictures:
    """The 100 faces of scikit-image's 25×25 patches, enlarged to 28×28. The train split has their mirror images too.

    Args:
        classes: there is only one, so this changes nothing.

    Returns:
        Images (B, 1, 28, 28) float32 in [0, 1], labels (B,) int64 all 0, and words for where they come from.
    """
    pixels = _all_faces()
    if split == "train":  # mirror images after all the others, so that the first 80 are of different photographs
        part = np.concatenate([pixels[:FACES_TRAIN], pixels[:FACES_TRAIN, :, ::-1]])
        words = f"{FACES_TRAIN} faces and their mirror images"
    else:
        part = pixels[FACES_TRAIN:]
        words = f"{len(part)} faces"
    chosen = choose(len(part)).numpy()
    source = f"{words} of scikit-image's lfw_subset (Labeled Faces in the Wild, Huang et al. 2007), enlarged from 25×25"
    return Pictures(_images(part[chosen]), torch.zeros(len(chosen), dtype=torch.int64), f"{source}; built in")


def _images(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels).unsqueeze(1).to(torch.float32).div_(255)  # (B, 1, H, W)


@functools.cache
def _all_faces() -> np.ndarray:
    from skimage.data import lfw_subset  # here, because the other sets need not wait for the import

    patches = np.rint(255 * lfw_subset()[:FACES]).astype(np.uint8)  # a file of the wheel: nothing is downloaded
    enlarged = [Image.fromarray(patch).resize((SIDE, SIDE), Image.Resampling.BICUBIC) for patch in patches]
    return np.stack([np.asarray(face) for face in enlarged])


@functools.cache
def _all_digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits  # here, because importing it takes a second that others need not wait

    small, labels = load_digits(return_X_y=True)
    small = np.rint(small.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    margin = (SIDE - BOX) // 2
    pixels = np.zeros((len(small), SIDE, SIDE), np.uint8)
    for frame, digit in zip(pixels, small, strict=True):
        enlarged = Image.fromarray(digit).resize((BOX, BOX), Image.Resampling.BICUBIC)  # clips to 0..255 itself
        frame[margin:-margin, margin:-margin] = np.asarray(enlarged)
    return pixels, labels.astype(np.int64)


# Garments. Each drawer gets a pen and a generator and draws on a 28×28 frame, x to the right, y down.


class Pen:
    """Draws shapes given in pixels of the 28×28 frame onto a canvas `FINE` times as large."""

    def __init__(self) -> None:
        self.canvas = Image.new("L", (SIDE * FINE, SIDE * FINE))
        self._draw = ImageDraw.Draw(self.canvas)

    def shape(self, points: list[tuple[float, float]], tone: float, *, soft: int = 1) -> None:
        """Fill a polygon with a tone in [0, 1]; each round of `soft` cuts its corners once more (Chaikin)."""
        corners = np.asarray(points, float)
        for _ in range(soft):
            after = np.concatenate([corners[1:], corners[:1]])
            corners = np.stack([0.75 * corners + 0.25 * after, 0.25 * corners + 0.75 * after], axis=1).reshape(-1, 2)
        self._draw.polygon(self._fine(corners), fill=round(255 * tone))

    def mirrored(self, half: list[tuple[float, float]], tone: float, *, soft: int = 1) -> None:
        """Fill a shape given by its left outline, top to bottom, and the mirror image of that about x = 14."""
        self.shape(half + [(SIDE - x, y) for x, y in reversed(half)], tone, soft=soft)

    def line(self, points: list[tuple[float, float]], width: float, tone: float) -> None:
        self._draw.line(self._fine(points), fill=round(255 * tone), width=round(width * FINE), joint="curve")

    def ellipse(self, x: float, y: float, rx: float, ry: float, tone: float) -> None:
        self._draw.ellipse(self._fine([(x - rx, y - ry), (x + rx, y + ry)]), fill=round(255 * tone))

    @staticmethod
    def _fine(points: np.ndarray | list[tuple[float, float]]) -> list[int]:
        return np.rint(np.asarray(points) * FINE).astype(int).ravel().tolist()  # x, y, x, y, …


def _torso(pen: Pen, rng: np.random.Generator, tone: float, *, half: float, hem: float, flare: float = 0.0) -> None:
    waist = rng.uniform(0, 0.8)
    corner = (14 - half - flare, hem)
    # The corner stands twice, so that `soft` leaves the hem straight.
    pen.mirrored([(10.5, 2.5), (14 - half, 4.5), (14 - half + waist, 15), corner, corner], tone)


def _long_sleeves(pen: Pen, rng: np.random.Generator, tone: float, *, half: float) -> None:
    cuff, reach, width = rng.uniform(22, 25.5), rng.uniform(1.5, 3.5), rng.uniform(3.2, 4.2)
    shoulder = 14 - half
    for side in (1, -1):
        outline = [
            (shoulder + 2, 3),
            (shoulder - 1, 5),
            (reach, cuff),
            (reach + width, cuff + 0.6),
            (shoulder + 1, 12),
            (shoulder + 3, 8),
        ]
        pen.shape([(x if side == 1 else SIDE - x, y) for x, y in outline], tone * 0.93)
    pen.line([(shoulder + 0.6, 9), (reach + width + 0.2, cuff)], 0.4, tone * 0.35)
    pen.line([(SIDE - shoulder - 0.6, 9), (SIDE - reach - width - 0.2, cuff)], 0.4, tone * 0.35)


def _short_sleeves(pen: Pen, rng: np.random.Generator, tone: float, *, half: float) -> None:
    drop, reach = rng.uniform(9.5, 13), rng.uniform(1, 3)
    for side in (1, -1):
        outline = [(11, 2.6), (15 - half, 3.6), (reach, drop), (reach + 3.2, drop + 2), (15 - half, 9.5), (13, 9)]
        pen.shape([(x if side == 1 else SIDE - x, y) for x, y in outline], tone * 0.93)


def _t_shirt(pen: Pen, rng: np.random.Generator, tone: float) -> None:
    half = rng.uniform(6, 7.5)
    _short_sleeves(pen, rng, tone, half=half)
    _torso(pen, rng, tone, half=half, hem=rng.uniform(25, 27))
    pen.ellipse(14, 2.2, rng.uniform(2.6, 3.8), rng.uniform(1.6, 3.2), 0)
    if rng.random() < 0.35:  # a print on the chest
        pen.ellipse(14, rng.uniform(10, 13), rng.uniform(1.5, 3.5), rng.uniform(1.5, 3), tone * rng.uniform(0.3, 0.7))


def _trouser(pen: Pen, rng: np.random.Generator, tone: float) -> None:
    waist, leg, crotch = rng.uniform(3.6, 4.8), rng.uniform(2.4, 3.8), rng.uniform(8, 11)
    ankle = leg + rng.uniform(1, 2.7)  # distance of the outer hem from the middle; a gap stays between the legs
    outline = [(14 - waist, 1), (13.2 - waist, 7), (14 - ankle, 27), (14 - ankle + leg, 27), (13.7, crotch)]
    pen.shape([*outline, (14, 1)], tone, soft=0)
    pen.shape([*((SIDE - x, y) for x, y in outline), (14, 1)], tone * 0.95, soft=0)
    pen.line([(14 - waist, 2.6), (14 + waist, 2.6)], 0.5, tone * 0.6)


def _pullover(pen: Pen, rng: np.random.Generator, tone: float) -> None:
    half, hem = rng.uniform(5.8, 7), rng.uniform(24.5, 26.5)
    _long_sleeves(pen, rng, tone, half=half)
    _torso(pen, rng, tone, half=half, hem=hem)
    pen.line([(14 - half + 0.8, hem - 2), (14 + half - 0.8, hem - 2)], 0.5, tone * 0.6)  # the ribbed hem
    pen.ellipse(14, 3.3, 3.2, 1.5, tone * 0.6)  # the round collar
    pen.ellipse(14, 2.4, 3.2, 1.4, 0)


def _dress(pen: Pen, rng: np.random.Generator, tone: float) -> None:
    waist, flare, strap = rng.uniform(2.3, 3.2), rng.uniform(4.5, 8), rng.uniform(2.2, 3.6)
    if rng.random() < 0.4:
        _short_sleeves(pen, rng, tone, half=10)  # cap sleeves, close to the body
        pen.shape([(0, 0), (8, 0), (8, 28), (0, 28)], 0, soft=0)
        pen.shape([(20, 0), (28, 0), (28, 28), (20, 28)], 0, soft=0)
    outline = [(13.5 - strap, 1), (14.8 - strap, 1), (14.4 - strap, 5), (14, 5.5)]
    outline += [(14, 27), (14 - flare, 27), (14 - waist, 12), (12.8 - strap, 7)]
    pen.shape(outline, tone, soft=0)
    pen.shape([(SIDE - x, y) for x, y in outline], tone, soft=0)
    pen.line([(14 - waist, 12), (14 + waist, 12)], 0.8, tone * rng.uniform(0.5, 1))


def _coat(pen: Pen, rng: np.random.Generator, tone: float) -> None:
    half, hem = rng.uniform(6.2, 7.4), 27
    _long_sleeves(pen, rng, tone, half=half)
    _torso(pen, rng, tone, half=half, hem=hem, flare=rng.uniform(0, 1))
    collar = rng.uniform(8, 12)
    pen.shape([(11, 1.5), (17, 1.5), (14, collar)], tone * 0.3, soft=0)  # what is worn under the open lapels
    pen.shape([(10.5, 1.5), (12.2, 1), (14, collar), (10, 7)], tone * 0.75, soft=0)
    pen.shape([(17.5, 1.5), (15.8, 1), (14, collar), (18, 7)], tone * 0.75, soft=0)
    pen.line([(14, collar), (14, hem)], rng.uniform(0.6, 1.2), tone * 0.15)
    for x in (14 - half + 1.5, 14 + half - 4):  # pockets
        pen.line([(x, 18), (x + 2.5, 18)], 0.6, tone * 0.5)


def _sandal(pen: Pen, rng: np.random.Generator, tone: float) -> None:
    heel, ball = rng.uniform(0, 7), 23.5
    rear = ball - heel
    sole = [(1, ball), (9, ball - 0.2), (17, rear + heel * 0.35), (21, rear), (27, rear - 0.5)]
    pen.shape([*sole, *((x, y + 1.7) for x, y in reversed(sole))], tone)
    pen.shape([(24, rear), (27, rear), (26.6, 25.2), (25.2 - heel * 0.05, 25.2)], tone * 0.8, soft=0)  # the heel
    width = rng.uniform(1.2, 2)
    top = rear - rng.uniform(6, 8)
    for start, peak, end in ((2.5, 5.5, 9), (7, 10.5, 14)):  # straps over the toes, open between
        pen.line([(start, ball), (peak, ball - 4 - rng.uniform(0, 1.5)), (end, ball - 1)], width, tone)
    pen.line([(26.3, rear), (25.6, top)], width, tone * 0.9)
    pen.line([(25.6, top), (20, top + 1), (17.5, top + 3)], width, tone)
    if rng.random() < 0.6:
        pen.line([(17.5, top + 3), (10.5, ball - 5)], width, tone)
    else:
        pen.line([(20, top + 1), (20, rear)], width, tone)


def _shirt(pen: Pen, rng: np.random.Generator, tone: float) -> None:
    half, hem = rng.uniform(5.8, 7.2), rng.uniform(25, 27)
    sleeves = _long_sleeves if rng.random() < 0.6 else _short_sleeves
    sleeves(pen, rng, tone, half=half)
    _torso(pen, rng, tone, half=half, hem=hem)
    pen.shape([(11.5, 1), (16.5, 1), (14, rng.uniform(4.5, 7))], 0, soft=0)
    pen.shape([(11.2, 1), (14, 5.2), (11.6, 7), (9.8, 3)], min(1, tone * 1.2), soft=0)  # the collar's wings
    pen.shape([(16.8, 1), (14, 5.2), (16.4, 7), (18.2, 3)], min(1, tone * 1.2), soft=0)
    pen.line([(14.9, 6), (14.9, hem - 1)], 0.4, tone * 0.65)
    for y in np.arange(8, hem - 2, 3.5):  # buttons
        pen.ellipse(14, y, 0.6, 0.6, tone * 0.25)


def _sneaker(pen: Pen, rng: np.random.Generator, tone: float) -> None:
    top, toe = rng.uniform(9.5, 12), rng.uniform(15, 17)
    upper = [(1, 20.5), (1.5, toe + 1), (6, toe), (12, top + 3), (16, top), (19, top + 1.5), (23, top + 1.5)]
    pen.shape([*upper, (25.5, top - 0.8), (26.8, top + 1), (27, 20.5)], tone)
    pen.shape([(0.8, 19), (27.2, 19), (27, 21.8), (1, 21.8)], min(1, tone * rng.choice([0.55, 1.25])), soft=1)
    for i in range(4):  # laces
        x, y = 9.5 + 2 * i, toe - 0.6 - 1.25 * i
        pen.line([(x, y), (x + 2.2, y + 2.2)], 0.6, tone * 0.35)
    if rng.random() < 0.6:  # a stripe on the side
        pen.line([(14, 18.5), (19, 13.5), (22, 14.5)], 1, tone * rng.uniform(0.3, 0.6))


def _bag(pen: Pen, rng: np.random.Generator, tone: float) -> None:
    top, wide, taper = rng.uniform(9.5, 13.5), rng.uniform(10.5, 13), rng.uniform(-1.5, 2.5)
    arch, rise = rng.uniform(4.5, 8), rng.uniform(6, 8.5)
    thick = rng.uniform(1, 1.8)
    pen.ellipse(14, top + 0.5, arch, rise, tone * 0.8)
    pen.ellipse(14, top + 0.5, arch - thick, rise - thick, 0)  # the hole under the handle
    pen.mirrored([(14 - wide + taper, top), (14 - wide, 26.5)], tone, soft=rng.integers(0, 3))
    if rng.random() < 0.6:  # a flap with its clasp
        low = top + rng.uniform(4, 7)
        pen.line([(14 - wide + 1.5, low), (14 + wide - 1.5, low)], 0.5, tone * 0.4)
        pen.ellipse(14, low, 1.1, 1.1, tone * 0.3)


def _ankle_boot(pen: Pen, rng: np.random.Generator, tone: float) -> None:
    top, front, heel = rng.uniform(1.5, 6), rng.uniform(12.5, 15), rng.uniform(1.2, 4)
    base = 26.5 - heel
    upper = [(1, 24.8), (1.5, 21.5), (6, 19.5), (front - 1, 15.5), (front, top), (26, top + rng.uniform(-0.5, 1))]
    pen.shape([*upper, (25.5, 12), (26.8, base), (18, base), (13, 24.8)], tone)
    sole = [(1, 24.3), (13, 24.3), (19, base - 0.5), (26.8, base - 0.5), (26.6, 26.5), (21, 26.5)]
    pen.shape([*sole, (20.5, base + 1.2), (13.5, 26.3), (1.2, 26.3)], tone * 0.5, soft=0)
    if rng.random() < 0.5:  # an elastic side, else a strap
        pen.shape([(19, top + 1), (22.5, top + 1), (21.5, 13), (20, 13)], tone * 0.55, soft=0)
    else:
        pen.line([(front - 0.5, 14.5), (25.6, 12.5)], 1.2, tone * 0.6)


DRAWERS = (_t_shirt, _trouser, _pullover, _dress, _coat, _sandal, _shirt, _sneaker, _bag, _ankle_boot)


@functools.cache
def _garment(split: str, index: int) -> np.ndarray:
    """Item `index` of a split, (28, 28) uint8. Each has a generator of its own: a subset costs only its size."""
    rng = np.random.default_rng([SEED, list(GARMENT_COUNTS).index(split), index])
    pen = Pen()
    DRAWERS[index % len(DRAWERS)](pen, rng, rng.uniform(0.55, 0.98))
    plain = np.asarray(pen.canvas.reduce(FINE), float)
    woven = plain * _texture(rng) * rng.normal(1, 0.04, plain.shape)
    return np.clip(np.rint(woven), 0, 255).astype(np.uint8)


def _texture(rng: np.random.Generator) -> np.ndarray:
    """A pattern to multiply with, (28, 28), at most 1: plain, stripes across or along, checks, or a gradient."""
    x = np.arange(SIDE, dtype=float)
    y = x[:, None]
    period, depth, phase = rng.uniform(3, 7), rng.uniform(0.2, 0.55), rng.uniform(0, 6.28)
    across, along = ((np.sin(2 * np.pi * axis / period + phase) > 0).astype(float) for axis in (y, x))
    kind = rng.choice(5, p=[0.5, 0.15, 0.1, 0.1, 0.15])
    pattern = (0 * x, across, along, (across + along) / 2, y / SIDE)[kind]
    round_off = 0.12 * ((x - 13.5) / 14) ** 2  # sides turn away from the light
    return 1 - depth * pattern - round_off
