"""The verbs for a shell: exit statuses, and one line for a mistake."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
import trimesh
from PIL import Image, ImageDraw

from inverse_graphics import cli, datasets, paths
from inverse_graphics.datasets import downloads
from inverse_graphics.datasets.iqtt import make_questions, read_question_folder
from inverse_graphics.experiments import catalogue, iqtt_answerers
from inverse_graphics.pipeline import Outcome
from inverse_graphics.results import Result
from inverse_graphics.training.loop import Runtime
from support.notebooks import write_notebook


@pytest.fixture
def runs(monkeypatch):
    """Notebooks that were asked for, with their options; the one called 02_bad fails."""
    asked = []

    def run_notebooks(notebooks, *, report, **options):
        asked.append(([path.stem for path in notebooks], options))
        return [Outcome(path.stem, "quick", False, "failed" if "bad" in path.stem else "ok", 0.0) for path in notebooks]

    monkeypatch.setattr("inverse_graphics.pipeline.run_notebooks", run_notebooks)
    return asked


def test_figures_takes_prefixes_files_or_all_and_writes_the_gallery(workspace, runs):
    first = write_notebook(paths.NOTEBOOKS / "01_good.ipynb")
    write_notebook(paths.NOTEBOOKS / "02_bad.ipynb")
    assert cli.main(["figures", "01", "--retrain", "--jobs", "2", "--timeout", "9"]) == 0
    assert runs[-1] == (["01_good"], {"jobs": 2, "profile": "quick", "retrain": True, "timeout": 9.0})
    assert (paths.FIGURES / "README.md").exists()
    assert cli.main(["figures", str(first), "--no-gallery", "--profile", "smoke"]) == 0
    assert not (paths.BUILD / "smoke" / "figures").exists()
    assert cli.main(["figures"]) == 1
    assert runs[-1][0] == ["01_good", "02_bad"]


def test_site_writes_pages_of_what_ran_and_leaves_the_gallery_alone(workspace, runs, monkeypatch, capsys):
    written = []
    monkeypatch.setattr("inverse_graphics.site.write_site", lambda *places: written.append(places) or places[-1])
    monkeypatch.setenv("INVERSE_GRAPHICS_FIGURES", "")  # put back afterwards
    monkeypatch.delenv("INVERSE_GRAPHICS_FIGURES")
    write_notebook(paths.NOTEBOOKS / "01_good.ipynb")
    write_notebook(paths.NOTEBOOKS / "02_bad.ipynb")
    assert cli.main(["site", "--jobs", "2"]) == 1  # one did not run
    assert runs[-1] == (["01_good", "02_bad"], {"jobs": 2})
    figures = workspace / "build" / "site-figures"
    executed = workspace / "build" / "notebooks" / "quick" / "01_good.ipynb"
    assert written == [([executed], figures, workspace / "build" / "site")]
    assert os.environ["INVERSE_GRAPHICS_FIGURES"] == str(figures)
    assert cli.main(["site", "01"]) == 0
    assert cli.main(["site", "02"]) == 1 and "no notebook ran to its end" in capsys.readouterr().err
    assert len(written) == 2


def test_an_unknown_notebook_is_a_usage_error(workspace, runs, capsys):
    write_notebook(paths.NOTEBOOKS / "01_good.ipynb")
    assert cli.main(["figures", "07"]) == 2
    assert capsys.readouterr().err == "inverse_graphics: no notebook '07'; there are 01_good\n"


@pytest.mark.parametrize(
    "arguments", [[], ["paint"], ["figures", "--profile", "huge"], ["figures", "--jobs", "0"], ["data", "burn"]]
)
def test_what_argparse_refuses_is_a_usage_error(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_data_list_says_what_is_here(workspace, capsys):
    assert cli.main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == datasets.names()
    assert next(line for line in lines if line.startswith("digits ")).endswith("built in")
    assert "digits stands in" in next(line for line in lines if line.startswith("mnist "))


def test_data_says_of_what_cannot_be_downloaded_how_it_is_had(workspace, capsys):
    assert cli.main(["data", "list", "celeba"]) == 0
    assert "data/README.md says how to get it, faces stands in" in capsys.readouterr().out
    assert cli.main(["data", "get", "celeba"]) == 0
    assert "cannot be downloaded from here. Get img_align_celeba.zip" in capsys.readouterr().out
    assert cli.main(["data", "check", "celeba"]) == 1
    assert capsys.readouterr().out.split() == ["celeba", "missing"]
    (workspace / "data" / "celeba" / "img_align_celeba").mkdir(parents=True)
    assert cli.main(["data", "check", "celeba"]) == cli.main(["data", "get", "celeba"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "no official hash to compare with" in lines[0] and lines[1].endswith("on this machine")


def test_data_check_fails_where_something_is_missing(workspace, capsys):
    assert cli.main(["data", "check", "digits"]) == 0
    assert cli.main(["data", "check", "mnist"]) == 1
    assert "missing" in capsys.readouterr().out


def test_data_get_downloads_what_can_be(workspace, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(downloads, "download", lambda name: asked.append(name) or workspace)
    assert cli.main(["data", "get", "mnist", "digits"]) == 0
    assert asked == ["mnist"]

    def fail(name):
        raise datasets.DatasetError("no mirror answered")

    monkeypatch.setattr(downloads, "download", fail)
    assert cli.main(["data", "get", "mnist"]) == 1
    assert capsys.readouterr().err == "inverse_graphics: no mirror answered\n"


def test_an_unknown_data_set_lists_the_known(capsys):
    assert cli.main(["data", "get", "mnits"]) == 2
    assert "unknown data set mnits; there are mnist" in capsys.readouterr().err


def test_ship_says_what_there_is_and_refuses_what_is_unfinished(workspace, capsys):
    (paths.RUNS / "tiny-01").mkdir()
    assert cli.main(["ship", "huge"]) == 2
    assert "there are tiny-01" in capsys.readouterr().err
    assert cli.main(["ship", "tiny-01"]) == 1
    assert "not a readable result" in capsys.readouterr().err


def test_train_hands_its_flags_on_and_names_what_it_got(workspace, monkeypatch, capsys):
    asked = {}

    def train(name, **options):
        asked.update(options, name=name)
        return [Result(workspace / "tiny-01", "trained on this machine", {}, {}, {}, [])]

    monkeypatch.setattr(catalogue, "train", train)
    flags = ["--profile", "smoke", "--seed", "3", "--retrain", "--accelerator", "cpu", "--devices", "2"]
    assert cli.main(["train", "ucar-f4", *flags]) == 0
    assert capsys.readouterr().out == "tiny-01  trained on this machine\n"
    runtime = asked.pop("runtime")
    assert (runtime.accelerator, runtime.devices) == ("cpu", 2)
    assert asked == {"name": "ucar-f4", "profile": "smoke", "seed": 3, "retrain": True}


def test_an_unknown_experiment_lists_the_known(capsys):
    assert cli.main(["train", "ucar-f44"]) == 2
    assert (
        "no experiment 'ucar-f44'; there are iqtt-bags, iqtt-looks, pix-t1, pix-t3, szabo-c1, "
        in capsys.readouterr().err
    )


def test_a_dry_run_says_what_a_training_takes_and_makes_none(workspace, capsys):
    assert cli.main(["train", "ucar-f5", "--profile", "smoke", "--dry-run", "--precision", "32-true"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert " steps of " in said[0] and " weights, " in said[0] and said[-1].startswith("1 to train: about ")
    assert not list(paths.RUNS.glob("*/result.json"))


def write_question(folder, name, pictures):
    for part, picture in zip(("q", "a0", "a1", "a2"), pictures, strict=True):
        pixels = (picture.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        Image.fromarray(pixels).save(folder / f"{name}-{part}.png")


def test_iqtt_answers_what_is_good_and_names_what_is_not(workspace, monkeypatch, capsys):
    folder = workspace / "questions"
    folder.mkdir()
    assert cli.main(["iqtt", "answer", str(folder)]) == 1
    assert "no picture of a question in it" in capsys.readouterr().err
    for number, pictures in enumerate(make_questions("paper", 2, size=24).pictures()):
        write_question(folder, number, pictures)
    (folder / "1-a2.png").unlink()
    smoke = iqtt_answerers.configs("smoke")
    monkeypatch.setattr(iqtt_answerers, "configs", lambda profile: smoke)
    assert cli.main(["iqtt", "answer", str(folder)]) == 1
    assert "train iqtt-bags" in capsys.readouterr().err
    result = iqtt_answerers.run(smoke["any_look"], runtime=Runtime(accelerator="cpu", progress=False))
    capsys.readouterr()
    assert cli.main(["iqtt", "answer", str(folder)]) == 1  # one question could not be answered
    said = capsys.readouterr()
    question = read_question_folder(folder).questions[0]
    answer = iqtt_answerers.load_model(result).scores(question.pictures[None]).argmax().item()
    assert said.out.startswith(f"question 0: answer {answer} (margin 0.") and said.out.count("\n") == 1
    assert "question 1: 1-a2.png missing" in said.err
    write_question(folder, 1, question.pictures)
    assert cli.main(["iqtt", "answer", str(folder)]) == 0


@pytest.fixture
def pictures(tmp_path):
    """A folder: a 7 and a 1, dark on light, and a text that is called a picture."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, strokes in {"seven.png": [(60, 60), (170, 60), (100, 240)], "one.jpg": [(120, 50), (110, 250)]}.items():
        image = Image.new("L", (240, 300), 230)
        ImageDraw.Draw(image).line(strokes, fill=20, width=26, joint="curve")
        image.save(folder / name)
    (folder / "text.png").write_text("no picture")
    return folder


