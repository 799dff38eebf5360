"""Scenes a second: composed, ray cast and shaded, without the cache; their shapes are made beforehand.

    python benchmarks/bench_scenes.py        Bar: at least 200 scenes a second at 64×64 on two CPU cores.

A process counts its own processor time, which other work on the machine disturbs little; two processes at once, each
with half of the scenes, count the time on the clock.
"""

import multiprocessing
import statistics
import time

import torch

from inverse_graphics.datasets.scenes import BLOCK, KINDS, _Maker
from timing import count

BLOCKS = 3  # for each process
TIMES = 5
BAR = 200


def render(kind: str, size: int, first: int, clock: str) -> float:
    """Scenes a second, the median of `TIMES` times the same `BLOCKS` blocks."""
    torch.set_num_threads(1)
    maker = _Maker(kind, "train", 0, "random")
    now = getattr(time, clock)
    seconds = []
    for _ in range(TIMES + 1):
        start = now()
        for index in range(first, first + BLOCKS):
            maker._make(index, size)
        seconds.append(now() - start)
    return BLOCKS * BLOCK / statistics.median(seconds[1:])  # the first time makes the shapes


def main() -> None:
    print(f"torch {torch.__version__}, scenes a second")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for size, kinds in ((64, KINDS), (128, ("shapes",))):
            for kind in kinds:
                (one,) = pool.starmap(render, [(kind, size, 0, "process_time")])
                halves = [(kind, size, first, "perf_counter") for first in (0, BLOCKS)]
                two = sum(pool.starmap(render, halves, chunksize=1))
                what = f"{kind} {size}×{size}"
                count(f"{what}, one process, of its own time", one, "scenes a second")
                count(f"{what}, two processes, on the clock", two, "scenes a second", BAR if size == 64 else None)


if __name__ == "__main__":
    main()
