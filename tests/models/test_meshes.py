import pytest
import torch

from inverse_graphics.geometry.shape_images import initial_shape, limit_size
from inverse_graphics.models.meshes import MeshGANSettings, MeshGenerator, crop
from inverse_graphics.renderers.meshes import unit_ball_cameras

SMALL = {"size": 16, "latent": 6, "style": 8, "widths": (8, 8, 8, 4), "mapping_layers": 2, "levels": 2}


def make(**changes):
    torch.manual_seed(0)
    return MeshGenerator(MeshGANSettings(**SMALL | changes))


def latents(seed=0):
    return torch.randn(2, 2, 6, generator=torch.Generator().manual_seed(seed))


def test_scenes_start_as_the_initial_shape_nearly():
    for start, limited in (("sphere", True), ("sheet", False)):
        scene = make(start=start, limited=limited)(*latents())
        assert scene.shape.shape == (2, 3, 16, 16)
        assert scene.texture.shape == scene.background.shape == (2, 3, 32, 32)
        expected = initial_shape(start, 16)[None].expand(2, -1, -1, -1)
        expected = limit_size(expected) if limited else expected
        assert (scene.shape - expected).abs().max() < 0.1
        assert all(0 <= part.min() and part.max() <= 1 for part in (scene.texture, scene.background))


def test_object_and_background_have_latents_of_their_own():
    generator = make()
    one, other = latents(0), latents(1)
    scene, another = generator(*one), generator(one[0], other[1])
    assert torch.equal(scene.shape, another.shape) and torch.equal(scene.texture, another.texture)
    assert not torch.allclose(scene.background, another.background)


def test_pictures_have_gradients_to_every_weight():
    generator = make()
    scene = generator(*latents(), noise=lambda side: torch.randn(2, 1, side, side))
    camera = unit_ball_cameras(torch.tensor([0.3, -0.3]), torch.tensor([0.1, 0.0]))
    seen = scene.render(camera, torch.tensor([[0.0, 1.0], [0.3, 0.6]]))
    assert seen.image.shape == (2, 3, 16, 16) and 0 <= seen.image.min() and seen.image.max() <= 1 + 1e-6
    assert 0.1 < seen.alpha.mean() < 0.6  # a ball of half the view's radius
    seen.image.square().sum().backward()
    unused = {name for name, weight in generator.named_parameters() if weight.grad is None}
    assert all(".out." in name for name in unused)  # of smaller pictures
    shape = generator.object.out[-1].weight.grad[:6].abs().sum()
    assert shape > 0


def test_smaller_pictures_are_made_on_the_way():
    scene = make()(*latents(), size=8, fade=0.5)
    assert scene.shape.shape == (2, 3, 8, 8) and scene.background.shape == (2, 3, 16, 16)
    assert scene.render(unit_ball_cameras(torch.zeros(2), torch.zeros(2))).image.shape == (2, 3, 8, 8)


def test_styles_of_several_latents():
    generator = make()
    one, other = latents(0)[0], latents(1)[0]
    mixed = torch.stack([one] * 4 + [other] * 4, 1)  # (B, L, Z)
    scene = generator(mixed, latents()[1])
    assert torch.equal(scene.shape, generator(mixed, latents(1)[1]).shape)
    assert not torch.allclose(scene.texture, generator(*latents()).texture)
    torch.testing.assert_close(
        generator(torch.stack([one] * 8, 1), latents()[1]).texture, generator(*latents()).texture
    )


def test_crops_are_where_they_are_asked_for():
    pictures = torch.arange(2 * 1 * 6 * 8).float().view(2, 1, 6, 8)
    corners = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    found = crop(pictures, 4, corners)
    assert torch.equal(found[0], pictures[0, :, :4, :4]) and torch.equal(found[1], pictures[1, :, 2:, 4:])
    assert torch.equal(crop(pictures, 4), pictures[:, :, 1:5, 2:6])
    with pytest.raises(ValueError, match="corner: expected shape"):
        crop(pictures, 4, torch.zeros(3, 2))


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="widths: expected one for each side from 4 to 32, 4; got 3"):
        MeshGANSettings(**SMALL | {"widths": (8, 8, 8)})
    with pytest.raises(ValueError, match="start: expected one of sheet, sphere"):
        MeshGANSettings(**SMALL | {"start": "cube"})
    with pytest.raises(ValueError, match="levels: expected 1 or more, got 0"):
        MeshGANSettings(**SMALL | {"levels": 0})
    assert len(MeshGANSettings().widths) == 7
