"""Training steps of the three autoencoders that are compared. Each gets a picture, its mask and its camera.

    voxels   their projection, Eq. (2) of Uçar 2019, is to be the mask
    surfels  shaded by Eq. (1) of Pix2Scene 2018 they are to be the picture, and to imply the albedo that is known,
             where the mask is; their cover is to be the mask
    meshes   drawn by the soft renderer of Szabó & Favaro 2019, texture and cover are to be picture and mask

Errors are absolute, but masks of voxels and surfels have cross entropy. Meshes see coarse pictures first.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from inverse_graphics.datasets.compared import ALBEDO, cameras_at, lights_about
from inverse_graphics.datasets.images import resize
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.geometry.shape_images import disc_mesh, vertices_of
from inverse_graphics.models.compared import ShapeAutoencoder, camera_code, depth_along_rays
from inverse_graphics.models.voxels import SIDE
from inverse_graphics.objectives.implied_reflectance import reflectance_errors
from inverse_graphics.renderers.meshes import MeshSettings, render_mesh
from inverse_graphics.renderers.surfels import render_surfels
from inverse_graphics.renderers.voxels import project_voxels
from inverse_graphics.training.loop import Step, cosine_decay

if TYPE_CHECKING:
    from lightning_fabric import Fabric

WARM_UP = 100  # steps over which the learning rate rises
CLIP = 1.0  # Euclidean norm that gradients are scaled down to
CERTAIN = 1e-4  # how near to 0 or 1 a voxel projection may come before its cross entropy has no gradient
COVER_WEIGHT = 0.2  # of the cross entropy of surfels


class ComparedTerms(NamedTuple):
    """`total` is what is minimised; the others are what it is the sum of, 0 where a representation has none."""

    total: Tensor
    image_error: Tensor
    mask_error: Tensor
    reflectance_error: Tensor


class ComparedTrainer:
    """Adam on encoder and decoder, at a rate that rises at first and falls to 0 along a cosine.

    Args:
        model: trained in place.
        learning_rate: the highest.
        finer: fractions of the training after which pictures of meshes get twice as fine.
        band: pixels that the mesh renderer softens outlines by.
    """

    loss_limit = 1e4

    def __init__(self, model: ShapeAutoencoder, learning_rate: float, finer: Sequence[float], band: float) -> None:
        self.settings, self.learning_rate, self.finer, self.band = model.settings, learning_rate, finer, band
        self.modules: dict[str, nn.Module] = {"encoder": model.encoder, "decoder": model.decoder}
        self.optimizers: dict[str, Optimizer] = {"model": Adam(model.parameters(), learning_rate, (0.9, 0.99))}
        self._terms = {"voxels": self._voxels, "surfels": self._surfels, "meshes": self._meshes}

    def setup(self, fabric: "Fabric") -> None:
        self._fabric = fabric
        self._run = {name: fabric.setup_module(module.train()) for name, module in self.modules.items()}
        self._optimizer = fabric.setup_optimizers(self.optimizers["model"])

    def step(self, batch: tuple[Tensor, ...], now: Step) -> ComparedTerms:
        """One iteration on images (B, 3, S, S), azimuths (B,) and elevations (B,)."""
        factor = cosine_decay(now.fraction) * min(1.0, (now.index + 1) / WARM_UP)
        for group in self.optimizers["model"].param_groups:
            group["lr"] = self.learning_rate * factor
        images, azimuth, elevation = batch
        mean, _ = self._run["encoder"](images, camera_code(cameras_at(azimuth, elevation)))
        mask = (images.amax(1, keepdim=True) > 0).to(images)
        terms = self._terms[self.settings.representation](images, mask, azimuth, elevation, mean, now.fraction)
        self._optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(terms.total)
        nn.utils.clip_grad_norm_([p for group in self.optimizers["model"].param_groups for p in group["params"]], CLIP)
        self._optimizer.step()
        return terms

    def _voxels(self, images, mask, azimuth, elevation, latent, fraction) -> ComparedTerms:
        projection = project_voxels(self._run["decoder"](latent).clamp(0, 1), azimuth, elevation)
        certain = projection.clamp(CERTAIN, 1 - CERTAIN)  # log 0
        return _terms(mask_error=F.binary_cross_entropy(certain, resize(mask, SIDE)))

    def _surfels(self, images, mask, azimuth, elevation, latent, fraction) -> ComparedTerms:
        camera = cameras_at(azimuth, elevation)
        nearer, cover = self._run["decoder"](latent, camera_code(camera))
        image_error, reflectance = surfel_errors(depth_along_rays(nearer, camera), images, mask, camera)
        return _terms(image_error, COVER_WEIGHT * F.binary_cross_entropy_with_logits(cover, mask), reflectance)

    def _meshes(self, images, mask, azimuth, elevation, latent, fraction) -> ComparedTerms:
        shape, texture = self._run["decoder"](latent)
        size = self.settings.size >> (len(self.finer) - self._stage(fraction))
        image, alpha = draw_meshes(shape, texture, cameras_at(azimuth, elevation), size, self.band)
        image_error = (image - resize(images, size)).abs().mean()
        return _terms(image_error, (alpha - resize(mask, size)).abs().mean())

    def _stage(self, fraction: float) -> int:
        return sum(fraction >= start for start in self.finer)


def surfel_errors(depth: Tensor, images: Tensor, mask: Tensor, camera: Cameras) -> tuple[Tensor, Tensor]:
    """Errors of picture and reflectance of a depth map (B, 1, S, S), each a mean over the mask."""
    lights, share = lights_about(camera), mask / mask.mean().clamp_min(1e-3)
    image_error = (render_surfels(depth, camera, lights, ALBEDO).image - images).abs() * share
    return image_error.mean(), (reflectance_errors(images, depth, camera, lights, ALBEDO) * share).mean()


def draw_meshes(shape: Tensor, texture: Tensor, camera: Cameras, size: int, band: float) -> tuple[Tensor, Tensor]:
    """Pictures (B, 3, size, size) before black, and how much is covered (B, 1, size, size), of shape images."""
    mesh = disc_mesh(shape.shape[-1])
    black = shape.new_zeros(len(shape), 3, size, size)
    faces, uv = mesh.faces.to(shape.device), mesh.uv.to(shape)
    seen = render_mesh(vertices_of(shape, mesh), faces, texture, uv, black, camera, MeshSettings(size, band))
    return seen.image, seen.alpha


def _terms(
    image: Tensor | float = 0.0, mask_error: Tensor | float = 0.0, reflectance: Tensor | float = 0.0
) -> ComparedTerms:
    parts = [torch.as_tensor(part) for part in (image, mask_error, reflectance)]
    return ComparedTerms(sum(parts), *(part.detach() for part in parts))
