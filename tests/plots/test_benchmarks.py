import pytest

from inverse_graphics.plots.benchmarks import sweeps


def test_each_curve_has_a_panel_with_ours_and_its_peer_in_order():
    times = [{"curve": "mesh", "axis": "triangles", "count": n, "ours, ms": n / 2, "peer, ms": n} for n in (100, 10)]
    speed = {"curve": "copy", "axis": "bytes", "count": 8, "value": 3.0, "unit": "MB a second"}
    first, second, left_over = sweeps([*times, speed]).axes
    assert [list(line.get_xdata()) for line in first.lines[:2]] == [[10, 100]] * 2
    assert [list(line.get_ydata()) for line in first.lines[:2]] == [[5, 50], [10, 100]]
    assert first.get_title() == "mesh" and second.get_ylabel() == "MB a second" and not left_over.axison


def test_nothing_measured_is_refused():
    with pytest.raises(ValueError, match="rows: expected at least one"):
        sweeps([])


def test_a_label_that_would_run_into_the_one_before_is_left_out():
    counts = (22_000, 352_000, 4_200_000, 5_600_000)
    rows = [{"curve": "voxels", "axis": "cells", "count": n, "value": 1.0, "unit": "ms"} for n in counts]
    panel = sweeps(rows).axes[0]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["22,000", "352.0 k", "4.2 M", ""]
