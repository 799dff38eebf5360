import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from inverse_graphics import widgets
from inverse_graphics.geometry.voxel_grids import voxel_centres
from inverse_graphics.renderers.voxels import project_voxels
from inverse_graphics.widgets import show, voxel_explorer

EXAMPLES = {"small": torch.tensor([-1.0, 0.3, 0.0, 0.123]), "large": torch.tensor([1.0, -0.4, 0.0, 0.0])}


def decode(latent: torch.Tensor) -> torch.Tensor:
    """A box whose width and height are the first two components; it breaks where the third exceeds 2."""
    if latent[0, 2] > 2:
        raise RuntimeError("the <decoder> broke")
    x, y, z = voxel_centres(12, 12, 12).unbind(-1)
    width, height = torch.sigmoid(latent[0, :2])
    return 0.9 * ((x < width) & (x > -0.2) & (y.abs() < height) & (z.abs() < 0.3)).float()


@pytest.fixture
def explorer():
    return voxel_explorer(decode, EXAMPLES, components=3)


def pixels(image) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(image.value)))


def test_the_sliders_are_the_components_that_vary_most(explorer):
    assert list(explorer.latents) == [0, 1, 3]
    assert [explorer.latents[index].value for index in (0, 1)] == pytest.approx([-1.0, 0.3])


def test_the_projection_is_the_renderers(explorer):
    explorer.azimuth.value, explorer.elevation.value = 90, 0
    expected = project_voxels(decode(EXAMPLES["small"][None])[None], torch.pi / 2)[0, 0]
    shown = pixels(explorer.projection)[::21, ::21] / 255  # 252 pixels for 12 cells
    np.testing.assert_allclose(shown, expected.numpy(), atol=0.003)


def test_turning_changes_the_projection_and_the_surfaces_camera_but_not_its_mesh(explorer):
    projection, slices, mesh = explorer.projection.value, explorer.slices.value, explorer.surface.data[0].x
    eye = explorer.surface.layout.scene.camera.eye.x
    explorer.azimuth.value = 80
    assert explorer.projection.value != projection
    assert explorer.slices.value == slices
    assert np.array_equal(explorer.surface.data[0].x, mesh)
    assert explorer.surface.layout.scene.camera.eye.x > eye


def test_a_latent_changes_pictures_and_mesh(explorer):
    before = explorer.projection.value, explorer.slices.value, np.array(explorer.surface.data[0].x)
    explorer.latents[0].value = 2.0
    assert explorer.projection.value != before[0]
    assert explorer.slices.value != before[1]
    assert explorer.surface.data[0].x.max() > before[2].max() + 0.1


def test_an_example_is_shown_exactly_and_once(explorer, monkeypatch):
    seen = []
    monkeypatch.setattr(explorer, "_decode", lambda latent: (seen.append(latent), decode(latent))[1])
    explorer.example.value = "large"
    assert len(seen) == 1
    torch.testing.assert_close(seen[0][0], EXAMPLES["large"])
    assert explorer.latents[0].value == 1.0


def test_the_threshold_changes_the_mesh_only(explorer):
    explorer.surface  # noqa: B018  made on first use
    projection = explorer.projection.value
    explorer.threshold.value = 0.2
    wide = np.ptp(explorer.surface.data[0].x)
    explorer.threshold.value = 0.8
    assert np.ptp(explorer.surface.data[0].x) < wide
    assert explorer.projection.value == projection


def test_an_empty_shape_is_said_in_place(explorer):
    explorer.threshold.value = 0.95
    assert "Empty at this threshold" in explorer.message.value
    assert len(explorer.surface.data[0].x) == 0
    assert isinstance(explorer.static(), Figure)
    explorer.threshold.value = 0.5
    assert explorer.message.value == ""
    assert len(explorer.surface.data[0].x) > 0


def test_an_error_of_decode_is_said_in_place_and_the_widget_lives_on():
    explorer = voxel_explorer(decode, EXAMPLES, components=4)
    before = explorer.projection.value
    explorer.latents[2].value = 2.5
    assert "the &lt;decoder&gt; broke" in explorer.message.value
    assert explorer.projection.value == before
    explorer.latents[2].value = 0.0
    assert explorer.message.value == ""
    explorer.latents[0].value = 2.0
    assert explorer.projection.value != before


@pytest.mark.parametrize("bad", [torch.zeros(1, 4, 4, 4), torch.full((4, 4, 4), 2.0), torch.full((4, 4, 4), torch.nan)])
def test_what_decode_returns_is_checked(bad):
    explorer = voxel_explorer(lambda latent: bad, EXAMPLES)
    assert "what decode returned: expected" in explorer.message.value


def test_decode_runs_on_one_thread_without_gradients(explorer, monkeypatch):
    seen = []
    monkeypatch.setattr(
        explorer,
        "_decode",
        lambda latent: (seen.append((torch.get_num_threads(), torch.is_grad_enabled())), decode(latent))[1],
    )
    threads = torch.get_num_threads()
    explorer.latents[0].value = 0.5
    assert seen == [(1, False)]
    assert torch.get_num_threads() == threads


def test_show_has_what_needs_no_kernel_where_there_will_be_none(explorer, monkeypatch):
    shown = []
    monkeypatch.setattr(widgets, "display", lambda what, **_: shown.append(what))
    monkeypatch.setenv("INVERSE_GRAPHICS_HEADLESS", "1")
    show(explorer)
    assert "surface" not in vars(explorer)  # nothing live was made
    monkeypatch.delenv("INVERSE_GRAPHICS_HEADLESS")
    show(explorer)
    still, moving, live = shown
    assert isinstance(still, Figure) and live is explorer.widget
    assert len(moving[widgets.PLOTLY]["layout"]["sliders"]) == 2


def test_without_a_kernel_there_are_sliders_over_the_examples_and_the_widest_component(explorer):
    figure = explorer.precomputed()
    examples, component = figure.layout.sliders
    assert [step.label for step in examples.steps] == ["small", "large"]
    assert component.currentvalue.prefix == "z[0]: " and len(component.steps) > 5
    widths = [np.ptp(trace.x) for trace in figure.data]
    assert widths[1] > widths[0] and widths[2:] == sorted(widths[2:]) and widths[-1] > 1.3 * widths[2]
    lonely = voxel_explorer(decode, {"small": EXAMPLES["small"]}, components=0)
    assert len(lonely.precomputed().layout.sliders) == 1


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ({}, "examples: expected at least one"),
        ({"a": torch.zeros(1, 4)}, "a: expected shape"),
        ({"a": torch.full((4,), torch.nan)}, "a: expected finite"),
        ({"a": torch.zeros(4), "b": torch.zeros(5)}, "latents of one size"),
    ],
)
def test_bad_examples_are_refused(examples, message):
    with pytest.raises(ValueError, match=message):
        voxel_explorer(decode, examples)


def test_the_module_loads_without_what_only_a_live_notebook_needs():
    """plotly's widgets take seconds to import, in every notebook that `make figures` runs."""
    code = "import sys, inverse_graphics.widgets; sys.exit('plotly.basewidget' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
