from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.experiments import cup_cavities, cups
from inverse_graphics.experiments.voxel_autoencoder import load_autoencoder, run
from inverse_graphics.metrics.cavities import measure_cavity
from inverse_graphics.training.loop import Runtime

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "RUNS", tmp_path_factory.mktemp("runs"))
        config = replace(cups.configs("smoke")["aae"], train_images=48, test_images=48, steps=2, batch_size=16)
        yield run(config, runtime=RUNTIME)


def vessel(floor: int = 2, depth: int = 8) -> torch.Tensor:
    """A box of 12 cells in a grid of 16, hollow from above for `depth` of them."""
    voxels = torch.zeros(16, 16, 16)
    voxels[2:14, 2:14, 2:14] = 1
    voxels[4:12, 2 : 2 + depth, 4:12] = 0
    if not floor:
        voxels[4:12, :, 4:12] = 0
    return voxels


def samples(*shapes: torch.Tensor) -> cup_cavities.Samples:
    count = len(shapes)
    voxels = torch.stack(shapes) if shapes else torch.zeros(0, 16, 16, 16)
    return cup_cavities.Samples(torch.zeros(count, 3), voxels, torch.ones(count), torch.arange(count))


def test_a_cup_is_hollow_and_a_tube_or_a_dented_block_is_not():
    cavity = measure_cavity(torch.stack((vessel(), vessel(floor=0), vessel(depth=2), vessel(depth=0))), 0.5)
    assert cup_cavities.is_hollow(cavity).tolist() == [True, False, False, False]


def test_a_slit_is_no_hollow():
    slit = vessel(depth=0)
    slit[7:8, 2:12, 5:11] = 0
    cavity = measure_cavity(slit[None], 0.5)
    assert cavity.depth_fraction.item() > cup_cavities.HOLLOW and not cup_cavities.is_hollow(cavity).item()


def test_the_clearest_of_each_kind_are_chosen_in_order():
    shapes = samples(vessel(depth=2), vessel(depth=6), vessel(depth=9), vessel(depth=0))
    pair = cup_cavities.clearest_pair(shapes, 0.5)
    assert list(pair) == ["hollow", "solid"]
    assert torch.equal(pair["hollow"][0], vessel(depth=6)) and pair["hollow"][1] == pytest.approx(0.5)
    assert torch.equal(pair["solid"][0], vessel(depth=2))


def test_where_all_are_of_one_kind_the_other_is_named_for_what_it_is():
    deep = cup_cavities.clearest_pair(samples(vessel(depth=9), vessel(depth=6), vessel(depth=4)), 0.5)
    assert list(deep) == ["hollow", "shallowest"] and torch.equal(deep["shallowest"][0], vessel(depth=4))
    flat = cup_cavities.clearest_pair(samples(vessel(depth=0), vessel(depth=2)), 0.5)
    assert list(flat) == ["largest", "solid"] and torch.equal(flat["largest"][0], vessel(depth=2))
    with pytest.raises(ValueError, match="samples: expected at least two"):
        cup_cavities.clearest_pair(samples(vessel()), 0.5)


def counted(cups: int, hollow: float, persons: int, floor: float) -> pd.DataFrame:
    rows = {
        cup_cavities.CUPS: {"n": cups, "hollow": hollow},
        cup_cavities.PERSONS: {"n": persons, "hollow": floor},
    }
    return pd.DataFrame.from_dict(rows, orient="index")


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (counted(100, 0.4, 100, 0.0), "reproduced"),
        (counted(100, 0.4, 100, 0.38), "partly"),
        (counted(100, 0.02, 100, 0.0), "partly"),
        (counted(100, 0.0, 100, 0.0), "not reproduced"),
        (counted(100, 1.0, 100, 0.0), "not reproduced"),
        (counted(0, 0.0, 100, 0.0), "not reproduced"),
        (counted(100, 0.5, 0, 0.0), "reproduced"),
    ],
)
def test_the_verdict_follows_from_the_counts(table, expected):
    verdict, reason = cup_cavities.verdict(table)
    assert verdict == expected and reason


def test_samples_come_clearest_first_and_are_of_their_class(result):
    model = load_autoencoder(result)
    found = {name: cup_cavities.samples_of(result, model, name) for name in ("cup", "person")}
    assert sum(len(each.votes) for each in found.values()) == len(result.arrays()["sample_latents"])
    most = max(found.values(), key=lambda each: len(each.votes))
    assert most.votes.tolist() == sorted(most.votes.tolist(), reverse=True)
    assert torch.equal(most.latents, result.arrays()["sample_latents"][most.places])
    with pytest.raises(ValueError, match="name: expected one of"):
        cup_cavities.samples_of(result, model, "teapot")


def test_the_table_has_a_floor_and_the_truth(result):
    model = load_autoencoder(result)
    cup, person = (cup_cavities.samples_of(result, model, name) for name in ("cup", "person"))
    table = cup_cavities.cavity_table(result, cup, person)
    assert list(table.index) == [cup_cavities.CUPS, cup_cavities.PERSONS, cup_cavities.TRUE_CUPS]
    assert table.loc[cup_cavities.TRUE_CUPS, "hollow"] == 1
    assert not table.isna().any(axis=None)
    shares = cup_cavities.hollow_by_threshold({"cup": cup, "none": cup.pick(torch.zeros(0, dtype=torch.int64))})
    assert len(shares["cup"]) == len(cup_cavities.THRESHOLDS) and set(shares["none"]) == {0.0}


def test_without_the_set_the_truth_is_what_the_result_remembers(result, monkeypatch):
    monkeypatch.setattr(cup_cavities, "available", lambda name, classes: False)
    table = cup_cavities.cavity_table(result, samples(), samples())
    stored = result.numbers["truth"]["true_cavity_depth_fraction"]
    assert table.loc[cup_cavities.TRUE_BOTH, "depth / height"] == stored["mean"]
    assert cup_cavities.true_cups(result) is None


def test_the_threshold_is_the_one_chosen_on_training_objects(result):
    assert cup_cavities.surface_threshold(result) == result.numbers["truth"]["methods"]["decoder"]["threshold"]
    assert cup_cavities.surface_threshold(SimpleNamespace(numbers={})) == cup_cavities.USUAL
