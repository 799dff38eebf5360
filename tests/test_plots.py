import math

import matplotlib
import numpy as np
import pytest
import torch
import trimesh
from matplotlib.figure import Figure

from inverse_graphics import plots
from inverse_graphics.geometry.cameras import Camera
from inverse_graphics.geometry.depth_maps import depth_of_box, depth_to_surfels
from inverse_graphics.geometry.voxel_grids import voxel_centres
from inverse_graphics.models.layers import Layer, trace_layers
from inverse_graphics.models.voxels import LatentDiscriminator, VoxelAutoencoder, VoxelAutoencoderSettings
from inverse_graphics.plots.shapes import mesh_data, plotly_camera
from inverse_graphics.renderers.voxels import project_voxels


def boot(side: int = 16) -> torch.Tensor:
    """A shape with no symmetry: a column, a foot towards +x at the bottom, a nose towards +z at the top."""
    x, y, z = voxel_centres(side, side, side).unbind(-1)
    column = (x.abs() < 0.2) & (y.abs() < 0.6) & (z.abs() < 0.2)
    foot = (x > -0.2) & (x < 0.6) & (y < -0.3) & (y > -0.6) & (z.abs() < 0.2)
    nose = (z > -0.2) & (z < 0.7) & (y < 0.6) & (y > 0.35) & (x.abs() < 0.2)
    return (column | foot | nose).float()


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (90, 0), (-45, 0), (200, 0), (30, 40), (0, 90), (120, -30)])
def test_a_shaded_view_covers_what_the_projection_covers(azimuth, elevation):
    angles = math.radians(azimuth), math.radians(elevation)
    shaded = plots.shade_voxels(boot(), *angles, size=64, extent=1.0)
    covered = np.abs(shaded - shaded[:, :1]).max(2) > 0.03  # the leftmost column is background
    projection = project_voxels(boot()[None], *angles)[0, 0].repeat_interleave(4, 0).repeat_interleave(4, 1).numpy()
    both, either = covered & (projection > 0.3), covered | (projection > 0.3)
    assert both.sum() > 0.85 * either.sum()


def test_light_comes_from_the_upper_left():
    ball = (voxel_centres(20, 20, 20).norm(dim=-1) < 0.7).float()
    for azimuth in (0.0, 2.0):
        shaded = plots.shade_voxels(ball, azimuth, size=64, extent=1.0).mean(2)
        assert shaded[22, 22] > shaded[22, 42] > shaded[42, 42]
        assert shaded[22, 22] > shaded[42, 22]


def test_an_empty_shape_has_no_shaded_view_and_a_panel_that_says_so():
    empty = torch.zeros(8, 8, 8)
    assert plots.shade_voxels(empty) is None
    figure = plots.shape_views({"boot": boot(), "empty": empty}, azimuths=(0, 90), elevations=(0,))
    assert sum("empty" in text.get_text() for axes in figure.axes for text in axes.texts) == 3  # two panels, one label
    assert isinstance(plots.shape_views({"empty": empty}), Figure)
    assert isinstance(plots.voxel_summary(empty), Figure)


def test_a_missing_picture_is_a_panel_that_says_so():
    figure = plots.picture_row({"seen": torch.rand(1, 8, 8), "missing": None})
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert sum("not on this" in text for text in texts) == 1
    figure = plots.shape_views({"boot": boot()}, azimuths=(0,), elevations=(0,), pictures={"input": [None]})
    assert any("not on this" in text.get_text() for text in figure.axes[0].texts)


def test_slices_go_from_front_to_back_and_from_left_to_right():
    voxels = torch.arange(6.0)[:, None, None].expand(6, 3, 4) / 5
    mosaic = plots.slice_mosaic(voxels, columns=4)
    assert mosaic.shape == (1 + 2 * 4, 1 + 4 * 5)
    assert [mosaic[2, 2 + 5 * at] for at in range(4)] == pytest.approx([0, 0.2, 0.4, 0.6])
    assert [mosaic[6, 2 + 5 * at] for at in range(2)] == pytest.approx([0.8, 1.0])
    assert mosaic[6, 2 + 5 * 3] == 0.5  # no slice: neither empty nor full
    few = plots.slice_montage({"ramp": voxels, "boot": boot()}, slices=3)
    assert [text.get_text() for text in few.axes[0].texts[1:]] == ["0", "2", "5"]


