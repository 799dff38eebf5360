"""szabo-t2 and szabo-c1: Table 2 of Szabó & Favaro 2019 beside ours, and what its priors are good for."""

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from inverse_graphics.results import Result

# Fréchet inception distances as printed, on FFHQ and LSUN
PRINTED = {"crisp": 377.6, "soft": 100.2, "size": 94.6, "full": 63.3, "view": 141.8, "car": 59.6, "bus": 65.3}
ADDED = ("crisp", "soft", "size", "full")  # each has one thing more than the one before
ORDER = (*ADDED, "view")
FAR = 2.0  # times as far: "far worse"
CORRELATED, INVERTED = 0.5, 0.05  # right shapes are above the one, with true depth, and in share below the other


def frechet_table(results: Mapping[str, Sequence[Result]]) -> pd.DataFrame:
    """Table 2: a row per variant, with distances by the features that there are, their floors, and the printed ones.

    Args:
        results: by variant, one for each seed. More than one are shown as mean ± standard deviation; the floor is the
            first one's.
    """
    rows: dict[str, dict[str, Any]] = {}
    for name, runs in results.items():
        first = runs[0]
        row: dict[str, Any] = {
            "data": first.config["dataset"],
            "seeds": len(runs),
            "printed (Inception)": PRINTED[name],
        }
        for features, found in first.numbers["frechet"].items():
            if all(features in run.numbers["frechet"] for run in runs):
                row[features] = _spread([run.numbers["frechet"][features]["distance"] for run in runs])
                row[f"{features}, real halves"] = found["between_halves"]
        row["covers, %"] = _spread([100 * run.numbers["covered"] for run in runs])
        rows[name.upper()] = row | {"pictures made": first.config["judged"]}
    rows["BUS"] = {"data": "no photographs of buses here", "printed (Inception)": PRINTED["bus"]}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("variant")


def seed_distances(results: Mapping[str, Sequence[Result]]) -> dict[str, dict[str, list[float]]]:
    """Fréchet distances by features that all results have, then by variant: one for each seed."""
    known = [run.numbers["frechet"] for runs in results.values() for run in runs]
    return {
        features: {
            name: [run.numbers["frechet"][features]["distance"] for run in runs] for name, runs in results.items()
        }
        for features in known[0]
        if all(features in one for one in known)
    }


def order_verdict(distances: Mapping[str, Sequence[float]]) -> tuple[str, str]:
    """Whether Table 2's order holds: CRISP far worse than SOFT, each addition better, VIEW worse than FULL.

    Args:
        distances: by variant, at least those of `ORDER`: one for each seed, in the same order. What does
            not hold for every seed does not hold.

    Returns:
        The verdict and, unless it is `reproduced`, what does not hold.
    """
    seeds = [{name: distances[name][seed] for name in ORDER} for seed in range(len(distances["full"]))]
    kept = {"CRISP is far worse than SOFT": [found["crisp"] > FAR * found["soft"] for found in seeds]}
    for before, after in itertools.pairwise(ADDED[1:]):
        kept[f"{after.upper()} is better than {before.upper()}"] = [found[after] < found[before] for found in seeds]
    kept["VIEW is worse than FULL"] = [found["view"] > found["full"] for found in seeds]
    so_often = {
        claim if len(seeds) == 1 else f"{claim} ({sum(holds)} of {len(seeds)} seeds)": all(holds)
        for claim, holds in kept.items()
    }
    return _verdict(so_often)


def are_right(likeness: Mapping[str, float]) -> bool:
    """Whether shapes are those of what the pictures show, by a `mesh_judgement.Likeness` of a result's numbers."""
    return likeness["correlation"] > CORRELATED and likeness["inverted"] < INVERTED


def prior_table(results: Mapping[str, Result]) -> pd.DataFrame:
    """A row per set of priors: likeness of depth and relief to true shapes, inverted share, cover; and two to compare
    with."""
    rows = {}
    for name, result in results.items():
        found = result.numbers["depth"]["generated"]
        rows["all priors" if name == "all" else name] = _row(found) | {"covers, %": 100 * result.numbers["covered"]}
    known = results["all"].numbers
    rows["a ball (floor)"] = _row(known["depth"]["floor"])
    rows["other true heads (ceiling)"] = _row(known["depth"]["ceiling"]) | {"covers, %": 100 * known["truly_covered"]}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("trained with")


def prior_verdict(
    numbers: Mapping[str, Mapping[str, Any]], photographs: Sequence[Mapping[str, Any]]
) -> tuple[str, str]:
    """Whether the priors resolve what Section 4 calls ambiguous: with all of them, shapes are like true ones and hardly
    any is inverted, and without the view's or the background's something of this is lost.

    Args:
        numbers: by the names of `mesh_gan.PRIORS`, a result's numbers.
        photographs: those of trainings on photographs, with all priors, one for each seed.
    """
    depth = {name: found["depth"]["generated"] for name, found in numbers.items()}
    whole, from_photographs = depth["all"], [found["depth"]["generated"]["inverted"] for found in photographs]
    cover = {name: abs(found["covered"] - found["truly_covered"]) for name, found in numbers.items()}
    return _verdict(
        {
            "with all priors depth is correlated with true depth over 0.5": whole["correlation"] > CORRELATED,
            "with all priors fewer than 5 % of the shapes are inverted": whole["inverted"] < INVERTED,
            "of shapes learnt from photographs, too, fewer than 5 % are inverted": max(from_photographs) < INVERTED,
            "shapes seen from one side only are less like true ones": depth["one view"]["correlation"]
            < whole["correlation"],
            "before a background that stands still objects cover less as true ones do": cover["still background"]
            > cover["all"],
        }
    )


def _verdict(kept: Mapping[str, bool]) -> tuple[str, str]:
    broken = [claim for claim, holds in kept.items() if not holds]
    if not broken:
        return "reproduced", ""
    return ("partly" if len(broken) < len(kept) else "not reproduced"), "not so: " + "; ".join(broken)


def _spread(values: Sequence[float]) -> str:
    mean = statistics.mean(values)
    digits = max(0, 2 - math.floor(math.log10(max(abs(mean), 0.01))))  # three that count, more before the point
    return f"{mean:.{digits}f}" + (f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else "")


def _row(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "depth, correlation": found["correlation"],
        "± shapes": found["spread"],
        "relief, correlation": found["relief"],
        "inverted, %": 100 * found["inverted"],
        "overlap": found["overlap"],
        "n": found["count"],
    }
