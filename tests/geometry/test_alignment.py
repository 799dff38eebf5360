import pytest
import torch
from scipy.spatial.transform import Rotation

from inverse_graphics.geometry.alignment import best_rotation, best_rotation_similarity, largest_alignment


def by_decomposition(products):
    """(…, 3, 3) → the same from singular values."""
    sizes = torch.linalg.svdvals(products)
    return sizes[..., 0] + sizes[..., 1] + torch.linalg.det(products).sign() * sizes[..., 2]


@pytest.fixture
def sets():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(20, 16, 3, generator=generator, dtype=torch.float64), generator


def test_it_is_the_best_of_many_rotations(sets):
    points, _ = sets
    one, other = (part / part.norm() for part in points[:2])
    rotations = torch.from_numpy(Rotation.random(20_000, random_state=0).as_matrix())
    best = torch.einsum("kx,rxy,ky->r", one, rotations, other).max()
    found = best_rotation_similarity(points[:1], points[1:2]).item()
    assert best <= found < best + 0.01


def test_value_and_gradient_are_those_of_singular_values(sets):
    points, generator = sets
    points.requires_grad_()
    others = torch.randn(30, 16, 3, generator=generator, dtype=torch.float64)
    found = best_rotation_similarity(points, others)
    one, other = (part / part.norm(dim=(1, 2), keepdim=True) for part in (points, others))
    expected = by_decomposition(torch.einsum("bkx,cky->bcxy", one, other))
    torch.testing.assert_close(found, expected)
    slopes = [torch.autograd.grad(value.square().sum(), points)[0] for value in (found, expected)]
    torch.testing.assert_close(*slopes, atol=1e-6, rtol=1e-4)


def test_a_rotated_and_scaled_set_is_the_same_and_a_mirrored_one_is_not(sets):
    points, _ = sets
    points = points.float()
    rotation = torch.from_numpy(Rotation.random(random_state=1).as_matrix()).float()
    turned = 3 * points @ rotation
    torch.testing.assert_close(best_rotation_similarity(points, turned).diagonal(), torch.ones(20))
    assert best_rotation_similarity(points, turned * torch.tensor([-1.0, 1, 1])).diagonal().max() < 0.9


def test_the_best_rotation_reaches_the_similarity(sets):
    points, _ = sets
    for one, other in ((points[0], points[1]), (points[0], points[0] * torch.tensor([-1.0, 1, 1]))):
        turn = best_rotation(one, other)
        assert torch.linalg.det(turn).item() == pytest.approx(1)
        cosine = torch.cosine_similarity(one.flatten(), (other @ turn.mT).flatten(), 0)
        assert cosine.item() == pytest.approx(best_rotation_similarity(one[None], other[None]).item())


def test_degenerate_sets_stay_finite():
    points = torch.zeros(3, 4, 3)
    points[1, :, 0] = 1  # all in one place: any rotation about an axis will do
    points[2, 0] = torch.tensor([1.0, 2, 3])
    points.requires_grad_()
    found = best_rotation_similarity(points, points)
    found.sum().backward()
    assert torch.isfinite(found).all() and torch.isfinite(points.grad).all()
    assert found[0].abs().max() < 1e-3 and found[1, 1].item() == pytest.approx(1, abs=1e-3)


def test_a_flat_set_cannot_be_told_from_its_mirror_image():
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(5, 8, 3, generator=generator) * torch.tensor([1.0, 1, 0])
    alike = best_rotation_similarity(flat, flat * torch.tensor([-1.0, 1, 1])).diagonal()
    torch.testing.assert_close(alike, torch.ones(5), atol=1e-3, rtol=0)


def test_matrices_of_any_batch():
    generator = torch.Generator().manual_seed(0)
    products = torch.randn(2, 5, 7, 3, 3, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(largest_alignment(products.permute(3, 4, 0, 1, 2)), by_decomposition(products))


@pytest.mark.parametrize(
    ("points", "others", "message"),
    [
        (torch.ones(2, 4, 2), torch.ones(2, 4, 2), "points: expected floating"),
        (torch.ones(2, 4, 3), torch.ones(2, 5, 3), r"others: expected floating \(\.\.\., 4, 3\)"),
        (torch.ones(2, 4, 3, dtype=torch.int64), torch.ones(2, 4, 3), "points: expected floating"),
    ],
)
def test_wrong_sets_are_refused(points, others, message):
    with pytest.raises(ValueError, match=message):
        best_rotation_similarity(points, others)
