"""Time two things against each other in one run, alternating, by medians: the only kind of number kept here.

Each line that is printed is also a row for `inverse_graphics.cli bench`, which makes a table and a picture of them.
"""

import json
import os
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from inverse_graphics.verbs.benchmarks import RECORD


class Comparison(NamedTuple):
    """Median seconds of each side, and the median, lowest and highest of the ratios of neighbouring pairs."""

    peer: float
    ours: float
    ratio: float
    lowest: float
    highest: float


class Place(NamedTuple):
    """Where a row is in a sweep: its `curve`, what is counted along the `axis`, and how many of that there are."""

    curve: str
    axis: str
    count: float


def compare(peer: Callable[[], object], ours: Callable[[], object], pairs: int = 15) -> Comparison:
    """Run both once to warm up, then in turn. A ratio is peer / ours, so above 1 ours is faster.

    A shared machine drifts by half within minutes; neighbouring runs see nearly the same machine.
    """
    peer(), ours()
    times = [(_seconds(peer), _seconds(ours)) for _ in range(pairs)]
    ratios = sorted(a / b for a, b in times)
    medians = [statistics.median(side) for side in zip(*times, strict=True)]
    return Comparison(*medians, statistics.median(ratios), ratios[0], ratios[-1])


def report(
    what: str,
    against: str,
    result: Comparison,
    bar: float | None = None,
    *,
    most: float | None = None,
    each: int = 1,
    unit: str = "",
    place: Place | None = None,
) -> None:
    """Print a line with the ratio and, where one is set, whether it clears its bar.

    Args:
        bar: the least ratio.
        most: milliseconds that ours may take, for each of `each` things, which `unit` names.
    """
    ours, peer = (1e3 * seconds / each for seconds in (result.ours, result.peer))
    met = None if bar is None and most is None else (result.ratio >= bar if most is None else ours <= most)
    asked = "" if met is None else f"{bar:g} times" if most is None else f"at most {most:g} ms"
    per = f" {unit}" if unit else ""
    print(
        f"{what}: {ours:.3g} ms{per}; {against}: {peer:.3g} ms; ratio {result.ratio:.1f} (lowest {result.lowest:.1f}, "
        f"highest {result.highest:.1f}){_verdict(asked, met)}",
        flush=True,
    )
    numbers = {"ours, ms": ours, "peer, ms": peer}
    numbers |= {name: getattr(result, name) for name in ("ratio", "lowest", "highest")}
    _record(what, {"against": against} | numbers | {"bar": asked, "met": met}, place)


def count(what: str, value: float, unit: str, bar: float | None = None, place: Place | None = None) -> None:
    """Print a line with a number that is the better the larger, such as pictures a second."""
    met = None if bar is None else value >= bar
    asked = "" if bar is None else f"at least {bar:g} {unit}"
    print(f"{what}: {value:,.0f} {unit}{_verdict(asked, met)}", flush=True)
    _record(what, {"value": value, "unit": unit, "bar": asked, "met": met}, place)


def limit(what: str, seconds: float, bar: float, remark: str = "") -> None:
    """Print a line with a time, and whether it is within its bar, in seconds, too."""
    met, asked = seconds <= bar, f"at most {1e3 * bar:g} ms"
    print(f"{what}: {1e3 * seconds:.0f} ms{remark}{_verdict(asked, met)}", flush=True)
    _record(what, {"ours, ms": 1e3 * seconds, "bar": asked, "met": met}, None)


def against_copy(what: str, seconds: float, moved: int) -> None:
    """Print how many times as long something takes as a copy of the bytes that it has to read and write at least."""
    source, target = torch.empty(moved, dtype=torch.uint8), torch.empty(moved, dtype=torch.uint8)
    copy = median_seconds(lambda: target.copy_(source)) / 2  # it reads and writes them
    print(f"{what}: {seconds / copy:.1f} times a copy of the {moved / 1e6:.3g} MB that go in and out", flush=True)
    _record(what, {"ours, ms": 1e3 * seconds, "against": "copy of input and output", "peer, ms": 1e3 * copy}, None)


def median_seconds(run: Callable[[], object], times: int = 9) -> float:
    """After a first run that does not count."""
    run()
    return statistics.median(_seconds(run) for _ in range(times))


def _verdict(asked: str, met: bool | None) -> str:
    return "" if met is None else f"  bar {asked}: {'met' if met else 'NOT met'}"


def _record(what: str, row: dict[str, object], place: Place | None) -> None:
    if file := os.environ.get(RECORD):
        with open(file, "a", encoding="utf-8") as opened:
            opened.write(json.dumps({"what": what} | row | (place._asdict() if place else {})) + "\n")


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
