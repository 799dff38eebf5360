import math

import pytest
import torch

from inverse_graphics.models.voxels import Posterior, Reconstruction
from inverse_graphics.objectives.aae import aae, discriminator_loss, generator_loss


def test_an_undecided_discriminator_pays_log_2():
    zeros = torch.zeros(5)
    assert discriminator_loss(zeros, zeros).item() == pytest.approx(math.log(2))
    assert generator_loss(zeros).item() == pytest.approx(math.log(2))


def test_each_side_wants_what_the_other_does_not():
    sure = torch.full((3,), 8.0)
    assert discriminator_loss(sure, -sure) < 1e-3 < generator_loss(-sure)
    assert generator_loss(sure) < 1e-3 < discriminator_loss(sure, sure)


def test_total_is_equation_3_plus_lambda_times_the_adversarial_term():
    images = torch.zeros(2, 1, 28, 28)
    posterior = Posterior(torch.zeros(2, 3), torch.zeros(2, 3))
    reconstruction = Reconstruction(posterior, posterior.mean, torch.zeros(2, 28, 28, 28), images + 1, images + 0.5)
    terms = aae(images, reconstruction, torch.zeros(2), weight=3.0)
    assert (terms.projection_error, terms.texture_error) == (784, 196)
    assert terms.total.item() == pytest.approx(980 + 3 * math.log(2))
