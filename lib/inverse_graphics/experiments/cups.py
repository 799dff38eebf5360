"""ucar-f8 and ucar-f9: cups and persons, convex and concave, by an AAE with texturizer and encoded azimuth.

    python -m inverse_graphics.cli train ucar-f8 --profile quick     minutes on two cores
    python -m inverse_graphics.cli train ucar-f8 --profile paper     hours on a GPU

Expected: some random cups are hollow, some are not; latent traversals are smooth (Uçar 2019, Sec. 4.3; pictures).
"""

from dataclasses import replace

from inverse_graphics.experiments import digit_geometry
from inverse_graphics.experiments.voxel_autoencoder import VoxelAutoencoderConfig

SETTINGS = {
    "smoke": {"dataset": "objects", "train_images": 120, "test_images": 60},
    "quick": {"steps": 1800, "test_images": 960, "texturizer_width": 256},
}


def configs(profile: str, seed: int = 0) -> dict[str, VoxelAutoencoderConfig]:
    base = digit_geometry.configs(profile, seed)["aae"]
    base = replace(base, dataset="modelnet40", classes=("cup", "person"), texturizer=True, azimuth="encoded")
    return {"aae": replace(base, **SETTINGS.get(profile, {}))}
