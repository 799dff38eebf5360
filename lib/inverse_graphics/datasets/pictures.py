"""A person's own picture → what a model was trained on, and what was done to it on the way, in words.

    prepared = prepare_picture("photo.jpg", DIGITS)
    prepared.image     (1, 28, 28), light on dark, as MNIST has it
    prepared.told      "turned by EXIF, made grey, inverted, cropped to the object, resampled to 28×28"

Any size and mode of JPEG, PNG, GIF, WebP, BMP, PPM and TIFF. What the object is, and whether it is dark on light, is
told by the picture's border: the rim's middle brightness is the ground, and the object is what differs from it. Both
guesses can be overruled. A wrong one is the usual reason for a bad shape.
"""

import io
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

from inverse_graphics.checks import require_choice
from inverse_graphics.datasets import faces
from inverse_graphics.datasets.faces import LEAST_SIDE, MOST_BYTES, MOST_PIXELS, UNUSABLE
from inverse_graphics.datasets.images import DatasetError

SUFFIXES = (*faces.SUFFIXES, ".gif")
FORMATS = (*faces.FORMATS, "GIF")
WORKING = 1024  # pixels: larger pictures are made about as small before anything is looked for in them
RIM = 0.02  # of a side: how wide the border is that tells the ground
LEAST_CONTRAST = 0.04  # between the darkest and the lightest of a picture in which there is something to see
MOST_NOISE = 0.15  # of the contrast: what differs less from the ground than the rim itself does is ground
OBJECT = 0.25  # of the contrast: what differs more from the ground is object. Raising it loses faint edges
LUMA = (0.299, 0.587, 0.114)  # Rec. 601
PLACES = ("mass", "box")


@dataclass(frozen=True)
class Layout:
    """How the pictures lie that a model was trained on.

    Fields:
        side: S, pixels.
        colour: whether they have three channels; else they are grey.
        light_on_dark: whether the object is light on black; else pictures keep their brightness.
        longest: side of the object's box, the longer one, in pixels; None for photographs, of which the middle square
            is taken.
        centred: what of the object lies in the middle: its `mass` or its `box`.
        silhouette: whether the object is white all over.
    """

    side: int = 28
    colour: bool = False
    light_on_dark: bool = True
    longest: int | None = None
    centred: str = "box"
    silhouette: bool = False

    def __post_init__(self) -> None:
        require_choice("centred", self.centred, PLACES)
        if self.longest is not None and not 0 < self.longest <= self.side:
            raise ValueError(f"longest: expected 1 to {self.side} pixels or None, got {self.longest}")


DIGITS = Layout(longest=20, centred="mass")  # MNIST's
GARMENTS = Layout(longest=28)  # Fashion-MNIST's
SILHOUETTES = Layout(longest=26, silhouette=True)  # of the rendered sets: 0.95 of the view is used
PHOTOGRAPHS = Layout(light_on_dark=False)  # faces
PORTRAITS = Layout(side=32, colour=True, light_on_dark=False)  # faces with hair and neck, for meshes
ROOMS = Layout(side=64, colour=True, light_on_dark=False)  # of the surfel paper


class PreparedPicture(NamedTuple):
    """`image` (C, S, S) float32 in [0, 1], the picture's `name`, and the `steps` it took, in order."""

    image: Tensor
    name: str
    steps: tuple[str, ...]

    @property
    def told(self) -> str:
        return ", ".join(self.steps) or "taken as it is"


def picture_files(places: Iterable[Path | str]) -> list[Path]:
    """Files as they come, and in place of each folder the pictures in it, by name.

    Raises:
        DatasetError: a folder in which no file ends like a picture.
    """
    found: list[Path] = []
    for place in map(Path, places):
        if not place.is_dir():
            found.append(place)
            continue
        inside = sorted(file for file in place.iterdir() if _is_picture(file))
        if not inside:
            raise DatasetError(f"{place}: no picture in it; expected files that end in {', '.join(SUFFIXES)}")
        found += inside
    return found


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()


