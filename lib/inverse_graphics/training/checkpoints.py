"""Checkpoints of unfinished training: everything a killed run needs to go on as if it had not been killed.

One safetensors file, written atomically, no pickle: the tensors of every module and optimizer under slash-separated
names, and the rest (step, history) as JSON in the file's metadata, with a hash of both.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from inverse_graphics.files import tensors_digest, write_tensors


class CheckpointError(Exception):
    """A checkpoint is there but cannot be used; the message names the file and says what to do."""


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write nested dicts and lists of tensors, numbers, strings, booleans and None."""
    tensors: dict[str, Tensor] = {}
    rest = json.dumps(_split(state, "", tensors))
    write_tensors(path, tensors, {"state": rest, "sha256": _digest(rest, tensors)})


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote.

    Raises:
        CheckpointError: the file is damaged or not a checkpoint.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            told = file.metadata()
        if told.get("sha256") not in (None, _digest(told["state"], tensors)):  # older ones have none
            raise ValueError("its contents are not what their SHA-256 says")
        state = _join(json.loads(told["state"]), tensors.__getitem__)
        if not isinstance(state, dict):
            raise ValueError("it holds no dictionary")
        return state
    except (OSError, SafetensorError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path}: not a readable checkpoint ({error}). Delete it to train anew.") from error


def _digest(state: str, tensors: dict[str, Tensor]) -> str:
    ordered = {name: tensors[name] for name in sorted(tensors)}
    return hashlib.sha256(f"{state} {tensors_digest(ordered)}".encode()).hexdigest()


def _split(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Move tensors into `tensors` and leave {"tensor": name} in their place; dicts become lists of pairs, because
    optimizers key their state by integers and JSON would turn those into strings."""
    if isinstance(value, Tensor):
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[key, _split(item, f"{name}/{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {"list": [_split(item, f"{name}/{index}", tensors) for index, item in enumerate(value)]}
    return {"value": value}


def _join(value: dict[str, Any], tensor) -> Any:
    (kind, content), *_ = value.items()
    if kind == "tensor":
        return tensor(content)
    if kind == "dict":
        return {key: _join(item, tensor) for key, item in content}
    if kind == "list":
        return [_join(item, tensor) for item in content]
    return content
