"""ucar-f8 and ucar-f9: cups and persons, convex and concave, by an AAE with texturizer and encoded azimuth.

    python -m inverse_graphics.cli train ucar-f8 --profile quick     minutes on two cores
    python -m inverse_graphics.cli train ucar-f8 --profile paper     hours on a GPU

Expected: some random cups are hollow, some are not; latent traversals are smooth (Uçar 2019, Sec. 4.3; pictures).
"""

from dataclasses import replace
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from inverse_graphics.datasets import class_names
from inverse_graphics.experiments import digit_geometry
from inverse_graphics.experiments.voxel_autoencoder import VoxelAutoencoderConfig
from inverse_graphics.metrics.smoothness import traversal_smoothness
from inverse_graphics.models.voxels import VoxelAutoencoder
from inverse_graphics.results import Result

SETTINGS = {
    "smoke": {"dataset": "objects", "train_images": 120, "test_images": 60},
    "quick": {"steps": 1800, "test_images": 960, "texturizer_width": 256},
}


def configs(profile: str, seed: int = 0) -> dict[str, VoxelAutoencoderConfig]:
    base = digit_geometry.config("aae", profile, seed)
    base = replace(base, dataset="modelnet40", classes=("cup", "person"), texturizer=True, azimuth="encoded")
    return {"aae": replace(base, **SETTINGS.get(profile, {}))}


# How smooth walks between latents are (ucar-f9)

STEPS = 17  # of a walk: a single jump has an unevenness of 16
MOST_PAIRS = 64  # for each kind of walk
EVEN, STRAIGHT = 3.0, 2.0  # largest step over mean step, and path over distance, of a walk that is called smooth


class Pairs(NamedTuple):
    """Ends of walks: `starts` and `ends`, each (P, Z)."""

    starts: Tensor
    ends: Tensor


def example_latents(result: Result, name: str) -> Tensor:
    """(N, Z): the test pictures of a class that the result remembers; its samples where it remembers fewer than two."""
    arrays = result.arrays()
    label = class_names(result.config["dataset"]).index(name)
    latents = arrays["example_latents"][arrays["example_labels"] == label]
    return latents if len(latents) > 1 else arrays["sample_latents"]


def far_ends(result: Result, model: VoxelAutoencoder, name: str) -> Tensor:
    """(2, Z): the first remembered test picture of a class, and among the samples that all votes give to the class, or
    its other test pictures where there is none, the one whose rendering differs most from it: a walk worth showing,
    since the remembered pictures of a rendered set may be views of one object."""
    arrays = result.arrays()
    examples, label = example_latents(result, name), class_names(result.config["dataset"]).index(name)
    clear = (arrays["sample_classes"] == label) & (arrays["sample_votes"] == 1)
    others = arrays["sample_latents"][clear] if clear.any() else examples[1:]
    with torch.no_grad():
        pictures = [model.decode(part)[1] for part in torch.cat((examples[:1], others)).split(64)]
    first, *rest = torch.cat(pictures).flatten(1)
    return torch.stack((examples[0], others[(torch.stack(rest) - first).square().sum(1).argmax()]))


def walk_pairs(result: Result, start: str, end: str) -> Pairs:
    """Pairs of a test picture or a sample of class `start` with another one of class `end`: those between remembered
    test pictures first, then samples of the prior in their order, `MOST_PAIRS` at most."""
    arrays, names = result.arrays(), class_names(result.config["dataset"])
    examples = [example_latents(result, name) for name in (start, end)]
    if start == end:
        i, j = torch.triu_indices(len(examples[0]), len(examples[0]), 1)
    else:
        i, j = torch.cartesian_prod(*(torch.arange(len(latents)) for latents in examples)).T
    starts, ends = examples[0][i], examples[1][j]
    drawn = [arrays["sample_latents"][arrays["sample_classes"] == names.index(name)] for name in (start, end)]
    if start == end:
        drawn = [drawn[0][0::2], drawn[0][1::2]]
    count = min(len(latents) for latents in drawn)
    pairs = (starts, drawn[0][:count]), (ends, drawn[1][:count])
    return Pairs(*(torch.cat(parts)[:MOST_PAIRS] for parts in pairs))


