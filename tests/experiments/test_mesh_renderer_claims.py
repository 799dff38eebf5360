import pandas as pd
import pytest
import torch

from inverse_graphics.experiments.mesh_renderer_claims import (
    SIZE,
    TwoRectangles,
    alphas,
    gradient_table,
    label,
    pixel_derivatives,
    printed_verdict,
    relative_error,
    slopes,
    verdict,
    weights_as_printed,
)

HERE = torch.zeros(1, dtype=torch.float64)


def test_the_nearer_rectangle_hides_the_other_and_moves_by_pixels():
    still, moved = (TwoRectangles().render(HERE + aside, 0.0) for aside in (0, 3))
    depth = -still.depth[0, 0]
    assert still.crisp_alpha.sum() == 21 * 17 and (depth > -1.2).sum() == 6 * 8
    torch.testing.assert_close(moved.image[..., 6:18, 13:19], still.image[..., 6:18, 10:16])
    assert not still.soft_alpha.any()


def test_corners_are_where_the_picture_has_them():
    near, far = TwoRectangles(turn=90).corners()
    assert near.amin(0).tolist() == pytest.approx([9, 9]) and near.amax(0).tolist() == pytest.approx([17, 15])
    assert TwoRectangles(place=-9).corners()[0].mean(0).tolist() == pytest.approx([4, SIZE / 2])
    assert far.amax(0).tolist() == [23, 21]


@pytest.mark.parametrize("scene", [TwoRectangles(), TwoRectangles(shaded=True, turn=20)])
def test_soft_derivatives_are_right_and_add_up_and_crisp_ones_miss_the_edges(scene):
    table = gradient_table({("one", band): slopes(scene, band, cells=24) for band in (0.0, 1.0)}).loc["one"]
    assert table.loc["soft, B = 1", "largest relative error"] < 1e-6
    assert table.loc["soft, B = 1", "explained"] == pytest.approx(1, abs=0.05)
    assert table.loc["soft, B = 1", "towards the goal"] > 0.95
    assert abs(table.loc["crisp", "explained"]) < 0.3 and table.loc["crisp", "n"] == 24


def test_where_outlines_meet_the_mean_of_eq_10_jumps():
    """A pixel beyond the left rims of both: within reach of the farther one, and all at once of the nearer one."""
    scene = TwoRectangles(place=-9)
    just = [scene.render(HERE + aside, 1.0).image[0, :, 10, 1] for aside in (1.5 - 1e-9, 1.5 + 1e-9)]
    assert (just[0] - just[1]).abs().max() > 0.1  # its left rim is at 2.5, one pixel from the centre of pixel 1
    found = slopes(scene, 1.0, cells=25)  # of 24, one meets a jump exactly
    assert relative_error(found.derivative, found.difference).max() < 1e-6
    assert abs(found.derivative.sum() / found.over_cell.sum() - 1) > 0.2


def test_pixels_change_at_rims_as_the_closed_form_says():
    """Right of the nearer rectangle, colours go from the farther one's to its own within B pixels."""
    scene, aside = TwoRectangles(), -0.3
    change = pixel_derivatives(scene, 1.0, aside)
    contrast = scene.render(HERE, 0.0).image[0].mean(0)
    expected = contrast[12, 13] - contrast[12, 20]
    assert change[12, 15].item() == pytest.approx(0) and change[12, 16].item() == pytest.approx(expected.item())
    assert change[12, 9].item() == pytest.approx(-expected.item())
    assert pixel_derivatives(scene, 0.0, aside).abs().max() == 0


def rows(crisp, soft, error=1e-8):
    index = pd.MultiIndex.from_product([["a"], [label(0), label(1)]], names=["nearer rectangle", "renderer"])
    return pd.DataFrame({"explained": [crisp, soft], "largest relative error": [0.0, error]}, index=index)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (rows(-0.1, 1.01), "reproduced"),
        (rows(0.9, 1.01), "partly"),  # a crisp renderer that sees nearly all
        (rows(0.0, 1.5), "partly"),  # exact where taken, but jumps between
        (rows(0.0, 2.5), "not reproduced"),
        (rows(0.0, 1.0, error=0.1), "not reproduced"),
    ],
)
def test_the_verdict_follows_the_numbers(table, expected):
    found, reason = verdict(table)
    assert found == expected
    assert f"{100 * table['explained'].iloc[1]:.1f} %" in reason


def test_eq_11_and_12_as_printed_are_no_opacity_and_no_blend():
    table = alphas((0.5, 1.0, 3.0))
    assert table.loc[1.0, "printed, max"] == pytest.approx(table.loc[1.0, "used, max"])
    assert table.loc[0.5, "printed, max"] > 1.9 and table.loc[3.0, "printed, min"] < -0.6
    assert table[["used, min", "used, max"]].stack().between(0, 1).all()
    found, reason = printed_verdict(table)
    assert found == "not reproduced" and "0.5, 1, 3 pixels" in reason
    sound = table.assign(**{"printed, min": 0.0, "printed, max": 1.0, "weights of Eq. (12), max": 1.0})
    assert printed_verdict(sound)[0] == "reproduced"
    one = torch.ones(())
    assert weights_as_printed(0 * one, one) == 1 and weights_as_printed(0.5 * one, 0 * one) == 1.5
