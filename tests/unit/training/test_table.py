"""A source becomes exactly the declared columns, or a clear error that says where and what to do."""

import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.errors import BadInput
from headgate.policy.model import ColumnPolicy, ModelPolicy
from headgate.training.table import describe, read_stored, read_table
from headgate.training.text import parse

FLOAT, INT, TEXT, BOOL, TIME = (
    ColumnPolicy.model_validate({"type": kind}) for kind in ("float", "int", "string", "bool", "timestamp")
)
NOON = datetime(2013, 1, 31, 12, tzinfo=UTC)


def write(folder: Path, text: str | bytes, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def write_parquet(folder: Path, columns: dict[str, Any], name: str = "data.parquet") -> Path:
    pq.write_table(pa.table(columns), folder / name)
    return folder / name


def refusal(path: Path, columns: dict[str, ColumnPolicy], where: str = "data.csv") -> str:
    with pytest.raises(BadInput) as caught:
        read_table(path, columns, where)
    assert caught.value.where == where
    return str(caught.value)


def test_a_csv_becomes_the_declared_columns_in_their_order(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "i,f,extra,s,b,t\n1,1.5,x,NA,true,2013-01-31T12:00:00Z\n2.0,,y,,0,2013-01-31 07:00:00-05:00\nNA,NaN,z,a,,\n",
    )
    table = read_table(path, {"t": TIME, "s": TEXT, "i": INT, "f": FLOAT, "b": BOOL}, "data.csv")
    assert table.to_pydict() == {
        "t": [NOON, NOON, None],
        "s": ["NA", None, "a"],  # a string column keeps NA: it is a word
        "i": [1, 2, None],
        "f": [1.5, None, None],
        "b": [True, False, None],
    }
    assert table.schema.types == [pa.timestamp("us", "UTC"), pa.string(), pa.int64(), pa.float64(), pa.bool_()]


def test_a_parquet_file_becomes_the_same(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path,
        {
            "f": pa.array([1.5, float("nan"), None], pa.float32()),
            "i": pa.array([1.0, 2.0, None]),
            "s": pa.array(["a", "b", None]).dictionary_encode(),
            "n": pa.array([1, 2, 3]),
            "b": [True, None, False],
            "t": pa.array([NOON, NOON, None], pa.timestamp("ms", "America/New_York")),
            "e": pa.nulls(3),
            "extra": [1, 2, 3],
        },
    )
    columns = {"f": FLOAT, "i": INT, "s": TEXT, "n": TEXT, "b": BOOL, "t": TIME, "e": FLOAT}
    table = read_table(path, columns, "data.parquet")
    assert table.column("f").to_pylist() == [1.5, None, None]
    assert table.column("i").to_pylist() == [1, 2, None]
    assert table.column("s").to_pylist() == ["a", "b", None]
    assert table.column("n").to_pylist() == ["1", "2", "3"]
    assert table.column("t").to_pylist() == [NOON, NOON, None]
    assert table.column("e").type == pa.float64()
    assert "extra" not in table.column_names


def test_the_bytes_tell_the_format_so_that_a_kept_copy_without_a_name_can_be_read(tmp_path: Path) -> None:
    path = write_parquet(tmp_path, {"f": [1.0]}, "ab12")
    assert read_table(path, {"f": FLOAT}, "data.parquet").num_rows == 1
    path = write(tmp_path, gzip.compress(b"f\n1\n2\n"), "cd34")
    assert read_table(path, {"f": FLOAT}, "data.csv.gz").column("f").to_pylist() == [1.0, 2.0]


def test_a_quoted_value_may_hold_commas_and_lines(tmp_path: Path) -> None:
    path = write(tmp_path, '\ufeffs,f\n"a, b\nc",1\n"",2\n')
    table = read_table(path, {"s": TEXT, "f": FLOAT}, "data.csv")
    assert table.to_pydict() == {"s": ["a, b\nc", ""], "f": [1.0, 2.0]}


def test_a_missing_file_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    write(tmp_path, "f\n1\n", "flights.csv")
    words = refusal(tmp_path / "fligths.csv", {"f": FLOAT}, "fligths.csv")
    assert "fligths.csv: there is no such file. Did you mean flights.csv?" in words
    assert "There is: flights.csv" in refusal(tmp_path / "x.parquet", {"f": FLOAT}, "x.parquet")
    assert "There is no folder none either." in refusal(tmp_path / "none" / "x.csv", {"f": FLOAT}, "none/x.csv")
    (tmp_path / "bare").mkdir()
    assert "The folder bare is empty." in refusal(tmp_path / "bare" / "x.csv", {"f": FLOAT}, "bare/x.csv")


def test_a_folder_is_no_source(tmp_path: Path) -> None:
    assert "is a folder, not a file" in refusal(tmp_path, {"f": FLOAT})


@pytest.mark.parametrize("text", ["", "\n\n", "   \n"])
def test_an_empty_file_is_refused(tmp_path: Path, text: str) -> None:
    assert "data.csv: the file is empty" in refusal(write(tmp_path, text), {"f": FLOAT})


def test_a_header_without_rows_is_refused(tmp_path: Path) -> None:
    assert "has a header but no rows" in refusal(write(tmp_path, "f,g\n"), {"f": FLOAT})
    assert "has a header but no rows" in refusal(write_parquet(tmp_path, {"f": pa.array([], "float")}), {"f": FLOAT})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("f,g\n1,2\n3\n5,6\n", "line 3 has 1 fields, the header has 2"),
        ("f,g\n1,2\n3,4\n5,6,7\n", "line 4 has 3 fields, the header has 2"),
        ('f,g\n"a\nb",2\n3,4,5\n', "line 4 has 3 fields, the header has 2"),
    ],
)
def test_a_ragged_line_is_named(tmp_path: Path, text: str, line: str) -> None:
    words = refusal(write(tmp_path, text), {"f": TEXT})
    assert f"data.csv: {line}" in words
    assert "needs quotes" in words


