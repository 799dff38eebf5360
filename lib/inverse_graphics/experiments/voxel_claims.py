"""ucar-f13, f14, c1, c2, p1 and p2 in numbers: views, samples, classification, slices or volume, and learning in time.

Verdicts compare with floors that need no model, and with the same model whose azimuth is fixed.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.datasets import class_names, load
from inverse_graphics.experiments.garment_slices import Sample
from inverse_graphics.metrics.smoothness import traversal_smoothness
from inverse_graphics.metrics.sparsity import depth_roughness
from inverse_graphics.metrics.views import view_variation
from inverse_graphics.models.voxels import VoxelAutoencoder
from inverse_graphics.renderers.voxels import project_around, rotate_voxels
from inverse_graphics.results import Result

WIDE = 10.0  # degrees: azimuths that spread less are as good as one fixed azimuth

# The project page's films


def settling(shapes: Tensor, steps: Sequence[int], names: Sequence[str]) -> pd.DataFrame:
    """How much of its final shape each object has at each kept step: soft intersection over union Σ min / Σ max.

    Args:
        shapes: (T, N, 28, 28, 28) in [0, 1], as `load_film` gives them.

    Returns:
        A row per object, a column per step, values in [0, 1], 1 in the last.
    """
    table = pd.DataFrame(_overlap(shapes, shapes[-1:]).T.tolist(), index=list(names), columns=list(steps))
    return table.rename_axis(index="object", columns="step")


def before_the_first(shapes: Tensor, threshold: float) -> int:
    """The last of the leading frames (T, N, 28, 28, 28) in which no shape has a cell above the threshold; 0 if none."""
    filled = (shapes > threshold).flatten(1).any(1).tolist()
    return max(filled.index(True) - 1, 0) if True in filled else 0


def overlap_of_strangers(shapes: Tensor) -> float:
    """What `settling` gives for two different shapes of (N, 28, 28, 28), N ≥ 2, on average: its floor."""
    i, j = torch.triu_indices(len(shapes), len(shapes), 1)
    return _overlap(shapes[i], shapes[j]).mean().item()


def _overlap(ours: Tensor, theirs: Tensor) -> Tensor:
    common, either = torch.minimum(ours, theirs), torch.maximum(ours, theirs)
    return common.sum((-3, -2, -1)) / either.sum((-3, -2, -1)).clamp_min(1e-12)  # prevents 0/0


def settling_verdict(table: pd.DataFrame, shapes: Tensor, threshold: float = 0.05) -> tuple[str, str]:
    """Verdict and reason on "3D shapes are learned during training".

    An object counts if it ends with a surface, if it has less than half of its final shape at the first kept step, and
    more in the second half of the kept steps than in the first. "reproduced" if all count, "partly" if half do. That a
    shape has settled does not make it right.
    """
    half = table.shape[1] // 2
    grows = table.iloc[:, half:].mean(axis=1) > table.iloc[:, :half].mean(axis=1)
    surface = (shapes[-1] > threshold).flatten(1).any(1).numpy()
    counts = grows & (table.iloc[:, 0] < 0.5) & surface
    first, middle = table.iloc[:, 0].mean(), table.iloc[:, half].mean()
    reason = (
        f"{counts.sum()} of {len(table)} shapes form; overlap with the final shape, mean: {first:.2f} at step "
        f"{table.columns[0]}, {middle:.2f} at step {table.columns[half]}"
    )
    if (~counts).any():
        reason += f"; not: {', '.join(table.index[~counts])}"
    return ("reproduced" if counts.all() else "partly" if counts.mean() >= 0.5 else "not reproduced"), reason


def likeness(pictures: Tensor, steps: Sequence[int], names: Sequence[str]) -> pd.DataFrame:
    """Which final picture the picture of each object looks like most, by correlation, at each kept step.

    Args:
        pictures: (T, N, H, W), the last ones final.

    Returns:
        A row per step: `own`, the share of objects most like their own final picture; where a face is among them,
        `face`, the share most like the face's, and `face correlation`, how much like it the most alike of the others
        is, with `featureless`, the floor of that: the final face blurred until eyes and mouth are gone; and `chance`.
    """
    unit = _centred(pictures)
    alike = torch.einsum("tnp,mp->tnm", unit, unit[-1])
    nearest = alike.argmax(2)  # (T, N)
    rows: dict[str, Any] = {"own": (nearest == torch.arange(len(names))).float().mean(1).tolist()}
    if "face" in names and len(names) > 1:
        at = list(names).index("face")
        others = [n for n in range(len(names)) if n != at]
        rows["face"] = (nearest == at).float().mean(1).tolist()
        rows["face correlation"] = alike[:, others, at].amax(1).tolist()
        rows["featureless"] = (unit[-1, at] @ _centred(_blurred(pictures[-1:, at : at + 1]))[0, 0]).item()
    return pd.DataFrame(rows | {"chance": 1 / len(names)}, index=list(steps)).rename_axis("step")


def _centred(pictures: Tensor) -> Tensor:
    """(T, N, H, W) → (T, N, H·W) of mean 0 and length 1: products are correlations."""
    flat = pictures.flatten(2)
    return F.normalize(flat - flat.mean(2, keepdim=True), dim=2)


def _blurred(pictures: Tensor, sigma: float = 4.0) -> Tensor:
    """Gaussian blur of (B, 1, H, W) over `sigma` pixels."""
    place = torch.arange(-12, 13) / sigma
    kernel = (-place.square() / 2).exp()
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    across = F.conv2d(pictures, kernel, padding=(0, 12))
    return F.conv2d(across, kernel.transpose(2, 3), padding=(12, 0))


def likeness_verdict(table: pd.DataFrame, result: Result) -> tuple[str, str]:
    """Verdict and reason on "renderings of a mixed batch are learned during training".

    "reproduced" if the error of test pictures ends below a third of the mean picture's and the pictures told apart
    come to be more; "partly" if it ends below the mean picture's, else "not reproduced".
    """
    error, floor = (result.numbers[key]["mean"] for key in ("projection_mse", "floor_mean_image_mse"))
    start, end = table["own"].iloc[0], table["own"].iloc[-1]
    reason = (
        f"error of the projection on {result.numbers['test_images']} test pictures {error:.4f}, floor (mean picture) "
        f"{floor:.4f}; most like their own final picture: {start:.0%} at step {table.index[0]}, {end:.0%} at the end"
    )
    if error < floor / 3 and end > start:
        return "reproduced", reason
    return ("partly" if error < floor else "not reproduced"), reason


def faces_verdict(table: pd.DataFrame) -> tuple[str, str] | None:
    """Verdict and reason on "we see human faces in rendered images in the initial part of the training"; None if no
    face was watched.

    "reproduced" if, while fewer than half of the pictures look like themselves, half or more look most like the face,
    and one of another object more than a face without features does; "partly" if only half or more look most like it;
    else "not reproduced".
    """
    if "face" not in table:
        return None
    early = table[table["own"] < 0.5]
    if not len(early):
        return "not reproduced", "at every kept step half of the pictures or more look like themselves"
    most, alike = early["face"].max(), early["face correlation"].max()
    floor, chance = (table[key].iloc[0] for key in ("featureless", "chance"))
    reason = (
        f"at most {most:.0%} of the pictures are most like the face (step {early['face'].idxmax()}, chance "
        f"{chance:.0%}); correlation with it at most {alike:.2f}, that of a face without features {floor:.2f}"
    )
    if most < 0.5:
        return "not reproduced", reason
    return ("reproduced" if alike > floor else "partly"), reason


# Figure 13: the azimuth sweeps

STEPS = 64
EVEN = 3.0  # largest step over mean step of a sweep that is called smooth
TURNING = 0.5  # of the variation that true objects show: a sweep with less hardly shows that something turns
TRUE_OBJECTS = 10  # of each class, for comparison


@torch.no_grad()
def sweep(model: VoxelAutoencoder, latents: Tensor, steps: int = STEPS) -> tuple[Tensor, Tensor]:
    """Projections and final pictures of latents (N, Z) from azimuths −π … π, both ends included.

    Returns:
        Two (N, K, 1, 28, 28) in [0, 1].
    """
    voxels = model.decode(latents)[0]
    projections = project_around(voxels, torch.linspace(-math.pi, math.pi, steps))[:, :, None]  # (N, K, 1, H, W)
    if model.texturizer is None:
        return projections, projections
    return projections, model.texturizer(projections.flatten(0, 1)).view_as(projections)


@torch.no_grad()
def sweep_table(
    result: Result, model: VoxelAutoencoder, projections: Tensor, pictures: Tensor, names: Sequence[str]
) -> pd.DataFrame:
    """A row per object, then the mean.

    Args:
        projections, pictures: what `sweep` gives.
        names: the class of each object, as the data set calls it.

    Columns: `variation` of the pictures with the azimuth (root mean square difference from their mean); `unevenness` of
    the sweep (largest step over mean step); `back`, how closely the picture from behind (±π) is the front one mirrored
    (soft intersection over union), for the projection, where it is 1 but for resampling, and for the final picture;
    `still itself`, the share of the pictures that look like the object's class by `vote`; and `at the sides`, the same
    for those that are 30° or more from front and back.
    """
    count, steps = pictures.shape[:2]
    labels = torch.tensor([class_names(result.config["dataset"]).index(name) for name in names])
    kept = (vote(result, model, pictures.flatten(0, 1))[0].view(count, steps) == labels[:, None]).float()
    side = torch.linspace(-math.pi, math.pi, steps).sin().abs() >= 0.5
    table = pd.DataFrame(
        {
            "variation": view_variation(pictures[:, :, 0]).tolist(),
            "unevenness": traversal_smoothness(pictures).unevenness.tolist(),
            "back, projection": _mirror_agreement(projections).tolist(),
            "back, final": _mirror_agreement(pictures).tolist(),
            "still itself": kept.mean(1).tolist(),
            "at the sides": kept[:, side].mean(1).tolist(),
        },
        index=list(names),
    )
    table.loc["mean"] = table.mean()
    return table.rename_axis("object")


def _mirror_agreement(pictures: Tensor) -> Tensor:
    """(N, K, 1, H, W) → (N,): the first picture (azimuth −π) against the mirrored one at azimuth 0, Σ min / Σ max.

    An even number of steps has none at 0; the mean of the two beside it stands in.
    """
    middle = pictures.shape[1] // 2
    front = pictures[:, middle] if pictures.shape[1] % 2 else (pictures[:, middle - 1] + pictures[:, middle]) / 2
    front, back = front.flip(3).flatten(1), pictures[:, 0].flatten(1)
    return torch.minimum(front, back).sum(1) / torch.maximum(front, back).sum(1).clamp_min(1e-12)


def true_variation(names: Sequence[str] = ("chair", "person")) -> dict[str, float]:
    """View variation of this project's made-up objects, whose twelve views are truly views of one thing: what a sweep
    of a solid looks like. Mean, standard deviation and n."""
    found = []
    for name in names:
        views = load("objects", "test", classes=(name,), at_most=12 * TRUE_OBJECTS).images
        found.append(view_variation(views[: len(views) // 12 * 12].view(-1, 12, *views.shape[2:])))
    values = torch.cat(found)
    return {"mean": values.mean().item(), "std": values.std().item(), "n": len(values)}


def sweep_verdict(table: pd.DataFrame, true: Mapping[str, float], chance: float) -> tuple[str, str]:
    """Verdict and reason on "images of an object from new viewpoints".

    Three tests of each object: its pictures turn (variation at least half of the true objects'), smoothly (largest step
    at most 3 mean steps), and at half of the side views or more it still looks like its class. "reproduced" if every
    object passes all, "partly" if half of the objects do, or all are smooth and half still look like their class; else
    "not reproduced".

    Args:
        table: of `sweep_table`.
        true: of `true_variation`.
        chance: 1 over the number of classes, for the reason.
    """
    objects = table.drop("mean")
    turns = objects["variation"] >= TURNING * true["mean"]
    smooth = objects["unevenness"] <= EVEN
    kept = objects["at the sides"] >= 0.5
    reason = (
        f"of {len(objects)} objects {turns.sum()} turn (variation {table.loc['mean', 'variation']:.3f}, true objects "
        f"{true['mean']:.3f} ± {true['std']:.3f}), {smooth.sum()} smoothly, and {kept.sum()} still look like their "
        f"class from the side ({table.loc['mean', 'at the sides']:.0%} of the side views, chance {chance:.0%})"
    )
    every = turns & smooth & kept
    if every.all():
        return "reproduced", reason
    partly = every.mean() >= 0.5 or (smooth.all() and kept.mean() >= 0.5)
    return ("partly" if partly else "not reproduced"), reason


# Figure 14: random samples

NOISES = (0.0, 1.0, 3.0, 5.0, 7.0)
VOTERS = 3  # of the four test pictures of a class that a result remembers


@torch.no_grad()
def pictures_of(model: VoxelAutoencoder, latents: Tensor) -> Tensor:
    """Final pictures (M, 1, 28, 28) of latents (M, Z), from the front."""
    parts = [model.decode(part) for part in latents.split(128)]
    return torch.cat([projection if texture is None else texture for _, projection, texture in parts])


@torch.no_grad()
def remembered_pictures(result: Result, model: VoxelAutoencoder) -> tuple[Tensor, Tensor]:
    """What the model makes of the test pictures that a result remembers, (N, 784), and their labels (N,)."""
    arrays = result.arrays()
    return pictures_of(model, arrays["example_latents"]).flatten(1), arrays["example_labels"]


@torch.no_grad()
def noisy_latents(latents: Tensor, noise: float, count: int, generator: torch.Generator) -> Tensor:
    """The authors' way to random samples: latents (N, Z) of test pictures plus N(0, noise²): (N · count, Z), those of
    the first latent first."""
    repeated = latents.repeat_interleave(count, 0)
    return repeated + noise * torch.randn(repeated.shape, generator=generator)


@torch.no_grad()
def vote(result: Result, model: VoxelAutoencoder, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Class, its share of votes, and distance of pictures (M, 1, 28, 28) that the model made, each (M,).

    The `VOTERS` remembered pictures that are nearest in shape (correlation) vote; of a tie, the nearest wins. The
    distance is 1 − correlation with the nearest.
    """
    known, labels = remembered_pictures(result, model)
    pictures, known = (F.normalize(rows - rows.mean(1, keepdim=True)) for rows in (pictures.flatten(1), known))
    similar = pictures @ known.T
    nearest = similar.topk(VOTERS)
    voters = labels[nearest.indices]  # (M, V), nearest first
    votes = (voters[:, :, None] == voters[:, None]).sum(2)  # how many say the same
    winner = votes.argmax(1, keepdim=True)  # the first of the largest: the nearest
    shares = votes.gather(1, winner).squeeze(1) / VOTERS
    return voters.gather(1, winner).squeeze(1), shares, 1 - nearest.values[:, 0]


