from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from inverse_graphics.datasets.images import GroundTruth, ImageSet, choose_among, fingerprint, resize


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


@pytest.fixture
def truth():
    voxels = torch.zeros(2, 3, 3, 3, dtype=torch.bool)
    return GroundTruth(voxels, torch.tensor([0, 0, 1, 1, 0, 1]), torch.linspace(-1, 1, 6))


def test_truth_goes_along_with_the_pictures_chosen(image_set, truth):
    assert replace(image_set, truth=truth).truth is truth
    some = truth.of(torch.tensor([5, 0]))
    assert some.objects.tolist() == [1, 0] and some.azimuths.tolist() == [1, -1] and some.voxels is truth.voxels
    with pytest.raises(ValueError, match="truth: expected that of 6 pictures, got 2"):
        replace(image_set, truth=some)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"voxels": torch.zeros(3, 3, 3)}, "voxels: expected shape"),
        ({"objects": torch.zeros(6, 1)}, "objects: expected shape"),
        ({"objects": torch.tensor([0, 0, 1, 1, 0, 2])}, "objects: expected indices into 2 voxel grids"),
        ({"objects": torch.tensor([0, 0, 1, 1, 0, -1])}, "objects: expected indices into 2 voxel grids"),
        ({"azimuths": torch.zeros(5)}, r"azimuths: expected one per picture \(6\), got 5"),
        ({"azimuths": torch.full((6,), torch.nan)}, "azimuths: expected finite values"),
    ],
)
def test_bad_truth_is_refused(truth, change, message):
    with pytest.raises(ValueError, match=message):
        replace(truth, **change)


def test_choosing_among_classes_counts_only_those():
    labels, names = torch.tensor([2, 0, 1, 2, 0, 2]), ("a", "b", "c")
    asked = []

    def last_two(total):
        asked.append(total)
        return torch.arange(total)[-2:].flip(0)

    assert choose_among(labels, names, None, last_two).tolist() == [5, 4]
    assert choose_among(labels, names, ("c",), last_two).tolist() == [5, 3]
    assert choose_among(labels, names, ["a", "b"], last_two).tolist() == [4, 2]
    assert asked == [6, 3, 3]


def test_resizing_leaves_the_native_size_alone(image_set):
    assert resize(image_set.images, None) is image_set.images and resize(image_set.images, 5) is image_set.images
    assert resize(image_set.images, 9).shape == (6, 1, 9, 9)
