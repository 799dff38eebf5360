"""Soft mesh renderer, forward and backward at 128×128, against PyTorch3D where it is installed, and against the plain
way: every triangle with every pixel.

    python benchmarks/bench_meshes.py        Bar: at least 25 times faster than PyTorch3D's CPU rasteriser at equal band
                                             and 8 faces per pixel for 5,980 triangles; 24,858 triangles at most 4 times
                                             as long.
"""

import math

import torch
from torch import Tensor

from inverse_graphics.geometry.shape_images import disc_mesh, initial_shape, vertices_of
from inverse_graphics.renderers.meshes import MeshSettings, render_mesh, unit_ball_cameras
from inverse_graphics.training.loop import keep_freed_memory
from timing import Place, compare, count, report

SIZE, BAND = 128, 1.9  # pixels; the band is PyTorch3D's default blur of 1e-4 at this size
CHUNK = 64  # triangles of the plain way held against all pixels at a time


def mesh(side: int, batch: int) -> tuple[Tensor, Tensor, Tensor]:
    """A crumpled ball: vertices (B, V, 3), faces, uv."""
    disc = disc_mesh(side)
    shape = initial_shape("sphere", side, 0.8)[None].repeat(batch, 1, 1, 1)
    shape = shape * (1 + 0.1 * torch.sin(9 * shape[:, :1]) * torch.cos(7 * shape[:, 1:2]))
    return vertices_of(shape, disc), disc.faces, disc.uv


def ours(side: int, batch: int):
    vertices, faces, uv = mesh(side, batch)
    vertices.requires_grad_()
    texture = torch.rand(batch, 3, 2 * side, 2 * side).requires_grad_()
    background = torch.rand(batch, 3, SIZE, SIZE)
    camera = unit_ball_cameras(torch.full((batch,), 0.4), torch.full((batch,), 0.2))

    def run():
        vertices.grad = texture.grad = None
        seen = render_mesh(vertices, faces, texture, uv, background, camera, MeshSettings(SIZE, BAND))
        seen.image.square().sum().backward()

    return run


def plain(side: int):
    """Distances of all pixels from all triangles, a chunk at a time: no gradients, no colours."""
    vertices, faces, _ = mesh(side, 1)
    seen = unit_ball_cameras(torch.tensor([0.4]), torch.tensor([0.2])).to_camera(vertices)[0]
    screen = seen[:, :2] / -seen[:, 2:] * (SIZE / 2 / math.tan(math.asin(1 / 4))) + SIZE / 2
    steps = torch.arange(SIZE) + 0.5
    pixels = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).view(-1, 1, 2)

    def run():
        nearest = torch.full((SIZE * SIZE,), torch.inf)
        for part in faces.split(CHUNK):
            corners = screen[part]  # (K, 3, 2)
            along = corners[:, [1, 2, 0]] - corners
            offset = pixels[:, :, None] - corners  # (P, K, 3, 2)
            share = ((offset * along).sum(-1) / along.square().sum(-1).clamp_min(1e-9)).clamp(0, 1)
            apart = (share[..., None] * along - offset).square().sum(-1).amin(-1)
            nearest = torch.minimum(nearest, apart.amin(1))
        return nearest

    return run


def pytorch3d(side: int):
    """PyTorch3D's rasteriser on the same mesh; None where it is not installed."""
    try:
        from pytorch3d.renderer import MeshRasterizer, PerspectiveCameras, RasterizationSettings
        from pytorch3d.structures import Meshes
    except ImportError:
        return None
    vertices, faces, _ = mesh(side, 1)
    moved = vertices[0] + torch.tensor([0.0, 0, 4.0])
    moved.requires_grad_()
    settings = RasterizationSettings(image_size=SIZE, blur_radius=(2 * BAND / SIZE) ** 2, faces_per_pixel=8, bin_size=0)
    rasteriser = MeshRasterizer(PerspectiveCameras(focal_length=1 / math.tan(math.asin(1 / 4))), settings)

    def run():
        moved.grad = None
        fragments = rasteriser(Meshes([moved], [faces]))
        (fragments.zbuf.clamp_min(0).sum() + fragments.dists.sum()).backward()

    return run


def main() -> None:
    keep_freed_memory()  # as training does
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; {SIZE}×{SIZE}, band {BAND}, texture")
    if peer := pytorch3d(64):
        report("5,980 triangles", "PyTorch3D, 8 faces per pixel", compare(peer, ours(64, 1), pairs=5), 25.0)
    else:
        print("PyTorch3D is not installed: not compared with it")
    report("5,980 triangles", "plain, without gradients or colours", compare(plain(64), ours(64, 1), pairs=3))
    for side in (16, 32, 128):  # against 64: how the cost grows
        faces = len(disc_mesh(side).faces)
        result = compare(ours(64, 1), ours(side, 1))
        times = result.ours / result.peer
        report(f"{faces:,} triangles", "5,980 triangles", result, 0.25 if side == 128 else None)
        count(f"{faces:,} triangles", 1 / result.ours, "pictures a second", place=Place("mesh", "triangles", faces))
        print(f"    that is {times:.2f} times as long for {faces / 5980:.2f} times as many")
    for batch in (4, 16):
        one = ours(64, 1)
        each = compare(lambda run=one, n=batch: [run() for _ in range(n)], ours(64, batch), pairs=7)
        report(f"batch of {batch}", "one after the other", each, each=batch, unit="a picture")


if __name__ == "__main__":
    main()
