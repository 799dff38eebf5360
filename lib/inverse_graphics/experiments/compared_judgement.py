"""Shapes of any kind against the truth, by one code: voxels, surfels, meshes, and floors that need no training.

An `Answer` is all that is judged of a shape: what its own view and four further ones show, and, where a shape has an
inside, its cells and points on its surface. Solids are ray cast as the truth is, and so are
surfels where they are seen from elsewhere. What a kind of shape cannot give is None, and no number is made of it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import trimesh
from scipy.spatial import QhullError
from torch import Tensor

from inverse_graphics.datasets.compared import (
    BLOCK,
    CATEGORIES,
    DISTANCE,
    ComparedSet,
    Seen,
    lit,
    object_mesh,
    see,
    surface_points,
)
from inverse_graphics.datasets.images import resize
from inverse_graphics.experiments.pix2scene import nearest_pictures
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.geometry.depth_maps import depth_surface
from inverse_graphics.geometry.shape_images import disc_mesh, vertices_of
from inverse_graphics.geometry.voxel_grids import voxels_to_mesh
from inverse_graphics.metrics.baselines import mean_shape
from inverse_graphics.metrics.frechet import distances
from inverse_graphics.metrics.hausdorff import hausdorff
from inverse_graphics.metrics.voxel_overlap import best_threshold, voxel_iou
from inverse_graphics.models.voxels import SIDE
from inverse_graphics.renderers.mesh_views import voxelise
from inverse_graphics.renderers.shading import Lights
from inverse_graphics.renderers.surfels import back_project, normals_from_depth
from inverse_graphics.renderers.voxels import rotate_voxels
from inverse_graphics.training.compared import draw_meshes

BACK = DISTANCE + 1.0  # depth that counts where one of two shapes is not seen: just behind all objects
JUMP = 0.2  # of depth between neighbouring surfels, beyond which nothing joins them
MISSED = 90.0  # degrees: the normal error of a pixel where nothing stands though something should
SHOWN, SHOWN_VIEWS = 6, (0, 3)  # objects in figures, and from where: the picture's view, and 90° further about
FLOORS = ("mean shape", "extruded silhouette", "nearest neighbour")
MEAN_OF = 2 * BLOCK  # training objects that the mean shape is of, and what floors are set on


class Answer(NamedTuple):
    """A shape as it is judged.

    Fields:
        seen: depth (5, 1, S, S) and normals (5, 3, S, S) in the picture's view and the four further ones.
        pictures: (5, 3, S, S) in [0, 1] of these views in colours of its own; None where it has none.
        cells: (28, 28, 28) bool; None for what has no inside.
        points: (P, 3) all over its surface, P = 0 for an empty shape; None for what has one side only.
    """

    seen: Seen
    pictures: Tensor | None = None
    cells: Tensor | None = None
    points: Tensor | None = None


def solid_answer(mesh: trimesh.Trimesh, cells: np.ndarray, cameras: Sequence[Cameras], size: int) -> Answer:
    """Of a closed surface and the cells that it fills."""
    seen = see(mesh, _together(cameras), size)
    return Answer(seen, cells=torch.from_numpy(cells), points=surface_points(mesh, cells))


def voxel_answer(voxels: Tensor, threshold: float, cameras: Sequence[Cameras], size: int) -> Answer:
    """Of voxels (28, 28, 28) in [0, 1]: the cells over a threshold, and the surface around them."""
    return solid_answer(voxels_to_mesh(voxels, threshold), (voxels > threshold).numpy(), cameras, size)


def mesh_answer(shape: Tensor, texture: Tensor, cameras: Sequence[Cameras], size: int) -> Answer:
    """Of a shape image (1, 3, N, N) and its texture: the disc, its rim drawn together."""
    mesh = closed_disc(shape[0])
    answer = solid_answer(mesh, voxelise(mesh, SIDE), cameras, size)
    drawn = [draw_meshes(shape, texture, camera, size, band=0.0)[0] for camera in cameras]
    return answer._replace(pictures=torch.cat(drawn).clamp(0, 1))


def surfel_answer(depth: Tensor, cameras: Sequence[Cameras], lights: Lights) -> Answer:
    """Of a depth map (1, 1, S, S) from the first camera, ∞ where nothing is; coloured by lights that are known.

    From the further cameras the same surfels are seen, neighbours joined where depth does not jump, and holes where the
    first camera saw nothing.
    """
    surface = depth_surface(depth[0, 0], cameras[0], jump=JUMP)
    sheet = trimesh.Trimesh(surface.vertices.numpy(), surface.faces.numpy(), process=False)
    try:
        further = see(sheet, _together(cameras[1:]), depth.shape[-1])
    except QhullError:  # so few that they lie in one plane
        further = see(trimesh.Trimesh(), _together(cameras[1:]), depth.shape[-1])
    seen = Seen(*map(torch.cat, zip(_with_normals(depth, cameras[0]), further, strict=True)))
    shown = (Seen(depth, normals) for depth, normals in zip(*(part.split(1) for part in seen), strict=True))
    pictures = [lit(one, camera, lights) for one, camera in zip(shown, cameras, strict=True)]
    return Answer(seen, torch.cat(pictures))


def closed_disc(shape: Tensor) -> trimesh.Trimesh:
    """The mesh of a shape image (3, N, N) with a fan of triangles from its rim to the rim's middle, so that it has an
    inside."""
    mesh = disc_mesh(shape.shape[-1])
    vertices, faces = vertices_of(shape[None], mesh)[0].numpy(), mesh.faces.numpy()
    edges = np.concatenate([faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    _, first, count = np.unique(np.sort(edges, 1), axis=0, return_index=True, return_counts=True)
    rim = edges[first[count == 1]]  # edges of one face alone
    middle = vertices[np.unique(rim)].mean(0)
    fan = np.column_stack((rim[:, ::-1], np.full(len(rim), len(vertices))))
    return trimesh.Trimesh(np.vstack((vertices, middle)), np.concatenate((faces, fan)), process=False)


def floor_answers(known: ComparedSet, test: ComparedSet) -> dict[str, list[Answer]]:
    """What can be answered without learning, by `FLOORS`. All are told more than the trained: the first two true shapes
    of training objects, to be the mean of and to be set by; the last the true shape of the object whose picture is
    nearest."""
    size = test.images.shape[-1]
    numbers = range(min(MEAN_OF, len(known)))
    true = torch.from_numpy(np.stack([voxelise(object_mesh("train", number), SIDE) for number in numbers]))
    mean = mean_shape(true)
    mean_threshold = best_threshold(mean.expand_as(true), true)
    part = slice(0, len(numbers))
    silhouettes = resize(known.masks[part], SIDE)
    views = known.azimuth[part], known.elevation[part]
    tried = {depth: extruded(silhouettes, *views, depth) for depth in range(2, SIDE + 1, 2)}
    overlap = {depth: voxel_iou(voxels, true, 0.5).mean().item() for depth, voxels in tried.items()}
    depth = max(overlap, key=overlap.get)
    pushed = extruded(resize(test.masks, SIDE), test.azimuth, test.elevation, depth)
    nearest = nearest_pictures(known.images, test.images).tolist()
    found: dict[str, list[Answer]] = {name: [] for name in FLOORS}
    for i, number in enumerate(nearest):
        cameras = views_of(test, i)
        neighbour = object_mesh("train", number)
        found["mean shape"].append(voxel_answer(mean, mean_threshold, cameras, size))
        found["extruded silhouette"].append(voxel_answer(pushed[i], 0.5, cameras, size))
        found["nearest neighbour"].append(solid_answer(neighbour, voxelise(neighbour, SIDE), cameras, size))
    return found


def extruded(silhouettes: Tensor, azimuth: Tensor, elevation: Tensor, cells: int) -> Tensor:
    """Voxels (B, 28, 28, 28): silhouettes (B, 1, 28, 28) pushed along the line of sight, `cells` of it about the
    middle, and turned into the objects' axes."""
    first = (SIDE - cells) // 2
    voxels = silhouettes.new_zeros(len(silhouettes), SIDE, SIDE, SIDE)
    voxels[:, first : first + cells] = silhouettes
    return rotate_voxels(rotate_voxels(voxels, 0.0, -elevation).clamp(0, 1), -azimuth).clamp(0, 1)


