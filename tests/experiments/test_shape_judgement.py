"""Numbers on shapes: a model that knows the truth gets the best there are, one that knows nothing the floors."""

import math
from dataclasses import replace

import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.datasets import load
from inverse_graphics.experiments import shape_judgement
from inverse_graphics.experiments.shape_judgement import judge_shapes, shape_of
from inverse_graphics.experiments.voxel_autoencoder import (
    VoxelAutoencoderConfig,
    load_autoencoder,
    load_azimuth_source,
    load_film,
    run,
)
from inverse_graphics.models.azimuths import AzimuthHypotheses
from inverse_graphics.models.voxels import VoxelAutoencoder
from inverse_graphics.renderers.voxels import rotate_voxels
from inverse_graphics.training.loop import Runtime

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)
TINY = VoxelAutoencoderConfig(
    dataset="objects_silhouettes",
    classes=("chair",),
    objective="vae",
    train_images=96,
    test_images=48,
    steps=2,
    batch_size=8,
    latent=3,
    encoder_channels=4,
    decoder_channels=4,
    one_view=True,
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "DATA", tmp_path_factory.mktemp("data"))
        yield


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(paths, "CHECKPOINTS", tmp_path / "checkpoints")


def chairs(split, count):
    return load("objects_silhouettes", split, classes=("chair",), at_most=count)


def test_who_knows_the_truth_wins_also_when_it_faces_elsewhere(monkeypatch):
    train, test = chairs("train", 96), chairs("test", 48)
    true = {}
    for part in (train, test):
        for picture, number in zip(part.images, part.truth.objects, strict=True):
            true[picture.numpy().tobytes()] = part.truth.voxels[number].float()

    def know(model, source, images, symmetric=False):
        voxels = torch.stack([true[picture.numpy().tobytes()] for picture in images])
        return {"oracle": rotate_voxels(voxels, math.pi / 2)}

    monkeypatch.setattr(shape_judgement, "shape_of", know)
    numbers, _ = judge_shapes(TINY, VoxelAutoencoder(TINY.settings()).eval(), None, train, test)
    truth = numbers["truth"]
    oracle = truth["methods"]["oracle"]
    assert oracle["iou"]["mean"] > 0.99 and oracle["chamfer"]["mean"] < 0.01
    assert oracle["global_azimuth"] % (2 * math.pi) == pytest.approx(1.5 * math.pi)
    assert oracle["novel_view_mse"]["mean"] < 0.5 * truth["novel_view_floors"]["mean"]["mean"]
    for baseline in truth["baselines"].values():
        assert 0.05 < baseline["iou"]["mean"] < 0.9
    assert truth["objects"] == 4 and truth["baselines"]["mean_shape_true_azimuth"]["iou"]["n"] == 4


def test_where_there_are_hollow_shells_the_same_is_judged_against_them(monkeypatch):
    def with_hollow(images):
        voxels = images.truth.voxels & ~torch.nn.functional.pad(images.truth.voxels[:, 1:], (0, 0, 0, 0, 0, 1))
        return replace(images, truth=replace(images.truth, voxels=voxels))

    monkeypatch.setattr(shape_judgement, "with_hollow", with_hollow)
    model, parts = VoxelAutoencoder(TINY.settings()).eval(), (chairs("train", 24), chairs("test", 24))
    numbers, _ = judge_shapes(replace(TINY, dataset="modelnet10_voxels"), model, None, *parts)
    assert set(numbers["truth_hollow"]) == set(numbers["truth"])
    mean_shape = [numbers[key]["baselines"]["mean_shape_true_azimuth"]["iou"] for key in ("truth", "truth_hollow")]
    assert mean_shape[0] != mean_shape[1]
    assert "truth_hollow" not in judge_shapes(TINY, model, None, *parts)[0]


def test_a_run_on_rendered_pictures_reports_form_azimuth_and_truth():
    result = run(replace(TINY, azimuth="hypotheses", symmetric=True), runtime=RUNTIME)
    assert result.provenance["data"][0]["count"] == 8
    assert set(result.numbers["truth"]["methods"]) == {"decoder", "hull", "carved", "mean_carved"}
    assert len(result.numbers["form"]["view_agreement"]) == 12
    assert 0 <= result.numbers["azimuth"]["distance_degrees"] <= 180
    assert result.arrays()["azimuths"].shape == (48,)
    source = load_azimuth_source(result)
    assert isinstance(source, AzimuthHypotheses) and 0 < source.voxels.max() <= 1
    shapes = shape_of(load_autoencoder(result), source, chairs("test", 48).images[:3], symmetric=True)
    assert all(shape.shape == (3, 28, 28, 28) and 0 <= shape.min() <= shape.max() <= 1 for shape in shapes.values())


def test_one_view_trains_on_one_picture_of_each_object(monkeypatch):
    seen = {}

    def fit(trainer, images, **settings):
        seen["count"] = len(images)
        raise InterruptedError

    monkeypatch.setattr("inverse_graphics.experiments.running.fit", fit)
    for config, count in ((TINY, 8), (replace(TINY, one_view=False), 96)):
        with pytest.raises(InterruptedError):
            run(config, runtime=RUNTIME)
        assert seen["count"] == count
    with pytest.raises(ValueError, match="one_view: expected a rendered data set, got digits"):
        run(replace(TINY, dataset="digits", classes=()), runtime=RUNTIME)


def test_an_azimuth_latent_comes_back_with_its_result_and_its_film_faces_front():
    config = replace(
        TINY, dataset="digits", classes=(), one_view=False, objective="mu_vae", azimuth="latent", film=("3", "5")
    )
    result = run(config, runtime=RUNTIME)
    model, source = load_autoencoder(result), load_azimuth_source(result)
    assert model.front == pytest.approx(source.front().item()) != 0
    film, steps = load_film(result)
    assert film.shape == (2, 2, 28, 28, 28) and steps == [1, 2]
    assert result.numbers["classification"]["latent"]["count"] == 48
    with pytest.raises(ValueError, match="film: expected one of 0, 1"):
        run(replace(config, film=("teapot",)), runtime=RUNTIME)
