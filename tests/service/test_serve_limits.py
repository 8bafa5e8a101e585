"""What a worker refuses at its sockets: clients that never shake hands, ports that are taken or are none."""

import asyncio
import os
import socket
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest
import uvloop

from headgate.gateway.application import Application
from headgate.gateway.greeter import Greeter
from headgate.gateway.grpc.server import listen as listen_grpc
from headgate.gateway.limits import Limits
from headgate.gateway.listen import accept, listen, open_tls
from headgate.gateway.turn import Pulse
from headgate.testing.running import POLICY
from headgate.testing.waiting import LONGEST

HOST = "127.0.0.1"
TURN = 0.02


class Echo(asyncio.Protocol):
    """Sends back what came."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate and key."""
    folder = tmp_path_factory.mktemp("tls")
    made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -addext subjectAltName=IP:127.0.0.1"
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run([*made.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONGEST):
        while not true():  # noqa: ASYNC110 - several conditions, no event of their own
            await asyncio.sleep(TURN)


async def opened(pair: tuple[Path, Path], seconds: float) -> tuple[Greeter, int]:
    """Return a server that greets two at a time, each within so many seconds, and its port."""
    (plug,) = listen(HOST, 0)
    limits = Limits(handshakes=2, receive_seconds=seconds)
    server = await accept(asyncio.get_running_loop(), plug, Echo, open_tls(*pair), limits)
    assert isinstance(server, Greeter)
    return server, plug.getsockname()[1]


async def counts(pair: tuple[Path, Path]) -> None:
    server, port = await opened(pair, LONGEST)
    silent = [await asyncio.open_connection(HOST, port) for _ in range(2)]
    await until(lambda: len(server.greeted) == 2)
    extra = await asyncio.open_connection(HOST, port)
    assert await extra[0].read() == b""  # hung up on: two have not shaken hands yet
    for _, writer in silent:
        writer.close()
    await until(lambda: not server.greeted)
    reader, writer = await asyncio.open_connection(HOST, port, ssl=ssl.create_default_context(cafile=str(pair[0])))
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    assert not server.greeted
    for one in (writer, extra[1]):
        one.close()
    server.close()
    await asyncio.sleep(TURN)


async def cuts_off(pair: tuple[Path, Path]) -> None:
    server, port = await opened(pair, 0.2)
    reader, writer = await asyncio.open_connection(HOST, port)
    assert await reader.read() == b""  # too slow
    await until(lambda: not server.greeted)
    writer.close()
    server.close()
    with pytest.raises(ConnectionError):
        await asyncio.open_connection(HOST, port)
    await asyncio.sleep(TURN)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_clients_that_never_shake_hands_are_counted_and_cut_off(pair: tuple[Path, Path], run: Any) -> None:
    for part in (counts, cuts_off):
        run(asyncio.wait_for(part(pair), LONGEST))


async def calls() -> Counter[str]:
    pulse = Pulse(lambda call: call(), lambda _work, _done: None, 1000)
    app = Application(Limits(), pulse, lambda: 0, bytes)
    server, port = await listen_grpc(app, HOST, 0, Limits(calls=2))
    seen = Counter[str]()
    channels = [
        grpc.aio.insecure_channel(f"{HOST}:{port}", options=(("grpc.use_local_subchannel_pool", 1),)) for _ in range(4)
    ]
    try:
        for channel in channels:
            live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
            try:
                await live(b"", timeout=LONGEST / 4)
                seen["OK"] += 1
            except grpc.aio.AioRpcError as error:
                seen[error.code().name] += 1
    finally:
        for channel in channels:
            await channel.close()
        await server.stop(None)
    return seen


def test_grpc_takes_only_so_many_connections() -> None:
    seen = asyncio.run(calls())
    assert seen["OK"] == 2
    assert seen.total() == 4


def serve(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    wide = {**os.environ, "COLUMNS": "200"}
    command = [sys.executable, "-m", "headgate.cli.main", "serve", "-C", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST, env=wide)


@pytest.mark.parametrize("option", ["--port", "--grpc-port", "--admin-port"])
@pytest.mark.parametrize(("port", "bound"), [("99999", 65535), ("-1", 0)])
def test_a_port_that_is_none_is_refused(tmp_path: Path, option: str, port: str, bound: int) -> None:
    (tmp_path / "headgate.yaml").write_text(POLICY)
    ran = serve(tmp_path, option, port)
    assert ran.returncode == 2
    assert option in ran.stderr
    assert f"or equal to {bound}" in ran.stderr


def test_a_grpc_port_that_another_server_shares_is_refused(tmp_path: Path) -> None:
    (tmp_path / "headgate.yaml").write_text(POLICY)
    with closing(socket.socket()) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # as gRPC itself does
        other.bind((HOST, 0))
        other.listen()
        port = str(other.getsockname()[1])
        ran = serve(tmp_path, "--port", "0", "--grpc-port", port)
    assert ran.returncode == 5
    assert port in ran.stderr
    assert "--grpc-port" in ran.stderr
