"""`load(name)`: every data set the project knows, in one table. To add one, write its reader and add its entry."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from inverse_graphics.checks import require_choice
from inverse_graphics.datasets import digits, stand_ins
from inverse_graphics.datasets.downloads import DOWNLOADABLE, Download
from inverse_graphics.datasets.images import DatasetError, ImageSet

SPLITS = ("train", "test")
SIDES = (4, 512)  # pixels, smallest and largest `size`
MOST_BYTES = 2 << 30  # of one set's images: beyond, a laptop starts to swap

Choose = Callable[[int], Tensor]  # from the number of images there are to the indices wanted, in order


@dataclass(frozen=True)
class Entry:
    """One data set.

    Fields:
        title: what people call it.
        class_names: one per label.
        licence: the terms it comes under, as `data/README.md` says them too.
        stand_in: the built-in set that is used where this one is not there; None if it is built in itself.
        read: (split, choose) → images (B, C, H, W) float32 in [0, 1], labels (B,) int64, source. Reads no more than
            `choose` picks where the format lets it.
        present: split → whether its files are on this machine.
        obtain: what to do to get it, a sentence for the error message.
        channels: of an image.
        download: its official files and their SHA-256, if it can be downloaded.
    """

    title: str
    class_names: tuple[str, ...]
    licence: str
    stand_in: str | None
    read: Callable[[str, Choose], tuple[Tensor, Tensor, str]]
    present: Callable[[str], bool] = lambda split: True
    obtain: str = "It is built in."
    channels: int = 1
    download: Download | None = None


def _obtain_idx(folder: str) -> str:
    return (
        f"Run `make data` to download it, or put its idx files into a folder `{folder}/` "
        "and set INVERSE_GRAPHICS_DATA to the folder that holds it"
    )


CATALOGUE = {
    "mnist": Entry(
        title="MNIST",
        class_names=digits.DIGITS,
        licence="CC BY-SA 3.0 (Y. LeCun and C. Cortes)",
        stand_in="digits",
        read=partial(digits.read, "mnist"),
        present=partial(digits.present, "mnist"),
        obtain=_obtain_idx("mnist"),
        download=DOWNLOADABLE["mnist"],
    ),
    "fashion_mnist": Entry(
        title="Fashion-MNIST",
        class_names=digits.GARMENTS,
        licence="MIT (Zalando SE)",
        stand_in="garments",
        read=partial(digits.read, "fashion_mnist"),
        present=partial(digits.present, "fashion_mnist"),
        obtain=_obtain_idx("fashion-mnist"),
        download=DOWNLOADABLE["fashion_mnist"],
    ),
    "digits": Entry(
        title="scikit-learn's handwritten digits",
        class_names=digits.DIGITS,
        licence="CC BY 4.0 (UCI; Alpaydin & Kaynak)",
        stand_in=None,
        read=stand_ins.read_digits,
    ),
    "garments": Entry(
        title="drawn garments",
        class_names=digits.GARMENTS,
        licence="MIT (this project)",
        stand_in=None,
        read=stand_ins.read_garments,
    ),
}


def load(
    name: str,
    split: str = "train",
    *,
    size: int | None = None,
    count: int | None = None,
    generator: torch.Generator | None = None,
) -> ImageSet:
    """Load a data set from this machine. Nothing is downloaded, and a missing set is never replaced silently.

    Args:
        name: one of `names()`.
        split: `train` or `test`.
        size: side of the square images in pixels, 4 to 512, resized with antialiased bilinear interpolation; None
            keeps the native size. Raising it raises memory and training time with its square.
        count: how many images; None takes all.
        generator: None takes the first `count` images; a generator draws `count` of them without replacement, in
            the order drawn.

    Returns:
        An `ImageSet`: images (B, C, H, W) float32 in [0, 1], labels (B,) int64, and their source and licence.

    Raises:
        ValueError: an argument is out of its range; the message says what was expected.
        DatasetError: the set is not on this machine, or a file of it is damaged; the message says what to do.
    """
    entry = CATALOGUE[require_choice("name", name, CATALOGUE)]
    require_choice("split", split, SPLITS)
    _require_whole("size", size, *SIDES, hint="`size` is the side of an image in pixels; for fewer images use `count=`")
    _require_whole("count", count, 1, None, hint="`count` is how many images to load")
    if generator is not None and not (isinstance(generator, torch.Generator) and generator.device.type == "cpu"):
        raise ValueError(f"generator: expected a torch.Generator on the CPU, got {generator!r}")
    if not entry.present(split):
        raise DatasetError(
            f"{entry.title} ({split} split) is not on this machine. {entry.obtain}; "
            f'or use its built-in stand-in: load("{entry.stand_in}").'
        )

    def choose(total: int) -> Tensor:
        if count is not None and count > total:
            raise ValueError(f"count: expected at most {total:,}, all there are in {name}'s {split} split; got {count}")
        if size is not None:
            _require_room(count or total, entry.channels, size)
        order = torch.arange(total) if generator is None else torch.randperm(total, generator=generator)
        return order[:count]

    images, labels, source = entry.read(split, choose)
    return ImageSet(name, split, _resize(images, size), labels, entry.class_names, source, entry.licence)


def names() -> list[str]:
    """Names that `load` knows."""
    return list(CATALOGUE)


def available(name: str) -> bool:
    """Whether both splits of a set are on this machine; always true of the built-in ones."""
    entry = CATALOGUE[require_choice("name", name, CATALOGUE)]
    return all(entry.present(split) for split in SPLITS)


def class_names(name: str) -> tuple[str, ...]:
    """What the labels of a set mean, one name per label; needs no file."""
    return CATALOGUE[require_choice("name", name, CATALOGUE)].class_names


def stand_in_for(name: str) -> str:
    """The built-in set to use where `name` is not on this machine; a built-in set is its own stand-in."""
    return CATALOGUE[require_choice("name", name, CATALOGUE)].stand_in or name


def _require_whole(name: str, value: object, low: int, high: int | None, *, hint: str) -> None:
    if value is None:
        return
    if type(value) is not int or value < low or (high is not None and value > high):
        span = f"{low} to {high}" if high else f"{low} or more"
        raise ValueError(f"{name}: expected a whole number, {span}, or None; got {value!r} ({hint})")


def _require_room(B: int, C: int, size: int) -> None:
    if (needed := 4 * B * C * size * size) > MOST_BYTES:
        most = MOST_BYTES // (needed // B)
        raise ValueError(
            f"size: {B:,} images of {size}×{size} pixels would take {needed / 2**30:.1f} GiB of at most "
            f"{MOST_BYTES / 2**30:g} GiB; use `count=` for at most {most:,} images, or a smaller size"
        )


def _resize(images: Tensor, size: int | None) -> Tensor:
    if size is None or images.shape[2:] == (size, size):
        return images
    resized = F.interpolate(images, size=(size, size), mode="bilinear", align_corners=False, antialias=True)
    return resized.clamp_(0, 1)  # rounding can leave the range by an ulp
