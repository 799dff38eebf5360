"""Numbers on the shapes of a trained voxel autoencoder: form, azimuths, latents, and the truth where there is one.

Threshold and global rotation are chosen on training objects, by one rule for every method and baseline, and held for
the test objects: one view of each, 12 of them for novel views. Truth is read here only, never in training.
"""

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from inverse_graphics.datasets import ImageSet
from inverse_graphics.experiments.head_judgement import judge_heads
from inverse_graphics.metrics import baselines, views
from inverse_graphics.metrics.cavities import measure_cavity
from inverse_graphics.metrics.classification import classify, classify_pca
from inverse_graphics.metrics.distributions import circular_distance_up_to_rotation
from inverse_graphics.metrics.symmetry import left_right_symmetry, rotational_symmetry
from inverse_graphics.metrics.voxel_overlap import align, align_azimuth, best_threshold, voxel_chamfer, voxel_iou
from inverse_graphics.models.azimuths import AzimuthHypotheses, AzimuthLatent, carve
from inverse_graphics.models.voxels import VoxelAutoencoder
from inverse_graphics.renderers.visual_hulls import visual_hull
from inverse_graphics.renderers.voxels import project_around
from inverse_graphics.training.loop import generator_for

FORM_SAMPLES = 256
VALIDATION_OBJECTS = 60
MOST_OBJECTS = 200
CLASSIFIED = 5000  # training pictures at most, for the classifiers
TURNS = torch.arange(12) * (2 * math.pi / 12)
Source = AzimuthLatent | AzimuthHypotheses | None


