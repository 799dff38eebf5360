import pytest
import torch

from inverse_graphics.models.iqtt import LATENTS, Answerer, AnswererSettings

SMALL = {"size": 16, "channels": (4, 8), "blocks": (1, 1), "numbers": 12}


@pytest.fixture(params=LATENTS)
def model(request):
    torch.manual_seed(0)
    return Answerer(AnswererSettings(latent=request.param, **SMALL)).eval()


def test_latents_are_compared_each_with_each(model):
    latents, others = torch.randn(3, 12), torch.randn(5, 12)
    alike = model.likeness(latents, others)
    assert alike.shape == (3, 5) and alike.max() <= 1
    torch.testing.assert_close(alike[1, 4], model.likeness(latents[1:2], others[4:])[0, 0])
    torch.testing.assert_close(model.likeness(latents, latents).diagonal(), torch.ones(3))
    torch.testing.assert_close(model.likeness(latents[None], others[None])[0], alike)


def test_mirroring_twice_is_nothing_and_keeps_likeness(model):
    latents, others = torch.randn(3, 12), torch.randn(5, 12)
    torch.testing.assert_close(model.mirrored(model.mirrored(latents)), latents)
    assert not torch.allclose(model.mirrored(latents), latents)
    mirrored = model.likeness(model.mirrored(latents), model.mirrored(others))
    torch.testing.assert_close(mirrored, model.likeness(latents, others))
    assert model.likeness(latents, model.mirrored(latents)).diagonal().max() < 0.99


def test_scores_are_those_of_the_reference_with_each_answer(model):
    pictures = torch.rand(6, 4, 3, 16, 16)
    scores = model.scores(pictures)
    assert scores.shape == (6, 3)
    again = model.scores(pictures[2:3, [0, 3, 1, 2]])
    torch.testing.assert_close(again[0], scores[2, [2, 0, 1]])
    same = torch.cat((pictures[:, :1], pictures[:, :1], pictures[:, 2:]), 1)
    assert (model.scores(same).argmax(1) == 0).all()


def test_scores_of_a_mirrored_question_are_the_same(model):
    pictures = torch.rand(6, 4, 3, 16, 16)
    torch.testing.assert_close(model.scores(pictures.flip(4)), model.scores(pictures), atol=1e-5, rtol=1e-5)


def test_pictures_of_any_size_are_taken(model):
    assert model(torch.rand(2, 3, 50, 70)).shape == (2, 12)
    with pytest.raises(ValueError, match="pictures: expected shape"):
        model(torch.rand(2, 1, 16, 16))


def test_a_point_latent_turned_in_space_is_the_same():
    model = Answerer(AnswererSettings(latent="points", **SMALL))
    latents = torch.randn(4, 12)
    turn = torch.linalg.qr(torch.randn(3, 3)).Q
    turn = turn * torch.linalg.det(turn)
    turned = (latents.unflatten(1, (-1, 3)) @ turn).flatten(1)
    torch.testing.assert_close(model.likeness(latents, turned).diagonal(), torch.ones(4))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latent": "voxels"}, "latent: expected one of embedding, points"),
        ({"blocks": (1,)}, "blocks: expected one number per stage, 2; got 1"),
        ({"numbers": 10}, "numbers: expected a multiple of 3, got 10"),
    ],
)
def test_wrong_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        AnswererSettings(**SMALL | changes)
