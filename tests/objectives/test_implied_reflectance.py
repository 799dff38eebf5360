import math
from dataclasses import replace

import pytest
import torch

from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.objectives.implied_reflectance import implied_normals, reflectance_error
from inverse_graphics.renderers.shading import Lights
from inverse_graphics.renderers.surfels import render_surfels


@pytest.fixture
def scene():
    """A tilted plane in float64, lit by three colours from the camera's side."""
    camera = Cameras.orbit(torch.tensor([0.3, 0.5]).double(), torch.tensor([0.4, 0.6]).double(), 1.3, 0.45)
    rays = camera.rays(12, 12)
    normal = torch.nn.functional.normalize(torch.tensor([0.2, 0.3, 1.0]).double(), dim=0)
    depth = (-1.3 * normal[2] / (rays @ normal)).expand(2, 1, 12, 12).contiguous()
    lights = Lights(
        positions=torch.tensor([[0.2, 0.9, 0.8], [0.6, 0.8, 0.2], [0.8, 0.6, 0.8]]).double().expand(2, 3, 3),
        colours=torch.tensor([[0.8, 0.8, 0.8], [0.8, 0.1, 0.1], [0.2, 0.8, 0.2]]).double().expand(2, 3, 3),
        ambient=torch.full((2, 3), 0.1).double(),
        linear=0.1,
        quadratic=1.0,
    )
    return render_surfels(depth, camera, lights).image, depth, camera, lights, normal


def test_the_true_depth_implies_the_true_normals_and_the_known_reflectance(scene):
    images, depth, camera, lights, normal = scene
    normals, valid = implied_normals(images, depth, camera, lights)
    assert valid.all()
    torch.testing.assert_close(normals, normal.view(1, 3, 1, 1).expand_as(normals))
    assert reflectance_error(images, depth, camera, lights) < 1e-9


def test_the_error_grows_with_the_distance_from_the_truth_and_pulls_back(scene):
    images, depth, camera, lights, _ = scene
    errors = []
    for shift in (-0.2, -0.1, -0.02, 0.0, 0.02, 0.1, 0.2):
        moved = (depth + shift).requires_grad_()
        errors.append(reflectance_error(images, moved, camera, lights))
        if shift:
            (gradient,) = torch.autograd.grad(errors[-1], moved)
            assert (gradient.sign() == math.copysign(1, shift)).all()
    assert errors == sorted(errors[:4], reverse=True) + sorted(errors[4:])


def test_half_the_albedo_needs_normals_twice_as_long(scene):
    images, depth, camera, lights, _ = scene
    dim = Lights(lights.positions, lights.colours, 0 * lights.ambient, lights.linear, lights.quadratic)
    images = render_surfels(depth, camera, dim, 0.6).image
    assert reflectance_error(images, depth, camera, dim, 0.3).item() == pytest.approx(math.log(2))
    each = torch.tensor([0.6, 0.3]).double().view(2, 1, 1, 1)
    assert reflectance_error(images, depth, camera, dim, each).item() == pytest.approx(math.log(2) / 2)


def test_clipped_and_unlit_pixels_do_not_count(scene):
    images, depth, camera, lights, _ = scene
    images = images.clone()
    images[0, 1, 3, 4] = 1.0
    _, valid = implied_normals(images, depth, camera, lights)
    assert not valid[0, 0, 3, 4] and valid.sum() == valid.numel() - 1
    unlit = torch.zeros_like(images)  # darker than the ambient light alone: no light can be said to reach it
    assert not implied_normals(unlit, depth, camera, lights)[1].any()
    assert reflectance_error(unlit, depth, camera, lights) == 0


def test_what_rounding_leaves_of_a_light_does_not_count(scene):
    """It has another sign on another processor."""
    images, depth, camera, lights, _ = scene
    lit = lights.colours.clone()
    lit[:, 1] = 0  # the second light is out; the networks are not told
    images = render_surfels(depth, camera, replace(lights, colours=lit)).image
    for noise in (0.0, 1e-6, -1e-6):
        assert not implied_normals(images + noise, depth, camera, lights)[1].any()


def test_lights_that_leave_the_normal_open_are_refused(scene):
    images, depth, camera, lights, _ = scene
    white = Lights(lights.positions, torch.ones(2, 3, 3).double(), lights.ambient)
    with pytest.raises(ValueError, match="lights: expected three different colours"):
        implied_normals(images, depth, camera, white)
    two = Lights(lights.positions[:, :2], lights.colours[:, :2], lights.ambient)
    with pytest.raises(ValueError, match="lights: expected three in each scene, got 2"):
        implied_normals(images, depth, camera, two)
