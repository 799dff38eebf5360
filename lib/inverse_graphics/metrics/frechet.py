"""Fréchet distance between two sets of pictures, FID if the features are Inception's (Heusel et al. 2017).

    distance = |μ − μ'|² + tr(Σ + Σ' − 2 (Σ Σ')^½)

of the means and covariances of features. What it means depends on the features, so they have a name, which goes into
every table, and numbers of different names must not be compared:

    inception-v3     the canonical FID, by torch-fidelity where that is installed (an optional extra) with its weights
    squeezenet-1.1   ImageNet features, where the Keras weights are among the user's data (`squeezenet/`); 512 numbers
    hog-colour       histograms of oriented gradients and mean colours; no weights, so always there; 176 numbers

It is biased: two halves of one set are not at distance 0, the less so the fewer pictures. `distances` measures it, too.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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


def distances(real: Tensor, made: Tensor, names: Sequence[str] = tuple(SIZES)) -> dict[str, dict[str, Any]]:
    """How far made pictures (M, 3, H, W) are from real ones (N, 3, H, W), by each of the features that can be had here.

    Args:
        names: of features, keys of `SIZES`.

    Returns:
        `distance` between the two; `between_halves` of the real ones, what a perfect generator would be at with half as
        many pictures; `counts`, N and M.

    Raises:
        ValueError: wrong shapes or values, unknown features, fewer than 4 real pictures or 2 made ones.
    """
    for name in names:
        require_choice("names", name, SIZES)
    if len(require_tensor("real", real, "N 3 H W")) < 4:
        raise ValueError(f"real: expected 4 pictures or more, got {len(real)}")
    require_range("real", real, 0, 1)
    require_range("made", require_tensor("made", made, f"M 3 {real.shape[2]} {real.shape[3]}"), 0, 1)
    found: dict[str, dict[str, Any]] = {}
    for name in (name for name in names if name in available_features()):
        known = extract(real, name)
        one, other = moments(known), moments(extract(made, name))
        found[name] = {
            "distance": frechet_distance(one, other),
            "between_halves": frechet_distance(moments(known[::2]), moments(known[1::2])),
            "counts": [one.count, other.count],
        }
    return found


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
