"""pix-f11: what Pix2Scene makes of the pictures of 3D-IQTT: depth, normals, and the picture again.

The camera's place is not told, so all is in the axes of the camera, as if it stood on +z. The model's lights stand on
the camera's axis; a question's two coloured ones stand somewhere in their cones, and it cannot be told where.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from inverse_graphics.checks import require_tensor
from inverse_graphics.datasets.iqtt import PUBLISHED, Questions
from inverse_graphics.models.iqtt_published import SplitLatentModel, picture
from inverse_graphics.renderers.polycubes import Views, as_boxes, cast
from inverse_graphics.renderers.surfels import normals_from_depth


class Maps(NamedTuple):
    """`image` (N, 3, S, S) in [0, 1]; `depth` (N, 1, S, S) along each pixel's ray; `normals` (N, 3, S, S) in the
    camera's axes; `seen` (N, 1, S, S) bool: the object, not the sphere behind it."""

    image: Tensor
    depth: Tensor
    normals: Tensor
    seen: Tensor


def references(questions: Questions, size: int) -> Maps:
    """The reference of each question as it truly is, at another size."""
    cells = questions.truth.objects[:, 0].long()
    views = _views(questions.truth.azimuth[:, 0], questions.truth.elevation[:, 0])
    hits = cast(*as_boxes(cells), views, size, torch.full((len(cells),), PUBLISHED.vignette[0]))
    depth = (hits.points - views.position()[:, :, None, None]).norm(dim=1, keepdim=True)
    normals = torch.einsum("bij,bjhw->bihw", views.rotation(), hits.normals)
    pictures = questions.pictures()[:, 0]
    if pictures.shape[-1] != size:
        pictures = torch.nn.functional.interpolate(pictures, (size, size), mode="area")
    return Maps(pictures, depth, normals, hits.seen[:, None])


@torch.no_grad()
def reconstructed(model: SplitLatentModel, pictures: Tensor) -> Maps:
    """Pictures (N, 3, H, W) in [0, 1] as the model makes them again, from the means of their latents."""
    depth = model.decode(model.posterior(pictures).mean)
    camera = model.camera(torch.zeros(len(depth), model.settings.latent).index_fill(1, _last(model), 1.0))
    normals = normals_from_depth(depth, camera)
    towards = torch.einsum("bij,bjhw->bihw", camera.rotation(), normals)
    farthest = PUBLISHED.distance[0] + 0.5 * 3**0.5  # of any object: its longest side is 1
    return Maps(picture(depth).clamp(0, 1), depth, towards, depth < farthest)


def errors(ours: Maps, truth: Maps) -> dict[str, Tensor]:
    """Errors (N,) of each reconstruction.

    Returns:
        `image`, mean squared error of the picture; `depth`, mean squared error where the object truly is, world units
        squared (its longest side is 1); `outline`, shared pixels of object and reconstruction over all of either.
    """
    shape = " ".join(map(str, truth.depth.shape))
    require_tensor("ours.depth", ours.depth, shape)
    seen, claimed = truth.seen.flatten(1), ours.seen.flatten(1)
    squared = (ours.depth - truth.depth).square().flatten(1)
    return {
        "image": (ours.image - truth.image).square().flatten(1).mean(1),
        "depth": (squared * seen).sum(1) / seen.sum(1).clamp_min(1),
        "outline": (seen & claimed).sum(1) / (seen | claimed).sum(1).clamp_min(1),
    }


def mean_answer(known: Maps, count: int) -> Maps:
    """The floor that looks at no picture: mean picture and depth of known ones, object where most of them have it."""
    image, depth = (part.mean(0, keepdim=True).expand(count, -1, -1, -1) for part in (known.image, known.depth))
    often = known.seen.float().mean(0, keepdim=True) > 0.5
    normals = known.normals.mean(0, keepdim=True)
    return Maps(image, depth, normals.expand(count, -1, -1, -1), often.expand(count, -1, -1, -1))


def nearest_answer(known: Maps, pictures: Tensor) -> Maps:
    """The floor that learns nothing: what belongs to the known picture that is most alike, pixel by pixel."""
    apart = torch.cdist(pictures.flatten(1), known.image.flatten(1))
    return Maps(*(part[apart.argmin(1)] for part in known))


def verdict(ours: dict[str, float], floors: dict[str, dict[str, float]]) -> tuple[str, str]:
    """Whether reconstructions are better than the floors in picture, depth and outline, and where they are not."""
    better = {
        measure: all((ours[measure] > floor[measure]) == (measure == "outline") for floor in floors.values())
        for measure in ours
    }
    if all(better.values()):
        return "reproduced", ""
    lost = ", ".join(measure for measure, is_better in better.items() if not is_better)
    return ("partly" if any(better.values()) else "not reproduced"), f"not better than the floors in {lost}"


def _views(azimuth: Tensor, elevation: Tensor) -> Views:
    like = torch.ones_like(azimuth)
    field_of_view = (like * PUBLISHED.field_of_view[0]).deg2rad()
    return Views(azimuth, elevation, like * PUBLISHED.distance[0], field_of_view, like.new_zeros(len(like), 2))


def _last(model: SplitLatentModel) -> Tensor:
    """Which number of a latent says that the camera is on +z: the third of the view."""
    return torch.tensor([model.settings.latent - model.view + 2])
