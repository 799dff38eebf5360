import math

import pytest
import torch

from inverse_graphics.geometry.cameras import Camera, Cameras
from inverse_graphics.geometry.depth_maps import depth_of_box
from inverse_graphics.renderers.shading import Lights
from inverse_graphics.renderers.surfels import back_project, normals_from_depth, render_surfels
from support import naive_surfels

VIEW = math.radians(26)


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def cameras(batch=2, dtype=torch.float64):
    return Cameras.orbit(draw(batch, seed=8, dtype=dtype), 0.3 + draw(batch, seed=9, dtype=dtype) / 2, 1.5, VIEW)


def some_lights(batch=2, count=2, dtype=torch.float64):
    """Ahead of the surfels of `some_depth`, at the side of the camera, so that none grazes one."""
    positions = cameras(batch, dtype).position[:, None] * (0.9 + draw(batch, count, 1, seed=1, dtype=dtype) / 4)
    return Lights(positions, draw(batch, count, 3, seed=2, dtype=dtype), draw(batch, 3, seed=3, dtype=dtype), 0.3, 0.7)


def some_depth(batch=2, height=5, width=4, dtype=torch.float64):
    return 1.0 + 0.05 * draw(batch, 1, height, width, dtype=dtype)


def angle(a, b):
    """Degrees between (B, 3, H, W) vectors; by atan2, which is exact for small ones."""
    return torch.rad2deg(torch.atan2(torch.linalg.cross(a, b, dim=1).norm(dim=1), (a * b).sum(1)))


def rays(camera, size):
    return camera.rays(size, size).permute(2, 0, 1).double()


# Normals


def sphere(camera, size):
    """Depth (1, 1, H, W) of a sphere, off the middle, before a wall far behind; its normals; where it is seen."""
    direction = rays(camera, size)
    centre, radius = torch.tensor([0.05, -0.04, -1.5], dtype=torch.float64), 0.25
    middle = torch.einsum("chw,c->hw", direction, centre)
    root = middle**2 - centre @ centre + radius**2
    depth = (middle - root.clamp_min(0).sqrt()).where(root > 0, torch.tensor(2.5, dtype=torch.float64))
    return depth[None, None], ((direction * depth) - centre[:, None, None])[None] / radius, (root > 0)[None]


@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normals_of_a_sphere_are_right_up_to_the_silhouette(size, dtype):
    camera = cameras(1, dtype)
    depth, expected, seen = sphere(camera, size)
    normals = normals_from_depth(depth.to(dtype), camera)
    assert normals.dtype == dtype
    error = angle(normals.double(), expected)
    inside = torch.nn.functional.avg_pool2d(seen[:, None].double(), 3, 1, 1)[:, 0] > 0.99  # all neighbours seen
    assert error[inside].max() < 0.02
    assert (expected * rays(camera, size)).sum(1)[inside].max() > -0.45  # also where it is seen slantwise
    # Even the pixels beside the silhouette follow the sphere, not the wall behind it.
    assert error[seen & ~inside].max() < 12


@pytest.mark.parametrize("tilt", [0, 20, 45, 70])
@pytest.mark.parametrize("towards", [0, 100, 215])
def test_normals_of_a_tilted_plane_are_right_to_the_border(tilt, towards):
    camera = cameras(1, torch.float32)
    tilt, towards = math.radians(tilt), math.radians(towards)
    normal = torch.tensor([math.sin(tilt) * math.cos(towards), math.sin(tilt) * math.sin(towards), math.cos(tilt)])
    depth = -1.5 * normal[2].double() / torch.einsum("chw,c->hw", rays(camera, 64), normal.double())
    normals = normals_from_depth(depth[None, None].float(), camera)
    assert angle(normals, normal[None, :, None, None].expand_as(normals)).max() < 0.02


def test_normals_stay_sharp_at_the_edge_of_a_box():
    camera = Camera(0.6, 0.5, 3.0, 0.6)
    depth = depth_of_box(camera, 64, 64)
    seen = depth.isfinite()
    view = Cameras.orbit(torch.tensor([0.6]), torch.tensor([0.5]), 3.0, 0.6)
    normals = normals_from_depth(depth.where(seen, torch.tensor(6.0))[None, None], view)
    world = torch.einsum("bchw,bcd->bdhw", normals, view.rotation())[0][:, seen]
    right = (world.abs().amax(0) > math.cos(math.radians(5))).float().mean()
    assert right > 0.9  # all but pixels on an edge where two faces meet; equal weights leave 0.82


