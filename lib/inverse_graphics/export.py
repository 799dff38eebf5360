"""Shapes → files that other programs open: GLB, OBJ, PLY and STL by suffix, PNG for pictures; and meshes back again.

    save_mesh(voxel_surface(voxels), "shape.glb")                          closed, from voxels
    save_mesh(depth_surface(depth, camera, colours), "shape.ply")          open, coloured, from surfels
    save_mesh(textured_mesh(shape, texture), "shape.obj")                  with shape.png and shape.mtl beside it

In every format: right-handed, y up, +z towards the viewer at azimuth 0, faces counter-clockwise from outside. Lengths
have no metre: a grid of voxels fills [−1, 1]³ (at a low threshold its surface may lie half a cell outside), a room of
surfels has side 1. STL has no colours. PLY has no texture: its colours are given to the vertices. Every file is written
in one step, textures before what names them.
"""

import io
import json
import struct
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from inverse_graphics.checks import require_choice, require_range, require_tensor
from inverse_graphics.files import atomic_write
from inverse_graphics.geometry.meshes import Mesh, require_mesh, vertex_colours

UNIT = "lengths without a metre: voxels fill [-1, 1] along each axis, y up, +z towards the viewer at azimuth 0"
MOST_BYTES = 256 << 20  # of a file that is read
WHITE = (255, 255, 255, 255)  # what a texture is multiplied with
FLOAT, UNSIGNED = 5126, 5125  # glTF's codes for 32-bit floats and unsigned integers
ARRAY, ELEMENTS = 34962, 34963  # and for what a block holds: numbers of vertices, or of faces


def save_mesh(mesh: Mesh, path: Path | str) -> Path:
    """Write a mesh to a file whose suffix says the format: `.glb`, `.obj`, `.ply` or `.stl`.

    Returns:
        The path.

    Raises:
        ValueError: another suffix, a mesh without a face, or one whose parts do not fit each other.
        OSError: it cannot be written.
    """
    path = Path(path)
    write = _WRITERS[require_suffix(path)]
    write(require_mesh(mesh), path)
    return path


def save_meshes(
    meshes: Iterable[Mesh], folder: Path, name: str, suffixes: Sequence[str] = ("glb", "obj")
) -> list[Path]:
    """Write each mesh as `name-1.glb`, `name-1.obj`, `name-2.glb` and so on; the paths."""
    return [
        save_mesh(mesh, folder / f"{name}-{number}.{suffix}")
        for number, mesh in enumerate(meshes, 1)
        for suffix in suffixes
    ]


def save_picture(picture: Tensor, path: Path | str) -> Path:
    """Write a picture (1, H, W) or (3, H, W) in [0, 1] as a PNG of 8 bits.

    Raises:
        ValueError: another suffix than `.png`, a wrong shape or range.
    """
    path = Path(path)
    require_choice("suffix", path.suffix.lower(), (".png",))
    with atomic_write(path) as temporary:
        temporary.write_bytes(_png(picture))
    return path


def require_suffix(path: Path) -> str:
    """The suffix of a mesh's file in lower case, once it is one that can be written."""
    return require_choice("suffix", path.suffix.lower(), _WRITERS)


def load_mesh(path: Path | str) -> Mesh:
    """Read a mesh that `save_mesh` or another program wrote; a texture's colours are given to the vertices.

    Raises:
        ValueError: another suffix, a file that is too large or is no mesh, or one without a face.
        OSError: it is not there.
    """
    path = Path(path)
    suffix = require_suffix(path)
    if (length := path.stat().st_size) > MOST_BYTES:
        raise ValueError(f"{path.name}: expected at most {MOST_BYTES:,} bytes, got {length:,}")
    import trimesh

    try:
        # Unprocessed: merging vertices would lose colours that stand beside a material. An STL shares no vertex itself.
        scene = trimesh.load_scene(path, file_type=suffix[1:], process=suffix == ".stl")
        found = scene.to_mesh()
        single = len(scene.geometry) == 1  # a copy, too, loses those colours
        colours = _colours_of(next(iter(scene.geometry.values())).visual if single else found.visual, suffix)
        faces, vertices = np.array(found.faces, np.int64), np.array(found.vertices, np.float32)
    except Exception as error:  # trimesh's readers raise all kinds of errors at damaged files
        raise ValueError(f"{path.name} is not a mesh that can be read ({type(error).__name__})") from error
    if not len(faces):
        raise ValueError(f"{path.name}: no face in it")
    if colours is not None and len(colours) != len(vertices):  # one that stands in several places
        colours = None
    return require_mesh(Mesh(torch.from_numpy(vertices), torch.from_numpy(faces), colours))


def _colours_of(visual, suffix: str) -> Tensor | None:
    """(V, 3) of a mesh of trimesh's, if it has any."""
    if not visual.defined:
        return None
    if visual.kind == "texture":
        if visual.uv is not None:
            return torch.tensor(visual.to_color().vertex_colors[:, :3] / 255.0).float()
        if "color" not in visual.vertex_attributes:  # where those are kept that stand beside a material
            return None
        found = np.asarray(visual.vertex_attributes["color"])[:, :3]
    else:
        found = visual.vertex_colors[:, :3]
    found = torch.tensor(found / (np.iinfo(found.dtype).max if found.dtype.kind == "u" else 1.0)).float()
    return _screen(found) if suffix == ".glb" else found


