"""A ModelRuntime over the bundles of an ensemble's members.

Members that run apart (in a process of their own, on another server) are asked at the same time where they need
nothing of each other; the others run one after the other, in the thread that asks.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from pathlib import Path

from headgate.base.errors import HeadgateError
from headgate.features.combine import Combine, load_combine, weighted
from headgate.features.ensemble import Array, Ask, Ensemble, in_turn, of_member
from headgate.features.predictor import FEATURES, Predictor
from headgate.registry.bundle import Manifest, read_dag
from headgate.registry.dag import COMBINE, DAG, MEMBERS, Dag
from headgate.registry.signature import Columns


class EnsembleRuntime:
    """Runs an ensemble.

    Args:
        bundle: Its folder.
        manifest: What it holds.
        open_member: Opens a member's folder, its digest checked.

    Raises:
        HeadgateError: A member cannot be opened (named), or is not the one that was pinned.

    Attributes:
        apart: Whether a member may block on something else than a model.
    """

    def __init__(self, bundle: Path, manifest: Manifest, open_member: Callable[[Path, str], Predictor]) -> None:
        dag = read_dag(bundle)
        with ExitStack() as undo:
            members = {name: _open(bundle, name, dag, open_member, undo) for name in dag.members}
            combine = combine_of(bundle, manifest, dag)
            given = manifest.signature.inputs if FEATURES not in manifest.files else ()
            self._ensemble = Ensemble(dag, members, combine, given)
            self._apart = frozenset(name for name, member in members.items() if member.apart)
            together = max(len(self._apart.intersection(wave)) for wave in dag.waves)
            # The thread that asks runs one of a wave itself, so one that is alone in its wave needs no other thread.
            self._pool = ThreadPoolExecutor(len(self._apart), "ensemble") if together > 1 else None
            self._members = undo.pop_all()

    @property
    def apart(self) -> bool:
        """Whether a member may block on something else than a model."""
        return bool(self._apart)

    def run(self, features: Columns) -> dict[str, Array]:
        """Return the outputs of these rows, as the contract of ModelRuntime says; an error names the member."""
        return self._ensemble.run(features, in_turn if self._pool is None else self._together)

    def close(self) -> None:
        """Close every member; a second call does nothing."""
        if self._pool is not None:
            self._pool.shutdown()
        self._members.close()

    def _together(self, asks: Mapping[str, Ask]) -> dict[str, dict[str, Array]]:
        pool, away = self._pool, [name for name in asks if name in self._apart][1:]
        assert pool is not None  # noqa: S101 - handed out only with a pool
        coming = {name: pool.submit(copy_context().run, asks[name]) for name in away}  # the trace, too
        here = in_turn({name: ask for name, ask in asks.items() if name not in coming})
        return {**here, **{name: future.result() for name, future in coming.items()}}


def _open(
    bundle: Path, name: str, dag: Dag, open_member: Callable[[Path, str], Predictor], undo: ExitStack
) -> Predictor:
    try:
        member = open_member(bundle / MEMBERS / name, dag.members[name].digest)
    except HeadgateError as error:
        raise of_member(name, error) from error
    undo.callback(member.close)
    return member


def combine_of(bundle: Path, manifest: Manifest, dag: Dag) -> Combine:
    """Return what combines the answers: a weighted mean, or combine.py."""
    outputs = manifest.signature.outputs
    if dag.weights:
        return Combine(weighted(dag.weights, outputs[0].name), outputs, manifest.classes, DAG)
    source, key = (bundle / COMBINE).read_text(encoding="utf-8"), manifest.digest.removeprefix("sha256:")[:16]
    return load_combine(source, key, str(bundle / COMBINE), outputs, manifest.classes)
