import pytest
import torch

from inverse_graphics.objectives.ali import ali, mean_squared_error, outside_band
from inverse_graphics.objectives.wgan_gp import critic_terms


def scalar(value):
    return torch.tensor(float(value))


def test_players_and_critic_want_the_opposite():
    real, fake = torch.tensor([2.0, 4.0]), torch.tensor([1.0, 0.0])
    terms = ali(real, fake, scalar(0), scalar(0), scalar(0))
    assert terms.total == terms.adversarial == 2.5
    assert critic_terms(real, fake, scalar(0)).total == -terms.adversarial


def test_encoder_lowers_its_own_score_and_decoder_raises_its_own():
    real, fake = torch.zeros(2, requires_grad=True), torch.zeros(2, requires_grad=True)
    ali(real, fake, scalar(0), scalar(0), scalar(0)).total.backward()
    assert (real.grad > 0).all() and (fake.grad < 0).all()  # a step goes against the gradient


def test_total_is_the_weighted_sum_and_equation_4_is_unweighted():
    terms = ali(torch.zeros(1), torch.zeros(1), scalar(2), scalar(3), scalar(4))
    assert terms.total.item() == pytest.approx(2 + 3 + 0.05 * 4)
    weighted = ali(
        torch.ones(1), torch.zeros(1), scalar(2), scalar(3), scalar(4),
        adversarial_weight=7, image_weight=10, latent_weight=0.5, band_weight=1,
    )  # fmt: skip
    assert weighted.total.item() == pytest.approx(7 + 20 + 1.5 + 4)
    assert weighted[1:] == (1, 2, 3, 4)  # terms are kept unweighted


def test_band_is_free_inside_and_quadratic_beyond():
    depth = torch.full((2, 1, 2, 2), 1.0)
    assert outside_band(depth, 0.1, 3.1) == 0
    depth[0, 0, 0, 0], depth[1, 0, 0, 0] = -0.1, 3.5
    assert outside_band(depth, 0.1, 3.1).item() == pytest.approx((0.2**2 + 0.4**2) / 8)


def test_errors_are_means_over_all_elements():
    assert mean_squared_error(torch.zeros(2, 3), torch.full((2, 3), 0.5)) == 0.25
    with pytest.raises(ValueError, match=r"others: expected the shape of values \(2, 3\), got \(3,\)"):
        mean_squared_error(torch.zeros(2, 3), torch.zeros(3))
