"""Adversarially learned inference on rendered surfels (Pix2Scene 2018, Sec. 3.3; Dumoulin et al. 2016). Minimised.

Decoder and encoder play together against the critic of `objectives.wgan_gp`: the decoder wants its pairs
(rend(G(z)), z) to score high, the encoder wants its pairs (x, E(x)) to score low. To this come the two reconstruction
errors of Eq. (4), as Li et al. 2017 found to help, and a hinge that keeps depth inside the band the camera can see.

Eq. (4) prints squared norms without weights, and the authors' code takes means over pixels, not sums; so do these.
"""

from typing import NamedTuple

from torch import Tensor

from inverse_graphics.checks import require_tensor

BAND_WEIGHT = 0.05  # of the depth hinge, in the authors' code


class ALITerms(NamedTuple):
    """`total` is the sum of the others, each times its weight."""

    total: Tensor
    adversarial: Tensor
    image_error: Tensor
    latent_error: Tensor
    band: Tensor


def ali(
    real_scores: Tensor,
    fake_scores: Tensor,
    image_error: Tensor,
    latent_error: Tensor,
    band: Tensor,
    *,
    adversarial_weight: float = 1.0,
    image_weight: float = 1.0,
    latent_weight: float = 1.0,
    band_weight: float = BAND_WEIGHT,
) -> ALITerms:
    """What encoder and decoder minimise, for a critic that stands still.

    Args:
        real_scores: (B,) of pairs (x, E(x)).
        fake_scores: (B,) of pairs (rend(G(z)), z).
        image_error: ‖x − rend(G(E(x)))‖² of Eq. (4), from `mean_squared_error`.
        latent_error: ‖z − E(rend(G(z)))‖² of Eq. (4).
        band: from `outside_band`.
        adversarial_weight: raising it makes samples from the prior more like the pictures.
        image_weight: raising it makes reconstructions sharper, and samples less like the pictures.
        latent_weight: raising it makes encodings of rendered pictures agree, from wherever they are seen.
    """
    adversarial = real_scores.mean() - fake_scores.mean()
    total = (
        adversarial_weight * adversarial
        + image_weight * image_error
        + latent_weight * latent_error
        + band_weight * band
    )
    return ALITerms(total, adversarial, image_error, latent_error, band)


def mean_squared_error(values: Tensor, others: Tensor) -> Tensor:
    """Mean over all elements of (values − others)², for tensors of one shape."""
    if others.shape != values.shape:
        raise ValueError(f"others: expected the shape of values {tuple(values.shape)}, got {tuple(others.shape)}")
    return (values - others).square().mean()


def outside_band(depth: Tensor, near: float, far: float) -> Tensor:
    """Mean squared distance by which depth (B, 1, H, W) lies outside [near, far]."""
    require_tensor("depth", depth, "B 1 H W")
    return ((near - depth).clamp_min(0) + (depth - far).clamp_min(0)).square().mean()
