"""Request-time features: how much ink there is, and how it is spread over the blocks."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

BLOCKS = tuple(f"block_{number:02d}" for number in range(16))


def features(columns: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return the ink and each block's share of it; a blank picture has shares of 0.

    Args:
        columns: block_00 to block_15, shape [n] each.
    """
    ink = np.zeros(len(columns[BLOCKS[0]]))
    for name in BLOCKS:
        ink = ink + columns[name]
    made = {f"share_{name[-2:]}": columns[name] / np.maximum(ink, 1.0) for name in BLOCKS}
    return {"ink": ink, **made}
