"""Growth, rotations, mirror images, edits and splits of polycubes, against the slow way and closed forms."""

import itertools

import numpy as np
import pytest
import torch

from inverse_graphics.datasets.polycubes import (
    REFLECTIONS,
    ROTATIONS,
    SIZES,
    SPLITS,
    cube_counts,
    decode,
    draw_polycubes,
    grow,
    is_chiral,
    keys,
    mirrored,
    one_bend_edits,
    pad,
    split_numbers,
    stream,
)
from support.naive_polycubes import same_object

BAR = torch.tensor([[0, 0, 0], [1, 0, 0], [2, 0, 0]])
# An arm, then one to the side, then one up: the smallest chiral snakes have four cubes.
LEFT = torch.tensor([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]])
RIGHT = torch.tensor([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, -1]])


@pytest.fixture(scope="module")
def snakes():
    return draw_polycubes(120)


def test_the_symmetries_are_the_rotations_and_reflections_of_the_cube():
    for group, sign in ((ROTATIONS, 1), (REFLECTIONS, -1)):
        assert len({tuple(matrix.flatten().tolist()) for matrix in group}) == 24
        assert torch.equal(group @ group.mT, torch.eye(3, dtype=torch.int64).expand(24, 3, 3))
        assert torch.allclose(torch.linalg.det(group.double()), torch.tensor(float(sign)).double())
    assert torch.equal(ROTATIONS[0], torch.eye(3, dtype=torch.int64))


@pytest.mark.parametrize(("length", "side"), SIZES)
def test_snakes_are_self_avoiding_paths_inside_their_grid(length, side):
    cells = grow(np.random.default_rng(0), length, side, 300)
    assert cells.shape == (300, length, 3) and cells.min() == 0 and cells.max() == side - 1
    assert (cells.diff(dim=1).abs().sum(2) == 1).all()
    assert (cube_counts(cells) == length).all()


def test_runs_and_extents_are_those_of_the_published_rule():
    """open_questions.md, section 6, emulated there: longest extents 4.8, 4.9, 5.6 and 6.6 cells."""
    for (length, side), extent in zip(SIZES, (4.8, 4.9, 5.6, 6.6), strict=True):
        cells = grow(np.random.default_rng(1), length, side, 2000)
        longest = (cells.amax(1) - cells.amin(1) + 1).amax(1).float()
        assert longest.mean().item() == pytest.approx(extent, abs=0.1)
        steps = cells.diff(dim=1)
        runs = 1 + (steps[:, 1:] != steps[:, :-1]).any(2).sum(1)
        assert 3.9 < runs.float().mean() < 5


def test_keys_agree_with_trying_all_rotations(snakes):
    short = torch.cat((LEFT[None], RIGHT[None], draw_polycubes(8)[:, :4]))
    names = keys(short)
    for i, j in itertools.combinations(range(len(short)), 2):
        assert torch.equal(names[i], names[j]) == same_object(short[i].numpy(), short[j].numpy())


def test_a_key_is_the_same_under_all_rotations_shifts_orders_and_repeats(snakes):
    turned = torch.einsum("rij,bnj->rbni", ROTATIONS, snakes) + torch.tensor([5, -3, 1])
    assert (keys(turned.flatten(0, 1)).view(24, -1, 3) == keys(snakes)).all()
    assert torch.equal(keys(snakes.flip(1)), keys(snakes))
    assert torch.equal(keys(pad(LEFT[None])), keys(LEFT[None]))
    assert torch.equal(keys(decode(keys(snakes))), keys(snakes))
    assert torch.equal(cube_counts(decode(keys(snakes))), cube_counts(snakes))


def test_reflections_give_the_mirror_image_and_chirality_tells_it_apart(snakes):
    turned = torch.einsum("rij,bnj->rbni", REFLECTIONS, snakes)
    assert (keys(turned.flatten(0, 1)).view(24, -1, 3) == keys(mirrored(snakes))).all()
    assert torch.equal(keys(mirrored(LEFT[None])), keys(RIGHT[None]))
    assert is_chiral(LEFT[None]).all() and not is_chiral(BAR[None]).any()
    chiral = is_chiral(snakes)
    for one, mirror, told in zip(snakes[:20].numpy(), mirrored(snakes[:20]).numpy(), chiral, strict=False):
        assert told == (not same_object(one, mirror))
    assert 0.5 < chiral.float().mean() < 1


