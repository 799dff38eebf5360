"""Where the azimuth of a picture comes from, apart from the encoder: a latent of its own, or hypotheses compared.

AzimuthLatent      Z_θ of the final model (Uçar 2019, Sec. 3.2 and 4.4): noise → azimuths, whatever the picture
AzimuthHypotheses  not in the paper: a picture → how well each of K azimuths explains it, by a mean shape
"""

import math

import torch
from torch import Tensor, nn

from inverse_graphics.checks import require_tensor
from inverse_graphics.models.voxels import SIDE, Posterior
from inverse_graphics.renderers.visual_hulls import back_project
from inverse_graphics.renderers.voxels import project_around


class AzimuthLatent(nn.Module):
    """Z_θ: (μ_θ, σ_θ), learnt directly (SVI, not amortised), and a two-layer tanh network to the azimuth.

    The pose is no function of the picture: pictures share one distribution, or, as in the authors' code, each place in
    a batch ("slot") has its own μ_θ and σ_θ.

    Args:
        slots: how many (μ_θ, σ_θ) there are; picture i of a batch takes number i modulo `slots`.
        reach: radians, the farthest to either side. The paper's is π.
        size, hidden: 12 and 10 in the authors' code.
    """

    def __init__(self, slots: int = 1, reach: float = math.pi, size: int = 12, hidden: int = 10) -> None:
        super().__init__()
        self.slots, self.reach, self.size = slots, reach, size
        self.mean = nn.Parameter(torch.zeros(slots, size))
        self.log_variance = nn.Parameter(torch.zeros(slots, size))
        self.network = nn.Sequential(nn.Linear(size, hidden), nn.Tanh(), nn.Linear(hidden, 1), nn.Tanh())

    def forward(self, noise: Tensor) -> Tensor:
        """Standard normal (B, size) → azimuths (B,) in radians."""
        rows = torch.arange(len(noise), device=noise.device) % self.slots
        latent = self.posterior().sample(noise.view(len(noise), -1), rows)
        return self.network(latent).float().squeeze(1) * self.reach

    def front(self) -> Tensor:
        """The azimuth (1,) at the mean of Z_θ, of the first slot: from where the shapes show what the pictures show."""
        return self.network(self.mean[:1]).float().squeeze(1) * self.reach

    def posterior(self) -> "SlotPosterior":
        return SlotPosterior(self.mean, self.log_variance)


class SlotPosterior(Posterior):
    """A `Posterior` whose rows are slots, not pictures."""

    def sample(self, noise: Tensor, rows: Tensor) -> Tensor:
        """z = μ + σ·noise for (B, Z), row i from slot `rows[i]`."""
        return self.mean[rows] + (0.5 * self.log_variance[rows]).exp() * noise


class AzimuthHypotheses(nn.Module):
    """K azimuths and a mean shape seen from them: which azimuth explains a picture best, and how sure that is.

    `training.hypotheses.fit_mean_shape` finds the mean shape from pictures alone.
    """

    def __init__(self, count: int = 12) -> None:
        super().__init__()
        self.register_buffer("voxels", torch.zeros(SIDE, SIDE, SIDE))
        self.register_buffer("azimuths", torch.arange(count) * (2 * math.pi / count))

    def forward(self, images: Tensor, temperature: float = 4.0) -> Tensor:
        """Posterior over the K azimuths under a uniform prior, (B, 1, H, W) → (B, K), rows sum to 1.

        Args:
            temperature: of exp(−squared error / temperature); the error is summed over pixels. Raising it spreads the
                posterior out.
        """
        return (-squared_errors(images, self.views()) / temperature).softmax(1)

    def views(self) -> Tensor:
        """(K, H, W): the mean shape from each azimuth."""
        return project_around(self.voxels[None], self.azimuths)[0]


def likely_azimuth(source: AzimuthLatent | AzimuthHypotheses | None, images: Tensor) -> Tensor | None:
    """Where pictures (B, 1, H, W) are most likely seen from, (B,) radians: the hypothesis that explains each best. None
    without hypotheses: then it is the model's own affair."""
    return source.azimuths[source(images).argmax(1)] if isinstance(source, AzimuthHypotheses) else None


def front_azimuth(source: AzimuthLatent | AzimuthHypotheses | None) -> float:
    """Radians from where a model's shapes show what its pictures show: not 0 where Z_θ has settled elsewhere."""
    return source.front().item() if isinstance(source, AzimuthLatent) else 0.0


def squared_errors(images: Tensor, views: Tensor) -> Tensor:
    """‖x − P_k‖² summed over pixels: (B, 1, H, W), (K, H, W) → (B, K)."""
    pictures, views = require_tensor("images", images, "B 1 H W").flatten(1), views.flatten(1)
    return pictures.square().sum(1, keepdim=True) - 2 * pictures @ views.T + views.square().sum(1)


def carve(voxels: Tensor, images: Tensor, posterior: Tensor, azimuths: Tensor, symmetric: bool) -> Tensor:
    """Take from a shape what its picture says is empty: voxels × the picture's back-projection, averaged over azimuths.

    A left-right symmetric shape must also fit the mirrored picture from the mirrored azimuth. That makes the one true
    ambiguity harmless: of such a shape, the silhouettes from θ and from π − θ are the same, and both are carved.

    Args:
        voxels: (B, D, H, W) in [0, 1], D = W.
        images: (B, 1, H, W) silhouettes in [0, 1].
        posterior: (B, K) over `azimuths` (K,), rows sum to 1.
        symmetric: whether the shapes are left-right symmetric.

    Returns:
        (B, D, H, W) in [0, 1].
    """
    allowed = torch.zeros_like(voxels)
    for azimuth, weight in zip(azimuths, posterior.T, strict=True):
        allowed += weight[:, None, None, None] * back_project(images[:, 0], azimuth)
    if symmetric:
        allowed = torch.minimum(allowed, allowed.flip(3))
    return (voxels * allowed).clamp(0, 1)
