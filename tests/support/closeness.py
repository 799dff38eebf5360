"""Numbers of two trainings of the same config, compared.

They are not equal to the last bit in one process: sums depend on how memory happens to be aligned.
"""

from typing import Any

import pytest


def nearly(value: Any) -> Any:
    """What equals `value`, dicts and lists of numbers included, within a thousandth."""
    if isinstance(value, dict):
        return {key: nearly(item) for key, item in value.items()}
    if isinstance(value, list):
        return [nearly(item) for item in value]
    return pytest.approx(value, rel=1e-3, abs=1e-6, nan_ok=True) if isinstance(value, float) else value
