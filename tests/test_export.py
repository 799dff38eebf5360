"""Files that other programs open: read again with trimesh, which did not write them all."""

import json
import struct

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from inverse_graphics.export import load_mesh, save_mesh, save_meshes, save_picture
from inverse_graphics.geometry.meshes import Mesh, vertex_colours
from inverse_graphics.geometry.shape_images import initial_shape, textured_mesh
from inverse_graphics.geometry.voxel_grids import voxel_surface

SUFFIXES = (".glb", ".obj", ".ply", ".stl")


def block() -> Mesh:
    """Cells 9..13 of 16 along width, rows 2..5 downward, 4..9 deep: no two sides alike."""
    voxels = torch.zeros(16, 16, 16)
    voxels[4:10, 2:6, 9:14] = 1.0
    return voxel_surface(voxels)


def textured() -> Mesh:
    texture = torch.rand(3, 20, 12, generator=torch.Generator().manual_seed(0)).mul(255).round() / 255
    return textured_mesh(initial_shape("sphere", 12), texture)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_mesh_of_voxels_comes_back_closed_in_its_place_and_outside_out(tmp_path, suffix):
    path = save_mesh(block(), tmp_path / f"block{suffix}")
    mesh = trimesh.load_mesh(path)
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert 0.8 * 120 / 512 < mesh.volume < 120 / 512  # positive: faces outward; corners are cut a little
    low, high = [9 / 8 - 1, 1 - 6 / 8, 1 - 10 / 8], [14 / 8 - 1, 1 - 2 / 8, 1 - 4 / 8]  # x, y up, z to the viewer
    np.testing.assert_allclose(mesh.bounds, [low, high], atol=1e-6)
    again = load_mesh(path)
    assert len(again.faces) == len(block().faces) and again.colours is None
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".glb", ".obj", ".ply"])
def test_colours_of_vertices_come_back_as_they_look(tmp_path, suffix):
    mesh = block()
    mesh = mesh._replace(colours=(mesh.vertices + 1) / 2)
    again = load_mesh(save_mesh(mesh, tmp_path / f"coloured{suffix}"))
    torch.testing.assert_close(again.colours, (again.vertices + 1) / 2, atol=0.003, rtol=0)  # 8 bits


def test_a_glb_holds_what_its_standard_asks_for(tmp_path):
    data = save_mesh(textured(), tmp_path / "ball.glb").read_bytes()
    magic, version, length, size, kind = struct.unpack("<4sII I4s", data[:20])
    assert (magic, version, length, kind, size % 4) == (b"glTF", 2, len(data), b"JSON", 0)
    document = json.loads(data[20 : 20 + size])
    assert "without a metre" in document["asset"]["extras"]["unit"]
    (primitive,) = document["meshes"][0]["primitives"]
    position = document["accessors"][primitive["attributes"]["POSITION"]]
    np.testing.assert_allclose(position["min"], textured().vertices.amin(0), atol=1e-6)
    for view in document["bufferViews"]:
        assert view["byteOffset"] % 4 == 0
        assert view["byteOffset"] + view["byteLength"] <= document["buffers"][0]["byteLength"]


def test_a_glb_and_an_obj_keep_the_texture_and_where_it_lies(tmp_path):
    mesh = textured()
    for suffix in (".glb", ".obj"):
        found = trimesh.load_mesh(save_mesh(mesh, tmp_path / f"ball{suffix}"), process=False)
        material = found.visual.material
        image = material.baseColorTexture if suffix == ".glb" else material.image
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1) / 255
        torch.testing.assert_close(pixels, mesh.texture, atol=1e-6, rtol=0)
        order = torch.cdist(torch.tensor(np.array(found.vertices)).float(), mesh.vertices).argmin(1)
        uv = torch.tensor(np.array(found.visual.uv)).float() * torch.tensor([1, -1]) + torch.tensor([0, 1])
        torch.testing.assert_close(uv, mesh.uv[order], atol=1e-5, rtol=0)
        again = load_mesh(tmp_path / f"ball{suffix}")
        assert (again.colours.float() - vertex_colours(mesh)[order]).abs().mean() < 0.2  # looked up without blending
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ball.glb", "ball.mtl", "ball.obj", "ball.png"]
    assert "Kd 1.0" in (tmp_path / "ball.mtl").read_text()  # not darkened


