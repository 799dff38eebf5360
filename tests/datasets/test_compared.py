import math

import numpy as np
import pytest
import torch
import trimesh

from inverse_graphics.datasets import compared
from inverse_graphics.datasets.compared import (
    ALBEDO,
    AMBIENT,
    DISTANCE,
    LIGHT_DISTANCE,
    REACH,
    cameras_at,
    lights_about,
    lit,
    load_compared,
    object_mesh,
    see,
    surface_points,
)
from inverse_graphics.renderers.mesh_views import voxelise
from inverse_graphics.renderers.surfels import back_project


@pytest.fixture(autouse=True)
def small(workspace, monkeypatch):
    monkeypatch.setattr(compared, "BLOCK", 2)
    monkeypatch.setattr(compared, "POINTS", 400)


def front():
    return cameras_at(torch.zeros(1), torch.zeros(1))


def test_more_objects_begin_with_the_same_and_come_from_the_cache(monkeypatch):
    two = load_compared("train", count=2, size=16)
    three = load_compared("train", count=3, size=16)
    assert len(three) == 3 and torch.equal(three.images[:2], two.images) and torch.equal(three.azimuth[:2], two.azimuth)
    assert three.labels.tolist() == [0, 1, 2] and two.truth is None
    monkeypatch.setattr(compared, "_object", None)  # making one would fail
    assert torch.equal(load_compared("train", count=3, size=16).images, three.images)
    assert three.provenance()["fingerprint"] != two.provenance()["fingerprint"]


def test_the_splits_show_other_objects():
    assert object_mesh("train", 0).vertices.shape != object_mesh("test", 0).vertices.shape or not np.allclose(
        object_mesh("train", 0).vertices, object_mesh("test", 0).vertices
    )
    assert np.linalg.norm(object_mesh("test", 4).vertices, axis=1).max() == pytest.approx(REACH)


def test_pictures_are_what_the_truth_looks_like():
    found = load_compared("test", count=2, size=24, truth=True)
    assert (0 <= found.elevation).all() and (found.elevation <= math.radians(30)).all()
    there = found.truth.seen.depth.isfinite()
    assert torch.equal(there, found.masks > 0) and 0.02 < there.float().mean() < 0.6
    torch.testing.assert_close(lit(found.truth.seen, found.camera, found.lights), found.images, atol=4e-3, rtol=0)
    assert found.images.max() < 0.99 and found.images[there.expand_as(found.images)].min() > 0.9 * ALBEDO * AMBIENT
    for index in range(2):  # what is seen lies on the surface, in the world
        depth = found.truth.seen.depth[index : index + 1]
        camera = found.camera[index : index + 1]
        seen = back_project(depth.nan_to_num(posinf=DISTANCE), camera)[0][:, there[index, 0]]
        world = camera.to_world(seen.mT[None])[0]
        assert torch.cdist(world, found.truth.points[index]).amin(1).max() < 0.25
        assert found.truth.cells[index].any()


def test_further_views_are_turned_and_stand_under_the_same_lights():
    found = load_compared("test", count=1, size=16, truth=True)
    for view, degrees in enumerate((45, -45, 90, 180)):
        cosine = torch.cos(
            found.azimuth + math.radians(degrees) - torch.atan2(*found.further(view).position[:, [0, 2]].T)
        )
        assert cosine.item() == pytest.approx(1, abs=1e-4)
        seen = compared.Seen(found.truth.further.depth[:, view], found.truth.further.normals[:, view])
        shown = lit(seen, found.further(view), found.lights)
        torch.testing.assert_close(shown, found.truth.further_images[:, view], atol=4e-3, rtol=0)


def test_a_box_is_seen_where_it_is():
    seen = see(trimesh.creation.box((0.8, 0.8, 0.8)), front(), 16)
    assert seen.depth[0, 0, 7:9, 7:9] == pytest.approx(np.full((2, 2), DISTANCE - 0.4), abs=0.01)
    torch.testing.assert_close(seen.normals[0, :, 8, 8], torch.tensor([0.0, 0.0, 1.0]))
    assert seen.depth[0, 0, 0, 0] == torch.inf and (seen.normals[0, :, 0, 0] == 0).all()
    empty = see(trimesh.Trimesh(), front(), 8)
    assert not empty.depth.isfinite().any() and not lit(empty, front(), lights_about(front())).any()


def test_lights_go_with_the_camera():
    camera = cameras_at(torch.tensor([0.3, 2.0]), torch.tensor([0.1, 0.4]))
    lights = lights_about(camera)
    torch.testing.assert_close(lights.positions.norm(dim=2), torch.full((2, 3), LIGHT_DISTANCE))
    places = camera.to_camera(lights.positions)
    torch.testing.assert_close(places[0], places[1], atol=1e-5, rtol=0)


def test_points_are_on_the_outside_alone():
    boxes = [trimesh.creation.box((1.6, 0.8, 0.8)), trimesh.creation.box((0.4, 0.4, 0.4))]  # one inside the other
    mesh = trimesh.util.concatenate(boxes)
    points = surface_points(mesh, voxelise(mesh, 28))
    assert points.shape == (400, 3) and torch.equal(points, surface_points(mesh, voxelise(mesh, 28)))
    assert (points.abs() >= torch.tensor([0.8, 0.4, 0.4]) - 1e-5).any(1).all()
    assert len(surface_points(trimesh.Trimesh(), np.zeros((28,) * 3, bool))) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split": "validation"}, "split: expected one of test, train"),
        ({"count": 0}, "count: expected a whole number, 1 or more"),
        ({"size": 4}, "size: expected a whole number from 8 to 256"),
    ],
)
def test_bad_arguments_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        load_compared(**{"split": "train", "count": 1} | changes)
