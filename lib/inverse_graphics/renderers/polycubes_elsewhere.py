"""Polycubes drawn by other means, for one question: does what was learned on our pictures hold for anybody else's?

Nothing here is shared with `renderers.polycubes`: triangle meshes, Intel's Embree for the rays, numpy for the rest. And
nothing looks as there, on purpose: a long lens, one sun that casts shadows and a sky in place of lights at the camera,
a coloured shiny surface, seams between the cubes, a background that fades from top to bottom, gamma. For
measuring only: nothing trains on it.
"""

import math

import numpy as np
import trimesh
from trimesh.ray.ray_pyembree import RayMeshIntersector

from inverse_graphics.checks import require_count

FIELD_OF_VIEW = 42.0  # degrees, vertical
DISTANCE = 2.0  # of the camera from the object's centre; the object's longest side is 1
SEAM = 0.04  # of a cube's side, left open between cubes
SKY, GROUND = np.array([0.30, 0.33, 0.40]), np.array([0.16, 0.13, 0.10])  # light from above and from below
SUN = np.array([0.85, 0.8, 0.7])
SHINE, GLOSS = 0.25, 20  # strength and exponent of highlights
TOP, BOTTOM = np.array([0.012, 0.015, 0.02]), np.array([0.06, 0.055, 0.05])  # of the background
RAYS = 2  # along each side of a pixel
GAMMA = 2.2


def render_elsewhere(
    cubes: np.ndarray, azimuth: float, elevation: float, rng: np.random.Generator, size: int = 64
) -> np.ndarray:
    """One picture of a polycube, seen by an upright camera from anywhere.

    Args:
        cubes: (K, 3) whole numbers, as of `datasets.polycubes`; rows may repeat.
        azimuth, elevation: radians. The camera stands at (sin a cos e, sin e, cos a cos e), y up.
        rng: draws the sun's place and the colour.
        size: pixels.

    Returns:
        (size, size, 3) float32 in [0, 1].

    Raises:
        ValueError: no cubes or not of whole numbers, an angle that is NaN or infinite, or a size below 1.
    """
    cubes = np.asarray(cubes)
    if cubes.ndim != 2 or cubes.shape[1] != 3 or not len(cubes) or cubes.dtype.kind not in "iu":
        raise ValueError(f"cubes: expected whole numbers (K, 3), got {cubes.dtype} {cubes.shape}")
    for name, angle in (("azimuth", azimuth), ("elevation", elevation)):
        if not math.isfinite(angle):
            raise ValueError(f"{name}: expected finite radians, got {angle}")
    require_count("size", size)
    mesh = _mesh(np.unique(cubes, axis=0))
    ahead, right = -_direction(azimuth, elevation), _direction(azimuth + math.pi / 2, 0.0)
    up = np.cross(right, ahead)
    reach = math.tan(math.radians(FIELD_OF_VIEW / 2))
    steps = ((np.arange(size * RAYS) + 0.5) / (size * RAYS) * 2 - 1) * reach
    down, across = np.meshgrid(steps, steps, indexing="ij")
    rays = ahead + across[..., None] * right - down[..., None] * up
    rays = (rays / np.linalg.norm(rays, axis=-1, keepdims=True)).reshape(-1, 3)
    eye = -DISTANCE * ahead

    # The sun stands somewhere above and on the camera's side.
    sun = _direction(azimuth + rng.uniform(-1.2, 1.2), rng.uniform(0.3, 1.2))
    colour = 0.35 + 0.4 * rng.random(3)

    caster = RayMeshIntersector(mesh, scale_to_box=False)
    face = caster.intersects_first(np.broadcast_to(eye, rays.shape), rays)
    met = face >= 0
    fade = (np.arange(size * RAYS) / (size * RAYS))[:, None, None]
    picture = np.broadcast_to(TOP + fade * (BOTTOM - TOP), (size * RAYS, size * RAYS, 3)).reshape(-1, 3).copy()
    if met.any():
        picture[met] = _shade(mesh, caster, face[met], eye, rays[met], sun, colour)
    picture = picture.reshape(size, RAYS, size, RAYS, 3).mean((1, 3))
    return (picture.clip(0, 1) ** (1 / GAMMA)).astype(np.float32)


def _direction(azimuth: float, elevation: float) -> np.ndarray:
    across = math.cos(elevation)
    return np.array([math.sin(azimuth) * across, math.sin(elevation), math.cos(azimuth) * across])


def _mesh(cubes: np.ndarray) -> trimesh.Trimesh:
    """Boxes with seams between them, centred, the longest side of their bounding box 1."""
    box = trimesh.creation.box(extents=(1 - SEAM,) * 3)
    vertices = (box.vertices[None] + cubes[:, None]).reshape(-1, 3)
    faces = (box.faces[None] + len(box.vertices) * np.arange(len(cubes))[:, None, None]).reshape(-1, 3)
    low, high = cubes.min(0) - 0.5, cubes.max(0) + 0.5
    return trimesh.Trimesh((vertices - (low + high) / 2) / (high - low).max(), faces, process=False)


def _shade(mesh, caster, face, eye, rays, sun, colour) -> np.ndarray:
    """Linear light (N, 3) of rays that meet faces: sky and ground, and the sun where nothing is in its way."""
    normals = mesh.face_normals[face]
    corner = mesh.triangles[face, 0]
    depth = ((corner - eye) * normals).sum(1) / (rays * normals).sum(1)
    points = eye + depth[:, None] * rays
    towards = np.broadcast_to(sun, points.shape)
    lit = caster.intersects_first(points + 1e-4 * normals, towards) < 0
    above = (normals[:, 1:2] + 1) / 2
    light = GROUND + above * (SKY - GROUND) + (lit * (normals @ sun).clip(0))[:, None] * SUN
    mirrored = rays - 2 * (rays * normals).sum(1, keepdims=True) * normals
    highlight = SHINE * lit * (mirrored @ sun).clip(0) ** GLOSS
    return colour * light + highlight[:, None]
