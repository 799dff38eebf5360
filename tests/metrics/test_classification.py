import math

import pytest
import torch

from inverse_graphics.metrics.classification import classify, classify_pca


def blobs(count, seed, size=3, spread=0.1):
    """Points around the corners of a simplex, one corner per class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % size
    return torch.eye(size)[labels] + spread * torch.randn(count, size, generator=generator), labels


def test_separate_classes_are_told_apart_and_the_floors_are_those_of_the_labels():
    accuracy = classify(*blobs(60, 0), *blobs(30, 1))
    assert accuracy == (1, 1, pytest.approx(1 / 3), pytest.approx(1 / 3), 30)
    train_labels = torch.tensor([4, 4, 4, 7])
    test_labels = torch.tensor([7, 7, 4, 7, 9])
    features = torch.zeros(4, 2)
    floors = classify(features, train_labels, torch.zeros(5, 2), test_labels, neighbours=4)
    assert (floors.chance, floors.majority, floors.count) == (0.5, pytest.approx(1 / 5), 5)
    assert floors.linear == floors.nearest == floors.majority  # features that tell nothing


def test_rings_need_neighbours_and_stripes_need_a_line():
    generator = torch.Generator().manual_seed(0)
    angle, labels = torch.rand(300, generator=generator) * 2 * math.pi, torch.arange(300) % 2
    rings = torch.stack((angle.cos(), angle.sin()), 1) * (1 + labels[:, None])
    accuracy = classify(rings[:200], labels[:200], rings[200:], labels[200:])
    assert accuracy.nearest > 0.95 and accuracy.linear < 0.7


def test_nearest_is_what_a_loop_finds():
    train, train_labels = blobs(50, 0, spread=0.6)
    test, test_labels = blobs(40, 1, spread=0.6)
    right = sum(
        (train_labels[(train - x).norm(dim=1).argmin()] == y).item() for x, y in zip(test, test_labels, strict=True)
    )
    assert classify(train, train_labels, test, test_labels, neighbours=1).nearest == pytest.approx(right / 40)


def test_scores_repeat_and_do_not_depend_on_the_scale_of_a_feature():
    train, test = blobs(60, 0, spread=0.6), blobs(60, 1, spread=0.6)
    assert classify(*train, *test) == classify(*train, *test)
    stretched = classify(train[0] * torch.tensor([1, 100, 1]), train[1], test[0] * torch.tensor([1, 100, 1]), test[1])
    assert stretched.linear == classify(*train, *test).linear


def bars(count, seed):
    """8 × 8 pictures with a bright row whose place is the class, in noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 4
    images = 0.2 * torch.rand(count, 1, 8, 8, generator=generator)
    images[torch.arange(count), 0, 2 * labels] += 0.7
    return images, labels


def test_components_of_pixels_keep_what_varies_most():
    assert classify_pca(*bars(80, 0), *bars(40, 1), size=3)[:2] == (1, 1)
    one = classify_pca(*bars(80, 0), *bars(40, 1), size=1)
    assert one.linear < 1
    train, test = bars(80, 0), bars(40, 1)
    mean = train[0].flatten(1).mean(0)
    axes = torch.linalg.svd(train[0].flatten(1) - mean).Vh[:3].T
    by_hand = classify((train[0].flatten(1) - mean) @ axes, train[1], (test[0].flatten(1) - mean) @ axes, test[1])
    assert by_hand == classify_pca(*train, *test, size=3)


def test_bad_input_is_named():
    features, labels = blobs(12, 0)
    images, image_labels = bars(12, 0)
    for bad in (features[0], features * math.nan, labels):
        with pytest.raises(ValueError, match="train_features: expected"):
            classify(bad, labels, features, labels)
        with pytest.raises(ValueError, match="test_features: expected"):
            classify(features, labels, bad, labels)
    with pytest.raises(ValueError, match="test_features: expected 3 features"):
        classify(features, labels, features[:, :2], labels)
    for bad in (labels[:5], labels.float(), labels[:, None]):
        with pytest.raises(ValueError, match="train_labels: expected"):
            classify(features, bad, features, labels)
        with pytest.raises(ValueError, match="test_labels: expected"):
            classify(features, labels, features, bad)
    with pytest.raises(ValueError, match="train_labels: expected two classes"):
        classify(features, torch.zeros_like(labels), features, labels)
    for neighbours in (0, 13, 1.0):
        with pytest.raises(ValueError, match="neighbours: expected"):
            classify(features, labels, features, labels, neighbours)
    for size in (0, 13):
        with pytest.raises(ValueError, match="size: expected"):
            classify_pca(images, image_labels, images, image_labels, size)
    with pytest.raises(ValueError, match="train_images: expected"):
        classify_pca(images * 2, image_labels, images, image_labels, 2)
    with pytest.raises(ValueError, match="test_images: expected 64 pixels"):
        classify_pca(images, image_labels, images[..., :4], image_labels, 2)
