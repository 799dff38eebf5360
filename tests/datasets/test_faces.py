import io
import os
import struct
import zipfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from inverse_graphics import paths
from inverse_graphics.datasets import DatasetError, available, faces, load


def photograph(number, size=(178, 218), mode="RGB", kind="JPEG", **options):
    """A file's bytes: a smooth picture, another for each number."""
    rng = np.random.default_rng(number)
    small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
    file = io.BytesIO()
    small.convert(mode).save(file, kind, **options)
    return file.getvalue()


def marked(size):
    """A black photograph, white where `CROP` says that the face is."""
    picture = Image.new("L", size)
    left, top, right, bottom = (round(edge * size[0] / 178) for edge in faces.CROP)
    picture.paste(255, (left, top, right, bottom))
    file = io.BytesIO()
    picture.save(file, "PNG")  # without loss; read by content, not by its name
    return file.getvalue()


def write_archive(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


OFFICIAL = {f"img_align_celeba/{number:06d}.jpg": photograph(number) for number in (1, 2, 3, 9000, 9001, 10_000)}


@pytest.fixture
def archive(data_folder):
    return write_archive(data_folder / "celeba" / "img_align_celeba.zip", OFFICIAL)


def cached():
    return sorted((paths.DATA / "cache").glob("*"))


def test_reads_the_official_archive(archive):
    train, test = load("celeba"), load("celeba", "test")
    assert train.images.shape == (4, 1, 28, 28) and test.images.shape == (2, 1, 28, 28)
    assert train.labels.tolist() == [0] * 4 and train.class_names == ("face",)
    assert train.source == (
        "CelebA (Liu et al. 2015), 6 aligned photographs of 178×218, the first 10,000 by number in the user's data "
        "folder, grey, cropped to the face"
    )
    picture = Image.open(io.BytesIO(OFFICIAL["img_align_celeba/009001.jpg"])).convert("L").crop(faces.CROP)
    expected = torch.from_numpy(np.asarray(picture.resize((28, 28), Image.Resampling.BILINEAR)) / 255)
    assert torch.allclose(test.images[0, 0].double(), expected, atol=2 / 255)  # Pillow rounds rows, then columns
    assert available("celeba")


@pytest.mark.parametrize("size", [(178, 218), (89, 109), (45, 55)])
def test_the_crop_scales_with_the_photograph(data_folder, size):
    write_archive(data_folder / "img_align_celeba.zip", {"img_align_celeba/000001.jpg": marked(size)})
    loaded = load("celeba")
    assert loaded.images[0, 0, 1:-1, 1:-1].min() > 0.95
    assert f"{size[0]}×{size[1]}" in loaded.source
    assert ("officially 178×218" in loaded.source) == (size != (178, 218))


@pytest.mark.parametrize(
    "folder", ["celeba/img_align_celeba", "CelebA/img_align_celeba", "img_align_celeba", "CelebA/Img/img_align_celeba"]
)
def test_reads_an_unpacked_folder(data_folder, folder):
    (data_folder / folder).mkdir(parents=True)
    for name, data in OFFICIAL.items():
        (data_folder / folder / name.rsplit("/")[1]).write_bytes(data)
    first = load("celeba")
    assert len(first) == 4
    (data_folder / folder / "000004.jpg").write_bytes(photograph(4))
    assert len(load("celeba")) == 5  # what was cached is not taken for the folder as it is now


def test_numbers_beyond_the_first_10000_and_other_files_do_not_count(archive):
    others = {"img_align_celeba/010001.jpg": photograph(5), "img_align_celeba/000000.jpg": photograph(6)}
    others |= {"readme.txt": b"words", "__MACOSX/img_align_celeba/._000004.jpg": b"junk", "img_align_celeba/": b""}
    others |= {"img_align_celeba/4.jpg": photograph(7), "img_align_celeba/000004.jpg.part": photograph(7)}
    fingerprint = load("celeba").fingerprint
    write_archive(archive, OFFICIAL | others)
    loaded = load("celeba")
    assert loaded.fingerprint == fingerprint and "could not" not in loaded.source


def test_the_second_load_decodes_nothing(archive, monkeypatch):
    first = load("celeba", count=2)
    monkeypatch.setattr(faces, "read_photographs", None)
    assert load("celeba", count=2).fingerprint == first.fingerprint
    assert len(load("celeba", "test")) == 2
    assert len(cached()) == 1


def test_a_changed_archive_is_decoded_again(archive):
    load("celeba")
    write_archive(archive, {"img_align_celeba/000001.jpg": photograph(8)})
    assert len(load("celeba")) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: b"junk" * 100,
        lambda data: data[:-50],
        lambda data: data[:-50] + bytes([data[-50] ^ 1]) + data[-49:],
    ],
    ids=["empty", "junk", "cut short", "one bit flipped"],
)
def test_a_damaged_cache_is_made_again(archive, spoil):
    fingerprint = load("celeba").fingerprint
    (cache,) = cached()
    whole = cache.read_bytes()
    cache.write_bytes(spoil(whole))
    assert load("celeba").fingerprint == fingerprint
    assert cache.read_bytes() == whole


