"""What the verbs' parsers share."""

import argparse
from collections.abc import Callable

from inverse_graphics import paths


def add_profile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", choices=paths.PROFILES, default="quick", help="size of the experiments (quick)")


def positive(kind: type) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if (value := kind(text)) <= 0:
            raise ValueError
        return value

    parse.__name__ = f"positive {kind.__name__}"  # argparse puts it into its message
    return parse
