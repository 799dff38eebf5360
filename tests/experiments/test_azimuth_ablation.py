from pathlib import Path

from inverse_graphics.experiments import azimuth_ablation
from inverse_graphics.experiments.azimuth_ablation import findings, summary
from inverse_graphics.results import Result


def number(mean, std=0.1):
    return {"mean": mean, "std": std}


def fake(iou, chamfer=0.2):
    truth = {
        "methods": {"decoder": {"iou": number(iou), "chamfer": number(chamfer), "novel_view_mse": number(0.2)}},
        "baselines": {"mean_shape_no_azimuth": {"iou": number(0.22), "chamfer": number(0.15)}},
        "novel_view_floors": {"copied": number(0.19)},
        "true_rotational_symmetry": number(0.35),
    }
    numbers = {
        "truth": truth,
        "projection_mse": number(0.05),
        "floor_mean_image_mse": number(0.15),
        "form": {"rotational_symmetry": number(0.4)},
        "azimuth": {"circular_std_degrees": 2.0, "distance_degrees": 88.0, "floor_constant_degrees": 90.0},
        "active_latents": 8,
    }
    return Result(Path("x"), "trained on this machine", {}, numbers, {}, [])


def test_one_thing_is_changed_at_a_time():
    first, *others = azimuth_ablation.configs("quick").values()
    base = vars(first)
    for config in others:
        assert len([key for key, value in vars(config).items() if value != base[key]]) == 1


def test_the_floor_is_the_last_row():
    table = summary({"as used": fake(0.14), "latent 2": fake(0.1)})
    assert list(table.index) == ["as used", "latent 2", "floor"]
    assert table.loc["floor", "IoU"] == 0.22 and table.loc["floor", azimuth_ablation.PRIOR] == 90
    assert table.loc["floor", azimuth_ablation.PICTURE] == 0.15


def test_findings_are_beyond_two_standard_errors():
    table = summary({"as used": fake(0.14), "worse": fake(0.1), "same": fake(0.15), "nearer": fake(0.14, 0.1)})
    found = findings(table, objects=100)
    assert found["worse"] == "IoU worse (-0.040)" and found["nearer"] == "Chamfer distance better (-0.100)"
    assert found["same"].startswith("no difference") and set(found) == {"worse", "same", "nearer"}
    assert findings(table, objects=4)["worse"].startswith("no difference")
