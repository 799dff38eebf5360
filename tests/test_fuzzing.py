"""Public functions under arguments that nobody would choose: the documented result, or ValueError naming an argument.

Each row of `FUNCTIONS` has a function, a strategy for each argument, and what every tensor of its result is like.
Renderers and cameras have a file of their own, `test_fuzzing_renderers.py`, and so has whatever reads bytes.
"""

import ast
import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inverse_graphics.datasets import DatasetError, load
from inverse_graphics.datasets.iqtt import make_questions
from inverse_graphics.datasets.pictures import DIGITS, prepare_picture
from inverse_graphics.datasets.scenes import load_scenes
from inverse_graphics.geometry import alignment, cameras, shape_images, voxel_grids
from inverse_graphics.metrics import (
    baselines,
    cavities,
    hausdorff,
    smoothness,
    sparsity,
    symmetry,
    views,
    voxel_overlap,
)
from inverse_graphics.metrics import iqtt as iqtt_metrics
from inverse_graphics.renderers import visual_hulls, voxels
from support.fuzzing import FEW, Row, check_row, counts, numbers, tensors

pytestmark = pytest.mark.usefixtures("module_workspace")

ANGLES = tensors(3, low=-7, high=7)
GRIDS = tensors(3, None, 6, 6)
PICTURES = tensors(3, 1, 6, 6)
POINTS = tensors(None, 5, 3, low=-1, high=1)
BOOLEANS = tensors(3, 6, 6, 6, kinds=(torch.bool,))
THRESHOLD = numbers(0.0, 0.99)
COUNTS = counts(1, 6)


def surface_as_mesh(voxels, threshold):
    mesh = voxel_grids.voxels_to_mesh(voxels, threshold)
    assert mesh.is_empty or mesh.is_watertight
    return torch.tensor(mesh.vertices)


def images_of(name, split, size, count):
    return load(name, split, size=size, count=count).images


def scenes_of(kind, split, count, size, seed, lights):
    made = load_scenes(kind, split, count=count, size=size, seed=seed, lights=lights)
    return made.images, made.normals / 2 + 0.5


def questions_of(mode, count, seed, split, size):
    return make_questions(mode, count, seed=seed, split=split, size=size).pictures()


SPLITS = st.sampled_from(("train", "test", "test", "dev", None))
SEEDS = st.sampled_from((0, 1, -1, 0.5, None))

