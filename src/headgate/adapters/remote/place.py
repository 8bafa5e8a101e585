"""What a bundle says about a remote model (remote.json), and which address its host may be reached at."""

import json
import re
import socket
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import BoundedSemaphore, Thread
from urllib.parse import urlsplit

from headgate.base.errors import BadInput, Unavailable
from headgate.journal.address import refuse_address, refuse_url

FILE = "remote.json"
PATH = re.compile(r"/(v[12])/models/[^/:]+(/versions/[^/:]+)?$")
FORMS = "http(s)://HOST/v2/models/NAME[/versions/V], or /v1/models/... for TF Serving"
Resolve = Callable[[str, int], list[str]]
_hanging = BoundedSemaphore(16)  # lookups of this process that take place, or hang


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model is asked.

    Attributes:
        url: Of the model: `.../v2/models/NAME`, or `.../v1/models/NAME` for TF Serving.
        seconds: How long one call may take in all.
        allow_private: Whether the host may have a loopback or private address.
    """

    url: str
    seconds: float
    allow_private: bool

    @property
    def tensorflow(self) -> bool:
        """Whether it is TF Serving's REST."""
        found = PATH.search(urlsplit(self.url).path)
        return bool(found and found[1] == "v1")


def read_place(folder: Path) -> Place:
    """Return what a bundle says.

    Raises:
        BadInput: It cannot be read, or the URL names no model.
    """
    try:
        body = json.loads((folder / FILE).read_bytes())
        place = Place(str(body["url"]), float(body["seconds"]), bool(body["allow_private"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"cannot be read: {error!r}", where=str(folder / FILE), way_out="register it again") from error
    why = refuse_url(place.url)
    if not why and not PATH.search(urlsplit(place.url).path):
        why = f"it names no model; write {FORMS}"
    if why:
        raise BadInput(f"the URL is refused: {why}", where=place.url, way_out="register it with another URL")
    return place


def addresses(place: Place, resolve: Resolve | None = None, seconds: float | None = None) -> list[str]:
    """Return the addresses of the host, every one of them judged.

    Args:
        place: Names the host.
        resolve: Host and port to addresses; None: the system's resolver.
        seconds: How long it may take; None: as long as a call.

    Raises:
        BadInput: One of them may not be connected to.
        Unavailable: The name is not known, or nobody says so in time.
    """
    parts = urlsplit(place.url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = _within(place.seconds if seconds is None else seconds, partial(resolve or _resolve, host, port))
    except TimeoutError as error:
        what = f"{host} was not looked up within {place.seconds:g} s"
        raise Unavailable(what, where=place.url, way_out="check the name, or DNS") from error
    except OSError as error:
        raise Unavailable(f"{host} is not known: {error}", where=place.url, way_out="check the name, or DNS") from error
    for address in found:
        if why := refuse_address(address, allow_private=place.allow_private):
            raise BadInput(
                f"the URL is refused: {host} leads to {why}",
                where=place.url,
                way_out="set package.allow_private: true if the server is yours, and register it again",
            )
    return found


def _resolve(host: str, port: int) -> list[str]:
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def _within(seconds: float, ask: Callable[[], list[str]]) -> list[str]:
    """Ask in a thread that nobody waits for longer: a resolver may hang for minutes.

    Raises:
        TimeoutError: It took longer, or as many as may hang do.
        OSError: What the resolver says, or no thread can be started.
    """
    asked = Future[list[str]]()

    def work() -> None:
        try:
            asked.set_result(ask())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            asked.set_exception(error)
        finally:
            _hanging.release()

    if not _hanging.acquire(timeout=seconds):
        raise TimeoutError
    try:
        Thread(target=work, daemon=True).start()
    except RuntimeError as error:
        _hanging.release()
        raise OSError(str(error)) from error
    return asked.result(seconds)
