"""Numbers and verdicts of views, samples, classification, slices or volume, and films."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.datasets import class_names
from inverse_graphics.experiments import final_model, voxel_claims
from inverse_graphics.experiments.voxel_autoencoder import load_autoencoder, load_film, run
from inverse_graphics.training.loop import Runtime

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "RUNS", tmp_path_factory.mktemp("runs"))
        config = replace(final_model.configs("smoke")["all"], train_images=64, test_images=60, steps=4)
        yield run(config, runtime=RUNTIME)


@pytest.fixture(scope="module")
def model(result):
    return load_autoencoder(result)


def numbers(**fields):
    return SimpleNamespace(numbers=fields, config={"latent": 19})


# Films


def test_a_shape_settles_when_it_becomes_what_it_ends_as():
    shapes = torch.zeros(4, 2, 28, 28, 28)
    shapes[2, 0, :7], shapes[3, 0, :14] = 1, 1
    shapes[:, 1, :4] = 1  # never changes
    table = voxel_claims.settling(shapes, [1, 2, 5, 9], ["grows", "stays"])
    assert table.loc["grows"].tolist() == pytest.approx([0, 0, 0.5, 1])
    assert table.loc["stays"].tolist() == [1, 1, 1, 1]
    verdict, reason = voxel_claims.settling_verdict(table, shapes)
    assert verdict == "partly" and reason.endswith("not: stays")
    assert voxel_claims.settling_verdict(table.iloc[:1], shapes[:, :1])[0] == "reproduced"
    assert voxel_claims.settling_verdict(table.iloc[:1], shapes[:, :1] * 0.01)[0] == "not reproduced"
    assert voxel_claims.before_the_first(shapes[:, :1], 0.5) == 1
    assert voxel_claims.before_the_first(shapes * 0, 0.5) == 0
    assert voxel_claims.overlap_of_strangers(shapes[-1]) == pytest.approx(4 / 14)


def test_likeness_finds_the_face_that_all_pictures_are_at_first():
    generator = torch.Generator().manual_seed(0)
    final = torch.rand(4, 28, 28, generator=generator)
    pictures = torch.stack([final[:1].expand(4, -1, -1), final])
    table = voxel_claims.likeness(pictures, [1, 9], ["face", "a", "b", "c"])
    assert table["own"].tolist() == [0.25, 1] and table["face"].tolist() == [1, 0.25]
    assert table["face correlation"].iloc[0] == pytest.approx(1) and table["featureless"].iloc[0] < 1
    assert table["chance"].tolist() == [0.25, 0.25]
    assert voxel_claims.faces_verdict(table)[0] == "reproduced"
    assert voxel_claims.faces_verdict(table.assign(**{"face correlation": 0.0}))[0] == "partly"
    assert voxel_claims.faces_verdict(table.assign(face=0.0))[0] == "not reproduced"
    assert voxel_claims.faces_verdict(table.assign(own=1.0))[0] == "not reproduced"
    assert voxel_claims.faces_verdict(voxel_claims.likeness(pictures, [1, 9], list("abcd"))) is None


@pytest.mark.parametrize(("error", "verdict"), [(0.1, "reproduced"), (0.5, "partly"), (1.0, "not reproduced")])
def test_renderings_are_learned_if_the_error_falls(error, verdict):
    found = numbers(test_images=9, projection_mse={"mean": error}, floor_mean_image_mse={"mean": 1.0})
    table = pd.DataFrame({"own": [0.2, 1.0]}, index=[1, 9])
    assert voxel_claims.likeness_verdict(table, found)[0] == verdict


def test_a_film_can_be_judged(result):
    film, steps = load_film(result)
    table = voxel_claims.settling(film, steps, result.config["film"])
    assert table.shape == (2, len(steps)) and table.iloc[:, -1].tolist() == pytest.approx([1, 1], abs=1e-4)


# The sweep


def test_a_sweep_goes_from_behind_to_behind(result, model):
    latents = result.arrays()["example_latents"][:2]
    projections, pictures = voxel_claims.sweep(model, latents, steps=9)
    assert pictures.shape == projections.shape == (2, 9, 1, 28, 28)
    torch.testing.assert_close(projections[:, 0], projections[:, -1], atol=1e-4, rtol=0)
    with torch.no_grad():
        _, front, texture = model.decode(latents)
    torch.testing.assert_close(projections[:, 4], front, atol=1e-4, rtol=0)
    torch.testing.assert_close(pictures[:, 4], texture, atol=1e-3, rtol=0)
    labels = result.arrays()["example_labels"][:2].tolist()
    names = [class_names(result.config["dataset"])[label] for label in labels]
    table = voxel_claims.sweep_table(result, model, projections, pictures, names)
    assert (table["back, projection"] > 0.9).all() and table["still itself"].between(0, 1).all()
    assert (table["variation"] >= 0).all()


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ([(0.2, 1.5, 1.0)] * 2, "reproduced"),
        ([(0.2, 1.5, 1.0), (0.2, 9.0, 0.0)], "partly"),
        ([(0.0, 1.5, 1.0), (0.0, 1.5, 0.0)], "partly"),
        ([(0.0, 9.0, 1.0), (0.2, 1.5, 0.0)], "not reproduced"),
    ],
)
def test_a_sweep_must_turn_smoothly_and_stay_itself(rows, verdict):
    table = pd.DataFrame(rows, columns=["variation", "unevenness", "at the sides"])
    table.loc["mean"] = table.mean()
    true = {"mean": 0.2, "std": 0.05, "n": 20}
    assert voxel_claims.sweep_verdict(table, true, 0.1)[0] == verdict


# Samples


def test_no_noise_gives_the_test_pictures_back(result, model):
    latents = result.arrays()["example_latents"]
    assert torch.equal(voxel_claims.noisy_latents(latents, 0.0, 1, torch.Generator()), latents)
    more = voxel_claims.noisy_latents(latents[:2], 3.0, 500, torch.Generator().manual_seed(0))
    assert more.shape == (1000, 19) and (more[:500] - latents[0]).std() == pytest.approx(3, rel=0.05)
    _, shares, distances = voxel_claims.vote(result, model, voxel_claims.pictures_of(model, latents))
    assert distances.abs().max() < 1e-4 and shares.min() >= 1 / 3 - 1e-6


def test_samples_are_counted_and_the_clearest_found(result, model):
    table = voxel_claims.noise_table(result, model, count=2)
    assert table["contrast"].iloc[0] == 1 and table["still its class"].iloc[:-1].between(0, 1).all()
    assert math.isnan(table["still its class"].iloc[-1])
    arrays, names = result.arrays(), class_names(result.config["dataset"])
    name = names[arrays["example_labels"][0]]
    sample = voxel_claims.clearest_noisy(result, model, arrays["example_latents"][0], name, 0.0, 4, seed=0)
    assert sample.name in names and torch.equal(sample.latent, arrays["example_latents"][0])


@pytest.mark.parametrize(
    ("kept", "distance", "verdict"),
    [(0.9, 0.5, "reproduced"), (0.9, 0.1, "partly"), (0.5, 0.5, "partly"), (0.1, 0.5, "not reproduced")],
)
def test_samples_must_be_good_and_new(kept, distance, verdict):
    rows = {
        "test picture + N(0, 3²)": (10, kept, distance, 1.0, 0.1),
        "test picture + N(0, 7²)": (10, 0.2, 0.6, 1.0, 0.1),
        "prior N(0, 1)": (10, None, 0.6, 0.2, 0.1),
    }
    columns = ["n", "still its class", "distance", "contrast", "chance"]
    assert voxel_claims.samples_verdict(pd.DataFrame.from_dict(rows, orient="index", columns=columns))[0] == verdict


# Classification


def judged(latent, pca, majority=0.1):
    common = {"chance": 0.1, "majority": majority, "count": 1000}
    found = {
        source: {"linear": value, "nearest": value} | common for source, value in (("latent", latent), ("pca", pca))
    }
    return numbers(classification=found | {"train_count": 5000})


def test_models_that_were_not_judged_are_left_out():
    table = voxel_claims.classification_table({"new": judged(0.9, 0.8), "old": numbers()})
    assert list(table.index) == ["new"]
    assert table.loc["new", "± latent, linear"] == pytest.approx(math.sqrt(0.9 * 0.1 / 1000))


@pytest.mark.parametrize(
    ("models", "verdict"),
    [
        ([(0.9, 0.8)], "reproduced"),
        ([(0.79, 0.8)], "reproduced"),  # within two standard errors
        ([(0.5, 0.8)], "partly"),
        ([(0.15, 0.15)], "not reproduced"),
        ([(0.9, 0.8), (0.15, 0.8)], "partly"),
    ],
)
def test_latents_must_beat_guessing_and_match_the_pixels(models, verdict):
    table = voxel_claims.classification_table({str(at): judged(*shares) for at, shares in enumerate(models)})
    assert voxel_claims.classification_verdict(table)[0] == verdict


# Slices or volume


def formed(rough, spread=None, iou=None, view=None):
    part = {"mean": 0.5, "std": 0.1, "n": 9}
    found = {
        "test_images": 400,
        "depth_roughness": {"mean": rough, "std": 0.1},
        "form": dict.fromkeys(("depth_to_width", "side_front_overlap", "view_variation"), part),
    }
    if spread is not None:
        found["azimuth"] = {"circular_std_degrees": spread}
    if iou is not None:
        found["truth"] = {
            "objects": 9,
            "methods": {"decoder": {"iou": part | {"mean": iou}, "novel_view_mse": part | {"mean": view}}},
            "novel_view_floors": {"copied": {"mean": 0.2}, "mean": {"mean": 0.1}},
            "baselines": {"mean_shape_no_azimuth": {"iou": {"mean": 0.2}}},
        }
    return numbers(**found)


def test_slices_are_rough_in_depth():
    assert voxel_claims.layers_verdict({"a": formed(1.2), "b": formed(1.3)})[0] == "reproduced"
    assert voxel_claims.layers_verdict({"a": formed(1.2), "b": formed(0.9)})[0] == "partly"
    assert voxel_claims.layers_verdict({"a": formed(1.005)})[0] == "not reproduced"
    table = voxel_claims.slices_table({"fixed": formed(1.2), "learned": formed(1.0, 20.0, 0.3, 0.1)})
    assert table.loc["fixed", "spread of azimuths, degrees"] == 0
    assert math.isnan(table.loc["fixed", "IoU with the truth"])
    assert table.loc["learned", "novel-view MSE"] == 0.1


@pytest.mark.parametrize(
    ("learned", "verdict"),
    [
        (formed(0.9, 40.0, 0.3, 0.1), "reproduced"),
        (formed(0.9, 1.0, 0.3, 0.1), "partly"),
        (formed(1.2, 1.0, 0.1, 0.3), "not reproduced"),
    ],
)
def test_a_learned_azimuth_must_spread_smooth_and_come_nearer_the_truth(learned, verdict):
    fixed = {"chairs": formed(1.2, iou=0.15, view=0.25)}
    turned = {"chairs": {"mean": 1.1, "std": 0.1, "n": 100}}
    found, reason = voxel_claims.volume_verdict({"chairs": learned}, fixed, turned)
    assert found == verdict and "of 6 tests pass" in reason


def test_turning_smooths(result, model):
    still = voxel_claims.turned_roughness(result, model, 0.0)
    assert still["n"] == len(result.arrays()["example_latents"]) and still["mean"] > 0
    assert voxel_claims.turned_roughness(result, model, 0.7)["mean"] != pytest.approx(still["mean"], abs=1e-6)


def test_true_objects_turn():
    found = voxel_claims.true_variation(("chair",))
    assert found["n"] == voxel_claims.TRUE_OBJECTS and found["mean"] > 0.05
