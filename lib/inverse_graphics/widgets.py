"""Live views for notebooks. Each has a static default, a matplotlib figure of what it shows, and a plotly figure whose
sliders need no kernel.

Callbacks are set with `observe` and write into widgets that stand there from the start: no Output widget and no
`interact`, which can hang a headless run for ever (papermill issue 723, nbclient issue 312).
"""

import functools
import html
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import ipywidgets
import numpy as np
import plotly.graph_objects as go
import torch
from IPython.display import display
from PIL import Image
from torch import Tensor

from inverse_graphics.checks import require_finite, require_range, require_tensor
from inverse_graphics.geometry.meshes import Mesh
from inverse_graphics.geometry.voxel_grids import voxel_surface
from inverse_graphics.plots.shapes import (
    mesh_data,
    plotly_camera,
    slice_mosaic,
    voxel_figure,
    voxel_summary,
)
from inverse_graphics.plots.sliders import MOST, STEPS, mesh_sliders
from inverse_graphics.plots.styles import Figure
from inverse_graphics.renderers.voxels import project_voxels

HEADLESS = "INVERSE_GRAPHICS_HEADLESS"  # "1" where nobody can move a slider, as when a pipeline runs a notebook
PLOTLY = "application/vnd.plotly.v1+json"  # the kind of output that a plotly figure is
PICTURE = 252  # pixels along the side of the enlarged projection


