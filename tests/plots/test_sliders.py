"""Sliders without a kernel: every position is in the figure, and each shows its own."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from inverse_graphics.geometry.meshes import Mesh
from inverse_graphics.geometry.voxel_grids import voxel_centres, voxel_surface
from inverse_graphics.plots.sliders import FINENESS, mesh_sliders, picture_sliders

EMPTY = Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64))


def ball(radius):
    return voxel_surface((voxel_centres(14, 14, 14).norm(dim=-1) < radius).float(), 0.5)


def shown_by(figure, slider, position):
    """Numbers of the traces that are visible at a position of a slider."""
    (change,) = figure.layout.sliders[slider].steps[position].args
    return [at for at, is_visible in enumerate(change["visible"]) if is_visible]


def test_each_position_of_each_slider_shows_one_trace():
    figure = mesh_sliders({"size": {"small": ball(0.3), "large": ball(0.8)}, "other": {"a": ball(0.5)}})
    assert [trace.visible for trace in figure.data] == [True, False, False]
    assert [[step.label for step in slider.steps] for slider in figure.layout.sliders] == [["small", "large"], ["a"]]
    assert [shown_by(figure, *at) for at in ((0, 0), (0, 1), (1, 0))] == [[0], [1], [2]]


def test_meshes_keep_their_shape_and_share_one_scale():
    small, large = ball(0.3), ball(0.8)
    figure = mesh_sliders({"size": {"small": small, "large": large}})
    middle = (large.vertices.amax(0) + large.vertices.amin(0)) / 2
    reach = (large.vertices - middle).abs().max()
    for mesh, trace in zip((small, large), figure.data, strict=True):
        drawn = np.stack([trace.x, trace.y, trace.z], 1)
        np.testing.assert_allclose(drawn / FINENESS, (mesh.vertices - middle) / reach, atol=1e-4)
        assert np.array_equal(np.stack([trace.i, trace.j, trace.k], 1), mesh.faces)
    assert figure.layout.scene.yaxis.range[1] >= FINENESS


def test_light_comes_from_the_upper_left_of_the_front_unless_there_are_colours():
    mesh = ball(0.8)
    lit = mesh_sliders({"": {"": mesh}}).data[0]
    light = np.asarray(lit.intensity, float)
    assert light[np.argmax(lit.y)] > 180 > 100 > light[np.argmin(lit.y)]
    coloured = mesh_sliders({"": {"": mesh._replace(colours=torch.full_like(mesh.vertices, 0.2))}}).data[0]
    assert set(np.asarray(coloured.intensity)) == {51}


def test_an_empty_mesh_is_a_position_like_any_other():
    figure = mesh_sliders({"size": {"none": EMPTY, "some": ball(0.5)}})
    assert len(figure.data[0].x) == 0 and len(figure.data[1].x) > 0
    assert len(mesh_sliders({"size": {"none": EMPTY}}).data[0].i) == 0


def test_pictures_are_shown_as_they_are():
    pictures = [np.random.default_rng(seed).integers(0, 256, (6, 9, 3), np.uint8) for seed in range(3)]
    figure = picture_sliders({"frame": dict(zip("abc", pictures, strict=True))}, width=90)
    for picture, trace in zip(pictures, figure.data, strict=True):
        shown = Image.open(io.BytesIO(base64.b64decode(trace.source.partition(",")[2])))
        assert np.array_equal(np.asarray(shown), picture)
    assert figure.layout.width == 90 and figure.layout.height - figure.layout.margin.b == 60
    with pytest.raises(ValueError, match="pictures of one size"):
        picture_sliders({"frame": {"a": pictures[0], "b": pictures[1][:3]}})


@pytest.mark.parametrize("sliders", [{}, {"size": {}}, {"size": {"a": EMPTY}, "other": {}}])
def test_a_slider_needs_positions(sliders):
    with pytest.raises(ValueError, match="sliders: expected one or more"):
        mesh_sliders(sliders)
