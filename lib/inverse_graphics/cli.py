"""The project's verbs for a shell: `python -m inverse_graphics.cli --help`.

Exit status: 0 all went well, 1 something failed, 2 the command was not understood. A mistake gets a line, no traceback.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from inverse_graphics import paths


class UsageError(Exception):
    """The command names something that is not there; the message says what is."""


class Failure(Exception):
    """Something could not be done; the message says what and, where known, how to mend it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    # A TERM ends work like Ctrl-C does: notebooks run in sessions of their own and would otherwise live on.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return options.run(options)
    except UsageError as error:
        return _say(error, 2)
    except (Failure, OSError) as error:
        return _say(error, 1)
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(message: object, status: int) -> int:
    print(f"inverse_graphics: {message}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inverse_graphics.cli", description="The companion's verbs.")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")

    figures = verbs.add_parser("figures", help="run notebooks headlessly, then write the gallery")
    figures.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help="a file, or how its name starts (05); all")
    _add_profile(figures)
    figures.add_argument("--retrain", action="store_true", help="train again instead of loading finished results")
    figures.add_argument("--jobs", type=_positive(int), default=1, metavar="N", help="notebooks side by side")
    figures.add_argument("--timeout", type=_positive(float), metavar="S", help="seconds a notebook may take")
    figures.add_argument("--no-gallery", action="store_true", help="do not write the gallery afterwards")
    figures.set_defaults(run=_figures)

    train = verbs.add_parser("train", help="train an experiment, or find it finished")
    train.add_argument("experiment", metavar="EXPERIMENT", help="the paper item it serves, for example ucar-f4")
    _add_profile(train)
    train.add_argument("--seed", type=int, default=0, metavar="N")
    train.add_argument("--retrain", action="store_true", help="train again even if a finished result is there")
    train.add_argument("--accelerator", default="auto", help="Lightning Fabric's: auto, cpu, gpu, mps")
    train.add_argument("--devices", type=_positive(int), default=1, metavar="N", help="devices in each node")
    train.add_argument("--num-nodes", type=_positive(int), default=1, metavar="N")
    train.add_argument("--strategy", default="auto", help="Lightning Fabric's: auto, ddp, fsdp")
    train.add_argument("--precision", default="auto", help="Lightning Fabric's: auto, 32-true, bf16-mixed")
    train.set_defaults(run=_train)

    gallery = verbs.add_parser("gallery", help="write the gallery and claims.csv from what stands in figures/")
    _add_profile(gallery)
    gallery.set_defaults(run=_gallery)

    data = verbs.add_parser("data", help="list, download or verify data sets")
    data.add_argument("action", choices=("list", "get", "check"))
    data.add_argument("names", nargs="*", metavar="NAME", help="data sets (all)")
    data.set_defaults(run=_data)

    iqtt = verbs.add_parser(
        "iqtt", help="answer the 3D-IQTT questions of a folder: N-q.png, N-a0.png, N-a1.png, N-a2.png"
    )
    iqtt.add_argument("action", choices=("answer",))
    iqtt.add_argument("folder", type=Path, metavar="FOLDER")
    iqtt.set_defaults(run=_iqtt)

    ship = verbs.add_parser("ship", help="copy a finished result from runs/ to data/checkpoints/, with its hashes")
    ship.add_argument("name", help="name of a folder in runs/")
    ship.add_argument("--numbers-only", action="store_true", help="leave the weights behind, for further seeds")
    ship.set_defaults(run=_ship)
    return parser


def _add_profile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", choices=paths.PROFILES, default="quick", help="size of the experiments (quick)")


def _positive(kind: type) -> type:
    def parse(text: str) -> float:
        if (value := kind(text)) <= 0:
            raise ValueError
        return value

    parse.__name__ = f"positive {kind.__name__}"  # argparse puts it into its message
    return parse


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
        results = catalogue.train(options.experiment, runtime=runtime, **asked)
    except (DatasetError, ResultError, CheckpointError, TrainingDiverged, ValueError) as error:
        raise Failure(error) from error
    for result in results:
        print(f"{result.name}  {result.origin}")
    return 0


