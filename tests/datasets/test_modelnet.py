import gzip
import io
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch
import trimesh
from scipy.ndimage import binary_fill_holes, label

from inverse_graphics.datasets import modelnet
from inverse_graphics.datasets.images import DatasetError
from inverse_graphics.datasets.modelnet import (
    CATEGORIES,
    hollow_shells,
    parse_off,
    present_modelnet40,
    present_voxels,
    read_modelnet40,
    read_voxels,
    to_our_grid,
)


def off(mesh, header="OFF\n"):
    vertices = "\n".join(" ".join(map(str, vertex)) for vertex in mesh.vertices)
    faces = "\n".join("3 " + " ".join(map(str, face)) for face in mesh.faces)
    return f"{header}{len(mesh.vertices)} {len(mesh.faces)} 0\n{vertices}\n{faces}\n".encode()


def box(*extents):
    return trimesh.creation.box(extents)


GOOD = off(box(1, 2, 3))


def members(train=2, test=1):
    """A small ModelNet40: name → bytes."""
    return {
        f"ModelNet40/{category}/{split}/{category}_{number + 1:04d}.off": off(box(1 + number, 2, 3))
        for category in CATEGORIES
        for split, numbers in (("train", range(train)), ("test", range(train, train + test)))
        for number in numbers
    }


