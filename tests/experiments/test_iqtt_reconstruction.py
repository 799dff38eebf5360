import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.datasets.iqtt import make_questions
from inverse_graphics.experiments import iqtt_published
from inverse_graphics.experiments.iqtt_reconstruction import (
    errors,
    mean_answer,
    nearest_answer,
    reconstructed,
    references,
    verdict,
)
from inverse_graphics.models.iqtt_published import picture
from inverse_graphics.training.loop import Runtime

SIDE = 32


@pytest.fixture(scope="module")
def questions():
    return make_questions("paper", 8, split="validation", size=40)


@pytest.fixture(scope="module")
def truth(questions):
    return references(questions, SIDE)


def test_true_depth_makes_the_picture_but_for_where_the_coloured_lights_stood(truth):
    again = picture(truth.depth)
    floor = (truth.image - truth.image.mean(0)).square().mean()
    assert (again - truth.image).square().mean() < 0.25 * floor
    torch.testing.assert_close(truth.normals.norm(dim=1), torch.ones(8, SIDE, SIDE))
    assert (truth.normals[:, 2:][truth.seen] > -0.5).all() and truth.normals[:, 2:][truth.seen].mean() > 0.5
    assert 0.4 < truth.depth.min() and truth.depth[truth.seen].max() < 2.1


def test_the_truth_has_no_error_and_floors_have(truth):
    assert {name: value.mean().item() for name, value in errors(truth, truth).items()} == {
        "image": 0, "depth": 0, "outline": 1,
    }  # fmt: skip
    assert errors(nearest_answer(truth, truth.image), truth)["depth"].max() == 0
    mean = errors(mean_answer(truth, 8), truth)
    assert mean["image"].min() > 0 and mean["depth"].min() > 0 and 0 < mean["outline"].mean() < 0.9
    with pytest.raises(ValueError, match=r"ours.depth: expected shape"):
        errors(truth, mean_answer(truth, 3))


def test_a_model_makes_maps_of_its_size(questions, tmp_path, monkeypatch):
    for name in ("RUNS", "CHECKPOINTS", "DATA"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    config = iqtt_published.configs("smoke")["pix2scene-0"]
    quiet = Runtime(accelerator="cpu", precision="32-true", progress=False)
    model = iqtt_published.load_model(iqtt_published.run(config, runtime=quiet))
    ours = reconstructed(model, questions.pictures()[:, 0])
    size = model.settings.size
    assert ours.image.shape == ours.normals.shape == (8, 3, size, size) and ours.seen.dtype == torch.bool
    torch.testing.assert_close(ours.normals.norm(dim=1), torch.ones(8, size, size))
    assert ours.normals[:, 2].mean() > 0.5  # they face the camera
    assert errors(ours, references(questions, size))["image"].isfinite().all()


def test_what_is_no_better_than_a_floor_is_named():
    floors = {
        "mean": {"image": 0.2, "depth": 0.3, "outline": 0.4},
        "nearest": {"image": 0.3, "depth": 0.2, "outline": 0.5},
    }
    assert verdict({"image": 0.1, "depth": 0.1, "outline": 0.6}, floors) == ("reproduced", "")
    assert verdict({"image": 0.1, "depth": 0.25, "outline": 0.45}, floors) == (
        "partly",
        "not better than the floors in depth, outline",
    )
    assert verdict({"image": 0.4, "depth": 0.4, "outline": 0.1}, floors)[0] == "not reproduced"
