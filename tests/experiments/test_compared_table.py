from pathlib import Path

import pytest

from inverse_graphics.experiments.compared_judgement import FLOORS
from inverse_graphics.experiments.compared_table import (
    COLUMNS,
    NONE,
    Entry,
    entries,
    missing,
    reading,
    summary,
    table,
    winner,
)
from inverse_graphics.results import Result

BY_KEY = {column.key: column for column in COLUMNS}
MEASURES = [column.key for column in COLUMNS if column.key not in ("frechet", "seconds", "milliseconds", "bytes")]


def numbers(value, without=(), extras=True):
    found = {
        "measures": {key: None if key in without else {"mean": value, "std": 0.1, "n": 9} for key in MEASURES},
        "frechet": {"hog-colour": {"distance": 10 * value}},
    }
    return found | ({"milliseconds": value, "bytes": 100} if extras else {})


def result(values):
    return Result(Path("x"), "", {}, values, {"seconds": 300.0}, [])


def found(voxels=(0.50, 0.52, 0.51), surfels=(0.2, 0.2, 0.2), meshes=(0.40, 0.42, 0.41), floor=0.3):
    runs = {
        "voxels": [result(numbers(value, ("image_mse", "novel_image_mse"))) for value in voxels],
        "surfels": [result(numbers(value, ("iou", "chamfer", "hausdorff"))) for value in surfels],
        "meshes": [result(numbers(value)) for value in meshes],
    }
    return entries(runs, result({name: numbers(floor, extras=False) for name in FLOORS}))


def test_entries_are_means_and_spreads_over_seeds():
    row = found()["voxels"]
    assert row["iou"] == Entry(pytest.approx(0.51), pytest.approx(0.01)) and row["image_mse"] is None
    assert row["frechet"].mean == pytest.approx(5.1) and row["seconds"] == Entry(300, 0)
    floor = found()["mean shape"]
    assert floor["iou"] == Entry(0.3, None) and floor["seconds"] is None


def test_the_table_has_a_dash_and_a_reason_where_there_is_no_number():
    frame = table(found())
    assert frame.loc["IoU ↑", "voxels"] == "0.510 ± 0.010" and frame.loc["IoU ↑", "surfels"] == NONE
    assert frame.loc["IoU ↑", "nearest neighbour"] == "0.300" and frame.loc["bytes a shape ↓", "mean shape"] == NONE
    assert list(frame.columns) == ["voxels", "surfels", "meshes", *FLOORS]
    told = missing(found())
    assert len(told) == 2 and told[0].startswith("IoU, Chamfer, Hausdorff: surfels see one side")


def test_a_win_needs_a_gap_beyond_both_spreads():
    assert winner(found(), BY_KEY["iou"]) == "voxels"  # more is better
    assert winner(found(), BY_KEY["chamfer"]) == "meshes"  # less is
    near = found(voxels=(0.40, 0.46, 0.43))
    assert winner(near, BY_KEY["iou"]) is None
    assert winner(found((0.5,), (0.2,), (0.4,)), BY_KEY["iou"]) is None  # of one seed nothing is known of spreads
    assert winner(found(), BY_KEY["bytes"]) is None  # all the same


def test_readings_say_what_the_numbers_say():
    assert reading(found(), BY_KEY["iou"]) == "IoU: voxels win (voxels 0.510 ± 0.010, meshes 0.410 ± 0.010)."
    beaten = reading(found(floor=0.6), BY_KEY["iou"])
    assert "mean shape, which learns nothing, is better (0.600)" in beaten
    assert "no clear winner" in reading(found(voxels=(0.40, 0.46, 0.43)), BY_KEY["iou"])
    said = summary(found())
    assert "voxels win at IoU, silhouette IoU" in said and "nobody clearly at training, s, bytes a shape." in said
