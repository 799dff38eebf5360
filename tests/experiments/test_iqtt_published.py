from types import SimpleNamespace

import pytest
import torch

from inverse_graphics.datasets.iqtt import MODES, make_questions
from inverse_graphics.experiments import running
from inverse_graphics.experiments.iqtt_published import (
    METHODS,
    PublishedConfig,
    config_for,
    configs,
    judge,
    judge_as_published,
    load_model,
    measure_information,
    run,
)
from inverse_graphics.models.surfels import Posterior
from inverse_graphics.training.loop import Runtime

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)
pytestmark = pytest.mark.usefixtures("module_workspace")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("labels", [0, 10])
def test_each_method_trains_and_is_judged_as_stored(method, labels, monkeypatch):
    config = config_for("smoke", method=method, labels=labels)
    result = run(config, runtime=RUNTIME)
    assert len(result.history) == (0 if method != "pix2scene" and not labels else 4)
    assert result.provenance["data"][0]["labels"] == labels
    model = load_model(result)
    assert set(result.numbers["accuracy"]) == set(MODES)
    for mode in MODES:
        test = make_questions(mode, 20, split="test", size=16)
        assert judge(model, test) == result.numbers["accuracy"][mode]
        if method == "pix2scene":
            assert judge_as_published(model, test) == result.numbers["accuracy_as_published"][mode]
    monkeypatch.setattr(running, "fit", None)  # training would fail
    assert run(config, runtime=RUNTIME).numbers == result.numbers


def test_what_is_published_trains_too():
    """A critic, Eq. (5) as printed, and latents detached from MINE."""
    changes = {"adversarial": 1.0, "critic_steps": 2, "supervised_form": "printed", "detached": True, "labels": 8}
    result = run(config_for("smoke", **changes), runtime=RUNTIME)
    assert all(record["information_gradient"] == 0 and record["critic_penalty"] > 0 for record in result.history)
    assert result.name.startswith("iqtt-pix2scene-paper-detached-8_labels-")


def test_table_3_and_the_fault_are_there_in_every_profile():
    for profile in ("smoke", "quick", "paper"):
        table = configs(profile, seed=2)
        assert len(table) == 13 and {config.seed for config in table.values()} == {2}
        assert table["pix2scene_detached-0"].detached and not table["pix2scene-0"].detached
        assert table["cnn-0"].steps == table["siamese-0"].steps == 0 < table["pix2scene-0"].steps
    assert [table[f"cnn-{labels}"].labels for labels in (0, 200, 1000, 10000)] == [0, 200, 1000, 10000]
    assert table["cnn-10000"].steps == 40 * 10_000 // 32 and table["siamese-200"].steps == 40 * 200 // 64
    assert table["cnn-200"].towers().blocks == (3, 4, 6, 3) and table["pix2scene-200"].surfels().latent == 128
    assert table["pix2scene-0"].objective().information == 0.01 and table["pix2scene-0"].adversarial == 1
    assert config_for("smoke", method="cnn", labels=10, steps=3).steps == 3


def test_information_is_found_where_there_is_some():
    """Samples whose view is a part of the scene, and others whose view is noise."""

    class Coded:
        view = 2
        settings = SimpleNamespace(latent=6)

        def __init__(self, strength, spread):
            self.strength, self.spread = strength, spread

        def posterior(self, pictures):
            scene = pictures.flatten(1)[:, :4]
            mean = self.strength * torch.cat((scene, scene[:, :2]), 1)
            return Posterior(mean, torch.full_like(mean, self.spread))

        def split(self, latents):
            return latents[..., :4], latents[..., 4:]

    pictures = torch.randint(256, (2, 600, 3, 2, 2), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    assert measure_information(Coded(3.0, -4.0), *pictures, steps=60) > 0.5
    assert abs(measure_information(Coded(0.0, 0.0), *pictures, steps=60)) < 0.05


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="method: expected one of cnn, pix2scene, siamese; got 'transformer'"):
        config_for("quick", method="transformer")
    with pytest.raises(ValueError, match="method: expected one of"):
        PublishedConfig(method="mesh")
    with pytest.raises(ValueError, match="profile: expected one of"):
        config_for("fast")
    with pytest.raises(ValueError, match="profile: expected one of"):
        configs("fast")
    with pytest.raises(ValueError, match=r"labels: expected 0 to 40 \(the questions\), got 41"):
        config_for("smoke", labels=41)
    with pytest.raises(ValueError, match="steps: expected 0 for a tower without labels, got 5"):
        config_for("smoke", method="siamese", steps=5)
