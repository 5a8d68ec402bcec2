"""The core library's error tree: the drawing in its docstring has every class."""

import inspect
import re

import pytest

from sparse_coding import errors

CLASSES = [
    value for _, value in inspect.getmembers(errors, inspect.isclass) if issubclass(value, errors.SparseCodingError)
]


def test_the_drawn_tree_is_the_tree_of_classes() -> None:
    drawn, branch = {}, {-1: "Exception"}
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"    ([| +-]*)([A-Z]\w+)", line):
            depth = len(match[1]) // 3
            branch[depth] = match[2]
            drawn[match[2]] = branch[depth - 1]
    assert drawn == {one.__name__: one.__bases__[0].__name__ for one in CLASSES}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.DatasetUnavailable, "DATASET_UNAVAILABLE"),
        (errors.NotAnImage, "NOT_AN_IMAGE"),
        (errors.UnsupportedDtype, "UNSUPPORTED_DTYPE"),
    ],
)
def test_the_code_is_the_class_name_in_capitals(error: type[errors.SparseCodingError], code: str) -> None:
    assert error("whatever").code == code


@pytest.mark.parametrize("error", CLASSES)
def test_an_error_without_a_message_is_still_a_sentence(error: type[errors.SparseCodingError]) -> None:
    assert re.fullmatch(r"[A-Z].{15,}\.", str(error()))
    assert str(error("Expected 3, got 4.")) == "Expected 3, got 4."
