import pytest
import torch

from inverse_graphics.datasets import load
from inverse_graphics.experiments.head_judgement import TURNS, judge_heads, likeness, oval, seen_around
from inverse_graphics.models.voxels import VoxelAutoencoder, VoxelAutoencoderSettings

SMALL = {"latent": 5, "encoder_channels": 8, "decoder_channels": 8}
SOLID = VoxelAutoencoderSettings(**SMALL, symmetric=True, solid_head=True, encodes_azimuth=True)


def test_likeness_is_a_correlation_inside_the_oval():
    picture = torch.rand(2, 28, 28, generator=torch.Generator().manual_seed(0))
    other = picture.clone()
    other[:, ~oval()] = 0
    inside = torch.corrcoef(torch.stack([p[oval()] for p in picture]))[0, 1]
    torch.testing.assert_close(likeness(picture, 0.3 + 0.5 * other.where(oval(), picture)), torch.ones(2))
    torch.testing.assert_close(likeness(picture, other), torch.ones(2))
    torch.testing.assert_close(likeness(picture[:1], picture[1:]), inside[None])
    torch.testing.assert_close(likeness(picture, 1 - picture), -torch.ones(2))
    assert (likeness(picture, torch.full((1, 28, 28), 0.5)).abs() < 1e-5).all()
    assert 300 < oval().sum() < 400 and torch.equal(oval(), oval().flip(1))


def test_likeness_names_bad_pictures():
    with pytest.raises(ValueError, match=r"others: expected values in \[0, 1\]"):
        likeness(torch.zeros(1, 28, 28), torch.full((1, 28, 28), 2.0))


def test_heads_are_seen_around_their_middle_each_from_its_own_front():
    model = VoxelAutoencoder(SOLID).eval()
    latents = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    seen = seen_around(model, latents, torch.tensor([0.0, TURNS[3]]))
    assert seen.shape == (2, 12, 28, 28)
    torch.testing.assert_close(seen[1, 0], seen_around(model, latents[1:], torch.zeros(1))[0, 3])
    assert seen[:, :, 13, 13].min() > 0.3 and seen[:, :, 0, 0].max() < 0.05  # none is out of the middle


def test_numbers_of_heads_say_what_they_should_of_an_untrained_model():
    torch.manual_seed(0)
    model = VoxelAutoencoder(SOLID).eval().requires_grad_(False)
    model.encoder.azimuth.weight.zero_(), model.encoder.azimuth.bias.fill_(2.0)
    train, test = load("faces", "train", count=32), load("faces", "test", count=12)
    numbers = judge_heads(model, train, test)
    assert numbers["n"] == 12 and 0 < numbers["floor_mean_image_mse"] < numbers["mse"] < 0.5
    assert len(numbers["likeness"]) == len(numbers["face"]) == 12
    assert numbers["likeness"][0] == pytest.approx(1, abs=1e-4)
    assert numbers["mirrored_degrees"] > 300  # it sees all from the same side, also those mirrored
    assert numbers["relief_cells"] < 0.2