def views_of(test: ComparedSet, index: int) -> list[Cameras]:
    """The five cameras that one object is judged from."""
    one = slice(index, index + 1)
    return [test.camera[one], *(test.further(view)[one] for view in range(4))]


# Numbers


def judge_answers(answers: Sequence[Answer], test: ComparedSet) -> dict[str, Any]:
    """Numbers of answers, one for each test object.

    Returns:
        `measures`: mean and standard deviation over objects, and how many, of what `measure` gives, None where the
        answers cannot give it; `by_category`, the means of each category; `frechet`: by features that can be had here,
        `distance` between the further views and the true ones, all lit alike, and `between_halves` of the true ones.
    """
    each = [measure(answer, test, index) for index, answer in enumerate(answers)]
    shown = torch.cat([relit(answer, test, index) for index, answer in enumerate(answers)])
    true = test.truth.further_images.flatten(0, 1)
    groups = {name: [one for one, at in zip(each, test.labels, strict=True) if at == label]
              for label, name in enumerate(CATEGORIES)}  # fmt: skip
    return {
        "measures": {name: _mean_and_spread([one[name] for one in each]) for name in each[0]},
        "by_category": {
            name: {key: _mean_and_spread([one[key] for one in group]) for key in each[0]}
            for name, group in groups.items()
            if group
        },
        "frechet": distances(true, shown),
        "test_objects": len(test),
    }


