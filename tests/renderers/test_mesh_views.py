import math

import numpy as np
import pytest
import torch
import trimesh

from inverse_graphics.datasets.rendered import AZIMUTHS
from inverse_graphics.geometry.voxel_grids import voxel_centres
from inverse_graphics.renderers.mesh_views import AMBIENT, REACH, normalise_mesh, render_views, voxelise
from inverse_graphics.renderers.voxels import project_voxels


def mesh(*parts):
    return trimesh.util.concatenate(parts)


def box(low, high):
    return trimesh.creation.box(bounds=[low, high])


def twisted():
    """No symmetry at all: a block, a longer arm to the right, another to the front and low, a post at the back left."""
    return normalise_mesh(
        mesh(
            box((-0.4, -0.4, -0.4), (0.4, 0.3, 0.4)),
            box((0.4, -0.1, -0.3), (1.2, 0.2, 0.1)),
            box((-0.3, -0.6, 0.4), (0.0, -0.2, 0.9)),
            box((-0.4, 0.3, -0.4), (-0.1, 1.0, -0.1)),
        )
    )


def overlap(a, b):
    return float((a & b).sum() / (a | b).sum())


def test_silhouettes_of_the_voxels_are_those_of_the_mesh_from_every_azimuth():
    shape = twisted()
    _, silhouettes = render_views(shape, AZIMUTHS.tolist())
    voxels = torch.from_numpy(voxelise(shape)).float().expand(12, -1, -1, -1)
    projected = project_voxels(voxels, AZIMUTHS)[:, 0].numpy() > 0.5
    agreement = [overlap(a, b > 127) for a, b in zip(projected, silhouettes, strict=True)]
    assert min(agreement) > 0.9
    mirrored = [overlap(a, b > 127) for a, b in zip(projected[::-1], silhouettes, strict=True)]
    assert min(mirrored) < 0.75  # the test would notice azimuths that run the other way


def test_azimuth_zero_looks_down_minus_z_with_x_to_the_right_and_y_up():
    corner = normalise_mesh(mesh(box((0.2, 0.5, -1), (0.6, 1, 1)), box((-1, -1, -0.1), (-0.9, -0.9, 0.1))))
    front, right = render_views(corner, [0.0, math.pi / 2])[1]
    rows, columns = np.nonzero(front)
    assert columns[rows < 10].min() > 14  # above: the block, to the right
    assert columns[rows > 18].max() < 14  # below: the small one, to the left
    # From +x the block is seen from its side, over the whole width.
    assert np.ptp(np.nonzero(right[:10].any(0))[0]) > 15


def test_light_comes_from_the_viewer_and_falls_on_both_sides():
    square = trimesh.Trimesh([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], [(0, 1, 2), (0, 2, 3)], process=False)
    shaded, _ = render_views(square, [0.0, math.pi, math.radians(60)])
    assert shaded[0, 14, 14] == shaded[1, 14, 14] == 255  # face on, from the front and from the back
    assert shaded[2, 14, 14] == pytest.approx(255 * (AMBIENT + (1 - AMBIENT) * 0.5), abs=1)  # cos 60°


def test_edges_are_antialiased_and_pictures_are_black_beside_the_shape():
    shaded, silhouettes = render_views(normalise_mesh(trimesh.creation.icosphere(3)), [0.3])
    assert silhouettes.dtype == shaded.dtype == np.uint8 and shaded.shape == (1, 28, 28)
    assert silhouettes.mean() / 255 == pytest.approx(math.pi * REACH**2 / 4, rel=0.01)
    assert ((silhouettes > 0) & (silhouettes < 255)).sum() > 20
    assert not shaded[silhouettes == 0].any()


def test_voxels_lie_where_the_grid_convention_says():
    ball = trimesh.creation.icosphere(4, radius=0.25).apply_translation((0.5, -0.3, 0.2))
    cells = torch.from_numpy(voxelise(ball))
    distance = (voxel_centres(28, 28, 28) - torch.tensor([0.5, -0.3, 0.2])).norm(dim=-1)
    assert cells[distance < 0.25 - 0.04].all() and not cells[distance > 0.25 + 0.06].any()
    assert cells.float().sum() == pytest.approx(4 / 3 * math.pi * (0.25 * 14) ** 3, rel=0.2)  # walls count whole


