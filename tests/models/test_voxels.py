import pytest
import torch

from inverse_graphics.models.voxels import (
    HEAD_RADII,
    LOG_VARIANCE_NORM,
    MEAN_NORM,
    Encoder,
    HeadDecoder,
    LatentDiscriminator,
    Posterior,
    VoxelAutoencoder,
    VoxelAutoencoderSettings,
)

SMALL = VoxelAutoencoderSettings(latent=5, encoder_channels=8, decoder_channels=8, texturizer_width=16)
TEXTURED = VoxelAutoencoderSettings(latent=5, encoder_channels=8, decoder_channels=8, texturizer=True)


@pytest.fixture
def images():
    return torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def test_shapes_and_ranges(images):
    out = VoxelAutoencoder(TEXTURED)(images, torch.zeros(3, 5))
    assert out.voxels.shape == (3, 28, 28, 28) and out.projection.shape == out.texture.shape == images.shape
    for values in (out.voxels, out.projection, out.texture):
        assert values.min() >= 0 and values.max() <= 1
    assert out.picture is out.texture
    plain = VoxelAutoencoder(SMALL)(images)
    assert plain.texture is None and plain.picture is plain.projection


def test_the_projection_starts_between_empty_and_full(images):
    projection = VoxelAutoencoder(SMALL)(images).projection
    assert 0.2 < projection.mean() < 0.6  # at 1 everywhere no gradient would flow


def test_every_weight_gets_a_gradient(images):
    model = VoxelAutoencoder(TEXTURED)
    out = model(images, torch.ones(3, 5))
    (out.picture.sum() + out.projection.square().sum()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_mean_latent_without_noise_and_sample_with(images):
    model = VoxelAutoencoder(SMALL).eval()
    assert torch.equal(model(images).latent, model(images).posterior.mean)
    posterior = Posterior(torch.tensor([[1.0]]), torch.tensor([[0.0]]))
    assert posterior.sample(torch.tensor([[2.0]])).item() == 3
    wide = Posterior(torch.tensor([[1.0]]), torch.tensor([[2.0]]))
    assert wide.sample(torch.tensor([[1.0]])).item() == pytest.approx(1 + torch.e)


def test_posterior_norms_are_clipped():
    encoder = Encoder(latent=5, channels=8)
    with torch.no_grad():
        encoder.mean.bias.fill_(1e4)
        encoder.log_variance.bias.fill_(-1e4)
    mean, log_variance, _ = encoder(torch.rand(2, 1, 28, 28))
    torch.testing.assert_close(mean.norm(dim=1), torch.full((2,), MEAN_NORM))
    torch.testing.assert_close(log_variance.norm(dim=1), torch.full((2,), LOG_VARIANCE_NORM))


def test_azimuth_turns_the_view_and_its_gradient_arrives(images):
    model = VoxelAutoencoder(SMALL).eval()
    azimuth = torch.full((3,), 0.4, requires_grad=True)
    turned = model(images, azimuth=azimuth).projection
    assert not torch.allclose(turned, model(images).projection)
    turned.square().sum().backward()
    assert (azimuth.grad != 0).all()


def test_discriminator_gives_one_logit_a_latent():
    assert LatentDiscriminator(5, 16)(torch.zeros(7, 5)).shape == (7,)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (torch.rand(2, 3, 28, 28), r"images: expected shape \(B, 1, 28, 28\)"),
        (torch.rand(2, 1, 32, 32), "images: expected shape"),
        (torch.rand(2, 1, 28, 28) * 255, r"images: expected values in \[0, 1\]"),
    ],
)
def test_bad_images_are_named(bad, message):
    with pytest.raises(ValueError, match=message):
        VoxelAutoencoder(SMALL)(bad)


SOLID = VoxelAutoencoderSettings(latent=5, encoder_channels=8, decoder_channels=8, symmetric=True, solid_head=True)


def test_a_solid_head_is_an_ellipsoid_that_moves_little_and_is_symmetric():
    voxels, albedo, relief = HeadDecoder(5, 8, symmetric=True).eval()(10 * torch.randn(3, 5))
    assert voxels.shape == albedo.shape == relief.shape == (3, 28, 28, 28)
    torch.testing.assert_close(voxels, voxels.flip(3))
    torch.testing.assert_close(albedo, albedo.flip(3))
    assert voxels[:, 13, 13, 13].min() > 0.99 and voxels[:, 0, 0, 0].max() < 0.01  # solid, and nothing in corners
    at = [int(13.5 - radius) for radius in HEAD_RADII]  # the last cells inside, or the first outside
    surface = torch.stack((voxels[:, at[0], 13, 13], voxels[:, 13, 13, at[2]]))
    assert ((surface > 0.01) & (surface < 0.999)).all()


def test_a_solid_head_answers_for_what_it_covers(images):
    out = VoxelAutoencoder(SOLID)(images, azimuth=0.3)
    share = out.share(images)
    torch.testing.assert_close(share, images * out.cover)
    assert not share.requires_grad and out.cover.requires_grad
    assert (share[..., 0, 0] < 0.05).all() and (out.cover[..., 14, 14] > 0.99).all()
    assert out.picture is out.projection and (out.projection <= out.cover + 1e-6).all()
    plain = VoxelAutoencoder(SMALL)(images)
    assert plain.cover is None and plain.share(images) is images


def test_a_solid_head_shows_another_side_from_behind_and_turns_about_the_eyes(images):
    model = VoxelAutoencoder(SOLID).eval()
    with torch.no_grad():
        model.decoder.layers[-1].weight.normal_(0, 30, generator=torch.Generator().manual_seed(0))
        front, back = (model(images, azimuth=turn).projection for turn in (0.0, torch.pi))
        turned = model(images, azimuth=0.5).cover
    assert (front - back.flip(3)).abs().mean() > 0.02
    columns = torch.arange(28.0)
    centre = (turned * columns).sum((1, 2, 3)) / turned.sum((1, 2, 3))
    assert (centre - 13.5).abs().min() > 2  # the head is behind its eyes, which stay in the middle
