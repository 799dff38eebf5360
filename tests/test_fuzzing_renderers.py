"""Renderers, cameras and what stands beside them under arguments that nobody would choose: see `test_fuzzing.py`."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inverse_graphics.export import load_mesh, save_mesh
from inverse_graphics.geometry import depth_jumps, depth_maps, shape_images, voxel_grids
from inverse_graphics.geometry.cameras import Camera, Cameras, view_rotation
from inverse_graphics.geometry.meshes import Mesh, require_mesh, vertex_colours
from inverse_graphics.metrics import classification, distributions, frechet, hausdorff, symmetry, views, voxel_overlap
from inverse_graphics.metrics import iqtt as iqtt_metrics
from inverse_graphics.renderers import lit_meshes, meshes, polycubes, polycubes_elsewhere, shading, surfels, voxels
from support.fuzzing import FEW, WRONG, Row, check_row, counts, numbers, tensors

FEWER = settings(FEW, max_examples=15)
BATCH = 2
SIDE = 6  # pixels
ANYTHING = (*WRONG, 0.0)

ANGLES = tensors(BATCH, low=-7, high=7)
RISES = tensors(BATCH, low=-1.5, high=1.5)
WIDTHS = numbers(0.05, 3.0)
PICTURES = tensors(BATCH, 3, SIDE, SIDE)
DEPTHS = tensors(BATCH, 1, SIDE, SIDE, low=0.3, high=2)
MAPS = tensors(SIDE, SIDE, low=0.3, high=2)
GRIDS = tensors(BATCH, SIDE, SIDE, SIDE)
SOLIDS = tensors(BATCH, SIDE, SIDE, SIDE, kinds=(torch.bool,))
THRESHOLD = numbers(0.0, 0.99)
THRESHOLDS = st.lists(THRESHOLD, max_size=3)
SHAPES = tensors(3, 8, 8, low=-1)
CELLS = tensors(BATCH, 5, 3, high=6, kinds=(torch.int64,))
BATCHES = st.sampled_from((BATCH,) * 5 + (3,))
KINDS = st.sampled_from((torch.float32, torch.float32, torch.float64))


def made(draw, *shape, low=0.0, high=1.0, kind=torch.float32):
    """A tensor with nothing wrong with it."""
    seed = draw(st.integers(0, 99))
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=kind) * (high - low) + low


@st.composite
def cameras(draw, batches=BATCHES):
    """What `Cameras` takes, among it some that cannot be looked through."""
    kind, batch = draw(KINDS), draw(batches)
    back = view_rotation(made(draw, batch, low=-4, high=4, kind=kind), made(draw, batch, low=-1.5, high=1.5, kind=kind))
    position, target = back[:, 2] * draw(st.floats(1.5, 4)), made(draw, batch, 3, low=-0.2, high=0.2, kind=kind)
    if draw(st.integers(0, 7)) == 0:
        position[0, draw(st.integers(0, 2))] = draw(st.sampled_from(ANYTHING))
    if draw(st.integers(0, 15)) == 0:
        position[0] = target[0] + torch.tensor([0.0, draw(st.sampled_from((0.0, 1.0, -2.0))), 0.0])
    return Cameras(position, target, draw(st.sampled_from((0.5, 1.2, 0.01, 3.0, 1))))


@st.composite
def lights(draw):
    """What `Lights` takes, some of them where surfaces are."""
    kind, batch, count = draw(KINDS), draw(BATCHES), draw(st.integers(1, 3))
    positions = made(draw, batch, count, 3, low=-3, high=3, kind=kind)
    if draw(st.integers(0, 7)) == 0:
        positions[0, 0] = draw(st.sampled_from((0.0, 1e30, 1e-30)))
    colours = made(draw, batch, count, 3, kind=draw(KINDS))
    return shading.Lights(
        positions, colours, made(draw, batch, 3, kind=kind), *draw(st.sampled_from(((0, 1), (1.0, 0))))
    )


@st.composite
def seen_from(draw):
    """What `Views` takes."""
    kind, batch = draw(KINDS), draw(BATCHES)
    azimuth, elevation = (made(draw, batch, low=-4, high=4, kind=kind) for _ in range(2))
    distance = made(draw, batch, low=0.9, high=1.7, kind=kind)
    if draw(st.integers(0, 7)) == 0:
        distance[0] = draw(st.sampled_from((1e-3, 2.0, 1e30)))
    width = made(draw, batch, low=0.2, high=2, kind=draw(KINDS))
    return polycubes.Views(azimuth, elevation, distance, width, made(draw, batch, 2, low=-0.3, high=0.3, kind=kind))


CORNERS = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) - 0.3
TETRAHEDRON = torch.tensor([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


@st.composite
def faces(draw, vertices=4):
    """Those of a tetrahedron, or some of it that are not right."""
    found = TETRAHEDRON.clone()
    fault = draw(st.sampled_from(("none",) * 9 + ("value", "kind", "shape")))
    if fault == "value":
        found[draw(st.integers(0, 3)), draw(st.integers(0, 2))] = draw(st.sampled_from((-1, 0, 4, 1 << 40)))
    if fault == "kind":
        return found.to(draw(st.sampled_from((torch.int32, torch.uint8, torch.bool, torch.float32, torch.complex64))))
    if fault == "shape":
        return draw(st.sampled_from((found[:0], found[0], found[:, :2], found[:1])))
    return found


@st.composite
def solids(draw):
    """A tetrahedron, with colours, with a texture or without either."""
    moved = draw(tensors(4, 3, low=-0.1, high=0.1))
    vertices = moved + CORNERS if moved.shape == CORNERS.shape else moved
    colours = draw(st.one_of(st.none(), tensors(4, 3)))
    uv, texture = draw(st.one_of(st.just((None, None)), st.tuples(tensors(4, 2), tensors(3, 5, 7))))
    return Mesh(vertices, draw(faces()), colours, uv, texture)


@st.composite
def texture_and_uv(draw):
    if draw(st.booleans()):
        return draw(tensors(BATCH, 4, 3)), None
    return draw(tensors(BATCH, 3, 5, 7)), draw(tensors(4, 2))


def draw_mesh(vertices, faces, texture_and_uv, background, camera, settings):
    picture = meshes.render_mesh(vertices, faces, *texture_and_uv, background, camera, settings)
    return picture._replace(depth=picture.depth.nan_to_num(posinf=0.0))  # ∞ where there is no surface


def draw_elsewhere(cubes, azimuth, elevation, size):
    return polycubes_elsewhere.render_elsewhere(cubes, azimuth, elevation, np.random.default_rng(0), size)


def draw_polycubes(cells, views, lights, size, albedo, background, radius, samples):
    options = {"size": size, "albedo": albedo, "background": background, "radius": radius, "samples": samples}
    return polycubes.render_polycubes(cells, views, lights, **options)


def look_at(mesh, azimuth, elevation, size, frame, light, closed):
    return lit_meshes.lit_picture(mesh, azimuth, elevation, size, frame=frame, light=light, closed=closed)


def box_depth(camera, height, width, half_size):
    return depth_maps.depth_of_box(camera, height, width, half_size).nan_to_num(nan=torch.nan, posinf=0.0)


def snap(depth):
    return depth_jumps.snap_jumps(depth, lambda guess: (guess - 1).abs())


def colours_of(mesh):
    return vertex_colours(require_mesh(mesh))


def distance_of(one, other):
    return frechet.frechet_distance(frechet.moments(one), frechet.moments(other))


SETTINGS = st.builds(
    meshes.MeshSettings, st.just(SIDE), st.sampled_from((0, 1.0, 2.5, 1e9)), st.sampled_from((0, 0.02, 1e30))
)
ALBEDOS = st.one_of(numbers(0, 1), tensors(3), tensors(BATCH, 3))
CAMERAS = st.builds(
    Camera,
    st.floats(-7, 7),
    st.floats(-2, 2),
    st.sampled_from((0.3, 3.0, 1e30)),
    st.sampled_from((None, 1.0, 0.01, 3.1)),
)
SPREAD = st.lists(numbers(-7, 7), max_size=3)

FUNCTIONS = [
    Row(
        draw_mesh,
        (
            tensors(BATCH, 4, 3, low=-0.7, high=0.7),
            faces(),
            texture_and_uv(),
            PICTURES,
            cameras(),
            SETTINGS,
        ),
        fields=("texture", "uv"),
    ),
    Row(meshes.unit_ball_cameras, (ANGLES, RISES, numbers(1.01, 9))),
    Row(meshes.MeshSettings, (counts(1, 128), numbers(0, 9), numbers(0, 9)), (0, 1e30)),
    Row(surfels.render_surfels, (DEPTHS, cameras(), lights(), st.one_of(ALBEDOS, PICTURES))),
    Row(surfels.back_project, (DEPTHS, cameras())),
    Row(surfels.normals_from_depth, (DEPTHS, cameras()), (-1, 1)),
    Row(
        shading.Lights,
        (tensors(BATCH, 2, 3, low=-1), tensors(BATCH, 2, 3), tensors(BATCH, 3), numbers(0, 2), numbers(0, 2)),
    ),
    Row(
        shading.shade,
        (
            tensors(BATCH, SIDE, SIDE, 3, low=-1),
            tensors(BATCH, SIDE, SIDE, 3, low=-1),
            lights(),
            st.one_of(ALBEDOS, tensors(BATCH, SIDE, SIDE, 3)),
        ),
    ),
    Row(
        polycubes.Views,
        (ANGLES, ANGLES, tensors(BATCH, low=0.9, high=1.7), tensors(BATCH, low=0.1, high=2), tensors(BATCH, 2)),
    ),
    Row(
        draw_polycubes,
        (
            CELLS,
            seen_from(),
            lights(),
            counts(1, 9),
            ALBEDOS,
            ALBEDOS,
            st.one_of(numbers(1.8, 3), tensors(BATCH, low=1.8, high=3)),
            counts(1, 2),
        ),
        (0, 1),
    ),
    Row(polycubes.as_boxes, (CELLS,), (-0.5, 0.5)),
    Row(
        draw_elsewhere,
        (
            tensors(5, 3, high=6, kinds=(torch.int64,)).map(torch.Tensor.numpy),
            numbers(-7, 7),
            numbers(-2, 2),
            counts(1, 9),
        ),
        (0, 1),
    ),
    Row(voxels.shade_voxels, (GRIDS, GRIDS, ANGLES, numbers(-4, 4)), (0, 1)),
    Row(voxels.shade_voxels, (GRIDS, GRIDS, numbers(-7, 7)), (0, 1)),
    Row(voxels.ray_matrix, (ANGLES, counts(1, 7), counts(1, 7), st.sampled_from((*voxels.SAMPLINGS, "floor"))), (0, 8)),
    Row(Camera, (numbers(-7, 7), numbers(-7, 7), numbers(0.1, 9), st.one_of(st.none(), WIDTHS))),
    Row(Camera.rays, (CAMERAS, counts(1, 9), counts(1, 9))),
    Row(Camera.project, (CAMERAS, tensors(None, 3, low=-1))),
    Row(Cameras, (tensors(BATCH, 3, low=-2, high=2), tensors(BATCH, 3), WIDTHS), finite=False),
    Row(
        Cameras.orbit,
        (
            ANGLES,
            RISES,
            st.one_of(numbers(0.1, 9), tensors(BATCH, low=0.1, high=9)),
            WIDTHS,
            st.one_of(st.none(), tensors(3), tensors(BATCH, 3)),
        ),
    ),
    Row(Cameras.rotation, (cameras(),), (-1, 1), fields=("camera",)),
    Row(Cameras.rays, (cameras(), counts(1, 9), counts(1, 9)), (-1, 1)),
    Row(Cameras.to_camera, (cameras(), tensors(BATCH, None, 3, low=-1)), fields=("camera",)),
    Row(Cameras.to_world, (cameras(), tensors(BATCH, None, 3, low=-1)), fields=("camera",)),
    Row(
        look_at,
        (
            solids(),
            numbers(-7, 7),
            numbers(-1.5, 1.5),
            counts(8, 12),
            st.one_of(st.none(), tensors(None, 3, low=-1)),
            st.tuples(*[numbers(-1, 1)] * 3),
            st.booleans(),
        ),
        (0, 1),
        fields=Mesh._fields,
    ),
    Row(
        depth_maps.depth_surface,
        (MAPS, cameras(st.sampled_from((1, 1, 1, 2))), st.one_of(st.none(), tensors(3, SIDE, SIDE)), numbers(0.01, 1)),
    ),
    Row(box_depth, (CAMERAS, counts(1, 9), counts(1, 9), numbers(0.1, 2)), (0, torch.inf)),
    Row(depth_maps.depth_to_surfels, (MAPS, CAMERAS)),
    Row(require_mesh, (solids(),), (-0.4, 99), fields=Mesh._fields),
    Row(colours_of, (solids(),), (0, 1), fields=Mesh._fields),
    Row(depth_jumps.sharpen_jumps, (DEPTHS, numbers(0, 1)), finite=False),
    Row(snap, (DEPTHS,), finite=False),
    Row(shape_images.disc_mesh, (counts(4, 9),), (0, 99)),
    Row(
        shape_images.vertices_of,
        (tensors(BATCH, 3, 8, 8, low=-1), st.sampled_from((8, 8, 9, 6)).map(shape_images.disc_mesh)),
        finite=False,
    ),
    Row(shape_images.textured_mesh, (SHAPES, tensors(3, 5, 7))),
    Row(
        shape_images.initial_shape,
        (st.sampled_from((*shape_images.SHAPES, "cube")), counts(4, 9), numbers(0.1, 2)),
        (-2, 2),
    ),
    Row(shape_images.shape_pyramid, (tensors(BATCH, None, 3, 8, 8, low=-1),), finite=False),
    Row(voxel_grids.voxel_centres, (counts(1, 9), counts(1, 9), counts(1, 9))),
    Row(
        voxel_grids.world_to_grid,
        (tensors(None, 3, low=-1), st.tuples(counts(1, 9), counts(1, 9), counts(1, 9))),
        finite=False,
    ),
    Row(frechet.moments, (tensors(None, 4, low=-1),)),
    Row(distance_of, (tensors(None, 4, low=-1), tensors(None, 4, low=-1)), (0, torch.inf), fields=("features",)),
    Row(frechet.extract, (tensors(2, 3, 9, 9), st.just("hog-colour")), (0, torch.inf)),
    Row(frechet.distances, (tensors(4, 3, 9, 9), tensors(2, 3, 9, 9), st.just(("hog-colour",))), (0, torch.inf)),
    Row(
        hausdorff.normal_angles,
        tuple(
            st.one_of(
                PICTURES,
                PICTURES.map(
                    lambda n: (
                        torch.nn.functional.normalize(n + 0.1, dim=1) if n.is_floating_point() and n.dim() > 1 else n
                    )
                ),
            )
            for _ in range(2)
        ),
        (0, 180),
    ),
    Row(
        iqtt_metrics.against_near_misses,
        (tensors(2, 3, low=-1), tensors(2, 4, 5, 3, high=6, kinds=(torch.int64,))),
        (0, 2),
        fields=("cells",),
    ),
    Row(iqtt_metrics.margins, (tensors(4, 3, low=-1),), (0, torch.inf)),
    Row(iqtt_metrics.silhouette_area, (tensors(2, 4, 3, 8, 8),), (-1, 0)),
    Row(iqtt_metrics.colour_histogram, (tensors(2, 4, 3, 8, 8),), (-2, 0)),
    Row(iqtt_metrics.cube_count, (tensors(2, 4, 5, 3, high=6, kinds=(torch.int64,)),), (-5, 0), fields=("cells",)),
    Row(iqtt_metrics.same_shape, (tensors(2, 4, 5, 3, high=6, kinds=(torch.int64,)),), (0, 1), fields=("cells",)),
    Row(views.views_around, (GRIDS, ANGLES), (0, 1)),
    Row(views.view_agreement, (PICTURES,), (0, 1)),
    Row(views.view_variation, (PICTURES,), (0, 1)),
    Row(views.front_back_side, (tensors(BATCH, 1, SIDE, SIDE),) * 3, (0, 1)),
    Row(views.novel_view_error, (GRIDS, tensors(BATCH, 3, SIDE, SIDE), tensors(3, low=-7, high=7)), (0, 1)),
    Row(views.novel_view_floors, (tensors(BATCH, 3, SIDE, SIDE), tensors(3, SIDE, SIDE)), (0, 1)),
    Row(symmetry.rotational_symmetry, (GRIDS, counts(2, 4)), (0, 1)),
    Row(voxel_overlap.best_threshold, (GRIDS, SOLIDS, THRESHOLDS), (0, 1)),
    Row(voxel_overlap.align_azimuth, (GRIDS, SOLIDS, SPREAD, THRESHOLDS, st.booleans())),
    Row(
        voxel_overlap.align,
        (GRIDS, st.builds(voxel_overlap.Alignment, numbers(-7, 7), st.booleans(), THRESHOLD, THRESHOLD)),
        (0, 1),
    ),
    Row(voxel_overlap.oracle_iou, (GRIDS, SOLIDS, THRESHOLD, SPREAD, st.booleans())),
    Row(voxel_overlap.surface_points, (tensors(SIDE, SIDE, SIDE), THRESHOLD), (-1, 1)),
    Row(voxel_overlap.voxel_chamfer, (GRIDS, SOLIDS, THRESHOLD), (0, 4)),
    Row(
        classification.classify,
        (
            tensors(9, 3),
            tensors(9, high=2, kinds=(torch.int64,)),
            tensors(4, 3),
            tensors(4, high=2, kinds=(torch.int64,)),
            counts(1, 5),
        ),
        (0, 4),
    ),
    Row(
        classification.classify_pca,
        (
            tensors(9, 1, 3, 3),
            tensors(9, high=2, kinds=(torch.int64,)),
            tensors(4, 1, 3, 3),
            tensors(4, high=2, kinds=(torch.int64,)),
            counts(1, 5),
            counts(1, 5),
        ),
        (0, 4),
    ),
    Row(distributions.circular_distance, (tensors(None, low=-7, high=7), tensors(None, low=-7, high=7)), (0, 180)),
    Row(
        distributions.circular_distance_up_to_rotation,
        (tensors(None, low=-7, high=7), tensors(None, low=-7, high=7), counts(1, 9)),
        (0, 360),
    ),
]


@pytest.mark.parametrize("row", FUNCTIONS, ids=str)
def test_the_documented_result_or_the_documented_error(row):
    check_row(row, FEWER)


@pytest.mark.parametrize("suffix", [".glb", ".obj", ".ply", ".stl"])
def test_a_mesh_comes_back_from_its_file_or_is_refused(suffix, tmp_path):
    @settings(FEWER, max_examples=8)
    @given(solids())
    def run(mesh):
        file = tmp_path / f"mesh{suffix}"
        try:
            save_mesh(mesh, file)
        except ValueError as error:
            assert str(error).split(":")[0] in ("mesh", *Mesh._fields)
            return
        found = load_mesh(file)
        corners = [one.vertices[one.faces].double() for one in (found, mesh)]
        torch.testing.assert_close(*corners, atol=1e-5, rtol=1e-5)

    run()
