"""Triangle mesh → the pictures and the voxels of a data set (Uçar 2019, Sec. 3.3). Not differentiable, on the CPU.

    normalise_mesh  any mesh with y up → one that no view about the vertical axis crops
    render_views    mesh, azimuths → shaded pictures and silhouettes, orthographic
    voxelise        mesh → occupancy (S, S, S) in the frame of `geometry.voxel_grids`

Meshes found in the wild are open, double-sided and not oriented. So nothing here asks which side of a face is outside:
rays stop at the first face from either side, light falls on both sides, and inside is what no path from the border
reaches without crossing a face.
"""

import functools
from collections.abc import Sequence

import numpy as np
import torch
import trimesh
from scipy import ndimage
from trimesh.ray.ray_pyembree import RayMeshIntersector

from inverse_graphics.geometry.cameras import Camera
from inverse_graphics.geometry.voxel_grids import world_to_grid

VERSION = 1  # of what these functions return; raise it when they change, so that caches are made again
REACH = 0.95  # of the view volume's half side: how far a normalised mesh may reach, across and up
AMBIENT = 0.3  # how bright a face is that is seen edge-on. Raising it flattens the shading
RAYS = 4  # along each side of a pixel. Raising it smooths edges and costs time with its square
FINE = 3  # along each side of a cell: how much finer the grid is in which solids are filled
THICK = 0.5  # share of a cell that must be filled for it to count
THIN = 0.2  # the same for walls and bars hardly thicker than a cell. Raising it thins them, until they get holes
MOST_POINTS = 1 << 21  # surface points held at a time by `voxelise`


