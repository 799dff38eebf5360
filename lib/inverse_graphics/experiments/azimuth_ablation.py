"""An ablation that none of the sources has: what each choice of the final model is worth on chairs of known shape.

    python -m inverse_graphics.cli train voxel-ablation --profile quick     minutes on two cores

The μ-VAE with Z_θ of `chairs`, and one thing changed at a time: sampling of the projection, size of the latent, one Z_θ
for all or one for each slot of a batch, the objective as used or as printed.
"""

from dataclasses import replace

from inverse_graphics.experiments import chairs
from inverse_graphics.experiments.voxel_autoencoder import VoxelAutoencoderConfig


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
