"""ucar-f15: a picture that could be a plane, a chair or a 4, and which shape each model gives it.

    python -m inverse_graphics.cli train ucar-f15 --profile quick     the single models, then the search (two minutes)

The search goes through the data: every picture of a 4, a chair and an airplane. Of those that take up room both ways,
look more like a 4 than like another digit, and are nearer to the pictures of each class than nine tenths of the
pictures that are not of it, the one is taken that models of each class alone make again best (least geometric mean of
their errors); and it must be rendered, since handwriting gives a 4 away. What is stored is derived from pictures: their
places in the data, their scores, their latents.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.checks import require_tensor
from inverse_graphics.datasets import ImageSet, available, load, stand_in_for
from inverse_graphics.datasets.catalogue import CATALOGUE
from inverse_graphics.experiments.voxel_autoencoder import load_autoencoder
from inverse_graphics.experiments.voxel_claims import pictures_of
from inverse_graphics.models.voxels import VoxelAutoencoder
from inverse_graphics.renderers.voxels import project_around, rotate_voxels
from inverse_graphics.results import Result, code_commit, find_result, library_versions, save_result, sha256

CLASSES = {"digit": "4", "chair": "chair", "airplane": "airplane"}  # of a single model → its class in the combined set
WORDS = {"digit": "a 4", "chair": "a chair", "airplane": "a plane"}
SPLITS = ("train", "test")
KINDS = {"rendered": ("chair", "airplane"), "drawn by hand": ("digit",)}
# The rule. Chosen after looking at what it and others put first; the notebook says so.
BLUR = 1.0  # pixels, before pictures are compared. Raising it forgives more bending of a stroke
SHIFTS = (-2, 0, 2)  # pixels, both ways
NEIGHBOURS = 5  # pictures of a class that a picture is compared with, the most similar ones
EXTENT = 3.5  # pixels, standard deviation of the ink along either axis: bars and blobs have less
KEPT = 5  # pictures remembered of those rendered, best first, and as many of those drawn by hand
REFERENCES = 32  # pictures of each class whose shapes a shape is compared with
CHUNK = 500  # pictures compared at a time. Raising it costs memory
AMBIGUOUS = 0.9  # nearer to each class than this share of the pictures that are not of it
RANKED = 300  # pictures, the nearest to all classes, that the models are asked about
AS_OWN = 1.0  # times its own test error: a model that makes a picture again so well takes it for one of its own


@dataclass(frozen=True)
class AmbiguousPictureConfig:
    """What the search depends on.

    Fields:
        digits, objects: data sets of the 4s, and of the chairs and airplanes.
        train_images, test_images: of each class at most.
        weights: of the combined and the three single models, the first ten hex digits of their files' SHA-256: the
            latents that are stored mean nothing to other weights.
    """

    digits: str
    objects: str
    train_images: int
    test_images: int
    weights: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"ambiguous_picture-{self.digits}-{self.objects}"

    def dataset(self, key: str) -> str:
        return self.digits if key == "digit" else self.objects


def find_picture(combined: Result, singles: Mapping[str, Result], *, retrain: bool = False) -> Result:
    """The result of the search for these models: found if there is one, else searched for.

    Where a data set is not on this machine, its stand-in is searched.

    Args:
        combined: of all sets, from `final_model.configs`.
        singles: of `final_model.single_configs`.
        retrain: do not count a result that came with the repository.
    """
    settings = singles["digit"].config
    config = AmbiguousPictureConfig(
        digits=settings["dataset"],
        objects=singles["chair"].config["dataset"],
        train_images=settings["train_images"],
        test_images=settings["test_images"],
        weights=tuple(sha256(result.folder / "weights.safetensors")[:10] for result in (combined, *singles.values())),
    )
    if found := find_result(config, shipped=not retrain):
        return found
    digits = config.digits if available(config.digits, ("4",)) else stand_in_for(config.digits)
    objects = config.objects if available(config.objects, ("chair", "airplane")) else stand_in_for(config.objects)
    config = replace(config, digits=digits, objects=objects)
    return find_result(config, shipped=not retrain) or _search(config, combined, singles)


def picture_at(result: Result, rank: int = 0) -> Tensor | None:
    """The picture (1, 28, 28) that is `rank` in a search's list, read from the data set; None where that is not on
    this machine."""
    found = result.numbers["found"][rank]
    name, label = found["dataset"], CLASSES[found["class"]]
    if not available(name, (label,)):
        return None
    chosen = torch.tensor([found["index"]])  # not `load`, which would render all chairs before it
    return CATALOGUE[name].read(found["split"], lambda total: chosen, None, (label,)).images[0]


@torch.no_grad()
def _search(config: AmbiguousPictureConfig, combined: Result, singles: Mapping[str, Result]) -> Result:
    most = dict(zip(SPLITS, (config.train_images, config.test_images), strict=True))
    sets = {
        key: [load(config.dataset(key), split, at_most=most[split], classes=(name,)) for split in SPLITS]
        for key, name in CLASSES.items()
    }
    pictures = {key: torch.cat([part.images for part in parts]) for key, parts in sets.items()}
    shares = closer_than(pictures)
    models = {key: load_autoencoder(result) for key, result in singles.items()}
    whole = load_autoencoder(combined)

    wide = {key: extent(images).amin(1) >= EXTENT for key, images in pictures.items()}
    digits = load(config.digits, "test")
    places, counts = [], {}  # (class, number among its pictures), best first: rendered ones, then those drawn by hand
    for kind, keys in KINDS.items():
        everywhere = [(key, number) for key in keys for number in range(len(pictures[key]))]
        share = torch.cat([shares[key].amin(1) for key in keys])
        among = torch.cat([wide[key] for key in keys])
        among = among if among.any() else torch.ones_like(among)  # of a few stand-ins none may be wide
        order = share.masked_fill(~among, -1).argsort(descending=True)[: min(RANKED, int(among.sum()))]
        nearest = torch.cat([pictures[key] for key in keys])[order]
        fours, share = reads_as_four(nearest, digits), share[order]
        listed = fours & (share >= AMBIGUOUS)
        error = relative_errors(nearest, models, singles).log().mean(1)
        # After the shortlist the others that read as a 4, then the rest, each by nearness.
        behind = error.max() + 1 - share + 2 * ~fours
        best = torch.where(listed, error, behind).argsort()[:KEPT]
        places += [everywhere[at] for at in order[best].tolist()]
        counts[kind] = int(listed.sum())
    images = torch.stack([pictures[key][number] for key, number in places])
    errors = relative_errors(images, models, singles)
    sampled = {key: part[_evenly(len(part), 200)] for key, part in pictures.items()}
    references = {key: part[_evenly(len(part), REFERENCES)] for key, part in pictures.items()}
    numbers: dict[str, Any] = {
        "candidates": {key: len(part) for key, part in pictures.items()},
        "wide enough": {key: int(part.sum()) for key, part in wide.items()},
        "shortlisted": counts,
        "found": [
            {
                "class": key,
                "dataset": config.dataset(key),
                "split": SPLITS[number >= len(sets[key][0])],
                "index": number - len(sets[key][0]) * (number >= len(sets[key][0])),
                "closer than": dict(zip(CLASSES, shares[key][number].tolist(), strict=True)),
                "errors": dict(zip(models, row.tolist(), strict=True)),
            }
            for (key, number), row in zip(places, errors, strict=True)
        ],
        "errors of classes": {
            key: {
                "n": len(part),
                **dict(zip(models, relative_errors(part, models, singles).mean(0).tolist(), strict=True)),
            }
            for key, part in sampled.items()
        },
    }
    latents = {"latents_all": whole.encoder(images).mean}
    latents |= {f"latents_{key}": model.encoder(images).mean for key, model in models.items()}
    latents |= {f"references_{key}": whole.encoder(part).mean for key, part in references.items()}
    provenance = {
        "data": [part.provenance() for parts in sets.values() for part in parts],
        "seed": combined.config["seed"],
        "versions": library_versions(),
        "commit": code_commit(),
    }
    return save_result(config, numbers=numbers, provenance=provenance, history=[], weights={}, arrays=latents)


def extent(pictures: Tensor) -> Tensor:
    """Standard deviation of the ink of pictures (B, 1, H, W) along height and width, in pixels: (B, 2)."""
    require_tensor("pictures", pictures, "B 1 H W")
    ink = pictures[:, 0] / pictures.sum((1, 2, 3))[:, None, None].clamp_min(1e-6)  # prevents 0/0 for an empty picture
    columns = []
    for share in (ink.sum(2), ink.sum(1)):
        place = torch.arange(share.shape[1], dtype=share.dtype)
        mean = (share * place).sum(1, keepdim=True)
        columns.append((share * (place - mean).square()).sum(1).sqrt())
    return torch.stack(columns, 1)


def closer_than(pictures: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """For the pictures (B, 1, 28, 28) of each class, how near they are to those of each class: (B, classes), the share
    of all pictures that are not of it to which it is less alike; 1 for their own."""
    shares = {key: torch.ones(len(part), len(pictures)) for key, part in pictures.items()}
    for column, (key, members) in enumerate(pictures.items()):
        strangers = [other for other in pictures if other != key]
        scores = {other: likeness(pictures[other], members) for other in strangers}
        ordered = torch.cat(list(scores.values())).sort().values
        for other, values in scores.items():
            shares[other][:, column] = torch.searchsorted(ordered, values) / len(ordered)
    return shares


def likeness(pictures: Tensor, members: Tensor) -> Tensor:
    """How alike pictures (B, 1, H, W) are to members (N, 1, H, W) of a class: (B,) in [−1, 1].

    Correlation of the blurred pictures, shifted by up to two pixels, with the `NEIGHBOURS` members most similar.
    """
    known, moved = _unit(members), [_unit(shifted) for shifted in _shifted(pictures)]
    parts = []
    for first in range(0, len(pictures), CHUNK):
        alike = torch.stack([rows[first : first + CHUNK] @ known.T for rows in moved]).amax(0)
        parts.append(alike.topk(min(NEIGHBOURS, len(members))).values.mean(1))
    return torch.cat(parts)


def reads_as_four(pictures: Tensor, digits: ImageSet) -> Tensor:
    """Whether pictures (B, 1, 28, 28) are more alike to 4s than to any other digit: (B,) bool."""
    labels = digits.labels.unique().tolist()
    alike = torch.stack([likeness(pictures, digits.images[digits.labels == label]) for label in labels], 1)
    return alike.argmax(1) == labels.index(digits.class_names.index(CLASSES["digit"]))


def _shifted(pictures: Tensor) -> list[Tensor]:
    side, reach = pictures.shape[2], max(SHIFTS)
    padded = F.pad(pictures, (reach,) * 4)
    return [padded[:, :, reach + y : reach + y + side, reach + x : reach + x + side] for y in SHIFTS for x in SHIFTS]


def _unit(pictures: Tensor) -> Tensor:
    """(B, H·W): blurred, of mean 0 and length 1, so that products are correlations."""
    place = torch.arange(-4, 5) / BLUR
    kernel = (-place.square() / 2).exp().view(1, 1, 1, -1)
    kernel = kernel / kernel.sum()
    across = F.conv2d(pictures, kernel, padding=(0, 4))
    flat = F.conv2d(across, kernel.transpose(2, 3), padding=(4, 0)).flatten(1)
    return F.normalize(flat - flat.mean(1, keepdim=True))


def _evenly(total: int, count: int) -> Tensor:
    return torch.linspace(0, total - 1, min(count, total)).long()


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


def search_table(search: Result) -> pd.DataFrame:
    """Nearness to each class and error of each single model beside its own: a row per picture of the search's list, the
    rendered ones first, best first, and a row per class, means over some of its pictures."""
    rows = {}
    for rank, found in enumerate(search.numbers["found"]):
        name = f"{rank + 1}: {found['split']} {CLASSES[found['class']]} {found['index']}"
        rows[name] = {f"closer to {WORDS[key]}s than": share for key, share in found["closer than"].items()}
        rows[name] |= {f"error of the model of {key}s": error for key, error in found["errors"].items()}
    for key, found in search.numbers["errors of classes"].items():
        row = {f"error of the model of {other}s": found[other] for other in CLASSES}
        rows[f"pictures of {WORDS[key]}, mean of {found['n']}"] = row
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("picture")
    return table.rename(columns=lambda column: column.replace("to a ", "to "))


@torch.no_grad()
def class_likeness(search: Result, model: VoxelAutoencoder, shapes: Mapping[str, Tensor]) -> pd.DataFrame:
    """How much shapes (28, 28, 28) look like those that the combined model gives 4s, chairs and airplanes: a row per
    shape and elevation, 0 or 30°; a column per class; and `nearest`.

    Likeness is the correlation of the projections from twelve azimuths, each shape's own front being 0, with those of
    the most similar of `REFERENCES` shapes of a class.
    """
    arrays = search.arrays()
    library = {key: model.decode(arrays[f"references_{key}"])[0] for key in CLASSES}
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


def verdict(found: Mapping[str, Any], likeness: pd.DataFrame, combined: str) -> tuple[str, str]:
    """Verdict and reason on "an image that could be a plane, a chair or a 4; the model gives it the shape of a chair,
    and a model of digits alone would have given it that of a 4".

    Args:
        found: the picture, of a search's `found`.
        likeness: of `class_likeness`, with rows for the combined model and for each single one.
        combined: the combined model's name there.

    Four tests: the picture is nearer to each class than nine tenths of the pictures that are not of it; each single
    model makes it again as well as its own; the combined model's shape is nearest to a chair's at both elevations; the
    digit model's is nearest to a 4's at both. "reproduced" if all pass; "partly" if the first and one of the last two
    do; else "not reproduced".
    """
    closer, worst = min(found["closer than"].values()), max(found["errors"].values())
    nearest = {name: rows.tolist() for name, rows in likeness["nearest"].groupby(level=0)}
    ambiguous = closer >= AMBIGUOUS
    chair = set(nearest[combined]) == {WORDS["chair"]}
    four = set(nearest["digit"]) == {WORDS["digit"]}
    told = ", ".join(f"{name}: {' and '.join(dict.fromkeys(names))}" for name, names in nearest.items())
    errors = ", ".join(f"{name} {error:.1f}" for name, error in found["errors"].items())
    reason = (
        f"the picture is nearer to each class than {closer:.0%} of the others' pictures ({AMBIGUOUS:.0%} asked); "
        f"error of each single model over its own: {errors} ({AS_OWN:g} asked); nearest shapes at elevations 0 and "
        f"30°: {told}"
    )
    if ambiguous and chair and four and worst <= AS_OWN:
        return "reproduced", reason
    return ("partly" if ambiguous and (chair or four) else "not reproduced"), reason


def picture_titles(search: Result) -> list[str]:
    """What each picture of the list is, and the lesser of its scores."""
    return [f"{WORDS[found['class']]}\n{min(found['closer than'].values()):.0%}" for found in search.numbers["found"]]


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
