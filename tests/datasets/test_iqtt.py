"""Questions made here, the official file's layout, and folders of pictures, good and bad."""

import dataclasses
import math

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from inverse_graphics.datasets import iqtt
from inverse_graphics.datasets.images import DatasetError
from inverse_graphics.datasets.iqtt import (
    KNOBS,
    MODES,
    RANDOMISED,
    Look,
    OfficialQuestions,
    make_questions,
    read_question_folder,
)
from inverse_graphics.datasets.polycubes import SPLITS, cube_counts, is_chiral, keys, mirrored, split_numbers


@pytest.fixture(scope="module", params=MODES)
def questions(request):
    return make_questions(request.param, 150, split="test", size=16)


def names_of(questions):
    return keys(questions.truth.objects.flatten(0, 1)).view(-1, 4, 3)


def test_exactly_one_answer_is_the_reference_and_the_answers_tell_which(questions):
    names = names_of(questions)
    same = (names[:, 1:] == names[:, :1]).all(2)
    assert (same.sum(1) == 1).all() and torch.equal(same.long().argmax(1), questions.answers)
    wrong = names[:, 1:][~same].view(-1, 2, 3)
    assert (wrong[:, 0] != wrong[:, 1]).any(1).all()
    assert torch.bincount(questions.answers, minlength=3).min() > 30


def test_cameras_say_where_cubes_are_seen():
    """Every ray through the middle of a cube ends on the object."""
    questions = make_questions("paper", 30, size=64)
    cubes = questions.truth.objects.float()
    low, high = cubes.amin(2, keepdim=True), cubes.amax(2, keepdim=True)
    longest = (high - low).amax(-1, keepdim=True) + 1
    seen = (cubes - (low + high) / 2) / longest @ questions.cameras().mT  # x to the right, y up, z to the back
    depth = 1.2 - seen[..., 2]
    place = seen[..., :2] * torch.tensor([1.0, -1.0]) / depth[..., None] / math.tan(math.radians(30))
    inside = (place.abs() < 1).all(-1)  # near cubes may be cut off
    pixels = ((place + 1) / 2 * 64).long().clamp(0, 63)
    brightest = questions.pictures().amax(2).flatten(2)
    found = brightest.gather(2, pixels[..., 1] * 64 + pixels[..., 0])
    assert inside.float().mean() > 0.95 and (brightest > 0.12).float().mean() < 0.6
    assert (found[inside] > 0.12).float().mean() > 0.99


def test_all_objects_are_of_the_split_and_references_differ(questions):
    names = names_of(questions)
    assert (split_numbers(names.flatten(0, 1)) == SPLITS["test"][0]).all()
    assert len(names[:, 0].unique(dim=0)) == 150


def test_modes_differ_in_their_wrong_answers():
    paper, hard = (make_questions(mode, 100, size=16) for mode in MODES)
    counts = {q.mode: cube_counts(q.truth.objects.flatten(0, 1)).view(-1, 4) for q in (paper, hard)}
    assert (counts["paper"].amin(1) < counts["paper"].amax(1)).float().mean() > 0.8
    assert (counts["hard"].amin(1) == counts["hard"].amax(1)).all()
    reference = hard.truth.objects[:, 0]
    mirror = (names_of(hard)[:, 1:] == keys(mirrored(reference.long()))[:, None]).all(2)
    assert torch.equal(mirror.any(1), torch.ones(100).bool()) and (mirror.sum(1) == 1).all()
    right = mirror.gather(1, hard.answers[:, None])[:, 0]
    assert torch.equal(right, ~is_chiral(reference))  # only an achiral object is its own mirror image


def test_more_questions_begin_with_the_same_and_seeds_and_splits_differ():
    for mode in MODES:
        few, many = (make_questions(mode, count, seed=3, size=16) for count in (7, 120))
        assert torch.equal(few.truth.objects, many.truth.objects[:7]) and torch.equal(few.answers, many.answers[:7])
        assert torch.equal(few.pictures(), many.pictures(slice(0, 7)))
        other = make_questions(mode, 7, seed=4, size=16)
        assert not torch.equal(few.truth.objects, other.truth.objects)
        assert not torch.equal(few.draws, other.draws)


def test_questions_are_the_same_on_any_machine():
    found = {mode: make_questions(mode, 3, seed=1, size=16) for mode in MODES}
    assert {mode: q.answers.tolist() for mode, q in found.items()} == {"paper": [0, 2, 1], "hard": [1, 2, 1]}
    assert {mode: q.truth.objects.long().sum((2, 3)).tolist() for mode, q in found.items()} == {
        "paper": [[79, 79, 94, 135], [75, 87, 58, 75], [96, 78, 96, 114]],
        "hard": [[79, 52, 79, 52], [75, 55, 48, 75], [96, 56, 96, 48]],
    }
    assert {mode: round(q.truth.azimuth.sum().item(), 3) for mode, q in found.items()} == {
        "paper": 34.649,
        "hard": 30.165,
    }


