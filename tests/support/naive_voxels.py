"""Voxel rotation and projection as plain loops over samples, cells and corners: slow, and hard to get wrong."""

import math

import torch
from torch import Tensor


def rotate(voxels: Tensor, azimuth: Tensor, elevation: Tensor, sampling: str) -> Tensor:
    """For every cell of the viewer's grid, walk to its place in the world and look up what is there."""
    batch, depth, height, width = voxels.shape
    out = []
    for b in range(batch):
        sin_a, cos_a, sin_e, cos_e = azimuth[b].sin(), azimuth[b].cos(), elevation[b].sin(), elevation[b].cos()
        for d in range(depth):
            for h in range(height):
                for w in range(width):
                    # image axes → camera axes: x right, y up, z back
                    x, y, z = w - (width - 1) / 2, -(h - (height - 1) / 2), -(d - (depth - 1) / 2)
                    # camera → world: x·right + y·up + z·back
                    world_x = x * cos_a - y * sin_a * sin_e + z * sin_a * cos_e
                    world_y = y * cos_e + z * sin_e
                    world_z = -x * sin_a - y * cos_a * sin_e + z * cos_a * cos_e
                    at = (
                        -world_z + (depth - 1) / 2,
                        -world_y + (height - 1) / 2,
                        world_x + (width - 1) / 2,
                    )
                    out.append(_look_up(voxels[b], at, sampling))
    return torch.stack(out).view(voxels.shape)


def _look_up(grid: Tensor, at: tuple[Tensor, Tensor, Tensor], sampling: str) -> Tensor:
    if sampling == "nearest":
        index = [math.floor(float(c.detach()) + 0.5) for c in at]
        inside = all(0 <= i < n for i, n in zip(index, grid.shape, strict=True))
        return grid[tuple(index)] if inside else grid.new_zeros(())
    total = grid.new_zeros(())
    base = [math.floor(float(c.detach())) for c in at]
    for corner in range(8):
        index = [b + (corner >> axis & 1) for axis, b in enumerate(base)]
        if all(0 <= i < n for i, n in zip(index, grid.shape, strict=True)):
            weight = grid.new_ones(())
            for c, i in zip(at, index, strict=True):
                weight = weight * (1 - (c - i).abs())
            total = total + weight * grid[tuple(index)]
    return total


def project(voxels: Tensor, azimuth: Tensor, elevation: Tensor, sampling: str) -> Tensor:
    """Eq. (2) pixel by pixel."""
    turned = rotate(voxels, azimuth, elevation, sampling)
    batch, depth, height, width = turned.shape
    pixels = []
    for b in range(batch):
        for h in range(height):
            for w in range(width):
                mass = sum(turned[b, d, h, w] for d in range(depth))
                pixels.append(1 - torch.exp(-mass))
    return torch.stack(pixels).view(batch, 1, height, width)


def shade(voxels: Tensor, albedo: Tensor, azimuth: Tensor, pivot: float) -> Tensor:
    """Walk along each ray from the viewer: what is left of the light, and what the cells make of it."""
    batch, depth, height, width = voxels.shape
    pixels = []
    for b in range(batch):
        for h in range(height):
            for w in range(width):
                left, light = voxels.new_ones(()), voxels.new_zeros(())
                for d in range(depth):
                    # the viewer's frame moves so that the point `pivot` cells before the middle stays at x = 0
                    x, z = w - (width - 1) / 2, -(d - (depth - 1) / 2)
                    x = x - pivot * azimuth[b].sin()
                    world_x = x * azimuth[b].cos() + z * azimuth[b].sin()
                    world_z = -x * azimuth[b].sin() + z * azimuth[b].cos()
                    at = (-world_z + (depth - 1) / 2, torch.tensor(float(h)), world_x + (width - 1) / 2)
                    after = left * torch.exp(-_look_up(voxels[b], at, "trilinear"))
                    light = light + (left - after) * _look_up(albedo[b], at, "trilinear")
                    left = after
                pixels.append(light)
    return torch.stack(pixels).view(batch, 1, height, width)
