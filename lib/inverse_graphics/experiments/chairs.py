"""ucar-f7, and how good any azimuth model is where the true shape is known: chairs, one picture of each.

    python -m inverse_graphics.cli train ucar-f7 --profile quick     minutes on two cores
    python -m inverse_graphics.cli train ucar-f7 --profile paper     hours on a GPU

Expected of ucar-f7: with uniform random azimuths the VAE's chairs are round about the vertical axis (Uçar 2019, Sec.
4.2). The other four ways with the azimuth are trained on the same pictures: 0 for all, an output of the encoder, Z_θ,
and, not in the paper, twelve hypotheses compared by a mean shape.
"""

from dataclasses import replace

from inverse_graphics.experiments import digit_geometry
from inverse_graphics.experiments.voxel_autoencoder import VoxelAutoencoderConfig

STAND_IN = {"smoke": "objects_silhouettes"}
# Few pictures (739): a small latent and few steps, else the encoder learns them by heart, poses and all.
SETTINGS = {
    "smoke": {"train_images": 240, "test_images": 120, "batch_size": 8},
    "quick": {"steps": 700, "batch_size": 48, "latent": 8, "encoder_channels": 32, "decoder_channels": 16},
    "paper": {"steps": 3000, "latent": 8},
}
WAYS = {
    "constant": {"objective": "vae"},
    "uniform": {"objective": "vae"},
    "encoded": {"objective": "aae"},
    "latent": {"objective": "mu_vae"},
    "hypotheses": {"objective": "vae", "symmetric": True},
}
LABELS = {
    "constant": "constant azimuth (VAE)",
    "uniform": "uniform random azimuth (VAE)",
    "encoded": "azimuth from the encoder (AAE)",
    "latent": "azimuth latent Z_θ (μ-VAE)",
    "hypotheses": "twelve hypotheses, symmetric (VAE)",
}


def configs(profile: str, seed: int = 0) -> dict[str, VoxelAutoencoderConfig]:
    """One config per way with the azimuth, on one silhouette of each chair."""
    base = digit_geometry.configs(profile, seed)["vae"]
    base = replace(base, dataset=STAND_IN.get(profile, "modelnet10_voxels"), classes=("chair",), one_view=True)
    base = replace(base, **SETTINGS[profile])
    return {azimuth: replace(base, azimuth=azimuth, **way) for azimuth, way in WAYS.items()}
