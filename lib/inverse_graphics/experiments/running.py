"""How any experiment becomes a result: trained once, resumed if it was killed, judged as it is stored.

An experiment says what to train on what, and how to judge it (`Plan`). `train` does the rest: one run of a config at a
time, the training itself, provenance, and the result's files.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from filelock import FileLock
from torch import Tensor, nn

from inverse_graphics import paths
from inverse_graphics.results import Result, code_commit, find_result, library_versions, result_name, save_result
from inverse_graphics.training.loop import Runtime, Trainer, fit
from inverse_graphics.training.rehearsal import Estimate, Rehearsed, rehearse

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Outcome(NamedTuple):
    """What a result is made of, see `results`: weights as they are stored, numbers, and tensors for figures."""

    weights: dict[str, Tensor]
    numbers: dict[str, Any]
    arrays: dict[str, Tensor]


class Plan(NamedTuple):
    """What `train` carries out.

    Fields:
        trainer, rows, steps, batch_size: for `fit`; `rows` is its `data`.
        data: where training and test data come from, for the provenance.
        judge: called once when training is done, in the main process.
    """

    trainer: Trainer
    rows: Tensor | tuple[Tensor, ...]
    steps: int
    batch_size: int
    data: list[Any]
    judge: Callable[[], Outcome]


def train(config: Any, runtime: Runtime, prepare: Callable[["Fabric"], Plan]) -> Result:
    """Train what a config asks for, from its checkpoint if there is one, and keep the result in `runs/`.

    Two runs of one config at once: the second waits and gets the first one's result.

    Args:
        config: a frozen dataclass with `name` and `seed`.
        prepare: makes networks and loads data; called only if there is something to do.

    Raises:
        TrainingDiverged, CheckpointError, ResultError, DatasetError: see there.
        Rehearsed: `runtime` asks for an estimate alone.
    """
    if runtime.dry_run:
        raise Rehearsed(_estimate(config, runtime, prepare))
    fabric = runtime.fabric()
    fabric.launch()
    locks = paths.RUNS / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    lock = FileLock(locks / f"{result_name(config)}.lock")
    if fabric.is_global_zero:
        lock.acquire()
    try:
        fabric.barrier()
        checkpoint = paths.RUNS / result_name(config) / "checkpoint.safetensors"
        if found := find_result(config, shipped=False):
            if fabric.is_global_zero:
                checkpoint.unlink(missing_ok=True)  # of a run that was killed between keeping its result and this
            return found
        plan = prepare(fabric)
        history, seconds = fit(
            plan.trainer,
            plan.rows,
            steps=plan.steps,
            batch_size=plan.batch_size,
            seed=config.seed,
            checkpoint=checkpoint,
            runtime=runtime,
            fabric=fabric,
            label=config.name,
        )
        if fabric.is_global_zero:
            outcome = plan.judge()
            provenance = {
                "data": plan.data,
                "seed": config.seed,
                "versions": library_versions(),
                "commit": code_commit(),
                "device": str(fabric.device.type),
                "processes": fabric.world_size,
                "precision": fabric._precision.precision,
                "seconds": round(seconds, 1),
            }
            save_result(config, provenance=provenance, history=history, **outcome._asdict())
            checkpoint.unlink(missing_ok=True)
        fabric.barrier()
        return find_result(config, shipped=False)
    finally:
        lock.release()


def _estimate(config: Any, runtime: Runtime, prepare: Callable[["Fabric"], Plan]) -> Estimate:
    """By one process on one device, whatever the runtime says of more."""
    nodes, devices = runtime.num_nodes, runtime.devices
    fabric = replace(runtime, devices=1, num_nodes=1, strategy="auto").fabric()
    fabric.launch()
    plan = prepare(fabric)
    return rehearse(
        plan.trainer,
        plan.rows,
        steps=plan.steps,
        batch_size=plan.batch_size,
        seed=config.seed,
        fabric=fabric,
        processes=nodes * devices if isinstance(devices, int) else nodes,
        name=result_name(config),
    )


def rounded(model: nn.Module) -> dict[str, Tensor]:
    """The weights as they will be stored, in half precision, also put back into the model, which goes to the CPU and
    into evaluation mode: judge what is kept."""
    weights = {k: v.half() if v.is_floating_point() else v for k, v in model.cpu().state_dict().items()}
    load_rounded(model, weights)
    model.eval()
    return weights


def load_rounded(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Put stored weights into a model, in single precision."""
    model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in weights.items()})


def initialised(make: Callable[[], Any], seed: int) -> Any:
    """What `make` makes, with initial weights that depend on the seed alone. They come from torch's global generator:
    this borrows it and gives it back as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()
