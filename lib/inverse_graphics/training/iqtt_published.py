"""Training steps of the published methods of 3D-IQTT (Pix2Scene 2018, Sec. 4.4, Algorithm 1 and Appendix D).

    TowerTrainer        four-tower CNN by cross-entropy, Siamese network by the contrastive loss: labelled questions
    SplitLatentTrainer  Pix2Scene: all pictures, each on its own, and labelled questions every few steps

Pictures are held once in 8 bits; a step's batch says which of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from inverse_graphics.checks import require_choice
from inverse_graphics.datasets.iqtt import ANSWERS
from inverse_graphics.models.iqtt_published import FourTowers, SiameseTower, SplitLatentModel, picture
from inverse_graphics.models.surfels import FAR, NEAR, Critic, Posterior
from inverse_graphics.objectives.ali import ali, mean_squared_error, outside_band
from inverse_graphics.objectives.contrastive import contrastive_loss, supervised_hinge, supervised_printed
from inverse_graphics.objectives.mine import moving_log_average, mutual_information, shuffled
from inverse_graphics.objectives.vae import gaussian_kl
from inverse_graphics.objectives.wgan_gp import CriticTerms, critic_terms, gradient_penalty
from inverse_graphics.training.loop import Step, cosine_decay

if TYPE_CHECKING:
    from lightning_fabric import Fabric

WARM_UP = 100  # steps over which the rate rises where it decays later
SUPERVISED = {"hinge": supervised_hinge, "printed": supervised_printed}


class TowerTerms(NamedTuple):
    """`total` is minimised; `right`, the share of the batch's questions that are answered right, is for the eye."""

    total: Tensor
    right: Tensor


class TowerTrainer:
    """Adam on a CNN or a Siamese network. A batch is (B,) numbers of questions and (B,) int64 answers.

    Args:
        model: trained in place.
        pictures: (N, 4, 3, S, S) uint8.
        loss: scores (B, 3), answers (B,) → scalar: `siamese_loss`, or `cross_entropy`, where the published code has the
            binary one of each of the three shares.
        learning_rate: of Adam; 10⁻⁴ in the published code.
        decay: see `SplitLatentTrainer`.
    """

    def __init__(
        self,
        model: FourTowers | SiameseTower,
        pictures: Tensor,
        loss: Callable[[Tensor, Tensor], Tensor],
        learning_rate: float = 1e-4,
        decay: bool = False,
    ) -> None:
        self.pictures, self.loss, self.learning_rate, self.decay = pictures, loss, learning_rate, decay
        self.modules: dict[str, nn.Module] = {"model": model}
        self.optimizers: dict[str, Optimizer] = {"model": Adam(model.parameters(), learning_rate)}

    def setup(self, fabric: "Fabric") -> None:
        self._fabric = fabric
        # Laid out before it is set up: several processes' gradients come out permuted where that is done after
        self._run = fabric.setup_module(self.modules["model"].train().to(memory_format=torch.channels_last))
        self._optimizer = fabric.setup_optimizers(self.optimizers["model"])

    def step(self, batch: tuple[Tensor, Tensor], now: Step) -> TowerTerms:
        """One update from B labelled questions."""
        numbers, answers = batch
        if self.decay:
            _set_rate(self.optimizers["model"], self.learning_rate, now)
        scores = self._run(_taken(self.pictures, numbers))
        total = self.loss(scores.float(), answers)
        self._optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(total)
        self._optimizer.step()
        return TowerTerms(total, (scores.argmax(1) == answers).float().mean())


def siamese_loss(scores: Tensor, answers: Tensor) -> Tensor:
    """Eq. (7) over the three pairs of each question: scores (B, 3) are minus distances, answers (B,) int64."""
    different = torch.arange(ANSWERS, device=answers.device) != answers[:, None]
    return contrastive_loss(-scores.flatten(), different.flatten())


