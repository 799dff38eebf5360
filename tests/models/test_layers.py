import torch
from torch import nn

from inverse_graphics.models.layers import Layer, trace_layers


def test_layers_come_in_the_order_they_run_and_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3)).train()
    layers = trace_layers(model, torch.zeros(1, 1, 4, 4))
    assert layers == [
        Layer("0", "Conv2d", (2, 2, 2), 20),
        Layer("1", "Flatten", (8,), 0),
        Layer("2", "Linear", (3,), 27),
    ]
    assert model.training and not model[0]._forward_hooks
