"""Throwaway notebooks for tests of the pipeline."""

import json
from pathlib import Path

PARAMETERS = 'profile = "quick"\nretrain = False'


def write_notebook(path: Path, *cells: str, parameters: str = PARAMETERS) -> Path:
    """Write a notebook with a `parameters` cell followed by one code cell per text."""
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{at}",
                "metadata": {} if at else {"tags": ["parameters"]},
                "source": source,
                "execution_count": None,
                "outputs": [],
            }
            for at, source in enumerate((parameters, *cells))
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path
