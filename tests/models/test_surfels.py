from dataclasses import replace

import pytest
import torch

from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.models.surfels import (
    NEAR,
    CameraNorm,
    Critic,
    LightEstimator,
    Posterior,
    SurfelModel,
    SurfelSettings,
    camera_code,
    one_hot,
)

TINY = SurfelSettings(
    size=16,
    latent=5,
    encoder_channels=(4, 6),
    decoder_channels=(8, 6),
    critic_channels=(4, 6),
    initial_depth=1.3,
)


def built(settings, kind=SurfelModel):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind(settings)


def cameras(count=3):
    azimuth = torch.linspace(0.2, 1.2, count)
    return Cameras.orbit(azimuth, torch.full((count,), 0.6), 1.3, 0.45)


def images(count=3, size=16):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def code(count=3):
    return camera_code(cameras(count), 1.3)


def test_the_published_networks_have_the_layers_of_tables_4_to_6():
    with torch.device("meta"):
        model, critic = SurfelModel(SurfelSettings()), Critic(SurfelSettings())
    features, sizes = torch.zeros(1, 3, 128, 128, device="meta"), []
    for layer in model.encoder.convolutions:
        features = layer(features)
        sizes.append(tuple(features.shape[1:]))
    assert sizes == [(85, 64, 64), (170, 32, 32), (340, 16, 16), (680, 8, 8), (1360, 4, 4)]
    assert len(model.encoder.norms) == 4  # "BatchNorm: No" at 4 × 4
    assert model.decoder.first.in_channels == 131
    features, sizes = model.decoder.first(torch.zeros(1, 131, 1, 1, device="meta")), [(1344, 4, 4)]
    assert tuple(features.shape[1:]) == sizes[0]
    for layer in (*model.decoder.convolutions, model.decoder.last):
        features = layer(features)
        sizes.append(tuple(features.shape[1:]))
    assert sizes[1:] == [(627, 8, 8), (336, 16, 16), (168, 32, 32), (84, 64, 64), (1, 128, 128)]
    assert [norm.affine is not None for norm in model.decoder.norms] == [True, False, True, False, True]
    features, sizes = torch.zeros(1, 6, 128, 128, device="meta"), []
    for layer in critic.convolutions:
        features = layer(features)
        sizes.append(tuple(features.shape[1:]))
    assert sizes == [(85, 64, 64), (170, 32, 32), (340, 16, 16), (680, 8, 8), (1360, 4, 4)]
    assert critic.last.in_channels == 1360 + 128
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in critic.modules())


@pytest.mark.parametrize("conditioning", ["normalisation", "concatenate"])
@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("pyramid", [True, False])
def test_every_variant_encodes_and_decodes(conditioning, normalised, pyramid):
    settings = replace(TINY, conditioning=conditioning, normalised=normalised, pyramid=pyramid)
    model = built(settings).train()
    posterior = model.encoder(images(), code())
    assert posterior.mean.shape == posterior.log_variance.shape == (3, 5)
    maps = model.decoder(posterior.mean, code())
    assert [tuple(depth.shape) for depth in maps] == ([(3, 1, 8, 8)] if pyramid else []) + [(3, 1, 16, 16)]
    maps[-1].square().mean().backward()
    assert all(p.grad is not None for name, p in model.named_parameters() if "log_variance" not in name)
    assert model.eval().decode(model.encode(images(), cameras()), cameras()).shape == (3, 1, 16, 16)


@pytest.mark.parametrize("conditioning", ["normalisation", "concatenate"])
def test_the_camera_matters_where_it_should(conditioning):
    model = built(replace(TINY, conditioning=conditioning, normalised=False))
    latent = torch.randn(3, 5, generator=torch.Generator().manual_seed(2))
    turned = Cameras.orbit(torch.full((3,), 1.4), torch.full((3,), 0.3), 1.3, 0.45)
    assert not torch.allclose(model.decode(latent, cameras()), model.decode(latent, turned), atol=1e-6)
    same = torch.allclose(model.encode(images(), cameras()), model.encode(images(), turned), atol=1e-6)
    assert same == (conditioning == "concatenate")  # the published code leaves the encoder alone
    critic, others = built(TINY, Critic), camera_code(turned, 1.3)
    assert not torch.allclose(critic(images(), latent, code()), critic(images(), latent, others))


def test_an_untrained_decoder_says_about_the_initial_depth_everywhere():
    depth = built(replace(TINY, normalised=False, pyramid=True)).decode(torch.randn(3, 5), cameras())
    assert (depth - 1.3).abs().max() < 0.1


