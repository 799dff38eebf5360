"""Train and judge a network that answers 3D-IQTT questions: with no label, or with some.

    result = run(config_for("quick"))        # finished result if there is one, else trained, resumed if it was killed
    model = load_model(result)
    scores = model.scores(pictures)          # (N, 4, 3, H, W) → (N, 3)

Not from the paper: the method is `objectives.multiple_instance`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from inverse_graphics.checks import require_choice
from inverse_graphics.datasets.iqtt import MODES, PUBLISHED, RANDOMISED, Questions, make_questions
from inverse_graphics.datasets.iqtt_elsewhere import elsewhere_pictures
from inverse_graphics.experiments.running import Outcome, Plan, initialised, load_rounded, rounded, train
from inverse_graphics.metrics.iqtt import accuracy, floors_and_oracles
from inverse_graphics.models.iqtt import Answerer, AnswererSettings
from inverse_graphics.results import Result, config_from_fields, find_result
from inverse_graphics.training.iqtt import AnswererObjective, AnswererTrainer
from inverse_graphics.training.loop import Runtime

# What of a look is drawn at random, by what a person would call it: each can be left as published
KNOBS = {
    "field of view": ("field_of_view",),
    "distance": ("distance",),
    "crop": ("shift",),
    "light colours": ("tint",),
    "cones": ("red_cone", "green_cone"),
    "brightness": ("brightness", "ambient"),
    "attenuation": ("quadratic",),
    "albedo": ("albedo",),
    "background": ("background",),
    "vignette": ("vignette",),
    "resolution": ("resolution",),
    "antialiasing": ("antialiasing",),
    "compression": ("compression",),
}
LOOKS = {
    "published": PUBLISHED,
    "randomised": RANDOMISED,
    **{f"without {name}": RANDOMISED.without(*knobs) for name, knobs in KNOBS.items()},
}
MIXED = "mixed"
PROFILES = ("smoke", "quick", "paper")
LABELS = (200, 1_000, 10_000)  # of Table 3
KNOWN_SHARE = 0.25  # of what is trained on, at least, where some answers are known: they are shown again and again


@dataclass(frozen=True)
class AnswererConfig:
    """Everything that a trained answerer depends on, but the machine.

    Fields:
        mode, look: of the questions trained on: `paper`, `hard`, or `both` in turn; a key of `LOOKS`, or `mixed`:
            published and randomised in turn, and judged on published ones.
        questions: how many.
        labels: how many of them have a known answer, the first ones.
        test_questions: how many are judged in each mode; their objects occur in no question trained on.
        elsewhere_questions: how many of these are judged as another renderer draws them, too.
        size, channels, blocks, latent, numbers: see `AnswererSettings`.
        mirror_images, answers_apart, memory, self_training, poses: see `AnswererObjective`.
        steps, batch_size: iterations, and questions in each.
        unlabelled_steps: of a training without any label that this one goes on from, with networks and nothing else; 0
            starts from nothing. Several numbers of labels can share it.
        unlabelled_mode: of the questions of that training; empty if it is `mode`, too.
        learning_rate, weight_decay: see `AnswererTrainer`.
        seed: of initial weights and order of questions. The questions are the same for any.
    """

    mode: str = "paper"
    look: str = "published"
    questions: int = 40_000
    labels: int = 0
    test_questions: int = 5_000
    elsewhere_questions: int = 1_000
    size: int = 40
    channels: tuple[int, ...] = (24, 48, 96)
    blocks: tuple[int, ...] = (1, 2, 2)
    latent: str = "points"
    numbers: int = 192
    mirror_images: bool = True
    answers_apart: bool = False
    memory: int = 0
    self_training: float = 0.0
    poses: float = 0.0
    steps: int = 2_500
    batch_size: int = 96
    unlabelled_steps: int = 0
    unlabelled_mode: str = ""
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    seed: int = 0

    def __post_init__(self) -> None:
        require_choice("mode", self.mode, (*MODES, "both"))
        require_choice("unlabelled_mode", self.unlabelled_mode, (*MODES, "both", ""))
        require_choice("look", self.look, (*LOOKS, MIXED))
        if not 0 <= self.labels <= self.questions:
            raise ValueError(f"labels: expected 0 to {self.questions} (the questions), got {self.labels}")
        if self.poses < 0 or (self.poses and self.latent != "points"):
            raise ValueError(f"poses: expected 0 or more, and 0 for an embedding; got {self.poses:g}")

    @property
    def name(self) -> str:
        words = ["iqtt", self.latent, self.mode, *([self.look.replace(" ", "_")] if self.look != "published" else [])]
        return "-".join([*words, *(["posed"] if self.poses else []), f"{self.labels}_labels"])

    def unlabelled(self) -> "AnswererConfig | None":
        """The config of the training that this one goes on from."""
        if not self.unlabelled_steps:
            return None
        mode = self.unlabelled_mode or self.mode
        shorter = {"steps": self.unlabelled_steps, "unlabelled_steps": 0, "unlabelled_mode": ""}
        return replace(self, mode=mode, labels=0, self_training=0.0, **shorter)

    def settings(self) -> AnswererSettings:
        return AnswererSettings(self.size, self.channels, self.blocks, self.latent, self.numbers)


SMOKE = {
    "questions": 40,
    "test_questions": 20,
    "elsewhere_questions": 4,
    "size": 16,
    "channels": (4, 8),
    "blocks": (1, 1),
    "numbers": 12,
    "steps": 4,
    "batch_size": 8,
}
PAPER = {
    "questions": 80_000,
    "size": 64,
    "channels": (64, 128, 256, 512),
    "blocks": (2, 2, 2, 2),
    "numbers": 384,
    "steps": 60_000,
    "batch_size": 256,
    "learning_rate": 1e-3,
}
SETTINGS: dict[str, dict[str, Any]] = {"smoke": SMOKE, "quick": {}, "paper": PAPER}


def config_for(profile: str, **changes: Any) -> AnswererConfig:
    """The settings of a profile, with changes by field name."""
    return AnswererConfig(**SETTINGS[require_choice("profile", profile, PROFILES)] | changes)


def configs(profile: str, seed: int = 0) -> dict[str, AnswererConfig]:
    """All that is trained of our own method, by a name for each.

    `hard` has seen larger pictures, first of `paper` questions and then of `hard` ones, without an answer. `posed` has
    seen no `hard` question and no answer, but is told how the cameras were turned; `posed_large` is the same on larger
    pictures. `points-200` and the like go on from `points` with so many labels, as many as Table 3 has. `any_look` is
    for pictures that are not ours: it has seen all sorts of looks beside the published one, and as our questions cost
    nothing, it is told all answers and cameras.
    """
    start = config_for(profile)
    labelled = {"unlabelled_steps": start.steps, "steps": max(1, start.steps // 4)}
    large = start.size if profile == "smoke" else max(start.size, 64)
    wanted: dict[str, dict[str, Any]] = {
        "points": {},
        **{f"points-{labels}": labelled | {"labels": min(labels, start.questions)} for labels in LABELS},
        "embedding": {"latent": "embedding"},
        "hard": {
            "mode": "hard",
            "size": large,
            "answers_apart": True,
            "unlabelled_mode": "paper",
            "unlabelled_steps": max(1, start.steps * 2 // 5),
            "steps": start.steps * 4 // 5,
        },
        "posed": {"poses": 1.0},
        "posed_large": {"poses": 1.0, "size": large},
        "any_look": {
            "look": MIXED,
            "labels": start.questions,
            "poses": 1.0,
            "size": large,
            "numbers": min(start.numbers, 120),
        },
    }
    return {name: config_for(profile, seed=seed, **changes) for name, changes in wanted.items()}


def look_configs(profile: str, seed: int = 0) -> dict[str, AnswererConfig]:
    """Shorter trainings on fewer questions, all answers and cameras told: each knob left as published, none of them,
    and all.

    What a knob is good for shows in `elsewhere`: how many questions are answered as another renderer draws them.
    """
    start = config_for(profile)
    questions = max(8, start.questions // 4)
    shorter = {"questions": questions, "labels": questions, "poses": 1.0, "steps": max(1, start.steps * 4 // 25)}
    shorter |= {"test_questions": start.test_questions * 2 // 5, "elsewhere_questions": 2 * start.elsewhere_questions}
    looks = {"all": "randomised", **{f"no {name}": f"without {name}" for name in KNOBS}, "none": "published"}
    return {name: config_for(profile, seed=seed, look=look, **shorter) for name, look in looks.items()}


def run(config: AnswererConfig, *, runtime: Runtime | None = None, retrain: bool = False) -> Result:
    """The result of a config: found if it is finished, else trained.

    Args:
        retrain: do not count results that came with the repository. Finished results of this machine still count.

    Raises:
        TrainingDiverged, CheckpointError, ResultError: see there.
    """
    found, runtime = find_result(config, shipped=not retrain), runtime or Runtime()
    return found or train(config, runtime, lambda fabric: _prepare(config, runtime, retrain))


def load_model(result: Result) -> Answerer:
    """The trained model of a result: float32, evaluation mode, no gradients for its weights."""
    model = Answerer(config_from_fields(AnswererConfig, result.config).settings())
    load_rounded(model, result.weights())
    return model.eval().requires_grad_(False)


def _prepare(config: AnswererConfig, runtime: Runtime, retrain: bool) -> Plan:
    modes = MODES if config.mode == "both" else (config.mode,)
    looks = (PUBLISHED, RANDOMISED) if config.look == MIXED else (LOOKS[config.look],)
    count = config.questions // (len(modes) * len(looks))
    known = [
        make_questions(mode, count, seed=seed, size=config.size, look=look)
        for mode in modes
        for seed, look in enumerate(looks)
    ]
    answers = _in_turn([part.answers for part in known])
    hard = _in_turn([torch.full_like(part.answers, part.mode == "hard", dtype=torch.bool) for part in known])
    model = initialised(lambda: Answerer(config.settings()), config.seed)
    if start := config.unlabelled():
        load_rounded(model, run(start, runtime=runtime, retrain=retrain).weights())
    trainer = AnswererTrainer(
        model,
        _in_turn([part.all_pictures() for part in known]),
        hard,
        AnswererObjective(
            config.mirror_images, config.answers_apart, config.memory, config.self_training, config.poses
        ),
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        cameras=_in_turn([part.cameras() for part in known]) if config.poses else None,
    )
    tests = [
        make_questions(mode, config.test_questions, split="test", size=config.size, look=looks[0]) for mode in MODES
    ]

    def judge_stored() -> Outcome:
        weights = rounded(model)
        scores = {test.mode: score(model, test.all_pictures()) for test in tests}
        floors = {test.mode: floors_and_oracles(test) for test in tests}
        numbers = {
            "accuracy": {test.mode: accuracy(scores[test.mode], test.answers)._asdict() for test in tests},
            "floors": {mode: {name: row._asdict() for name, row in rows.items()} for mode, rows in floors.items()},
            "elsewhere": {test.mode: judge_elsewhere(model, test.first(config.elsewhere_questions)) for test in tests},
        }
        arrays = {f"scores_{mode}": values.half() for mode, values in scores.items()}
        return Outcome(
            weights, numbers, arrays | {f"answers_{test.mode}": test.answers.to(torch.int8) for test in tests}
        )

    data = [part.provenance() | {"labels": config.labels // len(known)} for part in known]
    data += [test.provenance() for test in tests]
    return Plan(trainer, _rows(answers, config.labels), config.steps, config.batch_size, data, judge_stored)


def _in_turn(parts: Sequence[Tensor]) -> Tensor:
    """One of each part, then the next one of each."""
    return parts[0] if len(parts) == 1 else torch.stack(tuple(parts), 1).flatten(0, 1)


def _rows(answers: Tensor, labels: int) -> tuple[Tensor, Tensor]:
    """Numbers of questions and what is known of their answers, −1 where nothing; labelled ones as often as it takes."""
    numbers = torch.arange(len(answers))
    told = torch.where(numbers < labels, answers, -1)
    if not labels or labels >= KNOWN_SHARE * len(answers):
        return numbers, told
    times = round(KNOWN_SHARE / (1 - KNOWN_SHARE) * (len(answers) - labels) / labels)
    again = torch.arange(labels).repeat(times - 1)
    return torch.cat((numbers, again)), torch.cat((told, answers[again]))


def judge(model: Answerer, questions: Questions) -> dict[str, float]:
    """Accuracy of a model on questions: `share` answered right, its standard `error`, and `count`."""
    return accuracy(score(model, questions.all_pictures()), questions.answers)._asdict()


def judge_elsewhere(model: Answerer, questions: Questions) -> dict[str, float]:
    """The same on the same questions as `renderers.polycubes_elsewhere` draws them."""
    return accuracy(score(model, elsewhere_pictures(questions)), questions.answers)._asdict()


def score(model: Answerer, pictures: Tensor) -> Tensor:
    """Scores (N, 3) of the answers of questions, from pictures (N, 4, 3, S, S) uint8, a hundred at a time."""
    model.eval()
    device = next(model.parameters()).device
    return torch.cat([model.scores(part.to(device).float() / 255).cpu() for part in pictures.split(100)])
