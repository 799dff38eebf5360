"""Work that can be broken off, and the machines' faults that break it off: for tests/faults.

Each job works in a folder of its own, in a process of its own, and ends with the same files however often it was
broken off before. Processes are forked from one that has the imports behind it, so they start within milliseconds.
"""

import contextlib
import ctypes
import hashlib
import io
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from inverse_graphics import paths
from support.workspaces import PLACES

FORKS = multiprocessing.get_context("forkserver")
PRELOADED = ["inverse_graphics.preloaded", "inverse_graphics.cli", "support.faults", "lightning_fabric"]
FORKS.set_forkserver_preload(PRELOADED)

CONTENTS = {  # of the pretended download: name → bytes
    f"{split}-{kind}-idx{rank}-ubyte.gz": hashlib.sha256(f"{split} {kind}".encode()).digest() * 4096  # 128 KiB
    for split in ("train", "t10k")
    for kind, rank in (("images", 3), ("labels", 1))
}


# Jobs: each is called with its folder


def enter(root: Path) -> None:
    """Make `root` this process's project folder, and the world small."""
    import torch

    torch.set_num_threads(1)
    os.environ.pop("INVERSE_GRAPHICS_DATA", None)
    for name, place in PLACES.items():
        (root / place).mkdir(parents=True, exist_ok=True)
        setattr(paths, name, root / place)


@dataclass
class Said:
    """What a command ended with: exit status, and what it wrote to stderr."""

    status: int
    error: str


def command(root: Path, *arguments: str) -> Said:
    """Run a verb of the command line."""
    enter(root)
    from inverse_graphics import cli

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as error:
        status = cli.main(arguments)
    return Said(status, error.getvalue())


def train(root: Path, *flags: str) -> Said:
    """A small network that answers 3D-IQTT questions, from the command line; a checkpoint after every step."""
    from inverse_graphics.experiments import catalogue, iqtt_answerers
    from inverse_graphics.training import loop

    config = iqtt_answerers.config_for("smoke", steps=8, test_questions=8, elsewhere_questions=2)
    catalogue.EXPERIMENTS["tiny"] = lambda profile, seed: {"tiny": config}
    catalogue.RUNS["tiny"] = iqtt_answerers.run
    # Fields' defaults live in __init__: what the command line does not set is set here
    loop.Runtime = partial(loop.Runtime, checkpoint_seconds=-1.0, progress=False)
    return command(root, "train", "tiny", "--accelerator", "cpu", "--precision", "32-true", *flags)


def train_poisoned(root: Path) -> Said:
    """The same, with a NaN in the third batch."""
    from inverse_graphics.models.iqtt import Answerer

    really, batches = Answerer.forward, []

    def poisoned(self: Answerer, pictures: Any) -> Any:
        batches.append(pictures)
        if len(batches) == 3:
            pictures = pictures.clone()
            pictures[0, 0, 0, 0] = float("nan")
        return really(self, pictures)

    Answerer.forward = poisoned
    return train(root)


def prepare(root: Path) -> Said:
    """Render questions and scenes into the cache, in several blocks; what came of it goes into `prepared.json`."""
    enter(root)
    from inverse_graphics.datasets import iqtt, scenes
    from inverse_graphics.files import tensors_digest, write_json

    iqtt.CACHED = 20
    with contextlib.redirect_stderr(io.StringIO()) as error:
        pictures = iqtt.make_questions("paper", 80, size=24).all_pictures()
        images = scenes.load_scenes("box_translation", "train", count=128, size=12).images
    write_json(root / "prepared.json", {"sha256": tensors_digest({"pictures": pictures, "images": images})})
    return Said(0, error.getvalue())


def draw(root: Path) -> Said:
    """Two figures, a table and the gallery, as a notebook writes them."""
    enter(root)
    import pandas as pd
    from matplotlib.figure import Figure

    from inverse_graphics.gallery import save_figure, save_table, write_gallery

    said = {"item": "ucar-f4", "caption": "A line.", "profile": "quick"}
    for number in range(2):
        figure = Figure(figsize=(2, 2))
        figure.subplots().plot([0, number])
        save_figure(figure, f"ucar-f4-{number}", numbers={"number": number}, **said)
    save_table(pd.DataFrame({"a": [1, 2]}), "ucar-f4-table", numbers={}, **said)
    write_gallery()
    return Said(0, "")


def fetch(root: Path, port: int) -> Said:
    """`data get mnist`, of a pretended MNIST on this machine."""
    from inverse_graphics.datasets import downloads

    digests = {name: (hashlib.sha256(content).hexdigest(),) for name, content in CONTENTS.items()}
    files = {split: {n: d for n, d in digests.items() if n.startswith(split[0])} for split in ("train", "test")}
    mirrors = (f"https://127.0.0.1:{port}/one", f"https://127.0.0.1:{port}/two")
    downloads.DOWNLOADABLE["mnist"] = downloads.Download(("mnist",), mirrors, files)
    really = downloads._fetch
    downloads._fetch = lambda url, path: really(url.replace("https://", "http://"), path)  # no certificate here
    return command(root, "data", "get", "mnist")


