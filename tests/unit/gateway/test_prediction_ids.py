"""Prediction ids are UUIDv7: fresh, rising, of the time they were made."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from headgate.gateway.prediction_id import ENTROPY, POOL, Entropy, prediction_ids


@given(st.integers(0, 2**48 - 1), st.binary(min_size=ENTROPY, max_size=ENTROPY), st.integers(1, 50))
def test_ids_are_uuid_version_7_of_their_millisecond(milliseconds: int, entropy: bytes, count: int) -> None:
    texts = [name.decode() for name in prediction_ids(milliseconds, entropy, count)]
    ids = [uuid.UUID(text) for text in texts]
    assert [str(one) for one in ids] == texts
    assert {(one.version, one.variant) for one in ids} == {(7, uuid.RFC_4122)}
    assert {one.int >> 80 for one in ids} == {milliseconds}
    assert ids == sorted(ids)
    assert len(set(ids)) == count


def test_other_entropy_gives_other_ids_at_the_same_time() -> None:
    drawn = [bytes([at]) * ENTROPY for at in range(256)]
    assert len({prediction_ids(5, entropy, 1)[0] for entropy in drawn}) == 256


@given(st.lists(st.integers(1, 3 * POOL), max_size=20))
def test_random_bytes_are_handed_out_once_each_however_they_are_drawn(counts: list[int]) -> None:
    drawn: list[bytes] = []

    def draw(count: int) -> bytes:
        drawn.append(bytes([len(drawn) % 256]) * count)
        return drawn[-1]

    entropy = Entropy(draw)
    given = [entropy(count) for count in counts]
    assert [len(one) for one in given] == counts
    assert sum(counts) <= sum(map(len, drawn))
    for number, one in enumerate(drawn):
        taken = sum(part.count(number % 256) for part in given)
        assert taken <= len(one) * (1 + (len(drawn) - 1) // 256)
