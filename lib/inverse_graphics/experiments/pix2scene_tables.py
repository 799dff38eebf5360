"""pix-t4: Tables 4 to 7 of Pix2Scene, layer by layer, beside the networks that run here."""

from typing import NamedTuple

import pandas as pd
import torch
from torch import nn

from inverse_graphics.models.layers import trace_layers
from inverse_graphics.models.mutual_information import StatisticsNetwork
from inverse_graphics.models.surfels import Critic, Decoder, Encoder, SurfelSettings

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


class Printed(NamedTuple):
    """A row of a table as printed: side of the output, its channels, kernel and stride."""

    side: int
    channels: int
    kernel: int
    stride: int


def _halving(channels: tuple[int, ...]) -> list[Printed]:
    return [Printed(64 >> i, count, 4, 2) for i, count in enumerate(channels)]


PRINTED = {
    "encoder (Table 4)": [*_halving((85, 170, 340, 680, 1360)), Printed(1, 1, 4, 1)],
    "decoder (Table 5)": [
        Printed(4, 1344, 4, 1),
        Printed(8, 627, 4, 2),
        Printed(16, 336, 4, 2),
        Printed(32, 168, 4, 2),
        Printed(64, 84, 4, 2),
        Printed(128, 1, 4, 2),
    ],
    "critic (Table 6)": [*_halving((85, 170, 340, 680, 1360)), Printed(1, 1, 4, 1)],
    "statistics (Table 7)": [Printed(1, 256, 1, 1), Printed(1, 512, 1, 1), Printed(1, 1, 1, 2)],
}
WHY = {  # (network, layer) → why it is not as printed
    ("encoder (Table 4)", 6): "1 printed; it must hold μ and log σ² of the 128 components of the latent",
    ("statistics (Table 7)", 3): "a stride of a 1×1 map does nothing",
}


def networks(settings: SurfelSettings | None = None) -> dict[str, tuple[nn.Module, tuple[torch.Tensor, ...]]]:
    """The four networks at the published sizes, or at others, each with inputs to run it on."""
    settings = settings or SurfelSettings()
    image, latent, camera = (
        torch.zeros(1, 3, settings.size, settings.size),
        torch.zeros(1, settings.latent),
        torch.zeros(1, 3),
    )
    return {
        "encoder (Table 4)": (Encoder(settings), (image, camera)),
        "decoder (Table 5)": (Decoder(settings), (latent, camera)),
        "critic (Table 6)": (Critic(settings), (image, latent, camera)),
        "statistics (Table 7)": (StatisticsNetwork(), (torch.zeros(1, 118), torch.zeros(1, 10))),
    }


def layer_table() -> pd.DataFrame:
    """A row per printed layer: what is printed, what runs, whether they agree, the layer's weights, and a reason."""
    rows = []
    for name, (network, inputs) in networks().items():
        ran = [layer for layer in trace_layers(network, *inputs) if _module(network, layer.name, CONVOLUTIONS)]
        for number, (printed, layer) in enumerate(zip(PRINTED[name], ran, strict=True), 1):
            module = network.get_submodule(layer.name)
            kernel = module.kernel_size[0] if hasattr(module, "kernel_size") else 1
            stride = module.stride[0] if hasattr(module, "stride") else 1
            side = layer.shape[1] if len(layer.shape) == 3 else 1
            ours = Printed(side, layer.shape[0], kernel, stride)
            rows.append(
                {
                    "network": name,
                    "layer": number,
                    "printed": _words(printed),
                    "ours": _words(ours),
                    "weights": layer.parameters,
                    "agrees": ours == printed,
                    "why not": "" if ours == printed else WHY[name, number],
                }
            )
    return pd.DataFrame(rows).set_index(["network", "layer"])


def verdict(table: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason on "these are the networks": "reproduced" if every layer agrees or what is printed cannot be
    meant, which the reason says."""
    differing = table[~table["agrees"]]
    if (differing["why not"] == "").any():
        return "not reproduced", f"{len(differing)} of {len(table)} layers differ"
    reason = "; ".join(f"{name}, layer {number}: {row['why not']}" for (name, number), row in differing.iterrows())
    return "reproduced", reason


def _words(layer: Printed) -> str:
    return f"{layer.side} × {layer.side} × {layer.channels}, kernel {layer.kernel}, stride {layer.stride}"


def _module(network: nn.Module, name: str, kinds: tuple) -> bool:
    # The camera's own little networks are not in the tables.
    return isinstance(network.get_submodule(name), kinds) and "affine" not in name
