from dataclasses import replace

import pandas as pd
import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.datasets import class_names, load
from inverse_graphics.experiments import final_model, final_shapes
from inverse_graphics.experiments.voxel_autoencoder import load_autoencoder, run
from inverse_graphics.training.loop import Runtime

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "RUNS", tmp_path_factory.mktemp("runs"))
        configs = final_model.configs("smoke")
        small = {"train_images": 64, "test_images": 40, "steps": 3, "batch_size": 16}
        yield {name: run(replace(configs[name], **small), runtime=RUNTIME) for name in ("two", "two_fixed")}


def test_examples_are_those_asked_for_with_their_pictures(results):
    result = results["two"]
    labels, names = result.arrays()["example_labels"], class_names(result.config["dataset"])
    often = names[int(labels.mode().values)]
    first, second = final_shapes.choose_examples(result, (often, often))
    assert (first.name, second.name) == (often, often) and not torch.equal(first.latent, second.latent)
    test = load(result.config["dataset"], "test", at_most=result.config["test_images"])
    place = result.arrays()["example_indices"][(labels == names.index(often)).nonzero()[0, 0]]
    torch.testing.assert_close(first.picture, test.images[place])
    latent = load_autoencoder(result)(first.picture[None]).latent[0]
    torch.testing.assert_close(first.latent, latent, atol=1e-3, rtol=1e-3)


def test_a_class_that_is_not_there_is_replaced_under_the_name_of_what_is(results):
    result = results["two"]
    labels, names = result.arrays()["example_labels"].tolist(), class_names(result.config["dataset"])
    missing = next(name for at, name in enumerate(names) if labels.count(at) < 2)
    chosen = final_shapes.choose_examples(result, (missing, missing, missing))
    assert len({tuple(example.latent.tolist()) for example in chosen}) == 3
    assert sum(example.name == missing for example in chosen) == labels.count(names.index(missing))
    with pytest.raises(ValueError, match="wanted: expected one of"):
        final_shapes.choose_examples(result, ("Hat",))
    with pytest.raises(ValueError, match="wanted: expected at most"):
        final_shapes.choose_examples(result, ("3",) * 1000)


def test_without_the_data_set_there_are_no_pictures(results, monkeypatch):
    monkeypatch.setattr(final_shapes, "available", lambda name, classes: False)
    assert [example.picture for example in final_shapes.choose_examples(results["two"], ("3", "8"))] == [None, None]


def test_titles_are_the_papers_and_numbered_where_they_repeat():
    names = ("3", "Trouser", "Sneaker", "chair", "face", "chair", "T-shirt/top")
    chosen = [final_shapes.Chosen(torch.zeros(2), name, None) for name in names]
    expected = ["digit 3", "pants", "shoe", "chair 1", "head", "chair 2", "t-shirt/top"]
    assert final_shapes.titled(chosen) == expected


def test_losses_add_up_to_the_total(results):
    result = results["two"]
    found = final_shapes.losses(result)
    totals = [entry["total"] for entry in result.history]
    sums = [a + b for a, b in zip(found["reconstruction"], found["regularisation"], strict=True)]
    assert sums == pytest.approx(totals, rel=1e-4)


def test_each_set_of_a_mixture_stands_apart(results):
    table = final_shapes.set_table(results)
    assert list(table.loc[final_shapes.LABELS["two"]].index) == ["digits", "garments"]
    assert table.loc[final_shapes.LABELS["two"], "n"].sum() == 40 and (table > 0).all(axis=None)
    older = {name: replace(result, numbers={}) for name, result in results.items()}
    assert len(final_shapes.set_table(older)) == 0


def test_tables_have_a_row_for_each_model(results):
    assert list(final_shapes.loss_table(results).index) == [final_shapes.LABELS[name] for name in results]
    errors = final_shapes.error_table(results)
    assert (errors["floor: mean picture"] > 0).all() and (errors["n"] == 40).all()
    forms = final_shapes.form_table(results, {name: {"mean": 1.2, "std": 0.4, "n": 16} for name in results})
    assert (forms["standard error of that floor"] == 0.1).all()
    assert forms.loc[final_shapes.LABELS["two_fixed"], "spread of azimuths, degrees"] == 0
    assert final_shapes.form_verdict(forms)[0] in ("reproduced", "partly", "not reproduced")


