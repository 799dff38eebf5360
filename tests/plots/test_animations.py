"""Frames, contact sheets, GIFs and scrubbers."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from inverse_graphics.plots.animations import (
    Animation,
    Scrubber,
    animate,
    mosaic,
    shaded_grid,
    titled_pictures,
)


def frames(count=3):
    return tuple(np.full((8, 10, 3), 60 * at, np.uint8) for at in range(count))


def test_a_gif_is_the_same_bytes_twice_and_has_every_frame():
    animation = Animation(frames(), ("a", "b", "c"), 100)
    data = animation.gif()
    assert data == Animation(frames(), ("a", "b", "c"), 100).gif()
    image = Image.open(io.BytesIO(data))
    assert (image.n_frames, image.size, image.info["loop"]) == (3, (10, 8), 0)
    for at in range(3):
        image.seek(at)
        assert abs(int(np.asarray(image.convert("RGB"))[0, 0, 0]) - 60 * at) <= 8
    assert image.info["duration"] == 2000  # the last frame stays


@pytest.mark.parametrize(
    ("shown", "labels", "message"),
    [
        ((), (), "frames: expected one or more"),
        ((*frames(1), np.zeros((4, 4, 3), np.uint8)), ("a", "b"), "frames: expected one or more of one size"),
        (frames(), ("a",), "labels: expected one for each of 3"),
    ],
)
def test_bad_frames_are_refused(shown, labels, message):
    with pytest.raises(ValueError, match=message):
        Animation(shown, labels)


def test_figures_become_frames():
    drawn = {name: titled_pictures([(name, torch.zeros(1, 4, 4))] * 3, 2, width=2) for name in ("one", "two")}
    animation = animate(drawn, dpi=50)
    assert animation.labels == ("one", "two") and animation.frames[0].shape[1] == 100
    assert not np.array_equal(*animation.frames)
    with pytest.raises(ValueError, match="pictures: expected at least one"):
        titled_pictures([], 2)


def test_a_scrubber_shows_the_frame_it_stands_at():
    sheet = titled_pictures([("x", torch.zeros(1, 4, 4))], 1, width=1)
    scrubber = Scrubber(Animation(frames(), ("a", "b", "c")), sheet)
    assert scrubber.label.value == "c"  # the last one first: what training comes to
    before = scrubber.picture.value
    scrubber.slider.value = 1
    assert scrubber.label.value == "b" and scrubber.picture.value != before
    assert scrubber.static() is sheet and scrubber.widget is scrubber.widget
    moving = scrubber.precomputed()
    assert [step.label for step in moving.layout.sliders[0].steps] == ["a", "b", "c"]
    assert len({trace.source for trace in moving.data}) == 3


def test_a_panel_with_nothing_in_it_says_so():
    ball = torch.zeros(8, 8, 8)
    ball[2:6, 2:6, 2:6] = 1
    figure = shaded_grid({"row": [ball, torch.zeros(8, 8, 8)]}, ["full", "none"], threshold=0.5, size=24)
    assert [text.get_text() for axes in figure.axes for text in axes.texts if "nothing" in text.get_text()] == [
        "nothing\nover 0.5"
    ]


def test_a_mosaic_goes_left_to_right_then_down():
    pictures = torch.arange(5).view(5, 1, 1, 1).expand(5, 1, 2, 2) / 10
    tiled = mosaic(pictures, 3)
    assert tiled.shape == (5, 8)
    assert tiled[0, 3] == pytest.approx(0.1) and tiled[3, 0] == pytest.approx(0.3)
    assert tiled[0, 2] == tiled[2, 0] == tiled[4, 7] == 0.5  # lines, and the place that is not taken
