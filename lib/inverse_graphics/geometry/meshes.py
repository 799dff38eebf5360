"""A triangle mesh as it leaves the project, to a file or to a picture: world coordinates, y up, faces outward."""

from typing import NamedTuple

import torch
from torch import Tensor

from inverse_graphics.checks import require_finite, require_range, require_tensor


class Mesh(NamedTuple):
    """A surface, and what colours it.

    Fields:
        vertices: (V, 3) floating, world.
        faces: (F, 3) int64, of vertices, counter-clockwise seen from outside; of an open surface, from its front.
        colours: (V, 3) in [0, 1], as they look on a screen (sRGB); or None.
        uv: (V, 2) in [0, 1], where in the texture each vertex is, right and down from its top left corner; or None.
        texture: (3, H, W) in [0, 1], row 0 on top; there if and only if `uv` is.
    """

    vertices: Tensor
    faces: Tensor
    colours: Tensor | None = None
    uv: Tensor | None = None
    texture: Tensor | None = None


def require_mesh(mesh: Mesh) -> Mesh:
    """Check that a mesh has a surface and that its parts fit each other.

    Raises:
        ValueError: no face, a face of no vertex, NaN or infinity, sizes that disagree, colours or uv out of range.
    """
    if not len(mesh.faces):
        raise ValueError("mesh: expected at least one face, got none: the shape is empty")
    vertices = require_finite("vertices", require_tensor("vertices", mesh.vertices, "V 3"))
    faces = require_tensor("faces", mesh.faces, "F 3", floating=False)
    if faces.dtype != torch.int64:  # others mean something else as an index, or nothing
        raise ValueError(f"faces: expected int64, got {faces.dtype}")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ValueError(f"faces: expected vertices 0..{len(vertices) - 1}, got {faces.min()}..{faces.max()}")
    if mesh.colours is not None:
        require_range("colours", require_tensor("colours", mesh.colours, f"{len(vertices)} 3"), 0, 1)
    if (mesh.uv is None) != (mesh.texture is None):
        raise ValueError("texture: expected it together with uv, got one without the other")
    if mesh.uv is not None:
        require_range("uv", require_tensor("uv", mesh.uv, f"{len(vertices)} 2"), 0, 1)
        require_range("texture", require_tensor("texture", mesh.texture, "3 H W"), 0, 1)
    return mesh


def vertex_colours(mesh: Mesh) -> Tensor:
    """(V, 3) in [0, 1]: the vertices' own colours, else the texture's where they are, else white."""
    if mesh.colours is not None:
        return mesh.colours
    if mesh.uv is None or mesh.texture is None:
        return torch.ones_like(mesh.vertices)
    grid = (2 * mesh.uv - 1)[None, None]  # (1, 1, V, 2)
    found = torch.nn.functional.grid_sample(
        mesh.texture[None], grid.to(mesh.texture), padding_mode="border", align_corners=False
    )
    return found[0, :, 0].mT.clamp(0, 1)
