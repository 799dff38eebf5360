"""Losses that draw latents of one object together and push those of different objects apart. Minimised.

    contrastive_loss   of the Siamese network (Pix2Scene 2018, Eq. 7; Hadsell et al. 2006, Koch et al. 2015)
    supervised_hinge   of Pix2Scene's labelled questions, as the authors' code has it
    supervised_printed the same as Eq. (5) prints it

Eq. (5) has no lower end: it falls for ever as wrong answers move away. The authors' code compares each wrong answer
with the right one, and stops where it is a margin farther.
"""

import torch
from torch import Tensor

from inverse_graphics.checks import require_range, require_tensor

MARGIN = 2.0  # of Eq. (7)
HINGE_MARGIN = 1.0  # in the authors' code


def contrastive_loss(distances: Tensor, different: Tensor, margin: float = MARGIN) -> Tensor:
    """Eq. (7): mean of ½ D² over pairs that show the same and of ½ max(0, m − D)² over those that do not.

    Args:
        distances: (B,) D, 0 or more.
        different: (B,) bool, y of Eq. (7).
        margin: m. Raising it pushes different ones farther apart.
    """
    count = len(require_range("distances", require_tensor("distances", distances, "B"), 0, torch.inf))
    require_tensor("different", different, str(count), floating=False)
    apart = (margin - distances).clamp_min(0)
    return 0.5 * torch.where(different.bool(), apart, distances).square().mean()


def supervised_hinge(right: Tensor, wrong: Tensor, margin: float = HINGE_MARGIN) -> Tensor:
    """Mean over questions of Σ_i max(0, D(ref, ans) − D(ref, d_i) + margin).

    Args:
        right: (N,) squared distances of right answers from their reference, a mean over components in the authors'
            code.
        wrong: (N, 2) those of wrong answers.
        margin: by how much these must be larger.
    """
    _check(right, wrong)
    return (right[:, None] - wrong + margin).clamp_min(0).sum(1).mean()


def supervised_printed(right: Tensor, wrong: Tensor) -> Tensor:
    """Eq. (5): mean over questions of ½ D(ref, ans) − ½ Σ_i D(ref, d_i), D the squared L2 distance. Unbounded.

    Arguments as for `supervised_hinge`.
    """
    _check(right, wrong)
    return 0.5 * (right - wrong.sum(1)).mean()


def _check(right: Tensor, wrong: Tensor) -> None:
    require_tensor("wrong", wrong, f"{len(require_tensor('right', right, 'N'))} 2")
