import math
from collections import deque

import pytest
import torch

from inverse_graphics.metrics.cavities import cavity_cells, measure_cavity

CENTRES = torch.arange(28) - 13.5
DEPTH, HEIGHT, WIDTH = torch.meshgrid(CENTRES, CENTRES, CENTRES, indexing="ij")  # height grows downward
RADIUS = (DEPTH**2 + WIDTH**2).sqrt()
BODY = (RADIUS < 8) & (HEIGHT.abs() < 8)  # sixteen slices high
INSIDE = RADIUS < 6
CUP = BODY & ~(INSIDE & (HEIGHT < 6))  # a floor of two slices
TUBE = BODY & ~INSIDE
HANDLE_RADIUS = ((WIDTH - 8) ** 2 + HEIGHT**2).sqrt()
HANDLE = (HANDLE_RADIUS < 5) & (HANDLE_RADIUS > 3) & (DEPTH.abs() < 2) & (RADIUS >= 8)  # a ring that stands upright


def measure(*shapes, **options):
    return measure_cavity(torch.stack(shapes).float(), 0.5, **options)


def test_cups_are_hollow_down_to_the_floor():
    cavity = measure(CUP, CUP | HANDLE)
    assert cavity.depth.tolist() == [14, 14]
    assert cavity.depth_fraction.tolist() == pytest.approx([14 / 16] * 2)
    assert cavity.floor.tolist() == [1, 1]
    inner, outer = INSIDE[:, 0].sum().item(), (RADIUS < 8)[:, 0].sum().item()
    assert cavity.volume_fraction[0].item() == pytest.approx(14 * inner / (16 * outer))


def test_what_is_not_hollow_has_no_cavity():
    table = (HEIGHT.abs() < 1) & (DEPTH.abs() < 9) & (WIDTH.abs() < 9)
    legs = (DEPTH.abs() > 7) & (WIDTH.abs() > 7) & (DEPTH.abs() < 9) & (WIDTH.abs() < 9) & (HEIGHT > 0) & (HEIGHT < 10)
    sealed = BODY & ~(INSIDE & (HEIGHT.abs() < 6))
    overturned = CUP.flip(1)
    open_at_the_side = CUP & ~((WIDTH > 0) & (DEPTH.abs() < 2) & (HEIGHT < 6))
    empty = torch.zeros(28, 28, 28, dtype=torch.bool)
    shapes = (BODY, BODY | HANDLE, HANDLE, table | legs, sealed, overturned, open_at_the_side, empty, ~empty)
    for numbers in measure(*shapes):
        assert numbers.tolist() == [0] * len(shapes)


def test_a_tube_has_no_floor_and_half_a_floor_is_half():
    half = TUBE | (INSIDE & (HEIGHT > 6) & (HEIGHT < 8) & (WIDTH > 0))
    cavity = measure(TUBE, half)
    assert cavity.depth.tolist() == [16, 16]
    assert cavity.floor.tolist() == pytest.approx([0, 0.5])


def test_a_vase_counts_behind_its_neck_and_a_handle_across_the_opening_does_not_close_it():
    vase = BODY & ~(INSIDE & (HEIGHT.abs() < 6)) & ~((RADIUS < 2) & (HEIGHT < 6))
    basket = CUP | ((DEPTH.abs() < 1) & (RADIUS < 8) & (HEIGHT < -10) & (HEIGHT > -12))
    cavity = measure(vase, basket)
    assert cavity.depth.tolist() == [14, 14]
    assert cavity.depth_fraction[1].item() == pytest.approx(14 / 20)  # with the handle it stands four slices higher


def test_depth_ends_where_the_wall_leaks():
    # a window in the wall: above it the wall closes again, below it the cup still holds
    window = CUP & ~((WIDTH > 0) & (DEPTH.abs() < 1) & (HEIGHT > -2) & (HEIGHT < 2))
    assert measure(window).depth.item() == 14 - 4
    assert measure_cavity(0.4 * CUP.float()[None], 0.3).depth.item() == 14
    assert measure_cavity(0.4 * CUP.float()[None], 0.5).depth.item() == 0


def test_small_pits_are_left_out_on_request():
    pit = BODY.clone()
    pit[13:15, 6:9, 13] = False  # two cells wide, three deep
    assert measure(pit, least_cells=2).depth.item() == 3
    assert measure(pit).depth.item() == 0


def test_cells_are_those_of_a_flood_fill_from_the_border():
    generator = torch.Generator().manual_seed(0)
    solid = torch.rand(2, 9, 5, 8, generator=generator) > 0.45
    found = cavity_cells(solid.float(), 0.5, least_cells=1)
    for b in range(2):
        for h in range(5):
            for patch, closed in patches(solid[b, :, h]):
                sky = any(not solid[b, d, :h, w].any() for d, w in patch)
                assert all(found[b, d, h, w] == (closed and sky) for d, w in patch)
    assert found.any() and not (found & solid).any()


def patches(solid):
    """Connected empty cells of a slice, each with whether it is closed off from the border."""
    seen = set()
    for start in torch.nonzero(~solid).tolist():
        if tuple(start) in seen:
            continue
        patch, closed, queue = set(), True, deque([tuple(start)])
        while queue:
            d, w = queue.popleft()
            if not (0 <= d < solid.shape[0] and 0 <= w < solid.shape[1]):
                closed = False
            elif (d, w) not in patch and not solid[d, w]:
                patch.add((d, w))
                queue.extend([(d - 1, w), (d + 1, w), (d, w - 1), (d, w + 1)])
        seen |= patch
        yield patch, closed


def test_bad_input_is_named():
    voxels = torch.zeros(1, 4, 4, 4)
    for metric in (measure_cavity, cavity_cells):
        for bad in (voxels - 1, voxels * math.nan, voxels[0]):
            with pytest.raises(ValueError, match="voxels: expected"):
                metric(bad, 0.5)
        for threshold in (-0.1, 1, math.nan):
            with pytest.raises(ValueError, match="threshold: expected"):
                metric(voxels, threshold)
        with pytest.raises(ValueError, match="least_cells: expected"):
            metric(voxels, 0.5, 0)
