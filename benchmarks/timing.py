"""Time two things against each other in one run, alternating, by medians: the only kind of number kept here."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Comparison(NamedTuple):
    """Median seconds of each side, and the median, lowest and highest of the ratios of neighbouring pairs."""

    peer: float
    ours: float
    ratio: float
    lowest: float
    highest: float


def compare(peer: Callable[[], object], ours: Callable[[], object], pairs: int = 15) -> Comparison:
    """Run both once to warm up, then in turn. A ratio is peer / ours, so above 1 ours is faster.

    A shared machine drifts by half within minutes; neighbouring runs see nearly the same machine.
    """
    peer(), ours()
    times = [(_seconds(peer), _seconds(ours)) for _ in range(pairs)]
    ratios = sorted(a / b for a, b in times)
    medians = [statistics.median(side) for side in zip(*times, strict=True)]
    return Comparison(*medians, statistics.median(ratios), ratios[0], ratios[-1])


def report(what: str, against: str, result: Comparison, bar: float | None = None) -> None:
    """Print a line with the ratio and, where one is set, whether it clears the bar."""
    verdict = "" if bar is None else f"  bar {bar:g}: {'met' if result.ratio >= bar else 'NOT met'}"
    print(
        f"{what}: {result.ours * 1e3:.1f} ms; {against}: {result.peer * 1e3:.1f} ms; "
        f"ratio {result.ratio:.1f} (lowest {result.lowest:.1f}, highest {result.highest:.1f}){verdict}",
        flush=True,
    )


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
