import math

import pytest
import torch

from inverse_graphics.geometry.cameras import Camera, angles, pixel_centres, view_rotation

DEGREE = math.pi / 180


def test_the_azimuth_zero_camera_looks_down_minus_z():
    origins, directions = Camera(distance=3.0).rays(2, 2)
    torch.testing.assert_close(directions, torch.tensor([0.0, 0.0, -1.0]).expand(2, 2, 3))
    torch.testing.assert_close(origins[0, 0], torch.tensor([-0.5, 0.5, 3.0]))  # row 0 on top, column 0 left


@pytest.mark.parametrize(
    ("azimuth", "elevation", "direction"),
    [(0, 0, (0, 0, 1)), (90, 0, (1, 0, 0)), (180, 0, (0, 0, -1)), (0, 90, (0, 1, 0)), (90, 30, (0.8660254, 0.5, 0))],
)
def test_where_the_camera_stands(azimuth, elevation, direction):
    back = Camera(azimuth * DEGREE, elevation * DEGREE).rotation(torch.zeros(()))[2]
    torch.testing.assert_close(back, torch.tensor(direction, dtype=torch.float32), atol=1e-6, rtol=0)


def test_view_rotation_is_a_rotation_and_passes_gradcheck():
    generator = torch.Generator().manual_seed(0)
    azimuth, elevation = (torch.randn(5, generator=generator, dtype=torch.float64) for _ in range(2))
    rotation = view_rotation(azimuth, elevation)
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3, dtype=torch.float64).expand(5, 3, 3))
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(5, dtype=torch.float64))
    assert torch.autograd.gradcheck(view_rotation, (azimuth.requires_grad_(), elevation.requires_grad_()))


@pytest.mark.parametrize("field_of_view", [None, 0.8])
@pytest.mark.parametrize("size", [(5, 5), (4, 8)])
def test_project_inverts_rays(field_of_view, size):
    camera = Camera(0.7, -0.3, distance=3.5, field_of_view=field_of_view)
    origins, directions = camera.rays(*size)
    assert torch.allclose(directions.norm(dim=-1), torch.ones(()))
    points = (origins + 3.0 * directions).reshape(-1, 3)
    column, row, depth = camera.project(points).reshape(*size, 3).unbind(-1)
    torch.testing.assert_close(row, pixel_centres(size[0], row)[:, None].expand(size))
    torch.testing.assert_close(column, (pixel_centres(size[1], row) * size[1] / size[0]).expand(size))
    assert (depth > 0).all()


def test_right_is_right_and_up_is_up():
    camera = Camera(90 * DEGREE)  # stands on +x: its right is −z
    column, row, depth = camera.project(torch.tensor([[0.0, 0.5, -0.25]]))[0]
    torch.testing.assert_close(torch.stack((column, row, depth)), torch.tensor([0.25, -0.5, 3.0]))


def test_angles_are_spread_over_the_batch():
    like = torch.zeros((), dtype=torch.float64)
    assert angles("azimuth", 0.5, 3, like).tolist() == [0.5] * 3
    assert angles("azimuth", torch.tensor([1.0, 2.0]), 2, like).dtype == torch.float64
    for bad in (torch.zeros(2), float("nan"), torch.zeros(3, 1)):
        with pytest.raises(ValueError, match="azimuth"):
            angles("azimuth", bad, 3, like)


@pytest.mark.parametrize(
    ("fields", "name"), [({"distance": 0.0}, "distance"), ({"field_of_view": 3.2}, "field_of_view")]
)
def test_cameras_refuse_bad_fields(fields, name):
    with pytest.raises(ValueError, match=name):
        Camera(**fields)


def test_points_behind_a_perspective_camera_are_refused():
    with pytest.raises(ValueError, match="in front of the camera"):
        Camera(field_of_view=0.8).project(torch.tensor([[0.0, 0.0, 4.0]]))
    with pytest.raises(ValueError, match="points"):
        Camera().project(torch.zeros(3))
