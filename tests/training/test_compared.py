import math

import pytest
import torch
import torch.nn.functional as F
import trimesh

from inverse_graphics.datasets.compared import DISTANCE, cameras_at, lights_about, lit, see
from inverse_graphics.geometry.shape_images import initial_shape
from inverse_graphics.models.compared import ComparedSettings, ShapeAutoencoder
from inverse_graphics.training.compared import ComparedTrainer, draw_meshes, surfel_errors
from inverse_graphics.training.loop import Runtime, Step

AZIMUTH, ELEVATION = torch.tensor([0.0, 1.0, 2.5]), torch.tensor([0.1, 0.4, 0.2])
CHANNELS = {"voxels": (8,), "surfels": (8, 8, 8), "meshes": (8, 8)}


@pytest.fixture(scope="module")
def spheres():
    """Depth, pictures and cameras of three spheres."""
    camera, parts = cameras_at(AZIMUTH, ELEVATION), []
    for index, radius in enumerate((0.5, 0.65, 0.8)):
        parts.append(see(trimesh.creation.icosphere(4, radius), camera[index : index + 1], 16))
    depth, normals = (torch.cat(part) for part in zip(*parts, strict=True))
    return depth, lit(type(parts[0])(depth, normals), camera, lights_about(camera)), camera


@pytest.mark.parametrize("representation", CHANNELS)
def test_a_few_steps_lower_the_error(representation, spheres):
    torch.manual_seed(0)
    settings = ComparedSettings(representation, 16, 8, (8, 8), CHANNELS[representation], style=8, levels=2)
    trainer = ComparedTrainer(ShapeAutoencoder(settings), 5e-3, (0.0,), 1.0)
    fabric = Runtime(accelerator="cpu", precision="32-true").fabric()
    fabric.launch()
    trainer.setup(fabric)
    rows = spheres[1], AZIMUTH, ELEVATION
    terms = [trainer.step(rows, Step(0, index, 200, 3, fabric)) for index in range(40)]
    assert terms[-1].mask_error < 0.9 * terms[0].mask_error
    assert all(term.isfinite() for term in terms[-1])
    assert (terms[-1].reflectance_error > 0) == (representation == "surfels")
    assert (terms[-1].image_error > 0) == (representation != "voxels")


def test_true_surfels_have_hardly_an_error_and_moved_ones_do(spheres):
    depth, images, camera = spheres
    mask = depth.isfinite().float()
    true = depth.nan_to_num(posinf=DISTANCE)
    inside = -F.max_pool2d(-mask, 3, 1, 1)  # slopes at the outline are told from what is beyond it
    image, reflectance = surfel_errors(true, images, inside, camera)
    assert reflectance < 0.05 and image < 0.02
    moved = surfel_errors(true - 0.3, images, inside, camera)
    assert moved[1] > 5 * reflectance and moved[0] > image
    assert sum(surfel_errors(true, images, 0 * mask, camera)) == 0


def test_a_drawn_sphere_covers_its_disc():
    shape = initial_shape("sphere", 32, 0.6)[None]
    image, alpha = draw_meshes(shape, torch.ones(1, 3, 32, 32), cameras_at(AZIMUTH[:1], ELEVATION[:1]), 32, 0.0)
    assert alpha.mean().item() == pytest.approx(math.pi * 0.36 / 4, rel=0.06)
    torch.testing.assert_close(image, alpha.expand_as(image))
