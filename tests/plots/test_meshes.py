import math

import numpy as np
import pytest
import torch

from inverse_graphics.geometry.shape_images import initial_shape
from inverse_graphics.plots.meshes import (
    layer_panels,
    mesh_gan_diagram,
    opacity_curves,
    shape_picture,
    slope_panels,
)
from inverse_graphics.renderers.meshes import MeshSettings, render_mesh, unit_ball_cameras

TRIANGLE = np.array([(1.0, 1), (6, 1), (1, 6)])


def triangle(size=8):
    """One orange triangle before a white background, whose right half is empty."""
    vertices = torch.tensor([[[-0.7, -0.7, 0], [0, 0.7, 0], [-0.7, 0.7, 0]]])
    colours, blank = torch.tensor([[[1.0, 0.5, 0.0]] * 3]), torch.ones(1, 3, size, size)
    camera = unit_ball_cameras(torch.zeros(1), torch.zeros(1))
    return render_mesh(vertices, torch.tensor([[0, 1, 2]]), colours, None, blank, camera, MeshSettings(size, 1.5))


def test_layers_are_white_where_they_are_empty_and_the_window_is_enlarged():
    seen = triangle()
    figure = layer_panels(seen, [TRIANGLE], window=(1, 2, 3))
    panels = figure.axes[:10]
    headings = [axes.get_title() for axes in panels[::2]]
    assert headings[0] == "crisp layer" and headings[-1].startswith("depth")
    crisp, soft = (panels[2 * i].images[0].get_array() for i in (0, 1))
    covered = seen.crisp_alpha[0, 0].bool().numpy()
    assert (crisp[~covered] == 1).all()
    assert np.abs(crisp[covered] - [1, 0.5, 0]).max() < 1e-6
    soft = np.asarray(soft)
    assert (soft[:, 7] == 1).all() and (soft[..., 2] < 0.01).any()
    depth = panels[8].images[0].get_array()
    assert depth.mask.sum() == (~covered).sum()
    assert panels[1].get_xlim() == (1, 4) and panels[1].get_ylim() == (5, 2)


def test_slopes_share_one_scale_and_differences_beyond_the_chart_lie_at_its_rim():
    position = torch.linspace(-1, 1, 5)
    wild = torch.tensor([0.0, 99, 0, -99, 0])
    curves = {"one": (position, position**2, 2 * position, 2 * position), "two": (position, position, 0 * wild, wild)}
    figure = slope_panels({"a": torch.ones(4, 4), "b": -3 * torch.ones(4, 4)}, TRIANGLE, curves)
    assert {axes.images[0].get_clim() for axes in figure.axes[:2]} == {(-3.0, 3.0)}
    slopes = figure.axes[-1]
    top = slopes.get_ylim()[1]
    heights = [line.get_ydata() for line in slopes.lines]
    assert max(np.abs(np.asarray(values)).max() for values in heights if len(values)) == pytest.approx(top)
    ends = [float(values[0]) for values in heights if len(values) == 1]
    assert sorted(ends) == pytest.approx([-top, top])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]


def test_a_label_has_one_colour_in_all_panels():
    line = (torch.arange(3.0), torch.arange(3.0))
    figure = opacity_curves({"a": {"x": line, "y": line}, "b": {"y": line}}, limits=(0, 2))
    first, second = figure.axes
    assert first.lines[1].get_color() == second.lines[0].get_color() != first.lines[0].get_color()


def test_a_shape_image_has_the_colours_of_its_coordinates():
    picture = shape_picture(initial_shape("sheet", 9, radius=1.0))
    assert picture[4, 4] == pytest.approx([0.5, 0.5, 0.5])
    assert picture[4, 8] == pytest.approx([1, 0.5, 0.5]) and picture[0, 4] == pytest.approx([0.5, 1, 0.5])
    assert math.isclose(shape_picture(9 * initial_shape("sphere", 9)).max(), 1)


def test_the_diagram_says_what_it_is_told():
    image = np.zeros((4, 4, 3))
    networks = {
        "object": (((7, 4, 4), (3, 8, 8)), 1234),
        "background": (((5, 4, 4), (2, 8, 8)), 2345),
        "discriminator": (((4, 8, 8), (6, 4, 4)), 3456),
    }
    shapes = {"z": (11,), "shape": (3, 4, 4), "texture": (3, 8, 8), "background": (3, 8, 8), "crop": (4, 4)}
    images = dict.fromkeys(("shape", "texture", "background", "real"), image)
    views = dict.fromkeys(("left", "front", "right"), image)
    figure = mesh_gan_diagram(networks, shapes | {"fake": (3, 4, 4)}, images, views, (0.25, 0.5, 0.5))
    axes = figure.axes[0]
    told = "\n".join(text.get_text() for text in axes.texts)
    for part in ("7 × 4 × 4 → 3 × 8 × 8\n1,234 weights", "2,345", "4 × 8 × 8 → 6 × 4 × 4", "11", "front"):
        assert part in told, part
    assert len(axes.images) == 7
    with pytest.raises(ValueError, match="argument"):
        mesh_gan_diagram(networks, shapes | {"fake": (3, 4, 4)}, images, {"front": image}, (0.25, 0.5, 0.5))
