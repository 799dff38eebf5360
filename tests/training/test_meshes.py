import pytest
import torch

from inverse_graphics.models.meshes import MeshGANSettings, MeshGenerator
from inverse_graphics.models.stylegan import Discriminator
from inverse_graphics.training.loop import Runtime, Step, fit
from inverse_graphics.training.meshes import MeshGANObjective, MeshGANTrainer, shrunk

SMALL = {"size": 16, "latent": 6, "style": 8, "widths": (8, 8, 8, 4), "mapping_layers": 2, "levels": 2}
RUNTIME = Runtime(accelerator="cpu", precision="32-true", progress=False)


def make(**changes):
    torch.manual_seed(0)
    settings = MeshGANSettings(**SMALL)
    generator, discriminator = MeshGenerator(settings), Discriminator(3, settings.widths[:-1])
    trainer = MeshGANTrainer(generator, discriminator, MeshGANObjective(first=8, **changes))
    fabric = RUNTIME.fabric()
    fabric.launch()
    return trainer, fabric


@pytest.fixture
def pictures():
    return torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_pictures_grow_and_fade_in():
    aim = MeshGANObjective(first=16, grown_after=0.6, fading=0.5)
    assert aim.side(0.0, 64) == (16, 1.0) and aim.side(0.29, 64) == (16, 1.0)
    side, fade = aim.side(0.375, 64)
    assert side == 32 and fade == pytest.approx(0.5)
    assert aim.side(0.5, 64) == (32, 1.0)
    side, fade = aim.side(0.7, 64)
    assert side == 64 and fade == pytest.approx(0.5)
    assert aim.side(0.81, 64) == (64, 1.0) and aim.side(0.0, 16) == (16, 1.0)


def test_both_networks_learn_and_the_average_follows(pictures):
    trainer, fabric = make()
    trainer.setup(fabric)
    before = {name: [p.clone() for p in module.parameters()] for name, module in trainer.modules.items()}
    for index in (0, 9):
        terms = trainer.step(pictures, Step(0, index, 10, 8, fabric))
        assert all(torch.isfinite(term) for term in terms) and terms.side == (8 if index == 0 else 16)

    def moved(name):
        return max(
            (p - q).abs().max().item() for p, q in zip(trainer.modules[name].parameters(), before[name], strict=True)
        )

    assert 0 < moved("average") < 0.01 * moved("generator") and moved("discriminator") > 0


def test_the_penalty_comes_every_so_often(pictures):
    trainer, fabric = make(penalty_every=2)
    trainer.setup(fabric)
    found = [trainer.step(pictures, Step(0, index, 10, 8, fabric)).penalty.item() > 0 for index in range(4)]
    assert found == [True, False, True, False]


def test_the_discriminator_learns_to_tell(pictures, tmp_path):
    """Real pictures are red noise; what is generated is not."""
    trainer, fabric = make()
    red = pictures * torch.tensor([1.0, 0.1, 0.1]).view(3, 1, 1)
    history = fit(
        trainer,
        red,
        steps=24,
        batch_size=8,
        seed=0,
        checkpoint=tmp_path / "c.safetensors",
        runtime=RUNTIME,
        fabric=fabric,
    ).history
    assert history[-1]["real_score"] > history[-1]["fake_score"]
    assert (tmp_path / "c.safetensors").exists()


def test_real_pictures_lose_their_details_as_generated_ones_do(pictures):
    halved = torch.nn.functional.avg_pool2d(pictures, 2)
    torch.testing.assert_close(shrunk(pictures, 8, 1.0), halved)
    torch.testing.assert_close(shrunk(pictures, 16, 1.0), pictures)
    coarse = torch.nn.functional.interpolate(halved, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(shrunk(pictures, 16, 0.0), coarse)
