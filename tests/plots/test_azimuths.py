import math

import numpy as np
import pytest
import torch

from inverse_graphics.plots.azimuths import SECTORS, at_half, azimuth_roses, pose_heatmaps, ranking


def test_a_rose_has_equal_areas_for_equal_shares_and_the_front_at_the_bottom():
    even = torch.arange(SECTORS) * (2 * math.pi / SECTORS)
    (axes,) = azimuth_roses({"even": torch.cat((even, even + 2 * math.pi))}).axes
    assert np.allclose([bar.get_height() for bar in axes.patches], 1)
    (axes,) = azimuth_roses({"front": torch.tensor([0.02, -0.02])}).axes
    heights = [bar.get_height() for bar in axes.patches]
    assert heights[0] == pytest.approx(SECTORS**0.5) and max(heights[1:]) == 0
    assert axes.get_theta_offset() == pytest.approx(1.5 * math.pi)  # 0° points down


def test_a_heatmap_shows_shares_of_each_true_azimuth():
    counts = torch.eye(12, dtype=torch.int64) * 7
    figure = pose_heatmaps({"one": counts, "other": torch.zeros(12, 12)}, title="poses")
    assert np.array_equal(figure.axes[0].images[0].get_array(), np.eye(12))
    assert not figure.axes[1].images[0].get_array().any()


def test_a_ranking_has_a_row_for_each_method_from_the_top():
    panels = {"IoU": {"ours": (0.3, 0.1), "baseline": (0.2, 0.0)}, "MSE": {"ours": (0.1, 0.0), "floor": (0.4, 0.1)}}
    figure = ranking(panels, grey=["baseline", "floor"])
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == ["ours", "baseline", "floor"]
    bottom, top = figure.axes[0].get_ylim()
    assert bottom > top


def test_the_threshold_becomes_a_half_and_order_stays():
    voxels = torch.linspace(0, 1, 101)
    moved = at_half(voxels, 0.2)
    assert moved[20] == pytest.approx(0.5) and (moved[0], moved[-1]) == (0, 1)
    assert (moved.diff() > 0).all()


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: azimuth_roses({}), "samples: expected at least one"),
        (lambda: azimuth_roses({"a": torch.zeros(0)}), "a: expected shape"),
        (lambda: azimuth_roses({"a": torch.tensor([math.nan])}), "a: expected finite"),
        (lambda: pose_heatmaps({}), "counts: expected at least one"),
        (lambda: pose_heatmaps({"a": torch.zeros(3, 4)}), "a: expected shape"),
        (lambda: pose_heatmaps({"a": -torch.ones(3, 3)}), "a: expected"),
        (lambda: ranking({}), "panels: expected at least one"),
        (lambda: ranking({"a": {"b": (1.0, -1.0)}}), "expected a spread of 0 or more"),
        (lambda: at_half(torch.zeros(2), 1.0), "threshold: expected a number in"),
    ],
)
def test_bad_input_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
