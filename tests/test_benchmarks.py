"""Benchmarks measure nothing here; they must run. Those that take long are only loaded, and one of their parts run."""

import importlib
import runpy

import pytest

from inverse_graphics import paths

BENCHMARKS = paths.ROOT / "benchmarks"
SHORT = ("bench_voxel_projection", "bench_voxel_training")


@pytest.fixture
def timing(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    timing = importlib.import_module("timing")

    def once(peer, ours, pairs=1):
        peer(), ours()
        return timing.Comparison(1.0, 1.0, 1.0, 1.0, 1.0)

    monkeypatch.setattr(timing, "compare", once)
    return timing


@pytest.mark.parametrize("name", sorted(file.stem for file in BENCHMARKS.glob("bench_*.py")))
def test_benchmarks_run(name, timing, capsys):
    is_short = name in SHORT
    found = runpy.run_path(str(BENCHMARKS / f"{name}.py"), run_name="__main__" if is_short else name)
    assert callable(found["main"])
    assert capsys.readouterr().out.startswith("torch ") == is_short


def test_scenes_are_counted(timing):
    """Two blocks of 64 small scenes take some time, and not much."""
    render = importlib.import_module("bench_scenes").render
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench_scenes.BLOCKS", 1)
        patch.setattr("bench_scenes.TIMES", 1)
        assert 1 < render("box_translation", 8, 0, "process_time") < 1e6
