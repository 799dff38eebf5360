"""Train and judge one surfel model: what the figures and tables of Pix2Scene (2018) are made of.

    config = config_for("shapes", "quick")
    result = run(config)                 # finished result if there is one, else trained, resumed if it was killed
    model = load_model(result)
    test = held_out_scenes(result)           # made again, not stored
    depth = model.decode(model.encode(test.images, test.camera), test.camera)

The profile `paper` has the published sizes and no extras. `quick` learns in minutes what the paper learnt in days, and
needs extras for it, see `QUICK`. Truth is read for measuring only, but for `supervised=True`, an upper bound.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import torch
from torch import Tensor

from inverse_graphics.checks import require_choice
from inverse_graphics.datasets.scenes import KINDS, SceneSet, load_scenes, sweep, view_from
from inverse_graphics.experiments.running import Outcome, Plan, initialised, load_rounded, rounded, train
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.metrics.hausdorff import depth_errors, hausdorff, normal_angles
from inverse_graphics.models.surfels import Critic, LightEstimator, SurfelModel, SurfelSettings, camera_code
from inverse_graphics.objectives.implied_reflectance import reflectance_errors
from inverse_graphics.renderers.surfels import back_project, normals_from_depth
from inverse_graphics.results import Result, config_from_fields, find_result
from inverse_graphics.training.loop import Runtime
from inverse_graphics.training.surfels import Optics, SurfelBatch, SurfelObjective, SurfelTrainer

TURNS = (0, 5, 35, 55, 80)  # degrees, Table 2 and the input view
TURNED_KINDS = ("shapes", "multiple_shapes")  # those of Table 2
TURNED_SCENES = 128  # at most: each costs a ray-cast view and five kinds of answers per turn
EXAMPLES = 16
PROFILES = ("smoke", "quick", "paper")


@dataclass(frozen=True)
class Pix2SceneConfig:
    """Everything that a trained model depends on, but the machine. The defaults are the paper's, or, where it is
    silent, the published code's.

    Fields:
        kind, scene_lights: of `load_scenes`; `scene_lights` is `"fixed"` or `"random"` for each scene.
        train_scenes, test_scenes: how many.
        conditional: whether decoder and critic are told the class of the object.
        steps, batch_size: iterations, and pictures in each step of a network.
        learning_rate, first_moment, second_moment, decay, critic_steps, clip: see `SurfelTrainer`.
        adversarial, image, latent, absolute, reflectance, view, cycle, kl, finer, turned_after, lights, supervised: see
            `SurfelObjective`; `image_weight` and `latent_weight` are its `image` and `latent`.
        size, latent_size, encoder_channels, decoder_channels, critic_channels, conditioning, normalised, pyramid, jump:
            see `SurfelSettings`; `latent_size` is its `latent`.
        seed: of initial weights, order of pictures and noise. The scenes are those of seed 0 for any.
    """

    kind: str = "shapes"
    scene_lights: str = "fixed"
    train_scenes: int = 8192
    test_scenes: int = 1024
    conditional: bool = False
    steps: int = 60_000
    batch_size: int = 6
    learning_rate: float = 2e-4
    first_moment: float = 0.0
    second_moment: float = 0.999
    decay: bool = False
    critic_steps: int = 5
    clip: float = 500.0
    adversarial: float = 1.0
    image_weight: float = 1.0
    latent_weight: float = 1.0
    absolute: bool = False
    reflectance: float = 0.0
    view: float = 0.0
    cycle: float = 0.0
    kl: float = 0.0
    finer: tuple[float, ...] = ()
    turned_after: float = 0.0
    lights: str = "known"
    supervised: bool = False
    size: int = 128
    latent_size: int = 128
    encoder_channels: tuple[int, ...] = (85, 170, 340, 680, 1360)
    decoder_channels: tuple[int, ...] = (1344, 627, 336, 168, 84)
    critic_channels: tuple[int, ...] = (85, 170, 340, 680, 1360)
    conditioning: str = "normalisation"
    normalised: bool = True
    pyramid: bool = False
    jump: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        require_choice("kind", self.kind, KINDS)
        if self.supervised and (self.adversarial or self.latent_weight or self.reflectance):
            raise ValueError("supervised: expected no other terms but depth, `view` and `kl`")

    @property
    def name(self) -> str:
        words = ["surfels", self.kind]
        words += ["random_lights"] if self.scene_lights == "random" else []
        words += [f"lights_{self.lights}"] if self.lights != "known" and self.lights != self.scene_lights else []
        words += ["conditional"] if self.conditional else []
        words += ["supervised"] if self.supervised else []
        return "-".join(words)

    def settings(self, distance: float) -> SurfelSettings:
        """Sizes of the networks for cameras at a distance from their target."""
        return SurfelSettings(
            latent=self.latent_size,
            classes=len(KINDS[self.kind][0]) if self.conditional else 0,
            initial_depth=distance,
            **{name: getattr(self, name) for name in _shared(SurfelSettings)},
        )

    def objective(self) -> SurfelObjective:
        weights = {name: getattr(self, name) for name in _shared(SurfelObjective)}
        return SurfelObjective(image=self.image_weight, latent=self.latent_weight, **weights)


def _shared(kind: type) -> list[str]:
    """Fields that a config hands on under their own names."""
    mine = {field.name for field in fields(Pix2SceneConfig)}
    return [field.name for field in fields(kind) if field.name in mine]


SMOKE = {
    "train_scenes": 64,
    "test_scenes": 8,
    "steps": 4,
    "batch_size": 2,
    "critic_steps": 1,
    "size": 16,
    "latent_size": 8,
    "encoder_channels": (8, 8),
    "decoder_channels": (8, 8),
    "critic_channels": (8, 8),
}
# What makes minutes enough. The critic's game is left out: at this budget it teaches nothing that the other terms do
# not. Depth is found pixel by pixel from the reflectance it implies, made smooth by the picture it renders to, coarse
# levels first; turned views must agree with it; and the latents are held near their prior by a KL term.
QUICK = {
    "train_scenes": 3072,
    "test_scenes": 256,
    "steps": 4000,
    "batch_size": 8,
    "learning_rate": 2e-3,
    "first_moment": 0.9,
    "second_moment": 0.99,
    "decay": True,
    "clip": 1.0,
    "adversarial": 0.0,
    "latent_weight": 0.0,
    "image_weight": 0.3,
    "absolute": True,
    "reflectance": 1.0,
    "view": 2.0,
    "kl": 0.03,
    "finer": (0.2, 0.5),
    "turned_after": 0.3,
    "size": 64,
    "latent_size": 48,
    "encoder_channels": (16, 32, 64, 96),
    "decoder_channels": (96, 72, 40, 24),
    "critic_channels": (16, 32, 64, 96),
    "normalised": False,
    "pyramid": True,
    "jump": 0.08,
}
SETTINGS: dict[str, dict[str, Any]] = {"smoke": SMOKE, "quick": QUICK, "paper": {}}
SUPERVISED = {"supervised": True, "adversarial": 0.0, "latent_weight": 0.0, "reflectance": 0.0}


def config_for(kind: str, profile: str, **changes: Any) -> Pix2SceneConfig:
    """The settings of a profile for one kind of scene, with changes by field name."""
    settings = SETTINGS[require_choice("profile", profile, PROFILES)]
    return Pix2SceneConfig(**{"kind": kind} | settings | changes)


def configs(profile: str, seed: int = 0) -> dict[str, Pix2SceneConfig]:
    """Everything that is trained, by a name for each: Tables 1 and 2 of the paper, Figures 4 to 9, 12, 14 to 16, and
    beyond it a supervised bound, and lights that are estimated."""
    brief = {"steps": 2400} if profile == "quick" else {}  # for pictures that no table is made of
    near_prior = brief | {"kl": 0.3} if profile == "quick" else {}  # for samples: codes must fill the prior
    wanted: dict[str, tuple[str, dict[str, Any]]] = {
        "box_translation": ("box_translation", {}),
        "box_rotation": ("box_rotation", {}),
        "shapes": ("shapes", {}),
        "multiple_shapes": ("multiple_shapes", {}),
        "household": ("household", near_prior),
        "household_conditional": ("household", near_prior | {"conditional": True}),
        "shapes_random_lights": ("shapes", brief | {"scene_lights": "random", "lights": "random", "reflectance": 0.0}),
        "shapes_estimated_lights": ("shapes", brief | {"scene_lights": "random", "lights": "estimated"}),
        "bunny": ("bunny", brief),
        "furnished_room": ("furnished_room", brief),
        "shapes_supervised": ("shapes", SUPERVISED),
    }
    return {name: config_for(kind, profile, seed=seed, **changes) for name, (kind, changes) in wanted.items()}


def run(config: Pix2SceneConfig, *, runtime: Runtime | None = None, retrain: bool = False) -> Result:
    """The result of a config: found if it is finished, else trained.

    Args:
        retrain: do not count results that came with the repository. Finished results of this machine still count.

    Raises:
        TrainingDiverged, CheckpointError, ResultError, DatasetError: see there.
    """
    return find_result(config, shipped=not retrain) or train(
        config, runtime or Runtime(), lambda fabric: _prepare(config)
    )


def load_model(result: Result) -> SurfelModel:
    """The trained model of a result: float32, evaluation mode, no gradients for its weights."""
    config = config_from_fields(Pix2SceneConfig, result.config)
    model = _empty_model(config, result.numbers["camera_distance"], result.numbers["lights"])
    load_rounded(model, result.weights())
    return model.eval().requires_grad_(False)


def held_out_scenes(result: Result, count: int | None = None) -> SceneSet:
    """The first scenes that a result was judged on, all if no count is given; made again if they are not cached."""
    config = config_from_fields(Pix2SceneConfig, result.config)
    return _load_split(config, "test", config.test_scenes if count is None else count)


def _prepare(config: Pix2SceneConfig) -> Plan:
    train = _load_split(config, "train", config.train_scenes)
    test = _load_split(config, "test", config.test_scenes)
    distance = _camera_distance(train)
    model, trainer = _make_trainer(config, train, distance)

    def judge_stored() -> Outcome:
        weights = rounded(model)
        numbers, arrays = judge(config, model, train, test)
        numbers |= {"camera_distance": distance, "lights": train.lights.positions.shape[1]}
        return Outcome(weights, numbers, arrays)

    rows, data = _rows(train, config.supervised), [train.provenance(), test.provenance()]
    return Plan(trainer, rows, config.steps, config.batch_size * max(1, trainer.critic_steps), data, judge_stored)


def _load_split(config: Pix2SceneConfig, split: str, count: int) -> SceneSet:
    return load_scenes(config.kind, split, count=count, size=config.size, lights=config.scene_lights)


def _rows(scenes: SceneSet, supervised: bool) -> tuple[Tensor, ...]:
    """What training sees. Only a supervised run gets depth."""
    camera, lights = scenes.camera, scenes.lights
    shone = (lights.positions, lights.colours, lights.ambient)
    rows = SurfelBatch(scenes.images, camera.position, camera.target, *shone, scenes.labels)
    return tuple(rows._replace(depth=scenes.depth)) if supervised else tuple(rows[:-1])


def _make_trainer(config: Pix2SceneConfig, train: SceneSet, distance: float) -> tuple[SurfelModel, SurfelTrainer]:
    lights = train.lights

    def make() -> tuple[SurfelModel, Critic | None]:
        model = _empty_model(config, distance, lights.positions.shape[1])
        return model, Critic(model.settings) if config.adversarial else None

    model, critic = initialised(make, config.seed)
    trainer = SurfelTrainer(
        model,
        critic,
        config.objective(),
        Optics(train.camera.field_of_view, lights.linear, lights.quadratic, train.albedo),
        learning_rate=config.learning_rate,
        betas=(config.first_moment, config.second_moment),
        decay=config.decay,
        critic_steps=config.critic_steps,
        clip=config.clip,
    )
    return model, trainer


def _empty_model(config: Pix2SceneConfig, distance: float, lights: int) -> SurfelModel:
    settings = config.settings(distance)
    return SurfelModel(settings, LightEstimator(settings, lights) if config.lights == "estimated" else None)


def _camera_distance(scenes: SceneSet) -> float:
    """Mean distance of the cameras from what they look at, to three decimals: where untrained depth starts."""
    return round((scenes.camera.position - scenes.camera.target).norm(dim=1).mean().item(), 3)


# Numbers

Answer = Callable[[Cameras], Tensor]  # cameras (B) → depth maps (B, 1, S, S) of the test scenes


@torch.no_grad()
def judge(
    config: Pix2SceneConfig, model: SurfelModel, train: SceneSet, test: SceneSet
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Numbers of a trained model and of trivial baselines on the same scenes, and tensors for figures.

    Returns:
        numbers: `methods`, per method (`model`, `mean_depth`, `plane`, `nearest_picture`) and measure
            (`hausdorff_forward`, `hausdorff_reverse`, their means over surfels, `depth_mse`, `normal_angle`) the mean
            and standard deviation over test scenes; the model's by `reconstruct` where lights are known, and then
            `decoded` has those of its latents alone; `turned`, the same at each of `TURNS` for kinds of Table 2, each
            view, that at 0 too, decoded from the latent of the picture at turn 0; `test_scenes`, `turned_scenes`; for
            estimated lights,
            `light_error` (world units, with its floor, the mean place) and `albedo_error`.
        arrays: `latent_mean`, `latent_std` (Z,) over the test scenes; `example_latents` (16, Z) of the first of them.
    """
    model.eval()
    latents = encode(model, test)
    decoded = decode(model, latents, test.camera, test.labels)
    ours = {"model": reconstruct(model, test), "decoded": decoded} if config.lights == "known" else {"model": decoded}
    answers = ours | {name: answer(test.camera) for name, answer in _baselines(train, test).items()}
    numbers: dict[str, Any] = {
        "test_scenes": len(test),
        "methods": {name: _against_truth(depth, test) for name, depth in answers.items()},
    }
    if config.kind in TURNED_KINDS:
        numbers |= _turned(model, train, test.pick(torch.arange(min(len(test), TURNED_SCENES))))
    if model.lights is not None:
        numbers |= _lights(model, train, test)
    arrays = {"latent_mean": latents.mean(0), "latent_std": latents.std(0), "example_latents": latents[:EXAMPLES]}
    return numbers, arrays


