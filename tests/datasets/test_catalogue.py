import pytest
import torch

from inverse_graphics.datasets import available, load, names, stand_in_for
from inverse_graphics.datasets.catalogue import CATALOGUE, MOST_BYTES


def test_names_and_stand_ins(data_folder):
    assert names() == ["mnist", "fashion_mnist", "digits", "garments"]
    assert [stand_in_for(name) for name in names()] == ["digits", "garments", "digits", "garments"]
    assert [available(name) for name in names()] == [False, False, True, True]


def test_a_set_is_available_once_both_splits_are_there(data_folder, write_split):
    write_split(data_folder / "mnist", "train")
    assert not available("mnist") and len(load("mnist")) == 12
    write_split(data_folder / "mnist", "test")
    assert available("mnist") and not available("fashion_mnist")


def test_every_entry_is_filled_in():
    for name, entry in CATALOGUE.items():
        assert entry.title and entry.licence and entry.obtain and len(entry.class_names) == 10
        assert entry.stand_in is None or CATALOGUE[entry.stand_in].stand_in is None
        assert (entry.stand_in is None) == (stand_in_for(name) == name)


@pytest.mark.parametrize("ask", [load, available, stand_in_for])
@pytest.mark.parametrize("name", ["minst", "", None, ["mnist"]])
def test_unknown_names_list_the_valid_ones(ask, name):
    with pytest.raises(ValueError, match="name: expected one of digits, fashion_mnist, garments, mnist"):
        ask(name)


def test_unknown_split():
    with pytest.raises(ValueError, match="split: expected one of test, train; got 'val'"):
        load("digits", "val")


def test_count_takes_the_first_images():
    whole, part = load("digits"), load("digits", count=5)
    assert torch.equal(part.images, whole.images[:5]) and torch.equal(part.labels, whole.labels[:5])
    assert part.fingerprint != whole.fingerprint


@pytest.mark.parametrize("name", ["digits", "garments"])
def test_a_generator_draws_without_replacement_and_repeats(name):
    first, again, other = (load(name, count=50, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert len(first.images.flatten(1).unique(dim=0)) == 50
    assert first.fingerprint != load(name, count=50).fingerprint


def test_a_generator_alone_shuffles_the_whole_set():
    whole, shuffled = load("digits", "test"), load("digits", "test", generator=torch.Generator().manual_seed(0))
    assert len(shuffled) == 400 and shuffled.labels.bincount().equal(whole.labels.bincount())
    assert not torch.equal(shuffled.labels, whole.labels)


def test_loading_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    load("garments", count=3, generator=torch.Generator().manual_seed(0))
    load("digits", count=3)
    assert torch.equal(before, torch.get_rng_state())


def test_images_are_the_callers_own():
    load("garments", count=3).images.zero_()
    load("digits", count=3).images.zero_()
    assert load("garments", count=3).images.max() > 0 and load("digits", count=3).images.max() > 0


@pytest.mark.parametrize("size", [4, 14, 28, 32, 64, 512])
def test_size_resizes_within_range_and_keeps_the_mean(size):
    native, resized = load("digits", count=4), load("digits", count=4, size=size)
    assert resized.images.shape == (4, 1, size, size)
    assert resized.images.min() >= 0 and resized.images.max() <= 1
    assert torch.allclose(resized.images.mean((1, 2, 3)), native.images.mean((1, 2, 3)), atol=0.01)
    assert size != 28 or torch.equal(resized.images, native.images)


@pytest.mark.parametrize("size", [3, 513, 0, -28, 28.0, "28", True])
def test_bad_sizes_say_that_count_gives_fewer_images(size):
    with pytest.raises(ValueError, match=r"size: expected a whole number, 4 to 512.*for fewer images use `count=`"):
        load("digits", size=size)


@pytest.mark.parametrize("count", [0, -1, 2.5, "10", True])
def test_bad_counts(count):
    with pytest.raises(ValueError, match="count: expected a whole number, 1 or more"):
        load("digits", count=count)


def test_too_large_a_count_says_how_many_there_are():
    with pytest.raises(ValueError, match="count: expected at most 400, all there are in digits's test split; got 401"):
        load("digits", "test", count=401)


def test_a_set_too_large_for_the_memory_is_refused_before_it_is_made():
    with pytest.raises(ValueError, match=r"size: 6,000 images of 512×512 .* use `count=` for at most 2,048 images"):
        load("garments", size=512)
    assert MOST_BYTES == 2048 * 4 * 512 * 512


@pytest.mark.parametrize("generator", [0, "seed"])
def test_a_seed_is_no_generator(generator):
    with pytest.raises(ValueError, match=r"generator: expected a torch\.Generator"):
        load("digits", generator=generator)
