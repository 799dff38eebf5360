import pytest
import torch

from inverse_graphics.models.voxels import LatentDiscriminator, VoxelAutoencoder, VoxelAutoencoderSettings
from inverse_graphics.training.loop import Runtime, Step, fit
from inverse_graphics.training.voxels import OBJECTIVES, VoxelTrainer

RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)


def make(objective, azimuth="constant", texturizer=False, decay=False):
    torch.manual_seed(0)
    settings = VoxelAutoencoderSettings(latent=4, encoder_channels=8, decoder_channels=8, texturizer=texturizer)
    judge = LatentDiscriminator(4, 16) if objective == "aae" else None
    return VoxelTrainer(
        VoxelAutoencoder(settings), objective, learning_rate=3e-3, decay=decay, discriminator=judge, azimuth=azimuth
    )


def bars(count=32):
    """Pictures of one bright bar, across or along."""
    images = torch.zeros(count, 1, 28, 28)
    images[::2, :, 10:18, 4:24] = 1
    images[1::2, :, 4:24, 10:18] = 1
    return images


def train(trainer, path, steps=40):
    fabric = RUNTIME.fabric()
    fabric.launch()
    where = {"checkpoint": path / "c", "runtime": RUNTIME, "fabric": fabric}
    return fit(trainer, bars(), steps=steps, batch_size=16, seed=0, **where).history


@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
def test_each_objective_learns_two_bars(objective, tmp_path):
    history = train(make(objective, texturizer=objective == "aae"), tmp_path)
    assert history[-1]["projection_error"] < 0.8 * history[0]["projection_error"]


def test_aae_moves_every_network_and_each_optimizer_only_its_own(tmp_path):
    trainer = make("aae")
    before = {name: [p.detach().clone() for p in module.parameters()] for name, module in trainer.modules.items()}
    train(trainer, tmp_path, steps=1)
    for name, module in trainer.modules.items():
        assert any(not torch.equal(a, b) for a, b in zip(before[name], module.parameters(), strict=True)), name
    owned = [{id(p) for g in o.param_groups for p in g["params"]} for o in trainer.optimizers.values()]
    assert owned[0].isdisjoint(owned[1])
    assert owned[1] == {id(p) for p in trainer.modules["discriminator"].parameters()}


def test_uniform_azimuth_trains_too(tmp_path):
    history = train(make("mu_vae", azimuth="uniform"), tmp_path, steps=10)
    assert history[-1]["total"] < history[0]["total"]


def test_decay_brings_the_learning_rate_down_to_almost_nothing(tmp_path):
    trainer = make("aae", decay=True)
    train(trainer, tmp_path, steps=20)
    rates = [group["lr"] for optimizer in trainer.optimizers.values() for group in optimizer.param_groups]
    assert len(rates) == 2 and max(rates) < 0.01 * 3e-3
    train(trainer := make("vae"), tmp_path / "constant", steps=5)
    assert trainer.optimizers["autoencoder"].param_groups[0]["lr"] == 3e-3


def test_bad_settings_are_named():
    with pytest.raises(ValueError, match="objective: expected one of aae, beta_vae, mu_vae, mu_vae_as_printed, vae"):
        make("gan")
    with pytest.raises(ValueError, match="azimuth: expected one of constant, encoded, hypotheses, latent, uniform"):
        make("vae", azimuth="learned")
    with pytest.raises(ValueError, match="discriminator: expected one for the objective aae"):
        VoxelTrainer(VoxelAutoencoder(VoxelAutoencoderSettings()), "aae")


def test_a_deterministic_encoder_does_not_depend_on_the_noise_and_all_weights_get_gradients():
    errors = []
    for seed in (1, 2):
        trainer = make("aae")
        trainer.deterministic = True
        fabric = RUNTIME.fabric()
        fabric.launch()
        trainer.setup(fabric)
        images = bars(16)
        errors.append(trainer.step(images, Step(seed, 0, 1, 16, fabric)).projection_error.item())
        assert all(p.grad is not None for p in trainer.modules["encoder"].parameters())
    assert errors[0] == errors[1]
