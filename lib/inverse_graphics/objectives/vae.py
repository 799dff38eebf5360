"""VAE and β-VAE on projections of voxels (Uçar 2019, Table 1, rows 1 and 2; Eq. 3). Everything here is minimised.

The likelihood is a Gaussian whose −log is, up to a constant, the squared error **summed** over the pixels of an image
and averaged over the batch. Sum or mean over pixels matters: it is what β = 30 weighs against.
"""

from typing import NamedTuple

from torch import Tensor

from inverse_graphics.checks import require_tensor
from inverse_graphics.models.voxels import Reconstruction

BETA = 30.0  # Uçar 2019, Sec. 3.4


class VAETerms(NamedTuple):
    """`total` = `projection_error` + `texture_error` + β·`kl`; errors are squared, summed per image, batch means."""

    total: Tensor
    projection_error: Tensor
    texture_error: Tensor
    kl: Tensor


def vae(images: Tensor, reconstruction: Reconstruction, *, beta: float = 1.0) -> VAETerms:
    """−L_e of Table 1: reconstruction error plus KL(q(z|x) ‖ N(0, I)).

    Args:
        images: (B, 1, H, W) in [0, 1].
        reconstruction: the model's output for them.
        beta: weight of the KL term. Raising it empties the latent: codes near the prior, blurred pictures.
    """
    projection_error, texture_error = reconstruction_errors(images, reconstruction)
    kl = gaussian_kl(reconstruction.posterior.mean, reconstruction.posterior.log_variance).mean()
    return VAETerms(projection_error + texture_error + beta * kl, projection_error, texture_error, kl)


def beta_vae(images: Tensor, reconstruction: Reconstruction, *, beta: float = BETA) -> VAETerms:
    """−L_β of Table 1: the VAE with its KL term multiplied by β = 30."""
    return vae(images, reconstruction, beta=beta)


def reconstruction_errors(images: Tensor, reconstruction: Reconstruction) -> tuple[Tensor, Tensor]:
    """Eq. (3): squared errors of the projection and of the texture (0 without a texturizer), both against the input."""
    projection = squared_error(images, reconstruction.projection)
    if reconstruction.texture is None:
        return projection, projection.new_zeros(())
    return projection, squared_error(images, reconstruction.texture)


def squared_error(images: Tensor, others: Tensor) -> Tensor:
    """‖x − x'‖² summed over the pixels of each image, mean over the batch."""
    require_tensor("images", images, "B C H W")
    if others.shape != images.shape:
        raise ValueError(f"others: expected the shape of images {tuple(images.shape)}, got {tuple(others.shape)}")
    return (images - others).square().sum((1, 2, 3)).mean()


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, I)) in nats, (B, Z), (B, Z) → (B,):  ½ Σ_d (μ² + σ² − log σ² − 1)."""
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1)
