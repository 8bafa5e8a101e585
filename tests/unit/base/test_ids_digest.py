"""Ids sort by time; a digest depends on the value, not on how it was written down."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.digest import canonical, digest_json
from headgate.base.errors import BadInput
from headgate.base.ids import uuid7

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
words = st.text(max_size=4)
values = st.none() | st.booleans() | st.integers() | words | st.lists(st.integers() | words, max_size=3)


def test_later_ids_sort_after() -> None:
    ids = [uuid7(NOON + timedelta(milliseconds=step)) for step in range(50)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert {identifier[14] for identifier in ids} == {"7"}


@given(st.dictionaries(words, values | st.dictionaries(words, values, max_size=3), max_size=6))
def test_a_digest_does_not_depend_on_the_order_of_keys(body: dict[str, object]) -> None:
    turned = dict(reversed(list(body.items())))
    assert digest_json(body) == digest_json(turned)  # type: ignore[arg-type]


def test_nan_has_no_digest() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical({"a": float("nan")})


def test_an_error_says_what_where_and_the_way_out() -> None:
    error = BadInput("row 3 is ragged", where="data.csv", way_out="repair the row")
    assert str(error) == "data.csv: row 3 is ragged\n  way out: repair the row"
