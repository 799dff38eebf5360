import dataclasses
import os
import platform
import signal
import subprocess
import sys
import textwrap
import time
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from inverse_graphics.training import loop
from inverse_graphics.training.loop import (
    Runtime,
    Step,
    TrainingDiverged,
    batch_indices,
    clip_gradients,
    fit,
    generator_for,
)

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)


class Terms(NamedTuple):
    total: Tensor


class LineTrainer:
    """Fits one linear layer to y = mean of the picture plus a little noise: a smooth loss with random numbers in it."""

    def __init__(self, poison_at: int | None = None):
        torch.manual_seed(0)
        self.modules = {"line": torch.nn.Linear(16, 1)}
        self.optimizers = {"adam": torch.optim.Adam(self.modules["line"].parameters(), lr=1e-2)}
        self.poison_at, self.steps = poison_at, 0

    def setup(self, fabric):
        self.fabric, self.line = fabric, fabric.setup_module(self.modules["line"])
        self.adam = fabric.setup_optimizers(self.optimizers["adam"])

    def step(self, images, now):
        self.steps += 1
        target = images.mean((1, 2, 3)) + 0.1 * now.normal(1)[:, 0]
        total = (self.line(images.flatten(1))[:, 0] - target).square().mean()
        if self.steps == self.poison_at:
            total = total * torch.nan
        self.adam.zero_grad()
        self.fabric.backward(total)
        self.adam.step()
        return Terms(total)


def images(count=40):
    return torch.rand(count, 1, 4, 4, generator=torch.Generator().manual_seed(3))


def train(path, steps=60, trainer=None, runtime=RUNTIME, batch_size=8, data=None):
    fabric = runtime.fabric()
    fabric.launch()
    trainer = trainer or LineTrainer()
    fitted = fit(
        trainer,
        images() if data is None else data,
        steps=steps,
        batch_size=batch_size,
        seed=5,
        checkpoint=path / "checkpoint.safetensors",
        runtime=runtime,
        fabric=fabric,
    )
    return fitted.history, trainer.modules["line"].state_dict()


def test_the_loss_falls_and_the_history_counts_steps(tmp_path):
    history, _ = train(tmp_path, steps=150)
    assert [record["step"] for record in history] == list(range(1, 151))
    assert history[-1]["total"] < 0.5 * history[0]["total"]


def test_a_finished_run_asked_again_makes_no_step(tmp_path):
    first = train(tmp_path, steps=20)
    trainer = LineTrainer()
    again = train(tmp_path, steps=20, trainer=trainer)
    assert trainer.steps == 0
    assert again[0] == first[0] and torch.equal(again[1]["weight"], first[1]["weight"])


def test_kill_9_and_resume_gives_the_numbers_of_an_unbroken_run(tmp_path):
    """A real process, killed between two checkpoints, then resumed here."""
    script = f"""
    import sys, time
    sys.path.insert(0, {os.path.dirname(os.path.dirname(__file__))!r})
    from pathlib import Path
    from training.test_loop import LineTrainer, Runtime, train
    class Slow(LineTrainer):
        def step(self, images, now):
            time.sleep(0.02)
            return super().step(images, now)
    runtime = Runtime(accelerator="cpu", precision="32-true", progress=False, checkpoint_seconds=0.1)
    train(Path({str(tmp_path / "killed")!r}), steps=400, trainer=Slow(), runtime=runtime)
    """
    (tmp_path / "killed").mkdir()
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    checkpoint = tmp_path / "killed" / "checkpoint.safetensors"
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    step = loop.load_checkpoint(checkpoint)["step"]
    assert 0 < step < 400
    trainer = LineTrainer()
    resumed = train(tmp_path / "killed", steps=400, trainer=trainer)
    assert trainer.steps == 400 - step
    unbroken = train(tmp_path / "unbroken", steps=400)
    assert resumed[0] == unbroken[0]
    assert all(torch.equal(resumed[1][name], unbroken[1][name]) for name in unbroken[1])


def test_nan_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path):
    train(tmp_path, steps=10)
    good = (tmp_path / "checkpoint.safetensors").read_bytes()
    with pytest.raises(TrainingDiverged, match=r"no longer finite at step 14 \(total nan\); the last good checkpoint"):
        train(tmp_path, steps=30, trainer=LineTrainer(poison_at=4))
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == good
    with pytest.raises(TrainingDiverged, match="no checkpoint was made yet"):
        train(tmp_path / "other", steps=30, trainer=LineTrainer(poison_at=4))


