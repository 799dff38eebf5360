import math

import pytest
import torch

from inverse_graphics.models.azimuths import (
    AzimuthHypotheses,
    AzimuthLatent,
    carve,
    front_azimuth,
    likely_azimuth,
    squared_errors,
)
from inverse_graphics.models.voxels import VoxelAutoencoder, VoxelAutoencoderSettings
from inverse_graphics.renderers.voxels import project_voxels


def corner():
    """A shape that looks different from every side: a post at the front left and a low bar to the right."""
    voxels = torch.zeros(28, 28, 28)
    voxels[8:12, 6:22, 7:11] = 0.9
    voxels[8:12, 18:22, 7:21] = 0.9
    return voxels


def hypotheses():
    made = AzimuthHypotheses()
    made.voxels.copy_(corner())
    return made


def test_the_latent_stays_in_reach_and_its_slots_go_round():
    torch.manual_seed(0)
    latent = AzimuthLatent(slots=3, reach=0.5)
    azimuths = latent(torch.randn(9, latent.size))
    assert azimuths.shape == (9,) and azimuths.abs().max() <= 0.5
    with torch.no_grad():
        latent.mean.copy_(torch.tensor([[-9.0], [0.0], [9.0]]).expand(3, latent.size))
        latent.log_variance.fill_(-20)
    same = latent(torch.randn(9, latent.size)).view(3, 3)
    assert same.std(0).max() < 1e-3 < (same[0, 0] - same[0, 2]).abs()


def test_front_is_the_azimuth_at_the_mean_of_the_latent():
    torch.manual_seed(0)
    latent = AzimuthLatent()
    assert front_azimuth(latent) == pytest.approx(latent(torch.zeros(1, 12)).item())
    assert front_azimuth(None) == front_azimuth(hypotheses()) == 0.0
    assert likely_azimuth(latent, torch.zeros(4, 1, 28, 28)) is None
    assert likely_azimuth(None, torch.zeros(4, 1, 28, 28)) is None


def test_the_hypothesis_that_made_a_picture_wins():
    made = hypotheses()
    pictures = torch.cat([project_voxels(corner()[None], turn.item()) for turn in made.azimuths])
    posterior = made(pictures)
    torch.testing.assert_close(posterior.sum(1), torch.ones(12))
    # This shape lacks depth detail enough to tell no two sides apart: each is its own best explanation.
    assert torch.equal(posterior.argmax(1), torch.arange(12))
    torch.testing.assert_close(likely_azimuth(made, pictures), made.azimuths)
    hot = made(pictures, temperature=1e6)
    assert (hot - 1 / 12).abs().max() < 1e-3


def test_squared_errors_are_what_they_say():
    images, views = torch.rand(3, 1, 28, 28), torch.rand(4, 28, 28)
    naive = (images - views[None]).square().sum((2, 3))
    torch.testing.assert_close(squared_errors(images, views), naive, rtol=1e-4, atol=1e-3)


def test_carving_takes_away_what_the_picture_shows_empty_and_nothing_else():
    shape = corner()[None]
    picture = (project_voxels(shape, 0.0) > 0.3).float()
    certain = torch.zeros(1, 12)
    certain[0, 0] = 1
    fog = torch.full_like(shape, 0.5)
    carved = carve(fog, picture, certain, AzimuthHypotheses().azimuths, symmetric=False)
    assert (carved[shape > 0] > 0.49).all()
    assert carved[:, :, picture[0, 0] == 0].max() < 1e-6
    both = carve(fog, picture, certain, AzimuthHypotheses().azimuths, symmetric=True)
    torch.testing.assert_close(both, both.flip(3))
    assert (both <= carved + 1e-6).all()


def test_an_encoder_can_say_from_where_it_sees():
    settings = VoxelAutoencoderSettings(
        latent=3, encoder_channels=4, decoder_channels=4, encodes_azimuth=True, azimuth_range=math.pi / 4
    )
    torch.manual_seed(0)
    model = VoxelAutoencoder(settings).eval()
    images = torch.rand(5, 1, 28, 28)
    made = model(images)
    assert made.posterior.azimuth.shape == (5,) and made.posterior.azimuth.abs().max() <= math.pi / 4
    torch.testing.assert_close(made.projection, project_voxels(made.voxels, made.posterior.azimuth))
    assert model(images, azimuth=0.0).posterior.azimuth is not None


def test_a_symmetric_model_decodes_symmetric_shapes():
    settings = VoxelAutoencoderSettings(latent=3, encoder_channels=4, decoder_channels=4, symmetric=True)
    voxels, _, _ = VoxelAutoencoder(settings).eval().decode(torch.randn(2, 3))
    torch.testing.assert_close(voxels, voxels.flip(3))


def test_a_model_with_a_front_shows_there_what_it_showed_from_there():
    model = VoxelAutoencoder(VoxelAutoencoderSettings(latent=3, encoder_channels=4, decoder_channels=4)).eval()
    latent = torch.randn(2, 3)
    _, seen, _ = model.decode(latent, azimuth=0.9)
    model.front = 0.9
    _, front, _ = model.decode(latent)
    torch.testing.assert_close(front, seen)
