"""Training pictures a second of two processes (gloo, CPU) against one, all single-threaded: the voxel autoencoder
(`quick` sizes, μ-VAE, uniform azimuth).

python benchmarks/bench_processes.py        Bar: 1.6 times, where two plain trainings side by side, which say nothing to
                                            each other, show that two cores are free: their own factor is printed, too.
"""

import json
import logging
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from timing import Comparison, report

BATCH = 64  # of one process, and what two share
STEPS, WARM_UP, ROUNDS = 40, 5, 3
STARTING = 12.0  # seconds that a process gets to import torch and make its model
ENDED = 300  # seconds after which a process that has not ended is given up


def pictures_a_second(batch: int, start: float) -> float:
    """What one process of `$WORLD_SIZE` measures of a training with so many pictures a step over all of them."""
    import torch

    from inverse_graphics.experiments import digit_geometry
    from inverse_graphics.models.voxels import VoxelAutoencoder
    from inverse_graphics.training.loop import Runtime, Step, keep_freed_memory
    from inverse_graphics.training.voxels import VoxelTrainer

    torch.set_num_threads(1)
    torch.manual_seed(0)
    keep_freed_memory()  # as training does
    processes = int(os.environ["WORLD_SIZE"])
    strategy = "ddp" if processes > 1 else "auto"
    fabric = Runtime(accelerator="cpu", devices=processes, strategy=strategy, precision="32-true").fabric()
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # importing it sets INFO
    fabric.launch()
    model = VoxelAutoencoder(digit_geometry.configs("quick")["mu_vae"].settings())
    trainer = VoxelTrainer(model, "mu_vae", azimuth="uniform")
    trainer.setup(fabric)
    images = torch.rand(batch // processes, 1, 28, 28)

    def steps(count: int) -> float:
        begun = time.perf_counter()
        for index in range(count):
            trainer.step(images, Step(0, index, count, batch, fabric))
        return time.perf_counter() - begun

    steps(WARM_UP)
    time.sleep(max(0.0, start - time.time()))  # all begin at once
    fabric.barrier()
    return batch * STEPS / steps(STEPS)


def side_by_side(batch: int, worlds: Sequence[tuple[int, int]]) -> float:
    """Pictures a second of processes that train at the same time: for each its rank and its world's size, whose first
    process counts for all of it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command, running = [sys.executable, __file__, str(batch), str(time.time() + STARTING)], {}
    for rank, size in worlds:
        told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "NODE_RANK": "0", "LOCAL_RANK": str(rank)}
        told |= {"WORLD_SIZE": str(size), "OMP_NUM_THREADS": "1"}
        running[subprocess.Popen(command, env=os.environ | told, stdout=subprocess.PIPE, text=True)] = rank
    found = []
    for process, rank in running.items():
        said = process.communicate(timeout=ENDED)[0]
        if process.returncode:
            raise RuntimeError(f"a training process ended with status {process.returncode}")
        if rank == 0:
            found.append(json.loads(said.splitlines()[-1]))
    return sum(found)


def main() -> None:
    runs = {"one": (BATCH, [(0, 1)]), "plain": (BATCH, [(0, 1)] * 2), "shared": (BATCH, [(0, 2), (1, 2)]),
            "doubled": (2 * BATCH, [(0, 2), (1, 2)])}  # fmt: skip
    speeds = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():  # in turn: the machine drifts
            speeds[name].append(side_by_side(*run))
    for name, bar, what in (
        ("plain", None, "two trainings that know nothing of each other"),
        ("shared", None, f"two processes that share batches of {BATCH}"),
        ("doubled", 1.6, f"two processes with {BATCH} pictures each"),
    ):
        ratios = sorted(ours / one for ours, one in zip(speeds[name], speeds["one"], strict=True))
        peer, ours = (1 / statistics.median(speeds[which]) for which in ("one", name))  # seconds a picture
        result = Comparison(peer, ours, statistics.median(ratios), ratios[0], ratios[-1])
        report(what, "one process", result, bar, unit="a picture")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(pictures_a_second(int(sys.argv[1]), float(sys.argv[2]))))
    else:
        main()
