"""A snapshot says which bytes were read, keeps them, and notices when the file is another one."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headgate.base.digest import digest
from headgate.base.errors import BadInput, Conflict, Refused
from headgate.base.files import ContentStore
from headgate.training.snapshot import Snapshot, check_same, take


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    return ContentStore(tmp_path / "content")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    return path


def test_a_snapshot_is_reference_digest_rows_and_schema_with_a_copy(source: Path, store: ContentStore) -> None:
    taken = take(source, "data/data.csv", store)
    assert taken == Snapshot("data/data.csv", digest(b"a,b\n1,2\n3,4\n"), 2, (("a", "text"), ("b", "text")), kept=True)
    source.write_text("gone")
    assert store.get(taken.digest).read_text() == "a,b\n1,2\n3,4\n"


def test_parquet_has_its_own_schema(tmp_path: Path, store: ContentStore) -> None:
    pq.write_table(pa.table({"a": [1, 2, 3]}), tmp_path / "d.parquet")
    taken = take(tmp_path / "d.parquet", "d.parquet", store)
    assert (taken.rows, taken.schema) == (3, (("a", "int64"),))


def test_a_snapshot_survives_json(source: Path, store: ContentStore) -> None:
    taken = take(source, "data.csv", store)
    body = taken.to_json()
    assert isinstance(body, dict)
    assert Snapshot.from_json(body) == taken


def test_without_a_store_nothing_is_kept(source: Path) -> None:
    assert not take(source, "data.csv", None).kept


def test_a_missing_source_is_refused(tmp_path: Path, store: ContentStore) -> None:
    with pytest.raises(BadInput, match=r"dta.csv: there is no such file"):
        take(tmp_path / "dta.csv", "dta.csv", store)


def test_the_same_bytes_are_the_same(source: Path, store: ContentStore) -> None:
    taken = take(source, "data.csv", store)
    source.write_text(source.read_text())
    check_same(taken, source)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a,b\n1,2\n", "2 rows then, 1 now"),
        ("a,c\n1,2\n3,4\n", "columns gone: b; columns new: c"),
        ("a,b\n1,2\n3,5\n", "rows and columns are as many, values differ"),
    ],
)
def test_changed_data_is_refused_saying_what_differs(source: Path, store: ContentStore, text: str, why: str) -> None:
    taken = take(source, "data.csv", store)
    source.write_text(text)
    with pytest.raises(Refused) as caught:
        check_same(taken, source)
    words = str(caught.value)
    assert f"data.csv: the data changed since the snapshot: {why}" in words
    assert f"digest {taken.digest} then" in words
    assert "content store still holds" in words


def test_a_changed_type_is_named(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    taken = take(path, "d.parquet", None)
    pq.write_table(pa.table({"a": ["1"]}), path)
    with pytest.raises(Refused, match="a was int64 and is string"):
        check_same(taken, path)


def test_data_that_is_gone_is_refused(source: Path) -> None:
    taken = take(source, "data.csv", None)
    source.unlink()
    with pytest.raises(BadInput, match="the data is gone"):
        check_same(taken, source)


def test_a_damaged_copy_is_not_trained_on(source: Path, store: ContentStore) -> None:
    taken = take(source, "data.csv", store)
    store.get(taken.digest).write_text("a,b\n9,9\n")
    with pytest.raises(Conflict, match="kept copy is damaged"):
        take(source, "data.csv", store)
