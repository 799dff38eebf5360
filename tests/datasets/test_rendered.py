import math

import numpy as np
import pytest
import torch
import trimesh

from inverse_graphics.datasets import rendered
from inverse_graphics.datasets.images import DatasetError
from inverse_graphics.datasets.rendered import AZIMUTHS, Block, Entry, cache_file, grid_silhouettes, read, render
from inverse_graphics.renderers.mesh_views import normalise_mesh
from inverse_graphics.renderers.voxels import project_voxels


def shapes():
    """A mesh, a grid, and one that cannot be used."""
    yield normalise_mesh(trimesh.creation.box((1, 2, 3)))
    yield None
    grid = np.zeros((28, 28, 28), bool)
    grid[5:20, 4:20, 10:16] = True
    yield grid


class Counted:
    """A block that counts how often it is rendered."""

    def __init__(self, name="test", key="a", made=shapes, size=3):
        self.times = 0
        self._made = made
        self.block = Block(name, key, size, self._shapes)

    def _shapes(self):
        self.times += 1
        return self._made()


@pytest.fixture
def counted(workspace):
    return Counted()


def entries(block, labels=(0, 1, 2)):
    return [Entry(label, block, i) for i, label in enumerate(labels)]


def test_pictures_go_by_object_then_view(counted):
    images, labels, truth, unusable = read(entries(counted.block), "shaded", torch.arange)
    assert images.shape == (24, 1, 28, 28) and images.dtype == torch.float32  # the second of three cannot be used
    assert labels.tolist() == [0] * 12 + [2] * 12 and unusable == 1
    assert truth.objects.tolist() == [0] * 12 + [1] * 12 and len(truth.voxels) == 2
    degrees = torch.rad2deg(truth.azimuths[:12]).round().int().tolist()
    assert degrees == [0, 30, 60, 90, 120, 150, -180, -150, -120, -90, -60, -30]
    assert (truth.azimuths >= -math.pi).all() and (truth.azimuths < math.pi).all()


def test_truth_projects_to_the_pictures(counted):
    images, _, truth, _ = read(entries(counted.block), "silhouette", torch.arange)
    projected = project_voxels(truth.voxels[truth.objects].float(), truth.azimuths) > 0.5
    seen = images > 0.5
    overlap = (projected & seen).sum((1, 2, 3)) / (projected | seen).sum((1, 2, 3))
    assert overlap.min() > 0.9


def test_pictures_come_in_the_order_chosen(counted):
    everything = read(entries(counted.block), "shaded", torch.arange)[0]
    wanted = torch.tensor([30, 3, 3, 25, 14])  # 14 shows the unusable object
    images, labels, truth, unusable = read(entries(counted.block), "shaded", lambda total: wanted)
    assert torch.equal(images, everything[[18, 3, 3, 13]])
    assert labels.tolist() == [2, 0, 0, 2] and truth.objects.tolist() == [1, 0, 0, 1] and unusable == 1


def test_only_the_blocks_needed_are_rendered(workspace):
    first, second = Counted("first"), Counted("second")
    both = entries(first.block) + entries(second.block)
    read(both, "shaded", lambda total: torch.arange(total)[:5])
    assert (first.times, second.times) == (1, 0)


def test_a_block_is_rendered_once_and_again_when_its_sources_change(counted):
    before = render([counted.block])[0]
    after = render([counted.block])[0]
    assert counted.times == 1 and all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    changed = Counted(key="b")
    render([changed.block])
    assert changed.times == 1


def test_a_new_version_of_the_renderer_renders_again(counted, monkeypatch):
    render([counted.block])
    monkeypatch.setattr(rendered, "VERSION", rendered.VERSION + 1)
    render([counted.block])
    assert counted.times == 2


