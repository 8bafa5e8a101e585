"""Answer as an ensemble: ask each member with the columns that it reads, a wave at a time, then combine.

Whole columns, once a batch. Nothing here opens a bundle or starts a thread: members are handed in opened, and who runs
a wave is the caller's.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol, TypeAlias

import numpy.typing as npt

from headgate.base.errors import HeadgateError
from headgate.features.combine import Combining
from headgate.registry.bundle import Manifest
from headgate.registry.dag import Dag, Member, as_they_are, feed
from headgate.registry.field import Columns, Field

Array: TypeAlias = npt.NDArray[Any]
Feeding: TypeAlias = Callable[[Columns], Array]
Ask: TypeAlias = Callable[[], dict[str, Array]]
Wave: TypeAlias = Callable[[Mapping[str, Ask]], Mapping[str, dict[str, Array]]]


class Asked(Protocol):
    """A member that answers (headgate.features.predictor.Predictor)."""

    @property
    def manifest(self) -> Manifest:
        """What its bundle holds."""
        ...

    def predict(self, inputs: Columns) -> dict[str, Array]:
        """Return every output."""
        ...


def in_turn(asks: Mapping[str, Ask]) -> dict[str, dict[str, Array]]:
    """Run a wave one member after the other."""
    return {name: ask() for name, ask in asks.items()}


class Ensemble:
    """Members, what they read, and what is made of their answers.

    Args:
        dag: The ensemble.
        members: By name, opened.
        combine: Makes the outputs.
        inputs: What it is given by the caller as it is, cast by these fields already; what features() made is not.
    """

    def __init__(
        self, dag: Dag, members: Mapping[str, Asked], combine: Combining, inputs: Iterable[Field] = ()
    ) -> None:
        given = {field.name: field for field in inputs}
        self._waves = dag.waves
        self._combine = combine
        self._members = members
        self._feeding = {name: _plan(member, members[name], given) for name, member in dag.members.items()}

    def run(self, features: Columns, wave: Wave = in_turn) -> dict[str, Array]:
        """Return the outputs of these rows.

        Raises:
            HeadgateError: A member refuses the rows or is away (named), or they cannot be combined.
        """
        return self._combine(self.columns(features, wave), len(next(iter(features.values()), ())))

    def columns(self, features: Columns, wave: Wave = in_turn) -> Columns:
        """Return what there is to combine: the features, and MEMBER.OUTPUT of every member."""
        known = dict(features)
        for names in self._waves:
            answers = wave({name: partial(self._ask, name, known) for name in names})
            for name in names:
                known |= {f"{name}.{output}": values for output, values in answers[name].items()}
        return known

    def _ask(self, name: str, known: Columns) -> dict[str, Array]:
        try:
            inputs = {field: feeding(known) for field, feeding in self._feeding[name].items()}
            return self._members[name].predict(inputs)
        except HeadgateError as error:
            raise of_member(name, error) from error


def _plan(member: Member, asked: Asked, given: Mapping[str, Field]) -> dict[str, Feeding]:
    """Return by input what makes its column; what fits as it is goes as it is."""
    plan: dict[str, Feeding] = {}
    for field in asked.manifest.signature.inputs:
        source = member.inputs[field.name]
        if source in given and as_they_are(given[source], field):
            plan[field.name] = partial(_straight, source)
        else:
            plan[field.name] = partial(feed, field, name=source)
    return plan


def _straight(name: str, columns: Columns) -> Array:
    return columns[name]


def of_member(name: str, error: HeadgateError) -> HeadgateError:
    """Return the error with the member that it concerns."""
    return type(error)(f"member {name}: {error.what}", where=error.where, way_out=error.way_out)
