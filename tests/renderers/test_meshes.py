import math
from dataclasses import replace

import pytest
import torch
import trimesh
from trimesh.ray.ray_pyembree import RayMeshIntersector

from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.renderers.meshes import MeshSettings, render_mesh, unit_ball_cameras
from support import naive_meshes

SMALL = MeshSettings(size=12, band=1.6, slope=0.02)


def ball(radius=0.8, subdivisions=1):
    mesh = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return torch.tensor(mesh.vertices), torch.tensor(mesh.faces)


def bent(generator, batch=2, subdivisions=1, size=SMALL.size):
    """Crumpled balls in float64 that hide parts of themselves, with colours, textures and cameras."""
    vertices, faces = ball(subdivisions=subdivisions)
    vertices = vertices * (1 + 0.3 * torch.randn(batch, len(vertices), 1, generator=generator, dtype=torch.float64))
    vertices = vertices.clamp(-0.95, 0.95)
    colours = torch.rand(batch, vertices.shape[1], 3, generator=generator, dtype=torch.float64)
    background = torch.rand(batch, 3, size, size, generator=generator, dtype=torch.float64)
    angles = torch.rand(2, batch, generator=generator, dtype=torch.float64)
    return vertices, faces, colours, background, unit_ball_cameras(*angles, distance=2.5)


def rectangle(left, top, right, bottom, depth):
    """Corners in pixels of a 12 × 12 picture of a camera at 0, to which 1 unit at depth 1 is 6 pixels → world."""
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return [[(x - 6) / 6 * depth, -(y - 6) / 6 * depth, -depth] for x, y in corners]


QUAD = torch.tensor([[0, 1, 2], [0, 2, 3]])
AT_ORIGIN = Cameras(torch.zeros(1, 3).double(), torch.tensor([[0.0, 0, -1]]).double(), math.pi / 2)


def test_value_and_gradient_are_those_of_the_naive_loop():
    generator = torch.Generator().manual_seed(0)
    vertices, faces, colours, background, camera = bent(generator, subdivisions=0, size=7)
    settings = replace(SMALL, size=7)
    leaves = [part.requires_grad_() for part in (vertices, colours, background)]
    seen = render_mesh(vertices, faces, colours, None, background, camera, settings)
    weight = torch.randn(seen.image.shape, generator=generator, dtype=torch.float64)
    slopes = torch.autograd.grad((seen.image * weight).sum() + (seen.alpha * weight[:, :1]).sum(), leaves)
    total = 0
    for i in range(2):

        def colour_at(number, weights, i=i):
            return sum(w * colours[i, v] for w, v in zip(weights, faces[number].tolist(), strict=True))

        image, alpha, depth = naive_meshes.render(
            vertices[i], faces, colour_at, background[i], camera[i : i + 1], settings
        )
        torch.testing.assert_close(seen.image[i], image)
        torch.testing.assert_close(seen.alpha[i, 0], alpha)
        torch.testing.assert_close(seen.depth[i, 0] * -camera.rays(7, 7)[..., 2], depth)
        total = total + (image * weight[i]).sum() + (alpha * weight[i, 0]).sum()
    for found, expected in zip(slopes, torch.autograd.grad(total, leaves), strict=True):
        torch.testing.assert_close(found, expected)
    assert (seen.soft_alpha > 0).float().mean() > 0.2  # also inside outlines: the balls hide parts of themselves
    assert ((seen.soft_alpha > 0) & (seen.crisp_alpha > 0)).any()


