"""What comes with the repository in data/checkpoints: whole, small, ours, and as good as the notebooks say."""

from dataclasses import replace

import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.datasets import with_stand_ins
from inverse_graphics.experiments import (
    ambiguous_pictures,
    compared,
    digit_geometry,
    final_model,
    iqtt_answerers,
    mesh_gan,
    mesh_tables,
    pix2scene,
)
from inverse_graphics.experiments.catalogue import VOXEL_EXPERIMENTS
from inverse_graphics.experiments.voxel_autoencoder import load_autoencoder
from inverse_graphics.results import find_result, load_result, result_name, sha256

CONFIGS = [config for configs in VOXEL_EXPERIMENTS.values() for config in configs("quick", 0).values()]
CONFIGS = list(dict.fromkeys(CONFIGS))  # one may serve several experiments
REAL = {"mnist", "fashion_mnist", "celeba", "modelnet10_voxels"}


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
    candidates = [find_result(replace(config, dataset=dataset)) for dataset in with_stand_ins(config.dataset)]
    result = next(filter(None, candidates))
    assert result.origin == "shipped with the repository"
    parts = set(result.config["dataset"].split("+"))
    assert parts - REAL <= {"objects"}  # the one set that could not be had
    assert "changes" not in result.provenance["commit"] + result.provenance.get("judged at commit", "")
    if (result.folder / "weights.safetensors").exists():  # not of an ablation's rows, whose numbers are enough
        voxels, projection, _ = load_autoencoder(result).decode(result.arrays()["example_latents"][:2])
        assert voxels.shape == (2, 28, 28, 28) and torch.isfinite(projection).all()


@pytest.mark.parametrize("name", pix2scene.configs("quick"))
def test_every_surfel_figure_has_its_result(name):
    result = find_result(pix2scene.configs("quick")[name])
    assert result.origin == "shipped with the repository"
    assert "changes" not in result.provenance["commit"]
    scenes = result.provenance["data"]
    assert all("made up" in part["source"] or "box" in part["name"] or "room" in part["name"] for part in scenes)
    if (result.folder / "weights.safetensors").exists():
        model, scene = pix2scene.load_model(result), pix2scene.held_out_scenes(result, 1)
        depth = model.decode(model.encode(scene.images, scene.camera), scene.camera, scene.labels)
        assert torch.isfinite(depth).all() and (depth - scene.depth).abs().mean() < 0.2


MEANS = ("hausdorff_mean_forward", "hausdorff_mean_reverse", "depth_mse")
LARGEST = ("hausdorff_forward", "hausdorff_reverse")  # set by one surfel; on boxes the nearest picture has fewer astray


@pytest.mark.parametrize(
    ("kind", "measures"), [("box_translation", MEANS), ("box_rotation", MEANS), ("shapes", MEANS + LARGEST)]
)
def test_reconstructions_are_better_than_every_floor(kind, measures):
    found = find_result(pix2scene.configs("quick")[kind]).numbers
    assert found["test_scenes"] >= 256
    ours, *floors = (found["methods"][name] for name in ("model", "mean_depth", "plane", "nearest_picture"))
    for measure in measures:
        assert ours[measure]["mean"] < min(floor[measure]["mean"] for floor in floors)


def test_the_picture_of_figure_15_comes_with_the_models_that_were_asked(monkeypatch):
    def shipped(config):
        found = (find_result(replace(config, dataset=dataset)) for dataset in with_stand_ins(config.dataset))
        return next(filter(None, found))

    singles = {name: shipped(config) for name, config in final_model.single_configs("quick").items()}
    monkeypatch.setattr(ambiguous_pictures, "_search", lambda *arguments: pytest.fail("not shipped for these weights"))
    search = ambiguous_pictures.find_picture(shipped(final_model.configs("quick")["all"]), singles)
    assert search.origin == "shipped with the repository" and search.numbers["found"][0]["class"] != "digit"
    assert "changes" not in search.provenance["commit"]


@pytest.mark.parametrize("folder", sorted(paths.CHECKPOINTS.glob("*/")), ids=lambda folder: folder.name)
def test_no_result_holds_pictures_of_a_data_set(folder):
    result = load_result(folder)
    if "arrays.safetensors" in {file.name for file in folder.iterdir()}:
        arrays = result.arrays()
        if result.name.startswith("meshes-"):  # scenes that a generator made up
            assert all(len(arrays.pop(name)) <= 4 for name in ("shapes", "textures", "backgrounds"))
        if result.name.startswith("compared-"):  # objects and shapes that this project made up
            assert len(arrays.pop("pictures")) <= 6
        arrays.pop("film", None)  # shapes, packed
        assert all(values.dim() <= 2 and (values.dim() == 1 or values.shape[-1] <= 256) for values in arrays.values())


@pytest.mark.parametrize("objective", ["aae", "mu_vae"])
def test_reconstruction_is_as_good_as_the_readme_says(objective):
    runs = [find_result(digit_geometry.configs("quick", seed)[objective]).numbers for seed in (0, 1, 2)]
    assert all(run["test_images"] >= 1000 for run in runs)
    errors = [run["projection_mse"]["mean"] for run in runs]
    assert sum(errors) / 3 <= 0.012 < 0.2 * runs[0]["floor_mean_image_mse"]["mean"]
    assert max(errors) <= 0.0125  # no seed fails: one AAE in three once did


def test_voxels_and_meshes_of_one_set_are_better_than_what_learns_nothing_of_shapes():
    floors = find_result(compared.floors_config("quick")).numbers
    best = max(floors[name]["measures"]["iou"]["mean"] for name in ("mean shape", "extruded silhouette"))
    for seed in (0, 1, 2):
        for name in ("voxels", "meshes"):
            found = find_result(compared.configs("quick", seed)[name]).numbers["measures"]["iou"]
            assert found["n"] == 192 and found["mean"] > best + 0.05


def test_told_cameras_bring_out_what_is_hard():
    configs = iqtt_answerers.configs("quick")
    found = {name: find_result(config).numbers["accuracy"] for name, config in configs.items()}
    assert all(told["count"] == 5000 for modes in found.values() for told in modes.values())
    assert found["points"]["paper"]["share"] > 0.85 and found["points-10000"]["paper"]["share"] > 0.9
    assert configs["posed"].labels == configs["embedding"].labels == 0
    assert found["posed"]["hard"]["share"] > 0.6 > found["embedding"]["hard"]["share"] + 0.1


def test_of_the_mesh_paper_s_order_only_what_stands_out_holds_for_every_seed():
    seeds = range(3)
    runs = {name: [find_result(mesh_gan.configs("quick", seed)[name]) for seed in seeds] for name in mesh_tables.ORDER}
    distances = mesh_tables.seed_distances(runs)["squeezenet-1.1"]
    outcome, reason = mesh_tables.order_verdict(distances)
    assert outcome == "partly" and "SIZE is better than SOFT (0 of 3 seeds)" in reason
    assert "CRISP" not in reason and "VIEW" not in reason


def test_meshes_learnt_from_made_up_heads_have_their_depth_and_without_a_sphere_are_hollow():
    depth = {name: find_result(config).numbers["depth"] for name, config in mesh_gan.prior_configs("quick").items()}
    found, floor = depth["all"]["generated"], depth["all"]["floor"]
    assert found["count"] == 256 and mesh_tables.are_right(found) and found["correlation"] > floor["correlation"]
    assert depth["no sphere"]["generated"]["inverted"] > 0.5
