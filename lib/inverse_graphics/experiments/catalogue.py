"""Experiments by the paper item they serve, for the command line: `train("ucar-f4", profile="quick")`."""

from inverse_graphics.checks import require_choice
from inverse_graphics.experiments import digit_geometry, garment_slices
from inverse_graphics.experiments.voxel_autoencoder import run
from inverse_graphics.results import Result
from inverse_graphics.training.loop import Runtime

EXPERIMENTS = {"ucar-f4": digit_geometry, "ucar-f5": garment_slices}


def train(
    name: str, *, profile: str = "quick", seed: int = 0, runtime: Runtime | None = None, retrain: bool = False
) -> list[Result]:
    """All results of an experiment: found where finished, else trained.

    Raises:
        ValueError: an unknown name or profile; the message lists the valid ones.
    """
    configs = EXPERIMENTS[require_choice("experiment", name, EXPERIMENTS)].configs(profile, seed)
    return [run(config, runtime=runtime, retrain=retrain) for config in configs.values()]
