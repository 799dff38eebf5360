"""pix-f7, f8 and f9: scenes drawn from the prior, drawn by class, and between two scenes.

Cameras are known, so what differs between scenes is what stands in the room: everything here is measured on the
*relief*, how far before the empty room's depth a surfel lies, 0 where nothing stands. Without that, where cameras stand
would outweigh it all.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.datasets.scenes import DISTANCE, FIELD_OF_VIEW, TARGET, SceneSet, cast_rays, view_from
from inverse_graphics.experiments.pix2scene import decode, encode, sample
from inverse_graphics.experiments.pix2scene_figures import Seen, shown, truth
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.metrics.classification import classify
from inverse_graphics.metrics.smoothness import traversal_smoothness
from inverse_graphics.models.surfels import SurfelModel

LEAST = 0.04  # world units before the empty room's surface from which on a surfel belongs to an object
# Raising it forgets where objects touch the floor; less takes a room that a model has a little wrong for an object
CROP, SIDE = 0.45, 24  # of a picture about its object, as a share of the picture's side; pixels of the crop
KEPT = 0.9
BLUR = 3  # pixels of 64: at this, edges are gone and places are not
REAL = "real test scenes"
OTHER_REAL, REAL_BLURRED = "other real scenes", "other real scenes, blurred"
SAMPLES, RECONSTRUCTIONS = "samples", "reconstructions"
FITTED = "samples, codes as training pictures'"
ONE_SCENE, EMPTY = "mean of real scenes", "empty room"
FLOORS = (ONE_SCENE, EMPTY)


class Reliefs(NamedTuple):
    """What scenes add to the empty room: `depth` (N, 1, H, W), world units, and `image` (N, 3, H, W), −1 … 1."""

    depth: Tensor
    image: Tensor


def empty_room(camera: Cameras, size: int) -> Tensor:
    """Depth (N, 1, size, size) of the room with nothing in it."""
    directions = (camera.rays(size, size).view(-1, 3) @ camera.rotation()).double()  # (N, H·W, 3) world
    cast = [
        torch.from_numpy(cast_rays([], position.numpy(), toward.numpy())[0])
        for position, toward in zip(camera.position.double(), directions, strict=True)
    ]
    return torch.stack(cast).float().view(len(camera), 1, size, size)


def reliefs(seen: Seen, scenes: SceneSet) -> Reliefs:
    """Of scenes seen by the cameras and under the lights of a set."""
    room = shown(empty_room(scenes.camera, seen.depth.shape[-1]), scenes.camera, scenes.lights, scenes.albedo)
    return Reliefs(room.depth - seen.depth, seen.image - room.image)


def covered(relief: Tensor) -> Tensor:
    """Share of pixels (N,) that show an object, for reliefs of depth (N, 1, H, W)."""
    return (relief > LEAST).float().mean((1, 2, 3))


def energy_distance(samples: Tensor, others: Tensor) -> float:
    """2 E|X − Y| − E|X − X'| − E|Y − Y'| of two sets (N, ...) and (M, ...), |·| the root mean square over elements.

    0 for two samples of one distribution, apart from chance, which can make it a little negative; in the unit of the
    elements (Székely & Rizzo 2013; the estimate without bias).
    """
    a, b = samples.flatten(1), others.flatten(1)
    within = sum(torch.cdist(part, part).sum() / (len(part) * (len(part) - 1)) for part in (a, b))
    return ((2 * torch.cdist(a, b).mean() - within) / a.shape[1] ** 0.5).item()


# Figure 7: samples


def drawn(model: SurfelModel, scenes: SceneSet, seed: int, labels: Tensor | None = None) -> Seen:
    """A scene from the prior for each camera of a set, under its lights."""
    depth = sample(model, scenes.camera, torch.Generator().manual_seed(seed), labels)
    return shown(depth, scenes.camera, scenes.lights, scenes.albedo)


def fitted_latents(model: SurfelModel, train: SceneSet, count: int, seed: int) -> Tensor:
    """Latents (count, Z) from the Gaussian with the mean and covariance of those of training pictures.

    Where codes do not fill the prior, this is where they are (Ghosh et al. 2020). Not in the paper.
    """
    known = encode(model, train)
    spread = torch.linalg.cholesky(known.mT.cov() + 1e-4 * torch.eye(known.shape[1]))  # codes may be of lower rank
    noise = torch.randn(count, known.shape[1], generator=torch.Generator().manual_seed(seed))
    return known.mean(0) + noise @ spread.mT


def sampled_views(
    model: SurfelModel,
    scenes: SceneSet,
    azimuths: Sequence[float],
    elevation: float,
    seed: int,
    latents: Tensor | None = None,
) -> list[Seen]:
    """As many scenes from the prior as there are in a set, each seen from several azimuths, in degrees, under the set's
    lights: one entry for each azimuth. `latents` (N, Z) take the place of the prior's."""
    if latents is None:
        latents = torch.randn(len(scenes), model.settings.latent, generator=torch.Generator().manual_seed(seed))
    cameras = [camera_at(azimuth, elevation, len(scenes)) for azimuth in azimuths]
    return [
        shown(decode(model, latents, camera, scenes.labels), camera, scenes.lights, scenes.albedo) for camera in cameras
    ]


