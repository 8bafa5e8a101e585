"""The process of one shadow: `python -m headgate.gateway.shadow.host BUNDLE DIGEST OPENER MEMORY FD`.

It makes itself small before it loads anything: low priority (the lowest once it answers), a bound on its memory, the
first to go when the machine runs out of it. It ends when the worker closes its side, and dies with it.
"""

import contextlib
import ctypes
import os
import resource
import signal
import socket
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

LOADING, LOWEST = 10, 19  # nice: it loads twice at most, and answers for as long as it lives
PR_SET_PDEATHSIG = 1
OUT_OF_MEMORY = 112  # exit code
LENGTH = 4
SHOWN = 500


def main() -> None:
    """Answer copies over an inherited socket until the other side closes it."""
    bundle, digest, opener, memory, number = sys.argv[1:]
    give_way(int(memory))
    with socket.socket(fileno=int(number)) as plug:
        code = _live(plug, Path(bundle), digest, opener)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # whatever threads the shadow has left behind


def give_way(memory: int) -> None:
    """Take little of the processors and at most so many bytes of memory, and the worker's end as one's own."""
    lower(os.getpid(), LOADING)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def lower(pid: int, nice: int) -> None:
    """Lower a process with all its threads, and what it has started; at the lowest it runs on what nobody else wants.

    Linux weighs sessions against each other as wholes (autogroups), so that nice alone says nothing beyond one's own.
    """
    tasks = Path(f"/proc/{pid}/task")
    for task in [int(one.name) for one in tasks.iterdir()] if tasks.exists() else [pid]:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, task, nice)
            if nice == LOWEST and sys.platform == "linux":
                os.sched_setscheduler(task, os.SCHED_IDLE, os.sched_param(0))
        with contextlib.suppress(OSError):
            for child in (tasks / str(task) / "children").read_text().split():
                lower(int(child), nice)
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(nice))


def _live(plug: socket.socket, bundle: Path, digest: str, opener: str) -> int:
    """Load, then answer until the other side is gone; return the exit code."""
    from headgate.base.elsewhere import process_time
    from headgate.gateway.shadow.labour import answer, lacks_memory
    from headgate.gateway.shadow.messages import Broken, Ready, encode, run

    began, predictor = time.monotonic(), None
    try:
        predictor = _open(opener, bundle, digest)
        lower(os.getpid(), LOWEST)
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
