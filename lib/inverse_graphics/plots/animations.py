"""Animations: frames as a GIF, side by side as a contact sheet, and under a slider.

A frame is a drawn figure turned into pixels, so that a moving picture has the labels of a still one.
"""

import functools
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ipywidgets
import numpy as np
import plotly.graph_objects as go
from PIL import Image
from torch import Tensor

from inverse_graphics.plots.charts import picture_grid
from inverse_graphics.plots.shapes import bare, note, shade_voxels, shape_extent, show_picture
from inverse_graphics.plots.sliders import picture_sliders
from inverse_graphics.plots.styles import WIDTH, Figure, styled

Picture = Tensor | np.ndarray | None
COLOURS_OF_A_GIF = 64
HOLD = 2000  # milliseconds that the last frame stays
SPECK = 8  # cells: a shape of fewer cannot be seen


@dataclass(frozen=True)
class Animation:
    """Frames of one size, each (H, W, 3) uint8, what each is called, and how long one stays, in milliseconds."""

    frames: tuple[np.ndarray, ...]
    labels: tuple[str, ...]
    milliseconds: int = 600

    def __post_init__(self) -> None:
        if not self.frames or len({frame.shape for frame in self.frames}) > 1:
            raise ValueError(f"frames: expected one or more of one size, got {[frame.shape for frame in self.frames]}")
        if len(self.labels) != len(self.frames):
            raise ValueError(f"labels: expected one for each of {len(self.frames)} frames, got {len(self.labels)}")

    def gif(self) -> bytes:
        """An endless GIF; the same frames give the same bytes."""
        images = [Image.fromarray(frame) for frame in self.frames]
        # One palette for all, and no dithering: else still parts flicker, and the file grows.
        together = Image.fromarray(np.concatenate(self.frames))
        palette = together.quantize(COLOURS_OF_A_GIF, dither=Image.Dither.NONE)
        first, *others = (image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images)
        durations = [self.milliseconds] * len(others) + [HOLD]
        file = io.BytesIO()
        first.save(file, "gif", save_all=True, append_images=others, duration=durations, loop=0, optimize=False)
        return file.getvalue()


def animate(figures: Mapping[str, Figure], milliseconds: int = 600, dpi: int = 70) -> Animation:
    """Figures of one size, by label, as an `Animation`. Raising `dpi` makes the pictures, and the file, larger."""
    return Animation(tuple(_pixels(figure, dpi) for figure in figures.values()), tuple(figures), milliseconds)


class Scrubber:
    """An animation under a slider and a play button. Show it with `widgets.show`.

    Fields that a notebook or a test may use:
        slider, play: which frame, from 0.
        picture: the frame (`ipywidgets.Image`).
        widget: all of it, to display.
    """

    def __init__(self, animation: Animation, sheet: Figure) -> None:
        self._animation, self._sheet = animation, sheet
        last = len(animation.frames) - 1
        self.play = ipywidgets.Play(value=last, min=0, max=last, interval=animation.milliseconds)
        self.slider = ipywidgets.IntSlider(last, min=0, max=last, description="frame", readout=False)
        self.label = ipywidgets.Label()
        self.picture = ipywidgets.Image(format="png")
        ipywidgets.jslink((self.play, "value"), (self.slider, "value"))
        self.slider.observe(self._on_frame, "value")
        self._on_frame()

    @functools.cached_property
    def widget(self) -> ipywidgets.Widget:
        return ipywidgets.VBox([ipywidgets.HBox([self.play, self.slider, self.label]), self.picture])

    def static(self) -> Figure:
        """What stands in its place where nobody can move a slider: the contact sheet."""
        return self._sheet

    def precomputed(self) -> go.Figure:
        """The frames under a slider that needs no kernel."""
        return picture_sliders({"frame": dict(zip(self._animation.labels, self._animation.frames, strict=True))})

    def _on_frame(self, _: object = None) -> None:
        file = io.BytesIO()
        Image.fromarray(self._animation.frames[self.slider.value]).save(file, "png", compress_level=1)
        self.picture.value = file.getvalue()
        self.label.value = self._animation.labels[self.slider.value]