def test_edits_change_one_bend_and_nothing_else(snakes):
    edits, valid = one_bend_edits(snakes)
    assert edits.shape == (120, 5 * 13, 15, 3) and valid.any(1).all()
    counts = cube_counts(snakes)
    before = snakes.diff(dim=1)
    runs = (before[:, 1:] != before[:, :-1]).any(2).sum(1)
    for one, marked, count, bends in zip(edits, valid, counts, runs, strict=True):
        good = one[marked]
        assert (cube_counts(good) == count).all() and good.min() == 0
        assert good.max() < dict(SIZES)[int(count)]
        steps = good.diff(dim=1)
        assert (steps.abs().sum(2)[:, : count - 1] == 1).all() and (steps[:, count - 1 :] == 0).all()
        assert ((steps[:, 1:] != steps[:, :-1]).any(2).sum(1) - bends).abs().max() <= 1  # a turn by 180° may go on


def test_edits_of_an_elbow_by_hand():
    elbow = torch.tensor([[[0, 0, 0], [1, 0, 0], [2, 0, 0], [2, 1, 0]]])
    edits, valid = one_bend_edits(elbow)
    names = {tuple(name) for name in keys(edits[valid]).tolist()}
    # Turned about its long arm it is the same; with the bend one back it has arms of two and three: itself again.
    assert names == {tuple(keys(elbow)[0].tolist())} and valid.sum() == 4


def test_no_object_twice_and_more_begin_with_the_same(snakes):
    names = [tuple(name) for name in keys(draw_polycubes(1500)).tolist()]
    assert len(set(names)) == 1500
    assert torch.equal(draw_polycubes(30), snakes[:30])
    assert not torch.equal(draw_polycubes(30, seed=1), snakes[:30])
    assert sorted(set(cube_counts(snakes).tolist())) == [11, 13, 14, 15]


def test_snakes_are_the_same_on_any_machine():
    assert draw_polycubes(3, seed=5, split="test").sum(1).tolist() == [[30, 31, 18], [30, 27, 21], [0, 36, 22]]


def test_splits_share_no_object_not_even_a_mirror_image_whatever_the_seed():
    found = {}
    for split, seed in zip(SPLITS, (0, 1, 2), strict=True):
        cells = draw_polycubes(600, seed=seed, split=split)
        found[split] = {tuple(name) for name in torch.cat((keys(cells), keys(mirrored(cells)))).tolist()}
    for one, other in itertools.combinations(found.values(), 2):
        assert not one & other
    cells = torch.cat([pad(grow(np.random.default_rng(0), length, side, 500)) for length, side in SIZES])
    shares = torch.bincount(split_numbers(keys(cells.unique(dim=0))), minlength=4) / len(cells)
    assert ((shares - 0.25).abs() < 0.05).all()


def test_what_cannot_be_is_named():
    with pytest.raises(ValueError, match="split: expected one of test, train, validation; got 'val'"):
        next(stream(0, "val"))
    with pytest.raises(ValueError, match="seed: expected a whole number"):
        next(stream(-1, "train"))
    with pytest.raises(ValueError, match="count: expected a whole number, 1 or more; got 0"):
        draw_polycubes(0)
    with pytest.raises(ValueError, match="cells: expected whole coordinates of at most 15 cubes, got 16"):
        keys(torch.zeros(1, 16, 3, dtype=torch.int64))
    with pytest.raises(ValueError, match="cells: expected objects at most 16 cells wide, got 21"):
        keys(torch.tensor([[[0, 0, 0], [20, 0, 0]]]))
    with pytest.raises(ValueError, match="length, side, count"):
        grow(np.random.default_rng(0), 1, 5, 3)