def test_gradients_are_those_of_finite_differences():
    """On a few vertices at a time, and where no other triangle comes to the front within the step."""
    generator = torch.Generator().manual_seed(1)
    vertices, faces, colours, background, camera = bent(generator, batch=1)
    weight = torch.randn(1, 3, SMALL.size, SMALL.size, generator=generator, dtype=torch.float64)

    def value(at):
        return (render_mesh(at, faces, colours, None, background, camera, SMALL).image * weight).sum()

    vertices.requires_grad_()
    slope = torch.autograd.grad(value(vertices), vertices)[0]
    step, agreed = 1e-6, []
    with torch.no_grad():
        for vertex in range(vertices.shape[1]):
            for axis in range(3):
                moved = torch.zeros_like(vertices)
                moved[0, vertex, axis] = step
                measured = (value(vertices + moved) - value(vertices - moved)) / (2 * step)
                agreed.append(abs(measured - slope[0, vertex, axis]) < 1e-4 * (1 + abs(measured)))
    # the crisp layer itself jumps where an edge passes a pixel's centre, which 1e-6 hardly ever meets
    assert torch.stack(agreed).double().mean() > 0.99


def test_an_outline_moves_its_pixels_as_the_closed_form_says():
    """A white square before a grey one: at distance d outside, (1 − d/B) white and d/B grey."""
    aside = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)  # pixels to the right
    front = torch.tensor(rectangle(2, 2, 7, 10, 1.0)).double() + torch.stack((aside / 6, aside * 0, aside * 0))
    behind = torch.tensor(rectangle(-1, -1, 13, 13, 2.0)).double()
    vertices, faces = torch.cat((front, behind))[None], torch.cat((QUAD, QUAD + 4))
    colours = torch.cat((torch.ones(4, 1), torch.full((4, 1), 0.25)))[None].double()
    settings = replace(SMALL, band=2.0, slope=0.0)
    seen = render_mesh(vertices, faces, colours, None, torch.zeros(1, 1, 12, 12).double(), AT_ORIGIN, settings)
    for column, distance in ((6, None), (7, 0.2), (8, 1.2), (9, None)):
        pixel = seen.image[0, 0, 5, column]
        slope = torch.autograd.grad(pixel, aside, retain_graph=True)[0].item()
        expected = 1.0 if column == 6 else 0.25 if distance is None else 1 - 0.75 * distance / 2
        assert pixel.item() == pytest.approx(expected), column
        assert slope == pytest.approx(0 if distance is None else 0.75 / 2, abs=1e-9), column
    left = torch.autograd.grad(seen.image[0, 0, 5, 1], aside)[0].item()
    assert left == pytest.approx(-0.75 / 2)


def test_without_a_band_it_is_the_crisp_layer():
    generator = torch.Generator().manual_seed(2)
    vertices, faces, colours, background, camera = bent(generator)
    crisp, soft = (
        render_mesh(vertices, faces, colours, None, background, camera, replace(SMALL, band=band)) for band in (0, 1.6)
    )
    torch.testing.assert_close(crisp.image, crisp.crisp + (1 - crisp.crisp_alpha) * background)
    assert (crisp.soft_alpha == 0).all() and set(crisp.alpha.unique().tolist()) == {0.0, 1.0}
    for name in ("crisp", "crisp_alpha", "depth"):
        torch.testing.assert_close(getattr(soft, name), getattr(crisp, name))
    assert not torch.allclose(soft.image, crisp.image)
    narrow = render_mesh(vertices, faces, colours, None, background, camera, replace(SMALL, band=1e-6))
    torch.testing.assert_close(narrow.image, crisp.image)


@pytest.mark.parametrize("shape", ["ball", "torus", "capsule"])
def test_silhouette_and_depth_are_those_of_a_ray_caster(shape):
    mesh = {
        "ball": trimesh.creation.icosphere(subdivisions=3, radius=0.8),
        "torus": trimesh.creation.torus(0.6, 0.25),
        "capsule": trimesh.creation.capsule(height=0.8, radius=0.3),
    }[shape]
    camera = unit_ball_cameras(torch.tensor([0.7]), torch.tensor([0.4]))
    size = 64
    vertices, faces = torch.tensor(mesh.vertices).float()[None], torch.tensor(mesh.faces)
    blank = torch.zeros(1, 1, size, size)
    colours = torch.ones(1, vertices.shape[1], 1)
    seen = render_mesh(vertices, faces, colours, None, blank, camera, MeshSettings(size, 0.0))
    rays = (camera.rays(size, size).reshape(-1, 3) @ camera.rotation()[0]).numpy()
    origin = camera.position.expand(len(rays), 3).numpy()
    caster = RayMeshIntersector(mesh, scale_to_box=False)
    face = caster.intersects_first(origin, rays)
    met = torch.from_numpy(face >= 0).view(size, size)
    assert ((seen.crisp_alpha[0, 0] > 0) != met).float().mean() < 0.002
    both = met & (seen.crisp_alpha[0, 0] > 0)
    normals, corners = mesh.face_normals[face], mesh.triangles[face, 0]
    along = ((corners - origin) * normals).sum(1) / (rays * normals).sum(1)
    depth = torch.from_numpy(along).view(size, size).float()
    assert (seen.depth[0, 0] - depth)[both].abs().max() < 1e-3


