import math

import pytest
import torch

from inverse_graphics.geometry.meshes import Mesh
from inverse_graphics.geometry.voxel_grids import voxel_surface
from inverse_graphics.renderers import lit_meshes
from inverse_graphics.renderers.lit_meshes import lit_picture, vertex_normals
from inverse_graphics.renderers.meshes import render_mesh


def ball(side=20, radius=7.0):
    at = torch.arange(side) - (side - 1) / 2
    distance = torch.stack(torch.meshgrid(at, at, at, indexing="ij")).norm(dim=0)
    return voxel_surface((0.5 + (radius - distance) / 2).clamp(0, 1))


def test_a_ball_is_a_disc_lit_from_the_upper_left():
    picture = lit_picture(ball(), size=48)
    assert picture.shape == (3, 48, 48) and picture.min() >= 0 and picture.max() <= 1
    covered = (picture < 1).any(0)
    assert covered[24, 24] and not covered[0, 0]
    assert 0.55 < covered.float().mean() < 0.8  # π/4 · 0.95² = 0.71, a little less in perspective
    assert picture[:, 12, 16].mean() > picture[:, 36, 32].mean() + 0.2


def test_azimuth_and_elevation_walk_the_viewer():
    mesh = ball()
    right = torch.where(mesh.vertices[:, :1] > 0, torch.tensor([1.0, 0, 0]), torch.tensor([0, 0, 1.0]))
    mesh = mesh._replace(colours=right)  # red on +x, blue on −x

    def redness(**view):
        red, _, blue = lit_picture(mesh, size=32, **view)[:, 10:22, 10:22].mean((1, 2))
        return (red - blue).item()

    assert redness(azimuth=math.pi / 2) > 0.3 and redness(azimuth=-math.pi / 2) < -0.3
    assert abs(redness(elevation=1.2)) < 0.1


def test_normals_of_a_ball_point_outward():
    mesh = ball()
    normals = vertex_normals(mesh.vertices, mesh.faces)
    assert ((normals * torch.nn.functional.normalize(mesh.vertices, dim=1)).sum(1) > 0.95).all()


def test_a_closed_mesh_looks_the_same_without_the_faces_turned_away(monkeypatch):
    drawn = []
    monkeypatch.setattr(lit_meshes, "render_mesh", lambda *a: drawn.append(len(a[1])) or render_mesh(*a))
    mesh = ball()
    for azimuth in (0.0, 0.7, 3.0):
        picture, same = (lit_picture(mesh, azimuth, 0.4, 64, closed=closed) for closed in (False, True))
        torch.testing.assert_close(picture, same)
        assert drawn[-1] < 0.6 * drawn[-2]


def test_a_frame_keeps_the_scale():
    mesh = ball()
    small = lit_picture(mesh, size=32, frame=2 * mesh.vertices)
    assert (small < 1).float().mean() < 0.4 * (lit_picture(mesh, size=32) < 1).float().mean()


@pytest.mark.parametrize(
    ("mesh", "options", "message"),
    [
        (Mesh(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64)), {}, "at least one face"),
        (Mesh(torch.ones(3, 3), torch.tensor([[0, 1, 2]])), {}, "mesh: expected an extent"),
        (Mesh(torch.eye(3), torch.tensor([[0, 1, 1]])), {}, "three corners"),
        (Mesh(torch.eye(3), torch.tensor([[0, 1, 2]])), {"size": 4}, "size: expected 8 to 2048"),
        (Mesh(torch.eye(3), torch.tensor([[0, 1, 2]])), {"elevation": math.pi / 2}, "elevation: expected less than 90"),
    ],
)
def test_what_cannot_be_drawn_is_refused(mesh, options, message):
    with pytest.raises(ValueError, match=message):
        lit_picture(mesh, **options)
