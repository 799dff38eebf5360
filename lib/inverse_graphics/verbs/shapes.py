"""`reconstruct`, `sample`, `interpolate` and `render`: pictures of one's own → shapes, and pictures of these."""

import argparse
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from inverse_graphics.verbs import Failure, UsageError
from inverse_graphics.verbs.arguments import positive

if TYPE_CHECKING:
    from inverse_graphics.datasets.pictures import PreparedPicture
    from inverse_graphics.experiments.own_pictures import Model, Shape
    from inverse_graphics.geometry.meshes import Mesh

FORMATS = ("glb", "obj", "ply", "stl")
UNUSED = "torch._meta_registrations"  # what operations do to tensors without data; nothing here asks for it
VIEW = (30.0, 20.0)  # degrees: azimuth and elevation from which a shape is drawn if nothing else is asked for


def add_parsers(verbs: argparse._SubParsersAction) -> None:
    reconstruct = verbs.add_parser("reconstruct", help="make shapes of your own pictures and save them as meshes")
    reconstruct.add_argument("pictures", nargs="+", type=Path, metavar="IMAGE", help="a picture, or a folder of them")
    _add_model(reconstruct)
    _add_preparation(reconstruct)
    _add_out(reconstruct, "a file (.glb, .obj, .ply, .stl); for several pictures or a folder: a folder")
    reconstruct.set_defaults(run=_reconstruct)

    sample = verbs.add_parser("sample", help="make random shapes and save them as meshes")
    _add_model(sample)
    sample.add_argument("--count", type=positive(int), default=4, metavar="N", help="how many (4)")
    sample.add_argument("--seed", type=int, default=0, metavar="S", help="the same seed, the same shapes (0)")
    _add_out(sample, "a folder")
    sample.set_defaults(run=_sample)

    interpolate = verbs.add_parser("interpolate", help="make the shapes between those of two pictures")
    interpolate.add_argument("pictures", nargs=2, type=Path, metavar="IMAGE")
    _add_model(interpolate)
    _add_preparation(interpolate)
    interpolate.add_argument("--steps", type=positive(int), default=9, metavar="N", help="shapes, both ends too (9)")
    _add_view(interpolate)
    _add_out(interpolate, "a folder for meshes, or a .gif that shows them")
    interpolate.set_defaults(run=_interpolate)

    render = verbs.add_parser("render", help="draw a mesh, or the shape that a model makes of a picture, from a side")
    render.add_argument("shape", type=Path, metavar="SHAPE|IMAGE", help="a mesh (.glb, .obj, .ply, .stl) or a picture")
    _add_model(render)
    _add_preparation(render)
    _add_view(render)
    _add_out(render, "a .png")
    render.set_defaults(run=_render)


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", default="digits", metavar="NAME", help="which one (digits); one that is not there lists all"
    )
    parser.add_argument(
        "--threshold",
        type=positive(float),
        metavar="T",
        help="where a shape ends: of voxels an occupancy in (0, 1), of surfels a jump of depth (the model's own)",
    )


def _add_preparation(parser: argparse.ArgumentParser) -> None:
    either = argparse.BooleanOptionalAction
    parser.add_argument("--invert", action=either, help="light for dark (as the picture's border tells)")
    parser.add_argument("--crop", action=either, help="keep the object only (as the model's own pictures are)")


