"""A mesh as a person looks at it: fitted into the picture, lit from the upper left behind the viewer, smooth.

For looking, not for learning, though it is `renderers.meshes` that draws.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.checks import require_count, require_finite, require_tensor
from inverse_graphics.geometry.meshes import Mesh, require_mesh, vertex_colours
from inverse_graphics.renderers.meshes import MeshSettings, render_mesh, unit_ball_cameras

LIGHT = (-0.55, 0.75, 0.65)  # towards it, camera axes
AMBIENT = 0.35  # how bright a surface is that the light does not reach. Raising it flattens the picture
BACKGROUND = 1.0
REACH = 0.95  # of the picture's half side: how far the mesh may reach
FINER = 2  # rays along a pixel's side. Raising it smooths outlines and costs time with its square
MOST_FACES = 400_000  # drawn at once; each needs memory
SIZES = (8, 2048)  # pixels, smallest and largest picture


@torch.no_grad()
def lit_picture(
    mesh: Mesh,
    azimuth: float = 0.0,
    elevation: float = 0.0,
    size: int = 256,
    *,
    frame: Tensor | None = None,
    light: tuple[float, float, float] = LIGHT,
    closed: bool = False,
) -> Tensor:
    """A picture (3, S, S) in [0, 1] of a mesh on white; both sides of its faces are seen.

    Args:
        azimuth, elevation: of the viewer, radians, about the middle of the mesh's box; not straight up or down.
        size: S, pixels.
        frame: points (N, 3), for example the vertices of all meshes of an animation, that fit into the picture; None
            takes the mesh's own.
        light: direction towards it in the viewer's axes, right, up and back; of any length but 0.
        closed: whether the mesh is known to be closed, with faces outward: then those turned away, which others hide,
            are left out, and it takes half the time.

    Raises:
        ValueError: a mesh that is empty, broken, without extent or too large, a size that is too small or too large, a
            frame or a light that is not finite, or a viewer straight above or below.
    """
    require_mesh(mesh)
    if len(mesh.faces) > MOST_FACES:
        raise ValueError(f"mesh: expected at most {MOST_FACES:,} faces to draw, got {len(mesh.faces):,}")
    if not SIZES[0] <= require_count("size", size) <= SIZES[1]:
        raise ValueError(f"size: expected {SIZES[0]} to {SIZES[1]} pixels, got {size}")
    if not abs(elevation) < math.pi / 2 - 1e-3:
        raise ValueError(f"elevation: expected less than 90° up or down, got {math.degrees(elevation):g}°")
    if frame is not None:
        require_finite("frame", require_tensor("frame", frame, "N 3"))
    if len(light) != 3 or not 0 < math.hypot(*light) < math.inf:  # NaN compares false
        raise ValueError(f"light: expected a direction of three finite numbers, not all 0, got {light}")
    faces = mesh.faces[(mesh.faces != mesh.faces.roll(1, 1)).all(1)]  # a face that names a vertex twice has no inside
    colours, vertices = vertex_colours(mesh).float(), _fitted(mesh, faces, frame)
    camera = unit_ball_cameras(torch.tensor([azimuth]), torch.tensor([elevation]))
    towards = F.normalize(torch.tensor(light), dim=0) @ camera.rotation()[0]  # world
    normals = vertex_normals(vertices, faces)
    seen = camera.position - vertices
    normals = normals * torch.where((normals * seen).sum(1, keepdim=True) < 0, -1.0, 1.0)  # towards the viewer
    if closed:
        faces = faces[_towards_viewer(vertices[faces], camera.position)]
    light = AMBIENT + (1 - AMBIENT) * (normals @ towards).clamp_min(0)
    fine = size * FINER
    background = torch.full((1, 3, fine, fine), BACKGROUND)
    settings = MeshSettings(fine, band=0)
    drawn = render_mesh(vertices[None], faces, (colours * light[:, None])[None], None, background, camera, settings)
    return F.avg_pool2d(drawn.image, FINER)[0].clamp(0, 1)


def _towards_viewer(corners: Tensor, viewer: Tensor) -> Tensor:
    """(F,) bool: whether a viewer (1, 3) is on the outer side of a face with corners (F, 3, 3)."""
    first, second, third = corners.unbind(1)
    return ((viewer - first) * torch.linalg.cross(second - first, third - first)).sum(1) > 0


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """(V, 3) unit: the mean of the normals of each vertex's faces, by their area; 0 where they cancel."""
    corner = vertices[faces]  # (F, 3, 3)
    areas = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    total = torch.zeros_like(vertices)
    for k in range(3):
        total.index_add_(0, faces[:, k], areas)
    return F.normalize(total, dim=1)


def _fitted(mesh: Mesh, faces: Tensor, frame: Tensor | None) -> Tensor:
    """The vertices, moved and scaled so that the frame fits into the ball of radius `REACH`. Those of no face, which
    may lie anywhere, are drawn in: else one could be behind the viewer."""
    if not len(faces):
        raise ValueError("mesh: expected at least one face with three corners, got none")
    held = (mesh.vertices[faces.unique()] if frame is None else frame).double()
    middle = (held.amin(0) + held.amax(0)) / 2
    extent = (held - middle).norm(dim=1).max().item()
    if not 1e-12 < extent < 1e12:
        raise ValueError(f"mesh: expected an extent between 1e-12 and 1e12, got {extent:g}")
    placed = (mesh.vertices.double() - middle) * (REACH / extent)
    return (placed / placed.norm(dim=1, keepdim=True).clamp_min(1)).float()
