import math

import pytest
import torch
from scipy import ndimage

from inverse_graphics.geometry.shape_images import (
    blur,
    disc_mesh,
    initial_shape,
    limit_size,
    shape_pyramid,
    textured_mesh,
    vertices_of,
)


@pytest.mark.parametrize(("side", "count"), [(64, 5980), (128, 24858)])
def test_the_disc_has_as_many_triangles_as_the_published_sizes(side, count):
    mesh = disc_mesh(side)
    assert len(mesh.faces) == count
    assert mesh.faces.unique().tolist() == list(range(len(mesh.vertices)))
    assert mesh.uv.min() > 0 and mesh.uv.max() < 1


def test_the_disc_is_one_piece_without_holes():
    mesh = disc_mesh(9)
    edges = torch.cat([mesh.faces[:, [i, (i + 1) % 3]] for i in range(3)]).sort(1).values
    assert len(mesh.vertices) - len(edges.unique(dim=0)) + len(mesh.faces) == 1  # Euler's number of a disc


@pytest.mark.parametrize("kind", ["sphere", "sheet"])
def test_faces_look_outwards_and_textures_are_upright(kind):
    mesh = disc_mesh(33)
    vertices = vertices_of(initial_shape(kind, 33)[None], mesh)[0]
    a, b, c = vertices[mesh.faces].unbind(1)
    normals, centres = torch.linalg.cross(b - a, c - a), (a + b + c) / 3
    outwards = centres if kind == "sphere" else torch.tensor([0.0, 0, 1])
    assert ((normals * outwards).sum(1) > 0).all()
    front = vertices[:, 2] >= 0
    across, down = (torch.stack((mesh.uv[:, i], vertices[:, i]))[:, front].corrcoef()[0, 1] for i in (0, 1))
    assert across > 0.9 and down < -0.9


def test_a_sphere_is_one_and_closes_at_the_back():
    shape = initial_shape("sphere", 65, radius=0.5)
    torch.testing.assert_close(shape.norm(dim=0), torch.full((65, 65), 0.5))
    torch.testing.assert_close(shape[:, 32, 32], torch.tensor([0, 0, 0.5]))
    torch.testing.assert_close(shape[:, 32, 0], torch.tensor([0, 0, -0.5]), atol=1e-6, rtol=0)


def test_blur_is_a_gaussian():
    images = torch.rand(2, 3, 20, 24, generator=torch.Generator().manual_seed(0))
    for sigma in (1.0, 4.0):
        expected = ndimage.gaussian_filter(images.numpy(), (0, 0, sigma, sigma), mode="nearest", truncate=3.0)
        torch.testing.assert_close(blur(images, sigma), torch.from_numpy(expected), atol=1e-5, rtol=1e-4)


def test_a_pyramid_blurs_each_level_more_than_the_one_before():
    levels = torch.rand(1, 3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = blur(levels[:, 0], 1.0) + blur(levels[:, 1], 2.0) + blur(levels[:, 2], 4.0)
    torch.testing.assert_close(shape_pyramid(levels), expected)


def test_size_is_limited_and_directions_are_kept():
    shape = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 5
    limited = limit_size(shape)
    assert limited.norm(dim=1).max() <= 1.3 + 1e-6
    torch.testing.assert_close(torch.cosine_similarity(limited, shape), torch.ones(2, 8, 8))
    one = limit_size(torch.tensor([0.0, 0, 1]).view(1, 3, 1, 1)).flatten()
    assert one.tolist() == pytest.approx([0, 0, 1.3 * math.tanh(1)])
    still = torch.zeros(1, 3, 2, 2, requires_grad=True)
    limit_size(still).sum().backward()
    assert torch.isfinite(still.grad).all()


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="side: expected a whole number, 4 or more; got 3"):
        disc_mesh(3)
    with pytest.raises(ValueError, match="kind: expected one of sheet, sphere"):
        initial_shape("cube", 8)
    with pytest.raises(ValueError, match="shape: expected shape"):
        vertices_of(torch.zeros(1, 3, 8, 9), disc_mesh(8))
    with pytest.raises(ValueError, match="most: expected values"):
        limit_size(torch.zeros(1, 3, 8, 8), 0)


def test_a_shape_image_becomes_a_mesh_with_its_texture():
    shape, texture = initial_shape("sphere", 16), torch.rand(3, 32, 32)
    mesh = textured_mesh(shape, texture)
    disc = disc_mesh(16)
    torch.testing.assert_close(mesh.vertices, shape.flatten(1)[:, disc.vertices].mT)
    assert mesh.texture is texture and torch.equal(mesh.uv, disc.uv) and torch.equal(mesh.faces, disc.faces)
