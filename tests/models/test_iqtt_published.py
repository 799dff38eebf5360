import math

import pytest
import torch
from torch import nn

from inverse_graphics.datasets.iqtt import AHEAD, GREEN, RADIUS, RED, WHITE
from inverse_graphics.models.iqtt_published import (
    FourTowers,
    ResNet,
    SiameseTower,
    SplitLatentModel,
    TowerSettings,
    nearness,
    picture,
    with_background,
)
from inverse_graphics.models.surfels import SurfelSettings
from inverse_graphics.renderers.polycubes import Views, as_boxes, cast, render_polycubes
from inverse_graphics.renderers.shading import Lights

SMALL = TowerSettings(widths=(4, 6), blocks=(1, 2), stem=5, pooled=False, hidden=8)
SURFELS = SurfelSettings(
    size=16,
    latent=9,
    encoder_channels=(4, 8),
    decoder_channels=(8, 4),
    critic_channels=(4, 8),
    normalised=False,
    initial_depth=1.2,
)


@pytest.fixture
def split():
    torch.manual_seed(0)
    return SplitLatentModel(SURFELS, view=4).eval()


def test_the_default_tower_is_resnet_50():
    with torch.device("meta"):
        tower = ResNet(TowerSettings())
    assert sum(p.numel() for p in tower.parameters()) == 23_508_032 + 2048 * 512 + 512
    layers = [m for name, m in tower.named_modules() if isinstance(m, nn.Conv2d) and "shortcut" not in name]
    assert len(layers) + 1 == 50  # and the dense one
    assert (tower.head.in_features, tower.head.out_features) == (2048, 512)


def test_no_convolution_of_one_pixel_is_strided():
    """Its gradient writes past its memory in oneDNN."""
    with torch.device("meta"):
        tower = ResNet(TowerSettings())
    assert not [m for m in tower.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1) and m.stride[0] > 1]


def test_the_four_towers_share_their_weights_and_the_dense_layers_are_those_of_figure_13():
    with torch.device("meta"):
        model = FourTowers(TowerSettings())
    shapes = [(layer.in_features, layer.out_features) for layer in model.dense if isinstance(layer, nn.Linear)]
    assert shapes == [(2048, 512), (512, 256), (256, 3)]
    torch.manual_seed(0)
    model, pictures = FourTowers(SMALL).eval(), torch.rand(2, 4, 3, 24, 20)
    scores = model.scores(pictures)
    assert scores.shape == (2, 3) and not scores.requires_grad and model(pictures).requires_grad
    for which in range(4):
        other = pictures.clone()
        other[:, which] = 0
        assert not torch.allclose(model.scores(other), scores)


def test_the_siamese_network_takes_the_nearest():
    torch.manual_seed(0)
    model, pictures = SiameseTower(SMALL).eval(), torch.rand(3, 4, 3, 16, 16)
    scores = model.scores(pictures)
    assert scores.shape == (3, 3) and scores.max() < 0
    torch.testing.assert_close(model.scores(pictures[:, [0, 3, 1, 2]]), scores[:, [2, 0, 1]])
    pictures[:, 2] = pictures[:, 0]
    assert (model.scores(pictures)[:, 1] == 0).all()


def test_nearness_is_minus_the_distance_from_the_first():
    latents = torch.tensor([[[0.0, 0.0], [3.0, 4.0], [0.0, 0.0], [1.0, 0.0]]])
    assert nearness(latents).tolist() == [[-5.0, 0.0, -1.0]]


def test_under_the_prior_cameras_stand_anywhere_on_the_sphere_alike(split):
    latents = torch.randn(20_000, 9, generator=torch.Generator().manual_seed(0))
    camera = split.camera(latents)
    torch.testing.assert_close(camera.position.norm(dim=1), torch.full((20_000,), 1.2))
    assert math.degrees(camera.field_of_view) == pytest.approx(60) and not camera.target.any()
    direction = camera.position / 1.2
    torch.testing.assert_close(split.code(latents), 2 * direction)
    # a coordinate of even points on a sphere is even over [-1, 1] (Archimedes)
    for axis in range(3):
        shares = torch.histc(direction[:, axis], 4, -1, 1) / 20_000
        assert (shares - 0.25).abs().max() < 0.02
    latents[:, :5] = 0  # the scene says nothing of the camera
    torch.testing.assert_close(split.camera(latents).position, camera.position)


