from dataclasses import asdict

import pytest
import torch

from inverse_graphics.datasets import heads
from inverse_graphics.experiments import running
from inverse_graphics.experiments.mesh_gan import (
    PRIORS,
    VARIANTS,
    config_for,
    configs,
    for_growing,
    load_generator,
    load_scenes,
    prior_configs,
    run,
    sample_scenes,
    sample_views,
)
from inverse_graphics.models.meshes import SHAPE_GAIN
from inverse_graphics.training.loop import Runtime

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)


@pytest.fixture(scope="module", autouse=True)
def smaller(module_workspace):
    module_workspace.setattr(heads, "GRID", 16)
    module_workspace.setattr(heads, "TEXTURE", 32)


@pytest.mark.parametrize("variant", ["crisp", "full", "car"])
def test_variants_train_on_stand_ins_and_are_judged(variant, monkeypatch):
    config = configs("smoke")[variant]
    result = run(config, runtime=RUNTIME)
    stand_in = "toy_cars" if variant == "car" else "heads"
    assert result.name.startswith(f"meshes-{stand_in}-{variant}") and result.config["dataset"] == stand_in
    found = result.numbers["frechet"]["hog-colour"]
    depth = result.numbers["depth"]
    assert depth["generated"]["count"] == 16 and depth["floor"]["relief"] == 0
    assert found["counts"] == [32, 16] and found["distance"] > 0 and 0 < result.numbers["covered"] < 1
    generator = load_generator(result)
    scene, latents = sample_scenes(config, generator, 16)
    assert torch.equal(latents[0], result.arrays()["latents"])
    for stored, made in zip(load_scenes(result), scene, strict=True):
        torch.testing.assert_close(stored, made[:4], atol=3e-3, rtol=0)
    assert scene.render(*sample_views(config, 16), config.band).image.shape == (16, 3, 16, 16)
    monkeypatch.setattr(running, "fit", None)  # training would fail
    assert run(config, runtime=RUNTIME).numbers == result.numbers


def test_table_2_s_variants_differ_in_what_it_says():
    found = configs("quick")
    assert list(found) == list(VARIANTS)
    assert found["crisp"].band == 0 and found["soft"].band > 0 and not found["soft"].limited
    assert found["size"].limited and found["size"].levels == 1 and found["full"].levels == 4
    assert found["view"].azimuth == 120 and found["car"].start == "sheet"
    assert len({config.steps for config in found.values()}) == 1  # equal budgets
    assert config_for("paper").settings().size == 128


def test_faces_are_seen_from_nearer_the_front_in_quick_and_cars_and_made_up_heads_are_not():
    faces, made_up = config_for("quick"), config_for("quick", dataset="heads")
    assert faces.dataset == "celeba_heads" and faces.azimuth < made_up.azimuth == configs("quick")["car"].azimuth
    assert faces == config_for("quick", dataset="celeba_heads") and faces.gain < made_up.gain
    assert config_for("paper").azimuth == 45 and config_for("paper").gain == SHAPE_GAIN


def test_unknown_variants_list_the_valid_ones():
    with pytest.raises(ValueError, match="variant: expected one of car, crisp, full, size, soft, view"):
        config_for("quick", "bus")


def test_each_prior_is_left_out_by_itself():
    found = prior_configs("quick")
    assert {config.dataset for config in found.values()} == {"heads"}
    whole = asdict(found["all"])
    for name, config in found.items():
        differing = {field for field, value in asdict(config).items() if value != whole[field]} - {"variant"}
        assert differing == set(PRIORS[name])
    assert len({config.name for config in found.values()}) == len(found)


def test_several_processes_do_not_wait_for_layers_that_are_not_in_use_yet():
    assert for_growing(Runtime(devices=2, strategy="ddp")).strategy == "ddp_find_unused_parameters_true"
    assert for_growing(RUNTIME) == RUNTIME
