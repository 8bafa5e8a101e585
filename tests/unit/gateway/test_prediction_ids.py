"""Prediction ids are UUIDv7: fresh, rising, of the time they were made."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from headgate.gateway.prediction_id import ENTROPY, POOL, Entropy, PredictionIds


@given(st.integers(0, 2**48 - 1), st.binary(min_size=ENTROPY), st.lists(st.integers(1, 3000), min_size=1, max_size=6))
def test_ids_are_uuid_version_7_of_their_millisecond(milliseconds: int, seed: bytes, counts: list[int]) -> None:
    drawn: list[bytes] = []

    def entropy(count: int) -> bytes:
        drawn.append(bytes((byte + len(drawn)) % 256 for byte in seed[:count]))
        return drawn[-1]

    given = PredictionIds(lambda: milliseconds, entropy)
    batches = [[name.decode() for name in given(count)] for count in counts]
    every = [uuid.UUID(text) for batch in batches for text in batch]
    assert [str(one) for one in every] == [text for batch in batches for text in batch]
    assert {(one.version, one.variant) for one in every} == {(7, uuid.RFC_4122)}
    assert {one.int >> 80 for one in every} == {milliseconds}
    assert all(batch == sorted(batch) for batch in batches)
    assert list(map(len, batches)) == counts
    assert len(set(every)) == len(every)
    assert given.at == milliseconds


def test_another_millisecond_takes_other_entropy() -> None:
    drawn, clock = iter(range(256)), iter(range(256))
    given = PredictionIds(lambda: next(clock), lambda count: bytes([next(drawn)]) * count)
    names = [uuid.UUID(given(1)[0].decode()).int for _ in range(256)]
    assert len({name & (1 << 62) - 1 for name in names}) == 256


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
