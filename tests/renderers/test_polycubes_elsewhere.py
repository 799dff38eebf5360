import numpy as np
import pytest
import torch
from trimesh.ray.ray_pyembree import RayMeshIntersector

from inverse_graphics import paths
from inverse_graphics.datasets.iqtt import Look, make_questions
from inverse_graphics.datasets.iqtt_elsewhere import elsewhere_pictures
from inverse_graphics.renderers import polycubes_elsewhere
from inverse_graphics.renderers.polycubes_elsewhere import DISTANCE, FIELD_OF_VIEW, SKY, SUN, render_elsewhere


def test_it_shows_the_same_object_from_the_same_side_as_the_other_renderer(monkeypatch):
    """Silhouettes of two renderers that share no code. Elsewhere, black replaces the background and seams are shut."""
    monkeypatch.setattr(polycubes_elsewhere, "TOP", np.zeros(3))
    monkeypatch.setattr(polycubes_elsewhere, "BOTTOM", np.zeros(3))
    monkeypatch.setattr(polycubes_elsewhere, "SEAM", 0.0)
    look = Look(field_of_view=(FIELD_OF_VIEW,) * 2, distance=(DISTANCE,) * 2, background=(0, 0), antialiasing=1.0)
    questions = make_questions("paper", 5, split="test", size=64, look=look)
    ours, truth = questions.pictures().amax(2) > 0, questions.truth
    for i in range(5):
        for j in range(4):
            sides = float(truth.azimuth[i, j]), float(truth.elevation[i, j])
            picture = render_elsewhere(truth.objects[i, j].numpy(), *sides, np.random.default_rng(0), 64)
            theirs = torch.from_numpy(picture).amax(2) > 0
            both, either = (ours[i, j] & theirs).sum(), (ours[i, j] | theirs).sum()
            assert both > 0.97 * either, (i, j)


def test_shadow_falls_where_the_sun_is_hidden():
    """A roof over a floor, the sun straight above: the floor gets light from the sky alone, the roof from both."""
    arch = np.array([[x, y, 0] for x in range(4) for y in (0, 3)] + [[0, 1, 0], [0, 2, 0]])
    mesh = polycubes_elsewhere._mesh(arch)
    caster = RayMeshIntersector(mesh, scale_to_box=False)
    eye, targets = np.array([0.0, 1.0, 2.0]), np.array([[0.125, -0.255, 0.0], [0.125, 0.495, 0.0]])  # floor, roof
    rays = (targets - eye) / np.linalg.norm(targets - eye, axis=1, keepdims=True)
    face = caster.intersects_first(np.broadcast_to(eye, rays.shape), rays)
    np.testing.assert_allclose(mesh.face_normals[face], [[0, 1, 0]] * 2, atol=1e-6)
    colour, sun = np.array([0.2, 0.4, 0.6]), np.array([0.0, 1.0, 0.0])
    floor, roof = polycubes_elsewhere._shade(mesh, caster, face, eye, rays, sun, colour)
    np.testing.assert_allclose(floor, colour * SKY)
    assert (roof >= colour * (SKY + SUN) - 1e-9).all()


def test_pictures_are_cached_and_depend_on_the_question(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATA", tmp_path)
    questions = make_questions("hard", 3, split="test", size=16)
    pictures = elsewhere_pictures(questions)
    assert pictures.shape == (3, 4, 3, 16, 16) and pictures.dtype == torch.uint8
    assert len({picture.numpy().tobytes() for picture in pictures.flatten(0, 1)}) == 12
    monkeypatch.setattr("inverse_graphics.datasets.iqtt_elsewhere.render_elsewhere", None)  # drawing would fail
    assert torch.equal(elsewhere_pictures(questions), pictures)
    with pytest.raises(TypeError):
        elsewhere_pictures(make_questions("paper", 3, split="test", size=16))
