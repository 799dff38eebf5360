"""The training loop: one for all three papers, on Lightning Fabric, so that a flag moves it from a laptop to a cluster.

A `Trainer` owns networks and optimizers and knows how to make one step from one batch. `fit` does the rest: devices and
precision, which pictures make which batch, progress, history, checkpoints, resume, and a stop at NaN.

What a step sees depends on the seed and the step's number alone: batch indices come from the epoch's permutation and
random numbers from a generator seeded by (seed, step). So a run killed at any moment and resumed from its last
checkpoint gives the numbers of an unbroken run, and several processes share a batch exactly: each takes every n-th
picture of it.
"""

import contextlib
import ctypes
import math
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm as tqdm_text
from tqdm.auto import tqdm

from inverse_graphics.training.checkpoints import load_checkpoint, save_checkpoint

if TYPE_CHECKING:  # importing it takes seconds that loading a finished result need not wait for
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.precision import MixedPrecision

HISTORY_POINTS = 200  # of a loss curve; each is the mean over the steps since the one before


class TrainingDiverged(Exception):
    """A loss became NaN or infinite, or larger than its trainer allows; the message says at which step and what is
    kept."""


@dataclass(frozen=True)
class Runtime:
    """How to run, not what: none of this is part of a result's content hash.

    Fields:
        accelerator, devices, num_nodes, strategy: Lightning Fabric's flags, for example `"gpu"`, 8, 2, `"ddp"`.
        precision: Fabric's flag, or `"auto"`: bf16 autocast where the processor has matrix units for it, else fp32.
        checkpoint_seconds: between checkpoints. Raising it loses more work to a kill and writes less.
        progress: whether to show a progress bar.
        dry_run: whether to raise `training.rehearsal.Rehearsed` with an estimate instead of training.
    """

    accelerator: str = "auto"
    devices: int | str = 1
    num_nodes: int = 1
    strategy: str = "auto"
    precision: str = "auto"
    checkpoint_seconds: float = 60.0
    progress: bool = True
    dry_run: bool = False

    def fabric(self) -> "Fabric":
        """A Fabric with these settings, not yet launched."""
        from lightning_fabric import Fabric

        precision = best_precision(self.accelerator) if self.precision == "auto" else self.precision
        plain = precision == "bf16-mixed" and not self.strategy.startswith(("fsdp", "deepspeed"))
        return Fabric(
            accelerator=self.accelerator,
            devices=self.devices,
            num_nodes=self.num_nodes,
            strategy=self.strategy,
            precision=None if plain else precision,
            plugins=_bf16_autocast(self.accelerator) if plain else None,
        )


class Trainer(Protocol):
    """What `fit` trains. `modules` and `optimizers` are checkpointed under their names; `setup` wraps them for the
    Fabric; `step` makes one update from a batch and returns named scalars, the first of them the total.

    A trainer whose losses can blow up long before they overflow has a `loss_limit`, too: a mean of any term beyond it,
    to either side, stops the run like NaN does.
    """

    modules: dict[str, nn.Module]
    optimizers: dict[str, Optimizer]

    def setup(self, fabric: "Fabric") -> None: ...

    def step(self, batch: Tensor | tuple[Tensor, ...], now: "Step") -> NamedTuple: ...


class Fitted(NamedTuple):
    """What `fit` returns: about `HISTORY_POINTS` records of `step` and the mean of each named term since the last one;
    and the seconds that training took, over all its sessions."""

    history: list[dict[str, float]]
    seconds: float


class Step:
    """One step of a run: where it stands, and its random numbers.

    The numbers are the same whatever the device and however many processes share the batch: drawn on the CPU for the
    whole batch, of which each process takes the rows that belong to its pictures. `fraction` is the part of the
    training that lies behind, in [0, 1), for schedules.
    """

    def __init__(self, seed: int, index: int, steps: int, batch_size: int, fabric: "Fabric") -> None:
        self.index, self.fraction = index, index / steps
        self._generator = generator_for(seed, index)
        self._batch, self._rows = batch_size, slice(fabric.global_rank, None, fabric.world_size)
        self._device = fabric.device

    def normal(self, *shape: int) -> Tensor:
        """Standard normal (B, *shape) for this process's share of the batch."""
        draw = torch.randn(self._batch, *shape, generator=self._generator)
        return draw[self._rows].to(self._device)

    def uniform(self, *shape: int) -> Tensor:
        """Uniform on [0, 1), (B, *shape)."""
        draw = torch.rand(self._batch, *shape, generator=self._generator)
        return draw[self._rows].to(self._device)


