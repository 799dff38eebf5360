import numpy as np
import pytest
import trimesh

from inverse_graphics.datasets.images import DatasetError
from inverse_graphics.datasets.scene_objects import DRAWN, PRIMITIVES, SYNSETS, Shape, family, smooth_normals


def parallel_rays(count=40, reach=0.9):
    """Rays (N, 3), (N, 3) down a random direction, over the square of this half side."""
    rng = np.random.default_rng(0)
    toward = np.array([0.3, -0.8, 0.4]) * 2  # not of unit length
    across = np.cross(toward, (0, 1, 0))
    across /= np.linalg.norm(across)
    up = np.cross(across, toward / np.linalg.norm(toward))
    a, b = rng.uniform(-reach, reach, (2, count * count, 1))
    return a * across + b * up - 2 * toward, np.broadcast_to(toward, (count * count, 3))


def degrees_between(a, b):
    cosines = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return np.degrees(np.arccos(cosines.clip(-1, 1)))


def test_a_sphere_is_met_where_the_formula_says():
    origins, directions = parallel_rays()
    hits = family("sphere", "train").shape(0).cast(origins, directions)
    a, b, c = (directions**2).sum(1), (origins * directions).sum(1), (origins**2).sum(1) - 1  # of radius 1
    discriminant = b * b - a * c
    met = np.isfinite(hits.steps)
    assert (met == (discriminant > 0))[np.abs(discriminant) > 0.02].all() and 0.3 < met.mean() < 0.99
    inside = discriminant > 0.1  # away from the outline, where the facets' corners stand out
    steps = (-b - np.sqrt(discriminant.clip(0))) / a
    np.testing.assert_allclose(hits.steps[inside], steps[inside], atol=5e-3)
    points = origins + steps[:, None] * directions
    assert degrees_between(hits.normals[inside], points[inside]).max() < 0.5
    assert (hits.normals[~met] == 0).all() and np.isinf(hits.steps[~met]).all()


def test_a_box_is_met_where_the_formula_says_and_stays_flat():
    origins, directions = parallel_rays()
    hits = family("box", "train").shape(0).cast(origins, directions)
    slabs = np.stack([(side * 0.5 - origins) / directions for side in (-1, 1)])
    enter, leave = slabs.min(0).max(1), slabs.max(0).min(1)
    met = enter < leave
    assert (np.isfinite(hits.steps) == met).all() and 0.1 < met.mean() < 0.9
    np.testing.assert_allclose(hits.steps[met], enter[met], atol=1e-9)
    expected = -np.sign(directions) * (np.arange(3) == slabs.min(0).argmax(1)[:, None])
    np.testing.assert_allclose(hits.normals[met], expected[met], atol=1e-9)


@pytest.mark.parametrize("name", ["cylinder", "cone", "torus"])
def test_round_sides_are_smooth_and_ends_flat(name):
    origins, directions = parallel_rays(reach=1.4)
    hits = family(name, "train").shape(0).cast(origins, directions)
    met = np.isfinite(hits.steps)
    x, y, z = (points := (origins + hits.steps[:, None].clip(0, 1e3) * directions)[met]).T
    around = np.stack((x, 0 * x, z), 1) / np.hypot(x, z)[:, None]
    normals = hits.normals[met]
    if name == "torus":  # radii 0.36 and 0.14
        expected = (points - 0.36 * around) / 0.14
    else:  # a cone of height 1 and radius 0.5 rises by 2 where its radius shrinks by 1
        end = np.isclose(np.abs(y), 0.5, atol=1e-6) if name == "cylinder" else np.isclose(y, 0, atol=1e-6)
        side = around if name == "cylinder" else around + np.array((0, 0.5, 0))
        expected = np.where(end[:, None], (0, 1, 0), side)
    assert met.sum() > 100 and np.quantile(degrees_between(normals, expected), 0.98) < 1.0


def test_normals_face_the_ray_on_both_sides_of_a_sheet():
    sheet = trimesh.Trimesh([(-1, 0, -1), (1, 0, -1), (1, 0, 1), (0, -0.5, 0)], [(0, 1, 2), (0, 2, 3)])
    origins = np.array([(0.5, 1, -0.5), (0.5, -1, -0.5)])
    directions = np.array([(0, -1.0, 0), (0, 1.0, 0)])
    hits = Shape(sheet).cast(origins, directions)
    np.testing.assert_allclose(hits.normals, [(0, 1, 0), (0, -1, 0)], atol=1e-6)