@torch.no_grad()
def judge_shapes(
    config: Any, model: VoxelAutoencoder, source: Source, train: ImageSet, test: ImageSet
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Numbers and arrays beyond those of `judge_autoencoder`.

    Args:
        config: the `VoxelAutoencoderConfig`.
        model: trained, on the CPU, in evaluation mode.
        source: where its azimuths come from, if that is a module of its own.
        train: what it was trained on.
        test: its test split.

    Returns:
        numbers: `form` (symmetry, extent and views of the first `FORM_SAMPLES` test shapes), `classification` where
            there are several classes, `azimuth` where it was learnt, `truth` where there is one, and `truth_hollow`,
            the same against unfilled shells, where there are some; `head` of solid heads.
        arrays: `azimuths`, learnt azimuths of test pictures or samples of Z_θ, where there are any.
    """
    numbers: dict[str, Any] = {"form": _form(model, test)}
    arrays: dict[str, Tensor] = {}
    if config.solid_head:
        numbers["head"] = judge_heads(model, train, test)
    if len(test.class_names) > 1 and len(test.labels.unique()) > 1:
        numbers["classification"] = _classification(config, model, train, test)
    azimuths = _azimuths(config, model, source, test)
    if azimuths is not None:
        arrays["azimuths"] = azimuths
        numbers["azimuth"] = {"circular_std_degrees": _circular_std(azimuths), "count": len(azimuths)}
        if test.truth is not None:
            distance, _ = circular_distance_up_to_rotation(azimuths, test.truth.azimuths)
            point, _ = circular_distance_up_to_rotation(torch.zeros(1), test.truth.azimuths)
            numbers["azimuth"] |= {"distance_degrees": distance, "floor_constant_degrees": point}
    if test.truth is not None:
        numbers["truth"] = _against_truth(config, model, source, train, test)
        if config.dataset == "modelnet10_voxels":
            numbers["truth_hollow"] = _against_truth(config, model, source, with_hollow(train), with_hollow(test))
    return numbers, arrays


def with_hollow(images: ImageSet) -> ImageSet:
    """Pictures of `modelnet10_voxels` with the hollow shells of its file for their truth, in place of the filled ones:
    what a silhouette shows of the two is the same."""
    from inverse_graphics.datasets.modelnet import hollow_shells  # takes a second to import, see `datasets.catalogue`

    return replace(images, truth=replace(images.truth, voxels=hollow_shells(images.truth.voxels)))


def shape_of(model: VoxelAutoencoder, source: Source, images: Tensor, symmetric: bool = False) -> dict[str, Tensor]:
    """Voxels (B, 28, 28, 28) of pictures (B, 1, 28, 28) by every way the model has.

    `decoder` is the decoder's output. With hypotheses there are two more, named extras of this project: `hull`, the
    visual hull of the decoded shape's own 12 views, which turns occupancies that only add up along rays into
    probabilities; and `carved`, the hull without what the picture says is empty, see `models.azimuths.carve`.
    """
    voxels = torch.cat([model(part).voxels for part in images.split(100)])
    shapes = {"decoder": voxels}
    if isinstance(source, AzimuthHypotheses):
        shapes["hull"] = visual_hull(project_around(voxels, source.azimuths), source.azimuths)
        shapes["carved"] = carve(shapes["hull"], images, source(images), source.azimuths, symmetric)
        mean_hull = visual_hull(source.views()[None], source.azimuths).expand_as(voxels)
        shapes["mean_carved"] = carve(mean_hull, images, source(images), source.azimuths, symmetric)
    return shapes


def spread(values: Tensor) -> dict[str, float]:
    """Mean and standard deviation of (B,), NaN left out."""
    values = values.double()[~values.isnan()]
    return {"mean": values.mean().item(), "std": values.std().item(), "n": len(values)}


def _form(model: VoxelAutoencoder, test: ImageSet) -> dict[str, Any]:
    pictures = test.images[torch.linspace(0, len(test) - 1, min(FORM_SAMPLES, len(test))).long()]
    voxels = torch.cat([model(part).voxels for part in pictures.split(64)])
    around = project_around(voxels, TURNS)
    form = {
        "rotational_symmetry": spread(rotational_symmetry(voxels)),
        "left_right_symmetry": spread(left_right_symmetry(voxels)),
        "depth_to_width": spread(views.depth_to_width(voxels, 0.05)),
        "side_front_overlap": spread(views.side_front_overlap(voxels)),
        "view_variation": spread(views.view_variation(around)),
    }
    agreement = views.view_agreement(around)
    form["view_agreement"] = [agreement[:, k].mean().item() for k in range(len(TURNS))]
    cavity = measure_cavity(voxels, 0.2)
    return form | {"cavity_depth_fraction": spread(cavity.depth_fraction.double())}


def _classification(config: Any, model: VoxelAutoencoder, train: ImageSet, test: ImageSet) -> dict[str, Any]:
    train = train.pick(torch.arange(min(CLASSIFIED, len(train))))

    def latents(images: Tensor) -> Tensor:
        return torch.cat([model.encoder(part).mean for part in images.split(200)])

    ours = classify(latents(train.images), train.labels, latents(test.images), test.labels)
    pixels = classify_pca(train.images, train.labels, test.images, test.labels, config.latent)
    return {"latent": ours._asdict(), "pca": pixels._asdict(), "train_count": len(train)}


def _azimuths(config: Any, model: VoxelAutoencoder, source: Source, test: ImageSet) -> Tensor | None:
    if isinstance(source, AzimuthLatent):
        return source(torch.randn(1000, source.size, generator=generator_for(config.seed, 4)))
    if isinstance(source, AzimuthHypotheses):
        return source.azimuths[source(test.images).argmax(1)]
    if config.azimuth == "encoded":
        return torch.cat([model.encoder(part).azimuth for part in test.images.split(200)])
    return None


def _circular_std(azimuths: Tensor) -> float:
    """√(−2 ln R) in degrees, R the length of the mean direction."""
    length = torch.stack((azimuths.cos().mean(), azimuths.sin().mean())).norm().clamp(1e-6, 1)
    return math.degrees((-2 * length.log()).sqrt().item())


def _against_truth(config: Any, model: VoxelAutoencoder, source: Source, train: ImageSet, test: ImageSet) -> dict:
    fitted, judged = _one_view(train, VALIDATION_OBJECTS, config.seed), _one_view(test, MOST_OBJECTS, config.seed)
    fit_truth, truth = (part.truth.voxels[part.truth.objects] for part in (fitted, judged))
    fit_shapes = shape_of(model, source, fitted.images, config.symmetric)
    shapes = shape_of(model, source, judged.images, config.symmetric)
    numbers: dict[str, Any] = {"objects": len(judged), "validation_objects": len(fitted), "methods": {}}
    around = _all_views(test, judged.truth.objects)
    true_views = torch.stack(
        [train.images[train.truth.azimuths.isclose(_wrap(turn), atol=1e-3), 0].mean(0) for turn in TURNS]
    ).nan_to_num()
    for name, voxels in shapes.items():
        aligned = align_azimuth(fit_shapes[name], fit_truth)
        voxels = align(voxels, aligned)
        numbers["methods"][name] = _overlap(voxels, truth, aligned.threshold) | {
            "novel_view_mse": spread(views.novel_view_error(voxels, around, TURNS)),
            "global_azimuth": aligned.azimuth,
            "validation_iou": aligned.iou,
            "rotational_symmetry": spread(rotational_symmetry(voxels)),
        }
    numbers["novel_view_floors"] = {
        key: spread(value) for key, value in views.novel_view_floors(around, true_views)._asdict().items()
    }
    numbers["true_rotational_symmetry"] = spread(rotational_symmetry(truth.float()))
    cavity = measure_cavity(truth.float(), 0.5)
    numbers["true_cavity_depth_fraction"] = spread(cavity.depth_fraction.double())
    numbers["baselines"] = _baselines(train, fitted, judged, fit_truth, truth)
    return numbers


def _baselines(train: ImageSet, fitted: ImageSet, judged: ImageSet, fit_truth: Tensor, truth: Tensor) -> dict[str, Any]:
    """Mean shape and extruded silhouette, each with its threshold (and depth) chosen as the methods' are."""
    known = train.truth.voxels[train.truth.objects.unique()]
    found = {}
    for name, shape in (
        ("mean_shape_true_azimuth", baselines.mean_shape(known)),
        ("mean_shape_no_azimuth", baselines.mean_lathe_shape(known)),
    ):
        threshold = best_threshold(shape.expand(len(fit_truth), -1, -1, -1), fit_truth)
        found[name] = _overlap(shape.expand(len(truth), -1, -1, -1), truth, threshold)

    def extruded(part: ImageSet, cells: int) -> Tensor:
        return baselines.extruded_silhouette(part.images, part.truth.azimuths, cells)

    tried = {}
    for cells in (2, 4, 8, 12, 16, 20, 24, 28):
        voxels = extruded(fitted, cells)
        threshold = best_threshold(voxels, fit_truth)
        tried[voxel_iou(voxels, fit_truth, threshold).mean().item()] = cells, threshold
    cells, threshold = tried[max(tried)]
    overlap = _overlap(extruded(judged, cells), truth, threshold)
    return found | {"extruded_silhouette_true_azimuth": overlap | {"cells": cells}}


def _overlap(voxels: Tensor, truth: Tensor, threshold: float) -> dict[str, Any]:
    return {
        "iou": spread(voxel_iou(voxels, truth, threshold)),
        "chamfer": spread(voxel_chamfer(voxels, truth, threshold)),
        "threshold": threshold,
    }


def _one_view(images: ImageSet, most: int, seed: int) -> ImageSet:
    """One view of each of the first objects, drawn by the seed."""
    order = torch.randperm(len(images), generator=generator_for(seed, 5))
    objects = images.truth.objects[order]
    wanted = objects.unique()[:most]
    return images.pick(torch.stack([order[(objects == number).nonzero()[0, 0]] for number in wanted]))


def _all_views(images: ImageSet, objects: Tensor) -> Tensor:
    """(B, 12, 28, 28): pictures of each object from `TURNS`, in their order."""
    rows = []
    for number in objects:
        mine = (images.truth.objects == number).nonzero().flatten()
        turn = (images.truth.azimuths[mine] % (2 * math.pi) / (2 * math.pi) * 12).round().long() % 12
        row = torch.zeros(12, *images.images.shape[2:])
        row[turn] = images.images[mine, 0]
        rows.append(row)
    return torch.stack(rows)


def _wrap(turn: Tensor) -> Tensor:
    return torch.remainder(turn + math.pi, 2 * math.pi) - math.pi
