"""Checks of what a model computes, and of whether it computes images."""

from typing import TYPE_CHECKING

import numpy as np

from sparse_coding.errors import NotAnImage, NotFinite

if TYPE_CHECKING:
    from sparse_coding.models.weights import TrainedModel


def finite(computed: np.ndarray, what: str) -> np.ndarray:
    """The array, if all of it is finite; JSON has no NaN. Raises `NotFinite`."""
    if not np.isfinite(computed).all():
        raise NotFinite(f"numbers so large that the {what} leave float32 were sent; smaller ones are expected")
    return computed


def image_shape(model: "TrainedModel") -> tuple[int, int, int]:
    """[channels, height, width] of a model's inputs. Raises `NotAnImage` for a model of vectors."""
    shape = model.preprocessing.image_shape
    if shape is None:
        raise NotAnImage("pictures need a model of images; this one was trained on vectors")
    return shape
