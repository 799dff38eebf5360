from dataclasses import replace

import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.experiments import garment_slices
from inverse_graphics.experiments.voxel_autoencoder import load_autoencoder, run
from inverse_graphics.training.loop import Runtime

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "RUNS", tmp_path_factory.mktemp("runs"))
        config = replace(garment_slices.configs("smoke")["aae"], train_images=32, test_images=40, steps=2)
        yield run(config, runtime=RUNTIME)


def test_clearest_samples_are_of_the_wanted_class_where_there_are_any(result):
    arrays = result.arrays()
    label = int(arrays["sample_classes"].mode().values)  # a class that surely has two
    name = garment_slices.class_names("garments")[label]
    first, second = garment_slices.clearest_samples(result, (name, name))
    assert (first.name, second.name) == (name, name) and first.vote >= second.vote
    assert not torch.equal(first.latent, second.latent)
    of_class = arrays["sample_votes"][arrays["sample_classes"] == label]
    assert first.vote == pytest.approx(of_class.max().item())


def test_a_class_that_never_came_is_replaced_under_the_name_of_what_did(result):
    missing = set(range(10)) - set(result.arrays()["sample_classes"].tolist())
    assert missing, "two steps of training do not make ten kinds of garments"
    wanted = garment_slices.class_names("garments")[missing.pop()]
    (sample,) = garment_slices.clearest_samples(result, (wanted,))
    assert sample.name != wanted
    with pytest.raises(ValueError, match="wanted: expected one of"):
        garment_slices.clearest_samples(result, ("Hat",))


def test_census_counts_every_sample(result):
    census = garment_slices.sample_census(result)
    assert sum(census["samples per class"].values()) == len(result.arrays()["sample_latents"])


def test_layering_has_its_floors(result):
    table, verdict, reason = garment_slices.layering(result, load_autoencoder(result))
    assert table.loc["floor: a soft ball", "depth roughness"] == pytest.approx(1)
    assert table.loc["floor: a disc extruded along depth", "depth roughness"] == 0
    assert verdict in ("reproduced", "partly", "not reproduced") and "256 samples" in reason
