import pytest
import torch

from inverse_graphics.models.mutual_information import StatisticsNetwork


def test_sizes_are_those_of_table_7():
    network = StatisticsNetwork()
    assert network(torch.rand(3, 118), torch.rand(3, 10)).shape == (3,)
    assert [tuple(weights.shape) for weights in network.parameters() if weights.dim() == 2] == [
        (256, 128),
        (512, 256),
        (1, 512),
    ]


def test_it_sees_both_parts():
    network, scene, view = StatisticsNetwork(4, 2, (8, 8)), torch.rand(5, 4, requires_grad=True), torch.rand(5, 2)
    view.requires_grad_()
    network(scene, view).sum().backward()
    assert scene.grad.abs().min() > 0 and view.grad.abs().min() > 0
    with pytest.raises(RuntimeError):
        network(torch.rand(5, 4), torch.rand(5, 3))