def measure(answer: Answer, test: ComparedSet, index: int) -> dict[str, float | None]:
    """The numbers of one answer.

    Returns:
        iou: intersection over union of cells.
        chamfer, hausdorff: between points all over the surfaces, world units; an object reaches 0.95 from the origin.
            Chamfer is the mean over both directions, Hausdorff the larger of the two.
        seen_chamfer, seen_hausdorff: the same between the surfels that the picture's camera sees.
        depth_mse: in the picture's view, over pixels that either shape covers, `BACK` where one does not.
        normal_error: degrees, over the object's pixels, `MISSED` where the answer covers them not.
        mask_iou, novel_mask_iou: of silhouettes, in the picture's view and in the four further ones.
        image_mse, novel_image_mse: of pictures in the answer's own colours, likewise.
    """
    truth = test.truth
    depth, true_depth = answer.seen.depth, torch.cat((truth.seen.depth[index : index + 1], truth.further.depth[index]))
    there, truly = depth.isfinite(), true_depth.isfinite()
    silhouettes = [_overlap(one, other) for one, other in zip(there, truly, strict=True)]
    either = (there | truly)[0]
    apart = depth[0].nan_to_num(posinf=BACK) - true_depth[0].nan_to_num(posinf=BACK)
    cosine = (answer.seen.normals[0] * truth.seen.normals[index]).sum(0, keepdim=True).clamp(-1, 1)
    angle = torch.where(there[0], cosine.acos().rad2deg(), MISSED)
    camera = test.camera[index : index + 1]
    seen = _apart(_surfels(depth[:1], camera), _surfels(true_depth[:1], camera))
    whole = (None, None) if answer.points is None else _apart(answer.points, truth.points[index])
    errors: list[float | None] = [None] * 5
    if answer.pictures is not None:
        true_pictures = torch.cat((test.images[index : index + 1], truth.further_images[index]))
        errors = (answer.pictures - true_pictures).square().mean((1, 2, 3)).tolist()
    return {
        "iou": None if answer.cells is None else _overlap(answer.cells, truth.cells[index]),
        "chamfer": whole[0],
        "hausdorff": whole[1],
        "seen_chamfer": seen[0],
        "seen_hausdorff": seen[1],
        "depth_mse": apart[either].square().mean().item(),
        "normal_error": angle[truly[0]].mean().item(),
        "mask_iou": silhouettes[0],
        "novel_mask_iou": sum(silhouettes[1:]) / 4,
        "image_mse": errors[0],
        "novel_image_mse": None if errors[0] is None else sum(errors[1:]) / 4,
    }


