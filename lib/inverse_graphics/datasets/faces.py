"""Photographs from a folder or a zip archive, and CelebA (Liu et al. 2015) read with that.

Uçar 2019, Sec. 3.3: "CelebA has around 200k images, from which we selected 10k quality images. They are converted to
gray scale, cropped and resized to 28×28". Which 10k was never published: this takes the first 10,000 by number.

Archives are read member by member and never unpacked. What cannot be decoded is left out and counted.
"""

import hashlib
import io
import lzma
import os
import re
import struct
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from inverse_graphics import paths
from inverse_graphics.datasets.block_cache import load_block, save_block
from inverse_graphics.datasets.downloads import whereabouts
from inverse_graphics.datasets.images import Choose, Classes, DatasetError, Pictures

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff")
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "PPM", "TIFF")  # Pillow would run other programs for some others
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")  # at most 8 bits each; Pillow would clip others to 255
LEAST_SIDE = 8  # pixels of a photograph; below there is nothing to see
MOST_PIXELS = 64 << 20  # of a photograph; a small file can claim billions and fill the memory
MOST_BYTES = 64 << 20  # of a photograph's file, unpacked
UNUSABLE = (  # what zipfile and Pillow raise at a file that is none, is cut short, encrypted, or too large
    *(OSError, EOFError, ValueError, RuntimeError, SyntaxError, zlib.error, zipfile.BadZipFile),
    *(lzma.LZMAError, struct.error),
    *(Image.DecompressionBombError, Image.DecompressionBombWarning),
)

CLASS_NAMES = ("face",)
FRAME = (178, 218)  # width and height of an aligned CelebA photograph; the eyes are at row 111 of it
CROP = (25, 57, 153, 185)  # of FRAME: the square about (89, 121) that Karras et al. 2018 take; forehead to chin
HEAD = (0, 28, 178, 206)  # of FRAME: hair and neck, too, with the eyes above the middle, about as FFHQ frames them
TRAIN, ALL = 9000, 10_000  # numbers 1..9,000 are the train split, 9,001..10,000 the test split
FOLDERS = ("celeba", "CelebA", "CelebA/Img", "")  # under each data folder; "" is the data folder itself
SIDES = (28, CROP[2] - CROP[0])  # smallest and largest side that is read; a larger one would add no detail
VERSION = 1  # raise it when the same photographs shall give other pixels: every cache file is then made again

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels, not always whole


class Photographs(NamedTuple):
    """Decoded photographs.

    Fields:
        pixels: (N, S, S) uint8, grey, or (N, S, S, 3) in colour.
        names: of the files they come from, with folders.
        sizes: width and height before cropping.
        left_out: names of the files that could not be used.
    """

    pixels: np.ndarray
    names: list[str]
    sizes: list[tuple[int, int]]
    left_out: list[str]


