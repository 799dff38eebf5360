from dataclasses import replace

import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.datasets import GroundTruth, ImageSet, load
from inverse_graphics.experiments import catalogue, digit_geometry, garment_slices
from inverse_graphics.experiments.voxel_autoencoder import VoxelAutoencoderConfig, _examples, load_autoencoder, run
from inverse_graphics.results import ResultError, content_hash, find_result, ship_result
from inverse_graphics.training.loop import Runtime
from support.closeness import nearly

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)
TINY = VoxelAutoencoderConfig(
    dataset="digits",
    train_images=64,
    test_images=20,
    steps=3,
    batch_size=16,
    latent=4,
    encoder_channels=8,
    decoder_channels=8,
)


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    for name in ("RUNS", "CHECKPOINTS", "DOWNLOADS", "DATA"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    monkeypatch.delenv("INVERSE_GRAPHICS_DATA", raising=False)


def test_a_run_leaves_numbers_weights_and_provenance_and_no_checkpoint():
    result = run(TINY, runtime=RUNTIME)
    assert result.origin == "trained on this machine"
    assert result.numbers["test_images"] == 20
    assert 0 < result.numbers["projection_mse"]["mean"] < 1 and result.numbers["projection_mse"]["std"] > 0
    assert result.provenance["seed"] == 0 and result.provenance["versions"]["torch"] == torch.__version__
    assert [entry["name"] for entry in result.provenance["data"]] == ["digits", "digits"]
    assert len(result.history) == 3
    assert sorted(file.name for file in result.folder.iterdir()) == [
        "arrays.safetensors",
        "result.json",
        "weights.safetensors",
    ]


def test_numbers_are_those_of_the_stored_weights():
    result = run(TINY, runtime=RUNTIME)
    model, test = load_autoencoder(result), load("digits", "test", count=20)
    error = (model(test.images).projection - test.images).square().mean().item()
    assert error == pytest.approx(result.numbers["projection_mse"]["mean"], rel=1e-5)


def test_shapes_are_judged_as_the_model_was_trained():
    sampled = run(TINY, runtime=RUNTIME).numbers
    assert sampled["projection_mse_as_trained"]["mean"] != sampled["projection_mse"]["mean"]
    deterministic = run(replace(TINY, objective="aae"), runtime=RUNTIME).numbers
    assert deterministic["projection_mse_as_trained"] == deterministic["projection_mse"]


def test_a_finished_run_is_loaded_and_the_same_config_gives_the_same_numbers(monkeypatch):
    first = run(TINY, runtime=RUNTIME)
    with monkeypatch.context() as patch:
        patch.setattr("inverse_graphics.experiments.running.fit", None)  # training would fail
        assert run(TINY, runtime=RUNTIME, retrain=True).numbers == first.numbers
    first.folder.rename(first.folder.with_name("elsewhere"))
    again = run(TINY, runtime=RUNTIME)
    assert again.numbers == nearly(first.numbers) and again.history == nearly(first.history)


def test_another_setting_is_another_result():
    assert content_hash(TINY) == content_hash(replace(TINY))
    assert content_hash(TINY) != content_hash(replace(TINY, seed=1))


def test_a_missing_set_is_replaced_by_its_stand_in_under_its_own_name(capsys):
    result = run(replace(TINY, dataset="mnist"), runtime=RUNTIME)
    assert "training on the stand-in digits" in capsys.readouterr().out
    assert result.config["dataset"] == "digits" and result.name.startswith("voxels-digits-")


def test_a_shipped_result_needs_no_data_and_is_left_out_by_retrain():
    config = replace(TINY, dataset="mnist")
    trained = run(TINY, runtime=RUNTIME)
    assert find_result(config) is None
    ship_result(trained.name)
    trained.folder.rename(trained.folder.with_name("elsewhere"))
    shipped = run(TINY, runtime=RUNTIME)
    assert shipped.origin == "shipped with the repository" and shipped.numbers == trained.numbers
    assert run(TINY, runtime=RUNTIME, retrain=True).origin == "trained on this machine"


def test_a_result_shipped_for_the_stand_in_is_used_before_anything_is_trained(monkeypatch):
    mixture = replace(TINY, dataset="digits+garments")
    trained = run(mixture, runtime=RUNTIME)
    ship_result(trained.name)
    trained.folder.rename(trained.folder.with_name("elsewhere"))
    asked = replace(TINY, dataset="mnist+fashion_mnist")
    monkeypatch.setattr("inverse_graphics.experiments.voxel_autoencoder.available", lambda *names: True)
    assert run(asked, runtime=RUNTIME).config["dataset"] == "digits+garments"
    monkeypatch.setattr("inverse_graphics.experiments.voxel_autoencoder.train", lambda config, runtime, prepare: config)
    assert run(asked, runtime=RUNTIME, retrain=True) == asked


def test_a_tampered_shipped_result_is_refused_with_the_way_out():
    trained = run(TINY, runtime=RUNTIME)
    folder = ship_result(trained.name)
    trained.folder.rename(trained.folder.with_name("elsewhere"))
    weights = bytearray((folder / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(weights)
    with pytest.raises(ResultError, match=r"weights\.safetensors: refused.*git checkout.*RETRAIN=1"):
        run(TINY, runtime=RUNTIME)


def test_figures_name_four_objectives_and_one_aae_with_texturizer():
    for profile in ("smoke", "quick", "paper"):
        four = digit_geometry.configs(profile)
        assert list(four) == ["vae", "beta_vae", "aae", "mu_vae"]
        assert {config.objective for config in four.values()} == set(four)
        (garments,) = garment_slices.configs(profile).values()
        assert garments.texturizer and garments.objective == "aae"
    assert {c.dataset for c in digit_geometry.configs("paper").values()} == {"mnist"}
    assert garment_slices.configs("quick")["aae"].dataset == "fashion_mnist"


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(ValueError, match=r"experiment: expected one of iqtt-bags, iqtt-looks, .*; got 'ucar-f99'"):
        catalogue.train("ucar-f99")
    with pytest.raises(ValueError, match="profile: expected one of paper, quick, smoke"):
        digit_geometry.configs("huge")


def test_each_set_of_a_mixture_has_its_own_errors_and_floor():
    config = replace(TINY, dataset="digits+garments", test_images=40)
    numbers = run(config, runtime=RUNTIME).numbers
    found, whole = numbers["by_set"], numbers["projection_mse"]["mean"]
    assert list(found) == ["digits", "garments"] and sum(part["n"] for part in found.values()) == 40
    assert sum(part["n"] * part["projection_mse"]["mean"] for part in found.values()) / 40 == pytest.approx(whole)
    train, test = (load(config.dataset, split, count=count) for split, count in (("train", 64), ("test", 40)))
    digits, known = test.images[test.labels < 10], train.images[train.labels < 10]
    floor = (digits - known.mean(0)).square().mean().item()
    assert found["digits"]["floor_mean_image_mse"]["mean"] == pytest.approx(floor)
    assert "by_set" not in run(TINY, runtime=RUNTIME).numbers


def test_examples_of_rendered_pictures_are_of_different_objects():
    voxels = torch.ones(3, 4, 4, 4, dtype=torch.bool)
    objects = torch.arange(3).repeat_interleave(12)[:30]  # 12, 12 and 6 views
    truth = GroundTruth(voxels, objects, torch.zeros(30))
    images = ImageSet("objects", "test", torch.zeros(30, 1, 4, 4), torch.zeros(30).long(), ("chair",), "", "", truth)
    assert _examples(images) == [0, 13, 26, 1]  # a fourth object there is not: the first's next view
    assert _examples(replace(images, truth=None)) == [0, 1, 2, 3]
    labels = torch.arange(30) // 12 % 2
    both = replace(images, labels=labels, class_names=("chair", "cup"))
    assert _examples(both) == [0, 25, 1, 26, 12, 13, 14, 15]


def test_prior_samples_are_classified_by_their_neighbours():
    arrays = run(TINY, runtime=RUNTIME).arrays()
    assert arrays["sample_latents"].shape[1] == 4
    assert set(arrays["sample_classes"].tolist()) <= set(range(10))
    assert ((arrays["sample_votes"] > 0) & (arrays["sample_votes"] <= 1)).all()
    assert arrays["example_latents"].shape == (len(arrays["example_indices"]), 4)
    assert torch.isfinite(arrays["latent_std"]).all()
