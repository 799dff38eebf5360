"""What each verb of `cli` does: one module for each kind, which adds its parsers and runs them.

Nothing is imported before it is needed: `--help` is there at once.
"""


class UsageError(Exception):
    """The command names something that is not there; the message says what is."""


class Failure(Exception):
    """Something could not be done; the message says what and, where known, how to mend it."""
