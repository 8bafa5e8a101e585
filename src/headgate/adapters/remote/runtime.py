"""Ask another server for the answers of a model: bounded in time and connections, to an address that was looked at.

The connection goes to an address that was judged (journal.address), with the name kept for Host and TLS. No redirect is
followed and no proxy of the environment used. A call is repeated once, and only when no connection came about.
"""

from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy.typing as npt

from headgate.adapters.remote.deadline import Deadline, transport
from headgate.adapters.remote.place import Place, Resolve, addresses, read_place
from headgate.adapters.remote.wire import matrix_of, nothing, strange, tf_answer, tf_request, v2_answer, v2_request
from headgate.base.errors import BadInput, Unavailable
from headgate.base.trace import CURRENT
from headgate.registry.bundle import Manifest
from headgate.registry.signature import Columns

CONNECT = 2.0  # seconds to connect, and to wait for a free connection
POOL = httpx.Limits(max_connections=16, max_keepalive_connections=16, keepalive_expiry=30)
AT_MOST = 64 << 20  # bytes of an answer
SHOWN = 300
OK, REFUSED = 200, (400, 413, 422)


class RemoteRuntime:
    """A ModelRuntime over a server that somebody runs.

    Args:
        folder: The bundle; its remote.json says where.
        manifest: Names features and outputs.
        resolve: Host and port to addresses; the system's resolver unless a test says otherwise.

    Raises:
        BadInput: The URL, or an address of its host, may not be connected to.
        Unavailable: The server does not answer.
    """

    def __init__(self, folder: Path, manifest: Manifest, resolve: Resolve | None = None) -> None:
        self._place: Place = read_place(folder)
        self._signature = manifest.signature
        self._resolve = resolve
        self._addresses = addresses(self._place, resolve)
        timeout = httpx.Timeout(self._place.seconds, connect=CONNECT, pool=CONNECT)
        self._deadline = Deadline()
        way = transport(POOL, self._deadline)
        self._client = httpx.Client(trust_env=False, follow_redirects=False, timeout=timeout, transport=way)
        self._matrix = None
        if not self._place.tensorflow:
            try:
                listed = self._call("GET", "", None).get("inputs", ())
            except BaseException:
                self.close()
                raise
            self._matrix = matrix_of(listed, self._signature.features)

    def run(self, features: Columns) -> dict[str, npt.NDArray[Any]]:
        """Return the outputs of these rows, as the contract of ModelRuntime says."""
        fields, outputs = self._signature.features, self._signature.outputs
        rows, where = len(features[fields[0].name]), self._place.url
        if not rows:
            return {field.name: nothing(field) for field in outputs}
        if self._place.tensorflow:
            return tf_answer(self._call("POST", ":predict", tf_request(fields, features)), outputs, rows, where)
        return v2_answer(self._call("POST", "/infer", v2_request(fields, features, self._matrix)), outputs, rows, where)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _call(self, method: str, path: str, body: Any) -> Any:
        content = None if body is None else msgspec.json.encode(body)
        try:
            status, answer = self._send(method, path, content)
        except RuntimeError as error:  # httpx: the client was closed
            raise BadInput("this model was closed", where=self._place.url, way_out="open the bundle again") from error
        if status in REFUSED:
            raise BadInput(
                f"the remote server refused these rows ({status}): {_text(answer)}",
                where=self._place.url,
                way_out="compare the rows with the model's inputs there",
            )
        if status != OK:
            raise Unavailable(
                f"the remote server answered {status}: {_text(answer)}",
                where=self._place.url,
                way_out="look at the server's log; the model may be gone or not ready there",
            )
        try:
            return msgspec.json.decode(answer)
        except msgspec.DecodeError as error:
            raise strange(f"it is no JSON: {error}", self._place.url) from error

    def _send(self, method: str, path: str, content: bytes | None) -> tuple[int, bytes]:
        """Send to the first address that a connection can be made to; look the name up anew before giving up."""
        failed: Exception | None = None
        self._deadline.start(self._place.seconds)
        for again in (False, True):
            if again:
                self._addresses = addresses(self._place, self._resolve, self._left())
            for address in self._addresses:
                try:
                    return self._send_to(address, method, path, content)
                except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # nothing was sent: another may answer
                    failed = error
                except httpx.TimeoutException as error:
                    raise self._away(f"no answer within {self._place.seconds:g} s", error) from error
                except httpx.HTTPError as error:
                    raise self._away(f"{type(error).__name__}: {error}", error) from error
        raise self._away(f"cannot be reached: {failed}", failed) from failed

    def _left(self) -> float | None:
        """Return the seconds that are left of this call."""
        try:
            return self._deadline.left(None)
        except httpx.TimeoutException as error:
            raise self._away(f"no answer within {self._place.seconds:g} s", error) from error

    def _send_to(self, address: str, method: str, path: str, content: bytes | None) -> tuple[int, bytes]:
        named, trace = httpx.URL(self._place.url + path), CURRENT.get()
        traced = trace.headers() if trace is not None else {}
        request = self._client.build_request(
            method,
            named.copy_with(host=address),
            headers={"Host": named.netloc.decode("ascii"), "Content-Type": "application/json", **traced},
            content=content,
            extensions={"sni_hostname": named.raw_host.decode("ascii")},
        )
        answer = self._client.send(request, stream=True)
        try:
            read = bytearray()
            for chunk in answer.iter_bytes():
                read += chunk
                if len(read) > AT_MOST:
                    raise strange(f"it is longer than {AT_MOST:,} bytes", self._place.url)
            return answer.status_code, bytes(read)
        finally:
            answer.close()

    def _away(self, what: str, error: Exception | None) -> Unavailable:
        del error  # raised from it by the caller
        return Unavailable(
            f"the remote server does not answer: {what}",
            where=self._place.url,
            way_out="see that it runs and that this machine reaches it, or promote a version that runs here",
        )


def _text(answer: bytes) -> str:
    return " ".join(answer[:SHOWN].decode(errors="replace").split())
