"""szabo-t1: what earlier methods learn 3D from, as the mesh paper has it, and what this companion's code learns from.

Source: Szabó & Favaro 2019, Table 1 with its caption, Sec. 1 and 2, and the titles in its references. The text that
this companion was made from holds the table's rows and its three headings, but the ticks have lost their columns, and
the columns their names. So the rows are the table's, and what is said of them is what the paper's sentences say; where
they say nothing, neither does this. The companion's own rows are read off its code.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, get_type_hints

import pandas as pd
import torch
from torch import Tensor

from inverse_graphics.experiments.mesh_gan import MeshGANConfig
from inverse_graphics.experiments.pix2scene import Pix2SceneConfig
from inverse_graphics.training.meshes import MeshGANTrainer
from inverse_graphics.training.surfels import SurfelBatch
from inverse_graphics.training.voxels import VoxelTrainer

UNSAID = "not in the text"


class Method(NamedTuple):
    """A row of Table 1: what it is trained with, what shapes are to it, and where the paper says so."""

    name: str
    supervision: str
    representation: str = ""
    where: str = ""


_MODEL = ("3D, through the Basel face model", "parameters of a face model", "Sec. 2")
_WEAK = "synthetic images, or weak supervision"
TABLE_1 = (
    Method("Geng et al. (2019)", *_MODEL),
    Method("Gecer et al. (2019)", *_MODEL),
    Method("Sanyal et al. (2019)", *_MODEL),
    Method("Ranjan et al. (2018)", "3D", "mesh", "Sec. 2; title"),
    Method("Kato & Harada (2019)", _WEAK, "", "Sec. 2"),
    Method("Achlioptas et al. (2018)", "3D", "point cloud", "Sec. 2; title"),
    Method("Wu et al. (2016)", "3D", "", "Sec. 2"),
    Method("Paysan et al. (2009)", "3D: laser scans", "linear combination of base shapes", "Sec. 2"),
    Method("Gerig et al. (2018)", UNSAID, "morphable model", "title"),
    Method("Gadelha et al. (2017)", "silhouettes: synthetic images with background masks", "", "Sec. 1"),
    Method("Rajeswar et al. (2019), Pix2Scene", _WEAK, "implicit", "Sec. 2; title"),
    Method("Rezende et al. (2016)", _WEAK, "", "Sec. 2"),
    Method("Henzler et al. (2018)", _WEAK, "", "Sec. 2"),
    Method("Henderson & Ferrari (2019)", _WEAK, "", "Sec. 2"),
    Method("Nguyen-Phuoc et al. (2019), HoloGAN", UNSAID, "latent shape", "Sec. 2"),
    Method("This work (Szabó & Favaro)", "pictures alone", "triangle mesh", "Abstract"),
)

# Which inputs of a surfel model's training tell it what
_SURFEL_SIGNALS = {
    "images": "pictures",
    "position": "camera",
    "target": "camera",
    "light_positions": "lights",
    "light_colours": "lights",
    "ambient": "lights",
    "labels": "class",
    "depth": "3D",
}


def step_signals(step: Callable) -> tuple[str, ...]:
    """What a training step gets of each example, where that is a tensor: its picture.

    Raises:
        ValueError: its first argument is something else.
    """
    name, kind = next(iter(get_type_hints(step).items()))
    if kind is not Tensor:
        raise ValueError(f"step: expected one whose first argument is a Tensor of pictures, got {name}: {kind}")
    return ("pictures",)


def surfel_signals(config: Pix2SceneConfig) -> tuple[str, ...]:
    """What a surfel model of a config is told of each picture, by the fields of `SurfelBatch` that count for it."""
    ignored = set() if config.conditional else {"labels"}
    ignored |= set() if config.supervised else {"depth"}
    if config.lights != "known" and not config.reflectance:
        ignored |= {"light_positions", "light_colours", "ambient"}
    return tuple(dict.fromkeys(_SURFEL_SIGNALS[field] for field in SurfelBatch._fields if field not in ignored))


def static_rim(images: Tensor) -> float:
    """The share of the pixels along the rim of pictures (N, C, S, S) that are the same in all of them: 1 for objects on
    a plain background, whose silhouettes anyone can tell. The paper counts those as supervision by silhouettes.

    Raises:
        ValueError: fewer than two pictures, of which nothing could differ.
    """
    if len(images) < 2:
        raise ValueError(f"images: expected two or more, got {len(images)}")
    spread = (images.amax(0) - images.amin(0)).amax(0)  # (S, S)
    rim = torch.cat((spread[0], spread[-1], spread[1:-1, 0], spread[1:-1, -1]))
    return (rim < 1 / 255).double().mean().item()


def companion_rows(rims: Mapping[str, float], surfels: Pix2SceneConfig, meshes: MeshGANConfig) -> list[Method]:
    """Rows for the three families of this companion.

    Args:
        rims: `voxels`, `surfels` and `meshes` → `static_rim` of the pictures they are trained with.
        surfels, meshes: configs of the two that have settings that matter here.
    """
    given = {
        "voxels": step_signals(VoxelTrainer.step),
        "surfels": surfel_signals(surfels),
        "meshes": step_signals(MeshGANTrainer.step),
    }
    assumed = {
        "voxels": "upright objects; symmetric ones, or solid heads, for some figures",
        "surfels": "one albedo, known",
        "meshes": f"objects in the middle, seen from within ± {meshes.azimuth:g}° and ± {meshes.elevation:g}°",
    }
    shapes = {"voxels": "voxels", "surfels": "surfels, one for each pixel", "meshes": "triangle mesh"}
    rows = []
    for family, signals in given.items():
        silhouettes = ("silhouettes (plain background)",) if rims[family] > 0.5 else ()
        words = ", ".join((*signals, *silhouettes)) if len(signals) + len(silhouettes) > 1 else "pictures alone"
        rows.append(Method(f"this companion, {family}", words, shapes[family], f"code; assumed: {assumed[family]}"))
    return rows


def literature_table(rows: list[Method]) -> pd.DataFrame:
    """Table 1 as far as it can be told, and further rows."""
    frame = pd.DataFrame([*TABLE_1, *rows])
    frame.columns = ["method", "trained with", "3D is", "source"]
    return frame.set_index("method")


def verdict() -> tuple[str, str]:
    """Verdict and reason on Table 1: "reproduced" if the paper's text says of every row what it is trained with."""
    said = sum(method.supervision != UNSAID for method in TABLE_1)
    reason = (
        f"{said} of {len(TABLE_1)} rows from the paper's sentences; the ticks have lost their columns in the text at "
        "hand, so capabilities and single signals are left out"
    )
    return ("reproduced" if said == len(TABLE_1) else "partly"), reason


def own_verdict(rows: list[Method]) -> tuple[str, str]:
    """Verdict and reason on "nothing but pictures is needed", of the meshes of `companion_rows`."""
    (found,) = [row.supervision for row in rows if row.name.endswith("meshes")]
    return ("reproduced" if found == "pictures alone" else "not reproduced"), f"the mesh GAN's steps get: {found}"