def _gallery(options: argparse.Namespace) -> int:
    from inverse_graphics.gallery import write_gallery

    print(f"gallery: {write_gallery(options.profile)}")
    return 0


def _data(options: argparse.Namespace) -> int:
    from inverse_graphics import datasets

    known = datasets.names()
    if unknown := [name for name in options.names if name not in known]:
        raise UsageError(f"unknown data set {', '.join(unknown)}; there are {', '.join(known)}")
    actions = {"list": _data_list, "get": _data_get, "check": _data_check}
    try:
        return actions[options.action](options.names or known)
    except datasets.DatasetError as error:
        raise Failure(error) from error


def _data_list(names: Sequence[str]) -> int:
    from inverse_graphics.datasets import available, stand_in_for
    from inverse_graphics.datasets.catalogue import CATALOGUE

    for name in names:
        how = "`make data` gets it" if CATALOGUE[name].downloadable else "data/README.md says how to get it"
        missing = f"not on this machine; {how}, {stand_in_for(name)} stands in"
        state = "built in" if stand_in_for(name) == name else "on this machine" if available(name) else missing
        print(f"{name:24} {state}")
    return 0


def _data_get(names: Sequence[str]) -> int:
    from inverse_graphics.datasets import available, downloads, stand_in_for
    from inverse_graphics.datasets.catalogue import CATALOGUE

    for name in names:
        if CATALOGUE[name].downloadable:
            print(f"{name:24} {downloads.download(name)}", flush=True)
        elif stand_in_for(name) != name:
            by_hand = f"cannot be downloaded from here. {CATALOGUE[name].obtain}"
            print(f"{name:24} {'on this machine' if available(name) else by_hand}", flush=True)
    return 0


def _data_check(names: Sequence[str]) -> int:
    from inverse_graphics.datasets import available, downloads, stand_in_for
    from inverse_graphics.datasets.catalogue import CATALOGUE

    status = 0
    for name in names:
        if CATALOGUE[name].downloadable:
            states = downloads.check(name)
        elif stand_in_for(name) == name:
            states = [("", "built in")]
        else:
            states = [("", "on this machine, no official hash to compare with" if available(name) else "missing")]
        for file, state in states:
            print(f"{name:24} {f'{file} {state}'.lstrip()}")
            status = 1 if state.startswith(("missing", "differs")) else status
    return status


def _iqtt(options: argparse.Namespace) -> int:
    from inverse_graphics.datasets import DatasetError
    from inverse_graphics.datasets.iqtt import read_question_folder
    from inverse_graphics.experiments import iqtt_answerers
    from inverse_graphics.metrics.iqtt import margins
    from inverse_graphics.results import ResultError, find_result

    try:
        questions, problems = read_question_folder(options.folder)
        config = iqtt_answerers.configs("quick")["any_look"]
        result = find_result(config)
        if result is None:
            raise Failure(f"no trained model: `python -m inverse_graphics.cli train iqtt-bags` makes {config.name}")
        model = iqtt_answerers.load_model(result)
    except (DatasetError, ResultError) as error:
        raise Failure(error) from error
    for question in questions:  # one at a time: their sizes may differ
        scores = model.scores(question.pictures[None])
        answer, margin = scores.argmax(1).item(), margins(scores).item()
        print(f"question {question.name}: answer {answer} (margin {margin:.3f})", flush=True)
    for problem in problems:
        print(f"inverse_graphics: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _ship(options: argparse.Namespace) -> int:
    from inverse_graphics.results import ResultError, ship_result

    if not (paths.RUNS / options.name).is_dir():
        there = sorted(path.name for path in paths.RUNS.glob("*/"))
        raise UsageError(f"no result {options.name!r} in {paths.RUNS}; there are {', '.join(there) or 'none'}")
    try:
        print(ship_result(options.name, weights=not options.numbers_only))
    except ResultError as error:
        raise Failure(error) from error
    return 0


if __name__ == "__main__":
    sys.exit(main())
