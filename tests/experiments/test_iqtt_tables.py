from pathlib import Path

import pytest

from inverse_graphics.experiments import iqtt_answerers, iqtt_published
from inverse_graphics.experiments.iqtt_tables import LABELS, PRINTED, TITLES, answer_table, seed_table, verdict
from inverse_graphics.results import Result

FLOORS = {"chance": 1 / 3, "floor: silhouette area": 0.5, "oracle: number of cubes": 0.7}


def result(paper, hard=0.34):
    def told(share):
        return {"share": share, "error": 0.007, "count": 5000}

    numbers = {
        "accuracy": {"paper": told(paper), "hard": told(hard)},
        "floors": {mode: {name: told(share) for name, share in FLOORS.items()} for mode in ("paper", "hard")},
    }
    return Result(Path(), "trained on this machine", {"labels": 1000}, numbers, {}, [])


@pytest.fixture
def ours():
    return {name: result(0.9, 0.6) for name in iqtt_answerers.configs("quick")}


@pytest.fixture
def published():
    """As printed."""
    found = {name: result(0.4) for name in iqtt_published.configs("quick")}
    for method, shares in PRINTED.items():
        found |= {f"{method}-{labels}": result(share) for labels, share in zip(LABELS, shares, strict=True)}
    return found


def test_the_table_has_every_method_mode_and_number_of_labels(published, ours):
    table = answer_table(published, ours)
    assert table.loc[TITLES["points"], ("hard mode", "200")] == "60.0 ± 0.7"
    assert table.loc[TITLES["pix2scene"], ("paper mode", "1,000")] == "55.7 ± 0.7"
    assert table.loc[TITLES["siamese"], ("printed", "10,000")] == "37.5"
    assert table.loc["people", ("printed", "0")].startswith("73.3")
    assert table.loc["floor: silhouette area", ("hard mode", "0")] == "50.0 ± 0.7"
    assert table.loc["chance", ("printed", "0")] == ""
    assert table.loc[TITLES["posed"], ("hard mode", "0")] == "60.0 ± 0.7"
    assert table.loc[TITLES["posed"], ("hard mode", "200")] == ""
    assert list(table.index[:3]) == [TITLES[name] for name in PRINTED]


def test_seeds_become_means_and_deviations():
    table = seed_table({"posed": [result(0.90, 0.6), result(0.92, 0.6), result(0.94, 0.6)], "points": [result(0.9)]})
    assert list(table.loc["posed"]) == ["1,000", "3", "92.0 ± 2.0", "60.0 ± 0.0"]
    assert table.loc["points", "hard mode, %"] == "34.0"


def test_the_verdict_is_on_the_order(published):
    assert verdict(published) == ("reproduced", "")
    published["cnn-10000"] = result(0.7)
    found, reason = verdict(published)
    assert found == "partly" and "above both baselines" in reason and "near chance" in reason
    for labels in LABELS:
        published[f"pix2scene-{labels}"] = result(0.34)
    assert verdict(published)[0] == "not reproduced"
