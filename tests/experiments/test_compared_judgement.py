import numpy as np
import pytest
import torch
import trimesh

from inverse_graphics.datasets import compared
from inverse_graphics.datasets.compared import Seen, load_compared, object_mesh
from inverse_graphics.experiments import compared_judgement
from inverse_graphics.experiments.compared_judgement import (
    FLOORS,
    MISSED,
    Answer,
    closed_disc,
    extruded,
    floor_answers,
    judge_answers,
    measure,
    mesh_answer,
    pictured,
    solid_answer,
    surfel_answer,
    views_of,
    voxel_answer,
)
from inverse_graphics.geometry.shape_images import initial_shape
from inverse_graphics.renderers.mesh_views import voxelise
from inverse_graphics.renderers.voxels import project_voxels

SIZE = 24


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compared.paths, "DATA", tmp_path_factory.mktemp("data"))
        patch.setattr(compared, "BLOCK", 3)
        patch.setattr(compared, "POINTS", 1000)
        yield load_compared("test", count=3, size=SIZE, truth=True)


def test_the_truth_has_no_error_but_that_of_sampling(shown):
    mesh = object_mesh("test", 2)
    answer = solid_answer(mesh, voxelise(mesh, 28), views_of(shown, 2), SIZE)
    found = measure(answer, shown, 2)
    assert found["iou"] == found["mask_iou"] == found["novel_mask_iou"] == 1
    assert found["depth_mse"] < 1e-8 and found["normal_error"] < 1 and found["seen_chamfer"] < 1e-4
    assert found["chamfer"] < 0.06 and found["hausdorff"] < 0.3
    assert found["image_mse"] is None and found["novel_image_mse"] is None


def test_surfels_are_judged_by_what_they_show(shown):
    truth, one = shown.truth, slice(2, 3)  # a cup: a chair's bars are thinner than these pixels
    answer = surfel_answer(truth.seen.depth[one], views_of(shown, 2), shown.lights[one])
    found = measure(answer, shown, 2)
    assert found["iou"] is None and found["chamfer"] is None and found["hausdorff"] is None
    assert found["mask_iou"] == 1 and found["depth_mse"] == 0 and 0 < found["novel_mask_iou"] < 1
    assert found["normal_error"] < 45 and found["image_mse"] < 0.05  # normals of depth are rough along outlines


def test_an_empty_answer_is_bad_and_no_error(shown):
    answer = voxel_answer(torch.zeros(28, 28, 28), 0.5, views_of(shown, 0), SIZE)
    found = measure(answer, shown, 0)
    assert found["iou"] == found["mask_iou"] == 0 and found["normal_error"] == MISSED
    assert 0.1 < found["chamfer"] < 2 and found["seen_hausdorff"] > 0.1


def test_a_disc_becomes_a_closed_solid(shown):
    shape = initial_shape("sphere", 16, 0.6)
    mesh = closed_disc(shape)
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=0.1)
    answer = mesh_answer(shape[None], torch.full((1, 3, 16, 16), 0.5), views_of(shown, 0), SIZE)
    assert answer.cells.float().mean() == pytest.approx(mesh.volume / 8, rel=0.2)
    assert answer.pictures.shape == (5, 3, SIZE, SIZE) and answer.points.norm(dim=1).max() < 0.65


def test_an_extruded_silhouette_looks_as_it_did():
    down, across = torch.meshgrid([torch.arange(28) - 13.5] * 2, indexing="ij")
    mask = ((down / 6).square() + ((across - 3) / 4).square() < 1).float()[None, None]
    azimuth, elevation = torch.tensor([1.1]), torch.tensor([0.4])
    seen = project_voxels(extruded(mask, azimuth, elevation, 8), azimuth, elevation) > 0.8
    assert (seen != (mask > 0)).float().mean() < 0.05
    other = project_voxels(extruded(mask, azimuth, elevation, 8), azimuth + 1, elevation) > 0.8
    assert (other != (mask > 0)).float().mean() > 0.05


def test_floors_are_judged_by_the_same_code(shown, monkeypatch):
    monkeypatch.setattr(compared, "BLOCK", 3)
    monkeypatch.setattr(compared_judgement, "MEAN_OF", 3)
    known = load_compared("train", count=3, size=SIZE)
    floors = floor_answers(known, shown)
    assert tuple(floors) == FLOORS and all(len(answers) == 3 for answers in floors.values())
    judged = judge_answers(floors["extruded silhouette"], shown)
    measures = judged["measures"]
    assert measures["mask_iou"]["mean"] > 0.5 > measures["iou"]["mean"] > 0 and measures["iou"]["n"] == 3
    assert measures["image_mse"] is None and set(judged["by_category"]) == {"chair", "airplane", "cup"}
    found = judged["frechet"]["hog-colour"]
    assert found["counts"] == [12, 12] and found["distance"] > 0


def test_the_true_views_are_at_no_distance_from_themselves(shown):
    truth = shown.truth
    answers = [
        Answer(
            Seen(*(torch.cat((one[i : i + 1], more[i])) for one, more in zip(truth.seen, truth.further, strict=True)))
        )
        for i in range(3)
    ]
    found = judge_answers(answers, shown)
    assert found["frechet"]["hog-colour"]["distance"] < 0.05
    assert found["measures"]["seen_chamfer"]["mean"] == 0
    true, made = pictured(shown), pictured(shown, answers)
    assert true.shape == (3, 2, SIZE, SIZE, 3) and true.dtype == torch.uint8
    assert (true.int() - made.int()).abs().max() <= 2  # normals are kept in half precision
    coloured = [answer._replace(pictures=torch.full((5, 3, SIZE, SIZE), 0.2)) for answer in answers]
    assert (pictured(shown, coloured) == 51).all()


def test_a_mesh_without_faces_is_an_empty_solid(shown):
    answer = solid_answer(trimesh.Trimesh(), np.zeros((28,) * 3, bool), views_of(shown, 1), SIZE)
    assert len(answer.points) == 0 and not answer.seen.depth.isfinite().any()
