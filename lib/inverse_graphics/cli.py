"""The project's verbs for a shell: `python -m inverse_graphics.cli --help`.

Exit status: 0 all went well, 1 something failed, 2 the command was not understood. A mistake gets a line, no traceback.
"""

import argparse
import signal
import sys
from collections.abc import Sequence

from inverse_graphics.verbs import Failure, UsageError, benchmarks, data, figures, shapes


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
    for kind in (shapes, figures, data, benchmarks):
        kind.add_parsers(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
