import math

import pytest
import torch

from inverse_graphics.metrics.smoothness import traversal_smoothness


def test_an_even_straight_walk():
    start, end = torch.rand(2, 2, 1, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    walk = start + (end - start) * torch.linspace(0, 1, 6).view(1, 6, 1, 1, 1)
    smoothness = traversal_smoothness(walk)
    apart = (end - start).flatten(1).square().mean(1).sqrt()
    torch.testing.assert_close(smoothness.mean_step, apart / 5)
    torch.testing.assert_close(smoothness.unevenness, torch.ones(2))
    torch.testing.assert_close(smoothness.detour, torch.ones(2))


def test_a_single_jump_a_return_a_corner_and_standing_still():
    jump = torch.tensor([0.0, 0, 0, 1, 1])[None, :, None, None].expand(1, 5, 3, 3)
    found = traversal_smoothness(jump)
    assert [part.item() for part in found] == pytest.approx([1 / 4, 4, 1])
    there_and_back = torch.tensor([0.0, 1, 0])[None, :, None]
    found = traversal_smoothness(there_and_back)
    assert [part.item() for part in found] == [1, 1, math.inf]
    corner = torch.tensor([[0.0, 0], [3, 0], [3, 4]])[None]
    assert traversal_smoothness(corner).detour.item() == pytest.approx(7 / 5)
    assert traversal_smoothness(corner).unevenness.item() == pytest.approx(4 / 3.5)
    still = traversal_smoothness(torch.full((1, 4, 2), 0.3))
    assert [part.item() for part in still] == [0, 1, 1]


def test_each_walk_is_measured_on_its_own():
    walks = torch.rand(3, 5, 2, 6, generator=torch.Generator().manual_seed(0))
    together = traversal_smoothness(walks)
    for b in range(3):
        alone = traversal_smoothness(walks[b : b + 1])
        torch.testing.assert_close(torch.stack(alone)[:, 0], torch.stack(together)[:, b])
        steps = [(walks[b, k + 1] - walks[b, k]).square().mean().sqrt().item() for k in range(4)]
        assert alone.mean_step.item() == pytest.approx(sum(steps) / 4)
        assert alone.unevenness.item() == pytest.approx(max(steps) / (sum(steps) / 4))


@pytest.mark.parametrize(
    "bad",
    [
        torch.zeros(1, 1, 3),
        torch.zeros(4, 3),
        torch.zeros(0, 3, 3),
        torch.full((1, 3, 3), math.nan),
        torch.zeros(1, 3, 3, dtype=torch.bool),
        None,
    ],
)
def test_bad_walks_are_named(bad):
    with pytest.raises(ValueError, match="walks: expected"):
        traversal_smoothness(bad)
