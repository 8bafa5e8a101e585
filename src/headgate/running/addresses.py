"""Where the parts listen: what is taken is told, all of it, before anything starts."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from socket import socket

from headgate.base.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part is to listen.

    Attributes:
        part: Its name.
        option: By which somebody else can be chosen.
        host: Address.
        port: TCP port; 0: any free one.
    """

    part: str
    option: str
    host: str
    port: int


def twice(places: Sequence[Place]) -> Mapping[str, str]:
    """Return why a part cannot listen where another one is to, by the part's name."""
    found: dict[str, str] = {}
    for at, place in enumerate(places):
        other = next((one for one in places[:at] if one.port and one.port == place.port), None)
        if other is not None:
            found[place.part] = f"port {place.port} is the {other.part}'s as well"
    return found


def refuse(places: Sequence[Place], troubles: Mapping[str, str]) -> None:
    """Raise Unavailable when parts cannot listen; it names each, and the options by which others are chosen."""
    if not troubles:
        return
    hit = [place for place in places if place.part in troubles]
    said = "; ".join(f"{place.part}: {troubles[place.part]}" for place in hit)
    options = ", ".join(f"{place.option} PORT" for place in hit)
    way_out = f"end what listens there (`ss -ltnp`), or choose another: {options} (0: any free one)"
    raise Unavailable(f"nothing was started: {said}", where="headgate up", way_out=way_out)


def claim(places: Sequence[Place], listen: Callable[[str, int], Sequence[socket]]) -> dict[str, int]:
    """Return the port of each part, by its name: free now, no two the same.

    Raises:
        Unavailable: Ports are taken, or asked for twice.
    """
    troubles, ports = dict(twice(places)), dict[str, int]()
    with ExitStack() as held:  # all at once, so that no free port is given twice
        for place in places:
            if place.part in troubles:
                continue
            try:
                (plug,) = listen(place.host, place.port)
            except Unavailable as error:
                troubles[place.part] = f"port {place.port} on {place.host}: {error.what}"
            else:
                ports[place.part] = held.enter_context(closing(plug)).getsockname()[1]
    refuse(places, troubles)
    return ports
