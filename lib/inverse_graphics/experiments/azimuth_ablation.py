"""An ablation that none of the sources has: what each choice of the final model is worth on chairs of known shape.

    python -m inverse_graphics.cli train voxel-ablation --profile quick     minutes on two cores

The μ-VAE with Z_θ of `chairs`, and one thing changed at a time: sampling of the projection, size of the latent, one Z_θ
for all or one for each slot of a batch, the objective as used or as printed.
"""

import math
from dataclasses import replace

import pandas as pd

from inverse_graphics.experiments import chairs
from inverse_graphics.experiments.voxel_autoencoder import VoxelAutoencoderConfig
from inverse_graphics.results import Result


def configs(profile: str, seed: int = 0) -> dict[str, VoxelAutoencoderConfig]:
    """Keys are what a row of the table is called; the first is the model of `chairs`, which all others differ from."""
    base = chairs.configs(profile, seed)["latent"]
    return {
        f"as used: trilinear, latent {base.latent}, one Z_θ": base,
        "nearest sampling": replace(base, sampling="nearest"),
        "latent 2": replace(base, latent=2),
        "latent 10": replace(base, latent=10),
        "latent 19": replace(base, latent=19),
        "one Z_θ per slot": replace(base, azimuth_slots=base.batch_size),
        "objective as printed": replace(base, objective="mu_vae_as_printed"),
    }


MEASURES = {"iou": "IoU", "chamfer": "Chamfer distance", "novel_view_mse": "novel-view MSE"}
PICTURE = "reconstruction MSE, test pictures"
PRIOR = "distance of azimuths from the true distribution, °"


def summary(results: dict[str, Result]) -> pd.DataFrame:
    """A row per variant: mean and standard deviation over test chairs, the reconstruction's error over test pictures,
    spread of the azimuths and their distance from the true ones in degrees. Last the floors: for shapes the mean true
    shape at an unknown azimuth, for views the picture itself from all sides, for pictures their mean, for azimuths one
    for all; its symmetry is that of the true shapes."""
    rows = []
    for name, result in results.items():
        numbers, row = result.numbers, {"variant": name}
        for key, heading in MEASURES.items():
            found = numbers["truth"]["methods"]["decoder"][key]
            row |= {heading: found["mean"], f"{heading}, ±": found["std"]}
        row |= {PICTURE: numbers["projection_mse"]["mean"], f"{PICTURE}, ±": numbers["projection_mse"]["std"]}
        row["rotational symmetry"] = numbers["form"]["rotational_symmetry"]["mean"]
        row["circular standard deviation of azimuths, °"] = numbers["azimuth"]["circular_std_degrees"]
        row[PRIOR] = numbers["azimuth"]["distance_degrees"]
        row["active latents"] = numbers["active_latents"]
        rows.append(row)
    numbers = next(iter(results.values())).numbers
    lathe, mean_picture = numbers["truth"]["baselines"]["mean_shape_no_azimuth"], numbers["floor_mean_image_mse"]
    bottom = {"variant": "floor", PICTURE: mean_picture["mean"], f"{PICTURE}, ±": mean_picture["std"]}
    for key in ("iou", "chamfer"):
        bottom |= {MEASURES[key]: lathe[key]["mean"], f"{MEASURES[key]}, ±": lathe[key]["std"]}
    copied = numbers["truth"]["novel_view_floors"]["copied"]
    bottom |= {MEASURES["novel_view_mse"]: copied["mean"], f"{MEASURES['novel_view_mse']}, ±": copied["std"]}
    bottom["rotational symmetry"] = numbers["truth"]["true_rotational_symmetry"]["mean"]
    bottom[PRIOR] = numbers["azimuth"]["floor_constant_degrees"]
    return pd.DataFrame([*rows, bottom]).set_index("variant")


def findings(table: pd.DataFrame, objects: int) -> dict[str, str]:
    """Per variant, which measures of the shapes differ from the first row's by more than two standard errors over
    `objects` test chairs (as if independent, which is strict), and which way."""
    base, found = table.iloc[0], {}
    for name, row in table.iloc[1:-1].iterrows():
        told = []
        for heading in MEASURES.values():
            error = math.hypot(row[f"{heading}, ±"], base[f"{heading}, ±"]) / math.sqrt(objects)
            gap = (row[heading] - base[heading]) * (1 if heading == "IoU" else -1)
            if abs(gap) > 2 * error:
                told.append(f"{heading} {'better' if gap > 0 else 'worse'} ({row[heading] - base[heading]:+.3f})")
        found[str(name)] = ", ".join(told) or "no difference beyond two standard errors"
    return found
