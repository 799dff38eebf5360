"""3D-IQTT: what a network makes of pictures, and how sure it is."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from inverse_graphics.geometry.alignment import best_rotation, best_rotation_similarity
from inverse_graphics.plots.shapes import bare, show_picture
from inverse_graphics.plots.styles import COLOURS, GREY, WIDTH, Figure, styled

POINT, LINE = 22, 1.2


@styled
def points_beside_pictures(pictures: Tensor, points: Tensor, headings: Sequence[str]) -> Figure:
    """A question, and under each answer its points turned to fit the reference's as well as they can.

    Args:
        pictures: (4, 3, H, W) in [0, 1], the reference first.
        points: (4, K, 3), camera axes.
        headings: of the four.
    """
    figure = Figure(figsize=(WIDTH, WIDTH / 2 + 0.4))
    reference = points[0] / points[0].norm()
    reach = 1.05 * reference[:, :2].abs().max().item()
    for column in range(4):
        axes = bare(figure.add_subplot(2, 4, 1 + column))
        show_picture(axes, pictures[column].permute(1, 2, 0))
        axes.set_title(headings[column])
        axes = bare(figure.add_subplot(2, 4, 5 + column))
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        axes.scatter(*reference[:, :2].T, s=POINT, facecolors="none", edgecolors=COLOURS[0])
        if column:
            other = points[column] / points[column].norm()
            other = other @ best_rotation(reference, other).mT
            axes.plot(*torch.stack((reference, other))[..., :2].permute(2, 0, 1), color=GREY, linewidth=LINE / 2)
            axes.scatter(*other[:, :2].T, s=POINT, marker="x", linewidths=LINE, color=COLOURS[1])
            alike = best_rotation_similarity(reference[None], other[None]).item()
            axes.set_xlabel(f"likeness {alike:.3f}")
        else:
            axes.set_xlabel("its points, seen by the camera")
    figure.subplots_adjust(0.01, 0.07, 0.99, 0.93, 0.05, 0.12)
    return figure


@styled
def accuracy_by_margin(scores: dict[str, tuple[Tensor, Tensor]], parts: int = 10) -> Figure:
    """Share answered right among the tenth with the smallest lead of the best answer over the next, the next tenth, ….

    Args:
        scores: label → scores (N, 3) and answers (N,).
    """
    figure = Figure(figsize=(WIDTH * 0.6, 3.4))
    axes = figure.add_subplot()
    for colour, (label, (values, answers)) in zip(COLOURS, scores.items(), strict=False):
        values = values.float()
        top = values.topk(2).values
        order = (top[:, 0] - top[:, 1]).argsort()
        right = (values.argmax(1) == answers)[order].double()
        shares = [part.mean().item() for part in right.chunk(parts)]
        axes.plot(np.arange(len(shares)) + 0.5, 100 * np.array(shares), marker="o", color=colour, label=label)
    axes.axhline(100 / 3, color=GREY, linewidth=1, linestyle=":")
    axes.text(0, 100 / 3 + 1, "chance", color=GREY, fontsize=9)
    axes.set(xlabel="tenths of the questions, the least sure first", ylabel="right, %", ylim=(25, 101), xticks=[])
    axes.legend(loc="lower right")
    return figure
