"""The soft mesh renderer by its equations, one pixel and one triangle at a time (Szabó & Favaro 2019, Eq. 6–12)."""

import math

import torch


def cross(one, other):
    return one[0] * other[1] - one[1] * other[0]


def nearest_on_segment(p, a, b):
    along = b - a
    share = (torch.dot(p - a, along) / torch.dot(along, along)).clamp(0, 1)
    return share, (a + share * along - p).norm()


def in_space(weights, z):
    parts = [w / d for w, d in zip(weights, z, strict=True)]
    depth = 1 / sum(parts)
    return [part * depth for part in parts], depth


def render(vertices, faces, colour_at, background, camera, settings):
    """One picture (C, S, S), its alpha (S, S) and depth (S, S).

    Args:
        vertices: (V, 3) world.
        colour_at: (face number, three weights) → (C,).
        background: (C, S, S).
        camera: one, in a batch.
    """
    size = settings.size
    seen = (vertices - camera.position[0]) @ camera.rotation()[0].T
    depth = -seen[:, 2]
    scale = size / 2 / math.tan(camera.field_of_view / 2)
    screen = torch.stack((seen[:, 0], -seen[:, 1]), 1) * scale / depth[:, None] + size / 2
    image, alpha, z_buffer = [], [], []
    for row in range(size):
        for column in range(size):
            p = screen.new_tensor([column + 0.5, row + 0.5])
            z_crisp, crisp = math.inf, None
            aside = []
            for number, face in enumerate(faces.tolist()):
                a, b, c = screen[face]
                area = cross(b - a, c - a)
                if abs(area.item()) < 1e-12:
                    continue
                weights = [cross(b - p, c - p) / area, cross(c - p, a - p) / area, cross(a - p, b - p) / area]
                if all(weight >= 0 for weight in weights):
                    weights, z = in_space(weights, depth[face])
                    if z < z_crisp:
                        z_crisp, crisp = z, colour_at(number, weights)
                    continue
                edges = [nearest_on_segment(p, *screen[[face[i], face[(i + 1) % 3]]]) for i in range(3)]
                i = min(range(3), key=lambda k: edges[k][1].item())
                share, d = edges[i]
                if d >= settings.band:
                    continue
                weights = [screen.new_zeros(())] * 3
                weights[i], weights[(i + 1) % 3] = 1 - share, share
                weights, z = in_space(weights, depth[face])
                aside.append((z + settings.slope * d, d, number, weights))
            aside = [each for each in aside if each[0] < z_crisp]
            behind = background[:, row, column] if crisp is None else crisp
            covered = 0.0 if crisp is None else 1.0
            if aside:
                soft = sum(colour_at(number, weights) for _, _, number, weights in aside) / len(aside)
                cover = torch.stack([1 - d / settings.band for _, d, _, _ in aside]).amax()
                behind, covered = cover * soft + (1 - cover) * behind, cover + (1 - cover) * covered
            image.append(behind)
            alpha.append(torch.as_tensor(covered, dtype=screen.dtype))
            z_buffer.append(torch.as_tensor(z_crisp, dtype=screen.dtype))
    return (
        torch.stack(image, 1).view(-1, size, size),
        torch.stack(alpha).view(size, size),
        torch.stack(z_buffer).view(size, size),
    )
