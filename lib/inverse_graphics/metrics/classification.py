"""What a simple classifier reads off features: a number for "latents serve classification" (Uçar 2019, Sec. 5)."""

from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from inverse_graphics.checks import require_finite, require_range, require_tensor

NEIGHBOURS = 5


class Accuracy(NamedTuple):
    """Shares of the test set that are classified right, in [0, 1].

    Fields:
        linear: by logistic regression on standardised features.
        nearest: by a vote of the nearest training features.
        chance: by guessing evenly among the classes.
        majority: by always naming the most frequent class of the training set.
        count: size of the test set; a share p has a standard error of √(p (1 − p) / count).
    """

    linear: float
    nearest: float
    chance: float
    majority: float
    count: int


def classify(
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    test_labels: Tensor,
    neighbours: int = NEIGHBOURS,
) -> Accuracy:
    """Fit both classifiers on the training features and score them on the test features. Nothing in it is random.

    Args:
        train_features, test_features: (N, Z) and (M, Z) floating.
        train_labels, test_labels: (N,) and (M,) whole numbers; two classes or more among the former.
        neighbours: that vote. Raising it smooths the borders between classes.

    Raises:
        ValueError: wrong shape or dtype, NaN, a single class, or more neighbours than training features.
    """
    train = _features("train_features", train_features), _labels("train_labels", train_labels, len(train_features))
    test = _features("test_features", test_features), _labels("test_labels", test_labels, len(test_features))
    if train[0].shape[1] != test[0].shape[1]:
        raise ValueError(f"test_features: expected {train[0].shape[1]} features as in training, got {test[0].shape[1]}")
    if type(neighbours) is not int or not 1 <= neighbours <= len(train[0]):
        raise ValueError(f"neighbours: expected a whole number from 1 to {len(train[0])}, got {neighbours!r}")
    classes, counts = np.unique(train[1], return_counts=True)
    if len(classes) < 2:
        raise ValueError(f"train_labels: expected two classes or more, got {len(classes)}")
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)).fit(*train)
    nearest = KNeighborsClassifier(neighbours).fit(*train)
    return Accuracy(
        linear=float(linear.score(*test)),
        nearest=float(nearest.score(*test)),
        chance=1 / len(classes),
        majority=float((test[1] == classes[counts.argmax()]).mean()),
        count=len(test[1]),
    )


def classify_pca(
    train_images: Tensor,
    train_labels: Tensor,
    test_images: Tensor,
    test_labels: Tensor,
    size: int,
    neighbours: int = NEIGHBOURS,
) -> Accuracy:
    """`classify` on the `size` first principal components of the pixels: what features of the same size are worth that
    know no shape.

    Args:
        train_images, test_images: (N, C, H, W) and (M, C, H, W) in [0, 1].
        train_labels, test_labels, neighbours: as for `classify`.
        size: number of components, that of the latent to compare with.
    """
    train, test = (
        require_range(name, require_tensor(name, images, "B C H W"), 0, 1).detach().cpu().double().flatten(1)
        for name, images in (("train_images", train_images), ("test_images", test_images))
    )
    if train.shape[1] != test.shape[1]:
        raise ValueError(f"test_images: expected {train.shape[1]} pixels as in training, got {test.shape[1]}")
    if type(size) is not int or not 1 <= size <= min(train.shape):
        raise ValueError(f"size: expected a whole number from 1 to {min(train.shape)}, got {size!r}")
    components = PCA(size, svd_solver="covariance_eigh").fit(train.numpy())  # the default may draw at random
    features = [train.new_tensor(components.transform(images.numpy())) for images in (train, test)]
    return classify(features[0], train_labels, features[1], test_labels, neighbours)


def _features(name: str, features: Tensor) -> np.ndarray:
    return require_finite(name, require_tensor(name, features, "N Z")).detach().cpu().double().numpy()


def _labels(name: str, labels: Tensor, count: int) -> np.ndarray:
    require_tensor(name, labels, "N", floating=False)
    if labels.is_floating_point() or labels.is_complex() or len(labels) != count:
        raise ValueError(f"{name}: expected {count} whole numbers, got {len(labels)} of dtype {labels.dtype}")
    return labels.cpu().numpy()
