import math

import pandas as pd
import pytest
import torch
from scipy.stats import energy_distance as energy_distance_1d

from inverse_graphics import paths
from inverse_graphics.datasets.scenes import load_scenes
from inverse_graphics.experiments import pix2scene_samples as samples
from inverse_graphics.experiments.pix2scene_figures import Seen, truth
from inverse_graphics.models.surfels import SurfelModel, SurfelSettings

CHANNELS = dict.fromkeys(("encoder_channels", "decoder_channels", "critic_channels"), (4, 4))


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "DATA", tmp_path_factory.mktemp("data"))
        patch.delenv("INVERSE_GRAPHICS_DATA", raising=False)
        yield


@pytest.fixture(scope="module")
def scenes(folder):
    return load_scenes("household", "test", count=24, size=16)


@pytest.fixture(scope="module")
def train(folder):
    return load_scenes("household", "train", count=48, size=16)


def small_model(classes=0):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        settings = SurfelSettings(size=16, latent=4, classes=classes, initial_depth=1.35, normalised=False, **CHANNELS)
        return SurfelModel(settings).eval().requires_grad_(False)


def test_the_empty_room_is_behind_everything_and_is_what_is_left(scenes):
    room = samples.empty_room(scenes.camera, 16)
    assert (room - scenes.depth > -1e-4).all()
    same = (room - scenes.depth).abs() < 1e-4  # to the 16 bits of the cache
    assert same.float().mean() > 0.6 and not same.all()


def test_reliefs_of_what_shows_no_object_are_0(scenes):
    relief = samples.reliefs(truth(scenes), scenes)
    assert samples.covered(relief.depth).min() > 0.01
    room = samples.empty_room(scenes.camera, 16)
    empty = samples.reliefs(Seen(relief.image * 0, room, scenes.normals), scenes)
    assert empty.depth.abs().max() == 0 and samples.covered(empty.depth).max() == 0
    assert relief.image[relief.depth.expand(-1, 3, -1, -1) > 0.1].abs().mean() > 0.02


def test_energy_distance_is_scipys_but_for_its_bias():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(300, 1, generator=generator), 1 + torch.randn(200, 1, generator=generator)
    ours = samples.energy_distance(a, b)
    # scipy's is the root of half; with the diagonal counted
    with_diagonal = (2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()
    assert with_diagonal == pytest.approx(energy_distance_1d(a[:, 0].numpy(), b[:, 0].numpy()) ** 2, rel=1e-4)
    assert ours == pytest.approx(with_diagonal, abs=0.02)
    same = samples.energy_distance(a, torch.randn(300, 1, generator=generator))
    assert abs(same) < 0.02 < ours


def test_blur_keeps_the_mean_of_what_is_flat_and_takes_edges():
    picture = torch.zeros(1, 2, 32, 32)
    picture[..., 16:] = 1
    blurred = samples.blurred(picture)
    assert blurred.shape == picture.shape
    assert blurred[..., 0].abs().max() < 1e-5 and blurred[..., 16].mean() == pytest.approx(0.6, abs=0.1)
    torch.testing.assert_close(samples.blurred(torch.ones(1, 1, 32, 32)), torch.ones(1, 1, 32, 32))


def test_real_scenes_are_nearest_and_an_untrained_model_is_not(scenes, train):
    table = samples.sample_table(small_model(), scenes, train.pick(torch.arange(len(scenes))))
    for part in ("depth", "picture"):
        assert table.loc["other real scenes", part] < table.loc[["mean of real scenes", "empty room"], part].min()
    assert table.loc["empty room", "covered"] == 0
    assert samples.sample_verdict(table)[0] == "not reproduced"


def test_fitted_latents_have_the_moments_of_training_pictures(train):
    model = small_model()
    known = samples.encode(model, train)
    found = samples.fitted_latents(model, train, 4000, 0)
    assert torch.allclose(found.mean(0), known.mean(0), atol=0.1)
    assert torch.allclose(found.std(0), (known.var(0) + 1e-4).sqrt(), rtol=0.1)
    assert torch.equal(found, samples.fitted_latents(model, train, 4000, 0))


def test_sample_verdict_asks_for_half_the_floor():
    def table(depth, picture):
        rows = {"samples": (depth, picture), "other real scenes": (0.0, 0.0)}
        rows |= {"mean of real scenes": (0.4, 0.4), "empty room": (0.6, 0.6)}
        return pd.DataFrame.from_dict(rows, orient="index", columns=["depth", "picture"])

    assert samples.sample_verdict(table(0.1, 0.15))[0] == "reproduced"
    assert samples.sample_verdict(table(0.1, 0.3))[0] == "partly"
    assert samples.sample_verdict(table(0.5, 0.5))[0] == "not reproduced"


def test_crops_follow_the_object():
    relief = torch.zeros(2, 1, 64, 64)
    relief[0, 0, 10:20, 14:24] = 0.3
    relief[1, 0, 34:44, 40:50] = 0.3
    one, other = samples.cropped(relief)
    torch.testing.assert_close(one, other, atol=1e-4, rtol=0)
    assert one[0, 12, 12] == pytest.approx(0.3) and one[0, 0, 0] == 0
    assert samples.cropped(torch.zeros(1, 1, 64, 64)).isfinite().all()


def test_real_shapes_are_told_apart_and_labels_are_those_asked_for(scenes, train):
    table = samples.class_table(small_model(6), scenes, train)
    assert table.loc["real test scenes", "nearest"] > 0.3
    assert set(table["count"]) == {24} and table["chance"].tolist() == [pytest.approx(1 / 6)] * 4


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.8, "reproduced"), (0.4, "partly"), (0.17, "not reproduced"), (0.22, "not reproduced")]
)
def test_class_verdict_compares_with_chance_and_real_shapes(share, verdict):
    columns = ["linear", "nearest", "chance", "count"]
    rows = {"real test scenes": (0.9, 0.7, 1 / 6, 100), "samples": (share, 0.1, 1 / 6, 100)}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    found, reason = samples.class_verdict(table)
    assert found == verdict and f"{share:.0%} of 100" in reason and "90%" in reason


