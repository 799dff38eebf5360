"""ucar-f4: the geometry of a 9 under VAE, β-VAE, AAE and μ-VAE, azimuth fixed at 0, trained on MNIST.

    python -m inverse_graphics.cli train ucar-f4 --profile quick     minutes on two cores
    python -m inverse_graphics.cli train ucar-f4 --profile paper     hours on a GPU

Expected: AAE dense, μ-VAE sparse (Uçar 2019, Sec. 4.1; the paper shows pictures and no number).
"""

from inverse_graphics.checks import require_choice
from inverse_graphics.experiments.voxel_autoencoder import VoxelAutoencoderConfig

OBJECTIVES = ("vae", "beta_vae", "aae", "mu_vae")
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
    "quick": {"steps": 1500, "test_images": 2000, "encoder_channels": 32, "decoder_channels": 32},
    "paper": {},
}


def configs(profile: str, seed: int = 0) -> dict[str, VoxelAutoencoderConfig]:
    """One config per objective, in the order of the paper's figure."""
    settings = PROFILES[require_choice("profile", profile, PROFILES)]
    return {
        objective: VoxelAutoencoderConfig(**{"dataset": "mnist", "objective": objective, "seed": seed, **settings})
        for objective in OBJECTIVES
    }
