import math

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.plots.surfels import (
    SurfelMaps,
    depth_picture,
    normal_picture,
    surfel_facets,
    surfel_figure,
    surfel_montage,
    surfel_rows,
    surfel_views,
)
from inverse_graphics.renderers.shading import Lights
from inverse_graphics.renderers.surfels import SurfelImage, render_surfels

CAMERA = Cameras.orbit(torch.tensor([0.6]), torch.tensor([0.4]), 2.0, 0.7)


def wall(size=8, batch=1):
    """The plane through the origin that faces the camera: maps and surfels."""
    camera = Cameras(CAMERA.position.expand(batch, 3), CAMERA.target.expand(batch, 3), 0.7)
    depth = (-2.0 / camera.rays(size, size)[:, :, 2]).expand(batch, 1, size, size)
    lights = Lights(torch.full((batch, 1, 3), 2.0), torch.full((batch, 1, 3), 3.0), torch.full((batch, 3), 0.2))
    surfels = render_surfels(depth, camera, lights)
    return SurfelMaps(surfels.image, depth, surfels.normals), surfels


def test_normals_have_the_colours_of_the_axes():
    axes = torch.eye(3)[:, None, :].repeat(1, 1, 2)  # columns face x, y, z, and again
    picture = normal_picture(axes)
    assert picture.shape == (1, 6, 3)
    assert picture[0, :3].tolist() == [[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]]
    assert normal_picture(-axes)[0, 0].tolist() == [0, 0.5, 0.5]


def test_near_is_dark():
    picture = depth_picture(torch.tensor([[[1.0, 1.5, 2.0, 9.0]]]), 1.0, 2.0)
    assert picture.tolist() == [[0, 0.5, 1, 1]]


def test_rows_show_picture_depth_and_normals_on_one_scale():
    maps, _ = wall()
    far = maps._replace(depth=maps.depth + 1)
    figure = surfel_rows({"near": maps, "far": far}, title="Walls")
    shown = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    assert [axes.get_title() for axes in figure.axes] == ["picture", "depth", "normals", "", "", ""]
    assert np.allclose(shown[0], maps.image[0].clamp(0, 1).permute(1, 2, 0))
    assert shown[1].min() == 0 and shown[4].max() == pytest.approx(1)
    assert np.allclose(shown[4] - shown[1], 1 / (far.depth.max() - maps.depth.min()).item(), atol=1e-6)
    assert np.allclose(shown[2], normal_picture(maps.normals[0]))
    assert any("black 2.00, white" in text.get_text() for text in figure.texts)


def test_a_montage_has_a_column_for_each_scene_and_the_sets_one_below_the_other():
    maps, _ = wall(batch=3)
    figure = surfel_montage({"true": maps, "ours": maps._replace(image=maps.image / 2)})
    assert len(figure.axes) == 2 * 3 * 3
    labels = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert labels == ["true\npicture", "ours\npicture", "true\ndepth", "ours\ndepth", "true\nnormals", "ours\nnormals"]
    true, ours = (np.asarray(figure.axes[at].images[0].get_array()) for at in (0, 3))
    assert np.allclose(ours, maps.image[0].permute(1, 2, 0) / 2) and not np.allclose(true, ours)


def test_a_flat_map_is_black():
    maps, _ = wall()
    figure = surfel_rows({"flat": maps._replace(depth=torch.ones_like(maps.depth))})
    assert (figure.axes[1].images[0].get_array() == 0).all()