def test_two_textures_in_one_folder_do_not_overwrite_each_other(tmp_path):
    first = textured()
    second = first._replace(texture=1 - first.texture)
    for name, mesh in (("first", first), ("second", second)):
        save_mesh(mesh, tmp_path / f"{name}.obj")
    for name, mesh in (("first", first), ("second", second)):
        pixels = np.array(Image.open(tmp_path / f"{name}.png").convert("RGB"))
        np.testing.assert_allclose(pixels / 255, mesh.texture.permute(1, 2, 0), atol=1e-6)


@pytest.mark.parametrize("suffix", [".ply", ".stl"])
def test_formats_without_a_texture_take_what_they_can(tmp_path, suffix):
    again = load_mesh(save_mesh(textured(), tmp_path / f"ball{suffix}"))
    assert len(again.faces) == len(textured().faces)
    assert (again.colours is not None) == (suffix == ".ply")


@pytest.mark.parametrize(
    ("mesh", "name", "message"),
    [
        (block(), "shape.fbx", "suffix: expected one of .glb, .obj, .ply, .stl; got '.fbx'"),
        (block(), "shape", "suffix: expected one of"),
        (voxel_surface(torch.zeros(4, 4, 4)), "shape.glb", "the shape is empty"),
        (block()._replace(vertices=block().vertices * torch.nan), "shape.glb", "vertices: expected finite"),
    ],
)
def test_what_cannot_be_saved_leaves_nothing_behind(tmp_path, mesh, name, message):
    with pytest.raises(ValueError, match=message):
        save_mesh(mesh, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = save_mesh(block(), tmp_path / "block.glb")
    before = path.read_bytes()

    def full(*arguments):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space left"):
        save_mesh(textured(), path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_several_meshes_are_numbered_and_each_keeps_its_place_and_colours(tmp_path):
    meshes = [textured(), textured()._replace(vertices=textured().vertices + 1)]
    paths = save_meshes(meshes, tmp_path, "head")
    assert [path.name for path in paths] == ["head-1.glb", "head-1.obj", "head-2.glb", "head-2.obj"]
    for path, mesh in zip(paths, [meshes[0], meshes[0], meshes[1], meshes[1]], strict=True):
        found = load_mesh(path)
        torch.testing.assert_close(found.vertices.mean(0), mesh.vertices.mean(0), atol=1e-2, rtol=0)
        assert len(found.faces) == len(mesh.faces) and found.colours is not None
    assert [path.name for path in save_meshes(meshes[:1], tmp_path, "cup", ("stl",))] == ["cup-1.stl"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_no_mesh_is_refused_in_a_line(tmp_path, suffix):
    path = tmp_path / f"text{suffix}"
    path.write_text("not a mesh")
    with pytest.raises(ValueError, match=rf"text{suffix}"):
        load_mesh(path)
    with pytest.raises(FileNotFoundError):
        load_mesh(tmp_path / f"none{suffix}")


def test_pictures_are_saved_as_png(tmp_path):
    picture = torch.rand(3, 5, 7).mul(255).round() / 255
    pixels = np.array(Image.open(save_picture(picture, tmp_path / "view.png")))
    np.testing.assert_allclose(pixels / 255, picture.permute(1, 2, 0), atol=1e-6)
    with Image.open(save_picture(picture[:1], tmp_path / "grey.png")) as grey:
        assert grey.mode == "L"
    for bad, message in ((picture * 2, "picture: expected values"), (picture[0], "picture: expected shape")):
        with pytest.raises(ValueError, match=message):
            save_picture(bad, tmp_path / "bad.png")
    with pytest.raises(ValueError, match="suffix"):
        save_picture(picture, tmp_path / "view.jpg")