def test_reconstruct_says_what_it_did_and_where_it_went(pictures, capsys):
    file, out = pictures / "seven.png", pictures.parent / "out" / "seven.glb"
    assert cli.main(["reconstruct", str(file), "--out", str(out)]) == 0
    told = "inverted, ground made black, cropped to the object, padded to a square, resampled to 28×28"
    assert capsys.readouterr().out == f"{file}: {told} → {out}\n"
    mesh = trimesh.load_mesh(out)
    assert mesh.is_watertight and mesh.volume > 0 and abs(mesh.bounds).max() <= 1 + 1 / 28
    assert cli.main(["reconstruct", str(file), "--no-invert", "--crop", "--out", str(out)]) == 0
    assert "inverted" not in capsys.readouterr().out


def test_reconstruct_of_a_folder_passes_over_what_is_bad(pictures, capsys):
    out = pictures.parent / "shapes"
    again = pictures / "one.jpg"
    assert cli.main(["reconstruct", str(pictures), str(again), "none.png", "--format", "stl", "--out", str(out)]) == 1
    said = capsys.readouterr()
    assert said.out.count("\n") == 3
    assert "text.png is not a picture that can be read" in said.err and "none.png: no such file" in said.err
    assert sorted(file.name for file in out.iterdir()) == ["one-2.stl", "one.stl", "seven.stl"]


