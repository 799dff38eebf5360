"""ucar-f6: heads from photographs of faces, the azimuth an output of the encoder that is held to a uniform prior.

    python -m inverse_graphics.cli train ucar-f6 --profile quick     minutes on two cores
    python -m inverse_graphics.cli train ucar-f6 --profile paper     hours on a GPU

Expected: a complete head (Uçar 2019, Sec. 4.2 and Figure 6; pictures, no number). All photographs are taken from the
front, though, so a shape that shows a face on every side explains them as well. Three ways:

encoded  the paper's
bounded  ours: turns at most 40° to either side, left-right symmetric
solid    ours: the same, and shapes are solid heads (`models.voxels.HeadDecoder`): near an ellipsoid, with a brightness
         of their own, what is in front hides what is behind; they answer for the part of a photograph that they cover,
         and turn about the eyes, by which the photographs are aligned; no texturizer, which would paint a face on
         anything. No photograph shows a back: it is what the assumed smoothness makes of the sides.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from inverse_graphics.experiments import digit_geometry
from inverse_graphics.experiments.head_judgement import likeness, seen_around
from inverse_graphics.experiments.voxel_autoencoder import VoxelAutoencoderConfig
from inverse_graphics.metrics.distributions import circular_distance
from inverse_graphics.metrics.views import view_variation
from inverse_graphics.models.voxels import VoxelAutoencoder
from inverse_graphics.results import Result

STAND_IN = {"smoke": "faces"}
SETTINGS = {"quick": {"steps": 1800, "texturizer_width": 256}}
RANGE = math.radians(40)


def configs(profile: str, seed: int = 0) -> dict[str, VoxelAutoencoderConfig]:
    """The paper's way and our two, all AAEs."""
    base = digit_geometry.config("aae", profile, seed)
    dataset = STAND_IN.get(profile, "celeba")
    encoded = replace(base, dataset=dataset, texturizer=True, azimuth="encoded", **SETTINGS.get(profile, {}))
    bounded = replace(encoded, azimuth_range=RANGE, symmetric=True)
    return {"encoded": encoded, "bounded": bounded, "solid": replace(bounded, texturizer=False, solid_head=True)}


# What Figure 6 comes to in numbers

LABELS = {
    "encoded": "the paper's way",
    "bounded": "ours: ±40°, symmetric",
    "solid": "ours: ±40°, symmetric, solid head",
}
SHORT = {"encoded": "paper's", "bounded": "bounded", "solid": "solid"}
SIDES = (2, 3, 4, 8, 9, 10)  # of `TURNS`: from 60° to 120° off the front, on both sides
BACK = 6
SAMPLES = 256  # of the prior
HEAD, COLUMN, LAYERS = "a solid head with one face", "a column with a face on every side", "one face, in layers"
TWO_FACED = "a solid with a second face at its back"
COLUMNS = {  # heading → what it is
    "side": "shape, side against front",
    "back": "shape, back or its mirror image against front",
    "other": "shape, another's front against front",
    "sameness": "sameness of sides, shape",
    "back_sameness": "sameness of back, shape",
    "painted_side": "texture, side against front",
    "painted_other": "texture, another's front against front",
    "painted_sameness": "sameness of sides, texture",
    "variation": "view variation",
    "roughness": "depth roughness",
    "error": "picture MSE over that of the mean picture",
    "spread": "circular standard deviation of azimuths, °",
    "distance": "distance of azimuths from the prior, °",
}


class Around(NamedTuple):
    """Heads seen from `TURNS`, counted from the front, (N, 12, 28, 28) in [0, 1]: `shapes`, what the voxels alone look
    like, and `textures`, what the texturizer makes of that, or None without one."""

    shapes: Tensor
    textures: Tensor | None


@torch.no_grad()
def around(model: VoxelAutoencoder, latents: Tensor, fronts: Sequence[float] | Tensor) -> Around:
    """Render latents (N, Z) from all sides, each beginning at its own front (N,) in radians."""
    shapes = seen_around(model, latents, torch.as_tensor(fronts))
    if model.texturizer is None:
        return Around(shapes, None)
    return Around(shapes, model.texturizer(shapes.flatten(0, 1)[:, None]).view_as(shapes))


def fronts(result: Result) -> tuple[Tensor, float]:
    """From where the test pictures that the result remembers (N,) show their heads, and where the front is on average.

    Of a solid head that is 0 for all: it is symmetric about it, and its azimuths are how far pictures are from it. Else
    it is from where the encoder sees a picture, on average the mean direction over all test pictures.
    """
    arrays = result.arrays()
    azimuths = arrays["azimuths"]
    if result.config.get("solid_head"):
        return torch.zeros(len(arrays["example_indices"])), 0.0
    mean = math.atan2(azimuths.sin().mean(), azimuths.cos().mean())
    return azimuths[arrays["example_indices"]], mean


