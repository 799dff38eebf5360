import pytest
import torch

from inverse_graphics.models.azimuths import AzimuthHypotheses, AzimuthLatent
from inverse_graphics.models.voxels import Head, LatentDiscriminator, VoxelAutoencoder, VoxelAutoencoderSettings
from inverse_graphics.training.loop import Runtime, Step, fit
from inverse_graphics.training.voxels import HEAD_SHRINKAGE, HEAD_SMOOTHNESS, OBJECTIVES, Film, VoxelTrainer, head_prior

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


def turned(azimuth, objective, **settings):
    torch.manual_seed(0)
    encoded = azimuth == "encoded"
    model = VoxelAutoencoder(
        VoxelAutoencoderSettings(latent=4, encoder_channels=8, decoder_channels=8, encodes_azimuth=encoded)
    )
    sources = {"latent": AzimuthLatent, "hypotheses": AzimuthHypotheses}
    trainer = VoxelTrainer(
        model,
        objective,
        discriminator=LatentDiscriminator(4, 16) if objective == "aae" else None,
        azimuth=azimuth,
        azimuth_source=sources[azimuth]() if azimuth in sources else None,
        azimuth_discriminator=LatentDiscriminator(1, 16) if encoded else None,
        deterministic=objective == "aae",
        **settings,
    )
    return model, trainer


@pytest.mark.parametrize(
    ("azimuth", "objective"),
    [
        ("uniform", "vae"),
        ("encoded", "aae"),
        ("latent", "mu_vae"),
        ("latent", "mu_vae_as_printed"),
        ("hypotheses", "vae"),
    ],
)
def test_each_source_of_the_azimuth_trains(azimuth, objective, tmp_path):
    _, trainer = turned(azimuth, objective, learning_rate=3e-3)
    before = {n: [p.detach().clone() for p in m.parameters()] for n, m in trainer.modules.items()}
    history = train(trainer, tmp_path, steps=30)
    assert history[-1]["projection_error"] < history[0]["projection_error"]
    for name, module in trainer.modules.items():
        assert any(not torch.equal(a, b) for a, b in zip(before[name], module.parameters(), strict=True)), name


def test_nearest_sampling_gives_the_azimuth_latent_nothing_to_learn_from(tmp_path):
    """Floor is flat: of the paper's text as written, only the regulariser reaches Z_θ, and its network not at all."""
    for sampling, moves in (("nearest", False), ("trilinear", True)):
        _, trainer = turned("latent", "mu_vae", sampling=sampling)
        network = trainer.modules["azimuth"].network
        before = [p.detach().clone() for p in network.parameters()]
        train(trainer, tmp_path / sampling, steps=3)
        moved = any(not torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
        assert moved == moves, sampling


def test_the_two_steps_of_an_azimuth_latent_touch_only_their_own(tmp_path):
    _, trainer = turned("latent", "mu_vae")
    owned = [{id(p) for g in o.param_groups for p in g["params"]} for o in trainer.optimizers.values()]
    assert owned[0].isdisjoint(owned[1])
    assert owned[1] == {id(p) for p in trainer.modules["azimuth"].parameters()}


def test_sources_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="azimuth_source: expected"):
        make("mu_vae", azimuth="latent")
    with pytest.raises(ValueError, match="'latent' is learnt by the μ-VAE's objective only"):
        turned("latent", "vae")
    with pytest.raises(ValueError, match="'encoded' is held to its prior by the AAE only"):
        turned("encoded", "vae")


def test_a_film_keeps_shapes_and_survives_a_kill(tmp_path):
    def filmed():
        torch.manual_seed(0)
        model = VoxelAutoencoder(VoxelAutoencoderSettings(latent=4, encoder_channels=8, decoder_channels=8))
        return VoxelTrainer(model, "mu_vae", film=Film(bars(3), frames=4, steps=12))

    whole = filmed()
    train(whole, tmp_path / "whole", steps=12)
    film = whole.film
    assert film.voxels.shape == (4, 3, 28, 28, 28) and film.times == sorted(set(film.times)) and film.times[-1] == 11
    assert all(film.voxels[k].float().std() > 0 for k in range(4))
    assert not torch.equal(film.voxels[0], film.voxels[-1])
    again = filmed()  # as after a kill: everything comes from the checkpoint
    train(again, tmp_path / "whole", steps=12)
    assert torch.equal(again.film.voxels, film.voxels)


def test_solid_heads_train_with_an_encoded_azimuth(tmp_path):
    torch.manual_seed(0)
    small = {"latent": 4, "encoder_channels": 8, "decoder_channels": 8}
    model = VoxelAutoencoder(VoxelAutoencoderSettings(**small, encodes_azimuth=True, symmetric=True, solid_head=True))
    judges = {"discriminator": LatentDiscriminator(4, 16), "azimuth_discriminator": LatentDiscriminator(1, 16)}
    trainer = VoxelTrainer(model, "aae", learning_rate=3e-3, deterministic=True, azimuth="encoded", **judges)
    history = train(trainer, tmp_path, steps=30)
    assert history[-1]["projection_error"] < 0.8 * history[0]["projection_error"]
    with pytest.raises(ValueError, match="objective: a solid head is trained by the AAE only, got 'vae'"):
        VoxelTrainer(VoxelAutoencoder(VoxelAutoencoderSettings(**small, solid_head=True)), "vae")


def test_the_prior_of_a_head_is_zero_for_the_even_ellipsoid_and_counts_steps_and_relief():
    voxels, grey, flat = torch.rand(2, 4, 4, 4), torch.full((2, 4, 4, 4), 0.3), torch.zeros(2, 4, 4, 4)
    assert head_prior(Head(voxels, grey, flat)) == 0
    step = grey.clone()
    step[:, 2:] += 0.5  # across one face of 16 cells
    assert head_prior(Head(voxels, step, flat)).item() == pytest.approx(HEAD_SMOOTHNESS * 16 * 0.25)
    assert head_prior(Head(voxels, grey, flat + 0.5)).item() == pytest.approx(HEAD_SHRINKAGE * 64 * 0.25)
