import math

import pytest
import torch

from inverse_graphics.models.stylegan import (
    Discriminator,
    EqualisedConv2d,
    EqualisedLinear,
    MappingNetwork,
    StyledLayer,
    SynthesisNetwork,
    blocks_for,
)

WIDTHS = (8, 8, 4)


@pytest.fixture(params=[False, True], ids=["last", "skip"])
def networks(request):
    torch.manual_seed(0)
    return SynthesisNetwork(5, WIDTHS, style=6, skip=request.param), Discriminator(5, WIDTHS)


def test_equalised_layers_keep_the_variance():
    torch.manual_seed(0)
    values = torch.randn(4096, 64)
    for layer in (EqualisedLinear(64, 32, gain=1.0), EqualisedLinear(64, 32, gain=1.0, speed=0.01)):
        assert layer(values).std().item() == pytest.approx(1, abs=0.2)
    assert EqualisedConv2d(16, 8, 3, gain=1.0)(torch.randn(4, 16, 32, 32)).std().item() == pytest.approx(1, abs=0.25)


def test_a_slow_layer_moves_less_for_the_same_step():
    torch.manual_seed(0)
    values, moved = torch.randn(256, 64), []
    for speed in (1.0, 0.01):
        layer = EqualisedLinear(64, 32, speed=speed)
        before = layer(values)
        with torch.no_grad():
            layer.weight += 0.1  # a step of Adam, whatever the gradient's size
        moved.append((layer(values) - before).abs().mean().item())
    assert moved[1] == pytest.approx(moved[0] / 100, rel=1e-3)


def test_mapping_does_not_see_how_long_a_latent_is():
    torch.manual_seed(0)
    mapping, latents = MappingNetwork(16, 6, layers=3), torch.randn(4, 16)
    torch.testing.assert_close(mapping(latents), mapping(7 * latents), atol=1e-5, rtol=1e-4)


def test_style_sets_mean_and_spread_of_each_channel():
    torch.manual_seed(0)
    layer = StyledLayer(3, 6)
    features, style = torch.randn(2, 3, 16, 16), torch.randn(2, 6)
    scale, shift = layer.style(style).chunk(2, 1)
    out = layer(features, style, torch.zeros(1, 1, 16, 16))
    torch.testing.assert_close(out.mean((2, 3)), shift, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(out.std((2, 3), correction=0), (1 + scale).abs(), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("size", [4, 8, 16])
def test_networks_run_at_every_size_they_grow_through(networks, size):
    synthesis, discriminator = networks
    pictures = synthesis(torch.randn(4, 6), size)
    assert pictures.shape == (4, 5, size, size) and discriminator(pictures).shape == (4,)


def test_fading_goes_from_the_block_before_to_the_last(networks):
    synthesis, discriminator = networks
    styles = torch.randn(4, 6)
    small, large = synthesis(styles, 8), synthesis(styles, 16)
    enlarged = torch.nn.functional.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(synthesis(styles, 16, fade=0.0), enlarged)
    torch.testing.assert_close(synthesis(styles, 16, fade=0.25), torch.lerp(enlarged, large, 0.25))
    halved = torch.nn.functional.avg_pool2d(large, 2)
    torch.testing.assert_close(discriminator(large, fade=0.0), discriminator(halved))


def test_with_skips_all_blocks_have_a_part_in_the_picture():
    torch.manual_seed(0)
    synthesis, styles = SynthesisNetwork(5, WIDTHS, style=6, skip=True), torch.randn(4, 6)
    whole = synthesis(styles, 16)
    torch.nn.init.zeros_(synthesis.out[0].weight)
    first = synthesis(styles, 16)
    assert (whole - first).abs().mean() > 0.1
    synthesis.skip = False
    torch.nn.init.ones_(synthesis.out[0].weight)
    last = synthesis(styles, 16)
    torch.nn.init.zeros_(synthesis.out[0].weight)
    assert torch.equal(synthesis(styles, 16), last)


def test_styles_can_be_mixed_by_layer(networks):
    synthesis, _ = networks
    styles = torch.randn(2, 6)
    same = styles[:, None].expand(-1, synthesis.layers, -1)
    torch.testing.assert_close(synthesis(same, 16), synthesis(styles, 16))
    mixed = same.clone()
    mixed[:, -2:] = torch.randn(2, 2, 6)  # of the last block
    torch.testing.assert_close(synthesis(mixed, 8), synthesis(styles, 8))
    assert not torch.allclose(synthesis(mixed, 16), synthesis(styles, 16))


def drawn(seed):
    generator = torch.Generator().manual_seed(seed)
    return lambda side: torch.randn(2, 1, side, side, generator=generator)


def test_noise_is_what_is_drawn(networks):
    synthesis, _ = networks
    with torch.no_grad():
        for block in synthesis.blocks:
            block.first.noise.fill_(1.0)
    styles = torch.randn(2, 6)
    one, again, other = (synthesis(styles, 8, noise=drawn(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, again) and not torch.allclose(one, other)


def test_the_discriminator_sees_how_alike_pictures_of_a_group_are(networks):
    _, discriminator = networks
    picture = torch.rand(1, 5, 8, 8)
    alone = discriminator(picture)
    among = discriminator(torch.cat((picture, torch.rand(3, 5, 8, 8))))[0]
    assert not torch.allclose(alone[0], among)
    torch.testing.assert_close(discriminator(picture.expand(4, -1, -1, -1)), alone.expand(4))


def test_wrong_sizes_are_refused():
    assert [blocks_for(4 << i, 3) for i in range(3)] == [1, 2, 3]
    for size in (2, 12, 32):
        with pytest.raises(ValueError, match=f"size: expected one of 4, 8, 16; got {size}"):
            blocks_for(size, 3)
    assert math.isfinite(Discriminator(3, (4,))(torch.rand(1, 3, 4, 4)).item())
