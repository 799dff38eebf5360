"""Experiments by the paper item they serve, for the command line: `train("ucar-f4", profile="quick")`."""

from dataclasses import replace

from inverse_graphics.checks import require_choice
from inverse_graphics.experiments import (
    ambiguous_pictures,
    azimuth_ablation,
    chairs,
    compared,
    cups,
    digit_geometry,
    final_model,
    garment_slices,
    heads,
    iqtt_answerers,
    iqtt_published,
    mesh_gan,
    pix2scene,
)
from inverse_graphics.experiments.voxel_autoencoder import run
from inverse_graphics.results import Result
from inverse_graphics.training.loop import Runtime
from inverse_graphics.training.rehearsal import Estimate, Rehearsed

VOXEL_EXPERIMENTS = {
    "ucar-f4": digit_geometry.configs,
    "ucar-f5": garment_slices.configs,
    "ucar-f6": heads.configs,
    "ucar-f7": chairs.configs,
    "ucar-f8": cups.configs,
    "ucar-f10": final_model.configs,
    "ucar-f15": final_model.single_configs,
    "voxel-ablation": azimuth_ablation.configs,
}
SURFEL_EXPERIMENTS = {"pix-t1": pix2scene.configs}  # all that the surfel paper's notebooks share
IQTT_EXPERIMENTS = {
    "pix-t3": iqtt_published.configs,
    "iqtt-bags": iqtt_answerers.configs,
    "iqtt-looks": iqtt_answerers.look_configs,
}
MESH_EXPERIMENTS = {"szabo-t2": mesh_gan.configs, "szabo-c1": mesh_gan.prior_configs}
COMPARED_EXPERIMENTS = {"three-papers": compared.configs}
EXPERIMENTS = VOXEL_EXPERIMENTS | SURFEL_EXPERIMENTS | IQTT_EXPERIMENTS | MESH_EXPERIMENTS | COMPARED_EXPERIMENTS
RUNS = {  # the others' is `run`
    "pix-t1": pix2scene.run,
    "pix-t3": iqtt_published.run,
    "iqtt-bags": iqtt_answerers.run,
    "iqtt-looks": iqtt_answerers.run,
    "szabo-t2": mesh_gan.run,
    "szabo-c1": mesh_gan.run,
    "three-papers": compared.run,
}


def train(
    name: str, *, profile: str = "quick", seed: int = 0, runtime: Runtime | None = None, retrain: bool = False
) -> list[Result]:
    """All results of an experiment: found where finished, else trained.

    Those of ucar-f15 end with the search for its picture, which the combined model of ucar-f10 has a part in.

    Raises:
        ValueError: an unknown name or profile; the message lists the valid ones.
    """
    configs = EXPERIMENTS[require_choice("experiment", name, EXPERIMENTS)](profile, seed)
    results = {key: RUNS.get(name, run)(config, runtime=runtime, retrain=retrain) for key, config in configs.items()}
    if name != "ucar-f15":
        return list(results.values())
    combined = run(final_model.configs(profile, seed)["all"], runtime=runtime, retrain=retrain)
    return [*results.values(), ambiguous_pictures.find_picture(combined, results, retrain=retrain)]


def estimate(
    name: str, *, profile: str = "quick", seed: int = 0, runtime: Runtime | None = None
) -> list[Estimate | Result]:
    """What `train` would take, a training at a time, without training: some steps are made and thrown away. What this
    machine has finished is a result already. Made-up data are made, and read ones are read.

    Raises:
        ValueError: an unknown name or profile; the message lists the valid ones.
    """
    configs = EXPERIMENTS[require_choice("experiment", name, EXPERIMENTS)](profile, seed)
    runtime, found = replace(runtime or Runtime(), dry_run=True), []
    for config in configs.values():
        try:
            found.append(RUNS.get(name, run)(config, runtime=runtime, retrain=True))
        except Rehearsed as rehearsed:
            found.append(rehearsed.estimate)
    return found
