"""The search for a picture that could be a plane, a chair or a 4, on models that have hardly been trained."""

from dataclasses import replace

import pandas as pd
import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.experiments import ambiguous_pictures, final_model
from inverse_graphics.experiments.voxel_autoencoder import load_autoencoder, run
from inverse_graphics.training.loop import Runtime

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    few = {"train_images": 48, "steps": 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "RUNS", tmp_path_factory.mktemp("runs"))
        combined = replace(final_model.configs("smoke")["all"], film=(), test_images=80, **few)
        singles = final_model.single_configs("smoke")
        results = {name: run(replace(c, test_images=24, **few), runtime=RUNTIME) for name, c in singles.items()}
        yield run(combined, runtime=RUNTIME), results


def test_the_search_runs_through_and_finds_the_least_worst(trained):
    result, singles = trained
    model, models = load_autoencoder(result), {name: load_autoencoder(single) for name, single in singles.items()}
    found = ambiguous_pictures.candidates(result, model)
    assert found.pictures.shape[1:] == (1, 28, 28) and len(found.pictures) == len(found.origins)
    torch.testing.assert_close(found.pictures.amax((1, 2, 3)), torch.ones(len(found.pictures)))
    some = ambiguous_pictures.read_as_four(found, models["digit"], singles["digit"])
    assert 0 < len(some.origins) <= len(found.origins)
    few = some.pictures[:5]
    errors = ambiguous_pictures.relative_errors(few, models, singles)
    assert errors.shape == (len(few), 3) and (errors > 0).all()
    best = ambiguous_pictures.most_ambiguous(errors)
    assert errors[best].max() == errors.amax(1).min()
    table = ambiguous_pictures.search_table(result, model, models, singles, errors)
    assert table.loc["the picture found", "worst of the three"] == pytest.approx(errors[best].max().item())
    with torch.no_grad():
        shapes = {"all": model(few[:1]).voxels[0]} | {name: models[name](few[:1]).voxels[0] for name in models}
    likeness = ambiguous_pictures.class_likeness(result, model, shapes)
    assert list(likeness.index.get_level_values("elevation")) == [0] * 4 + [30] * 4
    assert set(likeness["nearest"]) <= set(ambiguous_pictures.WORDS.values())
    verdict, reason = ambiguous_pictures.verdict(errors, likeness, "all")
    assert verdict in ("reproduced", "partly", "not reproduced") and f"of {len(few)} candidates" in reason


def test_a_remembered_shape_is_of_its_own_class(trained):
    result, _ = trained
    model = load_autoencoder(result)
    shape = model.decode(ambiguous_pictures._latents(result, "chair")[:1])[0][0]
    likeness = ambiguous_pictures.class_likeness(result, model, {"chair": shape})
    assert likeness["a chair"].tolist() == pytest.approx([1, 1], abs=1e-4)


@pytest.mark.parametrize(
    ("worst", "combined", "digit", "verdict"),
    [
        (0.9, ("a chair", "a chair"), ("a 4", "a 4"), "reproduced"),
        (0.9, ("a 4", "a chair"), ("a 4", "a plane"), "partly"),
        (0.9, ("a plane", "a plane"), ("a plane", "a plane"), "not reproduced"),
        (3.0, ("a chair", "a chair"), ("a 4", "a 4"), "not reproduced"),
    ],
)
def test_verdict(worst, combined, digit, verdict):
    rows = [("all", 0), ("all", 30), ("digit", 0), ("digit", 30)]
    index = pd.MultiIndex.from_tuples(rows, names=["shape", "elevation"])
    likeness = pd.DataFrame({"nearest": [*combined, *digit]}, index=index)
    errors = torch.tensor([[0.5, worst, 0.1], [9.0, 9.0, 9.0]])
    assert ambiguous_pictures.verdict(errors, likeness, "all")[0] == verdict
