"""Every folder the project reads or writes, in one place.

The project root is the folder that holds `pyproject.toml`; set `INVERSE_GRAPHICS_ROOT` to work on another copy (the
tests do, so that they never write into the checkout).
"""

import os
from pathlib import Path

ROOT = Path(os.environ.get("INVERSE_GRAPHICS_ROOT") or Path(__file__).resolve().parents[2]).resolve()

NOTEBOOKS = ROOT / "notebooks"  # sources, numbered, outputs stripped
# What `make figures` leaves: PNG, JSON, tables, README.md (the gallery), claims.csv. INVERSE_GRAPHICS_FIGURES sends it
# elsewhere, so that `make test` runs the notebooks without touching the gallery.
FIGURES = ROOT / (os.environ.get("INVERSE_GRAPHICS_FIGURES") or "figures")
DATA = ROOT / "data"
DOWNLOADS = DATA / "downloads"  # data sets fetched by `make data`; ignored by git
CHECKPOINTS = DATA / "checkpoints"  # finished results that come with the repository: small, ours, hashed
RUNS = ROOT / "runs"  # results trained on this machine, finished or not; ignored by git
BUILD = ROOT / "build"  # executed notebooks, logs, what non-default profiles draw; ignored by git
PROFILES = ("smoke", "quick", "paper")  # sizes of an experiment: seconds; a two-core laptop; the paper's


def data_folders() -> list[Path]:
    """Folders searched for data sets, in order: `$INVERSE_GRAPHICS_DATA` if set, then `data/downloads`, then `data`.

    A relative `$INVERSE_GRAPHICS_DATA` is read from the project root, so that it means the same in a notebook (whose
    working folder is `notebooks/`) as in a shell.
    """
    pointed = os.environ.get("INVERSE_GRAPHICS_DATA")
    own = [DOWNLOADS, DATA]
    return [(ROOT / Path(pointed).expanduser()).resolve(), *own] if pointed else own


def figures_folder(profile: str) -> Path:
    """Where figures of a profile go: `smoke` checks that notebooks run, so it never overwrites the gallery."""
    return BUILD / "smoke" / "figures" if profile == "smoke" else FIGURES
