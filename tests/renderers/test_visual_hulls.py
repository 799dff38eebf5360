"""Back-projection and hulls against what they mean: a cell has the value of the pixel that sees it."""

import math

import pytest
import torch

from inverse_graphics.renderers.visual_hulls import back_project, visual_hull
from inverse_graphics.renderers.voxels import project_around, project_voxels

TURNS = torch.arange(12) * (2 * math.pi / 12)


def block():
    """A box off the axis: three cells deep, six high, four wide."""
    voxels = torch.zeros(1, 20, 20, 20)
    voxels[0, 4:7, 8:14, 11:15] = 1
    return voxels


def test_from_the_front_the_picture_is_repeated_along_depth():
    picture = torch.rand(2, 5, 6, generator=torch.Generator().manual_seed(0))
    back = back_project(picture, 0.0)
    assert back.shape == (2, 6, 5, 6)
    torch.testing.assert_close(back, picture[:, None].expand(2, 6, 5, 6))


@pytest.mark.parametrize("turn", [0.0, 0.5 * math.pi, math.pi, -0.5 * math.pi])
def test_a_cell_of_the_shape_is_seen_by_a_pixel_of_its_silhouette(turn):
    voxels = block()
    silhouette = (project_voxels(voxels, turn)[:, 0] > 0.5).float()
    assert (back_project(silhouette, turn)[voxels > 0] > 0.99).all()


def test_the_hull_holds_the_shape_and_little_else_for_a_box():
    voxels = block()
    silhouettes = (project_around(voxels, TURNS) > 0.3).float()
    hull = visual_hull(silhouettes, TURNS)
    assert (hull[voxels > 0] > 0.5).all()
    assert (hull > 0.5).sum() < 2 * voxels.sum()
    assert (visual_hull(silhouettes[:, :1], TURNS[:1]) > 0.5).sum() > 5 * voxels.sum()  # one view alone: a bar


def test_project_around_is_project_voxels_from_each_side():
    voxels = torch.rand(3, 8, 7, 8, generator=torch.Generator().manual_seed(1)) * 0.3
    together = project_around(voxels, TURNS)
    for k, turn in enumerate(TURNS):
        torch.testing.assert_close(together[:, k : k + 1], project_voxels(voxels, turn.item()))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="pictures: expected values in"):
        back_project(torch.full((1, 4, 4), 2.0), 0.0)
    with pytest.raises(ValueError, match="pictures: expected shape"):
        visual_hull(torch.zeros(1, 4, 4), TURNS)
    with pytest.raises(ValueError, match="azimuths: expected shape"):
        visual_hull(torch.zeros(1, 3, 4, 4), TURNS)
