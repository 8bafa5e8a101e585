"""What each stage reads, makes and depends on. A stage fills a folder that it is given; it keeps nothing else.

validate   snapshots.json  report.json
assemble   train_rows.parquet  train_features.parquet  heldout_rows.parquet  heldout_features.parquet  assembled.json
fit        native/  fit.log
evaluate   metrics.json  predictions.parquet
package    bundle/  record/
"""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from headgate.base.digest import Json
from headgate.registry.signature import Field
from headgate.training.assemble import Assembled, Frame, read_frame, write_frame
from headgate.training.ports import Bench
from headgate.training.snapshot import ROWS, Snapshot, sources, take
from headgate.training.table import read_stored, read_table


def take_snapshots(bench: Bench) -> dict[str, Snapshot]:
    """Take a snapshot of every source, with a content-addressed copy."""
    return {
        name: take(bench.project / reference, reference, bench.content)
        for name, reference in sources(bench.policy).items()
    }


def read_sources(bench: Bench, snapshots: dict[str, Snapshot]) -> tuple[Any, dict[str, Any]]:
    """Read the rows and the stored tables from their snapshots' copies: from the very bytes that were digested."""
    policy = bench.policy
    rows = read_table(bench.content.get(snapshots[ROWS].digest), policy.data.columns, policy.data.source)
    stored = {}
    for name, table in policy.features.stored.items():
        kept = bench.content.get(snapshots[f"stored.{name}"].digest)
        stored[name] = read_stored(kept, policy, name, table.source)
    return rows, stored


def save_assembled(made: Assembled, folder: Path) -> None:
    """Write the frames and what is known of them."""
    for part, frame in (("train", made.train), ("heldout", made.heldout)):
        write_frame(frame.rows, folder / f"{part}_rows.parquet")
        write_frame(frame.features, folder / f"{part}_features.parquet")
    about: Json = {
        "trained_until": made.trained_until.isoformat(),
        "inputs": [asdict(field) for field in made.inputs],
        "features": [asdict(field) for field in made.features],
    }
    (folder / "assembled.json").write_text(json.dumps(about, indent=1))


def load_assembled(folder: Path) -> Assembled:
    """Read what save_assembled wrote."""
    about = json.loads((folder / "assembled.json").read_text())
    frames = {
        part: Frame(read_frame(folder / f"{part}_rows.parquet"), read_frame(folder / f"{part}_features.parquet"))
        for part in ("train", "heldout")
    }
    return Assembled(
        train=frames["train"],
        heldout=frames["heldout"],
        trained_until=datetime.fromisoformat(about["trained_until"]),
        inputs=tuple(Field(**field) for field in about["inputs"]),
        features=tuple(Field(**field) for field in about["features"]),
    )
