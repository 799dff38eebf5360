"""Figures: functions that take numbers and shapes and return a figure, never show it and never change global settings.

| module | what it draws |
|---|---|
| `styles` | fonts and colours of all of them |
| `shapes` | voxels: shaded views, slices along depth, a turnable plotly view |
| `sliders` | shapes or pictures made beforehand, under sliders that need no kernel |
| `charts` | curves, bars with spread, rows and grids of pictures |
| `diagrams` | the coordinate convention, and the drawn figures of the voxel paper |
| `drawing` | what diagrams are drawn with: points in space, arrows, boxes |
"""

from inverse_graphics.plots.charts import bar_with_spread, curves, picture_grid, picture_row
from inverse_graphics.plots.diagrams import (
    autoencoder_combinations,
    coordinate_convention,
    model_diagram,
    projection_geometry,
    three_representations,
)
from inverse_graphics.plots.shapes import (
    shade_voxels,
    shape_views,
    slice_montage,
    slice_mosaic,
    voxel_figure,
    voxel_summary,
)
from inverse_graphics.plots.styles import COLOURS, style

__all__ = [
    "COLOURS",
    "autoencoder_combinations",
    "bar_with_spread",
    "coordinate_convention",
    "curves",
    "model_diagram",
    "picture_grid",
    "picture_row",
    "projection_geometry",
    "shade_voxels",
    "shape_views",
    "slice_montage",
    "slice_mosaic",
    "style",
    "three_representations",
    "voxel_figure",
    "voxel_summary",
]
