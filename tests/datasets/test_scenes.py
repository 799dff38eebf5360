import math

import numpy as np
import pytest
import torch
import trimesh

from inverse_graphics import paths
from inverse_graphics.datasets import scenes
from inverse_graphics.datasets.images import DatasetError
from inverse_graphics.datasets.scene_objects import Shape, family
from inverse_graphics.datasets.scenes import KINDS, cast_rays, load_scenes, pose, sweep, view_from
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.renderers.shading import shade
from inverse_graphics.renderers.surfels import render_surfels


@pytest.fixture(autouse=True)
def small_blocks(workspace, monkeypatch):
    """An empty cache, and blocks that are quick to make."""
    monkeypatch.setattr(scenes, "BLOCK", 8)


def points_of(scenes):
    """(B, N, 3) world points that the pixels show."""
    B, _, H, W = scenes.depth.shape
    local = scenes.camera.rays(H, W) * scenes.depth.permute(0, 2, 3, 1)
    return scenes.camera.to_world(local.reshape(B, H * W, 3))


def angles_of(camera):
    """Azimuths and elevations (B,), (B,) in degrees."""
    x, y, z = (camera.position - camera.target).unbind(1)
    return torch.atan2(x, z).rad2deg(), torch.asin(y / scenes.DISTANCE).rad2deg()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(kind):
    made = load_scenes(kind, count=8, size=24)
    assert made.images.shape == made.normals.shape == (8, 3, 24, 24) and made.depth.shape == (8, 1, 24, 24)
    assert {made.images.dtype, made.depth.dtype, made.normals.dtype} == {torch.float32}
    assert made.images.min() >= 0 and (made.images < 1).all(1).float().mean() > 0.995  # hardly any is clipped
    assert made.images.amax((1, 2, 3)).min() > 0.4 and made.images.mean() > 0.2  # none is dark
    assert torch.allclose(made.normals.norm(dim=1), torch.ones(()), atol=1e-6)
    rays = made.camera.rays(24, 24).permute(2, 0, 1)
    assert ((made.normals * rays).sum(1) < 0).all()  # towards the camera
    assert made.labels.max() < len(made.class_names) == len(KINDS[kind][0]) and len(made) == 8
    inside = points_of(made)
    assert inside.min() > scenes.WALL - 1e-3 and inside.max() < 0.5  # the half box fills the picture
    objects = ((inside - scenes.WALL) > 3e-3).all(-1).float().mean(1)  # of neither wall nor floor
    assert objects.min() > 0.02 and objects.max() < 0.6


@pytest.mark.parametrize("lights", scenes.LIGHTS)
def test_pictures_are_the_shading_of_their_own_surfaces(lights):
    made = load_scenes("multiple_shapes", count=8, size=32, lights=lights)
    points = points_of(made).view(8, 32, 32, 3)
    normals = torch.einsum("bchw,bcd->bhwd", made.normals, made.camera.rotation())
    shaded = shade(points, normals, made.lights, made.albedo).clamp(0, 1).permute(0, 3, 1, 2)
    assert (shaded - made.images).abs().max() < 1 / 255


def test_the_surfel_renderer_makes_the_same_pictures_from_depth():
    made = load_scenes("box_rotation", count=8, size=48)
    surfels = render_surfels(made.depth, made.camera, made.lights, made.albedo)
    off = (surfels.image.clamp(0, 1) - made.images).abs().amax(1)
    assert off.flatten().quantile(0.8) < 0.005  # all but the pixels at edges
    turned = torch.rad2deg(torch.acos((surfels.normals * made.normals).sum(1).clamp(-1, 1)))
    assert turned.median() < 0.3