def clearest_noisy(
    result: Result, model: VoxelAutoencoder, latent: Tensor, name: str, noise: float, count: int, seed: int
) -> Sample:
    """Of `count` samples around a test picture's latent (Z,), the one that most votes give to its class, and of those
    the middle one by its distance from remembered pictures: the nearest would be a copy, the farthest a freak. Where
    none looks like the class, the clearest takes its place, under its own name."""
    drawn = noisy_latents(latent[None], noise, count, torch.Generator().manual_seed(seed))
    classes, shares, distances = vote(result, model, pictures_of(model, drawn))
    names = class_names(result.config["dataset"])
    wanted = (classes == names.index(name)).float()
    score = 100 * wanted + shares
    equals = (score >= score.max() - 1e-6).nonzero().flatten()
    best = int(equals[distances[equals].argsort()[len(equals) // 2]])
    return Sample(drawn[best], names[classes[best]], shares[best].item())


def noise_table(result: Result, model: VoxelAutoencoder, count: int = 4, seed: int = 0) -> pd.DataFrame:
    """A row per noise, and one for the prior: of samples around all remembered test pictures, the share that still
    looks like its class, the mean share of votes, the mean distance from the nearest remembered picture, and how much
    of the remembered pictures' contrast (standard deviation over pixels) the samples have."""
    arrays, generator = result.arrays(), torch.Generator().manual_seed(seed)
    labels, rows = arrays["example_labels"], {}
    for noise in NOISES:
        repeats = 1 if noise == 0 else count
        latents = noisy_latents(arrays["example_latents"], noise, repeats, generator)
        pictures = pictures_of(model, latents)
        found = vote(result, model, pictures)
        kept = (found[0] == labels.repeat_interleave(repeats)).float()
        rows[f"test picture + N(0, {noise:g}²)"] = _samples_row(pictures, found, kept)
    pictures = pictures_of(model, arrays["sample_latents"])
    rows["prior N(0, 1)"] = _samples_row(pictures, vote(result, model, pictures), None)
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("samples")
    table["contrast"] /= table["contrast"].iloc[0]
    table["chance"] = 1 / len(labels.unique())
    return table


def _samples_row(pictures: Tensor, found: tuple[Tensor, Tensor, Tensor], kept: Tensor | None) -> dict[str, Any]:
    classes, shares, distances = found
    return {
        "n": len(classes),
        "still its class": None if kept is None else kept.mean().item(),
        "contrast": pictures.flatten(1).std(1).mean().item(),
        "share of votes": shares.mean().item(),
        "distance": distances.mean().item(),
        "± distance": distances.std().item(),
    }


def samples_verdict(table: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason on "generates new quality shapes", from noise 3, the least that the authors add.

    "reproduced" if 80 % of the samples still look like their class and are half as far from every remembered picture,
    or farther, as samples of noise 7 are (so they are no copies); "partly" if three times chance still do; else "not
    reproduced".
    """
    row, wild = table.loc["test picture + N(0, 3²)"], table.loc["test picture + N(0, 7²)"]
    kept, chance = row["still its class"], row["chance"]
    reason = (
        f"with noise 3, {kept:.0%} of {row['n']:.0f} samples still look like their class (noise 7 "
        f"{wild['still its class']:.0%}, chance {chance:.0%}), at a distance of {row['distance']:.2f} from any "
        f"remembered picture (noise 7 {wild['distance']:.2f}); the prior's samples have "
        f"{table['contrast'].iloc[-1]:.0%} of the contrast of the model's pictures"
    )
    if kept >= 0.8 and row["distance"] >= wild["distance"] / 2:
        return "reproduced", reason
    return ("partly" if kept >= 3 * chance else "not reproduced"), reason


# Claim c1: latents serve classification

KINDS = {"linear": "linear", "nearest": "5 nearest"}


def classification_table(results: Mapping[str, Result]) -> pd.DataFrame:
    """A row per model, for those that were judged so: accuracy of both classifiers on the latent and on as many
    principal components of the pixels, each with its standard error, and the two floors."""
    rows = {}
    for name, result in results.items():
        if (found := result.numbers.get("classification")) is None:
            continue
        row: dict[str, Any] = {}
        for source, word in (("latent", "latent"), ("pca", "PCA")):
            for kind, label in KINDS.items():
                share = found[source][kind]
                row[f"{word}, {label}"] = share
                row[f"± {word}, {label}"] = math.sqrt(share * (1 - share) / found[source]["count"])
        floors = {"floor: majority": found["latent"]["majority"], "floor: chance": found["latent"]["chance"]}
        counts = {"size": result.config["latent"], "n train": found["train_count"], "n test": found["latent"]["count"]}
        rows[name] = row | floors | counts
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def classification_verdict(table: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason on "latents serve classification".

    A latent serves if the better of the two classifiers on it is right twice as often as both floors, and not worse, by
    more than two standard errors, than the better one on principal components. "reproduced" if those of all models
    serve; "partly" if all beat the floors so, or half serve; else "not reproduced".
    """
    ours, pixels = (table[[f"{word}, {kind}" for kind in KINDS.values()]].max(axis=1) for word in ("latent", "PCA"))
    floor = table[["floor: majority", "floor: chance"]].max(axis=1)
    error = (ours * (1 - ours) / table["n test"] + pixels * (1 - pixels) / table["n test"]) ** 0.5
    above, level = ours >= 2 * floor, ours >= pixels - 2 * error
    told = "; ".join(
        f"{name} {ours[name]:.3f} (PCA {pixels[name]:.3f}, majority {floor[name]:.3f})" for name in table.index
    )
    reason = f"accuracy on the latent: {told}"
    serve = above & level
    if serve.all():
        return "reproduced", reason
    return ("partly" if above.all() or serve.mean() >= 0.5 else "not reproduced"), reason


# Claim c2: slices or volume


def slices_table(pairs: Mapping[str, Result]) -> pd.DataFrame:
    """A row per model, named for its data and its azimuth: form of its shapes, and where there is a truth, how near
    they come to it and how well they show views that were not given."""
    rows = {}
    for name, result in pairs.items():
        numbers = result.numbers
        row = {"n": numbers["form"]["depth_to_width"]["n"]}
        row["depth roughness"], row["± depth roughness"] = (numbers["depth_roughness"][key] for key in ("mean", "std"))
        for key, heading in (
            ("depth_to_width", "depth over width"),
            ("side_front_overlap", "side and front overlap"),
            ("view_variation", "variation of views"),
        ):
            row[heading], row[f"± {heading}"] = (numbers["form"][key][part] for part in ("mean", "std"))
        row["spread of azimuths, degrees"] = numbers.get("azimuth", {}).get("circular_std_degrees", 0.0)
        if truth := numbers.get("truth"):
            found = truth["methods"]["decoder"]
            for key, heading in (("iou", "IoU with the truth"), ("novel_view_mse", "novel-view MSE")):
                row[heading], row[f"± {heading}"] = (found[key][part] for part in ("mean", "std"))
            floors = truth["novel_view_floors"]
            row["n of the truth"] = truth["objects"]
            row["floor: one picture for all views"] = floors["copied"]["mean"]
            row["floor: mean picture of a view"] = floors["mean"]["mean"]
            row["baseline: mean shape, IoU"] = truth["baselines"]["mean_shape_no_azimuth"]["iou"]["mean"]
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def layers_verdict(fixed: Mapping[str, Result]) -> tuple[str, str]:
    """Verdict and reason on "a fixed azimuth learns slices of layers along depth".

    A model has learned slices if its shapes change more from layer to layer than across their width (depth roughness
    over 1, by two standard errors). "reproduced" if all have, "partly" if some have, else "not reproduced".
    """
    above, told = [], []
    for name, result in fixed.items():
        rough, count = result.numbers["depth_roughness"], result.numbers["test_images"]
        above.append(rough["mean"] - 2 * rough["std"] / math.sqrt(count) > 1)
        told.append(f"{name} {rough['mean']:.2f} ± {rough['std']:.2f} (n = {count})")
    reason = f"depth roughness, 1 for a solid: {'; '.join(told)}"
    return ("reproduced" if all(above) else "partly" if any(above) else "not reproduced"), reason


@torch.no_grad()
def turned_roughness(result: Result, model: VoxelAutoencoder, azimuth: float) -> dict[str, float]:
    """Depth roughness of the remembered shapes of a model with a fixed azimuth, turned by `azimuth` radians and back.

    Shapes of a model whose Z_θ has settled elsewhere are turned to face front, and turning a grid smooths what is on
    it. For that much of their smoothness no learning is needed. Mean, standard deviation and n.
    """
    voxels = model.decode(result.arrays()["example_latents"])[0]
    turned = rotate_voxels(rotate_voxels(voxels, azimuth).clamp(0, 1), -azimuth).clamp(0, 1)
    rough = depth_roughness(turned).double()
    return {"mean": rough.mean().item(), "std": rough.std().item(), "n": len(rough)}


def volume_verdict(
    learned: Mapping[str, Result], fixed: Mapping[str, Result], turned: Mapping[str, Mapping[str, float]]
) -> tuple[str, str]:
    """Verdict and reason on "a learned azimuth latent gives true shape and new views". Tests of each pair, by name:

        the azimuth is learnt: it spreads by 10° or more
        fewer slices: a depth roughness below that of the fixed azimuth's shapes, turned there and back (`turned`, of
            `turned_roughness`), by more than two standard errors
        nearer to the truth, where there is one: higher IoU than with a fixed azimuth, and than the mean true shape's
            whose azimuth nobody tells
        new views, where there is a truth: a lower error than the fixed azimuth's, and than one picture's for all views

    "reproduced" if all pass, "partly" if more than half do, else "not reproduced".
    """
    failed, count = [], 0
    for name, result in learned.items():
        tests = _volume_tests(result.numbers, fixed[name].numbers, turned[name])
        count += len(tests)
        failed += [f"{name}: {text}" for text, passed in tests.items() if not passed]
    reason = f"{count - len(failed)} of {count} tests pass" + (f"; failed: {'; '.join(failed)}" if failed else "")
    if not failed:
        return "reproduced", reason
    return ("partly" if len(failed) < count / 2 else "not reproduced"), reason


def _volume_tests(ours: dict[str, Any], fixed: dict[str, Any], turned: Mapping[str, float]) -> dict[str, bool]:
    spread, rough = ours["azimuth"]["circular_std_degrees"], ours["depth_roughness"]
    error = math.hypot(rough["std"] / math.sqrt(ours["test_images"]), turned["std"] / math.sqrt(turned["n"]))
    tests = {
        f"azimuths spread by {spread:.1f}°": spread >= WIDE,
        f"depth roughness {rough['mean']:.2f}, fixed, turned there and back, {turned['mean']:.2f}": rough["mean"]
        + 2 * error
        < turned["mean"],
    }
    if "truth" in ours:
        truth, other = ours["truth"], fixed["truth"]["methods"]["decoder"]
        iou, view = (truth["methods"]["decoder"][key]["mean"] for key in ("iou", "novel_view_mse"))
        mean_shape = truth["baselines"]["mean_shape_no_azimuth"]["iou"]["mean"]
        copied = truth["novel_view_floors"]["copied"]["mean"]
        fixed_iou, fixed_view = other["iou"]["mean"], other["novel_view_mse"]["mean"]
        tests |= {
            f"IoU {iou:.3f}, fixed {fixed_iou:.3f}": iou > fixed_iou,
            f"IoU {iou:.3f}, mean shape {mean_shape:.3f}": iou > mean_shape,
            f"novel-view error {view:.3f}, fixed {fixed_view:.3f}": view < fixed_view,
            f"novel-view error {view:.3f}, one picture for all views {copied:.3f}": view < copied,
        }
    return tests
