"""three-papers: voxels, surfels and meshes trained on one set, with one picture of each object, for the same time.

    python -m inverse_graphics.cli train three-papers --profile quick            twenty minutes on one idle core
    python -m inverse_graphics.cli train three-papers --profile quick --seed 1   as long again, for a spread
    python -m inverse_graphics.cli train three-papers --profile paper            hours on a GPU

Each is an autoencoder that gets a picture, its mask and its camera (`models.compared`, `training.compared`). Nothing is
expected of any paper here: none of the three has been compared with the others before.
"""

import statistics
import time
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from inverse_graphics.checks import require_choice
from inverse_graphics.datasets.compared import ComparedSet, load_compared
from inverse_graphics.datasets.images import resize
from inverse_graphics.experiments.compared_judgement import (
    Answer,
    floor_answers,
    judge_answers,
    mesh_answer,
    pictured,
    surfel_answer,
    views_of,
    voxel_answer,
)
from inverse_graphics.experiments.running import Outcome, Plan, initialised, load_rounded, rounded, train
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.metrics.voxel_overlap import THRESHOLDS
from inverse_graphics.models.compared import REPRESENTATIONS, ComparedSettings, ShapeAutoencoder
from inverse_graphics.models.voxels import SIDE
from inverse_graphics.renderers.voxels import project_voxels
from inverse_graphics.results import (
    Result,
    code_commit,
    config_from_fields,
    find_result,
    library_versions,
    save_result,
)
from inverse_graphics.training.compared import ComparedTrainer
from inverse_graphics.training.loop import Runtime

PROFILES = ("smoke", "quick", "paper")
CALIBRATED = 256  # training pictures that the threshold of voxels is chosen on
TIMED = 20  # pictures that are timed, one by one


@dataclass(frozen=True)
class ComparedConfig:
    """Everything that a trained autoencoder depends on, but the machine.

    Fields:
        representation: `voxels`, `surfels` or `meshes`.
        train_objects, test_objects: how many, one picture of each.
        steps, batch_size: iterations, and pictures in each.
        learning_rate, finer, band: see `ComparedTrainer`.
        size, latent, encoder_channels, channels, style, levels, gain: see `ComparedSettings`.
        seed: of initial weights and order of pictures. The objects are the same for any.
    """

    representation: str
    train_objects: int = 16_384
    test_objects: int = 512
    steps: int = 60_000
    batch_size: int = 32
    learning_rate: float = 1e-3
    finer: tuple[float, ...] = (0.15, 0.4)
    band: float = 1.0
    size: int = 128
    latent: int = 64
    encoder_channels: tuple[int, ...] = (32, 64, 128, 256, 256)
    channels: tuple[int, ...] = (128,)
    style: int = 128
    levels: int = 4
    gain: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        require_choice("representation", self.representation, REPRESENTATIONS)

    @property
    def name(self) -> str:
        return f"compared-{self.representation}"

    def settings(self) -> ComparedSettings:
        return ComparedSettings(**{field.name: getattr(self, field.name) for field in fields(ComparedSettings)})


@dataclass(frozen=True)
class FloorsConfig:
    """What the floors' numbers depend on; nothing is trained.

    Fields:
        train_objects: that the nearest picture is looked for among, and the first of which the mean shape is of.
        test_objects, size: as of the trainings.
        seed: nothing is drawn from it.
    """

    train_objects: int = 16_384
    test_objects: int = 512
    size: int = 128
    seed: int = 0

    @property
    def name(self) -> str:
        return "compared-floors"


