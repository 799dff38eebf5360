"""pix-f2: what the surfel renderer gets right, how fast it is, and what its gradient can do without any network.

Nothing is trained.
"""

import math
import statistics
import time
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from inverse_graphics.datasets.scenes import SceneSet
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.metrics.hausdorff import normal_angles
from inverse_graphics.renderers.shading import Lights
from inverse_graphics.renderers.surfels import normals_from_depth, render_surfels

STEPS = 300
LEARNING_RATE = 0.04  # of a level of one pixel; the 4×4 level takes a quarter of it, and so on


class Analytic(NamedTuple):
    """A surface known by formula: `depth` (1, 1, S, S), `normals` (1, 3, S, S), and where it is seen, (S, S) bool."""

    depth: Tensor
    normals: Tensor
    inside: Tensor


def facing_camera(field_of_view: float = math.radians(26)) -> Cameras:
    """One camera at (0, 0, 2) that looks at the origin."""
    return Cameras(torch.tensor([[0.0, 0.0, 2.0]]), torch.zeros(1, 3), field_of_view)


def sphere(size: int, camera: Cameras, radius: float = 0.4) -> Analytic:
    """A sphere about the origin before a wall; its outline, two pixels wide, is not counted as seen."""
    rays = camera.rays(size, size).permute(2, 0, 1)  # (3, S, S)
    centre = camera.to_camera(torch.zeros(1, 1, 3))[0, 0]
    along = torch.einsum("chw,c->hw", rays, centre)
    root = along**2 - centre @ centre + radius**2
    hit = root > 0
    depth = torch.where(hit, along - root.clamp_min(0).sqrt(), -2.5 / rays[2])
    normals = (depth * rays - centre[:, None, None]) / radius
    wall = torch.tensor([0.0, 0.0, 1.0])[:, None, None].expand_as(rays)
    seen = 1 - F.max_pool2d((~hit)[None, None].float(), 5, 1, 2)[0, 0]
    return Analytic(depth[None, None], torch.where(hit, normals, wall)[None], seen.bool())


def tilted_plane(size: int, camera: Cameras, tilt: float) -> Analytic:
    """A plane through the origin, turned by `tilt` radians about the camera's vertical; at 0 it faces the camera."""
    rays = camera.rays(size, size).permute(2, 0, 1)
    normal = torch.tensor([math.sin(tilt), 0.0, math.cos(tilt)])
    centre = camera.to_camera(torch.zeros(1, 1, 3))[0, 0]
    depth = (normal @ centre) / torch.einsum("chw,c->hw", rays, normal)
    return Analytic(depth[None, None], normal[:, None, None].expand_as(rays)[None], depth > 0)


def normal_errors(size: int = 128) -> pd.DataFrame:
    """Angle between estimated and true normals in degrees, mean and largest, on surfaces known by formula."""
    camera, rows = facing_camera(), {}
    surfaces = {"sphere, inside its outline": sphere(size, camera)}
    surfaces |= {f"plane tilted by {tilt}°": tilted_plane(size, camera, math.radians(tilt)) for tilt in (0, 30, 60, 75)}
    for name, surface in surfaces.items():
        estimated = normals_from_depth(surface.depth, camera)[0]
        cosine = (estimated * surface.normals[0]).sum(0)
        sine = torch.linalg.cross(estimated, surface.normals[0], dim=0).norm(dim=0)
        angles = torch.atan2(sine, cosine)[surface.inside].rad2deg()  # acos has no digits near 1
        rows[name] = {"mean": angles.mean().item(), "largest": angles.max().item()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("angle to the true normal, °")


def rendered_again(scenes: SceneSet) -> tuple[Tensor, dict[str, float]]:
    """Pictures (B, 3, S, S) made from the true depth, and how far they are from the ray-cast ones.

    Returns:
        The pictures, and `mean absolute error` over all pixels, `share of pixels off by over 0.05`, and `normal angle`,
        degrees, mean over all pixels.
    """
    made = render_surfels(scenes.depth, scenes.camera, scenes.lights, scenes.albedo)
    error = (made.image.clamp(0, 1) - scenes.images).abs().amax(1)  # (B, S, S)
    numbers = {
        "mean absolute error": error.mean().item(),
        "share of pixels off by over 0.05": (error > 0.05).float().mean().item(),
        "normal angle": normal_angles(made.normals, scenes.normals).mean().item(),
    }
    return made.image.clamp(0, 1), numbers


def depth_by_descent(scenes: SceneSet, start: Tensor, steps: int = STEPS) -> tuple[Tensor, list[float]]:
    """Depth maps whose picture is the given one, found by gradient descent through the renderer alone.

    Args:
        scenes: pictures with known cameras, lights and albedo. Their depth is not looked at.
        start: (B, 1, S, S) depth to start from.

    Returns:
        (B, 1, S, S), and the mean squared error of the picture at each step. The logarithm of the depth is optimised
        on a pyramid from 4×4 to full size (Adam), so that broad shapes come first.
    """
    size = start.shape[-1]
    levels = [start.new_zeros(len(start), 1, side, side) for side in _pyramid(size)]
    for level in levels:
        level.requires_grad_()
    # Fine levels go slowly: else each pixel finds a slope of its own that has the right colour.
    groups = [{"params": [level], "lr": LEARNING_RATE / level.shape[-1]} for level in levels]
    optimiser = torch.optim.Adam(groups)
    history = []
    for _ in range(steps):
        depth = start * _collapse(levels, size).exp()
        image = render_surfels(depth, scenes.camera, scenes.lights, scenes.albedo).image
        loss = (image - scenes.images).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append(loss.item())
    return depth.detach(), history


def milliseconds_per_scene(size: int = 128, batch: int = 32, runs: int = 15) -> float:
    """Median time of `render_surfels` forward, divided by the batch, on this machine's CPU."""
    generator = torch.Generator().manual_seed(0)
    angles = torch.rand(2, batch, generator=generator)
    camera = Cameras.orbit(angles[0], angles[1], 1.3, math.radians(26))
    depth = 1.3 + 0.1 * torch.rand(batch, 1, size, size, generator=generator)
    lights = Lights(torch.full((batch, 3, 3), 2.0), torch.full((batch, 3, 3), 0.5), torch.full((batch, 3), 0.1))
    times = []
    with torch.no_grad():
        render_surfels(depth, camera, lights)
        for _ in range(runs):
            start = time.perf_counter()
            render_surfels(depth, camera, lights)
            times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times) / batch


def _pyramid(size: int) -> list[int]:
    return [side for side in (4, 8, 16, 32, 64, 128) if side < size] + [size]


def _collapse(levels: list[Tensor], size: int) -> Tensor:
    resized = [F.interpolate(level, (size, size), mode="bilinear", align_corners=False) for level in levels]
    return torch.stack(resized).sum(0)