@dataclass(frozen=True)
class SplitLatentObjective:
    """Weights of the terms; the defaults are the paper's, or, where it is silent, the published code's.

    Fields:
        adversarial: of the critic's score for encoder and decoder. 0 trains without a critic.
        image, latent: of the two reconstruction errors of Eq. (4).
        kl: at the end of the training, of KL(q(z|x) ‖ N(0, I)) over the numbers of a picture; it grows evenly from 0.
            Not in the paper: without a critic, nothing else holds encodings near the prior.
        information: of the mutual information between scene and view. Raising it drives them apart.
        detached: whether that term stops before the encoder, as in the published code: it then trains the statistics
            network alone.
        shuffles: permutations of the batch that stand for independent pairs; the published code has one.
        supervised: of the labelled questions' loss.
        supervised_form: `hinge`, or `printed` for Eq. (5), which has no lower end.
        interval: steps from one labelled batch to the next. Raising it leans on the unlabelled pictures.
        labelled: questions in a labelled batch, for each picture of an unlabelled one.
    """

    adversarial: float = 1.0
    image: float = 1.0
    latent: float = 1.0
    kl: float = 0.0
    information: float = 0.01
    detached: bool = False
    shuffles: int = 1
    supervised: float = 1.0
    supervised_form: str = "hinge"
    interval: int = 10
    labelled: int = 16

    def __post_init__(self) -> None:
        require_choice("supervised_form", self.supervised_form, SUPERVISED)
        for name in ("shuffles", "interval", "labelled"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected 1 or more, got {getattr(self, name)}")


class SplitLatentTerms(NamedTuple):
    """`total` is what encoder and decoder minimise; every other term is unweighted. What is switched off is 0, and so
    is `supervised` in steps without labelled questions. `information` is in nats; `information_gradient`, the mean
    length of its gradient in a picture's latent, is what of it comes to the encoder."""

    total: Tensor
    adversarial: Tensor
    image_error: Tensor
    latent_error: Tensor
    band: Tensor
    kl: Tensor
    information: Tensor
    information_gradient: Tensor
    supervised: Tensor
    critic_distance: Tensor
    critic_penalty: Tensor


class LogAverage(nn.Module):
    """The moving average of `objectives.mine`, kept with the networks so that a resumed run goes on with it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(()))


class SplitLatentTrainer:
    """Adam on encoder and decoder, on the statistics network, and on the critic.

    A batch is (B,) numbers of pictures, four to a question. It is as many parts as there are critic steps, as in
    `training.surfels.SurfelTrainer`. Each iteration, the statistics network makes a step up on latents that stand
    still, and then encoder and decoder make theirs.

    Args:
        model: trained in place.
        critic: None if `objective.adversarial` is 0, and only then. It is told of no camera.
        pictures: (N, 4, 3, S, S) uint8 of all questions.
        answers: (K,) int64 of the first K of them: the labels; None or empty for none.
        objective: the weights.
        learning_rate, betas: of Adam. 2·10⁻⁴ and (0, 0.999) are the published code's.
        decay: whether the learning rate rises over `WARM_UP` steps and falls to 0 along a cosine.
        critic_steps: to each of encoder and decoder.
        clip: Euclidean norm that the gradients of encoder and decoder together are scaled down to.
    """

    loss_limit = 1e5  # WGAN scores that far apart do not come back; nor does Eq. (5)

    def __init__(
        self,
        model: SplitLatentModel,
        critic: Critic | None,
        pictures: Tensor,
        answers: Tensor | None,
        objective: SplitLatentObjective,
        learning_rate: float = 2e-4,
        betas: tuple[float, float] = (0.0, 0.999),
        decay: bool = False,
        critic_steps: int = 5,
        clip: float = 500.0,
    ) -> None:
        if (critic is None) != (objective.adversarial == 0):
            raise ValueError("critic: expected one where `adversarial` is not 0, and only there")
        self.model, self.pictures, self.objective = model, pictures, objective
        self.answers = torch.empty(0, dtype=torch.int64) if answers is None else answers
        self.learning_rate, self.decay, self.clip = learning_rate, decay, clip
        self.critic_steps = 0 if critic is None else critic_steps
        self.average = LogAverage()
        self.modules: dict[str, nn.Module] = {
            "encoder": model.encoder,
            "decoder": model.decoder,
            "statistics": model.statistics,
            "average": self.average,
        }
        both = [*model.encoder.parameters(), *model.decoder.parameters()]
        self.optimizers: dict[str, Optimizer] = {
            "model": Adam(both, learning_rate, betas),
            "statistics": Adam(model.statistics.parameters(), learning_rate, betas),
        }
        if critic is not None:
            self.modules["critic"] = critic
            self.optimizers["critic"] = Adam(critic.parameters(), learning_rate, betas)

    def setup(self, fabric: "Fabric") -> None:
        self._fabric = fabric
        self.average.to(fabric.device)
        networks = {name: module for name, module in self.modules.items() if name != "average"}
        self._run = {name: fabric.setup_module(module.train()) for name, module in networks.items()}
        self._steps = {name: fabric.setup_optimizers(optimizer) for name, optimizer in self.optimizers.items()}

    def step(self, batch: Tensor, now: Step) -> SplitLatentTerms:
        """One iteration from B numbers of pictures."""
        if self.decay:
            for optimizer in self.optimizers.values():
                _set_rate(optimizer, self.learning_rate, now)
        size, aim = self.model.settings.latent, self.objective
        noise, prior, mix = now.normal(size), now.normal(size), now.uniform(1)[:, 0]
        chances, chosen = now.uniform(aim.shuffles), now.uniform(aim.labelled)
        images = self.model.fitted(_taken(self.pictures.flatten(0, 1), batch))
        judged = CriticTerms(*(noise.new_zeros(()) for _ in CriticTerms._fields))
        parts = max(1, self.critic_steps)
        rows = (images, noise, prior, mix, chances, chosen)
        for part in zip(*(row.chunk(parts) for row in rows), strict=True):
            if self.critic_steps:
                judged = self._learn_critic(*part[:4])
        images, noise, prior, _, chances, chosen = part
        labelled = chosen.flatten() if now.index % aim.interval == 0 and len(self.answers) else None
        return self._learn_model(images, noise, prior, chances, labelled, judged, now)

    def _learn_critic(self, images: Tensor, noise: Tensor, prior: Tensor, mix: Tensor) -> CriticTerms:
        with torch.no_grad():
            real = images, self._encode(images).sample(noise)
            fake = picture(self._decode(prior)), prior
        penalty = gradient_penalty(self._judge, real, fake, mix)
        terms = critic_terms(self._judge(*real), self._judge(*fake), penalty)
        self._update("critic", terms.total)
        return CriticTerms(*(term.detach() for term in terms))

    def _learn_model(
        self,
        images: Tensor,
        noise: Tensor,
        prior: Tensor,
        chances: Tensor,
        labelled: Tensor | None,
        judged: CriticTerms,
        now: Step,
    ) -> SplitLatentTerms:
        aim, zero = self.objective, noise.new_zeros(())
        posterior = self._encode(images)
        latents = posterior.sample(noise)
        depth = self._decode(latents)
        image_error = mean_squared_error(picture(depth), images)
        latent_error, band, real_scores, fake_scores = zero, outside_band(depth, NEAR, FAR), zero[None], zero[None]
        if aim.adversarial or aim.latent:
            imagined = self._decode(prior)
            fake = picture(imagined)
            band = band + outside_band(imagined, NEAR, FAR)
            if aim.latent:
                latent_error = mean_squared_error(prior, self._encode(fake).mean)
            if aim.adversarial:
                real_scores, fake_scores = self._judge(images, latents), self._judge(fake, prior)
        weights = {"adversarial_weight": aim.adversarial, "image_weight": aim.image, "latent_weight": aim.latent}
        game = ali(real_scores, fake_scores, image_error, latent_error, band, **weights)
        kl = gaussian_kl(posterior.mean, posterior.log_variance).mean() if aim.kl else zero
        self._learn_statistics(latents.detach(), chances)
        information = self._information(latents.detach() if aim.detached else latents, chances)
        (reaching,) = torch.autograd.grad(information, latents, retain_graph=True, allow_unused=True)
        reaching = zero if reaching is None else reaching.norm(dim=1).mean()
        supervised = zero if labelled is None else self._supervised(labelled)
        total = (
            game.total
            + aim.kl * now.fraction * kl / images[0].numel()
            + aim.information * information
            + aim.supervised * supervised
        )
        self._update("model", total)
        return SplitLatentTerms(
            total, *game[1:], kl, information, reaching, supervised, judged.distance, judged.penalty
        )

    def _learn_statistics(self, latents: Tensor, chances: Tensor) -> None:
        """One step of the statistics network up, by the bias-corrected gradient."""
        joint, marginal = self._statistics(latents, chances)
        average = self._fabric.all_reduce(moving_log_average(self.average.value, marginal), reduce_op="mean")
        self.average.value.copy_(average)
        self._update("statistics", -mutual_information(joint, marginal, average))

    def _information(self, latents: Tensor, chances: Tensor) -> Tensor:
        """Eq. (6), with a gradient for the latents that is corrected in the same way."""
        return mutual_information(*self._statistics(latents, chances), self.average.value)

    def _statistics(self, latents: Tensor, chances: Tensor) -> tuple[Tensor, Tensor]:
        scene, view = self.model.split(latents)
        both = [torch.cat(pair) for pair in zip((scene, view), shuffled(scene, view, chances), strict=True)]
        scores = self._run["statistics"](*both).float()
        return scores[: len(latents)], scores[len(latents) :]

    def _supervised(self, chosen: Tensor) -> Tensor:
        """The loss of labelled questions drawn by numbers in [0, 1), on the means of their scenes."""
        numbers = (chosen * len(self.answers)).long()
        images = self.model.fitted(_taken(self.pictures, numbers).flatten(0, 1))
        scenes = self.model.split(self._encode(images).mean)[0].unflatten(0, (-1, 1 + ANSWERS))
        distances = (scenes[:, 1:] - scenes[:, :1]).square()
        # The code's hinge has means of squares; Eq. (5) has their sum
        distances = distances.mean(2) if self.objective.supervised_form == "hinge" else distances.sum(2)
        answers = self.answers.to(numbers.device)[numbers]
        is_right = torch.arange(ANSWERS, device=answers.device) == answers[:, None]
        return SUPERVISED[self.objective.supervised_form](distances[is_right], distances[~is_right].view(-1, 2))

    def _encode(self, images: Tensor) -> Posterior:
        return Posterior(*self._run["encoder"](images, images.new_zeros(len(images), 3)))

    def _decode(self, latents: Tensor) -> Tensor:
        return self._run["decoder"](latents, self.model.code(latents))[-1]

    def _judge(self, images: Tensor, latents: Tensor) -> Tensor:
        return self._run["critic"](images, latents, images.new_zeros(len(images), 3))

    def _update(self, name: str, loss: Tensor) -> None:
        for each in self._steps.values():  # the model's loss reaches critic and statistics network, too: clear all
            each.zero_grad(set_to_none=True)
        self._fabric.backward(loss)
        if name == "model":
            parameters = [p for group in self.optimizers[name].param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.clip)
        self._steps[name].step()


def _taken(pictures: Tensor, numbers: Tensor) -> Tensor:
    """Some rows of pictures in 8 bits, as float32 in [0, 1] where `numbers` are."""
    return pictures[numbers.to(pictures.device)].to(numbers.device).float() / 255


def _set_rate(optimizer: Optimizer, highest: float, now: Step) -> None:
    for group in optimizer.param_groups:
        group["lr"] = highest * cosine_decay(now.fraction) * min(1.0, (now.index + 1) / WARM_UP)
