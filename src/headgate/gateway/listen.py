"""Open the sockets that workers accept on: TCP, several on one port if asked, or a path."""

import asyncio
import logging
import resource
import socket
import ssl
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from headgate.base.errors import BadInput, Unavailable
from headgate.gateway.greeter import Accepting, Greeter
from headgate.gateway.limits import Limits

LOG = logging.getLogger("headgate.gateway")
BACKLOG = 4096


def listen(host: str, port: int, count: int = 1) -> list[socket.socket]:
    """Return listening sockets on one address; the kernel spreads connections over several.

    Args:
        host: Address or name; of a name the first address.
        port: 0: any free one, the same for all.
        count: How many.

    Raises:
        Unavailable: Something listens there already, or the address is not this machine's.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        if count == 1:
            return [_open(family, address, shared=False)]
        with closing(_open(family, address, shared=False)) as probe:  # a shared port would hide who has it already
            address = probe.getsockname()
        return [_open(family, address, shared=True) for _ in range(count)]
    except OSError as error:
        raise Unavailable(
            f"cannot listen: {error.strerror}",
            where=f"{host}:{port}",
            way_out="end what listens there (`ss -ltnp`), or choose another --port",
        ) from error


def listen_path(path: Path) -> socket.socket:
    """Return a socket that listens on a path; one that a dead process left is replaced.

    Raises:
        Unavailable: Something listens there already, or the path cannot be made.
    """
    plug = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket() and not _answers(path):
            path.unlink()
        plug.bind(str(path))
        plug.listen(BACKLOG)
    except OSError as error:
        plug.close()
        raise Unavailable(
            f"cannot listen: {error.strerror or error}", where=str(path), way_out="choose another --unix-socket"
        ) from error
    return plug


async def accept(
    loop: asyncio.AbstractEventLoop,
    plug: socket.socket,
    make: Callable[[], asyncio.Protocol],
    tls: ssl.SSLContext | None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Accepting:
    """Return a server on a listening socket; TLS, within these limits, is for TCP alone."""
    if plug.family == socket.AF_UNIX:
        return await loop.create_unix_server(make, sock=plug)
    if tls is not None:
        return Greeter(loop, plug, make, tls, limits)
    return await loop.create_server(make, sock=plug, backlog=BACKLOG)


def fit(limits: Limits) -> Limits:
    """Ask for as many open files as a full worker needs; return limits that fit what it gets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= limits.files:
        return limits
    files = limits.files if hard == resource.RLIM_INFINITY else min(hard, limits.files)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    fitting = limits.within(files)
    if fitting != limits:
        what = "a worker may open %d files: it takes %d connections, not %d (`ulimit -n` allows more)"
        LOG.warning(what, files, fitting.connections, limits.connections)
    return fitting


def check_free(host: str, port: int, option: str) -> None:
    """Raise Unavailable when something listens on a port that workers are about to share: sharing would hide it."""
    try:
        listen(host, port)[0].close()
    except Unavailable as error:
        raise Unavailable(
            error.what, where=error.where, way_out=f"end what listens there (`ss -ltnp`), or choose another {option}"
        ) from error


def open_tls(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what connections are encrypted with.

    Raises:
        BadInput: Certificate or key cannot be read, or do not belong together.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        raise BadInput(
            f"TLS cannot be set up: {error.strerror or error}",
            where=f"{certificate}, {key}",
            way_out="name a PEM certificate chain and its unencrypted key: settings tls_certificate and tls_key",
        ) from error
    return context


def reserve(host: str) -> int:
    """Return a TCP port that nobody listens on now."""
    with closing(listen(host, 0)[0]) as plug:
        return int(plug.getsockname()[1])


def show(plug: socket.socket) -> str:
    """Return where a socket listens, as in a URL."""
    name = plug.getsockname()
    if plug.family == socket.AF_UNIX:
        return f"unix:{name}"
    return f"[{name[0]}]:{name[1]}" if plug.family == socket.AF_INET6 else f"{name[0]}:{name[1]}"


def _open(family: int, address: Any, *, shared: bool) -> socket.socket:
    plug = socket.socket(family, socket.SOCK_STREAM)
    try:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        plug.bind(address)
        plug.listen(BACKLOG)
    except OSError:
        plug.close()
        raise
    return plug


def _answers(path: Path) -> bool:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        return probe.connect_ex(str(path)) == 0


def again(family: int, address: Any) -> socket.socket:
    """Return a further socket that listens where others of this process do."""
    return _open(family, address, shared=True)
