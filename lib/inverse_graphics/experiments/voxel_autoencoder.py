"""Train and judge one voxel autoencoder: the experiment that the figures of Uçar 2019 are made of.

    config = VoxelAutoencoderConfig(dataset="mnist", objective="mu_vae", steps=1500)
    result = run(config)                 # finished result if there is one, else trained, resumed if it was killed
    model = load_autoencoder(result)

The figure's own file (`digit_geometry`, `garment_slices`, …) says which configs it needs in which profile.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from inverse_graphics.checks import require_choice
from inverse_graphics.datasets import ImageSet, available, component_of, load, stand_in_for, with_stand_ins
from inverse_graphics.datasets.mixtures import parts
from inverse_graphics.experiments.running import Outcome, Plan, initialised, load_rounded, rounded, train
from inverse_graphics.files import packed, unpacked
from inverse_graphics.metrics import sparsity
from inverse_graphics.models.azimuths import AzimuthHypotheses, AzimuthLatent, front_azimuth, likely_azimuth
from inverse_graphics.models.voxels import (
    LatentDiscriminator,
    Reconstruction,
    VoxelAutoencoder,
    VoxelAutoencoderSettings,
)
from inverse_graphics.objectives.aae import LAMBDA
from inverse_graphics.renderers.voxels import rotate_voxels
from inverse_graphics.results import Result, config_from_fields, find_result, is_shipped
from inverse_graphics.training.hypotheses import fit_mean_shape
from inverse_graphics.training.loop import Runtime, generator_for
from inverse_graphics.training.voxels import Film, VoxelTrainer

if TYPE_CHECKING:
    from lightning_fabric import Fabric

THRESHOLDS = (0.05, 0.5)  # the authors display voxels above 0.05; 0.5 is the usual boundary of an occupancy
EXAMPLES_PER_CLASS = 4
PRIOR_SAMPLES = 256
NEIGHBOURS = 5
FRAMES = 10  # of a film
SOURCE = "azimuth_source."  # before the names of its weights


@dataclass(frozen=True)
class VoxelAutoencoderConfig:
    """Everything that a trained autoencoder depends on, but the machine.

    Fields:
        dataset: a name of `inverse_graphics.datasets`, 28×28 and one channel.
        classes: names of the classes to use; none means all.
        objective: `vae`, `beta_vae`, `aae`, `mu_vae` or `mu_vae_as_printed`.
        azimuth, azimuth_range, sampling: see `VoxelTrainer`.
        azimuth_slots: how many (μ_θ, σ_θ) the azimuth latent has: 1, or one for each picture of a batch.
        train_images, test_images: how many, the first of each split; fewer if the set has fewer.
        one_view: whether only one view of each object is trained on, drawn by the seed; for rendered sets.
        steps, batch_size, learning_rate, decay: of the training, see `VoxelTrainer`. The authors' code makes
            about 23,000 steps of 64 at a constant rate.
        adversarial_weight: λ of the AAE; no other objective reads it.
        film: class names; of each, the shape of the first test picture is kept `FRAMES` times while training, see
            `Film`.
        latent, encoder_channels, decoder_channels, texturizer, texturizer_width, symmetric, solid_head: see
            `VoxelAutoencoderSettings`.
        seed: of initial weights, order of pictures and noise.
    """

    dataset: str = "mnist"
    classes: tuple[str, ...] = ()
    objective: str = "mu_vae"
    azimuth: str = "constant"
    azimuth_range: float = math.pi
    azimuth_slots: int = 1
    sampling: str = "trilinear"
    train_images: int = 60_000
    test_images: int = 10_000
    one_view: bool = False
    steps: int = 23_000
    batch_size: int = 64
    learning_rate: float = 1e-3
    decay: bool = False
    adversarial_weight: float = LAMBDA
    latent: int = 19
    encoder_channels: int = 128
    decoder_channels: int = 128
    texturizer: bool = False
    texturizer_width: int = 1000
    symmetric: bool = False
    solid_head: bool = False
    film: tuple[str, ...] = ()
    seed: int = 0

    @property
    def name(self) -> str:
        words = (self.dataset.replace("+", "_and_"), *self.classes, self.objective)
        return "-".join(("voxels", *words, *((self.azimuth,) if self.azimuth != "constant" else ())))

    def settings(self) -> VoxelAutoencoderSettings:
        return VoxelAutoencoderSettings(
            latent=self.latent,
            encoder_channels=self.encoder_channels,
            decoder_channels=self.decoder_channels,
            texturizer=self.texturizer,
            texturizer_width=self.texturizer_width,
            encodes_azimuth=self.azimuth == "encoded",
            azimuth_range=self.azimuth_range,
            symmetric=self.symmetric,
            solid_head=self.solid_head,
        )


def run(config: VoxelAutoencoderConfig, *, runtime: Runtime | None = None, retrain: bool = False) -> Result:
    """The result of a config: found if it is finished, else trained.

    Some shipped results were trained on the stand-in of a set that could not be had: these count, too. Where the data
    set is not on this machine and training is needed, its stand-in is used instead. Both go by the stand-in's name and
    so have another result folder.

    Args:
        retrain: do not count results that came with the repository. Finished results of this machine still count:
            delete `runs/` to have them anew.

    Raises:
        TrainingDiverged, CheckpointError, ResultError, DatasetError: see there.
    """
    found = find_result(config, shipped=not retrain)
    for dataset in () if found or retrain else with_stand_ins(config.dataset):
        other = replace(config, dataset=dataset)
        if is_shipped(other):
            return find_result(other)
    if found is None and not available(config.dataset, config.classes or None):
        stand_in = stand_in_for(config.dataset)
        print(f"{config.dataset} is not on this machine: training on the stand-in {stand_in} instead")
        config = replace(config, dataset=stand_in)
        found = find_result(config, shipped=not retrain)
    runtime = runtime or Runtime()
    return found or train(config, runtime, lambda fabric: _prepare(config, runtime, fabric))


def load_autoencoder(result: Result) -> VoxelAutoencoder:
    """The trained model of a result: float32, evaluation mode, no gradients for its weights; its shapes face front."""
    model = VoxelAutoencoder(config_from_fields(VoxelAutoencoderConfig, result.config).settings())
    load_rounded(model, {name: value for name, value in result.weights().items() if not name.startswith(SOURCE)})
    model.front = front_azimuth(load_azimuth_source(result))
    return model.eval().requires_grad_(False)


def load_film(result: Result) -> tuple[Tensor, list[int]]:
    """Shapes of the pictures that a config's `film` names, while it trained, facing front as the trained model's do.

    Returns:
        (T, N, 28, 28, 28) in [0, 1], and the T steps.
    """
    arrays, front = result.arrays(), front_azimuth(load_azimuth_source(result))
    film = unpacked(arrays["film"], tuple(arrays["film_shape"].tolist())).float() / 255
    turned = rotate_voxels(film.flatten(0, 1), front).clamp(0, 1).view_as(film)
    return turned, arrays["film_steps"].tolist()


def load_azimuth_source(result: Result) -> AzimuthLatent | AzimuthHypotheses | None:
    """What the azimuths of a result came from, if it was a module; evaluation mode, no gradients."""
    source = azimuth_source(config_from_fields(VoxelAutoencoderConfig, result.config))
    if source is not None:
        weights = {k.removeprefix(SOURCE): v for k, v in result.weights().items() if k.startswith(SOURCE)}
        source.load_state_dict(weights)
        source.eval().requires_grad_(False)
    return source


class Example(NamedTuple):
    """A test picture that a result remembers by its latent (Z,). `picture` (1, 28, 28) is the input picture itself,
    read from the data set, or None where that is not on this machine."""

    latent: Tensor
    picture: Tensor | None


def examples(result: Result, label: int) -> list[Example]:
    """The test pictures of one class that a result remembers, first one first."""
    arrays, dataset = result.arrays(), result.config["dataset"]
    classes = tuple(result.config.get("classes", ())) or None  # older results have all
    chosen = (arrays["example_labels"] == label).nonzero().flatten()
    indices = arrays["example_indices"][chosen]
    pictures: list[Tensor | None] = [None] * len(chosen)
    if available(dataset, classes):
        test = load(dataset, "test", count=int(indices.max()) + 1, classes=classes)
        pictures = list(test.images[indices])
    return [
        Example(latent, picture) for latent, picture in zip(arrays["example_latents"][chosen], pictures, strict=True)
    ]


def _prepare(config: VoxelAutoencoderConfig, runtime: Runtime, fabric: "Fabric") -> Plan:
    train = _load_split(config, "train", config.train_images)
    test = _load_split(config, "test", config.test_images)
    trained_on = _chosen_views(config, train)
    model, source, trainer = _make_trainer(config, test)
    if isinstance(source, AzimuthHypotheses):
        drawn = generator_for(config.seed, 3)
        show = runtime.progress and fabric.is_global_zero
        fit_mean_shape(trained_on.images, source, generator=drawn, symmetric=config.symmetric, progress=show)

    def judge() -> Outcome:
        from inverse_graphics.experiments.shape_judgement import judge_shapes  # with scikit-learn: seconds

        weights = rounded(model) | _source_weights(source)
        if source is not None:
            source.cpu().eval()
        model.front = front_azimuth(source)
        numbers, arrays = judge_autoencoder(model, train, test, config.seed, trainer.deterministic, source)
        more, tensors = judge_shapes(config, model, source, trained_on, test)
        if trainer.film is not None:
            voxels, steps = trainer.film.voxels.cpu(), torch.tensor(trainer.film.times) + 1
            tensors |= {"film": packed(voxels), "film_shape": torch.tensor(voxels.shape), "film_steps": steps}
        return Outcome(weights, numbers | more, arrays | tensors)

    data = [trained_on.provenance(), test.provenance()]
    return Plan(trainer, trained_on.images, config.steps, config.batch_size, data, judge)


def _load_split(config: VoxelAutoencoderConfig, split: str, count: int) -> ImageSet:
    return load(config.dataset, split, at_most=count, classes=config.classes or None)


def _chosen_views(config: VoxelAutoencoderConfig, images: ImageSet) -> ImageSet:
    """One view of each object, drawn by the seed; with `one_view` off, all."""
    if not config.one_view:
        return images
    if images.truth is None:
        raise ValueError(f"one_view: expected a rendered data set, got {images.name}")
    order = torch.randperm(len(images), generator=generator_for(config.seed, 2))
    objects = images.truth.objects[order]
    first = torch.stack([(objects == number).nonzero()[0, 0] for number in objects.unique()])
    return replace(images.pick(order[first]), source=f"{images.source}, one view of each trained on")


def _make_trainer(
    config: VoxelAutoencoderConfig, test: ImageSet
) -> tuple[VoxelAutoencoder, AzimuthLatent | AzimuthHypotheses | None, VoxelTrainer]:
    adversarial, encoded = config.objective == "aae", config.azimuth == "encoded"

    def make() -> tuple:
        model = VoxelAutoencoder(config.settings())
        width = model.settings.discriminator_width
        judge = LatentDiscriminator(model.settings.latent, width)
        azimuth_judge = LatentDiscriminator(1, width) if encoded else None
        return model, judge, azimuth_judge, azimuth_source(config)

    model, judge, azimuth_judge, source = initialised(make, config.seed)
    trainer = VoxelTrainer(
        model,
        config.objective,
        learning_rate=config.learning_rate,
        decay=config.decay,
        adversarial_weight=config.adversarial_weight,
        deterministic=adversarial,
        discriminator=judge if adversarial else None,
        azimuth=config.azimuth,
        azimuth_range=config.azimuth_range,
        azimuth_source=source,
        azimuth_discriminator=azimuth_judge,
        sampling=config.sampling,
        film=Film(_watched(test, config.film), min(FRAMES, config.steps), config.steps) if config.film else None,
    )
    return model, source, trainer


def _watched(test: ImageSet, names: tuple[str, ...]) -> Tensor:
    """(N, 1, 28, 28): the first picture of each class named."""
    labels = [test.class_names.index(require_choice("film", name, test.class_names)) for name in names]
    if missing := [name for name, label in zip(names, labels, strict=True) if not (test.labels == label).any()]:
        raise ValueError(f"film: the test pictures hold no {', '.join(missing)}")
    return torch.stack([test.images[(test.labels == label).nonzero()[0, 0]] for label in labels])


def azimuth_source(config: VoxelAutoencoderConfig) -> AzimuthLatent | AzimuthHypotheses | None:
    """The untrained module that a config's azimuths come from, if it has one."""
    if config.azimuth == "latent":
        return AzimuthLatent(config.azimuth_slots, config.azimuth_range)
    return AzimuthHypotheses() if config.azimuth == "hypotheses" else None


