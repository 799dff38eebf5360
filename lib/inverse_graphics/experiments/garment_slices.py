"""ucar-f5: random samples of an AAE with texturizer, azimuth fixed at 0, trained on Fashion-MNIST.

    python -m inverse_graphics.cli train ucar-f5 --profile quick     minutes on two cores
    python -m inverse_graphics.cli train ucar-f5 --profile paper     hours on a GPU

Expected: bags and dresses as slices of layers along depth (Uçar 2019, Sec. 4.1; pictures, no number).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from inverse_graphics.checks import require_choice
from inverse_graphics.datasets import class_names
from inverse_graphics.experiments import digit_geometry
from inverse_graphics.experiments.voxel_autoencoder import VoxelAutoencoderConfig
from inverse_graphics.metrics.sparsity import depth_roughness
from inverse_graphics.models.voxels import SIDE, VoxelAutoencoder
from inverse_graphics.results import Result

if TYPE_CHECKING:
    import pandas as pd

STAND_IN = {"smoke": "garments"}


def configs(profile: str, seed: int = 0) -> dict[str, VoxelAutoencoderConfig]:
    """The AAE of `digit_geometry` with a texturizer, on garments."""
    base = digit_geometry.config("aae", profile, seed)
    texture = {"texturizer": True} | ({"texturizer_width": 256} if profile == "quick" else {})  # 1,000 make 3 MB
    return {"aae": replace(base, dataset=STAND_IN.get(profile, "fashion_mnist"), **texture)}


class Sample(NamedTuple):
    """A latent (Z,) drawn from the prior, the class its nearest test pictures vote for, and their share in [0, 1]."""

    latent: Tensor
    name: str
    vote: float


def clearest_samples(result: Result, wanted: Sequence[str]) -> list[Sample]:
    """For each class name the sample that most votes agree on, the nearest to test pictures among those; a name given
    twice takes the two clearest.

    Where the samples hold none of a class, the clearest of those left takes its place, under its own name.
    """
    arrays = result.arrays()
    names = class_names(result.config["dataset"])
    votes, distances = arrays["sample_votes"].tolist(), arrays["sample_distances"].tolist()
    left = sorted(range(len(votes)), key=lambda i: (-votes[i], distances[i]))
    found = []
    for name in wanted:
        label = names.index(require_choice("wanted", name, names))
        best = next((i for i in left if arrays["sample_classes"][i] == label), left[0])
        left.remove(best)
        of = names[arrays["sample_classes"][best]]
        found.append(Sample(arrays["sample_latents"][best], of, arrays["sample_votes"][best].item()))
    return found


def sample_census(result: Result) -> dict[str, object]:
    """How many of the prior's samples fall to each class, and the mean share of votes."""
    arrays = result.arrays()
    names = class_names(result.config["dataset"])
    counts = torch.bincount(arrays["sample_classes"], minlength=len(names)).tolist()
    return {"samples per class": dict(zip(names, counts, strict=True)), "mean vote": arrays["sample_votes"].mean()}


@torch.no_grad()
def layering(result: Result, model: VoxelAutoencoder) -> tuple["pd.DataFrame", str, str]:
    """Depth roughness of the AAE's shapes beside a solid and an extrusion, with a verdict on "slices of layers".

    Returns:
        table: mean, standard deviation and n of `depth_roughness`, a row per kind of shape.
        verdict, reason: "reproduced" if more than 95 % of the prior's samples are rougher along depth than a solid
            (above 1), "partly" if their mean is, else "not reproduced".
    """
    import pandas as pd  # here: making a shape of a picture need not wait for it

    samples = depth_roughness(model.decode(result.arrays()["sample_latents"])[0])
    pictures = result.numbers["depth_roughness"]
    ball = _ball()
    disc = ball.amax(1, keepdim=True).expand_as(ball)
    rows = {
        "AAE, test pictures": (pictures["mean"], pictures["std"], result.numbers["test_images"]),
        "AAE, samples of the prior": (samples.mean().item(), samples.std().item(), len(samples)),
        "floor: a soft ball": (depth_roughness(ball).item(), 0.0, 1),
        "floor: a disc extruded along depth": (depth_roughness(disc).item(), 0.0, 1),
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["depth roughness", "standard deviation", "n"])
    layered = (samples > 1).float().mean().item()
    reason = f"{layered:.0%} of {len(samples)} samples change more from layer to layer than across their width"
    verdict = "reproduced" if layered > 0.95 else "partly" if samples.mean() > 1 else "not reproduced"
    return table.rename_axis("shapes"), verdict, reason


def _ball() -> Tensor:
    axis = torch.arange(SIDE) - (SIDE - 1) / 2
    radius = (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2).sqrt()
    return (9.5 - radius).clamp(0, 1)[None]
