import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from inverse_graphics.plots.shapes import BOTTOM
from inverse_graphics.plots.solids import HOLLOW, SOLID, cut_open, sections, shaded


def beaker() -> torch.Tensor:
    """A box (12, 12, 12) hollow from above: walls and floor two cells thick."""
    voxels = torch.zeros(12, 12, 12)
    voxels[2:10, 2:10, 2:10] = 1
    voxels[4:8, :8, 4:8] = 0
    return voxels


def test_cutting_open_takes_the_front_half():
    opened = cut_open(beaker())
    assert opened[:6].sum() == 0 and torch.equal(opened[6:], beaker()[6:])


def test_sections_show_shape_and_cavity():
    upright, level = sections(beaker(), 0.5)
    assert upright.shape == level.shape == (12, 12, 3)
    assert upright[8, 5] == pytest.approx(to_rgb(SOLID)) and upright[5, 5] == pytest.approx(to_rgb(HOLLOW))
    assert upright[0, 0] == pytest.approx(to_rgb(BOTTOM)) and upright[0, 5] == pytest.approx(to_rgb(BOTTOM))
    assert level[5, 5] == pytest.approx(to_rgb(HOLLOW)) and level[5, 3] == pytest.approx(to_rgb(SOLID))


def test_the_level_section_has_the_front_below():
    voxels = torch.zeros(8, 8, 8)
    voxels[0, 3:5, 3:5] = 1
    _, level = sections(voxels, 0.5)
    assert level[7, 3] == pytest.approx(to_rgb(SOLID)) and level[0, 3] == pytest.approx(to_rgb(BOTTOM))


def test_an_empty_shape_is_plain():
    (picture,) = shaded([torch.zeros(8, 8, 8)])
    assert np.ptp(picture, axis=(0, 1)).max() == 0
    assert np.ptp(sections(torch.zeros(8, 8, 8), 0.5)[0], axis=(0, 1)).max() == 0


def test_a_shape_cut_open_keeps_its_scale():
    whole, opened = (shaded([beaker()], opened=opened)[0] for opened in (False, True))
    covered = [np.abs(picture - picture[:, :1]).max(2) > 0.03 for picture in (whole, opened)]
    assert covered[0].any(0).sum() == pytest.approx(covered[1].any(0).sum(), abs=3)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="voxels: expected"):
        sections(beaker() + 1, 0.5)
    with pytest.raises(ValueError, match="voxels: expected"):
        cut_open(torch.zeros(2, 2))
