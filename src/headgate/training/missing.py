"""Let encoders of strings meet missing values in a graph: ONNX has none, so MISSING_TEXT stands for it.

A fitted encoder knows None or NaN as a category of its own. In a copy of the model that category is renamed to what
the runtime sends; the user's model is not touched.
"""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from headgate.registry.bundle import MISSING_TEXT


def with_missing_text(model: Any) -> Any:
    """Return the model, or a copy in which every encoder's missing category of strings is MISSING_TEXT."""
    if not any(_has_missing(encoder) for encoder in _encoders(model)):
        return model
    twin = copy.deepcopy(model)
    for encoder in _encoders(twin):
        encoder.categories_ = [_renamed(values) for values in encoder.categories_]
        if hasattr(encoder, "_missing_indices"):
            encoder._missing_indices = {}  # noqa: SLF001 - the encoder's own note of where the missing category was
    return twin


def _encoders(model: Any) -> Iterator[Any]:
    """Yield every fitted encoder in pipelines and column transformers, at any depth."""
    if hasattr(model, "categories_"):
        yield model
    for _, step in getattr(model, "steps", []):
        yield from _encoders(step)
    for _, part, _ in getattr(model, "transformers_", []):
        yield from _encoders(part)


def _has_missing(encoder: Any) -> bool:
    return any(_is_missing(value) for values in encoder.categories_ for value in _strings(values))


def _renamed(values: Any) -> Any:
    if not any(map(_is_missing, _strings(values))):
        return values
    return np.array([MISSING_TEXT if _is_missing(value) else value for value in values.tolist()], object)


def _strings(values: Any) -> list[Any]:
    """Return the values of a column of strings; none for numbers, whose NaN ONNX can carry."""
    return list(values.tolist()) if values.dtype == object else []


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)  # noqa: PLR0124 - NaN
