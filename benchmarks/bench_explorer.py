"""One's own picture: how long a slider of the explorer takes to show its new picture, and a shell to write a GLB.

python benchmarks/bench_explorer.py     Bars: 200 ms for the slider, voxels 28³, on two CPU cores; 2 s from a picture to
                                        a GLB, starting Python and loading the model included.

Both bars are for an idle machine. Processor time, which other work on the machine disturbs little, is printed beside
the time on the clock; and `import torch` alone beside the GLB, which was most of it.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from inverse_graphics.explorer import Explorer, sketch
from timing import limit

SLIDER_BAR, SHELL_BAR = 0.2, 2.0  # seconds
MOVES, RUNS = 16, 3
SEVEN = [[(60, 60), (220, 60), (130, 240)]]


class Took(NamedTuple):
    """Seconds on the clock and of processor time."""

    clock: float
    processor: float


def took(run: Callable[[], object]) -> Took:
    """Of this process and of those that it waited for."""
    start = time.perf_counter(), _processor()
    run()
    return Took(time.perf_counter() - start[0], _processor() - start[1])


def middle(times: Sequence[Took]) -> Took:
    return Took(*map(statistics.median, zip(*times, strict=True)))


def line(what: str, time: Took, bar: float, remark: str = "") -> None:
    limit(what, time.clock, bar, f", {time.processor * 1e3:.0f} ms of a processor{remark}")


def sliders(model: str) -> None:
    explorer = Explorer(model)
    for name, slider, start, step in (
        ("turned", explorer.azimuth, -90, 5),
        ("threshold moved", explorer.threshold, 0.05, 0.01),
        ("latent moved", explorer.latents[0], -1.5, 0.2),
    ):
        moves = [
            took(lambda value=start + step * number, s=slider: setattr(s, "value", value)) for number in range(MOVES)
        ]
        line(f"{model}, {name}", middle(moves[1:]), SLIDER_BAR)


def shell() -> None:
    with tempfile.TemporaryDirectory() as folder:
        picture, shape = Path(folder) / "seven.png", Path(folder) / "seven.glb"
        sketch(SEVEN).save(picture)
        command = ["-m", "inverse_graphics.cli", "reconstruct", picture, "--out", shape]

        def run(*arguments: object) -> Took:
            return took(lambda: subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL))

        pairs = [(run(*command), run("-c", "import torch")) for _ in range(RUNS + 1)]  # in turn
    ours, torch_alone = map(middle, zip(*pairs[1:], strict=True))  # without the first, which reads the files
    remark = f"; `import torch` alone {torch_alone.clock * 1e3:.0f} and {torch_alone.processor * 1e3:.0f}"
    line("a picture to a GLB", ours, SHELL_BAR, remark)


def _processor() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def main() -> None:
    print(f"torch {torch.__version__}, one thread in the explorer, medians of {MOVES - 1} moves and {RUNS} runs")
    for model in ("digits", "garments"):
        sliders(model)
    shell()


if __name__ == "__main__":
    main()
