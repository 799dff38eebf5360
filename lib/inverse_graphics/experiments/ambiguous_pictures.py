"""ucar-f15: a picture that could be a plane, a chair or a 4, and which shape each model gives it.

The search needs no data: it goes through pictures that the combined model itself makes, from latents between those of
test pictures of the three classes and from all sides of their shapes, and asks three models that have each seen one
kind of picture only how well they can make each again.
"""

import math
from collections.abc import Mapping
from itertools import product
from typing import NamedTuple

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.datasets import class_names
from inverse_graphics.experiments.final_shapes import choose_examples
from inverse_graphics.experiments.voxel_claims import pictures_of, vote
from inverse_graphics.models.voxels import SIDE, VoxelAutoencoder
from inverse_graphics.renderers.voxels import project_around, rotate_voxels
from inverse_graphics.results import Result

CLASSES = {"digit": "4", "chair": "chair", "airplane": "airplane"}  # of a single model → its class in the combined set
WORDS = {"digit": "a 4", "chair": "a chair", "airplane": "a plane"}
REMEMBERED = 4  # test pictures of each class
PARTS = 5  # steps along each side of the triangles of latents
TURNS = 24  # azimuths of each remembered shape
FAINT = 0.5  # of the mean ink of the class with least: a picture of less is anything to anybody
AMBIGUOUS = 1.0  # times its own test error: a model that makes a picture again so well takes it for one of its own


class Candidates(NamedTuple):
    """`pictures` (C, 1, 28, 28) in [0, 1], and for each where it comes from."""

    pictures: Tensor
    origins: list[str]


@torch.no_grad()
def candidates(result: Result, model: VoxelAutoencoder) -> Candidates:
    """Pictures of the combined model: inside the triangles between a 4, a chair and an airplane, each of the remembered
    test pictures with each, and from all sides of the remembered shapes themselves. Faint ones are left out; the others
    are brightened until their brightest pixel is 1, as in pictures of digits and objects."""
    latents = {name: _latents(result, name) for name in CLASSES.values()}
    inner = [(i, j, PARTS - i - j) for i in range(1, PARTS) for j in range(1, PARTS - i)]
    found, origins = [], []
    for (a, b, c), (i, j, k) in product(product(*(range(len(z)) for z in latents.values())), inner):
        four, chair, plane = latents.values()
        found.append((i * four[a] + j * chair[b] + k * plane[c]) / PARTS)
        shares = " + ".join(f"{100 * n // PARTS} % {name}" for n, name in zip((i, j, k), CLASSES.values(), strict=True))
        origins.append(f"between latents: {shares}")
    pictures = [pictures_of(model, torch.stack(found))]
    known = {name: pictures_of(model, z) for name, z in latents.items()}
    angles = torch.arange(1, TURNS) * (2 * math.pi / TURNS)  # 0 is the picture itself
    for name, z in latents.items():
        around = project_around(model.decode(z)[0], angles).reshape(-1, 1, SIDE, SIDE)
        pictures.append(around if model.texturizer is None else model.texturizer(around))
        origins += [f"{name} from {math.degrees(angle):.0f}°" for _ in z for angle in angles]
    together = torch.cat(pictures)
    least = FAINT * min(picture.mean().item() for picture in known.values())
    kept = (together.mean((1, 2, 3)) >= least).nonzero().flatten()
    kept = kept if len(kept) else torch.arange(len(together))
    brightened = together[kept] / together[kept].amax((1, 2, 3), keepdim=True).clamp_min(1e-6)  # prevents 0/0
    return Candidates(brightened, [origins[at] for at in kept])


@torch.no_grad()
def read_as_four(found: Candidates, model: VoxelAutoencoder, result: Result) -> Candidates:
    """Those candidates that the model of digits takes for a 4 rather than another digit, by `vote` on what it makes of
    them; all if there is none."""
    made = torch.cat([model(part).picture for part in found.pictures.split(128)])
    four = class_names(result.config["dataset"]).index(CLASSES["digit"])
    kept = (vote(result, model, made)[0] == four).nonzero().flatten()
    return Candidates(found.pictures[kept], [found.origins[at] for at in kept]) if len(kept) else found


@torch.no_grad()
def relative_errors(pictures: Tensor, models: Mapping[str, VoxelAutoencoder], results: Mapping[str, Result]) -> Tensor:
    """(C, M): how badly each model makes pictures (C, 1, 28, 28) again at its posterior's mean, beside its own.

    A model's error is its squared error over the variance of the picture's pixels, else a picture with little in it
    would be the easiest; its own is its mean error on test pictures over the mean variance of those it remembers. 1 is
    a picture that the model makes as well as one of its own.
    """
    columns = []
    variance = pictures.flatten(1).var(1).clamp_min(1e-6)  # prevents 0/0 for an even picture
    for name, model in models.items():
        error = torch.cat([(model(part).picture - part).square().mean((1, 2, 3)) for part in pictures.split(128)])
        remembered = pictures_of(model, results[name].arrays()["example_latents"])
        own = results[name].numbers[_error_of(model)]["mean"] / remembered.flatten(1).var(1).mean().item()
        columns.append(error / variance / own)
    return torch.stack(columns, 1)


