"""The process of one shadow: `python -m headgate.gateway.shadow.host BUNDLE DIGEST OPENER MEMORY FD`.

It makes itself small before it loads anything: the lowest priority, a bound on its memory, the first to go when the
machine runs out of it; so does all that it starts. It ends when the worker closes its side, and dies with it.
"""

import contextlib
import os
import resource
import socket
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from headgate.base.background import give_way

OUT_OF_MEMORY = 112  # exit code
LENGTH = 4
SHOWN = 500


def main() -> None:
    """Answer copies over an inherited socket until the other side closes it."""
    bundle, digest, opener, memory, number = sys.argv[1:]
    give_way()
    bound(int(memory))
    with socket.socket(fileno=int(number)) as plug:
        code = _live(plug, Path(bundle), digest, opener)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # whatever threads the shadow has left behind


def bound(memory: int) -> None:
    """Take at most so many bytes of memory, and be the first to go when the machine runs out of it."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _live(plug: socket.socket, bundle: Path, digest: str, opener: str) -> int:
    """Load, then answer until the other side is gone; return the exit code."""
    from headgate.base.elsewhere import process_time
    from headgate.gateway.shadow.labour import answer, lacks_memory
    from headgate.gateway.shadow.messages import Broken, Ready, encode, run

    began, predictor = time.monotonic(), None
    try:
        predictor = _open(opener, bundle, digest)
        _send(plug, encode(Ready(time.monotonic() - began)))
        while (asked := _receive(plug)) is not None:
            _send(plug, encode(answer(predictor, run(asked), process_time)))
    except (BrokenPipeError, ConnectionResetError):
        return 0
    except Exception as error:  # noqa: BLE001 - whatever a shadow does to its process, the worker is told why it ends
        if lacks_memory(error):
            return OUT_OF_MEMORY
        with contextlib.suppress(OSError):
            _send(plug, encode(Broken(_say(error, "failed" if predictor is not None else "did not load"))))
        return 1
    predictor.close()
    return 0


def _open(opener: str, bundle: Path, digest: str) -> Any:
    from headgate.gateway.load import warm

    module, _, name = opener.partition(":")
    predictor = getattr(import_module(module), name)(bundle, digest)
    warm(predictor)
    return predictor


def _say(error: Exception, what: str) -> str:
    from headgate.gateway.shadow.labour import Gone

    kind = "" if isinstance(error, Gone) else f"{type(error).__name__}: "
    return f"{what}: {kind}{error}"[:SHOWN]


def _send(plug: socket.socket, message: bytes) -> None:
    plug.sendall(len(message).to_bytes(LENGTH, "big") + message)


def _receive(plug: socket.socket) -> bytes | None:
    """Return the next message; None when the other side is gone."""
    head = _exactly(plug, LENGTH)
    return None if head is None else _exactly(plug, int.from_bytes(head, "big"))


def _exactly(plug: socket.socket, size: int) -> bytes | None:
    data = bytearray(size)
    view, got = memoryview(data), 0
    while got < size:
        count = plug.recv_into(view[got:])
        if not count:
            return None
        got += count
    return bytes(data)


if __name__ == "__main__":
    main()
