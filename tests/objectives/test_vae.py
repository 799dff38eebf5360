import pytest
import torch
from torch.distributions import Normal, kl_divergence

from inverse_graphics.models.voxels import Posterior, Reconstruction
from inverse_graphics.objectives.vae import beta_vae, gaussian_kl, squared_error, vae


def some_reconstruction(texture=False):
    draw = torch.Generator().manual_seed(0)
    posterior = Posterior(torch.randn(4, 3, generator=draw), torch.randn(4, 3, generator=draw))
    images = torch.rand(3, 4, 1, 28, 28, generator=draw)
    voxels = torch.zeros(4, 28, 28, 28)
    return images[0], Reconstruction(posterior, posterior.mean, voxels, images[1], images[2] if texture else None)


def test_kl_equals_torch_distributions_and_is_zero_at_the_prior():
    mean, log_variance = torch.randn(2, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(gaussian_kl(mean, log_variance), expected)
    assert gaussian_kl(torch.zeros(1, 4), torch.zeros(1, 4)) == 0


def test_kl_gradient():
    mean, log_variance = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(gaussian_kl, (mean.requires_grad_(), log_variance.requires_grad_()))


def test_squared_error_is_summed_over_pixels_and_averaged_over_the_batch():
    images, others = torch.zeros(2, 1, 3, 3), torch.zeros(2, 1, 3, 3)
    others[0] += 0.5  # nine pixels, 0.25 each, in one of two images
    assert squared_error(images, others).item() == pytest.approx(9 * 0.25 / 2)
    with pytest.raises(ValueError, match="others: expected the shape of images"):
        squared_error(images, others[:1])


def test_totals_are_the_sums_of_their_terms():
    images, reconstruction = some_reconstruction(texture=True)
    terms = vae(images, reconstruction)
    assert terms.texture_error > 0
    torch.testing.assert_close(terms.total, terms.projection_error + terms.texture_error + terms.kl)
    heavy = beta_vae(images, reconstruction)
    torch.testing.assert_close(heavy.total - terms.total, 29 * terms.kl)


def test_without_a_texturizer_its_error_is_zero():
    images, reconstruction = some_reconstruction()
    assert vae(images, reconstruction).texture_error == 0
