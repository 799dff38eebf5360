from dataclasses import replace

import pytest
import torch

from inverse_graphics.experiments.mesh_gan import config_for as mesh_config
from inverse_graphics.experiments.mesh_literature import (
    TABLE_1,
    companion_rows,
    literature_table,
    own_verdict,
    static_rim,
    step_signals,
    surfel_signals,
    verdict,
)
from inverse_graphics.experiments.pix2scene import Pix2SceneConfig
from inverse_graphics.training.surfels import SurfelTrainer

PLAIN = {"voxels": 1.0, "surfels": 0.0, "meshes": 0.0}


def test_every_row_has_a_source():
    assert len({method.name for method in TABLE_1}) == 16
    assert all(method.supervision and method.where for method in TABLE_1)
    found, reason = verdict()
    assert found == "partly" and reason.startswith("14 of 16")


def test_surfels_are_told_what_their_config_says():
    config = Pix2SceneConfig()
    assert surfel_signals(config) == ("pictures", "camera", "lights")
    assert surfel_signals(replace(config, conditional=True)) == ("pictures", "camera", "lights", "class")
    assert surfel_signals(replace(config, lights="estimated")) == ("pictures", "camera")
    assert "3D" in surfel_signals(replace(config, supervised=True, adversarial=0.0, latent_weight=0.0))


def test_a_step_that_gets_more_than_pictures_is_refused():
    with pytest.raises(ValueError, match="step: expected one whose first argument"):
        step_signals(SurfelTrainer.step)


def test_a_rim_is_static_where_no_picture_differs():
    images = torch.rand(4, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    assert static_rim(images) == 0
    images[:, :, 0], images[:, :, -1] = 0, 1
    assert static_rim(images) == pytest.approx(12 / 20)
    with pytest.raises(ValueError, match="images: expected two or more"):
        static_rim(images[:1])


@pytest.mark.parametrize(("rim", "expected"), [(0.0, "reproduced"), (1.0, "not reproduced")])
def test_meshes_need_pictures_alone_unless_their_background_is_plain(rim, expected):
    rows = companion_rows(PLAIN | {"meshes": rim}, Pix2SceneConfig(), mesh_config("quick"))
    assert own_verdict(rows)[0] == expected
    table = literature_table(rows)
    assert len(table) == 19
    assert table.loc["this companion, voxels", "trained with"] == "pictures, silhouettes (plain background)"
    assert "± 15° and ± 15°" in table.loc["this companion, meshes", "source"]
