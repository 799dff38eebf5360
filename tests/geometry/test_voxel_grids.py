import math

import numpy as np
import pytest
import torch

from inverse_graphics.geometry.cameras import Camera
from inverse_graphics.geometry.voxel_grids import voxel_centres, voxel_surface, voxels_to_mesh, world_to_grid
from inverse_graphics.renderers.voxels import project_voxels, rotate_voxels


def block(front=slice(4, 10), rows=slice(2, 6), columns=slice(9, 14), side=16) -> torch.Tensor:
    voxels = torch.zeros(side, side, side)
    voxels[front, rows, columns] = 1.0
    return voxels


def test_centres_follow_the_convention():
    centres = voxel_centres(4, 4, 4)
    assert centres.shape == (4, 4, 4, 3)
    torch.testing.assert_close(centres[0, 0, 0], torch.tensor([-0.75, 0.75, 0.75]))  # near, top, left
    torch.testing.assert_close(centres[3, 3, 3], torch.tensor([0.75, -0.75, -0.75]))  # far, bottom, right
    assert centres.abs().max() < 1


def test_centres_and_grid_coordinates_are_inverse():
    voxels = torch.rand(5, 7, 6, generator=torch.Generator().manual_seed(0))
    grid = world_to_grid(voxel_centres(5, 7, 6), (5, 7, 6))
    sampled = torch.nn.functional.grid_sample(voxels[None, None], grid[None], align_corners=False)[0, 0]
    torch.testing.assert_close(sampled, voxels, atol=1e-5, rtol=0)


@pytest.mark.parametrize("bad", [0, -1, 2.0])
def test_centres_refuse_bad_sizes(bad):
    with pytest.raises(ValueError, match="height: expected a whole number"):
        voxel_centres(4, bad, 4)


def test_mesh_of_a_block_lies_where_the_block_lies():
    mesh = voxels_to_mesh(block(), 0.5)
    low, high = mesh.bounds
    # cells 9..13 of 16 along width, rows 2..5 downward, 4..9 deep; the surface at ½ runs along their faces
    np.testing.assert_allclose([low[0], high[0]], [9 / 8 - 1, 14 / 8 - 1], atol=1e-6)
    np.testing.assert_allclose([low[1], high[1]], [1 - 6 / 8, 1 - 2 / 8], atol=1e-6)
    np.testing.assert_allclose([low[2], high[2]], [1 - 10 / 8, 1 - 4 / 8], atol=1e-6)
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert 0.8 * 120 / 512 < mesh.volume < 120 / 512  # positive: faces outward; corners are cut a little


@pytest.mark.parametrize("shape", [(9, 9, 9), (6, 9, 7)])
def test_mesh_is_watertight_also_at_the_border(shape):
    voxels = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    mesh = voxels_to_mesh(voxels, 0.5)
    assert mesh.is_watertight and mesh.volume > 0
    full = voxels_to_mesh(torch.ones(shape), 0.5)
    assert full.is_watertight and full.volume > 0
    np.testing.assert_allclose(full.extents, 2 * np.array(shape[::-1]) / shape[1], atol=1e-6)


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
def test_mesh_seen_by_a_camera_covers_the_projection(degrees):
    voxels, angle = block(), math.radians(degrees)
    picture = project_voxels(voxels[None], angle)[0, 0] > 0.3
    vertices = torch.as_tensor(np.array(voxels_to_mesh(voxels).vertices), dtype=torch.float32)
    seen = (Camera(azimuth=angle).project(vertices)[:, :2] + 1) * 8  # column, row in pixels of 16
    rows, columns = torch.nonzero(picture, as_tuple=True)
    expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    found = [*seen.amin(0), *seen.amax(0)]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_mesh_and_rotated_voxels_agree_at_an_elevation():
    voxels = torch.zeros(24, 24, 24)
    voxels[5:9, 6:11, 13:18] = 1.0
    azimuth, elevation = math.radians(40), math.radians(30)
    rotated = rotate_voxels(voxels[None], azimuth, elevation)[0]
    centres = voxel_centres(24, 24, 24).reshape(-1, 3)
    centroid = (rotated.reshape(-1, 1) * centres).sum(0) / rotated.sum()  # in the viewer's frame
    mesh = voxels_to_mesh(voxels)
    middle = torch.as_tensor(mesh.center_mass, dtype=torch.float32)[None]
    column, row, depth = Camera(azimuth, elevation).project(middle)[0]
    torch.testing.assert_close(torch.stack((column, -row, 3.0 - depth)), centroid, atol=0.02, rtol=0)


def test_an_empty_grid_gives_an_empty_mesh():
    assert voxels_to_mesh(torch.zeros(4, 4, 4)).is_empty
    assert voxels_to_mesh(torch.full((4, 4, 4), 0.4), 0.5).is_empty
    assert voxels_to_mesh(torch.full((4, 4, 4), 0.5), 0.5).is_empty


@pytest.mark.parametrize(
    ("voxels", "threshold", "message"),
    [
        (torch.zeros(4, 4), 0.5, "voxels: expected shape"),
        (torch.full((4, 4, 4), 2.0), 0.5, "voxels: expected values in"),
        (torch.full((4, 4, 4), float("nan")), 0.5, "voxels: expected values in"),
        (torch.zeros(4, 4, 4), 0.0, "threshold: expected a number in"),
        (torch.zeros(4, 4, 4), float("nan"), "threshold: expected a number in"),
    ],
)
def test_mesh_refuses_bad_input(voxels, threshold, message):
    with pytest.raises(ValueError, match=message):
        voxels_to_mesh(voxels, threshold)


def test_the_surface_is_the_mesh_without_a_library():
    surface, mesh = voxel_surface(block()), voxels_to_mesh(block())
    assert len(surface.faces) == len(mesh.faces) and len(surface.vertices) == len(mesh.vertices)
    np.testing.assert_allclose(surface.vertices[surface.faces].sum((0, 1)), mesh.triangles.sum((0, 1)), rtol=1e-4)
    edges = torch.cat([surface.faces[:, [i, (i + 1) % 3]] for i in range(3)])
    assert torch.equal(edges.unique(dim=0), edges.flip(1).unique(dim=0)) and len(edges.unique(dim=0)) == len(edges)
    assert len(voxel_surface(torch.zeros(4, 4, 4)).faces) == 0
