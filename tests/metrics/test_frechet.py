import sys
import types

import h5py
import numpy as np
import pytest
import scipy.linalg
import torch
import torch.nn.functional as F

from inverse_graphics import paths
from inverse_graphics.metrics.frechet import (
    SIZES,
    SQUEEZENET,
    FeaturesMissing,
    Moments,
    available_features,
    distances,
    extract,
    frechet_distance,
    moments,
)

HOG = ("hog-colour",)
FIRES = {2: (64, 16, 64), 3: (128, 16, 64), 4: (128, 32, 128), 5: (256, 32, 128), 6: (256, 48, 192), 7: (384, 48, 192)}
FIRES |= {8: (384, 64, 256), 9: (512, 64, 256)}  # channels in, of the squeeze, of each expansion


@pytest.fixture
def pictures():
    """Blobs of colour, no two the same."""
    coarse = torch.rand(60, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    return F.interpolate(coarse, size=32, mode="bicubic").clamp(0, 1)


def test_distance_of_gaussians_is_the_closed_form():
    rng = np.random.default_rng(0)
    (a, b), (m, n) = rng.normal(size=(2, 6, 6)), rng.normal(size=(2, 6))
    one, other = Moments(m, a @ a.T, 9), Moments(n, b @ b.T, 9)
    root = scipy.linalg.sqrtm(one.covariance @ other.covariance).real
    expected = np.square(m - n).sum() + np.trace(one.covariance + other.covariance - 2 * root)
    assert frechet_distance(one, other) == pytest.approx(expected)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    wide, shifted = Moments(np.zeros(2), np.diag([4.0, 0]), 9), Moments(np.array([3.0, 4]), np.diag([1.0, 0]), 9)
    assert frechet_distance(wide, shifted) == pytest.approx(25 + 1)  # covariances that lack a direction are fine


def test_moments_are_those_of_numpy():
    features = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
    found = moments(features)
    np.testing.assert_allclose(found.mean, features.double().mean(0).numpy())
    np.testing.assert_allclose(found.covariance, torch.cov(features.double().T).numpy())
    with pytest.raises(ValueError, match="2 pictures or more"):
        moments(features[:1])


def test_what_is_spoilt_is_farther_away(pictures):
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(1))
    spoilt = [(pictures + sigma * noise).clamp(0, 1) for sigma in (0.0, 0.1, 0.3, 1.0)]
    found = [distances(pictures, others, HOG)["hog-colour"]["distance"] for others in spoilt]
    assert found[0] == pytest.approx(0, abs=1e-6) and found == sorted(found)
    assert found[1] > 0.05


def test_halves_of_a_set_are_not_at_distance_nought(pictures):
    found = distances(pictures, pictures[:20])
    assert list(found) == ["hog-colour"] and found["hog-colour"]["counts"] == [60, 20]
    doubled = distances(pictures.repeat_interleave(2, 0), pictures, HOG)["hog-colour"]
    assert found["hog-colour"]["between_halves"] > doubled["between_halves"] + 0.1


def test_pictures_of_any_side_give_as_many_features(pictures):
    assert extract(pictures[:3], "hog-colour").shape == (3, 176)
    assert extract(F.interpolate(pictures[:3], size=48), "hog-colour").shape == (3, 176)


def write_squeezenet(file, seed=0):
    rng = np.random.default_rng(seed)
    with h5py.File(file, "w") as opened:

        def layer(name, kernel, number):
            opened[f"{name}/uniform{number}"] = rng.normal(size=kernel).astype(np.float32) / 20
            opened[f"{name}/{name}_b"] = rng.normal(size=kernel[3]).astype(np.float32)

        layer("conv1", (3, 3, 3, 64), 1)
        for number, (before, narrow, wide) in FIRES.items():
            layer(f"fire{number}/squeeze1x1", (1, 1, before, narrow), number)
            layer(f"fire{number}/expand1x1", (1, 1, narrow, wide), number)
            layer(f"fire{number}/expand3x3", (3, 3, narrow, wide), number)


def test_squeezenet_is_used_where_its_weights_are(workspace, monkeypatch, pictures):
    assert available_features() == ["hog-colour"]
    with pytest.raises(FeaturesMissing, match=r"squeezenet-1\.1: needs squeezenet/"):
        extract(pictures, "squeezenet-1.1")
    file = workspace / "mine" / SQUEEZENET
    file.parent.mkdir(parents=True)
    monkeypatch.setenv("INVERSE_GRAPHICS_DATA", str(workspace / "mine"))
    write_squeezenet(file)
    assert available_features() == ["squeezenet-1.1", "hog-colour"]
    features = extract(pictures[:2], "squeezenet-1.1")
    assert features.shape == (2, 512) and torch.isfinite(features).all()
    red_and_blue_swapped = extract(pictures[:2].flip(1), "squeezenet-1.1")
    assert not torch.allclose(features, red_and_blue_swapped)
    file.write_bytes(b"no weights")
    with pytest.raises(FeaturesMissing, match="cannot be read"):
        extract(pictures, "squeezenet-1.1")
    assert paths.data_folders()


def test_inception_is_torch_fidelity_s(monkeypatch, pictures):
    class Extractor:
        def __init__(self, name, features):
            assert (name, features) == ("inception-v3-compat", ["2048"])

        def eval(self):
            return self

        def __call__(self, images):
            assert images.dtype == torch.uint8 and images.shape[2:] == (299, 299)
            return (images.float().mean((2, 3)),)

    module = types.ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    module.FeatureExtractorInceptionV3 = Extractor
    monkeypatch.setitem(sys.modules, "torch_fidelity", types.ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert available_features()[0] == "inception-v3" == next(iter(SIZES))
    assert list(distances(pictures, pictures.flip(1))) == ["inception-v3", "hog-colour"]


def test_bad_input_is_refused(pictures):
    with pytest.raises(ValueError, match="names: expected one of hog-colour"):
        distances(pictures, pictures, ("vgg",))
    with pytest.raises(ValueError, match="pictures: expected values"):
        extract(pictures * 255, "hog-colour")
    with pytest.raises(ValueError, match="made: expected shape"):
        distances(pictures, pictures[:, :1])
    with pytest.raises(ValueError, match="real: expected 4 pictures or more, got 3"):
        distances(pictures[:3], pictures)
    with pytest.raises(ValueError, match="other: expected 2 features, got 3"):
        frechet_distance(Moments(np.zeros(2), np.eye(2), 2), Moments(np.zeros(3), np.eye(3), 2))
