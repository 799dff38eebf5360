"""MNIST and Fashion-MNIST from their idx files, gzipped or not.

An idx file is a magic number, one big-endian 32-bit size per axis, then the bytes: 0x803 and (B, 28, 28) for images,
0x801 and (B,) for labels.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from inverse_graphics.datasets.downloads import DOWNLOADABLE, find, is_official, whereabouts
from inverse_graphics.datasets.images import Choose, Classes, DatasetError, Pictures, choose_among

DIGITS = tuple("0123456789")
GARMENTS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)  # in the order of Fashion-MNIST's labels
CLASS_NAMES = {"mnist": DIGITS, "fashion_mnist": GARMENTS}

SIDE = 28
MAGIC = {3: 0x803, 1: 0x801}  # by number of axes, for unsigned bytes
MOST = 1_000_000  # images; a header that promises more is taken for damage, so that it cannot fill the memory


def present(name: str, split: str, classes: Classes = None) -> bool:
    """Whether both files of a split are on this machine; they hold all classes."""
    return find(name, split) is not None


def read(name: str, split: str, choose: Choose, classes: Classes = None) -> Pictures:
    """Read the chosen images of `mnist` or `fashion_mnist`.

    Args:
        choose: from the number of images there are (of `classes`) to the indices wanted, in order.
        classes: which of `CLASS_NAMES[name]`; None takes all.

    Returns:
        Images (B, 1, 28, 28) float32 in [0, 1], labels (B,) int64 in 0..9, and words for where they come from.

    Raises:
        DatasetError: a file is missing, damaged or not an idx file of this kind; the message names it.
    """
    found = find(name, split)
    if found is None:
        raise DatasetError(f"{name}: the files of the {split} split are not on this machine")
    image_file, label_file = found
    pixels = read_idx(image_file, axes=3)  # (B, 28, 28)
    labels = read_idx(label_file, axes=1)  # (B,)
    if len(pixels) != len(labels):
        raise DatasetError(f"{label_file}: {len(labels)} labels for the {len(pixels)} images of {image_file.name}")
    if labels.max() > 9:
        raise DatasetError(f"{label_file}: expected labels 0..9, found {labels.max()}")
    labels = torch.from_numpy(labels).to(torch.int64)
    indices = choose_among(labels, CLASS_NAMES[name], classes, choose)
    images = torch.from_numpy(pixels)[indices].unsqueeze(1).to(torch.float32).div_(255)  # (B, 1, 28, 28)
    return Pictures(images, labels[indices], _origin(name, split, found))


def read_idx(path: Path, *, axes: int) -> np.ndarray:
    """Read an idx file of unsigned bytes: (B, 28, 28) with `axes=3`, (B,) with `axes=1`.

    Never holds more than the header promises, however much a gzipped file would unpack to.

    Raises:
        DatasetError: the file cannot be read, or its magic number, sizes or number of bytes are wrong.
    """
    try:
        with open(path, "rb") as raw:
            # By content, not by name: browsers unpack .gz files and leave the name.
            is_gzipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) if is_gzipped else raw as file:
                return _parse(file, path, axes)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path}: cannot be read, so it is not used ({error})") from error


def _parse(file: BinaryIO, path: Path, axes: int) -> np.ndarray:
    header = file.read(4 * (1 + axes))
    if len(header) < 4 * (1 + axes):
        raise DatasetError(f"{path}: too short for an idx file ({len(header)} bytes), so it is not used")
    magic, count, *sides = struct.unpack(f">{1 + axes}I", header)
    if magic != MAGIC[axes]:
        raise DatasetError(f"{path}: expected the idx magic number {MAGIC[axes]:#x}, got {magic:#x}; it is not used")
    if sides != [SIDE] * (axes - 1) or not 0 < count <= MOST:
        expected = " × ".join([f"1..{MOST:,}", *["28"] * (axes - 1)])
        raise DatasetError(
            f"{path}: expected sizes {expected}, got {' × '.join(map(str, [count, *sides]))}; it is not used"
        )
    size = count * math.prod(sides)
    data = file.read(size + 1)  # one more than promised: enough to notice a surplus
    if len(data) != size:
        came = "more" if len(data) > size else f"{len(data):,}"
        raise DatasetError(f"{path}: expected {size:,} bytes after the header, got {came}; it is not used")
    return np.frombuffer(bytearray(data), np.uint8).reshape(count, *sides)  # bytearray: torch wants writable memory


def _origin(name: str, split: str, found: list[Path]) -> str:
    title = {"mnist": "MNIST (LeCun et al.)", "fashion_mnist": "Fashion-MNIST (Xiao et al.)"}[name]
    digests = DOWNLOADABLE[name].files[split].values()
    official = all(is_official(path, known) for path, known in zip(found, digests, strict=True))
    hashes = "official hashes" if official else "hashes differ from the official files"
    return f"{title}, idx files in {whereabouts(found[0])}, {hashes}"
