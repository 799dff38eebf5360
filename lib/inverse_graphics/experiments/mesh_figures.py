"""szabo-f1, f4 to f7: pictures of what a mesh generator makes.

Samples are drawn as in training, without noise. Views are drawn finer than the generator's pictures, by the crisp
renderer, on white: they are for looking.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.experiments.mesh_gan import MeshGANConfig, sample_views
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.geometry.shape_images import disc_mesh, vertices_of
from inverse_graphics.models.meshes import MeshGenerator, Scene
from inverse_graphics.renderers import lit_meshes
from inverse_graphics.renderers.meshes import MeshSettings, render_mesh, unit_ball_cameras

SIDE = 128  # of views
AZIMUTHS = (-90.0, -45.0, 0.0, 45.0, 90.0)  # degrees, of Figure 1


def as_seen(config: MeshGANConfig, scene: Scene) -> Tensor:
    """(B, 3, N, N) in [0, 1]: scenes before their backgrounds, from somewhere, as the discriminator gets them."""
    return scene.render(*sample_views(config, len(scene.shape)), config.band).image.clamp(0, 1)


def turned(scene: Scene, azimuths: Sequence[float] = AZIMUTHS, elevation: float = 0.0) -> Tensor:
    """(B, K, 3, SIDE, SIDE) in [0, 1]: objects on white from azimuths in degrees."""
    return _drawn(scene, scene.texture, azimuths, elevation, textured=True)


def normal_maps(scene: Scene, azimuths: Sequence[float] = (0.0,), elevation: float = 0.0) -> Tensor:
    """(B, K, 3, SIDE, SIDE) in [0, 1]: normals in the axes of the camera, (x, y, z) / 2 + ½; white where there is no
    surface."""
    normals = vertex_normals(scene)
    seen = []
    for azimuth in azimuths:
        camera = _cameras(len(normals), azimuth, elevation)
        towards = F.normalize(torch.einsum("bij,bvj->bvi", camera.rotation(), normals), dim=2)
        towards = torch.where(towards[..., 2:] < 0, -towards, towards)  # both sides of a face are seen
        seen.append(_drawn(scene, towards / 2 + 0.5, (azimuth,), elevation, textured=False))
    return torch.cat(seen, 1)


def vertex_normals(scene: Scene) -> Tensor:
    """(B, V, 3): the mean of the normals of each vertex's faces, of length 1, or 0 where they cancel."""
    mesh = disc_mesh(scene.shape.shape[-1])
    return torch.stack([lit_meshes.vertex_normals(each, mesh.faces) for each in vertices_of(scene.shape, mesh)])


@torch.no_grad()
def between(generator: MeshGenerator, latents: Tensor, background_latents: Tensor, steps: int) -> Scene:
    """`steps` scenes from the first of two latents (2, Z) to the second, evenly along a line, as Figure 5 has them."""
    shares = torch.linspace(0, 1, steps)[:, None]
    return generator(*(torch.lerp(z[:1], z[1:], shares) for z in (latents, background_latents)))


def _drawn(scene: Scene, colours: Tensor, azimuths: Sequence[float], elevation: float, *, textured: bool) -> Tensor:
    mesh = disc_mesh(scene.shape.shape[-1])
    vertices, uv = vertices_of(scene.shape, mesh), mesh.uv if textured else None
    white, settings = colours.new_ones(len(vertices), 3, SIDE, SIDE), MeshSettings(SIDE, band=0.0)
    seen = [
        render_mesh(
            vertices, mesh.faces, colours, uv, white, _cameras(len(vertices), azimuth, elevation), settings
        ).image
        for azimuth in azimuths
    ]
    return torch.stack(seen, 1).clamp(0, 1)


def _cameras(count: int, azimuth: float, elevation: float) -> Cameras:
    angles = (torch.full((count,), math.radians(angle)) for angle in (azimuth, elevation))
    return unit_ball_cameras(*angles)
