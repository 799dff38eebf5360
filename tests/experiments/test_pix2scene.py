from dataclasses import replace

import pytest
import torch

from inverse_graphics.datasets.scenes import load_scenes, sweep, view_from
from inverse_graphics.experiments import pix2scene, running
from inverse_graphics.experiments.pix2scene import TURNS, Pix2SceneConfig, config_for, configs, load_model, run
from inverse_graphics.models.surfels import SurfelSettings
from inverse_graphics.results import content_hash
from inverse_graphics.training.loop import Runtime
from inverse_graphics.training.surfels import SurfelObjective
from support.closeness import nearly

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)
METHODS = {"model", "decoded", "mean_depth", "plane", "nearest_picture"}
pytestmark = pytest.mark.usefixtures("module_workspace")


@pytest.fixture(scope="module")
def result(module_workspace):
    return run(config_for("shapes", "smoke"), runtime=RUNTIME)


def test_a_run_leaves_numbers_of_the_model_and_of_every_baseline(result):
    assert set(result.numbers["methods"]) == METHODS and result.numbers["test_scenes"] == 8
    measures = {
        "hausdorff_forward",
        "hausdorff_reverse",
        "hausdorff_mean_forward",
        "hausdorff_mean_reverse",
        "depth_mse",
        "normal_angle",
    }
    for numbers in (result.numbers["methods"], *result.numbers["turned"].values()):
        for row in numbers.values():
            assert set(row if "depth_mse" in row else row["5"]) == measures
    assert set(result.numbers["turned"]["model"]) == {str(turn) for turn in TURNS}
    assert [entry["split"] for entry in result.provenance["data"]] == ["train", "test"]
    files = sorted(file.name for file in result.folder.iterdir())
    assert files == ["arrays.safetensors", "result.json", "weights.safetensors"]


def test_numbers_are_those_of_the_stored_weights(result):
    model, test = load_model(result), pix2scene.held_out_scenes(result)
    with torch.no_grad():
        latents = pix2scene.encode(model, test)
        depth = pix2scene.decode(model, latents, test.camera)
    error = (depth - test.depth).square().mean().item()
    assert error == pytest.approx(result.numbers["methods"]["model"]["depth_mse"]["mean"], rel=1e-4)
    torch.testing.assert_close(result.arrays()["example_latents"], latents[:16])


def test_baselines_are_what_they_say(result):
    train = load_scenes("shapes", "train", count=64, size=16)
    test = load_scenes("shapes", "test", count=8, size=16)
    methods = result.numbers["methods"]
    mean = (train.depth.mean(0) - test.depth).square().mean().item()
    assert methods["mean_depth"]["depth_mse"]["mean"] == pytest.approx(mean, rel=1e-5)
    assert methods["mean_depth"]["depth_mse"]["mean"] < methods["plane"]["depth_mse"]["mean"]
    assert methods["plane"]["depth_mse"]["mean"] < 2 * mean  # a plane fits a room's corner, in a way
    nearest = [(train.images - image).square().sum((1, 2, 3)).argmin() for image in test.images]
    error = (train.depth[torch.stack(nearest)] - test.depth).square().mean().item()
    assert methods["nearest_picture"]["depth_mse"]["mean"] == pytest.approx(error, rel=1e-5)


def test_a_perfect_answer_has_no_error_from_any_side(monkeypatch):
    """With the test scenes among those known, the nearest picture is the scene itself, also when turned."""
    test = load_scenes("shapes", "test", count=8, size=16)
    start = view_from(test, sweep(test, (0,))[0])
    known = pix2scene._baselines(start, start)["nearest_picture"]
    for turn, camera in zip(TURNS, sweep(test, TURNS), strict=True):
        truth = view_from(test, camera)
        errors = pix2scene._against_truth(known(camera), truth)
        assert errors["hausdorff_forward"]["mean"] == errors["depth_mse"]["mean"] == 0, turn


def test_the_same_config_gives_the_same_numbers_and_is_found_again(result, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(running, "fit", None)  # training would fail
        assert run(config_for("shapes", "smoke"), runtime=RUNTIME).numbers == result.numbers
    kept = result.folder.with_name("elsewhere")
    result.folder.rename(kept)
    again = run(config_for("shapes", "smoke"), runtime=RUNTIME)
    assert again.history == nearly(result.history)
    assert again.numbers["methods"] == nearly(result.numbers["methods"])


@pytest.mark.parametrize("name", ["household_conditional", "shapes_random_lights", "shapes_supervised"])
def test_variants_train_and_load(name):
    config = configs("smoke")[name]
    result = run(config, runtime=RUNTIME)
    model, test = load_model(result), pix2scene.held_out_scenes(result, 2)
    assert len(test) == 2 and result.name.startswith(config.name)
    labels = test.labels if config.conditional else None
    made = pix2scene.sample(model, test.camera, torch.Generator().manual_seed(0), labels)
    assert made.shape == (2, 1, 16, 16) and bool(model.settings.classes) == config.conditional


def test_estimated_lights_are_judged(result):
    config = config_for("shapes", "smoke", scene_lights="random", lights="estimated")
    numbers = run(config, runtime=RUNTIME).numbers
    assert numbers["light_error"]["mean"] > 0 and 0 <= numbers["albedo_error"]["mean"] < 1


def test_only_supervised_runs_are_given_depth():
    scenes = load_scenes("shapes", "train", count=4, size=16)
    assert len(pix2scene._rows(scenes, supervised=False)) == 7
    assert pix2scene._rows(scenes, supervised=True)[7] is scenes.depth
    with pytest.raises(ValueError, match="supervised: expected no other terms"):
        config_for("shapes", "smoke", supervised=True)


def test_the_paper_profile_has_the_published_sizes_and_no_extras():
    config = configs("paper")["shapes"]
    assert (config.steps, config.batch_size, config.learning_rate, config.critic_steps) == (60_000, 6, 2e-4, 5)
    assert config.settings(0.8) == SurfelSettings() and config.objective() == SurfelObjective()
    assert config == Pix2SceneConfig()


def test_every_experiment_has_a_name_and_a_result_of_its_own():
    for profile in ("smoke", "quick", "paper"):
        wanted = configs(profile)
        assert len({content_hash(config) for config in wanted.values()}) == len(wanted) == 11
    assert configs("quick")["household_conditional"].name == "surfels-household-conditional"
    assert configs("quick", seed=1)["shapes"] == replace(configs("quick")["shapes"], seed=1)
    with pytest.raises(ValueError, match="profile: expected one of"):
        configs("huge")
    with pytest.raises(ValueError, match="kind: expected one of"):
        config_for("beach", "quick")