def _source_weights(source: torch.nn.Module | None) -> dict[str, Tensor]:
    return {f"{SOURCE}{name}": value.cpu() for name, value in source.state_dict().items()} if source else {}


@torch.no_grad()
def judge_autoencoder(
    model: VoxelAutoencoder,
    train: ImageSet,
    test: ImageSet,
    seed: int,
    deterministic: bool,
    source: AzimuthLatent | AzimuthHypotheses | None = None,
) -> tuple[dict[str, object], dict[str, Tensor]]:
    """Numbers and arrays of a trained model, over all of `test`, each picture seen from its most likely azimuth.

    Args:
        deterministic: whether the model was trained at the posterior's mean (AAE). Shapes are judged as the model was
            trained: at the mean, or at one sample of the posterior. It matters for a posterior that has collapsed: its
            mean is always 0, which the decoder hardly ever saw.
        source: where the azimuths come from, if that is a module of its own.

    Returns:
        numbers: mean and standard deviation over test images of the squared error per pixel at the posterior's mean
            (`projection_mse`, `texture_mse`) and as trained (`projection_mse_as_trained`), of density and of thickness;
            the error of the mean training image as a floor; how many latents are used; for a mixture, under `by_set`,
            errors and floor of each of its sets, the floor by the mean training image of that set.
        arrays: `latent_mean`, `latent_std` (Z,) over the test set; `example_latents` (N, Z), `example_indices` and
            `example_labels` (N,) of a few test images of each class, see `_examples`; `sample_latents` (M, Z) from the
            prior, and `sample_classes`, `sample_votes`, `sample_distances` (M,): the majority class among the nearest
            test images of what they look like, its share, and how far those are. No pictures.
    """
    model.eval()
    measures: dict[str, list[Tensor]] = {}
    means = []
    generator = generator_for(seed, 1)
    for images in test.images.split(100):
        azimuth = likely_azimuth(source, images)
        at_mean = model(images, azimuth=azimuth)
        noise = torch.randn(at_mean.latent.shape, generator=generator)
        as_trained = at_mean if deterministic else model(images, noise, azimuth)
        for name, values in _measure(images, at_mean, as_trained).items():
            measures.setdefault(name, []).append(values)
        means.append(at_mean.latent)
    latents = torch.cat(means)
    numbers: dict[str, object] = {"test_images": len(test)}
    numbers |= {name: _mean_and_spread(torch.cat(values)) for name, values in measures.items()}
    mean_image = train.images.mean(0)
    numbers["floor_mean_image_mse"] = _mean_and_spread((test.images - mean_image).square().mean((1, 2, 3)))
    numbers["active_latents"] = int((latents.std(0) > 0.1).sum())  # the rest hardly move with the picture
    if len(parts(test.name)) > 1:
        numbers["by_set"] = _by_set(measures, train, test)
    examples = _examples(test)
    samples = torch.randn(PRIOR_SAMPLES, latents.shape[1], generator=generator_for(seed, 0))
    classes, votes, distances = _vote(model, samples, test)
    return numbers, {
        "latent_mean": latents.mean(0),
        "latent_std": latents.std(0),
        "example_latents": latents[examples],
        "example_indices": torch.tensor(examples),
        "example_labels": test.labels[examples],
        "sample_latents": samples,
        "sample_classes": classes,
        "sample_votes": votes,
        "sample_distances": distances,
    }


