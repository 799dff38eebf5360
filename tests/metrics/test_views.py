import math

import pytest
import torch

from inverse_graphics.metrics.views import (
    depth_to_width,
    front_back_side,
    novel_view_error,
    novel_view_floors,
    side_front_overlap,
    view_agreement,
    view_variation,
    views_around,
)
from inverse_graphics.renderers.voxels import project_voxels

AZIMUTHS = torch.arange(12) * (math.pi / 6)
CENTRES = torch.arange(20) - 9.5


def box(depth, width, density=1.0):
    """A box of 8 cells' height, in the middle."""
    voxels = torch.zeros(1, 20, 20, 20)
    d, w = (20 - depth) // 2, (20 - width) // 2
    voxels[:, d : d + depth, 6:14, w : w + width] = density
    return voxels


def cylinder(radius=7):
    disk = CENTRES[:, None] ** 2 + CENTRES**2 < radius**2
    voxels = torch.zeros(1, 20, 20, 20)
    voxels[:, :, 6:14] = disk[:, None].float()
    return voxels


def random_pictures(seed, shape=(2, 3, 5, 4)):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_views_are_the_projections():
    voxels = random_pictures(0, (2, 6, 6, 6))
    views = views_around(voxels, AZIMUTHS)
    assert views.shape == (2, 12, 6, 6)
    for b in range(2):
        for a in (0, 5, 11):
            expected = project_voxels(voxels[b : b + 1], AZIMUTHS[a].item())[0, 0]
            torch.testing.assert_close(views[b, a], expected, atol=1e-5, rtol=0)


def test_agreement_counts_pixels_like_a_loop():
    pictures = random_pictures(0)
    found = view_agreement(pictures)
    for b in range(2):
        for a in range(3):
            pairs = list(zip(pictures[b, a].flatten().tolist(), pictures[b, 0].flatten().tolist(), strict=True))
            expected = sum(map(min, pairs)) / sum(map(max, pairs))
            assert found[b, a].item() == pytest.approx(expected, rel=1e-5)
    assert (view_agreement(torch.zeros(1, 2, 3, 3)) == 1).all()
    assert view_agreement(torch.stack((torch.zeros(3, 3), torch.ones(3, 3)))[None]).tolist() == [[1, 0]]


def test_a_cylinder_looks_alike_from_all_sides_and_a_slice_does_not():
    round_views, flat_views = (views_around(shape, AZIMUTHS) for shape in (cylinder(), box(2, 16)))
    assert view_agreement(round_views).min() > 0.9
    assert view_agreement(flat_views)[0, 3].item() < 0.2  # from the side: 2 columns of 16
    assert view_variation(round_views) < 0.06
    assert view_variation(flat_views) > 0.15


def test_variation_of_one_pixel_that_blinks():
    pictures = torch.zeros(1, 4, 2, 2)
    pictures[0, ::2, 0, 0] = 1  # deviates by ½ in every view, in one pixel of four
    assert view_variation(pictures).item() == pytest.approx(0.25)
    assert view_variation(torch.full((1, 4, 2, 2), 0.3)).item() == 0


def test_back_of_a_bare_projection_is_the_front_mirrored():
    voxels = random_pictures(0, (2, 6, 6, 6)) * 0.2
    front, back, side = (project_voxels(voxels, azimuth) for azimuth in (0.0, math.pi, math.pi / 2))
    difference = front_back_side(front, back, side)
    assert difference.mirrored_back.max() < 1e-5
    assert difference.back.min() > 0.01 and difference.side.min() > 0.01
    half = front_back_side(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2), torch.eye(2)[None, None])
    assert [part.item() for part in half] == [1, 1, 0.5]


def test_novel_views_of_the_true_shape_have_no_error_and_a_slice_is_worse_than_the_solid():
    truth = views_around(box(12, 16), AZIMUTHS)
    assert novel_view_error(box(12, 16), truth, AZIMUTHS).item() < 1e-10
    near = novel_view_error(box(10, 16), truth, AZIMUTHS).item()
    far = novel_view_error(box(2, 16), truth, AZIMUTHS).item()
    assert 0 < near < far < novel_view_floors(truth, truth[0]).empty.item()


def test_error_and_floors_are_mean_squares():
    truth, mean = random_pictures(0), random_pictures(1)[0]
    floors = novel_view_floors(truth, mean)
    torch.testing.assert_close(floors.empty, truth.square().mean((1, 2, 3)))
    torch.testing.assert_close(floors.mean[1], ((truth[1] - mean) ** 2).mean())
    torch.testing.assert_close(floors.copied[0], sum(((truth[0, a] - truth[0, 0]) ** 2).mean() for a in range(3)) / 3)
    nothing = novel_view_error(torch.zeros(2, 4, 5, 4), truth, AZIMUTHS[:3])
    torch.testing.assert_close(nothing, floors.empty)


def test_depth_to_width_of_boxes():
    voxels = torch.cat((box(4, 16), box(16, 4), box(10, 10), torch.zeros(1, 20, 20, 20)))
    assert depth_to_width(voxels, 0.5).tolist() == pytest.approx([1 / 4, 4, 1, 0])
    corner = torch.zeros(1, 4, 4, 4)
    corner[0, 0, 0, 0] = corner[0, 3, 0, 1] = 1  # both ends of the grid
    assert depth_to_width(corner, 0.5).item() == 2
    assert depth_to_width(box(4, 16, 0.3), 0.5).item() == 0


def test_side_and_front_of_boxes_share_the_smaller_extent():
    voxels = torch.cat((box(4, 16), box(16, 4), cylinder(), torch.zeros(1, 20, 20, 20)))
    assert side_front_overlap(voxels).tolist() == pytest.approx([1 / 4, 1 / 4, 1, 0])


def test_bad_input_is_named():
    voxels, pictures = torch.zeros(2, 4, 5, 4), random_pictures(0)
    for metric in (view_agreement, view_variation):
        for bad in (pictures + 1, pictures * math.nan, pictures[0]):
            with pytest.raises(ValueError, match="pictures: expected"):
                metric(bad)
    for metric in (lambda v: depth_to_width(v, 0.5), side_front_overlap, lambda v: views_around(v, AZIMUTHS)):
        for bad in (voxels + 2, voxels * math.nan, voxels[0]):
            with pytest.raises(ValueError, match="voxels: expected"):
                metric(bad)
    with pytest.raises(ValueError, match="azimuths: expected"):
        views_around(voxels, torch.tensor([math.nan]))
    with pytest.raises(ValueError, match="threshold: expected"):
        depth_to_width(voxels, 1.5)
    with pytest.raises(ValueError, match="voxels: expected as many cells"):
        side_front_overlap(torch.zeros(2, 3, 5, 4))
    for azimuths in (AZIMUTHS, AZIMUTHS[:2]):
        with pytest.raises(ValueError, match="truth_pictures: expected shape"):
            novel_view_error(voxels, pictures, azimuths)
    with pytest.raises(ValueError, match="truth_pictures: expected"):
        novel_view_error(voxels, pictures + 1, AZIMUTHS[:3])
    with pytest.raises(ValueError, match="mean_pictures: expected shape"):
        novel_view_floors(pictures, pictures[0, :2])
    image = torch.zeros(2, 1, 4, 4)
    with pytest.raises(ValueError, match="back: expected the shape of front"):
        front_back_side(image, image[:1], image)
    with pytest.raises(ValueError, match="side: expected values"):
        front_back_side(image, image, image - 1)
