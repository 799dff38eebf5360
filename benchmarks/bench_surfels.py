"""Depth maps → shaded pictures, against the usual way: stacked neighbours, 2 × 2 least squares, points (…, 3).

python benchmarks/bench_surfels.py      Bar: a 128² scene of a batch of 32 in 1.4 ms forward on two CPU cores (the
                                        paper's figure on a mobile GTX 1060), in 0.05 ms on a GPU where there is one.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.renderers.shading import Lights
from inverse_graphics.renderers.surfels import back_project, render_surfels
from inverse_graphics.training.loop import keep_freed_memory
from timing import Place, against_copy, compare, report

CPU_BAR, GPU_BAR = 1.4, 0.05  # ms for each scene


def usual(depth: Tensor, camera: Cameras, lights: Lights) -> Tensor:
    """The picture the way published code makes it: N_z = 1, least squares over differences to the 8 neighbours."""
    points = back_project(depth, camera)
    padded = F.pad(points, (1, 1, 1, 1), mode="reflect")
    height, width = depth.shape[2:]
    shifts = [(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    steps = torch.stack([padded[:, :, i : i + height, j : j + width] - points for i, j in shifts], -1)
    x, y, z = steps.unbind(1)  # (B, H, W, 8)
    xx, xy, yy, xz, yz = (product.sum(-1) for product in (x * x, x * y, y * y, x * z, y * z))
    determinant = xx * yy - xy * xy + 1e-12  # prevents 0/0 where the surface is seen edge-on
    slope = (xy * yz - yy * xz) / determinant, (xy * xz - xx * yz) / determinant
    normals = F.normalize(torch.stack((*slope, torch.ones_like(xx)), -1), dim=-1)
    sources = camera.to_camera(lights.positions)[:, :, None, None]  # (B, K, 1, 1, 3)
    towards = sources - points.permute(0, 2, 3, 1)[:, None]  # (B, K, H, W, 3)
    distance = towards.norm(dim=-1, keepdim=True)
    cosine = (F.normalize(towards, dim=-1) * normals[:, None]).sum(-1, keepdim=True).clamp_min(0)
    attenuation = 1 / (lights.linear * distance + lights.quadratic * distance**2)
    reflected = (lights.colours[:, :, None, None] * cosine * attenuation).sum(1)
    return (0.5 * (lights.ambient[:, None, None] + reflected)).permute(0, 3, 1, 2)


def scenes(batch: int, size: int, device: str) -> tuple[Tensor, Cameras, Lights]:
    """Waves before a camera, smooth enough that both ways draw the same; three lights."""
    generator = torch.Generator().manual_seed(0)
    azimuth, elevation = (torch.rand(batch, generator=generator) + 0.2 for _ in range(2))
    camera = Cameras.orbit(azimuth.to(device), elevation.to(device), 1.0, math.radians(26))
    turn = torch.linspace(0, 3, size)
    depth = 1 + 0.02 * torch.sin(turn[:, None] + torch.rand(batch, 1, 1, 1, generator=generator) * 6 + turn)
    positions = torch.rand(batch, 3, 3, generator=generator) + 0.7
    colours, ambient = torch.rand(batch, 3, 3, generator=generator), torch.rand(batch, 3, generator=generator)
    return depth.to(device), camera, Lights(positions.to(device), colours.to(device), ambient.to(device))


def runs(render, depth: Tensor, backward: bool):
    """A function to time: waits for the GPU, so that it times the work and not its launch."""

    def run():
        depth.grad = None
        with torch.set_grad_enabled(backward):
            image = render(depth)
        if backward:
            image.sum().backward()
        if depth.is_cuda:
            torch.cuda.synchronize()

    return run


def sweep(device: str, bar: float) -> None:
    for batch, size in ((1, 128), (8, 128), (32, 128), (32, 64), (8, 256)):
        depth, camera, lights = scenes(batch, size, device)
        with torch.no_grad():
            error = (render_surfels(depth, camera, lights).image - usual(depth, camera, lights)).abs()
        assert error[..., 1:-1, 1:-1].max() < 0.01, f"the two do not draw the same picture: {error.max()}"
        depth.requires_grad_()
        for backward in (False, True):
            ours = runs(lambda d, c=camera, k=lights: render_surfels(d, c, k).image, depth, backward)
            peer = runs(lambda d, c=camera, k=lights: usual(d, c, k), depth, backward)
            judged = bar if (batch, size, backward) == (32, 128, False) else None
            name = "forward + backward" if backward else "forward"
            what, result = f"{device} ({batch}, {size}²) {name}", compare(peer, ours, pairs=9)
            place = Place(f"surfels, {name}, {device}", "scenes in a batch", batch) if size == 128 else None
            report(what, "usual way", result, most=judged, each=batch, unit="a scene", place=place)
            if judged and device == "cpu":
                against_copy(what, result.ours, 4 * batch * size**2 * (1 + 9))  # depth; picture, positions, normals


def main() -> None:
    keep_freed_memory()  # as training does; without it both sides wait for pages, which says nothing of either
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; three lights, gradient to the depth")
    sweep("cpu", CPU_BAR)
    if torch.cuda.is_available():
        print(torch.cuda.get_device_name())
        sweep("cuda", GPU_BAR)


if __name__ == "__main__":
    main()
