import math

import pytest
import torch

from inverse_graphics.geometry.voxel_grids import voxel_centres
from inverse_graphics.metrics.voxel_overlap import (
    AZIMUTHS,
    align,
    align_azimuth,
    best_threshold,
    chamfer_distance,
    oracle_iou,
    surface_points,
    voxel_chamfer,
    voxel_iou,
)
from inverse_graphics.renderers.voxels import project_voxels, rotate_voxels


def random_pair(shape=(3, 5, 6, 7), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator), torch.rand(shape, generator=generator) > 0.6


def brackets():
    """Two shapes that no turn and no mirroring about the vertical axis leaves as they are."""
    truth = torch.zeros(2, 28, 28, 28, dtype=torch.bool)
    truth[:, 4:24, 10:20, 8:11] = True  # a plate in depth
    truth[:, 4:8, 10:20, 8:22] = True  # its longer arm in front
    truth[0, 10:13, 10:20, 11:15] = True
    truth[1, 17:24, 4:10, 6:11] = True
    return truth


# Intersection over union


def test_iou_counts_cells_like_a_loop():
    predicted, truth = random_pair()
    for b in range(3):
        both = either = 0
        for index in torch.cartesian_prod(*map(torch.arange, (5, 6, 7))).tolist():
            occupied, true = predicted[b][tuple(index)] > 0.3, truth[b][tuple(index)]
            both, either = both + bool(occupied & true), either + bool(occupied | true)
        assert voxel_iou(predicted, truth, 0.3)[b].item() == pytest.approx(both / either)


def test_iou_of_shifted_cubes_itself_and_nothing():
    truth = torch.zeros(1, 8, 8, 8, dtype=torch.bool)
    truth[:, 2:6, 2:6, 2:6] = True
    assert voxel_iou(truth.float(), truth, 0.5).item() == 1
    assert voxel_iou(truth.roll(1, 3).float(), truth, 0.5).item() == pytest.approx(3 / 5)
    assert voxel_iou(torch.zeros(1, 8, 8, 8), truth, 0.5).item() == 0
    assert voxel_iou(torch.full((1, 8, 8, 8), 0.5), truth, 0.5).item() == 0  # a cell must exceed the threshold


def test_best_threshold_is_the_one_that_leaves_the_shape():
    _, truth = random_pair()
    predicted = 0.1 + 0.3 * truth.float()  # background 0.1, shape 0.4
    assert best_threshold(predicted, truth, (0.05, 0.2, 0.3, 0.5)) == 0.2  # the first of two equals
    assert best_threshold(predicted, truth) in (0.1, 0.15)


# Alignment


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("step", [0, 5, 17])
def test_global_rotation_and_mirroring_are_found_again(step, mirrored):
    truth = brackets()
    learned = rotate_voxels(truth.float(), -AZIMUTHS[step])
    learned = learned.flip(1) if mirrored else learned
    found = align_azimuth(learned, truth, thresholds=(0.5,), mirror=True)
    assert (found.azimuth, found.mirrored) == (AZIMUTHS[step], mirrored)
    assert found.iou > 0.85
    aligned = align(learned, found)
    assert voxel_iou(aligned, truth, found.threshold).mean().item() == pytest.approx(found.iou)


@pytest.mark.parametrize("mirrored", [False, True])
def test_alignment_tells_how_azimuths_correspond(mirrored):
    truth = brackets()
    learned = rotate_voxels(truth.float(), -AZIMUTHS[6])  # a quarter turn, exact
    learned = learned.flip(1) if mirrored else learned
    found = align_azimuth(learned, truth, thresholds=(0.5,), mirror=True)
    for azimuth in (0.0, 0.4, -2.0):
        theirs = -(azimuth + found.azimuth) if mirrored else azimuth + found.azimuth
        torch.testing.assert_close(project_voxels(learned, theirs), project_voxels(truth.float(), azimuth))


def test_alignment_chooses_the_threshold_too():
    truth = brackets()
    learned = 0.1 + 0.3 * rotate_voxels(truth.float(), -math.pi / 2)
    found = align_azimuth(learned, truth, thresholds=(0.05, 0.2, 0.6))
    assert found == (pytest.approx(math.pi / 2), False, 0.2, pytest.approx(1))


def test_oracle_turns_each_shape_on_its_own():
    truth = brackets()
    steps = [3, 11]
    learned = rotate_voxels(truth.float(), -torch.tensor([AZIMUTHS[step] for step in steps]))
    found = oracle_iou(learned, truth, 0.5)
    assert found.azimuth.tolist() == pytest.approx([AZIMUTHS[step] for step in steps])
    assert not found.mirrored.any()
    together = align_azimuth(learned, truth, thresholds=(0.5,))
    assert (found.iou >= voxel_iou(align(learned, together), truth, 0.5)).all()
    assert found.iou.mean() > together.iou + 0.1
    assert oracle_iou(learned.flip(1), truth, 0.5, mirror=True).mirrored.all()


# Chamfer distance


