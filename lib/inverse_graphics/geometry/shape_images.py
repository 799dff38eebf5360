"""A mesh as a picture: each pixel of a shape image (3, N, N) is a vertex (Szabó & Favaro 2019, Sec. 6).

Neighbouring pixels are joined to triangles, those within the largest circle, so the mesh is a disc, bent in space as
the values say. A texture lies on it as on the grid. A convolutional network makes both.

    disc_mesh     N → which pixels are vertices, the triangles, where in the texture each vertex is
    vertices_of   shape image → vertices
    initial_shape a sphere, or a flat sheet, which a network's output is added to
    shape_pyramid Eq. (13): images of which each is blurred more than the one before, added up
    limit_size    Eq. (14): no vertex farther than 1.3 from the origin
    textured_mesh one shape image and its texture → a mesh to save
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.checks import require_choice, require_count, require_finite, require_range, require_tensor
from inverse_graphics.geometry.meshes import Mesh

SHAPES = ("sphere", "sheet")
MOST = 1.3  # s_max of Eq. (14)
LEAST_SIDE = 4  # pixels; fewer make no triangle
MOST_LEVELS = 10  # of a pyramid; the next would be blurred over thousands of pixels


class DiscMesh(NamedTuple):
    """`vertices` (V,) int64, which pixels of a flattened shape image are vertices; `faces` (F, 3) int64, of those, seen
    counter-clockwise from +z on a sheet; `uv` (V, 2) in [0, 1], right and down."""

    vertices: Tensor
    faces: Tensor
    uv: Tensor


def disc_mesh(side: int) -> DiscMesh:
    """The triangles of an N × N grid whose corners are within the circle about its middle: 5,980 for N = 64.

    Raises:
        ValueError: fewer than 4 pixels, which make no triangle.
    """
    require_count("side", side, LEAST_SIDE)
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    middle = (side - 1) / 2
    within = ((row - middle) ** 2 + (column - middle) ** 2 <= middle**2).flatten()
    number = torch.arange(side * side).view(side, side)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    faces = torch.cat([torch.stack(corners, -1).view(-1, 3) for corners in ((a, c, b), (b, c, d))])
    faces = faces[within[faces].all(1)]
    used = faces.unique()
    place = torch.full((side * side,), -1)
    place[used] = torch.arange(len(used))
    uv = torch.stack((column.flatten()[used], row.flatten()[used]), 1).add(0.5) / side
    return DiscMesh(used, place[faces], uv)


def vertices_of(shape: Tensor, mesh: DiscMesh) -> Tensor:
    """Vertices (B, V, 3) of shape images (B, 3, N, N); `mesh` is the one for N."""
    require_tensor("shape", shape, "B 3 N N")
    if mesh.vertices.amax() >= shape[0, 0].numel():
        raise ValueError(f"mesh: expected the one for {shape.shape[2]} pixels a side, got a larger one")
    return shape.flatten(2)[:, :, mesh.vertices.to(shape.device)].mT


def textured_mesh(shape: Tensor, texture: Tensor) -> Mesh:
    """A shape image (3, N, N) with a texture (3, H, W) in [0, 1] on it, as a `Mesh`, for example to save it.

    Raises:
        ValueError: wrong shapes, fewer than 4 pixels a side, NaN, or a texture out of range.
    """
    require_finite("shape", require_tensor("shape", shape, "3 N N"))
    if shape.shape[1] < LEAST_SIDE:
        raise ValueError(f"shape: expected {LEAST_SIDE} pixels a side or more, got {shape.shape[1]}")
    require_range("texture", require_tensor("texture", texture, "3 H W"), 0, 1)
    mesh = disc_mesh(shape.shape[1])
    return Mesh(vertices_of(shape[None], mesh)[0], mesh.faces, uv=mesh.uv, texture=texture)


def initial_shape(kind: str, side: int, radius: float = 0.5) -> Tensor:
    """The shape image (3, N, N) that training begins with.

    Args:
        kind: `sphere`, its front in the middle of the image, its back along the rim, where the disc is drawn together;
            or `sheet`, a flat square in the plane z = 0.
        side: N, 4 or more.
        radius: of the sphere; of the largest circle in the sheet.
    """
    require_choice("kind", kind, SHAPES)
    require_count("side", side, LEAST_SIDE)
    if not 0 < radius < math.inf:
        raise ValueError(f"radius: expected a positive, finite number, got {radius}")
    steps = (torch.arange(side) - (side - 1) / 2) / ((side - 1) / 2)
    up, right = torch.meshgrid(-steps, steps, indexing="ij")
    if kind == "sheet":
        return radius * torch.stack((right, up, torch.zeros_like(up)))
    out = torch.hypot(right, up)
    turn = math.pi * out.clamp(max=1)  # from the front; every ring of the disc is as wide on the sphere
    across = turn.sin() / out.clamp_min(1e-9)
    return radius * torch.stack((right * across, up * across, turn.cos()))


def shape_pyramid(levels: Tensor) -> Tensor:
    """Σ_k blur(s_k, σ = 2^k), k = 0 … K − 1, of images (B, K, 3, N, N): (B, 3, N, N). Eq. (13).

    In print it cannot be told whether a power of two stands before the sum's terms. Here none does: a network's gain
    can make up for it. σ is in pixels; beyond the rim, an image goes on as its last pixel.
    """
    require_tensor("levels", levels, "B K C N M")
    if levels.shape[1] > MOST_LEVELS:
        raise ValueError(f"levels: expected at most {MOST_LEVELS}, got {levels.shape[1]}")
    return sum(blur(levels[:, k], 2.0**k) for k in range(levels.shape[1]))


def blur(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of images (B, C, H, W) with standard deviation `sigma` in (0, 1000] pixels, cut off at 3 σ."""
    require_tensor("images", images, "B C H W")
    require_range("sigma", torch.tensor(float(sigma)), 1e-3, 1e3)
    reach = max(1, math.ceil(3 * sigma))
    steps = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    weights = torch.exp(-0.5 * (steps / sigma) ** 2)
    weights = weights / weights.sum()
    B, C, H, W = images.shape
    rows = images.reshape(B * C, 1, H, W)
    rows = F.conv2d(F.pad(rows, (reach, reach, 0, 0), mode="replicate"), weights.view(1, 1, 1, -1))
    rows = F.conv2d(F.pad(rows, (0, 0, reach, reach), mode="replicate"), weights.view(1, 1, -1, 1))
    return rows.view(B, C, H, W)


def limit_size(shape: Tensor, most: float = MOST) -> Tensor:
    """s_max tanh(|s|) s / |s|, pixel by pixel, of shape images (B, 3, N, N). Eq. (14).

    As printed: near the origin it enlarges by `most`.
    """
    require_tensor("shape", shape, "B 3 N M")
    require_range("most", torch.tensor(float(most)), 1e-6, 1e6)
    length = shape.square().sum(1, keepdim=True).clamp_min(1e-12).sqrt()  # prevents NaN in the gradient at 0
    return most * torch.tanh(length) / length * shape
