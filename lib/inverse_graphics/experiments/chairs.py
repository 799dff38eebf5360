"""ucar-f7, and how good any azimuth model is where the true shape is known: chairs, one picture of each.

    python -m inverse_graphics.cli train ucar-f7 --profile quick     minutes on two cores
    python -m inverse_graphics.cli train ucar-f7 --profile paper     hours on a GPU

Expected of ucar-f7: with uniform random azimuths the VAE's chairs are round about the vertical axis (Uçar 2019, Sec.
4.2). The other four ways with the azimuth are trained on the same pictures: 0 for all, an output of the encoder, Z_θ,
and, not in the paper, twelve hypotheses compared by a mean shape.
"""

import math
import statistics
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from inverse_graphics.checks import require_tensor
from inverse_graphics.datasets.rendered import VIEWS
from inverse_graphics.experiments import digit_geometry
from inverse_graphics.experiments.voxel_autoencoder import VoxelAutoencoderConfig
from inverse_graphics.metrics.symmetry import rotational_symmetry
from inverse_graphics.metrics.voxel_overlap import Alignment, align
from inverse_graphics.models.azimuths import AzimuthHypotheses, AzimuthLatent, carve
from inverse_graphics.models.voxels import SIDE, VoxelAutoencoder
from inverse_graphics.renderers.visual_hulls import visual_hull
from inverse_graphics.renderers.voxels import project_around
from inverse_graphics.results import Result, find_result

STAND_IN = {"smoke": "objects_silhouettes"}
# Few pictures (739): a small latent and few steps, else the encoder learns them by heart, poses and all.
SETTINGS = {
    "smoke": {"train_images": 240, "test_images": 120, "batch_size": 8},
    "quick": {"steps": 700, "batch_size": 48, "latent": 8, "encoder_channels": 32, "decoder_channels": 16},
    "paper": {"steps": 3000, "latent": 8},
}
WAYS = {
    "constant": {"objective": "vae"},
    "uniform": {"objective": "vae"},
    "encoded": {"objective": "aae"},
    "latent": {"objective": "mu_vae"},
    "hypotheses": {"objective": "vae", "symmetric": True},
}
LABELS = {
    "constant": "constant azimuth (VAE)",
    "uniform": "uniform random azimuth (VAE)",
    "encoded": "azimuth from the encoder (AAE)",
    "latent": "azimuth latent Z_θ (μ-VAE)",
    "hypotheses": "twelve hypotheses, symmetric (VAE)",
}

WORDS = {"constant": "constant azimuth", "uniform": "uniform azimuth", "latent": "Z_θ"}
SHORT = {
    "constant": "constant",
    "uniform": "uniform",
    "encoded": "encoder",
    "latent": "Z_θ",
    "hypotheses": "hypotheses",
}
ROUND = "rotational symmetry"
NOVEL = "novel-view MSE"
MEASURES = {"iou": "IoU", "chamfer": "Chamfer distance", "novel_view_mse": NOVEL}


def configs(profile: str, seed: int = 0) -> dict[str, VoxelAutoencoderConfig]:
    """One config per way with the azimuth, on one silhouette of each chair."""
    base = digit_geometry.config("vae", profile, seed)
    base = replace(base, dataset=STAND_IN.get(profile, "modelnet10_voxels"), classes=("chair",), one_view=True)
    base = replace(base, **SETTINGS[profile])
    return {azimuth: replace(base, azimuth=azimuth, **way) for azimuth, way in WAYS.items()}


# How round the chairs are: Figure 7

ROUND_WAYS = ("uniform", "constant", "latent")