def test_sample_and_interpolate_fill_folders(pictures, capsys):
    out = pictures.parent / "out"
    assert cli.main(["sample", "--count", "2", "--seed", "3", "--format", "ply", "--out", str(out)]) == 0
    assert sorted(file.name for file in out.iterdir()) == ["digits-3-000.ply", "digits-3-001.ply"]
    ends = [str(pictures / name) for name in ("seven.png", "one.jpg")]
    assert cli.main(["interpolate", *ends, "--steps", "3", "--out", str(out)]) == 0
    assert len(list(out.glob("step-*.glb"))) == 3
    gif = out / "walk.gif"
    assert cli.main(["interpolate", *ends, "--steps", "3", "--size", "32", "--out", str(gif)]) == 0
    with Image.open(gif) as walk:
        assert (walk.n_frames, walk.size) == (3, (32, 32))
    assert "step-002.glb" in capsys.readouterr().out


def test_render_draws_a_mesh_or_a_picture(pictures, capsys):
    file, mesh, view = pictures / "seven.png", pictures / "seven.glb", pictures / "view.png"
    assert cli.main(["reconstruct", str(file), "--out", str(mesh)]) == 0
    drawn = []
    for shape in (mesh, file):
        assert cli.main(["render", str(shape), "--azimuth", "40", "--size", "40", "--out", str(view)]) == 0
        with Image.open(view) as image:
            drawn.append(torch.tensor(list(image.convert("L").tobytes())).float())
    assert drawn[0].shape == (1600,) and (drawn[0] < 250).sum() > 100
    assert (drawn[0] - drawn[1]).abs().mean() < 1
    broken = pictures / "broken.obj"
    broken.write_text("v 0 0 0")
    capsys.readouterr()
    for shape, said in (
        (broken, "broken.obj"),
        (pictures / "none.stl", "no such file"),
        (pictures / "text.png", "read"),
    ):
        assert cli.main(["render", str(shape), "--out", str(view)]) == 1
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["reconstruct", "seven.png", "--model", "cats", "--out", "x.glb"], 2, "no model 'cats'; there are\n  digits "),
        (["reconstruct", "seven.png", "--out", "x.fbx"], 2, "expected a name that ends in .glb, .obj, .ply, .stl"),
        (["reconstruct", "seven.png", "one.jpg", "--out", "x.glb"], 2, "expected a folder for several pictures"),
        (["reconstruct", ".", "--out", "x.glb"], 2, "expected a folder for several pictures"),
        (["reconstruct", "empty", "--out", "shapes"], 1, "no picture in it"),
        (["reconstruct", "seven.png", "--threshold", "0.999", "--out", "x.glb"], 1, "the shape is empty"),
        (
            ["reconstruct", "seven.png", "--threshold", "3", "--out", "x.glb"],
            1,
            "threshold: expected a number in (0, 1)",
        ),
        (["reconstruct", "seven.png", "--out", "one.jpg/x.glb"], 1, "one.jpg"),
        (["interpolate", "seven.png", "text.png", "--out", "shapes"], 1, "text.png is not a picture"),
        (["interpolate", "seven.png", "one.jpg", "--steps", "1", "--out", "shapes"], 2, "expected 2 or more"),
        (["interpolate", "seven.png", "one.jpg", "--out", "x.mp4"], 2, "ends in .gif"),
        (["render", "seven.png", "--out", "x.jpg"], 2, "ends in .png"),
        (["render", "seven.png", "--elevation", "90", "--out", "x.png"], 2, "less than 90°"),
        (["render", "seven.png", "--size", "4", "--out", "x.png"], 1, "size: expected 8 to 2048"),
    ],
)
def test_mistakes_with_pictures_get_a_line(pictures, monkeypatch, capsys, arguments, status, message):
    (pictures / "empty").mkdir()
    monkeypatch.chdir(pictures)
    before = sorted(pictures.rglob("*"))
    assert cli.main(arguments) == status
    assert message in capsys.readouterr().err
    assert sorted(pictures.rglob("*")) == before


