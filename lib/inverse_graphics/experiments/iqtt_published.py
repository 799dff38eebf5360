"""Train and judge the published methods of 3D-IQTT: Table 3 of Pix2Scene (2018).

    result = run(config_for("quick", method="siamese", labels=1_000))   # finished, or trained
    model = load_model(result)
    scores = model.scores(pictures)      # (N, 4, 3, H, W) → (N, 3)

The profile `paper` has the published sizes and schedules, for fewer questions; the "higher capacity" that Appendix D
gives decoder and critic here is not told, so they are those of Tables 5 and 6. `quick` has smaller towers, and what
makes minutes enough for Pix2Scene: no critic but a KL term, pictures that weigh more, small ones, and a decoder in
coarse and fine parts.
"""

from dataclasses import dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Adam

from inverse_graphics.checks import require_choice
from inverse_graphics.datasets.iqtt import CACHED, MODES, Questions, make_questions
from inverse_graphics.experiments.running import Outcome, Plan, initialised, load_rounded, rounded, train
from inverse_graphics.metrics.iqtt import accuracy
from inverse_graphics.models.iqtt_published import FourTowers, SiameseTower, SplitLatentModel, TowerSettings
from inverse_graphics.models.mutual_information import StatisticsNetwork
from inverse_graphics.models.surfels import Critic, Posterior, SurfelSettings
from inverse_graphics.objectives.mine import moving_log_average, mutual_information, shuffled
from inverse_graphics.results import Result, config_from_fields, find_result
from inverse_graphics.training.iqtt_published import (
    SplitLatentObjective,
    SplitLatentTrainer,
    TowerTrainer,
    siamese_loss,
)
from inverse_graphics.training.loop import Runtime, Trainer, generator_for

TOWERS = {"cnn": (FourTowers, F.cross_entropy), "siamese": (SiameseTower, siamese_loss)}
METHODS = (*TOWERS, "pix2scene")
LABELS = (0, 200, 1_000, 10_000)  # of Table 3
EPOCHS = 40  # over the labels, for towers, in the published code
PROFILES = ("smoke", "quick", "paper")
DISTANCE = 1.2  # of the cameras: where untrained depth starts
MEASURED = 2_000  # questions whose pictures `measure_information` learns from, and as many others it is for
MEASURING_BATCH = 512

Model = FourTowers | SiameseTower | SplitLatentModel