def test_samples_are_the_same_for_a_seed_and_differ_along_the_prior(scenes):
    few = scenes.pick(torch.arange(3))
    model = small_model()
    first, again, other = (samples.sampled_views(model, few, (10, 80), 30, seed) for seed in (0, 0, 1))
    assert torch.equal(first[1].depth, again[1].depth) and not torch.equal(first[1].depth, other[1].depth)
    assert len(first) == 2 and not torch.equal(first[0].depth, first[1].depth)
    by_class = samples.class_samples(small_model(6), few, 2, samples.camera_at(45, 35), 0)
    assert len(by_class) == 2 and by_class[0].image.shape == (6, 3, 16, 16)
    assert not torch.equal(by_class[0].depth[0], by_class[0].depth[1])


def test_the_camera_stands_where_it_is_told():
    offset = samples.camera_at(90, 30).position - torch.tensor(samples.TARGET)
    expected = samples.DISTANCE * torch.tensor([[math.cos(math.pi / 6), 0.5, 0.0]])
    torch.testing.assert_close(offset, expected, atol=1e-5, rtol=0)


def test_a_walk_starts_and_ends_at_what_the_model_makes_of_the_pictures(scenes):
    model = small_model()
    found = samples.walks(model, scenes.pick(torch.arange(6)), 5)
    assert found.latent.shape == found.faded.shape == (3, 5, 1, 16, 16) and found.ends.shape == (3, 2, 3, 16, 16)
    torch.testing.assert_close(found.latent[:, [0, -1]], found.faded[:, [0, -1]])
    torch.testing.assert_close(found.faded[:, 2], (found.latent[:, 0] + found.latent[:, -1]) / 2)
    first = scenes.pick(torch.arange(3))
    torch.testing.assert_close(found.latent[:, 0], model.decode(model.encode(first.images, first.camera), first.camera))
    assert [seen.image.shape for seen in found.maps(found.latent)] == [(3, 3, 16, 16)] * 5
    table = samples.walk_table(found)
    assert table.loc["pixels fade", "unevenness"] == pytest.approx(1, abs=1e-3)
    assert samples.walk_verdict({"one": table})[0] == "not reproduced"  # untrained: the ends hardly differ


def test_an_object_that_moves_keeps_its_height_and_one_that_fades_does_not(scenes):
    first = scenes.pick(torch.tensor([0]))
    room = samples.empty_room(first.camera, 16)
    moved = room.repeat(1, 3, 1, 1)[:, :, None].clone()
    for at in range(3):
        moved[0, at, 0, 6:10, 1 + 5 * at : 5 + 5 * at] -= 0.3
    weight = torch.tensor([0.0, 0.5, 1.0]).view(1, 3, 1, 1, 1)
    faded = (1 - weight) * moved[:, :1] + weight * moved[:, -1:]
    table = samples.walk_table(samples.Walk(torch.zeros(1, 2, 3, 16, 16), moved, faded, first))
    assert table.loc["latents", "height"] == pytest.approx(1, abs=1e-3)
    assert table.loc["pixels fade", "height"] == pytest.approx(0.5, abs=1e-3)
    assert table.loc["pixels fade", "covered"] == pytest.approx(2)
    assert samples.walk_verdict({"one": table})[0] == "reproduced"
    assert samples.walk_verdict({"one": table.iloc[[1, 1]].set_axis(table.index)})[0] == "not reproduced"
