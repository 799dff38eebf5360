"""ucar-f6: heads from photographs of faces, the azimuth an output of the encoder that is held to a uniform prior.

    python -m inverse_graphics.cli train ucar-f6 --profile quick     minutes on two cores
    python -m inverse_graphics.cli train ucar-f6 --profile paper     hours on a GPU

Expected: a complete head (Uçar 2019, Sec. 4.2 and Figure 6; pictures, no number). All photographs are taken from the
front, though, so a shape that shows a face on every side explains them as well: `encoded` is the paper's way, `bounded`
this project's, which turns at most 40° to either side and is left-right symmetric.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from inverse_graphics.experiments import digit_geometry
from inverse_graphics.experiments.voxel_autoencoder import VoxelAutoencoderConfig
from inverse_graphics.metrics.distributions import circular_distance
from inverse_graphics.metrics.views import view_agreement
from inverse_graphics.models.voxels import VoxelAutoencoder
from inverse_graphics.renderers.voxels import project_voxels
from inverse_graphics.results import Result

STAND_IN = {"smoke": "faces"}
SETTINGS = {"quick": {"steps": 1800, "texturizer_width": 256}}
RANGE = math.radians(40)


def configs(profile: str, seed: int = 0) -> dict[str, VoxelAutoencoderConfig]:
    """The paper's way and ours, both AAEs with texturizer."""
    base = digit_geometry.config("aae", profile, seed)
    dataset = STAND_IN.get(profile, "celeba")
    encoded = replace(base, dataset=dataset, texturizer=True, azimuth="encoded", **SETTINGS.get(profile, {}))
    return {"encoded": encoded, "bounded": replace(encoded, azimuth_range=RANGE, symmetric=True)}


# What Figure 6 comes to in numbers

LABELS = {"encoded": "the paper's way", "bounded": "ours: ±40°, symmetric"}
SHORT = {"encoded": "paper's", "bounded": "ours"}
TURNS = torch.arange(12) * (2 * math.pi / 12)
SIDES = (2, 3, 4, 8, 9, 10)  # of `TURNS`: from 60° to 120° off the front, on both sides
SAMPLES = 128  # of the prior
HEAD, COLUMN, LAYERS = "a solid head with one face", "a column with a face on every side", "one face, in layers"
COLUMNS = {  # heading → what it is
    "side": "projection, side against front",
    "other": "projection, another's front against front",
    "sameness": "sameness of sides, projection",
    "painted_side": "texture, side against front",
    "painted_other": "texture, another's front against front",
    "painted_sameness": "sameness of sides, texture",
    "variation": "view variation",
    "roughness": "depth roughness",
    "spread": "circular standard deviation of azimuths, °",
    "distance": "distance of azimuths from the prior, °",
}


class Around(NamedTuple):
    """Heads seen from `TURNS`, counted from the front: `projections` and `textures` (N, 12, 28, 28) in [0, 1]."""

    projections: Tensor
    textures: Tensor


@torch.no_grad()
def around(model: VoxelAutoencoder, latents: Tensor, fronts: Sequence[float] | Tensor) -> Around:
    """Render latents (N, Z) from all sides, each beginning at its own front (N,) in radians."""
    voxels = model.decoder(latents)
    projections = [project_voxels(voxels, torch.as_tensor(fronts) + turn) for turn in TURNS]
    return Around(torch.cat(projections, 1), torch.cat([model.texturizer(picture) for picture in projections], 1))


def fronts(result: Result) -> tuple[Tensor, float]:
    """From where the encoder sees the remembered test pictures (N,), and the mean direction over all test pictures."""
    arrays = result.arrays()
    azimuths = arrays["azimuths"]
    mean = math.atan2(azimuths.sin().mean(), azimuths.cos().mean())
    return azimuths[arrays["example_indices"]], mean


def agreement(model: VoxelAutoencoder, result: Result) -> dict[str, Tensor]:
    """How closely views match the front, (12,) each, for `projections` and `textures`; and, one number each, `other …`,
    how closely the front of the next head does. Over `SAMPLES` samples of the prior."""
    latents = result.arrays()["sample_latents"][:SAMPLES]
    seen = around(model, latents, torch.full((len(latents),), fronts(result)[1]))
    found = {}
    for name, pictures in seen._asdict().items():
        found[name] = view_agreement(pictures).mean(0)
        front = pictures[:, :1]
        found[f"other {name}"] = view_agreement(torch.cat((front, front.roll(1, 0)), 1))[:, 1].mean()
    return found


def summary(results: dict[str, Result], agreements: dict[str, dict[str, Tensor]]) -> pd.DataFrame:
    """A row per way and one for a lathe, from the results and the `agreement` of each.

    "side against front" is over test pictures for projections (`numbers["form"]`) and over samples of the prior for
    textures; "sameness" puts it on a scale: 1 where a side shows what the front does, as on a lathe, 0 where it is as
    unlike the front as another head is. Azimuths are compared with the uniform prior over the way's own range.
    """
    rows = {}
    for way, result in results.items():
        numbers, found = result.numbers, agreements[way]
        side = _mean(numbers["form"]["view_agreement"])
        painted, other = _mean(found["textures"].tolist()), found["other projections"].item()
        other_painted = found["other textures"].item()
        azimuths, reach = result.arrays()["azimuths"], result.config["azimuth_range"]
        prior = torch.linspace(-1, 1, 361)[:-1] * reach
        rows[LABELS[way]] = {
            "side": side,
            "other": other,
            "sameness": _scaled(side, other),
            "painted_side": painted,
            "painted_other": other_painted,
            "painted_sameness": _scaled(painted, other_painted),
            "variation": numbers["form"]["view_variation"]["mean"],
            "roughness": numbers["depth_roughness"]["mean"],
            "spread": numbers["azimuth"]["circular_std_degrees"],
            "distance": circular_distance(azimuths, prior),
        }
    rows["a lathe"] = {"side": 1.0, "sameness": 1.0, "painted_side": 1.0, "painted_sameness": 1.0, "variation": 0.0}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))
    return table.rename(columns=COLUMNS).rename_axis("heads")


def kind(row: pd.Series) -> str:
    """What the shapes of a row of `summary` are: a column where the projections' sides are nearer to the front than to
    another head; else layers where they are rougher along depth than a solid (above 1); else a head."""
    if row[COLUMNS["sameness"]] > 0.5:
        return COLUMN
    return LAYERS if row[COLUMNS["roughness"]] > 1 else HEAD


def verdict(table: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason on "a complete head is recovered": "reproduced" if the paper's way gives a head, "partly" if
    only ours does, else "not reproduced"."""
    kinds = {label: kind(table.loc[label]) for label in LABELS.values()}
    papers, ours = (kinds[label] == HEAD for label in LABELS.values())
    told = "; ".join(
        f"{label}: {kinds[label]} (sameness of sides {table.loc[label, COLUMNS['sameness']]:.2f} in projection, "
        f"{table.loc[label, COLUMNS['painted_sameness']]:.2f} with texture; 1 for a lathe, 0 for another's face; depth "
        f"roughness {table.loc[label, COLUMNS['roughness']]:.2f}, 1 for a solid)"
        for label in kinds
    )
    return "reproduced" if papers else "partly" if ours else "not reproduced", told


def _mean(by_turn: Sequence[float]) -> float:
    return sum(by_turn[at] for at in SIDES) / len(SIDES)


def _scaled(side: float, other: float) -> float:
    return (side - other) / max(1 - other, 1e-6)  # prevents 0/0 where all heads are one
