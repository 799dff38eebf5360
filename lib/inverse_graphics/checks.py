"""Argument checks of public functions: each raises ValueError naming the argument, what was expected, what came."""

import torch
from torch import Tensor


def require_tensor(name: str, value: object, shape: str, *, floating: bool = True) -> Tensor:
    """Check that `value` is a tensor whose shape fits `shape`, for example `"B D H W"` or `"B 3"`.

    Numbers in `shape` must match exactly; the same letter twice must have the same size. No axis may be empty.
    Returns the value, so that a check can stand in an assignment.
    """
    axes = shape.split()
    if not isinstance(value, Tensor):
        raise ValueError(f"{name}: expected a tensor of shape ({', '.join(axes)}), got {type(value).__name__}")
    got = tuple(value.shape)
    sizes: dict[str, int] = {}
    fits = len(got) == len(axes) and all(
        size > 0 and size == (int(axis) if axis.isdigit() else sizes.setdefault(axis, size))
        for axis, size in zip(axes, got, strict=True)
    )
    if not fits:
        raise ValueError(f"{name}: expected shape ({', '.join(axes)}) with no empty axis, got {got}")
    if floating and not value.is_floating_point():
        raise ValueError(f"{name}: expected a floating-point tensor, got dtype {value.dtype}")
    return value


def require_finite(name: str, value: Tensor) -> Tensor:
    """Check that no element is NaN or infinite."""
    if not torch.isfinite(value).all():
        bad = int((~torch.isfinite(value)).sum())
        raise ValueError(f"{name}: expected finite values, got {bad} of {value.numel()} that are NaN or infinite")
    return value


def require_range(name: str, value: Tensor, low: float, high: float) -> Tensor:
    """Check that every element lies in [low, high] (NaN does not)."""
    least, most = torch.aminmax(value.detach())  # one pass; NaN comes out of both, and compares false
    if not (least >= low and most <= high):
        raise ValueError(
            f"{name}: expected values in [{low:g}, {high:g}] and no NaN, got [{least.item():g}, {most.item():g}]"
        )
    return value


def require_count(name: str, value: object, least: int = 1) -> int:
    """Check that `value` is a whole number, `least` or more."""
    if type(value) is not int or value < least:
        raise ValueError(f"{name}: expected a whole number, {least} or more; got {value!r}")
    return value


def real_tensor(name: str, value: object, like: Tensor) -> Tensor:
    """A number, or a tensor of real ones, as a tensor of the type and on the device of `like`."""
    if isinstance(value, Tensor) and value.is_complex():  # would be cut to its real part, with a warning
        raise ValueError(f"{name}: expected real numbers, got dtype {value.dtype}")
    return torch.as_tensor(value, dtype=like.dtype, device=like.device)


def require_choice(name: str, value: object, choices) -> str:
    """Check that `value` is one of `choices`; the error lists them."""
    valid = sorted(choices)
    if value not in valid:
        raise ValueError(f"{name}: expected one of {', '.join(valid)}; got {value!r}")
    return value