def test_depth_never_reaches_the_camera():
    model = built(TINY)
    model.decoder.last_norm.affine[-1].bias.data[1] = -1e4  # the shift of the last layer
    assert (model.eval().decode(torch.zeros(1, 5), cameras(1)) == NEAR).all()


def test_fewer_levels_of_a_pyramid_are_its_coarse_maps():
    settings = SurfelSettings(
        size=32, latent=5, encoder_channels=(4, 4, 4), decoder_channels=(8, 6, 4), critic_channels=(4, 4, 4),
        normalised=False, pyramid=True,
    )  # fmt: skip
    decoder, latent = built(settings).decoder, torch.randn(2, 5, generator=torch.Generator().manual_seed(2))
    every = decoder(latent, code(2))
    assert [depth.shape[-1] for depth in every] == [8, 16, 32]
    for levels in (1, 2, 3):
        some = decoder(latent, code(2), levels=levels)
        assert len(some) == levels and all(torch.equal(*pair) for pair in zip(some, every, strict=False))


def test_a_conditional_norm_is_batch_norm_scaled_and_shifted_by_the_camera():
    norm = CameraNorm(4)
    features = 3 + 2 * torch.randn(6, 4, 5, 5, generator=torch.Generator().manual_seed(2))
    scale, shift = norm.affine(code(6)).chunk(2, 1)
    out = norm(features, code(6))
    plain = (out - shift[..., None, None]) / (1 + scale[..., None, None])
    assert plain.mean((0, 2, 3)).abs().max() < 1e-5 and (plain.std((0, 2, 3)) - 1).abs().max() < 0.01


def test_samples_are_clamped_as_in_the_published_code():
    posterior = Posterior(torch.tensor([[0.5, 3.0]]), torch.tensor([[0.0, 2.0]]))
    assert torch.equal(posterior.sample(torch.zeros(1, 2)), posterior.mean)
    assert posterior.sample(torch.full((1, 2), 9.0)).tolist() == [[4, 4]]


def test_classes_are_told_to_decoder_and_critic():
    settings = replace(TINY, classes=3)
    model, critic = built(settings).eval(), built(settings, Critic)
    latent, labels = torch.zeros(3, 5), torch.tensor([0, 1, 2])
    same = cameras(1)[torch.zeros(3, dtype=torch.long)]
    depth = model.decode(latent, same, labels)
    assert not torch.equal(depth[0], depth[1])
    scores = critic(images()[:1].expand(3, -1, -1, -1), latent, code(3) * 0, one_hot(labels, settings))
    assert scores.shape == (3,) and scores.unique().numel() == 3
    for wrong in (None, torch.tensor([0, 1, 3])):
        with pytest.raises(ValueError, match="labels: expected classes from 0 to 2"):
            model.decode(latent, same, wrong)


def test_a_light_estimator_keeps_its_lights_apart_and_in_the_octant():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        positions, albedo = LightEstimator(TINY, 3)(images(), code())
    assert positions.shape == (3, 3, 3) and (positions > 0).all()
    assert ((positions.norm(dim=2) >= 0.9) & (positions.norm(dim=2) <= 1.5)).all()
    assert torch.pdist(positions[0]).min() > 0.5
    assert albedo.shape == (3,) and (albedo - 0.3).abs().max() < 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 32}, "size: expected 16 for the 2 encoder_channels, got 32"),
        ({"decoder_channels": (4, 4, 4)}, "size: expected 32 for the 3 decoder_channels"),
        ({"conditioning": "film"}, "conditioning: expected one of concatenate, normalisation"),
        ({"initial_depth": 5.0}, "initial_depth: expected a depth in"),
    ],
)
def test_settings_that_do_not_fit(change, message):
    with pytest.raises(ValueError, match=message):
        replace(TINY, **change)


def test_bad_arguments():
    model = built(TINY)
    with pytest.raises(ValueError, match="images: expected shape"):
        model.encode(images(size=8), cameras())
    with pytest.raises(ValueError, match="images: expected values in"):
        model.encode(images() + 1, cameras())
    with pytest.raises(ValueError, match="camera: expected one for each of 3 images, got 2"):
        model.encode(images(), cameras(2))
    with pytest.raises(ValueError, match="camera: expected one for each of 3 latents, got 2"):
        model.decode(torch.zeros(3, 5), cameras(2))
    with pytest.raises(ValueError, match="latent: expected shape"):
        model.decode(torch.zeros(3, 4), cameras())
