from dataclasses import replace

import pytest
import torch

from inverse_graphics.datasets import iqtt as datasets_iqtt
from inverse_graphics.datasets.iqtt import make_questions
from inverse_graphics.experiments import iqtt_answerers, running
from inverse_graphics.experiments.iqtt_answerers import (
    KNOBS,
    LOOKS,
    AnswererConfig,
    config_for,
    configs,
    judge,
    judge_elsewhere,
    load_model,
    look_configs,
    run,
)
from inverse_graphics.training.loop import Runtime

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)
pytestmark = pytest.mark.usefixtures("module_workspace")


@pytest.mark.parametrize(
    "changes",
    [
        {"latent": "embedding"},
        {"labels": 4, "self_training": 1.0},
        {"mode": "both", "answers_apart": True, "poses": 1.0},
        {"mode": "both", "look": "mixed", "labels": 40},
    ],
)
def test_variants_train_and_are_judged_as_stored(changes, monkeypatch):
    result = run(config_for("smoke", **changes), runtime=RUNTIME)
    model = load_model(result)
    for mode, told in result.numbers["accuracy"].items():
        questions = make_questions(mode, 20, split="test", size=16)
        assert judge(model, questions) == told and told["count"] == 20
        assert result.numbers["elsewhere"][mode]["count"] == 4
        assert judge_elsewhere(model, questions.first(4)) == result.numbers["elsewhere"][mode]
    monkeypatch.setattr(running, "fit", None)  # training would fail
    assert run(config_for("smoke", **changes), runtime=RUNTIME).numbers == result.numbers


def test_a_few_steps_of_training_beat_guessing():
    changes = {"questions": 400, "test_questions": 600, "steps": 240, "batch_size": 32, "channels": (8, 16, 32)}
    changes |= {"blocks": (1, 1, 1), "numbers": 48, "mirror_images": False, "learning_rate": 4e-3}
    result = run(config_for("smoke", **changes), runtime=RUNTIME)
    told = result.numbers["accuracy"]["paper"]
    assert told["share"] > 1 / 3 + 3 * told["error"]
    assert result.history[-1]["bags"] < result.history[0]["bags"]


def test_labels_can_go_on_from_a_training_without(monkeypatch):
    """With no step of its own a labelled run is the unlabelled one, which is trained once for all."""
    start = run(config_for("smoke"), runtime=RUNTIME)
    config = config_for("smoke", labels=10, unlabelled_steps=4, steps=0)
    assert config.unlabelled() == config_for("smoke") and config_for("smoke").unlabelled() is None
    result = run(config, runtime=RUNTIME)
    for name, value in start.weights().items():
        torch.testing.assert_close(result.weights()[name], value)
    assert result.numbers["accuracy"] == start.numbers["accuracy"]


def test_known_answers_come_often_and_are_right():
    answers = torch.arange(100) % 3
    numbers, told = iqtt_answerers._rows(answers, 5)
    known = told >= 0
    assert (told[known] == answers[numbers[known]]).all() and set(numbers[known].tolist()) == set(range(5))
    assert known.float().mean() == pytest.approx(0.25, abs=0.02)
    assert set(numbers.tolist()) == set(range(100))
    for labels, share in ((0, 0), (50, 0.5)):
        assert (iqtt_answerers._rows(answers, labels)[1] >= 0).float().mean() == share


def test_hard_questions_come_after_easy_ones():
    config = configs("smoke")["hard"]
    before = config.unlabelled()
    assert (before.mode, before.steps, before.size, before.labels) == ("paper", 1, config.size, 0)
    assert before.unlabelled() is None and configs("quick")["hard"].size == 64
    assert config_for("smoke", unlabelled_steps=1).unlabelled().mode == "paper"
    result = run(replace(config, steps=0), runtime=RUNTIME)
    for name, value in run(before, runtime=RUNTIME).weights().items():
        torch.testing.assert_close(result.weights()[name], value)


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match=r"labels: expected 0 to 40 \(the questions\), got 41"):
        config_for("smoke", labels=41)
    with pytest.raises(ValueError, match="look: expected one of mixed, published, randomised"):
        AnswererConfig(look="pretty")
    with pytest.raises(ValueError, match="unlabelled_mode: expected one of"):
        AnswererConfig(unlabelled_mode="easy")
    for poses, latent in ((1.0, "embedding"), (-1.0, "points")):
        with pytest.raises(ValueError, match="poses: expected 0 or more, and 0 for an embedding"):
            AnswererConfig(latent=latent, poses=poses)
    with pytest.raises(ValueError, match="profile: expected one of"):
        config_for("fast")


def test_each_knob_of_a_look_is_left_out_once():
    assert sorted(knob for knobs in KNOBS.values() for knob in knobs) == sorted(datasets_iqtt.KNOBS)
    found = look_configs("quick")
    assert len(found) == len(KNOBS) + 2 and len({config.name for config in found.values()}) == len(found)
    assert LOOKS[found["no crop"].look] == replace(LOOKS["randomised"], shift=0.0)
    assert found["all"].steps == found["none"].steps == 400 and found["all"].labels == found["all"].questions
