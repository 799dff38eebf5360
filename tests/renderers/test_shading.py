import math

import pytest
import torch
import torch.nn.functional as F

from inverse_graphics.renderers.shading import Lights, shade
from support import naive_surfels


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def some_lights(batch=2, count=3, dtype=torch.float64, **terms):
    positions = 2 * draw(batch, count, 3, seed=1, dtype=dtype) + 0.5
    return Lights(positions, draw(batch, count, 3, seed=2, dtype=dtype), draw(batch, 3, seed=3, dtype=dtype), **terms)


def some_points(batch=2, height=3, width=2, dtype=torch.float64):
    normals = F.normalize(draw(batch, height, width, 3, seed=5, dtype=dtype) * 2 - 0.7, dim=-1)
    return draw(batch, height, width, 3, seed=4, dtype=dtype) - 1, normals


@pytest.mark.parametrize(("linear", "quadratic"), [(0.0, 1.0), (0.5, 0.0), (0.3, 2.0)])
def test_value_and_gradient_equal_the_naive_loop(linear, quadratic):
    results = []
    for naive in (False, True):
        (positions, normals), lights = some_points(), some_lights()
        leaves = [positions, normals, lights.positions, lights.colours, lights.ambient, draw(2, 3, 2, 3, seed=6)]
        leaves = [leaf.clone().requires_grad_() for leaf in leaves]
        if naive:
            colour = naive_surfels.shade(*leaves[:5], linear, quadratic, leaves[5])
        else:
            colour = shade(*leaves[:2], Lights(*leaves[2:5], linear, quadratic), leaves[5])
        (colour * draw(2, 3, 2, 3, seed=7)).sum().backward()
        results.append((colour.detach(), [leaf.grad for leaf in leaves]))
    (colour, gradients), (expected, expected_gradients) = results
    facing = (colour > some_lights().ambient[:, None, None] * draw(2, 3, 2, 3, seed=6) + 1e-9).any(-1)
    assert facing.any() and not facing.all()  # both sides of max(0, ·) are seen
    torch.testing.assert_close(colour, expected)
    for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, expected_gradient)


def test_gradcheck_in_everything():
    (positions, normals), lights = some_points(1, 2, 2), some_lights(1, 2)
    leaves = [positions, normals * 0.99, lights.positions, lights.colours, lights.ambient, 0.1 + 0.8 * draw(1, 3)]
    assert torch.autograd.gradcheck(
        lambda p, n, *rest: shade(p, n, Lights(*rest[:3], 0.3, 0.7), rest[3]),
        [leaf.clone().requires_grad_() for leaf in leaves],
    )


def test_one_light_straight_above_follows_equation_1():
    points = torch.tensor([[[[0.0, 0.0, 0.0], [3.0, 0.0, 0.0]]]])
    up = torch.tensor([0.0, 1.0, 0.0]).expand(1, 1, 2, 3)
    lights = Lights(
        torch.tensor([[[0.0, 4.0, 0.0]]]), torch.tensor([[[1.0, 2.0, 3.0]]]), torch.full((1, 3), 0.1), 0.5, 2
    )
    above, aside = shade(points, up, lights, 0.8)[0, 0]
    torch.testing.assert_close(above, 0.8 * (0.1 + torch.tensor([1.0, 2.0, 3.0]) / (0.5 * 4 + 2 * 16)))
    torch.testing.assert_close(aside, 0.8 * (0.1 + torch.tensor([1.0, 2.0, 3.0]) * 0.8 / (0.5 * 5 + 2 * 25)))


def test_a_light_behind_the_surface_leaves_the_ambient_light_alone():
    points, down = torch.zeros(1, 1, 1, 3), torch.tensor([0.0, -1.0, 0.0]).expand(1, 1, 1, 3)
    lights = Lights(torch.tensor([[[0.0, 4.0, 0.0]]]), torch.ones(1, 1, 3), torch.tensor([[0.1, 0.2, 0.3]]))
    torch.testing.assert_close(shade(points, down, lights, 1.0).flatten(), torch.tensor([0.1, 0.2, 0.3]))