def fit(
    trainer: Trainer,
    data: Tensor | tuple[Tensor, ...],
    *,
    steps: int,
    batch_size: int,
    seed: int,
    checkpoint: Path,
    runtime: Runtime,
    fabric: "Fabric",
    label: str = "training",
) -> Fitted:
    """Train for `steps` steps, from the checkpoint if there is one.

    Args:
        data: all of the training set: images (N, C, H, W) float32, or a tuple of tensors of N rows each, such as images
            and where they were seen from. A step gets the same rows of each, as a tensor or a plain tuple.
        batch_size: pictures a step over all processes; a multiple of their number, at most N.
        seed: of the order of pictures and of the noise.
        checkpoint: file of the run's state; kept at the end, for the caller to delete once the result is safe.
        fabric: launched; from `runtime.fabric()`.

    Raises:
        TrainingDiverged: a term became NaN, infinite or too large. The last checkpoint, from before, is kept.
        CheckpointError: the checkpoint cannot be read.
        ValueError: batch size and data or processes do not fit, or the tensors of `data` differ in length.
    """
    parts = (data,) if isinstance(data, Tensor) else tuple(data)
    if len({len(part) for part in parts}) != 1:
        raise ValueError(f"data: expected tensors of the same number of rows, got {[len(part) for part in parts]}")
    count, world = len(parts[0]), fabric.world_size
    if not 0 < batch_size <= count:
        raise ValueError(f"batch_size: expected 1 to {count} (the training images), got {batch_size}")
    if batch_size % world:
        raise ValueError(f"batch_size: expected a multiple of {world} processes, got {batch_size}")
    keep_freed_memory()
    trainer.setup(fabric)
    step, history, sums, started = 0, [], {}, time.monotonic()
    if checkpoint.exists():
        step, history, seconds = _restore(trainer, checkpoint)
        started -= seconds
    parts = tuple(part.to(fabric.device) for part in parts)
    every = max(1, steps // HISTORY_POINTS)
    limit = getattr(trainer, "loss_limit", sys.float_info.max)
    saved = time.monotonic()
    with _progress_bar(label, step, steps, hidden=not (runtime.progress and fabric.is_global_zero)) as bar:
        while step < steps:
            mine = batch_indices(count, batch_size, seed, step)[fabric.global_rank :: world].to(fabric.device)
            rows = tuple(part[mine] for part in parts)
            batch = rows[0] if isinstance(data, Tensor) else rows
            terms = trainer.step(batch, Step(seed, step, steps, batch_size, fabric))._asdict()
            sums = {name: sums.get(name, 0.0) + value.detach() for name, value in terms.items()}
            step += 1
            if step % every == 0 or step == steps:
                means = _means(fabric, sums, step - (history[-1]["step"] if history else 0))
                if not all(abs(value) <= limit for value in means.values()):  # NaN compares false
                    what = "has blown up" if all(map(math.isfinite, means.values())) else "is no longer finite"
                    values = ", ".join(f"{name} {value:g}" for name, value in means.items())
                    raise _diverged(f"loss {what}", label, step, checkpoint, f" ({values})")
                history.append({"step": step, **means})
                sums = {}
                bar.set_postfix(loss=f"{next(iter(means.values())):.3f}", refresh=False)
                if time.monotonic() - saved > runtime.checkpoint_seconds and step < steps:
                    # here only: every sum has just been checked
                    _save(fabric, trainer, checkpoint, step, history, time.monotonic() - started, label)
                    saved = time.monotonic()
            bar.update()
    seconds = time.monotonic() - started
    _save(fabric, trainer, checkpoint, step, history, seconds, label)
    fabric.barrier()
    return Fitted(history, seconds)


def batch_indices(count: int, batch_size: int, seed: int, step: int) -> Tensor:
    """(batch_size,) indices of step `step`: consecutive parts of a permutation made anew for every epoch, its rest
    dropped."""
    per_epoch = count // batch_size
    epoch, part = divmod(step, per_epoch)
    order = torch.randperm(count, generator=generator_for(seed, -1 - epoch))
    return order[part * batch_size : (part + 1) * batch_size]


def generator_for(seed: int, stream: int) -> torch.Generator:
    """A CPU generator for one stream of a seed; neighbouring streams are unrelated."""
    mixed = (seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03 + 0x2545F4914F6CDD1D) % 2**63
    return torch.Generator().manual_seed(mixed)


def keep_freed_memory() -> bool:
    """Ask glibc to keep memory that is freed instead of giving it back to the system; whether it could be asked.

    A step on a CPU frees and takes the same few hundred MB again. Left alone, glibc returns them each time, and the
    system hands them back page by page, zeroed: up to half of a step's time.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of <malloc.h>
    return bool(mallopt(trim_threshold, 2**31 - 1) and mallopt(mmap_threshold, 2**25))  # 32 MiB is the highest allowed


def cosine_decay(fraction: float) -> float:
    """Factor of the learning rate: 1 at the start, 0 at the end, along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * fraction))


