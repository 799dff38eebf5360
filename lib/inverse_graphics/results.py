"""Results of experiments: numbers with their provenance, small weights, and how to find them again.

A result is a folder `<config name>-<content hash>` that holds

* `result.json`: the config, the numbers, the training history and the provenance (data source and fingerprint, seed,
  library versions, commit, device, precision, seconds of training), and the SHA-256 of the files below;
* `weights.safetensors`: the networks' weights;
* `arrays.safetensors`: other tensors a figure needs, such as the latents of a few test images.

It stands in `data/checkpoints/` if it came with the repository and in `runs/` if it was made on this machine.
`result.json` is written last, so a folder without it is an unfinished run.
"""

import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import platform
import re
import shutil
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from inverse_graphics import paths
from inverse_graphics.files import atomic_write, sha256, write_json, write_tensors, write_text

LIBRARIES = ("torch", "numpy", "scikit-image", "lightning-fabric", "matplotlib")
SHIPPED_POINTS, SHIPPED_DIGITS = 50, 5  # of histories
MANIFEST = "SHA256SUMS"  # of data/checkpoints: what shipped results must hash to
PARTS = {"config": dict, "numbers": dict, "provenance": dict, "history": list, "files": dict}  # of `result.json`
FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")  # what a result's file may be called: none in another folder


class ResultError(Exception):
    """A stored result is missing, unfinished or not what its recorded hash says; the message says how to rebuild it."""


@dataclass(frozen=True)
class Result:
    """A finished experiment. `origin` is "shipped with the repository" or "trained on this machine"."""

    folder: Path
    origin: str
    config: dict[str, Any]
    numbers: dict[str, Any]
    provenance: dict[str, Any]
    history: list[dict[str, float]] = field(repr=False)

    @property
    def name(self) -> str:
        return self.folder.name

    def weights(self) -> dict[str, Tensor]:
        return _load_tensors(self.folder / "weights.safetensors")

    def arrays(self) -> dict[str, Tensor]:
        return _load_tensors(self.folder / "arrays.safetensors")


def content_hash(config: object) -> str:
    """First ten hex digits of a SHA-256 over a frozen dataclass's name and the fields that are not at their default:
    the same settings, the same name, also after the dataclass has got a new field."""
    fields = dataclasses.asdict(config)
    changed = {key: value for key, value in fields.items() if value != _defaults(type(config)).get(key, _MISSING)}
    text = json.dumps([type(config).__name__, changed], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


_MISSING = object()


def _defaults(kind: type) -> dict[str, Any]:
    return {f.name: f.default for f in dataclasses.fields(kind) if f.default is not dataclasses.MISSING}


def result_name(config: Any) -> str:
    """The folder name of a config's result: its `name` property and its content hash."""
    return f"{config.name}-{content_hash(config)}"


def config_from_fields(kind: type, fields: dict[str, Any]) -> Any:
    """Build a config dataclass from a dict, for example one read from JSON.

    Raises:
        ValueError: a field is unknown; the message lists the valid ones.
    """
    valid = [f.name for f in dataclasses.fields(kind)]
    unknown = sorted(set(fields) - set(valid))
    if unknown:
        raise ValueError(f"{kind.__name__}: unknown field {', '.join(unknown)}; valid fields are {', '.join(valid)}")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()})


def save_result(
    config: Any,
    *,
    numbers: dict[str, Any],
    provenance: dict[str, Any],
    history: list[dict[str, float]],
    weights: dict[str, Tensor],
    arrays: dict[str, Tensor] | None = None,
) -> Result:
    """Write a finished result into `runs/`, tensors first and `result.json` last, each atomically."""
    folder = paths.RUNS / result_name(config)
    files = {}
    for name, tensors in (("weights.safetensors", weights), ("arrays.safetensors", arrays or {})):
        write_tensors(folder / name, tensors)
        files[name] = sha256(folder / name)
    record = {
        "kind": type(config).__name__,
        "config": dataclasses.asdict(config),
        "numbers": numbers,
        "provenance": provenance,
        "files": files,
        "history": history,
    }
    write_json(folder / "result.json", record)
    return load_result(folder)


def find_result(config: Any, *, shipped: bool = True) -> Result | None:
    """The finished result of a config: one made on this machine first, else the shipped one, else None.

    Args:
        shipped: whether a result that came with the repository counts.

    Raises:
        ResultError: the result is there but its files do not match their recorded hashes.
    """
    name = result_name(config)
    for folder in (paths.RUNS / name, paths.CHECKPOINTS / name) if shipped else (paths.RUNS / name,):
        if (folder / "result.json").exists():
            result = load_result(folder)
            # A field younger than the result had, then, what is its default now; a default that moved tells here.
            told = {**_defaults(type(config)), **result.config}
            if json.dumps(told, sort_keys=True) == json.dumps(dataclasses.asdict(config), sort_keys=True):
                return result
    return None


def is_shipped(config: Any) -> bool:
    """Whether the finished result of a config came with the repository."""
    return (paths.CHECKPOINTS / result_name(config) / "result.json").exists()


