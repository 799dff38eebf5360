"""3D-IQTT: what a network makes of pictures, and how sure it is."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.patches import Rectangle
from torch import Tensor

from inverse_graphics.geometry.alignment import best_rotation, best_rotation_similarity
from inverse_graphics.plots.drawing import box, link, space, tint
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
def towers_diagram(
    pictures: Tensor, tower: str, shared: int, features: Sequence[int], weights: Sequence[int]
) -> Figure:
    """The CNN of Pix2Scene's Figure 13: four towers with shared weights, and dense layers on what they say.

    Args:
        pictures: (4, 3, H, W) in [0, 1], a question.
        tower: what a tower is called.
        shared: how many weights the towers share.
        features: of the towers side by side, of each hidden layer, and of the output.
        weights: of the dense layers, in order.
    """
    figure = Figure(figsize=(WIDTH, 4.1))
    axes = space(figure.add_axes((0, 0, 1, 1)), (0, 100), (0, 45.6))
    heights = (39, 28, 17, 6)
    for row, (y, picture) in enumerate(zip(heights, pictures, strict=True)):
        axes.imshow(picture.permute(1, 2, 0).numpy(), extent=(10, 19, y - 4.5, y + 4.5), zorder=3)
        axes.text(8.5, y, "reference" if row == 0 else f"answer {row - 1}", ha="right", va="center", fontsize=9)
        box(axes, 32, y, 16, 7, tower, COLOURS[0])
        link(axes, (19.8, y), (23.6, y))
        link(axes, (40.4, y), (47.6, y))
    axes.text(32, 44.4, f"{shared:,} shared weights", ha="center", va="center", fontsize=9)
    middle = sum(heights) / 4
    for column, count in enumerate(features):
        x, tall = 50 + 15 * column, 8 + 38 * (count / features[0]) ** 0.5 * 0.92
        last = column == len(features) - 1
        axes.add_patch(
            Rectangle(
                (x - 1.6, middle - tall / 2), 3.2, tall, facecolor=tint(COLOURS[1 + last]), edgecolor=COLOURS[1 + last]
            )
        )
        axes.text(x, middle, f"{count:,}", ha="center", va="center", rotation=0 if last else 90, zorder=4)
        if column:
            link(axes, (x - 12.6, middle), (x - 2.2, middle))
            text = f"dense\n{weights[column - 1]:,}\nweights"
            axes.text(x - 7.4, middle + 1, text, ha="center", va="bottom", fontsize=9, linespacing=1.3)
    axes.text(50 + 15 * (len(features) - 1), middle - 6.5, "which\nanswer", ha="center", va="top", fontsize=9)
    return figure


@styled
def accuracy_by_margin(scores: dict[str, tuple[Tensor, Tensor]], parts: int = 10) -> Figure:
    """Share answered right among the tenth with the smallest lead of the best answer over the next, the next tenth, ….

    Args:
        scores: label → scores (N, 3) and answers (N,).
    """
    figure = Figure(figsize=(WIDTH * 0.6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for colour, (label, (values, answers)) in zip(COLOURS, scores.items(), strict=False):
        values = values.float()
        top = values.topk(2).values
        order = (top[:, 0] - top[:, 1]).argsort()
        right = (values.argmax(1) == answers)[order].double()
        shares = [part.mean().item() for part in right.chunk(parts)]
        axes.plot(np.arange(len(shares)) + 0.5, 100 * np.array(shares), marker="o", color=colour, label=label)
    axes.axhline(100 / 3, color=GREY, linewidth=1, linestyle=":")
    axes.text(parts, 100 / 3 - 1, "chance", color=GREY, fontsize=9, ha="right", va="top")
    axes.set(xlabel="tenths of the questions, the least sure first", ylabel="right, %", ylim=(25, 101), xticks=[])
    figure.legend(loc="outside lower center", ncols=2)
    return figure
