"""Readers of files over bytes that nobody wrote so: what is documented comes out, or the documented error in one line.

`damaged` makes good files bad: a part of the file is overwritten, cut out, repeated or missing at the end, or all of it
is noise.
"""

import gzip
import io
import json
import re
import struct
import zipfile

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save

from inverse_graphics.datasets import DatasetError, modelnet
from inverse_graphics.datasets.block_cache import load_block
from inverse_graphics.datasets.digits import read_idx
from inverse_graphics.datasets.faces import read_photographs
from inverse_graphics.datasets.iqtt import OfficialQuestions, read_question_folder
from inverse_graphics.export import load_mesh, save_mesh
from inverse_graphics.files import sha256, tensors_digest
from inverse_graphics.geometry.meshes import Mesh
from inverse_graphics.results import ResultError, load_result
from inverse_graphics.training.checkpoints import CheckpointError, load_checkpoint, save_checkpoint
from support.fuzzing import FEW

NOISE = st.one_of(
    st.binary(max_size=8), st.sampled_from((b"\xff" * 4, b"\xff" * 8, b"\0" * 8, b"-1", b"9" * 9, b"nan", b"\n"))
)
FAULTS = ("over", "cut", "twice", "end", "noise")
DAMAGE = st.tuples(  # which of some good files, and what goes wrong with it: what, where, how much
    st.integers(0, 99),
    st.lists(st.tuples(st.sampled_from(FAULTS), st.integers(0, 9999), st.integers(1, 40), NOISE), max_size=2),
)


def damaged(files, damage):
    """The bytes of one of the files, some of them wrong."""
    number, faults = damage
    data = files[number % len(files)]
    for fault, where, length, noise in faults:
        place = where % (len(data) + 1)
        if fault == "over":
            data = data[:place] + noise + data[place + len(noise) :]
        elif fault == "cut":
            data = data[:place] + data[place + length :]
        elif fault == "twice":
            data = data[:place] + data[max(0, place - length) :]
        elif fault == "end":
            data = data[:place]
        else:
            data = noise * length
    return data


def one_line(error):
    assert str(error) and "\n" not in str(error)


# Digits


IMAGES = struct.pack(">4I", 0x803, 2, 28, 28) + bytes(range(196)) * 8
LABELS = struct.pack(">2I", 0x801, 2) + b"\3\7"


def test_idx_files(tmp_path):
    file = tmp_path / "images"

    @FEW
    @given(DAMAGE, st.sampled_from((1, 3)))
    def run(damage, axes):
        file.write_bytes(damaged((IMAGES, gzip.compress(IMAGES), LABELS, gzip.compress(LABELS)), damage))
        try:
            found = read_idx(file, axes=axes)
        except DatasetError as error:
            one_line(error)
        else:
            assert found.dtype == np.uint8 and found.shape[1:] == (28, 28)[: axes - 1] and len(found)

    run()


# ModelNet


BOX = b"OFF\n4 4 6\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n"
QUADS = b"OFF 4 2 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3\n3 0 1 2\n"
NUMBER = st.sampled_from(
    ("nan", "inf", "-1", "0", "3", "1e9", "1e300", "99999999999999999999", "x", "0x4", "#", "1e-9")
)


@FEW
@given(DAMAGE, st.lists(st.tuples(st.integers(0, 30), NUMBER), max_size=2))
def test_off_files(damage, numbers):
    words = damaged((BOX, QUADS), damage).split(b" ")
    for place, number in numbers:
        words[place % len(words)] = number.encode()
    try:
        mesh = modelnet.normalise_mesh(modelnet.parse_off(b" ".join(words)))
    except ValueError as error:
        one_line(error)
    else:
        assert np.isfinite(mesh.vertices).all() and len(mesh.faces)
        assert mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.vertices)


def voxel_file(header=None, extra=b""):
    grid = np.zeros((1, 1, 32, 32, 32), np.uint8)
    grid[..., 10:14, 10:14, 10:14] = 1
    file = io.BytesIO()
    np.save(file, grid)
    data = file.getvalue()
    if header is not None:
        text = header.encode("latin1").ljust(117) + b"\n"
        data = data[:8] + struct.pack("<H", len(text)) + text + data[128:]
    return data + extra


