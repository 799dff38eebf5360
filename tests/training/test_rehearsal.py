"""Estimates of what a training takes, with a clock that runs as the steps say."""

from typing import NamedTuple

import pytest
import torch
from torch import nn

from inverse_graphics.training import rehearsal
from inverse_graphics.training.loop import Runtime
from inverse_graphics.training.rehearsal import rehearse, total

ALWAYS, PICTURE = 0.5, 0.25  # seconds: of any step, and of each picture in it, at the beginning


class Terms(NamedTuple):
    total: torch.Tensor


class Timed:
    """A training whose steps take four times as long in its second half."""

    def __init__(self, clock):
        self.clock, self.seen = clock, []
        network = nn.Linear(3, 5)
        self.modules = {"network": network}
        self.optimizers = {"network": torch.optim.Adam(network.parameters())}

    def setup(self, fabric):
        self.fabric = fabric

    def step(self, batch, now):
        batch = batch if isinstance(batch, torch.Tensor) else batch[0]
        self.seen.append((len(batch), now.fraction))
        self.clock[0] += (ALWAYS + PICTURE * len(batch)) * (4 if now.fraction >= 0.5 else 1)
        loss = self.modules["network"](batch).sum()
        self.optimizers["network"].zero_grad()
        loss.backward()
        self.optimizers["network"].step()
        return Terms(loss)


@pytest.fixture
def trainer(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(rehearsal.time, "perf_counter", lambda: clock[0])
    return Timed(clock)


@pytest.fixture(scope="module")
def fabric():
    fabric = Runtime(accelerator="cpu", precision="32-true").fabric()
    fabric.launch()
    return fabric


def test_time_is_that_of_whole_batches_over_the_whole_training(trainer, fabric):
    found = rehearse(trainer, torch.rand(100, 3), steps=1000, batch_size=64, seed=0, fabric=fabric, name="timed")
    first = ALWAYS + 64 * PICTURE
    assert found.least_seconds == pytest.approx(first) and found.most_seconds == pytest.approx(4 * first)
    assert found.seconds == pytest.approx(1000 * 2.5 * first)
    assert {size for size, _ in trainer.seen} == {4, 8}
    assert (found.weights, found.pictures, found.data_bytes, found.measured) == (20, 100, 1200, (4, 8, 64))
    assert 4 * 4 * 20 <= found.state_bytes <= 4 * 4 * 20 + 16  # weights, gradients, two moments, step counts
    assert "timed: 1,000 steps of 64 out of 100 rows, about 11.5 hours" in str(found)
    assert total([found, found]).startswith("2 to train: about 22.9 hours")


def test_processes_share_a_batch(trainer, fabric):
    found = rehearse(trainer, torch.rand(100, 3), steps=8, batch_size=64, seed=0, fabric=fabric, processes=16)
    assert found.measured == (2, 4, 4) and found.least_seconds == pytest.approx(ALWAYS + 4 * PICTURE)


def test_a_batch_of_one_is_measured_as_it_is(trainer, fabric):
    found = rehearse(trainer, (torch.rand(9, 3), torch.rand(9)), steps=1, batch_size=1, seed=0, fabric=fabric)
    assert found.measured == (1, 1, 1) and found.seconds == pytest.approx(ALWAYS + PICTURE)


def test_more_pictures_than_there_are_is_refused(trainer, fabric):
    with pytest.raises(ValueError, match=r"batch_size: expected 1 to 9 \(the training images\), got 10"):
        rehearse(trainer, torch.rand(9, 3), steps=1, batch_size=10, seed=0, fabric=fabric)