@dataclass(frozen=True)
class PublishedConfig:
    """Everything that a trained method depends on, but the machine. What another method uses is without effect.

    Fields:
        method: one of `METHODS`.
        mode: of the questions trained on.
        questions: how many there are; towers see none but those with a label.
        labels: how many of them have a known answer, the first ones.
        test_questions: how many are judged in each mode; their objects occur in no question trained on.
        size: of the pictures in pixels.
        steps: iterations. Towers without a label make none: they are judged as they are initialised.
        batch_size: labelled questions in each step of a tower, pictures in each step of Pix2Scene's networks.
        learning_rate, decay, first_moment, second_moment, critic_steps, clip: see `SplitLatentTrainer`, and
            `TowerTrainer` for the first two.
        widths, blocks, stem, pooled, hidden: see `TowerSettings`.
        scene_numbers, view_numbers: of the latent's two parts.
        network_size: side in pixels that Pix2Scene sees pictures at, and makes them at.
        encoder_channels, decoder_channels, critic_channels, normalised, pyramid: see `SurfelSettings`.
        adversarial, image_weight, latent_weight, kl, information, detached, shuffles, supervised,
            supervised_form, interval, labelled: see `SplitLatentObjective`; `image_weight` and `latent_weight` are its
            `image` and `latent`.
        measuring_steps: see `measure_information`.
        seed: of initial weights, order of questions and noise. The questions are those of seed 0 for any.
    """

    method: str = "pix2scene"
    mode: str = "paper"
    questions: int = 40_000
    labels: int = 0
    test_questions: int = 5_000
    size: int = 40
    steps: int = 3_200
    batch_size: int = 32
    learning_rate: float = 2e-3
    decay: bool = True
    first_moment: float = 0.9
    second_moment: float = 0.99
    critic_steps: int = 5
    clip: float = 1.0
    widths: tuple[int, ...] = (16, 24, 32, 48)
    blocks: tuple[int, ...] = (1, 1, 1, 1)
    stem: int = 5
    pooled: bool = False
    hidden: int = 128
    scene_numbers: int = 118
    view_numbers: int = 10
    network_size: int = 32
    encoder_channels: tuple[int, ...] = (24, 48, 96)
    decoder_channels: tuple[int, ...] = (96, 48, 24)
    critic_channels: tuple[int, ...] = (24, 48, 96)
    normalised: bool = False
    pyramid: bool = True
    adversarial: float = 0.0
    image_weight: float = 20.0
    latent_weight: float = 0.1
    kl: float = 0.3
    information: float = 0.01
    detached: bool = False
    shuffles: int = 4
    supervised: float = 1.0
    supervised_form: str = "hinge"
    interval: int = 10
    labelled: int = 1
    measuring_steps: int = 300
    seed: int = 0

    def __post_init__(self) -> None:
        require_choice("method", self.method, METHODS)
        require_choice("mode", self.mode, MODES)
        if not 0 <= self.labels <= self.questions:
            raise ValueError(f"labels: expected 0 to {self.questions} (the questions), got {self.labels}")
        if self.method in TOWERS and not self.labels and self.steps:
            raise ValueError(f"steps: expected 0 for a tower without labels, got {self.steps}")

    @property
    def name(self) -> str:
        words = ["iqtt", self.method, self.mode, *(["detached"] if self.detached else [])]
        return "-".join([*words, f"{self.labels}_labels"])

    def towers(self) -> TowerSettings:
        return TowerSettings(self.widths, self.blocks, self.stem, self.pooled, self.hidden)

    def surfels(self) -> SurfelSettings:
        return SurfelSettings(
            size=self.network_size,
            latent=self.scene_numbers + self.view_numbers,
            encoder_channels=self.encoder_channels,
            decoder_channels=self.decoder_channels,
            critic_channels=self.critic_channels,
            normalised=self.normalised,
            pyramid=self.pyramid,
            initial_depth=DISTANCE,
        )

    def objective(self) -> SplitLatentObjective:
        mine = {field.name for field in fields(self)}
        weights = {f.name: getattr(self, f.name) for f in fields(SplitLatentObjective) if f.name in mine}
        return SplitLatentObjective(image=self.image_weight, latent=self.latent_weight, **weights)


SMOKE = {
    "questions": 40,
    "test_questions": 20,
    "size": 16,
    "steps": 4,
    "batch_size": 8,
    "widths": (4, 4),
    "blocks": (1, 1),
    "hidden": 8,
    "scene_numbers": 6,
    "view_numbers": 4,
    "network_size": 16,
    "encoder_channels": (4, 4),
    "decoder_channels": (4, 4),
    "critic_channels": (4, 4),
    "interval": 2,
    "measuring_steps": 4,
}
QUICK_TOWERS = {"steps": 1_800, "learning_rate": 5e-4}
# 20,000 of the 100,000 questions: of this size, no more fit into memory (`datasets.iqtt.MOST_BYTES`)
PAPER = {"questions": 20_000, "test_questions": 10_000, "size": 128, "decay": False}
PAPER_TOWERS = {
    "steps": 1_000_000,  # none of which but `EPOCHS` are made
    "learning_rate": 1e-4,
    "widths": (64, 128, 256, 512),
    "blocks": (3, 4, 6, 3),
    "stem": 7,
    "pooled": True,
    "hidden": 512,
}
PAPER_PIX2SCENE = {
    "steps": 86_201,
    "batch_size": 6,
    "learning_rate": 2e-4,
    "first_moment": 0.0,
    "second_moment": 0.999,
    "clip": 500.0,
    "network_size": 128,
    "encoder_channels": (85, 170, 340, 680, 1360),
    "decoder_channels": (1344, 627, 336, 168, 84),
    "critic_channels": (85, 170, 340, 680, 1360),
    "normalised": True,
    "pyramid": False,
    "adversarial": 1.0,
    "image_weight": 1.0,
    "latent_weight": 1.0,
    "kl": 0.0,
    "shuffles": 1,
    "labelled": 16,
}
SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "smoke": {"cnn": SMOKE, "siamese": SMOKE, "pix2scene": SMOKE},
    "quick": {"cnn": QUICK_TOWERS, "siamese": QUICK_TOWERS, "pix2scene": {}},
    "paper": {
        "cnn": PAPER | PAPER_TOWERS | {"batch_size": 32},
        "siamese": PAPER | PAPER_TOWERS | {"batch_size": 64},
        "pix2scene": PAPER | PAPER_PIX2SCENE,
    },
}


