"""Batch scoring of a Parquet file against a bare onnxruntime loop, in one run. Budget: >= 0.7 x, memory flat.

    python benchmarks/bench_score.py [--quick] [--json] [--check]

20 float32 columns and an id, 100 LightGBM trees. The bare loop is what a careful person writes: batches of the same
file, one matrix each, a session with every core, answers written as Parquet; it checks nothing and cannot go on after a
kill. Each side runs in a process of its own, in turn; the medians are compared. Growth: a file ten times as long.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runnable as a script

from headgate.registry.bundle import Manifest, list_files, seal
from headgate.registry.field import Field
from headgate.registry.signature import Signature

BUDGET = 0.7
GROWS = 1.25  # as much more memory as ten times the rows may take
CLOSE = 1e-6  # several threads sum the trees in another order
WIDTH = 20
NAMES = [f"x{at}" for at in range(WIDTH)]
GROUP = 131_072  # rows of a row group
BATCH = 65_536  # rows of the bare loop's batches: as fast as it gets


def a_bundle(folder: Path) -> None:
    """Seal the benchmark's 100 trees over twenty columns."""
    from benchmarks.bundles import flat

    flat(folder)
    (folder / "bundle.json").unlink()
    fields = tuple(Field(name, "float32") for name in NAMES)
    signature = Signature(fields, fields, (Field("probability", "float32"),))
    seal(folder, Manifest("flat", "binary", "onnx", "", signature, ("0", "1"), 1, list_files(folder)))


def a_file(path: Path, rows: int) -> None:
    """Write rows of noise, a row group at a time."""
    random = np.random.default_rng(3)
    schema = pa.schema([("id", pa.int64()), *((name, pa.float32()) for name in NAMES)])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, GROUP):
            count = min(GROUP, rows - start)
            columns = [random.normal(size=count).astype(np.float32) for _ in NAMES]
            writer.write_table(pa.table([np.arange(start, start + count), *columns], schema=schema))


def bare(bundle: Path, source: Path, output: Path) -> None:
    """Score as a script would."""
    import onnxruntime as ort

    session: Any = ort.InferenceSession(str(bundle / "model.onnx"), providers=["CPUExecutionProvider"])
    schema = pa.schema([("id", pa.int64()), ("probability", pa.float32())])
    with pq.ParquetFile(source) as file, pq.ParquetWriter(output, schema) as writer:
        for batch in file.iter_batches(BATCH):
            matrix = np.column_stack([batch.column(name).to_numpy() for name in NAMES])
            (values,) = session.run(["probability"], {"x": matrix})
            writer.write_batch(pa.record_batch([batch.column("id"), values], schema=schema))


def own(bundle: Path, source: Path, output: Path) -> None:
    """Score as `headgate score` does."""
    from headgate.base.clock import SystemClock
    from headgate.scoring.steps import Order, score
    from headgate.testing.supply import MODEL, policy_of
    from headgate.wiring import open_model

    policy = policy_of().models[MODEL]
    score(Order(source, output, "1", ("id",)), policy, open_model(bundle), SystemClock(), os.cpu_count() or 1)


def child(side: str, bundle: Path, source: Path, output: Path) -> None:
    """Run one side here, its imports not counted; print seconds and peak memory in MB."""
    import onnxruntime as _  # noqa: F401 - both sides need it

    began = time.perf_counter()
    {"bare": bare, "own": own}[side](bundle, source, output)
    took = time.perf_counter() - began
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps([took, peak / 1024]))


def run(side: str, bundle: Path, source: Path, output: Path) -> tuple[float, float]:
    """Run one side in a process of its own; return seconds and MB."""
    output.unlink(missing_ok=True)
    command = [sys.executable, __file__, "--child", side, str(bundle), str(source), str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


def measure(place: Path, rows: int, rounds: int) -> dict[str, float]:
    """Return the ratio, the rates and the memory of both lengths."""
    bundle, short, long = place / "bundle", place / "short.parquet", place / "long.parquet"
    a_bundle(bundle)
    a_file(short, rows)
    a_file(long, rows * 10)
    seen: dict[str, list[tuple[float, float]]] = {"bare": [], "own": []}
    for _ in range(rounds):
        for side, found in seen.items():
            found.append(run(side, bundle, short, place / f"{side}.parquet"))
    one, other = (pq.read_table(place / f"{side}.parquet", columns=["id", "probability"]) for side in seen)
    far = np.abs(one["probability"].to_numpy() - other["probability"].to_numpy()).max()
    if not one["id"].equals(other["id"]) or far > CLOSE:
        raise SystemExit(f"the two sides do not agree: {far:g} apart")
    ratio = statistics.median(one[0] / other[0] for one, other in zip(seen["bare"], seen["own"], strict=True))
    seconds, peak = run("own", bundle, long, place / "long.out.parquet")
    return {
        "rows": rows,
        "bare_rows_per_second": rows / statistics.median(one for one, _ in seen["bare"]),
        "own_rows_per_second": rows / statistics.median(one for one, _ in seen["own"]),
        "ratio": ratio,
        "own_rows_per_second_10x": rows * 10 / seconds,
        "bare_mb": max(one for _, one in seen["bare"]),
        "own_mb": max(one for _, one in seen["own"]),
        "own_mb_10x": peak,
    }


def main() -> int:
    """Measure, print, and return 1 when --check is given and the budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, one round: shows that it runs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 when the budget is missed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = measure(Path(place), 200_000 if options.quick else 1_000_000, 1 if options.quick else 5)
    met = found["ratio"] >= BUDGET and found["own_mb_10x"] <= GROWS * found["own_mb"]
    if options.json:
        print(json.dumps({**found, "budget": BUDGET, "met": met}))
    else:
        print(f"batch scoring, {found['rows']:,} rows of {WIDTH} float32, 100 trees, {os.cpu_count()} cores")
        print(f"  bare loop {found['bare_rows_per_second']:>10,.0f} rows/s   {found['bare_mb']:>6.0f} MB peak")
        print(f"  headgate  {found['own_rows_per_second']:>10,.0f} rows/s   {found['own_mb']:>6.0f} MB peak")
        print(f"  10 x rows {found['own_rows_per_second_10x']:>10,.0f} rows/s   {found['own_mb_10x']:>6.0f} MB peak")
        print(f"  ratio {found['ratio']:.2f} (budget >= {BUDGET}), {'met' if met else 'MISSED'}")
    return int(options.check and not met)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], *map(Path, sys.argv[3:]))
    else:
        sys.exit(main())
