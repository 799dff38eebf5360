"""ucar-f8 in numbers: which of the cups that the AAE of `cups` makes up are hollow, and how deep.

A cup is called hollow if its cavity, closed off from the sides and open to the sky, is at least a quarter as deep as
the cup is high, makes up at least a tenth of the volume of both (a slit does not), and has something solid below at
least half of it. Sampled persons are counted by the same rule: what they have is what the rule finds where there is
nothing to find.
"""

from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from inverse_graphics.datasets import available, class_names, load
from inverse_graphics.metrics.cavities import Cavity, measure_cavity
from inverse_graphics.models.voxels import VoxelAutoencoder
from inverse_graphics.results import Result

HOLLOW = 0.25  # of the height: raising it asks for deeper cups
ROOM = 0.1  # of the volume of cup and cavity: raising it asks for wider ones
FLOOR = 0.5  # share of the cavity with something below: raising it takes more tubes for tubes
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.5)
USUAL = 0.2  # threshold of results without a truth to choose it by
CUPS, PERSONS = "cups, sampled", "persons, sampled (floor)"
TRUE_CUPS, TRUE_BOTH = "cups of the test split, true shapes", "cups and persons of the test split, true shapes"


class Samples(NamedTuple):
    """Shapes decoded from latents drawn from the prior, clearest first: those that most of the nearest test pictures
    vote for, the nearest among those.

    Fields:
        latents: (N, Z).
        voxels: (N, 28, 28, 28) in [0, 1].
        votes: (N,) in [0, 1].
        places: (N,) int64, which of the prior's samples they are.
    """

    latents: Tensor
    voxels: Tensor
    votes: Tensor
    places: Tensor

    def pick(self, chosen: Tensor) -> "Samples":
        return Samples(*(field[chosen] for field in self))


@torch.no_grad()
def samples_of(result: Result, model: VoxelAutoencoder, name: str) -> Samples:
    """The prior's samples that look like class `name`; there may be none.

    Raises:
        ValueError: the result's data set has no such class.
    """
    arrays, names = result.arrays(), class_names(result.config["dataset"])
    if name not in names:
        raise ValueError(f"name: expected one of {', '.join(names)}; got {name!r}")
    found = (arrays["sample_classes"] == names.index(name)).nonzero().flatten().tolist()
    votes, distances = arrays["sample_votes"], arrays["sample_distances"]
    places = torch.tensor(sorted(found, key=lambda i: (-votes[i].item(), distances[i].item())), dtype=torch.int64)
    latents = arrays["sample_latents"][places]
    parts = [model.decode(part)[0] for part in latents.split(64)] if found else [torch.zeros(0, 28, 28, 28)]
    return Samples(latents, torch.cat(parts), votes[places], places)


def surface_threshold(result: Result) -> float:
    """The occupancy from which a cell counts as solid: the one that fits training objects best, chosen before the test
    objects were looked at; `USUAL` without a truth."""
    methods = result.numbers.get("truth", {}).get("methods", {})
    return methods["decoder"]["threshold"] if "decoder" in methods else USUAL


def is_hollow(cavity: Cavity) -> Tensor:
    """(B,) bool: deep and wide enough, and a cup rather than a tube."""
    return (cavity.depth_fraction >= HOLLOW) & (cavity.volume_fraction >= ROOM) & (cavity.floor >= FLOOR)


def clearest_pair(samples: Samples, threshold: float) -> dict[str, tuple[Tensor, float]]:
    """The clearest sample that is hollow and the clearest that is not, as the paper chose its two: label → voxels and
    depth of the cavity over the height. Where none is hollow, the one with the largest cavity takes the first place;
    where all are, the shallowest the second.

    Raises:
        ValueError: fewer than two samples.
    """
    if len(samples.voxels) < 2:
        raise ValueError(f"samples: expected at least two, got {len(samples.voxels)}")
    cavity = measure_cavity(samples.voxels, threshold)
    hollow, depth = is_hollow(cavity), cavity.depth_fraction
    success = hollow.int().argmax() if hollow.any() else cavity.volume_fraction.argmax()
    rest = depth.clone()
    rest[success] = 2  # not to be taken twice
    solid = ~hollow
    solid[success] = False
    failure = solid.int().argmax() if solid.any() else rest.argmin()
    labels = ("hollow" if hollow[success] else "largest", "solid" if not hollow[failure] else "shallowest")
    return {label: (samples.voxels[at], depth[at].item()) for label, at in zip(labels, (success, failure), strict=True)}


def true_cups(result: Result) -> Tensor | None:
    """True shapes (N, 28, 28, 28) in {0, 1} of the cups of the test split; None where they are not on this machine."""
    name = result.config["dataset"]
    if not available(name, ("cup",)):
        return None
    test = load(name, "test", classes=("cup",))
    return None if test.truth is None else test.truth.voxels[test.truth.objects.unique()].float()


def cavity_table(result: Result, cups: Samples, persons: Samples) -> pd.DataFrame:
    """A row per kind of shape: how many, how deep, how many are hollow; the last as a share of all.

    Without the data set, the true cavities are those the result remembers, of cups and persons together; they were
    never counted as hollow or not.
    """
    threshold = surface_threshold(result)
    rows = {CUPS: _row(cups.voxels, threshold), PERSONS: _row(persons.voxels, threshold)}
    if (shapes := true_cups(result)) is not None:
        rows[TRUE_CUPS] = _row(shapes, 0.5)
    elif "truth" in result.numbers:
        stored = result.numbers["truth"]["true_cavity_depth_fraction"]
        rows[TRUE_BOTH] = {"n": stored["n"], "depth / height": stored["mean"], "± shapes": stored["std"]}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("shapes")


def hollow_by_threshold(kinds: dict[str, Samples]) -> dict[str, list[float]]:
    """For each kind the share that is hollow at each of `THRESHOLDS`, since a verdict should not hang on one."""
    return {
        kind: [_row(samples.voxels, threshold)["hollow"] for threshold in THRESHOLDS] for kind, samples in kinds.items()
    }


def verdict(table: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason on "some random cups are understood as hollow, some are not".

    "reproduced" if 5 % of the sampled cups or more are hollow, 5 % or more are not, and the share of hollow cups
    exceeds that of hollow persons by two standard errors; "partly" if there is at least one of each; else "not
    reproduced".
    """
    cups, persons = table.loc[CUPS], table.loc[PERSONS]
    if not cups["n"]:
        return "not reproduced", "no sample looks like a cup"
    share, floor = cups["hollow"], persons["hollow"] if persons["n"] else 0.0
    variance = share * (1 - share) / cups["n"] + floor * (1 - floor) / max(persons["n"], 1)
    reason = (
        f"{share:.0%} of {cups['n']:.0f} sampled cups are hollow, and {floor:.0%} of {persons['n']:.0f} sampled persons"
    )
    if 0.05 <= share <= 0.95 and share - floor > 2 * variance**0.5:
        return "reproduced", reason
    return ("partly" if 0 < share < 1 else "not reproduced"), reason


def _row(voxels: Tensor, threshold: float) -> dict[str, float]:
    if not len(voxels):
        return {"n": 0, "depth / height": 0.0, "± shapes": 0.0, "hollow": 0.0, "of their volume": 0.0}
    cavity = measure_cavity(voxels, threshold)
    return {
        "n": len(voxels),
        "depth / height": cavity.depth_fraction.mean().item(),
        "± shapes": cavity.depth_fraction.std(correction=0).item(),
        "hollow": is_hollow(cavity).float().mean().item(),
        "of their volume": cavity.volume_fraction.mean().item(),
    }