def config_for(profile: str, **changes: Any) -> PublishedConfig:
    """The settings of a profile, with changes by field name.

    Towers make `EPOCHS` over their labels, or as many steps as the profile has, if that is less.
    """
    method = require_choice("method", changes.get("method", "pix2scene"), METHODS)
    settings = SETTINGS[require_choice("profile", profile, PROFILES)][method] | changes
    if method in TOWERS and "steps" not in changes:
        epochs = EPOCHS * settings.get("labels", 0) // settings.get("batch_size", PublishedConfig.batch_size)
        settings = settings | {"steps": min(settings["steps"], epochs)}
    return PublishedConfig(**settings)


def configs(profile: str, seed: int = 0) -> dict[str, PublishedConfig]:
    """All of Table 3, by `method-labels`, and Pix2Scene whose encoder MINE does not reach, as published."""
    cells = {f"{method}-{labels}": {"method": method, "labels": labels} for method in METHODS for labels in LABELS}
    cells["pix2scene_detached-0"] = {"detached": True}
    for changes in cells.values():  # a profile may have fewer questions than the table has labels
        most = SETTINGS[require_choice("profile", profile, PROFILES)][changes.get("method", "pix2scene")].get(
            "questions", PublishedConfig.questions
        )
        changes["labels"] = min(changes.get("labels", 0), most)
    return {name: config_for(profile, seed=seed, **changes) for name, changes in cells.items()}


def run(config: PublishedConfig, *, runtime: Runtime | None = None, retrain: bool = False) -> Result:
    """The result of a config: found if it is finished, else trained.

    Its numbers: `accuracy`, by mode of the test questions; for Pix2Scene also `accuracy_as_published`, by the authors'
    code's rule, and `information`, see `measure_information`. What of MINE's gradient came to the encoder stands in its
    history, `information_gradient`.

    Args:
        retrain: do not count results that came with the repository. Finished results of this machine still count.

    Raises:
        TrainingDiverged, CheckpointError, ResultError: see there.
    """
    found = find_result(config, shipped=not retrain)
    return found or train(config, runtime or Runtime(), lambda fabric: _prepare(config))


def load_model(result: Result) -> Model:
    """The trained model of a result: float32, evaluation mode, no gradients for its weights."""
    model = _empty_model(config_from_fields(PublishedConfig, result.config))
    load_rounded(model, result.weights())
    return model.eval().requires_grad_(False)


def _empty_model(config: PublishedConfig) -> Model:
    if config.method in TOWERS:
        return TOWERS[config.method][0](config.towers())
    return SplitLatentModel(config.surfels(), config.view_numbers)


def _prepare(config: PublishedConfig) -> Plan:
    known = _known_questions(config)
    model, critic = initialised(lambda: (_empty_model(config), _critic(config)), config.seed)
    trainer, rows = _make_trainer(config, model, critic, known)
    tests = [make_questions(mode, config.test_questions, split="test", size=config.size) for mode in MODES]

    def judge_stored() -> Outcome:
        weights = rounded(model)
        numbers: dict[str, Any] = {"accuracy": {test.mode: judge(model, test) for test in tests}}
        if isinstance(model, SplitLatentModel):
            numbers["accuracy_as_published"] = {test.mode: judge_as_published(model, test) for test in tests}
            learnt, others = (q.first(MEASURED).all_pictures().flatten(0, 1) for q in (known, tests[0]))
            numbers["information"] = measure_information(model, learnt, others, config.measuring_steps)
        return Outcome(weights, numbers, {})

    data = [known.provenance() | {"labels": config.labels}, *(test.provenance() for test in tests)]
    parts = max(1, getattr(trainer, "critic_steps", 0))
    return Plan(trainer, rows, config.steps, config.batch_size * parts, data, judge_stored)