SHARED: dict[str, dict[str, Any]] = {
    "smoke": {"train_objects": 16, "test_objects": 4, "steps": 4, "batch_size": 2, "size": 16, "latent": 8,
              "encoder_channels": (8, 8), "style": 8, "levels": 2},
    "quick": {"train_objects": 2048, "test_objects": 192, "size": 64, "latent": 48,
              "encoder_channels": (16, 32, 64, 96), "style": 64},
    "paper": {},
}  # fmt: skip
# In `quick` a training is to take 6 to 7 minutes of one core: at 0.13 s a step of voxels, 0.17 of surfels and 0.19 of
# meshes, processor time measured on a core of 2026 while both of that machine's cores were busy.
OWN: dict[str, dict[str, dict[str, Any]]] = {
    "smoke": {
        "voxels": {"channels": (8,)},
        "surfels": {"channels": (8, 8, 8)},
        "meshes": {"channels": (8, 8), "finer": (0.5,)},
    },
    "quick": {
        "voxels": {"steps": 3000, "batch_size": 16, "learning_rate": 2e-3, "channels": (32,)},
        "surfels": {"steps": 2300, "batch_size": 8, "learning_rate": 2e-3, "channels": (64, 64, 48, 32, 16)},
        "meshes": {"steps": 2000, "batch_size": 8, "learning_rate": 2e-3, "channels": (64, 64, 48, 32)},
    },
    "paper": {
        "voxels": {},
        "surfels": {"channels": (256, 256, 256, 128, 64, 32)},
        "meshes": {"channels": (256, 256, 256, 128, 64)},
    },
}


def config_for(representation: str, profile: str, **changes: Any) -> ComparedConfig:
    """The settings of a profile for a representation, with changes by field name."""
    shared, own = (settings[require_choice("profile", profile, PROFILES)] for settings in (SHARED, OWN))
    own = own[require_choice("representation", representation, REPRESENTATIONS)]
    return ComparedConfig(**{"representation": representation} | shared | own | changes)


def configs(profile: str, seed: int = 0) -> dict[str, ComparedConfig]:
    """One training per representation."""
    return {name: config_for(name, profile, seed=seed) for name in REPRESENTATIONS}


def floors_config(profile: str) -> FloorsConfig:
    """What the floors of a profile depend on."""
    one = config_for("voxels", profile)
    return FloorsConfig(one.train_objects, one.test_objects, one.size)


def run(config: ComparedConfig, *, runtime: Runtime | None = None, retrain: bool = False) -> Result:
    """The result of a config: found if it is finished, else trained.

    Args:
        retrain: do not count results that came with the repository. Finished results of this machine still count.

    Raises:
        TrainingDiverged, CheckpointError, ResultError: see there.
    """
    return find_result(config, shipped=not retrain) or train(
        config, runtime or Runtime(), lambda fabric: _prepare(config)
    )


def run_floors(profile: str, *, retrain: bool = False) -> Result:
    """What needs no training, judged on the test objects of a profile: found, else judged now."""
    config = floors_config(profile)
    if found := find_result(config, shipped=not retrain):
        return found
    known, test = load_compared("train", count=config.train_objects, size=config.size), held_out_objects(config)
    numbers = {name: judge_answers(answers, test) for name, answers in floor_answers(known, test).items()}
    provenance = {
        "data": [known.provenance(), test.provenance()],
        "seed": config.seed,
        "versions": library_versions(),
        "commit": code_commit(),
    }
    arrays = {"pictures": pictured(test)}
    return save_result(config, numbers=numbers, provenance=provenance, history=[], weights={}, arrays=arrays)


def held_out_objects(config: ComparedConfig | FloorsConfig, count: int | None = None) -> ComparedSet:
    """The first objects that a config is judged on, all if no count is given, with their truth."""
    return load_compared("test", count=count or config.test_objects, size=config.size, truth=True)


def load_model(result: Result) -> ShapeAutoencoder:
    """The trained autoencoder of a result: float32, evaluation mode, no gradients."""
    model = ShapeAutoencoder(config_from_fields(ComparedConfig, result.config).settings())
    load_rounded(model, result.weights())
    return model.eval().requires_grad_(False)


def _prepare(config: ComparedConfig) -> Plan:
    known, test = load_compared("train", count=config.train_objects, size=config.size), held_out_objects(config)
    model = initialised(lambda: ShapeAutoencoder(config.settings()), config.seed)
    trainer = ComparedTrainer(model, config.learning_rate, config.finer, config.band)

    def judge_stored() -> Outcome:
        return Outcome(rounded(model), *judge(model, known, test))

    rows, data = (known.images, known.azimuth, known.elevation), [known.provenance(), test.provenance()]
    return Plan(trainer, rows, config.steps, config.batch_size, data, judge_stored)