@pytest.mark.parametrize("every", [1, 2])
def test_facets_tile_what_the_camera_sees(every):
    _, surfels = wall(8)
    corners, colours = surfel_facets(surfels, None, every)
    assert corners.shape == ((8 // every) ** 2, 4, 3) and colours.shape == ((8 // every) ** 2, 3)
    assert np.allclose(corners[..., 2], -2.0, atol=1e-5)
    extent = 4 * math.tan(0.35)  # of the view at the wall
    size = np.ptp(corners, axis=1)[:, :2]
    assert np.allclose(size, extent * every / 8)
    assert np.allclose(corners.mean(1)[0], surfels.positions[0, :, 0, 0])
    world, _ = surfel_facets(surfels, CAMERA, every)
    assert np.abs(world.reshape(-1, 3) @ CAMERA.position[0].numpy()).max() < 1e-4  # through the origin, facing


def test_facets_seen_edge_on_stay_short():
    _, surfels = wall(4)
    normals = torch.tensor([1.0, 0.0, 1e-4]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    corners, _ = surfel_facets(surfels._replace(normals=normals))
    assert np.isfinite(corners).all() and np.ptp(corners[..., 2], axis=1).max() <= 6 * 2 * 2 * math.tan(0.35) / 4 + 1e-4


def test_surfels_can_be_turned_in_the_world():
    _, surfels = wall(8)
    figure = surfel_figure(surfels, CAMERA, azimuth=90, elevation=0, every=2, normals_every=4)
    mesh, normals = figure.data
    assert len(mesh.x) == 4 * 16 and len(mesh.i) == len(mesh.facecolor) == 2 * 16
    assert len(normals.x) == 3 * 4 and np.isnan(normals.x[2])
    ahead = np.subtract([normals.x[1], normals.y[1], normals.z[1]], [normals.x[0], normals.y[0], normals.z[0]])
    assert ahead @ CAMERA.position[0].numpy() > 0
    assert figure.layout.scene.camera.eye.x > 1 and abs(figure.layout.scene.camera.eye.z) < 1e-9
    assert len(surfel_figure(surfels).data) == 1


def test_onlookers_stand_where_their_angles_say():
    _, surfels = wall(8)
    figure = surfel_views(surfels, CAMERA, views=((0, 0), (90, 30)))
    front, side = figure.axes
    assert (front.azim, front.elev, side.azim, side.elev) == (-90, 0, 0, 30)  # from matplotlib's −y, our +z
    assert [text.get_text() for text in figure.texts] == ["azimuth 0°, elevation 0°", "azimuth 90°, elevation 30°"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: surfel_rows({"wall": wall()[0]}, title="Wall"),
        lambda: surfel_montage({"wall": wall(batch=2)[0]}),
        lambda: surfel_views(wall()[1], CAMERA, title="Wall"),
    ],
)
def test_every_figure_is_drawn_the_same_twice_and_leaves_settings_alone(draw):
    settings = dict(matplotlib.rcParams)
    first, second = draw(), draw()
    assert isinstance(first, Figure)
    assert first._repr_png_() == second._repr_png_()
    assert dict(matplotlib.rcParams) == settings


def test_bad_input_is_refused():
    (maps, surfels), (pair, _) = wall(), wall(batch=2)
    bad = torch.full_like(surfels.image, math.nan)
    two = SurfelImage(*(part.expand(2, -1, -1, -1) for part in surfels))
    for call, message in (
        (lambda: surfel_rows({}), "expected at least one, got none"),
        (lambda: surfel_montage({}), "expected at least one, got none"),
        (lambda: surfel_rows({"a": pair}), r"a.image: expected shape \(1, 3, H, W\)"),
        (lambda: surfel_montage({"a": pair, "b": maps}), "b.image: expected shape"),
        (lambda: surfel_rows({"a": maps._replace(depth=maps.depth[..., 1:])}), "a.depth: expected shape"),
        (lambda: surfel_rows({"a": maps._replace(normals=bad)}), "a.normals: expected finite"),
        (lambda: depth_picture(maps.depth[0], 2.0, 2.0), "near: expected a distance less than far"),
        (lambda: normal_picture(maps.depth[0]), "normals: expected shape"),
        (lambda: surfel_facets(two), "image: expected shape"),
        (lambda: surfel_facets(surfels._replace(positions=bad)), "positions: expected finite"),
        (lambda: surfel_facets(surfels, CAMERA, 0), "every: expected a step"),
        (lambda: surfel_facets(surfels, CAMERA[torch.tensor([0, 0])]), "camera: expected one, got 2"),
        (lambda: surfel_views(surfels, views=()), "views: expected at least one"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