def load_result(folder: Path) -> Result:
    """Load a result folder and verify every file against its recorded hash.

    Raises:
        ResultError: a file is missing, changed or damaged; the message names it and says how to rebuild the result.
    """
    is_shipped = folder.parent == paths.CHECKPOINTS
    if is_shipped:
        _require_hash(folder / "result.json", _manifest().get(f"{folder.name}/result.json"))
    try:
        record = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        parts = {key: record[key] for key in PARTS}
        if wrong := [key for key, kind in PARTS.items() if not isinstance(parts[key], kind)]:
            raise ValueError(f"{wrong[0]} is no {PARTS[wrong[0]].__name__}")
        files = parts.pop("files")
        if strange := [name for name in files if not FILE.fullmatch(name)]:
            raise ValueError(f"no name of a file: {strange[0]!r:.60}")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ResultError(f"{folder / 'result.json'}: not a readable result ({error}). {_rebuild(folder)}") from error
    for name, digest in files.items():
        _require_hash(folder / name, digest)
    origin = "shipped with the repository" if is_shipped else "trained on this machine"
    return Result(folder=folder, origin=origin, **parts)


def ship_result(name: str, *, weights: bool = True, arrays: bool = True) -> Path:
    """Copy the finished result `name` from `runs/` to `data/checkpoints/` and record its hashes in the manifest. Its
    history is `shortened`.

    Args:
        weights, arrays: False leaves these behind: what no figure is drawn from. Without both the numbers come alone,
            with the end of the history.
    """
    source = paths.RUNS / name
    load_result(source)
    target = paths.CHECKPOINTS / name
    record = json.loads((source / "result.json").read_text(encoding="utf-8"))
    left = {"weights.safetensors": not weights, "arrays.safetensors": not arrays}
    record["files"] = {file: digest for file, digest in record["files"].items() if not left.get(file)}
    record["history"] = shortened(record["history"]) if weights or arrays else record["history"][-1:]
    for file in record["files"]:
        with atomic_write(target / file) as temporary:
            shutil.copyfile(source / file, temporary)
    write_json(target / "result.json", record)
    for file in left.keys() - record["files"].keys():
        (target / file).unlink(missing_ok=True)  # of an earlier time
    write_manifest()
    return target


def shortened(history: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """A history in at most `SHIPPED_POINTS` records, each still the mean over the steps since the one before, to
    `SHIPPED_DIGITS` digits: a curve shows no more, and histories are what most results are made of."""
    size = max(1, -(-len(history) // SHIPPED_POINTS))
    steps, found = [0, *(row["step"] for row in history)], []
    for first in range(0, len(history), size):
        rows = history[first : first + size]
        lengths = [after - before for before, after in pairwise(steps[first : first + len(rows) + 1])]
        means = {name: statistics.fmean([row[name] for row in rows], lengths) for name in rows[0]}
        rounded = {name: float(f"{mean:.{SHIPPED_DIGITS}g}") for name, mean in means.items()}
        found.append(rounded | {"step": rows[-1]["step"]})
    return found


def write_manifest() -> None:
    """Write `data/checkpoints/SHA256SUMS` for the results that lie there, in the format of `sha256sum`."""
    folder = paths.CHECKPOINTS
    files = sorted(file for file in folder.glob("*/*") if file.is_file() and not file.name.startswith("."))
    lines = [f"{sha256(file)}  {file.relative_to(folder).as_posix()}\n" for file in files]
    write_text(folder / MANIFEST, "".join(lines))


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers depend on."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in LIBRARIES}}


@functools.cache
def code_commit() -> str | None:
    """The last commit that touched `lib/` or `notebooks/`, with `+changes` if they differ from it; None without git.

    Not HEAD: a commit of figures alone must not change what the figures say of the code that made them.
    """
    where = ["--", "lib", "notebooks"]
    commit = _git("log", "-1", "--format=%H", *where)
    if not commit:
        return None
    return commit[:12] + ("+changes" if _git("status", "--porcelain", *where) else "")


def _git(*arguments: str) -> str | None:
    try:
        command = ["git", "-C", str(paths.ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _manifest() -> dict[str, str]:
    try:
        lines = (paths.CHECKPOINTS / MANIFEST).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _require_hash(file: Path, expected: str | None) -> None:
    if not file.is_file():
        raise ResultError(f"{file}: missing. {_rebuild(file.parent)}")
    if expected is None or sha256(file) != expected:
        raise ResultError(f"{file}: refused, its SHA-256 is not the recorded one. {_rebuild(file.parent)}")


def _rebuild(folder: Path) -> str:
    if folder.parent == paths.CHECKPOINTS:
        return "Restore it with `git checkout -- data/checkpoints`, or train it again with `make figures RETRAIN=1`."
    return f"Delete the folder {folder} and run the same command again to train it anew."


def _load_tensors(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise ResultError(f"{file}: cannot be read ({error}). {_rebuild(file.parent)}") from error