def test_where_no_cache_can_be_written_it_works_without(archive, monkeypatch):
    paths.DATA.mkdir()
    (paths.DATA / "cache").write_text("in the way")
    assert len(load("celeba")) == 4


def test_size_reads_the_photographs_anew(archive):
    small, large = load("celeba"), load("celeba", size=64)
    assert large.images.shape == (4, 1, 64, 64)
    upscaled = torch.nn.functional.interpolate(small.images, size=64, mode="bilinear", antialias=True)
    picture = Image.open(io.BytesIO(OFFICIAL["img_align_celeba/000001.jpg"])).convert("L").crop(faces.CROP)
    expected = torch.from_numpy(np.asarray(picture.resize((64, 64), Image.Resampling.BILINEAR)) / 255).float()
    assert (large.images[0, 0] - expected).abs().max() < 0.01 < (upscaled[0, 0] - expected).abs().max()
    assert load("celeba", size=8).images.shape == (4, 1, 8, 8)
    assert load("celeba", size=200).images.shape == (4, 1, 200, 200)
    assert len(cached()) == 3  # 28 (8 is made from it), 64, 128 (200 is made from it)


def test_a_missing_set_says_where_it_is_had_and_where_it_goes(data_folder):
    assert not available("celeba")
    with pytest.raises(DatasetError, match=r"mmlab.*CelebA.html.*INVERSE_GRAPHICS_DATA.*load\(\"faces\"\)"):
        load("celeba")


@pytest.mark.parametrize("data", [b"", b"<html>quota exceeded</html>", "cut"], ids=["empty", "a web page", "cut short"])
def test_a_damaged_archive_is_refused_by_name(archive, data):
    archive.write_bytes(archive.read_bytes()[:-300] if data == "cut" else data)
    with pytest.raises(DatasetError, match="not a whole zip archive, so it is not used") as error:
        load("celeba")
    assert str(archive) in str(error.value) and "\n" not in str(error.value)
    assert cached() == []


def test_an_archive_without_a_split_says_so(data_folder):
    write_archive(data_folder / "img_align_celeba.zip", {"img_align_celeba/000001.jpg": photograph(1)})
    assert len(load("celeba")) == 1
    with pytest.raises(DatasetError, match="no picture numbered 9,001 to 10,000 in it"):
        load("celeba", "test")


