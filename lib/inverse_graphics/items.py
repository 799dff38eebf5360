"""The 50 items of the three papers (figures, tables, claims) that this companion makes again, in reading order."""

import csv
import difflib
import functools
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class Item:
    """One figure, table or claim of a paper.

    Fields:
        id: short name, for example `ucar-f4`.
        paper: author and year.
        title: what the paper calls it, for example `Figure 4`.
        shows: what is to be seen in it.
        paper_number: the number the paper gives, or a word such as `qualitative`; may be empty.
    """

    id: str
    paper: str
    title: str
    shows: str
    paper_number: str


@functools.cache
def items() -> tuple[Item, ...]:
    """All items, in the order of `items.csv`."""
    text = (resources.files("inverse_graphics") / "items.csv").read_text(encoding="utf-8")
    return tuple(Item(*row) for row in list(csv.reader(text.splitlines()))[1:])


def item(id: str) -> Item:
    """The item with this id.

    Raises:
        ValueError: there is none; the message lists the ids that look alike.
    """
    by_id = {entry.id: entry for entry in items()}
    if id not in by_id:
        close = difflib.get_close_matches(str(id), by_id, n=5, cutoff=0.3) or list(by_id)
        raise ValueError(f"item: expected the id of a paper item, such as {', '.join(close)}; got {id!r}")
    return by_id[id]
