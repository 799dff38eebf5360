"""3D-IQTT questions as another renderer shows them, to see how far what was learned on ours carries."""

import hashlib

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from inverse_graphics import paths
from inverse_graphics.datasets.block_cache import code_hash, load_block, save_block
from inverse_graphics.datasets.iqtt import ANSWERS, Questions
from inverse_graphics.renderers import polycubes_elsewhere
from inverse_graphics.renderers.polycubes_elsewhere import render_elsewhere

CODE = (__file__, polycubes_elsewhere.__file__)
CACHED = 100  # questions to a file of the cache


def elsewhere_pictures(questions: Questions) -> Tensor:
    """The same objects from the same sides, drawn by `render_elsewhere`: (N, 4, 3, S, S) uint8, kept in `data/cache/`.

    The look of `questions` does not matter; their size does. Shows a progress bar if it renders.
    """
    made, objects = [], questions.truth.objects.numpy()
    azimuth, elevation = questions.truth.azimuth.tolist(), questions.truth.elevation.tolist()
    with tqdm(total=len(questions), desc="Questions elsewhere", unit="question") as bar:
        for start in range(0, len(questions), CACHED):
            rows = range(start, min(start + CACHED, len(questions)))
            made_of = (questions.mode, questions.split, questions.seed, questions.size, rows)
            key = hashlib.sha256(repr((code_hash(*CODE), made_of)).encode()).hexdigest()
            name = f"iqtt-elsewhere-{questions.mode}-{questions.size}-{start:06d}-{key[:16]}.safetensors"
            block = load_block(paths.DATA / "cache" / name, ("pictures",))
            if block is None:
                pictures = np.empty((len(rows), 1 + ANSWERS, questions.size, questions.size, 3), np.float32)
                for row in rows:
                    rng = np.random.default_rng([2018, 12, questions.seed, row])
                    for each in range(1 + ANSWERS):
                        sides = azimuth[row][each], elevation[row][each]
                        pictures[row - start, each] = render_elsewhere(objects[row, each], *sides, rng, questions.size)
                whole = torch.from_numpy(pictures).permute(0, 1, 4, 2, 3).mul(255).round().to(torch.uint8)
                block = {"pictures": whole.contiguous()}
                save_block(paths.DATA / "cache" / name, block)
            made.append(block["pictures"])
            bar.update(len(rows))
    return torch.cat(made)
