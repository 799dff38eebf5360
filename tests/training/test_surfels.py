from dataclasses import replace

import pytest
import torch

from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.models.surfels import Critic, LightEstimator, SurfelModel, SurfelSettings
from inverse_graphics.renderers.shading import Lights
from inverse_graphics.renderers.surfels import render_surfels
from inverse_graphics.training.loop import Runtime, TrainingDiverged, fit
from inverse_graphics.training.surfels import Optics, SurfelBatch, SurfelObjective, SurfelTrainer
from support.closeness import nearly

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False, checkpoint_seconds=0)
OPTICS = Optics(field_of_view=0.45, linear=0.0, quadratic=0.8, albedo=0.5)
SETTINGS = SurfelSettings(
    size=16,
    latent=4,
    encoder_channels=(8, 8),
    decoder_channels=(8, 8),
    critic_channels=(8, 8),
    normalised=False,
    pyramid=True,
    initial_depth=1.3,
)
QUICK = SurfelObjective(
    adversarial=0, latent=0, absolute=True, reflectance=1, view=1, cycle=0.01, kl=1e-3, finer=(0.3,)
)


def scenes(count=12):
    """Pictures of walls across the view at different depths, lit in three colours."""
    azimuth = torch.linspace(0.3, 1.2, count)
    camera = Cameras.orbit(azimuth, torch.full((count,), 0.6), 1.3, OPTICS.field_of_view)
    lights = Lights(
        positions=torch.tensor([[0.2, 0.9, 0.8], [0.6, 0.8, 0.2], [0.8, 0.6, 0.8]]).expand(count, 3, 3),
        colours=torch.tensor([[0.6, 0.6, 0.6], [0.6, 0.1, 0.1], [0.1, 0.6, 0.1]]).expand(count, 3, 3),
        ambient=torch.full((count, 3), 0.1),
        quadratic=OPTICS.quadratic,
    )
    depth = torch.linspace(1.2, 1.6, count)[torch.arange(count) * 5 % count].view(-1, 1, 1, 1).expand(-1, 1, 16, 16)
    images = render_surfels(depth, camera, lights).image.clamp(0, 1)
    labels = torch.arange(count) % 3
    rows = SurfelBatch(images, camera.position, camera.target, lights.positions, lights.colours, lights.ambient, labels)
    return rows, depth


def train(path, objective, steps=4, settings=SETTINGS, supervised=False, batch_size=4, count=12, **options):
    rows, depth = scenes(count)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        lights = LightEstimator(settings, 3) if objective.lights == "estimated" else None
        model = SurfelModel(settings, lights)
        critic = Critic(settings) if objective.adversarial else None
    trainer = SurfelTrainer(model, critic, objective, OPTICS, **options)
    fabric = RUNTIME.fabric()
    fabric.launch()
    data = tuple(rows._replace(depth=depth)) if supervised else tuple(rows[:-1])
    fitted = fit(
        trainer,
        data,
        steps=steps,
        batch_size=batch_size,
        seed=1,
        checkpoint=path / "checkpoint.safetensors",
        runtime=RUNTIME,
        fabric=fabric,
    )
    return fitted.history, model, trainer


def test_depth_is_learnt_from_pictures_alone(tmp_path):
    options = {"learning_rate": 1e-2, "betas": (0.9, 0.99), "decay": True}
    aim = replace(QUICK, view=0, cycle=0, kl=0)  # those make more of a scene than this one picture
    history, model, _ = train(tmp_path, aim, steps=80, batch_size=12, **options)
    rows, depth = scenes()
    camera = Cameras(rows.position, rows.target, OPTICS.field_of_view)
    guess = model.eval().decode(model.encode(rows.images, camera), camera)
    assert (guess - depth).abs().mean() < 0.3 * (depth - 1.3).abs().mean()
    assert history[-1]["reflectance_error"] < 0.2 * history[0]["reflectance_error"]
    assert all(record[name] == 0 for record in history for name in ("adversarial", "critic_distance", "depth_error"))


def test_the_paper_game_moves_all_three_networks_and_records_every_term(tmp_path):
    history, model, trainer = train(tmp_path, SurfelObjective(), critic_steps=3, batch_size=12)
    assert trainer.critic_steps == 3
    for term in ("adversarial", "image_error", "latent_error", "critic_distance", "critic_penalty"):
        assert all(record[term] != 0 for record in history), term
    assert all(
        record[term] == 0 for record in history for term in ("reflectance_error", "view_error", "cycle_error", "kl")
    )
    before = SurfelModel(SETTINGS)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        before, critic = SurfelModel(SETTINGS), Critic(SETTINGS)
    for old, new in (
        (before.encoder, model.encoder),
        (before.decoder, model.decoder),
        (critic, trainer.modules["critic"]),
    ):
        assert any(not torch.equal(*pair) for pair in zip(old.parameters(), new.cpu().parameters(), strict=True))