def test_another_encoding_is_named_with_byte_and_line_and_how_to_convert(tmp_path: Path) -> None:
    words = refusal(write(tmp_path, "s\nabc\ncafé\n".encode("latin-1")), {"s": TEXT})
    assert "byte 0xe9 at offset 9 (line 3) is not UTF-8" in words
    assert "iconv -f WINDOWS-1252 -t UTF-8 data.csv > utf8-data.csv" in words
    words = refusal(write(tmp_path, "é,f\n1,2\n".encode("latin-1")), {"f": TEXT})
    assert "byte 0xe9 at offset 0 (line 1) is not UTF-8" in words


def test_utf_16_is_named(tmp_path: Path) -> None:
    words = refusal(write(tmp_path, "s\nabc\n".encode("utf-16")), {"s": TEXT})
    assert "is UTF-16, not UTF-8" in words
    assert "iconv -f UTF-16" in words


def test_a_bad_byte_far_into_a_file_is_found(tmp_path: Path) -> None:
    good = "ünïcode,1\n" * 200_000  # multi-byte characters lie across the pieces that are read
    words = refusal(write(tmp_path, f"s,f\n{good}".encode() + b"\xff,2\n"), {"s": TEXT, "f": FLOAT})
    assert f"byte 0xff at offset {4 + len(good.encode())} (line 200002)" in words


def test_a_gzip_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(b"f\n" + bytes(str(list(range(5000))), "ascii").replace(b",", b"\n"))
    words = refusal(write(tmp_path, packed[:-40], "data.csv.gz"), {"f": TEXT}, "data.csv.gz")
    assert "cut short" in words


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    words = refusal(write(tmp_path, "f,g,f\n1,2,3\n"), {"f": FLOAT})
    assert "the header names 'f' more than once (columns 1, 3)" in words
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["f", "f"])
    pq.write_table(twice, tmp_path / "twice.parquet")
    assert "names column 'f' more than once" in refusal(tmp_path / "twice.parquet", {"f": INT})


def test_a_missing_column_is_answered_with_the_nearest_spelling(tmp_path: Path) -> None:
    columns = {"dep_delay": FLOAT, "origin": TEXT}
    words = refusal(write_parquet(tmp_path, {"dep_dealy": [1.0], "orign": ["JFK"]}), columns)
    assert "there is no column 'dep_delay'. Did you mean dep_dealy?" in words
    assert "there is no column 'origin'. Did you mean orign?" in words
    assert "Did you mean dep_dealy?" in refusal(write(tmp_path, "dep_dealy,origin\n1,JFK\n"), columns)


def test_another_separator_is_noticed(tmp_path: Path) -> None:
    words = refusal(write(tmp_path, "f;g\n1;2\n"), {"f": FLOAT})
    assert "the fields seem to be separated by ';'" in words


