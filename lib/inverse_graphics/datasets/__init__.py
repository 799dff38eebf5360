"""Data sets: `load("mnist")` → `ImageSet`. Real sets from this machine, downloads on request, built-in stand-ins."""

from inverse_graphics.datasets.catalogue import (
    available,
    class_names,
    component_of,
    load,
    names,
    stand_in_for,
    with_stand_ins,
)
from inverse_graphics.datasets.images import DatasetError, GroundTruth, ImageSet

__all__ = [
    "DatasetError",
    "GroundTruth",
    "ImageSet",
    "available",
    "class_names",
    "component_of",
    "load",
    "names",
    "stand_in_for",
    "with_stand_ins",
]
