"""The record every data set is handed around as."""

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from inverse_graphics.checks import require_finite, require_range, require_tensor


class DatasetError(Exception):
    """A data set cannot be had or cannot be trusted; the message says what to do."""


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
