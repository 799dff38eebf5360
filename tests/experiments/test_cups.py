from dataclasses import replace

import pandas as pd
import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.experiments import cups
from inverse_graphics.experiments.voxel_autoencoder import load_autoencoder, run
from inverse_graphics.training.loop import Runtime

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)
KINDS = {"cup to cup": ("cup", "cup"), "cup to person": ("cup", "person")}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "RUNS", tmp_path_factory.mktemp("runs"))
        config = replace(cups.configs("smoke")["aae"], train_images=48, test_images=48, steps=2, batch_size=16)
        yield run(config, runtime=RUNTIME)


def test_pairs_join_different_latents_of_their_classes(result):
    examples = {name: cups.example_latents(result, name) for name in ("cup", "person")}
    within, across = cups.walk_pairs(result, "cup", "cup"), cups.walk_pairs(result, "cup", "person")
    assert torch.equal(within.starts[0], examples["cup"][0]) and torch.equal(within.ends[0], examples["cup"][1])
    assert all(not torch.equal(start, end) for start, end in zip(*within, strict=True))
    assert torch.equal(across.starts[0], examples["cup"][0]) and torch.equal(across.ends[0], examples["person"][0])
    assert len(within.starts) == len(within.ends) <= cups.MOST_PAIRS


def test_a_walk_begins_and_ends_where_it_should(result):
    model = load_autoencoder(result)
    start, end = cups.example_latents(result, "cup")[:2]
    voxels, pictures = cups.walk(model, start, end, steps=5)
    assert voxels.shape == (5, 28, 28, 28) and pictures.shape == (5, 1, 28, 28)
    expected = model.decode(torch.stack((start, end)))
    torch.testing.assert_close(voxels[[0, -1]], expected[0])
    torch.testing.assert_close(pictures[[0, -1]], expected[2])


def test_the_floors_of_smoothness_are_what_they_must_be(result):
    table = cups.smoothness_table(result, load_autoencoder(result), KINDS)
    fade, jump = table.loc["floor: cross-fade of pictures"], table.loc["floor: a jump halfway"]
    assert (fade["unevenness"], fade["detour"]) == pytest.approx(
        (1, 1), abs=0.1
    )  # ends of an untrained model hardly differ: rounding shows
    assert jump["unevenness"] == pytest.approx(cups.STEPS - 1) and jump["smooth"] == 0
    assert {f"{kind}, {how}" for kind in KINDS for how in ("3D", "rendered")} < set(table.index)
    assert table.loc["cup to cup, rendered", "strangeness"] >= 0


@pytest.mark.parametrize(
    ("shares", "expected"), [((1.0, 0.96), "reproduced"), ((1.0, 0.6), "partly"), ((1.0, 0.4), "not reproduced")]
)
def test_the_verdict_is_that_of_the_worst_kind(shares, expected):
    rows = {f"kind {at}": {"n": 10, "smooth": share} for at, share in enumerate(shares)}
    rows["floor: a jump halfway"] = {"n": 10, "smooth": 0.0}
    verdict, reason = cups.smoothness_verdict(pd.DataFrame.from_dict(rows, orient="index"))
    assert verdict == expected and "kind 1" in reason


def test_far_ends_are_of_the_class_and_differ_most(result):
    model = load_autoencoder(result)
    first, last = cups.far_ends(result, model, "cup")
    arrays = result.arrays()
    assert torch.equal(first, cups.example_latents(result, "cup")[0])
    clear = arrays["sample_latents"][(arrays["sample_classes"] == 3) & (arrays["sample_votes"] == 1)]
    others = clear if len(clear) else cups.example_latents(result, "cup")[1:]
    assert (others == last).all(1).any()
    pictures = model.decode(torch.stack((first, last, *others)))[1].flatten(1)
    differences = (pictures[1:] - pictures[0]).square().sum(1)
    assert differences[0] == pytest.approx(differences.max().item())