def test_a_hull_is_filled_and_an_open_cup_is_not():
    hollow = mesh(trimesh.creation.icosphere(3, radius=0.9), trimesh.creation.icosphere(3, radius=0.5))
    assert voxelise(hollow)[14, 14, 14]
    ring = [(1e-3, -0.9), (0.8, -0.9), (0.8, 0.9), (0.6, 0.9), (0.6, -0.6), (1e-3, -0.6)]
    cup = trimesh.creation.revolve(ring, sections=48)
    cup.vertices = cup.vertices[:, [0, 2, 1]] * (1, 1, -1)  # trimesh turns about z
    cells = voxelise(cup)
    assert not cells[14, :21, 14].any() and cells[14, 24:26, 14].all()  # the inside, up to the rim; the floor
    assert cells[14, 10, 3:5].all() and cells[14, 10, 23:25].all()  # walls


def test_a_sheet_without_thickness_leaves_no_holes():
    bowl = trimesh.creation.icosphere(4, radius=0.9)
    bowl = trimesh.Trimesh(bowl.vertices, bowl.faces[bowl.triangles_center[:, 1] < 0], process=False)
    _, silhouettes = render_views(bowl, AZIMUTHS.tolist())
    voxels = torch.from_numpy(voxelise(bowl)).float().expand(12, -1, -1, -1)
    projected = project_voxels(voxels, AZIMUTHS)[:, 0].numpy()
    assert (projected[silhouettes == 255] > 0.3).all()
    assert not voxelise(bowl)[14, 14:20, 14].any()  # and stays open


def test_thin_bars_stay_whole():
    bars = mesh(box((-0.5, -0.9, 0.02), (-0.46, 0.9, 0.06)), box((0.5, -0.9, -0.04), (0.57, 0.9, 0.04)))
    cells = voxelise(bars)
    assert cells[:, 2:26, :14].any((0, 2)).all() and cells[:, 2:26, 14:].any((0, 2)).all()


def test_faces_wound_either_way_make_no_difference():
    shape = twisted()
    flipped = trimesh.Trimesh(shape.vertices, shape.faces[:, ::-1], process=False)
    assert (voxelise(shape) == voxelise(flipped)).all()
    assert (render_views(shape, [0.5])[0] == render_views(flipped, [0.5])[0]).all()


def test_many_points_are_taken_in_parts(monkeypatch):
    whole = voxelise(twisted())
    monkeypatch.setattr("inverse_graphics.renderers.mesh_views.MOST_POINTS", 5000)
    assert (voxelise(twisted()) == whole).all()


@pytest.mark.parametrize("scale", [(1, 1, 1), (1, 5, 1), (5, 1, 1), (1e-6, 1e-6, 2e-6), (3e5, 1e5, 1e5)])
def test_a_normalised_mesh_fits_the_cylinder_and_touches_it(scale):
    shape = trimesh.creation.box((1, 1, 1)).apply_scale(scale).apply_translation((30, -7, 2))
    x, y, z = normalise_mesh(shape).vertices.T
    reach = max(np.hypot(x, z).max(), np.abs(y).max())
    assert reach == pytest.approx(REACH) and (y.max() + y.min()) == pytest.approx(0, abs=1e-9)


CORNERS = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (CORNERS, np.zeros((0, 3), int), "at least one face"),
        ([*CORNERS[:2], (0, math.nan, 0)], [(0, 1, 2)], "finite"),
        ([*CORNERS[:2], (0, math.inf, 0)], [(0, 1, 2)], "finite"),
        ([CORNERS[0]] * 3, [(0, 1, 2)], "extent"),
        (CORNERS, [(0, 1, 3)], "faces of vertices 0..2"),
    ],
)
def test_meshes_that_cannot_be_used_are_refused(vertices, faces, message):
    with pytest.raises(ValueError, match=message):
        normalise_mesh(trimesh.Trimesh(vertices, faces, process=False))


def test_stray_vertices_do_not_count():
    shape = trimesh.Trimesh([*CORNERS, (99, 0, 0), (math.nan, 0, 0)], [(0, 1, 2)], process=False)
    used = normalise_mesh(shape).vertices[:3]
    assert np.abs(used).max() > 0.4
