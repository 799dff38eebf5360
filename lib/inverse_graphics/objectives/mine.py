"""Mutual information of two parts of a latent, estimated by a network (MINE, Belghazi et al. 2018; Pix2Scene 2018,
Eq. 6).

    I(z_s; z_v) ≥ E_{p(z_s, z_v)}[T] − log E_{p(z_s) p(z_v)}[e^T]      (Donsker & Varadhan)

The statistics network T maximises the right side; an encoder that is to keep the two apart minimises it, for a T that
stands still. For that, the gradient must run through T into the latents: in the authors' code both parts are detached
before T sees them, so there the term trains T and nobody else.

The gradient of the logarithm of a batch's mean is biased, since the mean stands in a denominator: there, as Belghazi
et al. (Sec. 3.2) propose, a moving average over batches takes its place.
"""

import math

import torch
from torch import Tensor

from inverse_graphics.checks import require_tensor

RATE = 0.01  # of the moving average. Raising it forgets sooner


def mutual_information(joint: Tensor, marginal: Tensor, log_average: Tensor | None = None) -> Tensor:
    """Eq. (6) for a given T, in nats. To be maximised by T.

    Args:
        joint: (B,) T of pairs that belong together.
        marginal: (M,) T of pairs that do not, from `shuffled`.
        log_average: scalar, from `moving_log_average`: the value is the same, and the gradient that of
            E[T] − E[e^T] / e^log_average. None leaves the gradient as the value has it.
    """
    require_tensor("joint", joint, "B")
    value = joint.mean() - _log_mean(marginal)
    if log_average is None:
        return value
    corrected = joint.mean() - (marginal - log_average.detach()).exp().mean()
    return value.detach() + corrected - corrected.detach()


def moving_log_average(log_average: Tensor, marginal: Tensor, rate: float = RATE) -> Tensor:
    """log of the moving average of E[e^T], once a batch has come in.

    Args:
        log_average: scalar, from the batch before; 0 to start with, which a T has that knows nothing yet.
        marginal: (M,) T of this batch's shuffled pairs.
        rate: weight of this batch.
    """
    new = _log_mean(marginal.detach())
    return torch.logaddexp(log_average + math.log1p(-rate), new + math.log(rate))


def shuffled(scene: Tensor, view: Tensor, chances: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs as if the two parts were independent: each scene beside views of other pictures of the batch.

    Args:
        scene, view: (B, S) and (B, V), the two parts of the same latents.
        chances: (B, R) evenly drawn in [0, 1]; the order of each column is a permutation. Raising R takes more pairs
            and makes a steadier estimate.

    Returns:
        (R·B, S) and (R·B, V).
    """
    count, repeats = require_tensor("chances", chances, f"{len(scene)} R").shape
    require_tensor("view", view, f"{count} V")
    return scene.repeat(repeats, 1), view[chances.argsort(0).T.flatten()]


def _log_mean(marginal: Tensor) -> Tensor:
    return require_tensor("marginal", marginal, "M").logsumexp(0) - math.log(len(marginal))
