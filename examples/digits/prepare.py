"""Write the example's data: 1,797 handwritten digits (scikit-learn's `load_digits`) as one CSV file.

Each 8 x 8 picture becomes 16 blocks of 2 x 2 pixels. The pictures carry no time; one a minute is made up, so that the
last of them judge the model.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from sklearn.datasets import load_digits

SIDE = 4
START = pd.Timestamp("2026-01-01T00:00:00Z")


def prepare(folder: Path, tell: Callable[[str], None] = print) -> None:
    """Write `folder`/data/digits.csv; `tell` hears each step as it starts."""
    tell("writing digits.csv")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    read_digits().to_csv(folder / "data" / "digits.csv", index=False)


def read_digits() -> pd.DataFrame:
    """Return id, time, sixteen blocks (0 to 64: the ink of four pixels) and the digit, one row a picture."""
    found = load_digits()
    count = len(found.images)
    blocks = found.images.reshape(count, SIDE, 2, SIDE, 2).sum(axis=(2, 4)).reshape(count, SIDE * SIDE)
    table = pd.DataFrame(blocks, columns=[f"block_{number:02d}" for number in range(SIDE * SIDE)])
    table.insert(0, "id", [f"picture-{number:04d}" for number in range(count)])
    table.insert(1, "drawn_at", (START + pd.to_timedelta(range(count), unit="min")).strftime("%Y-%m-%dT%H:%M:%SZ"))
    return table.assign(digit=found.target.astype(str))


if __name__ == "__main__":
    prepare(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
