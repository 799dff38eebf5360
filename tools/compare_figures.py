"""How far the numbers of two folders of figures are apart: the same notebooks on two machines, say.

    python tools/compare_figures.py figures /elsewhere/figures

Prints the largest differences, relative to the larger of the two, and how many numbers differ. Pictures are not
compared; a record that is in one folder only is named.
"""

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SHOWN = 20
TOLD = 1e-3  # relative; what differs by more is counted


def main(one: Path, other: Path) -> int:
    names = [{file.name for file in folder.glob("*.json")} for folder in (one, other)]
    for name in sorted(names[0] ^ names[1]):
        print(f"{name}: in {one if name in names[0] else other} only")
    found, count = [], 0
    for name in sorted(names[0] & names[1]):
        values = [
            dict(_numbers(json.loads((folder / name).read_text(encoding="utf-8"))["numbers"]))
            for folder in (one, other)
        ]
        for place in values[0].keys() & values[1].keys():
            count += 1
            if difference := _apart(values[0][place], values[1][place]):
                found.append((difference, name, place, values[0][place], values[1][place]))
        if values[0].keys() != values[1].keys():
            print(f"{name}: other numbers")
    found.sort(reverse=True)
    for difference, name, place, first, second in found[:SHOWN]:
        print(f"{difference:9.2g}  {name.removesuffix('.json')}: {place}: {first:.6g}, {second:.6g}")
    beyond = sum(difference > TOLD for difference, *_ in found)
    print(f"{len(found):,} of {count:,} numbers differ, {beyond} by more than {TOLD:g}")
    return 0


def _numbers(value: Any, place: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _numbers(part, f"{place}/{key}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _numbers(part, f"{place}/{index}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield place, float(value)


def _apart(first: float, second: float) -> float:
    if first == second or (math.isnan(first) and math.isnan(second)):
        return 0.0
    return abs(first - second) / max(abs(first), abs(second))


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
