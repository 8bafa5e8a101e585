"""What an ensemble does with a request, as a value: which member is asked with what, and how answers are combined.

    ensemble.json    this
    members/NAME/    the bundle of each member, whole
    combine.py       where a file of the user's combines the answers

Columns have names: an input or a feature under its own, an output as MEMBER.OUTPUT. Nothing here runs a model.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from headgate.base.digest import Json
from headgate.base.errors import BadInput
from headgate.base.waves import waves
from headgate.registry.cast import NUMPY, cast
from headgate.registry.field import Columns, Field
from headgate.registry.signature import Signature

DAG, MEMBERS, COMBINE = "ensemble.json", "members", "combine.py"
TEXT, TIME, NUMBER = "text", "a time", "a number"
KINDS: Mapping[str, str] = {"string": TEXT, "timestamp": TIME}


@dataclass(frozen=True, slots=True)
class Member:
    """One bundle that an ensemble asks.

    Attributes:
        model: Its model's name.
        version: Its number when it was pinned.
        digest: Its bundle's.
        inputs: Its input -> the column that it gets.
    """

    model: str
    version: str
    digest: str
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Dag:
    """An ensemble.

    Attributes:
        members: By name, in order of name, so that nothing depends on how they were written down.
        weights: Member -> weight of its first output in the mean; empty: combine.py combines.
    """

    members: Mapping[str, Member]
    weights: Mapping[str, float]

    @property
    def waves(self) -> tuple[tuple[str, ...], ...]:
        """The members in waves: those of one wave need nothing of each other."""
        return waves({name: self._reads(member) for name, member in self.members.items()})

    def _reads(self, member: Member) -> tuple[str, ...]:
        return tuple(name for source in member.inputs.values() if (name := source.partition(".")[0]) in self.members)

    def to_json(self) -> Json:
        """Return what ensemble.json holds."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Dag":
        """Read what to_json wrote."""
        members = {name: Member(**body["members"][name]) for name in sorted(body["members"])}
        return cls(members, {name: float(body["weights"][name]) for name in sorted(body["weights"])})


def outputs_by_name(members: Mapping[str, Signature]) -> dict[str, Field]:
    """Return MEMBER.OUTPUT -> field."""
    return {f"{name}.{field.name}": field for name, signature in members.items() for field in signature.outputs}


def misfit(source: Field, target: Field) -> str:
    """Say why a column can never be what an input takes; empty where it can."""
    if _kind(source) != _kind(target):
        return f"it is {_kind(source)}, and {_kind(target)} is expected"
    if source.width != target.width:
        return f"it has {source.width or 1} values a row, and {target.width or 1} are expected"
    if source.missing and not target.missing:
        return "it may be missing, which the member does not allow"
    return ""


def _kind(field: Field) -> str:
    return KINDS.get(field.dtype, NUMBER)


def as_they_are(source: Field, target: Field) -> bool:
    """Say whether values that were cast to the source need no cast to the target."""
    return (source.dtype, source.width) == (target.dtype, target.width) and target.missing >= source.missing


def feed(field: Field, columns: Columns, name: str) -> Any:
    """Return a column as an input takes it: numbers by their value, whole ones where whole ones are asked for.

    Raises:
        BadInput: A value is missing, fractional, or out of range where the input does not allow it.
    """
    values = columns[name]
    wanted = NUMPY[field.dtype]
    if values.dtype.kind in "fiub" and wanted.kind in "fiub" and values.dtype.kind != wanted.kind:
        values = values.astype(wanted) if wanted.kind == "f" else _whole(field, values, name)
    return cast(field, values)


def _whole(field: Field, values: Any, name: str) -> Any:
    with np.errstate(invalid="ignore"):
        made = values.astype(NUMPY[field.dtype])
    wrong = (made != values).reshape(len(values), -1).any(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        raise BadInput(
            f"{field.name} takes {field.dtype}, and {name} is {values[row]!s} in row {row + 1}",
            where=field.name,
            way_out="let features() make whole numbers of it",
        )
    return made
