"""An open loop in a process that stands for clients on other machines: nothing on this one may delay it.

`drive` runs it: `python -m benchmarks.elsewhere PORT RATE SECONDS CONNECTIONS`, the request on its standard input. It
goes before all others where the system lets it (real-time class), and collects no garbage: what is late then is the
server, or the machine as a whole.
"""

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import uvloop

from benchmarks.wrk import Load
from headgate.testing.load import opened

ROOT = Path(__file__).resolve().parent.parent
OK = 200
FIRST = 1  # of the real-time priorities, the lowest: before all that has none


def drive(port: int, content: bytes, rate: int, seconds: int, connections: int) -> Load:
    """Send a request at a fixed rate, whatever comes back; a request counts from when it was sent."""
    arguments = map(str, (port, rate, seconds, connections))
    command = [sys.executable, "-m", "benchmarks.elsewhere", *arguments]
    said = subprocess.run(command, input=content, stdout=subprocess.PIPE, check=True, cwd=ROOT).stdout
    return Load(**json.loads(said))


def main() -> None:
    """Load a server, and say what was seen."""
    port, rate, seconds, connections = map(int, sys.argv[1:])
    content = sys.stdin.buffer.read()
    gc.disable()
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(FIRST))
    except OSError as error:
        print(f"the load generator takes its turn like the rest, and may itself be late: {error}", file=sys.stderr)
    seen = uvloop.run(opened(port, content, rate, seconds, connections))
    took = sorted(one.turn * 1000 for one in seen)
    failed = sum(one.status != OK for one in seen)
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    print(json.dumps({"rate": len(seen) / seconds, "p50": p50, "p99": p99, "count": len(seen), "failed": failed}))


if __name__ == "__main__":
    main()
