"""Results: saved, found, shipped, and refused when they are not what was recorded."""

import json
import shutil
from dataclasses import dataclass

import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.results import (
    MANIFEST,
    ResultError,
    config_from_fields,
    content_hash,
    find_result,
    load_result,
    result_name,
    save_result,
    ship_result,
    shortened,
)


@dataclass(frozen=True)
class Config:
    name: str = "tiny"
    rate: float = 0.1


@dataclass(frozen=True)
class Other(Config):
    pass


def save(config=Config()):
    return save_result(
        config,
        numbers={"mse": 0.25},
        provenance={"seed": 3, "data": {"name": "digits"}},
        history=[{"step": 1, "loss": 0.5}],
        weights={"w": torch.arange(3.0)},
        arrays={"z": torch.eye(2)},
    )


def test_a_result_is_found_as_it_was_saved(workspace):
    assert find_result(Config()) is None
    saved, found = save(), find_result(Config())
    assert found == saved
    assert found.numbers == {"mse": 0.25} and found.provenance["seed"] == 3 and found.history[0]["loss"] == 0.5
    assert found.origin == "trained on this machine"
    assert torch.equal(found.weights()["w"], torch.arange(3.0)) and torch.equal(found.arrays()["z"], torch.eye(2))


def test_other_settings_have_another_name(workspace):
    save()
    assert find_result(Config(rate=0.2)) is None
    assert content_hash(Config()) == content_hash(Config("tiny", 0.1)) != content_hash(Other())
    assert result_name(Config()).startswith("tiny-")


def test_an_unfinished_run_is_no_result(workspace):
    (save().folder / "result.json").unlink()
    assert find_result(Config()) is None


@pytest.mark.parametrize("damage", ["change", "remove"])
def test_a_changed_or_missing_file_is_refused(workspace, damage):
    file = save().folder / "weights.safetensors"
    file.write_bytes(file.read_bytes() + b"x") if damage == "change" else file.unlink()
    with pytest.raises(ResultError, match=r"weights.safetensors: .*Delete the folder .* train it anew"):
        find_result(Config())


def test_an_unreadable_result_is_refused(workspace):
    (save().folder / "result.json").write_text('{"config": {}')
    with pytest.raises(ResultError, match="not a readable result"):
        find_result(Config())


def test_a_shipped_result_is_used_where_none_was_made_here(workspace):
    name = save().name
    ship_result(name)
    assert find_result(Config()).origin == "trained on this machine"
    for file in (paths.RUNS / name).iterdir():
        file.unlink()
    found = find_result(Config())
    assert found.origin == "shipped with the repository" and found.numbers == {"mse": 0.25}
    assert find_result(Config(), shipped=False) is None


def test_a_shortened_history_has_the_means_of_the_whole_one():
    rows = [{"step": 5 * n + 5, "loss": n / 3} for n in range(99)] + [{"step": 498, "loss": 7.0}]  # the last is of 3
    found = shortened(rows)
    assert len(found) == 50 and [row["step"] for row in found] == [*range(10, 491, 10), 498]
    assert found[0] == {"step": 10, "loss": 0.16667} and found[-1]["loss"] == pytest.approx(
        (5 * 98 / 3 + 3 * 7) / 8, rel=1e-4
    )
    assert list(found[0]) == ["step", "loss"] and shortened(rows[:1]) == rows[:1] and shortened([]) == []


def test_weights_can_be_left_behind_or_all_tensors(workspace):
    name = save().name
    ship_result(name, weights=False)
    shutil.rmtree(paths.RUNS / name)
    found = find_result(Config())
    assert list(found.arrays()) == ["z"] and not (found.folder / "weights.safetensors").exists()
    with pytest.raises(ResultError, match="RETRAIN=1"):
        found.weights()
    folder = ship_result(save().name, weights=False, arrays=False)
    assert [file.name for file in folder.iterdir()] == ["result.json"]
    assert len(load_result(folder).history) == 1


def test_a_tampered_shipped_result_is_refused_and_the_message_says_how_to_rebuild_it(workspace):
    folder = ship_result(save().name)
    record = json.loads((folder / "result.json").read_text())
    record["numbers"]["mse"] = 0.001
    (folder / "result.json").write_text(json.dumps(record))
    with pytest.raises(ResultError, match=r"SHA-256 is not the recorded one.*RETRAIN=1"):
        load_result(folder)


def test_a_shipped_result_that_the_manifest_does_not_know_is_refused(workspace):
    folder = ship_result(save().name)
    (paths.CHECKPOINTS / MANIFEST).unlink()
    with pytest.raises(ResultError, match="refused"):
        load_result(folder)


def test_an_unfinished_result_cannot_be_shipped(workspace):
    with pytest.raises(ResultError, match="not a readable result"):
        ship_result("nothing-0000000000")
    assert not (paths.CHECKPOINTS / "nothing-0000000000").exists()


def test_an_unknown_config_field_lists_the_valid_ones():
    assert config_from_fields(Config, {"rate": 1.0}) == Config(rate=1.0)
    with pytest.raises(ValueError, match="Config: unknown field ratte; valid fields are name, rate"):
        config_from_fields(Config, {"ratte": 1.0})


def test_a_new_field_at_its_default_leaves_the_name_and_a_moved_default_is_noticed(workspace):
    @dataclass(frozen=True)
    class Later(Config):
        name: str = "tiny"
        extra: int = 7
        words: tuple[str, ...] = ()

    Later.__name__ = "Config"
    assert content_hash(Later()) == content_hash(Config()) != content_hash(Later(extra=8))
    saved = save()
    assert find_result(Later()) == saved

    @dataclass(frozen=True)
    class Moved(Config):
        rate: float = 0.5

    Moved.__name__ = "Config"
    assert content_hash(Moved()) == content_hash(Config())
    assert find_result(Moved()) is None
