"""Arguments that nobody would choose, and the check that a function then does as documented.

The strategies are mostly right and sometimes not: another shape, an empty axis, whole numbers, NaN, infinity, negative.
"""

import dataclasses
import inspect
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from inverse_graphics.checks import require_finite

FEW = settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
WRONG = (torch.nan, torch.inf, -torch.inf, -1.0, 2.0, 1e30)


@st.composite
def tensors(draw, *shape, low=0.0, high=1.0, kinds=(torch.float32, torch.float64)):
    """A tensor: three times of four as it should be, else with something wrong with it."""
    shape = [draw(st.integers(2, 5)) if size is None else size for size in shape]
    kind, fault = draw(st.sampled_from(kinds)), draw(st.sampled_from(("none",) * 9 + ("shape", "kind", "value")))
    if fault == "shape":
        change = draw(st.integers(0, len(shape) - 1))
        shape[change] = draw(st.sampled_from((0, 1, 7)))
        if draw(st.booleans()):
            shape = shape[:change] + shape[change + 1 :]
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    made = torch.rand(shape, generator=generator, dtype=torch.float64) * (high - low) + low
    if draw(st.booleans()):
        made = made.round()  # the corners of the range
    if fault == "kind":
        return made.to(draw(st.sampled_from((torch.int64, torch.uint8, torch.bool, torch.complex64))))
    if fault == "value" and made.numel() and kind.is_floating_point:
        made.view(-1)[draw(st.integers(0, made.numel() - 1))] = draw(st.sampled_from(WRONG))
    return made.to(kind)


def numbers(low, high):
    return st.one_of(st.floats(low, high), st.sampled_from(WRONG[:4]))


def counts(low, high):
    """Whole numbers, mostly from low to high."""
    return st.one_of(st.integers(low, high), st.integers(low, high), st.sampled_from((0, -1, 2.5, torch.nan, True)))


class Row(NamedTuple):
    """`range` of a finite result; None where it may lie anywhere. Not `finite` where NaN may come of NaN, as in what
    training calls at every step, or stands for what cannot be measured. Errors begin with the name of an argument or
    with one of `fields`, those of a record that is an argument."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    range: tuple[float, float] | None = None
    finite: bool = True
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.function.__module__}.{self.function.__qualname__}".removeprefix("inverse_graphics.")


def inside(value):
    """The tensors and numbers that a result holds."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, np.ndarray):
        return [torch.tensor(value)]
    if isinstance(value, int | float):
        return [torch.tensor(float(value))]
    if dataclasses.is_dataclass(value):
        value = vars(value)
    if isinstance(value, dict | list):
        value = tuple(value.values() if isinstance(value, dict) else value)
    return [tensor for part in value or () for tensor in inside(part)] if isinstance(value, tuple) else []


def check_row(row, rules=FEW):
    """Call the function with many arguments; each result lies in the row's range, each error names an argument."""
    names = "|".join((*inspect.signature(row.function).parameters, *row.fields))

    @rules
    @given(st.tuples(*row.arguments))
    def run(arguments):
        try:
            result = row.function(*arguments)
        except ValueError as error:
            assert re.match(rf"({names})\b", str(error)), f"no argument's name: {error}"
            assert "\n" not in str(error)
            return
        for tensor in inside(result):
            if row.finite and tensor.is_floating_point():
                require_finite("result", tensor)
            if row.range and tensor.numel():
                assert tensor.min() >= row.range[0] - 1e-6 and tensor.max() <= row.range[1] + 1e-6

    run()
