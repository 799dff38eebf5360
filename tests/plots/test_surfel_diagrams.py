import numpy as np
import pytest
import torch
import trimesh

from inverse_graphics.geometry.cameras import Camera
from inverse_graphics.geometry.depth_maps import Surfels
from inverse_graphics.plots.surfel_diagrams import (
    implicit_and_explicit,
    mesh_faces,
    pix2scene_diagram,
    surfel_patches,
    surfel_renderer_diagram,
    voxel_faces,
)


def test_patches_are_squares_of_their_size_in_the_plane_of_their_surfel():
    normals = torch.nn.functional.normalize(torch.tensor([[1.0, 2, 3], [0, 1, 0], [-1, 0, 0.1]]), dim=1)
    patches = surfel_patches(Surfels(torch.rand(3, 3), normals), torch.tensor([0.1, 0.2, 0.3]))
    sides = np.linalg.norm(np.roll(patches.corners, -1, 1) - patches.corners, axis=2)
    assert sides == pytest.approx(np.array([[0.1], [0.2], [0.3]]).repeat(4, 1), abs=1e-6)
    within = (patches.corners - patches.corners[:, :1]) @ patches.normals[:, :, None]
    assert np.abs(within).max() < 1e-6


def test_a_voxel_has_six_faces_around_it():
    faces = voxel_faces(torch.tensor([[1.0, 0, 0]]), 2.0)
    assert faces.corners.shape == (6, 4, 3) and np.abs(faces.corners - [1, 0, 0]).max() == 1
    outward = ((faces.corners.mean(1) - [1, 0, 0]) * faces.normals).sum(1)
    assert outward.tolist() == [1] * 6


def test_nearer_pieces_are_painted_last():
    ball = trimesh.creation.icosphere(1, 0.5)
    figure = implicit_and_explicit(
        {"mesh": (mesh_faces(ball), Camera(), 0.6), "again": (mesh_faces(ball), Camera(), 2)}
    )
    painted = figure.axes[0].collections[0]
    depths = [-ball.triangles[i].mean(0)[2] for i in range(len(ball.faces))]
    last = painted.get_paths()[-1].vertices[:3]
    nearest = ball.triangles[int(np.argmin(depths))]
    assert np.sort(last[:, 0]) == pytest.approx(np.sort(nearest[:, 0]), abs=0.2)  # one of the nearest few
    assert [axes.get_title() for axes in figure.axes] == ["mesh", "again"]


def test_diagrams_say_what_runs():
    assert len(surfel_renderer_diagram().axes) == 2
    images = {name: np.zeros((4, 4, 3)) for name in ("input", "normals", "image")} | {"depth": np.zeros((4, 4))}
    names = ("encoder", "decoder", "critic")
    figure = pix2scene_diagram(dict.fromkeys(names, (8, 16)), dict.fromkeys(names, 2_500_000), images)
    told = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert told.count("8–16") == 3 and told.count("2.5 M") == 3
