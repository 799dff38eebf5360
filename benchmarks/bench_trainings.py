"""What was done for the speed of quick trainings, done away with again: a step as it is against one as it was.

python benchmarks/bench_trainings.py        No bar; `bench_voxel_training` has that of the voxels.

channels first      networks and pictures in torch's usual memory layout, not in channels last
instance_norm       torch's own for the mesh networks' styles, which changes the layout
float32             instead of bf16, where the processor has matrix units for that
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor

from inverse_graphics.models import stylegan
from inverse_graphics.training.loop import processor_has_bf16_matrix_units
from timing import compare, report
from trainings import FAMILIES, Training, training

PAIRS = 7


@contextmanager
def channels_first(measured: Training) -> Iterator[None]:
    contiguous = Tensor.contiguous
    for module in measured.trainer.modules.values():
        module.to(memory_format=torch.contiguous_format)
    with mock.patch.object(Tensor, "contiguous", lambda pictures, **_: contiguous(pictures)):
        yield
    for module in measured.trainer.modules.values():
        module.to(memory_format=torch.channels_last)


@contextmanager
def instance_norm(measured: Training) -> Iterator[None]:
    def forward(layer: stylegan.StyledLayer, features: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        features = features + layer.noise[:, None, None] * noise + layer.bias[:, None, None]
        features = F.instance_norm(F.leaky_relu(features, stylegan.SLOPE), eps=1e-8)
        scale, shift = layer.style(style)[..., None, None].chunk(2, 1)
        return features * (1 + scale) + shift

    with mock.patch.object(stylegan.StyledLayer, "forward", forward):
        yield


def main() -> None:
    for experiment, peers in {
        "pix-t1": [channels_first],
        "iqtt-bags": [channels_first],
        "szabo-t2": [channels_first, instance_norm],
    }.items():
        measured = training(experiment)
        for peer in peers:
            result = compare(within(peer, measured), measured.step, pairs=PAIRS)
            what = f"{measured.name}, steps of {measured.batch_size}"
            report(what, peer.__name__.replace("channels_first", "channels first"), result)
    for experiment in FAMILIES if processor_has_bf16_matrix_units() else ():
        plain, measured = (training(experiment, precision) for precision in ("32-true", "bf16-mixed"))
        result = compare(plain.step, measured.step, pairs=PAIRS)
        report(f"{measured.name} in bf16, steps of {measured.batch_size}", "float32", result)


def within(peer: Callable, measured: Training) -> Callable[[], None]:
    """A step made as the peer makes it."""

    def step() -> None:
        with peer(measured):
            measured.step()

    return step


if __name__ == "__main__":
    main()
