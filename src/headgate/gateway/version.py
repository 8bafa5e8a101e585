"""A version in memory: loaded once, shared by every arm that names it, closed when the last work on it is done."""

from collections.abc import Callable

from headgate.features.predictor import Predictor
from headgate.gateway.protocols.v2_json.plans import Plans
from headgate.gateway.protocols.v2_json.single import Singles


class Loaded:
    """A version that can answer.

    Args:
        version: The registry's number.
        digest: The bundle's.
        predictor: Answers rows.
        close: Closes the predictor, away from the loop.

    Attributes:
        plans: Of rows as bytes over REST.
        call_plans: Of rows as bytes over gRPC.
        aside: Whether a call may block (another process, a model opened on demand) and must not run on the loop.
    """

    def __init__(self, version: str, digest: str, predictor: Predictor, close: Callable[[], None]) -> None:
        self.version = version
        self.digest = digest
        self.predictor = predictor
        self.manifest = predictor.manifest
        self.signature = predictor.manifest.signature
        self.aside = predictor.apart
        self.singles = Singles(self.signature.inputs)
        self.plans, self.call_plans = Plans(self.signature.inputs), Plans(self.signature.inputs)
        self._close = close
        self._held = 0
        self._retired = False

    def hold(self) -> None:
        """Keep it open for a batch."""
        self._held += 1

    def release(self) -> None:
        """Give back what hold took."""
        self._held -= 1
        self._close_if_done()

    def retire(self) -> None:
        """Take no further work; close when what is held was released."""
        self._retired = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._retired and not self._held:
            self._close()