def test_objects_occur_again_where_there_are_not_enough(monkeypatch):
    monkeypatch.setattr(iqtt, "MOST_OBJECTS", 100)
    questions = make_questions("paper", 150, size=16)
    assert torch.equal(names_of(questions)[:50, 0], names_of(questions)[100:, 0])
    assert not torch.equal(questions.draws[:50], questions.draws[100:])


def test_pictures_come_in_parts_or_whole(questions, data_folder, monkeypatch):
    whole = questions.all_pictures()
    assert whole.shape == (150, 4, 3, 16, 16) and whole.dtype == torch.uint8
    parts = torch.cat(list(questions.batches(64)))
    assert (parts.mul(255).round() - whole).abs().max() <= 1
    chosen = questions.pictures(torch.tensor([5, 149]))
    assert torch.allclose(chosen, parts[[5, 149]], atol=1e-5)
    assert 0.02 < parts.mean() < 0.3 and parts.max() <= 1
    monkeypatch.setattr(type(questions), "pictures", None)  # rendering would fail
    assert torch.equal(questions.all_pictures(), whole)
    with pytest.raises(TypeError):
        dataclasses.replace(questions, look=RANDOMISED).all_pictures()


def test_pictures_that_do_not_fit_are_refused(questions, monkeypatch):
    monkeypatch.setattr(iqtt, "most_bytes", lambda: 4 << 30)
    huge = dataclasses.replace(questions, size=4096)
    with pytest.raises(ValueError, match=r"size: 150 questions of 4096×4096 pixels take 28\.1 GiB of at most 4\.0 GiB"):
        huge.all_pictures()


@pytest.mark.parametrize("knob", KNOBS)
def test_each_knob_changes_the_pictures_and_can_be_switched_off(knob):
    questions = make_questions("paper", 3, seed=2, size=24)
    plain = questions.pictures()
    only = dataclasses.replace(questions, look=Look(**{knob: getattr(RANDOMISED, knob)}))
    assert (only.pictures() - plain).abs().max() > 2e-3
    off = dataclasses.replace(questions, look=only.look.without(knob))
    assert torch.equal(off.pictures(), plain)


def test_a_random_look_keeps_questions_and_range():
    plain, random = (make_questions("paper", 20, size=24, look=look) for look in (Look(), RANDOMISED))
    assert torch.equal(plain.answers, random.answers) and torch.equal(plain.truth.objects, random.truth.objects)
    pictures = random.pictures()
    assert torch.isfinite(pictures).all() and pictures.min() >= 0 and pictures.max() <= 1
    assert torch.equal(pictures, random.pictures())


def test_the_published_look_is_the_official_pictures():
    """Where an official picture was looked at: background (7, 7, 5) of 255, brighter towards the rim."""
    pictures = make_questions("paper", 30, size=32).pictures().flatten(0, 1) * 255
    background = pictures[..., 0].permute(1, 0, 2).flatten(1).median(1).values
    assert ((background - torch.tensor([7.0, 7.0, 5.0])).abs() < 1).all()
    assert 0.15 < (pictures.amax(1) > 15).float().mean() < 0.35


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "easy"}, "mode: expected one of hard, paper"),
        ({"count": 0}, "count: expected a whole number, 1 or more; got 0"),
        ({"size": 4}, "size: expected a whole number, 8 to 512; got 4"),
        ({"seed": 0.5}, "seed: expected a whole number"),
        ({"split": "val"}, "split: expected one of"),
        ({"look": None}, "look: expected a Look"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_questions(**({"mode": "paper", "count": 2} | arguments))
    with pytest.raises(ValueError, match="knobs: expected one of"):
        Look().without("colour")


# The official release


@pytest.fixture
def release(tmp_path):
    """A train file in the official layout, smaller."""
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "3diqtt-v2-train.h5", "w") as file:
        file["labeled/questions"] = rng.random((5, 4, 128, 128, 3), dtype=np.float32)
        file["labeled/answers"] = np.array([0, 1, 2, 2, 0])
        file["unlabeled/questions"] = rng.random((2, 4, 128, 128, 3), dtype=np.float32)
    return tmp_path / "3diqtt-v2-train.h5"


def test_the_official_file_is_read_a_slice_at_a_time(release):
    with OfficialQuestions(release, "labeled") as labelled, h5py.File(release) as file:
        assert len(labelled) == 5 and labelled.answers.tolist() == [0, 1, 2, 2, 0]
        pictures = labelled.pictures(1, 3)
        assert pictures.shape == (2, 4, 3, 128, 128) and pictures.dtype == torch.float32
        np.testing.assert_array_equal(pictures[0, 3, 2], file["labeled/questions"][1, 3, :, :, 2])
    with OfficialQuestions(release, "unlabeled") as unlabelled:
        assert len(unlabelled) == 2 and unlabelled.answers is None