def cut(data):
    return data[: len(data) // 2]


def flip(data):
    return data[:-100] + bytes([data[-100] ^ 255]) + data[-99:]


@pytest.mark.parametrize("damage", [cut, flip, lambda data: b"", lambda data: b"\xff" * 200])
def test_a_damaged_cache_is_made_again(counted, damage):
    before = render([counted.block])[0]
    file = cache_file(counted.block)
    file.write_bytes(damage(file.read_bytes()))
    after = render([counted.block])[0]
    assert counted.times == 2 and all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    render([counted.block])
    assert counted.times == 2


def test_an_interrupted_rendering_leaves_nothing_behind(workspace):
    def interrupted():
        yield normalise_mesh(trimesh.creation.box((1, 1, 1)))
        raise KeyboardInterrupt

    done, broken = Counted("done"), Counted("broken", made=interrupted)
    with pytest.raises(KeyboardInterrupt):
        render([done.block, broken.block])
    assert list(rendered.cache_folder().iterdir()) == [cache_file(done.block)]  # what was done by then is kept


def test_pictures_come_even_if_they_cannot_be_cached(counted, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr("inverse_graphics.datasets.block_cache.write_tensors", full)
    assert render([counted.block])[0].usable.tolist() == [True, False, True]
    assert "not cached (no space left)" in capsys.readouterr().err
    assert not cache_file(counted.block).exists()


def test_progress_is_shown_only_while_rendering(counted, capsys):
    render([counted.block])
    assert "Rendering" in capsys.readouterr().err
    render([counted.block])
    assert capsys.readouterr().err == ""


def test_no_usable_object_is_an_error(workspace):
    nothing = Counted(made=lambda: iter([None]), size=1)
    with pytest.raises(DatasetError, match="none of the 1 objects can be used"):
        read(entries(nothing.block, (0,)), "shaded", torch.arange)


def test_a_block_of_the_wrong_size_is_an_error(workspace):
    with pytest.raises(DatasetError, match="expected 4 objects, got 3"):
        render([Counted(size=4).block])


def test_style_is_checked(counted):
    with pytest.raises(ValueError, match="style"):
        read(entries(counted.block), "wireframe", torch.arange)
    assert counted.times == 0


def test_round_robin_takes_one_of_each_in_turn():
    assert rendered.round_robin(["ad", "b", "cef"]) == list("abcdef")
    assert rendered.round_robin([]) == []


@pytest.mark.parametrize("classes", ["chair", (), ("sofa",), ("chair", 3)])
def test_classes_are_checked(classes):
    with pytest.raises(ValueError, match="classes"):
        rendered.restrict(classes, ("cup", "chair"))


def test_classes_keep_the_order_of_the_labels():
    assert rendered.restrict(["chair", "cup"], ("cup", "bowl", "chair")) == ("cup", "chair")
    assert rendered.restrict(None, ("cup", "bowl")) == ("cup", "bowl")


def test_silhouettes_of_cells_are_white_however_thin_they_are():
    grid = np.zeros((1, 28, 28, 28), bool)
    grid[0, 14, 5:20, 6:20] = True  # one cell deep
    views = grid_silhouettes(grid)[0]
    assert views.shape == (12, 28, 28) and views.dtype == np.uint8
    assert (views[0] == 255 * grid[0, 14]).all() and (views[6] == views[0][:, ::-1]).all()
    assert (views[3].sum(1)[5:20] == 255).all()  # edge on: one column, as wide as the cell
    # From 30° it is as wide as its shadow, white inside and grey at most in a column at either side.
    row = views[1][10] / 255
    assert row.sum() == pytest.approx(14 * math.cos(math.pi / 6) + math.sin(math.pi / 6), abs=0.3)
    assert ((row > 0) & (row < 1)).sum() <= 2


def test_silhouettes_of_cells_agree_with_rays_through_a_naive_rotation():
    grid = np.random.default_rng(0).random((28, 28, 28)) < 0.02
    index = np.arange(28) - 13.5
    grid &= np.hypot(index[:, None, None], index[None, None, :]) < 13
    seen = grid_silhouettes(grid[None])[0] / 255
    for azimuth, view in zip(AZIMUTHS.tolist(), seen, strict=True):
        expected = np.zeros((28, 28 * rendered.RAYS), bool)
        across = (np.arange(28 * rendered.RAYS) + 0.5) / rendered.RAYS - 14
        for depth in np.arange(-20, 20, 0.05):  # walk along the rays
            w = across * math.cos(azimuth) - depth * math.sin(azimuth)
            d = across * math.sin(azimuth) + depth * math.cos(azimuth)
            cells = np.floor(np.stack([d, w]) + 14).astype(int)
            inside = ((cells >= 0) & (cells < 28)).all(0)
            d, w = cells.clip(0, 27)
            expected |= grid[d, :, w].T & inside
        missed = view - expected.reshape(28, 28, -1).mean(-1)
        assert missed.min() > -0.01 and missed.mean() < 0.01  # the walker steps over corners, and sees nothing more
