from dataclasses import replace

import pytest
import torch

from inverse_graphics.datasets.compared import DISTANCE, cameras_at
from inverse_graphics.geometry.shape_images import disc_mesh, vertices_of
from inverse_graphics.models.compared import ComparedSettings, ShapeAutoencoder, camera_code

SETTINGS = ComparedSettings("voxels", 16, 8, (8, 8), (8,), style=8, levels=2)
CAMERA = cameras_at(torch.tensor([0.0, 2.0]), torch.tensor([0.2, 0.4]))


def autoencoder(representation, channels):
    torch.manual_seed(0)
    return ShapeAutoencoder(replace(SETTINGS, representation=representation, channels=channels)).eval()


@torch.no_grad()
def test_each_representation_comes_out_of_the_same_encoder():
    images = torch.rand(2, 3, 16, 16)
    models = {"voxels": (8,), "surfels": (8, 8, 8), "meshes": (8, 8)}
    models = {name: autoencoder(name, channels) for name, channels in models.items()}
    sizes = {name: sum(p.numel() for p in model.encoder.parameters()) for name, model in models.items()}
    assert len(set(sizes.values())) == 1
    latents = {name: model.encode(images, CAMERA) for name, model in models.items()}
    assert all(latent.shape == (2, 8) for latent in latents.values())
    voxels = models["voxels"].decoder(latents["voxels"])
    assert voxels.shape == (2, 28, 28, 28) and 0 < voxels.max() < 0.5
    nearer, cover = models["surfels"].decoder(latents["surfels"], camera_code(CAMERA))
    assert nearer.shape == cover.shape == (2, 1, 16, 16)
    assert nearer.abs().mean() < 1  # an untrained one stands about the middle
    shape, texture = models["meshes"].decoder(latents["meshes"])
    assert shape.shape == texture.shape == (2, 3, 8, 8) and 0 <= texture.min() and texture.max() <= 1
    radius = vertices_of(shape, disc_mesh(8)).norm(dim=2)
    assert 0.2 < radius.min() and radius.max() < 1.0  # still about a sphere


@torch.no_grad()
def test_surfels_are_where_the_cover_says():
    model, latent = autoencoder("surfels", (8, 8, 8)), torch.zeros(2, 8)
    depth = model.decode_depth(latent, CAMERA)
    torch.testing.assert_close(depth < torch.inf, model.decoder(latent, camera_code(CAMERA))[1] > 0)
    model.decoder.synthesis.out[-1].bias[1] = -100.0
    assert (model.decode_depth(latent, CAMERA) == torch.inf).all()


def test_a_camera_s_code_is_its_direction():
    torch.testing.assert_close(camera_code(CAMERA), 2 * CAMERA.position / DISTANCE)


def test_bad_settings_are_named():
    with pytest.raises(ValueError, match="representation: expected one of meshes, surfels, voxels"):
        replace(SETTINGS, representation="points")
    with pytest.raises(ValueError, match="channels: expected one for each side from 4 to 8"):
        autoencoder("meshes", (8, 8, 8))
    with pytest.raises(ValueError, match="channels: expected one for each side from 4 to 16, got 2 for surfels"):
        autoencoder("surfels", (8, 8))
