"""`figures`, `gallery`, `site`, `train` and `ship`: notebooks run, experiments trained, results kept."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from inverse_graphics import paths
from inverse_graphics.verbs import Failure, UsageError
from inverse_graphics.verbs.arguments import add_profile, positive

if TYPE_CHECKING:
    from inverse_graphics.training.loop import Runtime


def add_parsers(verbs: argparse._SubParsersAction) -> None:
    figures = verbs.add_parser("figures", help="run notebooks headlessly, then write the gallery")
    figures.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help="a file, or how its name starts (05); all")
    add_profile(figures)
    figures.add_argument("--retrain", action="store_true", help="train again instead of loading finished results")
    figures.add_argument("--jobs", type=positive(int), default=1, metavar="N", help="notebooks side by side")
    figures.add_argument("--timeout", type=positive(float), metavar="S", help="seconds a notebook may take")
    figures.add_argument("--no-gallery", action="store_true", help="do not write the gallery afterwards")
    figures.set_defaults(run=_figures)

    train = verbs.add_parser("train", help="train an experiment, or find it finished")
    train.add_argument("experiment", metavar="EXPERIMENT", help="the paper item it serves, for example ucar-f4")
    add_profile(train)
    train.add_argument("--seed", type=int, default=0, metavar="N")
    train.add_argument("--retrain", action="store_true", help="train again even if a finished result is there")
    train.add_argument("--dry-run", action="store_true", help="only say how long it would take, and how much memory")
    train.add_argument("--accelerator", default="auto", help="Lightning Fabric's: auto, cpu, gpu, mps")
    train.add_argument("--devices", type=positive(int), default=1, metavar="N", help="devices in each node")
    train.add_argument("--num-nodes", type=positive(int), default=1, metavar="N")
    train.add_argument("--strategy", default="auto", help="Lightning Fabric's: auto, ddp, fsdp")
    train.add_argument("--precision", default="auto", help="Lightning Fabric's: auto, 32-true, bf16-mixed")
    train.set_defaults(run=_train)

    gallery = verbs.add_parser("gallery", help="write the gallery and claims.csv from what stands in figures/")
    add_profile(gallery)
    gallery.set_defaults(run=_gallery)

    site = verbs.add_parser("site", help="run notebooks from what is shipped and write them as pages to build/site/")
    site.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help="a file, or how its name starts (05); all")
    site.add_argument("--jobs", type=positive(int), default=1, metavar="N", help="notebooks side by side")
    site.set_defaults(run=_site)

    ship = verbs.add_parser("ship", help="copy a finished result from runs/ to data/checkpoints/, with its hashes")
    ship.add_argument("name", help="name of a folder in runs/")
    ship.add_argument("--without", choices=("weights", "tensors"), help="leave these behind, for further seeds all")
    ship.set_defaults(run=_ship)


def _figures(options: argparse.Namespace) -> int:
    from inverse_graphics.pipeline import OK, run_notebooks

    outcomes = run_notebooks(
        _find_notebooks(options.notebooks),
        jobs=options.jobs,
        report=lambda outcome: print(outcome, flush=True),
        profile=options.profile,
        retrain=options.retrain,
        timeout=options.timeout,
    )
    if not options.no_gallery:
        _gallery(options)
    return 0 if all(outcome.status == OK for outcome in outcomes) else 1


def _find_notebooks(wanted: Sequence[str]) -> list[Path]:
    there = sorted(paths.NOTEBOOKS.glob("*.ipynb"))
    found = []
    for name in wanted or [""]:
        matches = [Path(name)] if Path(name).is_file() else [path for path in there if path.name.startswith(name)]
        if not matches:
            raise UsageError(f"no notebook {name!r}; there are {', '.join(path.stem for path in there) or 'none'}")
        found += [path for path in matches if path not in found]
    return found


def _train(options: argparse.Namespace) -> int:
    from inverse_graphics.datasets import DatasetError
    from inverse_graphics.experiments import catalogue
    from inverse_graphics.results import ResultError
    from inverse_graphics.training.checkpoints import CheckpointError
    from inverse_graphics.training.loop import Runtime, TrainingDiverged

    if options.experiment not in catalogue.EXPERIMENTS:
        raise UsageError(f"no experiment {options.experiment!r}; there are {', '.join(sorted(catalogue.EXPERIMENTS))}")
    flags = ("accelerator", "devices", "num_nodes", "strategy", "precision")
    runtime = Runtime(**{name: getattr(options, name) for name in flags})
    asked = {"profile": options.profile, "seed": options.seed, "retrain": options.retrain}
    try:
        if options.dry_run:
            return _estimate(options, runtime)
        results = catalogue.train(options.experiment, runtime=runtime, **asked)
    except (DatasetError, ResultError, CheckpointError, TrainingDiverged, ValueError) as error:
        raise Failure(error) from error
    for result in results:
        print(f"{result.name}  {result.origin}")
    return 0


def _estimate(options: argparse.Namespace, runtime: "Runtime") -> int:
    from inverse_graphics.experiments import catalogue
    from inverse_graphics.results import Result
    from inverse_graphics.training.rehearsal import total

    found = catalogue.estimate(options.experiment, profile=options.profile, seed=options.seed, runtime=runtime)
    for each in found:
        print(f"{each.name}: finished on this machine" if isinstance(each, Result) else each)
    print(total([each for each in found if not isinstance(each, Result)]))
    return 0


def _gallery(options: argparse.Namespace) -> int:
    from inverse_graphics.gallery import write_gallery

    print(f"gallery: {write_gallery(options.profile)}")
    return 0


def _site(options: argparse.Namespace) -> int:
    from inverse_graphics.pipeline import OK, run_notebooks
    from inverse_graphics.site import write_site

    # figures/ stays as it is. In the environment, because the processes that notebooks run in read it there.
    figures = paths.ROOT / os.environ.setdefault("INVERSE_GRAPHICS_FIGURES", str(paths.BUILD / "site-figures"))
    outcomes = run_notebooks(
        _find_notebooks(options.notebooks), jobs=options.jobs, report=lambda outcome: print(outcome, flush=True)
    )
    ran = [outcome for outcome in outcomes if outcome.status == OK]
    if not ran:
        raise Failure("no notebook ran to its end: there is nothing to write")
    executed = [paths.BUILD / "notebooks" / "quick" / f"{outcome.notebook}.ipynb" for outcome in ran]
    print(f"site: {write_site(executed, figures, paths.BUILD / 'site')}")
    return 0 if len(ran) == len(outcomes) else 1


def _ship(options: argparse.Namespace) -> int:
    from inverse_graphics.results import ResultError, ship_result

    if not (paths.RUNS / options.name).is_dir():
        there = sorted(path.name for path in paths.RUNS.glob("*/"))
        raise UsageError(f"no result {options.name!r} in {paths.RUNS}; there are {', '.join(there) or 'none'}")
    try:
        print(ship_result(options.name, weights=not options.without, arrays=options.without != "tensors"))
    except ResultError as error:
        raise Failure(error) from error
    return 0
