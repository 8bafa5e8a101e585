"""The house rule itself: a unit test that reaches for the network fails, and says what to do."""

import socket

import pytest


def test_a_unit_test_cannot_connect() -> None:
    with socket.socket() as door, pytest.raises(AssertionError, match="move it to tests/service"):
        door.connect(("127.0.0.1", 9))


def test_a_unit_test_cannot_look_up_a_name() -> None:
    with pytest.raises(AssertionError, match="give it a fake"):
        socket.getaddrinfo("localhost", 80)
