"""Adversarial autoencoder on projections of voxels (Uçar 2019, Table 1, row 3; Makhzani et al. 2015). Minimised.

Table 1's λ·KL(q(z) ‖ p(z)) over the aggregate posterior q(z) has no closed form; a discriminator stands for it. Three
Adam steps an iteration: reconstruction (encoder, decoder), discriminator, and the encoder as generator. The paper gives
neither λ nor the discriminator: λ = 1 and two hidden layers of 1000 are this project's choice.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.models.voxels import Reconstruction
from inverse_graphics.objectives.vae import reconstruction_errors

LAMBDA = 1.0


class AAETerms(NamedTuple):
    """`total` = `projection_error` + `texture_error`, the reconstruction step's objective; the adversarial terms have
    steps of their own."""

    total: Tensor
    projection_error: Tensor
    texture_error: Tensor


def aae(images: Tensor, reconstruction: Reconstruction) -> AAETerms:
    """The reconstruction step of L_α of Table 1."""
    projection_error, texture_error = reconstruction_errors(images, reconstruction)
    return AAETerms(projection_error + texture_error, projection_error, texture_error)


def discriminator_loss(prior_logits: Tensor, posterior_logits: Tensor) -> Tensor:
    """Mean binary cross-entropy of telling prior draws (1) from encodings (0), both (B,); log 2 when it cannot."""
    ones, zeros = torch.ones_like(prior_logits), torch.zeros_like(posterior_logits)
    real = F.binary_cross_entropy_with_logits(prior_logits, ones)
    return 0.5 * (real + F.binary_cross_entropy_with_logits(posterior_logits, zeros))


def generator_loss(posterior_logits: Tensor, *, weight: float = LAMBDA) -> Tensor:
    """λ × the non-saturating loss of encodings that want to pass for prior draws. Raising λ tightens q(z) to p(z)."""
    return weight * F.binary_cross_entropy_with_logits(posterior_logits, torch.ones_like(posterior_logits))
