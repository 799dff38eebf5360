"""How alike two sets of numbered points in space are, under the best rotation of one of them.

The best rotation (Kabsch 1976; Horn 1987) needs no search and no rotation: with H = Pᵀ Q and singular values σ of H,

    max_R Σ_k p_k · R q_k  =  σ₁ + σ₂ + sign(det H) σ₃  =:  λ,

and λ is the largest root of a quartic in three invariants of H (as in Theobald 2005),

    λ⁴ − 2 e λ² − 8 d λ + e² − 4 c = 0,   e = ‖H‖²,  c = ‖cof H‖²,  d = det H.

Reflections are not rotations: a set and its mirror image are not alike.
"""

import torch
from torch import Tensor

from inverse_graphics.checks import require_finite, require_tensor

NEWTON_STEPS = 12  # from above, where the quartic is convex: each step gets nearer and none overshoots
LEAST = 1e-4  # slope of the quartic, for unit sets. Prevents a division by 0 where any of many rotations is the best


def best_rotation_similarity(points: Tensor, others: Tensor) -> Tensor:
    """Cosine of every set with every other one under the best rotation about the origin: all pairs at once.

    Args:
        points: (..., B, K, 3) floating.
        others: (..., C, K, 3).

    Returns:
        (..., B, C) in [0, 1]: 1 where one set is a rotation (and scaling) of the other. Differentiable; where several
        rotations are equally good, gradients are damped.

    Raises:
        ValueError: the sets are not of as many points in space, not floating, or of different types.
    """
    for name, value in (("points", points), ("others", others)):
        if value.dim() < 3 or value.shape[-2:] != (points.shape[-2], 3) or not value.is_floating_point():
            expected = f"floating (..., {points.shape[-2]}, 3)" if name == "others" else "floating (..., B, K, 3)"
            raise ValueError(f"{name}: expected {expected}, got {value.dtype} {tuple(value.shape)}")
    if others.dtype != points.dtype:
        raise ValueError(f"others: expected {points.dtype} as the points are, got {others.dtype}")
    points, others = (part / part.norm(dim=(-2, -1), keepdim=True).clamp_min(1e-6) for part in (points, others))
    return largest_alignment(torch.einsum("...bkx,...cky->xy...bc", points, others))


def best_rotation(points: Tensor, others: Tensor) -> Tensor:
    """The rotation R (3, 3) for which `others` (K, 3), each turned to R q, are most like `points` (K, 3).

    Raises:
        ValueError: shapes that disagree, NaN or infinity.
    """
    require_finite("points", require_tensor("points", points, "K 3"))
    require_finite("others", require_tensor("others", others, f"{len(points)} 3"))
    U, _, V = torch.linalg.svd(points.mT @ others.to(points))
    signs = points.new_tensor([1.0, 1.0, 1.0])
    signs[2] = torch.linalg.det(U @ V).sign()  # else it may be a reflection
    return (U * signs) @ V


def largest_alignment(products: Tensor) -> Tensor:
    """σ₁ + σ₂ + sign(det H) σ₃ of matrices H (3, 3, ...), whose first two axes are the matrix: (...), 0 or more."""
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind() for row in products.unbind())
    cofactors = (e * i - f * h, f * g - d * i, d * h - e * g, c * h - b * i, a * i - c * g, b * g - a * h)
    cofactors += (b * f - c * e, c * d - a * f, a * e - b * d)
    squares = products.square().sum((0, 1))
    determinant = a * cofactors[0] + b * cofactors[1] + c * cofactors[2]
    minors = sum(part.square() for part in cofactors)
    constant = squares.square() - 4 * minors
    with torch.no_grad():
        root = (3 * squares).sqrt()  # Σσ ≤ √(3 Σσ²)
        for _ in range(NEWTON_STEPS):
            value = ((root.square() - 2 * squares) * root - 8 * determinant) * root + constant
            slope = (4 * root.square() - 4 * squares) * root - 8 * determinant
            root = root - value / slope.clamp_min(LEAST**2)
        slope = ((4 * root.square() - 4 * squares) * root - 8 * determinant).clamp_min(LEAST)
    # One more step without a length, whose gradient is that of the root (implicit differentiation)
    value = ((root.square() - 2 * squares) * root - 8 * determinant) * root + constant
    return root - (value - value.detach()) / slope
