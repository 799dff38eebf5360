from dataclasses import replace

import pandas as pd
import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.experiments import heads
from inverse_graphics.experiments.heads import COLUMN, COLUMNS, HEAD, LAYERS, kind, verdict
from inverse_graphics.experiments.voxel_autoencoder import load_autoencoder, run
from inverse_graphics.training.loop import Runtime

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)


def told(sameness, roughness):
    return pd.Series({COLUMNS["sameness"]: sameness, COLUMNS["painted_sameness"]: 0.9, COLUMNS["roughness"]: roughness})


def test_a_column_looks_alike_all_round_and_layers_are_rough_along_depth():
    assert kind(told(0.8, 0.9)) == COLUMN
    assert kind(told(0.2, 1.5)) == LAYERS
    assert kind(told(0.2, 0.9)) == HEAD


@pytest.mark.parametrize(
    ("papers", "ours", "expected"),
    [((0.2, 0.9), (0.2, 2), "reproduced"), ((0.8, 0.9), (0.2, 0.9), "partly"), ((0.8, 1), (0.2, 2), "not reproduced")],
)
def test_the_verdict_is_the_papers_way_first(papers, ours, expected):
    table = pd.DataFrame({heads.LABELS["encoded"]: told(*papers), heads.LABELS["bounded"]: told(*ours)}).T
    said, reason = verdict(table)
    assert said == expected and heads.LABELS["bounded"] in reason


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "RUNS", tmp_path_factory.mktemp("runs"))
        small = {"train_images": 32, "test_images": 16, "steps": 2}
        yield {way: run(replace(c, **small), runtime=RUNTIME) for way, c in heads.configs("smoke").items()}


def test_heads_are_seen_from_their_own_front(trained):
    model = load_autoencoder(trained["encoded"])
    latents = trained["encoded"].arrays()["sample_latents"][:2]
    seen = heads.around(model, latents, torch.tensor([0.0, 0.7]))
    with torch.no_grad():
        _, projection, texture = model.decode(latents[1:], 0.7)
    assert seen.projections.shape == seen.textures.shape == (2, 12, 28, 28)
    torch.testing.assert_close(seen.projections[1, :1], projection[0])
    torch.testing.assert_close(seen.textures[1, :1], texture[0])
    torch.testing.assert_close(seen.projections[:, 6], seen.projections[:, 0].flip(2))  # a back is the front mirrored


def test_the_summary_stands_beside_a_lathe(trained):
    found = {way: heads.agreement(load_autoencoder(result), result) for way, result in trained.items()}
    assert found["encoded"]["projections"][0] == pytest.approx(1, abs=1e-5)
    table = heads.summary(trained, found)
    assert list(table.index) == [*heads.LABELS.values(), "a lathe"]
    assert table.loc["a lathe", COLUMNS["sameness"]] == 1 and table.iloc[:2].notna().all().all()
    own, mean = heads.fronts(trained["bounded"])
    assert len(own) == 4 and abs(mean) <= heads.RANGE
