"""What the full data sets take, from throughput measured here; docs/scale.md holds what it printed.

    python benchmarks/scale.py            decoding, rendering of questions, and one `paper` training of each family
    python benchmarks/scale.py szabo-t2   of these, the training alone

On one thread, and long: a step at the size of `paper` can take a minute. Few rows are read or made, since a step does
not depend on how many there are. Not a comparison, so `make bench` leaves it out.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

from inverse_graphics.datasets.faces import celeba_crop, centre_square, read_photographs
from inverse_graphics.datasets.heads import render_made_up
from inverse_graphics.datasets.iqtt import make_questions
from inverse_graphics.experiments import voxel_autoencoder
from inverse_graphics.experiments.catalogue import EXPERIMENTS, RUNS
from inverse_graphics.training.loop import Runtime
from inverse_graphics.training.rehearsal import Rehearsed

PHOTOGRAPHS = 512
QUESTIONS = 400
# The training of each family whose set is large, how many rows it has in full, and what makes a short sample of them
TRAININGS = {
    "ucar-f6": ("encoded", 202_599, {"train_images": 64, "test_images": 64}),
    "szabo-t2": ("full", 70_000, {"train_images": 64}),
    "iqtt-bags": ("points", 1_000_000, {"questions": 256}),
}


def main(names: Sequence[str]) -> None:
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread")
    if not names:
        print(decoding("CelebA, 178 × 218 JPEG to 28 × 28 grey", (178, 218), ".jpg", 28, celeba_crop, colour=False))
        print(decoding("FFHQ's thumbnails, 128 × 128 PNG, in colour", (128, 128), ".png", 128, centre_square))
        for size in (40, 64, 128):
            print(questions(size))
    for name in names or TRAININGS:
        print(training(name), flush=True)


def decoding(what: str, size: tuple[int, int], suffix: str, side: int, crop, colour: bool = True) -> str:
    """Photographs a second, of made-up heads with the grain that photographs have."""
    drawn = render_made_up("heads", "test", 16, 64).images
    enlarged = torch.nn.functional.interpolate(drawn, size[::-1], mode="bicubic").clamp(0, 1)
    grain = torch.randn(PHOTOGRAPHS, 3, *size[::-1], generator=torch.Generator().manual_seed(0)) * 0.03
    with tempfile.TemporaryDirectory() as folder:
        for number, each in enumerate(grain):
            pixels = (enlarged[number % len(enlarged)] + each).clamp(0, 1).mul(255).round().to(torch.uint8)
            Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(Path(folder, f"{number + 1:06d}{suffix}"), quality=95)
        start = time.perf_counter()
        read_photographs(Path(folder), side, crop=crop, colour=colour)
        rate = PHOTOGRAPHS / (time.perf_counter() - start)
    return f"{what}: {rate:,.0f} photographs a second"


def questions(size: int) -> str:
    """Questions a second, as they are trained on: four pictures each."""
    start = time.perf_counter()
    for _ in make_questions("paper", QUESTIONS, size=size).batches():
        pass
    rate, million = QUESTIONS / (time.perf_counter() - start), 4 * 3 * size**2 * 1e6 / 1e9
    return f"3D-IQTT, {size} × {size}: {rate:,.0f} questions a second; a million of them take {million:,.0f} GB"


def training(name: str) -> str:
    """What the `paper` training of an experiment takes here."""
    which, rows, few = TRAININGS[name]
    config = replace(EXPERIMENTS[name]("paper", 0)[which], **few)
    runtime = Runtime(accelerator="cpu", dry_run=True)
    try:
        RUNS.get(name, voxel_autoencoder.run)(config, runtime=runtime, retrain=True)
    except Rehearsed as rehearsed:
        found = rehearsed.estimate
        epochs = found.steps * found.batch_size / rows
        precision = runtime.fabric()._precision.precision
        return f"{found}; {precision}; {rows:,} rows are seen {epochs:.1f} times"
    raise RuntimeError(f"{name}: trained already")


if __name__ == "__main__":
    main(sys.argv[1:])