# Writers of each format


def _write_glb(mesh: Mesh, path: Path) -> None:
    with atomic_write(path) as temporary:
        temporary.write_bytes(_glb(mesh))


def _glb(mesh: Mesh) -> bytes:
    """glTF 2.0 in one binary file. Written here: importing trimesh takes a third of the two seconds that a person waits
    from picture to shape."""
    blocks: list[bytes] = []
    views: list[dict] = []
    accessors: list[dict] = []

    def block(data: bytes, **more: int) -> int:
        views.append({"buffer": 0, "byteOffset": sum(map(len, blocks)), "byteLength": len(data), **more})
        blocks.append(data + b"\0" * (-len(data) % 4))  # all begin at multiples of 4
        return len(views) - 1

    def accessor(values: Tensor, kind: str, component: type, code: int, target: int) -> int:
        array = values.detach().cpu().numpy().astype(component)
        accessors.append({"componentType": code, "count": array.size if kind == "SCALAR" else len(array), "type": kind})
        if target == ARRAY:
            accessors[-1] |= {"min": array.min(0).tolist(), "max": array.max(0).tolist()}
        accessors[-1]["bufferView"] = block(array.tobytes(), target=target)
        return len(accessors) - 1

    attributes = {"POSITION": accessor(mesh.vertices, "VEC3", np.float32, FLOAT, ARRAY)}
    material: dict = {"pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.9}, "doubleSided": True}
    document: dict = {}
    if mesh.colours is not None:
        attributes["COLOR_0"] = accessor(_linear(mesh.colours), "VEC3", np.float32, FLOAT, ARRAY)
    if mesh.texture is not None:
        attributes["TEXCOORD_0"] = accessor(mesh.uv, "VEC2", np.float32, FLOAT, ARRAY)
        document["images"] = [{"bufferView": block(_png(mesh.texture)), "mimeType": "image/png"}]
        document["textures"] = [{"source": 0}]
        material["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}
    indices = accessor(mesh.faces, "SCALAR", np.uint32, UNSIGNED, ELEMENTS)
    primitive = {"attributes": attributes, "indices": indices, "material": 0}
    document |= {
        "asset": {"version": "2.0", "generator": "inverse_graphics", "extras": {"unit": UNIT}},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [material],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": sum(map(len, blocks))}],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary = b"".join(blocks)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _write_obj(mesh: Mesh, path: Path) -> None:
    from trimesh.exchange.obj import export_obj

    text, beside = export_obj(
        _with_trimesh(mesh, path.stem), header=UNIT, mtl_name=f"{path.stem}.mtl", return_texture=True
    )
    for name, data in (beside if mesh.texture is not None else {}).items():
        with atomic_write(path.parent / name) as temporary:
            temporary.write_bytes(data)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _write_with_trimesh(mesh: Mesh, path: Path) -> None:
    colours = vertex_colours(mesh) if mesh.texture is not None else mesh.colours
    with atomic_write(path) as temporary:
        _with_trimesh(mesh._replace(colours=colours, uv=None, texture=None), path.stem).export(temporary)


_WRITERS: dict[str, Callable[[Mesh, Path], None]] = {
    ".glb": _write_glb,
    ".obj": _write_obj,
    ".ply": _write_with_trimesh,
    ".stl": _write_with_trimesh,
}


def _with_trimesh(mesh: Mesh, name: str):
    import trimesh

    visual = None
    if mesh.texture is not None:
        image = Image.open(io.BytesIO(_png(mesh.texture)))
        material = trimesh.visual.material.SimpleMaterial(image=image, name=name, ambient=WHITE, diffuse=WHITE)
        uv = mesh.uv.cpu().double().numpy() * [1, -1] + [0, 1]  # there, v runs up from the bottom
        visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    colours = None if mesh.colours is None or visual is not None else _bytes(mesh.colours)
    parts = mesh.vertices.detach().cpu().double().numpy(), mesh.faces.cpu().numpy()
    return trimesh.Trimesh(*parts, vertex_colors=colours, visual=visual, process=False)


def _png(picture: Tensor) -> bytes:
    if picture.dim() != 3 or picture.shape[0] not in (1, 3):
        raise ValueError(f"picture: expected shape (1, H, W) or (3, H, W), got {tuple(picture.shape)}")
    require_range("picture", require_tensor("picture", picture, "C H W"), 0, 1)
    pixels = _bytes(picture.permute(1, 2, 0))
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "png")
    return file.getvalue()


def _bytes(values: Tensor) -> np.ndarray:
    return values.detach().cpu().mul(255).round().to(torch.uint8).numpy()


def _linear(colours: Tensor) -> Tensor:
    """sRGB → light, which glTF's vertex colours are (IEC 61966-2-1)."""
    return torch.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)


def _screen(colours: Tensor) -> Tensor:
    """Light → sRGB."""
    return torch.where(colours <= 0.0031308, colours * 12.92, 1.055 * colours ** (1 / 2.4) - 0.055)
