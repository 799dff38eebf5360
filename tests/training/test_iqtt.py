import pytest
import torch

from inverse_graphics.models.iqtt import Answerer, AnswererSettings
from inverse_graphics.training.iqtt import SHARPEST, AnswererObjective, AnswererTrainer, Memory, Scale
from inverse_graphics.training.loop import Runtime, Step

SMALL = {"size": 16, "channels": (4, 8), "blocks": (1, 1), "numbers": 12}


def make(objective, pictures, latent="points", hard=False, cameras=None):
    torch.manual_seed(0)
    model, modes = Answerer(AnswererSettings(latent=latent, **SMALL)), torch.full((len(pictures),), hard)
    trainer = AnswererTrainer(model, pictures, modes, objective, cameras=cameras)
    fabric = Runtime(accelerator="cpu", precision="32-true").fabric()
    fabric.launch()
    trainer.setup(fabric)
    return trainer, fabric


@pytest.fixture
def pictures():
    return torch.randint(0, 256, (6, 4, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_terms_say_what_they_are(pictures):
    trainer, fabric = make(AnswererObjective(self_training=0.5), pictures)
    answers = torch.tensor([0, -1, -1, 2, -1, -1])
    early, late = (trainer.step((torch.arange(6), answers), Step(0, i, 200, 6, fabric)) for i in (0, 150))
    assert early.total == early.bags and early.certainty > 0
    torch.testing.assert_close(late.total, late.bags + 0.5 * late.certainty)
    assert early.right in (0, 0.5, 1) and early.scale == pytest.approx(10, rel=0.01)
    unknown = trainer.step((torch.arange(6), torch.full((6,), -1)), Step(0, 1, 200, 6, fabric))
    assert unknown.right == 0


def test_mirror_images_count_only_where_they_are_asked_for_and_sure(pictures):
    """With nothing else to tell apart, a batch of one question costs nothing but for its own mirror images, and these
    may be right in `hard` mode."""
    batch = torch.tensor([3]), torch.tensor([-1])
    for asked, hard in ((False, False), (True, False), (True, True)):
        trainer, fabric = make(AnswererObjective(mirror_images=asked), pictures, hard=hard)
        terms = trainer.step(batch, Step(0, 0, 200, 1, fabric))
        assert (terms.bags > 1e-3) == (asked and not hard)
        assert all(parameter.isfinite().all() for parameter in trainer.modules["scale"].parameters())


def test_answers_that_look_alike_cost_where_they_are_known_to_differ(pictures):
    batch, costs = (torch.tensor([3]), torch.tensor([-1])), []
    for same in (False, True):
        alike = pictures.clone()
        if same:
            alike[3, 2:] = alike[3, 1:2]
        trainer, fabric = make(AnswererObjective(mirror_images=False, answers_apart=True), alike)
        costs.append(trainer.step(batch, Step(0, 0, 200, 1, fabric)).bags)
    assert 0 < costs[0] < costs[1]


@pytest.mark.parametrize("latent", ["points", "embedding"])
def test_a_network_that_mirrors_well_does_not_feel_the_random_mirrors(pictures, latent, monkeypatch):
    """Pictures that are their own mirror image, and latents that are too: flips change nothing."""
    even = torch.cat((pictures[..., :8], pictures[..., :8].flip(4)), 4)
    trainer, fabric = make(AnswererObjective(mirror_images=False), even, latent)
    monkeypatch.setattr(trainer.model, "mirrored", lambda latents: latents)
    batch = torch.arange(6), torch.full((6,), -1)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    losses = []
    for index in (0, 1):  # other random numbers, other flips
        trainer.model.load_state_dict(before)
        losses.append(trainer.step(batch, Step(0, index, 200, 6, fabric)).bags)
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-3, atol=1e-4)


def test_points_that_move_with_the_object_are_what_told_cameras_ask_for(pictures):
    """The right answer's object stands as the reference's does; points that lie in its frame cost nothing, points of
    its mirror image or before other cameras do."""
    generator = torch.Generator().manual_seed(0)
    cameras = torch.linalg.svd(torch.randn(6, 4, 3, 3, generator=generator)).U
    cameras = cameras * torch.linalg.det(cameras)[..., None, None]
    objects = torch.randn(6, 4, 4, 3, generator=generator)
    objects[:, 2] = objects[:, 0]  # answer 1 is right
    trainer, _ = make(AnswererObjective(poses=0.5), pictures, cameras=cameras)
    trainer.modules["posed_scale"].logarithm.data.fill_(4.0)
    numbers, untold = torch.arange(6), torch.full((6,), -1)
    seen = objects @ cameras.mT
    moved, mirrored = seen.flatten(2), (seen * torch.tensor([-1.0, 1.0, 1.0])).flatten(2)
    assert trainer._posed(moved, numbers, untold) < 1e-3
    assert trainer._posed(moved, numbers, untold + 2) < 1e-3 and trainer._posed(moved, numbers, untold + 1) > 10
    half = torch.cat((moved[:, :1], mirrored[:, 1:]), 1)
    assert trainer._posed(half, numbers, untold) > 1 and trainer._posed(moved, numbers.roll(1), untold) > 1


def test_told_cameras_count_as_much_as_they_are_asked_to(pictures):
    cameras = torch.eye(3).expand(6, 4, 3, 3)
    trainer, fabric = make(AnswererObjective(poses=0.5), pictures, cameras=cameras)
    terms = trainer.step((torch.arange(6), torch.full((6,), -1)), Step(0, 0, 200, 6, fabric))
    assert terms.posed > 0
    torch.testing.assert_close(terms.total, terms.bags + 0.5 * terms.posed)
    for latent, told in (("points", None), ("embedding", cameras)):
        with pytest.raises(ValueError, match="objective"):
            make(AnswererObjective(poses=0.5), pictures, latent, cameras=told)


def test_the_scale_stays_bounded():
    scale = Scale(1e6)
    assert scale(torch.ones(2)).tolist() == [pytest.approx(SHARPEST)] * 2


def test_memory_holds_the_last_ones():
    memory = Memory(5, 2)
    assert len(memory.known()) == 0
    rows = torch.arange(14.0).view(7, 2)
    memory.add(rows[:3])
    assert torch.equal(memory.known(), rows[:3])
    memory.add(rows[3:])
    assert {tuple(row) for row in memory.known().tolist()} == {tuple(row) for row in rows[2:].tolist()}


def test_what_is_remembered_counts_against_a_reference(pictures):
    """A batch of one question has nothing to be told from at first, and the last step's answers in the next."""
    trainer, fabric = make(AnswererObjective(mirror_images=False, memory=6), pictures)
    first, second = (
        trainer.step((torch.tensor([number]), torch.tensor([-1])), Step(0, number, 200, 1, fabric)) for number in (0, 1)
    )
    assert first.bags < 1e-5 < second.bags
    assert "memory" in trainer.modules and len(trainer.memory.known()) == 6