def roundness(results: dict[str, Result]) -> pd.DataFrame:
    """Rotational symmetry of each way's test shapes and of the true ones, and of three bodies to read them by.

    Rows are shapes; columns the mean, its standard deviation over shapes, and how many pictures of how many objects.
    """
    rows = {}
    for way, result in results.items():
        found = result.numbers["form"]["rotational_symmetry"]
        rows[LABELS[way]] = (found["mean"], found["std"], found["n"], result.numbers["truth"]["objects"])
    truth = next(iter(results.values())).numbers["truth"]
    found = truth["true_rotational_symmetry"]
    rows["the true chairs"] = (found["mean"], found["std"], found["n"], truth["objects"])
    for name, body in _bodies().items():
        rows[name] = (rotational_symmetry(body[None]).item(), 0.0, 1, 1)
    columns = [ROUND, "standard deviation", "pictures", "objects"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("shapes")


def round_verdict(results: dict[str, Result]) -> tuple[str, str]:
    """Verdict and reason on "with uniform azimuths chairs are circular about the vertical axis".

    "reproduced" if the uniform way's shapes are rounder than the constant way's and than the true chairs, each by more
    than two standard errors, and nearer to 1, a lathe, than to the true chairs; "partly" if only rounder. Several
    pictures show one chair, so a standard error counts objects, not pictures.
    """
    form = {way: results[way].numbers["form"]["rotational_symmetry"] for way in ROUND_WAYS}
    truth, objects = results["uniform"].numbers["truth"], results["uniform"].numbers["truth"]["objects"]
    uniform, true = form["uniform"], truth["true_rotational_symmetry"]
    rounder = all(_gap(uniform, other, objects) > 2 for other in (form["constant"], true))
    verdict = "not reproduced"
    if rounder:
        verdict = "reproduced" if uniform["mean"] > (true["mean"] + 1) / 2 else "partly"
    told = ", ".join(f"{WORDS[way]} {found['mean']:.2f} ± {found['std']:.2f}" for way, found in form.items())
    return verdict, (
        f"rotational symmetry: {told}; true chairs {true['mean']:.2f} ± {true['std']:.2f}; a lathe 1 "
        f"(± over shapes, n = {uniform['n']} pictures of {objects} chairs)"
    )


def _gap(one: dict, other: dict, count: int) -> float:
    """How many standard errors of the difference the mean of `one` lies above that of `other`."""
    return (one["mean"] - other["mean"]) / max(math.hypot(one["std"], other["std"]) / math.sqrt(count), 1e-12)


def _bodies() -> dict[str, Tensor]:
    """Three upright bodies (28, 28, 28) on the axis."""
    axis = torch.arange(SIDE) - (SIDE - 1) / 2
    depth, height, width = torch.meshgrid(axis, axis, axis, indexing="ij")
    tall = height.abs() < 9
    return {
        "for comparison: a cylinder": (tall & (depth.hypot(width) < 9)).float(),
        "for comparison: a square column": (tall & (torch.maximum(depth.abs(), width.abs()) < 9)).float(),
        "for comparison: an upright plate": (tall & (depth.abs() < 2) & (width.abs() < 9)).float(),
    }


# How good the shapes are where the true ones are known

METHODS = {
    "decoder": "",
    "hull": ", hull",
    "carved": ", hull carved by the picture",
    "mean_carved": ", mean shape carved by the picture",
}
OF_THE_PAPER = ("encoded", "latent")
LEARNED = (*OF_THE_PAPER, "hypotheses")
BASELINES = {
    "extruded_silhouette_true_azimuth": "baseline: extruded silhouette, true azimuth known",
    "mean_shape_true_azimuth": "baseline: mean of the true shapes, true azimuth known",
    "mean_shape_no_azimuth": "baseline: mean of the true shapes, azimuth unknown",
}
VIEW_FLOORS = {
    "mean": "floor: mean picture of each azimuth",
    "copied": "floor: the picture itself from all sides",
    "empty": "floor: no shape",
}


def all_seeds(profile: str, first: dict[str, Result], seeds: Iterable[int] = (1, 2)) -> dict[str, list[Result]]:
    """Per way the given result and those of further seeds that are already there for it; trains nothing."""
    found = {way: [result] for way, result in first.items()}
    for seed in seeds:
        for way, config in configs(profile, seed).items():
            if way in first and (result := find_result(replace(config, dataset=first[way].config["dataset"]))):
                found[way].append(result)
    return found


def judged_hollow(results: dict[str, list[Result]]) -> dict[str, list[Result]]:
    """Those results that were judged against hollow shells, too, as `truth_hollow`; ways that have none drop out."""
    judged = {way: [run for run in runs if "truth_hollow" in run.numbers] for way, runs in results.items()}
    return {way: runs for way, runs in judged.items() if runs}


def truth_table(results: dict[str, list[Result]], truth: str = "truth") -> pd.DataFrame:
    """A row for each shape that each way has, then the baselines, then floors of the novel views.

    "± chairs" is the standard deviation over test objects (mean over seeds), "± seeds" that of the seeds' means, empty
    for one seed. Threshold and the one global rotation were chosen on training objects, see `shape_judgement`.

    Args:
        truth: which of the results' numbers: `truth`, of filled shapes, or `truth_hollow`, of `judged_hollow` results.
    """
    rows = []
    for way, runs in results.items():
        for method in runs[0].numbers[truth]["methods"]:
            found = [run.numbers[truth]["methods"][method] for run in runs]
            row = {"shapes": f"{LABELS[way]}{METHODS[method]}"}
            for key, heading in MEASURES.items():
                means = [numbers[key]["mean"] for numbers in found]
                row[heading] = statistics.mean(means)
                row[f"{heading}, ± chairs"] = statistics.mean(numbers[key]["std"] for numbers in found)
                row[f"{heading}, ± seeds"] = statistics.stdev(means) if len(means) > 1 else None
            row["validation IoU"] = statistics.mean(numbers["validation_iou"] for numbers in found)
            row["seeds"] = len(runs)
            rows.append(row)
    judged = next(iter(results.values()))[0].numbers[truth]
    for key, name in BASELINES.items():
        row = {"shapes": name}
        for measure, heading in list(MEASURES.items())[:2]:
            row[heading] = judged["baselines"][key][measure]["mean"]
            row[f"{heading}, ± chairs"] = judged["baselines"][key][measure]["std"]
        rows.append(row)
    for key, name in VIEW_FLOORS.items():
        found = judged["novel_view_floors"][key]
        rows.append({"shapes": name, NOVEL: found["mean"], f"{NOVEL}, ± chairs": found["std"]})
    return pd.DataFrame(rows).set_index("shapes")


def short_name(row: str) -> str:
    """What a figure calls a row of `truth_table`."""
    for way, label in LABELS.items():
        row = row.replace(label, SHORT[way])
    return row.removeprefix("baseline: ").replace("azimuth known", "azimuth")


def best_learned(
    results: dict[str, list[Result]], ways: Iterable[str] = LEARNED, truth: str = "truth"
) -> tuple[str, str]:
    """Way and method with the highest IoU on training objects, among `ways`: chosen so, the best of many gains nothing
    by luck on the test objects."""
    tried = {
        (way, method): statistics.mean(run.numbers[truth]["methods"][method]["validation_iou"] for run in runs)
        for way, runs in results.items()
        if way in ways
        for method in runs[0].numbers[truth]["methods"]
    }
    return max(tried, key=tried.get)


def truth_verdict(
    results: dict[str, list[Result]], ways: Iterable[str] = LEARNED, truth: str = "truth"
) -> tuple[str, str]:
    """Verdict and reason on whether the best of `ways` to learn the azimuth beats mean shape and extruded silhouette,
    which are both told the true azimuth.

    "beats both" if its IoU, see `best_learned`, lies above both by more than two standard errors over test objects (as
    if the two were independent, which is strict: they are judged on the same objects); "ahead of both" if only its mean
    does; else "beats one" or "beats none" by the means.
    """
    way, method = best_learned(results, ways, truth)
    truths = [run.numbers[truth] for run in results[way]]
    ious = [judged["methods"][method]["iou"] for judged in truths]
    ours = {key: statistics.mean(iou[key] for iou in ious) for key in ("mean", "std")}
    rivals = {key: truths[0]["baselines"][key]["iou"] for key in list(BASELINES)[:2]}
    ahead = [_gap(ours, rival, truths[0]["objects"]) for rival in rivals.values()]
    verdict = "beats one" if any(gap > 0 for gap in ahead) else "beats none"
    if all(gap > 0 for gap in ahead):
        verdict = "beats both" if min(ahead) > 2 else "ahead of both"
    told = ", ".join(
        f"{BASELINES[key].removeprefix('baseline: ')} {rival['mean']:.3f} ({gap:+.1f} standard errors)"
        for (key, rival), gap in zip(rivals.items(), ahead, strict=True)
    )
    seeds = f"{len(ious)} seed{'s' * (len(ious) > 1)}"
    if len(ious) > 1:
        seeds += f", ± {statistics.stdev(iou['mean'] for iou in ious):.3f}"
    return verdict, (
        f"{LABELS[way]}{METHODS[method]}: IoU {ours['mean']:.3f} (n = {truths[0]['objects']} chairs, {seeds}) "
        f"beside {told}"
    )


def azimuth_table(results: dict[str, Result]) -> pd.DataFrame:
    """How the learned azimuths spread, and how far their distribution is from the true one: degrees, a row per way."""
    rows = {}
    for way in LEARNED:
        found = results[way].numbers["azimuth"]
        rows[LABELS[way]] = (found["circular_std_degrees"], found["distance_degrees"], found["count"])
    rows["floor: one azimuth for all"] = (0.0, found["floor_constant_degrees"], found["count"])
    columns = ["circular standard deviation", "distance from the true distribution", "n"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("azimuths, degrees")


class PoseAgreement(NamedTuple):
    """How the azimuths found for test pictures go with the true ones, in steps of 30°.

    Fields:
        counts: (12, 12), true azimuth × found azimuth, after one rotation of all.
        turned: that rotation, in degrees, chosen to make `either` largest.
        right: share of pictures found at their true azimuth θ.
        mirrored: share found at π − θ, from where a left-right symmetric shape has the same silhouette, where
            that is not θ itself.
        either: share found at one of the two.
        chance: what guessing would give for `either`.
    """

    counts: Tensor
    turned: float
    right: float
    mirrored: float
    either: float
    chance: float


def pose_agreement(azimuths: Tensor) -> PoseAgreement:
    """Compare azimuths (N,) in radians found for test pictures, 12 views of each object in order, with the true ones.

    Raises:
        ValueError: N is not a multiple of 12.
    """
    if len(require_tensor("azimuths", azimuths, "N")) % VIEWS:
        raise ValueError(f"azimuths: expected {VIEWS} for each object, got {len(azimuths)}")
    true = torch.arange(len(azimuths)) % VIEWS  # `datasets.rendered`: picture 12 i + k is from k · 30°
    found = (azimuths / (2 * math.pi) * VIEWS).round().long() % VIEWS
    mirror = (VIEWS // 2 - true) % VIEWS
    tries = [(found + turn) % VIEWS for turn in range(VIEWS)]
    turn = max(range(VIEWS), key=lambda t: ((tries[t] == true) | (tries[t] == mirror)).float().mean().item())
    found = tries[turn]
    right = found == true
    mirrored = (found == mirror) & ~right
    counts = torch.bincount(true * VIEWS + found, minlength=VIEWS**2).view(VIEWS, VIEWS)
    share = {"right": right.float().mean().item(), "mirrored": mirrored.float().mean().item()}
    chance = (2 - (true == mirror).float().mean().item()) / VIEWS
    return PoseAgreement(counts, turn * 360 / VIEWS, **share, either=sum(share.values()), chance=chance)


class ShownShape(NamedTuple):
    """`voxels` (28, 28, 28) in the true frame, the `threshold` they are judged at, and the `picture` (1, 28, 28) that
    the model itself makes of the test picture."""

    voxels: Tensor
    threshold: float
    picture: Tensor


@torch.no_grad()
def remembered_shapes(
    result: Result, model: VoxelAutoencoder, source: AzimuthLatent | AzimuthHypotheses | None, number: int = 0
) -> dict[str, ShownShape]:
    """The shapes of a test picture that a result remembers, by method; needs no data.

    What is carved is carved by the model's own picture, for the test picture may not be on this machine. The numbers
    of `truth_table` come from test pictures.
    """
    arrays = result.arrays()
    azimuth = 0.0  # a loaded model faces front, also where Z_θ has settled elsewhere
    if isinstance(source, AzimuthHypotheses) or result.config["azimuth"] == "encoded":
        azimuth = arrays["azimuths"][arrays["example_indices"][number]].item()
    voxels, picture, _ = model.decode(arrays["example_latents"][number : number + 1], azimuth)
    shapes = {"decoder": voxels}
    if isinstance(source, AzimuthHypotheses):
        turns, posterior, symmetric = source.azimuths, source(picture), result.config["symmetric"]
        shapes["hull"] = visual_hull(project_around(voxels, turns), turns)
        shapes["carved"] = carve(shapes["hull"], picture, posterior, turns, symmetric)
        shapes["mean_carved"] = carve(mean_hull(source)[None], picture, posterior, turns, symmetric)
    thresholds = {method: result.numbers["truth"]["methods"][method]["threshold"] for method in shapes}
    return {
        method: ShownShape(in_true_frame(result, method, voxels)[0], thresholds[method], picture[0])
        for method, voxels in shapes.items()
    }


def in_true_frame(result: Result, method: str, voxels: Tensor) -> Tensor:
    """Turn shapes (B, 28, 28, 28) of a method by the one rotation that was found for it on training objects."""
    found = result.numbers["truth"]["methods"][method]
    return align(voxels, Alignment(found["global_azimuth"], False, found["threshold"], found["validation_iou"]))


def mean_hull(source: AzimuthHypotheses) -> Tensor:
    """The hull (28, 28, 28) of the mean shape's own views."""
    return visual_hull(source.views()[None], source.azimuths)[0]
