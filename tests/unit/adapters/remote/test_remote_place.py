"""A remote model's host is looked up in bounded time, and every address that it has is judged."""

from dataclasses import replace
from threading import Event

import pytest

from headgate.adapters.remote.place import Place, addresses
from headgate.base.errors import BadInput, Unavailable

PLACE = Place("https://models.example.com/v2/models/late", 60.0, allow_private=False)


def test_the_addresses_of_the_host_are_returned() -> None:
    asked = list[tuple[str, int]]()

    def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["93.184.216.34"]

    assert addresses(PLACE, resolve) == ["93.184.216.34"]
    assert asked == [("models.example.com", 443)]


def test_a_resolver_that_hangs_is_not_waited_for() -> None:
    ends = Event()

    def hang(_host: str, _port: int) -> list[str]:
        ends.wait()
        return []

    with pytest.raises(Unavailable, match=r"models\.example\.com was not looked up within 0\.01 s"):
        addresses(replace(PLACE, seconds=0.01), hang)
    ends.set()


def test_a_name_that_nobody_knows_and_an_address_that_is_refused_say_so() -> None:
    def fail(_host: str, _port: int) -> list[str]:
        raise OSError("Name or service not known")

    with pytest.raises(Unavailable, match="is not known: Name or service not known"):
        addresses(PLACE, fail)
    with pytest.raises(BadInput, match="leads to"):
        addresses(PLACE, lambda _host, _port: ["93.184.216.34", "169.254.169.254"])
