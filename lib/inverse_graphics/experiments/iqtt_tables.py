"""pix-t3: Table 3 of Pix2Scene, its methods and ours on the same questions, beside floors, oracles and people."""

import statistics
from collections.abc import Mapping, Sequence

import pandas as pd

from inverse_graphics.datasets.iqtt import MODES
from inverse_graphics.experiments import iqtt_answerers, iqtt_published
from inverse_graphics.metrics.iqtt import PEOPLE, Accuracy
from inverse_graphics.results import Result

LABELS = iqtt_published.LABELS
# Share answered right of the official questions, for each number of labels
PRINTED = {
    "cnn": (0.3385, 0.3350, 0.3392, 0.3649),
    "siamese": (0.3698, 0.3610, 0.3701, 0.3752),
    "pix2scene": (0.4372, 0.4691, 0.5567, 0.5983),
}
TITLES = {
    "cnn": "CNN",
    "siamese": "Siamese CNN",
    "pix2scene": "Pix2Scene",
    "points": "bags, points in space (ours)",
    "posed": "the same, cameras told (ours)",
}


def cells(published: Mapping[str, Result], ours: Mapping[str, Result], mode: str) -> dict[str, dict[int, Accuracy]]:
    """Accuracies of one mode by method and number of labels.

    Args:
        published: of `iqtt_published.configs`, by its names.
        ours: of `iqtt_answerers.configs`.
    """
    found: dict[str, dict[int, Result]] = {
        method: {labels: published[f"{method}-{labels}"] for labels in LABELS} for method in PRINTED
    }
    found["points"] = {0: ours["points"]} | {labels: ours[f"points-{labels}"] for labels in iqtt_answerers.LABELS}
    found["posed"] = {0: ours["posed"]}
    return {
        method: {labels: Accuracy(**result.numbers["accuracy"][mode]) for labels, result in row.items()}
        for method, row in found.items()
    }


def answer_table(published: Mapping[str, Result], ours: Mapping[str, Result]) -> pd.DataFrame:
    """Table 3: rows are methods, floors and oracles; columns (mode or `printed`, labels)."""
    rows: dict[str, dict[tuple[str, str], str]] = {}
    for mode in MODES:
        for method, row in cells(published, ours, mode).items():
            for labels, value in row.items():
                rows.setdefault(TITLES[method], {})[f"{mode} mode", f"{labels:,}"] = _percent(value)
        for name, value in ours["points"].numbers["floors"][mode].items():
            rows.setdefault(name, {})[f"{mode} mode", "0"] = _percent(Accuracy(**value))
    for method, shares in PRINTED.items():
        for labels, share in zip(LABELS, shares, strict=True):
            rows[TITLES[method]]["printed", f"{labels:,}"] = f"{100 * share:.1f}"
    rows["people"] = {("printed", "0"): f"{100 * PEOPLE:.1f} ± 14.9"}
    columns = [(part, f"{labels:,}") for part in ("paper mode", "hard mode", "printed") for labels in LABELS]
    table = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=pd.MultiIndex.from_tuples(columns))
    return table.fillna("").rename_axis("answered by")


def seed_table(results: Mapping[str, Sequence[Result]]) -> pd.DataFrame:
    """A row for each training, named as in `results`: right answers in per cent, mean ± deviation over seeds."""
    rows = {}
    for name, runs in results.items():
        row: dict[str, str] = {"labels": f"{runs[0].config['labels']:,}", "seeds": str(len(runs))}
        for mode in MODES:
            shares = [100 * run.numbers["accuracy"][mode]["share"] for run in runs]
            spread = f" ± {statistics.stdev(shares):.1f}" if len(shares) > 1 else ""
            row[f"{mode} mode, %"] = f"{statistics.mean(shares):.1f}{spread}"
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("trained as")


def verdict(published: Mapping[str, Result]) -> tuple[str, str]:
    """Whether Table 3's order holds in `paper` mode: CNN and Siamese near chance, Pix2Scene above both, and the more so
    the more labels it has. Returns the verdict and, unless it is `reproduced`, what does not hold."""
    found = {
        method: [published[f"{method}-{labels}"].numbers["accuracy"]["paper"] for labels in LABELS]
        for method in PRINTED
    }
    shares = {method: [cell["share"] for cell in row] for method, row in found.items()}
    error = max(cell["error"] for row in found.values() for cell in row)
    best = [max(pair) for pair in zip(shares["cnn"], shares["siamese"], strict=True)]
    kept = {
        "Pix2Scene is above both baselines at every number of labels": all(
            ours > other + 2 * error for ours, other in zip(shares["pix2scene"], best, strict=True)
        ),
        "labels help Pix2Scene": shares["pix2scene"][-1] > shares["pix2scene"][0] + 2 * error,
        "the baselines stay near chance": max(best) < PRINTED["pix2scene"][0],
    }
    broken = [claim for claim, holds in kept.items() if not holds]
    if not broken:
        return "reproduced", ""
    return ("partly" if len(broken) < len(kept) else "not reproduced"), "not so: " + "; ".join(broken)


def _percent(value: Accuracy) -> str:
    return f"{100 * value.share:.1f} ± {100 * value.error:.1f}"