@torch.no_grad()
def judge(model: ShapeAutoencoder, known: ComparedSet, test: ComparedSet) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a trained autoencoder makes of test objects.

    Returns:
        numbers: those of `judge_answers`; `threshold` of voxels; `milliseconds` a picture from picture to shape, one at
            a time on this machine's processor; `bytes` that a shape is stored in: a bit a cell, or two bytes a depth or
            a coordinate and one for each colour of a texture's pixel; `weights`, how many.
        arrays: `pictures`, see `pictured`.
    """
    model.eval()
    threshold = silhouette_threshold(model, known) if model.settings.representation == "voxels" else None
    answers = reconstruct(model, test, threshold)
    latent = model.encode(test.images[:1], test.camera[:1])
    numbers = judge_answers(answers, test) | {
        "threshold": threshold,
        "milliseconds": _milliseconds(model, test),
        "bytes": shape_bytes(model, latent, test.camera[:1]),
        "weights": sum(parameter.numel() for parameter in model.parameters()),
    }
    return numbers, {"pictures": pictured(test, answers)}


@torch.no_grad()
def reconstruct(model: ShapeAutoencoder, test: ComparedSet, threshold: float | None = None) -> list[Answer]:
    """What an autoencoder makes of each picture, ready to be judged or shown.

    Args:
        threshold: of voxels alone, see `silhouette_threshold`; a result's numbers hold it.
    """
    answers = []
    for i in range(len(test)):
        one = slice(i, i + 1)
        latent = model.encode(test.images[one], test.camera[one])
        cameras = views_of(test, i)
        if model.settings.representation == "voxels":
            answers.append(voxel_answer(model.decoder(latent)[0], threshold, cameras, test.images.shape[-1]))
        elif model.settings.representation == "surfels":
            answers.append(surfel_answer(model.decode_depth(latent, cameras[0]), cameras, test.lights[one]))
        else:
            answers.append(mesh_answer(*model.decoder(latent), cameras, test.images.shape[-1]))
    return answers


@torch.no_grad()
def silhouette_threshold(model: ShapeAutoencoder, known: ComparedSet) -> float:
    """The threshold at which the voxels of training pictures have silhouettes that are most like the masks. No true
    shape is looked at."""
    part = slice(0, CALIBRATED)
    camera, views = known.camera[part], (known.azimuth[part], known.elevation[part])
    voxels = model.decoder(model.encode(known.images[part], camera))
    mask = resize(known.masks[part], SIDE) > 0.5
    overlaps = []
    for threshold in THRESHOLDS:
        shown = project_voxels((voxels > threshold).float(), *views) > 0.5
        overlaps.append(((shown & mask).sum() / (shown | mask).sum().clamp_min(1)).item())
    return THRESHOLDS[overlaps.index(max(overlaps))]


def shape_bytes(model: ShapeAutoencoder, latent: Tensor, camera: Cameras) -> int:
    """What one shape takes, see `judge`."""
    if model.settings.representation == "voxels":
        return model.decoder(latent)[0].numel() // 8
    if model.settings.representation == "surfels":
        return 2 * model.decode_depth(latent, camera).numel()
    shape, texture = model.decoder(latent)
    return 2 * shape.numel() + texture.numel()


def _milliseconds(model: ShapeAutoencoder, test: ComparedSet) -> float:
    """The median of `TIMED` pictures, after one that is not counted."""
    found = []
    for i in range(TIMED + 1):
        one = slice(i % len(test), i % len(test) + 1)
        camera, start = test.camera[one], time.perf_counter()
        latent = model.encode(test.images[one], camera)
        model.decode_depth(latent, camera) if model.settings.representation == "surfels" else model.decoder(latent)
        found.append(1000 * (time.perf_counter() - start))
    return round(statistics.median(found[1:]), 2)
