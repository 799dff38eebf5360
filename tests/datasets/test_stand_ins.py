import pytest
import torch

from inverse_graphics.datasets import load
from inverse_graphics.datasets.digits import GARMENTS
from inverse_graphics.datasets.stand_ins import DRAWERS


def background(image):
    """The black pixels that can be reached from the border of an (H, W) image, as a mask (H, W)."""
    empty = image < 0.1
    reached = torch.zeros_like(empty)
    reached[0], reached[-1], reached[:, 0], reached[:, -1] = empty[0], empty[-1], empty[:, 0], empty[:, -1]
    while True:
        grown = torch.nn.functional.max_pool2d(reached.float()[None], 3, 1, 1)[0].bool() & empty
        if torch.equal(grown, reached):
            return reached
        reached = grown


@pytest.mark.parametrize(("name", "train", "test"), [("digits", 1397, 400), ("garments", 6000, 1000)])
def test_splits_have_their_sizes_and_all_classes(name, train, test):
    with pytest.raises(ValueError, match=f"at most {train:,}"):
        load(name, count=train + 1)
    loaded = load(name, "test")
    assert loaded.images.shape == (test, 1, 28, 28) and loaded.images.dtype == torch.float32
    assert loaded.labels.unique().tolist() == list(range(10))
    assert loaded.images.flatten(1).amax(1).min() > 0.3  # no empty picture
    assert len(loaded.images.flatten(1).unique(dim=0)) >= 0.99 * test  # hardly any twice
    assert "mnist" not in loaded.name and "built in" in loaded.source


# Written down once: if one changes, every result made from that set is of other pictures than it says.
@pytest.mark.parametrize(
    ("name", "split", "expected"),
    [
        ("digits", "train", "94ff6222cff91cc2"),
        ("digits", "test", "5f6456ab59ca339a"),
        ("garments", "train", "a545d2c4ffdd9367"),
        ("garments", "test", "97934b06183d3716"),
        ("faces", "train", "44518c4c86a6cb82"),
        ("faces", "test", "8fe71bce2f9fb161"),
    ],
)
def test_pictures_are_the_same_on_every_machine(name, split, expected):
    count = None if name == "faces" else 200
    assert load(name, split, count=count).fingerprint == expected


def test_splits_share_no_digit():
    train, test = (load("digits", split).images.flatten(1) for split in ("train", "test"))
    assert torch.cdist(test, train).min() > 0


def test_faces_come_with_their_mirror_images_in_the_train_split_only():
    train, test = load("faces"), load("faces", "test")
    assert train.images.shape == (160, 1, 28, 28) and test.images.shape == (20, 1, 28, 28)
    assert torch.equal(train.images[80:], train.images[:80].flip(3))
    everything = torch.cat([train.images, test.images, test.images.flip(3)]).flatten(1)
    assert len(everything.unique(dim=0)) == 200
    assert "mirror images" in train.source and "mirror" not in test.source and "built in" in test.source


def test_digits_keep_a_margin_like_mnist():
    images = load("digits").images
    inside = images[:, :, 4:-4, 4:-4]
    assert torch.allclose(images.sum((1, 2, 3)), inside.sum((1, 2, 3)))


def test_a_subset_is_a_part_of_the_whole():
    assert torch.equal(load("garments", count=30).images, load("garments", count=60).images[:30])
    assert not torch.equal(load("garments", count=30).images, load("garments", "test", count=30).images)


def test_there_is_a_drawer_for_every_class():
    assert len(DRAWERS) == len(GARMENTS) == 10


@pytest.fixture(scope="module")
def garments():
    loaded = load("garments", "test", count=300)
    return {name: loaded.images[loaded.labels == i, 0] for i, name in enumerate(GARMENTS)}


def test_trousers_have_two_legs(garments):
    for image in garments["Trouser"]:
        row = (image[24] > 0.1).int()
        assert int((row.diff() == 1).sum()) == 2


def test_bags_have_a_hole_under_the_handle_and_sandals_have_gaps(garments):
    for name in ("Bag", "Sandal"):
        for image in garments[name]:
            assert ((image < 0.1) & ~background(image)).sum() >= 3


def test_boots_have_a_shaft_and_sneakers_do_not(garments):
    assert all((image[8, 15:25] > 0.1).float().mean() > 0.8 for image in garments["Ankle boot"])
    assert all((image[8] < 0.1).all() for image in garments["Sneaker"])


def test_long_sleeves_reach_lower_than_short_ones(garments):
    sides = {name: garments[name][:, 20, :6].amax(1) for name in ("Pullover", "Coat", "T-shirt/top")}
    assert sides["Pullover"].min() > 0.1 and sides["Coat"].min() > 0.1 and sides["T-shirt/top"].max() < 0.1
