"""The process of one pyfunc model: `python -m headgate.adapters.pyfunc.host BUNDLE FD`.

Loads the model once, then answers frame by frame until the other side closes; it never outlives its worker, not even
while its model hangs.
"""

import os
import select
import socket
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec

from headgate.adapters.pyfunc.frames import Closed, Message, receive, send
from headgate.adapters.pyfunc.outputs import as_outputs
from headgate.base.background import ignore_terminal
from headgate.registry.bundle import MANIFEST, Manifest
from headgate.registry.wire import pack, unpack

FOLDER = "pyfunc"
SHOWN = 500


def main() -> None:
    """Serve one model over an inherited socket."""
    sys.dont_write_bytecode = True  # the model's own code lies in a sealed bundle, which stays as it is
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # also where the model starts a process
    ignore_terminal()
    bundle, plug = Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))
    Thread(target=_end_with, args=[plug.fileno()], name="end", daemon=True).start()
    try:
        manifest = Manifest.from_json(msgspec.json.decode((bundle / MANIFEST).read_bytes()))
        model = _load(bundle)
    except Exception as error:  # noqa: BLE001 - whatever loading raises, the worker is told why
        send(plug, Message("broken", _say(error)))
        return
    send(plug, Message("ready"))
    while True:
        try:
            asked = receive(plug)
        except Closed:
            return
        send(plug, answer(model, manifest, asked))


def _end_with(number: int) -> None:
    """End the process once the other side of a socket is gone, whatever the model does at that moment."""
    ends = select.poll()
    ends.register(number, 0)  # a hang-up is reported always
    ends.poll()
    os._exit(0)


def _load(bundle: Path) -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(str(bundle / FOLDER))


def answer(model: Any, manifest: Manifest, asked: Message) -> Message:
    """Run the model on one frame."""
    import pandas as pd

    began, features = time.process_time(), unpack(asked.columns)
    rows = len(next(iter(features.values())))
    columns = {name: list(values) if values.ndim > 1 else values for name, values in features.items()}
    try:
        result = model.predict(pd.DataFrame(columns))
        outputs = as_outputs(result, manifest.signature.outputs, manifest.classes, rows)
    except Exception as error:  # noqa: BLE001 - whatever the model raises concerns these rows
        return Message("refused", _say(error))
    return Message("done", columns=pack(outputs), cpu=time.process_time() - began)


def _say(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:SHOWN]


if __name__ == "__main__":
    main()
