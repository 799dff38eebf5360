"""Training steps of Pix2Scene (2018, Sec. 3.3): encoder and decoder against a critic, with the terms of Eq. (4), and
the extras that let a laptop's few minutes go a long way.

What the paper has is on by default. The extras are off: a pyramid of pictures, absolute instead of squared errors,
`objectives.implied_reflectance`, `objectives.view_consistency`, a KL term instead of a critic, estimated lights. None
of them sees a true depth; that is left to `supervised`, an upper bound.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from inverse_graphics.checks import require_choice
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.models.surfels import FAR, NEAR, Critic, Posterior, SurfelModel, camera_code, one_hot
from inverse_graphics.objectives.ali import ALITerms, ali, mean_squared_error, outside_band
from inverse_graphics.objectives.implied_reflectance import reflectance_error
from inverse_graphics.objectives.vae import gaussian_kl
from inverse_graphics.objectives.view_consistency import contradiction
from inverse_graphics.objectives.wgan_gp import CriticTerms, critic_terms, gradient_penalty
from inverse_graphics.renderers.shading import Lights
from inverse_graphics.renderers.surfels import render_surfels
from inverse_graphics.training.loop import Step, cosine_decay

if TYPE_CHECKING:
    from lightning_fabric import Fabric

LIGHTS = ("known", "random", "estimated")
DEPTH_SCALE = 10.0  # of a supervised depth error, so that it meets the clip of gradients as picture errors do
WARM_UP = 100  # steps over which the rate rises where it decays later; the first steps of a flat depth are steep
COARSE_WEIGHT = 0.5  # of each coarser level of a pyramid, relative to the next finer one


class SurfelBatch(NamedTuple):
    """What `fit` is given: N rows of each, of which a step gets some. `depth` (N, 1, S, S) is for supervised runs only.

    Fields:
        images: (N, 3, S, S) in [0, 1].
        position, target: (N, 3), of the cameras.
        light_positions, light_colours, ambient: (N, K, 3), (N, K, 3), (N, 3).
        labels: (N,) int64.
    """

    images: Tensor
    position: Tensor
    target: Tensor
    light_positions: Tensor
    light_colours: Tensor
    ambient: Tensor
    labels: Tensor
    depth: Tensor | None = None


class Optics(NamedTuple):
    """What all pictures of a set have in common: field of view in radians, attenuation of lights, albedo."""

    field_of_view: float
    linear: float
    quadratic: float
    albedo: float


@dataclass(frozen=True)
class SurfelObjective:
    """Weights of the terms; the defaults are the paper's.

    Fields:
        adversarial: of the critic's score for encoder and decoder. 0 trains without a critic.
        image, latent: of the two reconstruction errors of Eq. (4).
        absolute: whether picture errors are absolute instead of squared. Absolute ones forgive the few pixels along
            outlines that no surfel map gets right.
        reflectance: of `reflectance_error`; needs known lights. Raising it puts surfaces in their place sooner.
        view: of `contradiction` between the view of the picture and one from another picture's camera. Raising it makes
            the latent hold the scene instead of the view, at the cost of the view.
        cycle: of ‖z − E(rend(G(z, c')))‖² for the latent z of a picture seen by another picture's camera c': the second
            term of Eq. (4), with encodings in place of draws from the prior. Raising it keeps turned views from
            putting into the shadow of the first view what no picture shows.
        kl: at the end of the training, of KL(q(z|x) ‖ N(0, I)) over the numbers of a picture; it grows evenly from 0,
            since early on it would keep objects out of the latent. Raising it makes samples from the prior look more
            like scenes, and blurs reconstructions.
        finer: fractions of the training after which a pyramid gets its next finer level; it starts with the two
            coarsest. Empty: all levels from the start.
        turned_after: fraction of the training after which `view` and `cycle` count: a decoder must know the room first.
        lights: whose lights decoded depth is shown under: `"known"`, the picture's own; `"random"`, another picture's,
            as in the paper's ablation (Figure 12); `"estimated"`, by the model's light estimator.
        supervised: whether the error of depth replaces those of pictures: the upper bound.
    """

    adversarial: float = 1.0
    image: float = 1.0
    latent: float = 1.0
    absolute: bool = False
    reflectance: float = 0.0
    view: float = 0.0
    cycle: float = 0.0
    kl: float = 0.0
    finer: tuple[float, ...] = ()
    turned_after: float = 0.0
    lights: str = "known"
    supervised: bool = False

    def __post_init__(self) -> None:
        require_choice("lights", self.lights, LIGHTS)
        if self.lights == "random" and self.reflectance:
            raise ValueError("reflectance: expected 0 where lights are random, since it must know them")


class SurfelTerms(NamedTuple):
    """`total` is what encoder and decoder minimise; every other term is unweighted. What is switched off is 0."""

    total: Tensor
    adversarial: Tensor
    image_error: Tensor
    latent_error: Tensor
    band: Tensor
    reflectance_error: Tensor
    view_error: Tensor
    cycle_error: Tensor
    kl: Tensor
    depth_error: Tensor
    critic_distance: Tensor
    critic_penalty: Tensor


class SurfelTrainer:
    """Adam on encoder and decoder, and on the critic.

    A batch is as many parts as there are critic steps: the critic makes a step on each, then encoder and decoder make
    one on the last. So an iteration is one step of encoder and decoder, as in Gulrajani et al. 2017.

    Args:
        model: encoder and decoder, trained in place; with a light estimator if and only if lights are estimated.
        critic: None if `objective.adversarial` is 0, and only then.
        objective: the weights.
        optics: of the pictures.
        learning_rate, betas: of Adam. 2·10⁻⁴ and (0, 0.999) are the published code's.
        decay: whether the learning rate rises over `WARM_UP` steps and falls to 0 along a cosine.
        critic_steps: to each of encoder and decoder.
        clip: Euclidean norm that the gradients of encoder and decoder together are scaled down to; 500 in the published
            code. Lowering it makes high learning rates bearable.
    """

    loss_limit = 1e5  # WGAN scores that far apart do not come back

    def __init__(
        self,
        model: SurfelModel,
        critic: Critic | None,
        objective: SurfelObjective,
        optics: Optics,
        learning_rate: float = 2e-4,
        betas: tuple[float, float] = (0.0, 0.999),
        decay: bool = False,
        critic_steps: int = 5,
        clip: float = 500.0,
    ) -> None:
        if (critic is None) != (objective.adversarial == 0):
            raise ValueError("critic: expected one where `adversarial` is not 0, and only there")
        if (model.lights is None) != (objective.lights != "estimated"):
            raise ValueError("model: expected a light estimator where lights are estimated, and only there")
        self.objective, self.optics, self.settings = objective, optics, model.settings
        self.learning_rate, self.decay, self.clip = learning_rate, decay, clip
        self.critic_steps = 0 if critic is None else critic_steps
        self.modules: dict[str, nn.Module] = {"encoder": model.encoder, "decoder": model.decoder}
        if model.lights is not None:
            self.modules["lights"] = model.lights
        self.optimizers: dict[str, Optimizer] = {"model": Adam(model.parameters(), learning_rate, betas)}
        if critic is not None:
            self.modules["critic"] = critic
            self.optimizers["critic"] = Adam(critic.parameters(), learning_rate, betas)

    def setup(self, fabric: "Fabric") -> None:
        self._fabric = fabric
        self._run = {name: fabric.setup_module(module.train()) for name, module in self.modules.items()}
        self._steps = {name: fabric.setup_optimizers(optimizer) for name, optimizer in self.optimizers.items()}

    def step(self, batch: tuple[Tensor, ...], now: Step) -> SurfelTerms:
        """One iteration; see `SurfelBatch` for the rows of `batch`."""
        if self.decay:
            factor = cosine_decay(now.fraction) * min(1.0, (now.index + 1) / WARM_UP)
            for optimizer in self.optimizers.values():
                for group in optimizer.param_groups:
                    group["lr"] = self.learning_rate * factor
        latent = self.settings.latent
        noise, prior, mix = now.normal(latent), now.normal(latent), now.uniform(1)[:, 0]
        parts = max(1, self.critic_steps)
        rows = zip(*(value.chunk(parts) for value in (*batch, noise, prior, mix)), strict=True)
        judged = CriticTerms(*(noise.new_zeros(()) for _ in CriticTerms._fields))
        for *part, noise, prior, mix in rows:
            part = SurfelBatch(*part)
            if self.critic_steps:
                judged = self._learn_critic(part, noise, prior, mix)
        return self._learn_model(part, noise, prior, judged, now)

    def _learn_critic(self, batch: SurfelBatch, noise: Tensor, prior: Tensor, mix: Tensor) -> CriticTerms:
        camera, code, classes = self._view(batch)
        with torch.no_grad():
            real = batch.images, self._encode(batch.images, code).sample(noise)
            depth = self._run["decoder"](prior, code, classes)[-1]
            fake = self._picture(depth, camera, self._lights(batch, code)), prior

        def judge(images: Tensor, latent: Tensor) -> Tensor:
            return self._run["critic"](images, latent, code, classes)

        penalty = gradient_penalty(judge, real, fake, mix)
        terms = critic_terms(judge(*real), judge(*fake), penalty)
        self._update("critic", terms.total)
        return CriticTerms(*(term.detach() for term in terms))

    def _learn_model(
        self, batch: SurfelBatch, noise: Tensor, prior: Tensor, judged: CriticTerms, now: Step
    ) -> SurfelTerms:
        aim, zero = self.objective, noise.new_zeros(())
        camera, code, classes = self._view(batch)
        lights = self._lights(batch, code)
        posterior = self._encode(batch.images, code)
        latent = posterior.sample(noise)
        levels = 2 + sum(now.fraction >= start for start in aim.finer) if aim.finer else None
        maps = self._run["decoder"](latent, code, classes, levels)
        image_error = reflectance = depth_error = view_error = cycle_error = zero
        if aim.supervised:
            depth_error = _over_levels(maps, lambda depth: _absolute_error(depth, _reduced(batch.depth, depth)))
        else:
            image_error = _over_levels(maps, lambda depth: self._image_error(batch.images, depth, camera, lights))
            if aim.reflectance:
                reflectance = _over_levels(
                    maps[-2:], lambda depth: self._reflectance(batch.images, depth, camera, lights)
                )
        if (aim.view or aim.cycle) and now.fraction >= aim.turned_after:
            # the cameras of other pictures: never two views of one scene, but any scene from any camera
            other = Cameras(camera.position.roll(1, 0), camera.target.roll(1, 0), camera.field_of_view)
            turned = self._run["decoder"](latent, code.roll(1, 0), classes, levels)[-1]
            # The map that has a picture is not asked to give way: it would, long before the other is any good
            view_error = contradiction(maps[-1].detach(), camera, turned, other)
            if aim.cycle:
                seen = _enlarged(self._picture(turned, other, lights), batch.images)
                cycle_error = mean_squared_error(latent.detach(), self._encode(seen, code.roll(1, 0)).mean)
        adversarial = self._play(batch, latent, prior, camera, code, classes, lights, maps[-1], image_error)
        kl = gaussian_kl(posterior.mean, posterior.log_variance).mean() if aim.kl else zero
        total = (
            adversarial.total
            + aim.reflectance * reflectance
            + aim.view * view_error
            + aim.cycle * cycle_error
            + aim.kl * now.fraction * kl / batch.images[0].numel()
            + DEPTH_SCALE * depth_error
        )
        self._update("model", total)
        return SurfelTerms(
            total,
            *adversarial[1:],
            reflectance,
            view_error,
            cycle_error,
            kl,
            depth_error,
            judged.distance,
            judged.penalty,
        )

    def _play(self, batch, latent, prior, camera, code, classes, lights, depth, image_error) -> ALITerms:
        """The terms of the paper: the game against the critic, Eq. (4), and the band of depth."""
        aim, zero = self.objective, depth.new_zeros(())
        real_scores = fake_scores = zero.expand(1)
        latent_error, band = zero, outside_band(depth, NEAR, FAR)
        if aim.adversarial or aim.latent:
            imagined = self._run["decoder"](prior, code, classes)[-1]
            fake = self._picture(imagined, camera, lights)
            band = band + outside_band(imagined, NEAR, FAR)
            if aim.latent:
                latent_error = mean_squared_error(prior, self._encode(fake, code).mean)
            if aim.adversarial:
                real_scores = self._run["critic"](batch.images, latent, code, classes)
                fake_scores = self._run["critic"](fake, prior, code, classes)
        weights = {
            "adversarial_weight": aim.adversarial,
            "image_weight": aim.image,
            "latent_weight": aim.latent,
        }
        return ali(real_scores, fake_scores, image_error, latent_error, band, **weights)

    def _view(self, batch: SurfelBatch) -> tuple[Cameras, Tensor, Tensor | None]:
        camera = Cameras(batch.position, batch.target, self.optics.field_of_view)
        return camera, camera_code(camera, self.settings.initial_depth), one_hot(batch.labels, self.settings)

    def _encode(self, images: Tensor, code: Tensor) -> Posterior:
        return Posterior(*self._run["encoder"](images, code))

    def _lights(self, batch: SurfelBatch, code: Tensor) -> tuple[Lights, float | Tensor]:
        """Lights and albedo that decoded depth is shown under."""
        positions, albedo = batch.light_positions, self.optics.albedo
        colours, ambient = batch.light_colours, batch.ambient
        if self.objective.lights == "random":
            positions, colours, ambient = (value.roll(1, 0) for value in (positions, colours, ambient))
        if self.objective.lights == "estimated":
            positions, albedo = self._run["lights"](batch.images, code)
        return Lights(positions, colours, ambient, self.optics.linear, self.optics.quadratic), albedo

    def _picture(self, depth: Tensor, camera: Cameras, lights: tuple[Lights, float | Tensor]) -> Tensor:
        shone, albedo = lights
        albedo = albedo[:, None].expand(-1, 3) if isinstance(albedo, Tensor) else albedo
        return render_surfels(depth, camera, shone, albedo).image

    def _image_error(self, images: Tensor, depth: Tensor, camera: Cameras, lights) -> Tensor:
        error = _absolute_error if self.objective.absolute else mean_squared_error
        return error(self._picture(depth, camera, lights), _reduced(images, depth))

    def _reflectance(self, images: Tensor, depth: Tensor, camera: Cameras, lights) -> Tensor:
        shone, albedo = lights
        albedo = albedo[:, None, None, None] if isinstance(albedo, Tensor) else albedo
        return reflectance_error(_reduced(images, depth), depth, camera, shone, albedo)

    def _update(self, name: str, loss: Tensor) -> None:
        for each in self._steps.values():  # the model's loss reaches the critic, too: clear all
            each.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        if name == "model":
            parameters = [p for group in self.optimizers[name].param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.clip)
        self._steps[name].step()


def _over_levels(maps: list[Tensor], error) -> Tensor:
    """Weighted mean of an error over the levels of a pyramid, the finest counting most."""
    weights = [COARSE_WEIGHT**level for level in range(len(maps))]
    return sum(weight * error(depth) for weight, depth in zip(weights, reversed(maps), strict=True)) / sum(weights)


def _reduced(pictures: Tensor, depth: Tensor) -> Tensor:
    """Pictures or true depth (B, C, S, S) at the resolution of a depth map."""
    return pictures if pictures.shape[2:] == depth.shape[2:] else F.adaptive_avg_pool2d(pictures, depth.shape[2:])


def _enlarged(pictures: Tensor, like: Tensor) -> Tensor:
    """Pictures (B, C, ·, ·) of a coarse level at the resolution of others, for the encoder."""
    if pictures.shape[2:] == like.shape[2:]:
        return pictures
    return F.interpolate(pictures, like.shape[2:], mode="bilinear", align_corners=False)


def _absolute_error(values: Tensor, others: Tensor) -> Tensor:
    return (values - others).abs().mean()