def bomb(width, height):
    """A PNG that claims to have so many pixels, in a few bytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


BAD = {
    "empty": b"",
    "text": b"not a picture",
    "cut short": photograph(4)[:-400],
    "another frame": photograph(4, size=(218, 178)),
    "square": photograph(4, size=(128, 128)),
    "tiny": photograph(4, size=(4, 5)),
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 178 218\n",
    "bomb with a warning": bomb(8900, 10_900),
    "bomb": bomb(89_000, 109_000),
    "sixteen bits": photograph(4, mode="I;16", kind="PNG"),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_cannot_be_used_is_left_out_and_counted(archive, bad):
    write_archive(archive, OFFICIAL | {"img_align_celeba/000002.jpg": BAD[bad]})
    loaded = load("celeba")
    assert len(loaded) == 3 and loaded.source.endswith("; 1 could not be read")


def test_damage_inside_an_archive_costs_one_picture(archive):
    data = bytearray(archive.read_bytes())
    data[data.index(OFFICIAL["img_align_celeba/000002.jpg"]) + 500] ^= 255
    archive.write_bytes(data)
    assert load("celeba").source.endswith("; 1 could not be read")


def test_nothing_usable_is_an_error_by_name(archive):
    write_archive(archive, {"img_align_celeba/000001.jpg": b"junk", "img_align_celeba/000002.jpg": b"junk"})
    with pytest.raises(DatasetError, match=r"none of 2 pictures can be read, so it is not used") as error:
        load("celeba")
    assert str(archive) in str(error.value)


def test_files_too_long_are_not_read(archive, monkeypatch):
    monkeypatch.setattr(faces, "MOST_BYTES", max(map(len, OFFICIAL.values())) - 1)
    assert "could not be read" in load("celeba").source


# Any folder or archive


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P", "CMYK"])
def test_every_mode_becomes_grey(tmp_path, mode):
    kind = "TIFF" if mode == "CMYK" else "PNG"
    (tmp_path / f"one.{kind.lower()}").write_bytes(photograph(1, mode=mode, kind=kind))
    read = faces.read_photographs(tmp_path, 16)
    assert read.pixels.shape == (1, 16, 16) and read.pixels.dtype == np.uint8 and read.sizes == [(178, 218)]


def test_grey_is_rec_601_luma(tmp_path):
    Image.new("RGB", (20, 20), (200, 100, 50)).save(tmp_path / "colour.png")
    assert set(faces.read_photographs(tmp_path, 4).pixels.ravel()) == {round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)}


def test_any_size_is_cropped_to_the_middle_square(tmp_path):
    for name, (width, height) in {"wide": (301, 100), "tall": (33, 77)}.items():
        picture = Image.new("L", (width, height))
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        picture.paste(255, (left, top, left + side, top + side))
        (tmp_path / "below").mkdir(exist_ok=True)
        picture.save(tmp_path / "below" / f"{name}.png")
    read = faces.read_photographs(tmp_path, 8)
    assert read.names == ["below/tall.png", "below/wide.png"] and read.pixels[:, 1:-1, 1:-1].min() > 250


def test_orientation_tags_are_ignored(tmp_path):
    (tmp_path / "plain.jpg").write_bytes(photograph(1))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90°
    (tmp_path / "tagged.jpg").write_bytes(photograph(1, exif=exif))
    plain, tagged = faces.read_photographs(tmp_path, 28).pixels
    assert np.array_equal(plain, tagged)


def test_a_folder_without_pictures_is_an_error_by_name(tmp_path):
    (tmp_path / "notes.txt").write_text("words")
    with pytest.raises(DatasetError, match="no picture is in it, so it is not used") as error:
        faces.read_photographs(tmp_path, 28)
    assert str(tmp_path) in str(error.value)


def test_a_folder_with_the_name_of_a_picture_and_a_broken_link_are_left_out(tmp_path):
    (tmp_path / "one.png").write_bytes(photograph(1, kind="PNG"))
    (tmp_path / "folder.png").mkdir()
    os.symlink(tmp_path / "nowhere", tmp_path / "link.png")
    read = faces.read_photographs(tmp_path, 8)
    assert read.names == ["one.png"] and read.left_out == ["folder.png", "link.png"]
