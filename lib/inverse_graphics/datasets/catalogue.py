"""`load(name)`: every data set the project knows, in one table. To add one, write its reader and add its entry.

Names joined by `+`, as in "mnist+fashion_mnist", make a mixture of sets, see `mixtures`.
"""

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module

import torch
from torch import Tensor

from inverse_graphics.checks import require_choice
from inverse_graphics.datasets import digits, faces, mixtures, photographs, stand_ins
from inverse_graphics.datasets.images import (
    Choose,
    Classes,
    DatasetError,
    Entry,
    ImageSet,
    Pictures,
    most_bytes,
    resize,
)

SPLITS = ("train", "test")
SIDES = (4, 512)  # pixels, smallest and largest `size`
OBJECTS = ("airplane", "car", "person", "cup", "bowl", "chair")  # the categories of Uçar 2019, Sec. 3.3


def _in_native_size(read: Callable[..., tuple]) -> Callable[[str, Choose, int | None, Classes], Pictures]:
    """A reader for `Entry.read` out of one whose pictures have one size, so that it does not ask for any."""
    return lambda split, choose, size, classes: Pictures(*read(split, choose, classes))


def _later(module: str, function: str, *arguments: str) -> Callable[..., object]:
    """A function that is imported when it is called: what deals with meshes takes a second to import, which those who
    want digits need not wait for."""

    def call(*others: object) -> object:
        return getattr(import_module(f"inverse_graphics.datasets.{module}"), function)(*arguments, *others)

    return call


def _obtain_idx(folder: str) -> str:
    return (
        f"Run `make data` to download it, or put its idx files into a folder `{folder}/` "
        "and set INVERSE_GRAPHICS_DATA to the folder that holds it"
    )


MODELNET_LICENCE = "academic research only (Princeton ModelNet; the shapes belong to their authors)"
OBTAIN_MODELNET40 = (
    "Get ModelNet40.zip from modelnet.cs.princeton.edu by hand and set INVERSE_GRAPHICS_DATA to the folder that it is "
    "in, unopened or unpacked, or put it into `data/`"
)

