"""One table over three papers, and what it says: computed from the numbers, so that it cannot say what they do not.

A representation wins a column if the gap to the next best is larger than the spreads of both over seeds together.
Floors cannot win; but where one is better than the best of the three, the reading says so.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from inverse_graphics.experiments.compared_judgement import FLOORS
from inverse_graphics.models.compared import REPRESENTATIONS
from inverse_graphics.results import Result

NONE = "—"


class Column(NamedTuple):
    """What is measured, how it is headed, how many digits after the point are shown, whether less of it is better."""

    key: str
    heading: str
    digits: int = 3
    less: bool = True


COLUMNS = (
    Column("iou", "IoU", less=False),
    Column("chamfer", "Chamfer"),
    Column("hausdorff", "Hausdorff"),
    Column("seen_chamfer", "Chamfer, seen side"),
    Column("seen_hausdorff", "Hausdorff, seen side"),
    Column("depth_mse", "depth MSE"),
    Column("normal_error", "normal error, °", 1),
    Column("mask_iou", "silhouette IoU", less=False),
    Column("novel_mask_iou", "novel views, silhouette IoU", less=False),
    Column("image_mse", "picture MSE", 4),
    Column("novel_image_mse", "novel views, picture MSE", 4),
    Column("frechet", "Fréchet", 1),
    Column("seconds", "training, s", 0),
    Column("milliseconds", "ms a picture", 1),
    Column("bytes", "bytes a shape", 0),
)
ONE_SIDED = "surfels see one side, and have neither an inside nor a back"
COLOURLESS = "voxels have no colour"
WHY_NOT = {  # (representation, column) → why there is no number
    **{("surfels", key): ONE_SIDED for key in ("iou", "chamfer", "hausdorff")},
    **{("voxels", key): COLOURLESS for key in ("image_mse", "novel_image_mse")},
}


class Entry(NamedTuple):
    """A mean over seeds and their standard deviation; None where there is one seed, or none as for floors."""

    mean: float
    spread: float | None


Entries = dict[str, dict[str, Entry | None]]  # row → column's key → what stands there


def features(results: Mapping[str, Sequence[Result]], floors: Result) -> str | None:
    """The first Fréchet features that all results have; None if they have none in common."""
    judged = [result.numbers for runs in results.values() for result in runs] + list(floors.numbers.values())
    return next((name for name in judged[0]["frechet"] if all(name in one["frechet"] for one in judged)), None)


def entries(results: Mapping[str, Sequence[Result]], floors: Result) -> Entries:
    """All numbers, by row and column.

    Args:
        results: by representation, one for each seed.
        floors: of `compared.run_floors`.
    """
    named = features(results, floors)
    found: Entries = {}
    for name in REPRESENTATIONS:
        runs = [_values(run.numbers, named) | {"seconds": run.provenance["seconds"]} for run in results[name]]
        found[name] = {column.key: _entry([run.get(column.key) for run in runs]) for column in COLUMNS}
    for name in FLOORS:
        values = _values(floors.numbers[name], named)
        found[name] = {
            column.key: None if (value := values.get(column.key)) is None else Entry(value, None) for column in COLUMNS
        }
    return found


def table(found: Entries) -> pd.DataFrame:
    """A row for each measure, ↑ if more of it is better, a column for each representation and floor: mean ± standard
    deviation over seeds, or `NONE`."""
    rows = {
        f"{column.heading} {'↓' if column.less else '↑'}": {
            name: _cell(row[column.key], column.digits) for name, row in found.items()
        }
        for column in COLUMNS
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("measure")


def category_table(
    results: Mapping[str, Sequence[Result]], floors: Result, key: str = "novel_mask_iou"
) -> pd.DataFrame:
    """One measure by category: a row for each representation (mean over seeds) and floor."""
    rows: dict[str, list[Mapping]] = {name: [run.numbers for run in results[name]] for name in REPRESENTATIONS}
    rows |= {name: [floors.numbers[name]] for name in FLOORS}
    found: dict[str, dict[str, float | None]] = {}
    for name, runs in rows.items():
        values = {category: [run["by_category"][category][key] for run in runs] for category in runs[0]["by_category"]}
        found[name] = {
            category: None if None in each else statistics.mean(one["mean"] for one in each)
            for category, each in values.items()
        }
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("shapes")


def missing(found: Entries) -> list[str]:
    """Why a representation has no number in some columns, one sentence for each reason."""
    places: dict[str, list[str]] = {}
    for column in COLUMNS:
        for name in REPRESENTATIONS:
            if found[name][column.key] is None:
                why = WHY_NOT.get((name, column.key), "its results do not hold it")
                places.setdefault(why, []).append(column.heading)
    return [f"{', '.join(headings)}: {why}" for why, headings in places.items()]


def winner(found: Entries, column: Column) -> str | None:
    """Who wins a column: by more than the two spreads together; None if nobody does, or spreads are not known."""
    ranked = _ranked(found, column, REPRESENTATIONS)
    if len(ranked) < 2:
        return None
    (name, first), (_, second) = ranked[:2]
    if first.spread is None or second.spread is None:
        return None
    return name if abs(first.mean - second.mean) > first.spread + second.spread else None


def reading(found: Entries, column: Column) -> str:
    """One sentence about a column: who wins, by what numbers, and whether a floor is better."""
    ranked = _ranked(found, column, REPRESENTATIONS)
    if not ranked:
        return f"{column.heading}: no number."
    won, told = winner(found, column), ", ".join(f"{name} {_cell(one, column.digits)}" for name, one in ranked)
    said = f"{won} win" if won else ("no other has a number" if len(ranked) < 2 else "no clear winner")
    sentence = f"{column.heading}: {said} ({told})"
    best = ranked[0][1]
    for name, floor in _ranked(found, column, FLOORS)[:1]:
        gap = best.mean - floor.mean if column.less else floor.mean - best.mean
        if gap > (best.spread or 0.0):
            sentence += f"; {name}, which learns nothing, is better ({_cell(floor, column.digits)})"
    return sentence + "."


def summary(found: Entries) -> str:
    """Who wins at what, in a few words for each representation."""
    won = {column: winner(found, column) for column in COLUMNS}
    parts = []
    for name in REPRESENTATIONS:
        headings = [column.heading for column, one in won.items() if one == name]
        parts.append(f"{name} win at {', '.join(headings)}" if headings else f"{name} win at nothing")
    open_ones = [column.heading for column, one in won.items() if one is None]
    return "; ".join(parts) + (f"; nobody clearly at {', '.join(open_ones)}." if open_ones else ".")


def _values(numbers: Mapping, named: str | None) -> dict[str, float | None]:
    means = {key: None if found is None else found["mean"] for key, found in numbers["measures"].items()}
    told = {key: numbers[key] for key in ("milliseconds", "bytes") if key in numbers}
    return means | told | {"frechet": numbers["frechet"][named]["distance"] if named else None}


def _entry(values: Sequence[float | None]) -> Entry | None:
    if None in values:
        return None
    return Entry(statistics.mean(values), statistics.stdev(values) if len(values) > 1 else None)


def _ranked(found: Entries, column: Column, names: Sequence[str]) -> list[tuple[str, Entry]]:
    there = [(name, found[name][column.key]) for name in names if found[name][column.key] is not None]
    return sorted(there, key=lambda pair: pair[1].mean, reverse=not column.less)


def _cell(entry: Entry | None, digits: int) -> str:
    if entry is None:
        return NONE
    text = f"{entry.mean:,.{digits}f}"
    return text if entry.spread is None else f"{text} ± {entry.spread:.{digits}f}"
