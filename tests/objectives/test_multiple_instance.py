import math

import pytest
import torch

from inverse_graphics.objectives.multiple_instance import multiple_instance_loss, self_training_loss


def naive(scores, against, answers):
    total = 0.0
    for i in range(len(scores)):
        bag = range(3) if answers[i] < 0 else [int(answers[i])]
        own = sum(math.exp(scores[i, i, k]) for k in bag)
        every = sum(math.exp(scores[i, j, k]) for j in range(len(scores)) for k in range(3))
        every += sum(math.exp(value) for value in against[i])
        total -= math.log(own / every)
    return total / len(scores)


def test_it_is_the_share_of_the_own_bag():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(4, 4, 3, generator=generator, dtype=torch.float64)
    against = torch.randn(4, 5, generator=generator, dtype=torch.float64)
    answers = torch.tensor([-1, 2, -1, 0])
    found = multiple_instance_loss(scores, against, answers)
    assert found.item() == pytest.approx(naive(scores, against, answers))
    unknown = torch.full((4,), -1)
    assert multiple_instance_loss(scores, against, unknown) == multiple_instance_loss(scores, against)


def test_equal_scores_cost_the_logarithm_of_the_batch():
    assert multiple_instance_loss(torch.zeros(8, 8, 3)).item() == pytest.approx(math.log(8))


def test_gradients_flow_to_every_score():
    scores = torch.randn(3, 3, 3, dtype=torch.float64, requires_grad=True)
    answers = torch.tensor([1, -1, 0])
    assert torch.autograd.gradcheck(lambda value: multiple_instance_loss(value, None, answers), scores)
    multiple_instance_loss(scores, None, answers).backward()
    assert (scores.grad != 0).all() and scores.grad[0, 0, 1] < 0 < scores.grad[0, 0, 0]


def test_self_training_makes_the_likeliest_likelier():
    scores = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    loss = self_training_loss(scores)
    loss.backward()
    assert scores.grad[0, 0] < 0 < scores.grad[0, 1]
    torch.testing.assert_close(scores.grad[1], torch.zeros(3))
    p = scores[0].detach().softmax(0)
    target = p.square() / p.square().sum()
    expected = (-(target * p.log()).sum().item() + math.log(3)) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(4, 3, 3),), r"scores: expected shape \(4, 4, 3\)"),
        ((torch.zeros(4, 4, 2),), r"scores: expected shape \(B, C, 3\)"),
        ((torch.zeros(4, 4, 3), torch.zeros(3, 2)), "against: expected shape"),
        ((torch.zeros(4, 4, 3), None, torch.zeros(3, dtype=torch.int64)), "answers: expected shape"),
    ],
)
def test_wrong_shapes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        multiple_instance_loss(*arguments)
