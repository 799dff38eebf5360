"""The search for a picture that could be a plane, a chair or a 4, on models that have hardly been trained."""

from dataclasses import replace

import pandas as pd
import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.datasets import load
from inverse_graphics.experiments import ambiguous_pictures, catalogue, final_model
from inverse_graphics.experiments.voxel_autoencoder import load_autoencoder, run
from inverse_graphics.training.loop import Runtime

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    few = {"train_images": 48, "steps": 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "RUNS", tmp_path_factory.mktemp("runs"))
        combined = replace(final_model.configs("smoke")["all"], film=(), test_images=80, **few)
        singles = final_model.single_configs("smoke")
        results = {name: run(replace(c, test_images=24, **few), runtime=RUNTIME) for name, c in singles.items()}
        yield run(combined, runtime=RUNTIME), results


@pytest.fixture(scope="module")
def search(trained):
    return ambiguous_pictures.find_picture(*trained)


def test_the_search_goes_through_all_pictures_and_is_found_again(trained, search, monkeypatch):
    monkeypatch.setattr(ambiguous_pictures, "_search", lambda *arguments: pytest.fail("searched again"))
    assert ambiguous_pictures.find_picture(*trained).folder == search.folder
    assert search.numbers["candidates"] == {"digit": 72, "chair": 72, "airplane": 72}
    found, kept = search.numbers["found"], ambiguous_pictures.KEPT
    assert [entry["class"] == "digit" for entry in found] == [False] * kept + [True] * kept
    assert all(entry["closer than"][entry["class"]] == 1 for entry in found)
    table = ambiguous_pictures.search_table(search)
    assert len(table) == 2 * kept + 3 and table.iloc[:, 3:].gt(0).all(axis=None)
    assert len(ambiguous_pictures.picture_titles(search)) == 2 * kept


def test_other_weights_are_searched_anew(trained, search, monkeypatch):
    combined, singles = trained
    monkeypatch.setattr(ambiguous_pictures, "_search", lambda config, *arguments: config)
    other = ambiguous_pictures.find_picture(combined, singles | {"chair": singles["airplane"]})
    assert list(other.weights) != search.config["weights"]
    assert (other.digits, other.objects, other.train_images, other.test_images) == ("digits", "objects", 48, 24)


def test_latents_are_those_of_the_pictures_listed(trained, search):
    combined, singles = trained
    for name, result in {"all": combined, **singles}.items():
        model = load_autoencoder(result)
        for rank in (0, len(search.numbers["found"]) - 1):
            picture = ambiguous_pictures.picture_at(search, rank)
            latent = model.encoder(picture[None]).mean[0]
            torch.testing.assert_close(search.arrays()[f"latents_{name}"][rank], latent, atol=1e-4, rtol=1e-4)


def test_a_picture_that_is_not_there_is_none(search, monkeypatch):
    monkeypatch.setattr(ambiguous_pictures, "available", lambda name, classes: False)
    assert ambiguous_pictures.picture_at(search) is None


def test_a_set_that_is_not_there_is_stood_in_for(trained, monkeypatch):
    combined, singles = trained
    monkeypatch.setattr(ambiguous_pictures, "available", lambda name, classes: name != "digits")
    monkeypatch.setattr(ambiguous_pictures, "stand_in_for", lambda name: f"instead of {name}")
    monkeypatch.setattr(ambiguous_pictures, "_search", lambda config, *arguments: config)
    other = ambiguous_pictures.find_picture(combined, singles | {"chair": singles["airplane"]})
    assert (other.digits, other.objects) == ("instead of digits", "objects")


def bar(height: int, width: int, at: tuple[int, int] = (10, 4)) -> torch.Tensor:
    picture = torch.zeros(1, 28, 28)
    picture[0, at[0] : at[0] + height, at[1] : at[1] + width] = 1
    return picture


def test_extent_tells_bars_from_what_takes_up_room():
    height, width = ambiguous_pictures.extent(torch.stack((bar(2, 20), bar(12, 20)))).unbind(1)
    assert height.tolist() == pytest.approx([0.5, ((12**2 - 1) / 12) ** 0.5], abs=1e-4)
    assert width.tolist() == pytest.approx([((20**2 - 1) / 12) ** 0.5] * 2, abs=1e-4)


