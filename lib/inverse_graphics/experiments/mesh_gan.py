"""Train and judge one mesh GAN: what the figures and Table 2 of Szabó & Favaro 2019 are made of.

    result = run(configs("quick")["full"])   # finished result if there is one, else trained, resumed if it was killed
    generator = load_generator(result)
    scene = generator(latents, background_latents)
    scene = load_scenes(result)              # the first few of these, also where the weights were left behind

Where photographs of faces or cars are not on this machine, made-up heads and cars stand in for them, under their names.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from inverse_graphics.checks import require_choice
from inverse_graphics.datasets import available, load, stand_in_for
from inverse_graphics.datasets.heads import AZIMUTH, ELEVATION
from inverse_graphics.experiments.mesh_judgement import judge_depth, truth_for
from inverse_graphics.experiments.running import Outcome, Plan, initialised, load_rounded, rounded, train
from inverse_graphics.metrics.frechet import distances
from inverse_graphics.models.meshes import SHAPE_GAIN, MeshGANSettings, MeshGenerator, Scene
from inverse_graphics.models.stylegan import Discriminator
from inverse_graphics.renderers.meshes import unit_ball_cameras
from inverse_graphics.results import Result, config_from_fields, find_result
from inverse_graphics.training.loop import Runtime, generator_for
from inverse_graphics.training.meshes import MeshGANObjective, MeshGANTrainer

PROFILES = ("smoke", "quick", "paper")
EXAMPLES = 16
PICTURED = 4  # of the examples: kept as scenes, so that the ablations need no weights
DEPTHS = 256  # shapes whose depth is compared with true ones


@dataclass(frozen=True)
class MeshGANConfig:
    """Everything that a trained generator depends on, but the machine. The defaults are the paper's FULL.

    Fields:
        dataset: a name of `inverse_graphics.datasets` with three channels.
        variant: what Table 2 calls it; a name, nothing else.
        train_images: how many, all where there are fewer.
        judged: how many pictures are generated to be judged.
        steps, batch_size: iterations, and real pictures in each.
        learning_rate, first_moment, second_moment: of Adam.
        size, latent, style, widths, mapping_layers, start, levels, limited, band, gain, skip: see `MeshGANSettings`.
        azimuth, elevation, moving, gamma, penalty_every, mixing, average, first, grown_after, fading: see
            `MeshGANObjective`.
        seed: of initial weights, order of pictures and latents.
    """

    dataset: str = "ffhq"
    variant: str = "full"
    train_images: int = 70_000
    judged: int = 50_000
    steps: int = 156_250
    batch_size: int = 32
    learning_rate: float = 1e-3
    first_moment: float = 0.0
    second_moment: float = 0.99
    size: int = 128
    latent: int = 512
    style: int = 512
    widths: tuple[int, ...] = (512, 512, 512, 512, 256, 128, 64)
    mapping_layers: int = 8
    start: str = "sphere"
    levels: int = 4
    limited: bool = True
    band: float = 1.0
    gain: float = SHAPE_GAIN
    skip: bool = False
    azimuth: float = 45.0
    elevation: float = 15.0
    moving: bool = True
    gamma: float = 10.0
    penalty_every: int = 1
    mixing: float = 0.9
    average: float = 0.999
    first: int = 16
    grown_after: float = 0.5
    fading: float = 0.5
    seed: int = 0

    @property
    def name(self) -> str:
        return f"meshes-{self.dataset}-{self.variant}"

    def settings(self) -> MeshGANSettings:
        return MeshGANSettings(**{field.name: getattr(self, field.name) for field in fields(MeshGANSettings)})

    def objective(self) -> MeshGANObjective:
        return MeshGANObjective(**{field.name: getattr(self, field.name) for field in fields(MeshGANObjective)})


SMOKE = {
    "train_images": 64,
    "judged": 16,
    "steps": 4,
    "batch_size": 4,
    "size": 16,
    "latent": 8,
    "style": 8,
    "widths": (8, 8, 8, 4),
    "mapping_layers": 2,
    "first": 8,
}
# Less than a hundredth of the paper's pictures: so γ is that of small ones, all learn faster, shapes above all, and
# what is learnt on small pictures is kept.
QUICK = {
    "dataset": "celeba_heads",
    "train_images": 8192,
    "judged": 2048,
    "steps": 1800,
    "batch_size": 16,
    "learning_rate": 4e-3,
    "size": 32,
    "latent": 64,
    "style": 64,
    "widths": (64, 64, 48, 32, 16),
    "mapping_layers": 4,
    "gain": 0.02,
    "skip": True,
    "azimuth": 30.0,
    "gamma": 0.2,
    "penalty_every": 8,
    "average": 0.995,
    "grown_after": 0.6,
    "fading": 0.3,
}
SETTINGS: dict[str, dict[str, Any]] = {"smoke": SMOKE, "quick": QUICK, "paper": {}}
# By profile and set. CelebA's aligned faces look to the front more than the paper's do; and of what is not to be seen
# in them, shapes that learn slowly keep what the sphere had
OF_DATASETS: dict[tuple[str, str], dict[str, Any]] = {("quick", "celeba_heads"): {"azimuth": 15.0, "gain": 0.01}}
# Table 2: each adds to the one before, but VIEW, and CAR, which has another set
VARIANTS: dict[str, dict[str, Any]] = {
    "crisp": {"band": 0.0, "limited": False, "levels": 1},
    "soft": {"limited": False, "levels": 1},
    "size": {"levels": 1},
    "full": {},
    "view": {"azimuth": 120.0},
    "car": {"dataset": "cars", "start": "sheet", "limited": False},
}
# Section 4's claim, on made-up heads: what keeps shapes from being ambiguous, each left out by itself
PRIORS: dict[str, dict[str, Any]] = {
    "all": {},
    "no pyramid": {"levels": 1},
    "no sphere": {"start": "sheet"},
    "no size limit": {"limited": False},
    "one view": {"azimuth": 0.0, "elevation": 0.0},
    "still background": {"moving": False},
}


def config_for(profile: str, variant: str = "full", **changes: Any) -> MeshGANConfig:
    """The settings of a profile and a variant of Table 2, with changes by field name."""
    settings = SETTINGS[require_choice("profile", profile, PROFILES)]
    wanted = {"variant": variant} | VARIANTS[require_choice("variant", variant, VARIANTS)] | changes
    of_dataset = OF_DATASETS.get((profile, (settings | wanted).get("dataset")), {})
    return MeshGANConfig(**settings | of_dataset | wanted)


def configs(profile: str, seed: int = 0) -> dict[str, MeshGANConfig]:
    """Table 2, by the paper's names in small letters. BUS is left out: there are no photographs of buses to be had."""
    return {variant: config_for(profile, variant, seed=seed) for variant in VARIANTS}


