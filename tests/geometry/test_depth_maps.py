import math

import pytest
import torch

from inverse_graphics.geometry.cameras import Camera, Cameras
from inverse_graphics.geometry.depth_maps import depth_of_box, depth_surface, depth_to_surfels

CAMERAS = [
    Camera(),
    Camera(azimuth=math.radians(90)),
    Camera(math.radians(35), math.radians(25)),
    Camera(math.radians(-20), math.radians(40), distance=4.0, field_of_view=math.radians(45)),
]


def test_a_box_from_the_front_is_a_square_at_the_distance_of_its_face():
    depth = depth_of_box(Camera(distance=3.0), 16, 16, 0.5)
    expected = torch.full((16, 16), torch.inf)
    expected[4:12, 4:12] = 2.5
    torch.testing.assert_close(depth, expected)


@pytest.mark.parametrize("camera", CAMERAS)
def test_surfels_lie_on_the_box_and_point_out_of_it(camera):
    depth = depth_of_box(camera, 32, 32, 0.5)
    surfels = depth_to_surfels(depth, camera)
    assert 0.9 * depth.isfinite().sum() <= len(surfels.points) <= depth.isfinite().sum()
    torch.testing.assert_close(surfels.points.abs().amax(1), torch.full((len(surfels.points),), 0.5))
    face = torch.nn.functional.one_hot(surfels.points.abs().argmax(1), 3) * surfels.points.sign()
    right = (surfels.normals * face).sum(1) > 0.99
    assert right.float().mean() > 0.9  # the rest: a face seen so slantwise that it is a pixel or two wide


@pytest.mark.parametrize("camera", CAMERAS)
def test_surfels_project_to_the_pixels_that_saw_them(camera):
    depth = depth_of_box(camera, 24, 24, 0.5)
    seen = camera.project(depth_to_surfels(depth, camera).points)[:, :2]
    pixel = (seen + 1) * 12 - 0.5
    torch.testing.assert_close(pixel, pixel.round(), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("depth", "message"),
    [
        (torch.ones(3), "depth: expected shape"),
        (torch.full((3, 3), torch.nan), "depth: expected positive distances"),
        (torch.zeros(3, 3), "depth: expected positive distances"),
    ],
)
def test_bad_depth_maps_are_refused(depth, message):
    with pytest.raises(ValueError, match=message):
        depth_to_surfels(depth, Camera())


def test_a_box_needs_a_size():
    with pytest.raises(ValueError, match="half_size"):
        depth_of_box(Camera(), 4, 4, 0.0)


ANGLES = (0.6, 0.4)
LENS = {"distance": 4.0, "field_of_view": math.radians(30)}


def orbit():
    return Cameras.orbit(*(torch.tensor([angle]) for angle in ANGLES), **LENS)


def test_a_depth_map_becomes_the_surface_it_was_seen_of():
    depth = depth_of_box(Camera(*ANGLES, **LENS), 48, 48, 0.5)
    colours = torch.rand(3, 48, 48, generator=torch.Generator().manual_seed(0))
    mesh = depth_surface(depth, orbit(), colours, jump=0.2)
    torch.testing.assert_close(mesh.vertices.abs().amax(1), torch.full((len(mesh.vertices),), 0.5), atol=1e-5, rtol=0)
    corner = mesh.vertices[mesh.faces]
    normals = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    assert (normals * (orbit().position - corner.mean(1))).sum(1).gt(0).all()  # they face the camera
    seen = depth.isfinite()
    assert len(mesh.vertices) > 0.95 * seen.sum() and len(mesh.colours) == len(mesh.vertices)
    column_row = Camera(*ANGLES, **LENS).project(mesh.vertices)[:, :2]  # in [-1, 1]
    column, row = ((column_row + 1) * 24).long().T
    assert torch.equal(mesh.colours, colours[:, row, column].mT)


def test_no_triangle_crosses_a_jump():
    depth = torch.full((8, 8), 4.0)
    depth[:, 4:] = 4.5
    assert len(depth_surface(depth, orbit(), jump=0.4).faces) == 2 * 7 * 6  # of 7 columns of quads, one is gone
    assert len(depth_surface(depth, orbit(), jump=0.6).faces) == 2 * 7 * 7
    assert len(depth_surface(torch.full((4, 4), torch.inf), orbit()).faces) == 0


@pytest.mark.parametrize(
    ("depth", "options", "message"),
    [
        (-torch.ones(4, 4), {}, "depth: expected positive"),
        (torch.ones(4, 4), {"jump": 0.0}, "jump: expected a positive"),
        (torch.ones(4, 4), {"colours": torch.ones(3, 4, 5)}, "colours: expected shape"),
        (torch.ones(4, 4), {"colours": 2 * torch.ones(3, 4, 4)}, "colours: expected values"),
    ],
)
def test_surfaces_refuse_what_is_no_depth_map(depth, options, message):
    with pytest.raises(ValueError, match=message):
        depth_surface(depth, orbit(), **options)
