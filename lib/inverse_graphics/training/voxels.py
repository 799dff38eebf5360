"""Training steps of the voxel autoencoder under its four objectives, with the azimuth from any of five sources
(Uçar 2019, Table 1, Sec. 3.2, 3.4 and 4.2)."""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from inverse_graphics.checks import require_choice
from inverse_graphics.models.azimuths import AzimuthHypotheses, AzimuthLatent
from inverse_graphics.models.voxels import (
    SIDE,
    Head,
    LatentDiscriminator,
    Posterior,
    Reconstruction,
    VoxelAutoencoder,
    view,
)
from inverse_graphics.objectives.aae import LAMBDA, aae, discriminator_loss
from inverse_graphics.objectives.mu_vae import mu_vae, mu_vae_as_printed
from inverse_graphics.objectives.vae import beta_vae, vae
from inverse_graphics.training.loop import Step, clip_gradients, cosine_decay

if TYPE_CHECKING:
    from lightning_fabric import Fabric

VARIATIONAL = {"vae": vae, "beta_vae": beta_vae, "mu_vae": mu_vae, "mu_vae_as_printed": mu_vae_as_printed}
OBJECTIVES = ("vae", "beta_vae", "aae", "mu_vae", "mu_vae_as_printed")
AZIMUTHS = ("constant", "uniform", "encoded", "latent", "hypotheses")
GRADIENT_NORM = 1.0  # per tensor, as in the authors' code
HEAD_SMOOTHNESS = 0.01  # of a solid head; raising it blurs faces, lowering it roughens the back
HEAD_SHRINKAGE = 0.002  # of its relief; raising it keeps closer to the ellipsoid, at 0 heads swell without limit