def _examples(test: ImageSet) -> list[int]:
    """Which pictures are remembered: of each class the first few; of rendered ones, of as many objects as there are,
    the first view of the first object, the second of the second, and so on."""
    chosen = []
    for label in range(len(test.class_names)):
        mine = (test.labels == label).nonzero().flatten().tolist()
        if test.truth is not None:
            views: dict[int, list[int]] = {}
            for picture, number in zip(mine, test.truth.objects[mine].tolist(), strict=True):
                views.setdefault(number, []).append(picture)
            rounds = range(max(map(len, views.values()), default=0))
            turns = [
                (pictures, n + r) for r in rounds for n, pictures in enumerate(views.values()) if r < len(pictures)
            ]
            mine = [pictures[turn % len(pictures)] for pictures, turn in turns]
        chosen += mine[:EXAMPLES_PER_CLASS]
    return chosen


def _by_set(measures: dict[str, list[Tensor]], train: ImageSet, test: ImageSet) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    mine, trained = component_of(test.name, test.labels), component_of(train.name, train.labels)
    for number, name in enumerate(parts(test.name)):
        images = test.images[mine == number]
        if len(images) < 2 or not (trained == number).any():
            continue  # of one there is no spread
        errors = {key: torch.cat(values)[mine == number] for key, values in measures.items() if key.endswith("_mse")}
        mean_image = train.images[trained == number].mean(0)
        errors["floor_mean_image_mse"] = (images - mean_image).square().mean((1, 2, 3))
        found[name] = {"n": len(images)} | {key: _mean_and_spread(values) for key, values in errors.items()}
    return found


