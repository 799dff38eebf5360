"""One's own picture: how long a slider of the explorer takes to show its new picture, and a shell to write a GLB.

python benchmarks/bench_explorer.py     Bars: 200 ms for the slider, voxels 28³, on two CPU cores; 2 s from a picture to
                                        a GLB, starting Python and loading the model included. What of these goes into
                                        `import torch` is timed beside it: nothing here can be faster.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from inverse_graphics.explorer import Explorer, sketch
from timing import compare

SLIDER_BAR, SHELL_BAR = 0.2, 2.0  # seconds
MOVES, PAIRS = 15, 5
SEVEN = [[(60, 60), (220, 60), (130, 240)]]


def moves(change: Callable[[int], object]) -> list[float]:
    """Seconds that each of `MOVES` changes takes, sorted; the first is not counted."""
    change(0)
    times = []
    for number in range(1, MOVES + 1):
        start = time.perf_counter()
        change(number)
        times.append(time.perf_counter() - start)
    return sorted(times)


def sliders(model: str) -> None:
    explorer = Explorer(model)
    for name, slider, start, step in (
        ("turned", explorer.azimuth, -90, 5),
        ("threshold moved", explorer.threshold, 0.05, 0.01),
        ("latent moved", explorer.latents[0], -1.5, 0.2),
    ):
        times = moves(lambda number, s=slider, a=start, b=step: setattr(s, "value", a + b * number))
        middle = statistics.median(times)
        print(
            f"{model}, {name}: {middle * 1e3:.0f} ms to the new picture (slowest {times[-1] * 1e3:.0f})"
            f"  bar {SLIDER_BAR * 1e3:.0f} ms: {'met' if middle <= SLIDER_BAR else 'NOT met'}",
            flush=True,
        )


def shell() -> None:
    with tempfile.TemporaryDirectory() as folder:
        picture, shape = Path(folder) / "seven.png", Path(folder) / "seven.glb"
        sketch(SEVEN).save(picture)
        command = [sys.executable, "-m", "inverse_graphics.cli", "reconstruct", picture, "--out", shape]

        def run(*arguments: object) -> None:
            subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)

        result = compare(lambda: run(sys.executable, "-c", "import torch"), lambda: run(*command), pairs=PAIRS)
    print(
        f"a picture to a GLB: {result.ours:.2f} s; `import torch` alone: {result.peer:.2f} s"
        f"  bar {SHELL_BAR:g} s: {'met' if result.ours <= SHELL_BAR else 'NOT met'}",
        flush=True,
    )


def main() -> None:
    print(f"torch {torch.__version__}, one thread in the explorer, {MOVES} moves of a slider, {PAIRS} runs of the shell")
    for model in ("digits", "garments"):
        sliders(model)
    shell()


if __name__ == "__main__":
    main()