def test_rays_meet_a_placed_shape_as_if_it_were_the_mesh():
    rng = np.random.default_rng(0)
    shape = family("torus", "train").shape(0)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    placed = pose(shape, 0.4, rotation, np.array((1, 0.8, 1.2))).moved(np.array((-0.2, -0.25, -0.2)))
    mesh = trimesh.creation.torus(0.36, 0.14, 96, 48)
    mesh.vertices = mesh.vertices[:, [0, 2, 1]] * (1, 1, -1) @ placed.matrix.T + placed.offset
    np.testing.assert_allclose((placed.low, placed.high), mesh.bounds, atol=1e-6)
    radius = np.linalg.norm(mesh.vertices - mesh.bounds.mean(0), axis=1).max()
    assert radius == pytest.approx(0.2, rel=1e-6)
    origin = np.array((0.4, 0.5, 0.6))
    directions = mesh.triangles_center[::29] + 1e-3 - origin
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    depth, normals = cast_rays([placed], origin, directions)
    hits = Shape(mesh).cast(np.broadcast_to(origin, directions.shape), directions)
    met = np.isfinite(hits.steps)
    assert met.mean() > 0.9
    np.testing.assert_allclose(depth[met], hits.steps[met], atol=1e-5)
    assert ((normals * hits.normals).sum(1)[met] > 0.99).mean() > 0.99


def test_rays_meet_the_empty_room():
    origin = np.array((0.1, 0.2, 0.3))
    directions = np.array([(0, -1, 0), (-0.6, 0, -0.8), (-0.8, 0, -0.6), (0.6, -0.8, 0.0)])
    depth, normals = cast_rays([], origin, directions)
    np.testing.assert_allclose(depth, (0.7, 1.0, 0.75, 0.875))
    np.testing.assert_array_equal(normals, [(0, 1, 0), (1, 0, 0), (1, 0, 0), (0, 1, 0)])


# Layouts


@pytest.mark.parametrize("kind", KINDS)
def test_objects_lie_on_the_floor_before_the_walls(kind):
    maker = scenes._Maker(kind, "train", 0, "fixed")
    for number in range(12):
        for one in maker.layout(number).objects:
            outline = one.shape.outline @ one.matrix.T + one.offset
            np.testing.assert_allclose((outline.min(0), outline.max(0)), (one.low, one.high), atol=1e-9)
            assert one.low[1] == pytest.approx(scenes.WALL) and one.low.min() > scenes.WALL - 1e-9
            assert one.high[[0, 2]].max() < scenes.REGION[1] + 1e-9


def test_several_objects_keep_apart():
    maker = scenes._Maker("multiple_shapes", "train", 0, "fixed")
    layouts = [maker.layout(number).objects for number in range(40)]
    assert {len(objects) for objects in layouts} == {1, 2, 3, 4}
    for objects in layouts:
        for i, one in enumerate(objects):
            for other in objects[:i]:
                assert any(one.high[k] < other.low[k] or other.high[k] < one.low[k] for k in (0, 2))


def test_boxes_are_upright_or_rotated():
    up = load_scenes("box_translation", count=8, size=32)
    normals = torch.einsum("bchw,bcd->bdhw", up.normals, up.camera.rotation())
    assert (normals.abs().amax(1) > 0.999).all()
    tilted = load_scenes("box_rotation", count=8, size=32)
    normals = torch.einsum("bchw,bcd->bdhw", tilted.normals, tilted.camera.rotation())
    assert ((normals.abs().amax(1) < 0.99).float().mean((1, 2)) > 0.05).all()


def test_a_bedroom_has_its_bed_against_a_wall():
    maker = scenes._Maker("furnished_room", "train", 0, "fixed")
    layouts = [maker.layout(number) for number in range(12)]
    assert {len(layout.objects) for layout in layouts} <= {2, 3, 4, 5} and np.mean(
        [len(x.objects) for x in layouts]
    ) > 3
    for layout in layouts:
        bed = layout.objects[0]
        assert min(bed.low[0], bed.low[2]) == pytest.approx(scenes.WALL)


# Cameras and lights


def test_cameras_stand_on_the_patch_evenly_and_no_two_see_one_scene():
    camera = scenes._Maker("shapes", "train", 0, "fixed").cameras(range(400))
    azimuth, elevation = angles_of(camera)
    assert azimuth.min() > 4.99 and azimuth.max() < 85.01 and elevation.min() > 19.99 and elevation.max() < 60.01
    assert azimuth.mean() == pytest.approx(45, abs=3)
    low, high = math.sin(math.radians(20)), math.sin(math.radians(60))
    assert elevation.deg2rad().sin().mean() == pytest.approx((low + high) / 2, abs=0.02)  # uniform by area
    assert len(torch.unique(camera.position, dim=0)) == 400