CATALOGUE = {
    "mnist": Entry(
        title="MNIST",
        class_names=digits.DIGITS,
        licence="CC BY-SA 3.0 (Y. LeCun and C. Cortes)",
        stand_in="digits",
        read=_in_native_size(partial(digits.read, "mnist")),
        present=partial(digits.present, "mnist"),
        obtain=_obtain_idx("mnist"),
        downloadable=True,
    ),
    "fashion_mnist": Entry(
        title="Fashion-MNIST",
        class_names=digits.GARMENTS,
        licence="MIT (Zalando SE)",
        stand_in="garments",
        read=_in_native_size(partial(digits.read, "fashion_mnist")),
        present=partial(digits.present, "fashion_mnist"),
        obtain=_obtain_idx("fashion-mnist"),
        downloadable=True,
    ),
    "celeba": Entry(
        title="CelebA",
        class_names=faces.CLASS_NAMES,
        licence="non-commercial research only (MMLAB, The Chinese University of Hong Kong)",
        stand_in="faces",
        read=faces.read_celeba,
        present=faces.present_celeba,
        obtain="Get img_align_celeba.zip by hand from mmlab.ie.cuhk.edu.hk/projects/CelebA.html, put it unopened into "
        "a folder `celeba/` and set INVERSE_GRAPHICS_DATA to the folder that holds that, or put it into `data/celeba/`",
    ),
    "celeba_heads": Entry(
        title="CelebA, heads in colour",
        class_names=faces.CLASS_NAMES,
        licence="non-commercial research only (MMLAB, The Chinese University of Hong Kong)",
        stand_in="heads",
        read=partial(photographs.read, "celeba_heads"),
        present=partial(photographs.present, "celeba_heads"),
        obtain="Get img_align_celeba.zip as for `celeba`",
        channels=3,
    ),
    "ffhq": Entry(
        title="FFHQ, thumbnails",
        class_names=faces.CLASS_NAMES,
        licence="CC BY-NC-SA 4.0 (NVIDIA), single photographs under terms of their own",
        stand_in="heads",
        read=partial(photographs.read, "ffhq"),
        present=partial(photographs.present, "ffhq"),
        obtain="Get the folder thumbnails128x128 by hand from github.com/NVlabs/ffhq-dataset and set "
        "INVERSE_GRAPHICS_DATA to the folder that it is in",
        channels=3,
    ),
    "cars": Entry(
        title="photographs of cars",
        class_names=("car",),
        licence="that of the photographs you put there",
        stand_in="toy_cars",
        read=partial(photographs.read, "cars"),
        present=partial(photographs.present, "cars"),
        obtain="Put any photographs of cars into a folder `cars/`, or an archive `cars.zip`, and set "
        "INVERSE_GRAPHICS_DATA to the folder that holds it",
        channels=3,
    ),
    "modelnet40": Entry(
        title="ModelNet40",
        class_names=OBJECTS,
        licence=MODELNET_LICENCE,
        stand_in="objects",
        read=_in_native_size(_later("modelnet", "read_modelnet40", "shaded")),
        present=_later("modelnet", "present_modelnet40"),
        obtain=OBTAIN_MODELNET40,
    ),
    "modelnet40_silhouettes": Entry(
        title="ModelNet40, silhouettes",
        class_names=OBJECTS,
        licence=MODELNET_LICENCE,
        stand_in="objects_silhouettes",
        read=_in_native_size(_later("modelnet", "read_modelnet40", "silhouette")),
        present=_later("modelnet", "present_modelnet40"),
        obtain=OBTAIN_MODELNET40,
    ),
    "modelnet10_voxels": Entry(
        title="ModelNet10 as voxels, silhouettes",
        class_names=("chair", "monitor"),
        licence=MODELNET_LICENCE,
        stand_in="objects_silhouettes",
        read=_in_native_size(_later("modelnet", "read_voxels")),
        present=_later("modelnet", "present_voxels"),
        obtain="Put chair.npy.gz and monitor.npy.gz, each (N, 1, 32, 32, 32) of 0 and 1 with z up, into a folder "
        "`modelnet10-voxels/` and set INVERSE_GRAPHICS_DATA to the folder that holds it",
    ),
    "digits": Entry(
        title="scikit-learn's handwritten digits",
        class_names=digits.DIGITS,
        licence="CC BY 4.0 (UCI; Alpaydin & Kaynak)",
        stand_in=None,
        read=_in_native_size(stand_ins.read_digits),
    ),
    "garments": Entry(
        title="drawn garments",
        class_names=digits.GARMENTS,
        licence="MIT (this project)",
        stand_in=None,
        read=_in_native_size(stand_ins.read_garments),
    ),
    "faces": Entry(
        title="scikit-image's faces",
        class_names=faces.CLASS_NAMES,
        licence="photographs of the news, in scikit-image (BSD-3-Clause) without terms of their own",
        stand_in=None,
        read=_in_native_size(stand_ins.read_faces),
    ),
    "heads": Entry(
        title="made-up heads in colour",
        class_names=faces.CLASS_NAMES,
        licence="MIT (this project)",
        stand_in=None,
        read=_later("heads", "read", "heads"),
        channels=3,
    ),
    "toy_cars": Entry(
        title="made-up cars in colour",
        class_names=("car",),
        licence="MIT (this project)",
        stand_in=None,
        read=_later("heads", "read", "toy_cars"),
        channels=3,
    ),
    "objects": Entry(
        title="made-up objects",
        class_names=OBJECTS,
        licence="MIT (this project)",
        stand_in=None,
        read=_in_native_size(_later("objects", "read_objects", "shaded")),
    ),
    "objects_silhouettes": Entry(
        title="made-up objects, silhouettes",
        class_names=OBJECTS,
        licence="MIT (this project)",
        stand_in=None,
        read=_in_native_size(_later("objects", "read_objects", "silhouette")),
    ),
}


def load(
    name: str,
    split: str = "train",
    *,
    size: int | None = None,
    count: int | None = None,
    at_most: int | None = None,
    generator: torch.Generator | None = None,
    classes: Sequence[str] | None = None,
) -> ImageSet:
    """Load a data set from this machine. Nothing is downloaded, and a missing set is never replaced silently.

    Args:
        name: one of `names()`, or several joined by `+`, see `mixtures`.
        split: `train` or `test`.
        size: side of the square images in pixels, 4 to 512, resized with antialiased bilinear interpolation; None
            keeps the native size. Photographs are read at that size. Raising it raises memory and training time with
            its square.
        count: how many images; None takes all.
        at_most: the same, but all where there are fewer.
        generator: None takes the first `count` images; a generator draws `count` of them without replacement, in
            the order drawn.
        classes: names of the classes wanted, as `class_names(name)` has them; None takes all. The labels mean the
            same in any case.

    Returns:
        An `ImageSet`: images (B, C, H, W) float32 in [0, 1], labels (B,) int64, their source and licence, and the
        truth of rendered pictures.

    Raises:
        ValueError: an argument is out of its range; the message says what was expected.
        DatasetError: the set is not on this machine, or a file of it is damaged; the message says what to do.
    """
    entry = _entry(name)
    require_choice("split", split, SPLITS)
    _require_whole("size", size, *SIDES, hint="`size` is the side of an image in pixels; for fewer images use `count=`")
    _require_whole("count", count, 1, None, hint="`count` is how many images to load")
    _require_whole("at_most", at_most, 1, None, hint="`at_most` is how many images to load, all if there are fewer")
    if count is not None and at_most is not None:
        raise ValueError(f"at_most: expected either count or at_most, got both, {count} and {at_most}")
    _require_classes(classes, entry.class_names)
    if generator is not None and not (isinstance(generator, torch.Generator) and generator.device.type == "cpu"):
        raise ValueError(f"generator: expected a torch.Generator on the CPU, got {generator!r}")
    parts = _parts(name)
    for part, own in mixtures.classes_by_part(parts, classes).items():
        if not parts[part].present(split, own):
            raise DatasetError(
                f"{parts[part].title} ({split} split) is not on this machine. {parts[part].obtain}; "
                f'or use its built-in stand-in: load("{stand_in_for(name)}").'
            )
    among = name if classes is None else f"{name} ({', '.join(classes)})"

    def choose(total: int) -> Tensor:
        if total == 0:
            raise DatasetError(f"{among}: there is no picture in the {split} split")
        if count is not None and count > total:
            raise ValueError(
                f"count: expected at most {total:,}, all there are in {among}'s {split} split; got {count}"
            )
        if size is not None:
            _require_room(count or min(at_most or total, total), entry.channels, size)
        order = torch.arange(total) if generator is None else torch.randperm(total, generator=generator)
        return order[: count or at_most]

    images, labels, source, truth = entry.read(split, choose, size, classes)
    if classes is not None:
        source = f"{source}; only {', '.join(classes)}"
    return ImageSet(name, split, resize(images, size), labels, entry.class_names, source, entry.licence, truth)


