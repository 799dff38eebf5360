import pytest
import torch

from inverse_graphics.datasets import (
    DatasetError,
    available,
    catalogue,
    class_names,
    downloads,
    load,
    modelnet,
    names,
    objects,
    stand_in_for,
    with_stand_ins,
)
from inverse_graphics.datasets.catalogue import CATALOGUE

STAND_INS = {
    "mnist": "digits",
    "fashion_mnist": "garments",
    "celeba": "faces",
    "celeba_heads": "heads",
    "ffhq": "heads",
    "cars": "toy_cars",
    "modelnet40": "objects",
    "modelnet40_silhouettes": "objects_silhouettes",
    "modelnet10_voxels": "objects_silhouettes",
}
BUILT_IN = ["digits", "garments", "faces", "heads", "toy_cars", "objects", "objects_silhouettes"]


def test_names_and_stand_ins(data_folder):
    assert names() == [*STAND_INS, *BUILT_IN]
    assert [stand_in_for(name) for name in names()] == [*STAND_INS.values(), *BUILT_IN]
    assert [available(name) for name in names()] == [False] * len(STAND_INS) + [True] * len(BUILT_IN)


def test_a_set_is_available_once_both_splits_are_there(data_folder, write_split):
    write_split(data_folder / "mnist", "train")
    assert not available("mnist") and len(load("mnist")) == 12
    write_split(data_folder / "mnist", "test")
    assert available("mnist") and not available("fashion_mnist")


def test_every_entry_is_filled_in():
    for name, entry in CATALOGUE.items():
        assert entry.title and entry.licence and entry.obtain
        assert len(entry.class_names) == len(set(entry.class_names)) > 0 and class_names(name) == entry.class_names
        assert entry.stand_in is None or CATALOGUE[entry.stand_in].stand_in is None
        assert entry.downloadable == (name in downloads.DOWNLOADABLE)
        assert (entry.stand_in is None) == (stand_in_for(name) == name)


def test_rendered_sets_have_the_classes_of_their_modules():
    for name in ("modelnet40", "modelnet40_silhouettes", "objects", "objects_silhouettes"):
        assert class_names(name) == objects.CATEGORIES == modelnet.CATEGORIES
    assert class_names("modelnet10_voxels") == modelnet.VOXEL_CLASSES


@pytest.mark.parametrize("ask", [load, available, stand_in_for, class_names])
@pytest.mark.parametrize("name", ["minst", "", None, ["mnist"]])
def test_unknown_names_list_the_valid_ones(ask, name):
    with pytest.raises(
        ValueError, match="name: expected one of cars, celeba, celeba_heads, digits, faces, fashion_mnist"
    ):
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


def test_classes_are_some_of_the_pictures_with_the_labels_of_all():
    whole, part = load("digits", "test"), load("digits", "test", classes=("7", "2"))
    kept = (whole.labels == 2) | (whole.labels == 7)
    assert torch.equal(part.images, whole.images[kept]) and torch.equal(part.labels, whole.labels[kept])
    assert part.class_names == whole.class_names and part.source == whole.source + "; only 7, 2"
    assert load("garments", classes=["Bag"], count=3).labels.tolist() == [8, 8, 8]
    assert torch.equal(load("garments", classes=["Bag"], count=3).images, load("garments", count=30).images[8::10])
    assert load("faces", "test", classes=("face",)).labels.tolist() == [0] * 20


def test_classes_of_files_count_only_their_own_pictures(data_folder, write_split):
    images, labels = write_split(data_folder / "mnist", count=30)
    part = load("mnist", classes=("3",))
    assert torch.equal((part.images[:, 0] * 255).round().long(), torch.from_numpy(images[labels == 3]))
    with pytest.raises(ValueError, match=r"at most 3, all there are in mnist \(3\)'s train split; got 4"):
        load("mnist", classes=("3",), count=4)
    write_split(data_folder / "mnist", count=3)
    with pytest.raises(DatasetError, match=r"mnist \(9\): there is no picture in the train split"):
        load("mnist", classes=("9",))


@pytest.mark.parametrize("ask", [load, available])
def test_unknown_classes_list_the_valid_ones(ask):
    with pytest.raises(ValueError, match="classes: expected one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9; got 'cup'"):
        ask("digits", classes=("1", "cup"))


def test_files_of_other_classes_are_not_needed(data_folder):
    (data_folder / "modelnet10-voxels").mkdir()
    (data_folder / "modelnet10-voxels" / "chair.npy.gz").touch()
    assert available("modelnet10_voxels", classes=("chair",))
    assert not available("modelnet10_voxels") and not available("modelnet10_voxels", classes=("chair", "monitor"))
    with pytest.raises(DatasetError, match="cannot be read"):
        load("modelnet10_voxels", classes=("chair",))


@pytest.mark.parametrize("classes", ["12", (), [], 3, {"1"}])
def test_bad_classes(classes):
    with pytest.raises(ValueError, match=r"classes: expected names of classes, as in \('0',\), or None"):
        load("digits", classes=classes)


def test_rendered_sets_bring_their_truth(data_folder):
    shaded, silhouettes = (load(name, "test", count=24, classes=("cup",)) for name in BUILT_IN[-2:])
    assert shaded.labels.tolist() == [3] * 24 and shaded.source.endswith("only cup")
    assert shaded.truth.voxels.shape == (2, 28, 28, 28) and shaded.truth.objects.tolist() == [0] * 12 + [1] * 12
    assert not torch.equal(shaded.images, silhouettes.images)
    assert torch.equal(shaded.truth.voxels, silhouettes.truth.voxels)
    generator = torch.Generator().manual_seed(0)
    drawn = load("objects", "test", count=5, classes=("cup",), generator=generator)
    assert len(drawn.truth.objects) == len(drawn.truth.azimuths) == 5


def test_too_large_a_count_says_how_many_there_are():
    with pytest.raises(ValueError, match="count: expected at most 400, all there are in digits's test split; got 401"):
        load("digits", "test", count=401)


def test_a_set_too_large_for_the_memory_is_refused_before_it_is_made(monkeypatch):
    monkeypatch.setattr(catalogue, "most_bytes", lambda: 2048 * 4 * 512 * 512)
    with pytest.raises(ValueError, match=r"size: 6,000 images of 512×512 .* use `count=` for at most 2,048 images"):
        load("garments", size=512)


@pytest.mark.parametrize("generator", [0, "seed"])
def test_a_seed_is_no_generator(generator):
    with pytest.raises(ValueError, match=r"generator: expected a torch\.Generator"):
        load("digits", generator=generator)


def test_at_most_takes_all_where_there_are_fewer():
    assert len(load("faces", "test", at_most=7)) == 7
    assert len(load("faces", "test", at_most=10_000)) == len(load("faces", "test"))
    with pytest.raises(ValueError, match="at_most: expected either count or at_most"):
        load("faces", "test", count=3, at_most=4)


def test_with_stand_ins_replaces_more_and_more():
    assert with_stand_ins("mnist") == ["mnist", "digits"]
    assert with_stand_ins("digits") == ["digits"]
    mixtures = with_stand_ins("mnist+celeba+objects")
    assert mixtures == ["mnist+celeba+objects", "digits+celeba+objects", "mnist+faces+objects", "digits+faces+objects"]