def test_likeness_forgives_a_small_shift_and_counts_the_most_similar(monkeypatch):
    monkeypatch.setattr(ambiguous_pictures, "NEIGHBOURS", 1)
    members = torch.stack((bar(4, 12, (12, 8)), bar(20, 3, (4, 4))))
    pictures = torch.stack((bar(4, 12, (10, 10)), bar(4, 12, (3, 8))))
    near, far = ambiguous_pictures.likeness(pictures, members).tolist()
    assert near == pytest.approx(1, abs=1e-4) and far < 0.5


def test_nearness_is_a_share_of_strangers(monkeypatch):
    monkeypatch.setattr(ambiguous_pictures, "NEIGHBOURS", 1)
    wide, tall = bar(4, 16, (12, 6)), bar(16, 4, (6, 12))
    pictures = {
        "one": torch.stack((wide, wide)),
        "two": torch.stack((tall, bar(6, 14, (11, 7)))),
        "three": torch.stack((tall, tall)),
    }
    shares = ambiguous_pictures.closer_than(pictures)
    assert shares["one"][:, 0].tolist() == [1, 1]
    assert shares["two"][:, 0].tolist() == [0, 0.75]  # nearer to "one" than the three uprights
    assert shares["three"][:, 1].tolist() == [0.5, 0.5]  # than both of "one"


def test_a_four_reads_as_a_four():
    digits = load("digits", "test")
    fours, sevens = (load("digits", "train", at_most=20, classes=(name,)).images for name in ("4", "7"))
    assert ambiguous_pictures.reads_as_four(fours, digits).float().mean() > 0.8
    assert ambiguous_pictures.reads_as_four(sevens, digits).float().mean() < 0.2


def test_a_reference_shape_is_of_its_own_class(trained, search):
    model = load_autoencoder(trained[0])
    shape = model.decode(search.arrays()["references_chair"][:1])[0][0]
    likeness = ambiguous_pictures.class_likeness(search, model, {"chair": shape})
    assert list(likeness.index.get_level_values("elevation")) == [0, 30]
    assert likeness["a chair"].tolist() == pytest.approx([1, 1], abs=1e-4)


@pytest.mark.parametrize(
    ("closer", "worst", "combined", "digit", "verdict"),
    [
        (0.95, 0.9, ("a chair", "a chair"), ("a 4", "a 4"), "reproduced"),
        (0.95, 3.0, ("a chair", "a chair"), ("a 4", "a 4"), "partly"),
        (0.95, 0.9, ("a 4", "a chair"), ("a 4", "a 4"), "partly"),
        (0.95, 0.9, ("a 4", "a chair"), ("a 4", "a plane"), "not reproduced"),
        (0.5, 0.9, ("a chair", "a chair"), ("a 4", "a 4"), "not reproduced"),
    ],
)
def test_verdict(closer, worst, combined, digit, verdict):
    rows = [("all", 0), ("all", 30), ("digit", 0), ("digit", 30)]
    index = pd.MultiIndex.from_tuples(rows, names=["shape", "elevation"])
    likeness = pd.DataFrame({"nearest": [*combined, *digit]}, index=index)
    found = {"closer than": {"digit": closer, "chair": 1.0}, "errors": {"digit": 0.5, "chair": worst}}
    assert ambiguous_pictures.verdict(found, likeness, "all")[0] == verdict


def test_training_the_single_models_ends_with_the_search(monkeypatch):
    asked = []
    monkeypatch.setattr(catalogue, "run", lambda config, **settings: asked.append(config) or config)
    monkeypatch.setattr(ambiguous_pictures, "find_picture", lambda *models, retrain: (*models, retrain))
    *singles, (combined, given, retrain) = catalogue.train("ucar-f15", profile="smoke", retrain=True)
    assert combined == final_model.configs("smoke")["all"] and retrain
    assert given == final_model.single_configs("smoke") and list(given.values()) == singles == asked[:3]
