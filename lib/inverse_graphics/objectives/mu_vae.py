"""μ-VAE on projections of voxels (Uçar 2019, Table 1, row 4). Everything here is minimised.

The paper prints, to be maximised,

    L_μ = E[log p(x|z)] − 1/B ( |Σ_i Σ_d μ| + |Σ_i Σ_d μ_θ| + Σ_i Σ_d log σ² + log σ_θ² )

which cannot be meant: without bars around the last sum, making every σ² smaller raises L_μ without end, and the model
becomes a plain autoencoder. The authors' code takes the absolute value of that sum, too, and so does `mu_vae` here;
`mu_vae_as_printed` keeps the print, to show what it does. Either way only means over the batch are held: single samples
may spread out, which is the point of the μ-VAE.
"""

from typing import NamedTuple

from torch import Tensor

from inverse_graphics.models.voxels import Posterior, Reconstruction
from inverse_graphics.objectives.vae import reconstruction_errors


class MuVAETerms(NamedTuple):
    """`total` is the sum of the others. `mean_term` and `log_variance_term` are over the shape latent and, where one is
    given, the azimuth latent."""

    total: Tensor
    projection_error: Tensor
    texture_error: Tensor
    mean_term: Tensor
    log_variance_term: Tensor


def mu_vae(images: Tensor, reconstruction: Reconstruction, azimuth: Posterior | None = None) -> MuVAETerms:
    """−L_μ with the authors' code's bars: |mean_B Σ_d μ| + |mean_B Σ_d log σ²|, for shape and azimuth latents.

    Args:
        images: (B, 1, H, W) in [0, 1].
        reconstruction: the model's output for them.
        azimuth: posterior of the azimuth latent, if there is one.
    """
    posteriors = [reconstruction.posterior] + ([] if azimuth is None else [azimuth])
    mean_term = sum(_batch_mean(p.mean).abs() for p in posteriors)
    log_variance_term = sum(_batch_mean(p.log_variance).abs() for p in posteriors)
    return _terms(images, reconstruction, mean_term, log_variance_term)


def mu_vae_as_printed(images: Tensor, reconstruction: Reconstruction, azimuth: Posterior | None = None) -> MuVAETerms:
    """−L_μ as Table 1 prints it: no bars around the sum of log σ². Unbounded below; for showing that."""
    posteriors = [reconstruction.posterior] + ([] if azimuth is None else [azimuth])
    mean_term = sum(_batch_mean(p.mean).abs() for p in posteriors)
    log_variance_term = sum(_batch_mean(p.log_variance) for p in posteriors)
    return _terms(images, reconstruction, mean_term, log_variance_term)


def _terms(images: Tensor, reconstruction: Reconstruction, mean_term: Tensor, log_variance_term: Tensor) -> MuVAETerms:
    projection_error, texture_error = reconstruction_errors(images, reconstruction)
    total = projection_error + texture_error + mean_term + log_variance_term
    return MuVAETerms(total, projection_error, texture_error, mean_term, log_variance_term)


def _batch_mean(values: Tensor) -> Tensor:
    return values.sum(1).mean()  # 1/B Σ_i Σ_d, for (B, Z)
