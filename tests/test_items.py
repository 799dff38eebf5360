"""The 50 items of the papers."""

import pytest

from inverse_graphics.items import item, items


def test_there_are_fifty_with_ids_of_their_own():
    assert len(items()) == 50
    assert len({entry.id for entry in items()}) == 50
    assert all(entry.paper and entry.title and entry.shows for entry in items())


def test_an_item_is_found_by_its_id():
    assert item("ucar-f4").title == "Figure 4"
    assert item("szabo-t2").paper_number.startswith("CRISP 377.6")


def test_an_unknown_id_lists_those_that_look_alike():
    with pytest.raises(ValueError, match=r"item: expected .*ucar-f4.*got 'ucar-g4'"):
        item("ucar-g4")
    with pytest.raises(ValueError, match="item: expected the id"):
        item("@@@")
