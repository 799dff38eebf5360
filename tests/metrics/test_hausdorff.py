import math

import pytest
import torch
import torch.nn.functional as F

from inverse_graphics.metrics.hausdorff import depth_errors, hausdorff, normal_angles


def draw(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def grid(size=4, spacing=1.0):
    """Points of a plane, `spacing` apart: (1, 3, size, size)."""
    place = torch.arange(size) * spacing
    x, y = torch.meshgrid(place, place, indexing="ij")
    return torch.stack((x, y, torch.zeros_like(x)))[None]


def sphere(radius, size=40):
    """About evenly spread points of a sphere around the origin."""
    index = torch.arange(size * size) + 0.5
    height, turn = 1 - 2 * index / size**2, math.pi * (1 + 5**0.5) * index
    flat = (1 - height**2).sqrt()
    return radius * torch.stack((flat * turn.cos(), height, flat * turn.sin())).view(1, 3, size, size)


def test_a_set_is_at_no_distance_from_itself_in_any_order():
    points = draw(2, 3, 5, 6)
    for other in (points, points.flip(3), points.transpose(2, 3)):
        assert all((value == 0).all() for value in hausdorff(points, other))


def test_it_counts_like_a_loop():
    ours, truth = draw(2, 3, 4, 5), draw(2, 3, 3, 2, seed=1)
    found = hausdorff(ours, truth)
    for b in range(2):
        a, t = ours[b].flatten(1).T.tolist(), truth[b].flatten(1).T.tolist()
        there = [min(math.dist(p, q) for q in t) for p in a]
        back = [min(math.dist(p, q) for q in a) for p in t]
        expected = (max(there), max(back), sum(there) / 20, sum(back) / 6)
        assert [value[b].item() for value in found] == pytest.approx(expected, rel=1e-5)


def test_a_set_moved_by_less_than_half_its_spacing_is_that_far_away():
    moved = grid() + torch.tensor([0.3, 0.0, 0.4])[:, None, None]
    assert all(value.item() == pytest.approx(0.5) for value in hausdorff(moved, grid()))


def test_a_subset_is_at_no_distance_and_misses_the_rest():
    half = grid()[:, :, :2]  # x is 0 or 1; the truth goes on to 3
    found = hausdorff(half, grid())
    assert [value.item() for value in found] == pytest.approx([0, 2, 0, 3 / 4])
    swapped = hausdorff(grid(), half)
    assert (swapped.forward, swapped.reverse) == (found.reverse, found.forward)
    assert (swapped.mean_forward, swapped.mean_reverse) == (found.mean_reverse, found.mean_forward)


def test_one_stray_surfel_sets_the_maximum_and_hardly_the_mean():
    stray = grid(10).clone()
    stray[0, 2, 5, 5] = 7.0
    found = hausdorff(stray, grid(10))
    assert (found.forward.item(), found.reverse.item()) == pytest.approx((7.0, 1.0))
    assert (found.mean_forward.item(), found.mean_reverse.item()) == pytest.approx((0.07, 0.01))


def test_spheres_are_as_far_apart_as_their_radii():
    found = hausdorff(sphere(0.5), sphere(0.3))
    assert all(value.item() == pytest.approx(0.2, abs=1e-4) for value in found)
    both = hausdorff(torch.cat((sphere(0.5), sphere(0.4))), torch.cat((sphere(0.3), sphere(0.4))))
    assert both.forward.tolist() == pytest.approx([0.2, 0], abs=1e-4)


def test_scale_is_that_of_the_world():
    ours, truth = draw(1, 3, 4, 4), draw(1, 3, 4, 4, seed=1)
    for one, scaled in zip(hausdorff(ours, truth), hausdorff(3 * ours, 3 * truth), strict=True):
        torch.testing.assert_close(scaled, 3 * one)


def test_depth_errors_are_mean_squares_of_each_picture():
    depth = torch.zeros(2, 1, 2, 2)
    truth = torch.tensor([[1.0, 0.0, 0.0, 2.0], [0.5, 0.5, 0.5, 0.5]]).view(2, 1, 2, 2)
    assert depth_errors(depth, truth).tolist() == pytest.approx([5 / 4, 0.25])
    assert (depth_errors(truth, truth) == 0).all()


@pytest.mark.parametrize("degrees", [0.0, 0.01, 30.0, 90.0, 179.99])
def test_angles_of_turned_normals(degrees):
    normals = F.normalize(draw(2, 3, 4, 5).double() - 0.5, dim=1)
    aside = F.normalize(torch.linalg.cross(normals, draw(2, 3, 4, 5, seed=1).double(), dim=1), dim=1)
    turned = math.cos(math.radians(degrees)) * normals + math.sin(math.radians(degrees)) * aside
    assert normal_angles(turned, normals).tolist() == pytest.approx([degrees] * 2, abs=1e-6)


def test_angles_are_averaged_over_the_picture():
    normals = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    truth = normals.clone()
    truth[0, :, 0, 0] = torch.tensor([1.0, 0.0, 0.0])
    assert normal_angles(normals, truth).item() == pytest.approx(22.5)


@pytest.mark.parametrize(
    ("measure", "ours", "truth", "message"),
    [
        (hausdorff, torch.zeros(2, 4, 3), torch.zeros(2, 3, 4, 4), "reconstruction: expected shape"),
        (hausdorff, torch.zeros(2, 3, 4, 4), torch.zeros(3, 3, 4, 4), r"truth: expected shape \(2, 3, H, W\)"),
        (hausdorff, torch.full((1, 3, 2, 2), math.nan), torch.zeros(1, 3, 2, 2), "reconstruction: expected finite"),
        (hausdorff, torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), math.inf), "truth: expected finite"),
        (depth_errors, torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4), "depth: expected shape"),
        (depth_errors, torch.zeros(2, 1, 4, 4), torch.zeros(1, 1, 4, 4), r"truth: expected shape \(2, 1, 4, 4\)"),
        (depth_errors, torch.full((1, 1, 2, 2), math.inf), torch.zeros(1, 1, 2, 2), "depth: expected finite"),
        (depth_errors, torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), math.nan), "truth: expected finite"),
        (normal_angles, torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4), "normals: expected shape"),
        (normal_angles, torch.ones(1, 3, 4, 4) / 3**0.5, torch.ones(1, 3, 2, 2), "truth: expected shape"),
        (normal_angles, torch.ones(1, 3, 4, 4), torch.ones(1, 3, 4, 4) / 3**0.5, "normals: expected vectors of length"),
        (normal_angles, torch.ones(1, 3, 2, 2) / 3**0.5, torch.full((1, 3, 2, 2), math.nan), "truth: expected vectors"),
    ],
)
def test_bad_input_names_the_argument(measure, ours, truth, message):
    with pytest.raises(ValueError, match=message):
        measure(ours, truth)
