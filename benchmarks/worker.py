"""A worker on routes from a file: `python -m benchmarks.worker ROUTES.json PORT`; the file is read on each poll."""

import sys
from pathlib import Path

import msgspec

from headgate.base.clock import SystemClock
from headgate.gateway.worker import Station, serve
from headgate.journal.ports import Document
from headgate.wiring import make_runtime


def main() -> None:
    file, port = Path(sys.argv[1]), int(sys.argv[2])

    def routes() -> tuple[Document, ...]:
        return tuple(
            Document("route", body["model"], body["revision"], body) for body in msgspec.json.decode(file.read_bytes())
        )

    serve(
        Station(
            "127.0.0.1",
            port,
            file.parent,
            routes,
            make_runtime,
            SystemClock(),
            listening=lambda host, port: print(f"http://{host}:{port}", flush=True),
        )
    )


if __name__ == "__main__":
    main()