FUNCTIONS = [
    Row(images_of, (st.sampled_from(("digits", "garments", "dogs")), SPLITS, counts(4, 9), COUNTS), (0, 1)),
    Row(
        scenes_of,
        (st.sampled_from(("shapes", "cars")), SPLITS, COUNTS, counts(4, 9), SEEDS, st.sampled_from(("fixed", "red"))),
        (0, 1),
    ),
    Row(questions_of, (st.sampled_from(("paper", "hard", "easy")), COUNTS, SEEDS, SPLITS, counts(8, 12)), (0, 1)),
    Row(voxels.project_voxels, (GRIDS, ANGLES), (0, 1)),
    Row(voxels.project_voxels, (GRIDS, ANGLES, ANGLES), (0, 1)),
    Row(voxels.rotate_voxels, (GRIDS, ANGLES)),
    Row(voxels.project_around, (GRIDS, ANGLES), (0, 1)),
    Row(visual_hulls.visual_hull, (tensors(3, 4, 1, 6, 6), tensors(4, low=-3, high=3)), (0, 1)),
    Row(alignment.best_rotation_similarity, (POINTS, POINTS), finite=False),
    Row(alignment.best_rotation, (tensors(5, 3, low=-1), tensors(5, 3, low=-1)), (-1, 1)),
    Row(
        cameras.angles,
        (st.just("azimuth"), st.one_of(numbers(-7, 7), ANGLES), st.just(3), st.just(torch.zeros(1))),
        fields=("azimuth",),
    ),
    Row(voxel_grids.voxel_surface, (tensors(6, 6, 6), numbers(0.0, 1.0))),
    Row(surface_as_mesh, (tensors(6, 6, 6), numbers(0.0, 1.0)), (-1.4, 1.4)),
    Row(shape_images.blur, (tensors(2, 3, 8, 8), numbers(0.1, 3.0)), finite=False),
    Row(shape_images.limit_size, (tensors(2, 3, 8, 8, low=-2, high=2),), finite=False),
    Row(baselines.mean_shape, (BOOLEANS,), (0, 1)),
    Row(baselines.mean_lathe_shape, (BOOLEANS, COUNTS), (0, 1)),
    Row(baselines.extruded_silhouette, (PICTURES, st.one_of(st.none(), ANGLES), st.one_of(st.none(), COUNTS)), (0, 1)),
    Row(cavities.measure_cavity, (GRIDS, THRESHOLD)),
    Row(cavities.cavity_cells, (GRIDS, THRESHOLD, COUNTS), (0, 1)),
    Row(hausdorff.hausdorff, (tensors(None, 3), tensors(None, 3)), (0, torch.inf)),
    Row(hausdorff.depth_errors, (PICTURES, PICTURES), (0, torch.inf)),
    Row(iqtt_metrics.accuracy, (tensors(4, 3), tensors(4, low=0, high=2, kinds=(torch.int64,))), (0, 4)),
    Row(smoothness.traversal_smoothness, (tensors(2, 5, 6, 6, 6),), finite=False),
    Row(sparsity.occupied_fraction, (GRIDS, THRESHOLD), (0, 1)),
    Row(sparsity.depth_roughness, (GRIDS,), (0, torch.inf)),
    Row(sparsity.mean_occupancy, (GRIDS,), (0, 1)),
    Row(sparsity.depth_thickness, (GRIDS, THRESHOLD), (0, 7)),
    Row(symmetry.left_right_symmetry, (GRIDS,), finite=False),
    Row(views.side_front_overlap, (tensors(3, 6, 6, 6),), finite=False),
    Row(views.depth_to_width, (GRIDS, THRESHOLD), finite=False),
    Row(voxel_overlap.voxel_iou, (tensors(3, 6, 6, 6), BOOLEANS, THRESHOLD), (0, 1)),
    Row(voxel_overlap.chamfer_distance, (tensors(None, 3), tensors(None, 3)), (0, torch.inf)),
    Row(voxel_overlap.require_truth, (st.just("name"), BOOLEANS), (0, 1)),
]


@pytest.mark.parametrize("row", FUNCTIONS, ids=str)
def test_the_documented_result_or_the_documented_error(row):
    check_row(row)


# Called by others of their rooms with what those have checked, or fed by readers whose bytes are damaged elsewhere
WITHIN = {"cast", "largest_alignment", "pixel_centres", "vertex_normals", "render_views", "voxelise"}
WITHIN |= {"available_features", "floors_and_oracles"}


@pytest.mark.parametrize("room", ["renderers", "geometry", "metrics"])
def test_no_public_function_is_left_out(room):
    tests = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_fuzzing*.py"))
    for file in (Path(__file__).parents[1] / "lib" / "inverse_graphics" / room).glob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and node.name not in WITHIN:
                assert re.search(rf"\b{node.name}\(|\b{node.name},", tests), f"{room}.{file.stem}.{node.name}: no row"


@FEW
@given(st.binary(max_size=400), st.integers(0, 300), st.sampled_from(("PNG", "JPEG", "GIF", "BMP")))
def test_a_picture_of_any_bytes_is_prepared_or_refused_in_a_line(noise, place, kind):
    from PIL import Image

    pixels, file = np.zeros((40, 40), np.uint8), io.BytesIO()
    pixels[10:30, 15:25] = 255
    Image.fromarray(pixels).save(file, kind)
    data = file.getvalue()
    for spoilt in (noise, data[:place] + noise + data[place + len(noise) :], data[:place]):
        try:
            image = prepare_picture(spoilt, DIGITS).image
        except DatasetError as error:
            assert "\n" not in str(error)
        else:
            assert image.shape == (1, 28, 28) and image.min() >= 0 and image.max() <= 1
