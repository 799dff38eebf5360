"""szabo-f3: a rectangle before another, and what the renderer's derivatives say about where it stands.

The nearer rectangle moves aside; the loss is the squared error to its picture at the goal. Nothing is trained. A crisp
picture changes in jumps, whenever an edge passes the centre of a pixel, and its derivative knows nothing of them; so
derivatives are asked two things: whether each is right where it is taken, and whether together they add up to what the
loss really changes by.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.renderers.meshes import MeshPicture, MeshSettings, render_mesh

QUAD = torch.tensor([[0, 1, 2], [0, 2, 3]])
SIZE = 24  # of the pictures
FRONT, BEHIND = 1.0, 2.0  # depths of the two rectangles
ORANGE, BLUE, GREY = (0.9, 0.55, 0.15), (0.2, 0.4, 0.75), (0.93, 0.94, 0.95)
STEP = 1e-6  # pixels to either side, of finite differences
FLOOR = 0.1  # derivatives below it count as equal where they differ by rounding: `STEP` leaves 1e-8 of that


@dataclass(frozen=True)
class TwoRectangles:
    """A rectangle that hides a part of another one, behind which is a plain background. Lengths in pixels.

    Fields:
        shaded: whether the nearer one darkens from left to right, or is plain.
        turn: degrees that the nearer one is turned by, counter-clockwise.
        place: how far its goal is to the right. At 0 it is well within the farther one, at −9 astride its left rim.
    """

    shaded: bool = False
    turn: float = 0.0
    place: float = 0.0

    def corners(self) -> tuple[Tensor, Tensor]:
        """Corners (4, 2) of the nearer and the farther rectangle in the picture, right and down, float64."""
        turn = math.radians(self.turn)
        sides = torch.tensor([(-3.0, -4.0), (3, -4), (3, 4), (-3, 4)], dtype=torch.float64)
        way = torch.tensor([(math.cos(turn), -math.sin(turn)), (math.sin(turn), math.cos(turn))], dtype=torch.float64)
        middle = torch.tensor([13 + self.place, SIZE / 2], dtype=torch.float64)
        far = torch.tensor([(2.0, 4.0), (23, 4), (23, 21), (2, 21)], dtype=torch.float64)
        return sides @ way + middle, far

    def render(self, aside: Tensor, band: float) -> MeshPicture:
        """Pictures, one for each of the distances (B,) to the right, float64, that the nearer one is moved by.

        A band of 0 is the crisp renderer; see `MeshSettings`.
        """
        B, half = len(aside), SIZE / 2
        near, far = self.corners()
        near = near + torch.stack((aside, torch.zeros_like(aside)), -1)[:, None]  # (B, 4, 2)
        parts = []
        for places, depth in ((near, FRONT), (far.expand(B, 4, 2), BEHIND)):
            right, down = ((places - half) / half * depth).unbind(-1)
            parts.append(torch.stack((right, -down, torch.full_like(right, -depth)), -1))
        light = torch.tensor([1.0, 0.4, 0.4, 1.0] if self.shaded else [1.0] * 4, dtype=torch.float64)[:, None]
        orange, blue, grey = (torch.tensor(colour, dtype=torch.float64) for colour in (ORANGE, BLUE, GREY))
        colours = torch.cat((light * orange, blue.expand(4, 3))).expand(B, 8, 3)
        background = grey[:, None, None].expand(B, 3, SIZE, SIZE)
        faces = torch.cat((QUAD, QUAD + 4))
        settings = MeshSettings(SIZE, band)
        return render_mesh(torch.cat(parts, 1), faces, colours, None, background, _camera(B), settings)


def _camera(count: int) -> Cameras:
    """At the origin, looking down −z; half the picture's side is one unit at depth 1."""
    position = torch.zeros(count, 3, dtype=torch.float64)
    return Cameras(position, position - torch.tensor([0.0, 0, 1], dtype=torch.float64), math.pi / 2)


class Slopes(NamedTuple):
    """At positions (N,), pixels right of the goal, float64: `loss`, squared error summed over pixels and channels;
    `derivative` as the renderer gives it; `difference`, central, over `STEP` to either side; `over_cell`, the
    difference over the whole cell of which the position is the middle."""

    position: Tensor
    loss: Tensor
    derivative: Tensor
    difference: Tensor
    over_cell: Tensor


def slopes(scene: TwoRectangles, band: float, start: float = -4.0, end: float = 2.0, cells: int = 48) -> Slopes:
    """Losses and their derivatives in the middles of equal cells between two positions, pixels right of the goal."""
    goal = scene.render(torch.zeros(1, dtype=torch.float64), band).image

    def loss(aside: Tensor) -> Tensor:
        return (scene.render(aside, band).image - goal).square().sum((1, 2, 3))

    edges = torch.linspace(start, end, cells + 1, dtype=torch.float64)
    position = (edges[1:] + edges[:-1]) / 2
    moved = position.clone().requires_grad_()
    value = loss(moved)
    derivative = torch.autograd.grad(value.sum(), moved)[0]
    with torch.no_grad():
        near = (loss(position + STEP) - loss(position - STEP)) / (2 * STEP)
        whole = loss(edges).diff() / edges.diff()
    return Slopes(position, value.detach(), derivative, near, whole)


