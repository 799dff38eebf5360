"""Sliders that move without a kernel: plotly figures that carry a drawing for each position, made beforehand.

They stand in executed notebooks and in the pages made of them, where nobody answers a live widget. Each slider shows
drawings of its own: to have them for all combinations of sliders, a file would be too large.
"""

import base64
import io
from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
import torch
from PIL import Image

from inverse_graphics.geometry.meshes import Mesh
from inverse_graphics.plots.shapes import LIGHT, scene_layout, shading_scale
from inverse_graphics.plots.styles import GREY, INK
from inverse_graphics.renderers.lit_meshes import vertex_normals

STEPS = 9  # positions of a slider that stands for a continuous one
MOST = 12  # of a slider that stands for a list of examples. Raising either makes pages larger
FINENESS = 10_000  # whole steps from the middle to the border: two bytes for a coordinate, an eighth of text
SLIDER_HEIGHT = 78  # pixels
SIDE = 430  # pixels of the view


def mesh_sliders(
    sliders: Mapping[str, Mapping[str, Mesh]], azimuth: float = 30.0, elevation: float = 20.0
) -> go.Figure:
    """A plotly figure that the mouse turns, with a slider for each entry: its name → what each position is called → its
    mesh. It begins with the first mesh of the first slider, seen from these angles, in degrees.

    Coloured meshes are drawn grey, in their brightness; others in clay, lit from the upper left of the front.

    Raises:
        ValueError: no slider, or one without a position.
    """
    held = [mesh.vertices.double() for mesh in _entries(sliders) if len(mesh.faces)]
    points = torch.cat(held) if held else torch.zeros(1, 3, dtype=torch.float64)
    middle = (points.amin(0) + points.amax(0)) / 2
    reach = (points - middle).abs().max().clamp_min(1e-12)  # 1e-12: where nothing is drawn
    traces = {
        name: {label: _mesh_trace(mesh, middle, reach) for label, mesh in positions.items()}
        for name, positions in sliders.items()
    }
    return _with_sliders(traces, SIDE, SIDE, scene=scene_layout(azimuth, elevation, 1.02 * FINENESS))


def picture_sliders(sliders: Mapping[str, Mapping[str, np.ndarray]], width: int = 0) -> go.Figure:
    """The same of pictures (H, W, 3) uint8, all of one size; `width` is that on the screen, 0 for one to one.

    Raises:
        ValueError: no slider, one without a position, or pictures of several sizes.
    """
    sizes = {picture.shape for picture in _entries(sliders)}
    if len(sizes) > 1:
        raise ValueError(f"sliders: expected pictures of one size, got {sorted(sizes)}")
    rows, columns = sizes.pop()[:2]
    traces = {
        name: {label: go.Image(source=_data_url(picture), hoverinfo="skip") for label, picture in positions.items()}
        for name, positions in sliders.items()
    }
    hidden = {"visible": False, "fixedrange": True}
    width = width or columns
    return _with_sliders(traces, width, round(width * rows / columns), xaxis=hidden, yaxis=hidden)


def _entries(sliders: Mapping[str, Mapping[str, object]]) -> list:
    entries = [entry for positions in sliders.values() for entry in positions.values()]
    if not sliders or not all(sliders.values()):
        raise ValueError(f"sliders: expected one or more, each with positions; got {dict(sliders)}")
    return entries


def _with_sliders(traces: Mapping[str, Mapping[str, object]], width: int, height: int, **layout: object) -> go.Figure:
    """Every position is a trace, and a slider makes one of all visible."""
    flat = [trace for positions in traces.values() for trace in positions.values()]
    for number, trace in enumerate(flat):
        trace.visible = number == 0
    shown, first = [], 0
    for row, (name, positions) in enumerate(traces.items()):
        steps = [
            {
                "label": label,
                "method": "restyle",
                "args": [{"visible": [at == number for at in range(len(flat))]}],
            }
            for number, label in enumerate(positions, first)
        ]
        first += len(positions)
        shown.append(
            {
                "steps": steps,
                "active": 0 if row == 0 else len(positions) // 2,
                "currentvalue": {"prefix": f"{name}: ", "font": {"size": 12, "color": INK}},
                "font": {"size": 10, "color": GREY},
                "pad": {"t": 12 + row * SLIDER_HEIGHT, "b": 6, "l": 10, "r": 10},
            }
        )
    figure = go.Figure(flat)
    figure.update_layout(
        **layout, sliders=shown, width=width, height=height + SLIDER_HEIGHT * len(shown), showlegend=False,
        margin={"l": 0, "r": 0, "t": 0, "b": SLIDER_HEIGHT * len(shown)}, font={"color": INK}, uirevision="keep",
    )  # fmt: skip
    return figure


def _mesh_trace(mesh: Mesh, middle: torch.Tensor, reach: torch.Tensor) -> go.Mesh3d:
    places = ((mesh.vertices.double() - middle) / reach * FINENESS).round().to(torch.int16).numpy()
    if mesh.colours is None:
        normals = vertex_normals(mesh.vertices.float(), mesh.faces)
        light, scale = 0.5 + 0.5 * normals @ LIGHT, shading_scale()
    else:
        light, scale = mesh.colours.float().mean(1), [[0, "#000000"], [1, "#ffffff"]]
    smallest = np.uint16 if len(places) <= 2**16 else np.int32
    return go.Mesh3d(
        **dict(zip("xyzijk", [*places.T, *mesh.faces.numpy().astype(smallest).T], strict=True)),
        intensity=(light.clamp(0, 1) * 255).round().to(torch.uint8).numpy(),
        colorscale=scale,
        cmin=0,
        cmax=255,
        showscale=False,
        hoverinfo="skip",
        lighting={"ambient": 1, "diffuse": 0, "specular": 0, "fresnel": 0},  # else most sides of a mesh are black
    )


def _data_url(picture: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
