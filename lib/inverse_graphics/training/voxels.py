"""Training steps of the voxel autoencoder under its four objectives (Uçar 2019, Table 1 and Sec. 3.4)."""

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from inverse_graphics.checks import require_choice
from inverse_graphics.models.voxels import LatentDiscriminator, Posterior, Reconstruction, VoxelAutoencoder
from inverse_graphics.objectives.aae import LAMBDA, aae, discriminator_loss
from inverse_graphics.objectives.mu_vae import mu_vae, mu_vae_as_printed
from inverse_graphics.objectives.vae import beta_vae, vae
from inverse_graphics.renderers.voxels import project_voxels
from inverse_graphics.training.loop import Step, clip_gradients, cosine_decay

VARIATIONAL = {"vae": vae, "beta_vae": beta_vae, "mu_vae": mu_vae, "mu_vae_as_printed": mu_vae_as_printed}
OBJECTIVES = ("vae", "beta_vae", "aae", "mu_vae", "mu_vae_as_printed")
GRADIENT_NORM = 1.0  # per tensor, as in the authors' code


class VoxelTrainer:
    """Adam (β₁ 0.9, β₂ 0.999) on one objective. For the AAE two steps an iteration: discriminator, then autoencoder.

    Args:
        model: the autoencoder, trained in place.
        objective: one of `OBJECTIVES`.
        learning_rate: of every optimizer. Raising it learns faster until the batch norms no longer follow.
        decay: whether the learning rate falls to 0 along a cosine; short runs end much better for it.
        discriminator: of the latent; needed for `"aae"` only.
        adversarial_weight: λ of the AAE.
        deterministic: whether the latent is the posterior's mean in training, too, instead of a sample.
        azimuth: `"constant"` (0) or `"uniform"` noise on [−π, π) (Sec. 3.2).
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
    ) -> None:
        require_choice("objective", objective, OBJECTIVES)
        require_choice("azimuth", azimuth, ("constant", "uniform"))
        if (objective == "aae") != (discriminator is not None):
            raise ValueError(f"discriminator: expected one for the objective aae and only there, got {discriminator}")
        self.settings, self.objective, self.azimuth = model.settings, objective, azimuth
        self.learning_rate, self.decay, self.adversarial_weight = learning_rate, decay, adversarial_weight
        self.deterministic = deterministic
        self.modules: dict[str, nn.Module] = {"encoder": model.encoder, "decoder": model.decoder}
        if model.texturizer is not None:
            self.modules["texturizer"] = model.texturizer
        adam = {"lr": learning_rate, "betas": (0.9, 0.999)}
        self.optimizers: dict[str, Optimizer] = {"autoencoder": Adam(model.parameters(), **adam)}
        if discriminator is not None:
            self.modules["discriminator"] = discriminator
            self.optimizers["discriminator"] = Adam(discriminator.parameters(), **adam)

    def setup(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self._run = {name: fabric.setup_module(module.train()) for name, module in self.modules.items()}
        self._steps = {name: fabric.setup_optimizers(optimizer) for name, optimizer in self.optimizers.items()}

    def step(self, images: Tensor, now: Step):
        """One iteration on images (B, 1, 28, 28); returns the objective's terms."""
        factor = cosine_decay(now.fraction) if self.decay else 1.0
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = self.learning_rate * factor
        reconstruction = self._reconstruct(images, now)
        if self.objective == "aae":
            judge, latent = self._run["discriminator"], reconstruction.latent
            prior = now.normal(self.settings.latent)
            logits = judge(torch.cat((prior, latent.detach())))
            self._update("discriminator", discriminator_loss(*logits.chunk(2)))
            terms = aae(images, reconstruction, judge(latent), weight=self.adversarial_weight)
        else:
            terms = VARIATIONAL[self.objective](images, reconstruction)
        self._update("autoencoder", terms.total)
        return terms

    def _reconstruct(self, images: Tensor, now: Step) -> Reconstruction:
        posterior = Posterior(*self._run["encoder"](images))
        noise = now.normal(self.settings.latent)
        # Not posterior.mean: with zero noise every parameter still gets a gradient, which DDP waits for.
        latent = posterior.sample(torch.zeros_like(noise) if self.deterministic else noise)
        voxels = self._run["decoder"](latent)
        azimuth = now.uniform() * (2 * torch.pi) - torch.pi if self.azimuth == "uniform" else None
        projection = project_voxels(voxels, azimuth)
        texture = self._run["texturizer"](projection) if "texturizer" in self._run else None
        return Reconstruction(posterior, latent, voxels, projection, texture)

    def _update(self, name: str, loss: Tensor) -> None:
        optimizer = self._steps[name]
        for each in self._steps.values():  # the autoencoder's loss reaches the discriminator, too: clear all
            each.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        clip_gradients([p for group in optimizer.param_groups for p in group["params"]], GRADIENT_NORM)
        optimizer.step()