@torch.no_grad()
def walk(model: VoxelAutoencoder, start: Tensor, end: Tensor, steps: int = STEPS) -> tuple[Tensor, Tensor]:
    """What lies on the straight line between two latents (Z,).

    Returns:
        voxels (K, 28, 28, 28), and pictures (K, 1, 28, 28) rendered at azimuth 0, by the texturizer where there is one.
    """
    share = torch.linspace(0, 1, steps)[:, None]
    voxels, projection, texture = model.decode((1 - share) * start + share * end)
    return voxels, projection if texture is None else texture


@torch.no_grad()
def smoothness_table(result: Result, model: VoxelAutoencoder, kinds: dict[str, tuple[str, str]]) -> pd.DataFrame:
    """How even and how straight walks are in 3D and rendered, for each kind: name → classes of its two ends.

    Floors come from the same ends: cross-fading the end pictures, the smoothest there is; jumping halfway from one end
    to the other; and showing unrelated samples one after the other.

    `strangeness` tells what a cross-fade lacks: how badly the autoencoder itself makes the picture in the middle of
    the walk again, mean squared error per pixel. A picture that is no shape's comes back as another one.
    """
    rows: dict[str, dict[str, float]] = {}
    faded, jumped, ends = [], [], []
    for kind, (start, end) in kinds.items():
        walks = [walk(model, *ends) for ends in zip(*walk_pairs(result, start, end), strict=True)]
        voxels, pictures = (torch.stack(parts) for parts in zip(*walks, strict=True))
        rows[f"{kind}, 3D"] = _measured(voxels)
        rows[f"{kind}, rendered"] = _measured(pictures) | {"strangeness": _strangeness(model, pictures)}
        first, last = pictures[:, :1], pictures[:, -1:]
        share = torch.linspace(0, 1, STEPS)[:, None, None, None]
        faded.append((1 - share) * first + share * last)
        jumped.append(torch.where(share > 0.5, last, first))
        ends.append(first)
    fades = torch.cat(faded)
    rows["floor: cross-fade of pictures"] = _measured(fades) | {"strangeness": _strangeness(model, fades)}
    rows["floor: a jump halfway"] = _measured(torch.cat(jumped))
    strangers = model.decode(result.arrays()["sample_latents"][: STEPS * 8])
    shown = strangers[1] if strangers[2] is None else strangers[2]
    rows["floor: unrelated samples in a row"] = _measured(shown.view(-1, STEPS, *shown.shape[1:]))
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("walks")


def smoothness_verdict(table: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason on "the latent space is smooth", from all kinds of walks, in 3D and rendered.

    "reproduced" if of every kind 95 % of the walks or more are smooth, "partly" if half of them or more are, else "not
    reproduced".
    """
    kinds = table[~table.index.str.startswith("floor")]
    worst = kinds["smooth"].idxmin()
    share = kinds.loc[worst, "smooth"]
    reason = (
        f"largest step at most {EVEN:g} mean steps and path at most {STRAIGHT:g} distances in {share:.0%} of "
        f"{kinds.loc[worst, 'n']:.0f} walks of the worst kind ({worst})"
    )
    return ("reproduced" if share >= 0.95 else "partly" if share >= 0.5 else "not reproduced"), reason


def _measured(walks: Tensor) -> dict[str, float]:
    found = traversal_smoothness(walks)
    smooth = (found.unevenness <= EVEN) & (found.detour <= STRAIGHT)
    return {
        "n": len(walks),
        "unevenness": found.unevenness.mean().item(),
        "± unevenness": found.unevenness.std(correction=0).item(),
        "detour": found.detour.mean().item(),
        "± detour": found.detour.std(correction=0).item(),
        "smooth": smooth.float().mean().item(),
    }


def _strangeness(model: VoxelAutoencoder, walks: Tensor) -> float:
    """(P, K, 1, 28, 28): of the pictures in the middle."""
    middle = walks[:, walks.shape[1] // 2]
    return (model(middle).picture - middle).square().mean().item()
