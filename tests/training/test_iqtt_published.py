from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from inverse_graphics.models.iqtt_published import FourTowers, SiameseTower, SplitLatentModel, TowerSettings, picture
from inverse_graphics.models.surfels import Critic, SurfelSettings
from inverse_graphics.training.iqtt_published import (
    SplitLatentObjective,
    SplitLatentTrainer,
    TowerTrainer,
    siamese_loss,
)
from inverse_graphics.training.loop import Runtime, TrainingDiverged, fit
from support.closeness import nearly

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)
TOWERS = TowerSettings(widths=(4, 8), blocks=(1, 1), stem=5, pooled=False, hidden=16)
SURFELS = SurfelSettings(
    size=16,
    latent=9,
    encoder_channels=(4, 8),
    decoder_channels=(8, 4),
    critic_channels=(4, 8),
    normalised=False,
    initial_depth=1.2,
)

AIM = SplitLatentObjective(adversarial=0, image=10, latent=0.1, labelled=1)
NOTHING = SplitLatentObjective(adversarial=0, image=0, latent=0, information=0, supervised=0, labelled=1)


def questions(count=24):
    """Pictures of one brightness and pattern each; the right answer has the reference's."""
    draw = torch.Generator().manual_seed(0)
    kinds = torch.stack([torch.randperm(8, generator=draw)[:3] for _ in range(count)])  # one for each answer
    answers = torch.randint(3, (count,), generator=draw)
    kinds = torch.cat((kinds.gather(1, answers[:, None]), kinds), 1)
    patterns = torch.rand(8, 3, 1, 16, generator=draw).expand(-1, -1, 16, -1) * 200
    noise = torch.randint(20, (count, 4, 3, 16, 16), generator=draw)
    return (patterns[kinds] + noise).to(torch.uint8), answers


def train(trainer, data, path, steps, batch_size=8, runtime=RUNTIME):
    fabric = RUNTIME.fabric()
    fabric.launch()
    where = {"checkpoint": path / "c", "runtime": runtime, "fabric": fabric}
    return fit(trainer, data, steps=steps, batch_size=batch_size, seed=1, **where).history


def make(objective, labels=0, **options):
    torch.manual_seed(0)
    model = SplitLatentModel(SURFELS, view=4, statistics=(16, 16))
    critic = Critic(SURFELS) if objective.adversarial else None
    pictures, answers = questions()
    options = {"learning_rate": 3e-3, "betas": (0.5, 0.9)} | options
    return SplitLatentTrainer(model, critic, pictures, answers[:labels], objective, **options)


