import torch

from inverse_graphics.experiments.mesh_figures import SIDE, as_seen, between, normal_maps, turned, vertex_normals
from inverse_graphics.experiments.mesh_gan import config_for
from inverse_graphics.geometry.shape_images import disc_mesh, initial_shape, vertices_of
from inverse_graphics.models.meshes import MeshGenerator, Scene

N = 16


def ball():
    """A ball, red on its right half and green on its left one, before grey."""
    texture = torch.zeros(1, 3, 2 * N, 2 * N)
    texture[:, 0, :, N:], texture[:, 1, :, :N] = 1, 1
    return Scene(initial_shape("sphere", N, 0.8)[None], texture, torch.full_like(texture, 0.5))


def test_views_turn_the_object_on_white():
    views = turned(ball())[0]
    assert views.shape == (5, 3, SIDE, SIDE) and (views[:, :, 0, 0] == 1).all()
    middle = views[:, :, SIDE // 2, SIDE // 2]
    assert middle[0, 1] > 0.9 > 0.1 > middle[0, 0] and middle[-1, 0] > 0.9 > 0.1 > middle[-1, 1]  # left is green


def test_normals_of_a_ball_point_outward_and_face_the_camera():
    scene = ball()
    inside = disc_mesh(N)
    vertices = vertices_of(scene.shape, inside)[0]
    front = vertices[:, 2] > 0
    likeness = (vertex_normals(scene)[0] * torch.nn.functional.normalize(vertices, dim=1)).sum(1)
    assert likeness[front].min() > 0.95
    for azimuth in (0.0, 60.0):
        shown = normal_maps(scene, (azimuth,))[0, 0]
        torch.testing.assert_close(shown[:, SIDE // 2, SIDE // 2], torch.tensor([0.5, 0.5, 1.0]), atol=0.06, rtol=0)
        assert shown[0, SIDE // 2, 3 * SIDE // 4] > 0.6 > 0.4 > shown[0, SIDE // 2, SIDE // 4]


def test_scenes_between_two_latents_begin_and_end_with_these():
    config = config_for("smoke")
    torch.manual_seed(0)
    generator = MeshGenerator(config.settings()).eval()
    latents = torch.randn(2, 2, config.latent)
    scenes = between(generator, *latents, steps=5)
    ends = generator(*latents)
    for got, wanted in zip(scenes, ends, strict=True):
        torch.testing.assert_close(got[[0, -1]], wanted)
    seen = as_seen(config, scenes)
    assert seen.shape == (5, 3, 16, 16) and 0 <= seen.min() and seen.max() <= 1
