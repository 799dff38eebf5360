"""Writing files so that nothing half-written ever stands under its final name, and hashing them."""

import fcntl
import glob
import hashlib
import json
import math
import os
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success move it to `path` in one step, on failure remove it.

    The temporary name keeps the suffix, because many writers choose their format by it. A full disk, an exception
    or a kill therefore leaves either the old file or the new one, never a part. What a killed writer of the same
    path left under its temporary name is removed. Parent folders are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    handle, temporary = _temporary(path)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # else a power cut after the rename can leave an empty file under the final name
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes 0600, which other users of a cluster cannot read
        os.replace(temporary, path)
    finally:
        os.close(handle)
        temporary.unlink(missing_ok=True)


def _temporary(path: Path) -> tuple[int, Path]:
    """A new file beside `path`, open and locked for as long as its writer lives: the system unlocks it at a kill."""
    while True:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=f".part{path.suffix}")
        if _lock(handle) is not False and os.fstat(handle).st_nlink:
            return handle, Path(name)
        os.close(handle)  # another writer took it for a leftover before it was locked


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files of `path` that nobody holds a lock on; where there are no locks, none."""
    random = "?" * 8  # as many letters as mkstemp puts there
    for file in path.parent.glob(f".{glob.escape(path.stem)}.{random}.part{glob.escape(path.suffix)}"):
        with suppress(OSError):  # gone already, or not ours
            handle = os.open(file, os.O_RDWR)
            try:
                if _lock(handle):
                    file.unlink()
            finally:
                os.close(handle)


def _lock(handle: int) -> bool | None:
    """Lock an open file without waiting; False if another has it locked, None where files cannot be locked."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems
        return None
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: object) -> None:
    """Write JSON atomically: indented, keys in the order given, NaN refused (it is not JSON)."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def write_tensors(path: Path | str, tensors: Mapping[str, "Tensor"], metadata: dict[str, str] | None = None) -> None:
    """Write named tensors of any device as one safetensors file, atomically.

    Raises:
        OSError: the disk is full or cannot be written to. (`safetensors.save_file` has an error of its own for that,
            and a temporary file that a kill leaves behind.)
    """
    from safetensors.torch import save  # here, because whoever only runs notebooks need not wait for torch

    data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, metadata)
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def packed(values: "Tensor") -> "Tensor":
    """uint8 values of any shape → the uint8 numbers (N,) of their zlib stream, for where there is little room."""
    from torch import frombuffer, uint8

    return frombuffer(bytearray(zlib.compress(values.contiguous().numpy().tobytes(), 9)), dtype=uint8)


def unpacked(stream: "Tensor", shape: tuple[int, ...]) -> "Tensor":
    """What `packed` has packed. No more memory is used than `shape` needs, whatever the stream says.

    Raises:
        ValueError: a damaged stream, or not one of that many values.
    """
    from torch import frombuffer, uint8

    size = math.prod(shape)
    try:
        found = zlib.decompressobj().decompress(stream.numpy().tobytes(), size + 1)
    except zlib.error as error:
        raise ValueError(f"stream: {error}") from None
    if len(found) != size:
        raise ValueError(f"stream: expected {size} values for shape {shape}, got {len(found)} or more")
    return frombuffer(bytearray(found), dtype=uint8).view(shape)


def tensors_digest(tensors: Mapping[str, "Tensor"]) -> str:
    """SHA-256, in hex, of tensors with their names, types and shapes, in their order."""
    from torch import uint8

    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        digest.update(repr((name, tensor.dtype, tuple(tensor.shape))).encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(uint8).numpy())
    return digest.hexdigest()


def sha256(path: Path | str) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