def test_what_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    words = refusal(write(tmp_path, "f\n1\n", "data.parquet"), {"f": FLOAT}, "data.parquet")
    assert "is no Parquet file" in words
    whole = write_parquet(tmp_path, {"f": [1.0] * 1000}).read_bytes()
    words = refusal(write(tmp_path, whole[:-20], "data.parquet"), {"f": FLOAT}, "data.parquet")
    assert "is a broken Parquet file" in words


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        (FLOAT, "12x", "column v is declared float, but holds: '12x' at row 2, '12x' at row 4"),
        (INT, "1.5", "column v is declared int, but holds: '1.5' at row 2"),
        (INT, "1e300", "column v is declared int, but holds: '1e300' at row 2"),
        (INT, "9223372036854775808", "column v is declared int, but holds: '9223372036854775808' at row 2"),
        (BOOL, "yes", "column v is declared bool, but holds: 'yes' at row 2"),
        (TIME, "noon", "column v is declared timestamp, but holds: 'noon' at row 2"),
        (TIME, "2013-01-31T12:00:00", "column v has times without a zone: '2013-01-31T12:00:00' at row 2"),
        (TIME, "2013-01-31", "column v has times without a zone: '2013-01-31' at row 2"),
        (TIME, "2013-01-31T12:00:00.123456789Z", "column v has times finer than a microsecond"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_rows(
    tmp_path: Path, column: ColumnPolicy, value: str, why: str
) -> None:
    good = {"timestamp": "2013-01-31T12:00:00Z", "bool": "true"}.get(column.type, "1")
    words = refusal(write(tmp_path, f"v,w\n{good},1\n{value},1\n{good},1\n{value},1\n"), {"v": column})
    assert f"data.csv: {why}" in words


def test_a_time_without_a_zone_says_how_to_give_it_one(tmp_path: Path) -> None:
    words = refusal(write(tmp_path, "t\n2013-01-31T12:00:00\n"), {"t": TIME})
    assert "2013-01-31T09:30:00-05:00, or ...Z if it is UTC" in words
    naive = {"t": pa.array([datetime(2013, 1, 31, 12)], pa.timestamp("us"))}  # noqa: DTZ001 - that is the point
    words = refusal(write_parquet(tmp_path, naive), {"t": TIME}, "data.parquet")
    assert "column t has times without a zone (timestamp[us])" in words
    assert "tz_localize" in words
    assert "without a zone (date32" in refusal(write_parquet(tmp_path, {"t": [date(2013, 1, 31)]}), {"t": TIME})


@pytest.mark.parametrize(
    ("values", "column", "why"),
    [
        (pa.array([1.5, 2.0]), INT, "column v is declared int, but holds: 1.5 at row 1"),
        (pa.array([1.5]), TEXT, "column v is declared string, but the file holds double"),
        (pa.array([1]), BOOL, "column v is declared bool, but the file holds int64"),
        (pa.array([1]), TIME, "column v is declared timestamp, but the file holds int64"),
        (pa.array([True]), FLOAT, "column v is declared float, but the file holds bool"),
        (pa.array(["1", "x"]), FLOAT, "column v is declared float, but holds: 'x' at row 2"),
        (pa.array([1500], pa.timestamp("ns", "UTC")), TIME, "column v is declared timestamp, but holds"),
    ],
)
def test_a_parquet_value_that_does_not_fit_is_refused(
    tmp_path: Path, values: pa.Array, column: ColumnPolicy, why: str
) -> None:
    assert why in refusal(write_parquet(tmp_path, {"v": values}), {"v": column})


def test_every_column_that_does_not_fit_is_said_at_once(tmp_path: Path) -> None:
    words = refusal(write(tmp_path, "a,b\nx,1.5\n"), {"a": FLOAT, "b": INT})
    assert "column a is declared float" in words
    assert "column b is declared int" in words


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=1))
def test_whole_numbers_survive_text_exactly(numbers: list[int | None]) -> None:
    text = pa.array(["" if number is None else f" {number} " for number in numbers])
    assert parse(text, "int").to_pylist() == numbers
    text = pa.array(["" if number is None else f"{number}.0" for number in numbers])  # never by way of a float
    assert parse(text, "int").to_pylist() == numbers


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_numbers_survive_text_exactly(numbers: list[float]) -> None:
    assert parse(pa.array([repr(number) for number in numbers]), "float").to_pylist() == numbers


@given(st.sets(st.integers(0, 300), min_size=1, max_size=6))
def test_the_first_bad_rows_are_found_wherever_they_are(bad: set[int]) -> None:
    text = pa.array(["?" if row in bad else "1" for row in range(301)])
    with pytest.raises(BadInput) as caught:
        parse(text, "float")
    shown = ", ".join(f"'?' at row {row + 1}" for row in sorted(bad)[:3])
    assert str(caught.value).splitlines()[0].endswith(shown)


def test_a_stored_table_is_read_with_keys_typed_like_the_rows(tmp_path: Path) -> None:
    policy = ModelPolicy.model_validate(
        {
            "task": "regression",
            "data": {
                "source": "rows.csv",
                "id": "id",
                "time": "at",
                "label": {"column": "y"},
                "columns": {
                    name: {"type": kind} for name, kind in (("id", "string"), ("at", "timestamp"), ("y", "float"))
                },
            },
            "features": {
                "inputs": ["y"],
                "stored": {
                    "s": {"source": "s.csv", "keys": {"id": "who"}, "time": "t", "columns": {"v": {"type": "int"}}}
                },
            },
            "split": {"holdout": "1d"},
            "scorecard": [{"kind": "size", "at_most_mb": 1}],
        }
    )
    path = write(tmp_path, "t,who,v,w\n2013-01-31T12:00:00Z,007,1,x\n,,2,x\n", "s.csv")
    table = read_stored(path, policy, "s", "s.csv")
    assert table.to_pydict() == {"who": ["007", None], "t": [NOON, None], "v": [1, 2]}


def test_a_file_is_described_by_rows_and_schema(tmp_path: Path) -> None:
    assert describe(write(tmp_path, 'a,b\n1,2\n"x\ny",3\n'), "d.csv") == (2, (("a", "text"), ("b", "text")))
    path = write_parquet(tmp_path, {"a": [1], "t": pa.array([NOON], pa.timestamp("us", "UTC"))})
    assert describe(path, "d.parquet") == (1, (("a", "int64"), ("t", "timestamp[us, tz=UTC]")))
