"""Trained models by names a person can choose, and shapes made with them: of one's own picture, sampled, in between.

    model = open_model("digits")
    shape = model.reconstruct(prepare_picture("four.jpg", model.layout).image)
    save_mesh(shape.mesh(), "four.glb")

Only models whose weights come with the repository, or were trained on this machine, can be opened. What a model was
never shown it makes into what it was: a photograph of a cat becomes a digit.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.checks import require_choice, require_tensor
from inverse_graphics.datasets import with_stand_ins
from inverse_graphics.datasets.pictures import DIGITS, GARMENTS, PHOTOGRAPHS, PORTRAITS, ROOMS, SILHOUETTES, Layout
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.geometry.depth_maps import depth_surface
from inverse_graphics.geometry.meshes import Mesh
from inverse_graphics.geometry.shape_images import textured_mesh
from inverse_graphics.geometry.voxel_grids import voxel_surface, world_to_grid
from inverse_graphics.models.azimuths import AzimuthHypotheses, carve
from inverse_graphics.renderers.visual_hulls import visual_hull
from inverse_graphics.renderers.voxels import project_around
from inverse_graphics.results import Result, ResultError, find_result
from inverse_graphics.training.loop import generator_for

FAINT = 0.05  # the authors' threshold: occupancies only add up along rays, so that few reach a half
AZIMUTH, ELEVATION = 45.0, 40.0  # degrees, the middle of where surfel models saw their rooms from


class VoxelShape(NamedTuple):
    """`voxels` (D, H, W) in [0, 1], the `threshold` above which a cell belongs to the shape, and the `albedo` (D, H, W)
    in [0, 1] of its cells, if it has one."""

    voxels: Tensor
    threshold: float
    albedo: Tensor | None = None

    @property
    def view(self) -> tuple[float, float]:
        """Azimuth and elevation in degrees from which it is good to look at: from aside, as depth shows there."""
        return 30.0, 20.0

    def mesh(self, threshold: float | None = None) -> Mesh:
        """The closed surface, grey where there is an albedo; without a face where nothing exceeds the threshold.
        Raising that thins the shape."""
        surface = voxel_surface(self.voxels, self.threshold if threshold is None else threshold)
        if self.albedo is None or not len(surface.faces):
            return surface
        places = world_to_grid(surface.vertices, tuple(self.voxels.shape))[None, None, None]
        found = F.grid_sample(self.albedo[None, None], places, padding_mode="border", align_corners=False)
        return surface._replace(colours=found.view(-1, 1).expand(-1, 3).clamp(0, 1))


class SurfelShape(NamedTuple):
    """`depth` (S, S) along the rays of a `camera`, and `colours` (3, S, S) in [0, 1] of its pixels."""

    depth: Tensor
    camera: Cameras
    colours: Tensor

    @property
    def view(self) -> tuple[float, float]:
        """Azimuth and elevation in degrees of the camera: from elsewhere there are gaps."""
        return AZIMUTH, ELEVATION

    def mesh(self, threshold: float | None = None) -> Mesh:
        """The open, coloured surface that the camera sees; `threshold` is the jump of depth at which it is cut."""
        jump = {} if threshold is None else {"jump": threshold}
        return depth_surface(self.depth, self.camera, self.colours, **jump)


class MeshShape(NamedTuple):
    """A shape image (3, N, N) and the `texture` (3, 2 N, 2 N) in [0, 1] that lies on it."""

    shape: Tensor
    texture: Tensor

    @property
    def view(self) -> tuple[float, float]:
        """Azimuth and elevation in degrees from which it is good to look at."""
        return 25.0, 10.0

    def mesh(self, threshold: float | None = None) -> Mesh:
        """The textured mesh, a bent disc; there is no threshold."""
        return textured_mesh(self.shape, self.texture)


Shape = VoxelShape | SurfelShape | MeshShape


class Codes(NamedTuple):
    """Latents of a few examples (N, Z), and the `mean` and `spread` (Z,) of those of many."""

    examples: Tensor
    mean: Tensor
    spread: Tensor


@dataclass(frozen=True)
class Choice:
    """A model that can be chosen.

    Fields:
        title: what it was trained on, for a list of models.
        kind: `voxels`, `surfels` or `meshes`.
        config: makes the config of its experiment.
        layout: of the pictures that it knows.
        threshold: for `VoxelShape`.
    """

    title: str
    kind: str
    config: Callable[[], Any]
    layout: Layout
    threshold: float = FAINT


# Each imports its experiment when it is asked for: some bring libraries that others need not wait for.


def _digits() -> Any:
    from inverse_graphics.experiments import digit_geometry

    return digit_geometry.configs("quick")["vae"]


def _garments() -> Any:
    from inverse_graphics.experiments import garment_slices

    return garment_slices.configs("quick")["aae"]


def _chairs() -> Any:
    from inverse_graphics.experiments import chairs

    return chairs.configs("quick")["hypotheses"]


def _heads() -> Any:
    from inverse_graphics.experiments import heads

    return heads.configs("quick")["solid"]


def _cups() -> Any:
    from inverse_graphics.experiments import cups

    return cups.configs("quick")["aae"]


def _all() -> Any:
    from inverse_graphics.experiments import final_model

    return final_model.configs("quick")["all"]


def _surfels(kind: str) -> Callable[[], Any]:
    def config() -> Any:
        from inverse_graphics.experiments import pix2scene

        return pix2scene.configs("quick")[kind]

    return config


def _faces() -> Any:
    from inverse_graphics.experiments import mesh_gan

    return mesh_gan.configs("quick")["full"]


MODELS = {
    "digits": Choice("handwritten digits, VAE", "voxels", _digits, DIGITS),
    "garments": Choice("garments, shoes and bags, AAE", "voxels", _garments, GARMENTS),
    # Judged at 0.5, where thin legs go
    "chairs": Choice("silhouettes of chairs from any side, VAE", "voxels", _chairs, SILHOUETTES, 0.3),
    "heads": Choice("photographs of faces, as solid heads, AAE", "voxels", _heads, PHOTOGRAPHS, 0.5),
    "cups": Choice("rendered cups and persons, AAE", "voxels", _cups, Layout(longest=26)),
    "all": Choice("digits, garments, faces and objects at once, μ-VAE", "voxels", _all, Layout(longest=24)),
    "surfels-shapes": Choice("rooms with one simple shape", "surfels", _surfels("shapes"), ROOMS),
    "surfels-boxes": Choice("rooms with a turned box", "surfels", _surfels("box_rotation"), ROOMS),
    "surfels-household": Choice("rooms with a household object", "surfels", _surfels("household"), ROOMS),
    "faces": Choice("photographs of faces with hair and neck, as textured meshes, GAN", "meshes", _faces, PORTRAITS),
}


class VoxelModel:
    """A voxel autoencoder behind one of `MODELS`. Pictures are (1, 28, 28), latents (Z,)."""

    def __init__(self, choice: Choice, result: Result) -> None:
        from inverse_graphics.experiments.voxel_autoencoder import load_autoencoder, load_azimuth_source

        self.layout, self.threshold, self.result = choice.layout, choice.threshold, result
        self._network, self._source = load_autoencoder(result), load_azimuth_source(result)
        self.codes = _stored_codes(result)

    def encode(self, picture: Tensor) -> Tensor:
        return self._network.encoder(_checked(picture, self.layout)[None]).mean[0]

    def decode(self, latent: Tensor, picture: Tensor | None = None) -> VoxelShape:
        """The shape of a latent. A model of azimuth hypotheses carves it by the picture, or else by its own."""
        voxels, projection, _ = self._network.decode(latent[None])
        if isinstance(self._source, AzimuthHypotheses):
            voxels = self._carved(voxels, projection if picture is None else picture[None])
        albedo = self._network.decoder(latent[None]).albedo[0] if self._network.settings.solid_head else None
        return VoxelShape(voxels[0], self.threshold, albedo)

    def reconstruct(self, picture: Tensor) -> VoxelShape:
        return self.decode(self.encode(picture), picture)

    def _carved(self, voxels: Tensor, picture: Tensor) -> Tensor:
        from inverse_graphics.experiments.chairs import in_true_frame

        turns = self._source.azimuths
        hull = visual_hull(project_around(voxels, turns), turns)
        carved = carve(hull, picture, self._source(picture), turns, self.result.config["symmetric"])
        return in_true_frame(self.result, "carved", carved)


class SurfelRoomModel:
    """A surfel model behind one of `MODELS`. Pictures are (3, 64, 64), latents (Z,); the camera stands where the middle
    of its training pictures was taken from."""

    def __init__(self, choice: Choice, result: Result) -> None:
        from inverse_graphics.experiments.pix2scene import load_model
        from inverse_graphics.experiments.pix2scene_samples import camera_at

        self.layout, self.result = choice.layout, result
        self._network, self._camera = load_model(result), camera_at(AZIMUTH, ELEVATION)
        self.codes = _stored_codes(result)

    def encode(self, picture: Tensor) -> Tensor:
        return self._network.encode(_checked(picture, self.layout)[None], self._camera)[0]

    def decode(self, latent: Tensor, picture: Tensor | None = None) -> SurfelShape:
        """The scene of a latent, in the colours of the picture, or else of its own rendering."""
        depth = self._network.decode(latent[None], self._camera)
        return SurfelShape(depth[0, 0], self._camera, self._rendered(depth) if picture is None else picture)

    def reconstruct(self, picture: Tensor) -> SurfelShape:
        return self.decode(self.encode(picture), picture)

    def _rendered(self, depth: Tensor) -> Tensor:
        from inverse_graphics.datasets import scenes
        from inverse_graphics.renderers.shading import Lights
        from inverse_graphics.renderers.surfels import render_surfels

        positions, colours = torch.tensor([scenes.LIGHT_POSITIONS]), torch.tensor([scenes.LIGHT_COLOURS])
        lights = Lights(positions, colours, torch.full((1, 3), scenes.AMBIENT), quadratic=scenes.QUADRATIC)
        return render_surfels(depth, self._camera, lights, scenes.ALBEDO).image[0].clamp(0, 1)


class MeshModel:
    """A mesh generator behind one of `MODELS`. Pictures are (3, N, N); latents are styles of its objects (W,), which it
    takes seconds to find for a picture."""

    def __init__(self, choice: Choice, result: Result) -> None:
        from inverse_graphics.experiments.mesh_gan import load_generator
        from inverse_graphics.experiments.mesh_inversion import known_styles

        self.layout, self.result = choice.layout, result
        self._generator = load_generator(result)
        self._objects, self._backgrounds = known_styles(self._generator)
        examples = self._generator.styles(self._generator.object_mapping, result.arrays()["latents"])
        self.codes = Codes(examples, self._objects.mean, self._objects.spread)

    def encode(self, picture: Tensor) -> Tensor:
        from inverse_graphics.experiments.mesh_inversion import invert

        reach = tuple(math.radians(self.result.config[name]) for name in ("azimuth", "elevation"))
        with torch.enable_grad():
            return invert(self._generator, _checked(picture, self.layout)[None], reach).styles[0]

    def decode(self, latent: Tensor, picture: Tensor | None = None) -> MeshShape:
        """The object of a style; the picture makes no difference."""
        scene = self._generator.scenes(latent[None], self._backgrounds.mean[None])
        return MeshShape(scene.shape[0], scene.texture[0])

    def reconstruct(self, picture: Tensor) -> MeshShape:
        return self.decode(self.encode(picture))


Model = VoxelModel | SurfelRoomModel | MeshModel
CLASSES = {"voxels": VoxelModel, "surfels": SurfelRoomModel, "meshes": MeshModel}


def open_model(name: str) -> Model:
    """One of `MODELS`, ready to be asked.

    Raises:
        ValueError: no such name; the message lists them.
        ResultError: its weights are not there, or not what their recorded hash says.
    """
    choice = MODELS[require_choice("model", name, MODELS)]
    config = choice.config()
    candidates = [config]
    if choice.kind != "surfels":  # some were trained on a stand-in, under its name
        candidates = [replace(config, dataset=dataset) for dataset in with_stand_ins(config.dataset)]
    result = next(filter(None, map(find_result, candidates)), None)
    if result is None or not (result.folder / "weights.safetensors").exists():
        raise ResultError(f"model {name}: its weights are not here. Restore them with `git checkout -- data`.")
    return CLASSES[choice.kind](choice, result)


def reconstruct(model: str, picture: Tensor) -> Shape:
    """The shape that a model, by name, makes of a picture (C, S, S) in [0, 1] in its layout.

    Raises:
        ValueError: no such model, or a picture of another shape or range.
        ResultError: its weights are not there.
    """
    return open_model(model).reconstruct(picture)


def sample(model: Model, count: int, seed: int) -> list[Shape]:
    """Shapes of `count` random latents; the same seed, the same shapes.

    They come from a Gaussian that has the means and spreads of the test pictures' own codes, not from the prior: the
    codes of some objectives lie elsewhere, and there is nothing where they are not.
    """
    _, mean, spread = model.codes
    noise = torch.randn(count, len(mean), generator=generator_for(seed, 0))
    return [model.decode(latent) for latent in mean + spread * noise]


def interpolate(model: Model, first: Tensor, last: Tensor, steps: int) -> list[Shape]:
    """Shapes along the straight line between the latents of two pictures (C, S, S), both ends among them.

    Raises:
        ValueError: fewer than 2 steps.
    """
    if steps < 2:
        raise ValueError(f"steps: expected 2 or more, got {steps}")
    start, end = model.encode(first), model.encode(last)
    return [model.decode(torch.lerp(start, end, share)) for share in torch.linspace(0, 1, steps).tolist()]


def _stored_codes(result: Result) -> Codes:
    arrays = result.arrays()
    return Codes(*(arrays[name].float() for name in ("example_latents", "latent_mean", "latent_std")))


def _checked(picture: Tensor, layout: Layout) -> Tensor:
    return require_tensor("picture", picture, f"{3 if layout.colour else 1} {layout.side} {layout.side}")
