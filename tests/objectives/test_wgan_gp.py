import pytest
import torch

from inverse_graphics.objectives.wgan_gp import PENALTY_WEIGHT, critic_terms, gradient_penalty


def pairs(seed, batch=4):
    generator = torch.Generator().manual_seed(seed)
    draw = {"generator": generator, "dtype": torch.float64}
    return torch.rand(batch, 3, 4, 4, **draw), torch.randn(batch, 5, **draw)


@pytest.mark.parametrize(("image_slope", "latent_slope"), [(0.3, 0.0), (0.0, 0.3), (0.6, 0.8), (2.0, 1.5)])
def test_a_linear_critic_pays_for_its_slope_over_image_and_latent_together(image_slope, latent_slope):
    """D = a·x + b·z has the gradient (a, b) everywhere, of length √(‖a‖² + ‖b‖²)."""

    def critic(images, latents):
        return image_slope * images.flatten(1).sum(1) / 48**0.5 + latent_slope * latents.sum(1) / 5**0.5

    penalty = gradient_penalty(critic, pairs(0), pairs(1), torch.rand(4, dtype=torch.float64))
    slope = (image_slope**2 + latent_slope**2) ** 0.5
    assert penalty.item() == pytest.approx((slope - 1) ** 2)


def test_the_gradient_is_taken_between_the_pairs_where_mix_says():
    """D = ½‖x‖² has the gradient x: the penalty tells where it was taken."""
    real, fake = pairs(0), pairs(1)
    mix = torch.tensor([0.0, 0.25, 0.5, 1.0], dtype=torch.float64)
    penalty = gradient_penalty(
        lambda images, latents: 0.5 * images.square().sum((1, 2, 3)) + 0 * latents.sum(1), real, fake, mix
    )
    share = mix.view(-1, 1, 1, 1)
    points = share * real[0] + (1 - share) * fake[0]
    assert penalty.item() == pytest.approx((points.flatten(1).norm(dim=1) - 1).square().mean().item())


def test_the_penalty_trains_the_critic_and_nobody_else():
    weight = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    real, fake = pairs(0), pairs(1)
    fake[0].requires_grad_()
    penalty = gradient_penalty(
        lambda x, z: weight * (x.flatten(1).sum(1) + z.sum(1)), real, fake, torch.rand(4).double()
    )
    penalty.backward()
    length = 53**0.5  # of the gradient of the sum of 48 + 5 numbers
    assert weight.grad.item() == pytest.approx(2 * (3 * length - 1) * length)
    assert fake[0].grad is None


def test_total_is_lambda_times_penalty_minus_distance():
    terms = critic_terms(torch.tensor([3.0, 5.0]), torch.tensor([1.0, 1.0]), torch.tensor(0.25))
    assert (terms.distance, terms.penalty) == (3, 0.25)
    assert terms.total.item() == pytest.approx(PENALTY_WEIGHT * 0.25 - 3)
    assert critic_terms(torch.ones(1), torch.ones(1), torch.ones(()), weight=2.0).total == 2


def test_pairs_that_differ_are_refused():
    real, fake = pairs(0), pairs(1, batch=3)
    with pytest.raises(ValueError, match=r"images: expected one shape, got real \(4, 3, 4, 4\), fake \(3, 3, 4, 4\)"):
        gradient_penalty(None, real, fake, torch.rand(4))
    with pytest.raises(ValueError, match="mix: expected shape"):
        gradient_penalty(None, real, pairs(1), torch.rand(3))
