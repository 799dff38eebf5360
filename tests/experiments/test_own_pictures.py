"""Every model that a person can choose comes with the repository and makes a shape."""

import pytest
import torch
from PIL import Image, ImageDraw

from inverse_graphics import paths
from inverse_graphics.datasets.pictures import DIGITS, prepare_picture
from inverse_graphics.experiments.own_pictures import (
    MODELS,
    MeshShape,
    SurfelShape,
    VoxelShape,
    interpolate,
    open_model,
    reconstruct,
    sample,
)
from inverse_graphics.results import ResultError


def four(ink: str, paper: str | None) -> Image.Image:
    """A 4 of some ink on paper, or on nothing."""
    image = Image.new("RGBA", (240, 320), paper or (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.line([(150, 40), (50, 190), (210, 190)], fill=ink, width=28, joint="curve")
    draw.line([(150, 110), (150, 290)], fill=ink, width=28)
    return image


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_shipped_and_makes_a_shape(name, monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "RUNS", tmp_path)
    model = open_model(name)
    assert model.result.origin == "shipped with the repository" and model.result.config["seed"] == 0
    picture = prepare_picture(four("black", "white"), model.layout).image
    shape = model.reconstruct(picture)
    mesh = shape.mesh()
    assert len(mesh.faces) and torch.isfinite(mesh.vertices).all()
    if MODELS[name].kind == "voxels":
        assert isinstance(shape, VoxelShape) and shape.voxels.shape == (28, 28, 28)
        assert mesh.vertices.abs().max() <= 1 + 1 / 28  # the outermost cells' surface is at most half a cell away
        loose, tight = (shape.mesh(threshold).vertices for threshold in (0.02, 0.6))
        assert len(tight) == 0 or tight.abs().max() <= loose.abs().max()
    elif MODELS[name].kind == "meshes":
        assert isinstance(shape, MeshShape) and mesh.texture.shape == (3, 64, 64) and mesh.uv is not None
        assert mesh.vertices.norm(dim=1).max() <= 1.3 + 1e-4  # Eq. (14)
        mean = model.decode(model.codes.mean)
        assert (mean.texture - shape.texture).abs().mean() > 0.01  # it looked at the picture
    else:
        assert isinstance(shape, SurfelShape) and torch.equal(shape.colours, picture)
        assert mesh.colours is not None and mesh.vertices[:, 1].min() > -0.8


def test_dark_ink_on_nothing_gives_the_shape_of_light_on_black():
    pictures = [prepare_picture(four(*colours), DIGITS).image for colours in (("black", None), ("white", "black"))]
    dark, light = (reconstruct("digits", picture).voxels for picture in pictures)
    assert (dark - light).abs().max() < 0.02 < dark.max()


def test_a_head_has_the_brightness_of_its_face():
    model = open_model("heads")
    (shape,) = sample(model, 1, seed=0)
    mesh = shape.mesh()
    assert mesh.colours.std() > 0.02 and torch.equal(mesh.colours[:, 0], mesh.colours[:, 2])
    front = mesh.vertices[:, 2] > mesh.vertices[:, 2].max() - 0.2
    where = ((mesh.vertices[front] * torch.tensor([1, -1, -1]) + 1) * 14).long().flip(1)  # depth, height, width
    nearby = shape.albedo[tuple(where.clamp(0, 27).T)]
    assert torch.corrcoef(torch.stack((nearby, mesh.colours[front, 0])))[0, 1] > 0.7


def test_samples_depend_on_the_seed_alone():
    model = open_model("digits")
    first, again, other = (sample(model, 2, seed) for seed in (0, 0, 1))
    assert torch.equal(first[1].voxels, again[1].voxels) and not torch.equal(first[1].voxels, other[1].voxels)
    assert all((shape.voxels > shape.threshold).sum() > 20 for shape in first)


def test_walks_begin_and_end_at_the_pictures():
    model = open_model("digits")
    ends = [
        prepare_picture(picture, DIGITS).image
        for picture in (four("black", "white"), four("white", "black").rotate(90))
    ]
    shapes = interpolate(model, *ends, steps=3)
    for shape, picture in ((shapes[0], ends[0]), (shapes[-1], ends[1])):
        torch.testing.assert_close(shape.voxels, model.reconstruct(picture).voxels, atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="steps: expected 2 or more, got 1"):
        interpolate(model, *ends, steps=1)


def test_what_cannot_be_opened_or_fed_is_refused(workspace):
    with pytest.raises(ValueError, match="model: expected one of all, chairs"):
        open_model("cats")
    with pytest.raises(ResultError, match="model digits: its weights are not here"):
        open_model("digits")


def test_a_picture_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"picture: expected shape \(1, 28, 28\)"):
        reconstruct("digits", torch.zeros(3, 64, 64))