def test_lights_add_up_and_radiance_is_not_clamped():
    (positions, normals), lights = some_points(), some_lights()
    dark = Lights(lights.positions, lights.colours, torch.zeros_like(lights.ambient))
    each = [
        shade(positions, normals, Lights(dark.positions[:, [k]], dark.colours[:, [k]], dark.ambient)) for k in range(3)
    ]
    torch.testing.assert_close(shade(positions, normals, dark), sum(each))
    bright = Lights(dark.positions, 100 * dark.colours, dark.ambient)
    torch.testing.assert_close(shade(positions, normals, bright), 100 * sum(each))
    assert shade(positions, normals, bright).max() > 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_albedo_in_every_form_and_dtype(dtype):
    (positions, normals), lights = some_points(dtype=dtype), some_lights(dtype=dtype)
    bare = shade(positions, normals, lights, 1.0)
    assert bare.dtype == dtype and bare.shape == (2, 3, 2, 3)
    for albedo in (draw(3, dtype=dtype), draw(2, 3, dtype=dtype), draw(2, 3, 2, 3, dtype=dtype)):
        spread = albedo[:, None, None] if albedo.dim() == 2 else albedo
        torch.testing.assert_close(shade(positions, normals, lights, albedo), bare * spread)
    torch.testing.assert_close(shade(positions, normals, lights), bare * 0.5)


def test_lights_are_picked_by_slice_and_by_index():
    lights = some_lights(linear=0.2, quadratic=0.5)
    assert len(lights) == 2 and len(lights[1:]) == 1
    picked = lights[torch.tensor([1])]
    assert torch.equal(picked.positions, lights.positions[1:]) and (picked.linear, picked.quadratic) == (0.2, 0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"positions": torch.zeros(2, 3)}, r"positions: expected shape \(B, K, 3\)"),
        ({"positions": torch.full((2, 3, 3), math.inf)}, "positions: expected finite"),
        ({"colours": torch.ones(2, 2, 3)}, r"colours: expected shape \(2, 3, 3\)"),
        ({"colours": -torch.ones(2, 3, 3)}, "colours: expected values in"),
        ({"colours": torch.full((2, 3, 3), math.inf)}, "colours: expected finite"),
        ({"ambient": torch.ones(3)}, r"ambient: expected shape \(2, 3\)"),
        ({"ambient": torch.full((2, 3), math.nan)}, "ambient: expected values in"),
        ({"linear": -1.0}, "linear, quadratic: expected finite numbers"),
        ({"quadratic": 0.0}, "linear, quadratic: expected .* not both 0, got 0.0 and 0.0"),
        ({"quadratic": math.nan}, "linear, quadratic: expected finite numbers"),
    ],
)
def test_bad_lights_are_refused(arguments, message):
    good = {"positions": torch.ones(2, 3, 3), "colours": torch.ones(2, 3, 3), "ambient": torch.zeros(2, 3)}
    with pytest.raises(ValueError, match=message):
        Lights(**{**good, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"positions": torch.zeros(2, 3)}, r"positions: expected shape \(B, H, W, 3\)"),
        ({"normals": torch.zeros(2, 3, 2, 2)}, r"normals: expected shape \(2, 3, 2, 3\)"),
        ({"normals": torch.full((2, 3, 2, 3), 1.5, dtype=torch.float64)}, "normals: expected values in"),
        ({"normals": torch.full((2, 3, 2, 3), math.nan, dtype=torch.float64)}, "normals: expected values in"),
        ({"positions": torch.full((2, 3, 2, 3), math.nan, dtype=torch.float64)}, "lights: expected finite points"),
        ({"positions": torch.full((2, 3, 2, 3), math.inf, dtype=torch.float64)}, "lights: expected finite points"),
        (
            {"positions": some_lights().positions[:, :1, None].expand(2, 3, 2, 3)},
            "no light inside a surface, got .* 0 to",
        ),
        ({"lights": some_lights(3)}, "lights: expected one set for each of 2 scenes, got 3"),
        ({"normals": torch.zeros(2, 3, 2, 3)}, "normals: expected torch.float64 as the positions are"),
        ({"albedo": 1.5}, r"albedo: expected values in \[0, 1\]"),
        ({"albedo": torch.full((3,), math.nan)}, "albedo: expected values in"),
        ({"albedo": torch.zeros(4)}, "albedo: expected a number"),
        ({"albedo": torch.zeros(1, 3)}, "albedo: expected a number"),
    ],
)
def test_bad_input_names_the_argument(arguments, message):
    positions, normals = some_points()
    with pytest.raises(ValueError, match=message):
        shade(**{"positions": positions, "normals": normals, "lights": some_lights(), **arguments})
