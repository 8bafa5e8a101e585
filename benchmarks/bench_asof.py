"""The point-in-time join against bare DuckDB ASOF, in one run: 1 M rows onto 10 M observations. Budget: <= 1.2 x.

    python benchmarks/bench_asof.py [--quick] [--json]

Bare DuckDB gets the same Arrow tables, threads and settings, and returns what it likes: rows in any order, any one of
the observations that share a time, and no age limit. Each side runs in turn; the medians are compared. Growth: the work
is sorting the observations, so ten times as many of them should cost little more than ten times as much.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from headgate.features.asof import join
from headgate.policy.model import StoredFeatures

BUDGET = 1.2
THREADS = 2
YEAR = 365 * 86_400 * 1_000_000
TIME = pa.timestamp("us", "UTC")
HOW = StoredFeatures.model_validate(
    {
        "source": "observations",
        "keys": ["key"],
        "time": "known",
        "prefix": "f_",
        "columns": {"a": {"type": "float"}, "b": {"type": "float"}, "c": {"type": "int"}},
    }
)
BARE = """
    select r.*, o.a as f_a, o.b as f_b, o.c as f_c
    from rows r asof left join observations o on r.key = o.key and r.at >= o.known
"""


def data(rows: int, observations: int, kind: str) -> tuple[pa.Table, pa.Table]:
    """Return rows and observations of one entity a thousand observations, times over a year in microseconds."""
    random = np.random.default_rng(11)
    names = max(observations // 1000, 1)

    def keys(count: int) -> pa.Array:
        codes = random.integers(0, names, count)
        if kind == "int":
            return pa.array(codes)
        dictionary = pa.array([f"entity-{code:08d}" for code in range(names)])
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), dictionary).cast(pa.string())

    def times(count: int) -> pa.Array:
        return pa.array(random.integers(0, YEAR, count)).cast(TIME)

    left = pa.table({"id": np.arange(rows), "key": keys(rows), "at": times(rows), "x": random.random(rows)})
    right = {"key": keys(observations), "known": times(observations), "a": random.random(observations)}
    right |= {"b": random.random(observations), "c": random.integers(0, 100, observations)}
    return left, pa.table(right)


def bare(rows: pa.Table, observations: pa.Table) -> pa.Table:
    """Join with DuckDB alone."""
    with duckdb.connect(config={"threads": THREADS, "preserve_insertion_order": False}) as connection:
        connection.register("rows", rows)
        connection.register("observations", observations)
        return connection.sql(BARE).to_arrow_table()


def ours(rows: pa.Table, observations: pa.Table) -> pa.Table:
    """Join with Headgate."""
    return join(rows, "at", {"o": HOW}, {"o": observations}, threads=THREADS)


def seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def compare(rows: int, observations: int, kind: str, rounds: int) -> dict[str, Any]:
    """Return the medians of both, taken in turn."""
    left, right = data(rows, observations, kind)
    bare(left.slice(0, 1000), right.slice(0, 1000))  # warm: libraries loaded
    ours(left.slice(0, 1000), right.slice(0, 1000))
    pairs = [(seconds(lambda: bare(left, right)), seconds(lambda: ours(left, right))) for _ in range(rounds)]
    theirs, mine = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {
        "keys": kind,
        "rows": rows,
        "observations": observations,
        "duckdb_s": round(theirs, 3),
        "headgate_s": round(mine, 3),
        "ratio": round(mine / theirs, 2),
    }


def main() -> None:
    """Print one line a size and kind of key; exit 1 when --check is given and the largest size is over budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 k x 1 M only")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 when the budget is missed")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    sizes = [(100_000, 1_000_000)] if given.quick else [(100_000, 1_000_000), (1_000_000, 10_000_000)]
    found = []
    for rows, observations in sizes:
        for kind in ("int", "text"):
            one = compare(rows, observations, kind, given.rounds)
            found.append(one)
            if not given.json:
                print(
                    f"as-of join {rows:>9,} x {observations:>10,}, {kind:>4} keys: DuckDB {one['duckdb_s']:.2f} s, "
                    f"Headgate {one['headgate_s']:.2f} s, ratio {one['ratio']:.2f} (budget {BUDGET})"
                )
    if given.json:
        print(json.dumps(found, indent=1))
    sys.exit(given.check and any(one["ratio"] > BUDGET for one in found[-2:]))  # the budget is for the largest size


if __name__ == "__main__":
    main()