def prior_configs(profile: str, seed: int = 0) -> dict[str, MeshGANConfig]:
    """FULL on made-up heads, whose depth is known, and what becomes of it without each of its priors."""
    start = config_for(profile, "full", dataset="heads", azimuth=AZIMUTH, elevation=ELEVATION, seed=seed)
    return {
        name: replace(start, variant="full" if name == "all" else name.replace(" ", "_"), **changes)
        for name, changes in PRIORS.items()
    }


def run(config: MeshGANConfig, *, runtime: Runtime | None = None, retrain: bool = False) -> Result:
    """The result of a config, or of its stand-in's where its photographs are not here: found if finished, else trained.

    Args:
        retrain: do not count results that came with the repository. Finished results of this machine still count.

    Raises:
        TrainingDiverged, CheckpointError, ResultError, DatasetError: see there.
    """
    found = find_result(config, shipped=not retrain)
    if found is None and not available(config.dataset):
        config = replace(config, dataset=stand_in_for(config.dataset))
        found = find_result(config, shipped=not retrain)
    return found or train(config, for_growing(runtime or Runtime()), lambda fabric: _prepare(config))


def for_growing(runtime: Runtime) -> Runtime:
    """With a strategy that does not wait for gradients of what is not in use yet: the layers of larger pictures."""
    return replace(runtime, strategy="ddp_find_unused_parameters_true") if runtime.strategy == "ddp" else runtime


def load_generator(result: Result) -> MeshGenerator:
    """The trained generator of a result, averaged over its last steps: float32, evaluation mode, no gradients."""
    generator = MeshGenerator(config_from_fields(MeshGANConfig, result.config).settings())
    load_rounded(generator, result.weights())
    return generator.eval().requires_grad_(False)


