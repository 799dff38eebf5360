import base64
import io
import math
from datetime import UTC, datetime

import numpy as np
import pytest
import trimesh
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from inverse_graphics.explorer import BLANK, NONE, PAD, Explorer, sketch


def seven(mode="RGB", dark=False):
    """A digit drawn with a thick pen, light on dark or dark on light."""
    picture = Image.new("L", (120, 160), 255 if dark else 0)
    ImageDraw.Draw(picture).line([(25, 30), (95, 30), (55, 135)], fill=0 if dark else 255, width=14)
    return picture.convert(mode)


def encoded(picture, format="PNG"):
    file = io.BytesIO()
    picture.save(file, format)
    return file.getvalue()


def pixels(image):
    return np.asarray(Image.open(io.BytesIO(image.value))).astype(float)


@pytest.fixture
def explorer(tmp_path):
    return Explorer(folder=tmp_path)


def uploaded(content):
    file = {"name": "x.png", "type": "image/png", "size": len(content), "content": memoryview(content)}
    return (file | {"last_modified": datetime(2020, 1, 1, tzinfo=UTC)},)


def test_it_begins_with_an_example_and_every_slider_changes_the_shape(explorer):
    assert explorer.message.value == "" and explorer.picture.value == BLANK
    for slider, value in (
        (explorer.azimuth, 90), (explorer.elevation, -30), (explorer.light, 60), (explorer.threshold, 0.3),
        (explorer.latents[0], 1.5),
    ):  # fmt: skip
        before = pixels(explorer.shape)
        slider.value = value
        assert explorer.message.value == "" and np.abs(pixels(explorer.shape) - before).mean() > 0.3, slider.description


def test_a_picture_becomes_a_shape_and_is_told_what_was_done_to_it(explorer):
    before = pixels(explorer.shape)
    explorer.upload.value = uploaded(encoded(seven(dark=True)))
    assert "inverted" in explorer.message.value
    assert pixels(explorer.picture).max() > 200 and np.abs(pixels(explorer.shape) - before).mean() > 1


def test_a_path_and_a_drawing_are_pictures_too(explorer, tmp_path):
    file = tmp_path / "seven.png"
    file.write_bytes(encoded(seven()))
    explorer.path.value = str(file)
    from_path = pixels(explorer.picture)
    drawing = sketch([[(60, 50), (220, 50), (140, 240)]])
    explorer.pad.drawing = "data:image/png;base64," + base64.b64encode(encoded(drawing)).decode()
    drawn = pixels(explorer.picture)
    assert explorer.message.value and np.corrcoef(from_path.ravel(), drawn.ravel())[0, 1] > 0.6


def test_between_two_pictures(explorer):
    explorer.upload.value = uploaded(encoded(seven()))
    first = pixels(explorer.shape)
    explorer.slot.value = "second"
    circle = Image.new("L", (100, 100))
    ImageDraw.Draw(circle).ellipse((20, 20, 80, 80), outline=255, width=10)
    explorer.upload.value = uploaded(encoded(circle))
    second = pixels(explorer.shape)
    assert explorer.between.value == 1 and np.abs(first - second).mean() > 1
    explorer.between.value = 0.5
    middle = pixels(explorer.shape)
    assert explorer.picture.value == BLANK and min(np.abs(middle - end).mean() for end in (first, second)) > 0.3
    explorer.between.value = 0
    np.testing.assert_allclose(pixels(explorer.shape), first)


def test_random_samples_differ(explorer):
    explorer.sample.click()
    one = pixels(explorer.shape)
    explorer.sample.click()
    assert np.abs(pixels(explorer.shape) - one).mean() > 0.3


def test_models_side_by_side_on_the_same_picture(explorer):
    explorer.compared.value = "garments"
    assert "only a picture can be compared" in explorer.message.value
    explorer.upload.value = uploaded(encoded(seven()))
    beside = pixels(explorer.beside)
    assert np.abs(beside - pixels(explorer.shape)).mean() > 0.5
    explorer.compared.value = NONE
    assert explorer.beside.value == BLANK


def test_another_model_begins_anew(explorer):
    explorer.latents[0].value = 1.0
    explorer.model.value = "chairs"
    assert explorer.latents[0].value == 0 and explorer.threshold.value == pytest.approx(0.3)
    assert pixels(explorer.shape).min() < 200


@pytest.mark.parametrize("suffix", ["glb", "obj", "ply", "stl", "png"])
def test_what_is_saved_opens(explorer, suffix, tmp_path):
    explorer.format.value = suffix
    explorer.save.click()
    explorer.save.click()
    files = sorted(tmp_path.glob(f"digits-*.{suffix}"))
    assert [file.name for file in files] == [f"digits-1.{suffix}", f"digits-2.{suffix}"]
    assert "saved" in explorer.message.value
    if suffix == "png":
        with Image.open(files[0]) as picture:
            assert picture.size == (256, 256)
    else:
        mesh = trimesh.load_mesh(files[0])
        assert mesh.is_watertight and mesh.volume > 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"this is a text", "", id="text"),
        pytest.param(encoded(Image.new("L", (1, 1))), "1", id="one pixel"),
        pytest.param(encoded(Image.new("L", (50, 50))), "", id="black"),
    ],
)
def test_bad_pictures_are_told_in_place_and_change_nothing(explorer, content, message):
    before = explorer.shape.value
    explorer.upload.value = uploaded(content)
    assert "#b3261e" in explorer.message.value and message in explorer.message.value
    assert explorer.shape.value == before
    explorer.azimuth.value = 75
    assert explorer.shape.value != before  # alive


def test_a_missing_file_and_an_empty_shape_are_told(explorer):
    explorer.path.value = "no/such/file.png"
    assert "file.png: no such file" in explorer.message.value
    explorer.threshold.value = 0.95
    for slider in explorer.latents:
        slider.value = 0
    if not explorer.shape.value:
        assert "Empty at this threshold" in explorer.message.value


def test_without_a_kernel_there_is_a_figure(explorer):
    assert isinstance(explorer.static(), Figure)
    assert len(explorer.widget.children) == 7
    examples, component = explorer.precomputed().layout.sliders
    assert len(examples.steps) == 12 and component.currentvalue.prefix == f"{explorer.latents[0].description}: "
    shapes = [trace.x.tobytes() for trace in explorer.precomputed().data]
    assert len(set(shapes)) == len(shapes) - 1  # the component's middle is the first example


def test_lines_are_drawn_where_they_are():
    drawn = np.asarray(sketch([[(20, 20), (260, 20)], [(140, 20), (140, 250)]]))
    assert drawn.shape == (PAD, PAD) and drawn[20, 140] == drawn[200, 140] == 255 and drawn[200, 40] == 0
    assert math.isclose((drawn > 0).mean(), (260 * 20 + 230 * 20) / PAD**2, rel_tol=0.15)
    with pytest.raises(ValueError, match="lines: expected two points or more"):
        sketch([[(1, 2)]])
