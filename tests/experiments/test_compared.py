import pytest
import torch

from inverse_graphics.datasets import compared as data
from inverse_graphics.experiments import compared_judgement, running
from inverse_graphics.experiments.catalogue import EXPERIMENTS, RUNS
from inverse_graphics.experiments.compared import (
    ComparedConfig,
    configs,
    held_out_objects,
    load_model,
    reconstruct,
    run,
    run_floors,
)
from inverse_graphics.experiments.compared_judgement import FLOORS
from inverse_graphics.models.compared import REPRESENTATIONS, ShapeAutoencoder
from inverse_graphics.training.loop import Runtime

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)


@pytest.fixture(scope="module", autouse=True)
def smaller(module_workspace):
    module_workspace.setattr(data, "BLOCK", 4)
    module_workspace.setattr(data, "POINTS", 200)
    module_workspace.setattr(compared_judgement, "MEAN_OF", 4)


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_each_is_trained_judged_and_found_again(representation, monkeypatch):
    config = configs("smoke")[representation]
    result = run(config, runtime=RUNTIME)
    numbers = result.numbers
    assert result.name.startswith(f"compared-{representation}-") and numbers["test_objects"] == 4
    assert (numbers["measures"]["iou"] is None) == (representation == "surfels")
    assert (numbers["measures"]["image_mse"] is None) == (representation == "voxels")
    assert (numbers["threshold"] is None) == (representation != "voxels")
    assert numbers["milliseconds"] > 0
    sizes = {"voxels": 28**3 // 8, "surfels": 2 * 16 * 16, "meshes": (2 + 1) * 3 * 8 * 8}
    assert numbers["bytes"] == sizes[representation]
    test = held_out_objects(config, 2)
    assert result.arrays()["pictures"].shape == (4, 2, 16, 16, 3)
    answers = reconstruct(load_model(result), test, numbers["threshold"])
    assert len(answers) == 2 and answers[0].seen.depth.shape == (5, 1, 16, 16)
    monkeypatch.setattr(running, "fit", None)  # training would fail
    assert run(config, runtime=RUNTIME).numbers == numbers


def test_floors_are_judged_once(monkeypatch):
    result = run_floors("smoke")
    assert tuple(result.numbers) == FLOORS and result.name.startswith("compared-floors-")
    monkeypatch.setattr("inverse_graphics.experiments.compared.floor_answers", None)
    assert run_floors("smoke").numbers == result.numbers


def test_all_three_see_the_same_and_are_known_by_name():
    for profile in ("smoke", "quick", "paper"):
        found = configs(profile, seed=2).values()
        shared = {(c.train_objects, c.test_objects, c.size, c.latent, c.encoder_channels, c.seed) for c in found}
        assert len(shared) == 1
        for config in found:
            with torch.device("meta"):
                ShapeAutoencoder(config.settings())
    assert EXPERIMENTS["three-papers"] is configs and RUNS["three-papers"] is run
    with pytest.raises(ValueError, match="representation: expected one of meshes, surfels, voxels"):
        ComparedConfig("points")