def load_scenes(result: Result) -> Scene:
    """The first four examples of a result as they were stored; colours in steps of 1/255."""
    arrays = result.arrays()
    return Scene(arrays["shapes"].float(), *(arrays[name].float() / 255 for name in ("textures", "backgrounds")))


def _prepare(config: MeshGANConfig) -> Plan:
    photographs = load(config.dataset, "train", size=config.size, at_most=config.train_images)
    settings = config.settings()

    def make() -> tuple[MeshGenerator, Discriminator]:
        return MeshGenerator(settings), Discriminator(3, settings.widths[:-1])

    generator, discriminator = initialised(make, config.seed)
    betas = (config.first_moment, config.second_moment)
    trainer = MeshGANTrainer(generator, discriminator, config.objective(), config.learning_rate, betas)

    def judge_stored() -> Outcome:
        average = trainer.modules["average"]
        weights = rounded(average)
        return Outcome(weights, *judge(config, average, photographs.images))

    data = [photographs.provenance()]
    return Plan(trainer, photographs.images, config.steps, config.batch_size, data, judge_stored)


@torch.no_grad()
def judge(config: MeshGANConfig, generator: MeshGenerator, real: Tensor) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Numbers of a trained generator, and latents for figures.

    Returns:
        numbers: `depth`, how like true shapes the generated ones are (`mesh_judgement`); `frechet`, by features that
            can be had here (`metrics.frechet`): `distance` to the first pictures trained on, at most twice as many as
            are made, its floor `between_halves` of these, and how many pictures on either hand; `covered`, the mean
            share of a picture that the object covers, and `truly_covered`, that of true ones.
        arrays: `latents` and `background_latents` (16, Z) of examples; `shapes` (4, 3, N, N) float16, `textures` and
            `backgrounds` (4, 3, 2 N, 2 N) uint8, the scenes of the first of them.
    """
    made, covered = [], []
    for index in range(0, config.judged, 64):
        count = min(64, config.judged - index)
        seen = sample_scenes(config, generator, count, index)[0].render(
            *sample_views(config, count, index), config.band
        )
        made.append(seen.image.clamp(0, 1))
        covered.append(seen.alpha.mean((1, 2, 3)))
    made, real = torch.cat(made), real[: 2 * config.judged]
    count = min(DEPTHS, config.judged)
    truth = truth_for(config.dataset, count, config.size)
    depth = judge_depth(sample_scenes(config, generator, count)[0], truth)
    numbers = {
        "frechet": distances(real, made),
        "depth": {name: likeness._asdict() for name, likeness in depth.items()},
        "covered": torch.cat(covered).mean().item(),
        "truly_covered": truth.depth.isfinite().float().mean().item(),
        "side": config.size,
    }
    scenes, latents = sample_scenes(config, generator, EXAMPLES)
    arrays = dict(zip(("latents", "background_latents"), latents, strict=True))
    shape, texture, background = (values[:PICTURED] for values in scenes)
    arrays |= {"shapes": shape.half(), "textures": _as_bytes(texture), "backgrounds": _as_bytes(background)}
    return numbers, arrays


def sample_scenes(
    config: MeshGANConfig, generator: MeshGenerator, count: int, index: int = 0
) -> tuple[Scene, tuple[Tensor, Tensor]]:
    """Scenes drawn from the prior, without noise, and their latents; others for another index."""
    drawn = generator_for(config.seed, 1000 + index)
    latents = tuple(torch.randn(count, config.latent, generator=drawn) for _ in range(2))
    return generator(*latents), latents


def sample_views(config: MeshGANConfig, count: int, index: int = 0) -> tuple[Any, Tensor]:
    """Cameras from where pictures were seen in training, and corners of background crops."""
    drawn = generator_for(config.seed, 2_000_000 + index)
    reach = torch.tensor([config.azimuth, config.elevation]).deg2rad()
    azimuth, elevation = ((2 * torch.rand(count, 2, generator=drawn) - 1) * reach).unbind(1)
    return unit_ball_cameras(azimuth, elevation), torch.rand(count, 2, generator=drawn)


def _as_bytes(colours: Tensor) -> Tensor:
    return colours.mul(255).round().to(torch.uint8)
