import gzip
import struct

import numpy as np
import pytest

from inverse_graphics import paths

NAMES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def idx_bytes(array, *, magic=None, sizes=None):
    """An idx file of unsigned bytes; `magic` and `sizes` override what the header says."""
    sizes = array.shape if sizes is None else sizes
    magic = 0x800 + array.ndim if magic is None else magic
    return struct.pack(f">{1 + len(sizes)}I", magic, *sizes) + array.astype(np.uint8).tobytes()


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """An empty data folder that the package looks into, and nowhere else."""
    monkeypatch.setattr(paths, "DOWNLOADS", tmp_path / "project" / "downloads")
    monkeypatch.setattr(paths, "DATA", tmp_path / "project")
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("INVERSE_GRAPHICS_DATA", str(folder))
    return folder


@pytest.fixture
def write_split():
    """Write a small split in MNIST's layout; returns its images and labels as they were written."""

    def write(folder, split="train", count=12, *, gzipped=True, seed=0):
        rng = np.random.default_rng(seed)
        images, labels = rng.integers(0, 256, (count, 28, 28)), np.arange(count) % 10
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in zip(NAMES[split], (images, labels), strict=True):
            data = idx_bytes(array)
            (folder / (name + ".gz" * gzipped)).write_bytes(gzip.compress(data) if gzipped else data)
        return images, labels

    return write
