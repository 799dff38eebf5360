import pytest
import torch

from inverse_graphics.datasets import DatasetError, available, class_names, component_of, load, mixtures, stand_in_for
from inverse_graphics.datasets.catalogue import CATALOGUE
from inverse_graphics.datasets.images import Entry, GroundTruth, Pictures

PAPER = {"mnist": 60_000, "fashion_mnist": 60_000, "celeba": 9000, "modelnet40": 23_316}


def counts(totals, first=None):
    component, _ = mixtures.order(totals)
    return component[:first].bincount(minlength=len(totals)).tolist()


def test_a_batch_is_that_of_the_authors():
    assert counts(PAPER, 64) == [16, 16, 9, 23]  # 32 of the pool: 9,000 to 23,316
    assert counts({"mnist": 60_000, "fashion_mnist": 60_000}, 64) == [32, 32]
    assert counts({"mnist": 60_000, "celeba": 9000}, 48) == [16, 32]
    assert counts({"celeba": 9000, "objects": 21_600}, 64) == [19, 45]
    assert counts({"digits": 1397, "celeba": 9000}, 48) == [16, 32]  # a stand-in has the share of what it stands for


def test_as_many_as_the_scarcest_allows():
    assert counts({"mnist": 60_000, "fashion_mnist": 1000}) == [1000, 1000]
    assert counts({"digits": 1397, "garments": 6000, "faces": 160, "objects": 21_600}) == [1397, 1397, 20, 2773]
    assert counts(PAPER) == [16_158, 16_158, 9000, 23_316]
    assert counts({"mnist": 7, "fashion_mnist": 1}) == [1, 1]


@pytest.mark.parametrize("totals", [PAPER, {"digits": 1397, "garments": 6000, "faces": 160, "objects": 21_600}])
def test_every_prefix_has_the_same_proportions_and_none_is_taken_twice(totals):
    component, index = mixtures.order(totals)
    whole = component.bincount() / len(component)
    for first in (64, 640, 5000):
        assert (component[:first].bincount(minlength=4) - first * whole).abs().max() < 2
    for number, total in enumerate(totals.values()):
        taken = index[component == number]
        assert len(taken.unique()) == len(taken) and taken.max() < total
        assert not torch.equal(taken, taken.sort().values)  # shuffled
    assert all(torch.equal(*pair) for pair in zip(mixtures.order(totals), (component, index), strict=True))


def test_a_few_pictures_touch_the_beginning_of_a_set_only():
    component, index = mixtures.order({"faces": 160, "objects": 21_600})
    assert index[:64][component[:64] == 1].max() < mixtures.WINDOW


def fake(total, shade, *, usable=None, class_names=("a", "b"), is_there=True, size=28):
    """A set whose picture i has brightness `shade` and label i % 2; it cannot render all that is asked for."""

    def read(split, choose, wanted_size, classes):
        labels = torch.arange(total) % 2
        among = torch.arange(total)
        if classes is not None:
            among = torch.isin(labels, torch.tensor([class_names.index(name) for name in classes])).nonzero().flatten()
        chosen = among[choose(len(among))][:usable]
        side = wanted_size or size
        images = torch.full((len(chosen), 1, side, side), shade)
        truth = GroundTruth(torch.ones(1, 2, 2, 2, dtype=torch.bool), 0 * chosen, torch.zeros(len(chosen)))
        return Pictures(images, labels[chosen], f"{split} source", truth)

    return Entry("Fake", class_names, "none", "digits", read, lambda split, classes: is_there, "Make it")


@pytest.fixture
def fakes(monkeypatch):
    monkeypatch.setitem(CATALOGUE, "dark", fake(30, 0.25))
    monkeypatch.setitem(CATALOGUE, "light", fake(90, 0.75, class_names=("c", "b")))
    monkeypatch.setitem(CATALOGUE, "broken", fake(90, 0.5, class_names=("d", "e"), usable=5))
    monkeypatch.setitem(CATALOGUE, "absent", fake(90, 0.5, class_names=("f", "g"), is_there=False))


def test_pictures_labels_and_names_of_a_mixture(fakes):
    mixed = load("dark+light")
    assert mixed.name == "dark+light" and len(mixed) == 120 and mixed.truth is None
    assert mixed.class_names == class_names("dark+light") == ("a", "dark: b", "c", "light: b")
    component = component_of("dark+light", mixed.labels)
    assert component.bincount().tolist() == [30, 90]
    assert torch.equal(mixed.images[:, 0, 0, 0] > 0.5, component == 1)
    assert mixed.labels.bincount().tolist() == [15, 15, 45, 45]
    assert mixed.source == "30 of dark (train source); 90 of light (train source)"
    assert mixed.licence == "Fake: none; Fake: none"


