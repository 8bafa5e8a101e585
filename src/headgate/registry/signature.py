"""What a model takes and gives, and the one way that outside values become columns: a cast by the signature."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from headgate.base.digest import Json
from headgate.registry.cast import cast
from headgate.registry.field import Columns, DType, Field

__all__ = ["Columns", "DType", "Field", "Signature", "breaks", "cast"]


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs (what a caller sends), features (what the graph takes) and outputs (what a caller gets).

    `features` equals `inputs` where the bundle has no features.py.
    """

    inputs: tuple[Field, ...]
    features: tuple[Field, ...]
    outputs: tuple[Field, ...]

    def to_json(self) -> Json:
        """Return the form that is stored in a bundle."""
        return {part: [asdict(field) for field in getattr(self, part)] for part in ("inputs", "features", "outputs")}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Signature":
        """Read what to_json wrote."""
        return cls(*(tuple(Field(**field) for field in body[part]) for part in ("inputs", "features", "outputs")))


def breaks(old: Signature, new: Signature) -> tuple[str, ...]:
    """Say how `new` breaks the callers of `old`: one line per break, none when it does not.

    Callers break when an input is added, changes its type or width, or may no longer be missing, and when an output
    goes away or changes. An input that is no longer read does not break them.
    """
    before = {field.name: field for field in old.inputs}
    why = []
    for field in new.inputs:
        was = before.get(field.name)
        if was is None:
            why.append(f"input {field.name} is new and callers do not send it")
        elif (was.dtype, was.width) != (field.dtype, field.width):
            why.append(f"input {field.name} was {_shape(was)} and is {_shape(field)}")
        elif was.missing and not field.missing:
            why.append(f"input {field.name} could be missing and no longer can")
    after = {field.name: field for field in new.outputs}
    for field in old.outputs:
        now = after.get(field.name)
        if now is None:
            why.append(f"output {field.name} is gone")
        elif (now.dtype, now.width) != (field.dtype, field.width):
            why.append(f"output {field.name} was {_shape(field)} and is {_shape(now)}")
    return tuple(why)


def _shape(field: Field) -> str:
    return field.dtype if field.width is None else f"{field.dtype}[{field.width}]"