def test_a_texture_is_right_in_perspective_and_right_side_up():
    """A floor that runs away from the camera, painted with its own u and v."""
    floor = torch.tensor([[-1.0, -0.5, -4.0], [1, -0.5, -4], [1, -0.5, -1], [-1, -0.5, -1]]).double()
    uv = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1]]).double()
    ramp = (torch.arange(64).double() + 0.5) / 64
    texture = torch.stack((ramp.expand(64, 64), ramp[:, None].expand(64, 64)))[None]
    settings = MeshSettings(48, 0.0)
    seen = render_mesh(floor[None], QUAD, texture, uv, torch.zeros(1, 2, 48, 48).double(), AT_ORIGIN, settings)
    rays = AT_ORIGIN.rays(48, 48)
    hit = rays * (-0.5 / rays[..., 1:2])  # where y = −0.5
    u, v = (hit[..., 0] + 1) / 2, (hit[..., 2] + 4) / 3
    on = (seen.crisp_alpha[0, 0] > 0) & (u > 0.02) & (u < 0.98) & (v > 0.02) & (v < 0.98)
    assert on.sum() > 100
    torch.testing.assert_close(seen.image[0, 0][on], u[on], atol=1e-6, rtol=0)
    torch.testing.assert_close(seen.image[0, 1][on], v[on], atol=1e-6, rtol=0)


def test_gradients_reach_texture_background_and_all_pictures_of_a_batch():
    generator = torch.Generator().manual_seed(3)
    vertices, faces, _, background, camera = bent(generator, batch=3)
    uv = torch.rand(vertices.shape[1], 2, generator=generator, dtype=torch.float64)
    texture = torch.rand(3, 3, 8, 8, generator=generator, dtype=torch.float64)
    leaves = [part.requires_grad_() for part in (vertices, texture, background)]
    whole = render_mesh(vertices, faces, texture, uv, background, camera, SMALL)
    slopes = torch.autograd.grad(whole.image.square().sum(), leaves)
    for slope in slopes:
        assert torch.isfinite(slope).all() and (slope.flatten(1).abs().sum(1) > 0).all()
    alone = render_mesh(vertices[1:2], faces, texture[1:2], uv, background[1:2], camera[1:2], SMALL)
    torch.testing.assert_close(whole.image[1:2], alone.image)


def test_the_nearer_surface_wins_whatever_the_order():
    front, behind = (torch.tensor(rectangle(3, 3, 9, 9, depth)).double() for depth in (1.0, 2.0))
    colours = torch.tensor([1.0] * 4 + [0.0] * 4).double().view(1, 8, 1)
    blank = torch.zeros(1, 1, 12, 12).double()
    for order in ([0, 1, 2, 3], [2, 3, 0, 1]):
        faces = torch.cat((QUAD, QUAD + 4))[order]
        seen = render_mesh(torch.cat((front, behind))[None], faces, colours, None, blank, AT_ORIGIN, SMALL)
        ahead = seen.depth[0, 0] * -AT_ORIGIN.rays(12, 12)[..., 2]
        for middle in (seen.image[0, 0, 4:8, 4:8], ahead[4:8, 4:8]):
            torch.testing.assert_close(middle, torch.ones(4, 4).double())


