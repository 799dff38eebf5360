import math

import pytest
import torch

from inverse_graphics.geometry.cameras import Camera, Cameras, angles, pixel_centres, view_rotation

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


# Batches that look at a target

AZIMUTH = torch.tensor([0.0, 0.7, -2.5, 4.0], dtype=torch.float64)
ELEVATION = torch.tensor([0.0, 0.4, -0.9, 1.5], dtype=torch.float64)


def test_an_orbit_of_cameras_sees_what_each_camera_sees():
    cameras = Cameras.orbit(AZIMUTH, ELEVATION, torch.tensor([2.0, 3.0, 1.5, 0.8]), 0.45)
    torch.testing.assert_close(cameras.rotation(), view_rotation(AZIMUTH, ELEVATION))
    for at, (azimuth, elevation, distance) in enumerate(zip(AZIMUTH, ELEVATION, (2.0, 3.0, 1.5, 0.8), strict=True)):
        camera = Camera(azimuth.item(), elevation.item(), distance, 0.45)
        origins, directions = camera.rays(4, 6, like=AZIMUTH)
        one = cameras[at : at + 1]
        torch.testing.assert_close(one.position[0], origins[0, 0])
        rays = one.rays(4, 6).reshape(1, -1, 3)
        torch.testing.assert_close((rays @ one.rotation())[0].view(4, 6, 3), directions)
        points = one.to_world(2 * rays)[0]
        column, row, depth = camera.project(points).view(4, 6, 3).unbind(-1)
        torch.testing.assert_close(row[:, 0], pixel_centres(4, row))
        torch.testing.assert_close(column[0], pixel_centres(6, row) * 1.5)
        torch.testing.assert_close(depth, -2 * rays[0, :, 2].view(4, 6))


def test_rays_meet_the_middle_of_the_picture_and_its_edges():
    rays = Cameras.orbit(AZIMUTH.float(), ELEVATION.float(), 2.0, math.pi / 2).rays(3, 3)
    torch.testing.assert_close(rays[1, 1], torch.tensor([0.0, 0.0, -1.0]))
    torch.testing.assert_close(rays[0, 1], torch.tensor([0.0, 2.0, -3.0]) / 13**0.5)  # row 0 is up
    torch.testing.assert_close(rays.norm(dim=-1), torch.ones(3, 3))


def test_the_target_is_ahead_and_the_way_back_is_the_inverse():
    target = torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64)
    cameras = Cameras.orbit(AZIMUTH, ELEVATION, 1.5, 0.5, target)
    ahead = torch.tensor([0.0, 0.0, -1.5], dtype=torch.float64).expand(4, 1, 3)
    torch.testing.assert_close(cameras.to_camera(target.expand(4, 1, 3)), ahead)
    points = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(cameras.to_world(cameras.to_camera(points)), points)
    assert (cameras.rotation()[:, 0, 1] == 0).all()  # upright: right is level
    assert torch.autograd.gradcheck(
        lambda position: Cameras(position, target.expand(4, 3), 0.5).to_camera(points),
        cameras.position.clone().requires_grad_(),
    )


def test_cameras_are_picked_by_slice_and_by_index():
    cameras = Cameras.orbit(AZIMUTH, ELEVATION, 2.0, 0.45)
    picked = cameras[torch.tensor([2, 0])]
    assert len(cameras) == 4 and len(picked) == 2 and len(cameras[1:]) == 3
    assert torch.equal(picked.position, cameras.position[[2, 0]]) and picked.field_of_view == 0.45


@pytest.mark.parametrize(
    ("position", "target"),
    [
        ((1.0, 2.0, 3.0), (1.0, 2.0, 3.0)),
        ((0.5, 2.0, 0.0), (0.5, 0.0, 0.0)),
        ((0.5, -2.0, 0.0), (0.5, 0.0, 0.0)),
        ((math.nan, 0.0, 1.0), (0.0, 0.0, 0.0)),
        ((0.0, 0.0, 1.0), (0.0, 0.0, math.inf)),
    ],
)
def test_a_singular_camera_is_refused(position, target):
    good, bad = torch.tensor([[0.0, 0.0, 1.0], position]), torch.tensor([[0.0, 0.0, 0.0], target])
    with pytest.raises(ValueError, match="camera: expected"):
        Cameras(good, bad, 0.5).rotation()
    with pytest.raises(ValueError, match="camera: expected"):
        Cameras(good, bad, 0.5).to_camera(torch.zeros(2, 1, 3))


def test_a_camera_at_the_pole_is_refused_in_float32_too():
    with pytest.raises(ValueError, match=r"camera: expected one that does not .* got camera 1 at"):
        Cameras.orbit(torch.zeros(2), torch.tensor([0.0, math.pi / 2]), 1.0, 0.5).rotation()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"azimuth": torch.zeros(2, 1)}, r"azimuth: expected shape \(B\)"),
        ({"elevation": torch.zeros(3)}, r"elevation: expected shape \(2\)"),
        ({"elevation": torch.tensor([0.0, 2.0])}, "elevation: expected values in"),
        ({"elevation": torch.full((2,), math.nan)}, "elevation: expected values in"),
        ({"distance": torch.ones(3)}, "distance: expected a number or shape"),
        ({"distance": 0.0}, "distance: expected positive"),
        ({"distance": math.nan}, "distance: expected positive"),
        ({"field_of_view": 0.0}, "field_of_view: expected radians"),
        ({"field_of_view": math.pi}, "field_of_view: expected radians"),
        ({"target": torch.zeros(3, 3)}, "target: expected shape"),
    ],
)
def test_bad_orbits_are_refused(arguments, message):
    good = {"azimuth": torch.zeros(2), "elevation": torch.zeros(2), "distance": 1.0, "field_of_view": 0.5}
    with pytest.raises(ValueError, match=message):
        Cameras.orbit(**{**good, **arguments})


def test_points_and_fields_of_another_size_are_refused():
    cameras = Cameras.orbit(AZIMUTH, ELEVATION, 2.0, 0.45)
    for points in (torch.zeros(3, 5, 3), torch.zeros(4, 3), torch.full((4, 1, 3), math.nan)):
        for move in (cameras.to_camera, cameras.to_world):
            with pytest.raises(ValueError, match="points: expected"):
                move(points)
    with pytest.raises(ValueError, match="target: expected shape"):
        Cameras(torch.ones(2, 3), torch.zeros(1, 3), 0.5)
    with pytest.raises(ValueError, match="position: expected shape"):
        Cameras(torch.ones(3), torch.zeros(1, 3), 0.5)
