"""`bench`: what benchmarks/ measures, one script after the other, then a table and a picture of it."""

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from inverse_graphics import paths
from inverse_graphics.verbs import UsageError

RECORD = "INVERSE_GRAPHICS_BENCH"  # names the file that benchmarks/timing.py appends its rows to


def add_parsers(verbs: argparse._SubParsersAction) -> None:
    bench = verbs.add_parser("bench", help="measure speed against peers and limits")
    bench.add_argument("names", nargs="*", metavar="NAME", help="surfels for benchmarks/bench_surfels.py (all)")
    bench.set_defaults(run=_bench)


def _bench(options: argparse.Namespace) -> int:
    there = {file.stem.removeprefix("bench_"): file for file in sorted((paths.ROOT / "benchmarks").glob("bench_*.py"))}
    if unknown := [name for name in options.names if name not in there]:
        raise UsageError(f"no benchmark {', '.join(unknown)}; there are {', '.join(there) or 'none'}")
    record = paths.BUILD / "benchmarks.jsonl"
    record.parent.mkdir(parents=True, exist_ok=True)
    # Where threads wait by sleeping, as `make` has it for busy machines, short measurements come out slower.
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    rows = []
    for name in options.names or there:
        print(there[name].relative_to(paths.ROOT), flush=True)
        record.unlink(missing_ok=True)
        command = [sys.executable, there[name]]
        if subprocess.run(command, env=environment | {RECORD: str(record)}, check=False).returncode:
            return 1
        rows += [{"benchmark": name} | row for row in _read(record)]
    missed = [f"{row['benchmark']}, {row['what']}" for row in rows if row.get("met") is False]
    judged = sum(row.get("met") is not None for row in rows)
    print(f"{judged - len(missed)} of {judged} bars met" + "".join(f"\n  not met: {name}" for name in missed))
    if rows and not options.names:
        print(f"table: {_save(rows)}")
    return 0


def _read(record: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()] if record.exists() else []


def _save(rows: list[dict[str, Any]]) -> Path:
    """Write `benchmarks` and `benchmarks-sweeps` into figures/, as notebooks do; return the table's path."""
    import pandas as pd

    from inverse_graphics.gallery import save_figure, save_table
    from inverse_graphics.plots.benchmarks import sweeps

    machine = {"processor": _processor(), "cores": os.cpu_count()}
    where = f"Measured in one run on {machine['processor']}, {machine['cores']} cores."
    shared: dict[str, Any] = {"item": "", "profile": "quick", "settings": machine}
    figure = sweeps([row for row in rows if row.get("curve")])
    caption = f"How cost grows, and that of the peer in the same run; units are those of the table. {where}"
    save_figure(figure, "benchmarks-sweeps", caption=caption, numbers={}, **shared)
    columns = ("benchmark", "what", "ours, ms", "against", "peer, ms", "ratio", "lowest", "highest", "value", "unit")
    shown = [{name: _short(row.get(name, "")) for name in (*columns, "bar")} for row in rows]
    for line, row in zip(shown, rows, strict=True):
        line["met"] = {True: "yes", False: "no"}.get(row.get("met"), "")
    caption = f"Ratios are medians over neighbouring pairs: above 1, ours is faster. {where}"
    return save_table(pd.DataFrame(shown), "benchmarks", caption=caption, numbers={"rows": rows}, **shared)


def _short(value: object) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _processor() -> str:
    """The processor's name where Linux says it, else its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
