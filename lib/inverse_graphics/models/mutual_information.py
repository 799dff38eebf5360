"""The statistics network of MINE (Belghazi et al. 2018), with the sizes of Pix2Scene (2018, Table 7)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class StatisticsNetwork(nn.Module):
    """T(z_scene, z_view) → (B,) of any size: tells pairs of one picture from pairs of two.

    The table's 1×1 convolutions of 1×1 maps are dense layers.

    Args:
        scene, view: components of the two parts of the latent.
        widths: of the two hidden layers.
    """

    def __init__(self, scene: int = 118, view: int = 10, widths: tuple[int, int] = (256, 512)) -> None:
        super().__init__()
        self.first = nn.Linear(scene + view, widths[0])
        self.second = nn.Linear(*widths)
        self.last = nn.Linear(widths[1], 1)

    def forward(self, scene: Tensor, view: Tensor) -> Tensor:
        features = F.elu(self.first(torch.cat((scene, view), 1)))
        return self.last(F.elu(self.second(features))).flatten()