def prepare_picture(
    source: Path | str | bytes | Image.Image,
    layout: Layout,
    *,
    invert: bool | None = None,
    crop: bool | None = None,
) -> PreparedPicture:
    """Read a picture and lay it out as a model knows them.

    Args:
        source: a file, its bytes, or a picture of Pillow's. Of an animation the first frame is taken.
        invert: light for dark or not; None where the layout is light on dark and the object is darker than the rim.
        crop: whether only the object is kept; None where the layout says how large it is, unless the picture has the
            layout's own size: then it is taken for one that is laid out already.

    Raises:
        DatasetError: no such file, not a picture, too small, too large, or nothing to see in it; in one line.
    """
    name = Path(source).name if isinstance(source, Path | str) else "picture"
    try:
        image, steps = _read(source, name)
    except UNUSABLE as error:
        raise DatasetError(f"{name} is not a picture that can be read ({type(error).__name__})") from error
    if not layout.colour:
        if (image.amax(0) - image.amin(0)).max() > 1.5 / 255:  # not grey already, but for rounding
            steps.append("made grey")
        image = (torch.tensor(LUMA)[:, None, None] * image).sum(0, keepdim=True)
    low, high = image.min().item(), image.max().item()
    if high - low < LEAST_CONTRAST:
        kind = "black" if high < LEAST_CONTRAST else "white" if low > 1 - LEAST_CONTRAST else "of one brightness"
        raise DatasetError(f"{name} is all {kind}: there is nothing to see in it")

    ground = _ground(image)
    difference = image - ground[:, None, None]
    is_darker = difference.clamp(max=0).square().sum() > difference.clamp(min=0).square().sum()
    if is_darker and layout.light_on_dark if invert is None else invert:
        steps.append("inverted")
        image, ground, is_darker = 1 - image, 1 - ground, not is_darker
    if layout.light_on_dark and not is_darker:
        image, ground = _on_black(image, ground, steps), torch.zeros_like(ground)
    if crop is None:
        crop = layout.longest is not None and image.shape[1:] != (layout.side, layout.side)
    if crop or layout.silhouette:
        strength = (image - ground[:, None, None]).abs().amax(0)
        is_object = strength > OBJECT * strength.max()
    if layout.silhouette:
        if not torch.equal(image[0], is_object.float()):
            steps.append("made a silhouette")
        image, ground = is_object[None].float(), torch.zeros(1)
    longest, centred = layout.side, "box"
    if crop:
        image = _cropped(image, is_object, steps)
        longest, centred = layout.longest or layout.side, layout.centred
    elif layout.longest is None:
        image = _middle_square(image, steps)
    return PreparedPicture(_laid_out(image, ground, layout.side, longest, centred, steps), name, tuple(steps))


# Reading


def _read(source: Path | str | bytes | Image.Image, name: str) -> tuple[Tensor, list[str]]:
    """(3, H, W) float32 in [0, 1] of at most about `WORKING` pixels a side, upright, and what was done."""
    steps: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd tags; and of sizes, which are looked at here
        image = source.copy() if isinstance(source, Image.Image) else _opened(source, name)
        width, height = image.size
        if min(width, height) < LEAST_SIDE:
            raise DatasetError(f"{name} has {width}×{height} pixels, expected {LEAST_SIDE} or more each way")
        if hasattr(image, "draft"):
            image.draft(None, (WORKING, WORKING))  # a JPEG is decoded small: a large one costs no memory, then
        if image.width * image.height > MOST_PIXELS:
            raise DatasetError(f"{name} has {width}×{height} pixels, expected at most {MOST_PIXELS:,} in all")
        if getattr(image, "is_animated", False):
            steps.append("first frame taken")
            image.seek(0)
        if image.getexif().get(ExifTags.Base.Orientation) in range(2, 9):
            image = ImageOps.exif_transpose(image)
            steps.append("turned by EXIF")
        image = _reduced(_of_8_bits(image, steps))
        if image.has_transparency_data:
            return _flattened(image, name, steps), steps
        return _as_tensor(image.convert("RGB")), steps


def _opened(source: Path | str | bytes, name: str) -> Image.Image:
    if not isinstance(source, bytes) and not Path(source).is_file():
        raise DatasetError(f"{name}: no such file")
    length = len(source) if isinstance(source, bytes) else Path(source).stat().st_size
    if length > MOST_BYTES:
        raise DatasetError(f"{name} has {length:,} bytes, expected at most {MOST_BYTES:,}")
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)  # reads the header only
    except Image.DecompressionBombError as error:
        raise DatasetError(f"{name} claims too many pixels, expected at most {MOST_PIXELS:,} in all") from error


