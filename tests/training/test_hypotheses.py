import math

import pytest
import torch

from inverse_graphics.models.azimuths import AzimuthHypotheses
from inverse_graphics.renderers.voxels import project_voxels
from inverse_graphics.training.hypotheses import balanced_posterior, fit_mean_shape


def chairs(count, generator):
    """Left-right symmetric chairs of different heights, one view each from one of twelve azimuths."""
    turns = torch.randint(0, 12, (count,), generator=generator)
    pictures = []
    for turn, height in zip(turns, torch.randint(-2, 3, (count,), generator=generator), strict=True):
        voxels = torch.zeros(1, 28, 28, 28)
        voxels[0, 8:20, 16:18, 8:20] = 1  # seat
        voxels[0, 18:20, 6 + height : 16, 8:20] = 1  # back rest, away from the viewer at azimuth 0
        for depth in (8, 18):
            for width in (8, 18):
                voxels[0, depth : depth + 2, 18:25, width : width + 2] = 1
        pictures.append((project_voxels(voxels, turn.item() * math.pi / 6) > 0.5).float())
    return torch.cat(pictures), turns


def test_unknown_azimuths_of_chairs_are_found_up_to_what_silhouettes_leave_open():
    images, turns = chairs(150, torch.Generator().manual_seed(0))
    hypotheses = AzimuthHypotheses()
    error = fit_mean_shape(
        images, hypotheses, generator=torch.Generator().manual_seed(1), symmetric=True, progress=False
    )
    assert error < 0.8 * images.flatten(1).var(0).sum()  # one shape, many heights: better than the mean picture
    guess = hypotheses(images).argmax(1)
    rates = []
    for offset in range(12):  # which way is front is the model's own choice
        turned = (guess - offset) % 12
        # Of a symmetric shape, the silhouettes from θ and from π − θ are the same.
        rates.append(((turned == turns) | (turned == (6 - turns) % 12)).float().mean().item())
    assert max(rates) > 0.5  # a guess is right in 1/6


def test_it_is_the_same_for_the_same_seed():
    images, _ = chairs(20, torch.Generator().manual_seed(0))
    made = [AzimuthHypotheses(), AzimuthHypotheses()]
    for each in made:
        fit_mean_shape(images, each, generator=torch.Generator().manual_seed(2), symmetric=False, progress=False)
    assert torch.equal(made[0].voxels, made[1].voxels)


def test_a_balanced_posterior_uses_all_azimuths_alike():
    errors = torch.rand(60, 12, generator=torch.Generator().manual_seed(0)) * 10
    errors[:, 3] -= 30  # one azimuth that attracts all
    posterior = balanced_posterior(errors, 4.0, rounds=200)
    torch.testing.assert_close(posterior.sum(1), torch.ones(60))
    torch.testing.assert_close(posterior.sum(0), torch.full((12,), 5.0), rtol=0.05, atol=0)


def test_bad_pictures_are_named():
    with pytest.raises(ValueError, match="images: expected shape"):
        fit_mean_shape(torch.zeros(3, 28, 28), AzimuthHypotheses(), generator=torch.Generator(), symmetric=True)
