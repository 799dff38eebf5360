import pytest
import torch

from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.objectives.view_consistency import contradiction


def orbit(azimuth, elevation=0.5):
    return Cameras.orbit(torch.tensor([azimuth]), torch.tensor([elevation]), 1.3, 0.45)


def floor(camera, height, size=32):
    """Depth (1, 1, S, S) of the plane y = height."""
    down = (camera.rays(size, size) @ camera.rotation()[0])[..., 1]
    return ((height - camera.position[0, 1]) / down)[None, None]


def test_two_views_of_one_floor_agree():
    here, there = orbit(0.2), orbit(1.0)
    assert contradiction(floor(here, -0.2), here, floor(there, -0.2), there) < 1e-3  # depth is interpolated


def test_floors_of_different_height_contradict_each_other_by_that_and_are_pulled_together():
    here, there = orbit(0.2), orbit(0.2)  # the same view: every point meets its own pixel
    high, low = floor(here, -0.2).requires_grad_(), floor(there, -0.3).requires_grad_()
    error = contradiction(high, here, low, there)
    assert error.item() == pytest.approx((low - high).mean().item(), rel=0.02)
    error.backward()
    inner = (..., slice(2, -2), slice(2, -2))
    assert (high.grad[inner] < 0).all() and (low.grad[inner] > 0).all()


def test_what_is_hidden_from_the_other_camera_is_no_contradiction():
    """A board stands before the wall; from the side the wall behind it is seen, from the front it is not."""
    here = orbit(0.2)
    wall, board = torch.full((1, 1, 32, 32), 1.5), torch.full((1, 1, 32, 32), 1.5)
    board[..., 12:20, 12:20] = 1.0
    alone = contradiction(board, here, board, here)
    assert alone < 1e-2  # but for the board's outline, where pixels are interpolated
    # the wall is seen through the board: as many pixels as the board has, by its distance from the wall
    assert contradiction(wall, here, board, here).item() == pytest.approx(0.5 * 64 / 1024, rel=0.3)


def test_points_outside_the_other_picture_do_not_count():
    here, away = orbit(0.2), Cameras(torch.tensor([[9.0, 0.5, 0.0]]), torch.tensor([[20.0, 0.5, 0.0]]), 0.45)
    depth = torch.full((1, 1, 8, 8), 1.3)
    assert contradiction(depth, here, depth, away) == 0
    with pytest.raises(ValueError, match="other_depth: expected the shape of depth"):
        contradiction(depth, here, depth[..., :4], here)