def _measure(images: Tensor, at_mean: Reconstruction, as_trained: Reconstruction) -> dict[str, Tensor]:
    voxels = as_trained.voxels
    measures = {
        "projection_mse": _mse(at_mean.share(images), at_mean.projection),
        "projection_mse_as_trained": _mse(as_trained.share(images), as_trained.projection),
        "mean_occupancy": sparsity.mean_occupancy(voxels),
        "depth_roughness": sparsity.depth_roughness(voxels),
    }
    if at_mean.texture is not None:
        measures["texture_mse"] = _mse(at_mean.share(images), at_mean.texture)
    for threshold in THRESHOLDS:
        measures[f"occupied_fraction_{threshold}"] = sparsity.occupied_fraction(voxels, threshold)
        measures[f"depth_thickness_{threshold}"] = sparsity.depth_thickness(voxels, threshold)
    return measures


def _mse(images: Tensor, pictures: Tensor) -> Tensor:
    return (images - pictures).square().mean((1, 2, 3))


def _vote(model: VoxelAutoencoder, latents: Tensor, test: ImageSet) -> tuple[Tensor, Tensor, Tensor]:
    """Class, share of votes in [0, 1], and mean distance to the nearest test images of the pictures that latents decode
    to; the distance is over the picture's own norm, else the faintest would always be the nearest."""
    _, projection, texture = model.decode(latents)
    picture = (projection if texture is None else texture).flatten(1)
    nearest = torch.cdist(picture, test.images.flatten(1)).topk(NEIGHBOURS, largest=False)
    labels = test.labels[nearest.indices]
    classes = labels.mode(1).values
    return classes, (labels == classes[:, None]).float().mean(1), nearest.values.mean(1) / picture.norm(dim=1)


def _mean_and_spread(values: Tensor) -> dict[str, float]:
    return {"mean": values.double().mean().item(), "std": values.double().std().item()}
