from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from inverse_graphics.datasets.images import ImageSet, fingerprint


@pytest.fixture
def image_set():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(6, 1, 5, 5, generator=generator)
    return ImageSet("toy", "train", images, torch.arange(6) % 2, ("a", "b"), "made here", "none")


def test_knows_its_length_and_provenance(image_set):
    assert len(image_set) == 6
    provenance = image_set.provenance()
    assert provenance["count"] == 6 and provenance["shape"] == [1, 5, 5]
    assert provenance["fingerprint"] == fingerprint(image_set.images, image_set.labels)
    assert not any(isinstance(value, torch.Tensor) for value in provenance.values())


def test_is_frozen(image_set):
    with pytest.raises(FrozenInstanceError):
        image_set.name = "mnist"


def test_fingerprint_depends_on_pixels_labels_and_order(image_set):
    images, labels = image_set.images, image_set.labels
    original = fingerprint(images, labels)
    assert len(original) == 16 and original == fingerprint(images.clone(), labels.clone())
    assert original != fingerprint(images.flip(0), labels.flip(0))
    assert original != fingerprint(images, 1 - labels)
    assert original != fingerprint(1 - images, labels)
    assert original != fingerprint(images.reshape(6, 5, 5, 1), labels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(6, 5, 5)}, "images: expected shape"),
        ({"images": torch.zeros(0, 1, 5, 5)}, "images: expected shape"),
        ({"images": torch.zeros(6, 1, 5, 5, dtype=torch.uint8)}, "images: expected a floating-point"),
        ({"images": torch.full((6, 1, 5, 5), 255.0)}, r"images: expected values in \[0, 1\]"),
        ({"images": torch.full((6, 1, 5, 5), torch.nan)}, r"images: expected values in \[0, 1\]"),
        ({"labels": torch.zeros(5, dtype=torch.int64)}, "labels: expected one per image"),
        ({"labels": torch.full((6,), 2)}, "labels: expected indices into 2"),
        ({"labels": torch.full((6,), -1)}, "labels: expected indices into 2"),
    ],
)
def test_bad_fields_are_refused(image_set, change, message):
    with pytest.raises(ValueError, match=message):
        replace(image_set, **change)