def write_zip(path, contents):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def write_folder(path, contents):
    for name, data in contents.items():
        file = path / name.removeprefix("ModelNet40/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


# Meshes


def test_absent_without_a_file(data_folder):
    assert not present_modelnet40("train") and not present_voxels("train")
    with pytest.raises(DatasetError, match=r"ModelNet40\.zip is not on this machine"):
        read_modelnet40("shaded", "train", torch.arange)


@pytest.mark.parametrize("place", ["ModelNet40.zip", "ModelNet40", "modelnet40"])
def test_reads_the_official_layouts(data_folder, place):
    (write_zip if place.endswith("zip") else write_folder)(data_folder / place, members())
    assert present_modelnet40("train") and present_modelnet40("test")
    totals = []
    images, labels, source, truth = read_modelnet40(
        "shaded", "train", lambda total: totals.append(total) or torch.arange(total)
    )
    assert totals == [6 * 2 * 12] and images.shape == (144, 1, 28, 28) and images.max() <= 1
    assert labels[::12].tolist() == [0, 1, 2, 3, 4, 5] * 2  # the categories in turn
    assert truth.voxels.shape == (12, 28, 28, 28)
    assert "ModelNet40" in source and "left out" not in source and str(data_folder) not in source
    assert len(read_modelnet40("silhouette", "test", torch.arange)[0]) == 6 * 12


def test_z_points_up_in_the_files_and_minus_y_to_the_front(data_folder):
    # A plate on the ground with a mast at its rear left corner, seen from the front, −y.
    plate, mast = box(2, 2, 0.2), box(0.3, 0.3, 2).apply_translation((-0.85, 0.85, 1))
    shape = trimesh.util.concatenate([plate, mast])
    write_folder(data_folder / "ModelNet40", {name: off(shape) for name in members()})
    images, _, _, truth = read_modelnet40("silhouette", "train", torch.arange)
    front, left = images[0, 0], images[9, 0]  # azimuths 0 and 270°: from −x the rear is to the left
    assert front[:12, :14].sum() > 10 and front[:12, 14:].sum() == 0
    assert left[:12, :14].sum() > 10 and left[:12, 14:].sum() == 0
    depth, _, width = torch.nonzero(truth.voxels[0, :, :12]).float().mean(0)
    assert depth > 14 and width < 14


def test_classes_restrict_and_keep_their_labels(data_folder):
    contents = {name: data for name, data in members().items() if "/cup/" in name or "/chair/" in name}
    write_zip(data_folder / "ModelNet40.zip", contents)
    assert not present_modelnet40("train") and present_modelnet40("train", ("chair", "cup"))
    labels = read_modelnet40("shaded", "train", torch.arange, ("chair", "cup"))[1]
    assert labels[::12].tolist() == [3, 5, 3, 5]
    with pytest.raises(DatasetError, match="no train objects of airplane, car, person, bowl"):
        read_modelnet40("shaded", "train", torch.arange)
    with pytest.raises(ValueError, match="classes"):
        read_modelnet40("shaded", "train", torch.arange, ("sofa",))


UNUSABLE = {
    "no faces": b"OFF\n3 0 0\n0 0 0\n1 0 0\n0 1 0\n",
    "no vertices": b"OFF\n0 0 0\n",
    "NaN": b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 nan 0\n3 0 1 2\n",
    "no extent": b"OFF\n3 1 0\n1 1 1\n1 1 1\n1 1 1\n3 0 1 2\n",
    "unreadable header": b"PLY\nformat ascii 1.0\n",
    "no header": b"3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n",
    "empty": b"",
    "words": b"OFF\n3 1 0\n0 0 zero\n1 0 0\n0 1 0\n3 0 1 2\n",
    "cut in the vertices": GOOD[:40],
    "cut in the faces": GOOD[:-8],
    "absurd counts": b"OFF\n99999999999 99999999999 0\n0 0 0\n",
    "infinite counts": b"OFF\ninf 1 0\n0 0 0\n",
    "negative counts": b"OFF\n-3 1 0\n0 0 0\n",
    "a face of no vertex": b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n",
    "a face of nothing": b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 nan\n",
    "binary": bytes(range(256)) * 4,
}


@pytest.mark.parametrize("damage", UNUSABLE)
def test_an_unusable_object_is_left_out_and_counted(data_folder, damage, capsys):
    contents = members()
    contents["ModelNet40/car/train/car_0001.off"] = UNUSABLE[damage]
    write_folder(data_folder / "ModelNet40", contents)
    wanted = torch.arange(12 * 3)  # airplane, car, person
    images, labels, source, truth = read_modelnet40("shaded", "train", lambda total: wanted)
    assert len(images) == 24 and labels[::12].tolist() == [0, 2] and len(truth.voxels) == 2
    assert source.endswith("; 1 unusable objects left out")
    lines = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert len(lines) == 1 and "car_0001.off: left out (" in lines[0]


def test_an_object_too_large_is_left_out(data_folder, monkeypatch):
    monkeypatch.setattr(modelnet, "MOST_BYTES", 1000)
    contents = members()
    contents["ModelNet40/car/train/car_0002.off"] += b" " * 2000
    write_zip(data_folder / "ModelNet40.zip", contents)
    assert "1 unusable" in read_modelnet40("shaded", "train", torch.arange, ("car",))[2]


def test_nothing_usable_is_an_error(data_folder):
    write_folder(data_folder / "ModelNet40", dict.fromkeys(members(), b"nonsense"))
    with pytest.raises(DatasetError, match="none of the 12 objects can be used"):
        read_modelnet40("shaded", "train", torch.arange)


def damaged_member(data):
    """Spoil the compressed bytes of a member and leave the list at the end alone."""
    start = data.index(b"bowl_0001.off") + 40
    return data[:start] + bytes(byte ^ 255 for byte in data[start : start + 30]) + data[start + 30 :]


@pytest.mark.parametrize(
    "spoil", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"<html>", damaged_member]
)
def test_a_damaged_archive_is_refused_by_name(data_folder, spoil):
    archive = data_folder / "ModelNet40.zip"
    write_zip(archive, members())
    archive.write_bytes(spoil(archive.read_bytes()))
    assert present_modelnet40("train")  # reading says what is wrong
    with pytest.raises(DatasetError, match="cannot be read, so it is not used") as error:
        read_modelnet40("shaded", "train", torch.arange)
    assert str(archive) in str(error.value)


def test_names_that_reach_out_of_the_archive_write_nothing(data_folder):
    contents = members() | {
        "../../ModelNet40/car/train/car_0666.off": off(box(1, 1, 1)),
        "/ModelNet40/car/train/car_0667.off": off(box(1, 1, 1)),
        "__MACOSX/ModelNet40/car/train/._car_0001.off": b"junk",
        "ModelNet40/car/train/": b"",
        "ModelNet40/README.txt": b"hello",
    }
    write_zip(data_folder / "ModelNet40.zip", contents)
    labels = read_modelnet40("shaded", "train", torch.arange, ("car",))[1]
    assert len(labels) == 4 * 12  # read as data, whatever they are called
    assert not list(data_folder.parent.rglob("*.off")) and not (data_folder.parent.parent / "ModelNet40").exists()


def test_changed_files_are_rendered_again(data_folder):
    write_folder(data_folder / "ModelNet40", members())
    before = read_modelnet40("shaded", "train", torch.arange, ("car",))[0]
    write_folder(data_folder / "ModelNet40", {"ModelNet40/car/train/car_0001.off": off(box(9, 1, 1))})
    assert not torch.equal(before, read_modelnet40("shaded", "train", torch.arange, ("car",))[0])


