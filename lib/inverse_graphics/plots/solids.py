"""Looking into solids: cut open, and in sections, so that a hollow can be seen.

Pictures made here are arrays; `charts.picture_grid` sets them side by side.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.colors import to_rgb
from torch import Tensor

from inverse_graphics.checks import require_range, require_tensor
from inverse_graphics.metrics.cavities import cavity_cells
from inverse_graphics.plots.shapes import BOTTOM, shade_voxels, shape_extent
from inverse_graphics.plots.styles import CLAY, COLOURS

SIZE = 240  # pixels along the side of a shaded picture
SOLID, HOLLOW = CLAY, COLOURS[5]  # what a section paints the shape, and its cavity


def cut_open(voxels: Tensor) -> Tensor:
    """The back half of (D, H, W): what is nearer to a viewer at azimuth 0 than the middle is empty."""
    kept = require_tensor("voxels", voxels, "D H W").clone()
    kept[: len(kept) // 2] = 0
    return kept


def shaded(
    shapes: Sequence[Tensor],
    *,
    azimuth: float = 0.0,
    elevation: float = 0.0,
    threshold: float = 0.5,
    opened: bool = False,
) -> list[np.ndarray]:
    """Shaded pictures (S, S, 3) in [0, 1] of shapes (D, H, W), all at one scale; one with nothing in it is plain.

    Args:
        azimuth, elevation: degrees.
        threshold: in (0, 1). Raising it thins the shapes.
        opened: whether to show them cut open, see `cut_open`; the scale stays that of the whole shapes.
    """
    extent = max((shape_extent(voxels, threshold) or 0 for voxels in shapes), default=0) or 1.0
    angles = math.radians(azimuth), math.radians(elevation)
    pictures = [
        shade_voxels(cut_open(voxels) if opened else voxels, *angles, threshold, size=SIZE, extent=extent)
        for voxels in shapes
    ]
    plain = np.full((SIZE, SIZE, 3), to_rgb(BOTTOM), np.float32)
    return [plain if picture is None else picture for picture in pictures]


def sections(voxels: Tensor, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Two sections through the middle of a shape's cavity, or of the shape itself if it has none.

    Args:
        voxels: (D, H, W) in [0, 1].
        threshold: in [0, 1), of what counts as solid.

    Returns:
        upright (H, W, 3), seen from the front; level (D, W, 3), seen from above with the front below: the shape in
        `SOLID`, its cavity in `HOLLOW`, the rest pale.
    """
    require_range("voxels", require_tensor("voxels", voxels, "D H W"), 0, 1)
    cavity = cavity_cells(voxels[None], threshold)[0]
    solid = voxels > threshold
    inside = cavity if cavity.any() else solid
    depth, row = (_middle(inside.any(dim=2).any(dim=other)) for other in (1, 0))
    painted = torch.tensor(to_rgb(BOTTOM)).expand(*voxels.shape, 3).clone()
    painted[solid.cpu()] = torch.tensor(to_rgb(SOLID))
    painted[cavity.cpu()] = torch.tensor(to_rgb(HOLLOW))
    return painted[depth].numpy(), painted[:, row].flip(0).numpy()


def _middle(occupied: Tensor) -> int:
    """The middle index of the True ones of (N,); that of all if there is none."""
    places = occupied.nonzero().flatten()
    return int(places.median()) if len(places) else len(occupied) // 2
