"""Photographs in colour for the mesh paper: faces of CelebA and FFHQ, and cars, from any folder or zip archive.

Szabó & Favaro 2019, Sec. 8: FFHQ at 128 × 128, and 100,000 images each of LSUN's cars and buses. A set is read where
the user has it; nothing is downloaded. Each tenth photograph, by the order of names, belongs to the test split.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from inverse_graphics import paths
from inverse_graphics.checks import require_choice
from inverse_graphics.datasets.block_cache import load_block, save_block
from inverse_graphics.datasets.downloads import whereabouts
from inverse_graphics.datasets.faces import HEAD, Box, celeba_crop, centre_square, find_celeba, opened, read_photographs
from inverse_graphics.datasets.images import Choose, Classes, DatasetError, Pictures

SIDE = 32  # pixels, where none is asked for
MOST_SIDE = 128  # pixels; a larger one adds nothing to the photographs that there are
TENTH = 10  # of which one is for testing
VERSION = 1  # raise it when the same photographs shall give other pixels


@dataclass(frozen=True)
class Album:
    """Where a set of photographs may lie.

    Fields:
        title: what people call it.
        find: gives the folder or archive, or None.
        crop: which part of a photograph is kept.
    """

    title: str
    find: Callable[[], Path | None]
    crop: Callable[[int, int], Box] = centre_square


def _find(*places: str) -> Callable[[], Path | None]:
    """The first of some files or folders that exists in a data folder."""

    def find() -> Path | None:
        there = (folder / place for folder in paths.data_folders() for place in places)
        return next((place for place in there if place.is_dir() or place.is_file()), None)

    return find


ALBUMS = {
    "celeba_heads": Album("CelebA (Liu et al. 2015), heads", find_celeba, partial(celeba_crop, part=HEAD)),
    "ffhq": Album(
        "FFHQ (Karras et al. 2019), thumbnails",
        _find("ffhq/thumbnails128x128", "ffhq/thumbnails128x128.zip", "thumbnails128x128", "thumbnails128x128.zip"),
    ),
    "cars": Album("cars", _find("cars/cars_train.zip", "cars/cars_train", "cars.zip", "cars", "lsun/car")),
}


def present(name: str, split: str, classes: Classes = None) -> bool:
    """Whether a set is on this machine; it holds both splits and one class."""
    return ALBUMS[require_choice("name", name, ALBUMS)].find() is not None


def read(name: str, split: str, choose: Choose, size: int | None = None, classes: Classes = None) -> Pictures:
    """The chosen photographs of a set; those that cannot be decoded are left out and counted.

    Args:
        choose: from the number of photographs in the split to the indices wanted, in order.
        size: side that is wanted, in pixels; None is 32. At most 128 are read.
        classes: there is only one, so this changes nothing.

    Returns:
        Images (B, 3, S, S) float32 in [0, 1], labels (B,) int64 all 0, and words for where they come from.

    Raises:
        DatasetError: the set is missing, or no photograph of it can be read; the message names it.
    """
    album = ALBUMS[require_choice("name", name, ALBUMS)]
    if (place := album.find()) is None:
        raise DatasetError(f"{album.title}: not on this machine")
    side, wanted = min(size or SIDE, MOST_SIDE), []

    def select(names: list[str]) -> list[str]:
        mine = [name for i, name in enumerate(sorted(names)) if (i % TENTH == TENTH - 1) == (split == "test")]
        wanted.extend(mine[i] for i in choose(len(mine)).tolist())
        return wanted

    decoded = _cached(place, side, album, select)
    images = decoded["pixels"].permute(0, 3, 1, 2).to(torch.float32).div_(255)
    left_out = f"; {n:,} could not be read" if (n := int(decoded["left_out"])) else ""
    width, height = decoded["size"].tolist()
    where = f"{album.title}, photographs such as of {width}×{height} in {whereabouts(place)}, cropped to squares"
    return Pictures(images, torch.zeros(len(images), dtype=torch.int64), where + left_out)


def _cached(place: Path, side: int, album: Album, select: Callable[[list[str]], list[str]]) -> dict[str, Tensor]:
    """pixels (B, S, S, 3) uint8, size (2,), left_out (), kept in `data/cache/` under the names of the photographs."""
    with opened(place) as (names, _):
        wanted = select(list(names))
    stat = place.stat()
    made_of = (VERSION, album.title, str(place), stat.st_size, stat.st_mtime_ns, side, wanted)
    key = hashlib.sha256(repr(made_of).encode()).hexdigest()[:16]
    cache = paths.DATA / "cache" / f"photographs-{side}-{key}.safetensors"
    if found := load_block(cache, ("pixels", "size", "left_out")):
        return found
    photographs = read_photographs(place, side, crop=album.crop, select=lambda names: wanted, colour=True)
    made = {
        "pixels": torch.from_numpy(photographs.pixels),
        "size": torch.tensor(photographs.sizes[0]),
        "left_out": torch.tensor(len(photographs.left_out)),
    }
    save_block(cache, made)
    return made
