"""szabo-f2: what runs through generators, renderer and discriminator, and whether the gradient gets back. Nothing is
trained."""

from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from inverse_graphics.experiments.mesh_gan import MeshGANConfig
from inverse_graphics.experiments.running import initialised
from inverse_graphics.models.layers import trace_layers
from inverse_graphics.models.meshes import MeshGenerator, Scene
from inverse_graphics.models.stylegan import Discriminator
from inverse_graphics.objectives.non_saturating import generator_loss
from inverse_graphics.renderers.meshes import unit_ball_cameras


class Untrained(NamedTuple):
    """The networks as their training begins."""

    generator: MeshGenerator
    discriminator: Discriminator


class Blocks(NamedTuple):
    """A network's blocks in the order they run in, as `shapes` (C, S, S) of what they make, and its `weights`."""

    shapes: tuple[tuple[int, ...], ...]
    weights: int


def untrained(config: MeshGANConfig) -> Untrained:
    """Networks with the initial weights of a config's seed."""

    def make() -> Untrained:
        settings = config.settings()
        return Untrained(MeshGenerator(settings), Discriminator(3, settings.widths[:-1]))

    return initialised(make, config.seed)


def blocks(networks: Untrained) -> dict[str, Blocks]:
    """`object`, `background` and `discriminator` → their blocks, read off the networks as they run; the weights of the
    generators are with those of their mapping networks."""
    generator, discriminator = networks
    settings = generator.settings
    latents = torch.zeros(1, settings.latent)
    made = trace_layers(generator, latents, latents)
    judged = trace_layers(discriminator, torch.zeros(1, 3, settings.size, settings.size))
    found = {}
    for name in ("object", "background"):
        shapes = tuple(s.shape for s in made if s.name.startswith(f"{name}.blocks") and s.name.endswith("convolution"))
        parts = getattr(generator, name), getattr(generator, f"{name}_mapping")
        found[name] = Blocks(shapes, sum(p.numel() for part in parts for p in part.parameters()))
    shapes = tuple(s.shape for s in judged if s.name.startswith("inlet") or s.name.endswith(("second", "last")))
    return found | {"discriminator": Blocks(shapes, sum(p.numel() for p in discriminator.parameters()))}


def reach(networks: Untrained, latents: tuple[Tensor, Tensor], bands: tuple[float, ...]) -> pd.DataFrame:
    """How strongly the discriminator's opinion of a batch is felt: norms of the gradient of the generator's loss.

    Args:
        latents: of objects and backgrounds, (B, Z) each; all are seen from the front.
        bands: of the renderer, a row each; 0 is the crisp one.

    Columns: the shape image, texture and background that are rendered, and the first layers of both mapping networks.
    """
    generator, discriminator = networks
    front = torch.zeros(len(latents[0]))
    first = {
        f"first layer for the {name}": getattr(generator, f"{name}_mapping").layers[0].weight
        for name in ("object", "background")
    }
    rows = {}
    for band in bands:
        scene: Scene = generator(*latents)
        seen = scene.render(unit_ball_cameras(front, front), band=band).image
        leaves = scene._asdict() | first
        slopes = torch.autograd.grad(generator_loss(discriminator(2 * seen - 1)), list(leaves.values()))
        rows[f"B = {band:g}"] = {name: slope.norm().item() for name, slope in zip(leaves, slopes, strict=True)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("renderer")


def verdict(norms: pd.Series) -> tuple[str, str]:
    """Verdict and reason on "pictures alone train all of it", from a row of `reach`: "reproduced" if every part of the
    scene and both networks feel the discriminator, "partly" if some do."""
    felt = norms > 0
    if felt.all():
        return "reproduced", f"the gradient reaches all of {', '.join(norms.index)}"
    missing = ", ".join(norms.index[~felt])
    return ("partly" if felt.any() else "not reproduced"), f"no gradient reaches {missing}"
