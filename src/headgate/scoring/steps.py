"""Score a file: read pieces, answer them on every core, keep parts, make the output. Goes on where a killed one was."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from headgate.base.clock import Clock
from headgate.base.digest import digest_file, digest_json
from headgate.base.errors import BadInput
from headgate.policy.model import ModelPolicy
from headgate.scoring import parts as kept
from headgate.scoring.answer import Answered, Answering, answer
from headgate.scoring.columns import check_schema
from headgate.scoring.joining import join_piece, lacking, needed
from headgate.scoring.source import Piece, Source, open_source, read
from headgate.training.table import check_names

PIECE = 16_384  # rows that are answered at once
JOINED = 131_072  # with a join: each looks at the stored tables anew
PART = 4 * JOINED  # rows of a part: what a kill loses at most
FORM = 1  # raised when the same key would give another file
Tell = Callable[[int, int, float], object]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be scored.

    Attributes:
        source: CSV or Parquet file.
        output: Parquet file.
        version: The version's number.
        keep: Columns that are written beside the answers.
        skip: Whether to write aside the rows that cannot be answered.
        tables: Stored feature tables by name, to join what the file lacks; with the digests of their files.
    """

    source: Path
    output: Path
    version: str
    keep: tuple[str, ...] = ()
    skip: bool = False
    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def skipped(self) -> Path:
        """Where the rows that cannot be answered are written."""
        return self.output.with_name(f"{self.output.stem}.skipped.parquet")


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of it.

    Attributes:
        rows: Answered.
        skipped: Written aside.
        resumed: Rows that an earlier, ended try had done.
        already: Whether the output was there before: same input, version and options.
    """

    rows: int
    skipped: int
    resumed: int
    already: bool = False


def score(
    order: Order, policy: ModelPolicy, model: Answering, clock: Clock, workers: int, tell: Tell = lambda *_: None
) -> Scored:
    """Answer every row of a file with a version.

    Args:
        order: What is to be scored.
        policy: Of the model.
        model: The version, opened.
        clock: Tells when the scoring began; a scoring that goes on keeps its time.
        workers: How many pieces are answered at the same time; more than one only if the model bears it.
        tell: Called with rows done, rows in all (0: unknown) and the share of the file that is done.

    Raises:
        BadInput: The file does not fit the signature, or holds rows that do not, and they are not to be skipped.
        Conflict: Another process writes the same output.
    """
    source = open_source(order.source, order.source.name)
    kept.check_output(order.output, order.skipped, order.source)
    columns = _columns(order, policy, model, source)
    before = _stamp(order.source)
    key = _key(order, model, columns)
    if kept.key_of(order.output) == key:
        return Scored(kept.count(order.output), kept.count(order.skipped), 0, already=True)
    with kept.parts_of(order.output, key, clock.now().isoformat()) as parts:
        start = parts.done() * PART
        work = _Work(order, policy, model, source, columns)
        with ThreadPoolExecutor(workers, thread_name_prefix="score") as pool:
            _fill(work, parts, pool, workers, tell)
        if _stamp(order.source) != before:
            raise BadInput("the file changed while it was scored", where=source.where, way_out="run it again")
        moment = datetime.fromisoformat(parts.plan["began"])
        rows, skipped = kept.finish(parts, order.output, order.skipped, order.version, moment)
        kept.remove(order.output)
    return Scored(rows, skipped, min(start, rows + skipped))


def _columns(order: Order, policy: ModelPolicy, model: Answering, source: Source) -> tuple[str, ...]:
    """Return the columns that are read; refuse a file that can never be answered."""
    fields, names = model.manifest.signature, source.schema.names
    fits = [one for one in fields.inputs if one.name in names or not order.tables]
    unmade = [name for name in lacking(policy, fields.inputs, names) if name not in order.tables]
    if unmade:
        raise BadInput(
            f"lacks columns of the stored features {', '.join(unmade)}",
            where=source.where,
            way_out="say --join to join them from the tables of headgate.yaml, or write them into the file",
        )
    check_schema(source.schema, fits, source.where)
    check_names((*order.keep, *needed(policy, order.tables)), names, source.where)
    taken = {*(one.name for one in fields.outputs), kept.VERSION, kept.TIME}
    if clash := [name for name in order.keep if name in taken]:
        raise BadInput(
            f"column {clash[0]} has the name of an answer's column", where="--keep", way_out="rename it in the file"
        )
    wanted = (*order.keep, *needed(policy, order.tables), *(one.name for one in fits))
    return tuple(dict.fromkeys(wanted))


def _key(order: Order, model: Answering, columns: Sequence[str]) -> str:
    """Return what names this scoring: the same key always gives the same answers."""
    return digest_json(
        {
            "form": FORM,
            "input": digest_file(order.source),
            "bundle": model.manifest.digest,
            "version": order.version,
            "keep": list(order.keep),
            "columns": list(columns),
            "skip": order.skip,
            "stored": dict(order.digests),
        }
    )


def _stamp(path: Path) -> tuple[int, int, int]:
    seen = path.stat()
    return seen.st_size, seen.st_mtime_ns, seen.st_ino


@dataclass(frozen=True, slots=True)
class _Work:
    """What answering a piece takes."""

    order: Order
    policy: ModelPolicy
    model: Answering
    source: Source
    columns: tuple[str, ...]

    def answer(self, piece: Piece) -> Answered:
        order, rows = self.order, piece.rows
        if order.tables:
            fields = self.model.manifest.signature.inputs
            rows = join_piece(rows, self.policy, order.tables, fields, piece.first)
        return answer(self.model, rows, piece.first, order.keep, skip=order.skip, where=self.source.where)


def _fill(work: _Work, parts: kept.Parts, pool: ThreadPoolExecutor, workers: int, tell: Tell) -> None:
    """Answer what no part holds yet, part by part."""
    number = parts.done()
    start, done, total = number * PART, number * PART, work.source.rows or 0
    size = JOINED if work.order.tables else PIECE
    tell(min(start, total), total, min(1.0, start / total) if total else 0.0)
    waiting: list[Answered] = []
    for piece, answered in _in_order(work.answer, read(work.source, work.columns, start, size), pool, workers):
        waiting.append(answered)
        done = piece.first + piece.rows.num_rows
        tell(done, total, piece.share)
        if done % PART == 0:
            _keep(parts, number, waiting)
            number, waiting = number + 1, []
    if waiting or number == 0:
        _keep(parts, number, waiting or [work.answer(_nothing(work))])


def _nothing(work: _Work) -> Piece:
    """Return no rows at all: the answers to an empty file have columns too."""
    schema = pa.schema([work.source.schema.field(name) for name in work.columns])
    return Piece(pa.RecordBatch.from_pylist([], schema=schema), 0, 1.0)


def _keep(parts: kept.Parts, number: int, waiting: Sequence[Answered]) -> None:
    skipped = [answered.skipped for answered in waiting if answered.skipped is not None]
    parts.write(
        number,
        pa.concat_tables([answered.answers for answered in waiting]).combine_chunks(),
        pa.concat_tables(skipped).combine_chunks() if skipped else None,
    )


def _in_order(
    call: Callable[[Piece], Answered], pieces: Iterator[Piece], pool: ThreadPoolExecutor, workers: int
) -> Iterator[tuple[Piece, Answered]]:
    """Yield the answers in the order of the pieces, a few of them under way at a time."""
    under_way: deque[tuple[Piece, Future[Answered]]] = deque()
    try:
        for piece in pieces:
            under_way.append((piece, pool.submit(call, piece)))
            if len(under_way) > workers + 1:
                first, future = under_way.popleft()
                yield first, future.result()
        while under_way:
            first, future = under_way.popleft()
            yield first, future.result()
    finally:
        for _, future in under_way:
            future.cancel()