class VoxelTrainer:
    """Adam (β₁ 0.9, β₂ 0.999) on one objective.

    An iteration of the AAE has two steps: its discriminators, then the autoencoder. One with an azimuth latent has two,
    too: Z_θ with the autoencoder frozen, then the autoencoder with Z_θ frozen (Sec. 3.4).

    Args:
        model: the autoencoder, trained in place.
        objective: one of `OBJECTIVES`.
        learning_rate: of every optimizer. Raising it learns faster until the batch norms no longer follow.
        decay: whether the learning rate falls to 0 along a cosine; short runs end much better for it.
        discriminator: of the latent; needed for `"aae"` only.
        adversarial_weight: λ of the AAE.
        deterministic: whether the latent is the posterior's mean in training, too, instead of a sample.
        azimuth: where pictures are seen from: `"constant"` (0); `"uniform"` noise; `"encoded"`, an output of the
            encoder that a discriminator of its own holds to a uniform prior (AAE only); `"latent"`, Z_θ (μ-VAE only);
            `"hypotheses"`, drawn from how well a mean shape explains the picture.
        azimuth_range: radians, the farthest to either side for the first four. The paper's is π.
        azimuth_source: the `AzimuthLatent` or the fitted `AzimuthHypotheses` of the last two.
        azimuth_discriminator: for `"encoded"`.
        sampling: of the projection. `"nearest"` is the paper's and passes no gradient to the azimuth.
        film: records shapes of a few pictures while it trains, see `Film`.
    """

    def __init__(
        self,
        model: VoxelAutoencoder,
        objective: str,
        learning_rate: float = 1e-3,
        decay: bool = False,
        discriminator: LatentDiscriminator | None = None,
        adversarial_weight: float = LAMBDA,
        deterministic: bool = False,
        azimuth: str = "constant",
        azimuth_range: float = math.pi,
        azimuth_source: AzimuthLatent | AzimuthHypotheses | None = None,
        azimuth_discriminator: LatentDiscriminator | None = None,
        sampling: str = "trilinear",
        film: "Film | None" = None,
    ) -> None:
        require_choice("objective", objective, OBJECTIVES)
        require_choice("azimuth", azimuth, AZIMUTHS)
        if (objective == "aae") != (discriminator is not None):
            raise ValueError(f"discriminator: expected one for the objective aae and only there, got {discriminator}")
        _require_fitting(objective, azimuth, azimuth_source, azimuth_discriminator, model)
        self.settings, self.objective, self.azimuth = model.settings, objective, azimuth
        self.learning_rate, self.decay, self.adversarial_weight = learning_rate, decay, adversarial_weight
        self.deterministic, self.azimuth_range, self.sampling = deterministic, azimuth_range, sampling
        self.film = film
        self.modules: dict[str, nn.Module] = {"encoder": model.encoder, "decoder": model.decoder}
        if model.texturizer is not None:
            self.modules["texturizer"] = model.texturizer
        adam = {"lr": learning_rate, "betas": (0.9, 0.999)}
        self.optimizers: dict[str, Optimizer] = {"autoencoder": Adam(model.parameters(), **adam)}
        if discriminator is not None:
            self.modules["discriminator"] = discriminator
            judges = [*discriminator.parameters()]
            if azimuth_discriminator is not None:
                self.modules["azimuth_discriminator"] = azimuth_discriminator
                judges += azimuth_discriminator.parameters()
            self.optimizers["discriminator"] = Adam(judges, **adam)
        if azimuth == "latent":
            self.modules["azimuth"] = azimuth_source
            self.optimizers["azimuth"] = Adam(azimuth_source.parameters(), **adam)
        self._hypotheses = azimuth_source if azimuth == "hypotheses" else None

    def setup(self, fabric: "Fabric") -> None:
        self._fabric = fabric
        self._run = {name: fabric.setup_module(module.train()) for name, module in self.modules.items()}
        self._steps = {name: fabric.setup_optimizers(optimizer) for name, optimizer in self.optimizers.items()}
        if self._hypotheses is not None:
            self._hypotheses.to(fabric.device)
        if self.film is not None:  # among the modules for the checkpoint's sake; it has no weights to set up
            self.modules["film"] = self.film.to(fabric.device)

    def step(self, images: Tensor, now: Step):
        """One iteration on images (B, 1, 28, 28); returns the objective's terms."""
        factor = cosine_decay(now.fraction) if self.decay else 1.0
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = self.learning_rate * factor
        if self.film is not None:
            self.film.record(now.index, self.modules["encoder"], self.modules["decoder"])
        posterior = Posterior(*self._run["encoder"](images))
        noise = now.normal(self.settings.latent)
        # Not posterior.mean: with zero noise every parameter still gets a gradient, which DDP waits for.
        latent = posterior.sample(torch.zeros_like(noise) if self.deterministic else noise)
        shape = self._run["decoder"](latent)
        shape = Head(*shape) if self.settings.solid_head else shape
        azimuth = self._azimuth(images, shape, posterior, now)
        reconstruction = self._render(posterior, latent, shape, azimuth)
        if self.objective == "aae":
            terms = self._adversarial_terms(images, reconstruction, now)
            if isinstance(shape, Head):
                terms = terms._replace(total=terms.total + head_prior(shape))
        elif self.azimuth == "latent":
            terms = VARIATIONAL[self.objective](images, reconstruction, self._slots())
        else:
            terms = VARIATIONAL[self.objective](images, reconstruction)
        self._update("autoencoder", terms.total)
        return terms

    def _render(
        self, posterior: Posterior, latent: Tensor, shape: Tensor | Head, azimuth: Tensor | None
    ) -> Reconstruction:
        voxels, projection, cover = view(shape, azimuth, self.sampling)
        texture = self._run["texturizer"](projection) if "texturizer" in self._run else None
        return Reconstruction(posterior, latent, voxels, projection, texture, cover)

    def _azimuth(self, images: Tensor, shape: Tensor | Head, posterior: Posterior, now: Step) -> Tensor | None:
        """(B,) radians, or None for the constant 0."""
        if self.azimuth == "uniform":
            return (2 * now.uniform() - 1) * self.azimuth_range
        if self.azimuth == "encoded":
            return posterior.azimuth
        if self.azimuth == "hypotheses":
            chances = self._hypotheses(images).cumsum(1)
            chosen = (chances < now.uniform()[:, None] * chances[:, -1:]).sum(1)
            return self._hypotheses.azimuths[chosen]
        if self.azimuth == "latent":
            noise = now.normal(self.modules["azimuth"].size)
            self._learn_azimuth(images, posterior, shape.detach(), noise)
            return self._run["azimuth"](noise).detach()
        return None

    def _learn_azimuth(self, images: Tensor, posterior: Posterior, voxels: Tensor, noise: Tensor) -> None:
        """One step of Z_θ alone: the same objective, of which only the picture and θ's own terms depend on it."""
        frozen = Posterior(posterior.mean.detach(), posterior.log_variance.detach())
        reconstruction = self._render(frozen, frozen.mean, voxels, self._run["azimuth"](noise))
        self._update("azimuth", VARIATIONAL[self.objective](images, reconstruction, self._slots()).total)

    def _slots(self) -> Posterior:
        return self.modules["azimuth"].posterior()

    def _adversarial_terms(self, images: Tensor, reconstruction: Reconstruction, now: Step):
        judge, latent = self._run["discriminator"], reconstruction.latent
        prior = now.normal(self.settings.latent)
        logits = judge(torch.cat((prior, latent.detach())))
        loss = discriminator_loss(*logits.chunk(2))
        if self.azimuth == "encoded":
            azimuth_judge = self._run["azimuth_discriminator"]
            turn = (reconstruction.posterior.azimuth / self.azimuth_range)[:, None]  # (B, 1) in (−1, 1)
            uniform = 2 * now.uniform(1) - 1
            loss = loss + discriminator_loss(*azimuth_judge(torch.cat((uniform, turn.detach()))).chunk(2))
        self._update("discriminator", loss)
        azimuth_logits = azimuth_judge(turn) if self.azimuth == "encoded" else None
        shown = reconstruction.share(images)
        return aae(shown, reconstruction, judge(latent), azimuth_logits, weight=self.adversarial_weight)

    def _update(self, name: str, loss: Tensor) -> None:
        optimizer = self._steps[name]
        for each in self._steps.values():  # the autoencoder's loss reaches the discriminator, too: clear all
            each.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        clip_gradients([p for group in optimizer.param_groups for p in group["params"]], GRADIENT_NORM)
        optimizer.step()


