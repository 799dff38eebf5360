"""Accuracy with ties, floors and oracles of 3D-IQTT on questions whose answer is known in advance."""

import pytest
import torch

from inverse_graphics.datasets.iqtt import make_questions
from inverse_graphics.datasets.polycubes import mirrored
from inverse_graphics.metrics.iqtt import (
    CHANCE,
    accuracy,
    against_near_misses,
    colour_histogram,
    floors_and_oracles,
    margins,
    same_shape,
    silhouette_area,
)


def test_accuracy_counts_right_answers_with_its_standard_error():
    scores = torch.tensor([[0.9, 0.1, 0.2], [0.0, 1.0, 0.5], [3.0, 2.0, 1.0], [0.0, 0.0, 1.0]])
    result = accuracy(scores, torch.tensor([0, 1, 2, 2]))
    assert result.share == 0.75 and result.count == 4
    assert result.error == pytest.approx((0.75 * 0.25 / 4) ** 0.5)
    assert str(result) == "75.0 ± 21.7 %, n = 4"


def test_ties_count_what_drawing_among_them_gives():
    scores = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    assert accuracy(scores, torch.tensor([0, 2, 1])).share == pytest.approx((1 / 2 + 0 + 1 / 3) / 3)
    assert accuracy(torch.zeros(50, 3), torch.arange(50) % 3).share == pytest.approx(CHANCE)
    assert margins(scores).tolist() == [0, 0, 0] and margins(torch.tensor([[0.2, 1.0, 0.5]])).tolist() == [0.5]


@pytest.mark.parametrize(
    ("scores", "answers", "message"),
    [
        (torch.zeros(2, 4), torch.zeros(2).long(), "scores: expected shape"),
        (torch.zeros(2, 3), torch.zeros(3).long(), "answers: expected shape"),
        (torch.full((2, 3), torch.nan), torch.zeros(2).long(), "scores: expected finite"),
        (torch.zeros(2, 3), torch.tensor([0, 3]), "answers: expected values in"),
    ],
)
def test_what_is_no_score_is_refused(scores, answers, message):
    with pytest.raises(ValueError, match=message):
        accuracy(scores, answers)


def test_silhouette_area_takes_the_answer_of_the_same_area():
    pictures = torch.full((1, 4, 3, 20, 20), 0.03)
    for number, side in enumerate((6, 12, 7, 3)):
        pictures[0, number, 1, 5 : 5 + side, 5 : 5 + side] = 0.5 + 0.1 * number
    scores = silhouette_area(pictures)
    assert scores.argmax() == 1 and scores[0, 1].item() == pytest.approx(-(49 - 36) / 400)
    assert torch.allclose(silhouette_area(pictures + 0.1), scores)  # whatever the background


def test_colour_histogram_takes_the_answer_of_the_same_colours():
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(1, 4, 3, 16, 16, generator=generator)
    pictures[0, 2] = pictures[0, 0].flip(1)
    pictures[0, 1], pictures[0, 3] = 0, 1
    scores = colour_histogram(pictures)
    assert scores.argmax() == 1 and scores[0, 1] == 0
    assert torch.allclose(scores[0, [0, 2]], torch.tensor(-2.0), atol=0.05)


def test_pictures_of_another_shape_are_refused():
    for wrong in (torch.zeros(2, 3, 3, 8, 8), torch.zeros(2, 4, 8, 8), None):
        with pytest.raises(ValueError, match=r"pictures: expected shape \(N, 4, 3, H, W\)"):
            silhouette_area(wrong)


def test_floors_and_oracles_on_both_modes(workspace):
    """Cube counts help in `paper` mode only; the true shape always; no floor is perfect."""
    for mode, lowest, highest in (("paper", 0.6, 0.9), ("hard", CHANCE, CHANCE)):
        questions = make_questions(mode, 200, size=24)
        found = floors_and_oracles(questions)
        assert {row.count for row in found.values()} == {200}
        assert found["chance"].share == pytest.approx(CHANCE)
        assert found["oracle: true shape, unknown rotation"].share == 1
        assert lowest - 1e-6 <= found["oracle: number of cubes"].share <= highest + 1e-6
        for floor in (silhouette_area, colour_histogram):
            name = f"floor: {floor.__name__.replace('_', ' ')}"
            assert found[name] == accuracy(floor(questions.all_pictures() / 255), questions.answers)
            assert 0.2 < found[name].share < 0.65


def test_near_misses_are_told_apart_one_by_one():
    questions = make_questions("hard", 40, split="test", size=8)
    objects, right = questions.truth.objects, questions.answers
    known = torch.zeros(40, 3).scatter_(1, right[:, None], 1.0)
    found = against_near_misses(known, objects)
    assert found["mirror image"].share == found["edit"].share == 1
    assert found["mirror image"].count + found["edit"].count == 80 and found["mirror image"].count <= 40
    blind = against_near_misses(torch.zeros(40, 3), objects)
    assert blind["mirror image"].share == blind["edit"].share == 0.5
    mirrors = torch.cat((mirrored(objects[:, :1].flatten(0, 1).long())[:, None], objects[:, 1:].long()), 1)
    blind_to_hands = against_near_misses(torch.maximum(known, same_shape(mirrors)), objects)
    assert blind_to_hands["mirror image"].share == 0.5 and blind_to_hands["edit"].share == 1
    with pytest.raises(ValueError, match="objects: expected one answer"):
        against_near_misses(known, objects[:, [0, 0, 0, 0]])
