import torch

from inverse_graphics.models.voxels import Posterior, Reconstruction
from inverse_graphics.objectives.mu_vae import mu_vae, mu_vae_as_printed

IMAGES = torch.zeros(2, 1, 28, 28)


def reconstruct(mean, log_variance):
    posterior = Posterior(torch.tensor(mean), torch.tensor(log_variance))
    return Reconstruction(posterior, posterior.mean, torch.zeros(2, 28, 28, 28), IMAGES, None)


def test_only_batch_means_are_held():
    spread = reconstruct([[5.0, -3.0], [-4.0, 2.0]], [[1.0, -2.0], [3.0, -2.0]])
    assert mu_vae(IMAGES, spread).total == 0
    shifted = reconstruct([[1.0, 2.0], [0.0, 1.0]], [[-1.0, -2.0], [-3.0, 0.0]])
    terms = mu_vae(IMAGES, shifted)
    assert terms.mean_term == 2 and terms.log_variance_term == 3  # |1/2 Σ_i Σ_d|
    assert terms.total == 5


def test_an_azimuth_latent_adds_terms_of_its_own():
    shape = reconstruct([[1.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]])
    azimuth = Posterior(torch.tensor([[-3.0], [-1.0]]), torch.tensor([[0.5], [0.5]]))
    terms = mu_vae(IMAGES, shape, azimuth)
    assert terms.mean_term == 1 + 2  # absolute values are taken apart: +1 and −2 do not cancel
    assert terms.log_variance_term == 0.5


def test_as_printed_it_has_no_lower_bound():
    totals = [
        mu_vae_as_printed(IMAGES, reconstruct([[0.0, 0.0]] * 2, [[-s, -s]] * 2)).total.item()
        for s in (1.0, 10.0, 100.0)
    ]
    assert totals == [-2.0, -20.0, -200.0]
