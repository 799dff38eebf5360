"""ucar-f4: the geometry of a 9 under VAE, β-VAE, AAE and μ-VAE, azimuth fixed at 0, trained on MNIST.

    python -m inverse_graphics.cli train ucar-f4 --profile quick     minutes on two cores
    python -m inverse_graphics.cli train ucar-f4 --profile paper     hours on a GPU

Expected: AAE dense, μ-VAE sparse (Uçar 2019, Sec. 4.1; the paper shows pictures and no number).
"""

import statistics
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from inverse_graphics.checks import require_choice
from inverse_graphics.experiments.voxel_autoencoder import VoxelAutoencoderConfig
from inverse_graphics.results import Result, find_result

if TYPE_CHECKING:
    import pandas as pd

OBJECTIVES = ("vae", "beta_vae", "aae", "mu_vae")
AAE_WEIGHT = 0.3  # λ. At 1 the discriminator wins over the pictures for some seeds; notebook 01 has the numbers
PROFILES = {
    "smoke": {
        "dataset": "digits",
        "train_images": 256,
        "test_images": 64,
        "steps": 20,
        "batch_size": 32,
        "encoder_channels": 8,
        "decoder_channels": 8,
    },
    "quick": {  # small batches and a decaying rate: the most that a laptop's few minutes can learn
        "test_images": 2000,
        "steps": 2400,
        "batch_size": 32,
        "learning_rate": 2e-3,
        "decay": True,
        "encoder_channels": 64,
        "decoder_channels": 32,
    },
    "paper": {},
}


def config(objective: str, profile: str, seed: int = 0) -> VoxelAutoencoderConfig:
    """The settings of a profile under one objective, as other experiments start from them."""
    settings = PROFILES[require_choice("profile", profile, PROFILES)]
    return VoxelAutoencoderConfig(**{"dataset": "mnist", "objective": objective, "seed": seed} | settings)


def configs(profile: str, seed: int = 0) -> dict[str, VoxelAutoencoderConfig]:
    """One config per objective, in the order of the paper's figure."""
    four = {objective: config(objective, profile, seed) for objective in OBJECTIVES}
    return four | {"aae": replace(four["aae"], adversarial_weight=AAE_WEIGHT)}


# What Figure 4 comes to in numbers

LABELS = {"vae": "VAE", "beta_vae": "β-VAE", "aae": "AAE", "mu_vae": "μ-VAE"}
DENSITY = {  # measures that the words "dense" and "sparse" are judged by
    "mean_occupancy": "mean occupancy",
    "occupied_fraction_0.05": "occupied fraction (> 0.05)",
    "occupied_fraction_0.5": "occupied fraction (> 0.5)",
    "depth_thickness_0.05": "thickness along depth (> 0.05), voxels",
    "depth_thickness_0.5": "thickness along depth (> 0.5), voxels",
}
ERROR = {
    "projection_mse": "reconstruction MSE per pixel, at the posterior's mean",
    "projection_mse_as_trained": "reconstruction MSE per pixel, as trained",
}


def all_seeds(profile: str, first: dict[str, Result], seeds: Iterable[int] = (1, 2)) -> dict[str, list[Result]]:
    """Per objective the given results and those of further seeds that are already there; trains nothing.

    A further seed counts only if it was trained on the same data set and all four objectives have it.
    """
    found = {objective: [result] for objective, result in first.items()}
    for seed in seeds:
        more = {
            objective: find_result(replace(config, dataset=first[objective].config["dataset"]))
            for objective, config in configs(profile, seed).items()
        }
        if all(more.values()):
            for objective, result in more.items():
                found[objective].append(result)
    return found


def summary(results: dict[str, list[Result]]) -> "pd.DataFrame":
    """A row per objective: for each measure the mean over test digits and seeds, the spread over digits (standard
    deviation, mean over seeds) and the spread over seeds (standard deviation of the seeds' means; empty for one)."""
    import pandas as pd  # here: making a shape of a picture need not wait for it

    rows = []
    for objective, runs in results.items():
        row = {"objective": LABELS[objective]}
        for measure, heading in (ERROR | DENSITY).items():
            means = [run.numbers[measure]["mean"] for run in runs]
            row[heading] = statistics.mean(means)
            row[f"{heading}, ± digits"] = statistics.mean(run.numbers[measure]["std"] for run in runs)
            row[f"{heading}, ± seeds"] = statistics.stdev(means) if len(means) > 1 else None
        row["active latents"] = statistics.mean(run.numbers["active_latents"] for run in runs)
        row["test digits"], row["seeds"] = runs[0].numbers["test_images"], len(runs)
        rows.append(row)
    floor, bottom = results["vae"][0].numbers["floor_mean_image_mse"], {"objective": "floor: mean image"}
    for heading in ERROR.values():
        bottom |= {heading: floor["mean"], f"{heading}, ± digits": floor["std"]}
    rows.append(bottom)
    return pd.DataFrame(rows).set_index("objective")


def densest_and_sparsest(results: dict[str, list[Result]]) -> dict[str, tuple[str, str]]:
    """Per density measure, which objective is highest and which lowest, by the mean over seeds."""
    ranks = {}
    for measure in DENSITY:
        means = {key: statistics.mean(run.numbers[measure]["mean"] for run in runs) for key, runs in results.items()}
        ranks[measure] = (max(means, key=means.get), min(means, key=means.get))
    return ranks


def verdict(results: dict[str, list[Result]]) -> tuple[str, str]:
    """Verdict and reason on "AAE dense, μ-VAE sparse", from all density measures.

    "reproduced" if the AAE is the densest and the μ-VAE the sparsest of the four by every measure; "partly" if the AAE
    is denser than the μ-VAE by most of them; else "not reproduced".
    """
    ranks = densest_and_sparsest(results)
    agree = sum(rank == ("aae", "mu_vae") for rank in ranks.values())
    denser = sum(
        statistics.mean(run.numbers[measure]["mean"] for run in results["aae"])
        > statistics.mean(run.numbers[measure]["mean"] for run in results["mu_vae"])
        for measure in DENSITY
    )
    told = "; ".join(f"{DENSITY[m]}: densest {LABELS[hi]}, sparsest {LABELS[lo]}" for m, (hi, lo) in ranks.items())
    reason = f"AAE denser than μ-VAE by {denser} of {len(DENSITY)} measures ({told})"
    if agree == len(DENSITY):
        return "reproduced", reason
    return ("partly" if denser > len(DENSITY) / 2 else "not reproduced"), reason


def front_verdict(results: dict[str, list[Result]]) -> dict[str, str]:
    """Verdict and reason on whether each objective shows the digit from the front: an error under a third of the
    floor's, the mean image's, for every seed."""
    failed = [
        LABELS[objective]
        for objective, runs in results.items()
        if any(run.numbers["projection_mse"]["mean"] > run.numbers["floor_mean_image_mse"]["mean"] / 3 for run in runs)
    ]
    reason = f"not for {', '.join(failed)}, whose error exceeds a third of the mean image's" if failed else ""
    verdict = "reproduced" if not failed else "partly" if len(failed) < len(results) else "not reproduced"
    return {"verdict": verdict, "reason": reason}
