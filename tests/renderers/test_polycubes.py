"""Polycube pictures against a loop over pixels and cubes, and against trimesh's ray casting of the same cubes."""

import math

import numpy as np
import pytest
import torch
import trimesh

from inverse_graphics.datasets.polycubes import draw_polycubes
from inverse_graphics.geometry.cameras import Camera
from inverse_graphics.renderers.polycubes import Views, as_boxes, cast, render_polycubes
from inverse_graphics.renderers.shading import Lights
from support.naive_polycubes import naive_picture

BATCH = 6


@pytest.fixture(scope="module")
def scene():
    """Cells, views and lights (three, fall-off 1/d)."""
    generator = torch.Generator().manual_seed(7)

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(BATCH, *shape, generator=generator)

    views = Views(
        uniform(0, 2 * math.pi),
        uniform(-1.5, 1.5),
        uniform(1.1, 1.4),
        uniform(0.8, 1.2),
        uniform(-0.2, 0.2, 2),
    )
    positions = torch.cat((torch.zeros(BATCH, 1, 3), uniform(-0.6, 0.6, 2, 3)), 1)
    lights = Lights(
        views.to_world(positions), uniform(0.1, 0.6, 3, 3), torch.zeros(BATCH, 3), linear=1.0, quadratic=0.0
    )
    return draw_polycubes(BATCH), views, lights


def test_pictures_are_those_of_a_loop_over_pixels_and_cubes(scene):
    cells, views, lights = scene
    size = 24
    pictures = render_polycubes(cells, views, lights, size=size, albedo=0.5, background=0.1)
    hits = cast(*as_boxes(cells), views, size, torch.full((BATCH,), 1.85))
    differing = 0
    for i in range(BATCH):
        where = (view[i].double().numpy() for view in vars(views).values())
        lamps = list(zip(lights.positions[i].double().numpy(), lights.colours[i].double().numpy(), strict=True))
        picture, depth = naive_picture(cells[i], *where, lamps, size, 0.5, 0.1, 1.85)
        seen = hits.seen[i].numpy()
        both = seen & np.isfinite(depth)
        np.testing.assert_allclose(hits.steps[i].numpy()[both], depth[both], atol=2e-5)
        differing += (np.abs(pictures[i].numpy() - picture).max(0) > 1e-4).sum()
        differing += (seen != np.isfinite(depth)).sum()
    assert differing <= 2  # rays that meet an edge to within rounding


def test_silhouette_and_depth_are_those_of_trimesh(scene):
    cells, _, _ = scene
    size = 48
    for i in range(2):
        azimuth, elevation, distance, field_of_view = 0.7 + i, 0.4 - i, 1.2, math.radians(60)
        views = Views(
            *(torch.tensor([value]) for value in (azimuth, elevation, distance, field_of_view)), torch.zeros(1, 2)
        )
        hits = cast(*as_boxes(cells[i : i + 1]), views, size, torch.tensor([1.85]))
        cubes = cells[i].unique(dim=0).double().numpy()
        low, high = cubes.min(0), cubes.max(0) + 1
        mesh = trimesh.util.concatenate(
            [trimesh.creation.box((1, 1, 1), trimesh.transformations.translation_matrix(cube + 0.5)) for cube in cubes]
        )
        mesh.apply_translation(-(low + high) / 2)
        mesh.apply_scale(1 / (high - low).max())
        origins, rays = Camera(azimuth, elevation, distance, field_of_view).rays(
            size, size, torch.zeros((), dtype=torch.float64)
        )
        points, numbers, _ = mesh.ray.intersects_location(
            origins.reshape(-1, 3).numpy(), rays.reshape(-1, 3).numpy(), multiple_hits=False
        )
        depth = np.full(size * size, np.inf)
        depth[numbers] = np.linalg.norm(points - origins.reshape(-1, 3).numpy()[numbers], axis=1)
        ours = (hits.points[0] - views.position()[0, :, None, None]).norm(dim=0).flatten().numpy()
        seen = hits.seen[0].flatten().numpy()
        assert (seen != np.isfinite(depth)).sum() <= 2
        both = seen & np.isfinite(depth)
        assert both.sum() > 200
        assert (np.abs(ours - depth)[both] > 1e-4).sum() <= 2


