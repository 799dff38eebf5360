import math

import pytest
import torch

from inverse_graphics.renderers.voxels import SAMPLINGS, project_voxels, ray_matrix, rotate_voxels, shade_voxels
from support import naive_voxels

AZIMUTH = torch.tensor([0.3, -2.2], dtype=torch.float64)
ELEVATION = torch.tensor([0.4, -0.7], dtype=torch.float64)


def some_voxels(shape=(2, 4, 3, 5), dtype=torch.float64):
    draw = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)
    return 0.1 + 0.8 * draw  # away from 0 and 1, so that finite differences stay in range


def ball(size=28, radius=9.0):
    axis = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    d, h, w = torch.meshgrid(axis, axis, axis, indexing="ij")
    return ((d**2 + h**2 + w**2).sqrt() < radius).double()[None]


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("elevation", [None, ELEVATION])
def test_value_and_gradient_equal_the_naive_loop(sampling, elevation):
    naive_elevation = torch.zeros(2, dtype=torch.float64) if elevation is None else elevation
    weight = torch.rand(2, 1, 3, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    gradients, images = [], []
    for function, up in ((project_voxels, elevation), (naive_voxels.project, naive_elevation)):
        voxels, azimuth = some_voxels().requires_grad_(), AZIMUTH.clone().requires_grad_()
        image = function(voxels, azimuth, up, sampling)
        (image * weight).sum().backward()
        images.append(image.detach())
        gradients.append((voxels.grad, torch.zeros(2) if azimuth.grad is None else azimuth.grad))
    torch.testing.assert_close(images[0], images[1])
    torch.testing.assert_close(gradients[0][0], gradients[1][0])
    torch.testing.assert_close(gradients[0][1], gradients[1][1], check_dtype=False)


@pytest.mark.parametrize("elevation", [None, ELEVATION])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_rotation_equals_the_naive_loop_and_agrees_with_projection(sampling, elevation):
    voxels = some_voxels()
    turned = rotate_voxels(voxels, AZIMUTH, elevation, sampling)
    up = torch.zeros(2, dtype=torch.float64) if elevation is None else elevation
    torch.testing.assert_close(turned, naive_voxels.rotate(voxels, AZIMUTH, up, sampling))
    summed = 1 - torch.exp(-turned.sum(1, keepdim=True))
    torch.testing.assert_close(project_voxels(voxels, AZIMUTH, elevation, sampling), summed)


def test_gradcheck_in_voxels_azimuth_and_elevation():
    voxels, azimuth = some_voxels().requires_grad_(), AZIMUTH.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda v, a: project_voxels(v, a), (voxels, azimuth))
    assert torch.autograd.gradcheck(lambda v, a: rotate_voxels(v, a), (voxels, azimuth))
    elevation = ELEVATION.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda v, a, e: project_voxels(v, a, e), (voxels, azimuth, elevation))
    assert torch.autograd.gradcheck(lambda v: project_voxels(v, AZIMUTH, sampling="nearest"), (voxels,))


def test_nearest_passes_no_gradient_to_the_azimuth_and_trilinear_does():
    gradients = {}
    for sampling in SAMPLINGS:
        azimuth = AZIMUTH.clone().requires_grad_()
        image = project_voxels(some_voxels().requires_grad_(), azimuth, sampling=sampling)
        (gradients[sampling],) = torch.autograd.grad(image.square().sum(), azimuth)
    assert (gradients["nearest"] == 0).all()
    assert (gradients["trilinear"].abs() > 1e-3).all()


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_no_turn_and_quarter_turns_move_cells_and_change_none(sampling):
    voxels = some_voxels((1, 6, 4, 6))
    torch.testing.assert_close(rotate_voxels(voxels, 0.0, sampling=sampling), voxels)
    torch.testing.assert_close(project_voxels(voxels, 0.0, sampling=sampling), project_voxels(voxels))
    quarter = rotate_voxels(voxels, math.pi / 2, sampling=sampling)
    torch.testing.assert_close(quarter, voxels.transpose(1, 3).flip(1))  # what was right is now near
    four = voxels
    for _ in range(4):
        four = rotate_voxels(four, math.pi / 2, sampling=sampling)
    torch.testing.assert_close(four, voxels)


def test_camera_at_azimuth_90_stands_on_plus_x_and_at_elevation_90_above():
    right, top = torch.zeros(1, 3, 3, 3), torch.zeros(1, 3, 3, 3)
    right[0, 1, 1, 2], top[0, 1, 0, 1] = 1, 1
    assert rotate_voxels(right, math.pi / 2)[0, 0, 1, 1] == pytest.approx(1, abs=1e-5)
    assert rotate_voxels(top, 0.0, math.pi / 2)[0, 0, 1, 1] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("elevation", [None, 0.6])
def test_a_centred_ball_keeps_its_mass_at_any_angle(sampling, elevation):
    voxels = ball()
    for degrees in range(0, 360, 7):
        mass = rotate_voxels(voxels, math.radians(degrees), elevation, sampling).sum() / voxels.sum()
        assert mass.item() == pytest.approx(1, abs=0.02), degrees


def test_outside_the_grid_is_empty_and_nothing_exceeds_the_occupancies():
    full = torch.ones(1, 28, 28, 28)
    turned = rotate_voxels(full, math.pi / 4)
    assert turned[0, 0, 0, 0] == 0  # a corner of the turned grid looks outside the old one
    assert turned.max() <= 1 + 1e-5
    assert ray_matrix(torch.tensor([math.pi / 4]), 28, 28).sum(1).max() <= 28 + 1e-3


