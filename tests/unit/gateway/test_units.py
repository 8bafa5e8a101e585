"""A unit is the same one to the split, the log and the rollups, whether a header or a column names it."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from headgate.gateway.call import Batch
from headgate.gateway.unit import UNIT, canonical, key_of, keys, text_of, texts

NAN = float("nan")


def waiting(unit: str | None) -> Any:
    headers = {} if unit is None else {UNIT: unit.encode()}
    return SimpleNamespace(head=SimpleNamespace(headers=headers))


def batch(*heads: str | None, rows: tuple[int, ...] = ()) -> Batch:
    """Return single requests, then one of several rows for each of `rows`."""
    singles = [(waiting(unit), None) for unit in heads]
    return Batch(singles, [(waiting(None), cast("Any", SimpleNamespace(rows=count))) for count in rows])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ada", "ada"),
        (7, "7"),
        (7.0, "7"),
        (7.5, "7.5"),
        (None, None),
        (NAN, None),
        ("", ""),
        (2**53 + 1, str(2**53 + 1)),
    ],
)
def test_a_value_means_one_text_and_a_missing_one_none(value: Any, text: str | None) -> None:
    assert text_of(value) == text
    assert key_of(value) == (None if text is None else text.encode())


def test_the_head_comes_first_and_the_first_row_of_each_request_names_the_rest() -> None:
    column = np.array(["a", "b", "c", "d", None], object)
    asked = batch("zoe", None, rows=(2, 1))
    assert texts(asked, column) == ["zoe", "b", "c", None]
    assert keys(asked, column) == [b"zoe", b"b", b"c", None]


def test_without_a_column_only_heads_count_and_none_at_all_is_none() -> None:
    assert keys(batch(None, None, rows=(3,)), None) is None
    assert texts(batch(None, None), None) is None
    assert keys(batch("x", None), None) == [b"x", None]


def test_an_int_column_that_may_be_missing_names_the_units_that_headers_do() -> None:
    found = keys(batch(None, None, None, "5"), np.array([5.0, NAN, 6.0, 9.0]))
    assert found == [b"5", None, b"6", b"5"]


def raw(unit: bytes) -> Batch:
    return Batch([(SimpleNamespace(head=SimpleNamespace(headers={UNIT: unit})), None)], [])


@pytest.mark.parametrize("sent", ["zoë".encode(), "zoë".encode("latin-1")])
def test_a_head_beyond_ascii_is_the_unit_that_a_column_or_an_outcome_names(sent: bytes) -> None:
    for column in (None, np.array(["other"], object)):
        assert keys(raw(sent), column) == [key_of("zoë")] == ["zoë".encode()]
        assert texts(raw(sent), column) == [text_of("zoë")]
    assert canonical(sent) == key_of("zoë")
    assert canonical(b"ada") == b"ada"
