"""Fixtures that every room's tests share."""

from collections.abc import Iterator
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
    _move_project(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture(scope="module")
def module_workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    """One such folder for all tests of a module: what they render and train is made once. Yields what else can be
    patched for all of them with."""
    with pytest.MonkeyPatch.context() as patch:
        _move_project(tmp_path_factory.mktemp("workspace"), patch)
        yield patch


def _move_project(folder: Path, patch: pytest.MonkeyPatch) -> None:
    for name, place in PLACES.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        patch.setattr(paths, name, folder / place)
    patch.delenv("INVERSE_GRAPHICS_DATA", raising=False)
