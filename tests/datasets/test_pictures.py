"""A digit in every disguise a file can give it must come out as the digit; what is none is refused in a line."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from inverse_graphics.datasets.images import DatasetError
from inverse_graphics.datasets.pictures import (
    DIGITS,
    GARMENTS,
    PHOTOGRAPHS,
    ROOMS,
    SILHOUETTES,
    Layout,
    picture_files,
    prepare_picture,
)


def drawn(width=280, height=340) -> Image.Image:
    """A light 7 on black, off the middle."""
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    draw.line([(60, 80), (170, 80), (100, 270)], fill=255, width=26, joint="curve")
    return image


SEVEN = prepare_picture(drawn(), DIGITS)


def negative(image: Image.Image) -> Image.Image:
    return Image.eval(image, lambda value: 255 - value)


def disguise(kind: str) -> Image.Image:
    light, dark = drawn(), negative(drawn())
    ink = Image.new("L", light.size)
    if kind == "dark on light":
        return dark
    if kind == "palette":
        return dark.convert("RGB").quantize(8)
    if kind == "palette with transparency":
        image = dark.convert("RGB").quantize(2)
        image.info["transparency"] = image.getpixel((0, 0))
        return image
    if kind == "cmyk":
        return dark.convert("CMYK")
    if kind == "one bit":
        return dark.convert("1")
    if kind == "16 bits":
        return Image.fromarray(np.asarray(light, np.uint16) * 257)
    if kind == "floats":
        return Image.fromarray(np.asarray(dark, np.float32) / 255)
    if kind == "black ink on nothing":
        return Image.merge("LA", (ink, light))
    if kind == "white ink on nothing":
        return Image.merge("RGBA", (negative(ink),) * 3 + (light,))
    if kind == "red on yellow":
        return Image.composite(Image.new("RGB", light.size, (150, 0, 0)), Image.new("RGB", light.size, "yellow"), light)
    if kind == "grey on paper, badly lit":
        paper = np.linspace(190, 225, light.width)[None] * np.ones((light.height, 1))
        return Image.fromarray((paper * (1 - 0.7 * np.asarray(light) / 255)).round().astype(np.uint8))
    raise AssertionError(kind)


KINDS = {  # what is said of each, besides how it is laid out
    "dark on light": "inverted",
    "palette": "inverted",
    "palette with transparency": "put on white, inverted",
    "cmyk": "inverted",
    "one bit": "inverted",
    "16 bits": "16 bits made 8",
    "floats": "32 bits made 8, inverted",
    "black ink on nothing": "put on white, inverted",
    "white ink on nothing": "put on black",
    "red on yellow": "made grey, inverted, ground made black",
    "grey on paper, badly lit": "inverted, ground made black",
}
SUFFIX = {"cmyk": "tiff", "floats": "tiff"}
LAID_OUT = "cropped to the object, padded to a square, resampled to 28×28"


@pytest.mark.parametrize("kind", KINDS)
def test_a_digit_comes_out_of_every_disguise(kind, tmp_path):
    file = tmp_path / f"seven.{SUFFIX.get(kind, 'png')}"
    disguise(kind).save(file)
    prepared = prepare_picture(file, DIGITS)
    assert prepared.told == f"{KINDS[kind]}, {LAID_OUT}"
    assert prepared.image.shape == (1, 28, 28) and prepared.name == file.name
    assert (prepared.image - SEVEN.image).abs().max() < (0.12 if "paper" in kind else 0.03)
    assert torch.equal(prepare_picture(file.read_bytes(), DIGITS).image, prepared.image)


def test_a_digit_lies_as_in_mnist():
    image = SEVEN.image[0]
    rows, columns = (image > 0.02).nonzero().T
    height, width = (axis.max() - axis.min() + 1 for axis in (rows, columns))
    assert max(height, width) == 20 and image.max() > 0.95
    middle = (image.sum(1) * torch.arange(28)).sum() / image.sum()
    assert abs(middle - 14) <= 0.51  # where that of MNIST's pictures is, to a whole pixel


def test_what_is_laid_out_already_stays_as_it_is():
    image = Image.fromarray(SEVEN.image[0].mul(255).round().byte().numpy())
    prepared = prepare_picture(image, DIGITS)
    assert prepared.told == "taken as it is"
    torch.testing.assert_close(prepared.image, SEVEN.image, atol=0.003, rtol=0)
    again = prepare_picture(image, DIGITS, crop=True)  # and finds its place again
    assert (again.image - SEVEN.image).abs().mean() < 0.002


def test_both_guesses_can_be_overruled():
    dark = negative(drawn())
    kept = prepare_picture(dark, DIGITS, invert=False)
    assert "inverted" not in kept.steps and kept.image.mean() > 0.5
    torch.testing.assert_close(1 - kept.image, SEVEN.image, atol=0.01, rtol=0)
    turned = prepare_picture(drawn(), DIGITS, invert=True)
    assert turned.steps[0] == "inverted" and turned.image.mean() > 0.5
    whole = prepare_picture(drawn(), DIGITS, crop=False)
    assert whole.told == "padded to a square, resampled to 28×28"
    assert whole.image[0, :, :2].max() == 0 and whole.image.mean() < SEVEN.image.mean()
    assert "cropped to the object" in prepare_picture(drawn(), PHOTOGRAPHS, crop=True).steps


def test_a_photograph_is_turned_as_its_camera_says(tmp_path):
    file = tmp_path / "seven.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    drawn().transpose(Image.Transpose.ROTATE_90).save(file, exif=exif, quality=95)
    prepared = prepare_picture(file, DIGITS)
    assert prepared.steps[0] == "turned by EXIF"
    assert (prepared.image - SEVEN.image).abs().max() < 0.1


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_of_an_animation_the_first_frame_is_taken(tmp_path, suffix):
    file = tmp_path / f"seven.{suffix}"
    drawn().save(
        file, save_all=True, append_images=[negative(drawn())], **({"lossless": True} if suffix == "webp" else {})
    )
    prepared = prepare_picture(file, DIGITS)
    assert prepared.steps[0] == "first frame taken"
    assert (prepared.image - SEVEN.image).abs().max() < 0.03


def test_other_layouts():
    garment = prepare_picture(negative(drawn()), GARMENTS).image
    assert (garment > 0.02).nonzero()[:, 1].unique().tolist() == list(range(28))  # from the top to the bottom
    half = Image.composite(
        drawn(), Image.eval(drawn(), lambda value: value // 2), Image.linear_gradient("L").resize((280, 340))
    )
    silhouette = prepare_picture(half, SILHOUETTES)
    assert "made a silhouette" in silhouette.steps and silhouette.image.max() == 1
    photograph = prepare_picture(negative(drawn()), PHOTOGRAPHS)
    assert photograph.told == "cut to the middle square, resampled to 28×28" and photograph.image.mean() > 0.5
    room = prepare_picture(disguise("red on yellow"), ROOMS)
    assert room.image.shape == (3, 64, 64) and room.told == "cut to the middle square, resampled to 64×64"
    assert room.image[2].max() < 0.01 < room.image[0].min()  # still red on yellow
    with pytest.raises(ValueError, match="longest: expected 1 to 28"):
        Layout(longest=40)
    with pytest.raises(ValueError, match="centred"):
        Layout(centred="left")


def test_a_wide_picture_is_read_and_a_huge_one_refused(tmp_path):
    wide = Image.new("L", (20_000, 300), 255)
    ImageDraw.Draw(wide).rectangle([9_900, 50, 10_050, 250], fill=0)
    wide.save(tmp_path / "wide.png")
    assert prepare_picture(tmp_path / "wide.png", DIGITS).image.max() > 0.9
    small = png(drawn())
    claim = b"IHDR" + struct.pack(">II", 20_000, 20_000) + small[24:29]
    (tmp_path / "huge.png").write_bytes(small[:12] + claim + struct.pack(">I", zlib.crc32(claim)) + small[33:])
    with pytest.raises(DatasetError, match=r"huge\.png claims too many pixels, expected at most 67,108,864") as refused:
        prepare_picture(tmp_path / "huge.png", DIGITS)
    assert "\n" not in str(refused.value)


def test_a_large_jpeg_is_decoded_small(tmp_path, monkeypatch):
    drawn().resize((5_000, 4_000)).save(tmp_path / "large.jpg")
    assert prepare_picture(tmp_path / "large.jpg", PHOTOGRAPHS).image.shape == (1, 28, 28)
    monkeypatch.setattr("inverse_graphics.datasets.pictures.MOST_PIXELS", 1_000_000)
    with pytest.raises(DatasetError, match=r"large\.jpg has 5000×4000 pixels, expected at most 1,000,000 in all"):
        prepare_picture(tmp_path / "large.jpg", DIGITS)


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"not a picture", r"bad\.png is not a picture that can be read \(UnidentifiedImageError\)"),
        (b"", r"bad\.png is not a picture"),
        (png(drawn())[:400], r"bad\.png is not a picture that can be read \(OSError\)"),
        (png(Image.new("L", (1, 1))), r"bad\.png has 1×1 pixels, expected 8 or more each way"),
        (png(Image.new("RGB", (50, 50))), r"bad\.png is all black: there is nothing to see in it"),
        (png(Image.new("RGB", (50, 50), "white")), r"bad\.png is all white"),
        (png(Image.new("I;16", (50, 50), 20_000)), r"bad\.png is all of one brightness"),
        (png(Image.new("RGBA", (50, 50))), r"bad\.png is transparent all over"),
    ],
)
@pytest.mark.parametrize("layout", [DIGITS, ROOMS], ids=["digits", "rooms"])
def test_bad_files_get_a_line(tmp_path, data, message, layout):
    file = tmp_path / "bad.png"
    file.write_bytes(data)
    with pytest.raises(DatasetError, match=message) as refused:
        prepare_picture(file, layout)
    assert "\n" not in str(refused.value)


def test_files_that_are_not_there_or_too_long(tmp_path, monkeypatch):
    with pytest.raises(DatasetError, match=r"none\.png: no such file"):
        prepare_picture(tmp_path / "none.png", DIGITS)
    monkeypatch.setattr("inverse_graphics.datasets.pictures.MOST_BYTES", 100)
    with pytest.raises(DatasetError, match=r"picture has [\d,]+ bytes, expected at most 100"):
        prepare_picture(png(drawn()), DIGITS)


def test_folders_are_opened_and_files_taken_as_they_come(tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    other = tmp_path / "notes.txt"
    assert picture_files([other, tmp_path]) == [other, tmp_path / "a.JPG", tmp_path / "b.png"]
    with pytest.raises(DatasetError, match=r"empty: no picture in it; expected files that end in \.jpg"):
        picture_files([tmp_path / "empty"])
