import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.experiments import chairs, voxel_autoencoder
from inverse_graphics.experiments.chairs import pose_agreement, round_verdict, roundness, truth_table, truth_verdict
from inverse_graphics.experiments.voxel_autoencoder import load_autoencoder, load_azimuth_source, run
from inverse_graphics.results import Result
from inverse_graphics.training.loop import Runtime


def number(mean, std=0.1, n=256):
    return {"mean": mean, "std": std, "n": n}


def fake(way, *, roundness=0.3, iou=0.2, seed=0):
    """A result of one way; with hypotheses the hull is better than the decoder on training, worse on test objects."""
    methods = {"decoder": (iou, iou)} | ({"hull": (iou - 0.01, iou + 0.05)} if way == "hypotheses" else {})
    truth = {
        "objects": 100,
        "true_rotational_symmetry": number(0.35, n=100),
        "methods": {
            name: {"iou": number(on_test), "chamfer": number(0.1), "novel_view_mse": number(0.2), "validation_iou": fit}
            for name, (on_test, fit) in methods.items()
        },
        "novel_view_floors": {key: number(0.3) for key in chairs.VIEW_FLOORS},
        "baselines": {
            key: {"iou": number(level), "chamfer": number(0.2)}
            for key, level in zip(chairs.BASELINES, (0.30, 0.28, 0.22), strict=True)
        },
    }
    azimuth = {"circular_std_degrees": 10.0, "distance_degrees": 80.0, "floor_constant_degrees": 90.0, "count": 24}
    numbers = {"form": {"rotational_symmetry": number(roundness)}, "truth": truth, "azimuth": azimuth}
    config = chairs.configs("smoke", seed)[way]
    return Result(Path("x"), "trained on this machine", {"dataset": config.dataset}, numbers, {}, [])


def five(**ious):
    return {way: [fake(way, iou=ious.get(way, 0.2))] for way in chairs.WAYS}


@pytest.mark.parametrize(
    ("uniform", "constant", "expected"),
    [(0.8, 0.3, "reproduced"), (0.5, 0.3, "partly"), (0.36, 0.3, "not reproduced"), (0.8, 0.79, "not reproduced")],
)
def test_round_is_rounder_than_fixed_and_true_chairs_and_nearer_to_a_lathe(uniform, constant, expected):
    levels = {"uniform": uniform, "constant": constant, "latent": 0.4}
    said, reason = round_verdict({way: fake(way, roundness=level) for way, level in levels.items()})
    assert said == expected
    assert f"uniform azimuth {uniform:.2f}" in reason and "256 pictures of 100 chairs" in reason


def test_roundness_stands_beside_bodies_of_known_roundness():
    table = roundness({"uniform": fake("uniform", roundness=0.8)})[chairs.ROUND]
    assert table["uniform random azimuth (VAE)"] == 0.8 and table["the true chairs"] == 0.35
    cylinder, column, plate = (table[row] for row in table.index if row.startswith("for comparison"))
    assert 0.95 < cylinder <= 1 and plate < column < cylinder


def test_the_way_is_chosen_on_training_objects_and_judged_on_test_objects():
    assert chairs.best_learned(five(constant=0.9, latent=0.32, hypotheses=0.3)) == ("hypotheses", "hull")
    said, reason = truth_verdict(five(hypotheses=0.4))
    assert said == "beats both" and "IoU 0.390" in reason and "1 seed)" in reason
    assert truth_verdict(five(hypotheses=0.32))[0] == "ahead of both"
    assert truth_verdict(five(hypotheses=0.3))[0] == "beats one"
    assert truth_verdict(five())[0] == "beats none"


def test_the_papers_ways_are_judged_alone_where_asked():
    said, reason = truth_verdict(five(hypotheses=0.4, latent=0.25), ways=chairs.OF_THE_PAPER)
    assert said == "beats none" and reason.startswith(chairs.LABELS["latent"])


def test_truth_table_has_seeds_baselines_and_floors():
    results = five(hypotheses=0.4)
    results["hypotheses"].append(fake("hypotheses", iou=0.3, seed=1))
    table = truth_table(results)
    row = table.loc["twelve hypotheses, symmetric (VAE)"]
    assert row["IoU"] == pytest.approx(0.35) and row["IoU, ± seeds"] == pytest.approx(0.1 / 2**0.5)
    assert row["seeds"] == 2 and math.isnan(table.loc["constant azimuth (VAE)", "IoU, ± seeds"])
    assert table.loc["baseline: mean of the true shapes, azimuth unknown", "IoU"] == 0.22
    assert table.loc["floor: no shape", "novel-view MSE"] == 0.3
    assert "2 seeds, ± 0.071" in truth_verdict(results)[1]