def test_the_surface_can_be_turned_under_the_convention():
    figure = plots.voxel_figure(boot(), azimuth=90, elevation=0)
    scene = figure.layout.scene
    assert (scene.camera.up.y, scene.aspectmode) == (1, "cube")
    assert scene.camera.eye.x > 1 and abs(scene.camera.eye.z) < 1e-9
    assert {tuple(axis.range) for axis in (scene.xaxis, scene.yaxis, scene.zaxis)} == {(-1.02, 1.02)}
    eye = plotly_camera(30, 20)["eye"]
    back = Camera(math.radians(30), math.radians(20)).rotation(torch.zeros(()))[2]
    assert [eye[name] for name in "xyz"] == pytest.approx(
        (back * math.dist((0, 0, 0), eye.values())).tolist(), abs=1e-5
    )
    data = mesh_data(boot(), 0.5)
    assert data["x"].max() > 0.5 > -data["x"].min()  # the foot
    assert all(len(values) == 0 for values in mesh_data(torch.zeros(4, 4, 4), 0.5).values())


def test_layers_are_traced_from_the_real_model_and_drawn():
    settings = VoxelAutoencoderSettings(latent=5, encoder_channels=8, decoder_channels=8, texturizer=True)
    model = VoxelAutoencoder(settings).train()
    layers = trace_layers(model, torch.rand(2, 1, 28, 28))
    assert model.training
    assert layers[0] == Layer("encoder.features.0", "Conv2d", (8, 14, 14), 72)
    assert sum(layer.parameters for layer in layers) == sum(parameter.numel() for parameter in model.parameters())
    judged = trace_layers(LatentDiscriminator(5, 16), torch.rand(2, 5))
    figure = plots.model_diagram(layers, judged)
    words = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert "5 numbers" in words and "7³ × 8" in words and "16 → 16 → 1" in words and "texturizer" in words
    plain = plots.model_diagram([layer for layer in layers if not layer.name.startswith("texturizer")])
    assert "texturizer" not in " ".join(text.get_text() for text in plain.axes[0].texts)
    with pytest.raises(ValueError, match="layers: expected those of a VoxelAutoencoder"):
        plots.model_diagram(judged)


def figures() -> dict:
    camera = Camera(0.6, 0.4)
    cube = (trimesh.creation.box(), depth_to_surfels(depth_of_box(camera, 12, 12), camera))
    return {
        "shape_views": lambda: plots.shape_views({"boot": boot()}, title="Boot"),
        "slice_montage": lambda: plots.slice_montage({"boot": boot()}, title="Boot"),
        "voxel_summary": lambda: plots.voxel_summary(boot(), azimuth=30, title="Boot"),
        "picture_grid": lambda: plots.picture_grid({"a": [boot()[3], None]}, ["one", "two"], title="Pictures"),
        "curves": lambda: plots.curves(
            {"a": ([0, 1], [1, 2]), "b": ([0, 1], [2, 1])}, xlabel="x", ylabel="y", log=True
        ),
        "bars": lambda: plots.bar_with_spread({"error": {"VAE": (0.1, 0.02), "AAE": (0.2, 0.0)}}, title="Errors"),
        "convention": plots.coordinate_convention,
        "combinations": lambda: plots.autoencoder_combinations(boot()),
        "geometry": lambda: plots.projection_geometry(boot()),
        "three": lambda: plots.three_representations(project_voxels(boot()[None])[0], cube[1], cube[0], camera),
    }


@pytest.mark.parametrize("name", figures())
def test_every_figure_is_drawn_the_same_twice_and_leaves_settings_alone(name):
    settings = dict(matplotlib.rcParams)
    first, second = (figures()[name]() for _ in range(2))
    assert isinstance(first, Figure)
    assert first._repr_png_() == second._repr_png_()
    assert dict(matplotlib.rcParams) == settings


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.shade_voxels(torch.zeros(2, 2)), "voxels: expected shape"),
        (lambda: plots.shade_voxels(boot(), threshold=1.0), "threshold: expected"),
        (lambda: plots.shape_views({}), "shapes: expected at least one"),
        (lambda: plots.shape_views({"a": boot()}, azimuths=()), "azimuths, elevations"),
        (
            lambda: plots.shape_views({"a": boot()}, pictures={"input": []}),
            r"pictures\['input'\]: expected one",
        ),
        (lambda: plots.slice_montage({}), "shapes: expected at least one"),
        (lambda: plots.slice_montage({"a": boot() + 1}), "voxels: expected values in"),
        (lambda: plots.picture_grid({"a": []}), "rows: expected at least one"),
        (lambda: plots.picture_grid({"a": [None]}, ["x", "y"]), "headings: expected one for each of 1"),
        (lambda: plots.curves({}, xlabel="", ylabel=""), "series: expected at least one"),
        (lambda: plots.curves({"a": ([1], [1, 2])}, xlabel="", ylabel=""), r"series\['a'\]: expected x and y"),
        (lambda: plots.bar_with_spread({}), "panels: expected at least one"),
        (lambda: plots.bar_with_spread({"a": {"b": (1.0, -1.0)}}), "expected a spread of 0 or more"),
    ],
)
def test_bad_input_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
