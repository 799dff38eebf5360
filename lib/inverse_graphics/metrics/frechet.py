"""Fréchet distance between two sets of pictures, FID if the features are Inception's (Heusel et al. 2017).

    distance = |μ − μ'|² + tr(Σ + Σ' − 2 (Σ Σ')^½)

of the means and covariances of features. What it means depends on the features, so they have a name, which goes into
every table, and numbers of different names must not be compared:

    inception-v3     the canonical FID, by torch-fidelity where that is installed (an optional extra) with its weights
    squeezenet-1.1   ImageNet features, where the Keras weights are among the user's data (`squeezenet/`); 512 numbers
    hog-colour       histograms of oriented gradients and mean colours; no weights, so always there; 176 numbers

It is biased: two halves of one set are not at distance 0, the less so the fewer pictures. `between_halves` measures it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from skimage.feature import hog
from torch import Tensor

from inverse_graphics import paths
from inverse_graphics.checks import require_choice, require_finite, require_range, require_tensor

SIZES = {"inception-v3": 299, "squeezenet-1.1": 128, "hog-colour": 32}  # pixels that pictures are resampled to
SQUEEZENET = "squeezenet/squeezenet_v1.1_weights_tf_dim_ordering_tf_kernels_notop.h5"
BATCH = 64


class Moments(NamedTuple):
    """Of features: `mean` (D,) and `covariance` (D, D), float64, and how many pictures they are of."""

    mean: np.ndarray
    covariance: np.ndarray
    count: int


class Frechet(NamedTuple):
    """A distance and how it was measured: features, and how many pictures of which side on either hand."""

    distance: float
    features: str
    counts: tuple[int, int]
    side: int

    def __str__(self) -> str:
        return (
            f"{self.distance:.1f} ({self.features}, n = {self.counts[0]:,} and {self.counts[1]:,}, {self.side} pixels)"
        )


def moments(features: Tensor) -> Moments:
    """Mean and unbiased covariance of features (N, D), N of 2 or more."""
    values = require_finite("features", require_tensor("features", features, "N D")).double().numpy()
    if len(values) < 2:
        raise ValueError("features: expected those of 2 pictures or more, got 1")
    return Moments(values.mean(0), np.cov(values, rowvar=False).reshape(values.shape[1], -1), len(values))


def frechet_distance(one: Moments, other: Moments) -> float:
    """The distance above, in float64, 0 or more.

    The trace of (Σ Σ')^½ is that of the symmetric (Σ^½ Σ' Σ^½)^½, whose eigenvalues need no complex numbers.
    """
    if one.mean.shape != other.mean.shape:
        raise ValueError(f"other: expected {len(one.mean)} features, got {len(other.mean)}")
    values, vectors = np.linalg.eigh(one.covariance)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    crossed = np.linalg.eigvalsh(root @ other.covariance @ root).clip(0)
    apart = np.square(one.mean - other.mean).sum()
    traces = np.trace(one.covariance) + np.trace(other.covariance)
    return max(0.0, float(apart + traces - 2 * np.sqrt(crossed).sum()))


def frechet(pictures: Tensor, others: Tensor, features: str | None = None) -> Frechet:
    """The distance between two sets of pictures (N, 3, H, W) and (M, 3, H, W) in [0, 1] of one size.

    Args:
        features: a key of `SIZES`; None takes the first of them that can be had here.

    Raises:
        ValueError: wrong shapes or values, or unknown features.
        FeaturesMissing: the features cannot be had here; the message says what is missing.
    """
    name = available_features()[0] if features is None else require_choice("features", features, SIZES)
    require_tensor("pictures", pictures, "N 3 H W")
    require_tensor("others", others, f"M 3 {pictures.shape[2]} {pictures.shape[3]}")
    one, other = (moments(extract(part, name)) for part in (pictures, others))
    return Frechet(frechet_distance(one, other), name, (one.count, other.count), pictures.shape[3])


def between_halves(pictures: Tensor, features: str | None = None) -> Frechet:
    """The distance between two halves of a set: what a perfect generator would be at with half as many pictures.

    Raises:
        ValueError: as `frechet`, or fewer than 4 pictures.
    """
    if len(require_tensor("pictures", pictures, "N 3 H W")) < 4:
        raise ValueError(f"pictures: expected 4 or more, got {len(pictures)}")
    return frechet(pictures[::2], pictures[1::2], features)


class FeaturesMissing(Exception):
    """Features that need what is not on this machine; the message says what."""


def available_features() -> list[str]:
    """Names of the features that can be had here, the best known first."""
    found = []
    for name in SIZES:
        try:
            _EXTRACTORS[name]()
        except FeaturesMissing:
            continue
        found.append(name)
    return found


@torch.no_grad()
def extract(pictures: Tensor, features: str) -> Tensor:
    """Features (N, D) of pictures (N, 3, H, W) in [0, 1], resampled to the side that `SIZES` says, antialiased."""
    require_choice("features", features, SIZES)
    require_range("pictures", require_tensor("pictures", pictures, "N 3 H W"), 0, 1)
    run, size = _EXTRACTORS[features](), (SIZES[features],) * 2
    parts = []
    for part in pictures.split(BATCH):
        if part.shape[2:] != size:
            part = F.interpolate(part, size, mode="bilinear", align_corners=False, antialias=True).clamp(0, 1)
        parts.append(run(part).cpu())
    return torch.cat(parts)


def _inception() -> Callable[[Tensor], Tensor]:
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise FeaturesMissing("inception-v3: needs `pip install torch-fidelity` and its weights") from error
    network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"]).eval()
    return lambda pictures: network(pictures.mul(255).round().to(torch.uint8))[0]


def _squeezenet() -> Callable[[Tensor], Tensor]:
    found = [folder / SQUEEZENET for folder in paths.data_folders() if (folder / SQUEEZENET).is_file()]
    if not found:
        raise FeaturesMissing(f"squeezenet-1.1: needs {SQUEEZENET} in a data folder")
    weights = _read_squeezenet(found[0])
    mean = torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)

    def convolve(features: Tensor, name: str, **options: int) -> Tensor:
        return F.relu(F.conv2d(features, *weights[name], **options))

    def run(pictures: Tensor) -> Tensor:
        features = convolve(pictures.flip(1) * 255 - mean, "conv1", stride=2)  # blue first, as Caffe has it
        for number in range(2, 10):
            if number in (2, 4, 6):
                features = F.max_pool2d(features, 3, 2)
            narrow = convolve(features, f"fire{number}/squeeze1x1")
            wide = convolve(narrow, f"fire{number}/expand3x3", padding=1)
            features = torch.cat((convolve(narrow, f"fire{number}/expand1x1"), wide), 1)
        return features.mean((2, 3))

    return run


def _read_squeezenet(file: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Kernels (out, in, k, k) and biases by layer."""
    found: dict[str, dict[str, Tensor]] = {}

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            layer, kind = name.split("/uniform")[0], "kernel"
            if name.endswith("_b"):
                layer, kind = name.removesuffix("_b"), "bias"
                layer = layer[: len(layer) // 2]  # the layer's name stands twice
            values = torch.from_numpy(item[()])
            found.setdefault(layer, {})[kind] = values.permute(3, 2, 0, 1).contiguous() if kind == "kernel" else values

    try:
        with h5py.File(file, "r") as opened:
            opened.visititems(visit)
        return {layer: (parts["kernel"], parts["bias"]) for layer, parts in found.items()}
    except (OSError, KeyError, RuntimeError) as error:
        raise FeaturesMissing(f"squeezenet-1.1: {file} cannot be read ({error})") from error


def _hog_colour() -> Callable[[Tensor], Tensor]:
    def run(pictures: Tensor) -> Tensor:
        grey = pictures.mean(1).numpy()
        shapes = [hog(one, orientations=8, pixels_per_cell=(8, 8), cells_per_block=(1, 1)) for one in grey]
        colours = F.adaptive_avg_pool2d(pictures, 4).flatten(1)
        return torch.cat((torch.from_numpy(np.stack(shapes)).float(), colours), 1)

    return run


_EXTRACTORS = {"inception-v3": _inception, "squeezenet-1.1": _squeezenet, "hog-colour": _hog_colour}
