import math

import pytest

from inverse_graphics.experiments import catalogue
from inverse_graphics.experiments.voxel_autoencoder import run
from inverse_graphics.training.loop import Runtime
from inverse_graphics.training.rehearsal import Rehearsed

# One of each way to train. Those with a critic, R1 or MINE take gradients within a step, and some networks are told
# more than pictures: both went wrong in bf16 once.
WAYS = [
    ("ucar-f5", "aae"),
    ("pix-t1", "shapes"),
    ("pix-t3", "cnn-0"),  # no step at all: without labels it stays as it is
    ("pix-t3", "pix2scene-200"),
    ("iqtt-bags", "posed"),
    ("szabo-t2", "full"),
    ("three-papers", "surfels"),
    ("three-papers", "meshes"),
]


@pytest.mark.parametrize(("name", "training"), WAYS)
def test_every_way_to_train_works_in_bf16_as_it_does_on_a_gpu(module_workspace, name, training):
    runtime = Runtime(accelerator="cpu", precision="bf16-mixed", progress=False, dry_run=True)
    config = catalogue.EXPERIMENTS[name]("smoke", 0)[training]
    with pytest.raises(Rehearsed) as rehearsed:
        catalogue.RUNS.get(name, run)(config, runtime=runtime, retrain=True)
    assert math.isfinite(rehearsed.value.estimate.step_seconds)
