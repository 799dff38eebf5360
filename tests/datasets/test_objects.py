import numpy as np
import pytest
import torch

from inverse_graphics.datasets import objects
from inverse_graphics.datasets.objects import CATEGORIES, COUNTS, make_object, read_objects
from inverse_graphics.datasets.rendered import AZIMUTHS
from inverse_graphics.renderers.mesh_views import REACH, render_views, voxelise
from inverse_graphics.renderers.voxels import project_voxels


@pytest.fixture
def small(workspace, monkeypatch):
    """Three objects of a category in blocks of two."""
    monkeypatch.setattr(objects, "COUNTS", {"train": 3, "test": 2})
    monkeypatch.setattr(objects, "BLOCK", 2)


def test_a_prefix_shows_all_categories_and_renders_little(small):
    images, labels, source, truth = read_objects("shaded", "train", lambda total: torch.arange(total)[:72])
    assert images.shape == (72, 1, 28, 28) and 0 <= images.min() and images.max() <= 1
    assert labels.tolist() == [label for label in range(6) for _ in range(12)]
    assert len(truth.voxels) == 6 and "made up by this project" in source and "ModelNet" not in source


def test_number_of_pictures_and_styles(small):
    totals = []

    def few(total):
        totals.append(total)
        return torch.tensor([0, 1, 200])

    shaded, labels, _, _ = read_objects("shaded", "train", few)
    silhouette, *_ = read_objects("silhouette", "train", few)
    assert totals == [6 * 3 * 12] * 2 and labels.tolist() == [0, 0, 4]
    assert (silhouette >= shaded - 1e-6).all() and not torch.equal(silhouette, shaded)


def test_classes_restrict_and_keep_their_labels(small):
    _, labels, _, _ = read_objects("shaded", "test", torch.arange, classes=["chair", "cup"])
    assert len(labels) == 2 * 2 * 12
    assert set(labels.tolist()) == {CATEGORIES.index("cup"), CATEGORIES.index("chair")}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("style", ("line", "train", torch.arange)),
        ("split", ("shaded", "validation", torch.arange)),
        ("classes", ("shaded", "train", torch.arange, ("sofa",))),
    ],
)
def test_arguments_are_checked(workspace, name, arguments):
    with pytest.raises(ValueError, match=name):
        read_objects(*arguments)


@pytest.mark.parametrize("category", CATEGORIES)
def test_objects_are_seeded_and_differ(category):
    first, again, other = (make_object(category, "train", number) for number in (0, 0, 1))
    assert np.array_equal(first.vertices, again.vertices)
    assert not np.array_equal(first.vertices, other.vertices)
    assert not np.array_equal(first.vertices, make_object(category, "test", 0).vertices)


@pytest.mark.parametrize("category", CATEGORIES)
def test_objects_fit_the_view_and_their_voxels_their_pictures(category):
    for number in range(8):
        shape = make_object(category, "test", number)
        x, y, z = shape.vertices.T
        assert max(np.hypot(x, z).max(), np.abs(y).max()) == pytest.approx(REACH)
        assert len(shape.faces) < 20_000
        cells = voxelise(shape)
        assert 100 < cells.sum() < 12_000
        silhouettes = render_views(shape, AZIMUTHS[:4].tolist())[1] > 127
        projected = project_voxels(torch.from_numpy(cells).float().expand(4, -1, -1, -1), AZIMUTHS[:4])[:, 0] > 0.5
        agreement = (projected.numpy() & silhouettes).sum() / (projected.numpy() | silhouettes).sum()
        assert agreement > 0.75  # thin parts look thicker in voxels


@pytest.mark.parametrize(("category", "shallowest"), [("cup", 8), ("bowl", 3)])
def test_vessels_have_a_real_inside(category, shallowest):
    for number in range(COUNTS["test"] // 2):
        cells = voxelise(make_object(category, "test", number))
        top = np.flatnonzero(cells.any((0, 2)))[0]
        rim = cells[:, top + 1]
        depth = round(np.flatnonzero(rim.any(1)).mean())
        width = round(np.median(np.flatnonzero(rim.any(0))))
        assert not cells[depth, top : top + shallowest, width].any()  # open, down from the rim
        assert cells[depth, top + shallowest :, width].any()  # and with a floor
        run = np.flatnonzero(cells[depth, top + 2])
        assert run[1] == run[0] + 1  # a wall of two cells at least


def test_front_is_towards_plus_z():
    backs = [voxelise(make_object("chair", "test", number)) for number in range(10)]
    for cells in backs:
        upper = np.argwhere(cells[:, : np.flatnonzero(cells.any((0, 2)))[0] + 4])[:, 0]
        assert upper.mean() > 14  # the backrest is far from the viewer at azimuth 0, deep in the grid


def test_every_drawer_has_its_category():
    assert tuple(objects.DRAWERS) == CATEGORIES