def most_ambiguous(errors: Tensor) -> int:
    """The candidate that the model which can make it least can make best."""
    return int(errors.amax(1).argmin())


@torch.no_grad()
def search_table(
    result: Result,
    model: VoxelAutoencoder,
    models: Mapping[str, VoxelAutoencoder],
    results: Mapping[str, Result],
    errors: Tensor,
) -> pd.DataFrame:
    """Relative errors of the three models, and the largest of the three: of the picture found, of the candidates
    (median), and of what the combined model makes of the remembered test pictures of each class (mean)."""
    best = most_ambiguous(errors)
    rows = {"the picture found": errors[best], f"all {len(errors)} candidates, median": errors.median(0).values}
    worst = [errors[best].amax().item(), errors.amax(1).median().item()]
    for key, name in CLASSES.items():
        pictures = pictures_of(model, _latents(result, name))
        own = relative_errors(pictures, models, results)
        rows[f"pictures of {WORDS[key]}, mean of {len(own)}"] = own.mean(0)
        worst.append(own.amax(1).mean().item())
    columns = [f"model of {key}s" for key in models]
    table = pd.DataFrame([row.tolist() for row in rows.values()], index=list(rows), columns=columns)
    table["worst of the three"] = worst
    return table.rename_axis("error over the model's own test error")


@torch.no_grad()
def class_likeness(result: Result, model: VoxelAutoencoder, shapes: Mapping[str, Tensor]) -> pd.DataFrame:
    """How much shapes (28, 28, 28) look like those that the combined model gives 4s, chairs and airplanes: a row per
    shape and elevation, 0 or 30°; a column per class; and `nearest`.

    Likeness is the correlation of the projections from twelve azimuths, each shape's own front being 0, with those of
    the most similar of the remembered shapes of a class.
    """
    library = {key: model.decode(_latents(result, name))[0] for key, name in CLASSES.items()}
    rows = {}
    for elevation in (0, 30):
        known = {key: _views(voxels, elevation) for key, voxels in library.items()}
        for name, voxels in shapes.items():
            mine = _views(voxels[None], elevation)
            scores = {
                WORDS[key]: (views * mine).sum((1, 2)).amax().item() / mine.shape[1] for key, views in known.items()
            }
            rows[(name, elevation)] = scores | {"nearest": max(scores, key=scores.get)}
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(table.index, names=["shape", "elevation"])
    return table


def verdict(errors: Tensor, likeness: pd.DataFrame, combined: str) -> tuple[str, str]:
    """Verdict and reason on "an image that could be a plane, a chair or a 4; the model gives it the shape of a chair,
    and a model of digits alone would have given it that of a 4".

    Args:
        errors: (C, 3) of all candidates.
        likeness: of `class_likeness`, with rows for the combined model and for each single one.
        combined: the combined model's name there.

    Three tests: the picture found is made again by all three models as well as their own; the combined model's
    shape is nearest to a chair's at both elevations; the digit model's is nearest to a 4's at both.
    "reproduced" if all pass; "partly" if the first does, and the shapes of the two differ in class at an elevation or
    one of the others passes; else "not reproduced".
    """
    worst = errors[most_ambiguous(errors)].amax().item()
    nearest = {name: rows.tolist() for name, rows in likeness["nearest"].groupby(level=0)}
    ambiguous = worst <= AMBIGUOUS
    chair = set(nearest[combined]) == {WORDS["chair"]}
    four = set(nearest["digit"]) == {WORDS["digit"]}
    told = ", ".join(f"{name}: {' and '.join(dict.fromkeys(found))}" for name, found in nearest.items())
    reason = (
        f"of {len(errors)} candidates the best is made again by all three models with at most {worst:.2f} times their "
        f"own test error ({AMBIGUOUS:g} asked); nearest at elevations 0 and 30°: {told}"
    )
    if ambiguous and chair and four:
        return "reproduced", reason
    differ = nearest[combined] != nearest["digit"]
    return ("partly" if ambiguous and (chair or four or differ) else "not reproduced"), reason


def _latents(result: Result, name: str) -> Tensor:
    """(N, Z), N = 4: remembered test pictures of a class, others where there are fewer."""
    labels = result.arrays()["example_labels"]
    label = class_names(result.config["dataset"]).index(name)
    count = min(REMEMBERED, max(1, int((labels == label).sum())))
    return torch.stack([example.latent for example in choose_examples(result, (name,) * count)])


def _views(voxels: Tensor, elevation: float) -> Tensor:
    """(N, 12, 784): centred projections of length 1."""
    if elevation:
        # Azimuth first, then elevation: tilting the turned grid is what a viewer who walks round from above sees.
        turns = torch.arange(12) * (2 * math.pi / 12)
        tilted = [rotate_voxels(voxels, turn, math.radians(elevation)).sum(1) for turn in turns]
        pictures = -torch.expm1(-torch.stack(tilted, 1))
    else:
        pictures = project_around(voxels, torch.arange(12) * (2 * math.pi / 12))
    flat = pictures.flatten(2)
    return F.normalize(flat - flat.mean(2, keepdim=True), dim=2)


def _error_of(model: VoxelAutoencoder) -> str:
    return "projection_mse" if model.texturizer is None else "texture_mse"