def encode(model: SurfelModel, scenes: SceneSet) -> Tensor:
    """Latents (B, Z) of the pictures of scenes, a hundred at a time."""
    parts = torch.arange(len(scenes)).split(100)
    return torch.cat([model.encode(scenes.images[part], scenes.camera[part]) for part in parts])


def reconstruct(model: SurfelModel, scenes: SceneSet) -> Tensor:
    """Depth (B, 1, S, S) of scenes from their pictures and known lights: decoded, with jumps that fit the picture, see
    `geometry.depth_jumps`."""
    depths = []
    for rows in torch.arange(len(scenes)).split(100):
        part = scenes.pick(rows)
        error = partial(reflectance_errors, part.images, camera=part.camera, lights=part.lights, albedo=part.albedo)
        labels = part.labels if model.settings.classes else None
        depths.append(model.decode(model.encode(part.images, part.camera), part.camera, labels, error))
    return torch.cat(depths)


def decode(model: SurfelModel, latents: Tensor, camera: Cameras, labels: Tensor | None = None) -> Tensor:
    """Depth (B, 1, S, S) of latents (B, Z) seen by cameras, a hundred at a time; `labels` (B,) count only for a
    class-conditional model."""
    parts = torch.arange(len(latents)).split(100)
    told = [labels[part] if model.settings.classes else None for part in parts]
    return torch.cat(
        [model.decode(latents[part], camera[part], classes) for part, classes in zip(parts, told, strict=True)]
    )


