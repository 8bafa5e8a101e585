"""Sends one message to a webhook, and only to an address that it looked at.

The name is resolved once, every address is judged (journal.address), and the connection goes to that very address with
the name kept for Host and TLS: a name that resolves differently a moment later (DNS rebinding) reaches nothing. No
redirect is followed, no proxy of the environment used, and the whole takes a bounded time.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from datetime import timedelta
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import httpx

from headgate.journal.address import refuse_address, refuse_url
from headgate.journal.ports import Sent

SECONDS = 10.0
SEVERAL = 3  # addresses of one name, each of which gets its part of the time to connect
AT_MOST = 64 * 1024  # of the answer; nothing in it is used
Resolve = Callable[[str, int], Awaitable[list[str]]]


class HttpSender:
    """Posts to webhooks; the contract is Sender's. Not to be called from inside a running event loop.

    Args:
        seconds: For one message in all: resolving, connecting, sending, and reading the answer.
        resolve: Host and port to addresses; the system's resolver unless a test says otherwise.
        trust: For TLS; None: the usual authorities, or those that SSL_CERT_FILE names.
    """

    def __init__(
        self, seconds: float = SECONDS, resolve: Resolve | None = None, trust: ssl.SSLContext | None = None
    ) -> None:
        self._seconds = seconds
        self._resolve = resolve or _resolve
        self._trust = trust or httpx.create_ssl_context()

    def send(self, url: str, headers: Mapping[str, str], body: bytes, *, allow_private: bool) -> Sent:
        """POST the body; what the receiver or the network does wrong is told in the result."""
        why = refuse_url(url)
        if why:
            return Sent(None, f"the URL is refused: {why}")
        return asyncio.run(self._bounded(url, headers, body, allow_private=allow_private))

    async def _bounded(self, url: str, headers: Mapping[str, str], body: bytes, *, allow_private: bool) -> Sent:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(url, headers, body, allow_private=allow_private)
        except TimeoutError:
            return Sent(None, f"no answer within {self._seconds:g} s")
        except httpx.HTTPError as error:
            return Sent(None, f"{type(error).__name__}: {error}".rstrip(": "))
        except (OSError, httpx.InvalidURL, UnicodeError) as error:
            return Sent(None, f"the host cannot be reached: {error}")

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes, *, allow_private: bool) -> Sent:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        addresses = await self._resolve(host, port)
        for address in addresses:
            why = refuse_address(address, allow_private=allow_private)
            if why:
                return Sent(None, f"the URL is refused: {host} leads to {why}")
        failed = Sent(None, f"{host} has no address")
        each = self._seconds / max(1, min(len(addresses), SEVERAL))
        timeout = httpx.Timeout(self._seconds, connect=each)
        async with httpx.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=timeout, verify=self._trust
        ) as client:
            for address in addresses:
                try:
                    return await _send_to(client, address, url, headers, body)
                except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # this address only: the next may answer
                    why = str(error) or "it does not answer"
                    failed = Sent(None, f"{address} port {port} cannot be reached: {why}")
        return failed


async def _send_to(client: httpx.AsyncClient, address: str, url: str, headers: Mapping[str, str], body: bytes) -> Sent:
    named = httpx.URL(url)
    request = client.build_request(
        "POST",
        named.copy_with(host=address),
        headers={**headers, "Host": named.netloc.decode("ascii"), "Accept-Encoding": "identity"},
        content=body,
        extensions={"sni_hostname": named.raw_host.decode("ascii")},
    )
    answer = await client.send(request, stream=True)
    try:
        read = 0
        async for chunk in answer.aiter_raw():
            read += len(chunk)
            if read > AT_MOST:
                break
    finally:
        await answer.aclose()
    why = "it answered with a redirect, and none is followed" if answer.is_redirect else ""
    return Sent(answer.status_code, why, _wait(answer.headers.get("Retry-After", "")))


def _wait(text: str) -> timedelta | None:
    """Read Retry-After in seconds (RFC 9110, 10.2.3); a date there is left to our own back-off."""
    text = text.strip()
    return timedelta(seconds=int(text)) if text.isascii() and text.isdigit() and len(text) < 9 else None  # noqa: PLR2004


async def _resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver, in a thread that nobody waits for: it may hang for minutes."""
    asked = Future[list[Any]]()

    def ask() -> None:
        asked.set_running_or_notify_cancel()
        try:
            asked.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            asked.set_exception(error)

    Thread(target=ask, daemon=True).start()
    found = await asyncio.wrap_future(asked)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
