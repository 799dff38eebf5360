"""Polycubes → shaded pictures, against the plain batched way: every ray against every cube, three axes at once.

python benchmarks/bench_polycubes.py    Bar: 500 images of 64 × 64 a second on two CPU cores; a plain slab test, in the
                                        same run, is what to beat. Questions as they are trained on are timed, too.
"""

import torch
from torch import Tensor

from inverse_graphics.datasets.iqtt import RANDOMISED, make_questions
from inverse_graphics.datasets.polycubes import draw_polycubes
from inverse_graphics.renderers.polycubes import Views, render_polycubes
from inverse_graphics.renderers.shading import Lights, shade
from timing import Place, compare, count, report

BAR = 500  # images of 64 × 64 a second
BATCH = 128
AT_ONCE = 16  # pictures of the plain way: its temporaries are (16, 15, S², 3)


def plain(cells: Tensor, views: Views, lights: Lights, size: int, background: float = 0.05) -> Tensor:
    """The pictures by slab tests of all rays against all cubes."""
    low, high = cells.amin(1, keepdim=True).float(), cells.amax(1, keepdim=True).float() + 1
    scale = (high - low).amax(2, keepdim=True)
    near = (cells - (low + high) / 2) / scale  # (B, N, 3)
    far = near + 1 / scale
    eye = views.position()[:, None, None]  # (B, 1, 1, 3)
    rays = views.rays(size).flatten(2).mT[:, None]  # (B, 1, P, 3)
    inverse = 1 / rays
    one, other = (near[:, :, None] - eye) * inverse, (far[:, :, None] - eye) * inverse  # (B, N, P, 3)
    enter, axis = torch.minimum(one, other).max(-1)
    leave = torch.maximum(one, other).amin(-1)
    steps, cube = torch.where((enter < leave) & (enter > 0), enter, torch.inf).min(1)  # (B, P)
    seen = (steps < torch.inf)[..., None]
    rays, eye = rays[:, 0], eye[:, 0]
    along, squared = (rays * eye).sum(-1), (rays * rays).sum(-1)
    wall = ((along**2 + squared * (1.85**2 - (eye * eye).sum(-1))).sqrt() - along) / squared
    points = eye + torch.where(seen, steps[..., None], wall[..., None]) * rays
    axis = axis.gather(1, cube[:, None])[:, 0]
    face = -rays.sign() * torch.nn.functional.one_hot(axis, 3)
    normals = torch.where(seen, face, -points / 1.85)
    grid = (len(cells), size, size, 3)
    albedo = torch.where(seen, 0.5, background).expand_as(points).reshape(grid)
    return shade(points.view(grid), normals.view(grid), lights, albedo).permute(0, 3, 1, 2).clamp(0, 1)


def scenes() -> tuple[Tensor, Views, Lights]:
    """Snakes, cameras on the whole sphere, three lights."""
    generator = torch.Generator().manual_seed(0)
    azimuth, height = torch.rand(2, BATCH, generator=generator)
    views = Views(
        azimuth * 6.283,
        torch.asin(2 * height - 1),
        torch.full((BATCH,), 1.2),
        torch.full((BATCH,), 1.047),
        torch.zeros(BATCH, 2),
    )
    places = (torch.rand(BATCH, 3, 3, generator=generator) - 0.5) * 0.8
    colours = torch.rand(BATCH, 3, 3, generator=generator)
    return draw_polycubes(BATCH), views, Lights(views.to_world(places), colours * 0.4, torch.zeros(BATCH, 3), 1.0, 0.0)


@torch.no_grad()
def main() -> None:
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; batches of {BATCH}, three lights")
    cells, views, lights = scenes()

    def in_parts(size: int) -> Tensor:
        parts = (slice(i, i + AT_ONCE) for i in range(0, BATCH, AT_ONCE))
        return torch.cat([plain(cells[part], views[part], lights[part], size) for part in parts])

    for size, bar in ((64, BAR), (40, None), (128, None)):
        differs = (render_polycubes(cells, views, lights, size=size) - in_parts(size)).abs().amax(1) > 1e-3
        assert differs.float().mean() < 1e-4, f"the two do not draw the same: {differs.float().mean():g} of the pixels"
        result = compare(
            lambda size=size: in_parts(size), lambda size=size: render_polycubes(cells, views, lights, size=size), 7
        )
        place = Place("polycubes", "pixels", BATCH * size**2)
        report(f"{size} × {size}", "plain slab test", result, each=BATCH, unit="an image", place=place)
        count(f"{size} × {size}", BATCH / result.ours, "images a second", bar)
    for mode in ("paper", "hard"):
        for questions in (100, 500, 2000):
            made = compare(lambda: None, lambda mode=mode, n=questions: make_questions(mode, n, size=64), 3)
            place = Place(f"questions, {mode} mode", "questions", questions)
            what = f"{questions:,} of {mode} mode, objects and cameras alone"
            count(what, questions / made.ours, "questions a second", place=place)
    questions = make_questions("paper", 100, size=64, look=RANDOMISED)
    looks = compare(lambda: None, questions.pictures, 5)
    count("64 × 64, every knob of the look at random", 400 / looks.ours, "images a second")


if __name__ == "__main__":
    main()
