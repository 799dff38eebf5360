"""Fixtures that every room's tests share."""

from pathlib import Path

import pytest
import torch

from inverse_graphics import paths

torch.set_num_threads(1)  # tests run side by side; more threads inside each would only fight over the cores


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder that every write goes to, so that no test touches the checkout."""
    places = {
        "NOTEBOOKS": "notebooks",
        "FIGURES": "figures",
        "CHECKPOINTS": "data/checkpoints",
        "DOWNLOADS": "data/downloads",
        "DATA": "data",
        "RUNS": "runs",
        "BUILD": "build",
    }
    for name, place in places.items():
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        monkeypatch.setattr(paths, name, tmp_path / place)
    monkeypatch.delenv("INVERSE_GRAPHICS_DATA", raising=False)
    return tmp_path
