"""Run notebooks headlessly, each in processes of its own that a wall clock can stop.

papermill runs a notebook in a child process; the notebook's kernel is a child of that. A widget with an Output can make
such a kernel wait for ever, and a cell that timed out has been seen recorded as `completed`; so the whole tree of
processes is ended when the time is up, and a notebook counts as run only if every code cell has an execution count.
"""

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inverse_graphics import paths
from inverse_graphics.files import atomic_write, write_json
from inverse_graphics.headless import NotebookProcess

OK, FAILED, TIMED_OUT = "ok", "failed", "timed out"
PROGRESS = "progress"  # file in a notebook's scratch folder that its training draws its bar into
PROGRESS_SECONDS = 20.0  # between two lines on how far a notebook's training is
TIMEOUTS = {"smoke": 300.0, "quick": 600.0, "paper": 7200.0}  # seconds a notebook may take where nothing is trained
RETRAIN_TIMEOUT = 7200.0
PARAMETERS = ("profile", "retrain")  # what every notebook's `parameters` cell must define


@dataclass(frozen=True)
class Outcome:
    """How a notebook's run ended: `status` is "ok", "failed" or "timed out"; `reason` is one line, empty if ok."""

    notebook: str
    profile: str
    retrain: bool
    status: str
    seconds: float
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.status:9}  {self.notebook:32} {self.seconds:7.1f} s  {self.reason}".rstrip()


def _tell(line: str) -> None:
    print(line, flush=True)


def run_notebook(
    path: Path | str,
    *,
    profile: str = "quick",
    retrain: bool = False,
    timeout: float | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[str], None] = _tell,
) -> Outcome:
    """Run one notebook in its own folder with `profile` and `retrain` injected; never raises for what it does.

    The executed copy goes to `build/notebooks/<profile>/NAME.ipynb`, also of a failing notebook as far as it got, with
    `NAME.status.json` (the Outcome) and `NAME.log` (what papermill printed) beside it.

    Args:
        path: the notebook.
        profile: `smoke`, `quick` or `paper`.
        retrain: whether experiments train again instead of loading finished results.
        timeout: wall-clock seconds; None takes `TIMEOUTS[profile]`, or `RETRAIN_TIMEOUT` with `retrain`.
        stop: set by another thread to end the run early.
        progress: called with a line on how far a training is, every `PROGRESS_SECONDS`.

    Raises:
        ValueError: unknown profile, or no notebook at `path`.
    """
    if profile not in paths.PROFILES:  # by hand: `checks` imports torch, which costs each notebook seconds
        raise ValueError(f"profile: expected one of {', '.join(paths.PROFILES)}; got {profile!r}")
    path = Path(path).resolve()
    if not path.is_file() or path.suffix != ".ipynb":
        raise ValueError(f"path: expected a notebook file (.ipynb), got {path}")
    limit = timeout or (RETRAIN_TIMEOUT if retrain else TIMEOUTS[profile])
    folder = paths.BUILD / "notebooks" / profile
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ig-") as scratch:  # short: a socket's path may have 107 characters
        executed = Path(scratch) / path.name
        log = folder / f"{path.stem}.log"
        parameters = dict(zip(PARAMETERS, (profile, retrain), strict=True))
        process = NotebookProcess(path, executed, parameters, log, _environment(Path(scratch)))
        try:
            started = told = time.monotonic()
            while process.poll() is None and not (stop and stop.is_set()) and time.monotonic() - started < limit:
                time.sleep(0.05)
                if time.monotonic() - told > PROGRESS_SECONDS:
                    told = time.monotonic()
                    if line := _last_line(Path(scratch) / PROGRESS):
                        progress(f"{path.stem[:2]}  {line}")
            code = process.poll()
        finally:
            process.end()
        notebook = _read(executed)
        if code is None:
            stopped_early = stop is not None and stop.is_set()
            status, reason = (FAILED, "interrupted") if stopped_early else (TIMED_OUT, f"stopped after {limit:g} s")
        else:
            reason = _reason(notebook, log, code)
            status = FAILED if reason else OK
        if notebook is not None:
            with atomic_write(folder / path.name) as temporary:
                temporary.write_bytes(executed.read_bytes())
        else:
            (folder / path.name).unlink(missing_ok=True)  # of an earlier run: it would pass for this one's
    outcome = Outcome(path.stem, profile, retrain, status, round(time.monotonic() - started, 1), reason)
    write_json(folder / f"{path.stem}.status.json", asdict(outcome))
    return outcome


def run_notebooks(
    notebooks: Sequence[Path],
    *,
    jobs: int = 1,
    report: Callable[[Outcome], None] = print,
    **options: object,
) -> list[Outcome]:
    """Run several notebooks, `jobs` at a time; a failing one does not stop the others.

    Args:
        notebooks: their paths.
        jobs: how many run side by side.
        report: called with each Outcome as it comes.
        options: `profile`, `retrain`, `timeout` of `run_notebook`.
    """
    stop = threading.Event()

    def run(path: Path) -> Outcome:
        if stop.is_set():
            return Outcome(path.stem, str(options.get("profile", "quick")), False, FAILED, 0.0, "interrupted")
        outcome = run_notebook(path, stop=stop, **options)
        report(outcome)
        return outcome

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        try:
            return list(pool.map(run, notebooks))
        except BaseException:  # Ctrl-C above all: the children are in sessions of their own and do not hear it
            stop.set()
            raise


def _environment(scratch: Path) -> dict[str, str]:
    return {
        "JUPYTER_RUNTIME_DIR": str(scratch),  # sockets and connection files: gone with the scratch folder
        "IPYTHONDIR": str(scratch / "ipython"),  # a reader's own IPython start-up files must not change a figure
        "INVERSE_GRAPHICS_HEADLESS": "1",  # widgets show what needs no kernel
        "PLOTLY_RENDERER": "plotly_mimetype",  # figures without plotly.js, which would be 5 MB in each notebook
        "INVERSE_GRAPHICS_PROGRESS": str(scratch / PROGRESS),
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),  # spinning threads slow a busy machine down
    }


def _read(executed: Path) -> dict[str, Any] | None:
    try:  # not with nbformat: its import takes seconds
        return json.loads(executed.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # nothing ran, or it was stopped while it wrote
        return None


def _reason(notebook: dict[str, Any] | None, log: Path, code: int) -> str:
    """One line on why a run failed; empty if it did not."""
    if code != 0 or notebook is None:
        return _raised(notebook) or _last_line(log) or f"ended with exit status {code}"
    for number, cell in _code_cells(notebook):
        if cell["execution_count"] is None or cell["metadata"].get("papermill", {}).get("status") != "completed":
            return f"code cell {number} was not executed to its end"
    return ""


def _raised(notebook: dict[str, Any] | None) -> str:
    for number, cell in _code_cells(notebook) if notebook else ():
        for output in cell["outputs"]:
            if output["output_type"] == "error" and "raises-exception" not in cell["metadata"].get("tags", ()):
                message = (output["evalue"].strip().splitlines() or [""])[0]
                return f"{output['ename']}: {message} (code cell {number})"
    return ""


def _code_cells(notebook: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Code cells with their number in the source, so without the parameters that papermill puts in."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    cells = [cell for cell in cells if "injected-parameters" not in cell["metadata"].get("tags", ())]
    return ((number, cell) for number, cell in enumerate(cells, 1) if "".join(cell["source"]).strip())


def _last_line(log: Path) -> str:
    if not log.exists():
        return ""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