def agreement(model: VoxelAutoencoder, result: Result) -> dict[str, Tensor]:
    """How alike views are to the front (`head_judgement.likeness`), means over `SAMPLES` samples of the prior.

    Returns:
        (12,) each for `shapes` and, with a texturizer, `textures`; and, one number each, `other …`: how alike the front
        of the next head is; `back`, of the shape from behind or of its mirror image, whichever is more alike; and
        `variation`: how much the views of the shapes differ from each other.
    """
    latents = result.arrays()["sample_latents"][:SAMPLES]
    seen = around(model, latents, torch.full((len(latents),), fronts(result)[1]))
    back, first = seen.shapes[:, BACK], seen.shapes[:, 0]
    mirrored = torch.maximum(likeness(back, first), likeness(back.flip(2), first))
    found = {"variation": view_variation(seen.shapes).mean(), "back": mirrored.mean()}
    for name, pictures in seen._asdict().items():
        if pictures is not None:
            front = pictures[:, :1]
            found[name] = likeness(pictures, front).mean(0)
            found[f"other {name}"] = likeness(front.roll(1, 0), front).mean()
    return found


def summary(results: dict[str, Result], agreements: dict[str, dict[str, Tensor]]) -> pd.DataFrame:
    """A row per way and one for a lathe, from the results and the `agreement` of each.

    "Against" is likeness inside the oval that a head fills, over samples of the prior; "sameness" puts it on a scale: 1
    where a side shows what the front does, as on a lathe, 0 where it is as unlike the front as another head is, and
    below where it is less like it. Azimuths are compared with the uniform prior over the way's own range. The error is
    that of the last picture, and for a solid head over what it covers.
    """
    rows = {}
    for way, result in results.items():
        numbers, found = result.numbers, agreements[way]
        shape, other = found["shapes"].tolist(), found["other shapes"].item()
        azimuths, reach = result.arrays()["azimuths"], result.config["azimuth_range"]
        prior = torch.linspace(-1, 1, 361)[:-1] * reach
        row = {
            "side": _mean(shape),
            "back": found["back"].item(),
            "other": other,
            "sameness": _scaled(_mean(shape), other),
            "back_sameness": _scaled(found["back"].item(), other),
            "variation": found["variation"].item(),
            "roughness": numbers["depth_roughness"]["mean"],
            "error": _error(numbers),
            "spread": numbers["azimuth"]["circular_std_degrees"],
            "distance": circular_distance(azimuths, prior),
        }
        if "textures" in found:
            painted, other = _mean(found["textures"].tolist()), found["other textures"].item()
            row |= {"painted_side": painted, "painted_other": other, "painted_sameness": _scaled(painted, other)}
        rows[LABELS[way]] = row
    alike = ("side", "back", "sameness", "back_sameness", "painted_side", "painted_sameness")
    rows["a lathe"] = {"variation": 0.0} | dict.fromkeys(alike, 1.0)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))
    return table.rename(columns=COLUMNS).rename_axis("heads")


def kind(row: pd.Series) -> str:
    """What the shapes of a row of `summary` are: a column where the sides are nearer to the front than to another head;
    else layers where they are rougher along depth than a solid (above 1); else two-faced where the back is nearer to
    the front than to another head; else a head."""
    if row[COLUMNS["sameness"]] > 0.5:
        return COLUMN
    if row[COLUMNS["roughness"]] > 1:
        return LAYERS
    return TWO_FACED if row[COLUMNS["back_sameness"]] > 0.5 else HEAD


def verdict(table: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason on "a complete head is recovered": "reproduced" if the paper's way gives a head, "partly" if
    only the bounded way does, else "not reproduced". The solid way cannot count: its shape is assumed."""
    papers, bounded = (kind(table.loc[LABELS[way]]) for way in ("encoded", "bounded"))
    said = "reproduced" if papers == HEAD else "partly" if bounded == HEAD else "not reproduced"
    return said, "; ".join(_told(table, way) for way in ("encoded", "bounded"))


def solid_verdict(table: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason on "with solid heads assumed, one face and a back come": "reproduced" or "not reproduced"."""
    came = kind(table.loc[LABELS["solid"]]) == HEAD
    return "reproduced" if came else "not reproduced", _told(table, "solid")


def _told(table: pd.DataFrame, way: str) -> str:
    row = table.loc[LABELS[way]]
    sides, back, roughness = (row[COLUMNS[word]] for word in ("sameness", "back_sameness", "roughness"))
    return (
        f"{LABELS[way]}: {kind(row)} (sameness of sides {sides:.2f}, of the back {back:.2f}: 1 for a lathe, 0 for "
        f"another's face; depth roughness {roughness:.2f}, 1 for a solid)"
    )


def _error(numbers: dict) -> float:
    if "head" in numbers:
        return numbers["head"]["mse"] / numbers["head"]["floor_mean_image_mse"]
    picture = numbers.get("texture_mse", numbers["projection_mse"])
    return picture["mean"] / numbers["floor_mean_image_mse"]["mean"]


def _mean(by_turn: Sequence[float]) -> float:
    return sum(by_turn[at] for at in SIDES) / len(SIDES)


def _scaled(side: float, other: float) -> float:
    return (side - other) / max(1 - other, 1e-6)  # prevents 0/0 where all heads are one
