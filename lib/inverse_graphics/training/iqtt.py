"""Training steps that learn to answer 3D-IQTT questions from the questions alone, or with some of the answers.

Pictures are mirrored at random, each on its own, and their latents mirrored back: so the network learns that a mirrored
picture shows the mirrored object, and latents of mirror images come without encoding any more pictures.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from inverse_graphics.models.iqtt import Answerer
from inverse_graphics.objectives.multiple_instance import multiple_instance_loss, self_training_loss
from inverse_graphics.training.loop import Step, cosine_decay

if TYPE_CHECKING:
    from lightning_fabric import Fabric

WARM_UP = 100  # steps over which the learning rate rises
SHARPEST = 100.0  # most that likeness is multiplied with, as in CLIP (Radford et al. 2021)


class AnswererTerms(NamedTuple):
    """`total` is minimised; `bags`, `posed` and `certainty` in nats; `right`, the share of known answers that are found
    (0 where none is known), and `scale` are for the eye."""

    total: Tensor
    bags: Tensor
    posed: Tensor
    certainty: Tensor
    right: Tensor
    scale: Tensor


@dataclass(frozen=True)
class AnswererObjective:
    """What a step minimises.

    Fields:
        mirror_images: whether mirror images of all answers are held against every reference; of `hard` questions, where
            one may be right, only those of other questions' answers.
        answers_apart: whether how alike a question's answers are to each other is held against its reference, too.
        memory: how many latents of answers of the last steps are held against every reference, too. Raising it makes
            finer differences count, and mistakes an object that comes again for another one more often.
        self_training: weight of `self_training_loss`, from half of the training on. Raising it makes wrong guesses
            last, too.
        poses: weight of the bags once more, for points as they lie in their object's frame and without a search for a
            rotation: no answer is told, but how each camera was turned. 0 for an embedding. Raising it makes points
            move with the object, as the rotation alone does not: a network that turns all it sees into one picture
            needs no depth, and flat points are their own mirror images.
    """

    mirror_images: bool = True
    answers_apart: bool = False
    memory: int = 0
    self_training: float = 0.0
    poses: float = 0.0


class Scale(nn.Module):
    """What likeness is multiplied with before it is compared; learned."""

    def __init__(self, start: float = 10.0) -> None:
        super().__init__()
        self.logarithm = nn.Parameter(torch.tensor(start).log())

    def forward(self, likeness: Tensor) -> Tensor:
        return likeness * self.logarithm.exp().clamp(max=SHARPEST)


class Memory(nn.Module):
    """The latents of the last answers that were seen, without gradients."""

    def __init__(self, size: int, numbers: int) -> None:
        super().__init__()
        self.register_buffer("latents", torch.zeros(size, numbers))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def known(self) -> Tensor:
        """(M, L), fewer than it has room for at first."""
        return self.latents[: min(int(self.seen), len(self.latents))]

    def add(self, latents: Tensor) -> None:
        """Put new latents (N, L) in place of the oldest ones."""
        size = len(self.latents)
        place = (int(self.seen) + torch.arange(len(latents))) % size
        self.latents[place] = latents.detach()
        self.seen += len(latents)


class AnswererTrainer:
    """AdamW on an answerer.

    Args:
        model: trained in place.
        pictures: (N, 4, 3, S, S) uint8 of all questions, held once; a step's batch says which of them and what is
            known: (B,) int64 numbers of questions, and (B,) int64 answers, −1 where not known.
        hard: (N,) bool, which questions are of `hard` mode.
        objective: see there.
        learning_rate: the highest; it rises over `WARM_UP` steps and falls to 0 along a cosine.
        weight_decay: of AdamW.
        cameras: (N, 4, 3, 3) rotations from the axes of each picture's object to its camera's, where `objective.poses`.

    Raises:
        ValueError: `objective.poses` without cameras, or for an embedding.
    """

    def __init__(
        self,
        model: Answerer,
        pictures: Tensor,
        hard: Tensor,
        objective: AnswererObjective,
        learning_rate: float = 2e-3,
        weight_decay: float = 1e-2,
        cameras: Tensor | None = None,
    ) -> None:
        if objective.poses and (cameras is None or model.settings.latent != "points"):
            raise ValueError("objective: poses need cameras, and points to turn")
        self.pictures, self.hard, self.objective, self.learning_rate = pictures, hard, objective, learning_rate
        self.model, self.cameras = model, cameras
        self.modules: dict[str, nn.Module] = {"answerer": model, "scale": Scale()}
        if objective.poses:
            self.modules["posed_scale"] = Scale()
        self.memory = Memory(objective.memory, model.settings.numbers)
        parameters = [parameter for module in self.modules.values() for parameter in module.parameters()]
        self.optimizers: dict[str, Optimizer] = {"model": AdamW(parameters, learning_rate, weight_decay=weight_decay)}
        if objective.memory:
            self.modules["memory"] = self.memory  # for checkpoints; it has no parameters

    def setup(self, fabric: "Fabric") -> None:
        self._fabric = fabric
        learning = {name: module for name, module in self.modules.items() if name != "memory"}
        for module in learning.values():  # before they are set up: else several processes' gradients come out permuted
            module.train().to(memory_format=torch.channels_last)
        self._run = {name: fabric.setup_module(module) for name, module in learning.items()}
        self.memory.to(fabric.device)
        self._optimizer = fabric.setup_optimizers(self.optimizers["model"])

    def step(self, batch: tuple[Tensor, Tensor], now: Step) -> AnswererTerms:
        """One update from the numbers of B questions and what is known of their answers."""
        numbers, answers = batch
        rate = self.learning_rate * cosine_decay(now.fraction) * min(1.0, (now.index + 1) / WARM_UP)
        for group in self.optimizers["model"].param_groups:
            group["lr"] = rate
        flipped = now.uniform(4) < 0.5
        pictures = self.pictures[numbers.to(self.pictures.device)].to(numbers.device).flatten(0, 1)
        turned = flipped.flatten()
        pictures = torch.where(turned[:, None, None, None], pictures.flip(3), pictures).float() / 255
        latents = self._run["answerer"](pictures)
        latents = torch.where(turned[:, None], self.model.mirrored(latents), latents).unflatten(0, (-1, 4))
        references, others = latents[:, 0], latents[:, 1:].flatten(0, 1)
        scores = self._run["scale"](self.model.likeness(references, others)).unflatten(1, (-1, 3))
        bags = multiple_instance_loss(scores, self._against(latents, numbers), answers)
        own = scores.diagonal().T
        certainty = self_training_loss(own)
        weight = self.objective.self_training if now.fraction >= 0.5 else 0.0
        posed = self._posed(latents, numbers, answers) if self.objective.poses else torch.zeros_like(bags)
        total = bags + self.objective.poses * posed + weight * certainty
        self._optimizer.zero_grad(set_to_none=True)
        self._fabric.backward(total)
        self._optimizer.step()
        if self.objective.memory:
            self.memory.add(others)
        known = answers >= 0
        right = ((own.argmax(1) == answers) & known).sum() / known.sum().clamp_min(1)
        return AnswererTerms(total, bags, posed, certainty, right, self.modules["scale"].logarithm.detach().exp())

    def _posed(self, latents: Tensor, numbers: Tensor, answers: Tensor) -> Tensor:
        """The loss of latents (B, 4, L) as they lie in the frames of their objects."""
        cameras = self.cameras[numbers.to(self.cameras.device)].to(latents)
        found, mirrored = (
            F.normalize((each.unflatten(2, (-1, 3)) @ cameras).flatten(2), dim=2)
            for each in (latents, self.model.mirrored(latents))
        )
        references = found[:, 0]
        others, against = (
            self._run["posed_scale"](references @ each[:, 1:].flatten(0, 1).T) for each in (found, mirrored)
        )
        return multiple_instance_loss(others.unflatten(1, (-1, 3)), against, answers)

    def _against(self, latents: Tensor, numbers: Tensor) -> Tensor | None:
        """What (B, M) the references' own answers are to be better than, from latents (B, 4, L) of questions."""
        references, answers = latents[:, 0], latents[:, 1:]
        mirrored, found = self.model.mirrored, []
        if self.objective.mirror_images:
            own = torch.eye(len(latents), dtype=torch.bool, device=latents.device).repeat_interleave(3, 1)
            unsure = own & self.hard[numbers.cpu()].to(latents.device)[:, None]
            scores = self._run["scale"](self.model.likeness(references, mirrored(answers.flatten(0, 1))))
            found.append(scores.masked_fill(unsure, -torch.inf))
        if self.objective.answers_apart:
            found.append(self._run["scale"](self.model.likeness(answers, answers)[:, *torch.triu_indices(3, 3, 1)]))
        if len(known := self.memory.known()):
            wrong = torch.cat((known, mirrored(known))) if self.objective.mirror_images else known
            found.append(self._run["scale"](self.model.likeness(references, wrong)))
        return torch.cat(found, 1) if found else None