def loss_row(last: float, regularisation: float = 1.0) -> dict[str, float]:
    parts = {"reconstruction, last tenth": last, "regularisation, last tenth": regularisation}
    return parts | {"floor: mean picture": 100.0}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((loss_row(30), loss_row(40)), "reproduced"),
        ((loss_row(30), loss_row(60)), "partly"),
        ((loss_row(30), loss_row(40, regularisation=50)), "partly"),
        ((loss_row(30), loss_row(110)), "not reproduced"),
    ],
)
def test_the_verdict_on_losses(rows, expected):
    verdict, reason = final_shapes.loss_verdict(pd.DataFrame(rows, index=["all", "two"]))
    assert verdict == expected and "30%" in reason


@pytest.mark.parametrize(
    ("errors", "expected"), [((0.01, 0.02), "reproduced"), ((0.01, 0.05), "partly"), ((0.01, 0.2), "not reproduced")]
)
def test_the_verdict_on_reconstructions(errors, expected):
    table = pd.DataFrame({"texturizer": errors, "floor: mean picture": [0.1, 0.1]}, index=["all", "two"])
    assert final_shapes.error_verdict(table)[0] == expected


def form_row(spread: float, side: float, rough: float, round: float, turned: float = 1.8) -> dict[str, float]:
    return {
        "n": 100,
        "± depth roughness": 0.3,
        final_shapes.TURNED: turned,
        "standard error of that floor": 0.04,
        "spread of azimuths, degrees": spread,
        "view at ±30° like the front": side,
        "depth roughness": rough,
        "rotational symmetry": round,
    }


@pytest.mark.parametrize(
    ("all_sets", "two", "expected"),
    [
        (form_row(50, 0.7, 1.1, 0.4), form_row(30, 0.6, 1.4, 0.4), "reproduced"),
        (form_row(50, 0.7, 1.1, 0.9), form_row(30, 0.6, 1.9, 0.4), "partly"),
        (form_row(1, 0.3, 2.0, 0.4), form_row(1, 0.3, 1.9, 0.4), "not reproduced"),
        (form_row(1, 0.7, 1.1, 0.4), form_row(1, 0.6, 1.1, 0.4), "not reproduced"),
        (form_row(50, 0.7, 0.85, 0.4, 0.9), form_row(30, 0.6, 0.79, 0.4, 0.9), "partly"),
        (form_row(50, 0.7, 0.79, 0.4, 0.9), form_row(30, 0.6, 0.79, 0.4, 0.9), "reproduced"),
    ],
)
def test_the_verdict_on_shapes(all_sets, two, expected):
    rows = {"all": all_sets, "two": two, "two_fixed": form_row(0, 0.5, 2.0, 0.3)}
    table = pd.DataFrame.from_dict({final_shapes.LABELS[k]: v for k, v in rows.items()}, orient="index")
    verdict, reason = final_shapes.form_verdict(table)
    assert verdict == expected and "tests pass" in reason


def test_single_shapes_are_told_apart():
    plate, cylinder = torch.zeros(28, 28, 28), torch.zeros(28, 28, 28)
    plate[13:15, 4:24, 6:22] = 1
    place = torch.arange(28) - 13.5
    cylinder[:] = ((place[:, None] ** 2 + place**2).sqrt() < 9)[:, None].float()
    table = final_shapes.shapes_table({"plate": plate, "cylinder": cylinder})
    assert table.loc["cylinder", "rotational symmetry"] > 0.9 > final_shapes.LATHE
    assert table.loc["plate", "rotational symmetry"] < 0.4
    assert (
        table.loc["plate", "view at ±90° like the front"] < 0.3 < table.loc["cylinder", "view at ±90° like the front"]
    )


def test_relative_occupancies_show_haze_and_strokes_alike():
    stroke = torch.zeros(28, 28, 28)
    stroke[:, 10:18, 10:18] = 0.8
    shown = final_shapes.relative(torch.stack((stroke, stroke / 40, torch.zeros(28, 28, 28))))
    torch.testing.assert_close(shown[0], shown[1])
    assert shown[0].max() == 1 and shown[2].max() == 0
