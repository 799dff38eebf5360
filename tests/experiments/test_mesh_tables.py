import copy
from types import SimpleNamespace

import pytest

from inverse_graphics.experiments.mesh_gan import PRIORS, VARIANTS
from inverse_graphics.experiments.mesh_tables import (
    PRINTED,
    are_right,
    frechet_table,
    order_verdict,
    prior_table,
    prior_verdict,
    seed_distances,
)


def once(distances):
    return {name: [value] for name, value in distances.items()}


def test_the_printed_order_is_the_paper_s_own():
    assert order_verdict(once(PRINTED)) == ("reproduced", "")


@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ({"crisp": 110.0}, "partly", "not so: CRISP is far worse than SOFT"),
        ({"full": 95.0}, "partly", "not so: FULL is better than SIZE"),
        ({"crisp": 1, "size": 101, "full": 200, "view": 9}, "not reproduced", "not so: CRISP"),
    ],
)
def test_what_breaks_the_order_is_named(changes, outcome, reason):
    found, why = order_verdict(once(PRINTED | changes))
    assert found == outcome and why.startswith(reason)


def test_what_holds_for_one_seed_of_two_does_not_hold():
    twice = {name: [value, value] for name, value in PRINTED.items()}
    assert order_verdict(twice) == ("reproduced", "")
    twice["full"] = [63.3, 95.0]
    assert order_verdict(twice) == ("partly", "not so: FULL is better than SIZE (1 of 2 seeds)")


def judged(distance):
    numbers = {"frechet": {"hog-colour": {"distance": distance, "between_halves": 0.5}}, "covered": 0.25}
    return SimpleNamespace(numbers=numbers, config={"dataset": "heads", "judged": 16})


def test_table_2_has_all_its_rows_and_the_spread_over_seeds():
    results = {name: [judged(3.0)] for name in VARIANTS} | {"full": [judged(2.0), judged(3.0), judged(4.0)]}
    table = frechet_table(results)
    assert list(table.index) == [name.upper() for name in PRINTED]
    assert table.loc["FULL", "hog-colour"] == "3.00 ± 1.00" and table.loc["FULL", "printed (Inception)"] == 63.3
    assert table.loc["CAR", "hog-colour"] == "3.00" and table.loc["FULL", "seeds"] == 3
    assert table.loc["CAR", "covers, %"] == "25.0"


def test_distances_are_of_features_that_all_have():
    lacking = judged(1.0)
    results = {"soft": [judged(1.0), judged(4.0)], "full": [lacking]}
    assert seed_distances(results) == {"hog-colour": {"soft": [1.0, 4.0], "full": [1.0]}}
    lacking.numbers["frechet"] = {}
    assert seed_distances(results) == {}


def likeness(correlation, inverted=0.0):
    return {"correlation": correlation, "spread": 0.1, "relief": 0.2, "inverted": inverted, "overlap": 0.8, "count": 9}


def test_right_shapes_are_correlated_and_hardly_ever_inverted():
    assert are_right(likeness(0.51, 0.04)) and not are_right(likeness(0.5, 0.04)) and not are_right(likeness(0.9, 0.05))


@pytest.fixture
def numbers():
    depth = {"generated": likeness(0.8), "floor": likeness(0.6), "ceiling": likeness(0.95)}
    found = {name: {"depth": copy.deepcopy(depth), "covered": 0.4, "truly_covered": 0.4} for name in PRIORS}
    found["one view"]["depth"]["generated"] = likeness(0.1, 0.5)
    found["still background"]["covered"] = 0.1
    return found


def test_priors_that_help_are_found(numbers):
    assert prior_verdict(numbers, [numbers["all"]]) == ("reproduced", "")
    table = prior_table({name: SimpleNamespace(numbers=found) for name, found in numbers.items()})
    assert list(table.index) == ["all priors", *list(PRIORS)[1:], "a ball (floor)", "other true heads (ceiling)"]
    assert table.loc["one view", "inverted, %"] == 50


def test_priors_that_do_not_help_are_found_out(numbers):
    numbers["still background"]["covered"] = 0.4
    outcome, reason = prior_verdict(numbers, [numbers["all"]])
    assert outcome == "partly" and "background" in reason and "photographs" not in reason
    inverted = {"depth": {"generated": likeness(0.1, 0.45)}}
    assert "photographs" in prior_verdict(numbers, [numbers["all"], inverted])[1]
    numbers["all"]["depth"]["generated"] = likeness(0.05, 0.4)
    assert prior_verdict(numbers, [numbers["all"]])[0] == "not reproduced"
