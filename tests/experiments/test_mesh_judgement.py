import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.datasets import heads
from inverse_graphics.datasets.heads import Rendered
from inverse_graphics.experiments.mesh_judgement import BALL, compare_depths, judge_depth, truth_for
from inverse_graphics.geometry.shape_images import initial_shape
from inverse_graphics.models.meshes import Scene
from inverse_graphics.renderers.meshes import unit_ball_cameras

SIDE = 24


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "DATA", tmp_path_factory.mktemp("data"))
        patch.setattr(heads, "GRID", 24)
        patch.setattr(heads, "TEXTURE", 24)
        yield truth_for("celeba_heads", 6, SIDE)


def scene(shape, count=6):
    grey = torch.full((count, 3, 2 * SIDE, 2 * SIDE), 0.5)
    return Scene(shape.expand(count, 3, SIDE, SIDE), grey, grey)


def seen(scene, truth):
    return scene.render(unit_ball_cameras(*truth.views.unbind(1)), band=0.0).depth


def test_a_true_shape_is_like_itself_and_hollow_it_is_not(truth):
    ball = seen(scene(initial_shape("sphere", SIDE, BALL)), truth)
    same = compare_depths(truth.depth, truth.depth, ball)
    assert same.correlation == pytest.approx(1) and same.relief == pytest.approx(1)
    assert (same.inverted, same.overlap, same.missing, same.count) == (0, 1, 0, 6)
    hollow = compare_depths(10 - truth.depth, truth.depth, ball)
    assert hollow.correlation == pytest.approx(-1) and hollow.inverted == 1


def test_a_ball_is_the_floor_and_has_no_relief(truth):
    found = judge_depth(scene(initial_shape("sphere", SIDE, BALL)), truth)
    assert found["generated"] == found["floor"]
    assert found["floor"].relief == 0 and 0.3 < found["floor"].correlation < found["ceiling"].correlation
    sheet = judge_depth(scene(initial_shape("sheet", SIDE)), truth)["generated"]
    assert sheet.correlation < found["floor"].correlation


def test_true_shapes_as_if_generated_have_relief(truth):
    """The made-up heads themselves, seen by the generator's renderer, from where the pictures were taken."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heads, "GRID", SIDE)
        shapes = torch.stack([heads._head(heads.Dice(torch.Generator().manual_seed(k)))[0] for k in range(6)])
    found = judge_depth(Scene(shapes, *scene(shapes[:1])[1:]), truth)
    assert found["generated"].relief > 0.3 and found["generated"].inverted == 0
    assert found["generated"].correlation > found["floor"].correlation


def test_shapes_that_hardly_meet_are_missing():
    depth = torch.full((2, 1, 8, 8), torch.inf)
    depth[:, :, :4] = 1 + torch.rand(2, 1, 4, 8)
    found = compare_depths(depth, depth.flip(2), depth)
    assert found.missing == 1 and found.correlation == found.spread == found.relief == found.overlap == 0


def test_sizes_must_agree(truth):
    small = Rendered(truth.images, truth.depth[..., :16, :16], truth.views)
    with pytest.raises(ValueError, match="truth: expected pictures of 24 × 24, got 16 × 16"):
        judge_depth(scene(initial_shape("sphere", SIDE, BALL)), small)
    with pytest.raises(ValueError, match="truth: expected shape"):
        compare_depths(truth.depth, small.depth, truth.depth)
