"""Surfels pixel by pixel, in the words of the paper: slow, and hard to get wrong."""

import torch
from torch import Tensor


def directions(height: int, width: int, field_of_view: float, like: Tensor) -> list[list[Tensor]]:
    """Unit rays in camera axes, by row and column."""
    half = torch.tan(like.new_tensor(field_of_view / 2))
    rows = []
    for i in range(height):
        row = []
        for j in range(width):
            x = (2 * j + 1 - width) / height * half
            y = -(2 * i + 1 - height) / height * half
            ray = torch.stack((x, y, like.new_tensor(-1.0)))
            row.append(ray / ray.norm())
        rows.append(row)
    return rows


def normals(depth: Tensor, field_of_view: float) -> Tensor:
    """(B, 1, H, W) → (B, 3, H, W): through P and along four tangents, the plane of least squares in 1/z."""
    batch, _, height, width = depth.shape
    rays = directions(height, width, field_of_view, depth)
    out = []
    for b in range(batch):
        points = [[rays[i][j] * depth[b, 0, i, j] for j in range(width)] for i in range(height)]
        for i in range(height):
            for j in range(width):
                # the border has the slopes of the pixel beside it
                across, up = _slopes(points, min(max(i, 1), height - 2), min(max(j, 1), width - 2))
                x, y, z = points[i][j]
                # plane a X + b Y + c = u over the image, as a normal in space that the surfel's own u fixes
                plane = torch.stack((-across, -up, (-1 / z) - across * (x / -z) - up * (y / -z)))
                out.append(plane / plane.norm())
    return torch.stack(out).view(batch, height, width, 3).permute(0, 3, 1, 2)


def _slopes(points: list[list[Tensor]], i: int, j: int) -> tuple[Tensor, Tensor]:
    point = points[i][j]
    matrix, values = [], []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        ahead = points[i + down][j + right] - point
        behind = point - points[i - down][j - right]
        tangent = ahead / (ahead @ ahead) + behind / (behind @ behind)
        # how the image point (X, Y) = (x, y)/(−z) and u = 1/(−z) move when P moves along the tangent
        x, y, z = point
        move_x = tangent[0] / -z + x * tangent[2] / z**2
        move_y = tangent[1] / -z + y * tangent[2] / z**2
        move_u = tangent[2] / z**2
        pixels = torch.stack((move_x, move_y)).norm() / (down + right**2) ** 0.5  # per pixel's width
        matrix.append(torch.stack((move_x, move_y)) / pixels)
        values.append(move_u / pixels)
    matrix, values = torch.stack(matrix), torch.stack(values)
    across, up = torch.linalg.solve(matrix.T @ matrix, matrix.T @ values)
    return across, up


def shade(
    positions: Tensor,
    normals: Tensor,
    light_positions: Tensor,
    colours: Tensor,
    ambient: Tensor,
    linear: float,
    quadratic: float,
    albedo: Tensor,
) -> Tensor:
    """Eq. (1) for (B, H, W, 3) points, normals and albedo: (B, H, W, 3)."""
    batch, height, width, _ = positions.shape
    out = []
    for b in range(batch):
        for i in range(height):
            for j in range(width):
                total = ambient[b]
                for k in range(colours.shape[1]):
                    towards = light_positions[b, k] - positions[b, i, j]
                    distance = towards.norm()
                    cosine = normals[b, i, j] @ towards / distance
                    attenuation = 1 / (linear * distance + quadratic * distance**2)
                    if cosine > 0:
                        total = total + attenuation * colours[b, k] * cosine
                out.append(albedo[b, i, j] * total)
    return torch.stack(out).view(batch, height, width, 3)
