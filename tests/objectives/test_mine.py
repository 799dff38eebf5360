import math

import pytest
import torch

from inverse_graphics.models.mutual_information import StatisticsNetwork
from inverse_graphics.objectives.mine import RATE, moving_log_average, mutual_information, shuffled


def gaussians(correlation, count, generator):
    """Two columns of a normal distribution each, of a known correlation."""
    first, noise = torch.randn(2, count, 1, generator=generator)
    return first, correlation * first + (1 - correlation**2) ** 0.5 * noise


def scores(network, scene, view, generator, repeats=1):
    apart = shuffled(scene, view, torch.rand(len(scene), repeats, generator=generator))
    return network(scene, view), network(*apart)


def learn(draw, generator, steps, batch=256, encoder=None):
    """A statistics network that climbs; and an encoder's optimiser, if there is one, that descends through it."""
    torch.manual_seed(0)
    network, average = StatisticsNetwork(1, 1, (32, 32)), torch.zeros(())
    climber = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(steps):
        scene, view = draw(batch)
        joint, marginal = scores(network, scene.detach(), view.detach(), generator)
        average = moving_log_average(average, marginal)
        climber.zero_grad()
        (-mutual_information(joint, marginal, average)).backward()
        climber.step()
        if encoder:
            encoder.zero_grad()
            mutual_information(*scores(network, scene, view, generator)).backward()
            encoder.step()
    return network


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.9])
def test_mine_finds_the_information_of_correlated_gaussians(correlation):
    """I = −½ log(1 − ρ²)."""
    generator = torch.Generator().manual_seed(0)
    network = learn(lambda count: gaussians(correlation, count, generator), generator, 350)
    with torch.no_grad():
        found = mutual_information(*scores(network, *gaussians(correlation, 20_000, generator), generator, 4)).item()
    assert found == pytest.approx(-0.5 * math.log(1 - correlation**2), abs=0.06)


@pytest.mark.parametrize("detached", [False, True])
def test_an_encoder_unlearns_the_information_only_if_the_gradient_comes_to_it(detached):
    generator = torch.Generator().manual_seed(0)
    weight = torch.tensor(1.0, requires_grad=True)  # of the scene within the view

    def draw(count):
        scene, noise = torch.randn(2, count, 1, generator=generator)
        view = weight * scene + noise
        return scene, view.detach().requires_grad_() if detached else view  # a leaf of its own: the gradient ends there

    learn(draw, generator, 200, encoder=torch.optim.Adam([weight], 1e-2))  # faster, it swings about 0
    assert weight.item() == 1 if detached else abs(weight.item()) < 0.3


def test_the_best_statistic_gives_the_information_exactly():
    """T = log p(s, v) / p(s) p(v) of a table, each cell as often as it is likely."""
    table = torch.tensor([[3, 1], [0, 4]], dtype=torch.float64)
    chances = table / table.sum()
    apart = chances.sum(1, keepdim=True) * chances.sum(0)
    best = (chances / apart).log()
    joint = best.flatten().repeat_interleave(table.flatten().long())
    marginal = best.flatten().repeat_interleave((apart * 64).round().flatten().long())
    expected = torch.xlogy(chances, chances / apart).sum()
    torch.testing.assert_close(mutual_information(joint, marginal), expected)
    torch.testing.assert_close(mutual_information(joint + 3, marginal + 3), expected)  # a constant says nothing


def test_the_correction_changes_the_gradient_and_not_the_value():
    joint, marginal = torch.randn(2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    marginal.requires_grad_()
    plain = mutual_information(joint, marginal)
    (expected,) = torch.autograd.grad(plain, marginal)
    torch.testing.assert_close(expected, -marginal.detach().softmax(0))
    own = marginal.detach().logsumexp(0) - math.log(6)
    for shift in (0.0, 0.7):  # an average e^0.7 times as large counts that much less
        corrected = mutual_information(joint, marginal, own + shift)
        assert corrected.item() == pytest.approx(plain.item())
        (gradient,) = torch.autograd.grad(corrected, marginal)
        torch.testing.assert_close(gradient, math.exp(-shift) * expected)
    assert torch.autograd.gradcheck(mutual_information, (joint.requires_grad_(), marginal))


def test_the_average_moves_by_its_rate():
    marginal = torch.tensor([1.0, 2.0, 4.0]).log()
    moved = moving_log_average(torch.tensor(5.0).log(), marginal, rate=0.25)
    assert moved.exp().item() == pytest.approx(0.75 * 5 + 0.25 * 7 / 3)
    average = torch.zeros(())
    for _ in range(round(8 / RATE)):
        average = moving_log_average(average, marginal)
    assert average.exp().item() == pytest.approx(7 / 3, rel=1e-2)


def test_pairs_are_parted_and_the_parts_stay():
    scene, view = torch.arange(50.0)[:, None].expand(-1, 3), torch.arange(50.0)[:, None]
    other_scene, other_view = shuffled(scene, view, torch.rand(50, 4, generator=torch.Generator().manual_seed(0)))
    assert other_scene.shape == (200, 3) and other_view.shape == (200, 1)
    assert torch.equal(other_scene, scene.repeat(4, 1))
    for part in other_view.split(50):
        assert torch.equal(part.sort(0).values, view) and (part == view).sum() < 8
    assert len({tuple(part.flatten().tolist()) for part in other_view.split(50)}) == 4


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="joint: expected shape"):
        mutual_information(torch.ones(2, 2), torch.ones(2))
    with pytest.raises(ValueError, match="marginal: expected shape"):
        mutual_information(torch.ones(2), torch.ones(2, 2))
    with pytest.raises(ValueError, match="chances: expected shape"):
        shuffled(torch.ones(3, 2), torch.ones(3, 1), torch.ones(2, 1))
    with pytest.raises(ValueError, match="view: expected shape"):
        shuffled(torch.ones(3, 2), torch.ones(2, 1), torch.ones(3, 1))