def _add_view(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--azimuth", type=float, metavar="DEGREES", help="of the viewer, 0 in front (30)")
    parser.add_argument("--elevation", type=float, metavar="DEGREES", help="above the horizon (20)")
    parser.add_argument("--size", type=positive(int), default=256, metavar="PIXELS", help="of the drawing (256)")


def _add_out(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="PATH", help=what)
    if what != "a .png":
        parser.add_argument("--format", choices=FORMATS, default="glb", help="of the meshes in a folder (glb)")


def _reconstruct(options: argparse.Namespace) -> int:
    is_folder = len(options.pictures) > 1 or options.pictures[0].is_dir()
    suffix = options.out.suffix.lower().removeprefix(".")
    if suffix in FORMATS and is_folder:
        raise UsageError(f"--out {options.out}: expected a folder for several pictures, got the name of one file")
    if suffix and suffix not in FORMATS and not is_folder:
        raise UsageError(f"--out {options.out}: expected a name that ends in .{', .'.join(FORMATS)}, or a folder")
    model = _open(options.model)
    taken: set[Path] = set()
    problems = 0
    for file in _files(options.pictures):
        out = options.out if suffix in FORMATS else _free(options.out / f"{file.stem}.{options.format}", taken)
        try:
            prepared = _prepare(file, model, options)
            _save(model.reconstruct(prepared.image), out, options)
        except Failure as error:
            problems += _complain(error)
        else:
            print(f"{file}: {prepared.told} → {out}", flush=True)
    return 1 if problems else 0


def _sample(options: argparse.Namespace) -> int:
    from inverse_graphics.experiments.own_pictures import sample

    shapes = sample(_open(options.model), options.count, options.seed)
    return _save_all(shapes, f"{options.model}-{options.seed}", options)


def _interpolate(options: argparse.Namespace) -> int:
    from inverse_graphics.experiments.own_pictures import interpolate

    if options.steps < 2:
        raise UsageError(f"--steps: expected 2 or more, got {options.steps}")
    is_gif = options.out.suffix.lower() == ".gif"
    if options.out.suffix and not is_gif:
        raise UsageError(f"--out {options.out}: expected a folder or a name that ends in .gif")
    model = _open(options.model)
    ends = [_prepare(file, model, options) for file in options.pictures]
    for file, prepared in zip(options.pictures, ends, strict=True):
        print(f"{file}: {prepared.told}", flush=True)
    shapes = interpolate(model, *(prepared.image for prepared in ends), options.steps)
    if not is_gif:
        return _save_all(shapes, "step", options)
    _save_gif(shapes, options)
    print(options.out)
    return 0


def _render(options: argparse.Namespace) -> int:
    from inverse_graphics.export import load_mesh, save_picture
    from inverse_graphics.renderers.lit_meshes import lit_picture

    if options.out.suffix.lower() != ".png":
        raise UsageError(f"--out {options.out}: expected a name that ends in .png")
    told, view = "", VIEW
    if options.shape.suffix.lower().removeprefix(".") in FORMATS:
        try:
            mesh = load_mesh(options.shape)
        except FileNotFoundError:
            raise Failure(f"{options.shape}: no such file") from None
        except ValueError as error:
            raise Failure(error) from error
    else:
        model = _open(options.model)
        prepared = _prepare(options.shape, model, options)
        shape = model.reconstruct(prepared.image)
        mesh, view, told = _mesh(shape, options), shape.view, f": {prepared.told}"
    azimuth, elevation = _view(options, view)
    try:
        save_picture(lit_picture(mesh, azimuth, elevation, options.size), options.out)
    except ValueError as error:
        raise Failure(error) from error
    print(f"{options.shape}{told} → {options.out}")
    return 0


def _import_torch() -> None:
    """Import torch without `UNUSED`, which takes a quarter of the time; whoever imports that later gets the real one.
    On one thread: a picture is too small to share, and on a busy machine threads wait for each other."""
    if "torch" in sys.modules:
        return
    sys.modules[UNUSED] = ModuleType(UNUSED)
    try:
        import torch
    finally:
        del sys.modules[UNUSED]
    torch.set_num_threads(1)


def _open(name: str) -> "Model":
    _import_torch()
    from inverse_graphics.experiments.own_pictures import MODELS, open_model
    from inverse_graphics.results import ResultError

    if name not in MODELS:
        told = "".join(f"\n  {known:18} {choice.title}" for known, choice in MODELS.items())
        raise UsageError(f"no model {name!r}; there are{told}")
    try:
        return open_model(name)
    except ResultError as error:
        raise Failure(error) from error


def _files(places: Sequence[Path]) -> list[Path]:
    from inverse_graphics.datasets import DatasetError
    from inverse_graphics.datasets.pictures import picture_files

    try:
        return picture_files(places)
    except DatasetError as error:
        raise Failure(error) from error


def _prepare(file: Path, model: "Model", options: argparse.Namespace) -> "PreparedPicture":
    from inverse_graphics.datasets import DatasetError
    from inverse_graphics.datasets.pictures import prepare_picture

    try:
        return prepare_picture(file, model.layout, invert=options.invert, crop=options.crop)
    except DatasetError as error:
        raise Failure(error) from error


def _mesh(shape: "Shape", options: argparse.Namespace) -> "Mesh":
    try:
        mesh = shape.mesh(options.threshold)
    except ValueError as error:
        raise Failure(error) from error
    if not len(mesh.faces):
        raise Failure("the shape is empty at this threshold: try a lower one with --threshold")
    return mesh


def _save(shape: "Shape", out: Path, options: argparse.Namespace) -> None:
    from inverse_graphics.export import save_mesh

    save_mesh(_mesh(shape, options), out)


def _save_all(shapes: Iterable["Shape"], name: str, options: argparse.Namespace) -> int:
    problems = 0
    for number, shape in enumerate(shapes):
        out = options.out / f"{name}-{number:03d}.{options.format}"
        try:
            _save(shape, out, options)
        except Failure as error:
            problems += _complain(f"{out.name}: {error}")
        else:
            print(out, flush=True)
    return 1 if problems else 0


def _save_gif(shapes: Sequence["Shape"], options: argparse.Namespace) -> None:
    import torch

    from inverse_graphics.files import atomic_write
    from inverse_graphics.plots.animations import Animation
    from inverse_graphics.renderers.lit_meshes import lit_picture

    meshes = [_mesh(shape, options) for shape in shapes]
    frame = torch.cat([mesh.vertices for mesh in meshes])  # one scale for all
    azimuth, elevation = _view(options, shapes[0].view)
    try:
        pictures = [lit_picture(mesh, azimuth, elevation, options.size, frame=frame) for mesh in meshes]
    except ValueError as error:
        raise Failure(error) from error
    frames = tuple(picture.permute(1, 2, 0).mul(255).byte().numpy() for picture in pictures)
    animation = Animation(frames, tuple(map(str, range(len(frames)))), milliseconds=200)
    with atomic_write(options.out) as temporary:
        temporary.write_bytes(animation.gif())


def _view(options: argparse.Namespace, usual: tuple[float, float]) -> tuple[float, float]:
    """Radians."""
    asked = (options.azimuth, options.elevation)
    azimuth, elevation = (usual[at] if asked[at] is None else asked[at] for at in (0, 1))
    if not (math.isfinite(azimuth) and abs(elevation) < 90):
        raise UsageError(f"--azimuth, --elevation: expected degrees, less than 90° up or down, got {asked}")
    return math.radians(azimuth), math.radians(elevation)


def _free(out: Path, taken: set[Path]) -> Path:
    """`out`, with a number where a picture before had the same name."""
    number, free = 1, out
    while free in taken:
        number += 1
        free = out.with_stem(f"{out.stem}-{number}")
    taken.add(free)
    return free


def _complain(problem: object) -> int:
    print(f"inverse_graphics: {problem}", file=sys.stderr)
    return 1
