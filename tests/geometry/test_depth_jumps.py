from functools import partial

import pytest
import torch
import torch.nn.functional as F

from inverse_graphics.datasets.scenes import load_scenes
from inverse_graphics.geometry.depth_jumps import sharpen_jumps, snap_jumps
from inverse_graphics.metrics.hausdorff import hausdorff
from inverse_graphics.objectives.implied_reflectance import reflectance_errors
from inverse_graphics.renderers.surfels import back_project


def test_surfels_between_two_surfaces_move_to_the_nearer_one():
    depth = torch.full((1, 1, 6, 8), 2.0)
    depth[..., :4] = 1.0
    depth[..., 4] = 1.6  # floats before the wall
    sharp = sharpen_jumps(depth, 0.1)
    assert sharp.unique().tolist() == [1, 2] and (sharp[..., 4] == 2).all() and (sharp[..., :4] == 1).all()
    slope = torch.linspace(1, 1.5, 20).expand(1, 1, 20, 20)
    assert torch.equal(sharpen_jumps(slope, 0.1), slope)


def test_outlines_come_back_from_the_picture():
    scenes = load_scenes("shapes", "test", count=4, size=32)
    blurred = F.avg_pool2d(F.pad(scenes.depth, (1, 1, 1, 1), mode="replicate"), 3, 1)
    told = {"camera": scenes.camera, "lights": scenes.lights, "albedo": scenes.albedo}
    snapped = snap_jumps(blurred, partial(reflectance_errors, scenes.images, **told))
    before, after = ((depth - scenes.depth).square().mean().item() for depth in (blurred, snapped))
    sharpened = (sharpen_jumps(blurred, 0.08) - scenes.depth).square().mean().item()
    assert after < 0.5 * min(before, sharpened)
    surfels = [back_project(depth, scenes.camera) for depth in (blurred, snapped, scenes.depth)]
    assert hausdorff(surfels[1], surfels[2]).forward.mean() < 0.8 * hausdorff(surfels[0], surfels[2]).forward.mean()


def test_what_does_not_jump_stays_and_so_does_what_no_other_surface_explains_better():
    slope = torch.linspace(1, 1.2, 40).expand(1, 1, 40, 40)
    assert torch.equal(snap_jumps(slope, lambda guess: (guess - 3).abs()), slope)
    step = torch.full((1, 1, 8, 8), 2.0)
    step[..., :4] = 1.0
    assert torch.equal(snap_jumps(step, lambda guess: (guess - step).abs()), step)


@pytest.mark.parametrize("true", [1.0, 2.0])
def test_a_floating_surfel_goes_where_its_pixel_says(true):
    depth = torch.full((1, 1, 8, 8), 2.0)
    depth[..., :4] = 1.0
    depth[..., 4] = 1.5
    snapped = snap_jumps(depth, lambda guess: (guess - true).abs() * (torch.arange(8) == 4))
    assert (snapped[..., 4] == true).all() and (snapped[..., :4] == 1).all() and (snapped[..., 5:] == 2).all()
