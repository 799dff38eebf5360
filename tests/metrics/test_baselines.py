import math

import pytest
import torch

from inverse_graphics.metrics.baselines import extruded_silhouette, mean_lathe_shape, mean_shape
from inverse_graphics.metrics.voxel_overlap import voxel_iou
from inverse_graphics.renderers.voxels import project_voxels, rotate_voxels


def boxes():
    truth = torch.zeros(2, 16, 16, 16, dtype=torch.bool)
    truth[0, 2:6, 4:12, 6:10] = True
    truth[1, 4:12, 4:12, 6:10] = True
    return truth


def test_mean_shape_is_the_share_of_shapes():
    mean = mean_shape(boxes())
    assert [mean[d, 8, 8].item() for d in (3, 5, 8, 13)] == [0.5, 1, 0.5, 0]
    assert mean.sum() == boxes().sum() / 2


def test_lathe_mean_is_the_mean_of_turned_shapes_and_the_same_from_all_sides():
    azimuths = torch.arange(8) * (math.pi / 4)
    turned = torch.stack([rotate_voxels(boxes().float(), azimuth.item()).mean(0) for azimuth in azimuths]).mean(0)
    torch.testing.assert_close(mean_lathe_shape(boxes(), 8), turned, atol=1e-5, rtol=0)
    lathe = mean_lathe_shape(boxes())
    views = project_voxels(lathe.expand(5, -1, -1, -1), torch.tensor([0, 0.3, 1, 2, 3.1]))
    assert (views - views[0]).abs().max() < 0.06  # cells are square: resampling is never quite round
    cylinder = torch.ones(1, 16, 16, 16).mul(disk(6)[None, :, None]).bool()
    assert voxel_iou(mean_lathe_shape(cylinder)[None], cylinder, 0.5).item() > 0.9


def disk(radius):
    centres = torch.arange(16) - 7.5
    return (centres[:, None] ** 2 + centres**2) < radius**2


def test_extrusion_repeats_the_picture():
    pictures = torch.rand(2, 1, 6, 8, generator=torch.Generator().manual_seed(0))
    voxels = extruded_silhouette(pictures)
    assert voxels.shape == (2, 8, 6, 8)
    assert (voxels == pictures).all()
    thin = extruded_silhouette(pictures, cells=2)
    assert (thin[:, 3:5] == pictures).all() and thin.sum().item() == pytest.approx(2 * pictures.sum().item())
    assert (extruded_silhouette(pictures, cells=8) == voxels).all()


@pytest.mark.parametrize("azimuth", [0.0, math.pi / 2, 0.7, -2.0])
def test_turned_back_extrusion_looks_like_the_picture_from_where_it_was_taken(azimuth):
    truth = boxes().float()
    azimuths = torch.full((2,), azimuth)
    pictures = (project_voxels(truth, azimuths) > 0.5).float()
    voxels = extruded_silhouette(pictures, azimuths, cells=6)
    again = (project_voxels(voxels, azimuths) > 0.5).float()
    grown = torch.nn.functional.max_pool2d(pictures, (1, 3), stride=1, padding=(0, 1))
    assert (again >= pictures).all() and (again <= grown).all()  # resampled twice, an edge may grow by a pixel


def test_right_azimuth_beats_the_wrong_one():
    truth = boxes()[:1]
    azimuths = torch.full((1,), math.pi / 2)
    pictures = (project_voxels(truth.float(), azimuths) > 0.5).float()
    right = voxel_iou(extruded_silhouette(pictures, azimuths), truth, 0.5)
    assert right.item() == pytest.approx(4 / 16)  # exact along the picture, four of sixteen deep
    assert (voxel_iou(extruded_silhouette(pictures), truth, 0.5) < right - 0.1).all()


def test_bad_input_is_named():
    pictures = torch.zeros(2, 1, 8, 8)
    with pytest.raises(ValueError, match="truth: expected a bool"):
        mean_shape(boxes().float())
    with pytest.raises(ValueError, match="truth: expected an occupied cell"):
        mean_lathe_shape(torch.zeros(2, 4, 4, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="count: expected a whole number"):
        mean_lathe_shape(boxes(), 0)
    for bad in (pictures[:, 0], pictures - 1, pictures * math.nan):
        with pytest.raises(ValueError, match="pictures: expected"):
            extruded_silhouette(bad)
    for cells in (0, 9, 2.0):
        with pytest.raises(ValueError, match="cells: expected a whole number from 1 to 8"):
            extruded_silhouette(pictures, cells=cells)
    for bad in (torch.zeros(3), torch.full((2,), math.nan), 0.0):
        with pytest.raises(ValueError, match="azimuths: expected"):
            extruded_silhouette(pictures, bad)
