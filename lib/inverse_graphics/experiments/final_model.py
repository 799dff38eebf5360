"""ucar-f10 to f15, c1, c2, p1, p2: the final model, a μ-VAE with texturizer and an azimuth latent Z_θ of its own.

    python -m inverse_graphics.cli train ucar-f10 --profile quick     minutes on two cores
    python -m inverse_graphics.cli train ucar-f10 --profile paper     hours on a GPU

Trained on all sets mixed, and on the two that have one view only; and, to compare with, on the two with the azimuth
fixed, and on digits, chairs and airplanes alone. Expected: true shapes and new views of all (Uçar 2019, Sec. 4.4).
"""

from dataclasses import replace

from inverse_graphics.experiments import digit_geometry
from inverse_graphics.experiments.voxel_autoencoder import VoxelAutoencoderConfig

ALL = {"smoke": "digits+garments+faces+objects"}
TWO = {"smoke": "digits+garments"}
SETTINGS = {
    "smoke": {"train_images": 200, "test_images": 80},
    "quick": {"train_images": 24_000, "test_images": 2000, "texturizer_width": 256},
}
SINGLE = {"smoke": {}, "quick": {"steps": 1000}, "paper": {}}
FILM = {"smoke": ("3", "Trouser")}
ALL_FILM = ("3", "5", "2", "Trouser", "Shirt", "Sneaker", "face", "chair", "person", "cup", "airplane", "car")


def configs(profile: str, seed: int = 0) -> dict[str, VoxelAutoencoderConfig]:
    base = digit_geometry.config("mu_vae", profile, seed)
    base = replace(base, texturizer=True, azimuth="latent", **SETTINGS.get(profile, {}))
    all_sets = ALL.get(profile, "mnist+fashion_mnist+celeba+modelnet40")
    two = replace(base, dataset=TWO.get(profile, "mnist+fashion_mnist"))
    return {
        "all": replace(base, dataset=all_sets, film=FILM.get(profile, ALL_FILM)),
        "two": two,
        "two_fixed": replace(two, azimuth="constant"),
    }


def single_configs(profile: str, seed: int = 0) -> dict[str, VoxelAutoencoderConfig]:
    """The same model on one kind of picture alone, for ucar-f15: a digit, a chair, an airplane."""
    base = replace(configs(profile, seed)["all"], film=(), **SINGLE[profile])
    shapes = "objects" if profile == "smoke" else "modelnet40"
    return {
        "digit": replace(base, dataset="digits" if profile == "smoke" else "mnist"),
        "chair": replace(base, dataset=shapes, classes=("chair",)),
        "airplane": replace(base, dataset=shapes, classes=("airplane",)),
    }
