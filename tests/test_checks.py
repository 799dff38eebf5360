"""Argument checks: the error names the argument, what was expected and what came."""

import pytest
import torch

from inverse_graphics.checks import (
    real_tensor,
    require_choice,
    require_count,
    require_finite,
    require_range,
    require_tensor,
)


def test_good_tensors_pass_through():
    value = torch.rand(2, 28, 28, 28)
    assert require_tensor("voxels", value, "B D H W") is value
    assert require_tensor("voxels", value, "B S S S") is value
    assert require_finite("voxels", value) is value
    assert require_range("voxels", value, 0, 1) is value


@pytest.mark.parametrize(
    ("value", "shape", "message"),
    [
        ([1.0], "B", r"v: expected a tensor of shape \(B\), got list"),
        (torch.rand(2, 3), "B", r"v: expected shape \(B\) with no empty axis, got \(2, 3\)"),
        (torch.rand(2, 3), "B 4", r"expected shape \(B, 4\) .* got \(2, 3\)"),
        (torch.rand(2, 3), "S S", r"expected shape \(S, S\) .* got \(2, 3\)"),
        (torch.rand(0, 3), "B 3", r"no empty axis, got \(0, 3\)"),
        (torch.ones(2, dtype=torch.int64), "B", r"floating-point tensor, got dtype torch.int64"),
    ],
)
def test_wrong_tensors_are_named(value, shape, message):
    with pytest.raises(ValueError, match=message):
        require_tensor("v", value, shape)


def test_values_are_checked():
    with pytest.raises(ValueError, match="v: expected finite values, got 2 of 3"):
        require_finite("v", torch.tensor([1.0, float("nan"), float("inf")]))
    with pytest.raises(ValueError, match=r"v: expected values in \[0, 1\].*got \[-1, 0.5\]"):
        require_range("v", torch.tensor([-1.0, 0.5]), 0, 1)
    with pytest.raises(ValueError, match="v: expected values"):
        require_range("v", torch.tensor([float("nan")]), 0, 1)
    assert require_choice("v", "a", ("a", "b")) == "a"
    with pytest.raises(ValueError, match="v: expected one of a, b; got 'c'"):
        require_choice("v", "c", ("b", "a"))


@pytest.mark.parametrize("value", [0, -1, 2.0, True, None])
def test_counts_are_whole(value):
    assert require_count("v", 3) == 3 and require_count("v", 0, least=0) == 0
    with pytest.raises(ValueError, match="v: expected a whole number, 1 or more; got"):
        require_count("v", value)


def test_real_numbers_take_the_type_of_another_tensor():
    like = torch.zeros(1, dtype=torch.float64)
    assert real_tensor("v", 3, like).dtype == real_tensor("v", torch.ones(2), like).dtype == torch.float64
    with pytest.raises(ValueError, match=r"v: expected real numbers, got dtype torch.complex64"):
        real_tensor("v", torch.ones(2, dtype=torch.complex64), like)