def normalise_mesh(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Centre a mesh (y up) and scale it to fit the upright cylinder of radius and half height 0.95.

    A mesh in there stays inside the picture from every azimuth, and touches the cylinder somewhere.

    Returns:
        A new mesh: only vertices and faces.

    Raises:
        ValueError: no face, a vertex that is NaN or infinite, a face that names no vertex, or no extent.
    """
    vertices, faces = np.asarray(mesh.vertices, float), np.asarray(mesh.faces)
    if not len(faces):
        raise ValueError("mesh: expected at least one face, got none")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ValueError(f"mesh: expected faces of vertices 0..{len(vertices) - 1}, got {faces.min()}..{faces.max()}")
    used = vertices[np.unique(faces)]  # a stray vertex must not count
    if not np.isfinite(used).all():
        raise ValueError("mesh: expected finite vertices, got NaN or infinity")
    centre = (used.min(0) + used.max(0)) / 2
    x, y, z = np.abs(used - centre).T
    extent = max(np.hypot(x, z).max(), y.max())
    if not 1e-12 < extent < 1e12:
        raise ValueError(f"mesh: expected an extent between 1e-12 and 1e12, got {extent:g}")
    placed = np.nan_to_num((vertices - centre) * (REACH / extent))  # vertices of no face may still be NaN
    return trimesh.Trimesh(placed, faces, process=False)


def render_views(mesh: trimesh.Trimesh, azimuths: Sequence[float], side: int = 28) -> tuple[np.ndarray, np.ndarray]:
    """Orthographic pictures of [−1, 1]² from elevation 0, antialiased by `RAYS`² rays per pixel.

    A ray that meets a face of normal n along direction v returns AMBIENT + (1 − AMBIENT) |n · v|: a Lambert surface,
    white on both sides, with the light at the viewer. One that meets nothing returns 0, black.

    Args:
        azimuths: radians, the convention of `geometry.cameras`.
        side: pixels.

    Returns:
        Shaded pictures (views, side, side) and silhouettes (views, side, side), uint8.
    """
    corners = np.asarray(mesh.triangles)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)  # a sliver's normal may be 0
    rays = [_rays(azimuth, side * RAYS) for azimuth in azimuths]
    origins, directions = (np.concatenate(parts) for parts in zip(*rays, strict=True))
    face = RayMeshIntersector(mesh, scale_to_box=False).intersects_first(origins, directions)
    met = face >= 0
    light = np.zeros(len(face), np.float32)
    light[met] = AMBIENT + (1 - AMBIENT) * np.abs((normals[face[met]] * directions[met]).sum(1))
    return _average(light, side), _average(met, side)


def voxelise(mesh: trimesh.Trimesh, side: int = 28) -> np.ndarray:
    """Cells that a mesh occupies: walls, and whatever they enclose. What is open stays open, as the inside of a cup.

    Walls and their inside are found in a grid `FINE` times as fine. A cell counts if it is filled to `THICK`, or to
    `THIN` by what is hardly thicker than a cell. So the outline of a solid is where its silhouette has it, and a sheet
    of no thickness leaves no holes, though it looks thicker in the voxels than in the picture. A wire thinner than a
    third of a cell can be lost.

    Returns:
        (side, side, side) bool: depth, height, width.
    """
    fine = side * FINE
    solid = _fill(_shell(np.asarray(mesh.triangles), fine))
    thin = solid & ~_open(solid, FINE + 1)

    def share(part: np.ndarray) -> np.ndarray:
        return part.reshape(side, FINE, side, FINE, side, FINE).mean((1, 3, 5))

    return (share(solid) >= THICK) | (share(thin) >= THIN)


@functools.lru_cache(maxsize=24)
def _rays(azimuth: float, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Origins and directions (side², 3) float32, row by row."""
    rays = Camera(azimuth=azimuth).rays(side, side)
    return tuple(part.reshape(-1, 3).numpy().astype(np.float32) for part in rays)


def _average(values: np.ndarray, side: int) -> np.ndarray:
    means = values.reshape(-1, side, RAYS, side, RAYS).mean((2, 4), dtype=np.float32)
    return np.rint(255 * means.clip(0, 1)).astype(np.uint8)


def _fill(shell: np.ndarray) -> np.ndarray:
    """The shell and all that is cut off from the border. Labelling is ten times faster than `binary_fill_holes`."""
    regions, _ = ndimage.label(~np.pad(shell, 1))
    return (regions != regions[0, 0, 0])[1:-1, 1:-1, 1:-1]


def _open(solid: np.ndarray, size: int) -> np.ndarray:
    """The part of a solid that a cube of `size` cells a side fits into: a morphological opening."""
    part = np.pad(solid, size - 1)  # room for cubes that stick out of the grid
    for combine in (np.logical_and, np.logical_or):  # where a cube's first corner may lie; then the cubes there
        for axis in range(3):
            windows = np.moveaxis(np.lib.stride_tricks.sliding_window_view(part, size, axis), -1, 0)
            part = functools.reduce(combine, windows)
    return part


def _shell(triangles: np.ndarray, side: int) -> np.ndarray:
    """Cells of a grid (side, side, side) that the triangles (F, 3, 3) pass through.

    Each triangle is covered with points at most half a cell apart, on a lattice along its two shorter edges: along
    the longest, a sliver would get as many points as a square of its length.
    """
    edges = np.linalg.norm(np.roll(triangles, -1, 1) - triangles, axis=2)  # edge i runs from corner i to i + 1
    corner = (edges.argmax(1) + 2) % 3  # the one across from the longest edge
    shell = np.zeros((side,) * 3, bool)
    order = (corner[:, None] + np.arange(3)) % 3
    a, b, c = np.take_along_axis(triangles, order[:, :, None], 1).transpose(1, 0, 2)
    steps = [np.ceil(np.linalg.norm(edge, axis=1) * side).astype(int) + 1 for edge in (b - a, c - a)]
    totals = np.cumsum(steps[0] * steps[1])
    start = 0
    while start < len(triangles):
        before = totals[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(totals, before + MOST_POINTS, "right")))
        part = slice(start, stop)
        points = _lattice(a[part], b[part], c[part], steps[0][part], steps[1][part])
        grid = world_to_grid(torch.from_numpy(points), shell.shape).numpy()  # width, height, depth in [−1, 1]
        cells = np.floor((grid + 1) * (side / 2)).astype(int).clip(0, side - 1)
        shell[cells[:, 2], cells[:, 1], cells[:, 0]] = True
        start = stop
    return shell


def _lattice(a: np.ndarray, b: np.ndarray, c: np.ndarray, across: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Points of triangles: `across` × `along` on each parallelogram a, b, c, less those beyond the edge b c."""
    counts = across * along
    triangle = np.repeat(np.arange(len(a)), counts)
    number = np.arange(len(triangle)) - np.repeat(np.cumsum(counts) - counts, counts)
    u = (number % across[triangle]) / np.maximum(across[triangle] - 1, 1)
    v = (number // across[triangle]) / np.maximum(along[triangle] - 1, 1)
    # Beyond the edge b c by less than a step: drawn back onto it, else cells along the edge are missed.
    inside = u + v <= 1 + 1 / np.maximum(along[triangle] - 1, 1)
    triangle, u, v = triangle[inside], u[inside], v[inside]
    v = np.minimum(v, 1 - u)
    return a[triangle] + u[:, None] * (b - a)[triangle] + v[:, None] * (c - a)[triangle]
