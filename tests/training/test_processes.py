"""Two processes that share each batch (gloo, on the CPU) train as one does."""

import sys

import pytest
import torch

from support.processes import train_in

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked as on Linux")


def totals(left):
    return torch.tensor([next(value for name, value in row.items() if name != "step") for row in left["history"]])


def test_two_processes_have_the_losses_and_weights_of_one(tmp_path):
    one, two = (train_in(count, "convolution", tmp_path / str(count)) for count in (1, 2))
    torch.testing.assert_close(totals(two), totals(one), rtol=1e-5, atol=0)  # sums in another order
    for name, weight in one["net"].items():
        torch.testing.assert_close(two["net"][name], weight, rtol=1e-3, atol=1e-5, msg=name)
    assert totals(one)[-1] < 0.9 * totals(one)[0]


def test_what_grows_in_two_processes_has_the_losses_of_one(tmp_path):
    """A GAN with R1, some of whose layers are not in use at first."""
    one, two = (train_in(count, "meshes", tmp_path / str(count)) for count in (1, 2))
    torch.testing.assert_close(totals(two), totals(one), rtol=1e-3, atol=0)
    assert {row["side"] for row in two["history"]} == {8, 16}
    apart = [
        (two[name][part] - weight).abs()
        for name in ("generator", "discriminator")
        for part, weight in one[name].items()
    ]
    # Adam without momentum makes a whole step of a gradient that is rounding alone
    assert (torch.cat([each.flatten() for each in apart]) > 1e-3).float().mean() < 0.05


def test_with_batch_norm_two_processes_have_the_loss_curve_of_one_within_noise(tmp_path):
    """Each process has the statistics of its own half of the batch; and the AAE has two optimizers."""
    one, two = (totals(train_in(count, "aae", tmp_path / str(count))) for count in (1, 2))
    assert ((two - one).abs() / one).max() < 0.01 and one[-1] < one[0]
