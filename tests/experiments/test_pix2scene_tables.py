import pytest

from inverse_graphics.experiments.pix2scene_tables import PRINTED, layer_table, verdict


@pytest.fixture(scope="module")
def table():
    return layer_table()


def test_all_layers_agree_but_those_that_cannot(table):
    assert len(table) == sum(map(len, PRINTED.values())) == 21
    differing = table[~table["agrees"]]
    assert list(differing.index) == [("encoder (Table 4)", 6), ("statistics (Table 7)", 3)]
    assert table.loc[("encoder (Table 4)", 6), "ours"] == "1 × 1 × 256, kernel 4, stride 1"
    found, reason = verdict(table)
    assert found == "reproduced" and "log σ²" in reason


def test_a_difference_without_a_reason_is_told(table):
    broken = table.copy()
    broken.loc[("critic (Table 6)", 2), "agrees"] = False
    assert verdict(broken) == ("not reproduced", "3 of 21 layers differ")


def test_weights_are_counted(table):
    assert table.loc[("decoder (Table 5)", 1), "weights"] == (128 + 3) * 1344 * 16 + 1344
    assert (table["weights"] > 0).all()
