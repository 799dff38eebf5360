"""How far a learned distribution of azimuths is from the true one.

On the circle, earth can be moved either way round. For distribution functions F and G on a circle of circumference
360°, cut open anywhere,

    W₁ = min_c ∫ |F(t) − G(t) − c| dt

(Rabin, Delon and Gousseau 2011, "Transportation distances on the circle"), and the best c is the median of F − G.
"""

import math

import numpy as np
from torch import Tensor

from inverse_graphics.checks import require_finite, require_tensor

ROTATIONS = 360


def circular_distance(samples: Tensor, truth: Tensor) -> float:
    """1-Wasserstein distance between two samples of angles: the mean angle by which one has to be moved.

    0 for equal samples, 90 between a point and the uniform distribution, at most 180.

    Args:
        samples, truth: (N,) and (M,) radians, of any turn.

    Returns:
        Degrees in [0, 180].

    Raises:
        ValueError: wrong shape, NaN or infinity.
    """
    return _wasserstein(_turns("samples", samples), _turns("truth", truth)) * 360


def circular_distance_up_to_rotation(samples: Tensor, truth: Tensor, rotations: int = ROTATIONS) -> tuple[float, float]:
    """The least `circular_distance` over rotations of all samples together: for a model that is free to choose which
    way is front. It is free to mirror too, then θ runs backwards: try `-samples` and take the smaller.

    Args:
        samples, truth: as for `circular_distance`.
        rotations: tried, evenly spread. The distance found exceeds the least by at most 180 / rotations degrees.

    Returns:
        The distance in degrees, and the rotation added to the samples to reach it, in degrees in [0, 360).
    """
    if type(rotations) is not int or rotations < 1:
        raise ValueError(f"rotations: expected a whole number, 1 or more; got {rotations!r}")
    ours, theirs = _turns("samples", samples), _turns("truth", truth)
    tries = [_wasserstein((ours + step / rotations) % 1, theirs) for step in range(rotations)]
    best = int(np.argmin(tries))
    return tries[best] * 360, best / rotations * 360


def _turns(name: str, angles: Tensor) -> np.ndarray:
    """Radians → [0, 1) of a turn."""
    values = require_finite(name, require_tensor(name, angles, "N")).detach().cpu().double().numpy()
    return values / (2 * math.pi) % 1


def _wasserstein(one: np.ndarray, other: np.ndarray) -> float:
    """In turns. F − G is constant between neighbouring samples, so integral and median are sums over the gaps."""
    places = np.sort(np.concatenate((one, other, [0.0, 1.0])))
    lengths = np.diff(places)
    share_one = np.searchsorted(np.sort(one), places[:-1], side="right") / len(one)
    share_other = np.searchsorted(np.sort(other), places[:-1], side="right") / len(other)
    gap = share_one - share_other
    order = np.argsort(gap)
    passed = np.cumsum(lengths[order])
    median = gap[order][np.searchsorted(passed, 0.5)]
    return float(np.sum(lengths * np.abs(gap - median)))