class VoxelExplorer:
    """A shape decoded from a latent, seen from any side: sliders, the projection, the slices and a surface to turn.

    Made by `voxel_explorer`. Fields that a notebook or a test may use:
        azimuth, elevation, threshold: sliders, degrees and (0, 1).
        example: the dropdown of starting latents, or None without a choice.
        latents: sliders of latent components, by index.
        projection, slices: the pictures (`ipywidgets.Image`).
        message: where errors are shown.
        surface: the plotly FigureWidget, made when first asked for: its import alone takes seconds.
        widget: all of it, to display.
    """

    def __init__(
        self,
        decode: Callable[[Tensor], Tensor],
        examples: Mapping[str, Tensor],
        *,
        components: int,
        azimuth: float,
        elevation: float,
        threshold: float,
    ) -> None:
        self._decode = decode
        self._examples = {label: latent.detach().cpu().float() for label, latent in examples.items()}
        self._latent = next(iter(self._examples.values())).clone()
        self._voxels = torch.zeros(1, 1, 1)
        self._quiet = False  # while several sliders are set at once

        narrow = {"layout": ipywidgets.Layout(width="340px"), "style": {"description_width": "80px"}}
        self.azimuth = ipywidgets.FloatSlider(azimuth, min=-180, max=180, step=5, description="azimuth °", **narrow)
        self.elevation = ipywidgets.FloatSlider(elevation, min=-90, max=90, step=5, description="elevation °", **narrow)
        self.threshold = ipywidgets.FloatSlider(
            threshold, min=0.05, max=0.95, step=0.05, description="threshold", **narrow
        )
        labels = list(self._examples)
        self.example = ipywidgets.Dropdown(options=labels, value=labels[0], description="start at", **narrow)
        stacked = torch.stack(list(self._examples.values()))  # (N, Z)
        reach = max(3.0, 1.2 * float(stacked.abs().max()))
        spread = stacked.std(0) if len(stacked) > 1 else stacked.abs()[0]
        chosen = sorted(spread.argsort(descending=True, stable=True)[:components].tolist())
        self._widest = int(spread.argmax())
        self.latents = {
            index: ipywidgets.FloatSlider(
                float(self._latent[index]), min=-reach, max=reach, step=0.05, description=f"z[{index}]", **narrow
            )
            for index in chosen
        }
        self.projection = ipywidgets.Image(format="png", width=PICTURE, height=PICTURE)
        self.slices = ipywidgets.Image(format="png", width=PICTURE)
        self.message = ipywidgets.HTML()

        self.azimuth.observe(self._on_view, "value")
        self.elevation.observe(self._on_view, "value")
        self.threshold.observe(self._on_threshold, "value")
        self.example.observe(self._on_example, "value")
        for slider in self.latents.values():
            slider.observe(self._on_latent, "value")
        self._redecode()

    @functools.cached_property
    def surface(self) -> "go.FigureWidget":  # quoted: naming it would import it
        view = {"azimuth": self.azimuth.value, "elevation": self.elevation.value}
        return go.FigureWidget(voxel_figure(self._voxels, self.threshold.value, **view))

    @functools.cached_property
    def widget(self) -> ipywidgets.Widget:
        return self._arranged()

    def static(self) -> Figure:
        """The same view as a matplotlib figure."""
        with one_thread():
            return voxel_summary(
                self._voxels,
                azimuth=self.azimuth.value,
                elevation=self.elevation.value,
                threshold=self.threshold.value,
                title=self.example.value if len(self._examples) > 1 else "",
            )

    @torch.no_grad()
    def precomputed(self) -> go.Figure:
        """What needs no kernel: the surface to turn, a slider over the examples and one over the widest component."""
        with one_thread():
            sliders = {"start at": {label: self._mesh(latent) for label, latent in list(self._examples.items())[:MOST]}}
            if (slider := self.latents.get(self._widest)) is not None:
                sliders[slider.description] = {
                    f"{value:.1f}": self._mesh(self._latent.index_fill(0, torch.tensor(self._widest), value))
                    for value in torch.linspace(slider.min, slider.max, STEPS).tolist()
                }
            return mesh_sliders(sliders, self.azimuth.value, self.elevation.value)

    def _mesh(self, latent: Tensor) -> Mesh:
        return voxel_surface(self._decode(latent[None].clone()), self.threshold.value)

    def _arranged(self) -> ipywidgets.Widget:
        def under(caption: str, widget: ipywidgets.Widget) -> ipywidgets.Widget:
            text = f"<div style='color:#6b7480;font-size:12px;line-height:1.4'>{caption}</div>"
            return ipywidgets.VBox([ipywidgets.HTML(text), widget], layout={"margin": "0 14px 0 0"})

        sliders = [self.example] if len(self._examples) > 1 else []
        sliders += [self.azimuth, self.elevation, self.threshold, *self.latents.values()]
        pictures = [under("projection, Eq. 2", self.projection), under("slices, front to back", self.slices)]
        views = [ipywidgets.VBox(pictures), under("surface (drag to turn)", self.surface)]
        self.message.layout.min_height = "28px"  # so that the views do not jump when a message comes or goes
        return ipywidgets.VBox(
            [
                ipywidgets.Box(sliders, layout={"flex_flow": "row wrap"}),
                self.message,
                ipywidgets.Box(views, layout={"flex_flow": "row wrap"}),
            ]
        )

    def _on_example(self, _: object = None) -> None:
        latent = self._examples[self.example.value]
        self._latent = latent.clone()
        self._quiet = True
        try:
            for index, slider in self.latents.items():
                slider.value = float(latent[index])
        finally:
            self._quiet = False
        self._redecode()

    def _on_latent(self, change: dict) -> None:
        if self._quiet:
            return
        moved = next(index for index, slider in self.latents.items() if slider is change["owner"])
        self._latent[moved] = change["new"]
        self._redecode()

    def _redecode(self) -> None:
        with self._shows_errors(), one_thread(), torch.no_grad():
            voxels = require_tensor("what decode returned", self._decode(self._latent[None].clone()), "D H W")
            self._voxels = require_range("what decode returned", voxels.detach().cpu().float(), 0, 1)
            self.slices.value = _png(slice_mosaic(self._voxels), scale=1)
            self._draw_projection()
            self._draw_surface()

    def _on_threshold(self, _: object = None) -> None:
        with self._shows_errors(), one_thread():
            self._draw_surface()

    def _on_view(self, _: object = None) -> None:
        with self._shows_errors(), one_thread():
            self._draw_projection()
            if self._is_live():
                self.surface.layout.scene.camera = plotly_camera(self.azimuth.value, self.elevation.value)

    def _draw_projection(self) -> None:
        azimuth, elevation = np.radians([self.azimuth.value, self.elevation.value]).tolist()
        picture = project_voxels(self._voxels[None], azimuth, elevation or None)[0, 0]  # None takes the cheap path
        self.projection.value = _png(picture.numpy(), scale=max(1, PICTURE // picture.shape[1]))

    def _draw_surface(self) -> None:
        if self._is_live():
            with self.surface.batch_update():  # one message to the browser; one by one is three times slower
                self.surface.data[0].update(mesh_data(self._voxels, self.threshold.value))
        if not (self._voxels > self.threshold.value).any():
            self.message.value = _remark("Empty at this threshold: no cell is that full.")

    def _is_live(self) -> bool:
        return "surface" in self.__dict__

    @contextmanager
    def _shows_errors(self) -> Iterator[None]:
        """Whatever goes wrong in a redraw is said in place, and the widget stays alive."""
        self.message.value = ""
        try:
            yield
        except Exception as error:  # of any kind: `decode` is the caller's
            text = " ".join(str(error).split()) or type(error).__name__
            self.message.value = _remark(f"Not redrawn. {html.escape(text)}", "#b3261e")


def voxel_explorer(
    decode: Callable[[Tensor], Tensor],
    examples: Mapping[str, Tensor],
    *,
    components: int = 4,
    azimuth: float = 30.0,
    elevation: float = 20.0,
    threshold: float = 0.5,
) -> VoxelExplorer:
    """A live view of the shapes that a decoder makes. Show it with `show`.

    Args:
        decode: latents (1, Z) → voxels (D, H, W) in [0, 1]. Called on one torch thread, without gradients; an error it
            raises is shown in the widget.
        examples: label → latent (Z,) to start from, for example the means of a few pictures; the first is shown first.
        components: how many latent components get a slider: those that vary most between the examples.
        azimuth, elevation: degrees, of the first view.
        threshold: in (0, 1), of the surface. Raising it thins the shape.

    Raises:
        ValueError: no example, or one that is not a finite (Z,).
    """
    if not examples:
        raise ValueError("examples: expected at least one latent, got none")
    sizes = {require_finite(label, require_tensor(label, latent, "Z")).shape[0] for label, latent in examples.items()}
    if len(sizes) > 1:
        raise ValueError(f"examples: expected latents of one size, got {sorted(sizes)}")
    return VoxelExplorer(
        decode, examples, components=components, azimuth=azimuth, elevation=elevation, threshold=threshold
    )


class Shown(Protocol):
    """What `show` can show: a live widget, a figure of the same, and what of it moves without a kernel."""

    @property
    def widget(self) -> ipywidgets.Widget: ...

    def static(self) -> Figure: ...

    def precomputed(self) -> go.Figure: ...


def show(explorer: Shown) -> None:
    """Display the live widget; or, where `INVERSE_GRAPHICS_HEADLESS=1` says that there will be no kernel to answer it,
    its static figure and a plotly figure whose sliders need none."""
    if os.environ.get(HEADLESS) != "1":
        display(explorer.widget)
        return
    display(explorer.static())
    # As it is: shown by plotly itself, it would bring plotly's widgets with it, which take seconds to import.
    display({PLOTLY: json.loads(explorer.precomputed().to_json())}, raw=True)


def _png(picture: np.ndarray, scale: int) -> bytes:
    """(H, W) in [0, 1] → bytes of a grey PNG, each cell `scale` pixels wide."""
    grey = (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(grey.repeat(scale, 0).repeat(scale, 1)).save(file, "png", compress_level=1)
    return file.getvalue()


def _remark(text: str, colour: str = "#6b7480") -> str:
    return f"<span style='color:{colour}'>{text}</span>"


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread: for a single small shape, threads cost far more than they bring on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
