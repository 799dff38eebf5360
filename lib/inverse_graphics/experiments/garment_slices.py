"""ucar-f5: random samples of an AAE with texturizer, azimuth fixed at 0, trained on Fashion-MNIST.

    python -m inverse_graphics.cli train ucar-f5 --profile quick     minutes on two cores
    python -m inverse_graphics.cli train ucar-f5 --profile paper     hours on a GPU

Expected: bags and dresses as slices of layers along depth (Uçar 2019, Sec. 4.1; pictures, no number).
"""

from dataclasses import replace

from inverse_graphics.experiments import digit_geometry
from inverse_graphics.experiments.voxel_autoencoder import VoxelAutoencoderConfig

STAND_IN = {"smoke": "garments"}


def configs(profile: str, seed: int = 0) -> dict[str, VoxelAutoencoderConfig]:
    """The AAE of `digit_geometry` with a texturizer, on garments."""
    base = digit_geometry.configs(profile, seed)["aae"]
    return {"aae": replace(base, dataset=STAND_IN.get(profile, "fashion_mnist"), texturizer=True)}