SHAPES = st.sampled_from(
    ("(1, 1, 32, 32, 32)", "(1, 1, 32, 32, 32", "(True, 1, 32, 32, 32)", "(10**9,)", "(" * 90, "()")
)
DESCRIPTIONS = st.sampled_from(
    ("'|u1'", "'<f8'", "'|O'", "[('a', 'u1')]", "'|V0'", "'>f2'", "'|b1'", "None", "'a' 'b'")
)
REST = st.sampled_from(("", ", 'more': 1", "\0", "'", '"""', "\\", "  \n 1"))
HEADERS = st.builds("{{'descr': {}, 'fortran_order': False, 'shape': {}{}}}".format, DESCRIPTIONS, SHAPES, REST)


def test_voxel_files(workspace):
    file = workspace / "data" / "modelnet10-voxels" / "chair.npy.gz"
    file.parent.mkdir()

    @FEW
    @given(st.one_of(DAMAGE, HEADERS), st.booleans())
    def run(how, packed):
        data = voxel_file(how) if isinstance(how, str) else damaged((voxel_file(), gzip.compress(voxel_file())), how)
        file.write_bytes(gzip.compress(data, 1) if packed else data)
        try:
            images, labels, _, truth = modelnet.read_voxels("train", torch.arange, ["chair"])
        except DatasetError as error:
            one_line(error)
        else:
            assert len(images) == len(labels) == 12 and truth.voxels.any()

    run()


def zipped(*methods):
    """An archive of a picture for each method of packing, under names of two data sets."""
    picture, file = io.BytesIO(), io.BytesIO()
    Image.fromarray(np.arange(144, dtype=np.uint8).reshape(12, 12)).save(picture, "PNG")
    with zipfile.ZipFile(file, "w") as archive:
        for number, method in enumerate(methods):
            archive.writestr(f"{number}.png", picture.getvalue(), method)
            archive.writestr(f"chair/train/chair_000{number}.off", BOX, method)
    return file.getvalue()


ARCHIVES = [
    zipped(method) for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
]


@st.composite
def spoilt_archives(draw):
    """Archives with a number of a header changed: method, flags, sizes, offset, or a byte of what is packed."""
    data = bytearray(draw(st.sampled_from(ARCHIVES)))
    headers = [match.start() for match in re.finditer(rb"PK\x01\x02", data)]
    packed = [match.end() + 26 for match in re.finditer(rb"PK\x03\x04", data)]
    for _ in range(draw(st.integers(1, 2))):
        base, reach = draw(st.sampled_from(((headers, 46), (packed, 70))))
        place = draw(st.sampled_from(base)) + draw(st.integers(4, reach))
        if place < len(data):
            data[place] = draw(st.sampled_from((0, 1, 8, 9, 12, 14, 95, 99, 255)))
    return bytes(data)


def test_archives_of_photographs(tmp_path):
    file = tmp_path / "photographs.zip"

    @FEW
    @given(st.one_of(DAMAGE.map(lambda damage: damaged(ARCHIVES, damage)), spoilt_archives()))
    def run(data):
        file.write_bytes(data)
        try:
            found = read_photographs(file, 8)
        except DatasetError as error:
            one_line(error)
        else:
            assert found.pixels.shape[1:] == (8, 8) and len(found.pixels) == len(found.names)

    run()


def test_archives_of_meshes(workspace):
    @FEW
    @given(st.one_of(DAMAGE.map(lambda damage: damaged(ARCHIVES, damage)), spoilt_archives()))
    def run(data):
        (workspace / "data" / "ModelNet40.zip").write_bytes(data)
        try:
            images, *_ = modelnet.read_modelnet40("silhouette", "train", lambda count: torch.arange(1), ["chair"])
        except DatasetError as error:
            one_line(error)
        else:
            assert images.shape == (1, 1, 28, 28) and images.min() >= 0 and images.max() <= 1

    run()


# Pictures


def picture(mode, kind, value):
    values = {"I": np.int32, "F": np.float32, "I;16": np.uint16}
    image = (
        Image.new("P", (9, 8)) if mode == "P" else Image.fromarray(np.full((8, 9), value, values.get(mode, np.uint8)))
    )
    file = io.BytesIO()
    (image if mode in ("P", *values) else image.convert(mode)).save(file, kind)
    return file.getvalue()


