"""`data` and `iqtt`: data sets listed, downloaded, verified; questions of one's own answered."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from inverse_graphics.verbs import Failure, UsageError


def add_parsers(verbs: argparse._SubParsersAction) -> None:
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
