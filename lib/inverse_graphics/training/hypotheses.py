"""One shape that explains all pictures of a category, each from its own unknown azimuth: expectation maximisation.

Every picture is compared with the shape seen from K azimuths; the shape moves towards the pictures, each weighed by how
likely its azimuth is. The comparison starts soft and hardens (deterministic annealing). Nothing but pictures goes in.
Finding one volume from projections at unknown angles is how cryo-electron microscopy begins (Scheres 2012).
"""

import torch
from torch import Tensor
from tqdm.auto import tqdm

from inverse_graphics.checks import require_range, require_tensor
from inverse_graphics.models.azimuths import AzimuthHypotheses, squared_errors
from inverse_graphics.models.voxels import SIDE
from inverse_graphics.renderers.voxels import project_around

STEPS = 150
RATE = 0.2  # of Adam, on logits
HOT, COLD = 60.0, 4.0  # temperatures at the start and the end, in squared error per picture
MOST_PICTURES = 1000  # a thousand pictures settle a mean shape; more would only take longer


def fit_mean_shape(
    images: Tensor, hypotheses: AzimuthHypotheses, *, generator: torch.Generator, symmetric: bool, progress: bool = True
) -> float:
    """Find the mean shape of `hypotheses` from pictures alone, and put it there.

    Args:
        images: (N, 1, 28, 28) in [0, 1], silhouettes of upright objects of one category.
        generator: of the noise the shape starts from.
        symmetric: whether to hold the shape left-right symmetric; without it front and back are easily mixed.

    Returns:
        The mean squared error per picture, summed over pixels, under the final posterior.
    """
    require_range("images", require_tensor("images", images, f"N 1 {SIDE} {SIDE}"), 0, 1)
    images = images[:MOST_PICTURES]
    logits = (0.5 * torch.randn(1, SIDE, SIDE, SIDE, generator=generator) - 3).requires_grad_()
    adam = torch.optim.Adam([logits], lr=RATE)
    azimuths = hypotheses.azimuths.cpu()
    for step in tqdm(range(STEPS), desc="mean shape", unit="step", disable=not progress):
        voxels = logits.sigmoid()
        voxels = (voxels + voxels.flip(3)) / 2 if symmetric else voxels
        errors = squared_errors(images, project_around(voxels, azimuths)[0])  # (N, K)
        posterior = balanced_posterior(errors.detach(), HOT * (COLD / HOT) ** (step / STEPS))
        loss = (posterior * errors).sum(1).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    hypotheses.voxels.copy_(voxels[0].detach())
    return loss.item()


def balanced_posterior(errors: Tensor, temperature: float, rounds: int = 10) -> Tensor:
    """exp(−errors / temperature), (N, K), scaled so that rows sum to 1 and all azimuths are used alike (Sinkhorn).

    Views are spread evenly around; without this a few azimuths would attract most pictures at the start.
    """
    log = -errors / temperature
    for _ in range(rounds):
        log = log - log.logsumexp(0, keepdim=True)
        log = log - log.logsumexp(1, keepdim=True)
    return log.exp()