def camera_at(azimuth: float, elevation: float, count: int = 1) -> Cameras:
    """Cameras as those of `load_scenes`, all at one place; degrees."""
    angles = (torch.full((count,), math.radians(angle)) for angle in (azimuth, elevation))
    return Cameras.orbit(*angles, DISTANCE, FIELD_OF_VIEW, target=torch.tensor(TARGET))


def sample_table(model: SurfelModel, test: SceneSet, train: SceneSet, seed: int = 0) -> pd.DataFrame:
    """How far sets of scenes are from real test scenes, by `energy_distance` of their reliefs.

    Rows: samples from the prior, and from `fitted_latents`; reconstructions of the test pictures, which the decoder
    sets a limit to; as many training scenes, and the same blurred; the training scenes' mean relief from everywhere;
    the empty room. `covered` is the share of pixels that show an object, and its standard deviation over scenes.

    Args:
        train: as many scenes as in `test`.
    """
    real, other = reliefs(truth(test), test), reliefs(truth(train), train)
    again = shown(decode(model, encode(model, test), test.camera, test.labels), test.camera, test.lights, test.albedo)
    near = decode(model, fitted_latents(model, train, len(test), seed), test.camera, test.labels)
    mean, nothing = (Reliefs(*(change(part).expand_as(part) for part in other)) for change in (_mean, torch.zeros_like))
    sets = {
        OTHER_REAL: other,
        REAL_BLURRED: Reliefs(*(blurred(part) for part in other)),
        RECONSTRUCTIONS: reliefs(again, test),
        SAMPLES: reliefs(drawn(model, test, seed, test.labels), test),
        FITTED: reliefs(shown(near, test.camera, test.lights, test.albedo), test),
        ONE_SCENE: mean,
        EMPTY: nothing,
    }
    rows = {}
    for name, found in sets.items():
        shares = covered(found.depth)
        rows[name] = {
            "depth": energy_distance(found.depth, real.depth),
            "picture": energy_distance(found.image, real.image),
            "covered": shares.mean().item(),
            "covered, ±": shares.std().item(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("scenes")


def sample_verdict(table: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason on "correct 3D interpretations are generated".

    "reproduced" if the samples are less than half as far from real scenes as the better floor, in depth and in picture;
    "partly" if they are nearer than both floors in one of them; else "not reproduced".
    """
    shares, told = [], []
    for part in ("depth", "picture"):
        ours, floor = table.loc[SAMPLES, part], table.loc[list(FLOORS), part]
        shares.append(ours / floor.min())
        told.append(
            f"energy distance to real scenes in {part} {ours:.2g}, best floor {floor.min():.2g} ({floor.idxmin()}), "
            f"other real scenes {table.loc[OTHER_REAL, part]:.1g}"
        )
    verdict = "reproduced" if max(shares) < 0.5 else "partly" if min(shares) < 1 else "not reproduced"
    return verdict, "; ".join(told)


def blurred(pictures: Tensor) -> Tensor:
    """(N, C, H, W) blurred by a Gaussian of `BLUR` pixels of 64."""
    sigma = BLUR * pictures.shape[-1] / 64
    reach = min(round(3 * sigma), pictures.shape[-1] - 1)
    weights = torch.exp(-(torch.arange(-reach, reach + 1) / sigma).square() / 2)
    kernel = (weights / weights.sum()).expand(pictures.shape[1], 1, 1, -1)
    padded = F.pad(pictures, (reach,) * 4, mode="reflect")
    across = F.conv2d(padded, kernel, groups=pictures.shape[1])
    return F.conv2d(across, kernel.mT, groups=pictures.shape[1])


# Figure 8: samples of a class


def cropped(relief: Tensor) -> Tensor:
    """What stands out, moved to the middle: reliefs of depth (N, 1, H, W) → (N, 1, `SIDE`, `SIDE`)."""
    weight = relief.where(relief > LEAST, 0)
    weight = weight / weight.sum((1, 2, 3), keepdim=True).clamp_min(LEAST)  # where nothing stands, all are 0
    down, right = ((torch.arange(side) + 0.5) * 2 / side - 1 for side in relief.shape[2:])
    centre = torch.stack(((weight * right).sum((1, 2, 3)), (weight * down[:, None]).sum((1, 2, 3))), 1)
    frame = torch.cat((CROP * torch.eye(2).expand(len(relief), 2, 2), centre[..., None]), 2)
    grid = F.affine_grid(frame, (len(relief), 1, SIDE, SIDE), align_corners=False)
    return F.grid_sample(relief, grid, align_corners=False)


def class_samples(model: SurfelModel, scenes: SceneSet, count: int, camera: Cameras, seed: int) -> list[Seen]:
    """`count` latents from the prior, each decoded as every class, for one camera: an entry for each latent, of as many
    scenes as there are classes."""
    classes = torch.arange(len(scenes.class_names))
    everywhere, lights = camera[torch.zeros_like(classes)], scenes.lights[torch.zeros_like(classes)]
    latents = torch.randn(count, model.settings.latent, generator=torch.Generator().manual_seed(seed))
    return [
        shown(decode(model, latent.expand(len(classes), -1), everywhere, classes), everywhere, lights, scenes.albedo)
        for latent in latents
    ]


def class_table(model: SurfelModel, test: SceneSet, train: SceneSet, seed: int = 0) -> pd.DataFrame:
    """Shares of scenes whose class is told from their shape by classifiers that know real training scenes alone.

    They see cropped reliefs: no place, no room, no colours. Rows: real test scenes; reconstructions of them; samples
    told to be of their classes, seen by their cameras; the same samples against classes drawn anew, which is chance.
    """
    known = cropped(reliefs(truth(train), train).depth).flatten(1)
    labels = dict.fromkeys((REAL, RECONSTRUCTIONS, SAMPLES), test.labels)
    labels["samples, classes shuffled"] = test.labels[
        torch.randperm(len(test), generator=torch.Generator().manual_seed(seed))
    ]
    again = decode(model, encode(model, test), test.camera, test.labels)
    told = sample(model, test.camera, torch.Generator().manual_seed(seed), test.labels)
    depths = dict(zip(labels, (test.depth, again, told, told), strict=True))
    room = empty_room(test.camera, test.depth.shape[-1])
    rows = {
        name: classify(known, train.labels, cropped(room - depths[name]).flatten(1), labels[name])._asdict()
        for name in labels
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("scenes")


def class_verdict(table: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason on "samples are of the class they are told to be".

    By the better of the two classifiers on real scenes. "reproduced" if the samples' share of right classes lies above
    the middle between chance and that of real scenes, "partly" if two standard errors above chance, else "not
    reproduced".
    """
    real = table.loc[REAL]
    kind = "linear" if real["linear"] >= real["nearest"] else "nearest"
    share, chance, count = table.loc[SAMPLES, kind], real["chance"], int(real["count"])
    above = share > chance + 2 * (share * (1 - share) / count) ** 0.5
    reason = (
        f"a classifier of real shapes finds the class that was asked for in {share:.0%} of {count} samples, and "
        f"the true one in {real[kind]:.0%} of real test scenes; chance {chance:.0%}"
    )
    if above and share >= (chance + real[kind]) / 2:
        return "reproduced", reason
    return ("partly" if above else "not reproduced"), reason


# Figure 9: between two scenes


class Walk(NamedTuple):
    """From one scene to another, both seen by the camera of the first: `ends`, the true pictures (N, 2, 3, H, W);
    depth (N, K, 1, H, W) through the latents, `latent`, and faded pixel by pixel between the same ends, `faded`."""

    ends: Tensor
    latent: Tensor
    faded: Tensor
    scenes: SceneSet  # the first of each pair: cameras and lights

    def maps(self, depth: Tensor) -> list[Seen]:
        """K views of N scenes from depth (N, K, 1, H, W)."""
        return [shown(part, self.scenes.camera, self.scenes.lights, self.scenes.albedo) for part in depth.unbind(1)]


def walks(model: SurfelModel, scenes: SceneSet, steps: int) -> Walk:
    """Walks between the first and the second half of the scenes, in a straight line and evenly from z₁ to z₂."""
    half = len(scenes) // 2
    first, second = scenes.pick(torch.arange(half)), scenes.pick(torch.arange(half, 2 * half))
    second = view_from(second, first.camera)
    start, end = encode(model, first), encode(model, second)
    shares = torch.linspace(0, 1, steps)
    depth = torch.stack([decode(model, start.lerp(end, t), first.camera, first.labels) for t in shares.tolist()], 1)
    weight = shares.view(1, -1, 1, 1, 1)
    faded = (1 - weight) * depth[:, :1] + weight * depth[:, -1:]
    return Walk(torch.stack((first.images, second.images), 1), depth, faded, first)


def walk_table(found: Walk) -> pd.DataFrame:
    """Walks through the latents beside pixels that fade, means over the pairs.

    `unevenness`, `detour` of the depth maps: see `traversal_smoothness`; both are 1 for what fades. `height`: how far
    objects stand out of the room half-way, over that at the ends: 1 if an object stays one, about a half if two fade.
    `covered`: the same of their pixels: 1 if one object stays one, up to 2 if both are there.
    """
    room = empty_room(found.scenes.camera, found.latent.shape[-1])[:, None]
    rows = {}
    for name, depth in (("latents", found.latent), ("pixels fade", found.faded)):
        smooth = traversal_smoothness(depth)
        relief = room - depth
        steps = [relief[:, at] for at in (0, relief.shape[1] // 2, -1)]
        shares, heights = ([part(one).mean().item() for one in steps] for part in (covered, _height))
        rows[name] = {
            "unevenness": smooth.unevenness.mean().item(),
            "detour": smooth.detour.mean().item(),
            "height": 2 * heights[1] / max(heights[0] + heights[2], 1e-9),  # prevents 0/0 of an untrained model
            "covered": 2 * shares[1] / max(shares[0] + shares[2], 1e-9),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("between two scenes")


def walk_verdict(tables: Mapping[str, pd.DataFrame]) -> tuple[str, str]:
    """Verdict and reason on "what lies between two latents is a scene, too".

    "reproduced" if in every setting objects half-way stand out more than half-way from what fades to 1, and no step is
    twice the mean; "partly" if they stand out more than what fades; else "not reproduced". Where what fades keeps
    `KEPT` of its height, the two ends are the same, and nothing is shown.
    """
    good, better, told = True, True, []
    for name, table in tables.items():
        ours, fades = table.loc["latents"], table.loc["pixels fade"]
        better &= fades["height"] < KEPT and ours["height"] > fades["height"]
        good &= better and ours["height"] > (1 + fades["height"]) / 2 and ours["unevenness"] < 2
        told.append(
            f"{name}: objects half-way stand out {ours['height']:.2f} times as far as at the ends, "
            f"{fades['height']:.2f} where pixels fade; largest step {ours['unevenness']:.2f} times the mean"
        )
    return ("reproduced" if good else "partly" if better else "not reproduced"), "; ".join(told)


def _mean(part: Tensor) -> Tensor:
    return part.mean(0, keepdim=True)


def _height(relief: Tensor) -> Tensor:
    """Mean relief (N,) of the pixels that show an object."""
    mask = (relief > LEAST).float()
    return (mask * relief).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp_min(1)
