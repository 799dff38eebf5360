import pytest
import torch

from inverse_graphics.metrics.sparsity import depth_roughness, depth_thickness, mean_occupancy, occupied_fraction


def slab(first, last):
    voxels = torch.zeros(1, 8, 8, 8)
    voxels[:, first:last, 2:6, 2:6] = 1
    return voxels


def test_counts_of_a_slab():
    voxels = slab(3, 5)
    assert occupied_fraction(voxels, 0.5).item() == pytest.approx(2 * 16 / 512)
    assert mean_occupancy(voxels).item() == pytest.approx(2 * 16 / 512)
    assert depth_thickness(voxels, 0.5).item() == 2


def test_thickness_counts_foreground_rays_only_and_an_empty_grid_has_none():
    voxels = slab(3, 5)
    voxels[:, 0, 0, 0] = 0.3  # projects to 0.26: no foreground
    assert depth_thickness(voxels, 0.1).item() == 2
    assert depth_thickness(torch.zeros(1, 4, 4, 4), 0.1).item() == 0


def test_roughness_tells_layers_from_solids_and_extrusions():
    generator = torch.Generator().manual_seed(0)
    layers = torch.zeros(1, 8, 8, 8)
    layers[:, ::2, 2:6, 2:6] = 1
    extrusion = torch.rand(1, 1, 8, 8, generator=generator).expand(1, 8, 8, 8)
    cube = torch.zeros(1, 8, 8, 8)
    cube[:, 2:6, 2:6, 2:6] = 1
    assert depth_roughness(cube).item() == pytest.approx(1)
    assert depth_roughness(layers).item() > 2
    assert depth_roughness(extrusion).item() == 0
    assert depth_roughness(torch.zeros(1, 4, 4, 4)).item() == 0


@pytest.mark.parametrize("metric", [mean_occupancy, depth_roughness, lambda v: occupied_fraction(v, 0.5)])
def test_bad_voxels_are_named(metric):
    with pytest.raises(ValueError, match="voxels: expected"):
        metric(torch.full((1, 2, 2, 2), 2.0))
    with pytest.raises(ValueError, match="voxels: expected shape"):
        metric(torch.zeros(2, 2, 2))