def test_edges_on_and_off_the_picture_stay_finite():
    """A triangle seen from its edge has no inside; one beyond the picture costs nothing and changes nothing."""
    edge_on = [[0.0, -0.5, -2], [0, 0.5, -2], [0, 0, -3]]
    outside = [[50.0, 0, -2], [51, 0, -2], [50, 1, -2]]
    vertices = torch.tensor([edge_on + outside]).double().requires_grad_()
    faces = torch.arange(6).view(2, 3)
    blank = torch.full((1, 1, 12, 12), 0.3).double()
    seen = render_mesh(vertices, faces, torch.ones(1, 6, 1).double(), None, blank, AT_ORIGIN, SMALL)
    torch.testing.assert_close(seen.image.detach(), blank)
    assert seen.depth.isinf().all()


def test_what_is_kept_for_the_next_picture_can_be_learnt_with():
    vertices, faces, colours, background, camera = bent(torch.Generator().manual_seed(1), size=13)
    settings = MeshSettings(13, band=0)
    with torch.inference_mode():
        looked_at = render_mesh(vertices, faces, colours, None, background, camera, settings)
    seen = render_mesh(vertices.requires_grad_(), faces, colours, None, background, camera, settings)
    torch.testing.assert_close(seen.depth, looked_at.depth)
    seen.depth[seen.depth.isfinite()].sum().backward()
    assert vertices.grad.abs().max() > 0


def test_the_unit_ball_fits_tightly():
    vertices, faces = ball(radius=1.0, subdivisions=4)
    camera = unit_ball_cameras(torch.tensor([0.5]), torch.tensor([0.2]), distance=3.0)
    colours, blank = torch.ones(1, len(vertices), 1), torch.zeros(1, 1, 64, 64)
    seen = render_mesh(vertices[None].float(), faces, colours, None, blank, camera, MeshSettings(64, 0.0))
    rows = seen.crisp_alpha[0, 0].amax(1).nonzero()
    assert rows.min() <= 1 and rows.max() >= 62


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"faces": torch.tensor([[0, 1, 99]])}, "faces: expected vertices 0 to 41, got 0 to 99"),
        ({"faces": torch.tensor([[0, 1, 1]])}, r"faces: expected three different vertices, got face 0 of \[0, 1, 1\]"),
        ({"faces": torch.tensor([[0.0, 1, 2]])}, "faces: expected int64, got torch.float32"),
        ({"vertices": torch.full((2, 42, 3), torch.nan).double()}, "vertices: expected finite"),
        ({"vertices": torch.full((2, 42, 3), 9.0).double()}, "vertices: expected all before the camera, got vertex 0"),
        ({"texture": torch.zeros(2, 41, 3).double()}, "texture: expected shape"),
        (
            {"texture": torch.zeros(2, 3, 8, 8).double(), "uv": torch.full((42, 2), 1.5).double()},
            r"uv: expected values",
        ),
        ({"background": torch.zeros(2, 1, 12, 12).double()}, "background: expected shape"),
        ({"background": torch.zeros(2, 3, 16, 16).double()}, "background: expected 12 × 12 pixels, got 16"),
        ({"camera": unit_ball_cameras(torch.zeros(3), torch.zeros(3))}, "camera: expected one for each of 2 meshes"),
    ],
)
def test_bad_input_is_refused(changes, message):
    vertices, faces, colours, background, camera = bent(torch.Generator().manual_seed(0))
    arguments = {"vertices": vertices, "faces": faces, "texture": colours, "uv": None, "background": background}
    with pytest.raises(ValueError, match=message):
        render_mesh(**arguments | {"camera": camera, "settings": SMALL} | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"size": 0}, "size: expected"), ({"band": -1.0}, "band: expected"), ({"slope": math.nan}, "slope: expected")],
)
def test_bad_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **changes)
    with pytest.raises(ValueError, match="distance: expected more than 1"):
        unit_ball_cameras(torch.zeros(1), torch.zeros(1), distance=0.9)