def head_prior(head: Head) -> Tensor:
    """What decides where no picture shows a head, its back above all: neighbouring cells are alike in albedo and
    relief, so that the back is what the sides fade into, and the surface is near the ellipsoid's. A batch mean."""
    parts = torch.stack((head.albedo, head.relief))
    steps = sum(parts.diff(dim=axis).square().sum((0, 2, 3, 4)).mean() for axis in (2, 3, 4))
    return HEAD_SMOOTHNESS * steps + HEAD_SHRINKAGE * head.relief.square().sum((1, 2, 3)).mean()


class Film(nn.Module):
    """Shapes of a few pictures, kept at some steps of a training: the project page's animations.

    A module, so that what it holds goes into checkpoints and comes back with them.

    Args:
        images: (N, 1, 28, 28) pictures to watch.
        frames: how many shapes of each to keep; their steps grow geometrically, as learning slows down.
        steps: of the whole training.
    """

    def __init__(self, images: Tensor, frames: int, steps: int) -> None:
        super().__init__()
        self.register_buffer("images", images, persistent=False)
        spaced = torch.logspace(0, math.log10(steps), frames).round().long()
        # Early ones coincide after rounding: move each behind the one before.
        times = [int(spaced[0])]
        for time in spaced[1:].tolist():
            times.append(max(time, times[-1] + 1))
        self.times = [min(time, steps) - 1 for time in times]
        self.register_buffer("voxels", torch.zeros(frames, len(images), SIDE, SIDE, SIDE, dtype=torch.uint8))

    @torch.no_grad()
    def record(self, step: int, encoder: nn.Module, decoder: nn.Module) -> None:
        """Keep the shapes if `step` is one of `times`; occupancy × 255."""
        if step not in self.times:
            return
        training = encoder.training, decoder.training
        encoder.eval(), decoder.eval()
        # Batch norms that have seen few batches do not know their means yet: judge in evaluation mode all the same,
        # that is the model one would get by stopping here.
        self.voxels[self.times.index(step)] = (decoder(encoder(self.images).mean) * 255).round().byte()
        encoder.train(training[0]), decoder.train(training[1])


def _require_fitting(
    objective: str,
    azimuth: str,
    source: AzimuthLatent | AzimuthHypotheses | None,
    discriminator: LatentDiscriminator | None,
    model: VoxelAutoencoder,
) -> None:
    """Each source of the azimuth needs its parts, and two of them their objective."""
    kinds = {"latent": AzimuthLatent, "hypotheses": AzimuthHypotheses}
    if not isinstance(source, kinds.get(azimuth, type(None))):
        raise ValueError(f"azimuth_source: expected {kinds.get(azimuth)} for azimuth {azimuth!r}, got {type(source)}")
    if azimuth == "latent" and not objective.startswith("mu_vae"):
        raise ValueError(f"azimuth: 'latent' is learnt by the μ-VAE's objective only, got {objective!r}")
    if azimuth == "encoded" and objective != "aae":
        raise ValueError(f"azimuth: 'encoded' is held to its prior by the AAE only, got {objective!r}")
    if model.settings.solid_head and objective != "aae":
        raise ValueError(f"objective: a solid head is trained by the AAE only, got {objective!r}")
    if (azimuth == "encoded") != model.settings.encodes_azimuth:
        raise ValueError("azimuth: 'encoded' and the model's setting `encodes_azimuth` go together")
    if (azimuth == "encoded") != (discriminator is not None):
        raise ValueError("azimuth_discriminator: expected one for azimuth 'encoded' and only there")
