"""Make `.venv` in the project's root: every dependency at its pinned version, and the package itself, editable.

Standard library only, for any Python from 3.11 on:

    python3 tools/setup_environment.py

`make` calls it before each target that needs the environment. A stamp, `.venv/.complete`, holds the hash of what
the environment is made from: a finished one costs nothing, an interrupted one (no stamp) is made again from the start.
"""

from __future__ import annotations  # so that an old Python gets as far as being told that it is old

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".complete"
CONSTRAINTS = ROOT / "constraints.txt"
OLDEST = (3, 11)
UV = "uv==0.13.8"


class SetupError(Exception):
    """Set-up cannot go on; the message says what is missing and what to do."""


def main() -> int:
    try:
        require_python()
        with only_one_at_a_time():
            if wanted_stamp() != read_stamp():
                make_environment()
    except SetupError as error:
        print(f"Set-up stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Set-up interrupted; the next `make` starts it again.", file=sys.stderr)
        return 130
    return 0


def require_python() -> None:
    if sys.version_info < OLDEST:
        here = ".".join(map(str, sys.version_info[:3]))
        raise SetupError(
            f"Python {'.'.join(map(str, OLDEST))} or newer is needed, but `{sys.executable}` is {here}.\n"
            "Install a newer one and name it: make PYTHON3=python3.11"
        )
    for module in ("venv", "ensurepip"):  # Debian and Ubuntu ship them apart from python3
        if importlib.util.find_spec(module) is None:
            raise SetupError(
                f"this Python has no `{module}` module.\nOn Debian and Ubuntu: sudo apt install python3-venv"
            )


@contextmanager
def only_one_at_a_time() -> Iterator[None]:
    """Two `make` at once: the second waits, then finds the environment made."""
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build" / "setup.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def wanted_stamp() -> str:
    """A hash of what the environment is made from, and where it stands: a moved one has stale paths inside."""
    digest = hashlib.sha256(str(ROOT).encode())
    for file in (ROOT / "pyproject.toml", CONSTRAINTS, Path(__file__)):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def read_stamp() -> str:
    return STAMP.read_text() if STAMP.exists() and PYTHON.exists() else ""


def make_environment() -> None:
    version = re.search(r'"torch==([^"]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))[1]
    say("Setting up the environment in .venv (once; a few minutes and about 1.7 GB):")
    say("  making an empty one")
    if VENV.exists():
        shutil.rmtree(VENV)
    must([sys.executable, "-m", "venv", str(VENV)], "could not make a virtual environment")
    if sys.platform == "linux" and not has_nvidia():
        say(f"  torch {version} for the CPU (there is no NVIDIA GPU here)")
        if not install_cpu_torch(version):
            say("  no CPU build can be reached: the plain one, which brings several GB for GPUs, will do")
    say("  the other packages, at the versions in constraints.txt")
    must(pip("-e", str(ROOT)), "pip could not install the packages")
    STAMP.write_text(wanted_stamp())
    say("  done")


def has_nvidia() -> bool:
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


def install_cpu_torch(version: str) -> bool:
    """Try pip's own sources, which have such a build only where someone put one there, then uv, which knows where."""
    if run(pip(f"torch=={version}+cpu")) is None:
        return True
    uv = [str(PYTHON), "-m", "uv", "pip", "install", "--quiet", "--python", str(PYTHON), "--torch-backend=cpu"]
    return run(pip(UV)) is None and run([*uv, "-c", str(CONSTRAINTS), f"torch=={version}"]) is None


def pip(*what: str) -> list[str]:
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--retries", "2", "-c", str(CONSTRAINTS)]
    return [str(PYTHON), "-m", "pip", "install", *options, *what]


def run(command: list[str]) -> str | None:
    """None if the command succeeds, else the last lines it printed."""
    # PYTHONPATH and friends of the caller would let packages from elsewhere pass for installed ones.
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(command, text=True, env=environment, **streams)
    return None if done.returncode == 0 else "\n".join(done.stdout.splitlines()[-15:])


def must(command: list[str], message: str) -> None:
    output = run(command)
    if output is not None:
        raise SetupError(f"{message}. Its last lines:\n{output}")


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
