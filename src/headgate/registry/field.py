"""One named tensor: the smallest word of a signature."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy.typing as npt

DType = Literal["float32", "float64", "int32", "int64", "bool", "string", "timestamp"]
Columns = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Field:
    """One named tensor.

    Attributes:
        name: The column's name.
        dtype: Its type; timestamp is datetime64[us] in UTC.
        width: None: one value a row, shape [n]; k: a vector a row, shape [n, k].
        missing: Whether a value may be missing (NaN, None, NaT).
    """

    name: str
    dtype: DType
    width: int | None = None
    missing: bool = False
