import pandas as pd
import pytest
import torch

from inverse_graphics.experiments.mesh_gan import config_for, sample_scenes
from inverse_graphics.experiments.mesh_setup import blocks, reach, untrained, verdict


@pytest.fixture(scope="module")
def networks():
    return untrained(config_for("smoke"))


def test_blocks_are_those_that_run(networks):
    found = blocks(networks)
    assert found["object"].shapes == ((8, 4, 4), (8, 8, 8), (8, 16, 16), (4, 32, 32)) == found["background"].shapes
    assert found["discriminator"].shapes == ((8, 16, 16), (8, 16, 16), (8, 8, 8), (8, 4, 4))
    generator = networks.generator
    assert found["object"].weights + found["background"].weights == sum(p.numel() for p in generator.parameters())


def test_the_gradient_reaches_everything_and_the_weights_are_the_seeds(networks):
    config = config_for("smoke")
    latents = sample_scenes(config, networks.generator, 2)[1]
    norms = reach(networks, latents, (0.0, 1.0))
    assert (norms > 0).all(axis=None) and norms.index.tolist() == ["B = 0", "B = 1"]
    torch.testing.assert_close(untrained(config).generator.state_dict(), networks.generator.state_dict())


@pytest.mark.parametrize(
    ("values", "expected"), [((1.0, 2.0), "reproduced"), ((1.0, 0.0), "partly"), ((0.0, 0.0), "not reproduced")]
)
def test_the_verdict_says_what_is_not_reached(values, expected):
    found, reason = verdict(pd.Series(values, index=["shape", "texture"]))
    assert found == expected and ("texture" in reason) and (("no gradient" in reason) == (expected != "reproduced"))
