"""Azimuth rotation + projection, forward and backward, of (64, 28, 28, 28) voxels, against the usual way.

python benchmarks/bench_voxel_projection.py      Bar: at least 8 times faster on two CPU cores.
"""

import torch

import usual_voxels
from inverse_graphics.renderers.voxels import project_voxels, rotate_voxels
from inverse_graphics.training.loop import keep_freed_memory
from timing import Place, against_copy, compare, report


def forward_backward(project, voxels, azimuth):
    def run():
        voxels.grad = azimuth.grad = None
        project(voxels, azimuth).square().sum().backward()

    return run


def main() -> None:
    keep_freed_memory()  # as training does; without it both sides wait for pages, which says nothing of either
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; gradients to voxels and azimuth")
    generator = torch.Generator().manual_seed(0)
    for batch, size, bar in ((1, 28, None), (16, 28, None), (64, 28, 8.0), (256, 28, None), (16, 64, None)):
        voxels = torch.rand(batch, size, size, size, generator=generator).requires_grad_()
        azimuth = (torch.rand(batch, generator=generator) * 6).requires_grad_()
        usual = forward_backward(usual_voxels.project, voxels, azimuth)
        ours = forward_backward(project_voxels, voxels, azimuth)
        with torch.no_grad():
            error = (usual_voxels.project(voxels, azimuth) - project_voxels(voxels, azimuth)).abs().max()
        assert error < 1e-3, f"the two do not draw the same picture: {error}"
        result, name = compare(usual, ours), f"({batch}, {size}³) ray matrix"
        report(name, "3D grid_sample", result, bar, place=Place("voxels to picture", "cells", batch * size**3))
        # in: voxels, twice, since their gradient needs them again; out: the gradient
        against_copy(name, result.ours, 3 * voxels.numel() * voxels.element_size())
        if bar:
            plane = forward_backward(lambda v, a: -torch.expm1(-rotate_voxels(v, a).sum(1)), voxels, azimuth)
            report(f"({batch}, {size}³) D×W plane", "3D grid_sample", compare(usual, plane))


if __name__ == "__main__":
    main()
