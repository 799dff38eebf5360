"""Single steps of the trainings that experiments make, taken out of them for measuring."""

from collections.abc import Callable
from typing import NamedTuple
from unittest import mock

from torch import Tensor

from inverse_graphics.experiments import running, voxel_autoencoder
from inverse_graphics.experiments.catalogue import EXPERIMENTS, RUNS
from inverse_graphics.training.loop import Runtime, Step, Trainer, batch_indices, keep_freed_memory

FAMILIES = {"ucar-f4": "mu_vae", "pix-t1": "shapes", "iqtt-bags": "points", "szabo-t2": "full"}  # one training of each
MOMENT = 0.99  # of the training
SEED = 10**6  # one that nobody has trained


class Training(NamedTuple):
    """`step` makes one step of `batch_size` rows of the training called `name`; `trainer` is set up."""

    name: str
    trainer: Trainer
    batch_size: int
    step: Callable[[], object]


class _Prepared(Exception):
    """Raised instead of training."""


def training(experiment: str, precision: str = "auto") -> Training:
    """Of the training that `FAMILIES` says, else the first, in `quick`, on the CPU; its data are read or made."""
    configs = EXPERIMENTS[experiment]("quick", SEED)
    config = configs.get(FAMILIES.get(experiment), next(iter(configs.values())))
    found = []

    def prepared(trainer: Trainer, rows: Tensor | tuple[Tensor, ...], *, steps, batch_size, seed, fabric, **_) -> None:
        keep_freed_memory()  # as training does
        trainer.setup(fabric)
        parts, first = (rows,) if isinstance(rows, Tensor) else tuple(rows), int(MOMENT * steps)
        chosen = batch_indices(len(parts[0]), batch_size, seed, first)
        batch = rows[chosen] if isinstance(rows, Tensor) else tuple(part[chosen] for part in parts)
        now = Step(seed, first, steps, batch_size, fabric)
        found.append(Training(config.name, trainer, batch_size, lambda: trainer.step(batch, now)))
        raise _Prepared

    with mock.patch.object(running, "rehearse", prepared):
        try:
            RUNS.get(experiment, voxel_autoencoder.run)(
                config, runtime=Runtime(accelerator="cpu", precision=precision, dry_run=True), retrain=True
            )
        except _Prepared:
            return found[0]
    raise RuntimeError(f"{experiment}: already trained here with seed {SEED}")
