import json
from pathlib import Path

import pytest
import torch

from inverse_graphics.files import write_tensors
from inverse_graphics.training.checkpoints import CheckpointError, load_checkpoint, save_checkpoint


def test_nested_state_comes_back_with_types_and_integer_keys(tmp_path):
    state = {
        "step": 7,
        "history": [{"step": 1, "loss": 0.1 + 0.2}],
        "optimizer": {"state": {0: {"exp_avg": torch.arange(3.0), "step": torch.tensor(5.0)}}, "groups": [None, True]},
    }
    save_checkpoint(tmp_path / "a.safetensors", state)
    back = load_checkpoint(tmp_path / "a.safetensors")
    assert back["step"] == 7 and back["history"] == state["history"]  # floats to the last bit
    assert torch.equal(back["optimizer"]["state"][0]["exp_avg"], torch.arange(3.0))
    assert back["optimizer"]["groups"] == [None, True]


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[:-20],
        lambda b: b[:-20] + bytes([b[-20] ^ 1]) + b[-19:],
        lambda b: b"",
        lambda b: b"no checkpoint" * 9,
    ],
)
def test_a_damaged_file_is_named(tmp_path, damage):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, {"weights": torch.zeros(100)})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError, match=r"a\.safetensors: not a readable checkpoint"):
        load_checkpoint(path)


def test_a_checkpoint_of_before_there_were_hashes_is_read(tmp_path):
    state = json.dumps({"dict": [["step", {"value": 3}], ["w", {"tensor": "/w"}]]})
    write_tensors(tmp_path / "old.safetensors", {"/w": torch.ones(2)}, {"state": state})
    assert load_checkpoint(tmp_path / "old.safetensors")["step"] == 3


def test_a_failed_write_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, {"step": 1})

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]
