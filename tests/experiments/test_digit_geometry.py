from pathlib import Path

import pytest

from inverse_graphics.experiments import digit_geometry
from inverse_graphics.experiments.digit_geometry import DENSITY, ERROR, front_verdict, summary, verdict
from inverse_graphics.results import Result


def fake(level, objective, seed=0):
    """A result whose density measures all equal `level`."""
    numbers = {measure: {"mean": level, "std": 0.1} for measure in (*DENSITY, *ERROR)}
    numbers |= {"floor_mean_image_mse": {"mean": 0.07, "std": 0.01}, "active_latents": 3, "test_images": 50}
    config = digit_geometry.configs("smoke", seed)[objective]
    return Result(Path("x"), "trained on this machine", {"dataset": config.dataset}, numbers, {}, [])


def four(**levels):
    return {objective: [fake(levels[objective], objective)] for objective in digit_geometry.OBJECTIVES}


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({"vae": 2, "beta_vae": 3, "aae": 4, "mu_vae": 1}, "reproduced"),
        ({"vae": 2, "beta_vae": 5, "aae": 4, "mu_vae": 1}, "partly"),
        ({"vae": 2, "beta_vae": 3, "aae": 1, "mu_vae": 4}, "not reproduced"),
    ],
)
def test_the_verdict_follows_the_numbers(levels, expected):
    said, reason = verdict(four(**levels))
    assert said == expected
    assert "by 5 of 5" in reason or (expected == "not reproduced" and "by 0 of 5" in reason)


def test_measures_that_disagree_make_it_partly():
    results = four(vae=2, beta_vae=3, aae=4, mu_vae=1)
    results["mu_vae"][0].numbers["mean_occupancy"] = {"mean": 9.0, "std": 0.0}
    assert verdict(results)[0] == "partly"


def test_a_digit_is_seen_from_the_front_where_the_error_is_under_a_third_of_the_floor():
    assert front_verdict(four(vae=0.01, beta_vae=0.02, aae=0.01, mu_vae=0.01))["verdict"] == "reproduced"
    said = front_verdict(four(vae=0.01, beta_vae=0.06, aae=0.01, mu_vae=0.01))
    assert said["verdict"] == "partly" and "β-VAE" in said["reason"]


def test_summary_has_means_both_spreads_and_the_floor():
    results = four(vae=2, beta_vae=3, aae=4, mu_vae=1)
    for objective, level in (("vae", 4), ("beta_vae", 3), ("aae", 4), ("mu_vae", 1)):
        results[objective].append(fake(level, objective, seed=1))
    table = summary(results)
    assert table.loc["VAE", "mean occupancy"] == 3
    assert table.loc["VAE", "mean occupancy, ± digits"] == pytest.approx(0.1)
    assert table.loc["VAE", "mean occupancy, ± seeds"] == pytest.approx(2**0.5)
    assert table.loc["floor: mean image", ERROR["projection_mse"]] == 0.07


def test_further_seeds_count_only_where_all_four_are_there(monkeypatch):
    there = {("vae", 1), ("beta_vae", 1), ("aae", 1), ("mu_vae", 1), ("aae", 2)}
    monkeypatch.setattr(
        digit_geometry,
        "find_result",
        lambda config: fake(1, config.objective) if (config.objective, config.seed) in there else None,
    )
    found = digit_geometry.all_seeds(
        "smoke", {name: runs[0] for name, runs in four(vae=1, beta_vae=1, aae=1, mu_vae=1).items()}
    )
    assert {name: len(runs) for name, runs in found.items()} == dict.fromkeys(digit_geometry.OBJECTIVES, 2)
