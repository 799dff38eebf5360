import math

import pytest
import torch

from inverse_graphics.datasets import heads, load
from inverse_graphics.datasets.heads import render_made_up


@pytest.fixture(scope="module", params=["heads", "toy_cars"])
def made(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inverse_graphics.paths.DATA", tmp_path_factory.mktemp("data"))
        patch.setattr(heads, "BLOCK", 8)
        yield request.param, render_made_up(request.param, "train", 12, 32)


def test_pictures_and_truth_belong_together(made):
    _, found = made
    assert found.images.shape == (12, 3, 32, 32) and found.depth.shape == (12, 1, 32, 32)
    assert 0 <= found.images.min() and found.images.max() <= 1
    met = found.depth.isfinite()
    assert (0.1 < met.float().mean((1, 2, 3))).all() and (met.float().mean((1, 2, 3)) < 0.8).all()
    assert found.depth[met].min() > 2.9 and found.depth[met].max() < 5.1  # the camera is 4 from a ball of radius 1
    azimuth, elevation = found.views.unbind(1)
    assert azimuth.abs().max() <= math.radians(45) and elevation.abs().max() <= math.radians(15)
    assert len({image.numpy().tobytes() for image in found.images}) == 12


def test_more_begin_with_the_same_and_splits_differ(workspace, monkeypatch, made):
    kind, found = made
    monkeypatch.setattr(heads, "BLOCK", 8)
    fewer, other = (render_made_up(kind, split, 3, 32) for split in ("train", "test"))
    assert torch.equal(fewer.images, found.images[:3]) and not torch.allclose(other.images, fewer.images)
    monkeypatch.setattr(heads, "render_mesh", None)  # rendering would fail
    assert torch.equal(render_made_up(kind, "train", 3, 32).depth, fewer.depth)


def test_a_nose_is_nearer_than_the_rest_of_the_face(workspace, monkeypatch):
    """Seen from the front, the nearest point of most heads lies in the middle, and they are about symmetric."""
    monkeypatch.setattr(heads, "BLOCK", 8)
    monkeypatch.setattr(heads, "AZIMUTH", 0.0)
    monkeypatch.setattr(heads, "ELEVATION", 0.0)
    depth = render_made_up("heads", "test", 8, 48).depth[:, 0]
    nearest = depth.flatten(1).argmin(1)
    row, column = nearest // 48, nearest % 48
    assert ((column - 23.5).abs() < 4).float().mean() > 0.8 and ((row > 20) & (row < 36)).float().mean() > 0.8
    both = depth.isfinite() & depth.flip(2).isfinite()
    assert (depth - depth.flip(2))[both].abs().median() < 0.03


def test_the_catalogue_gives_them_at_any_size(workspace, monkeypatch):
    monkeypatch.setattr(heads, "BLOCK", 8)
    found = load("toy_cars", "test", count=3, size=24)
    assert found.images.shape == (3, 3, 24, 24) and found.class_names == ("car",)
    with pytest.raises(ValueError, match="kind: expected one of heads, toy_cars"):
        render_made_up("buses", "train", 1, 32)