@styled
def titled_pictures(
    pictures: Sequence[tuple[str, Picture]], columns: int, *, title: str = "", width: float = WIDTH
) -> Figure:
    """Pictures in rows of `columns`, each under a title of its own.

    Args:
        pictures: (title, picture): (H, W), (1, H, W) or (H, W, 3) in [0, 1].
        width: of the figure, in inches.

    Raises:
        ValueError: no picture.
    """
    if not pictures:
        raise ValueError("pictures: expected at least one, got none")
    side = width / columns
    rows, top, head = math.ceil(len(pictures) / columns), (0.35 if title else 0.0), 0.28
    height = rows * (side + head) + top
    figure = Figure(figsize=(width, height))
    for at, (name, picture) in enumerate(pictures):
        row, column = divmod(at, columns)
        bottom = height - top - (row + 1) * (side + head)
        axes = figure.add_axes(((column + 0.02) / columns, bottom / height, 0.96 / columns, side * 0.96 / height))
        show_picture(bare(axes), picture)
        axes.set_title(name, fontsize=10, pad=3)
    if title:
        figure.text(0.5, 1 - 0.06 / height, title, ha="center", va="top", fontsize=12.5)
    return figure


def shaded_grid(
    shapes: Mapping[str, Sequence[Tensor]],
    headings: Sequence[str],
    *,
    azimuth: float = 0.0,
    elevation: float = 0.0,
    threshold: float = 0.05,
    size: int = 140,
    title: str = "",
) -> Figure:
    """Shaded views of shapes (D, H, W), all from one camera and at one scale: label of a row → its shapes.

    A shape with fewer than `SPECK` cells above the threshold gets a panel that says so.

    Args:
        headings: one for each column.
        azimuth, elevation: degrees.
        threshold: in (0, 1). Raising it thins the shapes.
        size: pixels along the side of a view; time grows with its square.
        title: above all.
    """
    return view_grid({row: [(v, azimuth, elevation) for v in line] for row, line in shapes.items()}, headings,
                     threshold=threshold, size=size, title=title)  # fmt: skip


def view_grid(
    views: Mapping[str, Sequence[tuple[Tensor, float, float]]],
    headings: Sequence[str],
    *,
    threshold: float = 0.05,
    size: int = 140,
    title: str = "",
) -> Figure:
    """Like `shaded_grid`, but each panel has its own camera: (voxels, azimuth, elevation), in degrees."""
    reach = [shape_extent(voxels, threshold) or 0 for line in views.values() for voxels, _, _ in line]
    extent = min(max(reach, default=0) or 1.0, 1.25)  # corners of the cube are hardly ever occupied
    drawn = {
        row: [
            shade_voxels(voxels, math.radians(a), math.radians(e), threshold, size=size, extent=extent)
            if (voxels > threshold).sum() >= SPECK
            else None
            for voxels, a, e in line
        ]
        for row, line in views.items()
    }
    plain = np.full((size, size, 3), 0.93, np.float32)
    filled = {row: [plain if picture is None else picture for picture in line] for row, line in drawn.items()}
    figure = picture_grid(filled, headings, title=title)
    for axes, picture in zip(figure.axes, (p for line in drawn.values() for p in line), strict=True):
        if picture is None:
            note(axes, f"nothing\nover {threshold:g}")
    return figure


def mosaic(pictures: Tensor, columns: int) -> np.ndarray:
    """Pictures (K, 1, H, W) in [0, 1] in rows of `columns`, left to right, then down: (H', W') with lines of ½
    between. A last row that is not full is filled up with ½."""
    count, _, height, width = pictures.shape
    rows = math.ceil(count / columns)
    tiled = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), 0.5, np.float32)
    for at, picture in enumerate(pictures[:, 0].detach().cpu().numpy()):
        top, left = at // columns * (height + 1), at % columns * (width + 1)
        tiled[top : top + height, left : left + width] = picture
    return tiled


def _pixels(figure: Figure, dpi: int) -> np.ndarray:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)  # not cut to what is drawn: frames must have one size
    return np.asarray(Image.open(file).convert("RGB"))
