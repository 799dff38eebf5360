"""The game of StyleGAN (Karras et al. 2019), which the mesh paper plays with its default settings: the non-saturating
loss (Goodfellow et al. 2014) with the R1 penalty (Mescheder et al. 2018).

The paper's Eq. (5) is the log-loss of the minimax game; "default settings" are these.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.checks import require_tensor

GAMMA = 10.0  # of R1, StyleGAN's default


def generator_loss(fake_scores: Tensor) -> Tensor:
    """−log σ(D(G(z))), mean over scores (B,): never flat where the discriminator wins."""
    return F.softplus(-require_tensor("fake_scores", fake_scores, "B")).mean()


def discriminator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """−log σ(D(x)) − log(1 − σ(D(G(z)))), means over scores (B,) and (B',); 2 log 2 for one that cannot tell."""
    real, fake = require_tensor("real_scores", real_scores, "B"), require_tensor("fake_scores", fake_scores, "B")
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def r1_penalty(discriminator: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    """½ E[‖∇D(x)‖²] over real pictures (B, C, H, W), without γ; with gradients to the discriminator's weights."""
    pictures = require_tensor("pictures", pictures, "B C H W").detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(pictures).sum(), pictures, create_graph=True)
    return 0.5 * slope.square().flatten(1).sum(1).mean()
