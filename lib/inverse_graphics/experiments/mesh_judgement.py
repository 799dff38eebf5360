"""How much like true shapes the shapes of a mesh generator are, where true ones are known: made-up heads and cars.

A generator has seen no picture of the test set and is asked for none, so single shapes cannot be compared. But each
made-up picture comes with its view: a generated shape is put before the same camera, and the depths of the two are
correlated over the pixels that both cover. All heads have much in common; how much, other true heads tell (`ceiling`).
A ball has its front and its back right, too (`floor`); relief is what a shape has beyond the ball.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from inverse_graphics.checks import require_tensor
from inverse_graphics.datasets.heads import MAKERS, Rendered, render_made_up
from inverse_graphics.geometry.shape_images import initial_shape
from inverse_graphics.models.meshes import Scene
from inverse_graphics.renderers.meshes import unit_ball_cameras

FEWEST = 20  # pixels that two shapes must share to be compared
BALL = 0.65  # radius of the ball that relief is told from: about a head's


class Likeness(NamedTuple):
    """Of `count` pairs of depth maps: mean `correlation` of depth and its standard `spread`; the same of `relief`; the
    share `inverted`, where depth is correlated negatively, as a hollow mask's is; `overlap`, the mean ratio of the
    shared pixels to all covered ones; the share `missing` of pairs that share too few pixels to be compared. Where all
    are missing, the others are 0."""

    correlation: float
    spread: float
    relief: float
    inverted: float
    overlap: float
    missing: float
    count: int


def truth_for(dataset: str, count: int, size: int) -> Rendered:
    """Test pictures of the made-up set that is most like a set, with depth and views: cars for cars, else heads."""
    kind = "toy_cars" if "car" in dataset else "heads"
    return render_made_up(kind if kind in MAKERS else "heads", "test", count, size)


def compare_depths(depth: Tensor, truth: Tensor, ball: Tensor) -> Likeness:
    """Likeness of depth maps (N, 1, S, S) to true ones, pair by pair; ∞ where there is no surface.

    Args:
        ball: depth of a ball seen by the same cameras, which relief is told from.

    Raises:
        ValueError: shapes that disagree.
    """
    shape = " ".join(map(str, require_tensor("depth", depth, "N 1 S S").shape))
    require_tensor("truth", truth, shape)
    require_tensor("ball", ball, shape)
    values, reliefs, overlaps = [], [], []
    for one, other, round_one in zip(depth, truth, ball, strict=True):
        shared, either = one.isfinite() & other.isfinite(), one.isfinite() | other.isfinite()
        overlaps.append(shared.sum().item() / max(1, either.sum().item()))
        if shared.sum() < FEWEST:
            continue
        values.append(_correlation(one[shared], other[shared]))
        both = shared & round_one.isfinite()
        if both.sum() >= FEWEST:
            reliefs.append(_correlation((one - round_one)[both], (other - round_one)[both]))
    found = torch.tensor(values or [0.0])
    return Likeness(
        correlation=found.mean().item(),
        spread=found.std(unbiased=len(found) > 1).item(),
        relief=torch.tensor(reliefs or [0.0]).mean().item(),
        inverted=(found < 0).double().mean().item(),
        overlap=sum(overlaps) / len(overlaps),
        missing=1 - len(values) / len(depth),
        count=len(depth),
    )


@torch.no_grad()
def judge_depth(scene: Scene, truth: Rendered) -> dict[str, Likeness]:
    """Likeness of generated shapes, as many as there are true ones, and of what they are to be compared with.

    Returns:
        `generated`; `ceiling`, each true shape against the one before it, the generated ones' best hope, at the pixels
        of its own camera; `floor`, a ball.
    """
    camera = unit_ball_cameras(*truth.views.unbind(1))
    count, size = len(truth.views), truth.depth.shape[-1]
    sphere = initial_shape("sphere", scene.shape.shape[-1], BALL).to(scene.shape).expand(count, -1, -1, -1)
    ball = scene._replace(shape=sphere).render(camera, band=0.0).depth
    seen = scene.render(camera, band=0.0).depth
    if ball.shape[-1] != size:
        raise ValueError(f"truth: expected pictures of {ball.shape[-1]} × {ball.shape[-1]}, got {size} × {size}")
    alike = _seen_alike(truth)
    return {
        "generated": compare_depths(seen, truth.depth, ball),
        "ceiling": compare_depths(truth.depth[alike], truth.depth, ball),
        "floor": compare_depths(ball, truth.depth, ball),
    }


def _seen_alike(truth: Rendered) -> Tensor:
    """For each true shape, which other one is seen from nearest to the same side."""
    apart = torch.cdist(truth.views, truth.views).fill_diagonal_(torch.inf)
    return apart.argmin(1)


def _correlation(one: Tensor, other: Tensor) -> float:
    """Pearson's; 0 where one of the two is flat."""
    one, other = (values.double() - values.double().mean() for values in (one, other))
    length = one.norm() * other.norm()
    return (one @ other / length).item() if length > 1e-9 else 0.0