def test_hollow_shells_are_another_truth():
    results = five(hypotheses=0.4)
    assert chairs.judged_hollow(results) == {}
    for way in ("latent", "hypotheses"):
        numbers = results[way][0].numbers
        numbers["truth_hollow"] = fake(way, iou=0.27).numbers["truth"]
    results["hypotheses"].append(fake("hypotheses", iou=0.3, seed=1))
    hollow = chairs.judged_hollow(results)
    assert {way: len(runs) for way, runs in hollow.items()} == {"latent": 1, "hypotheses": 1}
    assert truth_table(hollow, "truth_hollow").loc[chairs.LABELS["latent"], "IoU"] == 0.27
    assert truth_verdict(hollow, truth="truth_hollow")[0] == "beats none"
    assert truth_verdict(results)[0] == "beats both"


def test_further_seeds_count_where_they_are_there(monkeypatch):
    there = {("hypotheses", 1), ("hypotheses", 2), ("latent", 2)}
    monkeypatch.setattr(
        chairs,
        "find_result",
        lambda config: fake(config.azimuth) if (config.azimuth, config.seed) in there else None,
    )
    found = chairs.all_seeds("smoke", {way: runs[0] for way, runs in five().items()})
    assert {way: len(runs) for way, runs in found.items()} == {**dict.fromkeys(chairs.WAYS, 1), "latent": 2,
                                                               "hypotheses": 3}  # fmt: skip


def test_azimuths_stand_beside_the_floor():
    table = chairs.azimuth_table({way: runs[0] for way, runs in five().items()})
    assert len(table) == 4 and table.iloc[-1, 1] == 90


def test_poses_agree_up_to_one_rotation_and_the_mirror():
    true = (torch.arange(36) % 12) * (math.pi / 6)
    same = pose_agreement(true + math.pi / 2)
    assert (same.right, same.mirrored, same.turned) == (1, 0, 270)
    assert torch.equal(same.counts, 3 * torch.eye(12, dtype=torch.int64))
    mirrored = pose_agreement(torch.where(torch.arange(36) < 12, math.pi - true, true))
    assert mirrored.either == pytest.approx(1) and mirrored.mirrored == pytest.approx(10 / 36)
    one = pose_agreement(torch.zeros(36))
    assert one.either <= 2 / 12 + 1e-6
    assert one.chance == pytest.approx((10 * 2 + 2 * 1) / 144)
    with pytest.raises(ValueError, match="expected 12 for each object, got 35"):
        pose_agreement(true[:35])


@pytest.fixture(scope="module")
def hypotheses(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "RUNS", tmp_path_factory.mktemp("runs"))
        config = replace(chairs.configs("smoke")["hypotheses"], train_images=96, test_images=24, steps=2)
        yield run(config, runtime=Runtime(accelerator="cpu", precision="32-true", progress=False))


def test_remembered_shapes_need_no_data(hypotheses, monkeypatch):
    monkeypatch.setattr(voxel_autoencoder, "load", None)
    model, source = load_autoencoder(hypotheses), load_azimuth_source(hypotheses)
    shown = chairs.remembered_shapes(hypotheses, model, source)
    assert list(shown) == list(chairs.METHODS)
    for method, shape in shown.items():
        assert shape.voxels.shape == (28, 28, 28) and shape.picture.shape == (1, 28, 28)
        assert 0 <= shape.voxels.min() and shape.voxels.max() <= 1
        assert shape.threshold == hypotheses.numbers["truth"]["methods"][method]["threshold"]
    assert shown["carved"].voxels.sum() <= shown["hull"].voxels.sum() + 1e-3
    pose = pose_agreement(hypotheses.arrays()["azimuths"])
    assert pose.counts.sum() == 24 and chairs.mean_hull(source).shape == (28, 28, 28)


def test_a_figure_uses_short_names():
    table = truth_table({way: [fake(way)] for way in chairs.WAYS})
    short = [chairs.short_name(row) for row in table.index]
    assert short[:2] == ["constant", "uniform"] and "hypotheses, hull" in short
    assert len(set(short)) == len(table) and max(map(len, short)) < 45