def test_answers_are_compared_by_the_means_of_their_scenes_alone(split):
    pictures, noise = torch.rand(3, 4, 3, 20, 20), torch.randn(12, 9)
    means, log_variance = split.posterior(pictures.flatten(0, 1))
    assert means.shape == log_variance.shape == (12, 9)
    scenes = means.view(3, 4, 9)[..., :5]
    torch.testing.assert_close(split.scores(pictures), -(scenes[:, 1:] - scenes[:, :1]).norm(dim=2))
    before, published = split.scores(pictures), split.scores_as_published(pictures, noise)
    with torch.no_grad():
        split.encoder.head.bias[5:9] += 1  # the means of the view: all alike
        split.encoder.head.weight[5:9] *= 3
    torch.testing.assert_close(split.scores(pictures), before)
    assert not torch.allclose(split.scores_as_published(pictures, noise), published)
    sampled = split.posterior(pictures.flatten(0, 1)).sample(noise).view(3, 4, 9)
    torch.testing.assert_close(split.scores_as_published(pictures, noise), nearness(sampled))


def test_only_the_decoder_is_told_of_the_camera(split):
    images = torch.rand(2, 3, 16, 16)
    told = split.encoder(images, torch.randn(2, 3))
    torch.testing.assert_close(told.mean, split.encoder(images, torch.zeros(2, 3)).mean)
    latents = torch.randn(1, 9)
    near, far = (split.decoder(latents, torch.full((1, 3), value))[-1] for value in (-2.0, 2.0))
    assert not torch.allclose(near, far)
    assert split.decode(latents).shape == (1, 1, 16, 16) and not split.decode(latents).requires_grad


def test_true_depth_makes_the_picture_of_a_question():
    """Of a polycube under lights on the axis, but for pixels beside an edge."""
    size, cells = 64, torch.tensor([[[0, 0, 0], [1, 0, 0], [2, 0, 0], [2, 1, 0], [2, 1, 1]]])
    angle = torch.tensor([0.7]), torch.tensor([0.4])
    views = Views(*angle, torch.tensor([1.2]), torch.tensor([math.pi / 3]), torch.zeros(1, 2))
    places = torch.tensor([[[0.0, 0.0, -AHEAD], *[[0.0, 0.0, RADIUS - 1.2]] * 2]])
    colours = torch.tensor([[WHITE, RED, GREEN]])
    lights = Lights(views.to_world(places), colours, torch.full((1, 3), 0.01), 1.0, 0.0)
    truth = render_polycubes(cells, views, lights, size=size, background=0.07)
    hits = cast(*as_boxes(cells), views, size, torch.tensor([1.85]))
    depth = torch.where(hits.seen, hits.steps * views.rays(size).norm(dim=1), 9.0)[:, None]
    error = (picture(depth).clamp(0, 1) - truth).abs().amax(1)
    seen, hidden = error[hits.seen], error[~hits.seen]
    assert hidden.median() < 1e-4 and seen.median() < 0.02 and (seen > 0.1).float().mean() < 0.3
    assert truth.amax(1)[hits.seen].mean() > 0.2  # the object is no dark one


def test_what_is_deep_becomes_the_sphere_behind_the_object():
    depth, share = with_background(torch.full((2, 1, 16, 16), 9.0))
    assert share.min() > 0.999
    points = depth[0, 0, ..., None] * SplitLatentModel(SURFELS, 4).camera(torch.randn(1, 9)).rays(16, 16)
    torch.testing.assert_close((points + torch.tensor([0, 0, 1.2])).norm(dim=-1), torch.full((16, 16), 1.85))
    near = torch.full((1, 1, 16, 16), 1.0)
    depth, share = with_background(near)
    assert share.max() < 0.01 and (depth - near).abs().max() < 0.02
    assert picture(near).mean() > 3 * picture(torch.full_like(near, 3.0)).mean()


def test_a_surfel_can_be_moved_between_object_and_background():
    depth = torch.linspace(0.8, 3.1, 64).view(64, 1, 1, 1).expand(-1, 1, 8, 8).clone().requires_grad_()
    picture(depth).sum().backward()
    slope = depth.grad[:, :, 2:-2, 2:-2].sum((1, 2, 3))
    assert (slope < -0.05).all()  # the deeper, the darker, wherever it is


def test_wrong_arguments_are_named(split):
    with pytest.raises(ValueError, match="blocks: expected one number per stage, 4; got 1"):
        TowerSettings(blocks=(3,))
    with pytest.raises(ValueError, match="view: expected 3 to 8 numbers, got 2"):
        SplitLatentModel(SURFELS, view=2)
    for model in (split, FourTowers(SMALL), SiameseTower(SMALL)):
        with pytest.raises(ValueError, match=r"pictures: expected shape \(N, 4, 3, H, W\), got \(2, 3, 3, 16, 16\)"):
            model.scores(torch.rand(2, 3, 3, 16, 16))
