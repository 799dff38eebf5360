"""pix-f1: one object as voxels, a mesh, and surfels from far and from near, and how finely each describes it.

Nothing is trained: the object is one of this project's own cups.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import trimesh
from torch import Tensor

from inverse_graphics.datasets.objects import make_object
from inverse_graphics.datasets.scene_objects import Shape
from inverse_graphics.geometry.cameras import Camera
from inverse_graphics.geometry.depth_maps import Surfels
from inverse_graphics.renderers.mesh_views import normalise_mesh

FIELD_OF_VIEW = math.radians(40)
SURFEL_SIDE = 40  # pixels of the pictures whose surfels are counted


class SizedSurfels(NamedTuple):
    """Surfels, and `sizes` (N,): the side of each one's pixel at its depth, world units."""

    surfels: Surfels
    sizes: Tensor


def example_object(number: int = 0) -> trimesh.Trimesh:
    """A cup in the unit cylinder, y up."""
    return normalise_mesh(make_object("cup", "train", number))


def surfels_of(mesh: trimesh.Trimesh, camera: Camera, side: int = SURFEL_SIDE) -> SizedSurfels:
    """What a perspective camera sees of a mesh in side×side pixels, by ray casting."""
    origins, directions = camera.rays(side, side, like=torch.zeros((), dtype=torch.float64))
    origins, directions = origins.reshape(-1, 3), directions.reshape(-1, 3)
    hits = Shape(mesh).cast(origins.numpy(), directions.numpy())
    met = np.isfinite(hits.steps)
    depth = torch.from_numpy(hits.steps[met])
    points = origins[met] + depth[:, None] * directions[met]
    sizes = depth * (2 * math.tan(camera.field_of_view / 2) / side)
    return SizedSurfels(Surfels(points, torch.from_numpy(hits.normals[met])), sizes)


def orbit(distance: float, azimuth: float = 25, elevation: float = 30) -> Camera:
    """A camera of this figure; angles in degrees."""
    return Camera(math.radians(azimuth), math.radians(elevation), distance, FIELD_OF_VIEW)


def fineness(mesh: trimesh.Trimesh, voxels: Tensor, distances: Sequence[float]) -> pd.DataFrame:
    """A row per representation: how many primitives there are, and their size in world units (median).

    Args:
        voxels: (D, H, W) bool.
        distances: of the cameras whose surfels are counted.
    """
    rows = {
        f"voxels, {voxels.shape[1]}³": (int(voxels.sum()), 2 / voxels.shape[1]),
        "mesh": (len(mesh.faces), float(np.median(mesh.edges_unique_length))),
    }
    for distance in distances:
        surfels, sizes = surfels_of(mesh, orbit(distance))
        rows[f"surfels, camera at {distance:g}"] = (len(surfels.points), sizes.median().item())
    return pd.DataFrame.from_dict(rows, orient="index", columns=["primitives", "size"]).rename_axis("representation")


def verdict(table: pd.DataFrame, near: str, far: str, ratio: float) -> tuple[str, str]:
    """Verdict and reason on "the resolution adapts to the viewpoint".

    Args:
        near, far: rows of the table for two cameras.
        ratio: of their distances, above 1.

    "reproduced" if surfels shrink with the distance at least to its 0.8th power; else "not reproduced".
    """
    shrunk = table.loc[far, "size"] / table.loc[near, "size"]
    reason = f"a camera {ratio:.1f} times as near sees surfels {shrunk:.1f} times as small"
    return ("reproduced" if shrunk >= ratio**0.8 else "not reproduced"), reason