def write(file, questions, answers=None):
    with h5py.File(file, "w") as target:
        target["questions"] = questions
        if answers is not None:
            target["answers"] = answers
    return file


def test_a_bad_official_file_gets_one_line(release, tmp_path):
    def message(*arguments):
        with pytest.raises(DatasetError) as caught:
            OfficialQuestions(*arguments)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    good = np.zeros((2, 4, 8, 8, 3), np.float32)
    found = "labeled, labeled/answers, labeled/questions"
    assert message(release).startswith(f"3diqtt-v2-train.h5: expected a dataset `questions`, found {found}")
    assert message(tmp_path / "no.h5") == "no.h5: no such file"
    (tmp_path / "text.h5").write_text("no")
    assert message(tmp_path / "text.h5").startswith("text.h5: not an HDF5 file")
    assert "expected floating `questions` of shape" in message(write(tmp_path / "a.h5", good[:, :3]))
    assert "question 1: expected an answer of 0, 1 or 2, got 3" in message(write(tmp_path / "b.h5", good, [0, 3]))
    assert "expected an answer to each of 2 questions" in message(write(tmp_path / "c.h5", good, [0]))
    good[1, 2, 0, 0, 0] = np.nan
    with OfficialQuestions(write(tmp_path / "d.h5", good)) as questions:
        assert questions.pictures(0, 1).shape == (1, 4, 3, 8, 8)
        with pytest.raises(DatasetError, match=r"d\.h5: question 1: expected values in \[0, 1\]"):
            questions.pictures(0, 2)


# Folders


def fill(folder, name, size=(20, 30), mode="RGB", parts=("q", "a0", "a1", "a2")):
    for number, part in enumerate(parts):
        Image.new("RGB", size, (number * 10, 100, 200)).convert(mode).save(folder / f"{name}-{part}.png")


def test_a_folder_of_questions_is_read_in_the_order_of_their_numbers(tmp_path):
    for name, size in (("10", (20, 30)), ("2", (128, 128)), ("tutorial", (9, 9))):
        fill(tmp_path, name, size)
    fill(tmp_path, "3", mode="L")
    (tmp_path / "_correct.csv").write_text("not a picture")
    questions, problems = read_question_folder(tmp_path)
    assert problems == [] and [one.name for one in questions] == ["2", "3", "10", "tutorial"]
    assert [tuple(one.pictures.shape) for one in questions][::2] == [(4, 3, 128, 128), (4, 3, 30, 20)]
    np.testing.assert_allclose(questions[0].pictures[2, :, 0, 0] * 255, [20, 100, 200], atol=1e-3)
    assert (questions[1].pictures[:, 0] == questions[1].pictures[:, 2]).all()


def test_what_is_transparent_lies_on_black_and_16_bits_are_scaled(tmp_path):
    fill(tmp_path, "1", (8, 8))
    Image.new("RGBA", (8, 8), (255, 255, 255, 0)).save(tmp_path / "1-a0.png")
    Image.fromarray(np.full((8, 8), 65535, np.uint16)).save(tmp_path / "1-a1.png")
    pictures = read_question_folder(tmp_path).questions[0].pictures
    assert (pictures[1] == 0).all() and (pictures[2] == 1).all()


def test_each_bad_question_gets_a_line_and_the_others_are_returned(tmp_path):
    for name in "1234567":
        fill(tmp_path, name)
    (tmp_path / "1-a1.png").unlink()
    fill(tmp_path, "2", parts=("a3",))
    Image.new("RGB", (31, 30)).save(tmp_path / "3-a2.png")
    (tmp_path / "4-a0.png").write_text("no picture")
    cut = (tmp_path / "5-q.png").read_bytes()
    (tmp_path / "5-q.png").write_bytes(cut[: len(cut) // 2])
    fill(tmp_path, "6", (4, 4))
    questions, problems = read_question_folder(tmp_path)
    assert [one.name for one in questions] == ["7"]
    assert problems[:3] == [
        "question 1: 1-a1.png missing",
        "question 2: expected a reference and three answers, found 2-a3.png besides",
        "question 3: 3-a2.png is 31×30, but 3-q.png is 20×30",
    ]
    assert problems[3].startswith("question 4: 4-a0.png is not a picture that can be read")
    assert problems[4].startswith("question 5: 5-q.png is not a picture that can be read")
    assert problems[5] == "question 6: 6-q.png has 4×4 pixels"
    assert not any("\n" in line for line in problems)


def test_a_folder_without_questions_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"no picture of a question in it; expected N-q\.png"):
        read_question_folder(tmp_path)
    with pytest.raises(DatasetError, match="no such folder"):
        read_question_folder(tmp_path / "nowhere")