def test_a_picture_becomes_a_glb_without_what_only_others_need(pictures):
    """Imports are most of the time that a person waits."""
    arguments = ["reconstruct", str(pictures / "seven.png"), "--out", str(pictures / "x.glb")]
    code = (
        f"import sys; from inverse_graphics import cli; assert cli.main({arguments!r}) == 0; "
        "print([name for name in ('torch._dynamo', 'torch._meta_registrations', 'lightning_fabric', 'trimesh', "
        "'scipy', 'pandas', 'sklearn', 'matplotlib', 'IPython') if name in sys.modules]); "
        "import torch, torch._meta_registrations; print(len(torch.empty(3, 3, device='meta').cholesky_inverse()))"
    )
    environment = os.environ | {"PYTHONPATH": str(paths.ROOT / "lib")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == ["[]", "3"]


MEASURES = """
import time
from timing import Comparison, Place, compare, count, report

report("fast", "slow one", Comparison(4.0, 1.0, 4.0, 3.5, 4.5), 2.0, place=Place("things", "pixels", 10))
report("slow", "fast one", Comparison(1.0, 4.0, 0.25, 0.2, 0.3), most=1.0, each=4, unit="a thing")
count("things", 1234.5, "a second", place=Place("things made", "pixels", 10))
assert compare(lambda: time.sleep(0.02), lambda: None, pairs=3).ratio > 1
"""


def test_bench_runs_what_is_asked_for_and_keeps_a_table_of_all(workspace, monkeypatch, capfd):
    folder = workspace / "benchmarks"
    folder.mkdir()
    shutil.copy(paths.ROOT / "benchmarks" / "timing.py", folder)
    (folder / "bench_good.py").write_text(MEASURES)
    monkeypatch.setattr(paths, "ROOT", workspace)
    assert cli.main(["bench", "good"]) == 0
    said = capfd.readouterr().out.splitlines()
    assert said[0] == "benchmarks/bench_good.py" and said[-2:] == ["1 of 2 bars met", "  not met: good, slow"]
    assert not (paths.FIGURES / "benchmarks.json").exists()
    assert cli.main(["bench"]) == 0
    rows = json.loads((paths.FIGURES / "benchmarks.json").read_text())["numbers"]["rows"]
    assert [row.get("met") for row in rows] == [True, False, None] and rows[1]["ours, ms"] == 1000
    assert "| good | fast | 1,000 |" in (paths.FIGURES / "benchmarks.md").read_text()
    assert (paths.FIGURES / "benchmarks-sweeps.png").exists()
    assert cli.main(["bench", "best"]) == 2
    assert "no benchmark best; there are good" in capfd.readouterr().err
    (folder / "bench_other.py").write_text("raise SystemExit(3)")
    assert cli.main(["bench"]) == 1
