"""How well 3D-IQTT questions are answered, and what needs no understanding of 3D: floors and oracles.

A method gives each of the three answers a score; the highest is what it answers, and its lead over the next is the
margin. Floors see the pictures: any method has to beat them. Oracles see the truth, or a part of it: what a method
could reach that knew so much and no more.

    silhouette_area    floor   the answer whose object covers as many pixels as the reference's
    colour_histogram   floor   the answer whose colours are spread like the reference's
    cube_count         oracle  the answer with as many cubes
    same_shape         oracle  the answer with the same cubes under one of the 24 rotations
"""

from typing import NamedTuple

import torch
from torch import Tensor

from inverse_graphics.checks import require_finite, require_range, require_tensor
from inverse_graphics.datasets.iqtt import Questions
from inverse_graphics.datasets.polycubes import cube_counts, keys, mirrored

CHANCE = 1 / 3
PEOPLE = 0.733  # of the 20 questions they were asked, ± 0.149 (Pix2Scene 2018, Table 3)
FAINT = 12 / 255  # above the background: what counts as object. The published background varies by 2/255
BINS = 8  # of a channel


class Accuracy(NamedTuple):
    """Share of questions answered right, in [0, 1], its standard error √(p (1 − p) / n), and n."""

    share: float
    error: float
    count: int

    def __str__(self) -> str:
        return f"{100 * self.share:.1f} ± {100 * self.error:.1f} %, n = {self.count:,}"


def accuracy(scores: Tensor, answers: Tensor) -> Accuracy:
    """Score a method.

    Args:
        scores: (N, 3), the higher the likelier. Where k answers share the highest, one of them is drawn: a right one
            among them counts 1/k, what drawing gives in the mean.
        answers: (N,) whole numbers, 0 to 2.

    Raises:
        ValueError: wrong shapes, NaN, or answers out of range.
    """
    require_finite("scores", require_tensor("scores", scores, "N 3"))
    require_tensor("answers", answers, str(len(scores)), floating=False)
    require_range("answers", answers, 0, 2)
    best = scores == scores.amax(1, keepdim=True)
    credit = best.gather(1, answers.long()[:, None])[:, 0] / best.sum(1)
    share = credit.double().mean().item()
    return Accuracy(share, (share * (1 - share) / len(scores)) ** 0.5, len(scores))


def against_near_misses(scores: Tensor, objects: Tensor) -> dict[str, Accuracy]:
    """How often the right answer of `hard` questions beats the mirror image, and how often it beats an edit of a bend;
    a network that tells neither apart is right half of the time. Equal scores count half.

    Args:
        scores: (N, 3), the higher the likelier.
        objects: (N, 4, K, 3) true cubes, the reference first.

    Returns:
        `mirror image` and `edit`, the count being that of such pairs; what does not occur is left out.

    Raises:
        ValueError: wrong shapes, NaN, or not one right answer in each question.
    """
    require_finite("scores", require_tensor("scores", scores, "N 3"))
    require_tensor("objects", objects, f"{len(scores)} 4 K 3", floating=False)
    right, mirror = same_shape(objects) > 0, same_shape(_reference_mirrored(objects)) > 0
    if not (right.sum(1) == 1).all():
        raise ValueError("objects: expected one answer in each question that shows the reference's")
    lead = scores[right][:, None] - scores
    wins = (lead > 0).double() + (lead == 0).double() / 2
    found = {}
    for name, pairs in (("mirror image", mirror & ~right), ("edit", ~mirror & ~right)):
        if count := int(pairs.sum()):
            share = wins[pairs].mean().item()
            found[name] = Accuracy(share, (share * (1 - share) / count) ** 0.5, count)
    return found


def margins(scores: Tensor) -> Tensor:
    """(N,) lead of the best of three scores (N, 3) over the next, 0 or more."""
    top = require_finite("scores", require_tensor("scores", scores, "N 3")).topk(2).values
    return top[:, 0] - top[:, 1]


def silhouette_area(pictures: Tensor) -> Tensor:
    """Scores (N, 3) of pictures (N, 4, 3, H, W) in [0, 1]: how little the shares of pixels on the object differ.

    The background is what the picture's border shows, by its median; the object is brighter.
    """
    brightest = _check(pictures).amax(2)  # (N, 4, H, W)
    edges = (brightest[..., 0, :], brightest[..., -1, :], brightest[..., 0], brightest[..., -1])
    background = torch.cat(edges, -1).median(-1).values[..., None, None]
    areas = (brightest > background + FAINT).float().mean((2, 3))  # (N, 4)
    return -(areas[:, 1:] - areas[:, :1]).abs()


def colour_histogram(pictures: Tensor) -> Tensor:
    """Scores (N, 3) of pictures (N, 4, 3, H, W) in [0, 1]: how little histograms of 8 × 8 × 8 colours differ."""
    pictures = _check(pictures)
    red, green, blue = (pictures * BINS).long().clamp_max(BINS - 1).flatten(3).unbind(2)  # (N, 4, H·W)
    colours = (red * BINS + green) * BINS + blue
    shares = torch.zeros(*colours.shape[:2], BINS**3)
    shares.scatter_add_(2, colours, torch.full(colours.shape, 1 / colours.shape[2]))
    return -(shares[:, 1:] - shares[:, :1]).abs().sum(2)


def cube_count(objects: Tensor) -> Tensor:
    """Scores (N, 3) of true objects (N, 4, K, 3): how little their numbers of cubes differ. An oracle."""
    require_tensor("objects", objects, "N 4 K 3", floating=False)
    counts = cube_counts(objects.flatten(0, 1)).view(-1, 4)
    return -(counts[:, 1:] - counts[:, :1]).abs().float()


def same_shape(objects: Tensor) -> Tensor:
    """Scores (N, 3) of true objects (N, 4, K, 3): 1 if two are the same under a rotation, else 0. An oracle."""
    require_tensor("objects", objects, "N 4 K 3", floating=False)
    names = keys(objects.flatten(0, 1)).view(-1, 4, 3)
    return (names[:, 1:] == names[:, :1]).all(-1).float()


def floors_and_oracles(questions: Questions) -> dict[str, Accuracy]:
    """All of the above on the same questions, chance first."""
    floors = (silhouette_area, colour_histogram)
    parts = questions.all_pictures().split(100)
    scores = [[floor(pictures.float() / 255) for floor in floors] for pictures in parts]
    area, colours = (torch.cat(parts) for parts in zip(*scores, strict=True))
    objects = questions.truth.objects
    rows = {
        "chance": torch.zeros(len(questions), 3),
        "floor: silhouette area": area,
        "floor: colour histogram": colours,
        "oracle: number of cubes": cube_count(objects),
        "oracle: true shape, unknown rotation": same_shape(objects),
    }
    return {name: accuracy(score, questions.answers) for name, score in rows.items()}


def _reference_mirrored(objects: Tensor) -> Tensor:
    return torch.cat((mirrored(objects[:, 0].long())[:, None], objects[:, 1:].long()), 1)


def _check(pictures: Tensor) -> Tensor:
    if not isinstance(pictures, Tensor) or pictures.dim() != 5 or tuple(pictures.shape[1:3]) != (4, 3):
        got = tuple(pictures.shape) if isinstance(pictures, Tensor) else type(pictures).__name__
        raise ValueError(f"pictures: expected shape (N, 4, 3, H, W), got {got}")
    return require_range("pictures", require_tensor("pictures", pictures, "N J C H W"), 0, 1)
