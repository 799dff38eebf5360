import math

import pytest
import torch

from inverse_graphics.objectives.non_saturating import discriminator_loss, generator_loss, r1_penalty


def test_losses_are_their_logarithms():
    real, fake = torch.tensor([2.0, -1.0]).double(), torch.tensor([0.5, -3.0]).double()
    expected = -(real.sigmoid().log().mean() + (1 - fake.sigmoid()).log().mean())
    assert discriminator_loss(real, fake).item() == pytest.approx(expected.item())
    assert generator_loss(fake).item() == pytest.approx(-fake.sigmoid().log().mean().item())
    assert discriminator_loss(torch.zeros(3), torch.zeros(3)).item() == pytest.approx(2 * math.log(2))


def test_a_generator_that_is_seen_through_still_learns():
    scores = torch.tensor([-20.0], requires_grad=True)
    generator_loss(scores).backward()
    assert scores.grad.item() == pytest.approx(-1, abs=1e-6)


def test_the_penalty_is_half_the_squared_slope_and_reaches_the_weights():
    weight = torch.tensor([1.0, 2.0, -2.0], requires_grad=True)
    pictures = torch.rand(4, 3, 2, 2)
    penalty = r1_penalty(lambda x: (x * weight[:, None, None]).sum((1, 2, 3)), pictures)
    assert penalty.item() == pytest.approx(0.5 * 4 * 9)  # four pixels, squared weights 1 + 4 + 4
    penalty.backward()
    torch.testing.assert_close(weight.grad, 4 * weight.detach())


def test_wrong_shapes_are_refused():
    for loss in (lambda: generator_loss(torch.zeros(2, 1)), lambda: r1_penalty(torch.sum, torch.zeros(3, 4))):
        with pytest.raises(ValueError, match="expected shape"):
            loss()