def centre_square(width: int, height: int) -> Box:
    """The largest square about the middle."""
    side = min(width, height)
    return (width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2


def read_photographs(
    place: Path,
    side: int,
    *,
    crop: Callable[[int, int], Box] = centre_square,
    select: Callable[[list[str]], list[str]] = sorted,
    colour: bool = False,
) -> Photographs:
    """Decode photographs to squares, with a progress bar.

    Grey is Rec. 601 luma. The resize is bilinear and antialiased. Orientation tags (EXIF) are ignored.

    Args:
        place: a folder, searched with its subfolders, or a zip archive.
        side: S of the result, in pixels.
        crop: from width and height to the part to keep; a ValueError leaves the photograph out.
        select: from the names of all files that end in one of `SUFFIXES` to those wanted, in order.
        colour: whether they keep their colours.

    Raises:
        DatasetError: `place` cannot be read, or not one photograph in it can; the message names it.
    """
    pixels, names, sizes, left_out = [], [], [], []
    with opened(place) as (there, read):
        wanted = select(there)
        for name in tqdm(wanted, desc=f"Decoding {place.name}", unit="picture", disable=not wanted):
            try:
                squared, size = _decode(read(name), side, crop, "RGB" if colour else "L")
            except UNUSABLE:
                left_out.append(name)
            else:
                pixels.append(squared)
                sizes.append(size)
                names.append(name)
    if not names:
        what = f"none of {len(left_out):,} pictures can be read" if left_out else "no picture is in it"
        raise DatasetError(f"{place}: {what}, so it is not used")
    return Photographs(np.stack(pixels), names, sizes, left_out)


@contextmanager
def opened(place: Path) -> Iterator[tuple[list[str], Callable[[str], bytes]]]:
    """Names of the pictures in a folder or archive, and a function that reads one of them."""
    if place.is_dir():
        files = {path.relative_to(place).as_posix(): path for path in place.rglob("*") if _is_picture(path.name)}

        def read_file(name: str) -> bytes:
            _require_bytes(files[name].stat().st_size)
            return files[name].read_bytes()

        yield list(files), read_file
        return
    try:
        archive = zipfile.ZipFile(place)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DatasetError(f"{place}: not a whole zip archive, so it is not used ({error})") from error
    with archive:
        members = {info.filename: info for info in archive.infolist() if _is_picture(info.filename)}

        def read_member(name: str) -> bytes:
            _require_bytes(members[name].file_size)  # zipfile unpacks no more than that
            return archive.read(members[name])

        yield list(members), read_member


def _is_picture(name: str) -> bool:
    file = PurePosixPath(name).name
    return file.lower().endswith(SUFFIXES) and not file.startswith(".")  # macOS puts "._x.jpg" beside "x.jpg"


def _require_bytes(length: int) -> None:
    if length > MOST_BYTES:
        raise ValueError(f"expected at most {MOST_BYTES:,} bytes, got {length:,}")


def _decode(data: bytes, side: int, crop: Callable[[int, int], Box], mode: str) -> tuple[np.ndarray, tuple[int, int]]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", category=UserWarning)  # odd tags, which are not used
        picture = Image.open(io.BytesIO(data), formats=FORMATS)  # reads the header only
        if picture.mode not in MODES or min(picture.size) < LEAST_SIDE or picture.width * picture.height > MOST_PIXELS:
            raise ValueError(
                f"expected 8 bits and {LEAST_SIDE} to {MOST_PIXELS} pixels, got {picture.mode} {picture.size}"
            )
        box = crop(*picture.size)
        converted = picture.convert(mode)
    return np.asarray(converted.resize((side, side), Image.Resampling.BILINEAR, box=box)), picture.size


# CelebA


def celeba_crop(width: int, height: int, part: Box = CROP) -> Box:
    """A part of `FRAME`, scaled to a copy of an aligned photograph at any size.

    Raises:
        ValueError: the sides are not as 178 to 218, so it is no aligned photograph.
    """
    x, y = width / FRAME[0], height / FRAME[1]
    if abs(width - y * FRAME[0]) > 1:  # sides of smaller copies are rounded
        raise ValueError(f"expected sides as {FRAME[0]} to {FRAME[1]}, got {width}×{height}")
    left, top, right, bottom = part
    return left * x, top * y, right * x, bottom * y


def present_celeba(split: str, classes: Classes = None) -> bool:
    """Whether the archive or the folder is on this machine; it holds both splits and the one class."""
    return find_celeba() is not None


def find_celeba() -> Path | None:
    """Where `img_align_celeba.zip`, or the folder it unpacks to, lies on this machine; None if nowhere."""
    for folder in [data / folder for data in paths.data_folders() for folder in FOLDERS]:
        if (archive := folder / "img_align_celeba.zip").is_file():
            return archive
        for unpacked in (folder / "img_align_celeba" / "img_align_celeba", folder / "img_align_celeba"):
            if unpacked.is_dir():
                return unpacked
    return None


def read_celeba(split: str, choose: Choose, size: int | None = None, classes: Classes = None) -> Pictures:
    """The chosen faces of CelebA, among the first 10,000 by number.

    All 10,000 are decoded the first time and kept in `data/cache/`, so that the second time takes well under a second.

    Args:
        choose: from the number of images there are to the indices wanted, in order.
        size: side that is wanted, in pixels; None is 28. Read at that size within `SIDES`, else at the nearest end.
        classes: there is only one, so this changes nothing.

    Returns:
        Images (B, 1, S, S) float32 in [0, 1], labels (B,) int64 all 0, and words for where they come from.

    Raises:
        DatasetError: the set is missing, damaged, or has no picture in this split; the message names the file.
    """
    place = find_celeba()
    if place is None:
        raise DatasetError("img_align_celeba.zip is not on this machine")
    decoded = _decoded(place, min(max(size or 0, SIDES[0]), SIDES[1]))
    is_train = decoded["numbers"] <= TRAIN
    part = (is_train if split == "train" else ~is_train).nonzero().flatten()
    if not len(part):
        numbers = f"1 to {TRAIN:,}" if split == "train" else f"{TRAIN + 1:,} to {ALL:,}"
        raise DatasetError(f"{place}: no picture numbered {numbers} in it, so there is no {split} split")
    chosen = part[choose(len(part))]
    images = decoded["pixels"][chosen].unsqueeze(1).to(torch.float32).div_(255)  # (B, 1, S, S)
    return Pictures(images, torch.zeros(len(chosen), dtype=torch.int64), _origin(place, decoded))


def _origin(place: Path, decoded: dict[str, Tensor]) -> str:
    width, height = decoded["size"].tolist()
    official = "" if (width, height) == FRAME else f", officially {FRAME[0]}×{FRAME[1]}"
    left_out = f"; {n:,} could not be read" if (n := int(decoded["left_out"])) else ""
    return (
        f"CelebA (Liu et al. 2015), {len(decoded['numbers']):,} aligned photographs of {width}×{height}{official}, "
        f"the first {ALL:,} by number in {whereabouts(place)}, grey, cropped to the face{left_out}"
    )


def _decoded(place: Path, side: int) -> dict[str, Tensor]:
    """pixels (N, S, S) uint8, numbers (N,), size (2,), left_out (), from the cache if it is there and whole."""
    cache = paths.DATA / "cache" / f"celeba-{side}-{_key(place)}.safetensors"
    if found := load_block(cache, ("pixels", "numbers", "size", "left_out")):
        return found
    photographs = read_photographs(place, side, crop=celeba_crop, select=_first_numbers)
    made = {
        "pixels": torch.from_numpy(photographs.pixels),
        "numbers": torch.tensor([_number(name) for name in photographs.names]),
        "size": torch.tensor(Counter(photographs.sizes).most_common(1)[0][0]),
        "left_out": torch.tensor(len(photographs.left_out)),
    }
    save_block(cache, made)
    return made


def _key(place: Path) -> str:
    """Sixteen hex digits that change when the archive, or one of the folder's pictures, does."""
    if place.is_dir():
        with os.scandir(place) as files:
            stats = sorted((file.name, _stamp(file.stat())) for file in files if _number(file.name) <= ALL)
    else:
        stats = [_stamp(place.stat())]
    return hashlib.sha256(repr((VERSION, CROP, ALL, stats)).encode()).hexdigest()[:16]


def _stamp(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_size, stat.st_mtime_ns


def _number(name: str) -> int:
    """The number in a name like `img_align_celeba/000123.jpg`; beyond `ALL` for other names."""
    match = re.fullmatch(r"(\d{6})\.jpg", PurePosixPath(name).name)
    return int(match[1]) if match else ALL + 1


def _first_numbers(names: list[str]) -> list[str]:
    by_number = {_number(name): name for name in sorted(names, reverse=True)}
    return [by_number[number] for number in sorted(by_number) if 1 <= number <= ALL]