def clip_gradients(parameters: Sequence[nn.Parameter], limit: float) -> None:
    """Scale each parameter's gradient down to Euclidean norm `limit`, tensor by tensor (not all together)."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norms = torch.stack(torch._foreach_norm(gradients))
    torch._foreach_mul_(gradients, list((limit / norms.clamp_min(limit)).unbind()))


def best_precision(accelerator: str = "auto") -> str:
    """`"bf16-mixed"` where there are matrix units for bf16 (AMX on a CPU, Ampere or later on a GPU), else fp32.

    On a CPU without them, bf16 is not merely no faster: a product can take a hundred times as long.
    """
    if accelerator in ("auto", "cuda", "gpu") and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    if accelerator == "auto" and torch.backends.mps.is_available():
        return "32-true"
    return "bf16-mixed" if processor_has_bf16_matrix_units() else "32-true"


def _bf16_autocast(accelerator: str) -> "MixedPrecision":
    """Fabric's bf16-mixed, but without its guard against gradients that are taken within a step.

    The guard is for fp16, whose losses must be scaled first. Gradient penalties need such gradients.
    """
    from lightning_fabric.plugins.precision import MixedPrecision, Precision

    class Bf16Autocast(MixedPrecision):
        backward = Precision.backward

    on_gpu = accelerator in ("auto", "cuda", "gpu") and torch.cuda.is_available()
    return Bf16Autocast("bf16-mixed", "cuda" if on_gpu else "cpu")


def processor_has_bf16_matrix_units() -> bool:
    """Whether Linux says that this processor has AMX tiles for bf16; False where it cannot be told."""
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


@contextlib.contextmanager
def _progress_bar(label: str, step: int, steps: int, hidden: bool) -> Iterator[tqdm]:
    """A bar in the notebook or terminal; in a headless notebook, whose output nobody sees, in the file that
    `inverse_graphics.pipeline` watches."""
    shape = {"total": steps, "initial": step, "desc": label, "unit": "step", "disable": hidden, "mininterval": 1.0}
    if watched := os.environ.get("INVERSE_GRAPHICS_PROGRESS"):
        with open(watched, "a", encoding="utf-8") as file, tqdm_text(file=file, ncols=100, **shape) as bar:
            yield bar
    else:
        with tqdm(**shape) as bar:
            yield bar


def _means(fabric: "Fabric", sums: dict[str, Tensor], steps: int) -> dict[str, float]:
    stacked = fabric.all_reduce(torch.stack(list(sums.values())).float() / steps, reduce_op="mean")
    return dict(zip(sums, stacked.tolist(), strict=True))


def _save(
    fabric: "Fabric",
    trainer: Trainer,
    path: Path,
    step: int,
    history: list[dict[str, float]],
    seconds: float,
    label: str,
) -> None:
    """By the first process alone, and without a word to the others: their clocks may not think that it is time."""
    if not fabric.is_global_zero:
        return
    if not all(p.isfinite().all() for module in trainer.modules.values() for p in module.parameters()):
        # The loss was finite and its gradient was not: such a checkpoint would diverge at once, however often resumed.
        raise _diverged("weights are no longer finite", label, step, path)
    state: dict[str, Any] = {
        "step": step,
        "history": history,
        "seconds": seconds,
        "modules": {name: module.state_dict() for name, module in trainer.modules.items()},
        "optimizers": {name: optimizer.state_dict() for name, optimizer in trainer.optimizers.items()},
    }
    save_checkpoint(path, state)


def _restore(trainer: Trainer, path: Path) -> tuple[int, list[dict[str, float]], float]:
    state = load_checkpoint(path)
    for name, module in trainer.modules.items():
        module.load_state_dict(state["modules"][name])
    for name, optimizer in trainer.optimizers.items():
        optimizer.load_state_dict(state["optimizers"][name])
    return state["step"], state["history"], state["seconds"]


def _diverged(what: str, label: str, step: int, checkpoint: Path, told: str = "") -> TrainingDiverged:
    kept = f"the last good checkpoint is kept in {checkpoint}" if checkpoint.exists() else "no checkpoint was made yet"
    return TrainingDiverged(f"{label}: the {what} at step {step}{told}; {kept}. Try a smaller learning rate.")