def names() -> list[str]:
    """Names that `load` knows, without the mixtures that can be made of them."""
    return list(CATALOGUE)


def available(name: str, classes: Sequence[str] | None = None) -> bool:
    """Whether both splits of a set, or of all sets of a mixture, are on this machine; true of the built-in ones.

    With `classes`, only files that these need count: some have ModelNet's chairs, but nothing else of it.
    """
    entry = _entry(name)
    _require_classes(classes, entry.class_names)
    return all(entry.present(split, classes) for split in SPLITS)


def class_names(name: str) -> tuple[str, ...]:
    """What the labels of a set mean, one name per label; needs no file."""
    return _entry(name).class_names


def stand_in_for(name: str) -> str:
    """The built-in set to use where `name` is not on this machine; a built-in set is its own stand-in.

    In a mixture, only the sets that are not on this machine are replaced.
    """
    entries = _parts(name)
    if len(entries) == 1:
        return entries[name].stand_in or name
    return "+".join(dict.fromkeys(part if available(part) else entries[part].stand_in for part in entries))


def with_stand_ins(name: str) -> list[str]:
    """`name` with more and more of its sets replaced by their stand-ins: itself first, all replaced last."""
    entries = _parts(name)
    replaceable = [part for part, entry in entries.items() if entry.stand_in]
    found = []
    for count in range(len(replaceable) + 1):
        for chosen in itertools.combinations(replaceable, count):
            found.append(
                "+".join(dict.fromkeys(entries[part].stand_in if part in chosen else part for part in entries))
            )
    return list(dict.fromkeys(found))


def component_of(name: str, labels: Tensor) -> Tensor:
    """Which set of a mixture pictures come from, by their labels: (B,) → (B,) int64, 0 for the first in the name."""
    ends = torch.tensor([len(entry.class_names) for entry in _parts(name).values()]).cumsum(0)
    return torch.bucketize(labels, ends, right=True)


def _parts(name: str) -> dict[str, Entry]:
    """The sets that a mixture is made of, by name; any other set is made of itself."""
    found = mixtures.parts(name) if isinstance(name, str) else (name,)
    return {part: CATALOGUE[require_choice("name", part, CATALOGUE)] for part in found}


def _entry(name: str) -> Entry:
    entries = _parts(name)
    return mixtures.mix(entries) if len(entries) > 1 else entries[name]


def _require_classes(classes: object, known: tuple[str, ...]) -> None:
    if classes is None:
        return
    if isinstance(classes, str) or not isinstance(classes, Sequence) or not classes:
        raise ValueError(f"classes: expected names of classes, as in ({known[0]!r},), or None; got {classes!r}")
    for name in classes:
        require_choice("classes", name, known)


def _require_whole(name: str, value: object, low: int, high: int | None, *, hint: str) -> None:
    if value is None:
        return
    if type(value) is not int or value < low or (high is not None and value > high):
        span = f"{low} to {high}" if high else f"{low} or more"
        raise ValueError(f"{name}: expected a whole number, {span}, or None; got {value!r} ({hint})")


def _require_room(B: int, C: int, size: int) -> None:
    if (needed := 4 * B * C * size * size) > (room := most_bytes()):
        most = room // (needed // B)
        raise ValueError(
            f"size: {B:,} images of {size}×{size} pixels would take {needed / 2**30:.1f} GiB of at most "
            f"{room / 2**30:.1f} GiB; use `count=` for at most {most:,} images, or a smaller size"
        )