def test_boxes_cover_the_cubes_and_nothing_else():
    cells = draw_polycubes(50, seed=3)
    low, high = as_boxes(cells)
    assert low.shape[1] < 9  # fewer than cubes
    for cubes, lower, upper in zip(cells, low, high, strict=True):
        cubes = cubes.unique(dim=0) - cubes.amin(0)
        size = cubes.amax(0) + 1
        lower, upper = ((corner * size.amax() + size / 2).round().long() for corner in (lower, upper))
        grid = torch.zeros(*size.tolist(), dtype=torch.bool)
        for a, b in zip(lower.tolist(), upper.tolist(), strict=True):
            grid[a[0] : b[0], a[1] : b[1], a[2] : b[2]] = True
        assert torch.equal(grid.nonzero(), cubes)
    assert torch.allclose((high.amax(1) - low.amin(1)).amax(1), torch.ones(50))
    assert torch.allclose(high.amax(1), -low.amin(1))


def test_a_batch_is_its_pictures_one_by_one(scene):
    cells, views, lights = scene
    together = render_polycubes(cells, views, lights, size=16)
    alone = [render_polycubes(cells[i : i + 1], views[i : i + 1], lights[i : i + 1], size=16) for i in range(BATCH)]
    assert torch.allclose(together, torch.cat(alone), atol=1e-6)


def test_more_samples_are_the_mean_of_a_larger_picture(scene):
    large = render_polycubes(*scene, size=32)
    smooth = render_polycubes(*scene, size=16, samples=2)
    assert torch.allclose(smooth, torch.nn.functional.avg_pool2d(large, 2), atol=1e-6)


def test_a_rotated_object_under_a_rotated_camera_is_the_same_picture(scene):
    cells, views, lights = scene
    turned = cells[..., [2, 1, 0]] * torch.tensor([1, 1, -1])  # a quarter turn about y: (x, z) → (z, −x)
    other = Views(views.azimuth + math.pi / 2, views.elevation, views.distance, views.field_of_view, views.shift)
    quarter = torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    moved = Lights(lights.positions @ quarter.T, lights.colours, lights.ambient, 1.0, 0.0)
    a, b = render_polycubes(cells, views, lights, size=32), render_polycubes(turned, other, moved, size=32)
    assert ((a - b).abs().amax(1) > 1e-3).float().mean() < 0.002


def test_an_axis_aligned_view_has_no_holes():
    """Rays along faces: the direction's 0 must not make NaN."""
    bar = torch.tensor([[[0, 0, 0], [1, 0, 0], [2, 0, 0]]])
    views = Views(*(torch.tensor([value]) for value in (0.0, 0.0, 1.2, 1.0)), torch.zeros(1, 2))
    hits = cast(*as_boxes(bar), views, 33, torch.tensor([1.85]))
    assert torch.isfinite(hits.points).all()
    rows, columns = hits.seen[0].nonzero().unbind(1)
    assert hits.seen[0].sum() == (rows.amax() - rows.amin() + 1) * (columns.amax() - columns.amin() + 1) > 100
    assert (hits.normals[0, 2][hits.seen[0]] == 1).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 0}, "size: expected a whole number, 1 or more; got 0"),
        ({"samples": 1.5}, "samples: expected a whole number"),
        ({"albedo": 2.0}, "albedo: expected values in"),
        ({"background": torch.zeros(5)}, "background: expected a number"),
        ({"radius": 1.0}, "views: expected cameras inside the sphere"),
    ],
)
def test_what_cannot_be_drawn_is_named(scene, changes, message):
    with pytest.raises(ValueError, match=message):
        render_polycubes(*scene, **({"size": 8} | changes))


def test_a_camera_inside_the_object_and_odd_batches_are_refused(scene):
    cells, views, lights = scene
    with pytest.raises(ValueError, match="views: expected one for each of 6"):
        render_polycubes(cells, views[:2], lights)
    near = Views(*(torch.tensor([value]) for value in (0.0, 0.0, 0.1, 1.0)), torch.zeros(1, 2))
    with pytest.raises(ValueError, match="views: expected cameras outside the objects, got camera 0 in one"):
        render_polycubes(torch.tensor([[[0, 0, 0]]]), near, lights[:1])
    with pytest.raises(ValueError, match="field_of_view"):
        Views(*(torch.tensor([value]) for value in (0.0, 0.0, 1.0, 4.0)), torch.zeros(1, 2))
