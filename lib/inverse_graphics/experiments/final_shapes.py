"""ucar-f10 to f12 in numbers: how the final μ-VAE of `final_model` learns, paints and shapes what it was shown.

Verdicts compare with what needs no model (the mean picture) and with the same model whose azimuth is fixed.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from inverse_graphics.checks import require_choice
from inverse_graphics.datasets import available, class_names, load
from inverse_graphics.metrics import views
from inverse_graphics.metrics.sparsity import depth_roughness
from inverse_graphics.metrics.symmetry import rotational_symmetry
from inverse_graphics.models.voxels import SIDE, VoxelAutoencoder
from inverse_graphics.renderers.voxels import project_around
from inverse_graphics.results import Result

LABELS = {"all": "all data sets", "two": "digits and garments", "two_fixed": "digits and garments, azimuth fixed"}
THIRTEEN = ("3", "7", "2", "8", "0", "Trouser", "Shirt", "Sneaker", "cup", "face", "chair", "chair", "person")
WORDS = {"Trouser": "pants", "Shirt": "shirt", "Sneaker": "shoe", "face": "head"}  # the paper's


class Chosen(NamedTuple):
    """A test picture by the latent (Z,) that a result remembers, the name of its class, and `picture` (1, 28, 28), or
    None where the data set is not on this machine."""

    latent: Tensor
    name: str
    picture: Tensor | None

    @property
    def title(self) -> str:
        """What the paper calls it."""
        return f"digit {self.name}" if self.name.isdigit() else WORDS.get(self.name, self.name.lower())


def choose_examples(result: Result, wanted: Sequence[str]) -> list[Chosen]:
    """The first test picture of each class named; a name given twice takes the first two.

    Where the result remembers no (further) picture of a class, the next one not taken stands in, under its own name.

    Raises:
        ValueError: an unknown class, or more wanted than remembered.
    """
    arrays, names = result.arrays(), class_names(result.config["dataset"])
    labels = arrays["example_labels"].tolist()
    if len(wanted) > len(labels):
        raise ValueError(f"wanted: expected at most {len(labels)} names, as many as are remembered; got {len(wanted)}")
    wanted_labels = [names.index(require_choice("wanted", name, names)) for name in wanted]
    left, taken = list(range(len(labels))), []
    for label in wanted_labels:
        first = next((at for at in left if labels[at] == label), None)
        taken.append(first)
        if first is not None:
            left.remove(first)
    spare = [at for at in left if labels[at] not in wanted_labels] + [at for at in left if labels[at] in wanted_labels]
    taken = [spare.pop(0) if at is None else at for at in taken]
    pictures = _pictures(result, arrays["example_indices"][taken])
    return [
        Chosen(arrays["example_latents"][at], names[labels[at]], picture)
        for at, picture in zip(taken, pictures, strict=True)
    ]


def _pictures(result: Result, indices: Tensor) -> list[Tensor | None]:
    config = result.config
    classes = tuple(config["classes"]) or None
    if not available(config["dataset"], classes):
        return [None] * len(indices)
    test = load(config["dataset"], "test", at_most=int(indices.max()) + 1, classes=classes)
    return list(test.images[indices])


def titled(chosen: Sequence[Chosen]) -> list[str]:
    """The titles, numbered where one comes more than once."""
    titles = [example.title for example in chosen]
    return [
        f"{title} {titles[: at + 1].count(title)}" if titles.count(title) > 1 else title
        for at, title in enumerate(titles)
    ]


# Figure 10: losses


def losses(result: Result) -> dict[str, list[float]]:
    """`step`, and per picture `reconstruction` (squared error of projection and texture, summed over pixels) and
    `regularisation` (the μ-VAE's two terms, over shape and azimuth latents)."""
    return {
        "step": [entry["step"] for entry in result.history],
        "reconstruction": [entry["projection_error"] + entry["texture_error"] for entry in result.history],
        "regularisation": [entry["mean_term"] + entry["log_variance_term"] for entry in result.history],
    }


def reconstruction_floor(result: Result) -> float:
    """The reconstruction loss of showing the mean training picture twice, as projection and as texture."""
    return 2 * SIDE**2 * result.numbers["floor_mean_image_mse"]["mean"]


def loss_table(results: Mapping[str, Result]) -> pd.DataFrame:
    """A row per result: both losses over the first and the last tenth of the training, and the floor."""
    rows = {}
    for name, result in results.items():
        found = losses(result)
        tenth = max(1, len(found["step"]) // 10)
        row = {"steps": result.config["steps"]}
        for part in ("reconstruction", "regularisation"):
            row[f"{part}, first tenth"] = sum(found[part][:tenth]) / tenth
            row[f"{part}, last tenth"] = sum(found[part][-tenth:]) / tenth
        rows[LABELS[name]] = row | {"floor: mean picture": reconstruction_floor(result)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("trained on")


def loss_verdict(table: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason on "one model is trained on all sets at one shot".

    "reproduced" if in every training the reconstruction loss ends below half of the mean picture's and the
    regularisation below the reconstruction; "partly" if it ends below the mean picture's; else "not reproduced".
    """
    share = table["reconstruction, last tenth"] / table["floor: mean picture"]
    held = table["regularisation, last tenth"] < table["reconstruction, last tenth"]
    ends = [f"{name}: {value:.0%} of the mean picture's" for name, value in share.items()]
    reason = f"the reconstruction loss ends at {'; '.join(ends)}"
    loose = ", ".join(table.index[~held])
    reason += f"; regularisation above it: {loose}" if loose else "; regularisation below it"
    if (share < 0.5).all() and held.all():
        return "reproduced", reason
    return ("partly" if (share < 1).all() else "not reproduced"), reason


# Figure 11: reconstructions


def error_table(results: Mapping[str, Result]) -> pd.DataFrame:
    """Squared error per pixel over all test pictures, at the posterior's mean, from the front: mean and standard
    deviation over pictures, beside the mean training picture's."""
    rows = {}
    for name, result in results.items():
        row = {"n": result.numbers["test_images"]}
        for column, key in (
            ("projection", "projection_mse"),
            ("texturizer", "texture_mse"),
            ("floor: mean picture", "floor_mean_image_mse"),
        ):
            row[column], row[f"± {column}"] = (result.numbers[key][part] for part in ("mean", "std"))
        rows[LABELS[name]] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("trained on")


def set_table(results: Mapping[str, Result]) -> pd.DataFrame:
    """The same for each set of a mixture apart, beside the mean training picture of that set; a row per training and
    set, none for results that do not have these numbers."""
    rows = {}
    for name, result in results.items():
        for part, found in result.numbers.get("by_set", {}).items():
            row: dict[str, float] = {"n": found["n"]}
            for column, key in (
                ("projection", "projection_mse"),
                ("texturizer", "texture_mse"),
                ("floor: the set's mean picture", "floor_mean_image_mse"),
            ):
                row[column], row[f"± {column}"] = found[key]["mean"], found[key]["std"]
            rows[LABELS[name], part] = row
    index = pd.MultiIndex.from_tuples(list(rows), names=["trained on", "set"]) if rows else None
    return pd.DataFrame(list(rows.values()), index=index)


def error_verdict(table: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason on "renders shapes of objects from all data sets in good quality".

    "reproduced" if the texturizer's error is below a third of the mean picture's for every training, "partly" if it is
    below the mean picture's, else "not reproduced".
    """
    share = table["texturizer"] / table["floor: mean picture"]
    told = "; ".join(f"{name}: {value:.0%}" for name, value in share.items())
    reason = f"the texturizer's error is, of the mean picture's, {told}"
    if (share < 1 / 3).all():
        return "reproduced", reason
    return ("partly" if (share < 1).all() else "not reproduced"), reason


# Figure 12: shapes

DENSEST = 0.005  # share of the cells that `relative` measures a shape by
LATHE = 0.6  # rotational symmetry halfway between a plate (a quarter) and a cylinder (0.95)
TURNED = "floor: roughness of the fixed azimuth's, turned as far"
TURNS = 10.0  # degrees: a narrower spread of azimuths is as good as a fixed one
TURN = torch.arange(12) * (2 * torch.pi / 12)


def form_table(results: Mapping[str, Result], turned: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """A row per model: what its test shapes are like, from all sides; means over shapes with standard deviations.

    Args:
        turned: of each model, the roughness that the fixed azimuth's shapes have after a turn by that model's front and
            back, by `voxel_claims.turned_roughness`: resampling smooths, and for that much no learning is needed.
    """
    rows = {}
    for name, result in results.items():
        form, rough = result.numbers["form"], result.numbers["depth_roughness"]
        agreement = form["view_agreement"]
        rows[LABELS[name]] = {
            "n": form["rotational_symmetry"]["n"],
            "view at ±30° like the front": (agreement[1] + agreement[-1]) / 2,
            "view at ±90° like the front": (agreement[3] + agreement[-3]) / 2,
            "depth roughness": rough["mean"],
            "± depth roughness": rough["std"],
            TURNED: turned[name]["mean"],
            "standard error of that floor": turned[name]["std"] / turned[name]["n"] ** 0.5,
            "rotational symmetry": form["rotational_symmetry"]["mean"],
            "± rotational symmetry": form["rotational_symmetry"]["std"],
            "side and front overlap": form["side_front_overlap"]["mean"],
            "depth over width": form["depth_to_width"]["mean"],
            "spread of azimuths, degrees": result.numbers.get("azimuth", {}).get("circular_std_degrees", 0.0),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def form_verdict(table: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason on "3D shapes as humans would visualise them", of the models that learn the azimuth, beside
    the one that has it fixed. Four tests of each:

        it turns: the learnt azimuths spread by 10° or more
        it keeps its looks: 30° to the side it resembles its front more than with a fixed azimuth
        it is solid: of the excess roughness along depth over a solid's 1 that the fixed azimuth's shapes have, turned
            as far and back, half or more is gone; where they have none, it is smoother by two standard errors
        it is no lathe work: rotational symmetry below 0.6

    "reproduced" if all pass, "partly" if more than half do and at least one model turns, else "not reproduced": without
    a learnt azimuth, what is good about a shape is not its doing.
    """
    fixed = table.loc[LABELS["two_fixed"]]
    side = "view at ±30° like the front"
    failed, count, turning = [], 0, False
    for name, row in table.drop(LABELS["two_fixed"]).iterrows():
        floor, error = row[TURNED], row["± depth roughness"] / row["n"] ** 0.5
        limit = (1 + floor) / 2 if floor > 1 else floor - 2 * math.hypot(error, row["standard error of that floor"])
        spread, rough = row["spread of azimuths, degrees"], row["depth roughness"]
        told = f"roughness {rough:.2f}, fixed and turned as far {floor:.2f}, at most {limit:.2f} asked"
        tests = {
            f"azimuths spread by {spread:.0f}°": spread >= TURNS,
            f"resembles its front at 30° by {row[side]:.2f}, fixed {fixed[side]:.2f}": row[side] > fixed[side],
            told: rough <= limit,
            f"rotational symmetry {row['rotational symmetry']:.2f}, below {LATHE} asked": row["rotational symmetry"]
            < LATHE,
        }
        count += len(tests)
        turning |= bool(spread >= TURNS)
        failed += [f"{name}: {text}" for text, passed in tests.items() if not passed]
    reason = f"{count - len(failed)} of {count} tests pass" + (f"; failed: {'; '.join(failed)}" if failed else "")
    if not failed:
        return "reproduced", reason
    return ("partly" if len(failed) < count / 2 and turning else "not reproduced"), reason


def relative(voxels: Tensor) -> Tensor:
    """Each of (B, D, H, W) over the occupancy that its densest half percent of cells exceed, at most 1: for looking.

    A grey picture is made of haze that never gets as dense as the strokes of a digit, so no one threshold shows both.
    """
    cells = voxels.flatten(1)
    dense = cells.topk(max(1, int(DENSEST * cells.shape[1])), dim=1).values[:, -1]
    return (voxels / dense.clamp_min(1e-6)[:, None, None, None]).clamp(max=1)  # 1e-6: an empty grid stays empty


@torch.no_grad()
def shapes_table(voxels: Mapping[str, Tensor]) -> pd.DataFrame:
    """The same numbers for single shapes: title → (28, 28, 28) in [0, 1]."""
    stacked = torch.stack(list(voxels.values()))
    agreement = views.view_agreement(project_around(stacked, TURN))
    columns = {
        "view at ±30° like the front": agreement[:, [1, -1]].mean(1),
        "view at ±90° like the front": agreement[:, [3, -3]].mean(1),
        "depth roughness": depth_roughness(stacked),
        "rotational symmetry": rotational_symmetry(stacked),
    }
    frame = pd.DataFrame({name: values.tolist() for name, values in columns.items()}, index=list(voxels))
    return frame.rename_axis("shape")


@torch.no_grad()
def decoded(model: VoxelAutoencoder, chosen: Sequence[Chosen]) -> tuple[Tensor, Tensor, Tensor]:
    """Voxels (N, 28, 28, 28), projections and textures (N, 1, 28, 28) of examples, from the front."""
    return model.decode(torch.stack([example.latent for example in chosen]))