def relit(answer: Answer, test: ComparedSet, index: int) -> Tensor:
    """The four further views (4, 3, S, S), grey and under the true lights whatever colours the answer has."""
    lights = test.lights[index : index + 1]
    parts = zip(
        answer.seen.depth[1:].split(1), answer.seen.normals[1:].split(1), views_of(test, index)[1:], strict=True
    )
    return torch.cat([lit(Seen(depth, normals), camera, lights) for depth, normals, camera in parts])


def pictured(test: ComparedSet, answers: Sequence[Answer] | None = None) -> Tensor:
    """Pictures (N, 2, S, S, 3) uint8 of the first N = `SHOWN` objects from `SHOWN_VIEWS`: the true ones; or answers, in
    colours of their own, grey under the true lights if they have none."""
    rows = []
    for index in range(min(SHOWN, len(test))):
        cameras, lights = views_of(test, index), test.lights[index : index + 1]
        for turn in SHOWN_VIEWS:
            if answers is None:
                picture = test.truth.further_images[index, turn - 1] if turn else test.images[index]
            elif (own := answers[index].pictures) is not None:
                picture = own[turn]
            else:
                seen = Seen(*(part[turn : turn + 1] for part in answers[index].seen))
                picture = lit(seen, cameras[turn], lights)[0]
            rows.append(picture.permute(1, 2, 0).mul(255).round().to(torch.uint8))
    return torch.stack(rows).unflatten(0, (-1, len(SHOWN_VIEWS)))


def _together(cameras: Sequence[Cameras]) -> Cameras:
    position, target = (torch.cat([getattr(camera, name) for camera in cameras]) for name in ("position", "target"))
    return Cameras(position, target, cameras[0].field_of_view)


def _with_normals(depth: Tensor, camera: Cameras) -> Seen:
    there = depth.isfinite()
    return Seen(depth, normals_from_depth(depth.nan_to_num(posinf=BACK), camera) * there)


def _surfels(depth: Tensor, camera: Cameras) -> Tensor:
    """Points (N, 3) in camera axes of what a depth map (1, 1, S, S) shows."""
    there = depth.isfinite()
    return back_project(depth.nan_to_num(posinf=BACK), camera)[0][:, there[0, 0]].mT


def _apart(points: Tensor, truth: Tensor) -> tuple[float, float]:
    """Chamfer and Hausdorff distance of points (N, 3) and (M, 3). An empty shape counts as a point at the middle of the
    true one's: so it has a distance, and not a good one."""
    points = points if len(points) else truth.mean(0, keepdim=True)
    found = hausdorff(points.mT[None, :, :, None], truth.mT[None, :, :, None])
    return (
        (found.mean_forward + found.mean_reverse).item() / 2,
        torch.maximum(found.forward, found.reverse).item(),
    )


def _overlap(one: Tensor, other: Tensor) -> float:
    return ((one & other).sum() / (one | other).sum().clamp_min(1)).item()


def _mean_and_spread(values: Sequence[float | None]) -> dict[str, float] | None:
    if None in values:
        return None
    found = torch.tensor(values).double()
    return {"mean": found.mean().item(), "std": found.std(unbiased=len(found) > 1).item(), "n": len(found)}
