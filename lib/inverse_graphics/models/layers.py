"""What a network is made of, read off it as it runs."""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Layer(NamedTuple):
    """One layer of a model: dotted name, kind (`Conv2d`), shape of its output without the batch, parameter count."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int


def trace_layers(model: nn.Module, *inputs: Tensor) -> list[Layer]:
    """The layers that run when `model(*inputs)` does, in that order, with what comes out of each.

    The model is put in evaluation mode for it and back after.
    """
    layers: list[Layer] = []
    leaves = {name: module for name, module in model.named_modules() if not list(module.children())}

    def record(name: str, module: nn.Module, output: Tensor) -> None:
        parameters = sum(parameter.numel() for parameter in module.parameters())
        layers.append(Layer(name, type(module).__name__, tuple(output.shape[1:]), parameters))

    hooks = [
        module.register_forward_hook(lambda module, _, output, name=name: record(name, module, output))
        for name, module in leaves.items()
    ]
    training = model.training
    try:
        with torch.no_grad():
            model.eval()(*inputs)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return layers