def test_random_lights_change_the_shading_only():
    fixed, free = (load_scenes("shapes", count=8, size=16, lights=lights) for lights in scenes.LIGHTS)
    assert torch.equal(fixed.depth, free.depth) and torch.equal(fixed.camera.position, free.camera.position)
    assert (fixed.images - free.images).abs().mean() > 0.01
    assert torch.equal(fixed.lights.positions[0], fixed.lights.positions[7])
    positions = free.lights.positions
    assert len(torch.unique(positions.reshape(-1, 3), dim=0)) == 24 and positions.min() > 0
    assert torch.allclose(positions.norm(dim=-1), torch.tensor(scenes.LIGHT_RADIUS))


# The same again


def test_the_cache_gives_what_was_rendered(monkeypatch):
    first = load_scenes("shapes", count=12, size=16)
    files = sorted((paths.DATA / "cache").iterdir())
    monkeypatch.setattr(scenes, "_render", None)  # nothing is rendered again
    again = load_scenes("shapes", count=12, size=16)
    assert len(files) == 2 and first.fingerprint == again.fingerprint
    for name in ("images", "depth", "normals", "labels", "numbers"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert torch.equal(first.camera.position, again.camera.position)


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda data: data[:-9] + b"\0\1\2\3\4\5\6\7\x08"])
def test_a_damaged_cache_is_made_again(damage):
    first = load_scenes("box_rotation", count=4, size=16)
    (file,) = (paths.DATA / "cache").iterdir()
    file.write_bytes(damage(file.read_bytes()))
    again = load_scenes("box_rotation", count=4, size=16)
    assert first.fingerprint == again.fingerprint and torch.equal(first.normals, again.normals)


def test_a_cache_that_cannot_be_written_costs_time_only(capsys):
    (paths.DATA / "cache").write_text("in the way")
    assert len(load_scenes("box_rotation", count=2, size=16)) == 2
    assert "not cached" in capsys.readouterr().err


def test_other_code_or_version_is_not_taken_from_the_cache(monkeypatch):
    load_scenes("box_rotation", count=1, size=16)
    monkeypatch.setattr(scenes, "VERSION", scenes.VERSION + 1)
    load_scenes("box_rotation", count=1, size=16)
    assert len(list((paths.DATA / "cache").iterdir())) == 2


def test_more_scenes_begin_with_the_same_ones():
    few, many = (load_scenes("shapes", count=count, size=16) for count in (3, 11))
    assert torch.equal(few.images, many.images[:3]) and torch.equal(few.labels, many.labels[:3])


def test_seeds_and_splits_share_no_scene():
    sets = [load_scenes("shapes", "train", count=8, size=16, seed=seed) for seed in (0, 1)]
    sets.append(load_scenes("shapes", "test", count=8, size=16))
    positions = torch.cat([made.camera.position for made in sets])
    assert len(torch.unique(positions, dim=0)) == 24
    assert len({made.fingerprint for made in sets}) == 3


def test_the_scenes_are_the_same_at_any_size():
    small, large = (load_scenes("shapes", count=8, size=size) for size in (16, 48))
    assert torch.allclose(large.depth[..., 1::3, 1::3], small.depth, atol=1e-6)  # pixels whose centres coincide
    assert torch.equal(large.labels, small.labels)


def test_picked_scenes():
    made = load_scenes("shapes", count=8, size=16)
    some = made.pick(torch.tensor([5, 2]))
    assert torch.equal(some.images, made.images[[5, 2]]) and some.numbers.tolist() == [5, 2]
    assert some.fingerprint != made.fingerprint and some.provenance()["count"] == 2
    seen = view_from(some, made.camera[torch.tensor([5, 2])])
    assert torch.allclose(seen.depth, some.depth, atol=3e-5)


# Other views


def test_the_same_view_again_differs_by_the_rounding_of_the_cache():
    made = load_scenes("household", count=8, size=16, lights="random")
    seen = view_from(made, made.camera)
    assert (seen.depth - made.depth).abs().max() < 2e-5
    assert (seen.images - made.images).abs().max() < 0.51 / 255
    assert (seen.normals - made.normals).abs().max() < 1e-3
    assert torch.equal(seen.lights.positions, made.lights.positions) and torch.equal(seen.labels, made.labels)


