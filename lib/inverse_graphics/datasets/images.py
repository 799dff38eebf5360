"""The records of this room: what a reader gives, what the catalogue knows of a set, what everyone else gets."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import psutil
import torch
from torch import Tensor
from torch.nn import functional as F

from inverse_graphics.checks import require_finite, require_range, require_tensor


class DatasetError(Exception):
    """A data set cannot be had or cannot be trusted; the message says what to do."""


def one_line(error: Exception) -> str:
    """What an error says, on one line and not too long, to be part of a message."""
    text = " ".join(str(error).split())
    return text if len(text) <= 120 else text[:119] + "…"


def most_bytes() -> int:
    """What one set may take: half of this machine's memory; beyond, it starts to swap."""
    return psutil.virtual_memory().total // 2


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """What rendered pictures were rendered from. For measuring only: nothing may train on it.

    Fields:
        voxels: (N, D, H, W) bool, one grid per object, in the azimuth-0 frame of `geometry.voxel_grids`.
        objects: (B,) int64, which of the N each picture shows.
        azimuths: (B,) float32 radians in [−π, π): the picture is the view of its object from there, so that
            `project_voxels(voxels[objects], azimuths)` is its silhouette.
    """

    voxels: Tensor
    objects: Tensor
    azimuths: Tensor

    def __post_init__(self) -> None:
        require_tensor("voxels", self.voxels, "N D H W", floating=False)
        require_tensor("objects", self.objects, "B", floating=False)
        require_finite("azimuths", require_tensor("azimuths", self.azimuths, "B"))
        if len(self.azimuths) != len(self.objects):
            raise ValueError(f"azimuths: expected one per picture ({len(self.objects)}), got {len(self.azimuths)}")
        if self.objects.min() < 0 or self.objects.max() >= len(self.voxels):
            raise ValueError(f"objects: expected indices into {len(self.voxels)} voxel grids")

    def of(self, pictures: Tensor) -> "GroundTruth":
        """The truth of some of the pictures, given by their indices (K,); keeps the grids of all objects."""
        return GroundTruth(self.voxels, self.objects[pictures], self.azimuths[pictures])


Choose = Callable[[int], Tensor]  # from the number of images there are to the indices wanted, in order
Classes = Sequence[str] | None  # names of the classes wanted; None for all


class Pictures(NamedTuple):
    """What a reader gives; see `ImageSet` for the fields."""

    images: Tensor
    labels: Tensor
    source: str
    truth: GroundTruth | None = None


@dataclass(frozen=True)
class Entry:
    """One data set of the catalogue.

    Fields:
        title: what people call it.
        class_names: one per label.
        licence: the terms it comes under, as `data/README.md` says them too.
        stand_in: the built-in set that is used where this one is not there; None if it is built in itself.
        read: (split, choose, size, classes) → pictures. `choose` counts among the pictures of `classes` only, but
            labels are indices into all of `class_names`. Reads no more than is chosen where the format lets it. `size`
            is a hint: a reader of photographs makes them that large, the others give their native size.
        present: (split, classes) → whether the files that these classes need are on this machine.
        obtain: what to do to get it, a sentence for the error message.
        channels: of an image.
        downloadable: whether `downloads.download` can fetch it.
    """

    title: str
    class_names: tuple[str, ...]
    licence: str
    stand_in: str | None
    read: Callable[[str, Choose, int | None, Classes], Pictures]
    present: Callable[[str, Classes], bool] = lambda split, classes: True
    obtain: str = "It is built in."
    channels: int = 1
    downloadable: bool = False


def choose_among(labels: Tensor, class_names: tuple[str, ...], classes: Classes, choose: Choose) -> Tensor:
    """Indices (K,) that `choose` picks among the pictures of some classes, given the labels (B,) of all pictures."""
    if classes is None:
        return choose(len(labels))
    wanted = torch.tensor([class_names.index(name) for name in classes])
    among = torch.isin(labels, wanted).nonzero().flatten()
    return among[choose(len(among))]


def resize(images: Tensor, size: int | None) -> Tensor:
    """Images (B, C, H, W) at `size`×`size` pixels by antialiased bilinear interpolation; None leaves them alone."""
    if size is None or images.shape[2:] == (size, size):
        return images
    resized = F.interpolate(images, size=(size, size), mode="bilinear", align_corners=False, antialias=True)
    return resized.clamp_(0, 1)  # rounding can leave the range by an ulp


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with their labels and where they come from.

    Fields:
        name: the catalogue's name, for example `mnist`; a stand-in never bears the name of a real set.
        split: `train` or `test`.
        images: (B, C, H, W) float32 in [0, 1], row 0 on top.
        labels: (B,) int64 indices into `class_names`.
        class_names: one name per class.
        source: where the images come from, in words fit to print under a figure.
        licence: the terms they come under.
        truth: shapes and poses of rendered pictures; None for photographs and drawings.
        fingerprint: sixteen hex digits of a SHA-256 over images and labels: same pictures in the same order, same
            fingerprint, on any machine.
    """

    name: str
    split: str
    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    source: str
    licence: str
    truth: GroundTruth | None = None
    fingerprint: str = ""

    def __post_init__(self) -> None:
        require_range("images", require_tensor("images", self.images, "B C H W"), 0, 1)  # NaN lies in no range
        require_tensor("labels", self.labels, "B", floating=False)
        if len(self.labels) != len(self.images):
            raise ValueError(f"labels: expected one per image ({len(self.images)}), got {len(self.labels)}")
        if self.labels.min() < 0 or self.labels.max() >= len(self.class_names):
            raise ValueError(f"labels: expected indices into {len(self.class_names)} class names")
        if self.truth is not None and len(self.truth.objects) != len(self.images):
            raise ValueError(f"truth: expected that of {len(self.images)} pictures, got {len(self.truth.objects)}")
        object.__setattr__(self, "fingerprint", fingerprint(self.images, self.labels))

    def __len__(self) -> int:
        return len(self.images)

    def pick(self, pictures: Tensor) -> "ImageSet":
        """Some of the pictures, given by their indices (K,), with their labels and truth."""
        truth = None if self.truth is None else self.truth.of(pictures)
        return replace(self, images=self.images[pictures], labels=self.labels[pictures], truth=truth)

    def provenance(self) -> dict[str, object]:
        """What a result records of its data: no picture, only where it came from."""
        return {
            "name": self.name,
            "split": self.split,
            "count": len(self),
            "shape": list(self.images.shape[1:]),
            "source": self.source,
            "licence": self.licence,
            "fingerprint": self.fingerprint,
        }


def fingerprint(images: Tensor, labels: Tensor) -> str:
    """Sixteen hex digits of a SHA-256 over 8-bit images, labels and their shapes."""
    digest = hashlib.sha256(repr((tuple(images.shape), tuple(labels.shape))).encode())
    digest.update((images * 255).round().to(torch.uint8).numpy().tobytes())
    digest.update(labels.to(torch.int64).numpy().tobytes())
    return digest.hexdigest()[:16]
