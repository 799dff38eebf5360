"""Tensors that were dear to make, kept in `data/cache/` (ignored by git): written in one step, checked when read.

A cache file bears a hash of what its contents depend on in its name, which its data set computes, and a hash of the
contents inside: one that is stale is not found, and one that is damaged is made again.
"""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor
from tqdm import tqdm

from inverse_graphics.files import tensors_digest, write_tensors


def code_hash(*modules: str) -> str:
    """A hash of source files, for names of caches whose contents depend on that code."""
    return hashlib.sha256(b"".join(Path(file).read_bytes() for file in modules)).hexdigest()


def save_block(file: Path, block: Mapping[str, Tensor]) -> None:
    """Keep named tensors; a full or read-only disk costs time later, not the tensors now, so it is only told."""
    try:
        write_tensors(file, block, {"sha256": tensors_digest(block)})
    except OSError as error:
        tqdm.write(f"{file.stem}: not cached ({error})", file=sys.stderr)


def load_block(file: Path, names: Sequence[str]) -> dict[str, Tensor] | None:
    """The named tensors of a cache file; None if it is missing or damaged. A damaged one is removed."""
    if not file.is_file():
        return None
    try:
        with safe_open(file, "pt") as tensors:
            block = {name: tensors.get_tensor(name) for name in names}
            intact = tensors.metadata()["sha256"] == tensors_digest(block)
    except (OSError, SafetensorError, KeyError, TypeError):
        intact = False
    if not intact:
        file.unlink(missing_ok=True)
    return block if intact else None