PICTURES = [
    *(picture(mode, "PNG", 200) for mode in ("L", "P", "RGB", "RGBA", "1", "I;16")),
    *(
        picture(mode, "TIFF", value)
        for mode in ("L", "CMYK", "F", "I")
        for value in (200, -5, np.nan)
        if value > 0 or mode == "F"
    ),
    *(picture("RGB", kind, 90) for kind in ("JPEG", "BMP", "WEBP", "PPM", "GIF")),
]


def test_folders_of_questions(tmp_path):
    @FEW
    @given(DAMAGE, st.sampled_from(range(len(PICTURES))))
    def run(damage, number):
        data, other = damaged(PICTURES, damage), PICTURES[number]
        for part, content in zip(("q", "a0", "a1", "a2"), (data, other, other, other), strict=True):
            (tmp_path / f"1-{part}.png").write_bytes(content)
        found = read_question_folder(tmp_path)
        assert len(found.questions) + len(found.problems) == 1
        for problem in found.problems:
            one_line(problem)
        for question in found.questions:
            assert question.pictures.min() >= 0 and question.pictures.max() <= 1

    run()


def questions_file(path, questions=None, answers=None):
    """An HDF5 file; None leaves a data set out."""
    with h5py.File(path, "w") as file:
        for name, values in (("questions", questions), ("answers", answers)):
            if isinstance(values, dict):
                file.create_dataset(name, **values)
            elif isinstance(values, str):
                file.create_group(name)
            elif values is not None:
                file[name] = values


GOOD = np.full((2, 4, 3, 3, 3), 0.5, np.float32)
QUESTIONS = st.sampled_from(
    (
        *(
            GOOD,
            GOOD,
            GOOD.astype(np.float16),
            GOOD.astype(np.float64) * 1e300,
            GOOD * np.nan,
            GOOD[:0],
            GOOD[:, :, :0],
        ),
        *(
            GOOD.astype(np.int8),
            GOOD[0],
            "group",
            None,
            {"shape": (1 << 40, 4, 9, 9, 3), "dtype": "f4", "chunks": True},
        ),
    )
)
ANSWERS = st.sampled_from(
    (
        *(np.array([0, 2]), np.array([[0], [2]]), np.array([0.0, 1.5]), np.array([0, 3]), np.array([0]), np.array(1)),
        *(np.array([b"0", b"1"]), np.zeros((2, 2)), "group", None, np.array([np.nan, 0.0]), np.array([0, 1], bool)),
        {"shape": (1 << 40,), "dtype": "i8", "chunks": True},
        {"shape": (2, 1 << 40), "dtype": "i1", "chunks": True},
        {"shape": (2,), "dtype": np.dtype([("a", "i4"), ("b", "f4")])},
        {"shape": (2,), "dtype": h5py.string_dtype()},
        {"shape": None, "dtype": "f4"},
    )
)


def read_official(file, stop=3):
    try:
        with OfficialQuestions(file) as questions:
            assert questions.answers is None or len(questions.answers) == len(questions)
            pictures = questions.pictures(0, stop)
            assert pictures.numel() and pictures.min() >= 0 and pictures.max() <= 1
    except DatasetError as error:
        one_line(error)


def test_official_questions_of_other_shapes(tmp_path):
    @FEW
    @given(QUESTIONS, ANSWERS)
    def run(questions, answers):
        questions_file(tmp_path / "x.h5", questions, answers)
        read_official(tmp_path / "x.h5")

    run()


def test_official_questions_that_are_damaged(tmp_path):
    questions_file(tmp_path / "good.h5", {"data": GOOD, "compression": "gzip"}, np.array([0, 2]))
    good = (tmp_path / "good.h5").read_bytes()

    @FEW
    @given(DAMAGE)
    def run(damage):
        (tmp_path / "x.h5").write_bytes(damaged([good], damage))
        read_official(tmp_path / "x.h5")

    run()


# What the project itself wrote


