"""Adversarial autoencoder on projections of voxels (Uçar 2019, Table 1, row 3; Makhzani et al. 2015). Minimised.

Table 1's λ·KL(q(z) ‖ p(z)) over the aggregate posterior q(z) has no closed form; a discriminator stands for it. Two
Adam steps an iteration: first the discriminator, then the autoencoder on reconstruction plus λ × what the discriminator
says of the encodings. Often the encoder's adversarial step is taken apart; but Adam's steps do not depend on the scale
of a loss, so λ would then weigh nothing, and Table 1 has it in one sum.

The paper gives neither λ nor the discriminator. Two hidden layers of 1000, λ of 1 or less and a deterministic encoder
(one of the three that Makhzani et al. offer: z = μ) are this project's choice: with λ = 10 the discriminator wins over
the pictures, whether the posterior is sampled or not; notebook 01 has the numbers.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.models.voxels import Reconstruction
from inverse_graphics.objectives.vae import reconstruction_errors

LAMBDA = 1.0


class AAETerms(NamedTuple):
    """`total` = `projection_error` + `texture_error` + λ·(`generator` + `azimuth_generator`); the last is 0 where the
    azimuth is not an output of the encoder."""

    total: Tensor
    projection_error: Tensor
    texture_error: Tensor
    generator: Tensor
    azimuth_generator: Tensor


def aae(
    images: Tensor,
    reconstruction: Reconstruction,
    posterior_logits: Tensor,
    azimuth_logits: Tensor | None = None,
    *,
    weight: float = LAMBDA,
) -> AAETerms:
    """−L_α of Table 1, the autoencoder's part.

    Args:
        images: (B, 1, H, W) in [0, 1].
        reconstruction: the model's output for them.
        posterior_logits: (B,) the discriminator's logits for `reconstruction.latent`.
        azimuth_logits: (B,) what a discriminator of its own says of the encoded azimuths against U(−1, 1) (Sec. 4.2).
        weight: λ. Raising it tightens q(z) to the prior and blurs reconstructions.
    """
    projection_error, texture_error = reconstruction_errors(images, reconstruction)
    generator = generator_loss(posterior_logits)
    azimuth = generator.new_zeros(()) if azimuth_logits is None else generator_loss(azimuth_logits)
    total = projection_error + texture_error + weight * (generator + azimuth)
    return AAETerms(total, projection_error, texture_error, generator, azimuth)


def discriminator_loss(prior_logits: Tensor, posterior_logits: Tensor) -> Tensor:
    """Mean binary cross-entropy of telling prior draws (1) from encodings (0), both (B,); log 2 when it cannot."""
    ones, zeros = torch.ones_like(prior_logits), torch.zeros_like(posterior_logits)
    real = F.binary_cross_entropy_with_logits(prior_logits, ones)
    return 0.5 * (real + F.binary_cross_entropy_with_logits(posterior_logits, zeros))


def generator_loss(posterior_logits: Tensor) -> Tensor:
    """The non-saturating loss of encodings, (B,) logits, that want to pass for prior draws; log 2 when they half do."""
    return F.binary_cross_entropy_with_logits(posterior_logits, torch.ones_like(posterior_logits))
