import math

import pytest
import torch

from inverse_graphics.datasets.scenes import load_scenes
from inverse_graphics.experiments.surfel_renderer import (
    depth_by_descent,
    facing_camera,
    milliseconds_per_scene,
    normal_errors,
    rendered_again,
    sphere,
    tilted_plane,
)


@pytest.fixture(scope="module")
def scenes():
    return load_scenes("box_rotation", "test", count=2, size=32)


def test_formulas_put_their_points_where_they_say():
    camera = facing_camera()
    ball, rays = sphere(33, camera), camera.rays(33, 33).permute(2, 0, 1)
    points = ball.depth[0] * rays - torch.tensor([0, 0, -2.0])[:, None, None]
    assert (points.norm(dim=0)[ball.inside] - 0.4).abs().max() < 1e-5
    plane = tilted_plane(33, camera, math.radians(60))
    points = plane.depth[0] * rays - torch.tensor([0, 0, -2.0])[:, None, None]
    assert (points * plane.normals[0]).sum(0).abs().max() < 1e-5


def test_normals_are_within_half_a_degree():
    errors = normal_errors()
    assert errors["largest"].max() < 0.5  # the bar; far less in fact


def test_true_depth_gives_the_ray_cast_picture_but_for_edges(scenes):
    picture, numbers = rendered_again(scenes)
    assert picture.shape == scenes.images.shape
    assert numbers["mean absolute error"] < 0.03 and numbers["share of pixels off by over 0.05"] < 0.3


def test_descent_makes_the_picture(scenes):
    start = torch.full_like(scenes.depth, 1.3)
    depth, history = depth_by_descent(scenes, start, steps=60)
    assert history[-1] < 0.5 * history[0] and len(history) == 60
    assert depth.shape == start.shape and (depth > 0).all()


def test_time_is_positive():
    assert milliseconds_per_scene(8, 2, runs=3) > 0
