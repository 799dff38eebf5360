"""Is it a head with one face? How alike its views are, inside the oval that heads fill, and how well a solid head tells
from where photographs are taken."""

import math
from typing import Any

import torch
from torch import Tensor

from inverse_graphics.checks import require_range, require_tensor
from inverse_graphics.datasets import ImageSet
from inverse_graphics.models.voxels import HEAD_EDGE, HEAD_RADII, HEAD_RELIEF, SIDE, Head, VoxelAutoencoder, view

TURNS = torch.arange(12) * (2 * math.pi / 12)
JUDGED = 256  # test pictures


def oval() -> Tensor:
    """(28, 28) bool: what the assumed head covers from the front, less a cell all round, where its edge is."""
    down, across = torch.meshgrid([torch.arange(SIDE) - (SIDE - 1) / 2] * 2, indexing="ij")
    return (down / (HEAD_RADII[1] - 1)).square() + (across / (HEAD_RADII[2] - 1)).square() < 1


def likeness(pictures: Tensor, others: Tensor) -> Tensor:
    """Correlation of the pixels inside the oval: 1 for the same picture, also where one is brighter or has more
    contrast; 0 for pictures that have nothing in common, and where one is all of one grey.

    Args:
        pictures, others: (N, ..., 28, 28) in [0, 1], of shapes that broadcast.

    Returns:
        (N, ...) in [−1, 1].
    """
    values = []
    for name, each in (("pictures", pictures), ("others", others)):
        require_range(name, require_tensor(name, each.flatten(0, -3), f"B {SIDE} {SIDE}"), 0, 1)
        inside = each[..., oval()]
        values.append(inside - inside.mean(-1, keepdim=True))
    norms = values[0].norm(dim=-1) * values[1].norm(dim=-1)
    return (values[0] * values[1]).sum(-1) / norms.clamp_min(1e-6)  # prevents 0/0 for one grey


@torch.no_grad()
def seen_around(model: VoxelAutoencoder, latents: Tensor, fronts: Tensor) -> Tensor:
    """Latents (N, Z) seen from `TURNS`, each counted from its own front (N,) in radians: (N, 12, 28, 28) in [0, 1], the
    grid's middle in the middle."""
    parts = []
    for some, front in zip(latents.split(64), fronts.split(64), strict=True):
        shape = model.decoder(some)
        parts.append(torch.cat([view(shape, front + turn, pivot=0.0).picture for turn in TURNS], 1))
    return torch.cat(parts)


@torch.no_grad()
def judge_heads(model: VoxelAutoencoder, train: ImageSet, test: ImageSet) -> dict[str, Any]:
    """Numbers of solid heads over the first `JUDGED` test pictures; errors are per covered pixel.

    Returns:
        `mse` and its floor, the mean training image; `mse_unturned` if all were seen from azimuth 0; `likeness` of the
        views from `TURNS` to the front, `face` of them to the mean training image, 12 means each; and of the azimuths,
        `mirrored_correlation` between those of pictures and the negative of those of the pictures mirrored, and
        `mirrored_degrees`, the mean absolute difference. `relief_cells`: how far the learnt surface is from the assumed
        ellipsoid's, root mean square, about; near 0 the shape is the assumption and only what is on it was learnt.
    """
    images, mean = test.images[:JUDGED], train.images.mean(0)
    made = model(images)
    numbers = {
        "n": len(images),
        "mse": _covered(made.projection - made.share(images), made.cover),
        "floor_mean_image_mse": _covered((mean - images) * made.cover, made.cover),
    }
    unturned = model(images, azimuth=0.0)
    numbers["mse_unturned"] = _covered(unturned.projection - unturned.share(images), unturned.cover)
    around = seen_around(model, made.latent, torch.zeros(len(images)))
    numbers["likeness"] = likeness(around, around[:, :1]).mean(0).tolist()
    numbers["face"] = likeness(around, mean).mean(0).tolist()
    parts = [_relief_cells(model.decoder(part), model.decoder.ellipsoid) for part in made.latent.split(64)]
    numbers["relief_cells"] = torch.cat(parts).mean().sqrt().item()
    azimuths = made.posterior.azimuth
    if azimuths is not None:
        mirrored = -model.encoder(images.flip(3)).azimuth
        numbers["mirrored_correlation"] = torch.corrcoef(torch.stack((azimuths, mirrored)))[0, 1].item()
        numbers["mirrored_degrees"] = (azimuths - mirrored).abs().mean().rad2deg().item()
    return numbers


def _covered(difference: Tensor, cover: Tensor) -> float:
    return (difference.square().sum((1, 2, 3)) / cover.sum((1, 2, 3))).mean().item()


def _relief_cells(head: Head, ellipsoid: Tensor) -> Tensor:
    """Squared distance (B,) in cells that relief moves the surface by, to first order: the logit over its slope."""
    near = ellipsoid.abs() < HEAD_RELIEF
    slope = HEAD_EDGE / (sum(HEAD_RADII) / 3)
    return (HEAD_RELIEF * head.relief[:, near] / slope).square().mean(1)
