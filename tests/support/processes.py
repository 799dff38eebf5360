"""The same training in one process and in two that share each batch, for tests/training/test_processes.py."""

import socket
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from inverse_graphics.training.loop import Runtime, fit
from support.faults import finish, start


class Terms(NamedTuple):
    total: Tensor


class ConvolutionTrainer:
    """A convolution, channels last as the trainers of this project have them, and noise: no statistics of a batch."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.modules = {"net": torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 3, 3))}
        self.optimizers = {"adam": torch.optim.Adam(self.modules["net"].parameters(), lr=1e-2)}

    def setup(self, fabric: Any) -> None:
        self.fabric = fabric
        self.net = fabric.setup_module(self.modules["net"].to(memory_format=torch.channels_last))
        self.adam = fabric.setup_optimizers(self.optimizers["adam"])

    def step(self, images: Tensor, now: Any) -> Terms:
        target = images[:, :, 2:-2, 2:-2] + 0.1 * now.normal(3, 1, 1)
        total = (self.net(images) - target).square().mean()
        self.adam.zero_grad()
        self.fabric.backward(total)
        self.adam.step()
        return Terms(total)


def pictures() -> Tensor:
    return torch.rand(48, 1, 28, 28, generator=torch.Generator().manual_seed(3))


def voxel_trainer(objective: str) -> Any:
    from inverse_graphics.models.voxels import LatentDiscriminator, VoxelAutoencoder, VoxelAutoencoderSettings
    from inverse_graphics.training.voxels import VoxelTrainer

    torch.manual_seed(0)
    model = VoxelAutoencoder(VoxelAutoencoderSettings(latent=4, encoder_channels=4, decoder_channels=4))
    judge = {"discriminator": LatentDiscriminator(4, 16)} if objective == "aae" else {}
    return VoxelTrainer(model, objective, **judge)


def mesh_trainer() -> Any:
    """One whose pictures grow after half of the training, and which takes a gradient within its step."""
    from inverse_graphics.models.meshes import MeshGANSettings, MeshGenerator
    from inverse_graphics.models.stylegan import Discriminator
    from inverse_graphics.training.meshes import MeshGANObjective, MeshGANTrainer

    torch.manual_seed(0)
    settings = MeshGANSettings(size=16, latent=6, style=8, widths=(8, 8, 8, 4), mapping_layers=2, levels=2)
    judge = Discriminator(3, settings.widths[:-1])
    return MeshGANTrainer(MeshGenerator(settings), judge, MeshGANObjective(first=8, penalty_every=3))


def run(kind: str, root: Path, processes: int) -> None:
    """Train 12 steps of 16 pictures; the first process leaves history and weights in `root`."""
    from inverse_graphics.experiments.mesh_gan import for_growing
    from inverse_graphics.training.checkpoints import save_checkpoint

    torch.set_num_threads(1)
    if kind == "convolution":
        trainer = ConvolutionTrainer()
    else:
        trainer = mesh_trainer() if kind == "meshes" else voxel_trainer(kind)
    strategy = "ddp" if processes > 1 else "auto"
    settings = {"devices": processes, "strategy": strategy, "precision": "32-true", "progress": False}
    runtime = Runtime(accelerator="cpu", checkpoint_seconds=-1.0, **settings)
    data = pictures()
    if kind == "meshes":
        runtime, data = for_growing(runtime), data[:, :, 6:22, 6:22].expand(-1, 3, -1, -1)
    fabric = runtime.fabric()
    fabric.launch()
    where = {"checkpoint": root / "checkpoint", "runtime": runtime, "fabric": fabric}
    history = fit(trainer, data, steps=12, batch_size=16, seed=5, **where).history
    if fabric.is_global_zero:
        save_checkpoint(root / "done", {"history": history, **{n: m.state_dict() for n, m in trainer.modules.items()}})


class _Status(NamedTuple):
    status: int = 0


def _job(kind: str, root: Path, processes: int) -> _Status:
    run(kind, root, processes)
    return _Status()


def train_in(processes: int, kind: str, root: Path) -> dict[str, Any]:
    """Train in so many processes, started as a cluster's launcher would; what the first one left."""
    from inverse_graphics.training.checkpoints import load_checkpoint

    root.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes), "NODE_RANK": "0"}
    running = [start(_job, kind, root, processes, **told, LOCAL_RANK=str(rank)) for rank in range(processes)]
    statuses = [finish(process) for process in running]
    if statuses != [0] * processes:
        raise RuntimeError(f"{kind} in {processes} processes ended with {statuses}")
    return load_checkpoint(root / "done")