class SlowServer(BaseHTTPRequestHandler):
    """Sends `CONTENTS`, a little at a time."""

    def do_GET(self) -> None:
        content = CONTENTS[self.path.rsplit("/", 1)[1]]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(OSError):  # whoever asked may have been killed
            for start in range(0, len(content), 8192):
                self.wfile.write(content[start : start + 8192])
                time.sleep(0.003)

    def log_message(self, *arguments: object) -> None:
        pass


# Processes


def _quietly(work: Callable[..., Said], arguments: tuple[Any, ...], environment: dict[str, str]) -> None:
    os.environ.update(environment)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    sys.exit(work(*arguments).status)


def start(work: Callable[..., Said], *arguments: Any, **environment: str) -> multiprocessing.Process:
    """Start a job in a process of its own; its exit status is the job's."""
    process = FORKS.Process(target=_quietly, args=(work, arguments, environment))
    process.start()
    return process


def finish(process: multiprocessing.Process, within: float = 120.0) -> int:
    """Wait for a process and return its exit status, −9 if it was killed.

    Raises:
        TimeoutError: it hangs; it is killed.
    """
    process.join(within)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"{process} has not ended within {within:g} s")
    return process.exitcode


def call(work: Callable[..., Any], *arguments: Any) -> Any:
    """What a job returns, or raises, in a process of its own."""
    with ProcessPoolExecutor(1, FORKS) as pool:
        return pool.submit(work, *arguments).result()


# What is left


def files(root: Path) -> dict[str, str]:
    """Relative path → SHA-256 of everything a job left, temporary files too; of a result, without its seconds."""
    found = {}
    for file in sorted(root.rglob("*")):
        name = file.relative_to(root).as_posix()
        if not file.is_file() or name.startswith("runs/.locks/"):  # empty, one for each config, and meant to stay
            continue
        content = file.read_bytes()
        if file.name == "result.json":
            record = json.loads(content)
            del record["provenance"]["seconds"]
            content = json.dumps(record).encode()
        found[name] = hashlib.sha256(content).hexdigest()
    return found


def strays(root: Path) -> list[str]:
    """Temporary files, and checkpoints of runs that are over."""
    names = [file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file()]
    return [name for name in names if ".part" in name or name.endswith("checkpoint.safetensors")]


# Disks that are small or cannot be written to: mounted where this process alone sees them, gone when it ends

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18


def own_mounts() -> None:
    """Give this process mounts of its own, without which it has no right to mount.

    Raises:
        OSError: the system does not allow it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    user, group, is_root = os.getuid(), os.getgid(), os.getuid() == 0
    if libc.unshare(CLONE_NEWNS | (0 if is_root else CLONE_NEWUSER)):
        raise OSError(ctypes.get_errno(), "no mounts of one's own here")
    if not is_root:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    _mount("none", Path("/"), "", MS_REC | MS_PRIVATE)


def small_disk(folder: Path, size: int, *, again: bool = False) -> None:
    """Mount an empty disk of `size` bytes at a folder, or change the size of the one that is there."""
    _mount("none", folder, "tmpfs", MS_REMOUNT if again else 0, f"size={size}")


def read_only(folder: Path) -> None:
    """Let nobody, not even root, write to a folder."""
    _mount(str(folder), folder, "", MS_BIND)
    _mount(str(folder), folder, "", MS_BIND | MS_REMOUNT | MS_RDONLY)


def _mount(what: str, where: Path, kind: str, flags: int, options: str = "") -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    long = ctypes.c_ulong(flags)
    if libc.mount(what.encode(), str(where).encode(), kind.encode(), long, options.encode() or None):
        raise OSError(ctypes.get_errno(), f"cannot mount at {where}")


def on_small_disk(
    root: Path, size: int, work: Callable[..., Said], *arguments: Any
) -> tuple[Said, list[str], dict[str, str]]:
    """A job on a disk of `size` bytes, and again when it has got room: what the first said, what strays it left, and
    the files after the second."""
    own_mounts()
    small_disk(root, size)
    said, left = work(root, *arguments), strays(root)
    small_disk(root, 64 << 20, again=True)
    work(root, *arguments)
    return said, left, files(root)


def with_read_only(root: Path, folder: str, work: Callable[..., Said], *arguments: Any) -> Said:
    """A job while a folder of its own cannot be written to."""
    enter(root)
    own_mounts()
    read_only(root / folder)
    return work(root, *arguments)
