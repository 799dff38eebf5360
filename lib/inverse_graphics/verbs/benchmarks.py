"""`bench`: what benchmarks/ measures, one script after the other."""

import argparse
import os
import subprocess
import sys

from inverse_graphics import paths
from inverse_graphics.verbs import UsageError


def add_parsers(verbs: argparse._SubParsersAction) -> None:
    bench = verbs.add_parser("bench", help="measure speed against peers and limits")
    bench.add_argument("names", nargs="*", metavar="NAME", help="surfels for benchmarks/bench_surfels.py (all)")
    bench.set_defaults(run=_bench)


def _bench(options: argparse.Namespace) -> int:
    there = {file.stem.removeprefix("bench_"): file for file in sorted((paths.ROOT / "benchmarks").glob("bench_*.py"))}
    if unknown := [name for name in options.names if name not in there]:
        raise UsageError(f"no benchmark {', '.join(unknown)}; there are {', '.join(there) or 'none'}")
    # Where threads wait by sleeping, as `make` has it for busy machines, short measurements come out slower.
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    for name in options.names or there:
        print(there[name].relative_to(paths.ROOT), flush=True)
        if subprocess.run([sys.executable, there[name]], env=environment, check=False).returncode:
            return 1
    return 0
