"""Columns in one file that needs neither pickle nor a library beyond NumPy: what the measured process reads."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.registry.signature import Columns


def save(path: Path, columns: Columns) -> None:
    """Write columns; objects (strings, booleans that may be missing) go beside a mask of the missing ones."""
    kept: dict[str, npt.NDArray[Any]] = {}
    for name, values in columns.items():
        if values.dtype == object:
            missing = np.array([value is None for value in values], dtype=np.bool_)
            if all(value is None or isinstance(value, bool) for value in values):
                kept[f"b:{name}"] = np.array([bool(value) for value in values], dtype=np.bool_)
                kept[f"m:{name}"] = missing
                continue
            kept[f"t:{name}"] = np.array(["" if value is None else str(value) for value in values], dtype=np.str_)
            kept[f"m:{name}"] = missing
        else:
            kept[f"v:{name}"] = values
    np.savez(path, allow_pickle=False, **kept)


def load(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read what save wrote."""
    found: dict[str, npt.NDArray[Any]] = {}
    with np.load(path, allow_pickle=False) as kept:
        for key in kept.files:
            kind, name = key[0], key[2:]
            if kind == "v":
                found[name] = kept[key]
            elif kind in "tb":
                values = kept[key].astype(object)
                values[kept[f"m:{name}"]] = None
                found[name] = values
    return found


def sample(columns: Columns, most: int) -> dict[str, npt.NDArray[Any]]:
    """Return at most so many rows, spread evenly over all of them."""
    rows = len(next(iter(columns.values()), ()))
    picks = np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)) if rows else np.arange(0)
    return {name: values[picks] for name, values in columns.items()}
