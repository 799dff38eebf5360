"""What a training will take, told before it starts: a few steps are made for real, of small batches, and thrown away.

A step's time and memory are a part that every step has and a part for every picture; steps of two sizes tell both. A
training may change as it goes, as one does whose pictures grow: the steps are taken at several of its moments.
"""

import resource
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from inverse_graphics.training.loop import Step, Trainer, batch_indices, keep_freed_memory

if TYPE_CHECKING:
    from lightning_fabric import Fabric

MOMENTS = (0.0, 0.25, 0.5, 0.75, 0.99)  # of the training
MOST = 8  # pictures of the larger of the two sizes
REPEATS = 2  # timed steps for each size and moment, after one that is not
MB = 1e6


@dataclass(frozen=True)
class Estimate:
    """What a training will take on a device.

    Fields:
        name: of the result.
        steps, batch_size: of it; the batch is over all processes.
        pictures: rows of the training set, and `data_bytes` what they take.
        weights: numbers that are trained, of all networks.
        state_bytes: of weights, gradients and what optimizers remember.
        step_seconds: the mean over the training; `least_seconds` and `most_seconds` at its moments.
        memory_bytes: the most that the process, or the GPU, will hold; None where it cannot be told.
        device: `cpu`, `cuda`, …
        measured: the two numbers of pictures that steps were made with, and how many a process has in a whole step.
    """

    name: str
    steps: int
    batch_size: int
    pictures: int
    data_bytes: int
    weights: int
    state_bytes: int
    step_seconds: float
    least_seconds: float
    most_seconds: float
    memory_bytes: int | None
    device: str
    measured: tuple[int, int, int]

    @property
    def seconds(self) -> float:
        return self.steps * self.step_seconds

    def __str__(self) -> str:
        few, many, whole = self.measured
        memory = "unknown memory" if self.memory_bytes is None else f"{self.memory_bytes / MB:,.0f} MB at most"
        return (
            f"{self.name}: {self.steps:,} steps of {self.batch_size} out of {self.pictures:,} rows, about "
            f"{_duration(self.seconds)} on this {self.device} ({self.step_seconds:.3g} s a step, "
            f"{self.least_seconds:.3g} to {self.most_seconds:.3g}), {memory}; {self.weights:,} weights, "
            f"{self.state_bytes / MB:,.1f} MB with their optimizers, {self.data_bytes / MB:,.0f} MB of data; measured "
            f"on steps of {few} and {many} of {whole}"
        )


class Rehearsed(Exception):
    """Raised instead of training by whoever was asked for an estimate alone; it carries that."""

    def __init__(self, estimate: Estimate) -> None:
        super().__init__(str(estimate))
        self.estimate = estimate


def rehearse(
    trainer: Trainer,
    data: Tensor | tuple[Tensor, ...],
    *,
    steps: int,
    batch_size: int,
    seed: int,
    fabric: "Fabric",
    processes: int = 1,
    name: str = "training",
) -> Estimate:
    """Make some steps of a training and say what all of it will take. The trainer is not worth anything afterwards.

    Args:
        trainer, data, steps, batch_size, seed, fabric: see `fit`.
        processes: that the training is going to have; each is taken to be as fast as this one.

    Raises:
        ValueError: fewer rows than pictures in a batch.
    """
    parts = (data,) if isinstance(data, Tensor) else tuple(data)
    if not 0 < batch_size <= len(parts[0]):
        raise ValueError(f"batch_size: expected 1 to {len(parts[0])} (the training images), got {batch_size}")
    keep_freed_memory()
    trainer.setup(fabric)
    whole = max(1, batch_size // processes)
    many = min(MOST, whole)
    sizes = (max(1, many // 2), many)
    counted = _Memory(fabric.device)
    seconds, memory, some = [], [], max(1, steps)  # a network that is left as it is has no step, and costs none
    for size in sizes:
        counted.restart()
        places = [round(moment * some) for moment in MOMENTS]
        seconds.append([_timed(trainer, data, parts, place, some, size, seed, fabric) for place in places])
        memory.append(counted.peak())
    moments = [_line(sizes, values, whole) for values in zip(*seconds, strict=True)]
    # each moment stands for the time up to the next
    shares = [after - before for before, after in zip(MOMENTS, (*MOMENTS[1:], 1.0), strict=True)]
    trained = [parameter for module in trainer.modules.values() for parameter in module.parameters()]
    states = [state for optimizer in trainer.optimizers.values() for state in optimizer.state.values()]
    kept = [value for state in states for value in state.values() if isinstance(value, Tensor)]
    held = [*trained, *(p.grad for p in trained if p.grad is not None), *kept]
    peak = None if None in memory else int(_line(sizes, memory, whole))
    return Estimate(
        name=name,
        steps=steps,
        batch_size=batch_size,
        pictures=len(parts[0]),
        data_bytes=sum(part.numel() * part.element_size() for part in parts),
        weights=sum(p.numel() for p in trained if p.requires_grad),
        state_bytes=sum(value.numel() * value.element_size() for value in held),
        step_seconds=sum(share * moment for share, moment in zip(shares, moments, strict=True)),
        least_seconds=min(moments),
        most_seconds=max(moments),
        memory_bytes=peak,
        device=fabric.device.type,
        measured=(*sizes, whole),
    )


def _timed(trainer, data, parts, index, steps, size, seed, fabric) -> float:
    """Seconds of a step of `size` pictures."""
    found = []
    for repeat in range(1 + REPEATS):
        at = min(index + repeat, steps - 1)
        mine = batch_indices(len(parts[0]), size, seed, at)
        rows = tuple(part[mine].to(fabric.device) for part in parts)
        start = time.perf_counter()
        trainer.step(rows[0] if isinstance(data, Tensor) else rows, Step(seed, at, steps, size, fabric))
        if fabric.device.type == "cuda":
            torch.cuda.synchronize(fabric.device)
        found.append(time.perf_counter() - start)
    return statistics.median(found[1:])


def _line(sizes: tuple[int, int], values: Sequence[float], at: int) -> float:
    """The straight line through two points, not below the second one beyond it."""
    (few, more), (first, second) = sizes, values
    if few == more:
        return second
    return max(second, second + (second - first) / (more - few) * (at - more))


def total(estimates: Sequence[Estimate]) -> str:
    """One line about several trainings, one after the other."""
    peaks = [each.memory_bytes for each in estimates if each.memory_bytes is not None]
    memory = f", {max(peaks) / MB:,.0f} MB of memory at most" if peaks else ""
    return f"{len(estimates)} to train: about {_duration(sum(each.seconds for each in estimates))}{memory}"


class _Memory:
    """The most memory held since `restart`: the GPU's own count, or the process's high-water mark where it can be set
    back (Linux)."""

    def __init__(self, device: torch.device) -> None:
        self.device, self._reset = device, True

    def restart(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            return
        try:
            with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
                file.write("5")
        except OSError:
            self._reset = False

    def peak(self) -> int | None:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        if self.device.type != "cpu" or not self._reset or not sys.platform.startswith("linux"):
            return None
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"