def test_count_takes_the_first_and_a_generator_draws(fakes):
    whole, part = load("dark+light"), load("dark+light", count=8)
    assert torch.equal(whole.images[:8], part.images) and torch.equal(whole.labels[:8], part.labels)
    assert component_of("dark+light", part.labels).bincount().tolist() == [2, 6]
    drawn = load("dark+light", count=60, generator=torch.Generator().manual_seed(1))
    assert torch.equal(drawn.images[:, 0, 0, 0] > 0.5, component_of("dark+light", drawn.labels) == 1)
    assert not torch.equal(drawn.labels, whole.labels[:60])
    with pytest.raises(ValueError, match=r"count: expected at most 120, all there are in dark\+light's train split"):
        load("dark+light", count=121)


def test_one_picture_is_of_one_set(fakes):
    one = load("dark+light", count=1)
    assert len(one) == 1 and one.images.max() == 0.75 and one.source == "1 of light (train source)"


def test_classes_keep_the_proportions_of_the_sets_that_have_them(fakes):
    assert load("dark+light", classes=("a", "c")).labels.unique().tolist() == [0, 2]
    only = load("dark+light", classes=["c"])
    assert len(only) == 45 and only.source == "45 of light (train source); only c"
    with pytest.raises(ValueError, match="classes: expected one of a, c, dark: b, light: b; got 'b'"):
        load("dark+light", classes=("b",))


def test_a_class_without_pictures_is_an_error(fakes, monkeypatch):
    monkeypatch.setitem(CATALOGUE, "single", fake(1, 0.5, class_names=("x", "y")))
    with pytest.raises(DatasetError, match="single: there is no picture of y in the train split"):
        load("dark+single", classes=("a", "y"))


def test_a_set_that_cannot_render_all_it_is_asked_for_gives_fewer(fakes):
    mixed = load("dark+broken")
    component = component_of("dark+broken", mixed.labels)
    assert component.bincount().tolist() == [30, 5] and mixed.source.startswith("30 of dark (train source); 5 of bro")
    assert torch.equal(mixed.images[:, 0, 0, 0] == 0.5, component == 1)


def test_sizes_are_made_equal(fakes, monkeypatch):
    monkeypatch.setitem(CATALOGUE, "dark", fake(30, 0.25, size=28))
    assert load("dark+light", size=40, count=4).images.shape == (4, 1, 40, 40)
    assert load("digits+light", size=40, count=4).images.shape == (4, 1, 40, 40)


def test_stand_ins_replace_only_what_is_not_there(fakes, monkeypatch):
    assert available("dark+light") and not available("dark+absent")
    assert stand_in_for("dark+light") == "dark+light"
    assert stand_in_for("dark+absent") == "dark+digits"
    assert stand_in_for("digits+absent") == "digits"  # named once, and a mixture of one set is that set
    assert len(load(stand_in_for("digits+absent"), "test")) == 400
    assert available("dark+absent", classes=("a",)) and len(load("dark+absent", classes=("a",))) == 15
    with pytest.raises(DatasetError, match=r'Fake \(train split\) is not on this.*load\("dark\+digits"\)'):
        load("dark+absent")


@pytest.mark.parametrize("ask", [load, available, stand_in_for, class_names])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digits+minst", "name: expected one of .*; got 'minst'"),
        ("digits+", "name: expected one of .*; got ''"),
        ("+", "name: expected each set once in a mixture"),
        ("digits+digits", r"name: expected each set once in a mixture, got 'digits\+digits'"),
    ],
)
def test_bad_names(ask, name, message):
    with pytest.raises(ValueError, match=message):
        ask(name)


def test_mixtures_of_built_in_sets():
    mixed = load("digits+garments+faces", "test")
    assert class_names(mixed.name)[:2] == ("0", "1") and class_names(mixed.name)[-1] == "face"
    assert component_of(mixed.name, mixed.labels).bincount().tolist() == [10, 10, 20]
    assert load("digits+garments", "test").labels.bincount(minlength=20).min() > 20
    assert "built in" in mixed.source


# Written down once: if it changes, every result made from a mixture is of other pictures than it says.
def test_the_order_is_the_same_on_every_machine():
    assert load("digits+garments+faces", count=64).fingerprint == "3e9ed30eabcd74a9"
