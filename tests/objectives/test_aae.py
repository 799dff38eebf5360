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
    assert generator_loss(-sure, weight=2.0).item() == pytest.approx(2 * generator_loss(-sure).item())


def test_reconstruction_step_is_equation_3():
    images = torch.zeros(2, 1, 28, 28)
    posterior = Posterior(torch.zeros(2, 3), torch.zeros(2, 3))
    voxels = torch.zeros(2, 28, 28, 28)
    terms = aae(images, Reconstruction(posterior, posterior.mean, voxels, images + 1, images + 0.5))
    assert (terms.projection_error, terms.texture_error) == (784, 196)
    assert terms.total == 980
