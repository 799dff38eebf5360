"""What comes with the repository in data/checkpoints: whole, small, ours, and as good as the notebooks say."""

import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.experiments import digit_geometry, garment_slices
from inverse_graphics.experiments.voxel_autoencoder import load_autoencoder
from inverse_graphics.results import find_result, load_result, result_name, sha256

CONFIGS = [*digit_geometry.configs("quick").values(), *garment_slices.configs("quick").values()]


@pytest.fixture(autouse=True)
def only_shipped(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "RUNS", tmp_path)


def test_the_manifest_lists_every_file_and_nothing_else():
    lines = (paths.CHECKPOINTS / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    there = {file.relative_to(paths.CHECKPOINTS).as_posix(): sha256(file) for file in paths.CHECKPOINTS.glob("*/*")}
    assert listed == there


def test_all_are_small():
    sizes = [file.stat().st_size for file in paths.CHECKPOINTS.rglob("*") if file.is_file()]
    assert max(sizes) < 8e6 and sum(sizes) < 40e6


@pytest.mark.parametrize("config", CONFIGS, ids=result_name)
def test_every_figure_of_the_quick_profile_has_its_result(config):
    result = find_result(config)
    assert result is not None and result.origin == "shipped with the repository"
    voxels, projection, _ = load_autoencoder(result).decode(result.arrays()["example_latents"][:2])
    assert voxels.shape == (2, 28, 28, 28) and torch.isfinite(projection).all()
    assert result.config["dataset"] in ("mnist", "fashion_mnist")
    assert "changes" not in result.provenance["commit"]


@pytest.mark.parametrize("folder", sorted(paths.CHECKPOINTS.glob("*/")), ids=lambda folder: folder.name)
def test_no_result_holds_pictures_of_a_data_set(folder):
    result = load_result(folder)
    if "arrays.safetensors" in {file.name for file in folder.iterdir()}:
        assert all(values.dim() <= 2 and values.shape[-1] <= 256 for values in result.arrays().values())


@pytest.mark.parametrize("objective", ["aae", "mu_vae"])
def test_reconstruction_is_as_good_as_the_readme_says(objective):
    numbers = find_result(digit_geometry.configs("quick")[objective]).numbers
    assert numbers["test_images"] >= 1000
    assert numbers["projection_mse"]["mean"] <= 0.012 < 0.2 * numbers["floor_mean_image_mse"]["mean"]