def test_a_checkpoint_never_holds_weights_that_are_not_finite(tmp_path):
    """A loss may be finite and its gradient not: then the next step's loss would tell, one checkpoint too late."""

    class Overflowing(LineTrainer):
        def step(self, images, now):
            terms = super().step(images, now)
            if self.steps == 15:
                self.modules["line"].weight.data.fill_(torch.inf)
            return terms

    eager = dataclasses.replace(RUNTIME, checkpoint_seconds=-1.0)
    for name, steps, runtime in (("end", 15, RUNTIME), ("midst", 30, eager)):
        with pytest.raises(TrainingDiverged, match="the weights are no longer finite at step 15; "):
            train(tmp_path / name, steps=steps, trainer=Overflowing(), runtime=runtime)
    assert not (tmp_path / "end" / "checkpoint.safetensors").exists()
    assert loop.load_checkpoint(tmp_path / "midst" / "checkpoint.safetensors")["step"] == 14


def test_a_blown_up_loss_stops_the_run_where_the_trainer_has_a_limit(tmp_path):
    class Limited(LineTrainer):
        loss_limit = 1e-9

    with pytest.raises(TrainingDiverged, match="the loss has blown up at step 1 "):
        train(tmp_path, steps=3, trainer=Limited())


def test_a_tuple_of_tensors_gives_the_same_rows_of_each(tmp_path):
    class Pairs(LineTrainer):
        def step(self, batch, now):
            pictures, numbers = batch
            torch.testing.assert_close(pictures.mean((1, 2, 3)), numbers)
            return super().step(pictures, now)

    alone, _ = train(tmp_path / "alone", steps=10)
    paired, _ = train(tmp_path / "paired", steps=10, trainer=Pairs(), data=(images(), images().mean((1, 2, 3))))
    assert paired == alone
    with pytest.raises(ValueError, match=r"data: .* got \[40, 39\]"):
        train(tmp_path / "uneven", data=(images(), torch.zeros(39)))


def test_every_picture_is_seen_once_an_epoch_and_the_order_depends_on_the_seed():
    epoch = torch.cat([batch_indices(40, 8, 0, step) for step in range(5)])
    assert sorted(epoch.tolist()) == list(range(40))
    following = torch.cat([batch_indices(40, 8, 0, step) for step in range(5, 10)])
    assert sorted(following.tolist()) == list(range(40)) and not torch.equal(epoch, following)
    assert not torch.equal(epoch[:8], batch_indices(40, 8, 1, 0))


def test_processes_share_a_batch_of_noise_exactly():
    def share(rank, world):
        return Step(0, 3, 10, 8, SimpleNamespace(global_rank=rank, world_size=world, device=torch.device("cpu")))

    whole, parts = share(0, 1), [share(0, 2), share(1, 2)]
    assert whole.fraction == 0.3
    for draw in ("normal", "uniform"):
        expected, shares = getattr(whole, draw)(5), [getattr(part, draw)(5) for part in parts]
        assert torch.equal(expected[0::2], shares[0]) and torch.equal(expected[1::2], shares[1])


def test_streams_of_a_seed_differ():
    draws = [torch.rand(4, generator=generator_for(seed, stream)) for seed in range(3) for stream in (-1, 0, 1)]
    assert len({tuple(draw.tolist()) for draw in draws}) == 9


def test_gradients_are_clipped_tensor_by_tensor():
    long, short = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(2))
    long.grad, short.grad = torch.tensor([30.0, 40.0]), torch.tensor([0.3, 0.4])
    clip_gradients([long, short, torch.nn.Parameter(torch.zeros(1))], 1.0)
    torch.testing.assert_close(long.grad, torch.tensor([0.6, 0.8]))
    torch.testing.assert_close(short.grad, torch.tensor([0.3, 0.4]))


def test_freed_memory_is_kept_where_glibc_can_be_asked(monkeypatch):
    assert loop.keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not loop.keep_freed_memory()


def test_precision_is_bf16_only_with_matrix_units(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(loop, "processor_has_bf16_matrix_units", lambda: True)
    assert loop.best_precision("cpu") == "bf16-mixed"
    monkeypatch.setattr(loop, "processor_has_bf16_matrix_units", lambda: False)
    assert loop.best_precision("cpu") == "32-true"


@pytest.mark.parametrize(("batch_size", "message"), [(0, "batch_size: expected 1 to 40"), (41, "expected 1 to 40")])
def test_bad_batch_sizes(tmp_path, batch_size, message):
    with pytest.raises(ValueError, match=message):
        train(tmp_path, batch_size=batch_size)


def test_seconds_add_up_over_sessions(tmp_path):
    class Slow(LineTrainer):
        def step(self, images, now):
            time.sleep(0.01)
            return super().step(images, now)

    where = {"batch_size": 8, "seed": 5, "checkpoint": tmp_path / "c", "runtime": RUNTIME, "fabric": RUNTIME.fabric()}
    first = fit(Slow(), images(), steps=20, **where)
    second = fit(Slow(), images(), steps=40, **where)
    assert first.seconds >= 0.2 and second.seconds >= first.seconds + 0.2


def test_a_headless_notebook_leaves_its_progress_in_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("INVERSE_GRAPHICS_PROGRESS", str(tmp_path / "progress"))
    train(tmp_path, steps=20, runtime=Runtime(accelerator="cpu", precision="32-true"))
    assert "20/20" in (tmp_path / "progress").read_text()