def test_a_neighbour_wound_the_other_way_does_not_cancel():
    normals = np.array([(0, 1, 0), (0, -0.995, 0.0998)])
    angles = np.full((2, 3), np.pi / 3)
    smooth = smooth_normals(np.array([(0, 1, 2), (0, 2, 3)]), normals, angles)
    assert np.linalg.norm(smooth, axis=2) == pytest.approx(1)
    assert (smooth[0, :, 1] > 0.9).all() and (smooth[1, :, 1] < -0.9).all()
    assert smooth[0, 1, 1] == pytest.approx(1) and smooth[0, 0, 2] == pytest.approx(-0.05, abs=2e-3)


@pytest.mark.parametrize("name", DRAWN)
def test_drawn_shapes_vary_and_differ_between_splits(name, workspace):
    shapes = [family(name, split).shape(number) for split in ("train", "test") for number in (0, 1)]
    extents = np.array([np.ptp(shape.outline, axis=0) for shape in shapes])
    assert np.isfinite(extents).all() and extents.min() > 0.02 and extents.max() < 4
    assert len({tuple(extent.round(6)) for extent in extents}) == 4
    assert family(name, "test").shape(1) is shapes[3]  # made once
    origins, directions = parallel_rays(count=24)
    hits = shapes[0].cast(origins + shapes[0].outline.mean(0), directions)
    met = np.isfinite(hits.steps)
    assert met.mean() > 0.02
    np.testing.assert_allclose(np.linalg.norm(hits.normals[met], axis=1), 1, atol=1e-9)
    assert ((hits.normals * directions).sum(1)[met] < 0).all()


def test_what_is_drawn_says_so(workspace):
    for name in ("teapot", "bunny", *SYNSETS):
        made = family(name, "train")
        assert made.name == f"{name} (made up)" and made.source == f"{name}: made up by this project"
    assert [family(name, "train").name for name in PRIMITIVES] == list(PRIMITIVES)


# The user's meshes


def put(file, extents=(1, 2, 3)):
    file.parent.mkdir(parents=True, exist_ok=True)
    trimesh.creation.box(extents).export(file)


def test_the_users_own_mesh_is_taken_instead(data_folder):
    drawn = family("teapot", "train")
    put(data_folder / "meshes" / "test-models" / "teapot.obj")
    real = family("teapot", "train")
    assert (real.name, real.source, real.count) == ("teapot", "teapot: test-models/teapot.obj", 1)
    assert real.key != drawn.key
    x, y, z = np.ptp(real.shape(0).outline, axis=0)
    assert (y / x, z / x) == pytest.approx((2, 3))


def test_household_meshes_are_stood_up(data_folder):
    put(data_folder / "meshes" / "household" / "bowl.stl")  # z up
    x, y, z = np.ptp(family("bowl", "test").shape(0).outline, axis=0)
    assert (y / x, z / x) == pytest.approx((3, 2), rel=1e-3)


@pytest.mark.parametrize("place", ["", "meshes/", "ShapeNetCore.v2/"])
def test_shapenet_comes_before_single_files_and_is_split(data_folder, place):
    put(data_folder / "meshes" / "household" / "bowl.stl")
    for i in range(30):
        put(data_folder / place / SYNSETS["bowl"] / f"model{i}" / "models" / "model_normalized.obj", (1, 1, 1 + i))
    train, test = family("bowl", "train"), family("bowl", "test")
    assert train.name == "bowl" and "of ShapeNet" in train.source and train.key != test.key
    assert train.count + test.count == 30 and 1 <= test.count <= 8
    extents = {np.ptp(test.shape(i).outline, axis=0).tobytes() for i in range(test.count)}
    assert len(extents) == test.count
    assert not extents & {np.ptp(train.shape(i).outline, axis=0).tobytes() for i in range(train.count)}


def test_a_few_shapenet_models_are_shared_by_both_splits(data_folder):
    put(data_folder / SYNSETS["cap"] / "only" / "model.obj")
    train, test = family("cap", "train"), family("cap", "test")
    assert train.count == test.count == 1 and "the same in both splits" in train.source


def test_a_file_that_changes_is_read_again(data_folder):
    file = data_folder / "meshes" / "test-models" / "stanford-bunny.obj"
    put(file)
    before = family("bunny", "train")
    put(file, (1, 1, 10))
    after = family("bunny", "train")
    assert before.key != after.key and np.ptp(after.shape(0).outline, axis=0)[0] < 0.2


@pytest.mark.parametrize(
    "content", [b"", b"v 0 0 0\nf 1 1 1\n", b"\xff\xfe\x00", b"v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"]
)
def test_a_file_that_is_no_mesh_is_named_in_one_line(data_folder, content):
    file = data_folder / "meshes" / "test-models" / "teapot.obj"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    with pytest.raises(DatasetError, match=r"teapot\.obj: cannot be used as a mesh") as error:
        family("teapot", "train").shape(0)
    assert "\n" not in str(error.value)