def test_normals_have_length_one_and_face_the_camera_whatever_the_depth():
    camera = cameras(3, torch.float32)
    depth = torch.exp(3 * draw(3, 1, 16, 16, dtype=torch.float32))  # 1 to 20, with jumps everywhere
    normals = normals_from_depth(depth, camera)
    torch.testing.assert_close(normals.norm(dim=1), torch.ones(3, 16, 16))
    assert (-(normals * rays(camera, 16).float()).sum(1)).min() > 0
    scaled = normals_from_depth(7 * depth, camera)
    torch.testing.assert_close(scaled, normals, atol=1e-4, rtol=0)


def test_gradients_stay_bounded_where_the_surface_is_flat_and_where_it_jumps():
    camera = cameras(1, torch.float32)
    flat = torch.full((1, 1, 16, 16), 1.5)
    jump = flat.clone()
    jump[..., 8:] = 3.0
    for depth in (flat, jump):
        depth.requires_grad_()
        normals_from_depth(depth, camera)[:, 0].sum().backward()
        assert depth.grad.isfinite().all()
        assert depth.grad.abs().max() < 1e3  # one pixel is 0.04 wide: a slope changes by 1/0.04 per unit of depth


# The whole picture


@pytest.mark.parametrize("shape", [(5, 4), (3, 3), (4, 6)])
def test_value_and_gradient_equal_the_naive_loop(shape):
    results = []
    for naive in (False, True):
        depth, lights, albedo = some_depth(2, *shape), some_lights(), draw(2, 3, *shape, seed=6)
        leaves = [t.clone().requires_grad_() for t in (depth, lights.positions, lights.colours, lights.ambient, albedo)]
        depth, *tensors, albedo = leaves
        lights, camera = Lights(*tensors, 0.3, 0.7), cameras()
        if naive:
            normals = naive_surfels.normals(depth, VIEW)
            directions = [torch.stack(row) for row in naive_surfels.directions(*shape, VIEW, depth)]
            positions = torch.stack(directions).permute(2, 0, 1) * depth
            points, turned = (
                torch.einsum("bchw,bcd->bhwd", part, camera.rotation()) for part in (positions, normals)
            )  # shaded in the world, not in camera axes
            points = points + camera.position[:, None, None]
            image = naive_surfels.shade(points, turned, *tensors, 0.3, 0.7, albedo.permute(0, 2, 3, 1))
            image = image.permute(0, 3, 1, 2)
        else:
            image, positions, normals = render_surfels(depth, camera, lights, albedo)
        total = sum(
            (part * draw(*part.shape, seed=7 + at)).sum() for at, part in enumerate((image, positions, normals))
        )
        total.backward()
        results.append(([t.detach() for t in (image, positions, normals)], [leaf.grad for leaf in leaves]))
    for ours, expected in zip(*(values + gradients for values, gradients in results), strict=True):
        torch.testing.assert_close(ours, expected)


def test_gradcheck_in_depth_lights_and_albedo():
    lights, camera = some_lights(), cameras()
    leaves = [some_depth(2, 4, 3), lights.positions, lights.colours, lights.ambient, 0.1 + 0.8 * draw(2, 3)]
    assert torch.autograd.gradcheck(
        lambda depth, *rest: render_surfels(depth, camera, Lights(*rest[:3], 0.3, 0.7), rest[3]),
        [leaf.clone().requires_grad_() for leaf in leaves],
    )


def test_gradcheck_of_the_normals_alone_and_in_the_camera():
    assert torch.autograd.gradcheck(lambda d: normals_from_depth(d, cameras()), some_depth(2, 3, 4).requires_grad_())
    camera = cameras()
    assert torch.autograd.gradcheck(
        lambda position: (
            render_surfels(some_depth(2, 3, 3), Cameras(position, camera.target, VIEW), some_lights()).image
        ),
        camera.position.clone().requires_grad_(),
    )


def test_a_batch_gives_what_its_scenes_give_alone():
    depth, camera, lights, albedo = some_depth(3, 6, 6), cameras(3), some_lights(3), draw(3, 3)
    together = render_surfels(depth, camera, lights, albedo)
    for at in range(3):
        one = slice(at, at + 1)
        alone = render_surfels(depth[one], camera[one], lights[one], albedo[one])
        for part, expected in zip(together, alone, strict=True):
            torch.testing.assert_close(part[one], expected)


def test_positions_are_along_the_rays_at_the_depth():
    depth, camera = some_depth(), cameras()
    positions = back_project(depth, camera)
    torch.testing.assert_close(positions.norm(dim=1, keepdim=True), depth)
    torch.testing.assert_close(positions / depth, camera.rays(5, 4).permute(2, 0, 1).expand(2, 3, 5, 4))
    picture = render_surfels(depth, camera, some_lights())
    torch.testing.assert_close(picture.positions, positions)
    torch.testing.assert_close(picture.normals, normals_from_depth(depth, camera))


