"""Public functions under arguments that nobody would choose: the documented result, or ValueError naming an argument.

Each row of `FUNCTIONS` has a function, a strategy for each argument, and what every tensor of its result is like. The
strategies are mostly right and sometimes not: another shape, an empty axis, whole numbers, NaN, infinity, negative.
"""

import io
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from inverse_graphics.checks import require_finite
from inverse_graphics.datasets import DatasetError
from inverse_graphics.datasets.pictures import DIGITS, prepare_picture
from inverse_graphics.geometry import alignment, shape_images, voxel_grids
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

FEW = settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
WRONG = (torch.nan, torch.inf, -torch.inf, -1.0, 2.0, 1e30)


@st.composite
def tensors(draw, *shape, low=0.0, high=1.0, kinds=(torch.float32, torch.float64)):
    """A tensor: three times of four as it should be, else with something wrong with it."""
    shape = [draw(st.integers(2, 5)) if size is None else size for size in shape]
    kind, fault = draw(st.sampled_from(kinds)), draw(st.sampled_from(("none",) * 9 + ("shape", "kind", "value")))
    if fault == "shape":
        change = draw(st.integers(0, len(shape) - 1))
        shape[change] = draw(st.sampled_from((0, 1, 7)))
        if draw(st.booleans()):
            shape = shape[:change] + shape[change + 1 :]
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    made = torch.rand(shape, generator=generator, dtype=torch.float64) * (high - low) + low
    if draw(st.booleans()):
        made = made.round()  # the corners of the range
    if fault == "kind":
        return made.to(draw(st.sampled_from((torch.int64, torch.uint8, torch.bool, torch.complex64))))
    if fault == "value" and made.numel() and kind.is_floating_point:
        made.view(-1)[draw(st.integers(0, made.numel() - 1))] = draw(st.sampled_from(WRONG))
    return made.to(kind)


def numbers(low, high):
    return st.one_of(st.floats(low, high), st.sampled_from(WRONG[:4]))


ANGLES = tensors(3, low=-7, high=7)
GRIDS = tensors(3, None, 6, 6)
PICTURES = tensors(3, 1, 6, 6)
POINTS = tensors(None, 5, 3, low=-1, high=1)
BOOLEANS = tensors(3, 6, 6, 6, kinds=(torch.bool,))
THRESHOLD = numbers(0.0, 0.99)


class Row(NamedTuple):
    """`range` of a finite result; None where it may lie anywhere. Not `finite` where NaN may come of NaN, as in what
    training calls at every step, or stands for what cannot be measured."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    range: tuple[float, float] | None = None
    finite: bool = True


FUNCTIONS = [
    Row(voxels.project_voxels, (GRIDS, ANGLES), (0, 1)),
    Row(voxels.project_voxels, (GRIDS, ANGLES, ANGLES), (0, 1)),
    Row(voxels.rotate_voxels, (GRIDS, ANGLES)),
    Row(voxels.project_around, (GRIDS, ANGLES), (0, 1)),
    Row(visual_hulls.visual_hull, (tensors(3, 4, 1, 6, 6), tensors(4, low=-3, high=3)), (0, 1)),
    Row(alignment.best_rotation_similarity, (POINTS, POINTS), finite=False),
    Row(voxel_grids.voxel_surface, (tensors(6, 6, 6), numbers(0.0, 1.0))),
    Row(shape_images.blur, (tensors(2, 3, 8, 8), numbers(0.1, 3.0)), finite=False),
    Row(shape_images.limit_size, (tensors(2, 3, 8, 8, low=-2, high=2),), finite=False),
    Row(baselines.mean_shape, (BOOLEANS,), (0, 1)),
    Row(cavities.measure_cavity, (GRIDS, THRESHOLD)),
    Row(hausdorff.hausdorff, (tensors(None, 3), tensors(None, 3)), (0, torch.inf)),
    Row(hausdorff.depth_errors, (PICTURES, PICTURES), (0, torch.inf)),
    Row(iqtt_metrics.accuracy, (tensors(4, 3), tensors(4, low=0, high=2, kinds=(torch.int64,))), (0, 4)),
    Row(smoothness.traversal_smoothness, (tensors(2, 5, 6, 6, 6),), finite=False),
    Row(sparsity.occupied_fraction, (GRIDS, THRESHOLD), (0, 1)),
    Row(sparsity.depth_roughness, (GRIDS,), (0, torch.inf)),
    Row(symmetry.left_right_symmetry, (GRIDS,), finite=False),
    Row(views.side_front_overlap, (tensors(3, 6, 6, 6),), finite=False),
    Row(views.depth_to_width, (GRIDS, THRESHOLD), finite=False),
    Row(voxel_overlap.voxel_iou, (tensors(3, 6, 6, 6), BOOLEANS, THRESHOLD), (0, 1)),
    Row(voxel_overlap.chamfer_distance, (tensors(None, 3), tensors(None, 3)), (0, torch.inf)),
]


def inside(value):
    """The tensors and numbers that a result holds."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, int | float):
        return [torch.tensor(float(value))]
    return [tensor for part in value or () for tensor in inside(part)] if isinstance(value, tuple) else []


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: f"{row.function.__module__}.{row.function.__name__}"[17:])
def test_the_documented_result_or_the_documented_error(row):
    names = row.function.__code__.co_varnames[: row.function.__code__.co_argcount]

    @FEW
    @given(st.tuples(*row.arguments))
    def run(arguments):
        try:
            result = row.function(*arguments)
        except ValueError as error:
            assert re.match(rf"({'|'.join(names)})\b", str(error)), f"no argument's name: {error}"
            assert "\n" not in str(error)
            return
        for tensor in inside(result):
            if row.finite and tensor.is_floating_point():
                require_finite("result", tensor)
            if row.range and tensor.numel():
                assert tensor.min() >= row.range[0] - 1e-6 and tensor.max() <= row.range[1] + 1e-6

    run()


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
