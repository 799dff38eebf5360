import pytest
import torch

from inverse_graphics.models.voxels import LatentDiscriminator, VoxelAutoencoder, VoxelAutoencoderSettings
from inverse_graphics.training.loop import Runtime, fit
from inverse_graphics.training.voxels import OBJECTIVES, VoxelTrainer

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)


def make(objective, azimuth="constant", texturizer=False):
    torch.manual_seed(0)
    settings = VoxelAutoencoderSettings(latent=4, encoder_channels=8, decoder_channels=8, texturizer=texturizer)
    judge = LatentDiscriminator(4, 16) if objective == "aae" else None
    return VoxelTrainer(VoxelAutoencoder(settings), objective, 3e-3, judge, azimuth)


def bars(count=32):
    """Pictures of one bright bar, across or along."""
    images = torch.zeros(count, 1, 28, 28)
    images[::2, :, 10:18, 4:24] = 1
    images[1::2, :, 4:24, 10:18] = 1
    return images


def train(trainer, path, steps=40):
    fabric = RUNTIME.fabric()
    fabric.launch()
    return fit(
        trainer, bars(), steps=steps, batch_size=16, seed=0, checkpoint=path / "c", runtime=RUNTIME, fabric=fabric
    )


@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
def test_each_objective_learns_two_bars(objective, tmp_path):
    history = train(make(objective, texturizer=objective == "aae"), tmp_path)
    assert history[-1]["projection_error"] < 0.8 * history[0]["projection_error"]


def test_aae_moves_its_discriminator_and_only_the_encoder_as_generator(tmp_path):
    trainer = make("aae")
    before = {name: [p.detach().clone() for p in module.parameters()] for name, module in trainer.modules.items()}
    train(trainer, tmp_path, steps=1)
    for name, module in trainer.modules.items():
        assert any(not torch.equal(a, b) for a, b in zip(before[name], module.parameters(), strict=True)), name
    encoder, generator = trainer.modules["encoder"], trainer.optimizers["generator"]
    mine = {id(p) for p in encoder.parameters()}
    assert {id(p) for group in generator.param_groups for p in group["params"]} == mine


def test_uniform_azimuth_trains_too(tmp_path):
    history = train(make("mu_vae", azimuth="uniform"), tmp_path, steps=10)
    assert history[-1]["total"] < history[0]["total"]


def test_bad_settings_are_named():
    with pytest.raises(ValueError, match="objective: expected one of aae, beta_vae, mu_vae, mu_vae_as_printed, vae"):
        make("gan")
    with pytest.raises(ValueError, match="azimuth: expected one of constant, uniform"):
        make("vae", azimuth="learned")
    with pytest.raises(ValueError, match="discriminator: expected one for the objective aae"):
        VoxelTrainer(VoxelAutoencoder(VoxelAutoencoderSettings()), "aae")