def test_a_turned_view_shows_the_same_scene():
    made = load_scenes("shapes", count=8, size=48)
    start, turned = (view_from(made, camera) for camera in sweep(made, (0, 35)))
    points = turned.camera.to_camera(points_of(start))  # what the first saw, from the second's place
    depth = points.norm(dim=-1)
    reach = math.tan(turned.camera.field_of_view / 2)
    column, row = points[..., 0] / -points[..., 2] / reach, -points[..., 1] / -points[..., 2] / reach
    grid = torch.stack((column, row), -1).unsqueeze(2)  # (B, N, 1, 2)
    seen = torch.nn.functional.grid_sample(turned.depth, grid, align_corners=False)[:, 0, :, 0]
    inside = (column.abs() < 0.95) & (row.abs() < 0.95)
    hidden = depth[inside] - seen[inside]
    assert hidden.quantile(0.05) > -0.01  # nothing that is there lies in front of what is seen
    assert (hidden.abs() < 0.01).float().mean() > 0.5  # and most of it is seen


def test_turns_stay_on_the_patch_and_go_both_ways():
    made = load_scenes("shapes", count=8, size=16)
    turns = (0, 5, 35, 55, 80)
    azimuths, elevations = zip(*(angles_of(camera) for camera in sweep(made)), strict=True)
    for turn, azimuth, elevation in zip(turns, azimuths, elevations, strict=True):
        assert torch.allclose((azimuth - azimuths[0]).abs(), torch.tensor(float(turn)), atol=1e-3)
        assert torch.allclose(elevation, angles_of(made.camera)[1], atol=1e-3)
        assert azimuth.min() > 4.99 and azimuth.max() < 85.01
    assert set((azimuths[4] - azimuths[0]).sign().tolist()) == {-1.0, 1.0}


# Bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "cars"}, "kind: expected one of box_rotation, .* shapes; got 'cars'"),
        ({"split": "dev"}, "split: expected one of test, train; got 'dev'"),
        ({"lights": "red"}, "lights: expected one of fixed, random; got 'red'"),
        ({"count": 0}, "count: expected a whole number, 1 or more; got 0"),
        ({"count": 2.0}, "count: expected a whole number"),
        ({"size": 2}, "size: expected a whole number, 4 to 512; got 2"),
        ({"seed": -1}, "seed: expected a whole number, 0 or more; got -1"),
        ({"count": 10_000, "size": 512}, "count: 10,000 scenes of 512×512 pixels would take .* expected at most 585"),
    ],
)
def test_bad_arguments_are_refused(arguments, message, monkeypatch):
    monkeypatch.setattr(scenes, "most_bytes", lambda: 4 << 30)
    with pytest.raises(ValueError, match=message):
        load_scenes(**({"kind": "shapes", "size": 16, "count": 1} | arguments))


def test_cameras_that_do_not_see_the_room_are_refused():
    made = load_scenes("shapes", count=1, size=16)
    with pytest.raises(ValueError, match="camera: expected one for each of 1 scenes, got 2"):
        view_from(made, made.camera[torch.tensor([0, 0])])
    target = torch.tensor([scenes.TARGET])
    with pytest.raises(ValueError, match="camera: expected positions above the floor"):
        view_from(made, Cameras(torch.tensor([[-0.9, 0.5, 0.5]]), target, 0.4))
    with pytest.raises(ValueError, match="camera: expected views that the room fills"):
        view_from(made, Cameras(torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([[0.5, 0.3, 0.2]]), 0.4))
    with pytest.raises(ValueError, match="turns: expected degrees from 0 to 80"):
        sweep(made, (0, 90))


# Where the shapes come from


def test_stand_ins_say_so_and_the_users_meshes_are_named(data_folder):
    drawn = load_scenes("bunny", count=1, size=16)
    assert drawn.class_names == ("bunny (made up)",) and "bunny: made up by this project" in drawn.source
    file = data_folder / "meshes" / "test-models" / "stanford-bunny.obj"
    file.parent.mkdir(parents=True)
    trimesh.creation.icosphere().export(file)
    real = load_scenes("bunny", count=1, size=16)
    assert real.class_names == ("bunny",) and "test-models/stanford-bunny.obj" in real.source
    assert real.fingerprint != drawn.fingerprint and torch.equal(real.camera.position, drawn.camera.position)
    file.write_text("no mesh")
    with pytest.raises(DatasetError, match=r"stanford-bunny\.obj: cannot be used as a mesh"):
        load_scenes("bunny", count=1, size=16)
