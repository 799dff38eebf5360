import math

import pytest
import torch

from inverse_graphics.experiments.mesh_gan import config_for
from inverse_graphics.experiments.mesh_inversion import invert, known_styles
from inverse_graphics.models.meshes import MeshGenerator
from inverse_graphics.renderers.meshes import unit_ball_cameras

REACH = (math.radians(45), math.radians(15))


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    return MeshGenerator(config_for("smoke").settings()).eval().requires_grad_(False)


def test_a_picture_of_the_generator_is_found_again(generator):
    known = known_styles(generator)
    drawn = torch.Generator().manual_seed(1)
    styles = [each.mean + each.spread * torch.randn(2, len(each.mean), generator=drawn) for each in known]
    azimuth = torch.tensor([0.4, -0.5])
    pictures = generator.scenes(*styles).render(unit_ball_cameras(azimuth, torch.zeros(2))).image.clamp(0, 1)
    start = invert(generator, pictures, REACH, steps=0)
    found = invert(generator, pictures, REACH, steps=30)
    assert torch.equal(start.azimuth, torch.zeros(2)) and (found.error < 0.8 * start.error).all()
    assert (found.azimuth.abs() <= REACH[0]).all() and (found.elevation.abs() <= REACH[1]).all()
    again = generator.scenes(found.styles, found.background_styles)
    seen = again.render(unit_ball_cameras(found.azimuth, found.elevation)).image.clamp(0, 1)
    torch.testing.assert_close((seen - pictures).abs().mean((1, 2, 3)), found.error, atol=1e-5, rtol=0)
    assert all(parameter.grad is None for parameter in generator.parameters())


def test_pictures_of_another_size_or_range_are_refused(generator):
    with pytest.raises(ValueError, match="pictures: expected"):
        invert(generator, torch.rand(1, 3, 8, 8), REACH)
    with pytest.raises(ValueError, match="pictures: "):
        invert(generator, torch.full((1, 3, 16, 16), 2.0), REACH)
