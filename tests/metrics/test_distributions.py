import math

import pytest
import torch

from inverse_graphics.metrics.distributions import circular_distance, circular_distance_up_to_rotation

UNIFORM = (torch.arange(3600, dtype=torch.float64) + 0.5) * (2 * math.pi / 3600) - math.pi


def degrees(*values):
    return torch.tensor(values, dtype=torch.float64) * (math.pi / 180)


def test_points_are_the_shorter_way_round_apart():
    assert circular_distance(degrees(10), degrees(40)) == pytest.approx(30)
    assert circular_distance(degrees(350), degrees(20)) == pytest.approx(30)
    assert circular_distance(degrees(-170), degrees(170)) == pytest.approx(20)
    assert circular_distance(degrees(0), degrees(180)) == pytest.approx(180)
    assert circular_distance(degrees(5), degrees(725)) == pytest.approx(0, abs=1e-9)


def test_uniform_is_90_degrees_from_a_point_and_arcs_have_closed_forms():
    for point in (0, 77, 180):
        assert circular_distance(UNIFORM, degrees(point)) == pytest.approx(90, abs=1e-3)
    assert circular_distance(UNIFORM / 2, degrees(0)) == pytest.approx(45, abs=1e-3)  # a half circle around the point
    # each half of a half circle, spread over twice its width, moves by 0 … 90°
    assert circular_distance(UNIFORM / 2, UNIFORM) == pytest.approx(45, abs=1e-3)
    assert circular_distance(degrees(0, 180), UNIFORM) == pytest.approx(45, abs=1e-3)


def test_it_is_a_distance_and_what_the_best_matching_costs():
    generator = torch.Generator().manual_seed(0)
    a, b, c = (torch.rand(9, generator=generator) * 7 for _ in range(3))
    assert circular_distance(a, a.flip(0)) == pytest.approx(0, abs=1e-9)
    assert circular_distance(a, b) == pytest.approx(circular_distance(b, a))
    assert circular_distance(a, c) <= circular_distance(a, b) + circular_distance(b, c)
    # in the order round the circle, the best matching of equally many is one of the cyclic shifts
    one, other = (x.double().remainder(2 * math.pi).sort().values for x in (a, b))
    costs = []
    for shift in range(9):
        apart = (one - other.roll(shift)).abs()
        costs.append(torch.minimum(apart, 2 * math.pi - apart).mean().item())
    assert circular_distance(a, b) == pytest.approx(math.degrees(min(costs)), rel=1e-5)


def test_samples_of_unequal_number():
    assert circular_distance(degrees(0, 90), degrees(0)) == pytest.approx(45)
    assert circular_distance(degrees(30, 30, 30, 60), degrees(30, 60)) == pytest.approx(7.5)
    assert circular_distance(degrees(0, 90).repeat(50), degrees(0, 90)) == pytest.approx(0, abs=1e-9)


def test_a_global_rotation_is_taken_out():
    truth = degrees(0, 20, 90, 200)
    distance, rotation = circular_distance_up_to_rotation(truth + degrees(130), truth)
    assert (distance, rotation) == (pytest.approx(0, abs=1e-6), pytest.approx(230))
    assert circular_distance(truth + degrees(130), truth) > 40
    distance, _ = circular_distance_up_to_rotation(UNIFORM, degrees(0), rotations=12)
    assert distance == pytest.approx(90, abs=1e-3)  # turning a uniform distribution changes nothing
    mirrored = circular_distance_up_to_rotation(-truth, truth)[0]
    assert mirrored > 5 and circular_distance_up_to_rotation(truth, truth)[0] < 1e-6


def test_bad_input_is_named():
    for metric in (circular_distance, circular_distance_up_to_rotation):
        for bad in (torch.tensor([math.nan]), torch.tensor([math.inf]), torch.zeros(2, 2), torch.zeros(0)):
            with pytest.raises(ValueError, match="samples: expected"):
                metric(bad, degrees(0))
            with pytest.raises(ValueError, match="truth: expected"):
                metric(degrees(0), bad)
    with pytest.raises(ValueError, match="rotations: expected"):
        circular_distance_up_to_rotation(degrees(0), degrees(0), 0)
