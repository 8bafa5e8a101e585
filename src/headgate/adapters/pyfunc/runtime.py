"""A ModelRuntime whose model lives in another process: crash-isolated, timed, started again with back-off."""

import logging
import socket
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Lock, Thread
from time import monotonic

from headgate.adapters.pyfunc.frames import Closed, Message, receive, send
from headgate.base.background import gives_way
from headgate.base.elsewhere import spend
from headgate.base.errors import BadInput, Ended
from headgate.registry.bundle import Manifest
from headgate.registry.signature import Columns
from headgate.registry.wire import Array, pack, unpack

LOG = logging.getLogger("headgate.pyfunc")
HOST = "headgate.adapters.pyfunc.host"
LONGEST_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a pyfunc process may take, in seconds; beside one that gives way it has ten times as long.

    Attributes:
        load: To import its libraries and load the model.
        call: To answer one batch; it is killed after that.
        end: To end by itself when it is closed.
        back_off: Before the first restart; doubled for each further one, up to 30 s.
    """

    load: float = 120.0
    call: float = 10.0
    end: float = 2.0
    back_off: float = 0.5


def _usual() -> Patience:
    """Return the usual patience; a shadow's model waits for processors as well, and its keeper knows for how long."""
    usual = Patience()
    return replace(usual, load=10 * usual.load, call=10 * usual.call) if gives_way() else usual


class Host:
    """One running process and the socket to it."""

    def __init__(self, bundle: Path, command: tuple[str, ...]) -> None:
        self.plug, theirs = socket.socketpair()
        arguments = [*command, str(bundle), str(theirs.fileno())]
        # A group of its own: Ctrl-C in a terminal is for the worker, which still has answers to give. Not a session:
        # Linux weighs those as wholes, and a shadow's model is to be as low as its shadow.
        self.process = subprocess.Popen(  # noqa: S603 - our own module, in our own Python
            arguments, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=sys.stderr, process_group=0
        )
        theirs.close()

    def ask(self, message: Message | None, seconds: float) -> Message:
        """Send a frame, if any, and return the next one that comes back."""
        self.plug.settimeout(seconds)
        if message is not None:
            send(self.plug, message)
        return receive(self.plug)

    def end(self, seconds: float) -> None:
        """End the process: by closing its socket, then by force."""
        self.plug.close()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class PyfuncRuntime:
    """Runs the MLflow model of a bundle in a process of its own.

    Args:
        bundle: The bundle's folder.
        manifest: What it holds.
        patience: How long things may take.
        command: Starts the process; bundle and socket are appended.

    Raises:
        BadInput: The model does not load.
    """

    def __init__(
        self,
        bundle: Path,
        manifest: Manifest,
        patience: Patience | None = None,
        command: tuple[str, ...] = (sys.executable, "-m", HOST),
    ) -> None:
        self._bundle = bundle
        self._patience = patience or _usual()
        self._command = command
        self._name = manifest.model
        self._one = Lock()  # one call at a time: the process has one thread
        self._closed = Event()
        self._crashes = 0
        self._why = ""
        self._host: Host | None = self._start()

    @property
    def pid(self) -> int | None:
        """The process that runs the model now."""
        host = self._host
        return host.process.pid if host else None

    def run(self, features: Columns) -> dict[str, Array]:
        """Return the outputs of these rows.

        Raises:
            BadInput: The model refuses the rows.
            Ended: The process crashed, takes too long, or is being started again.
        """
        with self._one:
            host = self._host
            if host is None:
                raise self._away(self._why)
            try:
                answer = host.ask(Message("run", columns=pack(features)), self._patience.call)
            except TimeoutError:
                raise self._lose(host, f"did not answer within {self._patience.call:g} s and was ended") from None
            except (Closed, OSError):
                raise self._lose(host, "crashed") from None
        self._crashes = 0
        spend(answer.cpu)
        if answer.kind != "done":
            raise BadInput(f"the model refused these rows: {answer.why}", where=f"pyfunc of {self._name}")
        return unpack(answer.columns)

    def close(self) -> None:
        """End the process; a second call does nothing."""
        self._closed.set()
        with self._one:
            host, self._host = self._host, None
        if host:
            host.end(self._patience.end)

    def _start(self) -> Host:
        host = Host(self._bundle, self._command)
        try:
            answer = host.ask(None, self._patience.load)
        except TimeoutError:
            why = f"it did not load within {self._patience.load:g} s"
        except (Closed, OSError):
            host.process.wait()
            why = f"its process ended with code {host.process.returncode} while it loaded"
        else:
            if answer.kind == "ready":
                return host
            why = answer.why
        host.end(0)
        way_out = "package the model again; its log on stderr may say more"
        raise BadInput(f"the pyfunc model does not load: {why}", where=str(self._bundle), way_out=way_out)

    def _lose(self, host: Host, why: str) -> Ended:
        """Give a process up and start another in the background."""
        self._host, self._why = None, why
        host.process.kill()
        host.end(self._patience.end)
        LOG.error("the pyfunc process of %s %s (exit code %s)", self._name, why, host.process.returncode)
        Thread(target=self._restart, name=f"restart {self._name}", daemon=True).start()
        return self._away(why)

    def _restart(self) -> None:
        """Start the process again; wait longer after each crash."""
        while True:
            wait = min(self._patience.back_off * 2**self._crashes, LONGEST_WAIT)
            self._crashes += 1
            if self._closed.wait(wait):
                return
            began = monotonic()
            try:
                host = self._start()
            except BadInput as error:
                self._why = error.what
                LOG.error("the pyfunc process of %s does not start: %s", self._name, error.what)  # noqa: TRY400
                continue
            LOG.warning("the pyfunc process of %s is back after %.1f s", self._name, monotonic() - began)
            with self._one:
                if not self._closed.is_set():
                    self._host = host
                    return
            host.end(self._patience.end)
            return

    def _away(self, why: str) -> Ended:
        return Ended(
            f"the model's process {why}; it is being started again",
            where=f"pyfunc of {self._name}",
            way_out="try again in a few seconds; the worker's log says how it ended",
        )
