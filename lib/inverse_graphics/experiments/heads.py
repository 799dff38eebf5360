"""ucar-f6: heads from photographs of faces, the azimuth an output of the encoder that is held to a uniform prior.

    python -m inverse_graphics.cli train ucar-f6 --profile quick     minutes on two cores
    python -m inverse_graphics.cli train ucar-f6 --profile paper     hours on a GPU

Expected: a complete head (Uçar 2019, Sec. 4.2 and Figure 6; pictures, no number). All photographs are taken from the
front, though, so a shape that shows a face on every side explains them as well: `encoded` is the paper's way, `bounded`
this project's, which turns at most 40° to either side and is left-right symmetric.
"""

import math
from dataclasses import replace

from inverse_graphics.experiments import digit_geometry
from inverse_graphics.experiments.voxel_autoencoder import VoxelAutoencoderConfig

STAND_IN = {"smoke": "faces"}
SETTINGS = {"quick": {"steps": 1800, "texturizer_width": 256}}
RANGE = math.radians(40)


def configs(profile: str, seed: int = 0) -> dict[str, VoxelAutoencoderConfig]:
    """The paper's way and ours, both AAEs with texturizer."""
    base = digit_geometry.configs(profile, seed)["aae"]
    dataset = STAND_IN.get(profile, "celeba")
    encoded = replace(base, dataset=dataset, texturizer=True, azimuth="encoded", **SETTINGS.get(profile, {}))
    return {"encoded": encoded, "bounded": replace(encoded, azimuth_range=RANGE, symmetric=True)}