def test_surface_points_are_found_like_a_loop():
    voxels, _ = random_pair((1, 5, 6, 7))
    occupied, centres = voxels[0] > 0.2, voxel_centres(5, 6, 7)
    expected = []
    for d, h, w in torch.cartesian_prod(*map(torch.arange, (5, 6, 7))).tolist():
        sides = [(d - 1, h, w), (d + 1, h, w), (d, h - 1, w), (d, h + 1, w), (d, h, w - 1), (d, h, w + 1)]
        inside = [all(0 <= i < n for i, n in zip(side, (5, 6, 7), strict=True)) for side in sides]
        covered = all(ok and occupied[side] for ok, side in zip(inside, sides, strict=True))
        if occupied[d, h, w] and not covered:
            expected.append(centres[d, h, w])
    torch.testing.assert_close(surface_points(voxels[0], 0.2), torch.stack(expected))
    assert len(expected) < occupied.sum()


def test_surface_of_a_cube_is_its_shell_also_at_the_border():
    cube = torch.zeros(8, 8, 8)
    cube[2:6, 2:6, 2:6] = 1
    assert len(surface_points(cube, 0.5)) == 4**3 - 2**3
    assert len(surface_points(torch.ones(8, 8, 8), 0.5)) == 8**3 - 6**3
    assert surface_points(torch.zeros(8, 8, 8), 0.5).shape == (0, 3)


def test_chamfer_of_parallel_planes_is_their_distance_and_of_itself_zero():
    plane = torch.cartesian_prod(torch.linspace(-0.5, 0.5, 5), torch.linspace(-0.5, 0.5, 5), torch.zeros(1))
    assert chamfer_distance(plane, plane + torch.tensor([0, 0, 0.2])) == pytest.approx(0.2)
    assert chamfer_distance(plane, plane.flip(0)) == 0


def test_chamfer_is_symmetric_and_what_a_loop_gives():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(20, 3, generator=generator), torch.rand(13, 3, generator=generator)
    there = sum(min((p - q).norm().item() for q in b) for p in a) / 20
    back = sum(min((p - q).norm().item() for p in a) for q in b) / 13
    assert chamfer_distance(a, b) == pytest.approx((there + back) / 2, rel=1e-5)
    assert chamfer_distance(b, a) == pytest.approx(chamfer_distance(a, b))


def test_nothing_is_as_far_as_a_point_at_the_centre():
    points = torch.tensor([[3.0, 4.0, 0.0], [0.0, 0.0, 1.0]])
    nothing = torch.zeros(0, 3)
    assert chamfer_distance(nothing, points) == pytest.approx(((5 + 1) / 2 + 1) / 2)
    assert chamfer_distance(nothing, nothing) == 0


def test_chamfer_of_voxels_shifted_by_a_cell():
    truth = torch.zeros(2, 8, 8, 8, dtype=torch.bool)
    truth[:, 3, 2:6, 2:6] = True  # a sheet, moved along its normal
    moved = torch.stack((truth[0].roll(1, 0), truth[1])).float()
    assert voxel_chamfer(moved, truth, 0.5).tolist() == pytest.approx([2 / 8, 0])
    assert voxel_chamfer(torch.zeros(2, 8, 8, 8), truth, 0.5).isfinite().all()


# Bad input


@pytest.mark.parametrize(
    "metric",
    [
        lambda p, t: voxel_iou(p, t, 0.5),
        best_threshold,
        align_azimuth,
        lambda p, t: oracle_iou(p, t, 0.5),
        lambda p, t: voxel_chamfer(p, t, 0.5),
    ],
)
def test_bad_voxels_are_named(metric):
    predicted, truth = random_pair((2, 4, 4, 4))
    for bad in (predicted * 2, predicted.where(predicted > 0.1, torch.nan), predicted[0], predicted > 0.5, None):
        with pytest.raises(ValueError, match="predicted: expected"):
            metric(bad, truth)
    for bad in (truth.float(), truth[:1], truth[..., :3], torch.zeros_like(truth), None):
        with pytest.raises(ValueError, match="truth: expected"):
            metric(predicted, bad)


@pytest.mark.parametrize("threshold", [-0.1, 1, math.nan])
def test_bad_thresholds_are_named(threshold):
    predicted, truth = random_pair((2, 4, 4, 4))
    for metric in (voxel_iou, oracle_iou, voxel_chamfer):
        with pytest.raises(ValueError, match="threshold: expected a number in"):
            metric(predicted, truth, threshold)
    with pytest.raises(ValueError, match="threshold: expected a number in"):
        surface_points(predicted[0], threshold)
    with pytest.raises(ValueError, match="thresholds: expected a number in"):
        align_azimuth(predicted, truth, thresholds=(0.5, threshold))


def test_other_bad_arguments_are_named():
    predicted, truth = random_pair((2, 4, 4, 4))
    with pytest.raises(ValueError, match="thresholds: expected one or more"):
        best_threshold(predicted, truth, ())
    for azimuths in ((), (0, math.nan)):
        with pytest.raises(ValueError, match="azimuths: expected one or more finite"):
            align_azimuth(predicted, truth, azimuths)
        with pytest.raises(ValueError, match="azimuths: expected one or more finite"):
            oracle_iou(predicted, truth, 0.5, azimuths)
    with pytest.raises(ValueError, match="predicted: expected"):
        align(predicted[0], align_azimuth(predicted, truth))
    with pytest.raises(ValueError, match="voxels: expected"):
        surface_points(predicted, 0.5)
    with pytest.raises(ValueError, match="points_a: expected shape"):
        chamfer_distance(torch.zeros(4, 2), torch.zeros(4, 3))
    with pytest.raises(ValueError, match="points_b: expected finite"):
        chamfer_distance(torch.zeros(4, 3), torch.full((4, 3), math.inf))
