from dataclasses import replace

import pandas as pd
import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.experiments import heads
from inverse_graphics.experiments.heads import COLUMN, COLUMNS, HEAD, LAYERS, TWO_FACED, kind, solid_verdict, verdict
from inverse_graphics.experiments.voxel_autoencoder import load_autoencoder, run
from inverse_graphics.results import find_result
from inverse_graphics.training.loop import Runtime

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)


def told(sameness, roughness, back=0.0):
    words = {"sameness": sameness, "back_sameness": back, "roughness": roughness}
    return pd.Series({COLUMNS[word]: value for word, value in words.items()})


def test_a_column_looks_alike_all_round_and_layers_are_rough_along_depth():
    assert kind(told(0.8, 0.9)) == COLUMN
    assert kind(told(0.2, 1.5)) == LAYERS
    assert kind(told(0.2, 0.9, back=0.9)) == TWO_FACED
    assert kind(told(0.2, 0.9, back=-0.9)) == HEAD


@pytest.mark.parametrize(
    ("ways", "papers", "solid"),
    [
        (((0.2, 0.9), (0.2, 2), (0.2, 2)), "reproduced", "not reproduced"),
        (((0.8, 0.9), (0.2, 0.9), (0.2, 0.9, 1.0)), "partly", "not reproduced"),
        (((0.8, 1), (0.2, 2), (-0.2, 0.9)), "not reproduced", "reproduced"),
    ],
)
def test_the_papers_claim_and_that_of_the_solid_heads_have_a_verdict_each(ways, papers, solid):
    table = pd.DataFrame({label: told(*way) for label, way in zip(heads.LABELS.values(), ways, strict=True)}).T
    said, reason = verdict(table)
    assert said == papers and heads.LABELS["bounded"] in reason and heads.LABELS["solid"] not in reason
    said, reason = solid_verdict(table)
    assert said == solid and heads.LABELS["solid"] in reason


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
    assert seen.shapes.shape == seen.textures.shape == (2, 12, 28, 28)
    torch.testing.assert_close(seen.shapes[1, :1], projection[0])
    torch.testing.assert_close(seen.textures[1, :1], texture[0])
    torch.testing.assert_close(seen.shapes[:, 6], seen.shapes[:, 0].flip(2))  # a back is the front mirrored
    solid = load_autoencoder(trained["solid"])
    seen = heads.around(solid, latents, torch.zeros(2))
    assert seen.textures is None and seen.shapes.shape == (2, 12, 28, 28)


def test_the_summary_stands_beside_a_lathe(trained, monkeypatch):
    monkeypatch.setattr(heads, "SAMPLES", 8)
    found = {way: heads.agreement(load_autoencoder(result), result) for way, result in trained.items()}
    assert found["encoded"]["shapes"][0] == pytest.approx(1, abs=1e-4)
    assert found["encoded"]["back"] == pytest.approx(1, abs=1e-4)  # by Eq. (2), whatever the shape is
    table = heads.summary(trained, found)
    assert list(table.index) == [*heads.LABELS.values(), "a lathe"]
    assert table.loc["a lathe", COLUMNS["sameness"]] == 1 and table.iloc[:2].notna().all().all()
    unpainted = [heading for word, heading in COLUMNS.items() if not word.startswith("painted")]
    assert table.loc[heads.LABELS["solid"], unpainted].notna().all()


def test_fronts_are_where_the_encoder_sees_them_and_0_for_solid_heads(trained):
    own, mean = heads.fronts(trained["bounded"])
    assert len(own) == 4 and 0 < abs(mean) <= heads.RANGE
    own, mean = heads.fronts(trained["solid"])
    assert not own.any() and mean == 0


def test_a_solid_head_has_numbers_of_its_own_and_the_others_keep_their_names(trained):
    assert trained["solid"].numbers["head"]["n"] == 16
    assert not any("head" in trained[way].numbers for way in ("encoded", "bounded"))
    assert trained["solid"].numbers["projection_mse"]["mean"] < 0.2
    assert find_result(heads.configs("quick")["encoded"]).origin == "shipped with the repository"