@pytest.mark.parametrize("header", ["OFF\n", "OFF", "OFF ", "\nOFF\r\n", "# a comment\nOFF # another\n"])
def test_off_headers(header):
    mesh = box(1, 2, 3)
    parsed = parse_off(off(mesh, header))
    assert np.allclose(parsed.vertices, mesh.vertices) and np.array_equal(parsed.faces, mesh.faces)


def test_polygons_become_fans():
    parsed = parse_off(b"OFF 5 2 0  0 0 0  1 0 0  1 1 0  0 1 0  0 0 1  4 0 1 2 3  3 0 1 4")
    assert parsed.faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 4]]
    with pytest.raises(ValueError, match="cut short"):
        parse_off(b"OFF 5 2 0  0 0 0  1 0 0  1 1 0  0 1 0  0 0 1  4 0 1 2 3  5 0 1 4")


# Voxels


def shell(low, high):
    grid = np.zeros((32, 32, 32), bool)
    grid[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    inner = tuple(slice(a + 1, b - 1) for a, b in zip(low, high, strict=True))
    grid[inner] = False
    return grid


def chair(width=12, back=28):
    """x across, y to the back, z up: a seat and a backrest behind it."""
    return shell((10, 6, 10), (10 + width, 24, 13)) | shell((10, 21, 10), (10 + width, 24, back))


def npy_gz(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return gzip.compress(stream.getvalue())


def write_voxels(folder, name, shapes):
    grids = np.stack(shapes)[:, None].astype(np.float64)
    (folder / "modelnet10-voxels").mkdir(exist_ok=True)
    file = folder / "modelnet10-voxels" / f"{name}.npy.gz"
    file.write_bytes(npy_gz(grids))
    return file


CHAIRS = [chair(width, back) for width in (8, 10, 12) for back in (22, 26, 30)]


@pytest.fixture
def voxel_files(data_folder):
    """Nine different chairs, one of them twice, and an empty one; nine screens."""
    screens = [shell((12, 4, 4), (15, 28, high)) for high in range(18, 27)]
    write_voxels(data_folder, "monitor", screens)
    return write_voxels(data_folder, "chair", [CHAIRS[0], np.zeros((32, 32, 32)), *CHAIRS])


def test_empty_grids_and_duplicates_are_dropped(voxel_files):
    assert present_voxels("train") and present_voxels("test")
    sizes = {}
    for split in ("train", "test"):
        images, labels, source, truth = read_voxels(split, torch.arange, ("chair",))
        sizes[split] = len(truth.voxels)
        assert len(images) == 12 * sizes[split] and not labels.any() and truth.voxels.flatten(1).any(1).all()
        assert f"{sizes[split]} chairs of this project's {split} split" in source
    assert sizes == {"train": 8, "test": 1}  # 12 % of nine


def test_the_splits_share_no_object(voxel_files):
    grids = [
        grid.numpy().tobytes() for split in ("train", "test") for grid in read_voxels(split, torch.arange)[3].voxels
    ]
    assert len(grids) == len(set(grids)) == 18


def test_classes_alternate_and_keep_their_labels(voxel_files):
    assert read_voxels("train", torch.arange)[1][::12].tolist() == [0, 1] * 8
    assert set(read_voxels("train", torch.arange, ("monitor",))[1].tolist()) == {1}
    with pytest.raises(ValueError, match="classes"):
        read_voxels("train", torch.arange, ("desk",))


def test_one_class_is_enough_for_itself(data_folder):
    write_voxels(data_folder, "chair", CHAIRS)
    assert not present_voxels("train") and present_voxels("train", ("chair",))
    with pytest.raises(DatasetError, match="monitor"):
        read_voxels("train", torch.arange)


def test_chairs_face_the_viewer_at_azimuth_zero(voxel_files):
    _, _, _, truth = read_voxels("train", torch.arange, ("chair",))
    for grid in truth.voxels:
        depth, row, _ = torch.nonzero(grid).T
        assert depth[row < row.float().quantile(0.2)].float().mean() > 14  # the backrest is at the far side


def test_pictures_are_crisp_silhouettes_of_the_voxels(voxel_files):
    images, _, _, truth = read_voxels("train", torch.arange)
    front = truth.azimuths == 0
    assert torch.equal(images[front][:, 0], truth.voxels[truth.objects[front]].any(1).float())
    grey = (images > 0.01) & (images < 0.99)
    assert grey.float().mean() < 0.1


def test_shells_are_filled_and_fit_every_view():
    grid = to_our_grid(chair().transpose(1, 2, 0)[:, ::-1])
    depth, _, width = np.nonzero(grid)
    assert np.hypot(depth - 13.5, width - 13.5).max() < 14
    assert label(grid, np.ones((3, 3, 3)))[1] == 1 and (binary_fill_holes(grid) == grid).all()
    assert to_our_grid(shell((0, 0, 0), (32, 32, 32)))[14, 14, 14]


def test_hollow_shells_are_what_was_filled(voxel_files):
    _, _, _, truth = read_voxels("train", torch.arange)
    hollow = hollow_shells(truth.voxels)
    assert hollow.shape == truth.voxels.shape and (hollow & ~truth.voxels).sum() == 0
    for shape, filled in zip(hollow.numpy(), truth.voxels.numpy(), strict=True):
        assert shape.sum() < filled.sum() and (binary_fill_holes(shape) == filled).all()
    with pytest.raises(ValueError, match="voxels: expected grids of modelnet10_voxels, got 1 of 16 that are not"):
        hollow_shells(torch.cat((truth.voxels[1:], ~truth.voxels[:1])))


def test_a_thin_leg_stays_whole_when_shrunk():
    grid = np.zeros((32, 32, 32), bool)
    grid[5, :, 9] = grid[30, :, 28] = True
    small = to_our_grid(grid)
    rows = np.flatnonzero(small.any((0, 2)))
    assert len(rows) == rows[-1] - rows[0] + 1 and (small.sum((0, 2))[rows] == 2).all()


def test_a_single_cell_is_kept():
    grid = np.zeros((32, 32, 32), bool)
    grid[3, 4, 5] = True
    assert to_our_grid(grid).sum() == 1


BAD_ARRAYS = {
    "wrong side": (np.zeros((2, 1, 30, 30, 30)), "expected shape"),
    "no channel": (np.zeros((2, 32, 32, 32)), "expected shape"),
    "no grids": (np.zeros((0, 1, 32, 32, 32)), "expected shape"),
    "complex": (np.zeros((1, 1, 32, 32, 32), complex), "expected numbers"),
    "column major": (np.asfortranarray(np.zeros((2, 1, 32, 32, 32))), "C order"),
    "grey values": (np.full((1, 1, 32, 32, 32), 0.5), "beside 0 and 1"),
    "NaN": (np.full((1, 1, 32, 32, 32), np.nan), "beside 0 and 1"),
}


@pytest.mark.parametrize("damage", BAD_ARRAYS)
def test_arrays_of_another_kind_are_refused_by_name(voxel_files, damage):
    array, message = BAD_ARRAYS[damage]
    voxel_files.write_bytes(npy_gz(array))
    with pytest.raises(DatasetError, match=message) as error:
        read_voxels("train", torch.arange)
    assert str(voxel_files) in str(error.value)


def test_pickled_objects_are_never_unpacked(voxel_files, tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": (1, 1, 32, 32, 32)})
    stream.write(b"cos\ngetcwd\n(tR.")  # what a reader that unpickles would call
    voxel_files.write_bytes(gzip.compress(stream.getvalue()))
    with pytest.raises(DatasetError, match="expected numbers"):
        read_voxels("train", torch.arange)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-30],
        lambda data: b"",
        lambda data: b"not gzip at all",
        lambda data: gzip.compress(b"not npy at all"),
        lambda data: gzip.compress(gzip.decompress(data)[:-8]),
        lambda data: gzip.compress(gzip.decompress(data) + b"\0"),
        lambda data: data[:200] + bytes(byte ^ 255 for byte in data[200:230]) + data[230:],
    ],
    ids=["cut", "empty", "not gzip", "not npy", "short", "long", "flipped"],
)
def test_damaged_files_are_refused_by_name(voxel_files, spoil):
    voxel_files.write_bytes(spoil(voxel_files.read_bytes()))
    with pytest.raises(DatasetError, match="cannot be read, so it is not used") as error:
        read_voxels("train", torch.arange)
    assert str(voxel_files) in str(error.value)


def test_a_gzip_bomb_does_not_fill_the_memory(voxel_files):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (modelnet.MOST_VOXELS, 1, 32, 32, 32)}
    )
    voxel_files.write_bytes(gzip.compress(header.getvalue() + bytes(64 << 20), 1))
    tracemalloc.start()
    with pytest.raises(DatasetError, match="cut short"):
        read_voxels("train", torch.arange, ("chair",))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 << 20