def pixel_derivatives(scene: TwoRectangles, band: float, aside: float) -> Tensor:
    """How much brighter every pixel (S, S) gets when the nearer rectangle goes right, per pixel of the way."""
    moved = torch.tensor([aside], dtype=torch.float64, requires_grad=True)
    brightness = scene.render(moved, band).image[0].mean(0).flatten()
    each = torch.eye(len(brightness), dtype=torch.float64)
    return torch.autograd.grad(brightness, moved, each, is_grads_batched=True)[0].view(SIZE, SIZE)


def relative_error(found: Tensor, expected: Tensor) -> Tensor:
    """|found − expected| over the larger of the two, or over `FLOOR` where both are smaller."""
    return (found - expected).abs() / torch.maximum(found.abs(), expected.abs()).clamp_min(FLOOR)


def gradient_table(paths: Mapping[tuple[str, float], Slopes]) -> pd.DataFrame:
    """What derivatives are worth, a row for each path.

    Columns: `n` positions; `largest derivative`, squared error per pixel of the way; `largest relative error` against
    finite differences at the same place; `explained`, what the derivatives add up to on the way over what the loss
    changes by; `towards the goal`, the share of positions at which going down the derivative is going to the goal.

    Args:
        paths: name of a scene and width of the band, 0 for the crisp renderer → `slopes`.
    """
    rows = {}
    for (name, band), found in paths.items():
        rows[name, label(band)] = {
            "n": len(found.position),
            "largest derivative": found.derivative.abs().max().item(),
            "largest relative error": relative_error(found.derivative, found.difference).max().item(),
            "explained": (found.derivative.sum() / found.over_cell.sum()).item() + 0.0,  # never −0
            "towards the goal": (found.derivative * found.position > 0).double().mean().item(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["nearer rectangle", "renderer"])


def label(band: float) -> str:
    return f"soft, B = {band:g}" if band else "crisp"


def verdict(table: pd.DataFrame, tolerance: float = 1e-4, missed: float = 0.05, blind: float = 0.5) -> tuple[str, str]:
    """Verdict and reason on "gradients are exact at boundaries and occlusions; a crisp renderer's see none of them".

    Args:
        table: rows of `gradient_table`, crisp and soft.
        tolerance: largest relative error that counts as exact.
        missed: share of the loss's change by which the derivatives of soft rows may be off.
        blind: share of it that the derivatives of crisp rows may explain.

    "reproduced" if all of it holds; "partly" if soft derivatives are exact where they are taken and come nearer to the
    loss's change than crisp ones; else "not reproduced".
    """
    is_crisp = table.index.get_level_values("renderer") == label(0)
    crisp, soft = table[is_crisp]["explained"], table[~is_crisp]["explained"]
    error = table[~is_crisp]["largest relative error"].max()
    reason = (
        f"soft: largest relative error {error:.0e}, derivatives explain {_percent(soft)} % of the loss's change; "
        f"crisp: {_percent(crisp)} %"
    )
    off = (soft - 1).abs().max()
    if error <= tolerance and off <= missed and crisp.abs().max() <= blind:
        return "reproduced", reason
    return ("partly" if error <= tolerance and off < (crisp - 1).abs().min() else "not reproduced"), reason


def _percent(shares: pd.Series) -> str:
    low, high = (f"{100 * share:.1f}".replace("-0.0", "0.0") for share in (shares.min(), shares.max()))
    return low if low == high else f"{low} to {high}"


# Eq. (11) and (12) as printed


def soft_alpha(distance: Tensor, band: float) -> Tensor:
    """αs at distances from a triangle, pixels: 1 − d/B within the band, as used."""
    return (1 - distance / band).clamp_min(0)


def soft_alpha_as_printed(distance: Tensor, band: float) -> Tensor:
    """αs = (1 − d)/B within the band, 0 outside: Eq. (11)."""
    return torch.where(distance < band, (1 - distance) / band, 0)


def weights_as_printed(soft: Tensor, crisp: Tensor) -> Tensor:
    """The sum αs + (1 − αs) αc + (1 − αc) of what Eq. (12) multiplies the three layers with."""
    return soft + (1 - soft) * crisp + (1 - crisp)


def alphas(bands: Sequence[float], count: int = 200) -> pd.DataFrame:
    """Ranges within the band, a row for each width: αs as printed and as used, and the sum of weights outside an
    outline as printed with αs as used."""
    rows = {}
    for band in bands:
        distance = band * (torch.arange(count, dtype=torch.float64) + 0.5) / count
        printed, used = soft_alpha_as_printed(distance, band), soft_alpha(distance, band)
        total = weights_as_printed(used, torch.zeros_like(used))
        rows[band] = {
            f"{name}, {side}": getattr(values, side)().item()
            for name, values in (("printed", printed), ("used", used), ("weights of Eq. (12)", total))
            for side in ("min", "max")
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("B")


def printed_verdict(table: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason on Eq. (11) and (12) as printed, of a table of `alphas`: "reproduced" if an opacity stays in
    [0, 1] for every band and the weights never add up to more than 1."""
    low, high = table["printed, min"].min(), table["printed, max"].max()
    total = table["weights of Eq. (12), max"].max()
    reason = (
        f"as printed, αs runs from {low:.2f} to {high:.2f} for bands of "
        f"{', '.join(f'{band:g}' for band in table.index)} pixels, and weights outside an outline add up to {total:.2f}"
    )
    sound = low >= 0 and high <= 1 and total <= 1 + 1e-9
    return ("reproduced" if sound else "not reproduced"), reason