def test_projection_follows_equation_2():
    voxels = torch.zeros(1, 3, 1, 2)
    voxels[0, :, 0, 0] = torch.tensor([0.2, 0.5, 0.1])
    expected = torch.tensor([[[[1 - math.exp(-0.8), 0.0]]]])
    torch.testing.assert_close(project_voxels(voxels), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_kept_and_one_angle_serves_a_batch(dtype):
    voxels = some_voxels(dtype=dtype)
    image = project_voxels(voxels, 0.5, 0.2)
    assert image.dtype == dtype and image.shape == (2, 1, 3, 5)
    each = project_voxels(voxels, torch.tensor([0.5, 0.5], dtype=dtype))
    torch.testing.assert_close(project_voxels(voxels, 0.5), each)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"voxels": torch.rand(3, 4, 5)}, r"voxels: expected shape \(B, D, H, W\)"),
        ({"voxels": torch.zeros(2, 3, 4, 0)}, "voxels: expected shape"),
        ({"voxels": torch.zeros(2, 3, 4, 5, dtype=torch.int64)}, "voxels: expected a floating-point"),
        ({"voxels": [[1.0]]}, "voxels: expected a tensor"),
        ({"voxels": torch.full((2, 3, 4, 5), 1.5)}, r"voxels: expected values in \[0, 1\]"),
        ({"voxels": torch.full((2, 3, 4, 5), torch.nan)}, "voxels: expected values"),
        ({"azimuth": torch.zeros(3)}, "azimuth: expected one angle or one for each of 2"),
        ({"azimuth": float("nan")}, "azimuth: expected finite"),
        ({"elevation": torch.tensor([0.0, torch.inf])}, "elevation: expected finite"),
        ({"sampling": "cubic"}, "sampling: expected one of nearest, trilinear; got 'cubic'"),
    ],
)
@pytest.mark.parametrize("function", [rotate_voxels, project_voxels])
def test_bad_input_names_the_argument(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(**{"voxels": torch.rand(2, 3, 4, 5), "azimuth": 0.1, **arguments})


# Shaded voxels


def some_albedo(shape=(2, 4, 3, 5)):
    return torch.rand(shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@pytest.mark.parametrize("pivot", [0.0, 1.5])
def test_shading_equals_the_naive_loop_in_value_and_gradient(pivot):
    weight = torch.rand(2, 1, 3, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = []
    for function in (shade_voxels, naive_voxels.shade):
        inputs = [t.clone().requires_grad_() for t in (some_voxels(), some_albedo(), AZIMUTH)]
        image = function(*inputs, pivot)
        image = image if function is naive_voxels.shade else image.picture
        (image * weight).sum().backward()
        found.append((image.detach(), *(t.grad for t in inputs)))
    for ours, naive in zip(*found, strict=True):
        torch.testing.assert_close(ours, naive)


def test_gradcheck_of_shading():
    inputs = [t.clone().requires_grad_() for t in (some_voxels(), 0.1 + 0.8 * some_albedo(), AZIMUTH)]
    assert torch.autograd.gradcheck(lambda *given: tuple(shade_voxels(*given, pivot=1.5)), inputs)


def test_white_matter_is_equation_2_and_so_is_the_cover():
    voxels = torch.nn.functional.pad(some_voxels(), (3, 3, 0, 0, 3, 3))  # no turn takes a cell out, nor samples beyond
    white = shade_voxels(voxels, torch.ones_like(voxels), 0.0)
    torch.testing.assert_close(white.picture, project_voxels(voxels))
    grey = shade_voxels(voxels, 0.5 * torch.ones_like(voxels), AZIMUTH)
    torch.testing.assert_close(grey.cover, project_voxels(voxels, AZIMUTH))


def test_what_is_in_front_hides_what_is_behind_so_a_back_is_no_mirror_image():
    voxels, albedo = torch.ones(1, 21, 1, 21, dtype=torch.float64), torch.zeros(1, 21, 1, 21, dtype=torch.float64)
    albedo[:, :10] = 1  # the front half is white
    middle = [shade_voxels(voxels, albedo, turn).picture[0, 0, 0, 10].item() for turn in (0.0, math.pi)]
    assert middle[0] > 0.999 and middle[1] < 0.001
    torch.testing.assert_close(
        project_voxels(voxels, math.pi), project_voxels(voxels, 0.0).flip(3), atol=1e-9, rtol=0
    )  # Eq. (2) cannot tell


def test_the_pivot_stays_in_the_middle_of_the_picture():
    voxels = torch.zeros(1, 21, 1, 21)
    voxels[0, 4, 0, 10] = 1  # six cells before the middle
    columns = torch.arange(21.0)
    for azimuth in (-0.6, 0.4, 1.0):
        turned = {p: shade_voxels(voxels, voxels, azimuth, p).cover[0, 0, 0] for p in (0.0, 6.0)}
        centre = {p: ((cover * columns).sum() / cover.sum()).item() for p, cover in turned.items()}
        assert centre[6.0] == pytest.approx(10, abs=0.1)
        assert abs(centre[0.0] - 10) > 2


def test_bad_albedo_is_named():
    with pytest.raises(ValueError, match=r"albedo: expected the shape of voxels \(2, 4, 3, 5\)"):
        shade_voxels(some_voxels(), some_albedo((2, 4, 3, 6)), 0.1)
    with pytest.raises(ValueError, match=r"albedo: expected values in \[0, 1\]"):
        shade_voxels(some_voxels(), 2 + some_albedo(), 0.1)
