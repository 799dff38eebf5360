"""Training steps of the mesh GAN (Szabó & Favaro 2019, Sec. 7): a generator of textured meshes against a discriminator
that sees pictures, growing from small pictures to large ones."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from inverse_graphics.models.meshes import MeshGenerator, Scene
from inverse_graphics.models.stylegan import Discriminator
from inverse_graphics.objectives.non_saturating import GAMMA, discriminator_loss, generator_loss, r1_penalty
from inverse_graphics.renderers.meshes import unit_ball_cameras
from inverse_graphics.training.loop import Step

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class MeshGANTerms(NamedTuple):
    """`total` is what the generator minimises; `penalty` is R1 without γ, 0 in steps that leave it out; the scores are
    means; `side` is that of the pictures."""

    total: Tensor
    discriminator: Tensor
    penalty: Tensor
    real_score: Tensor
    fake_score: Tensor
    side: Tensor


@dataclass(frozen=True)
class MeshGANObjective:
    """What the game is played with; the defaults are the paper's, or StyleGAN's where it says "default".

    Fields:
        azimuth, elevation: degrees, the farthest to either side that objects are seen from, evenly.
        moving: whether each picture shows another part of its background. Else an object may as well be painted on it.
        gamma: of R1. Raising it calms the game and slows it down.
        penalty_every: steps between penalties, each of which weighs as many times more. Raising it saves time.
        mixing: share of the scenes whose styles are of two latents, one up to a random layer, the other from there.
        average: of the generator that is kept: the share of a step that it forgets is 1 − `average`.
        first: side of the pictures at the start.
        grown_after: fraction of the training after which the pictures have their full side.
        fading: share of the time at each new side during which it fades in.
    """

    azimuth: float = 45.0
    elevation: float = 15.0
    moving: bool = True
    gamma: float = GAMMA
    penalty_every: int = 1
    mixing: float = 0.9
    average: float = 0.999
    first: int = 16
    grown_after: float = 0.5
    fading: float = 0.5

    def side(self, fraction: float, last: int) -> tuple[int, float]:
        """Side of the pictures and share of the newest block, at a fraction of the training in [0, 1)."""
        doublings = round(math.log2(last / self.first))
        if doublings <= 0 or fraction >= self.grown_after:
            # the last side's fading goes on where the growing ends
            start, length = self.grown_after, 1 - self.grown_after
            share = 1.0 if doublings <= 0 else (fraction - start) / (length * self.fading)
            return last, min(1.0, share)
        place = fraction / self.grown_after * doublings
        stage = int(place)
        return self.first << stage, 1.0 if stage == 0 else min(1.0, (place - stage) / self.fading)


class MeshGANTrainer:
    """Adam on generator and discriminator, one step of each an iteration; the mapping networks learn a hundred times
    as slowly, as in StyleGAN (their layers see to that).

    Args:
        generator: trained in place; `average` in `modules` is the one to keep.
        objective: see there.
        learning_rate, betas: of both.
    """

    loss_limit = 1e4

    def __init__(
        self,
        generator: MeshGenerator,
        discriminator: Discriminator,
        objective: MeshGANObjective,
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.0, 0.99),
    ) -> None:
        self.objective, self.settings = objective, generator.settings
        average = MeshGenerator(generator.settings)
        average.load_state_dict(generator.state_dict())
        self.modules: dict[str, nn.Module] = {
            "generator": generator,
            "discriminator": discriminator,
            "average": average.requires_grad_(False).eval(),
        }
        self.optimizers: dict[str, Optimizer] = {
            name: Adam(self.modules[name].parameters(), learning_rate, betas) for name in ("generator", "discriminator")
        }

    def setup(self, fabric: "Fabric") -> None:
        self._fabric = fabric
        # Half the time on a CPU, above all for what enlarges; and before they are set up, because several processes'
        # gradients come out permuted where it is done after.
        for module in self.modules.values():
            module.to(memory_format=torch.channels_last)
        self._run = {name: fabric.setup_module(self.modules[name].train()) for name in self.optimizers}
        self._steps = {name: fabric.setup_optimizers(optimizer) for name, optimizer in self.optimizers.items()}
        self.modules["average"].to(fabric.device)

    def step(self, batch: Tensor, now: Step) -> MeshGANTerms:
        """One iteration on real pictures (B, 3, S, S) in [0, 1] of the largest side."""
        aim = self.objective
        side, fade = aim.side(now.fraction, self.settings.size)
        real = shrunk(batch, side, fade)

        def judge(pictures: Tensor) -> Tensor:
            return self._run["discriminator"](2 * pictures - 1, fade)

        fake = self._pictures(now, side, fade)  # of both steps: making them costs more than all that judges them
        real_scores, fake_scores = judge(real), judge(fake.detach())
        loss, penalty = discriminator_loss(real_scores, fake_scores), real.new_zeros(())
        if now.index % aim.penalty_every == 0:
            penalty = r1_penalty(judge, real)
        self._update("discriminator", loss + aim.gamma * aim.penalty_every * penalty)

        total = generator_loss(judge(fake))
        self._update("generator", total)
        self._follow()
        scores = real_scores.detach().mean(), fake_scores.detach().mean()
        return MeshGANTerms(total, loss.detach(), penalty.detach(), *scores, real.new_tensor(float(side)))

    def _pictures(self, now: Step, side: int, fade: float) -> Tensor:
        """(B, 3, side, side) of scenes that have never been, each from somewhere."""
        layers, latent = self._run["generator"].object.layers, self.settings.latent
        one, other = now.normal(2, latent).unbind(1), now.normal(2, latent).unbind(1)
        crossing = (now.uniform(2) * (layers - 1)).long() + 1  # (B, 2): the layer from which on the other one counts
        crossing = torch.where(now.uniform(2) < self.objective.mixing, crossing, layers)
        mixed = [
            torch.where(
                torch.arange(layers, device=a.device)[:, None] < crossing[:, i, None, None], a[:, None], b[:, None]
            )
            for i, (a, b) in enumerate(zip(one, other, strict=True))
        ]
        scene: Scene = self._run["generator"](*mixed, side, fade, lambda s: now.normal(1, s, s))
        azimuth, elevation = (2 * now.uniform(2) - 1).unbind(1)
        azimuth, elevation = (
            azimuth * math.radians(self.objective.azimuth),
            elevation * math.radians(self.objective.elevation),
        )
        corner = now.uniform(2) if self.objective.moving else None
        return scene.render(unit_ball_cameras(azimuth, elevation), corner, self.settings.band).image

    def _update(self, name: str, loss: Tensor) -> None:
        for optimizer in self._steps.values():  # the generator's loss reaches the discriminator, too: clear both
            optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        self._steps[name].step()

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average towards the generator."""
        kept, moving = (list(self.modules[name].parameters()) for name in ("average", "generator"))
        torch._foreach_lerp_(kept, moving, 1 - self.objective.average)


def shrunk(pictures: Tensor, side: int, fade: float) -> Tensor:
    """Pictures (B, C, S, S) at a smaller side; while a side fades in, its details do, too."""
    small = pictures if pictures.shape[-1] == side else F.adaptive_avg_pool2d(pictures, side)
    if fade >= 1:
        return small
    coarse = F.interpolate(F.avg_pool2d(small, 2), scale_factor=2, mode="bilinear", align_corners=False)
    return torch.lerp(coarse, small, fade)