def test_total_is_the_sum_of_the_weighted_terms(tmp_path):
    aim = SurfelObjective(adversarial=0.5, image=2, latent=3, reflectance=4, view=5, kl=6, cycle=7)
    history, _, _ = train(tmp_path, aim, steps=4, critic_steps=1)
    t = history[3]
    expected = 0.5 * t["adversarial"] + 2 * t["image_error"] + 3 * t["latent_error"] + 0.05 * t["band"]
    expected += (
        4 * t["reflectance_error"] + 5 * t["view_error"] + 6 * 0.75 * t["kl"] / (3 * 16 * 16) + 7 * t["cycle_error"]
    )
    assert t["total"] == pytest.approx(expected, rel=1e-5)


def test_the_critic_sees_new_pictures_in_each_of_its_steps(tmp_path):
    rows, _ = scenes()
    seen = []

    class Watched(SurfelTrainer):
        def _learn_critic(self, batch, *noise):
            seen.append(batch.images)
            return super()._learn_critic(batch, *noise)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        trainer = Watched(SurfelModel(SETTINGS), Critic(SETTINGS), SurfelObjective(), OPTICS, critic_steps=3)
    fabric = RUNTIME.fabric()
    fabric.launch()
    where = {"checkpoint": tmp_path / "c", "runtime": RUNTIME, "fabric": fabric}
    fit(trainer, tuple(rows[:-1]), steps=1, batch_size=12, seed=0, **where)
    assert [len(images) for images in seen] == [4, 4, 4]
    assert len({image.sum().item() for image in torch.cat(seen)}) == 12


def test_supervision_is_by_depth_alone_and_needs_it(tmp_path):
    aim = replace(QUICK, supervised=True, reflectance=0, view=0, cycle=0, kl=0)
    history, _, _ = train(tmp_path, aim, supervised=True)
    assert history[0]["depth_error"] > 0 and history[0]["image_error"] == history[0]["reflectance_error"] == 0


@pytest.mark.parametrize("lights", ["random", "estimated"])
def test_lights_need_not_be_known(tmp_path, lights):
    aim = replace(QUICK, lights=lights, reflectance=0 if lights == "random" else 1)
    history, model, _ = train(tmp_path, aim)
    assert history[0]["image_error"] > 0
    if lights == "estimated":
        rows, _ = scenes()
        positions, albedo = model.lights(rows.images, rows.position)
        assert positions.shape == (12, 3, 3) and albedo.shape == (12,)


def test_classes_are_told_where_the_model_has_them(tmp_path):
    history, model, _ = train(tmp_path, QUICK, settings=replace(SETTINGS, classes=3))
    assert model.decoder.first.in_channels == 4 + 3 + 3 and history[0]["image_error"] > 0


def test_a_killed_run_goes_on_with_the_same_numbers(tmp_path, monkeypatch):
    calls = []

    def step(self, batch, now):
        calls.append(now.index)
        if calls == [0, 1, 2, 3]:
            raise KeyboardInterrupt
        return original(self, batch, now)

    whole, model, _ = train(tmp_path / "whole", SurfelObjective(), steps=6, critic_steps=1)
    original = SurfelTrainer.step
    monkeypatch.setattr(SurfelTrainer, "step", step)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "part", SurfelObjective(), steps=6, critic_steps=1)
    again, resumed, _ = train(tmp_path / "part", SurfelObjective(), steps=6, critic_steps=1)
    assert calls == [0, 1, 2, 3, 3, 4, 5] and again == nearly(whole)
    torch.testing.assert_close(resumed.state_dict(), model.state_dict(), rtol=1e-3, atol=1e-5)


def test_a_game_that_blows_up_is_stopped(tmp_path):
    with pytest.raises(TrainingDiverged, match="has blown up at step"):
        train(tmp_path, SurfelObjective(), steps=60, critic_steps=1, learning_rate=3.0)


def test_parts_that_do_not_fit():
    model, critic = SurfelModel(SETTINGS), Critic(SETTINGS)
    with pytest.raises(ValueError, match="critic: expected one where"):
        SurfelTrainer(model, None, SurfelObjective(), OPTICS)
    with pytest.raises(ValueError, match="critic: expected one where"):
        SurfelTrainer(model, critic, QUICK, OPTICS)
    with pytest.raises(ValueError, match="model: expected a light estimator"):
        SurfelTrainer(model, None, replace(QUICK, lights="estimated"), OPTICS)
    with pytest.raises(ValueError, match="lights: expected one of"):
        replace(QUICK, lights="dark")
    with pytest.raises(ValueError, match="reflectance: expected 0 where lights are random"):
        replace(QUICK, lights="random")
