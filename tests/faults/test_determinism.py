"""The same seed on the same machine: the same figures and tables, byte for byte. Notebooks of all three papers are
trained, judged and drawn in `smoke`, twice, each time in a project folder of its own."""

import json
import os
import subprocess
import sys

import pytest

from inverse_graphics import paths

# A voxel autoencoder, surfels with their table, answers to 3D-IQTT, meshes and their renderer
NOTEBOOKS = ("05", "35", "54", "61")
CLOCKS = ("seconds", "time")  # what a machine's mood decides


def made_by(root):
    """The files that the notebooks leave in a folder of their own, by name."""
    notebooks = [str(path) for number in NOTEBOOKS for path in paths.NOTEBOOKS.glob(f"{number}_*.ipynb")]
    assert len(notebooks) == len(NOTEBOOKS)
    environment = os.environ | {"INVERSE_GRAPHICS_ROOT": str(root), "OMP_NUM_THREADS": "1"}
    environment |= {"PYTHONPATH": str(paths.ROOT / "lib")}
    environment.pop("INVERSE_GRAPHICS_DATA", None)
    command = [sys.executable, "-m", "inverse_graphics.cli", "figures", "--profile", "smoke", *notebooks]
    subprocess.run(command, env=environment, check=True, timeout=900, stdout=subprocess.DEVNULL)
    figures = root / "build" / "smoke" / "figures"
    return {file.name: file.read_bytes() for file in figures.iterdir() if file.is_file()}


def without_clocks(value):
    if isinstance(value, dict):
        return {name: without_clocks(part) for name, part in value.items() if not any(c in name for c in CLOCKS)}
    return [without_clocks(part) for part in value] if isinstance(value, list) else value


@pytest.mark.skipif(sys.platform != "linux", reason="as slow as the machine, and CI has this one")
def test_twice_the_same_notebooks_leave_the_same_bytes(tmp_path):
    first, second = (made_by(tmp_path / name) for name in ("one", "two"))
    assert first.keys() == second.keys() and len(first) > 8
    told = {name for name in first if name.endswith(".json")}
    for name in told:
        one, other = (without_clocks(json.loads(files[name])) for files in (first, second))
        assert one["numbers"] == other["numbers"], name
    differing = {name for name in first.keys() - told if first[name] != second[name]}
    assert not differing