def weights(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


@pytest.mark.parametrize(("kind", "loss"), [(FourTowers, F.cross_entropy), (SiameseTower, siamese_loss)])
def test_towers_learn_their_labels(kind, loss, tmp_path):
    torch.manual_seed(0)
    pictures, answers = questions()
    trainer = TowerTrainer(kind(TOWERS), pictures, loss, learning_rate=3e-3)
    history = train(trainer, (torch.arange(24), answers), tmp_path, steps=40, batch_size=12)
    last = history[-5:]
    assert sum(record["right"] for record in last) / 5 > 0.9
    assert last[-1]["total"] < 0.5 * history[0]["total"]


def test_the_siamese_loss_is_over_three_pairs():
    scores = torch.tensor([[-0.5, -1.0, -3.0]])
    assert siamese_loss(scores, torch.tensor([1])).item() == pytest.approx((1.5**2 + 1 + 0) / 2 / 3)


def test_pix2scene_learns_to_make_the_pictures_again(tmp_path):
    """Of walls that fill one half of the view, near or less so."""
    depth = torch.full((4, 1, 16, 16), 3.1)
    for index, half in enumerate((depth[0, :, :8], depth[1, :, 8:], depth[2, ..., :8], depth[3, ..., 8:])):
        half[...] = 0.7 + 0.1 * index
    trainer = make(replace(AIM, image=20, kl=0.1), learning_rate=1e-2)
    trainer.pictures = (picture(depth).clamp(0, 1) * 255).to(torch.uint8)[None].expand(24, -1, -1, -1, -1)
    history = train(trainer, torch.arange(96), tmp_path, steps=50)
    assert history[-1]["image_error"] < 0.5 * history[0]["image_error"]
    assert history[-1]["kl"] > 0 and history[-1]["supervised"] == history[-1]["critic_distance"] == 0


def test_mine_reaches_the_encoder_unless_it_is_detached(tmp_path):
    """As the published code has it, the term trains the statistics network and nobody else."""
    for detached in (False, True):
        trainer = make(replace(NOTHING, information=1.0, detached=detached))
        model = trainer.model
        before = weights(model.encoder), weights(model.statistics), weights(model.decoder)
        history = train(trainer, torch.arange(96), tmp_path / str(detached), steps=4)
        moved = [
            not torch.equal(old, weights(part))
            for old, part in zip(before, (model.encoder, model.statistics, model.decoder), strict=True)
        ]
        assert moved == [not detached, True, False]
        assert all((record["information_gradient"] > 0) != detached for record in history)
        assert all(record["information"] != 0 for record in history)
        assert trainer.average.value != 0


def test_total_is_the_sum_of_the_weighted_terms(tmp_path):
    aim = SplitLatentObjective(
        adversarial=0.5, image=2, latent=3, kl=4, information=5, supervised=6, interval=2, labelled=1, shuffles=2
    )
    history = train(make(aim, labels=10, critic_steps=1), torch.arange(96), tmp_path, steps=4)
    for index, t in enumerate(history):
        assert (t["supervised"] > 0) == (index % 2 == 0)
        expected = 0.5 * t["adversarial"] + 2 * t["image_error"] + 3 * t["latent_error"] + 0.05 * t["band"]
        expected += 4 * index / 4 * t["kl"] / 768 + 5 * t["information"] + 6 * t["supervised"]
        assert t["total"] == pytest.approx(expected, rel=1e-4)


def test_labels_draw_right_answers_to_their_references(tmp_path):
    trainer = make(replace(NOTHING, supervised=1.0, interval=1), labels=24)
    history = train(trainer, torch.arange(96), tmp_path, steps=40)
    assert history[-1]["supervised"] < 0.2 * history[0]["supervised"]
    scores = trainer.model.eval().scores(trainer.pictures.float() / 255)
    assert (scores.argmax(1) == trainer.answers).float().mean() > 0.9


def test_the_printed_loss_runs_away_and_is_stopped(tmp_path):
    trainer = make(replace(NOTHING, supervised=1.0, interval=1, supervised_form="printed"), 24, learning_rate=1e-2)
    with pytest.raises(TrainingDiverged, match="has blown up at step"):
        train(trainer, torch.arange(96), tmp_path, steps=60)


def test_the_critic_plays_and_sees_new_pictures_in_each_step(tmp_path):
    trainer = make(replace(AIM, adversarial=1.0), critic_steps=2)
    before = weights(trainer.modules["critic"])
    history = train(trainer, torch.arange(96), tmp_path, steps=2, batch_size=12)
    assert all(record["critic_distance"] != 0 and record["critic_penalty"] > 0 for record in history)
    assert not torch.equal(before, weights(trainer.modules["critic"]))


def test_a_killed_run_goes_on_with_the_same_numbers(tmp_path, monkeypatch):
    often = replace(RUNTIME, checkpoint_seconds=0)
    whole = make(AIM, labels=10)
    history = train(whole, torch.arange(96), tmp_path / "whole", steps=6)
    original, killed = SplitLatentTrainer.step, []

    def step(self, batch, now):
        if now.index == 3 and not killed:
            killed.append(now)
            raise KeyboardInterrupt
        return original(self, batch, now)

    monkeypatch.setattr(SplitLatentTrainer, "step", step)
    with pytest.raises(KeyboardInterrupt):
        train(make(AIM, labels=10), torch.arange(96), tmp_path / "part", steps=6, runtime=often)
    again = make(AIM, labels=10)
    assert train(again, torch.arange(96), tmp_path / "part", steps=6, runtime=often) == nearly(history)
    torch.testing.assert_close(weights(again.model), weights(whole.model), rtol=1e-3, atol=1e-5)
    assert again.average.value == nearly(whole.average.value)


def test_parts_that_do_not_fit():
    model, pictures = SplitLatentModel(SURFELS, view=4), questions()[0]
    with pytest.raises(ValueError, match="critic: expected one where"):
        SplitLatentTrainer(model, None, pictures, None, SplitLatentObjective())
    with pytest.raises(ValueError, match="critic: expected one where"):
        SplitLatentTrainer(model, Critic(SURFELS), pictures, None, AIM)
    with pytest.raises(ValueError, match="supervised_form: expected one of hinge, printed"):
        replace(AIM, supervised_form="soft")
    with pytest.raises(ValueError, match="interval: expected 1 or more, got 0"):
        replace(AIM, interval=0)