def sample(model: SurfelModel, camera: Cameras, generator: torch.Generator, labels: Tensor | None = None) -> Tensor:
    """Depth (B, 1, S, S) of scenes drawn from the prior N(0, I), one for each camera."""
    latents = torch.randn(len(camera), model.settings.latent, generator=generator)
    return decode(model, latents, camera, labels)


def _baselines(train: SceneSet, test: SceneSet) -> dict[str, Answer]:
    """Answers that know nothing of the model. The nearest training scene is shown from the camera that is asked for."""
    mean = train.depth.mean(0, keepdim=True)
    height, width = mean.shape[2:]
    rays = train.camera.rays(height, width).view(-1, 3)
    # A plane m·P = 1 has 1/depth = m·ray: the least-squares plane of all training surfels, in inverse depth.
    # In float64, because the solver rounds as its arguments happen to lie in memory, and one result is wanted.
    inverse = train.depth.reciprocal().mean(0).view(-1, 1).double()
    across = torch.linalg.lstsq(rays.double(), inverse).solution.float()
    plane = (rays @ across).reciprocal().view_as(mean)
    picked = train.pick(nearest_pictures(train.images, test.images))

    def nearest(camera: Cameras) -> Tensor:
        same = camera is test.camera
        return picked.depth if same else view_from(picked, camera).depth

    return {
        "mean_depth": lambda camera: mean.expand(len(camera), -1, -1, -1),
        "plane": lambda camera: plane.expand(len(camera), -1, -1, -1),
        "nearest_picture": nearest,
    }


