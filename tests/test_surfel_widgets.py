import io

import numpy as np
import pytest
import torch
from PIL import Image

from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.renderers.shading import Lights
from inverse_graphics.surfel_widgets import surfel_explorer

LIGHTS = Lights(torch.tensor([[[0.6, 0.9, 0.8]]]), torch.full((1, 1, 3), 0.7), torch.full((1, 3), 0.1))
EXAMPLES = {"near": torch.tensor([0.9]), "far": torch.tensor([1.3])}


def orbit(azimuth, elevation):
    return Cameras.orbit(azimuth, elevation, 1.35, 0.45)


def flat(latent, camera):
    """A sphere about the camera, as far away as the latent says."""
    return latent.view(1, 1, 1, 1).expand(1, 1, 8, 8)


def explorer(decode=flat, **changes):
    return surfel_explorer(decode, EXAMPLES, camera=orbit, lights=LIGHTS, **changes)


def pixels(image):
    return np.asarray(Image.open(io.BytesIO(image.value)))


def test_pictures_follow_the_sliders_and_the_choice():
    shown = explorer()
    assert {part: pixels(image).shape for part, image in shown.pictures.items()} == {
        "picture": (240, 240, 3),
        "depth": (240, 240),
        "normals": (240, 240, 3),
    }
    before = shown.pictures["picture"].value
    shown.azimuth.value = 80
    turned = shown.pictures["picture"].value
    assert turned != before
    shown.example.value = "far"
    assert shown.pictures["picture"].value != turned


def test_the_camera_is_that_of_the_sliders():
    seen = []

    def watch(latent, camera):
        seen.append(camera.position)
        return flat(latent, camera)

    shown = explorer(watch)
    shown.azimuth.value, shown.elevation.value = 30, 50
    expected = orbit(torch.tensor([30.0]).deg2rad(), torch.tensor([50.0]).deg2rad()).position
    torch.testing.assert_close(seen[-1], expected)


def test_an_error_is_shown_and_the_widget_stays_alive():
    broken = True

    def decode(latent, camera):
        if broken:
            raise RuntimeError("no <such> scene")
        return flat(latent, camera)

    shown = explorer(decode)
    assert "no &lt;such&gt; scene" in shown.message.value
    broken = False
    shown.azimuth.value = 20
    assert shown.message.value == "" and shown.pictures["depth"].value


def test_without_a_kernel_there_are_three_panels_and_sliders():
    assert len(explorer().static().axes) == 3
    moving = explorer(azimuths=(10, 50)).precomputed()
    assert [[step.label for step in slider.steps][::4] for slider in moving.layout.sliders] == [
        ["near"],
        ["10°", "30°", "50°"],
    ]
    middle = 2 + 4  # of the second slider, where the live one stands
    assert moving.data[0].source == moving.data[middle].source != moving.data[middle + 1].source


@pytest.mark.parametrize(
    ("changes", "name"), [({"azimuths": (50, 40)}, "azimuths"), ({"elevations": (20, 20)}, "elevations")]
)
def test_bad_ends_are_named(changes, name):
    with pytest.raises(ValueError, match=name):
        explorer(**changes)


def test_bad_examples_are_named():
    with pytest.raises(ValueError, match="examples"):
        surfel_explorer(flat, {}, camera=orbit, lights=LIGHTS)
    with pytest.raises(ValueError, match="odd"):
        surfel_explorer(flat, {"odd": torch.full((2,), torch.nan)}, camera=orbit, lights=LIGHTS)
