"""Fixtures that every room's tests share."""

from pathlib import Path

import pytest
import torch

from inverse_graphics import paths
from support.workspaces import PLACES

torch.set_num_threads(1)  # tests run side by side; more threads inside each would only fight over the cores


def pytest_addoption(parser: pytest.Parser) -> None:
    kills = "how many moments of four jobs tests/faults kills at (default 4); more than 4 prints a table"
    parser.addoption("--kills", type=int, default=4, metavar="N", help=kills)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder that every write goes to, so that no test touches the checkout."""
    for name, place in PLACES.items():
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        monkeypatch.setattr(paths, name, tmp_path / place)
    monkeypatch.delenv("INVERSE_GRAPHICS_DATA", raising=False)
    return tmp_path
