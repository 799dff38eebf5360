import pytest
import torch

from inverse_graphics.objectives.contrastive import contrastive_loss, supervised_hinge, supervised_printed


def test_contrastive_loss_is_equation_7():
    distances = torch.tensor([0.5, 3.0, 0.5, 3.0])
    different = torch.tensor([False, False, True, True])
    # ½ D² of the same, ½ (2 − D)² of the different that are nearer than 2
    assert contrastive_loss(distances, different).item() == pytest.approx((0.125 + 4.5 + 1.125 + 0) / 4)
    assert contrastive_loss(distances, different, margin=4.0).item() == pytest.approx(
        (0.125 + 4.5 + 3.5**2 / 2 + 0.5) / 4
    )


def test_contrastive_gradient_draws_and_pushes():
    distances = torch.tensor([0.5, 3.0, 0.5, 3.0], dtype=torch.float64, requires_grad=True)
    different = torch.tensor([False, False, True, True])
    contrastive_loss(distances, different).backward()
    assert distances.grad.tolist() == pytest.approx([0.125, 0.75, -0.375, 0.0])
    inputs = torch.rand(5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda d: contrastive_loss(d, torch.arange(5) % 2 == 0), inputs)


def test_the_hinge_stops_where_wrong_answers_are_a_margin_farther():
    right = torch.tensor([0.5, 0.5], requires_grad=True)
    wrong = torch.tensor([[1.0, 2.0], [0.0, 1.6]], requires_grad=True)
    loss = supervised_hinge(right, wrong)
    assert loss.item() == pytest.approx((0.5 + 0 + 1.5 + 0) / 2)
    loss.backward()
    assert wrong.grad.tolist() == [[-0.5, 0.0], [-0.5, 0.0]]
    assert right.grad.tolist() == [0.5, 0.5]
    assert supervised_hinge(right, wrong, margin=0.25).item() == pytest.approx((0 + 0 + 0.75 + 0) / 2)


def test_the_printed_loss_has_no_lower_end():
    right, wrong = torch.tensor([0.5, 1.5]), torch.tensor([[1.0, 2.0], [0.0, 1.5]])
    assert supervised_printed(right, wrong).item() == pytest.approx(0.5 * (0.5 - 3.0 + 1.5 - 1.5) / 2)
    assert supervised_printed(right, 1e6 * wrong).item() < -1e6
    assert supervised_hinge(right, 1e6 * wrong).item() == pytest.approx(1.25)  # the wrong answer at 0 is left


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="distances: expected values in"):
        contrastive_loss(torch.tensor([-1.0]), torch.tensor([True]))
    with pytest.raises(ValueError, match="different: expected shape"):
        contrastive_loss(torch.ones(2), torch.tensor([True]))
    for loss in (supervised_hinge, supervised_printed):
        with pytest.raises(ValueError, match="wrong: expected shape"):
            loss(torch.ones(2), torch.ones(2, 3))
