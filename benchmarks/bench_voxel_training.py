"""Training pictures a second of the voxel autoencoder (`quick` sizes, μ-VAE, uniform azimuth), against the same model
in plain fp32, channels first, with the usual renderer.

    python benchmarks/bench_voxel_training.py        Bar: 2 times on a processor with AMX, 1.2 times without.
"""

from unittest import mock

import torch

import usual_voxels
from inverse_graphics.experiments import digit_geometry
from inverse_graphics.models import voxels as models
from inverse_graphics.models.voxels import SIDE, Decoder, VoxelAutoencoder
from inverse_graphics.training.loop import Runtime, Step, keep_freed_memory, processor_has_bf16_matrix_units
from inverse_graphics.training.voxels import VoxelTrainer
from timing import Place, compare, report

BATCH = 64


class PlainDecoder(Decoder):
    """The decoder without its memory layout."""

    def forward(self, latent):
        logits = self.layers(self.dense(latent).view(-1, self.channels, 7, 7, 7))
        return logits.sigmoid().view(-1, SIDE, SIDE, SIDE)


def stepper(plain: bool, batch: int = BATCH):
    """A function that makes one training step."""
    torch.manual_seed(0)
    model = VoxelAutoencoder(digit_geometry.configs("quick")["mu_vae"].settings())
    if plain:
        model.decoder.__class__ = PlainDecoder
        model.decoder.to(memory_format=torch.contiguous_format)
    fabric = Runtime(precision="32-true" if plain else "auto", accelerator="cpu").fabric()
    fabric.launch()
    trainer = VoxelTrainer(model, "mu_vae", azimuth="uniform")
    trainer.setup(fabric)
    images = torch.rand(batch, 1, 28, 28)
    renderer = usual_voxels.project if plain else models.project_voxels

    def run():
        with mock.patch.object(models, "project_voxels", renderer):
            trainer.step(images, Step(0, 0, 1, batch, fabric))

    return run, fabric


def main() -> None:
    keep_freed_memory()  # as training does
    _, fabric = stepper(plain=False)
    bar = 2.0 if processor_has_bf16_matrix_units() else 1.2
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, ours in {fabric._precision.precision}")
    for batch in (16, BATCH, 256):
        result = compare(stepper(plain=True, batch=batch)[0], stepper(plain=False, batch=batch)[0], pairs=9)
        place = Place("voxel autoencoder, a training step", "pictures", batch)
        asked = bar if batch == BATCH else None
        report(f"training, batches of {batch}", "plain", result, asked, each=batch, unit="a picture", place=place)


if __name__ == "__main__":
    main()
