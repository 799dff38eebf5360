import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from inverse_graphics.datasets import photographs
from inverse_graphics.datasets.images import DatasetError
from inverse_graphics.datasets.photographs import present, read


def everything(total):
    return torch.arange(total)


def paint(file, colour, size=(40, 30)):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(file)


@pytest.fixture
def cars(data_folder):
    """Twenty cars, redder and redder, by name."""
    for i in range(20):
        paint(data_folder / "cars" / f"{i:02d}.png", (12 * i, 0, 200))
    return data_folder / "cars"


def test_each_tenth_is_for_testing_and_colours_are_kept(cars):
    train, test = (read("cars", split, everything) for split in ("train", "test"))
    assert train.images.shape == (18, 3, 32, 32) and test.images.shape == (2, 3, 32, 32)
    assert test.images[:, 0, 5, 5].mul(255).round().tolist() == [12 * 9, 12 * 19]
    assert (train.images[:, 2] == 200 / 255).all() and (train.images[:, 1] == 0).all()
    assert "40×30" in train.source and str(cars) not in train.source


def test_only_what_is_chosen_is_decoded_and_then_cached(cars, monkeypatch):
    found = read("cars", "train", lambda total: torch.tensor([3, 1]), 16)
    assert found.images[:, 0, 0, 0].mul(255).round().tolist() == [36, 12] and found.images.shape[2] == 16
    monkeypatch.setattr(photographs, "read_photographs", None)  # decoding would fail
    assert torch.equal(read("cars", "train", lambda total: torch.tensor([3, 1]), 16).images, found.images)
    with pytest.raises(TypeError):
        read("cars", "train", lambda total: torch.tensor([3, 1]), 24)


def test_what_cannot_be_decoded_is_counted(cars):
    (cars / "04.png").write_bytes(b"no picture")
    found = read("cars", "train", everything)
    assert len(found.images) == 17 and "1 could not be read" in found.source
    for file in cars.iterdir():
        file.write_bytes(b"no picture")
    with pytest.raises(DatasetError, match="none of 18 pictures can be read"):
        read("cars", "train", everything, 20)


def test_ffhq_s_nested_folders_and_archives(data_folder):
    rng = np.random.default_rng(0)
    folder = data_folder / "ffhq" / "thumbnails128x128"
    for i in range(10):
        paint(folder / f"{i // 5:05d}" / f"{i:05d}.png", tuple(rng.integers(0, 255, 3).tolist()), (128, 128))
    assert present("ffhq", "train") and not present("cars", "train")
    unpacked = read("ffhq", "train", everything)
    with zipfile.ZipFile(data_folder / "thumbnails128x128.zip", "w") as archive:
        for file in folder.rglob("*.png"):
            archive.write(file, file.relative_to(folder))
    (data_folder / "ffhq").rename(data_folder / "elsewhere")
    assert torch.equal(read("ffhq", "train", everything).images, unpacked.images)


@pytest.mark.parametrize("size", [(178, 218), (89, 109)])
def test_heads_keep_the_width_of_celeba_s_frame_and_the_rows_from_hair_to_neck(data_folder, size):
    folder = data_folder / "celeba" / "img_align_celeba"
    rows = np.linspace(0, 255, size[1]).round().astype(np.uint8)
    columns = np.linspace(0, 255, size[0]).round().astype(np.uint8)
    pixels = np.stack([*np.broadcast_arrays(rows[:, None], columns[None]), np.zeros(size[::-1], np.uint8)], -1)
    folder.mkdir(parents=True)
    for i in range(1, 11):
        Image.fromarray(pixels).save(folder / f"{i:06d}.jpg", quality=95)
    image = read("celeba_heads", "train", everything, 32).images[0]
    assert image.shape == (3, 32, 32)
    first, last = 28 / 218, 206 / 218
    assert torch.allclose(image[0, [0, -1], 16], torch.tensor([first, last]), atol=0.03)
    assert torch.allclose(image[1, 16, [0, -1]], torch.tensor([0.0, 1.0]), atol=0.03)


def test_missing_sets_and_unknown_names(data_folder):
    with pytest.raises(DatasetError, match="cars: not on this machine"):
        read("cars", "train", everything)
    with pytest.raises(ValueError, match="name: expected one of cars, celeba_heads, ffhq"):
        present("buses", "train")
