"""Wasserstein GAN with gradient penalty (Gulrajani et al. 2017) on pairs (Pix2Scene 2018, Sec. 3.3.3).

The critic judges an image together with a latent, so both must be interpolated and both count in the gradient's norm.
The paper says that it modifies the penalty "to take into account the bidirectional training" and no more; one of the
authors' branches penalises images and latents together, as here, another images alone.

Scores are high for what the critic takes for real: a picture with its encoding. Everything here is minimised.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from inverse_graphics.checks import require_tensor

PENALTY_WEIGHT = 10.0  # λ of Gulrajani et al. 2017


class CriticTerms(NamedTuple):
    """`total` = λ·`penalty` − `distance`. `distance` is the critic's estimate of the Wasserstein-1 distance between the
    two joint distributions, up to the Lipschitz constant that `penalty` holds near 1."""

    total: Tensor
    distance: Tensor
    penalty: Tensor


def critic_terms(
    real_scores: Tensor, fake_scores: Tensor, penalty: Tensor, *, weight: float = PENALTY_WEIGHT
) -> CriticTerms:
    """What the critic minimises.

    Args:
        real_scores: (B,) of pairs (x, E(x)).
        fake_scores: (B,) of pairs (rend(G(z)), z).
        penalty: from `gradient_penalty`.
        weight: λ. Raising it holds the critic closer to slope 1, and slows what it can learn.
    """
    distance = real_scores.mean() - fake_scores.mean()
    return CriticTerms(weight * penalty - distance, distance, penalty)


def gradient_penalty(
    critic: Callable[[Tensor, Tensor], Tensor],
    real: tuple[Tensor, Tensor],
    fake: tuple[Tensor, Tensor],
    mix: Tensor,
) -> Tensor:
    """Mean of (‖∇D‖₂ − 1)² at points between real and fake pairs; the norm is over image and latent together.

    Args:
        critic: images (B, C, H, W), latents (B, Z) → scores (B,).
        real, fake: pairs of images and latents; no gradient flows into them.
        mix: (B,) in [0, 1], how much of `real` each point has, the same for its image and its latent.

    Raises:
        ValueError: real and fake differ in shape.
    """
    points = []
    for name, here, there in zip(("images", "latents"), real, fake, strict=True):
        if here.shape != there.shape:
            raise ValueError(f"{name}: expected one shape, got real {tuple(here.shape)}, fake {tuple(there.shape)}")
        require_tensor("mix", mix, str(len(here)))
        share = mix.view(-1, *(1,) * (here.dim() - 1))
        points.append(torch.lerp(there.detach(), here.detach(), share).requires_grad_())
    gradients = torch.autograd.grad(critic(*points).sum(), points, create_graph=True)
    norm = torch.cat([gradient.flatten(1) for gradient in gradients], 1).norm(dim=1)
    return (norm - 1).square().mean()
