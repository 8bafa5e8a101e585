"""A signed head is read only as it was signed."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.errors import Tampered
from headgate.journal.head import Head, public_text, read_head, sign_head

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
HEAD = Head(7, "sha256:" + "ab" * 32)
SIGNED = sign_head(HEAD, KEY)


def test_a_signed_head_is_read_back() -> None:
    assert read_head(SIGNED, public_text(KEY), "journal.head") == HEAD


@given(st.integers(0, len(SIGNED) - 2), st.integers(1, 255))
def test_no_byte_of_it_can_be_changed(place: int, flip: int) -> None:
    """JSON may be written in several ways: whatever is still read says the same."""
    changed = SIGNED[:place] + bytes([SIGNED[place] ^ flip]) + SIGNED[place + 1 :]
    try:
        assert read_head(changed, public_text(KEY), "journal.head") == HEAD
    except Tampered as error:
        assert error.where == "journal.head"  # noqa: PT017
        assert "headgate restore FILE" in error.way_out  # noqa: PT017


def test_another_key_is_named() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(Tampered, match=r"journal.head: the head was signed with another key"):
        read_head(sign_head(HEAD, other), public_text(KEY), "journal.head")


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"position":"x"}', b"\xff"])
def test_something_else_is_no_head(data: bytes) -> None:
    with pytest.raises(Tampered, match="cannot be read"):
        read_head(data, public_text(KEY), "journal.head")