def nearest_pictures(known: Tensor, images: Tensor) -> Tensor:
    """For each image (B, C, H, W) the index of the nearest of `known` (N, C, H, W), by the squared error of pixels."""
    return torch.cat([torch.cdist(part.flatten(1), known.flatten(1)).argmin(1) for part in images.split(64)])


def _turned(model: SurfelModel, train: SceneSet, test: SceneSet) -> dict[str, Any]:
    """Table 2: scenes seen at one end of the range of azimuths, judged from farther and farther along it."""
    cameras = sweep(test, TURNS)
    start = view_from(test, cameras[0])
    latents = encode(model, start)
    answers = {"model": lambda camera: decode(model, latents, camera, test.labels)} | _baselines(train, start)
    turned: dict[str, dict[str, Any]] = {name: {} for name in answers}
    for turn, camera in zip(TURNS, cameras, strict=True):
        truth = start if turn == 0 else view_from(test, camera)
        for name, answer in answers.items():
            # the nearest picture's own depth answers for the input view, as in Table 1
            turned[name][str(turn)] = _against_truth(answer(start.camera if turn == 0 else camera), truth)
    return {"turned": turned, "turned_scenes": len(test)}


def _against_truth(depth: Tensor, truth: SceneSet) -> dict[str, dict[str, float]]:
    distances = hausdorff(back_project(depth, truth.camera), back_project(truth.depth, truth.camera))
    measures = {f"hausdorff_{name}": values for name, values in distances._asdict().items()} | {
        "depth_mse": depth_errors(depth, truth.depth),
        "normal_angle": normal_angles(normals_from_depth(depth, truth.camera), truth.normals),
    }
    return {name: _mean_and_spread(values) for name, values in measures.items()}


def _lights(model: SurfelModel, train: SceneSet, test: SceneSet) -> dict[str, Any]:
    """Mean distance of estimated lights from the true ones, that of their mean place, and the error of the albedo."""
    positions, albedo = model.lights(test.images, camera_code(test.camera, model.settings.initial_depth))
    floor = train.lights.positions.mean(0, keepdim=True)
    return {
        "light_error": _mean_and_spread((positions - test.lights.positions).norm(dim=2).mean(1)),
        "light_error_floor": _mean_and_spread((floor - test.lights.positions).norm(dim=2).mean(1)),
        "albedo_error": _mean_and_spread((albedo - test.albedo).abs()),
    }


def _mean_and_spread(values: Tensor) -> dict[str, float]:
    return {"mean": values.double().mean().item(), "std": values.double().std().item()}
