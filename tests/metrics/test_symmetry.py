import math

import pytest
import torch

from inverse_graphics.metrics.symmetry import left_right_symmetry, rotational_symmetry
from inverse_graphics.renderers.voxels import rotate_voxels

CENTRES = torch.arange(28) - 13.5
DEPTH, HEIGHT, WIDTH = torch.meshgrid(CENTRES, CENTRES, CENTRES, indexing="ij")  # height grows downward
RADIUS = (DEPTH**2 + WIDTH**2).sqrt()


def grid(cells):
    return cells.float()[None]


def chair():
    seat = (DEPTH.abs() < 7) & (WIDTH.abs() < 7) & (HEIGHT.abs() < 1)
    back = (DEPTH > 5) & (DEPTH < 7) & (WIDTH.abs() < 7) & (HEIGHT < 0) & (HEIGHT > -12)
    corner = (DEPTH.abs() > 5) & (DEPTH.abs() < 7) & (WIDTH.abs() > 5) & (WIDTH.abs() < 7)
    return grid(seat | back | (corner & (HEIGHT > 0) & (HEIGHT < 12)))


@pytest.mark.parametrize("radius", [5, 8, 12])
def test_lathe_shapes_are_symmetric(radius):
    standing = HEIGHT.abs() < 9
    assert rotational_symmetry(grid((radius > RADIUS) & standing)).item() > 0.95
    assert rotational_symmetry(grid(RADIUS**2 + HEIGHT**2 < radius**2)).item() > 0.95
    assert rotational_symmetry(grid((radius > RADIUS) & (radius - 2 < RADIUS) & standing)).item() > 0.9  # a tube


def test_plates_and_chairs_are_not():
    plate = grid((DEPTH.abs() < 1) & (WIDTH.abs() < 10) & (HEIGHT.abs() < 9))
    assert rotational_symmetry(plate).item() < 0.3
    assert rotational_symmetry(chair()).item() < 0.45
    aside = grid((DEPTH**2 + (WIDTH - 6) ** 2 < 16) & (HEIGHT.abs() < 9))  # a cylinder off the axis
    assert rotational_symmetry(aside).item() < 0.2


def test_the_score_does_not_depend_on_where_a_shape_faces():
    scores = [rotational_symmetry(rotate_voxels(chair(), azimuth)).item() for azimuth in (0, 0.3, math.pi / 4, 2)]
    assert max(scores) - min(scores) < 0.06


def test_soft_shapes_score_as_hard_ones():
    soft = rotational_symmetry(0.3 * chair())
    assert soft.item() == pytest.approx(rotational_symmetry(chair()).item(), abs=1e-5)


def test_quarter_turns_of_a_cross_are_exact():
    cross = grid(((DEPTH.abs() < 2) | (WIDTH.abs() < 2)) & (RADIUS < 10) & (HEIGHT.abs() < 3))
    halves = rotate_voxels(cross, math.pi / 2)
    torch.testing.assert_close(halves, cross)
    assert rotational_symmetry(cross, 4).item() > 0.97
    assert rotational_symmetry(cross, 8).item() < 0.75


def test_mirroring_left_to_right_is_exact():
    assert left_right_symmetry(chair()).item() == 1
    voxels = torch.zeros(1, 4, 4, 4)
    voxels[:, :, :, :3] = 1  # width cells 0..2 and 1..3 share two of four
    assert left_right_symmetry(voxels).item() == pytest.approx(0.5)
    voxels[:, :, :, 2:] = 0
    assert left_right_symmetry(voxels).item() == 0


def test_one_number_each_and_nothing_for_empty_grids():
    voxels = torch.cat((chair(), torch.zeros(1, 28, 28, 28)))
    for metric in (rotational_symmetry, left_right_symmetry):
        assert metric(voxels).shape == (2,)
        assert metric(voxels)[1] == 0


def test_bad_input_is_named():
    for metric in (rotational_symmetry, left_right_symmetry):
        for bad in (torch.full((1, 4, 4, 4), 1.5), torch.full((1, 4, 4, 4), math.nan), torch.zeros(4, 4, 4)):
            with pytest.raises(ValueError, match="voxels: expected"):
                metric(bad)
    with pytest.raises(ValueError, match="voxels: expected as many cells in depth"):
        rotational_symmetry(torch.zeros(1, 3, 4, 4))
    with pytest.raises(ValueError, match="steps: expected"):
        rotational_symmetry(torch.zeros(1, 4, 4, 4), 1)
