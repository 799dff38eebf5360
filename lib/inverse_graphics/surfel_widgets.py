"""A live view of decoded surfels: sliders move the camera; shaded picture, depth and normals follow."""

import html
import io
import math
from collections.abc import Callable, Mapping

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import torch
from PIL import Image
from torch import Tensor

from inverse_graphics.checks import require_finite, require_tensor
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.plots.sliders import MOST, STEPS, picture_sliders
from inverse_graphics.plots.styles import Figure
from inverse_graphics.plots.surfels import SurfelMaps, depth_picture, normal_picture, surfel_rows
from inverse_graphics.renderers.shading import Lights
from inverse_graphics.renderers.surfels import render_surfels

SIDE = 240  # pixels of each picture on the screen
PARTS = ("picture", "depth", "normals")


class SurfelExplorer:
    """A scene's latent decoded for a camera that sliders move. Made by `surfel_explorer`.

    Fields that a notebook or a test may use:
        azimuth, elevation: sliders, degrees.
        example: the dropdown of latents.
        pictures: `picture`, `depth`, `normals` → `ipywidgets.Image`.
        message: where errors are shown.
        widget: all of it, to display.
    """

    def __init__(
        self,
        decode: Callable[[Tensor, Cameras], Tensor],
        examples: Mapping[str, Tensor],
        camera: Callable[[Tensor, Tensor], Cameras],
        lights: Lights,
        albedo: float,
        azimuths: tuple[float, float],
        elevations: tuple[float, float],
    ) -> None:
        self._decode, self._camera, self._lights, self._albedo = decode, camera, lights, albedo
        self._examples = dict(examples)
        self.azimuth = _slider("azimuth °", azimuths)
        self.elevation = _slider("elevation °", elevations)
        self.example = ipywidgets.Dropdown(options=list(self._examples), description="picture of")
        self.pictures = {part: ipywidgets.Image(format="png", width=SIDE, height=SIDE) for part in PARTS}
        self.message = ipywidgets.HTML()
        for control in (self.azimuth, self.elevation, self.example):
            control.observe(self._redraw, "value")
        shown = [ipywidgets.VBox([ipywidgets.Label(part), image]) for part, image in self.pictures.items()]
        controls = ipywidgets.Box([self.example, self.azimuth, self.elevation], layout={"flex_flow": "row wrap"})
        row = ipywidgets.Box(shown, layout={"flex_flow": "row wrap"})
        self.widget = ipywidgets.VBox([controls, self.message, row])
        self._redraw()

    def static(self) -> Figure:
        """The same view as a matplotlib figure."""
        label = f"azimuth {self.azimuth.value:g}°\nelevation {self.elevation.value:g}°"
        return surfel_rows({label: self._maps()}, title=self.example.value)

    def precomputed(self) -> go.Figure:
        """What needs no kernel: sliders over the azimuth, of what is shown, and over the examples."""
        azimuths = torch.linspace(self.azimuth.min, self.azimuth.max, STEPS).round().tolist()
        turned = {f"{azimuth:g}°": self._maps(azimuth=azimuth) for azimuth in azimuths}
        others = {label: self._maps(example=label) for label in list(self._examples)[:MOST]}
        strips = {
            name: {label: np.concatenate([*map(_coloured, _pictures(maps))], 1) for label, maps in views.items()}
            for name, views in {"picture of": others, "azimuth": turned}.items()
        }
        return picture_sliders(strips, 3 * SIDE)

    @torch.no_grad()
    def _maps(self, azimuth: float | None = None, example: str | None = None) -> SurfelMaps:
        """What the sliders say, or what is given here in their place."""
        degrees = self.azimuth.value if azimuth is None else azimuth, self.elevation.value
        camera = self._camera(*(torch.tensor([math.radians(angle)]) for angle in degrees))
        depth = self._decode(self._examples[example or self.example.value][None], camera)
        surfels = render_surfels(depth, camera, self._lights, self._albedo)
        return SurfelMaps(surfels.image, depth, surfels.normals)

    def _redraw(self, _: object = None) -> None:
        self.message.value = ""
        try:
            maps = self._maps()
        except Exception as error:  # of any kind: `decode` is the caller's; the widget says so and stays alive
            self.message.value = f"<span style='color:#b3261e'>Not redrawn. {html.escape(str(error))}</span>"
            return
        for part, picture in zip(PARTS, _pictures(maps), strict=True):
            self.pictures[part].value = _png(picture)


def surfel_explorer(
    decode: Callable[[Tensor, Cameras], Tensor],
    examples: Mapping[str, Tensor],
    *,
    camera: Callable[[Tensor, Tensor], Cameras],
    lights: Lights,
    albedo: float = 0.5,
    azimuths: tuple[float, float] = (5.0, 85.0),
    elevations: tuple[float, float] = (20.0, 60.0),
) -> SurfelExplorer:
    """A live view of what a decoder says of latents from any camera. Show it with `widgets.show`.

    Args:
        decode: latent (1, Z), one camera → depth (1, 1, H, W). An error it raises is shown in the widget.
        examples: label → latent (Z,); the first is shown first.
        camera: azimuth (1,) and elevation (1,) in radians → one camera.
        lights, albedo: one set, of the world.
        azimuths, elevations: degrees, the ends of the sliders; the first view is from the middle.

    Raises:
        ValueError: no example, or one that is not a finite (Z,); ends that are not in order.
    """
    if not examples:
        raise ValueError("examples: expected at least one latent, got none")
    for label, latent in examples.items():
        require_finite(label, require_tensor(label, latent, "Z"))
    for name, (low, high) in (("azimuths", azimuths), ("elevations", elevations)):
        if not low < high:
            raise ValueError(f"{name}: expected ends in order, got {low} and {high}")
    return SurfelExplorer(decode, examples, camera, lights, albedo, azimuths, elevations)


def _slider(name: str, ends: tuple[float, float]) -> ipywidgets.FloatSlider:
    return ipywidgets.FloatSlider(sum(ends) / 2, min=ends[0], max=ends[1], step=1, description=name)


def _pictures(maps: SurfelMaps) -> list[np.ndarray]:
    """Of each of `PARTS`, (H, W) or (H, W, 3) uint8 in whole steps near `SIDE` pixels wide."""
    near, far = maps.depth.min().item(), maps.depth.max().item()
    drawn = (
        maps.image[0].clamp(0, 1).permute(1, 2, 0).numpy(),
        depth_picture(maps.depth[0], near, max(far, near + 1e-6)),  # a flat map has no range
        normal_picture(maps.normals[0]),
    )
    scale = max(1, SIDE // maps.depth.shape[3])
    bytes_ = [(picture.clip(0, 1) * 255).round().astype(np.uint8) for picture in drawn]
    return [part.repeat(scale, 0).repeat(scale, 1) for part in bytes_]


def _coloured(picture: np.ndarray) -> np.ndarray:
    return picture if picture.ndim == 3 else np.dstack([picture] * 3)


def _png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png", compress_level=1)
    return file.getvalue()