def _known_questions(config: PublishedConfig) -> Questions:
    """Questions trained on: for towers the labelled ones alone, in whole files of the cache of pictures."""
    count = config.questions
    if config.method in TOWERS:
        count = min(count, max(1, -(-config.labels // CACHED)) * CACHED)
    return make_questions(config.mode, count, size=config.size)


def _critic(config: PublishedConfig) -> Critic | None:
    return Critic(config.surfels()) if config.method == "pix2scene" and config.adversarial else None


def _make_trainer(
    config: PublishedConfig, model: Model, critic: Critic | None, known: Questions
) -> tuple[Trainer, Tensor | tuple[Tensor, ...]]:
    pictures = known.all_pictures()
    if config.method in TOWERS:
        loss = TOWERS[config.method][1]
        rows = config.labels or len(known)  # without a label, of which none is made use of
        trainer = TowerTrainer(model, pictures, loss, config.learning_rate, config.decay)
        return trainer, (torch.arange(rows), known.answers[:rows])
    trainer = SplitLatentTrainer(
        model,
        critic,
        pictures,
        known.answers[: config.labels],
        config.objective(),
        learning_rate=config.learning_rate,
        betas=(config.first_moment, config.second_moment),
        decay=config.decay,
        critic_steps=config.critic_steps,
        clip=config.clip,
    )
    return trainer, torch.arange(pictures.shape[0] * pictures.shape[1])


def judge(model: Model, questions: Questions) -> dict[str, float]:
    """Accuracy of a model on questions: `share` answered right, its standard `error`, and `count`."""
    scores = [model.scores(part.float() / 255) for part in questions.all_pictures().split(100)]
    return accuracy(torch.cat(scores), questions.answers)._asdict()


def judge_as_published(model: SplitLatentModel, questions: Questions) -> dict[str, float]:
    """The same by the authors' code's rule: whole latents, the view's part included, and sampled."""
    generator, scores = generator_for(0, 0), []
    for part in questions.all_pictures().split(100):
        noise = torch.randn(4 * len(part), model.settings.latent, generator=generator)
        scores.append(model.scores_as_published(part.float() / 255, noise))
    return accuracy(torch.cat(scores), questions.answers)._asdict()


def measure_information(model: SplitLatentModel, known: Tensor, unknown: Tensor, steps: int = 300) -> float:
    """Eq. (6) between scene and view, in nats, by a statistics network that learns it anew: a lower bound.

    The network of the training runs after an encoder that moves, and may be fooled; this one is fair to any model.

    Args:
        known: (N, 3, H, W) uint8 pictures that the network learns from.
        unknown: (M, 3, H, W) uint8 other pictures that the bound is for.
        steps: that it learns for. Raising it makes the bound tighter, until the network knows its pictures by heart.
    """
    scene, latent = model.settings.latent - model.view, model.settings.latent
    generator = generator_for(0, 1)

    def statistics(posterior: Posterior) -> tuple[Tensor, Tensor]:
        parts = model.split(posterior.sample(torch.randn(len(posterior.mean), latent, generator=generator)))
        apart = shuffled(*parts, torch.rand(len(parts[0]), 1, generator=generator))
        return network(*parts), network(*apart)

    network = initialised(lambda: StatisticsNetwork(scene, model.view), 0)
    optimizer, average = Adam(network.parameters(), 1e-3), torch.zeros(())
    known_codes, unknown_codes = _posterior(model, known), _posterior(model, unknown)
    for _ in range(steps):
        rows = torch.randint(len(known), (MEASURING_BATCH,), generator=generator)
        joint, marginal = statistics(Posterior(*(part[rows] for part in known_codes)))
        average = moving_log_average(average, marginal)
        optimizer.zero_grad(set_to_none=True)
        (-mutual_information(joint, marginal, average)).backward()
        optimizer.step()
    with torch.no_grad():
        return mutual_information(*statistics(unknown_codes)).item()


def _posterior(model: SplitLatentModel, pictures: Tensor) -> Posterior:
    parts = [model.posterior(part.float() / 255) for part in pictures.split(500)]
    return Posterior(*(torch.cat(part) for part in zip(*parts, strict=True)))
