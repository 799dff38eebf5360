import pytest
import torch
import trimesh

from inverse_graphics.experiments.representations import fineness, orbit, surfels_of, verdict

BALL = trimesh.creation.icosphere(3, 0.6)


def test_surfels_of_a_ball_lie_on_it_with_its_normals():
    surfels, sizes = surfels_of(BALL, orbit(3.0))
    assert len(surfels.points) > 200
    assert (surfels.points.norm(dim=1) - 0.6).abs().max() < 0.01
    assert (surfels.points / 0.6 * surfels.normals).sum(1).min() > 0.99
    position = orbit(3.0).rays(1, 1)[0][0, 0]
    assert ((position - surfels.points) * surfels.normals).sum(1).min() > -1e-6
    assert (sizes > 0).all()


def test_a_camera_nearer_sees_more_and_smaller_surfels():
    table = fineness(BALL, torch.ones(4, 4, 4, dtype=torch.bool), (2, 4))
    far, near = table.loc["surfels, camera at 4"], table.loc["surfels, camera at 2"]
    assert near["primitives"] > 3 * far["primitives"] and far["size"] / near["size"] > 1.9
    assert table.loc["voxels, 4³"].tolist() == [64, 0.5]
    assert verdict(table, "surfels, camera at 2", "surfels, camera at 4", 2.0)[0] == "reproduced"
    assert verdict(table, "mesh", "mesh", 2.0)[0] == "not reproduced"


def test_a_camera_that_looks_away_has_no_surfels():
    with pytest.raises(ValueError, match="distance"):
        orbit(0.0)
    assert len(surfels_of(trimesh.creation.icosphere(1, 1e-3), orbit(5.0), side=4).surfels.points) == 0