def tensors_file(metadata):
    return save({"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(3)}, metadata)


STATES = st.sampled_from(
    (
        *(
            "",
            "[]",
            "1",
            "{}",
            "null",
            '{"dict": 1}',
            '{"dict": [[[], {"value": 1}]]}',
            '{"list": [1]}',
            '{"tensor": "c"}',
        ),
        *('{"tensor": []}', '{"dict": [["a"]]}', '{"list": [{"tensor": "a"}]}', '{"dict": [["a", {"tensor": "a"}]]}'),
        *('{"list":[' * 1500, "[" * 2000, '{"value": NaN}'),
    )
)


def test_checkpoints(tmp_path):
    file = tmp_path / "x.safetensors"
    save_checkpoint(file, {"step": 3, "model": {"weight": torch.ones(2), 0: [torch.zeros(1), None]}})
    good = file.read_bytes()
    told = st.one_of(
        st.none(), st.builds(lambda state: {"state": state}, STATES), st.just({"sha256": "0"}), st.just({})
    )

    @FEW
    @given(st.one_of(DAMAGE.map(lambda damage: damaged([good], damage)), told.map(tensors_file)))
    def run(data):
        file.write_bytes(data)
        try:
            assert isinstance(load_checkpoint(file), dict)
        except CheckpointError as error:
            one_line(error)

    run()


def test_blocks_of_the_cache(tmp_path):
    file = tmp_path / "x.safetensors"
    block = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(3)}
    good = tensors_file({"sha256": tensors_digest(block)})
    others = [tensors_file(told) for told in (None, {}, {"sha256": "0"})]
    header = json.loads(good[8 : 8 + struct.unpack("<Q", good[:8])[0]])
    for name, value in (
        ("dtype", "F8_E8M0"),
        ("dtype", "C64"),
        ("shape", [0]),
        ("shape", [1 << 60]),
        ("shape", [6, -1]),
    ):
        text = json.dumps(header | {"a": header["a"] | {name: value}}).encode()
        others.append(struct.pack("<Q", len(text)) + text + good[-32:])

    @FEW
    @given(DAMAGE)
    def run(damage):
        file.write_bytes(damaged([good, *others], damage))
        found = load_block(file, ("a", "b"))
        if found is None:
            assert not file.exists()
        else:
            assert all(torch.equal(found[name], block[name]) for name in block)

    run()


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda parts: st.one_of(st.lists(parts, max_size=2), st.dictionaries(st.text(max_size=3), parts, max_size=2)),
    max_leaves=4,
)
NAMES = st.sampled_from(
    ("", ".", "..", "../x", "/", "a\0b", "a" * 300, "\ud800", "a\nb", "/dev/zero", "weights.safetensors")
)


def test_results(tmp_path):
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(tensors_file(None))
    good = {"config": {}, "numbers": {}, "provenance": {}, "history": [], "files": {weights.name: sha256(weights)}}
    files = st.one_of(JSON, st.dictionaries(NAMES, st.one_of(JSON, st.just(sha256(weights))), max_size=2))
    parts = st.one_of(
        st.dictionaries(st.sampled_from(tuple(good)), JSON, max_size=1), st.builds(lambda f: {"files": f}, files)
    )
    text = parts.map(lambda changed: json.dumps(good | changed).encode())

    @FEW
    @given(
        st.one_of(
            DAMAGE.map(lambda damage: damaged([json.dumps(good).encode()], damage)),
            text,
            JSON.map(json.dumps).map(str.encode),
            st.just(b"[" * 2000),
        )
    )
    def run(data):
        (tmp_path / "result.json").write_bytes(data)
        try:
            found = load_result(tmp_path)
        except ResultError as error:
            one_line(error)
        else:
            assert all(isinstance(part, dict) for part in (found.config, found.numbers, found.provenance))
            assert isinstance(found.history, list)

    run()


# Meshes


@pytest.mark.parametrize("suffix", [".glb", ".obj", ".ply", ".stl"])
def test_mesh_files(suffix, tmp_path):
    file = tmp_path / f"x{suffix}"
    corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    triangles = torch.tensor([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    good = []
    for mesh in (Mesh(corners, triangles), Mesh(corners, triangles, corners)):
        save_mesh(mesh, file)
        good.append(file.read_bytes())

    @FEW
    @given(DAMAGE)
    def run(damage):
        file.write_bytes(damaged(good, damage))
        try:
            mesh = load_mesh(file)
        except ValueError as error:
            one_line(error)
        else:
            assert mesh.vertices.isfinite().all() and len(mesh.faces) and mesh.faces.max() < len(mesh.vertices)

    run()
