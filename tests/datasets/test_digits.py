import gzip
import hashlib
import struct
import tracemalloc

import numpy as np
import pytest
import torch

from inverse_graphics.datasets import DatasetError, downloads, load
from inverse_graphics.datasets.digits import read_idx

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def header(*numbers):
    return struct.pack(f">{len(numbers)}I", *numbers)


@pytest.mark.parametrize("gzipped", [True, False])
@pytest.mark.parametrize(
    ("name", "folder"), [("mnist", "mnist"), ("fashion_mnist", "fashion-mnist"), ("fashion_mnist", "fashion_mnist")]
)
def test_reads_what_was_written(data_folder, write_split, name, folder, gzipped):
    images, labels = write_split(data_folder / folder, gzipped=gzipped)
    loaded = load(name)
    assert loaded.images.shape == (12, 1, 28, 28) and loaded.images.dtype == torch.float32
    assert torch.equal((loaded.images[:, 0] * 255).round().to(torch.int64), torch.from_numpy(images))
    assert torch.equal(loaded.labels, torch.from_numpy(labels))
    assert loaded.name == name and len(loaded.class_names) == 10


def test_reads_the_test_split_and_the_dotted_spelling(data_folder, write_split):
    _, labels = write_split(data_folder / "mnist", "test", count=7, gzipped=False)
    for file in list((data_folder / "mnist").iterdir()):
        file.rename(file.with_name(file.name.replace("-idx", ".idx")))
    assert load("mnist", "test").labels.tolist() == labels.tolist()


def test_goes_by_content_where_the_name_says_gz_but_the_file_is_unpacked(data_folder, write_split):
    write_split(data_folder / "mnist", gzipped=False)
    for file in list((data_folder / "mnist").iterdir()):
        file.rename(file.with_name(file.name + ".gz"))
    assert len(load("mnist")) == 12


def test_images_and_labels_come_from_one_folder(data_folder, write_split):
    write_split(data_folder / "mnist", seed=1)
    (data_folder / "mnist" / (LABELS + ".gz")).unlink()
    images, _ = write_split(data_folder / "MNIST" / "raw", seed=2)
    assert torch.equal((load("mnist").images[:, 0] * 255).round().long(), torch.from_numpy(images))


def test_source_tells_official_files_from_others_and_holds_no_path(data_folder, write_split, monkeypatch):
    write_split(data_folder / "mnist")
    assert load("mnist").source == (
        "MNIST (LeCun et al.), idx files in the user's data folder, hashes differ from the official files"
    )
    digests = {
        file.name: (hashlib.sha256(file.read_bytes()).hexdigest(),)
        for file in sorted((data_folder / "mnist").iterdir())
    }
    monkeypatch.setitem(downloads.MNIST.files, "train", digests)
    source = load("mnist").source
    assert source.endswith("official hashes") and str(data_folder) not in source


def test_source_names_the_projects_own_folders(data_folder, write_split):
    from inverse_graphics import paths

    write_split(paths.DATA / "mnist")
    assert "idx files in data," in load("mnist").source
    write_split(paths.DOWNLOADS / "mnist")
    assert "idx files in data/downloads," in load("mnist").source


PIXELS = bytes(2 * 28 * 28)
DAMAGED_IMAGES = {
    "empty": (b"", "too short"),
    "header cut": (header(0x803, 2), "too short"),
    "wrong magic": (header(0x801, 2, 28, 28) + PIXELS, "magic number 0x803, got 0x801"),
    "not idx": (b"<!DOCTYPE html><html>not found</html>", "magic number"),
    "no images": (header(0x803, 0, 28, 28), "expected sizes"),
    "wrong side": (header(0x803, 2, 32, 32) + bytes(2 * 32 * 32), "expected sizes"),
    "absurd count": (header(0x803, 2**32 - 1, 28, 28) + PIXELS, "expected sizes"),
    "truncated": (header(0x803, 2, 28, 28) + PIXELS[:-1], "expected 1,568 bytes after the header, got 1,567"),
    "trailing": (header(0x803, 2, 28, 28) + PIXELS + b"\0", "expected 1,568 bytes after the header, got more"),
}


@pytest.mark.parametrize("gzipped", [True, False])
@pytest.mark.parametrize("damage", DAMAGED_IMAGES)
def test_damaged_files_are_refused_by_name(data_folder, write_split, damage, gzipped):
    write_split(data_folder / "mnist", count=2, gzipped=gzipped)
    data, message = DAMAGED_IMAGES[damage]
    file = data_folder / "mnist" / (IMAGES + ".gz" * gzipped)
    file.write_bytes(gzip.compress(data) if gzipped else data)
    with pytest.raises(DatasetError, match=message) as error:
        load("mnist")
    assert str(file) in str(error.value) and "not used" in str(error.value)


@pytest.mark.parametrize(
    "spoil",
    [lambda data: data[:-20], lambda data: data[:40] + b"\xff\xff\xff" + data[43:], lambda data: data + b"junk"],
    ids=["cut short", "flipped bytes", "junk after the end"],
)
def test_broken_gzip_is_refused(data_folder, write_split, spoil):
    write_split(data_folder / "mnist")
    file = data_folder / "mnist" / (IMAGES + ".gz")
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(DatasetError, match="cannot be read, so it is not used"):
        load("mnist")


def test_a_gzip_bomb_does_not_fill_the_memory(tmp_path):
    file = tmp_path / "bomb.gz"
    file.write_bytes(gzip.compress(header(0x803, 2, 28, 28) + bytes(50 << 20), 1))
    tracemalloc.start()
    with pytest.raises(DatasetError, match="got more"):
        read_idx(file, axes=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 << 20


@pytest.mark.parametrize(
    ("labels", "message"),
    [(np.arange(9), "9 labels for the 12 images"), (np.arange(12), "expected labels 0..9, found 11")],
)
def test_labels_that_do_not_fit_are_refused(data_folder, write_split, labels, message):
    write_split(data_folder / "mnist", gzipped=False)
    (data_folder / "mnist" / LABELS).write_bytes(header(0x801, len(labels)) + labels.astype(np.uint8).tobytes())
    with pytest.raises(DatasetError, match=message) as error:
        load("mnist")
    assert LABELS in str(error.value)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_a_missing_set_says_how_to_get_it_and_what_stands_in(data_folder, name):
    with pytest.raises(DatasetError) as error:
        load(name)
    message = str(error.value)
    stand_in = {"mnist": "digits", "fashion_mnist": "garments"}[name]
    assert "make data" in message and "INVERSE_GRAPHICS_DATA" in message and f'load("{stand_in}")' in message