def _of_8_bits(image: Image.Image, steps: list[str]) -> Image.Image:
    """In a mode that can be made smaller. Pillow would clip 16 bits at 255."""
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, np.float32)
        most = 1.0 if image.mode == "F" else 65535.0
        if not np.isfinite(values).all():
            raise ValueError("NaN or infinity")
        steps.append("16 bits made 8" if most > 1 else "32 bits made 8")
        most = max(most, float(values.max()))
        return Image.fromarray((values.clip(0) * (255 / most)).round().astype(np.uint8))
    if image.mode == "1":
        return image.convert("L")
    wanted = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode == wanted or (image.mode, wanted) == ("L", "RGB"):
        return image  # a copy could take 256 MB
    return image.convert(wanted)


def _reduced(image: Image.Image) -> Image.Image:
    """Made smaller by a whole number, each new pixel the mean of those in its place."""
    factor = min(max(image.size) // WORKING, min(image.size) // LEAST_SIDE)
    return image.reduce(factor) if factor > 1 else image


def _flattened(image: Image.Image, name: str, steps: list[str]) -> Tensor:
    """(3, H, W) on white or on black, whichever what can be seen stands out from; unless nothing shows through."""
    layers = _as_tensor(image.convert("RGBA"))
    colours, alpha = layers[:3], layers[3:]
    if alpha.max() < LEAST_CONTRAST:
        raise DatasetError(f"{name} is transparent all over: there is nothing to see in it")
    if alpha.min() == 1:
        return colours
    luma = (torch.tensor(LUMA)[:, None, None] * colours).sum(0)
    is_dark = (luma * alpha[0]).sum() / alpha.sum() < 0.5
    steps.append("put on white" if is_dark else "put on black")
    return colours * alpha + (1 - alpha) * float(is_dark)


def _as_tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


# Laying out


def _rim(image: Tensor) -> Tensor:
    """(C, N): the pixels along the border of (C, H, W)."""
    width = max(1, round(RIM * min(image.shape[1:])))
    inside = torch.ones(image.shape[1:], dtype=torch.bool)
    inside[width:-width, width:-width] = False
    return image[:, inside]


def _ground(image: Tensor) -> Tensor:
    """(C,): the rim's middle value."""
    return _rim(image).median(1).values


def _on_black(image: Tensor, ground: Tensor, steps: list[str]) -> Tensor:
    """A grey picture of something light, its ground made black and its brightest pixel white."""
    contrast = (image.max() - ground[0]).item()
    noise = (_rim(image) - ground[0]).abs().flatten().quantile(0.9).item()
    noise = min(noise, MOST_NOISE * contrast)
    if ground[0] + noise > 1 / 255:
        steps.append("ground made black")
    elif contrast < 0.9:
        steps.append("contrast stretched")
    return ((image - ground[0] - noise) / (contrast - noise)).clamp(0, 1)


def _cropped(image: Tensor, is_object: Tensor, steps: list[str]) -> Tensor:
    rows, columns = (is_object.any(axis).nonzero()[:, 0] for axis in (1, 0))
    box = image[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if box.shape != image.shape:
        steps.append("cropped to the object")
    return box


def _middle_square(image: Tensor, steps: list[str]) -> Tensor:
    _, height, width = image.shape
    if height == width:
        return image
    steps.append("cut to the middle square")
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[:, top : top + side, left : left + side]


def _laid_out(image: Tensor, ground: Tensor, side: int, longest: int, centred: str, steps: list[str]) -> Tensor:
    """(C, S, S): the longer side of (C, H, W) made `longest` pixels, the rest ground."""
    _, height, width = image.shape
    if height != width:
        steps.append("padded to a square")
    scale = longest / max(height, width)
    size = tuple(max(1, round(scale * length)) for length in (height, width))
    if size != (height, width):
        image = F.interpolate(image[None], size, mode="bilinear", antialias=True, align_corners=False)[0]
        steps.append(f"resampled to {side}×{side}")
    square = ground[:, None, None].expand(-1, side, side).clone()
    offsets = [(side - length) // 2 for length in size]
    if centred == "mass":
        weight = (image - ground[:, None, None]).abs().sum(0) + 1e-9  # prevents 0/0
        offsets = [_centring(weight.sum(1 - axis), side) for axis in (0, 1)]
    top, left = offsets
    square[:, top : top + size[0], left : left + size[1]] = image
    return square.clamp(0, 1)


def _centring(weights: Tensor, side: int) -> int:
    """Where (N,) begins in `side` pixels if its centre of mass is to lie in the middle of pixel `side` / 2, as MNIST's
    does, or as near to that as there is room."""
    middle = (weights * torch.arange(len(weights))).sum() / weights.sum()
    return min(max(round(side / 2 - middle.item()), 0), side - len(weights))
