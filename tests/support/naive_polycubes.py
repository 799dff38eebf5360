"""Polycubes drawn and compared the slow way: one ray, one cube, one rotation at a time, in float64."""

import itertools
import math

import numpy as np


def naive_picture(cells, azimuth, elevation, distance, field_of_view, shift, lights, size, albedo, background, radius):
    """(3, S, S) picture and (S, S) depth along the viewing axis, `inf` where there is no object.

    `lights` is a list of (position, colour) with the fall-off 1/d and no ambient light.
    """
    cells = np.array(sorted({tuple(cell) for cell in np.asarray(cells).tolist()}), float)
    low, high = cells.min(0), cells.max(0) + 1
    scale = (high - low).max()
    back = np.array(
        [math.sin(azimuth) * math.cos(elevation), math.sin(elevation), math.cos(azimuth) * math.cos(elevation)]
    )
    right = np.array([math.cos(azimuth), 0, -math.sin(azimuth)])
    up = np.cross(back, right)
    eye = back * distance
    picture, depth = np.zeros((3, size, size)), np.full((size, size), np.inf)
    for row, column in itertools.product(range(size), range(size)):
        x = ((column + 0.5) * 2 / size - 1 + shift[0]) * math.tan(field_of_view / 2)
        y = -((row + 0.5) * 2 / size - 1 + shift[1]) * math.tan(field_of_view / 2)
        ray = x * right + y * up - back
        best, normal = np.inf, None
        for cell in cells:
            near, far = (cell - (low + high) / 2) / scale, (cell + 1 - (low + high) / 2) / scale
            times = np.sort([(near - eye) / ray, (far - eye) / ray], 0)
            enter, leave = times[0].max(), times[1].min()
            if 0 < enter < leave and enter < best:
                best, axis = enter, times[0].argmax()
                normal = -np.sign(ray) * (np.arange(3) == axis)
        depth[row, column] = best
        reflectance = albedo
        if normal is None:
            along, squared = ray @ eye, ray @ ray
            best = (-along + math.sqrt(along**2 + squared * (radius**2 - eye @ eye))) / squared
            normal, reflectance = -(eye + best * ray) / radius, background
        point = eye + best * ray
        for position, colour in lights:
            towards = position - point
            length = np.linalg.norm(towards)
            facing = max(0, normal @ towards / length)
            picture[:, row, column] += reflectance * np.asarray(colour) * facing / length
    return picture.clip(0, 1), depth


def same_object(one, other):
    """Whether two lists of cubes are the same under a rotation of the cube, by trying all 24."""
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            matrix = np.diag(signs)[:, order]
            if round(np.linalg.det(matrix)) == 1 and _shape(one @ matrix.T) == _shape(other):
                return True
    return False


def _shape(cells):
    return {tuple(cell) for cell in (cells - cells.min(0)).tolist()}
