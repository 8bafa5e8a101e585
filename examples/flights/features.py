"""Request-time features: what is computed from the columns that a caller sends, in training and in the gateway alike.

One vectorised function over numpy columns; it imports numpy only, and reads nothing but its argument.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

DAY_MINUTES = 24 * 60
# Looked up, not computed per request: a vectorised sine may differ in its last bit between one row and many.
_ANGLE = 2 * np.pi * np.arange(DAY_MINUTES) / DAY_MINUTES
SIN, COS = np.sin(_ANGLE).astype(np.float32), np.cos(_ANGLE).astype(np.float32)

AS_THEY_ARE = (
    "carrier",
    "origin",
    "dest",
    "distance",
    "weekday",
    "hour",
    *("temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"),
    *(f"carrier_{name}" for name in ("late_3h", "delay_3h", "landed_3h", "late_24h", "delay_24h")),
    *(f"origin_{name}" for name in ("late_3h", "delay_3h", "landed_3h", "late_24h", "delay_24h")),
    *(f"dest_{name}" for name in ("late_3h", "delay_3h", "landed_3h", "late_24h", "delay_24h")),
    "seats",
)
FIRST_YEAR = 2013


def features(columns: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return the model's features, one value a row.

    Args:
        columns: Every input by name, shape [n]; a missing number is NaN.
    """
    minute = (columns["hour"] * 60 + columns["minute"]).astype(np.int64) % DAY_MINUTES
    made = {name: columns[name] for name in AS_THEY_ARE}
    made["time_sin"], made["time_cos"] = SIN[minute], COS[minute]
    made["plane_age"] = FIRST_YEAR - columns["built"]
    return made
