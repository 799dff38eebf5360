"""Writing files: the old one or the new one, never a part."""

import errno
import fcntl
import json
import stat

import pytest
import torch

from inverse_graphics.files import atomic_write, packed, sha256, unpacked, write_json, write_text


def test_a_write_that_fails_in_the_middle_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "figure.png"
    target.write_text("old")
    with pytest.raises(OSError, match="disk full"), atomic_write(target) as temporary:
        temporary.write_text("half of the n")
        raise OSError("disk full")
    assert target.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["figure.png"]


def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    target = tmp_path / "a.png"
    left, of_another = tmp_path / ".a.abcdefgh.part.png", tmp_path / ".a.b.abcdefgh.part.png"
    for file in (left, of_another):
        file.write_text("half")
    with atomic_write(target) as slow:
        slow.write_text("slow")
        write_text(target, "quick")
        assert slow.exists() and not left.exists() and of_another.exists()
    assert target.read_text() == "slow"
    assert sorted(tmp_path.iterdir()) == [of_another, target]


def test_where_files_cannot_be_locked_they_are_written_and_nothing_is_removed(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    left = tmp_path / ".a.abcdefgh.part.png"
    left.write_text("half")
    write_text(tmp_path / "a.png", "whole")
    assert sorted(tmp_path.iterdir()) == [left, tmp_path / "a.png"]


def test_a_write_makes_folders_keeps_the_suffix_and_is_readable_by_others(tmp_path):
    target = tmp_path / "a" / "b.csv"
    with atomic_write(target) as temporary:
        assert temporary.suffix == ".csv"
        temporary.write_text("new")
    assert target.read_text() == "new"
    assert target.stat().st_mode & stat.S_IRUSR
    (tmp_path / "plain").write_text("")
    assert target.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_json_is_written_as_it_is_read_and_nan_is_refused(tmp_path):
    write_json(tmp_path / "x.json", {"b": 1, "a": "μ"})
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"b": 1, "a": "μ"}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "y.json", float("nan"))
    assert not (tmp_path / "y.json").exists()


def test_sha256_is_the_known_one(tmp_path):
    write_text(tmp_path / "abc", "abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_packed_values_come_back_and_take_no_more_room_than_they_are_said_to():
    values = torch.zeros(3, 1000, dtype=torch.uint8)
    values[1, 5:9] = 200
    stream = packed(values)
    assert len(stream) < 100 and torch.equal(unpacked(stream, (3, 1000)), values)
    for shape in ((2, 1000), (3, 1001)):
        with pytest.raises(ValueError, match="stream: expected"):
            unpacked(stream, shape)
    with pytest.raises(ValueError, match="stream"):
        unpacked(stream[5:], (3, 1000))