def test_a_wall_before_the_camera_is_lit_most_where_the_light_is():
    camera = Cameras.orbit(torch.zeros(1), torch.zeros(1), 2.0, 0.8)
    depth = -2.0 / camera.rays(33, 33)[None, None, :, :, 2]  # the plane z = 0
    lights = Lights(torch.tensor([[[0.4, 0.3, 0.5]]]), torch.ones(1, 1, 3), torch.zeros(1, 3))
    image = render_surfels(depth, camera, lights, 1.0).image[0, 0]
    brightest = divmod(int(image.argmax()), 33)
    extent = 2 * math.tan(0.4)
    assert brightest == (round(16.5 - 0.5 - 0.3 / extent * 16.5), round(16.5 - 0.5 + 0.4 / extent * 16.5))
    assert image.max().item() == pytest.approx(4, rel=0.01)  # half a unit away, straight on


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_follows_depth_and_albedo_comes_in_every_form(dtype):
    depth, lights = some_depth(dtype=dtype), some_lights()  # float64, and cameras in float32
    bare = render_surfels(depth, cameras(dtype=torch.float32), lights, 1.0)
    assert {part.dtype for part in bare} == {dtype} and {part.shape for part in bare} == {(2, 3, 5, 4)}
    for albedo in (0.25, draw(3, dtype=dtype), draw(2, 3, dtype=dtype), draw(2, 3, 5, 4, dtype=dtype)):
        image = render_surfels(depth, cameras(dtype=torch.float32), lights, albedo).image
        spread = albedo[..., None, None] if isinstance(albedo, torch.Tensor) and albedo.dim() < 3 else albedo
        torch.testing.assert_close(image, bare.image * spread)


def depth_with(value):
    depth = some_depth()
    depth[1, 0, 2, 1] = value
    return depth


@pytest.mark.parametrize(
    ("depth", "message"),
    [
        (depth_with(0.0), "depth: expected positive finite distances .* got values from 0 to"),
        (depth_with(-1.0), "depth: expected positive finite"),
        (depth_with(math.inf), "depth: expected positive finite .* to inf"),
        (depth_with(math.nan), "depth: expected positive finite"),
        (torch.ones(2, 5, 4), r"depth: expected shape \(B, 1, H, W\)"),
        (torch.ones(2, 3, 5, 4), r"depth: expected shape \(B, 1, H, W\)"),
        (torch.ones(2, 1, 5, 4, dtype=torch.int64), "depth: expected a floating-point"),
        (torch.ones(2, 1, 5, 4, dtype=torch.float16), "depth: expected float32 or float64"),
        (torch.ones(2, 1, 2, 4), "depth: expected at least 3 × 3 pixels, got 2 × 4"),
        (torch.ones(3, 1, 5, 4), "camera: expected one for each of 3 depth maps, got 2"),
    ],
)
def test_bad_depth_is_refused_everywhere(depth, message):
    for function in (back_project, normals_from_depth, lambda d, c: render_surfels(d, c, some_lights(len(d)))):
        with pytest.raises(ValueError, match=message):
            function(depth, cameras())


def inside_a_surfel():
    surfels = cameras().to_world(back_project(some_depth(), cameras()).flatten(2).mT)
    lights = some_lights()
    return Lights(torch.stack((lights.positions[:, 0], surfels[:, 7]), 1), lights.colours, lights.ambient)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lights": inside_a_surfel()}, "lights: .* no light inside a surface"),
        ({"lights": some_lights(3)}, "lights: expected one set for each of 2 depth maps, got 3"),
        ({"camera": Cameras(torch.ones(2, 3), torch.ones(2, 3), VIEW)}, "camera: expected one that does not stand"),
        ({"camera": Cameras.orbit(torch.zeros(2), torch.full((2,), math.pi / 2), 1.0, VIEW)}, "camera: expected one"),
        ({"camera": Cameras(torch.full((2, 3), math.nan), torch.ones(2, 3), VIEW)}, "camera: expected a finite"),
        ({"albedo": torch.zeros(2, 3, 4, 5)}, r"albedo: expected shape \(2, 3, 5, 4\)"),
        ({"albedo": torch.zeros(3, 3)}, "albedo: expected a number"),
        ({"albedo": -0.1}, r"albedo: expected values in \[0, 1\]"),
    ],
)
def test_bad_input_names_the_argument(arguments, message):
    with pytest.raises(ValueError, match=message):
        render_surfels(**{"depth": some_depth(), "camera": cameras(), "lights": some_lights(), **arguments})
